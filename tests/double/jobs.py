"""jobs -- load and query jobs: an id is taken once, a job runs beside the call that brought it, and ends as it ends."""

import io
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from googlesql import GoogleSqlError, analyse
from service_rules import lint

from double.protocol import Answer, Fault, Refusal, Request, unknown
from double.storage import Storage, goes_on
from double.tables import Tables
from jobs import contract
from jobs.errors import WarehouseError
from jobs.warehouse.bigquery import FIELD_TYPES
from jobs.warehouse.dialect import to_duckdb

JOBS = r"/bigquery/v2/projects/(?P<project>[^/]+)/jobs"
UPLOAD = "/upload" + JOBS
QUERY_KNOWN = {
    "query", "useLegacySql", "defaultDataset", "queryParameters", "parameterMode", "maximumBytesBilled",
    "useQueryCache", "priority", "dryRun",
}  # fmt: skip
LOAD_KNOWN = {
    "destinationTable", "schema", "sourceFormat", "sourceUris", "writeDisposition", "createDisposition",
}  # fmt: skip
ABORTED = "Transaction is aborted due to concurrent update against table {}. Transaction ID: 1"


class Jobs:
    """All jobs of the project, by location and id."""

    def __init__(self, tables: Tables, storage: Storage, fault_of: Callable[[dict], Fault | None]):
        self.tables, self.storage, self.fault_of = tables, storage, fault_of
        self.jobs: dict[tuple[str, str], dict] = {}
        # Jobs of an account whose jobs the one that asks may not see.
        self.anothers: set[str] = set()
        self.uploads: dict[str, dict] = {}
        self._taken: dict[str, bytearray] = {}
        self._answers: dict[tuple[str, str], tuple[dict[str, str], list[tuple]]] = {}
        self._mutations: dict[tuple[str, str], int] = {}
        self._numbers, self._lock = count(1), threading.Lock()
        self.routes = {
            ("POST", JOBS): self.insert,
            ("GET", JOBS + "/(?P<job_id>[^/]+)"): self.get,
            ("GET", r"/bigquery/v2/projects/(?P<project>[^/]+)/queries/(?P<job_id>[^/]+)"): self.results,
            ("POST", UPLOAD): self.begin_upload,
            ("PUT", UPLOAD): self.go_on_with_upload,
        }

    def take(self, reference: dict) -> None:
        """Let somebody else's job have an id."""
        labels = {"table": "another", "load_id": "another"}
        configuration = {"jobType": "QUERY", "labels": labels, "query": {"query": "SELECT 1"}}
        job = {"jobReference": reference, "configuration": configuration, "status": {"state": "DONE"}}
        self.jobs[reference["location"], reference["jobId"]] = job

    def insert(self, request: Request) -> Answer:
        return self._accept(request.parts[0], None)

    def begin_upload(self, request: Request) -> Answer:
        resource, content = request.parts
        match request.query.get("uploadType"):
            case "multipart":
                return self._accept(resource, content)
            case "resumable":
                upload_id = f"job-{next(self._numbers)}"
                self.uploads[upload_id], self._taken[upload_id] = resource, bytearray()
                where = f"http://{request.headers['host']}{request.path}?uploadType=resumable&upload_id={upload_id}"
                return Answer(headers={"Location": where})
        raise unknown(f"an upload of type {request.query.get('uploadType')}")

    def go_on_with_upload(self, request: Request) -> Answer:
        upload_id = request.query["upload_id"]
        taken = self._taken[upload_id]
        if goes_on(request, taken):
            return Answer(308, headers={"Range": f"bytes=0-{len(taken) - 1}"} if taken else {})
        return self._accept(self.uploads[upload_id], bytes(taken))

    def get(self, request: Request, job_id: str) -> Answer:
        return Answer(body=told(self._job(request, job_id)))

    def results(self, request: Request, job_id: str) -> Answer:
        job = self._job(request, job_id)
        told = {"jobReference": job["jobReference"], "jobComplete": job["status"]["state"] == "DONE"}
        if error := job["status"].get("errorResult"):
            raise Refusal(400, error["reason"], error["message"])
        if not told["jobComplete"]:
            return Answer(body=told)
        kinds, rows = self._answers[job["jobReference"]["location"], job_id]
        first = int(request.query.get("pageToken") or request.query.get("startIndex") or 0)
        # Pages are small, so that reading several is what every test does.
        last = first + min(int(request.query.get("maxResults") or 50), 50)
        told["schema"] = {"fields": [{"name": name, "type": kind, "mode": "NULLABLE"} for name, kind in kinds.items()]}
        told["totalRows"] = str(len(rows))
        told["rows"] = [{"f": [{"v": _written(value)} for value in row]} for row in rows[first:last]]
        if last < len(rows):
            told["pageToken"] = str(last)
        return Answer(body=told)

    def _job(self, request: Request, job_id: str) -> dict:
        # Outside US and EU, and here everywhere, a job is found only in its location.
        found = self.jobs.get((request.query.get("location", "US"), job_id))
        if found is None:
            raise Refusal(404, "notFound", f"Not found: Job {self.tables.project}:{job_id}")
        if job_id in self.anothers:
            named = f"{self.tables.project}:{found['jobReference']['location']}.{job_id}"
            said = f"Permission bigquery.jobs.get denied on job {named} (or it may not exist)."
            raise Refusal(403, "accessDenied", f"Access Denied: Job {named}: {said}")
        return found

    def _accept(self, resource: dict, content: bytes | None) -> Answer:
        reference, configuration = resource["jobReference"], resource["configuration"]
        if strange := configuration.keys() - {"query", "load", "labels", "jobTimeoutMs", "dryRun", "jobType"}:
            raise unknown(f"a job's {', '.join(sorted(strange))}")
        kind = "load" if "load" in configuration else "query"
        known = LOAD_KNOWN if kind == "load" else QUERY_KNOWN
        if strange := configuration[kind].keys() - known:
            raise unknown(f"a {kind} job's {', '.join(sorted(strange))}")
        reference.setdefault("location", "US")
        key = reference["location"], reference["jobId"]
        job = {
            "kind": "bigquery#job",
            "id": f"{self.tables.project}:{key[0]}.{key[1]}",
            "jobReference": reference,
            "configuration": {"jobType": kind.upper(), **configuration},
            "status": {"state": "RUNNING"},
            "statistics": {"creationTime": str(int(time.time() * 1000))},
        }
        with self._lock:
            if key in self.jobs:
                raise Refusal(409, "duplicate", f"Already Exists: Job {self.tables.project}:{key[0]}.{key[1]}")
            run = self._load if kind == "load" else self._query
            if kind == "query":
                job["plan"] = self._analysed(configuration["query"], key[0])
            self.jobs[key] = job
        accepted = {**told(job), "status": {"state": "PENDING"}}
        threading.Thread(target=self._run, args=(run, job, content), daemon=True).start()
        return Answer(body=accepted)

    def _run(self, run: Callable, job: dict, content: bytes | None) -> None:
        fault = self.fault_of(job)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        error = None
        try:
            if fault and fault.kind == "failed":
                raise Refusal(500, fault.reason, f"The job encountered an error ({fault.reason})")
            if fault and fault.kind == "aborted":
                raise Refusal(400, "invalidQuery", ABORTED.format("somewhere"))
            run(job, content)
        except Refusal as refusal:
            error = {"reason": refusal.reason, "message": refusal.message}
        except duckdb.TransactionException:
            where = job["configuration"]["query"]["defaultDataset"]["datasetId"]
            error = {"reason": "invalidQuery", "message": ABORTED.format(f"{self.tables.project}:{where}")}
        except duckdb.Error as fault:
            said = str(fault).partition(": ")[2] if isinstance(fault, duckdb.InvalidInputException) else str(fault)
            error = {"reason": "invalidQuery", "message": f"Query error: {said} at [1:1]"}
        job["statistics"]["endTime"] = str(int(time.time() * 1000))
        job["status"] = {"state": "DONE", **({"errorResult": error, "errors": [error]} if error else {})}

    def _analysed(self, query: dict, location: str) -> dict[str, str]:
        """Have Google's analyser read a script before it is accepted; the columns of its last query."""
        if query.get("useLegacySql", True) or query.get("dryRun"):
            raise unknown("legacy SQL, or a dry run")
        dataset = query["defaultDataset"]["datasetId"]
        self.tables.known(dataset)
        if location != self.tables.datasets[dataset]:
            said = f"Not found: Dataset {self.tables.project}:{dataset} was not found in location {location}"
            raise Refusal(404, "notFound", said)
        types = {entry["name"]: _type(entry["parameterType"]) for entry in query.get("queryParameters", ())}
        relations = {
            table: {field["name"]: _googlesql(field["type"]) for field in resource["schema"]["fields"]}
            for (owner, table), resource in self.tables.resources.items()
            if owner == dataset and table in query["query"]
        }
        # A catalogue costs a tenth of a second: the contracts' tables are in the first, and what is staged has the same
        # name in all loads.
        beside = {table: columns for table, columns in relations.items() if columns != _promised(table)}
        names = {table: f"relation_{number}" for number, table in enumerate(beside) if table not in contract.names()}
        text = query["query"]
        for table, name in names.items():
            text = text.replace(table, name)
        try:
            columns = analyse(text, types, {names.get(table, table): columns for table, columns in beside.items()})
        except GoogleSqlError as fault:
            said = fault.message
            for table, name in names.items():
                said = said.replace(name, table)
            raise Refusal(400, "invalidQuery", said) from None
        if faults := lint(query["query"]):
            raise Refusal(400, "invalidQuery", "; ".join(faults))
        return columns

    def _query(self, job: dict, _: bytes | None) -> None:
        query, reference = job["configuration"]["query"], job["jobReference"]
        given = {entry["name"]: _value(entry) for entry in query.get("queryParameters", ())}
        dataset = query["defaultDataset"]["datasetId"]
        cursor, rows = self.tables.cursor(dataset), []
        in_transaction, mutated, begun = False, set(), next(self._numbers)
        try:
            for statement in to_duckdb(query["query"]):
                (prepared,) = cursor.extract_statements(statement)
                if statement == "COMMIT":
                    self._commit(cursor, dataset, mutated, begun)
                    in_transaction = False
                    continue
                in_transaction = statement == "BEGIN" or in_transaction
                mutated |= {found[1] for found in [re.match(r'(?:UPDATE|DELETE FROM) "?(\w+)', statement)] if found}
                cursor.execute(prepared, {name: given[name] for name in prepared.named_parameters} or None)
                rows = cursor.fetchall() if cursor.description else []
        except WarehouseError as fault:
            raise unknown(str(fault)) from None
        except duckdb.Error:
            if in_transaction:
                cursor.execute("ROLLBACK")
            raise
        finally:
            cursor.close()
        self._answers[reference["location"], reference["jobId"]] = job["plan"], rows
        job["statistics"]["query"] = {"statementType": "SCRIPT" if given else "SELECT", "totalBytesProcessed": "0"}

    def _commit(self, cursor: duckdb.DuckDBPyConnection, dataset: str, mutated: set[str], begun: int) -> None:
        """Commit a transaction, unless another has changed rows of one of its tables since it began.

        The service looks at tables where DuckDB looks at rows; rows that are only inserted conflict with nothing.
        """
        with self._lock:
            if any(self._mutations.get((dataset, table), 0) > begun for table in mutated):
                cursor.execute("ROLLBACK")
                raise Refusal(400, "invalidQuery", ABORTED.format(f"{self.tables.project}:{dataset}"))
            cursor.execute("COMMIT")
            at = next(self._numbers)
            self._mutations |= {(dataset, table): at for table in mutated}

    def _load(self, job: dict, content: bytes | None) -> None:
        load, location = job["configuration"]["load"], job["jobReference"]["location"]
        place = load["destinationTable"]
        if load["sourceFormat"] != "PARQUET" or load["writeDisposition"] != "WRITE_TRUNCATE":
            raise unknown(f"a load of {load['sourceFormat']} with {load['writeDisposition']}")
        for uri in load.get("sourceUris", ()):
            source = self.storage.buckets.get(uri.removeprefix("gs://").partition("/")[0], location)
            if source != location:
                said = f"Cannot read and write in different locations: source: {source}, destination: {location}"
                raise Refusal(400, "invalid", said)
        bodies = [content] if content is not None else [self.storage.content(uri) for uri in load["sourceUris"]]
        fields = load["schema"]["fields"]
        parts = [_fitting(pq.read_table(io.BytesIO(body)), fields) for body in bodies]
        with self.tables.lock:
            self.tables.find(place["datasetId"], place["tableId"])
            rows, cursor = pa.concat_tables(parts), self.tables.cursor(place["datasetId"])
            cursor.register("loaded", rows)
            cursor.begin()
            cursor.execute(f'DELETE FROM "{place["tableId"]}"')
            cursor.execute(f'INSERT INTO "{place["tableId"]}" BY NAME SELECT * FROM loaded')
            cursor.commit()
            cursor.close()
        job["statistics"]["load"] = {"outputRows": str(rows.num_rows)}


def _promised(table: str) -> dict[str, str] | None:
    if table not in contract.names():
        return None
    return {column.name: column.type for column in contract.load(table).columns}


def told(job: dict) -> dict:
    """A job's resource, without what the double keeps with it."""
    return {name: value for name, value in job.items() if name != "plan"}


def _fitting(rows: pa.Table, fields: list[dict]) -> pa.Table:
    promised = {kind: arrow for arrow, kind in FIELD_TYPES.items()}
    for field in fields:
        found = rows.schema.field(field["name"]).type
        found = found.value_type if pa.types.is_dictionary(found) else found
        if found != promised[field["type"]]:
            said = f"Parquet column '{field['name']}' has type {found} which does not match the target {field['type']}"
            raise Refusal(400, "invalid", f"Error while reading data, error message: {said}")
    return rows


def _googlesql(kind: str) -> str:
    return {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}.get(kind, kind)


def _type(kind: dict) -> str:
    return f"ARRAY<{_type(kind['arrayType'])}>" if kind["type"] == "ARRAY" else kind["type"]


def _value(entry: dict):
    if entry["parameterType"]["type"] == "ARRAY":
        kind = entry["parameterType"]["arrayType"]["type"]
        return [_read(kind, one["value"]) for one in entry["parameterValue"].get("arrayValues", ())]
    return _read(entry["parameterType"]["type"], entry["parameterValue"].get("value"))


def _read(kind: str, text):
    if text is None or kind == "STRING":
        return text
    if kind == "TIMESTAMP":
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    read = {"INT64": int, "FLOAT64": float, "DATE": date.fromisoformat, "DATETIME": datetime.fromisoformat}
    return str(text).lower() == "true" if kind == "BOOL" else read[kind](text)


def _written(value):
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case datetime() if value.tzinfo:
            # The client asks for microseconds as an integer.
            return str(round((value - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000))
        case datetime() | date():
            return value.isoformat()
        case float():
            return repr(value)
    return str(value)
