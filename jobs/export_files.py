"""export_files -- the parquet of an export: what its columns mean, and a file per system and month.

A file is written by one Spark task from rows in order, and cut into row groups by their number alone, so that it has
the same bytes however Spark hands them over.
"""

import hashlib
import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs import staging

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Column(NamedTuple):
    """A column of the files: its type, its unit, and what it means to a reader."""

    type: pa.DataType
    unit: str | None
    meaning: str


TEXT = pa.string()
# Beside these, ss_id and month are in the files' paths.
COLUMNS = {
    "sensor": Column(TEXT, None, "channel of the system, as in fact_pv_measurement"),
    "quantity": Column(TEXT, None, "what it measures, shared by channels of a kind; null where that is not known"),
    "units": Column(TEXT, None, "unit of value"),
    "kind": Column(
        TEXT,
        None,
        "of power and energy: meter, inverter or plain (nothing says); a meter and the inverters behind it measure the "
        "same, so never add them up",
    ),
    "method": Column(TEXT, None, "how the readings of an interval became its value, see methods"),
    "timestamp": Column(
        pa.timestamp("us"), "wall clock", "start of the interval, which belongs to it; its end does not"
    ),
    "timestamp_utc": Column(pa.timestamp("us", tz="UTC"), "UTC", "the same instant; null where no reading tells it"),
    "value": Column(pa.float64(), "see units", "value of the interval; null where there is none, never filled in"),
    "mask": Column(pa.int64(), "bits", "all flags of the interval's readings, see mask"),
    "is_valid": Column(
        pa.bool_(), None, "the value is of readings that were measured, and they stand for half of the interval or more"
    ),
    "reading_count": Column(pa.int64(), "1", "readings in the interval, whatever their flags"),
    "coverage": Column(pa.float64(), "1", "share of the interval that the measured readings in it stand for"),
}
SCHEMA = pa.schema([(name, column.type) for name, column in COLUMNS.items()])
CHANNEL = ["sensor", "quantity", "units", "kind", "method"]
COUNTS = [("value", "count"), ("is_valid", "sum"), ("reading_count", "sum")]
ROW_GROUP = 262_144


def write(rows: "DataFrame", folder: str, parts: int) -> tuple[list[dict], list[dict]]:
    """Write a file per system and month; what there is to say of each file, and of each of a system's channels.

    Args:
        rows: ss_id and the columns.
        folder: where to, as a URI.
        parts: how many files there will be.
    """
    from pyspark.sql import functions as F

    path = F.concat(F.lit("ss_id="), "ss_id", F.lit("/month="), F.date_format("timestamp", "yyyy-MM"))
    placed = rows.select(path.alias("path"), *COLUMNS).repartition(parts, "path")

    def report(batches):
        for file, channels in written(batches, folder):
            yield pa.record_batch({"report": [json.dumps([file, channels])]})

    in_order = placed.sortWithinPartitions("path", "quantity", "sensor", "units", "timestamp")
    reports = [json.loads(row.report) for row in in_order.mapInArrow(report, "report string").collect()]
    counted = pa.Table.from_pylist([channel for _, channels in reports for channel in channels])
    names = ["ss_id", *CHANNEL]
    if reports:
        sums = counted.group_by(names).aggregate([("intervals", "sum"), *((f"{c}_{how}", "sum") for c, how in COUNTS)])
        counted = sums.rename_columns([*names, "intervals", "with_value", "valid", "readings"])
        counted = counted.sort_by([(name, "ascending") for name in names])
    return sorted((file for file, _ in reports), key=itemgetter("path")), counted.to_pylist()


def written(batches: Iterable[pa.RecordBatch], folder: str) -> Iterator[tuple[dict, list[dict]]]:
    """Write rows that come in order of their path, a file for each path; runs inside a Spark task."""
    for path, runs in itertools.groupby(_runs(batches), key=itemgetter(0)):
        ss_id, rows, channels = int(path.partition("/")[0].removeprefix("ss_id=")), 0, []
        with tempfile.TemporaryDirectory(prefix="sunledger-export-") as local_folder:
            local = Path(local_folder, "part.parquet")
            with pq.ParquetWriter(local, SCHEMA, compression="zstd", store_schema=False) as writer:
                for table in _cut(run for _, run in runs):
                    writer.write_table(table, row_group_size=ROW_GROUP)
                    rows += table.num_rows
                    counted = table.group_by(CHANNEL).aggregate([([], "count_all"), *COUNTS])
                    counted = counted.rename_columns({"count_all": "intervals"})
                    channels += [{"ss_id": ss_id, **channel} for channel in counted.to_pylist()]
            with local.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            staging.put(f"{folder}/{path}/part.parquet", local)
            file = {"path": f"{path}/part.parquet", "rows": rows, "bytes": local.stat().st_size, "sha256": sha256}
        yield file, channels


def _runs(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Part batches where the path changes."""
    for batch in batches:
        runs, start = pc.run_end_encode(batch["path"]), 0
        for path, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield path, batch.slice(start, end - start).select(list(COLUMNS))
            start = end


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Give the rows in tables of ROW_GROUP rows, and what is left in a last one."""
    waiting = SCHEMA.empty_table()
    for batch in batches:
        # Made anew, for Spark says of some columns that they are never null, and of text that it may be large.
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch]).cast(SCHEMA)])
        while waiting.num_rows >= ROW_GROUP:
            yield waiting.slice(0, ROW_GROUP).combine_chunks()
            waiting = waiting.slice(ROW_GROUP)
    if waiting.num_rows:
        yield waiting.combine_chunks()
