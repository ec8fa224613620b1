"""stage -- the Spark job: read each object by its own header, write partitioned parquet, then the manifest.

Spark spreads groups of objects over its executors; each task reads its objects from S3, transforms them with Arrow and
writes its files itself. (A JVM that writes the rows costs twice as much, and Spark's CSV reader puts columns of files
with different headers under each other's names without a word.) What reaches the driver is one line per group.
"""

import hashlib
import json
import logging
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from jobs import contract, derived, listing, plan, register, staging, transform
from jobs.contract import Contract
from jobs.errors import SourceError, StagingError, UnreachableError
from jobs.listing import NEWER
from jobs.objects import Bucket, ObjectVersion
from jobs.plan import GROUP_BYTES, Plan, PlannedObject
from jobs.settings import settings
from jobs.spark import session
from jobs.transform import BesideError, Parsed, Rejects, SourceObject

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

# What a load fails with when its objects fail with several of them: what will not pass by itself comes first.
FAULTS = (SourceError, StagingError, UnreachableError)
# Faults of a transform, not of the source; they are named like one, and the load fails.
SLIPS = (ArithmeticError, LookupError, TypeError, ValueError)

# Rows that are written together; twice as many may wait.
ROW_GROUP = 1_000_000
# Enough of a newer vintage for its header and its first lines, and for its last.
NEWER_BYTES = 256 * 1024

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
        staged = _derived if contract.load(planned.table).derived_from else _on_spark
        groups = staged(spark, planned, attempt) if count else []
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


def _derived(spark: "SparkSession", planned: Plan, attempt: str) -> list[dict]:
    """Build the rows of a derived table's units in one job; its report is like a group's."""
    rows = derived.derive(spark, planned)
    held = Counter(rows["object_id"].to_pylist())
    objects = [
        {
            "object_id": entry.object_id,
            "object_key": entry.key,
            "rows_read": held[entry.object_id],
            "rows_loaded": held[entry.object_id],
            "rows_quarantined": 0,
            "rows_duplicate": 0,
        }
        for entry in planned.objects
    ]
    with RowFiles(contract.load(planned.table)) as files:
        files.add(rows)
        return [{"objects": objects, "files": files.write(attempt, 0), "faults": []}]


def stage_group(attempt: str, number: int) -> dict:
    """Read, transform and write one group of a plan; runs inside a Spark task.

    Returns:
        The group's report: objects with their counts, files with size and checksum, and faults, each a sentence and the
        name of its error. A group with faults has no files.
    """
    planned = plan.read(f"{attempt}/groups/{number:05d}.plan.json")
    promised, group = contract.load(planned.table), planned.objects
    rejects, objects, faults, files = [], [], [], []
    made = _parsed(promised, group)
    if promised.replaces == "table":
        made = _together(promised, made)
    with RowFiles(promised) as rows:
        for entry, pieces in made:
            counts = dict.fromkeys(("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate"), 0)
            refused = Rejects()
            try:
                for parsed in pieces:
                    if not faults:
                        rows.add(_stamped(parsed.rows, planned.load_id, entry.object_id))
                    refused.extend(parsed.rejects)
                    counts["rows_read"] += parsed.rows_read
                    counts["rows_loaded"] += parsed.rows.num_rows
                    counts["rows_quarantined"] += sum(reject.rows for reject in parsed.rejects)
                    counts["rows_duplicate"] += parsed.rows_duplicate
            except SourceError as fault:
                faults.append({"message": str(fault), "kind": type(fault).__name__})
                continue
            rejects += [
                (entry.object_id, entry.key, one.line, one.column, one.reason, one.raw_text, one.rows)
                for one in refused
            ]
            objects.append({"object_id": entry.object_id, "object_key": entry.key, **counts})
        if not faults:
            try:
                files += rows.write(attempt, number)
                files += _write_rejects(rejects, attempt, number)
                staging.write_json(f"{attempt}/groups/{number:05d}.done.json", {"objects": len(objects)})
            except StagingError as fault:
                faults.append({"message": str(fault), "kind": StagingError.__name__})
    return {"objects": objects, "files": files, "faults": faults}


def _parsed(promised: Contract, group: tuple[PlannedObject, ...]) -> Iterator[tuple[PlannedObject, Iterator[Parsed]]]:
    """Read and transform the objects of a group in order; small ones are read ahead, large ones as a stream."""
    connections = min(8, settings().s3_connections)
    buckets = {name: listing.opened(name, connections) for name in sorted({entry.bucket for entry in group})}
    module = transform.of(promised.table)
    # The objects of a system share what they are read with.
    beside_of = cache(lambda name, companions: beside(buckets[name], companions))

    def body_of(entry: PlannedObject) -> bytes | SourceError | None:
        if entry.size_bytes > GROUP_BYTES:
            return None
        try:
            return buckets[entry.bucket].read(entry.version)
        except SourceError as fault:
            return fault

    def pieces(entry: PlannedObject, body: bytes | SourceError | None) -> Iterator[Parsed]:
        if isinstance(body, SourceError):
            raise body
        opened = partial(buckets[entry.bucket].open, entry.version) if body is None else partial(BytesIO, body)
        where = f"s3://{entry.bucket}/{entry.key}"
        found = SourceObject(entry.source, entry.parts, opened, beside_of(entry.bucket, entry.companions))
        try:
            yield from module.transform(found)
        except UnreachableError:
            raise
        except BesideError as fault:
            named = dict(entry.companions)[fault.called]
            raise SourceError(f"{where} is read with s3://{named.bucket}/{named.key}, which {fault.fault}") from fault
        except SourceError as fault:
            raise SourceError(str(fault) if where in str(fault) else f"{where} {fault}") from fault
        except SLIPS as fault:
            raise SourceError(f"{where} cannot be transformed ({type(fault).__name__}: {fault})") from fault

    with ThreadPoolExecutor(connections) as pool:
        for entry, body in zip(group, pool.map(body_of, group), strict=True):
            yield entry, pieces(entry, body)


def _together(
    promised: Contract, made: Iterator[tuple[PlannedObject, Iterator[Parsed]]]
) -> Iterator[tuple[PlannedObject, Iterator[Parsed]]]:
    """Make a table of what all of its objects say; of faults nothing is made, and each stays its own object's."""
    said: list[tuple[PlannedObject, Parsed]] = []
    faults: list[tuple[PlannedObject, SourceError]] = []
    for entry, pieces in made:
        try:
            (piece,) = pieces
            said.append((entry, piece))
        except SourceError as fault:
            faults.append((entry, fault))
    if faults:
        yield from ((entry, _raising(fault)) for entry, fault in faults)
        return
    entries = [entry for entry, _ in said]
    try:
        rows = transform.of(promised.table).together([piece for _, piece in said])
        told = list(zip(entries, rows, strict=True))
    except (SourceError, *SLIPS) as fault:
        named = f"{promised.table} cannot be made of its objects ({type(fault).__name__}: {fault})"
        yield entries[0], _raising(SourceError(named))
        return
    yield from ((entry, iter([piece])) for entry, piece in told)


def _raising(fault: SourceError) -> Iterator[Parsed]:
    raise fault
    yield


def beside(bucket: Bucket, companions: tuple[tuple[str, ObjectVersion], ...]) -> dict[str, tuple[bytes, ...]]:
    """Read what an object is read with, by what it is called; of a newer vintage its first lines and its last."""
    bodies: dict[str, tuple[bytes, ...]] = {}
    for name, version in companions:
        if name == NEWER:
            read = bucket.head(version, NEWER_BYTES), bucket.tail(version, NEWER_BYTES)
        else:
            read = (register.read(version) if register.has(version) else bucket.read(version),)
        bodies[name] = bodies.get(name, ()) + read
    return bodies


def _stamped(rows: pa.Table, load_id: str, object_id: str) -> pa.Table:
    """Add the columns that lead a row back to its source; four bytes a row each."""
    index = pa.repeat(pa.scalar(0, pa.int32()), rows.num_rows)
    for name, value in (("load_id", load_id), ("object_id", object_id)):
        rows = rows.append_column(name, pa.DictionaryArray.from_arrays(index, [value]))
    return rows


class RowFiles:
    """A group's rows on their way into files, in contract order; where the table is partitioned, a file per month.

    Files grow beside each other in a folder of this machine, and what waits to be written is bounded, so that memory is
    too, whatever an object's size. The same pieces in the same order give the same bytes.
    """

    def __init__(self, promised: Contract):
        self._promised = promised
        self._waiting: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._counts: Counter[str] = Counter()
        self._folder = tempfile.TemporaryDirectory(prefix="sunledger-stage-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for writer in self._writers.values():
            writer.close()
        self._folder.cleanup()

    def add(self, rows: pa.Table) -> None:
        """Take rows; those of a month [wall clock] go together."""
        rows = rows.select(self._promised.column_names)
        _refuse_unlike(rows.schema, self._promised.arrow_schema)
        if self._promised.partition is None:
            self._wait("rows", rows)
        else:
            for month, of_month in _by_month(rows, rows[self._promised.partition]):
                self._wait(f"month={month}", of_month)
        if sum(part.num_rows for parts in self._waiting.values() for part in parts) >= 2 * ROW_GROUP:
            for name in sorted(self._waiting):
                self._flush(name)

    def write(self, attempt: str, number: int) -> list[dict]:
        """Finish the files and put them into the staging area; what there is to say of each."""
        for name in sorted(self._waiting):
            self._flush(name)
        files = []
        for name, writer in sorted(self._writers.items()):
            writer.close()
            path = f"{name}/part-{number:05d}.parquet"
            files.append(_put(self._local(name), attempt, path, "rows", self._counts[name]))
        self._writers.clear()
        return files

    def _wait(self, name: str, rows: pa.Table) -> None:
        if rows.num_rows:
            waiting = self._waiting.setdefault(name, [])
            waiting.append(rows)
            if sum(part.num_rows for part in waiting) >= ROW_GROUP:
                self._flush(name)

    def _flush(self, name: str) -> None:
        rows = pa.concat_tables(self._waiting.pop(name)).unify_dictionaries()
        if name not in self._writers:
            self._writers[name] = _writer(self._local(name), rows.schema)
        self._writers[name].write_table(rows, row_group_size=ROW_GROUP)
        self._counts[name] += rows.num_rows

    def _local(self, name: str) -> Path:
        return Path(self._folder.name, f"{name}.parquet")


def _by_month(rows: pa.Table, times: pa.ChunkedArray) -> Iterator[tuple[str, pa.Table]]:
    """Part rows by month, such as 2019-01, in order of time."""
    if not rows.num_rows:
        return
    bounds = pc.min_max(times).as_py()
    first, last = (f"{bounds[name]:%Y-%m}" for name in ("min", "max"))
    if first == last:
        # Most pieces are of one month, which this tells sooner than a look at each row.
        yield first, rows
        return
    months = pc.add(pc.multiply(pc.year(times), 100), pc.month(times))
    for month in sorted(pc.unique(months).to_pylist()):
        yield f"{month // 100:04d}-{month % 100:02d}", rows.filter(pc.equal(months, month))


def _write_rejects(rejects: list[tuple], attempt: str, number: int) -> list[dict]:
    if not rejects:
        return []
    rows = pa.table([list(column) for column in zip(*rejects, strict=True)], schema=QUARANTINE)
    with tempfile.TemporaryDirectory(prefix="sunledger-stage-") as folder:
        local = Path(folder, "quarantine.parquet")
        with _writer(local, QUARANTINE) as writer:
            writer.write_table(rows)
        return [_put(local, attempt, f"quarantine/part-{number:05d}.parquet", "quarantine", rows.num_rows)]


def _writer(local: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a file to be written, byte for byte the same for the same rows."""
    # Dictionaries are Arrow's business only: the file's own schema is the contract's, and readers see plain strings.
    return pq.ParquetWriter(local, schema, compression="zstd", compression_level=3, store_schema=False)


def _put(local: Path, attempt: str, path: str, kind: str, rows: int) -> dict:
    with local.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    staging.put(f"{attempt}/{path}", local)
    return {"path": path, "kind": kind, "rows": rows, "bytes": local.stat().st_size, "sha256": sha256}


def _refuse_unlike(schema: pa.Schema, promised: pa.Schema) -> None:
    """Refuse columns of another type than the contract's; the one place where a transform's slip would be cast."""
    if unlike := [
        f"{field.name} is {_value_type(field.type)}, not {wanted.type}"
        for field, wanted in zip(schema, promised, strict=True)
        if (field.name, _value_type(field.type)) != (wanted.name, wanted.type)
    ]:
        raise TypeError(f"a transform gave other columns than its contract: {'; '.join(unlike)}")


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
