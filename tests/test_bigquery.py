"""BigQuery's own side of the port: what is sent to it, and what a wrong setting is told."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from conftest import READINGS, day_file, forget
from google.api_core.exceptions import MethodNotImplemented
from pyarrow.fs import GcsFileSystem

from jobs import check, contract, publish, warehouse
from jobs.errors import LoadError, StagingError, WarehouseError
from jobs.warehouse import bigquery, submit

WAREHOUSES = ("bigquery",)
FACT = "fact_pv_measurement"
FIFTH, SIXTH = date(2019, 1, 5), date(2019, 1, 6)


@pytest.fixture
def double(google):
    if google.double is None:
        pytest.skip("what was sent is known of the double only")
    return google.double


@pytest.fixture
def jobs(double, place):
    """The jobs of this test, as they were sent."""
    return lambda: [job for job in double.jobs if place.opened.dataset in str(job["configuration"])]


@pytest.fixture
def one_day(place, load):
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, 2.0]))
    load()
    return place


def publishes(jobs):
    scripts = [job["configuration"].get("query", {}).get("query", "") for job in jobs]
    return [script for script in scripts if "UPDATE etl_head" in script]


def test_every_statement_has_a_guard_on_its_bytes_and_asks_no_cache(one_day, jobs):
    queries = [job["configuration"]["query"] for job in jobs() if "query" in job["configuration"]]

    assert len(queries) > 5
    assert {query["maximumBytesBilled"] for query in queries} == {"100000000000"}
    assert {query["useQueryCache"] for query in queries} == {False}


def test_jobs_are_labelled_with_table_load_dag_and_task(place, load, jobs, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "pv")
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "fact_pv_measurement.Publish")
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0]))

    found, _ = load()

    (rows,) = [job for job in jobs() if "-staged-" in job["jobReference"]["jobId"]]
    labels = rows["configuration"]["labels"]
    assert re.fullmatch("[0-9a-f]{32}", labels.pop("call"))
    assert labels == {
        "table": FACT,
        "load_id": found.plans[0].load_id,
        "dag": "pv",
        "task": "fact_pv_measurement_publish",
    }


def test_staged_files_go_from_the_bucket_as_they_are_into_a_table_that_expires(one_day, jobs):
    (rows,) = [job for job in jobs() if "-staged-" in job["jobReference"]["jobId"]]
    load = rows["configuration"]["load"]

    assert load["sourceUris"]
    assert all(uri.startswith(f"{one_day.staging}/{FACT}/load_id=") for uri in load["sourceUris"])
    assert load["writeDisposition"] == "WRITE_TRUNCATE"
    assert [field["name"] for field in load["schema"]["fields"]] == list(contract.load(FACT).column_names)
    place = load["destinationTable"]
    table = one_day.opened.client.get_table(f"{place['projectId']}.{place['datasetId']}.{place['tableId']}")
    assert timedelta() < table.expires - datetime.now(UTC) <= bigquery.STAGED_FOR
    assert rows["jobReference"]["location"] == "EU"


@pytest.fixture
def local_staging(place, monkeypatch):
    place.staging = f"file://{place.folder}/staging"
    monkeypatch.setenv("STAGING", place.staging)
    forget()
    return place


@pytest.mark.parametrize("resumable", [False, True])
def test_staged_files_of_a_folder_are_uploaded(resumable, local_staging, load, jobs, monkeypatch):
    if resumable:
        monkeypatch.setattr("google.cloud.bigquery.client._MAX_MULTIPART_SIZE", 0)
    for day in (FIFTH, SIXTH):
        local_staging.put_day(7, day, day_file(7, day, [1.0, 2.0]))

    _, published = load()

    assert published["rows_loaded"] == 4
    assert len(local_staging.rows(f"SELECT * FROM {READINGS}")) == 4
    (rows,) = [job for job in jobs() if "-staged-" in job["jobReference"]["jobId"]]
    assert "sourceUris" not in rows["configuration"]["load"]


def test_a_staged_file_that_cannot_be_read_when_it_is_uploaded_is_one_sentence(local_staging, load, monkeypatch):
    local_staging.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, 2.0]))
    published = publish.publish

    def damaged(planned):
        (name,) = local_staging.staged(".parquet")
        path = local_staging.folder / "staging" / name
        path.write_bytes(bytes(path.stat().st_size))
        monkeypatch.setattr(check, "_stored_schema", lambda files, paths, schema: schema)
        return published(planned)

    monkeypatch.setattr(publish, "publish", damaged)

    with pytest.raises(StagingError, match=f"^{local_staging.staging} cannot be read: .*part-00000.parquet"):
        load()


def test_a_load_of_more_files_than_bigquery_takes_is_refused_before_anything_is_sent():
    paths = [f"bucket/part-{number:05d}.parquet" for number in range(bigquery.MOST_URIS + 1)]
    rows = ds.FileSystemDataset.from_paths(
        paths,
        schema=pa.schema([("n", pa.int64())]),
        format=ds.ParquetFileFormat(),
        filesystem=GcsFileSystem(anonymous=True),
    )
    nowhere = bigquery.BigQueryWarehouse("p", "d", "EU", 1)

    with pytest.raises(WarehouseError, match="a load of 10001 files, and BigQuery takes 10000; nothing was published"):
        nowhere.transact("SELECT * FROM {staged};", {}, {"staged": rows})


def test_rows_that_are_loaded_once_are_not_loaded_again(one_day, load, jobs):
    """An object goes back to a version whose rows are still there from the first time."""
    one_day.put_day(7, FIFTH, day_file(7, FIFTH, [9.0, 9.0]))
    load()
    one_day.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, 2.0]))

    load()

    assert one_day.rows(f"SELECT value FROM {READINGS} ORDER BY value") == [(1.0,), (2.0,)]
    assert len([job for job in jobs() if "-staged-" in job["jobReference"]["jobId"]]) == 2


def test_rows_whose_table_has_expired_are_loaded_again(one_day, load, jobs):
    one_day.put_day(7, FIFTH, day_file(7, FIFTH, [9.0, 9.0]))
    load()
    client = one_day.opened.client
    names = {
        job["configuration"]["load"]["destinationTable"]["tableId"]
        for job in jobs()
        if job["configuration"].get("load")
    }
    for name in names:
        table = client.get_table(f"{client.project}.{one_day.opened.dataset}.{name}")
        table.expires = datetime.now(UTC) + timedelta(seconds=0.5)
        client.update_table(table, ["expires"])
    time.sleep(0.6)
    one_day.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, 2.0]))

    load()

    assert one_day.rows(f"SELECT value FROM {READINGS} ORDER BY value") == [(1.0,), (2.0,)]
    ids = [job["jobReference"]["jobId"] for job in jobs() if "-staged-" in job["jobReference"]["jobId"]]
    assert [name[-3:] for name in ids] == ["-a0", "-a0", "-a1"]


def test_a_first_load_deletes_nothing_and_a_whole_day_goes_by_its_partition(one_day, load, jobs):
    one_day.put_day(7, FIFTH, day_file(7, FIFTH, [9.0, 9.0]))
    load()

    first, second = publishes(jobs())
    assert "DELETE" not in first
    (deletion,) = re.findall(r"DELETE FROM [^;]*;", second)
    assert " ".join(deletion.split()) == (
        "DELETE FROM fact_pv_measurement WHERE `timestamp` >= DATETIME '2019-01-05 00:00:00' "
        "AND `timestamp` < DATETIME '2019-01-06 00:00:00';"
    )


def test_of_a_day_of_which_something_stays_only_the_objects_rows_go(one_day, load, jobs):
    one_day.put_day(8, FIFTH, day_file(8, FIFTH, [5.0]))
    load()
    one_day.put_day(7, FIFTH, day_file(7, FIFTH, [9.0, 9.0]))

    load()

    (deletion,) = re.findall(r"DELETE FROM [^;]*;", publishes(jobs())[-1])
    assert "`ss_id` IN (7)" in deletion
    assert "UNNEST(@retired)" in deletion
    assert one_day.rows(f"SELECT value FROM {READINGS} ORDER BY value") == [(5.0,), (9.0,), (9.0,)]


def test_a_load_uses_one_load_job_for_its_rows_and_one_transaction(one_day, jobs):
    """The quotas of a table and day: loads go to tables of their own, and DML is not counted."""
    targets = [
        job["configuration"]["load"]["destinationTable"]["tableId"] for job in jobs() if "load" in job["configuration"]
    ]

    assert len(targets) == len(set(targets)) == 3
    assert all(name.startswith("staged_") for name in targets)
    assert len(publishes(jobs())) == 1


def test_tables_are_partitioned_clustered_and_keyed_as_their_contracts_say(one_day):
    client, dataset = one_day.opened.client, one_day.opened.dataset
    fact = client.get_table(f"{client.project}.{dataset}.{FACT}")
    checkpoint = client.get_table(f"{client.project}.{dataset}.etl_checkpoint")
    run = client.get_table(f"{client.project}.{dataset}.etl_run")

    assert (fact.time_partitioning.field, fact.time_partitioning.type_) == ("timestamp", "DAY")
    assert fact.require_partition_filter
    assert fact.clustering_fields == ["ss_id", "quantity"]
    assert fact.labels == {"domain": "pv", "layer": "fact", "contract": "1-3-0"}
    assert fact.table_constraints.primary_key.columns == ["ss_id", "timestamp", "sensor"]
    (key,) = checkpoint.table_constraints.foreign_keys
    assert (key.referenced_table.table_id, key.column_references[0].referenced_column) == ("etl_head", "table_name")
    assert run.time_partitioning.expiration_ms == 730 * 86_400_000


def test_a_table_of_another_partitioning_is_refused(one_day, monkeypatch):
    load = contract.load
    moved = replace(load(FACT), partition="timestamp_utc")
    monkeypatch.setattr(contract, "load", cache(lambda table: moved if table == FACT else load(table)))

    with pytest.raises(LoadError, match="the partitioning is by timestamp and shall be by timestamp_utc"):
        one_day.opened.create()


@pytest.mark.parametrize(
    ("dataset", "bucket", "regions", "fits"),
    [
        # Regions and multi-regions.
        ("EU", "EU", (), True),
        ("EU", "EUROPE-WEST1", (), True),
        ("EU", "EUROPE-CENTRAL2", (), True),
        ("EU", "EUROPE-WEST2", (), False),  # London
        ("EU", "EUROPE-WEST6", (), False),  # Zurich
        ("EU", "US", (), False),
        ("US", "US-CENTRAL1", (), True),
        ("US", "NORTHAMERICA-NORTHEAST1", (), False),
        ("EUROPE-WEST1", "EUROPE-WEST1", (), True),
        ("EUROPE-WEST1", "EUROPE-WEST10", (), False),
        ("EUROPE-WEST1", "EU", (), False),
        ("US-EAST1", "US", (), False),
        # Google's own pairs.
        ("EU", "EUR4", (), True),
        ("EUROPE-NORTH1", "EUR4", (), True),
        ("EUROPE-WEST4", "EUR4", (), True),
        ("EUROPE-WEST1", "EUR4", (), False),
        ("US", "EUR4", (), False),
        ("EU", "EUR5", (), True),
        ("EUROPE-WEST2", "EUR5", (), True),
        ("EU", "EUR7", (), True),
        ("EU", "EUR8", (), True),
        ("US", "NAM4", (), True),
        ("US-CENTRAL1", "NAM4", (), True),
        ("US-EAST1", "NAM4", (), True),
        ("US-WEST1", "NAM4", (), False),
        ("EU", "NAM4", (), False),
        ("ASIA-NORTHEAST1", "ASIA1", (), True),
        ("ASIA-NORTHEAST2", "ASIA1", (), True),
        ("ASIA-SOUTHEAST1", "ASIA1", (), False),
        # Pairs of one's own choice, whose location is the multi-region that they are of.
        ("US", "US", ("US-EAST1", "US-WEST1"), True),
        ("US-WEST1", "US", ("US-EAST1", "US-WEST1"), True),
        ("US-CENTRAL1", "US", ("US-EAST1", "US-WEST1"), False),
        ("EU", "US", ("US-EAST1", "US-WEST1"), False),
        ("EUROPE-WEST3", "EU", ("EUROPE-WEST1", "EUROPE-WEST3"), True),
        ("AUSTRALIA-SOUTHEAST2", "AU", ("AUSTRALIA-SOUTHEAST1", "AUSTRALIA-SOUTHEAST2"), True),
        # A zone is of its region.
        ("US-EAST1", "US-EAST1", ("US-EAST1-B",), True),
    ],
)
def test_a_dataset_loads_from_buckets_that_have_their_data_in_its_location(dataset, bucket, regions, fits):
    assert bigquery._contains(dataset, bucket, regions) is fits


@pytest.mark.parametrize(("location", "fits"), [("us-west1", True), ("us-central1", False)])
def test_the_two_regions_of_a_bucket_are_read_from_its_resource(location, fits, place, double, monkeypatch):
    name = f"{place.opened.dataset}-{location}".replace("-", "_")
    double.create_dataset(name, location=location)
    double.create_bucket(f"dual-{name}", location="US", regions=["US-EAST1", "US-WEST1"])
    monkeypatch.setenv("WAREHOUSE", f"bigquery://sunledger-test/{name}?location={location}")
    monkeypatch.setenv("STAGING", f"gs://dual-{name}/x")

    if fits:
        forget()
        warehouse.warehouse()
    else:
        assert f"is in US (US-EAST1, US-WEST1) and the dataset in {location}" in refused(place)


def test_a_bucket_elsewhere_is_refused_before_anything_is_written(place, double, monkeypatch):
    double.create_bucket(f"us-{place.opened.dataset}", location="US")
    monkeypatch.setenv("STAGING", f"gs://us-{place.opened.dataset}/x")

    said = refused(place)

    assert "is in US and the dataset in EU; BigQuery loads for free only from its own location" in said


def test_a_bucket_that_is_not_there_is_refused(place, double, monkeypatch):
    monkeypatch.setenv("STAGING", "gs://nowhere/x")

    assert "the staging bucket gs://nowhere is not there or may not be used" in refused(place)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("bigquery://sunledger-test/nothing?location=EU", "is not there .*create the dataset with Terraform"),
        ("bigquery://another-project/pv?location=EU", "may not be used .*check the project in WAREHOUSE"),
        ("bigquery://sunledger-test/{dataset}?location=US", "is in EU, and WAREHOUSE says US; .*set location=EU"),
        ("bigquery://sunledger-test", "WAREHOUSE: .*bigquery://project/dataset.location=EU"),
    ],
)
def test_a_warehouse_that_is_not_as_it_is_set_is_one_sentence(uri, said, place, double, monkeypatch):
    place.opened.create()
    monkeypatch.setenv("WAREHOUSE", uri.format(dataset=place.opened.dataset))

    assert re.search(said, refused(place))


def test_without_credentials_it_says_how_to_get_them(place, monkeypatch, tmp_path):
    for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")

    assert "credentials and none were found; run `gcloud auth application-default login`" in refused(place)


def refused(place):
    """Run the command line as it is set, and see that it ends with one sentence."""
    forget()
    with pytest.raises(LoadError) as fault:
        warehouse.warehouse()
    assert "\n" not in str(fault.value).split(" (")[0]
    return str(fault.value)


def test_a_job_id_is_made_of_what_the_job_does():
    first = submit.job_id("p.d", FACT, "1f2e", "staged", "a", attempt=0)

    assert first == submit.job_id("p.d", FACT, "1f2e", "staged", "a", attempt=0)
    assert first != submit.job_id("p.d2", FACT, "1f2e", "staged", "a", attempt=0)
    assert submit.job_id("a", "bc", attempt=0)[:-11] != submit.job_id("ab", "c", attempt=0)[:-11]
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,1024}", first)


def test_the_double_says_so_of_what_it_does_not_know(place, double):
    client = place.opened.client
    with pytest.raises(MethodNotImplemented, match="does not know DELETE"):
        client.delete_table(f"{client.project}.{place.opened.dataset}.etl_run")


def test_of_two_transactions_that_change_one_table_one_is_aborted_and_tries_again(place, double, jobs):
    opened = place.opened
    heads = "INSERT INTO etl_head (table_name, generation) VALUES ('a', 0), ('b', 0);"
    opened.transact(heads, {}, {})

    def count_up(table):
        for _ in range(30):
            script = "UPDATE etl_head SET generation = generation + 1 WHERE table_name = @table_name;"
            opened.transact(script, {"table_name": table}, {})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(count_up, ["a", "b"]))

    rows = opened.select("SELECT table_name, generation FROM etl_head ORDER BY table_name", {})
    assert [row["generation"] for row in rows] == [30, 30]
    aborted = [job for job in jobs() if submit.ABORTED in str(job["status"])]
    assert aborted, "the two never met"
