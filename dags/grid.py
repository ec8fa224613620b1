"""What the grid emits: hour by hour, by region and by unit, by emission factors, and which of these are a system's.

Loads `dim_system_region` from the newest catalogue of PVDAQ and the newest polygons of eGRID and of control areas, and
beside it `dim_emission_factor` from the landing bucket, where `python -m jobs land` puts what an agency has published:
eGRID, AVERT, the Emission Factors Hub and the Supply Chain factors. Each edition is rows of its own, and one that
corrects another leaves it as it was; `dim_grid_region` has the regions that they draw or name. From there too come
`fact_unit_emissions_hourly` and `dim_generating_unit`: EPA's files of the hours of generating units, of which a newer
one takes over what it has. In states of several time zones instants are known where EPA's file of facilities of the
year, which lands beside them, has the plant; with another the hours are loaded anew. With `PUDL_BUCKET` set, PUDL's
record of all years is loaded with them, which is 5 GB. `fact_grid_intensity_hourly` is made of these too, and of the
public bucket of Open Grid Emissions, whose newest version of a year takes the place of older ones.

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
from assets import folder, landed, oge, pudl
from table_steps import DEFAULTS, load

FACTORS = ("egrid", "avert", "ef_hub", "supply_chain", "green_e", "food_factors")
SOURCES = [landed(f"emissions/{source}") for source in FACTORS]

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
    """Load the factors, the regions, the units and their hours, and the intensities beside one another."""
    maps = [landed(f"emissions/{source}") for source in ("egrid", "control_areas")]
    units = landed("emissions/campd")
    load("dim_emission_factor", editions, made_of=SOURCES)
    load("dim_system_region", editions, made_of=[folder("pvdaq/csv"), *maps])
    load("dim_grid_region", editions, made_of=[*maps, landed("emissions/avert")])
    load("dim_generating_unit", editions, made_of=[units])
    load("fact_unit_emissions_hourly", editions, made_of=[units, pudl("v2026.8.0")])
    load("fact_grid_intensity_hourly", editions, made_of=[units, pudl("v2026.8.0"), oge("open_grid_emissions_data")])


grid()
