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

from jobs import campd, contract, fossil, published
from jobs.transform import Parsed, Reject, Rejects, SourceObject

VERSION = 1

LB = Decimal("0.45359237")  # [kg]
GASES = ("co2", "ch4", "n2o", "nox", "so2", "co2e")
# Heat of combined plants taken out, carbon of biomass left in.
OGE_RATES = {gas: f"consumed_{gas}_rate_lb_per_mwh_for_electricity" for gas in GASES}
OGE_CLOCKS = ("datetime_utc", "datetime_local")
# Open Grid Emissions takes the IPCC's newest report at the time of the data: the sixth from here on.
OGE_AR6_SINCE = 2021


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn a file into one row per region and hour [kg/MWh].

    Raises:
        SourceError: the object is not the table that its key says.
    """
    yield _consumed(source) if source.layout == "oge_consumed" else _fossil(source)


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


def _fossil(source: SourceObject) -> Parsed:
    """Add up EPA's hours of units by state, each hour of which is in one file.

    A row read is a unit's hour; all that is folded into a state's is counted as duplicate. Of a state of several time
    zones the instants are not known, and its rows are refused, as one.
    """
    partial: list[pa.Table] = []
    unplaced: Counter[str] = Counter()
    rejects, rows_read, duplicates = Rejects(), 0, 0
    for block in campd.blocks(source):
        has_instant = block.rows["hour_start_utc"].is_valid()
        unplaced.update(block.rows.filter(pc.invert(has_instant))["state"].cast(pa.string()).to_pylist())
        partial.append(fossil.sums(block.rows.filter(has_instant)))
        rows_read += block.rows_read
        duplicates += block.rows_duplicate + pc.sum(has_instant).as_py()
        rejects.extend(block.rejects)
    about = {
        "region_scheme": "us_state",
        "source": "campd",
        "basis": "fossil",
        "edition": source.parts["edition"],
        "data_year": int(source.parts["local_year"]),
    }
    rows = [about | hour for hour in fossil.intensities(partial)]
    for state, count in sorted(unplaced.items()):
        rejects.append(
            Reject(0, "hour_start_utc", f"{state} has several time zones, so that no instant is known", state, count)
        )
    return Parsed(_table(rows), rows_read, duplicates - len(rows), list(rejects))


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
    schema = contract.load("fact_grid_intensity_hourly").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    return pa.Table.from_pylist(list(rows), schema)
