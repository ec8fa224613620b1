"""channels -- which of a system's channels speak for it, so that nothing is counted twice.

What one meter measures the inverters behind it measure too, and PVDAQ's systems have both, or a channel beside the
parts that it is the sum of. The choice is made for each day, by what the channels of that day cover. This is the only
place that makes it.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.intervals import DAY

# What covers less than this share of what another covers does not speak in its place.
COVERS_ENOUGH = 0.9


def described(rows: DataFrame, sensors: DataFrame | None) -> DataFrame:
    """Say of each channel of energy what measures it, and whether it is one part of several, or holds sums.

    The dimension of sensors says it, where there is one. Names say the rest: `ac_meter_1_power_kw`, `ac_power_metered`
    and the like are meters; `inv1_ac_power`, `inv_01_ac_power`, `ac_power_inv_28676` inverters; a number that stands by
    itself, or the letter of a phase, makes a part (`ac_power_2`, `ac_powera`); what ends with `_sum` holds sums.

    Args:
        rows: with ss_id, sensor, topic and is_counter.
        sensors: ss_id, sensor, source_type, aggregation; one row a sensor.

    Returns:
        The rows with kind (`meter`, `inverter`, `plain`; null where it is not about energy), is_part and is_sum.
    """
    name = F.lower(F.regexp_replace("sensor", "__[0-9]+$", ""))
    source_type = aggregation = F.lit(None).cast("string")
    if sensors is not None:
        known = sensors.select("ss_id", "sensor", "source_type", "aggregation")
        rows = rows.join(F.broadcast(known), ["ss_id", "sensor"], "left")
        source_type, aggregation = F.lower("source_type"), F.lower("aggregation")
    kind = (
        F.when(source_type.isin("meter", "inverter"), source_type)
        .when(name.contains("meter"), "meter")
        .when(name.rlike("(^|_)inv(erter)?_?[0-9]"), "inverter")
        .otherwise("plain")
    )
    return rows.select(
        "*",
        F.when(F.col("topic") == "energy", kind).alias("kind"),
        name.rlike("_[0-9]+(_|$)|power_?[abc]$").alias("is_part"),
        (F.col("is_counter") & F.coalesce(aggregation == "sum", name.endswith("_sum"))).alias("is_sum"),
    ).drop("source_type", "aggregation")


def judged(channels: DataFrame) -> DataFrame:
    """Say which channels speak for their system on their day.

    A meter measures what the inverters behind it do, and `ac_power` beside `ac_power_1` and `ac_power_2` is their sum.
    So one set of channels speaks for the energy, in this order: a meter that is no part, the meters that are parts, the
    inverters, a channel that is no part, the channels that are parts; and after those of power those of energy, in the
    same order. It is the first that covers at least nine tenths of what the set covers that covers most.

    Of irradiance and of temperature all sensors speak, but for those of another step than most of them have; of two
    steps that as many have, the shorter counts.

    Args:
        channels: one row per system, day and sensor: what `described` says, step_s, intervals (that a day has), and
            heard, in how many of them there is a usable reading.

    Returns:
        The rows with `speaks`.
    """
    is_energy = F.col("topic") == "energy"
    by_kind = (
        F.when(F.col("kind") == "meter", F.when(F.col("is_part"), 2).otherwise(1))
        .when(F.col("kind") == "inverter", 3)
        .otherwise(F.when(F.col("is_part"), 5).otherwise(4))
    )
    rank = F.when(is_energy, by_kind).otherwise(F.col("step_s"))
    alone = F.when(is_energy & by_kind.isin(1, 4), F.col("sensor")).otherwise("")
    in_topic = Window.partitionBy(*DAY, "topic")
    in_set = Window.partitionBy(*DAY, "topic", "is_counter", "rank", "alone")
    covered = F.coalesce(F.try_divide(F.sum("heard").over(in_set), F.sum("intervals").over(in_set)), F.lit(0.0))
    preference = F.struct(
        F.when(is_energy, F.col("falls_short").cast("long")).otherwise(-F.col("many")).alias("first"),
        "is_counter",
        "rank",
        F.when(is_energy, -F.col("covered")).otherwise(0.0).alias("then"),
        "alone",
    )
    return (
        channels.select("*", rank.alias("rank"), alone.alias("alone"))
        .select("*", covered.alias("covered"), F.count_if(F.col("heard") > 0).over(in_set).alias("many"))
        .select("*", (F.col("covered") < COVERS_ENOUGH * F.max("covered").over(in_topic)).alias("falls_short"))
        .select("*", preference.alias("preference"))
        .select("*", F.col("preference").eqNullSafe(F.min("preference").over(in_topic)).alias("speaks"))
    )


def of_day(period_s: int) -> dict[str, Column]:
    """Write what the channels of a day as a whole say of each of its periods, by name."""
    in_day = Window.partitionBy(*DAY)
    is_meter, expected = F.col("kind") == "meter", F.ceil(period_s / F.col("step_s"))
    heard = F.when(F.col("heard") > 0, F.col("sensor"))
    names = F.sort_array(F.collect_set(spoken("energy", F.col("sensor"))).over(in_day))
    shortest, longest = (of(spoken("energy", F.col("step_s"))).over(in_day) for of in (F.min, F.max))
    return {
        "energy_intervals": F.sum(spoken("energy", expected)).over(in_day),
        "energy_basis": F.max(spoken("energy", F.when(F.col("is_counter"), "counter").otherwise("power"))).over(in_day),
        "energy_sensors": F.nullif(F.array_join(names, ","), F.lit("")),
        "energy_sensor_count": F.size(names),
        "energy_step_s": shortest,
        "is_unsteady": F.bool_or(spoken("energy", ~F.col("is_steady"))).over(in_day) | (shortest < longest),
        "is_meter_left_out": F.bool_or(is_meter).over(in_day) & ~F.bool_or(spoken("energy", is_meter)).over(in_day),
        "poa_intervals": F.max(spoken("irradiance", expected)).over(in_day),
        "poa_sensor_count": F.count(spoken("irradiance", heard)).over(in_day),
        "module_temp_sensor_count": F.count(spoken("temperature", heard)).over(in_day),
    }


def spoken(topic: str, column: Column) -> Column:
    """Take a column of what speaks of a topic, and null of all else."""
    return F.when(F.col("speaks") & (F.col("topic") == topic), column)
