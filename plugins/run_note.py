"""run_note -- write what a run has loaded as its note, which the run's page and the list of runs show.

A task cannot write the note of its run: Airflow's task SDK has no call for it. So the scheduler does, when a run is
over, from what its own database has: the states of the tasks, and the events of the assets, which tell what of each
load is live. A note that a person has written stays.
"""

from airflow.listeners import hookimpl
from airflow.models.asset import AssetEvent
from airflow.plugins_manager import AirflowPlugin
from sqlalchemy import select
from sqlalchemy.orm import object_session

# By its beginning a note is known to be none of a person's.
OURS = "Loaded: "
# What the database takes.
LONGEST = 1_000


class RunNote:
    """Notes what there is to say at the end of a run of steps."""

    @hookimpl
    def on_dag_run_success(self, dag_run, msg):
        """Note a run that is done."""
        note(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run, msg):
        """Note a run that has failed."""
        note(dag_run)


def note(dag_run):
    """Write the note of a run, unless a person has, or the run has no steps of tables."""
    session = object_session(dag_run)
    if session is None or not (dag_run.note or OURS).startswith(OURS):
        return
    mine = AssetEvent.source_dag_id == dag_run.dag_id, AssetEvent.source_run_id == dag_run.run_id
    # A task may be mapped over loads, and tried again: the last word of each load counts, and any failure.
    loads, states = {}, {}
    for event in session.scalars(select(AssetEvent).where(*mine).order_by(AssetEvent.timestamp)):
        of_task = loads.setdefault(event.source_task_id, {})
        of_task |= {load["load_id"]: load for load in event.extra.get("loads", ())}
    for task in dag_run.get_task_instances(session=session):
        if states.get(task.task_id) != "failed":
            states[task.task_id] = task.state
    # The scheduler commits it with the run's own state, and allows no commit within.
    if text := summary(states, loads):
        dag_run.note = text[:LONGEST]


def summary(states, loads):
    """Say table by table what a run has done.

    Args:
        states: the state of each task.
        loads: what each publish has told of its loads, by their ids.

    >>> summary({"t.plan": "success", "t.publish": "skipped", "u.plan": "success", "u.stage": "failed"}, {})
    'Loaded: t: nothing to do; u: failed at stage'
    >>> load = {"load_id": "a1", "objects": 2, "rows_loaded": 1234, "rows_quarantined": 1}
    >>> summary({"t.plan": "success", "t.publish": "success"}, {"t.publish": {"a1": load}})
    'Loaded: t: 1,234 rows of 2 objects in load a1, 1 quarantined'
    """
    said = []
    for table in sorted({task_id.partition(".")[0] for task_id in states if "." in task_id}):
        steps = {
            task_id.partition(".")[2]: state for task_id, state in states.items() if task_id.startswith(f"{table}.")
        }
        failed = [step for step in ("plan", "stage", "check", "publish") if steps.get(step) == "failed"]
        if failed:
            said.append(f"{table}: failed at {failed[0]}")
        elif steps.get("publish") == "success":
            said.append(f"{table}: {_told(list(loads.get(f'{table}.publish', {}).values()))}")
        elif steps.get("publish") == "skipped":
            said.append(f"{table}: nothing to do")
    return OURS + "; ".join(said) if said else ""


def _told(loads):
    total = {name: sum(load[name] for load in loads) for name in ("objects", "rows_loaded", "rows_quarantined")}
    where = f"load {loads[0]['load_id']}" if len(loads) == 1 else f"{len(loads)} loads"
    refused = f", {total['rows_quarantined']:,} quarantined" if total["rows_quarantined"] else ""
    return f"{total['rows_loaded']:,} rows of {total['objects']:,} objects in {where}{refused}"


class RunNotePlugin(AirflowPlugin):
    """Registers the listener."""

    name = "run_note"
    listeners = (RunNote(),)
