"""sheets -- tables as an office keeps them: CSV, parquet, and workbooks of spreadsheets, all read by their headers.

A table begins with the first row that has all headers that are asked for, wherever that is: people put titles above it,
add columns and move them. A workbook may have it on several sheets, and sheets of other things beside it. Headers are
compared without regard to case, to how many spaces there are, and to underscores in their place.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import workbook
from jobs.errors import SourceError
from jobs.published import numbered

# One row of any format: its number from one on, what it says there, its cells.
Row = tuple[int, str, list[str]]


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
        more: what may be there; a cell of what is not there is empty.

    Raises:
        SourceError: it is none of the three, has no such table, or has one of its columns twice.
    """
    nearest: list[str] = []
    is_there = False
    for sheet, rows in _sheets(body):
        columns: dict[str, int] | None = None
        width = 0
        for number, raw_text, cells in rows:
            if columns is None:
                columns = _columns(cells, headers, more)
                nearest = nearest or [cell for cell in cells if cell]
                is_there, width = is_there or columns is not None, len(cells)
            elif any(cell.strip() for cell in cells):
                # In a workbook empty cells at a row's end are not there at all.
                if len(cells) != width and sheet is None:
                    yield Line(sheet, number, raw_text, {}, f"has {len(cells)} cells, and there are {width} columns")
                    continue
                cells = {name: cells[at].strip() if at < len(cells) else "" for name, at in columns.items()}
                yield Line(sheet, number, raw_text, dict.fromkeys(more, "") | cells)
    if not is_there:
        wanted = ", ".join(" or ".join(spellings) for spellings in headers.values())
        raise SourceError(f"has no row with the headers {wanted}; the first is {', '.join(nearest) or 'empty'}")


def _columns(cells: list[str], headers, more) -> dict[str, int] | None:
    """Find what is asked for in a row of headers; none if it is no such row."""
    there: dict[str, list[int]] = {}
    for at, cell in enumerate(cells):
        there.setdefault(_plain(cell), []).append(at)
    found: dict[str, int] = {}
    for name, spellings in {**headers, **more}.items():
        places = [at for spelling in {_plain(one) for one in spellings} for at in there.get(spelling, ())]
        if not places and name in headers:
            return None
        if len(places) > 1:
            raise SourceError(f"has {' or '.join(spellings)} {len(places)} times: {', '.join(cells)}")
        if places:
            found[name] = places[0]
    return found


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
