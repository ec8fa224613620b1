"""warehouse -- the port through which the project speaks to its warehouse, and the choice of the adapter.

Every statement is GoogleSQL, the language of production: texts in `sql/`, and tables from the contracts. The port is
three verbs, so that an adapter is small and one suite of tests can hold all of them to the same promises.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.dataset as ds

from jobs.settings import settings

Relation = pa.Table | ds.Dataset


class Warehouse(Protocol):
    """A warehouse."""

    def create(self) -> None:
        """Create the tables of all contracts that are not there yet; change no other.

        Raises:
            ContractError: a table is there with other columns than its contract's.
        """

    def select(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Answer one query.

        Raises:
            WarehouseError: it is not one query, or the warehouse refused it.
        """

    def transact(self, script: str, parameters: Mapping[str, Any], relations: Mapping[str, Relation]) -> None:
        """Run a script as one transaction: all of it holds afterwards, or nothing of it.

        Args:
            script: GoogleSQL statements ended by semicolons.
            parameters: values for `@name`.
            relations: rows from outside, which the script reads like tables.

        Raises:
            ConflictError: another transaction was first, or the script said ERROR('conflict: ...').
            ContractError: the script said ERROR('collision: ...').
            WarehouseError: anything else the warehouse refused.
        """


def sql(name: str, **names: str | Sequence[str]) -> str:
    """Read `sql/<name>.sql` with `{table}` and the like replaced: identifiers and bounds, never values."""
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    for key, value in names.items():
        text = text.replace(f"{{{key}}}", value if isinstance(value, str) else ", ".join(f"`{part}`" for part in value))
    return text


@cache
def warehouse() -> Warehouse:
    """Open the warehouse of the settings, with its tables created."""
    from jobs.warehouse.duckdb import DuckDBWarehouse

    configured = settings()
    path = "/" + configured.warehouse.removeprefix("duckdb:///").lstrip("/")
    opened = DuckDBWarehouse(path, configured.warehouse_lock_seconds, configured.duckdb_memory)
    opened.create()
    return opened
