"""Emission factors: what each published table becomes, what is refused, and how editions follow one another."""

import json
import os
from datetime import date
from pathlib import Path

import pytest
from conftest import FIXTURES, expected_rows

from jobs import contract
from jobs.errors import ContractError, LoadError, SourceError
from jobs.tables import dim_emission_factor as table
from jobs.transform import SourceObject

PLACE = FIXTURES / "dim_emission_factor" / "emissions"
TABLE = "dim_emission_factor"
ALL = (None, None)
FACTORS = (
    "SELECT region, gas, value_published, superseded_by, supersedes, drift, drift_percent FROM view_emission_factor"
)

real = pytest.mark.skipif(
    "SUNLEDGER_DATA" not in os.environ, reason="set SUNLEDGER_DATA to a folder with EPA's published tables"
)
DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"), "emissions")


def parsed(body, layout, edition="2024", published_on="2024-06-05"):
    (piece,) = table.transform(SourceObject.of(body, {"edition": edition, "published_on": published_on}, layout))
    return piece


def faults(piece):
    return [(reject.line, reject.column, reject.reason) for reject in piece.rejects]


TRAVEL = b"Vehicle Type,CO2 Factor (kg CO2 / unit),CH4 Factor (g CH4 / unit),N2O Factor (g N2O / unit),Units,Year\n"


def test_the_fixtures_become_the_expectation():
    rows = []
    for path in sorted(PLACE.glob("*/*/*.*")):
        source, version, name = path.relative_to(PLACE).parts
        (layout,) = (
            known.name
            for known in contract.load(TABLE).sources
            if known.prefix == f"emissions/{source}/" and known.lands_as == name
        )
        published_on, _, edition = version.partition("_")
        rows += parsed(path.read_bytes(), layout, edition, published_on).rows.to_pylist()

    expected = sorted(expected_rows(TABLE), key=lambda row: row["factor_id"])
    actual = sorted(rows, key=lambda row: row["factor_id"])
    assert [row["factor_id"] for row in actual] == [row["factor_id"] for row in expected]
    for got, wanted in zip(actual, expected, strict=True):
        for name, text in wanted.items():
            value = got[name]
            if isinstance(value, float):
                assert value == pytest.approx(float(text), rel=1e-12), (got["factor_id"], name)
            else:
                assert ("" if value is None else str(value)) == text, (got["factor_id"], name)


def test_a_blank_is_no_factor_and_a_published_zero_is_one():
    piece = parsed(TRAVEL + b"Bus,0.071,,0,passenger-mile,2024\n", "ef_hub_travel")

    assert [(row["gas"], row["value"]) for row in piece.rows.to_pylist()] == [("CO2", 0.071), ("N2O", 0.0)]
    assert (piece.rows_read, piece.rejects) == (2, [])


def test_heat_that_is_bought_is_by_what_was_burnt_for_it():
    body = b"Category,CO2 Factor (kg CO2 / mmBtu),CH4 Factor (g CH4 / mmBtu),N2O Factor (g N2O / mmBtu),Year\n"

    piece = parsed(body + b"Steam and Heat,66.33,1.25,0.125,2024\n", "ef_hub_steam")

    assert [(row["gas"], row["value"], row["unit"], row["basis"]) for row in piece.rows.to_pylist()] == [
        ("CO2", 66.33, "kg/mmBtu", "fuel"),
        ("CH4", 0.00125, "kg/mmBtu", "fuel"),
        ("N2O", 0.000125, "kg/mmBtu", "fuel"),
    ]


def test_waste_of_an_edition_whose_potentials_nobody_has_established_is_refused():
    with pytest.raises(SourceError, match="edition 2031, whose set of potentials is not known"):
        parsed(b"", "ef_hub_waste", edition="2031")


def test_the_set_of_waste_is_what_the_edition_says():
    ways = ",".join(f"{way} (Metric Tons CO2e / Short Ton Material)" for way in table.HUB_WASTE_WAYS)
    body = f"Material,{ways},Year\nMixed MSW,,0.52,0.43,,2023\n".encode()

    sets = {
        edition: {row["gwp_set"] for row in parsed(body, "ef_hub_waste", edition).rows.to_pylist()}
        for edition in ("2023", "2024")
    }

    assert sets == {"2023": {"AR4"}, "2024": {"AR5"}}


def test_a_residual_mix_is_of_a_subregion_and_of_co2_alone():
    piece = parsed(b"data_year,region,co2_lb_per_mwh\n2022,CAMX,500\n2022,NEWE,\n", "green_e_residual_mix", "2024")

    (row,) = piece.rows.to_pylist()
    told = ("factor_id", "source", "basis", "region_scheme", "value", "unit", "gwp_set")
    assert tuple(row[name] for name in told) == (
        "green_e/2024/2022/residual_mix/CAMX/electricity/CO2",
        "green_e",
        "residual_mix",
        "egrid_subregion",
        pytest.approx(226.796185),
        "kg/MWh",
        None,
    )
    with pytest.raises(SourceError, match="has no data year in line 2"):
        parsed(b"data_year,region,co2_lb_per_mwh\nlast,CAMX,500\n", "green_e_residual_mix")


def test_food_by_weight_says_its_set_or_that_nobody_does():
    piece = parsed(b"food,kg_co2e_per_kg,gwp_set\nBeef,60,AR5\nMilk,3.2,\n", "food_factors", "a-study")

    told = ("factor_id", "basis", "value", "unit", "gwp_set")
    assert [tuple(row[name] for name in told) for row in piece.rows.to_pylist()] == [
        ("food/a-study/weight/Beef/CO2e/AR5", "weight", 60.0, "kg/kg", "AR5"),
        ("food/a-study/weight/Milk/CO2e/not_stated", "weight", 3.2, "kg/kg", "not_stated"),
    ]


def test_a_value_that_is_no_number_and_a_unit_that_nobody_knows_are_refused_where_they_stand():
    body = TRAVEL + b"Bus,see note,0,0,passenger-mile,2024\nFerry,1,1,1,nautical mile,2024\n"

    piece = parsed(body, "ef_hub_travel")

    assert [(line, column) for line, column, _ in faults(piece)] == [(2, "CO2"), (3, "CO2"), (3, "CH4"), (3, "N2O")]
    assert faults(piece)[0][2] == "'see note' is no number"
    assert "the unit 'kg/nautical mile' is not one of lb/MWh" in faults(piece)[1][2]
    assert (piece.rows_read, piece.rows.num_rows) == (6, 2)


def test_a_factor_that_stands_twice_with_two_values_is_refused_and_with_one_counted_as_duplicate():
    body = TRAVEL + b"Bus,1,0,0,passenger-mile,2024\nBus,2,0,0,passenger-mile,2024\n"

    piece = parsed(body, "ef_hub_travel")

    assert (piece.rows_read, piece.rows.num_rows, piece.rows_duplicate) == (6, 3, 2)
    assert faults(piece) == [(3, "CO2", "ef_hub/2024/distance/Bus/CO2 stands with 1 and with 2")]


@pytest.mark.parametrize(
    ("body", "layout", "sentence"),
    [
        (b"", "ef_hub_travel", "lacks the columns Vehicle Type, Units, CO2 Factor"),
        (TRAVEL.replace(b"Units", b"Unit"), "ef_hub_travel", "lacks the columns Units; it has Vehicle Type"),
        (TRAVEL + b"Bus,1,2\n", "ef_hub_travel", "has 3 cells in line 2, and 6 columns: 'Bus,1,2'"),
        (TRAVEL + b"B\xff,1,2,3,4,5\n", "ef_hub_travel", "is not CSV in UTF-8"),
        (b"<html>Service unavailable</html>", "egrid_subregions", "is not GeoJSON with features"),
        (b"{}", "egrid_subregions", "is not GeoJSON with features"),
        (
            b'{"features": [{"properties": {"type": "subregion", "name": "X"}}]}',
            "egrid_subregions",
            "without its rates",
        ),
        (
            b"data_year,level,region,pollutant,resource,rate_lb_per_mwh\n,national,US,CO2,PV,1\n",
            "avert_rates",
            "no data",
        ),
    ],
)
def test_what_is_not_the_table_that_its_key_says_fails_the_load(body, layout, sentence):
    with pytest.raises(SourceError, match=sentence):
        parsed(body, layout)


def test_an_edition_whose_data_year_nobody_has_established_is_refused():
    with pytest.raises(SourceError, match="edition 2019, whose data year is not known"):
        parsed(b"", "ef_hub_electricity", edition="2019")
    with pytest.raises(SourceError, match=r"version v9, whose data year is not known"):
        parsed(b"", "supply_chain_naics", edition="v9")
    with pytest.raises(SourceError, match="published on 2024-02-31, which is no day"):
        parsed(TRAVEL, "ef_hub_travel", published_on="2024-02-31")


def subregions(change):
    """The fixture's eGRID with its country's properties changed."""
    document = json.loads((PLACE / "egrid/2025-06-18_2023r2/subregions.json").read_bytes())
    change(document["features"])
    return json.dumps(document).encode()


KEY = "emissions/egrid/2025-09-01_2023r3/subregions.json"


def test_co2e_below_co2_is_refused_in_check_with_how_many_unless_somebody_accepts_it(place, load):
    def lower(features):
        features[-1]["properties"]["emissionFactor"]["co2eEmissionRate"]["value"] = 779.0

    place.put(KEY, subregions(lower))
    place.put("emissions/avert/2025-05-01_2024/rates.csv", (PLACE / "avert/2025-05-01_2024/rates.csv").read_bytes())

    with pytest.raises(
        ContractError, match=r"co2e_not_below_co2: 1, must be = 0\. .* Such as 2023r3 US 779(\.0)? below 780"
    ):
        load(TABLE, ALL)
    # The edition of another table is a load of its own, before it.
    assert place.rows("SELECT DISTINCT source FROM dim_emission_factor") == [("avert",)]
    with pytest.raises(ContractError, match="co2e_not_below_co2: 1, must be = 0"):
        load(TABLE, ALL, accept=("co2e_not_below_co2@2023r2",))

    load(TABLE, ALL, accept=("co2e_not_below_co2@2023r3",))

    assert place.rows("SELECT COUNT(*) AS n FROM dim_emission_factor WHERE source = 'egrid' AND region = 'US'") == [
        (2,)
    ]
    assert place.rows(
        "SELECT severity, passed, observed FROM etl_quality WHERE check_name = 'co2e_not_below_co2' "
        "AND message LIKE '%Accepted by whoever planned the load.'"
    ) == [("warning", False, 1.0)]


def test_a_rule_is_accepted_for_an_edition_and_not_for_all(place, load):
    place.put(KEY, subregions(lambda features: None))

    with pytest.raises(
        LoadError, match="for one edition each, as RULE@EDITION, not as co2e_not_below_co2; nothing was"
    ):
        load(TABLE, ALL, accept=("co2e_not_below_co2",))


def test_only_rules_of_the_contract_can_be_accepted(place, load):
    place.put(KEY, subregions(lambda features: None))

    with pytest.raises(
        LoadError, match="dim_emission_factor has no rule unique_key that could be accepted; it has no_em"
    ):
        load(TABLE, ALL, accept=("unique_key@2023r3",))


def test_an_empty_table_is_refused(place, load):
    place.put("emissions/ef_hub/2023-03-01_2023/travel.csv", b"\xef\xbb\xbf" + TRAVEL + b"\r\n\r\n")

    with pytest.raises(ContractError, match=r"no_empty_table: 1, must be = 0\. Tables without a single factor"):
        load(TABLE, ALL)


def test_a_country_with_25_subregions_is_refused(place, load):
    place.put(KEY, subregions(lambda features: features.__delitem__(slice(1, 3))))

    with pytest.raises(ContractError, match="all_subregions: 1, must be = 0"):
        load(TABLE, ALL)


def test_a_later_edition_supersedes_and_its_drift_is_told(place, load):
    place.put_fixtures()
    load(TABLE, ALL)

    us = place.rows(f"{FACTORS} WHERE source = 'egrid' AND region = 'US' AND gas = 'CO2' ORDER BY published_on")
    car = place.rows(f"{FACTORS} WHERE activity = 'Passenger Car' AND gas = 'CO2' ORDER BY published_on")

    # 800 lb/MWh less 20, in kg.
    assert us == [
        ("US", "CO2", 800.0, "2023r2", None, None, None),
        ("US", "CO2", 780.0, None, "2023r1", pytest.approx(-20 * 0.45359237), pytest.approx(-2.5)),
    ]
    assert car[1][3:] == (None, "2021", pytest.approx(0.175 - 0.341), pytest.approx(100 * (0.175 - 0.341) / 0.341))
    # AVERT's years are data of their own, not editions of one another.
    assert place.rows(
        "SELECT COUNT(*) AS n FROM view_emission_factor WHERE source = 'avert' AND supersedes IS NOT NULL"
    ) == [(0,)]


def test_a_second_load_finds_nothing_to_do_and_an_edition_more_loads_itself_only(place, load):
    place.put_fixtures()
    first, _ = load(TABLE, ALL)
    again, published = load(TABLE, ALL)
    place.put(KEY, subregions(lambda features: None))
    third, more = load(TABLE, ALL)

    assert (first.new, again.unchanged, published) == (11, 11, None)
    assert (third.new, third.unchanged, more["rows_loaded"]) == (1, 11, 33)
    assert place.rows("SELECT COUNT(*) AS n, COUNT(DISTINCT factor_id) AS keys FROM dim_emission_factor") == [
        (141, 141)
    ]


def test_an_edition_that_was_cut_on_its_way_is_refused(place, load):
    header = "NAICS Code 2017,GHG,Unit,Supply Chain Emission Factors without Margins,"
    header += "Supply Chain Emission Factors with Margins\n"
    lines = [f'{code},All GHGs,"kg CO2e/2021 USD, purchaser price",0.1,0.2\n' for code in range(111110, 111120)]
    place.put("emissions/supply_chain/2023-07-10_v1.2/naics.csv", (header + "".join(lines)).encode())
    load(TABLE, ALL)
    later = [line.replace("2021 USD", "2022 USD") for line in lines]
    place.put("emissions/supply_chain/2025-01-10_v1.3/naics.csv", (header + "".join(later[:5])).encode())

    with pytest.raises(ContractError, match="nine_tenths_of_earlier_editions: 1, must be = 0"):
        load(TABLE, ALL)

    place.put("emissions/supply_chain/2025-01-10_v1.3/naics.csv", (header + "".join(later)).encode())
    assert load(TABLE, ALL)[1]["rows_loaded"] == 20


def test_an_empty_landing_bucket_empties_nothing_and_its_own_setting_is_named(place, load):
    place.put_fixtures()
    load(TABLE, ALL)
    for entry in place.s3.list_objects_v2(Bucket=place.bucket, Prefix="emissions/")["Contents"]:
        place.s3.delete_object(Bucket=place.bucket, Key=entry["Key"])

    with pytest.raises(SourceError, match="never empties a table. Check LANDING_BUCKET and AWS_ENDPOINT_URL_S3"):
        load(TABLE, ALL, retire_vanished=True)


def test_the_landing_bucket_must_be_named(place, load, monkeypatch):
    from conftest import forget

    monkeypatch.delenv("LANDING_BUCKET")
    forget()

    with pytest.raises(LoadError, match="LANDING_BUCKET is not set, and factors are read from it; nothing was planned"):
        load(TABLE, ALL)


COMMUTING = "scope-3-category-6-business-travel-and-category-7-employee-commuting.csv"
WASTE = "scope-3-category-5-waste-generated-in-operations-and-category-12-end-of-life-treatment-of-sold-products.csv"
REAL = {
    "egrid/2024-05-10_2022/subregions.json": "subregion_egrid2022_20240510.json",
    "egrid/2025-01-22_2023r1/subregions.json": "subregion_egrid2023_rev0or1_20250122.json",
    "egrid/2025-06-18_2023r2/subregions.json": "subregion_egrid2023_rev2_20250618.json",
    "avert/2025-05-01_2024/rates.csv": "avert_avoided_emission_rates.csv",
    "ef_hub/2023-09-12_2023/travel.csv": f"epa_ef_hub_2023/{COMMUTING}",
    "ef_hub/2024-06-05_2024/travel.csv": f"epa_ef_hub_2024/{COMMUTING}",
    "ef_hub/2024-06-05_2024/electricity.csv": "epa_ef_hub_2024/electricity.csv",
    "ef_hub/2024-06-05_2024/stationary.csv": "epa_ef_hub_2024/stationary-combustion.csv",
    "ef_hub/2024-06-05_2024/steam.csv": "epa_ef_hub_2024/steam-and-heat.csv",
    "ef_hub/2024-06-05_2024/waste.csv": f"epa_ef_hub_2024/{WASTE}",
    "supply_chain/2023-07-10_v1.2/naics.csv": "SupplyChainGHGEmissionFactors_v1.2_NAICS_CO2e_USD2021.csv",
}


def put_real(place, *keys):
    for key in keys:
        place.put(f"emissions/{key}", (DATA / REAL[key]).read_bytes())


@real
def test_the_first_publication_of_egrid_2023_is_caught_and_the_corrected_one_supersedes_it(place, load):
    first, second = "egrid/2025-01-22_2023r1/subregions.json", "egrid/2025-06-18_2023r2/subregions.json"
    put_real(place, first)
    with pytest.raises(ContractError, match="co2e_not_below_co2: 16, must be = 0"):
        load(TABLE, ALL)
    load(TABLE, ALL, accept=("co2e_not_below_co2@2023r1",))
    put_real(place, second)
    found, published = load(TABLE, ALL)

    assert (found.new, found.unchanged, published["rows_loaded"]) == (1, 1, 28 * 4)
    country = f"{FACTORS} WHERE region_scheme = 'national' AND gas = 'CO2' ORDER BY published_on"
    assert place.rows(country) == [
        ("US", "CO2", 771.523, "2023r2", None, None, None),
        (
            "US",
            "CO2",
            767.209,
            None,
            "2023r1",
            pytest.approx((767.209 - 771.523) * 0.45359237),
            pytest.approx(-0.5592, abs=1e-4),
        ),
    ]


@real
def test_the_empty_travel_table_of_the_hub_of_2023_is_caught(place, load):
    put_real(place, "ef_hub/2023-09-12_2023/travel.csv")

    with pytest.raises(ContractError, match="no_empty_table: 1, must be = 0"):
        load(TABLE, ALL)


@real
def test_epas_tables_load_whole_and_say_what_they_are_known_for(place, load):
    put_real(place, *(key for key in REAL if "2023r1" not in key and "_2023/" not in key))
    _, published = load(TABLE, ALL)

    # 28 places by 4 gases twice; AVERT's lines; 28 by 6 rates; 12 vehicles by 3 gases; 1,016 codes by two; 63 fuels and
    # heat that is bought by 3 gases; what becomes of 61 materials.
    assert published["rows_loaded"] == 2 * 112 + 4_296 + 168 + 36 + 2_032 + 189 + 3 + 163
    assert (published["rows_quarantined"], published["rows_duplicate"]) == (0, 0)

    def kg_per_mwh(basis, region, source="ef_hub"):
        ((value,),) = place.rows(
            "SELECT value FROM dim_emission_factor WHERE gas = 'CO2' AND data_year = 2022 AND activity = 'electricity' "
            f"AND source = '{source}' AND basis = '{basis}' AND region = '{region}' AND variant IS NULL"
        )
        return value

    # Published in kg per MWh by average and by non-baseload.
    oracles = {
        "CAMX": (225.636, 478.532),
        "ERCT": (349.757, 541.987),
        "NEWE": (243.320, 418.824),
        "RMPA": (510.240, 760.398),
        "AZNM": (352.004, 546.679),
        "US": (373.374, 637.443),
    }
    assert {region: (kg_per_mwh("total_output", region), kg_per_mwh("nonbaseload", region)) for region in oracles} == {
        region: pytest.approx(both, abs=6e-4) for region, both in oracles.items()
    }
    # Two publications of one thing agree: 823.149 lb/MWh in both.
    assert kg_per_mwh("total_output", "US", "egrid") == pytest.approx(823.149 * 0.45359237)
    assert place.rows(
        "SELECT ROUND(value_published, 1) AS rate FROM dim_emission_factor WHERE source = 'avert' AND gas = 'CO2' "
        "AND variant = 'Distributed PV' AND region = 'US' ORDER BY data_year"
    ) == [(rate,) for rate in (1590.1, 1556.5, 1570.0, 1533.1, 1538.4, 1451.2, 1449.4, 1422.8)]
    assert place.rows(
        "SELECT value, dollar_year, gwp_set FROM dim_emission_factor WHERE activity = 'NAICS 562212' "
        "AND variant = 'with margins'"
    ) == [(10.989, 2021, "AR4")]
    assert place.rows("SELECT MAX(published_on) AS day FROM dim_emission_factor WHERE source = 'supply_chain'") == [
        (date(2023, 7, 10),)
    ]
