"""Rules of the lines' contract that say how much may be missing, on small rows by hand."""

import duckdb
import pyarrow as pa
import pytest

from jobs import contract
from jobs.check import OBJECTS
from jobs.warehouse.dialect import SESSION, to_duckdb


def observed(rule, staged, objects=()):
    promised = contract.load("fact_activity_emissions")
    (query,) = [check.query for check in promised.checks if check.name == rule]
    with duckdb.connect(":memory:") as engine:
        engine.execute(SESSION)
        engine.register("staged", pa.Table.from_pylist(list(staged), promised.arrow_schema))
        engine.register("objects", pa.Table.from_pylist(list(objects), OBJECTS))
        ((found,),) = engine.execute(*to_duckdb(query)).fetchall()
    return found


def row(amount_usd=100.0, status="mapped", line_id="a", feed="travel", year=2023, object_id="o"):
    return {
        "line_id": line_id,
        "feed": feed,
        "fiscal_year": year,
        "amount_usd": amount_usd,
        "mapping_status": status,
        "object_id": object_id,
    }


def file(object_id, refused, edition="q1", layout="travel", duplicates=0):
    return {
        "object_id": object_id,
        "object_key": f"emissions/{layout}/2026-02-01_{edition}/{layout}.csv",
        "rows_quarantined": refused,
        "rows_duplicate": duplicates,
    }


def test_money_is_weighed_in_each_feed_and_year_and_not_on_the_whole():
    rows = [
        row(1e6, feed="goods"),
        row(90.0),
        row(10.0, "excluded"),
        row(30.0, year=2024),
        row(70.0, "unmapped", year=2024),
    ]

    assert observed("money_mapped_percent", rows) == pytest.approx(30.0)
    assert observed("money_mapped_percent", rows[:3]) == 100.0


def test_money_without_a_price_index_is_not_taken_for_weighed():
    rows = [row(50.0), row(50.0, "unmapped"), row(900.0, "no_price_index")]

    assert observed("money_mapped_percent", rows) == 50.0
    assert observed("money_mapped_percent", rows[2:]) == 100.0


def test_refused_lines_are_held_against_the_lines_of_their_file_however_many_rows_these_have():
    # Nine lines, each in twenty stretches of days, and one that is refused.
    small = [row(line_id=f"{line}") for line in range(9) for _ in range(20)]
    large = [row(line_id=f"l{line}", object_id="p") for line in range(990)]

    assert observed("few_refused", small, [file("o", 1)]) == pytest.approx(10.0)
    assert observed("few_refused", small + large, [file("o", 1), file("p", 10, "q2")]) == pytest.approx(10.0)
    assert observed("few_refused", small, [file("o", 1, duplicates=10)]) == pytest.approx(5.0)
    assert observed("few_refused", [], [file("o", 3)]) == 100.0
    assert observed("few_refused", [], []) == 0


def test_a_file_that_was_corrected_is_not_held_against_anybody():
    versions = [file("o", 9), file("p", 0, "q1.2"), file("q", 9, "q1.2", "goods"), file("r", 0, "q1.10", "goods")]

    assert observed("few_refused", [row(object_id="o"), row(object_id="p")], versions) == 0
    # Of another feed, or called as another.
    assert observed("few_refused", [row()], [file("o", 1), file("p", 0, "q1.2", "goods")]) == pytest.approx(50.0)
    assert observed("few_refused", [row()], [file("o", 1), file("p", 0, "q11")]) == pytest.approx(50.0)
