"""objects -- objects on S3: list them in parallel, read one version of one, put one into the landing bucket.

Endpoint, region and credentials come from the standard AWS variables. A prefix always ends where a folder or a name
part ends: `system_id=1` without its `/` would match 802 other systems of the public bucket.
"""

import hashlib
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import BinaryIO

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.loaders import Loader

from jobs.errors import SourceError, UnreachableError

STREAM_BYTES = 1024**2
# How often the connection to one object may break.
BREAKS = 4


@dataclass(frozen=True, order=True)
class ObjectVersion:
    """One version of one source object: the unit of the checkpoint."""

    bucket: str
    key: str
    etag: str
    size_bytes: int

    @cached_property
    def object_id(self) -> str:
        """Identity by content: 32 hex digits of SHA-256 over bucket, key, ETag and size."""
        return digest(self.bucket, self.key, self.etag, self.size_bytes)


class _Stream(io.RawIOBase):
    """The bytes of one object version, as they arrive; whoever seeks has each part asked for by its range."""

    def __init__(self, bucket: "Bucket", version: ObjectVersion):
        self._bucket, self._version = bucket, version
        self._position, self._breaks, self._by_ranges = 0, 0, False
        self._body = bucket._from(version, 0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._version.size_bytes}[whence]
        if start + offset != self._position:
            self._position, self._by_ranges = start + offset, True
            self._body.close()
        return self._position

    def readinto(self, buffer) -> int:
        while self._position < self._version.size_bytes:
            try:
                if self._by_ranges:
                    self._body.close()
                    self._body = self._bucket._from(self._version, self._position, len(buffer))
                taken = self._body.read(len(buffer))
                if not taken:
                    raise ConnectionError("the answer ended early")
            except (BotoCoreError, OSError) as fault:
                self._breaks += 1
                if self._breaks > BREAKS:
                    raise self._bucket._named(fault, self._version.key) from fault
                self._body.close()
                self._body = self._bucket._from(self._version, self._position)
                continue
            buffer[: len(taken)] = taken
            self._position += len(taken)
            return len(taken)
        return 0

    def close(self) -> None:
        self._body.close()
        super().close()


def digest(*parts: object) -> str:
    """Hash an ordered list of values to 32 hex digits; no two different lists run together."""
    return hashlib.sha256("".join(f"{len(str(part))}:{part}" for part in parts).encode()).hexdigest()[:32]


@cache
def _loader() -> Loader:
    return botocore.session.get_session().get_component("data_loader")


def session() -> boto3.Session:
    """Open a session of AWS by what the environment says now.

    What botocore knows of AWS's services takes a tenth of a second to read, and is read once for all sessions.
    """
    made = botocore.session.get_session()
    opened = boto3.Session(botocore_session=made)
    made.register_component("data_loader", _loader())
    return opened


class Bucket:
    """A bucket to list and read. Every fault of S3 becomes one sentence that names the bucket, key and endpoint.

    `setting` is the variable that names the bucket, for whoever has to set it right.
    """

    def __init__(self, name: str, *, setting: str, anonymous: bool, connections: int, timeout_seconds: float):
        self.name, self.setting = name, setting
        self.connections = connections
        config = Config(
            signature_version=UNSIGNED if anonymous else None,
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": 4},
            connect_timeout=min(5, timeout_seconds),
            read_timeout=timeout_seconds,
        )
        aws = session()
        # PVDAQ's bucket is in us-west-2; a region of the environment wins.
        self._s3 = aws.client("s3", config=config, region_name=aws.region_name or "us-west-2")

    def objects(self, prefixes: Iterable[str], progress: Callable[[], None] = lambda: None) -> list[ObjectVersion]:
        """List every object under the prefixes, in key order. `progress` is called after each listing."""

        def one(prefix):
            pages = self._pages(prefix)
            found = [
                ObjectVersion(self.name, entry["Key"], entry["ETag"].strip('"'), entry["Size"])
                for page in pages
                for entry in page.get("Contents", ())
            ]
            progress()
            return found

        with ThreadPoolExecutor(self.connections) as pool:
            return sorted({version for found in pool.map(one, prefixes) for version in found})

    def folders(self, prefix: str) -> list[str]:
        """List the names of the folders directly under a prefix, without their slash."""
        pages = self._pages(prefix, Delimiter="/")
        return [entry["Prefix"][len(prefix) : -1] for page in pages for entry in page.get("CommonPrefixes", ())]

    def read(self, version: ObjectVersion) -> bytes:
        """Read just this version of an object, whole.

        Raises:
            SourceError: it is gone, is another version by now, may not be read, or did not arrive whole.
        """
        with self.open(version) as stream:
            return stream.read()

    def open(self, version: ObjectVersion) -> BinaryIO:
        """Open just this version of an object as a stream; a connection that breaks is taken up where it broke.

        Raises, here and while it is read:
            SourceError: it is gone, is another version by now, may not be read, or did not arrive whole.
        """
        return io.BufferedReader(_Stream(self, version), STREAM_BYTES)

    def head(self, version: ObjectVersion, size_bytes: int) -> bytes:
        """Read the first bytes of just this version of an object.

        Raises:
            SourceError: as `open`.
        """
        with self.open(version) as stream:
            return stream.read(size_bytes)

    def tail(self, version: ObjectVersion, size_bytes: int) -> bytes:
        """Read the last bytes of just this version of an object.

        Raises:
            SourceError: as `open`.
        """
        body = self._from(version, max(0, version.size_bytes - size_bytes))
        try:
            return body.read()
        except (BotoCoreError, OSError) as fault:
            raise self._named(fault, version.key) from fault

    def described(self, key: str) -> str | None:
        """Tell the checksum (SHA-256) that an object was uploaded with, empty if without; none if there is no object.

        Raises:
            SourceError: nobody can tell.
        """
        try:
            return self._s3.head_object(Bucket=self.name, Key=key)["Metadata"].get("sha256", "")
        except ClientError as fault:
            # An answer to HEAD has no body that could name the fault; of a missing bucket it says the same.
            if fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise self._named(fault, key) from fault
        except BotoCoreError as fault:
            raise self._named(fault, key) from fault

    def upload(self, key: str, file: Path, sha256: str) -> bool:
        """Put a new object of up to 5 GB with its checksum; whether it is new, and not another's by now.

        Raises:
            SourceError: it could not be put; there is nothing under the key then.
        """
        told = {"Metadata": {"sha256": sha256}, "IfNoneMatch": "*"}
        try:
            with file.open("rb") as body:
                self._s3.put_object(Bucket=self.name, Key=key, Body=body, **told)
            return True
        except ClientError as fault:
            if fault.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise self._named(fault, key) from fault
        except BotoCoreError as fault:
            raise self._named(fault, key) from fault

    def put(self, key: str, body: bytes) -> None:
        """Put a small object.

        Raises:
            SourceError: it could not be put.
        """
        try:
            self._s3.put_object(Bucket=self.name, Key=key, Body=body)
        except (ClientError, BotoCoreError) as fault:
            raise self._named(fault, key) from fault

    def _from(self, version: ObjectVersion, position: int, count: int | None = None):
        """Ask for an object from a byte on, or for some bytes of it; the answer's body."""
        last = "" if count is None else min(position + count, version.size_bytes) - 1
        asked = {"Range": f"bytes={position}-{last}"} if position or count else {}
        try:
            answer = self._s3.get_object(Bucket=self.name, Key=version.key, **asked)
        except (ClientError, BotoCoreError) as fault:
            raise self._named(fault, version.key) from fault
        etag, size = answer["ETag"].strip('"'), position + answer["ContentLength"]
        if count is not None:
            size = int(answer["ContentRange"].rpartition("/")[2])
        if etag != version.etag or size != version.size_bytes:
            raise SourceError(
                f"s3://{self.name}/{version.key} changed after it was listed: planned ETag {version.etag} of "
                f"{version.size_bytes} bytes, found {etag} of {size}; plan again"
            )
        return answer["Body"]

    def _pages(self, prefix: str, **more):
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix, **more)
        try:
            yield from pages
        except (ClientError, BotoCoreError) as fault:
            raise self._named(fault, prefix) from fault

    def _named(self, fault: ClientError | BotoCoreError | OSError, key: str) -> SourceError:
        where, endpoint = f"s3://{self.name}/{key}", self._s3.meta.endpoint_url
        if isinstance(fault, (NoCredentialsError, PartialCredentialsError)):
            public = ", or PVDAQ_ANONYMOUS=true for a public bucket" if self.setting == "PVDAQ_BUCKET" else ""
            return SourceError(
                f"{where} needs credentials and none were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
                f"AWS_SECRET_ACCESS_KEY{public}"
            )
        if isinstance(fault, ParamValidationError):
            return SourceError(f"{self.name!r} cannot be the name of a bucket; check {self.setting}")
        if not isinstance(fault, ClientError):
            return UnreachableError(
                f"{where} cannot be reached at {endpoint} ({type(fault).__name__}); check AWS_ENDPOINT_URL_S3"
            )
        code = fault.response.get("Error", {}).get("Code", "unknown")
        status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code == "NoSuchBucket":
            return SourceError(
                f"bucket {self.name} does not exist at {endpoint}; check {self.setting} and AWS_ENDPOINT_URL_S3"
            )
        if code in ("NoSuchKey", "404"):
            return SourceError(f"{where} was listed but is gone (404); plan again")
        if status in (401, 403):
            return SourceError(
                f"{where} may not be read ({status} {code}) at {endpoint}; check {self.setting}, the credentials "
                f"and the bucket's policy"
            )
        return UnreachableError(f"{where} could not be read ({status} {code}) at {endpoint}")
