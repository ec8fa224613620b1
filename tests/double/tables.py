"""tables -- datasets, tables and views: their resources, and the DuckDB that holds their rows."""

import hashlib
import json
import threading
import time
from contextlib import suppress

import duckdb

from double.protocol import Answer, Refusal, Request, unknown
from jobs.warehouse.dialect import SESSION, to_duckdb
from jobs.warehouse.duckdb import DUCKDB_TYPES

DATASET = r"/bigquery/v2/projects/(?P<project>[^/]+)/datasets/(?P<dataset>[^/]+)"
TABLE = DATASET + r"/tables/(?P<table>[^/]+)"
GOOGLESQL = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
KNOWN = {
    "clustering", "description", "expirationTime", "friendlyName", "labels", "requirePartitionFilter", "schema",
    "tableConstraints", "tableReference", "timePartitioning", "view",
}  # fmt: skip


class Tables:
    """The datasets of one project."""

    def __init__(self, project: str):
        self.project = project
        self.datasets: dict[str, str] = {}
        self.resources: dict[tuple[str, str], dict] = {}
        self.lock = threading.RLock()
        self._engine = duckdb.connect(":memory:")
        self._engine.execute(f"ATTACH ':memory:' AS \"{project}\"")
        self.routes = {
            ("GET", DATASET): self.get_dataset,
            ("POST", DATASET + "/tables"): self.insert_table,
            ("GET", TABLE): self.get_table,
            ("PATCH", TABLE): self.patch_table,
        }

    def cursor(self, dataset: str) -> duckdb.DuckDBPyConnection:
        """Open a session of the engine in which names without a dataset are this one's."""
        with self.lock:
            cursor = self._engine.cursor()
        cursor.execute(SESSION)
        cursor.execute(f'USE "{self.project}"."{dataset}"')
        return cursor

    def close(self) -> None:
        self._engine.close()

    def create_dataset(self, name: str, location: str) -> None:
        self.datasets[name] = location
        self._engine.execute(f'CREATE SCHEMA "{self.project}"."{name}"')

    def get_dataset(self, request: Request, dataset: str) -> Answer:
        self.known(dataset)
        reference = {"projectId": self.project, "datasetId": dataset}
        return Answer(body={"datasetReference": reference, "location": self.datasets[dataset]})

    def known(self, dataset: str) -> None:
        if dataset not in self.datasets:
            raise Refusal(404, "notFound", f"Not found: Dataset {self.project}:{dataset}")

    def find(self, dataset: str, table: str) -> dict:
        """Give a table's resource, unless it has expired."""
        self.known(dataset)
        resource = self.resources.get((dataset, table))
        if resource and int(resource.get("expirationTime", 2**62)) < time.time() * 1000:
            self._run(dataset, f'DROP TABLE "{table}"')
            resource = self.resources.pop((dataset, table), None) and None
        if resource is None:
            raise Refusal(404, "notFound", f"Not found: Table {self.project}:{dataset}.{table}")
        return resource

    def get_table(self, request: Request, dataset: str, table: str) -> Answer:
        with self.lock:
            return Answer(body=self._told(dataset, table))

    def insert_table(self, request: Request, dataset: str) -> Answer:
        resource, _ = request.parts
        _refuse_unknown(resource)
        self.known(dataset)
        name = resource["tableReference"]["tableId"]
        with self.lock:
            with suppress(Refusal):
                self.find(dataset, name)
            if (dataset, name) in self.resources:
                raise Refusal(409, "duplicate", f"Already Exists: Table {self.project}:{dataset}.{name}")
            if "view" in resource:
                if "schema" in resource:
                    raise Refusal(400, "invalid", "Schema field shouldn't be used as input with a view")
                self._make_view(dataset, name, resource)
            else:
                columns = ", ".join(
                    f'"{field["name"]}" {_duckdb_type(field)}{" NOT NULL" if field.get("mode") == "REQUIRED" else ""}'
                    for field in resource["schema"]["fields"]
                )
                for key in resource.get("tableConstraints", {}).get("foreignKeys", ()):
                    self.find(key["referencedTable"]["datasetId"], key["referencedTable"]["tableId"])
                self._run(dataset, f'CREATE TABLE "{name}" ({columns})')
            self.resources[dataset, name] = resource
            return Answer(body=self._told(dataset, name))

    def patch_table(self, request: Request, dataset: str, table: str) -> Answer:
        changes, _ = request.parts
        _refuse_unknown(changes)
        with self.lock:
            now = self.find(dataset, table)
            if request.headers.get("if-match", "*") not in ("*", _etag(now)):
                raise Refusal(412, "conditionNotMet", "Precondition check failed.")
            if "schema" in changes and "view" not in now:
                self._change_columns(dataset, table, now["schema"]["fields"], changes["schema"]["fields"])
            if changes.get("timePartitioning", {}).get("field") != now.get("timePartitioning", {}).get("field") and (
                "timePartitioning" in changes
            ):
                raise Refusal(400, "invalid", "Cannot change partitioning spec for a partitioned table.")
            merged = {name: value for name, value in {**now, **changes}.items() if value is not None}
            if "view" in changes:
                self._make_view(dataset, table, merged, schema=changes.get("schema") or now["schema"])
            self.resources[dataset, table] = merged
            return Answer(body=self._told(dataset, table))

    def _make_view(self, dataset: str, name: str, resource: dict, schema: dict | None = None) -> None:
        if resource["view"].get("useLegacySql", True):
            raise unknown("legacy SQL")
        from googlesql import GoogleSqlError, analyse

        try:
            # The project's name has a dash, and the analyser's catalogue is of another dataset.
            columns = analyse(resource["view"]["query"].replace(f"{self.project}.{dataset}.", ""))
        except GoogleSqlError as fault:
            raise Refusal(400, "invalidQuery", fault.message) from None
        (query,) = to_duckdb(resource["view"]["query"])
        self._run(dataset, f'CREATE OR REPLACE VIEW "{name}" AS {query}')
        computed = [{"name": column, "type": kind, "mode": "NULLABLE"} for column, kind in columns.items()]
        resource["schema"] = schema or {"fields": computed}

    def _change_columns(self, dataset: str, table: str, now: list[dict], wanted: list[dict]) -> None:
        by_name = {field["name"]: field for field in wanted}
        for field in now:
            after = by_name.pop(field["name"], None)
            if after is None or after["type"] != field["type"]:
                said = f"Provided Schema does not match Table {self.project}:{dataset}.{table}. Field {field['name']}"
                raise Refusal(400, "invalid", said)
            if field.get("mode") == "REQUIRED" and after.get("mode") != "REQUIRED":
                self._run(dataset, f'ALTER TABLE "{table}" ALTER COLUMN "{field["name"]}" DROP NOT NULL')
            elif after.get("mode", "NULLABLE") != field.get("mode", "NULLABLE"):
                raise Refusal(400, "invalid", f"Field {field['name']} has changed mode from NULLABLE to REQUIRED")
        for name, field in by_name.items():
            if field.get("mode") == "REQUIRED":
                raise Refusal(400, "invalid", f"Cannot add required fields to an existing schema. (field: {name})")
            self._run(dataset, f'ALTER TABLE "{table}" ADD COLUMN "{name}" {_duckdb_type(field)}')

    def _told(self, dataset: str, table: str) -> dict:
        resource = self.find(dataset, table)
        told = {**resource, "etag": _etag(resource), "type": "VIEW" if "view" in resource else "TABLE"}
        if "view" not in resource:
            ((rows,),) = self._run(dataset, f'SELECT COUNT(*) FROM "{table}"')
            told["numRows"] = str(rows)
        return told

    def _run(self, dataset: str, statement: str) -> list[tuple]:
        return self.cursor(dataset).execute(statement).fetchall()


def _refuse_unknown(resource: dict) -> None:
    if strange := resource.keys() - KNOWN - {"etag", "kind", "labels"}:
        raise unknown(f"a table's {', '.join(sorted(strange))}")


def _etag(resource: dict) -> str:
    return hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()[:16]


def _duckdb_type(field: dict) -> str:
    kind = GOOGLESQL.get(field["type"], field["type"])
    if kind not in DUCKDB_TYPES:
        raise unknown(f"the type {field['type']}")
    return DUCKDB_TYPES[kind]
