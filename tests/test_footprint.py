"""Figures that others have worked out and published, made again from lines; each with its source."""

import os
from pathlib import Path

import pytest
from office import CAR, HUB, MAPPING, TRAVEL, assumptions, cpi, rows

from jobs.weighed import GASES

HUB_2024 = HUB + (
    "Passenger Car,0.17515256410803692,0.005141464699844529,0.003440577635619231,vehicle-mile,2024\n"
    '"Transit Rail (i.e. Subway, Tram)",0.09306907802045235,0.007462268859404379,0.001017582117191506,'
    "passenger-mile,2024\n"
)
BASIN = {"ef_hub_edition": ["h"], "supply_chain_edition": ["v1.2"]}
REAL = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"), "emissions")


def tonnes(found):
    return sum(row["co2e_kg"] for row in found) / 1000


def hub(body, **values):
    """A Hub's table 10 as it is chosen, with assumptions of one survey."""
    return {
        "ef_hub_travel": {("2023-01-01", "h"): body},
        "assumptions": {("2024-01-01", "a1"): assumptions(**BASIN, **values)},
    }


# The formulas, constants and reply rates are those of MIT's Basin (github.com/mit-sustainability/basin, MIT licence).
@pytest.mark.parametrize(
    ("year", "reply_rate", "remote_share", "expected"), [("2023", 0.33, 0.21, 361.108), ("2018", 0.49, 0.0, 307.842)]
)
def test_a_hundred_who_drive_alone_for_28_minutes(year, reply_rate, remote_share, expected):
    weighed = hub(CAR, **{f"reply_rate__{year}": reply_rate, f"remote_share__{year}": remote_share})

    found = rows(("commuting_bins", year, "Commute Time (minutes),Drove alone\n28,100\n"), **weighed)

    assert tonnes(found) == pytest.approx(expected, abs=5e-4)
    (row,) = found
    assert (row["category_id"], row["fiscal_year"], row["quantity_unit"]) == ("3.07", int(year), "vehicle-mile")
    assert row["factor_id"] == "ef_hub/h/distance/Passenger Car/CO2"
    # Methane and nitrous oxide stay apart, so that another set of potentials is no other survey.
    assert row["co2e_ar4_kg"] == pytest.approx(row["co2_kg"] + 25 * row["ch4_kg"] + 298 * row["n2o_kg"])


def test_six_thousand_minutes_a_week_behind_the_wheel():
    weighed = hub(CAR, reply_rate__2021=0.45, remote_share__2021=0)

    found = rows(("commuting_minutes", "2021", "Role,Drove alone\nStaff,6000\n"), **weighed)

    assert tonnes(found) == pytest.approx(143.660, abs=5e-4)


def test_a_hundred_in_public_transport_for_43_minutes():
    others = "Commuter Rail,0.133,0.0105,0.0026,passenger-mile,2025\nBus,0.0711,0,0.0021,passenger-mile,2025\n"
    transit = '"Transit Rail (i.e. Subway, Tram)",0.093,0.0075,0.001,passenger-mile,2025\n'
    weighed = hub(CAR + others + transit, reply_rate__2023=0.33, remote_share__2023=0.21)

    found = rows(
        ("commuting_bins", "2023", "Commute Time (minutes),Drove alone,Public transportation\n43,0,100\n"), **weighed
    )

    parts = {row["activity"]: row["quantity"] for row in found if row["item"] == "public transportation"}
    of_all = 100 * 43 / 60 * 2 * 5 * 50 * 0.79 / 0.33
    assert parts == {
        "subway": pytest.approx(of_all * 20 * 0.5),
        "commuter_rail": pytest.approx(of_all * 40 * 0.35),
        "bus": pytest.approx(of_all * 12 * 0.14),
        # Not in this mapping: it is unmapped, and its miles are there all the same.
        "intercity_rail": pytest.approx(of_all * 125 * 0.01),
    }
    assert [row["co2e_kg"] for row in found if row["activity"] == "intercity_rail"] == [None]


# Five miles each way on 220 days, with the factors of the Hub of 2024 and AR5.
@pytest.mark.parametrize(("mode", "kg"), [("car", 387.658), ("subway", 205.805)])
def test_five_miles_to_work_and_back_on_220_days(mode, kg):
    weighed = hub(HUB_2024, weeks_per_year=44, reply_rate__2024=1, remote_share__2024=0)

    found = rows(("commuting_counts", "2024", f"Mode,Count,One-way miles\n{mode},1,5\n"), **weighed)

    assert [row["co2e_kg"] for row in found] == [pytest.approx(kg, abs=1e-3)]
    assert [row["quantity"] for row in found] == [pytest.approx(2200)]


def mapped(*lines, without=""):
    """The mapping without what a feed and key say in it, and with other lines."""
    kept = [line for line in MAPPING.splitlines(keepends=True) if not (without and line.startswith(without))]
    return {("2024-01-01", "m1"): "".join([*kept, *(f"{line}\n" for line in lines)])}


def test_cars_of_two_kinds_are_weighed_each_by_its_own_factor_and_share():
    trucks = "Light-Duty Truck,0.9,0.01,0.02,vehicle-mile,2025\n"
    mapping = mapped(
        "commuting,car,Passenger Car,0.8,", "commuting,car,Light-Duty Truck,0.2,", without="commuting,car,"
    )

    car, truck = rows(
        ("commuting_counts", "2024", "Mode,Count,One-way miles\ncar,1,5\n"),
        **hub(CAR + trucks, weeks_per_year=44, reply_rate__2024=1, remote_share__2024=0),
        activity_mapping=mapping,
    )

    assert [(row["activity"], row["quantity"], row["factor_id"]) for row in (car, truck)] == [
        ("car: Passenger Car", pytest.approx(1760), "ef_hub/h/distance/Passenger Car/CO2"),
        ("car: Light-Duty Truck", pytest.approx(440), "ef_hub/h/distance/Light-Duty Truck/CO2"),
    ]
    # By AR5: 0.306 + 28 * 0.000009 + 265 * 0.000006 kg a mile of a car, 0.9 + 0.00028 + 0.0053 of a truck.
    assert [row["co2e_kg"] for row in (car, truck)] == [
        pytest.approx(1760 * 0.307842),
        pytest.approx(440 * 0.90558),
    ]


def test_a_ride_that_is_excluded_is_said_to_be_and_one_without_a_factor_keeps_its_share_of_the_miles():
    mapping = mapped("commuting,car,excluded,0.75,", "commuting,car,Sledge,0.25,", without="commuting,car,")

    found = rows(
        ("commuting_counts", "2024", "Mode,Count,One-way miles\ncar,1,5\n"),
        **hub(CAR, weeks_per_year=44, reply_rate__2024=1, remote_share__2024=0),
        activity_mapping=mapping,
    )

    assert [(row["mapping_status"], row["quantity"], row["co2e_kg"]) for row in found] == [
        ("excluded", pytest.approx(1650), None),
        ("unmapped", pytest.approx(550), None),
    ]


def test_what_is_excluded_is_so_in_every_feed_and_in_its_share():
    mapping = mapped(
        "waste,trash,excluded,,",
        "energy,steam,excluded,,Landlord",
        "travel,mixed,excluded,0.25,",
        "travel,mixed,NAICS 721110,0.75,",
    )

    found = rows(
        ("waste", "2023", "Key,Service Date,Material,Tons\n1,2023-01-01,TRASH,8\n"),
        ("energy", "2023", BILL + "W1,Steam,2023-01-01,10,MLB,\n"),
        ("travel", "q1", TRAVEL + "1000,Mixed,2023-01-31,7\n"),
        activity_mapping=mapping,
    )

    names = ("activity", "mapping_status", "method", "quantity", "amount_usd", "expense_group", "mapping_version")
    assert [tuple(row[name] for name in names) for row in found[:3]] == [
        ("excluded", "excluded", "waste", 8.0, None, None, "m1"),
        ("excluded", "excluded", "energy", 10.0, None, "Landlord", "m1"),
        ("excluded", "excluded", "spend", None, 250.0, None, "m1"),
    ]
    assert [(row["activity"], row["amount_usd"], row["co2e_kg"]) for row in found[3:]] == [
        ("NAICS 721110", 750.0, pytest.approx(0.75 * 162.741, abs=5e-3))
    ]


# EPA's factors v1.2 in dollars of 2021 and the index of BLS.
@pytest.mark.parametrize(
    ("line", "kg"),
    [
        ("1000,Airfare,2023-01-31,7", 867.95),
        ("1000,Airfare,2019-05-01,7", 1034.459),
        ("1000,Hotel (room),2023-01-31,7", 162.741),
    ],
)
def test_a_thousand_dollars_of_travel(line, kg):
    (row,) = rows(("travel", "q1", TRAVEL + line + "\n"))

    assert row["co2e_kg"] == pytest.approx(kg, abs=5e-3)
    assert (row["gwp_set"], row["dollar_year"], row["price_index_edition"]) == ("AR4", 2021, "c")
    assert row["deflated_usd"] == pytest.approx(
        1000 * 270.970 / {2023: 304.702, 2019: 255.657}[row["activity_date"].year]
    )


def test_a_hundred_millions_of_new_construction():
    found = rows(("construction", "fy2023", "Fiscal Year,New Construction,Renovation and Renewal\n2023,100,\n"))

    # 65 % are hard costs; two kinds of builders have half of them each.
    assert tonnes(found) == pytest.approx(14_479.9, abs=0.05)
    assert [(row["activity"], row["amount_usd"], row["applied_share"]) for row in found] == [
        ("NAICS 236220", 50e6, 0.65),
        ("NAICS 238110", 50e6, 0.65),
    ]


def test_fifty_millions_of_renovation_and_what_is_spent_on_upkeep():
    kinds = ("construction,renovation", "maintenance,dof", "maintenance,sales")
    mapping = [f"{kind},{work},0.5," for kind in kinds for work in ("NAICS 236220", "NAICS 238110")]
    upkeep = "Fiscal Year,Work Orders within DoF,Sales Work Orders,DoF Ops Costs outside of WOs\n"

    built, kept = (
        rows(file, activity_mapping=mapped(*mapping))
        for file in (
            ("construction", "fy2023", "Fiscal Year,New Construction,Renovation and Renewal\n2023,,50\n"),
            ("maintenance", "fy2023", upkeep + "2023,600000,300000,100000\n"),
        )
    )

    # All of it is work: no share of it is fees.
    assert tonnes(built) == pytest.approx(11_138.4, abs=0.05)
    assert {(row["applied_share"], row["category_id"]) for row in (*built, *kept)} == {(1.0, "3.02")}
    # A million of three kinds is a fiftieth of that.
    assert tonnes(kept) == pytest.approx(11_138.4 / 50, abs=1e-3)
    assert sorted({row["item"] for row in kept}) == ["dof ops costs", "sales work orders", "work orders within dof"]


@pytest.mark.skipif(not REAL.is_dir(), reason="set SUNLEDGER_DATA to a folder with the published tables")
def test_the_published_tables_give_the_same_figures():
    real = {
        "cpi": {("2023-12-01", "c"): (REAL / "cpi_CUUR0000SA0_all_periods.csv").read_bytes()},
        "supply_chain_naics": {
            ("2023-07-10", "v1.2"): (REAL / "SupplyChainGHGEmissionFactors_v1.2_NAICS_CO2e_USD2021.csv").read_bytes()
        },
    }
    building = "Fiscal Year,New Construction,Renovation and Renewal\n2023,100,\n"
    lines = "1000,Airfare,2023-01-31,7\n1000,Airfare,2019-05-01,7\n1000,Hotel (room),2023-01-31,7\n"

    found = rows(("travel", "q1", TRAVEL + lines), ("construction", "fy2023", building), **real)

    assert [row["co2e_kg"] for row in found[:3]] == [pytest.approx(kg, abs=5e-3) for kg in (867.95, 1034.459, 162.741)]
    assert tonnes(found[3:]) == pytest.approx(14_479.9, abs=0.05)


def test_a_year_of_eleven_months_is_said_of_each_row_and_a_year_that_is_missing_is_none():
    months = "".join(f"CUUR0000SA0,2025,M{month:02d},321\n" for month in range(1, 12))
    index = cpi() + "CUUR0000SA0,2025,M13,321.943\n" + months

    found = rows(
        ("travel", "q1", TRAVEL + "1000,Airfare,2025-01-31,7\n1000,Airfare,2026-01-31,7\n"),
        cpi={("2023-12-01", "c"): index},
    )

    assert [(row["mapping_status"], row["price_index_months"], row["co2e_kg"]) for row in found] == [
        ("mapped", 11, pytest.approx(1000 * 270.970 / 321.943 * 0.976)),
        ("no_price_index", None, None),
    ]


BILL = "Building Number,Fuel,Start Date,Number of Units,Unit of Measure,Supplier kg CO2e per kWh\n"
STATED = BILL.replace("Supplier kg CO2e per kWh", "Stated kg CO2e per kWh,GWP Set,Instrument")
ENERGY = "energy,electricity,electricity,,\nenergy,gas,Natural Gas,,\nenergy,steam,Steam and Heat,,\n"
GRID = (
    "eGRID Subregion Acronym,"
    + ",".join(f"{words} {gas} Factor (lb {gas} / MWh)" for words in ("Total Output", "Non-Baseload") for gas in GASES)
    + "\nCAMX,497.442,0.03,0.004,1055,0.05,0.006\nNEWE,536.4,0.06,0.008,923,0.07,0.009\n"
)


FUELS = "Fuel Type,CO2 Factor Energy,CH4 Factor Energy,N2O Factor Energy\nNatural Gas,53.06,1,0.1\n"


def bills(*lines, header=BILL, mix=None, **values):
    weighed = hub(CAR, **values)
    weighed["assumptions"] = {("2024-06-10", "a1"): assumptions(**BASIN | {"ef_hub_edition": ["2024"]}, **values)}
    return rows(
        ("energy", "2023", header + "\n".join(lines) + "\n", "2024-06-20"),
        **weighed | {"ef_hub_travel": {}, "activity_mapping": {("2024-01-01", "m"): MAPPING + ENERGY}},
        ef_hub_electricity={("2024-06-05", "2024"): GRID},
        ef_hub_stationary={("2024-06-05", "2024"): FUELS},
        green_e_residual_mix={("2024-06-05", "g"): mix} if mix else {},
    )


def test_electricity_is_weighed_twice_and_what_is_lost_and_upstream_beside_it():
    found = bills("W1,Electricity,2023-01-01,1000,kWh,0.05", "W2,Electricity,2023-01-01,1,MWh,")

    kg = {(row["line"], row["category_id"], row["activity"]): row["co2e_kg"] for row in found}
    # eGRID 2022, CAMX: 225.636 kg CO2 by 1,000 kWh (US EPA, Hub of 2024, table 6), and the two other gases.
    here = 225.636 + 28 * 0.03 * 0.45359237 + 265 * 0.004 * 0.45359237
    assert kg == {
        (2, "2_location", "electricity"): pytest.approx(here, abs=1e-3),
        (2, "2_market", "electricity"): 50.0,
        (2, "3.03", "grid loss"): pytest.approx(0.051 * here, abs=1e-4),
        (2, "3.03", "upstream"): pytest.approx(66.8),
        (3, "2_location", "electricity"): pytest.approx(here, abs=1e-3),
        (3, "2_market", "electricity"): pytest.approx(here, abs=1e-3),
        (3, "3.03", "grid loss"): pytest.approx(0.051 * here, abs=1e-4),
        (3, "3.03", "upstream"): pytest.approx(66.8),
    }
    assert {row["mapping_status"] for row in found if row["category_id"] == "2_market"} == {"as_published", "mapped"}


def of_sets(row):
    return row["gwp_set"], *(row[f"co2e_{name}_kg"] for name in ("ar4", "ar5", "ar6"))


def test_what_is_stated_is_co2e_by_the_set_that_is_stated_and_by_no_other():
    found = bills(
        "W1,Electricity,2023-01-01,1000,kWh,0.05,AR4,",
        "W2,Electricity,2023-01-01,1000,kWh,0.05,,Contract",
        header=STATED,
        gwp_set=["AR6"],
        upstream_kg_per_mwh_electricity_gwp_set__2023=["AR5"],
    )

    assert [of_sets(row) for row in found if row["category_id"] == "2_market"] == [
        ("AR4", 50.0, None, None),
        ("not_stated", None, None, None),
    ]
    assert [row["co2e_kg"] for row in found if row["category_id"] == "2_market"] == [50.0, 50.0]
    upstream = [row for row in found if row["activity"] == "upstream"]
    assert [of_sets(row) for row in upstream] == [("AR5", None, pytest.approx(66.8), None)] * 2
    # What nobody says of the upstream of gas is not the set that the office has chosen.
    assert [of_sets(row) for row in bills("W1,Natural gas,2023-01-01,10,THM,") if row["activity"] == "upstream"] == [
        ("not_stated", None, None, None)
    ]
    # Where gases are known, all sets are.
    here = next(row for row in found if row["category_id"] == "2_location")
    assert here["gwp_set"] == "AR6"
    assert None not in of_sets(here)


def test_by_the_market_what_is_stated_goes_before_the_residual_mix_and_that_before_the_average():
    lines = [
        "W1,Electricity,2023-01-01,1000,kWh,0,,Certificate",
        "W2,Electricity,2023-01-01,1000,kWh,0.05,AR5,contract",
        "W3,Electricity,2023-01-01,1000,kWh,0.05,AR5,",
        "W4,Electricity,2023-01-01,1000,kWh,,,",
    ]
    mix = "data_year,region,co2_lb_per_mwh\n2022,CAMX,529.4\n2022,NEWE,600\n"
    elsewhere = mix.replace("CAMX", "AZNM")

    def told(**values):
        found = bills(*lines, header=STATED, **values)
        assert {row["market_basis"] for row in found if row["category_id"] != "2_market"} == {None}
        return [(row["market_basis"], row["co2e_kg"]) for row in found if row["category_id"] == "2_market"]

    stated = [("certificate", 0.0), ("contract", 50.0), ("supplier", 50.0)]
    # 529.4 lb of CO2 alone; Green-e says nothing of the other gases.
    residual = ("residual_mix", pytest.approx(529.4 * 0.45359237))
    average = ("average", pytest.approx(225.636 + 28 * 0.03 * 0.45359237 + 265 * 0.004 * 0.45359237, abs=1e-3))
    assert told(mix=mix, green_e_edition=["g"]) == [*stated, residual]
    # It has to be chosen, and to be of the region.
    assert told(mix=mix) == [*stated, average]
    assert told(mix=elsewhere, green_e_edition=["g"]) == [*stated, average]
    (*_, there) = told(mix=mix, green_e_edition=["g"], grid_region=["NEWE"])
    assert there == ("residual_mix", pytest.approx(600 * 0.45359237))
    # Nothing is nothing by every set, whoever says so.
    (row,) = [row for row in bills(lines[0], header=STATED) if row["market_basis"]]
    assert of_sets(row) == ("AR5", 0.0, 0.0, 0.0)
    (row,) = rows(("commuting_counts", "2024", "Mode,Count\nwalked,5\n"))
    assert (of_sets(row), row["assumption_version"]) == (("AR5", 0.0, 0.0, 0.0), "a1")
    (row,) = [row for row in bills(lines[3], header=STATED, mix=mix, green_e_edition=["g"]) if row["market_basis"]]
    assert (row["factor_id"], row["ch4_kg"]) == ("green_e/g/2022/residual_mix/CAMX/electricity/CO2", None)


def test_every_row_that_is_weighed_names_the_assumptions_that_chose_for_it():
    later = {("2024-06-10", "a1"): {}, ("2024-07-01", "a2"): {"grid_region": ["NEWE"]}}
    later |= {("2024-08-01", "a3"): {"gwp_set": ["AR6"], "grid_region": ["NEWE"]}}
    weighed = {
        "assumptions": {
            version: assumptions(**BASIN | {"ef_hub_edition": ["2024"]}, **changes)
            for version, changes in later.items()
        },
        "activity_mapping": {("2024-01-01", "m"): MAPPING + ENERGY},
        "ef_hub_travel": {},
        "ef_hub_electricity": {("2024-06-05", "2024"): GRID},
    }

    bill, flight = (
        (("energy", "2023", BILL + "W1,Electricity,2023-01-01,1,MWh,\n", "2024-06-20"),),
        (("travel", "q1", TRAVEL + "1000,Airfare,2023-01-31,7\n", "2024-06-20"),),
    )
    here = [row for row in rows(*bill, **weighed) if row["category_id"] == "2_location"]

    told = ("known_from", "assumption_version", "gwp_set", "factor_id")
    assert [tuple(str(row[name]) for name in told) for row in here] == [
        ("2024-06-20", "a1", "AR5", "ef_hub/2024/2022/total_output/CAMX/electricity/CO2"),
        ("2024-07-01", "a2", "AR5", "ef_hub/2024/2022/total_output/NEWE/electricity/CO2"),
        ("2024-08-01", "a3", "AR6", "ef_hub/2024/2022/total_output/NEWE/electricity/CO2"),
    ]
    # Neither region nor potentials are anything to a flight: by what its dollars are weighed the first has chosen.
    (row,) = rows(*flight, **weighed)
    assert (str(row["known_from"]), row["assumption_version"]) == ("2024-06-20", "a1")


def versions(layout, lines, **given):
    """What the parts of a line are weighed by, as versions of the assumptions change: the day, and who is named."""
    found = rows((layout, "2023", lines, "2024-06-20"), **given)
    return [
        (row["category_id"], row["activity"], str(row["known_from"]), row["assumption_version"])
        for row in found
        if row["assumption_version"]
    ]


def test_the_heat_of_a_unit_has_weighed_what_is_upstream_as_well():
    given = {
        "assumptions": {
            ("2024-06-10", "a1"): assumptions(**BASIN | {"ef_hub_edition": ["2024"]}),
            ("2024-07-01", "a2"): assumptions(**BASIN | {"ef_hub_edition": ["2024"]}, mmbtu_per_therm=0.2),
        },
        "activity_mapping": {("2024-01-01", "m"): MAPPING + ENERGY},
        "ef_hub_travel": {},
        "ef_hub_stationary": {("2024-06-05", "2024"): FUELS},
    }

    assert versions("energy", BILL + "W1,Natural gas,2023-01-01,10,THM,\n", **given) == [
        ("1", "Natural Gas", "2024-06-20", "a1"),
        ("3.03", "upstream", "2024-06-20", "a1"),
        ("1", "Natural Gas", "2024-07-01", "a2"),
        ("3.03", "upstream", "2024-07-01", "a2"),
    ]


def test_a_choice_that_is_taken_back_is_named_by_the_version_that_did():
    def of(version, **values):
        return assumptions(**BASIN | {"ef_hub_edition": ["2024"]}, **values)

    given = {
        "assumptions": {
            ("2024-06-10", "a1"): of("a1"),
            ("2024-07-01", "a2"): of("a2", green_e_edition=["g"], food_edition=["f"]),
            ("2024-08-01", "a3"): of("a3"),
            ("2024-09-01", "a4"): of("a4"),
        },
        "activity_mapping": {("2024-01-01", "m"): MAPPING + ENERGY + FOOD_MAPPING},
        "ef_hub_travel": {},
        "ef_hub_electricity": {("2024-06-05", "2024"): GRID},
        "green_e_residual_mix": {("2024-06-05", "g"): "data_year,region,co2_lb_per_mwh\n2022,CAMX,529.4\n"},
        "food_factors": {("2023-01-01", "f"): FOODS},
    }

    by_market = versions("energy", BILL + "W1,Electricity,2023-01-01,1,MWh,\n", **given)
    assert [told for told in by_market if told[0] == "2_market"] == [
        ("2_market", "electricity", "2024-06-20", "a1"),
        ("2_market", "electricity", "2024-07-01", "a2"),
        ("2_market", "electricity", "2024-08-01", "a3"),
    ]
    assert [told[2:] for told in by_market if told[0] == "2_location"] == [("2024-06-20", "a1")]
    assert versions("food", FOOD + "Beef,2023-01-31,1000,1,10,\n", **given) == [
        ("3.01", "NAICS 721110", "2024-06-20", "a1"),
        ("3.01", "Beef", "2024-07-01", "a2"),
        ("3.01", "NAICS 721110", "2024-08-01", "a3"),
    ]


def test_a_number_of_a_year_that_is_taken_back_leaves_that_of_all_years_by_the_version_that_did():
    survey = {"reply_rate__2024": 1, "remote_share__2024": 0, "days_per_week": 5}
    given = {
        "assumptions": {
            ("2024-06-10", "a1"): assumptions(**BASIN, **survey, days_per_week__2024=4),
            ("2024-07-01", "a2"): assumptions(**BASIN, **survey),
        }
    }

    found = rows(("commuting_counts", "2024", "Mode,Count,One-way miles\ncar,1,5\n", "2024-06-20"), **given)

    assert [(row["assumption_version"], row["quantity"]) for row in found] == [
        ("a1", pytest.approx(0.8 * found[1]["quantity"])),
        ("a2", found[1]["quantity"]),
    ]


def test_an_index_that_is_taken_back_for_a_year_leaves_that_of_all_years():
    given = {
        "assumptions": {
            ("2024-01-01", "a1"): assumptions(**BASIN, cpi_edition__2023=["c"]),
            ("2024-07-01", "a2"): assumptions(**BASIN),
        }
    }

    found = rows(("travel", "q1", TRAVEL + "1000,Airfare,2023-01-31,7\n"), **given)

    assert [row["mapping_status"] for row in found] == ["mapped"] * len(found)
    assert [row["co2e_kg"] for row in found] == [pytest.approx(867.95, abs=5e-3)] * len(found)


FOOD = "Food Category,Order Date,Total,Order ID,lb,gal\n"
FOOD_MAPPING = "food_weight,beef,Beef,,\nfood_weight,milk,Milk,,\nfood,beef,NAICS 721110,,\nfood,milk,NAICS 721110,,\n"
FOODS = "food,kg_co2e_per_kg,gwp_set\nBeef,60,AR5\nMilk,3,\n"


def food(*lines, mapping=FOOD_MAPPING, **values):
    weighed = {"assumptions": {("2024-01-01", "a1"): assumptions(**BASIN, **{"food_edition": ["f"], **values})}}
    return rows(
        ("food", "2023", FOOD + "\n".join(lines) + "\n"),
        activity_mapping={("2024-01-01", "m1"): MAPPING + mapping},
        food_factors={("2023-01-01", "f"): FOODS},
        **weighed,
    )


def test_food_is_weighed_by_its_weight_where_that_is_given_and_else_by_its_money():
    found = food(
        "Beef,2023-01-31,1000,1,10,",
        "Milk (whole),2023-01-31,,2,2,1",
        "Beef,2023-01-31,1000,3,,",
        "Beef,2023-01-31,1000,4,0,0",
    )

    told = ("method", "quantity", "amount_usd", "gwp_set", "factor_id", "assumption_version")
    hotel = "supply_chain/v1.2/2019/spend/NAICS 721110/with margins/CO2e/AR4"
    assert [tuple(row[name] for name in told) for row in found] == [
        ("weight", pytest.approx(4.5359237), 1000.0, "AR5", "food/f/weight/Beef/CO2e/AR5", "a1"),
        (
            "weight",
            pytest.approx(2 * 0.45359237 + 3.78541),
            None,
            "not_stated",
            "food/f/weight/Milk/CO2e/not_stated",
            "a1",
        ),
        ("spend", None, 1000.0, "AR4", hotel, "a1"),
        # Nothing is no weight: it has cost a thousand dollars.
        ("spend", None, 1000.0, "AR4", hotel, "a1"),
    ]
    assert [row["co2e_kg"] for row in found] == [
        pytest.approx(272.155422),
        pytest.approx(3 * (0.90718474 + 3.78541)),
        pytest.approx(162.741, abs=5e-3),
        pytest.approx(162.741, abs=5e-3),
    ]
    assert {row["category_id"] for row in found} == {"3.01"}


def test_food_whose_weight_nothing_weighs_is_weighed_by_its_money_or_not_at_all():
    lines = ["Beef,2023-01-31,1000,1,10,", "Beef,2023-01-31,,2,10,"]
    spend = ("spend", "mapped", pytest.approx(162.741, abs=5e-3))

    def told(**given):
        return [(row["method"], row["mapping_status"], row["co2e_kg"]) for row in food(*lines, **given)]

    assert told(mapping="food,beef,NAICS 721110,,\n") == [spend, ("weight", "unmapped", None)]
    # The study that is chosen has no squid.
    assert told(mapping=FOOD_MAPPING.replace("Beef", "Squid")) == [spend, ("weight", "unmapped", None)]
    # What another feed counts of an order is not weighed twice.
    halves = "food_weight,beef,Beef,,\nfood,beef,NAICS 721110,0.75,\nfood,beef,excluded,0.25,\n"
    assert told(mapping=halves)[:2] == [
        ("spend", "excluded", None),
        ("weight", "mapped", pytest.approx(0.75 * 272.155422)),
    ]


def test_gas_is_scope_1_by_its_heat_and_what_nothing_names_is_null():
    gas, upstream, *unweighed = bills(
        "W1,Natural gas,2023-01-01,10,THM,", "W1,Peat,2023-01-01,10,THM,", "W2,Natural gas,2023-01-01,10,BBL,"
    )

    assert (gas["category_id"], gas["quantity"], gas["quantity_unit"]) == ("1", 1.0, "mmBtu")
    assert gas["co2e_kg"] == pytest.approx(53.06 + 0.001 * 28 + 0.0001 * 265)
    assert (upstream["category_id"], upstream["co2e_kg"]) == ("3.03", pytest.approx(9.29))
    # What is upstream of them is not known either.
    assert [(row["category_id"], row["mapping_status"], row["co2e_kg"]) for row in unweighed] == [
        ("1", "unmapped", None),
        ("3.03", "unmapped", None),
        ("1", "unmapped", None),
        ("3.03", "unmapped", None),
    ]


def test_waste_goes_where_the_mapping_says_in_its_shares():
    kinds = ("Recycled", "Landfilled", "Combusted", "Composted")
    table = ",".join(["Material", *(f"{way} (Metric Tons CO2e / Short Ton Material)" for way in kinds)]) + "\n"
    ways = "waste,trash,Mixed MSW: Landfilled,0.25,\nwaste,trash,Mixed MSW: Combusted,0.75,\n"
    ways += "waste,glass,Glass: Recycled,,\n"
    weighed = hub(CAR)
    weighed["assumptions"] = {("2024-06-10", "a1"): assumptions(**BASIN | {"ef_hub_edition": ["2024"]})}

    found = rows(
        ("waste", "2023", "Key,Service Date,Material,Tons\n1,2023-01-01,TRASH,8\n2,2023-01-01,Glass,1\n", "2024-06-20"),
        **weighed | {"ef_hub_travel": {}, "activity_mapping": {("2024-01-01", "m"): MAPPING + ways}},
        ef_hub_waste={("2024-06-05", "2024"): table + "Mixed MSW,,0.58,0.43,\n"},
    )

    assert of_sets(found[0]) == ("AR5", None, 1160.0, None)
    assert [(row["activity"], row["quantity"], row["co2e_kg"]) for row in found] == [
        ("Mixed MSW: Landfilled", 2.0, 1160.0),
        ("Mixed MSW: Combusted", 6.0, 2580.0),
        # The table says nothing of it.
        ("Glass: Recycled", 1.0, None),
    ]
