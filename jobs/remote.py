"""remote -- staging on a Spark that is elsewhere: what is submitted, under which name, and how it ended.

The artifact is the image of the Dockerfile's target of that name. What runs in it is `jobs stage PLAN`, as here, and
makes the same load. It needs the source and the staging area, and the warehouse for derived tables only, whose inputs
it asks the checkpoint for. Why it failed it writes to the staging area, so that whoever has submitted it fails with the
same sentence, and knows whether another try may do.

The name is made of the load, so that a retry finds what an earlier try has started, and of the attempt, because a name
whose work has failed is used up.
"""

import itertools
import json
import os
from collections.abc import Callable

from jobs import errors, ledger, plan, stage, staging
from jobs.errors import LoadError, StagingError
from jobs.objects import digest
from jobs.plan import Plan
from jobs.settings import Settings, settings

# Where both images have the jobs and their Python.
MAIN, PYTHON = "/opt/sunledger/jobs/__main__.py", "/opt/venv/bin/python"
# Of the clouds' own variables, those that say where and no secrets.
PLACES = ("AWS_DEFAULT_REGION", "AWS_ROLE_ARN", "GOOGLE_CLOUD_PROJECT")
# Settings of whoever submits, and not of what is submitted.
OURS = ("spark_", "dataproc_", "emr_", "pv_late_days")

NEEDED = {
    "dataproc": (
        "GOOGLE_CLOUD_PROJECT",
        "DATAPROC_REGION",
        "DATAPROC_SUBNETWORK",
        "DATAPROC_SERVICE_ACCOUNT",
        "SPARK_IMAGE",
    ),
    "emr": ("EMR_APPLICATION", "EMR_ROLE"),
}


def stage_elsewhere(run_id: str, plan_uri: str, start: Callable[[Plan], None]) -> None:
    """Stage a load by what `start` submits and waits for, unless it is staged already; logged as one step.

    Raises:
        LoadError: as `stage.stage`, or the settings lack what is needed there.
    """
    planned = plan.read(plan_uri)
    with ledger.step(run_id, planned.table, "stage") as step:
        step.load_id = planned.load_id
        manifest = staging.read_manifest(planned.table, planned.load_id)
        if manifest is None and not planned.objects:
            manifest = stage.stage(planned)
        if manifest is None:
            _require_settings(settings())
            start(planned)
            manifest = staging.read_manifest(planned.table, planned.load_id)
        if manifest is None:
            raise StagingError(
                f"{planned.table} load {planned.load_id} was staged on {settings().spark_profile}, and is not in "
                f"{settings().staging}; it must be the staging area there too. Nothing was published"
            )
        step.message = f"{len(manifest['objects'])} objects, {len(manifest['files'])} files"


def stage_here(plan_uri: str, report: str) -> None:
    """Stage a load where it was submitted to; why it failed goes to the report too.

    Raises:
        LoadError: as `stage.stage`.
    """
    try:
        stage.stage(plan.read(plan_uri))
    except LoadError as fault:
        staging.write_json(report, {"kind": type(fault).__name__, "message": str(fault)})
        raise


def reported(report: str) -> LoadError | None:
    """Give the fault that a stage elsewhere has failed with; none where it could not say, such as a killed one."""
    said = staging.read_json(report)
    return said and getattr(errors, said["kind"])(said["message"])


def name_of(planned: Plan, is_used_up: Callable[[str], bool]) -> tuple[str, str]:
    """Name what is submitted for a load, and its report: the first attempt whose name is not used up."""
    names = (f"stage-{planned.load_id}-{attempt}" for attempt in itertools.count())
    name = next(name for name in names if not is_used_up(name))
    return name, f"{staging.folder(planned.table, planned.load_id)}/{name}.json"


def dataproc_batch(planned: Plan, report: str) -> dict:
    """Write the batch that stages a load on Dataproc Serverless, as its API has it."""
    configured = settings()
    return {
        "pyspark_batch": {"main_python_file_uri": f"file://{MAIN}", "args": _arguments(planned, report)},
        "runtime_config": {
            "version": configured.dataproc_runtime,
            "container_image": configured.spark_image,
            "properties": _properties("spark.dataproc.driverEnv"),
        },
        "environment_config": {
            "execution_config": {
                "service_account": configured.dataproc_service_account,
                "subnetwork_uri": configured.dataproc_subnetwork,
            }
        },
        "labels": {"table": planned.table, "load_id": planned.load_id},
    }


def emr_job_run(planned: Plan, name: str, report: str) -> dict:
    """Write the job run that stages a load on EMR Serverless, as its API has it; the same one, the same token."""
    configured = settings()
    request = {
        "applicationId": configured.emr_application,
        "executionRoleArn": configured.emr_role,
        "name": name,
        "jobDriver": {
            "sparkSubmit": {"entryPoint": f"local://{MAIN}", "entryPointArguments": _arguments(planned, report)}
        },
        "configurationOverrides": {
            "applicationConfiguration": [
                {"classification": "spark-defaults", "properties": _properties("spark.emr-serverless.driverEnv")}
            ],
            "monitoringConfiguration": {"managedPersistenceMonitoringConfiguration": {"enabled": True}},
        },
    }
    return {"clientToken": digest(json.dumps(request, sort_keys=True)), **request}


def _arguments(planned: Plan, report: str) -> list[str]:
    return ["stage", planned.uri, "--report", report]


def _properties(driver: str) -> dict[str, str]:
    """Give driver and executors our settings, as far as they are set, and the image's own Python."""
    configured = settings()
    told = {
        name.upper(): str(getattr(configured, name))
        for name in sorted(configured.model_fields_set)
        if not name.startswith(OURS)
    }
    told |= {name: os.environ[name] for name in PLACES if name in os.environ} | {"PYSPARK_PYTHON": PYTHON}
    return {
        **{f"{process}.{name}": value for name, value in told.items() for process in (driver, "spark.executorEnv")},
        **configured.spark_properties,
    }


def _require_settings(configured: Settings) -> None:
    fields = {"GOOGLE_CLOUD_PROJECT": "dataproc_project"}
    needed = NEEDED[configured.spark_profile]
    if missing := [name for name in needed if not getattr(configured, fields.get(name, name.lower()))]:
        raise LoadError(
            f"SPARK_PROFILE is {configured.spark_profile}, and {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set; nothing was published"
        )
