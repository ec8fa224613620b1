"""links -- from a task to where its work can be looked at: its checkpoint in BigQuery's console, and Spark's own page.

Where there is no such page there is no link: a DuckDB file is asked with `python -m jobs status`, and Spark inside the
task shows none.
"""

from urllib.parse import urlsplit

from airflow.sdk import BaseOperatorLink

from jobs.settings import settings


class CheckpointLink(BaseOperatorLink):
    """Leads to the checkpoint of the warehouse."""

    name = "Checkpoint"

    def get_link(self, operator, *, ti_key):
        """Give the page of etl_checkpoint in BigQuery's console."""
        place = urlsplit(settings().warehouse)
        dataset = place.path.strip("/")
        return (
            f"https://console.cloud.google.com/bigquery?project={place.netloc}"
            f"&p={place.netloc}&d={dataset}&t=etl_checkpoint&page=table"
        )


class SparkLink(BaseOperatorLink):
    """Leads to Spark's page."""

    name = "Spark"

    def get_link(self, operator, *, ti_key):
        """Give the page that SPARK_UI names: a cluster's, or a history server's."""
        return settings().spark_ui


def to_warehouse():
    """Give the links to the warehouse, as it is set."""
    return (CheckpointLink(),) if settings().warehouse.startswith("bigquery://") else ()


def to_spark():
    """Give the links to Spark, as it is set."""
    return (SparkLink(),) if settings().spark_ui else ()
