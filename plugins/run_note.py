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
    events = session.scalars(select(AssetEvent).where(*mine).order_by(AssetEvent.timestamp))
    # A task that was cleared has told of its load again.
    last = {(event.source_task_id, event.source_map_index): event.extra.get("loads", ()) for event in events}
    loads, states = {}, {}
    for (task_id, _), told in sorted(last.items()):
        loads.setdefault(task_id, []).extend(told)
    for task in dag_run.get_task_instances(session=session):
        states.setdefault(task.task_id, []).append(task.state)
    # The scheduler commits it with the run's own state, and allows no commit within.
    if text := summary(states, loads):
        dag_run.note = text[:LONGEST]


def summary(states, loads):
    """Say table by table what a run has done.

    Args:
        states: the states of each task, one for each load.
        loads: what the publishes of each table have told of their loads.

    >>> summary({"t.plan": ["success"], "t.publish": ["skipped"], "u.plan": ["success"], "u.stage": ["failed"]}, {})
    'Loaded: t: nothing to do; u: failed at stage'
    >>> a1 = {"load_id": "a1", "objects": 2, "rows_loaded": 1234, "rows_quarantined": 1}
    >>> summary({"t.plan": ["success"], "t.publish": ["success"]}, {"t.publish": [a1]})
    'Loaded: t: 1,234 rows of 2 objects in load a1, 1 quarantined'
    >>> b2 = {"load_id": "b2", "objects": 1, "rows_loaded": 6, "rows_quarantined": 0}
    >>> summary({"t.publish": ["success", "success"]}, {"t.publish": [a1, b2]})
    'Loaded: t: 1,240 rows of 3 objects in 2 loads, 1 quarantined'
    >>> one_of_two = {"t.stage": ["failed", "success"], "t.publish": ["upstream_failed", "success"]}
    >>> summary(one_of_two, {"t.publish": [b2]})
    'Loaded: t: 1 of 2 loads failed at stage, 6 rows of 1 objects in load b2'
    """
    said = []
    for table in sorted({task_id.partition(".")[0] for task_id in states if "." in task_id}):
        steps = {step: states.get(f"{table}.{step}", []) for step in ("plan", "stage", "check", "publish")}
        told = []
        for step, each in steps.items():
            if failed := each.count("failed"):
                told.append(f"{f'{failed} of {len(each)} loads ' if len(each) > 1 else ''}failed at {step}")
        if "success" in steps["publish"]:
            told.append(_told(loads.get(f"{table}.publish", ())))
        if told or "skipped" in steps["publish"]:
            said.append(f"{table}: {', '.join(told) or 'nothing to do'}")
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
