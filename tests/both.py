"""both -- one query on the embedded warehouse and on Google's reference implementation, and nothing may differ."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import duckdb
from googlesql import DATASET, Columns, evaluate
from sqlglot import parse_one

from jobs import contract
from jobs.warehouse.dialect import SESSION, to_duckdb
from jobs.warehouse.tables import ddl

Rows = Sequence[Mapping[str, Any]]

# DuckDB has whole numbers of many widths: a literal is an INTEGER, and a SUM a HUGEINT. GoogleSQL has one.
DUCKDB_TYPES = {
    "INTEGER": "INT64",
    "BIGINT": "INT64",
    "HUGEINT": "INT64",
    "DOUBLE": "FLOAT64",
    "VARCHAR": "STRING",
    "BLOB": "BYTES",
    "BOOLEAN": "BOOL",
    "DATE": "DATE",
    "TIMESTAMP": "DATETIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
}

# What a required column holds where a test does not care.
FILLINGS = {
    "INT64": 0,
    "FLOAT64": 0.0,
    "STRING": "",
    "BOOL": False,
    "DATE": date(2019, 1, 5),
    "DATETIME": datetime(2019, 1, 5),
    "TIMESTAMP": datetime(2019, 1, 5, tzinfo=UTC),
}


def same_on_both(
    query: str,
    tables: Mapping[str, Rows] | None = None,
    parameters: Mapping[str, tuple[str, Any]] | None = None,
    relations: Mapping[str, tuple[Columns, Sequence[Sequence]]] | None = None,
) -> list[dict[str, Any]]:
    """Answer a query on both engines, and assert that rows, order, values and types are the same.

    Args:
        query: one GoogleSQL query; without ORDER BY at its end the order of rows is not compared.
        tables: rows of contracts' tables. A column that is not given is null, or a filling where it must be there.
        parameters: each named parameter's type and value.
        relations: columns and rows of what has no contract.

    Returns:
        The rows, to be held against an expectation.
    """
    given = {name: _rows(contract.load(name), rows) for name, rows in (tables or {}).items()} | dict(relations or {})
    columns, rows = evaluate(query, given, parameters)
    seen_columns, seen = _on_duckdb(query.replace(f"{DATASET}.", ""), given, parameters or {})
    if not parse_one(query, read="bigquery").args.get("order"):
        rows, seen = sorted(rows, key=repr), sorted(seen, key=repr)

    assert seen_columns == columns, f"DuckDB has columns {seen_columns}, Google {columns}: {query}"
    assert len(seen) == len(rows), f"DuckDB has {len(seen)} rows, Google {len(rows)}: {query}"
    for ours, googles in zip(seen, rows, strict=True):
        assert same(ours, googles), f"DuckDB answers {ours}, Google {googles}: {query}"
    return rows


def _rows(promised: contract.Contract, rows: Rows) -> tuple[Columns, list[tuple]]:
    for row in rows:
        assert row.keys() <= set(promised.column_names), f"{promised.table} has no {row.keys()}"
    fillings = {column.name: FILLINGS[column.type] if column.required else None for column in promised.columns}
    filled = [tuple((fillings | dict(row)).values()) for row in rows]
    return {column.name: column.type for column in promised.columns}, filled


def _on_duckdb(query: str, given: Mapping, parameters: Mapping) -> tuple[dict[str, str], list[dict[str, Any]]]:
    with duckdb.connect(":memory:") as connection:
        connection.execute(SESSION)
        for name, (columns, rows) in given.items():
            bare = f"CREATE TABLE `{name}` ({', '.join(f'`{column}` {kind}' for column, kind in columns.items())})"
            (statement,) = to_duckdb(ddl(contract.load(name)) if name in contract.names() else bare)
            connection.execute(statement)
            if rows:
                connection.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})', rows)
        (statement,) = to_duckdb(query)
        answer = connection.execute(statement, {name: value for name, (_, value) in parameters.items()} or None)
        columns = {column[0]: _googlesql(str(column[1])) for column in answer.description}
        return columns, [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def _googlesql(kind: str) -> str:
    if kind.endswith("[]"):
        return f"ARRAY<{_googlesql(kind[:-2])}>"
    if kind.startswith("STRUCT("):
        return f"STRUCT<{re.sub('[A-Z]+', lambda word: _googlesql(word[0]), kind[len('STRUCT(') : -1])}>"
    return DUCKDB_TYPES.get(kind, kind)


def same(ours: Any, googles: Any) -> bool:
    """Tell whether two answers are the same, value and type; a FLOAT64 to nine digits, for sums have no order."""
    match ours, googles:
        case dict(), dict():
            return ours.keys() == googles.keys() and all(same(ours[name], googles[name]) for name in ours)
        case list(), list():
            return len(ours) == len(googles) and all(map(same, ours, googles))
        case float(), float():
            return math.isclose(ours, googles, rel_tol=1e-9) or (math.isnan(ours) and math.isnan(googles))
    return type(ours) is type(googles) and ours == googles
