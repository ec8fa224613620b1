"""alerts -- word to people, when a task fails for good and when a run is not over in time.

A message says what failed, of which table and load, in the sentence of the error, and where the log is. It goes to the
targets that the settings name: `ALERT_WEBHOOK_CONN`, an HTTP connection whose host and password make the address of a
webhook as Slack's (the password is the secret part of its path), and `ALERT_SMTP_CONN`, an SMTP connection, for
`ALERT_EMAIL_TO`. What is secret is in Airflow's connections and nowhere else.
"""

import html
import logging
import re
import sys
from contextlib import ExitStack
from datetime import datetime, timedelta
from urllib.parse import quote

from airflow.sdk import BaseNotifier, DeadlineAlert, DeadlineReference, SyncCallback

from jobs.settings import settings

log = logging.getLogger(__name__)

# An error may name hundreds of objects; the log has them all.
LONGEST = 2_000


class Alert(BaseNotifier):
    """Tell the targets of the settings that a task has failed, or that a run is late."""

    def notify(self, context):
        """Send the message; each target is tried, whatever comes of the others."""
        run = context["dag_run"]
        if "deadline" in context and run["run_type"] == "backfill":
            # All runs of a backfill are queued at once, and it takes as long as it takes.
            return
        subject, lines = late(context) if "deadline" in context else failed(context)
        configured = settings()
        if not (configured.alert_webhook_conn or configured.alert_smtp_conn):
            log.warning("%s; nobody is told, for neither ALERT_WEBHOOK_CONN nor ALERT_SMTP_CONN is set", subject)
            return
        with ExitStack() as targets:
            if configured.alert_smtp_conn:
                targets.callback(mail, configured.alert_smtp_conn, configured.alert_email_to, subject, lines)
            if configured.alert_webhook_conn:
                targets.callback(post, configured.alert_webhook_conn, "\n".join((subject, *lines)))


def failed(context):
    """Write the message about a task that has failed: its subject, and its lines."""
    ti = context["ti"]
    table, _, step = ti.task_id.rpartition(".")
    fault = context.get("exception")
    lines = [f"Run: {ti.run_id}, try {ti.try_number}"]
    if table:
        lines.append(f"Table: {table}")
    given = str([getattr(getattr(ti, "task", None), name, "") for name in ("op_args", "op_kwargs", "plan_uri")])
    if loads := re.findall(r"load_id=(\w+)", given):
        lines.append(f"Load: {', '.join(dict.fromkeys(loads))}")
    if fault is None:
        why = "the task ended without a word, as if it had been killed"
    else:
        why = fault if isinstance(fault, str) else f"{type(fault).__name__}: {fault}"
    lines += [f"Why: {why[:LONGEST]}", f"Log: {ti.log_url}"]
    return f"Sunledger: {ti.dag_id} failed at {step}{f' of {table}' if table else ''}", lines


def late(context):
    """Write the message about a run that is not over in time: its subject, and its lines."""
    from airflow.sdk.configuration import conf

    run, until = context["dag_run"], datetime.fromisoformat(str(context["deadline"]["deadline_time"]))
    site = conf.get("api", "base_url", fallback="http://localhost:8080/").rstrip("/")
    lines = [
        f"Run: {run['dag_run_id']}",
        f"Why: it should have been over by {until:%Y-%m-%d %H:%M}Z, and is {run['state']}",
        f"Run's page: {site}/dags/{run['dag_id']}/runs/{quote(run['dag_run_id'])}",
    ]
    return f"Sunledger: {run['dag_id']} is late", lines


def in_time():
    """Give the deadline of a DAG's runs: ALERT_AFTER_HOURS more than its last ten took on average.

    It counts from when a run is made. One that counts from when it is queued keeps tasks from being cleared: Airflow
    3.3.2 answers that with 500, from `_recalculate_dagrun_queued_at_deadlines`. `airflow dags test` has none, for there
    a DAG with one fails: its id is asked for before it has any.
    """
    if sys.argv[1:3] == ["dags", "test"]:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.AVERAGE_RUNTIME(max_runs=10, min_runs=1),
        interval=timedelta(hours=settings().alert_after_hours),
        callback=SyncCallback(Alert),
    )


def post(conn_id, text):
    """Post a text to a webhook as Slack's."""
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook("POST", conn_id)
    secret_path = (hook.get_connection(conn_id).password or "").lstrip("/")
    hook.run(f"/{secret_path}", json={"text": text}, extra_options={"timeout": 20})


def mail(conn_id, to, subject, lines):
    """Send a text by mail."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    body = "<br>\n".join(html.escape(line).replace("\n", "<br>\n") for line in lines)
    with SmtpHook(conn_id) as smtp:
        smtp.send_email_smtp(to=to, subject=subject, html_content=body)
