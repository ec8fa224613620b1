"""dim_system -- the systems of PVDAQ's dated catalogue CSV.

What surprises in this data: lines end with CRLF, text has curly quotes and quoted commas, five empty columns trail, and
a system with several mounts has a line for each, so that a join on the raw file doubles facts (1332 and 4901 in the
edition of 2025-07-29: 1,862 lines, 1,860 systems).
"""

import csv
import io
import math
from collections.abc import Callable, Iterator
from datetime import datetime

import pyarrow as pa

from jobs import contract
from jobs.errors import SourceError
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 1


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %H:%M")


def _number(text: str) -> float:
    value = float(text)
    if "_" in text or not text.isascii() or not math.isfinite(value):
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if "_" in text or not text.isascii() or not 0 <= value < 2**63:
        raise ValueError(text)
    return value


def _id(text: str) -> int:
    value = _count(text)
    if value == 0:
        raise ValueError(text)
    return value


# Our column, the catalogue's column, how its text is read.
COLUMNS: tuple[tuple[str, str, Callable], ...] = (
    ("ss_id", "system_id", _id),
    ("system_name", "system_public_name", str),
    ("site_location", "site_location", str),
    ("timezone_or_utc_offset", "timezone_or_utc_offset", str),
    ("latitude_deg", "latitude", _number),
    ("longitude_deg", "longitude", _number),
    ("elevation_m", "elevation_m", _number),
    ("dc_capacity_kw", "dc_capacity_kW", _number),
    ("climate_koppen_geiger", "kg_climate", str),
    ("pvcz_composite", "pvcz_composite", _count),
    ("tracking", "tracking", str),
    ("mount_type", "type", str),
    ("azimuth_deg", "azimuth", _number),
    ("tilt_deg", "tilt", _number),
    ("first_reading_at", "first_timestamp", _moment),
    ("last_reading_at", "last_timestamp", _moment),
    ("number_records", "number_records", _count),
    ("dataset_size_mb", "dataset_size_mb", _number),
    ("sensor_channels", "available_sensor_channels", _count),
    ("qa_status", "qa_status", str),
    ("qa_issue", "qa_issue", str),
)
# What may differ between the lines of one system: each line is a mount.
MOUNT = ("tracking", "mount_type", "azimuth_deg", "tilt_deg")


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn a catalogue into one row per system.

    Args:
        source: the catalogue; CSV in UTF-8, CRLF, quoted where needed. A blank is null.

    Yields:
        One row per system in catalogue order. A further mount of a system is folded into its row and counted as a
        duplicate; what differs between mounts becomes null. A line that contradicts its system's first line in
        anything but the mount is refused.

    Raises:
        SourceError: the object is empty, not text, or lacks columns of the catalogue.
    """
    try:
        records = _records(source.body().decode("utf-8-sig"))
        _, _, header = next(records, (1, "", []))
        if missing := [name for _, name, _ in COLUMNS if name not in header]:
            raise SourceError(f"lacks columns of the catalogue: {', '.join(missing)}")
        yield _systems(records, header)
    except UnicodeDecodeError as fault:
        raise SourceError(f"is not CSV in UTF-8: {fault}") from None
    except csv.Error as fault:
        raise SourceError(f"is not CSV: {fault}") from None


def _records(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Read CSV; for each record its first line's number, what it says there, and its cells."""
    taken: list[str] = []

    def lines():
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    reader, first = csv.reader(lines(), strict=True), 1
    for cells in reader:
        yield first, "".join(taken).rstrip("\r\n"), cells
        first = reader.line_num + 1
        taken.clear()


def _systems(records: Iterator[tuple[int, str, list[str]]], header: list[str]) -> Parsed:
    systems: dict[int, dict] = {}
    first_lines: dict[int, int] = {}
    mounts: dict[int, list[tuple]] = {}
    rejects, rows_read, duplicates = [], 0, 0
    for line, raw_text, cells in records:
        if not any(cells):
            continue
        rows_read += 1
        row, fault = _row(cells, header)
        ss_id = row.get("ss_id")
        if not fault and ss_id in systems:
            fault = _contradiction(row, systems[ss_id], first_lines[ss_id])
        if fault:
            rejects.append(Reject(line, *fault, raw_text))
            continue
        if ss_id in systems:
            duplicates += 1
        else:
            systems[ss_id], first_lines[ss_id], mounts[ss_id] = row, line, []
        mount = tuple(row[name] for name in MOUNT)
        if mount not in mounts[ss_id]:
            mounts[ss_id].append(mount)
    for ss_id, row in systems.items():
        row["mount_count"] = len(mounts[ss_id])
        for name, values in zip(MOUNT, zip(*mounts[ss_id], strict=True), strict=True):
            row[name] = values[0] if len(set(values)) == 1 else None
    schema = contract.load("dim_system").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    return Parsed(pa.Table.from_pylist(list(systems.values()), schema), rows_read, duplicates, rejects)


def _row(cells: list[str], header: list[str]) -> tuple[dict, tuple[str | None, str] | None]:
    """Read one line; the row, and the (column, reason) of its first fault."""
    if len(cells) != len(header):
        return {}, (None, f"expected {len(header)} cells, found {len(cells)}")
    text = dict(zip(header, map(str.strip, cells), strict=True))
    row = {}
    for name, source, read in COLUMNS:
        try:
            row[name] = read(text[source]) if text[source] else None
        except ValueError:
            return row, (source, f"{text[source]!r} cannot be read as {name}")
    if row["ss_id"] is None:
        return row, ("system_id", "a system without an id")
    return row, None


def _contradiction(row: dict, first: dict, line: int) -> tuple[str, str] | None:
    for name, source, _ in COLUMNS:
        if name not in MOUNT and row[name] != first[name]:
            return source, f"differs from line {line}, the first of system {row['ss_id']}, in more than its mount"
    return None
