"""dim_system_region -- in which regions of the grid each photovoltaic system is.

It is made of the newest editions of PVDAQ's catalogue, of eGRID's polygons and, where they have landed, of the polygons
of control areas, and made anew when one is published. What surprises in this data is told in `catalogue`, `nameplate`,
`regions` and `control_areas`.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import pyarrow as pa

from jobs import catalogue, contract, nameplate, published, regions
from jobs.control_areas import ControlAreas
from jobs.errors import SourceError
from jobs.transform import Parsed, SourceObject

VERSION = 3

PLACES = pa.schema(
    [
        ("edition", pa.date32()),
        ("ss_id", pa.int64()),
        ("latitude_deg", pa.float64()),
        ("longitude_deg", pa.float64()),
        ("us_state", pa.string()),
    ]
)
MAP = pa.schema(
    [("layout", pa.string()), ("published_on", pa.date32()), ("edition", pa.string()), ("body", pa.binary())]
)
# How the polygons of each layout are read.
MAPS = {"egrid_subregions": regions.Atlas, "control_areas": ControlAreas}
NO_AREAS = regions.Assignment(None, "unmapped", reason="no polygons of control areas have landed")


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Tell what an edition says: of the catalogue where each system is, of maps their polygons.

    Raises:
        SourceError: the object is not what its key says.
    """
    if source.layout in MAPS:
        body = source.body()
        MAPS[source.layout].of(body)
        row = {"layout": source.layout, "published_on": published.edition_day(source), "body": body}
        yield Parsed(pa.Table.from_pylist([row | {"edition": source.parts["edition"]}], MAP), rows_read=1)
        return
    try:
        edition = datetime.strptime(source.parts["edition"], "%Y%m%d").date()
    except ValueError:
        raise SourceError(f"is an edition of {source.parts['edition']}, which is no day") from None
    found = catalogue.read(source.body(), edition)
    rows = [_place(row, edition) for row in found.systems]
    yield Parsed(pa.Table.from_pylist(rows, PLACES), found.rows_read, found.duplicates, found.rejects)


def together(said: Sequence[Parsed]) -> list[Parsed]:
    """Assign the systems of the newest catalogue to the regions of the newest polygons.

    Rows belong to the catalogue's edition. What older editions and the polygons say is counted as duplicate, for it is
    folded into them.
    """
    atlas, areas = (_newest_map(said, layout) for layout in MAPS)
    editions = [piece.rows["edition"][0].as_py() if _is_catalogue(piece) else date.min for piece in said]
    newest = max(editions, default=date.min)
    schema = contract.load("dim_system_region").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    pieces = []
    for edition, piece in zip(editions, said, strict=True):
        is_newest = atlas is not None and edition == newest > date.min
        rows = [_row(place, atlas, areas) for place in piece.rows.to_pylist()] if is_newest else []
        duplicates = piece.rows_duplicate + piece.rows.num_rows - len(rows)
        pieces.append(Parsed(pa.Table.from_pylist(rows, schema), piece.rows_read, duplicates, piece.rejects))
    return pieces


def _newest_map(said: Sequence[Parsed], layout: str) -> tuple[str, regions.Atlas | ControlAreas] | None:
    """Read the newest edition of a layout's polygons; none where there is none."""
    maps = [row for piece in said for row in piece.rows.to_pylist() if row.get("layout") == layout]
    newest = max(maps, key=lambda row: (row["published_on"], row["edition"]), default=None)
    return newest and (newest["edition"], MAPS[layout].of(newest["body"]))


def _is_catalogue(piece: Parsed) -> bool:
    return "ss_id" in piece.rows.column_names and piece.rows.num_rows > 0


def _place(row: dict, edition: date) -> dict:
    judged = nameplate.judge(row, edition)
    return {"edition": edition, "ss_id": row["ss_id"]} | {
        name: judged[name] for name in ("latitude_deg", "longitude_deg", "us_state")
    }


def _row(place: dict, atlas: tuple[str, regions.Atlas], areas: tuple[str, ControlAreas] | None) -> dict:
    at = place["latitude_deg"], place["longitude_deg"]
    egrid_edition, polygons = atlas
    subregion, state = polygons.subregion(*at, place["us_state"]), polygons.state(*at, place["us_state"])
    avert = regions.avert_region(state.region)
    authority = areas[1].authority(*at) if areas else NO_AREAS
    return {
        "ss_id": place["ss_id"],
        "egrid_subregion": subregion.region,
        "egrid_method": subregion.method,
        "egrid_distance_km": subregion.distance_km,
        "egrid_share_percent": subregion.share_percent,
        "egrid_reason": subregion.reason,
        "us_state": state.region,
        "us_state_method": state.method,
        "us_state_distance_km": state.distance_km,
        "avert_region": avert.region,
        "avert_method": avert.method,
        "avert_share_percent": avert.share_percent,
        "avert_reason": avert.reason,
        "balancing_authority": authority.region,
        "balancing_authority_method": authority.method,
        "balancing_authority_distance_km": authority.distance_km,
        "balancing_authority_reason": authority.reason,
        "egrid_edition": egrid_edition,
        "control_area_edition": areas and areas[0],
        "catalogue_edition": place["edition"],
    }
