"""The detectors in numpy against those of pvanalytics: random days with gaps, ties and noise, seen by both."""

import numpy as np
import pandas as pd
import pytest
from pvanalytics.features import clipping
from pvanalytics.quality import gaps, outliers

from jobs import detection

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # pvanalytics' own, on pandas 2

SEEDS = range(60)


def with_gaps(chance, values, step):
    """Take readings out, singly and an hour at a time: a regular series with NaN, and the readings without."""
    values[chance.random(len(values)) < 0.03] = np.nan
    first = chance.integers(0, len(values))
    values[first : first + 3600 // step] = np.nan
    times = pd.date_range("2019-01-05", periods=len(values), freq=f"{step}s")
    there = ~np.isnan(values)
    seconds = np.arange(len(values)) * float(step)
    # Loggers jitter by a second or two.
    jittered = seconds[there] + chance.integers(-2, 3, there.sum()) * (step >= 300)
    return pd.Series(values, times), there, jittered, values[there]


def alike(chance, step=900, count=96):
    """Invent a day with many ties and some straight lines."""
    values = np.round(chance.normal(10, 0.6, count))
    values += np.where(chance.random(count) < 0.1, 1e-5 * chance.normal(size=count), 0)
    for _ in range(4):
        first, length = chance.integers(0, count - 9), chance.integers(3, 20)
        line = values[first] + np.arange(length) * chance.choice([0.0, 0.37, -1.25])
        values[first : first + length] = line[: len(values[first : first + length])]
    return with_gaps(chance, values, step)


def test_unchanged_marks_what_stale_values_diff_marks():
    marked = 0
    for seed in SEEDS:
        chance = np.random.default_rng(seed)
        series, there, seconds, values = alike(chance)
        window, within = int(chance.integers(2, 9)), float(chance.choice([1e-8, 0.5]))

        theirs = gaps.stale_values_diff(series, window=window, atol=within, mark="all").to_numpy()[there]

        assert (detection.unchanged(seconds, values, 1350.0, window, within) == theirs).all(), seed
        marked += theirs.sum()
    assert 500 < marked < 96 * len(SEEDS)


def test_straight_marks_what_interpolation_diff_marks_and_is_not_level():
    marked = 0
    for seed in SEEDS:
        chance = np.random.default_rng(seed)
        series, there, seconds, _ = alike(chance)
        # Without level lines the two must be the same.
        slanted = series + 0.001 * np.arange(len(series)) + np.where(chance.random(len(series)) < 0.5, 1e-4, 0)
        window = int(chance.integers(3, 9))

        theirs = gaps.interpolation_diff(slanted, window=window, mark="all").to_numpy()[there]

        ours = detection.straight(seconds, slanted.to_numpy()[there], 1350.0, window)
        assert (ours == theirs).all(), seed
        marked += theirs.sum()
    assert 200 < marked < 96 * len(SEEDS)


def test_a_level_line_is_not_straight():
    assert not detection.straight(np.arange(9) * 900.0, np.full(9, 5.0), 1350.0, 6).any()


def test_alone_marks_what_hampel_marks_where_the_readings_around_are_calm():
    marked = spared = 0
    for seed in SEEDS:
        chance = np.random.default_rng(seed)
        walk = 50 + chance.normal(0, 1, 96).cumsum()
        walk[chance.integers(0, 96, 6)] += chance.choice([-8.0, 2.5, 20.0], 6)
        series, there, seconds, values = with_gaps(chance, walk, 900)
        floor = float(chance.choice([0.0, 2.0]))

        hampel = outliers.hampel(series, window=3).to_numpy()[there]
        jump = series.diff().abs().fillna(0)
        deviation = (series - series.rolling(3, center=True).median()).abs()
        around = np.maximum(jump.shift(1, fill_value=0), jump.shift(-2, fill_value=0))
        calm = deviation > 3 / detection.MAD_SCALE * around
        theirs = hampel & (calm & (deviation > floor)).to_numpy()[there]

        assert (detection.alone(seconds, values, 1350.0, floor) == theirs).all(), seed
        marked, spared = marked + theirs.sum(), spared + (hampel & ~theirs).sum()
    assert marked > 50
    assert spared > 100


@pytest.mark.parametrize("step", [60, 300, 900, 1800])
def test_plateau_marks_what_geometric_clipping_marks(step):
    marked = 0
    for seed in SEEDS:
        chance = np.random.default_rng(seed)
        count = 86400 // step
        noon = np.clip(np.sin((np.arange(count) / count - 0.25) * 2 * np.pi), 0, None)
        power = np.minimum(1000 * noon, chance.uniform(400, 1100)) * (1 + chance.choice([0, 1e-5, 1e-3]) * noon)
        power += chance.choice([0.0, 0.3, 5.0]) * chance.normal(size=count)
        power[chance.random(count) < chance.choice([0, 0.2])] *= 0.6
        # A level hour and a half near the tenth of the day's greatest below which nothing is clipped.
        first = chance.integers(0, count // 3)
        power[first : first + 5400 // step] = power.max() * chance.choice([0.08, 0.095, 0.105, 0.11])
        series, there, seconds, values = with_gaps(chance, np.round(power, chance.integers(0, 4)), step)
        seconds = np.flatnonzero(there) * float(step)

        theirs = clipping.geometric(series, freq=f"{step}s").to_numpy()[there]

        assert (detection.plateau(seconds, values, 1.5 * step, float(step)) == theirs).all(), seed
        marked += theirs.sum()
    assert marked > 100


def test_a_day_too_short_for_a_window_has_nothing_marked():
    for count in range(6):
        seconds, values = np.arange(count) * 900.0, np.full(count, 5.0)

        assert not detection.unchanged(seconds, values, 1350.0, 6, 1e-8).any()
        assert not detection.straight(seconds, values, 1350.0, 6).any()
        if count < 3:
            assert not detection.plateau(seconds, values, 1350.0, 900.0).any()
