"""dictionary -- how PVDAQ describes the channels of a system, read from both places where it does.

One parquet file per regular system, and `Metrics` in the JSON metadata of the others. The JSON has two dialects
(numbers as text, units in the names of keys) and may say a name twice; blanks are "", "None" or NaN; and a name of the
parquet need not be spelled as a header spells it.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import nameplate, vocabulary
from jobs.errors import SourceError
from jobs.quality import System

# One dialect has the unit in the name of a key, as in `power(kW DC)`.
UNIT = re.compile(r"\(.*\)$")
BLANKS = {"", "none", "nan", "null"}


def text(value) -> str | None:
    """Read text; none for the blanks that the source has."""
    said = "" if value is None else str(value).strip()
    return None if said.lower() in BLANKS else said


def number(value) -> float | None:
    """Read a finite number; none for a blank."""
    said = text(value)
    found = None if said is None else float(said)
    if found is not None and ("_" in said or not math.isfinite(found)):
        raise ValueError(said)
    return found


def whole_number(value) -> int | None:
    """Read an id; a column of ids with a blank has become one of floats on its way."""
    found = number(value)
    if found is not None and not (found.is_integer() and 0 <= found < 2**53):
        raise ValueError(value)
    return None if found is None else int(found)


# What the parquet has of each channel.
COLUMNS = (
    "system_id",
    "standard_name",
    "metric_id",
    "sensor_name",
    "common_name",
    "units",
    "raw_units",
    "aggregation_type",
    "source_type",
    "source_id",
    "calc_scale",
    "calc_offset",
    "calc_details",
    "comments",
)
# Where the JSON lists what a source type is, and the id it has there.
INSTRUMENTS = {
    "INVERTER": ("Inverters", "inverter_id"),
    "METER": ("Meters", "meter_id"),
    "OTHER": ("Other Instruments", "instrument_id"),
}


def from_parquet(body: bytes) -> list[tuple[str | None, dict]]:
    """Read a system's parquet dictionary: the channels' standard names, and what it says of each, in its order.

    Raises:
        SourceError: it is no such file.
    """
    try:
        metrics = pq.read_table(pa.BufferReader(body))
    except (pa.ArrowInvalid, OSError) as fault:
        raise SourceError(f"is not parquet: {fault}") from None
    if missing := [column for column in COLUMNS if column not in metrics.column_names]:
        raise SourceError(f"lacks columns of the dictionary: {', '.join(missing)}")
    return [(entry["standard_name"], entry) for entry in metrics.to_pylist()]


@dataclass(frozen=True)
class Metadata:
    """A system's metadata in JSON.

    `metrics` are the channels' names with what is said of each, in order, a name that comes twice as often as it comes;
    `instruments` by source type what channels may belong to, each with its `id`; `described`, `site` and `mounts` what
    it says of the system, without units in the names of keys.
    """

    metrics: list[tuple[str, dict]]
    instruments: dict[str, list[dict]]
    described: dict
    site: dict
    mounts: list[dict]

    @property
    def system(self) -> System:
        """What flags need to know of the system; what cannot be is not known."""
        said = {
            "latitude_deg": _lenient(self.site.get("latitude")),
            "longitude_deg": _lenient(self.site.get("longitude")),
            "dc_capacity_kw": _lenient(self.described.get("power")),
            "site_location": text(self.site.get("location")),
            "timezone_or_utc_offset": text(self.described.get("timezone_code")),
        }
        usable = nameplate.judge(said)
        # Where clock and longitude contradict each other nobody knows which one is wrong.
        is_denied = bool(usable["quality"] & nameplate.LONGITUDE)
        return System(
            latitude_deg=usable["latitude_deg"],
            longitude_deg=usable["longitude_deg"],
            utc_offset_hours=None if is_denied else usable["utc_offset_hours"],
            zone=None if is_denied else usable["time_zone"],
            dc_capacity_kw=usable["dc_capacity_kw"],
            started_on=_day(self.described.get("started_on")),
        )


def from_json(body: bytes, ss_id: int) -> Metadata:
    """Read a system's metadata, in either dialect; without `Metrics` it describes no channel.

    Raises:
        SourceError: it is no metadata, or that of another system.
    """
    try:
        # An object is a tuple of its pairs, and a list is a list.
        metadata = json.loads(body.decode("utf-8-sig"), object_pairs_hook=tuple)
    except ValueError as fault:
        raise SourceError(f"is not JSON: {fault}") from None
    try:
        metadata = dict(_pairs(metadata))
        described = _plain(metadata["System"])
        about = whole_number(described["system_id"])
        site = _plain(metadata.get("Site") or ())
        mounts = [_plain(mount) for _, mount in _pairs(metadata.get("Mount") or ())]
        metrics = [(name, _unpaired(entry)) for name, entry in _pairs(metadata.get("Metrics") or ())]
        instruments = {
            source_type: [
                dict(_pairs(listed)) | {"id": dict(listed).get(key)} for _, listed in _pairs(metadata.get(group) or ())
            ]
            for source_type, (group, key) in INSTRUMENTS.items()
        }
    except (KeyError, TypeError, ValueError) as fault:
        raise SourceError(f"is not a system's metadata: {fault!r}") from None
    if about != ss_id:
        raise SourceError(f"is the metadata of system {about}, and its key that of {ss_id}")
    return Metadata(metrics, instruments, described, site, mounts)


def _lenient(said) -> float | None:
    try:
        return number(said)
    except (TypeError, ValueError):
        return None


def _plain(value) -> dict:
    return {UNIT.sub("", name): said for name, said in _pairs(value)}


def _day(said) -> date | None:
    try:
        return date.fromisoformat((text(said) or "")[: len("2019-01-31")])
    except ValueError:
        return None


def _pairs(value) -> tuple:
    if not isinstance(value, tuple):
        raise TypeError(f"an object was expected, not {value!r}")
    return value


def _unpaired(value):
    return dict(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Dictionary:
    """What the dictionaries of one system say: entries by what a channel's name says, standard names by metric.

    `system` is what the metadata say of the system itself.
    """

    entries: Mapping[vocabulary.Name, Mapping]
    standard_names: Mapping[int, str]
    system: System

    @classmethod
    @lru_cache(maxsize=32)
    def of(cls, ss_id: int, parquets: tuple[bytes, ...], documents: tuple[bytes, ...]) -> "Dictionary":
        """Read a system's dictionaries; of two that describe a channel the first counts, and parquet goes first.

        Raises:
            SourceError: one of them is not what it should be.
        """
        try:
            listed = [entry for body in parquets for entry in from_parquet(body)]
            described = [from_json(body, ss_id) for body in documents]
        except SourceError as fault:
            raise SourceError(f"is read with a dictionary that {fault}") from fault
        listed += [entry for metadata in described for entry in metadata.metrics]
        entries: dict[vocabulary.Name, Mapping] = {}
        standard_names: dict[int, str] = {}
        for name, entry in listed:
            if not isinstance(entry, dict) or text(name) is None or not _is_about(entry, ss_id):
                continue
            known = {key: text(entry.get(key)) for key in ("common_name", "units", "aggregation_type")}
            known |= {key: _lenient(entry.get(key)) for key in ("calc_scale", "calc_offset")}
            entries.setdefault(vocabulary.parse(text(name)).in_dictionary, known)
            if entry.get("standard_name") is not None:
                standard_names.setdefault(whole_number(entry.get("metric_id")), text(name).lower())
        return cls(entries, standard_names, described[0].system if described else System())

    def channel(self, sensor: str) -> vocabulary.Channel:
        """Tell what a channel is, by its entry, or else by its name."""
        return vocabulary.describe(sensor, self.entries.get(vocabulary.parse(sensor).in_dictionary))

    def sensor(self, metric_id: int) -> str:
        """Name a metric: its standard name, or else its number."""
        return self.standard_names.get(metric_id, f"metric__{metric_id}")


def _is_about(entry: Mapping, ss_id: int) -> bool:
    try:
        return whole_number(entry.get("system_id")) in (None, ss_id)
    except (TypeError, ValueError):
        return False
