"""Where Spark runs is a setting: in the process itself, or on a cluster that is really there."""

import re
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobs.settings import Settings

CLASS = "org.apache.spark.deploy"
RUN = ("run", "fact_pv_measurement", "--from", "2019-01-05", "--to", "2019-01-08")


@pytest.fixture
def cluster(server, tmp_path):
    """A master and a worker on loopback; the master's address, and the log of both."""
    log = tmp_path / "cluster.log"
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        out = stack.enter_context(log.open("wb"))
        master = f"spark://127.0.0.1:{port}"
        for part in (
            (f"{CLASS}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"),
            (f"{CLASS}.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0", "--work-dir", tmp_path, master),
        ):
            process = subprocess.Popen([Path(sys.executable).with_name("spark-class"), *part], stdout=out, stderr=out)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield master, log


@pytest.mark.exhaustive
@pytest.mark.on_spark
def test_a_load_on_a_cluster_is_the_load_of_this_process(place, load, new_place, cluster):
    master, log = cluster
    place.put_fixtures()
    load()
    there = new_place(bucket=place.bucket)

    # A worker gives its tasks its own environment, so a staging area or a bucket of this test's own is told to Spark.
    settings = [f"--conf=spark.executorEnv.{name}={value}" for name, value in there.environment.items()]
    code, _, err = there.run(
        *RUN,
        environment={
            "SPARK_PROFILE": "standalone",
            "SPARK_MASTER": master,
            "PYSPARK_SUBMIT_ARGS": " ".join([*settings, "pyspark-shell"]),
        },
    )

    assert code == 0, err
    assert f" on {master}: 1 tasks" in err
    assert "Launching executor app-" in log.read_text()
    assert len(there.facts()) == 45
    assert there.facts() == place.facts()
    assert list(there.staged(".parquet").values()) == list(place.staged(".parquet").values())


def test_a_cluster_that_is_not_there_is_said_at_once_and_nothing_is_published(place):
    place.put_fixtures()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    there = {"SPARK_PROFILE": "standalone", "SPARK_MASTER": f"spark://127.0.0.1:{port}"}
    code, _, err = place.run(*RUN, environment=there)

    assert code == 1
    assert f"Spark's master spark://127.0.0.1:{port} does not answer" in err
    assert "check SPARK_MASTER. Nothing was published" in " ".join(err.split())
    assert place.facts() == []


@pytest.mark.parametrize("master", ["local", "local[*]", "local[2]", "spark://spark-master:7077"])
def test_a_master_is_local_or_a_cluster(master):
    profile = "standalone" if master.startswith("spark://") else "local"
    assert Settings(spark_profile=profile, spark_master=master).spark_master == master


@pytest.mark.parametrize("master", ["", "local[0]", "yarn", "spark://host", "sc://host:15002"])
def test_another_master_is_refused_by_name(master):
    with pytest.raises(ValueError, match=re.escape("must be local[*], local[2] or spark://host:7077")):
        Settings(spark_master=master)
