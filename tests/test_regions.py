"""Regions of the grid: by polygon, by the nearest one, by state, or not known; and what PVDAQ's systems are in."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from jobs.control_areas import ControlAreas
from jobs.errors import SourceError
from jobs.regions import Atlas, avert_region

DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"))
TABLE, ALL = "dim_system_region", (None, None)


def feature(kind, west, south, east, north, **said):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"type": kind, **said}}


def atlas(*features):
    return Atlas.of(json.dumps({"features": features}).encode())


# Colorado, three quarters of it in RMPA and the rest in a region to the east.
WEST = feature("subregion", -109, 37, -103.75, 41, name="RMPA ")
EAST = feature("subregion", -103.75, 37, -100, 41, name="MROW")
STATE = feature("state", -109, 37, -102, 41, NAME="Colorado", STATE="08")


def test_a_place_in_a_polygon_is_in_it_and_at_a_border_in_the_first_by_name():
    found = atlas(WEST, EAST).subregion(39.7, -105.2, None)
    border = atlas(WEST, EAST).subregion(39.7, -103.75, None)

    assert (found.region, found.method, found.distance_km) == ("RMPA", "polygon", 0.0)
    assert (border.region, border.method) == ("MROW", "polygon")


def test_a_place_at_a_coast_is_in_the_nearest_polygon_up_to_ten_kilometres():
    # A degree of latitude is 111.195 km, one of longitude at 41 degrees 83.92.
    north = atlas(WEST, EAST).subregion(41.08, -105.0, None)
    west = atlas(WEST, EAST).subregion(39.0, -109.1, None)
    far = atlas(WEST, EAST).subregion(41.1, -105.0, None)

    assert (north.region, north.method, north.distance_km) == ("RMPA", "nearest", pytest.approx(8.896, abs=0.01))
    assert (west.method, west.distance_km) == ("nearest", pytest.approx(8.641, abs=0.01))
    assert (far.region, far.method, far.reason) == (None, "unmapped", "the place is more than 10 km from every region")


def test_where_the_place_is_not_known_the_larger_part_of_the_named_state_counts_and_says_how_large_it_is():
    found = atlas(WEST, EAST, STATE).subregion(None, None, "CO")

    assert (found.region, found.method, found.share_percent) == ("RMPA", "state", pytest.approx(75.0))
    unknown = atlas(WEST, EAST, STATE).subregion(None, None, None)
    assert (unknown.region, unknown.reason) == (None, "the place is not known, or cannot be")


def test_the_state_is_that_of_the_place_and_else_the_one_that_is_named():
    assert atlas(WEST, STATE).state(39.7, -105.2, "FL").region == "CO"
    assert atlas(WEST, STATE).state(None, None, "FL").region == "FL"


def test_averts_regions_are_shares_of_states():
    texas = avert_region("TX")

    assert (texas.region, texas.method, texas.share_percent) == ("Texas", "state", pytest.approx(85.6392))
    assert avert_region("CA").share_percent == 100
    assert avert_region("HI").reason == "AVERT has no region in HI"
    assert avert_region(None).reason == "the state is not known"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", "is not GeoJSON with subregions and states"),
        (b'{"features": []}', "has no polygon of a subregion"),
        (b'{"features": [{"properties": {"type": "subregion", "name": "X"}}]}', "is not GeoJSON"),
    ],
)
def test_what_is_no_map_is_refused(body, sentence):
    with pytest.raises(SourceError, match=sentence):
        Atlas.of(body)


def areas(**boxes):
    features = []
    for name, box in boxes.items():
        one = feature("", *box)
        features.append({"geometry": one["geometry"], "properties": {"NAME": name.replace("_", " ")}})
    return ControlAreas.of(json.dumps({"features": features}).encode())


COLORADO = {"PUBLIC_SERVICE_COMPANY_OF_COLORADO": (-109, 37, -104, 41)}


def test_a_place_in_one_control_area_is_under_its_authority_and_near_to_one_too():
    mapped = areas(**COLORADO, SEATTLE_CITY_LIGHT=(-123, 47, -122, 48))
    inside, near = mapped.authority(39.7, -105.2), mapped.authority(41.08, -105.0)

    assert (inside.region, inside.method, inside.distance_km) == ("PSCO", "polygon", 0.0)
    assert (near.region, near.method, near.distance_km) == ("PSCO", "nearest", pytest.approx(8.896, abs=0.01))


def test_a_place_in_several_control_areas_or_near_to_several_is_under_none_and_they_are_named():
    west = {"WESTERN_AREA_POWER_ADMINISTRATION_-_ROCKY_MOUNTAIN_REGION": (-106, 36, -102, 42)}
    beside = {"PACIFICORP_-_EAST": (-109, 41.1, -104, 42)}
    overlapping, apart = areas(**COLORADO, **west), areas(**COLORADO, **beside)

    assert overlapping.authority(39.7, -105.2).reason == "the place is in the areas of several: PSCO, WACM"
    assert apart.authority(41.05, -105.2).reason == "the place is within 10 km of the areas of several: PACE, PSCO"
    for found in (overlapping.authority(39.7, -105.2), apart.authority(41.05, -105.2)):
        assert (found.region, found.method, found.distance_km) == (None, "unmapped", None)


def test_a_place_that_is_far_not_known_or_in_an_area_without_a_code_is_under_none():
    mapped = areas(**COLORADO, SOMEWHERE_ELSE=(-100, 30, -99, 31))

    assert mapped.authority(41.2, -105.0).reason == "the place is more than 10 km from every region"
    assert mapped.authority(None, None).reason == "the place is not known, or cannot be"
    assert mapped.authority(30.5, -99.5).reason == "the place is in the area 'SOMEWHERE ELSE', whose code is not known"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", "is not GeoJSON of control areas"),
        (b'{"features": []}', "has no polygon of a control area"),
        (b'{"features": [{"properties": {"name": "x"}, "geometry": null}]}', "with a NAME each: KeyError.'NAME'"),
        (
            json.dumps({"features": [feature("", -12e6, 44e5, -11e6, 5e6) | {"properties": {"NAME": "X"}}]}).encode(),
            "is not in degrees: it reaches from -12000000 4400000 to -11000000 5000000",
        ),
    ],
)
def test_what_is_no_map_of_control_areas_is_refused(body, sentence):
    with pytest.raises(SourceError, match=sentence):
        ControlAreas.of(body)


def test_without_control_areas_no_system_is_under_an_authority_and_with_them_all_are_mapped_anew(
    place, load, shared_session_without_spark
):
    place.put_fixtures()
    key = "emissions/control_areas/2022-07-05_2022/areas.geojson"
    place.s3.delete_object(Bucket=place.bucket, Key=key)
    asked = "SELECT ss_id, balancing_authority, balancing_authority_reason, control_area_edition"
    load(TABLE, ALL)
    without = place.rows(f"{asked} FROM {TABLE} ORDER BY ss_id")
    place.put(key, (Path(__file__).parents[1] / "fixtures/dim_system_region" / key).read_bytes())
    found, _ = load(TABLE, ALL)

    assert without == [(ss_id, None, "no polygons of control areas have landed", None) for ss_id in (1, 10, 34, 77)]
    assert found.new == 1
    assert place.rows(f"{asked} FROM {TABLE} WHERE ss_id = 1") == [(1, "NYIS", None, "2022")]


def test_regions_are_made_anew_when_a_catalogue_or_polygons_are_published_and_else_not(place, load):
    place.put_fixtures()
    first, _ = load(TABLE, ALL)
    again, nothing = load(TABLE, ALL)
    later = Path(__file__).parents[1] / "fixtures/dim_emission_factor/emissions/egrid/2025-06-18_2023r2/subregions.json"
    place.put("emissions/egrid/2026-01-01_2024/subregions.json", later.read_bytes().replace(b"NYUP", b"NYLI"))
    third, _ = load(TABLE, ALL)

    assert (first.new, again.unchanged, nothing, third.new) == (6, 6, None, 1)
    assert place.rows(f"SELECT ss_id, egrid_subregion, egrid_edition FROM {TABLE} WHERE ss_id < 11 ORDER BY ss_id") == [
        (1, "NYLI", "2024"),
        (10, "PRMS", "2024"),
    ]
    read = "SELECT SUM(rows_read - rows_loaded - rows_quarantined - rows_duplicate) AS lost FROM etl_checkpoint"
    assert place.rows(f"{read} WHERE table_name = '{TABLE}'") == [(0,)]


@pytest.mark.skipif(
    not DATA.is_dir(), reason="set SUNLEDGER_DATA to a folder with PVDAQ's catalogue and EPA's polygons"
)
def test_the_1860_systems_of_pvdaq_are_mapped_and_those_whose_place_cannot_be_are_not(place, load):
    place.put("pvdaq/csv/systems_20250729.csv", (DATA / "pvdaq/csv/systems_20250729.csv").read_bytes())
    polygons = (DATA / "emissions/subregion_egrid2023_rev2_20250618.json").read_bytes()
    place.put("emissions/egrid/2025-06-18_2023r2/subregions.json", polygons)
    everywhere = feature("", -180, -60, 180, 80) | {"properties": {"NAME": "SOUTHWEST POWER POOL"}}
    place.put("emissions/control_areas/2022-07-05_x/areas.geojson", json.dumps({"features": [everywhere]}).encode())
    load(TABLE, ALL)

    methods = Counter(dict(place.rows(f"SELECT egrid_method, COUNT(*) AS n FROM {TABLE} GROUP BY egrid_method")))
    assert methods == {"polygon": 1_835, "nearest": 19, "state": 1, "unmapped": 5}
    # Four of Golden, CO, with places in Florida, and one of Livermore, FL, with a place in California.
    assert place.rows(f"SELECT ss_id FROM {TABLE} WHERE egrid_method = 'unmapped' ORDER BY ss_id") == [
        (ss_id,) for ss_id in (1230, 1301, 1302, 1307, 1310)
    ]
    # Raleigh, NC, whose longitude has lost its minus.
    assert place.rows(f"SELECT ss_id, egrid_subregion FROM {TABLE} WHERE egrid_method = 'state'") == [(1416, "SRVC")]
    # An area that is everywhere has all systems but those whose place cannot be; no state stands for a place.
    under = f"SELECT ss_id, balancing_authority_reason FROM {TABLE} WHERE balancing_authority IS NULL ORDER BY ss_id"
    why = "the place is not known, or cannot be"
    assert place.rows(under) == [(ss_id, why) for ss_id in (1230, 1301, 1302, 1307, 1310, 1416)]
    top = f"SELECT egrid_subregion, COUNT(*) AS n FROM {TABLE} GROUP BY egrid_subregion ORDER BY n DESC LIMIT 3"
    assert place.rows(top) == [("CAMX", 817), ("NEWE", 147), ("RFCE", 119)]
    assert place.rows(f"SELECT MAX(egrid_distance_km) < 8 AS is_near FROM {TABLE}") == [(True,)]
    assert place.rows(f"SELECT egrid_subregion, us_state, avert_region FROM {TABLE} WHERE ss_id = 34") == [
        ("AZNM", "NV", "Northwest")
    ]
