"""Terraform: what it would make is what the contracts and the adapter say, and what it must not make it refuses.

Nothing here needs an account or a network. The tests of the contracts need Terraform alone; those of the modules need
the providers too, by `terraform init`, from wherever the machine's Terraform configuration has them. What is not there
is said to be not run.
"""

import importlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
import yaml
from conftest import ROOT

from jobs import contract, remote
from jobs.settings import Settings

TERRAFORM = ROOT / "terraform"
MODULES = sorted(path.parent.name for path in (TERRAFORM / "modules").glob("*/tests"))
DATASET = "example.sunledger"
FACT = "fact_pv_measurement"

sys.path.insert(0, str(TERRAFORM))
columns = importlib.import_module("columns")
sys.path.remove(str(TERRAFORM))

needs_terraform = pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not installed: not run")


# Published columns


def test_every_published_column_is_in_its_contract_and_every_column_is_published():
    promised, offers = yaml.safe_load(columns.LOCK.read_text()), columns.offered()

    assert list(columns.broken(promised, offers)) == []
    assert list(columns.unrecorded(promised, offers)) == []


@pytest.mark.parametrize(
    ("offers", "said"),
    [
        ({}, "dim_thing is published and has no contract any more."),
        (
            {"dim_thing": {"id": "INT64 REQUIRED"}},
            "Column dim_thing.name is published and its contract no longer has it.",
        ),
        (
            {"dim_thing": {"id": "STRING REQUIRED", "name": "STRING NULLABLE"}},
            "Column dim_thing.id is published as INT64 REQUIRED and its contract says STRING REQUIRED.",
        ),
        (
            {"dim_thing": {"id": "INT64 REQUIRED", "name": "STRING REQUIRED"}},
            "Column dim_thing.name is published as STRING NULLABLE and its contract says STRING REQUIRED.",
        ),
        (
            {"dim_thing": {"id": "INT64 REQUIRED", "name": "STRING NULLABLE", "town": "STRING REQUIRED"}},
            "Column dim_thing.town is new in a published table and required: the rows there have no value.",
        ),
    ],
)
def test_what_breaks_a_promise_is_said_in_a_sentence(offers, said):
    promised = {"dim_thing": {"id": "INT64 REQUIRED", "name": "STRING NULLABLE"}}

    assert list(columns.broken(promised, offers)) == [said]


def test_a_column_may_be_added_and_a_required_one_may_be_left_empty_from_now_on():
    promised = {"dim_thing": {"id": "INT64 REQUIRED"}}
    offers = {"dim_thing": {"id": "INT64 NULLABLE", "town": "STRING NULLABLE"}, "dim_new": {"id": "INT64 REQUIRED"}}

    assert list(columns.broken(promised, offers)) == []


def planned(before, after, *actions, kind="google_bigquery_table"):
    change = {"actions": list(actions), "before": before, "after": after}
    return {"resource_changes": [{"type": kind, "address": "it", "change": change}]}


def schema(*names):
    return {"schema": json.dumps([{"name": name} for name in names])}


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (planned(schema("a", "b"), schema("a"), "update"), ["The plan takes column b from it."]),
        (planned(schema("a"), schema("a", "b"), "update"), []),
        (planned(None, schema("a"), "create"), []),
        (planned(schema("a"), {}, "update"), []),
        (
            planned(schema("a"), schema("a"), "delete", "create"),
            ["The plan deletes it or makes it anew; its rows would be lost."],
        ),
        (
            planned({}, None, "delete", kind="google_bigquery_dataset"),
            ["The plan deletes it or makes it anew; its rows would be lost."],
        ),
        (planned({}, None, "delete", kind="google_storage_bucket_object"), []),
    ],
)
def test_a_plan_that_takes_something_from_a_table_is_refused(plan, said):
    assert list(columns.taken(plan)) == said


# What the files say, without Terraform


def test_the_environments_differ_in_nothing_but_values():
    names = {
        env: re.findall(r"^(\w+) *=", (TERRAFORM / "envs" / env / "terraform.tfvars").read_text(), re.MULTILINE)
        for env in ("dev", "prod")
    }

    assert names["dev"] == names["prod"]
    assert {path.name for path in (TERRAFORM / "envs").glob("*/*") if path.is_file()} == {
        "backend.hcl",
        "terraform.tfvars",
    }


def test_each_module_has_its_versions_a_readme_and_tests():
    for module in (TERRAFORM / "modules").iterdir():
        assert (module / "versions.tf").exists(), module.name
        assert list((module / "tests").glob("*.tftest.hcl")), module.name
        assert 5 <= len((module / "README.md").read_text().splitlines()) <= 25, module.name


def test_every_action_of_a_workflow_is_pinned_to_a_commit_and_no_key_is_kept():
    workflows = list((ROOT / ".github" / "workflows").glob("*.yml"))

    assert workflows
    for path in workflows:
        text = path.read_text()
        assert yaml.safe_load(text)["permissions"] == {"contents": "read"}, path.name
        for uses in re.findall(r"uses: *(\S+)(.*)", text):
            assert uses[0].startswith("./") or re.search(r"@[0-9a-f]{40}$", uses[0]), f"{path.name}: {uses[0]}"
            assert uses[0].startswith("./") or re.match(r" # v\d", uses[1]), f"{path.name}: {uses[0]} names no release"
        assert not re.search(r"secrets\.(?!GITHUB_TOKEN)|ACCESS_KEY|credentials_json", text), path.name


def workflow(name):
    """A workflow's triggers and its one job; YAML takes the key `on` for a truth."""
    document = yaml.safe_load((ROOT / ".github/workflows" / f"{name}.yml").read_text())
    (job,) = document["jobs"].values()
    return document[True], job, [step.get("run", "") for step in job["steps"]]


def test_a_pull_request_is_checked_and_planned_main_goes_to_dev_and_a_tag_to_prod():
    triggers, _, commands = workflow("check")
    assert "pull_request" in triggers
    assert {"make check", "make test"} <= set(commands)

    triggers, job, commands = workflow("plan")
    assert set(triggers) == {"pull_request"}
    assert job["strategy"]["matrix"]["env"] == ["dev", "prod"]
    assert [command for command in commands if command] == ["make plan ENV=${{ matrix.env }}"]

    triggers, job, commands = workflow("apply")
    assert triggers == {"push": {"branches": ["main"], "tags": ["v*"]}}
    assert job["environment"] == job["env"]["ENV"] == "${{ github.ref_type == 'tag' && 'prod' || 'dev' }}"
    assert commands.index("make plan") < commands.index("make apply") < len(commands) - 1
    assert not [step for step in job["steps"] if "if" in step]


# Each of these writes what it is asked, and `docker manifest` finds what was pushed.
SPOKEN = """#!/bin/bash
case "$(basename "$0") $1" in
  "make --no-print-directory") echo "$PLACE"; exit ;;
  "docker manifest") grep -qx "docker push $3" "$SAID"; exit ;;
  "docker login") cat > /dev/null ;;
  "aws ecr") echo token ;;
esac
echo "$(basename "$0") $*" >> "$SAID"
"""


@pytest.mark.parametrize(
    ("place", "login", "build"),
    [
        (
            "europe-west4-docker.pkg.dev/example/sunledger-dev/sunledger",
            "--username oauth2accesstoken --password-stdin https://europe-west4-docker.pkg.dev",
            "--target dataproc",
        ),
        (
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sunledger-dev emr-7.9.0",
            "--username AWS --password-stdin 123456789012.dkr.ecr.eu-central-1.amazonaws.com",
            "--target emr --build-arg EMR_RELEASE=emr-7.9.0",
        ),
    ],
)
def test_a_release_pushes_the_engines_image_under_its_commit_once(place, login, build, tmp_path):
    for name in ("make", "docker", "aws"):
        (tmp_path / name).write_text(SPOKEN)
        (tmp_path / name).chmod(0o755)
    said = tmp_path / "said"
    said.touch()
    env = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PLACE": place,
        "SAID": str(said),
        "GITHUB_SHA": "0a1b",
        "GOOGLE_TOKEN": "token",
    }
    *_, script = workflow("apply")[2]

    for _ in range(2):
        subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], env=env, check=True)

    spoken = [line for line in said.read_text().splitlines() if not line.startswith("aws ")]
    image = f"{place.split()[0]}:0a1b"
    assert spoken == [
        f"docker login {login}",
        f"docker build {build} --tag {image} .",
        f"docker push {image}",
        f"docker login {login}",
    ]


def test_every_module_takes_the_same_providers():
    wanted = {"aws": ">= 5.80, < 7.0", "google": ">= 6.50, < 8.0"}
    found = [
        pair
        for path in TERRAFORM.rglob("*.tf")
        if ".terraform" not in path.parts
        for pair in re.findall(r'source += "hashicorp/(\w+)"\s+version = "(.*)"', path.read_text())
    ]

    assert len(found) > 15
    assert set(found) == set(wanted.items())


def test_the_settings_of_an_environment_are_those_the_jobs_read():
    outputs = (TERRAFORM / "outputs.tf").read_text().partition("output ")[0]
    given = set(re.findall(r"\b([A-Z][A-Z_]+[A-Z]) *=", outputs))
    # It is promised to the jobs that will land files.
    read = {name.upper() for name in Settings.model_fields} | {"LANDING_BUCKET"}
    standard = {"AWS_DEFAULT_REGION", "AWS_ROLE_ARN", "GOOGLE_CLOUD_PROJECT"}

    needed = {name for names in remote.NEEDED.values() for name in names}
    assert {"PVDAQ_BUCKET", "LANDING_BUCKET", "STAGING", "WAREHOUSE", "SPARK_PROFILE"} | needed <= given
    assert given <= read | standard
    Settings(staging="gs://example-dev-staging/staging", warehouse="bigquery://example-dev/sunledger?location=EU")


# What Terraform makes of the contracts: needs no provider


def terraform(folder, *arguments, check=True, **env):
    """Run Terraform in a folder; its own and AWS variables stay out, so that nobody's state is touched."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TF_VAR_", "TF_CLI_ARGS", "AWS_"))
    }
    done = subprocess.run(
        ["terraform", *arguments],
        cwd=folder,
        env={**kept, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", **env},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def initialised(folder, *arguments):
    """Make a folder ready, or skip where a provider is neither here nor to be fetched."""
    done = terraform(folder, "init", "-no-color", "-input=false", *arguments, check=False)
    missing = re.findall(r"available versions for provider\s+(\S+?):", done.stderr)
    if missing and re.search(r"could not\s+connect\s+to|was\s+not\s+found\s+in\s+any\s+of\s+the\s+search", done.stderr):
        pytest.skip(f"the provider {missing[0]} is not to be had: not run")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of all that Terraform reads, so that nothing is written beside it."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("terraform", "jobs", "dags", "tests/terraform"):
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
        )
    for path in ROOT.glob("requirements-*.in"):
        shutil.copy(path, copy)
    return copy


READER = """
variable "folder" {{}}
module "contracts" {{
  source  = "{module}"
  folder  = var.folder
  lock    = "{lock}"
  dataset = "{dataset}"
}}
output "resources" {{
  value = module.contracts.resources
}}
"""


@pytest.fixture(scope="module")
def reader(tree):
    """A root that only reads contracts."""
    folder = tree / "reader"
    folder.mkdir()
    module, lock = tree / "terraform/modules/contracts", tree / "terraform/columns.lock"
    (folder / "main.tf").write_text(READER.format(module=module, lock=lock, dataset=DATASET))
    return initialised(folder)


@pytest.fixture(scope="module")
def made(reader):
    """The real contracts, as Terraform reads them."""
    terraform(reader, "apply", "-auto-approve", "-no-color", f"-var=folder={ROOT}/jobs/tables")
    return json.loads(terraform(reader, "output", "-json", "resources").stdout)


def adapters():
    """Find the function with which the BigQuery adapter writes a table's resource."""
    for module, function in (("bigquery", "table_resource"), ("tables", "resource")):
        try:
            found = getattr(importlib.import_module(f"jobs.warehouse.{module}"), function, None)
        except ModuleNotFoundError:
            continue
        if found:
            return found
    return pytest.skip("jobs.warehouse has no function yet that writes a table's resource: not compared")


def without_places(value):
    """Leave out what is absent, and where tables and views are, which Terraform and the adapter say elsewhere."""
    if isinstance(value, dict):
        places = {"projectId", "datasetId", "tableReference", "view"}
        return {k: without_places(v) for k, v in value.items() if v is not None and k not in places}
    return [without_places(entry) for entry in value] if isinstance(value, list) else value


@needs_terraform
@pytest.mark.parametrize("table", contract.names())
def test_the_table_of_terraform_is_the_table_of_the_adapter(table, made):
    promised, resource = contract.load(table), adapters()

    assert without_places(made[table]) == without_places(resource(promised))
    if promised.query is not None:
        assert made[table]["view"] == {"query": promised.view_query(DATASET), "useLegacySql": False}


@needs_terraform
def test_every_contract_is_there_with_a_description_on_every_column(made):
    assert tuple(sorted(made)) == contract.names()
    assert [
        name for name, table in made.items() for field in table["schema"]["fields"] if not field["description"]
    ] == []


def copied(tmp_path):
    return Path(shutil.copytree(ROOT / "jobs/tables", tmp_path / "tables"))


def changed(path, change):
    document = yaml.safe_load(path.read_text())
    change(document, document["schema"][0])
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def custom(name, value):
    return lambda document, table: table["customProperties"].append({"property": name, "value": value})


def column(index, **values):
    return lambda document, table: table["properties"][index].update(values)


@needs_terraform
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            column(4, physicalType="NUMERIC"),
            f"Column {FACT}.value has the unknown type NUMERIC: take one of BOOL, DATE,",
        ),
        (
            lambda document, table: table["customProperties"][1].update(
                value=["ss_id", "sensor", "units", "value", "quality"]
            ),
            f"Contract {FACT} clusters by 5 columns: BigQuery takes 4 at most.",
        ),
        (
            lambda document, table: table["customProperties"][1].update(value=["colour"]),
            f"Contract {FACT} clusters by colour, which is none of its columns.",
        ),
        (column(4, description=" "), f"Column {FACT}.value has no description."),
        (column(4, partitioned=True), f"Contract {FACT} is partitioned by more than one column."),
        (column(4, partitioned=True), f"Column {FACT}.value cannot partition its table: it is FLOAT64"),
        (
            lambda document, table: document.update(
                slaProperties=[{"property": "retention", "value": 2, "unit": "months"}]
            ),
            f"Contract {FACT} keeps rows for 2 months: retention is a number of days",
        ),
        (
            lambda document, table: table.update(physicalType="view"),
            f"Contract {FACT} is a view, and {FACT}.sql is missing",
        ),
        (
            lambda document, table: table.update(name="fact_pv"),
            f"Contract {FACT} describes fact_pv: name the file after",
        ),
        (
            column(
                0,
                relationships=[
                    {
                        "type": "foreignKey",
                        "to": "dim_sun.id",
                        "customProperties": [{"property": "holds", "value": True}],
                    }
                ],
            ),
            f"Column {FACT}.ss_id leads to dim_sun.id, which is not the key of a table.",
        ),
        (
            lambda document, table: table["properties"].pop(3),
            f"Column {FACT}.units is published and its contract no longer has it.",
        ),
        (
            column(3, physicalType="INT64"),
            f"Column {FACT}.units is published as STRING NULLABLE and its contract says INT64 NULLABLE.",
        ),
        (
            lambda document, table: table["properties"].append(
                {"name": "colour", "physicalType": "STRING", "required": True, "description": "Colour."}
            ),
            f"Column {FACT}.colour is new in a published table and required",
        ),
    ],
)
def test_a_contract_that_cannot_be_used_is_refused_before_any_plan(change, said, reader, tmp_path):
    tables = copied(tmp_path)
    changed(tables / f"{FACT}.yaml", change)

    done = terraform(reader, "plan", "-no-color", f"-var=folder={tables}", check=False)

    assert done.returncode == 1
    assert said in " ".join(re.sub(r"[│╵]", " ", done.stderr).split())


@needs_terraform
def test_a_published_table_without_a_contract_is_refused(reader, tmp_path):
    tables = copied(tmp_path)
    (tables / "etl_run.yaml").unlink()

    done = terraform(reader, "plan", "-no-color", f"-var=folder={tables}", check=False)

    assert done.returncode == 1
    assert "etl_run is published and has no contract any more." in done.stderr


@needs_terraform
def test_every_file_is_formatted():
    assert terraform(ROOT, "fmt", "-check", "-recursive", "terraform", "tests/terraform", check=False).stdout == ""


# What Terraform plans: needs the providers


@needs_terraform
@pytest.mark.parametrize("module", MODULES)
def test_module(module, tree):
    """Run the tests that the module has beside it, over mocked clouds."""
    folder = initialised(tree / "terraform/modules" / module)

    done = terraform(folder, "test", "-no-color")

    assert re.search(r"Success! [1-9]\d* passed, 0 failed", done.stdout), done.stdout


@needs_terraform
@pytest.mark.parametrize("root", ["terraform", "terraform/bootstrap"])
def test_the_configuration_is_valid(root, tree):
    folder = initialised(tree / root, "-backend=false")

    assert "Success!" in terraform(folder, "validate", "-no-color").stdout


def pinned(who):
    """What an image or a managed Airflow installs, as it is asked for."""
    text = (ROOT / f"requirements-{who}.in").read_text()
    return dict(re.findall(r"^([\w-]+)(==\S+)$", text, re.MULTILINE))


def one(plan, kind, name="this"):
    """The one resource of a kind and name that a plan makes, as it would be."""
    (found,) = (c["change"]["after"] for c in plan["resource_changes"] if (c["type"], c["name"]) == (kind, name))
    return found


@needs_terraform
@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_environment_is_planned_and_what_it_may_not_be_is_refused(env, tree):
    folder = initialised(tree / "terraform", "-backend=false")

    done = terraform(folder, "test", "-json", "-verbose", f"-var-file=envs/{env}/terraform.tfvars")

    found = [json.loads(line) for line in done.stdout.splitlines()]
    plans = {entry["@testrun"]: entry["test_plan"] for entry in found if entry["type"] == "test_plan"}
    (summary,) = (entry["test_summary"] for entry in found if entry["type"] == "test_summary")
    tables = [
        change["change"]["after"]
        for change in plans["the_environment_has_every_table_and_the_settings"]["resource_changes"]
        if change["type"] == "google_bigquery_table"
    ]
    assert summary["passed"] >= 12
    assert summary["failed"] == summary["errored"] == summary["skipped"] == 0
    assert {table["table_id"] for table in tables} == set(contract.names())
    assert {table["deletion_protection"] for table in tables} == {env == "prod"}
    composer = one(plans["with_composer"], "google_composer_environment")
    assert composer["config"][0]["software_config"][0]["pypi_packages"] == pinned("jobs")
    mwaa = one(plans["with_emr_and_mwaa"], "aws_s3_object", "requirements")
    google = {"apache-airflow-providers-google": pinned("airflow")["apache-airflow-providers-google"]}
    assert mwaa["content"].split() == [f"{name}{bound}" for name, bound in sorted({**pinned("jobs"), **google}.items())]
    for name in ("the_environment_has_every_table_and_the_settings", "with_composer", "with_emr_and_mwaa"):
        created = [change for change in plans[name]["resource_changes"] if change["mode"] == "managed"]
        print(f"{env}, {name}: {len(created)} resources planned")


CHANGED = """
mock_provider "google" {{}}

variables {{
  project  = "example"
  dataset  = "sunledger"
  location = "EU"
  lock     = null
}}

run "before" {{
  variables {{
    contracts = "{before}"
  }}
}}

run "grown" {{
  command = plan

  variables {{
    contracts = "{grown}"
  }}
}}

run "shrunk" {{
  command = plan

  variables {{
    contracts = "{shrunk}"
  }}
}}
"""


@pytest.fixture(scope="module")
def dim_system_changed(tree, tmp_path_factory):
    """Plans over tables that are there: by contracts with a new column in dim_system, and by ones that lack one."""
    folder = tmp_path_factory.mktemp("changed")
    paths = {name: shutil.copytree(ROOT / "jobs/tables", folder / name) for name in ("before", "grown", "shrunk")}
    changed(paths["grown"] / "dim_system.yaml", lambda document, table: table["properties"].append(NEW))
    changed(paths["shrunk"] / "dim_system.yaml", lambda document, table: table["properties"].pop(LOST))
    module = shutil.copytree(tree / "terraform/modules", folder / "modules") / "bigquery"
    (module / "tests/changed.tftest.hcl").write_text(CHANGED.format(**paths))
    initialised(module)
    done = terraform(module, "test", "-json", "-verbose", "-filter=tests/changed.tftest.hcl")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {entry["@testrun"]: entry["test_plan"] for entry in found if entry["type"] == "test_plan"}


NEW = {"name": "module_temperature_degc", "physicalType": "FLOAT64", "description": "Temperature [degC]."}
# No key is about it.
LOST = -3


def changes(plan):
    return [c for c in plan["resource_changes"] if c["change"]["actions"] not in (["no-op"], ["read"])]


@needs_terraform
def test_a_column_that_is_added_to_a_contract_plans_one_change_in_place(dim_system_changed):
    plan = dim_system_changed["grown"]

    (change,) = changes(plan)
    assert (change["name"], change["index"], change["change"]["actions"]) == ("this", "dim_system", ["update"])
    before, after = (json.loads(change["change"][side]["schema"]) for side in ("before", "after"))
    assert after == [
        *before,
        {"name": NEW["name"], "type": "FLOAT", "mode": "NULLABLE", "description": NEW["description"]},
    ]
    assert list(columns.taken(plan)) == []


@needs_terraform
def test_older_contracts_plan_to_take_a_newer_column_and_that_plan_is_refused(dim_system_changed):
    """A newer release of the jobs has added the column; whoever plans from an older one must not take it."""
    plan = dim_system_changed["shrunk"]
    lost = contract.load("dim_system").columns[LOST].name

    assert [(c["index"], c["change"]["actions"]) for c in changes(plan)] == [("dim_system", ["update"])]
    (said,) = columns.taken(plan)
    assert said.startswith(f"The plan takes column {lost} from ")


# AWS, on a local server


@contextmanager
def moto():
    """Serve AWS on loopback; give back the environment variables that lead there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_MAX_ATTEMPTS": "2",
        }
    finally:
        server.terminate()
        server.wait()


@needs_terraform
def test_the_aws_modules_are_applied_to_a_local_server_and_a_second_plan_is_empty(tree):
    folder = initialised(tree / "tests/terraform/aws")

    with moto() as env:
        applied = terraform(folder, "apply", "-auto-approve", "-no-color", **env)
        second = terraform(folder, "plan", "-detailed-exitcode", "-no-color", check=False, **env)

    print(re.search(r"Apply complete! .*", applied.stdout).group())
    assert second.returncode == 0, second.stdout + second.stderr


@needs_terraform
def test_a_state_that_somebody_else_has_locked_is_left_alone(tree):
    folder = tree / "tests/terraform/lock"

    with moto() as env:
        s3 = boto3.client(
            "s3",
            endpoint_url=env["AWS_ENDPOINT_URL"],
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        s3.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        terraform(folder, "init", "-no-color", "-backend-config=bucket=state", **env)
        terraform(folder, "apply", "-auto-approve", "-no-color", **env)
        s3.put_object(Bucket="state", Key="sunledger.tfstate.tflock", Body=b'{"ID": "1", "Who": "somebody"}')
        refused = terraform(folder, "apply", "-auto-approve", "-no-color", check=False, **env)
        s3.delete_object(Bucket="state", Key="sunledger.tfstate.tflock")
        again = terraform(folder, "plan", "-detailed-exitcode", "-no-color", check=False, **env)

    assert "Error acquiring the state lock" in refused.stderr
    assert "somebody" in refused.stderr
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.skipif(not shutil.which("checkov"), reason="checkov is not installed: not run")
def test_checkov_finds_nothing_that_has_no_reason():
    done = subprocess.run(
        ["checkov", "--config-file", "terraform/.checkov.yaml", "--directory", "terraform", "--output", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )

    summary = json.loads(done.stdout)["summary"]
    print(summary)
    assert (summary["failed"], summary["parsing_errors"]) == (0, 0), done.stdout
    assert summary["passed"] > 100


def test_each_finding_that_is_passed_over_has_a_reason():
    skips = [line for path in TERRAFORM.rglob("*.tf") for line in re.findall(r"checkov:skip=(.*)", path.read_text())]

    assert skips
    assert [skip for skip in skips if not re.fullmatch(r"CKV2?_(AWS|GCP)_\d+:.{25,}", skip)] == []
