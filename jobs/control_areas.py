"""control_areas -- under which balancing authority a place is, by the polygons of control areas.

Areas overlap: an authority lies within another's, and the borders are those of no law. So a place that is in several is
under none that is known, nor is one that is in none and near to several; the reason names them. The name of an area
leads to EIA's code of the authority, which Open Grid Emissions uses too (balancing_authorities.csv: codes and names as
EIA has them, and the names that HIFLD's "Control Areas" uses).
"""

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from jobs import regions
from jobs.errors import SourceError
from jobs.regions import Assignment


@dataclass(frozen=True)
class ControlAreas:
    """The polygons of one edition, in degrees, by the authority's code; by the area's name where it has none."""

    polygons: dict[str, BaseGeometry]

    @classmethod
    def of(cls, body: bytes) -> "ControlAreas":
        """Read GeoJSON in HIFLD's layout; of its properties NAME counts.

        Raises:
            SourceError: it has no polygons with names, or they are not in degrees.
        """
        pieces = {name: parts for name, parts in drawn(body).items() if parts}
        if not pieces:
            raise SourceError("has no polygon of a control area")
        polygons = {name: shapely.union_all(parts) for name, parts in sorted(pieces.items())}
        west, south, east, north = shapely.total_bounds(list(polygons.values()))
        if west < -180 or east > 180 or south < -90 or north > 90:
            raise SourceError(f"is not in degrees: it reaches from {west:.0f} {south:.0f} to {east:.0f} {north:.0f}")
        for polygon in polygons.values():
            shapely.prepare(polygon)
        return cls(polygons)

    def authority(self, latitude_deg: float | None, longitude_deg: float | None) -> Assignment:
        """Tell the balancing authority of a place [degrees]; a state says nothing of it, for most have several."""
        if latitude_deg is None or longitude_deg is None:
            return Assignment(None, "unmapped", reason=regions.UNKNOWN_PLACE)
        distances = regions.around(self.polygons, latitude_deg, longitude_deg)
        if not distances:
            return Assignment(None, "unmapped", reason=regions.FAR_FROM_ALL)
        if len(distances) > 1:
            where = "in" if min(distances.values()) == 0 else f"within {regions.NEAREST_KM:g} km of"
            named = ", ".join(sorted(distances))
            return Assignment(None, "unmapped", reason=f"the place is {where} the areas of several: {named}")
        ((area, distance_km),) = distances.items()
        if area not in _names():
            return Assignment(None, "unmapped", reason=f"the place is in the area {area!r}, whose code is not known")
        return Assignment(area, "nearest" if distance_km else "polygon", distance_km=distance_km)


def drawn(body: bytes) -> dict[str, list[BaseGeometry]]:
    """Read GeoJSON in HIFLD's layout: the pieces of each area, by the authority's code or else by the area's name.

    Raises:
        SourceError: it is none.
    """
    found: dict[str, list[BaseGeometry]] = {}
    try:
        for feature in json.loads(body.decode("utf-8-sig"))["features"]:
            name = _plain(feature["properties"]["NAME"])
            pieces = found.setdefault(_codes().get(name, name), [])
            if feature["geometry"] is not None:
                pieces.append(shapely.make_valid(shape(feature["geometry"])))
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise SourceError(f"is not GeoJSON of control areas with a NAME each: {fault!r}") from None
    return found


def name_of(code: str) -> str:
    """Give the full name of an authority; of an area without a code its own."""
    return _names().get(code, code)


def _plain(name: str) -> str:
    return " ".join(name.upper().split())


@cache
def _lines() -> tuple[dict[str, str], ...]:
    with Path(__file__).with_name("balancing_authorities.csv").open(newline="", encoding="utf-8") as table:
        return tuple(csv.DictReader(table))


@cache
def _codes() -> dict[str, str]:
    """Give the code of each authority by the name of its area."""
    return {_plain(line["control_area"]): line["code"] for line in _lines()}


@cache
def _names() -> dict[str, str]:
    """Give the name of each authority by its code."""
    return {line["code"]: line["name"] for line in _lines()}
