"""wide_csv -- a wide CSV of PVDAQ, read by its own header: a column of times, and a column for each channel.

A file is read in blocks of whole days, so that memory is bounded whatever its size. A block whose every cell is sound
takes a path through Arrow; any other is read again line by line, so that each fault is told with its line. Both paths
give the same readings in the same order.
"""

import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jobs import clock
from jobs.errors import SourceError
from jobs.transform import Reject, Rejects

MEASURED_ON, UTC, SYSTEM = "measured_on", "utc_measured_on", "system_id"
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

# Where the lines of a file are further apart than this, a clock was wrong before or is after.
JUMP = timedelta(days=366)
# What is said of a reading whose time was there before, and may be right.
TWICE = "the clock has this hour twice"

BLOCK_BYTES = 16 * 1024**2
BLANKS = " \t\r"

Times = pa.TimestampArray
# Of each channel its times, the instants where the file publishes some, and the values.
Readings = dict[str, tuple[Times, Times | None, pa.DoubleArray]]


@dataclass(frozen=True)
class Owned:
    """What a newer vintage of a file has: by channel from which time on, in the time column `time`, until its end."""

    time: str
    since: Mapping[str, datetime]
    until: datetime


@dataclass(frozen=True)
class Layout:
    """What a file promises.

    Args:
        ss_id: the system whose id each line must have, where lines have one.
        sensor: what the name of a channel looks like, and what that is called in a message.
        times: the columns of times, the first of which that is there is taken.
        days: the first and the last day that a line may be of, if the key says so.
        owned: what newer vintages of the file have, which is then not taken from this one.
        zone: the IANA zone of the clock, if it is known.
    """

    ss_id: int
    sensor: tuple[re.Pattern, str]
    times: tuple[str, ...]
    days: tuple[date, date] | None = None
    owned: tuple[Owned, ...] = ()
    zone: str | None = None


@dataclass(frozen=True)
class Block:
    """Some lines of a file, taken apart. `moments` are their times: `by_the_clock` of a logger, or UTC, or mere days.

    `rows_read` is counted by a way of its own.
    """

    readings: Readings
    moments: np.ndarray
    rows_read: int
    rows_duplicate: int
    rejects: list[Reject]
    by_the_clock: bool = True


@dataclass(frozen=True)
class _Header:
    names: list[str]
    time: str

    @property
    def moment(self) -> re.Pattern:
        """How a time is written: a column without a name has the days of daily aggregates."""
        return MOMENT if self.time else DAY

    @property
    def utc(self) -> str | None:
        return UTC if UTC in self.names and self.time != UTC else None

    @property
    def sensors(self) -> list[str]:
        return [name for name in self.names if name not in (self.time, UTC, SYSTEM)]


def blocks(stream: BinaryIO, layout: Layout) -> Iterator[Block]:
    """Read a file; LF or CRLF lines, no quoting, a blank cell is no reading.

    Yields:
        Blocks in file order, in each the channels in header order. The first reading of a time and channel is kept; a
        later one with the same value is a duplicate, one with another value is refused; one of a time that an earlier
        block has is refused. A reading that a newer vintage owns is a duplicate.

    Raises:
        SourceError: the file has no usable header.
    """
    first = stream.read(BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")
    if not first.strip():
        return
    line, _, rest = first.partition(b"\n")
    header = _header(line.rstrip(b"\r"), layout)
    if strangers := sorted({owned.time for owned in layout.owned} - {header.time}):
        raise SourceError(
            f"has its times in {header.time}, and a newer vintage in {', '.join(strangers)}: nobody can tell which "
            "readings both have"
        )
    seen = _Seen()
    line_number = 2
    for body in _whole_days(rest, stream, header.names[0] == header.time):
        block = _by_columns(body, header, layout, seen) or _by_lines(body, header, layout, seen, line_number)
        line_number += body.count(b"\n")
        seen.add(block.moments)
        yield replace(
            _without_owned(block, layout),
            rows_read=_filled_cells(body, header),
            by_the_clock=header.time == MEASURED_ON,
        )


def owned_by(head: bytes, tail: bytes, layout: Layout) -> Owned:
    """Tell from the first and the last lines of a vintage which readings it has.

    A channel is its own from the first line on where it has a value and the clock is right. Between jumps of the clock
    that is where it is latest, and never at a time that no clock can have. What the vintage owns by that may be too
    little, and so it is of a channel without a value so far: then both vintages may have a reading, and the load fails
    rather than lose one.

    Raises:
        SourceError: the file has no usable header, or its first or its last lines have no time that can be.
    """
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    header = _header(lines[0].rstrip(b"\r"), layout)
    begun = max(_between_jumps(_timed(lines[1:], header)), key=lambda timed: timed[0][0], default=[])
    since: dict[str, datetime] = {}
    for moment, cells in begun:
        for name, cell in zip(header.names, cells, strict=False):
            if cell.strip(BLANKS):
                since.setdefault(name, moment)
    ends = [max(moment for moment, _ in timed) for timed in _between_jumps(_timed(tail.split(b"\n"), header))]
    until = next((end for end in ends if begun and end >= begun[0][0]), None)
    if until is None:
        raise SourceError("is followed by a newer vintage whose first or last lines have no time that can be")
    return Owned(header.time, {name: since[name] for name in header.sensors if name in since}, until)


def _between_jumps(timed: Iterator[tuple[datetime, list[str]]]) -> list[list[tuple[datetime, list[str]]]]:
    """Part lines where the clock jumps by more than a year, forth or back."""
    parts: list[list[tuple[datetime, list[str]]]] = []
    for moment, cells in timed:
        if not parts or abs(moment - parts[-1][-1][0]) > JUMP:
            parts.append([])
        parts[-1].append((moment, cells))
    return parts


def _timed(lines: list[bytes], header: _Header) -> Iterator[tuple[datetime, list[str]]]:
    place = header.names.index(header.time)
    for line in lines:
        cells = line.decode("utf-8", "backslashreplace").split(",")
        moment = _moment(cells[place].strip(BLANKS), header) if len(cells) > place else None
        if moment is not None and clock.is_plausible(moment.date()):
            yield moment, cells


def _whole_days(rest: bytes, stream: BinaryIO, time_is_first: bool) -> Iterator[bytes]:
    """Give whole lines, and of a file in order of time whole days: who judges a day's readings sees all of them."""
    while more := stream.read(BLOCK_BYTES):
        rest += more
        end = rest.rfind(b"\n") + 1
        if end and time_is_first:
            last = rest.rfind(b"\n", 0, end - 1) + 1
            day = rest[last : last + len("2019-01-31")]
            end = 0 if rest.startswith(day) else rest.find(b"\n" + day) + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
    yield rest


def _header(line: bytes, layout: Layout) -> _Header:
    try:
        names = line.decode("utf-8").split(",")
    except UnicodeDecodeError:
        raise SourceError("is not CSV: its first line is not text") from None
    time = next((name for name in layout.times if name in names), None)
    if time is None:
        wanted = " or ".join(name or "without a name" for name in layout.times)
        raise SourceError(f"has no column {wanted}; its first line is {_shown(line)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(f"has columns of the same name: {', '.join(twice)}")
    header = _Header(names, time)
    pattern, called = layout.sensor
    if strange := [name for name in header.sensors if not pattern.fullmatch(name)]:
        raise SourceError(f"has columns that are no {called}: {', '.join(map(repr, strange))}")
    return header


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _filled_cells(body: bytes, header: _Header) -> int:
    """Count the readings without reading them: the filled cells of all lines, times and system left out.

    It shares nothing with the two ways of reading, so that what either loses or invents is found.
    """
    text = np.frombuffer(body.translate(None, BLANKS.encode()), dtype=np.uint8)
    ends, commas = text == ord("\n"), text == ord(",")
    apart = ends | commas
    starts = np.flatnonzero(~apart & np.concatenate(([True], apart[:-1])))
    passed = np.cumsum(commas, dtype=np.int32)
    line_ends = np.flatnonzero(ends)
    before_line = np.concatenate(([0], passed[line_ends]))
    columns = passed[starts] - before_line[np.searchsorted(line_ends, starts)]
    keys = [header.names.index(name) for name in (header.time, UTC, SYSTEM) if name in header.names]
    return int(np.count_nonzero(~np.isin(columns, keys)))


class _Seen:
    """The times of earlier blocks, day by day: a block is held against its own days, however long the record is."""

    def __init__(self):
        self._of_day: dict[np.datetime64, np.ndarray] = {}

    def add(self, moments: np.ndarray) -> None:
        """Take the times of a block."""
        moments = np.sort(moments)
        days, starts = np.unique(moments.astype("datetime64[D]"), return_index=True)
        for day, of_day in zip(days, np.split(moments, starts[1:]), strict=False):
            self._of_day[day] = np.concatenate((self._of_day[day], of_day)) if day in self._of_day else of_day

    def has_any(self, moments: np.ndarray) -> bool:
        """Tell whether any of the times is of an earlier block."""
        days = [day for day in np.unique(moments.astype("datetime64[D]")) if day in self._of_day]
        return any(np.isin(self._of_day[day], moments).any() for day in days)

    def __contains__(self, moment: datetime) -> bool:
        return np.datetime64(moment, "us") in self._of_day.get(np.datetime64(moment, "D"), ())


def _by_columns(body: bytes, header: _Header, layout: Layout, seen: _Seen) -> Block | None:
    """Read sound lines with Arrow; none if any cell needs a closer look."""
    keys = dict.fromkeys((header.time, UTC, SYSTEM), pa.string())
    if not body.strip() or b"\r" in body.replace(b"\r\n", b"\n"):
        return None
    try:
        wide = csv.read_csv(
            io.BytesIO(body),
            read_options=csv.ReadOptions(use_threads=False, column_names=header.names),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(header.sensors, pa.float64()) | keys,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        moments = wide[header.time].combine_chunks()
        if moments.null_count or not _all(pc.match_substring_regex(moments, f"^{header.moment.pattern}$")):
            return None
        times = moments.cast(pa.timestamp("us"))
        instants = times if header.time == UTC else None
        if header.utc:
            texts = wide[header.utc].combine_chunks()
            if not _all(pc.match_substring_regex(texts.drop_null(), f"^{MOMENT.pattern}$")):
                return None
            instants = texts.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    sound = (
        len(times) == pc.count_distinct(times).as_py()
        and (layout.days is None or _all(_within(times, layout.days)))
        and (SYSTEM not in header.names or _all(pc.equal(pc.utf8_trim_whitespace(wide[SYSTEM]), str(layout.ss_id))))
        and not seen.has_any(times.to_numpy())
    )
    if not sound:
        return None
    readings: Readings = {}
    for sensor in header.sensors:
        values = wide[sensor].combine_chunks()
        present = values.is_valid()
        there = values.filter(present)
        if not _all(pc.is_finite(there)):
            return None
        readings[sensor] = times.filter(present), instants and instants.filter(present), there
    return Block(readings, times.to_numpy(), 0, 0, [])


def _within(times: Times, days: tuple[date, date]) -> pa.BooleanArray:
    day = times.cast(pa.date32())
    return pc.and_(pc.greater_equal(day, pa.scalar(days[0])), pc.less_equal(day, pa.scalar(days[1])))


def _all(truths) -> bool:
    """Tell whether all are true; a null is not."""
    return pc.all(truths.fill_null(False), min_count=0).as_py()


def _by_lines(body: bytes, header: _Header, layout: Layout, seen: _Seen, first_line: int) -> Block:
    """Read lines with faults, one by one; the reference for what a reading is."""
    names, sensors = header.names, header.sensors
    kept: dict[str, dict[datetime, tuple[float, datetime | None, int]]] = {sensor: {} for sensor in sensors}
    moments: set[datetime] = set()
    rejects, duplicates = Rejects(), 0
    for number, raw in enumerate(body.split(b"\n"), start=first_line):
        line = raw.rstrip(b"\r").decode("utf-8", "backslashreplace")
        if not line:
            continue
        cells = dict(zip(names, (cell.strip(BLANKS) for cell in line.split(",")), strict=False))
        moment = _moment(cells[header.time], header) if header.time in cells else None
        fault = _line_fault(line, cells, moment, header, layout)
        if fault is None and moment in seen:
            fault = f"{header.time} is that of a line long before; the clock was set back"
        if fault:
            filled = [index for index, cell in enumerate(line.split(",")) if cell.strip(BLANKS)]
            readings_in_it = sum(
                index >= len(names) or names[index] not in (header.time, UTC, SYSTEM) for index in filled
            )
            rejects.append(Reject(number, None, fault, line, readings_in_it))
            continue
        moments.add(moment)
        instant = moment if header.time == UTC else _moment(cells[header.utc], header) if header.utc else None
        for sensor in sensors:
            text = cells[sensor]
            if not text:
                continue
            value = float(text) if NUMBER.fullmatch(text) else math.nan
            first, _, line_of_first = kept[sensor].get(moment, (None, None, 0))
            if not math.isfinite(value):
                rejects.append(Reject(number, sensor, "not a number", text))
            elif first is None:
                kept[sensor][moment] = value, instant, number
            elif first == value:
                duplicates += 1
            else:
                said = another_value(f"line {line_of_first}", moment, None if header.time == UTC else layout.zone)
                rejects.append(Reject(number, sensor, said, text))
    in_utc = UTC in names
    readings = {
        sensor: (
            pa.array(by_time.keys(), pa.timestamp("us")),
            pa.array([instant for _, instant, _ in by_time.values()], pa.timestamp("us")) if in_utc else None,
            pa.array([value for value, _, _ in by_time.values()], pa.float64()),
        )
        for sensor, by_time in kept.items()
    }
    return Block(readings, np.array(sorted(moments), dtype="datetime64[us]"), 0, duplicates, list(rejects))


def another_value(first: str, moment: datetime, zone: str | None) -> str:
    """Say of a reading that another of its time and channel came first."""
    said = f"same time as {first} with another value"
    return f"{said}; {TWICE}" if clock.has_twice(moment, zone) else said


def _line_fault(line: str, cells: dict[str, str], moment, header: _Header, layout: Layout) -> str | None:
    found = line.count(",") + 1
    if found != len(header.names):
        return f"expected {len(header.names)} cells, found {found}"
    time = header.time or "the first cell"
    if moment is None:
        return f"{time} is not a time like {'2019-01-31 23:59:59' if header.time else '2019-01-31'}"
    if layout.days and not layout.days[0] <= moment.date() <= layout.days[1]:
        if layout.days[0] == layout.days[1]:
            return f"{time} is not on {layout.days[0]}, the day of the object"
        return f"{time} is not from {layout.days[0]} to {layout.days[1]}, the days of the object"
    if SYSTEM in cells and cells[SYSTEM] != str(layout.ss_id):
        return f"{SYSTEM} is not {layout.ss_id}, the system of the object"
    if header.utc and cells[UTC] and _moment(cells[UTC], header) is None:
        return f"{UTC} is not a time like 2019-01-31 23:59:59"
    return None


def _moment(text: str, header: _Header) -> datetime | None:
    if not header.moment.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _without_owned(block: Block, layout: Layout) -> Block:
    """Leave out, and count, what a newer vintage of the file has too."""
    duplicates, readings = block.rows_duplicate, dict(block.readings)
    for owned in layout.owned:
        for sensor, since in owned.since.items():
            if sensor not in readings:
                continue
            times, instants, values = readings[sensor]
            since, until = (pa.scalar(moment, pa.timestamp("us")) for moment in (since, owned.until))
            ours = pc.or_(pc.less(times, since), pc.greater(times, until))
            duplicates += len(times) - pc.sum(ours, min_count=0).as_py()
            readings[sensor] = times.filter(ours), instants and instants.filter(ours), values.filter(ours)
    return replace(block, readings=readings, rows_duplicate=duplicates)
