"""dim_sensor -- the channels of PVDAQ's systems, from its dictionaries.

What surprises in this data: a name may be described twice; the number at the end of a prize column is not always its
metric id; and most of what `dictionary` says of its forms. What a channel is, and in which unit, is the business of
`vocabulary`: a change there gives other rows, so that VERSION goes up with it.
"""

import json
from collections.abc import Callable, Iterator

import pyarrow as pa

from jobs import contract, register, vocabulary
from jobs.dictionary import from_json, from_parquet, number, text, whole_number
from jobs.register import SCALES
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 2

# Our column, the dictionary's, how its value is read.
COLUMNS: tuple[tuple[str, str, Callable], ...] = (
    ("metric_id", "metric_id", whole_number),
    ("source_name", "sensor_name", text),
    ("common_name", "common_name", text),
    ("source_units", "units", text),
    ("raw_units", "raw_units", text),
    ("aggregation", "aggregation_type", text),
    ("source_type", "source_type", text),
    ("source_id", "source_id", whole_number),
    ("calc_scale", "calc_scale", number),
    ("calc_offset", "calc_offset", number),
    ("calc_details", "calc_details", text),
    ("comments", "comments", text),
)


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn one system's dictionary into one row per channel.

    Args:
        source: the parquet file, or the JSON metadata in either dialect. JSON without `Metrics` describes no channel.

    Yields:
        The channels in the dictionary's order; each of its lines is a row read. A line that says the same of the same
        channel again is a duplicate; one that says something else, has no name, is of another system or cannot be read
        is refused, with its number in the dictionary.

    Raises:
        SourceError: the object is not the dictionary of this system.
    """
    ss_id = int(source.parts["ss_id"])
    if source.layout == "metrics_parquet":
        described_by, entries, instruments = "metrics_parquet", from_parquet(source.body()), {}
    else:
        metadata = from_json(source.body(), ss_id)
        described_by, entries, instruments = "system_metadata", metadata.metrics, metadata.instruments
    channels: dict[str, dict] = {}
    lines: dict[str, int] = {}
    rejects, duplicates = [], 0
    for line, (name, entry) in enumerate(entries, start=1):
        row, fault = _row(ss_id, name, entry, source.companions.get(SCALES, ()))
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
    yield Parsed(pa.Table.from_pylist(list(channels.values()), schema), len(entries), duplicates, rejects)


def _row(ss_id: int, name: str | None, entry, scales: tuple[bytes, ...]) -> tuple[dict, tuple[str | None, str] | None]:
    """Read one line of a dictionary; the row, and the (column, reason) of its first fault."""
    if not isinstance(entry, dict):
        return {}, (None, "describes nothing")
    if text(name) is None:
        return {}, (None, "a channel without a name")
    row = {"ss_id": ss_id, "sensor": text(name).lower()}
    for column, source, read in COLUMNS:
        try:
            row[column] = read(entry.get(source))
        except (TypeError, ValueError):
            return row, (source, f"{entry[source]!r} cannot be read as {column}")
    if (about := text(entry.get("system_id"))) not in (None, str(ss_id)):
        return row, ("system_id", f"is of system {about}, in the dictionary of {ss_id}")
    row["source_type"] = row["source_type"] and row["source_type"].upper()
    channel = vocabulary.describe(row["sensor"], {"common_name": row["common_name"], "units": row["source_units"]})
    units, factor, offset, reasons = channel.units, channel.factor, channel.offset, [channel.reason]
    for stretch in register.stretches(scales, row["sensor"]) if units else ():
        reasons.append(str(stretch))
        if stretch.is_whole:
            units, factor, offset = (units, factor * stretch.factor, offset) if stretch.factor else (None, None, None)
    return row | {
        "quantity": channel.quantity,
        "units": units,
        "factor": factor,
        "offset": offset,
        "factor_reason": "; ".join(reasons),
    }, None


def _instrument(row: dict, listed: list[dict]) -> str | None:
    """Name what measures a channel: the one with its source's id, or the only one there is."""
    known = [one for one in listed if row["source_id"] is not None and text(one["id"]) == str(row["source_id"])]
    if row["source_id"] is None and len(listed) == 1:
        known = listed
    if not known:
        return None
    said = [text(known[0].get(word)) for word in ("name", "type", "manufacturer", "model")]
    return ", ".join(dict.fromkeys(word for word in said if word and word.lower() != "unknown")) or None
