"""What tests share: one S3 server, one Spark session, and a place of its own for each test."""

import csv
import importlib.util
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
DAYS = (date(2019, 1, 5), date(2019, 1, 8))


def _fixture_server():
    spec = importlib.util.spec_from_file_location("fixtures_s3", FIXTURES / "s3.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


s3 = _fixture_server()
_numbers = count(1)


@pytest.fixture(scope="session")
def server():
    """A real S3 server: buckets named public-... are for all to read, every bucket is for all to list."""
    with s3.serve(readable="public-*", listable="*") as running, pytest.MonkeyPatch.context() as environment:
        # Spark's Python workers see the environment that the JVM was started with, so it is set once for all tests.
        settings = {
            "AWS_ENDPOINT_URL_S3": running.endpoint,
            "AWS_ACCESS_KEY_ID": running.access_key,
            "AWS_SECRET_ACCESS_KEY": running.secret_key,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Short-lived JVMs: the quick compiler and the small collector save a third of each start.
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        }
        for name, value in settings.items():
            environment.setenv(name, value)
        yield running


@pytest.fixture(scope="session")
def spark(server):
    """The Spark session of all tests in this process."""
    from jobs.spark import session

    with session("tests") as running:
        yield running


@dataclass
class Place:
    """A bucket, a staging area and a warehouse of one test's own."""

    server: object
    folder: Path
    bucket: str = field(default_factory=lambda: f"public-{next(_numbers)}")

    def __post_init__(self):
        self.s3 = self.server.client()
        with suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
            self.s3.create_bucket(Bucket=self.bucket)

    @property
    def environment(self):
        return {
            "PVDAQ_BUCKET": self.bucket,
            "STAGING": f"file://{self.folder}/staging",
            "WAREHOUSE": f"duckdb://{self.folder}/warehouse.duckdb",
            "WAREHOUSE_LOCK_SECONDS": "60",
        }

    def put(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def put_day(self, ss_id, day, body):
        self.put(day_key(ss_id, day), body)

    def put_fixtures(self):
        for root in sorted(FIXTURES.glob("*/pvdaq")):
            s3.upload(self.server, root.parent, self.bucket)

    def rows(self, query, *values):
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            return connection.execute(query, values).fetchall()

    def facts(self):
        """All readings in key order; what a rerun must not change."""
        return self.rows("SELECT * EXCLUDE (load_id) FROM fact_pv_measurement ORDER BY ss_id, timestamp, sensor")

    def command(self, *arguments, launcher=(sys.executable, "-m", "jobs"), **more):
        """Start the command line in a process of its own, as a person would."""
        environment = {**os.environ, **self.environment, "PYTHONPATH": str(ROOT), **more.pop("environment", {})}
        return subprocess.Popen(
            [*launcher, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def run(self, *arguments, **more):
        """Run the command line to its end: exit code, output, errors."""
        with self.command(*arguments, **more) as process:
            out, err = process.communicate(timeout=180)
        return process.returncode, out, err


def day_key(ss_id, day):
    return (
        f"pvdaq/csv/pvdata/system_id={ss_id}/year={day.year}/month={day.month}/day={day.day}/"
        f"system_{ss_id}__date_{day:%Y_%m_%d}.csv"
    )


def day_file(ss_id, day, values, sensor="ac_power__1"):
    """Write a small day: one reading an hour from midnight."""
    lines = [f"{day} {hour:02d}:00:00,{value},{ss_id}" for hour, value in enumerate(values)]
    return "\n".join([f"measured_on,{sensor},system_id", *lines, ""]).encode()


def forget():
    """Make this process read its settings, warehouse and contracts anew."""
    from jobs import contract, settings, warehouse

    for cached in (settings.settings, warehouse.warehouse, contract.load):
        cached.cache_clear()


@pytest.fixture
def place(server, tmp_path, monkeypatch):
    """A place for this process and for those it starts."""
    made = Place(server, tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    forget()
    yield made
    forget()


@pytest.fixture
def shared_session(spark, monkeypatch):
    """Let the stage step use the tests' Spark session."""

    @contextmanager
    def ours(name):
        yield spark

    monkeypatch.setattr("jobs.stage.session", ours)


@pytest.fixture
def load(place, shared_session):
    """Take a table through the four steps in this process; what plan found, and what publish brought in."""
    from jobs import check, plan, publish, stage
    from jobs.listing import Window

    def run(table="fact_pv_measurement", days=DAYS, systems=(), **options):
        found = plan.plan(table, Window(*days, systems), **options)
        if found.plan is None:
            return found, None
        stage.stage(found.plan)
        check.check(found.plan)
        return found, publish.publish(found.plan)

    return run


def expected_rows(table):
    """Read a table's expectation, without its reasons."""
    with (FIXTURES / table / "expected.csv").open(newline="", encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    for row in rows:
        assert row.pop("why"), f"an expectation of {table} has no reason"
    return rows


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add the last lines of the Airflow that a failed test ran in."""
    report = yield
    if report.failed and (running := item.funcargs.get("airflow")):
        report.sections.append(("Airflow's last lines", running.tail()))
    return report
