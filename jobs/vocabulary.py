"""vocabulary -- the canonical quantity and unit of a channel, by its published name.

The table is `vocabulary.csv`. A unit in a published name (`ac_power_hw`, `ambient_temp_f`, `wind_speed_mph`,
`power_factor_1000`) is that of the logger's raw signal: the stored values are in the canonical unit already, and
scaling them again gives errors of 100 or 1000 (system 34: 471.4 kWh on a January day from 146.6 kW, as it should be).
"""

import csv
import re
from functools import cache
from pathlib import Path


@cache
def _patterns() -> tuple[tuple[re.Pattern, str, str], ...]:
    with Path(__file__).with_suffix(".csv").open(newline="", encoding="utf-8") as table:
        return tuple(
            (re.compile(row["name_pattern"], re.IGNORECASE), row["quantity"], row["units"])
            for row in csv.DictReader(table)
        )


@cache
def describe(sensor: str) -> tuple[str | None, str | None]:
    """Tell the quantity and unit of a sensor from its standard name; none and none where the name is not known.

    >>> describe("ac_power_hw__2695")
    ('ac_power', 'W')
    >>> describe("pyranometer_signal__7")
    (None, None)
    """
    name = sensor.rpartition("__")[0]
    return next(((quantity, units) for known, quantity, units in _patterns() if known.fullmatch(name)), (None, None))
