"""check -- hold a staged load to its contract before anyone can see it.

The checks every table has (files, types, row arithmetic, unique key, required values, ranges, allowed words, foreign
keys) follow from the contract's columns; the others are its `quality` rules. All of them run, all of their results go
to etl_quality together with every refused row, and one failed `error` stops the load.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from jobs import contract, ledger, listing, staging
from jobs.contract import Check, Contract
from jobs.errors import ContractError, LoadError, StagingError
from jobs.plan import Plan, PlannedObject
from jobs.settings import settings
from jobs.stage import QUARANTINE
from jobs.warehouse import sql, warehouse
from jobs.warehouse.dialect import SESSION, to_duckdb
from jobs.warehouse.duckdb import register

log = logging.getLogger(__name__)

UNIQUE = "unique_key"
ACCEPTED = " Accepted by whoever planned the load."
# How many refused rows an error tells of, and how many examples a finding.
SHOWN = 5

OBJECTS = pa.schema(
    [
        ("object_id", pa.string()),
        ("object_key", pa.string()),
        ("rows_read", pa.int64()),
        ("rows_loaded", pa.int64()),
        ("rows_quarantined", pa.int64()),
        ("rows_duplicate", pa.int64()),
        ("rows_replaced", pa.int64()),
        ("replaces_with", pa.string()),
    ]
)
# What is counted of a part in the load, and in the rows whose place that takes.
PARTS = pa.schema([("part", pa.string()), ("counted", pa.string()), ("has", pa.int64()), ("had", pa.int64())])


def check(planned: Plan) -> list[dict]:
    """Check a staged load, record what was found, and give the findings back.

    Raises:
        StagingError: the load is not staged.
        ContractError: an `error` check did not pass; all that did not are named.
    """
    promised = contract.load(planned.table)
    manifest = staging.read_manifest(planned.table, planned.load_id)
    if manifest is None:
        raise StagingError(f"{planned.table} load {planned.load_id} is not staged, or its files are gone; stage it")
    findings = [*_findings(promised, planned, manifest), *_refused(manifest)]
    ledger.record_quality(planned.table, planned.load_id, planned.head, planned.plan_id, findings)
    broken = [finding for finding in findings if not finding["passed"]]
    for finding in broken:
        if finding["severity"] == "warning":
            log.warning("%s: %s", planned.table, _sentence(finding))
    if errors := [finding for finding in broken if finding["severity"] == "error"]:
        refused = [finding for finding in findings if finding["check_name"] == "quarantine"]
        lines = [_sentence(finding) for finding in errors] + [_refusal(row) for row in refused[:SHOWN]]
        if len(refused) > SHOWN:
            lines.append(f"and {len(refused) - SHOWN} more refused, all in etl_quality")
        raise ContractError(
            f"{planned.table} load {planned.load_id} does not hold to its contract; nothing was published:\n"
            + "\n".join(f"  {line}" for line in lines)
        )
    return findings


def staged_rows(table: str, manifest: dict) -> ds.Dataset:
    """Open the rows of a staged load, as its manifest names them."""
    return _files(manifest, "rows", contract.load(table).arrow_schema)


def _files(manifest: dict, kind: str, schema: pa.Schema) -> ds.Dataset:
    files, root = staging.filesystem(manifest["attempt"])
    paths = [f"{root}/{entry['path']}" for entry in manifest["files"] if entry["kind"] == kind]
    if not paths:
        return ds.dataset(schema.empty_table())
    # The schema is read from the files, not given: a column of another type must be seen, not cast.
    with staging.told(manifest["attempt"], "read"):
        stored = _stored_schema(files, paths, schema)
    return ds.FileSystemDataset.from_paths(paths, schema=stored, format=ds.ParquetFileFormat(), filesystem=files)


def _stored_schema(files: fs.FileSystem, paths: list[str], promised: pa.Schema) -> pa.Schema:
    for path in paths:
        stored = ds.ParquetFileFormat().inspect(path, files).remove_metadata()
        if not stored.equals(promised):
            raise ContractError(f"{path} has columns ({_columns(stored)}), the contract ({_columns(promised)})")
    return promised


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


@contextmanager
def _engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine in memory that goes to a folder of its own with what is too much."""
    with tempfile.TemporaryDirectory(prefix="sunledger-check-") as overflow:
        config = {"memory_limit": settings().duckdb_memory, "temp_directory": overflow}
        with duckdb.connect(":memory:", config=config) as engine:
            engine.execute(SESSION)
            try:
                yield engine
            except duckdb.OutOfMemoryException as fault:
                raise LoadError(
                    f"a check needs more memory than DUCKDB_MEMORY={settings().duckdb_memory} and what it puts on disk "
                    f"beside it ({str(fault).splitlines()[0]}); nothing was published. Set it higher"
                ) from fault


@contextmanager
def _read_by_engine() -> Iterator[None]:
    """Give what is said of a file as Arrow would say it, whoever of the two has read it."""
    try:
        yield
    except duckdb.Error as fault:
        # What its decoders say has no class of its own.
        is_decoder = type(fault) is duckdb.Error
        if not is_decoder and "reading the stream" not in str(fault) and ".parquet" not in str(fault):
            raise
        raise OSError(str(fault)) from fault


def _findings(promised: Contract, planned: Plan, manifest: dict) -> Iterator[dict]:
    """Run every check over the staged rows with an engine in memory; one finding each."""
    with _engine() as engine:
        with staging.told(manifest["attempt"], "read"), _read_by_engine():
            register(engine, "staged", staged_rows(promised.table, manifest))
            register(engine, "quarantine", _files(manifest, "quarantine", QUARANTINE))
        # What is replaced is the plan's to say: the same load may be staged once and planned on several generations.
        replaced = {
            entry.object_id: {
                "rows_replaced": 0 if planned.accepts_loss else entry.rows_replaced,
                "replaces_with": _place(entry),
            }
            for entry in planned.objects
        }
        entries = [entry | replaced[entry["object_id"]] for entry in manifest["objects"]]
        engine.register("objects", pa.Table.from_pylist(entries, OBJECTS))
        for table, column in promised.references.values():
            rows = warehouse().select(sql("referenced_keys", table=table, column=column), {})
            known = contract.load(table).arrow_schema.field(column)
            engine.register(table, pa.Table.from_pylist(rows, pa.schema([known])))
        for table in promised.looks_at:
            schema = contract.load(table).arrow_schema
            rows = warehouse().select(sql("all_rows", table=table, columns=schema.names), {})
            engine.register(table, pa.Table.from_pylist(rows, schema))
        if promised.held_by:
            with staging.told(manifest["attempt"], "read"), _read_by_engine():
                engine.register("parts", _parts(engine, promised, planned))
        for rule in [*_promises(promised), *promised.checks]:
            with staging.told(manifest["attempt"], "read"), _read_by_engine():
                observed = sum(_answer(engine, query)[0][0] for query in _sliced(rule, promised, manifest))
                broken = not rule.holds(observed)
                examples = _answer(engine, rule.examples) if broken and rule.examples else []
            such_as = f" Such as {', '.join(str(value) for (value,) in examples)}." if examples else ""
            is_accepted = rule in promised.checks and rule.name in planned.accepted
            yield {
                "check_name": rule.name,
                "severity": "warning" if is_accepted else rule.severity,
                "passed": not broken,
                "observed": float(observed),
                "expected": rule.expected,
                "message": rule.description + such_as + (ACCEPTED if is_accepted else ""),
            }


def _parts(engine: duckdb.DuckDBPyConnection, promised: Contract, planned: Plan) -> pa.Table:
    """Count by part what the load has, and what it takes the place of; nothing of that where its loss is accepted.

    What is only retired was asked to go, and is not held against what comes.
    """
    live = ledger.state(promised.table).live
    comes = {entry.key for entry in planned.objects}
    owned = listing.outranked(
        promised, comes | live.keys(), {entry.key for entry in planned.objects if not entry.size_bytes}
    )
    leaving = [
        version
        for key, version in live.items()
        if key in comes or (key in owned and version.object_id in planned.retired)
    ]
    counts = ", ".join(f"{count} AS `{name}`" for name, count in promised.held_counts.items())
    had: dict[str, dict[str, int | None]] = {}
    if leaving and not planned.accepts_loss:
        days = [day for version in leaving for day in (version.first_day, version.last_day)]
        within = promised.within(*(ledger.EVER if None in days else (min(days), max(days))))
        query = sql("counts_by_part", table=promised.table, within=within, part=promised.held_by, counts=counts)
        there = warehouse().select(query, {"leaving": [version.object_id for version in leaving]})
        had = {row["part"]: row for row in there}
    (statement,) = to_duckdb(f"SELECT {promised.held_by} AS part, {counts} FROM staged GROUP BY part")
    staged = engine.execute(statement).fetchall()
    has = {part: dict(zip(promised.held_counts, numbers, strict=True)) for part, *numbers in staged}
    rows = [
        {"part": part, "counted": name}
        | {side: counted.get(part, {}).get(name) or 0 for side, counted in (("has", has), ("had", had))}
        for part in sorted(has.keys() | had.keys())
        for name in promised.held_counts
    ]
    return pa.Table.from_pylist(rows, PARTS)


def _answer(engine: duckdb.DuckDBPyConnection, query: str) -> list[tuple]:
    (statement,) = to_duckdb(query)
    return engine.execute(statement).fetchmany(SHOWN)


def _place(entry: PlannedObject) -> str:
    """Name what an object replaces rows of: a system's day, which may come in several parts, or itself."""
    return f"{entry.parts['ss_id']} {entry.first_day}" if "day" in entry.parts else entry.key


def _sliced(rule: Check, promised: Contract, manifest: dict) -> Iterator[str]:
    """Ask a rule of all staged rows at once; whether keys are unique month by month, for all keys are much memory."""
    months = {
        path.partition("/")[0] for path in (entry["path"] for entry in manifest["files"] if entry["kind"] == "rows")
    }
    if rule.name != UNIQUE or promised.partition is None or not months:
        yield rule.query
        return
    for month in sorted(months):
        first = date.fromisoformat(f"{month.removeprefix('month=')}-01")
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        yield rule.query.replace("FROM staged ", f"FROM staged WHERE {promised.within(first, last)} ")


def _promises(promised: Contract) -> Iterator[Check]:
    """Write the checks that follow from a contract's columns; each counts what breaks it."""

    def none(name: str, query: str, description: str, severity: str = "error", examples: str | None = None) -> Check:
        return Check(name, query, "mustBe", 0, severity, description, examples)

    yield none(
        "every_row_accounted_for",
        """SELECT COUNT(*) FROM objects
        LEFT JOIN (SELECT object_id, COUNT(*) AS n FROM staged GROUP BY object_id) AS loaded
          USING (object_id)
        LEFT JOIN (SELECT object_id, SUM(row_count) AS n FROM quarantine GROUP BY object_id) AS refused
          USING (object_id)
        WHERE rows_read <> IFNULL(loaded.n, 0) + IFNULL(refused.n, 0) + rows_duplicate
          OR rows_loaded <> IFNULL(loaded.n, 0) OR rows_quarantined <> IFNULL(refused.n, 0)""",
        "Objects whose rows read are not rows loaded + quarantined + duplicates, counted again in the staged files.",
    )
    yield none(
        "rows_of_planned_objects",
        "SELECT COUNT(*) FROM staged WHERE object_id NOT IN (SELECT object_id FROM objects)",
        "Rows of an object that the load does not have.",
    )
    if promised.key:
        key = ", ".join(f"`{name}`" for name in promised.key)
        yield none(
            UNIQUE,
            f"SELECT COUNT(*) FROM (SELECT {key} FROM staged GROUP BY {key} HAVING COUNT(*) > 1)",
            f"Keys ({', '.join(promised.key)}) that stand in the load more than once.",
        )
    for column in promised.columns:
        name = f"`{column.name}`"
        if column.required:
            query = f"SELECT COUNTIF({name} IS NULL) FROM staged"
            yield none(f"{column.name}_is_there", query, "Rows without the value.")
        bounds = [f"{name} < {column.minimum}"] * (column.minimum is not None)
        bounds += [f"{name} > {column.maximum}"] * (column.maximum is not None)
        if bounds:
            yield none(
                f"{column.name}_in_range",
                f"SELECT COUNTIF({' OR '.join(bounds)}) FROM staged",
                "Rows whose value is too small or too large.",
            )
        if column.allowed:
            words = ", ".join(f"'{word}'" for word in column.allowed)
            yield none(
                f"{column.name}_is_known",
                f"SELECT COUNTIF({name} NOT IN ({words})) FROM staged",
                f"Rows with another word than {words}.",
            )
    for column, (table, key) in promised.references.items():
        unknown = f"FROM staged WHERE `{column}` NOT IN (SELECT `{key}` FROM {table})"
        yield none(
            f"{column}_in_{table}",
            f"SELECT COUNT(DISTINCT `{column}`) {unknown}",
            f"Values that {table} does not have; their rows are loaded all the same.",
            severity="warning",
            examples=f"SELECT DISTINCT `{column}` {unknown} ORDER BY `{column}`",
        )


def _refused(manifest: dict) -> Iterator[dict]:
    quarantine = _files(manifest, "quarantine", QUARANTINE)
    with staging.told(manifest["attempt"], "read"):
        refused = quarantine.to_table().to_pylist()
    for row in refused:
        yield {
            "check_name": "quarantine",
            "severity": "info",
            "passed": False,
            "observed": row.pop("row_count"),
            "message": row.pop("reason"),
            **row,
        }


def _refusal(row: dict) -> str:
    where = f"line {row['line']}" + (f", {row['column_name']}" if row["column_name"] else "")
    return f"refused: {row['object_key']} {where}: {row['message']}: {row['raw_text']!r}"


def _sentence(finding: dict) -> str:
    return f"{finding['check_name']}: {finding['observed']:g}, must be {finding['expected']}. {finding['message']}"
