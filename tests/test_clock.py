"""From the wall clock to the instant: where it is known, where it is not, and clocks that cannot be right."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from test_layouts import PARTS, dictionary, long, transformed

from jobs import clock
from jobs.flags import CLOCK_DOUBTFUL, DST
from jobs.quality import System
from jobs.tables import fact_pv_measurement as table
from jobs.transform import SourceObject

DENVER, GOLDEN = "America/Denver", {"latitude": "39.74", "longitude": "-105.18"}
SPRING, AUTUMN, JUNE = date(2019, 3, 10), date(2019, 11, 3), date(2019, 6, 21)


def day_of(day, *lines, zone=None, site=None, started_on="", sensor="ac_power__1"):
    """The rows of a day of system 51 and what was refused, by its metadata."""
    parts = {"ss_id": "51", "year": str(day.year), "month": str(day.month), "day": str(day.day)}
    body = "\n".join([f"measured_on,{sensor},system_id", *(f"{day} {line},51" for line in lines), ""])
    described = {"system_id": 51, "timezone_code": zone or "", "started_on": started_on}
    known = json.dumps({"System": described, "Site": site or {}}).encode()
    rows, duplicates, rejects = transformed(body.encode(), parts, "daily_csv", metadata=(known,))
    return rows, duplicates, rejects


def instants(rows):
    return [(f"{row['timestamp_utc']:%d %H:%M}" if row["timestamp_utc"] else None, row["utc_basis"]) for row in rows]


def test_a_bare_offset_is_hours_west_and_has_an_instant_for_every_reading():
    rows, _, _ = day_of(SPRING, "02:30:00,1", "23:30:00,1", zone="7")

    assert instants(rows) == [("10 09:30", "offset"), ("11 06:30", "offset")]


def test_a_zone_has_no_instant_in_the_hour_that_it_skips():
    rows, _, _ = day_of(SPRING, "01:59:59,1", "02:00:00,1", "02:59:59,1", "03:00:00,1", zone=DENVER)

    assert instants(rows) == [("10 08:59", "iana"), (None, "none"), (None, "none"), ("10 09:00", "iana")]
    assert [row["quality"] & DST for row in rows] == [0, DST, DST, 0]


def test_a_zone_has_no_instant_in_the_hour_that_it_has_twice():
    rows, _, _ = day_of(AUTUMN, "00:59:59,1", "01:00:00,1", "01:59:59,1", "02:00:00,1", zone=DENVER)

    assert instants(rows) == [("03 06:59", "iana"), (None, "none"), (None, "none"), ("03 09:00", "iana")]
    assert [row["quality"] & DST for row in rows] == [0, DST, DST, 0]


def test_seconds_and_their_fractions_come_through():
    rows, _, _ = day_of(JUNE, "12:00:01.25,1", zone=DENVER)

    assert rows[0]["timestamp_utc"] == datetime(2019, 6, 21, 18, 0, 1, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "site"),
    [
        (None, None),
        ("Mars/Olympus", None),
        ("../../etc/localtime", None),
        # A lost sign: nobody knows whether the zone or the place is wrong.
        (DENVER, {"latitude": "39.74", "longitude": "105.18"}),
        ("7", {"latitude": "39.74", "longitude": "105.18"}),
    ],
)
def test_a_clock_that_is_unknown_or_denied_by_the_longitude_gives_no_instant(zone, site):
    rows, _, _ = day_of(JUNE, "12:00:00,1", zone=zone, site=site)

    assert instants(rows) == [(None, "none")]


def test_every_instant_of_a_year_comes_back_to_its_wall_clock_or_is_ambiguous_or_skipped():
    times = np.arange("2019-01-01T00:00", "2020-01-01T00:00", 15, "datetime64[m]").astype("datetime64[us]")

    found = clock.instants(times, System(zone=DENVER))

    for wall, instant in zip(times.tolist(), found.tolist(), strict=True):
        zoned = [wall.replace(tzinfo=clock._zone(DENVER), fold=fold) for fold in (0, 1)]
        if zoned[0].utcoffset() != zoned[1].utcoffset():
            assert instant is None
        else:
            assert instant.replace(tzinfo=UTC) == zoned[0].astimezone(UTC)
    assert np.isnat(found).sum() == 8


def test_what_is_published_goes_before_what_is_derived_and_fills_what_cannot_be():
    def at(hour):
        return datetime(2019, 11, 3, hour)

    body = long((at(0), at(7), 772, 1.0), (at(1), at(8), 772, 2.0), (at(1), None, 773, 2.0), (at(3), None, 772, 3.0))
    known = dictionary((51, 772, "dc_power", "DC power", "W"), (51, 773, "ac_power", "AC power", "W"))
    zone = json.dumps({"System": {"system_id": 51, "timezone_code": DENVER}}).encode()
    parts = PARTS | {"month": "11", "day": "3"}

    rows, _, _ = transformed(body, parts, "daily_parquet", dictionary=(known,), metadata=(zone,))

    assert instants(rows) == [
        # An hour beside what the zone says, and published.
        ("03 07:00", "published"),
        ("03 08:00", "published"),
        ("03 10:00", "iana"),
        (None, "none"),
    ]


# The pyranometer of a clear day in Golden in June, quarter hours: the sun is up from 4:32 to 19:32 standard time.
def light(hours_late):
    lines = []
    for quarter in range(96):
        hour = quarter / 4 - hours_late
        value = max(0.0, 1000 * np.sin(np.pi * (hour - 4.53) / 15))
        lines.append(f"{quarter // 4:02d}:{quarter % 4 * 15:02d}:00,{value:.1f}")
    return lines


def bases(lines, zone=DENVER, site=GOLDEN, day=JUNE):
    rows, _, _ = day_of(day, *lines, zone=zone, site=site, sensor="poa_irradiance__1")
    return {row["utc_basis"] for row in rows}


def test_a_day_whose_light_contradicts_the_clock_has_no_instant():
    assert bases(light(1)) == {"iana"}, "the clock is set an hour ahead in summer, as the zone says"
    assert bases(light(0)) == {"none"}, "the clock keeps standard time in summer, and the zone lies"
    assert bases(light(0), zone="7") == {"offset"}
    assert bases(light(1), zone="7") == {"none"}


def test_hills_and_tilt_do_not_contradict_a_clock():
    assert bases(light(1.4)) == {"iana"}
    assert bases(light(0.6)) == {"iana"}


@pytest.mark.parametrize(
    "lines",
    [
        [line for line in light(0) if "06:00" < line < "20:00"],
        [line for line in light(0) if not "04:00" < line < "09:00"],
        [f"{line.split(',')[0]},{float(line.split(',')[1]) / 10:.1f}" for line in light(0)],
        light(0)[::4],
        light(0)[:1],
    ],
    ids=["begins in the light", "a gap at dawn", "a dull day", "read once an hour", "a single reading"],
)
def test_a_day_that_does_not_show_where_noon_is_contradicts_nothing(lines):
    assert bases(lines) == {"iana"}


def test_without_a_longitude_nothing_is_contradicted():
    assert bases(light(0), site={}) == {"iana"}


def test_one_sensor_that_agrees_with_the_clock_is_enough():
    def readings(hours_late):
        rows = [line.split(",") for line in light(hours_late)]
        return (
            np.array([f"{JUNE}T{time}" for time, _ in rows], "datetime64[us]"),
            np.array([float(value) for _, value in rows]),
        )

    golden = System(39.74, -105.18, zone=DENVER)

    assert clock.contradicted([readings(0), readings(0)], golden) == {JUNE}
    assert clock.contradicted([readings(0), readings(1)], golden) == set()


def test_readings_of_a_clock_that_cannot_be_right_are_kept_and_flagged_and_have_no_instant():
    def judged(day, started_on=""):
        rows, _, rejects = day_of(day, "12:00:00,7", zone="7", started_on=started_on)
        assert rejects == []
        return [(row["value"], row["quality"] & CLOCK_DOUBTFUL, row["utc_basis"]) for row in rows]

    sound, doubtful = [(7.0, 0, "offset")], [(7.0, CLOCK_DOUBTFUL, "none")]
    assert judged(date(1970, 1, 1)) == doubtful
    assert judged(date(2079, 3, 31)) == doubtful
    # NREL has records of 1994; system 51 has its logger's default of that year, and was built in 2011.
    assert judged(date(1994, 5, 13)) == sound
    assert judged(date(1994, 5, 13), "2011-04-01 00:00:00") == doubtful
    assert judged(date(2010, 4, 1), "2011-04-01 00:00:00") == sound
    assert judged(date(2010, 3, 30), "2011-04-01 00:00:00") == doubtful
    assert judged(date(1994, 5, 13), "unknown") == sound


def test_of_an_hour_that_comes_twice_the_first_value_stays_and_the_other_is_told_apart():
    lines = [f"{hour}:{minute:02d}:00,{value}" for value, hour in ((1, "01"), (2, "01")) for minute in (0, 30)]

    rows, duplicates, rejects = day_of(AUTUMN, *lines, "02:00:00,3", "02:00:00,4", zone=DENVER)

    assert [(f"{row['timestamp']:%H:%M}", row["value"]) for row in rows] == [("01:00", 1), ("01:30", 1), ("02:00", 3)]
    assert duplicates == 0
    assert rejects == [
        (4, "ac_power__1", "same time as line 2 with another value; the clock has this hour twice"),
        (5, "ac_power__1", "same time as line 3 with another value; the clock has this hour twice"),
        (7, "ac_power__1", "same time as line 6 with another value"),
    ]
    _, _, elsewhere = day_of(AUTUMN, *lines, zone="7")
    assert [reason for _, _, reason in elsewhere] == [f"same time as line {line} with another value" for line in (2, 3)]


def test_an_instant_that_is_published_of_the_hours_second_pass_stays_with_its_value():
    one, west = datetime(2019, 11, 3, 1), timedelta(hours=7)
    body = long((one, one + west, 772, 1.0), (one, one + west + timedelta(hours=1), 772, 2.0))
    known = dictionary((51, 772, "dc_power", "DC power", "W"))
    zone = json.dumps({"System": {"system_id": 51, "timezone_code": DENVER}}).encode()
    source = SourceObject.of(
        body, PARTS | {"month": "11", "day": "3"}, "daily_parquet", dictionary=(known,), metadata=(zone,)
    )
    (piece,) = table.transform(source)

    assert instants(piece.rows.to_pylist()) == [("03 08:00", "published")]
    (refused,) = piece.rejects
    assert refused.reason == "same time as row 0 with another value; the clock has this hour twice"
    assert refused.raw_text == "2.0 at 2019-11-03 09:00:00Z"
