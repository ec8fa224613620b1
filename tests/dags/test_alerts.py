"""Alerts by themselves: what they say of a task that left no word, and to whom, when not everybody can be reached.

What goes out of a real Airflow is in test_pv_in_airflow.py.
"""

import json
import socket
import subprocess
import sys

import pytest
from receivers import Webhook, listening
from sandbox import ROOT, environment

# A task that was killed: Airflow knows the task, and no exception.
SEND = f"""
import sys
from types import SimpleNamespace
sys.path.append({str(ROOT / "dags")!r})
from alerts import Alert
task = SimpleNamespace(op_args=(["file:///s/fact/load_id=0af3/plan-2.json", "file:///s/fact/load_id=1bc4/plan-2.json"],))
ti = SimpleNamespace(dag_id="pv", task_id="fact.check", run_id="r1", try_number=3, task=task, log_url="http://a/log")
Alert()({{"ti": ti, "dag_run": None}})
"""


def send(tmp_path, **variables):
    return subprocess.run(
        [sys.executable, "-c", SEND],
        env=environment(tmp_path, **variables),
        capture_output=True,
        text=True,
        timeout=120,
    )


def webhook_at(receiver):
    host, port = receiver.server.server_address
    return json.dumps({"conn_type": "http", "host": f"http://{host}", "port": port, "password": "x/y"})


@pytest.fixture
def nowhere():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return closed.getsockname()[1]


def test_of_a_task_that_left_no_word_the_alert_says_so_with_table_and_loads(tmp_path):
    with listening(Webhook) as webhook:
        done = send(tmp_path, ALERT_WEBHOOK_CONN="w", AIRFLOW_CONN_W=webhook_at(webhook))
    assert done.returncode == 0, done.stderr[-3000:]
    assert webhook.got == [
        (
            "/x/y",
            "Sunledger: pv failed at check of fact\nRun: r1, try 3\nTable: fact\nLoad: 0af3, 1bc4\n"
            "Why: the task ended without a word, as if it had been killed\nLog: http://a/log",
        )
    ]


def test_a_mail_server_that_is_away_does_not_keep_the_webhook_from_being_told(tmp_path, nowhere):
    mail = {"conn_type": "smtp", "host": "127.0.0.1", "port": nowhere}
    mail["extra"] = {"disable_ssl": True, "disable_tls": True, "from_email": "a@example.org", "retry_limit": 1}
    with listening(Webhook) as webhook:
        done = send(
            tmp_path,
            ALERT_WEBHOOK_CONN="w",
            AIRFLOW_CONN_W=webhook_at(webhook),
            ALERT_SMTP_CONN="m",
            AIRFLOW_CONN_M=json.dumps(mail),
            ALERT_EMAIL_TO="o@example.org",
        )
    assert len(webhook.got) == 1
    assert done.returncode != 0
    assert "connect" in done.stderr.lower()


def test_without_a_target_the_log_says_that_nobody_was_told(tmp_path):
    done = send(tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "nobody is told, for neither ALERT_WEBHOOK_CONN nor ALERT_SMTP_CONN is set" in done.stdout + done.stderr


def test_mail_for_nobody_is_refused_by_the_settings(tmp_path):
    done = send(tmp_path, ALERT_SMTP_CONN="m")
    assert done.returncode != 0
    assert "ALERT_SMTP_CONN is set, and ALERT_EMAIL_TO is not" in done.stderr
