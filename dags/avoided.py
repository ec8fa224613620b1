"""What the sun avoided: emissions that the grid did not have, by system, hour of UTC and method.

Builds `fact_avoided_emissions_hourly` from the hours' energy that `marts` has built and from the factors, regions and
intensities that `grid` has loaded, whenever one of them was published.

* **By itself** a run looks at all days and systems, and builds just those days of systems anew whose energy has
  changed, or a factor that holds for them. Before anything is built, *plan* logs which factors take the place of which,
  for how many systems and days, and how far that moves the figures.
* **Trigger** by hand for some days [UTC] and systems with the form, or to build rows anew that an older contract or
  transform has built.

The table goes through the same four steps as in `pv`; nothing is read from a source.
"""

from functools import partial

import forms
from airflow.sdk import dag
from alerts import in_time
from assets import table
from table_steps import DEFAULTS, load

ENERGY, FACTORS, REGIONS, INTENSITIES = map(
    table, ("fact_pv_energy_hourly", "dim_emission_factor", "dim_system_region", "fact_grid_intensity_hourly")
)

FORM = {
    "first_day": forms.first_day("Empty: all days."),
    "last_day": forms.LAST_DAY,
    "systems": forms.systems("all systems that have hours"),
    "restate": forms.restate("Build unchanged days again if an older contract or transform has built them."),
}


@dag(
    dag_id="avoided",
    schedule=ENERGY | FACTORS | REGIONS | INTENSITIES,
    catchup=False,
    # What is published while a run is under way starts one run after it.
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=in_time(),
    params=FORM,
    tags=["emissions", "marts"],
    doc_md=__doc__,
)
def avoided():
    """Build the one table."""
    days = partial(forms.days_of_systems, form=FORM)
    load("fact_avoided_emissions_hourly", days, made_of=[ENERGY, FACTORS, REGIONS, INTENSITIES])


avoided()
