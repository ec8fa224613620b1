"""The transform of daily wide CSV: what becomes a reading, and what is refused."""

from datetime import datetime

import pytest

from jobs.errors import SourceError
from jobs.flags import SENTINEL, STALE
from jobs.tables import fact_pv_measurement as table
from jobs.transform import SourceObject

PARTS = {"ss_id": "1", "year": "2019", "month": "1", "day": "5"}
HEADER = "measured_on,ac_power__101,module_temp__104,system_id"


def transform(body):
    (piece,) = table.transform(SourceObject.of(body, PARTS, "daily_csv"))
    return piece


def parsed(*lines, header=HEADER, end="\n"):
    return transform(end.join([header, *lines, ""]).encode())


def values(result, sensor="ac_power__101"):
    return {row["timestamp"]: row["value"] for row in result.rows.to_pylist() if row["sensor"] == sensor}


def only_reject(result):
    (reject,) = result.rejects
    return reject.line, reject.column, reject.reason, reject.raw_text


def test_each_filled_cell_is_a_reading_and_a_blank_is_none():
    result = parsed("2019-01-05 00:00:00,-3.5,,1", "2019-01-05 00:00:01,,21.5,1")

    assert values(result) == {datetime(2019, 1, 5): -3.5}
    assert values(result, "module_temp__104") == {datetime(2019, 1, 5, 0, 0, 1): 21.5}
    assert (result.rows_read, result.rows_duplicate, result.rejects) == (2, 0, [])


def test_columns_are_found_by_their_names_in_any_order():
    result = parsed("1,21.5,2019-01-05 00:00:00,7.0", header="system_id,module_temp__104,measured_on,ac_power__101")

    assert values(result) == {datetime(2019, 1, 5): 7.0}


def test_windows_line_ends_a_byte_order_mark_and_spaces_do_no_harm():
    body = b"\xef\xbb\xbf" + f"{HEADER}\r\n2019-01-05 00:00:00, 7.5 ,,1\r\n".encode()

    assert values(transform(body)) == {datetime(2019, 1, 5): 7.5}


def test_fractions_of_a_second_are_kept():
    result = parsed("2019-01-05 00:00:00.250000,1,,1")

    assert values(result) == {datetime(2019, 1, 5, 0, 0, 0, 250000): 1.0}


@pytest.mark.parametrize("body", [b"", b"\n", HEADER.encode(), HEADER.encode() + b"\n"])
def test_an_empty_file_and_a_mere_header_have_no_rows(body):
    result = transform(body)

    assert (result.rows.num_rows, result.rows_read, result.rejects) == (0, 0, [])


@pytest.mark.parametrize("text", ["n/a", '"5.0"', "nan", "inf", "-inf", "1e999", "1_000", "0x10", "--", "NULL"])
def test_what_is_no_number_is_refused_and_its_neighbour_stays(text):
    result = parsed(f"2019-01-05 00:00:00,{text},21.5,1")

    assert only_reject(result) == (2, "ac_power__101", "not a number", text)
    assert values(result, "module_temp__104") == {datetime(2019, 1, 5): 21.5}
    assert result.rows_read == 2


@pytest.mark.parametrize(("text", "value"), [("1e3", 1000.0), ("+4.5", 4.5), (".5", 0.5), ("5.", 5.0), ("-0", 0.0)])
def test_every_way_to_write_a_number_is_read(text, value):
    assert values(parsed(f"2019-01-05 00:00:00,{text},,1")) == {datetime(2019, 1, 5): value}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2019-01-05 00:00:00,1.0", "expected 4 cells, found 2"),
        ("2019-01-05 00:00:00,1.0,2.0,3.0,1", "expected 4 cells, found 5"),
        (",1.0,,1", "measured_on is not a time like 2019-01-31 23:59:59"),
        ("2019-01-05,1.0,,1", "measured_on is not a time like 2019-01-31 23:59:59"),
        ("2019-01-05 24:00:00,1.0,,1", "measured_on is not a time like 2019-01-31 23:59:59"),
        ("05.01.2019 00:00,1.0,,1", "measured_on is not a time like 2019-01-31 23:59:59"),
        ("2019-01-05 00:00:00+00:00,1.0,,1", "measured_on is not a time like 2019-01-31 23:59:59"),
        ("2019-01-06 00:00:00,1.0,,1", "measured_on is not on 2019-01-05, the day of the object"),
        ("2079-01-05 00:00:00,1.0,,1", "measured_on is not on 2019-01-05, the day of the object"),
        ("2019-01-05 00:00:00,1.0,,10", "system_id is not 1, the system of the object"),
        ("2019-01-05 00:00:00,1.0,,", "system_id is not 1, the system of the object"),
    ],
)
def test_a_line_that_cannot_be_taken_apart_is_refused_whole_with_its_place(line, reason):
    result = parsed("2019-01-05 01:00:00,5.0,,1", line, "2019-01-05 02:00:00,6.0,,1")

    assert only_reject(result) == (3, None, reason, line)
    assert values(result) == {datetime(2019, 1, 5, 1): 5.0, datetime(2019, 1, 5, 2): 6.0}
    assert result.rows_read == 2 + result.rejects[0].rows


@pytest.mark.parametrize(
    ("line", "readings"),
    [
        ("2019-01-05 00:00:00,1.0", 1),
        ("2019-01-05 00:00:00", 0),
        ("2019-01-05 00:00:00, ,", 0),
        ("2019-01-05 00:00:00,1.0,2.0,3.0,1", 3),
        ("yesterday,1.0,2.0,1", 2),
        ("2019-01-06 00:00:00,,2.0,1", 1),
    ],
)
def test_a_refused_line_counts_as_the_readings_in_it(line, readings):
    result = parsed(line)

    assert [reject.rows for reject in result.rejects] == [readings]
    assert result.rows_read == readings


def test_the_same_reading_twice_is_a_counted_duplicate():
    result = parsed("2019-01-05 00:00:00,5.0,,1", "2019-01-05 00:00:00,5.0,,1")

    assert (values(result), result.rows_read, result.rows_duplicate) == ({datetime(2019, 1, 5): 5.0}, 2, 1)


def test_two_values_for_one_time_and_sensor_keep_the_first_and_refuse_the_other():
    result = parsed("2019-01-05 00:00:00,5.0,,1", "2019-01-05 00:00:00,6.0,,1")

    assert only_reject(result) == (3, "ac_power__101", "same time as line 2 with another value", "6.0")
    assert values(result) == {datetime(2019, 1, 5): 5.0}


def test_two_lines_of_one_time_that_fill_each_other_are_no_duplicates():
    result = parsed("2019-01-05 00:00:00,5.0,,1", "2019-01-05 00:00:00,,21.5,1")

    assert (result.rows.num_rows, result.rows_duplicate, result.rejects) == (2, 0, [])


def test_sentinels_are_kept_and_flagged_and_minus_forty_only_for_temperatures():
    result = parsed("2019-01-05 00:00:00,-999,-40,1", "2019-01-05 01:00:00,-40,-9999,1")

    flags = {(row["sensor"], row["value"]): row["quality"] & SENTINEL for row in result.rows.to_pylist()}
    assert flags == {
        ("ac_power__101", -999.0): 1,
        ("module_temp__104", -40.0): 1,
        ("ac_power__101", -40.0): 0,
        ("module_temp__104", -9999.0): 1,
    }


def test_a_day_is_flagged_alike_by_columns_and_by_lines_and_in_any_order_of_its_lines():
    # From 5:15 to 8:15 one value is repeated.
    power = {
        datetime(2019, 1, 5, minute // 60, minute % 60): 250 if 300 < minute < 500 else minute**2 % 997
        for minute in range(0, 1440, 15)
    }
    lines = [f"{moment},{value},,1" for moment, value in power.items()]
    # A line with a fault has the others read line by line; it has no reading of this channel.
    fault = "2019-01-05 12:00:00,,x,1"

    def flagged(*lines):
        rows = parsed(*lines).rows
        return dict(zip(rows["timestamp"].to_pylist(), rows["quality"].to_pylist(), strict=True))

    for more in ([], [fault]):
        for order in (lines, lines[::-1], lines[1::2] + lines[::2]):
            assert flagged(*order, *more) == {moment: STALE * (value == 250) for moment, value in power.items()}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html><body>Service Unavailable</body></html>\n", "has no column measured_on"),
        (b"\x1f\x8b\x08\x00\xff\xfe\n", "is not CSV: its first line is not text"),
        (b"ac_power__101,system_id\n1.0,1\n", "has no column measured_on"),
        (b"measured_on,ac_power__101,ac_power__101,system_id\n", "has columns of the same name: ac_power__101"),
        (b"measured_on,ac_power,system_id\n", "has columns that are no <sensor_name>__<metric_id>: 'ac_power'"),
        (b'"measured_on","ac_power__101"\n', "has no column measured_on"),
        (b"measured_on, ac_power__101\n", "has columns that are no <sensor_name>__<metric_id>: ' ac_power__101'"),
        ("measured_on,ac_power__\u0661\n".encode(), "has columns that are no <sensor_name>__<metric_id>"),
    ],
)
def test_a_file_that_is_no_day_file_is_an_error_that_says_what_it_is(body, said):
    with pytest.raises(SourceError, match="^" + said.replace("(", r"\(")):
        transform(body)


@pytest.mark.parametrize(
    "line",
    [
        "2019-01-05 00:00:00,1.0,,1",
        "2019-01-05 00:00:00,1.0,, 1 ",
        "2019-01-05 00:00:00,1.0,,01",
        "2019-01-05 00:00:00,1.0,,0x1",
        "2019-01-05 00:00:00,1.0,,1.0",
        "2019-01-05 00:00:00,1.0,,\u0661",
        "2019-01-05 00:00:00,\u0661,,1",
        "2019-01-05 00:00:00,\uff11,,1",
        "2019-01-05 00:00:00,\t1.0\t, ,1",
        "2019-01-05 00:00:00,1.0\x00,,1",
        "2019-01-05 00:00:00,0x1p3,,1",
        "2019-01-05 00:00:00,1e5,1E-5,1",
        "2019-01-05 00:00:00,12345678901234567890.12345678901234567890,,1",
        "2019-01-05 00:00:00,1.7976931348623157e308,4.9e-324,1",
        "2019-01-05 00:00:00,Infinity,nan,1",
        "2019-01-05 00:00:00,1.,.1,1",
        "2019-01-05 00:00:00,+1,-1,1",
        "2019-01-05 00:00:00,true,false,1",
        "2019-01-05 00:00:00,1.0,,1\r2019-01-05 01:00:00,2.0,,1",
        "2019-01-05 00:00:00,1.0,,1\r",
        "",
        "   ",
        ",,,",
        "2019-01-05T00:00:00,1.0,,1",
        " 2019-01-05 00:00:00,1.0,,1",
        "2019-02-30 00:00:00,1.0,,1",
        "2019-01-05 23:59:60,1.0,,1",
        "2019-01-05 00:00:00.123456789,1.0,,1",
        "2019-01-05 00:00:00,1 000,,1",
    ],
)
def test_a_neighbour_with_a_fault_changes_nothing_for_a_line(line):
    def readings(result):
        return [(row["timestamp"], row["sensor"], row["value"]) for row in result.rows.to_pylist()]

    alone, beside = parsed(line), parsed(line, "2019-01-05 12:00:00,x,,1")

    assert sorted(readings(alone)) == sorted(readings(beside))
    assert alone.rows_read == beside.rows_read - 1
    assert alone.rows_read == alone.rows.num_rows + sum(reject.rows for reject in alone.rejects) + alone.rows_duplicate


def test_a_stray_quote_swallows_no_lines():
    result = parsed('2019-01-05 00:00:00,"5.0,,1', "2019-01-05 01:00:00,6.0,,1")

    assert only_reject(result) == (2, "ac_power__101", "not a number", '"5.0')
    assert values(result) == {datetime(2019, 1, 5, 1): 6.0}
