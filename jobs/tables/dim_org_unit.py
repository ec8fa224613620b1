"""dim_org_unit -- which department and school a cost object is of, with people and area, by fiscal year.

What surprises in this data: departments move between schools, and today's head count is no other year's; so each fiscal
year has lines of its own. A code may come as a number with a point, for it has been through a spreadsheet.
"""

from collections.abc import Iterator

import pyarrow as pa

from jobs import contract, published, sheets
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 1

HEADERS = {
    "cost_object": ("cost object", "cost_collector_id"),
    "fiscal_year": ("fiscal year",),
    "department_id": ("department id", "dlc_key"),
    "department": ("department", "dlc_name"),
    "school_area": ("school or area", "school_area"),
}
MORE = {"head_count": ("head count",), "area_m2": ("area m2", "area (m2)")}


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn an edition of the organisation into one row per fiscal year and cost object.

    Args:
        source: CSV, parquet or a workbook. People and area [m2] are those of the cost object alone, so that they add
            up; a blank is not known.

    Yields:
        The lines in the file's order. A line that comes twice is a duplicate, if it says the same; else, and where it
        cannot be read, it is refused.

    Raises:
        SourceError: the object is no such table.
    """
    rows: dict[tuple, dict] = {}
    rejects, rows_read, duplicates = [], 0, 0
    of_edition = {"edition": source.parts["edition"], "published_on": published.edition_day(source)}
    for line in sheets.lines(source.body(), HEADERS, MORE):
        rows_read += 1
        row, fault = ({}, (None, line.fault)) if line.fault else _row(line.cells)
        known = rows.get((row.get("fiscal_year"), row.get("cost_object")))
        if not fault and known:
            if known == row | of_edition:
                duplicates += 1
                continue
            fault = "cost_object", f"{row['cost_object']} stands in {row['fiscal_year']} before, with other values"
        if fault:
            rejects.append(Reject(line.number, line.place(fault[0]), fault[1], line.raw_text))
            continue
        rows[row["fiscal_year"], row["cost_object"]] = row | of_edition
    schema = contract.load("dim_org_unit").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    yield Parsed(pa.Table.from_pylist(list(rows.values()), schema), rows_read, duplicates, rejects)


def _row(cells: dict[str, str]) -> tuple[dict, tuple[str, str] | None]:
    """Read one line; the row, and the (column, reason) of its first fault."""
    row: dict = {name: cells[name] for name in ("department", "school_area")}
    row |= {name: sheets.code(cells[name]) for name in ("cost_object", "department_id")}
    if empty := [name for name in HEADERS if not cells[name]]:
        return row, (empty[0], "is empty")
    try:
        row["fiscal_year"] = int(sheets.code(cells["fiscal_year"]))
    except ValueError:
        return row, ("fiscal_year", f"{cells['fiscal_year']!r} is no year")
    for name in MORE:
        try:
            row[name] = published.number(cells[name]) if cells[name] else None
        except ValueError:
            return row, (name, f"{cells[name]!r} is no number")
        if row[name] is not None and row[name] < 0:
            return row, (name, f"{cells[name]} is below zero")
    return row, None
