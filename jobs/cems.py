"""cems -- hours of generating units as a table's sources have them, whoever of the two publishes the file."""

from collections.abc import Iterator
from datetime import datetime

from jobs import campd, contract, facilities, pudl
from jobs.campd import Block
from jobs.transform import SourceObject


def blocks(table: str, source: SourceObject) -> Iterator[Block]:
    """Read a file of hours of units in blocks of `campd.SCHEMA`, up to the year that the table's contract takes of it.

    A file of facilities, which lands like one of hours, has none, and is held to what it should be.

    Raises:
        SourceError: the file has another header than its layout.
    """
    if source.layout == facilities.LAYOUT:
        facilities.offsets((source.body(),), int(source.parts["year"]))
        return iter(())
    if source.layout != "pudl_hourly":
        return campd.blocks(source)
    return pudl.blocks(source, _through(table, source))


def span(table: str, source: SourceObject) -> tuple[datetime, datetime]:
    """Tell from where to where, that not included, a table takes the hours of a file [local standard time]."""
    if source.layout == "pudl_hourly":
        return datetime(pudl.FIRST_YEAR, 1, 1), datetime(_through(table, source) + 1, 1, 1)
    share = campd.Share.of(source.parts)
    return share.start, share.end


def _through(table: str, source: SourceObject) -> int:
    (through,) = (known.owns_through for known in contract.load(table).sources if known.name == source.layout)
    return through
