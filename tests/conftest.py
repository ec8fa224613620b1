"""What tests share: one S3 server, one Spark session, and a place of its own for each test."""

import csv
import importlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import count
from pathlib import Path

import endpoints
import pytest
from pyarrow import fs
from without_spark import staged_in_this_process

from jobs.staging import filesystem as staging_files

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
DAYS = (date(2019, 1, 5), date(2019, 1, 8))
# The fact asks for a bound on its partition; nothing is older.
READINGS = "(SELECT * FROM fact_pv_measurement WHERE timestamp >= DATETIME '1900-01-01 00:00:00')"


sys.path.insert(0, str(FIXTURES))
postgres, s3 = importlib.import_module("postgres"), importlib.import_module("s3")
sys.path.remove(str(FIXTURES))
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


def pytest_addoption(parser):
    parser.addoption("--endpoint", choices=("local", "real"), default="local", help="which BigQuery: see endpoints.py")


def pytest_collection_finish(session):
    """Refuse to run tests apart that belong together: pytest-xdist can lose its groups without a word."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if hasattr(session.config, "workerinput") and (lost := [item for item in grouped if "@" not in item.nodeid]):
        raise pytest.UsageError(f"{len(lost)} tests have lost their group; see pytest in requirements.in")


def pytest_generate_tests(metafunc):
    """Run the tests of a module that names WAREHOUSES on each of them, but for those that are only_on some.

    Of a module that is exhaustive_on a warehouse, the tests that are always_on it are in every run.
    """
    kinds = getattr(metafunc.module, "WAREHOUSES", None)
    if kinds and "place" in metafunc.fixturenames:
        only, rare, always = (
            marker.args if (marker := metafunc.definition.get_closest_marker(name)) else ()
            for name in ("only_on", "exhaustive_on", "always_on")
        )
        chosen = [
            pytest.param(kind, marks=pytest.mark.exhaustive if kind in rare and kind not in always else ())
            for kind in (only or kinds)
        ]
        metafunc.parametrize("place", chosen, indirect=True)


def rarely(*values):
    """Give parameters with which a test is exhaustive."""
    return pytest.param(*values, marks=pytest.mark.exhaustive)


@pytest.fixture(scope="session")
def google(request):
    """A BigQuery with a bucket beside it; for Spark's workers too, so it is there before Spark."""
    with endpoints.opened(request.config.getoption("--endpoint")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def spark(server, google):
    """The Spark session of all tests in this process."""
    from jobs.spark import session

    with session("tests") as running:
        # Two hundred parts of a dozen rows are two hundred tasks.
        running.conf.set("spark.sql.shuffle.partitions", "2")
        yield running


@dataclass
class Place:
    """A bucket, a staging area and a warehouse of one test's own."""

    server: object
    folder: Path
    bucket: str = field(default_factory=lambda: f"public-{next(_numbers)}")
    warehouse: str = ""
    staging: str = ""

    def __post_init__(self):
        self.s3 = self.server.client()
        self.warehouse = self.warehouse or f"duckdb://{self.folder}/warehouse.duckdb"
        self.staging = self.staging or f"file://{self.folder}/staging"
        with suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
            self.s3.create_bucket(Bucket=self.bucket)

    @property
    def environment(self):
        return {
            "PVDAQ_BUCKET": self.bucket,
            "LANDING_BUCKET": self.bucket,
            "OGE_BUCKET": self.bucket,
            "PUDL_BUCKET": "",
            "STAGING": self.staging,
            "WAREHOUSE": self.warehouse,
            "WAREHOUSE_LOCK_SECONDS": "60",
        }

    @property
    def kind(self):
        return self.warehouse.partition("://")[0]

    @cached_property
    def opened(self):
        """The warehouse, as this process sees it; its tables are made by whoever uses it first."""
        if self.kind == "bigquery":
            from jobs.warehouse.bigquery import BigQueryWarehouse

            made = BigQueryWarehouse.at(self.warehouse, 100)
        else:
            from jobs.warehouse.duckdb import DuckDBWarehouse

            made = DuckDBWarehouse(self.warehouse.removeprefix("duckdb://"), 60, "1GB")
        made.create()
        return made

    def rows(self, query):
        """Answer a GoogleSQL query, a tuple a row."""
        return [tuple(row.values()) for row in self.opened.select(query, {})]

    def change(self, script):
        """Change rows behind the project's back."""
        self.opened.transact(script, {}, {})

    def staged(self, ending):
        """All files of the staging area whose path ends like this, by their path in it."""
        files, root = staging_files(self.staging)
        found = files.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
        paths = [entry.path for entry in found if entry.is_file and entry.path.endswith(ending)]
        return {path.removeprefix(root).strip("/"): files.open_input_stream(path).read() for path in sorted(paths)}

    def put(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def put_day(self, ss_id, day, body):
        self.put(day_key(ss_id, day), body)

    def put_fixtures(self):
        for name in s3.ROOTS:
            for root in sorted(FIXTURES.glob(f"*/{name}")):
                s3.upload(self.server, root, self.bucket, f"{name}/")

    def facts(self):
        """All readings in key order; what a rerun must not change."""
        return self.rows(f"SELECT * EXCEPT (load_id) FROM {READINGS} ORDER BY ss_id, timestamp, sensor")

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


def parquet_key(ss_id, day, part="000"):
    folder = day_key(ss_id, day).replace("/csv/", "/parquet/").rpartition("/")[0]
    return f"{folder}/system_{ss_id}__date_{day:%Y_%m_%d}.snappy.{part}.parquet"


def day_file(ss_id, day, values, sensor="ac_power__1"):
    """Write a small day: one reading an hour from midnight."""
    lines = [f"{day} {hour:02d}:00:00,{value},{ss_id}" for hour, value in enumerate(values)]
    return "\n".join([f"measured_on,{sensor},system_id", *lines, ""]).encode()


def forget():
    """Make this process read its settings and open its warehouse anew."""
    from jobs import settings, warehouse

    for cached in (settings.settings, warehouse.warehouse):
        cached.cache_clear()


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    """A DuckDB file with all tables and no row in them, which costs ten times as much to make as to copy."""
    from jobs.warehouse.duckdb import DuckDBWarehouse

    path = tmp_path_factory.mktemp("tables") / "warehouse.duckdb"
    DuckDBWarehouse(str(path), 60, "1GB").create()
    return path


@pytest.fixture
def new_place(server, google, tables, tmp_path):
    """What makes places, on a kind of warehouse and with a bucket to share."""
    with ExitStack() as stack:

        def made(kind="duckdb", **given):
            folder = tmp_path / f"place-{next(_numbers)}"
            folder.mkdir()
            if kind == "bigquery":
                dataset = stack.enter_context(google.dataset())
                given["warehouse"] = google.warehouse(dataset)
                if google.bucket:
                    given.setdefault("staging", f"gs://{google.bucket}/{dataset}")
            else:
                shutil.copy(tables, folder)
            return Place(server, folder, **given)

        yield made


@pytest.fixture
def place(request, new_place, monkeypatch):
    """A place for this process and for those it starts; on DuckDB, unless a test asks for both warehouses."""
    made = new_place(getattr(request, "param", "duckdb"))
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    forget()
    yield made
    forget()


@pytest.fixture
def shared_session(request, spark, monkeypatch):
    """Let the stage step use the tests' Spark session, and objects be read without it unless a test is on_spark.

    The command line, which other tests run in processes of its own, always reads them by Spark.
    """

    @contextmanager
    def ours(name):
        yield spark

    monkeypatch.setattr("jobs.stage.session", ours)
    if not request.node.get_closest_marker("on_spark"):
        monkeypatch.setattr("jobs.stage._on_spark", staged_in_this_process)


@pytest.fixture
def shared_session_without_spark(monkeypatch):
    """Stage in this process, in place of `shared_session`, where what is at stake comes after."""
    monkeypatch.setattr("jobs.stage._on_spark", staged_in_this_process)
    monkeypatch.setattr("jobs.stage.session", nullcontext)


@pytest.fixture
def load(place, shared_session):
    """Take a table through the four steps in this process; what plan found, and what publish brought in."""
    from jobs import check, plan, publish, stage
    from jobs.listing import Window

    def run(table="fact_pv_measurement", days=DAYS, systems=(), **options):
        found = plan.plan(table, Window(*days, systems), **options)
        if not found.plans:
            return found, None
        counts = Counter()
        for planned in found.plans:
            stage.stage(planned)
            check.check(planned)
            counts.update(publish.publish(planned))
        return found, dict(counts)

    return run


def expected_rows(table):
    """Read a table's expectation, without its reasons."""
    with (FIXTURES / table / "expected.csv").open(newline="", encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    for row in rows:
        assert row.pop("why"), f"an expectation of {table} has no reason"
    return rows


def pytest_terminal_summary(terminalreporter):
    """Count the faults that were injected."""
    passed = terminalreporter.stats.get("passed", ())
    faults = Counter(dict(report.user_properties)["fault"] for report in passed if report.user_properties)
    if faults:
        cases = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items()))
        terminalreporter.write_line(f"{faults.total()} injected faults left all or nothing: {cases}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add the last lines of the Airflow that a failed test ran in."""
    report = yield
    # Some modules have only its command line by that name.
    if report.failed and (tail := getattr(item.funcargs.get("airflow"), "tail", None)):
        report.sections.append(("Airflow's last lines", tail()))
    return report
