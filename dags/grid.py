"""What the grid emits: emission factors, and which of them are a system's; and what a MWh emits hour by hour.

Loads `dim_system_region` from the newest catalogue of PVDAQ and the newest polygons of eGRID and of control areas, and
beside it `dim_emission_factor` from the landing bucket, where `python -m jobs land` puts what an agency has published:
eGRID, AVERT, the Emission Factors Hub and the Supply Chain factors. Each edition is rows of its own, and one that
corrects another leaves it as it was; `dim_grid_region` has the regions that they draw or name.
`fact_grid_intensity_hourly` comes from the public bucket of Open Grid Emissions, whose newest version of a year takes
the place of older ones.

* **On schedule** each run loads what has landed since the last one.
* **Trigger** by hand to accept what a rule of the contract has found in a table, after its failed *check* has named the
  rule, or to load editions again that an older contract or transform has loaded.

Each table goes through the same four steps as in `pv`; where nothing has landed, or `LANDING_BUCKET` is not
set, it ends after the first.
"""

from datetime import UTC, datetime

import forms
from airflow.sdk import CronDataIntervalTimetable, dag
from alerts import in_time
from assets import folder, landed, oge
from table_steps import DEFAULTS, load

SOURCES = [landed(f"emissions/{source}") for source in ("egrid", "avert", "ef_hub", "supply_chain")]

FORM = {
    "restate": forms.restate("Load unchanged tables again if an older contract or transform has loaded them."),
    "accept": forms.ACCEPT,
}


def editions(run):
    """Tell the days of a run: none and none, for editions are of no day."""
    forms.refuse_unknown_fields(run, FORM)
    return None, None


@dag(
    dag_id="grid",
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
def grid():
    """Load the factors, the regions and the intensities beside one another."""
    load("dim_emission_factor", editions, made_of=SOURCES)
    maps = [landed(f"emissions/{source}") for source in ("egrid", "control_areas")]
    load("dim_system_region", editions, made_of=[folder("pvdaq/csv"), *maps])
    load("dim_grid_region", editions, made_of=[*maps, landed("emissions/avert")])
    load("fact_grid_intensity_hourly", editions, made_of=[oge("open_grid_emissions_data"), landed("emissions/campd")])


grid()
