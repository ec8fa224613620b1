"""Photovoltaic systems and what they measured.

Loads NREL's PVDAQ from S3 into the star schema, exactly once: first `dim_system` from the catalogue, then
`dim_sensor` from the dictionaries of channels, then `fact_pv_measurement` from the files of days, years and records.

* **On schedule** each run takes one day, after it is over: the run of 5 January has the data interval 5 to 6 January.
  PVDAQ publishes late; with `PV_LATE_DAYS=45` a scheduled run looks at the 45 days before its own again.
* **Backfill** a range of days from this page; both ends are included. What is loaded already is skipped, so a backfill
  may overlap the schedule, another backfill, or itself.
* **Trigger** by hand for any window and any list of systems with the form. Without days, a run by hand takes the last
  day that is over.

Each table goes through the same four steps. *plan* compares the bucket with the checkpoint; where nothing is new the
other three are skipped and no Spark starts. *stage* is the Spark job. *check* holds the staged rows to the contract.
*publish* is one transaction. Every step may be cleared and run again at any time: the rows stay the same. A load that
breaks its contract is not retried; read its log, or `etl_quality`. A task that says "plan again" was overtaken: clear
its run from *plan* on.
"""

from datetime import UTC, date, datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, Param, chain, dag
from table_steps import DEFAULTS, load

DAY = {"type": ["null", "string"], "format": "date"}
FORM = {
    "first_day": Param(
        None, **DAY, title="First day", description="Empty: the run's own day. Leave it empty in a backfill."
    ),
    "last_day": Param(None, **DAY, title="Last day", description="Itself included. Empty: the first day."),
    "all_days": Param(
        False,
        type="boolean",
        title="All days",
        description="Take all days that the source has, with the files that hold a system's whole record.",
    ),
    "systems": Param(
        None,
        type=["null", "array"],
        items={"type": "integer", "minimum": 1},
        title="Systems",
        description="PVDAQ system ids, such as [34, 1332]. Empty: all systems in the bucket.",
    ),
    "restate": Param(
        False,
        type="boolean",
        title="Restate",
        description="Load unchanged files again if an older contract or transform has loaded them.",
    ),
    "accept_loss": Param(
        False,
        type="boolean",
        title="Accept loss",
        description="Publish corrected files that have far fewer readings than they replace.",
    ),
}


def window(run, late_days=0):
    """Tell the days of a run, both included: the form's, or else those of its data interval; none for all days.

    A run by hand from the API or the command line has no interval unless it was given a logical date; its day is the
    last one that was over when the run was made. A scheduled run looks at `late_days` before its own again.

    Raises:
        LoadError: the form has a last day without a first, days beside all days, or a field that it does not know.
    """
    from jobs.errors import LoadError

    if unknown := sorted(set(run["params"]) - set(FORM)):
        raise LoadError(f"the form has no {', '.join(unknown)}; it has {', '.join(FORM)}")
    first, last = run["params"]["first_day"], run["params"]["last_day"]
    if run["params"]["all_days"]:
        if first or last:
            raise LoadError(
                f"all days are asked for, and days too: {first or ''} to {last or ''}; give one or the other"
            )
        return None, None
    if first:
        return date.fromisoformat(first), date.fromisoformat(last or first)
    if last:
        raise LoadError(f"last_day is {last}, but first_day is empty; give both, or none")
    start, end = run.get("data_interval_start"), run.get("data_interval_end")
    if start is None:
        day = run["dag_run"].run_after.astimezone(UTC).date() - timedelta(days=1)
        return day, day
    looks_back = late_days if run["dag_run"].run_type == "scheduled" else 0
    return start.date() - timedelta(days=looks_back), (end - timedelta(microseconds=1)).date()


def days(run):
    """Tell the days of a run, with those that a scheduled one looks at again."""
    from jobs.settings import settings

    return window(run, settings().pv_late_days)


@dag(
    dag_id="pv",
    # A cron string alone would give every run an interval of no width. Days are those of the files' names.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(1994, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    params=FORM,
    tags=["pv"],
    doc_md=__doc__,
)
def pv():
    """Load the catalogue, the channels, then the measurements."""
    chain(load("dim_system", days), load("dim_sensor", days), load("fact_pv_measurement", days))


pv()
