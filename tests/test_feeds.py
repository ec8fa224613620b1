"""Cells of an institution's files that must not be taken for something else, or for nothing."""

import office
import pytest
from office import made

from jobs.errors import SourceError

CONSTRUCTION = "Fiscal Year,New Construction,Renovation and Renewal,Currency\n"
UPKEEP = "Fiscal Year,Work Orders within DoF,Sales Work Orders,DoF Ops Costs outside of WOs,Currency\n"
INVOICES = "SAP Invoice Number,Category Level 3,Invoice Date,Cost Object,Total,Header Status,PO Status\n"
BILLS = "Building Number,Fuel,Start Date,Number of Units,Unit of Measure,Supplier kg CO2e per kWh\n"


def refused(layout, body, edition="2023"):
    piece = office.said(layout, edition, body)
    return [(reject.line, reject.column, reject.reason) for reject in piece.rejects], piece.rows.num_rows


@pytest.mark.parametrize(
    ("layout", "body", "entries"),
    [
        ("construction", CONSTRUCTION + "2022,10,,USD\n2023,10,,EUR\n", 1),
        ("maintenance", UPKEEP + "2022,10,,,USD\n2023,10,,,EUR\n", 1),
    ],
)
def test_costs_in_another_currency_are_refused(layout, body, entries):
    assert refused(layout, body) == ([(3, "currency", "is in EUR, and amounts are in USD")], entries)


def test_a_state_of_an_order_is_read_whatever_its_case_and_refused_if_nobody_knows_it():
    body = INVOICES + (
        "1,Hotels,2023-01-31,7,500000,approved,PO closed\n"
        "2,Hotels,2023-01-31,7,5,Approved,Cancelled\n"
        "3,Hotels,2023-01-31,7,5,Approved,Fulfilled\n"
        "4,Hotels,2023-01-31,7,5,Waved through,Issued\n"
        "5,Hotels,2023-01-31,7,5,Rejected,Fulfilled\n"
        "6,Hotels,2023-01-31,7,5,,\n"
    )

    piece = office.said("goods", "2023", body)

    assert piece.rows.select(["line", "is_excluded"]).to_pylist() == [
        {"line": 2, "is_excluded": False},
        {"line": 3, "is_excluded": True},
        {"line": 7, "is_excluded": False},
    ]
    assert [(one.line, one.column, one.reason.split(" is ")[0]) for one in piece.rejects] == [
        (4, "order_status", "'Fulfilled'"),
        (5, "header_status", "'Waved through'"),
        (6, "order_status", "'Fulfilled'"),
    ]


def test_a_way_to_work_that_is_not_known_is_refused_and_one_that_emits_nothing_is_not():
    header = "Commute Time (minutes),Drove alone,Public transit,Drove alone then public transportation\n"
    known = "Commute Time (minutes),Drove alone,Walked,Worked from home,Total\n"

    with pytest.raises(SourceError, match="not known, .*: Public transit, Drove alone then public transportation$"):
        office.said("commuting_bins", "2023", header + "28,100,400,50\n")
    with pytest.raises(SourceError, match="not known, .*: Scooter$"):
        office.said("commuting_minutes", "2021", "Role,Drove alone,Scooter\nStaff,6000,10\n")
    assert refused("commuting_bins", known + "28,100,50,20,170\n") == ([], 1)


def test_what_a_supplier_states_is_of_electricity():
    body = BILLS + "W1,Steam,2023-01-01,100,mmBtu,0.2\nW2,Gas,2023-01-01,10,THM,0.2\nW3,Power,2023-01-01,1,kWh,0.2\n"

    assert refused("energy", body) == (
        [
            (2, "stated", "is of electricity by the kWh, and the bill is in mmBtu"),
            (3, "stated", "is of electricity by the kWh, and the bill is in THM"),
        ],
        1,
    )


def test_what_is_said_of_a_statement_is_known_and_is_of_one():
    header = BILLS.replace("\n", ",GWP Set,Instrument\n")
    lines = ["W1,Power,2023-01-01,1,kWh,0.2,GWP100,", "W2,Power,2023-01-01,1,kWh,0.2,AR5,REC"]
    lines += ["W3,Power,2023-01-01,1,kWh,,,Certificate", "W4,Power,2023-01-01,1,kWh,,AR5,"]

    assert refused("energy", header + "\n".join(lines) + "\n") == (
        [
            (2, "gwp_set", "'GWP100' is none of AR4, AR5, AR6"),
            (3, "instrument", "'REC' is none of certificate, contract, supplier"),
            (4, "instrument", "is Certificate, and no kg CO2e per kWh are stated"),
            (5, "gwp_set", "is AR5, and no kg CO2e per kWh are stated"),
        ],
        0,
    )


PARTS = BILLS.replace("\n", ",GWP Set,Instrument,GL Account Key,Certificate ID,Bill Quantity\n")


def parts(*lines):
    """Quantities and instruments of what is read of bills, how many lines are duplicates, and what is refused."""
    piece = office.said("energy", "2023", PARTS + "\n".join(f"W1,Power,2023-01-01,{line}" for line in lines) + "\n")
    assert piece.rows_read == piece.rows.num_rows + piece.rows_duplicate + len(piece.rejects)
    told = [(row["quantity"], row["instrument"]) for row in piece.rows.to_pylist()]
    return told, piece.rows_duplicate, [(one.line, one.reason) for one in piece.rejects]


def test_lines_of_a_bill_of_which_a_certificate_covers_a_part_come_to_it():
    lines = ["600,kWh,0,,Certificate,7,,1000", "400,kWh,,,,7,,"]
    too_much = "is of a bill of 1,000, and its lines come to 1,600 kWh"
    too_little = "is of a bill of 1,000, and its lines come to 600 kWh"
    not_told = (
        "is one of 2 lines of a bill, some by a certificate or contract, and none says in Bill Quantity how much it"
    )

    assert parts(*lines) == ([(600.0, "certificate"), (400.0, None)], 0, [])
    # The rest by what the supplier states is the rest all the same.
    assert parts(lines[0], "400,kWh,0.2,,,7,,1000")[0] == [(600.0, "certificate"), (400.0, "supplier")]
    # The whole bill beside the certificate would count 600 kWh twice.
    assert parts("1000,kWh,,,,7,,1000", lines[0]) == ([], 0, [(2, too_much), (3, too_much)])
    assert parts(lines[0]) == ([], 0, [(2, too_little)])
    # Whether 1000 is the bill or what is left of it nobody could tell.
    for account in ("7", ""):
        told, _, refused_ = parts(f"1000,kWh,,,,{account},,", f"600,kWh,0,,Certificate,{account},,")
        assert (told, [(line, reason[: len(not_told)]) for line, reason in refused_]) == (
            [],
            [(2, not_told), (3, not_told)],
        )
    assert parts(lines[0], "400,MWh,,,,7,,")[2][0] == (
        2,
        "is of a bill of 1,000, and its lines come to 1,000 MWh and kWh",
    )
    assert parts(lines[0], "400,kWh,,,,7,,900")[2][0] == (
        2,
        "is of a bill of 900 and 1,000, and its lines come to 1,000 kWh",
    )
    # Halves are rounded.
    half = "617.28,kWh,{},,{},7,,1234.57"
    assert parts(half.format(0, "Certificate"), half.format("", ""))[2] == []
    # Two meters without accounts are two bills.
    assert parts("5,kWh,,,,,,5", "7,kWh,0.2,,,,,7") == ([(5.0, None), (7.0, "supplier")], 0, [])


def test_two_equal_certificates_of_a_bill_are_two_and_are_told_apart_by_their_ids():
    wind, sun, rest = "300,kWh,0,,Certificate,7,W-1,1000", "300,kWh,0,,certificate,7,S-1,1000", "400,kWh,,,,7,,1000"
    all_of_it = [(300.0, "certificate"), (300.0, "certificate"), (400.0, None)]

    assert parts(wind, sun, rest) == (all_of_it, 0, [])
    assert parts(wind, sun, rest, wind) == (all_of_it, 1, [])
    assert parts(wind, sun, rest, "200,kWh,0,,Certificate,7,W-1,1000")[2] == [
        (5, "differs from line 2, which is of the same")
    ]
    nameless = wind.replace("W-1", "")
    assert parts(nameless, nameless, rest) == (all_of_it, 0, [])
    assert parts("1,kWh,0.2,,Supplier,7,W-1,", "1,kWh,,,,7,W-1,")[2] == [
        (2, "is W-1, and the instrument is the supplier"),
        (3, "is W-1, and no kg CO2e per kWh are stated"),
    ]


def test_a_bill_whose_supplier_is_named_is_the_bill_whose_supplier_is_not():
    plain, blank, named = "9,kWh,,,,7,,", "9,kWh,0.2,,,7,,", "9,kWh,0.2,,Supplier,7,,"

    assert parts(blank, named) == ([(9.0, "supplier")], 1, [])
    assert parts(plain, blank, named)[::2] == (
        [(9.0, None)],
        [(line, "differs from line 2, which is of the same") for line in (3, 4)],
    )


@pytest.mark.parametrize(
    ("header", "kg"),
    [
        *(
            (words, 0.45359237)
            for words in ("lb", "LB.", "lbs", "Pounds", "weight (lb)", "Weight [lbs.]", "Weight, lb")
        ),
        *((words, 1.0) for words in ("kg", "Kilograms", "weight (kg)", "Weight_kg", "Total kg")),
        *((words, 3.78541) for words in ("gal.", "Gallon", "gallons", "Weight (gal)")),
    ],
)
def test_a_weight_of_food_is_read_whatever_people_call_it(header, kg):
    piece = office.said("food", "2023", f'Food Category,Order Date,Total,"{header}"\nBeef,2023-01-31,5,1\n')

    assert [(row["quantity"], row["amount_usd"]) for row in piece.rows.to_pylist()] == [(kg, 5.0)]


def test_food_may_have_weights_alone_and_no_weight_twice():
    alone = "Food Category,Order Date,Weight (kg),lbs,Gallons\n"
    body = alone + "Beef,2023-01-31,2,4.4,\nMilk,2023-01-31,,2,1\nBeef,2023-01-31,0,2,\nBeef,2023-01-31,,,\n"

    assert refused("food", body) == (
        [
            (2, "lb", "is 4.4, and there are 2 kg: the line has its weight twice"),
            (5, "amount", "'' is no number"),
        ],
        2,
    )
    with pytest.raises(SourceError, match="and not total or kg or"):
        office.said("food", "2023", "Food Category,Order Date,Paid\nBeef,2023-01-31,2\n")
    with pytest.raises(SourceError, match=r"lb twice|lb or lbs .* 2 times"):
        office.said("food", "2023", "Food Category,Order Date,lb,Weight (lb)\nBeef,2023-01-31,2,2\n")


def test_a_header_that_is_like_another_is_another():
    invoice = "1,Hotels,2023-01-31,7,5,Approved,Paid,Me\n"
    header = INVOICES.replace("Header Status,PO Status", "Header Status,PR Status,Orderer ID")

    assert refused("goods", header + invoice) == ([], 1)
    assert refused("energy", BILLS.replace("\n", ",Instrument ID\n") + "W3,Power,2023-01-01,1,kWh,0.2,9\n") == ([], 1)
    with pytest.raises(SourceError, match="Instrumnet, which is almost instrument"):
        office.said("energy", "2023", BILLS.replace("\n", ",Instrumnet\n"))
    piece = office.said("commuting_counts", "2023", "Mode,Count,One Way Miles\ncar,5,7\n")
    assert [row["weight"] for row in piece.rows.to_pylist()] == [7.0]


def test_an_order_of_food_has_a_weight_or_money_that_can_be():
    header = "Food Category,Order Date,Total,Currency,lb,gal,kg\n"
    lines = [
        "Beef,2023-01-31,,,,,",
        "Beef,2023-01-31,,,-1,,",
        "Beef,2023-01-31,5,USD,some,,",
        "Beef,2023-01-31,5,EUR,1,,",
    ]

    assert refused("food", header + "\n".join([*lines, "Beef,2023-01-31,,,,,3"]) + "\n") == (
        [
            (2, "amount", "'' is no number"),
            (3, "lb", "-1 is below zero"),
            (4, "lb", "'some' is no number"),
            (5, "currency", "is in EUR, and amounts are in USD"),
        ],
        1,
    )


def test_a_bill_that_nothing_weighs_is_unknown_upstream_as_well():
    bills = "W1,Peat,2023-01-01,10,THM,\nW2,Gas,2023-01-01,10,THM,\n"
    mapping = "feed,key,activity,share,group\nenergy,gas,Natural Gas,,\n"

    (piece,) = made(("energy", "2023", BILLS + bills), activity_mapping={("2024-01-01", "m1"): mapping})

    told = ("line", "category_id", "mapping_status", "co2e_kg", "mapping_version")
    assert [tuple(row[name] for name in told) for row in piece.rows.to_pylist()] == [
        (2, "1", "unmapped", None, None),
        (2, "3.03", "unmapped", None, None),
        # It is mapped, and there is no factor yet; when there is one, that is the reason.
        (3, "1", "unmapped", None, "m1"),
        (3, "3.03", "unmapped", None, "m1"),
    ]
