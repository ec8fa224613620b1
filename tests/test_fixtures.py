"""The fixtures of every table, through Spark, against the expectation that was written by hand."""

import csv

import pytest
from chispa import assert_df_equality
from conftest import FIXTURES, expected_rows
from pyspark.sql import functions as F
from pyspark.sql import types as T

from jobs import contract, plan, stage, staging, transform
from jobs.listing import Window

TABLES = [table for table in contract.names() if (FIXTURES / table).is_dir()]
SPARK_TYPES = {
    "INT64": T.LongType(),
    "FLOAT64": T.DoubleType(),
    "STRING": T.StringType(),
    "BOOL": T.BooleanType(),
    "DATE": T.DateType(),
    "DATETIME": T.TimestampNTZType(),
    "TIMESTAMP": T.TimestampType(),
}


def test_every_table_with_a_source_has_fixtures():
    assert [table for table in contract.names() if contract.load(table).sources] == TABLES


def typed(spark, table, names, rows):
    """Read texts as rows of a table's columns; an empty one is null."""
    types = {column.name: SPARK_TYPES[column.type] for column in contract.load(table).columns}
    text = T.StructType([T.StructField(name, T.StringType()) for name in names])
    return spark.createDataFrame([tuple(row[name] for name in names) for row in rows], text).select(
        *(F.when(F.col(name) != "", F.col(name)).cast(types[name]).alias(name) for name in names)
    )


def promised_columns(table):
    return [column.name for column in contract.load(table).columns if column.name not in ("load_id", "object_id")]


@pytest.mark.parametrize("table", [table for table in TABLES if contract.load(table).derived_from])
def test_fixtures_are_derived_to_the_expectation(table, spark):
    inputs = []
    for name, columns in contract.load(table).derived_from.items():
        with (FIXTURES / table / f"{name}.csv").open(newline="", encoding="utf-8") as source:
            inputs.append(typed(spark, name, columns, list(csv.DictReader(source))))

    actual = transform.of(table).transform(*inputs)

    expected = typed(spark, table, promised_columns(table), expected_rows(table))
    assert_df_equality(actual, expected, ignore_row_order=True, ignore_nullable=True)


@pytest.mark.parametrize("table", [table for table in TABLES if not contract.load(table).derived_from])
def test_fixtures_become_the_expectation(table, place, spark, shared_session):
    place.put_fixtures()
    paths = []
    for planned in plan.plan(table, Window()).plans:
        manifest = stage.stage(planned)
        _, root = staging.filesystem(manifest["attempt"])
        paths += [f"{root}/{entry['path']}" for entry in manifest["files"] if entry["kind"] == "rows"]

    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    actual = spark.read.parquet(*paths).select(*promised_columns(table))
    expected = typed(spark, table, promised_columns(table), expected_rows(table))
    assert_df_equality(actual, expected, ignore_row_order=True, ignore_nullable=True)


def test_what_the_fixtures_lack_is_counted(place, shared_session):
    place.put_fixtures()

    manifest = stage.stage(plan.plan("fact_pv_measurement", Window()).plans[0])

    counted = {
        entry["object_key"].rpartition("/")[2]: (
            entry["rows_read"],
            entry["rows_loaded"],
            entry["rows_quarantined"],
            entry["rows_duplicate"],
        )
        for entry in manifest["objects"]
    }
    assert counted == {
        "system_1__date_2019_01_05.csv": (9, 8, 1, 0),
        "system_1__date_2019_01_06.csv": (6, 4, 2, 0),
        "system_1__date_2019_01_07.csv": (0, 0, 0, 0),
        "system_10__date_2019_01_05.csv": (15, 15, 0, 0),
        "system_10__date_2019_01_06.csv": (15, 15, 0, 0),
        "system_10__date_2019_01_07.csv": (4, 3, 0, 1),
        "system_10__date_2019_01_08.csv": (0, 0, 0, 0),
    }
