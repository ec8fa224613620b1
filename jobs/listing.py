"""listing -- which objects the source has for a window of days and systems.

One listing takes one system and year where keys have them: mostly one page. What the contract's pattern does not match
is another layout and is left alone.
"""

import itertools
import logging
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from jobs import editions, register
from jobs.contract import Contract, Source
from jobs.errors import LoadError, SourceError
from jobs.objects import Bucket, ObjectVersion, digest
from jobs.settings import settings

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
# Of a folder with more companions than this all are listed at once, which takes a page for each thousand.
FEW = 10
# Which companion an object of a later vintage is to an earlier one.
NEWER = "newer"


@dataclass(frozen=True)
class Found:
    """An object that the source has: its version, the parts of its key, and the objects that it is read with."""

    version: ObjectVersion
    source: Source
    parts: dict[str, str]
    companions: tuple[tuple[str, ObjectVersion], ...] = ()

    @property
    def object_id(self) -> str:
        """Identity by content, and by the content of all that it is read with: with another it gives other rows."""
        beside = [part for name, version in self.companions for part in (name, version.object_id)]
        beside += [self.parts[editions.LEFT]] if editions.LEFT in self.parts else []
        return digest(self.version.object_id, *beside) if beside else self.version.object_id

    @property
    def claim(self) -> tuple[str, ...]:
        """What of the source it has to itself; two objects for the same would double."""
        return claim(self.source, self.parts)


def claim(source: Source, parts: dict[str, str]) -> tuple[str, ...]:
    """Tell what of a source the object with these parts of its key has to itself."""
    return source.name, *(part.lstrip("0") for part in parts.values())


@dataclass(frozen=True)
class Window:
    """Which objects to look at: days, both ends included, and systems; none means all the source has."""

    first_day: date | None = None
    last_day: date | None = None
    systems: tuple[int, ...] = ()

    def __post_init__(self):
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise LoadError(f"the window ends on {self.last_day}, before it starts on {self.first_day}")

    def __str__(self):
        days = f"{self.first_day} to {self.last_day}" if self.first_day else "all days"
        return f"{days}, {'systems ' + ', '.join(map(str, self.systems)) if self.systems else 'all systems'}"


def listed(promised: Contract, window: Window, progress: Callable[[int, int], None]) -> list[Found]:
    """List the objects of the window that match a pattern of the contract, with the parts of their keys.

    Raises:
        SourceError: the source cannot be listed, has nothing at all, or two objects claim one part of one source.
    """
    named = settings().names
    places = dict.fromkeys(one.bucket for one in promised.sources if not one.is_optional or named(one.bucket))
    parts = [tuple(source for source in promised.sources if source.bucket == place) for place in places]
    return [found for part in parts for found in _listed(replace(promised, sources=part), window, progress)]


def _listed(promised: Contract, window: Window, progress: Callable[[int, int], None]) -> list[Found]:
    """List what one bucket has."""
    bucket = bucket_of(promised)
    prefixes = _prefixes(promised, window, bucket)
    done = itertools.count(1)

    def one_done():
        progress(next(done), len(prefixes))

    claims: dict[tuple, list[str]] = {}
    matching, beside = [], []
    for version in bucket.objects(prefixes, one_done):
        known = promised.source_of(version.key)
        if known and known[0].name in promised.beside:
            beside.append(Found(version, *known))
            continue
        if known is None or not within(promised, known[1], window):
            continue
        found = Found(version, *known)
        matching.append(found)
        claims.setdefault(found.claim, []).append(version.key)
    found_systems = {int(found.parts["ss_id"]) for found in matching if "ss_id" in found.parts}
    by_system = any("{ss_id}" in source.list_by for source in promised.sources)
    if absent := sorted(set(window.systems) - found_systems) if by_system else []:
        log.warning("%s: no object of system %s in the window", promised.table, ", ".join(map(str, absent)))
    if rivals := [keys for keys in claims.values() if len(keys) > 1]:
        raise SourceError(
            f"{promised.table}: more than one object for the same part of the source, so that rows would double; "
            f"nothing was planned: {'; '.join(' and '.join(keys) for keys in rivals)}"
        )
    if not matching:
        where = " and ".join(dict.fromkeys(f"s3://{bucket.name}/{source.prefix}" for source in promised.sources))
        log.warning("%s: the listing of %s has no object for %s", promised.table, where, window)
    return _with_companions(bucket, _with_beside(_with_newer(matching), beside))


def bucket_of(promised: Contract) -> Bucket:
    """Open the bucket that a table's sources are in."""
    return opened(settings().bucket(promised.sources[0].bucket), settings().s3_connections)


def opened(name: str, connections: int, *, to_write: bool = False) -> Bucket:
    """Open a bucket as the settings say; one that is written needs credentials."""
    configured = settings()
    return Bucket(
        name,
        setting=configured.naming(name),
        anonymous=not to_write and configured.is_anonymous(name),
        connections=connections,
        timeout_seconds=configured.s3_timeout_seconds,
    )


def _prefixes(promised: Contract, window: Window, bucket: Bucket) -> list[str]:
    """Name what to list, once for all sources: to the end of a name part, per system and year where keys have them.

    Raises:
        SourceError: no source has any system.
    """
    prefixes: dict[str, None] = {}
    systems_known = False
    for source in {(source.prefix, source.list_by): source for source in promised.sources}.values():
        if "{ss_id}" not in source.list_by:
            prefixes |= dict.fromkeys(_unfolded(bucket, source.prefix + source.list_by))
            systems_known = True
            continue
        systems = _systems(source, window, bucket)
        systems_known = systems_known or bool(systems)
        for ss_id in systems:
            prefixes |= dict.fromkeys(source.prefix + below for below in _below(source, ss_id, window))
    if not systems_known:
        before = promised.sources[0].list_by.partition("{ss_id}")[0]
        raise SourceError(
            f"{promised.table}: there is no folder {before}... under s3://{bucket.name}/{promised.sources[0].prefix}; "
            f"check {bucket.setting} and AWS_ENDPOINT_URL_S3"
        )
    return list(prefixes)


def _unfolded(bucket: Bucket, prefix: str) -> Iterator[str]:
    """Name what to list below each folder that is there in the place of a `*`."""
    before, star, after = prefix.partition("*")
    if not star:
        yield prefix
        return
    for name in bucket.folders(before):
        yield from _unfolded(bucket, f"{before}{name}{after}")


def systems(promised: Contract) -> set[int]:
    """Tell which systems have a folder in one of the table's sources."""
    bucket = bucket_of(promised)
    by_prefix = {(source.prefix, source.list_by): source for source in promised.sources if "{ss_id}" in source.list_by}
    found = {
        source.aliases.get(folder, folder)
        for source in by_prefix.values()
        for folder in _systems(source, Window(), bucket)
    }
    return {int(ss_id) for ss_id in found if ss_id.isdecimal()}


def _systems(source: Source, window: Window, bucket: Bucket) -> list[str]:
    """Name the systems of a source as its folders do: those asked for, or all that it has."""
    if window.systems:
        return [source.folder_of(str(ss_id)) for ss_id in window.systems]
    before, _, after = source.list_by.partition("/")[0].partition("{ss_id}")
    names = bucket.folders(source.prefix)
    known = [name for name in names if name.startswith(before) and name.endswith(after)]
    return [name.removeprefix(before).removesuffix(after) for name in known]


def _below(source: Source, ss_id: str, window: Window) -> Iterator[str]:
    """Name what to list of one system below its source's prefix."""
    if "{year}" not in source.list_by:
        if window.first_day is None:
            yield source.list_by.format(ss_id=ss_id)
    elif window.first_day is None:
        yield source.list_by.partition("year={year}")[0].format(ss_id=ss_id)
    else:
        for year in range((window.first_day - DAY).year, (window.last_day + DAY).year + 1):
            yield source.list_by.format(ss_id=ss_id, year=year)


def _with_newer(matching: list[Found]) -> list[Found]:
    """Put to each object the newer vintages of its record."""
    vintages: dict[tuple, list[Found]] = {}
    for found in matching:
        if of := record(found.source, found.parts):
            vintages.setdefault(of, []).append(found)
    complete = []
    for found in matching:
        later = [
            (NEWER, other.version)
            for other in vintages.get(record(found.source, found.parts) or (), ())
            if other.parts["vintage"] > found.parts["vintage"]
        ]
        complete.append(replace(found, companions=tuple(sorted(later))))
    return complete


def _with_beside(matching: list[Found], beside: list[Found]) -> list[Found]:
    """Put to each object the newest editions, of its year, of the sources that it is read with."""
    newest = {
        (found.source.name, found.parts["year"]): found.version
        for found in sorted(beside, key=lambda found: (found.parts["published_on"], found.parts["edition"]))
    }
    complete = []
    for found in matching:
        wanted = [
            (name, found.parts["year"])
            for name, only in found.source.read_with.items()
            if all(found.parts[part] in values for part, values in only.items())
        ]
        there = tuple((name, newest[name, year]) for name, year in wanted if (name, year) in newest)
        complete.append(replace(found, companions=(*there, *found.companions)))
    return complete


def _with_companions(bucket: Bucket, matching: list[Found]) -> list[Found]:
    """Put to each object what it is read with: objects, as its source names them, and lines of registers.

    It costs a listing per system, or per folder where many systems share one; none per object.
    """
    wanted = {prefix for found in matching for _, prefix in _companions(found)}
    by_folder: dict[str, list[str]] = {}
    for prefix in sorted(wanted):
        by_folder.setdefault(prefix.rpartition("/")[0] + "/", []).append(prefix)
    asked = [prefix for folder, inside in by_folder.items() for prefix in ([folder] if len(inside) > FEW else inside)]
    # The last key under a prefix counts. A prefix ends where no other system's begins, so that each key has one.
    beside: dict[str, ObjectVersion] = {}
    lengths = sorted({len(prefix) for prefix in wanted})
    for version in bucket.objects(asked) if asked else ():
        if version.key.endswith((".json", ".parquet")):
            beside |= {version.key[:n]: version for n in lengths if version.key[:n] in wanted}
    complete = []
    for found in matching:
        named = [(name, beside[prefix]) for name, prefix in _companions(found) if prefix in beside]
        written = [(name, register.version(name, found.parts.get("ss_id"))) for name in found.source.registers]
        known = [(name, version) for name, version in written if version]
        complete.append(replace(found, companions=(*named, *known, *found.companions)))
    return complete


def _companions(found: Found) -> Iterator[tuple[str, str]]:
    """Name what an object of a system is read with, and the prefix of its key."""
    for name, prefix in found.source.companions.items():
        folder = found.source.folder_of(found.parts.get("ss_id", ""))
        yield name, prefix.format(folder=folder, **found.parts)


def record(source: Source, parts: dict[str, str]) -> tuple | None:
    """Name the record that an object is a vintage of; none where its key names no vintage."""
    if "vintage" not in parts:
        return None
    return source.name, *(value for name, value in parts.items() if name != "vintage")


def outranked(promised: Contract, keys: Iterable[str], empty: Container[str] = ()) -> set[str]:
    """Tell which keys are of something that a source of higher rank has too, or its own in a newer version, not empty.

    That is a system, a system's day, or whatever else the versions are of. So are an edition of whose year a newer one
    has the same share or more, and one of a year that a record owns.
    """
    owned: set[str] = set()
    if any(source.shares for source in promised.sources):
        owned = editions.superseded(promised, [key for key in keys if key not in empty])
    ranks = {source.name: source.outranks for source in promised.sources}
    if not any(ranks.values()) and not any("version" in source.key_pattern.groupindex for source in promised.sources):
        return owned
    present: dict[tuple, dict[str, tuple[int, ...]]] = {}
    claims = {}
    for key in keys:
        if known := promised.source_of(key):
            name, of, version = known[0].name, subject(known[1]), _version(known[1])
            claims[key] = name, of, version
            newest = present.setdefault(of, {})
            if key not in empty:
                newest[name] = max(version, newest.get(name, version))
    return owned | {
        key
        for key, (name, of, version) in claims.items()
        if version < present[of].get(name, version) or any(name in ranks[other] for other in present[of])
    }


def _version(parts: dict[str, str]) -> tuple[int, ...]:
    """Read a version, so that 0.10.0 comes after 0.9.0."""
    return tuple(map(int, parts["version"].split("."))) if "version" in parts else ()


def best(promised: Contract, found: list[Found]) -> list[Found]:
    """Leave out objects that are empty or outranked."""
    empty = {one.version.key for one in found if not one.version.size_bytes}
    left_out = outranked(promised, [one.version.key for one in found], empty) | empty
    return [one for one in found if one.version.key not in left_out]


def subject(parts: dict[str, str]) -> tuple[int | str, ...]:
    """Tell what an object is about: which system and which of its days, which share of a year, or all versions' own."""
    if "version" in parts:
        return tuple(part for name, part in parts.items() if name not in ("version", "edition"))
    of_days = tuple(int(parts[name]) for name in ("ss_id", "year", "month", "day") if name in parts)
    return of_days + tuple(parts[name] for name in ("state", "quarter") if name in parts)


def days_of(parts: dict[str, str]) -> tuple[date, date] | None:
    """Tell which days an object covers by the parts of its key; none where the key names neither day nor year.

    Raises:
        SourceError: the key names a day that the calendar does not have.
    """
    if "local_year" in parts:
        # A year by a clock that is not UTC's, whose days these are.
        year = int(parts["local_year"])
        return date(year, 1, 1) - DAY, date(year, 12, 31) + DAY
    if "day" not in parts:
        return (date(int(parts["year"]), 1, 1), date(int(parts["year"]), 12, 31)) if "year" in parts else None
    try:
        day = date(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    except ValueError:
        raise SourceError(f"a key names a day that does not exist: {parts}") from None
    return day, day


def days_within(entry, window: tuple[date, date] = (date.min, date.max)) -> Iterator[date]:
    """Give each day of a window, both ends included, that an object covers by its key; none if its key names none."""
    if entry.first_day is None:
        return
    day, last = max(entry.first_day, window[0]), min(entry.last_day, window[1])
    while day <= last:
        yield day
        day += timedelta(days=1)


def within(promised: Contract, parts: dict[str, str] | None, window: Window) -> bool:
    """Tell whether an object is of the window by the parts of its key; no if the key is none of the table's.

    A whole record of a table of days is of the window of all days only: no day's run shall load it unawares.
    """
    if parts is None:
        return False
    if window.systems and "ss_id" in parts and int(parts["ss_id"]) not in window.systems:
        return False
    if window.first_day is None:
        return True
    covered = days_of(parts)
    if covered is None:
        return promised.partition is None
    return covered[0] <= window.last_day and covered[1] >= window.first_day
