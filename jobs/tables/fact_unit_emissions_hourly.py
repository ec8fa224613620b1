"""fact_unit_emissions_hourly -- what each unit of a power plant burnt, made and emitted in each hour.

The files are read by `campd` and `pudl`, which say what surprises in them; which of several files owns an hour is said
by `editions`. Here what is measured becomes rows: load is a rate while the unit runs, so energy is load times time.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from jobs import campd, cems, contract
from jobs.transform import Parsed, SourceObject

VERSION = 2

TABLE = "fact_unit_emissions_hourly"


def transform(source: SourceObject) -> Iterator[Parsed]:
    """Turn a file of hours of units into rows.

    Args:
        source: a file of EPA's, of a state's year or of a quarter; or PUDL's whole record.

    Yields:
        One row per unit and hour, a block of a large file after the other, in the file's order. A blank is null, never
        zero, and so is what is made of one.

    Raises:
        SourceError: the file has another header than its layout.
    """
    empty = True
    for block in cems.blocks(TABLE, source):
        empty = False
        yield Parsed(_rows(block.rows), block.rows_read, block.rows_duplicate, block.rejects)
    if empty:
        yield Parsed(_rows(campd.SCHEMA.empty_table()))


def _rows(rows: pa.Table) -> pa.Table:
    energy = pc.multiply(rows["gross_load_mw"], rows["operating_time_hours"])
    rows = rows.append_column("gross_generation_mwh", energy)
    names = contract.load(TABLE).column_names
    return rows.select([name for name in names if name not in ("load_id", "object_id")])
