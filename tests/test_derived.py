"""Derived tables: units come and go with what they are built from, exactly once, and with nothing else."""

import json
import signal
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import DAYS, READINGS, ROOT, day_file, day_key, forget, rarely
from pyspark.sql import functions as F

from jobs import check, contract, derived, ledger, plan, publish, stage, staging
from jobs.cli import verify_command
from jobs.errors import LoadError, StagingError, SupersededError
from jobs.listing import Window

FACT, DAILY, HOURLY = "fact_pv_measurement", "fact_pv_performance_daily", "fact_pv_energy_hourly"
FIFTH, SIXTH = date(2019, 1, 5), date(2019, 1, 6)
RUN = ("run", DAILY, "--from", "2019-01-05", "--to", "2019-01-08")
CATALOGUE = (ROOT / "fixtures/dim_system/pvdaq/csv/systems_20250601.csv").read_bytes()

WAREHOUSES = ("duckdb", "bigquery")
# The double of the service costs seconds a test.
pytestmark = pytest.mark.exhaustive_on("bigquery")


def hourly_sums(measurements, systems, sensors):
    """Stand for the daily transform, for readings an hour apart: what is at stake here is what it is given."""
    made = measurements.groupBy("ss_id", F.to_date("timestamp").alias("day")).agg(
        (F.sum("value") / 1000).alias("energy_ac_kwh")
    )
    made = made.join(systems, ["ss_id"], "left").select(
        "*", (F.col("energy_ac_kwh") / F.col("dc_capacity_kw")).alias("specific_yield_h")
    )
    nothing = {"FLOAT64": F.lit(0.0), "INT64": F.lit(1).cast("long"), "STRING": F.lit(None).cast("string")}
    columns = [column for column in contract.load(DAILY).columns if column.name not in ("load_id", "object_id")]
    return made.select(*(c.name if c.name in made.columns else nothing[c.type].alias(c.name) for c in columns))


@pytest.fixture
def load(load, monkeypatch):
    """Load in this process, daily rows with a transform that takes a second."""
    monkeypatch.setattr("jobs.tables.fact_pv_performance_daily.transform", hourly_sums)
    return load


@pytest.fixture
def two_days(place, load):
    """System 1 with a day of 1 kW for three hours and a day of 2 kW for two, and their marts."""
    place.put("pvdaq/csv/systems_20250601.csv", CATALOGUE)
    place.put_day(1, FIFTH, day_file(1, FIFTH, [1000.0] * 3))
    place.put_day(1, SIXTH, day_file(1, SIXTH, [2000.0] * 2))
    load("dim_system")
    load()
    load(DAILY)
    return place


def energy(place):
    return place.rows(f"SELECT ss_id, day, energy_ac_kwh FROM {DAILY} ORDER BY ss_id, day")


def loads(place):
    """The load of each row, by its day."""
    return dict(place.rows(f"SELECT day, load_id FROM {DAILY} ORDER BY day"))


def test_a_derived_table_has_a_row_for_each_day_that_its_fact_covers(two_days):
    assert energy(two_days) == [(1, FIFTH, 3.0), (1, SIXTH, 4.0)]
    assert two_days.rows(f"SELECT specific_yield_h FROM {DAILY} ORDER BY day") == [(3.0 / 2.912,), (4.0 / 2.912,)]
    assert two_days.rows(
        "SELECT bucket, object_key, size_bytes, first_day, last_day, rows_loaded FROM etl_checkpoint "
        f"WHERE table_name = '{DAILY}' ORDER BY object_key"
    ) == [(FACT, "ss_id=1/day=2019-01-05", 3, FIFTH, FIFTH, 1), (FACT, "ss_id=1/day=2019-01-06", 2, SIXTH, SIXTH, 1)]
    verify_command()


def test_a_second_run_finds_nothing_to_do(two_days, load):
    found, published = load(DAILY)

    assert (found.new, found.changed, found.unchanged, published) == (0, 0, 2, None)


@pytest.mark.only_on("duckdb")
def test_planning_a_derived_table_needs_no_java(two_days, tmp_path):
    two_days.change(
        f"DELETE FROM {DAILY} WHERE day >= DATE '1900-01-01'; DELETE FROM etl_checkpoint WHERE table_name = '{DAILY}';"
    )

    code, out, err = two_days.run("plan", *RUN[1:], environment={"PATH": str(tmp_path), "JAVA_HOME": ""})

    assert code == 0, err
    assert f"{DAILY}: 2 new" in err
    assert "/plan-1-" in out


@pytest.mark.always_on("bigquery")
def test_a_corrected_day_changes_just_its_own_derived_row(two_days, load):
    before = loads(two_days)
    two_days.put_day(1, FIFTH, day_file(1, FIFTH, [1500.0] * 3))
    load()

    found, published = load(DAILY)

    assert (found.changed, found.unchanged, published["objects"]) == (1, 1, 1)
    assert energy(two_days) == [(1, FIFTH, 4.5), (1, SIXTH, 4.0)]
    after = loads(two_days)
    assert (after[FIFTH] != before[FIFTH], after[SIXTH] == before[SIXTH]) == (True, True)
    verify_command()


def test_a_day_that_is_loaded_again_by_another_load_is_derived_again(two_days, load):
    two_days.change(
        f"UPDATE etl_checkpoint SET transform_version = 0 WHERE table_name = '{FACT}' AND first_day = DATE '{FIFTH}';"
    )
    load(restate=True)

    found, _ = load(DAILY)

    assert (found.changed, found.unchanged) == (1, 1)
    assert energy(two_days) == [(1, FIFTH, 3.0), (1, SIXTH, 4.0)]


@pytest.mark.only_on("duckdb")
def test_a_new_day_reads_no_other_load(two_days, load, monkeypatch):
    two_days.put_day(1, date(2019, 1, 7), day_file(1, date(2019, 1, 7), [3000.0] * 2))
    (made,) = load()[0].plans
    asked = []
    read_manifest = staging.read_manifest
    monkeypatch.setattr(staging, "read_manifest", lambda *of: asked.append(of) or read_manifest(*of))

    load(DAILY)

    assert {load_id for table, load_id in asked if table == FACT} == {made.load_id}
    assert energy(two_days)[-1] == (1, date(2019, 1, 7), 6.0)


def test_a_corrected_nameplate_changes_the_days_of_its_system_and_no_others(two_days, load):
    two_days.put_day(10, FIFTH, day_file(10, FIFTH, [5000.0] * 2))
    load()
    load(DAILY)
    two_days.put("pvdaq/csv/systems_20250701.csv", CATALOGUE.replace(b"2.912", b"4"))
    load("dim_system")

    found, _ = load(DAILY)

    assert (found.changed, found.unchanged) == (2, 1)
    assert two_days.rows(f"SELECT specific_yield_h FROM {DAILY} WHERE ss_id = 1 ORDER BY day") == [(0.75,), (1.0,)]


@pytest.mark.only_on("duckdb")
def test_a_new_catalogue_that_says_the_same_of_what_is_used_changes_nothing(two_days, load):
    two_days.put("pvdaq/csv/systems_20250701.csv", CATALOGUE.replace(b"Bergen", b"Byron"))
    load("dim_system")

    found, published = load(DAILY)

    assert (found.changed, found.unchanged, published) == (0, 2, None)


@pytest.mark.only_on("duckdb")
def test_an_older_catalogue_that_comes_late_changes_what_was_known_and_nothing_that_is_derived(two_days, load):
    two_days.put("pvdaq/csv/systems_20250101.csv", CATALOGUE.replace(b"2.912", b"4"))
    load("dim_system")

    found, published = load(DAILY)

    capacities = "SELECT dc_capacity_kw, is_current FROM dim_system WHERE ss_id = 1 ORDER BY valid_from"
    assert two_days.rows(capacities) == [(4.0, False), (2.912, True)]
    assert (found.changed, found.unchanged, published) == (0, 2, None)


def test_a_retired_day_takes_its_derived_row_with_it(two_days, load):
    two_days.s3.delete_object(Bucket=two_days.bucket, Key=day_key(1, FIFTH))
    load(retire_vanished=True)

    found, _ = load(DAILY)

    assert (found.vanished, found.retired) == (["ss_id=1/day=2019-01-05"], 1)
    assert energy(two_days) == [(1, SIXTH, 4.0)]
    verify_command()


@pytest.mark.only_on("duckdb")
def test_the_last_retired_day_empties_the_derived_table(two_days, load):
    two_days.change(f"UPDATE etl_checkpoint SET retired_generation = 2 WHERE table_name = '{FACT}';")

    load(DAILY)

    assert energy(two_days) == []
    assert load(DAILY)[0].vanished == []


@pytest.mark.only_on("duckdb")
def test_a_day_without_readings_is_a_unit_without_a_row(two_days, load):
    two_days.put_day(1, date(2019, 1, 8), b"")
    load()

    found, published = load(DAILY)

    assert (found.new, published["objects"], published["rows_loaded"]) == (1, 1, 0)
    assert load(DAILY)[0].unchanged == 3


@pytest.mark.only_on("duckdb")
def test_a_window_and_a_list_of_systems_bound_what_is_planned_and_what_vanishes(two_days, load):
    two_days.change(f"UPDATE etl_checkpoint SET retired_generation = 2 WHERE table_name = '{FACT}';")

    assert plan.plan(DAILY, Window(SIXTH, SIXTH)).vanished == ["ss_id=1/day=2019-01-06"]
    assert plan.plan(DAILY, Window(*DAYS, (10,))).vanished == []
    assert len(plan.plan(DAILY, Window()).vanished) == 2


def test_inputs_that_move_between_plan_and_stage_refuse_the_load(two_days, load):
    two_days.put_day(1, FIFTH, day_file(1, FIFTH, [1500.0] * 3))
    load()
    late = plan.plan(DAILY, Window(*DAYS)).plans[0]
    two_days.put_day(1, FIFTH, day_file(1, FIFTH, [1600.0] * 3))
    load()

    with pytest.raises(
        SupersededError, match=r"what 1 of its units are built from has changed.*ss_id=1/day=2019-01-05"
    ):
        stage.stage(late)

    load(DAILY)
    assert energy(two_days)[0] == (1, FIFTH, pytest.approx(4.8))


@pytest.mark.only_on("duckdb")
def test_staged_files_of_the_fact_that_are_gone_are_told_with_their_load_and_can_be_staged_again(two_days, load):
    two_days.put_day(1, FIFTH, day_file(1, FIFTH, [1500.0] * 3))
    (made,) = load()[0].plans
    staging.remove(staging.read_manifest(FACT, made.load_id)["attempt"])
    told = f"staged files of {FACT} load {made.load_id}, which is live, are gone.*Stage it again with its plan in .*"

    with pytest.raises(StagingError, match=told + made.load_id):
        load(DAILY)
    assert energy(two_days)[0] == (1, FIFTH, 3.0)

    stage.stage(made)
    load(DAILY)
    assert energy(two_days)[0] == (1, FIFTH, 4.5)


def test_two_machines_derive_the_same_bytes_and_the_same_load(two_days, new_place, monkeypatch, load):
    elsewhere = new_place("duckdb", bucket=two_days.bucket)
    (here,) = set(loads(two_days).values())
    for name, value in elsewhere.environment.items():
        monkeypatch.setenv(name, value)
    forget()
    for table in ("dim_system", FACT, DAILY):
        load(table)

    assert set(loads(elsewhere).values()) == {here}
    ours, theirs = (
        {
            path.rpartition("attempt=")[2].partition("/")[2]: body
            for path, body in one.staged(".parquet").items()
            if path.startswith(f"{DAILY}/")
        }
        for one in (two_days, elsewhere)
    )
    assert list(ours) == ["month=2019-01/part-00000.parquet"]
    assert ours == theirs


@pytest.mark.parametrize(
    ("point", "left"),
    [
        rarely("after:jobs.plan._write", 0),
        rarely("before:jobs.derived.derive", 0),
        rarely("before:jobs.staging.write_manifest", 0),
        rarely("after:jobs.steps.stage_load", 0),
        rarely("after:jobs.ledger.record_quality", 0),
        rarely("before:jobs.publish._transact", 0),
        ("after:jobs.publish._transact", 2),
    ],
)
def test_a_kill_between_the_steps_leaves_all_or_nothing_and_a_rerun_finishes(point, left, place, load):
    place.put_day(1, FIFTH, day_file(1, FIFTH, [1000.0] * 3))
    place.put_day(1, SIXTH, day_file(1, SIXTH, [2000.0] * 2))
    load()
    if "publish" in point or "steps" in point or "record" in point:
        stage.stage(plan.plan(DAILY, Window(*DAYS)).plans[0])

    code, _, err = place.run(*RUN, launcher=(sys.executable, "tests/killed.py", point))

    assert code == -signal.SIGKILL, err
    assert len(energy(place)) == left
    load(DAILY)
    assert energy(place) == [(1, FIFTH, 3.0), (1, SIXTH, 4.0)]
    assert ledger.state(DAILY).head == 1
    verify_command()


@pytest.mark.only_on("duckdb")
def test_a_publish_of_a_derived_load_run_again_changes_nothing(two_days):
    two_days.change(
        f"DELETE FROM {DAILY} WHERE day >= DATE '1900-01-01'; DELETE FROM etl_checkpoint WHERE table_name = '{DAILY}';"
    )
    made = plan.plan(DAILY, Window(*DAYS)).plans[0]
    stage.stage(made)
    check.check(made)

    first, second = publish.publish(made), publish.publish(made)

    assert (first["objects"], second["objects"]) == (2, 0)
    assert len(energy(two_days)) == 2


@pytest.mark.only_on("duckdb")
def test_an_object_whose_key_names_no_day_covers_the_months_of_its_files(two_days, load):
    two_days.change(
        f"UPDATE etl_checkpoint SET first_day = NULL, last_day = NULL WHERE table_name = '{FACT}' AND "
        f"first_day = DATE '{FIFTH}';"
    )

    found = plan.plan(DAILY, Window())

    # The sixth has a further object; the others of January have one, and only the fifth has readings in it.
    assert (found.new, found.changed, found.unchanged) == (29, 1, 1)
    assert load(DAILY, days=(None, None))[1]["rows_loaded"] == 1
    assert energy(two_days) == [(1, FIFTH, 3.0), (1, SIXTH, 4.0)]


@pytest.mark.only_on("duckdb")
def test_an_object_whose_key_names_no_system_is_told(two_days):
    two_days.change(f"UPDATE etl_checkpoint SET object_key = 'elsewhere' WHERE table_name = '{FACT}';")

    with pytest.raises(LoadError, match=f"{FACT} holds elsewhere, whose key names no system; nothing was planned"):
        plan.plan(DAILY, Window(*DAYS))


@pytest.fixture
def with_instants(place):
    """Metadata of system 1, whose clock is seven hours behind UTC."""
    known = {"System": {"system_id": 1, "timezone_code": "7"}}
    place.put("pvdaq/csv/system_metadata/1_system_metadata.json", json.dumps(known).encode())


def hours(place):
    return place.rows(f"SELECT hour_start_utc, energy_ac_kwh FROM {HOURLY} ORDER BY hour_start_utc")


def test_hours_of_utc_are_built_from_the_days_around_them(place, load, with_instants):
    place.put_day(1, FIFTH, day_file(1, FIFTH, [None, *[1000.0] * 23]).replace(b"None", b""))
    place.put_day(1, SIXTH, day_file(1, SIXTH, [2000.0] * 2))
    load()

    found, published = load(HOURLY, days=(date(2019, 1, 1), date(2019, 1, 31)))

    assert (found.new, published["objects"], published["rows_loaded"]) == (4, 4, 25)
    start = datetime(2019, 1, 5, 8, tzinfo=UTC)
    assert hours(place) == [(start + timedelta(hours=n), 1.0 if n < 23 else 2.0) for n in range(25)]
    verify_command()


def test_a_corrected_day_changes_the_hours_of_the_days_around_it_and_no_others(place, load, with_instants):
    days = [date(2019, 1, number) for number in range(3, 9)]
    for day in days:
        place.put_day(1, day, day_file(1, day, [1000.0] * 24))
    load(days=(days[0], days[-1]))
    load(HOURLY, days=(days[0], days[-1]))
    place.put_day(1, FIFTH, day_file(1, FIFTH, [3000.0] * 24))
    load()

    found, _ = load(HOURLY, days=(days[0], days[-1]))

    assert (found.changed, found.unchanged) == (3, 3)
    changed = [hour for hour, kwh in hours(place) if kwh == 3.0]
    assert (changed[0], len(changed)) == (datetime(2019, 1, 5, 7, tzinfo=UTC), 24)
    assert {kwh for _, kwh in hours(place)} == {1.0, 3.0}
    verify_command()


@pytest.mark.only_on("duckdb")
def test_readings_without_an_instant_give_no_hours(place, load):
    place.put_day(1, FIFTH, day_file(1, FIFTH, [1000.0] * 24))
    load()

    _, published = load(HOURLY)

    assert (published["objects"], published["rows_loaded"]) == (2, 0)
    assert hours(place) == []


@pytest.mark.only_on("duckdb")
def test_a_unit_is_of_its_inputs_and_of_nothing_else(two_days):
    def versions():
        return [entry.version for entry in derived.units(contract.load(DAILY), Window(*DAYS)).values()]

    before = versions()
    two_days.change(
        "UPDATE etl_checkpoint SET generation = generation + 5, published_at = CURRENT_TIMESTAMP() WHERE TRUE;"
    )

    assert versions() == before
    assert len({version.etag for version in before}) == 2
    assert two_days.rows(f"SELECT COUNT(*) AS n FROM {READINGS}") == [(5,)]
