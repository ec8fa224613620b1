"""The fixtures of every table, through Spark, against the expectation that was written by hand."""

import pytest
from chispa import assert_df_equality
from conftest import FIXTURES, expected_rows
from pyspark.sql import functions as F
from pyspark.sql import types as T

from jobs import contract, plan, stage, staging
from jobs.listing import Window

TABLES = [table for table in contract.names() if (FIXTURES / table).is_dir()]
SPARK_TYPES = {
    "INT64": T.LongType(),
    "FLOAT64": T.DoubleType(),
    "STRING": T.StringType(),
    "DATETIME": T.TimestampNTZType(),
    "TIMESTAMP": T.TimestampType(),
}


def test_every_table_with_a_source_has_fixtures():
    assert [table for table in contract.names() if contract.load(table).sources] == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_fixtures_become_the_expectation(table, place, spark, shared_session):
    place.put_fixtures()
    found = plan.plan(table, Window())

    manifest = stage.stage(found.plans[0])

    _, root = staging.filesystem(manifest["attempt"])
    paths = [f"{root}/{entry['path']}" for entry in manifest["files"] if entry["kind"] == "rows"]
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    columns = [column for column in contract.load(table).columns if column.name not in ("load_id", "object_id")]
    actual = spark.read.parquet(*paths).select(*(column.name for column in columns))
    text = T.StructType([T.StructField(column.name, T.StringType()) for column in columns])
    expected = spark.createDataFrame([tuple(row.values()) for row in expected_rows(table)], text).select(
        *(
            F.when(F.col(column.name) != "", F.col(column.name)).cast(SPARK_TYPES[column.type]).alias(column.name)
            for column in columns
        )
    )
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
