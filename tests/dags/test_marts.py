"""What Airflow makes of dags/marts.py: its graph, what starts it, and its runs beside those of pv."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from sandbox import environment
from test_pv import facts, home  # noqa: F401 (they ask one Airflow for its facts once)

pytestmark = pytest.mark.xdist_group("dag")

DAILY, HOURLY = "fact_pv_performance_daily", "fact_pv_energy_hourly"


@pytest.fixture
def marts(facts):
    return facts["marts"]


def test_the_marts_are_built_beside_one_another_each_in_four_steps(marts):
    assert {task_id: task["downstream"] for task_id, task in marts["tasks"].items()} == {
        f"{table}.{step}": [f"{table}.{later}" for later in after]
        for table in (DAILY, HOURLY)
        for step, after in (
            ("plan", ["check", "publish", "stage"]),
            ("stage", ["check"]),
            ("check", ["publish"]),
            ("publish", []),
        )
    }


def test_a_publish_of_what_they_are_built_from_starts_them_one_run_at_a_time(marts):
    assert marts["assets"] == ["dim_sensor", "dim_system", "fact_pv_measurement"]
    assert marts["at_once"] == 1


def test_the_form_says_what_they_do(marts):
    assert marts["form"] == ["first_day", "last_day", "systems", "restate"]
    assert marts["doc"].startswith("What photovoltaic systems yielded")


@pytest.fixture
def airflow(place, tmp_path):
    """Airflow's command line, over what the place has; gives what it wrote."""
    aws = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "JAVA_TOOL"))}
    variables = environment(tmp_path, **aws, **place.environment)

    def run(*words):
        done = subprocess.run(
            [Path(sys.executable).with_name("airflow"), *words],
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    run("db", "migrate")
    return run


@pytest.mark.exhaustive
def test_a_run_builds_what_pv_has_loaded_and_a_second_one_does_nothing(place, load, airflow):
    place.put_fixtures()
    for table in ("dim_system", "dim_sensor", "fact_pv_measurement"):
        load(table)

    def rows():
        return place.rows(f"SELECT ss_id, day, insolation_poa_kwh_m2, load_id FROM {DAILY} ORDER BY ss_id, day")

    said = airflow("dags", "test", "marts")
    once = rows()
    again = airflow("dags", "test", "marts")

    # The seventh of system 1 and the eighth of system 10 have no reading.
    assert [(ss_id, day.day) for ss_id, day, _, _ in once] == [(1, 5), (1, 6), (10, 5), (10, 6), (10, 7)]
    # A quarter of an hour of 812.5 and 820 W/m2 each; the offset at night counts as nothing.
    assert once[0][:3] == (1, date(2019, 1, 5), pytest.approx((812.5 + 820) / 4000))
    assert f"{DAILY} plan: 7 new, 0 changed, 0 unchanged" in said
    assert f"{DAILY} plan: nothing to do: 0 new, 0 changed, 7 unchanged" in again
    assert rows() == once
