"""How far tables are behind what they are made of, by the steps that were run, against what contracts promise."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs import freshness
from jobs.errors import LoadError
from jobs.warehouse import sql, warehouse

WAREHOUSES = ["duckdb", "bigquery"]
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SYSTEM, FACT, DAILY = "dim_system", "fact_pv_measurement", "fact_pv_performance_daily"


def run(table, step, hours_ago, run_id="r", outcome="done", load_id="l"):
    """Log a step that began some hours before noon."""
    row = {"run_id": run_id, "table_name": table, "step": step, "load_id": load_id, "outcome": outcome}
    row |= {"started_at": NOON - timedelta(hours=hours_ago), "seconds": 1.0, "message": ""}
    warehouse().transact(sql("record_run"), row, {})


def change(place, table, hours_ago):
    """Let a table have changed last some hours before noon."""
    moment = f"{NOON - timedelta(hours=hours_ago):%Y-%m-%d %H:%M:%S}+00"
    place.change(
        f"INSERT INTO etl_head (table_name, generation, changed_at) VALUES ('{table}', 1, TIMESTAMP '{moment}');"
    )


def publish(place, table, hours_ago):
    """Let a table have published an object some hours before noon; it has not changed since."""
    moment = f"{NOON - timedelta(hours=hours_ago):%Y-%m-%d %H:%M:%S}+00"
    place.change(
        "INSERT INTO etl_checkpoint (table_name, object_id, generation, load_id, contract_version, transform_version, "
        "bucket, object_key, etag, size_bytes, rows_read, rows_loaded, rows_quarantined, rows_duplicate, published_at) "
        f"VALUES ('{table}', 'object', {1000 - hours_ago}, 'l', '1', 1, 'b', 'k', 'e', 1, 1, 1, 0, 0, "
        f"TIMESTAMP '{moment}'); "
        f"DELETE FROM etl_head WHERE table_name = '{table}';"
    )
    change(place, table, hours_ago)


def of(table):
    (found,) = [one for one in freshness.freshness(NOON) if one.table == table]
    return found


def test_each_table_that_is_loaded_promises_to_be_fresh(place):
    assert {one.table: one.promised.days for one in freshness.freshness(NOON)} == {
        "dim_sensor": 2,
        "dim_system": 2,
        "fact_avoided_emissions_hourly": 1,
        "fact_pv_energy_hourly": 1,
        "fact_pv_measurement": 2,
        "fact_pv_performance_daily": 1,
    }


def test_a_table_that_was_never_looked_at_is_late_and_one_that_has_no_input_is_not(place):
    assert of(FACT).late
    assert str(of(FACT)) == "fact_pv_measurement has never been looked at, and should be every 48 h"
    assert not of(DAILY).late


@pytest.mark.parametrize(("hours", "late"), [(47, False), (49, True)])
def test_a_table_is_as_fresh_as_the_last_plan_that_found_nothing_to_do(place, hours, late):
    run(FACT, "plan", hours, load_id=None)
    assert of(FACT).late == late
    assert str(of(FACT)).startswith(f"fact_pv_measurement was in step {hours} h ago (2026-03-")


def test_a_plan_counts_when_what_it_found_is_published_and_not_before(place):
    run(FACT, "plan", 60, "old")
    run(FACT, "publish", 59, "old")
    run(FACT, "plan", 3, "new")
    run(FACT, "publish", 2, "new", outcome="failed")
    assert of(FACT).behind == timedelta(hours=60)

    run(FACT, "publish", 1, "new")
    assert of(FACT).behind == timedelta(hours=3)


def test_a_run_that_is_planned_again_counts_only_when_it_is_published_again(place):
    run(FACT, "plan", 60)
    run(FACT, "publish", 59)
    run(FACT, "plan", 3)
    assert of(FACT).late


def test_steps_that_people_run_one_by_one_count_too(place):
    run(FACT, "plan", 5, "cli-1")
    run(FACT, "publish", 4, "cli-2")
    assert of(FACT).behind == timedelta(hours=4)


def test_a_derived_table_is_behind_since_the_first_change_that_it_has_not_taken_in(place):
    change(place, SYSTEM, 50)
    change(place, FACT, 30)
    run(DAILY, "plan", 40)
    run(DAILY, "publish", 39)
    assert (of(DAILY).behind, of(DAILY).late) == (timedelta(hours=30), True)

    # The catalogue changed before the plan, which has seen that; the measurements changed while it was staged.
    run(DAILY, "plan", 31, "second")
    run(DAILY, "publish", 29, "second")
    assert of(DAILY).behind == timedelta(hours=30)

    run(DAILY, "plan", 20, "third", load_id=None)
    assert (of(DAILY).behind_since, of(DAILY).late) == (None, False)
    assert str(of(DAILY)) == "fact_pv_performance_daily is in step with what it is made of"


def test_a_derived_table_that_is_dead_is_late_though_its_input_publishes_each_day(place):
    publish(place, FACT, 60)
    run(DAILY, "plan", 59)
    run(DAILY, "publish", 58)
    for hours in (50, 26, 2):
        publish(place, FACT, hours)

    assert (of(DAILY).behind, of(DAILY).late) == (timedelta(hours=50), True)


def test_a_table_of_which_one_load_is_refused_each_day_is_late_though_the_others_are_published(place):
    run(FACT, "plan", 100, "good", load_id=None)
    for hours, run_id in ((76, "first"), (52, "second"), (28, "third")):
        run(FACT, "plan", hours, run_id, load_id="a")
        for load_id, outcome in (("a", "done"), ("b", "failed")):
            run(FACT, "stage", hours - 1, run_id, load_id=load_id)
            run(FACT, "check", hours - 2, run_id, load_id=load_id, outcome=outcome)
        run(FACT, "publish", hours - 3, run_id, load_id="a")
    assert (of(FACT).behind, of(FACT).late) == (timedelta(hours=100), True)

    # Cleared and mended, the last run is in step.
    run(FACT, "check", 2, "third", load_id="b")
    run(FACT, "publish", 1, "third", load_id="b")
    assert (of(FACT).behind, of(FACT).late) == (timedelta(hours=28), False)


def test_all_late_tables_are_named_in_one_sentence(place):
    run(SYSTEM, "plan", 100, load_id=None)
    with pytest.raises(LoadError) as told:
        freshness.refuse(freshness.freshness(NOON))
    said = str(told.value)
    assert "dim_system was in step 100 h ago (2026-03-06 08:00Z), promised are 48 h" in said
    assert "dim_sensor has never been looked at" in said
    assert "fact_pv_performance_daily" not in said


@pytest.mark.only_on("duckdb")
def test_the_command_tells_of_every_table_and_fails_if_one_is_late(place):
    code, out, err = place.run("freshness")
    assert code == 1
    assert out.count("LATE ") == 3
    assert out.count("ok   ") == 3
    assert err.startswith("error: tables are further behind than their contracts promise:")
