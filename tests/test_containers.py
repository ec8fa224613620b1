"""The images and the stack of containers: what their files promise and, where Docker answers, the stack itself.

The last test builds the image, brings the stack up, loads the fixtures through Airflow and takes all away again; where
no engine answers, it says that it was not run.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from xml.etree import ElementTree as ET

import httpx
import pytest
import yaml
from conftest import FIXTURES, ROOT, s3

from jobs.settings import Settings

STACK = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES = STACK["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Those that do their work once and end.
ONCE = {"secrets", "migrate"}


def stages():
    """The Dockerfile's stages by name: what each is made from, and its instructions."""
    found = {}
    for text in re.split(r"^(?=FROM )", DOCKERFILE.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        base, name = re.match(r"FROM (\S+) AS (\S+)\n", text).groups()
        found[name] = (base, re.findall(r"^([A-Z]+) +(.*)", text, re.MULTILINE)[1:])
    return found


# The images


def test_every_image_is_made_from_a_stage_or_a_pinned_public_image():
    made = {name: base for name, (base, _) in stages().items()}

    assert set(made) == {"uv", "system", "dataproc", "emr", "airflow"}
    assert {base for base in made.values() if base not in made} == {
        "python:3.12-slim-bookworm",
        # Amazon pins by the repository's name, and moves the tag only for security fixes.
        "public.ecr.aws/emr-serverless/spark/${EMR_RELEASE}:latest",
    }
    assert re.findall(r"^ARG (.*)", DOCKERFILE, re.MULTILINE) == ["EMR_RELEASE=emr-7.9.0"]
    assert "# syntax" not in DOCKERFILE


@pytest.mark.parametrize(("stage", "user"), [("dataproc", "spark"), ("emr", "hadoop:hadoop"), ("airflow", "spark")])
def test_an_image_runs_as_nobody_special_and_installs_the_lock_by_hash(stage, user):
    _, instructions = stages()[stage]
    installs = [what for kind, what in instructions if kind == "RUN" and "pip install" in what]

    assert [what for kind, what in instructions if kind == "USER"][-1] == user
    assert len(installs) == 1
    for wanted in ("--require-hashes", "--compile-bytecode", "--constraint requirements.txt"):
        assert wanted in installs[0]
    assert not [what for kind, what in instructions if kind == "ADD" or "curl" in what or "wget" in what]


@pytest.mark.parametrize("stage", ["dataproc", "emr", "airflow"])
def test_a_change_of_the_code_leaves_the_packages_alone(stage):
    _, instructions = stages()[stage]
    order = [what for kind, what in instructions if kind in ("COPY", "RUN")]
    (packages,) = (number for number, what in enumerate(order) if "pip install" in what)
    copied = [number for number, what in enumerate(order) if re.match(r"(jobs|dags|fixtures) ", what)]

    assert copied
    assert min(copied) > packages


def test_dataproc_finds_its_user_and_tools_and_neither_spark_nor_java():
    made = stages()
    text = "\n".join(what for name in ("system", "dataproc") for _, what in made[name][1])

    assert made["dataproc"][0] == "system"
    assert "groupadd --gid 1099 spark && useradd --uid 1099 --gid 1099 --create-home spark" in text
    assert "install --yes --no-install-recommends procps tini " in text
    assert "jre" not in text
    assert "requirements-airflow" not in text
    assert "pyspark" not in (ROOT / "requirements-jobs.in").read_text().replace("# pyspark", "")


def test_emr_keeps_what_its_base_has_set():
    _, instructions = stages()["emr"]
    named = " ".join(what for kind, what in instructions if kind == "ENV")

    assert [what for kind, what in instructions if kind == "WORKDIR"][-1] == "/home/hadoop"
    assert not {"ENTRYPOINT", "CMD"} & {kind for kind, _ in instructions}
    assert not re.search(r"\b(JAVA_HOME|SPARK_HOME|HADOOP_HOME)=", named)


def test_nothing_gets_into_an_image_that_is_not_named():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    copied = {
        name
        for _, instructions in stages().values()
        for kind, what in instructions
        if kind == "COPY"
        for name in what.split()[:-1]
    }

    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines[1:] if line.startswith("!")} == copied


# The stack


def test_everything_listens_on_loopback_only():
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert len(ports) == 2
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert not [name for name, service in SERVICES.items() if service.get("network_mode") == "host"]


def test_one_service_builds_the_image_that_all_but_one_take():
    images = {name: service["image"] for name, service in SERVICES.items()}
    python = re.search(r"python:(3\.\d+)-", DOCKERFILE)[1]

    assert [name for name, service in SERVICES.items() if "build" in service] == ["secrets"]
    assert images.pop("postgres") == "postgres:17-bookworm"
    assert set(images.values()) == {f"sunledger:python{python}"}


def test_what_goes_on_running_has_a_cheap_health_check_and_what_ends_is_waited_for():
    waited = {
        needed
        for service in SERVICES.values()
        for needed, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }

    assert waited == ONCE
    for name, service in SERVICES.items():
        assert (name in ONCE) != ("healthcheck" in service), name
        if name not in ONCE:
            # The airflow command takes seconds of a core to start, each time.
            assert service["healthcheck"]["test"][1] in ("pg_isready", "python", "bash"), name
            assert service["restart"] == "unless-stopped", name


def test_what_is_secret_is_read_from_a_volume():
    words = re.compile(r"SECRET|PASSWORD|KEY|TOKEN|CONN")
    told = [
        (name, str(value)) for service in SERVICES.values() for name, value in service.get("environment", {}).items()
    ]
    secret = {name: value for name, value in told if words.search(name) and "CONNECTIONS" not in name}

    assert secret == {
        "AIRFLOW__API_AUTH__JWT_SECRET_CMD": "cat /secrets/jwt_secret",
        "AIRFLOW__CORE__FERNET_KEY_CMD": "cat /secrets/fernet_key",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": "cat /secrets/sql_alchemy_conn",
        "POSTGRES_PASSWORD_FILE": "/secrets/postgres_password",
    }
    assert not [value for _, value in told if re.search(r"://[^/]*:[^/]*@", value)]
    writers = [name for name, service in SERVICES.items() if "secrets:/secrets" in service.get("volumes", ())]
    assert writers == ["secrets"]


def test_all_that_stays_is_in_named_volumes():
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}

    assert mounted == set(STACK["volumes"])
    assert "logs:/opt/airflow/logs" in SERVICES["scheduler"]["volumes"]


@pytest.mark.parametrize("name", ["scheduler", "spark-worker"])
def test_the_settings_are_those_that_the_jobs_read(name):
    told = {key: value for key, value in SERVICES[name]["environment"].items() if not key.startswith("AIRFLOW__")}
    fields = {field.upper() for field in Settings.model_fields}

    assert set(told) - fields == {"AWS_ENDPOINT_URL_S3"}
    assert told["PVDAQ_BUCKET"] == s3.BUCKET
    Settings(staging=told["STAGING"], warehouse=told["WAREHOUSE"])


def test_spark_is_a_cluster_only_by_its_profile():
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["spark-master", "spark-worker"]
    told = SERVICES["scheduler"]["environment"]
    assert (told["SPARK_PROFILE"], told["SPARK_MASTER"]) == ("${SPARK_PROFILE:-local}", "${SPARK_MASTER:-local[*]}")
    makefile = (ROOT / "Makefile").read_text()
    assert "SPARK_PROFILE=$(if $(CLUSTER),standalone)" in makefile
    assert "SPARK_MASTER=$(if $(CLUSTER),spark://spark-master:7077 COMPOSE_PROFILES=cluster)" in makefile


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


ASKS = """
import sys
from urllib.request import Request, urlopen
url = f"http://127.0.0.2:{sys.argv[1]}/?list-type=2"
print(urlopen(Request(url, headers={"Host": f"sunledger-fixtures.s3:{sys.argv[1]}"})).read().decode())
"""


def test_the_fixtures_are_served_to_other_hosts_under_their_own_name():
    port = free_port()

    done = subprocess.run(
        [sys.executable, "fixtures/s3.py", "--as", f"s3:{port}", sys.executable, "-c", ASKS, str(port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    listing = ET.fromstring(done.stdout[done.stdout.index("<") :])
    keys = {entry.text for entry in listing.iter("{http://s3.amazonaws.com/doc/2006-03-01/}Key")}
    assert keys == {
        path.relative_to(root.parent).as_posix()
        for kind in s3.ROOTS
        for root in FIXTURES.glob(f"*/{kind}")
        for path in root.rglob("*")
        if path.is_file()
    }


# The stack itself


def docker(*arguments, **more):
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, **more)


def left(project):
    """What Docker still has of a project."""
    mine = f"label=com.docker.compose.project={project}"
    return [
        name
        for listed in (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        for name in docker(*listed, "--quiet", "--filter", mine, check=True).stdout.split()
    ]


@pytest.fixture
def stack():
    """`make up` on ports of its own with a Spark cluster, and `make down`; what asks Airflow's API."""
    if not shutil.which("docker") or docker("info").returncode:
        pytest.skip("no Docker engine answers: not run")
    if docker("compose", "version").returncode:
        pytest.skip("Docker has no compose: not run")
    project, port = f"sunledger-test-{os.getpid()}", free_port()
    settings = {**os.environ, "COMPOSE_PROJECT_NAME": project, "SPARK_PORT": str(free_port())}

    def make(target):
        command = ["make", target, f"PORT={port}", "CLUSTER=1"]
        return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=1800)

    up = make("up")
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert f"Airflow is at http://127.0.0.1:{port}" in up.stdout
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as api:
            api.headers["Authorization"] = f"Bearer {api.get('/auth/token').json()['access_token']}"
            yield project, api
    finally:
        down = make("down")
    assert down.returncode == 0, down.stderr
    assert left(project) == []


def run_through(api, **form):
    """Have Airflow run the DAG `pv` with a form; the run's id and the states of its tasks."""
    answer = api.post("/api/v2/dags/pv/dagRuns", json={"logical_date": None, "conf": form})
    assert answer.is_success, answer.text
    run = f"/api/v2/dags/pv/dagRuns/{answer.json()['dag_run_id']}"
    deadline = time.monotonic() + 600
    while api.get(run).json()["state"] not in ("success", "failed"):
        assert time.monotonic() < deadline, api.get(f"{run}/taskInstances").text
        time.sleep(2)
    return run, {task["task_id"]: task["state"] for task in api.get(f"{run}/taskInstances").json()["task_instances"]}


def test_the_stack_comes_up_loads_the_fixtures_through_airflow_and_goes_without_a_trace(stack):
    project, api = stack
    assert api.patch("/api/v2/dags/pv", json={"is_paused": False}).is_success

    run, states = run_through(api, first_day="2019-01-05", last_day="2019-01-08")

    assert set(states.values()) == {"success"}
    log = api.get(f"{run}/taskInstances/fact_pv_measurement.stage/logs/1").text
    assert " on spark://spark-master:7077: 1 tasks" in log
    count = "import sys; from jobs.warehouse import warehouse; print(*warehouse().select(sys.argv[1], {}))"
    asked = "SELECT COUNT(*) AS n FROM fact_pv_measurement WHERE timestamp >= DATETIME '1900-01-01 00:00:00'"
    found = docker("exec", f"{project}-scheduler-1", "python", "-c", count, asked)
    assert found.stdout.strip() == "{'n': 46}", found.stderr
    assert len(left(project)) > 10
