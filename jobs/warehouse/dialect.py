"""dialect -- the project's GoogleSQL, as DuckDB speaks it.

sqlglot translates. This module writes anew what would translate without a word and mean something else, refuses what
cannot be, and takes out what DuckDB has no word for: partitions, clustering, options, keys that are not enforced.
`tests/test_dialect.py` holds all of it to Google's reference implementation.

Some differences no text shows. DuckDB has NaN equal to itself and greater than all, so no NaN may be loaded. It takes
'1' for 1, and any case of a name; the tests' analyser refuses both. It goes on with inf after an overflow.
"""

import re
from functools import lru_cache

from sqlglot import ErrorLevel, exp, parse, parse_one
from sqlglot.errors import SqlglotError

from jobs.errors import WarehouseError

# What a connection is told first: where no zone is given it is UTC, and LN(0) and the like are errors, not inf or NaN.
SESSION = "SET TimeZone = 'UTC'; SET ieee_floating_point_ops = false"

# What DuckDB is asked instead: `:this` and the like are the parts of the expression, `:node` is it as sqlglot has it.
INSTEAD = {
    # COUNT_IF of no rows is null there, and here 0.
    exp.CountIf: "COUNT(CASE WHEN :this THEN 1 END)",
    # ARG_MAX passes over the rows whose value is null.
    exp.ArgMax: "ARG_MAX_NULL(:this, :expression)",
    exp.ArgMin: "ARG_MIN_NULL(:this, :expression)",
    # Full units, where its DATE_DIFF counts the boundaries between.
    exp.TimestampDiff: "DATESUB(:unit, :expression, :this)",
    # A DATE here, and a TIMESTAMP there.
    exp.DateTrunc: "CAST(:node AS DATE)",
    exp.DateAdd: "CAST(:node AS DATE)",
    exp.DateSub: "CAST(:node AS DATE)",
    exp.DateFromUnixDate: "CAST(:node AS DATE)",
    # A TIMESTAMP here, and there without its zone.
    exp.UnixToTime: "CAST(:node AS TIMESTAMPTZ)",
    # FLOAT64 here, and of an INT64 there an integer.
    exp.Round: "ROUND(CAST(:this AS DOUBLE), :decimals)",
    exp.Trunc: "TRUNC(CAST(:this AS DOUBLE))",
}
TO_INTEGER = "CAST(ROUND(:this) AS BIGINT)"
# DuckDB also reads 1.5, 1e3 and 1_000 as whole numbers. Hexadecimal, which GoogleSQL reads, is null here.
TRY_INTEGER = r"CASE WHEN REGEXP_FULL_MATCH(:this, '\s*[+-]?\d+\s*') THEN TRY_CAST(:this AS BIGINT) END"
TRY_FLOAT = "CASE WHEN NOT CONTAINS(:this, '_') THEN TRY_CAST(:this AS DOUBLE) END"
# The fewest digits that read back as the same number. Only when it runs does DuckDB tell what type it has.
SHORT, LONG = (f"PRINTF('%.{digits}g', TRY_CAST(CAST(:this AS TEXT) AS DOUBLE))" for digits in (15, 17))
TO_TEXT = f"""CASE WHEN TYPEOF(:this) IN ('DOUBLE', 'FLOAT')
    THEN CASE WHEN TRY_CAST({SHORT} AS DOUBLE) = TRY_CAST(CAST(:this AS TEXT) AS DOUBLE) THEN {SHORT} ELSE {LONG} END
  WHEN TYPEOF(:this) LIKE 'TIMESTAMP%' THEN ERROR('a time is no STRING by CAST; write FORMAT_DATETIME')
  ELSE CAST(:this AS TEXT) END"""

# GoogleSQL that DuckDB answers differently after translation, and for which there is no simple other way to ask.
DIFFERENT = {
    exp.StrToTime: "PARSE_TIMESTAMP loses its zone in DuckDB",
    exp.String: "STRING writes fractions of a second differently; write FORMAT_TIMESTAMP",
    exp.Format: "FORMAT takes another language in DuckDB",
    exp.ApproxQuantiles: "APPROX_QUANTILES is approximate, and not in the same way; write PERCENTILE_CONT with OVER",
    exp.ApproxDistinct: "APPROX_COUNT_DISTINCT is approximate, and not in the same way",
    exp.Pivot: "PIVOT names the columns in another way; write COUNTIF and the like",
    exp.Corr: "CORR of one row is null in BigQuery and NaN in DuckDB",
    exp.Sign: "SIGN has the type of its argument in BigQuery and is an integer in DuckDB",
    exp.JSONFormat: "TO_JSON_STRING writes numbers differently",
}
EXTRACTED = {"YEAR", "ISOYEAR", "QUARTER", "MONTH", "DAYOFYEAR", "DAY", "HOUR", "MINUTE", "SECOND"}
FORMATTED = set("YymdjHMSFTABab")
DIFFERENCES = {"YEAR", "QUARTER", "MONTH", "ISOWEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND"}


# A process asks the same again and again, and to parse it takes longer than the answer.
@lru_cache(maxsize=1000)
def to_duckdb(script: str) -> tuple[str, ...]:
    """Translate a GoogleSQL script to DuckDB, statement by statement.

    >>> to_duckdb("SELECT COUNTIF(a IS NULL) AS n FROM `t` WHERE b = @b")
    ('SELECT COUNT(CASE WHEN a IS NULL THEN 1 END) AS n FROM "t" WHERE b = $b',)

    Raises:
        WarehouseError: a statement cannot be parsed, or would mean something else in DuckDB.
    """
    try:
        parsed = parse(script, read="bigquery")
        return tuple(_translated(statement) for statement in parsed if statement is not None)
    except SqlglotError as fault:
        raise WarehouseError(f"not GoogleSQL that DuckDB can run: {fault}") from fault


@lru_cache(maxsize=1000)
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


def _translated(statement: exp.Expression) -> str:
    if isinstance(statement, exp.Create):
        statement.set("properties", None)
        for column in statement.find_all(exp.ColumnDef):
            kept = [c for c in column.constraints if not isinstance(c.kind, exp.Properties)]
            column.set("constraints", kept)
        for key in list(statement.find_all(exp.PrimaryKey, exp.ForeignKey)):
            key.pop()
    for node in statement.walk():
        if reason := _reason(node):
            raise WarehouseError(f"{reason}: {node.sql('bigquery')}")
    # From the leaves up, so that what is written anew has parts that are.
    for node in reversed(list(statement.walk())):
        if template := _instead(node):
            node.replace(_filled(template, node))
    return statement.sql("duckdb", unsupported_level=ErrorLevel.RAISE)


def _reason(node: exp.Expression) -> str | None:
    """Tell why an expression is refused, if it is."""
    match node:
        case exp.Div() | exp.IntDiv() | exp.Mod() if not _is_number(node.expression):
            return "x / 0 is an error in BigQuery and infinite or null in DuckDB; write SAFE_DIVIDE"
        case exp.DateDiff() | exp.DatetimeDiff() if node.text("unit") not in DIFFERENCES:
            return f"the difference is not the same, but in {', '.join(sorted(DIFFERENCES))}"
        case exp.Extract() if node.name not in {*EXTRACTED, "DAYOFWEEK", "ISOWEEK", "DATE"}:
            return "EXTRACT numbers weeks and parts of seconds differently"
        case exp.TimeToStr(args={"zone": exp.Expression()}):
            return "FORMAT_TIMESTAMP loses its zone in DuckDB"
        case exp.TimeToStr() if set(re.findall("%(.)", node.text("format"))) - FORMATTED:
            return f"a format is the same only with {', '.join(f'%{letter}' for letter in sorted(FORMATTED))}"
        case exp.Unnest(args={"offset": exp.Expression()}):
            return "WITH OFFSET counts from 0 in BigQuery and from 1 in DuckDB"
        case exp.Substring() if not _is_number(node.args["start"]) or isinstance(node.args["start"], exp.Neg):
            return "SUBSTR starts elsewhere in DuckDB, unless at a number as written that is greater than 0"
        case exp.Trunc(args={"decimals": exp.Expression()}):
            return "TRUNC to a digit loses the digit"
        case exp.StrPosition() if node.args.get("position"):
            return "INSTR from a position finds another one"
        case exp.Like() if "\\" in node.expression.name:
            return "LIKE has no escapes in DuckDB"
        case exp.TryCast() if node.to.this not in (exp.DType.BIGINT, exp.DType.DOUBLE):
            return "SAFE_CAST takes more texts in DuckDB; only to INT64 and FLOAT64 is it the same"
        case exp.DataType(this=exp.DType.DECIMAL | exp.DType.BIGDECIMAL):
            return "NUMERIC has scale 9 in BigQuery and 3 in DuckDB"
    return DIFFERENT.get(type(node))


def _instead(node: exp.Expression) -> str | None:
    """Write what DuckDB is asked instead of an expression, if anything."""
    match node:
        case exp.Literal(is_string=False) if "." in node.name and "e" not in node.name.lower():
            # 0.1 is a DECIMAL there, and 0.1e0 the FLOAT64 that it is here.
            return f"{node.name}e0"
        case exp.TryCast():
            return TRY_INTEGER if node.to.this == exp.DType.BIGINT else TRY_FLOAT
        case exp.Cast() if node.to.this == exp.DType.BIGINT:
            return TO_INTEGER
        case exp.Cast() if node.to.this == exp.DType.TEXT:
            return TO_TEXT
        case exp.Extract() if node.name == "DAYOFWEEK":
            return "(EXTRACT(DAYOFWEEK FROM :expression) + 1)"
        case exp.Extract() if node.name == "ISOWEEK":
            return "EXTRACT(WEEK FROM :expression)"
        case exp.Extract() if node.name == "DATE":
            return "CAST(:expression AS DATE)"
        case exp.Round() if not node.args.get("decimals"):
            return "ROUND(CAST(:this AS DOUBLE))"
    return INSTEAD.get(type(node))


def _filled(template: str, node: exp.Expression) -> exp.Expression:
    written, parts = parse_one(template, read="duckdb"), {**node.args, "node": node}
    for place in list(written.find_all(exp.Placeholder)):
        part = parts[place.name]
        # DuckDB has units as texts.
        place.replace(exp.Literal.string(part.name) if isinstance(part, exp.Var) else part.copy())
    return written


def _is_number(node: exp.Expression) -> bool:
    """Tell whether an expression is a number as written, and not 0."""
    while isinstance(node, exp.Paren | exp.Neg):
        node = node.this
    return isinstance(node, exp.Literal) and not node.is_string and float(node.name) != 0
