"""Lines of the institution's own files: which are refused and why, and what is known of the others, and when."""

from datetime import date

import office
import pytest
from office import CAR, HUB, MAPPING, TRAVEL, assumptions, cpi, made, naics, rows, said
from workbooks import workbook

from jobs.errors import ContractError, SourceError
from jobs.tables import fact_activity_emissions as activity

BASIN = {"ef_hub_edition": ["h"], "supply_chain_edition": ["v1.2"]}
FLIGHT = "1000,Airfare,2023-01-31,7\n"


def refused(*files, **described):
    return [
        (reject.line, reject.column, reject.reason) for piece in made(*files, **described) for reject in piece.rejects
    ]


def accounted(piece):
    return piece.rows_read == piece.rows.num_rows + sum(one.rows for one in piece.rejects) + piece.rows_duplicate


# What is refused.


def test_a_line_that_cannot_be_used_is_refused_where_it_stands_and_the_others_are_weighed():
    header = TRAVEL.replace("\n", ",Currency\n")
    lines = [
        "-5,Airfare,2023-01-31,7,USD",
        "5,Airfare,2023-01-31,7,EUR",
        "5,Airfare,2023-02-30,7,USD",
        "5,,2023-01-31,7,USD",
        '"1,000",Airfare,2023-01-31,7,USD',
        "5,Airfare,2031-01-31,7,USD",
        "5,Airfare,2023-01-31,8,USD",
        "5,Airfare,2023-01-31",
        "5,Airfare,2023-01-31,7,USD",
    ]
    (piece,) = made(("travel", "q1", header + "\n".join(lines)))

    assert sorted((reject.line, reject.column, reject.reason) for reject in piece.rejects if reject.column) == [
        (2, "amount", "-5 is below zero"),
        (3, "currency", "is in EUR, and amounts are in USD"),
        (4, "date", "'2023-02-30' is no day"),
        (5, "item", "is empty"),
        (6, "amount", "'1,000' is no number"),
        (7, "fiscal_year", "is of the fiscal year 2031, and those are 2015 to 2026"),
        (8, "cost_object", "the cost object 8 is in no edition of the organisation"),
    ]
    assert [(one.line, one.reason) for one in piece.rejects if not one.column] == [
        (9, "has 3 cells, and there are 5 columns")
    ]
    assert (piece.rows_read, piece.rows.num_rows) == (9, 1)


def test_a_fault_in_a_workbook_is_told_with_its_sheet():
    header = TRAVEL.strip().split(",")
    book = workbook(
        Q1=[header, [5, "Airfare", date(2023, 1, 31), 7]], Q2=[header, [-5, "Airfare", date(2023, 1, 31), 7]]
    )

    (piece,) = made(("travel", "q1", book))

    assert [(one.line, one.column) for one in piece.rejects] == [(2, "Q2!amount")]
    assert [(row["sheet"], row["line"]) for row in piece.rows.to_pylist()] == [("Q1", 2)]


def test_two_files_that_claim_the_same_lines_are_told_apart_from_two_versions_of_one():
    lines = TRAVEL.replace("\n", ",Report Entry ID\n") + "1000,Airfare,2023-01-31,7,R1\n"
    first = ("travel", "q1", lines, "2024-02-01")

    assert refused(first, ("travel", "all", lines, "2024-03-01")) == [
        (2, None, "is in travel q1 of 2024-02-01 too; a file that replaces another is an edition of it, such as q1.2")
    ]
    assert refused(first, ("travel", "q1.2", lines, "2024-03-01")) == []


def test_a_bill_is_in_one_file_with_all_of_its_lines():
    header = "Building Number,Fuel,Start Date,Number of Units,Unit of Measure,Stated kg CO2e per kWh,GL Account Key"
    header += ",Instrument,Certificate ID\n"
    bill = ("energy", "2023", header + "W1,Power,2023-01-01,1000,kWh,,7,,\n")
    too = "is in energy 2023 of 2024-02-01 too; a file that replaces another is an edition of it, such as 2023.2"

    for line in ("600,kWh,0,7,Certificate,", "600,kWh,0,7,Certificate,C-1", "1000,kWh,0.2,7,,"):
        other = header + f"W1,Power,2023-01-01,{line}\nW2,Power,2023-01-01,5,kWh,,7,,\n"
        assert refused(bill, ("energy", "more", other, "2024-03-01")) == [(2, None, too)]
    # Without an account a bill is known by its quantity.
    same = [header + f"W1,Power,2023-01-01,1000,kWh,{stated}\n" for stated in (",,,", "0,,Certificate,")]
    assert refused(("energy", "2023", same[0]), ("energy", "more", same[1], "2024-03-01")) == [(2, None, too)]
    # Also where one has it in parts and the other has it whole.
    parts = header.replace("\n", ",Bill Quantity\n")
    parts += "W1,Power,2023-01-01,600,kWh,0,,Certificate,,1000\nW1,Power,2023-01-01,400,kWh,,,,,1000\n"
    assert refused(("energy", "2023", parts), ("energy", "more", same[0], "2024-03-01")) == [(2, None, too)]
    assert (2, None, too) in refused(("energy", "2023", same[0]), ("energy", "more", parts, "2024-03-01"))
    # A version of the file may have it in parts.
    assert refused(bill, ("energy", "2023.2", header + "W1,Power,2023-01-01,9,kWh,0,7,Contract,\n", "2024-03-01")) == []


WITH_IDS = TRAVEL.replace("\n", ",Report Entry ID\n")
E9 = "1000,Airfare,2023-01-31,7,E9\n"


def test_a_line_that_has_moved_to_another_file_is_there_from_that_day_on():
    other = "5,Airfare,2023-01-31,7,E1\n"

    found = made(
        ("travel", "q1", WITH_IDS + other + E9, "2024-02-01"),
        ("travel", "q1.2", WITH_IDS + other, "2024-04-01"),
        ("travel", "q2", WITH_IDS + E9, "2024-04-01"),
    )

    assert not [reject for piece in found for reject in piece.rejects]
    nine = [row for piece in found for row in piece.rows.to_pylist() if row["amount_usd"] == 1000]
    assert stretches(nine) == [
        ("2024-02-01", "2024-04-01", pytest.approx(867.95, abs=5e-3)),
        ("2024-04-01", None, pytest.approx(867.95, abs=5e-3)),
    ]
    assert [row["edition"] for row in nine] == ["q1", "q2"]


def test_a_line_that_was_refused_does_not_keep_the_right_one_out():
    wrong = ("travel", "q1", WITH_IDS + E9.replace(",7,", ",8,"), "2024-02-01")
    right = ("travel", "q2", WITH_IDS + E9, "2024-03-01")

    assert refused(wrong, right) == [(2, "cost_object", "the cost object 8 is in no edition of the organisation")]
    assert [(row["edition"], row["cost_object"]) for row in rows(wrong, right)] == [("q2", "7")]
    # Nor does it where it could be used later: the other was known before.
    units = {
        ("2023-01-01", "o"): office.UNITS + "7,2023,D,Dep,S\n",
        ("2024-09-01", "o2"): office.UNITS + "8,2024,D,D,S\n",
    }
    assert [row["edition"] for row in rows(wrong, right, org_units=units)] == ["q2"]


def test_one_edition_that_has_landed_twice_is_refused_and_both_are_named():
    both = r"travel/2024-02-01_fy23/ and emissions/travel/2024-04-01_fy23/ are both version 1 of fy23, .* as fy23\.2"
    files = [("travel", "fy23", TRAVEL + FLIGHT, "2024-02-01"), ("travel", "fy23", TRAVEL + FLIGHT, "2024-04-01")]

    for landed_ in (files, files[::-1]):
        with pytest.raises(SourceError, match=both):
            rows(*landed_)
    with pytest.raises(
        SourceError, match=r"2024-02-01_fy23/ and emissions/travel/2024-02-01_fy23\.1/ are both version 1"
    ):
        rows(files[0], ("travel", "fy23.1", TRAVEL + FLIGHT, "2024-02-01"))


def test_a_mapping_that_is_there_as_csv_and_as_a_workbook_is_refused():
    twice = [("activity_mapping", "m1", MAPPING, "2024-01-01"), ("activity_mapping", "m1", MAPPING, "2024-01-01")]

    with pytest.raises(SourceError, match="activity_mapping/2024-01-01_m1/ has activity_mapping twice"):
        made(("travel", "q1", TRAVEL + FLIGHT), *twice, activity_mapping={})


@pytest.mark.parametrize("months", [("2023.06", "2023.07"), ("2023.01", "2023.02")])
def test_months_that_are_called_like_versions_do_not_replace_one_another(months):
    files = [("travel", month, TRAVEL + FLIGHT, f"2024-0{at}-01") for at, month in enumerate(months, start=2)]

    with pytest.raises(SourceError, match="and no 2023 has landed that it could replace; .* such as 2023-0[26]"):
        rows(*files)


def test_two_equal_lines_of_one_file_are_two_taxis_and_one_id_is_one():
    twice = "5,Airfare,2023-01-31,7\n5,Airfare,2023-01-31,7\n"
    (piece,) = made(("travel", "q1", TRAVEL + twice))
    with_ids = TRAVEL.replace("\n", ",Report Entry ID\n") + "5,Airfare,2023-01-31,7,R1\n5,Airfare,2023-01-31,7,R1\n"
    (known,) = made(("travel", "q1", with_ids + "6,Airfare,2023-01-31,7,R1\n"))

    assert (piece.rows.num_rows, piece.rows_duplicate) == (2, 0)
    assert (known.rows.num_rows, known.rows_duplicate) == (1, 1)
    assert [one.reason for one in known.rejects] == ["differs from line 2, which is of the same"]
    assert accounted(piece)
    assert accounted(known)


INVOICES = "SAP Invoice Number,Category Level 3,Invoice Date,Cost Object,Total\n"


def test_invoices_without_numbers_of_their_lines_keep_all_lines():
    body = INVOICES + "900,Hotels,2023-01-31,7,500\n900,Hotels,2023-01-31,7,500\n900,Hotels,2023-01-31,7,200\n"

    (piece,) = made(("goods", "2023", body))

    assert [row["amount_usd"] for row in piece.rows.to_pylist()] == [500.0, 500.0, 200.0]
    assert (piece.rows_duplicate, piece.rejects) == (0, [])
    # Another invoice that says the same in another file is not the same line.
    assert refused(("goods", "2023", body), ("goods", "more", INVOICES + "901,Hotels,2023-01-31,7,500\n")) == []


def test_an_order_of_food_has_a_line_for_each_category():
    header = "Food Category,Order Date,Total,Order ID,Cost Object\n"

    (piece,) = made(("food", "2023", header + "Beef,2023-01-31,500,8,7\nCheese,2023-01-31,200,8,7\n"))

    assert sorted(row["amount_usd"] for row in piece.rows.to_pylist()) == [200.0, 500.0]
    assert piece.rejects == []


def test_an_id_that_a_data_frame_has_taken_for_a_number_is_the_same_id():
    first = ("travel", "q1", WITH_IDS + FLIGHT.replace(",7", ",7,1001"))
    again = ("travel", "all", WITH_IDS + FLIGHT.replace(",7", ",7,1001.0"), "2024-03-01")

    assert [reason[:18] for _, _, reason in refused(first, again)] == ["is in travel q1 of"]


def test_the_same_lines_on_two_sheets_are_there_once_and_equal_ones_of_a_sheet_each():
    taxi = [5, "Airfare", date(2023, 1, 31), 7]
    header = TRAVEL.strip().split(",")
    book = workbook(January=[header, taxi, taxi], All=[header, taxi, taxi, [9, *taxi[1:]]])

    (piece,) = made(("travel", "q1", book))

    assert [(row["sheet"], row["amount_usd"]) for row in piece.rows.to_pylist()] == [
        ("January", 5.0),
        ("January", 5.0),
        ("All", 9.0),
    ]
    assert (piece.rows_duplicate, piece.rejects) == (2, [])
    assert accounted(piece)


def test_a_bin_that_comes_twice_with_other_riders_is_refused():
    survey = "Commute Time (minutes),Drove alone\n28,100\n28,90\n"

    assert refused(("commuting_bins", "2023", survey)) == [(3, None, "differs from line 2, which is of the same")]


@pytest.mark.parametrize(
    ("layout", "edition", "body", "sentence"),
    [
        (
            "commuting_counts",
            "2023",
            "Mode,Count,Share\ncar,5,0.7\nbus,5,0.4\n",
            "has shares that come to 1.1, which",
        ),
        ("commuting_bins", "spring", "Commute Time (minutes),Drove alone\n28,1\n", "is a survey called spring, and"),
        ("travel", "q1", "Amount,Type\n1,2\n", "has no row with the headers expense amount"),
        (
            "activity_mapping",
            "m",
            MAPPING + 'travel,x,"233,230,230,301",,\n',
            "line 11: 233,230,230,301 is several",
        ),
        ("activity_mapping", "m", MAPPING + "travel,x,NAICS 4811,,\n", "line 11: NAICS 4811 is no code of six digits"),
        (
            "activity_mapping",
            "m",
            MAPPING + "travel,air,NAICS 721110,0.5,\n",
            "travel, air: the shares come to 1.5",
        ),
        ("activity_mapping", "m", MAPPING + "travel,x,excluded,1.5,\n", "line 11: 1.5 is no share of one"),
        (
            "activity_mapping",
            "m",
            MAPPING + "travel,taxi,NAICS 721110,0.5,\ntravel,TAXI,NAICS 721110,0.5,\n",
            "line 12: travel, taxi, NAICS 721110 is there twice",
        ),
        (
            "activity_mapping",
            "m",
            MAPPING + "energy,gas,Natural Gas,0.5,\nenergy,gas,excluded,0.5,\n",
            "line 11: energy is weighed as one thing, and this is a share of it.* line 12: energy",
        ),
        (
            "activity_mapping",
            "m",
            MAPPING + "food_weight,stew,Beef,0.5,\nfood_weight,stew,Milk,0.5,\n",
            "line 11: food_weight is weighed as one thing",
        ),
        (
            "assumptions",
            "a",
            "name,valid_for,value,unit,source,source_year\na,all,2,share,x,\n",
            "has 1 lines that",
        ),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_whole(layout, edition, body, sentence):
    with pytest.raises(SourceError, match=sentence):
        said(layout, edition, body)


def test_two_factors_for_the_same_are_refused_and_not_taken_by_the_order_of_their_lines():
    mix = "data_year,region,co2_lb_per_mwh\n2021,CAMX,500\n2022,CAMX,400\n"
    foods = "food,kg_co2e_per_kg,gwp_set\nBeef,60,AR5\nBeef,50,AR4\n"
    flight = ("travel", "q1", TRAVEL + FLIGHT)

    for body in (mix, "\n".join([mix.split("\n")[0], *mix.split("\n")[2:0:-1]]) + "\n"):
        with pytest.raises(
            SourceError, match=r"^green_e/g/2021/.*/CO2 \(.* and green_e/g/2022/.*/CO2 \(.* of one edition"
        ):
            made(flight, green_e_residual_mix={("2023-06-05", "g"): body})
    with pytest.raises(SourceError, match=r"^food/f/weight/Beef/CO2e/AR4 \(50 kg/kg\) and food/f/weight/Beef/CO2e/AR5"):
        made(flight, food_factors={("2023-06-05", "f"): foods})
    each = {
        ("2023-06-05", "g21"): "".join(mix.splitlines(True)[:2]),
        ("2023-06-06", "g22"): mix.replace("2021,CAMX,500\n", ""),
    }
    assert refused(flight, green_e_residual_mix=each) == []


def test_an_edition_that_is_chosen_must_have_landed_by_then():
    with pytest.raises(SourceError, match="a1 choose h for ef_hub_edition, which was published on 2025"):
        rows(("travel", "q1", TRAVEL + FLIGHT), ef_hub_travel={("2025-01-01", "h"): CAR})
    with pytest.raises(SourceError, match="choose c for cpi_edition, which has not landed"):
        rows(("travel", "q1", TRAVEL + FLIGHT), cpi={})
    with pytest.raises(SourceError, match="a1 choose GWP100 for gwp_set, which is none of AR4, AR5, AR6"):
        rows(
            ("travel", "q1", TRAVEL + FLIGHT),
            assumptions={("2024-01-01", "a1"): assumptions(**BASIN, gwp_set=["GWP100"])},
        )
    with pytest.raises(SourceError, match="has lines and no assumptions to weigh them with"):
        rows(("travel", "q1", TRAVEL + FLIGHT), assumptions={})
    with pytest.raises(SourceError, match="there is no assumption remote_share for 2020 on 2024-01-01"):
        rows(("commuting_bins", "2020", "Commute Time (minutes),Drove alone\n28,1\n"))


# How lines are mapped.


def test_the_longest_words_decide_and_what_nothing_names_is_null_and_not_zero():
    lines = "5,AIRFARE,2023-01-31,7\n5,Airport Parking,2023-01-31,7\n5,Gifts,2023-01-31,7\n"

    found = rows(("travel", "q1", TRAVEL + lines))

    assert [(row["activity"], row["mapping_status"], row["mapping_key"], row["expense_group"]) for row in found] == [
        ("NAICS 481111", "mapped", "air", "Air Travel"),
        ("excluded", "excluded", "airport parking", "Ground Travel"),
        ("unmapped", "unmapped", None, None),
    ]
    assert [row["co2e_kg"] is None for row in found] == [False, True, True]
    assert [row["amount_usd"] for row in found] == [5.0, 5.0, 5.0]


def test_a_code_without_a_factor_is_unmapped():
    (row,) = rows(("travel", "q1", TRAVEL + FLIGHT), supply_chain_naics={("2023-07-10", "v1.2"): naics({"721110": 1})})

    assert (row["activity"], row["mapping_status"], row["co2e_kg"], row["factor_id"]) == (
        "NAICS 481111",
        "unmapped",
        None,
        None,
    )


def test_invoices_count_once_they_are_approved_and_ordered():
    header = "SAP Invoice Number,Invoice Line,Category Level 3,Invoice Date,Cost Object,Total,Header Status,PO Status\n"
    lines = "1,1,Hotels,2023-01-31,7,5,Approved,Soft Closed\n1,2,Hotels,2023-01-31,7,5,Rejected,Issued\n"
    mapping = MAPPING + "goods,hotel,NAICS 721110,,\n"

    found = rows(("goods", "2023", header + lines), activity_mapping={("2024-01-01", "m1"): mapping})

    assert [(row["mapping_status"], row["category_id"]) for row in found] == [("mapped", "3.01"), ("excluded", "3.01")]


def test_what_somebody_else_has_worked_out_is_taken_over_by_its_category():
    lines = "Fiscal Year,Category,Emission (t),GWP Set\n2023,Business travel,12.5,AR5\n2023,1,3,AR4\n2023,3.1,1,AR5\n"

    (piece,) = made(("manual", "2023", lines))

    assert [(row["category_id"], row["co2e_kg"], row["gwp_set"], row["method"]) for row in piece.rows.to_pylist()] == [
        ("3.06", 12_500.0, "AR5", "as_published"),
        ("1", 3_000.0, "AR4", "as_published"),
    ]
    # A spreadsheet has made 3.1 of 3.10, or somebody means the first of Scope 3; nobody can know.
    assert [one.reason for one in piece.rejects] == ["'3.1' is no category, by its id or its name"]


def test_parts_of_a_line_that_would_take_one_place_fail_the_load(monkeypatch):
    once = activity.weigh

    monkeypatch.setattr(activity, "weigh", lambda *args: 2 * once(*args))

    with pytest.raises(SourceError, match="travel q1 line 2 is weighed as 2 parts, and two of them have one category"):
        rows(("travel", "q1", TRAVEL + FLIGHT))


# What is known from when to when.


def stretches(found):
    return [(f"{row['known_from']}", row["known_to"] and f"{row['known_to']}", row["co2e_kg"]) for row in found]


def test_an_assumption_that_changes_restates_the_lines_that_took_it_and_no_others():
    versions = {
        ("2024-01-01", "a1"): assumptions(**BASIN),
        ("2024-06-01", "a2"): assumptions(**BASIN, reply_rate__2023=0.25),
    }
    survey = "Commute Time (minutes),Drove alone\n30,1\n"

    ride, later, flight = rows(
        ("commuting_bins", "2023", survey), ("travel", "q1", TRAVEL + FLIGHT), assumptions=versions
    )

    # 10.5 miles, twice a day, 250 days, 80 % of them not at home; half have replied, then a quarter.
    kg = 10.5 * 500 * 0.8 * 0.307842
    assert stretches([ride, later]) == [
        ("2024-02-01", "2024-06-01", pytest.approx(kg / 0.5)),
        ("2024-06-01", None, pytest.approx(kg / 0.25)),
    ]
    assert [ride["assumption_version"], later["assumption_version"]] == ["a1", "a2"]
    assert (stretches([flight])[0][:2], flight["assumption_version"]) == (("2024-02-01", None), "a1")


def test_a_newer_edition_changes_nothing_until_it_is_chosen_and_then_only_what_it_weighs():
    hubs = {("2023-01-01", "h"): CAR, ("2024-03-01", "h2"): HUB + "Passenger Car,0.4,0,0,vehicle-mile,2026\n"}
    files = [
        ("commuting_bins", "2023", "Commute Time (minutes),Drove alone\n30,1\n"),
        ("travel", "q1", TRAVEL + FLIGHT),
    ]
    before = rows(*files)
    chosen = {
        ("2024-01-01", "a1"): assumptions(**BASIN),
        ("2024-06-01", "a2"): assumptions(**BASIN | {"ef_hub_edition": ["h2"]}),
    }

    assert rows(*files, ef_hub_travel=hubs) == before
    old, new, flight = rows(*files, ef_hub_travel=hubs, assumptions=chosen)
    assert old == before[0] | {"known_to": date(2024, 6, 1)}
    assert (new["factor_id"], new["co2_kg"]) == (
        "ef_hub/h2/distance/Passenger Car/CO2",
        pytest.approx(new["quantity"] * 0.4),
    )
    assert flight == before[1]
    assert [row["assumption_version"] for row in (old, new, flight)] == ["a1", "a2", "a1"]


def test_a_newer_mapping_restates_what_it_says_anew_and_leaves_the_rest():
    mappings = {("2024-01-01", "m1"): MAPPING, ("2024-06-01", "m2"): MAPPING + "travel,gifts,NAICS 721110,,\n"}
    lines = TRAVEL + FLIGHT + "100,Gifts,2023-01-31,7\n"

    flight, unmapped, mapped = rows(("travel", "q1", lines), activity_mapping=mappings)

    assert (stretches([flight])[0][:2], flight["mapping_version"]) == (("2024-02-01", None), "m1")
    assert (unmapped["mapping_status"], f"{unmapped['known_to']}") == ("unmapped", "2024-06-01")
    assert (mapped["mapping_status"], f"{mapped['known_from']}", mapped["mapping_version"]) == (
        "mapped",
        "2024-06-01",
        "m2",
    )


def test_a_newer_price_index_that_says_the_same_restates_nothing():
    indexes = {("2023-12-01", "c"): cpi(), ("2024-03-01", "c2"): cpi() + "CUUR0000SA0,2024,M13,313.689\n"}
    chosen = {
        ("2024-01-01", "a1"): assumptions(**BASIN),
        ("2024-06-01", "a2"): assumptions(**BASIN, cpi_edition=["c2"]),
    }
    lines = TRAVEL + FLIGHT + "1000,Airfare,2024-01-31,7\n"

    old, waited, then = rows(("travel", "q1", lines), cpi=indexes, assumptions=chosen)

    assert (stretches([old])[0][:2], old["price_index_edition"]) == (("2024-02-01", None), "c")
    assert [row["mapping_status"] for row in (waited, then)] == ["no_price_index", "mapped"]
    assert [row["assumption_version"] for row in (old, waited, then)] == ["a1", None, "a2"]
    assert stretches([waited, then]) == [
        ("2024-02-01", "2024-06-01", None),
        ("2024-06-01", None, pytest.approx(1000 * 270.970 / 313.689 * 0.976)),
    ]


def test_a_newer_version_of_a_file_replaces_its_own_lines_and_a_late_file_is_not_late():
    late = TRAVEL + "500,Airfare,2022-01-31,7\n"
    corrected = TRAVEL + "1100,Airfare,2023-01-31,7\n"

    found = rows(
        ("travel", "q1", TRAVEL + FLIGHT, "2024-02-01"),
        ("travel", "q1.2", corrected, "2024-04-01"),
        ("travel", "q0", late, "2024-05-01"),
        cpi={("2023-12-01", "c"): cpi({2021: 100, 2022: 100, 2023: 100})},
    )

    assert stretches(found) == [
        ("2024-02-01", "2024-04-01", 976.0),
        ("2024-04-01", None, pytest.approx(1073.6)),
        ("2024-05-01", None, 488.0),
    ]


def test_a_year_that_is_let_in_later_is_known_from_then_on():
    narrow = {("2024-01-01", "a1"): assumptions(**BASIN, last_fiscal_year=2022)}
    wide = {**narrow, ("2024-06-01", "a2"): assumptions(**BASIN)}
    corrected = ("travel", "q1.2", TRAVEL + FLIGHT, "2024-04-01")
    reason = "is of the fiscal year 2023, and those are 2015 to 2022"

    assert refused(("travel", "q1", TRAVEL + FLIGHT), assumptions=narrow) == [(2, "fiscal_year", reason)]
    found = rows(("travel", "q1", TRAVEL + FLIGHT), assumptions=wide)
    assert stretches(found) == [("2024-06-01", None, pytest.approx(867.95, abs=5e-3))]
    # What was replaced by then was never known.
    assert refused(("travel", "q1", TRAVEL + FLIGHT), corrected, assumptions=wide) == [(2, "fiscal_year", reason)]


def test_a_year_that_is_shut_out_later_was_known_until_then():
    versions = {
        ("2024-01-01", "a1"): assumptions(**BASIN),
        ("2024-06-01", "a2"): assumptions(**BASIN, last_fiscal_year=2022),
    }

    (piece,) = made(("travel", "q1", TRAVEL + FLIGHT), assumptions=versions)

    assert stretches(piece.rows.to_pylist()) == [("2024-02-01", "2024-06-01", pytest.approx(867.95, abs=5e-3))]
    assert accounted(piece)


def test_a_cost_object_that_comes_later_lets_its_lines_in_from_its_day_on():
    units = {
        ("2023-01-01", "o"): office.UNITS + "1,2023,D,Dep,S\n",
        ("2024-09-01", "o2"): office.UNITS + "7,2024,D,D,S\n",
    }
    reason = "the cost object 7 is in no edition of the organisation"

    found = rows(("travel", "q1", TRAVEL + FLIGHT), org_units=units)

    assert stretches(found) == [("2024-09-01", None, pytest.approx(867.95, abs=5e-3))]
    files = ("travel", "q1", TRAVEL + FLIGHT), ("travel", "q1.2", TRAVEL + FLIGHT, "2024-08-01")
    assert refused(*files, org_units=units) == [(2, "cost_object", reason)]


def test_what_has_been_replaced_is_not_restated_any_more():
    versions = {
        ("2024-01-01", "a1"): assumptions(**BASIN),
        ("2024-06-01", "a2"): assumptions(**BASIN, reply_rate__2023=0.25),
    }
    survey = "Commute Time (minutes),Drove alone\n30,1\n"

    found = rows(
        ("commuting_bins", "2023", survey),
        ("commuting_bins", "2023.2", survey, "2024-04-01"),
        ("commuting_bins", "2023.3", survey, "2024-04-01"),
        assumptions=versions,
    )

    assert [(row["edition"], f"{row['known_from']}", row["assumption_version"]) for row in found] == [
        ("2023", "2024-02-01", "a1"),
        ("2023.3", "2024-04-01", "a1"),
        ("2023.3", "2024-06-01", "a2"),
    ]


def test_a_version_that_is_older_than_what_it_replaces_is_refused():
    with pytest.raises(SourceError, match=r"travel q1.2 is of 2024-01-01, and is to replace q1 of 2024-02-01"):
        rows(("travel", "q1", TRAVEL + FLIGHT), ("travel", "q1.2", TRAVEL + FLIGHT, "2024-01-01"))


def test_the_same_files_give_the_same_rows_in_whatever_order_they_come():
    files = [
        ("travel", "q1", TRAVEL + FLIGHT),
        ("travel", "q2", TRAVEL + "7,Hotel,2023-03-01,7\n", "2024-03-01"),
        ("commuting_bins", "2023", "Commute Time (minutes),Drove alone\n30,1\n"),
    ]

    def by_line(found):
        return sorted(found, key=lambda row: row["line_id"])

    assert by_line(rows(*files)) == by_line(rows(*reversed(files)))


def test_every_line_is_accounted_for_however_many_rows_it_has():
    lines = FLIGHT + "-1,Airfare,2023-01-31,7\n1,Airfare,2023-01-31,9\n"
    versions = {
        ("2024-01-01", "a1"): assumptions(**BASIN),
        ("2024-06-01", "a2"): assumptions(**BASIN, hard_cost_share=0.7),
    }
    building = "Fiscal Year,New Construction,Renovation and Renewal\n2023,1,1\n"

    pieces = made(("travel", "q1", TRAVEL + lines), ("construction", "f", building), assumptions=versions)

    assert all(accounted(piece) for piece in pieces)
    # Two kinds of builders, each twice; and a renovation that nothing maps.
    assert [piece.rows.num_rows for piece in pieces] == [1, 5]
    assert [piece.rows_read for piece in pieces] == [3, 5]


# Through the four steps.

TABLE, ALL = "fact_activity_emissions", (None, None)
TOTALS = (
    "SELECT feed, COUNT(*) AS n, SUM(co2e_kg) AS kg FROM fact_activity_emissions WHERE known_to IS NULL "
    "GROUP BY feed ORDER BY feed"
)


@pytest.fixture
def landed(place, load, shared_session_without_spark):
    """The fixtures of lines and of what weighs them, with the factors that they lead to."""
    office.land_fixtures(place)
    office.publish(place, *office.WEIGHED_WITH)
    return place


def test_what_has_landed_goes_through_the_four_steps_once(landed, load):
    found, published = load(TABLE, ALL)
    again, nothing = load(TABLE, ALL)

    assert (published["rows_loaded"], published["rows_quarantined"]) == (33, 1)
    assert (found.new, again.unchanged, nothing) == (again.unchanged, found.new, None)
    assert landed.rows(TOTALS) == [
        ("commuting_bins", 6, pytest.approx(3694.635 + 18473.175 + 240.3408 + 2616.908 + 233.6525 + 1869.22)),
        ("construction", 1, pytest.approx(802_750.0)),
        # The two methods of Scope 2 stand beside one another; only a sum by one of them means something.
        ("energy", 6, pytest.approx(455.316021 + 200 + 23.221117 + 133.6 + 265.2725 + 46.45)),
        ("goods", 2, pytest.approx(247.0)),
        ("manual", 3, pytest.approx(190_000.0)),
        ("travel", 4, pytest.approx(585.6 + 78.08)),
        ("waste", 2, pytest.approx(5050.0)),
    ]
    # Every row leads to the version of the file that its line is in.
    assert landed.rows(
        "SELECT DISTINCT object_key FROM fact_activity_emissions JOIN etl_checkpoint USING (object_id) "
        "WHERE feed = 'travel' AND fact_activity_emissions.edition = 'fy2023.2' AND retired_generation IS NULL"
    ) == [("emissions/travel/2026-04-01_fy2023.2/travel.csv",)]
    assert landed.rows("SELECT object_key, line, message FROM etl_quality WHERE check_name = 'quarantine'") == [
        ("emissions/travel/2026-02-01_fy2023/travel.csv", 5, "-20 is below zero")
    ]


def test_a_corrected_file_replaces_its_own_lines_and_no_others(landed, load):
    load(TABLE, ALL)
    others = (
        "SELECT * EXCEPT (load_id) FROM fact_activity_emissions WHERE feed <> 'travel' "
        "ORDER BY line_id, activity, known_from"
    )
    before = landed.rows(others)
    corrected = TRAVEL + "300,Airfare,2024-08-15,1000200\n"
    landed.put("emissions/travel/2026-05-01_fy2025-q1.2/travel.csv", corrected.encode())

    load(TABLE, ALL)

    assert landed.rows(others) == before
    of_quarter = "SELECT amount_usd, known_to FROM fact_activity_emissions WHERE fiscal_year = 2025 ORDER BY known_from"
    assert landed.rows(of_quarter) == [(200.0, date(2026, 5, 1)), (300.0, None)]


def test_figures_of_a_factor_that_is_not_in_its_table_are_not_published(place, load, shared_session_without_spark):
    office.land_fixtures(place)

    with pytest.raises(ContractError, match="factors_are_published: 9, must be = 0. .* Such as ef_hub/2024"):
        load(TABLE, ALL)


def test_a_year_without_an_index_fails_the_load_unless_somebody_accepts_it(landed, load):
    landed.put("emissions/travel/2026-05-01_fy2020/travel.csv", (TRAVEL + "300,Airfare,2019-08-15,1000200\n").encode())

    with pytest.raises(ContractError, match="a_price_index_for_every_year: 1, .* Such as travel fy2020 line 2"):
        load(TABLE, ALL)
    load(TABLE, ALL, accept=("a_price_index_for_every_year",))

    assert landed.rows("SELECT co2e_kg FROM fact_activity_emissions WHERE fiscal_year = 2020") == [(None,)]


def test_too_much_that_nothing_weighs_fails_the_load(landed, load):
    gifts = TRAVEL + "9000000,Gifts,2023-03-15,1000200\n"
    landed.put("emissions/travel/2026-05-01_gifts/travel.csv", gifts.encode())

    with pytest.raises(ContractError, match="money_mapped_percent: 0.0188851"):
        load(TABLE, ALL)


def test_a_file_that_is_gone_takes_nothing_with_it(landed, load):
    load(TABLE, ALL)
    before = landed.rows(TOTALS)
    landed.s3.delete_object(Bucket=landed.bucket, Key="emissions/travel/2026-02-01_fy2025-q1/travel.csv")
    landed.put("emissions/travel/2026-05-01_more/travel.csv", (TRAVEL + "1,Airfare,2024-08-15,1000200\n").encode())

    with pytest.raises(SourceError, match="1 editions have vanished, so that what they alone say would be lost"):
        load(TABLE, ALL)

    assert landed.rows(TOTALS) == before
