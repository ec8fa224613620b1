"""dim_generating_unit -- what is said of each unit of a power plant, quarter by quarter, in EPA's files of its hours.

The description stands in each line of the hours, and is gathered while they pass by; nobody publishes it in a file of
its own that says when it held.
"""

from collections.abc import Iterator
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from jobs import campd, contract
from jobs.transform import Parsed, Rejects, SourceObject

VERSION = 1

DESCRIBED = (
    "facility_name",
    "state",
    "associated_stacks",
    "primary_fuel",
    "secondary_fuel",
    "unit_type",
    "so2_controls",
    "nox_controls",
    "pm_controls",
    "hg_controls",
    "program_codes",
)


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn a file of hours of units into what it says of the units.

    Args:
        source: a file of EPA's, of a state's year or of a quarter.

    Yields:
        Once, a row per unit and quarter that the file has, in the order of their ids. What the last hour of the quarter
        says counts, and how many different descriptions the quarter has. Each other line of the unit says the same of
        it again and is a duplicate; a line that cannot be read is refused, as in the fact.

    Raises:
        SourceError: the file has another header than its layout.
    """
    said: dict[tuple[int, str, date], dict[tuple, tuple[datetime, datetime, int]]] = {}
    rejects, rows_read, duplicates = Rejects(), 0, 0
    for block in campd.blocks(source):
        rows_read += block.rows_read
        duplicates += block.rows_duplicate + len(block.rows)
        rejects.extend(block.rejects)
        for key, description, (first, last, hours) in _descriptions(block.rows):
            of_unit = said.setdefault(key, {})
            known = of_unit.get(description, (first, last, 0))
            of_unit[description] = min(known[0], first), max(known[1], last), known[2] + hours
    rows = [_row(key, of_unit) for key, of_unit in sorted(said.items())]
    schema = contract.load("dim_generating_unit").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    yield Parsed(pa.Table.from_pylist(rows, schema), rows_read, duplicates - len(rows), list(rejects))


def _descriptions(rows: pa.Table) -> Iterator[tuple[tuple[int, str, date], tuple, tuple[datetime, datetime, int]]]:
    """Give each unit, quarter and description of a block, with its first and its last hour and how many it has."""
    hours = rows["hour_start_local"]
    told = rows.select(["facility_id", "unit_id", *DESCRIBED, "hour_start_local"]).combine_chunks()
    told = told.append_column("quarter", pc.floor_temporal(hours, unit="quarter").cast(pa.date32()))
    groups = told.group_by(["facility_id", "unit_id", "quarter", *DESCRIBED], use_threads=False)
    found = groups.aggregate([("hour_start_local", "min"), ("hour_start_local", "max"), ("hour_start_local", "count")])
    for row in found.to_pylist():
        key = row["facility_id"], row["unit_id"], row["quarter"]
        spans = tuple(row[f"hour_start_local_{name}"] for name in ("min", "max", "count"))
        yield key, tuple(row[name] for name in DESCRIBED), spans


def _row(key: tuple[int, str, date], of_unit: dict[tuple, tuple[datetime, datetime, int]]) -> dict:
    last = max(of_unit, key=lambda description: of_unit[description][1])
    firsts, lasts, counts = zip(*of_unit.values(), strict=True)
    return {
        **dict(zip(("facility_id", "unit_id", "quarter_start"), key, strict=True)),
        **dict(zip(DESCRIBED, last, strict=True)),
        "first_hour_local": min(firsts),
        "last_hour_local": max(lasts),
        "hour_count": sum(counts),
        "description_count": len(of_unit),
    }
