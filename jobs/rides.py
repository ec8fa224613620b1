"""rides -- how people come to work, from what they have ticked in a survey to miles and emissions of a year."""

from collections.abc import Iterator, Mapping
from functools import partial

from jobs.known import EXCLUDED, Known
from jobs.weighed import MAPPED, UNMAPPED, Taken, by_gases, by_mapping, by_nothing, row_of

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


def weigh(feed: str, category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh rides to work: miles of a year, of all and not only of those who have replied, by the factor per mile.

    A car is shared by those who pool, and is counted once; who works elsewhere on some days rides that much less.
    """
    year = entry["fiscal_year"]
    rides = RIDES.get(entry["item"])
    if rides is None:
        yield row_of(category_id, entry, UNMAPPED, UNMAPPED, method="distance")
        return
    if not rides:
        yield row_of(category_id, entry, NONE, MAPPED, method="distance", **by_nothing(Taken(known, year)))
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
            yield from _ride(category_id, entry, part, miles, known, taken)


def _miles_one_way(feed: str, entry: Mapping, part: str, taken: Taken) -> float:
    """Tell the miles of all riders one way: on a day of each week of the year, on all of its days together."""
    if feed == "commuting_minutes":
        return entry["quantity"] / 60 * taken(f"speed_{part}")
    if feed == "commuting_bins":
        miles = entry["weight"] / 60 * taken(f"speed_{part}")
    else:
        miles = entry["weight"] if entry["weight"] is not None else taken("one_way_miles")
    return entry["quantity"] * miles * taken("days_per_week")


def _ride(category_id: str, entry: Mapping, part: str, miles: float, known: Known, taken: Taken) -> Iterator[dict]:
    """Weigh the miles of a kind of ride as each of what it is mapped to, by its share; of several each has a name."""
    targets = known.mapped("commuting", part)
    about = {"quantity": miles, "quantity_unit": "mile", "method": "distance", "assumption_version": taken.version}
    if not targets:
        yield row_of(category_id, entry, part, UNMAPPED, **about)
    for target in targets:
        about |= {"quantity": miles * target.share}
        row = partial(row_of, category_id, entry, part if len(targets) == 1 else f"{part}: {target.activity}")
        factors = taken.gases("ef_hub", "distance", target.activity)
        if target.activity == EXCLUDED:
            yield row(EXCLUDED, **about, **by_mapping(target))
        elif "CO2" not in factors:
            yield row(UNMAPPED, **about)
        else:
            unit = factors["CO2"]["unit"].removeprefix("kg/")
            weighed = by_mapping(target) | by_gases(about["quantity"], factors, taken)
            yield row(MAPPED, **about | {"quantity_unit": unit} | weighed)
