"""elsewhere -- Dataproc Serverless and EMR Serverless on loopback, as far as the DAGs speak to them.

Both take requests over the wire from the providers' own clients, keep them, and do the work that they are given. They
stand for the protocol: names that are taken, tokens that are known, and states.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
from google.cloud.dataproc_v1 import Batch, BatchOperationMetadata, CreateBatchRequest, GetBatchRequest
from google.longrunning.operations_pb2 import Operation
from google.protobuf.json_format import MessageToDict

SERVICE = "google.cloud.dataproc.v1.BatchController"
# Arguments and Spark's properties of what is submitted; whether it went well.
Work = Callable[[list[str], dict[str, str]], bool]


@dataclass
class Dataproc:
    """BatchController over gRPC: batches by id, and the requests that made them."""

    work: Work
    batches: dict[str, Batch] = field(default_factory=dict)
    requests: list[dict] = field(default_factory=list)

    def __enter__(self):
        self._server = grpc.server(ThreadPoolExecutor(2))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        handlers = {
            "CreateBatch": grpc.unary_unary_rpc_method_handler(
                self._create, CreateBatchRequest.deserialize, Operation.SerializeToString
            ),
            "GetBatch": grpc.unary_unary_rpc_method_handler(self._get, GetBatchRequest.deserialize, Batch.serialize),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0).wait()

    def there(self, batch_id: str, state: str) -> None:
        """Have a batch of an earlier try."""
        self.batches[batch_id] = Batch(name=batch_id, state=state)

    def _create(self, request, context):
        if request.batch_id in self.batches:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{request.batch_id} exists")
        self.requests.append(MessageToDict(CreateBatchRequest.pb(request), preserving_proto_field_name=True))
        batch = request.batch
        done = self.work(list(batch.pyspark_batch.args), dict(batch.runtime_config.properties))
        batch.state = "SUCCEEDED" if done else "FAILED"
        batch.state_message = "" if done else "Job failed with message [SystemExit: 1]"
        self.batches[request.batch_id] = batch
        made = Operation(name="operations/1")
        place = request.parent.replace("/regions/", "/locations/")
        made.metadata.Pack(
            BatchOperationMetadata.pb(BatchOperationMetadata(batch=f"{place}/batches/{request.batch_id}"))
        )
        return made

    def _get(self, request, context):
        found = self.batches.get(request.name.rpartition("/")[2])
        if found is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} is not there")
        return found


@dataclass
class Emr:
    """EMR Serverless over HTTP: job runs by token, and the requests that made them."""

    work: Work
    runs: dict[str, dict] = field(default_factory=dict)
    requests: list[dict] = field(default_factory=list)

    def __enter__(self):
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                run = path.rpartition("/jobruns/")[2]
                if path.endswith("/jobruns"):
                    self._answer({"jobRuns": list(double.runs.values())})
                elif "/jobruns/" in path:
                    (found,) = [known for known in double.runs.values() if known["id"] == run]
                    self._answer({"jobRun": found})
                else:
                    self._answer({"application": {"applicationId": path.rpartition("/")[2], "state": "STARTED"}})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(double._start(self.path, body))

            def _answer(self, content):
                encoded = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def there(self, name: str, state: str) -> None:
        """Have a job run of an earlier try."""
        self.runs[name] = {"id": f"run-{len(self.runs)}", "name": name, "state": state}

    def _start(self, path: str, body: dict) -> dict:
        self.requests.append({"path": path, **body})
        token = body["clientToken"]
        if token not in self.runs:
            submitted = body["jobDriver"]["sparkSubmit"]
            (defaults,) = body["configurationOverrides"]["applicationConfiguration"]
            done = self.work(submitted["entryPointArguments"], defaults["properties"])
            self.runs[token] = {
                "id": f"run-{len(self.runs)}",
                "name": body["name"],
                "state": "SUCCESS" if done else "FAILED",
                "stateDetails": ""
                if done
                else "Job failed, please check complete logs in configured logging destination",
            }
        return {"applicationId": path.split("/")[2], "jobRunId": self.runs[token]["id"], "arn": "arn:aws:emr"}


def submitted(image: Path, role: dict[str, str]) -> Work:
    """Do the work as a service does: spark-submit in the image, with the request's properties and no other settings.

    Args:
        image: the folder that has what the image has in /opt/sunledger.
        role: what its role lets the service's machines reach the source with.
    """

    def work(arguments, properties):
        environment = {name: os.environ[name] for name in ("PATH", "JAVA_HOME", "HOME") if name in os.environ} | role
        conf = []
        for name, value in properties.items():
            value = value.replace("/opt/venv/bin/python", sys.executable)
            if found := re.match(r"spark\.(dataproc|emr-serverless)\.driverEnv\.(\w+)", name):
                environment[found[2]] = value
            else:
                conf += ["--conf", f"{name}={value}"]
        conf += [word for name, value in role.items() for word in ("--conf", f"spark.executorEnv.{name}={value}")]
        done = subprocess.run(
            [
                Path(sys.executable).with_name("spark-submit"),
                *("--master", "local[2]", "--conf", "spark.ui.enabled=false", *conf),
                image / "jobs" / "__main__.py",
                *arguments,
            ],
            cwd=image.parent,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        print(done.stdout, done.stderr)
        return done.returncode == 0

    return work
