"""The quality flags, on small days by hand; what they do on labelled data is in test_scores.py."""

import csv
from datetime import datetime, timedelta

import numpy as np
import pytest
from conftest import ROOT
from pvanalytics.quality import gaps, weather

from jobs import contract, flags, limits, quality, vocabulary
from jobs.flags import CLIPPING, FLAGS, INCOMPLETE, NIGHT_OFFSET, OUT_OF_RANGE, OUTLIER, SENTINEL, STALE
from jobs.quality import System

LAS_VEGAS = System(36.1952, -115.1582, zone="America/Los_Angeles", dc_capacity_kw=146.64)


def moments(count, minutes=15, day="2019-01-05"):
    first = datetime.fromisoformat(day)
    return np.array([first + timedelta(minutes=minutes * n) for n in range(count)], "datetime64[us]")


def found(values, quantity="ac_power", units="W", system=System(), times=None):  # noqa: B008 -- it is frozen
    """Flag a day of quarter hours, or the times given."""
    values = np.array(values, float)
    times = moments(len(values)) if times is None else times
    return quality.flags(times, values, quantity, units, system)


def where(bits, flag):
    """Say which readings have a flag."""
    return np.flatnonzero(bits & flag).tolist()


def a_day(quantity_at_noon=50_000.0, night=0.0):
    """Write 96 quarter hours of a clear day, lit between 7 and 17 o'clock, no two neighbours alike by day."""
    hours = np.arange(96) / 4
    lit = quantity_at_noon * np.sin((hours - 7) / 10 * np.pi) + 3 * (np.arange(96) % 2)
    return np.where((hours > 7) & (hours < 17), lit, night)


def test_a_clear_day_has_no_flag():
    assert not found(a_day(), system=LAS_VEGAS).any()


# Sentinels


@pytest.mark.parametrize("code", [-999.0, -7999.0, -9999.0, -99999.0, -5308.9, -50001.8, -53999.0])
def test_a_loggers_code_is_a_sentinel_and_judged_by_nothing_else(code):
    day = a_day()
    day[40] = code

    assert found(day, system=LAS_VEGAS).tolist() == [0] * 40 + [SENTINEL] + [0] * 55


def test_minus_forty_is_a_sentinel_of_temperatures_only_and_as_it_comes_from_fahrenheit():
    assert where(found([-40.0, -40.0000018, -39.9, 12.0], "ambient_temp", "degC"), SENTINEL) == [0, 1]
    assert where(found([-40.0, -40.0000018, -39.9, 12.0]), SENTINEL) == []


def test_a_sentinel_is_no_neighbour():
    day = a_day()
    day[40] = -9999.0
    day[41] = 0.0

    assert where(found(day), OUTLIER) == []


# Out of range


@pytest.mark.parametrize(
    ("quantity", "units", "inside", "outside"),
    [
        ("poa_irradiance", "W/m2", [-5.0, 1500.0], [-5.1, 1500.1, 5627.0]),
        ("ambient_temp", "degC", [-39.0, 56.7], [-70.1, 60.1]),
        ("module_temp", "degC", [-39.0, 110.0], [-70.1, 110.1]),
        ("inverter_temp", "degC", [-39.0, 150.0], [150.1]),
        ("power_factor", "1", [-1.0, 0.0, 1.0], [-1.01, 1.01, 1000.0]),
        ("relative_humidity", "%", [0.0, 100.0], [-0.1, 100.1]),
        ("wind_speed", "m/s", [0.0, 49.9], [-0.1, 50.1]),
        ("wind_direction", "deg", [0.0, 360.0], [-1.0, 360.1]),
        ("ac_voltage", "V", [0.0, 480.0], [1000.1]),
        ("dc_voltage", "V", [-0.03, 1500.0], [2000.1]),
        ("pressure", "Pa", [83_000.0, 101_325.0], [830.0, 110_001.0]),
    ],
)
def test_what_cannot_be_is_out_of_range_and_the_limits_themselves_can(quantity, units, inside, outside):
    assert where(found(inside, quantity, units), OUT_OF_RANGE) == []
    assert where(found(outside, quantity, units), OUT_OF_RANGE) == list(range(len(outside)))


def test_the_limits_of_weather_are_those_of_pvanalytics():
    humidity, wind = np.linspace(-5, 105, 221), np.linspace(-5, 49.9, 221)

    assert (found(humidity, "relative_humidity", "%") & OUT_OF_RANGE == 0).tolist() == list(
        weather.relative_humidity_limits(humidity)
    )
    assert (found(wind, "wind_speed", "m/s") & OUT_OF_RANGE == 0).tolist() == list(weather.wind_limits(wind))


def test_power_is_held_to_the_dc_capacity_and_an_inverters_draw_is_no_fault():
    capacity = System(dc_capacity_kw=146.64)
    values = [-300.0, -7_332.0, -7_333.0, 219_960.0, 219_961.0]

    assert where(found(values, system=capacity), OUT_OF_RANGE) == [2, 4]
    assert where(found(values, "dc_power", system=capacity), OUT_OF_RANGE) == [2, 4]


@pytest.mark.parametrize("capacity", [None, 0.0, -1.0, float("nan")])
def test_power_of_a_system_without_capacity_may_be_anything(capacity):
    assert where(found([-1e9, 1e9], system=System(dc_capacity_kw=capacity)), OUT_OF_RANGE) == []


def test_a_quantity_in_another_unit_is_held_to_nothing():
    assert not (found([1e6] * 96, "poa_irradiance", None) | found([1e6] * 96, "poa_irradiance", "mV")).any()


def test_horizontal_irradiance_is_held_to_qcrad_where_the_sun_is_known():
    # QCRad with the sun 31 deg high: 100 + 1.5 * 1412 * sin(31 deg)^1.2 = 1056 W/m2 at noon; 100 at night.
    day = np.zeros(96)
    day[48], day[2] = 1200.0, 120.0

    assert where(found(day, "ghi", "W/m2", LAS_VEGAS), OUT_OF_RANGE) == [2, 48]
    assert where(found(day, "ghi", "W/m2"), OUT_OF_RANGE) == []
    day[48], day[2] = 1000.0, 80.0
    assert where(found(day, "ghi", "W/m2", LAS_VEGAS), OUT_OF_RANGE) == []


# Stale


def test_six_equal_readings_are_stale_and_five_are_not():
    day = a_day()
    day[30:36] = 21_500.0
    day[60:65] = 30_500.0

    assert where(found(day), STALE) == [30, 31, 32, 33, 34, 35]


def test_ten_second_readings_are_stale_after_an_hour_and_not_before():
    chance = np.random.default_rng(1)
    values = 1000 * chance.random(8640)
    values[3000:3361] = 777.0
    values[6000:6300] = 777.0

    bits = found(values, times=np.datetime64("2019-01-05", "us") + np.arange(8640) * np.timedelta64(10, "s"))

    assert where(bits, STALE) == list(range(3000, 3361))


def test_a_missing_reading_does_not_end_what_repeats_and_two_hours_do():
    day = a_day()
    day[30:40] = 21_500.0
    there = np.arange(96) != 35

    assert where(found(day[there], times=moments(96)[there]), STALE) == list(range(30, 39))
    there = (np.arange(96) < 34) | (np.arange(96) > 42)
    day[30:46] = 21_500.0
    assert where(found(day[there], times=moments(96)[there]), STALE) == []


def test_power_at_rest_at_night_is_not_stale_and_power_stuck_at_night_is():
    assert where(found(a_day(night=-200.0)), STALE) == []
    assert where(found(a_day(night=300.0)), STALE) == []
    assert where(found(a_day(night=21_500.0)), STALE) == [*range(29), *range(68, 96)]


def test_a_sensor_dead_all_day_is_stale_and_darkness_all_day_is_not():
    assert where(found([0.098] * 96, "poa_irradiance", "W/m2"), STALE) == list(range(96))
    assert where(found([0.0] * 96, "poa_irradiance", "W/m2"), STALE) == []


def test_a_vane_that_stays_within_half_a_degree_for_three_hours_is_stale():
    directions = 180 + 90 * np.sin(np.arange(96))
    directions[20:33] = [351.428, 351.518] * 6 + [351.607]
    directions[60:72] = 351.5

    assert where(found(directions, "wind_direction", "deg"), STALE) == list(range(20, 33))


def test_a_calm_is_not_stale():
    assert where(found([0.0282] * 96, "wind_speed", "m/s"), STALE) == []
    assert where(found([5.3] * 96, "wind_speed", "m/s"), STALE) == list(range(96))


def test_whole_degrees_that_stay_for_five_hours_are_not_stale_and_for_six_are():
    degrees = 20.0 + np.arange(96) % 3
    degrees[10:31] = 25.0
    degrees[50:75] = 25.0

    assert where(found(degrees, "inverter_temp", "degC"), STALE) == list(range(50, 75))


def test_a_straight_line_is_stale():
    day = a_day()
    day[28:44] = np.linspace(day[28], day[43], 16)

    assert where(found(day), STALE) == list(range(28, 44))


# Outliers


def test_a_reading_that_stands_alone_is_an_outlier_and_its_neighbours_are_not():
    up, down = a_day(), a_day()
    up[45], down[45] = 90_000.0, 0.0

    assert where(found(up), OUTLIER) == [45]
    assert where(found(down), OUTLIER) == [45]


def test_a_passing_cloud_among_others_and_a_small_step_are_no_outliers():
    day = a_day()
    day[40:50] = [50_000, 14_000, 48_000, 9_000, 51_000, 12_000, 47_000, 13_000, 50_000, 10_000]
    day[60] -= 8_000

    assert where(found(day), OUTLIER) == []


def test_an_edge_between_two_levels_is_no_outlier():
    assert where(found([20.0] * 48 + [40.0] * 48, "module_temp", "degC"), OUTLIER) == []


# Night


def test_what_is_not_zero_at_night_is_an_offset_where_the_place_is_known():
    draw = a_day(night=-200.0)
    # On 5 January the sun of Las Vegas is 6 deg below the horizon at 6:24 and 17:09.
    assert where(found(draw, system=LAS_VEGAS), NIGHT_OFFSET) == [*range(26), *range(69, 96)]


def test_zero_at_night_is_no_offset_and_temperature_has_none():
    assert where(found(a_day(), system=LAS_VEGAS), NIGHT_OFFSET) == []
    assert where(found(a_day(30.0, night=5.0), "module_temp", "degC", LAS_VEGAS), NIGHT_OFFSET) == []


@pytest.mark.parametrize(
    "system",
    [
        System(),
        System(36.1952, -115.1582),
        System(36.1952, None, -8.0),
        System(None, -115.1582, -8.0),
        System(36.1952, 115.1582, -8.0),
        System(36.1952, 115.1582, zone="America/Los_Angeles"),
        System(136.1952, -115.1582, -8.0),
        System(36.1952, -115.1582, 8.0),
    ],
)
def test_there_is_no_night_where_place_or_clock_are_unknown_or_contradict_each_other(system):
    assert where(found(a_day(night=-200.0), system=system), NIGHT_OFFSET) == []


def test_in_summer_a_zone_leaves_open_whether_the_clock_follows_daylight_saving_time():
    # On 1 July Golden's sun is 6 deg below the horizon at 4:04 and 20:04 by the fixed clock, by the other at 5 and 21.
    golden = {"latitude_deg": 39.74, "longitude_deg": -105.17}
    times = np.array([f"2019-07-01T{time}" for time in ("03:45", "04:30", "19:45", "20:30", "21:30")], "datetime64[us]")

    def nights(**clock):
        return where(found([-2.0] * 5, system=System(**golden, **clock), times=times), NIGHT_OFFSET)

    assert nights(utc_offset_hours=-7.0) == [0, 3, 4]
    assert nights(utc_offset_hours=-6.0) == [0, 1, 4]
    assert nights(zone="America/Denver") == [0, 4]


# Clipping


def clipped_day(limit=40_000.0):
    return np.minimum(a_day(), limit)


def test_power_held_at_the_inverters_limit_is_clipping_and_not_stale():
    bits = found(clipped_day())

    held = np.flatnonzero(clipped_day() == 40_000).tolist()
    assert len(held) > 12
    assert where(bits, CLIPPING) == held
    assert where(bits, STALE) == []


def test_a_plateau_below_the_days_top_is_stale_and_not_clipping():
    day = clipped_day()
    day[50] = 47_000.0
    day[51] = 46_000.0

    bits = found(day)

    assert where(bits, CLIPPING) == []
    assert where(bits, STALE) == list(range(40, 50))


def test_power_stuck_at_its_greatest_until_midnight_is_stale_and_not_clipping():
    day = a_day()
    day[40:] = day[40]

    bits = found(day)

    assert where(bits, CLIPPING) == []
    assert where(bits, STALE) == list(range(40, 96))


def test_three_level_quarters_at_noon_are_no_clipping():
    day = a_day()
    day[47:50] = 50_010.0

    assert where(found(day), CLIPPING) == []


def test_dc_power_and_irradiance_have_no_clipping():
    assert where(found(clipped_day(), "dc_power"), CLIPPING) == []
    assert where(found(clipped_day(400.0), "poa_irradiance", "W/m2"), CLIPPING) == []


def test_an_outlier_above_the_limit_does_not_hide_clipping():
    day = clipped_day()
    day[48] = 90_000.0

    bits = found(day)

    assert where(bits, OUTLIER) == [48]
    assert where(bits, CLIPPING) == [index for index in np.flatnonzero(clipped_day() == 40_000) if index != 48]


def test_what_cannot_be_is_no_outlier_and_hides_no_clipping():
    day = clipped_day()
    day[48] = 500_000.0

    bits = found(day, system=System(dc_capacity_kw=146.64))

    assert bits[48] == OUT_OF_RANGE
    assert where(bits, CLIPPING) == [index for index in np.flatnonzero(clipped_day() == 40_000) if index != 48]


# Incomplete days


@pytest.mark.parametrize(("count", "is_incomplete"), [(96, False), (92, False), (91, True), (48, True), (2, True)])
def test_a_day_with_less_than_95_percent_of_its_readings_is_incomplete_in_all_of_them(count, is_incomplete):
    assert where(found(a_day()[:count]), INCOMPLETE) == (list(range(count)) if is_incomplete else [])


def test_completeness_is_that_of_pvanalytics():
    import pandas as pd

    there = np.ones(96, bool)
    for missing in range(40, 50):
        there[missing] = False
        series = pd.Series(np.where(there, a_day(), np.nan), moments(96))
        score = gaps.completeness_score(series, keep_index=False).iloc[0]

        bits = found(a_day()[there], times=moments(96)[there])

        assert ((bits & INCOMPLETE) > 0).all() == (score < 0.95)


def test_a_sentinel_is_no_reading_of_a_complete_day():
    day = a_day()
    day[10:20] = -999.0

    assert where(found(day), INCOMPLETE) == list(range(96))
    assert where(found([-999.0] * 96), INCOMPLETE) == list(range(96))


def test_two_readings_half_a_day_apart_are_incomplete_and_a_single_one_promises_no_others():
    assert where(found([1.0, 2.0], times=moments(2, minutes=720)), INCOMPLETE) == [0, 1]
    assert not found([1.0]).any()


def test_every_sensor_is_held_to_its_own_step():
    assert where(found([1.0] * 24, "status_code", "code", times=moments(24, minutes=60)), INCOMPLETE) == []
    assert where(found([1.0] * 288, None, None, times=moments(288, minutes=5)), INCOMPLETE) == []


# What holds for all


def eventful():
    """Three days of one sensor with each flag in them."""
    rows = []
    for day in ("2019-01-04", "2019-01-05", "2019-01-06"):
        power = clipped_day() - 200 * (a_day() == 0)
        power[28:34] = 9_000.0
        power[60], power[62], power[5] = 90_000.0, -9999.0, -8_000.0
        rows.append((moments(96, day=day), power))
    times, values = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    there = np.arange(len(times)) % 100 != 99
    there[96 + 70 : 96 + 80] = False
    return times[there], values[there]


def test_the_flags_of_a_reading_do_not_depend_on_the_order_or_on_other_days():
    times, values = eventful()
    whole = quality.flags(times, values, "ac_power", "W", LAS_VEGAS)
    every = SENTINEL | OUT_OF_RANGE | STALE | OUTLIER | NIGHT_OFFSET | CLIPPING | INCOMPLETE

    assert np.bitwise_or.reduce(whole) == every
    shuffled = np.random.default_rng(2).permutation(len(times))
    assert (quality.flags(times[shuffled], values[shuffled], "ac_power", "W", LAS_VEGAS) == whole[shuffled]).all()
    for day in np.unique(times.astype("datetime64[D]")):
        of_day = times.astype("datetime64[D]") == day
        assert (quality.flags(times[of_day], values[of_day], "ac_power", "W", LAS_VEGAS) == whole[of_day]).all()


def test_nothing_is_changed_and_nothing_comes_of_nothing():
    times, values = eventful()
    before = times.copy(), values.copy()

    quality.flags(times, values, "ac_power", "W", LAS_VEGAS)

    assert (times == before[0]).all()
    assert (values == before[1]).all()
    assert found([]).tolist() == []


def test_the_greatest_and_the_smallest_numbers_are_flagged_without_a_complaint(recwarn):
    day = a_day()
    day[40:44] = [1.7976931348623157e308, -1.7976931348623157e308, 4.9e-324, 1.7976931348623157e308]

    found(day, system=LAS_VEGAS)
    found(day)

    assert not recwarn.list


def test_the_contract_and_the_readme_say_what_each_flag_means():
    (column,) = (column for column in contract.load("fact_pv_measurement").columns if column.name == "quality")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert (column.minimum, column.maximum) == (0, sum(FLAGS))
    assert sorted(FLAGS) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    for bit, flag in FLAGS.items():
        assert f"{bit} = {flag.name}: {flag.meaning}." in column.description
        assert f"| {bit} | {flag.name} | {flag.meaning} | {flag.method} |\n" in readme


def test_what_was_not_measured_is_left_out_of_the_daily_energy():
    query = contract.load("view_energy_daily").query

    assert f"(quality & {flags.NOT_MEASURED}) = 0" in query


def test_every_limit_is_of_a_quantity_of_the_vocabulary_in_its_unit_and_says_its_source():
    with (ROOT / "jobs/vocabulary.csv").open(newline="", encoding="utf-8") as table:
        known = {(row["quantity"], row["units"]) for row in csv.DictReader(table)}
    with (ROOT / "jobs/limits.csv").open(newline="", encoding="utf-8") as table:
        held = list(csv.DictReader(table))

    assert {(row["quantity"], row["units"]) for row in held} <= known
    assert all(row["source_of_range"] for row in held)
    power = vocabulary.describe("ac_power_hw__2695")
    assert limits.of(power.quantity, power.units).zero_at_night


def test_the_hour_that_a_clock_has_twice_is_flagged_in_a_zone_and_not_under_a_fixed_offset():
    times = np.array([f"2019-11-03T{hour:02d}:30" for hour in range(24)], "datetime64[us]")
    values = np.arange(24.0)

    def flagged(**known):
        return np.flatnonzero(quality.flags(times, values, None, None, System(**known)) & flags.DST).tolist()

    assert flagged(zone="America/Los_Angeles") == [1]
    assert flagged(utc_offset_hours=-8.0) == []


def test_power_of_many_times_the_capacity_makes_its_days_unit_doubtful_and_no_other_days():
    times = np.array([f"2018-0{month}-15T{hour:02d}:00" for month in (7, 8) for hour in (0, 12)], "datetime64[us]")
    stored_as_kw_then_w = np.array([0.0, 900e3, 0.0, 900e6])

    found = quality.flags(times, stored_as_kw_then_w, "ac_power", "W", System(dc_capacity_kw=1153.488))

    assert (found & flags.UNIT_DOUBTFUL > 0).tolist() == [False, False, True, True]
    unknown = quality.flags(times, stored_as_kw_then_w, "ac_power", "W", System())
    assert not (unknown & flags.UNIT_DOUBTFUL).any()
