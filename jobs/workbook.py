"""workbook -- the cells of a spreadsheet's file (xlsx, ISO/IEC 29500) as texts, and no more of it.

A workbook is a zip of XML: texts stand in one place that all sheets share, and a date is a number with a style that
shows it as one. What a formula last came to is its cell's value. A number is given with the digits that are stored.
"""

import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from xml.etree import ElementTree as ET

from jobs.errors import SourceError

# A workbook of people is a few megabytes; what unpacks to more is no workbook of people.
MOST_BYTES = 500 * 1024**2

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
# The number formats that show dates without saying so, and what says so in one that people have made.
DATES = {*range(14, 23), *range(45, 48)}
DATE_LETTERS = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
CELL = re.compile("([A-Z]{1,3})[0-9]+")


def sheets(body: bytes) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
    """Read a workbook's sheets in order: name, and rows with their numbers and the texts of their cells.

    An empty cell is an empty text, a date is written 2024-03-31 (with a time, 2024-03-31 12:00:00), a truth is TRUE or
    FALSE, and a fault of a formula is what it shows, such as #N/A.

    Raises:
        SourceError: the bytes are no workbook.
    """
    try:
        with zipfile.ZipFile(BytesIO(body)) as parts:
            if (size := sum(part.file_size for part in parts.infolist())) > MOST_BYTES:
                raise SourceError(f"is a workbook that unpacks to {size:,} bytes, and {MOST_BYTES:,} is the most")
            document = _part(parts, "xl/workbook.xml")
            places = {one.get("Id"): one.get("Target") for one in _part(parts, "xl/_rels/workbook.xml.rels")}
            properties = document.find(f"{MAIN}workbookPr")
            since_1904 = properties is not None and properties.get("date1904") in ("1", "true")
            first_day = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)
            texts, dates = _texts(parts), _date_styles(parts)
            for sheet in document.iter(f"{MAIN}sheet"):
                place = places[sheet.get(RELATION)]
                rows = _part(parts, place.removeprefix("/") if place.startswith("/") else f"xl/{place}")
                yield sheet.get("name"), list(_rows(rows, texts, dates, first_day))
    except (zipfile.BadZipFile, ET.ParseError, KeyError, IndexError, ValueError, OverflowError) as fault:
        raise SourceError(f"is no workbook that can be read: {fault!r}") from None


def _part(parts: zipfile.ZipFile, name: str) -> ET.Element:
    content = parts.read(name)
    if b"<!DOCTYPE" in content:
        # No spreadsheet writes one, and its entities can grow without end.
        raise SourceError(f"is a workbook whose {name} has a document type, which no spreadsheet writes")
    return ET.fromstring(content)  # noqa: S314 - without a document type there are no entities


def _texts(parts: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in parts.namelist():
        return []
    return [_text(entry) for entry in _part(parts, "xl/sharedStrings.xml")]


def _text(entry: ET.Element) -> str:
    """Join the runs of a text; how it is pronounced, which stands there too in Japanese, is none of it."""
    runs = [entry, *entry.iter(f"{MAIN}r")]
    return "".join(run.findtext(f"{MAIN}t") or "" for run in runs)


def _date_styles(parts: zipfile.ZipFile) -> set[str]:
    """Tell which styles of cells show a number as a date."""
    if "xl/styles.xml" not in parts.namelist():
        return set()
    styles = _part(parts, "xl/styles.xml")
    made = {
        int(one.get("numFmtId")): DATE_LETTERS.sub("", one.get("formatCode", "")).lower()
        for one in styles.iter(f"{MAIN}numFmt")
    }
    dates = DATES | {number for number, code in made.items() if "d" in code or "yy" in code}
    cells = styles.find(f"{MAIN}cellXfs")
    return {
        str(at) for at, one in enumerate(cells if cells is not None else ()) if int(one.get("numFmtId", 0)) in dates
    }


def _rows(sheet: ET.Element, texts, dates, first_day) -> Iterator[tuple[int, list[str]]]:
    number = 0
    for row in sheet.iter(f"{MAIN}row"):
        number = int(row.get("r", number + 1))
        cells: list[str] = []
        for cell in row.iter(f"{MAIN}c"):
            at = _column(cell.get("r")) if cell.get("r") else len(cells)
            cells += [""] * (at - len(cells))
            cells.append(_value(cell, texts, dates, first_day))
        yield number, cells


def _column(reference: str) -> int:
    """Number a column from zero on.

    >>> _column("A1"), _column("Z9"), _column("AA10")
    (0, 25, 26)
    """
    at = 0
    for letter in CELL.fullmatch(reference)[1]:
        at = at * 26 + ord(letter) - ord("A") + 1
    return at - 1


def _value(cell: ET.Element, texts: list[str], dates: set[str], first_day: datetime) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{MAIN}v") or ""
    if kind == "inlineStr":
        entry = cell.find(f"{MAIN}is")
        return "" if entry is None else _text(entry)
    if kind == "s":
        return texts[int(value)]
    if kind == "b":
        return "TRUE" if value == "1" else "FALSE"
    if kind == "n" and value and cell.get("s") in dates:
        moment = first_day + timedelta(seconds=round(float(value) * 86_400))
        return str(moment.date() if moment.time() == datetime.min.time() else moment)
    return value
