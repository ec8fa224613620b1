"""What bad input gets: a clear sentence that names the thing, and nothing published."""

import socket
import subprocess
import sys
import threading
from datetime import date

import pyarrow as pa
import pytest
from conftest import DAYS, day_file, day_key, forget

from jobs import cli, ledger, plan, stage
from jobs.errors import ContractError, LoadError, SourceError, UnreachableError
from jobs.listing import Window
from jobs.systems import refuse_unknown

FACT = "fact_pv_measurement"
FIFTH, SIXTH = DAYS[0], date(2019, 1, 6)


def command(capsys, monkeypatch, *arguments):
    """Run the command line in this process: exit code, output, errors."""
    monkeypatch.setattr("sys.argv", ["jobs", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


def run(capsys, monkeypatch):
    return command(capsys, monkeypatch, "run", FACT, "--from", "2019-01-05", "--to", "2019-01-08", "--systems", "7")


def nothing_was_published():
    return ledger.state(FACT).head == 0


def test_refused_rows_are_in_etl_quality_with_file_line_and_reason(place, load):
    place.put_fixtures()

    load()

    assert place.rows(
        "SELECT parse_filename(object_key), line, column_name, message, raw_text, severity, passed FROM etl_quality "
        "WHERE check_name = 'quarantine' ORDER BY object_key, line"
    ) == [
        ("system_1__date_2019_01_05.csv", 6, "ac_power__101", "not a number", "n/a", "info", False),
        (
            "system_1__date_2019_01_06.csv",
            1,
            "pyranometer_signal__105",
            "unit not established: stored in mV: a raw signal whose calibration is not published",
            "8.05 at 2019-01-06 12:00:01",
            "info",
            False,
        ),
        (
            "system_1__date_2019_01_06.csv",
            6,
            None,
            "expected 5 cells, found 4",
            "2019-01-06 12:15:00,2190.0,,",
            "info",
            False,
        ),
    ]


def test_more_rejects_than_the_contract_allows_stop_the_load(place, load):
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, "x", 3.0]))

    with pytest.raises(ContractError, match=r"few_rejects: 33.3333, must be <= 5") as fault:
        load()

    assert nothing_was_published()
    assert place.rows("SELECT severity, passed, expected FROM etl_quality WHERE check_name = 'few_rejects'") == [
        ("error", False, "<= 5")
    ]
    assert place.rows("SELECT line, raw_text FROM etl_quality WHERE check_name = 'quarantine'") == [(3, "x")]
    assert f"refused: {day_key(7, FIFTH)} line 3, ac_power__1: not a number: 'x'" in str(fault.value)


def test_every_unreadable_object_is_named_and_nothing_is_published(place, load):
    place.put_day(7, FIFTH, b"<html>")
    place.put_day(7, SIXTH, b"ac_power__1,system_id\n1.0,7\n")
    place.put_day(8, FIFTH, day_file(8, FIFTH, [1.0]))

    with pytest.raises(SourceError) as fault:
        load()

    assert str(fault.value) == (
        "fact_pv_measurement: 2 of 3 objects cannot be loaded; nothing was published:\n"
        f"  s3://{place.bucket}/{day_key(7, FIFTH)} has no column measured_on; its first line is '<html>'\n"
        f"  s3://{place.bucket}/{day_key(7, SIXTH)} has no column measured_on; "
        "its first line is 'ac_power__1,system_id'"
    )
    assert nothing_was_published()
    assert not list((place.folder / "staging").rglob("attempt=*")), "a failed attempt leaves no files"


def test_an_object_that_goes_between_listing_and_reading_is_reported(place, shared_session):
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0]))
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    place.s3.delete_object(Bucket=place.bucket, Key=day_key(7, FIFTH))

    with pytest.raises(SourceError, match=r"date_2019_01_05.csv was listed but is gone \(404\); plan again"):
        stage.stage(planned)


def test_an_object_that_changes_between_listing_and_reading_is_reported(place, shared_session):
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0]))
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0, 2.0]))

    with pytest.raises(SourceError, match="date_2019_01_05.csv changed after it was listed: planned ETag"):
        stage.stage(planned)


def test_objects_that_may_not_be_read_are_named(server, place, shared_session, monkeypatch):
    closed = "closed-bucket"
    place.s3.create_bucket(Bucket=closed)
    for day in (FIFTH, SIXTH):
        place.s3.put_object(Bucket=closed, Key=day_key(7, day), Body=day_file(7, day, [1.0]))
    monkeypatch.setenv("PVDAQ_BUCKET", closed)
    forget()
    planned = plan.plan(FACT, Window(*DAYS, (7,))).plans[0]

    with pytest.raises(SourceError) as fault:
        stage.stage(planned)

    assert "2 of 2 objects cannot be loaded; nothing was published" in str(fault.value)
    for day in (FIFTH, SIXTH):
        assert f"s3://{closed}/{day_key(7, day)} may not be read (403 AccessDenied)" in str(fault.value)
    assert nothing_was_published()


@pytest.fixture
def silent_server():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = []
        over = threading.Event()
        listening.settimeout(0.1)

        def take():
            while not over.is_set():
                try:
                    taken.append(listening.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=take)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        over.set()
        thread.join()
        for connection in taken:
            connection.close()


def test_an_object_that_times_out_is_a_fault_and_not_a_gap(place, silent_server, monkeypatch):
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0]))
    planned = plan.plan(FACT, Window(*DAYS)).plans[0]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", silent_server)
    monkeypatch.setenv("S3_TIMEOUT_SECONDS", "0.2")
    forget()

    def here(spark, planned, attempt):
        plan.write(planned, f"{attempt}/groups/00000.plan.json")
        return [stage.stage_group(attempt, 0)]

    # Spark's workers keep the endpoint that their JVM was started with; the task itself is what is tried.
    monkeypatch.setattr(stage, "_on_spark", here)
    with pytest.raises(UnreachableError) as fault:
        stage.run(None, planned, lambda done, total: None)

    assert f"{day_key(7, FIFTH)} cannot be reached at {silent_server} (ReadTimeoutError)" in str(fault.value)
    assert "1 of 1 objects cannot be loaded; nothing was published" in str(fault.value)
    assert nothing_was_published()


def test_a_listing_that_times_out_is_one_sentence(place, silent_server, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", silent_server)
    monkeypatch.setenv("S3_TIMEOUT_SECONDS", "0.2")
    forget()

    code, _, err = run(capsys, monkeypatch)

    assert code == 1
    assert f"cannot be reached at {silent_server} (ReadTimeoutError); check AWS_ENDPOINT_URL_S3" in err


def test_a_wrong_endpoint_is_one_sentence(place, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    forget()

    code, _, err = run(capsys, monkeypatch)

    assert code == 1
    assert "cannot be reached at http://127.0.0.1:9 (EndpointConnectionError); check AWS_ENDPOINT_URL_S3" in err
    assert err.count("error:") == 1
    assert nothing_was_published()


def test_a_name_that_no_bucket_can_have_is_one_sentence(place, monkeypatch, capsys):
    monkeypatch.setenv("PVDAQ_BUCKET", "bad bucket!")
    forget()

    code, _, err = run(capsys, monkeypatch)

    assert code == 1
    assert "error: 'bad bucket!' cannot be the name of a bucket; check PVDAQ_BUCKET" in err


def test_a_missing_bucket_is_one_sentence(place, monkeypatch, capsys):
    monkeypatch.setenv("PVDAQ_BUCKET", "no-such-bucket")
    forget()

    code, _, err = run(capsys, monkeypatch)

    assert code == 1
    assert "error: bucket no-such-bucket does not exist at http://127.0.0.1:" in err


def test_of_the_landing_bucket_its_own_setting_is_named(place, monkeypatch, capsys):
    monkeypatch.setenv("LANDING_BUCKET", "no-such-bucket")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", place.server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", place.server.secret_key)
    forget()

    code, _, err = command(capsys, monkeypatch, "run", "dim_price_index")

    assert code == 1
    assert "error: bucket no-such-bucket does not exist at http://127.0.0.1:" in err
    assert "; check LANDING_BUCKET and AWS_ENDPOINT_URL_S3" in err


@pytest.mark.parametrize("fault", [KeyError("edition"), pa.ArrowInvalid("no such type"), SourceError("has no system")])
def test_what_cannot_be_made_of_all_objects_is_one_sentence_that_names_the_table(
    place, shared_session_without_spark, monkeypatch, fault
):
    def together(said):
        raise fault

    place.put_fixtures()
    monkeypatch.setattr("jobs.tables.dim_system.together", together)
    (planned,) = plan.plan("dim_system", Window()).plans

    with pytest.raises(SourceError) as told:
        stage.stage(planned)

    assert f"  dim_system cannot be made of its objects ({type(fault).__name__}: {fault})" in str(told.value)
    assert "nothing was published" in str(told.value)


def test_missing_credentials_are_one_sentence(place, monkeypatch, capsys):
    monkeypatch.setenv("PVDAQ_ANONYMOUS", "false")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    forget()

    code, _, err = run(capsys, monkeypatch)

    assert code == 1
    assert "needs credentials and none were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID" in err


def test_wrong_credentials_are_one_sentence_without_the_secret(place, monkeypatch, capsys):
    monkeypatch.setenv("PVDAQ_ANONYMOUS", "false")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    forget()

    code, out, err = run(capsys, monkeypatch)

    assert code == 1
    assert "may not be read (403 InvalidAccessKeyId)" in err
    assert "not-the-secret" not in out + err


def test_a_bucket_without_any_system_is_an_error(place, monkeypatch, capsys):
    code, _, err = command(capsys, monkeypatch, "plan", FACT)

    assert code == 1
    assert f"there is no folder system_id=... under s3://{place.bucket}/pvdaq/csv/pvdata/" in err


def test_a_bucket_without_a_catalogue_is_an_error(place, monkeypatch, capsys):
    code, _, err = command(capsys, monkeypatch, "run", "dim_system")

    assert code == 1
    assert "the source lists nothing that it is made of; the table stays as it is" in err


def test_a_system_without_objects_is_nothing_to_do_and_said(place, monkeypatch, capsys, caplog):
    code, out, _ = run(capsys, monkeypatch)

    assert code == 0
    assert "0 new" in out
    assert "has no object for 2019-01-05 to 2019-01-08, systems 7" in caplog.text
    assert "the source lists nothing to load" in out


def test_a_system_that_is_not_there_is_named_beside_one_that_is(place, load, caplog):
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0]))

    load(systems=(7, 8, 99999))

    assert "no object of system 8, 99999 in the window" in caplog.text


def test_systems_that_are_neither_in_the_catalogue_nor_in_the_bucket_are_refused_by_name(place, load):
    place.put_fixtures()
    place.put("pvdaq/2023-solar-data-prize/7333_5_min_OEDI/data/x.csv", b"")
    # Before there is a catalogue, 34 is unknown: it has a line there, and no folder.
    with pytest.raises(LoadError, match=f"there is no system 34: .* nor in the bucket .{place.bucket}.; nothing was"):
        refuse_unknown([1, 34])
    load("dim_system")

    refuse_unknown([])
    refuse_unknown([1, 34, 10, 7334])
    with pytest.raises(LoadError, match="there is no system 8, 7333: neither in the catalogue"):
        refuse_unknown([7333, 8, 1])


def test_a_corrected_catalogue_that_lost_its_systems_is_refused(place, load):
    place.put_fixtures()
    load("dim_system")
    lines = place.s3.get_object(Bucket=place.bucket, Key="pvdaq/csv/systems_20250601.csv")["Body"].read().split(b"\r\n")
    place.put("pvdaq/csv/systems_20250601.csv", b"\r\n".join([*lines[:1], b""]))

    # Of ten rows that of 77 and the last of 1 are lost; 10 and 34 are still described by others.
    with pytest.raises(ContractError, match=r"close_to_what_it_replaces: 20, must be <= 10. Rows lost"):
        load("dim_system")

    assert len(place.rows("SELECT * FROM dim_system")) == 10


def test_a_newer_catalogue_that_lost_its_systems_takes_no_row_and_is_said(place, load, caplog):
    place.put_fixtures()
    load("dim_system")
    before = place.rows("SELECT ss_id, valid_from, valid_to FROM dim_system ORDER BY ss_id, valid_from")
    lines = place.s3.get_object(Bucket=place.bucket, Key="pvdaq/csv/systems_20250601.csv")["Body"].read().split(b"\r\n")
    place.put("pvdaq/csv/systems_20250701.csv", b"\r\n".join([*lines[:2], b""]))

    load("dim_system")

    assert place.rows("SELECT ss_id, valid_from, valid_to FROM dim_system ORDER BY ss_id, valid_from") == before
    # Of eight systems only 1 is left.
    assert "few_have_left_the_catalogue: 87.5, must be <= 10" in caplog.text
    assert "their rows stay. Such as 10, 34, 77, 88, 901." in caplog.text


def test_a_key_that_names_no_real_day_is_an_error_that_shows_it(place):
    place.put(day_key(7, FIFTH).replace("day=5", "day=31").replace("month=1", "month=2"), b"")

    with pytest.raises(SourceError, match="a key names a day that does not exist: .*'month': '2', 'day': '31'"):
        plan.plan(FACT, Window(*DAYS, (7,)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", FACT, "--from", "2019-01-32", "--to", "2019-02-01"), "'2019-01-32' is not a day like 2019-01-31"),
        (("run", FACT, "--from", "2019-01-05"), "--from and --to go together"),
        (("run", FACT, "--systems", "34,abc"), "is not a list of system ids like 34,1332"),
        (("run", FACT, "--systems", "0"), "a system id is 1 or more"),
        (("run", FACT, "--systems", ""), "it names no system; leave it out for all of them"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_at_once(arguments, said, place, monkeypatch, capsys):
    code, _, err = command(capsys, monkeypatch, *arguments)

    assert code == 2
    assert said in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", FACT, "--from", "2019-01-05", "--to", "2019-01-04"), "ends on 2019-01-04, before it starts"),
        (
            ("run", "fact_nothing"),
            "no contract fact_nothing.yaml in jobs/tables; there are: dim_assumption, dim_emission_category, ",
        ),
        (("run", "etl_head"), "etl_head has no source of its own to plan"),
        (("stage", "file:///nowhere/plan.json"), "there is no plan file:///nowhere/plan.json"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments, said, place, monkeypatch, capsys):
    code, _, err = command(capsys, monkeypatch, *arguments)

    assert code == 1
    assert said in err
    assert err.count("error:") == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STAGING", "/tmp/x", "must be file:///absolute/path, s3://bucket/prefix or gs://bucket/prefix"),
        ("WAREHOUSE", "sqlite:///x", "must be duckdb:///absolute/path.duckdb"),
        ("S3_CONNECTIONS", "many", "S3_CONNECTIONS: Input should be a valid integer"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name, value, said, place, monkeypatch, capsys):
    monkeypatch.setenv(name, value)
    forget()

    code, _, err = command(capsys, monkeypatch, "status")

    assert code == 1
    assert said in err
    assert value not in err, "a value may be secret"


def test_a_warehouse_that_is_in_use_is_waited_for_and_then_named(place, monkeypatch, capsys):
    command(capsys, monkeypatch, "status")
    program = (
        "import sys, duckdb\n"
        f"connection = duckdb.connect({str(place.folder / 'warehouse.duckdb')!r})\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = place.command(launcher=(sys.executable, "-c", program), stdin=subprocess.PIPE)
    assert holder.stdout.readline() == "held\n"
    monkeypatch.setenv("WAREHOUSE_LOCK_SECONDS", "0.5")
    forget()

    code, _, err = command(capsys, monkeypatch, "status")
    holder.communicate("")

    assert code == 1
    assert "was in use by another process for 0.5 s; close it there" in err
