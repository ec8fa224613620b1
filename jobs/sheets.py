"""sheets -- tables as an office keeps them: CSV, parquet, and workbooks of spreadsheets, all read by their headers.

A table begins with the first row that has all headers that are asked for, wherever that is: people put titles above it,
add columns and move them; and it begins anew where the headers stand again. A workbook may have it on several sheets,
and sheets of other things beside it. How headers are known, and what is almost one, is told in `headers`.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import headers, workbook
from jobs.errors import SourceError
from jobs.headers import Spellings
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


def lines(body: bytes, wanted: Spellings, more: Spellings) -> Iterator[Line]:
    """Read a table's lines; those without a single value are none.

    Args:
        body: CSV in UTF-8, parquet, or a workbook (xlsx); which of them, the bytes say.
        wanted: what must be there, and the headers that mean it.
        more: what may be there; a cell of what is not there is empty. With `headers.ONLY` among it, nothing else may.

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
        where = f"has a sheet {sheet} that " if sheet else ""
        for number, raw_text, cells in rows:
            if columns is None or header <= set(cells):
                found = headers.found(cells, wanted, more)
                if wanted.keys() <= found.keys():
                    headers.refuse_unless_clear(where, cells, found, wanted, more)
                    columns = {name: at for name, (at, *_) in found.items()}
                    header, width = {cells[columns[name]] for name in wanted}, len(cells)
                else:
                    near = near or headers.near(number, cells, found, wanted, more)
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
        said = ", ".join(" or ".join(spellings) for spellings in wanted.values())
        raise SourceError(f"has no row with the headers {said}; the first is {', '.join(nearest) or 'empty'}")


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
