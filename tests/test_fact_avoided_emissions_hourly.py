"""What the sun avoided: which factor holds where and when, the arithmetic, and what a new edition restates."""

import json
import re
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta, timezone
from unittest.mock import Mock

import pyarrow as pa
import pytest
from both import same_on_both
from conftest import FIXTURES, READINGS, day_file, day_key
from googlesql import DATASET
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs import contract, derived, register, restatement
from jobs.cli import trace_command, verify_command
from jobs.listing import Window
from jobs.plan import Comparison
from jobs.tables import fact_avoided_emissions_hourly as avoided_table
from jobs.trace import trace
from jobs.warehouse import sql

TABLE, HOURS = "fact_avoided_emissions_hourly", "fact_grid_intensity_hourly"
WAREHOUSES = ("duckdb", "bigquery")
# The double of the service costs seconds a test.
pytestmark = pytest.mark.exhaustive_on("bigquery")
AVERT, NONBASELOAD, TOTAL = "avert_annual_dpv", "egrid_nonbaseload", "egrid_total_output"
CONSUMED, FOSSIL = "oge_consumed_hourly", "cems_fossil_hourly"
UNKNOWN = "the region of the system is not known"


def factor(source, edition, data_year, region, value, gas="CO2", published_on=date(2024, 5, 10), **more):
    """A row of dim_emission_factor; of the table that one of the methods takes its factors from."""
    basis, scheme, variant = {
        "avert": ("marginal", "avert_region", "Distributed PV"),
        "ef_hub": ("nonbaseload", "egrid_subregion", None),
        "egrid": ("total_output", "egrid_subregion", None),
    }[source]
    named = {"source": source, "edition": edition, "data_year": data_year, "region": region, "gas": gas, "basis": basis}
    return {
        "factor_id": f"{source}/{edition}/{data_year}/{basis}/{region}/{gas}",
        "published_on": published_on,
        "activity": "electricity",
        "region_scheme": scheme,
        "variant": variant,
        "unit": "kg/MWh",
        "value": value,
        **named,
        **more,
    }


def system(ss_id, subregion=None, avert=None, state=None):
    return {"ss_id": ss_id, "egrid_subregion": subregion, "avert_region": avert, "us_state": state}


def held(systems, factors):
    """What view_system_factor answers, on both engines."""
    asked = contract.load("view_system_factor").view_query(DATASET)
    rows = same_on_both(asked, {"dim_system_region": systems, "dim_emission_factor": factors})
    return sorted(rows, key=lambda row: (row["ss_id"], row["method"], row["data_year"] or 0))


def spans(systems, factors, method):
    return [
        (row["edition"], row["data_year"], row["co2_kg_per_mwh"], row["holds_from"], row["holds_to"])
        for row in held(systems, factors)
        if row["method"] == method
    ]


def test_an_hour_takes_the_factor_of_its_own_year_or_else_of_the_nearest_and_of_two_the_earlier():
    factors = [factor("avert", "2024", year, "California", float(year)) for year in (2017, 2019, 2020, 2023)]

    assert spans([system(1, avert="California")], factors, AVERT) == [
        ("2024", 2017, 2017.0, None, date(2018, 12, 31)),
        ("2024", 2019, 2019.0, date(2019, 1, 1), date(2019, 12, 31)),
        ("2024", 2020, 2020.0, date(2020, 1, 1), date(2021, 12, 31)),
        ("2024", 2023, 2023.0, date(2022, 1, 1), None),
    ]


def test_the_newest_edition_counts_and_what_it_repeats_stays_the_older_ones():
    second = date(2025, 6, 18)
    factors = [
        factor("egrid", "r1", 2023, "CAMX", 200.0),
        factor("egrid", "r1", 2023, "NEWE", 240.0),
        factor("egrid", "r1", 2023, "NEWE", 0.2, "NOx"),
        factor("egrid", "r1", 2023, "PRMS", 700.0),
        factor("egrid", "r2", 2023, "CAMX", 190.0, published_on=second),
        factor("egrid", "r2", 2023, "NEWE", 240.0, published_on=second),
        factor("egrid", "r2", 2023, "NEWE", 0.2, "NOx", published_on=second),
        factor("egrid", "r2", 2023, "AZNM", 350.0, published_on=second),
    ]
    systems = [system(1, "CAMX"), system(2, "NEWE"), system(3, "PRMS"), system(4, "AZNM")]

    found = {row["region"]: row for row in held(systems, factors) if row["method"] == TOTAL}

    assert {region: (row["edition"], row["co2_kg_per_mwh"], row["reason"]) for region, row in found.items()} == {
        "CAMX": ("r2", 190.0, None),
        "NEWE": ("r1", 240.0, None),
        "PRMS": (None, None, "the region has no factor"),
        "AZNM": ("r2", 350.0, None),
    }
    assert (found["NEWE"]["factor_id"], found["NEWE"]["nox_kg_per_mwh"]) == ("egrid/r1/2023/total_output/NEWE/CO2", 0.2)


def test_one_gas_that_a_newer_edition_changes_makes_the_factor_that_editions():
    factors = [
        factor("ef_hub", edition, 2022, "CAMX", value, gas, published_on=day)
        for edition, day, n2o in (("2024", date(2024, 6, 5), 0.003), ("2025", date(2025, 1, 15), 0.002))
        for gas, value in (("CO2", 478.5), ("N2O", n2o))
    ]

    (row,) = [row for row in held([system(1, "CAMX")], factors) if row["method"] == NONBASELOAD]

    assert (row["edition"], row["co2_kg_per_mwh"], row["n2o_kg_per_mwh"], row["so2_kg_per_mwh"]) == (
        "2025",
        478.5,
        0.002,
        None,
    )


def test_other_bases_resources_and_regions_of_the_same_name_are_no_factor_of_a_method():
    factors = [
        factor("avert", "2024", 2023, "CAMX", 1.0),
        factor("avert", "2024", 2023, "California", 2.0, variant="Onshore Wind"),
        factor("ef_hub", "2024", 2022, "CAMX", 3.0, basis="total_output"),
        factor("egrid", "2023r2", 2023, "CAMX", 4.0, "CO2e", gwp_set="AR5"),
    ]

    rows = held([system(1, "CAMX", "California", "CA"), system(2)], factors)

    assert [(row["ss_id"], row["method"], row["region"], row["factor_id"], row["reason"]) for row in rows] == [
        (1, AVERT, "California", None, "the region has no factor"),
        (1, FOSSIL, "CA", None, None),
        (1, NONBASELOAD, "CAMX", None, "the region has no factor"),
        (1, TOTAL, "CAMX", None, "the region has no factor"),
        (1, CONSUMED, None, None, UNKNOWN),
        *((2, method, None, None, UNKNOWN) for method in (AVERT, FOSSIL, NONBASELOAD, TOTAL, CONSUMED)),
    ]


def test_a_balancing_authority_is_told_by_its_area_or_where_a_subregion_is_one_and_guessed_nowhere():
    subregions = ("CAMX", "ERCT", "NEWE", "NYCW", "NYLI", "NYUP")

    systems = [system(number, subregion) for number, subregion in enumerate(subregions)]
    systems.append(system(9, "NEWE") | {"balancing_authority": "NBSO"})
    rows = held(systems, [factor("egrid", "2022", 2022, "CAMX", 225.6)])

    told = [(row["region"], row["reason"]) for row in rows if row["method"] == CONSUMED]
    assert told == [(None, UNKNOWN), ("ERCO", None), ("ISNE", None), *[("NYIS", None)] * 3, ("NBSO", None)]


def test_a_subregion_stands_for_an_authority_only_while_no_polygons_have_landed_and_a_column_says_so():
    landed = {"control_area_edition": "2022", "balancing_authority_method": "unmapped"}
    systems = [
        system(1, "ERCT") | {"balancing_authority_method": "unmapped"},
        system(2, "ERCT") | landed | {"balancing_authority_reason": "the place is in the areas of ERCO, SWPP"},
        system(3, "ERCT") | landed | {"balancing_authority": "ERCO", "balancing_authority_method": "polygon"},
        system(4, "ERCT", state="TX") | {"egrid_method": "nearest", "us_state_method": "state"},
    ]

    rows = held(systems, [factor("egrid", "2022", 2022, "CAMX", 225.6)])

    told = [(row["region"], row["region_basis"], row["reason"]) for row in rows if row["method"] == CONSUMED]
    assert told == [
        ("ERCO", "subregion", None),
        (None, "unmapped", UNKNOWN),
        ("ERCO", "polygon", None),
        ("ERCO", "subregion", None),
    ]
    assert {row["method"]: row["region_basis"] for row in rows if row["ss_id"] == 4} == {
        AVERT: "",
        NONBASELOAD: "nearest",
        TOTAL: "nearest",
        CONSUMED: "subregion",
        FOSSIL: "state",
    }


def avoided(hour, method, energy_kwh, co2_kg, ss_id=34):
    start = datetime(2019, 1, 31, hour, tzinfo=UTC)
    return {"ss_id": ss_id, "hour_start_utc": start, "method": method, "energy_kwh": energy_kwh, "co2_kg": co2_kg}


def months(*rows):
    asked = contract.load("view_avoided_emissions_monthly").view_query(DATASET)
    return same_on_both(asked, {TABLE: rows})


def test_a_month_is_told_by_the_default_method_between_all_methods_but_context_and_between_those_of_displacement():
    (month,) = months(
        *(avoided(hour, AVERT, 10.0, 5.0) for hour in (20, 21)),
        *(avoided(hour, NONBASELOAD, 10.0, 4.0) for hour in (20, 21)),
        # What is consumed is an answer and no displacement; the average of all output is context only.
        *(avoided(hour, CONSUMED, 10.0, 3.0) for hour in (20, 21)),
        *(avoided(hour, TOTAL, 10.0, 2.0) for hour in (20, 21)),
    )

    assert month == {
        "ss_id": 34,
        "month": date(2019, 1, 1),
        "hours": 2,
        "hours_with_energy": 2,
        "energy_kwh": 20.0,
        "co2_kg": 10.0,
        "energy_share_with_factor": 1.0,
        "co2_least_kg": 6.0,
        "co2_most_kg": 10.0,
        "range_methods": f"{AVERT}, {NONBASELOAD}, {CONSUMED}",
        "co2_displaced_least_kg": 8.0,
        "co2_displaced_most_kg": 10.0,
        "displacement_methods": f"{AVERT}, {NONBASELOAD}",
    }


def test_a_method_that_has_a_factor_for_some_hours_only_is_no_bound_and_its_share_is_told():
    (month,) = months(
        avoided(20, AVERT, 30.0, 15.0),
        avoided(21, AVERT, 10.0, None),
        avoided(22, AVERT, None, None),
        avoided(20, NONBASELOAD, 30.0, 12.0),
        avoided(21, NONBASELOAD, 10.0, 4.0),
        avoided(22, NONBASELOAD, None, None),
    )

    assert (month["hours"], month["hours_with_energy"], month["energy_kwh"], month["co2_kg"]) == (3, 2, 40.0, 15.0)
    assert month["energy_share_with_factor"] == 0.75
    assert (month["co2_least_kg"], month["co2_most_kg"], month["range_methods"]) == (16.0, 16.0, NONBASELOAD)
    assert month["displacement_methods"] == NONBASELOAD


def test_a_system_without_a_factor_has_a_month_without_a_figure():
    (month,) = months(avoided(20, AVERT, 10.0, None, ss_id=1), avoided(20, NONBASELOAD, 10.0, None, ss_id=1))

    assert (month["energy_kwh"], month["co2_kg"], month["energy_share_with_factor"]) == (10.0, None, 0.0)
    assert (month["co2_least_kg"], month["range_methods"]) == (None, None)
    assert (month["co2_displaced_least_kg"], month["displacement_methods"]) == (None, None)


AN_HOUR = datetime(2019, 1, 5, 20, tzinfo=UTC)
GASES_OF_AN_HOUR = {"co2": 500.0, "ch4": 0.1, "n2o": 0.01, "nox": 0.4, "so2": 0.2}


def restated(made_with, holds, method=CONSUMED, energy_kwh=10.0, old_edition="v0.6.0"):
    """What is told of one row that was made with some rates [kg/MWh], and of rates that hold by now; none: no factor.

    The region is New York's by now; none of `holds` is that the system has left the catalogue.
    """
    columns = {column.name: column.type for column in contract.load("view_system_factor").columns}
    is_by_hour = method == CONSUMED
    known = {"source": "oge", "basis": "consumed", "edition": "v0.7.0", "data_year": 2019}
    name = f"oge/{old_edition}/2019/consumed/NYIS" if is_by_hour else f"egrid/{old_edition}/2019/total_output/NYUP/CO2"
    live = avoided(20, method, energy_kwh, None, 1) | {"hour_start_utc": AN_HOUR, "region": "NYIS"}
    live |= {"factor_id": made_with and name}
    live |= {f"{gas}_kg": energy_kwh / 1000 * rate for gas, rate in (made_with or {}).items() if rate is not None}
    now = {"ss_id": 1, "method": method, "region_scheme": "balancing_authority", "region": "NYIS"}
    rates = {f"{gas}_kg_per_mwh": rate for gas, rate in (holds or {}).items()}
    if not is_by_hour and holds:
        now |= rates | {"factor_id": "egrid/v0.7.0/2019/total_output/NYUP/CO2"}
    place = {"region_scheme": "balancing_authority", "region": "NYIS", "hour_start_utc": AN_HOUR}
    # Beside it the rates of another hour, of another system and of another region, which are none of this row.
    hours = [place | known | {"hour_start_utc": AN_HOUR + timedelta(hours=1)}]
    hours += [place | known | rates] if is_by_hour and holds else []
    others = [now | {"ss_id": 2}, *([] if holds is None else [now])]
    asked = sql("restated", table=TABLE, within="TRUE", hours="TRUE").replace("view_system_factor", "held_now")
    tables = {TABLE: [live], HOURS: hours, "dim_emission_factor": [factor("avert", "2024", 2023, "California", 1.0)]}
    held_now = columns, [tuple(row.get(name) for name in columns) for row in others]
    found = same_on_both(asked, tables, relations={"held_now": held_now})
    return [(row["old_kg"], row["new_kg"], row["new_factor"], row["row_count"]) for row in found]


def test_any_gas_that_is_another_or_is_known_no_more_or_by_now_is_told_as_restated():
    rates, new = GASES_OF_AN_HOUR, "oge/v0.7.0/2019/consumed/NYIS"

    assert restated(rates, rates | {"co2": 600.0}) == [(5.0, 6.0, new, 1)]
    assert restated(rates | {"co2": None}, rates) == [(None, 5.0, new, 1)]
    assert restated(rates, rates | {"co2": None}) == [(5.0, None, new, 1)]
    assert restated(rates, rates | {"nox": 0.5}) == [(5.0, 5.0, new, 1)]
    assert restated(rates, rates | {"so2": None}) == [(5.0, 5.0, new, 1)]
    assert restated(rates | {"ch4": None}, rates) == [(5.0, 5.0, new, 1)]
    assert restated(None, rates, energy_kwh=0.0) == [(None, 0.0, new, 1)]
    # By an annual factor a night has another one too, though it avoids nothing by either.
    annual = restated(rates, rates | {"n2o": 0.02}, TOTAL, energy_kwh=0.0)
    assert annual == [(0.0, 0.0, "egrid/v0.7.0/2019/total_output/NYUP/CO2", 1)]


def test_an_hour_that_a_newer_edition_repeats_is_not_restated():
    assert restated(GASES_OF_AN_HOUR, GASES_OF_AN_HOUR) == []
    assert restated(GASES_OF_AN_HOUR | {"ch4": None}, GASES_OF_AN_HOUR | {"ch4": None}) == []


def test_only_the_days_that_a_plan_changes_are_asked_for(monkeypatch):
    changed = [Mock(first_day=day, rows_replaced=1, parts={"ss_id": "34"}) for day in (JANUARY, DECEMBER)]
    changed.append(Mock(first_day=date(2021, 6, 1), rows_replaced=0, parts={"ss_id": "35"}))
    store = Mock(select=Mock(return_value=[]))
    monkeypatch.setattr("jobs.restatement.warehouse", lambda: store)

    restatement.restated(Comparison(TABLE, changed=3, plans=(Mock(objects=changed),)))

    (query, _), _ = store.select.call_args
    of_hours = query.partition(f"FROM {HOURS}")[2].partition(") AS by_hour")[0]
    spans = re.findall(r">= TIMESTAMP '([0-9-]+) 00:00:00' AND `hour_start_utc` < TIMESTAMP '([0-9-]+) ", of_hours)
    assert spans[1:] == [("2019-01-31", "2019-02-01"), ("2023-12-31", "2024-01-01")]
    assert "`ss_id` IN (34)" in query


JANUARY, DECEMBER = date(2019, 1, 31), date(2023, 12, 31)


def test_what_a_system_that_has_left_the_catalogue_loses_is_told_as_restated():
    assert restated(GASES_OF_AN_HOUR, None) == [(5.0, None, None, 1)]
    assert restated(GASES_OF_AN_HOUR, None, TOTAL) == [(5.0, None, None, 1)]
    assert restated(None, None) == []


def test_another_table_of_warming_potentials_makes_other_units_of_what_is_made_with_it_alone(monkeypatch):
    monkeypatch.setattr("jobs.derived.live", lambda *_: iter([(loaded_object, 1, [date(2019, 1, 5)])]))
    monkeypatch.setattr("jobs.derived.described.of_units", lambda *_: lambda *_: {})
    loaded_object = Mock(object_id="o", load_id="l", rows_loaded=24)

    def etags(table):
        return [unit.version.etag for unit in derived.units(contract.load(table), Window()).values()]

    tables = TABLE, "fact_pv_energy_hourly"
    before = [etags(table) for table in tables]
    written = register.read(register.version("gwp", None))
    monkeypatch.setattr("jobs.register._whole", lambda name: written.replace(b"27.9", b"29.8"))
    after = [etags(table) for table in tables]

    assert b"27.9" in written
    assert all(before)
    assert (after[0] != before[0], after[1] == before[1]) == (True, True)


def test_the_words_of_the_transform_are_those_of_the_contracts():
    def allowed(table, name):
        return next(column.allowed for column in contract.load(table).columns if column.name == name)

    assert allowed(TABLE, "method") == avoided_table.METHODS
    for source, basis in avoided_table.BY_HOUR.values():
        assert source in allowed("fact_grid_intensity_hourly", "source")
        assert basis in allowed("fact_grid_intensity_hourly", "basis")
    view = contract.load("view_system_factor").query
    assert {method for method in avoided_table.METHODS if f"'{method}' AS method" in view} == {*avoided_table.METHODS}
    # Each reason why there is no mass at all is counted by a rule of its own.
    counted = [rule.query for rule in contract.load(TABLE).checks if rule.severity == "warning"]
    reasons = [avoided_table.UNCATALOGUED, UNKNOWN, "the region has no factor", avoided_table.NO_DAY]
    reasons += [avoided_table.NO_HOUR, avoided_table.NO_ENERGY]
    assert counted == [f"SELECT COUNTIF(reason = '{reason}') FROM staged" for reason in reasons]
    assert all(f"'{reason}'" in view for reason in reasons[1:3])


def test_what_is_avoided_is_read_by_no_other_table_or_view_and_so_is_netted_from_no_inventory():
    """The GHG Protocol keeps avoided emissions outside of an inventory."""
    readers = {name for name in contract.names() for of in [contract.load(name)] if TABLE in (*of.reads, *of.made_of)}
    assert readers == {"view_avoided_emissions_monthly"}


LB_KG = 0.45359237
# US EPA, Emission Factors Hub 2024, table 6 (eGRID 2022): total output and non-baseload [lb CO2/MWh], and what a MWh
# avoids by them [kg].
HUB = {
    "CAMX": (497.443, 1054.982, 225.636, 478.532),
    "ERCT": (771.083, 1194.876, 349.757, 541.987),
    "NEWE": (536.428, 923.348, 243.320, 418.824),
    "RMPA": (1124.887, 1676.390, 510.240, 760.398),
}
# eGRID 2022's totals of the country: short tons of CO2 and net MWh.
US_SHORT_TONS, US_MWH = 1_745_134_436.78, 4_240_140_532.692
# The example of EPA's AVERT: 100 MW at all hours of a year, by 1,109 lb/MWh.
EXAMPLE_KW, EXAMPLE_HOURS, EXAMPLE_LB = 100_000, 8_760, 1_109


def test_the_published_examples_come_out_as_published(spark):
    """EPA's own figures: AVERT's example, eGRID's average of the country, and a MWh by the Hub's rates."""
    start = datetime(2023, 1, 1, tzinfo=UTC)

    def rate(ss_id, method, lb_per_mwh):
        return {
            "ss_id": ss_id,
            "method": method,
            "factor_id": "f",
            "co2_kg_per_mwh": lb_per_mwh * LB_KG,
            "data_year": 2022,
        }

    def hour(ss_id, number, energy_kwh):
        return {"ss_id": ss_id, "hour_start_utc": start + timedelta(hours=number), "energy_ac_kwh": float(energy_kwh)}

    rates = [rate(1, AVERT, EXAMPLE_LB), rate(2, TOTAL, US_SHORT_TONS * 2000 / US_MWH)]
    hours = [hour(1, number, EXAMPLE_KW) for number in range(EXAMPLE_HOURS)] + [hour(2, 0, 1000)]
    for ss_id, (total, margin, *_) in enumerate(HUB.values(), start=3):
        rates += [rate(ss_id, TOTAL, total), rate(ss_id, NONBASELOAD, margin)]
        hours.append(hour(ss_id, 0, 1000))
    inputs = [
        spark.createDataFrame(pa.Table.from_pylist(rows, given), from_arrow_schema(given))
        for (table, columns), rows in zip(contract.load(TABLE).derived_from.items(), (hours, rates, []), strict=True)
        for given in [pa.schema([contract.load(table).arrow_schema.field(name) for name in columns])]
    ]

    made = avoided_table.transform(*inputs).groupBy("ss_id", "method").agg(F.sum("co2_kg").alias("kg"))
    kg = {(row.ss_id, row.method): row.kg for row in made.collect()}

    assert kg[1, AVERT] / LB_KG == pytest.approx(971_484_000, rel=1e-12)
    assert kg[2, TOTAL] / LB_KG == pytest.approx(823.149, abs=5e-4)
    assert kg[2, TOTAL] == pytest.approx(373.374, abs=6e-4)
    for ss_id, (*_, average, margin) in enumerate(HUB.values(), start=3):
        assert (kg[ss_id, TOTAL], kg[ss_id, NONBASELOAD]) == pytest.approx((average, margin), abs=6e-4)
    assert {method for (_, method), mass in kg.items() if mass is None} >= {CONSUMED, FOSSIL}


FACT = "fact_pv_measurement"
FIFTH, SIXTH = DAYS_OF_BOTH = date(2019, 1, 5), date(2019, 1, 6)
EVER = (None, None)
EMISSIONS = FIXTURES / "dim_emission_factor/emissions"
RATES = b"data_year,level,region,pollutant,resource,rate_lb_per_mwh\n"
CO2_AND_REASONS = (
    f"SELECT ss_id, method, SUM(energy_kwh) AS kwh, SUM(co2_kg) AS co2_kg, MIN(reason) AS reason FROM {TABLE} "
    "GROUP BY ss_id, method ORDER BY ss_id, method"
)


OGE = "open_grid_emissions_data/v0.6.0/results/2019/carbon_accounting/hourly/us_units/NYIS.csv"
OGE_GASES = ("co2", "ch4", "n2o", "co2e", "nox", "so2")


def consumed(**co2_of_hours):
    """New York's rates of the two days: 500 lb/MWh of CO2, but for some hours from midnight of the fifth, UTC."""
    lines = [
        "datetime_utc,datetime_local,"
        + ",".join(f"consumed_{gas}_rate_lb_per_mwh_for_electricity" for gas in OGE_GASES)
    ]
    for hour in range(48):
        utc = datetime(2019, 1, 5, tzinfo=UTC) + timedelta(hours=hour)
        local = utc.astimezone(timezone(timedelta(hours=-5)))
        lines.append(f"{utc},{local},{co2_of_hours.get(f'hour_{hour}', 500)},0.1,0.01,605,0.4,0.2")
    return "\n".join([*lines, ""]).encode()


@pytest.fixture
def loaded(place, load, monkeypatch):
    """Systems 1 (New York, NYUP) and 10 (Southwest, PRMS), with days of 1 kW and 2 kW, and what the table is made of.

    Of their factors eGRID has total output, AVERT has New York, and so has Open Grid Emissions.
    """
    place.put(OGE, consumed())
    place.put("pvdaq/csv/systems_20250601.csv", (FIXTURES / "dim_system/pvdaq/csv/systems_20250601.csv").read_bytes())
    rates = b"".join(b"%d,regional,New York,CO2,Distributed PV,%d\n" % pair for pair in ((2018, 1000), (2019, 2000)))
    place.put("emissions/avert/2025-05-01_2024/rates.csv", RATES + rates)
    edition = "egrid/2025-06-18_2023r2/subregions.json"
    place.put(f"emissions/{edition}", (EMISSIONS / edition).read_bytes())
    for ss_id, watts in ((1, 1000.0), (10, 2000.0)):
        known = {"System": {"system_id": ss_id, "timezone_code": "0"}}
        place.put(f"pvdaq/csv/system_metadata/{ss_id}_system_metadata.json", json.dumps(known).encode())
        for day in (FIFTH, SIXTH):
            place.put_day(ss_id, day, day_file(ss_id, day, [watts] * 24))
    for table in ("dim_system", "dim_emission_factor", "dim_system_region", HOURS):
        load(table, EVER)
    load(days=(FIFTH, SIXTH))
    load("fact_pv_energy_hourly", (FIFTH, SIXTH))
    load(TABLE, (FIFTH, SIXTH))
    return place


def republished(change, edition="2025-09-01_2023r3"):
    """The key and the body of a further edition of eGRID, with rates of its subregions changed [lb/MWh]."""
    document = json.loads((EMISSIONS / "egrid/2025-06-18_2023r2/subregions.json").read_bytes())
    for feature in document["features"]:
        said = feature["properties"]
        if said["type"] == "subregion" and said["name"].strip() in change:
            said["emissionFactor"]["co2EmissionRate"]["value"] = change[said["name"].strip()]
    return f"emissions/egrid/{edition}/subregions.json", json.dumps(document).encode()


def loads_of(place):
    return dict(place.rows(f"SELECT ss_id, MIN(load_id) AS load_id FROM {TABLE} GROUP BY ss_id"))


def test_a_new_edition_restates_just_the_hours_whose_factor_it_changes_and_says_so_before(loaded, load, capsys):
    """From files to figures, through each change that the table can see, and back to the files."""
    no_others = "the source has no CH4, N2O, NOx, SO2"
    no_factor, no_day = "the region has no factor", "the region has no factor on the day"
    # 2 days of 1 kW and of 2 kW; 2,000 lb/MWh by AVERT in 2019, 1,000 lb/MWh by eGRID, 500 lb/MWh of what is consumed.
    first = [
        (1, AVERT, 48.0, pytest.approx(0.048 * 2000 * 0.45359237, rel=1e-12), no_others),
        (1, FOSSIL, 48.0, None, no_day),
        (1, NONBASELOAD, 48.0, None, no_factor),
        (1, TOTAL, 48.0, pytest.approx(0.048 * 1000 * 0.45359237, rel=1e-12), no_others),
        (1, CONSUMED, 48.0, pytest.approx(0.048 * 500 * 0.45359237, rel=1e-12), None),
        (10, AVERT, 96.0, None, no_factor),
        (10, FOSSIL, 96.0, None, no_day),
        (10, NONBASELOAD, 96.0, None, no_factor),
        (10, TOTAL, 96.0, pytest.approx(0.096 * 1000 * 0.45359237, rel=1e-12), no_others),
        (10, CONSUMED, 96.0, None, UNKNOWN),
    ]
    assert loaded.rows(CO2_AND_REASONS) == first
    warned = (
        f"SELECT check_name, observed FROM etl_quality WHERE table_name = '{TABLE}' AND NOT passed ORDER BY check_name"
    )
    assert loaded.rows(warned) == [
        ("days_have_factors", 2 * 48.0),
        ("regions_are_known", 48.0),
        ("regions_have_factors", 3 * 48.0),
    ]
    assert load(TABLE, DAYS_OF_BOTH)[0].unchanged == 4
    before = loads_of(loaded)

    # Years of data more, which are other years', and an edition that says the same, restate nothing.
    rates = b"".join(b"%d,regional,New York,CO2,Distributed PV,1\n" % year for year in (2020, 2021))
    loaded.put("emissions/avert/2026-05-01_2025/rates.csv", RATES + rates)
    loaded.put(*republished({}, "2025-08-01_2023r2b"))
    load("dim_emission_factor", EVER)
    found, published = load(TABLE, DAYS_OF_BOTH)
    assert (found.changed, found.unchanged, published) == (0, 4, None)

    loaded.put(*republished({"NYUP": 900}))
    load("dim_emission_factor", EVER)
    code, _, err = loaded.run("plan", TABLE, "--from", "2019-01-01", "--to", "2019-01-31")
    assert code == 0, err
    assert (
        f"{TABLE} would be restated: {TOTAL} of NYUP: egrid/2023r2/2023/total_output/NYUP/electricity/CO2 -> "
        "egrid/2023r3/2023/total_output/NYUP/electricity/CO2, 453.592 -> 408.233 kg CO2/MWh (-10.000 %); 48 rows of 1 "
        "systems on 2 days from 2019-01-05 to 2019-01-06, CO2 21.772 -> 19.595 kg"
    ) in err
    assert err.count("would be restated") == 1
    assert f"{TABLE}: 0 new, 2 changed, 2 unchanged" in err
    assert loaded.rows(CO2_AND_REASONS) == first, "nothing is rebuilt yet"
    stale = trace(TABLE, Window(FIFTH, FIFTH))
    assert stale.moved == ("ss_id=1/day=2019-01-05",)

    load(TABLE, DAYS_OF_BOTH)

    rows = loaded.rows(CO2_AND_REASONS)
    assert rows[3] == (1, TOTAL, 48.0, pytest.approx(0.048 * 900 * 0.45359237, rel=1e-12), no_others)
    assert rows[:3] + rows[4:] == first[:3] + first[4:]
    after = loads_of(loaded)
    assert (after[1] != before[1], after[10] == before[10]) == (True, True)
    verify_command()

    # A version that publishes a year anew and says the same but for one hour makes that hour's day due, and no other.
    loaded.put(newer := OGE.replace("v0.6.0", "v0.7.0"), consumed(hour_30=600))
    load(HOURS, EVER)
    code, _, err = loaded.run("plan", TABLE, "--from", "2019-01-01", "--to", "2019-01-31")
    assert code == 0, err
    assert f"{TABLE}: 0 new, 1 changed, 3 unchanged" in err
    old, new = (f"oge/{version}/2019/consumed/NYIS" for version in ("v0.6.0", "v0.7.0"))
    assert (
        f"{CONSUMED} of NYIS: {old} -> {new}, 226.796 -> 272.155 kg CO2/MWh (+20.000 %); 1 rows of 1 systems on 1 "
        "days from 2019-01-06 to 2019-01-06, CO2 0.227 -> 0.272 kg"
    ) in err
    assert err.count("would be restated") == 1
    load(TABLE, DAYS_OF_BOTH)
    assert loaded.rows(CO2_AND_REASONS)[4] == (1, CONSUMED, 48.0, pytest.approx(24.1 * 0.45359237, rel=1e-9), None)
    names = f"SELECT EXTRACT(DATE FROM hour_start_utc) AS day, MIN(factor_id), MAX(factor_id) FROM {TABLE} "
    names += f"WHERE method = '{CONSUMED}' AND ss_id = 1 GROUP BY day ORDER BY day"
    assert loaded.rows(names) == [(FIFTH, old, old), (SIXTH, new, new)]
    verify_command()

    traced = trace(TABLE, Window(FIFTH, FIFTH, (1,)), {"method": TOTAL})

    assert (traced.rows, traced.moved) == (24, ())
    assert [(row["method"], row["row_count"], row["energy_kwh"]) for row in traced.figures] == [(TOTAL, 24, 24.0)]
    by_table = {part.table: part for part in traced.made_of}
    assert len(by_table) == len(traced.made_of) == 4
    energy, regions, factors, hours = (
        by_table[name] for name in ("fact_pv_energy_hourly", "dim_system_region", "dim_emission_factor", HOURS)
    )
    assert regions.named[0] | {"ss_id": 1, "egrid_subregion": "NYUP"} == regions.named[0]
    assert [row["factor_id"] for row in factors.named] == ["egrid/2023r3/2023/total_output/NYUP/electricity/CO2"]
    measurements, sensors = energy.made_of
    assert (energy.table, measurements.table, sensors.table) == ("fact_pv_energy_hourly", FACT, "dim_sensor")

    def places(part):
        return [(one.bucket, one.object_key, one.rows) for one in part.origins]

    assert places(measurements) == [(loaded.bucket, day_key(1, day), 24) for day in (FIFTH, SIXTH)]
    metadata = f"s3://{loaded.bucket}/pvdaq/csv/system_metadata/1_system_metadata.json"
    assert {one.read_with for one in measurements.origins} == {(metadata,)}
    assert places(factors) == [(loaded.bucket, "emissions/egrid/2025-09-01_2023r3/subregions.json", 1)]
    assert places(hours) == []
    (*_, hours) = trace(TABLE, Window(FIFTH, FIFTH, (1,)), {"method": CONSUMED}).made_of
    assert (hours.table, places(hours)) == (HOURS, [(loaded.bucket, newer, 24)])
    assert places(regions) == [(loaded.bucket, "pvdaq/csv/systems_20250601.csv", 1)]
    head = loaded.s3.head_object(Bucket=loaded.bucket, Key=day_key(1, FIFTH))
    (of_the_fifth, _) = measurements.origins
    assert (of_the_fifth.etag, of_the_fifth.size_bytes) == (head["ETag"].strip('"'), head["ContentLength"])
    known = loaded.rows(f"SELECT DISTINCT load_id FROM {READINGS} WHERE ss_id = 1")
    assert {(one.load_id,) for one in measurements.origins} == set(known)

    trace_command(TABLE, FIFTH, FIFTH, (1,), [f"method={TOTAL}"])
    shown = re.sub(r"[│├└─\s]", "", capsys.readouterr().out.rpartition(" objects\n")[2])
    assert f"method{TOTAL},row_count24,energy_kwh24.0,co2_kg9.797" in shown
    file = f"{loaded.bucket}/{day_key(1, FIFTH)}"
    assert f"{file}24rowsofetag{of_the_fifth.etag},{of_the_fifth.size_bytes}bytes,load{of_the_fifth.load_id}" in shown
    trace_command(TABLE, FIFTH, FIFTH, (1,), [f"method={TOTAL}"], as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(asdict(traced), default=str))
