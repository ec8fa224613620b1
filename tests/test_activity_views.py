"""What a sustainability office looks at, on small rows by hand: DuckDB and Google's reference answer alike."""

from datetime import date

import pytest
from test_views import answer

FEBRUARY, JUNE = date(2024, 2, 1), date(2024, 6, 1)


def figure(category_id, co2e_t, scope=3, method="none", by="cost_object", feeds="manual", **more):
    return {
        "fiscal_year": 2023,
        "category_id": category_id,
        "as_of": FEBRUARY,
        "scope": scope,
        "scope2_method": method,
        "allocated_by": by,
        "co2e_t": co2e_t,
        "feeds": feeds,
        "is_complete": True,
    } | more


def unit(cost_object, department, head_count=None, area_m2=None, edition="a", year=2023, day=FEBRUARY):
    return {
        "edition": edition,
        "published_on": day,
        "fiscal_year": year,
        "cost_object": cost_object,
        "department_id": department,
        "department": department.title(),
        "school_area": "School",
        "head_count": head_count,
        "area_m2": area_m2,
    }


def line(line_id, kg, feed="travel", category_id="3.06", cost_object="1", status="mapped", **more):
    return {
        "line_id": line_id,
        "category_id": category_id,
        "activity": "NAICS 481111",
        "known_from": FEBRUARY,
        "feed": feed,
        "edition": "q1",
        "item": "Airfare",
        "fiscal_year": 2023,
        "cost_object": cost_object,
        "amount_usd": 100.0,
        "co2e_kg": kg,
        "mapping_status": status,
    } | more


def test_a_summary_has_either_method_of_scope_2_and_says_what_is_missing():
    figures = [
        figure("1", 10.0, 1, gwp_sets="AR5"),
        figure("2_location", 5.0, 2, "location", gwp_sets="AR4, AR5"),
        figure("2_market", 3.0, 2, "market", market_bases="average, supplier"),
        figure("3.06", 2.0),
        figure("3.06", 99.0, as_of=date(2023, 12, 1), superseded_on=FEBRUARY, gwp_sets="AR6"),
        figure("3.07", None, is_complete=False, incomplete_because="nothing from commuting_bins"),
        figure("3.01", 1.0, is_complete=False, incomplete_because="nothing from food"),
    ]

    (row,) = answer("view_emissions_summary", fact_emissions_inventory=figures)

    assert row == {
        "fiscal_year": 2023,
        "scope1_t": 10.0,
        "scope2_location_t": 5.0,
        "scope2_market_t": 3.0,
        "scope2_market_bases": "average, supplier",
        "scope3_t": 3.0,
        "total_location_t": 18.0,
        "total_market_t": 16.0,
        "is_complete": False,
        "incomplete_because": "3.01: nothing from food; 3.07: nothing from commuting_bins",
        # They are added all the same, so a reader is told.
        "gwp_sets": "AR4, AR5",
    }


def test_departments_share_what_there_is_and_what_is_nobodys_stays_beside():
    units = [
        unit("1", "physics", 30.0, 100.0),
        unit("2", "physics", 10.0, 0.0),
        unit("3", "arts", 60.0, 300.0),
        # An older edition of the year, and another year, count for nothing.
        unit("3", "arts", 1000.0, 1000.0, edition="0", day=date(2023, 1, 1)),
        unit("1", "chemistry", 1000.0, year=2024),
    ]
    figures = [
        figure("1", 8.0, 1, by="area"),
        figure("3.07", 10.0, by="head_count"),
        figure("3.06", 4.0, feeds="travel"),
        figure("3.07", 7.0, by="head_count", fiscal_year=2022),
    ]
    lines = [
        line("a", 1000.0),
        line("b", 500.0, cost_object="2"),
        line("c", 2000.0, cost_object="9"),
        line("d", 500.0, cost_object=None),
        line("e", 9000.0, feed="manual"),
        line("f", 9000.0, known_to=JUNE),
    ]

    found = answer(
        "view_emissions_by_department",
        dim_org_unit=units,
        fact_emissions_inventory=figures,
        fact_activity_emissions=lines,
    )

    assert {(row["fiscal_year"], row["category_id"], row["department_id"]): row["co2e_t"] for row in found} == {
        (2023, "1", "physics"): pytest.approx(2.0),
        (2023, "1", "arts"): pytest.approx(6.0),
        (2023, "3.07", "physics"): pytest.approx(4.0),
        (2023, "3.07", "arts"): pytest.approx(6.0),
        (2023, "3.06", "physics"): pytest.approx(1.5),
        (2023, "3.06", None): pytest.approx(2.5),
        (2022, "3.07", None): 7.0,
    }


def test_a_year_in_which_an_area_or_head_count_is_not_known_is_not_shared_by_it():
    units = [unit("1", "physics", 30.0, 100.0), unit("2", "physics", 10.0), unit("3", "arts", None, 300.0)]
    units += [unit("1", "physics", 30.0, None, year=2022), unit("3", "arts", 10.0, 300.0, year=2022)]
    figures = [
        figure("1", 8.0, 1, by="area"),
        figure("3.07", 10.0, by="head_count"),
        figure("1", 8.0, 1, by="area", fiscal_year=2022),
        figure("3.07", 10.0, by="head_count", fiscal_year=2022),
    ]

    found = answer(
        "view_emissions_by_department",
        dim_org_unit=units,
        fact_emissions_inventory=figures,
        fact_activity_emissions=[line("a", 1000.0)],
    )

    assert {(row["fiscal_year"], row["category_id"], row["department_id"]): row["co2e_t"] for row in found} == {
        (2023, "1", None): 8.0,
        (2023, "3.07", None): 10.0,
        (2022, "1", None): 8.0,
        (2022, "3.07", "physics"): pytest.approx(7.5),
        (2022, "3.07", "arts"): pytest.approx(2.5),
    }


def test_travel_is_of_the_school_of_its_year_and_says_how_much_is_weighed():
    lines = [
        line("a", 50.0, expense_group="Air Travel"),
        line("b", None, status="unmapped"),
        line("c", None, status="excluded", amount_usd=300.0),
        line("d", 70.0, known_to=JUNE),
        line("e", 70.0, feed="goods"),
    ]

    found = answer("view_travel_by_school", fact_activity_emissions=lines, dim_org_unit=[unit("1", "physics")])

    told = ("school_area", "line_count", "amount_usd", "co2e_t", "mapped_percent")
    said = {row["expense_group"]: tuple(row[name] for name in told) for row in found}
    assert said == {
        "Air Travel": ("School", 1, 100.0, 0.05, 100.0),
        None: ("School", 2, 400.0, None, 75.0),
    }


def test_what_nothing_weighs_is_told_by_its_words():
    lines = [line("a", 50.0), line("b", None, status="unmapped", item="Gifts"), line("c", None, status="excluded")]
    lines += [line("d", None, status="unmapped", item="Gifts"), line("e", None, status="no_price_index")]

    found = answer("view_activity_unmapped", fact_activity_emissions=lines)

    assert sorted((row["item"], row["mapping_status"], row["line_count"], row["amount_usd"]) for row in found) == [
        ("Airfare", "no_price_index", 1, 100.0),
        ("Gifts", "unmapped", 2, 200.0),
    ]


def test_what_a_new_assumption_restates_is_told_and_what_it_leaves_is_not():
    old = {"known_to": JUNE, "assumption_version": "a1"}
    new = {"known_from": JUNE, "assumption_version": "a2"}
    lines = [
        line("a", 10.0, **old),
        line("a", 15.0, **new),
        line("b", 20.0, **old),
        line("b", 30.0, **new),
        line("c", 7.0),
        line("d", 1.0, known_to=JUNE),
        line("d", 2.0, known_from=JUNE, edition="q1.2"),
        line("e", 3.0, known_to=JUNE),
        line("e", 3.0, known_from=JUNE, edition="q1.2"),
    ]

    found = answer("view_activity_restated", fact_activity_emissions=lines)

    told = ("because", "restated_on", "row_count", "co2e_before_kg", "co2e_after_kg")
    assert sorted(tuple(row[name] for name in told) for row in found) == [
        ("assumption", JUNE, 2, 30.0, 45.0),
        ("file", JUNE, 1, 1.0, 2.0),
    ]


def restated(*lines):
    found = answer("view_activity_restated", fact_activity_emissions=list(lines))
    told = ("category_id", "because", "row_count", "co2e_before_kg", "co2e_after_kg")
    return sorted(tuple(row[name] for name in told) for row in found)


ENDED, BEGUN = {"known_to": JUNE}, {"known_from": JUNE}


def test_what_is_weighed_as_something_else_is_restated_by_the_mapping():
    to_b = {"mapping_version": "m2", "factor_id": "b", "activity": "NAICS 236220"}
    to_a = {"mapping_version": "m1", "factor_id": "a"}

    assert restated(
        line("new", None, status="unmapped", activity="unmapped", **ENDED),
        line("new", 5.0, **BEGUN, **to_b),
        line("other", 10.0, **ENDED, **to_a),
        line("other", 30.0, **BEGUN, **to_b),
    ) == [("3.06", "mapping", 2, 10.0, 35.0)]
    # One of two parts of a line goes, and the other takes its share.
    assert restated(
        line("halves", 4.0, **ENDED, **to_a),
        line("halves", 3.0, **ENDED, **to_a | {"factor_id": "b", "activity": "NAICS 236220"}),
        line("halves", 6.0, **BEGUN, **to_b),
    ) == [("3.06", "mapping", 1, 7.0, 6.0)]
    # What nothing named was taken for burnt here, and is electricity.
    assert restated(
        line("bill", None, "energy", "1", status="unmapped", **ENDED),
        line("bill", 9.0, "energy", "2_location", **BEGUN, **to_b),
    ) == [("2_location", "mapping", 1, None, 9.0)]


def test_what_a_corrected_file_drops_and_adds_is_restated_and_a_first_file_restates_nothing():
    assert restated(
        line("gone", 10.0, **ENDED),
        line("kept", 1.0, **ENDED),
        line("kept", 1.0, **BEGUN, edition="q1.2"),
        line("added", 7.0, **BEGUN, edition="q1.2"),
        line("first", 99.0, **BEGUN, edition="q2"),
    ) == [("3.06", "file", 2, 10.0, 7.0)]


def test_a_first_assumption_factor_or_price_is_a_reason_though_there_was_none():
    assert restated(line("a", 1.0, **ENDED), line("a", 2.0, **BEGUN, assumption_version="a2")) == [
        ("3.06", "assumption", 1, 1.0, 2.0)
    ]
    assert restated(line("a", None, status="unmapped", **ENDED), line("a", 2.0, **BEGUN, factor_id="f")) == [
        ("3.06", "factor", 1, None, 2.0)
    ]
    without = line("a", None, status="no_price_index", factor_id="f", **ENDED)
    assert restated(without, line("a", 2.0, **BEGUN, factor_id="f", price_index_edition="p")) == [
        ("3.06", "price index", 1, None, 2.0)
    ]


def test_sums_of_lines_leave_out_what_another_feed_counts():
    lines = [line("a", 10.0), line("b", 20.0), line("c", 5.0, status="excluded"), line("d", 1.0, known_to=JUNE)]

    found = answer("view_activity_total", fact_activity_emissions=lines)

    assert sorted((row["line_count"], row["co2e_kg"], row["known_to"]) for row in found) == [
        (1, 1.0, JUNE),
        (2, 30.0, None),
    ]
