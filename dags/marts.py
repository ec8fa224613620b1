"""What photovoltaic systems yielded: by day, and by hour of UTC.

Builds `fact_pv_performance_daily` and `fact_pv_energy_hourly` from what the DAG `pv` has loaded, whenever it has
published measurements, channels or a catalogue.

* **By itself** a run looks at all days and systems. It compares, for each system and day, the fingerprint of what the
  row is built from with the checkpoint, and builds just those rows anew whose measurements or nameplate have changed;
  rows whose measurements were taken out go too.
* **Trigger** by hand for some days and systems with the form, or to build rows anew that an older contract or transform
  has built. The days of the hourly table are those of UTC.

Nothing is read from the source. Each table goes through the same four steps as in `pv`. *plan* reads the checkpoint;
where nothing has changed the other three are skipped and no Spark starts. *stage* reads the staged files of the live
loads; if they are gone, it says which load is to be staged again. A task that says "plan again" was overtaken by a new
publish, which starts a run of its own.
"""

from functools import partial

import forms
from airflow.sdk import dag
from alerts import in_time
from assets import table
from table_steps import DEFAULTS, load

SYSTEMS, SENSORS, MEASUREMENTS = map(table, ("dim_system", "dim_sensor", "fact_pv_measurement"))

FORM = {
    "first_day": forms.first_day("Empty: all days."),
    "last_day": forms.LAST_DAY,
    "systems": forms.systems("all systems that are loaded"),
    "restate": forms.restate("Build unchanged days again if an older contract or transform has built them."),
}


@dag(
    dag_id="marts",
    schedule=SYSTEMS | SENSORS | MEASUREMENTS,
    catchup=False,
    # What is published while a run is under way starts one run after it.
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=in_time(),
    params=FORM,
    tags=["pv", "marts"],
    doc_md=__doc__,
)
def marts():
    """Build the tables beside one another: neither waits for the other."""
    days = partial(forms.days_of_systems, form=FORM)
    load("fact_pv_performance_daily", days, made_of=[MEASUREMENTS, SYSTEMS, SENSORS])
    load("fact_pv_energy_hourly", days, made_of=[MEASUREMENTS, SENSORS])


marts()
