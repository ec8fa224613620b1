"""editions -- which of several files owns what they have in common, so that nothing of it is loaded twice.

A file of a year has all of it, or the share that its key names: a state's, a quarter's. Of two that overlap the one
that was published last owns what both have; of one edition, the quarter's. An older one of which nothing is left is not
read. A whole record that `owns_through` a year owns all up to it, so that a file that lands never makes
it anew.
"""

from collections.abc import Iterable, Iterator

from jobs.contract import Contract

# What newer editions own of an object, such as `quarter=1 state=ca`; a part like those of its key.
LEFT = "left"

Share = frozenset[tuple[str, str]]
# Who has all of these has the year.
QUARTERS = {frozenset({("quarter", quarter)}) for quarter in "1234"}


def superseded(promised: Contract, keys: Iterable[str]) -> set[str]:
    """Tell of which keys others own all."""
    through = owned_through(promised, keys)
    known = {key: promised.parts(key) for key in keys}
    owned = {key for key, parts in known.items() if parts and parts.get("year") and int(parts["year"]) <= through}
    taken: dict[str, set[Share]] = {}
    for key, own, _, theirs in _overlapping(promised, known):
        taken.setdefault(key, set()).add(theirs - own)
    return owned | {key for key, shares in taken.items() if frozenset() in shares or shares >= QUARTERS}


def left(promised: Contract, keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """Tell of which keys newer ones own a part: which parts, such as `quarter=1`, and the key that owns each."""
    parts: dict[str, dict[str, str]] = {}
    for key, own, newer, theirs in _overlapping(promised, keys):
        parts.setdefault(key, {}).update({f"{name}={part}": newer for name, part in theirs - own})
    return parts


def bound(promised: Contract, keys: Iterable[str]) -> dict[str, str]:
    """Tell which keys have something in common, directly or by others: of each of these the first that it is bound to.

    They are loaded at once, for what one of them owns another has had.
    """
    groups: dict[str, set[str]] = {}
    for key, _, newer, _ in _overlapping(promised, keys):
        together = groups.get(key, {key}) | groups.get(newer, {newer})
        groups |= dict.fromkeys(together, together)
    return {key: min(together) for key, together in groups.items()}


def owned_through(promised: Contract, keys: Iterable[str]) -> int:
    """Tell up to which year a record among these owns all; 0 without one."""
    records = [source for source in promised.sources if source.owns_through]
    there = [record.owns_through for record in records if any(record.parts(key) is not None for key in keys)]
    return max(there, default=0)


def _overlapping(promised: Contract, keys: Iterable[str]) -> Iterator[tuple[str, Share, str, Share]]:
    """Give each key and its share with a newer one of its year and that one's, for each that has something of it."""
    if not any(source.shares for source in promised.sources):
        return
    by_year: dict[str, list[tuple[tuple, str, Share]]] = {}
    for key in keys:
        source, parts = promised.source_of(key) or (None, {})
        if source and source.shares:
            share = frozenset((name, parts[name]) for name in source.shares if parts[name])
            published = parts["published_on"], parts["edition"], bool(parts.get("quarter")), key
            by_year.setdefault(parts["year"], []).append((published, key, share))
    for files in by_year.values():
        files.sort()
        for place, (_, key, own) in enumerate(files):
            for _, newer, theirs in files[place + 1 :]:
                # Two values of one part are two shares that have nothing in common.
                if len(dict(own | theirs)) == len(own | theirs):
                    yield key, own, newer, theirs
