"""PVDAQ's layouts beside the daily CSV: long parquet, files of a year, and whole records in vintages."""

import io
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import DAYS, READINGS, day_file, day_key, parquet_key

from jobs.dictionary import COLUMNS
from jobs.errors import SourceError
from jobs.flags import NIGHT_OFFSET, OUT_OF_RANGE
from jobs.tables import fact_pv_measurement as table
from jobs.transform import SourceObject

FACT = "fact_pv_measurement"
FIFTH = DAYS[0]
PARTS = {"ss_id": "51", "year": "2019", "month": "1", "day": "5", "part": "000"}
YEAR = {"ss_id": "10109", "year": "2016", "file": "10109_ac", "vintage": "_2016-01-01_2016-12-31"}
RECORD = {"ss_id": "2107", "file": "2107_meter_15m_data", "vintage": ""}


def parquet(rows):
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), body)
    return body.getvalue()


def dictionary(*lines, calc_scale=None):
    """A system's dictionary in parquet, of (system, metric, name, common name, units)."""
    known = [
        {
            **dict.fromkeys(COLUMNS),
            "system_id": ss_id,
            "metric_id": metric_id,
            "standard_name": f"{name}__{metric_id}",
            "common_name": common_name,
            "units": units,
            "calc_scale": calc_scale,
        }
        for ss_id, metric_id, name, common_name, units in lines
    ]
    return parquet(known)


def metadata(ss_id, **channels):
    """A system's metadata in JSON; each channel with its common name and unit."""
    metrics = {name: {"common_name": said, "units": units} for name, (said, units) in channels.items()}
    return json.dumps({"System": {"system_id": str(ss_id)}, "Metrics": metrics}).encode()


# Two metrics of system 51 as its dictionary has them, and one of a system whose name begins like it.
OF_51 = dictionary(
    (51, 772, "dc_power", "DC power", "W"),
    (51, 780, "ambient_temp", "Temperature ambient", "F"),
    (511, 772, "ac_power", "AC power", "W"),
)
POWER = "AC power", "W"


def long(*rows):
    """A system's day as PVDAQ's parquet has it: wall clock, instant, metric, value."""
    columns = {
        "measured_on": pa.array([row[0] for row in rows], pa.timestamp("ns")),
        "utc_measured_on": pa.array([row[1] for row in rows], pa.timestamp("ns")),
        "metric_id": pa.array([row[2] for row in rows], pa.int32()),
        "value": pa.array([row[3] for row in rows], pa.float64()),
    }
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    return body.getvalue()


def at(hour, day=5):
    return datetime(2019, 1, day, hour)


def transformed(body, parts, layout, **companions):
    """All pieces as one: rows, counts, and reasons of what was refused; held to account."""
    pieces = list(table.transform(SourceObject.of(body, parts, layout, **companions)))
    rows = [row for piece in pieces for row in piece.rows.to_pylist()]
    rejects = [reject for piece in pieces for reject in piece.rejects]
    duplicates = sum(piece.rows_duplicate for piece in pieces)
    assert sum(piece.rows_read for piece in pieces) == len(rows) + duplicates + sum(one.rows for one in rejects)
    return rows, duplicates, [(one.line, one.column, one.reason) for one in rejects]


def readings(rows):
    return [(row["timestamp"], row["sensor"], row["value"]) for row in rows]


def test_long_parquet_is_named_by_its_own_systems_dictionary():
    body = long((at(0), at(8), 780, 14.0), (at(0), None, 772, 0.5), (at(1), None, 999, 5.0), (at(2), None, 772, None))

    rows, duplicates, rejects = transformed(body, PARTS, "daily_parquet", dictionary=(OF_51,))

    assert readings(rows) == [(at(0), "dc_power__772", 0.5), (at(0), "ambient_temp__780", -10.0)]
    assert [(row["units"], row["quantity"]) for row in rows] == [("W", "dc_power"), ("degC", "ambient_temp")]
    assert duplicates == 0
    assert rejects == [
        (1, "metric__999", "unit not established: no dictionary has it, and its name is not known"),
    ]


def test_an_instant_is_published_or_null_and_says_which():
    body = long((at(0), at(8), 772, 1.0), (at(1), None, 772, 2.0))

    rows, _, _ = transformed(body, PARTS, "daily_parquet", dictionary=(OF_51,))

    assert [(row["timestamp_utc"], row["utc_basis"]) for row in rows] == [
        (datetime(2019, 1, 5, 8, tzinfo=UTC), "published"),
        (None, "none"),
    ]


def test_what_is_no_reading_of_the_day_in_long_parquet_is_refused_with_its_row():
    body = long(
        (at(0), None, 772, 1.0),
        (at(0), None, 772, 1.0),
        (at(0), None, 772, 2.0),
        (at(0, day=6), None, 772, 3.0),
        (at(1), None, 772, float("nan")),
        (at(1), None, None, 4.0),
        (None, None, 772, 5.0),
    )

    rows, duplicates, rejects = transformed(body, PARTS, "daily_parquet", dictionary=(OF_51,))

    assert readings(rows) == [(at(0), "dc_power__772", 1.0)]
    assert duplicates == 1
    assert sorted(rejects) == [
        (2, "dc_power__772", "same time as row 0 with another value"),
        (3, None, "measured_on is not on 2019-01-05, the day of the object"),
        (4, None, "not a number"),
        (5, None, "a reading of no metric"),
        (6, None, "measured_on is not a time"),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"PAR1 no more", "is not parquet with the columns measured_on, utc_measured_on, metric_id, value"),
        (parquet([{"measured_on": at(0), "value": 1.0}]), "has no column metric_id; it has measured_on, value"),
        (parquet([{"measured_on": "soon", "metric_id": 1, "value": 1.0}]), "is not parquet with the columns"),
    ],
    ids=["cut", "no metric", "no time"],
)
def test_what_is_no_long_parquet_is_an_error_that_says_why(body, said):
    with pytest.raises(SourceError, match=f"^{said}"):
        transformed(body, PARTS, "daily_parquet")


def test_a_file_of_a_year_is_in_utc_and_its_system_is_held_to():
    body = (
        b"utc_measured_on,dc_power_inv_28676,irradiance_poa_o_5199,system_id\n"
        b"2016-07-15 00:00:00,32.766,81.138,10109\n"
        b"2016-07-15 00:05:00,,39.98,10109\n"
        b"2017-01-01 00:00:00,1.0,2.0,10109\n"
        b"2016-07-15 00:10:00,1.0,2.0,10110\n"
    )

    known = metadata(10109, dc_power_inv_28676=("DC power", "kW"), irradiance_poa_o_5199=("Irradiance POA", "W/m^2"))

    rows, _, rejects = transformed(body, YEAR, "annual_csv", metadata=(known,))

    assert readings(rows) == [
        (datetime(2016, 7, 15), "dc_power_inv_28676", 32766.0),
        (datetime(2016, 7, 15), "irradiance_poa_o_5199", 81.138),
        (datetime(2016, 7, 15, 0, 5), "irradiance_poa_o_5199", 39.98),
    ]
    assert {(row["timestamp_utc"].replace(tzinfo=None) == row["timestamp"], row["utc_basis"]) for row in rows} == {
        (True, "published")
    }
    assert rejects == [
        (4, None, "utc_measured_on is not from 2016-01-01 to 2016-12-31, the days of the object"),
        (5, None, "system_id is not 10109, the system of the object"),
    ]


def test_daily_aggregates_have_their_day_in_a_column_without_a_name():
    body = (
        b",ac_power_inv_7_daily_max,ac_energy_inv_7_daily_sum\n2016-01-01,4.881,10.578\n2016-01-02,,9.1\n2016-1-3,1,1\n"
    )

    known = metadata(10109, ac_power_inv_7=("AC power", "kW"), ac_energy_inv_7=("AC energy", "kWh"))

    rows, _, rejects = transformed(body, YEAR, "annual_csv", metadata=(known,))

    assert readings(rows) == [
        (datetime(2016, 1, 1), "ac_power_inv_7_daily_max", 4881.0),
        (datetime(2016, 1, 1), "ac_energy_inv_7_daily_sum", 10578.0),
        (datetime(2016, 1, 2), "ac_energy_inv_7_daily_sum", 9100.0),
    ]
    assert {(row["quantity"], row["units"], row["utc_basis"]) for row in rows} == {
        ("ac_power_daily_max", "W", "none"),
        ("ac_energy_daily_sum", "Wh", "none"),
    }
    assert rejects == [(4, None, "the first cell is not a time like 2019-01-31")]


def test_names_with_dots_spaces_and_parentheses_are_values_and_never_columns():
    name = "combiner_dc_input_01.01.01_dc_current_string_01_(a)_o_151942"
    body = f"measured_on,{name},DC CURRENT (A)\n2024-01-01 00:00:00,1.5,2.5\n".encode()
    known = metadata(2107, **dict.fromkeys((name, "DC CURRENT (A)"), ("DC current", "A")))

    rows, _, _ = transformed(body, RECORD, "prize_csv", metadata=(known,))

    assert readings(rows) == [
        (datetime(2024, 1, 1), name, 1.5),
        (datetime(2024, 1, 1), "DC CURRENT (A)", 2.5),
    ]


def test_without_a_dictionary_no_unit_of_a_record_is_guessed():
    body = b"measured_on,ac_power_inv_1\n2024-01-01 00:00:00,1.5\n2024-01-01 00:15:00,2.5\n"

    rows, _, rejects = transformed(body, RECORD, "prize_csv")

    said = "unit not established: no dictionary has it, and no name tells in which unit such files store"
    assert (rows, rejects) == ([], [(1, "ac_power_inv_1", said)])


def test_what_the_metadata_say_of_a_system_reaches_its_flags():
    system = {"system_id": "2107", "power(kW DC)": 2.0, "timezone_code": "PST8PDT"}
    site = {"latitude": 38.996306, "longitude": -122.134111}
    known = {"System": system, "Site": site, "Metrics": {"ac_power_o_1": {"common_name": "AC power", "units": "W"}}}
    body = b"measured_on,ac_power_o_1\n2024-01-01 00:00:00,-3\n2024-01-01 12:00:00,1500\n2024-01-01 13:00:00,150000\n"

    def flagged(document):
        rows, _, _ = transformed(body, RECORD, "prize_csv", metadata=(json.dumps(document).encode(),))
        return [row["quality"] & (NIGHT_OFFSET | OUT_OF_RANGE) for row in rows]

    assert flagged(known) == [NIGHT_OFFSET, 0, OUT_OF_RANGE]
    assert flagged({**known, "Site": {"latitude": "38.9", "longitude": "122.1"}}) == [0, 0, OUT_OF_RANGE], "a lost sign"
    assert flagged({**known, "System": {"system_id": 2107, "power": "", "timezone_code": "8"}}) == [NIGHT_OFFSET, 0, 0]


def test_files_in_utc_know_no_night_because_their_days_are_not_the_suns():
    system = {"system_id": "10109", "power": "5.88", "timezone_code": "America/Los_Angeles"}
    site = {"latitude": "37.057575", "longitude": "-122.01507"}
    known = {"System": system, "Site": site, "Metrics": {"ac_power_o_1": {"common_name": "AC power", "units": "W"}}}
    body = b"utc_measured_on,ac_power_o_1\n2016-07-15 08:00:00,5\n2016-07-15 20:00:00,900000\n"

    rows, _, _ = transformed(body, YEAR, "annual_csv", metadata=(json.dumps(known).encode(),))

    assert [row["quality"] & (NIGHT_OFFSET | OUT_OF_RANGE) for row in rows] == [0, OUT_OF_RANGE]


def test_a_dictionary_that_is_none_is_a_fault_that_says_so():
    with pytest.raises(SourceError, match="^is read with a dictionary that is not JSON"):
        transformed(b"measured_on\n", RECORD, "prize_csv", metadata=(b"<html>",))


def test_of_two_vintages_the_newer_one_has_what_both_have():
    older = b"measured_on,ac_power_o_1,gone_o_2\n2024-01-31 00:00:00,1,2\n2024-02-01 00:00:00,3,4\n"
    newer = b"measured_on,ac_power_o_1\n2024-02-01 00:00:00,3.5\n"

    known = metadata(2107, ac_power_o_1=POWER, gone_o_2=POWER)

    rows, duplicates, _ = transformed(older, RECORD, "prize_csv", newer=(newer, newer), metadata=(known,))

    assert readings(rows) == [
        (datetime(2024, 1, 31), "ac_power_o_1", 1.0),
        (datetime(2024, 1, 31), "gone_o_2", 2.0),
        (datetime(2024, 2, 1), "gone_o_2", 4.0),
    ]
    assert duplicates == 1


def test_an_empty_parquet_day_has_no_rows():
    assert transformed(b"", PARTS, "daily_parquet") == ([], 0, [])


def test_a_parquet_whose_writer_left_out_the_statistics_is_counted_all_the_same():
    table = pq.read_table(io.BytesIO(long((at(0), None, 772, 1.0), (at(1), None, 772, None))))
    body = io.BytesIO()
    pq.write_table(table, body, write_statistics=False)

    rows, _, _ = transformed(body.getvalue(), PARTS, "daily_parquet", dictionary=(OF_51,))

    assert readings(rows) == [(at(0), "dc_power__772", 1.0)]


# Through the whole pipeline


def facts(place):
    return place.rows(f"SELECT timestamp, sensor, value FROM {READINGS} ORDER BY timestamp, sensor")


RECORD_KEY = "pvdaq/2023-solar-data-prize/2107_OEDI/data/2107_meter_15m_data.csv"


@pytest.fixture
def described(place):
    """The dictionaries of the systems of these tests."""
    place.put("pvdaq/parquet/metrics/metrics__system_51__part000.parquet", dictionary((51, 1, "ac_power", *POWER)))
    folder = RECORD_KEY.partition("data/")[0]
    place.put(f"{folder}metadata/2107_system_metadata.json", metadata(2107, ac_power_o_1=POWER))
    return place


def record(*lines):
    return "\n".join(["measured_on,ac_power_o_1", *lines, ""]).encode()


def test_a_newer_vintage_takes_its_readings_from_the_older_one_and_nothing_is_doubled(described, load):
    described.put(RECORD_KEY, record("2024-01-31 00:00:00,1", "2024-02-01 00:00:00,3"))
    load(days=(None, None))
    described.put(RECORD_KEY.replace(".csv", "_2025.csv"), record("2024-02-01 00:00:00,3.5", "2024-02-02 00:00:00,4"))

    found, counts = load(days=(None, None))

    assert (found.new, found.changed) == (1, 1)
    assert counts == {"objects": 2, "rows_read": 4, "rows_loaded": 3, "rows_quarantined": 0, "rows_duplicate": 1}
    assert [(moment.day, value) for moment, _, value in facts(described)] == [(31, 1.0), (1, 3.5), (2, 4.0)]
    assert load(days=(None, None)) == (found_nothing(2), None)


def test_a_corrected_dictionary_loads_its_systems_objects_again_once_and_no_others(described, load):
    known = "pvdaq/parquet/metrics/metrics__system_{}__part000.parquet"
    described.put(known.format(52), dictionary((52, 1, "ac_power", *POWER)))
    for ss_id in (51, 52):
        described.put_day(ss_id, FIFTH, day_file(ss_id, FIFTH, [2.0, 3.0]))
    load(days=(FIFTH, FIFTH))
    described.put(known.format(51), dictionary((51, 1, "ac_power", "AC power", "kW")))

    found, counts = load(days=(FIFTH, FIFTH))

    assert (found.new, found.changed, found.unchanged) == (0, 1, 1)
    assert counts == {"objects": 1, "rows_read": 2, "rows_loaded": 2, "rows_quarantined": 0, "rows_duplicate": 0}
    assert [value for _, _, value in facts(described)] == [2.0, 2000.0, 3.0, 3000.0]
    assert load(days=(FIFTH, FIFTH))[1] is None
    assert described.run("verify")[0] == 0


def test_a_newer_vintage_that_vanished_keeps_its_readings_until_it_is_retired(described, load):
    newer = RECORD_KEY.replace(".csv", "_2025.csv")
    described.put(RECORD_KEY, record("2024-01-31 00:00:00,1", "2024-02-01 00:00:00,3"))
    described.put(newer, record("2024-02-01 00:00:00,3.5"))
    load(days=(None, None))
    described.s3.delete_object(Bucket=described.bucket, Key=newer)

    stays, nothing = load(days=(None, None))
    kept = facts(described)
    goes, _ = load(days=(None, None), retire_vanished=True)

    assert (stays.unchanged, stays.vanished, nothing) == (1, [newer], None)
    assert [value for *_, value in kept] == [1.0, 3.5]
    assert (goes.changed, goes.retired) == (1, 1)
    assert [value for *_, value in facts(described)] == [1.0, 3.0]


def found_nothing(unchanged):
    from jobs.plan import Comparison

    return Comparison(FACT, unchanged=unchanged)


def test_a_parquet_that_comes_later_takes_the_place_of_the_days_csv(described, load):
    described.put_day(51, FIFTH, day_file(51, FIFTH, [1.0, 2.0]))
    described.put_day(51, date(2019, 1, 6), day_file(51, date(2019, 1, 6), [3.0]))
    load()
    described.put(parquet_key(51, FIFTH), long((at(0), at(8), 1, 1.0), (at(1), at(9), 1, 2.5)))

    found, counts = load()

    assert (found.new, found.unchanged, found.outranked, found.vanished) == (1, 1, 1, [])
    assert (counts["objects"], counts["rows_loaded"]) == (1, 2)
    assert [(moment.day, sensor, value) for moment, sensor, value in facts(described)] == [
        (5, "ac_power__1", 1.0),
        (5, "ac_power__1", 2.5),
        (6, "ac_power__1", 3.0),
    ]
    assert load()[1] is None, "the CSV does not come back"
    code, out, _ = described.run("verify")
    assert code == 0, out


def test_a_day_whose_parquet_vanishes_goes_back_to_its_csv_only_on_request(described, load):
    described.put_day(51, FIFTH, day_file(51, FIFTH, [1.0]))
    described.put(parquet_key(51, FIFTH), long((at(0), None, 1, 1.0)))
    load()
    described.s3.delete_object(Bucket=described.bucket, Key=parquet_key(51, FIFTH))

    stays, nothing = load()
    goes, _ = load(retire_vanished=True)

    assert (stays.vanished, nothing) == ([parquet_key(51, FIFTH)], None)
    assert (goes.new, goes.retired) == (1, 1)
    assert [sensor for _, sensor, _ in facts(described)] == ["ac_power__1"]


def test_a_parquet_that_lost_half_a_csvs_readings_does_not_replace_them_unawares(described, load):
    from jobs.errors import ContractError

    described.put_day(51, FIFTH, day_file(51, FIFTH, [1.0, 2.0, 3.0, 4.0, 5.0]))
    load()
    described.put(parquet_key(51, FIFTH), long((at(0), None, 1, 1.0)))

    with pytest.raises(ContractError, match="nothing was published"):
        load()
    assert len(facts(described)) == 5
    load(accept_loss=True)
    assert len(facts(described)) == 1


def test_a_csv_that_becomes_several_parts_is_replaced_by_all_of_them_together(described, load):
    described.put_day(51, FIFTH, day_file(51, FIFTH, [float(n) for n in range(20)]))
    load()
    for part, hours in enumerate((range(10), range(10, 20))):
        rows = [(at(hour), None, 1, float(hour)) for hour in hours]
        described.put(parquet_key(51, FIFTH, f"{part:03d}"), long(*rows))

    _, counts = load()

    assert (counts["rows_loaded"], len(facts(described))) == (20, 20)
    lost = "SELECT passed FROM etl_quality WHERE check_name IN ('corrections_lose_nothing', 'no_correction_loses_most')"
    assert described.rows(f"{lost} AND planned_generation = 1") == [(True,), (True,)]


def test_a_record_larger_than_a_task_is_read_as_a_stream_and_loaded_whole(described, load, monkeypatch):
    from jobs import plan, stage, wide_csv

    for module, name, size in ((plan, "GROUP_BYTES", 500), (stage, "GROUP_BYTES", 500), (stage, "ROW_GROUP", 10)):
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(wide_csv, "BLOCK_BYTES", 400)
    lines = [f"2024-{month:02d}-{day:02d} 00:00:00,{month}.{day}" for month in (1, 2, 3) for day in range(1, 29)]
    described.put(RECORD_KEY, record(*lines))

    _, counts = load(days=(None, None))

    assert (counts["rows_read"], counts["rows_loaded"]) == (84, 84)
    assert [value for _, _, value in facts(described)] == [float(line.rpartition(",")[2]) for line in lines]


def test_a_record_and_a_day_in_one_window_are_loads_of_their_own_and_both_whole(described, load):
    described.put(RECORD_KEY, record("2020-07-01 00:00:00,1", "2024-02-01 00:00:00,3"))
    described.put_day(51, FIFTH, day_file(51, FIFTH, [1.0]))

    found, counts = load(days=(None, None))

    assert (len(found.plans), counts["rows_loaded"]) == (2, 3)
    assert load(days=(None, None))[1] is None


def test_a_record_and_a_day_that_are_retired_together_leave_nothing(described, load):
    described.put(RECORD_KEY, record("2020-07-01 00:00:00,1", "2024-02-01 00:00:00,3"))
    for day in (FIFTH, date(2019, 1, 6)):
        described.put_day(51, day, day_file(51, day, [1.0]))
    load(days=(None, None))
    for key in (RECORD_KEY, day_key(51, FIFTH)):
        described.s3.delete_object(Bucket=described.bucket, Key=key)

    load(days=(None, None), retire_vanished=True)

    assert [moment for moment, _, _ in facts(described)] == [datetime(2019, 1, 6)]
    assert described.run("verify")[0] == 0


def test_an_older_vintage_that_leaves_most_to_a_newer_one_has_lost_nothing(described, load):
    lines = [f"2024-0{month}-01 00:00:00,{month}" for month in range(1, 8)]
    described.put(RECORD_KEY, record(*lines))
    load(days=(None, None))
    described.put(RECORD_KEY.replace(".csv", "_2025.csv"), record(*lines[1:]))

    load(days=(None, None))

    assert [value for *_, value in facts(described)] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_a_vintage_that_comes_while_another_has_vanished_is_told_and_not_guessed(described, load):
    from jobs import plan
    from jobs.listing import Window

    gone, new = (RECORD_KEY.replace(".csv", f"_{year}.csv") for year in (2024, 2025))
    described.put(RECORD_KEY, record("2020-07-01 00:00:00,1"))
    described.put(gone, record("2024-02-01 00:00:00,3"))
    load(days=(None, None))
    described.s3.delete_object(Bucket=described.bucket, Key=gone)
    described.put(new, record("2024-02-01 00:00:00,3.5"))

    with pytest.raises(SourceError, match=f"{new} is new, and another vintage of its record has vanished .{gone}"):
        plan.plan(FACT, Window())
    load(days=(None, None), retire_vanished=True)

    assert [value for *_, value in facts(described)] == [1.0, 3.5]


def test_an_empty_parquet_outranks_nothing(described, load):
    described.put_day(51, FIFTH, day_file(51, FIFTH, [1.0]))
    described.put(parquet_key(51, FIFTH), b"")

    found, _ = load()

    assert (found.new, found.outranked) == (2, 0)
    assert len(facts(described)) == 1
