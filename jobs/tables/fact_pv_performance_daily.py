"""fact_pv_performance_daily -- what each system yielded on each day, in the terms of IEC 61724-1.

What surprises in this data: a meter and the inverters behind it measure the same energy (see `energy`), and a channel
without a value all day is not there at all, so that a missing inverter shows in no coverage, only in
`energy_sensor_count`.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs import energy
from jobs.intervals import DAY_S

VERSION = 1

PERFORMANCE_RATIO_IMPLAUSIBLE = 1
CAPACITY_FACTOR_IMPLAUSIBLE = 2
LOW_COVERAGE = 4
LOW_IRRADIANCE_COVERAGE = 8
UNSTEADY_STEP = 16
ENERGY_UNKNOWN = 32
METER_LEFT_OUT = 64

# The highest performance ratio [1] and the lowest coverage [1] that need no second look.
HIGHEST_RATIO, LOWEST_COVERAGE = 1.2, 0.9
STC_KW_M2 = 1.0


def transform(measurements: DataFrame, systems: DataFrame, sensors: DataFrame | None = None) -> DataFrame:
    """Sum each day of each system, and hold it against what the system is built for.

    Final yield Y_f = E / P_0 [h], reference yield Y_r = H / (1 kW/m2) [h], performance ratio Y_f / Y_r, capacity factor
    E / (P_0 * 24 h), with the AC energy E [kWh], the plane-of-array insolation H [kWh/m2] and the nameplate P_0 [kW].

    Args:
        measurements: rows of fact_pv_measurement, whole days [wall clock] of a system.
        systems: ss_id and dc_capacity_kw of dim_system; one row a system.
        sensors: see `energy.by_period`.

    Returns:
        One row per system and day with a channel that `energy.by_period` uses, as the contract describes it.
    """
    time = F.col("timestamp")
    minute = F.unix_date(F.to_date(time)).cast("long") * 1440 + F.hour(time) * 60 + F.minute(time)
    days = energy.by_period(
        measurements.select("ss_id", "timestamp", "sensor", "units", "value", "quantity", "quality"),
        ((minute * 60 + F.extract(F.lit("SECOND"), time)) * 1_000_000).cast("long"),
        DAY_S,
        sensors,
    )
    capacity = systems.select("ss_id", F.when(F.col("dc_capacity_kw") > 0, F.col("dc_capacity_kw")).alias("p0_kw"))
    energy_kwh = F.col("energy_wh") / 1000
    yielded = days.join(capacity, ["ss_id"], "left").select(
        "*",
        energy_kwh.alias("energy_ac_kwh"),
        (F.col("insolation_wh_m2") / 1000).alias("insolation_poa_kwh_m2"),
        (energy_kwh / F.col("p0_kw")).alias("specific_yield_h"),
        (F.col("insolation_wh_m2") / 1000 / STC_KW_M2).alias("reference_yield_h"),
        (energy_kwh / (F.col("p0_kw") * 24)).alias("capacity_factor"),
        _share("energy_readings", "energy_intervals").alias("coverage"),
        _share("energy_seen", "energy_intervals").alias("completeness"),
        _share("poa_readings", "poa_intervals").alias("irradiance_coverage"),
    )
    judged = yielded.withColumn("performance_ratio", F.try_divide("specific_yield_h", "reference_yield_h"))
    return judged.select(
        "ss_id",
        "day",
        "energy_ac_kwh",
        "insolation_poa_kwh_m2",
        "specific_yield_h",
        "reference_yield_h",
        "performance_ratio",
        "capacity_factor",
        "module_temp_mean_degc",
        "coverage",
        "completeness",
        "irradiance_coverage",
        F.col("energy_step_s").cast("long").alias("step_seconds"),
        "energy_basis",
        "energy_sensors",
        *(
            F.coalesce(name, F.lit(0)).cast("long").alias(name)
            for name in ("energy_sensor_count", "poa_sensor_count", "module_temp_sensor_count")
        ),
        _flags().cast("long").alias("quality"),
    )


def _share(part: str, whole: str) -> Column:
    return F.coalesce(F.try_divide(F.col(part), F.col(whole)), F.lit(0.0))


def _flags() -> Column:
    has_energy_channel = F.col("energy_sensor_count") > 0
    flags = {
        PERFORMANCE_RATIO_IMPLAUSIBLE: F.col("performance_ratio") > HIGHEST_RATIO,
        CAPACITY_FACTOR_IMPLAUSIBLE: F.col("capacity_factor") > 1,
        LOW_COVERAGE: F.col("coverage") < LOWEST_COVERAGE,
        LOW_IRRADIANCE_COVERAGE: (F.col("poa_sensor_count") > 0) & (F.col("irradiance_coverage") < LOWEST_COVERAGE),
        UNSTEADY_STEP: F.col("is_unsteady"),
        ENERGY_UNKNOWN: has_energy_channel & F.col("energy_ac_kwh").isNull(),
        METER_LEFT_OUT: F.col("is_meter_left_out"),
    }
    return sum((F.when(holds, bit).otherwise(0) for bit, holds in flags.items()), F.lit(0))
