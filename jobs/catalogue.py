"""catalogue -- what an edition of PVDAQ's catalogue CSV says of each system.

What surprises in this data: lines end with CRLF, text has curly quotes and quoted commas, five empty columns trail, and
a system with several mounts has a line for each, so that a join on the raw file doubles facts (1332 and 4901 in the
edition of 2025-07-29: 1,862 lines, 1,860 systems). Editions before that one have fewer columns, 11 at the end of 2024.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from jobs.errors import SourceError
from jobs.published import number, numbered
from jobs.transform import Reject

# The first edition that is known to have all columns; what an older one lacks, it does not say.
COMPLETE_SINCE = date(2025, 7, 29)
# As the newest edition has them; older ones have two digits of the year, or the form of PVDAQ's other tables.
MOMENTS = ("%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%Y-%m-%d %H:%M:%S")


def _moment(text: str) -> datetime:
    for form in MOMENTS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError(text)


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
    ("latitude_deg", "latitude", number),
    ("longitude_deg", "longitude", number),
    ("elevation_m", "elevation_m", number),
    ("dc_capacity_kw", "dc_capacity_kW", number),
    ("climate_koppen_geiger", "kg_climate", str),
    ("pvcz_composite", "pvcz_composite", _count),
    ("tracking", "tracking", str),
    ("mount_type", "type", str),
    ("azimuth_deg", "azimuth", number),
    ("tilt_deg", "tilt", number),
    ("first_reading_at", "first_timestamp", _moment),
    ("last_reading_at", "last_timestamp", _moment),
    ("number_records", "number_records", _count),
    ("dataset_size_mb", "dataset_size_mb", number),
    ("sensor_channels", "available_sensor_channels", _count),
    ("qa_status", "qa_status", str),
    ("qa_issue", "qa_issue", str),
)
# What an older edition may call a column: as PVDAQ's other tables do.
SPELLINGS = {
    "public_name": "system_public_name",
    "location": "site_location",
    "elevation": "elevation_m",
    "power": "dc_capacity_kW",
    "climate_type": "kg_climate",
}
# What may differ between the lines of one system: each line is a mount.
MOUNT = ("tracking", "mount_type", "azimuth_deg", "tilt_deg")


@dataclass
class Edition:
    """What an edition says: of each system in its order, with lines counted.

    `mount_count` is of different mounts, and null where nothing is said of any; what differs between mounts is null.
    `refused` are the ids of systems that it lists in refused lines alone, where they can be read.
    """

    systems: list[dict] = field(default_factory=list)
    rows_read: int = 0
    duplicates: int = 0
    rejects: list[Reject] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


def read(body: bytes, edition: date) -> Edition:
    """Read an edition; CSV in UTF-8, CRLF, quoted where needed. A blank is null.

    A further mount of a system is folded into it and counted as a duplicate. A line that contradicts its system's first
    line in anything but the mount is refused.

    Raises:
        SourceError: it is empty, not text, or lacks columns of the catalogue.
    """
    try:
        records = numbered(body.decode("utf-8-sig"))
        _, _, header = next(records, (1, "", []))
        header = [SPELLINGS.get(name, name) for name in header]
        needed = [name for _, name, _ in COLUMNS] if edition >= COMPLETE_SINCE else ["system_id"]
        if missing := [name for name in needed if name not in header]:
            raise SourceError(f"lacks columns of the catalogue: {', '.join(missing)}")
        return _systems(records, header)
    except UnicodeDecodeError as fault:
        raise SourceError(f"is not CSV in UTF-8: {fault}") from None
    except csv.Error as fault:
        raise SourceError(f"is not CSV: {fault}") from None


def joined(mounts: list[dict]) -> dict:
    """Describe the mounts of a system as one: what differs between them is null, and so is the count of no mount."""
    different = list(dict.fromkeys(tuple(mount[name] for name in MOUNT) for mount in mounts))
    said = any(value is not None for mount in different for value in mount)
    values = {name: set(column) for name, column in zip(MOUNT, zip(*different, strict=True), strict=True)}
    return {
        "mount_count": len(different) if said else None,
        **{name: found.pop() if len(found) == 1 else None for name, found in values.items()},
    }


def _systems(records: Iterator[tuple[int, str, list[str]]], header: list[str]) -> Edition:
    systems: dict[int, list[dict]] = {}
    first_lines: dict[int, int] = {}
    refused: dict[int, None] = {}
    found = Edition()
    for line, raw_text, cells in records:
        if not any(cells):
            continue
        found.rows_read += 1
        row, fault = _row(cells, header)
        ss_id = row.get("ss_id")
        if not fault and ss_id in systems:
            fault = _contradiction(row, systems[ss_id][0], first_lines[ss_id])
        if fault:
            found.rejects.append(Reject(line, *fault, raw_text))
            refused |= {ss_id: None} if ss_id else {}
            continue
        found.duplicates += ss_id in systems
        systems.setdefault(ss_id, []).append(row)
        first_lines.setdefault(ss_id, line)
    found.systems = [lines[0] | joined(lines) for lines in systems.values()]
    found.refused = [ss_id for ss_id in refused if ss_id not in systems]
    return found


def _row(cells: list[str], header: list[str]) -> tuple[dict, tuple[str | None, str] | None]:
    """Read one line; the row, and the (column, reason) of its first fault."""
    if len(cells) != len(header):
        return _first_cell(cells, header), (None, f"expected {len(header)} cells, found {len(cells)}")
    text = dict(zip(header, map(str.strip, cells), strict=True))
    row = {}
    for name, source, read_ in COLUMNS:
        said = text.get(source)
        try:
            row[name] = read_(said) if said else None
        except ValueError:
            return row, (source, f"{said!r} cannot be read as {name}")
    if row["ss_id"] is None:
        return row, ("system_id", "a system without an id")
    return row, None


def _first_cell(cells: list[str], header: list[str]) -> dict:
    """Read the id of a line with too many or too few cells: none of them can have moved the first one."""
    try:
        return {"ss_id": _id(cells[0].strip())} if header[0] == "system_id" else {}
    except ValueError:
        return {}


def _contradiction(row: dict, first: dict, line: int) -> tuple[str, str] | None:
    for name, source, _ in COLUMNS:
        if name not in MOUNT and row[name] != first[name]:
            return source, f"differs from line {line}, the first of system {row['ss_id']}, in more than its mount"
    return None
