"""readings -- rows of fact_pv_measurement made by hand, for the tables that are derived from it."""

from datetime import UTC, datetime, timedelta

MEASUREMENTS = (
    "ss_id long, timestamp timestamp_ntz, sensor string, units string, value double, quantity string, "
    "timestamp_utc timestamp, quality long"
)
UNITS = {
    "ac_power": "W",
    "ac_energy": "Wh",
    "ac_energy_daily_sum": "Wh",
    "ac_power_daily_max": "W",
    "poa_irradiance": "W/m2",
    "module_temp": "degC",
    "wind_speed": "m/s",
    "wind_direction": "deg",
    "status_code": "code",
}


def series(sensor, quantity, values, step_s=900, at="2019-01-05T00:00:00", quality=0, utc_offset_h=None, **more):
    """Readings of a sensor, a step apart; none where the value is none. The system is filled in later."""
    start = datetime.fromisoformat(at)
    rows = []
    for number, value in enumerate(values):
        if value is None:
            continue
        time = start + timedelta(seconds=step_s * number)
        utc = None if utc_offset_h is None else time.replace(tzinfo=UTC) - timedelta(hours=utc_offset_h)
        rows.append(
            {
                "timestamp": time,
                "sensor": sensor,
                "units": UNITS[quantity],
                "value": float(value),
                "quantity": quantity,
                "timestamp_utc": utc,
                "quality": quality,
                **more,
            }
        )
    return rows


def measurements(spark, by_system):
    """A DataFrame of the readings of systems, numbered from 1."""
    names = [column.split()[0] for column in MEASUREMENTS.split(", ")]
    rows = [
        tuple({"ss_id": ss_id, **row}[name] for name in names)
        for ss_id, readings in enumerate(by_system, start=1)
        for row in readings
    ]
    return spark.createDataFrame(rows, MEASUREMENTS)
