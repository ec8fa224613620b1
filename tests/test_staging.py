"""The staging area, on a disk, on S3 and on Cloud Storage: the first manifest wins, and only whole loads count."""

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import pytest
from conftest import DAYS, day_file, forget
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError

from jobs import gcloud, staging
from jobs.errors import StagingError


@pytest.fixture(params=["file", "s3", "gs"])
def area(request, place, google, monkeypatch):
    """A staging area of each kind."""
    if request.param == "s3":
        place.s3.create_bucket(Bucket=f"staging-{place.bucket}")
        monkeypatch.setenv("STAGING", f"s3://staging-{place.bucket}/lake")
    if request.param == "gs":
        if not google.bucket:
            pytest.skip("there is no bucket")
        monkeypatch.setenv("STAGING", f"gs://{google.bucket}/{uuid4().hex}")
    forget()
    return place


@pytest.fixture(params=["file", "s3", "gs"])
def broken(request, place, monkeypatch, tmp_path):
    """A staging area of each kind that cannot be reached; its scheme."""
    (tmp_path / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    where = {"file": f"file://{tmp_path}/file/staging", "s3": "s3://bucket/staging", "gs": "gs://bucket/staging"}
    monkeypatch.setenv("STAGING", where[request.param])
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", nowhere)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", nowhere)
    monkeypatch.setattr(staging, "PATIENCE", timedelta(seconds=1))
    monkeypatch.setattr("google.cloud.storage.retry.DEFAULT_RETRY._timeout", 0.2)
    opened = (staging._s3, staging._gcs_with)
    for cached in opened:
        cached.cache_clear()
    forget()
    yield where[request.param]
    for cached in opened:
        cached.cache_clear()


def manifest(attempt, files=()):
    return {"attempt": attempt, "files": list(files)}


def test_a_document_is_read_as_it_was_written_and_none_where_there_is_none(area):
    uri = f"{staging.folder('t', 'l')}/x.json"

    assert staging.read_json(uri) is None
    staging.write_json(uri, {"a": DAYS[0]})
    staging.write_json(uri, {"a": [1, None]})

    assert staging.read_json(uri) == {"a": [1, None]}


def test_only_one_of_many_creates_a_document(area):
    uri = f"{staging.folder('t', 'l')}/x.json"

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: staging.create_json(uri, {"by": number}), range(8)))

    assert won.count(True) == 1
    assert staging.read_json(uri) == {"by": won.index(True)}


def test_the_first_manifest_wins_and_the_loser_takes_its_files_away(area):
    first, second = staging.new_attempt("t", "l"), staging.new_attempt("t", "l")
    for attempt in (first, second):
        staging.write_json(f"{attempt}/part.json", {})
    size = len(b"{}\n")
    entry = {"path": "part.json", "bytes": size}

    assert staging.write_manifest("t", "l", manifest(first, [entry]))["attempt"] == first
    assert staging.write_manifest("t", "l", manifest(second, [entry]))["attempt"] == first

    assert staging.read_manifest("t", "l")["attempt"] == first
    assert staging.read_json(f"{second}/part.json") is None


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_manifest_whose_files_are_not_whole_does_not_count(area, damage):
    attempt = staging.new_attempt("t", "l")
    staging.write_json(f"{attempt}/part.json", {"a": 1})
    whole = len(b'{\n "a": 1\n}\n')
    staging.write_manifest("t", "l", manifest(attempt, [{"path": "part.json", "bytes": whole}]))
    assert staging.read_manifest("t", "l") is not None

    if damage == "gone":
        staging.remove(attempt)
    else:
        staging.write_json(f"{attempt}/part.json", {})

    assert staging.read_manifest("t", "l") is None


def test_just_these_files_of_a_load_go_and_those_that_came_later_stay(area):
    old, new = staging.new_attempt("t", "l"), staging.new_attempt("t", "l")
    staging.write_json(f"{old}/month=2019-01/part.json", {"a": 1})
    staging.write_json(f"{staging.folder('t', 'l')}/plan-1.json", {})
    (listed,) = staging.loads("t", "l").values()
    staging.write_json(f"{new}/month=2019-01/part.json", {"a": 2})

    staging.remove_files("t", "l", listed)

    assert staging.read_json(f"{new}/month=2019-01/part.json") == {"a": 2}
    (left,) = staging.loads("t").values()
    assert [one.path.partition("load_id=l/")[2] for one in left] == [
        f"{new.rpartition('/')[2]}/month=2019-01/part.json"
    ]


def test_a_document_that_is_no_json_is_named(place):
    uri = f"{staging.folder('t', 'l')}/x.json"
    path = place.folder / "staging/t/load_id=l/x.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")

    with pytest.raises(StagingError, match="x.json is not the JSON document it should be"):
        staging.read_json(uri)


def test_a_load_by_way_of_s3_gives_the_same_rows(area, load):
    area.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0, 2.0]))

    load()

    assert [row[4] for row in area.facts()] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda attempt: staging.write_json(f"{attempt}/x.json", {}), "x.json cannot be written"),
        (lambda attempt: staging.create_json(f"{attempt}/x.json", {}), "x.json cannot be written"),
        (lambda attempt: staging.read_json(f"{attempt}/x.json"), "x.json cannot be read"),
        (lambda attempt: staging.read_manifest("t", "l"), "manifest.json cannot be read"),
    ],
)
def test_an_area_that_cannot_be_reached_is_one_sentence_with_its_place(call, said, broken):
    with pytest.raises(StagingError, match=said) as fault:
        call(staging.new_attempt("t", "l"))

    assert str(fault.value).startswith(f"{broken}/t/load_id=l/")


@pytest.mark.parametrize("broken", ["s3", "gs"], indirect=True)
def test_what_cannot_be_removed_is_one_sentence_with_its_place(broken):
    attempt = staging.new_attempt("t", "l")

    with pytest.raises(StagingError, match=f"^{attempt} cannot be removed: "):
        staging.remove(attempt)


@pytest.mark.parametrize("broken", ["s3", "gs"], indirect=True)
def test_an_area_that_goes_away_before_a_manifests_files_are_counted_is_one_sentence(broken, monkeypatch):
    attempt = staging.new_attempt("t", "l")
    monkeypatch.setattr(staging, "read_json", lambda uri: manifest(attempt, [{"path": "x.parquet", "bytes": 1}]))

    with pytest.raises(StagingError, match=f"^{attempt} cannot be read"):
        staging.read_manifest("t", "l")


def test_what_a_loser_leaves_behind_is_no_reason_to_fail(area, monkeypatch, caplog):
    first, second = staging.new_attempt("t", "l"), staging.new_attempt("t", "l")
    staging.write_manifest("t", "l", manifest(first))

    def refuse(uri):
        raise StagingError(f"{uri} cannot be removed: no")

    monkeypatch.setattr(staging, "remove", refuse)

    assert staging.write_manifest("t", "l", manifest(second))["attempt"] == first
    assert f"{second} cannot be removed" in caplog.text


@pytest.mark.parametrize("kind", ["unavailable", "answer_lost", "cut_upload"])
@pytest.mark.parametrize(
    ("write", "method"), [(staging.write_json, "POST"), (staging.write_json, "PUT"), (staging.create_json, "POST")]
)
@pytest.mark.parametrize("area", ["gs"], indirect=True)
def test_an_upload_that_is_cut_or_not_answered_is_sent_again(write, method, kind, area, google):
    if google.double is None:
        pytest.skip("faults can be injected into the double only")
    uri = f"{staging.folder('t', 'l')}/x.json"

    with google.double.inject(kind, path="^/upload/storage", method=method):
        write(uri, {"a": 1})

    assert staging.read_json(uri) == {"a": 1}


class HandedOver(Credentials):
    """Credentials as a connection of Airflow hands them over: each token is good for an hour."""

    def __init__(self, fault=None):
        super().__init__()
        self.fault, self.count = fault, 0

    def refresh(self, request):
        if self.fault:
            raise self.fault
        self.count += 1
        self.token, self.expiry = f"token-{self.count}", datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)


@pytest.fixture
def asked(place, monkeypatch):
    """The tokens that Cloud Storage has been asked with."""
    tokens = []

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self):
            tokens.append(self.headers["Authorization"])
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
        # What Google's own library for C++ goes by, with the credentials that it has.
        monkeypatch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        staging._gcs_with.cache_clear()
        yield tokens
        staging._gcs_with.cache_clear()
        server.shutdown()


def test_files_on_cloud_storage_are_reached_with_the_credentials_that_were_handed_over(asked):
    handed = HandedOver()

    with gcloud.acting_as(handed):
        assert staging.read_json("gs://bucket/a.json") is None
        assert staging.read_json("gs://bucket/b.json") is None
        handed.expiry -= timedelta(minutes=31)
        assert staging.read_json("gs://bucket/c.json") is None

    assert asked == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_credentials_that_give_no_token_are_one_sentence(asked):
    handed = HandedOver(RefreshError("invalid_grant: Token has been expired or revoked."))

    with gcloud.acting_as(handed), pytest.raises(StagingError, match="^gs://bucket/a.json cannot be reached: invalid"):
        staging.read_json("gs://bucket/a.json")

    assert asked == []
