"""campd -- hourly emissions of generating units as US EPA publishes them, read in blocks of bounded size.

`blocks(source)` gives Arrow tables of SCHEMA, one row per unit and hour, from a CSV of EPA's Clean Air Markets Program
Data: of a state's year or of all states' quarter, under today's headers or those of before August 2023. Nobody needs to
know of the file's layout after that; `pudl` gives the same of PUDL's parquet.

What surprises in this data: a unit id is text (`0001`, `**GT2`); hours are of local standard time all year; load is a
rate, and masses are totals of the hour in pounds and short tons; a blank while a unit runs means that it need not be
reported, and is never zero; EPA's older header has NOx's rate before its mass, the reverse of SO2. A file of whole
plants has no unit in its header, and is refused: its masses are those of its units once more.
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from jobs import facilities, published
from jobs.errors import SourceError
from jobs.regions import STATES
from jobs.standard_time import instants
from jobs.transform import BesideError, Reject, Rejects, SourceObject

KG_PER_LB = 0.45359237
KG_PER_SHORT_TON = 907.18474

# EPA's headers, today's and those of before August 2023: the column, and what to multiply by.
HEADERS = {
    "state": ("State", "STATE"),
    "facility_name": ("Facility Name", "FACILITY_NAME"),
    "facility_id": ("Facility ID", "ORISPL_CODE"),
    "unit_id": ("Unit ID", "UNITID"),
    "associated_stacks": ("Associated Stacks",),
    "date": ("Date", "OP_DATE"),
    "hour": ("Hour", "OP_HOUR"),
    "operating_time_hours": ("Operating Time", "OP_TIME"),
    "gross_load_mw": ("Gross Load (MW)", "GLOAD (MW)", "GLOAD"),
    "steam_load_kg_per_hour": ("Steam Load (1000 lb/hr)", "SLOAD (1000lb/hr)", "SLOAD (1000 lbs)", "SLOAD"),
    "so2_kg": ("SO2 Mass (lbs)", "SO2_MASS (lbs)", "SO2_MASS"),
    "so2_measure": ("SO2 Mass Measure Indicator", "SO2_MASS_MEASURE_FLG"),
    "co2_kg": ("CO2 Mass (short tons)", "CO2_MASS (tons)", "CO2_MASS"),
    "co2_measure": ("CO2 Mass Measure Indicator", "CO2_MASS_MEASURE_FLG"),
    "nox_kg": ("NOx Mass (lbs)", "NOX_MASS (lbs)", "NOX_MASS"),
    "nox_measure": ("NOx Mass Measure Indicator", "NOX_MASS_MEASURE_FLG"),
    "heat_input_mmbtu": ("Heat Input (mmBtu)", "HEAT_INPUT (mmBtu)", "HEAT_INPUT"),
    "heat_input_measure": ("Heat Input Measure Indicator",),
    "primary_fuel": ("Primary Fuel Type",),
    "secondary_fuel": ("Secondary Fuel Type",),
    "unit_type": ("Unit Type",),
    "so2_controls": ("SO2 Controls",),
    "nox_controls": ("NOx Controls",),
    "pm_controls": ("PM Controls",),
    "hg_controls": ("Hg Controls",),
    "program_codes": ("Program Code",),
}
# What is known and not taken: a rate is the quotient of two columns that are, and the old ids were EPA's own.
LEFT_OUT = {
    *(
        f"{gas} {what}"
        for gas, unit in (("SO2", "lbs"), ("CO2", "short tons"), ("NOx", "lbs"))
        for what in (f"Rate ({unit}/mmBtu)", "Rate Measure Indicator")
    ),
    *(f"{gas}_RATE{unit}" for gas in ("SO2", "NOX", "CO2") for unit in ("", "_MEASURE_FLG")),
    *("SO2_RATE (lbs/mmBtu)", "NOX_RATE (lbs/mmBtu)", "CO2_RATE (tons/mmBtu)", "FAC_ID", "UNIT_ID"),
}
COLUMNS = {header: column for column, headers in HEADERS.items() for header in headers}
# Without these there is no row; the others came with the header of August 2023.
NEEDED = tuple(column for column, headers in HEADERS.items() if len(headers) > 1)
FACTORS = {
    "operating_time_hours": 1.0,
    "gross_load_mw": 1.0,
    "steam_load_kg_per_hour": 1000 * KG_PER_LB,
    "so2_kg": KG_PER_LB,
    "co2_kg": KG_PER_SHORT_TON,
    "nox_kg": KG_PER_LB,
    "heat_input_mmbtu": 1.0,
}
TEXT = pa.dictionary(pa.int32(), pa.string())
TEXTS = tuple(column for column in HEADERS if column not in ("facility_id", "date", "hour", *FACTORS))

# What a block has: texts as published, null where blank; numbers in the unit of their name; hours that begin, by local
# standard time, and as instants where the zone is known, which `utc_basis` tells.
SCHEMA = pa.schema(
    [
        ("facility_id", pa.int64()),
        ("hour_start_local", pa.timestamp("us")),
        ("hour_start_utc", pa.timestamp("us", tz="UTC")),
        ("utc_basis", TEXT),
        *((column, TEXT) for column in TEXTS),
        *((column, pa.float64()) for column in FACTORS),
    ]
)

BLOCK_BYTES = 8 * 1024**2
# Three times what there are in the country. Which hours stood before is known of each, in a byte for each hour.
MOST_UNITS = 20_000
HOUR = timedelta(hours=1)
ISO, AMERICAN = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"), re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})")


@dataclass(frozen=True)
class Block:
    """Some rows of a file, of SCHEMA; `rows_read` is counted by a way of its own."""

    rows: pa.Table
    rows_read: int
    rows_duplicate: int
    rejects: list[Reject]


@dataclass(frozen=True)
class Share:
    """What a key says of its file: from which hour to which [local standard time], and of which state, if of one."""

    start: datetime
    end: datetime
    state: str

    @classmethod
    def of(cls, parts: Mapping[str, str]) -> "Share":
        """Read the parts of a key."""
        year, quarter = int(parts["year"]), parts["quarter"]
        first, after = (3 * int(quarter) - 2, 3 * int(quarter) + 1) if quarter else (1, 13)
        return cls(datetime(year, first, 1), datetime(year + after // 13, after % 12, 1), parts["state"].upper())


def blocks(source: SourceObject) -> Iterator[Block]:
    """Read a file of hours of units in blocks; memory does not follow its size.

    Args:
        source: an object whose key names the year, and a state or a quarter, of which the other part is empty. Its part
            `left`, if any, names what newer editions own of it, such as `quarter=3 state=ca`. With EPA's file of
            facilities beside it instants are known in states of several zones.

    Yields:
        Blocks in file order. A row whose unit and hour stood in the block before with the same values is a duplicate;
        with others, or in an earlier block, it is refused, like a row of another state or time than the key's, a number
        that is none or below zero, or a line of another length. What newer editions own is counted as duplicate.

    Raises:
        SourceError: the file has another header, whose columns are named; or lines or units that cannot be.
        BesideError: the file of facilities is none.
    """
    try:
        plant_hours = facilities.offsets(source.companions.get(facilities.LAYOUT, ()), int(source.parts["year"]))
    except SourceError as fault:
        raise BesideError(facilities.LAYOUT, str(fault)) from fault
    with source.open() as stream:
        share, left = Share.of(source.parts), source.parts.get("left", "").split()
        known = _Known(share)
        first = stream.read(BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")
        line, _, rest = first.partition(b"\n")
        header, number = _header(line.rstrip(b"\r")), 2
        for body in _whole_lines(rest, stream):
            rows, duplicates, rejects = _by_columns(body, header, share, known) or _by_lines(
                body, header, share, known, number
            )
            number += body.count(b"\n")
            rows_read = sum(1 for one in body.split(b"\n") if one.strip())
            kept = _without(rows, left)
            yield Block(_canonical(kept, plant_hours), rows_read, duplicates + len(rows) - len(kept), list(rejects))


class _Known:
    """Which hours of which units stood before: a byte for each hour that the key has, of each unit."""

    def __init__(self, share: Share):
        self._hours = (share.end - share.start) // HOUR
        self._start = np.datetime64(share.start, "h")
        self._units: dict[tuple[int, str], int] = {}
        self._seen = np.zeros(0, dtype=bool)

    def places(self, rows: pa.Table) -> np.ndarray:
        """Number the unit and hour of each row."""
        unit = rows["unit_id"].combine_chunks()
        ids, index = unit.dictionary.to_pylist(), unit.indices.to_numpy(zero_copy_only=False)
        pairs, inverse = np.unique(rows["facility_id"].to_numpy() * len(ids) + index, return_inverse=True)
        known = [self._unit(int(pair // len(ids)), ids[pair % len(ids)]) for pair in pairs]
        hours = (rows["hour_start_local"].to_numpy().astype("datetime64[h]") - self._start).astype(np.int64)
        return np.array(known, dtype=np.int64)[inverse] * self._hours + hours

    def place(self, facility_id: int, unit_id: str, moment: datetime) -> int:
        """Number one unit and hour."""
        hour = int((np.datetime64(moment, "h") - self._start).astype(np.int64))
        return self._unit(facility_id, unit_id) * self._hours + hour

    def has(self, places: np.ndarray | int) -> bool:
        """Tell whether any of them stood in an earlier block."""
        return bool(self._seen[places].any())

    def add(self, places: np.ndarray | list[int]) -> None:
        """Take them."""
        self._seen[places] = True

    def _unit(self, facility_id: int, unit_id: str) -> int:
        number = self._units.setdefault((facility_id, unit_id), len(self._units))
        if number == MOST_UNITS:
            raise SourceError(f"has more than {MOST_UNITS:,} units, such as {facility_id} {unit_id}")
        if (number + 1) * self._hours > len(self._seen):
            more = np.zeros(max(len(self._seen), 64 * self._hours), dtype=bool)
            self._seen = np.concatenate((self._seen, more))
        return number


def _header(line: bytes) -> list[str]:
    """Name the columns by the header; what is known and not taken has no name.

    Raises:
        SourceError: columns lack, are not known, or stand twice.
    """
    try:
        named = [name.strip() for name in next(csv.reader([line.decode()], strict=True), [])]
    except (UnicodeDecodeError, csv.Error):
        raise SourceError("is not CSV: its first line is no header") from None
    while named and not named[-1]:
        named.pop()
    columns = [COLUMNS.get(name, "") for name in named]
    lacks = [" or ".join(HEADERS[column][:2]) for column in NEEDED if column not in columns]
    strangers = [name for name in named if name not in COLUMNS and name not in LEFT_OUT]
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if lacks or strangers or twice:
        faults = [f"lacks the columns {', '.join(lacks)}"] * bool(lacks)
        some = ", ".join(repr(name[:80]) for name in strangers[:10]) + ", ..." * (len(strangers) > 10)
        faults += [f"has columns that are not known: {some}"] * bool(strangers)
        faults += [f"has a column twice: {', '.join(twice)}"] * bool(twice)
        of_plants = "; it is of whole plants, not of units" if any("Unit ID" in one for one in lacks) else ""
        raise SourceError(f"{'; '.join(faults)}{of_plants}")
    return columns


def _whole_lines(rest: bytes, stream) -> Iterator[bytes]:
    while more := stream.read(BLOCK_BYTES):
        rest += more
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > BLOCK_BYTES:
            raise SourceError(f"has a line of more than {BLOCK_BYTES:,} bytes")
    if rest.strip():
        yield rest


def _by_columns(body: bytes, header: list[str], share: Share, known: _Known) -> tuple[pa.Table, int, list] | None:
    """Read sound lines with Arrow; none if any cell needs a closer look."""
    if b"\r" in body.replace(b"\r\n", b"\n"):
        return None
    names = [name or f"left out {place}" for place, name in enumerate(header)]
    taken = [name for name in HEADERS if name in header]
    try:
        wide = arrow_csv.read_csv(
            io.BytesIO(body),
            read_options=arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=len(body) + 1),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=taken,
                column_types=dict.fromkeys((*TEXTS, "date"), TEXT)
                | dict.fromkeys(FACTORS, pa.float64())
                | dict.fromkeys(("facility_id", "hour"), pa.int64()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None
    # A quote that is not closed takes the lines after it in, and may still leave so many cells.
    if len(wide) != body.count(b"\n") + (not body.endswith(b"\n")):
        return None
    needed = ("state", "facility_id", "unit_id", "date", "hour")
    if any(wide[name].null_count for name in needed):
        return None
    columns = {name: _stripped(wide[name].combine_chunks()) for name in TEXTS if name in taken}
    if any(column.dictionary.null_count or not _all_filled(column.dictionary) for column in columns.values()):
        return None
    days = [_day(text) for text in wide["date"].combine_chunks().dictionary.to_pylist()]
    if None in days or not set(columns["state"].dictionary.to_pylist()) <= _states(share):
        return None
    hours = wide["hour"].combine_chunks()
    if pc.min(hours).as_py() < 0 or pc.max(hours).as_py() > 23 or pc.min(wide["facility_id"]).as_py() < 1:
        return None
    moments = np.array(days, dtype="datetime64[us]")[wide["date"].combine_chunks().indices.to_numpy()]
    moments = moments + hours.to_numpy().astype("timedelta64[h]")
    if moments.min() < np.datetime64(share.start) or moments.max() >= np.datetime64(share.end):
        return None
    for name in FACTORS:
        there = wide[name].drop_null()
        most = 1.0 if name == "operating_time_hours" else math.inf
        if len(there) and not (pc.all(pc.is_finite(there)).as_py() and pc.min(there).as_py() >= 0):
            return None
        if len(there) and pc.max(there).as_py() > most:
            return None
    columns |= {name: wide[name].combine_chunks() for name in ("facility_id", *FACTORS)}
    rows = pa.table(columns | {"hour_start_local": pa.array(moments)})
    places = known.places(rows)
    if len(np.unique(places)) != len(places) or known.has(places):
        return None
    known.add(places)
    return rows, 0, []


def _stripped(column: pa.DictionaryArray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(column.indices, pc.utf8_trim_whitespace(column.dictionary))


def _all_filled(words: pa.StringArray) -> bool:
    return not len(words) or pc.min(pc.utf8_length(words)).as_py() > 0


def _states(share: Share) -> set[str]:
    return {share.state} if share.state else set(STATES.values())


def _day(text: str) -> date | None:
    """Read a day as either header has it; none if it is no day."""
    text = text.strip()
    if iso := ISO.fullmatch(text):
        numbers = iso.groups()
    elif american := AMERICAN.fullmatch(text):
        numbers = american[3], american[1], american[2]
    else:
        return None
    try:
        return date(*map(int, numbers))
    except ValueError:
        return None


def _by_lines(
    body: bytes, header: list[str], share: Share, known: _Known, first_line: int
) -> tuple[pa.Table, int, Rejects]:
    """Read lines with faults, one by one; the reference for what a row is."""
    kept: dict[int, tuple[dict, int]] = {}
    rejects, duplicates = Rejects(), 0
    for number, raw in enumerate(body.split(b"\n"), start=first_line):
        if not raw.strip():
            continue
        line = raw.rstrip(b"\r").decode("utf-8", "backslashreplace")
        row, fault = _row(raw.rstrip(b"\r"), header, share)
        if fault is None:
            place = known.place(row["facility_id"], row["unit_id"], row["hour_start_local"])
            said, line_of_first = kept.get(place, (None, 0))
            if said == row:
                duplicates += 1
                continue
            if said is not None:
                fault = None, f"same unit and hour as line {line_of_first} with other values"
            elif known.has(place):
                fault = None, "same unit and hour as a line long before"
        if fault:
            rejects.append(Reject(number, *fault, line))
            continue
        kept[place] = row, number
    known.add(list(kept))
    there = [column for column in HEADERS if column in header and column not in ("date", "hour")]
    fields = [(column, SCHEMA.field(column).type) for column in (*there, "hour_start_local")]
    columns = {
        name: pa.array([row[name] for row, _ in kept.values()], pa.string() if kind == TEXT else kind)
        for name, kind in fields
    }
    columns |= {name: columns[name].dictionary_encode() for name, kind in fields if kind == TEXT}
    return pa.table(columns), duplicates, rejects


def _row(raw: bytes, header: list[str], share: Share) -> tuple[dict, tuple[str | None, str] | None]:
    """Read one line; the row as published, and the (column, reason) of its first fault."""
    try:
        (cells,) = csv.reader([raw.decode()], strict=True)
    except UnicodeDecodeError:
        return {}, (None, "is not UTF-8")
    except csv.Error as fault:
        return {}, (None, f"is not CSV: {fault}")
    if len(cells) != len(header):
        return {}, (None, f"expected {len(header)} cells, found {len(cells)}")
    said = {name: cell.strip() or None for name, cell in zip(header, cells, strict=True) if name}
    row = {name: said[name] for name in TEXTS if name in said}
    if said["state"] not in _states(share):
        of_key = f"{share.state}, the state of the object" if share.state else "the code of a state"
        return row, ("state", f"{said['state']!r} is not {of_key}")
    if not re.fullmatch("[0-9]{1,9}", said["facility_id"] or "") or not int(said["facility_id"]):
        return row, ("facility_id", f"{said['facility_id']!r} is no facility's id")
    if not said["unit_id"]:
        return row, ("unit_id", "a row of no unit")
    day = _day(said["date"] or "")
    if day is None:
        return row, ("date", f"{said['date']!r} is no day like 2023-01-31 or 01-31-2023")
    if not re.fullmatch("0?[0-9]|1[0-9]|2[0-3]", said["hour"] or ""):
        return row, ("hour", f"{said['hour']!r} is no hour from 0 to 23")
    moment = datetime(day.year, day.month, day.day, int(said["hour"]))
    if not share.start <= moment < share.end:
        last = (share.end - HOUR).date()
        return row, ("date", f"{day} is not from {share.start.date()} to {last}, the days of the object")
    for name in FACTORS:
        try:
            row[name] = published.number(said[name]) if said[name] else None
        except ValueError:
            return row, (name, f"{said[name]!r} is no number")
        if row[name] is not None and row[name] < 0:
            return row, (name, f"{said[name]} is below zero")
    if (row["operating_time_hours"] or 0) > 1:
        return row, ("operating_time_hours", f"{said['operating_time_hours']} is more than the hour")
    return row | {"facility_id": int(said["facility_id"]), "hour_start_local": moment}, None


def _without(rows: pa.Table, left: list[str]) -> pa.Table:
    """Leave out what newer editions own: of a state, or of a quarter."""
    for words in left:
        name, _, part = words.partition("=")
        if name == "quarter":
            theirs = pc.equal(pc.quarter(rows["hour_start_local"]), int(part))
        else:
            theirs = pc.equal(rows["state"].cast(pa.string()), part.upper())
        rows = rows.filter(pc.invert(theirs))
    return rows


def _canonical(rows: pa.Table, plant_hours: Mapping[int, int]) -> pa.Table:
    """Bring rows as published into SCHEMA: kilograms, instants, and what an older header has not as null."""
    told = dict(zip(rows.column_names, rows.columns, strict=True))
    states = rows["state"].cast(pa.string()).combine_chunks()
    local, plants = (rows[name].combine_chunks() for name in ("hour_start_local", "facility_id"))
    told["hour_start_utc"], told["utc_basis"] = instants(local, states, plants, plant_hours)
    told |= {name: pc.multiply(told[name], factor) for name, factor in FACTORS.items() if factor != 1}
    empty = {name: pa.nulls(len(rows), SCHEMA.field(name).type) for name in SCHEMA.names if name not in told}
    return pa.table(told | empty).select(SCHEMA.names).cast(SCHEMA)
