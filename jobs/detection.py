"""detection -- pvanalytics' detectors over one sensor's day, in numpy.

pvanalytics 0.2.2 calls Python once per window (stale 17, interpolated 18, Hampel 66 microseconds a reading), or builds
some thirty pandas objects per call (clipping: 3 to 7 ms a day and sensor). Day files come by the hundred thousand, so
the same arithmetic is written here without either. The tests hold each function to the library's own, over random days
with gaps, ties and noise. Readings are in the order of time. A window with a gap in it, two neighbours that are more
than `longest` apart [s], is not judged; that is what the library does with a regular series that has NaN in its gaps.
"""

import numpy as np

# numpy.allclose's, which the library uses.
RELATIVE, ABSOLUTE = 1e-5, 1e-8
# What makes a median absolute deviation a standard deviation of normally distributed data: norm.ppf(3/4).
MAD_SCALE = 0.6744897501960817


def unchanged(seconds: np.ndarray, values: np.ndarray, longest: float, window: int, within: float) -> np.ndarray:
    """Mark windows in which every value is close to the first: `gaps.stale_values_diff(mark="all")`.

    Args:
        seconds: times.
        values: readings.
        longest: what neighbours may be apart [s].
        window: readings in a window, 2 or more.
        within: how far from the first is close, besides a hundred-thousandth of it; the library's is 1e-8.
    """
    return _marked(_close(values, window, within) & _without_gap(seconds, longest, window), window, len(values))


def straight(seconds: np.ndarray, values: np.ndarray, longest: float, window: int) -> np.ndarray:
    """Mark windows on a straight line that rises or falls: `gaps.interpolation_diff(mark="all")` without level lines.

    The library takes what does not change for interpolated too.
    """
    slopes = np.diff(values)
    slanted = np.abs(slopes[: max(len(values) - window + 1, 0)]) > ABSOLUTE
    lines = _close(slopes, window - 1, ABSOLUTE) & slanted
    return _marked(lines & _without_gap(seconds, longest, window), window, len(values))


def alone(seconds: np.ndarray, values: np.ndarray, longest: float, floor: float) -> np.ndarray:
    """Mark single readings that stand out of a calm: `outliers.hampel(window=3)`, and the readings around calm as well.

    The median of three is the middle one, and the median of its absolute deviations the smaller distance to the
    others. So a reading stands out that is further from its nearer neighbour than 4.45 times what its neighbours are
    apart. Under broken clouds that is every hundredth reading of power; hence it must be further, too, than 4.45 times
    what each neighbour is from the reading beyond it, where there is one.

    Args:
        seconds: times.
        values: readings, three or more.
        longest: what neighbours may be apart [s].
        floor: how far a reading must stand out besides.
    """
    before, here, after = values[:-2], values[1:-1], values[2:]
    jumps = np.where(_without_gap(seconds, longest, 2), np.abs(np.diff(values)), 0)
    unrest = np.abs(after - before)
    unrest[1:] = np.maximum(unrest[1:], jumps[:-2])
    unrest[:-1] = np.maximum(unrest[:-1], jumps[2:])
    deviation = np.maximum(here - np.maximum(before, after), np.minimum(before, after) - here)
    found = np.zeros(len(values), bool)
    found[1:-1] = (deviation > 3 / MAD_SCALE * unrest) & (deviation > floor) & _without_gap(seconds, longest, 3)
    return found


def plateau(seconds: np.ndarray, values: np.ndarray, longest: float, step: float) -> np.ndarray:
    """Mark power on the day's level stretches: `features.clipping.geometric` of one day, with its defaults.

    A stretch is level where three readings above a tenth of the day's greatest differ by less than 0.2 % of their
    mean; for steps under ten minutes, three means of a quarter hour. Marked is what lies between the least and the
    greatest of the level readings; for short steps, within two standard deviations of their mean.
    """
    if step >= 600:
        level = _level(values, _without_gap(seconds, longest, 3))
        if not level.any():
            return level
        low, high = values[level].min(), values[level].max()
    else:
        quarter = (seconds // 900).astype(np.int64)
        counts = np.bincount(quarter, minlength=96)
        sums = np.bincount(quarter, weights=values, minlength=96)
        means = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        level = _level(means, True)[quarter]
        if np.count_nonzero(level) < 2:
            return np.zeros(len(values), bool)
        mean, deviation = values[level].mean(), values[level].std(ddof=1)
        low, high = mean - 2 * deviation, mean + 2 * deviation
    return (values >= low) & (values <= high)


def _level(values: np.ndarray, judged: np.ndarray | bool) -> np.ndarray:
    """Mark windows of three that are level and well above nothing."""
    if len(values) < 3:
        return np.zeros(len(values), bool)
    high_enough = np.where(values >= 0.1 * np.nanmax(values), values, np.nan)
    low, high = _extreme(high_enough, 3, np.minimum), _extreme(high_enough, 3, np.maximum)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = (high - low) / ((high + low) / 2) * 100 < 0.2
    return _marked(level & judged, 3, len(values))


def _close(values: np.ndarray, window: int, within: float) -> np.ndarray:
    """Tell for each window whether all of it is close to its first value."""
    first = values[: max(len(values) - window + 1, 0)]
    most = within + RELATIVE * np.abs(first)
    lowest, highest = _extreme(values, window, np.minimum), _extreme(values, window, np.maximum)
    return (highest - first <= most) & (first - lowest <= most)


def _extreme(values: np.ndarray, window: int, of_two: np.ufunc) -> np.ndarray:
    """Give each window's least or greatest value; by doubling, so that a window of 360 costs nine passes."""
    count, width, found = len(values) - window + 1, 1, values
    if count < 1:
        return values[:0]
    while 2 * width <= window:
        found, width = of_two(found[:-width], found[width:]), 2 * width
    return of_two(found[:count], found[window - width : window - width + count])


def _without_gap(seconds: np.ndarray, longest: float, window: int) -> np.ndarray:
    gaps = np.zeros(len(seconds), np.int64)
    np.cumsum(np.diff(seconds) > longest, out=gaps[1:])
    return gaps[window - 1 :] == gaps[: max(len(seconds) - window + 1, 0)]


def _marked(windows: np.ndarray, window: int, length: int) -> np.ndarray:
    """Mark every reading of the windows that are true."""
    starts = np.flatnonzero(windows)
    if not len(starts):
        return np.zeros(length, bool)
    edges = np.zeros(length + 1, np.int64)
    edges[starts] = 1
    edges[window:] -= windows
    return np.cumsum(edges[:-1]) > 0
