"""Staging on Dataproc Serverless and EMR Serverless: the last request that is sent, retries, and the same load."""

import os
import re
import shutil
import subprocess
import sys
from datetime import date

import pytest
from conftest import ROOT, day_file, forget, rarely
from sandbox import environment

from jobs import plan, remote, staging
from jobs import stage as stages
from jobs.errors import LoadError, SourceError, StagingError
from jobs.listing import Window
from jobs.settings import Settings

FACT = "fact_pv_measurement"
DAY = date(2019, 1, 5)
PLACES = {
    "dataproc": {
        "SPARK_PROFILE": "dataproc",
        "GOOGLE_CLOUD_PROJECT": "my-project",
        "DATAPROC_REGION": "europe-west4",
        "DATAPROC_SUBNETWORK": "projects/my-project/regions/europe-west4/subnetworks/sunledger-dev-spark",
        "DATAPROC_SERVICE_ACCOUNT": "sunledger-dev-jobs@my-project.iam.gserviceaccount.com",
        "SPARK_IMAGE": "europe-west4-docker.pkg.dev/my-project/sunledger-dev/sunledger:abc",
        "SPARK_PROPERTIES": '{"spark.executor.cores": "4"}',
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": "google-cloud-platform://",
    },
    "emr": {
        "SPARK_PROFILE": "emr",
        "EMR_APPLICATION": "00f1abcd",
        "EMR_ROLE": "arn:aws:iam::123456789012:role/sunledger-dev-jobs",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
    },
}
# A state of work that is under way, that has ended badly, and that has ended well.
STATES = {"dataproc": ("RUNNING", "FAILED", "SUCCEEDED"), "emr": ("RUNNING", "FAILED", "SUCCESS")}
# What only the cluster's own account has.
SECRET = re.compile("SECRET|ACCESS_KEY|PASSWORD|CREDENTIALS")


class Pushed(dict):
    """A task instance that keeps what is pushed to XCom."""

    def xcom_push(self, key, value):
        self[key] = value


@pytest.fixture(params=["dataproc", "emr"])
def profile(request, place, monkeypatch):
    for name, value in PLACES[request.param].items():
        monkeypatch.setenv(name, value)
    forget()
    return request.param


@pytest.fixture
def here(shared_session_without_spark):
    """Do the work in this process, as the service's machines would."""

    def work(arguments, properties):
        assert (arguments[0], arguments[2]) == ("stage", "--report")
        try:
            remote.stage_here(arguments[1], arguments[3])
        except LoadError:
            return False
        return True

    return work


@pytest.fixture
def service(profile, monkeypatch, tmp_path_factory):
    """Open the profile's service; what it is given to do is set by the test."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    monkeypatch.syspath_prepend(ROOT / "dags")
    import elsewhere

    def nothing(arguments, properties):
        raise AssertionError("nothing was to be started")

    if profile == "emr":
        with elsewhere.Emr(nothing) as opened:
            monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", opened.endpoint)
            yield opened
        return
    import grpc
    from airflow.providers.google.cloud.hooks.dataproc import DataprocHook
    from google.cloud.dataproc_v1.services.batch_controller import BatchControllerClient
    from google.cloud.dataproc_v1.services.batch_controller.transports import BatchControllerGrpcTransport

    with elsewhere.Dataproc(nothing) as opened:

        def client(hook, region):
            assert (hook.gcp_conn_id, region) == ("google_cloud_default", "europe-west4")
            channel = grpc.insecure_channel(opened.address)
            return BatchControllerClient(transport=BatchControllerGrpcTransport(channel=channel))

        monkeypatch.setattr(DataprocHook, "get_batch_client", client)
        yield opened


@pytest.fixture
def planned(place):
    place.put_day(7, DAY, day_file(7, DAY, [1.0, 2.0]))
    return plan.plan(FACT, Window(DAY, DAY)).plans[0]


@pytest.fixture
def stage(profile, service, planned):
    """Run the task that stages the plan's load; what it pushed to XCom, and how it named its map index."""

    def run():
        if profile == "emr":
            from stage_on_emr import StageOnEmr as Operator
        else:
            from stage_on_dataproc import StageOnDataproc as Operator
        pushed = Pushed()
        context = {"run_id": "run", "ti": pushed, "task_instance": pushed}
        task = Operator(task_id=f"{FACT}.stage", plan_uri=planned.uri)
        assert task.execute(context) is None
        return pushed, context["load"]

    return run


def told(profile, place, more=()):
    """Spark's properties by hand."""
    driver = {"dataproc": "spark.dataproc.driverEnv", "emr": "spark.emr-serverless.driverEnv"}[profile]
    region = {"AWS_DEFAULT_REGION": os.environ["AWS_DEFAULT_REGION"]} if "AWS_DEFAULT_REGION" in os.environ else {}
    variables = {**place.environment, **region, "PYSPARK_PYTHON": "/opt/venv/bin/python", **dict(more)}
    variables["WAREHOUSE_LOCK_SECONDS"] = "60.0"
    return {
        f"{process}.{name}": value for name, value in variables.items() for process in (driver, "spark.executorEnv")
    }


# The last request.


def test_the_request_is_exactly_this(profile, service, stage, planned, place, here):
    service.work = here

    pushed, label = stage()

    name, staged = f"stage-{planned.load_id}-0", f"{place.staging}/{FACT}/load_id={planned.load_id}"
    arguments = ["stage", planned.uri, "--report", f"{staged}/{name}.json"]
    (request,) = service.requests
    if profile == "emr":
        assert re.fullmatch("[0-9a-f]{32}", request.pop("clientToken"))
        assert request == {
            "path": "/applications/00f1abcd/jobruns",
            "name": name,
            "executionRoleArn": "arn:aws:iam::123456789012:role/sunledger-dev-jobs",
            "jobDriver": {
                "sparkSubmit": {
                    "entryPoint": "local:///opt/sunledger/jobs/__main__.py",
                    "entryPointArguments": arguments,
                }
            },
            "configurationOverrides": {
                "applicationConfiguration": [
                    {"classification": "spark-defaults", "properties": told("emr", place)},
                ],
                "monitoringConfiguration": {"managedPersistenceMonitoringConfiguration": {"enabled": True}},
            },
        }
        assert pushed["emr_serverless_logs"]["job_run_id"] == "run-0"
    else:
        assert request == {
            "parent": "projects/my-project/regions/europe-west4",
            "batch_id": name,
            "batch": {
                "pyspark_batch": {"main_python_file_uri": "file:///opt/sunledger/jobs/__main__.py", "args": arguments},
                "runtime_config": {
                    "version": "3.0",
                    "container_image": "europe-west4-docker.pkg.dev/my-project/sunledger-dev/sunledger:abc",
                    "properties": {
                        **told("dataproc", place, {"GOOGLE_CLOUD_PROJECT": "my-project"}.items()),
                        "spark.executor.cores": "4",
                    },
                },
                "environment_config": {
                    "execution_config": {
                        "service_account": "sunledger-dev-jobs@my-project.iam.gserviceaccount.com",
                        "subnetwork_uri": "projects/my-project/regions/europe-west4/subnetworks/sunledger-dev-spark",
                    }
                },
                "labels": {
                    "table": FACT,
                    "load_id": planned.load_id,
                    "airflow-dag-id": "adhoc-airflow",
                    "airflow-task-id": "fact-pv-measurement-stage",
                },
            },
        }
        assert pushed["dataproc_batch"] == {
            "project_id": "my-project",
            "region": "europe-west4",
            "batch_id": name,
        }
    assert label == "2019-01-05, 1 object, system 7"
    assert place.rows("SELECT step, load_id, outcome, message FROM etl_run") == [
        ("stage", planned.load_id, "done", "1 objects, 1 files")
    ]


def test_no_secret_is_in_a_request(profile, service, stage, here, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secret.json")
    service.work = here

    stage()

    assert SECRET.search("AWS_SECRET_ACCESS_KEY")
    assert not SECRET.search(str(service.requests))
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(service.requests)


# The same load, exactly once.


def test_a_load_that_is_staged_starts_nothing(service, stage, here):
    service.work = here
    stage()
    stage()

    assert len(service.requests) == 1


def test_a_retry_waits_for_what_an_earlier_try_has_started(profile, service, stage, planned, here, place):
    """It is found by its name, or by its token, and no second one starts."""
    running = []

    def started(arguments, properties):
        # Its submitter is killed meanwhile, and the next one finds it.
        running.append(arguments)
        return here(arguments, properties)

    service.work = started
    stage()
    staging.remove(staging.folder(FACT, planned.load_id))
    plan.write(planned, planned.uri)
    # As if it were still under way when it is asked for, and done at once.
    name, known = f"stage-{planned.load_id}-0", STATES[profile]
    service.work = lambda *_: pytest.fail("a second one was started")
    if profile == "emr":
        (run,) = service.runs.values()
        listed = {**run, "state": known[0]}
        ended = {**run, "state": known[2]}
        token = next(iter(service.runs))
        service.runs = Turning(token, listed, ended, lambda: here(running[0], {}))
    else:
        service.batches = Turning(
            name, *(_batch(state) for state in (known[0], known[2])), lambda: here(running[0], {})
        )

    stage()

    assert len(running) == 1
    assert staging.read_manifest(FACT, planned.load_id)


def _batch(state):
    from google.cloud.dataproc_v1 import Batch

    return Batch(name="b", state=state)


class Turning(dict):
    """One entry that is under way when it is first asked for; it has done its work when it is asked for again."""

    def __init__(self, key, first, then, work):
        super().__init__({key: first})
        self._key, self._then, self._work, self._asked = key, then, work, 0

    def _turn(self):
        self._asked += 1
        if self._asked == 2:
            self._work()
            self[self._key] = self._then

    def get(self, key, default=None):
        self._turn()
        return super().get(key, default)

    def values(self):
        self._turn()
        return super().values()


def test_what_has_failed_is_followed_by_another_under_a_new_name(profile, service, stage, planned, here):
    _, failed, succeeded = STATES[profile]
    service.there(f"stage-{planned.load_id}-0", failed)
    # It has ended well, and its files have expired since.
    service.there(f"stage-{planned.load_id}-1", succeeded)
    service.work = here

    stage()

    (request,) = service.requests
    assert request["name" if profile == "emr" else "batch_id"] == f"stage-{planned.load_id}-2"


def test_a_failure_is_the_sentence_and_the_error_of_what_failed_there(service, stage, here, place, planned):
    place.put_day(7, DAY, b"changed since it was planned")
    service.work = here

    with pytest.raises(SourceError, match="changed after it was listed") as failed:
        stage()

    assert type(failed.value) is SourceError
    ((outcome, message),) = place.rows("SELECT outcome, message FROM etl_run")
    assert outcome == "failed"
    assert message.startswith("SourceError: fact_pv_measurement: 1 of 1 objects cannot be loaded")


def test_what_was_killed_there_fails_with_the_services_own_words_and_may_be_tried_again(service, stage):
    from airflow.providers.common.compat.sdk import AirflowException

    service.work = lambda *_: False

    with pytest.raises(AirflowException, match="failed"):
        stage()


def test_a_service_that_stages_to_another_place_is_found_out(profile, service, stage, planned):
    service.work = lambda *_: True

    with pytest.raises(StagingError, match=f"was staged on {profile}, and is not in file://.*Nothing was published"):
        stage()


@pytest.mark.parametrize(
    ("profile", "name"),
    [("dataproc", name) for name in remote.NEEDED["dataproc"]] + [("emr", name) for name in remote.NEEDED["emr"]],
    indirect=["profile"],
)
def test_a_setting_that_is_missing_is_named_before_anything_is_sent(profile, name, service, stage, monkeypatch):
    monkeypatch.delenv(name)
    forget()

    with pytest.raises(LoadError, match=f"SPARK_PROFILE is {profile}, and {name} is not set; nothing was published"):
        stage()

    assert service.requests == []


# The artifact.


@pytest.fixture
def image(tmp_path):
    """What the images have in /opt/sunledger, by the Dockerfile's own instruction."""
    text = (ROOT / "Dockerfile").read_text()
    assert text.count("WORKDIR /opt/sunledger\n") == 2
    assert text.count("\nCOPY jobs jobs\n") == 3
    assert remote.MAIN == "/opt/sunledger/jobs/__main__.py"
    folder = tmp_path / "image"
    shutil.copytree(ROOT / "jobs", folder / "jobs", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.exhaustive
def test_the_image_makes_the_load_of_this_process_byte_by_byte_and_needs_no_warehouse(
    service, stage, planned, place, image, shared_session_without_spark, monkeypatch
):
    import elsewhere

    names = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    work = elsewhere.submitted(image, {name: os.environ[name] for name in names})

    def without_a_warehouse(arguments, properties):
        nowhere = {name: "duckdb:////proc/none.duckdb" for name in properties if name.endswith("Env.WAREHOUSE")}
        assert len(nowhere) == 2
        return work(arguments, properties | nowhere)

    service.work = without_a_warehouse
    stage()
    there = place.staged(".parquet")

    monkeypatch.setenv("SPARK_PROFILE", "local")
    monkeypatch.setenv("STAGING", f"{place.staging}-of-this-process")
    forget()
    again = plan.plan(FACT, Window(DAY, DAY)).plans[0]
    manifest = stages.stage(again)
    files, root = staging.filesystem(manifest["attempt"])
    here = [files.open_input_stream(f"{root}/{entry['path']}").read() for entry in manifest["files"]]
    assert again.load_id == planned.load_id
    assert len(here) == 1
    assert list(there.values()) == here


# The DAG.


PARSES = """
import runpy, sys
from pathlib import Path
from airflow.sdk.definitions._internal.contextmanager import DagContext

sys.path.append(str(Path(sys.argv[1]).parent))
DagContext.current_autoregister_module_name = "__main__"
runpy.run_path(sys.argv[1])
((dag, _),) = DagContext.autoregistered_dags
stage = dag.get_task("fact_pv_measurement.stage")
modules = list(sys.modules)
from airflow.serialization.serialized_objects import DagSerialization

known = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("fact_pv_measurement.stage")
print(type(stage).__name__, stage.max_active_tis_per_dag, len(known.operator_extra_links))
print(*modules)
"""


@pytest.mark.parametrize(
    ("chosen", "task", "other"),
    [
        ("local", "_PythonDecoratedOperator 1 0", "airflow.providers.google.cloud"),
        rarely("standalone", "_PythonDecoratedOperator 1 0", "airflow.providers.amazon.aws"),
        # A name, how many at once, and links.
        ("dataproc", "StageOnDataproc 4 1", "airflow.providers.amazon.aws"),
        ("emr", "StageOnEmr 4 4", "airflow.providers.google.cloud"),
    ],
)
def test_the_profile_alone_decides_which_task_stages_and_parsing_imports_no_other(chosen, task, other, tmp_path):
    master = {"SPARK_MASTER": "spark://host:7077"} if chosen == "standalone" else {}
    done = subprocess.run(
        [sys.executable, "-c", PARSES, ROOT / "dags" / "pv.py"],
        env=environment(tmp_path, SPARK_PROFILE=chosen, **master),
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    found, modules = done.stdout.splitlines()[-2:]
    assert found == task
    assert [name for name in modules.split() if name.startswith(other)] == []


def test_another_profile_is_refused_by_name(place, monkeypatch):
    monkeypatch.setenv("SPARK_PROFILE", "yarn")
    forget()

    code, _, err = place.run("status", environment={"SPARK_PROFILE": "yarn"})

    assert code == 1
    assert "SPARK_PROFILE: Input should be 'local', 'standalone', 'dataproc' or 'emr'" in " ".join(err.split())


def test_a_profile_and_a_master_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="SPARK_PROFILE is standalone, so SPARK_MASTER must be spark://host:7077"):
        Settings(spark_profile="standalone")
    with pytest.raises(ValueError, match="SPARK_MASTER is spark://h:7077, so SPARK_PROFILE must be standalone"):
        Settings(spark_master="spark://h:7077")


def test_by_hand_a_load_is_not_staged_where_only_the_dags_start_spark(place, planned):
    code, _, err = place.run("stage", planned.uri, environment={"SPARK_PROFILE": "dataproc"})

    assert code == 1
    assert "SPARK_PROFILE is dataproc, where the DAGs start Spark; by hand, set SPARK_PROFILE=local" in " ".join(
        err.split()
    )
