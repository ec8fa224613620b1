"""What goes wrong between here and BigQuery, injected: the tables are as before or as after, and a rerun finishes."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from unittest.mock import Mock

import pyarrow as pa
import pytest
from conftest import READINGS, day_file
from google.api_core.exceptions import Conflict, Forbidden
from google.cloud.bigquery.client import _DEFAULT_NUM_RETRIES as DEFAULT_NUM_RETRIES

from jobs import gcloud, ledger, publish, staging
from jobs.cli import verify_command
from jobs.errors import ConflictError, LoadError, UnknownOutcomeError, WarehouseError
from jobs.warehouse import bigquery, submit

pytestmark = pytest.mark.exhaustive
WAREHOUSES = ("bigquery",)
FIFTH, SIXTH = date(2019, 1, 5), date(2019, 1, 6)
BEFORE, AFTER = [1.0, 2.0, 4.0], [1.5, 2.0, 4.0]

# The jobs of one load, by what stands in their ids.
QUERY, FINDINGS, ROWS, OBJECTS, PUBLISH = "-query-", "-findings-", "-staged-", "-load_objects-", "publish_"
# The transaction that records the findings has no name of its own.
RECORD = "fact_pv_measurement-[0-9a-f]{32}-[0-9a-f]{8}-a0$"
JOBS = (QUERY, FINDINGS, ROWS, OBJECTS, PUBLISH)

# What is injected; whether the load gets over it by itself.
CASES = [
    *((job, {"kind": "answer_lost"}, True) for job in JOBS),
    *((job, {"kind": "unavailable"}, True) for job in JOBS),
    *((job, {"kind": "unavailable_after"}, True) for job in JOBS),
    *((job, {"kind": "taken"}, True) for job in JOBS),
    *((job, {"kind": "slow", "seconds": 1.0}, True) for job in (ROWS, PUBLISH)),
    *((job, {"kind": "failed", "reason": "backendError"}, True) for job in JOBS),
    *((job, {"kind": "failed", "reason": "backendError", "times": 99}, False) for job in (ROWS, PUBLISH)),
    *((job, {"kind": "failed", "reason": "quotaExceeded"}, False) for job in JOBS),
    *((job, {"kind": "failed", "reason": "bytesBilledLimitExceeded"}, False) for job in (QUERY, PUBLISH)),
    (PUBLISH, {"kind": "aborted"}, True),
    (PUBLISH, {"kind": "aborted", "times": 3}, True),
    (PUBLISH, {"kind": "aborted", "times": 99}, False),
    (RECORD, {"kind": "aborted"}, True),
]
ADVICE = {
    "quotaExceeded": "a quota is used up; run it again when it is free",
    "bytesBilledLimitExceeded": "ask for less, or raise that",
    "backendError": "BigQuery refused",
    "aborted": "aborted due to concurrent update",
}


@pytest.fixture
def corrected(place, load, monkeypatch):
    """A table with two days loaded, and a correction of the first waiting."""
    place.put_day(7, FIFTH, day_file(7, FIFTH, BEFORE[:2]))
    place.put_day(7, SIXTH, day_file(7, SIXTH, BEFORE[2:]))
    load()
    place.put_day(7, FIFTH, day_file(7, FIFTH, AFTER[:2]))
    monkeypatch.setattr(submit, "LONGEST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(publish, "LONGEST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(publish, "ATTEMPTS", 2)
    return place


@pytest.fixture
def double(google):
    if google.double is None:
        pytest.skip("faults can be injected into the double only")
    return google.double


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(submit, "TRIES", 2)
    for module in ("bigquery", "submit"):
        monkeypatch.setattr(f"jobs.warehouse.{module}.RETRY", submit.RETRY.with_timeout(0.5))


def values(place):
    return [value for (value,) in place.rows(f"SELECT value FROM {READINGS} ORDER BY timestamp")]


def held_before_or_after(place, load, recovers, attempt):
    """Try a load, see that the table is whole and as told, and load it again."""
    said = ""
    try:
        attempt()
    except LoadError as fault:
        said = str(fault)
    held = values(place)

    assert held == (AFTER if recovers else BEFORE), said
    assert bool(said) != recovers
    load()
    assert values(place) == AFTER
    assert ledger.state("fact_pv_measurement").head == 2
    verify_command()
    return said


@pytest.mark.parametrize(("job", "fault", "recovers"), CASES)
def test_a_fault_of_a_job_leaves_all_or_nothing(job, fault, recovers, corrected, load, double, record_property):
    record_property("fault", fault["kind"])

    def attempt():
        # What persists is there for as long as the load tries.
        exactly = fault.get("times", 1) < 99
        with double.inject(**fault, job=job, path="jobs$", exactly=exactly):
            load()

    said = held_before_or_after(corrected, load, recovers, attempt)

    if not recovers:
        assert ADVICE[fault.get("reason", fault["kind"])] in said


@pytest.mark.parametrize("resumable", [False, True])
@pytest.mark.parametrize("kind", ["cut_upload", "answer_lost", "unavailable", "unavailable_after"])
def test_a_fault_of_an_upload_leaves_all_or_nothing(
    kind, resumable, corrected, load, double, monkeypatch, record_property
):
    record_property("fault", f"{kind} of an upload")
    if resumable:
        monkeypatch.setattr("google.cloud.bigquery.client._MAX_MULTIPART_SIZE", 0)

    def attempt():
        with double.inject(kind, path="^/upload/bigquery", method="PUT" if resumable else "POST"):
            load()

    held_before_or_after(corrected, load, True, attempt)


@pytest.mark.parametrize("resumable", [False, True])
@pytest.mark.parametrize("kind", ["unavailable", "unavailable_after"])
def test_an_upload_that_is_refused_for_longer_than_the_library_tries_is_sent_again(
    kind, resumable, corrected, load, double, monkeypatch, record_property
):
    record_property("fault", f"{kind} of an upload, for longer")
    monkeypatch.setattr("google.resumable_media._helpers.calculate_retry_wait", lambda *_: (0.0, 0.0))
    if resumable:
        monkeypatch.setattr("google.cloud.bigquery.client._MAX_MULTIPART_SIZE", 0)
    times = 1 + DEFAULT_NUM_RETRIES if kind == "unavailable" else 1

    def attempt():
        with double.inject(kind, path="^/upload/bigquery", method="PUT" if resumable else "POST", times=times):
            load()

    held_before_or_after(corrected, load, True, attempt)


@pytest.mark.parametrize(("method", "path"), [("GET", "/jobs/"), ("GET", "/queries/"), ("POST", "/tables$")])
@pytest.mark.parametrize("kind", ["answer_lost", "unavailable"])
def test_a_fault_of_another_call_is_got_over(kind, method, path, corrected, load, double, record_property):
    record_property("fault", f"{kind} of another call")

    def attempt():
        with double.inject(kind, path=path, method=method, times=2, exactly=False):
            load()

    held_before_or_after(corrected, load, True, attempt)


def test_a_service_that_stays_away_is_one_sentence(corrected, double, load, impatient):
    with (
        double.inject("unavailable", path="jobs$", times=99, exactly=False),
        pytest.raises(LoadError, match="BigQuery did not answer .* another try may do. Nothing was published"),
    ):
        load()

    load()
    assert values(corrected) == AFTER


@pytest.mark.parametrize("seconds", [0.0, 3.0], ids=["it has ended", "it is still running"])
@pytest.mark.parametrize("lost", [False, True], ids=["accepted", "answer lost"])
def test_of_a_transaction_that_the_service_says_no_more_of_nobody_knows_and_the_next_try_finds_out(
    lost, seconds, corrected, double, load, impatient, record_property
):
    record_property("fault", "silence after a transaction")
    with ExitStack() as stack:
        if lost:
            stack.enter_context(double.inject("answer_lost", job=PUBLISH, path="jobs$"))
        stack.enter_context(double.inject("slow", seconds=seconds, job=PUBLISH))
        gone = double.inject("unavailable", path=f"/jobs/.*-{PUBLISH}", method="GET", times=99, exactly=False)
        stack.enter_context(gone)
        with pytest.raises(UnknownOutcomeError) as fault:
            load()

    said = str(fault.value)
    assert "BigQuery did not answer" in said
    assert "It is not known whether it was published; running it again finds out and is safe" in said
    assert "othing was published" not in said
    _, again = load()
    assert (again or {"rows_loaded": 0})["rows_loaded"] == 0, "the first try has brought them in"
    assert values(corrected) == AFTER
    assert ledger.state("fact_pv_measurement").head == 2


def test_of_rows_that_were_only_being_staged_it_is_known_that_nothing_was_published(corrected, double, load, impatient):
    gone = double.inject("unavailable", path=f"/jobs/.*{ROWS}", method="GET", times=99, exactly=False)
    with gone, pytest.raises(WarehouseError, match="BigQuery did not answer .* Nothing was published") as fault:
        load()

    assert not isinstance(fault.value, UnknownOutcomeError)
    assert values(corrected) == BEFORE


@pytest.mark.parametrize(
    ("job", "outcome"),
    [
        (ROWS, "Nothing was published"),
        (PUBLISH, "It is not known whether it was published; running it again finds out and is safe"),
    ],
)
def test_a_job_of_another_account_that_may_not_be_asked_for_names_the_role(
    job, outcome, corrected, double, load, record_property
):
    record_property("fault", "a job of another account")
    with double.inject("anothers", job=job, path="jobs$"), pytest.raises(WarehouseError) as fault:
        load()

    assert re.fullmatch(
        rf"the job sunledger-\S*{job}\S* is another account's, and these credentials may not ask how it went "
        r"\(.*bigquery.jobs.get.*\); grant them roles/bigquery.resourceViewer on the project sunledger-test. "
        + outcome,
        str(fault.value),
    )
    load()
    assert values(corrected) == AFTER


def forbidden(reason):
    return Forbidden("Permission bigquery.jobs.get denied (or it may not exist)", errors=[{"reason": reason}])


def test_a_job_that_did_not_arrive_is_sent_again_where_nobody_may_ask_for_what_is_not_there():
    """The service need not tell a job that is not there from one that may not be asked for."""
    sent, client = [], Mock(project="p")
    client.get_job.side_effect = forbidden("accessDenied")

    def submit_job(known_as, marks):
        sent.append(known_as)
        if len(sent) == 1:
            raise ConnectionError("cut")
        return Mock(labels=marks, state="DONE", error_result=None)

    submit.submit_or_attach(client, submit_job, ("p.d", "t"), {})

    assert len(sent) == 2
    assert len(set(sent)) == 1


def test_a_job_that_may_not_be_asked_for_for_want_of_a_quota_is_nobody_elses():
    client = Mock(project="p")
    client.get_job.side_effect = forbidden("quotaExceeded")

    def submit_job(known_as, marks):
        raise Conflict("Already Exists: Job")

    with pytest.raises(WarehouseError, match="BigQuery refused .* a quota is used up"):
        submit.submit_or_attach(client, submit_job, ("p.d", "t"), {})


def test_a_transaction_that_is_always_aborted_is_a_conflict(corrected, double, load):
    with (
        double.inject("aborted", job=PUBLISH, times=99, exactly=False),
        pytest.raises(ConflictError, match="aborted due to concurrent update"),
    ):
        load()


@pytest.fixture
def silence(place, monkeypatch):
    """Google Cloud takes every connection and says nothing; the warehouse as it is then, opened before."""
    opened = place.opened
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(gcloud, "TIMEOUT_SECONDS", 0.1)
        # What is at stake is one call; how often it is made again is held to in other tests.
        for name in ("jobs.warehouse.bigquery.RETRY", "jobs.warehouse.submit.RETRY"):
            monkeypatch.setattr(name, submit.RETRY.with_timeout(0.2))
        monkeypatch.setattr("google.cloud.storage.retry.DEFAULT_RETRY._timeout", 0.2)
        monkeypatch.setattr("google.resumable_media._helpers.calculate_retry_wait", lambda *_: (0.0, 0.0))
        opened.client = gcloud.bigquery_client(opened.project, "EU")
        yield opened


def upload(opened, monkeypatch, most):
    monkeypatch.setattr("google.cloud.bigquery.client._MAX_MULTIPART_SIZE", most)
    monkeypatch.setattr(opened, "_made_room", lambda *_: None)
    opened.transact("SELECT * FROM {given};", {}, {"given": pa.table({"n": [1]})})


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda opened, _: bigquery.BigQueryWarehouse("p", "d", "EU", 1).client, "BigQuery did not answer"),
        (lambda opened, _: bigquery._refuse_staging_elsewhere("EU"), "did not answer .gs://sunledger-staging"),
        (lambda opened, _: opened.create(), "BigQuery did not answer"),
        (lambda opened, _: opened.select("SELECT 1 AS n", {}), "BigQuery did not answer"),
        (lambda opened, patch: upload(opened, patch, 2**20), "BigQuery did not answer"),
        (lambda opened, patch: upload(opened, patch, 0), "BigQuery did not answer"),
        (lambda opened, _: staging.create_json("gs://bucket/manifest.json", {}), "gs://bucket/manifest.json cannot be"),
    ],
    ids=["the dataset", "the bucket", "tables", "a query", "an upload", "a resumable upload", "a manifest"],
)
def test_a_service_that_takes_a_connection_and_says_nothing_is_one_sentence(call, said, silence, monkeypatch):
    pool = ThreadPoolExecutor(1)
    waiting = pool.submit(call, silence, monkeypatch)
    pool.shutdown(wait=False)

    with pytest.raises(LoadError, match=said):
        waiting.result(timeout=20)
