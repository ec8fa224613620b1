"""What the institution itself emitted: Scope 1, 2 and 3, line by line and as an inventory.

Loads from the landing bucket, where `python -m jobs land` puts each file, what lines are weighed with:
`dim_price_index`, `dim_assumption`, `dim_org_unit`. Then the lines of all files, `fact_activity_emissions`, and of
these `fact_emissions_inventory`. The factors are loaded by `grid`, an hour before.

* **On schedule** each run loads what has landed since the last one. A newer edition stands beside the older ones, and
  may not lack what they have; a file that is called as another, with .2 behind, replaces its lines and no others.
* **Trigger** by hand to accept what a rule of a contract has found, after its failed *check* has named the rule.

Each table goes through the same four steps as in `pv`; where nothing has landed, or `LANDING_BUCKET` is not
set, it ends after the first. Figures are published when they are the sum of published lines, made with published
factors, prices and assumptions, and not before.
"""

from datetime import UTC, datetime

import forms
from airflow.sdk import CronDataIntervalTimetable, chain, dag
from alerts import in_time
from assets import landed
from table_steps import DEFAULTS, all_tables_are_well, load

# What lines come in, and what they are weighed with.
LINES = ("travel", "goods", "food", "construction", "maintenance", "energy", "waste", "manual")
SURVEYS = ("commuting_bins", "commuting_minutes", "commuting_counts")
FACTORS = ("ef_hub", "supply_chain", "green_e", "food_factors")
WEIGHED_WITH = ("activity_mapping", "assumptions", "org_units", "cpi", *FACTORS)
FILES = [landed(f"emissions/{folder}") for folder in (*LINES, *SURVEYS, *WEIGHED_WITH)]

FORM = {
    "restate": forms.restate("Load the editions again if an older contract or transform has loaded them."),
    "accept": forms.ACCEPT,
}


def editions(run):
    """Tell the days of a run: none and none, for editions are of no day."""
    forms.refuse_unknown_fields(run, FORM)
    return None, None


@dag(
    dag_id="activity",
    schedule=CronDataIntervalTimetable("0 7 * * *", timezone="UTC"),
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
    """Load what lines are weighed with, then the lines, then their sums; fail if any of them has failed."""
    tables = (
        load("dim_price_index", editions, made_of=[landed("emissions/cpi")]),
        load("dim_assumption", editions, made_of=[landed("emissions/assumptions")]),
        load("dim_org_unit", editions, made_of=[landed("emissions/org_units")]),
        load("fact_activity_emissions", editions, made_of=FILES),
        load("fact_emissions_inventory", editions, made_of=FILES),
    )
    chain(*tables)
    chain(tables, all_tables_are_well())


activity()
