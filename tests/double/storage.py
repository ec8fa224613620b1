"""storage -- buckets and objects, as google-cloud-storage and Arrow's file system ask for them."""

import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from itertools import count

from double.protocol import Answer, Refusal, Request, unknown

BUCKET = r"/storage/v1/b/(?P<bucket>[^/]+)"
OBJECT = BUCKET + r"/o/(?P<name>.+)"
UPLOAD = r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o"


@dataclass
class Object:
    """One version of an object."""

    content: bytes
    generation: int
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class Storage:
    """The buckets."""

    def __init__(self):
        self.buckets: dict[str, str] = {}
        # Of a bucket in a pair of regions of somebody's choice.
        self.regions: dict[str, list[str]] = {}
        self.objects: dict[str, dict[str, Object]] = {}
        self._uploads: dict[str, tuple[str, str, Request, bytearray]] = {}
        self._numbers, self._lock = count(1), threading.Lock()
        self.routes = {
            ("GET", BUCKET): self.get_bucket,
            ("GET", BUCKET + "/o"): self.list_objects,
            ("GET", OBJECT): self.get_object,
            ("GET", "/download" + OBJECT): self.get_object,
            ("DELETE", OBJECT): self.delete_object,
            ("POST", UPLOAD): self.begin_upload,
            ("PUT", UPLOAD): self.go_on_with_upload,
            # Arrow's client reads by the older protocol.
            ("GET", r"/(?P<bucket>(?!storage|bigquery|upload|download)[^/]+)/(?P<name>.+)"): self.get_object,
        }

    def create_bucket(self, name: str, location: str, regions: list[str]) -> None:
        self.buckets[name], self.objects[name], self.regions[name] = location, {}, regions

    def content(self, uri: str) -> bytes:
        """The content of an object by its gs:// URI."""
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        if "*" in name:
            raise unknown(f"the wildcard in {uri}")
        return self._object(bucket, name).content

    def get_bucket(self, request: Request, bucket: str) -> Answer:
        if bucket not in self.buckets:
            raise Refusal(404, "notFound", "The specified bucket does not exist.")
        told = {"kind": "storage#bucket", "name": bucket, "location": self.buckets[bucket].upper()}
        if regions := self.regions[bucket]:
            told["customPlacementConfig"] = {"dataLocations": regions}
        return Answer(body=told)

    def list_objects(self, request: Request, bucket: str) -> Answer:
        known = {"prefix", "delimiter", "pageToken", "maxResults", "projection", "includeTrailingDelimiter", "fields"}
        if strange := request.query.keys() - known - {"prettyPrint"}:
            raise unknown(f"listing with {', '.join(strange)}")
        self.get_bucket(request, bucket)
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter")
        items, folders = [], set()
        for name in sorted(self.objects[bucket]):
            if not name.startswith(prefix):
                continue
            rest = name[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            else:
                items.append(self._resource(bucket, name))
        return Answer(body={"kind": "storage#objects", "items": items, "prefixes": sorted(folders)})

    def get_object(self, request: Request, bucket: str, name: str) -> Answer:
        found = self._object(bucket, name)
        if request.path.startswith("/storage/") and request.query.get("alt") != "media":
            return Answer(body=self._resource(bucket, name))
        size, content = len(found.content), found.content
        headers = {"x-goog-generation": str(found.generation), "x-goog-hash": f"md5={_md5(content)}"}
        if wanted := re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", "")):
            first = int(wanted[1]) if wanted[1] else max(0, size - int(wanted[2]))
            last = min(int(wanted[2]), size - 1) if wanted[1] and wanted[2] else size - 1
            if first >= size and size:
                raise Refusal(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
            return Answer(206, content[first : last + 1], headers)
        return Answer(200, content, headers)

    def delete_object(self, request: Request, bucket: str, name: str) -> Answer:
        self._object(bucket, name)
        del self.objects[bucket][name]
        return Answer(204)

    def begin_upload(self, request: Request, bucket: str) -> Answer:
        metadata, content = request.parts
        name = request.query.get("name") or metadata.get("name")
        match request.query.get("uploadType"):
            case "media":
                return self._put(request, bucket, name, request.body)
            case "multipart":
                return self._put(request, bucket, name, content)
            case "resumable":
                upload_id = f"object-{next(self._numbers)}"
                self._uploads[upload_id] = bucket, name, request, bytearray()
                where = f"http://{request.headers['host']}{request.path}?uploadType=resumable&upload_id={upload_id}"
                return Answer(headers={"Location": where})
        raise unknown(f"an upload of type {request.query.get('uploadType')}")

    def go_on_with_upload(self, request: Request, bucket: str) -> Answer:
        _, name, begun, taken = self._uploads[request.query["upload_id"]]
        if goes_on(request, taken):
            return Answer(308, headers={"Range": f"bytes=0-{len(taken) - 1}"} if taken else {})
        return self._put(begun, bucket, name, bytes(taken))

    def _put(self, request: Request, bucket: str, name: str, content: bytes) -> Answer:
        self.get_bucket(request, bucket)
        with self._lock:
            if request.query.get("ifGenerationMatch") == "0" and name in self.objects[bucket]:
                raise Refusal(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
            self.objects[bucket][name] = Object(content, next(self._numbers))
        return Answer(body=self._resource(bucket, name))

    def _object(self, bucket: str, name: str) -> Object:
        if name not in self.objects.get(bucket, {}):
            raise Refusal(404, "notFound", f"No such object: {bucket}/{name}")
        return self.objects[bucket][name]

    def _resource(self, bucket: str, name: str) -> dict:
        found = self._object(bucket, name)
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{found.generation}",
            "bucket": bucket,
            "name": name,
            "size": str(len(found.content)),
            "generation": str(found.generation),
            "metageneration": "1",
            "md5Hash": _md5(found.content),
            "timeCreated": f"{found.created:%Y-%m-%dT%H:%M:%S.000Z}",
            "updated": f"{found.created:%Y-%m-%dT%H:%M:%S.000Z}",
            "storageClass": "STANDARD",
        }


def goes_on(request: Request, taken: bytearray) -> bool:
    """Put what came where it belongs, over what came before with an answer lost; and tell whether more is to come."""
    first, total = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", request.headers.get("content-range", "bytes */0")
    ).groups()
    if request.body:
        taken[int(first or len(taken)) :] = request.body
    return total == "*" or len(taken) < int(total)


def _md5(content: bytes) -> str:
    from base64 import b64encode

    return b64encode(md5(content, usedforsecurity=False).digest()).decode()
