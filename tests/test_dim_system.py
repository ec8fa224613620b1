"""What describes systems: editions, parquet tables and metadata; and the history that is made of it."""

import csv
import importlib.util
import io
import json
import random
from datetime import date, datetime
from importlib import resources

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import FIXTURES

from jobs import contract, nameplate
from jobs.dictionary import from_json
from jobs.errors import SourceError
from jobs.tables import dim_system as table
from jobs.transform import SourceObject

PLACE = FIXTURES / "dim_system"
CATALOGUE = (PLACE / "pvdaq/csv/systems_20250601.csv").read_bytes()
HEADER, FIRST, MOUNT, OTHER_MOUNT, *_ = CATALOGUE.split(b"\r\n")
SITE = {"system_id": 7, "site_id": "5", "latitude": "40.0", "longitude": "-105.0", "elevation": "1800.0"}
SITE |= {"location": "Golden, CO", "av_pressure": "12.1", "av_temp": "9.5", "climate_type": "BSk"}
LINE = {"system_id": "7", "system_public_name": "Roof", "latitude": "40.0", "longitude": "-105.0"}
TWO_MOUNTS = [
    {"system_id": 7, "azimuth": "90.0", "tilt": "5.0", "tracking": "f", "type": "roof"},
    {"system_id": 7, "azimuth": "270.0", "tilt": "5.0", "tracking": "f", "type": "roof"},
]


def transform(body, layout="catalogue", **parts):
    (piece,) = table.transform(SourceObject.of(body, parts or {"edition": "20250601"}, layout))
    return piece


def parsed(*lines, header=HEADER):
    return transform(b"\r\n".join([header, *lines, b""]))


def edition(day, *systems):
    """An edition that says this of systems: of each LINE with changes, and nothing else."""
    names = list(dict.fromkeys(name for system in (LINE, *systems) for name in system))
    out = io.StringIO(newline="")
    lines = csv.DictWriter(out, names, restval="")
    lines.writeheader()
    lines.writerows(LINE | system for system in systems)
    return transform(out.getvalue().encode(), edition=day)


def parquet(layout, *rows):
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows)), out)
    return transform(out.getvalue().to_pybytes(), layout, part="00000")


def document(system=None, layout="system_metadata", **more):
    body = {"System": {"system_id": "7"} | (system or {})} | more
    return transform(json.dumps(body).encode(), layout, ss_id="7")


def history(*pieces):
    """The rows of all objects in order of systems and time."""
    rows = [row for piece in table.together(pieces) for row in piece.rows.to_pylist()]
    return sorted(rows, key=lambda row: (row["ss_id"], row["valid_from"]))


def only(*pieces):
    (row,) = history(*pieces)
    return row


def only_reject(result):
    (reject,) = result.rejects
    return reject.line, reject.column, reject.reason


def test_two_mounts_are_one_system_and_a_counted_duplicate():
    result = parsed(MOUNT, OTHER_MOUNT)

    (row,) = result.rows.to_pylist()
    assert (row["ss_id"], row["mount_count"], row["azimuth_deg"], row["tilt_deg"]) == (10, 2, None, 5.0)
    assert (result.rows_read, result.rows_duplicate, result.rejects) == (2, 1, [])


def test_the_same_line_twice_is_one_mount():
    result = parsed(MOUNT, MOUNT)

    (row,) = result.rows.to_pylist()
    assert (row["mount_count"], row["azimuth_deg"], result.rows_duplicate) == (1, 270.0, 1)


def test_a_line_that_contradicts_its_system_is_refused():
    result = parsed(MOUNT, OTHER_MOUNT.replace(b"33.4152", b"34.4152"))

    assert only_reject(result) == (3, "latitude", "differs from line 2, the first of system 10, in more than its mount")
    assert result.rows.num_rows == 1


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"43.0853", b"43,0853", (None, "expected 31 cells, found 32")),
        (b"43.0853", b"north", ("latitude", "'north' cannot be read as latitude_deg")),
        (b"43.0853", b"nan", ("latitude", "'nan' cannot be read as latitude_deg")),
        (b"1/1/2015 0:00", b"2015-01-01", ("first_timestamp", "'2015-01-01' cannot be read as first_reading_at")),
        (b"1,\xe2\x80\x9cSunny", b",\xe2\x80\x9cSunny", ("system_id", "a system without an id")),
        (b"1,\xe2\x80\x9cSunny", b"-5,\xe2\x80\x9cSunny", ("system_id", "'-5' cannot be read as ss_id")),
        (b"1,\xe2\x80\x9cSunny", b"0,\xe2\x80\x9cSunny", ("system_id", "'0' cannot be read as ss_id")),
        (b"1,\xe2\x80\x9cSunny", b"1_0,\xe2\x80\x9cSunny", ("system_id", "'1_0' cannot be read as ss_id")),
        (
            b"1,\xe2\x80\x9cSunny",
            b"99999999999999999999,\xe2\x80\x9cSunny",
            ("system_id", "'99999999999999999999' cannot be read as ss_id"),
        ),
        (b"43.0853", b"4_3.0853", ("latitude", "'4_3.0853' cannot be read as latitude_deg")),
    ],
)
def test_a_line_with_a_fault_is_refused_with_its_column(old, new, fault):
    result = parsed(FIRST.replace(old, new, 1), MOUNT)

    assert only_reject(result) == (2, *fault)
    assert [row["ss_id"] for row in result.rows.to_pylist() if not row["is_refused"]] == [10]


def test_a_refused_line_is_kept_as_it_stands():
    line = FIRST.replace(b"43.0853", b"north")

    (reject,) = parsed(line).rejects

    assert reject.raw_text == line.decode()


@pytest.mark.parametrize(
    ("day", "body", "said"),
    [
        ("20250801", b"", "lacks columns of the catalogue: system_id, system_public_name"),
        ("20250801", HEADER.replace(b"latitude", b"lat") + b"\r\n", "lacks columns of the catalogue: latitude$"),
        ("20241231", HEADER.replace(b"system_id", b"id") + b"\r\n", "lacks columns of the catalogue: system_id$"),
        ("20250801", b"\xff\xfe\x00", "is not CSV in UTF-8"),
        ("20250801", HEADER + b'\r\n1,"Sunny', "is not CSV: unexpected end of data"),
        ("20250631", CATALOGUE, "is an edition of 20250631, which is no day"),
    ],
)
def test_a_file_that_is_no_catalogue_is_an_error_that_says_why(day, body, said):
    with pytest.raises(SourceError, match="^" + said):
        transform(body, edition=day)


def test_an_old_edition_of_few_columns_says_what_it_has():
    rows = transform((PLACE / "pvdaq/csv/systems_20241231.csv").read_bytes(), edition="20241231").rows.to_pylist()

    assert [(row["system_name"], row["site_location"], row["elevation_m"]) for row in rows] == [
        ("Cabin Roof", "Bergen, NY", 187.0),
        ("Old Depot", "Reno, NV", 1370.0),
    ]
    assert rows[0]["first_reading_at"] == datetime(2015, 1, 1)
    assert {(row["tilt_deg"], row["mount_count"], row["dc_capacity_kw"]) for row in rows} == {(None, None, None)}


def test_a_corrected_tilt_begins_a_row_and_leaves_the_one_before_as_it_was():
    rows = history(edition("20250101", {"tilt": "30"}), edition("20250601", {"tilt": "18.5"}))

    assert [(r["tilt_deg"], r["valid_from"], r["valid_to"], r["is_current"]) for r in rows] == [
        (30.0, date(2025, 1, 1), date(2025, 6, 1), False),
        (18.5, date(2025, 6, 1), None, True),
    ]


def test_editions_that_say_the_same_are_one_row_of_the_first():
    first, second = table.together([edition("20250101", {"tilt": "30"}), edition("20250601", {"tilt": "30.0"})])

    (row,) = first.rows.to_pylist()
    assert (row["valid_from"], row["valid_to"]) == (date(2025, 1, 1), None)
    assert (second.rows_read, second.rows.num_rows, second.rows_duplicate) == (1, 0, 1)


def test_a_value_that_comes_back_begins_a_third_row():
    tilts = ["30", "18", "30"]
    rows = history(*(edition(f"2025010{n}", {"tilt": tilt}) for n, tilt in enumerate(tilts, start=1)))

    assert [row["tilt_deg"] for row in rows] == [30.0, 18.0, 30.0]
    assert [row["valid_to"] for row in rows] == [date(2025, 1, 2), date(2025, 1, 3), None]


def test_the_order_of_the_objects_does_not_matter():
    pieces = [edition(f"2025010{n}", {"tilt": str(n)}, {"system_id": "8"}) for n in range(1, 6)]
    pieces += [
        parquet("site_parquet", SITE),
        document({"power": "5.5"}),
        document({"power(kW DC)": 6.5}, "prize_metadata"),
    ]
    in_order = history(*pieces)

    for seed in range(5):
        random.Random(seed).shuffle(pieces)
        assert history(*pieces) == in_order
    assert len(in_order) == 6


def test_a_system_that_leaves_the_catalogue_keeps_its_row_of_now():
    gone, stays = history(edition("20250101", {}, {"system_id": "8"}), edition("20250601", {"system_id": "8"}))

    assert (gone["ss_id"], gone["is_current"], gone["valid_to"], gone["is_catalogued"]) == (7, True, None, False)
    assert (stays["ss_id"], stays["is_current"], stays["is_catalogued"]) == (8, True, True)


def test_a_system_whose_line_of_the_newest_edition_is_refused_is_still_listed_by_it():
    before = edition("20250101", {}, {"system_id": "8"}, {"system_id": "9"})
    newest = edition("20250601", {"latitude": "north"}, {"system_id": "9", "latitude": "north"}, {"system_id": "9"})

    rows = {row["ss_id"]: row for row in history(before, newest)}

    assert {ss_id: row["is_catalogued"] for ss_id, row in rows.items()} == {7: True, 8: False, 9: True}
    assert (rows[7]["valid_from"], rows[7]["is_current"]) == (date(2025, 1, 1), True)
    _, made = table.together([before, newest])
    assert (made.rows_read, made.rows.num_rows, made.rows_duplicate, len(made.rejects)) == (3, 0, 1, 2)


def test_a_line_with_a_cell_too_many_still_lists_its_system():
    broken = parsed(FIRST.replace(b"43.0853", b"43,0853"), MOUNT)

    rows = history(edition("20250101", {"system_id": "1"}), broken)

    assert {row["ss_id"]: row["is_catalogued"] for row in rows} == {1: True, 10: True}


def test_an_edition_of_nothing_but_refused_lines_is_still_the_newest():
    row = only(edition("20250101", {}), edition("20250601", {"system_id": "8", "latitude": "north"}))

    assert (row["ss_id"], row["is_catalogued"]) == (7, False)


def test_an_edition_is_not_held_to_a_last_reading_that_it_does_not_say():
    undated = parquet(
        "system_parquet",
        {"system_id": 7, "public_name": "Roof", "power": "5.0", "last_timestamp": "2025-06-01 10:00:00"},
    )

    row = only(edition("20241231", {}), undated)

    assert (row["last_reading_at"], row["quality"]) == (datetime(2025, 6, 1, 10), 0)


def test_a_last_reading_is_held_against_the_first_edition_that_says_it():
    undated = document({"last_timestamp": "2079-01-01 00:00:00"})

    row = only(edition("20241231", {}), edition("20250601", {"last_timestamp": "1/1/2079 0:00"}), undated)

    assert (row["last_reading_at"], row["quality"]) == (None, nameplate.LAST_READING)
    assert (row["valid_from"], row["last_reading_at_published"]) == (date(2024, 12, 31), datetime(2079, 1, 1))


def test_a_system_that_no_edition_lists_is_described_by_what_else_there_is():
    listed, other = history(document({"public_name": "Shed", "power": "2.5"}), edition("20250101", {"system_id": "6"}))

    assert (listed["ss_id"], other["ss_id"]) == (6, 7)
    assert (other["system_name"], other["dc_capacity_kw"], other["is_catalogued"]) == ("Shed", 2.5, False)
    assert (other["valid_from"], other["valid_to"], other["is_current"]) == (date(1900, 1, 1), None, True)


def test_blanks_are_filled_by_the_parquet_tables_before_the_metadata_and_nothing_else_is():
    row = only(
        edition("20250101", {"elevation_m": "1700"}),
        document({"power": "5.5"}, Site={"elevation": "1", "av_temp": "1", "location": "Boulder, CO"}),
        parquet("site_parquet", SITE),
        document({"power(kW DC)": 6.5, "timezone_code": "America/Denver"}, "prize_metadata"),
    )

    assert (row["elevation_m"], row["temperature_mean_degc"], row["site_location"]) == (1700.0, 9.5, "Golden, CO")
    assert (row["dc_capacity_kw"], row["time_zone"], row["site_id"]) == (5.5, "America/Denver", 5)
    assert row["pressure_hpa"] == pytest.approx(834.27, abs=0.01)


@pytest.mark.parametrize(
    ("listed", "mounts", "expected"),
    [
        # The catalogue says nothing of mounts, so all of it is taken.
        ({}, [("90", "10"), ("270", "10")], (2, None, 10.0)),
        # One mount each: only what is blank.
        ({"azimuth": "200"}, [("180", "25")], (1, 200.0, 25.0)),
        # Nobody knows which of two the one is.
        ({"azimuth": "200", "tracking": "fixed"}, [("180", "25"), ("200", "25")], (1, 200.0, None)),
        ({"azimuth": "200"}, [("varies", "25")], (1, 200.0, 25.0)),
        ({}, [("varies", "25")], (1, None, 25.0)),
    ],
)
def test_mounts_are_filled_only_where_there_is_one_each(listed, mounts, expected):
    described = {f"Mount {n}": {"azimuth": a, "tilt": t, "tracking": "f"} for n, (a, t) in enumerate(mounts)}

    row = only(edition("20250101", listed), document(Mount=described))

    assert (row["mount_count"], row["azimuth_deg"], row["tilt_deg"]) == expected
    assert row["tracking"] == "fixed"


def test_mounts_that_differ_in_the_catalogue_are_not_filled():
    two = parsed(MOUNT, OTHER_MOUNT)
    body = {"System": {"system_id": 10}, "Mount": {"Mount 0": {"azimuth": 180.0, "tilt": 5.0}}}

    row = only(two, transform(json.dumps(body).encode(), "prize_metadata", ss_id="10"))

    assert (row["mount_count"], row["azimuth_deg"]) == (2, None)


def test_what_undated_sources_say_is_folded_and_counted():
    undated = parquet("site_parquet", SITE, SITE), document(), parquet("mount_parquet", *TWO_MOUNTS)

    pieces = table.together([edition("20250101", {}), *undated])

    counted = [(piece.rows_read, piece.rows.num_rows, piece.rows_duplicate) for piece in pieces]
    assert counted == [(1, 1, 0), (2, 0, 2), (1, 0, 1), (2, 0, 2)]


def test_what_cannot_be_read_in_a_table_or_document_is_refused_with_its_column():
    result = parquet("site_parquet", SITE | {"latitude": "north"}, SITE | {"system_id": 8})
    assert only_reject(result) == (1, "latitude", "'north' cannot be read as latitude_deg")
    assert [row["ss_id"] for row in result.rows.to_pylist()] == [8]
    result = parquet("mount_parquet", TWO_MOUNTS[0] | {"tracking": "maybe"}, TWO_MOUNTS[1])
    assert only_reject(result) == (1, "tracking", "'maybe' cannot be read as tracking")
    result = parquet("system_parquet", {"system_id": None, "public_name": "x", "power": "1"})
    assert only_reject(result) == (1, "system_id", "a line without a system")
    result = parquet("site_parquet", SITE, SITE | {"av_temp": "10.5"})
    assert only_reject(result) == (2, "system_id", "says something else of system 7 than a line before it")
    result = document(Site={"elevation(m)": "high"})
    assert only_reject(result) == (1, "elevation", "'high' cannot be read as elevation_m")
    assert (result.rows_read, result.rows.num_rows) == (1, 0)


def test_an_object_that_is_none_of_the_tables_is_an_error_that_says_why():
    with pytest.raises(SourceError, match="^is not parquet"):
        transform(b"PAR1", "site_parquet", part="00000")
    with pytest.raises(SourceError, match="^lacks columns of the table: av_pressure, av_temp$"):
        parquet("site_parquet", {"system_id": 7, "latitude": "1", "longitude": "1"})
    with pytest.raises(SourceError, match="^is the metadata of system 8, and its key that of 7$"):
        document({"system_id": 8})


@pytest.mark.parametrize(
    ("listed", "flag", "unused"),
    [
        ({"latitude": "91"}, nameplate.PLACE, {"latitude_deg": 91.0, "longitude_deg": -105.0}),
        ({"longitude": "-181"}, nameplate.PLACE, {"latitude_deg": 40.0, "longitude_deg": -181.0}),
        (
            {"longitude": "105", "timezone_or_utc_offset": "America/Denver"},
            nameplate.LONGITUDE,
            {"latitude_deg": 40.0, "longitude_deg": 105.0},
        ),
        ({"longitude": "105", "site_location": "Golden CO"}, nameplate.LONGITUDE, {"longitude_deg": 105.0}),
        ({"longitude": "-85", "site_location": "Golden CO"}, nameplate.STATE, {"longitude_deg": -85.0}),
        ({"azimuth": "-1"}, nameplate.AZIMUTH, {"azimuth_deg": -1.0}),
        ({"azimuth": "361"}, nameplate.AZIMUTH, {"azimuth_deg": 361.0}),
        ({"tilt": "91"}, nameplate.TILT, {"tilt_deg": 91.0}),
        ({"dc_capacity_kW": "0"}, nameplate.CAPACITY, {"dc_capacity_kw": 0.0}),
        ({"last_timestamp": "6/2/2025 0:00"}, nameplate.LAST_READING, {"last_reading_at": datetime(2025, 6, 2)}),
        (
            {"first_timestamp": "5/13/1994 15:30"},
            nameplate.FIRST_READING,
            {"first_reading_at": datetime(1994, 5, 13, 15, 30)},
        ),
        ({"timezone_or_utc_offset": "Mars/Olympus"}, nameplate.ZONE, {}),
        ({"timezone_or_utc_offset": "-7"}, nameplate.ZONE, {}),
    ],
)
def test_what_cannot_be_is_kept_as_published_flagged_and_null(listed, flag, unused):
    row = only(edition("20250601", listed))

    assert row["quality"] == flag
    assert {name: row[f"{name}_published"] for name in unused} == unused
    assert [row[name] for name in unused] == [None] * len(unused)


@pytest.mark.parametrize(
    "listed",
    [
        {"azimuth": "0", "tilt": "0", "dc_capacity_kW": "0.675"},
        {"azimuth": "360", "tilt": "90", "last_timestamp": "6/1/2025 23:59", "first_timestamp": "1/1/1995 0:00"},
        {"site_location": "Golden, CO", "timezone_or_utc_offset": "America/Denver"},
        {"site_location": "ZIP: 80401"},
        {"site_location": "Somewhere, ZZ"},
        {},
    ],
)
def test_what_can_be_is_used_and_has_no_flag(listed):
    row = only(edition("20250601", listed))

    assert row["quality"] == 0
    assert all(row[name] == row[f"{name}_published"] for name in nameplate.JUDGED)


@pytest.mark.parametrize(
    ("place", "state"),
    [("Golden, CO", "CO"), ("Golden CO", "CO"), ("ZIP: 80401", None), ("Colorado", None), ("Golden, ZZ", None)],
)
def test_the_state_of_a_system_is_the_one_that_its_place_ends_with(place, state):
    assert only(edition("20250601", {"site_location": place}))["us_state"] == state


@pytest.mark.parametrize(
    ("listed", "state"),
    [
        # Cologne; Bangalore; Bogota: of a zone that is not of the USA, or far from it.
        ({"site_location": "Cologne, DE", "latitude": "50.9", "longitude": "7.0"}, None),
        (
            {
                "site_location": "Cologne, DE",
                "latitude": "50.9",
                "longitude": "7.0",
                "timezone_or_utc_offset": "Europe/Berlin",
            },
            None,
        ),
        ({"site_location": "Bangalore, IN", "latitude": "13.0", "longitude": "77.6"}, None),
        (
            {
                "site_location": "Bogota, CO",
                "latitude": "4.7",
                "longitude": "-74.1",
                "timezone_or_utc_offset": "America/Bogota",
            },
            None,
        ),
        # Zones that say no country are as none.
        (
            {"site_location": "Accra, GA", "latitude": "5.6", "longitude": "-0.2", "timezone_or_utc_offset": "UTC"},
            None,
        ),
        (
            {"site_location": "Golden, CO", "timezone_or_utc_offset": "MST"},
            "CO",
        ),
        ({"site_location": "Golden, CO", "timezone_or_utc_offset": "America/Denver"}, "CO"),
        ({"site_location": "Golden, CO", "latitude": "", "longitude": ""}, "CO"),
    ],
)
def test_a_place_abroad_is_in_no_state_and_keeps_its_coordinates(listed, state):
    row = only(edition("20250601", listed))

    assert (row["us_state"], row["quality"]) == (state, 0)
    assert (row["latitude_deg"], row["longitude_deg"]) == (
        row["latitude_deg_published"],
        row["longitude_deg_published"],
    )


@pytest.mark.parametrize("zone", ["5", "America/New_York", "US/Eastern"])
def test_a_place_whose_zone_is_of_the_usa_is_held_against_its_state(zone):
    listed = {"site_location": "Golden, CO", "latitude": "27.8", "longitude": "-82.7", "timezone_or_utc_offset": zone}

    row = only(edition("20250601", listed))

    assert row["quality"] & nameplate.STATE
    assert (row["us_state"], row["latitude_deg"]) == (None, None)


def test_the_zones_of_the_usa_are_those_of_the_iana():
    table = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text()
    zones = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]

    assert {name for _, _, name, *_ in zones if nameplate.US_ZONE.fullmatch(name)} == {
        name for country, _, name, *_ in zones if country in ("US", "PR")
    }


def test_a_bare_number_is_of_hours_west_and_is_used_with_a_minus():
    row = only(edition("20250601", {"timezone_or_utc_offset": "7"}))

    assert (row["quality"], row["utc_offset_hours"], row["time_zone"]) == (nameplate.HOURS_WEST, -7.0, None)
    assert row["timezone_or_utc_offset"] == "7"


@pytest.mark.parametrize(("published", "hpa"), [("14.696", 1013.25), ("11.8", 813.58), ("1020.0", None), ("0", None)])
def test_a_pressure_is_used_only_where_it_can_be_in_psi(published, hpa):
    row = only(edition("20250601", {}), parquet("site_parquet", SITE | {"av_pressure": published}))

    assert row["pressure_published"] == float(published)
    assert row["pressure_hpa"] == (hpa and pytest.approx(hpa, abs=0.01))
    assert row["quality"] == (0 if hpa else nameplate.PRESSURE)


def test_metadata_that_flags_are_decided_by_have_nothing_that_cannot_be():
    site = {"latitude": "27.7", "longitude": "-82.6", "location": "Golden, CO"}
    system = {"system_id": 7, "timezone_code": "America/New_York", "power": "0"}

    known = from_json(json.dumps({"System": system, "Site": site}).encode(), 7).system

    assert (known.latitude_deg, known.longitude_deg, known.dc_capacity_kw) == (None, None, None)
    assert known.zone == "America/New_York"


def test_the_contract_says_what_each_flag_means():
    (quality,) = [column for column in contract.load("dim_system").columns if column.name == "quality"]

    said = "; ".join(f"{flag} {meaning}" for flag, (_, meaning) in nameplate.FLAGS.items())
    assert said in quality.description
    assert quality.maximum == sum(nameplate.FLAGS)


def test_the_parquet_fixtures_are_what_their_tables_say():
    spec = importlib.util.spec_from_file_location("parquet", PLACE / "parquet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    for path, rows in module.tables().items():
        assert pq.read_table(path).equals(rows)
