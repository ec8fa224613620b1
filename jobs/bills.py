"""bills -- energy that is burnt or bought, from the units of a bill to emissions of Scope 1, 2 and 3."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from jobs.gwp import NOT_STATED
from jobs.known import Known, Target
from jobs.weighed import AS_PUBLISHED, MAPPED, UNMAPPED, Taken, by_gases, by_mapping, by_nothing, by_statement, row_of

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
# Who may state what bought electricity has emitted, after the GHG Protocol's Scope 2 Guidance, the best first; and what
# stands in for all of them.
SUPPLIER, RESIDUAL_MIX, AVERAGE = "supplier", "residual_mix", "average"
INSTRUMENTS = ("certificate", "contract", SUPPLIER)


def fault(lines: Sequence[Mapping]) -> str | None:
    """Tell why lines are not one bill: a certificate's or a contract's, and that of the rest, add up to all of it.

    That of the rest may be of the whole as well, and nobody could tell; so a bill in parts says how much it is.

    >>> fault([{"quantity": 600.0, "quantity_unit": "kWh", "total": 1000.0}])
    'is of a bill of 1,000, and its lines come to 600 kWh'
    """
    is_in_parts = any(line.get("part") for line in lines)
    totals = {line["total"] for line in lines if line.get("total") is not None}
    if not (is_in_parts if len(lines) > 1 else totals):
        return None
    if not totals:
        return (
            f"is one of {len(lines)} lines of a bill, some by a certificate or contract, and none says in "
            "Bill Quantity how much it is; bills that are not one have accounts of their own"
        )
    come = sum(line["quantity"] for line in lines)
    units = sorted({line["quantity_unit"].casefold(): line["quantity_unit"] for line in lines}.values())
    # Each part of a bill may be rounded.
    if len(units) == 1 and len(totals) == 1 and abs(come - max(totals)) <= max(1e-6 * come, 0.01 * len(lines)):
        return None
    told = " and ".join(f"{total:,.10g}" for total in sorted(totals))
    return f"is of a bill of {told}, and its lines come to {come:,.10g} {' and '.join(units)}"


def weigh(_feed: str, _category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh a bill of energy: what is burnt here, or what was burnt elsewhere for it, and what it took to get it here.

    Electricity is weighed by the grid of the place, and by the market. Lost on the way and upstream is Scope 3, by the
    grid of the place.

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
    basis, region = ("total_output", taken("grid_region")) if is_electricity else ("fuel", None)
    factors = taken.gases("ef_hub", basis, target.activity, region=region)
    if unit is None or "CO2" not in factors or (unit in ELECTRIC) != is_electricity:
        # What it took to get it here is not known either.
        named = by_mapping(target) if target.key else {}
        for category_id in (*categories, "3.03"):
            yield row_of(category_id, entry, UNMAPPED, UNMAPPED, method="energy", **named)
        return
    measured = Taken(known, year)
    quantity = entry["quantity"] * (ELECTRIC[unit] if is_electricity else _heat(unit, target.activity, measured))
    taken = Taken(known, year, taken, measured)
    about = {"quantity_unit": "MWh" if is_electricity else "mmBtu", "method": "energy", **by_mapping(target)}
    row = partial(row_of, entry=entry, activity=target.activity, **about, quantity=quantity)
    by_place = by_gases(quantity, factors, taken)
    yield row(categories[0], status=MAPPED, **by_place)
    if target.activity in BOUGHT:
        by_market = Taken(known, year)
        values = _market(entry, quantity, by_market) if is_electricity else None
        # That nothing better is chosen has decided as well.
        average = by_gases(quantity, factors, Taken(known, year, taken, by_market))
        yield row("2_market", **values or {"status": MAPPED, "market_basis": AVERAGE, **average})
    if is_electricity:
        lost = quantity * taken("grid_loss_share")
        values = by_gases(lost, factors, taken)
        yield row_of("3.03", entry, "grid loss", MAPPED, **about, quantity=lost, **values)
    upstream = Taken(known, year, measured)
    per_unit = f"upstream_kg_per_{about['quantity_unit'].lower()}_{_word(target.activity)}"
    values = by_statement(quantity * upstream(per_unit), upstream.find(f"{per_unit}_gwp_set") or NOT_STATED)
    values |= {"assumption_version": upstream.version}
    yield row_of("3.03", entry, "upstream", MAPPED, **about, quantity=quantity, **values)


def _market(entry: Mapping, mwh: float, taken: Taken) -> dict | None:
    """Weigh electricity by the market: as a certificate, a contract or its supplier states it, or by the residual mix.

    The residual mix of the region is what nobody has claimed; where it is not known the grid's average is the last of
    the GHG Protocol's hierarchy, and none is told here.
    """
    if entry["weight"] is not None:
        kg = 1000 * mwh * entry["weight"]
        stated = by_statement(kg, entry["gwp_set"] or NOT_STATED) if kg else by_nothing(taken)
        return {"status": AS_PUBLISHED, "market_basis": entry["instrument"], **stated}
    if taken.find("green_e_edition"):
        factors = taken.gases("green_e", RESIDUAL_MIX, "electricity", region=taken("grid_region"))
        if "CO2" in factors:
            return {"status": MAPPED, "market_basis": RESIDUAL_MIX, **by_gases(mwh, factors, taken)}
    return None


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
