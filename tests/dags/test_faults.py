"""What the whole stack goes through, killed on purpose: each fault in a run of its own, and each day loaded once.

Nothing here is a double: Airflow's scheduler, its PostgreSQL, the S3 server, the JVM, the warehouse's file and a disk.
"""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from datetime import date

import duckdb
import pytest
from conftest import postgres
from sandbox import environment
from standalone import OVER, Standalone, processes
from test_pv_in_airflow import (  # noqa: F401 (the same Airflow, made anew)
    DIM,
    FACT,
    STAGE,
    Bucket,
    Warehouse,
    a_day,
    folder,
    gate,
)

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("airflow")]

DAYS = dict(
    zip(
        ("scheduler", "task", "jvm", "s3", "postgres", "lock", "disk"),
        (date(2019, 3, d) for d in range(1, 8)),
        strict=True,
    )
)


@pytest.fixture(scope="module")
def bucket(server):
    made = Bucket("public-faults", server.client())
    made.put_fixtures()
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def disk(home):
    """A disk of four megabytes for the staging area, which can be full; a folder where none may be mounted."""
    where = home / "disk"
    where.mkdir()
    mounted = (
        shutil.which("mount")
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "sunledger", where], capture_output=True
        ).returncode
    )
    yield where if mounted else None
    if mounted:
        subprocess.run(["umount", "-l", where], check=True)


class Database:
    """PostgreSQL, which can be killed and started again on what it has written."""

    def __init__(self, where):
        self.where, self.running = where, None

    def start(self):
        self.running = postgres.serve(self.where)
        return self.running.__enter__()

    def kill(self):
        (pid, *_) = (self.where / "postmaster.pid").read_text().split()
        kill([one for one in processes() if int(pid) in (one.pid, one.parent)])


@pytest.fixture(scope="module")
def database(home):
    made = Database(home / "postgres")
    made.variables = made.start()
    yield made
    made.running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def airflow(home, gate, bucket, database, disk):
    variables = environment(
        home,
        AWS_ENDPOINT_URL_S3=gate.endpoint,
        PVDAQ_BUCKET=bucket.name,
        STAGING=f"file://{(disk or home) / 'staging'}",
        WAREHOUSE_LOCK_SECONDS="5",
        S3_TIMEOUT_SECONDS="10",
        AIRFLOW__CORE__PARALLELISM="4",
        # A minute or two in place of five, for what a dead scheduler has left behind.
        AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL="10",
        AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT="20",
        AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL="5",
        AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD="15",
        JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    )
    with Standalone({**variables, **database.variables}, home / "standalone.log") as running:
        running.call("PATCH", "dags/pv", is_paused=False)
        # The catalogue and the channels, so that each fault below meets the measurements.
        first = running.trigger(first_day="2019-01-05")
        assert running.finish(first, 300)[first] == "success"
        yield running


@pytest.fixture(scope="module")
def warehouse(home):
    return Warehouse(str(home / "warehouse.duckdb"))


@pytest.fixture
def under_way(airflow, gate, bucket):
    """Start a run whose Spark job waits for S3; its id."""

    def start(fault):
        day = DAYS[fault]
        bucket.put_day(1, day, a_day(day)[0])
        gate.hold(folder(day))
        run_id = airflow.trigger(first_day=day.isoformat())
        airflow.wait(120, "Spark to read the object", gate.held.is_set)
        return run_id

    yield start
    gate.open()


def kill(found):
    assert found
    for one in found:
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)


def loaded_once(airflow, warehouse, fault, run_id):
    """The day's readings are there once, and the run is over and well."""
    assert airflow.finish(run_id, 300)[run_id] == "success"
    assert warehouse.readings(DAYS[fault]) == a_day(DAYS[fault])[1]
    live = "SELECT COUNT(*) FROM etl_checkpoint WHERE table_name = ? AND first_day = ? AND retired_generation IS NULL"
    assert warehouse.rows(live, FACT, DAYS[fault]) == [(1,)]


def clear_when_it_failed(airflow, run_id, task_id=STAGE):
    """Clear a task once it has failed or waits for its retry, which would come a minute later."""
    airflow.wait(120, "the task to end", lambda: airflow.states(run_id)[task_id] in ("up_for_retry", "failed"))
    airflow.clear(run_id, task_id)


def test_a_killed_task_is_tried_again(airflow, gate, under_way, warehouse):
    run_id = under_way("task")
    machine, *_ = airflow.spark()
    os.kill(machine.parent, signal.SIGKILL)
    gate.open()
    clear_when_it_failed(airflow, run_id)
    loaded_once(airflow, warehouse, "task", run_id)


def test_a_killed_jvm_fails_its_task_with_a_sentence_and_it_is_tried_again(airflow, gate, under_way, warehouse):
    run_id = under_way("jvm")
    machine, *_ = airflow.spark()
    kill([machine])
    gate.open()
    airflow.wait(60, "the task to end", lambda: airflow.states(run_id)[STAGE] == "up_for_retry")
    assert "Spark's JVM has ended" in airflow.task_log(run_id, STAGE)
    airflow.clear(run_id, STAGE)
    loaded_once(airflow, warehouse, "jvm", run_id)


def test_an_s3_server_that_is_away_fails_the_task_with_its_name_and_it_is_tried_again(
    airflow,
    gate,
    bucket,
    under_way,
    warehouse,
):
    day = DAYS["s3"]
    bucket.put_day(1, day, a_day(day)[0])
    first = f"{DIM}.plan"
    gate.away = True
    try:
        run_id = airflow.trigger(first_day=day.isoformat())
        airflow.wait(120, "the task to end", lambda: airflow.states(run_id)[first] == "up_for_retry")
    finally:
        gate.away = False
    assert f"s3://{bucket.name}/pvdaq/csv/systems_ cannot be reached at {gate.endpoint}" in airflow.task_log(
        run_id, first
    )
    airflow.clear(run_id, first)
    loaded_once(airflow, warehouse, "s3", run_id)


def test_a_locked_warehouse_fails_the_task_with_its_path_and_it_is_tried_again(airflow, bucket, warehouse):
    day = DAYS["lock"]
    bucket.put_day(1, day, a_day(day)[0])
    with duckdb.connect(warehouse.path):
        run_id = airflow.trigger(first_day=day.isoformat())
        first = f"{DIM}.plan"
        airflow.wait(120, "the task to end", lambda: airflow.states(run_id)[first] == "up_for_retry")
    assert warehouse.path in airflow.task_log(run_id, first)
    airflow.clear(run_id, first)
    loaded_once(airflow, warehouse, "lock", run_id)


def test_a_full_disk_fails_the_task_with_its_place_and_it_is_tried_again(airflow, bucket, disk, warehouse):
    if disk is None:
        pytest.skip("no disk may be mounted here that could be full")
    day = DAYS["disk"]
    bucket.put_day(1, day, a_day(day)[0])
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as out, suppress(OSError):
        while out.write(bytes(65_536)):
            pass
    run_id = airflow.trigger(first_day=day.isoformat())
    first = f"{FACT}.plan"
    airflow.wait(120, "the task to end", lambda: airflow.states(run_id)[first] == "up_for_retry")
    assert "No space left on device" in airflow.task_log(run_id, first)
    filler.unlink()
    airflow.clear(run_id, first)
    loaded_once(airflow, warehouse, "disk", run_id)


def test_a_killed_scheduler_leaves_a_run_that_the_next_one_ends(airflow, gate, under_way, warehouse):
    run_id = under_way("scheduler")
    kill(airflow.named("airflow scheduler"))
    gate.open()
    airflow.wait(60, "the scheduler to be missed", lambda: airflow.health("scheduler") != "healthy")
    airflow.start("scheduler")
    airflow.wait(120, "the scheduler", lambda: airflow.health("scheduler") == "healthy")
    loaded_once(airflow, warehouse, "scheduler", run_id)


def test_a_killed_database_comes_back_with_what_airflow_knew(airflow, gate, database, under_way, warehouse):
    run_id = under_way("postgres")
    database.kill()
    database.start()
    gate.open()

    def over():
        # What has died of it, at once or later, is started again, by compose or whoever keeps the services.
        for part in ("scheduler", "dag-processor"):
            if not airflow.named(f"airflow {part}"):
                airflow.start(part)
        answer = airflow.rest.get(f"/api/v2/dags/pv/dagRuns/{run_id}")
        return answer.is_success and answer.json()["state"] in OVER

    airflow.wait(300, "the run to end", over)
    loaded_once(airflow, warehouse, "postgres", run_id)
