"""headers -- the columns of a table that people keep, known by their headers, and what is almost one of them.

Headers are compared without regard to case, to how many spaces there are, and to underscores in their place. One that
is misspelt is never passed over: what stands below it would be lost without a word.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from jobs.errors import SourceError

# What a column may be called, by what is read from it.
Spellings = Mapping[str, tuple[str, ...]]
# Where each column stands in a row.
Places = Mapping[str, Sequence[int]]

# Among what may be there: nothing else may, for any column may be a way to emit.
ONLY: Spellings = {"only": ()}
# How much of two headers is alike where one is the other misspelt, and in how many rows that is looked for.
ALIKE, SOUGHT = 0.85, 50


def found(cells: list[str], wanted: Spellings, more: Spellings) -> dict[str, list[int]]:
    """Find where what is asked for stands in a row; what does not is not there."""
    there: dict[str, list[int]] = {}
    for at, cell in enumerate(cells):
        there.setdefault(_plain(cell), []).append(at)
    places = {
        name: [at for spelling in {_plain(one) for one in spellings} for at in there.get(spelling, ())]
        for name, spellings in {**wanted, **more}.items()
    }
    return {name: at for name, at in places.items() if at}


def refuse_unless_clear(where: str, cells: list[str], places: Places, wanted: Spellings, more: Spellings) -> None:
    """Refuse a header of which one stands twice or almost, or in which is what may not be there.

    Raises:
        SourceError: it is so; `where` comes before what is wrong.
    """
    for name, at in places.items():
        if len(at) > 1:
            spellings = {**wanted, **more}[name]
            raise SourceError(f"{where}has {' or '.join(spellings)} {len(at)} times: {', '.join(cells)}")
    others = _unread(cells, places)
    if others and ONLY.keys() <= more.keys():
        raise SourceError(
            f"{where}has columns that are not known, so that what they say would be lost: {', '.join(others)}"
        )
    if almost := _almost(others, {name: spellings for name, spellings in more.items() if name not in places}):
        meant = ", ".join(f"{cell}, which is almost {' or '.join(more[name])}" for name, cell in almost.items())
        raise SourceError(f"{where}has a column that would not be read: {meant}; call it that, or by another name")


def near(number: int, cells: list[str], places: Places, wanted: Spellings, more: Spellings) -> str | None:
    """Say what a row lacks that is the table's header all the same; none if it is something else.

    It has most of the headers, or several that no other table has, or all that is missing is there and misspelt.
    """
    missing = {name: spellings for name, spellings in wanted.items() if name not in places}
    almost = _almost(_unread(cells, places), missing) if number <= SOUGHT else {}
    is_near = 2 * len(missing) < len(wanted) or (len(places) > 1 and ONLY.keys() <= more.keys())
    if not is_near and almost.keys() < missing.keys():
        return None
    lacks = ", ".join(
        " or ".join(spellings) + (f" ({almost[name]} is almost that)" if name in almost else "")
        for name, spellings in missing.items()
    )
    return f"row {number} has headers of the table, and not {lacks}"


def _unread(cells: list[str], places: Places) -> list[str]:
    read = {at for several in places.values() for at in several}
    return [cell for at, cell in enumerate(cells) if at not in read and cell.strip()]


def _almost(cells: list[str], missing: Spellings) -> dict[str, str]:
    """Find for what is missing the cell that is almost its header.

    >>> _almost(["Mode", "Counts"], {"count": ("count",)})
    {'count': 'Counts'}
    """
    plain = {_plain(cell): cell for cell in cells}
    alike = {
        name: [one for spelling in spellings for one in get_close_matches(_plain(spelling), plain, 1, ALIKE)]
        for name, spellings in missing.items()
    }
    return {name: plain[ones[0]] for name, ones in alike.items() if ones}


def _plain(header: str) -> str:
    return " ".join(header.replace("_", " ").split()).casefold()
