"""flags -- the bits of `quality` in fact_pv_measurement.

The contract, the README and every reader of the bits take their text from this table; a test holds the first two to it.
"""

from typing import NamedTuple

SENTINEL, OUT_OF_RANGE, STALE, OUTLIER, NIGHT_OFFSET, CLIPPING, DST, INCOMPLETE, UNIT_DOUBTFUL, CLOCK_DOUBTFUL = (
    1 << bit for bit in range(10)
)


class Flag(NamedTuple):
    """A bit of `quality`: what it means to a reader, and how it is found."""

    name: str
    meaning: str
    method: str


FLAGS = {
    SENTINEL: Flag(
        "sentinel",
        "a logger's code for no reading (-999, -7999, -9999, -99999, -5308.9, -50001.8, -53999; -40 degC)",
        "the codes that PVDAQ's loggers are known to write, within 0.001",
    ),
    OUT_OF_RANGE: Flag(
        "out_of_range",
        "beyond what can be",
        "`jobs/limits.csv`; power against the DC capacity; GHI, DNI and DHI by QCRad where the sun is known",
    ),
    STALE: Flag(
        "stale",
        "repeated or filled in, not measured: unchanged or on a straight line for an hour or more",
        "`gaps.stale_values_diff` and `gaps.interpolation_diff`, six readings or more; not what is at rest or clipped",
    ),
    OUTLIER: Flag(
        "outlier",
        "far from both its neighbours, which are near each other",
        "`outliers.hampel` of three readings, beyond the floor in `jobs/limits.csv`",
    ),
    NIGHT_OFFSET: Flag(
        "night_offset",
        "power or irradiance that is not zero at night: an inverter's draw, a sensor's offset",
        "pvlib's solar geometry, the sun below -6 deg; never where place or zone are unknown",
    ),
    CLIPPING: Flag(
        "clipping",
        "AC power held at the inverter's limit",
        "`clipping.geometric`, for an hour in the day's upper 5 %, with lower readings before and after",
    ),
    DST: Flag(
        "dst",
        "of an hour that the zone's clock skips or has twice",
        "the rules of the system's IANA zone; a logger that keeps standard time all year has such hours too",
    ),
    INCOMPLETE: Flag(
        "incomplete_day",
        "of a day on which the sensor has less than 95 % of its readings",
        "`gaps.completeness_score`, by the sensor's median step of the day, an hour at most",
    ),
    UNIT_DOUBTFUL: Flag(
        "unit_doubtful",
        "perhaps not in `units`",
        "power of a day whose greatest value is more than ten times the DC capacity",
    ),
    CLOCK_DOUBTFUL: Flag(
        "clock_doubtful",
        "of a day that the logger's clock cannot have been right on",
        "before 1990 or after 2049, or more than a year before the system's `started_on`",
    ),
}

# A value with one of these is not what the sensor's quantity was; the other flags tell of values that were measured.
NOT_MEASURED = SENTINEL | OUT_OF_RANGE | STALE | OUTLIER | UNIT_DOUBTFUL
