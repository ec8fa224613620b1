"""fact_emissions_inventory -- what the institution emitted in a fiscal year, by category, as it was known on each day.

It is made of the same objects as fact_activity_emissions, by the same rules, and held against that table's rows in its
check: a figure that is not the sum of published lines is not published.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import pyarrow as pa

from jobs import contract, inventory
from jobs.tables import fact_activity_emissions as activity
from jobs.transform import Parsed, SourceObject
from jobs.versions import Said

# With the lines' own, for what makes others of them makes others of these.
VERSION = 1000 * activity.VERSION + 3


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Tell what an object says, as for the lines.

    Raises:
        SourceError: the object is not what its key says, or has refused lines and is something to weigh with.
    """
    yield from activity.transform(source)


def together(said: Sequence[Parsed]) -> list[Parsed]:
    """Add up the lines.

    A row belongs to the object by which it became known: of those of its day the last by layout and edition. What the
    objects say counts as duplicate, for it is folded into the rows.

    Raises:
        SourceError: the lines cannot be weighed.
    """
    objects = [Said.of(piece) for piece in said]
    lines = (row for piece in activity.together(said) for row in piece.rows.to_pylist())
    by_day = {one.published_on: at for at, one in sorted(enumerate(objects), key=lambda item: _place(item[1]))}
    rows: dict[int, list[dict]] = defaultdict(list)
    for row in inventory.tally(lines):
        rows[by_day[row["as_of"]]].append(row)
    schema = contract.load("fact_emissions_inventory").arrow_schema
    schema = pa.schema([column for column in schema if column.name not in ("load_id", "object_id")])
    return [
        Parsed(pa.Table.from_pylist(rows[at], schema), one.piece.rows_read + len(rows[at]), one.piece.rows_read)
        for at, one in enumerate(objects)
    ]


def _place(one: Said) -> tuple:
    return one.published_on, one.layout, one.edition
