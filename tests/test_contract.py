"""The contracts, and what the project reads from them."""

from datetime import date

import pyarrow as pa
import pytest

from jobs import contract
from jobs.errors import ContractError
from jobs.warehouse.tables import ddl, resource


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A folder of contracts of the test's own."""
    monkeypatch.setattr(contract, "TABLES", tmp_path)
    contract.names.cache_clear()
    contract.load.cache_clear()
    yield tmp_path
    contract.names.cache_clear()
    contract.load.cache_clear()


SMALL = """
apiVersion: v3.1.0
kind: DataContract
id: urn:test:small
version: 1.0.0
status: active
domain: test
schema:
  - name: small
    description: A table.
    dataGranularityDescription: One row per key.
    properties:
      - {name: key, physicalType: INT64, required: true, primaryKey: true, primaryKeyPosition: 1, description: It's it.}
      - {name: at, physicalType: DATETIME, description: When., partitioned: true, partitionKeyPosition: 1}
"""


def test_the_columns_of_the_fact_are_those_its_readers_know():
    names = contract.load("fact_pv_measurement").column_names

    assert names == (
        "ss_id",
        "timestamp",
        "sensor",
        "units",
        "value",
        "quantity",
        "timestamp_utc",
        "utc_basis",
        "quality",
        "load_id",
        "object_id",
    )


@pytest.mark.parametrize("table", contract.names())
def test_every_column_of_every_table_is_described(table):
    promised = contract.load(table)

    assert [column.name for column in promised.columns if not column.description] == []
    assert len(set(promised.column_names)) == len(promised.columns)


def test_a_contract_gives_googlesql_ddl(tables):
    (tables / "small.yaml").write_text(SMALL)

    assert ddl(contract.load("small")) == (
        "CREATE TABLE IF NOT EXISTS `small` (\n"
        "  `key` INT64 NOT NULL OPTIONS(description='It\\'s it.'),\n"
        "  `at` DATETIME OPTIONS(description='When.'),\n"
        "  PRIMARY KEY (`key`) NOT ENFORCED\n"
        ")\n"
        "PARTITION BY DATETIME_TRUNC(`at`, DAY)\n"
        "OPTIONS(description='A table. One row per key.')"
    )


def test_a_table_of_more_days_than_partitions_has_a_partition_for_each_month(tables):
    (tables / "small.yaml").write_text(
        SMALL.replace(
            "    properties:", "    customProperties: [{property: partitionUnit, value: MONTH}]\n    properties:"
        )
    )

    assert "PARTITION BY DATETIME_TRUNC(`at`, MONTH)" in ddl(contract.load("small"))
    assert resource(contract.load("small"))["timePartitioning"] == {"type": "MONTH", "field": "at"}


def test_a_contract_gives_the_schema_of_staged_files(tables):
    (tables / "small.yaml").write_text(SMALL)

    assert contract.load("small").arrow_schema == pa.schema([("key", pa.int64()), ("at", pa.timestamp("us"))])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: small", "name: large", "it describes 'large'"),
        ("DATETIME", "DATETIM", "column at has unknown type 'DATETIM'"),
        ("version: 1.0.0", "version: [", "contract small.yaml cannot be used"),
    ],
)
def test_a_contract_that_cannot_be_used_is_named_with_the_reason(old, new, said, tables):
    (tables / "small.yaml").write_text(SMALL.replace(old, new))

    with pytest.raises(ContractError, match=said) as fault:
        contract.load("small")
    assert "small.yaml" in str(fault.value)


def test_a_check_without_a_known_severity_is_refused(tables):
    rule = "    quality:\n      - {name: q, type: sql, query: SELECT 1, mustBe: 1, severity: bad, description: x}\n"
    (tables / "small.yaml").write_text(SMALL + rule)

    with pytest.raises(ContractError, match="check q has severity 'bad'"):
        contract.load("small")


@pytest.mark.parametrize(
    ("comparison", "bound", "holds", "breaks", "expected"),
    [
        ("mustBe", 0, 0, 1, "= 0"),
        ("mustBeGreaterThan", 0, 1, 0, "> 0"),
        ("mustBeGreaterOrEqualTo", 5, 5, 4, ">= 5"),
        ("mustBeLessThan", 5, 4, 5, "< 5"),
        ("mustBeLessOrEqualTo", 5, 5, 5.1, "<= 5"),
    ],
)
def test_a_check_holds_up_to_its_bound(comparison, bound, holds, breaks, expected):
    rule = contract.Check("q", "SELECT 1", comparison, bound, "error", "x")

    assert rule.holds(holds)
    assert not rule.holds(breaks)
    assert rule.expected == expected


def test_a_statement_is_kept_to_the_days_and_systems_of_its_objects():
    fact, days = contract.load("fact_pv_measurement"), (date(2019, 1, 5), date(2019, 1, 6))

    assert fact.within(*days, [{"ss_id": "34", "year": "2019"}, {"ss_id": "7", "year": "2019"}]) == (
        "TRUE AND `timestamp` >= DATETIME '2019-01-05 00:00:00' "
        "AND `timestamp` <= DATETIME '2019-01-06 23:59:59.999999' AND `ss_id` IN (7, 34)"
    )
    assert "IN" not in fact.within(*days, [{"ss_id": str(number)} for number in range(contract.MOST_LITERALS + 1)])
    assert contract.load("dim_system").within(*days, [{"edition": "20250101"}]) == "TRUE"
    # What one of them does not name bounds nothing: its rows may be of any system.
    assert contract.load("dim_system").within(*days, [{"ss_id": "34"}, {"edition": "20250101"}]) == "TRUE"
