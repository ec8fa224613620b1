"""time_grid -- readings on one regular grid of wall-clock time, for whoever learns from them.

The grid begins at midnight and its step divides the day. A time on it stands for the interval that begins there: its
own start belongs to it, the next one's does not (label left, closed left). Every channel has every time of the window;
nothing is interpolated, and a time without a value is a row that says so.
"""

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs import channels
from jobs.energy import TOPICS
from jobs.flags import FLAGS, NOT_MEASURED, SENTINEL
from jobs.intervals import DAY_S

VERSION = 2

# The bit of `mask` beside those of `quality`.
NO_VALUE = 2 * max(FLAGS)

# A reading that comes at most a second before a time of the grid is meant for it, for loggers jitter by as much; but
# only if that is less than this share of the step and of the channel's own, for else it is one of the interval's many.
EARLY_S = 1
JITTER = 0.1
# Of an interval that less is known of than this share, the value is not valid.
KNOWN_ENOUGH = 0.5
# Two winds that nearly cancel out have no direction.
CALM = 1e-6

CHANNEL = ("ss_id", "sensor", "quantity", "units")
DAY = timedelta(days=1)

# What makes a value of an interval's readings, and what else is so made.
METHODS = {
    "mean": "the mean of the readings",
    "vector_mean": "the direction of the mean vector",
    "last": "the last standing of a counter; its rise is the difference to the next",
    "sum": "the sum of what each reading sums up",
    "max": "the greatest of the readings",
    "first": "the first code; a mean of codes is none",
}


def transform(measurements: DataFrame, sensors: DataFrame, first_day: date, last_day: date, step_s: int) -> DataFrame:
    """Put each channel's readings on the grid.

    A value is made of the readings that were measured (none of the flags in NOT_MEASURED); where an interval has none
    of them, of those that there are, but for a logger's code for no reading; and then it is not valid.

    Args:
        measurements: rows of fact_pv_measurement from the day before the first one on, with ss_id, timestamp, sensor,
            units, value, quantity, timestamp_utc and quality.
        sensors: ss_id, sensor, source_type, aggregation of dim_sensor; one row a sensor.
        first_day: first day of the grid [wall clock].
        last_day: its last, itself included.
        step_s: its step [s], which divides the day.

    Returns:
        One row per channel that has a reading in the window and time of the grid: ss_id, sensor, quantity, units, kind
        (`meter`, `inverter`, `plain`; null where it is not about energy), method (a key of METHODS), timestamp [wall
        clock, start of the interval], timestamp_utc (null where no reading tells it), value [units] (null where there
        is none), mask (the flags of all readings of the interval, and NO_VALUE), is_valid, reading_count, coverage
        (share of the interval that measured readings stand for, by the sensor's median step of the day [1]).
    """
    # Of the day before the window's first one reading may be meant for its midnight; what is meant for the midnight
    # after its last one is of no interval.
    reached = measurements.where(F.to_date("timestamp").between(F.lit(first_day - DAY), F.lit(last_day)))
    start_s, end_s = _epoch_s(first_day), _epoch_s(last_day) + DAY_S - step_s
    intervals = _intervals(reached, step_s).where(F.col("at_s").between(start_s, end_s))
    return _rows(_described(_with_gaps(intervals, start_s, end_s, step_s), sensors))


def _epoch_s(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_S


def _intervals(measurements: DataFrame, step_s: int) -> DataFrame:
    """Gather the readings of each interval, in their order: those measured apart from the doubtful ones."""
    time, day = F.col("timestamp"), F.to_date("timestamp")
    clock_s = F.hour(time) * 3600 + F.minute(time) * 60 + F.extract(F.lit("SECOND"), time)
    day_s = F.unix_date(day).cast("long") * DAY_S
    readings = measurements.repartition("ss_id", "sensor").select(
        *CHANNEL,
        "timestamp",
        "value",
        "quality",
        clock_s.alias("clock_s"),
        day.alias("day"),
        day_s.alias("day_s"),
        # Both clocks to the second, in which they go alike.
        (day_s + F.floor(clock_s) - F.unix_seconds("timestamp_utc")).alias("ahead_s"),
    )
    of_day = Window.partitionBy(*CHANNEL, "day")
    apart_s = F.col("clock_s") - F.lag("clock_s").over(of_day.orderBy("clock_s"))
    own_step_s = F.median("apart_s").over(of_day)
    # Null of a day's only reading: it stays where it is, and promises no others.
    slot, early_s = F.floor(F.col("clock_s") / step_s), step_s - F.pmod("clock_s", F.lit(step_s))
    is_early = (early_s <= EARLY_S) & (early_s < JITTER * step_s) & (early_s < JITTER * F.col("own_step_s"))
    # The last of a day may be meant for the next one's midnight.
    meant_s = F.col("day_s") + (slot + F.coalesce(is_early, F.lit(False)).cast("long")) * step_s
    stands_for_s = F.coalesce(F.least("own_step_s", F.lit(step_s)), F.lit(step_s))
    is_measured = F.col("quality").bitwiseAND(NOT_MEASURED) == 0
    is_doubtful = ~is_measured & (F.col("quality").bitwiseAND(SENTINEL) == 0)
    reading = F.struct("timestamp", "value")
    stepped = readings.withColumn("apart_s", apart_s.cast("double")).withColumn("own_step_s", own_step_s)
    return stepped.groupBy(*CHANNEL, meant_s.cast("long").alias("at_s")).agg(
        _in_order(F.when(is_measured, reading)).alias("measured"),
        _in_order(F.when(is_doubtful, reading)).alias("doubtful"),
        F.bit_or("quality").alias("quality"),
        F.count("value").alias("reading_count"),
        F.least(F.count_if(is_measured) * F.max(stands_for_s) / step_s, F.lit(1.0)).alias("coverage"),
        F.min_by("ahead_s", F.when(F.col("ahead_s").isNotNull(), F.col("timestamp"))).alias("ahead_s"),
    )


def _with_gaps(intervals: DataFrame, start_s: int, end_s: int, step_s: int) -> DataFrame:
    """Put a row without a reading for each time of the grid that a channel has none of; a row's day is `day`.

    Days come first, and the times of each apart from those of all others, so that no gap is ever in memory as a whole.
    """
    in_order = Window.partitionBy(*CHANNEL).orderBy("at_s")
    begins = F.when(F.lag("at_s").over(in_order).isNull(), start_s).otherwise(F.col("at_s"))
    ends = F.coalesce(F.lead("at_s").over(in_order) - step_s, F.lit(end_s))
    told = [name for name in intervals.columns if name not in (*CHANNEL, "at_s")]
    is_own = F.col("time_s") == F.col("at_s")
    midnight_s = F.col("day") * DAY_S
    times = F.sequence(
        F.greatest("begins_s", midnight_s),
        F.least("ends_s", midnight_s + (DAY_S - step_s)),
        F.lit(step_s).cast("long"),
    )
    return (
        intervals.select("*", begins.cast("long").alias("begins_s"), ends.cast("long").alias("ends_s"))
        .select("*", F.explode(F.sequence(F.floor(F.col("begins_s") / DAY_S), F.floor(F.col("ends_s") / DAY_S))))
        .withColumnRenamed("col", "day")
        # As _rows looks at them, by system and day; and what is made of one row between two exchanges is held at once.
        .repartition("ss_id", "day")
        .select("*", F.explode(times).alias("time_s"))
        .select(
            *CHANNEL, "day", F.col("time_s").alias("at_s"), *(F.when(is_own, F.col(name)).alias(name) for name in told)
        )
    )


def _in_order(readings: Column) -> Column:
    """Collect the values of readings in the order of time, so that sums have the same bits however rows come."""
    return F.transform(F.array_sort(F.collect_list(readings)), lambda reading: reading["value"])


def _described(intervals: DataFrame, sensors: DataFrame) -> DataFrame:
    """Say of each channel what measures it, and how its readings become one."""
    quantity = F.coalesce("quantity", F.lit(""))
    topics = F.create_map(*(F.lit(word) for name, (topic, _) in TOPICS.items() for word in (name, topic)))
    told = intervals.select("*", topics[quantity].alias("topic"), quantity.rlike("_energy(_|$)").alias("is_counter"))
    method = (
        F.when(quantity.endswith("_daily_mean"), "mean")
        .when(quantity.endswith("_daily_max"), "max")
        .when(F.col("is_sum"), "sum")
        .when(F.col("is_counter"), "last")
        .when(F.col("units") == "deg", "vector_mean")
        .when(F.col("units") == "code", "first")
        .otherwise("mean")
    )
    return channels.described(told, sensors).withColumn("method", method)


def _sum(values: Column) -> Column:
    return F.aggregate(values, F.lit(0.0), lambda so_far, value: so_far + value)


def _value(readings: Column) -> Column:
    """Make one value of an interval's readings; null of none."""
    method, count = F.col("method"), F.size(readings)
    total = _sum(readings)
    east, north = (_sum(F.transform(F.transform(readings, F.radians), of)) for of in (F.sin, F.cos))
    # Rounded, for the last bits of a sine differ by machine.
    bearing = F.pmod(F.round(F.degrees(F.atan2(east, north)), 6), F.lit(360.0))
    return (
        F.when(count == 0, F.lit(None))
        # What is one reading keeps its very bits.
        .when((count == 1) | (method == "first"), F.get(readings, F.lit(0)))
        .when(method == "mean", total / count)
        .when(method == "sum", total)
        .when(method == "last", F.get(readings, count - 1))
        .when(method == "max", F.array_max(readings))
        .when((method == "vector_mean") & (F.hypot(east, north) > CALM * count), bearing)
    )


def _rows(intervals: DataFrame) -> DataFrame:
    """Make each interval's value, and what there is to say of it."""
    # Where a system's clocks stood alike all day, that is known of its gaps too.
    of_day = Window.partitionBy("ss_id", "day")
    least, most = F.min("ahead_s").over(of_day), F.max("ahead_s").over(of_day)
    # What was measured may make no value, as winds that cancel out; doubtful readings beside it make none either.
    is_known = F.size("measured") > 0
    valued = intervals.select(
        "*",
        F.when(is_known, _value(F.col("measured"))).otherwise(_value(F.col("doubtful"))).alias("value"),
        F.coalesce("ahead_s", F.when(least == most, least)).alias("clock_ahead_s"),
        F.coalesce("coverage", F.lit(0.0)).alias("known"),
    )
    no_value = F.when(F.col("value").isNull(), NO_VALUE).otherwise(0)
    return valued.select(
        *CHANNEL,
        "kind",
        "method",
        (F.lit("1970-01-01").cast("timestamp_ntz") + F.make_dt_interval(secs=F.col("at_s"))).alias("timestamp"),
        F.timestamp_seconds(F.col("at_s") - F.col("clock_ahead_s")).alias("timestamp_utc"),
        "value",
        F.coalesce("quality", F.lit(0)).bitwiseOR(no_value).cast("long").alias("mask"),
        (F.col("value").isNotNull() & (F.col("known") >= KNOWN_ENOUGH)).alias("is_valid"),
        F.coalesce("reading_count", F.lit(0)).cast("long").alias("reading_count"),
        F.col("known").alias("coverage"),
    )
