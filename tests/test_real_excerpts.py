"""PVDAQ's own lines of systems 50, 51, 2107 and 14200, through the real transforms; where SUNLEDGER_DATA has them."""

import csv
import io
import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_layouts import metadata, transformed

from jobs.flags import OUT_OF_RANGE

DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"))
EXCERPTS = DATA / "pvdaq_excerpts"
METADATA_2107 = DATA / "pvdaq/2023-solar-data-prize/2107_OEDI/metadata/2107_system_metadata.json"
DAY_OF_50 = {"ss_id": "50", "year": "2020", "month": "1", "day": "15"}
DAY_OF_51 = {"ss_id": "51", "year": "1995", "month": "1", "day": "1", "part": "000"}
YEAR_OF_14200 = {"ss_id": "14200", "year": "2020", "file": "14200_ac", "vintage": "_2020-01-01_2020-12-31"}

pytestmark = pytest.mark.skipif(
    not (EXCERPTS.is_dir() and METADATA_2107.exists()),
    reason="set SUNLEDGER_DATA to a folder with pvdaq_excerpts and pvdaq/2023-solar-data-prize",
)


def lines(name):
    with (EXCERPTS / name).open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def parquet(table):
    body = io.BytesIO()
    pq.write_table(table, body)
    return body.getvalue()


def of(rows, sensor, column="value"):
    return [row[column] for row in rows if row["sensor"] == sensor]


def test_a_minute_of_system_50_is_18_readings_in_known_units_and_its_broken_pyranometer_is_flagged():
    body = (EXCERPTS / "system_50_2020_daily_layout_head.csv").read_bytes()

    rows, duplicates, rejects = transformed(body, DAY_OF_50, "daily_csv")

    # Of 19 channels inveter_temp (so it is spelled) is blank in all four lines.
    assert (len(rows), duplicates, rejects) == (4 * 18, 0, [])
    assert Counter((row["quantity"], row["units"]) for row in rows) == {
        ("ac_current", "A"): 4,
        ("ac_power", "W"): 4,
        ("ac_voltage", "V"): 4,
        ("ambient_temp", "degC"): 4,
        ("das_battery_voltage", "V"): 4,
        ("das_temp", "degC"): 4,
        ("dc_current", "A"): 8,
        ("dc_voltage", "V"): 8,
        ("dc_power", "W"): 12,
        ("inverter_temp", "degC"): 4,
        ("module_temp", "degC"): 12,
        ("poa_irradiance", "W/m2"): 4,
    }
    assert of(rows, "poa_irradiance__750") == [-336.08, -507.23, -250.8, -1020.1]
    assert all(bits & OUT_OF_RANGE for bits in of(rows, "poa_irradiance__750", "quality"))
    assert of(rows, "ac_power__752") == [-2.5279, -2.6181, -2.8213, -2.6407]
    assert not any(bits & OUT_OF_RANGE for bits in of(rows, "ac_power__752", "quality"))
    assert of(rows, "ac_power__752", "timestamp") == [datetime(2020, 1, 15, 0, minute) for minute in (0, 1, 2, 27)]


# What names and values say of 14200: power in kW, energy in kWh. Of the second "other" energy nothing is said.
KNOWN_14200 = {
    **{f"dc_voltage_inv_{number}": ("DC voltage", "V") for number in (28676, 28677)},
    **{f"dc_power_inv_{number}": ("DC power", "kW") for number in (28676, 28677)},
    **{f"temperature_inverter_inv_{number}": ("Temperature inverter", "C") for number in (28676, 28677)},
    **{f"ac_power_inv_{number}": ("AC power", "kW") for number in (28676, 28677)},
    **{f"ac_energy_inv_{number}": ("AC energy", "kWh") for number in (28676, 28677)},
    "temperature_ambient_o_5199": ("Temperature ambient", "C"),
    "irradiance_ghi_o_5199": ("Irradiance GHI", "W/m^2"),
    "irradiance_poa_o_5199": ("Irradiance POA", "W/m^2"),
    "temperature_module_o_5199": ("Temperature module", "C"),
    "temperature_module_o_5199_2": ("Temperature module", "C"),
    "wind_speed_o_5199": ("Wind speed", "m/s"),
    "dc_current_meter_3105": ("DC current", "A"),
    "ac_energy_other_meter_3105": ("AC other", "kWh"),
    "ac_power_meter_3105": ("AC power", "kW"),
}


def test_the_head_of_system_14200_is_in_utc_and_its_kilowatts_are_watts():
    body = (EXCERPTS / "system_14200_2020_annual_layout_head.csv").read_bytes()

    rows, duplicates, rejects = transformed(
        body, YEAR_OF_14200, "annual_csv", metadata=(metadata(14200, **KNOWN_14200),)
    )

    # Seven times of 20 channels, one of which nobody describes.
    assert (len(rows), duplicates) == (7 * 19, 0)
    said = "unit not established: no dictionary has it, and no name tells in which unit such files store"
    assert rejects == [(1, "ac_energy_other_meter_3105_2", said)]
    assert of(rows, "ac_power_inv_28676") == pytest.approx([29717, 20607, 12982, 3614, 447, -797, -2093])
    assert of(rows, "ac_energy_inv_28677")[0] == pytest.approx(475_850)
    assert of(rows, "ac_energy_other_meter_3105")[-1] == pytest.approx(8_763_570_000)
    assert of(rows, "irradiance_poa_o_5199")[:2] == [81.138, 39.98]
    assert of(rows, "temperature_module_o_5199_2")[0] == 32.487
    times = [datetime(2020, 7, 15, 0, minute) for minute in range(0, 35, 5)]
    assert of(rows, "ac_power_meter_3105", "timestamp") == times
    assert of(rows, "ac_power_meter_3105", "timestamp_utc") == [time.replace(tzinfo=UTC) for time in times]
    assert {
        (row["sensor"].startswith("ac_energy"), row["units"]) for row in rows if row["quantity"] == "ac_energy"
    } == {(True, "Wh")}


def test_a_day_of_system_51_in_long_parquet_is_named_by_its_own_dictionary():
    day = pa.Table.from_pylist(
        [
            {
                "measured_on": datetime.fromisoformat(line["measured_on"]),
                "utc_measured_on": None,
                "metric_id": int(line["metric_id"]),
                "value": float(line["value"]),
            }
            for line in lines("pvdata_system51_1995-01-01_head_tail.csv")
        ],
        pa.schema(
            {
                "measured_on": pa.timestamp("ns"),
                "utc_measured_on": pa.timestamp("ns"),
                "metric_id": pa.int32(),
                "value": pa.float64(),
            }
        ),
    )
    dictionary = parquet(pa.Table.from_pylist(lines("metrics_system51.csv")))

    rows, duplicates, rejects = transformed(parquet(day), DAY_OF_51, "daily_parquet", dictionary=(dictionary,))

    assert (len(rows), duplicates, rejects) == (10, 0, [])
    assert {row["sensor"]: (row["quantity"], row["units"]) for row in rows} == {
        "dc_power__772": ("dc_power", "W"),
        "dc_neg_voltage__776": ("dc_voltage", "V"),
        "ambient_temp__780": ("ambient_temp", "degC"),
        "module_temp_3__783": ("module_temp", "degC"),
        "inveter_temp__784": ("inverter_temp", "degC"),
        "dc_power_2__787": ("dc_power", "W"),
    }
    assert of(rows, "ambient_temp__780") == [-14.31, 0.316]
    assert {(row["timestamp_utc"], row["utc_basis"]) for row in rows} == {(None, "none")}


def test_a_line_of_every_channel_of_system_2107_has_a_unit_by_its_own_metadata():
    body = METADATA_2107.read_bytes()
    names = list(json.loads(body)["Metrics"])
    record = "\n".join([",".join(["measured_on", *names]), ",".join(["2023-06-01 12:00:00", *["50"] * 125]), ""])
    parts = {"ss_id": "2107", "file": "2107_electrical_data", "vintage": ""}

    rows, _, rejects = transformed(record.encode(), parts, "prize_csv", metadata=(body,))

    assert (len(rows), rejects) == (125, [])
    assert Counter((row["quantity"], row["units"], round(row["value"], 6)) for row in rows) == {
        ("ac_power", "W", 50_000.0): 25,
        ("ac_current", "A", 50.0): 24,
        ("ac_voltage", "V", 50.0): 24,
        ("dc_current", "A", 50.0): 24,
        ("dc_voltage", "V", 50.0): 24,
        ("poa_irradiance", "W/m2", 50.0): 1,
        ("ambient_temp", "degC", 10.0): 1,
        ("wind_direction", "deg", 50.0): 1,
        ("wind_speed", "m/s", 22.352): 1,
    }
