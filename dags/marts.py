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

from datetime import date

from airflow.sdk import Asset, Param, dag
from table_steps import DEFAULTS, load

DAY = {"type": ["null", "string"], "format": "date"}
FORM = {
    "first_day": Param(None, **DAY, title="First day", description="Empty: all days."),
    "last_day": Param(None, **DAY, title="Last day", description="Itself included. Empty: the first day."),
    "systems": Param(
        None,
        type=["null", "array"],
        items={"type": "integer", "minimum": 1},
        title="Systems",
        description="PVDAQ system ids, such as [34, 1332]. Empty: all systems that are loaded.",
    ),
    "restate": Param(
        False,
        type="boolean",
        title="Restate",
        description="Build unchanged days again if an older contract or transform has built them.",
    ),
}


def days(run):
    """Tell the days of the form, both included; none and none for all days.

    Raises:
        LoadError: the form has a last day without a first, or a field that it does not know.
    """
    from jobs.errors import LoadError

    if unknown := sorted(set(run["params"]) - set(FORM)):
        raise LoadError(f"the form has no {', '.join(unknown)}; it has {', '.join(FORM)}")
    first, last = run["params"]["first_day"], run["params"]["last_day"]
    if last and not first:
        raise LoadError(f"last_day is {last}, but first_day is empty; give both, or none")
    return (date.fromisoformat(first), date.fromisoformat(last or first)) if first else (None, None)


@dag(
    dag_id="marts",
    schedule=Asset("dim_system") | Asset("dim_sensor") | Asset("fact_pv_measurement"),
    catchup=False,
    # What is published while a run is under way starts one run after it.
    max_active_runs=1,
    default_args=DEFAULTS,
    params=FORM,
    tags=["pv", "marts"],
    doc_md=__doc__,
)
def marts():
    """Build the tables beside one another: neither waits for the other."""
    load("fact_pv_performance_daily", days)
    load("fact_pv_energy_hourly", days)


marts()
