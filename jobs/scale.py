"""scale -- whether a power channel is stored in its unit, judged by the nameplate of its plant.

PVDAQ stores values in the dictionary's `units`; its `calc_scale` has been applied. In systems 1430 (2000) and 1433
(1000) it has not, and in 1332 it has from August 2018 on. No name and no dictionary tells which, but the peak does: a
plant's best moment is near its nameplate, and an unscaled one is a hundred or a thousand times off.

A low peak alone proves nothing, because winter, snow, a repair or a dead inverter are low too. So a scale is applied
only where it makes the peak plausible, where half a year, or a probe in which other channels show full sun, has no
moment above one per cent of the nameplate, and, inside a record, where it makes the low months the same plant as the
others.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from jobs.vocabulary import conversions

# The peak of a working plant, as a share of its DC nameplate: at least on a clear winter's day, at most with cold
# modules, bright cloud edges and a nameplate that is a little wrong.
LEAST, MOST = 0.1, 1.5
# Below this no sun excuses a plant's best moment in HALF_A_YEAR days.
INEXCUSABLE = 0.01
HALF_A_YEAR = 180
# Irradiance that lights a plant to far more than that [W/m2].
FULL_SUN = 500.0
# Above this no wrong nameplate excuses it either; units and scales are wrong by 100 and more.
ABSURD = 10.0
# In one record: so many months at least are low together, and scaled they have the others' peak within this factor.
LOW_MONTHS = 6
SAME_PLANT = 2.0


@dataclass(frozen=True)
class Scale:
    """What to multiply stored values by before their units are converted, and why; null where no factor is right."""

    factor: float | None
    reason: str


@dataclass(frozen=True)
class Span:
    """The months of a record, first and last included, that one scale holds for."""

    first_month: str
    last_month: str
    scale: Scale


def decide(
    dictionary_entry: Mapping,
    dc_capacity_kw: float | None,
    peak: float | None,
    *,
    span_days: int,
    channels: int = 1,
    is_lit: bool = False,
) -> Scale:
    """Decide by what to multiply the stored values of a channel.

    Args:
        dictionary_entry: the channel's `units`, `calc_scale` and `calc_offset` in the source's dictionary.
        dc_capacity_kw: nameplate of the whole system [kW DC]; null where nobody knows it.
        peak: a high quantile of what is stored [the dictionary's units], codes for "no reading" left out; the 99.9th
            percentile rather than the maximum, which may be a spike. Null where nothing is stored.
        span_days: days from the first to the last reading of the probe that the peak is of.
        channels: how many channels of the quantity share the nameplate, such as one for each inverter.
        is_lit: whether other channels show full sun in the probe.

    Returns:
        1 unless there is proof of another factor; null where the stored values can be in no known unit.

    >>> decide({"units": "W", "calc_scale": 100.0, "calc_offset": 0.0}, 146.64, 115_800.0, span_days=3650)
    Scale(factor=1.0, reason='stored in units: peak 115.8 kW of 146.6 kW')
    """
    watts, _ = conversions(dictionary_entry["units"] or "").get("W", (None, None))
    if watts is None:
        return Scale(1.0, "stored in units: only power can be held against a nameplate")
    if not dc_capacity_kw or not 0 < dc_capacity_kw < math.inf:
        return Scale(1.0, "undecided: no capacity")
    if peak is None or not 0 < peak < math.inf:
        return Scale(1.0, "undecided: no power in the probe")
    share, calc_scale = peak * watts / 1000 / dc_capacity_kw, _calc_scale(dictionary_entry)
    told = f"peak {peak * watts / 1000:.4g} kW of {dc_capacity_kw:.4g} kW"
    if _plausible(share, channels):
        return Scale(1.0, f"stored in units: {told}")
    if MOST < share <= ABSURD:
        return Scale(1.0, f"implausible: {told}; left as it is, for no unit is wrong by so little")
    is_low, helps = share <= MOST, _plausible(share * calc_scale, channels)
    if is_low and (share >= INEXCUSABLE / channels or not helps):
        return Scale(1.0, f"undecided: {told} is low, and no scale is proved")
    if is_low and span_days < HALF_A_YEAR and not is_lit:
        return Scale(1.0, f"undecided: {told}, but {span_days} days may be dark")
    if not helps:
        return Scale(
            None, f"implausible: {told}, {_percent(share)} of nameplate, and calc_scale {calc_scale:g} does not help"
        )
    return Scale(calc_scale, f"calc_scale {calc_scale:g} applied: {_would_be(share, calc_scale)}")


def changes(
    dictionary_entry: Mapping,
    dc_capacity_kw: float | None,
    peaks: Mapping[str, float],
    *,
    channels: int = 1,
    is_lit: bool = False,
) -> list[Span]:
    """Find where the unit changes inside the record of one channel.

    A month in which it changes is one or the other by its peak; its days need peaks of their own.

    Args:
        dictionary_entry: as for `decide`.
        dc_capacity_kw: as for `decide`.
        peaks: by month, written so that they sort, such as `2018-07`: a high quantile of what is stored.
        channels: as for `decide`.
        is_lit: as for `decide`.

    Returns:
        The spans of the record in order, one where nothing changes, none for an empty record. Months that tell
        nothing, such as dark ones, belong to the span before them. Where no month is plausible as it is stored, there
        is nothing to compare with, and the record is what `decide` says of its highest month.
    """
    if not peaks:
        return []
    months = sorted(peaks)
    watts, _ = conversions(dictionary_entry["units"] or "").get("W", (0.0, 0.0))
    stored = {month: peaks[month] if peaks[month] and math.isfinite(peaks[month]) else 0.0 for month in months}
    shares = {month: stored[month] * watts / 1000 / (dc_capacity_kw or math.inf) for month in months}
    # Beside the dictionary's own scale, the one confusion that units of power are open to.
    factors = (_calc_scale(dictionary_entry), 1000.0, 0.001)
    found = {month: _factor(share, factors, channels) for month, share in shares.items()}
    usual = [shares[month] for month in months if found[month] == 1]
    if not usual:
        whole = decide(
            dictionary_entry,
            dc_capacity_kw,
            max(stored.values()),
            span_days=30 * len(months),
            channels=channels,
            is_lit=is_lit,
        )
        return [Span(months[0], months[-1], whole)]
    kept = {month: 1.0 for month in months if found[month] == 1}
    for factor, run in _runs(months, found):
        scaled = median(shares[month] for month in run) * factor
        is_same = 1 / SAME_PLANT <= scaled / median(usual) <= SAME_PLANT
        if factor != 1 and is_same and (factor < 1 or len(run) >= LOW_MONTHS):
            kept |= dict.fromkeys(run, factor)
    return [
        Span(first, last, Scale(factor, _told(factor, max(shares[month] for month in run), dc_capacity_kw)))
        for first, last, factor, run in _spans(months, kept)
    ]


def _calc_scale(dictionary_entry: Mapping) -> float:
    """Give the dictionary's scale; 1 where it has none, or none that is a mere factor."""
    scale, offset = dictionary_entry.get("calc_scale"), dictionary_entry.get("calc_offset")
    return 1.0 if offset or not scale or not 0 < scale < math.inf else float(scale)


def _plausible(share: float, channels: int) -> bool:
    return LEAST / channels <= share <= MOST


def _factor(share: float, factors: Iterable[float], channels: int) -> float | None:
    """Tell which factor makes a month's peak plausible; none if the month needs none and is not plausible either."""
    if _plausible(share, channels):
        return 1.0
    if INEXCUSABLE / channels <= share <= ABSURD:
        return None
    return next((factor for factor in factors if _plausible(share * factor, channels)), None)


def _runs(months: list[str], found: Mapping[str, float | None]) -> list[tuple[float, list[str]]]:
    """Put months with the same factor together; those with none interrupt nothing."""
    runs: list[tuple[float, list[str]]] = []
    for month in months:
        factor = found.get(month)
        if factor is None:
            continue
        if not runs or runs[-1][0] != factor:
            runs.append((factor, []))
        runs[-1][1].append(month)
    return runs


def _spans(months: list[str], kept: Mapping[str, float]) -> list[tuple[str, str, float, list[str]]]:
    """Give every month to the run of months before it, the first ones to the first: first, last, factor, the run."""
    runs = _runs(months, kept)
    starts = [0, *(months.index(run[0]) for _, run in runs[1:]), len(months)]
    return [
        (months[start], months[end - 1], factor, run)
        for (factor, run), start, end in zip(runs, starts[:-1], starts[1:], strict=True)
    ]


def _told(factor: float, share: float, dc_capacity_kw: float) -> str:
    if factor == 1:
        return f"stored in units: peak {share * dc_capacity_kw:.4g} kW of {dc_capacity_kw:.4g} kW"
    return f"the unit changes inside the record: {_would_be(share, factor)}"


def _would_be(share: float, factor: float) -> str:
    return f"peak would else be {_percent(share)} of nameplate and is {_percent(share * factor)}"


def _percent(share: float) -> str:
    return f"{100 * share:,.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
