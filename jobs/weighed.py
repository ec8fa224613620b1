"""weighed -- how a row of emissions is written: what an entry says, what has weighed it, and what came of it."""

from collections.abc import Mapping

from jobs import gwp
from jobs.known import Known, Target

GASES = ("CO2", "CH4", "N2O")
MAPPED, AS_PUBLISHED, UNMAPPED, NO_PRICE_INDEX = "mapped", "as_published", "unmapped", "no_price_index"


class Taken:
    """The assumptions that are taken for one entry, and the version by which they are what they are."""

    def __init__(self, known: Known, year: int):
        self._known, self._year = known, year
        self._since: set = set()

    def __call__(self, name: str) -> float:
        """Take an assumption's number."""
        said = self._known.said(name, self._year)
        self._since.add(said.since)
        return said.value

    @property
    def version(self) -> str | None:
        """Name the newest version that has said one of them first; none where none was taken."""
        return max(self._since)[1] if self._since else None


def row_of(category_id: str, entry: Mapping, activity: str, status: str, **values) -> dict:
    """Write a row; what is not said of it is null."""
    said = {name: entry[name] for name in ("item", "amount_usd", "quantity", "quantity_unit")}
    return said | {"category_id": category_id, "activity": activity, "mapping_status": status} | values


def by_gases(masses: Mapping[str, float], factors: Mapping[str, dict], known: Known, entry: Mapping) -> dict:
    """Write masses of gases with the factors they come from, and what they are as CO2e by each set and the chosen."""
    chosen = known.said("gwp_set", entry["fiscal_year"]).value
    equivalents = {name: gwp.co2e(masses, name) for name in gwp.SETS}
    return {
        **{f"{gas.lower()}_kg": masses.get(gas) for gas in GASES},
        **{f"co2e_{name.lower()}_kg": value for name, value in equivalents.items()},
        "co2e_kg": equivalents[chosen],
        "gwp_set": chosen,
        "factor_id": factors["CO2"]["factor_id"],
        **{f"{gas.lower()}_factor_id": factors[gas]["factor_id"] for gas in GASES[1:] if gas in factors},
    }


def by_statement(co2e_kg: float, gwp_set: str) -> dict:
    """Write CO2e that is known by one set alone."""
    return {"co2e_kg": co2e_kg, "gwp_set": gwp_set, f"co2e_{gwp_set.lower()}_kg": co2e_kg}


def by_mapping(target: Target) -> dict:
    """Write the words of the mapping that decided, and the edition that has first said so."""
    return {"mapping_key": target.key, "mapping_version": target.since}
