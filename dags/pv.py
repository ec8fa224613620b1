"""Photovoltaic systems and what they measured.

Loads NREL's PVDAQ from S3 into the star schema, exactly once: first `dim_system` from the catalogue, then
`dim_sensor` from the dictionaries of channels, then `fact_pv_measurement` from the files of days, years and records.

* **On schedule** each run takes one day, after it is over: the run of 5 January has the data interval 5 to 6 January.
  PVDAQ publishes late; with `PV_LATE_DAYS=45` a scheduled run looks at the 45 days before its own again.
* **Backfill** a range of days from this page; both ends are included. What is loaded already is skipped, so a backfill
  may overlap the schedule, another backfill, or itself.
* **Trigger** by hand for any window and any list of systems with the form. Without days, a run by hand takes the last
  day that is over.
* **Years of history** are one run by hand with the form: many days a Spark job, each load published at once and by
  itself. Look with *Estimate only* first, and give it a budget.

Each table goes through the same four steps. *plan* compares the bucket with the checkpoint; where nothing is new the
other three are skipped and no Spark starts. *stage* is the Spark job. *check* holds the staged rows to the contract.
*publish* is one transaction. Every step may be cleared and run again at any time: the rows stay the same. A load that
breaks its contract is not retried, and holds neither the run's other loads nor its other tables; read its log, or
`etl_quality`. Such a run ends as failed. A task that says "plan again" was overtaken: clear its run from *plan* on.
"""

from datetime import UTC, datetime, timedelta

import forms
from airflow.sdk import CronDataIntervalTimetable, Param, chain, dag
from alerts import in_time
from assets import folder
from table_steps import DEFAULTS, all_tables_are_well, load

# Folders of the source's bucket, as the contracts name them.
CATALOGUES, METADATA, METRICS = map(folder, ("pvdaq/csv", "pvdaq/csv/system_metadata", "pvdaq/parquet/metrics"))
DAYS_CSV, DAYS_PARQUET = map(folder, ("pvdaq/csv/pvdata", "pvdaq/parquet/pvdata"))
PRIZE = folder("pvdaq/2023-solar-data-prize")
SYSTEMS, SITES, MOUNTS = (folder(f"pvdaq/parquet/{name}") for name in ("system", "site", "mount"))

BUDGET = (
    ("budget_usd", "USD", "be billed more by BigQuery"),
    ("budget_gb", "GB", "read more"),
    ("budget_hours", "hours", "take longer"),
)
FORM = {
    "first_day": forms.first_day("Empty: the run's own day. Leave it empty in a backfill."),
    "last_day": forms.LAST_DAY,
    "all_days": Param(
        False,
        type="boolean",
        title="All days",
        description="Take all days that the source has, with the files that hold a system's whole record.",
    ),
    "systems": forms.systems("all systems in the bucket"),
    "restate": forms.restate("Load unchanged files again if an older contract or transform has loaded them."),
    "retire_vanished": Param(
        False,
        type="boolean",
        title="Retire vanished",
        description="Take out the rows of files that are gone from the source, of the days and systems above.",
    ),
    "accept_loss": Param(
        False,
        type="boolean",
        title="Accept loss",
        description="Publish corrected files that have far fewer readings than they replace.",
    ),
    "estimate_only": Param(
        False,
        type="boolean",
        title="Estimate only",
        description="Load nothing. The log of each plan says what a run would take: bytes, loads, US dollars, hours.",
    ),
    **{
        name: Param(
            None,
            type=["null", "number"],
            minimum=0,
            title=f"Budget, {unit}",
            description=f"A table whose loads would {what} is refused when it is planned. Empty: no limit.",
        )
        for name, unit, what in BUDGET
    },
}


def window(run, late_days, most_days):
    """Tell the days of a run, both included: the form's, or else those of its data interval; none for all days.

    A run by hand from the API or the command line has no interval unless it was given a logical date; its day is the
    last one that was over when the run was made. A scheduled run looks at `late_days` before its own again.

    Raises:
        LoadError: the form is not to be understood, has days beside all days, or more than `most_days` and no budget.
    """
    from jobs.errors import LoadError

    days = forms.asked(run, FORM)
    if run["params"]["all_days"]:
        if days:
            raise LoadError(f"all days are asked for, and days too: {days[0]} to {days[1]}; give one or the other")
        return None, None
    if days:
        is_bounded = run["params"]["estimate_only"] or any(run["params"][name] is not None for name, *_ in BUDGET)
        if (count := (days[1] - days[0]).days + 1) > most_days and not is_bounded:
            raise LoadError(
                f"the window {days[0]} to {days[1]} has {count:,} days, and a run without a budget takes "
                f"{most_days:,} (PV_WINDOW_DAYS); look with estimate only, and give the run a budget"
            )
        return days
    start, end = run.get("data_interval_start"), run.get("data_interval_end")
    if start is None:
        day = run["dag_run"].run_after.astimezone(UTC).date() - timedelta(days=1)
        return day, day
    looks_back = late_days if run["dag_run"].run_type == "scheduled" else 0
    return start.date() - timedelta(days=looks_back), (end - timedelta(microseconds=1)).date()


def days(run):
    """Tell the days of a run, with those that a scheduled one looks at again; refuse systems that nobody knows."""
    from jobs.settings import settings
    from jobs.systems import refuse_unknown

    found = window(run, settings().pv_late_days, settings().pv_window_days)
    refuse_unknown(run["params"]["systems"] or ())
    return found


@dag(
    dag_id="pv",
    # A cron string alone would give every run an interval of no width. Days are those of the files' names.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(1994, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    deadline=in_time(),
    params=FORM,
    tags=["pv"],
    doc_md=__doc__,
)
def pv():
    """Load the catalogue, the channels, then the measurements; one that fails fails the run and holds no other."""
    tables = (
        load("dim_system", days, made_of=[CATALOGUES, SYSTEMS, SITES, MOUNTS, METADATA, PRIZE]),
        load("dim_sensor", days, made_of=[METRICS, METADATA, PRIZE]),
        load("fact_pv_measurement", days, made_of=[DAYS_CSV, DAYS_PARQUET, PRIZE, METRICS, METADATA]),
    )
    chain(*tables)
    chain(tables, all_tables_are_well())


pv()
