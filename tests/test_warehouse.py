"""The warehouse port, held to its promises on each adapter."""

from dataclasses import replace
from functools import cache

import pyarrow as pa
import pytest
from conftest import READINGS, forget

from jobs import contract, steps, warehouse
from jobs.contract import Column
from jobs.errors import ConflictError, ContractError, WarehouseError
from jobs.listing import Window
from jobs.warehouse import duckdb
from jobs.warehouse.bigquery import _column

WAREHOUSES = ("duckdb", "bigquery")
SEED = "INSERT INTO etl_head (table_name, generation) VALUES (@table_name, 1);"


@pytest.fixture
def opened(place):
    return place.opened


def heads(opened):
    return opened.select("SELECT table_name, generation FROM etl_head ORDER BY table_name", {})


def columns(opened, table):
    """What the warehouse itself says of a table's columns."""
    if isinstance(opened, duckdb.DuckDBWarehouse):
        with opened._connection() as connection:
            return [column for column in duckdb._columns(connection)[table].values() if column.name]
    there = opened.client.get_table(f"{opened.project}.{opened.dataset}.{table}")
    return [_column(field.to_api_repr()) for field in there.schema]


@pytest.fixture
def becomes(opened, monkeypatch):
    """Changes etl_run's contract, and has the warehouse become what it says."""

    def changed(change):
        load = contract.load
        now = load("etl_run")
        changed = replace(now, columns=tuple(change(now.columns)))
        monkeypatch.setattr(contract, "load", cache(lambda table: changed if table == "etl_run" else load(table)))
        opened.create()

    return changed


def test_every_table_and_view_has_the_columns_types_and_descriptions_of_its_contract(opened):
    for table in contract.names():
        promised = contract.load(table)
        required = promised.query is None

        # DuckDB adds integers up to a wider one.
        assert [
            (c.name, c.type.replace("HUGEINT", "INT64"), c.description, c.required) for c in columns(opened, table)
        ] == [(c.name, c.type, c.description, c.required and required) for c in promised.columns], table


def test_a_new_nullable_column_is_added_in_place(opened, becomes):
    opened.transact(RUN, {}, {})

    becomes(lambda now: [*now, Column("host", "STRING", "Where it ran.")])

    assert columns(opened, "etl_run")[-1] == Column("host", "STRING", "Where it ran.")
    assert opened.select("SELECT run_id, host FROM etl_run", {}) == [{"run_id": "r", "host": None}]


def test_a_column_that_need_not_be_there_any_more_is_relaxed_in_place(opened, becomes):
    becomes(lambda now: [replace(column, required=False) if column.name == "outcome" else column for column in now])

    opened.transact(RUN.replace("'done'", "NULL"), {}, {})

    assert opened.select("SELECT outcome FROM etl_run", {}) == [{"outcome": None}]


def test_another_description_is_written_in_place(opened, becomes):
    becomes(lambda now: [replace(column, description="It's new.") for column in now])

    assert {column.description for column in columns(opened, "etl_run")} == {"It's new."}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda now: [column for column in now if column.name != "step"], "column step is not in the contract"),
        (lambda now: [*now, Column("host", "STRING", "x", required=True)], "the new column host is required"),
        (
            lambda now: [replace(column, type="STRING") if column.name == "seconds" else column for column in now],
            "column seconds is FLOAT64 and shall be STRING",
        ),
        (
            lambda now: [replace(column, required=True) for column in now],
            "column load_id may be null and shall be required",
        ),
    ],
)
def test_a_contract_that_breaks_its_readers_is_refused_by_name(change, said, opened, becomes):
    before = columns(opened, "etl_run")

    with pytest.raises(ContractError, match=f"etl_run.* cannot become what contract etl_run 1.0.0 says: .*{said}"):
        becomes(change)

    assert columns(opened, "etl_run") == before


RUN = (
    "INSERT INTO etl_run (run_id, table_name, step, started_at, seconds, outcome, message) "
    "VALUES ('r', 't', 'plan', TIMESTAMP '2019-01-05 00:00:00+00', 1.5, 'done', 'm');"
)


def test_creating_again_changes_nothing(opened):
    opened.transact(SEED, {"table_name": "t"}, {})

    opened.create()

    assert heads(opened) == [{"table_name": "t", "generation": 1}]


def test_a_script_that_fails_at_its_end_changes_nothing(opened):
    with pytest.raises(WarehouseError, match="no such thing"):
        opened.transact(f"{SEED} SELECT ERROR('no such thing');", {"table_name": "t"}, {})

    assert heads(opened) == []


def test_a_script_that_says_conflict_raises_a_conflict(opened):
    with pytest.raises(ConflictError, match="^somebody was first"):
        opened.transact("SELECT ERROR('conflict: somebody was first');", {}, {})


def test_relations_are_read_like_tables(opened):
    rows = pa.table({"name": ["a", "b"], "n": [1, 2]})

    opened.transact("INSERT INTO etl_head (table_name, generation) SELECT name, n FROM {given};", {}, {"given": rows})

    assert [row["generation"] for row in heads(opened)] == [1, 2]


def test_an_unknown_column_is_an_error_that_names_it(opened):
    with pytest.raises(WarehouseError, match="generatoin"):
        opened.select("SELECT generatoin FROM etl_head", {})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("DELETE FROM etl_head WHERE TRUE", "one query is asked for, and this is DELETE"),
        ("SELECT 1; SELECT 2", "one query is asked for, and this is SELECT, SELECT"),
        ("", "one query is asked for, and this is nothing"),
    ],
)
def test_a_select_only_selects(script, said, opened):
    opened.transact(SEED, {"table_name": "t"}, {})

    with pytest.raises(WarehouseError, match=said):
        opened.select(script, {})

    assert len(heads(opened)) == 1


def test_a_script_that_says_collision_breaks_the_contract(opened):
    with pytest.raises(ContractError, match="^two of a kind; nothing was published"):
        opened.transact("SELECT ERROR('collision: two of a kind; nothing was published');", {}, {})


def test_the_warehouse_is_chosen_by_its_setting(place):
    kind = type(warehouse.warehouse()).__name__

    assert kind == {"duckdb": "DuckDBWarehouse", "bigquery": "BigQueryWarehouse"}[place.kind]


def test_a_value_that_must_be_there_is_asked_for(opened):
    with pytest.raises(WarehouseError, match="generation"):
        opened.transact("INSERT INTO etl_head (table_name) VALUES ('t');", {}, {})


# In the order in which they are loaded.
TABLES = ("dim_system", "dim_sensor", "fact_pv_measurement", "fact_pv_performance_daily", "fact_pv_energy_hourly")
TABLES += ("dim_emission_factor", "dim_price_index", "dim_system_region")
TABLES += ("dim_generating_unit", "fact_unit_emissions_hourly", "fact_grid_intensity_hourly", "dim_grid_region")
TABLES += ("fact_avoided_emissions_hourly",)
TABLES += ("dim_org_unit", "dim_assumption", "fact_activity_emissions", "fact_emissions_inventory")

# These ask for a bound on their partition.
EVERYTHING = {
    "fact_pv_measurement": READINGS,
    "fact_unit_emissions_hourly": (
        "(SELECT * FROM fact_unit_emissions_hourly WHERE hour_start_local >= DATETIME '1990-01-01 00:00:00')"
    ),
}


@pytest.mark.only_on("duckdb")
def test_the_same_fixtures_give_the_same_rows_of_every_table_and_view(place, new_place, monkeypatch, shared_session):
    """To the value and the type, whatever the warehouse; only times and run ids are each run's own."""
    own = {"changed_at", "published_at", "checked_at", "started_at", "seconds", "run_id"}
    place.put_fixtures()
    other = new_place("bigquery" if place.kind == "duckdb" else "duckdb", bucket=place.bucket)
    held = []
    for one in (place, other):
        for name, value in one.environment.items():
            monkeypatch.setenv(name, value)
        forget()
        for table in TABLES:
            found, _ = steps.plan_load("run", table, Window())
            for planned in found.plans:
                steps.stage_load("run", planned.uri)
                steps.check_load("run", planned.uri)
                steps.publish_load("run", planned.uri)
        tables = {}
        for table in contract.names():
            names = ", ".join(f"`{name}`" for name in contract.load(table).column_names if name not in own)
            rows = one.rows(f"SELECT {names} FROM {EVERYTHING.get(table, table)}")
            tables[table] = sorted(([(type(value), value) for value in row] for row in rows), key=repr)
        held.append(tables)

    # The loggers of the fixtures say nothing of instants, and no hour has no row.
    hours = {"fact_pv_energy_hourly", "fact_avoided_emissions_hourly", "view_avoided_emissions_monthly"}
    assert {table for table, rows in held[0].items() if not rows} <= hours
    assert held[0] == held[1]
