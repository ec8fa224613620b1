"""known -- what entries are weighed with, as it was known on each day: assumptions, mapping, factors and prices.

An inventory is asked what it was in March, so what is made of an entry has a history: each edition of the assumptions
or of the mapping begins a stretch of days on which other things were known. Factors and prices come in by choice: an
assumption names the edition that is used, and a newer one that nobody has chosen changes nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from jobs import gwp, sheets
from jobs.errors import SourceError
from jobs.published import number
from jobs.tables.dim_assumption import ALL_YEARS
from jobs.transform import SourceObject

MAPPING = {name: (name,) for name in ("feed", "key", "activity")}
MAPPING_MORE = {name: (name,) for name in ("share", "group")}
# What stands in the place of an activity whose emissions another feed counts.
EXCLUDED = "excluded"
# What is weighed as one thing: a bill, and food by its weight.
WHOLE = ("energy", "food_weight")
CODE = re.compile("NAICS [0-9]{6}")
MANGLED = re.compile("(NAICS )?[0-9]{1,3}(,[0-9]{3})+")


@dataclass(frozen=True)
class Target:
    """What a part of a kind of entry is weighed as: the activity of a factor, or nothing where it is excluded.

    `since` is the edition of the mapping that has first said so, of all parts of the key.
    """

    key: str
    activity: str
    share: float
    group: str | None
    since: str | None = None


@dataclass(frozen=True)
class Said:
    """What an edition says of one assumption, and by which edition that has been so; null from where it was dropped."""

    value: float | str | None
    since: tuple[date, str]


@dataclass(frozen=True)
class Price:
    """The mean index of a year, its months, the first chosen edition that has said so, and by which assumptions."""

    value: float
    months: int
    edition: str
    since: tuple[date, str]


@dataclass
class Known:
    """What is known from a day on, until the next one's."""

    day: date
    assumptions: dict[tuple[str, str], Said]
    targets: dict[str, dict[str, list[Target]]]
    factors: dict[tuple, dict]
    prices: dict[int, Price]
    _mapped: dict[tuple[str, str], list[Target]] = field(default_factory=dict)

    def find(self, name: str, year: int) -> Said | None:
        """Give an assumption for a fiscal year: that of the year, or else that of all; none if there was never one."""
        found = [said for key in (str(year), ALL_YEARS) if (said := self.assumptions.get((name, key)))]
        if len(found) == 2 and found[0].value is None:
            return Said(found[1].value, max(said.since for said in found))
        return found[0] if found else None

    def said(self, name: str, year: int) -> Said:
        """Give an assumption that there must be.

        Raises:
            SourceError: there is none.
        """
        found = self.find(name, year)
        if found is None or found.value is None:
            raise SourceError(f"there is no assumption {name} for {year} on {self.day}, and figures need it")
        return found

    def mapped(self, feed: str, item: str) -> list[Target]:
        """Tell what an entry is weighed as: by the longest key that is in what it says, whatever its case."""
        if (feed, item) not in self._mapped:
            keys = self.targets.get(feed, {})
            inside = [key for key in keys if key in item.casefold()]
            self._mapped[feed, item] = keys[max(inside, key=lambda key: (len(key), key))] if inside else []
        return self._mapped[feed, item]


@dataclass(frozen=True)
class Editions:
    """Everything that has landed for weighing, by the day that it was published on and its edition."""

    assumptions: dict[tuple[date, str], list[dict]]
    mappings: dict[tuple[date, str], list[dict]]
    factors: list[dict]
    prices: list[dict]


def mapping(source: SourceObject) -> tuple[list[dict], int]:
    """Read a mapping: what the entries of a feed are weighed as, by words in them; the rows, and the lines read.

    Raises:
        SourceError: it is no mapping, or has lines that cannot be used, all of which are named: a mapping is right, or
            it is not used. The shares of a key come to one, each of another activity; what is `WHOLE` has one.
    """
    rows: list[dict] = []
    faults = []
    shares: dict[tuple[str, str], float] = {}
    seen: set[tuple[str, str, str]] = set()
    for line in sheets.lines(source.body(), MAPPING, MAPPING_MORE):
        fault = line.fault or _mapping_fault(line.cells, seen)
        if fault:
            faults.append(f"{line.place('line') if line.sheet else 'line'} {line.number}: {fault}: {line.raw_text!r}")
            continue
        cells = line.cells | {"key": line.cells["key"].casefold()}
        share = number(cells["share"]) if cells["share"] else 1.0
        rows.append(cells | {"share": share, "group": cells["group"] or None})
        shares[cells["feed"], cells["key"]] = shares.get((cells["feed"], cells["key"]), 0.0) + share
    faults += [
        f"{feed}, {key}: the shares come to {total:g}, and must to 1"
        for (feed, key), total in shares.items()
        if abs(total - 1) > 1e-9
    ]
    if faults:
        raise SourceError(f"has lines that cannot be used: {'; '.join(faults)}")
    return rows, len(rows)


def _mapping_fault(cells: dict[str, str], seen: set[tuple[str, str, str]]) -> str | None:
    if empty := [name for name in MAPPING if not cells[name]]:
        return f"{empty[0]} is empty"
    if MANGLED.fullmatch(cells["activity"]):
        return f"{cells['activity']} is several codes that a spreadsheet has taken for one number"
    if cells["activity"].startswith("NAICS") and not CODE.fullmatch(cells["activity"]):
        return f"{cells['activity']} is no code of six digits"
    try:
        share = number(cells["share"]) if cells["share"] else 1.0
    except ValueError as fault:
        return str(fault)
    if not 0 < share <= 1:
        return f"{cells['share']} is no share of one"
    if cells["feed"] in WHOLE and share < 1:
        return f"{cells['feed']} is weighed as one thing, and this is a share of it"
    said = cells["feed"], cells["key"].casefold(), cells["activity"]
    if said in seen:
        return f"{', '.join(said)} is there twice; say it once, with both shares together"
    seen.add(said)
    return None


def history(editions: Editions) -> list[Known]:
    """Tell what was known from each day on that something changed, the oldest first.

    Raises:
        SourceError: an edition is chosen that has not landed, or had not been published by then; or a set of potentials
            that there is not.
    """
    days = sorted({day for day, _ in (*editions.assumptions, *editions.mappings)})
    return list(_stretches(editions, [day for day in days if _newest(editions.assumptions, day)]))


def _stretches(editions: Editions, days: Sequence[date]) -> Iterator[Known]:
    assumptions: dict[tuple[str, str], Said] = {}
    prices: dict[int, Price] = {}
    targets: dict[str, dict[str, list[Target]]] = {}
    factors = _factors(editions.factors)
    for day in days:
        version = _newest(editions.assumptions, day)
        rows = editions.assumptions[version]
        now: dict[tuple[str, str], float | str | None] = dict.fromkeys(assumptions)
        now |= {(row["name"], row["valid_for"]): row["choice"] or row["value"] for row in rows}
        assumptions = {
            key: assumptions[key] if key in assumptions and assumptions[key].value == value else Said(value, version)
            for key, value in now.items()
        }
        _refuse_unless_known(editions, day, assumptions)
        means = {row["year"]: row for row in editions.prices if _is_chosen(row, assumptions)}
        prices = {
            year: prices[year]
            if year in prices and (prices[year].value, prices[year].months) == (row["value"], row["months_present"])
            else Price(row["value"], row["months_present"], row["edition"], version)
            for year, row in means.items()
        }
        targets = _targets(editions, _newest(editions.mappings, day), targets)
        yield Known(day, assumptions, targets, factors, prices)


def _factors(rows: Sequence[dict]) -> dict[tuple, dict]:
    """Tell factors by what asks for one; of all editions, for none is looked at that is not chosen."""
    factors: dict[tuple, dict] = {}
    for row in rows:
        key = tuple(row[name] for name in ("source", "edition", "basis", "activity", "gas", "region", "variant"))
        other = factors.setdefault(key, row)
        if (other["factor_id"], other["value"]) != (row["factor_id"], row["value"]):
            both = " and ".join(sorted(f"{one['factor_id']} ({one['value']:g} {one['unit']})" for one in (other, row)))
            raise SourceError(
                f"{both} are two factors for the same, of one edition, and nobody could tell which weighs; land each "
                "year of data, and each set of potentials, as an edition of its own"
            )
    return factors


def _targets(
    editions: Editions, version: tuple[date, str] | None, before: dict[str, dict[str, list[Target]]]
) -> dict[str, dict[str, list[Target]]]:
    """Read what an edition of the mapping says; a key that says what it said keeps the edition that said it first."""
    said: dict[str, dict[str, list[Target]]] = {}
    for row in editions.mappings[version] if version else ():
        target = Target(row["key"], row["activity"], row["share"], row["group"], version[1])
        said.setdefault(row["feed"], {}).setdefault(row["key"], []).append(target)
    for feed, keys in said.items():
        for key, now in keys.items():
            then = before.get(feed, {}).get(key, [])
            if [replace(target, since=None) for target in then] == [replace(target, since=None) for target in now]:
                keys[key] = then
    return said


def _newest(editions: dict[tuple[date, str], list[dict]], day: date) -> tuple[date, str] | None:
    return max((version for version in editions if version[0] <= day), default=None)


def _is_chosen(row: dict, assumptions: dict[tuple[str, str], Said]) -> bool:
    # One that was taken back for a year alone leaves that of all years.
    named = {name: said.value for (name, _), said in assumptions.items() if said.value is not None}
    chosen = {name: value for name, value in named.items() if name in ("cpi_edition", "cpi_series")}
    return row["is_annual"] and {"cpi_edition": row["edition"], "cpi_series": row["series_id"]} == chosen


def _refuse_unless_known(editions: Editions, day: date, assumptions: dict[tuple[str, str], Said]) -> None:
    there = {(row["source"], row["edition"]): row["published_on"] for row in editions.factors}
    there |= {("cpi", row["edition"]): row["published_on"] for row in editions.prices}
    for (name, _), said in sorted(assumptions.items()):
        source = name.removesuffix("_edition")
        if said.value is None:
            continue
        if source != name and there.get((source, said.value), date.max) > day:
            when = there.get((source, said.value))
            so = f"was published on {when}" if when else "has not landed"
        elif name.endswith("gwp_set") and said.value not in gwp.SETS:
            so = f"is none of {', '.join(gwp.SETS)}"
        else:
            continue
        raise SourceError(f"the assumptions of {said.since[1]} choose {said.value} for {name}, which {so}")
