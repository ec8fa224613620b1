"""What holds for every DAG that Airflow finds: its names, its documents, its retries, and the assets of its lineage."""

import json
import re
import subprocess
import sys

import pytest
from sandbox import ROOT, environment
from test_pv import facts, home  # noqa: F401 (they ask one Airflow for its facts once)

from jobs import contract

pytestmark = pytest.mark.xdist_group("dag")

# What stages elsewhere is imported by those only who have set SPARK_PROFILE.
FILES = sorted(path.stem for path in (ROOT / "dags").glob("*.py") if not path.stem.startswith("stage_on_"))
DAGS = ["activity", "avoided", "grid", "marts", "pv", "upkeep"]
BUCKETS = {
    "{pvdaq_bucket}": "oedi-data-lake",
    "{landing_bucket}": "landing-bucket",
    "{oge_bucket}": "open-grid-emissions",
    "{pudl_bucket}": "pudl.catalyst.coop",
}
STEPS = ["plan", "stage", "check", "publish"]
HEAVY = {"pyspark", "boto3", "botocore", "duckdb", "pyarrow", "pandas", "sqlglot"}


@pytest.fixture
def every(facts):
    assert facts["every"], "Airflow finds no DAG at all"
    return facts["every"]


@pytest.fixture
def every_task(every):
    found = {(dag_id, task_id): task for dag_id, dag in every.items() for task_id, task in dag["tasks"].items()}
    assert found, "there is no task at all"
    return found


def test_airflow_finds_each_dag_and_no_import_error(facts, every):
    assert sorted(every) == DAGS
    assert facts["import_errors"] == {}


@pytest.fixture(scope="module")
def python(home):
    """Runs a script where the DAG files are, and gives what it prints."""

    def run(script):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT / 'dags')!r})\n{script}"],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


def test_parsing_imports_no_spark_no_client_and_no_warehouse(python):
    # Airflow parses each file again and again, and before every task.
    told = python(f"""
import json, runpy
before, said = set(sys.modules), {{}}
for name in {FILES}:
    runpy.run_path(f"{ROOT}/dags/{{name}}.py")
    said[name] = sorted(set(sys.modules) - before)
    before = set(sys.modules)
print(json.dumps(said))
""")
    imported = json.loads(told.splitlines()[-1])
    assert any("airflow.sdk" in names for names in imported.values())
    assert {
        file: heavy for file, names in imported.items() if (heavy := HEAVY & {n.partition(".")[0] for n in names})
    } == {}
    # The retry policy resolves its errors by name; assets have their bucket from the settings.
    ours = {name for names in imported.values() for name in names if name.partition(".")[0] == "jobs"}
    assert ours <= {"jobs", "jobs.errors", "jobs.settings"}


LANDED = [("grid", "dim_emission_factor"), ("grid", "dim_system_region"), ("activity", "dim_price_index")]
LANDED += [("grid", "dim_grid_region")]
LANDED += [("grid", "dim_generating_unit"), ("grid", "fact_unit_emissions_hourly")]
LANDED += [("activity", table) for table in ("dim_org_unit", "dim_assumption", "fact_activity_emissions")]
LANDED += [("activity", "fact_emissions_inventory")]


def test_without_a_landing_bucket_what_is_read_from_it_is_skipped_with_a_word(python):
    said = python(f"""
import runpy, table_steps
table_steps.log.info = lambda text, *more: print(text % more)
for name, table in {LANDED}:
    dag = runpy.run_path(f"{ROOT}/dags/{{name}}.py")[name]()
    print(table, "planned:", dag.get_task(f"{{table}}.plan").python_callable())
""").splitlines()
    for _, table in LANDED:
        assert f"{table} planned: []" in said
        assert [line for line in said if line.startswith(f"{table}: nothing to do, for LANDING_BUCKET is not set")]


def test_of_a_forms_rules_each_table_accepts_its_own(python):
    said = python("""
import table_steps
for table in ("dim_price_index", "fact_emissions_inventory", "dim_system"):
    print(table_steps.accepted(table, ["none_lost@2026-01", "history_stays"]))
""")
    assert said.splitlines()[-3:] == ["('none_lost@2026-01',)", "('history_stays',)", "()"]


def test_a_run_goes_on_with_no_more_loads_than_airflow_maps_and_etl_run_says_so(python, tmp_path):
    said = python(f"""
import os, runpy, table_steps
from types import SimpleNamespace
from airflow.configuration import conf
from jobs import plan
from jobs.warehouse import warehouse
os.environ["WAREHOUSE"] = "duckdb://{tmp_path}/warehouse.duckdb"
run = {{"run_id": "r", "params": {{"restate": False, "accept": []}}}}
table_steps.get_current_context, table_steps.lands_nowhere = lambda: run, lambda table: False
table = "fact_unit_emissions_hourly"
step = runpy.run_path(f"{ROOT}/dags/grid.py")["grid"]().get_task(f"{{table}}.plan").python_callable
for count in (1470, 1000):
    loads = tuple(SimpleNamespace(load_id=f"l{{number}}", uri=number) for number in range(count))
    plan.plan = lambda table, window, **more: plan.Comparison(table, new=count, plans=loads)
    taken = step()
    print("told:", len(taken) <= conf.getint("core", "max_map_length"), taken[0], taken[-1])
for row in warehouse().select("SELECT message FROM etl_run WHERE run_id = 'r' ORDER BY started_at", {{}}):
    print("told:", row["message"])
""")
    assert [line.removeprefix("told: ") for line in said.splitlines() if line.startswith("told: ")] == [
        "True 0 999",
        "True 0 999",
        "1470 new, 0 changed, 0 unchanged, 0 vanished, in 1470 loads; "
        "1,000 of 1,470 loads in this run, run again for the others",
        "1000 new, 0 changed, 0 unchanged, 0 vanished, in 1000 loads",
    ]


# Names and documents.


def test_the_tasks_of_a_table_are_its_name_and_a_step_and_each_step_is_there(every_task):
    tables = {(dag_id, task_id.partition(".")[0]) for dag_id, task_id in every_task if "." in task_id}
    assert {table for _, table in tables} <= set(contract.names())
    steps = {(dag_id, f"{table}.{step}") for dag_id, table in tables for step in STEPS}
    assert {key for key in every_task if "." in key[1]} == steps


def test_every_dag_and_task_has_a_document_an_owner_and_no_pool_that_nobody_has_made(every, every_task):
    assert {dag_id for dag_id, dag in every.items() if not (dag["doc"] or "").strip() or not dag["tags"]} == set()
    assert {key for key, task in every_task.items() if not (task["doc"] or "").strip()} == set()
    assert {task["owner"] for task in every_task.values()} == {dag["owner"] for dag in every.values()} == {"sunledger"}
    assert {task["pool"] for task in every_task.values()} == {"default_pool"}


def test_every_field_of_every_form_has_a_type_a_title_and_a_description(every):
    fields = {(dag_id, name): field for dag_id, dag in every.items() for name, field in dag["form"].items()}
    assert len(fields) > 5
    for field in fields.values():
        assert field["type"]
        assert field["title"]
        assert field["description"].endswith(".")


# Lineage.


def made_of(table):
    """What a table's rows are made of, by its contract: the tables it is derived from, or folders of the bucket."""
    promised = contract.load(table)
    if promised.derived_from:
        return set(promised.made_of)
    return {
        f"s3://{BUCKETS[source.bucket]}/{prefix.partition('{')[0].rpartition('/')[0]}"
        for source in promised.sources
        for prefix in (source.prefix, *source.companions.values())
    }


def test_each_publish_leads_from_what_its_contract_names_to_its_table_and_no_other_task_has_assets(every_task):
    lineage = {key[1]: (set(task["inlets"]), task["outlets"]) for key, task in every_task.items() if task["assets"]}
    tables = [table for table in contract.names() if contract.load(table).sources]
    assert len(tables) == 17
    assert lineage == {f"{table}.publish": (made_of(table), [table]) for table in tables}


def test_every_asset_is_a_contract_or_the_place_of_one_of_its_servers(every, every_task):
    assets = [asset for task in every_task.values() for asset in task["assets"]]
    assets += [asset for dag in every.values() for asset in dag["started_by"]]
    tables = {table for table in contract.names() if contract.load(table).sources}
    named = {asset["name"]: (asset["uri"], asset["group"]) for asset in assets}
    assert {name for name in named if not name.startswith("s3://")} == tables
    assert {name for name in named if name.startswith("s3://")} <= set().union(*map(made_of, tables))
    assert len({(asset["name"], asset["uri"], asset["group"]) for asset in assets}) == len(named), "one asset, twice"
    for name, found in named.items():
        layer = contract.load(name).labels["layer"] if name in tables else "source"
        assert found == (name.removeprefix("s3://"), layer)


def test_the_asset_graph_leads_from_the_bucket_to_each_mart(every_task):
    leads = {}
    for task in every_task.values():
        for outlet in task["outlets"]:
            leads[outlet] = task["inlets"]

    def origins(name):
        return {origin for inlet in leads[name] for origin in origins(inlet)} if name in leads else {name}

    assert origins("fact_pv_performance_daily") == {
        "s3://oedi-data-lake/pvdaq/2023-solar-data-prize",
        "s3://oedi-data-lake/pvdaq/csv",
        "s3://oedi-data-lake/pvdaq/csv/pvdata",
        "s3://oedi-data-lake/pvdaq/csv/system_metadata",
        "s3://oedi-data-lake/pvdaq/parquet/metrics",
        "s3://oedi-data-lake/pvdaq/parquet/mount",
        "s3://oedi-data-lake/pvdaq/parquet/pvdata",
        "s3://oedi-data-lake/pvdaq/parquet/site",
        "s3://oedi-data-lake/pvdaq/parquet/system",
    }


def test_what_starts_a_dag_of_marts_is_what_its_tables_are_made_of_and_no_table_of_it(every):
    for name in ("marts", "avoided"):
        tables = {task_id.partition(".")[0] for task_id in every[name]["tasks"] if "." in task_id}
        inputs = set().union(*(contract.load(table).made_of for table in tables))
        assert {asset["name"] for asset in every[name]["started_by"]} == inputs
        assert not inputs & tables


def test_with_bigquery_each_publish_leads_to_its_checkpoint_and_with_sparks_page_each_stage_to_that(home):
    code = (
        f"import sys; sys.path.append({str(ROOT / 'dags')!r}); import pv; dag = pv.pv(); "
        "print(*(f'{task.task_id} {link.name} {link.get_link(task, ti_key=None)}'"
        " for task in dag.tasks for link in task.operator_extra_links), sep='\\n')"
    )
    places = {"WAREHOUSE": "bigquery://my-project/mart?location=EU", "SPARK_UI": "http://spark:8081"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(home, **places),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    checkpoint = (
        "https://console.cloud.google.com/bigquery?project=my-project&p=my-project&d=mart&t=etl_checkpoint&page=table"
    )
    tables = ("dim_system", "dim_sensor", "fact_pv_measurement")
    assert sorted(done.stdout.split("\n")[:-1]) == sorted(
        line
        for table in tables
        for line in (f"{table}.stage Spark http://spark:8081", f"{table}.publish Checkpoint {checkpoint}")
    )


def test_the_note_of_a_run_reads_as_its_examples_say(home):
    # In a process of its own, since whoever imports Airflow has its logging too.
    done = subprocess.run(
        [sys.executable, "-m", "doctest", "-v", ROOT / "plugins" / "run_note.py"],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert re.search("^[1-9][0-9]* passed", done.stdout, re.MULTILINE), done.stdout
