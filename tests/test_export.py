"""The export: what is written where, once, with the same bytes; and what is refused with a sentence."""

import hashlib
import json
import sys
from contextlib import contextmanager
from datetime import date
from uuid import uuid4

import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, day_file, rarely

from jobs import cli, contract, described, export, export_files, staging
from jobs.errors import ExportError
from jobs.export import FACT
from jobs.listing import Window

FIFTH, SIXTH = date(2019, 1, 5), date(2019, 1, 6)
BOTH = Window(FIFTH, SIXTH)


@pytest.fixture
def shared(spark, monkeypatch):
    """Let exports use the tests' Spark session."""

    @contextmanager
    def ours(name):
        yield spark

    monkeypatch.setattr("jobs.export.session", ours)


@pytest.fixture
def two_systems(place, load, shared, shared_session_without_spark):
    """System 1 with two days of hours, system 2 with one."""
    place.put_day(1, FIFTH, day_file(1, FIFTH, [1000.0, 2000.0]))
    place.put_day(1, SIXTH, day_file(1, SIXTH, [500.0]))
    place.put_day(2, SIXTH, day_file(2, SIXTH, [7.0], "wind_speed__9"))
    load()
    return place


def files(folder):
    """All files of a folder that readers see, by their path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_file_per_system_and_month_with_every_time_and_a_document_that_says_what_it_is(two_systems, tmp_path):
    told, is_new = export.export(str(tmp_path / "out"), BOTH, "1h")

    assert is_new
    assert json.loads((tmp_path / "out/_export.json").read_text()) == told
    assert (told["first_day"], told["last_day"], told["systems"], told["step_seconds"]) == (
        "2019-01-05",
        "2019-01-06",
        [1, 2],
        3600,
    )
    assert [entry["path"] for entry in told["files"]] == [
        "ss_id=1/month=2019-01/part.parquet",
        "ss_id=2/month=2019-01/part.parquet",
    ]
    rows = pd.read_parquet(tmp_path / "out" / told["folder"])
    assert len(rows) == 2 * 48
    of_one = rows[rows.ss_id == 1].set_index("timestamp")
    assert of_one.value.dropna().to_dict() == {
        pd.Timestamp("2019-01-05 00:00"): 1000.0,
        pd.Timestamp("2019-01-05 01:00"): 2000.0,
        pd.Timestamp("2019-01-06 00:00"): 500.0,
    }
    assert told["channels"] == [
        {"ss_id": 1, "sensor": "ac_power__1", "quantity": "ac_power", "units": "W", "kind": "plain", "method": "mean",
         "intervals": 48, "with_value": 3, "valid": 3, "readings": 3},
        {"ss_id": 2, "sensor": "wind_speed__9", "quantity": "wind_speed", "units": "m/s", "kind": None,
         "method": "mean", "intervals": 48, "with_value": 1, "valid": 1, "readings": 1},
    ]  # fmt: skip


def test_the_document_leads_to_the_versions_of_the_source_and_says_whose_the_data_is(two_systems, tmp_path):
    told, _ = export.export(str(tmp_path / "out"), BOTH, "1h", overwrite=False)

    loaded = two_systems.rows(
        f"SELECT object_id, load_id, etag FROM etl_checkpoint WHERE table_name = '{FACT}' ORDER BY object_id"
    )
    made_of = [(entry["object_id"], entry["load_id"], entry["etag"]) for entry in told["made_of"][FACT]]
    assert (len(made_of), made_of) == (3, loaded)
    licences = (contract.TABLES / f"{FACT}.yaml").read_text()
    assert told["licence"] in licences
    assert "10.25984/1846021" in told["attribution"]
    assert list(told["columns"]) == [*export_files.COLUMNS, "ss_id"]
    assert told["mask"]["1"].startswith("sentinel")
    assert told["mask"]["1024"] == "no_value: no reading in the interval is a value"


def test_files_are_those_the_document_names_to_the_bit_with_its_columns(two_systems, tmp_path):
    told, _ = export.export(str(tmp_path / "out"), BOTH, "15min")

    for entry in told["files"]:
        path = tmp_path / "out" / told["folder"] / entry["path"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        assert pq.read_schema(path) == export_files.SCHEMA
        assert pq.read_metadata(path).num_rows == entry["rows"] == 192
    assert set(files(tmp_path / "out")) == {
        "_export.json",
        *(f"{told['folder']}/{entry['path']}" for entry in told["files"]),
    }


def test_the_same_export_elsewhere_has_the_same_bytes_however_spark_parts_its_rows(two_systems, tmp_path, spark):
    export.export(str(tmp_path / "one"), BOTH, "1h")
    spark.conf.set("spark.sql.shuffle.partitions", "3")
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "5")
    try:
        export.export(str(tmp_path / "two"), BOTH, "1h")
    finally:
        spark.conf.unset("spark.sql.shuffle.partitions")
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")

    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_row_groups_are_cut_by_number_whatever_the_batches(monkeypatch, tmp_path):
    monkeypatch.setattr(export_files, "ROW_GROUP", 10)
    columns = {name: [None] * 37 for name in export_files.COLUMNS} | {"reading_count": list(range(37))}
    rows = export_files.pa.table(columns, schema=export_files.SCHEMA)
    rows = rows.append_column("path", export_files.pa.array(["ss_id=1/month=2019-01"] * 25 + ["ss_id=2/month=x"] * 12))

    for size in (3, 10, 37):
        reports = list(export_files.written(rows.to_batches(max_chunksize=size), f"file://{tmp_path}/{size}"))
        assert [(file["path"], file["rows"]) for file, _ in reports] == [
            ("ss_id=1/month=2019-01/part.parquet", 25),
            ("ss_id=2/month=x/part.parquet", 12),
        ]
        stored = pq.ParquetFile(tmp_path / str(size) / "ss_id=1/month=2019-01/part.parquet")
        assert [stored.metadata.row_group(number).num_rows for number in range(3)] == [10, 10, 5]
        assert stored.read()["reading_count"].to_pylist() == list(range(25))
    assert files(tmp_path / "3") == files(tmp_path / "10") == files(tmp_path / "37")


def test_a_second_run_changes_nothing_and_needs_no_spark(two_systems, tmp_path, monkeypatch):
    export.export(str(tmp_path / "out"), BOTH, "1h")
    before = files(tmp_path / "out")
    monkeypatch.setattr("jobs.export.session", None)

    _, is_new = export.export(str(tmp_path / "out"), BOTH, "1h")

    assert (is_new, files(tmp_path / "out")) == (False, before)


@pytest.mark.exhaustive
def test_an_export_that_lost_a_file_is_made_again(two_systems, tmp_path):
    told, _ = export.export(str(tmp_path / "out"), BOTH, "1h")
    before = files(tmp_path / "out")
    (tmp_path / "out" / told["folder"] / told["files"][0]["path"]).unlink()

    _, is_new = export.export(str(tmp_path / "out"), BOTH, "1h")

    assert (is_new, files(tmp_path / "out")) == (True, before)


def test_another_export_in_the_folder_stays_unless_its_place_is_taken(two_systems, tmp_path):
    export.export(str(tmp_path / "out"), BOTH, "1h")
    before = files(tmp_path / "out")

    with pytest.raises(
        ExportError, match=r"another export \(2019-01-05 to 2019-01-06, systems \[1, 2\], step 3600 s\)"
    ):
        export.export(str(tmp_path / "out"), BOTH, "15min")
    assert files(tmp_path / "out") == before

    told, _ = export.export(str(tmp_path / "out"), BOTH, "15min", overwrite=True)
    assert {path.partition("/")[0] for path in files(tmp_path / "out")} == {"_export.json", told["folder"]}
    assert told["step_seconds"] == 900


def test_a_corrected_file_makes_another_export(two_systems, tmp_path, load):
    export.export(str(tmp_path / "out"), BOTH, "1h")
    two_systems.put_day(1, FIFTH, day_file(1, FIFTH, [1500.0, 2000.0]))
    load()

    with pytest.raises(ExportError, match="or what it was made of has changed since"):
        export.export(str(tmp_path / "out"), BOTH, "1h")
    told, _ = export.export(str(tmp_path / "out"), BOTH, "1h", overwrite=True)

    rows = pd.read_parquet(tmp_path / "out" / told["folder"])
    assert rows.value.dropna().tolist() == [1500.0, 2000.0, 500.0, 7.0]


def test_an_export_that_fails_leaves_no_document_and_the_next_one_is_whole(two_systems, tmp_path, monkeypatch):
    out = str(tmp_path / "out")
    with monkeypatch.context() as killed:
        killed.setattr(staging, "create_json", lambda uri, content: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export.export(out, BOTH, "1h")
    assert not (tmp_path / "out/_export.json").exists()

    told, is_new = export.export(out, BOTH, "1h")

    assert is_new
    assert {path.partition("/")[0] for path in files(tmp_path / "out")} == {"_export.json", told["folder"]}


def killed_in(monkeypatch, step, take_place):
    """Take the place of an export, or make the first one, and be killed at a step of it."""
    with monkeypatch.context() as killed:
        if step == "rows":
            write = export_files.write

            def some(rows, folder, parts):
                write(rows, folder, parts)
                raise KeyboardInterrupt

            killed.setattr(export_files, "write", some)
        else:

            def die(*_):
                raise KeyboardInterrupt

            killed.setattr(staging, step, die)
        with pytest.raises(KeyboardInterrupt):
            take_place()


@pytest.mark.parametrize("step", ["rows", *map(rarely, ("write_json", "folders", "discard"))])
def test_whoever_reads_the_whole_folder_after_a_killed_run_and_another_has_each_row_once(
    step, two_systems, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    export.export(str(out), BOTH, "1d")

    killed_in(monkeypatch, step, lambda: export.export(str(out), BOTH, "1h", overwrite=True))

    # Up to the document it is the old export that stands there, from it on the new one; each is made again.
    named = json.loads((out / "_export.json").read_text())["step_seconds"]
    assert named == (86_400 if step in ("rows", "write_json") else 3600)
    told, is_new = export.export(str(out), BOTH, "1d" if named == 86_400 else "1h")
    assert not is_new
    assert {path.name for path in out.iterdir()} == {"_export.json", told["folder"]}
    assert ds.dataset(out).to_table().num_rows == 2 * 2 * 86_400 / named


@pytest.mark.exhaustive
def test_rows_of_a_killed_first_run_go_when_another_export_is_made(two_systems, tmp_path, monkeypatch):
    out = tmp_path / "out"
    killed_in(monkeypatch, "create_json", lambda: export.export(str(out), BOTH, "1d"))

    told, is_new = export.export(str(out), BOTH, "1h")

    assert is_new
    assert {path.name for path in out.iterdir()} == {"_export.json", told["folder"]}


@pytest.mark.exhaustive
def test_an_export_that_is_overtaken_does_not_name_files_that_the_other_took_away(two_systems, tmp_path, monkeypatch):
    out = tmp_path / "out"
    before, _ = export.export(str(out), BOTH, "1d")
    write = export_files.write

    def overtaken(rows, folder, parts):
        made = write(rows, folder, parts)
        monkeypatch.setattr(export_files, "write", write)
        assert not export.export(str(out), BOTH, "1d")[1]
        return made

    monkeypatch.setattr(export_files, "write", overtaken)
    with pytest.raises(ExportError, match="another process has exported to .* in the meantime"):
        export.export(str(out), BOTH, "1h", overwrite=True)

    assert json.loads((out / "_export.json").read_text()) == before
    assert {path.name for path in out.iterdir()} == {"_export.json", before["folder"]}


@pytest.mark.exhaustive
def test_the_order_of_the_dimension_in_the_warehouse_changes_nothing(place, load, shared, tmp_path, monkeypatch):
    place.put_fixtures()
    load("dim_sensor")
    load()
    window = Window(FIFTH, SIXTH, (1,))
    told, _ = export.export(str(tmp_path / "one"), window, "1h")
    ours = described.dimension

    def backwards(*asked):
        return {ss_id: rows[::-1] for ss_id, rows in ours(*asked).items()}

    monkeypatch.setattr(described, "dimension", backwards)
    export.export(str(tmp_path / "two"), window, "1h")

    assert len(told["made_of"]["dim_sensor"]) > 1
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_the_reading_before_the_first_midnight_comes_from_the_file_of_the_day_before(place, load, shared, tmp_path):
    for day, lines in {
        FIFTH: ["2019-01-05 22:59:59,1,1", "2019-01-05 23:59:59,2,1"],
        SIXTH: ["2019-01-06 00:59:59,3,1", "2019-01-06 22:59:59,4,1", "2019-01-06 23:59:59,5,1"],
    }.items():
        place.put_day(1, day, "\n".join(["measured_on,ac_power__1,system_id", *lines, ""]).encode())
    place.put_day(2, FIFTH, day_file(2, FIFTH, [7.0]))
    load()

    told, _ = export.export(str(tmp_path / "out"), Window(SIXTH, SIXTH), "1h")

    rows = pd.read_parquet(tmp_path / "out" / told["folder"]).dropna(subset="value")
    assert {f"{row.timestamp:%d %H:%M}": row.value for row in rows.itertuples()} == {
        "06 00:00": 2.0,
        "06 01:00": 3.0,
        "06 23:00": 4.0,
    }
    assert (told["systems"], len(told["made_of"][FACT])) == ([1], 2)


@pytest.mark.exhaustive
def test_of_two_at_once_in_one_folder_the_first_one_stays(two_systems, tmp_path, monkeypatch):
    out = str(tmp_path / "out")
    first, _ = export.export(str(tmp_path / "elsewhere"), BOTH, "15min")
    ours = staging.create_json

    def late(uri, content):
        staging.write_json(uri, first)
        return ours(uri, content)

    monkeypatch.setattr(staging, "create_json", late)
    with pytest.raises(ExportError, match="has another export"):
        export.export(out, BOTH, "1h")

    assert json.loads((tmp_path / "out/_export.json").read_text())["export_id"] == first["export_id"]


@pytest.mark.parametrize("kind", [rarely("s3"), "gs"])
def test_an_export_goes_to_a_bucket_as_to_a_folder(kind, two_systems, tmp_path, google):
    if kind == "gs" and not google.bucket:
        pytest.skip("there is no bucket")
    local, _ = export.export(str(tmp_path / "out"), BOTH, "1h")
    where = f"s3://{two_systems.bucket}/exports/it/" if kind == "s3" else f"gs://{google.bucket}/{uuid4().hex}"

    told, is_new = export.export(where, BOTH, "1h")

    assert (is_new, told) == (True, local)
    filesystem, path = staging.filesystem(where.rstrip("/"))
    rows = ds.dataset(f"{path}/{told['folder']}", filesystem=filesystem, partitioning="hive").to_table()
    assert rows.num_rows == 96
    staging.write(f"{where.rstrip('/')}/rows-{'0' * 32}/ss_id=1/month=2019-01/part.parquet", b"left by a killed run")
    assert not export.export(where, BOTH, "1h")[1]
    assert staging.folders(where.rstrip("/")) == [told["folder"]]


def test_the_unit_and_the_kind_come_from_the_dimension_where_there_is_one(place, load, shared, tmp_path):
    place.put_fixtures()
    load("dim_sensor")
    load()

    told, _ = export.export(str(tmp_path / "out"), Window(FIFTH, SIXTH, (1,)), "1h")

    sensors = place.rows("SELECT sensor, source_type FROM dim_sensor WHERE ss_id = 1 ORDER BY sensor")
    assert sorted((row["sensor"], row["source_type"]) for row in told["made_of"]["dim_sensor"]) == sensors != []


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Window(FIFTH, SIXTH, (1, 3, 99)), "system 3 is not loaded; system 99 is not loaded"),
        (Window(FIFTH, FIFTH, (2,)), "for 2019-01-05 to 2019-01-05, systems 2; nothing was exported: "
                                     "system 2 has files of 2019-01-06 to 2019-01-06"),
        (Window(date(2020, 1, 1), date(2020, 1, 2)), "system 1 has files of 2019-01-05 to 2019-01-06; system 2 has"),
    ],
)  # fmt: skip
def test_systems_without_readings_are_all_named(window, said, two_systems, tmp_path):
    with pytest.raises(ExportError) as refused:
        export.export(str(tmp_path / "out"), window, "1h")

    assert said in str(refused.value)
    assert files(tmp_path) == {path: body for path, body in files(tmp_path).items() if "out" not in path}


def test_a_day_that_is_loaded_and_empty_has_nothing_to_export(place, load, shared, tmp_path):
    place.put_day(1, FIFTH, day_file(1, FIFTH, []))
    load()

    with pytest.raises(ExportError, match="system 1 has files of 2019-01-05 to 2019-01-05"):
        export.export(str(tmp_path / "out"), Window(FIFTH, FIFTH, (1,)), "1h")
    assert not (tmp_path / "out/_export.json").exists()


@pytest.mark.exhaustive
def test_a_refused_export_leaves_no_rows_of_the_systems_that_have_some(place, load, shared, tmp_path):
    place.put_day(1, FIFTH, day_file(1, FIFTH, [1.0]))
    place.put_day(2, FIFTH, day_file(2, FIFTH, []))
    load()

    with pytest.raises(ExportError, match="system 2 has files of 2019-01-05 to 2019-01-05"):
        export.export(str(tmp_path / "out"), Window(FIFTH, FIFTH, (1, 2)), "1h")
    assert files(tmp_path / "out") == {}
    assert not list((tmp_path / "out").iterdir())


def test_where_nothing_is_loaded_the_sentence_says_how_to(place, tmp_path):
    with pytest.raises(ExportError, match="holds nothing yet.*python -m jobs run fact_pv_measurement"):
        export.export(str(tmp_path / "out"), BOTH, "1h")


@pytest.mark.parametrize("step", ["7min", "0s", "", "15", "1w", "-1h", "25h", "1.5h"])
def test_a_step_that_does_not_divide_the_day_is_refused(step):
    with pytest.raises(ExportError, match="divides the day, such as 30s, 15min or 1h, and not"):
        export.step_seconds(step)


def test_steps_are_seconds():
    assert [export.step_seconds(step) for step in ("30s", "15min", "1h", "1d")] == [30, 900, 3600, 86_400]


def test_a_place_of_another_kind_is_refused():
    with pytest.raises(ExportError, match="and not to https://example.org/x"):
        export.export("https://example.org/x", BOTH, "1h")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--systems", "1"), 2, "an export is of a window; give --from and --to"),
        (("--from", "2019-01-05", "--to", "2019-01-06", "--step", "7min"), 1, "error: a step is a number"),
        (("--from", "2019-01-05", "--to", "2019-01-06"), 1, "error: fact_pv_measurement holds nothing yet"),
    ],
)
def test_the_command_line_says_what_it_lacks(arguments, code, said, place, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["jobs", "export", "--to-folder", str(tmp_path / "out"), *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == code
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.exhaustive
def test_the_command_line_and_the_lines_of_the_readme_work(place, load, shared, tmp_path, monkeypatch):
    place.put_day(34, FIFTH, day_file(34, FIFTH, [hour**2 for hour in range(24)], "ac_power_hw__2695"))
    load()
    code, out, err = place.run(
        "export", "--systems", "34", "--from", "2019-01-05", "--to", "2019-01-05", "--to-folder", str(tmp_path / "it")
    )
    assert code == 0, err
    assert "ac_power_hw__2695" in out

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (lines,) = (part.split("```")[0] for part in readme.split("```python\n")[1:] if "_export.json" in part)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(lines, names)

    assert names["power"].columns.tolist() == ["ac_power_hw__2695"]
    assert names["power"].index.tolist() == list(pd.date_range("2019-01-05", periods=96, freq="15min"))
    assert names["power"].sum().tolist() == [4_324.0]
