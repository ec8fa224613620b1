"""Intensities of the grid by the hour: what each file becomes, which version counts, and what is refused."""

import csv
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import FIXTURES, expected_rows, forget
from test_campd import HEADER as CAMPD_HEADER
from test_campd import line as campd_line
from test_facilities import EL_PASO, HOUSTON, facility
from test_facilities import file_of as facilities_of
from test_fact_unit_emissions_hourly import PLANTS, PUDL, pudl_plants, pudl_record

from jobs import campd, fossil, plan
from jobs.cli import verify_command
from jobs.errors import ContractError, SourceError
from jobs.listing import Window
from jobs.objects import Bucket
from jobs.tables import fact_grid_intensity_hourly as table
from jobs.trace import trace
from jobs.transform import SourceObject

TABLE, ALL = "fact_grid_intensity_hourly", (None, None)
UNITS = FIXTURES / "fact_unit_emissions_hourly/emissions"
YEAR = "campd/2024-02-01_2024-02/emissions-hourly-2023-ca.csv"
QUARTER = "campd/2024-03-01_2024-03/emissions-hourly-2023-q1.csv"
ROOT = "open_grid_emissions_data"
RATES = ("co2", "ch4", "n2o", "co2e", "nox", "so2")
HEADER = "datetime_utc,datetime_local," + ",".join(f"consumed_{gas}_rate_lb_per_mwh_for_electricity" for gas in RATES)
EVER = "hour_start_utc >= TIMESTAMP '1900-01-01 00:00:00'"


def key(version="0.10.0", year=2021, region="CISO"):
    return f"{ROOT}/v{version}/results/{year}/carbon_accounting/hourly/us_units/{region}.csv"


def line(hour, co2=500, more="0.1,0.01,{co2e},0.4,0.2", hours_behind=8):
    """Write an hour of a file, by hours from the start of 2021 in UTC."""
    utc = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    local = utc - timedelta(hours=hours_behind)
    clock = f"{local:%Y-%m-%d %H}:00:00-0{hours_behind}:00"
    return f"{utc:%Y-%m-%d %H}:00:00+00:00,{clock},{co2},{more.format(co2e=float(co2) * 1.01 if co2 else '')}"


def body(*lines, header=HEADER):
    return "\n".join([header, *lines, ""]).encode()


def parsed(*lines, header=HEADER, year="2021"):
    parts = {"edition": "v0.10.0", "version": "0.10.0", "local_year": year, "region": "CISO"}
    (piece,) = table.transform(SourceObject.of(body(*lines, header=header), parts, "oge_consumed"))
    return piece


def hours(place, columns="region, edition, co2_kg_per_mwh"):
    return place.rows(f"SELECT {columns} FROM {TABLE} WHERE {EVER} ORDER BY region, hour_start_utc")


def test_a_line_that_is_no_hour_of_the_files_year_is_refused_where_it_stands():
    lines = [
        line(8),
        # 1 January in London is still 31 December in California.
        line(7),
        line(9).replace("-08:00", "-07:00"),
        line(10).replace("+00:00", ""),
        line(11).replace(":00:00+00:00", ":30:00+00:00"),
        line(12, co2=1).replace("0.01", "see note"),
    ]

    piece = parsed(*lines)

    assert [(reject.line, reject.reason) for reject in piece.rejects] == [
        (3, "2020-12-31 23:00:00-08:00 is of 2020, and the file of 2021"),
        (4, "2021-01-01 01:00:00-07:00 and 2021-01-01 09:00:00+00:00 are not one time"),
        (5, "2021-01-01 10:00:00 does not say that it is UTC"),
        (6, "2021-01-01 11:30:00+00:00 is not the start of an hour"),
        (7, "'see note' is no number"),
    ]
    assert (piece.rows_read, piece.rows.num_rows, piece.rows_duplicate) == (6, 1, 0)


def test_an_hour_that_stands_twice_counts_once_and_with_other_values_the_first_line_stays():
    piece = parsed(line(8), line(9), line(8), line(9, co2=600))

    assert (piece.rows_read, piece.rows.num_rows, piece.rows_duplicate) == (4, 2, 1)
    assert [(reject.line, reject.reason) for reject in piece.rejects] == [
        (5, "the hour stands before, with other values: CO2 226.796185 kg/MWh")
    ]


def test_an_hour_without_any_value_is_there_and_says_so():
    (row,) = parsed(line(8, co2="", more=",,,,")).rows.to_pylist()

    assert (row["co2_kg_per_mwh"], row["co2e_kg_per_mwh"], row["gwp_set"]) == (None, None, None)
    assert row["reason"] == "not published: co2, ch4, n2o, nox, so2, co2e"


@pytest.mark.parametrize(("year", "gwp_set"), [("2020", "AR5"), ("2021", "AR6")])
def test_the_warming_potentials_are_those_of_the_year_of_the_data(year, gwp_set):
    (row,) = parsed(line(8).replace("2021-", f"{year}-"), year=year).rows.to_pylist()

    assert row["gwp_set"] == gwp_set


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("", "lacks the columns datetime_utc, datetime_local, consumed_co2_rate"),
        (
            HEADER.replace("lb_per", "kg_per"),
            "lacks the columns consumed_co2_rate_lb_per_mwh_for_electricity, .* it has",
        ),
        (HEADER.replace("datetime_utc", "datetime"), "lacks the columns datetime_utc; it has datetime, datetime_local"),
    ],
)
def test_a_changed_header_is_refused_with_what_it_lacks_and_what_it_has(header, sentence):
    with pytest.raises(SourceError, match=sentence):
        parsed(line(8), header=header)


@pytest.fixture
def hour_by_hour(place, load, shared_session_without_spark):
    """Load files of hours, without Spark."""

    def run(**options):
        return load(TABLE, ALL, **options)

    return run


def test_the_fixtures_become_the_expectation_and_the_second_load_finds_nothing(place, hour_by_hour):
    place.put_fixtures()

    found, published = hour_by_hour()
    again, nothing = hour_by_hour()

    expected = [(row["region"], row["edition"], float(row["co2_kg_per_mwh"])) for row in expected_rows(TABLE)]
    assert hours(place) == sorted(expected, key=lambda row: row[0])
    assert (found.new, found.outranked, len(found.plans)) == (7, 1, 4)
    assert (again.new, again.unchanged, nothing) == (0, 7, None)
    # One hour of Tennessee twice; 8 of 8 and 16 of 16 hours of units in California, 8 of them another file's, for 8.
    assert (published["rows_duplicate"], published["rows_loaded"]) == (1 + 24 - 8, len(expected))
    assert published["rows_read"] == len(expected) + 17 + 16
    told = place.rows(
        "SELECT observed, message FROM etl_quality WHERE check_name = 'states_without_instants' AND NOT passed"
    )
    assert [(observed, message.rpartition(" Such")[2]) for observed, message in told] == [(1.0, " as TX.")]


def test_a_newer_version_takes_the_place_of_the_older_and_of_no_other_year_or_region(place, hour_by_hour):
    for region, year in (("CISO", 2021), ("AZPS", 2021), ("CISO", 2022)):
        shift = 0 if year == 2021 else 8760
        place.put(key("0.9.0", year, region), body(line(8 + shift), line(9 + shift)))
    hour_by_hour()
    place.put(key("0.10.0"), body(line(8, co2=600), line(9, co2=600)))

    found, published = hour_by_hour()
    again, nothing = hour_by_hour()

    assert (found.new, found.unchanged, found.outranked, published["rows_loaded"]) == (1, 2, 1, 2)
    assert (again.unchanged, again.outranked, nothing) == (3, 1, None)
    assert place.rows(
        f"SELECT region, data_year, edition, COUNT(*) AS n FROM {TABLE} WHERE {EVER} "
        "GROUP BY region, data_year, edition ORDER BY region, data_year"
    ) == [("AZPS", 2021, "v0.9.0", 2), ("CISO", 2021, "v0.10.0", 2), ("CISO", 2022, "v0.9.0", 2)]


def test_when_the_newer_version_is_gone_the_older_does_not_come_back_unasked(place, hour_by_hour):
    place.put(key("0.9.0"), body(line(8)))
    place.put(key("0.10.0"), body(line(8, co2=600)))
    hour_by_hour()
    place.s3.delete_object(Bucket=place.bucket, Key=key("0.10.0"))

    found, published = hour_by_hour()

    assert (found.new, found.vanished, found.outranked, published) == (0, [key("0.10.0")], 1, None)
    _, published = hour_by_hour(retire_vanished=True)
    assert hours(place, "edition") == [("v0.9.0",)]


def test_a_corrected_file_replaces_its_hours_on_both_sides_of_the_new_year(place, hour_by_hour):
    # The last hour of 2021 in California begins at seven in the morning of 2022.
    place.put(key(), body(line(8759 + 7), line(8759 + 8)))
    place.put(key(year=2022), body(line(8759 + 9)))
    hour_by_hour()
    place.put(key(), body(line(8759 + 7, co2=300), line(8759 + 8, co2=300)))

    found, published = hour_by_hour()

    assert (found.changed, published["rows_loaded"]) == (1, 2)
    assert hours(place, "data_year, co2_kg_per_mwh") == [(2021, 136.077711), (2021, 136.077711), (2022, 226.796185)]
    verify_command()


def test_only_the_hours_in_us_units_of_each_version_and_year_are_listed(place, monkeypatch):
    place.put_fixtures()
    asked = []
    ours = Bucket.objects
    monkeypatch.setattr(
        Bucket, "objects", lambda bucket, prefixes, *more: ours(bucket, asked.extend(prefixes) or prefixes, *more)
    )

    plan.plan(TABLE, Window())

    assert [prefix for prefix in asked if prefix.startswith(ROOT)] == [
        f"{ROOT}/v{version}/results/{year}/carbon_accounting/hourly/us_units/"
        for version, year in (("0.10.0", 2021), ("0.10.0", 2022), ("0.9.0", 2020), ("0.9.0", 2021))
    ]


def test_what_cannot_be_is_refused_with_its_figures(place, hour_by_hour):
    place.put(key(region="EMPTY"), body())
    place.put(key(region="LESS"), body(line(8, more="0.1,0.01,499,0.4,0.2")))
    place.put(key(region="GAP"), body(line(8), line(18)))
    place.put(key(region="MUCH"), body(line(8), line(9, co2=12_000)))
    place.put(key(region="WRONG"), body(line(8), line(7)))

    with pytest.raises(ContractError) as refusal:
        hour_by_hour()

    for sentence in (
        f"no_empty_file: 1, must be = 0. Files without a single line. Such as {key(region='EMPTY')}.",
        "Such as LESS 2021-01-01 08:00:00 226.34259263 below 226.796185.",
        "Such as GAP 2021 has 2 of 11 hours.",
        "Such as MUCH 2021-01-01 09:00:00 5443.10844.",
        "few_refused: 50, must be <= 5.",
        f"Such as {key(region='WRONG')} 1 of 2.",
    ):
        assert sentence in str(refusal.value)
    assert str(refusal.value).count("must be") == 5
    assert hours(place) == []
    rules = ("no_empty_file", "co2e_not_below_co2", "hours_in_a_row", "possible_co2", "few_refused")
    hour_by_hour(accept=tuple(f"{rule}@v0.10.0" for rule in rules))
    assert [region for region, *_ in hours(place)] == ["GAP", "GAP", "LESS", "MUCH", "MUCH", "WRONG"]


def test_a_year_that_is_not_whole_is_loaded_and_its_coverage_is_told(place, hour_by_hour):
    place.put(key(), body(*(line(hour) for hour in range(8, 8768) if hour != 4000)))
    place.put(key(region="AZPS"), body(*(line(hour) for hour in range(8, 8768))))

    hour_by_hour()

    told = place.rows(
        "SELECT observed, severity, message FROM etl_quality WHERE check_name = 'whole_years' AND NOT passed"
    )
    assert [row[:2] for row in told] == [(1.0, "warning")]
    assert told[0][2].endswith(" Such as CISO 2021 has 8759 of 8760 hours.")


def test_a_quarter_that_is_published_later_takes_its_hours_from_the_states_year(place, hour_by_hour):
    place.put(f"emissions/{YEAR}", (UNITS / YEAR).read_bytes())
    hour_by_hour()
    place.put(f"emissions/{QUARTER}", (UNITS / QUARTER).read_bytes())

    found, _ = hour_by_hour()

    assert (found.new, found.changed) == (1, 1)
    editions = f"SELECT edition, COUNT(*) AS n, SUM(nox_kg_per_mwh) AS nox FROM {TABLE} WHERE {EVER} GROUP BY edition"
    assert place.rows(f"{editions} ORDER BY edition") == [
        ("2024-02", 4, pytest.approx(4 * 0.022679619)),
        ("2024-03", 4, pytest.approx(4 * 0.045359237)),
    ]


def test_pudls_record_owns_its_years_here_too_and_knows_the_hours_of_states_of_several_zones(
    place, hour_by_hour, monkeypatch
):
    place.put(f"emissions/{YEAR}", (UNITS / YEAR).read_bytes())
    place.put(key(year=2024), body(line(8 + 1096 * 24)))
    hour_by_hour()
    before = place.rows(f"SELECT region, hour_start_utc FROM {TABLE} WHERE {EVER} AND source = 'campd' ORDER BY 2")
    place.put(
        PUDL,
        pudl_record(
            *((260, unit, hour, "CA", 1.0) for unit in "12" for _, hour in before),
            # El Paso by mountain time, the rest of Texas by central time; its first hour is of EPA's year 2025.
            (3456, "1", datetime(2024, 1, 1, 7), "TX", 2.0),
            (3460, "1", datetime(2024, 1, 1, 7), "TX", 4.0),
            (3456, "1", datetime(2025, 1, 1, 6), "TX", 4.0),
            (3460, "1", datetime(2025, 1, 1, 6), "TX", 4.0),
        ),
    )
    place.put(PLANTS, pudl_plants(plant_3456="America/Denver", plant_3460="America/Chicago"))
    monkeypatch.setenv("PUDL_BUCKET", place.bucket)
    forget()

    found, counts = hour_by_hour(accept=("few_refused@core_epacems__hourly_emissions",))

    assert (found.new, found.unchanged, found.outranked, len(found.plans)) == (1, 1, 1, 1)
    # Two units are one hour, one hour is EPA's own, and El Paso's last is of an hour that other files have.
    assert (counts["rows_read"], counts["rows_loaded"]) == (2 * len(before) + 4, len(before) + 1)
    assert (counts["rows_duplicate"], counts["rows_quarantined"]) == (len(before) + 2, 1)
    rows = place.rows(
        f"SELECT hour_start_utc, hour_start_local, data_year, edition, co2_kg_per_mwh FROM {TABLE} "
        f"WHERE {EVER} AND region = 'TX'"
    )
    assert rows == [
        (
            datetime(2024, 1, 1, 7, tzinfo=UTC),
            datetime(2024, 1, 1, 1),
            2024,
            "core_epacems__hourly_emissions",
            pytest.approx(3 * 907.18474),
        )
    ]
    told = place.rows("SELECT message, observed FROM etl_quality WHERE column_name = 'hour_start_local'")
    assert told == [("by the one clock of TX the hour is another file's", 1)]
    assert place.rows(f"SELECT DISTINCT edition FROM {TABLE} WHERE {EVER} AND region = 'CA'") == [
        ("core_epacems__hourly_emissions",)
    ]


def test_of_pudls_record_no_hour_is_of_the_year_before_its_first():
    midnight = (datetime(1995, 1, 1, hour) for hour in (7, 8))
    body = pudl_record(*((1, "1", moment, "OR", 1.0) for moment in midnight))
    parts = {"edition": "core_epacems__hourly_emissions"}
    source = SourceObject.of(body, parts, "pudl_hourly", plants=(pudl_plants(plant_1="America/Boise"),))

    pieces = list(table.transform(source))

    assert [row["hour_start_local"] for piece in pieces for row in piece.rows.to_pylist()] == [datetime(1995, 1, 1)]
    assert [reject.reason for piece in pieces for reject in piece.rejects] == [
        "by the one clock of OR the hour is another file's"
    ]


def test_what_one_publishers_files_have_wrong_does_not_hold_anothers_of_the_year(place, hour_by_hour):
    place.put(f"emissions/{YEAR}", b"not,the,header\n")
    place.put(key(year=2023), body(line(8 + 730 * 24)))

    plans = plan.plan(TABLE, Window()).plans

    assert [{entry.source for entry in one.objects} for one in plans] == [{"campd_hourly"}, {"oge_consumed"}]


TEXAS = "emissions/campd/2024-02-01_2024-02/emissions-hourly-2023-tx.csv"
HERMISTON, MALHEUR = ("OR", 45.8042, -119.3700), ("OR", 43.9783, -117.0000)
PLACES = "emissions/campd/2024-02-01_2024-02/facility-2023.csv"


def hours_of_texas():
    """Three local hours of two plants, of 10 short tons of CO2 in 100 MWh and of 20."""
    of_plants = [
        campd_line(hour, state="TX", plant=plant, co2=tons)
        for plant, tons in ((3460, 10), (3456, 20))
        for hour in range(3)
    ]
    return "\n".join([CAMPD_HEADER, *of_plants, ""])


def test_where_all_plants_zones_are_known_a_state_of_several_is_summed_by_the_instant(place, hour_by_hour):
    place.put(TEXAS, hours_of_texas())
    place.put(f"emissions/{YEAR}", "\n".join([CAMPD_HEADER, campd_line(day="2023-06-01"), ""]))
    hour_by_hour()
    assert hours(place, "region") == [("CA",)]
    place.put(PLACES, facilities_of(facility(3460, HOUSTON), facility(3456, EL_PASO)))

    found, counts = hour_by_hour()

    assert (found.new, found.changed, found.unchanged) == (0, 1, 1), "California has one zone"
    assert counts == {"objects": 1, "rows_read": 6, "rows_loaded": 4, "rows_quarantined": 0, "rows_duplicate": 2}
    # Houston's first hour is El Paso's hour before; by the clock of the state's east both are one.
    ton = 907.18474 / 100
    columns = "hour_start_utc, hour_start_local, co2_kg_per_mwh, generation_mwh, unit_count"
    assert hours(place, columns)[1:] == [
        (datetime(2023, 1, 1, 6, tzinfo=UTC), datetime(2023, 1, 1, 0), pytest.approx(10 * ton), 100.0, 1),
        (datetime(2023, 1, 1, 7, tzinfo=UTC), datetime(2023, 1, 1, 1), pytest.approx(15 * ton), 200.0, 2),
        (datetime(2023, 1, 1, 8, tzinfo=UTC), datetime(2023, 1, 1, 2), pytest.approx(15 * ton), 200.0, 2),
        (datetime(2023, 1, 1, 9, tzinfo=UTC), datetime(2023, 1, 1, 3), pytest.approx(20 * ton), 100.0, 1),
    ]


@pytest.mark.parametrize(
    ("quarter", "left", "day", "kept"),
    [
        # The last hour of a quarter in El Paso is the first of the next by the clock of Houston: of the same file, if
        # it has the year and has not left that next quarter to another, and else of another file.
        ("", "", "2023-03-31", True),
        ("", "quarter=1", "2023-06-30", True),
        ("", "quarter=2", "2023-03-31", False),
        ("1", "", "2023-03-31", False),
        ("", "", "2023-12-31", False),
    ],
)
def test_the_last_hour_of_the_west_is_the_next_files_only_where_that_is_another(quarter, left, day, kept):
    parts = {"year": "2023", "edition": "e", "state": "" if quarter else "tx", "quarter": quarter}
    body = "\n".join([CAMPD_HEADER, campd_line(23, state="TX", plant=3456, day=day), ""]).encode()
    beside = facilities_of(facility(3456, EL_PASO))
    source = SourceObject.of(body, parts | {"left": left}, "campd_hourly", campd_facilities=(beside,))

    pieces = list(table.transform(source))

    hours_of = [row["hour_start_local"].hour for piece in pieces for row in piece.rows.to_pylist()]
    refused = [reject.reason for piece in pieces for reject in piece.rejects]
    another = "by the one clock of TX the hour is another file's"
    assert (hours_of, refused) == (([0], []) if kept else ([], [another]))


@pytest.mark.parametrize(
    ("quarter", "left", "place", "hour", "told"),
    [
        # Hermiston keeps Pacific time, by which Oregon is told: its hours are the file's, the first and the last too.
        ("", "", HERMISTON, "2023-01-01 00", datetime(2023, 1, 1, 0)),
        ("", "", HERMISTON, "2023-12-31 23", datetime(2023, 12, 31, 23)),
        # Malheur County keeps mountain time: its first hour of a year or a quarter is the last of the file before, and
        # its last is there.
        ("", "", MALHEUR, "2023-01-01 00", None),
        ("", "", MALHEUR, "2023-12-31 23", datetime(2023, 12, 31, 22)),
        ("2", "", MALHEUR, "2023-04-01 00", None),
        ("", "quarter=1", MALHEUR, "2023-04-01 00", None),
        ("", "quarter=2", MALHEUR, "2023-07-01 00", None),
        ("", "", MALHEUR, "2023-04-01 00", datetime(2023, 3, 31, 23)),
    ],
)
def test_oregon_is_told_by_pacific_time_so_that_its_last_hour_is_its_files(quarter, left, place, hour, told):
    parts = {"year": "2023", "edition": "e", "state": "" if quarter else "or", "quarter": quarter, "left": left}
    day, clock = hour.split()
    body = "\n".join([CAMPD_HEADER, campd_line(int(clock), state="OR", plant=1, day=day), ""]).encode()
    source = SourceObject.of(body, parts, "campd_hourly", campd_facilities=(facilities_of(facility(1, place)),))

    pieces = list(table.transform(source))

    assert [row["hour_start_local"] for piece in pieces for row in piece.rows.to_pylist()] == ([told] if told else [])
    refused = [(reject.column, reject.reason) for piece in pieces for reject in piece.rejects]
    assert refused == ([] if told else [("hour_start_local", "by the one clock of OR the hour is another file's")])


def test_of_a_state_with_a_plant_whose_zone_nobody_tells_nothing_is_said_and_the_plant_is_named(place, hour_by_hour):
    place.put(TEXAS, hours_of_texas())
    place.put(PLACES, facilities_of(facility(3460, HOUSTON)))

    _, counts = hour_by_hour()

    assert hours(place) == []
    assert (counts["rows_read"], counts["rows_quarantined"], counts["rows_duplicate"]) == (6, 6, 0)
    told = place.rows("SELECT message, observed FROM etl_quality WHERE column_name = 'hour_start_utc'")
    assert told == [("TX has several time zones, and no file of facilities tells that of plant 3456", 6)]


def test_the_newest_file_of_facilities_of_the_year_is_part_of_what_a_files_hours_are(place, hour_by_hour):
    place.put(TEXAS, hours_of_texas())
    place.put(PLACES, facilities_of(facility(3460, HOUSTON), facility(3456, HOUSTON)))
    hour_by_hour()

    place.put(PLACES.replace("-2023.csv", "-2022.csv"), facilities_of(facility(3456, EL_PASO)))
    found, _ = hour_by_hour()
    assert (found.new, found.changed, found.unchanged) == (0, 0, 1)
    newer = PLACES.replace("2024-02-01_2024-02", "2024-06-01_2024-06")
    place.put(newer, facilities_of(facility(3460, HOUSTON), facility(3456, EL_PASO)))
    # A window of the year's first day in UTC reaches the last of the year before, and the same file.
    found = plan.plan(TABLE, Window(date(2022, 12, 31), date(2022, 12, 31)))
    assert (found.new, found.changed) == (0, 1)
    ((entry,),) = (planned.objects for planned in found.plans)
    assert [(name, version.key) for name, version in entry.companions] == [("campd_facilities", newer)]
    hour_by_hour()
    assert hours(place, "unit_count") == [(1,), (2,), (2,), (1,)]
    (origin,) = trace(TABLE, Window(), {"region": "TX"}).origins
    assert (origin.object_key, origin.read_with) == (TEXAS, (f"s3://{place.bucket}/{newer}",))


def test_a_file_that_broke_off_inside_a_state_is_refused_though_it_has_every_hour(place, hour_by_hour):
    whole = [campd_line(hour, unit=unit) for unit in "123" for hour in range(24)]
    place.put(f"emissions/{YEAR}", "\n".join([CAMPD_HEADER, *whole, ""]))
    hour_by_hour()
    before = hours(place, "*")
    newer = f"emissions/{YEAR}".replace("2024-02-01_2024-02", "2024-06-01_2024-06")
    place.put(newer, "\n".join([CAMPD_HEADER, *whole[:60], ""]))

    with pytest.raises(
        ContractError, match=r"no_part_is_lost: 1, must be = 0\. .* Such as campd CA 2023 Q1 has 60 of 72 unit_hours\."
    ):
        hour_by_hour()

    assert hours(place, "*") == before
    hour_by_hour(accept_loss=True)
    assert [count for (count,) in hours(place, "unit_count")] == [3] * 12 + [2] * 12


def test_where_units_were_not_counted_hours_are_held_alone_and_for_themselves(place, hour_by_hour):
    whole = [campd_line(hour, unit=unit) for unit in "123" for hour in range(24)]
    place.put(f"emissions/{YEAR}", "\n".join([CAMPD_HEADER, *whole, ""]))
    hour_by_hour()
    place.change(f"UPDATE {TABLE} SET unit_count = NULL WHERE {EVER};")
    newer = f"emissions/{YEAR}".replace("2024-02-01_2024-02", "2024-06-01_2024-06")
    # Ten hours of three units are more than 24, and no day.
    place.put(newer, "\n".join([CAMPD_HEADER, *(one for hour in range(10) for one in whole[hour::24]), ""]))

    with pytest.raises(ContractError, match=r"no_part_is_lost: 1, .* Such as campd CA 2023 Q1 has 10 of 24 hours\."):
        hour_by_hour()

    place.put(newer, "\n".join([CAMPD_HEADER, *whole[:24], ""]))
    _, counts = hour_by_hour()
    assert counts["rows_loaded"] == 24


def test_a_few_hours_that_a_newer_file_lacks_are_told(place, hour_by_hour):
    whole = [campd_line(hour, unit=unit) for unit in "123" for hour in range(24)]
    place.put(f"emissions/{YEAR}", "\n".join([CAMPD_HEADER, *whole, ""]))
    hour_by_hour()
    newer = f"emissions/{YEAR}".replace("2024-02-01_2024-02", "2024-06-01_2024-06")
    place.put(newer, "\n".join([CAMPD_HEADER, *whole[:-1], ""]))
    hour_by_hour()

    told = place.rows("SELECT message FROM etl_quality WHERE check_name = 'corrections_lose_nothing' AND NOT passed")
    assert [message.rpartition("Such as ")[2] for (message,) in told] == ["campd CA 2023 Q1 has 71 of 72 unit_hours."]


def test_without_a_landing_bucket_what_is_public_is_loaded_all_the_same(place, hour_by_hour, monkeypatch):
    place.put_fixtures()
    monkeypatch.delenv("LANDING_BUCKET")
    forget()

    found, _ = hour_by_hour()

    assert found.new == 5
    assert {region for region, *_ in hours(place)} == {"CISO", "HST", "ISNE", "TVA"}


def units(*told):
    """Write hours of units of California: operating time, load [MW], and kilograms of CO2, NOx and SO2."""
    names = ("operating_time_hours", "gross_load_mw", "co2_kg", "nox_kg", "so2_kg")
    moment = datetime(2023, 1, 1, tzinfo=UTC)
    rows = [
        {"state": "CA", "hour_start_local": moment.replace(tzinfo=None), "hour_start_utc": moment + timedelta(hours=8)}
        | dict(zip(names, one, strict=True))
        for one in told
    ]
    kinds = [(name, campd.SCHEMA.field(name).type) for name in ("hour_start_local", "hour_start_utc", *names)]
    return pa.Table.from_pylist(rows, pa.schema([("state", pa.string()), *kinds]))


def test_of_a_record_of_decades_only_the_years_under_way_are_held(monkeypatch):
    monkeypatch.setattr(fossil.StateYears, "OPEN", 1)
    held = fossil.StateYears()
    first, second = units((1, 1, 400, 1, 2)), units((1, 1, 200, 1, 2))
    other = first.set_column(0, "state", pa.array(["NV"]))

    assert held.add(first) == []
    assert held.add(second) == []
    assert [(hour["region"], hour["co2_kg_per_mwh"]) for hour in held.add(other)] == [("CA", 300.0)]
    with pytest.raises(SourceError, match="has hours of CA in 2023 that lie far apart"):
        held.add(first)
    assert [(hour["region"], hour["co2_kg_per_mwh"]) for hour in held.rest()] == [("NV", 400.0)]


FIGURES = ("co2_kg_per_mwh", "nox_kg_per_mwh", "so2_kg_per_mwh", "generation_mwh", "coverage", "reason")
NOT_MEASURED = "not measured: ch4, n2o, co2e"


@pytest.mark.parametrize(
    ("told", "figures"),
    [
        # 400 + 50 kg of 1 + 0.5 MWh, and no mean of 400 and 100.
        ([(1, 1, 400, 1, 2), (0.5, 1, 50, 0.5, 1)], (300.0, 1.0, 2.0, 1.5, 1.0, NOT_MEASURED)),
        # A blank is no zero: who says no CO2 is not in CO2's sums, and in NOx's.
        ([(1, 1, 400, 1, None), (1, 3, None, 3, None)], (400.0, 1.0, None, 1.0, 0.5, f"so2; {NOT_MEASURED}")),
        ([(1, None, 400, 1, 1)], (None, None, None, None, 0.0, f"co2, nox, so2; {NOT_MEASURED}")),
        ([(0, None, None, None, None)], (None,) * 3 + (0.0, None, f"no unit ran; {NOT_MEASURED}")),
        # Nor is a blank time none: the unit may have run, and what it generated is not known.
        ([(0, None, None, None, None), (None, 5, 5, 5, 5)], (None,) * 4 + (0.0, f"co2, nox, so2; {NOT_MEASURED}")),
        ([(1, 1, 400, 1, 2), (None, 5, 5, 5, 5)], (400.0, 1.0, 2.0, 1.0, 0.5, NOT_MEASURED)),
        # A start takes fuel and gives nothing.
        (
            [(1, 0, 400, 1, 1)],
            (None,) * 3 + (0.0, 1.0, f"nothing was generated by the units that say CO2; {NOT_MEASURED}"),
        ),
    ],
)
def test_a_fossil_intensity_is_a_quotient_of_sums_of_the_units_that_say_both(told, figures):
    (hour,) = fossil.intensities([fossil.sums(units(one)) for one in told])
    (at_once,) = fossil.intensities([fossil.sums(units(*told))])

    assert hour == at_once
    found = tuple(hour[name] for name in FIGURES)
    assert found[:-1] == figures[:-1]
    assert found[-1].removeprefix("not reported with a load: ") == figures[-1]


BOWEN = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"), "emissions/campd_hourly_facility_bowen_sample.csv")


@pytest.mark.skipif(not BOWEN.is_file(), reason="set SUNLEDGER_DATA to a folder with EPA's hours of plant Bowen")
def test_bowen_emitted_854_kg_of_co2_per_mwh_on_the_first_of_january_2017():
    # 25,273.6 short tons of 26,821 MWh gross are 1,884.613 lb/MWh.
    with BOWEN.open(newline="", encoding="utf-8-sig") as lines:
        day = [one for one in csv.DictReader(lines) if one["Date"] == "2017-01-01"]
    told = [
        (1, float(one["Gross Load (MW)"]), float(one["CO2 Mass (short tons)"]) * campd.KG_PER_SHORT_TON, None, None)
        for one in day
    ]

    (hour,) = fossil.intensities([fossil.sums(units(*told))])

    assert (len(day), hour["generation_mwh"]) == (24, 26_821)
    assert hour["co2_kg_per_mwh"] == pytest.approx(1_884.613 * 0.45359237, abs=1e-3)


def test_the_fixture_of_the_older_version_says_something_else():
    assert b",999," in (FIXTURES / TABLE / key("0.9.0")).read_bytes()
