"""landing -- put what no public bucket holds into the landing bucket: `emissions/<source>/<published on>_<edition>/`.

What has landed never changes, because factors and the results made with them lead back to it. A corrected file is an
edition of its own.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from jobs import contract, transform
from jobs.contract import Source
from jobs.errors import LoadError, SourceError
from jobs.listing import opened
from jobs.settings import settings
from jobs.transform import SourceObject

LANDING = "{landing_bucket}"
# What a layout may come in whose contract names no one format.
FORMATS = (".csv", ".parquet", ".xlsx")


@dataclass(frozen=True)
class Landed:
    """A file in the landing bucket; whether it was put there just now."""

    uri: str
    sha256: str
    size_bytes: int
    is_new: bool


def land(file: Path, layout: str, edition: str, published_on: date, origin: str) -> Landed:
    """Land one file, its provenance first, so that no file is ever there without.

    Args:
        file: the file as its publisher gave it; its name matters only where it says what the file is of.
        layout: the contracts' name for what it is.
        edition: the edition as its publisher calls it.
        published_on: the day it was published on.
        origin: the address it was taken from.

    Raises:
        LoadError: there is no such layout, or its keys cannot have this edition.
        SourceError: another file has landed as this edition; or the bucket cannot be used.
    """
    source = _source(layout)
    # What people keep comes in several formats, and its name says which.
    is_of_a_format = "." in source.lands_as or "{" in source.lands_as
    name = source.lands_as.format(file_name=file.name) + ("" if is_of_a_format else file.suffix.lower())
    key = f"{source.prefix}{published_on}_{edition}/{name}"
    if not is_of_a_format and file.suffix.lower() not in FORMATS:
        raise LoadError(f"{file} is none of {', '.join(FORMATS)}; nothing was landed")
    if source.parts(key) is None or not edition.isprintable() or edition != edition.strip():
        of_name = f", or {file.name} that of its file" if "{file_name}" in source.lands_as else ""
        raise LoadError(
            f"{edition!r} cannot be the name of an edition{of_name}: it would land as {key}; nothing was landed"
        )
    size_bytes = file.stat().st_size
    if not size_bytes:
        raise LoadError(f"{file} is empty; nothing was landed")
    _refuse_unreadable(layout, key, file)
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    name = settings().bucket(LANDING)
    bucket = opened(name, settings().s3_connections, to_write=True)
    landed = Landed(f"s3://{name}/{key}", sha256, size_bytes, is_new=True)
    others = [version.key for version in bucket.objects([source.prefix]) if version.key != key]
    if again := [other for other in others if _undated(source, other) == _undated(source, key)]:
        raise SourceError(
            f"the edition {edition} has landed as {', '.join(f's3://{name}/{other}' for other in again)}, on another "
            "day; nothing was landed"
        )
    there = bucket.described(key)
    if there is not None:
        if there != sha256:
            raise SourceError(
                f"{landed.uri} has landed with other bytes (sha256 {there or 'unknown'}, now {sha256}); nothing was "
                "landed, for what has landed never changes. If this file corrects it, give it an edition of its own"
            )
        return Landed(landed.uri, sha256, size_bytes, is_new=False)
    provenance = {
        "layout": layout,
        "edition": edition,
        "published_on": f"{published_on}",
        "origin": origin,
        "file_name": file.name,
        "sha256": sha256,
        "size_bytes": size_bytes,
    }
    # Named by what it is of: of two who land one edition at once only one is first, and each has told of its own file.
    bucket.put(f"{key}.{sha256[:16]}.provenance.json", json.dumps(provenance, indent=2).encode())
    if not bucket.upload(key, file, sha256):
        raise SourceError(f"{landed.uri} was landed by somebody else just now; nothing was landed. Try again")
    return landed


def _undated(source: Source, key: str) -> dict[str, str]:
    """Tell what a key names but the day of publication."""
    return {name: part for name, part in (source.parts(key) or {}).items() if name != "published_on"}


def _refuse_unreadable(layout: str, key: str, file: Path) -> None:
    """Read a file as its tables will, each by its own pattern of the key, before it is there for good.

    Raises:
        SourceError: it is not what it is said to be.
    """
    for table in contract.names():
        for known in contract.load(table).sources:
            if known.bucket != LANDING or known.name != layout or (parts := known.parts(key)) is None:
                continue
            try:
                for _ in transform.of(table).transform(SourceObject(layout, parts, partial(file.open, "rb"))):
                    pass
            except SourceError as fault:
                raise SourceError(f"{file} {fault}; nothing was landed") from fault


def _source(layout: str) -> Source:
    known = {
        source.name: source
        for table in contract.names()
        for source in contract.load(table).sources
        if source.bucket == LANDING
    }
    if layout not in known:
        raise LoadError(f"there is no layout {layout!r} in the landing bucket; there are {', '.join(sorted(known))}")
    return known[layout]
