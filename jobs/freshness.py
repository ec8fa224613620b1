"""freshness -- how far each table is behind what it is made of, against what its contract promises.

A table with a source is behind since it was last looked at: what the source has published since, nobody knows. A
derived table is behind since the first change of one of its inputs that it has not taken in yet. It is the last look at
any window that counts, and etl_run that tells of it; how old the newest reading is, is the source's affair.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobs import contract
from jobs.contract import Contract
from jobs.errors import LoadError
from jobs.warehouse import sql, warehouse

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Freshness:
    """A table's promise, and since when it is behind; none where it is in step. Never looked at is behind for ever."""

    table: str
    promised: timedelta
    behind_since: datetime | None
    behind: timedelta

    @property
    def late(self) -> bool:
        """Whether the promise is broken."""
        return self.behind > self.promised

    def __str__(self):
        if self.behind == timedelta.max:
            return f"{self.table} has never been looked at, and should be every {_hours(self.promised)}"
        if self.behind_since is None:
            return f"{self.table} is in step with what it is made of"
        since = f"{self.behind_since.astimezone(UTC):%Y-%m-%d %H:%M}Z"
        return f"{self.table} was in step {_hours(self.behind)} ago ({since}), promised are {_hours(self.promised)}"


def freshness(now: datetime | None = None) -> list[Freshness]:
    """Tell how fresh each table is that promises it; by the clock, unless a time is given."""
    now = now or datetime.now(UTC)
    looked_at = {row["table_name"]: row["looked_at"] for row in warehouse().select(sql("in_step"), {})}
    promised = [contract.load(table) for table in contract.names()]
    return [_of(one, looked_at.get(one.table), now) for one in promised if one.freshness]


def refuse(found: list[Freshness]) -> None:
    """Fail with all tables that are late, if there are any.

    Raises:
        LoadError: there are.
    """
    if late := [str(one) for one in found if one.late]:
        raise LoadError("tables are further behind than their contracts promise:\n  " + "\n  ".join(late))


def _of(promised: Contract, looked_at: datetime | None, now: datetime) -> Freshness:
    since = looked_at
    if promised.derived_from:
        asked = {"tables": list(promised.made_of), "after": looked_at or LONG_AGO}
        (found,) = warehouse().select(sql("first_change"), asked)
        since = found["changed_at"]
        behind = now - since if since else timedelta(0)
    else:
        behind = now - since if since else timedelta.max
    return Freshness(promised.table, promised.freshness, since, behind)


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.0f} h"
