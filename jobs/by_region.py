"""by_region -- inputs of derived tables that are of a region and hour of UTC, and of no system.

A unit is built from the hours of its day in those regions that its dimensions name. There are too many of them to carry
each about while a window is planned, so that a day of a region is a digest of what its hours say: it has another one
only if a value that is used has changed, whatever file has brought it.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date

import pyarrow as pa

from jobs import contract
from jobs.warehouse import sql, warehouse

# What names a region, and tells its hours apart.
REGION, HOUR = ("region_scheme", "region"), "hour_start_utc"

Region = tuple[str, str]


def is_by_region(columns: Iterable[str]) -> bool:
    """Tell whether an input with these columns is of regions and hours."""
    return "ss_id" not in columns and {*REGION, HOUR} <= set(columns)


def named(dimensions: Mapping[str, list[dict]]) -> set[Region]:
    """Tell the regions that rows of dimensions name."""
    rows = (row for table in dimensions for row in dimensions[table])
    return {tuple(row[name] for name in REGION) for row in rows if all(row.get(name) for name in REGION)}


def digests(
    table: str, columns: tuple[str, ...], days: Collection[date], regions: set[Region]
) -> dict[tuple[Region, date], dict]:
    """Ask what regions' days between the first and the last of some say: region and digest, by the region and day."""
    if not regions:
        return {}
    said = [f"IFNULL(CAST(`{name}` AS STRING), '')" for name in columns if name not in (*REGION, HOUR)]
    text = ", ' ', ".join([f"CAST(EXTRACT(HOUR FROM `{HOUR}`) AS STRING)", *said])
    within, asked = bounded(table, days, regions)
    found = {}
    for row in warehouse().select(sql("region_days", table=table, text=text, within=within), asked):
        day = row.pop("day")
        found[tuple(row[name] for name in REGION), day] = row
    return found


def hours(table: str, columns: tuple[str, ...], wanted: set[tuple[Region, date]]) -> pa.Table:
    """Read the hours of some regions' days [UTC]."""
    schema = pa.schema([contract.load(table).arrow_schema.field(name) for name in columns])
    if not wanted:
        return schema.empty_table()
    within, asked = bounded(table, {day for _, day in wanted}, {region for region, _ in wanted})
    rows = warehouse().select(sql("region_hours", table=table, columns=columns, within=within), asked)
    return pa.Table.from_pylist([row for row in rows if _place(row) in wanted], schema)


def bounded(table: str, days: Collection[date], regions: set[Region]) -> tuple[str, dict[str, list[str]]]:
    """Write the predicate that keeps a statement to the days from first to last and to regions; and its parameter."""
    of_regions = "CONCAT(region_scheme, ' ', region) IN (SELECT named FROM UNNEST(@regions) AS named)"
    within = contract.load(table).within(min(days), max(days))
    return f"{within} AND {of_regions}", {"regions": sorted(" ".join(region) for region in regions)}


def _place(row: dict) -> tuple[Region, date]:
    return tuple(row[name] for name in REGION), row[HOUR].date()
