"""probe -- look at a system's record in the bucket for power that is stored in another unit than its dictionary says.

A day cannot tell, for it may be dark; so the record is sampled from its beginning to its end, and `scale` judges the
peaks of each channel's months. What it finds belongs in `scales.csv`, by a person who has seen the evidence.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs import contract, listing, register, scale, stage, transform, vocabulary
from jobs.dictionary import Dictionary
from jobs.errors import SourceError
from jobs.flags import OUT_OF_RANGE, SENTINEL
from jobs.listing import Found, Window
from jobs.objects import Bucket
from jobs.scale import FULL_SUN, Span
from jobs.transform import SourceObject

TABLE = "fact_pv_measurement"
POWER = ("ac_power", "dc_power")
IRRADIANCE = ("poa_irradiance", "ghi")
# So many days of each month are read, and so much of the beginning of an object that is more than a day.
DAYS_A_MONTH = 3
MOST_BYTES = 16 * 1024**2
# What is above it may be a spike.
HIGH = 0.999


@dataclass(frozen=True)
class Judged:
    """A power channel of a system: its peaks by month [W, by the dictionary's unit], and what its scale is."""

    ss_id: int
    sensor: str
    dc_capacity_kw: float | None
    peaks: dict[str, float]
    spans: list[Span]

    def lines(self) -> Iterator[dict[str, object]]:
        """Give the spans as lines of the register; the first and the last reach to the ends of the record."""
        seen = f"NREL PVDAQ: peaks of {len(self.peaks)} months from {min(self.peaks)} to {max(self.peaks)}"
        for span in self.spans:
            yield {
                "ss_id": self.ss_id,
                "channel": register.channel(self.sensor),
                "first_day": None if span is self.spans[0] else date.fromisoformat(f"{span.first_month}-01"),
                "last_day": None if span is self.spans[-1] else _last_day(span.last_month),
                "factor": span.scale.factor,
                "reason": span.scale.reason,
                "source": f"{seen}; nameplate {self.dc_capacity_kw} kW",
            }


def probe(ss_id: int, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Judged]:
    """Sample a system's record and judge its power channels, whatever the register says already.

    Raises:
        SourceError: the system has nothing to read, or an object of the sample cannot be read.
    """
    promised = contract.load(TABLE)
    found = listing.listed(promised, Window(systems=(ss_id,)), lambda done, total: None)
    chosen = _sample(listing.best(promised, found))
    if not chosen:
        raise SourceError(f"system {ss_id} has no object that is not empty, and nothing can be said of its units")
    bucket = listing.bucket_of(promised)
    beside = stage.beside(bucket, _described_by(chosen[0]))
    known = Dictionary.of(ss_id, beside.get("dictionary", ()), beside.get("metadata", ()))
    peaks: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    with ThreadPoolExecutor(bucket.connections) as pool:
        samples = pool.map(lambda one: _peaks(bucket, one, beside), chosen)
        for done, sample in enumerate(samples, start=1):
            for (quantity, sensor, month), peak in sample.items():
                of_channel = peaks[quantity, sensor]
                of_channel[month] = max(peak, of_channel.get(month, -math.inf))
            progress(done, len(chosen))
    return list(_judged(ss_id, known, peaks))


def _sample(found: list[Found]) -> list[Found]:
    """Choose some days of each month, apart from each other, and all that is more than a day."""
    months: dict[tuple, list[Found]] = defaultdict(list)
    chosen = []
    for one in found:
        if "day" in one.parts:
            months[int(one.parts["year"]), int(one.parts["month"])].append(one)
        else:
            chosen.append(one)
    for days in months.values():
        days.sort(key=lambda one: int(one.parts["day"]))
        places = {round((2 * n + 1) * len(days) / (2 * DAYS_A_MONTH) - 0.5) for n in range(DAYS_A_MONTH)}
        chosen += [days[place] for place in sorted(places)]
    return chosen


def _described_by(one: Found) -> tuple:
    return tuple((name, version) for name, version in one.companions if name in one.source.companions)


def _peaks(bucket: Bucket, one: Found, beside: dict[str, tuple[bytes, ...]]) -> dict[tuple[str, str, str], float]:
    """Read an object as the table does, and give each channel's peak of each month in it."""
    body = bucket.read(one.version) if "day" in one.parts else bucket.head(one.version, MOST_BYTES)
    found: dict[tuple[str, str, str], float] = {}
    for piece in transform.of(TABLE).transform(SourceObject.of(body, one.parts, one.source.name, **beside)):
        rows = piece.rows
        # What an irradiance cannot be is no light; what power cannot be is what is asked for.
        codes = pc.if_else(pc.is_in(rows["quantity"], pa.array(IRRADIANCE)), SENTINEL | OUT_OF_RANGE, SENTINEL)
        is_sound = pc.equal(pc.bit_wise_and(rows["quality"], codes), 0)
        rows = rows.filter(pc.and_(is_sound, pc.is_in(rows["quantity"], pa.array(POWER + IRRADIANCE))))
        rows = rows.append_column("month", pc.strftime(rows["timestamp"], "%Y-%m"))
        for key in rows.group_by(["quantity", "sensor", "month"]).aggregate([]).to_pylist():
            quantity, sensor, month = key["quantity"], key["sensor"], key["month"]
            is_its = pc.and_(pc.equal(rows["sensor"], sensor), pc.equal(rows["month"], month))
            peak = float(np.quantile(rows["value"].filter(is_its).to_numpy(), HIGH))
            found[quantity, sensor, month] = max(peak, found.get((quantity, sensor, month), -math.inf))
    return found


def _judged(ss_id: int, known: Dictionary, peaks: dict[tuple[str, str], dict[str, float]]) -> Iterator[Judged]:
    capacity_kw = known.system.dc_capacity_kw
    # Channels that were never on share nothing.
    sharing = Counter(quantity for (quantity, _), months in peaks.items() if max(months.values()) > 0)
    lit = {quantity for (quantity, _), months in peaks.items() if _is_lit(quantity, months, capacity_kw, sharing)}
    for (quantity, sensor), months in sorted(peaks.items()):
        if quantity not in POWER:
            continue
        entry = {**known.entries.get(vocabulary.parse(sensor).in_dictionary, {}), "units": "W"}
        is_lit = bool(lit - {quantity})
        channels = max(1, sharing[quantity])
        spans = scale.changes(entry, capacity_kw, months, channels=channels, is_lit=is_lit)
        yield Judged(ss_id, sensor, capacity_kw, months, spans)


def _is_lit(quantity: str, months: dict[str, float], capacity_kw: float | None, sharing: Counter[str]) -> bool:
    """Tell whether a channel shows full sun in the sample: by irradiance, or by power that is a working plant's."""
    peak = max(months.values())
    if quantity in IRRADIANCE:
        return peak >= FULL_SUN
    share = peak / 1000 / (capacity_kw or math.inf)
    return scale.LEAST / max(1, sharing[quantity]) <= share <= scale.MOST


def _last_day(month: str) -> date:
    first = date.fromisoformat(f"{month}-01")
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
