"""Planning: what is listed for a window, and what makes a load's identity."""

from datetime import date, timedelta

import pytest
from conftest import DAYS, READINGS, day_file, day_key, parquet_key

from jobs import plan, stage
from jobs.errors import LoadError
from jobs.listing import Window
from jobs.warehouse.bigquery import MOST_URIS

FACT = "fact_pv_measurement"
FIFTH, SIXTH = DAYS[0], date(2019, 1, 6)


@pytest.fixture
def listings(monkeypatch):
    """The prefixes that were listed: to find objects, and to find what they are read with."""
    from jobs.objects import Bucket

    prefixes, beside, list_objects = [], [], Bucket.objects

    def watched(bucket, asked, *progress):
        (prefixes if progress else beside).extend(asked)
        return list_objects(bucket, asked, *progress)

    monkeypatch.setattr(Bucket, "objects", watched)
    return prefixes, beside


@pytest.fixture
def listed(listings):
    """The prefixes that were listed to find objects."""
    return listings[0]


def planned_keys(window):
    found = plan.plan(FACT, window)
    return [entry.key for entry in found.plans[0].objects] if found.plans else []


def test_one_listing_per_system_and_year_each_to_its_slash(place, listed):
    place.put_day(7, FIFTH, b"")

    plan.plan(FACT, Window(date(2018, 12, 31), date(2019, 1, 1), (7, 8)))

    roots = "pvdaq/csv/pvdata/", "pvdaq/parquet/pvdata/"
    assert listed == [
        f"{root}system_id={ss_id}/year={year}/" for root in roots for ss_id in (7, 8) for year in (2018, 2019)
    ]


def test_all_days_are_one_listing_per_system_to_its_slash(place, listed):
    place.put_day(7, FIFTH, b"")

    plan.plan(FACT, Window(systems=(7, 8)))

    assert listed == [
        *(f"pvdaq/csv/pvdata/system_id={ss_id}/" for ss_id in (7, 8)),
        *(f"pvdaq/parquet/pvdata/system_id={ss_id}/" for ss_id in (7, 8)),
        *(f"pvdaq/2023-solar-data-prize/{ss_id}_OEDI/data/" for ss_id in (7, 8)),
    ]


def test_without_systems_all_that_the_bucket_has_are_listed(place, listed):
    for ss_id in (1, 10, 1332):
        place.put_day(ss_id, FIFTH, b"")

    assert planned_keys(Window(FIFTH, FIFTH)) == [day_key(ss_id, FIFTH) for ss_id in (1, 10, 1332)]
    assert listed == [f"pvdaq/csv/pvdata/system_id={ss_id}/year=2019/" for ss_id in (1, 10, 1332)]


def test_days_are_ordered_as_days_and_not_as_text(place):
    days = [date(2019, 1, day) for day in (2, 9, 10, 11, 30)]
    for day in days:
        place.put_day(7, day, b"")

    assert planned_keys(Window(days[0], days[-1], (7,))) == [day_key(7, day) for day in days]


def test_both_ends_of_a_window_are_included_and_no_more(place):
    for day in range(4, 9):
        place.put_day(7, date(2019, 1, day), b"")

    keys = planned_keys(Window(FIFTH, date(2019, 1, 7), (7,)))

    assert keys == [day_key(7, date(2019, 1, day)) for day in (5, 6, 7)]


def test_what_is_no_layout_of_the_contract_is_left_alone(place):
    place.put_day(7, FIFTH, b"")
    place.put(day_key(7, FIFTH).replace(".csv", ".pdf"), b"x")

    assert planned_keys(Window(None, None, (7,))) == [day_key(7, FIFTH)]


YEAR = "pvdaq/csv/pvdata/system_id=10109/year=2019/10109_ac_2019-01-01_2019-06-30.csv"
RECORD = "pvdaq/2023-solar-data-prize/2107_OEDI/data/2107_meter_15m_data.csv"
OF_7334 = "pvdaq/2023-solar-data-prize/7333_5_min_OEDI/data/7333_5_min_recorded.csv"


def test_a_file_of_a_year_is_of_every_window_that_touches_the_year(place):
    place.put(YEAR, b"x")

    assert planned_keys(Window(date(2019, 12, 31), date(2020, 1, 3))) == [YEAR]
    assert planned_keys(Window(date(2020, 1, 1), date(2020, 1, 3))) == []


def test_a_whole_record_is_planned_when_all_days_are_asked_for_and_by_no_days_run(place):
    place.put(RECORD, b"x")

    assert planned_keys(Window(None, None, (2107,))) == [RECORD]
    assert planned_keys(Window(FIFTH, FIFTH, (2107,))) == []


def test_a_folder_that_is_another_systems_is_found_by_that_system(place):
    place.put(OF_7334, b"x")

    (planned,) = plan.plan(FACT, Window(None, None, (7334,))).plans[0].objects
    assert (planned.key, planned.parts["ss_id"]) == (OF_7334, "7334")
    assert planned_keys(Window()) == [OF_7334]
    assert planned_keys(Window(None, None, (7333,))) == []


def test_an_object_is_read_with_its_systems_dictionary_and_no_other_systems(place):
    for ss_id in (4, 49, 4901):
        place.put(f"pvdaq/parquet/metrics/metrics__system_{ss_id}__part000.parquet", b"x")
    place.put(parquet_key(4, FIFTH), b"x")

    (planned,) = plan.plan(FACT, Window(systems=(4,))).plans[0].objects

    (companion,) = planned.companions
    assert companion[0] == "dictionary"
    assert companion[1].key == "pvdaq/parquet/metrics/metrics__system_4__part000.parquet"


def test_another_dictionary_makes_its_systems_objects_others_and_no_other_systems(place):
    for ss_id in (4, 49):
        place.put(parquet_key(ss_id, FIFTH), b"x")
        place.put(f"pvdaq/parquet/metrics/metrics__system_{ss_id}__part000.parquet", b"x")
    first = plan.plan(FACT, Window()).plans[0]
    place.put("pvdaq/parquet/metrics/metrics__system_4__part000.parquet", b"y")
    second = plan.plan(FACT, Window()).plans[0]

    assert first.load_id != second.load_id
    same = [one.object_id == other.object_id for one, other in zip(first.objects, second.objects, strict=True)]
    assert [entry.parts["ss_id"] for entry in first.objects] == ["4", "49"]
    assert same == [False, True]


def test_what_objects_are_read_with_costs_a_listing_per_system_and_of_many_systems_one_per_folder(place, listings):
    _, beside = listings
    for n in range(20):
        place.put_day(7, FIFTH + timedelta(days=n), b"x")
    plan.plan(FACT, Window())
    assert beside == ["pvdaq/csv/system_metadata/7_system_metadata", "pvdaq/parquet/metrics/metrics__system_7__"]

    beside.clear()
    others = [str(ss_id) for ss_id in range(70, 81)]
    for ss_id in others:
        place.put_day(int(ss_id), FIFTH, b"x")
        place.put(f"pvdaq/csv/system_metadata/{ss_id}_system_metadata.json", b"x")
        place.put(f"pvdaq/csv/system_metadata/{ss_id}_sat_image.jpg", b"x")
    found = plan.plan(FACT, Window(FIFTH, FIFTH)).plans[0]

    assert beside == ["pvdaq/csv/system_metadata/", "pvdaq/parquet/metrics/"]
    assert {entry.parts["ss_id"]: [version.key for _, version in entry.companions] for entry in found.objects} == {
        "7": [],
        **{ss_id: [f"pvdaq/csv/system_metadata/{ss_id}_system_metadata.json"] for ss_id in others},
    }


def test_a_newer_vintage_makes_the_older_one_another_object(place):
    place.put(RECORD, b"x")
    alone = plan.plan(FACT, Window()).plans[0].objects[0]
    newer = RECORD.replace(".csv", "_2025.csv")
    place.put(newer, b"y")

    older, latest = plan.plan(FACT, Window()).plans[0].objects

    assert (older.key, latest.key) == (RECORD, newer)
    assert older.object_id != alone.object_id
    assert [(name, version.key) for name, version in older.companions] == [("newer", newer)]
    assert latest.companions == ()


def test_the_parquet_of_a_day_outranks_its_csv_and_that_is_counted(place):
    place.put_day(7, FIFTH, b"x")
    place.put_day(7, SIXTH, b"x")
    place.put(parquet_key(7, FIFTH), b"x")

    found = plan.plan(FACT, Window(FIFTH, SIXTH, (7,)))

    assert (found.new, found.outranked) == (2, 1)
    assert str(found).endswith("0 vanished, 1 outranked")
    assert [entry.key for entry in found.plans[0].objects] == [parquet_key(7, FIFTH), day_key(7, SIXTH)]


def test_padded_folders_are_days_too(place):
    key = day_key(7, FIFTH).replace("month=1/day=5", "month=01/day=05")
    place.put(key, b"")

    assert planned_keys(Window(FIFTH, FIFTH, (7,))) == [key]


def test_a_load_id_is_the_same_whatever_the_window_that_found_its_objects(place):
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0]))

    narrow = plan.plan(FACT, Window(FIFTH, FIFTH, (7,))).plans[0]
    wide = plan.plan(FACT, Window(date(2010, 1, 1), date(2020, 1, 1))).plans[0]

    assert narrow.load_id == wide.load_id
    assert narrow == wide
    assert plan.read(narrow.uri) == narrow


def test_a_load_id_changes_with_the_objects_and_the_transform(place, monkeypatch):
    place.put_day(7, FIFTH, day_file(7, FIFTH, [1.0]))
    first = plan.plan(FACT, Window(FIFTH, FIFTH)).plans[0].load_id
    place.put_day(7, FIFTH, day_file(7, FIFTH, [2.0]))
    second = plan.plan(FACT, Window(FIFTH, FIFTH)).plans[0].load_id
    monkeypatch.setattr("jobs.tables.fact_pv_measurement.VERSION", 99)
    third = plan.plan(FACT, Window(FIFTH, FIFTH)).plans[0].load_id

    assert len({first, second, third}) == 3


@pytest.mark.parametrize(
    ("most_bytes", "most_objects", "groups"),
    [(10**9, 100, [0, 0, 0, 0, 0]), (10**9, 2, [0, 0, 1, 1, 2]), (1, 100, [0, 1, 2, 3, 4])],
)
def test_objects_are_cut_into_tasks_by_size_and_number(most_bytes, most_objects, groups, place, monkeypatch):
    for day in range(1, 6):
        place.put_day(7, date(2019, 1, day), b"12345")
    monkeypatch.setattr(plan, "GROUP_BYTES", most_bytes)
    monkeypatch.setattr(plan, "GROUP_OBJECTS", most_objects)

    made = plan.plan(FACT, Window(date(2019, 1, 1), DAYS[1], (7,))).plans[0]

    assert [entry.group for entry in made.objects] == groups
    assert made.group_count == groups[-1] + 1
    assert [entry for number in range(made.group_count) for entry in made.group(number)] == list(made.objects)


def test_a_window_that_ends_before_it_starts_is_refused():
    with pytest.raises(LoadError, match="the window ends on 2019-01-04, before it starts on 2019-01-05"):
        Window(FIFTH, date(2019, 1, 4))


def test_every_dated_catalogue_is_chosen_and_the_undated_one_never(place):
    place.put_fixtures()

    chosen = plan.plan("dim_system", Window()).plans[0].objects

    assert [entry.key for entry in chosen if entry.source == "catalogue"] == [
        f"pvdaq/csv/systems_{edition}.csv" for edition in ("20241231", "20250101", "20250601")
    ]


def test_a_table_that_is_made_of_all_its_objects_is_one_task_whatever_the_window(place, monkeypatch):
    place.put_fixtures()
    monkeypatch.setattr(plan, "GROUP_OBJECTS", 2)

    whole, narrow = (plan.plan("dim_system", window).plans[0] for window in (Window(), Window(FIFTH, FIFTH, (34,))))

    assert whole.group_count == 1
    assert len(whole.objects) == 12
    assert narrow == whole


def test_a_window_of_more_days_than_a_warehouse_changes_at_once_becomes_several_loads(place, monkeypatch):
    for day in range(1, 6):
        place.put_day(7, date(2019, 1, day), b"12345")
    monkeypatch.setattr(plan, "LOAD_DAYS", 2)

    found = plan.plan(FACT, Window(date(2019, 1, 1), DAYS[1], (7,)))

    days = [[entry.first_day.day for entry in made.objects] for made in found.plans]
    assert days == [[1, 2], [3, 4], [5]]
    assert len({made.load_id for made in found.plans}) == 3
    assert "5 new, 0 changed, 0 unchanged, 0 vanished, in 3 loads" in str(found)


def test_a_window_of_more_objects_than_a_load_takes_is_cut_between_days(place, monkeypatch):
    for ss_id in (7, 8, 9):
        for day in (1, 2):
            place.put_day(ss_id, date(2019, 1, day), b"12345")
    monkeypatch.setattr(plan, "LOAD_OBJECTS", 4)

    found = plan.plan(FACT, Window(date(2019, 1, 1), DAYS[1], (7, 8, 9)))

    assert [[entry.first_day.day for entry in made.objects] for made in found.plans] == [[1, 1, 1], [2, 2, 2]]


def test_a_load_is_named_by_its_days_and_systems(place, load, monkeypatch):
    monkeypatch.setattr(plan, "LOAD_DAYS", 1)
    for ss_id, day in ((7, FIFTH), (9, FIFTH), (9, SIXTH)):
        place.put_day(ss_id, day, day_file(ss_id, day, [1.0]))
    place.put(RECORD, b"")
    load(days=(SIXTH, SIXTH))
    place.s3.delete_object(Bucket=place.bucket, Key=day_key(9, SIXTH))

    found = plan.plan(FACT, Window(), retire_vanished=True)

    assert [made.label for made in found.plans] == [
        "1 object, system 2107",
        "2019-01-05, 2 objects, systems 7 to 9",
        "2019-01-06, 1 object to be retired",
    ]


@pytest.mark.parametrize("table", ["dim_generating_unit", "fact_unit_emissions_hourly", "fact_grid_intensity_hourly"])
def test_a_load_of_a_share_of_a_year_is_named_by_it(place, table):
    for share in ("2023-ca", "2023-tx", "2024-q1", "2024-q2", "2025-ca", "2025-nv", "2025-q4"):
        place.put(f"emissions/campd/2026-02-01_2026-02/emissions-hourly-{share}.csv", b"")

    names = [made.label.partition(", ")[2] for made in plan.plan(table, Window()).plans]

    assert names == [
        "1 object, state CA",
        "1 object, state TX",
        "1 object, quarter 1",
        "1 object, quarter 2",
        "3 objects, states CA to NV, quarter 4",
    ]


def test_what_goes_from_a_day_stays_with_what_comes_for_it(place, load, monkeypatch):
    monkeypatch.setattr(plan, "LOAD_DAYS", 1)
    for day in (FIFTH, SIXTH):
        place.put_day(7, day, day_file(7, day, [1.0]))
    load()
    place.s3.delete_object(Bucket=place.bucket, Key=day_key(7, FIFTH))
    place.put(day_key(7, FIFTH).replace("month=1/day=5", "month=01/day=05"), day_file(7, FIFTH, [1.0]))
    place.s3.delete_object(Bucket=place.bucket, Key=day_key(7, SIXTH))

    found, _ = load(retire_vanished=True)

    assert [(len(made.objects), len(made.retired)) for made in found.plans] == [(1, 1), (0, 1)]
    assert place.rows(f"SELECT CAST(timestamp AS DATE) AS day FROM {READINGS}") == [(FIFTH,)]


def test_a_day_is_never_cut_and_its_objects_become_a_file_for_each_group(
    place, shared_session_without_spark, monkeypatch
):
    for ss_id in range(1, 6):
        place.put_day(ss_id, FIFTH, day_file(ss_id, FIFTH, [1.0]))
    monkeypatch.setattr(plan, "LOAD_OBJECTS", 2)
    monkeypatch.setattr(plan, "GROUP_OBJECTS", 2)

    (made,) = plan.plan(FACT, Window(FIFTH, FIFTH)).plans
    files = [entry for entry in stage.stage(made)["files"] if entry["kind"] == "rows"]

    assert len(made.objects) == 5
    assert len(files) == made.group_count == 3


def test_the_limits_of_a_load_keep_bigquerys_quotas():
    named = len('{"value": ""}, ' + 32 * "x")
    assert 2 * plan.LOAD_DAYS <= 4_000, "partitions that a job may change, where each is deleted from and inserted to"
    assert plan.LOAD_OBJECTS <= 10_000, "files in a load job; each file has an object at least"
    assert plan.LOAD_OBJECTS * named < 10 * 2**20 / 2, "a request that names every object"
    # A day is not cut.
    assert 100_000 * named < 10 * 2**20 / 2, "a request that names every object of a day"
    assert MOST_URIS / 2 * plan.GROUP_BYTES > 78 * 2**30, "two neighbouring groups are larger than one may be"
    assert MOST_URIS / 2 * plan.GROUP_OBJECTS > 1_000_000, "or the first of them has as many objects as one may have"
