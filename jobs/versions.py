"""versions -- what has landed of lines and of what weighs them: what each file says, and from when to when it holds.

A file of lines is a version of its batch until the next one takes its place. What weighs lines comes in editions; what
each of them has said first is told in `known`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from jobs import known, published
from jobs.entries import batch, entries
from jobs.errors import SourceError
from jobs.feeds import FEEDS
from jobs.known import Editions
from jobs.tables import dim_assumption, dim_emission_factor, dim_org_unit, dim_price_index
from jobs.transform import Parsed, SourceObject

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
    "green_e_residual_mix": dim_emission_factor,
    "food_factors": dim_emission_factor,
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
        """Read it from what `read` has made."""
        about = {name.decode(): value.decode() for name, value in piece.rows.schema.metadata.items()}
        return cls(piece, about["layout"], date.fromisoformat(about["published_on"]), about["edition"])

    @property
    def version(self) -> tuple[date, str]:
        """Tell which edition it is, so that later ones come later."""
        return self.published_on, self.edition

    @property
    def place(self) -> tuple[date, str, str]:
        """Tell where it stands among all objects."""
        return *self.version, self.layout

    @property
    def batch(self) -> tuple[str, str]:
        """Tell which files of lines it is a version of."""
        return self.layout, batch(self.edition)[0]

    @property
    def key(self) -> str:
        """Tell where a file of lines, of assumptions or of the mapping has landed."""
        return f"emissions/{self.layout}/{self.published_on}_{self.edition}/"


def read(source: SourceObject) -> Parsed:
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
    return Parsed(piece.rows.replace_schema_metadata(about), piece.rows_read, piece.rows_duplicate, piece.rejects)


def ends(objects: Sequence[Said]) -> dict[tuple[str, str], date | None]:
    """Tell for each file of lines the day on which its next version took its place; none for what still holds.

    Raises:
        SourceError: two files are the same version, or one is a version of nothing, or was published before an earlier
            one.
    """
    batches: dict[tuple[str, str], list[tuple[int, Said]]] = {}
    for one in objects:
        if one.layout in FEEDS:
            batches.setdefault(one.batch, []).append((batch(one.edition)[1], one))
    found: dict[tuple[str, str], date | None] = {}
    for (_, name), versions in batches.items():
        versions.sort(key=lambda item: (item[0], *item[1].place))
        following = [*versions[1:], (None, None)]
        for (number, one), (next_number, later) in zip(versions, following, strict=True):
            if number == next_number:
                raise SourceError(
                    f"{one.key} and {later.key} are both version {number} of {name}, so that their lines would count "
                    f"twice; take one of them out of the bucket, and land a correction as {name}.{versions[-1][0] + 1}"
                )
            # Who calls months 2023.01 and 2023.02 does not mean that February replaces January.
            if number > 1 and name not in {other.edition for _, other in versions}:
                raise SourceError(
                    f"{one.key} is called version {number} of {name}, and no {name} has landed that it could replace; "
                    f"take it out of the bucket, and land lines of their own under a name without a number behind a "
                    f"dot, such as {one.edition.replace('.', '-')}"
                )
            if later and later.published_on < one.published_on:
                raise SourceError(
                    f"{one.layout} {later.edition} is of {later.published_on}, and is to replace {one.edition} of "
                    f"{one.published_on}, which is later"
                )
            found[one.layout, one.edition] = later.published_on if later else None
    return found


def first_named(objects: Sequence[Said]) -> dict[str, date]:
    """Tell for each cost object the day of the first edition of the organisation that has it."""
    found: dict[str, date] = {}
    for one in objects:
        for code in one.piece.rows["cost_object"].to_pylist() if one.layout == "org_units" else ():
            found[code] = min(found.get(code, date.max), one.published_on)
    return found


def editions(objects: Sequence[Said]) -> Editions:
    """Put together all that lines are weighed with.

    Raises:
        SourceError: an edition of the assumptions or of the mapping is there twice.
    """
    rows: dict[str, list[dict]] = {}
    for one in objects:
        if one.layout not in FEEDS:
            rows.setdefault(one.layout, []).extend(one.piece.rows.to_pylist())
    factors = [row for layout in rows if DESCRIBED.get(layout) is dim_emission_factor for row in rows[layout]]
    return Editions(_by_version(objects, "assumptions"), _by_version(objects, MAPPING), factors, rows.get("cpi", []))


def _by_version(objects: Sequence[Said], layout: str) -> dict[tuple[date, str], list[dict]]:
    found: dict[tuple[date, str], list[dict]] = {}
    for one in objects:
        if one.layout == layout:
            if one.version in found:
                raise SourceError(
                    f"{one.key} has {layout} twice, and only one counts; take the other out of the bucket"
                )
            found[one.version] = one.piece.rows.to_pylist()
    return found
