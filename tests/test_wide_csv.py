"""Wide CSV: that both of its paths agree, and that blocks of any size give the readings of the whole."""

from dataclasses import replace
from datetime import date, datetime
from io import BytesIO

import pytest

from jobs import wide_csv
from jobs.errors import SourceError
from jobs.tables.fact_pv_measurement import NAMED, PUBLISHED
from jobs.transform import Reject, Rejects
from jobs.wide_csv import MEASURED_ON, UTC, Layout

DAY = date(2019, 1, 5)
LAYOUT = Layout(1, NAMED, (MEASURED_ON,), (DAY, DAY))
RECORD = Layout(2107, PUBLISHED, (MEASURED_ON, UTC))
HEADER = "measured_on,ac_power__101,module_temp__104,system_id"
NONE_SEEN = wide_csv._Seen()


def lists(readings):
    return {
        sensor: (times.to_pylist(), instants and instants.to_pylist(), values.to_pylist())
        for sensor, (times, instants, values) in readings.items()
    }


def read(text, layout=RECORD):
    return list(wide_csv.blocks(BytesIO(text.encode()), layout))


def all_of(blocks):
    """What the blocks have together: readings by channel and time, and the counts."""
    readings = {}
    for block in blocks:
        for sensor, (times, _, values) in block.readings.items():
            for moment, value in zip(times.to_pylist(), values.to_pylist(), strict=True):
                assert (sensor, moment) not in readings, "a key comes twice"
                readings[sensor, moment] = value
    rejects = [(reject.line, reject.column, reject.reason) for block in blocks for reject in block.rejects]
    refused = sum(reject.rows for block in blocks for reject in block.rejects)
    read_, doubled = sum(block.rows_read for block in blocks), sum(block.rows_duplicate for block in blocks)
    assert read_ == len(readings) + doubled + refused
    return readings, doubled, rejects


def test_reading_by_columns_and_by_lines_gives_the_same_readings_in_the_same_order():
    line = b"measured_on,poa_irradiance__103,ac_power__101,system_id"
    body = (
        b"2019-01-05 12:00:01,1.6111126400000018,,1\n2019-01-05 12:00:00,,1e-3,1\n2019-01-05 00:00:00,-0.8,  7.25,1\n"
    )
    header = wide_csv._header(line, LAYOUT)

    by_columns = wide_csv._by_columns(body, header, LAYOUT, NONE_SEEN)
    by_lines = wide_csv._by_lines(body, header, LAYOUT, NONE_SEEN, 2)

    assert sum(len(values) for _, _, values in by_columns.readings.values()) == 4
    assert lists(by_columns.readings) == lists(by_lines.readings)
    assert list(by_columns.readings) == list(by_lines.readings)


@pytest.mark.parametrize(
    "line",
    [
        "2019-01-05 00:00:00,nan,,1",
        "2019-01-05,1,,1",
        "2019-01-06 00:00:00,1,,1",
        "2019-01-05 00:00:00,1,,2",
        "2019-01-05 00:00:00,1",
    ],
)
def test_the_path_by_columns_takes_no_lines_with_a_fault(line):
    header = wide_csv._header(HEADER.encode(), LAYOUT)

    assert wide_csv._by_columns(f"{line}\n".encode(), header, LAYOUT, NONE_SEEN) is None


@pytest.mark.parametrize("size", [40, 100, 1000])
def test_blocks_of_any_size_give_the_readings_of_the_whole(monkeypatch, size):
    lines = [f"2019-01-0{day} 00:{minute:02d}:00,{day}.5,{minute}" for day in range(1, 5) for minute in (0, 30)]
    lines[3] = lines[3].replace("2.5", "n/a")
    text = "\n".join(["measured_on,a_o_1,b (c)_o_2", *lines])
    whole = all_of(read(text))

    monkeypatch.setattr(wide_csv, "BLOCK_BYTES", size)
    blocks = read(text)

    assert len(blocks) > 1 or size == 1000
    days = [{moment.astype("datetime64[D]").item() for moment in block.moments} for block in blocks]
    assert sum(map(len, days)) == 4, "no day is in two blocks"
    assert all_of(blocks) == whole
    assert whole[2] == [(5, "a_o_1", "not a number")]
    assert len(whole[0]) == 15


def test_a_clock_that_is_set_back_never_doubles_a_reading_however_far_apart_the_lines_are(monkeypatch):
    hours = [(3, hour) for hour in range(24)] + [(4, 0), (3, 1), (3, 2)]
    lines = [f"2019-11-0{day} {hour:02d}:00:00,{n}" for n, (day, hour) in enumerate(hours)]
    text = "\n".join(["measured_on,a_o_1", *lines])
    monkeypatch.setattr(wide_csv, "BLOCK_BYTES", 60)

    readings, doubled, rejects = all_of(read(text))

    assert readings["a_o_1", datetime(2019, 11, 3, 1)] == 1.0
    assert (len(readings), doubled) == (25, 0)
    said = "measured_on is that of a line long before; the clock was set back"
    assert rejects == [(27, None, said), (28, None, said)]


OLDER = "measured_on,a_o_1,b_o_2\n2024-01-31 23:45:00,1,2\n2024-02-01 00:00:00,3,4\n2024-02-01 00:15:00,5,6\n"


def left_of_older(newer):
    """What is read of an older vintage beside a newer one, by channel, and how many readings it leaves to it."""
    layout = Layout(2107, PUBLISHED, (MEASURED_ON, UTC))
    readings, doubled, _ = all_of(read(OLDER, replace(layout, owned=(wide_csv.owned_by(newer, newer, layout),))))
    return {
        name: [value for (sensor, _), value in readings.items() if sensor == name] for name in ("a_o_1", "b_o_2")
    }, (doubled)


def test_a_newer_vintage_owns_its_channels_from_its_first_line_to_its_last():
    newer = b"measured_on,a_o_1,new_o_3\n,,\n2024-02-01 00:00:00,3,4\n2024-02-01 00:15:00,5,6\n"

    assert left_of_older(newer) == ({"a_o_1": [1.0], "b_o_2": [2.0, 4.0, 6.0]}, 2)


def test_what_comes_after_a_newer_vintage_is_not_its_own():
    newer = b"measured_on,a_o_1\n2024-02-01 00:00:00,3\n"

    assert left_of_older(newer) == ({"a_o_1": [1.0, 5.0], "b_o_2": [2.0, 4.0, 6.0]}, 1)


def test_a_newer_vintage_owns_a_channel_only_from_where_it_has_a_value():
    newer = b"measured_on,a_o_1,b_o_2\n1970-01-01 00:00:00,,\n2024-02-01 00:15:00,5,\n"

    assert left_of_older(newer) == ({"a_o_1": [1.0, 3.0], "b_o_2": [2.0, 4.0, 6.0]}, 1)


@pytest.mark.parametrize(
    "glitch",
    [
        "1970-01-01 00:00:00,3,4\n1970-01-01 00:15:00,3,4\n",
        # A logger's default of that year, which another system may have lived in.
        "1994-05-13 00:00:00,3,4\n",
        "2079-03-31 08:40:00,3,4\n",
        "2016-01-01 00:00:00,3,4\n1970-01-01 00:00:00,3,4\n1994-05-13 00:00:00,3,4\n",
    ],
)
def test_a_newer_vintage_owns_nothing_by_a_clock_that_jumps_decades(glitch):
    newer = f"measured_on,a_o_1,b_o_2\n{glitch}2024-02-01 00:15:00,5,\n"

    assert left_of_older(newer.encode()) == ({"a_o_1": [1.0, 3.0], "b_o_2": [2.0, 4.0, 6.0]}, 1)


def test_a_newer_vintage_does_not_own_what_comes_after_it_by_a_clock_that_jumps_decades():
    newer = b"measured_on,a_o_1\n2024-02-01 00:00:00,3\n2079-03-31 08:40:00,4\n1994-05-13 00:00:00,4\n"

    assert left_of_older(newer) == ({"a_o_1": [1.0, 5.0], "b_o_2": [2.0, 4.0, 6.0]}, 1)


def test_of_a_vintage_that_may_have_jumped_too_far_nothing_is_lost_without_a_word():
    # Nobody can tell that 2040 is wrong. It owns nothing of ours, so that the keys of both collide and the load fails.
    newer = b"measured_on,a_o_1\n2040-01-01 00:00:00,3\n2024-02-01 00:00:00,3\n2024-02-01 00:15:00,3\n"

    assert left_of_older(newer) == ({"a_o_1": [1.0, 3.0, 5.0], "b_o_2": [2.0, 4.0, 6.0]}, 0)


def test_a_newer_vintage_on_another_clock_is_a_fault_and_not_a_guess():
    with pytest.raises(SourceError, match="has its times in measured_on, and a newer vintage in utc_measured_on"):
        left_of_older(b"utc_measured_on,a_o_1\n2024-02-01 08:00:00,3\n")


def test_a_newer_vintage_without_a_time_at_its_start_is_a_fault_and_not_a_guess():
    with pytest.raises(SourceError, match="newer vintage whose first or last lines have no time that can be"):
        left_of_older(b"measured_on,a_o_1\n")


def test_an_instant_beside_the_wall_clock_is_kept_with_it():
    (block,) = read(
        "measured_on,utc_measured_on,a_o_1\n2019-01-05 04:00:00,2019-01-05 12:00:00,1\n2019-01-05 05:00:00,,2"
    )

    assert lists(block.readings)["a_o_1"] == (
        [datetime(2019, 1, 5, 4), datetime(2019, 1, 5, 5)],
        [datetime(2019, 1, 5, 12), None],
        [1.0, 2.0],
    )
    assert block.rows_read == 2


def test_a_column_of_text_is_refused_in_bounded_room_and_every_cell_of_it_is_counted():
    lines = [f"2019-01-05 {n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d},1,off,1" for n in range(5_000)]
    twice = [f"2019-01-05 23:00:{n % 60:02d},{n},,1" for n in range(600)]
    body = "\n".join([HEADER, *lines, *twice, ""])

    (block,) = read(body, LAYOUT)

    assert block.rows_read == 10_600 == len(block.readings["ac_power__101"][0]) + sum(one.rows for one in block.rejects)
    told = [(one.line, one.column, one.reason, one.raw_text, one.rows) for one in block.rejects]
    assert len(told) == 202
    assert told[0] == (2, "module_temp__104", "not a number", "off", 1)
    # After the hundredth, each kind once: its first, and all.
    assert told[-2:] == [
        (102, "module_temp__104", "not a number", "off", 4_900),
        (5_162, "ac_power__101", "same time as line 5042 with another value", "160", 440),
    ]


def test_what_was_refused_of_the_blocks_of_a_file_is_one_line_of_each_kind():
    blocks = [
        Rejects(Reject(line, "a", "not a number", "x") for line in range(first, first + 150)) for first in (2, 152)
    ]

    together = Rejects(one for block in blocks for one in block)

    assert [(one.line, one.rows) for one in together][98:] == [(100, 1), (101, 1), (102, 200)]
    assert sum(one.rows for one in together) == 300
