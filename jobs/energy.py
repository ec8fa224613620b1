"""energy -- a system's energy, insolation and module temperature by period, and how much of each period is known.

A reading stands for its interval (see `intervals`), and each energy is counted once (see `channels`). Sums are of
decimals with six digits, which are exact: they give the same bits in whatever order the rows come. All that is asked of
a row is asked within its system and day, so that rows are shuffled once.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs import channels
from jobs.channels import spoken
from jobs.flags import OUT_OF_RANGE, SENTINEL, UNIT_DOUBTFUL
from jobs.intervals import DAY, DAY_S, on_grid

# The quantities that are used: what each is about, and the unit that it is summed in.
TOPICS = {
    "ac_power": ("energy", "W"),
    "ac_energy": ("energy", "Wh"),
    "ac_energy_daily_sum": ("energy", "Wh"),
    "poa_irradiance": ("irradiance", "W/m2"),
    "module_temp": ("temperature", "degC"),
}
# A reading with one of these flags is not used.
UNUSABLE = SENTINEL | OUT_OF_RANGE | UNIT_DOUBTFUL

EXACT = "decimal(18,6)"
WS_PER_WH = 3_600

SENSOR = (*DAY, "topic", "is_counter", "sensor")
CHANNEL = (*SENSOR, "kind", "is_part", "step_s", "is_steady", "intervals")


def by_period(measurements: DataFrame, clock: Column, period_s: int, sensors: DataFrame | None = None) -> DataFrame:
    """Sum a system's readings by period.

    Args:
        measurements: rows of fact_pv_measurement, with ss_id, sensor, units, value, quantity and quality.
        clock: microseconds since 1970-01-01 00:00 of a reading, by wall clock or UTC; null is no reading.
        period_s: length of a period [s]: a day, or what divides it.
        sensors: where there is a dimension of them: ss_id, sensor, source_type, aggregation. Else their names say it.

    Returns:
        One row per system and period with a reading of AC power or energy, plane-of-array irradiance or module
        temperature: ss_id, day, period_start_s [s on the clock]; energy_wh, energy_readings (intervals with a usable
        reading), energy_seen (with any), insolation_wh_m2, poa_readings, module_temp_mean_degc; and of its day as a
        whole energy_intervals and poa_intervals (that a period should have), energy_basis, energy_sensors,
        energy_sensor_count, energy_step_s, is_unsteady, is_meter_left_out, poa_sensor_count, module_temp_sensor_count.
        Null where there is no such channel or no usable reading.
    """
    usable = F.col("quality").bitwiseAND(UNUSABLE) == 0
    is_of = ((F.col("quantity") == name) & (F.col("units") == unit) for name, (_, unit) in TOPICS.items())
    topic = F.coalesce(*(F.when(it_is, topic) for it_is, (topic, _) in zip(is_of, TOPICS.values(), strict=True)))
    readings = measurements.select(
        "ss_id",
        F.date_from_unix_date(F.floor(clock / (DAY_S * 1_000_000)).cast("int")).alias("day"),
        topic.alias("topic"),
        F.col("quantity").startswith("ac_energy").alias("is_counter"),
        "sensor",
        clock.alias("tick"),
        F.when(usable, F.col("value").try_cast(EXACT)).alias("value"),
    ).where(F.col("topic").isNotNull() & F.col("tick").isNotNull() & ~F.col("sensor").rlike("_daily_(max|mean)"))
    intervals = channels.described(on_grid(readings.repartition(*DAY), SENSOR, period_s), sensors)
    series = (
        intervals.select("*", _energy_ws(period_s).alias("energy_ws"))
        .groupBy(*CHANNEL)
        .agg(
            F.count(_of_interval(F.col("value"))).alias("heard"),
            F.collect_list(F.struct("second", "value", "energy_ws")).alias("series"),
        )
    )
    of_day = channels.of_day(period_s)
    judged = channels.judged(series).select("*", *(column.alias(name) for name, column in of_day.items()))
    return _summed(
        judged.select("*", F.explode("series").alias("interval")).select("*", "interval.*"), period_s, of_day
    )


def _summed(intervals: DataFrame, period_s: int, of_day: dict[str, Column]) -> DataFrame:
    """Sum the intervals of what speaks: energy over channels, irradiance and temperature as means of their sensors."""
    at_once = Window.partitionBy(*DAY, "topic", "speaks", "second")
    means = intervals.select(
        "*",
        F.avg(_of_interval(F.col("value"))).over(at_once).alias("mean_of_all"),
        (F.row_number().over(at_once.orderBy("sensor")) == 1).alias("is_first"),
    ).select("*", F.when(F.col("is_first"), F.col("mean_of_all")).alias("mean"))
    # A pyranometer's offset below zero at night counts as nothing.
    received_ws = F.greatest("mean", F.lit(0)) * F.when(F.col("mean").isNotNull(), F.col("step_s"))
    return means.groupBy(*DAY, (F.floor(F.col("second") / period_s) * period_s).alias("period_start_s")).agg(
        (F.sum(spoken("energy", F.col("energy_ws"))).cast("double") / WS_PER_WH).alias("energy_wh"),
        F.count(spoken("energy", _of_interval(F.col("value")))).alias("energy_readings"),
        F.count(spoken("energy", F.col("step_s"))).alias("energy_seen"),
        (F.sum(spoken("irradiance", received_ws)).cast("double") / WS_PER_WH).alias("insolation_wh_m2"),
        F.count(spoken("irradiance", F.col("mean"))).alias("poa_readings"),
        F.avg(spoken("temperature", F.col("mean"))).cast("double").alias("module_temp_mean_degc"),
        *(F.max(name).alias(name) for name in of_day),
    )


def _of_interval(value: Column) -> Column:
    """Leave out what stands for no interval, because its sensor's step is not known."""
    return F.when(F.col("step_s").isNotNull(), value)


def _energy_ws(period_s: int) -> Column:
    """Write the energy of an interval [W s].

    Of power it is the power times the step; power that is drawn counts as nothing. Of a channel of sums it is its
    value, of a counter its rise to the next reading: a counter that falls below half of what it was has started anew
    from zero, and one that falls by less has not moved. A rise counts if it ends in the period that it begins in or,
    but for the end of a day, in the next interval.
    """
    value, second = F.col("value"), F.col("second")
    days = ("ss_id", "day") if period_s == DAY_S else ("ss_id",)
    # Readings that cannot be used are among themselves.
    in_order = Window.partitionBy(*days, "sensor", value.isNull()).orderBy("second")
    later, later_second = F.lead("value").over(in_order), F.lead("second").over(in_order)
    counts = later_second < F.floor(second / period_s) * period_s + period_s
    if period_s < DAY_S:
        counts |= later_second - second < 1.5 * F.col("step_s")
    nothing = F.lit(0).cast(EXACT)
    rise = F.when(later >= value, later - value).when(later < value / 2, later).otherwise(nothing)
    energy_wh = F.when(F.col("is_sum"), _of_interval(value)).when(counts, rise)
    power_ws = F.when(value.isNotNull(), F.greatest(value, nothing)) * F.col("step_s")
    return F.when(F.col("is_counter"), energy_wh * WS_PER_WH).otherwise(power_ws)
