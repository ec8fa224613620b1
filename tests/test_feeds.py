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


def test_a_bill_of_which_a_certificate_covers_a_part_is_two_lines():
    header = BILLS.replace("\n", ",GWP Set,Instrument,GL Account Key\n")
    lines = ["W1,Power,2023-01-01,600,kWh,0,,Certificate,7", "W1,Power,2023-01-01,400,kWh,,,,7"]
    again = ["W1,Power,2023-01-01,600,kWh,0,,certificate,7", "W1,Power,2023-01-01,300,kWh,,,,7"]

    piece = office.said("energy", "2023", header + "\n".join(lines + again) + "\n")

    assert [(row["quantity"], row["instrument"]) for row in piece.rows.to_pylist()] == [
        (600.0, "certificate"),
        (400.0, None),
    ]
    assert piece.rows_duplicate == 1
    assert [(one.line, one.reason) for one in piece.rejects] == [(5, "differs from line 3, which is of the same")]


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
