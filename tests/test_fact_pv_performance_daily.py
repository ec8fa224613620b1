"""The daily mart: one hand-made day a case. All of them go through the transform at once, each as a system."""

import random
from datetime import date

import pytest
from readings import measurements, series

from jobs.tables import fact_pv_performance_daily as table

# Their rows are computed once.
pytestmark = pytest.mark.xdist_group("fact_pv_performance_daily")

DAY = date(2019, 1, 5)
# In quarters of an hour.
WHOLE_DAY = 96


def power(sensor, watts, count=WHOLE_DAY, **more):
    return series(sensor, "ac_power", [watts] * count, **more)


def irradiance(sensor, watts, count=WHOLE_DAY, **more):
    return series(sensor, "poa_irradiance", [watts] * count, **more)


def counter(values, sensor="ac_energy_kwh__1", **more):
    return series(sensor, "ac_energy", values, **more)


# Nameplate capacity [kW] and readings.
CASES = {
    "plain": (2.0, power("ac_power__1", 1000) + irradiance("poa_irradiance__2", 500, at="2019-01-05T00:00:01")),
    "ten_seconds": (2.0, power("ac_power__1", 1000, 8640, step_s=10)),
    "fifteen_seconds": (2.0, power("ac_power__1", 1000, 5760, step_s=15)),
    "one_minute": (2.0, power("ac_power__1", 1000, 1440, step_s=60)),
    "five_minutes": (2.0, power("ac_power__1", 1000, 288, step_s=300)),
    "one_hour": (2.0, power("ac_power__1", 1000, 24, step_s=3600)),
    "centred": (2.0, power("ac_power__1", 1000, at="2019-01-05T00:07:30")),
    "gap": (2.0, series("ac_power__1", "ac_power", [1000] * 40 + [None] * 4 + [1000] * 52)),
    "two_loggers": (2.0, power("ac_power__1", 1000) + power("ac_power__1", 1000, at="2019-01-05T00:00:01")),
    "jitter": (
        2.0,
        power("ac_power__1", 1000, 48, step_s=1800)
        + power("ac_power__1", 1000, 48, step_s=1800, at="2019-01-05T00:14:59"),
    ),
    "last_second": (2.0, power("ac_power__1", 1000) + power("ac_power__1", 1000, 1, at="2019-01-05T23:59:59")),
    "drawn": (2.0, series("ac_power__1", "ac_power", [-200] * 48 + [1000] * 48)),
    "flagged": (
        2.0,
        series("ac_power__1", "ac_power", [1000] * 90)
        + power("ac_power__1", -999, 1, at="2019-01-05T22:30:00", quality=1)
        + power("ac_power__1", 9e9, 1, at="2019-01-05T22:45:00", quality=2 | 4)
        + power("ac_power__1", 1000, 4, at="2019-01-05T23:00:00", quality=4),
    ),
    "nothing_but_sentinels": (2.0, power("ac_power__1", -999, quality=1)),
    "meter": (
        2.0,
        power("ac_power_metered_kw__1", 950) + power("inv1_ac_power__2", 500) + power("inv2_ac_power__3", 500),
    ),
    "half_a_meter": (2.0, power("ac_power_metered_kw__1", 950, 48) + power("inv1_ac_power__2", 500)),
    "two_meters": (2.0, power("ac_meter_1_power_kw__1", 300) + power("ac_meter_2_power_kw__2", 400)),
    "inverters": (
        2.0,
        power("inv1_ac_power_kw__1", 100)
        + power("inv_02_ac_power__2", 200)
        + power("ac_power_inv_28676", 300)
        + power("inverter_04_ac_power_(kw)_inv_150953", 400),
    ),
    "inverters_of_two_steps": (2.0, power("inv1_ac_power__1", 500) + power("inv2_ac_power__2", 500, 288, step_s=300)),
    "whole_and_parts": (
        2.0,
        power("ac_power__1", 1000) + power("ac_power_1__2", 600) + power("ac_power_2__3", 400),
    ),
    "parts": (2.0, power("ac_power_1__2", 600) + power("ac_power_2__3", 400)),
    "phases": (2.0, power("AC_PowerA__1", 300) + power("AC_PowerB__2", 300) + power("AC_PowerC__3", 400)),
    "two_wholes": (2.0, power("ac_power__1", 1000) + power("ac_power_kw__2", 1000)),
    "counter": (2.0, counter([5000 + 250 * number for number in range(WHOLE_DAY)])),
    "counter_with_gap": (2.0, counter([100, 200, None, None, 500, 600])),
    "counter_that_starts_anew": (2.0, counter([1000, 1100, 20, 120])),
    "counter_that_flickers": (2.0, counter([1000, 1100, 1099.9, 1200])),
    "counter_with_sentinel": (
        2.0,
        counter([100, 200, None, 400]) + counter([-999], at="2019-01-05T00:30:00", quality=1),
    ),
    "sums": (2.0, counter([10, 20, 30, 40], sensor="ac_energy_interval_sum__1")),
    "sum_of_the_day": (
        2.0,
        counter([10578], sensor="ac_energy_inv_7_daily_sum")
        + power("ac_power_inv_7_daily_mean", 440.75, 1)
        + power("ac_power_inv_7_daily_max", 4881, 1),
    ),
    "power_and_counter": (2.0, power("ac_power__1", 1000) + counter([100 * number for number in range(WHOLE_DAY)])),
    "power_and_metered_counter": (
        2.0,
        power("ac_power__1", 1000) + counter([100 * number for number in range(WHOLE_DAY)], sensor="ac_meter_kwh__2"),
    ),
    "half_power_and_counter": (
        2.0,
        power("ac_power__1", 1000, 48) + counter([100 * number for number in range(WHOLE_DAY)]),
    ),
    "two_pyranometers": (
        2.0,
        irradiance("poa_irradiance_1__1", 400)
        + irradiance("poa_irradiance_2__2", 600, 48)
        + irradiance("poa_irradiance_2__2", -999, 48, at="2019-01-05T12:00:00", quality=1),
    ),
    "pyranometers_of_two_steps": (
        2.0,
        irradiance("poa_irradiance_1__1", 400)
        + irradiance("poa_irradiance_2__2", 600)
        + irradiance("poa_irradiance_3__3", 9000, 1440, step_s=60),
    ),
    "offset_at_night": (2.0, series("poa_irradiance__1", "poa_irradiance", [-5] * 48 + [100] * 48)),
    "half_a_pyranometer": (2.0, power("ac_power__1", 1000) + irradiance("poa_irradiance__2", 500, 48)),
    "temperatures": (
        2.0,
        series("module_temp_1__1", "module_temp", [0] * 48 + [30] * 48)
        + series("module_temp_2__2", "module_temp", [10] * 48 + [None] * 48),
    ),
    "no_capacity": (None, power("ac_power__1", 1000)),
    "no_power_rating": (0.0, power("ac_power__1", 1000)),
    "not_in_the_catalogue": (..., power("ac_power__1", 1000)),
    "kilowatts_for_watts": (2.0, power("ac_power__1", 1e6) + irradiance("poa_irradiance__2", 500)),
    "dark": (2.0, power("ac_power__1", 0) + irradiance("poa_irradiance__2", 0)),
    "one_reading": (2.0, power("ac_power__1", 1000, 1, at="2019-01-05T12:00:00")),
    "few_readings": (2.0, power("ac_power__1", 1000, 3, step_s=10800)),
    "mixed_steps": (
        2.0,
        power("ac_power__1", 1000, 120, step_s=600)
        + power("ac_power__1", 1000, 48, step_s=300, at="2019-01-05T20:00:00"),
    ),
    "unknown_unit": (2.0, power("ac_power__1", 1000, units=None) + irradiance("poa_irradiance__2", 500)),
    "only_wind": (2.0, series("wind_speed__1", "wind_speed", [3] * WHOLE_DAY)),
    "two_days": (2.0, power("ac_power__1", 1000, 2 * WHOLE_DAY, at="2019-01-05T00:00:00")),
}
NUMBERS = {name: number for number, name in enumerate(CASES, start=1)}


def systems(spark):
    rows = [(NUMBERS[name], capacity) for name, (capacity, _) in CASES.items() if capacity is not ...]
    return spark.createDataFrame(rows, "ss_id long, dc_capacity_kw double")


@pytest.fixture(scope="module")
def rows(spark):
    made = table.transform(measurements(spark, [readings for _, readings in CASES.values()]), systems(spark))
    return made.orderBy("ss_id", "day").toArrow().to_pylist()


@pytest.fixture
def day(rows):
    """The only day of a case."""

    def of(name):
        (found,) = [row for row in rows if row["ss_id"] == NUMBERS[name]]
        return found

    return of


def energy_of(found):
    return found["energy_ac_kwh"], found["energy_sensors"], found["coverage"]


def test_a_day_is_summed_and_held_against_its_nameplate(day):
    assert day("plain") == {
        "ss_id": NUMBERS["plain"],
        "day": DAY,
        "energy_ac_kwh": 24.0,
        "insolation_poa_kwh_m2": 12.0,
        "specific_yield_h": 12.0,
        "reference_yield_h": 12.0,
        "performance_ratio": 1.0,
        "capacity_factor": 0.5,
        "module_temp_mean_degc": None,
        "coverage": 1.0,
        "completeness": 1.0,
        "irradiance_coverage": 1.0,
        "step_seconds": 900,
        "energy_basis": "power",
        "energy_sensors": "ac_power__1",
        "energy_sensor_count": 1,
        "poa_sensor_count": 1,
        "module_temp_sensor_count": 0,
        "quality": 0,
    }


@pytest.mark.parametrize(
    ("case", "step_s"),
    [
        ("ten_seconds", 10),
        ("fifteen_seconds", 15),
        ("one_minute", 60),
        ("five_minutes", 300),
        ("one_hour", 3600),
        ("centred", 900),
    ],
)
def test_energy_is_the_same_at_every_step(day, case, step_s):
    found = day(case)

    assert (found["energy_ac_kwh"], found["step_seconds"], found["coverage"]) == (24.0, step_s, 1.0)
    assert found["quality"] == 0


def test_a_gap_lowers_the_coverage_and_is_not_filled(day):
    assert energy_of(day("gap")) == (23.0, "ac_power__1", 92 / 96)


@pytest.mark.parametrize("case", ["two_loggers", "jitter", "last_second"])
def test_loggers_a_second_apart_and_jitter_give_one_reading_an_interval(day, case):
    found = day(case)

    assert energy_of(found) == (24.0, "ac_power__1", 1.0)
    assert (found["step_seconds"], found["completeness"], found["quality"]) == (900, 1.0, 0)


def test_power_that_is_drawn_counts_as_nothing(day):
    assert energy_of(day("drawn")) == (12.0, "ac_power__1", 1.0)


def test_sentinels_and_what_is_out_of_range_are_not_used_and_other_flags_do_no_harm(day):
    found = day("flagged")

    assert energy_of(found) == (23.5, "ac_power__1", 94 / 96)
    assert found["completeness"] == 1.0


def test_a_day_of_sentinels_is_complete_and_has_no_energy(day):
    found = day("nothing_but_sentinels")

    assert energy_of(found) == (None, "ac_power__1", 0.0)
    assert (found["completeness"], found["step_seconds"]) == (1.0, 900)
    assert found["quality"] == table.LOW_COVERAGE | table.ENERGY_UNKNOWN


def test_a_meter_speaks_for_the_inverters_behind_it(day):
    assert energy_of(day("meter")) == (22.8, "ac_power_metered_kw__1", 1.0)


def test_a_meter_that_covers_too_little_is_left_out_and_that_is_flagged(day):
    found = day("half_a_meter")

    assert energy_of(found) == (12.0, "inv1_ac_power__2", 1.0)
    assert found["quality"] == table.METER_LEFT_OUT


def test_numbered_meters_are_added_up(day):
    assert energy_of(day("two_meters")) == (16.8, "ac_meter_1_power_kw__1,ac_meter_2_power_kw__2", 1.0)


def test_inverters_are_added_up_however_they_are_named(day):
    found = day("inverters")

    assert (found["energy_ac_kwh"], found["energy_sensor_count"]) == (24.0, 4)


def test_inverters_of_two_steps_are_added_up_each_by_its_own(day):
    found = day("inverters_of_two_steps")

    assert energy_of(found) == (24.0, "inv1_ac_power__1,inv2_ac_power__2", 1.0)
    assert (found["step_seconds"], found["quality"]) == (300, table.UNSTEADY_STEP)


def test_a_channel_beside_its_numbered_parts_is_taken_alone(day):
    assert energy_of(day("whole_and_parts")) == (24.0, "ac_power__1", 1.0)


@pytest.mark.parametrize(
    ("case", "sensors"),
    [("parts", "ac_power_1__2,ac_power_2__3"), ("phases", "AC_PowerA__1,AC_PowerB__2,AC_PowerC__3")],
)
def test_parts_without_a_whole_are_added_up(day, case, sensors):
    assert energy_of(day(case)) == (24.0, sensors, 1.0)


def test_of_two_channels_that_are_both_the_whole_one_is_taken(day):
    assert energy_of(day("two_wholes")) == (24.0, "ac_power__1", 1.0)


def test_a_counter_is_its_last_reading_less_its_first(day):
    found = day("counter")

    assert energy_of(found) == (23.75, "ac_energy_kwh__1", 1.0)
    assert found["energy_basis"] == "counter"


@pytest.mark.parametrize(
    ("case", "kwh"),
    [
        ("counter_with_gap", 0.5),
        ("counter_that_starts_anew", 0.22),
        ("counter_that_flickers", 0.2001),
        ("counter_with_sentinel", 0.3),
    ],
)
def test_a_counter_counts_over_gaps_starts_anew_and_never_turns_back(day, case, kwh):
    assert day(case)["energy_ac_kwh"] == pytest.approx(kwh, rel=1e-12)


def test_a_channel_of_sums_is_added_up(day):
    found = day("sums")

    assert (found["energy_ac_kwh"], found["energy_basis"], found["coverage"]) == (0.1, "counter", 4 / 96)


def test_the_sum_of_a_day_covers_the_day_and_its_mean_and_peak_are_left_alone(day):
    found = day("sum_of_the_day")

    assert energy_of(found) == (10.578, "ac_energy_inv_7_daily_sum", 1.0)
    assert (found["step_seconds"], found["quality"]) == (86_400, 0)


def test_power_goes_before_a_counter_unless_it_covers_too_little(day):
    assert energy_of(day("power_and_counter")) == (24.0, "ac_power__1", 1.0)
    assert energy_of(day("power_and_metered_counter")) == (24.0, "ac_power__1", 1.0)
    assert energy_of(day("half_power_and_counter")) == (9.5, "ac_energy_kwh__1", 1.0)


def test_several_pyranometers_are_averaged_over_those_usable_in_each_interval(day):
    found = day("two_pyranometers")

    assert (found["insolation_poa_kwh_m2"], found["irradiance_coverage"]) == (12 * 0.5 + 12 * 0.4, 1.0)
    assert (found["poa_sensor_count"], found["energy_ac_kwh"], found["energy_sensor_count"]) == (2, None, 0)
    assert found["quality"] == table.LOW_COVERAGE


def test_a_pyranometer_of_another_step_than_most_is_left_out(day):
    found = day("pyranometers_of_two_steps")

    assert (found["insolation_poa_kwh_m2"], found["poa_sensor_count"]) == (12.0, 2)


def test_irradiance_below_zero_counts_as_nothing(day):
    assert day("offset_at_night")["insolation_poa_kwh_m2"] == 1.2


def test_irradiance_that_covers_half_the_day_is_flagged(day):
    found = day("half_a_pyranometer")

    assert (found["irradiance_coverage"], found["performance_ratio"]) == (0.5, 2.0)
    assert found["quality"] == table.LOW_IRRADIANCE_COVERAGE | table.PERFORMANCE_RATIO_IMPLAUSIBLE


def test_module_temperature_is_the_plain_mean_of_the_intervals(day):
    found = day("temperatures")

    # Half a day of (0 + 10) / 2, and half a day of 30.
    assert (found["module_temp_mean_degc"], found["module_temp_sensor_count"]) == (17.5, 2)


@pytest.mark.parametrize("case", ["no_capacity", "no_power_rating", "not_in_the_catalogue"])
def test_without_a_nameplate_there_is_energy_and_no_yield(day, case):
    found = day(case)

    assert found["energy_ac_kwh"] == 24.0
    assert [found[name] for name in ("specific_yield_h", "capacity_factor", "performance_ratio")] == [None, None, None]


def test_a_unit_that_is_wrong_by_a_thousand_is_flagged(day):
    found = day("kilowatts_for_watts")

    assert (found["performance_ratio"], found["capacity_factor"]) == (1000.0, 500.0)
    assert found["quality"] == table.PERFORMANCE_RATIO_IMPLAUSIBLE | table.CAPACITY_FACTOR_IMPLAUSIBLE


def test_a_dark_day_has_no_performance_ratio(day):
    found = day("dark")

    assert (found["energy_ac_kwh"], found["reference_yield_h"], found["performance_ratio"]) == (0.0, 0.0, None)


@pytest.mark.parametrize("case", ["one_reading", "few_readings"])
def test_readings_without_a_step_have_no_energy(day, case):
    found = day(case)

    assert energy_of(found) == (None, "ac_power__1", 0.0)
    assert (found["step_seconds"], found["quality"]) == (None, table.LOW_COVERAGE | table.ENERGY_UNKNOWN)


def test_a_channel_that_changes_its_step_is_flagged(day):
    assert day("mixed_steps")["quality"] & table.UNSTEADY_STEP


def test_a_channel_whose_unit_is_not_known_is_not_used(day):
    found = day("unknown_unit")

    assert (found["energy_sensor_count"], found["insolation_poa_kwh_m2"]) == (0, 12.0)


def test_a_system_without_a_channel_that_is_used_has_no_row(rows):
    assert NUMBERS["only_wind"] not in {row["ss_id"] for row in rows}


def test_each_day_is_summed_by_itself(rows):
    found = [(row["day"], row["energy_ac_kwh"]) for row in rows if row["ss_id"] == NUMBERS["two_days"]]

    assert found == [(date(2019, 1, 5), 24.0), (date(2019, 1, 6), 24.0)]


def test_the_dimension_of_sensors_goes_before_names(spark):
    readings = power("ac_power__1", 900) + power("inv1_ac_power__2", 1000) + counter([10, 20, 30], sensor="energy__3")
    sensors = [(1, "ac_power__1", "METER", "avg"), (1, "inv1_ac_power__2", "INVERTER", "avg")]
    sums = [(2, "energy__3", "METER", "sum")]
    described = spark.createDataFrame(
        sensors + sums, "ss_id long, sensor string, source_type string, aggregation string"
    )
    nameplates = spark.createDataFrame([(1, 2.0), (2, 2.0)], "ss_id long, dc_capacity_kw double")
    both = measurements(spark, [readings[:192], readings[192:]])

    metered, summed = table.transform(both, nameplates, described).orderBy("ss_id").collect()

    assert (metered.energy_ac_kwh, metered.energy_sensors) == (pytest.approx(21.6), "ac_power__1")
    assert summed.energy_ac_kwh == 0.06


def test_the_order_of_the_rows_and_their_parts_change_no_bit(spark):
    chance = random.Random(7)
    readings = [
        row
        for number in range(1, 5)
        for sensor, quantity, most in (
            (f"inv{number}_ac_power__{number}", "ac_power", 1e5),
            (f"poa_irradiance_{number}__1{number}", "poa_irradiance", 1e3),
            (f"module_temp_{number}__2{number}", "module_temp", 50),
        )
        for row in series(sensor, quantity, [chance.uniform(0, most) for _ in range(288)], step_s=300)
    ]
    nameplate = spark.createDataFrame([(1, 333.3)], "ss_id long, dc_capacity_kw double")

    (once,) = table.transform(measurements(spark, [readings]).coalesce(1), nameplate).toArrow().to_pylist()
    chance.shuffle(readings)
    (again,) = table.transform(measurements(spark, [readings]).repartition(7), nameplate).toArrow().to_pylist()

    assert once == again
