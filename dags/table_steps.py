"""table_steps -- the four steps of a table, alike in every DAG.

*plan* compares what there is with the checkpoint, *stage* is the Spark job, *check* holds the staged rows to the
contract, *publish* is one transaction. From one to the next goes the URI of the plan and nothing else.

A plan of many days or files is cut into loads; each goes its own way from *stage* to *publish*, so that one that is
refused does not hold the others, and what is published stays. In the grid a load is a map index, named by its days.
"""

import logging
import os
from contextlib import contextmanager
from datetime import timedelta

import assets
import links
from airflow.sdk import (
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    TriggerRule,
    chain,
    get_current_context,
    task,
    task_group,
)
from alerts import Alert

log = logging.getLogger(__name__)

# A source that did not answer, a staging area or a warehouse in trouble may be well in a minute. What is wrong with the
# data, the plan or the form stays wrong, and each try would start a JVM to say so again.
PASSING = [f"jobs.errors.{name}" for name in ("UnreachableError", "StagingError", "WarehouseError")]
RETRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=PASSING, action=RetryAction.DEFAULT, reason="it may pass"),
        RetryRule(exception="jobs.errors.LoadError", action=RetryAction.FAIL, reason="another try says the same"),
    ]
)
DEFAULTS = {
    "owner": "sunledger",
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "retry_policy": RETRIES,
    "on_failure_callback": Alert(),
}
# Loads of one table that are staged at once where Spark has machines of its own for each.
AT_ONCE_ELSEWHERE = 4
# Loads of one table in a run, the others being the next run's: of more than 1,024 Airflow makes none (max_map_length).
MOST_LOADS = 1_000


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


def stages_elsewhere():
    """Give the operator that stages where SPARK_PROFILE says; none for this machine or a cluster that it drives.

    Read while the file is parsed, so from the environment alone; *plan* refuses a profile that there is not.
    """
    profile = os.environ.get("SPARK_PROFILE")
    if profile == "dataproc":
        from stage_on_dataproc import StageOnDataproc

        return StageOnDataproc
    if profile == "emr":
        from stage_on_emr import StageOnEmr

        return StageOnEmr
    return None


def named(run, plan_uri):
    """Name the map index of a task by its load; the id of the run, which the steps are logged with."""
    from jobs.plan import read

    run["load"] = read(plan_uri).label
    return run["run_id"]


def lands_nowhere(table):
    """Tell whether a table is read from the landing bucket, and there is none."""
    from jobs import contract
    from jobs.landing import LANDING
    from jobs.settings import settings

    needed = {source.bucket for source in contract.load(table).sources if not source.is_optional}
    return not settings().landing_bucket and LANDING in needed


def accepted(table, rules):
    """Give those of a form's rules that are this table's; one form is for all tables of a DAG."""
    from jobs import contract

    known = {rule.name for rule in contract.load(table).checks}
    return tuple(rule for rule in rules if rule.partition("@")[0] in known)


def load(table, days, made_of):
    """Build the four steps of a table.

    `days` tells the first and the last day of a run, or none and none for all days. `made_of` are the assets of what
    the table's rows are made of. The form of the DAG has `restate`; where rows are of systems, `systems` too; where a
    correction may have fewer rows than what it replaces, `accept_loss`; and it may have `retire_vanished`, `accept`, a
    budget, and `estimate_only`.
    """
    asset = assets.table(table)

    @task_group(group_id=table)
    def steps():
        # The first step of a table waits for the table before it, however that has ended: no table's rows are made of
        # another's in one DAG.
        @task.short_circuit(ignore_downstream_trigger_rules=False, trigger_rule=TriggerRule.ALL_DONE)
        @google_cloud()
        def plan():
            """Compare what there is with the checkpoint and write the plans. Nothing new skips the rest."""
            from jobs.estimate import Budget
            from jobs.listing import Window
            from jobs.steps import plan_load

            if lands_nowhere(table):
                log.info("%s: nothing to do, for LANDING_BUCKET is not set and it is made of what lands there", table)
                return []
            run = get_current_context()
            form = run["params"]
            limits = {limit: form.get(f"budget_{limit}") for limit in ("usd", "gb", "hours")}
            is_estimate, has_budget = form.get("estimate_only", False), set(limits.values()) != {None}
            found, _ = plan_load(
                run["run_id"],
                table,
                Window(*days(run), tuple(form.get("systems") or ())),
                restate=form["restate"],
                retire_vanished=form.get("retire_vanished", False),
                accept_loss=form.get("accept_loss", False),
                accept=accepted(table, form.get("accept", ())),
                most=None if is_estimate else MOST_LOADS,
                budget=Budget(**limits) if is_estimate or has_budget else None,
            )
            return [] if is_estimate else [planned.uri for planned in found.plans[:MOST_LOADS]]

        # One at a time is enough for the cores of a laptop.
        @task(max_active_tis_per_dag=1)
        @google_cloud()
        def stage(plan_uri):
            """Run the Spark job: read what is planned, write parquet, and the manifest last."""
            from jobs.steps import stage_load

            stage_load(named(get_current_context(), plan_uri), plan_uri)

        @task
        @google_cloud()
        def check(plan_uri):
            """Hold the staged rows to the contract; findings and refused rows go to etl_quality."""
            from jobs.steps import check_load

            check_load(named(get_current_context(), plan_uri), plan_uri)

        @task(max_active_tis_per_dag=1, inlets=made_of, outlets=[asset])
        @google_cloud()
        def publish(plan_uri):
            """Change the table and its checkpoint in one transaction; the asset's event tells what is live."""
            from jobs.steps import loaded, publish_load

            run = get_current_context()
            publish_load(named(run, plan_uri), plan_uri)
            run["outlet_events"][asset].extra = {"loads": loaded(table, [plan_uri])}

        # Its tasks are still called <table>.<step>.
        @task_group(group_id="loads", prefix_group_id=False)
        def each(plan_uri):
            def step(kind):
                return kind.override(task_id=f"{table}.{kind.__name__}", map_index_template="{{ load }}")(plan_uri)

            if elsewhere := stages_elsewhere():
                staged = elsewhere(
                    task_id=f"{table}.stage",
                    plan_uri=plan_uri,
                    map_index_template="{{ load }}",
                    max_active_tis_per_dag=AT_ONCE_ELSEWHERE,
                )
            else:
                staged = step(stage)
                staged.operator.operator_extra_links = links.to_spark()
            published = step(publish)
            published.operator.operator_extra_links = links.to_warehouse()
            chain(staged, step(check), published)

        each.expand(plan_uri=plan())

    return steps()


# Whatever has failed has told of itself.
@task(trigger_rule=TriggerRule.ONE_FAILED, on_failure_callback=None)
def all_tables_are_well():
    """Fail the run if a table has failed, though those after it are well; skipped if none has."""
    from jobs.errors import LoadError

    raise LoadError("a table of this run has failed; the log of its failed step says why")
