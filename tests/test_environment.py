"""The environment: what was asked for is there, and nothing overwrites anything."""

import re
from importlib import metadata

import pytest
from conftest import ROOT


def asked():
    for line in (ROOT / "requirements.in").read_text().splitlines():
        name = re.match(r"[A-Za-z0-9-]+", line)
        if name:
            yield name.group(), line.partition("==")[2]


@pytest.mark.parametrize(("name", "version"), asked())
def test_what_was_asked_for_is_installed_at_that_version(name, version):
    assert metadata.version(name).startswith(version)


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
