"""The transform of the systems catalogue."""

import pytest
from conftest import FIXTURES

from jobs.errors import SourceError
from jobs.tables import dim_system as table
from jobs.transform import SourceObject

CATALOGUE = (FIXTURES / "dim_system/pvdaq/csv/systems_20250601.csv").read_bytes()
HEADER, FIRST, MOUNT, OTHER_MOUNT, *_ = CATALOGUE.split(b"\r\n")


def transform(body):
    (piece,) = table.transform(SourceObject.of(body, {"edition": "20250601"}))
    return piece


def parsed(*lines, header=HEADER):
    return transform(b"\r\n".join([header, *lines, b""]))


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
    assert [row["ss_id"] for row in result.rows.to_pylist()] == [10]


def test_a_refused_line_is_kept_as_it_stands():
    line = FIRST.replace(b"43.0853", b"north")

    (reject,) = parsed(line).rejects

    assert reject.raw_text == line.decode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "lacks columns of the catalogue: system_id, system_public_name"),
        (HEADER.replace(b"latitude", b"lat") + b"\r\n", "lacks columns of the catalogue: latitude$"),
        (b"\xff\xfe\x00", "is not CSV in UTF-8"),
        (HEADER + b'\r\n1,"Sunny', "is not CSV: unexpected end of data"),
    ],
)
def test_a_file_that_is_no_catalogue_is_an_error_that_says_why(body, said):
    with pytest.raises(SourceError, match="^" + said):
        transform(body)
