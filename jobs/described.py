"""described -- what a unit of a derived table is built from beside its fact: of its system, and of its grid.

Rows of a dimension, or of a view of some, are of a system, and of the days that they say they hold on. Other inputs are
of a region and hour of UTC, and of no system: a unit is built from the hours of its day in those regions that the rows
of its dimensions name. There are too many of them to carry each about while a window is planned, so that a day of a
region is a digest of what its hours say: it has another one only if a value that is used has changed, whatever file has
brought it, and whatever edition that is of. A source that publishes all years anew changes the name of every hour and
the value of few; a day keeps the name that it was built under until a value of it is another.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs import contract
from jobs.contract import Contract
from jobs.errors import SupersededError
from jobs.warehouse import sql, warehouse

if TYPE_CHECKING:
    from jobs.derived import Unit

# The first and the last day on which a dimension's row holds, where it has such columns; null is without end. They tell
# which days a row is of and are no part of what those are built from, for they move when a neighbour comes.
SPAN = ("holds_from", "holds_to")
# What names a region, and tells its hours apart.
REGION, HOUR = ("region_scheme", "region"), "hour_start_utc"
# What tells under which name a value was published, and is no value.
EDITION = "edition"

Region = tuple[str, str]


def of_units(promised: Contract, wanted: Collection[tuple[int, date]]) -> Callable[[int, date], dict[str, list[dict]]]:
    """Ask for what is not the fact; what it gives tells the rows of each for a system and day.

    Of an input by region and hour, rows are the digests of the day in the regions that the others' rows name.
    """
    inputs = list(promised.derived_from.items())[1:]
    systems, days = sorted({ss_id for ss_id, _ in wanted}), {day for _, day in wanted}
    of_systems = {name: dimension(name, of, systems) for name, of in inputs if not is_by_region(of)}
    regions = {region for known in of_systems.values() for region in named(known)}
    of_regions = {name: digests(name, of, days, regions) for name, of in inputs if is_by_region(of)}

    def of_unit(ss_id: int, day: date) -> dict[str, list[dict]]:
        found = {name: holding(known.get(ss_id, []), day) for name, known in of_systems.items()}
        if of_regions:
            places = [(region, day) for region in sorted(named(found))]
            found |= {name: [said[one] for one in places if one in said] for name, said in of_regions.items()}
        return found

    return of_unit


def dimension(table: str, columns: tuple[str, ...], systems: list[int]) -> dict[int, list[dict]]:
    """Read columns of a dimension for some systems: its rows by system, those of now."""
    found: dict[int, list[dict]] = defaultdict(list)
    # A row that was there before its table had a history is one of now.
    now = "IFNULL(is_current, TRUE)" if "is_current" in contract.load(table).column_names else "TRUE"
    asked = sql("dimension", table=table, columns=columns, now=now)
    for row in warehouse().select(asked, {"systems": systems}) if systems else ():
        found[row["ss_id"]].append(row)
    return found


def holding(rows: list[dict], day: date) -> list[dict]:
    """Give the rows that hold on a day: all, where they do not say when."""
    if not rows or SPAN[0] not in rows[0]:
        return rows
    return [row for row in rows if (row[SPAN[0]] or date.min) <= day <= (row[SPAN[1]] or date.max)]


def rows(promised: Contract, table: str, due: Sequence["Unit"]) -> pa.Table:
    """Give the dimension's rows of all units that are due, each once; of an input by region and hour the hours.

    Raises:
        SupersededError: hours have changed while they were read.
    """
    columns = promised.derived_from[table]
    if is_by_region(columns):
        return _hours(promised, table, due)
    schema = pa.schema([contract.load(table).arrow_schema.field(name) for name in columns])
    distinct = {tuple(row.values()): row for unit in due for row in unit.dimensions[table]}
    return pa.Table.from_pylist(list(distinct.values()), schema)


def _hours(promised: Contract, table: str, due: Sequence["Unit"]) -> pa.Table:
    columns = promised.derived_from[table]
    said = {(tuple(row[name] for name in REGION), unit.day): row for unit in due for row in unit.dimensions[table]}
    read = hours(table, columns, said.keys())
    days, regions = {day for _, day in said}, {region for region, _ in said}
    now = digests(table, columns, days, regions)
    if moved := [place for place in said if now.get(place) != said[place]]:
        raise SupersededError(
            f"{promised.table}: {len(moved)} days of regions in {table} have changed while they were read, such as "
            f"{' '.join(moved[0][0])} on {moved[0][1]}; nothing was published. Plan again"
        )
    return read


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
    """Ask what some days of regions say: region and digest, by the region and day."""
    if not regions:
        return {}
    said = [f"IFNULL(CAST(`{name}` AS STRING), '')" for name in columns if name not in (*REGION, HOUR, EDITION)]
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
    """Write the predicate that keeps a statement to some days, by literal bounds, and to regions; and its parameter."""
    of_regions = "CONCAT(region_scheme, ' ', region) IN (SELECT named FROM UNNEST(@regions) AS named)"
    within = contract.load(table).on_days(days)
    return f"{within} AND {of_regions}", {"regions": sorted(" ".join(region) for region in regions)}


def _place(row: dict) -> tuple[Region, date]:
    return tuple(row[name] for name in REGION), row[HOUR].date()
