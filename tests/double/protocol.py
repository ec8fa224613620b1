"""protocol -- requests, answers, refusals, and the faults that can be put in their way."""

import json
import re
from dataclasses import dataclass, field
from email import message_from_bytes
from functools import cached_property

# What goes wrong with a call.
CALL_FAULTS = {"answer_lost", "unavailable", "unavailable_after", "taken", "anothers", "cut_upload"}
# What goes wrong with a job that was accepted.
JOB_FAULTS = {"slow", "failed", "aborted"}


class Refusal(Exception):  # noqa: N818
    """A request that is refused, with the service's words."""

    def __init__(self, status: int, reason: str, message: str):
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message

    @property
    def body(self) -> dict:
        fault = {"reason": self.reason, "message": self.message, "domain": "global"}
        return {"error": {"code": self.status, "message": self.message, "errors": [fault], "status": self.reason}}


def unknown(what: str) -> Refusal:
    return Refusal(501, "notImplemented", f"the double does not know {what}")


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    # The job that an upload goes on with; the metadata came when it began.
    upload: dict | None = None

    @cached_property
    def parts(self) -> tuple[dict, bytes]:
        """The JSON of a request, and the content that came with it."""
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/"):
            message = message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + self.body)
            first, second = message.get_payload()
            return json.loads(first.get_payload(decode=True)), _exact(self.body, kind, second)
        if kind.startswith("application/json") and self.body:
            return json.loads(self.body), b""
        return {}, self.body

    @property
    def job(self) -> dict:
        """The resource of the job that the request submits, if it does."""
        if self.upload is not None:
            return self.upload
        return self.parts[0] if self.method == "POST" and re.search(r"/bigquery/v2/.*/jobs$", self.path) else {}


def _exact(body: bytes, kind: str, second) -> bytes:
    """Cut the second part out of a body byte for byte, which the parser for mail does not promise."""
    boundary = re.search(r'boundary="?([^";]+)', kind)[1].encode()
    part = body.split(b"--" + boundary)[2]
    content = part.split(b"\r\n\r\n", 1) if b"\r\n\r\n" in part else part.split(b"\n\n", 1)
    return content[1].removesuffix(b"\r\n").removesuffix(b"\n") if not content[1].endswith(b"\r\n") else content[1][:-2]


@dataclass
class Answer:
    """What goes out."""

    status: int = 200
    body: dict | bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """Something that goes wrong, as often as `times`, with calls of a method and path and jobs of an id."""

    kind: str
    times: int = 1
    method: str = "POST"
    path: str = ""
    job: str = ""
    reason: str = "backendError"
    seconds: float = 0.0
    met: int = 0

    def __post_init__(self):
        if self.kind not in CALL_FAULTS | JOB_FAULTS:
            raise ValueError(f"no fault is called {self.kind}")

    def meets(self, job: dict, request: Request | None = None) -> bool:
        """Tell whether it is this fault's turn, and count it."""
        name = job.get("jobReference", {}).get("jobId", "")
        if self.met == self.times or not re.search(self.job, name) or (self.job and not name):
            return False
        if request is not None and (request.method != self.method or not re.search(self.path, request.path)):
            return False
        self.met += 1
        return True
