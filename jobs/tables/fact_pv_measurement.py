"""fact_pv_measurement -- readings from the four layouts of PVDAQ.

What surprises in this data: a channel without a value all day is left out of that day's header, so two days of one
system have different columns; the loggers of one system write a second apart, so most cells are blank; power is
negative at night because the inverter draws; and a name's unit is not the value's unit (see `vocabulary`).

* `daily_csv`: a system's day, wide, with the logger's wall clock.
* `daily_parquet`: the same day, long, with instants where they are published; a dictionary names the channels.
* `annual_csv`: a system's year or a part of it, wide, in UTC; or daily aggregates under a first column without a name.
* `prize_csv`: a system's whole record, wide, in vintages, of which a newer one owns the readings from its start on.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs import vocabulary, wide_csv
from jobs.errors import SourceError
from jobs.listing import NEWER, days_of
from jobs.transform import Parsed, Reject, SourceObject
from jobs.wide_csv import MEASURED_ON, UTC, Layout, Readings

VERSION = 2

NAMED = re.compile(r"[A-Za-z0-9][ -~]*__[0-9]+"), "<sensor_name>__<metric_id>"
PUBLISHED = re.compile(r"[A-Za-z0-9][ -~]*"), "channel"

SENTINEL = 1
# Codes that PVDAQ's loggers write for "no reading", seen in systems 4901 to 4903, 34 and others.
SENTINELS = (-999.0, -7999.0, -9999.0, -99999.0, -5308.9, -50001.8, -53999.0)
# -40 degF is -40 degC: what a dead temperature sensor reads.
DEAD_TEMPERATURE = -40.0


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn one object into readings.

    Args:
        source: an object of one of the layouts. `ss_id` and what else its key names are its own: a line of another
            system or day [wall clock] is refused.

    Yields:
        One row per reading, a piece of a large file after the other; channels in the file's order and times in the
        lines' order. Blank cells are no readings. The first reading of a time and channel is kept; a later one with the
        same value is a duplicate, one with another value is refused.

    Raises:
        SourceError: the object has no usable header, or its columns are not those of its layout.
    """
    ss_id = int(source.parts["ss_id"])
    if source.layout == "daily_parquet":
        yield _long(source, ss_id)
        return
    days = days_of(source.parts)
    if source.layout == "daily_csv":
        layout = Layout(ss_id, NAMED, (MEASURED_ON,), days)
    elif source.layout == "annual_csv":
        layout = Layout(ss_id, PUBLISHED, (MEASURED_ON, UTC, ""), days)
    else:
        layout = Layout(ss_id, PUBLISHED, (MEASURED_ON, UTC))
    layout = replace(layout, owned=_owned(source, layout))
    with source.open() as stream:
        empty = True
        for block in wide_csv.blocks(stream, layout):
            empty = False
            yield Parsed(_rows(ss_id, block.readings), block.rows_read, block.rows_duplicate, block.rejects)
        if empty:
            yield Parsed(_rows(ss_id, {}))


def _owned(source: SourceObject, layout: Layout) -> dict[str, datetime]:
    """Tell from which time on newer vintages have a channel's readings."""
    owned: dict[str, datetime] = {}
    for head in source.companions.get(NEWER, ()):
        for sensor, since in wide_csv.first_times(head, layout).items():
            owned[sensor] = min(since, owned.get(sensor, since))
    return owned


LONG = {MEASURED_ON: pa.timestamp("us"), UTC: pa.timestamp("us"), "metric_id": pa.int64(), "value": pa.float64()}


def _long(source: SourceObject, ss_id: int) -> Parsed:
    """Read a system's day in long parquet; row numbers stand for lines."""
    day, _ = days_of(source.parts)
    names = _names(source, ss_id)
    try:
        file = pq.ParquetFile(BytesIO(source.body()))
        missing = sorted(LONG.keys() - set(file.schema_arrow.names) - {UTC})
        if missing:
            raise SourceError(f"has no column {', '.join(missing)}; it has {', '.join(file.schema_arrow.names)}")
        there = [name for name in LONG if name in file.schema_arrow.names]
        # Times are naive; a zone that a writer has added to those in UTC says nothing new.
        columns = {name: file.read([name])[name].combine_chunks().cast(LONG[name]) for name in there}
    except pa.ArrowException as fault:
        raise SourceError(f"is not parquet with the columns {', '.join(LONG)}: {fault}") from None
    rejects, readings, duplicates = [], {}, 0
    values = columns["value"]
    fault_of = _faults(columns, day)
    for row in np.flatnonzero(fault_of != ""):
        value = values[row].as_py()
        rejects.append(Reject(int(row), None, str(fault_of[row]), f"{columns['metric_id'][row]}: {value}"))
    sound = np.flatnonzero((fault_of == "") & values.is_valid().to_numpy(zero_copy_only=False))
    taken = pa.table(columns).take(pa.array(sound))
    metrics = taken["metric_id"].to_numpy()
    for metric_id in sorted(set(metrics.tolist())):
        rows = np.flatnonzero(metrics == metric_id)
        times, numbers = taken[MEASURED_ON].to_numpy()[rows], taken["value"].to_numpy()[rows]
        _, first, place = np.unique(times, return_index=True, return_inverse=True)
        again = np.setdiff1d(np.arange(len(rows)), first)
        unlike = again[numbers[again] != numbers[first[place[again]]]]
        duplicates += len(again) - len(unlike)
        for row in unlike:
            said = f"same time as row {sound[rows[first[place[row]]]]} with another value"
            rejects.append(Reject(int(sound[rows[row]]), names(metric_id), said, repr(float(numbers[row]))))
        kept = pa.array(rows[np.sort(first)])
        instants = taken[UTC].take(kept).combine_chunks() if UTC in columns else None
        readings[names(metric_id)] = (
            taken[MEASURED_ON].take(kept).combine_chunks(),
            instants,
            taken["value"].take(kept).combine_chunks(),
        )
    return Parsed(_rows(ss_id, readings), file.metadata.num_rows - _nulls(file), duplicates, rejects)


def _faults(columns: dict[str, pa.Array], day: date) -> np.ndarray:
    """Tell of each row why it is no reading; empty where it is one, or where there is nothing to read."""
    values = columns["value"].to_numpy(zero_copy_only=False)
    given = columns["value"].is_valid().to_numpy(zero_copy_only=False)
    days = columns[MEASURED_ON].cast(pa.date32()).to_numpy(zero_copy_only=False)
    faults = np.full(len(values), "", dtype=object)
    faults[given & ~np.isfinite(values)] = "not a number"
    faults[given & (days != np.datetime64(day))] = f"{MEASURED_ON} is not on {day}, the day of the object"
    faults[given & np.isnat(days)] = f"{MEASURED_ON} is not a time"
    faults[given & columns["metric_id"].is_null().to_numpy(zero_copy_only=False)] = "a reading of no metric"
    return faults


def _nulls(file: pq.ParquetFile) -> int:
    """Count the rows without a value, as the file's footer does."""
    place = file.schema_arrow.get_field_index("value")
    groups = [file.metadata.row_group(number).column(place) for number in range(file.metadata.num_row_groups)]
    return sum(group.statistics.null_count for group in groups)


def _names(source: SourceObject, ss_id: int):
    """Give what names a metric: its standard name in the system's dictionary, or else its number."""
    known: dict[int, str] = {}
    for body in source.companions.get("dictionary", ()):
        table = pq.read_table(BytesIO(body), columns=["system_id", "metric_id", "standard_name"])
        for row in table.to_pylist():
            if row["system_id"] == ss_id and row["standard_name"]:
                known[row["metric_id"]] = row["standard_name"]
    return lambda metric_id: known.get(metric_id, f"metric__{metric_id}")


def _rows(ss_id: int, readings: Readings) -> pa.Table:
    """Put the readings of each sensor one under the other, with what is the same for all of a sensor."""
    described = {sensor: vocabulary.describe(sensor) for sensor in readings}
    lengths = [len(times) for times, _, _ in readings.values()]
    count = sum(lengths)

    def stretched(per_sensor):
        """One value per sensor, repeated for each of its readings; four bytes a row."""
        words = pa.array(per_sensor, pa.string()).dictionary_encode()
        owner = np.repeat(np.arange(len(lengths)), lengths)
        return pa.DictionaryArray.from_arrays(words.indices.take(pa.array(owner)), words.dictionary)

    times = pa.concat_arrays([pa.array([], pa.timestamp("us")), *(times for times, _, _ in readings.values())])
    values = pa.concat_arrays([pa.array([], pa.float64()), *(values for _, _, values in readings.values())])
    instants = pa.concat_arrays(
        [pa.array([], pa.timestamp("us"))]
        + [pa.nulls(len(times), pa.timestamp("us")) if utc is None else utc for times, utc, _ in readings.values()]
    )
    return pa.table(
        {
            "ss_id": pa.repeat(pa.scalar(ss_id, pa.int64()), count),
            "timestamp": times,
            "sensor": stretched(list(readings)),
            "units": stretched([units for _, units in described.values()]),
            "value": values,
            "quantity": stretched([quantity for quantity, _ in described.values()]),
            "timestamp_utc": instants.cast(pa.timestamp("us", tz="UTC")),
            "utc_basis": pc.if_else(instants.is_valid(), "published", "none"),
            "quality": _quality(readings, described),
        }
    )


def _quality(readings, described) -> pa.Array:
    flags = [pa.array([], pa.int64())]
    flagged, sound = pa.scalar(SENTINEL, pa.int64()), pa.scalar(0, pa.int64())
    for sensor, (_, _, values) in readings.items():
        units = described[sensor][1]
        codes = (*SENTINELS, DEAD_TEMPERATURE) if units == "degC" else SENTINELS
        flags.append(pc.if_else(pc.is_in(values, pa.array(codes)), flagged, sound))
    return pa.concat_arrays(flags)
