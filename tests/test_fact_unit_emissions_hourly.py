"""Hourly emissions of units: what is loaded of files that overlap, what is refused, and EPA's own numbers."""

import csv
import os
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import FIXTURES, expected_rows, forget
from test_campd import CALIFORNIA, HEADER, line
from test_facilities import EL_PASO, HOUSTON, facility
from test_facilities import file_of as facilities_of

from jobs import check, contract, editions, plan, publish, stage
from jobs.errors import ContractError, LoadError, SourceError
from jobs.listing import Window
from jobs.tables import fact_unit_emissions_hourly as table
from jobs.transform import SourceObject

TABLE, ALL = "fact_unit_emissions_hourly", (None, None)
STATE_YEAR = "emissions/campd/2024-02-01_2024-02/emissions-hourly-2023-ca.csv"
QUARTER = "emissions/campd/2024-03-01_2024-03/emissions-hourly-2023-q1.csv"
PUDL = "v2026.8.0/core_epacems__hourly_emissions.parquet"
PLANTS = "v2026.8.0/core_eia__entity_plants.parquet"
HOURS = f"(SELECT * FROM {TABLE} WHERE hour_start_local >= DATETIME '1990-01-01 00:00:00')"
BOWEN = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"), "emissions/campd_hourly_facility_bowen_sample.csv")


def fixture(key):
    return (FIXTURES / TABLE / key).read_bytes()


def file_of(*lines):
    return "\n".join([HEADER, *lines, ""]).encode()


def per_file(place):
    """How many rows are live of each file, by its name."""
    query = (
        f"SELECT c.object_key, COUNT(*) AS n FROM {HOURS} AS f JOIN etl_checkpoint AS c ON c.object_id = f.object_id "
        "AND c.load_id = f.load_id AND c.retired_generation IS NULL GROUP BY c.object_key ORDER BY c.object_key"
    )
    return {key.rpartition("/")[2]: count for key, count in place.rows(query)}


def test_energy_is_load_times_the_time_that_the_unit_ran():
    body = file_of(line(0, load="40", time="0.25"), line(1, load="40", time=""), line(2, load="", time="0"))

    (piece,) = table.transform(SourceObject.of(body, CALIFORNIA, "campd_hourly"))

    assert piece.rows["gross_generation_mwh"].to_pylist() == [10.0, None, None]


def test_a_file_without_a_row_gives_none():
    (piece,) = table.transform(SourceObject.of(file_of(), CALIFORNIA, "campd_hourly"))

    assert (piece.rows.num_rows, piece.rows_read) == (0, 0)
    assert piece.rows.column_names == list(contract.load(TABLE).column_names[:-2])


FOLDER = "emissions/campd/{}/emissions-hourly-2023-{}.csv"
OLD, NEW = "2024-02-01_2024-02", "2024-03-01_2024-03"


@pytest.mark.parametrize(
    ("names", "superseded", "left"),
    [
        # Different states, and different quarters, have nothing in common.
        ([(OLD, "ca"), (NEW, "nv"), (NEW, "q1")][:2], [], {}),
        ([(OLD, "q1"), (NEW, "q2")], [], {}),
        # Of the same share the newer edition owns all.
        ([(OLD, "ca"), (NEW, "ca")], [(OLD, "ca")], {}),
        ([(OLD, "q1"), (NEW, "q1")], [(OLD, "q1")], {}),
        # Of what two have in common the newer owns that part, whichever it is of.
        ([(OLD, "ca"), (NEW, "q1"), (NEW, "q3")], [], {(OLD, "ca"): "quarter=1 quarter=3"}),
        ([(OLD, "q1"), (NEW, "ca"), (NEW, "nv")], [], {(OLD, "q1"): "state=ca state=nv"}),
        # Of one edition the quarter's, whichever name comes last.
        ([(OLD, "ca"), (OLD, "q2"), (OLD, "tx")], [], {(OLD, "ca"): "quarter=2", (OLD, "tx"): "quarter=2"}),
        # Four quarters are a year, and three are not.
        ([(OLD, "ca"), *((NEW, f"q{number}") for number in range(1, 5))], [(OLD, "ca")], {}),
        (
            [(OLD, "ca"), *((NEW, f"q{number}") for number in range(1, 4))],
            [],
            {(OLD, "ca"): "quarter=1 quarter=2 quarter=3"},
        ),
    ],
)
def test_of_files_that_overlap_the_one_that_was_published_last_owns_what_both_have(names, superseded, left):
    promised, keys = contract.load(TABLE), [FOLDER.format(*name) for name in names]

    gone = editions.superseded(promised, keys)

    assert gone == {FOLDER.format(*name) for name in superseded}
    assert {key: " ".join(sorted(parts)) for key, parts in editions.left(promised, set(keys) - gone).items()} == {
        FOLDER.format(*name): text for name, text in left.items()
    }


def test_another_year_and_what_the_contract_does_not_know_own_nothing():
    promised = contract.load(TABLE)
    keys = [FOLDER.format(OLD, "ca"), FOLDER.format(NEW, "ca").replace("hourly-2023", "hourly-2022"), "readme.txt"]

    assert editions.superseded(promised, keys) == set()
    assert editions.superseded(promised, [*keys, PUDL]) == set(keys[:2])
    assert editions.superseded(promised, [keys[0].replace("-2023-ca", "-2025-ca"), PUDL]) == set()


def test_a_file_of_all_that_a_newer_one_has_and_more_keeps_the_rest():
    source = contract.load(TABLE).sources[0]
    pattern = r"(?P<published_on>.)_(?P<edition>.)/(?P<year>....)(?:-(?P<state>[a-z]{2}))?(?:-q(?P<quarter>.))?"
    promised = replace(contract.load(TABLE), sources=(replace(source, prefix="", key_pattern=re.compile(pattern)),))

    assert editions.superseded(promised, ["1_a/2023-ca-q1", "2_a/2023-ca"]) == {"1_a/2023-ca-q1"}
    assert editions.superseded(promised, ["1_a/2023-ca", "2_a/2023"]) == {"1_a/2023-ca"}
    assert editions.superseded(promised, ["1_a/2023", "2_a/2023-ca"]) == set()
    assert editions.left(promised, ["1_a/2023", "2_a/2023-ca"]) == {"1_a/2023": {"state=ca": "2_a/2023-ca"}}


def test_overlapping_editions_follow_one_another_and_nothing_is_ever_doubled(place, load):
    place.put(STATE_YEAR, fixture(STATE_YEAR))
    load(TABLE, ALL)
    assert per_file(place) == {"emissions-hourly-2023-ca.csv": 16}

    # The quarter was published later: it takes its part over, and the year is loaded again without.
    place.put(QUARTER, fixture(QUARTER))
    found, counts = load(TABLE, ALL)
    assert (found.new, found.changed) == (1, 1)
    assert counts == {
        "objects": 2,
        "rows_read": 40,
        "rows_loaded": 31,
        "rows_quarantined": 1,
        "rows_duplicate": 8,
    }
    assert per_file(place) == {"emissions-hourly-2023-ca.csv": 8, "emissions-hourly-2023-q1.csv": 23}
    held = place.rows(f"SELECT * EXCEPT (load_id) FROM {HOURS} ORDER BY facility_id, unit_id, hour_start_local")
    assert len(held) == len(expected_rows(TABLE))

    assert load(TABLE, ALL)[1] is None
    # A correction of the quarter does not touch the year.
    place.put(QUARTER, fixture(QUARTER).replace(b'"40","","1"', b'"41","","1"'))
    found, counts = load(TABLE, ALL)
    assert (found.changed, found.unchanged, counts["objects"]) == (1, 1, 1)

    # A newer edition of the year owns all of it again, so that the older one is not even read.
    place.put(STATE_YEAR.replace("2024-02-01_2024-02", "2024-06-01_2024-06"), fixture(STATE_YEAR))
    found, counts = load(TABLE, ALL)
    assert (found.new, found.changed, found.outranked) == (1, 1, 1)
    assert counts["rows_loaded"] == 16 + 15
    assert place.rows(f"SELECT COUNT(*) AS n, COUNT(DISTINCT object_id) AS files FROM {HOURS}") == [(31, 2)]
    code, out, err = place.run("verify")
    assert code == 0, err
    assert f"{TABLE}: ok, 31 rows of 2 objects" in out


def test_a_newer_edition_is_held_against_the_rows_of_its_own_state_alone(place, load, shared_session_without_spark):
    states = {"ca": [line(0), line(1), line(2)], "nv": [line(hour, state="NV", plant="2336") for hour in range(2)]}
    for name, lines in states.items():
        place.put(FOLDER.format(OLD, name), file_of(*lines))
    load(TABLE, ALL)
    for name, lines in states.items():
        place.put(FOLDER.format(NEW, name), file_of(*lines))

    plans = plan.plan(TABLE, Window()).plans

    assert [{entry.parts["state"]: entry.rows_replaced for entry in planned.objects} for planned in plans] == [
        {"ca": 3},
        {"nv": 2},
    ]


def test_a_file_that_is_refused_holds_no_other_states_of_its_year(place, load, shared_session_without_spark):
    place.put(FOLDER.format(OLD, "ca"), file_of(line(0), line(1, co2="?")))
    place.put(FOLDER.format(OLD, "nv"), file_of(line(0, state="NV", plant="2336")))
    place.put(FOLDER.format(OLD, "az"), b"<html>Service unavailable</html>")
    refused = {}

    for planned in plan.plan(TABLE, Window()).plans:
        try:
            stage.stage(planned)
            check.check(planned)
            publish.publish(planned)
        except LoadError as fault:
            refused |= {entry.parts["state"]: str(fault) for entry in planned.objects}

    assert per_file(place) == {"emissions-hourly-2023-nv.csv": 1}
    assert list(refused) == ["az", "ca"]
    assert "lacks the columns" in refused["az"]
    assert "few_rejects: 50" in refused["ca"]


@pytest.mark.parametrize(
    ("names", "loads"),
    [
        # Different states have nothing in common, nor have different quarters.
        ([(OLD, "ca"), (OLD, "nv")], [{(OLD, "ca")}, {(OLD, "nv")}]),
        ([(OLD, "q1"), (NEW, "q2")], [{(OLD, "q1")}, {(NEW, "q2")}]),
        # What comes in the place of another goes with it, and a quarter with all states of its year.
        ([(OLD, "ca"), (NEW, "ca"), (NEW, "nv")], [{(OLD, "ca"), (NEW, "ca")}, {(NEW, "nv")}]),
        ([(OLD, "ca"), (OLD, "nv"), (NEW, "q3")], [{(OLD, "ca"), (OLD, "nv"), (NEW, "q3")}]),
    ],
)
def test_files_that_have_something_in_common_are_one_load_and_every_other_is_one_of_its_own(names, loads):
    keys = {name: FOLDER.format(*name) for name in names}

    bound = editions.bound(contract.load(TABLE), keys.values())

    groups = {}
    for name, key in keys.items():
        groups.setdefault(bound.get(key, key), set()).add(name)
    assert list(groups.values()) == loads


def test_of_a_table_whose_files_have_no_shares_no_key_is_taken_apart(monkeypatch):
    promised, keys = contract.load("fact_pv_measurement"), ["pvdaq/csv/a.csv", "pvdaq/csv/b.csv"]
    taken_apart = []
    monkeypatch.setattr(contract.Contract, "source_of", lambda promised, key: taken_apart.append(key))

    assert (editions.bound(promised, keys), editions.left(promised, keys), taken_apart) == ({}, {}, [])


def test_a_quarter_that_broke_off_takes_no_state_its_hours(place, load, shared_session_without_spark):
    nevada = [line(hour, state="NV", plant="2336") for hour in range(3)]
    place.put(FOLDER.format(OLD, "ca"), file_of(line(0), line(1), line(2), line(3, day="2023-06-01")))
    place.put(FOLDER.format(OLD, "nv"), file_of(*nevada))
    load(TABLE, ALL)
    before = place.rows(f"SELECT * FROM {HOURS} ORDER BY facility_id, hour_start_local")
    place.put(QUARTER, file_of(line(0), line(1), line(2), *nevada[:1]))

    with pytest.raises(ContractError, match=r"no_part_is_lost: 1, must be = 0\. .* NV 2023 Q1 has 1 of 3 rows\."):
        load(TABLE, ALL)

    assert place.rows(f"SELECT * FROM {HOURS} ORDER BY facility_id, hour_start_local") == before
    load(TABLE, ALL, accept_loss=True)
    assert per_file(place) == {"emissions-hourly-2023-ca.csv": 1, "emissions-hourly-2023-q1.csv": 4}


def test_a_plant_that_the_file_of_facilities_lacks_has_no_instant_and_is_named(
    place, load, shared_session_without_spark
):
    place.put(FOLDER.format(OLD, "tx"), file_of(*(line(state="TX", plant=plant) for plant in (3456, 3461))))
    place.put(f"emissions/campd/{NEW}/facility-2023.csv", facilities_of(facility(3456, EL_PASO)))

    load(TABLE, ALL)

    assert place.rows(f"SELECT facility_id, hour_start_utc, utc_basis FROM {HOURS} ORDER BY facility_id") == [
        (3456, datetime(2023, 1, 1, 7, tzinfo=UTC), "coordinates"),
        (3461, None, "several_zones"),
    ]
    told = place.rows("SELECT message FROM etl_quality WHERE check_name = 'plants_have_instants' AND NOT passed")
    assert [message.rpartition("Such as ")[2] for (message,) in told] == ["TX 3461."]


def test_a_file_of_facilities_that_is_none_is_named_beside_the_file_that_it_is_read_with(
    place, load, shared_session_without_spark
):
    texas, places = FOLDER.format(OLD, "tx"), f"emissions/campd/{NEW}/facility-2023.csv"
    place.put(texas, file_of(line(state="TX", plant=3456)))
    place.put(places, b"<html>Service unavailable</html>")

    bucket = f"s3://{place.bucket}"
    with pytest.raises(
        SourceError, match=f"{bucket}/{texas} is read with {bucket}/{places}, which lacks the columns State"
    ):
        load(TABLE, ALL)


@pytest.mark.parametrize("poorer", [None, facility(3456, EL_PASO)], ids=["vanished", "poorer"])
def test_instants_that_are_published_do_not_go_with_a_file_of_facilities(
    place, load, shared_session_without_spark, poorer
):
    texas = FOLDER.format(OLD, "tx")
    place.put(texas, file_of(*(line(state="TX", plant=plant) for plant in (3456, 3460))))
    place.put(
        f"emissions/campd/{OLD}/facility-2023.csv", facilities_of(*(facility(3456, EL_PASO), facility(3460, HOUSTON)))
    )
    load(TABLE, ALL)
    if poorer:
        place.put(f"emissions/campd/{NEW}/facility-2023.csv", facilities_of(poorer))
    else:
        place.s3.delete_object(Bucket=place.bucket, Key=f"emissions/campd/{OLD}/facility-2023.csv")

    left = 1 if poorer else 0
    with pytest.raises(ContractError, match=rf"no_part_is_lost: 1, .* Such as TX 2023 Q1 has {left} of 2 instants\."):
        load(TABLE, ALL)

    instants = f"SELECT COUNT(hour_start_utc) AS instants, COUNT(*) AS n FROM {HOURS}"
    assert place.rows(instants) == [(2, 2)]
    load(TABLE, ALL, accept_loss=True)
    assert place.rows(instants) == [(left, 2)]


def test_a_few_rows_that_a_newer_file_lacks_are_told(place, load, shared_session_without_spark):
    hours = [line(hour, day=f"2023-01-0{day}") for day in (1, 2) for hour in range(24)]
    place.put(STATE_YEAR, file_of(*hours))
    load(TABLE, ALL)
    place.put(QUARTER, file_of(*hours[:-1], hours[-1].replace("2023-01-02", "2023-01-32")))
    load(TABLE, ALL)

    told = place.rows(
        "SELECT check_name, message FROM etl_quality WHERE NOT passed AND severity = 'warning' ORDER BY check_name"
    )
    assert [(name, message.rpartition("Such as ")[2]) for name, message in told] == [
        ("corrections_lose_nothing", "CA 2023 Q1 has 47 of 48 instants, CA 2023 Q1 has 47 of 48 rows."),
        ("whole_days", "260 1 in 47 hours."),
    ]


def test_what_is_new_cannot_take_a_part_of_what_has_vanished_unless_that_is_retired(
    place, load, shared_session_without_spark
):
    place.put(STATE_YEAR, file_of(line(0), line(1)))
    load(TABLE, ALL)
    place.s3.delete_object(Bucket=place.bucket, Key=STATE_YEAR)
    place.put(QUARTER, file_of(line(0), line(1)))

    with pytest.raises(SourceError, match=f"{QUARTER} has quarter=1 of {STATE_YEAR}; nothing was planned"):
        plan.plan(TABLE, Window())

    load(TABLE, ALL, retire_vanished=True)
    assert per_file(place) == {"emissions-hourly-2023-q1.csv": 2}


def test_a_part_that_a_vanished_file_has_left_long_ago_does_not_stop_what_follows(
    place, load, shared_session_without_spark
):
    place.put(STATE_YEAR, file_of(line(0), line(1, day="2023-06-01")))
    place.put(QUARTER, file_of(line(0)))
    load(TABLE, ALL)
    place.s3.delete_object(Bucket=place.bucket, Key=STATE_YEAR)
    place.put(QUARTER.replace("03-01_2024-03", "04-01_2024-04"), file_of(line(0)))

    found, _ = load(TABLE, ALL)

    assert (found.new, found.vanished) == (1, [STATE_YEAR])
    assert per_file(place) == {"emissions-hourly-2023-ca.csv": 1, "emissions-hourly-2023-q1.csv": 1}


def test_files_in_whatever_order_they_come_give_the_same_rows(
    new_place, load, monkeypatch, shared_session_without_spark
):
    rows = []
    for keys in ((STATE_YEAR, QUARTER), (QUARTER, STATE_YEAR)):
        here = new_place()
        for name, value in here.environment.items():
            monkeypatch.setenv(name, value)
        forget()
        for key in keys:
            here.put(key, fixture(key))
            load(TABLE, ALL)
        columns = "* EXCEPT (load_id, object_id)"
        rows.append(here.rows(f"SELECT {columns} FROM {HOURS} ORDER BY facility_id, unit_id, hour_start_local"))

    assert len(rows[0]) == 31
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([line(0), line(1, co2="?")], "few_rejects: 50, must be <= 5"),
        ([], "no_empty_file: 1, must be = 0"),
        ([line(0), line(1, co2=""), line(2, co2="")], "load_has_co2: 66.6667, must be <= 50"),
        ([line(0).replace(",100,Measured,Natural", ",,,Natural")], "heat_where_it_ran: 100, must be <= 10"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_in_check(place, load, shared_session_without_spark, lines, sentence):
    place.put(STATE_YEAR, file_of(*lines))

    with pytest.raises(ContractError, match=sentence):
        load(TABLE, ALL)


def test_what_is_odd_is_loaded_and_told(place, load, shared_session_without_spark):
    place.put(
        STATE_YEAR,
        file_of(
            line(0, load="2001", co2="10"),
            line(1, load="", co2="5"),
            line(2, time="0", load="", co2="5"),
            line(3, co2="20"),
        ),
    )
    load(TABLE, ALL)

    told = place.rows(
        "SELECT check_name, observed, message FROM etl_quality WHERE NOT passed AND severity = 'warning' ORDER BY 1"
    )
    assert [(name, observed) for name, observed, _ in told] == [
        ("co2_fits_heat", 25.0),
        ("co2_without_load", 1.0),
        ("emitted_at_rest", 1.0),
        ("plausible_load", 1.0),
        ("whole_days", 1.0),
    ]
    assert "Such as 260 1 in 1 hours, 4536 kg." in told[1][2]


def pudl_record(*rows):
    """Write PUDL's record; a row is plant, unit, instant, state, and tons of CO2."""
    names = ("plant_id_epa", "emissions_unit_id_epa", "operating_datetime_utc", "state", "co2_mass_tons")
    told = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    count = len(rows)
    ones = {
        name: pa.array([1.0] * count, pa.float32())
        for name in (
            "operating_time_hours",
            "gross_load_mw",
            "heat_content_mmbtu",
            "steam_load_lbs",
            "so2_mass_lbs",
            "nox_mass_lbs",
        )
    }
    codes = {
        f"{gas}_mass_measurement_code": pa.array(["Measured"] * count).dictionary_encode()
        for gas in ("so2", "nox", "co2")
    }
    columns = {name: told[name] for name in names} | ones | codes
    columns["plant_id_epa"] = told["plant_id_epa"].cast(pa.int32())
    columns["plant_id_eia"] = columns["plant_id_epa"]
    columns["operating_datetime_utc"] = told["operating_datetime_utc"].cast(pa.timestamp("ms", tz="UTC"))
    body = BytesIO()
    # As many row groups as rows, as the record has one for each million.
    pq.write_table(pa.table(columns), body, row_group_size=1)
    return body.getvalue()


def pudl_plants(**zones):
    body = BytesIO()
    ids = [int(name.removeprefix("plant_")) for name in zones]
    pq.write_table(pa.table({"plant_id_eia": ids, "timezone": list(zones.values())}), body)
    return body.getvalue()


def test_pudls_hours_become_local_ones_by_the_plants_zone_and_what_is_epas_is_counted():
    body = pudl_record(
        # El Paso keeps mountain time in a state of two zones; in July the plant's clock is still that of winter.
        (3456, "1", datetime(2024, 7, 1, 7), "TX", 10.0),
        (260, "GT2", datetime(2025, 1, 1, 7), "CA", 20.0),
        (260, "GT2", datetime(2025, 1, 1, 8), "CA", 20.0),
        (1, "1", datetime(2024, 7, 1, 7), "TX", 1.0),
        (260, "GT3", datetime(2024, 1, 1, 8), "CA", -1.0),
    )
    source = SourceObject.of(body, {}, "pudl_hourly", plants=(pudl_plants(plant_3456="America/Denver"),))

    pieces = list(table.transform(source))

    rows = [row for piece in pieces for row in piece.rows.to_pylist()]
    assert [(row["facility_id"], row["hour_start_local"], row["utc_basis"]) for row in rows] == [
        (3456, datetime(2024, 7, 1, 0), "published"),
        (260, datetime(2024, 12, 31, 23), "published"),
    ]
    assert rows[0]["co2_kg"] == pytest.approx(9071.8474)
    assert rows[0]["so2_kg"] == pytest.approx(0.45359237)
    assert rows[0]["hour_start_utc"].hour == 7
    assert (sum(piece.rows_read for piece in pieces), sum(piece.rows_duplicate for piece in pieces)) == (5, 1)
    rejects = [(reject.line, reject.reason) for piece in pieces for reject in piece.rejects]
    assert rejects == [
        (3, "the zone of the plant is not known, so that its local hour is not either"),
        (4, "co2_mass_tons is no number that can be"),
    ]


def test_pudls_record_takes_the_years_that_it_owns_over_at_once_and_is_read_by_range(
    place, load, monkeypatch, shared_session_without_spark
):
    place.put(STATE_YEAR, file_of(line(0)))
    later = STATE_YEAR.replace("-2023-ca", "-2025-ca")
    place.put(later, file_of(line(0, day="2025-01-01")))
    load(TABLE, ALL)
    assert per_file(place) == {"emissions-hourly-2023-ca.csv": 1, "emissions-hourly-2025-ca.csv": 1}

    place.put(
        PUDL,
        pudl_record((260, "1", datetime(2023, 1, 1, 8), "CA", 10.0), (260, "1", datetime(2025, 1, 1, 8), "CA", 9.0)),
    )
    place.put(PLANTS, pudl_plants(plant_260="America/Los_Angeles"))
    monkeypatch.setenv("PUDL_BUCKET", place.bucket)
    # So small a record would be read whole.
    monkeypatch.setattr("jobs.stage.GROUP_BYTES", 1)
    forget()
    found, counts = load(TABLE, ALL)

    assert (found.new, found.unchanged, found.outranked) == (1, 1, 1)
    assert (counts["rows_loaded"], counts["rows_duplicate"]) == (1, 1)
    assert per_file(place) == {"core_epacems__hourly_emissions.parquet": 1, "emissions-hourly-2025-ca.csv": 1}
    assert load(TABLE, ALL)[1] is None

    # No window has the record in it, which owns its years all the same.
    found, counts = load(TABLE, (date(2023, 1, 1), date(2023, 12, 31)))
    assert (found.new, found.outranked, counts) == (0, 1, None)


@pytest.mark.skipif(not BOWEN.is_file(), reason="set SUNLEDGER_DATA to a folder with EPA's hours of Bowen")
def test_bowens_first_day_of_2017_gives_the_rate_and_mass_that_are_known(place, load, shared_session_without_spark):
    # The sample is of the whole plant, with all units on; as one unit of that name it is a file of units.
    taken = {"Facility ID": "Facility ID", "Date": "Date", "Hour": "Hour", "State": "State"}
    taken |= {
        name: name for name in ("Facility Name", "Gross Load (MW)", "Steam Load (1000 lb/hr)", "Heat Input (mmBtu)")
    }
    taken |= {name: name for name in ("SO2 Mass (lbs)", "CO2 Mass (short tons)", "NOx Mass (lbs)")}
    with BOWEN.open(newline="") as source:
        sample = list(csv.DictReader(source))
    lines = []
    for hours in sample:
        cells = {"Unit ID": "plant", "Operating Time": "1"} | {name: hours[name] for name in taken}
        lines.append(",".join(cells.get(name, "") for name in HEADER.split(",")))
    january = "emissions/campd/2017-05-01_2017-05/emissions-hourly-2017-ga.csv"
    place.put(january, file_of(*(text for text in lines if ",2017-01-0" in text)))
    load(TABLE, ALL)

    ((mwh, kg, pounds, coverage),) = place.rows(
        "SELECT gross_generation_mwh, co2_kg, co2_lb_per_mwh, coverage FROM view_plant_emissions_daily "
        "WHERE facility_id = 703 AND day = DATE '2017-01-01'"
    )
    assert mwh == 26_821
    assert kg == pytest.approx(22_927_824.24, abs=0.05)
    assert pounds == pytest.approx(1_884.613, abs=0.0005)
    assert coverage == 1


@pytest.mark.skipif(not BOWEN.is_file(), reason="set SUNLEDGER_DATA to a folder with EPA's hours of Bowen")
def test_the_sample_as_it_is_says_that_it_is_of_whole_plants_and_is_refused():
    parts = {"year": "2017", "state": "ga", "quarter": ""}
    with pytest.raises(SourceError, match="lacks the columns Unit ID .*it is of whole plants, not of units"):
        list(table.transform(SourceObject.of(BOWEN.read_bytes(), parts, "campd_hourly")))
