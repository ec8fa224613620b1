"""fact_avoided_emissions_hourly -- what the grid did not emit for what each system produced in each hour of UTC.

Nobody has measured it: each method has another answer, and all are rows. What has no factor is a row too, with its
reason, for a zero would say that the sun avoids nothing there.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import gwp

VERSION = 1

# Of each method by the hour: source and basis of fact_grid_intensity_hourly.
BY_HOUR = {"oge_consumed_hourly": ("oge", "consumed"), "cems_fossil_hourly": ("campd", "fossil")}
METHODS = ("avert_annual_dpv", "egrid_nonbaseload", "egrid_total_output", *BY_HOUR)
GASES = {"co2": "CO2", "ch4": "CH4", "n2o": "N2O", "nox": "NOx", "so2": "SO2"}

UNCATALOGUED = "the system is in no catalogue"
NO_DAY = "the region has no factor on the day"
NO_HOUR = "the hour has no factor"
NO_ENERGY = "the energy of the hour is not known"
WARMING = ("CO2", "CH4", "N2O")
KWH_PER_MWH = 1000
RATES = [f"{gas}_kg_per_mwh" for gas in GASES]
FACTOR = ("factor_id", "edition", "data_year", *RATES)


def transform(hours: DataFrame, factors: DataFrame, intensities: DataFrame) -> DataFrame:
    """Multiply each hour's energy by the rates that hold, by each method.

    Mass of a gas [kg] = energy [kWh] / 1000 * rate [kg/MWh]; CO2e = CO2 + CH4 * GWP + N2O * GWP of one set (`gwp`).

    Args:
        hours: rows of fact_pv_energy_hourly.
        factors: rows of view_system_factor; of a system, method and day one at most holds. For methods by the hour they
            name the region.
        intensities: rows of fact_grid_intensity_hourly.

    Returns:
        One row per system, hour and method, as the contract describes it.
    """
    by_method = hours.select(
        "ss_id",
        "hour_start_utc",
        F.col("energy_ac_kwh").alias("energy_kwh"),
        F.explode(F.array(*map(F.lit, METHODS))).alias("method"),
        F.to_date("hour_start_utc").alias("day"),
    )
    hour, factor = (
        by_method.alias("hour"),
        F.broadcast(factors.withColumn("is_catalogued", F.lit(True))).alias("factor"),
    )
    holds = (
        (F.col("hour.ss_id") == F.col("factor.ss_id"))
        & (F.col("hour.method") == F.col("factor.method"))
        & (F.col("day") >= F.coalesce("holds_from", "day"))
        & (F.col("day") <= F.coalesce("holds_to", "day"))
    )
    placed = hour.join(factor, holds, "left").drop(F.col("factor.ss_id"), F.col("factor.method"))
    of_hours = _by_hour(intensities)
    rated = placed.join(of_hours, ["method", "region_scheme", "region", "hour_start_utc"], "left").join(
        _days(of_hours), ["method", "region_scheme", "region", "day"], "left"
    )
    rated = rated.withColumns({name: F.coalesce(name, f"hourly_{name}") for name in FACTOR})
    # An hour's own rate is of that very hour, though its year by the local clock may be another one's than by UTC.
    lag_years = F.when(F.col("hourly_factor_id").isNotNull(), 0).otherwise(F.year("day") - F.col("data_year"))
    masses = rated.withColumns(
        {f"{gas}_kg": F.col("energy_kwh") / KWH_PER_MWH * F.col(f"{gas}_kg_per_mwh") for gas in GASES}
    )
    warming = {
        f"co2e_{name.lower()}_kg": gwp.co2e({gas: F.col(f"{gas.lower()}_kg") for gas in WARMING}, name)
        for name in gwp.SETS
    }
    missing = F.concat_ws(", ", *(F.when(F.col(f"{gas}_kg_per_mwh").isNull(), name) for gas, name in GASES.items()))
    return masses.withColumns(warming).select(
        "ss_id",
        "hour_start_utc",
        "method",
        "energy_kwh",
        "region_scheme",
        "region",
        "factor_id",
        F.col("edition").alias("factor_edition"),
        F.col("data_year").alias("factor_data_year"),
        lag_years.cast("long").alias("factor_lag_years"),
        "co2_kg",
        "ch4_kg",
        "n2o_kg",
        *warming,
        "nox_kg",
        "so2_kg",
        F.coalesce(
            F.when(F.col("is_catalogued").isNull(), UNCATALOGUED),
            F.col("reason"),
            F.when(F.col("factor_id").isNull() & F.col("has_hours").isNull(), NO_DAY),
            F.when(F.col("factor_id").isNull(), NO_HOUR),
            F.when(F.col("energy_kwh").isNull(), NO_ENERGY),
            F.when(missing != "", F.concat(F.lit("the source has no "), missing)),
        ).alias("reason"),
    )


def _by_hour(intensities: DataFrame) -> DataFrame:
    """Give the factors of the methods by the hour, under names of their own."""
    is_of = [
        F.when((F.col("source") == source) & (F.col("basis") == basis), method)
        for method, (source, basis) in BY_HOUR.items()
    ]
    named = intensities.withColumn("factor_id", F.concat_ws("/", "source", "edition", "data_year", "basis", "region"))
    return named.select(
        F.coalesce(*is_of).alias("method"),
        "region_scheme",
        "region",
        "hour_start_utc",
        *(F.col(name).alias(f"hourly_{name}") for name in FACTOR),
    )


def _days(of_hours: DataFrame) -> DataFrame:
    """Tell on which days [UTC] a region has an hour at all.

    An hour that lacks on such a day is a gap of the source; without any the source does not have the region, or that
    year of it. A unit is built from its own day, and so it knows no more.
    """
    days = of_hours.select("method", "region_scheme", "region", F.to_date("hour_start_utc").alias("day"))
    return days.distinct().withColumn("has_hours", F.lit(True))
