"""verify -- hold every table against its checkpoint: each object's rows counted, each key once.

A partitioned table is asked slice by slice, each of `SLICE_ROWS` or a month. All of it is asked, or what has changed
after a time: the days of the objects that came in or went out, at a cost that follows these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from jobs import contract, ledger
from jobs.contract import Contract
from jobs.errors import LoadError
from jobs.warehouse import sql, warehouse

# A row of measurements has about 120 bytes in the columns that are read: this is 24 GB.
SLICE_ROWS = 200_000_000
EVER_SINCE = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Verdict:
    """What was asked of a table, in rows and in live objects, and what of it is not as its checkpoint says."""

    table: str
    rows: int
    objects: int
    faults: tuple[str, ...]

    def __str__(self):
        verdict = "NOT as its checkpoint says" if self.faults else "ok"
        return f"{self.table}: {verdict}, {self.rows:,} rows of {self.objects:,} objects"


def verify(after: datetime | None = None) -> Iterator[Verdict]:
    """Hold each table that is loaded against its checkpoint, one after the other.

    Args:
        after: hold only what came in or went out after this time, and the days that it covers; all if there is none.
    """
    for table in contract.names():
        promised = contract.load(table)
        if promised.sources:
            yield _verdict(promised, after)


def refuse(faults: list[str]) -> None:
    """Fail with all faults, if there are any.

    Raises:
        LoadError: there are.
    """
    if faults:
        raise LoadError("the tables are not what the checkpoint says:\n" + "\n".join(f"  {fault}" for fault in faults))


def _verdict(promised: Contract, after: datetime | None) -> Verdict:
    table, rows, doubled = promised.table, 0, 0
    asked = {"table_name": table, "after": after or EVER_SINCE}
    covered = warehouse().select(sql("covered"), asked)
    counts: dict[tuple[str, str], tuple[str | None, int, int]] = {}
    for first_day, last_day, within in _slices(promised, covered, after):
        days = {"first_day": first_day, "last_day": last_day}
        for row in warehouse().select(sql("verify", table=table, within=within), asked | days):
            version = row["object_id"], row["load_id"]
            key, due, held = counts.get(version, (None, 0, 0))
            counts[version] = key or row["object_key"], max(due, row["promised"]), held + row["held"]
        (keys,) = warehouse().select(sql("doubled_keys", table=table, key=promised.key, within=within), {})
        rows, doubled = rows + keys["row_count"], doubled + keys["doubled"]
    faults = [
        f"{table}: object {object_id} ({key or 'not in the checkpoint'}) should have {due} rows and has {held}"
        for (object_id, _), (key, due, held) in sorted(counts.items())
        if due != held
    ]
    if doubled:
        faults.append(f"{table}: {doubled} keys stand more than once")
    return Verdict(table, rows, sum(row["objects"] for row in covered), tuple(faults))


def _slices(promised: Contract, covered: list[dict], after: datetime | None) -> Iterator[tuple[date, date, str]]:
    """Give the days of each slice, and the predicate that keeps a statement to what is to be asked of them."""
    if after and not covered:
        return
    if promised.partition is None:
        yield *ledger.EVER, promised.within(*ledger.EVER)
    elif after and all(row["first_day"] for row in covered):
        for month, days in _by_month(covered).items():
            yield month, _next(month) - DAY, promised.on_days(days)
    else:
        # All of it; also where something has changed whose days are not known.
        start, rows = ledger.EVER[0], 0
        names = {"table": promised.table, "partition": (promised.partition,), "within": promised.within(*ledger.EVER)}
        for counted in warehouse().select(sql("rows_by_month", **names), {}):
            if rows and rows + counted["row_count"] > SLICE_ROWS:
                yield start, counted["month_start"] - DAY, promised.within(start, counted["month_start"] - DAY)
                start, rows = counted["month_start"], 0
            rows += counted["row_count"]
        yield start, ledger.EVER[1], promised.within(start, ledger.EVER[1])


def _by_month(covered: list[dict]) -> dict[date, set[date]]:
    """Give the days that objects cover, by the first of their month."""
    found: dict[date, set[date]] = {}
    for row in covered:
        day = row["first_day"]
        while day <= row["last_day"]:
            found.setdefault(day.replace(day=1), set()).add(day)
            day += DAY
    return found


def _next(month: date) -> date:
    return (month + 31 * DAY).replace(day=1)
