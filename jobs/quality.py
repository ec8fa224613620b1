"""quality -- flags of photovoltaic readings.

A flag is decided from one system's one wall-clock day of one sensor and from nothing else, so that the same reading has
the same flags however files are cut and in whatever order they come. A flag never changes a value or removes a row.

Each test judges what the ones before it left: sentinels are readings to none of them, what is out of range is neither
an outlier nor clipping, and an outlier is not clipping. `limits.csv` says what each quantity is held to.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from jobs import clock, detection, limits, sun
from jobs.flags import (
    CLIPPING,
    CLOCK_DOUBTFUL,
    DST,
    INCOMPLETE,
    NIGHT_OFFSET,
    OUT_OF_RANGE,
    OUTLIER,
    SENTINEL,
    STALE,
    UNIT_DOUBTFUL,
)
from jobs.limits import Limits

# Seen in systems 4901 to 4903, 34 and others.
SENTINELS = np.array([-999.0, -7999.0, -9999.0, -99999.0, -5308.9, -50001.8, -53999.0])
# -40 degF is -40 degC: what a dead temperature sensor reads. Converted, it comes as -40.0000018.
DEAD_TEMPERATURE = -40.0
NEAR = 1e-3
# PVDAQ has no slower logger: two readings a day do not promise that there are no more, and are no neighbours.
LONGEST_STEP_S = 3600.0
# Readings further apart than this many steps have a gap between them; clocks jitter.
NEIGHBOURS = 1.5
# The day from which daylight saving time takes an hour has 0.958.
COMPLETE = 0.95
# Civil dusk: neither refraction nor a clock that is minutes wrong lights a module there.
NIGHT_BELOW_DEG = -6.0
CLIPPING_ABOVE = 0.95
# What pvanalytics' clipping.threshold asks for as well.
CLIPPING_SECONDS = 3600
FEWEST_STALE = 6
# No plant gives this many times its capacity, and no unit is off by less.
DOUBTFUL = 10


@dataclass(frozen=True)
class System:
    """What is known of a system where its readings are judged; none where it is not.

    Latitude north and longitude east positive [deg]; the offset from UTC, east positive [h], of a clock that is known
    to be fixed, else the IANA zone; the DC capacity [kW]; the day from which on it is said to work.
    """

    latitude_deg: float | None = None
    longitude_deg: float | None = None
    utc_offset_hours: float | None = None
    zone: str | None = None
    dc_capacity_kw: float | None = None
    started_on: date | None = None


def flags(times: np.ndarray, values: np.ndarray, quantity: str | None, units: str | None, system: System) -> np.ndarray:
    """Decide the flags of one sensor's readings.

    Args:
        times: datetime64[us], wall clock, each once, in any order. Every day must be there with all of its readings.
        values: float64, finite, in `units`.
        quantity: canonical quantity; none if unknown, then sentinels, incomplete days and hours of a clock's change are
            all that is found.
        units: canonical unit; none if unknown.
        system: what is known of the system.

    Returns:
        The bits of each reading [int64], in the order given.
    """
    found = np.zeros(len(values), np.int64)
    held_to = limits.of(quantity, units)
    # A reading may be any number that a logger can write.
    with np.errstate(over="ignore", invalid="ignore"):
        for _, readings in clock.by_day(times):
            found[readings] = _of_a_day(times[readings], values[readings], quantity, units, held_to, system)
    return found


def _of_a_day(times, values, quantity, units, held_to: Limits | None, system: System) -> np.ndarray:
    midnight = times[0].astype("datetime64[D]")
    seconds = (times - midnight) / np.timedelta64(1, "s")
    step = _step(seconds)
    is_code = _is_sentinel(values, units)
    found = SENTINEL * is_code.astype(np.int64)
    measured = np.flatnonzero(~is_code)
    if step and len(measured) * step < COMPLETE * 86400:
        found |= INCOMPLETE
    if not clock.is_plausible(midnight.item(), system.started_on):
        found |= CLOCK_DOUBTFUL
    if changed := sun.clock_change_s(midnight.item(), system.zone):
        found[(seconds >= changed[0]) & (seconds < changed[1])] |= DST
    if held_to is None or not len(measured):
        return found
    seconds, values = seconds[measured], values[measured]
    day = midnight.item()
    elevation = _elevation_deg(day, seconds, system) if held_to.zero_at_night else None

    cannot_be = _out_of_range(values, held_to, system)
    if elevation is not None:
        found[measured[(elevation < NIGHT_BELOW_DEG) & (values != 0)]] |= NIGHT_OFFSET
        if quantity in ("ghi", "dni", "dhi"):
            cannot_be |= _beyond_qcrad(values, quantity, elevation, day)
    found[measured[cannot_be]] |= OUT_OF_RANGE
    by_capacity = held_to.maximum is not None and held_to.maximum.is_share and system.dc_capacity_kw
    if by_capacity and values.max() > DOUBTFUL * 1000 * system.dc_capacity_kw:
        found[measured] |= UNIT_DOUBTFUL
    if not step:
        return found

    clipped = np.zeros(len(values), bool)
    sound = np.flatnonzero(~cannot_be)
    greatest = float(np.abs(values[sound]).max()) if len(sound) else 0.0
    if held_to.outlier and len(sound) > 2:
        out = detection.alone(seconds[sound], values[sound], NEIGHBOURS * step, held_to.outlier.of(greatest))
        found[measured[sound[out]]] |= OUTLIER
        sound = sound[~out]
    if quantity == "ac_power" and len(sound) > 2:
        clipped[sound] = _clipped(seconds[sound], values[sound], step)
        found[measured[clipped]] |= CLIPPING
    if held_to.stale_hours:
        stale = _stale(seconds, values, step, held_to, greatest) & ~clipped
        found[measured[stale]] |= STALE
    return found


def _step(seconds: np.ndarray) -> float | None:
    """Give the median time between two readings [s], an hour at most; none for a single reading."""
    return min(float(np.sort(np.diff(seconds))[(len(seconds) - 2) // 2]), LONGEST_STEP_S) if len(seconds) > 1 else None


def _is_sentinel(values: np.ndarray, units: str | None) -> np.ndarray:
    codes = np.append(SENTINELS, DEAD_TEMPERATURE) if units == "degC" else SENTINELS
    if values.min() > codes.max() + NEAR:
        return np.zeros(len(values), bool)
    return (np.abs(values[:, np.newaxis] - codes) <= NEAR).any(axis=1)


def _out_of_range(values: np.ndarray, held_to: Limits, system: System) -> np.ndarray:
    capacity_kw = system.dc_capacity_kw
    capacity_w = 1000 * capacity_kw if capacity_kw is not None and capacity_kw > 0 else None
    minimum, maximum = (level and level.of(capacity_w) for level in (held_to.minimum, held_to.maximum))
    cannot_be = np.zeros(len(values), bool)
    if minimum is not None:
        cannot_be |= values < minimum
    if maximum is not None:
        cannot_be |= values > maximum
    return cannot_be


def _beyond_qcrad(values: np.ndarray, quantity: str, elevation: np.ndarray, day: date) -> np.ndarray:
    # They take a second to import, and few sensors need them.
    from pvanalytics.quality import irradiance
    from pvlib.irradiance import get_extra_radiation

    possible = getattr(irradiance, f"check_{quantity}_limits_qcrad")
    return ~possible(values, 90 - elevation, get_extra_radiation(day.timetuple().tm_yday))


def _elevation_deg(day: date, seconds: np.ndarray, system: System) -> np.ndarray | None:
    """Give the sun's elevation; none where place or clock are not known."""
    latitude, longitude = system.latitude_deg, system.longitude_deg
    if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    offsets = sun.offsets_h(day, longitude, system.utc_offset_hours, system.zone)
    return sun.elevation_deg(day, seconds, latitude, longitude, offsets) if offsets else None


def _clipped(seconds: np.ndarray, values: np.ndarray, step: float) -> np.ndarray:
    """Find what is on a plateau at the day's top.

    Power comes to its limit from below and goes down from it again: what stands at the day's top when the day begins or
    ends is stuck. And less than an hour may be a clear noon.
    """
    clipped = detection.plateau(seconds, values, NEIGHBOURS * step, step) & (values >= CLIPPING_ABOVE * values.max())
    is_stuck = clipped[0] or clipped[-1]
    return clipped & (not is_stuck and np.count_nonzero(clipped) * step >= CLIPPING_SECONDS)


def _stale(seconds: np.ndarray, values: np.ndarray, step: float, held_to: Limits, greatest: float) -> np.ndarray:
    """Find what repeats, unless it rests as power does at night, and what is on a straight line.

    A window takes as many readings as fill its hours: of ten-second readings, six alike mean nothing. A gap that even
    the slowest logger would not notice does not end what repeats.
    """
    window = max(FEWEST_STALE, round(3600 * held_to.stale_hours / step) + 1)
    within = max(held_to.stale_within, detection.ABSOLUTE)
    stale = detection.unchanged(seconds, values, NEIGHBOURS * LONGEST_STEP_S, window, within)
    if held_to.rest:
        stale &= values > held_to.rest.of(greatest)
    return stale | detection.straight(seconds, values, NEIGHBOURS * step, window)
