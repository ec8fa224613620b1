"""staging -- the lake between S3 and the warehouse: attempt folders, and a manifest that makes one of them count.

    <staging>/<table>/load_id=<id>/plan-<head>.json            what to load, written by plan
    <staging>/<table>/load_id=<id>/attempt=<uuid>/...          parquet, written by one run of stage
    <staging>/<table>/load_id=<id>/manifest.json               names the attempt that counts, written last, once

Whoever reads staged data reads the files a manifest names and never lists a folder, so what a killed or late attempt
leaves behind is seen by nobody. The first manifest wins; the loser of a race takes its folder away again.
"""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError
from google.api_core.exceptions import GoogleAPIError, PreconditionFailed
from google.auth.exceptions import GoogleAuthError
from pyarrow import fs

from jobs import objects
from jobs.errors import StagingError
from jobs.settings import settings

log = logging.getLogger(__name__)

# A manifest that was set aside by who would take its load away.
ASIDE = "expiring.json"
COPY_BYTES = 8 * 1024**2
# How long Cloud Storage may be away before a call is given up.
PATIENCE = timedelta(minutes=5)
FAULTS = (OSError, pa.ArrowException, BotoCoreError, ClientError, GoogleAPIError, GoogleAuthError)


def folder(table: str, load_id: str) -> str:
    """Name the folder of a load, as a URI."""
    return f"{settings().staging}/{table}/load_id={load_id}"


def load_of(uri: str) -> str:
    """Tell the load that a plan's URI, or any other in a load's folder, is of."""
    return uri.partition("/load_id=")[2].partition("/")[0]


def new_attempt(table: str, load_id: str) -> str:
    """Name a folder that no other attempt will write to, as a URI."""
    return f"{folder(table, load_id)}/attempt={uuid4().hex}"


def filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    """Open the file system of a URI: its Arrow file system, and the path on it."""
    scheme, _, path = uri.partition("://")
    with told(uri, "reached"):
        return {"s3": _s3, "gs": _gcs, "file": fs.LocalFileSystem}[scheme](), path


@cache
def _s3() -> fs.S3FileSystem:
    session = objects.session()
    return fs.S3FileSystem(
        endpoint_override=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
        region=session.region_name or "us-east-1",
        allow_bucket_creation=False,
    )


def _gcs() -> fs.GcsFileSystem:
    from jobs.gcloud import token

    return _gcs_with(*(token() or ()))


@lru_cache(1)
def _gcs_with(access_token: str | None = None, until: datetime | None = None) -> fs.GcsFileSystem:
    if local := os.environ.get("STORAGE_EMULATOR_HOST"):
        scheme, _, place = local.rpartition("://")
        return fs.GcsFileSystem(
            anonymous=True, scheme=scheme or "http", endpoint_override=place, retry_time_limit=PATIENCE
        )
    return fs.GcsFileSystem(access_token=access_token, credential_token_expiration=until, retry_time_limit=PATIENCE)


@contextmanager
def told(uri: str, what: str) -> Iterator[None]:
    """Turn what goes wrong within the block into one sentence: what the URI cannot be."""
    try:
        yield
    except FAULTS as fault:
        raise StagingError(f"{uri} cannot be {what}: {fault}; nothing was published") from fault


def write_json(uri: str, content: dict) -> None:
    """Write a document whole, over whatever stood there."""
    write(uri, _encode(content))


def write(uri: str, body: bytes) -> None:
    """Write a file whole, over whatever stood there: a reader sees the old one or the new one."""
    files, path = filesystem(uri)
    with told(uri, "written"):
        if isinstance(files, fs.LocalFileSystem):
            _write_local(path, BytesIO(body), replace=True)
        else:
            with files.open_output_stream(path) as out:
                out.write(body)


def put(uri: str, local: Path) -> None:
    """Copy a file of this machine to where none stands."""
    files, path = filesystem(uri)
    with told(uri, "written"), local.open("rb") as source:
        if isinstance(files, fs.LocalFileSystem):
            _write_local(path, source, replace=True)
        else:
            with files.open_output_stream(path) as out:
                shutil.copyfileobj(source, out, COPY_BYTES)


def create_json(uri: str, content: dict) -> bool:
    """Write a document only where none stands: true for the first writer, false for every other."""
    files, path = filesystem(uri)
    bucket, _, key = path.partition("/")
    with told(uri, "written"):
        try:
            if isinstance(files, fs.LocalFileSystem):
                return _write_local(path, BytesIO(_encode(content)), replace=False)
            if isinstance(files, fs.GcsFileSystem):
                from jobs.gcloud import storage_client

                blob = storage_client().bucket(bucket).blob(key)
                blob.upload_from_string(_encode(content), "application/json", if_generation_match=0)
                return True
            objects.session().client("s3").put_object(Bucket=bucket, Key=key, Body=_encode(content), IfNoneMatch="*")
            return True
        except PreconditionFailed:
            return False
        except ClientError as fault:
            if fault.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise


def read_json(uri: str) -> dict | None:
    """Read a document; none where there is none."""
    files, path = filesystem(uri)
    with told(uri, "read"):
        try:
            with files.open_input_stream(path) as source:
                body = source.read()
        except FileNotFoundError:
            return None
    try:
        return json.loads(body)
    except ValueError as fault:
        raise StagingError(f"{uri} is not the JSON document it should be: {fault}") from fault


def read_manifest(table: str, load_id: str) -> dict | None:
    """Read a load's manifest if all the files it names are there in full; none where the load has to be staged."""
    manifest = read_json(f"{folder(table, load_id)}/manifest.json")
    if manifest is None:
        return None
    files, path = filesystem(manifest["attempt"])
    expected = {f"{path}/{entry['path']}": entry["bytes"] for entry in manifest["files"]}
    with told(manifest["attempt"], "read"):
        found = {info.path: info.size for info in files.get_file_info(list(expected))} if expected else {}
    return manifest if found == expected else None


def write_manifest(table: str, load_id: str, manifest: dict) -> dict:
    """Make an attempt count, unless one does already; give back the manifest that counts."""
    uri = f"{folder(table, load_id)}/manifest.json"
    if create_json(uri, manifest):
        return manifest
    winner = read_manifest(table, load_id)
    if winner is None:
        # Files of an old manifest are gone (staging expired): this attempt takes its place.
        write_json(uri, manifest)
        return manifest
    if winner["attempt"] != manifest["attempt"]:
        # Not after a lost answer, when the manifest that is there is our own.
        discard(manifest["attempt"])
    return winner


def loads(table: str, load_id: str | None = None) -> dict[str, list[fs.FileInfo]]:
    """List the files of each load of a table, or of one, for who takes old ones away; readers go by manifests."""
    uri = folder(table, load_id) if load_id else f"{settings().staging}/{table}"
    files, path = filesystem(uri)
    found: dict[str, list[fs.FileInfo]] = {}
    with told(uri, "listed"):
        for info in files.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True)):
            if info.is_file and (load_id := load_of(info.path)):
                found.setdefault(load_id, []).append(info)
    return found


def set_aside(table: str, load_id: str) -> None:
    """Make a load count as not staged, until it is put back or its folder removed."""
    manifest = read_json(f"{folder(table, load_id)}/manifest.json")
    if manifest is not None:
        write_json(f"{folder(table, load_id)}/{ASIDE}", manifest)
        delete(f"{folder(table, load_id)}/manifest.json")


def put_back(table: str, load_id: str) -> None:
    """Make a load count again that was set aside, unless another attempt has taken its place."""
    manifest = read_json(f"{folder(table, load_id)}/{ASIDE}")
    if manifest is not None:
        create_json(f"{folder(table, load_id)}/manifest.json", manifest)
        delete(f"{folder(table, load_id)}/{ASIDE}")


def folders(uri: str) -> list[str]:
    """Name the folders in a folder; none where it is not there."""
    files, path = filesystem(uri)
    # Cloud Storage has no folders, and Arrow tells of none but by the files in them.
    is_deep = isinstance(files, fs.GcsFileSystem)
    with told(uri, "listed"):
        found = files.get_file_info(fs.FileSelector(path, recursive=is_deep, allow_not_found=True))
    inside = [info.path.removeprefix(path).strip("/") for info in found if is_deep or not info.is_file]
    return sorted({name.partition("/")[0] for name in inside if not is_deep or "/" in name})


def delete(uri: str) -> None:
    """Remove a file, if it is there."""
    files, path = filesystem(uri)
    with told(uri, "removed"), suppress(FileNotFoundError):
        files.delete_file(path)


def remove_files(table: str, load_id: str, listed: list[fs.FileInfo]) -> None:
    """Remove just these files of a load, and the folders of this machine that are empty then; what is newer stays."""
    uri = folder(table, load_id)
    files, path = filesystem(uri)
    with told(uri, "removed"):
        if isinstance(files, fs.S3FileSystem):
            # Arrow asks for one file at a time, and leaves a mark in place of each folder that it empties; set_aside
            # has left one for the load's.
            bucket, _, prefix = path.partition("/")
            keys = [f"{prefix}/", *(one.path.partition("/")[2] for one in listed)]
            s3 = objects.session().client("s3")
            for start in range(0, len(keys), 1000):
                asked = {"Objects": [{"Key": key} for key in keys[start : start + 1000]], "Quiet": True}
                if refused := s3.delete_objects(Bucket=bucket, Delete=asked).get("Errors"):
                    raise OSError(f"{refused[0]['Key']}: {refused[0]['Code']}")
            return
        for one in listed:
            with suppress(FileNotFoundError):
                files.delete_file(one.path)
        if isinstance(files, fs.LocalFileSystem):
            inside = {parent for one in listed for parent in Path(one.path).parents if parent.is_relative_to(path)}
            for parent in sorted(inside, reverse=True):
                with suppress(OSError):
                    parent.rmdir()


def discard(attempt: str) -> None:
    """Remove what an attempt has written. What stays behind is seen by nobody, so that it is no reason to fail."""
    try:
        remove(attempt)
    except StagingError as fault:
        log.warning("%s", fault)


def remove(uri: str) -> None:
    """Remove a folder with all that is in it, if it is there."""
    files, path = filesystem(uri)
    with told(uri, "removed"):
        if isinstance(files, fs.GcsFileSystem):
            # A bucket has no folders to remove, and Arrow fails at the one that it looks for.
            files.delete_dir_contents(path, missing_dir_ok=True)
        elif files.get_file_info(path).type == fs.FileType.Directory:
            files.delete_dir(path)


def _encode(content: dict) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True, default=_text).encode() + b"\n"


def _text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in a JSON document")


def _write_local(path: str, source: BinaryIO, *, replace: bool) -> bool:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{uuid4().hex}")
    with draft.open("xb") as out:
        shutil.copyfileobj(source, out, COPY_BYTES)
        out.flush()
        os.fsync(out.fileno())
    try:
        if replace:
            draft.replace(target)
            return True
        os.link(draft, target)
        return True
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
