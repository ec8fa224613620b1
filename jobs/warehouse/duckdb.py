"""duckdb -- the embedded warehouse: one file, one process at a time, real transactions.

The file is opened for one call and closed again. While another process has it, opening is tried again with jitter until
`WAREHOUSE_LOCK_SECONDS` have passed. A process killed inside a transaction leaves the file as before it.
"""

import random
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from jobs.contract import Column, Contract
from jobs.errors import ConflictError, ContractError, WarehouseError
from jobs.objects import digest
from jobs.warehouse import Relation
from jobs.warehouse.dialect import SESSION, one_query, to_duckdb
from jobs.warehouse.tables import changes, ddl, in_order

DUCKDB_TYPES = {
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "STRING": "VARCHAR",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
}
GOOGLESQL_TYPES = {theirs: ours for ours, theirs in DUCKDB_TYPES.items()}
# What the file is called while it is open.
NAME = "warehouse"
# The lock of a file keeps other processes out, and no other thread.
_ONE_AT_A_TIME = threading.Lock()


class DuckDBWarehouse:
    """The port over a DuckDB file. `Warehouse` says what each verb promises."""

    def __init__(self, path: str, lock_seconds: float, memory: str):
        self.path = Path(path)
        self.lock_seconds = lock_seconds
        self.memory = memory

    def create(self) -> None:
        # In one connection: no other process comes between looking and changing.
        with self._connection() as connection, _faults(self.path):
            there = _columns(connection)
            connection.begin()
            for promised in in_order():
                for statement in self._becoming(promised, there.get(promised.table)):
                    connection.execute(statement)
            connection.commit()

    def _becoming(self, promised: Contract, there: dict[str, Column] | None) -> Iterator[str]:
        """Write what makes a table or view what its contract says; nothing where it is that already."""
        name = f'"{promised.table}"'
        if promised.query is not None:
            # DuckDB keeps a view's query in words of its own, so what it was made of is told by a digest.
            purpose = f"{promised.description} [{digest(ddl(promised))[:8]}]"
            if there is None or there[""].description != purpose or _described(promised, there):
                yield from to_duckdb(ddl(promised))
                yield f"COMMENT ON VIEW {name} IS {_literal(purpose)}"
                yield from (_comment(name, column) for column in promised.columns)
            return
        if there is None:
            yield from to_duckdb(ddl(promised))
            yield f"COMMENT ON TABLE {name} IS {_literal(promised.description)}"
            yield from (_comment(name, column) for column in promised.columns)
            return
        held = [column for column in there.values() if column.name]
        needed = changes(promised, held, f"{promised.table} in {self.path}")
        for column in needed.added:
            yield f'ALTER TABLE {name} ADD COLUMN "{column.name}" {DUCKDB_TYPES[column.type]}'
        for column in needed.relaxed:
            yield f'ALTER TABLE {name} ALTER COLUMN "{column.name}" DROP NOT NULL'
        if there[""].description != promised.description:
            yield f"COMMENT ON TABLE {name} IS {_literal(promised.description)}"
        yield from (_comment(name, column) for column in needed.added + needed.described)

    def select(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._connection() as connection, _faults(self.path):
            answer = _run(connection, one_query(query), parameters)
            names = [column[0] for column in answer.description]
            return [dict(zip(names, map(_in_utc, row), strict=True)) for row in answer.fetchall()]

    def transact(
        self,
        script: str,
        parameters: Mapping[str, Any],
        relations: Mapping[str, Relation],
        once: str | None = None,
    ) -> bool:
        with self._connection() as connection, _faults(self.path):
            for name, relation in relations.items():
                register(connection, name, relation)
                script = script.replace(f"{{{name}}}", name)
            connection.begin()
            _run(connection, script, parameters)
            connection.commit()
        return True

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        # To start an engine takes five times as long as to open a file with it.
        return duckdb.connect(config={"memory_limit": self.memory, "temp_directory": f"{self.path}.tmp"})

    @contextmanager
    def _connection(self):
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise WarehouseError(f"the warehouse {self.path} cannot be made: {fault}") from fault
        with _ONE_AT_A_TIME:
            try:
                self._open()
                with self._engine.cursor() as connection:
                    connection.execute(f"USE {NAME}; {SESSION}")
                    yield connection
            finally:
                # Also where a signal has come just after it was opened.
                self._engine.execute(f"DETACH DATABASE IF EXISTS {NAME}")

    def _open(self) -> None:
        deadline = time.monotonic() + self.lock_seconds
        while True:
            try:
                self._engine.execute(f"ATTACH {_literal(str(self.path))} AS {NAME}")
                return
            except duckdb.Error as fault:
                if "Could not set lock on file" not in str(fault):
                    raise WarehouseError(f"the warehouse {self.path} cannot be opened: {fault}") from fault
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"the warehouse {self.path} was in use by another process for {self.lock_seconds:g} s; "
                        f"close it there (a DuckDB file admits one process), or set WAREHOUSE_LOCK_SECONDS higher"
                    ) from fault
            time.sleep(random.uniform(0.02, 0.2))


def register(connection: duckdb.DuckDBPyConnection, name: str, relation: Relation) -> None:
    """Let a connection read rows from outside by a name.

    Parquet of this machine DuckDB reads itself, within its own memory; Arrow reads gigabytes ahead of it. A path that
    DuckDB would take for a pattern is left to Arrow.
    """
    is_local = isinstance(relation, ds.FileSystemDataset) and isinstance(relation.filesystem, LocalFileSystem)
    if not is_local or re.search(r"[*?\[]", "".join(relation.files)):
        connection.register(name, relation)
        return
    paths = ", ".join(map(_literal, relation.files))
    connection.execute(f"CREATE TEMP VIEW {name} AS FROM read_parquet([{paths}], hive_partitioning = false)")


def _run(connection, script: str, parameters: Mapping[str, Any]):
    """Run a script's statements, each with those of the parameters that it names."""
    for statement in to_duckdb(script):
        (prepared,) = connection.extract_statements(statement)
        named = {name: parameters[name] for name in prepared.named_parameters}
        connection.execute(prepared, named or None)
    return connection


def _in_utc(value: Any) -> Any:
    """Give an instant in UTC, which DuckDB gives in the machine's time zone."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


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


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Column]]:
    """Read what is there: for each table and view its columns, and under no name its own description."""
    rows = connection.execute(
        "SELECT table_name, '', 'STRING', TRUE, comment FROM duckdb_tables() WHERE NOT internal UNION ALL "
        "SELECT view_name, '', 'STRING', TRUE, comment FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
        "WHERE NOT internal AND schema_name = 'main'"
    ).fetchall()
    there: dict[str, dict[str, Column]] = {}
    for table, name, kind, nullable, comment in rows:
        type_ = GOOGLESQL_TYPES.get(kind, kind)
        there.setdefault(table, {})[name] = Column(name, type_, comment or "", required=not nullable)
    return there


def _described(promised: Contract, there: dict[str, Column]) -> bool:
    """Tell whether any column's description is not the contract's."""
    return any(column.description != there[column.name].description for column in promised.columns)


def _comment(table: str, column: Column) -> str:
    return f'COMMENT ON COLUMN {table}."{column.name}" IS {_literal(column.description)}'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
