"""Photovoltaic systems and what they measured.

Loads NREL's PVDAQ from S3 into the star schema, exactly once: first `dim_system` from the newest catalogue, then
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

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from airflow.sdk import (
    Asset,
    CronDataIntervalTimetable,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TriggerRule,
    chain,
    dag,
    get_current_context,
    task,
    task_group,
)

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

# A source that did not answer, a staging area or a warehouse in trouble may be well in a minute. What is wrong with the
# data, the plan or the form stays wrong, and each try would start a JVM to say so again.
PASSING = [f"jobs.errors.{name}" for name in ("UnreachableError", "StagingError", "WarehouseError")]
RETRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=PASSING, action=RetryAction.DEFAULT, reason="it may pass"),
        RetryRule(exception="jobs.errors.LoadError", action=RetryAction.FAIL, reason="another try says the same"),
    ]
)


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


@contextmanager
def google_cloud():
    """Act as Airflow's connection `google_cloud_default`, where the warehouse or the staging area is Google's.

    Its key, if it has one, is for Spark's workers and for files too, which find it by the standard variable.
    """
    from jobs.settings import settings

    if not settings().needs_google:
        yield
        return
    from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

    from jobs.gcloud import acting_as

    hook = GoogleBaseHook(gcp_conn_id="google_cloud_default")
    with hook.provide_gcp_credential_file_as_context(), acting_as(hook.get_credentials()):
        yield


@dag(
    dag_id="pv",
    # A cron string alone would give every run an interval of no width. Days are those of the files' names.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(1994, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    default_args={
        "owner": "sunledger",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": RETRIES,
    },
    params=FORM,
    tags=["pv"],
    doc_md=__doc__,
)
def pv():
    """Load the catalogue, the channels, then the measurements."""
    chain(load("dim_system"), load("dim_sensor"), load("fact_pv_measurement"))


def load(table):
    """Build the four steps of a table."""

    @task_group(group_id=table)
    def steps():
        # The first step of a table waits for the table before it, which may have been skipped.
        @task.short_circuit(ignore_downstream_trigger_rules=False, trigger_rule=TriggerRule.NONE_FAILED)
        @google_cloud()
        def plan():
            """Compare the bucket with the checkpoint and write the plans. Nothing new skips the rest."""
            from jobs.listing import Window
            from jobs.settings import settings
            from jobs.steps import plan_load

            run = get_current_context()
            days = window(run, settings().pv_late_days)
            found, _ = plan_load(
                run["run_id"],
                table,
                Window(*days, tuple(run["params"]["systems"] or ())),
                restate=run["params"]["restate"],
                accept_loss=run["params"]["accept_loss"],
            )
            return [planned.uri for planned in found.plans]

        # One at a time is enough for the cores of a laptop.
        @task(max_active_tis_per_dag=1)
        @google_cloud()
        def stage(plan_uris):
            """Run the Spark job: read the planned objects, write parquet, and the manifest last."""
            from jobs.steps import stage_load

            for plan_uri in plan_uris:
                stage_load(get_current_context()["run_id"], plan_uri)

        @task
        @google_cloud()
        def check(plan_uris):
            """Hold the staged rows to the contract; findings and refused rows go to etl_quality."""
            from jobs.steps import check_load

            for plan_uri in plan_uris:
                check_load(get_current_context()["run_id"], plan_uri)

        @task(max_active_tis_per_dag=1, outlets=[Asset(table)])
        @google_cloud()
        def publish(plan_uris):
            """Change the table and its checkpoint in one transaction a load."""
            from jobs.steps import publish_load

            for plan_uri in plan_uris:
                publish_load(get_current_context()["run_id"], plan_uri)

        plan_uris = plan()
        chain(plan_uris, stage(plan_uris), check(plan_uris), publish(plan_uris))

    return steps()


pv()
