"""published -- tables of factors as agencies publish them: CSV with a header, a byte order mark, blanks and surprises.

Columns are found by their headers, never by their places. A number is what the text says and nothing else.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from jobs.errors import SourceError
from jobs.transform import SourceObject


@dataclass(frozen=True)
class Line:
    """One line of a published table: its number, what it says, and its cells by header, stripped."""

    number: int
    raw_text: str
    cells: dict[str, str]


def table(body: bytes, columns: Iterable[str]) -> Iterator[Line]:
    """Read the lines of a published table; lines without a single value are none.

    Args:
        body: CSV in UTF-8, with or without a byte order mark.
        columns: headers that must be there; others may be.

    Raises:
        SourceError: it is no such CSV, lacks columns, has one twice, or has a line of another length.
    """
    try:
        records = numbered(body.decode("utf-8-sig"))
        _, _, cells = next(records, (1, "", []))
        header = [name.strip() for name in cells]
        if missing := [name for name in columns if name not in header]:
            raise SourceError(f"lacks the columns {', '.join(missing)}; it has {', '.join(header) or 'none'}")
        if len(set(header)) != len(header):
            raise SourceError(f"has a column twice: {', '.join(header)}")
        for number, raw_text, cells in records:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise SourceError(f"has {len(cells)} cells in line {number}, and {len(header)} columns: {raw_text!r}")
            yield Line(number, raw_text, dict(zip(header, map(str.strip, cells), strict=True)))
    except UnicodeDecodeError as fault:
        raise SourceError(f"is not CSV in UTF-8: {fault}") from None
    except csv.Error as fault:
        raise SourceError(f"is not CSV: {fault}") from None


def numbered(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Read CSV; for each record its first line's number, what it says there, and its cells."""
    taken: list[str] = []

    def lines():
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    reader, first = csv.reader(lines(), strict=True), 1
    for cells in reader:
        yield first, "".join(taken).rstrip("\r\n"), cells
        first = reader.line_num + 1
        taken.clear()


def edition_day(source: SourceObject) -> date:
    """Tell the day that an edition was published on, by its key.

    Raises:
        SourceError: the calendar has no such day.
    """
    try:
        return date.fromisoformat(source.parts["published_on"])
    except ValueError:
        raise SourceError(f"says that it was published on {source.parts['published_on']}, which is no day") from None


def number(text: str) -> float:
    """Read a number as it is written, with nothing around it.

    >>> number("0.0105219305594572")
    0.0105219305594572

    Raises:
        ValueError: the text is another thing, such as 1_000, 1,000, nan or a note.
    """
    value = float(text)
    if "_" in text or not text.isascii() or not math.isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value
