"""Where tests find a BigQuery: the double on loopback, any emulator, or a project of the service itself.

    pytest                                                       the double
    BIGQUERY_EMULATOR_HOST=http://127.0.0.1:9050 pytest ...      an emulator
    SUNLEDGER_TEST_PROJECT=my-project pytest --endpoint real ... the service, with application default credentials

Each test has a dataset of its own, which goes with it. Staging is a bucket where there is one (the double's, or
SUNLEDGER_TEST_BUCKET), and else a local folder, from which rows are uploaded.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest
from double import BigQueryDouble, serve
from google.cloud import bigquery

from jobs.gcloud import bigquery_client

BUCKET = "sunledger-staging"


@dataclass(frozen=True)
class Endpoint:
    """A BigQuery to test on; `double` is none where it is not ours."""

    project: str
    location: str
    bucket: str | None
    double: BigQueryDouble | None = None

    @contextmanager
    def dataset(self) -> Iterator[str]:
        """Make a dataset for one test; its name."""
        name = f"sunledger_test_{uuid4().hex[:12]}"
        if self.double:
            self.double.create_dataset(name, location=self.location)
            yield name
            return
        client = bigquery_client(self.project, self.location)
        made = bigquery.Dataset(f"{self.project}.{name}")
        made.location = self.location
        made.default_table_expiration_ms = 24 * 60 * 60 * 1000
        client.create_dataset(made)
        try:
            yield name
        finally:
            client.delete_dataset(made, delete_contents=True)

    def warehouse(self, dataset: str) -> str:
        """Write the setting for a dataset."""
        return f"bigquery://{self.project}/{dataset}?location={self.location}"


@contextmanager
def opened(kind: str) -> Iterator[Endpoint]:
    """Open the endpoint that the command line and the environment ask for."""
    location = os.environ.get("SUNLEDGER_TEST_LOCATION", "EU")
    bucket = os.environ.get("SUNLEDGER_TEST_BUCKET")
    if kind == "real" or os.environ.get("BIGQUERY_EMULATOR_HOST"):
        project = os.environ.get("SUNLEDGER_TEST_PROJECT")
        if not project:
            raise pytest.UsageError("SUNLEDGER_TEST_PROJECT says which project to test in; it is not set")
        yield Endpoint(project, location, bucket)
        return
    with serve(project="sunledger-test") as double, pytest.MonkeyPatch.context() as environment:
        double.create_bucket(BUCKET, location=location)
        for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):
            environment.setenv(name, double.endpoint)
        yield Endpoint("sunledger-test", location, BUCKET, double)
