"""dim_system_region -- in which regions of the grid each photovoltaic system is.

It is made of the newest edition of PVDAQ's catalogue and the newest edition of eGRID's polygons, and made anew when
either is published. What surprises in this data is told in `catalogue`, `nameplate` and `regions`.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import pyarrow as pa

from jobs import catalogue, contract, nameplate, published, regions
from jobs.errors import SourceError
from jobs.transform import Parsed, SourceObject

VERSION = 2

PLACES = pa.schema(
    [
        ("edition", pa.date32()),
        ("ss_id", pa.int64()),
        ("latitude_deg", pa.float64()),
        ("longitude_deg", pa.float64()),
        ("us_state", pa.string()),
    ]
)
ATLAS = pa.schema([("published_on", pa.date32()), ("egrid_edition", pa.string()), ("body", pa.binary())])


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Tell what an edition says: of the catalogue where each system is, of eGRID its polygons.

    Raises:
        SourceError: the object is not what its key says.
    """
    if source.layout == "egrid_subregions":
        regions.Atlas.of(source.body())
        row = {"published_on": published.edition_day(source), "egrid_edition": source.parts["edition"]}
        yield Parsed(pa.Table.from_pylist([row | {"body": source.body()}], ATLAS), rows_read=1)
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
    atlases = [row for piece in said for row in piece.rows.to_pylist() if "body" in row]
    editions = [piece.rows["edition"][0].as_py() if _is_catalogue(piece) else date.min for piece in said]
    newest = max(editions, default=date.min)
    atlas = max(atlases, key=lambda row: (row["published_on"], row["egrid_edition"]), default=None)
    schema = contract.load("dim_system_region").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    polygons = regions.Atlas.of(atlas["body"]) if atlas else None
    pieces = []
    for edition, piece in zip(editions, said, strict=True):
        is_newest = polygons is not None and edition == newest > date.min
        places = piece.rows.to_pylist() if is_newest else []
        rows = [_row(place, polygons, atlas["egrid_edition"]) for place in places]
        duplicates = piece.rows_duplicate + piece.rows.num_rows - len(rows)
        pieces.append(Parsed(pa.Table.from_pylist(rows, schema), piece.rows_read, duplicates, piece.rejects))
    return pieces


def _is_catalogue(piece: Parsed) -> bool:
    return "ss_id" in piece.rows.column_names and piece.rows.num_rows > 0


def _place(row: dict, edition: date) -> dict:
    judged = nameplate.judge(row, edition)
    return {"edition": edition, "ss_id": row["ss_id"]} | {
        name: judged[name] for name in ("latitude_deg", "longitude_deg", "us_state")
    }


def _row(place: dict, polygons: regions.Atlas, egrid_edition: str) -> dict:
    where = place["latitude_deg"], place["longitude_deg"], place["us_state"]
    subregion, state = polygons.subregion(*where), polygons.state(*where)
    avert = regions.avert_region(state.region)
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
        "egrid_edition": egrid_edition,
        "catalogue_edition": place["edition"],
    }
