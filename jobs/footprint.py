"""footprint -- from an entry and what is known on a day to emissions, one row for each factor that weighs a part of it.

The methods are those of the GHG Protocol's Scope 3 guidance: money by a factor per dollar of the factor's year, which
the price index makes of the dollars of the entry's; food by a factor per kilogram where it has a weight; waste by a
factor per ton; what is in `rides` and `bills`. What nothing weighs has no emissions, which is null and a status, and
never zero.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from jobs import bills, rides
from jobs.known import EXCLUDED, Known, Target
from jobs.weighed import (
    AS_PUBLISHED,
    MAPPED,
    NO_PRICE_INDEX,
    UNMAPPED,
    Taken,
    by_factor,
    by_mapping,
    by_statement,
    row_of,
)

WITH_MARGINS = "with margins"


def weigh(feed: str, category_id: str, entry: Mapping, known: Known) -> list[dict]:
    """Make the rows of an entry: no two of one category, item and activity.

    What the mapping excludes is not weighed, whatever the feed; nor is an entry that says so of itself.

    Raises:
        SourceError: an assumption that they need is not there.
    """
    method, weighed = METHODS[feed]
    targets = known.mapped(feed, entry["item"])
    excluded = [target for target in targets if target.activity == EXCLUDED or entry["is_excluded"]]
    rows = [
        row_of(
            category_id, entry, target.activity, EXCLUDED, method=method, **_part(entry, target), **by_mapping(target)
        )
        for target in excluded
    ]
    if excluded and len(excluded) == len(targets):
        return rows
    return [*rows, *weighed(feed, category_id, entry, known)]


def _part(entry: Mapping, target: Target) -> dict:
    """Tell how much of an entry a target has, and its group."""
    shares = {name: entry[name] * target.share for name in ("amount_usd", "quantity") if entry[name] is not None}
    return shares | {"expense_group": target.group}


def _targets(feed: str, entry: Mapping, known: Known) -> list[Target]:
    return [target for target in known.mapped(feed, entry["item"]) if target.activity != EXCLUDED]


def _spend(feed: str, category_id: str, entry: Mapping, known: Known, *before: Taken) -> Iterator[dict]:
    """Weigh money: amount times share, in dollars of the factor's year, by the factor per dollar with margins.

    Of new construction only the hard costs are weighed. The index is that of the calendar year, or of the fiscal year
    where no day is known. What was taken `before` has decided that it is weighed by its money.
    """
    taken = Taken(known, entry["fiscal_year"], *before)
    applied = taken("hard_cost_share") if entry["item"] == "new construction" else 1.0
    targets = _targets(feed, entry, known)
    if not targets:
        yield row_of(category_id, entry, UNMAPPED, UNMAPPED, method="spend")
    for target in targets:
        amount = entry["amount_usd"] * target.share
        about = {"amount_usd": amount, "expense_group": target.group, "method": "spend", **by_mapping(target)}
        row = partial(row_of, category_id, entry, target.activity, **about)
        factor = taken.factor("supply_chain", "spend", target.activity, "CO2e", variant=WITH_MARGINS)
        if factor is None:
            yield row(UNMAPPED)
            continue
        year = entry["activity_date"].year if entry["activity_date"] else entry["fiscal_year"]
        prices = taken.prices(year, factor["dollar_year"])
        if prices is None:
            yield row(NO_PRICE_INDEX, dollar_year=factor["dollar_year"])
            continue
        price, base = prices
        deflated = amount * applied * base.value / price.value
        yield row(
            MAPPED,
            applied_share=applied,
            deflated_usd=deflated,
            dollar_year=factor["dollar_year"],
            price_index_edition=max(price.edition, base.edition),
            price_index_months=price.months,
            **by_factor(deflated, factor, taken),
        )


def _food(feed: str, category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh food by its weight, where it has one and the chosen edition a factor for what it is; else by its money."""
    taken = Taken(known, entry["fiscal_year"])
    # A mapping has no shares of food by weight, so there is no second.
    target = next(iter(_targets("food_weight", entry, known)), None)
    is_weighed = target and entry["quantity"] and taken.find("food_edition")
    factor = taken.factor("food", "weight", target.activity, "CO2e") if is_weighed else None
    if factor:
        # What another feed counts is not weighed twice.
        left = 1 - sum(one.share for one in known.mapped(feed, entry["item"]) if one.activity == EXCLUDED)
        about = {name: entry[name] * left for name in ("amount_usd", "quantity") if entry[name] is not None}
        weighed = by_factor(about["quantity"], factor, taken) | by_mapping(target)
        yield row_of(category_id, entry, target.activity, MAPPED, method="weight", **about, **weighed)
    elif entry["amount_usd"] is None:
        yield row_of(category_id, entry, UNMAPPED, UNMAPPED, method="weight")
    else:
        yield from _spend(feed, category_id, {**entry, "quantity": None, "quantity_unit": None}, known, taken)


def _waste(feed: str, category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh waste by material and what becomes of it; the mapping says what goes where, and in which shares."""
    targets = _targets(feed, entry, known)
    if not targets:
        yield row_of(category_id, entry, UNMAPPED, UNMAPPED, method="waste")
    for target in targets:
        material, _, way = target.activity.partition(": ")
        taken = Taken(known, entry["fiscal_year"])
        factor = taken.factor("ef_hub", "waste", material, "CO2e", variant=way)
        about = {"quantity": entry["quantity"] * target.share, "method": "waste", **by_mapping(target)}
        row = partial(row_of, category_id, entry, target.activity, **about)
        if factor is None:
            yield row(UNMAPPED)
        else:
            yield row(MAPPED, **by_factor(about["quantity"], factor, taken))


def _given(_feed: str, _category_id: str, entry: Mapping, _known: Known) -> Iterator[dict]:
    """Take over what somebody else has worked out."""
    stated = by_statement(entry["co2e_kg"], entry["gwp_set"])
    yield row_of(entry["item"], entry, "stated", AS_PUBLISHED, method="as_published", **stated)


# By feed: what the method is called, and what weighs an entry.
METHODS: Mapping[str, tuple[str, Callable[[str, str, Mapping, Known], Iterator[dict]]]] = {
    **dict.fromkeys(("travel", "goods", "construction", "maintenance"), ("spend", _spend)),
    "food": ("spend", _food),
    **dict.fromkeys(("commuting_bins", "commuting_minutes", "commuting_counts"), ("distance", rides.weigh)),
    "energy": ("energy", bills.weigh),
    "waste": ("waste", _waste),
    "manual": ("as_published", _given),
}
