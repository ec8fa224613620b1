"""Rules of the lines' contract that say how much may be missing, on small rows by hand."""

import duckdb
import pyarrow as pa
import pytest

from jobs import contract
from jobs.check import OBJECTS
from jobs.warehouse.dialect import SESSION, to_duckdb


def observed(rule, staged, objects=(), **beside):
    promised = contract.load("fact_activity_emissions")
    (query,) = [check.query for check in promised.checks if check.name == rule]
    with duckdb.connect(":memory:") as engine:
        engine.execute(SESSION)
        engine.register("staged", pa.Table.from_pylist(list(staged), promised.arrow_schema))
        engine.register("objects", pa.Table.from_pylist(list(objects), OBJECTS))
        for name, rows in beside.items():
            engine.register(name, pa.Table.from_pylist(rows, contract.load(name).arrow_schema))
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


WEIGHED = row() | {"activity": "NAICS 481111", "factor_id": "f", "assumption_version": "a"}
WEIGHED |= {"co2e_kg": 5.0, "co2e_ar4_kg": 5.0, "gwp_set": "AR4"}
BILL = WEIGHED | {"feed": "energy", "category_id": "2_market", "market_basis": "average"}


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        ("null_unless_weighed", WEIGHED, {"co2e_kg": None}),
        ("null_unless_weighed", row(status="unmapped"), {"co2e_kg": 0.0}),
        ("a_price_index_for_every_year", WEIGHED, {"mapping_status": "no_price_index"}),
        ("co2e_not_below_co2", WEIGHED | {"co2_kg": 5.0}, {"co2e_kg": 4.9}),
        ("weighed_by_something", WEIGHED, {"assumption_version": None}),
        ("weighed_by_something", WEIGHED, {"factor_id": None}),
        ("weighed_by_something", WEIGHED | {"factor_id": None, "activity": "upstream"}, {"activity": "electricity"}),
        ("scope_2_names_its_basis", BILL, {"market_basis": None}),
        ("scope_2_names_its_basis", WEIGHED, {"market_basis": "average"}),
        ("scope_2_names_its_basis", BILL | {"feed": "manual", "market_basis": None}, {"market_basis": "average"}),
        ("one_set_for_one_statement", WEIGHED, {"co2e_ar5_kg": 5.0}),
        ("one_set_for_one_statement", WEIGHED, {"co2e_ar4_kg": None}),
        ("one_set_for_one_statement", WEIGHED, {"gwp_set": "not_stated"}),
        ("one_set_for_one_statement", WEIGHED | {"co2_kg": 4.0, "co2e_ar5_kg": 5.0}, {"co2_kg": None}),
        ("whole_years", WEIGHED | {"price_index_months": 12}, {"price_index_months": 11}),
        ("all_mapped", WEIGHED, {"mapping_status": "unmapped"}),
    ],
)
def test_a_row_that_breaks_a_rule_is_counted_by_it(rule, right, wrong):
    assert observed(rule, [right]) == 0
    assert observed(rule, [right, right | wrong]) == 1


@pytest.mark.parametrize(
    ("rule", "column", "table", "key"),
    [
        ("factors_are_published", "factor_id", "dim_emission_factor", "factor_id"),
        ("assumptions_are_published", "assumption_version", "dim_assumption", "edition"),
        ("prices_are_published", "price_index_edition", "dim_price_index", "edition"),
    ],
)
def test_what_weighs_lines_is_in_its_own_table(rule, column, table, key):
    rows = [row() | {column: name} for name in ("known", None)]

    assert observed(rule, rows, **{table: [{key: "known"}]}) == 0
    assert observed(rule, [*rows, row() | {column: "unknown"}], **{table: [{key: "known"}]}) == 1


def test_lines_are_weighed_for_the_most_part():
    rows = [row(line_id="a"), row(line_id="a", status="unmapped"), row(line_id="b", status="excluded")]

    assert observed("lines_mapped_percent", rows) == 100.0
    assert observed("lines_mapped_percent", [*rows, row(line_id="c", status="unmapped")]) == pytest.approx(200 / 3)
    bounds = {check.name: (check.severity, check.bound) for check in contract.load("fact_activity_emissions").checks}
    assert bounds["lines_mapped_percent"] == bounds["money_mapped_percent"] == ("error", 80.0)
