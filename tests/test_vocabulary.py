"""The vocabulary: every name it says it has seen, names that only look like one, and what a dictionary says."""

import csv
import os
import re
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import ROOT

from jobs import vocabulary

DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"))


def rows(table):
    with (ROOT / "jobs" / table).open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


ROWS, UNITS = rows("vocabulary.csv"), rows("units.csv")


def seen(column):
    return [(name, row["quantity"], row["units"]) for row in ROWS for name in row[column].split(", ") if name]


def known_by(name, *columns):
    return [row for row in ROWS for column in columns if re.fullmatch(row[column], name, re.IGNORECASE)]


def described(sensor, common_name, units, **more):
    return vocabulary.describe(sensor, {"common_name": common_name, "units": units} | more)


def converted(value, units, common_name="", sensor="x__1"):
    channel = described(sensor, common_name, units)
    return value * channel.factor + channel.offset, channel.units


@pytest.mark.parametrize(("name", "quantity", "units"), seen("names_seen"))
def test_a_name_that_was_seen_has_its_quantity_and_unit_and_no_other(name, quantity, units):
    channel = vocabulary.describe(f"{name}__7")

    assert (channel.quantity, channel.units) == (quantity, units)
    assert (channel.factor, channel.offset) == (1.0, 0.0)
    assert len(known_by(name, "name_pattern")) == 1


@pytest.mark.parametrize(
    "name", ["ac_power_meter_1864", "poa_irradiance_mv", "my_ac_power", "ac_power_kwh", "ac_energy_kwh", "wind", "ghi2"]
)
def test_a_name_that_only_looks_like_a_known_one_is_not_known(name):
    channel = vocabulary.describe(f"{name}__7")

    assert (channel.quantity, channel.units, channel.factor, channel.offset) == (None, None, None, None)
    assert channel.reason == "no dictionary has it, and its name is not known"


@pytest.mark.parametrize(
    "sensor", ["ac_power_inv_28676", "inv_01_ac_power_inv_149583", "temperature_ambient_o_5199", "ac_power"]
)
def test_without_a_dictionary_only_daily_channels_have_a_unit(sensor):
    channel = vocabulary.describe(sensor)

    assert (channel.quantity, channel.units) == (None, None)
    assert channel.reason == "no dictionary has it, and no name tells in which unit such files store"


@pytest.mark.parametrize(("name", "quantity", "units"), seen("names_seen") + seen("dictionary_names_seen"))
def test_a_name_that_was_seen_has_its_quantity_where_the_common_name_says_nothing(name, quantity, units):
    stored = {"code": "", "1": "PF"}.get(units, units)

    assert described(f"{name}_o_7", "", stored).quantity == quantity
    assert {row["quantity"] for row in known_by(name, "name_pattern", "dictionary_name_pattern")} == {quantity}


def test_a_common_name_and_a_unit_are_one_quantity():
    pairs = [(name, row["units"]) for row in ROWS for name in row["common_names"].split(", ") if name]

    assert sorted(set(pairs)) == sorted(pairs)
    assert {row["units"] for row in ROWS} <= {row["units"] for row in UNITS}


@pytest.mark.parametrize(
    ("sensor", "common_name", "units", "quantity"),
    [
        ("ac_power_meter_1864__5", "AC power", "kVARh", "reactive_energy"),
        ("ac_power_meter_1864_2__6", "AC power", "kWh", "ac_energy"),
        ("ac_power__7", "AC power", "kVA", "apparent_power"),
        ("windspeedave__8", "AC other", "m/s", "wind_speed"),
        ("ac_energy_other_meter_3105", "AC other", "kWh", "ac_energy"),
        ("intsolirrad__105", "Irradiance POA", "W/m^2", "poa_irradiance"),
        ("das_temperature__785", "Temperature panel", "C", "das_temp"),
        ("dc_power__9", "AC power", "W", "ac_power"),
        ("ac_power__9", "ac POWER", "W", "ac_power"),
        ("ac_power__9", "Other", "C", None),
        ("ac_power__9", "Irradiance POA", "V", None),
    ],
)
def test_common_name_and_unit_go_before_the_name(sensor, common_name, units, quantity):
    assert described(sensor, common_name, units).quantity == quantity


@pytest.mark.parametrize(
    ("value", "units", "expected"),
    [
        (2.5, "W", (2.5, "W")),
        (2.5, "hW", (250.0, "W")),
        (2.5, "kW", (2500.0, "W")),
        (2.5, "kw", (2500.0, "W")),
        (2.5, "MW", (2_500_000.0, "W")),
        (2.5, "kWh", (2500.0, "Wh")),
        (2.5, "MWh", (2_500_000.0, "Wh")),
        (2.5, "kVARh", (2500.0, "varh")),
        (800.0, "W/m^2", (800.0, "W/m2")),
        (-40.0, "F", (-40.0, "degC")),
        (32.0, "F", (0.0, "degC")),
        (212.0, "F", (100.0, "degC")),
        (273.15, "K", (0.0, "degC")),
        (21.5, "C", (21.5, "degC")),
        (10.0, "mph", (4.4704, "m/s")),
        (36.0, "km/h", (10.0, "m/s")),
        (351.0, "degree", (351.0, "deg")),
        (1013.25, "mbar", (101_325.0, "Pa")),
        (1013.25, "hPa", (101_325.0, "Pa")),
        (14.69595, "psi", (pytest.approx(101_325.0, abs=1), "Pa")),
        (0.98, "PF", (0.98, "1")),
        (60.0, "Hz", (60.0, "Hz")),
    ],
)
def test_a_stored_value_times_factor_plus_offset_is_canonical(value, units, expected):
    number, canonical = converted(value, units)

    assert (pytest.approx(number), canonical) == expected


@pytest.mark.parametrize(
    ("units", "reason"),
    [
        ("mV", "stored in mV: a raw signal whose calibration is not published"),
        ("mA", "stored in mA: a raw signal whose calibration is not published"),
        ("mW", "stored in mW: a unit that is not known"),
        ("kilowatts", "stored in kilowatts: a unit that is not known"),
        ("", "the dictionary gives no unit"),
        (None, "the dictionary gives no unit"),
    ],
)
@pytest.mark.parametrize("common_name", ["AC power", "Irradiance POA", "DC voltage", None])
def test_a_unit_that_is_not_established_is_not_guessed(common_name, units, reason):
    channel = described("ac_power__101", common_name, units)

    assert (channel.quantity, channel.units, channel.factor, channel.offset) == (None, None, None, None)
    assert channel.reason == reason


def test_a_code_and_a_power_factor_need_no_unit():
    assert described("inverter_error_code__2690", "Other", "").units == "code"
    assert described("pf_total__12", "Power factor", "").units == "1"


def test_what_the_dictionary_says_of_the_raw_signal_is_not_applied():
    raw = {"raw_units": "F", "calc_scale": 5 / 9, "calc_offset": -160 / 9}

    channel = described("ambient_temp_f__2688", "Temperature ambient", "C", **raw)

    assert (channel.units, channel.factor, channel.offset) == ("degC", 1.0, 0.0)


def test_a_unit_without_a_quantity_is_established():
    channel = described("enclosure_t__208", "Temperature other", "K")

    assert (channel.quantity, channel.units, channel.offset) == (None, "degC", -273.15)


@pytest.mark.parametrize(
    ("sensor", "parsed"),
    [
        ("ac_power_hw__2695", ("ac_power_hw", 2695, None, None, None, None)),
        ("POA_irradiance__12", ("poa_irradiance", 12, None, None, None, None)),
        ("a__1__2", ("a__1", 2, None, None, None, None)),
        ("ac_power_meter_1864_2__6", ("ac_power_meter_1864_2", 6, None, None, None, None)),
        ("ac_power_inv_28676", ("ac_power", None, "INVERTER", 28676, None, None)),
        ("temperature_module_o_5199_2", ("temperature_module", None, "OTHER", 5199, 2, None)),
        ("ac_energy_other_meter_3105_2", ("ac_energy_other", None, "METER", 3105, 2, None)),
        ("ac_power_inv_16530_daily_max", ("ac_power", None, "INVERTER", 16530, None, "max")),
        ("ac_energy_inv_16530_2_daily_sum", ("ac_energy", None, "INVERTER", 16530, 2, "sum")),
        ("inv_01_ac_power_inv_149583", ("inv_01_ac_power", None, "INVERTER", 149583, None, None)),
        ("inv_15_ac_power_iinv_149653", ("inv_15_ac_power", None, "INVERTER", 149653, None, None)),
        ("inverter_01_ac_power_(kw)_inv_150953", ("inverter_01_ac_power_(kw)", None, "INVERTER", 150953, None, None)),
        (
            "combiner_dc_input_01.01.01_dc_current_string_01_(a)_o_151942",
            ("combiner_dc_input_01.01.01_dc_current_string_01_(a)", None, "OTHER", 151942, None, None),
        ),
        ("Wind Speed (m/s)_o_9", ("wind speed (m/s)", None, "OTHER", 9, None, None)),
        ("ac_power_daily_max", ("ac_power_daily_max", None, None, None, None, None)),
        ("Unnamed: 0", ("unnamed: 0", None, None, None, None, None)),
    ],
)
def test_the_three_kinds_of_names_are_taken_apart(sensor, parsed):
    name = vocabulary.parse(sensor)

    assert (name.name, name.metric_id, name.source_type, name.number, name.instance, name.daily) == parsed


def test_a_column_is_found_in_the_dictionary_by_what_its_name_says():
    dictionary = {vocabulary.parse(key).in_dictionary: key for key in ("ac_power_inv_5", "ac_power_iinv_6")}

    assert dictionary[vocabulary.parse("ac_power_inv_5_daily_mean").in_dictionary] == "ac_power_inv_5"
    assert dictionary[vocabulary.parse("ac_power_inv_6").in_dictionary] == "ac_power_iinv_6"
    assert vocabulary.parse("ac_power_inv_5_2").in_dictionary not in dictionary
    assert vocabulary.parse("ac_current_inv_5").in_dictionary not in dictionary


def test_a_daily_aggregate_says_so():
    entry = {"common_name": "AC power", "units": "kW", "aggregation_type": "avg"}

    assert vocabulary.describe("ac_power_inv_16530_daily_max", entry).aggregation == "daily max"
    assert vocabulary.describe("ac_power_inv_16530", entry).aggregation == "avg"
    assert vocabulary.describe("ac_power__7").aggregation is None


def test_every_spelling_of_a_unit_stands_once_for_each_meaning_or_says_why_it_has_none():
    assert len({(row["spelling"], row["units"]) for row in UNITS}) == len(UNITS)
    for row in UNITS:
        assert bool(row["units"]) != bool(row["why_not"])
        assert not row["units"] or Fraction(row["factor"]) > 0


@pytest.mark.skipif(not DATA.is_dir(), reason="set SUNLEDGER_DATA to a folder with pvdaq_excerpts")
@pytest.mark.parametrize(
    ("excerpt", "known", "kinds"),
    [
        # The annual columns of 14200 are all of a known kind, and none has a unit without a dictionary.
        ("system_14200_2020_annual_layout_head.csv", 0, {"INVERTER": 10, "OTHER": 6, "METER": 4}),
        ("system_50_2020_daily_layout_head.csv", 19, {None: 19}),
    ],
)
def test_the_real_headers_are_taken_apart(excerpt, known, kinds):
    with (DATA / "pvdaq_excerpts" / excerpt).open(newline="", encoding="utf-8") as source:
        header = next(csv.reader(source))
    sensors = [name for name in header if name not in ("measured_on", "utc_measured_on", "system_id")]

    names = [vocabulary.parse(sensor) for sensor in sensors]

    assert all(name.metric_id or name.number for name in names)
    types = [name.source_type for name in names]
    assert {kind: types.count(kind) for kind in set(types)} == kinds
    assert sum(vocabulary.describe(sensor).units is not None for sensor in sensors) == known
