"""inventory -- from emissions of lines to those of a year, category by category, as they were known on each day.

Of a category the feeds of the lowest rank that has lines count, together (`emission_sources.csv`). What is beside the
inventory, above all avoided emissions, has no rank and is in no sum: an inventory says what was emitted, and nothing
is taken from it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from jobs import categories
from jobs.known import EXCLUDED
from jobs.weighed import NO_PRICE_INDEX, UNMAPPED

MANUAL = "manual"
MONTHS = 12


def tally(lines: Iterable[Mapping]) -> list[dict]:
    """Add up the rows of lines; one row per fiscal year, category and first day that the same was known of both.

    A year has a row for every category that somebody feeds or should feed, from the day on that anything is known of
    the year. What has not been fed is null and incomplete, and never zero; what was fed for some months is incomplete.

    Args:
        lines: rows of fact_activity_emissions, in any order.
    """
    years: dict[int, dict[str, list[Mapping]]] = defaultdict(lambda: defaultdict(list))
    days: dict[int, set[date]] = defaultdict(set)
    for line in lines:
        if line["mapping_status"] != EXCLUDED:
            years[line["fiscal_year"]][line["category_id"]].append(line)
        days[line["fiscal_year"]] |= {line["known_from"], line["known_to"]} - {None}
    return [
        row
        for year in sorted(days)
        for category_id, ranks in categories.ranks().items()
        for row in _stretches(year, category_id, ranks, years[year][category_id], sorted(days[year]))
    ]


def _stretches(
    year: int,
    category_id: str,
    ranks: Sequence[categories.Rank],
    lines: Sequence[Mapping],
    days: Sequence[date],
) -> Iterator[dict]:
    category = categories.listed()[category_id]
    about = {
        "fiscal_year": year,
        "category_id": category_id,
        "scope": category.scope,
        "category": category.name,
        "scope2_method": category.scope2_method,
        "allocated_by": category.allocated_by,
    }
    was: dict | None = None
    since: date | None = None
    for day in days:
        held = [one for one in lines if one["known_from"] <= day and (one["known_to"] or date.max) > day]
        now = _sum(year, ranks, held, day)
        if now != was:
            if was is not None:
                yield about | was | {"as_of": since, "superseded_on": day}
            was, since = now, day
    if was is not None:
        yield about | was | {"as_of": since, "superseded_on": None}


def _sum(year: int, ranks: Sequence[categories.Rank], held: Sequence[Mapping], day: date) -> dict | None:
    """Add up what holds on a day; none where nobody feeds the category and nobody should."""
    fed = {one["feed"] for one in held}
    chosen = min((one.rank for one in ranks if one.feed in fed), default=None)
    of_rank = [one for one in ranks if one.rank == chosen]
    counted = sorted(one.feed for one in of_rank if one.feed in fed)
    missing = sorted(one.feed for one in of_rank if one.is_expected and one.feed not in fed)
    reasons = [f"nothing from {', '.join(missing)}"] if missing else []
    if chosen is None:
        wanted = [one.feed for one in ranks if one.is_expected]
        if not wanted:
            return None
        reasons = [f"nothing from {' or '.join(wanted)}"]
    lines = [one for one in held if one["feed"] in counted]
    for status, said in ((UNMAPPED, "that nothing weighs"), (NO_PRICE_INDEX, "of a year without a price index")):
        if without := len({one["line_id"] for one in lines if one["mapping_status"] == status}):
            reasons.append(f"{without} lines {said}")
    for feed in counted:
        dated = {one["activity_date"] for one in lines if one["feed"] == feed} - {None}
        # A survey has no days, and is of its whole year.
        if dated and (months := len({(one.year, one.month) for one in dated})) < MONTHS:
            reasons.append(f"{feed} has {months} of {MONTHS} months")
    if day <= date(year, 6, 30):
        reasons.append("the fiscal year is not over")
    stated = [one for one in lines if one["co2e_kg"] is not None]
    return {
        "co2e_t": _tonnes(stated) if stated else None,
        "lines_co2e_t": _tonnes(one for one in stated if one["feed"] != MANUAL),
        "manual_co2e_t": _tonnes(one for one in stated if one["feed"] == MANUAL),
        "not_counted_co2e_t": _tonnes(one for one in held if one["feed"] not in counted),
        "feeds": ", ".join(counted) or None,
        "gwp_sets": ", ".join(sorted({one["gwp_set"] for one in stated})) or None,
        "market_bases": ", ".join(sorted({one["market_basis"] for one in stated} - {None})) or None,
        "line_count": len({one["line_id"] for one in lines}),
        "is_complete": not reasons,
        "incomplete_because": "; ".join(reasons) or None,
    }


def _tonnes(lines: Iterable[Mapping]) -> float:
    """Add up exactly, so that the order of lines does not matter [t]."""
    return math.fsum(one["co2e_kg"] or 0.0 for one in lines) / 1000
