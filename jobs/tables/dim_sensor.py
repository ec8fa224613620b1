"""dim_sensor -- the channels of PVDAQ's systems, from its dictionaries.

What surprises in this data: the dictionary is in two places, one parquet file per regular system and `Metrics` in the
JSON metadata of the others; the JSON has two dialects (numbers as text, units in the names of keys) and may say a name
twice; blanks are "", "None" or NaN; the number at the end of a prize column is not always its metric id; and a name of
the parquet need not be spelled as the header spells it.

What a channel is, and in which unit, is the business of `vocabulary`: a change there gives other rows, so that VERSION
goes up with it.
"""

import json
import math
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import contract, vocabulary
from jobs.errors import SourceError
from jobs.transform import Parsed, Reject

VERSION = 1

BLANKS = {"", "none", "nan", "null"}


def _text(value) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text.lower() in BLANKS else text


def _number(value) -> float | None:
    text = _text(value)
    number = None if text is None else float(text)
    if number is not None and ("_" in text or not math.isfinite(number)):
        raise ValueError(text)
    return number


def _id(value) -> int | None:
    """Read an id; a column of ids with a blank has become one of floats on its way."""
    number = _number(value)
    if number is not None and not (number.is_integer() and 0 <= number < 2**53):
        raise ValueError(value)
    return None if number is None else int(number)


# Our column, the dictionary's, how its value is read.
COLUMNS: tuple[tuple[str, str, Callable], ...] = (
    ("metric_id", "metric_id", _id),
    ("source_name", "sensor_name", _text),
    ("common_name", "common_name", _text),
    ("source_units", "units", _text),
    ("raw_units", "raw_units", _text),
    ("aggregation", "aggregation_type", _text),
    ("source_type", "source_type", _text),
    ("source_id", "source_id", _id),
    ("calc_scale", "calc_scale", _number),
    ("calc_offset", "calc_offset", _number),
    ("calc_details", "calc_details", _text),
    ("comments", "comments", _text),
)
# Where the JSON lists what a source type is, and the id it has there.
INSTRUMENTS = {
    "INVERTER": ("Inverters", "inverter_id"),
    "METER": ("Meters", "meter_id"),
    "OTHER": ("Other Instruments", "instrument_id"),
}


def transform(body: bytes, parts: Mapping[str, str]) -> Parsed:
    """Turn one system's dictionary into one row per channel.

    Args:
        body: the parquet file, or the JSON metadata in either dialect. JSON without `Metrics` describes no channel.
        parts: `ss_id` of the key, and `source`: metrics_parquet, system_metadata or prize_metadata.

    Returns:
        The channels in the dictionary's order; each of its lines is a row read. A line that says the same of the same
        channel again is a duplicate; one that says something else, has no name, is of another system or cannot be read
        is refused, with its number in the dictionary.

    Raises:
        SourceError: the object is not the dictionary of this system.
    """
    ss_id = int(parts["ss_id"])
    if parts["source"] == "metrics_parquet":
        described_by, entries, instruments = "metrics_parquet", _from_parquet(body), {}
    else:
        described_by, (entries, instruments) = "system_metadata", _from_json(body, ss_id)
    channels: dict[str, dict] = {}
    lines: dict[str, int] = {}
    rejects, duplicates = [], 0
    for line, (name, entry) in enumerate(entries, start=1):
        row, fault = _row(ss_id, name, entry)
        sensor = row.get("sensor")
        if not fault and sensor in channels:
            if row.items() <= channels[sensor].items():
                duplicates += 1
                continue
            fault = "sensor", f"differs from line {lines[sensor]}, which describes {sensor} too"
        if fault:
            raw_text = json.dumps({"name": name, "entry": entry}, ensure_ascii=False, default=str)
            rejects.append(Reject(line, *fault, raw_text))
            continue
        instrument = _instrument(row, instruments.get(row["source_type"], []))
        channels[sensor] = row | {"instrument": instrument, "described_by": described_by}
        lines[sensor] = line
    schema = contract.load("dim_sensor").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    return Parsed(pa.Table.from_pylist(list(channels.values()), schema), len(entries), duplicates, rejects)


def _from_parquet(body: bytes) -> list[tuple[str | None, dict]]:
    try:
        metrics = pq.read_table(pa.BufferReader(body))
    except (pa.ArrowInvalid, OSError) as fault:
        raise SourceError(f"is not parquet: {fault}") from None
    promised = ("system_id", "standard_name", *(source for _, source, _ in COLUMNS))
    if missing := [column for column in promised if column not in metrics.column_names]:
        raise SourceError(f"lacks columns of the dictionary: {', '.join(missing)}")
    return [(entry["standard_name"], entry) for entry in metrics.to_pylist()]


def _from_json(body: bytes, ss_id: int) -> tuple[list[tuple[str, dict]], dict[str, list[dict]]]:
    """Read the `Metrics` of a system's metadata in order, a name that comes twice as often as it comes."""
    try:
        # An object is a tuple of its pairs, and a list is a list.
        metadata = json.loads(body.decode("utf-8-sig"), object_pairs_hook=tuple)
    except ValueError as fault:
        raise SourceError(f"is not JSON: {fault}") from None
    try:
        metadata = dict(_pairs(metadata))
        about = _id(dict(_pairs(metadata["System"]))["system_id"])
        metrics = [(name, _unpaired(entry)) for name, entry in _pairs(metadata.get("Metrics") or ())]
        instruments = {
            source_type: [
                dict(_pairs(listed)) | {"id": dict(listed).get(key)} for _, listed in _pairs(metadata.get(group) or ())
            ]
            for source_type, (group, key) in INSTRUMENTS.items()
        }
    except (KeyError, TypeError, ValueError) as fault:
        raise SourceError(f"is not a system's metadata: {fault!r}") from None
    if about != ss_id:
        raise SourceError(f"is the metadata of system {about}, and its key that of {ss_id}")
    return metrics, instruments


def _pairs(value) -> tuple:
    if not isinstance(value, tuple):
        raise TypeError(f"an object was expected, not {value!r}")
    return value


def _unpaired(value):
    return dict(value) if isinstance(value, tuple) else value


def _row(ss_id: int, name: str | None, entry) -> tuple[dict, tuple[str | None, str] | None]:
    """Read one line of a dictionary; the row, and the (column, reason) of its first fault."""
    if not isinstance(entry, dict):
        return {}, (None, "describes nothing")
    if _text(name) is None:
        return {}, (None, "a channel without a name")
    row = {"ss_id": ss_id, "sensor": _text(name).lower()}
    for column, source, read in COLUMNS:
        try:
            row[column] = read(entry.get(source))
        except (TypeError, ValueError):
            return row, (source, f"{entry[source]!r} cannot be read as {column}")
    if (about := _text(entry.get("system_id"))) not in (None, str(ss_id)):
        return row, ("system_id", f"is of system {about}, in the dictionary of {ss_id}")
    row["source_type"] = row["source_type"] and row["source_type"].upper()
    channel = vocabulary.describe(row["sensor"], {"common_name": row["common_name"], "units": row["source_units"]})
    return row | {
        "quantity": channel.quantity,
        "units": channel.units,
        "factor": channel.factor,
        "offset": channel.offset,
        "factor_reason": channel.reason,
    }, None


def _instrument(row: dict, listed: list[dict]) -> str | None:
    """Name what measures a channel: the one with its source's id, or the only one there is."""
    known = [one for one in listed if row["source_id"] is not None and _text(one["id"]) == str(row["source_id"])]
    if row["source_id"] is None and len(listed) == 1:
        known = listed
    if not known:
        return None
    said = [_text(known[0].get(word)) for word in ("name", "type", "manufacturer", "model")]
    return ", ".join(dict.fromkeys(word for word in said if word and word.lower() != "unknown")) or None
