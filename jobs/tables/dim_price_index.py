"""dim_price_index -- the consumer price index by which dollars of one year become those of another.

What surprises in this data: the annual mean is a thirteenth month, `M13`; half years are among the months; October 2025
was never published, so that the mean of 2025 is of eleven months; and the last year has no mean until it is over.
"""

import re
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from jobs import contract, published
from jobs.published import edition_day
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 1

COLUMNS = ("series_id", "year", "period", "value")
PERIOD = re.compile("M(0[1-9]|1[0-3])|S0[1-3]")
ANNUAL = "M13"


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn an edition of a price index into one row per period.

    Args:
        source: CSV as the US Bureau of Labor Statistics has it; 1982-84 is 100. A blank or `-` is no value.

    Yields:
        The periods in the file's order. A line that comes twice is a duplicate, if it says the same; else, and where it
        cannot be read, it is refused.

    Raises:
        SourceError: the object is no such file.
    """
    rows: dict[tuple, dict] = {}
    rejects, rows_read, duplicates = [], 0, 0
    for line in published.table(source.body(), COLUMNS):
        if line.cells["value"] in ("", "-"):
            continue
        rows_read += 1
        row, fault = _row(line.cells)
        key = row.get("series_id"), row.get("year"), row.get("period")
        if not fault and key in rows:
            if rows[key] == row:
                duplicates += 1
                continue
            fault = "value", f"differs from {rows[key]['value']:g}, which the file says of the same period before"
        if fault:
            rejects.append(Reject(line.number, *fault, line.raw_text))
            continue
        rows[key] = row
    months = Counter(row["year"] for row in rows.values() if row["month"])
    of_edition = {"edition": source.parts["edition"], "published_on": edition_day(source)}
    for row in rows.values():
        row |= of_edition | {"months_present": months[row["year"]]}
    schema = contract.load("dim_price_index").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    yield Parsed(pa.Table.from_pylist(list(rows.values()), schema), rows_read, duplicates, rejects)


def _row(cells: dict[str, str]) -> tuple[dict, tuple[str, str] | None]:
    """Read one line; the row, and the (column, reason) of its first fault."""
    row = {"series_id": cells["series_id"]}
    if not re.fullmatch("[12][0-9]{3}", cells["year"]):
        return row, ("year", f"{cells['year']!r} is no year")
    if not PERIOD.fullmatch(cells["period"]):
        return row, ("period", f"{cells['period']!r} is no month, half year or year")
    try:
        value = published.number(cells["value"])
    except ValueError:
        return row, ("value", f"{cells['value']!r} is no number")
    period = cells["period"]
    month = int(period[1:]) if period[0] == "M" and period != ANNUAL else None
    return row | {
        "year": int(cells["year"]),
        "period": period,
        "month": month,
        "is_annual": period == ANNUAL,
        "value": value,
    }, None
