"""ledger -- the four etl_ tables: what is loaded, at which generation, how good it was, and what was run.

Only etl_checkpoint is ever asked what is loaded. etl_run is a log for people.
"""

import itertools
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime

import pyarrow as pa

from jobs import contract
from jobs.errors import LoadError
from jobs.warehouse import sql, warehouse

log = logging.getLogger(__name__)

# Bounds for "any day": what DATE can hold in every warehouse.
EVER = (date(1, 1, 1), date(9999, 12, 31))
# A generation that no table reaches.
NEVER = 2**62


@dataclass(frozen=True)
class LoadedObject:
    """An object version that is or was in a table; live while `retired_generation` is none."""

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
    retired_generation: int | None


@dataclass(frozen=True)
class State:
    """A table at one moment: its generation, its live versions by object key, and what moved since an earlier one."""

    head: int
    live: dict[str, LoadedObject]
    moved: list[LoadedObject]


def state(table: str, first_day: date = EVER[0], last_day: date = EVER[1], since: int | None = None) -> State:
    """Read a table's state in one query, so that all of it is of one generation.

    Args:
        table: the table.
        first_day: live versions are read from this day on; those whose key names no day always are.
        last_day: the last day, itself included.
        since: a generation; what came in or went out after it is told as moved.
    """
    asked = {
        "table_name": table,
        "first_day": first_day,
        "last_day": last_day,
        "since": NEVER if since is None else since,
    }
    rows = warehouse().select(sql("state"), asked)
    for attempt in itertools.count():
        if rows:
            break
        # Two heads of one table would both be counted up. Whoever seeds it at the same moment joins this seed; if one
        # of an earlier warehouse of that name is joined, the table still has no head, and the next one is seeded.
        warehouse().transact(sql("seed_head"), {"table_name": table}, {}, once=f"seed-{attempt}")
        rows = warehouse().select(sql("state"), asked)
    head = rows[0].pop("head")
    known = [LoadedObject(**{name: row[name] for name in FIELDS}) for row in rows if row["object_id"]]
    days = [entry for entry in known if entry.first_day is None or entry.first_day <= last_day]
    live = {
        entry.object_key: entry
        for entry in days
        if entry.retired_generation is None and (entry.last_day is None or entry.last_day >= first_day)
    }
    moved = [
        entry
        for entry in known
        if since is not None and (entry.generation > since or (entry.retired_generation or 0) > since)
    ]
    return State(head, live, moved)


FIELDS = tuple(entry.name for entry in fields(LoadedObject))


def record_quality(table: str, load_id: str, planned_generation: int, plan_id: str, findings: list[dict]) -> None:
    """Write what the checks of a load found, in place of an earlier check of the plan or of an older generation."""
    given = ("table_name", "load_id", "planned_generation", "plan_id", "checked_at")
    schema = pa.schema([column for column in contract.load("etl_quality").arrow_schema if column.name not in given])
    warehouse().transact(
        sql("record_quality"),
        {"table_name": table, "load_id": load_id, "planned_generation": planned_generation, "plan_id": plan_id},
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
            record("failed", f"{type(fault).__name__}: {fault}".removesuffix(": "))
        except LoadError as second:
            if str(second) != str(fault):
                fault.add_note(f"etl_run could not be written either: {_without_outcome(second)}")
        raise
    try:
        record("done", under_way.message)
    except LoadError as fault:
        # The step is done and stays done; that its line is missing from the log must not say otherwise.
        log.warning("%s %s is done, but etl_run could not be written: %s", table, name, _without_outcome(fault))
    load = f"; load {under_way.load_id}" if under_way.load_id else ""
    log.info("%s %s: %s%s", table, name, under_way.message, load)


def _without_outcome(fault: LoadError) -> str:
    """Give what a fault says, but for what it says of the load: only a line of the log is missing."""
    return re.sub(r"(; |\. |^)nothing was (published|written)\b", "", str(fault), flags=re.IGNORECASE)
