"""nameplate -- what of the published description of a system can be, and what cannot.

What cannot be is kept as it was published beside a null, and flagged: nobody uses it unawares. Of a place and a state
that contradict each other neither is used, for nobody can know which one is wrong.
"""

import csv
import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jobs import sun

FLAGS = {
    1: ("place", "latitude or longitude is no place on Earth"),
    2: ("longitude", "the longitude is on the other side of the Earth from time zone or state; a lost minus"),
    4: ("state", "the place is outside the state that site_location names; neither is used"),
    8: ("azimuth", "the azimuth is not from 0 to 360 degrees (-1 stands for none)"),
    16: ("tilt", "the tilt is not from 0 to 90 degrees"),
    32: ("capacity", "the capacity is not above zero"),
    64: ("last_reading", "the last reading is later than the edition that says so (a clock in 2079)"),
    128: ("first_reading", "the first reading is from before 1995: perhaps a logger whose clock was never set"),
    256: ("pressure", "the pressure cannot be in psi, in which it is said to be"),
    512: ("hours_west", "the time zone is a bare number: hours WEST of UTC, used with a minus as utc_offset_hours"),
    1024: ("zone", "the time zone is neither a zone of the IANA nor a number of hours"),
}
PLACE, LONGITUDE, STATE, AZIMUTH, TILT, CAPACITY, LAST_READING, FIRST_READING, PRESSURE, HOURS_WEST, ZONE = FLAGS

# What each flag takes out of use.
UNUSED = {
    PLACE: ("latitude_deg", "longitude_deg"),
    LONGITUDE: ("latitude_deg", "longitude_deg"),
    STATE: ("latitude_deg", "longitude_deg", "us_state"),
    AZIMUTH: ("azimuth_deg",),
    TILT: ("tilt_deg",),
    CAPACITY: ("dc_capacity_kw",),
    LAST_READING: ("last_reading_at",),
    FIRST_READING: ("first_reading_at",),
    PRESSURE: ("pressure_hpa",),
}
# The columns that have a twin with what was published.
JUDGED = ("latitude_deg", "longitude_deg", "dc_capacity_kw", "azimuth_deg", "tilt_deg")
JUDGED += ("first_reading_at", "last_reading_at")

HOURS = re.compile(r"[0-9]{1,2}(\.[0-9]+)?")
US_STATE = re.compile(r"[ ,]([A-Z]{2})$")
# The zones of the USA by the IANA, with their former names.
US_ZONE = re.compile(
    r"US/.+|America/(New_York|Detroit|Chicago|Menominee|Denver|Shiprock|Boise|Phoenix|Los_Angeles|Anchorage|Juneau|Sitka|"
    r"Metlakatla|Yakutat|Nome|Adak|Atka|Puerto_Rico|Louisville|Fort_Wayne|Indianapolis|Knox_IN|"
    r"(Indiana|Kentucky|North_Dakota)/.+)|Pacific/Honolulu"
)
# Zones that are of no country: no more is known of the place than without one.
NO_COUNTRY = re.compile(r"Etc/.+|UTC|GMT|[EMCP]ST|[EMCP]ST[0-9][EMCP]DT|HST")
HPA_PER_PSI = 68.94757293
# From the highest town on Earth to the highest pressure ever measured.
PSI = (7.0, 16.0)
CLOCKS_SET = datetime(1995, 1, 1)
# Any day will do: it is asked whether clock and sun are hours apart.
A_DAY = date(2020, 1, 1)


def judge(said: Mapping, edition: date | None = None) -> dict:
    """Tell what of a description can be used, and which flags it has.

    Args:
        said: JUDGED, site_location, timezone_or_utc_offset and pressure_published as published; what it lacks is null.
        edition: the day on which it was published; none where that is not known.

    Returns:
        JUDGED, us_state, time_zone (IANA), utc_offset_hours (east positive [h]) and pressure_hpa, each null where it is
        unknown or cannot be; and quality, the sum of the FLAGS.

    >>> judge({"longitude_deg": 78.6, "latitude_deg": 35.8, "timezone_or_utc_offset": "5"})["quality"] == 2 + 512
    True
    """
    usable = {name: said.get(name) for name in JUDGED}
    published_zone, pressure = said.get("timezone_or_utc_offset"), said.get("pressure_published")
    is_hours = bool(published_zone and HOURS.fullmatch(published_zone) and float(published_zone) <= 12)
    usable["utc_offset_hours"] = -float(published_zone) if is_hours else None
    usable["time_zone"] = published_zone if not is_hours and _is_zone(published_zone) else None
    usable["us_state"] = _us_state(said.get("site_location") or "", usable)
    usable["pressure_hpa"] = None if pressure is None else pressure * HPA_PER_PSI
    found = [_of_place(usable)]
    found += [
        flag
        for flag, holds in (
            (AZIMUTH, _is_outside(usable["azimuth_deg"], 0, 360)),
            (TILT, _is_outside(usable["tilt_deg"], 0, 90)),
            (CAPACITY, usable["dc_capacity_kw"] is not None and usable["dc_capacity_kw"] <= 0),
            (LAST_READING, edition and usable["last_reading_at"] and usable["last_reading_at"].date() > edition),
            (FIRST_READING, usable["first_reading_at"] and usable["first_reading_at"] < CLOCKS_SET),
            (PRESSURE, _is_outside(pressure, *PSI)),
            (HOURS_WEST, is_hours),
            (ZONE, published_zone and not is_hours and usable["time_zone"] is None),
        )
        if holds
    ]
    usable |= {name: None for flag in found for name in UNUSED.get(flag, ())}
    return usable | {"quality": sum(found)}


def _of_place(usable: Mapping) -> int:
    """Tell what is wrong with a place; 0 where nothing is, or nothing can be known."""
    latitude, longitude = usable["latitude_deg"], usable["longitude_deg"]
    if _is_outside(latitude, -90, 90) or _is_outside(longitude, -180, 180):
        return PLACE
    if longitude is None:
        return 0
    offset, zone, state = usable["utc_offset_hours"], usable["time_zone"], usable["us_state"]
    if (offset is not None or zone) and not sun.offsets_h(A_DAY, longitude, offset, zone):
        return LONGITUDE
    if latitude is None or state is None or _is_in(state, latitude, longitude):
        return 0
    return LONGITUDE if _is_in(state, latitude, -longitude) else STATE


def _us_state(location: str, usable: Mapping) -> str | None:
    """Tell which state of the USA a place names; none where its zone or else its longitude is not of the USA.

    `Cologne, DE` is not in Delaware. A longitude without its minus counts where with it the place is in the state.
    """
    named = US_STATE.search(location)
    if not named or named[1] not in _states():
        return None
    zone, latitude, longitude = usable["time_zone"], usable["latitude_deg"], usable["longitude_deg"]
    if zone and not NO_COUNTRY.fullmatch(zone):
        return named[1] if US_ZONE.fullmatch(zone) else None
    if usable["utc_offset_hours"] is not None or longitude is None:
        return named[1]
    bounds = _states().values()
    is_of_usa = min(west for *_, west, _ in bounds) <= longitude <= max(east for *_, east in bounds)
    if is_of_usa or (latitude is not None and _is_in(named[1], latitude, -longitude)):
        return named[1]
    return None


def _is_outside(value: float | None, least: float, most: float) -> bool:
    return value is not None and not least <= value <= most


def _is_in(state: str, latitude: float, longitude: float) -> bool:
    south, north, west, east = _states()[state]
    return south <= latitude <= north and west <= longitude <= east


def _is_zone(name: str | None) -> bool:
    try:
        return bool(name and ZoneInfo(name))
    except (KeyError, ValueError, OSError):  # no such zone, in three of its ways
        return False


@cache
def _states() -> dict[str, tuple[float, ...]]:
    """Read the bounds of the states of the USA, a tenth of a degree wider than they are."""
    with Path(__file__).with_name("us_states.csv").open(newline="", encoding="utf-8") as table:
        lines = csv.reader(table)
        next(lines)
        return {state: tuple(map(float, bounds)) for state, *bounds in lines}
