"""standalone -- a real Airflow with everything in it, driven through its REST API, and the S3 that its tasks see."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

OVER = {"success", "failed"}


@dataclass(frozen=True)
class Process:
    """A process as the kernel tells of it."""

    pid: int
    parent: int
    session: int
    name: str


def processes() -> list[Process]:
    """List what runs on this machine, without those that are dead and not yet reaped."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
            state, parent, _, session = rest.split()[:4]
            if state not in "ZX":
                found.append(Process(int(entry.name), int(parent), int(session), name))
    return found


@dataclass
class Standalone:
    """`airflow standalone` in a session of its own, so that all it starts can be found, and ended with it."""

    environment: dict[str, str]
    log: Path
    process: subprocess.Popen = field(init=False)
    more: list[subprocess.Popen] = field(default_factory=list)
    rest: httpx.Client = field(init=False)

    def __enter__(self):
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                ["airflow", "standalone"], env=self.environment, stdout=out, stderr=out, start_new_session=True
            )
        self.rest = httpx.Client(base_url=f"http://127.0.0.1:{self.environment['AIRFLOW__API__PORT']}", timeout=30)
        try:
            self.wait(180, "Airflow to come up", self._is_up)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Its own end, on SIGTERM, leaves its children behind.
        while running := self.running():
            for one in running:
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
        for one in (self.process, *self.more):
            one.wait()
        self.rest.close()

    def _is_up(self) -> bool:
        assert self.process.poll() is None, f"airflow standalone ended\n{self.tail()}"
        try:
            token = httpx.get(self.rest.base_url.join("/auth/token"))
            health = self.rest.get("/api/v2/monitor/health").json()
        except (httpx.TransportError, ValueError):
            return False
        if token.is_error or {health[part]["status"] for part in ("scheduler", "dag_processor")} != {"healthy"}:
            return False
        self.rest.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        return self.rest.get("/api/v2/dags/pv").is_success

    def start(self, *words: str) -> None:
        """Start a part of Airflow beside the others, as a service manager does with one that has died."""
        with self.log.open("ab") as out:
            self.more.append(
                subprocess.Popen(
                    ["airflow", *words], env=self.environment, stdout=out, stderr=out, start_new_session=True
                )
            )

    def health(self, part: str) -> str:
        """Tell how a part of Airflow is."""
        answer = self.rest.get("/api/v2/monitor/health")
        return answer.json()[part]["status"] if answer.is_success else "away"

    def running(self) -> list[Process]:
        """List the processes that Airflow and its tasks have started."""
        sessions = {self.process.pid, *(one.pid for one in self.more)}
        return [one for one in processes() if one.session in sessions]

    def named(self, words: str) -> list[Process]:
        """List those of them whose command line begins like this."""
        found = []
        for one in self.running():
            with suppress(OSError):
                if words in Path(f"/proc/{one.pid}/cmdline").read_text().replace("\0", " "):
                    found.append(one)
        return found

    def spark(self) -> list[Process]:
        """List the JVMs that tasks have started, and the Python workers of those."""
        running = self.running()
        found = [one for one in running if one.name == "java"]
        for one in found:
            found += [child for child in running if child.parent == one.pid]
        return found

    def tail(self, lines: int = 60) -> str:
        """Give the last lines that any part of Airflow wrote, without those that say that it was asked something."""
        said = self.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in said if "[http.access]" not in line][-lines:])

    def wait(self, seconds: float, what: str, probe: Callable[[], object]):
        """Wait until a probe gives something; that."""
        deadline = time.monotonic() + seconds
        while not (found := probe()):
            assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}\n{self.tail()}"
            time.sleep(0.3)
        return found

    def call(self, method: str, path: str, **body):
        """Call the REST API about the DAG; the answer, which must not be an error."""
        answer = self.rest.request(method, f"/api/v2/{path}", **({"json": body} if body else {}))
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def trigger(self, dag_id: str = "pv", **form) -> str:
        """Start a run by hand with a filled form; its id."""
        return self.call("POST", f"dags/{dag_id}/dagRuns", logical_date=None, conf=form)["dag_run_id"]

    def runs(self, dag_id: str = "pv") -> dict[str, dict]:
        """List all runs, by id."""
        return {run["dag_run_id"]: run for run in self.call("GET", f"dags/{dag_id}/dagRuns?limit=100")["dag_runs"]}

    def finish(self, run_id: str, seconds: float = 150, dag_id: str = "pv") -> dict[str, str]:
        """Wait until a run is over; the states of its tasks and, under its own id, of the run itself."""

        def state():
            return self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"]

        self.wait(seconds, f"{run_id} to end", lambda: state() in OVER)
        return {**self.states(run_id, dag_id), run_id: state()}

    def states(self, run_id: str, dag_id: str = "pv") -> dict[str, str]:
        """Tell the state of each task of a run; of one that several loads go through, that of the first load."""
        return {task["task_id"]: task["state"] for task in self.tasks(run_id, dag_id) if task["map_index"] < 1}

    def tasks(self, run_id: str, dag_id: str = "pv") -> list[dict]:
        """List the tasks of a run, one for each load that goes through it."""
        return self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]

    def mark_failed(self, run_id: str, task_id: str) -> None:
        """Mark a task failed, as the web page does."""
        self.call("PATCH", f"dags/pv/dagRuns/{run_id}/taskInstances/{task_id}/0", new_state="failed")

    def clear(self, run_id: str, task_id: str, downstream: bool = False) -> None:
        """Clear a task, so that it runs again; its run is under way again when this returns."""
        body = {
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "dry_run": False,
            "only_failed": False,
            "include_downstream": downstream,
        }
        self.call("POST", "dags/pv/clearTaskInstances", **body)

    def task_log(self, run_id: str, task_id: str, number: int = 1, dag_id: str = "pv") -> str:
        """Read the log of one try of a task, as the web page shows it; of a load's, that of the first load."""
        load = 0 if task_id.endswith((".stage", ".check", ".publish")) else -1
        path = (
            f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{number}?full_content=true&map_index={load}"
        )
        lines = self.call("GET", path)["content"]
        return "\n".join(f"{line['event']} {line.get('error_detail') or ''}" for line in lines)


class Gate:
    """S3 as the tasks see it: a server between them and the real one that can hold reads back."""

    def __init__(self, upstream: str):
        gate, host = self, urlsplit(upstream).netloc
        self.held = threading.Event()
        self.away = False
        self._holds = ""
        self._open = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if gate.away:
                    self.close_connection = True
                    return
                if gate._holds and gate._holds in unquote(urlsplit(self.path).path):
                    gate.held.set()
                    gate._open.wait(120)
                there = HTTPConnection(host, timeout=30)
                there.request("GET", self.path, headers=dict(self.headers))
                answer = there.getresponse()
                body = answer.read()
                with suppress(ConnectionError):
                    self.send_response_only(answer.status)
                    for name, value in answer.getheaders():
                        if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                there.close()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.open()
        self._server.shutdown()
        self._server.server_close()

    def hold(self, part: str):
        """Hold back every read of a key that has this in it."""
        self.held.clear()
        self._open.clear()
        self._holds = part

    def open(self):
        """Let everything through, also what is held."""
        self._holds = ""
        self._open.set()
