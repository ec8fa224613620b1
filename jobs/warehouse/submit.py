"""submit -- BigQuery jobs, each run once: submit, or attach to the job that has the id already.

A job id is made of what the job does, so that whoever does the same thing again finds the job instead of a second one:
after a lost answer, in a retry, or from another process. The service refuses an id that it knows with 409 and says
nothing of how that job went, so the job is asked for. An id whose job has failed is used up, and the next one is taken.
"""

import hashlib
import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import requests
from google.api_core.exceptions import Conflict, Forbidden, GoogleAPIError, NotFound, RetryError
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from jobs.errors import ConflictError, ContractError, UnknownOutcomeError, WarehouseError

log = logging.getLogger(__name__)

Job = bigquery.QueryJob | bigquery.LoadJob

# How long the service may be away before a call is given up.
RETRY = DEFAULT_RETRY.with_timeout(300.0)
# How often one call does again what the service has failed at; pauses grow to the longest.
TRIES = 6
LONGEST_PAUSE_SECONDS = 20.0
LONGEST_POLL_SECONDS = 5.0

# What the service says of a job that may go well the next time.
PASSING = {
    "backendError",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "rateLimitExceeded",
    "tableUnavailable",
}
ABORTED = "aborted due to concurrent update"
FAULTS = (GoogleAPIError, GoogleAuthError, requests.exceptions.RequestException, ConnectionError)

# What is known where a call has no good end.
NOTHING = "Nothing was published"
UNKNOWN = "It is not known whether it was published; running it again finds out and is safe"

# What to do about what the service refuses, by its word for the reason.
ADVICE = {
    "quotaExceeded": "a quota is used up; run it again when it is free, daily quotas at midnight Pacific time",
    "bytesBilledLimitExceeded": "it would read more than BIGQUERY_MAXIMUM_GB allows; ask for less, or raise that",
    "accessDenied": "the credentials lack a role on the project, the dataset or the bucket",
    "billingNotEnabled": "the project has no billing, and BigQuery's sandbox refuses to change rows; enable billing",
    "notFound": "what it needs is not there",
}


def job_id(*parts: str, attempt: int) -> str:
    """Name a job by what it does: readable as far as it goes, and never the same for two things.

    >>> job_id("p.pv", "dim_system", "1f2e", attempt=0)
    'sunledger-p_pv-dim_system-1f2e-47c07fe3-a0'
    """
    readable = "-".join(re.sub(r"[^A-Za-z0-9]", "_", part)[:64] for part in parts)
    sha = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"sunledger-{readable}-{sha[:8]}-a{attempt}"


def labels(table: str | None, load_id: str | None) -> dict[str, str]:
    """Label a job with the table and the load it is for, and the Airflow task where there is one."""
    known = {
        "table": table,
        "load_id": load_id,
        "dag": os.environ.get("AIRFLOW_CTX_DAG_ID"),
        "task": os.environ.get("AIRFLOW_CTX_TASK_ID"),
    }
    return {name: re.sub(r"[^a-z0-9_-]", "_", value.lower())[:63] for name, value in known.items() if value}


def submit_or_attach(
    client: bigquery.Client,
    submit: Callable[[str, dict[str, str]], Job],
    parts: tuple[str, ...],
    marks: Mapping[str, str],
    stands: Callable[[Job], bool] = lambda job: True,
    outcome: str = NOTHING,
) -> tuple[Job, bool]:
    """Run a job once, and wait for its end.

    Args:
        client: the client, with its location.
        submit: submits the job under an id and with labels.
        parts: what the job does; makes the id.
        marks: the job's labels. A job that has the id already is joined if its table and load are the same.
        stands: whether what such a job has done is still there and is what was asked for; else it is done again.
        outcome: what is known where the service says no more of a job that it may have accepted.

    Returns:
        The job, and whether it is this call's and not another that it has joined.

    Raises:
        ConflictError: other transactions kept being first.
        ContractError: the script said that keys collide.
        UnknownOutcomeError: it did not answer, and the outcome is unknown then.
        WarehouseError: the service refused, or did not answer.
    """
    marks = {**marks, "call": uuid4().hex}
    attempt = tries = 0
    while True:
        known_as = job_id(*parts, attempt=attempt)
        attempt += 1
        job, fresh = _submitted(client, submit, known_as, marks, outcome)
        if any(job.labels.get(name) != marks.get(name) for name in ("table", "load_id")):
            log.warning("BigQuery has a job %s that is for something else: %s", known_as, job.labels)
            continue
        ours = job.labels.get("call") == marks["call"]
        error = _end(job, outcome)
        if error is None and (fresh or stands(job)):
            return job, ours
        if error is not None and ours:
            tries += 1
            passing = error["reason"] in PASSING or ABORTED in error["message"]
            if not passing or tries == TRIES:
                raise refusal(error["message"], error["reason"], job.job_id)
            log.info("job %s failed (%s); trying again", known_as, error["message"])
            time.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.25 * 2**tries)))


def _submitted(client, submit, known_as: str, marks: dict[str, str], outcome: str) -> tuple[Job, bool]:
    """Submit a job, or find the one that has its id; and whether the service said that it was accepted just now."""
    for tried in range(1, TRIES + 1):
        try:
            return submit(known_as, marks), True
        except FAULTS as fault:
            # Refused as known, or no answer: only the service can say whether the job is there.
            job = _found(client, known_as, isinstance(fault, Conflict), outcome)
            if job is not None:
                return job, False
            lost = isinstance(fault, Conflict) or _silent(fault)
            # Those that the client itself has made again and again have had their time.
            if not lost or isinstance(fault, RetryError) or tried == TRIES:
                raise refusal_of(fault, known_as, outcome if lost else NOTHING) from fault
            log.info("job %s did not arrive (%s); sending it again", known_as, fault)
            time.sleep(random.uniform(0, 0.25 * 2**tried))
    raise AssertionError("the last try returns or raises")


def _found(client: bigquery.Client, known_as: str, there: bool, outcome: str) -> Job | None:
    """Ask for a job that is there, as the service has said, or may be; none where there is none."""
    with answered(known_as, outcome):
        try:
            return client.get_job(known_as, retry=RETRY)
        except NotFound:
            return None
        except Forbidden as fault:
            if _first_error(fault).get("reason") != "accessDenied":
                raise
            if not there:
                # Nobody may ask for what is not there, either.
                return None
            raise _fault(
                f"the job {known_as} is another account's, and these credentials may not ask how it went "
                f"({fault.message})",
                f"grant them roles/bigquery.resourceViewer on the project {client.project}",
                outcome,
            ) from fault


def _end(job: Job, outcome: str) -> dict[str, str] | None:
    """Wait for a job's end; its error, if it has failed."""
    pause = 0.01
    while job.state != "DONE":
        time.sleep(pause)
        pause = min(LONGEST_POLL_SECONDS, pause * 1.5)
        with answered(job.job_id, outcome):
            job.reload(retry=RETRY)
    error = job.error_result
    return {"reason": error.get("reason", "unknown"), "message": error.get("message", "")} if error else None


@contextmanager
def answered(what: str, outcome: str = NOTHING) -> Iterator[None]:
    """Turn what the service refuses within the block into one sentence."""
    try:
        yield
    except FAULTS as fault:
        raise refusal_of(fault, what, outcome) from fault


def _silent(fault: Exception) -> bool:
    """Tell whether a call has no answer that says what became of it."""
    if isinstance(fault, GoogleAuthError):
        return isinstance(fault, TransportError)
    return not isinstance(fault, GoogleAPIError) or getattr(fault, "code", None) in (None, 500, 502, 503, 504)


def _first_error(fault: Exception) -> dict[str, str]:
    errors = getattr(fault, "errors", None) or [{}]
    return errors[0] if isinstance(errors[0], dict) else {}


def refusal_of(fault: Exception, what: str, outcome: str = NOTHING) -> WarehouseError | ContractError:
    """Say what a call was refused for, and what is known now."""
    if _silent(fault):
        return _fault(f"BigQuery did not answer ({what}: {fault})", "another try may do", outcome)
    if isinstance(fault, GoogleAuthError):
        advice = "run `gcloud auth application-default login` again, or check GOOGLE_APPLICATION_CREDENTIALS"
        return _fault(f"Google refuses the credentials ({fault})", advice, outcome)
    first = _first_error(fault)
    return refusal(first.get("message") or str(fault), first.get("reason", "unknown"), what, outcome)


def refusal(message: str, reason: str, what: str, outcome: str = NOTHING) -> WarehouseError | ContractError:
    """Say what a job was refused for, and what to do about it."""
    said = re.sub(r" at \[\d+:\d+\]$", "", message.strip())
    if ABORTED in said:
        return ConflictError(f"{said}; nothing was published. Another try may do")
    if "conflict: " in said:
        return ConflictError(said.partition("conflict: ")[2])
    if "collision: " in said:
        return ContractError(f"{said.partition('collision: ')[2]}; nothing was published")
    return _fault(f"BigQuery refused ({what}, {reason}): {said}", ADVICE.get(reason), outcome)


def _fault(said: str, advice: str | None, outcome: str) -> WarehouseError:
    kind = UnknownOutcomeError if outcome == UNKNOWN else WarehouseError
    return kind(f"{said}{f'; {advice}' if advice else ''}. {outcome}")
