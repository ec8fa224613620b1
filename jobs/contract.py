"""contract -- what a table or view is, read from its Open Data Contract Standard document.

`jobs/tables/<table>.yaml` is the one place that says a table's columns, key, partition, checks and source. This module
reads it once and gives Spark and Arrow the schema, the warehouse its tables, plan its source, and check its rules. A
view has its query beside it, in `jobs/tables/<view>.sql`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path

import pyarrow as pa
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError

from jobs.errors import ContractError

# More values than this in an IN list cost more to read than they spare.
MOST_LITERALS = 500

# More than BigQuery takes.
MOST_CLUSTERING_COLUMNS = 4

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

# What one row or more of a derived table is built for, written like the key of an object.
UNIT_KEY = re.compile("ss_id=(?P<ss_id>[1-9][0-9]*)/day=(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
# How many days of its fact before and after its own a unit is built from: of readings, whose days are the wall
# clock's, a UTC day has three.
UNIT_REACH = {"system_day": 0, "system_utc_day": 1}

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
    """One column, with its GoogleSQL type.

    `references` is the table and column that a foreign key leads to; it `holds` always, or is only reported by a check.
    """

    name: str
    type: str
    description: str
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    references: tuple[str, str] | None = None
    holds: bool = False


@dataclass(frozen=True)
class Check:
    """A rule of the contract: one GoogleSQL query with one number, and the bound it must keep.

    The query may read `staged` (the load's rows), `quarantine` (the refused ones), `objects` (one row per source object
    with its counts; parts of a system's day have the same `replaces_with`), every table the contract references (its
    keys only), those it looks at, as they are now, and of a table that is `held_by` parts `parts`: of each part the
    rows_replaced and the rows_staged. `examples` is a query with one column, of what breaks the rule.
    """

    name: str
    query: str
    comparison: str
    bound: float
    severity: str
    description: str
    examples: str | None = None

    @property
    def expected(self) -> str:
        """Say what the number must be, such as `<= 5`."""
        return COMPARISONS[self.comparison][0].format(f"{self.bound:g}")

    def holds(self, observed: float) -> bool:
        """Tell whether a number keeps the bound."""
        return COMPARISONS[self.comparison][1](observed, self.bound)


@dataclass(frozen=True)
class Source:
    """Where a table's objects of one layout are.

    `bucket` names a setting, such as `{pvdaq_bucket}`. `list_by` is the prefix below `prefix` that one listing takes,
    with `{ss_id}` and `{year}` where they vary, and `*` for every folder that is there; `key_pattern` matches the rest
    of a key and names its parts. An object of a system's day `outranks` those of other sources for that day, which are
    then not read; nor are those of an older `version`, where that is a part. Where `aliases` has a folder's id, that is
    another system's.
    `companions` are the prefixes of small objects that a system's objects are read with, by what they are called;
    `registers` the registers whose lines on the system they are read with, or all of them where keys name no system; of
    a derived table those that are, whole, part of what each of its units is. In the landing bucket an edition's file
    `lands_as` this name; where that has no ending, with the ending of its format. An optional source is not read where
    no setting names its bucket.
    `read_with` are sources of the contract, in the same bucket, whose newest edition of the same year an object is read
    with, by their names, each with what parts of the object's key must be one of; what is of those has no rows of its
    own.
    `shares` are the parts of a key that say which share of its year an object has, all of it where they are empty: of
    two editions with the same share the one that was published last owns it. A whole record `owns_through` a year what
    other sources have too.
    """

    name: str
    bucket: str
    prefix: str
    list_by: str
    key_pattern: re.Pattern
    outranks: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    companions: Mapping[str, str] = field(default_factory=dict)
    lands_as: str | None = None
    registers: tuple[str, ...] = ()
    is_optional: bool = False
    read_with: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    shares: tuple[str, ...] = ()
    owns_through: int | None = None

    def parts(self, key: str) -> dict[str, str] | None:
        """Take a key apart; none if it is not one of this source's. A part that the key leaves out is empty."""
        if not key.startswith(self.prefix):
            return None
        match = self.key_pattern.fullmatch(key.removeprefix(self.prefix))
        if match is None:
            return None
        parts = match.groupdict(default="")
        if "ss_id" in parts:
            parts["ss_id"] = self.aliases.get(parts["ss_id"], parts["ss_id"])
        return parts

    def folder_of(self, ss_id: str) -> str:
        """Tell by which id the source's folders know a system."""
        return next((folder for folder, known_as in self.aliases.items() if known_as == ss_id), ss_id)


@dataclass(frozen=True)
class Contract:
    """What a table promises.

    `replaces` says what a new object version takes the place of: the `object`'s older version, or the whole `table`,
    which is then made anew of all its objects. `looks_at` are tables and views that its checks read.
    One that is another summary of the same objects has the `sourcesOf` the other, and `adds_up` its rows: GoogleSQL
    says which of them are in a row of its own, called `figure`. `editions_of` are columns that name an edition of a
    source of the table's own.
    `query` is a view's GoogleSQL, with `${dataset}` before each table; a table has none. A derived table is built from
    the columns `derived_from` names of a fact, which comes first, and of dimensions or views of them by system; its
    `unit` is a key of UNIT_REACH.
    `freshness` is how far a table may be behind what it is made of. `partition_unit` is DAY, or MONTH of a table whose
    days are more than BigQuery's partitions. `held_by` is a GoogleSQL expression of the part that a row is of: what a
    load has of each part is held against the rows whose place it takes, whichever files they are of. `held_counts` are
    the expressions that count a part, by what they count, each held for itself, or else rows; null counts as nothing.
    """

    table: str
    version: str
    domain: str
    description: str
    query: str | None
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: str | None
    partition_unit: str
    requires_partition_filter: bool
    retention_days: int | None
    freshness: timedelta | None
    cluster_by: tuple[str, ...]
    replaces: str
    sources: tuple[Source, ...]
    derived_from: Mapping[str, tuple[str, ...]]
    unit: str | None
    looks_at: tuple[str, ...]
    adds_up: Mapping[str, str]
    editions_of: Mapping[str, str]
    held_by: str | None
    held_counts: Mapping[str, str]
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
        return {column.name: column.references for column in self.columns if column.references}

    @cached_property
    def beside(self) -> frozenset[str]:
        """Names of the sources whose objects are read with others' alone."""
        return frozenset(name for source in self.sources for name in source.read_with)

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the table or view in the warehouse, as BigQuery allows them."""
        return {
            "domain": self.domain,
            "layer": self.table.partition("_")[0],
            "contract": self.version.replace(".", "-"),
        }

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Tables that a view's query reads; none for a table."""
        return tuple(sorted(set(re.findall(r"\$\{dataset\}\.(\w+)", self.query or ""))))

    @cached_property
    def made_of(self) -> tuple[str, ...]:
        """Tables that a derived table is built from, in place of a view those that it reads; none for another table."""
        return tuple(dict.fromkeys(table for name in self.derived_from for table in load(name).reads or (name,)))

    def source_of(self, key: str) -> tuple[Source, dict[str, str]] | None:
        """Tell which source a key is of, and its parts; none if it is of none of them."""
        return next(((source, parts) for source in self.sources if (parts := source.parts(key)) is not None), None)

    def parts(self, key: str) -> dict[str, str] | None:
        """Take a key apart; none if it is not one of the table's."""
        found = self.source_of(key)
        return found and found[1]

    def within(self, first_day: date, last_day: date, parts: Sequence[Mapping[str, str]] = ()) -> str:
        """Write the predicate that keeps a statement to what some objects cover, with literal bounds.

        Args:
            first_day: the first day [wall clock], where the table is partitioned by time.
            last_day: the last day, itself included.
            parts: the parts of the objects' keys; those that every key has, and that are INT64 columns, bound them,
                unless they are very many.
        """
        bounds = ["TRUE"]
        if self.partition:
            bounds.append(f"`{self.partition}` >= {self._moment(first_day, '00:00:00')}")
            bounds.append(f"`{self.partition}` <= {self._moment(last_day, '23:59:59.999999')}")
        values: dict[str, set[int]] = {}
        numbers = {column.name for column in self.columns if column.type == "INT64"}
        for part in parts:
            numbers &= part.keys()
        for name, value in (item for part in parts for item in part.items() if item[0] in numbers):
            values.setdefault(name, set()).add(int(value))
        bounds += [
            f"`{name}` IN ({', '.join(map(str, sorted(found)))})"
            for name, found in values.items()
            if len(found) <= MOST_LITERALS
        ]
        return " AND ".join(bounds)

    def on_days(self, days: Iterable[date]) -> str:
        """Write the predicate that takes just these days' partitions whole, with literal bounds and nothing else."""
        runs: list[list[date]] = []
        for day in sorted(days):
            if runs and day - runs[-1][1] == timedelta(days=1):
                runs[-1][1] = day
            else:
                runs.append([day, day])

        def between(first: date, last: date) -> str:
            start, end = (self._moment(day, "00:00:00") for day in (first, last + timedelta(days=1)))
            return f"{column} >= {start} AND {column} < {end}"

        column = f"`{self.partition}`"
        within = between(runs[0][0], runs[-1][1])
        if len(runs) == 1:
            return within
        return f"{within} AND ({' OR '.join(f'({between(*run)})' for run in runs)})"

    def _moment(self, day: date, time: str) -> str:
        """Write a time of a day as a literal of the partition's type; an instant's day is that of UTC."""
        kind = next(column.type for column in self.columns if column.name == self.partition)
        return f"DATE '{day}'" if kind == "DATE" else f"{kind} '{day} {time}'"

    def view_query(self, dataset: str) -> str:
        """Write the view's query over the tables of a dataset, such as `project.dataset`."""
        return self.query.replace("${dataset}", dataset)


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
        # By libyaml, for all contracts are read at every start, which the reader in Python makes the longest part of.
        document = OpenDataContractStandard(**yaml.load(path.read_bytes(), yaml.CSafeLoader))
        (schema,) = document.schema_
        return _contract(table, document, schema)
    except (ValidationError, yaml.YAMLError, KeyError, TypeError, ValueError) as fault:
        raise ContractError(f"contract {path.name} cannot be used: {fault!r}") from fault


def _contract(table, document, schema) -> Contract:
    if schema.name != table:
        raise ValueError(f"it describes {schema.name!r}")
    custom = _custom(schema)
    query = TABLES / f"{table}.sql"
    if (schema.physicalType == "view") != query.exists():
        raise ValueError(
            f"it is a {schema.physicalType} and {query.name} is {'there' if query.exists() else 'missing'}"
        )
    if len(custom.get("clusterBy", ())) > MOST_CLUSTERING_COLUMNS:
        raise ValueError(f"it clusters by more than {MOST_CLUSTERING_COLUMNS} columns")
    keyed = sorted((p for p in schema.properties if p.primaryKey), key=lambda p: p.primaryKeyPosition)
    partitions = [p.name for p in schema.properties if p.partitioned]
    return Contract(
        table=table,
        version=document.version,
        domain=document.domain,
        query=query.read_text(encoding="utf-8") if query.exists() else None,
        description=schema.description + " " + schema.dataGranularityDescription,
        columns=tuple(_column(p) for p in schema.properties),
        key=tuple(p.name for p in keyed),
        partition=partitions[0] if partitions else None,
        partition_unit=custom.get("partitionUnit", "DAY"),
        requires_partition_filter=custom.get("requirePartitionFilter", False),
        retention_days=_retention_days(document, partitions),
        freshness=_freshness(document),
        cluster_by=tuple(custom.get("clusterBy", ())),
        replaces=custom.get("replaces", "object"),
        sources=tuple(map(_source, document.servers or ())) or _units(custom) or _shared(custom),
        derived_from={name: tuple(columns) for name, columns in custom.get("derivedFrom", {}).items()},
        unit=custom.get("unit"),
        looks_at=tuple(custom.get("looksAt", ())),
        adds_up=custom.get("addsUp", {}),
        editions_of=custom.get("editionsOf", {}),
        held_by=custom.get("heldBy"),
        held_counts=custom.get("heldCounts", {"rows": "COUNT(*)"}),
        checks=tuple(_check(rule) for rule in schema.quality or ()),
    )


def _retention_days(document, partitions) -> int | None:
    promises = [promise for promise in document.slaProperties or () if promise.property == "retention"]
    if not promises:
        return None
    (promise,) = promises
    if promise.unit != "d" or not partitions:
        raise ValueError("retention is a number of days (unit d) of a partitioned table")
    return int(promise.value)


def _freshness(document) -> timedelta | None:
    promises = [promise for promise in document.slaProperties or () if promise.property == "freshness"]
    if not promises:
        return None
    (promise,) = promises
    if promise.unit not in ("h", "d"):
        raise ValueError("freshness is a number of hours (unit h) or days (unit d)")
    return timedelta(**{{"h": "hours", "d": "days"}[promise.unit]: float(promise.value)})


def _custom(holder) -> dict:
    return {entry.property: entry.value for entry in holder.customProperties or ()}


def _column(prop) -> Column:
    if prop.physicalType not in ARROW_TYPES:
        raise ValueError(f"column {prop.name} has unknown type {prop.physicalType!r}")
    options = prop.logicalTypeOptions or {}
    foreign = next((r for r in prop.relationships or () if r.type == "foreignKey"), None)
    return Column(
        name=prop.name,
        type=prop.physicalType,
        description=prop.description,
        required=bool(prop.required),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        allowed=tuple(entry.value for entry in prop.enum or ()),
        references=tuple(foreign.to.split(".", 1)) if foreign else None,
        holds=bool(foreign and _custom(foreign).get("holds", False)),
    )


def _source(server) -> Source:
    custom = _custom(server)
    bucket, _, prefix = server.location.removeprefix("s3://").partition("/")
    return Source(
        name=server.server,
        bucket=bucket,
        prefix=prefix,
        list_by=custom["listBy"],
        key_pattern=re.compile(custom["keyPattern"]),
        outranks=tuple(custom.get("outranks", ())),
        aliases={str(folder): str(ss_id) for folder, ss_id in custom.get("aliases", {}).items()},
        companions=custom.get("companions", {}),
        lands_as=custom.get("landsAs"),
        registers=tuple(custom.get("registers", ())),
        is_optional=custom.get("optional", False),
        read_with=custom.get("readWith", {}),
        shares=tuple(custom.get("shares", ())),
        owns_through=custom.get("ownsThrough"),
    )


def _units(custom: dict) -> tuple[Source, ...]:
    """Write the units of a derived table as a source whose bucket is the fact; none for a table of another kind."""
    if "derivedFrom" not in custom:
        return ()
    if custom.get("unit") not in UNIT_REACH:
        raise ValueError(f"it is derived by {custom.get('unit')}, and a unit is {' or '.join(UNIT_REACH)}")
    fact = next(iter(custom["derivedFrom"]))
    registers = tuple(custom.get("registers", ()))
    return (Source(name="units", bucket=fact, prefix="", list_by="", key_pattern=UNIT_KEY, registers=registers),)


def _shared(custom: dict) -> tuple[Source, ...]:
    """Give the sources of the table that a table shares them with; none for a table of another kind."""
    return load(custom["sourcesOf"]).sources if "sourcesOf" in custom else ()


def _check(rule) -> Check:
    ((word, bound),) = ((w, getattr(rule, w)) for w in COMPARISONS if getattr(rule, w) is not None)
    if rule.severity not in ("error", "warning"):
        raise ValueError(f"check {rule.name} has severity {rule.severity!r}")
    examples = _custom(rule).get("examples")
    return Check(rule.name, rule.query, word, float(bound), rule.severity, rule.description, examples)
