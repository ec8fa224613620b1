"""The secrets backends of the README: Airflow takes their two variables, and finds a connection there."""

import inspect
import json
import re
import subprocess
import sys
from importlib import import_module

import boto3
import pytest
from moto.server import ThreadedMotoServer
from sandbox import ROOT, environment

BACKEND, KWARGS = "AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"


def written(service):
    """The two variables as the README has them for a service."""
    _, _, after = (ROOT / "README.md").read_text().partition(f"    # {service}\n")
    assert after, f"the README has nothing of {service}"
    found = dict(re.match(r" *(\w+)='?(.*?)'?$", line).groups() for line in after.splitlines()[:2])
    assert set(found) == {BACKEND, KWARGS}
    return found


@pytest.mark.parametrize("service", ["AWS Secrets Manager", "Google Secret Manager"])
def test_the_backend_is_there_and_knows_each_of_its_settings(service):
    said = written(service)
    module, _, name = said[BACKEND].rpartition(".")
    backend = getattr(import_module(module), name)
    assert hasattr(backend, "get_conn_value")
    assert set(json.loads(said[KWARGS])) <= set(inspect.signature(backend).parameters)


def test_a_connection_of_aws_secrets_manager_is_found_by_its_id(tmp_path, monkeypatch):
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        connection = {"conn_type": "http", "host": "https://hooks.example.org", "password": "services/T/B/x"}
        client = boto3.client("secretsmanager", endpoint_url=endpoint)
        client.create_secret(Name="airflow/connections/alerts", SecretString=json.dumps(connection))
        asks = (
            "from airflow.sdk import BaseHook; found = BaseHook.get_connection('alerts'); "
            "print(found.host, found.password)"
        )
        variables = environment(tmp_path, **keys, **written("AWS Secrets Manager"), AWS_ENDPOINT_URL=endpoint)
        done = subprocess.run([sys.executable, "-c", asks], env=variables, capture_output=True, text=True, timeout=120)
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-2:] == ["https://hooks.example.org", "services/T/B/x"]
