"""dim_assumption -- what an inventory takes for granted: reply rates, speeds, shares, and the editions it is made with.

Each edition has all assumptions, and is a version of them: what has changed since the one before is for all to see.
"""

import re
from collections.abc import Iterator, Mapping

import pyarrow as pa

from jobs import contract, published, sheets
from jobs.errors import SourceError
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 1

HEADERS = {name: (name,) for name in ("name", "valid_for", "value", "unit", "source", "source_year")}
MORE = {"note": ("note", "notes")}
ALL_YEARS = "all"
# What is a choice between words has this unit; everything else is a number.
CHOICE = "choice"
SHARES = {"share", "share of 1"}
SPLIT = re.compile(r"(?P<whole>\w+_split)_\w+")


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn an edition of the assumptions into one row per name and the fiscal year that it is for.

    Args:
        source: CSV, parquet or a workbook; `valid_for` is a fiscal year (of a survey, that of the survey) or `all`.

    Yields:
        The lines in the file's order; one that comes twice or cannot be read is refused. So is a share that is not from
        zero to one.

    Raises:
        SourceError: the object is no such table, or the parts of a split (`transit_split_bus`) come to more than one.
    """
    rows: dict[tuple, dict] = {}
    rejects, rows_read = [], 0
    of_edition = {"edition": source.parts["edition"], "published_on": published.edition_day(source)}
    for line in sheets.lines(source.body(), HEADERS, MORE):
        rows_read += 1
        row, fault = ({}, (None, line.fault)) if line.fault else _row(line.cells)
        if not fault and (row["name"], row["valid_for"]) in rows:
            fault = "name", f"{row['name']} stands for {row['valid_for']} before"
        if fault:
            rejects.append(Reject(line.number, line.place(fault[0]), fault[1], line.raw_text))
            continue
        rows[row["name"], row["valid_for"]] = row | of_edition
    _refuse_more_than_a_whole(rows)
    schema = contract.load("dim_assumption").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    yield Parsed(pa.Table.from_pylist(list(rows.values()), schema), rows_read, 0, rejects)


def _row(cells: dict[str, str]) -> tuple[dict, tuple[str, str] | None]:
    """Read one line; the row, and the (column, reason) of its first fault."""
    row: dict = {name: cells[name] or None for name in (*HEADERS, *MORE)}
    row |= {"valid_for": sheets.code(cells["valid_for"]), "value": None, "choice": None, "source_year": None}
    if empty := [name for name in ("name", "valid_for", "value", "unit", "source") if not cells[name]]:
        return row, (empty[0], "is empty")
    if row["valid_for"] != ALL_YEARS and not re.fullmatch("[12][0-9]{3}", row["valid_for"]):
        return row, ("valid_for", f"{cells['valid_for']!r} is neither a year nor {ALL_YEARS}")
    if cells["source_year"]:
        if not re.fullmatch("[12][0-9]{3}", sheets.code(cells["source_year"])):
            return row, ("source_year", f"{cells['source_year']!r} is no year")
        row["source_year"] = int(sheets.code(cells["source_year"]))
    if row["unit"] == CHOICE:
        row["choice"] = sheets.code(cells["value"])
        return row, None
    try:
        row["value"] = published.number(cells["value"])
    except ValueError:
        return row, ("value", f"{cells['value']!r} is no number")
    if row["value"] < 0 or (row["unit"] in SHARES and row["value"] > 1):
        return row, ("value", f"{cells['value']} is not from 0 to 1" if row["unit"] in SHARES else "is below zero")
    return row, None


def _refuse_more_than_a_whole(rows: Mapping[tuple, dict]) -> None:
    """Refuse splits whose parts are more than all of it, for each year with the parts that hold for it."""
    parts = {name: split["whole"] for name, _ in rows if (split := SPLIT.fullmatch(name))}
    for year in sorted({valid_for for name, valid_for in rows if name in parts}):
        for whole in sorted(set(parts.values())):
            of_year = [rows.get((name, year)) or rows.get((name, ALL_YEARS)) for name in parts if parts[name] == whole]
            total = sum(row["value"] or 0.0 for row in of_year if row)
            if total > 1 + 1e-9:
                raise SourceError(f"has parts of {whole} for {year} that come to {total:g}, which is more than one")
