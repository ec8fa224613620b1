"""The DAGs in a real Airflow: backfills, reruns, failures, kills and alerts, seen from its API and the warehouse."""

import json
import os
import signal
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

import duckdb
import psycopg2
import pytest
from conftest import postgres
from receivers import MailServer, Webhook, listening
from sandbox import ROOT, environment
from standalone import OVER, Gate, Standalone

# One Airflow serves them all.
pytestmark = [pytest.mark.xdist_group("airflow"), pytest.mark.exhaustive]

FACT, DIM, SENSORS = "fact_pv_measurement", "dim_system", "dim_sensor"
STAGE = f"{FACT}.stage"
WELL = "all_tables_are_well"

# Each test that writes has a day of its own; what it finds does not depend on the tests before it.
BAD_DAY, MARKED_DAY, KILLED_DAY, ALERT_DAY, LATE_DAY, MART_DAY = (date(2019, 2, day) for day in range(1, 7))
OF_TWO_LOADS, DEAR_DAY, HELD_DAY, GONE_DAY = (date(2019, 2, day) for day in range(7, 11))
# A system whose days and whole record are two loads.
TWO_LOADS = 77
SECRET, MAIL_SECRET = "T0/B0/aSecretThatNobodyShallSee", "anotherSecretThatNobodyShallSee"


def a_day(day):
    """A file of a day with three readings, and those readings."""
    readings = [
        (1, datetime(day.year, day.month, day.day, hour), "ac_power__101", value)
        for hour, value in ((0, -3.5), (12, 2150.0), (13, 2160.0))
    ]
    lines = [f"{moment},{value},{ss_id}" for ss_id, moment, _, value in readings]
    return "\n".join(["measured_on,ac_power__101,system_id", *lines, ""]), readings


@dataclass
class Bucket:
    """The bucket of the tests."""

    name: str
    s3: object

    def __post_init__(self):
        self.s3.create_bucket(Bucket=self.name)

    def put_fixtures(self):
        for root in (ROOT / "fixtures").glob("*/pvdaq"):
            for path in filter(Path.is_file, root.rglob("*")):
                key = path.relative_to(root.parent).as_posix()
                self.s3.put_object(Bucket=self.name, Key=key, Body=path.read_bytes())

    def put_day(self, ss_id, day, body):
        key = f"pvdaq/csv/pvdata/system_id={ss_id}/{folder(day)}system_{ss_id}__date_{day:%Y_%m_%d}.csv"
        self.s3.put_object(Bucket=self.name, Key=key, Body=body.encode())
        return f"s3://{self.name}/{key}"


def folder(day):
    return f"year={day.year}/month={day.month}/day={day.day}/"


@dataclass
class Warehouse:
    """The warehouse of the tests; a connection keeps all tasks out, so it is as short as may be."""

    path: str

    def rows(self, query, *values):
        deadline = time.monotonic() + 30
        while True:
            try:
                with closing(duckdb.connect(self.path, read_only=True)) as connection:
                    return connection.execute(query, values).fetchall()
            except duckdb.IOException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def readings(self, day):
        return self.rows(
            f"SELECT ss_id, timestamp, sensor, value FROM {FACT} WHERE timestamp::DATE = ? ORDER BY ALL", day
        )

    def expected(self, table):
        """The rows of a fixture's expected.csv and of its table, in the types of the table."""
        columns = self.rows("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?", table)
        path = ROOT / "fixtures" / table / "expected.csv"
        header = path.read_text().partition("\n")[0].split(",")
        types = {name: kind for name, kind in columns if name in header}
        assert set(header) - set(types) == {"why"}
        casts = ", ".join(f"CAST({name} AS {kind})" for name, kind in types.items())
        return (
            self.rows(f"SELECT {casts} FROM read_csv(?, header=true, all_varchar=true) ORDER BY ALL", str(path)),
            self.rows(f"SELECT {', '.join(types)} FROM {table} ORDER BY ALL"),
        )


@pytest.fixture(scope="module")
def bucket(server):
    """A bucket of this module's own on the tests' S3 server, with the fixtures in it."""
    made = Bucket("public-airflow", server.client())
    made.put_fixtures()
    return made


@pytest.fixture(scope="module")
def gate(server):
    with Gate(server.endpoint) as between:
        yield between


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def webhook():
    with listening(Webhook) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def mails():
    with listening(MailServer) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def airflow(home, gate, bucket, webhook, mails):
    host, port = webhook.server.server_address
    mail_host, mail_port = mails.server.server_address
    connections = {
        "ALERTS": {"conn_type": "http", "host": f"http://{host}", "port": port, "password": f"services/{SECRET}"},
        "MAIL": {
            "conn_type": "smtp",
            "host": mail_host,
            "port": mail_port,
            "login": "sunledger",
            "password": MAIL_SECRET,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "sunledger@example.org"},
        },
    }
    variables = environment(
        home,
        SPARK_UI="http://spark.example.org:8081",
        ALERT_WEBHOOK_CONN="alerts",
        ALERT_SMTP_CONN="mail",
        ALERT_EMAIL_TO="operator@example.org",
        ALERT_AFTER_HOURS="0.001",
        **{f"AIRFLOW_CONN_{name}": json.dumps(connection) for name, connection in connections.items()},
        AWS_ENDPOINT_URL_S3=gate.endpoint,
        PVDAQ_BUCKET=bucket.name,
        AIRFLOW__CORE__PARALLELISM="4",
        AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME="0.3",
        # JVMs that live for seconds: a third of their time is the second compiler.
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


@dataclass
class Loaded:
    """What a backfill over the fixtures has left."""

    runs: dict[str, dict]
    measurements: tuple[list, list]
    systems: tuple[list, list]

    def day(self, day):
        (run_id,) = [key for key, run in self.runs.items() if run["data_interval_start"].startswith(day)]
        return run_id


@pytest.fixture(scope="module")
def loaded(airflow, warehouse):
    """The fixtures, loaded by a backfill from the REST API while the first scheduled run is under way too."""
    airflow.call("PATCH", "dags/pv", is_paused=False)
    airflow.call(
        "POST",
        "backfills",
        dag_id="pv",
        from_date="2019-01-05T00:00:00Z",
        to_date="2019-01-08T00:00:00Z",
        max_active_runs=2,
    )

    def over():
        runs = airflow.runs()
        return {run["run_type"] for run in runs.values()} >= {"backfill", "scheduled"} and (
            {run["state"] for run in runs.values()} <= OVER and runs
        )

    runs = airflow.wait(300, "the backfill to end", over)
    return Loaded(
        {key: run for key, run in runs.items() if run["run_type"] == "backfill"},
        warehouse.expected(FACT),
        warehouse.expected(DIM),
    )


@pytest.fixture
def stage_under_way(airflow, gate, bucket, loaded):
    """Start a run whose Spark job waits for S3; give its id, its JVM and the Python workers of that."""

    def start(day):
        bucket.put_day(1, day, a_day(day)[0])
        gate.hold(folder(day))
        run_id = airflow.trigger(first_day=day.isoformat())
        airflow.wait(120, "Spark to read the object", gate.held.is_set)
        assert airflow.states(run_id)[STAGE] == "running"
        machine, *workers = airflow.spark()
        assert workers
        return run_id, machine, workers

    yield start
    gate.open()


def wait_until_gone(airflow, *gone):
    """Wait until processes have ended: 30 s, of which Airflow takes up to 5 to ask and 5 to insist."""
    pids = {one.pid for one in gone}
    airflow.wait(30, "Spark to end", lambda: pids.isdisjoint(one.pid for one in airflow.running()))


def test_a_run_with_a_bad_form_is_refused_and_not_made(airflow):
    before = airflow.runs().keys()
    answer = airflow.rest.post(
        "/api/v2/dags/pv/dagRuns", json={"logical_date": None, "conf": {"first_day": "2019-13-45"}}
    )
    assert answer.status_code in (400, 422)
    assert "'2019-13-45' is not a 'date'" in answer.text
    assert airflow.runs().keys() == before


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"first_day": "2019-01-05", "systems": [1, 99999]}, "there is no system 99999: neither in the catalogue"),
        ({"first_day": "2019-01-08", "last_day": "2019-01-05"}, "the window ends on 2019-01-05, before it starts on"),
        (
            {"first_day": "1985-01-01", "last_day": "2024-12-31"},
            "has 14,610 days, and a run without a budget takes 366",
        ),
    ],
)
def test_a_form_that_cannot_be_meant_fails_its_first_task_at_once_and_says_why(airflow, loaded, form, said):
    run_id = airflow.trigger(**form)
    states = airflow.finish(run_id, 60)
    refused = (run_id, WELL, *(f"{table}.plan" for table in (DIM, SENSORS, FACT)))
    assert {states[task_id] for task_id in refused} == {"failed"}
    assert {state for task_id, state in states.items() if task_id not in refused} == {"upstream_failed"}
    assert said in airflow.task_log(run_id, f"{DIM}.plan")


def test_the_asset_graph_leads_from_the_bucket_to_the_marts_and_events_tell_what_is_live(airflow, bucket, loaded):
    assets = {asset["name"]: asset for asset in airflow.call("GET", "assets?limit=100")["assets"]}
    daily = assets["fact_pv_performance_daily"]["id"]
    answer = airflow.rest.get("/ui/dependencies", params={"node_id": f"asset:{daily}", "dependency_type": "data"})
    names = {node["label"] for node in answer.json()["nodes"]}
    assert {f"s3://{bucket.name}/pvdaq/csv/pvdata", FACT, "fact_pv_performance_daily", f"pv.{FACT}.publish"} <= names
    events = airflow.call("GET", f"assets/events?asset_id={assets[FACT]['id']}&limit=100")["asset_events"]
    (fifth,) = [event for event in events if event["source_run_id"] == loaded.day("2019-01-05")]
    (load,) = fifth["extra"]["loads"]
    # Of each of the two systems a file, with 8 and 15 readings.
    assert (load["objects"], load["rows_loaded"]) == (2, 23)


def test_a_backfill_ends_with_every_day_loaded(loaded):
    states = {run["data_interval_start"][:10]: run["state"] for run in loaded.runs.values()}
    assert states == dict.fromkeys(("2019-01-05", "2019-01-06", "2019-01-07", "2019-01-08"), "success")


def test_a_backfill_loads_exactly_the_expected_rows(loaded):
    expected, found = loaded.measurements
    assert len(expected) == 45
    assert found == expected
    expected, found = loaded.systems
    assert len(expected) == 10
    assert found == expected


def test_a_day_with_nothing_but_an_empty_file_is_in_the_checkpoint(loaded, warehouse):
    found = warehouse.rows(
        "SELECT object_key, size_bytes, rows_read, rows_loaded, retired_generation FROM etl_checkpoint "
        "WHERE table_name = ? AND first_day = DATE '2019-01-08'",
        FACT,
    )
    key = "pvdaq/csv/pvdata/system_id=10/year=2019/month=1/day=8/system_10__date_2019_01_08.csv"
    assert found == [(key, 0, 0, 0, None)]


def test_a_second_run_over_the_same_days_skips_all_work_and_changes_nothing(airflow, loaded, warehouse):
    before = warehouse.rows("SELECT * FROM etl_checkpoint ORDER BY ALL")
    run_id = airflow.trigger(first_day="2019-01-05", last_day="2019-01-08")
    states = airflow.finish(run_id)
    assert states == {
        run_id: "success",
        WELL: "skipped",
        **{f"{table}.plan": "success" for table in (DIM, SENSORS, FACT)},
        **{f"{table}.{step}": "skipped" for table in (DIM, SENSORS, FACT) for step in ("stage", "check", "publish")},
    }
    assert warehouse.rows("SELECT * FROM etl_checkpoint ORDER BY ALL") == before
    expected, found = warehouse.expected(DIM)
    assert found == expected


def test_the_log_of_stage_has_the_lines_of_spark(airflow, loaded):
    log = airflow.task_log(loaded.day("2019-01-05"), STAGE)
    assert "WARN NativeCodeLoader: Unable to load native-hadoop library" in log
    assert " on local[*]: 1 tasks" in log
    assert f"{FACT} stage: 2 objects" in log


def test_a_bad_object_fails_its_run_and_publishes_nothing(airflow, bucket, loaded, warehouse):
    bucket.put_day(1, BAD_DAY, a_day(BAD_DAY)[0])
    bad = bucket.put_day(10, BAD_DAY, f"ac_power__201,system_id\n{BAD_DAY} 00:00:00,10\n")
    run_id = airflow.trigger(first_day=BAD_DAY.isoformat())
    states = airflow.finish(run_id)
    assert (states[run_id], states[STAGE]) == ("failed", "failed"), "another try would say the same"
    assert f"{bad} has no column measured_on" in airflow.task_log(run_id, STAGE)
    assert {states[f"{FACT}.check"], states[f"{FACT}.publish"]} == {"upstream_failed"}
    assert warehouse.readings(BAD_DAY) == []
    assert warehouse.rows("SELECT object_key FROM etl_checkpoint WHERE first_day = ?", BAD_DAY) == []


def test_a_catalogue_that_fails_does_not_hold_the_measurements_and_fails_the_run(airflow, bucket, loaded, warehouse):
    bucket.put_day(1, HELD_DAY, a_day(HELD_DAY)[0])
    broken = "pvdaq/csv/systems_20260101.csv"
    bucket.s3.put_object(Bucket=bucket.name, Key=broken, Body=b"no_id\n1\n")
    try:
        run_id = airflow.trigger(first_day=HELD_DAY.isoformat())
        states = airflow.finish(run_id)
    finally:
        bucket.s3.delete_object(Bucket=bucket.name, Key=broken)
    assert (states[f"{DIM}.stage"], states[f"{FACT}.publish"], states[WELL]) == ("failed", "success", "failed")
    assert states[run_id] == "failed"
    assert warehouse.readings(HELD_DAY) == a_day(HELD_DAY)[1]


def test_a_file_that_is_gone_is_taken_out_if_the_form_says_so(airflow, bucket, loaded, warehouse):
    uri = bucket.put_day(1, GONE_DAY, a_day(GONE_DAY)[0])
    airflow.finish(airflow.trigger(first_day=GONE_DAY.isoformat()))
    assert len(warehouse.readings(GONE_DAY)) == 3
    bucket.s3.delete_object(Bucket=bucket.name, Key=uri.removeprefix(f"s3://{bucket.name}/"))
    airflow.finish(airflow.trigger(first_day=GONE_DAY.isoformat(), systems=[1, 10]))
    assert len(warehouse.readings(GONE_DAY)) == 3
    # An empty listing never empties a table, so there is another system's file of the day.
    bucket.put_day(10, GONE_DAY, a_day(GONE_DAY)[0].replace(",1\n", ",10\n"))
    run_id = airflow.trigger(first_day=GONE_DAY.isoformat(), retire_vanished=True)
    assert airflow.finish(run_id)[run_id] == "success"
    assert {ss_id for ss_id, *_ in warehouse.readings(GONE_DAY)} == {10}


def test_a_load_that_is_refused_does_not_hold_the_others_and_clearing_the_run_takes_it_up(
    airflow, bucket, loaded, warehouse
):
    # Days and whole records are never one load.
    record = f"pvdaq/2023-solar-data-prize/{TWO_LOADS}_OEDI/data/{TWO_LOADS}_meter_15m_data.csv"
    bucket.s3.put_object(Bucket=bucket.name, Key=record, Body=b"no_time,inv_01_ac_power_inv_1\nx,1\n")
    bucket.put_day(TWO_LOADS, OF_TWO_LOADS, a_day(OF_TWO_LOADS)[0].replace(",1\n", f",{TWO_LOADS}\n"))

    run_id = airflow.trigger(all_days=True, systems=[TWO_LOADS])

    assert airflow.finish(run_id)[run_id] == "failed"
    by_load = {
        (task["task_id"].partition(".")[2], task["rendered_map_index"]): task["state"]
        for task in airflow.tasks(run_id)
        if task["task_id"].startswith(FACT) and task["map_index"] >= 0
    }
    record_load, day_load = "1 object, system 77", "2019-02-07, 1 object, system 77"
    assert by_load.pop(("stage", record_load)) == "failed"
    assert {by_load.pop((step, day_load)) for step in ("stage", "check", "publish")} == {"success"}
    # They never ran, so that nothing has named them.
    assert set(by_load.values()) == {"upstream_failed"}
    assert len(warehouse.readings(OF_TWO_LOADS)) == 3

    bucket.s3.put_object(Bucket=bucket.name, Key=record, Body=b"")
    airflow.clear(run_id, f"{FACT}.plan", downstream=True)
    assert airflow.finish(run_id)[run_id] == "success"
    checkpoint = "SELECT rows_loaded FROM etl_checkpoint WHERE object_key LIKE ? ORDER BY ALL"
    assert warehouse.rows(checkpoint, f"%/{TWO_LOADS}_OEDI/%") == [(0,)]
    assert len(warehouse.readings(OF_TWO_LOADS)) == 3


def test_an_estimate_and_a_run_above_its_budget_end_with_their_plan(airflow, bucket, loaded, warehouse):
    bucket.put_day(1, DEAR_DAY, a_day(DEAR_DAY)[0])
    plan = f"{FACT}.plan"

    estimated = airflow.trigger(first_day=DEAR_DAY.isoformat(), estimate_only=True)
    refused = airflow.trigger(first_day=DEAR_DAY.isoformat(), budget_gb=0)

    assert airflow.finish(estimated)[estimated] == "success"
    states = airflow.finish(refused)
    assert (states[refused], states[plan], states[STAGE]) == ("failed", "failed", "upstream_failed")
    said = airflow.task_log(refused, plan)
    assert "BudgetError" in said
    assert f"{FACT}, 1 loads of 1 new" in said
    log = airflow.task_log(estimated, plan)
    assert f"{FACT} loads: 1, each published at once and by itself" in log
    assert f"{FACT} time: about 0.0" in log
    assert airflow.states(estimated)[STAGE] == "skipped"
    assert warehouse.readings(DEAR_DAY) == []


def test_word_of_a_failure_goes_to_the_webhook_and_by_mail_with_its_sentence_and_where_its_log_is(
    airflow, bucket, loaded, webhook, mails
):
    bucket.put_day(1, ALERT_DAY, f"ac_power__101,system_id\n{ALERT_DAY} 00:00:00,10\n")
    run_id = airflow.trigger(first_day=ALERT_DAY.isoformat())
    airflow.finish(run_id)

    def told():
        return [text for path, text in webhook.got if run_id in text and path == f"/services/{SECRET}"]

    airflow.wait(30, "the webhook to be told", told)
    (text,) = told()
    subject, run, table, load, why, *more = text.splitlines()
    assert subject == f"Sunledger: pv failed at stage of {FACT}"
    assert run == f"Run: {run_id}, try 1"
    assert table == f"Table: {FACT}"
    assert len(load.removeprefix("Load: ")) == 32
    assert why == f"Why: SourceError: {FACT}: 1 of 1 objects cannot be loaded; nothing was published:"
    assert "has no column measured_on" in more[0]
    assert f"/dags/pv/runs/{quote(run_id)}/tasks/{STAGE}" in more[-1]
    (letter,) = [one for one in mails.got if run_id in one[2]]
    assert letter[:2] == (["operator@example.org"], subject)
    assert "has no column measured_on" in letter[2]


def test_the_note_of_a_run_tells_what_it_has_loaded(airflow, loaded):
    def note(run_id):
        return airflow.call("GET", f"dags/pv/dagRuns/{run_id}")["note"]

    notes = {day: note(loaded.day(f"2019-01-0{day}")) for day in (5, 6, 7)}
    assert f"{FACT}: 23 rows of 2 objects in load " in notes[5]
    assert f"{FACT}: 19 rows of 2 objects in load " in notes[6]
    assert all(text.startswith("Loaded: ") for text in notes.values())
    again = airflow.trigger(first_day="2019-01-05", last_day="2019-01-08")
    airflow.finish(again)
    assert note(again) == f"Loaded: {'; '.join(f'{table}: nothing to do' for table in (SENSORS, DIM, FACT))}"


def test_the_note_of_a_run_that_failed_names_the_step_and_a_persons_note_stays(airflow, bucket, loaded):
    run_id = airflow.trigger(first_day="2019-01-08", last_day="2019-01-05")
    airflow.finish(run_id)
    run = f"dags/pv/dagRuns/{run_id}"
    assert (
        airflow.call("GET", run)["note"]
        == f"Loaded: {'; '.join(f'{table}: failed at plan' for table in (SENSORS, DIM, FACT))}"
    )
    airflow.call("PATCH", f"{run}?update_mask=note", note="mistyped, never mind")
    airflow.clear(run_id, f"{DIM}.plan")
    airflow.finish(run_id)
    assert airflow.call("GET", run)["note"] == "mistyped, never mind"


def test_a_stage_leads_to_sparks_page(airflow, loaded):
    path = f"dags/pv/dagRuns/{loaded.day('2019-01-05')}/taskInstances/{STAGE}/links?map_index=0"
    assert airflow.call("GET", path)["extra_links"] == {"Spark": "http://spark.example.org:8081"}


def test_clearing_a_publish_that_is_done_changes_nothing(airflow, loaded, warehouse):
    before = warehouse.rows(f"SELECT * FROM {FACT} ORDER BY ALL"), warehouse.rows("SELECT * FROM etl_head ORDER BY ALL")
    run_id = loaded.day("2019-01-06")
    airflow.clear(run_id, f"{FACT}.publish")
    assert airflow.finish(run_id)[run_id] == "success"
    assert "is published already" in airflow.task_log(run_id, f"{FACT}.publish", 2)
    after = warehouse.rows(f"SELECT * FROM {FACT} ORDER BY ALL"), warehouse.rows("SELECT * FROM etl_head ORDER BY ALL")
    assert after == before


def test_a_backfill_run_that_is_cleared_looks_at_its_own_day_again(airflow, loaded):
    run_id = loaded.day("2019-01-06")
    airflow.clear(run_id, f"{FACT}.plan")
    assert airflow.finish(run_id)[run_id] == "success"
    # The day's two files, and nothing of the days beside it.
    said = "nothing to do: 0 new, 0 changed, 2 unchanged, 0 vanished"
    assert said in airflow.task_log(run_id, f"{FACT}.plan", 2)


def test_a_publish_starts_the_marts_which_look_at_all_days(airflow, bucket, loaded, warehouse):
    airflow.call("PATCH", "dags/marts", is_paused=False)
    bucket.put_day(1, MART_DAY, a_day(MART_DAY)[0])
    airflow.finish(airflow.trigger(first_day=MART_DAY.isoformat()))

    def started():
        return [key for key, run in airflow.runs("marts").items() if run["run_type"] == "asset_triggered"]

    (run_id,) = airflow.wait(60, "the marts to be started", started)
    assert airflow.finish(run_id, 300, "marts")[run_id] == "success"
    found = warehouse.rows("SELECT ss_id, day FROM fact_pv_performance_daily ORDER BY ALL")
    days = [(1, 5), (1, 6), (10, 5), (10, 6), (10, 7)]
    assert {(ss_id, date(2019, 1, day)) for ss_id, day in days} | {(1, MART_DAY)} <= set(found)
    airflow.call("PATCH", "dags/marts", is_paused=True)


def test_marking_a_running_stage_failed_stops_spark_and_a_fresh_run_repairs(airflow, gate, stage_under_way, warehouse):
    run_id, machine, workers = stage_under_way(MARKED_DAY)
    airflow.mark_failed(run_id, STAGE)
    wait_until_gone(airflow, machine, *workers)
    assert airflow.finish(run_id)[run_id] == "failed"
    assert warehouse.readings(MARKED_DAY) == []
    gate.open()
    fresh = airflow.trigger(first_day=MARKED_DAY.isoformat())
    assert airflow.finish(fresh)[fresh] == "success"
    assert warehouse.readings(MARKED_DAY) == a_day(MARKED_DAY)[1]


def test_killing_the_process_of_a_stage_stops_spark_and_clearing_the_task_repairs(
    airflow, gate, stage_under_way, warehouse
):
    run_id, machine, workers = stage_under_way(KILLED_DAY)
    os.kill(machine.parent, signal.SIGKILL)
    wait_until_gone(airflow, machine, *workers)
    airflow.wait(30, "Airflow to see it", lambda: airflow.states(run_id)[STAGE] == "up_for_retry")
    assert warehouse.readings(KILLED_DAY) == []
    gate.open()
    # The same as its retry, without the wait.
    airflow.clear(run_id, STAGE)
    assert airflow.finish(run_id)[run_id] == "success"
    assert warehouse.readings(KILLED_DAY) == a_day(KILLED_DAY)[1]


def test_word_of_a_run_that_is_late_goes_out_while_it_still_runs_and_none_of_a_backfill(
    airflow, gate, stage_under_way, webhook
):
    run_id, *_ = stage_under_way(LATE_DAY)

    def told():
        return [text for _, text in webhook.got if run_id in text]

    airflow.wait(200, "the webhook to be told", told)
    subject, run, why, page = told()[0].splitlines()
    assert (subject, run) == ("Sunledger: pv is late", f"Run: {run_id}")
    assert why.startswith("Why: it should have been over by 20")
    assert why.endswith("Z, and is running")
    assert page == f"Run's page: {airflow.environment['AIRFLOW__API__BASE_URL']}/dags/pv/runs/{quote(run_id)}"
    gate.open()
    assert airflow.finish(run_id)[run_id] == "success"
    assert [text for _, text in webhook.got if "is late" in text and "backfill__" in text] == []


def test_upkeep_verifies_expires_and_names_what_is_late(airflow, loaded, webhook):
    # Nobody has looked at the marts since the measurements changed, and that is an hour ago at most.
    airflow.call("PATCH", "dags/upkeep", is_paused=False)
    run_id = airflow.trigger("upkeep")
    states = airflow.finish(run_id, dag_id="upkeep")
    assert states == dict.fromkeys((run_id, "verify", "verify_all", "expire", "freshness"), "success")
    log = "".join(airflow.task_log(run_id, task, dag_id="upkeep") for task in ("verify", "verify_all"))
    assert log.count(f"{FACT}: ok, ") == 2
    assert "0 staged loads were taken away" in airflow.task_log(run_id, "expire", dag_id="upkeep")
    assert f"{DIM} was in step 0 h ago" in airflow.task_log(run_id, "freshness", dag_id="upkeep")


# Last, after all that these tests make Airflow do.


def test_no_secret_is_in_any_log_or_in_the_metadata_database(airflow, home, webhook, mails):
    assert [path for path, _ in webhook.got if path == f"/services/{SECRET}"], "the secret was not in use"
    assert mails.got
    logs = [path for path in home.rglob("*") if path.is_file() and (path.suffix == ".log" or "logs" in path.parts)]
    assert len(logs) > 20
    secrets = [SECRET, MAIL_SECRET]
    assert [path for path in logs if any(one in path.read_text(errors="replace") for one in secrets)] == []
    with closing(
        psycopg2.connect(airflow.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", ""))
    ) as database:
        cursor = database.cursor()
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [table for (table,) in cursor.fetchall()]
        assert {"dag_run", "task_instance", "rendered_task_instance_fields", "log", "callback", "connection"} <= set(
            tables
        )
        found = {}
        for table in tables:
            cursor.execute(
                f'SELECT COUNT(*) FROM "{table}" AS entry WHERE entry::text LIKE ANY(%s)',
                ([f"%{one}%" for one in secrets],),
            )
            found[table] = cursor.fetchone()[0]
    assert {table: count for table, count in found.items() if count} == {}
