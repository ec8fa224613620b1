"""gwp -- what a kilogram of a gas counts for over 100 years, by the reports of the IPCC, and masses as CO2e by them.

The table is `gwp.csv`, with its sources. Sets are never mixed: masses of gases are kept, and CO2e is made of them by
one named set. A table that is made with it has it among its registers, so that all of it is made anew if this changes.
"""

import csv
from collections.abc import Mapping
from pathlib import Path


def _sets() -> dict[str, dict[str, float]]:
    with Path(__file__).with_suffix(".csv").open(newline="", encoding="utf-8") as table:
        return {
            line["gwp_set"]: {gas: float(line[gas]) for gas in ("CO2", "CH4", "N2O")} for line in csv.DictReader(table)
        }


# kg CO2e per kg, by set and gas.
SETS: Mapping[str, Mapping[str, float]] = _sets()
# What stands for the set of CO2e whose source does not say it.
NOT_STATED = "not_stated"


def co2e(masses: Mapping[str, float], gwp_set: str) -> float:
    """Add up masses of gases [kg] as CO2e [kg]; a gas that is not there counts for nothing.

    >>> round(co2e({"CO2": 0.306, "CH4": 0.000009, "N2O": 0.000006}, "AR5"), 6)
    0.307842
    """
    return sum(mass * SETS[gwp_set][gas] for gas, mass in masses.items())
