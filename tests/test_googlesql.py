"""Every statement of the project, held to GoogleSQL by Google's own analyser, and to the service's rules."""

import re
from datetime import date
from pathlib import Path

import pytest
from googlesql import GoogleSqlError, analyse, columns_of, compiled, evaluate
from service_rules import lint, partitions
from wasmtime import Config, Engine, Module

from jobs import check, contract, described, ledger, publish, stage, warehouse
from jobs.warehouse.tables import ddl

FACT = contract.load("fact_pv_measurement")

# Every named parameter of the project: one name, one type.
PARAMETERS = {
    "after": "TIMESTAMP",
    "contract_version": "STRING",
    "first_day": "DATE",
    "head": "INT64",
    "last_day": "DATE",
    "last_run": "BOOL",
    "least": "INT64",
    "leaving": "ARRAY<STRING>",
    "load_id": "STRING",
    "load_ids": "ARRAY<STRING>",
    "message": "STRING",
    "named": "ARRAY<STRING>",
    "object_ids": "ARRAY<STRING>",
    "outcome": "STRING",
    "planned_generation": "INT64",
    "plan_id": "STRING",
    "regions": "ARRAY<STRING>",
    "retired": "ARRAY<STRING>",
    "run_id": "STRING",
    "seconds": "FLOAT64",
    "since": "INT64",
    "started_at": "TIMESTAMP",
    "step": "STRING",
    "systems": "ARRAY<INT64>",
    "table_name": "STRING",
    "tables": "ARRAY<STRING>",
    "transform_version": "INT64",
}


def relations(promised):
    """What scripts and checks of a table read beside the warehouse's tables."""
    return {
        "staged": columns_of(promised.arrow_schema),
        "load_objects": columns_of(publish.LOAD_OBJECTS),
        "objects": columns_of(check.OBJECTS),
        "parts": columns_of(check.PARTS),
        "quarantine": columns_of(stage.QUARANTINE),
        "findings": {column.name: column.type for column in contract.load("etl_quality").columns},
    }


def scripts():
    """Every SQL file, its placeholders replaced as the code does."""
    texts = {
        "table": FACT.table,
        "key": FACT.key,
        "partition": (FACT.partition,),
        "part": "CAST(ss_id AS STRING)",
        "counts": "COUNT(*) AS `rows`",
        "columns": FACT.column_names,
        "same_key": " AND ".join(f"live.`{name}` = incoming.`{name}`" for name in FACT.key),
        "within": FACT.within(*ledger.EVER, [{"ss_id": "34"}]),
        "whole": FACT.on_days([date(2019, 1, 5), date(2019, 1, 6), date(2019, 1, 9)]),
    }
    texts["leave"] = "\n".join(warehouse.sql(name, **texts) for name in ("delete_whole", "delete_objects", "retire"))
    of_hours = {"table": "fact_grid_intensity_hourly", "columns": described.REGION, "text": "region, edition"}
    of_hours["within"], _ = described.bounded(of_hours["table"], [date(2019, 1, 5)], {("us_state", "NV")})
    avoided = contract.load("fact_avoided_emissions_hourly")
    of_factors = {"table": avoided.table, "column": ("factor_id",), "figures": "SUM(`co2_kg`) AS `co2_kg`"}
    of_factors["hours"] = of_hours["within"].partition(" AND CONCAT")[0]
    of_factors["within"] = avoided.within(*ledger.EVER, [{"ss_id": "34"}])
    for path in sorted(Path(warehouse.__file__).parent.joinpath("sql").glob("*.sql")):
        of_a_dimension = {"table": "dim_system", "column": "ss_id", "columns": ("ss_id", "dc_capacity_kw")}
        of_a_dimension["now"] = "IFNULL(is_current, TRUE)"
        other = of_a_dimension if path.stem in ("referenced_keys", "dimension", "all_rows", "traced_named") else {}
        other = of_hours if path.stem in ("region_days", "region_hours") else other
        other = of_factors if path.stem in ("restated", "traced_figures", "traced_values") else other
        script = warehouse.sql(path.stem, **texts | other)
        # Relations have the names that the warehouse gives them.
        yield pytest.param(re.sub(r"\{(\w+)\}", r"\1", script), id=path.stem)
    for path in sorted(Path(__file__).parent.parent.glob("fixtures/*.sql")):
        yield pytest.param(path.read_text(encoding="utf-8"), id=path.stem)


def checks():
    """Every query of every table's checks: those that follow from its columns, and those its contract writes down."""
    for promised in (contract.load(table) for table in contract.names() if contract.load(table).sources):
        for rule in (*check._promises(promised), *promised.checks):
            for query in filter(None, (rule.query, rule.examples)):
                kind = "-examples" if query == rule.examples else ""
                yield pytest.param(promised, query, id=f"{promised.table}-{rule.name}{kind}")


@pytest.mark.parametrize("script", scripts())
def test_every_script_is_googlesql(script):
    transaction = f"BEGIN TRANSACTION;\n{script.strip().rstrip(';')};\nCOMMIT TRANSACTION;"

    analyse(transaction, PARAMETERS, relations(FACT))

    assert lint(transaction) == []


@pytest.mark.parametrize("table", [table for table in contract.names() if contract.load(table).held_by])
def test_what_names_the_part_of_a_row_is_googlesql(table):
    promised = contract.load(table)
    counts = ", ".join(f"{count} AS `{name}`" for name, count in promised.held_counts.items())
    counted = {"part": promised.held_by, "counts": counts, "within": promised.within(*ledger.EVER)}
    script = warehouse.sql("counts_by_part", table=table, **counted)

    assert analyse(script, PARAMETERS) == {"part": "STRING"} | dict.fromkeys(promised.held_counts, "INT64")
    assert lint(script) == []


@pytest.mark.parametrize("table", contract.names())
def test_every_definition_of_a_table_is_googlesql(table):
    promised = contract.load(table)
    statement = ddl(promised).replace("`main.", "`project.dataset.")

    analyse(statement)

    assert lint(statement, partitions() if promised.query is None else {}) == []


def views():
    return [table for table in contract.names() if contract.load(table).query is not None]


@pytest.mark.parametrize("view", views())
def test_every_view_has_the_columns_and_types_of_its_contract(view):
    promised = contract.load(view)

    columns = analyse(promised.view_query("project.dataset"))

    assert columns == {column.name: column.type for column in promised.columns}


@pytest.mark.parametrize("view", views())
def test_every_view_bounds_the_partitions_that_it_reads(view):
    assert lint(contract.load(view).view_query("project.dataset")) == []


KEYS = ("ss_id", "table_name", "series_id", "gwp_set", "facility_id", "fiscal_year")


# One that is a list of the project's own reads no column of any table.
@pytest.mark.parametrize("view", [view for view in views() if "FROM" in contract.load(view).query])
def test_a_misspelt_column_of_any_view_is_found(view):
    query = contract.load(view).view_query("project.dataset")
    column = next(word for word in re.findall(r"\w+", query) if word in KEYS)

    with pytest.raises(GoogleSqlError, match=f"{column}_x"):
        analyse(re.sub(rf"\b{column}\b", f"{column}_x", query))


@pytest.mark.parametrize(("promised", "query"), checks())
def test_every_check_is_googlesql_and_answers_with_one_column(promised, query):
    # A check sees the keys of the tables that it references, and nothing else of them unless it looks at them.
    keys = {
        table: {column: columns_of(contract.load(table).arrow_schema)[column]}
        for table, column in promised.references.values()
        if table not in promised.looks_at
    }

    (kind,) = analyse(query, {}, relations(promised) | keys).values()

    is_examples = query in [rule.examples for rule in (*check._promises(promised), *promised.checks)]
    assert kind in (("INT64", "STRING") if is_examples else ("INT64", "FLOAT64"))
    assert lint(query) == []


def test_a_parameter_that_no_script_reads_is_not_declared():
    read = {name for script in scripts() for name in re.findall(r"@(\w+)", script.values[0])}

    assert read == set(PARAMETERS)


@pytest.mark.parametrize("script", scripts())
def test_a_misspelt_column_of_any_script_is_found(script):
    code = re.sub(r"--.*", "", script)
    tables = [contract.load(table) for table in contract.names() if contract.load(table).query is None]
    known = {column.name for promised in tables for column in promised.columns}
    column = next(word for word in re.findall(r"(?<![@.'\w])(?:\w+\.)?`?(\w+)", code) if word in known)
    # All of them: a name that is spelt wrongly once could be the alias of another place.
    misspelt = re.sub(rf"(?<![@\w']){column}(?![\w'])", f"{column}_x", code)

    with pytest.raises(GoogleSqlError, match=f"{column}_x"):
        analyse(misspelt, PARAMETERS, relations(FACT))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("SELECT generation FROM etl_head WHERE generation = load_id", "No matching signature for operator ="),
        ("SELECT generation FROM etl_head WHERE changed_at > DATETIME '2019-01-01'", "TIMESTAMP, DATETIME"),
        ("SELECT generation FROM etl_head WHERE load_id = @load", "Query parameter 'load' not found"),
        ("SELECT generation FROM etl_heads", "Table not found: etl_heads; Did you mean etl_head"),
        ("SELECT table_name, generation FROM etl_head GROUP BY table_name", "neither grouped nor aggregated"),
        ("SELECT list_value(1)", "Function not found: list_value"),
        ("SELECT generation AS new FROM etl_head", "Unexpected keyword NEW"),
        ("SELECT generation::FLOAT64 FROM etl_head", "Syntax error"),
        ("UPDATE etl_head SET generation = 'a' WHERE TRUE", "Value of type STRING cannot be assigned to generation"),
        ("DELETE FROM etl_head", "DELETE must have a WHERE clause"),
        ("INSERT INTO etl_head (table_name) VALUES (1)", "has type INT64 which cannot be inserted"),
        ("CREATE TABLE t (a INT32)", "Type not found: INT32"),
        ("SELECT generation AS qualify FROM etl_head", "Unexpected keyword QUALIFY"),
        ("CREATE TABLE t (a VARCHAR)", "Type not found: VARCHAR"),
        ("CREATE TABLE t (a FLOAT64) CLUSTER BY a", "may not be a floating point type"),
        ("CREATE TABLE t (a INT64 OPTIONS(describtion='x'))", "Unknown option: describtion"),
        ("CREATE TABLE t (a DATETIME) PARTITION BY DATE_TRUNC(a, DAY)", "No matching signature"),
        ("SELECT DATE '2019-01-02' - DATE '2019-01-01'", "No matching signature for operator -"),
    ],
)
def test_what_bigquery_refuses_the_analyser_refuses(script, said):
    with pytest.raises(GoogleSqlError, match=re.escape(said)):
        analyse(script, PARAMETERS)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("CREATE TABLE t (a INT64) PARTITION BY a", "PARTITION BY a is neither"),
        ("CREATE TABLE t (a DATETIME) PARTITION BY a", "PARTITION BY a is neither"),
        ("CREATE TABLE t (a INT64, b INT64, c INT64, d INT64, e INT64) CLUSTER BY a, b, c, d, e", "5 clustering"),
        ("CREATE TABLE t (a INT64, PRIMARY KEY (a))", "PRIMARY KEY (a)"),
        ("CREATE TABLE t (a INT64 PRIMARY KEY)", "PRIMARY KEY"),
        ("CREATE TABLE t (a STRING, FOREIGN KEY (a) REFERENCES etl_head (table_name))", "REFERENCES etl_head"),
        (f"CREATE TABLE t (a INT64 OPTIONS(description='{'x' * 1025}'))", "1025 characters"),
        (f"CREATE TABLE t (a INT64) OPTIONS(description='{'x' * 16385}')", "16385 characters"),
        ("BEGIN TRANSACTION; CREATE TABLE t (a INT64); COMMIT TRANSACTION", "CREATE inside a transaction"),
        ("INSERT INTO etl_head SELECT 'a', 1, 'b', NULL", "INSERT without its columns"),
        ("INSERT INTO etl_head (table_name) SELECT * FROM (SELECT 'a' AS a)", "INSERT of *"),
        ("SELECT generation FROM ETL_HEAD", "minds the case"),
        ("SELECT value FROM fact_pv_measurement WHERE ss_id = 34", "without a literal filter on timestamp"),
        ("SELECT value FROM fact_pv_measurement WHERE ss_id = 34 OR timestamp > '2019-01-01'", "without a literal"),
        (
            "SELECT value FROM fact_pv_measurement WHERE timestamp = (SELECT MAX(timestamp) FROM staged)",
            "without a literal filter",
        ),
        ("DELETE FROM fact_pv_measurement WHERE ss_id = 34", "without a literal filter"),
        ("UPDATE fact_pv_measurement SET quality = 0 WHERE ss_id = 34", "without a literal filter"),
        (
            "MERGE fact_pv_measurement AS live USING staged ON live.timestamp = staged.timestamp "
            "WHEN NOT MATCHED THEN INSERT (ss_id) VALUES (ss_id)",
            "without a literal filter",
        ),
        ("EXECUTE IMMEDIATE 'SELECT 1'", "not understood"),
    ],
)
def test_what_only_the_service_refuses_the_rules_refuse(script, said):
    (fault,) = lint(script)

    assert said in fault


@pytest.mark.parametrize(
    "script",
    [
        "SELECT value FROM fact_pv_measurement WHERE ss_id = 34 AND (timestamp > @day AND TRUE)",
        "SELECT value FROM staged AS s JOIN fact_pv_measurement AS f ON f.ss_id = s.ss_id AND DATE(f.timestamp) = @d",
        "WITH f AS (SELECT value FROM fact_pv_measurement WHERE timestamp IN ('2019-01-01')) SELECT value FROM f",
        "DELETE FROM fact_pv_measurement WHERE timestamp BETWEEN @a AND @b",
        "CREATE TABLE t (a TIMESTAMP, b DATE) PARTITION BY TIMESTAMP_TRUNC(a, HOUR)",
        "CREATE TABLE t (a INT64, PRIMARY KEY (a) NOT ENFORCED)",
        "INSERT INTO etl_head (table_name, generation) SELECT 'a', COUNT(*) FROM staged",
        "INSERT INTO fact_pv_measurement (ss_id) SELECT 34",
        "BEGIN TRANSACTION; COMMIT TRANSACTION; CREATE TABLE t (a INT64)",
    ],
)
def test_what_the_service_takes_the_rules_take(script):
    assert lint(script) == []


def test_the_query_of_a_view_needs_no_filter_of_its_own():
    assert lint("SELECT value FROM fact_pv_measurement", filtered={}) == []


def test_a_fault_is_told_with_google_s_words_the_line_and_the_statement():
    with pytest.raises(GoogleSqlError) as raised:
        analyse("-- Heads.\nSELECT table_name FROM etl_head;\n\nSELECT\n  generatoin\nFROM etl_head;\nSELECT 1;")

    assert raised.value.message == "Unrecognized name: generatoin; Did you mean generation? [at 5:3]"
    assert raised.value.line == 5
    assert raised.value.statement == "SELECT\n  generatoin\nFROM etl_head;"


@pytest.mark.parametrize(
    "name",
    ["etl_head", "`etl_head`", "dataset.etl_head", "project.dataset.etl_head", "`project.dataset.etl_head`",
     "`project.dataset`.etl_head", "`dataset.etl_head`"],
)  # fmt: skip
def test_a_table_is_found_by_each_of_its_names(name):
    assert analyse(f"SELECT changed_at FROM {name}; COMMIT TRANSACTION;") == {"changed_at": "TIMESTAMP"}


def test_a_relation_takes_the_place_of_a_table_of_that_name():
    assert analyse("SELECT * FROM dim_system", {}, {"dim_system": {"ss_id": "INT64"}}) == {"ss_id": "INT64"}


def test_the_reference_implementation_refuses_what_the_analyser_refuses():
    with pytest.raises(GoogleSqlError, match="division by zero"):
        evaluate("SELECT 1 / 0")
    with pytest.raises(GoogleSqlError, match="Unrecognized name: a"):
        evaluate("SELECT a")


class Compilation:
    """Stands for ten seconds of compiling."""

    times = 0

    @classmethod
    def from_file(cls, engine, path):
        cls.times += 1
        return Module(engine, "(module)")

    deserialize_file = Module.deserialize_file


def test_the_engine_is_compiled_once_and_again_when_its_copy_is_broken(tmp_path, monkeypatch):
    monkeypatch.setattr("googlesql.Module", Compilation)
    engine = Engine(Config())

    compiled(engine, tmp_path / "cache")
    compiled(engine, tmp_path / "cache")
    assert Compilation.times == 1

    # No draft is left beside it.
    (copy, _) = sorted((tmp_path / "cache").iterdir())
    assert copy.suffix == ".cwasm"
    copy.write_bytes(copy.read_bytes()[:100])
    compiled(engine, tmp_path / "cache")
    assert Compilation.times == 2
    assert isinstance(compiled(engine, tmp_path / "cache"), Module)
