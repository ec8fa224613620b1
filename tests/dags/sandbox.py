"""sandbox -- the environment of an Airflow that nothing of its host or of another Airflow can reach."""

import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What would lead a test to another Airflow, another bucket or another warehouse than its own.
FOREIGN = (
    *(
        "AIRFLOW",
        "ALERT_",
        "AWS_",
        "DATAPROC_",
        "EMR_",
        "GOOGLE_CLOUD_PROJECT",
        "PVDAQ_",
        "PYSPARK_",
        "SPARK_",
        "STAGING",
    ),
    *("LANDING_", "WAREHOUSE", "S3_", "PV_LATE_DAYS"),
)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Make the variables of a process that has its own Airflow, staging area and warehouse below `home`."""
    api, worker_logs, trigger_logs = free_ports(3)
    kept = {
        name: value
        for name, value in os.environ.items()
        # Byte code halves the start of every process.
        if not name.startswith(FOREIGN) and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{api}",
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__API_AUTH__JWT_SECRET": "the components of one test share it, and nobody else",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        "STAGING": f"file://{home}/staging",
        "WAREHOUSE": f"duckdb://{home}/warehouse.duckdb",
        **more,
    }


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
