"""tables -- what a contract's table is in the warehouse, and how a table that is there becomes it.

A contract change is additive and made in place (a new nullable column, a column that need not have a value any more,
another description), or it breaks readers and is refused by name. Nothing is ever dropped or made anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs import contract
from jobs.contract import Column, Contract
from jobs.errors import ContractError

# BigQuery's REST API has names of its own for two of GoogleSQL's types.
REST_TYPES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}


def in_order() -> list[Contract]:
    """Read all contracts, each after those that its foreign keys and its query lead to: tables first, views last."""
    waiting = [contract.load(name) for name in contract.names()]
    done: list[Contract] = []
    while waiting:
        names = {promised.table for promised in done}
        ready = [
            promised
            for promised in waiting
            if {column.references[0] for column in promised.columns if column.holds} <= names
            and (promised.query is None or all(other.query is not None for other in waiting))
        ]
        if not ready:
            raise ContractError(f"foreign keys go round in a circle: {', '.join(entry.table for entry in waiting)}")
        done += ready
        waiting = [promised for promised in waiting if promised not in ready]
    return done


def ddl(promised: Contract) -> str:
    """Write the CREATE statement in GoogleSQL; a view's over tables of the dataset `main`."""
    if promised.query is not None:
        return f"CREATE OR REPLACE VIEW `{promised.table}` AS\n{promised.view_query('main')}"
    lines = [
        f"  `{column.name}` {column.type}{' NOT NULL' if column.required else ''}"
        f" OPTIONS(description={_literal(column.description)})"
        for column in promised.columns
    ]
    if promised.key:
        lines.append(f"  PRIMARY KEY ({', '.join(f'`{name}`' for name in promised.key)}) NOT ENFORCED")
    lines += [
        f"  FOREIGN KEY (`{column.name}`) REFERENCES `{column.references[0]}`(`{column.references[1]}`) NOT ENFORCED"
        for column in promised.columns
        if column.holds
    ]
    parts = [f"CREATE TABLE IF NOT EXISTS `{promised.table}` (\n" + ",\n".join(lines) + "\n)"]
    if promised.partition:
        kind = _partition_type(promised)
        is_day = kind == "DATE" and promised.partition_unit == "DAY"
        truncated = f"{kind}_TRUNC(`{promised.partition}`, {promised.partition_unit})"
        parts.append(f"PARTITION BY {f'`{promised.partition}`' if is_day else truncated}")
    if promised.cluster_by:
        parts.append(f"CLUSTER BY {', '.join(f'`{name}`' for name in promised.cluster_by)}")
    options = {"description": _literal(promised.description)}
    if promised.requires_partition_filter:
        options["require_partition_filter"] = "TRUE"
    if promised.retention_days:
        options["partition_expiration_days"] = str(promised.retention_days)
    parts.append(f"OPTIONS({', '.join(f'{name}={value}' for name, value in options.items())})")
    return "\n".join(parts)


def resource(promised: Contract) -> dict:
    """Write the table or view as BigQuery's REST resource, without project, dataset and foreign tables' places.

    A view has a schema here too, for its columns' descriptions.
    """
    made = {
        "description": promised.description,
        "labels": promised.labels,
        "schema": {"fields": [field(column) for column in promised.columns]},
    }
    if promised.query is not None:
        return made
    if promised.partition:
        made["timePartitioning"] = {"type": promised.partition_unit, "field": promised.partition}
        if promised.retention_days:
            made["timePartitioning"]["expirationMs"] = str(promised.retention_days * 86_400_000)
    if promised.requires_partition_filter:
        made["requirePartitionFilter"] = True
    if promised.cluster_by:
        made["clustering"] = {"fields": list(promised.cluster_by)}
    constraints = {}
    if promised.key:
        constraints["primaryKey"] = {"columns": list(promised.key)}
    foreign = [column for column in promised.columns if column.holds]
    if foreign:
        constraints["foreignKeys"] = [
            {
                "name": f"{column.name}_in_{column.references[0]}",
                "referencedTable": {"tableId": column.references[0]},
                "columnReferences": [{"referencingColumn": column.name, "referencedColumn": column.references[1]}],
            }
            for column in foreign
        ]
    if constraints:
        made["tableConstraints"] = constraints
    return made


def field(column: Column) -> dict:
    """Write a column as BigQuery's REST resource."""
    return {
        "name": column.name,
        "type": REST_TYPES.get(column.type, column.type),
        "mode": "REQUIRED" if column.required else "NULLABLE",
        "description": column.description,
    }


@dataclass(frozen=True)
class Changes:
    """What makes a table that is there what its contract says."""

    added: tuple[Column, ...]
    relaxed: tuple[Column, ...]
    described: tuple[Column, ...]


def changes(promised: Contract, there: Iterable[Column], where: str, otherwise: Mapping[str, str] = {}) -> Changes:
    """Compare a table that is there with its contract.

    Args:
        promised: the contract.
        there: the table's columns, with their descriptions.
        where: what to call the table in an error.
        otherwise: further differences that cannot be made in place, and how to name them; empty where there is none.

    Raises:
        ContractError: the contract breaks the table's readers; every such difference is named.
    """
    held = {column.name: column for column in there}
    breaking = [f"{what} {how}" for what, how in otherwise.items()]
    breaking += [f"column {name} is not in the contract" for name in held if name not in promised.column_names]
    added, relaxed, described = [], [], []
    for column in promised.columns:
        now = held.get(column.name)
        if now is None:
            added.append(column)
            if column.required:
                breaking.append(f"the new column {column.name} is required, and the rows that are there have no value")
            continue
        if now.type != column.type:
            breaking.append(f"column {column.name} is {now.type} and shall be {column.type}")
        if column.required and not now.required:
            breaking.append(f"column {column.name} may be null and shall be required")
        if now.required and not column.required:
            relaxed.append(column)
        if now.description != column.description:
            described.append(column)
    if breaking:
        raise ContractError(
            f"{where} cannot become what contract {promised.table} {promised.version} says: {'; '.join(breaking)}. "
            "Nothing was changed. Give the new meaning a new column, or load the contract into another dataset or file"
        )
    return Changes(tuple(added), tuple(relaxed), tuple(described))


def _partition_type(promised: Contract) -> str:
    return next(column.type for column in promised.columns if column.name == promised.partition)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
