"""bigquery -- the production warehouse: one dataset of one project.

Rows from outside go by a load job into a table of their own, which expires; a multi-statement transaction reads it.
A load job's id is made of project, dataset, table, load and content, so that the same rows are loaded once whoever asks
for it, and a transaction that can commit only once has an id of its own too. `submit` says how.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from typing import IO, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from google.api_core.exceptions import Conflict, Forbidden, NotFound, PreconditionFailed
from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

from jobs.contract import ARROW_TYPES, Column, Contract
from jobs.errors import ConflictError, WarehouseError
from jobs.gcloud import bigquery_client, storage_client
from jobs.objects import digest
from jobs.settings import BIGQUERY, settings
from jobs.staging import told
from jobs.warehouse import Relation
from jobs.warehouse.dialect import one_query
from jobs.warehouse.submit import NOTHING, RETRY, TRIES, UNKNOWN, answered, labels, submit_or_attach
from jobs.warehouse.tables import REST_TYPES, changes, in_order, resource

# How long rows from outside are kept: long enough to find out why a publish failed, too short to cost anything.
STAGED_FOR = timedelta(days=2)
# The service ends a job that takes longer.
LOAD_TIMEOUT_MS = 30 * 60 * 1000
QUERY_TIMEOUT_MS = 60 * 60 * 1000
MOST_URIS = 10_000

GOOGLESQL_TYPES = {theirs: ours for ours, theirs in REST_TYPES.items()}
FIELD_TYPES = {arrow: REST_TYPES.get(name, name) for name, arrow in ARROW_TYPES.items()}
PARAMETER_TYPES = {bool: "BOOL", int: "INT64", float: "FLOAT64", str: "STRING", date: "DATE", type(None): "STRING"}

# London and Zurich, whose buckets the multi-region EU does not contain.
NOT_IN_EU = ("EUROPE-WEST2", "EUROPE-WEST6")
# The pairs of regions that Google has given names to.
DUAL_REGIONS = {
    "ASIA1": ("ASIA-NORTHEAST1", "ASIA-NORTHEAST2"),
    "EUR4": ("EUROPE-NORTH1", "EUROPE-WEST4"),
    "EUR5": ("EUROPE-WEST1", "EUROPE-WEST2"),
    "EUR7": ("EUROPE-WEST2", "EUROPE-WEST3"),
    "EUR8": ("EUROPE-WEST3", "EUROPE-WEST6"),
    "NAM4": ("US-CENTRAL1", "US-EAST1"),
}


class BigQueryWarehouse:
    """The port over a dataset. `Warehouse` says what each verb promises."""

    def __init__(self, project: str, dataset: str, location: str | None, maximum_gb: float):
        self.project, self.dataset, self.location = project, dataset, location
        self.maximum_bytes = int(maximum_gb * 10**9)

    @classmethod
    def at(cls, uri: str, maximum_gb: float) -> "BigQueryWarehouse":
        """Open what a setting such as `bigquery://project/dataset?location=EU` names."""
        place = BIGQUERY.fullmatch(uri)
        return cls(place["project"], place["dataset"], place["location"], maximum_gb)

    @cached_property
    def client(self) -> bigquery.Client:
        """The client, with the location of the dataset, once that is known to be as it was set."""
        client = bigquery_client(self.project, self.location)
        where = f"bigquery://{self.project}/{self.dataset}"
        with answered(where):
            try:
                found = client.get_dataset(self._reference, retry=RETRY)
            except NotFound as fault:
                raise WarehouseError(
                    f"{where} is not there ({fault.message}); create the dataset with Terraform, or with `bq mk "
                    f"--location={self.location or 'EU'} --dataset {self.project}:{self.dataset}`. Nothing was written"
                ) from fault
            except Forbidden as fault:
                raise WarehouseError(
                    f"{where} may not be used ({fault.message}); check the project in WAREHOUSE, and that the "
                    "credentials have roles/bigquery.jobUser on it and roles/bigquery.dataEditor on the dataset. "
                    "Nothing was written"
                ) from fault
        if self.location and found.location.upper() != self.location.upper():
            raise WarehouseError(
                f"{where} is in {found.location}, and WAREHOUSE says {self.location}; a dataset never moves, so set "
                f"location={found.location}. Nothing was written"
            )
        _refuse_staging_elsewhere(found.location)
        return bigquery_client(self.project, found.location)

    @property
    def _reference(self) -> bigquery.DatasetReference:
        return bigquery.DatasetReference(self.project, self.dataset)

    def create(self) -> None:
        contracts = in_order()
        with answered(f"the tables of {self.project}.{self.dataset}"):
            # One by one they take a second, and every command begins with this.
            ask = self.client.get_table
            with ThreadPoolExecutor(8) as pool:
                there = list(pool.map(partial(_table, ask, self._reference), contracts))
            for promised, table in zip(contracts, there, strict=True):
                self._become(promised, table or self._created(promised))

    def _become(self, promised: Contract, there: bigquery.Table) -> None:
        """Change what can be changed in place; nothing where the table is what its contract says."""
        for _ in range(TRIES):
            try:
                self._changed(promised, there)
                return
            except PreconditionFailed:
                # Another process is changing it to the same end.
                there = self.client.get_table(there.reference, retry=RETRY)
        raise ConflictError(
            f"{there.reference} kept being changed by others; nothing was published. Another try may do"
        )

    def _resource(self, promised: Contract) -> dict:
        """Write a table's or view's resource in its place."""
        made = resource(promised)
        place = {"projectId": self.project, "datasetId": self.dataset}
        made["tableReference"] = {**place, "tableId": promised.table}
        for key in made.get("tableConstraints", {}).get("foreignKeys", ()):
            key["referencedTable"].update(place)
        if promised.query is not None:
            query = promised.view_query(f"{self.project}.{self.dataset}")
            made["view"] = {"query": query, "useLegacySql": False}
        return made

    def _created(self, promised: Contract) -> bigquery.Table:
        made = self._resource(promised)
        if promised.query is not None:
            # A view may be given its columns' descriptions only once it is there.
            del made["schema"]
        try:
            return self.client.create_table(bigquery.Table.from_api_repr(made), retry=RETRY)
        except Conflict:
            return self.client.get_table(self._reference.table(promised.table), retry=RETRY)

    def _changed(self, promised: Contract, there: bigquery.Table) -> None:
        wanted, now = self._resource(promised), there.to_api_repr()
        fields = now.get("schema", {}).get("fields", ())
        if promised.query is None:
            held = [_column(field) for field in fields]
            name = f"{self.project}.{self.dataset}.{promised.table}"
            needed = changes(promised, held, name, _moved(wanted, now))
            by_name = {field["name"]: field for field in wanted["schema"]["fields"]}
            # Columns keep their order, and what others have added to them, such as policy tags.
            merged = [{**field, **by_name[field["name"]]} for field in fields]
            merged += [by_name[column.name] for column in needed.added]
            wanted["schema"] = {"fields": merged}
        wanted["labels"] = {**now.get("labels", {}), **wanted["labels"]}
        differing = [name for name in wanted if not _same(wanted[name], now.get(name))]
        if differing:
            self.client.update_table(
                bigquery.Table.from_api_repr({**now, **wanted}), [PROPERTIES[name] for name in differing], retry=RETRY
            )

    def select(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        job, _ = self._run(one_query(query), parameters, ("query", uuid4().hex))
        with answered(job.job_id):
            return [dict(row.items()) for row in job.result(retry=RETRY, job_retry=None)]

    def transact(
        self,
        script: str,
        parameters: Mapping[str, Any],
        relations: Mapping[str, Relation],
        once: str | None = None,
    ) -> bool:
        table, load_id = parameters.get("table_name"), parameters.get("load_id")
        for name, relation in relations.items():
            script = script.replace(f"{{{name}}}", f"`{self._loaded(name, relation, table, load_id)}`")
        script = f"BEGIN TRANSACTION;\n{script}\nCOMMIT TRANSACTION;"
        # To publish is to bring a load in, once; what else is written down is nobody's data.
        outcome = UNKNOWN if once and load_id else NOTHING
        _, ours = self._run(script, parameters, (table or "none", once or uuid4().hex), outcome)
        return ours

    def _run(
        self, script: str, parameters: Mapping[str, Any], parts: tuple[str, ...], outcome: str = NOTHING
    ) -> tuple[bigquery.QueryJob, bool]:
        """Run a script as a job whose id is made of these parts; the job, and whether it is this call's."""

        def submit(known_as: str, marks: dict[str, str]) -> bigquery.QueryJob:
            config = self._config(script, parameters, marks)
            return self.client.query(script, config, job_id=known_as, retry=RETRY, job_retry=None)

        marks = labels(parameters.get("table_name"), parameters.get("load_id"))
        parts = (f"{self.project}.{self.dataset}", *parts)
        return submit_or_attach(self.client, submit, parts, marks, outcome=outcome)

    def _config(self, script: str, parameters: Mapping[str, Any], marks: dict[str, str]) -> bigquery.QueryJobConfig:
        named = set(re.findall(r"@(\w+)", script))
        return bigquery.QueryJobConfig(
            default_dataset=self._reference,
            query_parameters=[_parameter(name, value) for name, value in parameters.items() if name in named],
            maximum_bytes_billed=self.maximum_bytes,
            job_timeout_ms=QUERY_TIMEOUT_MS,
            # What is loaded is asked of the tables, never of an answer of before.
            use_query_cache=False,
            labels=marks,
        )

    def _loaded(self, name: str, relation: Relation, table: str | None, load_id: str | None) -> str:
        """Load rows from outside into a table of their own, once, and name it."""
        with _source(relation) as (content, uris):
            sha = digest(*uris) if content is None else _sha256(content)
            into = f"staged_{table}_{(load_id or 'none')[:16]}_{name}_{sha[:8]}"
            reference = self._reference.table(into)
            with answered(into):
                self._made_room(reference, relation.schema)

            def submit(known_as: str, marks: dict[str, str]) -> bigquery.LoadJob:
                config = bigquery.LoadJobConfig(
                    source_format=bigquery.SourceFormat.PARQUET,
                    schema=_fields(relation.schema),
                    write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
                    create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
                    labels=marks,
                    job_timeout_ms=LOAD_TIMEOUT_MS,
                )
                if content is None:
                    return self.client.load_table_from_uri(uris, reference, known_as, job_config=config, retry=RETRY)
                content.seek(0, 2)
                return self.client.load_table_from_file(
                    content, reference, rewind=True, size=content.tell(), job_id=known_as, job_config=config
                )

            def stands(job: bigquery.LoadJob) -> bool:
                with answered(into):
                    rows = self.client.get_table(reference, retry=RETRY).num_rows
                return job.destination.table_id == into and rows == (job.output_rows or 0)

            parts = (f"{self.project}.{self.dataset}", table or "none", load_id or "none", name, sha)
            submit_or_attach(self.client, submit, parts, labels(table, load_id), stands)
        return into

    def _made_room(self, reference: bigquery.TableReference, schema: pa.Schema) -> None:
        """Make the table that rows from outside go to, or have the one that is there live on."""
        until = datetime.now(UTC) + STAGED_FOR
        table = bigquery.Table(reference, _fields(schema))
        table.expires = until
        for _ in range(TRIES):
            with suppress(Conflict):
                self.client.create_table(table, retry=RETRY)
                return
            # It is there, unless it expires just now or a twin has it live on.
            with suppress(NotFound, PreconditionFailed):
                there = self.client.get_table(reference, retry=RETRY)
                if there.expires is None or until - there.expires > STAGED_FOR / 2:
                    there.expires = until
                    self.client.update_table(there, ["expires"], retry=RETRY)
                return
        raise ConflictError(f"{reference} comes and goes; nothing was published. Another try may do")


# The client's names of what REST calls otherwise.
PROPERTIES = {
    "description": "description",
    "labels": "labels",
    "schema": "schema",
    "timePartitioning": "time_partitioning",
    "requirePartitionFilter": "require_partition_filter",
    "clustering": "clustering_fields",
    "tableConstraints": "table_constraints",
    "view": "view_query",
}


def _table(ask: Callable, dataset: bigquery.DatasetReference, promised: Contract) -> bigquery.Table | None:
    try:
        return ask(dataset.table(promised.table), retry=RETRY)
    except NotFound:
        return None


def _same(wanted: Any, now: Any) -> bool:
    """Tell whether a resource has all that is wanted of it; the service adds defaults of its own."""
    if isinstance(wanted, dict):
        return isinstance(now, dict) and all(_same(value, now.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        same_length = isinstance(now, list) and len(now) == len(wanted)
        return same_length and all(_same(one, other) for one, other in zip(wanted, now, strict=True))
    return wanted == now


def _moved(wanted: dict, now: dict) -> dict[str, str]:
    """Tell of a table's differences that cannot be made in place, apart from its columns."""
    if "view" in now:
        return {"it": "is a view"}
    here, there = (entry.get("timePartitioning", {}).get("field") for entry in (wanted, now))
    return {} if here == there else {"the partitioning": f"is by {there} and shall be by {here}"}


def _column(field: dict) -> Column:
    kind = GOOGLESQL_TYPES.get(field["type"], field["type"])
    return Column(field["name"], kind, field.get("description", ""), field.get("mode") == "REQUIRED")


def _fields(schema: pa.Schema) -> list[bigquery.SchemaField]:
    return [bigquery.SchemaField(column.name, FIELD_TYPES[column.type]) for column in schema]


def _parameter(name: str, value: Any) -> ScalarQueryParameter | ArrayQueryParameter:
    if isinstance(value, (list, tuple)):
        return ArrayQueryParameter(name, PARAMETER_TYPES[type(value[0])] if value else "STRING", list(value))
    if isinstance(value, datetime):
        return ScalarQueryParameter(name, "TIMESTAMP" if value.tzinfo else "DATETIME", value)
    return ScalarQueryParameter(name, PARAMETER_TYPES[type(value)], value)


@contextmanager
def _source(relation: Relation) -> Iterator[tuple[IO[bytes] | None, list[str]]]:
    """Give rows as BigQuery can load them: files on Cloud Storage as they are, anything else as one parquet file."""
    if isinstance(relation, ds.FileSystemDataset) and relation.filesystem.type_name == "gcs":
        if len(relation.files) > MOST_URIS:
            raise WarehouseError(
                f"a load of {len(relation.files)} files, and BigQuery takes {MOST_URIS}; nothing was published. Plan "
                "fewer systems or days"
            )
        yield None, [f"gs://{path}" for path in relation.files]
        return
    with tempfile.TemporaryFile(prefix="sunledger-upload-") as content:
        with pq.ParquetWriter(content, relation.schema, compression="zstd") as writer:
            for batch in _read(relation):
                writer.write_batch(batch)
        content.seek(0)
        yield content, []


def _read(relation: Relation) -> Iterator[pa.RecordBatch]:
    """Give rows batch by batch; a staging area that fails meanwhile is named, and not the temporary file."""
    with told(settings().staging, "read"):
        yield from relation.to_batches()


def _sha256(content: IO[bytes]) -> str:
    return hashlib.file_digest(content, "sha256").hexdigest()


def _refuse_staging_elsewhere(location: str) -> None:
    """Refuse a staging bucket that the dataset cannot load from.

    Raises:
        WarehouseError: the bucket is in another location than the dataset, or is not there.
    """
    scheme, _, path = settings().staging.partition("://")
    if scheme != "gs":
        return
    name = path.partition("/")[0]
    with answered(f"gs://{name}"):
        try:
            bucket = storage_client().get_bucket(name)
        except (NotFound, Forbidden) as fault:
            raise WarehouseError(
                f"the staging bucket gs://{name} is not there or may not be used ({fault.message}); check STAGING, and "
                f"that the credentials have roles/storage.objectUser and roles/storage.legacyBucketReader on it. "
                f"Nothing was written"
            ) from fault
    regions = [region.upper() for region in bucket.data_locations or ()]
    if not _contains(location.upper(), bucket.location.upper(), regions):
        pair = f" ({', '.join(regions)})" if regions else ""
        raise WarehouseError(
            f"the staging bucket gs://{name} is in {bucket.location}{pair} and the dataset in {location}; BigQuery "
            f"loads for free only from its own location. Set STAGING to a bucket there. Nothing was written"
        )


def _contains(dataset: str, bucket: str, regions: Sequence[str]) -> bool:
    """Tell whether a bucket has its data where a dataset is: in its region, or in one of its multi-region.

    One region of two will do. In which regions a multi-region has its data is nobody's to know.

    Args:
        dataset: location of the dataset.
        bucket: location of the bucket; that of a pair of regions of somebody's choice is a multi-region.
        regions: the regions of such a pair.
    """
    places = {bucket, *DUAL_REGIONS.get(bucket, ()), *regions}
    within = {"US": "US-", "EU": "EUROPE-"}.get(dataset)
    return dataset in places or any(within and place.startswith(within) for place in places.difference(NOT_IN_EU))
