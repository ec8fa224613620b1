"""The dictionaries of channels: what becomes a row, what is refused, and what PVDAQ's own say."""

import csv
import importlib.util
import json
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import FIXTURES, expected_rows

from jobs import contract, vocabulary
from jobs.errors import SourceError
from jobs.tables import dim_sensor as table
from jobs.transform import SourceObject

PLACE = FIXTURES / "dim_sensor"
DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"))
SOURCES = {
    "parquet/metrics/metrics__system_1__part000.parquet": ("1", "metrics_parquet"),
    "parquet/metrics/metrics__system_10__part000.parquet": ("10", "metrics_parquet"),
    "csv/system_metadata/901_system_metadata.json": ("901", "system_metadata"),
    "csv/system_metadata/10901_system_metadata.json": ("10901", "system_metadata"),
    "2023-solar-data-prize/2901_OEDI/metadata/2901_system_metadata.json": ("2901", "prize_metadata"),
}
POWER = {"metric_id": 7, "sensor_name": "ac_power", "common_name": "AC power", "units": "kW"}


def parsed(body, ss_id="1", source="metrics_parquet"):
    (piece,) = table.transform(SourceObject.of(body, {"ss_id": ss_id}, source))
    return piece


def fixture(key):
    return parsed((PLACE / "pvdaq" / key).read_bytes(), *SOURCES[key])


def parquet(*changes, without=()):
    """Write a dictionary of system 1: a line for each change to that of its AC power."""
    line = pq.read_table(PLACE / "pvdaq/parquet/metrics/metrics__system_1__part000.parquet").slice(0, 1)
    lines = pa.Table.from_pylist([line.to_pylist()[0] | change for change in changes], line.schema)
    out = pa.BufferOutputStream()
    pq.write_table(lines.drop_columns(list(without)), out)
    return out.getvalue().to_pybytes()


def metadata(metrics, **more):
    return parsed(
        json.dumps({"System": {"system_id": "1"}, "Metrics": metrics} | more).encode(), "1", "system_metadata"
    )


def faults(result):
    return [(reject.line, reject.column, reject.reason) for reject in result.rejects]


def test_the_fixtures_become_the_expectation():
    columns = [column for column in contract.load("dim_sensor").columns if column.name not in ("load_id", "object_id")]
    read = {"INT64": int, "FLOAT64": float, "STRING": str}
    expected = [
        {column.name: read[column.type](text) if (text := row[column.name]) else None for column in columns}
        for row in expected_rows("dim_sensor")
    ]

    assert [row for key in SOURCES for row in fixture(key).rows.to_pylist()] == sorted(
        expected, key=lambda row: [ss_id for ss_id, _ in SOURCES.values()].index(str(row["ss_id"]))
    )


def test_every_line_of_the_fixtures_is_loaded_refused_or_a_duplicate():
    counted = {
        SOURCES[key][0]: (result.rows_read, result.rows.num_rows, len(result.rejects), result.rows_duplicate)
        for key in SOURCES
        for result in [fixture(key)]
    }

    assert counted == {
        "1": (12, 9, 2, 1),
        "10": (10, 9, 1, 0),
        "901": (0, 0, 0, 0),
        "10901": (6, 4, 1, 1),
        "2901": (7, 7, 0, 0),
    }


def test_what_the_fixtures_have_refused():
    refused = {SOURCES[key][0]: found for key in SOURCES if (found := faults(fixture(key)))}

    assert refused == {
        "1": [
            (11, "sensor", "differs from line 1, which describes ac_power__101 too"),
            (12, None, "a channel without a name"),
        ],
        "10": [(10, "system_id", "is of system 100, in the dictionary of 10")],
        "10901": [(6, "sensor", "differs from line 3, which describes ac_power_inv_19002 too")],
    }


def test_the_parquet_fixtures_are_what_their_table_says():
    spec = importlib.util.spec_from_file_location("metrics", PLACE / "metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    for path, rows in module.dictionaries().items():
        # NaN is not NaN, so rows are compared as they are written.
        assert str(pq.read_table(path).to_pylist()) == str(rows.to_pylist())


@pytest.mark.parametrize(
    ("key", "ss_id"),
    [
        ("metrics__system_4__part000.parquet", "4"),
        ("metrics__system_4901__part000.parquet", "4901"),
        ("metrics__system_4__part000.parquet.crc", None),
        ("metrics__system_4_part000.parquet", None),
        ("part-00000-1f2e-c000.snappy.parquet", None),
    ],
)
def test_the_dictionary_of_system_4_is_not_that_of_4901(key, ss_id):
    source = contract.load("dim_sensor").sources[0]

    assert (source.parts(source.prefix + key) or {}).get("ss_id") == ss_id


def test_a_line_of_another_system_is_refused():
    result = parsed(parquet({"system_id": 4901}, {}))

    assert faults(result) == [(1, "system_id", "is of system 4901, in the dictionary of 1")]
    assert (result.rows_read, result.rows.num_rows) == (2, 1)


def test_the_same_line_twice_is_one_channel_and_a_counted_duplicate():
    result = parsed(parquet({}, {}, {}))

    assert (result.rows_read, result.rows.num_rows, result.rows_duplicate, result.rejects) == (3, 1, 2, [])


def test_two_spellings_of_one_name_are_one_channel():
    result = parsed(parquet({}, {"standard_name": "AC_Power__101"}))

    assert (result.rows.num_rows, result.rows_duplicate) == (1, 1)


@pytest.mark.parametrize("name", ["", " ", "None", None])
def test_a_channel_without_a_name_is_refused_and_its_neighbour_stays(name):
    result = parsed(parquet({"standard_name": name}, {}))

    assert faults(result) == [(1, None, "a channel without a name")]
    assert result.rows["sensor"].to_pylist() == ["ac_power__101"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"source_id": 1.5}, ("source_id", "1.5 cannot be read as source_id")),
        ({"source_id": -1.0}, ("source_id", "-1.0 cannot be read as source_id")),
        ({"calc_scale": float("inf")}, ("calc_scale", "inf cannot be read as calc_scale")),
    ],
)
def test_a_line_with_a_number_that_is_none_is_refused_with_its_column(change, fault):
    assert faults(parsed(parquet(change, {}))) == [(1, *fault)]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"metric_id": "n/a"}, ("metric_id", "'n/a' cannot be read as metric_id")),
        ({"metric_id": "1_000"}, ("metric_id", "'1_000' cannot be read as metric_id")),
        ({"metric_id": True}, ("metric_id", "True cannot be read as metric_id")),
        ({"calc_scale": "x2000"}, ("calc_scale", "'x2000' cannot be read as calc_scale")),
    ],
)
def test_a_metric_with_a_number_that_is_none_is_refused_with_its_column(change, fault):
    result = metadata({"a_inv_1": POWER | change, "b_inv_1": POWER})

    assert faults(result) == [(1, *fault)]
    assert json.loads(result.rejects[0].raw_text) == {"name": "a_inv_1", "entry": POWER | change}
    assert result.rows["sensor"].to_pylist() == ["b_inv_1"]


@pytest.mark.parametrize("blank", ["", "None", "nan", None, float("nan")])
def test_every_way_to_leave_a_value_blank_is_null(blank):
    (row,) = metadata(
        {"a_inv_1": POWER | {"metric_id": blank, "comments": blank, "calc_scale": blank}}
    ).rows.to_pylist()

    assert (row["metric_id"], row["comments"], row["calc_scale"]) == (None, None, None)


def test_a_metric_that_describes_nothing_is_refused():
    assert faults(metadata({"a_inv_1": None, "b_inv_1": "kW", "c_inv_1": []})) == [
        (1, None, "describes nothing"),
        (2, None, "describes nothing"),
        (3, None, "describes nothing"),
    ]


@pytest.mark.parametrize(
    ("source_id", "instrument"),
    [("5", "west, ABB, T1"), (5, "west, ABB, T1"), (6, "east"), (7, None), (None, None)],
)
def test_a_channel_is_measured_by_the_inverter_with_its_id(source_id, instrument):
    inverters = {
        "Inverter 0": {"inverter_id": 6, "name": "east", "manufacturer": "Unknown", "model": ""},
        "Inverter 1": {"inverter_id": "5", "name": "west", "manufacturer": "ABB", "model": "T1"},
    }

    (row,) = metadata(
        {"a_inv_1": POWER | {"source_type": "INVERTER", "source_id": source_id}}, Inverters=inverters
    ).rows.to_pylist()

    assert row["instrument"] == instrument


@pytest.mark.parametrize(
    ("body", "source", "said"),
    [
        (b"", "metrics_parquet", "is not parquet: "),
        (b"PAR1 and no more", "metrics_parquet", "is not parquet: "),
        (parquet({}, without=["units"]), "metrics_parquet", "lacks columns of the dictionary: units$"),
        (b"", "system_metadata", "is not JSON: "),
        (b"\xff\xfe{}", "system_metadata", "is not JSON: "),
        (b"[]", "system_metadata", "is not a system's metadata: "),
        (b"{}", "system_metadata", "is not a system's metadata: KeyError..System"),
        (b'{"System": {"system_id": "1"}, "Metrics": [1]}', "prize_metadata", "is not a system's metadata: "),
        (b'{"System": {"system_id": 7334}}', "prize_metadata", "is the metadata of system 7334, and its key that of 1"),
    ],
    ids=["empty", "cut", "no units", "no JSON", "no text", "a list", "no system", "odd metrics", "another's"],
)
def test_an_object_that_is_no_dictionary_of_its_system_is_an_error_that_says_why(body, source, said):
    with pytest.raises(SourceError, match="^" + said):
        parsed(body, "1", source)


real = pytest.mark.skipif(not DATA.is_dir(), reason="set SUNLEDGER_DATA to a folder with pvdaq and pvdaq_excerpts")


@real
def test_the_125_metrics_of_system_2107_are_all_established():
    body = (DATA / "pvdaq/2023-solar-data-prize/2107_OEDI/metadata/2107_system_metadata.json").read_bytes()

    result = parsed(body, "2107", "prize_metadata")

    rows = result.rows.to_pylist()
    assert (result.rows_read, len(rows), result.rows_duplicate, result.rejects) == (125, 125, 0, [])
    assert Counter((row["quantity"], row["units"], row["source_units"], row["factor"]) for row in rows) == {
        ("ac_power", "W", "kw", 1000.0): 25,
        ("ac_current", "A", "A", 1.0): 24,
        ("ac_voltage", "V", "V", 1.0): 24,
        ("dc_current", "A", "A", 1.0): 24,
        ("dc_voltage", "V", "V", 1.0): 24,
        ("poa_irradiance", "W/m2", "W/m^2", 1.0): 1,
        ("ambient_temp", "degC", "F", 5 / 9): 1,
        ("wind_direction", "deg", "degree", 1.0): 1,
        ("wind_speed", "m/s", "mph", 0.44704): 1,
    }
    assert [row["sensor"] for row in rows if vocabulary.parse(row["sensor"]).number != row["metric_id"]] == []
    assert {row["instrument"] for row in rows if row["source_type"] != "INVERTER"} == {
        "meter_fss_1, revenue grade",
        "ws_fss_1, weather station",
    }


@real
def test_the_residential_system_10109_has_power_in_kw_and_energy_in_kwh():
    body = (DATA / "pvdaq/csv/system_metadata/10109_system_metadata.json").read_bytes()

    rows = parsed(body, "10109", "system_metadata").rows.to_pylist()

    assert [(row["sensor"], row["quantity"], row["units"], row["factor"], row["aggregation"]) for row in rows] == [
        ("ac_energy_inv_16530", "ac_energy", "Wh", 1000.0, "sum"),
        ("ac_power_inv_16530", "ac_power", "W", 1000.0, "avg"),
    ]
    assert {row["instrument"] for row in rows} == {"Pvoutput.org 12693 RCRidge_inverter, Aurora PVI-6000-OUTD"}


@real
def test_the_21_metrics_of_system_51_are_all_known():
    with (DATA / "pvdaq_excerpts/metrics_system51.csv").open(newline="", encoding="utf-8") as excerpt:
        lines = list(csv.DictReader(excerpt))
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(lines), out)

    result = parsed(out.getvalue().to_pybytes(), "51")

    rows = result.rows.to_pylist()
    assert (result.rows_read, len(rows), result.rejects) == (21, 21, [])
    assert Counter((row["quantity"], row["units"]) for row in rows) == {
        ("dc_power", "W"): 3,
        ("ac_power", "W"): 3,
        ("ac_current", "A"): 1,
        ("ac_voltage", "V"): 1,
        ("dc_current", "A"): 2,
        ("dc_voltage", "V"): 2,
        ("das_battery_voltage", "V"): 1,
        ("poa_irradiance", "W/m2"): 1,
        ("inverter_temp", "degC"): 2,
        ("ambient_temp", "degC"): 1,
        ("module_temp", "degC"): 3,
        ("das_temp", "degC"): 1,
    }
