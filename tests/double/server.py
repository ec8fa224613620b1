"""server -- HTTP on loopback, who answers which path, and the faults of calls."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

from double.jobs import Jobs, told
from double.protocol import CALL_FAULTS, JOB_FAULTS, Answer, Fault, Refusal, Request, unknown
from double.storage import Storage
from double.tables import Tables


class Services:
    """What answers: BigQuery's tables and jobs, Cloud Storage, and the control of the tests."""

    def __init__(self, project: str):
        self.project = project
        self.faults: dict[int, Fault] = {}
        self.storage = Storage()
        self.tables = Tables(project)
        self.runner = Jobs(self.tables, self.storage, self._job_fault)
        self.routes = {
            ("POST", "/control/datasets"): self._create_dataset,
            ("POST", "/control/buckets"): self._create_bucket,
            ("POST", "/control/faults"): self._inject,
            ("DELETE", r"/control/faults/(?P<number>\d+)"): self._withdraw,
            ("GET", "/control/jobs"): self._told_jobs,
        }
        self._lock, self._numbers = threading.Lock(), count(1)

    def _create_dataset(self, request: Request) -> Answer:
        self.tables.create_dataset(**request.parts[0])
        return Answer(body={})

    def _create_bucket(self, request: Request) -> Answer:
        self.storage.create_bucket(**request.parts[0])
        return Answer(body={})

    def _inject(self, request: Request) -> Answer:
        number = next(self._numbers)
        self.faults[number] = Fault(**request.parts[0])
        return Answer(body={"number": number})

    def _withdraw(self, request: Request, number: str) -> Answer:
        self.runner.anothers.clear()
        return Answer(body={"met": self.faults.pop(int(number)).met})

    def _told_jobs(self, request: Request) -> Answer:
        return Answer(body={"jobs": [told(job) for job in list(self.runner.jobs.values())]})

    def _job_fault(self, job: dict) -> Fault | None:
        with self._lock:
            asked = [fault for fault in self.faults.values() if fault.kind in JOB_FAULTS]
            return next((fault for fault in asked if fault.meets(job)), None)

    def call_fault(self, request: Request) -> Fault | None:
        request.upload = self.runner.uploads.get(request.query.get("upload_id", ""))
        with self._lock:
            asked = [fault for fault in self.faults.values() if fault.kind in CALL_FAULTS - {"cut_upload"}]
            return next((fault for fault in asked if fault.meets(request.job, request)), None)

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            for service in (self, self.tables, self.runner, self.storage):
                for (method, pattern), handle in service.routes.items():
                    if method == request.method and (match := re.fullmatch(pattern, request.path)):
                        found = {name: unquote(value) for name, value in match.groupdict().items()}
                        if found.pop("project", self.project) != self.project:
                            raise Refusal(403, "accessDenied", f"Access Denied: Project {match['project']}")
                        return handle(request, **found)
            raise unknown(f"{request.method} {request.path}")
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in two packets would wait for the client's acknowledgement of the first.
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_expect_100(self):
        """Say at once that a body may come; a client waits a second for it."""
        told = super().handle_expect_100()
        self.wfile.flush()
        return told

    def log_message(self, *_):
        """Say nothing."""

    def _go(self):
        double: Services = self.server.services
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), headers, b"")
        cut = [fault for fault in list(double.faults.values()) if fault.kind == "cut_upload"]
        if any(fault.meets({}, request) for fault in cut):
            self.rfile.read(min(100, int(headers.get("content-length", 0))))
            return self._hang_up()
        request.body = self._body(headers)
        fault = double.call_fault(request)
        if fault and fault.kind == "unavailable":
            return self._send(request, Answer(503, Refusal(503, "backendError", "Service unavailable").body))
        if fault and fault.kind == "taken":
            double.runner.take(request.job["jobReference"])
        if fault and fault.kind == "anothers":
            # Somebody else was just first with the same job.
            double.answer(request)
            double.runner.anothers.add(request.job["jobReference"]["jobId"])
        answer = double.answer(request)
        if fault and fault.kind == "answer_lost":
            return self._hang_up()
        if fault and fault.kind == "unavailable_after":
            answer = Answer(503, Refusal(503, "backendError", "Service unavailable").body)
        return self._send(request, answer)

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _hang_up(self):
        self.close_connection = True
        self.connection.shutdown(2)

    def _send(self, request: Request, answer: Answer):
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        kind = "application/octet-stream" if isinstance(answer.body, bytes) else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    # The names are the base class's.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _go  # noqa: N815


@dataclass(frozen=True)
class BigQueryDouble:
    """A running double, and the tests' hold on it."""

    endpoint: str

    def create_dataset(self, name: str, location: str) -> None:
        self._control("POST", "datasets", {"name": name, "location": location})

    def create_bucket(self, name: str, location: str, regions: Sequence[str] = ()) -> None:
        self._control("POST", "buckets", {"name": name, "location": location, "regions": list(regions)})

    @property
    def jobs(self) -> list[dict]:
        """The resources of all jobs, in the order of their acceptance."""
        return self._control("GET", "jobs")["jobs"]

    @contextmanager
    def inject(self, kind: str, exactly: bool = True, **more) -> Iterator[None]:
        """Let something go wrong within the block, and see that it did; `Fault` says what can be asked for.

        Unless `exactly`, once will do.
        """
        number = self._control("POST", "faults", {"kind": kind, **more})["number"]
        try:
            yield
        finally:
            met = self._control("DELETE", f"faults/{number}")["met"]
        assert met == Fault(kind, **more).times if exactly else met, f"{kind} was met {met} times"

    def _control(self, method: str, what: str, content: dict | None = None) -> dict:
        answer = requests.request(method, f"{self.endpoint}/control/{what}", json=content, timeout=60)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def serve(project: str) -> Iterator[BigQueryDouble]:
    """Run a double on a free port of loopback until the block ends; nothing of it stays.

    It has a process of its own: engines that read files while they hold the interpreter's lock would else wait for
    themselves.
    """
    tests = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    command = [sys.executable, "-m", "double", project]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        endpoint = process.stdout.readline().strip()
        try:
            yield BigQueryDouble(endpoint)
        finally:
            process.kill()


def main(project: str) -> None:
    """Serve until whoever started this is gone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.services = Services(project)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
