"""Landing a published file: where it goes, what is said of it, and that it never changes."""

import hashlib
import json
from datetime import date

import pytest
from test_campd import HEADER, line
from test_facilities import EL_PASO, facility, file_of

from jobs.errors import LoadError, SourceError
from jobs.landing import land

RATES = b"data_year,level,region,pollutant,resource,rate_lb_per_mwh\n2024,national,US,CO2,Distributed PV,1422.8\n"
KEY = "emissions/avert/2025-05-01_2024/rates.csv"
WHEN, ORIGIN = date(2025, 5, 1), "https://www.epa.gov/avert/rates.xlsx"


@pytest.fixture
def rates(place, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", place.server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", place.server.secret_key)
    file = tmp_path / "AVERT rates (final).csv"
    file.write_bytes(RATES)
    return file


def body(place, key):
    return place.s3.get_object(Bucket=place.bucket, Key=key)["Body"].read()


def provenance():
    return f"{KEY}.{hashlib.sha256(RATES).hexdigest()[:16]}.provenance.json"


def test_a_file_lands_under_its_layout_day_and_edition_with_its_provenance(place, rates):
    landed = land(rates, "avert_rates", "2024", WHEN, ORIGIN)

    assert (landed.uri, landed.is_new) == (f"s3://{place.bucket}/{KEY}", True)
    assert body(place, KEY) == RATES
    assert json.loads(body(place, provenance())) == {
        "layout": "avert_rates",
        "edition": "2024",
        "published_on": "2025-05-01",
        "origin": ORIGIN,
        "file_name": "AVERT rates (final).csv",
        "sha256": hashlib.sha256(RATES).hexdigest(),
        "size_bytes": len(RATES),
    }


def test_the_same_bytes_again_change_nothing_and_other_bytes_are_refused(place, rates):
    land(rates, "avert_rates", "2024", WHEN, ORIGIN)

    assert not land(rates, "avert_rates", "2024", WHEN, ORIGIN).is_new
    rates.write_bytes(RATES.replace(b"1422.8", b"1422.9"))
    with pytest.raises(SourceError, match=f"{KEY} has landed with other bytes .* give it an edition of its own"):
        land(rates, "avert_rates", "2024", WHEN, "https://elsewhere")

    assert body(place, KEY) == RATES
    assert json.loads(body(place, provenance()))["origin"] == ORIGIN


def test_an_edition_lands_once_whatever_the_day(place, rates):
    land(rates, "avert_rates", "2024", WHEN, ORIGIN)

    with pytest.raises(SourceError, match=f"the edition 2024 has landed as s3://{place.bucket}/{KEY}, on another day"):
        land(rates, "avert_rates", "2024", date(2025, 5, 2), ORIGIN)


def test_the_files_of_one_edition_are_told_by_their_own_names(place, rates, tmp_path):
    for name, state in (("emissions-hourly-2023-ca.csv", "CA"), ("emissions-hourly-2023-nv.csv", "NV")):
        (tmp_path / name).write_text(f"{HEADER}\n{line(state=state)}\n")
        landed = land(tmp_path / name, "campd_hourly", "2024-02", WHEN, ORIGIN)
        assert landed.uri == f"s3://{place.bucket}/emissions/campd/2025-05-01_2024-02/{name}"

    with pytest.raises(SourceError, match="the edition 2024-02 has landed as .*-2023-nv.csv, on another day"):
        land(tmp_path / name, "campd_hourly", "2024-02", date(2025, 5, 2), ORIGIN)
    with pytest.raises(LoadError, match=r"the name of an edition, or AVERT rates \(final\).csv that of its file"):
        land(rates, "campd_hourly", "2024-02", WHEN, ORIGIN)


def test_a_file_of_facilities_lands_beside_the_hours_and_is_held_to_its_header(place, rates, tmp_path):
    file = tmp_path / "facility-2023.csv"
    file.write_bytes(file_of(facility(3456, EL_PASO)))

    landed = land(file, "campd_facilities", "2024-02", WHEN, ORIGIN)

    assert landed.uri == f"s3://{place.bucket}/emissions/campd/2025-05-01_2024-02/facility-2023.csv"
    file.write_bytes(file_of(header="State,Facility ID"))
    with pytest.raises(SourceError, match="lacks the columns Latitude, Longitude; .*; nothing was landed"):
        land(file, "campd_facilities", "2024-03", WHEN, ORIGIN)


def test_of_two_who_land_one_edition_at_once_the_second_is_told(place, rates, monkeypatch):
    monkeypatch.setattr("jobs.objects.Bucket.described", lambda bucket, key: None)
    land(rates, "avert_rates", "2024", WHEN, ORIGIN)
    rates.write_bytes(RATES.replace(b"1422.8", b"1422.9"))

    with pytest.raises(SourceError, match=f"{KEY} was landed by somebody else just now"):
        land(rates, "avert_rates", "2024", WHEN, ORIGIN)

    assert body(place, KEY) == RATES
    assert json.loads(body(place, provenance()))["sha256"] == hashlib.sha256(RATES).hexdigest()


def test_a_file_that_could_not_be_loaded_does_not_land(place, rates):
    rates.write_bytes(b"<html>Not found</html>")

    with pytest.raises(SourceError, match="lacks the columns data_year, .*; nothing was landed"):
        land(rates, "avert_rates", "2024", WHEN, ORIGIN)

    assert "Contents" not in place.s3.list_objects_v2(Bucket=place.bucket)


def test_a_file_that_has_landed_is_loaded_and_its_provenance_is_not(place, rates, load):
    land(rates, "avert_rates", "2024", WHEN, ORIGIN)

    found, published = load("dim_emission_factor", (None, None))

    assert (found.new, published["rows_loaded"]) == (1, 1)


@pytest.mark.parametrize(
    ("layout", "edition", "sentence"),
    [
        (
            "avert",
            "2024",
            "there is no layout 'avert' in the landing bucket; there are .*avert_rates, .*cpi, .*ef_hub",
        ),
        (
            "avert_rates",
            "20/24",
            "'20/24' cannot be the name of an edition: it would land as emissions/avert/2025-05-01",
        ),
        ("avert_rates", "", "'' cannot be the name of an edition"),
        ("avert_rates", " 2024", "' 2024' cannot be the name of an edition"),
    ],
)
def test_what_cannot_land_is_told_and_nothing_lands(place, rates, layout, edition, sentence):
    with pytest.raises(LoadError, match=sentence):
        land(rates, layout, edition, WHEN, ORIGIN)

    assert "Contents" not in place.s3.list_objects_v2(Bucket=place.bucket)


def test_an_empty_file_does_not_land(place, rates):
    rates.write_bytes(b"")

    with pytest.raises(LoadError, match="is empty; nothing was landed"):
        land(rates, "avert_rates", "2024", WHEN, ORIGIN)


def test_a_bucket_that_may_not_be_written_is_one_sentence(place, rates, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    with pytest.raises(SourceError, match=f"s3://{place.bucket}/emissions/avert/ may not be read"):
        land(rates, "avert_rates", "2024", WHEN, ORIGIN)


def test_the_command_says_where_it_went_and_that_it_is_there_already(place, rates):
    words = ["land", str(rates), "--layout", "avert_rates", "--edition", "2024"]
    words += ["--published-on", "2025-05-01", "--origin", ORIGIN]

    once = place.command(*words)
    said, _ = once.communicate(timeout=120)
    again, _ = place.command(*words).communicate(timeout=120)

    assert (once.returncode, said.splitlines()[0]) == (0, f"landed s3://{place.bucket}/{KEY}")
    assert again.splitlines()[0] == f"is there already, the same bytes: s3://{place.bucket}/{KEY}"


def test_what_comes_in_several_formats_keeps_the_ending_of_its_own(place, rates, tmp_path):
    units = "Cost Object,Fiscal Year,Department Id,Department,School or Area\n1,2023,D,Dep,School\n"
    for name in ("units.CSV", "units.xls"):
        (tmp_path / name).write_text(units)

    landed = land(tmp_path / "units.CSV", "org_units", "fy2023", WHEN, "office")

    assert landed.uri == f"s3://{place.bucket}/emissions/org_units/2025-05-01_fy2023/org_units.csv"
    with pytest.raises(LoadError, match=r"units.xls is none of .csv, .parquet, .xlsx; nothing was landed"):
        land(tmp_path / "units.xls", "org_units", "fy2024", WHEN, "office")
