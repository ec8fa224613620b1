"""long_parquet -- a system's day in PVDAQ's parquet: a row for each time and metric, some with instants."""

from collections.abc import Callable
from datetime import date
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.errors import SourceError
from jobs.transform import Reject, Rejects
from jobs.wide_csv import MEASURED_ON, UTC, Block, another_value

LONG = {MEASURED_ON: pa.timestamp("us"), UTC: pa.timestamp("us"), "metric_id": pa.int64(), "value": pa.float64()}


def read(body: bytes, day: date, named: Callable[[int], str], zone: str | None = None) -> Block:
    """Read a system's day; row numbers stand for lines.

    Args:
        body: the parquet file.
        day: the day that each row must be of [wall clock].
        named: gives a metric its channel's name.
        zone: the IANA zone of the clock, if it is known.

    Raises:
        SourceError: it is not parquet, or lacks columns.
    """
    if not body:
        return Block({}, np.array([], dtype="datetime64[us]"), 0, 0, [])
    try:
        file = pq.ParquetFile(BytesIO(body))
        missing = sorted(LONG.keys() - set(file.schema_arrow.names) - {UTC})
        if missing:
            raise SourceError(f"has no column {', '.join(missing)}; it has {', '.join(file.schema_arrow.names)}")
        there = [name for name in LONG if name in file.schema_arrow.names]
        # Times are naive; a zone that a writer has added to those in UTC says nothing new.
        columns = {name: file.read([name])[name].combine_chunks().cast(LONG[name]) for name in there}
    except pa.ArrowException as fault:
        raise SourceError(f"is not parquet with the columns {', '.join(LONG)}: {fault}") from None
    rejects, readings, duplicates = Rejects(), {}, 0
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
            said = another_value(
                f"row {sound[rows[first[place[row]]]]}", times[row].astype("datetime64[us]").item(), zone
            )
            at = taken[UTC][int(rows[row])].as_py() if UTC in columns else None
            told = f"{float(numbers[row])!r} at {at}Z" if at else repr(float(numbers[row]))
            rejects.append(Reject(int(sound[rows[row]]), named(metric_id), said, told))
        kept = pa.array(rows[np.sort(first)])
        instants = taken[UTC].take(kept).combine_chunks() if UTC in columns else None
        readings[named(metric_id)] = (
            taken[MEASURED_ON].take(kept).combine_chunks(),
            instants,
            taken["value"].take(kept).combine_chunks(),
        )
    return Block(
        readings, taken[MEASURED_ON].to_numpy(), file.metadata.num_rows - _nulls(file), duplicates, list(rejects)
    )


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
    """Count the rows without a value, as the file's footer does; in the rows, where a writer left that out."""
    place = file.schema_arrow.get_field_index("value")
    groups = [file.metadata.row_group(number).column(place) for number in range(file.metadata.num_row_groups)]
    if all(group.statistics and group.statistics.has_null_count for group in groups):
        return sum(group.statistics.null_count for group in groups)
    return file.read(["value"])["value"].null_count
