"""duckdb -- the embedded warehouse: one file, one process at a time, real transactions.

A connection is opened for one call and closed again. While another process has the file, opening is tried again with
jitter until `WAREHOUSE_LOCK_SECONDS` have passed. A process killed inside a transaction leaves the file as before it.
"""

import random
import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from jobs import contract
from jobs.errors import ConflictError, ContractError, WarehouseError
from jobs.warehouse import Relation
from jobs.warehouse.dialect import one_query, to_duckdb


class DuckDBWarehouse:
    """The port over a DuckDB file. `Warehouse` says what each verb promises."""

    def __init__(self, path: str, lock_seconds: float, memory: str):
        self.path = Path(path)
        self.lock_seconds = lock_seconds
        self.memory = memory

    def create(self) -> None:
        there = self._columns()
        missing = [contract.load(table) for table in contract.names() if table not in there]
        for table, columns in there.items():
            if table in contract.names() and columns != (promised := list(contract.load(table).column_names)):
                raise ContractError(
                    f"{table} in {self.path} has columns {columns}, its contract {promised}; "
                    f"nothing was changed. Load it anew into another file, or bring the table to its contract"
                )
        if not missing:
            return
        with self._connection() as connection, _faults(self.path):
            connection.begin()
            for promised in missing:
                for statement in to_duckdb(promised.ddl()):
                    connection.execute(statement)
                comments = {f'"{promised.table}"."{c.name}"': c.description for c in promised.columns}
                connection.execute(f'COMMENT ON TABLE "{promised.table}" IS {_literal(promised.description)}')
                for column, text in comments.items():
                    connection.execute(f"COMMENT ON COLUMN {column} IS {_literal(text)}")
            connection.commit()

    def select(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._connection() as connection, _faults(self.path):
            answer = _run(connection, one_query(query), parameters)
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def transact(self, script: str, parameters: Mapping[str, Any], relations: Mapping[str, Relation]) -> None:
        with self._connection() as connection, _faults(self.path):
            for name, relation in relations.items():
                connection.register(name, relation)
            connection.begin()
            _run(connection, script, parameters)
            connection.commit()

    def _columns(self) -> dict[str, list[str]]:
        if not self.path.exists():
            return {}
        with self._connection() as connection, _faults(self.path):
            rows = connection.execute(
                "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
                "WHERE NOT internal AND schema_name = 'main' GROUP BY table_name"
            ).fetchall()
        return dict(rows)

    @contextmanager
    def _connection(self):
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise WarehouseError(f"the warehouse {self.path} cannot be made: {fault}") from fault
        deadline = time.monotonic() + self.lock_seconds
        while True:
            try:
                connection = duckdb.connect(str(self.path), config={"memory_limit": self.memory})
                break
            except duckdb.Error as fault:
                if "Could not set lock on file" not in str(fault):
                    raise WarehouseError(f"the warehouse {self.path} cannot be opened: {fault}") from fault
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"the warehouse {self.path} was in use by another process for {self.lock_seconds:g} s; "
                        f"close it there (a DuckDB file admits one process), or set WAREHOUSE_LOCK_SECONDS higher"
                    ) from fault
            time.sleep(random.uniform(0.02, 0.2))
        try:
            yield connection
        finally:
            connection.close()


def _run(connection, script: str, parameters: Mapping[str, Any]):
    """Run a script's statements, each with those of the parameters that it names."""
    for statement in to_duckdb(script):
        (prepared,) = connection.extract_statements(statement)
        named = {name: parameters[name] for name in prepared.named_parameters}
        connection.execute(prepared, named or None)
    return connection


@contextmanager
def _faults(path: Path):
    try:
        yield
    except duckdb.TransactionException as fault:
        raise ConflictError(f"{path}: {fault}") from fault
    except duckdb.Error as fault:
        said = str(fault)
        if "conflict: " in said:
            raise ConflictError(said.partition("conflict: ")[2]) from fault
        if "collision: " in said:
            raise ContractError(f"{said.partition('collision: ')[2]}; nothing was published") from fault
        raise WarehouseError(f"the warehouse {path} refused: {said}") from fault


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
