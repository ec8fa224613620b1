"""bills -- energy that is burnt or bought, from the units of a bill to emissions of Scope 1, 2 and 3."""

import re
from collections.abc import Iterator, Mapping
from functools import partial

from jobs.known import Known, Target
from jobs.weighed import AS_PUBLISHED, GASES, MAPPED, UNMAPPED, Taken, by_gases, by_mapping, by_statement, row_of

# Units of bills: of electricity in MWh; of heat, the word of the assumption that says how much is in one [mmBtu].
ELECTRIC = {"kwh": 0.001, "mwh": 1.0}
ENERGY_UNITS = {
    "kwh": "kwh",
    "mwh": "mwh",
    "mmbtu": "mmbtu",
    "thm": "therm",
    "therm": "therm",
    "ccf": "ccf",
    "gal": "gallon",
    "mlb": "mlb_steam",
}
# What is bought ready to use, so that it is burnt by others.
BOUGHT = {"electricity", "Steam and Heat"}
# What nothing names is taken for burnt here, so that Scope 1 is not complete.
UNKNOWN = Target("", "", 1.0, None)


def weigh(_feed: str, _category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh a bill of energy: what is burnt here, or what was burnt elsewhere for it, and what it took to get it here.

    Electricity is weighed by the grid of the place, and by what its supplier states of it, or else by the grid again,
    which is the last of the GHG Protocol's hierarchy. Lost on the way and upstream is Scope 3 by the grid of the place.

    Raises:
        SourceError: an assumption is not there.
    """
    year = entry["fiscal_year"]
    # A mapping has no shares of energy, so there is no second.
    (target,) = known.mapped("energy", entry["item"]) or [UNKNOWN]
    taken = Taken(known, year)
    is_electricity = target.activity == "electricity"
    categories = ("2_location", "2_market") if target.activity in BOUGHT else ("1",)
    unit = ENERGY_UNITS.get(entry["quantity_unit"].casefold())
    basis, region = ("total_output", known.said("grid_region", year).value) if is_electricity else ("fuel", None)
    found = partial(known.factor, "ef_hub", year, basis, target.activity)
    factors = {gas: factor for gas in GASES if (factor := found(gas, region=region))}
    if unit is None or "CO2" not in factors or (unit in ELECTRIC) != is_electricity:
        # What it took to get it here is not known either.
        named = by_mapping(target) if target.key else {}
        for category_id in (*categories, "3.03"):
            yield row_of(category_id, entry, UNMAPPED, UNMAPPED, method="energy", **named)
        return
    quantity = entry["quantity"] * (ELECTRIC[unit] if is_electricity else _heat(unit, target.activity, taken))
    about = {"quantity_unit": "MWh" if is_electricity else "mmBtu", "method": "energy", **by_mapping(target)}
    masses = {gas: quantity * factor["value"] for gas, factor in factors.items()}
    for category_id in categories:
        row = partial(row_of, category_id, entry, target.activity, **about, quantity=quantity)
        if category_id == "2_market" and is_electricity and entry["weight"] is not None:
            stated = by_statement(1000 * quantity * entry["weight"], known.said("gwp_set", year).value)
            yield row(AS_PUBLISHED, **stated)
        else:
            yield row(MAPPED, **by_gases(masses, factors, known, entry), assumption_version=taken.version)
    if is_electricity:
        lost = taken("grid_loss_share")
        masses = {gas: mass * lost for gas, mass in masses.items()}
        values = by_gases(masses, factors, known, entry) | {"assumption_version": taken.version}
        yield row_of("3.03", entry, "grid loss", MAPPED, **about, quantity=quantity * lost, **values)
    upstream = Taken(known, year)
    kg = quantity * upstream(f"upstream_kg_per_{about['quantity_unit'].lower()}_{_word(target.activity)}")
    values = by_statement(kg, known.said("gwp_set", year).value) | {"assumption_version": upstream.version}
    yield row_of("3.03", entry, "upstream", MAPPED, **about, quantity=quantity, **values)


def _heat(unit: str, activity: str, taken: Taken) -> float:
    """Tell the heat in a unit of a bill [mmBtu]; a gallon has that of its oil."""
    if unit == "mmbtu":
        return 1.0
    return taken(f"mmbtu_per_{unit}" + (f"_{_word(activity)}" if unit == "gallon" else ""))


def _word(activity: str) -> str:
    """Write an activity as a part of an assumption's name.

    >>> _word("Distillate Fuel Oil No. 2")
    'distillate_fuel_oil_no_2'
    """
    return re.sub("[^a-z0-9]+", "_", activity.lower())
