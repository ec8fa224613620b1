"""dialect -- the project's GoogleSQL, as DuckDB speaks it.

sqlglot translates; this module takes out what DuckDB has no word for (partitions, clustering, options, keys that are
not enforced) and refuses what would translate without a word and mean something else.
"""

from collections.abc import Iterator

from sqlglot import ErrorLevel, exp, parse
from sqlglot.errors import SqlglotError

from jobs.errors import WarehouseError

# GoogleSQL that DuckDB answers differently after translation, and what to write in its place.
DIFFERENT = {
    exp.Div: "x / 0 is an error in BigQuery and infinite in DuckDB; write SAFE_DIVIDE",
    exp.TimestampDiff: "TIMESTAMP_DIFF counts full units in BigQuery and boundaries in DuckDB",
    exp.DatetimeDiff: "DATETIME_DIFF is the same in both for MICROSECOND only",
    exp.DateDiff: "DATE_DIFF counts weeks and years differently",
    exp.DateTrunc: "DATE_TRUNC gives a DATE in BigQuery and a TIMESTAMP in DuckDB",
    exp.DateAdd: "DATE_ADD gives a DATE in BigQuery and a TIMESTAMP in DuckDB",
    exp.DateSub: "DATE_SUB gives a DATE in BigQuery and a TIMESTAMP in DuckDB",
    exp.Extract: "EXTRACT numbers weeks and weekdays differently",
    exp.StrToTime: "PARSE_TIMESTAMP loses its zone in DuckDB",
    exp.WithinGroup: "quantiles differ",
}


def to_duckdb(script: str) -> Iterator[str]:
    """Translate a GoogleSQL script to DuckDB, statement by statement.

    >>> list(to_duckdb("SELECT COUNTIF(a IS NULL) AS n FROM `t` WHERE b = @b"))
    ['SELECT COUNT(CASE WHEN a IS NULL THEN 1 END) AS n FROM "t" WHERE b = $b']

    Raises:
        WarehouseError: a statement cannot be parsed, or would mean something else in DuckDB.
    """
    try:
        for statement in parse(script, read="bigquery"):
            if statement is not None:
                yield _translated(statement)
    except SqlglotError as fault:
        raise WarehouseError(f"not GoogleSQL that DuckDB can run: {fault}") from fault


def one_query(script: str) -> str:
    """Give back a script that is one query.

    >>> one_query("SELECT 1")
    'SELECT 1'

    Raises:
        WarehouseError: it is something else, such as a DELETE, or more than one statement.
    """
    try:
        statements = [statement for statement in parse(script, read="bigquery") if statement is not None]
    except SqlglotError as fault:
        raise WarehouseError(f"not GoogleSQL: {fault}") from fault
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        kinds = ", ".join(statement.key.upper() for statement in statements) or "nothing"
        raise WarehouseError(f"one query is asked for, and this is {kinds}")
    return script


def _exact(node: exp.Expression) -> bool:
    """Tell whether a difference is counted in the finest unit, where boundaries and full units are the same."""
    return isinstance(node, exp.DatetimeDiff) and node.text("unit").upper() == "MICROSECOND"


def _counted(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.CountIf):
        return exp.Count(this=exp.Case().when(node.this, exp.Literal.number(1)))
    return node


def _translated(statement: exp.Expression) -> str:
    if isinstance(statement, exp.Create):
        statement.set("properties", None)
        for column in statement.find_all(exp.ColumnDef):
            kept = [c for c in column.constraints if not isinstance(c.kind, exp.Properties)]
            column.set("constraints", kept)
        for key in list(statement.find_all(exp.PrimaryKey, exp.ForeignKey)):
            key.pop()
    # DuckDB's COUNT_IF of no rows is null; BigQuery's COUNTIF is 0.
    statement = statement.transform(_counted)
    for node in statement.walk():
        for kind, reason in DIFFERENT.items():
            if isinstance(node, kind) and not _exact(node):
                raise WarehouseError(f"{reason}: {node.sql('bigquery')}")
        if isinstance(node, exp.DataType) and node.this in (exp.DataType.Type.DECIMAL, exp.DataType.Type.BIGDECIMAL):
            raise WarehouseError(f"NUMERIC has scale 9 in BigQuery and 3 in DuckDB: {node.sql('bigquery')}")
    return statement.sql("duckdb", unsupported_level=ErrorLevel.RAISE)
