"""spark -- the Spark session of a step, and its end.

Under spark-submit the session is the submitted one, with its master and its settings. Otherwise the driver's JVM
belongs to this process: it ends when the step ends, and with the process if that is killed. Its tasks run in it, or
with `SPARK_PROFILE=standalone` on the cluster whose master `SPARK_MASTER` names; that cluster's machines have the
project at the same path, its settings and the staging area. What `remote` has submitted elsewhere runs under
spark-submit there.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from jobs.errors import LoadError, UnreachableError
from jobs.settings import ROOT, settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    except OSError:
        said = ""
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < 17:
        found = f"{java} is {version[1]}" if version else f"there is none at {java}" if home else "there is none"
        raise LoadError(
            f"Spark needs Java 17, {found}. On Debian: sudo apt-get install openjdk-17-jre-headless"
            + (", and unset JAVA_HOME" if home else "")
        )


def _require_master(master: str) -> None:
    """Ask whether the cluster is there at all, for Spark tries for a minute and then says something else."""
    host, _, port = master.removeprefix("spark://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as fault:
        raise UnreachableError(
            f"Spark's master {master} does not answer ({fault}); start the cluster, or check SPARK_MASTER. "
            "Nothing was published"
        ) from fault


@contextmanager
def session(name: str) -> Iterator["SparkSession"]:
    """Give a Spark session whose Python workers can import `jobs`, and stop it afterwards.

    Raises:
        LoadError: there is no Java 17 or newer.
        UnreachableError: the cluster's master does not answer.
    """
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    profile = settings().spark_profile
    if not submitted and profile not in ("local", "standalone"):
        raise LoadError(
            f"SPARK_PROFILE is {profile}, where the DAGs start Spark; by hand, set SPARK_PROFILE=local. "
            "Nothing was published"
        )
    _require_java()
    # Another python3 on PATH would lack pyarrow.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    master = settings().spark_master
    alone = master.startswith("local")
    if alone:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    elif not submitted:
        _require_master(master)
    from py4j.protocol import Py4JError, Py4JNetworkError
    from pyspark.sql import SparkSession

    builder = (
        SparkSession.builder.appName(name)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.executorEnv.PYTHONPATH", str(ROOT))
    )
    if not submitted:
        builder = (
            builder.master(master)
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.log.level", "WARN")
        )
        if alone:
            builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    spark = builder.getOrCreate()
    try:
        yield spark
    except BaseException as fault:
        # A JVM that has died cannot be stopped; what it died of is what must be told.
        with suppress(OSError, Py4JError):
            spark.stop()
        if isinstance(fault, (ConnectionError, Py4JNetworkError)):
            raise UnreachableError(f"Spark's JVM has ended under the job ({fault}); nothing was published") from fault
        raise
    spark.stop()
