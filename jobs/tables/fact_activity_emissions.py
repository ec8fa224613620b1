"""fact_activity_emissions -- what each line of the institution's own files emitted, as it was known on each day.

It is made of everything that has landed: lines, and what they are weighed with. A line has a row for each part that a
factor weighs, and for each stretch of days on which the same was known of it; so an edition that changes nothing of a
line leaves its rows as they are, and what was known in March can be asked for ever after. What surprises in the files
is told in `sheets`, `entries` and `feeds`, how they are weighed in `known` and `footprint`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from jobs import contract, known, published
from jobs.entries import batch, entries
from jobs.errors import SourceError
from jobs.feeds import FEEDS
from jobs.footprint import weigh
from jobs.known import Editions, Known
from jobs.tables import dim_assumption, dim_emission_factor, dim_org_unit, dim_price_index
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 1

# What lines are weighed with, by the contract's layouts, and the table that reads it.
DESCRIBED = {
    "assumptions": dim_assumption,
    "cpi": dim_price_index,
    "ef_hub_electricity": dim_emission_factor,
    "ef_hub_stationary": dim_emission_factor,
    "ef_hub_steam": dim_emission_factor,
    "ef_hub_travel": dim_emission_factor,
    "ef_hub_waste": dim_emission_factor,
    "supply_chain_naics": dim_emission_factor,
    "org_units": dim_org_unit,
}
MAPPING = "activity_mapping"


@dataclass(frozen=True)
class Said:
    """What an object says, and what it is: its layout, and the day and name of its edition."""

    piece: Parsed
    layout: str
    published_on: date
    edition: str

    @classmethod
    def of(cls, piece: Parsed) -> "Said":
        """Read it from what `transform` has made."""
        about = {name.decode(): value.decode() for name, value in piece.rows.schema.metadata.items()}
        return cls(piece, about["layout"], date.fromisoformat(about["published_on"]), about["edition"])

    @property
    def version(self) -> tuple[date, str]:
        """Tell which edition it is, so that later ones come later."""
        return self.published_on, self.edition


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Tell what an object says: entries of a feed, or rows of what they are weighed with.

    Raises:
        SourceError: the object is not what its key says, or has refused lines and is something to weigh with.
    """
    published_on = published.edition_day(source)
    if source.layout in FEEDS:
        piece = entries(source, FEEDS[source.layout])
    elif source.layout == MAPPING:
        rows, rows_read = known.mapping(source)
        piece = Parsed(pa.Table.from_pylist(rows), rows_read)
    else:
        (piece,) = DESCRIBED[source.layout].transform(source)
        if piece.rejects:
            first = piece.rejects[0]
            raise SourceError(
                f"has {len(piece.rejects)} lines that cannot be used, such as line {first.line}, {first.column}: "
                f"{first.reason}; lines are weighed with all of it, or not at all"
            )
    about = {"layout": source.layout, "published_on": f"{published_on}", "edition": source.parts["edition"]}
    yield Parsed(piece.rows.replace_schema_metadata(about), piece.rows_read, piece.rows_duplicate, piece.rejects)


def together(said: Sequence[Parsed]) -> list[Parsed]:
    """Weigh all entries with what was known on each day.

    Rows belong to the object that their line is in. What else there is counts as duplicate, for it is folded into them.

    Raises:
        SourceError: figures need an assumption or an edition that is not there, or versions are not in order.
    """
    objects = [Said.of(piece) for piece in said]
    days = known.history(_editions(objects))
    cost_objects = {code for one in objects if one.layout == "org_units" for code in _column(one, "cost_object")}
    ends = _ends(objects)
    if not days and ends:
        raise SourceError("has lines and no assumptions to weigh them with; land the assumptions first")
    owners: dict[str, Said] = {}
    made: dict[int, Parsed] = {}
    for at, one in sorted(enumerate(objects), key=lambda item: (item[1].version, item[1].layout)):
        if one.layout in FEEDS:
            made[at] = _lines(one, days, ends[one.layout, one.edition], cost_objects, owners)
        else:
            made[at] = Parsed(_table([]), one.piece.rows_read, one.piece.rows_read)
    return [made[at] for at in range(len(objects))]


def _lines(one: Said, days: Sequence[Known], end: date | None, cost_objects: set[str], owners: dict) -> Parsed:
    """Make the rows of a file's entries, and refuse what cannot be known from the file alone."""
    rows, rejects, unknown = [], list(one.piece.rejects), 0
    extra = 0
    for entry in one.piece.rows.to_pylist():
        owner = owners.setdefault(entry["line_id"], one)
        if fault := _fault(one, entry, days[-1], cost_objects, owner):
            rejects.append(Reject(entry["line"], _place(entry, fault[0]), fault[1], entry["raw_text"]))
            continue
        mine = list(_stretches(one, entry, days, end))
        # A line that was replaced before anything was known of it has no row, and is in its successor.
        unknown += not mine
        extra += max(len(mine) - 1, 0)
        rows += mine
    # Counted by lines: a line that got lost on the way is missed, however many rows the others have.
    return Parsed(_table(rows), one.piece.rows_read + extra, one.piece.rows_duplicate + unknown, rejects)


def _stretches(one: Said, entry: dict, days: Sequence[Known], end: date | None) -> Iterator[dict]:
    """Give an entry's rows, each for as long as the same was known; `known_to` is the first day on which it was not."""
    about = {name: entry[name] for name in ("line_id", "sheet", "line", "activity_date", "fiscal_year", "cost_object")}
    about |= {"feed": one.layout, "edition": one.edition}
    category_id = FEEDS[one.layout].category_id
    open_rows: dict[tuple, dict] = {}
    for at, now in enumerate(days):
        until = days[at + 1].day if at + 1 < len(days) else date.max
        since = max(now.day, one.published_on)
        if since >= min(until, end or date.max):
            continue
        rows = {(row["category_id"], row["activity"]): row for row in weigh(one.layout, category_id, entry, now)}
        for key in [key for key, row in open_rows.items() if rows.get(key) != row["weighed"]]:
            yield _closed(open_rows.pop(key), about, since)
        for key, row in rows.items():
            open_rows.setdefault(key, {"weighed": row, "known_from": since})
    for row in open_rows.values():
        yield _closed(row, about, end)


def _closed(row: dict, about: dict, known_to: date | None) -> dict:
    return about | row["weighed"] | {"known_from": row["known_from"], "known_to": known_to}


def _fault(one: Said, entry: dict, now: Known, cost_objects: set[str], owner: Said) -> tuple[str, str] | None:
    """Tell why an entry cannot be used, though it can be read: the column, and the reason."""
    first, last = (int(now.said(f"{end}_fiscal_year", entry["fiscal_year"]).value) for end in ("first", "last"))
    if not first <= entry["fiscal_year"] <= last:
        return "fiscal_year", f"is of the fiscal year {entry['fiscal_year']}, and those are {first} to {last}"
    if entry["cost_object"] and entry["cost_object"] not in cost_objects:
        return "cost_object", f"the cost object {entry['cost_object']} is in no edition of the organisation"
    if (owner.layout, batch(owner.edition)[0]) != (one.layout, batch(one.edition)[0]):
        return None, (
            f"is in {owner.layout} {owner.edition} of {owner.published_on} too; a file that replaces another is an "
            f"edition of it, such as {batch(owner.edition)[0]}.{batch(owner.edition)[1] + 1}"
        )
    return None


def _place(entry: dict, column: str | None) -> str | None:
    return f"{entry['sheet']}!{column or ''}" if entry["sheet"] else column


def _ends(objects: Sequence[Said]) -> dict[tuple[str, str], date | None]:
    """Tell for each file of lines the day on which its next version took its place; none for what still holds.

    Raises:
        SourceError: a later version was published before an earlier one.
    """
    batches: dict[tuple[str, str], list[tuple[int, Said]]] = {}
    for one in objects:
        if one.layout in FEEDS:
            name, number = batch(one.edition)
            batches.setdefault((one.layout, name), []).append((number, one))
    ends: dict[tuple[str, str], date | None] = {}
    for versions in batches.values():
        versions.sort(key=lambda item: item[0])
        following = [later for _, later in versions[1:]] + [None]
        for (_, one), later in zip(versions, following, strict=True):
            if later and later.published_on < one.published_on:
                raise SourceError(
                    f"{one.layout} {later.edition} is of {later.published_on}, and is to replace {one.edition} of "
                    f"{one.published_on}, which is later"
                )
            ends[one.layout, one.edition] = later.published_on if later else None
    return ends


def _editions(objects: Sequence[Said]) -> Editions:
    rows: dict[str, list[dict]] = {}
    for one in objects:
        if one.layout not in FEEDS:
            rows.setdefault(one.layout, []).extend(one.piece.rows.to_pylist())
    factors = [row for layout in rows if DESCRIBED.get(layout) is dim_emission_factor for row in rows[layout]]
    return Editions(_by_version(objects, "assumptions"), _by_version(objects, MAPPING), factors, rows.get("cpi", []))


def _by_version(objects: Sequence[Said], layout: str) -> dict[tuple[date, str], list[dict]]:
    return {one.version: one.piece.rows.to_pylist() for one in objects if one.layout == layout}


def _column(one: Said, name: str) -> list:
    return one.piece.rows[name].to_pylist()


def _table(rows: list[Mapping]) -> pa.Table:
    schema = contract.load("fact_activity_emissions").arrow_schema
    return pa.Table.from_pylist(
        rows, pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    )
