"""dim_emission_factor -- what a unit of an activity emits, as each edition of each source publishes it.

What surprises in this data: the year in a name is the edition's, of the data, or of neither; a re-published edition has
other numbers (eGRID 2023 went from 771.523 to 767.209 lb/MWh for the country, and its first publication has CO2e below
CO2 in 16 of 28 rows); a table may be published empty; one row has kilograms of one gas and grams of another.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

import pyarrow as pa

from jobs import contract, published
from jobs.errors import SourceError
from jobs.gwp import NOT_STATED
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 3

LB, KG, G, T = Decimal("0.45359237"), Decimal(1), Decimal("0.001"), Decimal(1000)

# Published units: the canonical unit, and what to multiply by [kg].
UNITS = {
    "lb/MWh": ("kg/MWh", LB),
    "kg/vehicle-mile": ("kg/vehicle-mile", KG),
    "g/vehicle-mile": ("kg/vehicle-mile", G),
    "kg/passenger-mile": ("kg/passenger-mile", KG),
    "g/passenger-mile": ("kg/passenger-mile", G),
    "kg/mmBtu": ("kg/mmBtu", KG),
    "g/mmBtu": ("kg/mmBtu", G),
    "t/short ton": ("kg/short ton", T),
    "kg CO2e/2021 USD, purchaser price": ("kg/USD", KG),
    "kg CO2e/2022 USD, purchaser price": ("kg/USD", KG),
    "kg CO2e/kg": ("kg/kg", KG),
}


@dataclass(frozen=True)
class Factor:
    """One published value, and what it is about; the text of a value that is not there is empty."""

    basis: str
    gas: str
    text: str
    unit_published: str
    data_year: int | None = None
    region_scheme: str | None = None
    region: str | None = None
    activity: str = "electricity"
    variant: str | None = None
    gwp_set: str | None = None
    dollar_year: int | None = None
    line: int = 0
    raw_text: str = ""


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn one published table into one row per value.

    Args:
        source: an edition's table; its key says the edition and the day that it was published on.

    Yields:
        The factors in the table's order; each value is a row read, and a blank is none. A value that says the same of
        the same again is a duplicate. One that says something else, is no number, or has a unit that the project does
        not know is refused.

    Raises:
        SourceError: the object is not the table that its key says.
    """
    published_on = published.edition_day(source)
    published_by, read = LAYOUTS[source.layout]
    about = {"source": published_by, "edition": source.parts["edition"]}
    rows: dict[str, dict] = {}
    rejects, rows_read, duplicates = [], 0, 0
    for factor in read(source.body(), source.parts["edition"]):
        if not factor.text:
            continue
        rows_read += 1
        row, fault = _row(factor, about)
        row["published_on"] = published_on
        known = rows.get(row["factor_id"])
        if not fault and known:
            if known == row:
                duplicates += 1
                continue
            fault = f"{row['factor_id']} stands with {known['value_published']:g} and with {factor.text}"
        if fault:
            rejects.append(Reject(factor.line, factor.gas, fault, factor.raw_text))
            continue
        rows[row["factor_id"]] = row
    schema = contract.load("dim_emission_factor").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    yield Parsed(pa.Table.from_pylist(list(rows.values()), schema), rows_read, duplicates, rejects)


def _row(factor: Factor, about: Mapping[str, str]) -> tuple[dict, str | None]:
    """Read one factor; the row, and its fault."""
    row = {name: value for name, value in asdict(factor).items() if name not in ("text", "line", "raw_text")} | about
    named = (factor.data_year, factor.basis, factor.region, factor.activity, factor.variant, factor.gas, factor.gwp_set)
    row["factor_id"] = "/".join([*about.values(), *(str(part) for part in named if part is not None)])
    if factor.unit_published not in UNITS:
        return row, f"the unit {factor.unit_published!r} is not one of {', '.join(UNITS)}"
    try:
        row["value_published"] = published.number(factor.text)
    except ValueError:
        return row, f"{factor.text!r} is no number"
    row["unit"], times = UNITS[factor.unit_published]
    # Of the published digits, so that a pound more or less is no dust in the sixteenth.
    row["value"] = float(Decimal(factor.text) * times)
    return row, None


# Property, gas. What an edition's CO2e is made with is said in its documentation: AR4 to the data of 2022, then AR5.
EGRID_RATES = {"co2EmissionRate": "CO2", "co2eEmissionRate": "CO2e", "noxEmissionRate": "NOx", "so2EmissionRate": "SO2"}
EGRID_AR5_SINCE = 2023


def _egrid(body: bytes, _edition: str) -> Iterator[Factor]:
    """Read the rates of eGRID's subregions and of the country from EPA's Power Profiler: total output [lb/MWh]."""
    for line, properties in _features(body):
        if properties.get("type") not in ("subregion", "national"):
            continue
        try:
            year = int(properties["dataYear"])
            for name, gas in EGRID_RATES.items():
                rate = properties["emissionFactor"][name]
                yield Factor(
                    "total_output",
                    gas,
                    "" if rate["value"] is None else str(rate["value"]),
                    rate["units"],
                    data_year=year,
                    region_scheme="egrid_subregion" if properties["type"] == "subregion" else "national",
                    region="US" if properties["type"] == "national" else properties["name"].strip(),
                    gwp_set=("AR5" if year >= EGRID_AR5_SINCE else "AR4") if gas == "CO2e" else None,
                    line=line,
                    raw_text=json.dumps({name: rate}),
                )
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise SourceError(
                f"has a subregion without its rates, feature {line} ({properties.get('name')}): {fault!r}"
            ) from None


def _features(body: bytes) -> Iterator[tuple[int, dict]]:
    try:
        features = json.loads(body.decode("utf-8-sig"))["features"]
        yield from ((line, feature["properties"]) for line, feature in enumerate(features, start=1))
    except (ValueError, KeyError, TypeError) as fault:
        raise SourceError(f"is not GeoJSON with features: {fault!r}") from None


def _by_data_year(body: bytes, columns: tuple[str, ...]) -> Iterator[tuple[int, published.Line]]:
    """Read the lines of a table that has a column for the year of its data, each with that year."""
    for line in published.table(body, columns):
        try:
            year = int(line.cells["data_year"])
        except ValueError:
            raise SourceError(f"has no data year in line {line.number}: {line.raw_text!r}") from None
        yield year, line


AVERT_COLUMNS = ("data_year", "level", "region", "pollutant", "resource", "rate_lb_per_mwh")


def _avert(body: bytes, _edition: str) -> Iterator[Factor]:
    """Read AVERT's avoided emission rates: marginal [lb/MWh] by resource, with the grid losses already in them."""
    for year, line in _by_data_year(body, AVERT_COLUMNS):
        cells = line.cells
        yield Factor(
            "marginal",
            cells["pollutant"],
            cells["rate_lb_per_mwh"],
            "lb/MWh",
            data_year=year,
            region_scheme="national" if cells["level"] == "national" else "avert_region",
            region=cells["region"],
            variant=cells["resource"],
            line=line.number,
            raw_text=line.raw_text,
        )


RESIDUAL_COLUMNS = ("data_year", "region", "co2_lb_per_mwh")


def _residual_mix(body: bytes, _edition: str) -> Iterator[Factor]:
    """Read Green-e's residual mix: what a subregion's electricity emits without what is sold as renewable [lb/MWh].

    Green-e publishes the rate of CO2 alone.
    """
    for year, line in _by_data_year(body, RESIDUAL_COLUMNS):
        cells = line.cells
        yield Factor(
            "residual_mix",
            "CO2",
            cells["co2_lb_per_mwh"],
            "lb/MWh",
            data_year=year,
            region_scheme="egrid_subregion",
            region=cells["region"],
            line=line.number,
            raw_text=line.raw_text,
        )


FOOD_COLUMNS = ("food", "kg_co2e_per_kg", "gwp_set")


def _food(body: bytes, _edition: str) -> Iterator[Factor]:
    """Read what a kilogram of a food has emitted until it is bought, as a study or an office has put it together."""
    for line in published.table(body, FOOD_COLUMNS):
        cells = line.cells
        about = {"activity": cells["food"], "line": line.number, "raw_text": line.raw_text}
        gwp_set = cells["gwp_set"] or NOT_STATED
        yield Factor("weight", "CO2e", cells["kg_co2e_per_kg"], "kg CO2e/kg", gwp_set=gwp_set, **about)


# The year of the eGRID data behind table 6 of each edition of the Hub, as its notes say.
HUB_EGRID_YEARS = {"2021": 2019, "2022": 2020, "2023": 2021, "2024": 2022, "2025": 2023}
HUB_BASES = {"Total Output": "total_output", "Non-Baseload": "nonbaseload"}


def _hub_electricity(body: bytes, edition: str) -> Iterator[Factor]:
    """Read table 6 of EPA's Emission Factors Hub: total output and non-baseload rates by subregion [lb/MWh]."""
    columns = {
        f"{words} {gas} Factor (lb {gas} / MWh)": (basis, gas)
        for words, basis in HUB_BASES.items()
        for gas in ("CO2", "CH4", "N2O")
    }
    region = "eGRID Subregion Acronym"
    if edition not in HUB_EGRID_YEARS:
        raise SourceError(f"is of the edition {edition}, whose data year is not known; known are {HUB_EGRID_YEARS}")
    for line in published.table(body, (region, *columns)):
        is_country = line.cells[region] == "US Average"
        for column, (basis, gas) in columns.items():
            yield Factor(
                basis,
                gas,
                line.cells[column],
                "lb/MWh",
                data_year=HUB_EGRID_YEARS[edition],
                region_scheme="national" if is_country else "egrid_subregion",
                region="US" if is_country else line.cells[region],
                line=line.number,
                raw_text=line.raw_text,
            )


HUB_TRAVEL = {
    f"{gas} Factor ({mass} {gas} / unit)": (gas, mass) for gas, mass in (("CO2", "kg"), ("CH4", "g"), ("N2O", "g"))
}


def _hub_travel(body: bytes, _edition: str) -> Iterator[Factor]:
    """Read table 10 of the Hub, business travel and commuting: kg of CO2, g of CH4 and N2O, by vehicle or passenger."""
    for line in published.table(body, ("Vehicle Type", "Units", *HUB_TRAVEL)):
        for column, (gas, mass) in HUB_TRAVEL.items():
            yield Factor(
                "distance",
                gas,
                line.cells[column],
                f"{mass}/{line.cells['Units']}",
                activity=line.cells["Vehicle Type"],
                line=line.number,
                raw_text=line.raw_text,
            )


HUB_FUEL = {"CO2": "kg", "CH4": "g", "N2O": "g"}


def _hub_stationary(body: bytes, _edition: str) -> Iterator[Factor]:
    """Read table 1 of the Hub, stationary combustion: kg of CO2, g of CH4 and N2O, by the heat of a fuel [mmBtu].

    The unit of methane is blank in EPA's extract of 2024; its numbers are those of the table's `g CH4 per mmBtu`.
    """
    columns = {f"{gas} Factor Energy": gas for gas in HUB_FUEL}
    for line in published.table(body, ("Fuel Type", *columns)):
        for column, gas in columns.items():
            unit, words = line.cells.get(f"{column} Unit", ""), f"{HUB_FUEL[gas]} {gas} per mmBtu"
            known = f"{HUB_FUEL[gas]}/mmBtu" if unit in (words, "") else unit
            about = {"activity": line.cells["Fuel Type"], "line": line.number, "raw_text": line.raw_text}
            yield Factor("fuel", gas, line.cells[column], known, **about)


def _hub_steam(body: bytes, _edition: str) -> Iterator[Factor]:
    """Read table 7 of the Hub, steam and heat: kg of CO2, g of CH4 and N2O, by the heat that is bought [mmBtu]."""
    columns = {f"{gas} Factor ({mass} {gas} / mmBtu)": (gas, mass) for gas, mass in HUB_FUEL.items()}
    for line in published.table(body, ("Category", *columns)):
        for column, (gas, mass) in columns.items():
            about = {"activity": line.cells["Category"], "line": line.number, "raw_text": line.raw_text}
            yield Factor("fuel", gas, line.cells[column], f"{mass}/mmBtu", **about)


# What the factors of waste are made with: AR4 by the notes of the Hub's table 9 while it was of WARM 15. EPA's extract
# of 2024 has no notes; the potentials of that edition's own table 11 are AR5's (28 of methane, 265 of nitrous oxide),
# and its factors of landfills are those before times 28 by 25.
HUB_WASTE_GWP = {"2021": "AR4", "2022": "AR4", "2023": "AR4", "2024": "AR5"}
HUB_WASTE_WAYS = ("Recycled", "Landfilled", "Combusted", "Composted")


def _hub_waste(body: bytes, edition: str) -> Iterator[Factor]:
    """Read table 9 of the Hub, waste, by material and what becomes of it [t CO2e per short ton]."""
    if edition not in HUB_WASTE_GWP:
        raise SourceError(f"is of the edition {edition}, whose set of potentials is not known: {HUB_WASTE_GWP}")
    columns = {f"{way} (Metric Tons CO2e / Short Ton Material)": way for way in HUB_WASTE_WAYS}
    for line in published.table(body, ("Material", *columns)):
        for column, way in columns.items():
            yield Factor(
                "waste",
                "CO2e",
                line.cells[column],
                "t/short ton",
                activity=line.cells["Material"],
                variant=way,
                gwp_set=HUB_WASTE_GWP[edition],
                line=line.number,
                raw_text=line.raw_text,
            )


# Of each version: the year of its greenhouse gas data, and what its CO2e is made with.
SUPPLY_CHAIN = {"v1.2": (2019, "AR4"), "v1.3": (2022, "AR5")}
SUPPLY_CHAIN_VALUES = {
    "Supply Chain Emission Factors without Margins": "without margins",
    "Supply Chain Emission Factors with Margins": "with margins",
}


def _supply_chain(body: bytes, edition: str) -> Iterator[Factor]:
    """Read EPA's Supply Chain GHG Emission Factors: by NAICS code [kg CO2e per USD of the version's year]."""
    if edition not in SUPPLY_CHAIN:
        raise SourceError(f"is of the version {edition}, whose data year is not known; known are {SUPPLY_CHAIN}")
    data_year, gwp_set = SUPPLY_CHAIN[edition]
    naics = "2017 NAICS Code" if b"2017 NAICS Code" in body[:200] else "NAICS Code 2017"
    for line in published.table(body, (naics, "GHG", "Unit", *SUPPLY_CHAIN_VALUES)):
        unit = line.cells["Unit"]
        for column, variant in SUPPLY_CHAIN_VALUES.items():
            yield Factor(
                "spend",
                "CO2e" if line.cells["GHG"] == "All GHGs" else line.cells["GHG"],
                line.cells[column],
                unit,
                data_year=data_year,
                activity=f"NAICS {line.cells[naics]}",
                variant=variant,
                gwp_set=gwp_set,
                dollar_year=int(unit.split("/")[1][:4]) if unit in UNITS else None,
                line=line.number,
                raw_text=line.raw_text,
            )


# The contract's layouts: who publishes, and how it is read.
LAYOUTS: Mapping[str, tuple[str, Callable[[bytes, str], Iterator[Factor]]]] = {
    "egrid_subregions": ("egrid", _egrid),
    "avert_rates": ("avert", _avert),
    "green_e_residual_mix": ("green_e", _residual_mix),
    "food_factors": ("food", _food),
    "ef_hub_electricity": ("ef_hub", _hub_electricity),
    "ef_hub_travel": ("ef_hub", _hub_travel),
    "ef_hub_stationary": ("ef_hub", _hub_stationary),
    "ef_hub_steam": ("ef_hub", _hub_steam),
    "ef_hub_waste": ("ef_hub", _hub_waste),
    "supply_chain_naics": ("supply_chain", _supply_chain),
}
