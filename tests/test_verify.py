"""What verify asks of a table: all of it in slices, or what has changed lately, and which faults it finds in either."""

from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import day_file

from jobs import contract, verify

WAREHOUSES = ["duckdb", "bigquery"]
pytestmark = pytest.mark.exhaustive_on("bigquery")
FACT = "fact_pv_measurement"
JANUARY, MARCH = date(2019, 1, 5), date(2019, 3, 6)
HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
EVER = "timestamp >= '0001-01-01'"


@pytest.fixture
def two_months(place, load):
    """Two days of two months, of which the first was published two days ago, and the second just now."""
    for day, values in ((JANUARY, [1.0, 2.0, 3.0]), (MARCH, [4.0, 5.0])):
        place.put_day(7, day, day_file(7, day, values))
        load(days=(day, day))
        if day == JANUARY:
            place.change(
                "UPDATE etl_checkpoint SET published_at = TIMESTAMP_SUB(published_at, INTERVAL 2 DAY) WHERE TRUE;"
            )
    return place


def of_fact(after=None):
    (found,) = [one for one in verify.verify(after) if one.table == FACT]
    return found


def double(place, value):
    columns = ", ".join(contract.load(FACT).column_names)
    place.change(f"INSERT INTO {FACT} ({columns}) SELECT {columns} FROM {FACT} WHERE {EVER} AND value = {value};")


def slices(monkeypatch):
    """Let each slice have a month; the days that statements are then kept to."""
    monkeypatch.setattr(verify, "SLICE_ROWS", 1)
    asked = []
    whole = verify._slices

    def noted(promised, *more):
        for one in whole(promised, *more):
            if promised.table == FACT:
                asked.append(one[:2])
            yield one

    monkeypatch.setattr(verify, "_slices", noted)
    return asked


def test_all_is_asked_in_slices_that_leave_no_day_out(two_months, monkeypatch):
    asked = slices(monkeypatch)

    assert (of_fact().rows, of_fact().objects, of_fact().faults) == (5, 2, ())

    assert asked[:2] == [(date.min, date(2019, 2, 28)), (date(2019, 3, 1), date.max)]


def test_an_object_of_which_nothing_is_left_and_one_that_doubled_are_found_in_their_slices(two_months, monkeypatch):
    slices(monkeypatch)
    two_months.change(f"DELETE FROM {FACT} WHERE {EVER} AND value < 4.0;")
    double(two_months, 5.0)

    lost, more, keys = sorted(of_fact().faults, key=lambda fault: ("keys" in fault, "2019_03" in fault))

    assert lost.endswith("system_7__date_2019_01_05.csv) should have 3 rows and has 0")
    assert more.endswith("system_7__date_2019_03_06.csv) should have 2 rows and has 3")
    assert keys == f"{FACT}: 1 keys stand more than once"


def test_the_rows_of_an_object_of_many_days_are_added_up_over_the_slices(two_months, monkeypatch):
    slices(monkeypatch)
    # As of a whole record, whose key names no day, and of a year's file.
    two_months.change(
        "UPDATE etl_checkpoint SET first_day = NULL, last_day = NULL, rows_loaded = 5, "
        "object_id = 'record' WHERE first_day = '2019-01-05'; "
        f"UPDATE {FACT} SET object_id = 'record' WHERE {EVER} AND value < 4.0; "
        "UPDATE etl_checkpoint SET first_day = '2019-01-01', last_day = '2019-12-31' WHERE first_day = '2019-03-06';"
    )

    (fault,) = of_fact().faults

    assert fault.startswith(f"{FACT}: object record (")
    assert fault.endswith(" should have 5 rows and has 3")


def test_of_what_has_changed_lately_only_its_days_are_asked(two_months, monkeypatch):
    asked = slices(monkeypatch)
    two_months.change(f"DELETE FROM {FACT} WHERE {EVER} AND value = 1.0;")

    lately = of_fact(HOUR_AGO)

    assert (lately.rows, lately.objects, lately.faults) == (2, 1, ())
    assert asked == [(date(2019, 3, 1), date(2019, 3, 31))]
    assert len(of_fact().faults) == 1


@pytest.mark.always_on("bigquery")
def test_a_fault_of_what_has_changed_lately_is_found(two_months):
    double(two_months, 5.0)

    assert len(of_fact(HOUR_AGO).faults) == 2


def test_rows_that_should_have_gone_lately_are_found(two_months, load):
    kept = two_months.rows(f"SELECT object_id FROM {FACT} WHERE {EVER} AND value = 1.0")[0][0]
    two_months.put_day(7, JANUARY, day_file(7, JANUARY, [9.0, 10.0, 11.0]))
    load(days=(JANUARY, JANUARY))
    columns = ", ".join(name for name in contract.load(FACT).column_names if name not in ("object_id", "timestamp"))
    two_months.change(
        f"INSERT INTO {FACT} ({columns}, object_id, timestamp) SELECT {columns}, '{kept}', "
        f"DATETIME '2019-01-05 23:00:00' FROM {FACT} WHERE {EVER} AND value = 9.0;"
    )

    (fault,) = of_fact(HOUR_AGO).faults

    assert fault == f"{FACT}: object {kept} (not in the checkpoint) should have 0 rows and has 1"


def test_nothing_is_asked_of_a_table_that_has_not_changed_lately(two_months):
    assert of_fact(datetime.now(UTC) + timedelta(hours=1)) == verify.Verdict(FACT, 0, 0, ())
