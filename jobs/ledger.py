"""ledger -- the four etl_ tables: what is loaded, at which generation, how good it was, and what was run.

Only etl_checkpoint is ever asked what is loaded. etl_run is a log for people.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from jobs import contract
from jobs.errors import LoadError
from jobs.warehouse import sql, warehouse

log = logging.getLogger(__name__)

# Bounds for "any day": what DATE can hold in every warehouse.
EVER = (date(1, 1, 1), date(9999, 12, 31))


@dataclass(frozen=True)
class LiveObject:
    """An object version whose rows are in a table now."""

    object_id: str
    bucket: str
    object_key: str
    etag: str
    size_bytes: int
    first_day: date | None
    last_day: date | None
    load_id: str
    contract_version: str
    transform_version: int
    rows_loaded: int
    generation: int


def head(table: str) -> int:
    """Read a table's generation; 0 before its first publish."""
    rows = warehouse().select(sql("head"), {"table_name": table})
    if not rows:
        warehouse().transact(sql("seed_head"), {"table_name": table}, {})
        return 0
    return rows[0]["generation"]


def live_objects(table: str, first_day: date = EVER[0], last_day: date = EVER[1]) -> dict[str, LiveObject]:
    """Read the live object versions of some days, by object key."""
    rows = warehouse().select(sql("live_objects"), {"table_name": table, "first_day": first_day, "last_day": last_day})
    return {row["object_key"]: LiveObject(**row) for row in rows}


def changes_since(table: str, generation: int) -> list[dict]:
    """Read what has come in or gone out after a generation."""
    return warehouse().select(sql("changes_since"), {"table_name": table, "generation": generation})


def record_quality(table: str, load_id: str, findings: list[dict]) -> None:
    """Write what the checks of a load found, in place of an earlier check of it."""
    given = ("table_name", "load_id", "checked_at")
    schema = pa.schema([column for column in contract.load("etl_quality").arrow_schema if column.name not in given])
    warehouse().transact(
        sql("record_quality"),
        {"table_name": table, "load_id": load_id},
        {"findings": pa.Table.from_pylist(findings, schema)},
    )


@dataclass
class Step:
    """A step under way; the step says what it did by setting these."""

    load_id: str | None = None
    message: str = ""
    seconds: float = 0.0


@contextmanager
def step(run_id: str, table: str, name: str) -> Iterator[Step]:
    """Log a step in etl_run with its time and its end, whether it is done or fails."""
    under_way, started_at, start = Step(), datetime.now(UTC), time.monotonic()

    def record(outcome: str, message: str) -> None:
        under_way.seconds = time.monotonic() - start
        warehouse().transact(
            sql("record_run"),
            {
                "run_id": run_id,
                "table_name": table,
                "step": name,
                "load_id": under_way.load_id,
                "started_at": started_at,
                "seconds": under_way.seconds,
                "outcome": outcome,
                "message": message,
            },
            {},
        )

    try:
        yield under_way
    except BaseException as fault:
        try:
            record("failed", f"{type(fault).__name__}: {fault}")
        except LoadError as second:
            fault.add_note(f"etl_run could not be written either: {second}")
        raise
    record("done", under_way.message)
    log.info("%s %s: %s", table, name, under_way.message)
