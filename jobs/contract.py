"""contract -- what a table is, read from its Open Data Contract Standard document.

`jobs/tables/<table>.yaml` is the one place that says a table's columns, key, partition, checks and source. This module
reads it once and gives Spark and Arrow the schema, the warehouse its DDL, plan its source, and check its rules.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path

import pyarrow as pa
from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError
from yaml import YAMLError

from jobs.errors import ContractError

# More values than this in an IN list cost more to read than they spare.
MOST_LITERALS = 500

TABLES = Path(__file__).parent / "tables"

ARROW_TYPES = {
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "STRING": pa.string(),
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}

# ODCS's comparison words, and how a check's line reads.
COMPARISONS = {
    "mustBe": ("= {}", lambda seen, bound: seen == bound),
    "mustBeGreaterThan": ("> {}", lambda seen, bound: seen > bound),
    "mustBeGreaterOrEqualTo": (">= {}", lambda seen, bound: seen >= bound),
    "mustBeLessThan": ("< {}", lambda seen, bound: seen < bound),
    "mustBeLessOrEqualTo": ("<= {}", lambda seen, bound: seen <= bound),
}


@dataclass(frozen=True)
class Column:
    """One column, with its GoogleSQL type."""

    name: str
    type: str
    description: str
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    references: str | None = None


@dataclass(frozen=True)
class Check:
    """A rule of the contract: one GoogleSQL query with one number, and the bound it must keep.

    The query may read `staged` (the load's rows), `quarantine` (the refused ones), `objects` (one row per source
    object with its counts) and every table the contract references (its keys only).
    """

    name: str
    query: str
    comparison: str
    bound: float
    severity: str
    description: str

    @property
    def expected(self) -> str:
        """Say what the number must be, such as `<= 5`."""
        return COMPARISONS[self.comparison][0].format(f"{self.bound:g}")

    def holds(self, observed: float) -> bool:
        """Tell whether a number keeps the bound."""
        return COMPARISONS[self.comparison][1](observed, self.bound)


@dataclass(frozen=True)
class Source:
    """Where a table's objects are.

    `bucket` names a setting, such as `{pvdaq_bucket}`. `list_by` is the prefix below `prefix` that one listing takes,
    with `{ss_id}` and `{year}` where they vary; `key_pattern` matches the rest of a key and names its parts; `takes` is
    `every` matching object or the `newest` (greatest key).
    """

    bucket: str
    prefix: str
    list_by: str
    key_pattern: re.Pattern
    takes: str

    def parts(self, key: str) -> dict[str, str] | None:
        """Take a key apart; none if it is not one of the table's."""
        match = self.key_pattern.fullmatch(key.removeprefix(self.prefix))
        return match.groupdict() if match else None


@dataclass(frozen=True)
class Contract:
    """What a table promises.

    `replaces` says what a new object version takes the place of: the `object`'s older version, or the whole `table`.
    """

    table: str
    version: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: str | None
    cluster_by: tuple[str, ...]
    replaces: str
    source: Source | None
    checks: tuple[Check, ...]

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Columns in contract order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Schema of the staged parquet: contract order, DATETIME without zone, TIMESTAMP in UTC."""
        return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in self.columns])

    @cached_property
    def references(self) -> dict[str, tuple[str, str]]:
        """Columns with a foreign key, and the (table, column) each leads to."""
        return {column.name: tuple(column.references.split(".", 1)) for column in self.columns if column.references}

    def within(self, first_day: date, last_day: date, parts: Iterable[Mapping[str, str]] = ()) -> str:
        """Write the predicate that keeps a statement to what some objects cover, with literal bounds.

        Args:
            first_day: the first day [wall clock], where the table is partitioned by time.
            last_day: the last day, itself included.
            parts: the parts of the objects' keys; those that are columns bound them, unless they are very many.
        """
        bounds = ["TRUE"]
        if self.partition:
            column = f"`{self.partition}`"
            bounds.append(f"{column} >= DATETIME '{first_day} 00:00:00'")
            bounds.append(f"{column} <= DATETIME '{last_day} 23:59:59.999999'")
        values: dict[str, set[int]] = {}
        for name, value in (item for part in parts for item in part.items() if item[0] in self.column_names):
            values.setdefault(name, set()).add(int(value))
        bounds += [
            f"`{name}` IN ({', '.join(map(str, sorted(found)))})"
            for name, found in values.items()
            if len(found) <= MOST_LITERALS
        ]
        return " AND ".join(bounds)

    def ddl(self) -> str:
        """Write the table's CREATE statement in GoogleSQL."""
        lines = [
            f"  `{column.name}` {column.type}{' NOT NULL' if column.required else ''}"
            f" OPTIONS(description={_literal(column.description)})"
            for column in self.columns
        ]
        if self.key:
            lines.append(f"  PRIMARY KEY ({', '.join(f'`{name}`' for name in self.key)}) NOT ENFORCED")
        parts = [f"CREATE TABLE IF NOT EXISTS `{self.table}` (\n" + ",\n".join(lines) + "\n)"]
        if self.partition:
            parts.append(f"PARTITION BY DATETIME_TRUNC(`{self.partition}`, DAY)")
        if self.cluster_by:
            parts.append(f"CLUSTER BY {', '.join(f'`{name}`' for name in self.cluster_by)}")
        parts.append(f"OPTIONS(description={_literal(self.description)})")
        return "\n".join(parts)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@cache
def names() -> tuple[str, ...]:
    """List every table that has a contract."""
    return tuple(sorted(path.stem for path in TABLES.glob("*.yaml")))


@cache
def load(table: str) -> Contract:
    """Read a table's contract.

    Raises:
        ContractError: there is no such contract, or it is not a usable ODCS document.
    """
    path = TABLES / f"{table}.yaml"
    if table not in names():
        raise ContractError(f"no contract {table}.yaml in jobs/tables; there are: {', '.join(names())}")
    try:
        document = OpenDataContractStandard.from_file(str(path))
        (schema,) = document.schema_
        return _contract(table, document, schema)
    except (ValidationError, YAMLError, KeyError, TypeError, ValueError) as fault:
        raise ContractError(f"contract {path.name} cannot be used: {fault!r}") from fault


def _contract(table, document, schema) -> Contract:
    if schema.name != table:
        raise ValueError(f"it describes {schema.name!r}")
    custom = _custom(schema)
    keyed = sorted((p for p in schema.properties if p.primaryKey), key=lambda p: p.primaryKeyPosition)
    partitions = [p.name for p in schema.properties if p.partitioned]
    return Contract(
        table=table,
        version=document.version,
        description=schema.description + " " + schema.dataGranularityDescription,
        columns=tuple(_column(p) for p in schema.properties),
        key=tuple(p.name for p in keyed),
        partition=partitions[0] if partitions else None,
        cluster_by=tuple(custom.get("clusterBy", ())),
        replaces=custom.get("replaces", "object"),
        source=_source(document.servers[0]) if document.servers else None,
        checks=tuple(_check(rule) for rule in schema.quality or ()),
    )


def _custom(holder) -> dict:
    return {entry.property: entry.value for entry in holder.customProperties or ()}


def _column(prop) -> Column:
    if prop.physicalType not in ARROW_TYPES:
        raise ValueError(f"column {prop.name} has unknown type {prop.physicalType!r}")
    options = prop.logicalTypeOptions or {}
    return Column(
        name=prop.name,
        type=prop.physicalType,
        description=prop.description,
        required=bool(prop.required),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        allowed=tuple(entry.value for entry in prop.enum or ()),
        references=next((r.to for r in prop.relationships or () if r.type == "foreignKey"), None),
    )


def _source(server) -> Source:
    custom = _custom(server)
    bucket, _, prefix = server.location.removeprefix("s3://").partition("/")
    return Source(
        bucket=bucket,
        prefix=prefix,
        list_by=custom["listBy"],
        key_pattern=re.compile(custom["keyPattern"]),
        takes=custom["takes"],
    )


def _check(rule) -> Check:
    ((word, bound),) = ((w, getattr(rule, w)) for w in COMPARISONS if getattr(rule, w) is not None)
    if rule.severity not in ("error", "warning"):
        raise ValueError(f"check {rule.name} has severity {rule.severity!r}")
    return Check(rule.name, rule.query, word, float(bound), rule.severity, rule.description)
