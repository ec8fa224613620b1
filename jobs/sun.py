"""sun -- how high the sun stands over a system when its logger writes a wall-clock time.

Night must come from geometry: a night found in the data itself moves with a clock that is hours wrong. What cannot be
known is told as unknown: no place, no zone, or a longitude that the zone contradicts (in PVDAQ, a lost sign).
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

# Clocks follow the sun within this; the furthest are western China's (3 h) and Spain's in summer (2.6 h).
FURTHEST_HOURS = 3.5


@lru_cache(maxsize=1024)
def offsets_h(day: date, longitude_deg: float, utc_offset_h: float | None, zone: str | None) -> tuple[float, ...]:
    """Give the UTC offsets that a logger's clock may have had on a day [h, east positive]; none if unknown.

    A fixed offset is taken as it is. In a zone with daylight saving time some loggers follow it and some do not, so
    in summer there are two. An offset more than 3.5 h from the sun's is taken for a wrong longitude or zone.

    >>> offsets_h(date(2019, 7, 1), -105.2, None, "America/Denver")
    (-7.0, -6.0)
    >>> offsets_h(date(2019, 7, 1), 105.2, None, "America/Denver")
    ()
    """
    if utc_offset_h is not None:
        found = {timedelta(hours=utc_offset_h)}
    elif zone:
        try:
            noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
        except (KeyError, ValueError, OSError):  # no such zone, in three of its ways
            return ()
        found = {noon.utcoffset(), noon.utcoffset() - noon.dst()}
    else:
        return ()
    hours = tuple(sorted(offset.total_seconds() / 3600 for offset in found))
    apart = [abs((longitude_deg / 15 - offset + 12) % 24 - 12) for offset in hours]
    return hours if max(apart) <= FURTHEST_HOURS else ()


@lru_cache(maxsize=1024)
def clock_change_s(day: date, zone: str | None) -> tuple[int, int] | None:
    """Give the hour of a day that its zone's clock skips or has twice [s since midnight, wall clock]; mostly none.

    >>> clock_change_s(date(2019, 3, 10), "America/Los_Angeles")
    (7200, 10800)
    """
    try:
        known = zone and ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return None
    midnight = datetime(day.year, day.month, day.day, tzinfo=known or UTC)
    if (midnight + timedelta(days=1)).utcoffset() == midnight.utcoffset():
        return None
    # Before and after a change the clock has two answers to the same question.
    minutes = [midnight + timedelta(minutes=minute) for minute in range(1440)]
    apart = [n for n, moment in enumerate(minutes) if moment.utcoffset() != moment.replace(fold=1).utcoffset()]
    return (apart[0] * 60, apart[-1] * 60 + 60) if apart else None


def noon_h(day: date, longitude_deg: float) -> float:
    """Give the time of the sun's noon [h, UTC]; a day's beginning may lie in the UTC day before."""
    from pvlib import solarposition

    return 12 - longitude_deg / 15 - solarposition.equation_of_time_spencer71(day.timetuple().tm_yday) / 60


def elevation_deg(
    day: date, seconds: np.ndarray, latitude_deg: float, longitude_deg: float, offsets: tuple[float, ...]
) -> np.ndarray:
    """Give the sun's elevation without refraction [deg], the highest that any of the offsets allows.

    Declination and equation of time are taken at noon. That is right to two thirds of a degree, and far cheaper
    than the full algorithm for every reading.

    Args:
        day: the day [wall clock].
        seconds: seconds since its midnight [wall clock].
        latitude_deg: north positive.
        longitude_deg: east positive.
        offsets: UTC offsets that the wall clock may have [h].
    """
    # pvlib takes a second to import, and only who knows a place needs it.
    from pvlib import solarposition

    day_of_year = day.timetuple().tm_yday
    declination = solarposition.declination_spencer71(day_of_year)
    noon = noon_h(day, longitude_deg)
    latitude = np.radians(latitude_deg)
    zeniths = [
        solarposition.solar_zenith_analytical(latitude, np.radians(15 * (seconds / 3600 - offset - noon)), declination)
        for offset in offsets
    ]
    return 90 - np.degrees(np.min(zeniths, axis=0))
