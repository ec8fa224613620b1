"""dim_grid_region -- the regions of the grid by every scheme, as each edition draws them.

What surprises in this data: names have blanks around them, a subregion may stand twice, the country has no polygon, and
AVERT's regions are in its table of rates alone. `regions` and `control_areas` tell of the polygons.
"""

import itertools
import json
from collections.abc import Iterable, Iterator

import pyarrow as pa
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from jobs import contract, control_areas, published, regions
from jobs.errors import SourceError
from jobs.transform import Parsed, Reject, SourceObject

VERSION = 1

# Of a polygon's figures; a hundred thousandth of a degree is a metre.
DIGITS = 5


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn an edition's polygons, or its table of rates, into one row per region.

    Yields:
        The regions in the order of their names. What says the same of one again is a duplicate; a second polygon of one
        subregion or state, or a state that nobody knows, is refused.

    Raises:
        SourceError: the object is not what its key says.
    """
    published_by, read = LAYOUTS[source.layout]
    about = {
        "source": published_by,
        "edition": source.parts["edition"],
        "published_on": published.edition_day(source),
    }
    rows: dict[tuple[str, str], dict] = {}
    rejects, rows_read, duplicates = [], 0, 0
    registers = source.companions.get("balancing_authorities", ()) if source.layout == "egrid_subregions" else ()
    for line, said, raw_text in itertools.chain(read(source.body()), _authorities(registers)):
        rows_read += 1
        key = said.get("region_scheme"), said.get("region")
        if None in key:
            rejects.append(Reject(line, "STATE", "no state has this code", raw_text))
        elif rows.setdefault(key, said) is said:
            continue
        elif rows[key] == said:
            duplicates += 1
        else:
            rejects.append(Reject(line, None, f"{key[1]} stands before, with another polygon or name", raw_text))
    schema = contract.load("dim_grid_region").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    ordered = [about | rows[key] for key in sorted(rows)]
    yield Parsed(pa.Table.from_pylist(ordered, schema), rows_read, duplicates, rejects)


def _egrid(body: bytes) -> Iterator[tuple[int, dict, str]]:
    """Read the subregions, the states and the country of EPA's Power Profiler."""
    try:
        for line, feature in enumerate(json.loads(body.decode("utf-8-sig"))["features"], start=1):
            said = feature["properties"]
            if said["type"] == "subregion":
                row = {
                    "region_scheme": "egrid_subregion",
                    "region": said["name"].strip(),
                    "name": said["fullName"].strip(),
                }
            elif said["type"] == "state":
                code = regions.STATES.get(said["STATE"])
                row = {"region_scheme": "us_state", "region": code, "name": said["NAME"]}
            elif said["type"] == "national":
                row = {"region_scheme": "national", "region": "US", "name": "United States"}
            else:
                continue
            drawn = feature["geometry"] and shapely.make_valid(shape(feature["geometry"]))
            yield line, row | _figures(drawn), json.dumps(said)[:200]
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise SourceError(f"is not GeoJSON with subregions and states: {fault!r}") from None


def _avert(body: bytes) -> Iterator[tuple[int, dict, str]]:
    """Read the names of AVERT's regions from its rates."""
    for line in published.table(body, ("level", "region")):
        region = line.cells["region"]
        row = {"region_scheme": "avert_region", "region": region, "name": region, "states": regions.states_of(region)}
        if line.cells["level"] == "national":
            row = {"region_scheme": "national", "region": "US", "name": "United States"}
        yield line.number, row, line.raw_text


def _control_areas(body: bytes) -> Iterator[tuple[int, dict, str]]:
    """Read the balancing authorities; one whose area is in several pieces is one."""
    for line, (code, pieces) in enumerate(control_areas.drawn(body).items(), start=1):
        row = {"region_scheme": "balancing_authority", "region": code, "name": control_areas.name_of(code)}
        drawn = shapely.union_all(pieces) if pieces else None
        yield line, row | _figures(drawn), code


def _authorities(registers: Iterable[bytes]) -> Iterator[tuple[int, dict, str]]:
    """Read the balancing authorities of the repository's own table, which are read with eGRID's polygons."""
    for body in registers:
        for line in published.table(body, ("code", "name")):
            row = {"source": "register", "region_scheme": "balancing_authority", "region": line.cells["code"]}
            yield line.number, row | {"name": line.cells["name"]}, line.raw_text


def _figures(drawn: BaseGeometry | None) -> dict:
    """Measure polygons in degrees: their area on a sphere, their centre and their box."""
    if drawn is None or drawn.is_empty:
        return {}
    west, south, east, north = (round(bound, DIGITS) for bound in drawn.bounds)
    return {
        "area_km2": round(regions.area_km2(drawn)),
        "centroid_latitude_deg": round(drawn.centroid.y, DIGITS),
        "centroid_longitude_deg": round(drawn.centroid.x, DIGITS),
        "south_deg": south,
        "west_deg": west,
        "north_deg": north,
        "east_deg": east,
    }


# The contract's layouts: who publishes, and how it is read.
LAYOUTS = {
    "egrid_subregions": ("egrid", _egrid),
    "avert_rates": ("avert", _avert),
    "control_areas": ("control_areas", _control_areas),
}
