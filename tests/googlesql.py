"""googlesql -- Google's own analyser and reference implementation of GoogleSQL, for the tests.

The wheel `zetasql` is both, compiled to WebAssembly. It tells offline what BigQuery would refuse (a misspelt column, a
comparison of two types, a parameter that nobody gives) and answers small queries as Google says they are answered, so
that the embedded warehouse can be held to it. What only the service knows, such as limits, is in `service_rules.py`.
"""

import ctypes
import fcntl
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp, parse_one
from wasmtime import Config, Engine, Linker, Module, Store, WasiConfig, WasmtimeError
from zetasql.core.exceptions import ServerError
from zetasql.core.wasm_client import WasmClient, get_tzinfo_dir
from zetasql.wasi import get_wasm_path
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.proto import options_pb2, simple_catalog_pb2
from zetasql.wasi._pb2.zetasql.public import function_pb2, parse_resume_location_pb2, type_pb2, value_pb2
from zetasql.wasi._pb2.zetasql.public import options_pb2 as public
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_node_kind_pb2

from jobs import contract

# Columns of a relation: name to GoogleSQL type, in order.
Columns = Mapping[str, str]
Pairs = tuple[tuple[str, str], ...]

# The project and dataset under which statements may name the contracts' tables.
DATASET = "project.dataset"

CACHE = Path(__file__).resolve().parent.parent / ".pytest_cache"

# What BigQuery has switched on, as Google's toolkit for it says (zetasql-toolkit, BigQueryLanguageOptions), and what
# came later. Three are left out, because DuckDB makes another thing of them: TIMESTAMP_NANOS, INTERVAL_TYPE (one DATE
# less another), and EXTENDED_DATE_TIME_SIGNATURES (DATE_TRUNC, DATE_ADD and the like of what is no DATE).
FEATURES = """
    ADDITIONAL_STRING_FUNCTIONS ALLOW_DASHES_IN_TABLE_NAME ALLOW_MISSING_PATH_EXPRESSION_IN_ALTER_DDL
    ALLOW_REGEXP_EXTRACT_OPTIONALS ALTER_COLUMN_SET_DATA_TYPE ALTER_TABLE_RENAME_COLUMN ANALYTIC_FUNCTIONS
    ANNOTATION_FRAMEWORK ARRAY_AGGREGATION_FUNCTIONS BIGNUMERIC_TYPE CASE_STMT CBRT_FUNCTIONS COLLATION_SUPPORT
    COLUMN_DEFAULT_VALUE CONCAT_MIXED_TYPES CIVIL_TIME CREATE_EXTERNAL_TABLE_WITH_CONNECTION
    CREATE_EXTERNAL_TABLE_WITH_PARTITION_COLUMNS CREATE_EXTERNAL_TABLE_WITH_TABLE_ELEMENT_LIST
    CREATE_MATERIALIZED_VIEW_CLUSTER_BY CREATE_MATERIALIZED_VIEW_PARTITION_BY CREATE_SNAPSHOT_TABLE
    CREATE_TABLE_AS_SELECT_COLUMN_LIST CREATE_TABLE_CLONE CREATE_TABLE_CLUSTER_BY CREATE_TABLE_COPY
    CREATE_TABLE_FIELD_ANNOTATIONS CREATE_TABLE_FUNCTION CREATE_TABLE_LIKE CREATE_TABLE_NOT_NULL
    CREATE_TABLE_PARTITION_BY CREATE_VIEW_WITH_COLUMN_LIST CREATE_VIEWS_WITH_COLUMN_OPTIONS DATE_ARITHMETICS
    DATE_TIME_CONSTRUCTORS DECIMAL_ALIAS DML_UPDATE_WITH_JOIN ENCRYPTION FOREIGN_KEYS FORMAT_IN_CAST FOR_IN
    FOR_SYSTEM_TIME_AS_OF GEOGRAPHY GROUPING_BUILTIN GROUPING_SETS GROUP_BY_ALL GROUP_BY_ARRAY GROUP_BY_ROLLUP
    GROUP_BY_STRUCT HAVING_IN_AGGREGATE INVERSE_TRIG_FUNCTIONS IS_DISTINCT JSON_ARRAY_FUNCTIONS JSON_TYPE
    JSON_VALUE_EXTRACTION_FUNCTIONS LIKE_ANY_SOME_ALL LIMIT_IN_AGGREGATE NAMED_ARGUMENTS
    NULLS_FIRST_LAST_IN_ORDER_BY NULL_HANDLING_MODIFIER_IN_AGGREGATE NULL_HANDLING_MODIFIER_IN_ANALYTIC NUMERIC_TYPE
    OMIT_INSERT_COLUMN_LIST ORDER_BY_IN_AGGREGATE PARAMETERIZED_TYPES PIPES PIVOT QUALIFY REPEAT
    ROUND_WITH_ROUNDING_MODE SAFE_FUNCTION_CALL SCRIPT_LABEL SELECT_STAR_EXCEPT_REPLACE TABLESAMPLE
    TABLE_VALUED_FUNCTIONS TEMPLATE_FUNCTIONS TIME_BUCKET_FUNCTIONS UNENFORCED_PRIMARY_KEYS
    UNNEST_AND_FLATTEN_ARRAYS UNPIVOT WEEK_WITH_WEEKDAY WITH_GROUP_ROWS WITH_ON_SUBQUERY WITH_RECURSIVE
"""

# The OPTIONS of BigQuery's tables, columns and views that the project may use; any other is refused.
OPTIONS = {
    "description": "STRING",
    "friendly_name": "STRING",
    "labels": "ARRAY<STRUCT<STRING, STRING>>",
    "expiration_timestamp": "TIMESTAMP",
    "partition_expiration_days": "FLOAT64",
    "require_partition_filter": "BOOL",
}

KINDS = {
    "INT64": type_pb2.TYPE_INT64,
    "FLOAT64": type_pb2.TYPE_DOUBLE,
    "STRING": type_pb2.TYPE_STRING,
    "BYTES": type_pb2.TYPE_BYTES,
    "BOOL": type_pb2.TYPE_BOOL,
    "DATE": type_pb2.TYPE_DATE,
    "DATETIME": type_pb2.TYPE_DATETIME,
    "TIMESTAMP": type_pb2.TYPE_TIMESTAMP,
    "NUMERIC": type_pb2.TYPE_NUMERIC,
    "BIGNUMERIC": type_pb2.TYPE_BIGNUMERIC,
    "INTERVAL": type_pb2.TYPE_INTERVAL,
    "JSON": type_pb2.TYPE_JSON,
}
NAMES = {kind: name for name, kind in KINDS.items()}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GoogleSqlError(Exception):
    """Google refuses a statement, or cannot answer it."""

    def __init__(self, message: str, line: int | None = None, statement: str = ""):
        self.message, self.line, self.statement = message, line, statement
        super().__init__(f"{message}\n{statement}" if statement else message)


def analyse(
    script: str,
    parameters: Columns | None = None,
    relations: Mapping[str, Columns] | None = None,
) -> dict[str, str]:
    """Have every statement of a script analysed, as BigQuery does before it runs one.

    Args:
        script: GoogleSQL statements; the contracts' tables are there as `t`, `dataset.t` and `project.dataset.t`.
        parameters: the types of the named parameters that are given; the script need not use all of them.
        relations: what it reads beside the contracts' tables, or in place of one of them.

    Returns:
        The columns of the script's last query; none where there is no query.

    Raises:
        GoogleSqlError: a statement is refused, with the line in the script at which it is.
    """
    beside = tuple((name, tuple(columns.items())) for name, columns in (relations or {}).items())
    return dict(_analysed(script, tuple((parameters or {}).items()), beside))


# The views of the contracts are analysed for each dataset that a test makes.
@cache
def _analysed(script: str, parameters: Pairs, relations: tuple[tuple[str, Pairs], ...]) -> dict[str, str]:
    catalog, options = _registered(relations), _options(dict(parameters))
    text, at, columns = script.encode(), 0, {}
    while at < len(text):
        rest = parse_resume_location_pb2.ParseResumeLocationProto(input=script, byte_position=at, allow_resume=True)
        end = len(text)
        try:
            parsing = service.ParseRequest(parse_resume_location=rest, options=options.language_options)
            end = _call("Parse", parsing, service.ParseResponse).resume_byte_position
            asked = service.AnalyzeRequest(options=options, registered_catalog_id=catalog, parse_resume_location=rest)
            resolved = _call("Analyze", asked, service.AnalyzeResponse).resolved_statement
        except GoogleSqlError as fault:
            where = re.search(r"\[at (\d+):\d+\]$", fault.message)
            statement = text[at:end].decode().strip()
            raise GoogleSqlError(fault.message, int(where[1]) if where else None, statement) from None
        if resolved.HasField("resolved_query_stmt_node"):
            found = resolved.resolved_query_stmt_node.output_column_list
            columns = {column.name: type_name(column.column.type) for column in found}
        at = end
    return columns


def evaluate(
    query: str,
    tables: Mapping[str, tuple[Columns, Iterable[Sequence]]] | None = None,
    parameters: Mapping[str, tuple[str, Any]] | None = None,
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Answer a query with the reference implementation.

    Args:
        query: one GoogleSQL query; it may name tables with `project.dataset.`.
        tables: each table's columns, and its rows as sequences in their order.
        parameters: each named parameter's type and value.

    Returns:
        The columns with their types, and the rows. DATETIME has no zone, TIMESTAMP is in UTC.

    Raises:
        GoogleSqlError: the query is refused, fails, or asks for what the reference implementation does not have.
    """
    asked = service.EvaluateQueryRequest(
        sql=_without_synonyms(query.replace(f"{DATASET}.", "")),
        options=_options({name: kind for name, (kind, _) in (parameters or {}).items()}),
        simple_catalog=_catalog({name: columns for name, (columns, _) in (tables or {}).items()}),
    )
    # What a rewriter stands for (such as PIVOT) has no implementation of its own.
    asked.options.enabled_rewrites.extend(_defaults().enabled_rewrites)
    for name, (columns, rows) in (tables or {}).items():
        content = asked.table_content[name].table_data
        for row in rows:
            cells = zip(row, columns.values(), strict=True)
            content.row.add(cell=[_to_google(value, kind) for value, kind in cells])
    for name, (kind, value) in (parameters or {}).items():
        asked.params.add(name=name, value=_to_google(value, kind))
    answer = _call("EvaluateQuery", asked, service.EvaluateQueryResponse)
    kinds = {column.name: column.type for column in answer.prepared.columns}
    rows = [
        {name: _from_google(cell, kind) for cell, (name, kind) in zip(row.cell, kinds.items(), strict=True)}
        for row in answer.content.table_data.row
    ]
    return {name: type_name(kind) for name, kind in kinds.items()}, rows


def columns_of(schema: pa.Schema) -> dict[str, str]:
    """Name the GoogleSQL types of an Arrow schema that was made from a contract's types."""
    names = {arrow: name for name, arrow in contract.ARROW_TYPES.items()}
    return {field.name: names[field.type] for field in schema}


def type_name(kind: type_pb2.TypeProto) -> str:
    """Write a type as GoogleSQL does."""
    if kind.type_kind == type_pb2.TYPE_ARRAY:
        return f"ARRAY<{type_name(kind.array_type.element_type)}>"
    if kind.type_kind == type_pb2.TYPE_STRUCT:
        fields = (f"{field.field_name} {type_name(field.field_type)}".strip() for field in kind.struct_type.field)
        return f"STRUCT<{', '.join(fields)}>"
    return NAMES.get(kind.type_kind) or type_pb2.TypeKind.Name(kind.type_kind).removeprefix("TYPE_")


def _type(name: str) -> type_pb2.TypeProto:
    if name.startswith("ARRAY<"):
        kind = type_pb2.TypeProto(type_kind=type_pb2.TYPE_ARRAY)
        kind.array_type.element_type.CopyFrom(_type(name.removeprefix("ARRAY<").removesuffix(">")))
        return kind
    if name.startswith("STRUCT<"):
        kind = type_pb2.TypeProto(type_kind=type_pb2.TYPE_STRUCT)
        for part in name.removeprefix("STRUCT<").removesuffix(">").split(", "):
            kind.struct_type.field.add().field_type.CopyFrom(_type(part))
        return kind
    return type_pb2.TypeProto(type_kind=KINDS[name])


def _to_google(value: Any, kind: str) -> value_pb2.ValueProto:
    given = value_pb2.ValueProto()
    if value is None:
        return given
    if kind.startswith("ARRAY<"):
        given.array_value.element.extend(_to_google(item, kind[len("ARRAY<") : -1]) for item in value)
        given.array_value.SetInParent()
    elif kind == "DATE":
        given.date_value = (value - EPOCH.date()).days
    elif kind == "DATETIME":
        clock = value.timetuple()
        bits = 0
        for part, width in zip(clock[:6], (0, 4, 5, 5, 6, 6), strict=True):
            bits = bits << width | part
        given.datetime_value.bit_field_datetime_seconds = bits
        given.datetime_value.nanos = value.microsecond * 1000
    elif kind == "TIMESTAMP":
        given.timestamp_value.FromDatetime(value.astimezone(UTC))
    else:
        field = {"INT64": "int64_value", "FLOAT64": "double_value", "STRING": "string_value", "BOOL": "bool_value"}
        setattr(given, field[kind], value)
    return given


def _from_google(value: value_pb2.ValueProto, kind: type_pb2.TypeProto) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_from_google(item, kind.array_type.element_type) for item in value.array_value.element]
        case "struct_value":
            pairs = zip(kind.struct_type.field, value.struct_value.field, strict=True)
            return {field.field_name: _from_google(part, field.field_type) for field, part in pairs}
        case "date_value":
            return EPOCH.date() + timedelta(days=value.date_value)
        case "datetime_value":
            bits, parts = value.datetime_value.bit_field_datetime_seconds, []
            for width in (6, 6, 5, 5, 4):
                parts.append(bits & (1 << width) - 1)
                bits >>= width
            return datetime(bits, *reversed(parts), value.datetime_value.nanos // 1000)
        case "timestamp_value":
            return value.timestamp_value.ToDatetime(UTC)
        case field:
            return getattr(value, field)


def _without_synonyms(query: str) -> str:
    """Write MAX_BY and MIN_BY as what BigQuery says that they are synonyms of; nobody else knows them."""
    tree = parse_one(query, read="bigquery")
    found = list(tree.find_all(exp.ArgMax, exp.ArgMin))
    for node in found:
        most = exp.HavingMax(this=node.this, expression=node.expression, max=isinstance(node, exp.ArgMax))
        node.replace(exp.AnyValue(this=most))
    return tree.sql("bigquery") if found else query


@cache
def _registered(relations: tuple[tuple[str, Pairs], ...]) -> int:
    tables = {name: {c.name: c.type for c in contract.load(name).columns} for name in contract.names()}
    catalog = _catalog(tables | {name: dict(columns) for name, columns in relations})
    return _call(
        "RegisterCatalog", service.RegisterCatalogRequest(simple_catalog=catalog), service.RegisterResponse
    ).registered_id


def _catalog(tables: Mapping[str, Columns]) -> simple_catalog_pb2.SimpleCatalogProto:
    """Write the tables down under each way to name them; a path inside one pair of backticks is one name."""
    catalog = simple_catalog_pb2.SimpleCatalogProto(name="contracts")
    catalog.builtin_function_options.language_options.CopyFrom(_language())
    project, dataset = DATASET.split(".")
    folders = [
        (catalog, ""),
        (catalog, f"{dataset}."),
        (catalog, f"{DATASET}."),
        (catalog.catalog.add(name=dataset), ""),
        (catalog.catalog.add(name=DATASET), ""),
        (catalog.catalog.add(name=project).catalog.add(name=dataset), ""),
    ]
    for name, columns in tables.items():
        for folder, prefix in folders:
            table = folder.table.add(name=prefix + name)
            for column, kind in columns.items():
                table.column.add(name=column, type=_type(kind))
    for name in ("max_by", "min_by"):
        # BigQuery has them, and the open analyser has not.
        added = catalog.custom_function.add(name_path=[name], mode=function_pb2.FunctionEnums.AGGREGATE)
        signature = added.signature.add()
        signature.return_type.kind = function_pb2.ARG_TYPE_ANY_1
        signature.argument.add(kind=function_pb2.ARG_TYPE_ANY_1, num_occurrences=1)
        signature.argument.add(kind=function_pb2.ARG_TYPE_ANY_2, num_occurrences=1)
    return catalog


@cache
def _language() -> options_pb2.LanguageOptionsProto:
    kinds = resolved_node_kind_pb2.ResolvedNodeKind
    return options_pb2.LanguageOptionsProto(
        product_mode=public.PRODUCT_EXTERNAL,
        enabled_language_features=[public.LanguageFeature.Value(f"FEATURE_{name}") for name in FEATURES.split()],
        supported_statement_kinds=[number for name, number in kinds.items() if name.endswith("_STMT")],
        reserved_keywords=["QUALIFY"],
    )


@cache
def _defaults() -> options_pb2.AnalyzerOptionsProto:
    return _call("GetAnalyzerOptions", service.AnalyzerOptionsRequest(), options_pb2.AnalyzerOptionsProto)


def _options(parameters: Columns) -> options_pb2.AnalyzerOptionsProto:
    options = options_pb2.AnalyzerOptionsProto(
        language_options=_language(),
        error_message_mode=public.ERROR_MESSAGE_ONE_LINE,
        default_timezone="UTC",
    )
    options.allowed_hints_and_options.disallow_unknown_options = True
    for name, kind in OPTIONS.items():
        options.allowed_hints_and_options.option.add(name=name, type=_type(kind))
    for name, kind in parameters.items():
        options.query_parameters.add(name=name, type=_type(kind))
    return options


def _call(method: str, request, response):
    try:
        return _engine().call_grpc_func(f"ZetaSqlLocalService_{method}", request, response)
    except ServerError as fault:
        raise GoogleSqlError(fault.raw_error.partition("Message: ")[2]) from None


class _Google(WasmClient):
    """The wheel's client, started from a compiled module, and copying blocks instead of bytes."""

    def __init__(self, engine: Engine, module: Module):
        self.store, linker, wasi = Store(engine), Linker(engine), WasiConfig()
        wasi.inherit_stderr()
        wasi.preopen_dir(get_tzinfo_dir(), "/usr/share/zoneinfo")
        self.store.set_wasi(wasi)
        linker.define_wasi()
        self.exports = linker.instantiate(self.store, module).exports(self.store)
        self.exports["_initialize"](self.store)
        self.memory = self.exports["memory"]

    def write_bytes(self, ptr: int, data: bytes) -> None:
        ctypes.memmove(self._start + ptr, data, len(data))

    def read_bytes(self, ptr: int, size: int) -> bytes:
        return ctypes.string_at(self._start + ptr, size)

    @property
    def _start(self) -> int:
        return ctypes.addressof(self.memory.data_ptr().contents)


@cache
def _engine() -> _Google:
    config = Config()
    config.shared_memory = True
    engine = Engine(config)
    return _Google(engine, compiled(engine, CACHE))


def compiled(engine: Engine, folder: Path) -> Module:
    """Take the compiled module out of a folder; compiling takes half a minute of a core, and is done once.

    The name has all that a compiled module depends on. Who comes while another compiles waits for that.
    """
    versions = f"{version('zetasql')}-{version('wasmtime')}-{platform.machine()}"
    path = folder / f"googlesql-{versions}.cwasm"
    folder.mkdir(exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            try:
                return Module.deserialize_file(engine, str(path))
            except WasmtimeError:
                path.unlink()
        module = Module.from_file(engine, str(get_wasm_path()))
        # The one that compiles may be killed.
        draft = path.with_suffix(".draft")
        draft.write_bytes(module.serialize())
        draft.replace(path)
        return module
