"""The regular grid: one hand-made case a system, all of them through the transform at once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import rarely
from readings import measurements, series

from jobs import time_grid
from jobs.flags import DST, INCOMPLETE, NIGHT_OFFSET, OUT_OF_RANGE, OUTLIER, SENTINEL, STALE
from jobs.time_grid import NO_VALUE

# Their rows are computed once.
pytestmark = pytest.mark.xdist_group("time_grid")

FIFTH = date(2019, 1, 5)
POWER = "ac_power__1"


def power(values, **more):
    return series(POWER, "ac_power", values, **more)


def minutes(values, at="00:00", **more):
    return power(values, step_s=60, at=f"2019-01-05T{at}:00", **more)


CASES = {
    "quarters": power([10.25, -3.5, None, 7]),
    "minutes": minutes(range(15)) + minutes(range(5), "00:15") + minutes([20] * 8, "00:30") + minutes([9], "12:00"),
    "ten_seconds": power([1] * 45 + [4] * 45, step_s=10),
    "jitter": power([1], at="2019-01-05T00:00:00")
    + power([2], at="2019-01-05T00:14:59")
    + power([3], at="2019-01-05T00:30:01")
    + power([4], at="2019-01-05T00:44:59")
    + power([5], at="2019-01-05T00:59:58")
    + power([6, 7], at="2019-01-05T23:44:59"),
    "alone": power([3], at="2019-01-05T23:59:59"),
    "sentinel": minutes([10] * 14) + minutes([-999], "00:14", quality=SENTINEL),
    "only_sentinels": power([-999, -999], quality=SENTINEL),
    "doubtful": power([500], quality=STALE | INCOMPLETE)
    + power([9e9], at="2019-01-05T00:15:00", quality=OUT_OF_RANGE)
    + power([3], at="2019-01-05T00:30:00", quality=OUTLIER)
    + power([5], at="2019-01-05T00:31:00"),
    "night": power([-200], quality=NIGHT_OFFSET | INCOMPLETE),
    "direction": series("wind_direction__1", "wind_direction", [350, 20, 0, 180, 351.607], step_s=450),
    "code": series("inverter_error_code__1", "status_code", [3, 5, 4], step_s=300),
    "counter": series("ac_energy__1", "ac_energy", [100, 110, 120, 5, 15, 25], step_s=300),
    "sums": series("ac_energy__2", "ac_energy", [1, 2, 3, 4, None, 5], step_s=300),
    "sum_of_the_day": series("ac_energy_inv_7_daily_sum", "ac_energy_daily_sum", [24000]),
    "greatest_of_the_day": series("ac_power_inv_7_daily_max", "ac_power_daily_max", [3, 8, 5], step_s=300),
    "side_by_side": series("poa_irradiance__1", "poa_irradiance", [100, 200])
    + series("poa_irradiance__2", "poa_irradiance", [110])
    + series("ac_meter_1_power_kw__3", "ac_power", [900])
    + series("inv1_ac_power__4", "ac_power", [1000]),
    "instants": power([1, None, 3], utc_offset_h=-8),
    "two_units": power([1]) + power([2], at="2019-01-05T00:15:00", units="kW"),
    "unknown": [{**row, "quantity": None} for row in series("mystery__1", "ac_power", [1, 3], step_s=450)],
}
NUMBERS = {name: number for number, name in enumerate(CASES, start=1)}
SENSORS = "ss_id long, sensor string, source_type string, aggregation string"


def on_grid(spark, by_system, first_day=FIFTH, last_day=FIFTH, step_s=900, sensors=(), where="TRUE"):
    described = spark.createDataFrame(list(sensors), SENSORS)
    made = time_grid.transform(measurements(spark, by_system), described, first_day, last_day, step_s)
    return made.where(where).orderBy("ss_id", "sensor", "units", "timestamp").toArrow().to_pylist()


@pytest.fixture(scope="module")
def rows(spark):
    return on_grid(spark, CASES.values(), sensors=[(NUMBERS["sums"], "ac_energy__2", "METER", "sum")])


@pytest.fixture
def quarters(rows):
    """The rows of a case that have a reading or a value: by hour and minute, some columns."""

    def of(case, *names, sensor=None):
        return {
            f"{row['timestamp']:%H:%M}": tuple(row[name] for name in names or ("value",))
            for row in rows
            if row["ss_id"] == NUMBERS[case] and row["reading_count"] and sensor in (None, row["sensor"])
        }

    return of


def test_every_channel_has_every_time_of_the_day_and_each_once(rows):
    of_channel = {}
    for row in rows:
        channel = row["ss_id"], row["sensor"], row["units"]
        of_channel.setdefault(channel, []).append(row["timestamp"])

    day = [datetime(2019, 1, 5, hour, minute) for hour in range(24) for minute in (0, 15, 30, 45)]
    assert len(of_channel) == len(CASES) + 3 + 1
    assert [channel for channel, times in of_channel.items() if times != day] == []


def test_a_reading_of_the_grids_own_step_is_its_value_to_the_bit(quarters):
    assert quarters("quarters", "value", "mask", "is_valid", "reading_count", "coverage") == {
        "00:00": (10.25, 0, True, 1, 1.0),
        "00:15": (-3.5, 0, True, 1, 1.0),
        "00:45": (7.0, 0, True, 1, 1.0),
    }


def test_a_gap_is_a_row_without_a_value_and_nothing_is_filled_in(rows):
    (gap,) = (row for row in rows if row["ss_id"] == NUMBERS["quarters"] and f"{row['timestamp']:%H:%M}" == "00:30")

    told = ("sensor", "quantity", "units", "value", "mask", "is_valid", "reading_count", "coverage")
    assert tuple(gap[name] for name in told) == (POWER, "ac_power", "W", None, NO_VALUE, False, 0, 0.0)
    assert NO_VALUE == 1024


def test_minutes_become_means_that_say_how_much_of_the_quarter_they_know(quarters):
    # 0 to 14; then 0 to 4, a third of the quarter; eight minutes are more than half of it; one is not.
    assert quarters("minutes", "value", "is_valid", "reading_count", "coverage") == {
        "00:00": (7.0, True, 15, 1.0),
        "00:15": (2.0, False, 5, pytest.approx(1 / 3)),
        "00:30": (20.0, True, 8, pytest.approx(8 / 15)),
        "12:00": (9.0, False, 1, pytest.approx(1 / 15)),
    }


def test_ten_seconds_are_many_readings_and_one_value(quarters):
    assert quarters("ten_seconds", "value", "reading_count", "coverage") == {"00:00": (2.5, 90, 1.0)}


def test_a_second_too_early_is_meant_for_the_next_time_and_two_are_not(quarters):
    # 00:59:58 is of the quarter that it stands in, beside 00:44:59; and 23:59:59 is of the next day.
    assert quarters("jitter", "value", "reading_count") == {
        "00:00": (1.0, 1),
        "00:15": (2.0, 1),
        "00:30": (3.0, 1),
        "00:45": (4.5, 2),
        "23:45": (6.0, 1),
    }


@pytest.mark.parametrize(
    ("step_s", "own_step_s", "at", "expected"),
    [
        (1, 1, "12:00:00", {"12:00:00": 0.0, "12:00:01": 1.0, "12:00:02": 2.0, "12:00:03": 3.0}),
        rarely(2, 1, "12:00:00", {"12:00:00": 0.5, "12:00:02": 2.5}),
        rarely(60, 1, "12:00:58", {"12:00:00": 0.5, "12:01:00": 2.5}),
        # A tenth of ten seconds is not less than a tenth of them, be it the grid's step or the channel's.
        (10, 60, "12:00:59", {"12:00:50": 0.0, "12:01:50": 1.0, "12:02:50": 2.0, "12:03:50": 3.0}),
        (60, 10, "12:00:49", {"12:00:00": 0.5, "12:01:00": 2.5}),
        rarely(60, 60, "12:00:59", {"12:01:00": 0.0, "12:02:00": 1.0, "12:03:00": 2.0, "12:04:00": 3.0}),
        rarely(1, 1, "12:00:00.950000", {"12:00:01": 0.0, "12:00:02": 1.0, "12:00:03": 2.0, "12:00:04": 3.0}),
    ],
)
def test_early_is_what_comes_less_than_a_tenth_of_both_steps_before_a_time(spark, step_s, own_step_s, at, expected):
    readings = power(range(4), step_s=own_step_s, at=f"2019-01-05T{at}")
    # A day has 86,400 seconds.
    rows = on_grid(spark, [readings], step_s=step_s, where="reading_count > 0")

    assert {f"{row['timestamp']:%H:%M:%S}": row["value"] for row in rows} == expected


def test_the_only_reading_of_a_day_stays_where_it_is_for_nothing_tells_its_step(quarters):
    assert quarters("alone") == {"23:45": (3.0,)}


def test_a_code_for_no_reading_is_no_value_and_spoils_none(quarters):
    assert quarters("sentinel", "value", "mask", "is_valid", "reading_count", "coverage") == {
        "00:00": (10.0, SENTINEL, True, 15, pytest.approx(14 / 15))
    }
    assert quarters("only_sentinels", "value", "mask", "is_valid") == {
        "00:00": (None, SENTINEL | NO_VALUE, False),
        "00:15": (None, SENTINEL | NO_VALUE, False),
    }


def test_a_doubtful_value_is_given_where_there_is_no_other_and_is_not_valid(quarters):
    # In the third quarter 5 W were measured, and the outlier beside it is left out.
    assert quarters("doubtful", "value", "mask", "is_valid") == {
        "00:00": (500.0, STALE | INCOMPLETE, False),
        "00:15": (9e9, OUT_OF_RANGE, False),
        "00:30": (5.0, OUTLIER, True),
    }


def test_a_flag_of_what_was_measured_makes_nothing_invalid(quarters):
    assert quarters("night", "value", "mask", "is_valid") == {"00:00": (-200.0, NIGHT_OFFSET | INCOMPLETE, True)}


def test_directions_are_averaged_as_vectors(quarters):
    # Between 350 and 20 degrees lie 5; winds from north and south cancel out; one reading is itself.
    assert quarters("direction", "value", "method", "mask") == {
        "00:00": (5.0, "vector_mean", 0),
        "00:15": (None, "vector_mean", NO_VALUE),
        "00:30": (351.607, "vector_mean", 0),
    }


def test_a_code_is_never_averaged(quarters):
    assert quarters("code", "value", "method") == {"00:00": (3.0, "first")}


def test_a_counter_has_its_last_standing_and_its_fall_is_seen(quarters):
    assert quarters("counter", "value", "method") == {"00:00": (120.0, "last"), "00:15": (25.0, "last")}


def test_energies_of_intervals_are_summed_up_where_the_dictionary_says_so(quarters):
    assert quarters("sums", "value", "method", "kind", "coverage") == {
        "00:00": (6.0, "sum", "meter", 1.0),
        "00:15": (9.0, "sum", "meter", pytest.approx(2 / 3)),
    }
    assert quarters("sum_of_the_day", "value", "method") == {"00:00": (24000.0, "sum")}


def test_greatest_values_of_days_stay_greatest_values(quarters):
    assert quarters("greatest_of_the_day", "value", "method") == {"00:00": (8.0, "max")}


def test_sensors_of_one_quantity_and_a_meter_and_its_inverter_stay_apart_and_are_told_apart(quarters):
    assert quarters("side_by_side", sensor="poa_irradiance__1") == {"00:00": (100.0,), "00:15": (200.0,)}
    assert quarters("side_by_side", sensor="poa_irradiance__2") == {"00:00": (110.0,)}
    assert quarters("side_by_side", "value", "kind", sensor="ac_meter_1_power_kw__3") == {"00:00": (900.0, "meter")}
    assert quarters("side_by_side", "value", "kind", sensor="inv1_ac_power__4") == {"00:00": (1000.0, "inverter")}


def test_a_channel_without_a_quantity_and_one_in_two_units_are_not_lost_and_not_mixed(rows, quarters):
    assert quarters("unknown", "value", "quantity", "kind") == {"00:00": (2.0, None, None)}
    assert {row["units"]: 96 for row in rows if row["ss_id"] == NUMBERS["two_units"]} == {"W": 96, "kW": 96}


def test_instants_are_those_of_the_readings_and_of_gaps_where_the_clock_stood_alike_all_day(rows):
    instants = [row["timestamp_utc"] for row in rows if row["ss_id"] == NUMBERS["instants"]]

    assert instants[:3] == [datetime(2019, 1, 5, 8, minute, tzinfo=UTC) for minute in (0, 15, 30)]
    assert instants[95] == datetime(2019, 1, 6, 7, 45, tzinfo=UTC)
    assert {row["timestamp_utc"] for row in rows if row["ss_id"] == NUMBERS["quarters"]} == {None}


def test_a_day_on_which_the_clock_skips_an_hour_has_that_hour_as_a_gap(spark):
    before = power(range(8), at="2019-03-10T00:00:00", utc_offset_h=-8)
    after = power(range(80), at="2019-03-10T03:00:00", utc_offset_h=-7)
    tenth = date(2019, 3, 10)

    rows = {f"{row['timestamp']:%H:%M}": row for row in on_grid(spark, [before + after], tenth, tenth)}

    assert len(rows) == 96
    assert rows["01:45"]["timestamp_utc"] == datetime(2019, 3, 10, 9, 45, tzinfo=UTC)
    assert rows["03:00"]["timestamp_utc"] == datetime(2019, 3, 10, 10, 0, tzinfo=UTC)
    skipped = [rows[f"02:{minute:02d}"] for minute in (0, 15, 30, 45)]
    assert [(row["value"], row["mask"], row["timestamp_utc"]) for row in skipped] == [(None, NO_VALUE, None)] * 4
    # The clocks stood apart on this day, so that no reading means no instant.
    assert (rows["23:00"]["reading_count"], rows["23:00"]["timestamp_utc"]) == (0, None)


def test_the_hour_that_the_clock_has_twice_is_one_hour_of_the_grid_with_the_first_instant(spark):
    third = date(2019, 11, 3)
    first = power([1] * 8, at="2019-11-03T00:00:00", utc_offset_h=-7)
    again = power([3] * 4, at="2019-11-03T01:00:01", utc_offset_h=-8, quality=DST)

    rows = {f"{row['timestamp']:%H:%M}": row for row in on_grid(spark, [first + again], third, third)}

    assert len(rows) == 96
    assert rows["01:15"]["timestamp_utc"] == datetime(2019, 11, 3, 8, 15, tzinfo=UTC)
    assert (rows["01:15"]["value"], rows["01:15"]["reading_count"], rows["01:15"]["mask"]) == (2.0, 2, DST)


def test_a_step_finer_than_the_data_leaves_the_times_between_empty(spark):
    rows = on_grid(spark, [power([10, 20])], step_s=300)

    assert len(rows) == 288
    assert [row["value"] for row in rows[:6]] == [10.0, None, None, 20.0, None, None]
    assert [row["coverage"] for row in rows[:2]] == [1.0, 0.0]


def test_a_step_of_a_day_and_a_window_of_two_of_which_one_is_silent(spark):
    readings = power([2] * 96) + power([4], at="2019-01-07T00:00:00") + power([9], at="2019-01-04T23:59:59")

    rows = on_grid(spark, [readings], FIFTH, date(2019, 1, 6), 86_400)

    assert [(row["timestamp"].day, row["value"], row["reading_count"]) for row in rows] == [(5, 2.0, 96), (6, None, 0)]


def test_the_same_readings_in_another_order_give_the_same_bits(spark):
    values = [0.1, 0.2, 0.3, 1e16, -1e16, 0.4, 0.7]
    forwards = on_grid(spark, [minutes(values)])

    assert on_grid(spark, [list(reversed(minutes(values)))]) == forwards
    assert forwards[0]["value"] == (((((0.1 + 0.2) + 0.3) + 1e16) + -1e16 + 0.4) + 0.7) / 7


@pytest.mark.parametrize("last_day", [5, 6])
def test_what_a_logger_writes_a_second_before_midnight_is_of_the_next_day(spark, last_day):
    # From midnight of the fourth on a reading each quarter, for three days, each a second too early.
    energies = series("ac_energy_sum__1", "ac_energy", range(288), at="2019-01-03T23:59:59", utc_offset_h=-8)

    rows = on_grid(spark, [energies], FIFTH, date(2019, 1, last_day))

    days = last_day - 4
    assert [row["value"] for row in rows] == [float(number) for number in range(96, 96 + 96 * days)]
    assert {(row["method"], row["reading_count"], row["is_valid"]) for row in rows} == {("sum", 1, True)}
    assert rows[0]["timestamp"] == datetime(2019, 1, 5)
    assert rows[0]["timestamp_utc"] == datetime(2019, 1, 5, 8, tzinfo=UTC)


def test_the_reading_before_midnight_is_the_first_of_its_interval(spark):
    counter = series("ac_energy__1", "ac_energy", range(288), at="2019-01-03T23:59:59")
    codes = series("inverter_error_code__1", "status_code", range(288), at="2019-01-03T23:59:59")

    last, first = (on_grid(spark, [readings], step_s=3600)[0] for readings in (counter, codes))

    assert (last["value"], last["reading_count"], first["value"]) == (99.0, 4, 96.0)


def test_readings_that_were_measured_and_make_no_value_leave_none_to_doubtful_ones(spark):
    wind = [series("wind_direction__1", "wind_direction", [0, 180], step_s=300)]
    wind[0] += series("wind_direction__1", "wind_direction", [90], at="2019-01-05T00:10:00", quality=STALE)

    calm = on_grid(spark, wind)[0]

    assert [calm[name] for name in ("value", "mask", "is_valid", "reading_count")] == [None, STALE | NO_VALUE, False, 3]


def test_a_century_of_seconds_around_one_reading_is_never_held_at_once(spark):
    century = date(1950, 1, 1), date(2049, 12, 31)
    intervals = time_grid._intervals(measurements(spark, [power([1])]), 1)
    first_s, last_s = (time_grid._epoch_s(day) for day in century)

    some = time_grid._with_gaps(intervals, first_s, last_s + 86_399, 1).limit(1000).toArrow().to_pylist()

    assert len({row["at_s"] for row in some}) == 1000


def test_a_gap_of_decades_has_each_of_its_times_once(spark):
    readings = power([1]) + power([2], at="2029-06-30T12:00:00")

    rows = on_grid(spark, [readings], date(1990, 1, 1), date(2029, 12, 31), 43_200)

    first = datetime(1990, 1, 1)
    assert [row["timestamp"] for row in rows] == [first + timedelta(hours=12 * number) for number in range(2 * 14_610)]
    valued = {row["timestamp"]: row["value"] for row in rows if row["value"] is not None}
    assert valued == {datetime(2019, 1, 5): 1.0, datetime(2029, 6, 30, 12): 2.0}
