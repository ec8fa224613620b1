"""headers -- the columns of a table that people keep, known by their headers, and what is almost one of them.

Headers are compared without regard to case, to how many spaces there are, and to underscores or hyphens in their place;
those that need not be there without regard to dots and brackets too, for they begin no table. One that is misspelt is
never passed over: what stands below it would be lost without a word.
"""

import re
from collections.abc import Mapping, Sequence

from jobs.errors import SourceError

# What a column may be called, by what is read from it.
Spellings = Mapping[str, tuple[str, ...]]
# Where each column stands in a row.
Places = Mapping[str, Sequence[int]]

# Among what may be there: nothing else may, for any column may be a way to emit.
ONLY: Spellings = {"only": ()}
# Among what must be there: one of several columns, each of which may be read by a name of its own.
ANY = "any"
# In how many rows a misspelt header is looked for, and how many letters a word has at least in which one can be wrong,
# and a header that can be misspelt: fewer are another word (`PR Status` is not `PO Status`, and `cal` not `gal`).
SOUGHT, LETTERS = 50, (3, 4)


def found(cells: list[str], wanted: Spellings, more: Spellings) -> dict[str, list[int]]:
    """Find where what is asked for stands in a row; what does not is not there."""
    places: dict[str, list[int]] = {}
    forms = {form: [form(cell) for cell in cells] for form in (_plain, _bare)}
    for name, spellings in {**wanted, **more}.items():
        form = _plain if name in wanted and name != ANY else _bare
        meant = {form(one) for one in spellings}
        places[name] = [at for at, cell in enumerate(forms[form]) if cell in meant][: 1 if name == ANY else None]
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
    almost = _almost(_unread(cells, places), missing, with_signs=bool(places)) if number <= SOUGHT else {}
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


def _almost(cells: list[str], missing: Spellings, with_signs: bool = False) -> dict[str, str]:
    """Find for what is missing a cell that is its header misspelt, or that but for its dots and brackets.

    >>> _almost(["Mode", "Counts"], {"count": ("count",)})
    {'count': 'Counts'}
    >>> _almost(["Mode", "Count:"], {"count": ("count",)}, with_signs=True)
    {'count': 'Count:'}
    """

    def is_almost(said: str, meant: str) -> bool:
        return _is_misspelt(said, meant) or (with_signs and said == meant)

    return {
        name: misspelt[0]
        for name, spellings in missing.items()
        if (misspelt := [cell for cell in cells if any(is_almost(_bare(cell), _bare(one)) for one in spellings)])
    }


def _is_misspelt(said: str, meant: str) -> bool:
    """Tell whether a header is another but for a space or for one letter too many, too few, wrong or in another place.

    >>> [_is_misspelt(said, "cost object") for said in ("costobject", "cost objetc", "cost object id", "cost objects")]
    [True, True, False, True]
    >>> _is_misspelt("order ids", "order id"), _is_misspelt("pr status", "po status")
    (True, False)
    """
    words = [(one, other) for one, other in zip(said.split(), meant.split(), strict=False) if one != other]
    if said.count(" ") != meant.count(" ") or len(words) != 1:
        return said != meant and said.replace(" ", "") == meant.replace(" ", "")
    shorter, longer = sorted(words[0], key=len)
    at = next((at for at, (one, other) in enumerate(zip(shorter, longer, strict=False)) if one != other), len(shorter))
    rest, more = shorter[at:], longer[at:]
    is_one_edit = rest == more[1:] or rest[1:] == more[1:] or (rest[:2] == more[1::-1] and rest[2:] == more[2:])
    is_long = len(words[0][1]) >= LETTERS[0] or len(shorter) < len(longer)
    return is_one_edit and is_long and len(meant) >= LETTERS[1]


def _plain(header: str) -> str:
    return " ".join(re.sub("[_-]", " ", header).split()).casefold()


def _bare(header: str) -> str:
    """Write a header as its words alone; a sign such as that of per cent is one.

    >>> _bare("Weight (lb.)"), _bare("One-Way  miles"), _bare("Share %")
    ('weight lb', 'one way miles', 'share %')
    """
    return " ".join(re.sub(r"[\s_.,:;()\[\]/-]+", " ", header).split()).casefold()
