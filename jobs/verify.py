"""verify -- hold every table against its checkpoint: each object's rows counted, each key once."""

from collections.abc import Iterator
from dataclasses import dataclass

from jobs import contract, ledger
from jobs.errors import LoadError
from jobs.warehouse import sql, warehouse


@dataclass(frozen=True)
class Verdict:
    """What a table holds, and what of it is not as its checkpoint says."""

    table: str
    rows: int
    objects: int
    faults: tuple[str, ...]

    def __str__(self):
        verdict = "NOT as its checkpoint says" if self.faults else "ok"
        return f"{self.table}: {verdict}, {self.rows:,} rows of {self.objects:,} objects"


def verify() -> Iterator[Verdict]:
    """Hold each table that is loaded against its checkpoint, one after the other."""
    for table in contract.names():
        promised = contract.load(table)
        if not promised.sources:
            continue
        within = promised.within(*ledger.EVER)
        unlike = warehouse().select(sql("verify", table=table, within=within), {"table_name": table})
        faults = [
            f"{table}: object {row['object_id']} ({row['object_key'] or 'not in the checkpoint'}) should have "
            f"{row['promised']} rows and has {row['held']}"
            for row in unlike
        ]
        (doubled,) = warehouse().select(sql("doubled_keys", table=table, key=promised.key, within=within), {})
        if doubled["doubled"]:
            faults.append(f"{table}: {doubled['doubled']} keys stand more than once")
        (held,) = warehouse().select(sql("held", table=table, within=within), {})
        yield Verdict(table, held["row_count"], held["objects"], tuple(faults))


def refuse(faults: list[str]) -> None:
    """Fail with all faults, if there are any.

    Raises:
        LoadError: there are.
    """
    if faults:
        raise LoadError("the tables are not what the checkpoint says:\n" + "\n".join(f"  {fault}" for fault in faults))
