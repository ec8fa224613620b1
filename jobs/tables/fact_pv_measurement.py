"""fact_pv_measurement -- readings from PVDAQ's daily wide CSV.

What surprises in this data: a channel without a value all day is left out of that day's header, so two days of one
system have different columns; the loggers of one system write a second apart, so most cells are blank; power is
negative at night because the inverter draws; and a name's unit is not the value's unit (see `vocabulary`).

A file whose every cell is sound takes a path through Arrow; any other is read again line by line, so that each fault
is told with its line. Both paths give the same rows in the same order.
"""

import io
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jobs import quality, vocabulary
from jobs.errors import SourceError
from jobs.quality import System
from jobs.transform import Parsed, Reject

VERSION = 2

TIME, SYSTEM = "measured_on", "system_id"
SENSOR = re.compile(r"[A-Za-z0-9][ -~]*__[0-9]+")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def transform(body: bytes, parts: Mapping[str, str]) -> Parsed:
    """Turn one system's day into readings.

    Args:
        body: the CSV object; LF or CRLF lines, no quoting, a blank cell is no reading.
        parts: `ss_id`, `year`, `month` and `day` of the key. Each line must be of that system and day [wall clock].

    Returns:
        One row per non-blank cell of a channel, sensors in header order and lines in file order. Such cells are the
        rows read, in lines that cannot be taken apart too. The first reading of a time and sensor is kept; a later one
        with the same value is a duplicate, one with another value is refused.

    Raises:
        SourceError: the object has no usable header.
    """
    ss_id, day = int(parts["ss_id"]), date(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    body = body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        return Parsed(_rows(ss_id, {}))
    header = _header(body)
    parsed = _by_columns(body, header, ss_id, day) or _by_lines(body, header, ss_id, day)
    return replace(parsed, rows_read=_filled_cells(body, header))


def _filled_cells(body: bytes, header: list[str]) -> int:
    """Count the readings without reading them: the filled cells of all lines but the first, time and system left out.

    It shares nothing with the two ways of reading, so that what either loses or invents is found.
    """
    text = np.frombuffer(body.partition(b"\n")[2].translate(None, b" \t\r"), dtype=np.uint8)
    ends, commas = text == ord("\n"), text == ord(",")
    apart = ends | commas
    starts = np.flatnonzero(~apart & np.concatenate(([True], apart[:-1])))
    passed = np.cumsum(commas, dtype=np.int64)
    line_ends = np.flatnonzero(ends)
    before_line = np.concatenate(([0], passed[line_ends]))
    columns = passed[starts] - before_line[np.searchsorted(line_ends, starts)]
    keys = [header.index(name) for name in (TIME, SYSTEM) if name in header]
    return int(np.count_nonzero(~np.isin(columns, keys)))


def _header(body: bytes) -> list[str]:
    line = body.split(b"\n", 1)[0].rstrip(b"\r")
    try:
        names = line.decode("utf-8").split(",")
    except UnicodeDecodeError:
        raise SourceError("is not CSV: its first line is not text") from None
    if TIME not in names:
        raise SourceError(f"has no column {TIME}; its first line is {_shown(line)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(f"has columns of the same name: {', '.join(twice)}")
    if strange := [name for name in names if name not in (TIME, SYSTEM) and not SENSOR.fullmatch(name)]:
        raise SourceError(f"has columns that are no <sensor_name>__<metric_id>: {', '.join(map(repr, strange))}")
    return names


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _by_columns(body: bytes, header: list[str], ss_id: int, day: date) -> Parsed | None:
    """Read a sound file with Arrow; none if any cell needs a closer look."""
    sensors = [name for name in header if name not in (TIME, SYSTEM)]
    types = {TIME: pa.string(), SYSTEM: pa.string()} | dict.fromkeys(sensors, pa.float64())
    if b"\r" in body.replace(b"\r\n", b"\n"):
        return None
    try:
        wide = csv.read_csv(
            io.BytesIO(body),
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
        )
        moments = wide[TIME].combine_chunks()
        if moments.null_count or not _all(pc.match_substring_regex(moments, f"^{MOMENT.pattern}$")):
            return None
        times = moments.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    sound = (
        len(times) == pc.count_distinct(times).as_py()
        and _all(pc.equal(times.cast(pa.date32()), pa.scalar(day)))
        and (SYSTEM not in header or _all(pc.equal(pc.utf8_trim_whitespace(wide[SYSTEM]), str(ss_id))))
    )
    if not sound:
        return None
    readings = {}
    for sensor in sensors:
        values = wide[sensor].combine_chunks()
        present = values.is_valid()
        readings[sensor] = times.filter(present), values.filter(present)
        if not _all(pc.is_finite(readings[sensor][1])):
            return None
    return Parsed(_rows(ss_id, readings))


def _all(truths) -> bool:
    """Tell whether all are true; a null is not."""
    return pc.all(truths.fill_null(False), min_count=0).as_py()


def _by_lines(body: bytes, header: list[str], ss_id: int, day: date) -> Parsed:
    """Read a file with faults, line by line; the reference for what a reading is."""
    sensors = [name for name in header if name not in (TIME, SYSTEM)]
    kept: dict[str, dict[datetime, tuple[float, int]]] = {sensor: {} for sensor in sensors}
    rejects, duplicates = [], 0
    for number, raw in enumerate(body.split(b"\n")[1:], start=2):
        line = raw.rstrip(b"\r").decode("utf-8", "backslashreplace")
        if not line:
            continue
        cells = dict(zip(header, (cell.strip(" \t\r") for cell in line.split(",")), strict=False))
        if fault := _line_fault(line, cells, header, ss_id, day):
            filled = [index for index, cell in enumerate(line.split(",")) if cell.strip(" \t\r")]
            readings_in_it = sum(header[index : index + 1] not in ([TIME], [SYSTEM]) for index in filled)
            rejects.append(Reject(number, None, fault, line, readings_in_it))
            continue
        moment = _moment(cells[TIME])
        for sensor in sensors:
            text = cells[sensor]
            if not text:
                continue
            value = float(text) if NUMBER.fullmatch(text) else math.nan
            first, first_line = kept[sensor].get(moment, (None, 0))
            if not math.isfinite(value):
                rejects.append(Reject(number, sensor, "not a number", text))
            elif first is None:
                kept[sensor][moment] = value, number
            elif first == value:
                duplicates += 1
            else:
                rejects.append(Reject(number, sensor, f"same time as line {first_line} with another value", text))
    readings = {
        sensor: (
            pa.array(by_time.keys(), pa.timestamp("us")),
            pa.array([value for value, _ in by_time.values()], pa.float64()),
        )
        for sensor, by_time in kept.items()
    }
    return Parsed(_rows(ss_id, readings), rows_duplicate=duplicates, rejects=rejects)


def _line_fault(line: str, cells: dict[str, str], header: list[str], ss_id: int, day: date) -> str | None:
    found = line.count(",") + 1
    if found != len(header):
        return f"expected {len(header)} cells, found {found}"
    moment = _moment(cells[TIME])
    if moment is None:
        return f"{TIME} is not a time like 2019-01-31 23:59:59"
    if moment.date() != day:
        return f"{TIME} is not on {day}, the day of the object"
    if SYSTEM in cells and cells[SYSTEM] != str(ss_id):
        return f"{SYSTEM} is not {ss_id}, the system of the object"
    return None


def _moment(text: str) -> datetime | None:
    if not MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _rows(ss_id: int, readings: dict[str, tuple[pa.Array, pa.Array]]) -> pa.Table:
    """Put the readings of each sensor one under the other, with what is the same for all of a sensor."""
    described = {sensor: vocabulary.describe(sensor) for sensor in readings}
    lengths = [len(times) for times, _ in readings.values()]
    count = sum(lengths)

    def stretched(per_sensor):
        """One value per sensor, repeated for each of its readings; four bytes a row."""
        words = pa.array(per_sensor, pa.string()).dictionary_encode()
        owner = np.repeat(np.arange(len(lengths)), lengths)
        return pa.DictionaryArray.from_arrays(words.indices.take(pa.array(owner)), words.dictionary)

    times = pa.concat_arrays([times for times, _ in readings.values()] or [pa.array([], pa.timestamp("us"))])
    values = pa.concat_arrays([values for _, values in readings.values()] or [pa.array([], pa.float64())])
    return pa.table(
        {
            "ss_id": pa.repeat(pa.scalar(ss_id, pa.int64()), count),
            "timestamp": times,
            "sensor": stretched(list(readings)),
            "units": stretched([units for _, units in described.values()]),
            "value": values,
            "quantity": stretched([quantity for quantity, _ in described.values()]),
            "timestamp_utc": pa.nulls(count, pa.timestamp("us", tz="UTC")),
            "utc_basis": pa.repeat(pa.scalar("none"), count),
            "quality": _quality(readings, described),
        }
    )


def _quality(readings, described) -> pa.Array:
    # A file is a system's whole day, which is what a flag needs; nothing of the system itself is known here.
    flags = [
        quality.flags(times.to_numpy(), values.to_numpy(), *described[sensor], System())
        for sensor, (times, values) in readings.items()
    ]
    return pa.array(np.concatenate([np.zeros(0, np.int64), *flags]))
