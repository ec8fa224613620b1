"""The flags on the labelled samples of pvanalytics: they must stay as good as they were seen to be, with some room."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from jobs import flags, quality, scores
from jobs.quality import System

SCORES = {(found.sample, found.flag): found for found in map(scores.score, scores.SAMPLES)}


@pytest.mark.parametrize(
    ("sample", "flag", "labelled", "precision", "recall"),
    [
        ("ac_power_inv_2173_stale_data.csv", "stale", 245, 0.99, 0.99),
        ("ac_power_inv_2173_interpolated_data.csv", "stale", 1254, 0.97, 0.93),
        ("ac_power_inv_7539_outliers.csv", "outlier", 6, 0.8, 0.8),
        ("ac_power_inv_7539.csv", "clipping", 39, 0.85, 0.95),
        ("serf_east_1min_ac_power.csv", "night_offset", 1160, 0.99, 0.89),
    ],
)
def test_a_flag_finds_what_people_labelled_and_little_else(sample, flag, labelled, precision, recall):
    found = SCORES[sample, flag]

    assert found.labelled == labelled
    assert found.precision >= precision
    assert found.recall >= recall


def test_every_sample_is_scored():
    assert len(SCORES) == len(scores.SAMPLES) == 5


def test_where_a_clock_may_follow_daylight_saving_time_no_production_is_taken_for_night():
    # System 50's wall clock is labelled -07:00 and follows daylight saving time; its standby is below a watt.
    readings = pd.read_parquet(files("pvanalytics") / "data" / "system_50_ac_power_2_full_DST.parquet").dropna()
    times = readings["measured_on"].dt.tz_localize(None).to_numpy("datetime64[us]")
    values = readings["ac_power_2"].to_numpy(float)

    def greatest_at_night(**clock):
        bits = quality.flags(times, values, "ac_power", "W", System(39.7406, -105.1775, **clock))
        return np.abs(values[bits & flags.NIGHT_OFFSET > 0]).max()

    assert greatest_at_night(zone="America/Denver") < 1
    assert greatest_at_night(utc_offset_hours=-7.0) > 90
