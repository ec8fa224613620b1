"""regions -- in which region of the grid a place is, by the polygons that US EPA publishes with eGRID's rates.

A place at a coast is in no polygon, for these are coarse; the nearest one counts up to NEAREST_KM. Where nobody knows
the place, the state that is named counts, and where a state is in several regions the largest share of it, which is
told. AVERT's regions have no polygons: they are shares of states, as AVERT's own Table 1 has them (avert_regions.csv,
from USEPA/AVERT on GitHub).
"""

import csv
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry

from jobs.errors import SourceError

# The states by their FIPS codes, as the polygons have them.
FIPS = """
01AL 02AK 04AZ 05AR 06CA 08CO 09CT 10DE 11DC 12FL 13GA 15HI 16ID 17IL 18IN 19IA 20KS 21KY 22LA 23ME 24MD 25MA 26MI 27MN
28MS 29MO 30MT 31NE 32NV 33NH 34NJ 35NM 36NY 37NC 38ND 39OH 40OK 41OR 42PA 44RI 45SC 46SD 47TN 48TX 49UT 50VT 51VA 53WA
54WV 55WI 56WY 72PR"""
STATES = {word[:2]: word[2:] for word in FIPS.split()}
# A place farther than this from every polygon is in none.
NEAREST_KM = 10.0
EARTH_KM = 6_371.0088
# Why a place is in no region.
UNKNOWN_PLACE = "the place is not known, or cannot be"
FAR_FROM_ALL = f"the place is more than {NEAREST_KM:g} km from every region"


@dataclass(frozen=True)
class Assignment:
    """The region of a place: how it was found, how far it is [km], and the share of the state [%] that it stands for.

    `method` is `polygon`, `nearest`, `state` or `unmapped`; unmapped has a `reason` in place of a region.
    """

    region: str | None
    method: str
    distance_km: float | None = None
    share_percent: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Atlas:
    """The polygons of one edition of eGRID: its subregions, and the states by their postal codes."""

    subregions: dict[str, BaseGeometry]
    states: dict[str, BaseGeometry]

    @classmethod
    def of(cls, body: bytes) -> "Atlas":
        """Read the polygons of EPA's Power Profiler, GeoJSON in degrees.

        Raises:
            SourceError: it has no polygons of subregions, or not as they should be.
        """
        found: dict[str, dict[str, BaseGeometry]] = {"subregion": {}, "state": {}}
        try:
            for feature in json.loads(body.decode("utf-8-sig"))["features"]:
                said = feature["properties"]
                if said["type"] not in found or feature["geometry"] is None:
                    continue
                name = said["name"].strip() if said["type"] == "subregion" else STATES.get(said["STATE"])
                if name:
                    found[said["type"]][name] = shapely.make_valid(shape(feature["geometry"]))
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise SourceError(f"is not GeoJSON with subregions and states: {fault!r}") from None
        if not found["subregion"]:
            raise SourceError("has no polygon of a subregion")
        return cls(*(dict(sorted(polygons.items())) for polygons in found.values()))

    def subregion(self, latitude_deg: float | None, longitude_deg: float | None, us_state: str | None) -> Assignment:
        """Tell the eGRID subregion of a place [degrees], or else of the state that is named for it."""
        found = _at(self.subregions, latitude_deg, longitude_deg)
        if found.method != "unmapped" or us_state not in self.states:
            return found
        shares = _shares(self, us_state)
        if not shares:
            return found
        region, share = max(shares.items(), key=lambda item: (item[1], item[0]))
        return Assignment(region, "state", share_percent=share)

    def state(self, latitude_deg: float | None, longitude_deg: float | None, us_state: str | None) -> Assignment:
        """Tell the state of a place [degrees], or else the one that is named for it."""
        found = _at(self.states, latitude_deg, longitude_deg)
        return Assignment(us_state, "state") if found.method == "unmapped" and us_state else found


def avert_region(state: str | None) -> Assignment:
    """Tell the AVERT region with the largest share of a state's consumption."""
    if state is None:
        return Assignment(None, "unmapped", reason="the state is not known")
    shares = _avert().get(state)
    if shares is None:
        return Assignment(None, "unmapped", reason=f"AVERT has no region in {state}")
    region, share = max(shares.items(), key=lambda item: (item[1], item[0]))
    return Assignment(region, "state", share_percent=share)


def states_of(region: str) -> str | None:
    """Tell which states an AVERT region has, each with the share of its consumption; none for no region of AVERT's."""
    shares = {state: found[region] for state, found in sorted(_avert().items()) if region in found}
    return ", ".join(f"{state} {share:g} %" for state, share in shares.items()) or None


def area_km2(polygon: BaseGeometry) -> float:
    """Measure the area of a polygon in degrees on a sphere, by the projection on a cylinder that keeps areas."""
    flat = shapely.transform(polygon, lambda at: np.column_stack([np.radians(at[:, 0]), np.sin(np.radians(at[:, 1]))]))
    return flat.area * EARTH_KM**2


def _at(polygons: dict[str, BaseGeometry], latitude_deg: float | None, longitude_deg: float | None) -> Assignment:
    if latitude_deg is None or longitude_deg is None:
        return Assignment(None, "unmapped", reason=UNKNOWN_PLACE)
    distances = around(polygons, latitude_deg, longitude_deg)
    if not distances:
        return Assignment(None, "unmapped", reason=FAR_FROM_ALL)
    region, distance_km = min(distances.items(), key=lambda item: (item[1], item[0]))
    return Assignment(region, "nearest" if distance_km else "polygon", distance_km=distance_km)


def around(polygons: dict[str, BaseGeometry], latitude_deg: float, longitude_deg: float) -> dict[str, float]:
    """Tell which polygons a place [degrees] is in, each 0 away; if in none, those up to NEAREST_KM away [km]."""
    place = Point(longitude_deg, latitude_deg)
    if inside := [name for name, polygon in polygons.items() if polygon.covers(place)]:
        return dict.fromkeys(inside, 0.0)
    circle = place.buffer(2 * math.degrees(NEAREST_KM / EARTH_KM) / max(math.cos(math.radians(latitude_deg)), 0.1))
    near = {name: _distance_km(polygon, place) for name, polygon in polygons.items() if polygon.intersects(circle)}
    return {name: distance_km for name, distance_km in near.items() if distance_km <= NEAREST_KM}


def _distance_km(polygon: BaseGeometry, place: Point) -> float:
    """Measure from a place to a polygon that is near; degrees of longitude are shorter than those of latitude."""
    narrow = math.cos(math.radians(place.y))
    here, there = (shapely.transform(one, lambda degrees: degrees * [narrow, 1.0]) for one in (place, polygon))
    return math.radians(here.distance(there)) * EARTH_KM


def _shares(atlas: Atlas, us_state: str) -> dict[str, float]:
    """Tell how many per cent of a state's area are in each subregion that it is in."""
    state = atlas.states[us_state]
    areas = {name: polygon.intersection(state).area for name, polygon in atlas.subregions.items()}
    return {name: 100 * area / state.area for name, area in areas.items() if area > 0}


@cache
def _avert() -> dict[str, dict[str, float]]:
    with Path(__file__).with_name("avert_regions.csv").open(newline="", encoding="utf-8") as table:
        shares: dict[str, dict[str, float]] = {}
        for line in csv.DictReader(table):
            shares.setdefault(line["state"], {})[line["region"]] = float(line["percent"])
        return shares
