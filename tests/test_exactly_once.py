"""What must hold, whatever is built: the same rows, once, whoever runs what, how often, and however it ends."""

import json
import re
import signal
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import DAYS, READINGS, ROOT, day_file, day_key, expected_rows, forget, rarely

from jobs import check, contract, ledger, plan, publish, stage, staging, steps, transform, warehouse
from jobs.cli import run_command, verify_command
from jobs.errors import (
    ConflictError,
    ContractError,
    LoadError,
    SourceError,
    SupersededError,
    UnreachableError,
    WarehouseError,
)
from jobs.listing import Window

FACT, SYSTEMS = "fact_pv_measurement", "dim_system"
EDITION = "pvdaq/csv/systems_20250601.csv"
FIFTH, SIXTH, SEVENTH = date(2019, 1, 5), date(2019, 1, 6), date(2019, 1, 7)
FOUR_DAYS = [FIFTH, SIXTH, SEVENTH, DAYS[1]]
RUN = ("run", FACT, "--from", "2019-01-05", "--to", "2019-01-08")
# Readings of the fixtures.
READ = len(expected_rows(FACT))
# Statements of publish.sql; one past the last is before the commit. A correction has two more.
STATEMENTS = 6
EVER = "timestamp >= DATETIME '1900-01-01 00:00:00'"
ANONYMOUS = {"is_anonymous": True, "project": "sunledger-test"}

WAREHOUSES = ("duckdb", "bigquery")
# The double of the service costs seconds a test.
pytestmark = pytest.mark.exhaustive_on("bigquery")


def verified(place):
    verify_command()
    return True


def checkpoints(place):
    return place.rows(
        "SELECT object_key, etag, generation, retired_generation, rows_loaded FROM etl_checkpoint "
        f"WHERE table_name = '{FACT}' ORDER BY generation, object_key"
    )


def prepared(days, systems=()):
    """Plan, stage and check a window; its plan, ready to be published."""
    planned = plan.plan(FACT, Window(*days, systems)).plans[0]
    stage.stage(planned)
    check.check(planned)
    return planned


@pytest.fixture
def two_days(place):
    """System 7 with a day of three readings and a day of two."""
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, 2.0, 3.0]))
    place.put_day(7, SIXTH, day_file(7, SIXTH, [4.0, 5.0]))
    return place


def values(place):
    return [value for (value,) in place.rows(f"SELECT value FROM {READINGS} ORDER BY timestamp")]


@pytest.mark.on_spark
@pytest.mark.always_on("bigquery")
def test_loading_twice_leaves_the_same_rows_and_the_second_finds_nothing_to_do(place, load):
    place.put_fixtures()
    load()
    once = place.facts()

    found, published = load()

    assert len(once) == len(expected_rows(FACT))
    assert (found.new, found.changed, found.unchanged, published) == (0, 0, 7, None)
    assert place.facts() == once


def test_overlapping_windows_load_each_object_once(place, load):
    place.put_fixtures()
    load(days=(FIFTH, SIXTH))

    found, published = load(days=(SIXTH, DAYS[1]))

    assert (found.new, found.unchanged, published["objects"]) == (3, 2, 3)
    assert len(place.facts()) == len(expected_rows(FACT))


def test_a_publish_run_again_changes_nothing(place, shared_session):
    place.put_fixtures()
    planned = prepared(DAYS)
    publish.publish(planned)
    once = place.facts()

    again = publish.publish(planned)

    assert again == {"objects": 0, "rows_read": 0, "rows_loaded": 0, "rows_quarantined": 0, "rows_duplicate": 0}
    assert place.facts() == once
    assert ledger.state(FACT).head == 1


@pytest.mark.always_on("bigquery")
def test_a_changed_object_replaces_only_its_rows_and_the_checkpoint_shows_both_versions(two_days, load):
    load()
    two_days.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, 2.5, 3.0]))

    found, published = load()

    assert (found.changed, found.unchanged, published["objects"]) == (1, 1, 1)
    assert values(two_days) == [1.0, 2.5, 3.0, 4.0, 5.0]
    by_day = (
        f"SELECT CAST(timestamp AS DATE) AS day, COUNT(DISTINCT load_id) AS n FROM {READINGS} GROUP BY day ORDER BY day"
    )
    assert two_days.rows(by_day) == [(FIFTH, 1), (SIXTH, 1)]
    assert two_days.rows(f"SELECT COUNT(DISTINCT load_id) AS n FROM {READINGS}") == [(2,)]
    fifth, sixth = day_key(7, FIFTH), day_key(7, SIXTH)
    assert [(key, generation, retired, rows) for key, _, generation, retired, rows in checkpoints(two_days)] == [
        (fifth, 1, 2, 3),
        (sixth, 1, None, 2),
        (fifth, 2, None, 3),
    ]
    assert len({etag for key, etag, *_ in checkpoints(two_days) if key == fifth}) == 2
    assert verified(two_days)


def test_a_corrected_object_may_have_fewer_rows_or_none(two_days, load):
    load()
    two_days.put_day(7, FIFTH, b"")

    load(accept_loss=True)

    assert values(two_days) == [4.0, 5.0]
    assert verified(two_days)


def test_an_object_that_goes_back_to_its_first_version_is_loaded_a_third_time(two_days, load):
    first, _ = load(days=(FIFTH, FIFTH))
    two_days.put_day(7, FIFTH, day_file(7, FIFTH, [9.0, 9.0]))
    load(days=(FIFTH, FIFTH))
    two_days.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, 2.0, 3.0]))

    third, _ = load(days=(FIFTH, FIFTH))

    assert third.plans[0].load_id == first.plans[0].load_id
    assert values(two_days) == [1.0, 2.0, 3.0]
    assert [(generation, retired) for _, _, generation, retired, _ in checkpoints(two_days)] == [
        (1, 2),
        (2, 3),
        (3, None),
    ]


def test_system_1_is_loaded_without_system_10(place, load):
    for ss_id in (1, 10, 100):
        place.put_day(ss_id, FIFTH, day_file(ss_id, FIFTH, [1.0]))

    load(systems=(1,))

    assert place.rows(f"SELECT DISTINCT ss_id FROM {READINGS}") == [(1,)]


@pytest.mark.always_on("bigquery")
def test_a_late_zombie_is_refused_and_changes_nothing(two_days, load):
    zombie = prepared((FIFTH, FIFTH))
    two_days.put_day(7, FIFTH, day_file(7, FIFTH, [9.0]))
    load(days=(FIFTH, FIFTH))

    with pytest.raises(SupersededError, match="planned on generation 0; since then 1 of its objects have moved on"):
        publish.publish(zombie)

    assert values(two_days) == [9.0]
    assert ledger.state(FACT).head == 1


def test_a_zombie_with_an_older_catalogue_is_refused(place, shared_session):
    place.put_fixtures()
    place.s3.delete_object(Bucket=place.bucket, Key=EDITION)
    older = plan.plan(SYSTEMS, Window()).plans[0]
    place.put_fixtures()
    newer = plan.plan(SYSTEMS, Window()).plans[0]
    for planned in (older, newer):
        stage.stage(planned)
        check.check(planned)
    publish.publish(newer)

    with pytest.raises(SupersededError):
        publish.publish(older)

    assert len(systems(place)) == len(expected_rows(SYSTEMS))


def test_overlapping_loads_planned_on_the_same_generation_share_their_objects(place, shared_session):
    place.put_fixtures()
    early, late = prepared((FIFTH, SIXTH)), prepared((SIXTH, DAYS[1]))

    first, second = publish.publish(early), publish.publish(late)

    assert (first["objects"], second["objects"]) == (4, 3)
    assert len(place.facts()) == len(expected_rows(FACT))
    assert verified(place)


def test_a_publisher_that_loses_the_head_judges_anew_and_wins_the_next(place, shared_session, monkeypatch):
    place.put_fixtures()
    mine, theirs = prepared((FIFTH, SIXTH)), prepared((SIXTH, DAYS[1]))
    judge, rounds = publish._refuse_if_superseded, []

    def overtaken(planned, due, *more):
        judge(planned, due, *more)
        if planned is mine:
            rounds.append(len(due))
            if len(rounds) == 1:
                publish.publish(theirs)

    monkeypatch.setattr(publish, "_refuse_if_superseded", overtaken)

    publish.publish(mine)

    assert rounds == [4, 2]
    assert len(place.facts()) == len(expected_rows(FACT))
    assert ledger.state(FACT).head == 2


def test_a_head_that_never_comes_free_is_an_error_and_not_a_hang(two_days, shared_session, monkeypatch):
    planned = prepared(DAYS)
    monkeypatch.setattr(publish, "ATTEMPTS", 2)
    now = ledger.state(FACT)
    monkeypatch.setattr(ledger, "state", lambda *_, **__: replace(now, head=99))

    with pytest.raises(ConflictError, match="another publisher"):
        publish.publish(planned)

    assert values(two_days) == []


def test_a_twin_that_publishes_the_same_load_in_between_is_seen(place, shared_session, monkeypatch):
    place.put_fixtures()
    mine = prepared(DAYS)
    judge, rounds = publish._refuse_if_superseded, []

    def overtaken(planned, due, *more):
        judge(planned, due, *more)
        rounds.append(len(due))
        if len(rounds) == 1:
            publish.publish(mine)

    monkeypatch.setattr(publish, "_refuse_if_superseded", overtaken)

    counts = publish.publish(mine)

    assert (rounds, counts["objects"]) == ([7, 7], 0)
    assert len(place.facts()) == len(expected_rows(FACT))
    assert ledger.state(FACT).head == 1


def test_two_publishers_at_once_leave_each_row_once(place, shared_session):
    place.put_fixtures()
    early, late = prepared((FIFTH, SIXTH)), prepared((SIXTH, DAYS[1]))

    started = [place.command("publish", planned.uri) for planned in (early, late, early, late)]
    ends = [(process.communicate(timeout=120), process.returncode) for process in started]

    assert [code for _, code in ends] == [0, 0, 0, 0], ends
    assert len(place.facts()) == len(expected_rows(FACT))
    assert verified(place)


@pytest.mark.exhaustive
def test_two_whole_runs_at_once_leave_each_row_once(place):
    place.put_fixtures()

    started = [place.command(*RUN) for _ in range(2)]
    ends = [(process.communicate(timeout=180), process.returncode) for process in started]

    assert [code for _, code in ends] == [0, 0], ends
    assert len(place.facts()) == len(expected_rows(FACT))
    assert len(place.rows(f"SELECT DISTINCT load_id FROM {READINGS}")) == 1
    assert len(place.staged("/manifest.json")) == 1
    attempts = {path.partition("attempt=")[2].partition("/")[0] for path in place.staged(".parquet")}
    assert len(attempts) == 1, "the attempt that lost the race is taken away"


def killed_at(point, place, load, left):
    """Kill a run at a point, see that so many readings are left, and run it again."""
    place.put_fixtures()
    stage.stage(plan.plan(FACT, Window(*DAYS)).plans[0])

    code, _, err = place.run(*RUN, launcher=(sys.executable, "tests/killed.py", point))

    assert code == -signal.SIGKILL, err
    assert len(place.facts()) == left
    load()
    assert len(place.facts()) == len(expected_rows(FACT))
    assert ledger.state(FACT).head == 1
    assert verified(place)


@pytest.mark.parametrize(
    ("point", "left"),
    [
        rarely("before:jobs.plan._write", 0),
        rarely("after:jobs.plan._write", 0),
        ("after:jobs.steps.stage_load", 0),
        rarely("before:jobs.ledger.record_quality", 0),
        rarely("after:jobs.ledger.record_quality", 0),
        rarely("before:jobs.publish._transact", 0),
        ("after:jobs.publish._transact", READ),
    ],
)
def test_a_kill_outside_spark_leaves_all_or_nothing_and_a_rerun_finishes(point, left, place, shared_session, load):
    killed_at(point, place, load, left)


@pytest.mark.only_on("duckdb")
@pytest.mark.parametrize("number", [*map(rarely, range(1, STATEMENTS)), STATEMENTS, rarely(STATEMENTS + 1)])
def test_a_kill_inside_the_transaction_leaves_nothing_of_it(number, place, shared_session, load):
    killed_at(f"statement:{number}", place, load, 0)


# Of the jobs of a run on BigQuery: rows for publish are loaded by the first two that name the load, then it publishes.
@pytest.mark.only_on("bigquery")
@pytest.mark.parametrize(
    ("point", "left"),
    [
        ("before:staged:jobs.warehouse.submit._submitted", 0),
        ("after:staged:jobs.warehouse.submit._submitted", 0),
        ("after:load_objects:jobs.warehouse.submit._submitted", 0),
        ("before:publish_:jobs.warehouse.submit._submitted", 0),
        # The service goes on with what it has accepted.
        ("after:publish_:jobs.warehouse.submit._submitted", READ),
    ],
)
def test_a_kill_between_two_calls_of_the_service_leaves_all_or_nothing(point, left, place, shared_session, load):
    killed_at(point, place, load, left)


def test_the_publish_transaction_has_as_many_statements_as_were_killed():
    from jobs.warehouse import sql
    from jobs.warehouse.dialect import to_duckdb

    names = {"table": "t", "leave": "", "within": "TRUE", "same_key": "live.k = incoming.k"}
    script = sql("publish", **names, key=("k",), columns=("k",))
    script = script.replace("{staged}", "staged").replace("{load_objects}", "load_objects")

    assert len(list(to_duckdb(script))) == STATEMENTS


@pytest.mark.only_on("duckdb")
@pytest.mark.parametrize("number", [rarely(1), 4, rarely(STATEMENTS + 3)])
def test_a_kill_while_a_correction_is_published_leaves_the_old_rows_or_the_new(number, two_days, shared_session, load):
    load()
    before = two_days.facts()
    two_days.put_day(7, FIFTH, day_file(7, FIFTH, [9.0, 9.0]))
    stage.stage(plan.plan(FACT, Window(*DAYS)).plans[0])

    code, _, err = two_days.run(*RUN, launcher=(sys.executable, "tests/killed.py", f"statement:{number}"))

    assert code == -signal.SIGKILL, err
    assert two_days.facts() == before
    load()
    assert values(two_days) == [9.0, 9.0, 4.0, 5.0]


@pytest.fixture
def a_day_a_load(place, monkeypatch):
    """Four days of system 7, each a load of its own."""
    for day in FOUR_DAYS:
        place.put_day(7, day, day_file(7, day, [float(day.day)]))
    monkeypatch.setattr(plan, "LOAD_DAYS", 1)
    return place


@pytest.mark.only_on("duckdb")
@pytest.mark.parametrize(("step", "staged"), [rarely("stage", 1), ("publish", 2)])
def test_a_run_of_many_loads_that_is_killed_goes_on_with_those_that_are_left(
    step, staged, a_day_a_load, shared_session_without_spark, load
):
    """What it had published stays, and what it had staged is not staged again."""
    point = f"load:{step}:2"

    code, _, err = a_day_a_load.run(*RUN, launcher=(sys.executable, "tests/killed.py", point))

    assert code == -signal.SIGKILL, err
    assert values(a_day_a_load) == [5.0]
    before = a_day_a_load.staged("manifest.json")
    assert len(before) == staged
    found, published = load()
    assert (found.new, found.unchanged, len(found.plans), published["objects"]) == (3, 1, 3, 3)
    assert values(a_day_a_load) == [5.0, 6.0, 7.0, 8.0]
    after = a_day_a_load.staged("manifest.json")
    assert len(after) == 4
    assert {path: after[path] for path in before} == before
    assert [generation for _, _, generation, _, _ in checkpoints(a_day_a_load)] == [1, 2, 3, 4]
    assert verified(a_day_a_load)


@pytest.mark.only_on("duckdb")
def test_a_load_that_is_refused_does_not_hold_the_others_of_its_run(
    a_day_a_load, shared_session_without_spark, monkeypatch, capsys
):
    a_day_a_load.put_day(7, SIXTH, b"ac_power__1,system_id\n10,7\n")
    window = {"first": FOUR_DAYS[0], "last": FOUR_DAYS[-1]}

    with pytest.raises(LoadError, match="(?s)1 of 4 loads were refused, and the others are published:.*measured_on"):
        run_command(FACT, **window)

    assert values(a_day_a_load) == [5.0, 7.0, 8.0]
    assert "3 read = 3 loaded" in " ".join(capsys.readouterr().out.split())
    a_day_a_load.put_day(7, SIXTH, day_file(7, SIXTH, [6.0]))
    run_command(FACT, **window)
    assert values(a_day_a_load) == [5.0, 6.0, 7.0, 8.0]
    assert verified(a_day_a_load)


@pytest.mark.only_on("duckdb")
def test_a_source_that_is_away_ends_a_run_of_many_loads_at_once(
    a_day_a_load, shared_session_without_spark, monkeypatch
):
    tried = []

    def away(planned, progress):
        tried.append(planned)
        raise UnreachableError("it does not answer")

    monkeypatch.setattr(stage, "stage", away)

    with pytest.raises(UnreachableError, match="it does not answer"):
        run_command(FACT, first=FOUR_DAYS[0], last=FOUR_DAYS[-1])

    assert len(tried) == 1


def processes_of_session(number):
    """Tell the processes that belong to a session, zombies left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(") ")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session) == number and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize(
    "point", ["files:1", *map(rarely, ("before:jobs.staging.write_manifest", "after:jobs.staging.write_manifest"))]
)
def test_a_kill_inside_the_spark_job_leaves_no_jvm_and_no_rows_and_a_rerun_finishes(point, place, shared_session, load):
    place.put_fixtures()
    with place.command(*RUN, launcher=(sys.executable, "tests/killed.py", point), start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        deadline = time.monotonic() + 30
        while processes_of_session(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        left = processes_of_session(process.pid)
        process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert left == []
    assert place.facts() == []
    load()
    assert len(place.facts()) == len(expected_rows(FACT))
    assert verified(place)


def test_staged_files_that_are_gone_are_staged_again(two_days, load):
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    manifest = stage.stage(planned)
    staging.remove(manifest["attempt"])

    load()

    assert values(two_days) == [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.on_spark
def test_two_machines_write_the_same_bytes_and_the_same_load(place, new_place, shared_session, monkeypatch):
    place.put_fixtures()
    monkeypatch.setattr(plan, "GROUP_OBJECTS", 2)
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    here = stage.stage(planned)
    elsewhere = new_place("duckdb", bucket=place.bucket)
    for name, value in elsewhere.environment.items():
        monkeypatch.setenv(name, value)
    forget()

    there = stage.stage(plan.plan(FACT, Window(*DAYS)).plans[0])

    assert planned.group_count == 4
    assert here["attempt"] != there["attempt"]
    assert {**here, "attempt": ""} == {**there, "attempt": ""}
    ours, theirs = (
        {path.rpartition("attempt=")[2].partition("/")[2]: body for path, body in one.staged(".parquet").items()}
        for one in (place, elsewhere)
    )
    assert len(ours) == 4
    assert ours == theirs


def test_spark_submit_and_the_dag_make_the_same_load_as_the_command_line(place, new_place, load, tmp_path):
    place.put_fixtures()
    found, _ = load()
    load("dim_system")
    by_hand = place.facts()
    program = Path(sys.executable).with_name
    submitted, scheduled = (new_place(place.kind, bucket=place.bucket) for _ in range(2))
    airflow = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps({"conn_type": "google_cloud_platform", "extra": ANONYMOUS}),
    }

    code, _, err = submitted.run(
        *RUN, launcher=(str(program("spark-submit")), "--master", "local[1]", "jobs/__main__.py")
    )
    assert code == 0, err
    code, _, err = scheduled.run("db", "migrate", launcher=(str(program("airflow")),), environment=airflow)
    assert code == 0, err
    form = '{"first_day": "2019-01-05", "last_day": "2019-01-08"}'
    arguments = ("dags", "test", "pv", "--conf", form)
    code, _, err = scheduled.run(*arguments, launcher=(str(program("airflow")),), environment=airflow)
    assert code == 0, err

    for other in (submitted, scheduled):
        assert other.rows(f"SELECT DISTINCT load_id FROM {READINGS}") == [(found.plans[0].load_id,)]
        assert other.facts() == by_hand
    assert scheduled.rows("SELECT * EXCEPT (load_id) FROM dim_system ORDER BY ss_id, valid_from") == place.rows(
        "SELECT * EXCEPT (load_id) FROM dim_system ORDER BY ss_id, valid_from"
    )


def test_a_vanished_object_is_reported_and_its_rows_stay(two_days, load):
    load()
    two_days.s3.delete_object(Bucket=two_days.bucket, Key=day_key(7, FIFTH))

    found, published = load()

    assert (found.vanished, published) == ([day_key(7, FIFTH)], None)
    assert len(values(two_days)) == 5


@pytest.mark.always_on("bigquery")
def test_a_vanished_object_is_retired_on_request(two_days, load):
    load()
    two_days.s3.delete_object(Bucket=two_days.bucket, Key=day_key(7, FIFTH))

    load(retire_vanished=True)

    assert values(two_days) == [4.0, 5.0]
    assert [(key, retired) for key, _, _, retired, _ in checkpoints(two_days)] == [
        (day_key(7, FIFTH), 2),
        (day_key(7, SIXTH), None),
    ]
    assert verified(two_days)


def test_an_empty_listing_never_empties_a_table(two_days, load):
    load()
    for day in (FIFTH, SIXTH):
        two_days.s3.delete_object(Bucket=two_days.bucket, Key=day_key(7, day))

    found, _ = load(systems=(7,))
    with pytest.raises(SourceError, match="an empty listing never empties a table"):
        load(systems=(7,), retire_vanished=True)

    assert len(found.vanished) == 2
    assert len(values(two_days)) == 5


def systems(place):
    """The history of all systems; what a rerun must not change."""
    return place.rows(f"SELECT * EXCEPT (load_id) FROM {SYSTEMS} ORDER BY ss_id, valid_from")


def test_loading_the_history_twice_leaves_the_same_rows_and_the_second_finds_nothing_to_do(place, load):
    place.put_fixtures()
    load(SYSTEMS)
    once = systems(place)

    found, published = load(SYSTEMS)

    assert (found.new, found.changed, found.unchanged, published) == (0, 0, 12, None)
    assert systems(place) == once
    assert len(once) == len(expected_rows(SYSTEMS))
    assert verified(place)


def test_editions_make_the_same_history_in_whatever_order_they_come(place, new_place, load, monkeypatch):
    # Which object a row belongs to is compared by key, for an object's identity has its bucket in it.
    told = f"""SELECT systems.* EXCEPT (load_id, object_id), object_key FROM {SYSTEMS} AS systems
        JOIN etl_checkpoint AS loaded ON loaded.object_id = systems.object_id AND loaded.load_id = systems.load_id
        ORDER BY ss_id, valid_from"""
    place.put_fixtures()
    load(SYSTEMS)
    at_once = place.rows(told)
    later = new_place(place.kind)
    for name, value in later.environment.items():
        monkeypatch.setenv(name, value)
    forget()
    later.put_fixtures()
    held = [f"pvdaq/csv/systems_{edition}.csv" for edition in ("20241231", "20250101", "20250601")]
    for key in held:
        later.s3.delete_object(Bucket=later.bucket, Key=key)

    # The newest first, then the oldest, then the one between.
    for key in (held[2], held[0], held[1]):
        later.put(key, (ROOT / "fixtures/dim_system" / key).read_bytes())
        load(SYSTEMS)

    assert len(at_once) == len(expected_rows(SYSTEMS))
    assert later.rows(told) == at_once
    assert ledger.state(SYSTEMS).head == 3
    assert verified(later)


def test_a_corrected_older_edition_changes_its_own_row_and_leaves_the_others(place, load):
    place.put_fixtures()
    load(SYSTEMS)
    before = systems(place)
    key = "pvdaq/csv/systems_20250101.csv"
    body = (ROOT / "fixtures/dim_system" / key).read_bytes()
    place.put(key, body.replace(b",180,30,", b",180,35,"))

    found, _ = load(SYSTEMS)

    assert (found.new, found.changed, found.unchanged) == (0, 1, 11)
    after = systems(place)
    assert [now[0] for was, now in zip(before, after, strict=True) if was != now] == [1]
    tilts = f"SELECT tilt_deg, valid_from, valid_to FROM {SYSTEMS} WHERE ss_id = 1 ORDER BY valid_from"
    assert place.rows(tilts) == [
        (30.0, date(2024, 12, 31), date(2025, 1, 1)),
        (35.0, date(2025, 1, 1), date(2025, 6, 1)),
        (18.5, date(2025, 6, 1), None),
    ]
    assert verified(place)


def test_a_corrected_tilt_does_not_rewrite_what_was_known_before(place, load):
    place.put_fixtures()
    load(SYSTEMS)
    known = f"""SELECT * EXCEPT (load_id, valid_to, is_current) FROM {SYSTEMS}
        WHERE valid_from <= DATE '2025-07-01' AND (valid_to IS NULL OR DATE '2025-07-01' < valid_to) ORDER BY ss_id"""
    last_year = place.rows(known)
    body = (ROOT / "fixtures/dim_system" / EDITION).read_bytes()
    place.put("pvdaq/csv/systems_20260101.csv", body.replace(b",181.2,18.5,", b",181.2,20.5,"))

    load(SYSTEMS)

    assert place.rows(known) == last_year
    assert place.rows(f"SELECT tilt_deg, is_current FROM {SYSTEMS} WHERE ss_id = 1 ORDER BY valid_from DESC")[:2] == [
        (20.5, True),
        (18.5, False),
    ]
    assert verified(place)


def test_a_vanished_edition_is_reported_and_never_loses_history_in_silence(place, load):
    place.put_fixtures()
    load(SYSTEMS)
    once = systems(place)
    place.s3.delete_object(Bucket=place.bucket, Key=EDITION)

    found, published = load(SYSTEMS)

    assert (found.vanished, published) == ([EDITION], None)
    place.put("pvdaq/csv/systems_20260101.csv", (ROOT / "fixtures/dim_system" / EDITION).read_bytes())
    with pytest.raises(SourceError, match=f"1 editions have vanished.*: {EDITION}; nothing was planned. Plan with"):
        load(SYSTEMS)
    assert systems(place) == once

    load(SYSTEMS, retire_vanished=True)

    assert place.rows(f"SELECT DISTINCT valid_from FROM {SYSTEMS} WHERE ss_id IN (10, 34, 77)") == [(date(2026, 1, 1),)]
    assert EDITION not in ledger.state(SYSTEMS).live
    assert load(SYSTEMS)[1] is None
    assert verified(place)


def test_what_has_no_date_and_vanishes_is_reported_and_goes_with_the_next_load(place, load):
    place.put_fixtures()
    load(SYSTEMS)
    once = systems(place)
    gone = [
        "pvdaq/csv/system_metadata/34_system_metadata.json",
        "pvdaq/parquet/site/part-00000-1f2e-c000.snappy.parquet",
    ]
    for key in gone:
        place.s3.delete_object(Bucket=place.bucket, Key=key)

    found, published = load(SYSTEMS)

    assert (found.vanished, found.retired, published) == (gone, 0, None)
    assert systems(place) == once
    place.put("pvdaq/csv/systems_20260101.csv", (ROOT / "fixtures/dim_system" / EDITION).read_bytes())

    found, _ = load(SYSTEMS)

    assert (found.new, found.vanished, found.retired) == (1, gone, 2)
    assert set(gone).isdisjoint(ledger.state(SYSTEMS).live)
    assert place.rows(f"SELECT COUNT(*) AS n FROM {SYSTEMS} WHERE temperature_mean_degc IS NOT NULL") == [(0,)]
    again, nothing = load(SYSTEMS)
    assert (again.vanished, nothing) == ([], None)
    assert verified(place)


def test_systems_that_only_what_has_vanished_describes_are_not_lost_in_silence(place, load):
    place.put_fixtures()
    shed = b'{"System": {"system_id": "%d", "public_name": "Shed"}}'
    for ss_id in (201, 202, 203):
        place.put(f"pvdaq/csv/system_metadata/{ss_id}_system_metadata.json", shed % ss_id)
    load(SYSTEMS)
    once = systems(place)
    for ss_id in (201, 202, 203):
        place.s3.delete_object(Bucket=place.bucket, Key=f"pvdaq/csv/system_metadata/{ss_id}_system_metadata.json")
    place.put("pvdaq/csv/systems_20260101.csv", (ROOT / "fixtures/dim_system" / EDITION).read_bytes())

    with pytest.raises(ContractError, match="close_to_what_it_replaces"):
        load(SYSTEMS)

    assert systems(place) == once
    load(SYSTEMS, accept_loss=True)
    assert place.rows(f"SELECT COUNT(*) AS n FROM {SYSTEMS} WHERE ss_id BETWEEN 201 AND 203") == [(0,)]


def test_a_part_file_under_another_name_is_not_taken_for_vanished(place, load):
    place.put_fixtures()
    load(SYSTEMS)
    key = "pvdaq/parquet/site/part-00000-1f2e-c000.snappy.parquet"
    place.s3.delete_object(Bucket=place.bucket, Key=key)
    site = pq.read_table(ROOT / "fixtures/dim_system" / key)
    warmer = site.set_column(site.column_names.index("av_temp"), "av_temp", pa.array(["9.5", "22.1", ""]))
    body = pa.BufferOutputStream()
    pq.write_table(warmer, body)
    place.put(key.replace("1f2e", "9a9a"), body.getvalue().to_pybytes())

    found, _ = load(SYSTEMS)

    assert (found.new, found.unchanged, found.vanished) == (1, 11, [])
    assert place.rows(f"SELECT DISTINCT temperature_mean_degc FROM {SYSTEMS} WHERE ss_id = 1") == [(9.5,)]
    assert verified(place)


@pytest.mark.exhaustive_on("bigquery")
@pytest.mark.parametrize(
    ("point", "is_published"),
    [
        rarely("after:jobs.plan._write", False),
        rarely("after:jobs.steps.stage_load", False),
        rarely("after:jobs.ledger.record_quality", False),
        ("before:jobs.publish._transact", False),
        rarely("after:jobs.publish._transact", True),
    ],
)
def test_a_kill_while_a_new_edition_is_loaded_leaves_the_old_history_or_the_new(
    point, is_published, place, shared_session, load
):
    place.put_fixtures()
    load(SYSTEMS)
    before = systems(place)
    body = (ROOT / "fixtures/dim_system" / EDITION).read_bytes()
    place.put("pvdaq/csv/systems_20260101.csv", body.replace(b",181.2,18.5,", b",181.2,20.5,"))
    stage.stage(plan.plan(SYSTEMS, Window()).plans[0])

    code, _, err = place.run("run", SYSTEMS, launcher=(sys.executable, "tests/killed.py", point))

    assert code == -signal.SIGKILL, err
    assert (systems(place) == before) is not is_published
    load(SYSTEMS)
    assert len(systems(place)) == len(before) + 1
    assert ledger.state(SYSTEMS).head == 2
    assert verified(place)


@pytest.mark.exhaustive
def test_two_runs_of_the_history_at_once_leave_each_row_once(place):
    place.put_fixtures()

    started = [place.command("run", SYSTEMS) for _ in range(2)]
    ends = [(process.communicate(timeout=180), process.returncode) for process in started]

    assert [code for _, code in ends] == [0, 0], ends
    assert len(systems(place)) == len(expected_rows(SYSTEMS))
    assert ledger.state(SYSTEMS).head == 1


def test_a_corrected_dictionary_replaces_its_own_systems_channels_and_no_others(place, load):
    place.put_fixtures()
    load("dim_sensor")
    before = place.rows("SELECT * EXCEPT (load_id) FROM dim_sensor WHERE ss_id <> 901 ORDER BY ss_id, sensor")
    key = "pvdaq/csv/system_metadata/10901_system_metadata.json"
    body = (ROOT / "fixtures/dim_sensor" / key).read_bytes()
    place.put("pvdaq/csv/system_metadata/901_system_metadata.json", body.replace(b"10901", b"901"))

    found, _ = load("dim_sensor")

    assert (found.new, found.changed, found.unchanged, found.vanished) == (0, 1, 5, [])
    assert place.rows("SELECT * EXCEPT (load_id) FROM dim_sensor WHERE ss_id <> 901 ORDER BY ss_id, sensor") == before
    ((channels,),) = place.rows("SELECT COUNT(*) FROM dim_sensor WHERE ss_id = 901")
    assert channels == sum(ss_id == 10901 for ss_id, *_ in place.rows("SELECT ss_id FROM dim_sensor"))
    assert load("dim_sensor")[1] is None
    assert verified(place)


def test_a_dictionary_in_parquet_takes_the_place_of_the_same_systems_json(place, load):
    place.put_fixtures()
    load("dim_sensor")
    folder = "pvdaq/parquet/metrics"
    of_1 = pq.read_table(ROOT / f"fixtures/dim_sensor/{folder}/metrics__system_1__part000.parquet")
    body = pa.BufferOutputStream()
    pq.write_table(of_1.slice(1, 2).set_column(0, "system_id", pa.array([10901] * 2, pa.int32())), body)
    place.put(f"{folder}/metrics__system_10901__part000.parquet", body.getvalue().to_pybytes())

    found, counts = load("dim_sensor", accept_loss=True)

    # The metadata of 1 and 10 stand behind their parquet too.
    assert (found.new, found.outranked, counts["objects"]) == (1, 3, 1)
    assert place.rows("SELECT sensor, described_by FROM dim_sensor WHERE ss_id = 10901 ORDER BY sensor") == [
        ("module_temp__104", "metrics_parquet"),
        ("poa_irradiance__103", "metrics_parquet"),
    ]
    assert load("dim_sensor")[1] is None
    assert verified(place)


def test_what_an_older_transform_loaded_is_restated_only_on_request(two_days, load):
    load()
    two_days.change("UPDATE etl_checkpoint SET transform_version = 0 WHERE TRUE;")

    told, nothing = load()
    restated, published = load(restate=True)

    assert (told.outdated, nothing) == (2, None)
    assert (restated.changed, published["objects"]) == (2, 2)
    assert values(two_days) == [1.0, 2.0, 3.0, 4.0, 5.0]
    versions = (
        "SELECT transform_version, COUNT(retired_generation) AS retired, COUNT(*) AS n FROM etl_checkpoint "
        "GROUP BY transform_version ORDER BY transform_version"
    )
    assert two_days.rows(versions) == [(0, 2, 2), (4, 0, 2)]
    assert verified(two_days)


def test_two_objects_for_one_day_are_refused_before_anything_is_read(two_days, load):
    two_days.put(day_key(7, FIFTH).replace("month=1/day=5", "month=01/day=05"), day_file(7, FIFTH, [1.0]))

    with pytest.raises(SourceError, match=r"more than one object.*month=01/day=05.* and .*month=1/day=5"):
        load()


def test_a_renamed_object_cannot_double_its_rows(two_days, load):
    load()
    two_days.s3.delete_object(Bucket=two_days.bucket, Key=day_key(7, FIFTH))
    two_days.put(day_key(7, FIFTH).replace("month=1/day=5", "month=01/day=05"), day_file(7, FIFTH, [1.0, 2.0, 3.0]))

    with pytest.raises(ContractError, match="3 rows whose key is in the table from another object"):
        load()
    load(retire_vanished=True)

    assert values(two_days) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert verified(two_days)


def test_a_plan_of_another_transform_is_refused_at_every_step(two_days, monkeypatch):
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    monkeypatch.setattr(transform.of(FACT), "VERSION", 99)

    for step in (steps.stage_load, steps.check_load, steps.publish_load):
        with pytest.raises(SupersededError, match="was planned for contract 1.3.0 and transform 4, and these are now"):
            step("run", planned.uri)


def test_a_verdict_holds_for_its_plan_only(two_days, load):
    first = prepared((FIFTH, FIFTH))
    load(days=(SIXTH, SIXTH))
    second = plan.plan(FACT, Window(FIFTH, FIFTH)).plans[0]

    with pytest.raises(ContractError, match="was not checked; nothing was published"):
        publish.publish(second)

    assert first.load_id == second.load_id
    assert publish.publish(first)["objects"] == 1


def test_a_plan_that_accepts_and_one_that_does_not_never_share_file_or_verdict(two_days, load, shared_session):
    load()
    two_days.put_day(7, FIFTH, b"")
    strict = plan.plan(FACT, Window(*DAYS)).plans[0]
    lenient = plan.plan(FACT, Window(*DAYS), accept_loss=True).plans[0]

    assert (strict.load_id, strict.uri != lenient.uri) == (lenient.load_id, True)
    assert (plan.read(strict.uri), plan.read(lenient.uri)) == (strict, lenient)
    stage.stage(strict)
    check.check(lenient)
    with pytest.raises(ContractError, match="was not checked"):
        publish.publish(strict)
    with pytest.raises(ContractError, match="must be"):
        check.check(strict)
    publish.publish(lenient)
    assert values(two_days) == [4.0, 5.0]


def test_a_publish_whose_log_line_cannot_be_written_is_done_all_the_same(two_days, shared_session, monkeypatch, caplog):
    planned = prepared(DAYS)
    opened = warehouse.warehouse()
    transact = opened.transact

    def no_log(script, *more, **options):
        if "INSERT INTO etl_run" in script:
            raise WarehouseError("no room for another line. Nothing was published")
        return transact(script, *more, **options)

    monkeypatch.setattr(opened, "transact", no_log)

    counts, _ = steps.publish_load("run", planned.uri)

    assert counts["rows_loaded"] == 5
    (said,) = [record.getMessage() for record in caplog.records if "etl_run" in record.getMessage()]
    assert said == f"{FACT} publish is done, but etl_run could not be written: no room for another line"


def test_a_warehouse_that_was_made_anew_under_its_old_name_is_loaded_again(two_days, load):
    load()
    once = values(two_days)
    two_days.change(
        f"DELETE FROM {FACT} WHERE {EVER}; DELETE FROM etl_head WHERE TRUE; DELETE FROM etl_checkpoint WHERE TRUE; "
        "DELETE FROM etl_quality WHERE TRUE;"
    )

    _, published = load()

    assert published["objects"] == 2
    assert values(two_days) == once
    assert ledger.state(FACT).head == 1


def test_an_unchecked_load_is_not_published(two_days, shared_session):
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    stage.stage(planned)

    with pytest.raises(ContractError, match="was not checked; nothing was published"):
        publish.publish(planned)

    assert values(two_days) == []


def test_a_window_with_nothing_new_starts_no_jvm(two_days, load, tmp_path):
    load()
    no_java = {"PATH": str(tmp_path), "JAVA_HOME": ""}

    code, out, err = two_days.run(*RUN, environment=no_java)

    assert code == 0, err
    assert "Nothing to do" in out


def test_a_run_that_needs_spark_without_java_says_how_to_get_it(two_days, tmp_path):
    code, _, err = two_days.run(*RUN, environment={"PATH": str(tmp_path), "JAVA_HOME": ""})

    assert code == 1
    assert "error: Spark needs Java 17, there is none. On Debian: sudo apt-get install openjdk-17-jre-headless" in err
    assert "Traceback" not in err


def test_every_row_leads_back_to_an_object_version(place, load):
    place.put_fixtures()
    load()

    orphans = place.rows(
        f"SELECT COUNT(*) AS n FROM {READINGS} AS f LEFT JOIN etl_checkpoint AS c "
        "ON c.object_id = f.object_id AND c.load_id = f.load_id AND c.retired_generation IS NULL "
        "WHERE c.object_id IS NULL"
    )

    assert orphans == [(0,)]


def test_verify_finds_a_lost_row_and_a_doubled_one(two_days, load):
    load()
    columns = ", ".join(contract.load(FACT).column_names)
    two_days.change(f"DELETE FROM {FACT} WHERE {EVER} AND value = 1.0;")
    two_days.change(f"INSERT INTO {FACT} ({columns}) SELECT {columns} FROM {FACT} WHERE {EVER} AND value = 4.0;")

    code, out, err = two_days.run("verify")

    assert code == 1
    assert re.search(r"system_7__date_2019_01_05.csv\) should have 3 rows and has 2", err)
    assert re.search(r"system_7__date_2019_01_06.csv\) should have 2 rows and has 3", err)
    assert "1 keys stand more than once" in err
    assert "fact_pv_measurement: NOT as its checkpoint says" in out


def test_every_table_of_the_project_is_known_to_the_suite():
    loaded = [contract.load(table) for table in contract.names() if contract.load(table).sources]
    derived = [promised.table for promised in loaded if promised.derived_from]

    tables = [promised.table for promised in loaded if not promised.derived_from]
    # What has landed, and what is made of it, is held to the same in modules of its own.
    landed = ["dim_assumption", "dim_emission_factor", "dim_generating_unit", "dim_grid_region", "dim_org_unit"]
    landed += ["dim_price_index", "dim_system_region", "fact_activity_emissions", "fact_emissions_inventory"]
    landed += ["fact_grid_intensity_hourly", "fact_unit_emissions_hourly"]
    assert sorted(tables) == sorted(["dim_sensor", "dim_system", FACT, *landed]), "give the new table its place here"
    avoided = "fact_avoided_emissions_hourly"
    marts = ["fact_pv_energy_hourly", "fact_pv_performance_daily"]
    assert derived == [avoided, *marts], "give it its place in test_derived.py, or in a module of its own"
