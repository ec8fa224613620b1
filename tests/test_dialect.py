"""The dialect between GoogleSQL and DuckDB: what both answer alike, and what is refused because they would not."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from both import same, same_on_both
from sqlglot import exp, parse, parse_one
from test_googlesql import scripts

from jobs.errors import WarehouseError
from jobs.warehouse import dialect

ROWS = [(1, 2, 0.5), (7, 0, -2.5), (None, 3, None), (4, 2, 3.5)]
NUMBERS = {"n": ({"a": "INT64", "b": "INT64", "x": "FLOAT64"}, ROWS)}


@pytest.mark.parametrize("script", scripts())
def test_every_script_of_the_project_is_one_that_duckdb_can_run(script):
    assert "{" not in script
    assert list(dialect.to_duckdb(script))
    assert not [node for tree in parse(script, read="bigquery") for node in tree.find_all(exp.Command)]


@pytest.mark.parametrize(
    "expression",
    [
        # A decimal number is a FLOAT64, and arithmetic gives the same type.
        "0.1 + 0.2", "1.5", "-0.5", "2 * 1.25", "7 / 2", "-7 / 2", "DIV(-7, 2)", "MOD(-7, 3)", "5 & 3", "5 ^ 3", "~5",
        "COALESCE(NULL, 1.5)", "LEAST(1.5, 2)", "GREATEST(1, NULL, 3)", "IF(1.5 > 1, 0.25, 1)", "NULLIF(0.0, 0.0)",
        "ROUND(2.5)", "ROUND(-2.5)", "ROUND(7)", "ROUND(1.005, 2)", "ROUND(12345, -2)", "CEIL(1.2)", "FLOOR(-1.2)",
        "TRUNC(-1.7)", "ABS(-1.5)", "POW(2, 3)", "SQRT(2)", "LN(10)", "LOG(10)", "LOG(8, 2)", "LOG10(1000)", "EXP(1)",
        "SAFE_DIVIDE(1, 0)", "SAFE_DIVIDE(7, 2)", "SAFE_DIVIDE(1 + 2, 3 + 4)", "SAFE_DIVIDE(NULL, 2)",
        # Casts.
        "CAST(2.5 AS INT64)", "CAST(-2.5 AS INT64)", "CAST(3.5 AS INT64)", "CAST(9007199254740993 AS INT64)",
        "CAST(12 AS STRING)", "CAST(TRUE AS STRING)", "CAST(DATE '2019-01-02' AS STRING)", "CAST('x' AS STRING)",
        *(f"CAST({number} AS STRING)" for number in ("1.0", "0.1", "1e15", "1e17", "0.1 + 0.2", "1 / 3", "1e-7")),
        *(f"SAFE_CAST('{text}' AS INT64)" for text in ("12", " 12 ", "+7", "1.5", "1e3", "1_000", "", "9" * 19)),
        *(f"SAFE_CAST('{text}' AS FLOAT64)" for text in ("1.5", " 1e5 ", ".5", "x", "1_0.5", "1,5", "inf", "nan", "")),
        # Text.
        "'a' || 'b'", "'a' || CAST(NULL AS STRING)", "CONCAT('a', CAST(NULL AS STRING))", "CONCAT('a', 'b', 'c')",
        "SUBSTR('abc', 2)", "SUBSTR('abc', 2, 1)", "STRPOS('abc', 'c')", "LENGTH('äb')", "LOWER('ÄB')", "TRIM('  a ')",
        "REPLACE('aba', 'a', 'c')", "LPAD('a', 3, '0')", "STARTS_WITH('abc', 'a')", "SPLIT('a,b', ',')",
        "SPLIT('a,b', ',')[OFFSET(0)]", "SPLIT('a,b', ',')[SAFE_OFFSET(5)]", "'abc' LIKE 'a%'", "'b' < 'B'",
        "FALSE AND 'b' LIKE ANY ('a', 'b')", "TO_HEX(MD5('a'))", "TO_HEX(SHA256('a'))",
        "REGEXP_EXTRACT('abc', r'x')", "REGEXP_EXTRACT('abc', r'a(b)')", "REGEXP_EXTRACT('abc', r'b.')",
        "REGEXP_EXTRACT('abc', r'x*')", "REGEXP_CONTAINS('abc', r'^b')", r"REGEXP_REPLACE('abab', r'a(b)', r'\1x')",
        # Days and times.
        "DATE(DATETIME '2019-01-05 23:00:00')", "CAST(DATETIME '2019-01-05 23:00:00' AS DATE)", "DATE(2019, 1, 5)",
        "DATE(TIMESTAMP '2019-01-05 23:30:00+00')", "DATE(TIMESTAMP '2019-01-05 23:30:00+00', 'Europe/Berlin')",
        "DATETIME(TIMESTAMP '2019-01-05 23:30:00+00', 'America/Denver')", "DATETIME(DATE '2019-01-05')",
        "TIMESTAMP(DATETIME '2019-01-05 23:30:00', 'America/Denver')", "TIMESTAMP(DATETIME '2019-01-05 23:30:00')",
        "CAST(DATETIME '2019-01-05 23:30:00' AS TIMESTAMP)", "DATE '2019-01-31' + 1", "LAST_DAY(DATE '2019-02-06')",
        *(f"DATE_TRUNC(DATE '2019-02-05', {unit})" for unit in ("WEEK", "WEEK(MONDAY)", "ISOWEEK", "MONTH", "YEAR")),
        *(f"DATETIME_TRUNC(DATETIME '2019-02-05 03:04:05.6', {unit})" for unit in ("SECOND", "HOUR", "DAY", "WEEK")),
        *(f"TIMESTAMP_TRUNC(TIMESTAMP '2019-02-05 03:04:05.6+00', {unit})" for unit in ("HOUR", "DAY", "MONTH")),
        "TIMESTAMP_TRUNC(TIMESTAMP '2019-02-05 03:04:05+00', DAY, 'America/Denver')",
        *(f"DATE_ADD(DATE '2019-01-31', INTERVAL 1 {unit})" for unit in ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")),
        "DATE_SUB(DATE '2019-03-31', INTERVAL 1 MONTH)",
        "DATE_ADD(DATE_TRUNC(DATE '2019-03-31', MONTH), INTERVAL 5 DAY)",
        "DATETIME_ADD(DATETIME '2019-01-31 01:00:00', INTERVAL 1 MONTH)",
        "DATETIME_SUB(DATETIME '2019-01-31 01:00:00', INTERVAL 90 SECOND)",
        "TIMESTAMP_ADD(TIMESTAMP '2019-03-10 01:00:00+00', INTERVAL 1 DAY)",
        *(f"EXTRACT({part} FROM DATE '2019-01-06')" for part in ("YEAR", "QUARTER", "MONTH", "DAYOFYEAR", "ISOYEAR")),
        "EXTRACT(DAYOFWEEK FROM DATE '2019-01-06')", "2 * EXTRACT(DAYOFWEEK FROM DATE '2019-01-05')",
        "EXTRACT(ISOWEEK FROM DATE '2019-01-06')", "EXTRACT(DATE FROM DATETIME '2019-01-06 05:06:07')",
        *(f"EXTRACT({part} FROM DATETIME '2019-01-06 05:06:07.89')" for part in ("HOUR", "MINUTE", "SECOND")),
        "EXTRACT(HOUR FROM TIMESTAMP '2019-01-06 05:06:07+00' AT TIME ZONE 'America/Denver')",
        "FORMAT_DATE('%Y-%m %y %B %b %A %a %j', DATE '2019-01-06')",
        "FORMAT_DATETIME('%F %T', DATETIME '2019-01-05')",
        "FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', TIMESTAMP '2019-01-05 13:02:03+00')",
        "TRUNC(-1.5)", "TRUNC(7)", "CEIL(7)", "INSTR('abc', 'c')",
        "FORMAT_DATETIME('%Y-%m-%d %H:%M:%S', DATETIME '2019-01-06 05:06:07')",
        "PARSE_DATE('%Y%m%d', '20190106')", "PARSE_DATETIME('%Y-%m-%d %H:%M:%S', '2019-01-06 05:06:07')",
        "TIMESTAMP_SECONDS(1546751167)", "TIMESTAMP_MILLIS(1546751167123)", "TIMESTAMP_MICROS(1546751167123456)",
        "UNIX_SECONDS(TIMESTAMP '2019-01-06 05:06:07+00')", "DATE_FROM_UNIX_DATE(3)", "UNIX_DATE(DATE '2019-01-06')",
        "GENERATE_DATE_ARRAY(DATE '2019-01-01', DATE '2019-03-03', INTERVAL 1 MONTH)", "GENERATE_ARRAY(1, 3)",
        "ARRAY_LENGTH([1, 2])", "[1, 2][OFFSET(1)]", "STRUCT(1 AS a, 'x' AS b)", "2 IN UNNEST([1, 2])",
        "NULL AND FALSE",
    ],
)  # fmt: skip
def test_an_expression_is_the_same_on_both(expression):
    same_on_both(f"SELECT {expression} AS answer")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT COUNTIF(a > 1) AS many, COUNT(*) AS n, COUNT(DISTINCT b) AS d, SUM(a) AS s, AVG(x) AS m FROM n",
        "SELECT COUNTIF(a > 1) AS many, SUM(a) AS s, SUM(x) AS t FROM n WHERE FALSE",
        "SELECT COUNTIF(a > 1) OVER (PARTITION BY b) AS many, a FROM n ORDER BY a",
        "SELECT SAFE_DIVIDE(a, b) AS q, SAFE_DIVIDE(SUM(x) OVER (), b) AS r, x / 4 AS s, a / 2 AS h FROM n ORDER BY a",
        "SELECT SUM(a) * 0.001 AS tonnes, SUM(a) / 2 AS half, ROUND(SUM(x), 1) AS r FROM n",
        "SELECT CAST(SUM(a) AS STRING) AS s, CAST(SUM(x) AS STRING) AS t, CAST(COUNT(*) AS STRING) AS n FROM n",
        "SELECT CAST(x AS STRING) AS s, CAST(a AS STRING) AS t, CAST(x AS INT64) AS i, CEIL(a) AS c FROM n ORDER BY x",
        "SELECT STDDEV(x) AS s, VARIANCE(x) AS v, STDDEV_POP(a) AS p, COVAR_POP(a, x) AS c FROM n",
        "SELECT STDDEV(x) AS s FROM n WHERE a = 1",
        "SELECT LOGICAL_OR(a > 2) AS o, LOGICAL_AND(a > 2) AS n, BIT_OR(b) AS bits FROM n",
        # The row with the greatest y, even where its x is null.
        "SELECT MAX_BY(a, b) AS most, MIN_BY(a, -b) AS least, ANY_VALUE(x HAVING MAX b) AS same FROM n",
        "SELECT ARRAY_AGG(a IGNORE NULLS ORDER BY a DESC) AS list, ARRAY_AGG(DISTINCT b ORDER BY b) AS d FROM n",
        "SELECT STRING_AGG(CAST(a AS STRING), '-' ORDER BY a DESC) AS list FROM n",
        "SELECT DISTINCT PERCENTILE_CONT(x, 0.5) OVER (PARTITION BY b) AS median, b FROM n ORDER BY b",
        # Nulls come first, and last when descending; in windows too.
        "SELECT a, x FROM n ORDER BY a", "SELECT a, x FROM n ORDER BY a DESC", "SELECT a FROM n ORDER BY a NULLS LAST",
        "SELECT a, ROW_NUMBER() OVER (ORDER BY a) AS up, RANK() OVER (ORDER BY b DESC) AS r FROM n ORDER BY up",
        "SELECT a, LAG(x) OVER (ORDER BY a) AS p, LEAD(x, 2, 9.5) OVER (ORDER BY a) AS q FROM n ORDER BY a",
        "SELECT a, SUM(b) OVER (ORDER BY b) AS s, SUM(b) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) "
        "AS t FROM n ORDER BY a",
        "SELECT a, LAST_VALUE(x IGNORE NULLS) OVER (ORDER BY a ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS l "
        "FROM n ORDER BY a",
        "SELECT a, b FROM n WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY b ORDER BY a DESC) = 1",
        "SELECT b, COUNT(*) AS n FROM n GROUP BY b HAVING COUNT(*) > 1",
        "SELECT a + 1 AS a FROM n GROUP BY a ORDER BY a",
        "SELECT a FROM n WHERE a NOT IN (SELECT b FROM n)", "SELECT a FROM n WHERE a NOT IN (SELECT a FROM n)",
        "SELECT a FROM n UNION ALL SELECT b FROM n", "SELECT a FROM n EXCEPT DISTINCT SELECT b FROM n",
        "SELECT * EXCEPT (x) FROM n", "SELECT m.a, o.b FROM n AS m LEFT JOIN n AS o ON o.b = m.a AND o.x > 0",
        "SELECT a, item FROM n, UNNEST([a, b]) AS item", "SELECT ARRAY(SELECT a FROM n WHERE a > 1 ORDER BY a) AS list",
        "SELECT day, n.a FROM UNNEST(GENERATE_DATE_ARRAY(DATE '2019-01-01', DATE '2019-01-03')) AS day "
        "LEFT JOIN n ON n.a = EXTRACT(DAY FROM day)",
        "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 3) SELECT i FROM r",
        "SELECT CASE WHEN a > 1 THEN 'many' WHEN a IS NULL THEN 'none' ELSE 'one' END AS word FROM n",
    ],
)  # fmt: skip
def test_a_query_is_the_same_on_both(query):
    same_on_both(query, relations=NUMBERS)


def moments():
    """Pairs of times, close and far, on both sides of each kind of boundary."""
    chance = random.Random(1)  # Any seed does; a fixed one makes a failure come back.
    start = datetime(2018, 12, 25)
    for reach in (timedelta(seconds=3), timedelta(hours=30), timedelta(days=500)):
        for _ in range(60):
            first = start + timedelta(days=chance.randrange(800), microseconds=chance.randrange(86_400_000_000))
            yield first, first + (2 * chance.random() - 1) * reach


@pytest.mark.parametrize(
    "difference",
    [
        *(f"DATE_DIFF(DATE(a), DATE(b), {unit})" for unit in ("DAY", "ISOWEEK", "MONTH", "QUARTER", "YEAR")),
        *(
            f"DATETIME_DIFF(a, b, {unit})"
            for unit in ("MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "ISOWEEK", "MONTH", "QUARTER", "YEAR")
        ),
        *(
            f"TIMESTAMP_DIFF(TIMESTAMP(a), TIMESTAMP(b), {unit})"
            for unit in ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY")
        ),
    ],
)
def test_a_difference_of_times_is_the_same_on_both(difference):
    times = {"t": ({"a": "DATETIME", "b": "DATETIME"}, list(moments()))}

    rows = same_on_both(f"SELECT a, b, {difference} AS apart FROM t ORDER BY a, b", relations=times)

    assert len({row["apart"] for row in rows}) > 3


def test_contract_tables_are_filled_and_read_on_both():
    instant = datetime(2019, 1, 6, 7, tzinfo=UTC)
    rows = [
        {"ss_id": 34, "timestamp": datetime(2019, 1, 5, 23, 59), "value": 1.5, "quantity": "ac_power"},
        {"ss_id": 34, "timestamp": datetime(2019, 1, 6), "value": 2.5, "timestamp_utc": instant},
    ]

    found = same_on_both(
        "SELECT DATE(timestamp) AS day, SUM(value) * @factor AS total, MAX(timestamp_utc) AS latest, "
        "MAX(quantity) AS quantity FROM `project.dataset.fact_pv_measurement` "
        "WHERE ss_id IN UNNEST(@systems) GROUP BY day ORDER BY day",
        {"fact_pv_measurement": rows},
        {"factor": ("FLOAT64", 2.0), "systems": ("ARRAY<INT64>", [34])},
    )

    assert found == [
        {"day": date(2019, 1, 5), "total": 3.0, "latest": None, "quantity": "ac_power"},
        {"day": date(2019, 1, 6), "total": 5.0, "latest": instant, "quantity": None},
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT a / b FROM t", "SAFE_DIVIDE"),
        ("SELECT a / 0.0 FROM t", "SAFE_DIVIDE"),
        ("SELECT MOD(a, b) FROM t", "SAFE_DIVIDE"),
        ("SELECT DIV(a, (-0)) FROM t", "SAFE_DIVIDE"),
        ("SELECT DATE_DIFF(a, b, WEEK) FROM t", "difference is not the same"),
        ("SELECT DATETIME_DIFF(a, b, WEEK(MONDAY)) FROM t", "difference is not the same"),
        ("SELECT EXTRACT(WEEK FROM d) FROM t", "numbers weeks"),
        ("SELECT EXTRACT(MICROSECOND FROM d) FROM t", "parts of seconds"),
        ("SELECT PARSE_TIMESTAMP('%Y', s) FROM t", "loses its zone"),
        ("SELECT FORMAT_TIMESTAMP('%Y', s, 'Europe/Berlin') FROM t", "loses its zone"),
        ("SELECT FORMAT_DATE('%e %B', s) FROM t", "a format is the same only with"),
        ("SELECT TRUNC(a, 2) FROM t", "loses the digit"),
        ("SELECT INSTR(s, 'c', -1) FROM t", "finds another"),
        ("SELECT TO_JSON_STRING(a) FROM t", "numbers differently"),
        ("SELECT STRING(s) FROM t", "fractions of a second"),
        ("SELECT FORMAT('%d', a) FROM t", "another language"),
        ("SELECT CAST(a AS NUMERIC) FROM t", "scale 9"),
        ("SELECT NUMERIC '1.5'", "scale 9"),
        ("CREATE TABLE t (a BIGNUMERIC)", "scale 9"),
        ("SELECT a FROM UNNEST([1]) AS a WITH OFFSET", "counts from 0"),
        ("SELECT SUBSTR(s, a) FROM t", "starts elsewhere"),
        ("SELECT SUBSTR(s, 0, 2) FROM t", "starts elsewhere"),
        ("SELECT SUBSTR(s, -5, 2) FROM t", "starts elsewhere"),
        (r"SELECT s LIKE r'a\_c' FROM t", "no escapes"),
        ("SELECT SAFE_CAST(s AS DATE) FROM t", "takes more texts"),
        ("SELECT SAFE_CAST(s AS BOOL) FROM t", "takes more texts"),
        ("SELECT APPROX_QUANTILES(a, 2) FROM t", "approximate"),
        ("SELECT APPROX_COUNT_DISTINCT(a) FROM t", "approximate"),
        ("SELECT CORR(a, b) FROM t", "NaN"),
        ("SELECT * FROM t PIVOT(SUM(a) AS s FOR b IN (1, 2))", "names the columns"),
        ("SELECT SIGN(a) FROM t", "type of its argument"),
        ("SELECT ARRAY_AGG(a LIMIT 1) FROM t", "LIMIT inside ARRAY_AGG"),
        ("SELECT FROM WHERE", "not GoogleSQL"),
    ],
)
def test_what_would_mean_something_else_in_duckdb_is_refused(query, said):
    with pytest.raises(WarehouseError, match=said):
        list(dialect.to_duckdb(query))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT LN(0)",
        "SELECT SQRT(-1)",
        "SELECT POW(0, -1)",
        "SELECT CAST(s AS INT64) FROM (SELECT '1.5' AS s)",
        "SELECT CAST(DATETIME '2019-01-05 01:02:03.5' AS STRING)",
        "SELECT 9223372036854775807 + 1",
        "SELECT ERROR('no')",
        "SELECT FARM_FINGERPRINT('a')",
    ],
)
def test_what_only_running_shows_is_an_error_and_no_other_answer(query):
    (statement,) = dialect.to_duckdb(query)

    with duckdb.connect(":memory:") as connection:
        connection.execute(dialect.SESSION)
        with pytest.raises(duckdb.Error):
            connection.execute(statement).fetchall()


def test_the_zone_of_the_machine_makes_no_difference():
    (statement,) = dialect.to_duckdb("SELECT DATE(TIMESTAMP '2019-01-05 03:00:00+00') AS day")

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'America/Denver'")
        assert connection.execute(statement).fetchall() == [(date(2019, 1, 4),)]
        connection.execute(dialect.SESSION)
        assert connection.execute(statement).fetchall() == [(date(2019, 1, 5),)]


@pytest.mark.parametrize(
    ("googlesql", "left_alone"),
    [
        ("SELECT 0.1 + 0.2 AS a", "3"),
        ("SELECT DATE_TRUNC(DATE '2019-02-05', MONTH) AS a", "datetime"),
        ("SELECT EXTRACT(DAYOFWEEK FROM DATE '2019-01-06') AS a", "0"),
        ("SELECT CAST(2.5e0 AS INT64) AS a", "2"),
        ("SELECT CAST(1e0 AS STRING) AS a", "1.0"),
        ("SELECT SAFE_CAST('1.5' AS INT64) AS a", "2"),
    ],
)
def test_the_translator_alone_would_give_another_answer(googlesql, left_alone):
    """Says when a rule of the dialect is no longer needed."""
    (row,) = same_on_both(googlesql)

    with duckdb.connect(":memory:") as connection:
        ((alone,),) = connection.execute(parse_one(googlesql, read="bigquery").sql("duckdb")).fetchall()

    assert left_alone in repr(alone)
    assert not same(alone, row["a"])


@pytest.mark.parametrize(
    ("ours", "googles"),
    [(1, 1.0), (1, True), (Decimal("0.5"), 0.5), (1.0, 1.00000001), ([1, 2], [2, 1]), ({"a": 1}, {"b": 1}), (None, 0),
     (datetime(2019, 1, 5), date(2019, 1, 5)), (datetime(2019, 1, 5), datetime(2019, 1, 5, tzinfo=UTC))],
)  # fmt: skip
def test_the_comparison_tells_apart_what_differs_in_value_or_type(ours, googles):
    assert not same(ours, googles)
    assert same(googles, googles)


def test_a_difference_between_the_engines_fails_and_names_both_answers():
    # One that nobody will miss, and so is left: the capital of a letter that has none.
    with pytest.raises(AssertionError, match=r"DuckDB answers \{'a': 'STRAẞE'\}, Google \{'a': 'STRASSE'\}"):
        same_on_both("SELECT UPPER('straße') AS a")


def test_another_type_fails_even_where_the_values_are_thesame(monkeypatch):
    monkeypatch.setattr("both.to_duckdb", lambda query: ["SELECT 1 AS a WHERE FALSE"])

    with pytest.raises(AssertionError, match=r"DuckDB has columns \{'a': 'INT64'\}, Google \{'a': 'FLOAT64'\}"):
        same_on_both("SELECT 1.0 AS a FROM (SELECT 1) WHERE FALSE")


def test_rows_too_many_fail(monkeypatch):
    monkeypatch.setattr("both.to_duckdb", lambda query: ["SELECT 1 AS a UNION ALL SELECT 1"])

    with pytest.raises(AssertionError, match="DuckDB has 2 rows, Google 1"):
        same_on_both("SELECT 1 AS a")
