"""footprint -- from an entry and what is known on a day to emissions, one row for each factor that weighs a part of it.

The methods are those of the GHG Protocol's Scope 3 guidance: money by a factor per dollar of the factor's year, which
the price index makes of the dollars of the entry's; distances by a factor per mile; electricity by what the grid emits.
What nothing weighs has no emissions, which is null and a status, and never zero.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from jobs import gwp
from jobs.known import EXCLUDED, Known

GASES = ("CO2", "CH4", "N2O")
MAPPED, AS_PUBLISHED, UNMAPPED, NO_PRICE_INDEX = "mapped", "as_published", "unmapped", "no_price_index"
WITH_MARGINS = "with margins"
NONE = "none"

# How people ride by what they tick: each ride, and the assumption that says which share of it that is.
CAR, TRANSIT = ("car", None), ("transit", None)
RIDES: Mapping[str, tuple[tuple[str, str | None], ...]] = {
    "drove alone": (CAR,),
    "car": (CAR,),
    "taxi": (CAR,),
    "dropped off": (CAR,),
    "drove alone and public transportation": (("car", "mixed_drive_share"), ("transit", "mixed_transit_share")),
    "dropped off and public transportation": (("car", "mixed_drive_share"), ("transit", "mixed_transit_share")),
    "walked and public transportation": (("transit", "mixed_transit_share"),),
    "bicycled and public transportation": (("transit", "mixed_transit_share"),),
    "carpooled": (("car", "carpool_ratio"),),
    "vanpooled": (("car", "vanpool_ratio"),),
    "shuttle": (("bus", None),),
    "bus": (("bus", None),),
    "subway": (("subway", None),),
    "commuter rail": (("commuter_rail", None),),
    "intercity rail": (("intercity_rail", None),),
    "public transportation": (TRANSIT,),
    "walked": (),
    "bicycled": (),
    "worked remotely": (),
}
TRANSIT_PARTS = ("subway", "commuter_rail", "bus", "intercity_rail")


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


def weigh(feed: str, category_id: str, entry: Mapping, known: Known) -> list[dict]:
    """Make the rows of an entry: no two of one category, item and activity.

    Raises:
        SourceError: an assumption that they need is not there.
    """
    return list(METHODS[feed](feed, category_id, entry, known))


def _row(category_id: str, entry: Mapping, activity: str, status: str, **values) -> dict:
    said = {name: entry[name] for name in ("item", "amount_usd", "quantity", "quantity_unit")}
    return said | {"category_id": category_id, "activity": activity, "mapping_status": status} | values


def _spend(feed: str, category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh money: amount times share, in dollars of the factor's year, by the factor per dollar with margins.

    Of new construction only the hard costs are weighed. The index is that of the calendar year, or of the fiscal year
    where no day is known.
    """
    taken = Taken(known, entry["fiscal_year"])
    applied = taken("hard_cost_share") if entry["item"] == "new construction" else 1.0
    targets = known.mapped(feed, entry["item"])
    if not targets:
        yield _row(category_id, entry, UNMAPPED, UNMAPPED, method="spend")
    for target in targets:
        amount = entry["amount_usd"] * target.share
        about = {"amount_usd": amount, "mapping_key": target.key, "expense_group": target.group, "method": "spend"}
        row = partial(_row, category_id, entry, target.activity, **about)
        if target.activity == EXCLUDED or entry["is_excluded"]:
            yield row(EXCLUDED)
            continue
        found = partial(known.factor, "supply_chain", entry["fiscal_year"], "spend", target.activity)
        factor = found("CO2e", variant=WITH_MARGINS)
        if factor is None:
            yield row(UNMAPPED)
            continue
        year = entry["activity_date"].year if entry["activity_date"] else entry["fiscal_year"]
        price, base = known.prices.get(year), known.prices.get(factor["dollar_year"])
        if price is None or base is None:
            yield row(NO_PRICE_INDEX, dollar_year=factor["dollar_year"])
            continue
        deflated = amount * applied * base.value / price.value
        yield row(
            MAPPED,
            applied_share=applied,
            deflated_usd=deflated,
            dollar_year=factor["dollar_year"],
            price_index_edition=max(price.edition, base.edition),
            price_index_months=price.months,
            factor_id=factor["factor_id"],
            assumption_version=taken.version,
            **_stated(deflated * factor["value"], factor["gwp_set"]),
        )


def _commute(feed: str, category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh rides to work: miles of a year, of all and not only of those who have replied, by the factor per mile.

    A car is shared by those who pool, and is counted once; who works elsewhere on some days rides that much less.
    """
    year = entry["fiscal_year"]
    rides = RIDES.get(entry["item"])
    if rides is None:
        yield _row(category_id, entry, UNMAPPED, UNMAPPED, method="distance")
        return
    if not rides:
        yield _row(
            category_id, entry, NONE, MAPPED, method="distance", **_stated(0.0, known.said("gwp_set", year).value)
        )
    for ride, share in rides:
        parts = [(part, f"transit_split_{part}") for part in TRANSIT_PARTS] if ride == "transit" else [(ride, None)]
        for part, split in parts:
            taken = Taken(known, year)
            of_all = (
                taken("trips_per_day") * taken("weeks_per_year") * (1 - taken("remote_share")) / taken("reply_rate")
            )
            miles = _miles_one_way(feed, entry, part, taken) * of_all
            for name in (share, split):
                miles *= taken(name) if name else 1.0
            yield _ride(category_id, entry, part, miles, known, taken)


def _miles_one_way(feed: str, entry: Mapping, part: str, taken: Taken) -> float:
    """Tell the miles of all riders one way: on a day of each week of the year, on all of its days together."""
    if feed == "commuting_minutes":
        return entry["quantity"] / 60 * taken(f"speed_{part}")
    if feed == "commuting_bins":
        miles = entry["weight"] / 60 * taken(f"speed_{part}")
    else:
        miles = entry["weight"] if entry["weight"] is not None else taken("one_way_miles")
    return entry["quantity"] * miles * taken("days_per_week")


def _ride(category_id: str, entry: Mapping, part: str, miles: float, known: Known, taken: Taken) -> dict:
    targets = known.mapped("commuting", part)
    found = partial(known.factor, "ef_hub", entry["fiscal_year"], "distance")
    factors = {gas: factor for target in targets for gas in GASES if (factor := found(target.activity, gas))}
    about = {"quantity": miles, "method": "distance", "assumption_version": taken.version}
    if "CO2" not in factors:
        return _row(category_id, entry, part, UNMAPPED, **about | {"quantity_unit": "mile"})
    about |= {"mapping_key": targets[0].key, "quantity_unit": factors["CO2"]["unit"].removeprefix("kg/")}
    masses = {gas: miles * factor["value"] for gas, factor in factors.items()}
    return _row(category_id, entry, part, MAPPED, **about, **_weighed(masses, factors, known, entry))


def _given(_feed: str, _category_id: str, entry: Mapping, _known: Known) -> Iterator[dict]:
    """Take over what somebody else has worked out."""
    stated = _stated(entry["co2e_kg"], entry["gwp_set"])
    yield _row(entry["item"], entry, "stated", AS_PUBLISHED, method="as_published", **stated)


def _weighed(masses: Mapping[str, float], factors: Mapping[str, dict], known: Known, entry: Mapping) -> dict:
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


def _stated(co2e_kg: float, gwp_set: str) -> dict:
    """Write CO2e that is known by one set alone."""
    return {"co2e_kg": co2e_kg, "gwp_set": gwp_set, f"co2e_{gwp_set.lower()}_kg": co2e_kg}


METHODS: Mapping[str, Callable[[str, str, Mapping, Known], Iterator[dict]]] = {
    **dict.fromkeys(("travel", "goods", "food", "construction", "maintenance"), _spend),
    **dict.fromkeys(("commuting_bins", "commuting_minutes", "commuting_counts"), _commute),
    "manual": _given,
}
