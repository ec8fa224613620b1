"""The inventory: precedence, completeness, what was known when, and what is never netted from it."""

from collections import defaultdict
from datetime import date

import duckdb
import office
import pyarrow as pa
import pytest
from office import TRAVEL, assumptions, rows

from jobs import categories, contract, inventory
from jobs.errors import ContractError
from jobs.feeds import FEEDS
from jobs.warehouse.dialect import SESSION, to_duckdb

TABLE, ALL = "fact_emissions_inventory", (None, None)
FIRST, LATER = date(2024, 2, 1), date(2024, 6, 1)


def line(feed="travel", category_id="3.06", kg=1000.0, line_id="a", since=FIRST, to=None, status="mapped", **more):
    return {
        "feed": feed,
        "category_id": category_id,
        "co2e_kg": kg,
        "line_id": line_id,
        "known_from": since,
        "known_to": to,
        "mapping_status": status,
        "fiscal_year": 2023,
        "gwp_set": "AR4",
        "market_basis": None,
        "activity_date": None,
    } | more


def of(category_id, *lines):
    return [row for row in inventory.tally(lines) if row["category_id"] == category_id]


def test_lines_of_the_first_feed_that_has_any_count_and_others_are_kept_beside():
    lines = [line(kg=2000.0), line(kg=500.0, line_id="b"), line("manual", kg=1800.0, line_id="c", gwp_set="AR5")]

    (row,) = of("3.06", *lines)
    (without,) = of("3.06", *lines[:2])

    assert (row["co2e_t"], row["manual_co2e_t"], row["lines_co2e_t"], row["not_counted_co2e_t"]) == (1.8, 1.8, 0.0, 2.5)
    assert (row["feeds"], row["gwp_sets"], row["line_count"]) == ("manual", "AR5", 1)
    assert (without["co2e_t"], without["feeds"], without["line_count"]) == (2.5, "travel", 2)


def test_feeds_of_one_rank_are_added():
    (row,) = of("3.01", line("goods", "3.01", 100.0), line("food", "3.01", 20.0, line_id="b"))

    assert (row["co2e_t"], row["feeds"], row["is_complete"]) == (0.12, "food, goods", True)


def test_commuting_and_food_are_missed_where_nobody_has_said_anything_of_them():
    (commuting,) = of("3.07", line())
    (goods,) = of("3.01", line("goods", "3.01"))

    assert (commuting["co2e_t"], commuting["is_complete"]) == (None, False)
    assert commuting["incomplete_because"].startswith("nothing from commuting_bins or commuting_minutes")
    assert (goods["is_complete"], goods["incomplete_because"]) == (False, "nothing from food")


def test_a_line_that_nothing_weighs_leaves_its_category_incomplete_and_adds_nothing():
    unmapped = line(line_id="b", kg=None, status="unmapped", gwp_set=None)

    (row,) = of("3.06", line(), unmapped)
    (alone,) = of("3.06", unmapped)

    assert (row["co2e_t"], row["incomplete_because"]) == (1.0, "1 lines that nothing weighs")
    assert (alone["co2e_t"], alone["feeds"]) == (None, "travel")


def test_a_year_that_was_not_over_was_not_complete():
    (row,) = of("3.06", line(fiscal_year=2024))

    assert row["incomplete_because"] == "the fiscal year is not over"


def test_a_feed_with_days_is_complete_with_a_day_in_each_month_of_the_fiscal_year():
    months = [(2022, month) for month in range(7, 13)] + [(2023, month) for month in range(1, 7)]
    year = [line(line_id=f"{at}", activity_date=date(*month, 15)) for at, month in enumerate(months)]
    surveys = [line("commuting_bins", "3.07"), line("commuting_bins", "3.07", line_id="b")]

    (whole,) = of("3.06", *year)
    (quarter,) = of("3.06", *year[:3], line(line_id="more", activity_date=date(2022, 9, 1)))
    (survey,) = of("3.07", *surveys)

    assert (whole["is_complete"], whole["incomplete_because"]) == (True, None)
    assert (quarter["is_complete"], quarter["incomplete_because"]) == (False, "travel has 3 of 12 months")
    assert (survey["is_complete"], survey["incomplete_because"]) == (True, None)
    # Of two feeds that are added, each has its own months.
    food = [one | {"feed": "food", "category_id": "3.01"} for one in year[:11]]
    goods = [one | {"feed": "goods", "category_id": "3.01", "line_id": one["line_id"] + "g"} for one in year]
    (goods,) = of("3.01", *goods, *food)
    assert goods["incomplete_because"] == "food has 11 of 12 months"


def test_each_day_on_which_something_changed_is_told_and_no_other():
    lines = [line(to=LATER), line(kg=1500.0, since=LATER), line("manual", "1", 7000.0, "m")]

    assert [(row["as_of"], row["superseded_on"], row["co2e_t"]) for row in of("3.06", *lines)] == [
        (FIRST, LATER, 1.0),
        (LATER, None, 1.5),
    ]
    assert [(row["as_of"], row["superseded_on"], row["co2e_t"]) for row in of("1", *lines)] == [(FIRST, None, 7.0)]


def test_avoided_emissions_are_never_netted_and_are_in_no_sum():
    lines = [
        line("manual", "3.06", 1000.0),
        line("manual", "avoided", 900.0, "b"),
        line("manual", "biogenic", 5.0, "c"),
    ]

    found = inventory.tally(lines)

    assert {row["category_id"] for row in found} & {"avoided", "biogenic"} == set()
    assert sum(row["co2e_t"] or 0 for row in found) == 1.0
    # Nor can somebody type it in as less than nothing.
    header = "Fiscal Year,Category,Emission (t),GWP Set\n"
    (piece,) = office.made(("manual", "x", f"{header}2023,Business travel,-900,AR5\n"))
    assert [(reject.column, reject.reason) for reject in piece.rejects] == [("tonnes", "-900 is below zero")]


def test_the_order_of_precedence_knows_all_feeds_and_only_what_is_in_the_inventory():
    fed = defaultdict(set)
    for category_id, ranks in categories.ranks().items():
        assert categories.listed()[category_id].is_in_inventory
        fed[category_id] = {rank.feed for rank in ranks}

    assert {feed for feeds in fed.values() for feed in feeds} == set(FEEDS)
    assert all(feed in fed[feed_.category_id] for feed, feed_ in FEEDS.items() if feed_.category_id)
    in_it = {one.category_id for one in categories.listed().values() if one.is_in_inventory}
    assert all("manual" in fed[category_id] for category_id in in_it)
    assert all((one.allocated_by is not None) == one.is_in_inventory for one in categories.listed().values())


def test_an_inventory_of_lines_is_their_sum_whatever_their_order():
    found = rows(
        ("travel", "q1", TRAVEL + "0.1,Airfare,2023-01-31,7\n0.2,Airfare,2023-01-31,7\n0.3,Hotel,2023-01-31,7\n"),
        assumptions={("2024-01-01", "a"): assumptions(ef_hub_edition=["h"], supply_chain_edition=["v1.2"])},
    )

    assert inventory.tally(found) == inventory.tally(found[::-1])


# Through the four steps.

NOW = "SELECT category_id, co2e_t FROM fact_emissions_inventory WHERE superseded_on IS NULL AND fiscal_year = 2023"


@pytest.fixture
def published(place, load, shared_session_without_spark):
    """The fixtures, with the lines that figures are sums of."""
    office.land_fixtures(place)
    office.publish(place, *office.WEIGHED_WITH)
    load("fact_activity_emissions", ALL)
    return place


def test_what_was_published_in_march_can_be_asked_in_april(published, load):
    _, brought = load(TABLE, ALL)
    again, nothing = load(TABLE, ALL)

    assert (brought["rows_loaded"], again.changed + again.new, nothing) == (20, 0, None)

    def travel_and_commuting(day):
        return published.rows(
            "SELECT category_id, co2e_t FROM fact_emissions_inventory WHERE fiscal_year = 2023 "
            f"AND category_id IN ('3.06', '3.07') AND as_of <= DATE '{day}' "
            f"AND (superseded_on IS NULL OR superseded_on > DATE '{day}') ORDER BY category_id"
        )

    assert travel_and_commuting("2026-01-31") == []
    assert travel_and_commuting("2026-02-28") == [("3.06", 0.488), ("3.07", pytest.approx(21.70234504))]
    assert travel_and_commuting("2026-03-31") == [("3.06", 0.488), ("3.07", pytest.approx(27.1279313))]
    assert travel_and_commuting("2026-04-30") == [("3.06", 0.5856), ("3.07", pytest.approx(27.1279313))]


def test_a_figure_that_is_not_the_sum_of_published_lines_fails_the_load(published, load):
    published.change("UPDATE fact_activity_emissions SET co2e_kg = co2e_kg + 1.5 WHERE feed = 'construction';")

    with pytest.raises(ContractError, match="sum_of_published_lines: 3, must be = 0. Figures that are not"):
        load(TABLE, ALL)


def test_an_inventory_that_loses_adds_and_invents_is_refused_by_a_rule_for_each(published, load, monkeypatch):
    once = inventory.tally

    def wrong(lines):
        rows_ = once(lines)
        (capital,) = [row for row in rows_ if (row["category_id"], row["fiscal_year"]) == ("3.02", 2023)]
        more = {name: capital[name] + 0.0015 for name in ("co2e_t", "lines_co2e_t")}
        kept = [row for row in rows_ if row["category_id"] not in ("3.02", "3.05")]
        return [*kept, capital | more, capital | {"category_id": "avoided"}]

    monkeypatch.setattr(inventory, "tally", wrong)

    with pytest.raises(ContractError) as refused:
        load(TABLE, ALL)

    for rule in ("sum_of_published_lines", "every_line_is_in_it", "nothing_beside_the_inventory"):
        assert f"\n  {rule}: " in str(refused.value)
    assert published.rows(f"SELECT * FROM {TABLE}") == []


def test_lines_that_are_not_published_yet_fail_the_load(place, load, shared_session_without_spark):
    office.land_fixtures(place)

    with pytest.raises(ContractError, match="sum_of_published_lines: 29, must be = 0"):
        load(TABLE, ALL)
    office.publish(place, *office.WEIGHED_WITH)
    load("fact_activity_emissions", ALL)
    place.put("emissions/travel/2026-05-01_new/travel.csv", (TRAVEL + "100,Airfare,2023-05-01,1000100\n").encode())
    with pytest.raises(ContractError, match="sum_of_published_lines: 1, must be = 0"):
        load(TABLE, ALL)
    load("fact_activity_emissions", ALL)
    load(TABLE, ALL)

    assert dict(place.rows(NOW))["3.06"] == pytest.approx(0.5856 + 0.0488)


def test_what_was_published_changes_only_if_somebody_accepts_it(published, load):
    load(TABLE, ALL)
    early = "emissions/travel/2026-03-20_late/travel.csv"
    published.put(early, (TRAVEL + "100,Airfare,2023-05-01,1000100\n").encode())
    load("fact_activity_emissions", ALL)

    # It falls inside a stretch that is published, so what was told on 25 March and since would be another.
    inside = r"history_stays: 2, must be = 0. .* Such as 2023 3.06 as of 2026-03-20, 2023 3.06 as of 2026-04-01\."
    with pytest.raises(ContractError, match=inside):
        load(TABLE, ALL)
    load(TABLE, ALL, accept=("history_stays",))
    published.put(early.replace("03-20_late", "05-01_new"), (TRAVEL + "200,Airfare,2023-05-02,1000100\n").encode())
    load("fact_activity_emissions", ALL)
    # After the last day that is published: nothing that was told is another.
    load(TABLE, ALL)

    assert dict(published.rows(NOW))["3.06"] == pytest.approx(0.5856 + 0.0488 + 0.0976)


DAY = date(2026, 4, 1)


def held(category_id="3.06", co2e_t=1.0, since=FIRST, until=None, gwp_sets="AR4", year=2023):
    return {
        "fiscal_year": year,
        "category_id": category_id,
        "as_of": since,
        "superseded_on": until,
        "co2e_t": co2e_t,
        "gwp_sets": gwp_sets,
    }


def observed(rule, **tables):
    """What a rule of the contract counts in tables of a few columns."""
    (check,) = [check for check in contract.load(TABLE).checks if check.name == rule]
    with duckdb.connect(":memory:") as engine:
        engine.execute(SESSION)
        for name, rows_ in tables.items():
            schema = contract.load(TABLE if name == "staged" else name).arrow_schema
            engine.register(name, pa.Table.from_pylist(rows_, schema))
        ((found,),) = engine.execute(*to_duckdb(check.query)).fetchall()
    return found


def total(kg=1000.0, feed="travel", category_id="3.06", since=FIRST, until=None):
    return {
        "fiscal_year": 2023,
        "category_id": category_id,
        "feed": feed,
        "known_from": since,
        "known_to": until,
        "co2e_kg": kg,
    }


def parts(lines=0.0, manual=0.0, beside=0.0, feeds="travel", **more):
    parts_ = {"lines_co2e_t": lines, "manual_co2e_t": manual, "not_counted_co2e_t": beside, "feeds": feeds}
    return held(co2e_t=lines + manual) | parts_ | more


@pytest.mark.parametrize(
    ("wrong", "differ"),
    [
        ({}, 0),
        # Four hundred grams are no kilogram.
        ({"co2e_t": 0.5004, "manual_co2e_t": 0.5004}, 0),
        ({"co2e_t": 0.502}, 1),
        ({"co2e_t": None}, 1),
        ({"lines_co2e_t": 0.5, "manual_co2e_t": 0.0}, 1),
        ({"lines_co2e_t": 0.1}, 1),
        ({"manual_co2e_t": 0.4}, 1),
        ({"not_counted_co2e_t": 0.0}, 1),
        ({"not_counted_co2e_t": 1.002}, 1),
        ({"feeds": "travel"}, 1),
        ({"feeds": None}, 1),
    ],
)
def test_a_figure_is_the_sum_of_its_lines_and_of_its_manual_entries_and_keeps_the_rest_beside(wrong, differ):
    totals = [total(1000.0), total(500.0, "manual")]
    figure = parts(manual=0.5, beside=1.0, feeds="manual") | wrong

    assert observed("sum_of_published_lines", staged=[figure], view_activity_total=totals) == differ


def test_nothing_known_is_no_zero_and_a_zero_is_not_unknown():
    def differ(co2e_t, kg):
        figure = parts() | {"co2e_t": co2e_t}
        return observed("sum_of_published_lines", staged=[figure], view_activity_total=[total(kg)])

    assert (differ(0.0, 0.0), differ(None, None)) == (0, 0)
    assert (differ(None, 0.0), differ(0.0, None)) == (1, 1)


def test_a_feed_that_is_lost_and_a_day_on_which_lines_changed_are_no_sum():
    goods, food = total(100.0, "goods", "3.01"), total(20.0, "food", "3.01")
    both, one = (
        parts(kg / 1000, category_id="3.01", feeds=feeds) for kg, feeds in ((120, "food, goods"), (100, "goods"))
    )

    def differ(staged, *totals):
        return observed("sum_of_published_lines", staged=[staged], view_activity_total=list(totals))

    assert (differ(both, goods, food), differ(one, goods)) == (0, 0)
    # Neither counted nor kept beside.
    assert differ(one, goods, food) == 1
    assert differ(both, goods | {"known_to": LATER}, food, total(101.5, "goods", "3.01", LATER)) == 1
    assert differ(both, goods | {"known_to": LATER}, food) == 1


@pytest.mark.parametrize(
    ("staged", "count"),
    [
        ([held()], 0),
        ([held(until=LATER), held(since=LATER)], 0),
        ([], 1),
        ([held(until=LATER)], 1),
        ([held(), held(since=LATER)], 1),
        ([held(since=LATER)], 1),
        ([held(year=2022)], 1),
    ],
    ids=["one", "one after the other", "none", "it ends", "two at once", "it begins late", "of another year"],
)
def test_of_what_lines_there_are_on_a_day_there_is_one_figure(staged, count):
    told = {category_id: one.is_in_inventory for category_id, one in categories.listed().items()}
    known = [{"category_id": category_id, "is_in_inventory": is_in} for category_id, is_in in told.items()]
    totals = [total(), total(900.0, "manual", "avoided")]

    found = observed("every_line_is_in_it", staged=staged, view_activity_total=totals, dim_emission_category=known)

    assert found == count
    assert observed("nothing_beside_the_inventory", staged=staged, dim_emission_category=known) == 0
    assert observed("nothing_beside_the_inventory", staged=[held("avoided")], dim_emission_category=known) == 1


def test_what_does_not_reconcile_fails_the_load_and_what_is_incomplete_is_told():
    severities = {check.name: (check.severity, check.comparison, check.bound) for check in contract.load(TABLE).checks}

    errors = ("sum_of_published_lines", "every_line_is_in_it", "nothing_beside_the_inventory", "history_stays")
    assert {name: severities[name] for name in errors} == dict.fromkeys(errors, ("error", "mustBe", 0.0))
    assert (
        observed("all_complete", staged=[held() | {"is_complete": False}, held(until=LATER) | {"is_complete": False}])
        == 1
    )


def test_a_figure_by_the_market_says_what_its_bills_are_weighed_by():
    bills = [line("energy", "2_market", line_id=basis, market_basis=basis) for basis in ("supplier", "average")]
    unknown = line("energy", "2_market", None, "c", status="unmapped", gwp_set=None)

    (row,) = of("2_market", *bills, unknown)
    (stated,) = of("2_market", line("manual", "2_market", line_id="m"), *bills)

    assert (row["market_bases"], row["co2e_t"]) == ("average, supplier", 2.0)
    assert stated["market_bases"] is None


@pytest.mark.parametrize(
    ("staged", "differ"),
    [
        ([held(until=LATER), held(co2e_t=2.0, since=LATER)], 0),
        ([held(until=LATER), held(co2e_t=2.0, since=LATER), held(co2e_t=9.0, since=DAY, year=2025)], 0),
        ([held(until=LATER), held(co2e_t=2.5, since=LATER)], 1),
        ([held(until=date(2024, 3, 1)), held(co2e_t=2.0, since=date(2024, 3, 1))], 1),
        ([held(since=date(2024, 1, 1), until=LATER), held(co2e_t=2.0, since=LATER)], 1),
        ([held(until=LATER), held(co2e_t=2.0, since=LATER), held("3.07", since=date(2024, 3, 1))], 1),
        ([held(until=LATER), held(co2e_t=None, since=LATER)], 1),
        ([held(until=LATER)], 1),
    ],
    ids=["same", "a new day", "the last day", "inside", "before", "a category appears", "unknown", "gone"],
)
def test_history_is_compared_on_every_day_on_which_either_changes(staged, differ):
    known = [held(until=LATER), held(co2e_t=2.0, since=LATER)]

    assert observed("history_stays", fact_emissions_inventory=known, staged=staged) == differ
    assert observed("history_stays", fact_emissions_inventory=[], staged=staged) == 0


def test_two_sets_of_potentials_are_two_within_one_category_as_well():
    assert observed("one_set_of_potentials", staged=[held(), held("3.07")]) == 0
    assert observed("one_set_of_potentials", staged=[held(), held("3.07", gwp_sets="AR5")]) == 1
    assert observed("one_set_of_potentials", staged=[held(gwp_sets="AR4, AR5"), held("3.07", gwp_sets="AR4, AR5")]) == 1
    # What nobody states may be any.
    assert observed("one_set_of_potentials", staged=[held(gwp_sets="not_stated")]) == 1
