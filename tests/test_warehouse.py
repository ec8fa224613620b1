"""The warehouse port, held to its promises on each adapter."""

import pyarrow as pa
import pytest

from jobs import contract, warehouse
from jobs.errors import ConflictError, ContractError, WarehouseError
from jobs.warehouse.duckdb import DuckDBWarehouse

SEED = "INSERT INTO etl_head (table_name, generation) VALUES (@table_name, 1);"


@pytest.fixture
def opened(tmp_path):
    made = DuckDBWarehouse(str(tmp_path / "w.duckdb"), 5, "1GB")
    made.create()
    return made


def heads(opened):
    return opened.select("SELECT table_name, generation FROM etl_head ORDER BY table_name", {})


def test_every_table_has_the_columns_and_descriptions_of_its_contract(opened):
    columns = opened.select("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal", {})

    assert {(row["table_name"], row["column_name"], row["comment"]) for row in columns} == {
        (table, column.name, column.description)
        for table in contract.names()
        for column in contract.load(table).columns
    }


def test_creating_again_changes_nothing(opened):
    opened.transact(SEED, {"table_name": "t"}, {})

    opened.create()

    assert heads(opened) == [{"table_name": "t", "generation": 1}]


def test_a_table_with_other_columns_is_refused_and_left_alone(opened):
    opened.transact("ALTER TABLE etl_head ADD COLUMN more INT64;", {}, {})
    opened.transact(SEED, {"table_name": "t"}, {})

    with pytest.raises(ContractError, match=r"etl_head in .*: column more is not in the contract. Nothing"):
        opened.create()

    assert len(heads(opened)) == 1


def test_a_script_that_fails_at_its_end_changes_nothing(opened):
    with pytest.raises(WarehouseError, match="no such thing"):
        opened.transact(f"{SEED} SELECT ERROR('no such thing');", {"table_name": "t"}, {})

    assert heads(opened) == []


def test_a_script_that_says_conflict_raises_a_conflict(opened):
    with pytest.raises(ConflictError, match="^somebody was first"):
        opened.transact("SELECT ERROR('conflict: somebody was first');", {}, {})


def test_relations_are_read_like_tables(opened):
    rows = pa.table({"name": ["a", "b"], "n": [1, 2]})

    opened.transact("INSERT INTO etl_head (table_name, generation) SELECT name, n FROM given;", {}, {"given": rows})

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
    assert warehouse.warehouse().path == place.folder / "warehouse.duckdb"
