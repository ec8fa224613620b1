"""register -- what was found out of systems by looking at their records, and written down in this repository.

A register is `<name>.csv` beside this module. Its lines on a system are a companion of the system's objects, like a
dictionary: they are part of what an object is, so that a new line makes just its system's objects others. Of an object
of no system all of the register is, and of a unit of a derived table that is computed with it.

`scales.csv` says of power channels by what to multiply what is stored before the dictionary's units count; without a
factor the unit is not established, and the days are refused. `python -m jobs scales` proposes its lines. A channel is
its metric id, or where its name has none its name; blank days are all before, or after, the other; a day is one of
`timestamp`.
"""

import csv
import io
import itertools
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from jobs import vocabulary
from jobs.errors import SourceError
from jobs.objects import ObjectVersion, digest

SCALES = "scales"
# Stands where an object's bucket does.
HERE = "register:"


@dataclass(frozen=True)
class Stretch:
    """Days of a channel's record, both ends included, that are stored in another unit, or in none that is known."""

    first_day: date
    last_day: date
    factor: float | None
    reason: str

    @property
    def is_whole(self) -> bool:
        """Tell whether it is all of the record."""
        return (self.first_day, self.last_day) == (date.min, date.max)

    def __str__(self):
        what = "no unit is established" if self.factor is None else f"times {self.factor:g}"
        first = f" from {self.first_day}" if self.first_day != date.min else ""
        last = f" to {self.last_day}" if self.last_day != date.max else ""
        return f"{what}{first}{last}: {self.reason}"


def version(name: str, ss_id: str | None) -> ObjectVersion | None:
    """Give a register's lines on a system as an object version, or all of it; none if it has none."""
    if ss_id is None:
        return ObjectVersion(HERE, name, digest(_whole(name)), len(_whole(name)))
    body = _lines(name).get(int(ss_id))
    return body and ObjectVersion(HERE, f"{name}/{int(ss_id)}", digest(body), len(body))


def has(known: ObjectVersion) -> bool:
    """Tell whether an object version is a register's lines."""
    return known.bucket == HERE


def read(known: ObjectVersion) -> bytes:
    """Read a register's lines on a system, with the header, or all of it.

    Raises:
        SourceError: the register here is not the one that was planned with.
    """
    name, _, ss_id = known.key.partition("/")
    if version(name, ss_id or None) != known:
        of = f" of system {ss_id}" if ss_id else ""
        raise SourceError(f"jobs/{name}.csv here says another thing{of} than where it was planned; plan again")
    return _lines(name)[int(ss_id)] if ss_id else _whole(name)


def stretches(bodies: tuple[bytes, ...], sensor: str) -> tuple[Stretch, ...]:
    """Read what the register of scales says of a channel, in order of time.

    Raises:
        ValueError: two lines are of one day.
    """
    found = sorted(_scales(bodies).get(channel(sensor), ()), key=lambda stretch: stretch.first_day)
    if any(later.first_day <= earlier.last_day for earlier, later in itertools.pairwise(found)):
        raise ValueError(f"the register of scales says two things of one day of {sensor}")
    return tuple(found)


@cache
def _scales(bodies: tuple[bytes, ...]) -> dict[str, list[Stretch]]:
    found: dict[str, list[Stretch]] = {}
    for row in (row for body in bodies for row in csv.DictReader(io.StringIO(body.decode()))):
        first, last = row["first_day"], row["last_day"]
        stretch = Stretch(
            date.fromisoformat(first) if first else date.min,
            date.fromisoformat(last) if last else date.max,
            float(row["factor"]) if row["factor"] else None,
            row["reason"],
        )
        found.setdefault(row["channel"], []).append(stretch)
    return found


def channel(sensor: str) -> str:
    """Name a channel as the register does."""
    name = vocabulary.parse(sensor)
    return sensor.lower() if name.metric_id is None else str(name.metric_id)


@cache
def _whole(name: str) -> bytes:
    return Path(__file__).with_name(f"{name}.csv").read_bytes()


@cache
def _lines(name: str) -> dict[int, bytes]:
    """Give the lines of a register by system, each with the header before them."""
    header, *lines = Path(__file__).with_name(f"{name}.csv").read_text(encoding="utf-8").splitlines()
    by_system: dict[int, list[str]] = {}
    for line in lines:
        by_system.setdefault(int(line.partition(",")[0]), []).append(line)
    return {ss_id: "\n".join([header, *own, ""]).encode() for ss_id, own in by_system.items()}
