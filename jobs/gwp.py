"""gwp -- how many kilograms of CO2 warm like one of another gas, over 100 years, by the sets that are in use (gwp.csv).

Sets are never mixed: masses of gases are kept, and CO2e is made of them by one named set.
"""

import csv
from functools import cache
from pathlib import Path


@cache
def sets() -> dict[str, dict[str, float]]:
    """Give the weights [kg CO2e/kg] of the gases by set.

    >>> sets()["AR5"]
    {'ch4': 28.0, 'n2o': 265.0}
    """
    with Path(__file__).with_suffix(".csv").open(newline="", encoding="utf-8") as table:
        return {line["gwp_set"]: {gas: float(line[gas]) for gas in ("ch4", "n2o")} for line in csv.DictReader(table)}
