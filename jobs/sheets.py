"""sheets -- tables as an office keeps them: CSV, parquet, and workbooks of spreadsheets, all read by their headers.

A table begins with the first row that has all headers that are asked for, wherever that is: people put titles above it,
add columns and move them; and it begins anew where the headers stand again. A workbook may have it on several sheets,
and sheets of other things beside it; a sheet that has most of the headers, or some and one misspelt, is no other thing.
Headers are compared without regard to case, to how many spaces there are, and to underscores in their place.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import workbook
from jobs.errors import SourceError
from jobs.published import numbered

# One row of any format: its number from one on, what it says there, its cells.
Row = tuple[int, str, list[str]]

# Among what may be there: nothing else may, for any column may be a way to emit.
ONLY: Mapping[str, tuple[str, ...]] = {"only": ()}
# How much of two headers is alike where one is the other misspelt, and in how many rows that is looked for.
ALIKE, SOUGHT = 0.85, 50


@dataclass(frozen=True)
class Line:
    """One line of a table: its sheet and number, what it says, and its cells by what was asked for, stripped.

    `fault` says why it cannot be taken apart; it has no cells then.
    """

    sheet: str | None
    number: int
    raw_text: str
    cells: dict[str, str]
    fault: str | None = None

    def place(self, column: str | None) -> str | None:
        """Name a column as a spreadsheet does, its sheet before it.

        >>> Line("Q1", 4, "", {}).place("amount"), Line(None, 4, "", {}).place("amount")
        ('Q1!amount', 'amount')
        """
        return f"{self.sheet}!{column or ''}" if self.sheet else column


def lines(body: bytes, headers: Mapping[str, tuple[str, ...]], more: Mapping[str, tuple[str, ...]]) -> Iterator[Line]:
    """Read a table's lines; those without a single value are none.

    Args:
        body: CSV in UTF-8, parquet, or a workbook (xlsx); which of them, the bytes say.
        headers: what must be there, and the headers that mean it.
        more: what may be there; a cell of what is not there is empty. With `ONLY` among it, nothing else may.

    Raises:
        SourceError: it is none of the three, has no such table, has one of its columns twice, misspelt or one that may
            not be there, or has a sheet with most of the headers and not all.
    """
    nearest: list[str] = []
    is_there = False
    for sheet, rows in _sheets(body):
        columns: dict[str, int] | None = None
        near: str | None = None
        header: set[str] = set()
        width = 0
        for number, raw_text, cells in rows:
            if columns is None or header <= set(cells):
                found = _columns(cells, headers, more)
                if all(name in found for name in headers):
                    _refuse_unless_clear(cells, found, headers, more)
                    columns = {name: at for name, (at, *_) in found.items()}
                    header, width = {cells[columns[name]] for name in headers}, len(cells)
                else:
                    near = near or _near(number, cells, found, headers, more)
                nearest = nearest or [cell for cell in cells if cell]
                is_there = is_there or columns is not None
            elif any(cell.strip() for cell in cells):
                # In a workbook empty cells at a row's end are not there at all.
                if len(cells) != width and sheet is None:
                    yield Line(sheet, number, raw_text, {}, f"has {len(cells)} cells, and there are {width} columns")
                    continue
                cells = {name: cells[at].strip() if at < len(cells) else "" for name, at in columns.items()}
                yield Line(sheet, number, raw_text, dict.fromkeys(more, "") | cells)
        if columns is None and near:
            raise SourceError(f"has a sheet {sheet} whose {near}" if sheet else f"has no table: its {near}")
    if not is_there:
        wanted = ", ".join(" or ".join(spellings) for spellings in headers.values())
        raise SourceError(f"has no row with the headers {wanted}; the first is {', '.join(nearest) or 'empty'}")


def _columns(cells: list[str], headers, more) -> dict[str, list[int]]:
    """Find where what is asked for stands in a row; what does not is not there."""
    there: dict[str, list[int]] = {}
    for at, cell in enumerate(cells):
        there.setdefault(_plain(cell), []).append(at)
    found = {
        name: [at for spelling in {_plain(one) for one in spellings} for at in there.get(spelling, ())]
        for name, spellings in {**headers, **more}.items()
    }
    return {name: places for name, places in found.items() if places}


def _refuse_unless_clear(cells: list[str], found: Mapping[str, list[int]], headers, more) -> None:
    """Refuse headers of which one stands twice or almost, or among which is what may not be there."""
    for name, places in found.items():
        if len(places) > 1:
            spellings = {**headers, **more}[name]
            raise SourceError(f"has {' or '.join(spellings)} {len(places)} times: {', '.join(cells)}")
    read = {at for places in found.values() for at in places}
    others = [cell for at, cell in enumerate(cells) if at not in read and cell.strip()]
    if others and ONLY.keys() <= more.keys():
        raise SourceError(f"has columns that are not known, so that what they say would be lost: {', '.join(others)}")
    if almost := _almost(others, {name: spellings for name, spellings in more.items() if name not in found}):
        meant = ", ".join(f"{cell}, which is almost {' or '.join(more[name])}" for name, cell in almost.items())
        raise SourceError(f"has a column that would not be read: {meant}; call it that, or by another name")


def _near(number: int, cells: list[str], found: Mapping[str, list[int]], headers, more) -> str | None:
    """Say what a row lacks that is the table's header all the same; none if it is something else.

    It has most of the headers, or several that no other table has, or all that is missing is there and misspelt.
    """
    missing = {name: spellings for name, spellings in headers.items() if name not in found}
    read = {at for places in found.values() for at in places}
    others = [cell for at, cell in enumerate(cells) if at not in read]
    almost = _almost(others, missing) if number <= SOUGHT else {}
    is_near = 2 * len(missing) < len(headers) or (len(found) > 1 and ONLY.keys() <= more.keys())
    if not is_near and almost.keys() < missing.keys():
        return None
    wanted = ", ".join(
        " or ".join(spellings) + (f" ({almost[name]} is almost that)" if name in almost else "")
        for name, spellings in missing.items()
    )
    return f"row {number} has headers of the table, and not {wanted}"


def _almost(cells: list[str], missing: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Find for what is missing the cell that is almost its header.

    >>> _almost(["Mode", "Counts"], {"count": ("count",)})
    {'count': 'Counts'}
    """
    plain = {_plain(cell): cell for cell in cells if cell.strip()}
    found = {
        name: [near for one in spellings for near in get_close_matches(_plain(one), plain, 1, ALIKE)]
        for name, spellings in missing.items()
    }
    return {name: plain[near] for name, (near, *_) in ((name, near) for name, near in found.items() if near)}


def _plain(header: str) -> str:
    return " ".join(header.replace("_", " ").split()).casefold()


def _sheets(body: bytes) -> Iterator[tuple[str | None, Iterator[Row]]]:
    if body.startswith(b"PK\x03\x04"):
        for sheet, rows in workbook.sheets(body):
            yield sheet, ((number, " | ".join(cells), cells) for number, cells in rows)
    elif body.startswith(b"PAR1"):
        yield None, _parquet(body)
    else:
        yield None, _csv(body)


def _csv(body: bytes) -> Iterator[Row]:
    try:
        yield from numbered(body.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        raise SourceError(f"is neither CSV in UTF-8 nor parquet nor a workbook: {fault}") from None
    except csv.Error as fault:
        raise SourceError(f"is not CSV: {fault}") from None


def _parquet(body: bytes) -> Iterator[Row]:
    try:
        table = pq.read_table(BytesIO(body))
    except (pa.ArrowInvalid, OSError) as fault:
        raise SourceError(f"is damaged parquet: {fault}") from None
    yield 1, ",".join(table.column_names), table.column_names
    for number, row in enumerate(table.to_pylist(), start=2):
        cells = ["" if value is None else str(value) for value in row.values()]
        yield number, ",".join(cells), cells


def code(text: str) -> str:
    """Read a code that a spreadsheet or a data frame may have taken for a number.

    >>> code("1523400.0"), code("A-12")
    ('1523400', 'A-12')
    """
    return text.removesuffix(".0") if text.removesuffix(".0").isdecimal() else text
