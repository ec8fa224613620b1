"""A backfill of 31 real days in a real Airflow, doubled, cleared and run again: January's figures once.

PVDAQ's own files of system 34, January 2019; run where SUNLEDGER_DATA says where they are.
"""

import os
from pathlib import Path

import pytest
from conftest import postgres, s3
from sandbox import environment
from standalone import Standalone
from test_pv_in_airflow import FACT, Bucket, Warehouse

DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"))
pytestmark = [
    pytest.mark.stack,
    pytest.mark.xdist_group("airflow"),
    pytest.mark.skipif(
        not (DATA / "pvdaq/csv/pvdata").is_dir(),
        reason="set SUNLEDGER_DATA to a folder with pvdaq/csv in its key layout",
    ),
]
ONLY_34 = {"systems": [34]}


@pytest.fixture(scope="module")
def bucket(server):
    made = Bucket("public-january", server.client())
    s3.upload(server, DATA / "pvdaq" / "csv" / "pvdata", made.name, "pvdaq/csv/pvdata/")
    body = (DATA / "pvdaq/csv/systems_20250729.csv").read_bytes()
    made.s3.put_object(Bucket=made.name, Key="pvdaq/csv/systems_20250729.csv", Body=body)
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("january")


@pytest.fixture(scope="module")
def airflow(home, server, bucket):
    variables = environment(
        home,
        AWS_ENDPOINT_URL_S3=server.endpoint,
        PVDAQ_BUCKET=bucket.name,
        AIRFLOW__CORE__PARALLELISM="4",
        JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    )
    with (
        postgres.serve(home / "postgres") as database,
        Standalone({**variables, **database}, home / "standalone.log") as running,
    ):
        yield running


@pytest.fixture(scope="module")
def warehouse(home):
    return Warehouse(str(home / "warehouse.duckdb"))


def begin_backfill(airflow, first, last, **more):
    """Make a backfill of days, both included; its id."""
    body = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z", "dag_run_conf": ONLY_34}
    return airflow.call("POST", "backfills", dag_id="pv", max_active_runs=4, **body, **more)["id"]


def end_of(airflow, backfill):
    """Wait until a backfill is over."""
    airflow.wait(1500, "the backfill to end", lambda: airflow.call("GET", f"backfills/{backfill}")["completed_at"])


def figures(warehouse):
    """What is there of January: readings, distinct ones, the sum of the AC power, and the live objects."""
    ((readings, distinct),) = warehouse.rows(f"SELECT COUNT(*), COUNT(DISTINCT (ss_id, timestamp, sensor)) FROM {FACT}")
    ((power, total),) = warehouse.rows(f"SELECT COUNT(*), SUM(value) FROM {FACT} WHERE sensor = 'ac_power_hw__2695'")
    ((objects,),) = warehouse.rows(
        "SELECT COUNT(*) FROM etl_checkpoint WHERE table_name = ? AND retired_generation IS NULL", FACT
    )
    return readings, distinct, power, total, objects


JANUARY = (41_612, 41_612, 2_976, 46_987_900.0, 31)


def test_a_backfill_of_january_gives_its_figures_once_however_it_is_doubled_cleared_and_run_again(airflow, warehouse):
    airflow.call("PATCH", "dags/pv", is_paused=False)
    month = begin_backfill(airflow, "2019-01-01", "2019-01-31")
    # Somebody else loads the middle of the month at the same time.
    beside = airflow.trigger(first_day="2019-01-10", last_day="2019-01-20", **ONLY_34)
    end_of(airflow, month)
    assert airflow.finish(beside, 600)[beside] == "success"
    runs = {run_id: run for run_id, run in airflow.runs().items() if run["run_type"] == "backfill"}
    assert [run["state"] for run in runs.values()] == ["success"] * 31
    assert figures(warehouse) == JANUARY
    history = "SELECT object_id, generation, retired_generation FROM etl_checkpoint ORDER BY ALL"
    before = warehouse.rows(history)

    # A run is cleared from end to end, and three days are backfilled once more.
    (cleared,) = [run_id for run_id, run in runs.items() if run["data_interval_start"].startswith("2019-01-15")]
    airflow.call("POST", f"dags/pv/dagRuns/{cleared}/clear", dry_run=False)
    assert airflow.finish(cleared, 600)[cleared] == "success"
    end_of(airflow, begin_backfill(airflow, "2019-01-14", "2019-01-16", reprocess_behavior="completed"))
    assert figures(warehouse) == JANUARY
    assert warehouse.rows(history) == before

    upkeep = airflow.trigger("upkeep")
    airflow.call("PATCH", "dags/upkeep", is_paused=False)
    assert airflow.finish(upkeep, 300, "upkeep")["verify"] == "success"
