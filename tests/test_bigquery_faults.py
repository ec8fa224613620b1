"""What goes wrong between here and BigQuery, injected: the tables are as before or as after, and a rerun finishes."""

from datetime import date

import pytest
from conftest import READINGS, day_file

from jobs import ledger, publish
from jobs.cli import verify_command
from jobs.errors import ConflictError, LoadError
from jobs.warehouse import submit

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


@pytest.mark.parametrize(("method", "path"), [("GET", "/jobs/"), ("GET", "/queries/"), ("POST", "/tables$")])
@pytest.mark.parametrize("kind", ["answer_lost", "unavailable"])
def test_a_fault_of_another_call_is_got_over(kind, method, path, corrected, load, double, record_property):
    record_property("fault", f"{kind} of another call")

    def attempt():
        with double.inject(kind, path=path, method=method, times=2, exactly=False):
            load()

    held_before_or_after(corrected, load, True, attempt)


def test_a_service_that_stays_away_is_one_sentence(corrected, double, monkeypatch, load):
    monkeypatch.setattr(submit, "TRIES", 2)
    monkeypatch.setattr("jobs.warehouse.bigquery.RETRY", submit.RETRY.with_timeout(0.5))

    with (
        double.inject("unavailable", path="jobs$", times=99, exactly=False),
        pytest.raises(LoadError, match="BigQuery did not answer .* Another try may do"),
    ):
        load()

    load()
    assert values(corrected) == AFTER


def test_a_transaction_that_is_always_aborted_is_a_conflict(corrected, double, load):
    with (
        double.inject("aborted", job=PUBLISH, times=99, exactly=False),
        pytest.raises(ConflictError, match="aborted due to concurrent update"),
    ):
        load()
