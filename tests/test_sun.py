"""How high the sun stands: against the full algorithm, and what counts as unknown."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from pvlib import solarposition

from jobs import sun

SUMMER, WINTER = date(2019, 7, 1), date(2019, 1, 5)
SECONDS = np.arange(0, 86400, 300.0)


@pytest.mark.parametrize(
    ("latitude", "longitude", "offset"),
    [(39.74, -105.17, -7.0), (64.84, -147.7, -9.0), (18.4, -66.1, -4.0), (-33.9, 151.2, 10.0), (51.5, -0.1, 0.0)],
)
def test_the_elevation_is_right_to_two_thirds_of_a_degree_on_every_fifth_day_of_a_year(latitude, longitude, offset):
    days = pd.date_range("2020-01-01", "2020-12-31", freq="5D")
    instants = pd.DatetimeIndex(np.concatenate([day + pd.to_timedelta(SECONDS, "s") for day in days]))
    utc = (instants - pd.Timedelta(hours=offset)).tz_localize("UTC")
    right = solarposition.get_solarposition(utc, latitude, longitude)["elevation"].to_numpy()

    found = np.concatenate([sun.elevation_deg(day.date(), SECONDS, latitude, longitude, (offset,)) for day in days])

    assert np.abs(found - right).max() < 0.67


def test_of_two_clocks_the_one_with_the_higher_sun_counts():
    one, other = (sun.elevation_deg(SUMMER, SECONDS, 39.74, -105.17, (offset,)) for offset in (-7.0, -6.0))

    both = sun.elevation_deg(SUMMER, SECONDS, 39.74, -105.17, (-7.0, -6.0))

    assert (both == np.maximum(one, other)).all()
    assert (one != other).any()


@pytest.mark.parametrize(
    ("day", "longitude", "offset", "zone", "known"),
    [
        (SUMMER, -105.17, -7.0, "America/Denver", (-7.0,)),
        (SUMMER, -105.17, None, "America/Denver", (-7.0, -6.0)),
        (WINTER, -105.17, None, "America/Denver", (-7.0,)),
        (SUMMER, -112.1, None, "America/Phoenix", (-7.0,)),
        (SUMMER, -115.16, None, "PST8PDT", (-8.0, -7.0)),
        (SUMMER, 75.0, None, "Asia/Shanghai", (8.0,)),
        (SUMMER, -175.2, None, "Pacific/Tongatapu", (13.0,)),
        (SUMMER, 105.17, None, "America/Denver", ()),
        (SUMMER, -105.17, 7.0, None, ()),
        (SUMMER, -105.17, None, None, ()),
        (SUMMER, -105.17, None, "", ()),
        (SUMMER, -105.17, None, "7", ()),
        (SUMMER, -105.17, None, "America", ()),
        (SUMMER, -105.17, None, "../UTC", ()),
        (SUMMER, float("nan"), -7.0, None, ()),
    ],
)
def test_a_clock_is_known_or_is_not(day, longitude, offset, zone, known):
    assert sun.offsets_h(day, longitude, offset, zone) == known


@pytest.mark.parametrize(
    ("day", "zone", "hour"),
    [
        (date(2019, 3, 10), "America/Los_Angeles", (2 * 3600, 3 * 3600)),
        (date(2019, 11, 3), "PST8PDT", (3600, 2 * 3600)),
        (date(2019, 11, 4), "America/Los_Angeles", None),
        (date(2019, 11, 3), "America/Phoenix", None),
        (date(2019, 11, 3), "Nowhere/Else", None),
        (date(2019, 11, 3), None, None),
        # Half an hour in Lord Howe.
        (date(2019, 4, 7), "Australia/Lord_Howe", (5400, 7200)),
    ],
)
def test_the_hour_of_a_clocks_change_is_that_of_its_zone(day, zone, hour):
    assert sun.clock_change_s(day, zone) == hour
