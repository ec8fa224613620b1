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
        """Make tables and views what their contracts say: create what is missing, change what can be changed.

        Raises:
            ContractError: a table is there that cannot become what its contract says without harm to its readers.
            WarehouseError: there is no such warehouse, or it may not be used.
        """

    def select(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Answer one query.

        Raises:
            WarehouseError: it is not one query, or the warehouse refused it.
        """

    def transact(
        self,
        script: str,
        parameters: Mapping[str, Any],
        relations: Mapping[str, Relation],
        once: str | None = None,
    ) -> bool:
        """Run a script as one transaction: all of it holds afterwards, or nothing of it.

        Args:
            script: GoogleSQL statements ended by semicolons, with relations as `{name}`.
            parameters: values for `@name`; a null is a STRING. `table_name` and `load_id` say what the script is for.
            relations: rows from outside, which the script reads like tables.
            once: a name for what can commit only once, by the script's own doing. Whoever submits it again, from
                whatever process, while it runs or after it has committed, joins the first.

        Returns:
            Whether this call did it, and not another that it has joined.

        Raises:
            ConflictError: another transaction was first, or the script said ERROR('conflict: ...').
            ContractError: the script said ERROR('collision: ...').
            WarehouseError: anything else the warehouse refused.
        """


def sql(name: str, **names: str | Sequence[str]) -> str:
    """Read `sql/<name>.sql` with `{table}` and the like replaced: identifiers and bounds, never values.

    The `{name}` of a relation is left for the warehouse to fill in.
    """
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    for key, value in names.items():
        text = text.replace(f"{{{key}}}", value if isinstance(value, str) else ", ".join(f"`{part}`" for part in value))
    return text


@cache
def warehouse() -> Warehouse:
    """Open the warehouse of the settings, with its tables as their contracts say.

    Raises:
        LoadError: it cannot be used as it is set; nothing was written.
    """
    configured = settings()
    scheme, _, place = configured.warehouse.partition("://")
    if scheme == "bigquery":
        from jobs.warehouse.bigquery import BigQueryWarehouse

        opened: Warehouse = BigQueryWarehouse.at(configured.warehouse, configured.bigquery_maximum_gb)
    else:
        from jobs.warehouse.duckdb import DuckDBWarehouse

        path = "/" + place.lstrip("/")
        opened = DuckDBWarehouse(path, configured.warehouse_lock_seconds, configured.duckdb_memory)
    opened.create()
    return opened
