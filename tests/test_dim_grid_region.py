"""Regions of the grid by every scheme: what each edition becomes, how polygons are measured, and what is refused."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from conftest import FIXTURES

from jobs import register
from jobs.errors import ContractError, SourceError
from jobs.regions import states_of
from jobs.tables import dim_grid_region as table
from jobs.transform import SourceObject

TABLE, ALL = "dim_grid_region", (None, None)
EGRID = FIXTURES / "dim_emission_factor/emissions/egrid/2025-06-18_2023r2/subregions.json"
DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"), "emissions")


def parsed(body, layout="egrid_subregions"):
    (piece,) = table.transform(SourceObject.of(body, {"edition": "x", "published_on": "2025-06-18"}, layout))
    return piece


def box(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def state(fips, name, geometry=None):
    return {"properties": {"type": "state", "STATE": fips, "NAME": name}, "geometry": geometry}


def features(*several):
    return json.dumps({"features": several}).encode()


def test_a_polygon_is_measured_on_a_sphere_and_its_centre_and_box_are_in_degrees():
    # A degree of longitude by one of latitude at the equator and at 60 degrees: R^2 * pi/180 * (sin n - sin s).
    rows = parsed(features(state("01", "A", box(0, 0, 1, 1)), state("02", "B", box(10, 60, 11, 61)))).rows.to_pylist()

    assert [row["area_km2"] for row in rows] == [6_088, 12_364]
    assert [rows[1][name] for name in ("south_deg", "west_deg", "north_deg", "east_deg")] == [0, 0, 1, 1]
    assert (rows[0]["centroid_latitude_deg"], rows[0]["centroid_longitude_deg"]) == (60.5, 10.5)


def test_a_region_that_stands_twice_counts_once_and_with_another_polygon_is_refused():
    twice = state("08", "Colorado", box(-109, 37, -102, 41))
    piece = parsed(features(twice, twice, state("08", "Colorado", box(-109, 37, -103, 41)), state("99", "Nowhere")))

    assert (piece.rows_read, piece.rows.num_rows, piece.rows_duplicate) == (4, 1, 1)
    assert [(reject.line, reject.reason) for reject in piece.rejects] == [
        (3, "CO stands before, with another polygon or name"),
        (4, "no state has this code"),
    ]


def test_an_authority_in_several_pieces_is_one_region():
    pieces = [
        {"properties": {"NAME": "PACIFICORP - EAST"}, "geometry": box(west, 40, west + 1, 41)} for west in (-112, -109)
    ]
    (row,) = parsed(features(*pieces), "control_areas").rows.to_pylist()

    assert (row["region"], row["name"], row["west_deg"], row["east_deg"]) == ("PACE", "PacifiCorp East", -112, -108)


def test_an_avert_region_says_which_shares_of_states_it_is():
    assert states_of("Tennessee").startswith("AL 26.2084 %, ")
    assert states_of("Atlantis") is None


@pytest.mark.parametrize(
    ("body", "layout", "sentence"),
    [
        (b"<html>", "egrid_subregions", "is not GeoJSON with subregions and states"),
        (b"a,b\n1,2\n", "avert_rates", "lacks the columns level, region; it has a, b"),
        (b"{}", "control_areas", "is not GeoJSON of control areas with a NAME each"),
    ],
)
def test_what_is_not_what_its_key_says_is_refused(body, layout, sentence):
    with pytest.raises(SourceError, match=sentence):
        parsed(body, layout)


def test_each_edition_keeps_its_regions_and_one_that_lacks_subregions_is_refused_alone(
    place, load, shared_session_without_spark
):
    place.put_fixtures()
    first, _ = load(TABLE, ALL)
    few = json.loads(EGRID.read_bytes())
    del few["features"][1:4]
    place.put("emissions/egrid/2026-01-01_2024/subregions.json", json.dumps(few).encode())
    with pytest.raises(ContractError, match=r"all_subregions: 1, must be = 0\. .* Such as 2024 has 24\."):
        load(TABLE, ALL)

    assert first.new == 4
    asked = f"SELECT source, edition, COUNT(*) AS n FROM {TABLE} GROUP BY source, edition ORDER BY source, edition"
    assert place.rows(asked) == [("avert", "2024", 3), ("control_areas", "2022", 5)] + [
        (source, edition, count)
        for source, count in (("egrid", 29), ("register", 67))
        for edition in ("2023r1", "2023r2")
    ]


def test_another_line_of_the_repositorys_tables_makes_what_is_read_with_them_anew(
    place, load, monkeypatch, shared_session_without_spark
):
    place.put_fixtures()
    load(TABLE, ALL)
    before = register._whole
    more = b"NEW,A NEW AREA,A New Authority\n"
    monkeypatch.setattr(
        register, "_whole", lambda name: before(name) + (more if name == "balancing_authorities" else b"")
    )

    found, _ = load(TABLE, ALL)

    assert (found.changed, found.unchanged) == (3, 1)
    assert place.rows(f"SELECT edition, name FROM {TABLE} WHERE region = 'NEW' ORDER BY edition") == [
        (edition, "A New Authority") for edition in ("2023r1", "2023r2")
    ]


@pytest.mark.skipif(not DATA.is_dir(), reason="set SUNLEDGER_DATA to a folder with EPA's polygons")
def test_epas_polygons_have_27_subregions_and_52_states_and_colorado_is_as_large_as_it_is():
    rows = parsed((DATA / "subregion_egrid2023_rev2_20250618.json").read_bytes()).rows.to_pylist()

    assert Counter(row["region_scheme"] for row in rows) == {"egrid_subregion": 27, "national": 1, "us_state": 52}
    (colorado,) = [row for row in rows if row["region"] == "CO"]
    # 104,094 square miles with its waters, by the US Census Bureau.
    assert colorado["area_km2"] == pytest.approx(104_094 * 2.589988, rel=0.01)
