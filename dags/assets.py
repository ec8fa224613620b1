"""assets -- what the asset graph is made of: the folders that the source publishes, and the tables.

A table's asset has the name of its contract. A folder's has the place that a contract's server names, in a bucket of
the settings. They are the inlets and outlets of the tasks that publish, so that the graph leads from S3 to the marts.
"""

from airflow.sdk import Asset

from jobs.settings import settings


def folder(path):
    """Give the asset of a folder in PVDAQ's bucket."""
    return _folder(f"{settings().pvdaq_bucket}/{path}")


def oge(path):
    """Give the asset of a folder in the bucket of Open Grid Emissions."""
    return _folder(f"{settings().oge_bucket}/{path}")


def landed(path):
    """Give the asset of a folder in the landing bucket."""
    return _folder(f"{settings().landing_bucket or 'landing-bucket'}/{path}")


def pudl(release):
    """Give the asset of a release in PUDL's bucket."""
    return _folder(f"{settings().pudl_bucket or 'pudl.catalyst.coop'}/{release}")


def _folder(place):
    # At a URI of S3 Airflow imports boto3, and would for each task anew.
    return Asset(f"s3://{place}", place, group="source")


def table(name):
    """Give the asset of a table, grouped as its layer's others."""
    return Asset(name, group=name.partition("_")[0])
