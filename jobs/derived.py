"""derived -- tables built from tables of the project: what each unit of one is built from, and its rows.

A unit is a system and a day, and stands where an object version stands elsewhere: its key names system and day, its
bucket is the fact that it is built from, its ETag the fingerprint of its inputs. Those are the live objects of the fact
that cover the day, each with the load that brought it, the rows of the dimensions that hold on it, and the registers of
this repository that the table is computed with. So units are
new, changed, unchanged or vanished like objects, and a corrected object leads to just the units that are built on it.
The fact may be a derived table itself: its objects are then its units.

Readings come from the staged files of live loads, found through the checkpoint and their manifests. The checkpoint is
asked again when a load is staged: a unit whose inputs have moved since the plan is refused.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs import contract, described, ledger, listing, register, staging, transform
from jobs.contract import UNIT_REACH, Contract
from jobs.errors import LoadError, StagingError, SupersededError
from jobs.ledger import LoadedObject
from jobs.listing import Found, Window
from jobs.objects import ObjectVersion, digest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from jobs.plan import Plan

# Rows that a task hands to Spark at once.
BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Unit:
    """A system and day: the fact's live objects that it is built from, and the rows of each dimension for the two."""

    day: date
    version: ObjectVersion
    objects: tuple[LoadedObject, ...]
    dimensions: Mapping[str, list[dict]]


def listed(promised: Contract, window: Window, progress: Callable[[int, int], None]) -> list[Found]:
    """List the units of the window that have inputs, as `listing.listed` lists objects."""
    found = units(promised, window)
    progress(1, 1)
    (source,) = promised.sources
    return [Found(unit.version, source, source.parts(key)) for key, unit in found.items()]


def units(promised: Contract, window: Window) -> dict[str, Unit]:
    """Ask the checkpoint what the units of a window are built from now; by key, in order of systems and days."""
    fact = contract.load(next(iter(promised.derived_from)))
    reach = UNIT_REACH[promised.unit]
    objects: dict[tuple[int, date], list[LoadedObject]] = defaultdict(list)
    for entry, ss_id, covered in live(fact, window, reach):
        for day in {one + timedelta(days=apart) for one in covered for apart in range(-reach, reach + 1)}:
            if window.first_day is None or window.first_day <= day <= window.last_day:
                objects[ss_id, day].append(entry)
    dimensions = described.of_units(promised, objects.keys())
    registers = [register.version(name, None) for name in promised.sources[0].registers]
    found = {}
    for (ss_id, day), entries in sorted(objects.items()):
        key = f"ss_id={ss_id}/day={day}"
        known = dimensions(ss_id, day)
        etag = fingerprint(entries, known, registers)
        version = ObjectVersion(fact.table, key, etag, sum(entry.rows_loaded for entry in entries))
        found[key] = Unit(day, version, tuple(entries), known)
    return found


def live(fact: Contract, window: Window, reach: int = 0) -> Iterator[tuple[LoadedObject, int, Iterator[date]]]:
    """Give the fact's live objects of a window and `reach` days around it, with their systems and days."""
    around = date.min, date.max
    if window.first_day:
        around = window.first_day - timedelta(days=reach), window.last_day + timedelta(days=reach)
    for entry in ledger.state(fact.table, *around).live.values():
        parts = fact.parts(entry.object_key) or {}
        if "ss_id" not in parts:
            raise LoadError(f"{fact.table} holds {entry.object_key}, whose key names no system; nothing was planned")
        ss_id = int(parts["ss_id"])
        if window.systems and ss_id not in window.systems:
            continue
        yield entry, ss_id, _days(fact, entry, around)


def _days(fact: Contract, entry: LoadedObject, around: tuple[date, date]) -> Iterator[date]:
    """Give the days that an object covers by its key, or else by the months of the files that its load has staged."""
    if entry.first_day is not None:
        yield from listing.days_within(entry, around)
        return
    for month in _months(fact.table, entry.load_id):
        day = date.fromisoformat(f"{month.removeprefix('month=')}-01")
        while f"month={day:%Y-%m}" == month:
            if around[0] <= day <= around[1]:
                yield day
            day += timedelta(days=1)


@cache
def _months(table: str, load_id: str) -> tuple[str, ...]:
    """Name the months of which a load has staged files; what a load is never changes."""
    return tuple(sorted({path.partition("/")[0] for path in _files(contract.load(table), load_id)}))


def fingerprint(
    entries: list[LoadedObject], dimensions: Mapping[str, list[dict]], registers: Iterable[ObjectVersion] = ()
) -> str:
    """Hash what something is built from: live objects with their loads, rows of dimensions, and whole registers."""
    said = [
        (table, {name: row[name] for name in row if name not in described.SPAN})
        for table in dimensions
        for row in dimensions[table]
    ]
    rows = [f"{table} {json.dumps(row, sort_keys=True, default=str)}" for table, row in said]
    readings = [f"{entry.object_id} {entry.load_id}" for entry in entries]
    written = [f"{one.key} {one.etag}" for one in registers]
    return digest(digest(*sorted(readings)), digest(*sorted(rows)), *sorted(written))


def derive(spark: "SparkSession", planned: "Plan") -> pa.Table:
    """Build the rows of a plan's units, in the order of the table's key, each with its load and its unit.

    Raises:
        SupersededError: the inputs of units have moved on since they were planned. Plan again.
        StagingError: staged files that are needed are gone.
    """
    promised = contract.load(planned.table)
    days = [entry.first_day for entry in planned.objects]
    systems = tuple(sorted({int(entry.parts["ss_id"]) for entry in planned.objects}))
    found = units(promised, Window(min(days), max(days), systems))
    now = {key: unit.version for key, unit in found.items()}
    if moved := [entry.key for entry in planned.objects if now.get(entry.key) != entry.version]:
        raise SupersededError(
            f"{planned.table} load {planned.load_id}: what {len(moved)} of its units are built from has changed since "
            f"it was planned, such as {moved[0]}; nothing was published. Plan again"
        )
    due = [found[entry.key] for entry in planned.objects]
    others = [_described(spark, promised, table, due) for table in list(promised.derived_from)[1:]]
    rows = transform.of(promised.table).transform(_readings(spark, promised, due), *others).toArrow()
    return _owned(promised, planned, rows)


def _readings(spark: "SparkSession", promised: Contract, due: list[Unit]) -> "DataFrame":
    """Give the staged rows of the units' objects; only the months that the units reach are read."""
    table, columns = next(iter(promised.derived_from.items()))
    reach = UNIT_REACH[promised.unit]
    reached = {
        (entry, f"month={unit.day + timedelta(days=apart):%Y-%m}")
        for unit in due
        for entry in unit.objects
        for apart in (-reach, reach)
    }
    return readings(spark, contract.load(table), columns, reached)


def readings(
    spark: "SparkSession", fact: Contract, columns: tuple[str, ...], wanted: Iterable[tuple[LoadedObject, str]]
) -> "DataFrame":
    """Give the staged rows of live objects, and of no others; of a load the months (`month=2019-01`) that are wanted.

    Spark tasks read the files with Arrow, like everything else in the staging area, wherever that is.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    object_ids: dict[str, set[str]] = defaultdict(set)
    months: dict[str, set[str]] = defaultdict(set)
    for entry, month in wanted:
        object_ids[entry.load_id].add(entry.object_id)
        months[entry.load_id].add(month)
    files = [
        (uri, load_id)
        for load_id in sorted(object_ids)
        for path, uri in _files(fact, load_id).items()
        if path.partition("/")[0] in months[load_id]
    ]
    ids = {load_id: sorted(of_load) for load_id, of_load in object_ids.items()}
    schema = from_arrow_schema(pa.schema([fact.arrow_schema.field(name) for name in columns]))

    def read(batches):
        for batch in batches:
            for number in batch.column("id").to_pylist():
                uri, load_id = files[number]
                yield from rows_of(uri, ids[load_id], columns)

    if not files:
        return spark.createDataFrame([], schema)
    return spark.range(0, len(files), 1, numPartitions=len(files)).mapInArrow(read, schema)


def rows_of(uri: str, object_ids: list[str], columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """Read the rows of some objects from a staged file; runs inside a Spark task."""
    files, path = staging.filesystem(uri)
    wanted = pa.array(object_ids)
    with files.open_input_file(path) as source:
        for batch in pq.ParquetFile(source).iter_batches(BATCH_ROWS, columns=[*columns, "object_id"]):
            yield batch.filter(pc.is_in(batch["object_id"], wanted)).select(columns)


def _files(fact: Contract, load_id: str) -> dict[str, str]:
    """Name the files with a load's rows: by their path in it, their URI.

    Raises:
        StagingError: they are gone.
    """
    manifest = staging.read_manifest(fact.table, load_id)
    if manifest is None:
        raise StagingError(
            f"the staged files of {fact.table} load {load_id}, which is live, are gone, and its rows are derived from; "
            f"nothing was published. Stage it again with its plan in {staging.folder(fact.table, load_id)}"
        )
    paths = [entry["path"] for entry in manifest["files"] if entry["kind"] == "rows"]
    return {path: f"{manifest['attempt']}/{path}" for path in paths}


def _described(spark: "SparkSession", promised: Contract, table: str, due: list[Unit]) -> "DataFrame":
    """Give a dimension's rows of all units that are due."""
    from pyspark.sql.pandas.types import from_arrow_schema

    rows = described.rows(promised, table, due)
    return spark.createDataFrame(rows, from_arrow_schema(rows.schema))


def _owned(promised: Contract, planned: "Plan", rows: pa.Table) -> pa.Table:
    """Give each row its load and its unit; rows of other days, which had only a part of their readings here, go."""
    units_of = {(int(entry.parts["ss_id"]), entry.first_day): entry.object_id for entry in planned.objects}
    days = rows[promised.partition].cast(pa.date32()).to_pylist()
    owners = [units_of.get(key) for key in zip(rows["ss_id"].to_pylist(), days, strict=True)]
    # A table made anew, for Spark says of some columns that they are never null, and staged files say nothing of it.
    rows = pa.table(
        {
            **{name: rows[name] for name in rows.column_names},
            "load_id": pa.array([planned.load_id] * rows.num_rows, pa.string()),
            "object_id": pa.array(owners, pa.string()),
        }
    )
    return rows.filter(pc.field("object_id").is_valid()).sort_by([(name, "ascending") for name in promised.key])
