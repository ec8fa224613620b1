"""stage -- the Spark job: read each object by its own header, write partitioned parquet, then the manifest.

Spark spreads groups of objects over its executors; each task reads its objects from S3, transforms them with Arrow and
writes its files itself. (A JVM that writes the rows costs twice as much, and Spark's CSV reader puts columns of files
with different headers under each other's names without a word.) What reaches the driver is one line per group.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from jobs import contract, plan, staging, transform
from jobs.contract import Contract
from jobs.errors import SourceError, StagingError, UnreachableError
from jobs.objects import Bucket
from jobs.plan import Plan, PlannedObject
from jobs.settings import settings
from jobs.spark import session
from jobs.transform import Parsed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

# What a load fails with when its objects fail with several of them: what will not pass by itself comes first.
FAULTS = (SourceError, StagingError, UnreachableError)

QUARANTINE = pa.schema(
    [
        ("object_id", pa.string()),
        ("object_key", pa.string()),
        ("line", pa.int64()),
        ("column_name", pa.string()),
        ("reason", pa.string()),
        ("raw_text", pa.string()),
        ("row_count", pa.int64()),
    ]
)


def stage(planned: Plan, progress: Callable[[int, int], None] = lambda done, total: None) -> dict:
    """Stage a load, unless it is staged already; give back the manifest that counts.

    Raises:
        SourceError: objects could not be read as planned; all of them are named. It is an UnreachableError if all
            that is wrong is that the source did not answer.
    """
    manifest = staging.read_manifest(planned.table, planned.load_id)
    if manifest is not None:
        log.info("%s load %s is staged already", planned.table, planned.load_id)
        return manifest
    if not planned.objects:
        return run(None, planned, progress)
    with session(f"stage {planned.table} {planned.load_id}") as spark:
        return run(spark, planned, progress)


def run(spark: "SparkSession | None", planned: Plan, progress: Callable[[int, int], None]) -> dict:
    """Stage a load with a given session; none will do for a load that only retires objects."""
    attempt = staging.new_attempt(planned.table, planned.load_id)
    count = planned.group_count
    with _watched(attempt, count, progress):
        groups = _on_spark(spark, planned, attempt) if count else []
    if faults := [fault for group in groups for fault in group["faults"]]:
        staging.discard(attempt)
        kinds = {fault["kind"] for fault in faults}
        raise next(kind for kind in FAULTS if kind.__name__ in kinds)(
            f"{planned.table}: {len(faults)} of {len(planned.objects)} objects cannot be loaded; "
            "nothing was published:\n" + "\n".join(f"  {fault['message']}" for fault in faults)
        )
    manifest = {
        "table": planned.table,
        "load_id": planned.load_id,
        "contract_version": planned.contract_version,
        "transform_version": planned.transform_version,
        "attempt": attempt,
        "objects": [entry for group in groups for entry in group["objects"]],
        "files": [entry for group in groups for entry in group["files"]],
    }
    return staging.write_manifest(planned.table, planned.load_id, manifest)


def _on_spark(spark: "SparkSession", planned: Plan, attempt: str) -> list[dict]:
    """Run every group as one task; the groups' reports in order."""
    count = planned.group_count
    # Each task reads the plan of its own group: hundreds of tasks need not each read a plan of all.
    for number in range(count):
        plan.write(replace(planned, objects=planned.group(number)), f"{attempt}/groups/{number:05d}.plan.json")

    def tasks(batches):
        for batch in batches:
            for number in batch.column("id").to_pylist():
                report = json.dumps(stage_group(attempt, number))
                yield pa.record_batch({"number": [number], "report": [report]})

    log.info("Spark %s on %s: %d tasks", spark.version, spark.conf.get("spark.master"), count)
    numbers = spark.range(0, count, 1, numPartitions=count)
    reports = numbers.mapInArrow(tasks, "number long, report string").collect()
    return [json.loads(row.report) for row in sorted(reports, key=lambda row: row.number)]


def stage_group(attempt: str, number: int) -> dict:
    """Read, transform and write one group of a plan; runs inside a Spark task.

    Returns:
        The group's report: objects with their counts, files with size and checksum, and faults, each a sentence and the
        name of its error. A group with faults has no files.
    """
    planned = plan.read(f"{attempt}/groups/{number:05d}.plan.json")
    promised, group = contract.load(planned.table), planned.objects
    rows, rejects, objects, faults = [], [], [], []
    for entry, parsed in _parsed(promised, group):
        if isinstance(parsed, SourceError):
            faults.append({"message": str(parsed), "kind": type(parsed).__name__})
            continue
        rows.append(_stamped(parsed.rows, planned.load_id, entry.object_id))
        rejects += [
            (entry.object_id, entry.key, reject.line, reject.column, reject.reason, reject.raw_text, reject.rows)
            for reject in parsed.rejects
        ]
        objects.append(
            {
                "object_id": entry.object_id,
                "object_key": entry.key,
                "rows_read": parsed.rows_read,
                "rows_loaded": parsed.rows.num_rows,
                "rows_quarantined": sum(reject.rows for reject in parsed.rejects),
                "rows_duplicate": parsed.rows_duplicate,
            }
        )
    files = []
    if not faults:
        try:
            files += _write_rows(promised, rows, attempt, number)
            files += _write_rejects(rejects, attempt, number)
            staging.write_json(f"{attempt}/groups/{number:05d}.done.json", {"objects": len(objects)})
        except StagingError as fault:
            faults.append({"message": str(fault), "kind": StagingError.__name__})
    return {"objects": objects, "files": files, "faults": faults}


def _parsed(
    promised: Contract, group: tuple[PlannedObject, ...]
) -> Iterator[tuple[PlannedObject, Parsed | SourceError]]:
    """Read and transform the objects of a group in order, the next ones already under way."""
    configured = settings()
    bucket = Bucket(
        group[0].bucket,
        anonymous=configured.pvdaq_anonymous,
        connections=min(8, configured.s3_connections),
        timeout_seconds=configured.s3_timeout_seconds,
    )
    module = transform.of(promised.table)

    def body_of(entry: PlannedObject) -> bytes | SourceError:
        try:
            return bucket.read(entry.version)
        except SourceError as fault:
            return fault

    with ThreadPoolExecutor(bucket.connections) as pool:
        for entry, body in zip(group, pool.map(body_of, group), strict=True):
            if isinstance(body, SourceError):
                yield entry, body
                continue
            try:
                yield entry, module.transform(body, entry.parts)
            except SourceError as fault:
                yield entry, SourceError(f"s3://{entry.bucket}/{entry.key} {fault}")
            except (ArithmeticError, LookupError, TypeError, ValueError) as fault:
                # A fault of the transform, not of the source; it is named like one, and the load fails.
                said = f"cannot be transformed ({type(fault).__name__}: {fault})"
                yield entry, SourceError(f"s3://{entry.bucket}/{entry.key} {said}")


def _stamped(rows: pa.Table, load_id: str, object_id: str) -> pa.Table:
    """Add the columns that lead a row back to its source; four bytes a row each."""
    index = pa.repeat(pa.scalar(0, pa.int32()), rows.num_rows)
    for name, value in (("load_id", load_id), ("object_id", object_id)):
        rows = rows.append_column(name, pa.DictionaryArray.from_arrays(index, [value]))
    return rows


def _write_rows(promised: Contract, tables: list[pa.Table], attempt: str, number: int) -> list[dict]:
    """Write a group's rows in contract order; where the table is partitioned, one file per month [wall clock]."""
    by_folder: dict[str, list[pa.Table]] = {}
    for table in tables:
        table = table.select(promised.column_names)
        if promised.partition is None:
            by_folder.setdefault("rows", []).append(table)
            continue
        times = table[promised.partition]
        months = pc.add(pc.multiply(pc.year(times), 100), pc.month(times))
        for month in sorted(pc.unique(months).to_pylist()):
            folder = f"month={month // 100}-{month % 100:02d}"
            by_folder.setdefault(folder, []).append(table.filter(pc.equal(months, month)))
    files = []
    for folder, parts in sorted(by_folder.items()):
        rows = pa.concat_tables(parts).unify_dictionaries()
        if rows.num_rows:
            files.append(_write(rows, promised.arrow_schema, attempt, f"{folder}/part-{number:05d}.parquet", "rows"))
    return files


def _write_rejects(rejects: list[tuple], attempt: str, number: int) -> list[dict]:
    if not rejects:
        return []
    rows = pa.table([list(column) for column in zip(*rejects, strict=True)], schema=QUARANTINE)
    return [_write(rows, QUARANTINE, attempt, f"quarantine/part-{number:05d}.parquet", "quarantine")]


def _write(rows: pa.Table, schema: pa.Schema, attempt: str, path: str, kind: str) -> dict:
    """Write one file, byte for byte the same for the same rows."""
    # Dictionaries are Arrow's business only: the file's own schema is the contract's, and readers see plain strings.
    if unlike := [
        f"{field.name} is {_value_type(field.type)}, not {promised.type}"
        for field, promised in zip(rows.schema, schema, strict=True)
        if (field.name, _value_type(field.type)) != (promised.name, promised.type)
    ]:
        raise TypeError(f"a transform gave other columns than its contract: {'; '.join(unlike)}")
    body = pa.BufferOutputStream()
    with pq.ParquetWriter(body, rows.schema, compression="zstd", compression_level=3, store_schema=False) as writer:
        writer.write_table(rows, row_group_size=1_000_000)
    content = body.getvalue().to_pybytes()
    staging.write(f"{attempt}/{path}", content)
    return {
        "path": path,
        "kind": kind,
        "rows": rows.num_rows,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


@contextmanager
def _watched(attempt: str, count: int, progress: Callable[[int, int], None]) -> Iterator[None]:
    """Tell the progress of the tasks by the marks that finished groups leave in the attempt folder."""
    files, path = staging.filesystem(f"{attempt}/groups")
    over = threading.Event()

    def watch():
        while not over.wait(1):
            marks = files.get_file_info(fs.FileSelector(path, allow_not_found=True))
            progress(sum(mark.path.endswith(".done.json") for mark in marks), count)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
        progress(count, count)
    finally:
        over.set()
        watcher.join()
