"""intervals -- readings on the regular grid that their logger means.

Loggers jitter by a second, stop, and write beside one another. Each sensor has a step of its own, told for each day by
the readings themselves, and a reading stands for one interval of that step. Nothing is interpolated: an interval
without a usable reading has no value.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

DAY_S = 86_400
DAY = ("ss_id", "day")

# Less apart than this, two readings of a sensor are two loggers that write the same; further apart, there is a gap.
SHORTEST_STEP_S, LONGEST_STEP_S = 5, 3_600
# Where fewer of the distances between a sensor's readings are its step or, for gaps, a multiple, it has more than one.
STEADY = 0.8


def on_grid(readings: DataFrame, sensor: tuple[str, ...], longest_s: int) -> DataFrame:
    """Put readings on the grid of their sensor's step, one an interval: the first that can be used, if any.

    The grid begins where the sensor's day does, so that loggers a second apart meet and jitter moves nothing.

    Args:
        readings: rows of the columns of `sensor`, tick (microseconds since 1970-01-01 00:00 on the clock that `day` is
            of) and value (null where the reading may not be used).
        sensor: the columns that tell a sensor and a day from the others; DAY first, by which the rows are partitioned.
        longest_s: the longest step that is of use [s].

    Returns:
        The columns of `sensor`, step_s, is_steady, intervals (that a day has), second (at which the interval starts, on
        the clock) and value. A sensor whose step cannot be told, or is longer, has one row, and null for them.
    """
    step = F.when(F.col("sensor").rlike("_daily_sum(__[0-9]+)?$"), DAY_S).otherwise(F.col("step_s"))
    second = F.floor(F.col("tick") / 1_000_000)
    phase = F.col("first_s") % DAY_S % F.col("step_s")
    slot = F.floor((second % DAY_S - phase) / F.col("step_s") + 0.5)
    start = F.unix_date("day").cast("long") * DAY_S + F.col("slot") * F.col("step_s")
    return (
        _with_steps(readings, sensor)
        .withColumn("step_s", F.when(step <= longest_s, step))
        .withColumn("intervals", F.ceil(DAY_S / F.col("step_s")))
        .select("*", F.explode("readings").alias("reading"))
        .select("*", "reading.*")
        .withColumn("slot", F.least(slot, F.col("intervals") - 1))
        .groupBy(*sensor, "step_s", "is_steady", "intervals", "slot")
        .agg(
            F.min(F.when(F.col("value").isNotNull(), F.struct("tick", "value"))).alias("usable"),
            F.min(second).alias("first_second"),
        )
        .select(
            *sensor,
            "step_s",
            "is_steady",
            "intervals",
            F.coalesce(start, F.col("first_second")).alias("second"),
            "usable.value",
        )
    )


def _with_steps(readings: DataFrame, sensor: tuple[str, ...]) -> DataFrame:
    """Tell the step of each sensor and day: the distance between readings that most distances are within a second of.

    Of two as frequent that which more distances are exactly, and then the shorter. Gaps do not matter, nor does jitter.

    Returns:
        Rows of `sensor`, step_s, is_steady, first_s (of all its readings) and readings (an array, parted among rows).
    """
    in_order = Window.partitionBy(*sensor).orderBy("tick")
    second = F.floor(F.col("tick") / 1_000_000)
    apart = second - F.lag(second).over(in_order)
    begins = F.col("apart_s").isNull() | (F.col("apart_s") >= SHORTEST_STEP_S)
    earlier = in_order.rowsBetween(Window.unboundedPreceding, -1)
    gap = F.when(begins, second - F.last(F.when(begins, second), ignorenulls=True).over(earlier))
    # From here on a row is all readings that have the same distance from the one before.
    of_gap = (
        readings.withColumn("apart_s", apart)
        .withColumn("gap_s", gap)
        .groupBy(*sensor, "gap_s")
        .agg(
            F.collect_list(F.struct("tick", "value")).alias("readings"),
            F.count("gap_s").alias("times"),
            F.min(second).alias("first_s"),
        )
    )
    of_sensor = Window.partitionBy(*sensor)
    by_gap = of_sensor.orderBy("gap_s")

    def candidate(off_s: int):
        step_s = F.col("gap_s") + off_s
        near = F.sum("times").over(by_gap.rangeBetween(off_s - 1, off_s + 1))
        exactly = F.coalesce(F.sum("times").over(by_gap.rangeBetween(off_s, off_s)), F.lit(0))
        told = F.struct(near.alias("near"), exactly.alias("exactly"), (-step_s).alias("shorter"))
        return F.when(step_s.between(SHORTEST_STEP_S, LONGEST_STEP_S), told)

    step_s = -F.col("usual.shorter")
    beyond = F.col("gap_s") % step_s
    fitting = F.when(F.least(beyond, step_s - beyond) <= 1, F.col("times"))
    return (
        of_gap.withColumn("candidate", F.greatest(*(candidate(off_s) for off_s in (-1, 0, 1))))
        .withColumn("usual", F.max("candidate").over(of_sensor))
        .select(
            *sensor,
            step_s.alias("step_s"),
            (F.sum(fitting).over(of_sensor) >= STEADY * F.sum("times").over(of_sensor)).alias("is_steady"),
            F.min("first_s").over(of_sensor).alias("first_s"),
            "readings",
        )
    )
