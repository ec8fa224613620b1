"""expire -- take staged loads away that nothing needs any more.

A load is needed while one of its objects is live: derived tables are built from its files. A load whose objects are all
superseded or retired, or that was never published, is kept for `STAGING_KEEP_DAYS` after that, and after the last file
was written to its folder.

A superseded load can come back: an object that returns to an earlier content makes the same load again, whose files are
there already. So its manifest is set aside first, then the table's generation is counted up, then the checkpoint is
asked again. Whoever publishes reads the generation before the manifest: he has either committed by then, and the load
is left alone, or finds that it is not staged. Killed in between, the next one finds what was set aside and goes on.

Until its turn comes, and while its files go, a load can be staged anew and published. So each is asked for again right
before, and only the files go that were found to be old then: what is staged anew lies in an attempt of its own.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyarrow.fs import FileInfo

from jobs import contract, ledger, staging
from jobs.settings import settings
from jobs.warehouse import sql, warehouse

log = logging.getLogger(__name__)

Files = list[FileInfo]


@dataclass(frozen=True)
class Expired:
    """A staged load that nothing needs, and the size of its files."""

    table: str
    load_id: str
    bytes: int


def expire(run_id: str, *, dry_run: bool = False, now: datetime | None = None) -> list[Expired]:
    """Take the staged loads away that nothing needs; those that were taken away, or would be.

    Args:
        run_id: under which to log it.
        dry_run: only tell which they are.
        now: the time from which the days are counted; the clock's if there is none.

    Raises:
        StagingError: the staging area cannot be read or written. Trying again is safe.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=settings().staging_keep_days)
    found = []
    for table in contract.names():
        if not contract.load(table).sources:
            continue
        due, aside = _due(table, before)
        if due | aside and not dry_run:
            with ledger.step(run_id, table, "expire") as step:
                due = _take_away(table, sorted(due | aside), before)
                step.message = f"{len(due)} staged loads, {sum(map(_size, due.values())):,} bytes"
        found += [Expired(table, load_id, _size(files)) for load_id, files in sorted(due.items())]
    return found


def _due(table: str, before: datetime, load_id: str | None = None) -> tuple[dict[str, Files], dict[str, Files]]:
    """Tell which staged loads nothing has needed since a time, and which somebody has set aside; with their files."""
    # Files first: what is published after they were listed is live by the time that the checkpoint is asked.
    staged = staging.loads(table, load_id)
    known = {row["load_id"]: row for row in warehouse().select(sql("loads"), {"table_name": table})}
    due, aside = {}, {}
    for load_id, files in staged.items():
        if any(one.base_name == staging.ASIDE for one in files):
            aside[load_id] = files
        written = [one.mtime for one in files if one.base_name != staging.ASIDE]
        row = known.get(load_id)
        if all(moment < before for moment in written) and (
            row is None or (not row["live_objects"] and row["gone_at"] < before)
        ):
            due[load_id] = files
    return due, aside


def _take_away(table: str, load_ids: list[str], before: datetime) -> dict[str, Files]:
    for load_id in load_ids:
        staging.set_aside(table, load_id)
    warehouse().transact(sql("count_up"), {"table_name": table}, {})
    taken = {}
    for load_id in load_ids:
        due, _ = _due(table, before, load_id)
        if load_id in due:
            staging.remove_files(table, load_id, due[load_id])
            taken |= due
        else:
            log.info("%s load %s is needed again, and stays", table, load_id)
            staging.put_back(table, load_id)
    return taken


def _size(files: Files) -> int:
    return sum(one.size for one in files)
