"""clock -- from a logger's wall clock to the instant, where that can be known.

Most of PVDAQ publishes wall clocks only. What is documented of a system's clock is an offset from UTC or an IANA zone,
and zones lie: NREL's loggers in Golden keep standard time all summer in a zone that does not. So an hour that a zone
skips or has twice has no instant, nor has a day whose sunlight contradicts the clock, nor a time that no clock of the
system can have had: loggers begin at a default such as 1970 or 1994, and jump decades.
"""

from collections.abc import Container, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from jobs import sun

if TYPE_CHECKING:
    from jobs.quality import System

# No photovoltaic record is older or newer than these; a logger's clock without a battery is.
FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(2049, 12, 31)
# Readings of a plant may begin before it is said to; not by more.
BEFORE_START = timedelta(days=366)
# The middle of the light is this near the sun's noon, whatever hills, tilt and intervals do to its ends [h].
NEAR_NOON_H = 40 / 60
# Light, and the least of a day that is worth asking [W/m2].
LIGHT, BRIGHT = 20.0, 200.0
# What is read less often at the ends of the day does not say where they are [h].
OFTEN_H = 0.5


def is_plausible(day: date, started_on: date | None = None) -> bool:
    """Tell whether a logger's clock can have been right on a day.

    >>> is_plausible(date(1994, 5, 13)), is_plausible(date(1994, 5, 13), date(2011, 4, 1))
    (True, False)
    """
    return FIRST_DAY <= day <= LAST_DAY and (started_on is None or day >= started_on - BEFORE_START)


def has_twice(moment: datetime, zone: str | None) -> bool:
    """Tell whether a zone's clock is set back over a time, so that there are two of it.

    >>> [has_twice(moment, "America/Denver") for moment in (datetime(2019, 11, 3, 1, 30), datetime(2019, 3, 10, 2, 30))]
    [True, False]
    """
    known = _zone(zone)
    first, second = (moment.replace(tzinfo=known, fold=fold) for fold in (0, 1))
    return known is not None and first.utcoffset() > second.utcoffset()


def instants(times: np.ndarray, system: "System", contradicted: Container[date] = ()) -> np.ndarray:
    """Give the instants of wall-clock times by what is documented of their system's clock.

    Args:
        times: datetime64[us], wall clock.
        system: its fixed offset goes before its zone.
        contradicted: days of which the clock is known to be wrong.

    Returns:
        datetime64[us], UTC; none (NaT) where the instant is not known: in an hour that the zone skips or has twice, on
        a day that is contradicted or cannot be, and where the longitude is another part of the world's than the clock.
    """
    found = np.full(len(times), np.datetime64("NaT"), "datetime64[us]")
    if system.utc_offset_hours is None and _zone(system.zone) is None:
        return found
    for day, of_day in by_day(times):
        if day in contradicted or not is_plausible(day, system.started_on) or _offset_h(day, system) is None:
            continue
        seconds = (times[of_day] - np.datetime64(day, "us")) / np.timedelta64(1, "s")
        before = after = system.utc_offset_hours
        first = last = 0
        if before is None:
            before, after = _offsets_h(day, system.zone)
            first, last = sun.clock_change_s(day, system.zone) or (0, 0)
        offset = (np.where(seconds < first, before, after) * 3_600_000_000).astype("timedelta64[us]")
        is_one = (seconds < first) | (seconds >= last)
        found[of_day] = np.where(is_one, times[of_day] - offset, np.datetime64("NaT"))
    return found


def contradicted(lights: Iterable[tuple[np.ndarray, np.ndarray]], system: "System") -> set[date]:
    """Give the days whose light is more than 40 minutes from where the sun is by a system's clock.

    The middle of the light is noon, but for hills, tilt and intervals, which move it by less than half an hour (system
    34, January 2019: 19 minutes early to 26 late). So a clock that is an hour wrong is found on most days that are
    bright and read from dark to dark, and on others it is taken as it is documented; so it is where one of several
    sensors agrees with it.

    Args:
        lights: of each sensor of irradiance the times [datetime64[us], wall clock] and the sound readings [W/m2].
        system: its longitude, and offset or zone.
    """
    verdicts: dict[date, list[bool]] = {}
    for times, values in lights if system.longitude_deg is not None else ():
        for day, of_day in by_day(times):
            clock_h, noon_h = _offset_h(day, system), _middle_of_light_h(day, times[of_day], values[of_day])
            if clock_h is not None and noon_h is not None:
                apart_h = noon_h - sun.noon_h(day, system.longitude_deg) - clock_h
                verdicts.setdefault(day, []).append(abs((apart_h + 12) % 24 - 12) > NEAR_NOON_H)
    return {day for day, told in verdicts.items() if all(told)}


def _middle_of_light_h(day: date, times: np.ndarray, values: np.ndarray) -> float | None:
    """Give the middle between a day's first and last light [h, wall clock]; none where either is not seen."""
    lit = np.flatnonzero(values > LIGHT)
    if not len(lit) or values.max() < BRIGHT or lit[0] == 0 or lit[-1] == len(values) - 1:
        return None
    ends = (times[[lit[0] - 1, lit[0], lit[-1], lit[-1] + 1]] - np.datetime64(day, "us")) / np.timedelta64(1, "h")
    return float(ends.mean()) if max(ends[1] - ends[0], ends[3] - ends[2]) <= OFTEN_H else None


def by_day(times: np.ndarray) -> Iterator[tuple[date, np.ndarray]]:
    """Give each day of some times, and where its times stand, in order of time."""
    order = np.argsort(times, kind="stable")
    days = times[order].astype("datetime64[D]")
    for part in np.split(order, np.flatnonzero(days[1:] != days[:-1]) + 1):
        if len(part):
            yield times[part[0]].astype("datetime64[D]").item(), part


@lru_cache(maxsize=1024)
def _offsets_h(day: date, zone: str) -> tuple[float, float]:
    """Give a zone's offsets at a day's beginning and its end [h]."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=_zone(zone))
    return tuple(moment.utcoffset().total_seconds() / 3600 for moment in (midnight, midnight + timedelta(days=1)))


def _offset_h(day: date, system: "System") -> float | None:
    """Give the offset of a system's clock at noon of a day [h, east positive]; none where the longitude denies it."""
    offset_h, zone, longitude_deg = system.utc_offset_hours, system.zone, system.longitude_deg
    if offset_h is None and _zone(zone) is None:
        return None
    if longitude_deg is not None and not sun.offsets_h(day, longitude_deg, offset_h, zone):
        return None
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=_zone(zone))
    return noon.utcoffset().total_seconds() / 3600 if offset_h is None else offset_h


@lru_cache(maxsize=64)
def _zone(zone: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(zone) if zone else None
    except (KeyError, ValueError, OSError):  # no such zone, in three of its ways
        return None
