"""entries -- what a file says of an institution's activities, one entry for each thing that emits.

A line of most files is one entry. Of a file with a column for each kind (costs by year, riders by mode) each cell is
one. What files there are, and what their columns are called, is in `feeds`.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from jobs import published, sheets
from jobs.errors import SourceError
from jobs.objects import digest
from jobs.transform import Parsed, Reject, SourceObject

# What an entry says; what it does not is null. `whole_id` is what one file alone may have lines of: the bill, or else
# the line. `weight` is what a count stands for: minutes or miles one way; of a bill what is stated of a unit, by the
# `gwp_set` and the `instrument` beside it.
ENTRY = pa.schema(
    [
        ("line_id", pa.string()),
        ("whole_id", pa.string()),
        ("sheet", pa.string()),
        ("line", pa.int64()),
        ("raw_text", pa.string()),
        ("item", pa.string()),
        ("activity_date", pa.date32()),
        ("fiscal_year", pa.int64()),
        ("cost_object", pa.string()),
        ("amount_usd", pa.float64()),
        ("quantity", pa.float64()),
        ("quantity_unit", pa.string()),
        ("weight", pa.float64()),
        ("co2e_kg", pa.float64()),
        ("gwp_set", pa.string()),
        ("instrument", pa.string()),
        ("is_excluded", pa.bool_()),
    ]
)
# An edition that is called as another, with .2, .3 ... behind, takes the place of it.
BATCH = re.compile(r"(?P<batch>.+?)(?:\.(?P<version>[0-9]{1,3}))?")


class CellError(Exception):
    """An entry that cannot be used: the column, and why."""

    def __init__(self, column: str | None, reason: str):
        super().__init__(reason)
        self.column, self.reason = column, reason


@dataclass(frozen=True)
class Feed:
    """A kind of file: its columns, which of them are a kind of thing each, and how an entry is read and known again.

    `identity` names what no two entries have alike; where it is empty, or an entry does not say all of it, it is known
    by all that it says, and by how many on its sheet have said the same before it. What `read` calls a `part` is one of
    several entries of one identity, known by it and by that; `fault` says why such entries together are no whole, and
    what is `beside` one makes it no other. The numbers in the column `whole` are shares of one.
    """

    category_id: str
    headers: Mapping[str, tuple[str, ...]]
    read: Callable[[dict[str, str], str | None, Mapping[str, str]], dict]
    more: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    fault: Callable[[Sequence[Mapping]], str | None] | None = None
    beside: tuple[str, ...] = ()
    whole: str | None = None


def batch(edition: str) -> tuple[str, int]:
    """Tell which files an edition is a version of, and the how manieth.

    >>> batch("fy2023-q1.2"), batch("fy2023-q1")
    (('fy2023-q1', 2), ('fy2023-q1', 1))
    """
    named = BATCH.fullmatch(edition)
    return named["batch"], int(named["version"] or 1)


def entries(source: SourceObject, feed: Feed) -> Parsed:
    """Read a file's entries; what cannot be used is refused with sheet, line and reason.

    Raises:
        SourceError: the object is no such file, or its shares come to more than one.
    """
    published.edition_day(source)
    shares = 0.0
    made: list[dict] = []
    rejects, rows_read, duplicates = [], 0, 0
    known: dict[str, dict] = {}
    alike: Counter[tuple[str | None, str]] = Counter()
    alike_wholes: Counter[tuple[str | None, str]] = Counter()
    wholes: dict[str, list[dict]] = {}
    for line in sheets.lines(source.body(), feed.headers, feed.more):
        if line.fault:
            rows_read += 1
            rejects.append(Reject(line.number, line.place(None), line.fault, line.raw_text))
            continue
        for kind in _kinds(line, feed):
            rows_read += 1
            try:
                said = feed.read(line.cells, kind, source.parts)
                shares += number(line.cells, feed.whole) if feed.whole and line.cells[feed.whole] else 0
                said["fiscal_year"] = said.get("fiscal_year") or fiscal_year(said["activity_date"])
                named = _named(feed, line, said)
                line_id = _line_id(source.layout, (*named, *said.get("part", ())), line, said, alike)
                of_whole = {name: value for name, value in said.items() if name not in feed.beside}
                if said.get("total") is not None:
                    of_whole["quantity"] = said["total"]
                whole_id = _line_id(source.layout, named, line, of_whole, alike_wholes)
                if line_id in known:
                    if known[line_id]["said"] == said:
                        duplicates += 1
                        continue
                    raise CellError(None, f"differs from line {known[line_id]['line']}, which is of the same")
            except CellError as fault:
                place = line.place(feed.kinds.get(fault.column, fault.column))
                rejects.append(Reject(line.number, place, fault.reason, line.raw_text))
                continue
            known[line_id] = {"said": said, "line": line.number}
            where = {"line_id": line_id, "sheet": line.sheet, "line": line.number, "raw_text": line.raw_text}
            made.append(where | said | {"whole_id": whole_id})
            if feed.fault:
                wholes.setdefault(digest(*named), []).append(made[-1])
    if shares > 1 + 1e-6:
        raise SourceError(f"has shares that come to {shares:g}, which is more than one")
    faults = {one["line_id"]: reason for whole in wholes.values() if (reason := feed.fault(whole)) for one in whole}
    for one in made:
        if reason := faults.get(one["line_id"]):
            place = sheets.Line(one["sheet"], one["line"], one["raw_text"], {}).place(None)
            rejects.append(Reject(one["line"], place, reason, one["raw_text"]))
    made = [one for one in made if one["line_id"] not in faults]
    return Parsed(pa.Table.from_pylist(made, ENTRY), rows_read, duplicates, rejects)


def fiscal_year(day: date) -> int:
    """Tell the fiscal year of a day: July to June, named for the year that it ends in.

    >>> fiscal_year(date(2023, 6, 30)), fiscal_year(date(2023, 7, 1))
    (2023, 2024)
    """
    return day.year + (day.month >= 7)


def _kinds(line: sheets.Line, feed: Feed) -> list[str | None]:
    """Tell which entries a line has: one, or one for each kind that it says something of."""
    return [kind for kind in feed.kinds if line.cells[kind]] if feed.kinds else [None]


def _named(feed: Feed, line: sheets.Line, said: dict) -> tuple:
    """Tell what an entry is known by; empty text where it does not say that."""
    return tuple(
        sheets.code(line.cells.get(name, "")) if said.get(name) is None else said[name] for name in feed.identity
    )


def _line_id(layout: str, named: tuple, line: sheets.Line, said: dict, alike: Counter[tuple[str | None, str]]) -> str:
    """Name an entry by what it is known by, or else by all that it says and the number of those `alike` before it.

    Those of other sheets do not count: a summary beside the months has the same lines, and they are not two.
    """
    if named and "" not in named:
        return digest(layout, *named)
    content = digest(layout, *(str(said[name]) for name in sorted(said)), *(part for part in named if part != ""))
    alike[line.sheet, content] += 1
    return digest(content, alike[line.sheet, content])


def number(cells: Mapping[str, str], name: str) -> float:
    """Read a cell's number, which is not below zero.

    Raises:
        CellError: it is none.
    """
    try:
        value = published.number(cells[name])
    except ValueError:
        raise CellError(name, f"{cells[name]!r} is no number") from None
    if value < 0:
        raise CellError(name, f"{cells[name]} is below zero")
    return value
