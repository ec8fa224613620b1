"""gwp -- what a kilogram of a gas counts for over 100 years, by the reports of the IPCC, and masses as CO2e by them.

Methane is of fossil and other sources alike; in the report of 2013 it is without feedbacks.
"""

from collections.abc import Mapping

# kg CO2e per kg: IPCC AR4 WG1 table 2.14, AR5 WG1 table 8.A.1, AR6 WG1 table 7.SM.7.
SETS: Mapping[str, Mapping[str, float]] = {
    "AR4": {"CO2": 1.0, "CH4": 25.0, "N2O": 298.0},
    "AR5": {"CO2": 1.0, "CH4": 28.0, "N2O": 265.0},
    "AR6": {"CO2": 1.0, "CH4": 27.9, "N2O": 273.0},
}


def co2e(masses: Mapping[str, float], gwp_set: str) -> float:
    """Add up masses of gases [kg] as CO2e [kg]; a gas that is not there counts for nothing.

    >>> round(co2e({"CO2": 0.306, "CH4": 0.000009, "N2O": 0.000006}, "AR5"), 6)
    0.307842
    """
    return sum(mass * SETS[gwp_set][gas] for gas, mass in masses.items())
