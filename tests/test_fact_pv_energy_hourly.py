"""The hourly mart: one hand-made case a system, all of them through the transform at once."""

from datetime import UTC, datetime, timedelta

import pytest
from readings import measurements, series

from jobs.tables import fact_pv_energy_hourly as table

# Their rows are computed once.
pytestmark = pytest.mark.xdist_group("fact_pv_energy_hourly")

CASES = {
    # At seven hours behind UTC, 17:00 is midnight.
    "over_midnight": series("ac_power__1", "ac_power", [1000] * 12, at="2019-01-05T16:00:00", utc_offset_h=-7),
    "half_known": series("ac_power__1", "ac_power", [1000] * 4, utc_offset_h=0)
    + series("ac_power__1", "ac_power", [9000] * 4, at="2019-01-05T01:00:00"),
    "ten_seconds": series("ac_power__1", "ac_power", [1000] * 720, step_s=10, utc_offset_h=0),
    "gap": series("ac_power__1", "ac_power", [1000, 1000, None, 1000, 1000], utc_offset_h=0),
    "sentinel": series("ac_power__1", "ac_power", [1000, 1000, 1000], utc_offset_h=0)
    + series("ac_power__1", "ac_power", [-999], at="2019-01-05T00:45:00", quality=1, utc_offset_h=0),
    "one_inverter_of_two": series("inv1_ac_power__1", "ac_power", [1000] * 8, utc_offset_h=0)
    + series("inv2_ac_power__2", "ac_power", [500] * 4, utc_offset_h=0),
    "meter_and_inverter": series("ac_power_metered__1", "ac_power", [900] * 8, utc_offset_h=0)
    + series("inv1_ac_power__2", "ac_power", [1000] * 8, utc_offset_h=0),
    "silent_but_sunny": series("ac_power__1", "ac_power", [1000] * 4, utc_offset_h=0)
    + series("poa_irradiance__2", "poa_irradiance", [400] * 8, utc_offset_h=0),
    "temperature": series("module_temp__1", "module_temp", [10, 20, 30, 40, 50], utc_offset_h=0),
    "counter": series("ac_energy__1", "ac_energy", [0, 10, 30, 60, 100, 150], at="2019-01-05T23:00:00", utc_offset_h=0),
    "counter_with_gaps": series(
        "ac_energy__1", "ac_energy", [0, 10, None, 60, None, None, 150, 170, 200, None], utc_offset_h=0
    ),
    "sum_of_the_day": series("ac_energy_inv_7_daily_sum", "ac_energy", [24000], utc_offset_h=0),
    "seven_minutes": series("ac_power__1", "ac_power", [1000] * 20, step_s=420, utc_offset_h=0),
}
NUMBERS = {name: number for number, name in enumerate(CASES, start=1)}


@pytest.fixture(scope="module")
def rows(spark):
    made = table.transform(measurements(spark, CASES.values()))
    return made.orderBy("ss_id", "hour_start_utc").toArrow().to_pylist()


@pytest.fixture
def hours(rows):
    """The hours of a case: by their number from midnight of 5 January, a column or energy and coverage."""

    def of(case, *names):
        midnight = datetime(2019, 1, 5, tzinfo=UTC)
        return {
            (row["hour_start_utc"] - midnight) // timedelta(hours=1): tuple(
                row[name] for name in names or ("energy_ac_kwh", "coverage")
            )
            for row in rows
            if row["ss_id"] == NUMBERS[case]
        }

    return of


def test_hours_are_those_of_utc_whatever_the_wall_clock_says(hours):
    assert hours("over_midnight") == {23: (1.0, 1.0), 24: (1.0, 1.0), 25: (1.0, 1.0)}


def test_a_reading_without_an_instant_is_of_no_hour(hours):
    assert hours("half_known") == {0: (1.0, 1.0)}


def test_energy_is_the_same_at_ten_seconds(hours):
    assert hours("ten_seconds") == {0: (1.0, 1.0), 1: (1.0, 1.0)}


def test_gaps_and_sentinels_lower_the_coverage_and_are_not_filled(hours):
    assert hours("gap") == {0: (0.75, 0.75), 1: (0.25, 0.25)}
    assert hours("sentinel") == {0: (0.75, 0.75)}


def test_an_hour_in_which_one_of_two_inverters_is_silent_is_half_covered(hours):
    assert hours("one_inverter_of_two") == {0: (1.5, 1.0), 1: (1.0, 0.5)}


def test_the_channels_that_speak_are_chosen_as_for_a_day(hours):
    assert hours("meter_and_inverter") == {0: (0.9, 1.0), 1: (0.9, 1.0)}


def test_an_hour_with_irradiance_and_without_power_is_not_covered(hours):
    assert hours("silent_but_sunny") == {0: (1.0, 1.0), 1: (None, 0.0)}
    assert hours("silent_but_sunny", "insolation_poa_kwh_m2") == {0: (0.4,), 1: (0.4,)}


def test_module_temperature_is_the_mean_of_the_hour(hours):
    assert hours("temperature", "module_temp_mean_degc", "energy_ac_kwh") == {0: (25.0, None), 1: (50.0, None)}


def test_the_rise_of_a_counter_is_of_the_hour_that_it_begins_in_over_midnight_too(hours):
    # The last reading has no rise.
    assert hours("counter") == {23: (0.1, 1.0), 24: (0.05, 0.5)}


def test_a_rise_over_a_gap_counts_within_its_hour_and_is_given_to_none_over_its_end(hours):
    # 0 to 60 in the first hour; 60 to 150 is of both; then 150 to 170, and 170 to 200, which ends in the next interval.
    assert hours("counter_with_gaps") == {0: (0.06, 0.75), 1: (0.05, 0.5), 2: (None, 0.25)}


def test_the_sum_of_a_day_is_of_no_hour(hours):
    assert hours("sum_of_the_day") == {0: (None, 0.0)}


def test_a_step_that_does_not_divide_the_hour_covers_no_more_than_all_of_it(hours):
    # Nine intervals begin in each of the first two hours, and 60 / 7 are expected, rounded up.
    assert hours("seven_minutes") == {
        0: (pytest.approx(9 * 7 / 60), 1.0),
        1: (pytest.approx(9 * 7 / 60), 1.0),
        2: (pytest.approx(2 * 7 / 60), pytest.approx(2 / 9)),
    }
