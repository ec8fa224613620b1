"""airflow_facts -- what Airflow makes of dags/pv.py, written as JSON for test_pv.py.

    python airflow_facts.py FACTS.JSON

Runs in a process of its own, since Airflow reads its environment once. The runs are real rows of a real database, made
by Airflow's own commands and scheduler; their days are told by the DAG file's `window` from the context that Airflow's
task runner would give a task of the run. A pool without slots keeps every task from running.
"""

import inspect
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

# What a person may send with a run by hand, by the id of the run.
FORMS = {
    "nothing": {},
    "days": {"first_day": "2019-01-05", "last_day": "2019-01-08"},
    "one_day": {"first_day": "2019-01-05"},
    "systems": {"systems": [34, 1332], "restate": True},
    "no_first_day": {"first_day": None, "last_day": "2019-01-08"},
    "end_before_start": {"first_day": "2019-01-08", "last_day": "2019-01-05"},
    "all_days": {"all_days": True, "systems": [2107]},
    "all_days_and_one": {"all_days": True, "first_day": "2019-01-05"},
    "mistyped": {"first_dya": "2019-01-05"},
    "a_day_no_calendar_has": {"first_day": "2019-13-45"},
    "a_leap_day_of_no_leap_year": {"last_day": "2019-02-29"},
    "a_day_with_its_hour": {"first_day": "2019-01-05T00:00:00"},
    "a_day_in_short": {"first_day": "20190105"},
    "a_day_as_a_number": {"first_day": 20190105},
    "an_empty_day": {"first_day": ""},
    "systems_as_text": {"systems": "34"},
    "a_system_as_text": {"systems": ["34"]},
    "system_0": {"systems": [0]},
    "half_a_system": {"systems": [1.5]},
    "systems_as_a_number": {"systems": 34},
    "restate_as_text": {"restate": "yes"},
    "retire_vanished_as_text": {"retire_vanished": "yes"},
    "a_budget_as_text": {"budget_usd": "5"},
    "less_than_no_budget": {"budget_gb": -1},
    "forty_years": {"first_day": "1985-01-01", "last_day": "2024-12-31", "systems": [34]},
    "forty_years_with_a_budget": {"first_day": "1985-01-01", "last_day": "2024-12-31", "budget_gb": 50},
    "a_leap_year": {"first_day": "2020-01-01", "last_day": "2020-12-31"},
    "a_day_more": {"first_day": "2020-01-01", "last_day": "2021-01-01"},
}


def main():
    """Write the facts."""
    # Airflow has its folder of DAGs on the path, unless it is asked for a bag of them.
    sys.path.append(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])

    from airflow.cli import cli_parser
    from airflow.dag_processing.dagbag import DagBag

    parser = cli_parser.get_parser()

    def airflow(*words):
        arguments = parser.parse_args(words)
        arguments.func(arguments)

    airflow("db", "migrate")
    airflow("dags", "reserialize")
    airflow("pools", "set", "default_pool", "0", "nothing may run here")
    bag = DagBag()
    airflow("dags", "unpause", "pv")
    airflow("scheduler", "--num-runs", "2")
    airflow("dags", "pause", "pv")
    refused = {}
    for run_id, form in FORMS.items():
        try:
            airflow("dags", "trigger", "pv", "--run-id", run_id, "--conf", json.dumps(form))
        except Exception as fault:  # noqa: BLE001
            refused[run_id] = f"{type(fault).__name__}: {fault}"
    # As the web page does.
    now = datetime.now(UTC).isoformat()
    airflow("dags", "trigger", "pv", "--run-id", "a_logical_date", "--logical-date", now)
    airflow("backfill", "create", "--dag-id", "pv", "--from-date", "2019-01-05", "--to-date", "2019-01-07")
    Path(sys.argv[1]).write_text(json.dumps({**file_facts(bag), "refused": refused, "runs": run_facts()}))


def file_facts(bag):
    """Tell what the files say: their DAGs, tasks, and what the retry policy makes of the project's errors."""
    from jobs import contract, errors

    dag, marts = bag.dags["pv"], bag.dags["marts"]
    faults = [
        *(kind for _, kind in inspect.getmembers(errors, inspect.isclass)),
        ValueError,
        ConnectionError,
    ]
    return {
        "dags": sorted(bag.dags),
        "import_errors": bag.import_errors,
        "every": {dag_id: dag_facts(dag) for dag_id, dag in bag.dags.items()},
        "contracts": sorted(contract.names()),
        "dag_doc": dag.doc_md,
        "tasks": {task.task_id: task_facts(task) for task in dag.tasks},
        "marts": {
            "doc": marts.doc_md,
            "assets": sorted(asset.name for asset in marts.timetable.asset_condition.objects),
            "at_once": marts.max_active_runs,
            "form": list(marts.params),
            "tasks": {task.task_id: task_facts(task) for task in marts.tasks},
        },
        "verdicts": {
            task.task_id: {
                fault.__name__: task.retry_policy.evaluate(fault("x"), 1, 3).action.value for fault in faults
            }
            for task in dag.tasks
        },
    }


def dag_facts(dag):
    """Tell what matters of every DAG."""
    triggers = getattr(getattr(dag.timetable, "asset_condition", None), "objects", ())
    return {
        "doc": dag.doc_md,
        "owner": dag.owner,
        "tags": sorted(dag.tags),
        "form": {
            name: dag.params.get_param(name).schema | {"description": dag.params.get_param(name).description}
            for name in dag.params
        },
        "started_by": [asset_facts(asset) for asset in triggers],
        "tasks": {task.task_id: task_facts(task) for task in dag.tasks},
    }


def asset_facts(asset):
    """Tell what names an asset."""
    return {"name": asset.name, "uri": asset.uri, "group": asset.group}


def task_facts(task):
    """Tell what matters of a task."""
    return {
        "downstream": sorted(task.downstream_task_ids),
        "doc": task.doc_md,
        "retries": task.retries,
        "retry_seconds": task.retry_delay.total_seconds(),
        "trigger_rule": str(task.trigger_rule),
        "at_once": task.max_active_tis_per_dag,
        "owner": task.owner,
        "pool": task.pool,
        "inlets": [inlet.name for inlet in task.inlets],
        "outlets": [outlet.name for outlet in task.outlets],
        "group": (mapped := next(task.iter_mapped_task_groups(), None)) and mapped.group_id.rpartition(".")[2],
        "label": task.map_index_template,
        "assets": [asset_facts(asset) for asset in (*task.inlets, *task.outlets)],
    }


def run_facts():
    """Tell of every run in the database what Airflow says of it, and the days that it would load."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [
            {
                "run_id": run.run_id,
                "type": str(run.run_type),
                "made_at": run.created_at.isoformat(),
                "has_interval": run.data_interval_start is not None,
                "days": days(run, 0),
                "days_3_late": days(run, 3),
            }
            for run in session.scalars(select(DagRun).order_by(DagRun.id))
        ]


def days(run, late_days):
    """Tell the days of a run as its first task would, or the sentence that it fails with."""
    from airflow.api_fastapi.execution_api.datamodels.taskinstance import DagRun as Sent
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.api.datamodels._generated import TIRunContext
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    from jobs.listing import Window

    # Each task parses the file for itself; a DAG keeps the form of the run that it was asked for last.
    task = DagBag().dags["pv"].get_task("dim_system.plan")
    asked = inspect.getclosurevars(inspect.unwrap(task.python_callable)).nonlocals["days"]
    window = asked.__globals__["window"]
    running = RuntimeTaskInstance.model_construct(
        id=uuid4(), dag_id="pv", task_id=task.task_id, run_id=run.run_id, map_index=-1, task=task
    )
    sent = json.loads(Sent.model_validate(run).model_dump_json())
    running._ti_context_from_server = TIRunContext.model_validate({"dag_run": sent, "max_tries": 2})
    try:
        found = Window(*window(running.get_template_context(), late_days, most_days=366))
    except Exception as fault:  # noqa: BLE001
        return f"{type(fault).__name__}: {fault}"
    return [day and day.isoformat() for day in (found.first_day, found.last_day)]


if __name__ == "__main__":
    main()
