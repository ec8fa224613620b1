"""fact_pv_measurement -- readings from the four layouts of PVDAQ.

What surprises in this data: a channel without a value all day is left out of that day's header, so two days of one
system have different columns; the loggers of one system write a second apart, so most cells are blank; power is
negative at night because the inverter draws; and a name's unit is not the value's unit (see `vocabulary`).

* `daily_csv`: a system's day, wide, with the logger's wall clock.
* `daily_parquet`: the same day, long, with instants where they are published; a dictionary names the channels.
* `annual_csv`: a system's year or a part of it, wide, in UTC; or daily aggregates under a first column without a name.
* `prize_csv`: a system's whole record, wide, in vintages, of which a newer one owns the readings from its start on.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs import clock, long_parquet, quality, register, wide_csv
from jobs.dictionary import Dictionary
from jobs.flags import OUT_OF_RANGE, SENTINEL
from jobs.listing import NEWER, days_of
from jobs.quality import System
from jobs.register import SCALES, Stretch
from jobs.transform import Parsed, Reject, SourceObject
from jobs.vocabulary import Channel
from jobs.wide_csv import MEASURED_ON, UTC, Block, Layout, Owned, Readings

VERSION = 4

# Where there is light the sun is up, whatever the clock says.
LIGHT = "poa_irradiance", "ghi"

NAMED = re.compile(r"[A-Za-z0-9][ -~]*__[0-9]+"), "<sensor_name>__<metric_id>"
PUBLISHED = re.compile(r"[A-Za-z0-9][ -~]*"), "channel"


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn one object into readings.

    Args:
        source: an object of one of the layouts. `ss_id` and what else its key names are its own: a line of another
            system or day [wall clock] is refused.

    Yields:
        One row per reading, a piece of a large file after the other; channels in the file's order and times in the
        lines' order. Blank cells are no readings. The first reading of a time and channel is kept; a later one with the
        same value is a duplicate, one with another value is refused.

    Raises:
        SourceError: the object has no usable header, or its columns are not those of its layout.
    """
    ss_id = int(source.parts["ss_id"])
    beside = source.companions
    dictionary = Dictionary.of(ss_id, beside.get("dictionary", ()), beside.get("metadata", ()))
    empty = True
    for block in _blocks(source, ss_id, dictionary):
        empty = False
        yield _parsed(ss_id, block, dictionary, beside.get(SCALES, ()))
    if empty:
        yield Parsed(_rows(ss_id, {}, {}, System()))


def _blocks(source: SourceObject, ss_id: int, dictionary: Dictionary) -> Iterator[Block]:
    days = days_of(source.parts)
    if source.layout == "daily_parquet":
        yield long_parquet.read(source.body(), days[0], dictionary.sensor, dictionary.system.zone)
        return
    layout = {
        "daily_csv": Layout(ss_id, NAMED, (MEASURED_ON,), days),
        "annual_csv": Layout(ss_id, PUBLISHED, (MEASURED_ON, UTC, ""), days),
        "prize_csv": Layout(ss_id, PUBLISHED, (MEASURED_ON, UTC)),
    }[source.layout]
    with source.open() as stream:
        yield from wide_csv.blocks(stream, replace(layout, owned=_owned(source, layout), zone=dictionary.system.zone))


def _owned(source: SourceObject, layout: Layout) -> tuple[Owned, ...]:
    """Tell what newer vintages have."""
    newer = source.companions.get(NEWER, ())
    return tuple(wide_csv.owned_by(head, tail, layout) for head, tail in zip(newer[::2], newer[1::2], strict=True))


def _parsed(ss_id: int, block: Block, dictionary: Dictionary, scales: tuple[bytes, ...]) -> Parsed:
    """Bring what was read into canonical units; a channel, or days of one, without an established unit is refused."""
    channels = {sensor: dictionary.channel(sensor) for sensor in block.readings}
    rejects, readings = list(block.rejects), {}
    for sensor, (times, instants, values) in block.readings.items():
        channel = channels[sensor]
        if channel.units is None:
            rejects += _unestablished(sensor, channel.reason, times, values)
            continue
        for stretch in register.stretches(scales, sensor):
            within = _within(stretch, times)
            if stretch.factor is None:
                rejects += _unestablished(sensor, stretch.reason, times.filter(within), values.filter(within))
                others = pc.invert(within)
                times, instants, values = (column and column.filter(others) for column in (times, instants, values))
            else:
                values = pc.if_else(within, pc.multiply(values, stretch.factor), values)
        readings[sensor] = times, instants, _converted(values, channel)
    system = dictionary.system
    if not block.by_the_clock:
        # A day of UTC is none of the sun's, and a day as a whole is at no time of it: night and clock are not asked.
        system = System(dc_capacity_kw=system.dc_capacity_kw, started_on=system.started_on)
    return Parsed(_rows(ss_id, readings, channels, system), block.rows_read, block.rows_duplicate, rejects)


def _unestablished(sensor: str, reason: str, times: pa.TimestampArray, values: pa.DoubleArray) -> list[Reject]:
    """Refuse readings of a channel, if there are any, as one."""
    said = f"unit not established: {reason}"
    return [Reject(1, sensor, said, f"{values[0]} at {times[0]}", len(values))] if len(values) else []


def _within(stretch: Stretch, times: pa.TimestampArray) -> pa.BooleanArray:
    day = times.cast(pa.date32())
    first, last = (pa.scalar(bound, pa.date32()) for bound in (stretch.first_day, stretch.last_day))
    return pc.and_(pc.greater_equal(day, first), pc.less_equal(day, last))


def _converted(values: pa.DoubleArray, channel: Channel) -> pa.DoubleArray:
    # What needs no conversion keeps its very bits.
    if channel.factor != 1:
        values = pc.multiply(values, channel.factor)
    return pc.add(values, channel.offset) if channel.offset else values


def _rows(ss_id: int, readings: Readings, channels: Mapping[str, Channel], system: System) -> pa.Table:
    """Put the readings of each sensor one under the other, with what is the same for all of a sensor."""
    described = {sensor: channels[sensor] for sensor in readings}
    lengths = [len(times) for times, _, _ in readings.values()]
    count = sum(lengths)

    def stretched(per_sensor):
        """One value per sensor, repeated for each of its readings; four bytes a row."""
        words = pa.array(per_sensor, pa.string()).dictionary_encode()
        owner = np.repeat(np.arange(len(lengths)), lengths)
        return pa.DictionaryArray.from_arrays(words.indices.take(pa.array(owner)), words.dictionary)

    times = pa.concat_arrays([pa.array([], pa.timestamp("us")), *(times for times, _, _ in readings.values())])
    values = pa.concat_arrays([pa.array([], pa.float64()), *(values for _, _, values in readings.values())])
    published = pa.concat_arrays(
        [pa.array([], pa.timestamp("us"))]
        + [pa.nulls(len(times), pa.timestamp("us")) if utc is None else utc for times, utc, _ in readings.values()]
    )
    flags = _quality(readings, channels, system)
    wrong = clock.contradicted(_lights(readings, channels, flags), system)
    known = pa.array(clock.instants(times.to_numpy(), system, wrong))
    basis = "iana" if system.utc_offset_hours is None else "offset"
    return pa.table(
        {
            "ss_id": pa.repeat(pa.scalar(ss_id, pa.int64()), count),
            "timestamp": times,
            "sensor": stretched(list(readings)),
            "units": stretched([channel.units for channel in described.values()]),
            "value": values,
            "quantity": stretched([channel.quantity for channel in described.values()]),
            "timestamp_utc": pc.coalesce(published, known).cast(pa.timestamp("us", tz="UTC")),
            "utc_basis": pc.if_else(published.is_valid(), "published", pc.if_else(known.is_valid(), basis, "none")),
            "quality": np.concatenate([np.array([], np.int64), *flags.values()]),
        }
    )


def _quality(readings: Readings, channels: Mapping[str, Channel], system: System) -> dict[str, np.ndarray]:
    return {
        sensor: quality.flags(
            times.to_numpy(), values.to_numpy(), channels[sensor].quantity, channels[sensor].units, system
        )
        for sensor, (times, _, values) in readings.items()
    }


def _lights(
    readings: Readings, channels: Mapping[str, Channel], flags: Mapping[str, np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give times and values of what measures light, without what is no light."""
    for sensor, (times, _, values) in readings.items():
        if channels[sensor].quantity in LIGHT:
            is_sound = flags[sensor] & (SENTINEL | OUT_OF_RANGE) == 0
            yield times.to_numpy()[is_sound], values.to_numpy()[is_sound]
