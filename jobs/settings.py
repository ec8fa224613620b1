"""settings -- where things are, read from the environment in this one place.

Credentials are not settings: boto3 and Google's clients find them by their own standard variables
(`AWS_ENDPOINT_URL_S3`, `AWS_PROFILE`, `GOOGLE_APPLICATION_CREDENTIALS`, ...).
"""

import re
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings

from jobs.errors import LoadError

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".sunledger"


# The project and the dataset by Google's own rules for their names.
BIGQUERY = re.compile(
    r"bigquery://(?P<project>[a-z][a-z0-9.:-]*[a-z0-9])/(?P<dataset>[A-Za-z0-9_]{1,1024})(\?location=(?P<location>[A-Za-z0-9-]+))?"
)


class Settings(BaseSettings):
    """One environment's places. Each field is the environment variable of the same name in capitals."""

    pvdaq_bucket: str = Field("oedi-data-lake", description="bucket of NREL's PVDAQ, in its published key layout")
    pvdaq_anonymous: bool = Field(True, description="read the PVDAQ bucket without credentials")
    landing_bucket: str = Field("", description="bucket of what no public bucket holds, in keys emissions/<source>/...")
    oge_bucket: str = Field("open-grid-emissions", description="bucket of Open Grid Emissions, for all to read")
    pudl_bucket: str = Field(
        "", description="bucket of PUDL's releases, pudl.catalyst.coop, read without credentials; none: it is not read"
    )
    staging: str = Field(f"file://{LOCAL}/staging", description="URI of the staging area: file://, s3:// or gs://")
    warehouse: str = Field(
        f"duckdb://{LOCAL}/sunledger.duckdb",
        description="duckdb:///absolute/path.duckdb, or bigquery://project/dataset?location=EU",
    )
    warehouse_lock_seconds: float = Field(120, gt=0, description="how long to wait for another process's lock [s]")
    duckdb_memory: str = Field("1GB", description="memory of DuckDB, as warehouse and in check; more goes to disk")
    bigquery_maximum_gb: float = Field(
        100,
        gt=0,
        description="most that one statement may have BigQuery read [GB]; more fails before it costs anything",
    )
    spark_profile: Literal["local", "standalone", "dataproc", "emr"] = Field(
        "local",
        description="where Spark runs: in the step's own process, on a standalone cluster, or for the DAGs' loads on "
        "Dataproc Serverless or EMR Serverless",
    )
    spark_master: str = Field(
        "local[*]", description="Spark's master: local[*] or local[2], or spark://host:7077 of a standalone cluster"
    )
    spark_properties: dict[str, str] = Field(
        {}, description='more of Spark\'s properties on Dataproc or EMR, as {"spark.executor.cores": "4"}'
    )
    spark_image: str | None = Field(None, description="image of the jobs that Dataproc's batches run in")
    dataproc_project: str | None = Field(
        None, validation_alias="GOOGLE_CLOUD_PROJECT", description="Google Cloud project of Dataproc's batches"
    )
    dataproc_region: str | None = Field(None, description="region of Dataproc's batches")
    dataproc_subnetwork: str | None = Field(None, description="subnetwork of Dataproc's batches")
    dataproc_service_account: str | None = Field(None, description="account that Dataproc's batches run as")
    dataproc_runtime: str = Field("3.0", description="runtime of Dataproc's batches; its Spark is 4.0 or newer")
    dataproc_connection: str = Field(
        "google_cloud_default", description="Airflow's connection that starts Dataproc's batches"
    )
    emr_application: str | None = Field(None, description="id of the EMR Serverless application")
    emr_role: str | None = Field(None, description="ARN of the role that EMR's jobs run as")
    spark_ui: str = Field("", description="address of Spark's page, a cluster's or a history server's, to link to")
    staging_keep_days: int = Field(30, ge=1, description="how long staged files stay that no live load needs [days]")
    s3_connections: int = Field(32, ge=1, le=256, description="listings under way at once; a Spark task reads eight")
    s3_timeout_seconds: float = Field(60, gt=0, description="how long S3 may be silent before a try is given up [s]")
    pv_window_days: int = Field(366, ge=1, description="most days that the form of `pv` takes for one run")
    pv_late_days: int = Field(
        0, ge=0, le=3660, description="days before its own that a scheduled run of `pv` looks at again, for late files"
    )

    alert_webhook_conn: str = Field("", description="Airflow's HTTP connection of a webhook as Slack's, for alerts")
    alert_smtp_conn: str = Field("", description="Airflow's SMTP connection, for alerts by mail")
    alert_email_to: str = Field("", description="whom alerts by mail are for, with commas between")
    alert_after_hours: float = Field(
        12, gt=0, description="how much longer than usual a run may take before it is late [h]"
    )

    def names(self, place: str) -> bool:
        """Tell whether a bucket that a contract's location means is named."""
        return bool(place.format_map(self.model_dump()))

    def bucket(self, place: str) -> str:
        """Name the bucket that a contract's location means, such as `{landing_bucket}`.

        Raises:
            LoadError: the landing bucket is needed, and is not set.
        """
        if place == "{landing_bucket}" and not self.landing_bucket:
            raise LoadError("LANDING_BUCKET is not set, and factors are read from it; nothing was planned")
        return place.format_map(self.model_dump())

    def naming(self, bucket: str) -> str:
        """Tell the variable that names a bucket; PVDAQ's where it names the same one as another."""
        if bucket == self.pvdaq_bucket:
            return "PVDAQ_BUCKET"
        names = {self.oge_bucket: "OGE_BUCKET", self.pudl_bucket: "PUDL_BUCKET", self.landing_bucket: "LANDING_BUCKET"}
        return names.get(bucket, "PVDAQ_BUCKET")

    def is_anonymous(self, bucket: str) -> bool:
        """Tell whether a bucket is read without credentials."""
        return self.pvdaq_anonymous if bucket == self.pvdaq_bucket else bucket != self.landing_bucket

    @property
    def needs_google(self) -> bool:
        """Whether the warehouse or the staging area is Google's."""
        return self.warehouse.startswith("bigquery://") or self.staging.startswith("gs://")

    @field_validator("staging")
    @classmethod
    def _known_staging(cls, uri: str) -> str:
        if not uri.startswith(("file:///", "s3://", "gs://")):
            raise ValueError("must be file:///absolute/path, s3://bucket/prefix or gs://bucket/prefix")
        return uri.rstrip("/")

    @field_validator("spark_master")
    @classmethod
    def _known_master(cls, master: str) -> str:
        if not re.fullmatch(r"local(\[(\*|[1-9]\d*)\])?|spark://[^\s/]+:\d+", master):
            raise ValueError("must be local[*], local[2] or spark://host:7077")
        return master

    @model_validator(mode="after")
    def _master_of_the_profile(self) -> "Settings":
        is_cluster = self.spark_master.startswith("spark://")
        if self.spark_profile == "standalone" and not is_cluster:
            raise ValueError("SPARK_PROFILE is standalone, so SPARK_MASTER must be spark://host:7077")
        if self.spark_profile == "local" and is_cluster:
            raise ValueError(f"SPARK_MASTER is {self.spark_master}, so SPARK_PROFILE must be standalone")
        return self

    @model_validator(mode="after")
    def _mail_for_somebody(self) -> "Settings":
        if self.alert_smtp_conn and not self.alert_email_to:
            raise ValueError("ALERT_SMTP_CONN is set, and ALERT_EMAIL_TO is not")
        return self

    @field_validator("warehouse")
    @classmethod
    def _known_warehouse(cls, uri: str) -> str:
        if not uri.startswith("duckdb:///") and not BIGQUERY.fullmatch(uri):
            raise ValueError("must be duckdb:///absolute/path.duckdb or bigquery://project/dataset?location=EU")
        return uri


@cache
def settings() -> Settings:
    """Read the settings once per process.

    Raises:
        LoadError: a variable has a value that cannot be used; all such variables are named.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])).upper()}: ".removeprefix(": ") + fault["msg"]
            for fault in error.errors()
        )
        raise LoadError(f"settings cannot be used: {faults}") from None
