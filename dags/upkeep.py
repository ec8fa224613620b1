"""Once a day: is all as it should be?

* **verify** holds every table against its checkpoint: each object's rows are counted, and each key stands once.
* **expire** takes staged loads away that nothing has needed for `STAGING_KEEP_DAYS` days; what live loads and derived
  tables need stays. It waits for *verify*: while something is wrong, nothing is taken away.
* **freshness** holds how far each table is behind what it is made of against what its contract promises.

A task that fails says which tables and why, and alerts like every other. All three change no row of any table, and may
run at any time; by hand they are `python -m jobs verify`, `expire` and `freshness`.
"""

import logging
from datetime import UTC, datetime

from airflow.sdk import chain, dag, get_current_context, task
from alerts import in_time
from table_steps import DEFAULTS, google_cloud

log = logging.getLogger(__name__)


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
    """Verify, then expire; freshness beside them."""

    @task
    @google_cloud()
    def verify():
        """Hold every table against its checkpoint: each object's rows counted, each key once."""
        from jobs import verify

        verdicts = list(verify.verify())
        for verdict in verdicts:
            log.info("%s", verdict)
        verify.refuse([fault for verdict in verdicts for fault in verdict.faults])

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
    freshness()


upkeep()
