"""workbook -- the cells of a spreadsheet's file (xlsx) as texts; openpyxl reads it.

What a formula last came to is its cell's value. A number is the shortest text that reads back as what is stored.
"""

import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from io import BytesIO
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from jobs.errors import SourceError

# A workbook of people is a few megabytes; what unpacks to more is no workbook of people.
MOST_BYTES = 500 * 1024**2

Cell = str | int | float | bool | datetime | time | None


def sheets(body: bytes) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
    """Read a workbook's sheets in order: name, and rows with their numbers and the texts of their cells.

    An empty cell is an empty text, a date is written 2024-03-31 (with a time, 2024-03-31 12:00:00), a truth is TRUE or
    FALSE, and a fault of a formula is what it shows, such as #N/A.

    Raises:
        SourceError: the bytes are no workbook.
    """
    try:
        _refuse_unlike_any(body)
        book = load_workbook(BytesIO(body), read_only=True, data_only=True)
        for sheet in book.worksheets:
            # What a program has written there of its size is often wrong.
            sheet.reset_dimensions()
            rows = enumerate(sheet.iter_rows(values_only=True), start=1)
            yield sheet.title, [(number, [_text(value) for value in row]) for number, row in rows]
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, IndexError, TypeError, ValueError) as fault:
        raise SourceError(f"is no workbook that can be read: {fault!r}") from None


def _refuse_unlike_any(body: bytes) -> None:
    """Refuse what unpacks without end: by its size, or by entities, which need a document type, and none has one."""
    with zipfile.ZipFile(BytesIO(body)) as parts:
        if (size := sum(part.file_size for part in parts.infolist())) > MOST_BYTES:
            raise SourceError(f"is a workbook that unpacks to {size:,} bytes, and {MOST_BYTES:,} is the most")
        for part in parts.namelist():
            if part.endswith((".xml", ".rels")) and b"<!DOCTYPE" in parts.read(part):
                raise SourceError(f"is a workbook whose {part} has a document type, which no spreadsheet writes")


def _text(value: Cell) -> str:
    """Write a cell.

    >>> [_text(value) for value in (None, True, 1000, 0.1, datetime(2024, 3, 31), "a ")]
    ['', 'TRUE', '1000', '0.1', '2024-03-31', 'a ']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime) and value.time() == time():
        return str(value.date())
    return str(value)
