"""facilities -- which standard time the power plants keep of whose hours US EPA tells the local time alone.

EPA publishes what it knows of facilities beside their hours, in a CSV of each year with a line for each unit
(`facility/facility-2023.csv` of its bulk files; the header is that of US-EPA-CAMD/easey-facilities-api on GitHub). The
place of a plant tells its zone, by the polygons of timezone-boundary-builder in `tzfpy`, good to 0.1 km. Zones have
moved, so that the offset is that of the year; of a year in which one has moved, as Petersburg's in Indiana did in 2006
and 2007, nothing is known, for by which of the two EPA's hours are nobody says. Nor is it of a place whose zone the
state does not have.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from tzfpy import get_tz

from jobs import published
from jobs.errors import SourceError
from jobs.standard_time import EASTERN_HOURS

LAYOUT = "campd_facilities"
COLUMNS = ("State", "Facility ID", "Latitude", "Longitude")


def offsets(bodies: tuple[bytes, ...], year: int) -> dict[int, int]:
    """Tell the standard time of plants less UTC [h], by their ids: of those in states of several zones.

    Args:
        bodies: files of facilities; none, where none has landed.
        year: the year whose hours are in question.

    Returns:
        What the places say; not of a plant without one, or whose places say two times, or whose zone moved in the year.

    Raises:
        SourceError: a file is not one of facilities.
    """
    told: dict[int, set[int | None]] = {}
    for body in bodies:
        for line in published.table(body, COLUMNS):
            if not line.cells["Facility ID"].isdecimal():
                raise SourceError(f"has no facility's id in line {line.number}: {line.raw_text!r}")
            told.setdefault(int(line.cells["Facility ID"]), set()).add(_offset(line.cells, year))
    return {plant: hours for plant, (hours, *others) in told.items() if hours is not None and not others}


def _offset(cells: dict[str, str], year: int) -> int | None:
    eastern = EASTERN_HOURS.get(cells["State"])
    try:
        latitude_deg, longitude_deg = (published.number(cells[name]) for name in COLUMNS[2:])
    except ValueError:
        return None
    if eastern is None or abs(latitude_deg) > 90 or abs(longitude_deg) > 180:
        return None
    zone = get_tz(longitude_deg, latitude_deg)
    if not zone:
        return None
    # At either end of a year no state has its clocks forward.
    ends = datetime(year, 1, 1), datetime(year, 12, 31)
    hours, *moved = {ZoneInfo(zone).utcoffset(end).total_seconds() / 3600 for end in ends}
    return int(hours) if not moved and hours in (eastern, eastern - 1) else None
