"""footprint -- from an entry and what is known on a day to emissions, one row for each factor that weighs a part of it.

The methods are those of the GHG Protocol's Scope 3 guidance: money by a factor per dollar of the factor's year, which
the price index makes of the dollars of the entry's; waste by a factor per ton; what is in `rides` and `bills`. What
nothing weighs has no emissions, which is null and a status, and never zero.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from jobs import bills, rides
from jobs.known import EXCLUDED, Known, Target
from jobs.weighed import AS_PUBLISHED, MAPPED, NO_PRICE_INDEX, UNMAPPED, Taken, by_mapping, by_statement, row_of

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


def _spend(feed: str, category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh money: amount times share, in dollars of the factor's year, by the factor per dollar with margins.

    Of new construction only the hard costs are weighed. The index is that of the calendar year, or of the fiscal year
    where no day is known.
    """
    taken = Taken(known, entry["fiscal_year"])
    applied = taken("hard_cost_share") if entry["item"] == "new construction" else 1.0
    targets = _targets(feed, entry, known)
    if not targets:
        yield row_of(category_id, entry, UNMAPPED, UNMAPPED, method="spend")
    for target in targets:
        amount = entry["amount_usd"] * target.share
        about = {"amount_usd": amount, "expense_group": target.group, "method": "spend", **by_mapping(target)}
        row = partial(row_of, category_id, entry, target.activity, **about)
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
            **by_statement(deflated * factor["value"], factor["gwp_set"]),
        )


def _waste(feed: str, category_id: str, entry: Mapping, known: Known) -> Iterator[dict]:
    """Weigh waste by material and what becomes of it; the mapping says what goes where, and in which shares."""
    targets = _targets(feed, entry, known)
    if not targets:
        yield row_of(category_id, entry, UNMAPPED, UNMAPPED, method="waste")
    for target in targets:
        material, _, way = target.activity.partition(": ")
        factor = known.factor("ef_hub", entry["fiscal_year"], "waste", material, "CO2e", variant=way)
        about = {"quantity": entry["quantity"] * target.share, "method": "waste", **by_mapping(target)}
        row = partial(row_of, category_id, entry, target.activity, **about)
        if factor is None:
            yield row(UNMAPPED)
        else:
            stated = by_statement(about["quantity"] * factor["value"], factor["gwp_set"])
            yield row(MAPPED, **stated, factor_id=factor["factor_id"])


def _given(_feed: str, _category_id: str, entry: Mapping, _known: Known) -> Iterator[dict]:
    """Take over what somebody else has worked out."""
    stated = by_statement(entry["co2e_kg"], entry["gwp_set"])
    yield row_of(entry["item"], entry, "stated", AS_PUBLISHED, method="as_published", **stated)


# By feed: what the method is called, and what weighs an entry.
METHODS: Mapping[str, tuple[str, Callable[[str, str, Mapping, Known], Iterator[dict]]]] = {
    **dict.fromkeys(("travel", "goods", "food", "construction", "maintenance"), ("spend", _spend)),
    **dict.fromkeys(("commuting_bins", "commuting_minutes", "commuting_counts"), ("distance", rides.weigh)),
    "energy": ("energy", bills.weigh),
    "waste": ("waste", _waste),
    "manual": ("as_published", _given),
}
