"""vocabulary -- the canonical quantity and unit of a channel, and how its stored values get there.

`vocabulary.csv` has the quantities, `units.csv` the spellings of units. The source's dictionary is asked first, by
common name and units together, because either alone lies: NIST's wind speed has the common name "AC other", and an
"AC power" in kVARh is reactive energy. A channel's own name comes second.

What is stored is in the dictionary's `units`. Its `raw_units`, `calc_scale` and `calc_offset`, and a unit in a name
(`ac_power_hw`, `ambient_temp_f`, `wind_speed_mph`, `power_factor_1000`), are those of the logger's raw signal, and
scaling by them again gives errors of 100 or 1000 (system 34: 471.4 kWh on a January day from 146.6 kW, as it should
be). For what is stored unscaled all the same see `scale`.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

DAILY = re.compile(r"(?P<name>.+)__(?P<metric_id>[0-9]+)")
# `iinv` is a slip of the publisher's in system 2107.
BY_SOURCE = re.compile(
    r"(?P<name>.+)_(?P<source>i?inv|meter|o)_(?P<number>[0-9]+)(_(?P<instance>[0-9]+))?(_daily_(?P<daily>max|mean|sum))?"
)
SOURCE_TYPES = {"inv": "INVERTER", "iinv": "INVERTER", "meter": "METER", "o": "OTHER"}


@dataclass(frozen=True)
class Name:
    """What the name of a column says.

    A daily column has a `metric_id`. Any other has a `source_type` and a `number`, which is the source's id in annual
    files and whatever the publisher chose in prize files; `instance` tells its second and further channels of a kind
    apart; `daily` is how a day's values became one. Names are compared, and given back, in lower case.
    """

    name: str
    metric_id: int | None = None
    source_type: str | None = None
    number: int | None = None
    instance: int | None = None
    daily: str | None = None

    @property
    def in_dictionary(self) -> "Name":
        """The name that the dictionary has for it, which knows nothing of days and has slips of its own.

        >>> parse("ac_power_inv_16530_daily_max").in_dictionary == parse("ac_power_inv_16530")
        True
        """
        return replace(self, daily=None)


@dataclass(frozen=True)
class Channel:
    """What a channel is: stored value * `factor` + `offset` is the value in `units`.

    `units`, `factor` and `offset` are null where no unit is established, and `quantity` where no quantity is; `reason`
    says why they are what they are. `aggregation` is how many samples became one value, null where nothing says.
    """

    quantity: str | None
    units: str | None
    factor: float | None
    offset: float | None
    reason: str
    aggregation: str | None = None


@dataclass(frozen=True)
class Entry:
    """A line of vocabulary.csv. By `name` alone a channel is known of which daily files store `units`."""

    quantity: str
    units: str
    common_names: frozenset[str]
    name: re.Pattern
    name_in_dictionary: re.Pattern


def parse(sensor: str) -> Name:
    """Take the name of a column apart; a name of no known kind is a name and nothing else.

    >>> parse("ac_power_hw__2695").metric_id
    2695
    >>> parse("temperature_module_o_5199_2")
    Name(name='temperature_module', metric_id=None, source_type='OTHER', number=5199, instance=2, daily=None)
    """
    text = sensor.lower()
    if found := DAILY.fullmatch(text):
        return Name(found["name"], metric_id=int(found["metric_id"]))
    if found := BY_SOURCE.fullmatch(text):
        return Name(
            found["name"],
            source_type=SOURCE_TYPES[found["source"]],
            number=int(found["number"]),
            instance=int(found["instance"]) if found["instance"] else None,
            daily=found["daily"],
        )
    return Name(text)


def describe(sensor: str, dictionary_entry: Mapping | None = None) -> Channel:
    """Tell what a channel is, from its name and from the source's dictionary where that has it.

    Args:
        sensor: the name of the source's column.
        dictionary_entry: `common_name` and `units`, and where known `aggregation_type`, as the source spells them.

    >>> describe("ac_power_hw__2695").units
    'W'
    >>> describe("ac_power_inv_16530", {"common_name": "AC power", "units": "kW"}).factor
    1000.0
    >>> describe("pyranometer_signal__7").units is None
    True
    """
    name, entry = parse(sensor), dictionary_entry
    found = _by_name(name) if entry is None else _by_dictionary(name, entry["common_name"] or "", entry["units"] or "")
    if name.daily is None:
        return Channel(*found, (entry or {}).get("aggregation_type"))
    # A day's greatest power is no reading of a power: whoever sums up a quantity must not meet it.
    quantity = found[0] and f"{found[0]}_daily_{name.daily}"
    return Channel(quantity, *found[1:], f"daily {name.daily}")


@cache
def conversions(spelling: str) -> dict[str, tuple[float, float]]:
    """Give the canonical units that a spelling can mean, with factor and offset; none where it is not established.

    >>> conversions("kW")
    {'W': (1000.0, 0.0)}
    """
    return {
        row["units"]: (float(Fraction(row["factor"])), float(Fraction(row["offset"])))
        for row in _rows("units.csv")
        if row["spelling"] == spelling and row["units"]
    }


@cache
def _by_name(name: Name) -> tuple:
    if name.metric_id is None:
        return None, None, None, None, "no dictionary has it, and no name tells in which unit such files store"
    for entry in _entries():
        if entry.name.fullmatch(name.name):
            return entry.quantity, entry.units, 1.0, 0.0, "no dictionary; daily files store a channel of its name so"
    return None, None, None, None, "no dictionary has it, and its name is not known"


@cache
def _by_dictionary(name: Name, common_name: str, spelling: str) -> tuple:
    meanings = conversions(spelling)
    fitting = [entry for entry in _entries() if entry.units in meanings]
    by_common_name = [entry for entry in fitting if common_name.lower() in entry.common_names]
    named = [entry for entry in fitting if entry.name_in_dictionary.fullmatch(name.name)]
    entry = next(iter(by_common_name or named), None)
    if entry is None and len(meanings) != 1:
        return None, None, None, None, _why_not(spelling)
    units = entry.units if entry else next(iter(meanings))
    factor, offset = meanings[units]
    said = f"stored in {spelling or 'no unit'}, as the dictionary says"
    if entry is None:
        said += f"; no quantity has the common name {common_name!r} or this name, and this unit"
    elif not by_common_name:
        said += f"; {entry.quantity} by its name"
    return entry.quantity if entry else None, units, factor, offset, said


def _why_not(spelling: str) -> str:
    if not spelling:
        return "the dictionary gives no unit"
    known = (row["why_not"] for row in _rows("units.csv") if row["spelling"] == spelling)
    return f"stored in {spelling}: {next(known, 'a unit that is not known')}"


@cache
def _entries() -> tuple[Entry, ...]:
    return tuple(
        Entry(
            row["quantity"],
            row["units"],
            frozenset(row["common_names"].lower().split(", ")) - {""},
            re.compile(row["name_pattern"], re.IGNORECASE),
            re.compile(f"{row['name_pattern']}|{row['dictionary_name_pattern']}", re.IGNORECASE),
        )
        for row in _rows("vocabulary.csv")
    )


@cache
def _rows(table: str) -> tuple[dict[str, str], ...]:
    with Path(__file__).with_name(table).open(newline="", encoding="utf-8") as source:
        return tuple(csv.DictReader(source))
