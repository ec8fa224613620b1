"""Once a day: is all as it should be?

* **verify** holds what came in or went out in the last `LATELY` days against the checkpoint: each object's rows are
  counted, and each key stands once. Its cost follows these days.
* **verify_all** does so for every table whole, on Sundays and in each run that a person starts.
* **expire** takes staged loads away that nothing has needed for `STAGING_KEEP_DAYS` days; what live loads and derived
  tables need stays. It waits for *verify*: while something is wrong, nothing is taken away.
* **freshness** holds how far each table is behind what it is made of against what its contract promises.

A task that fails says which tables and why, and alerts like every other. All of them change no row of any table, and
may run at any time; by hand they are `python -m jobs verify` (of all), `expire` and `freshness`.
"""

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import chain, dag, get_current_context, task
from alerts import in_time
from table_steps import DEFAULTS, google_cloud

log = logging.getLogger(__name__)

# Longer than from one Sunday to the next, so that a fault is told again each day until all is looked at.
LATELY = timedelta(days=8)
SUNDAY = 6


def held(after=None):
    """Hold all against the checkpoint, or what has changed after a time; fail with all that is wrong."""
    from jobs import verify

    verdicts = list(verify.verify(after))
    for verdict in verdicts:
        log.info("%s", verdict)
    verify.refuse([fault for verdict in verdicts for fault in verdict.faults])


@dag(
    dag_id="upkeep",
    # After the night's run of `pv` is over.
    schedule="30 5 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=in_time(),
    tags=["operations"],
    doc_md=__doc__,
)
def upkeep():
    """Verify, then expire; what is of all the history, and freshness, beside them."""

    @task
    @google_cloud()
    def verify():
        """Hold what has changed lately against its checkpoint: each object's rows counted, each key once."""
        held(datetime.now(UTC) - LATELY)

    @task
    @google_cloud()
    def verify_all():
        """Hold every table whole against its checkpoint, on Sundays and when a person asks."""
        run = get_current_context()["dag_run"]
        if run.run_type == "scheduled" and run.run_after.weekday() != SUNDAY:
            log.info("all is verified on Sundays, and in runs by hand")
            return
        held()

    @task
    @google_cloud()
    def expire():
        """Take staged loads away that nothing needs any more."""
        from jobs.expire import expire

        taken = expire(get_current_context()["run_id"])
        log.info("%d staged loads were taken away, %d bytes", len(taken), sum(one.bytes for one in taken))

    @task
    @google_cloud()
    def freshness():
        """Tell how far each table is behind what it is made of; fail if its contract promises better."""
        from jobs import freshness

        found = freshness.freshness()
        for one in found:
            log.info("%s", one)
        freshness.refuse(found)

    chain(verify(), expire())
    verify_all()
    freshness()


upkeep()
