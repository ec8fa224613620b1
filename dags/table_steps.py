"""table_steps -- the four steps of a table, alike in every DAG.

*plan* compares what there is with the checkpoint, *stage* is the Spark job, *check* holds the staged rows to the
contract, *publish* is one transaction. From one to the next goes the URI of the plan and nothing else.
"""

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


def load(table, days, made_of):
    """Build the four steps of a table.

    `days` tells the first and the last day of a run, or none and none for all days. `made_of` are the assets of what
    the table's rows are made of. The form of the DAG has `systems` and `restate`; where a correction may have fewer
    rows than what it replaces, `accept_loss` too.
    """
    asset = assets.table(table)

    @task_group(group_id=table)
    def steps():
        # The first step of a table waits for the table before it, which may have been skipped.
        @task.short_circuit(ignore_downstream_trigger_rules=False, trigger_rule=TriggerRule.NONE_FAILED)
        @google_cloud()
        def plan():
            """Compare what there is with the checkpoint and write the plans. Nothing new skips the rest."""
            from jobs.listing import Window
            from jobs.steps import plan_load

            run = get_current_context()
            form = run["params"]
            found, _ = plan_load(
                run["run_id"],
                table,
                Window(*days(run), tuple(form["systems"] or ())),
                restate=form["restate"],
                accept_loss=form.get("accept_loss", False),
            )
            return [planned.uri for planned in found.plans]

        # One at a time is enough for the cores of a laptop.
        @task(max_active_tis_per_dag=1)
        @google_cloud()
        def stage(plan_uris):
            """Run the Spark job: read what is planned, write parquet, and the manifest last."""
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

        @task(max_active_tis_per_dag=1, inlets=made_of, outlets=[asset])
        @google_cloud()
        def publish(plan_uris):
            """Change the table and its checkpoint in one transaction a load; the asset's event tells what is live."""
            from jobs.steps import loaded, publish_load

            run = get_current_context()
            for plan_uri in plan_uris:
                publish_load(run["run_id"], plan_uri)
            run["outlet_events"][asset].extra = {"loads": loaded(table, plan_uris)}

        plan_uris = plan()
        staged, published = stage(plan_uris), publish(plan_uris)
        staged.operator.operator_extra_links = links.to_spark()
        published.operator.operator_extra_links = links.to_warehouse()
        chain(plan_uris, staged, check(plan_uris), published)

    return steps()
