"""What Airflow makes of dags/pv.py: its graph, its form, its retries, and the days that its runs load."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from sandbox import environment

# They ask one Airflow for its facts once.
pytestmark = pytest.mark.xdist_group("dag")

WELL = "all_tables_are_well"
EDGES = {
    "dim_system.plan": ["dim_system.check", "dim_system.publish", "dim_system.stage"],
    "dim_system.stage": ["dim_system.check"],
    "dim_system.check": ["dim_system.publish"],
    "dim_system.publish": [WELL, "dim_sensor.plan"],
    "dim_sensor.plan": ["dim_sensor.check", "dim_sensor.publish", "dim_sensor.stage"],
    "dim_sensor.stage": ["dim_sensor.check"],
    "dim_sensor.check": ["dim_sensor.publish"],
    "dim_sensor.publish": [WELL, "fact_pv_measurement.plan"],
    "fact_pv_measurement.plan": [
        "fact_pv_measurement.check",
        "fact_pv_measurement.publish",
        "fact_pv_measurement.stage",
    ],
    "fact_pv_measurement.stage": ["fact_pv_measurement.check"],
    "fact_pv_measurement.check": ["fact_pv_measurement.publish"],
    "fact_pv_measurement.publish": [WELL],
    WELL: [],
}


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    made = tmp_path_factory.getbasetemp() / "pv"
    made.mkdir(exist_ok=True)
    return made


@pytest.fixture(scope="session")
def facts(home):
    """Everything that Airflow says of the DAGs and of the runs that it made; see airflow_facts.py."""
    return told(home)


@cache
def told(home):
    """Ask once, for all modules that have this fixture."""
    where = home / "facts.json"
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("airflow_facts.py"), where],
        env=environment(home, AIRFLOW__CORE__PARALLELISM="1"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(where.read_text()) | {"left_behind": sorted(path.name for path in home.iterdir())}


@pytest.fixture(scope="session")
def tasks(facts):
    return facts["tasks"]


@pytest.fixture(scope="session")
def runs(facts):
    return {run["run_id"]: run for run in facts["runs"]}


def of_type(runs, kind):
    return [run for run in runs.values() if run["type"] == kind]


def the_day_before(moment):
    day = (datetime.fromisoformat(moment) - timedelta(days=1)).date().isoformat()
    return [day, day]


# The file.


def test_airflow_finds_the_dag_and_no_import_error(facts):
    assert "pv" in facts["dags"]
    assert facts["import_errors"] == {}


def test_neither_parsing_nor_scheduling_touches_the_warehouse_or_the_staging_area(facts):
    assert facts["left_behind"] == ["airflow", "facts.json"]


# The graph.


def test_the_graph_is_the_four_steps_of_the_catalogue_of_the_channels_and_then_of_the_measurements(tasks):
    assert {task_id: task["downstream"] for task_id, task in tasks.items()} == EDGES


def test_only_a_plan_runs_after_skipped_and_failed_tasks_and_a_failed_one_fails_the_run(tasks):
    rules = {task_id: task["trigger_rule"] for task_id, task in tasks.items()}
    assert rules == {
        task_id: "TriggerRule.ALL_DONE" if task_id.endswith(".plan") else "TriggerRule.ALL_SUCCESS" for task_id in EDGES
    } | {WELL: "TriggerRule.ONE_FAILED"}


def test_each_load_of_a_table_goes_its_own_way_and_is_named(tasks):
    named = {task_id: (task["group"], task["label"]) for task_id, task in tasks.items()}
    assert named == {
        task_id: (None, None) if task_id.endswith(".plan") or task_id == WELL else ("loads", "{{ load }}")
        for task_id in EDGES
    }


def test_one_stage_and_one_publish_of_a_table_run_at_once(tasks):
    at_once = {task_id: task["at_once"] for task_id, task in tasks.items()}
    assert at_once == {task_id: 1 if task_id.endswith((".stage", ".publish")) else None for task_id in EDGES}


# Retries.


def test_every_task_is_tried_three_times_a_minute_apart(tasks):
    assert {(task["retries"], task["retry_seconds"]) for task in tasks.values()} == {(2, 60.0)}


@pytest.mark.parametrize("fault", ["ContractError", "SupersededError", "SourceError", "LoadError"])
def test_what_cannot_be_better_in_a_minute_is_not_tried_again(facts, fault):
    assert {task_id: verdicts[fault] for task_id, verdicts in facts["verdicts"].items()} == dict.fromkeys(EDGES, "fail")


@pytest.mark.parametrize(
    "fault", ["UnreachableError", "ConflictError", "StagingError", "WarehouseError", "ConnectionError"]
)
def test_what_may_be_better_in_a_minute_is_tried_again(facts, fault):
    verdicts = {task_id: verdicts[fault] for task_id, verdicts in facts["verdicts"].items()}
    assert verdicts == dict.fromkeys(EDGES, "default")


# The form.


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ("a_day_no_calendar_has", "param first_day: '2019-13-45' is not a 'date'"),
        ("a_leap_day_of_no_leap_year", "param last_day: '2019-02-29' is not a 'date'"),
        ("a_day_with_its_hour", "param first_day: '2019-01-05T00:00:00' is not a 'date'"),
        ("a_day_in_short", "param first_day: '20190105' is not a 'date'"),
        ("a_day_as_a_number", "param first_day: 20190105 is not of type 'null', 'string'"),
        ("an_empty_day", "param first_day: '' is not a 'date'"),
        ("systems_as_text", "param systems: '34' is not of type 'null', 'array'"),
        ("a_system_as_text", "param systems: '34' is not of type 'integer'"),
        ("system_0", "param systems: 0 is less than the minimum of 1"),
        ("half_a_system", "param systems: 1.5 is not of type 'integer'"),
        ("systems_as_a_number", "param systems: 34 is not of type 'null', 'array'"),
        ("restate_as_text", "param restate: 'yes' is not of type 'boolean'"),
        ("retire_vanished_as_text", "param retire_vanished: 'yes' is not of type 'boolean'"),
        ("a_budget_as_text", "param budget_usd: '5' is not of type 'null', 'number'"),
        ("less_than_no_budget", "param budget_gb: -1 is less than the minimum of 0"),
    ],
)
def test_a_form_that_means_nothing_is_refused_and_makes_no_run(facts, runs, form, complaint):
    assert facts["refused"][form].startswith("ParamValidationError: ")
    assert complaint in facts["refused"][form]
    assert form not in runs


def test_a_form_that_means_something_makes_a_run(facts, runs):
    forms = {"nothing", "days", "one_day", "systems", "no_first_day", "end_before_start"}
    assert forms <= runs.keys()
    assert forms.isdisjoint(facts["refused"])


# The days of a run, for the intervals that Airflow really gives.


def test_a_backfill_run_takes_exactly_its_own_day(runs):
    found = sorted(run["days"] for run in of_type(runs, "backfill"))
    assert found == [["2019-01-05", "2019-01-05"], ["2019-01-06", "2019-01-06"], ["2019-01-07", "2019-01-07"]]


def test_a_scheduled_run_takes_the_last_day_that_is_over(runs):
    (run,) = of_type(runs, "scheduled")
    assert run["days"] == the_day_before(run["made_at"])


def test_a_scheduled_run_looks_at_earlier_days_again_if_the_settings_say_so(runs):
    (run,) = of_type(runs, "scheduled")
    first, last = (datetime.fromisoformat(day) for day in run["days_3_late"])
    assert last - first == timedelta(days=3)
    assert run["days_3_late"][1] == the_day_before(run["made_at"])[1]


def test_only_a_scheduled_run_looks_at_earlier_days_again(runs):
    others = [run for run in runs.values() if run["type"] != "scheduled"]
    assert {run["type"] for run in others} == {"backfill", "manual"}
    assert [run["run_id"] for run in others if run["days_3_late"] != run["days"]] == []


def test_a_run_by_hand_without_interval_and_days_takes_the_last_day_that_is_over(runs):
    run = runs["nothing"]
    assert not run["has_interval"]
    assert run["days"] == the_day_before(run["made_at"])


def test_a_run_by_hand_from_the_web_page_takes_the_last_day_that_is_over(runs):
    run = runs["a_logical_date"]
    assert run["has_interval"]
    assert run["days"] == the_day_before(run["made_at"])


def test_a_run_by_hand_with_days_takes_those_days(runs):
    assert runs["days"]["days"] == ["2019-01-05", "2019-01-08"]
    assert runs["one_day"]["days"] == ["2019-01-05", "2019-01-05"]


def test_a_run_by_hand_may_take_all_days(runs):
    assert runs["all_days"]["days"] == [None, None]


def test_all_days_and_a_day_beside_them_are_refused(runs):
    said = "LoadError: all days are asked for, and days too: 2019-01-05 to 2019-01-05; give one or the other"
    assert runs["all_days_and_one"]["days"] == said


def test_a_last_day_without_a_first_is_refused(runs):
    complaint = "LoadError: last_day is 2019-01-08, but first_day is empty; give both, or none"
    assert runs["no_first_day"]["days"] == complaint


def test_a_field_that_the_form_does_not_have_is_refused(runs):
    known = (
        "first_day, last_day, all_days, systems, restate, retire_vanished, accept_loss, estimate_only, budget_usd, "
        "budget_gb, budget_hours"
    )
    assert runs["mistyped"]["days"] == f"LoadError: the form has no first_dya; it has {known}"


def test_an_end_before_its_start_is_refused(runs):
    complaint = "LoadError: the window ends on 2019-01-05, before it starts on 2019-01-08"
    assert runs["end_before_start"]["days"] == complaint


def test_a_window_of_more_days_than_a_run_takes_is_refused_with_what_to_do(runs):
    complaint = (
        "LoadError: the window 1985-01-01 to 2024-12-31 has 14,610 days, and a run without a budget takes 366 "
        "(PV_WINDOW_DAYS); look with estimate only, and give the run a budget"
    )
    assert runs["forty_years"]["days"] == complaint
    assert runs["a_leap_year"]["days"] == ["2020-01-01", "2020-12-31"]
    assert runs["forty_years_with_a_budget"]["days"] == ["1985-01-01", "2024-12-31"]
    assert "has 367 days, and a run without a budget takes 366" in runs["a_day_more"]["days"]
