"""What an office lands, in a few lines: for tests of lines and of what is made of them."""

import pyarrow as pa
from conftest import FIXTURES

from jobs import contract, transform
from jobs.tables import fact_activity_emissions as lines
from jobs.transform import SourceObject

TABLE = "fact_activity_emissions"
WEIGHED_WITH = ("dim_emission_factor", "dim_assumption", "dim_price_index")
NAICS = (
    "2017 NAICS Code,GHG,Unit,Supply Chain Emission Factors without Margins,"
    "Supply Chain Emission Factors with Margins\n"
)
TRAVEL = "Expense Amount (reimbursement currency),Expense Type,Sent for Payment Date,Org Unit 1 - Code\n"
HUB = "Vehicle Type,CO2 Factor (kg CO2 / unit),CH4 Factor (g CH4 / unit),N2O Factor (g N2O / unit),Units,Year\n"

UNITS = "Cost Object,Fiscal Year,Department Id,Department,School or Area\n"
# US EPA, table 10 of the Hub, as the surveys' publisher has used it: 0.307842 kg CO2e per mile with AR5.
CAR = HUB + "Passenger Car,0.306,0.009,0.006,vehicle-mile,2025\n"

# EPA's Supply Chain factors v1.2, with margins [kg CO2e/2021 USD]: air, hotels, and two kinds of builders.
FACTORS = {"481111": 0.976, "721110": 0.183, "236220": 0.256, "238110": 0.245}
# BLS' CPI-U, CUUR0000SA0, annual means.
PRICES = {2019: 255.657, 2021: 270.970, 2023: 304.702}


def naics(factors=FACTORS):
    unit = '"kg CO2e/2021 USD, purchaser price"'
    return NAICS + "".join(f"{code},All GHGs,{unit},{value},{value}\n" for code, value in factors.items())


def cpi(prices=PRICES):
    lines_ = [f"CUUR0000SA0,{year},M13,{value}\n" for year, value in prices.items()]
    return "series_id,year,period,value\n" + "".join(lines_)


def assumptions(**values):
    """The fixtures' assumptions with some changed; `reply_rate__2018` is that of 2018, and a list is a choice."""
    first = FIXTURES / "dim_assumption/emissions/assumptions/2026-01-20_2026.1/assumptions.csv"
    kept = {tuple(line.split(",")[:2]): line for line in first.read_text().splitlines(keepends=True)}
    for name, value in {"cpi_edition": ["c"], "last_fiscal_year": 2026, **values}.items():
        name, _, year = name.partition("__")
        said, unit = (value[0], "choice") if isinstance(value, list) else (value, "number")
        kept[name, year or "all"] = f"{name},{year or 'all'},{said},{unit},test,,\n"
    return "".join(kept.values())


MAPPING = """\
feed,key,activity,share,group
travel,air,NAICS 481111,,Air Travel
travel,airport parking,excluded,,Ground Travel
travel,hotel,NAICS 721110,,Accommodations
construction,new construction,NAICS 236220,0.5,
construction,new construction,NAICS 238110,0.5,
commuting,car,Passenger Car,,
commuting,subway,"Transit Rail (i.e. Subway, Tram)",,
commuting,commuter_rail,Commuter Rail,,
commuting,bus,Bus,,
"""
# What there is to weigh with, by layout: the day and edition of each file, and what it says.
DESCRIBED = {
    "assumptions": {("2024-01-01", "a1"): assumptions(ef_hub_edition=["h"], supply_chain_edition=["v1.2"])},
    "activity_mapping": {("2024-01-01", "m1"): MAPPING},
    "cpi": {("2023-12-01", "c"): cpi()},
    "supply_chain_naics": {("2023-07-10", "v1.2"): naics()},
    "ef_hub_travel": {("2023-01-01", "h"): CAR},
    "org_units": {("2023-01-01", "o"): UNITS + "7,2023,D,Dep,S\n"},
}


def said(layout, edition, body, published_on="2024-02-01"):
    """What one object says, after it has been landed."""
    body = body if isinstance(body, bytes) else body.encode()
    parts = {"edition": edition, "published_on": published_on}
    (piece,) = lines.transform(SourceObject.of(body, parts, layout))
    return piece


def made(*files, **described):
    """Weigh files, each of (layout, edition, body[, day]); the pieces of the files alone."""
    with_what = {**DESCRIBED, **described}
    beside = [
        said(layout, edition, body, day)
        for layout, files_ in with_what.items()
        for (day, edition), body in files_.items()
    ]
    pieces = lines.together([said(*file) for file in files] + beside)
    return pieces[: len(files)]


def rows(*files, **described):
    """The rows of files in the order of their lines."""
    found = [row for piece in made(*files, **described) for row in piece.rows.to_pylist()]
    names = contract.load(TABLE).column_names
    assert all(set(row) == set(names) - {"load_id", "object_id"} for row in found)
    return found


def publish(place, *tables):
    """Put what the fixtures say into tables as if it had been loaded, which takes a load for each edition."""
    for table in tables:
        promised = contract.load(table)
        found = []
        for source in promised.sources:
            for path in sorted((FIXTURES / table).glob(f"{source.prefix}*/*")):
                if parts := source.parts(str(path.relative_to(FIXTURES / table))):
                    (piece,) = transform.of(table).transform(SourceObject.of(path.read_bytes(), parts, source.name))
                    found += [row | {"load_id": "l", "object_id": "o"} for row in piece.rows.to_pylist()]
        columns = ", ".join(promised.column_names)
        script = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM published;"
        place.opened.transact(script, {}, {"published": pa.Table.from_pylist(found, promised.arrow_schema)})


def land_fixtures(place):
    """Put what the fixtures have of lines, and of what weighs them, into a bucket."""
    for table in (TABLE, "dim_assumption", "dim_org_unit", "dim_price_index", "dim_emission_factor"):
        for path in sorted((FIXTURES / table).glob("emissions/*/*/*")):
            if path.parts[-3] not in ("egrid", "avert"):
                place.put(str(path.relative_to(FIXTURES / table)), path.read_bytes())
