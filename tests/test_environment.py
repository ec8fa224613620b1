"""The environment: what was asked for is there, and nothing overwrites anything."""

import re
from importlib import metadata

import pytest
from conftest import ROOT

LISTS = ("requirements.in", "requirements-airflow.in", "requirements-jobs.in")


def asked():
    for line in "\n".join((ROOT / name).read_text() for name in LISTS).splitlines():
        if name := re.match(r"[A-Za-z0-9][A-Za-z0-9-]*", line):
            yield name.group(), line.partition("==")[2]


@pytest.mark.parametrize(("name", "version"), asked())
def test_what_was_asked_for_is_installed_at_that_version(name, version):
    assert metadata.version(name).startswith(version)


def test_everything_is_asked_for_once_and_by_its_version():
    names = [name for name, _ in asked()]

    assert len(names) > 20
    assert sorted(set(names)) == sorted(names)
    assert [name for name, version in asked() if not version] == []


def test_the_jobs_import_nothing_that_an_image_without_airflow_and_spark_lacks():
    """Each import of `jobs` is in requirements-jobs.in, or is only made where Spark or Airflow is."""
    packages = metadata.packages_distributions()
    mine = {name.lower() for name in re.findall(r"^([a-z0-9-]+)==", (ROOT / LISTS[2]).read_text(), re.MULTILINE)}
    brought = {"pyspark", "py4j"}
    needed = {
        name
        for path in (ROOT / "jobs").rglob("*.py")
        for name in re.findall(r"^ *(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        if name in packages and name not in brought
    }

    assert {"pyarrow", "boto3", "duckdb"} <= needed
    assert {name: packages[name] for name in needed if not reached(mine) & set(map(normal, packages[name]))} == {}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def reached(names):
    """All that installing these packages brings."""
    found, waiting = set(), [normal(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needs = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:
            continue
        waiting += [normal(re.match(r"[\w.-]+", need).group()) for need in needs if "extra ==" not in need]
    return found


def test_pyspark_is_not_overwritten_by_its_client():
    import pyspark

    assert not [found.name for found in metadata.distributions() if found.name == "pyspark-client"]
    assert pyspark.__version__ == metadata.version("pyspark")


def test_every_package_of_the_lock_has_a_hash_and_comes_from_no_named_host():
    lock = (ROOT / "requirements.txt").read_text()
    packages = re.findall(r"^[a-z0-9][^\s=]*==", lock, re.MULTILINE)

    assert len(packages) > 200
    assert lock.count("--hash=sha256:") >= len(packages)
    assert "://" not in lock
