"""weighed -- how a row of emissions is written: what an entry says, what has weighed it, and what came of it."""

from collections.abc import Mapping
from datetime import date

from jobs import gwp
from jobs.gwp import NOT_STATED
from jobs.known import Known, Price, Target

GASES = ("CO2", "CH4", "N2O")
MAPPED, AS_PUBLISHED, UNMAPPED, NO_PRICE_INDEX = "mapped", "as_published", "unmapped", "no_price_index"


class Taken:
    """The assumptions taken for one entry, numbers and choices, and the version by which they are what they are.

    What was taken `before` for the same counts too.
    """

    def __init__(self, known: Known, year: int, *before: "Taken"):
        self._known, self._year = known, year
        self._since: set[tuple[date, str]] = set().union(*(taken._since for taken in before))

    def __call__(self, name: str) -> float | str:
        """Take an assumption."""
        said = self._known.said(name, self._year)
        self._since.add(said.since)
        return said.value

    def find(self, name: str) -> float | str | None:
        """Take an assumption that there may be; that there is none any more has been said by a version as well."""
        said = self._known.find(name, self._year)
        if said:
            self._since.add(said.since)
        return said.value if said else None

    def factor(self, source: str, basis: str, activity: str, gas: str, **more: str | None) -> dict | None:
        """Take a factor of the edition that is chosen; none if it has none."""
        edition = self(f"{source}_edition")
        return self._known.factors.get((source, edition, basis, activity, gas, more.get("region"), more.get("variant")))

    def gases(self, source: str, basis: str, activity: str, **more: str | None) -> dict[str, dict]:
        """Take the factors of the gases that there are."""
        return {gas: factor for gas in GASES if (factor := self.factor(source, basis, activity, gas, **more))}

    def prices(self, *years: int) -> list[Price] | None:
        """Take the mean index of some years; none if one of them has none."""
        found = [self._known.prices[year] for year in years if year in self._known.prices]
        if len(found) < len(years):
            return None
        self._since |= {price.since for price in found}
        return found

    @property
    def version(self) -> str | None:
        """Name the newest version that has said one of them first; none where none was taken."""
        return max(self._since)[1] if self._since else None


def row_of(category_id: str, entry: Mapping, activity: str, status: str, **values) -> dict:
    """Write a row; what is not said of it is null."""
    said = {name: entry[name] for name in ("item", "amount_usd", "quantity", "quantity_unit")}
    return said | {"category_id": category_id, "activity": activity, "mapping_status": status} | values


def by_gases(quantity: float, factors: Mapping[str, dict], taken: Taken) -> dict:
    """Write masses of gases with their factors, what they are as CO2e by each set and by the chosen, and who chose."""
    masses = {gas: quantity * factor["value"] for gas, factor in factors.items()}
    chosen = taken("gwp_set")
    equivalents = {name: gwp.co2e(masses, name) for name in gwp.SETS}
    return {
        **{f"{gas.lower()}_kg": masses.get(gas) for gas in GASES},
        **{f"co2e_{name.lower()}_kg": value for name, value in equivalents.items()},
        "co2e_kg": equivalents[chosen],
        "gwp_set": chosen,
        "factor_id": factors["CO2"]["factor_id"],
        **{f"{gas.lower()}_factor_id": factors[gas]["factor_id"] for gas in GASES[1:] if gas in factors},
        "assumption_version": taken.version,
    }


def by_factor(quantity: float, factor: Mapping, taken: Taken) -> dict:
    """Write CO2e by a factor of all gases together, which is known by the set of its edition alone."""
    weighed = by_statement(quantity * factor["value"], factor["gwp_set"])
    return weighed | {"factor_id": factor["factor_id"], "assumption_version": taken.version}


def by_statement(co2e_kg: float, gwp_set: str) -> dict:
    """Write CO2e that is known by one set alone, and in the column of no set where its source does not say which.

    >>> by_statement(5.0, "AR4"), by_statement(5.0, NOT_STATED)
    ({'co2e_kg': 5.0, 'gwp_set': 'AR4', 'co2e_ar4_kg': 5.0}, {'co2e_kg': 5.0, 'gwp_set': 'not_stated'})
    """
    of_set = {} if gwp_set == NOT_STATED else {f"co2e_{gwp_set.lower()}_kg": co2e_kg}
    return {"co2e_kg": co2e_kg, "gwp_set": gwp_set} | of_set


def by_nothing(taken: Taken) -> dict:
    """Write that nothing is emitted, which is so by every set."""
    nothing = {f"co2e_{name.lower()}_kg": 0.0 for name in gwp.SETS}
    return nothing | {"co2e_kg": 0.0, "gwp_set": taken("gwp_set"), "assumption_version": taken.version}


def by_mapping(target: Target) -> dict:
    """Write the words of the mapping that decided, and the edition that has first said so."""
    return {"mapping_key": target.key, "mapping_version": target.since}
