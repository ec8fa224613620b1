"""What an institution's activities are weighed with: for now the price index.

Loads `dim_price_index` from the landing bucket, where `python -m jobs land` puts each edition. A newer edition stands
beside the older ones, and may not lack what they have.

* **On schedule** each run loads what has landed since the last one.
* **Trigger** by hand to accept what a rule of the contract has found, after its failed *check* has named the rule.

The table goes through the same four steps as in `pv`; where nothing has landed, or `LANDING_BUCKET` is
not set, the run ends after the first.
"""

from datetime import UTC, datetime

import forms
from airflow.sdk import CronDataIntervalTimetable, dag
from alerts import in_time
from assets import landed
from table_steps import DEFAULTS, load

FORM = {
    "restate": forms.restate("Load the edition again if an older contract or transform has loaded it."),
    "accept": forms.ACCEPT,
}


def editions(run):
    """Tell the days of a run: none and none, for editions are of no day."""
    forms.refuse_unknown_fields(run, FORM)
    return None, None


@dag(
    dag_id="activity",
    schedule=CronDataIntervalTimetable("0 6 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=in_time(),
    params=FORM,
    tags=["emissions"],
    doc_md=__doc__,
)
def activity():
    """Load the price index."""
    load("dim_price_index", editions, made_of=[landed("emissions/cpi")])


activity()
