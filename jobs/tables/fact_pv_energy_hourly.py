"""fact_pv_energy_hourly -- what each system produced in each hour of UTC, where its readings have instants."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import energy

VERSION = 1

HOUR_S = 3600


def transform(measurements: DataFrame, sensors: DataFrame | None = None) -> DataFrame:
    """Sum each hour of each system.

    Args:
        measurements: rows of fact_pv_measurement, whole days [UTC] of a system and, for the last hour of a counter, the
            first reading after them. Readings without an instant give no hour.
        sensors: see `energy.by_period`.

    Returns:
        One row per system and UTC hour with a channel that `energy.by_period` uses. The channels are chosen, and their
        steps told, for each UTC day as a whole.
    """
    hours = energy.by_period(
        measurements.select("ss_id", "timestamp_utc", "sensor", "units", "value", "quantity", "quality"),
        F.unix_micros("timestamp_utc"),
        HOUR_S,
        sensors,
    )
    covered = F.coalesce(F.try_divide(F.col("energy_readings"), F.col("energy_intervals")), F.lit(0.0))
    return hours.select(
        "ss_id",
        F.timestamp_seconds("period_start_s").alias("hour_start_utc"),
        (F.col("energy_wh") / 1000).alias("energy_ac_kwh"),
        (F.col("insolation_wh_m2") / 1000).alias("insolation_poa_kwh_m2"),
        "module_temp_mean_degc",
        # A step that does not divide the hour has an interval more in some hours.
        F.least(covered, F.lit(1.0)).alias("coverage"),
    )
