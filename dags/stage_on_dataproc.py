"""stage_on_dataproc -- the Spark job of a table as a batch on Dataproc Serverless.

Imported where `SPARK_PROFILE` is `dataproc`, and nowhere else: Google's operators take a second to import.
"""

from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.google.cloud.operators.dataproc import DataprocCreateBatchOperator
from google.api_core.exceptions import NotFound
from table_steps import google_cloud, named

# Of these a batch with the load's name may still make the load.
UNDER_WAY = ("STATE_UNSPECIFIED", "PENDING", "RUNNING")


class StageOnDataproc(DataprocCreateBatchOperator):
    """Run the Spark job on Dataproc Serverless: read what is planned, write parquet, and the manifest last.

    A retry waits for the batch that an earlier try has started; a batch that has failed is followed by another. The
    task's link leads to the batch and its logs.
    """

    template_fields = (*DataprocCreateBatchOperator.template_fields, "plan_uri")

    def __init__(self, *, plan_uri, **more):
        # Settings are read when the task runs, which itself waits for the end: it has the last word on the load.
        super().__init__(region="", batch={}, deferrable=False, **more)
        self.plan_uri = plan_uri
        self.doc_md = type(self).__doc__

    def execute(self, context):
        """Stage the plan's load."""
        from jobs import remote

        with google_cloud():
            run_id = named(context, self.plan_uri)
            remote.stage_elsewhere(run_id, self.plan_uri, lambda planned: self._run(planned, context))

    def _run(self, planned, context):
        from jobs import remote
        from jobs.settings import settings

        there = settings()
        self.region, self.project_id = there.dataproc_region, there.dataproc_project
        self.gcp_conn_id = there.dataproc_connection
        self.batch_id, report = remote.name_of(planned, self._is_over)
        self.batch = remote.dataproc_batch(planned, report)
        try:
            super().execute(context)
        except AirflowException as fault:
            if said := remote.reported(report):
                raise said from fault
            raise

    def _is_over(self, batch_id):
        try:
            found = self.hook.get_batch(batch_id=batch_id, region=self.region, project_id=self.project_id)
        except NotFound:
            return False
        return found.state.name not in UNDER_WAY
