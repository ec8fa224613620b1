"""fact_activity_emissions -- what each line of the institution's own files emitted, as it was known on each day.

It is made of everything that has landed: lines, and what they are weighed with. A line has a row for each part that a
factor weighs, and for each stretch of days on which the same was known of it; so an edition that changes nothing of a
line leaves its rows as they are, and what was known in March can be asked for ever after. What surprises in the files
is told in `sheets`, `entries` and `feeds`, which version of them holds in `versions`, how they are weighed in `known`
and `footprint`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from jobs import contract, known, versions
from jobs.entries import batch
from jobs.errors import SourceError
from jobs.feeds import FEEDS
from jobs.footprint import weigh
from jobs.known import Known
from jobs.transform import Parsed, Reject, SourceObject
from jobs.versions import Said

VERSION = 4

# Why a line cannot be used: the column, and the reason.
Fault = tuple[str | None, str]


@dataclass(slots=True)
class Line:
    """A line that could be read: where it stands, its days (`until` is the first that is not) and how many rows it has.

    `whole_id` is the bill, or the line itself, of which one file alone may have lines. Without rows it has a fault, or
    was replaced before anything was known of it.
    """

    one: Said
    line_id: str
    whole_id: str
    sheet: str | None
    number: int
    raw_text: str
    rows: int
    since: date
    until: date
    fault: Fault | None

    @property
    def reject(self) -> Reject:
        """Tell why it is refused."""
        column, reason = self.fault
        return Reject(self.number, f"{self.sheet}!{column or ''}" if self.sheet else column, reason, self.raw_text)


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Tell what an object says: entries of a feed, or rows of what they are weighed with.

    Raises:
        SourceError: the object is not what its key says, or has refused lines and is something to weigh with.
    """
    yield versions.read(source)


def together(said: Sequence[Parsed]) -> list[Parsed]:
    """Weigh all entries with what was known on each day.

    Rows belong to the object that their line is in. What else there is counts as duplicate, for it is folded into them.

    Raises:
        SourceError: figures need an assumption or an edition that is not there, or versions are not in order.
    """
    objects = [Said.of(piece) for piece in said]
    days = known.history(versions.editions(objects))
    ends = versions.ends(objects)
    if not days and ends:
        raise SourceError("has lines and no assumptions to weigh them with; land the assumptions first")
    units = versions.first_named(objects)
    files = [
        _weighed(one, days, ends[one.layout, one.edition], units) if one.layout in FEEDS else (_table([]), [])
        for one in objects
    ]
    _refuse_what_others_have([line for _, lines in files for line in lines])
    return [_piece(one, *file) for one, file in zip(objects, files, strict=True)]


def _weighed(
    one: Said, days: Sequence[Known], end: date | None, units: Mapping[str, date]
) -> tuple[pa.Table, list[Line]]:
    """Make the rows of a file's entries, and tell its lines."""
    rows: list[dict] = []
    lines = []
    for entry in one.piece.rows.to_pylist():
        faults: list[Fault] = []
        mine = list(_stretches(one, entry, days, end, units, faults))
        since = min((row["known_from"] for row in mine), default=date.max)
        until = max((row["known_to"] or date.max for row in mine), default=date.max)
        where = (entry[name] for name in ("line_id", "whole_id", "sheet", "line", "raw_text"))
        lines.append(Line(one, *where, len(mine), since, until, faults[-1] if faults and not mine else None))
        rows += mine
    return _table(rows), lines


def _refuse_what_others_have(lines: list[Line]) -> None:
    """Let a line, and a bill with all of its lines, be in one file on a day: in that by which it was known first."""
    owners: dict[str, list[Line]] = {}
    for line in sorted((line for line in lines if line.rows), key=lambda line: (line.since, *line.one.place)):
        mine = owners.setdefault(line.whole_id, [])
        owner = next((other for other in mine if other.one.batch != line.one.batch and line.since < other.until), None)
        if owner:
            name, number = batch(owner.one.edition)
            reason = (
                f"is in {owner.one.layout} {owner.one.edition} of {owner.one.published_on} too; a file that replaces "
                f"another is an edition of it, such as {name}.{number + 1}"
            )
            line.fault = None, reason
        else:
            mine.append(line)


def _piece(one: Said, rows: pa.Table, lines: Sequence[Line]) -> Parsed:
    """Put together what an object has: rows and refused lines of a file, nothing of what lines are weighed with."""
    if one.layout not in FEEDS:
        return Parsed(rows, one.piece.rows_read, one.piece.rows_read)
    refused = [line for line in lines if line.fault]
    used = [line for line in lines if not line.fault]
    ids = pa.array([line.line_id for line in refused], pa.string())
    rows = rows.filter(pc.invert(pc.is_in(rows["line_id"], ids)))
    # A line that was replaced before anything was known of it has no row, and is in its successor.
    unknown = sum(not line.rows for line in used)
    # Counted by lines: a line that got lost on the way is missed, however many rows the others have.
    rows_read = one.piece.rows_read + sum(max(line.rows - 1, 0) for line in used)
    rejects = [*one.piece.rejects, *(line.reject for line in refused)]
    return Parsed(rows, rows_read, one.piece.rows_duplicate + unknown, rejects)


def _stretches(
    one: Said, entry: dict, days: Sequence[Known], end: date | None, units: Mapping[str, date], faults: list[Fault]
) -> Iterator[dict]:
    """Give an entry's rows, each for as long as the same was known; `known_to` is the first day on which it was not.

    Of a stretch of days on which it could not be used there is no row; why is put into `faults`.
    """
    about = {name: entry[name] for name in ("line_id", "sheet", "line", "activity_date", "fiscal_year", "cost_object")}
    about |= {"feed": one.layout, "edition": one.edition}
    category_id = FEEDS[one.layout].category_id
    unit_since = units.get(entry["cost_object"], date.max) if entry["cost_object"] else date.min
    open_rows: dict[tuple, dict] = {}
    for at, now in enumerate(days):
        until = min(days[at + 1].day if at + 1 < len(days) else date.max, end or date.max)
        since = max(now.day, one.published_on)
        if since >= until:
            continue
        since = max(since, unit_since)
        fault = _year_fault(entry, now)
        if not fault and since >= until:
            fault = "cost_object", f"the cost object {entry['cost_object']} is in no edition of the organisation"
        if fault:
            faults.append(fault)
        weighed = [] if fault else weigh(one.layout, category_id, entry, now)
        rows = {(row["category_id"], row["activity"]): row for row in weighed}
        if len(rows) < len(weighed):
            raise SourceError(
                f"{one.layout} {one.edition} line {entry['line']} is weighed as {len(weighed)} parts, and two of them "
                f"have one category and activity: {', '.join(row['activity'] for row in weighed)}; one would be lost"
            )
        for key in [key for key, row in open_rows.items() if rows.get(key) != row["weighed"]]:
            yield _closed(open_rows.pop(key), about, since)
        for key, row in rows.items():
            open_rows.setdefault(key, {"weighed": row, "known_from": since})
    for row in open_rows.values():
        yield _closed(row, about, end)


def _closed(row: dict, about: dict, known_to: date | None) -> dict:
    return about | row["weighed"] | {"known_from": row["known_from"], "known_to": known_to}


def _year_fault(entry: dict, now: Known) -> Fault | None:
    first, last = (int(now.said(f"{end}_fiscal_year", entry["fiscal_year"]).value) for end in ("first", "last"))
    if first <= entry["fiscal_year"] <= last:
        return None
    return "fiscal_year", f"is of the fiscal year {entry['fiscal_year']}, and those are {first} to {last}"


def _table(rows: list[Mapping]) -> pa.Table:
    schema = contract.load("fact_activity_emissions").arrow_schema
    return pa.Table.from_pylist(
        rows, pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    )
