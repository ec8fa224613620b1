"""stage_on_emr -- the Spark job of a table as a job run on EMR Serverless.

Imported where `SPARK_PROFILE` is `emr`, and nowhere else.
"""

from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator
from airflow.providers.common.compat.sdk import AirflowException
from table_steps import google_cloud, named

OVER = ("SUCCESS", "FAILED", "CANCELLING", "CANCELLED")
POLL_SECONDS, LONGEST_HOURS = 30, 12


class StageOnEmr(EmrServerlessStartJobOperator):
    """Run the Spark job on EMR Serverless: read what is planned, write parquet, and the manifest last.

    A retry waits for the job run that an earlier try has started; one that has failed is followed by another. The
    task's links lead to Spark's pages and its logs.
    """

    template_fields = (*EmrServerlessStartJobOperator.template_fields, "plan_uri")

    def __init__(self, *, plan_uri, **more):
        # Settings are read when the task runs, which itself waits for the end: it has the last word on the load.
        super().__init__(
            application_id="",
            execution_role_arn="",
            job_driver={},
            deferrable=False,
            enable_application_ui_links=True,
            waiter_delay=POLL_SECONDS,
            waiter_max_attempts=LONGEST_HOURS * 3600 // POLL_SECONDS,
            **more,
        )
        self.plan_uri = plan_uri
        self.doc_md = type(self).__doc__

    def execute(self, context, event=None):
        """Stage the plan's load."""
        from jobs import remote

        with google_cloud():
            run_id = named(context, self.plan_uri)
            remote.stage_elsewhere(run_id, self.plan_uri, lambda planned: self._run(planned, context))

    def _run(self, planned, context):
        from jobs import remote
        from jobs.settings import settings

        self.application_id = settings().emr_application
        pages = self.hook.conn.get_paginator("list_job_runs").paginate(applicationId=self.application_id)
        states = {run["name"]: run["state"] for page in pages for run in page["jobRuns"] if "name" in run}
        self.name, report = remote.name_of(planned, lambda name: states.get(name) in OVER)
        request = remote.emr_job_run(planned, self.name, report)
        self.client_request_token = request["clientToken"]
        self.execution_role_arn = request["executionRoleArn"]
        self.job_driver = request["jobDriver"]
        self.configuration_overrides = request["configurationOverrides"]
        try:
            super().execute(context)
        except AirflowException as fault:
            if said := remote.reported(report):
                raise said from fault
            raise
