"""The checks that hold a staged load to its contract; each is seen to fail."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import DAYS, FIXTURES, READINGS, day_file

from jobs import check, contract, ledger, plan, stage, staging, wide_csv
from jobs.errors import ContractError, StagingError
from jobs.listing import Window

FACT = "fact_pv_measurement"


@pytest.fixture
def staged(place, shared_session):
    """A staged load of three readings, and its manifest."""
    place.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0, 2.0, 3.0]))
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    return planned, stage.stage(planned)


def tampered(staged, change_rows=lambda rows: rows, change_manifest=lambda manifest: None):
    """Write the staged file anew with other rows, and a manifest that fits its size."""
    planned, manifest = staged
    (entry,) = manifest["files"]
    path = Path(manifest["attempt"].removeprefix("file://")) / entry["path"]
    rows = change_rows(pq.ParquetFile(path).read())
    pq.write_table(rows, path)
    entry["bytes"] = path.stat().st_size
    change_manifest(manifest)
    staging.write_json(f"{staging.folder(FACT, planned.load_id)}/manifest.json", manifest)
    return planned


def replaced(rows, name, values):
    index = rows.schema.get_field_index(name)
    return rows.set_column(index, name, pa.array(values, rows.schema.field(name).type))


def test_a_sound_load_passes_every_check_and_all_of_them_are_recorded(staged, place):
    planned, _ = staged

    findings = check.check(planned)

    assert [finding["check_name"] for finding in findings if not finding["passed"]] == ["ss_id_in_dim_system"]
    assert place.rows("SELECT COUNT(*) AS n, COUNT(DISTINCT check_name) AS names FROM etl_quality") == [
        (len(findings),) * 2
    ]


def lose_a_row(rows):
    return rows.slice(1)


def add_a_row(rows):
    return pa.concat_tables([rows, replaced(rows.slice(0, 1), "timestamp", [pa.scalar(0).cast(pa.timestamp("us"))])])


BREAKS = {
    "a lost row": (lose_a_row, "every_row_accounted_for: 1, must be = 0"),
    "an invented row": (add_a_row, "every_row_accounted_for: 1, must be = 0"),
    "a doubled key": (
        lambda rows: pa.concat_tables([rows.slice(0, 2), rows.slice(0, 1)]),
        "unique_key: 1, must be = 0",
    ),
    "a missing value": (lambda rows: replaced(rows, "value", [1.0, None, 3.0]), "value_is_there: 1, must be = 0"),
    "a system below 1": (lambda rows: replaced(rows, "ss_id", [7, 0, 7]), "ss_id_in_range: 1, must be = 0"),
    "an unknown flag": (lambda rows: replaced(rows, "quality", [0, 1024, 1023]), "quality_in_range: 1, must be = 0"),
    "an unknown word": (
        lambda rows: replaced(rows, "utc_basis", ["none", "guess", "none"]),
        "utc_basis_is_known: 1, must be = 0",
    ),
    "another object's row": (
        lambda rows: replaced(rows, "object_id", ["x", *rows["object_id"].to_pylist()[1:]]),
        "rows_of_planned_objects: 1, must be = 0",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_break_of_the_contract_stops_the_load(name, staged, place):
    change, said = BREAKS[name]
    planned = tampered(staged, change)

    with pytest.raises(ContractError) as fault:
        check.check(planned)

    assert said in str(fault.value)
    assert "nothing was published" in str(fault.value)
    assert ledger.state(FACT).head == 0


def test_a_transform_that_loses_readings_stops_the_load(place, shared_session, monkeypatch):
    body = day_file(7, DAYS[0], [1.0, 2.0, 3.0])
    place.put_day(7, DAYS[0], body)
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    sound = wide_csv._by_columns

    def here(spark, planned, attempt):
        plan.write(planned, f"{attempt}/groups/00000.plan.json")
        return [stage.stage_group(attempt, 0)]

    def losing(*arguments):
        block = sound(*arguments)
        less = {
            sensor: (times.slice(1), instants, values.slice(1))
            for sensor, (times, instants, values) in block.readings.items()
        }
        return dataclasses.replace(block, readings=less)

    monkeypatch.setattr(stage, "_on_spark", here)
    monkeypatch.setattr(wide_csv, "_by_columns", losing)
    stage.run(None, planned, lambda done, total: None)

    with pytest.raises(ContractError, match="every_row_accounted_for: 1, must be = 0"):
        check.check(planned)


def test_rows_read_that_are_neither_loaded_nor_refused_nor_duplicate_stop_the_load(staged):
    planned = tampered(staged, change_manifest=lambda manifest: manifest["objects"][0].update(rows_read=4))

    with pytest.raises(ContractError, match="every_row_accounted_for: 1, must be = 0. Objects whose rows read are not"):
        check.check(planned)


def test_a_staged_column_of_another_type_is_refused_and_not_cast(staged):
    def as_text(rows):
        index = rows.schema.get_field_index("value")
        return rows.set_column(index, "value", rows["value"].cast(pa.string()))

    planned = tampered(staged, as_text)

    with pytest.raises(ContractError, match=r"has columns \(.*value string.*\), the contract \(.*value double"):
        check.check(planned)


def test_all_faults_are_told_at_once(staged):
    planned = tampered(staged, lambda rows: replaced(replaced(rows, "value", [None] * 3), "ss_id", [0] * 3))

    with pytest.raises(ContractError) as fault:
        check.check(planned)

    assert "value_is_there: 3" in str(fault.value)
    assert "ss_id_in_range: 3" in str(fault.value)


def test_checking_again_replaces_the_findings(staged, place):
    planned, _ = staged

    check.check(planned)
    first = place.rows("SELECT count(*) FROM etl_quality")
    check.check(planned)

    assert place.rows("SELECT count(*) FROM etl_quality") == first


def test_a_correction_that_loses_some_readings_is_told_and_loaded(place, load, caplog):
    place.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0, 2.0, 3.0, 4.0]))
    load()
    place.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0, 2.0, 3.0]))

    _, published = load()

    assert published["rows_loaded"] == 3
    assert "corrections_lose_nothing: 1, must be = 0" in caplog.text


@pytest.mark.parametrize("body", [b"", b"\n", day_file(7, DAYS[0], [1.0])])
def test_a_correction_that_loses_most_is_refused_until_the_loss_is_accepted(body, place, load):
    place.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0, 2.0, 3.0, 4.0]))
    load()
    place.put_day(7, DAYS[0], body)
    # Other objects of the load, however large, do not make up for it.
    place.put_day(8, DAYS[0], day_file(8, DAYS[0], range(24)))

    with pytest.raises(ContractError, match="no_correction_loses_most: 1, must be = 0"):
        load()
    assert place.rows("SELECT count(*) FROM fact_pv_measurement") == [(4,)]
    load(accept_loss=True)

    assert place.rows("SELECT count(*) FROM fact_pv_measurement WHERE ss_id = 7") == [(body.count(b":00:00"),)]


def test_a_refused_line_takes_all_its_readings_into_the_account(place, load):
    lines = [f"2019-01-05 {hour:02d}:00:00,{hour},{hour},7" for hour in range(24)]
    lines[5] = lines[5].replace("2019-01-05", "2019-01-06")
    place.put_day(7, DAYS[0], "\n".join(["measured_on,ac_power__1,dc_power__2,system_id", *lines]).encode())

    _, published = load()

    assert (published["rows_read"], published["rows_loaded"], published["rows_quarantined"]) == (48, 46, 2)
    assert place.rows("SELECT observed, line FROM etl_quality WHERE check_name = 'quarantine'") == [(2.0, 7)]


def test_an_object_that_is_mostly_refused_stops_a_load_whose_share_of_rejects_is_small(place, load):
    lines = day_file(7, DAYS[0], [1.0, 2.0, 3.0]).replace(b"2019-01-05 ", b"1/5/2019 ")
    place.put_day(7, DAYS[0], lines)
    for ss_id in range(8, 18):
        place.put_day(ss_id, DAYS[0], day_file(ss_id, DAYS[0], range(24)))

    with pytest.raises(ContractError, match="no_object_mostly_refused: 1, must be = 0") as fault:
        load()

    assert "few_rejects" not in str(fault.value)


def test_what_is_lost_is_judged_by_the_plan_and_not_by_what_was_staged_before(place, load):
    catalogue = "pvdaq/csv/systems_20250601.csv"
    place.put_fixtures()
    for key in ("pvdaq/csv/systems_20241231.csv", "pvdaq/csv/systems_20250101.csv"):
        place.s3.delete_object(Bucket=place.bucket, Key=key)
    whole = place.s3.get_object(Bucket=place.bucket, Key=catalogue)["Body"].read()
    short = b"\r\n".join([*whole.split(b"\r\n")[:2], b""])
    place.put(catalogue, short)
    load("dim_system")
    place.put(catalogue, whole)
    load("dim_system")
    place.put(catalogue, short)

    with pytest.raises(ContractError, match="close_to_what_it_replaces: 12.5"):
        load("dim_system")

    assert place.rows("SELECT count(*) FROM dim_system") == [(8,)]


def test_systems_without_data_and_data_without_a_catalogue_row_are_reported_with_some_ids(place, load):
    place.put_fixtures()
    place.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0]))
    load()
    load("dim_system")

    found = {
        name: (observed, passed, message.partition(" Such as ")[2])
        for name, observed, passed, message in place.rows(
            "SELECT check_name, observed, passed, message FROM etl_quality WHERE table_name = 'dim_system'"
        )
    }
    assert found["catalogue_rows_have_data"] == (2.0, False, "34, 77.")
    assert found["data_have_a_catalogue_row"] == (1.0, False, "7.")
    assert found["nothing_that_cannot_be"] == (3.0, False, "10, 34, 77.")
    assert place.rows(f"SELECT COUNT(*) FROM {READINGS} WHERE ss_id = 7") == [(1,)]
    place.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0, 2.0]))
    load(systems=(7,))
    of_readings = place.rows(
        "SELECT message FROM etl_quality WHERE check_name = 'ss_id_in_dim_system' AND NOT passed ORDER BY checked_at"
    )
    assert of_readings[-1][0].endswith("their rows are loaded all the same. Such as 7.")


def test_the_manifest_names_every_file_with_its_checksum(staged):
    _, manifest = staged

    (entry,) = manifest["files"]
    body = (Path(manifest["attempt"].removeprefix("file://")) / entry["path"]).read_bytes()
    assert (entry["bytes"], entry["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert json.loads(json.dumps(manifest)) == manifest
    assert pq.ParquetFile(pa.BufferReader(body)).schema_arrow.equals(contract.load(FACT).arrow_schema)


@pytest.mark.parametrize("kind", ["rows", "quarantine"])
@pytest.mark.parametrize("part", ["all", "values"])
def test_a_staged_file_that_cannot_be_read_is_one_sentence_with_its_place(part, kind, place, shared_session):
    place.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0, "x", *range(20)]))
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    manifest = stage.stage(planned)
    (entry,) = [entry for entry in manifest["files"] if entry["kind"] == kind]
    path = Path(manifest["attempt"].removeprefix("file://")) / entry["path"]
    body = path.read_bytes()
    # Of the same size, so that the manifest counts; with the footer that says what is where, or without it.
    footer = 0 if part == "all" else 8 + int.from_bytes(body[-8:-4], "little")
    path.write_bytes(bytes(len(body) - footer) + body[len(body) - footer :])

    with pytest.raises(StagingError, match="cannot be read") as fault:
        check.check(planned)

    assert manifest["attempt"] in str(fault.value)


@pytest.mark.parametrize("table", ["dim_system", "dim_system_region"])
def test_an_edition_of_the_catalogue_without_a_line_stops_the_load(table, place, shared_session_without_spark):
    place.put_fixtures()
    header = (FIXTURES / "dim_system/pvdaq/csv/systems_20250601.csv").read_bytes().partition(b"\n")[0] + b"\n"
    place.put("pvdaq/csv/systems_20260101.csv", header)
    (planned,) = plan.plan(table, Window()).plans
    stage.stage(planned)

    with pytest.raises(ContractError, match="no_empty_edition: 1, must be = 0.*Such as pvdaq/csv/systems_20260101.csv"):
        check.check(planned)

    assert ledger.state(table).head == 0


@pytest.mark.parametrize(
    ("quarantined", "percent", "beside"),
    [
        # 2 of 100 lines of an edition are 2 % of it, and 0.5 of all that there is.
        ({"pvdaq/csv/systems_20260101.csv": 2}, 2.0, 0),
        # A document fills blanks and is none of the catalogue's business.
        ({"pvdaq/csv/system_metadata/7_system_metadata.json": 1}, 0.0, 1),
        ({}, 0.0, 0),
    ],
)
def test_refused_lines_are_judged_by_their_own_edition_and_documents_apart(quarantined, percent, beside):
    rows = {
        "pvdaq/csv/systems_20250601.csv": 100,
        "pvdaq/csv/systems_20260101.csv": 100,
        "pvdaq/parquet/part-0.parquet": 0,
    }
    rows |= {f"pvdaq/csv/system_metadata/{ss_id}_system_metadata.json": 1 for ss_id in range(1, 201)}
    objects = [
        {"object_key": key, "rows_read": count, "rows_quarantined": quarantined.get(key, 0)}
        for key, count in rows.items()
    ]
    rules = {rule.name: rule for rule in contract.load("dim_system").checks}

    with check._engine() as engine:
        engine.register("objects", pa.Table.from_pylist(objects, check.OBJECTS))
        ((observed,),) = check._answer(engine, rules["few_rejects"].query)
        ((others,),) = check._answer(engine, rules["few_rejects_beside_the_catalogue"].query)

    assert (observed, others) == (percent, beside)
    assert rules["few_rejects"].holds(observed) == (percent <= 1)
