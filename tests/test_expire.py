"""Staged loads that nothing needs go; what live loads and derived tables need stays, whenever who expires is killed."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import DAYS, ROOT, day_file, rarely
from pyarrow import fs

from jobs import check, contract, expire, plan, publish, stage, staging, verify
from jobs.errors import StagingError
from jobs.listing import Window

WAREHOUSES = ["duckdb", "bigquery"]
pytestmark = pytest.mark.exhaustive_on("bigquery")
FACT, DAILY = "fact_pv_measurement", "fact_pv_performance_daily"
FIFTH = DAYS[0]
LATER = datetime.now(UTC) + timedelta(days=31)


def put(place, *values):
    place.put_day(1, FIFTH, day_file(1, FIFTH, values))


def expired(**asked):
    return [(one.table, one.load_id) for one in expire.expire("test", **{"now": LATER, **asked})]


def staged(table=FACT):
    return sorted(staging.loads(table))


def live(place, table=FACT):
    return [
        load
        for (load,) in place.rows(
            f"SELECT DISTINCT load_id FROM etl_checkpoint WHERE table_name = '{table}' "
            "AND retired_generation IS NULL ORDER BY load_id"
        )
    ]


def faults():
    return [fault for verdict in verify.verify() for fault in verdict.faults]


@pytest.fixture
def corrected(place, load):
    """A day of two systems, of which one was corrected, then the other: one load is wholly superseded, one half."""
    put(place, 1.0, 2.0)
    place.put_day(10, FIFTH, day_file(10, FIFTH, [5.0]))
    load()
    (both,) = live(place)
    put(place, 1.0, 3.0)
    load()
    (second,) = set(live(place)) - {both}
    put(place, 1.0, 4.0)
    load()
    return both, second


@pytest.mark.always_on("bigquery")
def test_a_load_goes_when_all_of_it_is_superseded_and_stays_while_one_object_is_live(place, corrected):
    both, second = corrected

    assert expired() == [(FACT, second)]

    assert both in staged()
    assert staged() == live(place)
    assert faults() == []


def test_what_was_superseded_lately_stays(place, corrected):
    assert expired(now=datetime.now(UTC) + timedelta(days=29)) == []
    assert len(staged()) == 3


def test_a_dry_run_tells_what_would_go_and_takes_nothing_away(place, corrected):
    before = place.staged("")

    assert expired(dry_run=True) == [(FACT, corrected[1])]

    assert place.staged("") == before
    assert place.rows("SELECT * FROM etl_run WHERE step = 'expire'") == []


def test_what_was_taken_away_is_in_the_log(place, corrected):
    size = sum(one.size for one in staging.loads(FACT)[corrected[1]])

    expired()

    said = place.rows("SELECT table_name, outcome, message FROM etl_run WHERE step = 'expire'")
    assert said == [(FACT, "done", f"1 staged loads, {size:,} bytes")]


def test_a_load_that_was_never_published_goes_when_nobody_has_written_to_it_for_long(place, load):
    put(place, 1.0)
    (planned,) = plan.plan(FACT, Window(*DAYS)).plans

    assert expired(now=datetime.now(UTC) + timedelta(days=29)) == []
    assert expired() == [(FACT, planned.load_id)]
    assert staged() == []

    with pytest.raises(StagingError, match="there is no plan"):
        plan.read(planned.uri)


def test_derived_tables_are_built_anew_from_what_stays(place, load, corrected):
    expired()
    found, counts = load(DAILY)

    assert (found.new, counts["objects"]) == (2, 2)
    assert faults() == []


def test_what_comes_back_as_it_was_is_staged_anew_and_loaded(place, load, corrected):
    expired()
    put(place, 1.0, 3.0)

    load()

    assert place.rows(
        "SELECT value FROM fact_pv_measurement WHERE ss_id = 1 AND timestamp >= '2019-01-01' ORDER BY timestamp"
    ) == [(1.0,), (3.0,)]
    assert faults() == []


def come_back(place):
    """Bring the second content back and take it through all steps but publish; the plan."""
    put(place, 1.0, 3.0)
    (planned,) = plan.plan(FACT, Window(*DAYS)).plans
    stage.stage(planned)
    check.check(planned)
    return planned


def written_long_ago(monkeypatch):
    """Let whoever expires not see that the folder was written to just now."""
    loads = staging.loads
    long_ago = datetime(2019, 1, 1, tzinfo=UTC)

    def old(*asked):
        return {
            load_id: [fs.FileInfo(one.path, one.type, mtime=long_ago, size=one.size) for one in files]
            for load_id, files in loads(*asked).items()
        }

    monkeypatch.setattr(staging, "loads", old)


@pytest.mark.exhaustive
def test_a_load_that_is_published_again_while_it_is_set_aside_is_put_back(place, load, corrected, monkeypatch):
    planned = come_back(place)
    assert planned.load_id == corrected[1]
    set_aside = staging.set_aside

    def published_just_before(table, load_id):
        if load_id == planned.load_id:
            publish.publish(planned)
        set_aside(table, load_id)

    monkeypatch.setattr(staging, "set_aside", published_just_before)

    assert (FACT, planned.load_id) not in expired()

    assert staging.read_manifest(FACT, planned.load_id)
    assert planned.load_id in live(place)
    assert load(DAILY)[1]["objects"] == 2
    assert faults() == []


def test_who_publishes_what_is_being_taken_away_finds_that_it_is_not_staged(place, load, corrected, monkeypatch):
    planned = come_back(place)
    remove = staging.remove_files
    tried = []

    def published_just_after_it_was_judged(table, load_id, files):
        if load_id == planned.load_id:
            tried.append(load_id)
            with pytest.raises(StagingError, match="is not staged, or its files are gone"):
                publish.publish(planned)
        remove(table, load_id, files)

    monkeypatch.setattr(staging, "remove_files", published_just_after_it_was_judged)
    written_long_ago(monkeypatch)

    expire.expire("test", now=LATER)

    assert tried
    assert planned.load_id not in live(place)
    assert faults() == []


@pytest.mark.exhaustive
def test_what_is_staged_anew_and_published_while_its_old_files_go_stays(place, load, corrected, monkeypatch):
    remove = staging.remove_files
    published = []

    def staged_anew_just_before(table, load_id, files):
        if load_id == corrected[1] and not published:
            planned = come_back(place)
            publish.publish(planned)
            published.append(planned.load_id)
        remove(table, load_id, files)

    monkeypatch.setattr(staging, "remove_files", staged_anew_just_before)

    expire.expire("test", now=LATER)

    assert published == [corrected[1]]
    assert published[0] in live(place)
    assert staging.read_manifest(FACT, published[0])
    assert load(DAILY)[1]["objects"] == 2
    assert faults() == []


@pytest.mark.exhaustive
def test_what_comes_back_while_loads_before_it_are_taken_away_stays(place, load, corrected, monkeypatch):
    for value in (5.0, 6.0):
        put(place, 1.0, value)
        load()
    first, _, last = sorted(set(staged()) - set(live(place)))
    remove = staging.remove_files
    back = []

    def another_comes_back_meanwhile(table, load_id, files):
        # The content of the last one is found by its load, for their order is that of hashes.
        for value in (3.0, 4.0, 5.0) if load_id == first else ():
            put(place, 1.0, value)
            (planned,) = plan.plan(FACT, Window(*DAYS)).plans
            if planned.load_id == last:
                stage.stage(planned)
                check.check(planned)
                publish.publish(planned)
                back.append(planned.load_id)
                break
        remove(table, load_id, files)

    monkeypatch.setattr(staging, "remove_files", another_comes_back_meanwhile)

    gone = expired()

    assert back == [last]
    assert (FACT, first) in gone
    assert (FACT, last) not in gone
    assert staging.read_manifest(FACT, last)
    assert faults() == []


@pytest.mark.only_on("duckdb")
def test_no_empty_folder_is_left(place, corrected):
    expired()

    folder = Path(staging.folder(FACT, corrected[1]).removeprefix("file://"))
    assert folder.parent.is_dir()
    assert not folder.exists()


def test_who_has_judged_before_a_load_was_set_aside_does_not_publish_it(place, load, corrected, monkeypatch):
    planned = come_back(place)
    transact = publish._transact
    taken = []

    def as_the_load_is_taken_away(*arguments):
        if not taken:
            with monkeypatch.context() as still_there:
                still_there.setattr(staging, "remove_files", lambda table, load_id, files: taken.append(load_id))
                expire.expire("test", now=LATER)
        return transact(*arguments)

    monkeypatch.setattr(publish, "_transact", as_the_load_is_taken_away)

    with pytest.raises(StagingError, match="is not staged, or its files are gone"):
        publish.publish(planned)

    assert taken == [planned.load_id]
    assert planned.load_id not in live(place)
    assert faults() == []


POINTS = [
    rarely("before:jobs.staging.set_aside"),
    rarely("before:manifest:jobs.staging.delete"),
    "after:jobs.staging.set_aside",
    rarely("before:jobs.staging.remove_files"),
    rarely("after:jobs.staging.remove_files"),
]


def grown_old(place):
    """Let all that was staged and published have been so 31 days ago."""
    old = (datetime.now(UTC) - timedelta(days=31)).timestamp()
    for path in Path(place.staging.removeprefix("file://")).rglob("*"):
        os.utime(path, (old, old))
    place.change(
        "UPDATE etl_checkpoint SET published_at = TIMESTAMP_SUB(published_at, INTERVAL 31 DAY) WHERE TRUE; "
        "UPDATE etl_head SET changed_at = TIMESTAMP_SUB(changed_at, INTERVAL 31 DAY) WHERE TRUE;"
    )


@pytest.mark.only_on("duckdb")
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_step_the_next_one_goes_on_and_nothing_that_is_needed_is_lost(
    place, load, corrected, monkeypatch, point
):
    before = place.facts()
    grown_old(place)
    killed = (sys.executable, str(ROOT / "tests/killed.py"), point)

    code, _, err = place.run("expire", launcher=killed)

    assert code == -9, err
    assert expired(now=None) == ([] if point.startswith("after:jobs.staging.remove_files") else [(FACT, corrected[1])])
    assert staged() == live(place)
    assert all(staging.read_manifest(FACT, load_id) for load_id in staged())
    assert load(DAILY)[1]["objects"] == 2
    assert place.facts() == before
    assert faults() == []


def test_only_tables_that_are_loaded_have_staged_loads():
    assert {table for table in contract.names() if contract.load(table).sources} == {
        "dim_assumption",
        "dim_emission_factor",
        "dim_generating_unit",
        "dim_grid_region",
        "dim_org_unit",
        "dim_price_index",
        "dim_sensor",
        "dim_system",
        "dim_system_region",
        "fact_grid_intensity_hourly",
        "fact_activity_emissions",
        "fact_emissions_inventory",
        FACT,
        DAILY,
        "fact_avoided_emissions_hourly",
        "fact_pv_energy_hourly",
        "fact_unit_emissions_hourly",
    }
