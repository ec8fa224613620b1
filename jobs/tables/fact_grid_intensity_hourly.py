"""fact_grid_intensity_hourly -- what a MWh of a region of the grid emitted in each hour.

What surprises in this data: a file is of a year by the local clock, so that its last hours are of the next year in UTC,
and files of old versions are of a year of UTC instead; areas that span time zones have had hours twice; version 0.10
comes after version 0.9; the global warming potentials change with the year of the data; some small areas have rates
below zero. What surprises in EPA's hours of units is told in `campd`, what is made of them in `fossil`.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from jobs import cems, contract, fossil, published
from jobs.editions import LEFT
from jobs.standard_time import by_state_clock
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 3

TABLE = "fact_grid_intensity_hourly"
LB = Decimal("0.45359237")  # [kg]
GASES = ("co2", "ch4", "n2o", "nox", "so2", "co2e")
# Heat of combined plants taken out, carbon of biomass left in.
OGE_RATES = {gas: f"consumed_{gas}_rate_lb_per_mwh_for_electricity" for gas in GASES}
OGE_CLOCKS = ("datetime_utc", "datetime_local")
# Open Grid Emissions takes the IPCC's newest report at the time of the data: the sixth from here on.
OGE_AR6_SINCE = 2021
# Why units' hours are in no state's.
NO_INSTANT = "{state} has several time zones, and no file of facilities tells that of {plants}"
OTHER_FILE = "by the one clock of {state} the hour is another file's"
# How many plants a reason names.
SHOWN = 5


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn a file into one row per region and hour [kg/MWh].

    Raises:
        SourceError: the object is not the table that its key says.
    """
    if source.layout == "oge_consumed":
        yield _consumed(source)
    else:
        yield from _fossil(source)


def _consumed(source: SourceObject) -> Parsed:
    """Read a balancing authority's year of Open Grid Emissions, whose key says version, year and authority.

    A value that is blank is null, and the row says so. An hour again with the same values is a duplicate; with others,
    of another year, without a zone or within an hour it is refused.
    """
    year = int(source.parts["local_year"])
    about = {
        "region_scheme": "balancing_authority",
        "region": source.parts["region"],
        "source": "oge",
        "basis": "consumed",
        "edition": source.parts["edition"],
        "data_year": year,
    }
    rows: dict[datetime, dict] = {}
    rejects, rows_read, duplicates = [], 0, 0
    for line in published.table(source.body(), (*OGE_CLOCKS, *OGE_RATES.values())):
        rows_read += 1
        try:
            row = about | _rates(line.cells, year) | _clocks(line.cells, year)
        except ValueError as fault:
            rejects.append(Reject(line.number, None, str(fault), line.raw_text))
            continue
        known = rows.setdefault(row["hour_start_utc"], row)
        if known is not row and known == row:
            duplicates += 1
        elif known is not row:
            reason = f"the hour stands before, with other values: CO2 {known['co2_kg_per_mwh']} kg/MWh"
            rejects.append(Reject(line.number, None, reason, line.raw_text))
    return Parsed(_table(rows.values()), rows_read, duplicates, rejects)


def _fossil(source: SourceObject) -> Iterator[Parsed]:
    """Add up hours of units by state, a state's year after the other where a file has many.

    A row read is a unit's hour; all that is folded into a state's is counted as duplicate. Of a state with a plant
    whose instants are not known nothing is told, for the others are no mean of it, and its rows are refused, as one. So
    are those whose hour is another file's by the state's one clock, that of its other plants.
    """
    held = fossil.StateYears()
    folded, of_another, untold = Counter(), Counter(), Counter()
    about = {"region_scheme": "us_state", "source": "campd", "basis": "fossil", "edition": source.parts["edition"]}

    def rows_of(hours: list[dict]) -> pa.Table:
        return _table(about | hour | {"data_year": hour["hour_start_local"].year} for hour in hours)

    for block in cems.blocks(TABLE, source):
        states = block.rows["state"].cast(pa.string()).combine_chunks()
        clock = by_state_clock(block.rows["hour_start_utc"].combine_chunks(), states)
        has_instant = clock.is_valid()
        is_another = _is_of_another(clock, source)
        plants = block.rows["facility_id"].combine_chunks()
        lacking = (column.filter(pc.invert(has_instant)).to_pylist() for column in (states, plants))
        untold.update(zip(*lacking, strict=True))
        of_another.update(states.filter(pc.fill_null(is_another, False)).to_pylist())
        folded.update(states.filter(pc.fill_null(pc.invert(is_another), False)).to_pylist())
        place = block.rows.column_names.index("hour_start_local")
        placed = block.rows.set_column(place, "hour_start_local", clock).filter(pc.invert(is_another))
        rows = rows_of(held.add(placed))
        # Hours that were read long before may be told only now: over all pieces the counts add up.
        yield Parsed(rows, block.rows_read, block.rows_duplicate + len(placed) - len(rows), block.rejects)
    lacks: dict[str, dict[int, int]] = {}
    for (state, plant), count in sorted(untold.items()):
        lacks.setdefault(state, {})[plant] = count
    rejects = [
        Reject(
            0,
            "hour_start_utc",
            NO_INSTANT.format(state=state, plants=_named([*plants])),
            state,
            folded[state] + sum(plants.values()),
        )
        for state, plants in lacks.items()
    ]
    rejects += [
        Reject(0, "hour_start_local", OTHER_FILE.format(state=state), state, count)
        for state, count in sorted(of_another.items())
    ]
    rows = rows_of([hour for hour in held.rest() if hour["region"] not in lacks])
    yield Parsed(rows, 0, -len(rows) - sum(folded[state] for state in lacks), rejects)


def _is_of_another(clock: pa.TimestampArray, source: SourceObject) -> pa.BooleanArray:
    """Tell which hours [clock of the state] are another file's: before or after this one's, or of a quarter it left."""
    left = [int(part[-1]) for part in source.parts.get(LEFT, "").split() if part.startswith("quarter=")]
    start, end = (pa.scalar(moment, clock.type) for moment in cems.span(TABLE, source))
    is_outside = pc.or_(pc.less(clock, start), pc.greater_equal(clock, end))
    return pc.or_(is_outside, pc.is_in(pc.quarter(clock), pa.array(left, pa.int64())))


def _named(plants: list[int]) -> str:
    more = f" and {len(plants) - SHOWN} more" * (len(plants) > SHOWN)
    return f"plant{'s' * (len(plants) > 1)} {', '.join(map(str, plants[:SHOWN]))}{more}"


def _rates(cells: dict[str, str], year: int) -> dict:
    """Read the rates of an hour [kg/MWh], and why some are not there."""
    texts = {gas: cells[column] for gas, column in OGE_RATES.items()}
    missing = [gas for gas, text in texts.items() if not text]
    return {f"{gas}_kg_per_mwh": _kg(text) for gas, text in texts.items()} | {
        "gwp_set": ("AR6" if year >= OGE_AR6_SINCE else "AR5") if texts["co2e"] else None,
        "reason": f"not published: {', '.join(missing)}" if missing else None,
    }


def _kg(text: str) -> float | None:
    """Turn pounds into kilograms, of the published digits; a blank is none."""
    if not text:
        return None
    try:
        published.number(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    return float(Decimal(text) * LB)


def _clocks(cells: dict[str, str], year: int) -> dict[str, datetime]:
    """Read which hour of UTC a line is of, and hold it to the local clock beside it.

    Raises:
        ValueError: it is no hour, or not of the file's year; says what is wrong.
    """
    utc, local = (datetime.fromisoformat(cells[name]) for name in OGE_CLOCKS)
    if utc.utcoffset() is None or utc.utcoffset():
        raise ValueError(f"{cells['datetime_utc']} does not say that it is UTC")
    if utc.replace(minute=0, second=0, microsecond=0) != utc:
        raise ValueError(f"{cells['datetime_utc']} is not the start of an hour")
    if local.tzinfo and local != utc:
        raise ValueError(f"{cells['datetime_local']} and {cells['datetime_utc']} are not one time")
    if local.year != year:
        raise ValueError(f"{cells['datetime_local']} is of {local.year}, and the file of {year}")
    return {"hour_start_utc": utc.astimezone(UTC), "hour_start_local": local.replace(tzinfo=None)}


def _table(rows) -> pa.Table:
    schema = contract.load(TABLE).arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    return pa.Table.from_pylist(list(rows), schema)
