"""From rows back to versions of objects: of any table and view, and with a sentence where that cannot be."""

import json
from datetime import date

import pytest
import typer
from conftest import day_file, day_key

from jobs import contract, derived
from jobs.cli import trace_command
from jobs.errors import LoadError
from jobs.listing import Window
from jobs.objects import ObjectVersion
from jobs.trace import _hours, leads, trace

FIFTH, SIXTH = date(2019, 1, 5), date(2019, 1, 6)
EVER = (None, None)


@pytest.fixture
def load(shared_session_without_spark, load):
    return load


def places(traced):
    return [(one.object_key, one.rows) for one in traced.origins]


def test_readings_lead_to_their_files_and_to_what_describes_their_system(place, load):
    place.put_fixtures()
    for day in (FIFTH, SIXTH):
        place.put_day(1, day, day_file(1, day, [1.0, 2.0]))
    load("dim_system", EVER)
    load(days=(FIFTH, SIXTH))

    traced = trace("fact_pv_measurement", Window(FIFTH, FIFTH, (1,)), {"sensor": "ac_power__1"})

    assert (traced.rows, places(traced), traced.figures) == (2, [(day_key(1, FIFTH), 2)], ())
    (systems,) = traced.made_of
    assert (systems.table, systems.rows, [row["dc_capacity_kw"] for row in systems.named]) == ("dim_system", 1, [2.912])


def test_a_view_is_traced_through_the_tables_that_it_reads_and_figures_are_added_up_by_the_keys_texts(place, load):
    place.put_fixtures()
    load("dim_emission_factor", EVER)

    (factors,) = trace("view_emission_factor", Window(), {"edition": "2023r2", "gas": "NOx"}).made_of

    assert places(factors) == [("emissions/egrid/2025-06-18_2023r2/subregions.json", factors.rows)]
    assert factors.rows > 0


LANDED = "emissions/{}/2026-02-01_{}/{}.csv"
MAPPING = "emissions/activity_mapping/2026-01-20_1/mapping.csv"
FIRST, SECOND = (
    f"emissions/assumptions/{edition}/assumptions.csv" for edition in ("2026-01-20_2026.1", "2026-03-10_2026.2")
)
PRICES, NAICS = "emissions/cpi/2026-01-13_2025-12/cpi.csv", "emissions/supply_chain/2023-07-10_v1.2/naics.csv"
HUB = "emissions/ef_hub/2024-06-05_2024/{}.csv"
MANUAL = LANDED.format("manual", "fy2023", "manual")
# By category, the files behind its figure of now.
BEHIND = {
    "1": {MANUAL},
    "2_location": {MANUAL},
    "2_market": {MANUAL},
    "3.01": {LANDED.format("goods", "fy2023", "goods"), MAPPING, FIRST, PRICES, NAICS},
    "3.02": {LANDED.format("construction", "all", "construction"), MAPPING, FIRST, PRICES, NAICS},
    "3.03": {LANDED.format("energy", "fy2023", "energy"), MAPPING, FIRST, HUB.format("electricity")},
    "3.05": {LANDED.format("waste", "fy2023", "waste"), MAPPING, FIRST, HUB.format("waste")},
    "3.06": {"emissions/travel/2026-04-01_fy2023.2/travel.csv", MAPPING, FIRST, PRICES, NAICS},
    "3.07": {LANDED.format("commuting_bins", "2023", "commuting_bins"), MAPPING, SECOND, HUB.format("travel")},
}


def origins(traced):
    """What is in a trace as JSON, of all depths."""
    return [*traced["origins"], *(one for part in traced["made_of"] for one in origins(part))]


def test_a_figure_of_the_inventory_leads_to_its_lines_their_factors_and_assumptions_and_the_files_of_all(
    place, load, capsys
):
    place.put_fixtures()
    for table in ("dim_emission_factor", "dim_assumption", "dim_price_index"):
        load(table, EVER)
    for table in ("fact_activity_emissions", "fact_emissions_inventory"):
        load(table, EVER)
    figure = {"fiscal_year": "2023", "category_id": "3.07", "as_of": "2026-02-01"}

    traced = trace("fact_emissions_inventory", Window(), figure)

    (lines,) = [one for one in traced.made_of if one.table == "fact_activity_emissions"]
    # What the second version of the assumptions says of the same lines is another figure's.
    assert {line["assumption_version"] for line in lines.named} == {"2026.1"}
    # A column of the survey is a line; public transport is made of four kinds.
    assert {line["activity"] for line in lines.named} == {"bus", "car", "commuter_rail", "intercity_rail", "subway"}
    assert sum(line["co2e_kg"] for line in lines.named) == pytest.approx(21_702.34504)
    # The mapping has no rows of its own; it has said what weighs these.
    assert dict(places(lines)) == {"emissions/commuting_bins/2026-02-01_2023/commuting_bins.csv": 6, MAPPING: 0}
    assert {(one.table, key) for one in lines.made_of for key, _ in places(one)} == {
        ("dim_emission_factor", "emissions/ef_hub/2024-06-05_2024/travel.csv"),
        ("dim_assumption", "emissions/assumptions/2026-01-20_2026.1/assumptions.csv"),
    }
    (figures,) = traced.figures
    assert figures["co2e_t"] == pytest.approx(21.70234504)
    # Of every figure that is published one command names the versions of all files behind it.
    now = place.rows(
        "SELECT category_id, as_of, co2e_t FROM fact_emissions_inventory "
        "WHERE fiscal_year = 2023 AND superseded_on IS NULL AND co2e_t IS NOT NULL"
    )
    assert {category_id for category_id, *_ in now} == BEHIND.keys()
    capsys.readouterr()
    for category_id, as_of, co2e_t in now:
        where = ["fiscal_year=2023", f"category_id={category_id}", f"as_of={as_of}"]
        trace_command("fact_emissions_inventory", where=where, as_json=True)
        (lines,) = json.loads(capsys.readouterr().out)["made_of"]
        found = {one["object_key"]: (one["bucket"], len(one["etag"]) > 0) for one in origins(lines)}
        assert found == dict.fromkeys(BEHIND[category_id], (place.bucket, True)), category_id
        assert sum(line.get("co2e_kg", 0) for line in lines["named"]) == pytest.approx(1000 * co2e_t)


def test_a_column_that_is_called_after_the_key_of_a_table_looked_at_leads_to_it():
    assert leads(contract.load("fact_avoided_emissions_hourly")) == {
        "ss_id": ("dim_system_region", "ss_id"),
        "factor_id": ("dim_emission_factor", "factor_id"),
    }


def test_rows_that_are_not_there_lead_nowhere(place):
    traced = trace("fact_avoided_emissions_hourly", Window(FIFTH, FIFTH, (1,)), {"method": "avert_annual_dpv"})

    assert (traced.rows, traced.origins, traced.made_of, traced.figures) == (0, (), (), ())


@pytest.fixture
def hours(place):
    """Hours of regions by day, each day of a source with its own power of two of them, so that a sum tells which."""
    for region, source, basis, day, count in (
        ("NYIS", "oge", "consumed", "2019-01-05", 1),
        ("NYIS", "oge", "consumed", "2023-12-31", 2),
        ("NYIS", "oge", "consumed", "2021-06-01", 4),
        ("NYIS", "campd", "fossil", "2019-01-05", 8),
        ("NY", "campd", "fossil", "2019-01-05", 16),
    ):
        for hour in range(count):
            place.change(
                f"INSERT INTO {HOURS} (region_scheme, region, hour_start_utc, hour_start_local, source, basis, "
                f"edition, data_year, load_id, object_id) VALUES ('{SCHEMES[region]}', '{region}', TIMESTAMP '{day} "
                f"{hour:02d}:00:00+00', DATETIME '{day} {hour:02d}:00:00', '{source}', '{basis}', 'e', 2019, 'l', 'o');"
            )


SCHEMES = {"NYIS": "balancing_authority", "NY": "us_state"}
HOURS, AVOIDED = "fact_grid_intensity_hourly", "fact_avoided_emissions_hourly"


def unit(day, *methods):
    regions = {"oge_consumed_hourly": "NYIS", "cems_fossil_hourly": "NY"}
    factors = [
        {"ss_id": 1, "method": method, "region_scheme": SCHEMES.get(region), "region": region}
        for method in methods
        for region in (regions.get(method, "California"),)
    ]
    return derived.Unit(
        day, ObjectVersion("fact", f"ss_id=1/day={day}", "etag", 1), (), {"view_system_factor": factors}
    )


def test_hours_are_those_of_the_methods_that_were_asked_for_in_their_regions_and_on_the_units_days_alone(hours):
    methods = "avert_annual_dpv", "oge_consumed_hourly", "cems_fossil_hourly"
    units = [unit(FIFTH, *methods), unit(date(2023, 12, 31), *methods)]

    def rows(**where):
        return _hours(contract.load(AVOIDED), HOURS, units, where).rows

    assert rows() == 1 + 2 + 16
    assert rows(method="oge_consumed_hourly") == 1 + 2
    assert rows(method="cems_fossil_hourly", region="NY") == 16
    assert rows(method="avert_annual_dpv") == 0


def test_a_view_is_not_traced_by_a_column_that_it_makes_itself(place):
    with pytest.raises(
        LoadError,
        match=r"view_avoided_emissions_monthly makes its column month itself, and no table that it reads has it "
        r"\(fact_avoided_emissions_hourly\)",
    ):
        trace("view_avoided_emissions_monthly", Window(), {"month": "2019-01-01", "ss_id": "1"})
    with pytest.raises(LoadError, match="view_system_factor makes its column method itself"):
        trace("view_system_factor", Window(), {"method": "avert_annual_dpv"})
    with pytest.raises(LoadError, match="view_grid_intensity_by_hour makes its column hour_of_day itself"):
        trace("view_grid_intensity_by_hour", Window(), {"hour_of_day": "3"})


def test_what_cannot_be_traced_is_said_with_what_could(place):
    with pytest.raises(LoadError, match=r"fact_pv_measurement has no column methd; it has ss_id, timestamp, "):
        trace("fact_pv_measurement", Window(), {"methd": "x"})
    with pytest.raises(LoadError, match="etl_run is the project's own record of its loads"):
        trace("etl_run", Window())
    with pytest.raises(typer.BadParameter, match="'method' is not COLUMN=VALUE like method=avert_annual_dpv"):
        trace_command("fact_avoided_emissions_hourly", where=["method"])
