"""listing -- which objects the source has for a window of days and systems.

One listing takes one system and year: at most 366 keys, which is one page. What the contract's pattern does not match
is another layout and is left alone.
"""

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.contract import Contract
from jobs.errors import LoadError, SourceError
from jobs.ledger import LoadedObject
from jobs.objects import Bucket, ObjectVersion
from jobs.settings import settings

log = logging.getLogger(__name__)

Listed = list[tuple[ObjectVersion, dict[str, str]]]


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


def listed(promised: Contract, window: Window, progress: Callable[[int, int], None]) -> Listed:
    """List the objects of the window that match the contract's pattern, with the parts of their keys.

    Raises:
        SourceError: the source cannot be listed, has nothing at all, or two objects claim one day of one system.
    """
    source, configured = promised.source, settings()
    bucket = Bucket(
        source.bucket.format(pvdaq_bucket=configured.pvdaq_bucket),
        anonymous=configured.pvdaq_anonymous,
        connections=configured.s3_connections,
        timeout_seconds=configured.s3_timeout_seconds,
    )
    prefixes = _prefixes(promised, window, bucket)
    done = itertools.count(1)

    def one_done():
        progress(next(done), len(prefixes))

    claims: dict[tuple, list[str]] = {}
    matching = []
    for found in bucket.objects(prefixes, one_done):
        parts = promised.source.parts(found.key)
        if not within(parts, window):
            continue
        matching.append((found, parts))
        claims.setdefault(tuple(int(value) for value in parts.values()), []).append(found.key)
    found_systems = {int(parts["ss_id"]) for _, parts in matching if "ss_id" in parts}
    if absent := sorted(set(window.systems) - found_systems) if "{ss_id}" in source.list_by else []:
        log.warning("%s: no object of system %s in the window", promised.table, ", ".join(map(str, absent)))
    if rivals := [keys for keys in claims.values() if len(keys) > 1]:
        raise SourceError(
            f"{promised.table}: more than one object for the same part of the source, so that rows would double; "
            f"nothing was planned: {'; '.join(' and '.join(keys) for keys in rivals)}"
        )
    if not matching:
        where = f"s3://{bucket.name}/{source.prefix}"
        log.warning("%s: the listing of %s has no object for %s", promised.table, where, window)
    return matching


def _prefixes(promised: Contract, window: Window, bucket: Bucket) -> list[str]:
    """Name what to list: one prefix per system and year where keys have them, each to the end of a name part."""
    source = promised.source
    if "{ss_id}" not in source.list_by:
        return [source.prefix + source.list_by]
    before = source.list_by.partition("{ss_id}")[0]
    systems = [str(ss_id) for ss_id in window.systems]
    if not systems:
        names = bucket.folders(source.prefix)
        systems = [name.removeprefix(before) for name in names if name.startswith(before)]
        if not systems:
            raise SourceError(
                f"{promised.table}: there is no folder {before}... under s3://{bucket.name}/{source.prefix}; "
                f"check PVDAQ_BUCKET and AWS_ENDPOINT_URL_S3"
            )
    if window.first_day is None:
        return [f"{source.prefix}{before}{ss_id}/" for ss_id in systems]
    years = range(window.first_day.year, window.last_day.year + 1)
    return [source.prefix + source.list_by.format(ss_id=ss_id, year=year) for ss_id in systems for year in years]


def days_of(parts: dict[str, str]) -> tuple[date, date] | None:
    """Tell which days an object covers by the parts of its key.

    Raises:
        SourceError: the key names a day that the calendar does not have.
    """
    if "day" not in parts:
        return None
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


def within(parts: dict[str, str] | None, window: Window) -> bool:
    """Tell whether an object is of the window by the parts of its key; no if the key is none of the table's."""
    if parts is None:
        return False
    if window.systems and "ss_id" in parts and int(parts["ss_id"]) not in window.systems:
        return False
    covered = days_of(parts)
    if covered is None or window.first_day is None:
        return True
    return covered[0] <= window.last_day and covered[1] >= window.first_day


def newest(listed: Listed, live: dict[str, LoadedObject]) -> Listed:
    """Choose the newest edition; none when the one that is live is newer than all that is listed.

    Raises:
        SourceError: none is listed.
    """
    if not listed:
        raise SourceError("the source lists no edition at all; the table stays as it is")
    found, parts = max(listed, key=lambda entry: entry[0].key)
    if live and max(live) > found.key:
        log.warning("%s is loaded and no longer listed; the older %s is not loaded", max(live), found.key)
        return []
    return [(found, parts)]
