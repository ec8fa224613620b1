"""The staging area, on a local file system and on S3: the first manifest wins, and only whole loads count."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import DAYS, day_file, forget

from jobs import staging
from jobs.errors import StagingError


@pytest.fixture(params=["file", "s3"])
def area(request, place, monkeypatch):
    """A staging area of each kind."""
    if request.param == "s3":
        place.s3.create_bucket(Bucket=f"staging-{place.bucket}")
        monkeypatch.setenv("STAGING", f"s3://staging-{place.bucket}/lake")
        forget()
    return place


def manifest(attempt, files=()):
    return {"attempt": attempt, "files": list(files)}


def test_a_document_is_read_as_it_was_written_and_none_where_there_is_none(area):
    uri = f"{staging.folder('t', 'l')}/x.json"

    assert staging.read_json(uri) is None
    staging.write_json(uri, {"a": DAYS[0]})
    staging.write_json(uri, {"a": [1, None]})

    assert staging.read_json(uri) == {"a": [1, None]}


def test_only_one_of_many_creates_a_document(area):
    uri = f"{staging.folder('t', 'l')}/x.json"

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: staging.create_json(uri, {"by": number}), range(8)))

    assert won.count(True) == 1
    assert staging.read_json(uri) == {"by": won.index(True)}


def test_the_first_manifest_wins_and_the_loser_takes_its_files_away(area):
    first, second = staging.new_attempt("t", "l"), staging.new_attempt("t", "l")
    for attempt in (first, second):
        staging.write_json(f"{attempt}/part.json", {})
    size = len(b"{}\n")
    entry = {"path": "part.json", "bytes": size}

    assert staging.write_manifest("t", "l", manifest(first, [entry]))["attempt"] == first
    assert staging.write_manifest("t", "l", manifest(second, [entry]))["attempt"] == first

    assert staging.read_manifest("t", "l")["attempt"] == first
    assert staging.read_json(f"{second}/part.json") is None


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_manifest_whose_files_are_not_whole_does_not_count(area, damage):
    attempt = staging.new_attempt("t", "l")
    staging.write_json(f"{attempt}/part.json", {"a": 1})
    whole = len(b'{\n "a": 1\n}\n')
    staging.write_manifest("t", "l", manifest(attempt, [{"path": "part.json", "bytes": whole}]))
    assert staging.read_manifest("t", "l") is not None

    if damage == "gone":
        staging.remove(attempt)
    else:
        staging.write_json(f"{attempt}/part.json", {})

    assert staging.read_manifest("t", "l") is None


def test_a_document_that_is_no_json_is_named(place):
    uri = f"{staging.folder('t', 'l')}/x.json"
    path = place.folder / "staging/t/load_id=l/x.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")

    with pytest.raises(StagingError, match="x.json is not the JSON document it should be"):
        staging.read_json(uri)


def test_a_load_by_way_of_s3_gives_the_same_rows(area, load):
    area.put_day(7, DAYS[0], day_file(7, DAYS[0], [1.0, 2.0]))

    load()

    assert [row[4] for row in area.facts()] == [1.0, 2.0]
