"""gcloud -- how the project reaches Google Cloud: one set of credentials for BigQuery and Cloud Storage.

On the command line these are the application default credentials; in a DAG those of an Airflow connection, handed over
with `acting_as`. With `BIGQUERY_EMULATOR_HOST` or `STORAGE_EMULATOR_HOST` the same clients speak to a local server,
without credentials.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import google.auth
import requests
from google.api_core.client_info import ClientInfo
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import bigquery, storage

from jobs.errors import LoadError

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
AGENT = ClientInfo(user_agent="sunledger")

# How long the service may be silent in one call; Google's clients wait for ever in most. A call of BigQuery's may take
# two minutes on its side.
TIMEOUT_SECONDS = 130.0

_given: ContextVar[Credentials | None] = ContextVar("google_credentials", default=None)


@contextmanager
def acting_as(credentials: Credentials) -> Iterator[None]:
    """Use these credentials instead of the application default ones, within the block."""
    before = _given.set(credentials)
    try:
        yield
    finally:
        _given.reset(before)


def token() -> tuple[str, datetime] | None:
    """Give a token for Cloud Storage of the credentials that were handed over, and its end, half an hour away at least.

    It is for what finds by itself the application default credentials and no others; none where those will do.

    Raises:
        GoogleAuthError: the credentials give none.
    """
    given = _given.get()
    if given is None or os.environ.get("STORAGE_EMULATOR_HOST"):
        return None
    if given.expiry is None or given.expiry.replace(tzinfo=UTC) - datetime.now(UTC) < timedelta(minutes=30):
        given.refresh(Request())
    return given.token, given.expiry.replace(tzinfo=UTC)


def bigquery_client(project: str, location: str | None) -> bigquery.Client:
    """Open a client of BigQuery.

    Raises:
        LoadError: there are no credentials.
    """
    credentials = _credentials("BIGQUERY_EMULATOR_HOST")
    return bigquery.Client(project, credentials, _session(credentials), location, client_info=AGENT)


def storage_client(project: str | None = None) -> storage.Client:
    """Open a client of Cloud Storage; the project is needed by nothing the project does.

    Raises:
        LoadError: there are no credentials.
    """
    credentials = _credentials("STORAGE_EMULATOR_HOST")
    return storage.Client(project or "none", credentials, _session(credentials), AGENT)


class _Session(AuthorizedSession):
    """A session in which no call waits for ever, an upload no more than another."""

    def request(self, *arguments, **options) -> requests.Response:
        return super().request(*arguments, **{**options, "timeout": TIMEOUT_SECONDS})


def _session(credentials: Credentials) -> _Session:
    made = _Session(credentials, refresh_timeout=TIMEOUT_SECONDS)
    # The clients do so with sessions of their own making.
    made.configure_mtls_channel()
    return made


def _credentials(emulator: str) -> Credentials:
    if os.environ.get(emulator):
        return AnonymousCredentials()
    if given := _given.get():
        return given
    try:
        credentials, _ = google.auth.default(scopes=SCOPES)
    except DefaultCredentialsError as fault:
        raise LoadError(
            "Google Cloud needs credentials and none were found; run `gcloud auth application-default login`, or set "
            f"GOOGLE_APPLICATION_CREDENTIALS to a credential file; nothing was written ({fault})"
        ) from fault
    return credentials
