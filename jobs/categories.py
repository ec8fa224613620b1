"""categories -- the categories of an inventory, as `emission_categories.csv` lists them, and what feeds them.

`emission_sources.csv` is the order of precedence: of each category the feeds of the lowest rank that has any entry
count, together; those of higher ranks are kept beside and not added. A feed that `is_expected` and has no entry leaves
its category incomplete. Where a category has no feed that is expected, nothing is missed.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Category:
    """A category; its `scope` is null outside the scopes. Departments share it by cost objects, area or head count."""

    category_id: str
    scope: int | None
    name: str
    scope2_method: str
    is_in_inventory: bool
    allocated_by: str | None


@dataclass(frozen=True)
class Rank:
    """A feed's place among those of a category."""

    feed: str
    rank: int
    is_expected: bool


@cache
def listed() -> dict[str, Category]:
    """List the categories by their ids."""
    return {
        row["category_id"]: Category(
            row["category_id"],
            int(row["scope"]) if row["scope"] else None,
            row["name"],
            row["scope2_method"],
            row["is_in_inventory"] == "true",
            row["allocated_by"] or None,
        )
        for row in _rows("emission_categories.csv")
    }


def named(text: str) -> str | None:
    """Find a category by its id or its name; none if there is no such one.

    A spreadsheet makes 3.1 of 3.10, and people write 3.1 for the first of Scope 3; so that is none.

    >>> named("3.06"), named("business travel"), named("3.1")
    ('3.06', '3.06', None)
    """
    if text in listed():
        return text
    return next((one.category_id for one in listed().values() if one.name.casefold() == text.casefold()), None)


@cache
def ranks() -> dict[str, tuple[Rank, ...]]:
    """List by category its feeds in their order."""
    found: dict[str, list[Rank]] = {}
    for row in _rows("emission_sources.csv"):
        rank = Rank(row["feed"], int(row["rank"]), row["is_expected"] == "true")
        found.setdefault(row["category_id"], []).append(rank)
    return {category_id: tuple(sorted(of, key=lambda one: one.rank)) for category_id, of in found.items()}


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))
