"""Listing and reading S3: pages, prefixes, versions."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto.server import ThreadedMotoServer

from jobs.errors import SourceError, UnreachableError
from jobs.objects import Bucket, ObjectVersion, digest


@pytest.fixture
def moto(monkeypatch):
    """An S3 server in memory, with a bucket `bucket` whose pages have a hundred objects."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "100")
    running = ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    yield client
    for entry in client.get_paginator("list_objects_v2").paginate(Bucket="bucket").search("Contents[]"):
        client.delete_object(Bucket="bucket", Key=entry["Key"])
    running.stop()


def bucket():
    return Bucket("bucket", setting="PVDAQ_BUCKET", anonymous=False, connections=4, timeout_seconds=5)


def test_a_listing_of_many_pages_is_whole_and_in_key_order(moto):
    keys = [f"p/{number:04d}" for number in range(201)]
    for key in reversed(keys):
        moto.put_object(Bucket="bucket", Key=key, Body=b"")

    listed = bucket().objects(["p/"])

    assert [version.key for version in listed] == keys


def test_whoever_seeks_in_an_object_gets_what_stands_there_and_asks_for_no_more(moto, monkeypatch):
    text = bytes(range(256)) * 20_000
    moto.put_object(Bucket="bucket", Key="p/large", Body=text)
    (version,) = bucket().objects(["p/"])
    asked = []
    original = Bucket._from

    def noted(self, version, position, count=None):
        asked.append((position, count))
        return original(self, version, position, count)

    monkeypatch.setattr(Bucket, "_from", noted)

    with bucket().open(version) as stream:
        assert stream.read(3) == text[:3]
        stream.seek(-5, 2)
        assert stream.read() == text[-5:]
        stream.seek(3_000_000)
        assert stream.read(2_500_000) == text[3_000_000:]
        assert stream.tell() == len(text)

    assert asked[0] == (0, None)
    assert all(count is not None for _, count in asked[1:])
    assert sum(min(count, len(text) - position) for position, count in asked[1:]) < 2_200_000 + 10


def test_a_prefix_ends_at_its_slash(moto):
    for key in ("system_id=1/a", "system_id=10/a", "system_id=1332/a"):
        moto.put_object(Bucket="bucket", Key=key, Body=b"")

    assert [version.key for version in bucket().objects(["system_id=1/"])] == ["system_id=1/a"]
    assert bucket().folders("") == ["system_id=1", "system_id=10", "system_id=1332"]


def test_prefixes_that_overlap_list_an_object_once_and_tell_their_progress(moto):
    moto.put_object(Bucket="bucket", Key="p/q/a", Body=b"1")
    told = []

    listed = bucket().objects(["p/", "p/q/", "none/"], lambda: told.append(1))

    assert [version.key for version in listed] == ["p/q/a"]
    assert len(told) == 3


def test_a_version_is_known_by_etag_and_size_and_only_that_version_is_read(moto):
    moto.put_object(Bucket="bucket", Key="a", Body=b"one")
    (first,) = bucket().objects(["a"])
    moto.put_object(Bucket="bucket", Key="a", Body=b"two")
    (second,) = bucket().objects(["a"])

    assert (first.size_bytes, second.size_bytes) == (3, 3)
    assert first.object_id != second.object_id
    assert bucket().read(second) == b"two"
    with pytest.raises(SourceError, match="s3://bucket/a changed after it was listed"):
        bucket().read(first)


def test_an_object_id_depends_on_each_of_its_parts():
    base = ObjectVersion("b", "k", "e", 1)
    others = [ObjectVersion("c", "k", "e", 1), ObjectVersion("b", "l", "e", 1), ObjectVersion("b", "k", "f", 1)]

    assert len({version.object_id for version in [base, *others, ObjectVersion("b", "k", "e", 2)]}) == 5
    assert digest("ab", "c") != digest("a", "bc")


def test_an_object_id_is_the_same_for_ever():
    assert ObjectVersion("oedi-data-lake", "pvdaq/a.csv", "abc", 3).object_id == digest(
        "oedi-data-lake", "pvdaq/a.csv", "abc", 3
    )
    assert digest("oedi-data-lake", "pvdaq/a.csv", "abc", 3) == "6d38b9f9b984134d7d4d3ddeb10f5011"


class Breaking:
    """A server of one object that ends each answer after some bytes, as a connection that breaks does."""

    def __init__(self, body, every):
        self.body, self.ranges = body, []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
                server.ranges.append(start)
                self.send_response(206 if asked else 200)
                self.send_header("ETag", '"e"')
                self.send_header("Content-Length", str(len(server.body) - start))
                self.end_headers()
                self.wfile.write(server.body[start : start + every])

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")


@pytest.mark.usefixtures("credentials")
def test_a_stream_whose_connection_breaks_goes_on_where_it_broke(monkeypatch):
    body = bytes(range(256)) * 1000
    with Breaking(body, every=100_000) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)

        with bucket().open(ObjectVersion("bucket", "a", "e", len(body))) as stream:
            taken = stream.read()

        assert taken == body
        assert server.ranges[0] == 0
        assert len(server.ranges) == 3


@pytest.mark.usefixtures("credentials")
def test_a_stream_that_breaks_again_and_again_is_given_up_with_its_name(monkeypatch):
    body = bytes(1000)
    with Breaking(body, every=10) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)

        with pytest.raises(UnreachableError, match="s3://bucket/a cannot be reached"):
            bucket().read(ObjectVersion("bucket", "a", "e", len(body)))


@pytest.mark.usefixtures("credentials")
def test_a_stream_that_is_another_version_when_it_is_taken_up_is_refused(monkeypatch):
    with Breaking(bytes(1000), every=500) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
        stream = bucket().open(ObjectVersion("bucket", "a", "e", 1000))
        server.body = bytes(900)

        with pytest.raises(SourceError, match="changed after it was listed"):
            stream.read()


def test_only_the_head_of_a_large_object_is_read(moto):
    moto.put_object(Bucket="bucket", Key="a", Body=b"header\n" + bytes(3_000_000))
    (version,) = bucket().objects(["a"])

    assert bucket().head(version, 6) == b"header"
