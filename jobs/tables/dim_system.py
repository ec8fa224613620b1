"""dim_system -- the systems of PVDAQ and what was known of each when, from all that describes them.

Editions of the catalogue are dated, and make the history. The parquet tables of systems, sites and mounts and the JSON
metadata have no date: they fill what the catalogue leaves blank, in all rows alike, and describe what it lacks. What of
it all can be used is the business of `nameplate`; a change there gives other rows, so that VERSION goes up with it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import catalogue, contract, nameplate
from jobs.catalogue import MOUNT, joined
from jobs.dictionary import from_json, number, text, whole_number
from jobs.errors import SourceError
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 3

# What the table has of a system that no edition lists, in the place of an edition's day.
UNDATED = date(1900, 1, 1)
# Who goes before whom in what the catalogue leaves blank.
RANKS = ("system_parquet", "site_parquet", "mount_parquet", "system_metadata", "prize_metadata")


def _moment(value) -> datetime | None:
    said = text(value)
    return None if said is None else datetime.fromisoformat(said)


def _angle(value) -> float | None:
    """Read an angle; `varies` is none, as where mounts differ."""
    return None if (text(value) or "").lower() == "varies" else number(value)


def _tracking(value) -> str | None:
    """Read t or f, in the catalogue's words."""
    return {"": None, "t": "tracking", "true": "tracking", "f": "fixed", "false": "fixed"}[(text(value) or "").lower()]


# Of each undated table our column, its own, and how its value is read.
SYSTEM: tuple[tuple[str, str, Callable], ...] = (
    ("site_id", "site_id", whole_number),
    ("system_name", "public_name", text),
    ("timezone_or_utc_offset", "timezone_code", text),
    ("dc_capacity_kw", "power", number),
    ("first_reading_at", "first_timestamp", _moment),
    ("last_reading_at", "last_timestamp", _moment),
)
SITE: tuple[tuple[str, str, Callable], ...] = (
    ("site_id", "site_id", whole_number),
    ("site_location", "location", text),
    ("latitude_deg", "latitude", number),
    ("longitude_deg", "longitude", number),
    ("elevation_m", "elevation", number),
    ("climate_koppen_geiger", "climate_type", text),
    ("pressure_published", "av_pressure", number),
    ("temperature_mean_degc", "av_temp", number),
)
MOUNTS: tuple[tuple[str, str, Callable], ...] = (
    ("tracking", "tracking", _tracking),
    ("mount_type", "type", text),
    ("azimuth_deg", "azimuth", _angle),
    ("tilt_deg", "tilt", _angle),
)
MOUNTED = (*MOUNT, "mount_count")
PARQUET = {
    "system_parquet": (SYSTEM, ("system_id", "public_name", "power")),
    "site_parquet": (SITE, ("system_id", "latitude", "longitude", "av_pressure", "av_temp")),
    "mount_parquet": (MOUNTS, ("system_id", "azimuth", "tilt", "tracking")),
}


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Tell what one object says of each system, in columns of `_said`.

    Args:
        source: an edition of the catalogue, one of the parquet tables, or a system's JSON metadata in either dialect.

    Yields:
        One row per system that it describes. Each line is a row read, and a document is one. A further mount or line
        of a system is folded into its row and counted as a duplicate; what cannot be read is refused with its line. Of
        a refused line of an edition there is a row too, that says whom it lists and nothing else.

    Raises:
        SourceError: the object is not what its key says.
    """
    if source.layout == "catalogue":
        try:
            edition = datetime.strptime(source.parts["edition"], "%Y%m%d").date()
        except ValueError:
            raise SourceError(f"is an edition of {source.parts['edition']}, which is no day") from None
        found = catalogue.read(source.body(), edition)
        rows = found.systems + [{"ss_id": ss_id, "is_refused": True} for ss_id in found.refused]
        counts = found.rows_read, found.duplicates, found.rejects
    else:
        edition = None
        described = _of_parquet if source.layout in PARQUET else _of_document
        rows, counts = described(source)
    rows = [row | {"edition": edition, "described_by": source.layout} for row in rows]
    yield Parsed(pa.Table.from_pylist(rows, _said()), *counts)


def together(said: Sequence[Parsed]) -> list[Parsed]:
    """Make the history of the systems of what all objects say of them.

    A row holds from the edition that first says it until the next that says something else. An edition that does not
    list a system says nothing of it: its last row stays. Nor does one whose line of it was refused, but that one lists
    it. A row belongs to the object that first said it; what says the same again, or is folded into rows of others, is
    counted as a duplicate.
    """
    editions: dict[date, dict[int, tuple[int, dict]]] = {}
    undated: dict[int, list[tuple[int, int, dict]]] = {}
    catalogued: dict[date, set[int]] = {}
    described = [0 for _ in said]
    for place, piece in enumerate(said):
        for row in piece.rows.to_pylist():
            day, described_by, is_refused = row.pop("edition"), row.pop("described_by"), row.pop("is_refused")
            if day is not None:
                catalogued.setdefault(day, set()).add(row["ss_id"])
            if is_refused:
                continue
            described[place] += 1
            if day is not None:
                editions.setdefault(day, {})[row["ss_id"]] = place, row
            else:
                undated.setdefault(row["ss_id"], []).append((RANKS.index(described_by), place, row))
    newest = catalogued[max(catalogued)] if catalogued else set()
    rows: list[list[dict]] = [[] for _ in said]
    for ss_id in sorted({*undated, *(ss_id for listed in editions.values() for ss_id in listed)}):
        others = sorted(undated.get(ss_id, []), key=lambda other: other[:2])
        listed = [(day, *editions[day][ss_id]) for day in sorted(editions) if ss_id in editions[day]]
        # What no edition lists belongs to the first that describes it.
        statements = listed or [(UNDATED, *others[0][1:])]
        filled = [(day, place, _filled(row, [other for *_, other in others]), row) for day, place, row in statements]
        alike = [list(group) for _, group in groupby(filled, key=lambda statement: statement[2])]
        for n, group in enumerate(alike):
            valid_from, place, row, _ = group[0]
            until = alike[n + 1][0][0] if n + 1 < len(alike) else None
            # No edition is held to a last reading that only what has no date says, and may say later.
            says_last = next((day for day, *_, own in group if own["last_reading_at"] is not None), None)
            rows[place].append(_row(row, valid_from, until, says_last, is_catalogued=ss_id in newest))
    schema = contract.load("dim_system").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    return [
        Parsed(
            pa.Table.from_pylist(own, schema),
            piece.rows_read,
            piece.rows_duplicate + count - len(own),
            piece.rejects,
        )
        for own, piece, count in zip(rows, said, described, strict=True)
    ]


def _said() -> pa.Schema:
    """Name what an object says of a system: what is published of it, when, and by which kind of object."""
    derived = {"valid_from", "valid_to", "is_current", "is_catalogued", "quality", "load_id", "object_id"}
    derived |= {"us_state", "time_zone", "utc_offset_hours", "pressure_hpa", *map(_published, nameplate.JUDGED)}
    columns = [column for column in contract.load("dim_system").arrow_schema if column.name not in derived]
    return pa.schema([*columns, ("edition", pa.date32()), ("described_by", pa.string()), ("is_refused", pa.bool_())])


def _published(name: str) -> str:
    return f"{name}_published"


def _filled(row: dict, others: list[dict]) -> dict:
    """Fill blanks with what undated sources say, the first that says it; mounts of one only with those of one."""
    row = dict(row)
    for other in others:
        row |= {name: value for name, value in other.items() if row[name] is None and name not in MOUNTED}
        if row["mount_count"] is None:
            row |= {name: other[name] for name in MOUNTED}
        elif row["mount_count"] == other["mount_count"] == 1:
            row |= {name: other[name] for name in MOUNT if row[name] is None}
    return row


def _row(row: dict, valid_from: date, valid_to: date | None, says_last: date | None, is_catalogued: bool) -> dict:
    judged = nameplate.judge(row, None if says_last == UNDATED else says_last)
    return {
        **row,
        **{_published(name): row[name] for name in nameplate.JUDGED},
        **judged,
        "mount_count": row["mount_count"] or 1,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "is_current": valid_to is None,
        "is_catalogued": is_catalogued,
    }


def _of_parquet(source: SourceObject) -> tuple[list[dict], tuple[int, int, list[Reject]]]:
    columns, needed = PARQUET[source.layout]
    try:
        listed = pq.read_table(pa.BufferReader(source.body()))
    except (pa.ArrowInvalid, OSError) as fault:
        raise SourceError(f"is not parquet: {fault}") from None
    if missing := [name for name in needed if name not in listed.column_names]:
        raise SourceError(f"lacks columns of the table: {', '.join(missing)}")
    systems: dict[int, list[dict]] = {}
    rejects = []
    for line, entry in enumerate(listed.to_pylist(), start=1):
        row, fault = _read((("ss_id", "system_id", whole_number), *columns), entry)
        if not fault and not row["ss_id"]:
            fault = "system_id", "a line without a system"
        if not fault and columns is not MOUNTS and systems.get(row["ss_id"], [row])[0] != row:
            fault = "system_id", f"says something else of system {row['ss_id']} than a line before it"
        if fault:
            rejects.append(Reject(line, *fault, json.dumps(entry, ensure_ascii=False, default=str)))
            continue
        systems.setdefault(row["ss_id"], []).append(row)
    duplicates = sum(len(lines) - 1 for lines in systems.values())
    rows = [lines[0] | (joined(lines) if columns is MOUNTS else {}) for lines in systems.values()]
    return rows, (listed.num_rows, duplicates, rejects)


def _of_document(source: SourceObject) -> tuple[list[dict], tuple[int, int, list[Reject]]]:
    ss_id = int(source.parts["ss_id"])
    metadata = from_json(source.body(), ss_id)
    row: dict = {"ss_id": ss_id}
    mounts = []
    of_mounts = [(MOUNTS, mount) for mount in metadata.mounts]
    for columns, entry in [(SITE, metadata.site), (SYSTEM, metadata.described), *of_mounts]:
        said, fault = _read(columns, entry)
        if fault:
            return [], (1, 0, [Reject(1, *fault, json.dumps(entry, ensure_ascii=False, default=str))])
        if columns is MOUNTS:
            mounts.append(said)
        else:
            row |= {name: value for name, value in said.items() if value is not None}
    return [row | (joined(mounts) if mounts else {})], (1, 0, [])


def _read(columns, entry: dict) -> tuple[dict, tuple[str, str] | None]:
    """Read what a table or document says; and the (column, reason) of its first fault."""
    row = {}
    for name, source, read in columns:
        try:
            row[name] = read(entry.get(source))
        except (KeyError, TypeError, ValueError):
            return row, (source, f"{entry[source]!r} cannot be read as {name}")
    return row, None
