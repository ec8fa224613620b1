"""limits -- what the readings of a quantity are held to, in its canonical unit.

The table is `limits.csv`. `minimum` and `maximum` are the least and the greatest that can be. A reading is stale that
has not changed by more than `stale_within` for `stale_hours` and is above `rest`. An outlier is further than `outlier`
from its neighbours. `zero_at_night` is what should be zero then. A percentage is of the DC capacity in the range, and
of the day's greatest reading elsewhere; a blank is not tested.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Level:
    """A number, or a share of something."""

    amount: float
    is_share: bool

    def of(self, whole: float | None) -> float | None:
        """Give the number; none for a share of what is not known.

        >>> Level(0.2, True).of(50.0), Level(3.0, False).of(None), Level(0.2, True).of(None)
        (10.0, 3.0, None)
        """
        if not self.is_share:
            return self.amount
        return None if whole is None else self.amount * whole


@dataclass(frozen=True)
class Limits:
    """A line of the table; what is none is not tested."""

    minimum: Level | None
    maximum: Level | None
    stale_hours: float | None
    stale_within: float
    rest: Level | None
    outlier: Level | None
    zero_at_night: bool


@cache
def of(quantity: str | None, units: str | None) -> Limits | None:
    """Tell what a quantity is held to; none where the table lacks it, or has it in another unit."""
    return _table().get((quantity, units))


@cache
def _table() -> dict[tuple[str, str], Limits]:
    with Path(__file__).with_suffix(".csv").open(newline="", encoding="utf-8") as table:
        return {
            (row["quantity"], row["units"]): Limits(
                minimum=_level(row["minimum"]),
                maximum=_level(row["maximum"]),
                stale_hours=float(row["stale_hours"]) if row["stale_hours"] else None,
                stale_within=float(row["stale_within"] or 0),
                rest=_level(row["rest"]),
                outlier=_level(row["outlier"]),
                zero_at_night=row["zero_at_night"] == "yes",
            )
            for row in csv.DictReader(table)
        }


def _level(cell: str) -> Level | None:
    if not cell:
        return None
    is_share = cell.endswith("%")
    return Level(float(cell.rstrip("%")) / (100 if is_share else 1), is_share)
