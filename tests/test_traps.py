"""The traps of PVDAQ, one test for each, by number.

Each is small and in the source's own format; what else holds of the same thing is tested beside the code that does it.
"""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import FIXTURES, READINGS, day_file, day_key
from test_layouts import PARTS, RECORD, YEAR, dictionary, long, metadata, parquet, readings, transformed
from test_scale import NAMEPLATE_1332, PEAKS_1332

from jobs import plan, scale, vocabulary
from jobs.dictionary import COLUMNS, from_json
from jobs.flags import NIGHT_OFFSET, OUT_OF_RANGE, SENTINEL, STALE
from jobs.listing import Window
from jobs.tables import dim_system
from jobs.transform import SourceObject

FACT = "fact_pv_measurement"
FIFTH, SIXTH = date(2019, 1, 5), date(2019, 1, 6)
CATALOGUE = (FIXTURES / "dim_system/pvdaq/csv/systems_20250601.csv").read_bytes()


def of_day(body, day=FIFTH, ss_id=34, **companions):
    """What a system's day file becomes: rows, duplicates, refusals."""
    parts = {"ss_id": str(ss_id), "year": str(day.year), "month": str(day.month), "day": str(day.day)}
    text = "\n".join([*body, ""]) if isinstance(body, list) else body
    return transformed(text.encode(), parts, "daily_csv", **companions)


def every_quarter(*columns):
    """A system's day of 96 lines; each column is its name and what it has at each of them."""
    lines = [",".join(["measured_on", *(name for name, _ in columns), "system_id"])]
    for number in range(96):
        cells = [str(value(number)) if callable(value) else str(value) for _, value in columns]
        lines.append(",".join([f"{FIFTH} {number // 4:02d}:{number % 4 * 15:02d}:00", *cells, "34"]))
    return lines


def systems():
    """The rows of the catalogue of the fixtures, by system."""
    (piece,) = dim_system.transform(SourceObject.of(CATALOGUE, {"edition": "20250601"}, "catalogue"))
    return {row["ss_id"]: row for row in piece.rows.to_pylist()}


def planned(*systems, days=(None, None)):
    """The keys that a plan would load."""
    found = plan.plan(FACT, Window(*days, systems))
    return [entry.key for made in found.plans for entry in made.objects]


def test_trap_01_columns_differ_from_day_to_day():
    fifth, _, _ = of_day(["measured_on,ac_power__1,system_id", "2019-01-05 00:00:00,5,34"])
    sixth, _, _ = of_day(
        ["measured_on,ac_power__1,ambient_temp__2,poa_irradiance__3,system_id", "2019-01-06 00:00:00,6,,70,34"], SIXTH
    )

    assert [(row["sensor"], row["value"]) for row in fifth] == [("ac_power__1", 5.0)]
    assert [(row["sensor"], row["value"]) for row in sixth] == [("ac_power__1", 6.0), ("poa_irradiance__3", 70.0)]


def test_trap_02_days_with_other_headers_in_one_load_keep_values_under_their_own_names(
    place, load, shared_session_without_spark
):
    # By position the temperature of the sixth would be irradiance, and the system's number a wind speed.
    place.put_day(34, FIFTH, b"measured_on,poa_irradiance__3,wind_speed__4,system_id\n2019-01-05 12:00:00,700,3,34\n")
    place.put_day(
        34,
        SIXTH,
        b"measured_on,ambient_temp__2,poa_irradiance__3,wind_speed__4,system_id\n2019-01-06 12:00:00,9,650,4,34\n",
    )

    load()

    assert place.rows(f"SELECT sensor, value FROM {READINGS} ORDER BY timestamp, sensor") == [
        ("poa_irradiance__3", 700.0),
        ("wind_speed__4", 3.0),
        ("ambient_temp__2", 9.0),
        ("poa_irradiance__3", 650.0),
        ("wind_speed__4", 4.0),
    ]


def of_34(**more):
    """A line of system 34's dictionary: its AC power, whose raw signal is in hectowatts."""
    return parquet(
        [
            {
                **dict.fromkeys(COLUMNS),
                "system_id": 34,
                "metric_id": 2695,
                "standard_name": "ac_power_hw__2695",
                "common_name": "AC power",
                "units": "W",
                "raw_units": "hW",
                "calc_scale": 100.0,
                "calc_offset": 0.0,
                **more,
            }
        ]
    )


def test_trap_03_what_is_stored_is_in_its_units_already_and_is_scaled_by_nothing():
    lines = ["measured_on,ac_power_hw__2695,system_id", "2019-01-05 12:00:00,58700.0,34"]

    described, _, _ = of_day(lines, dictionary=(of_34(),))
    undescribed, _, _ = of_day(lines)

    assert [(row["value"], row["units"]) for row in described + undescribed] == [(58_700.0, "W")] * 2


def test_trap_04_two_systems_are_stored_unscaled_and_only_the_nameplate_tells():
    # Metric 5074 of system 1430: at most 333.6 "W" of 720.72 kW, with a scale of 2000; 34's is plausible as it is.
    of_1430 = {"units": "W", "calc_scale": 2000.0, "calc_offset": 0.0}
    of_34 = {"units": "W", "calc_scale": 100.0, "calc_offset": 0.0}

    assert scale.decide(of_1430, 720.72, 333.6, span_days=365).factor == 2000.0
    assert scale.decide(of_34, 146.64, 115_800.0, span_days=365).factor == 1.0


def test_trap_05_a_unit_changes_inside_a_record_and_no_dictionary_says_so():
    found = scale.changes({"units": "W", "calc_scale": 1000.0, "calc_offset": 0.0}, NAMEPLATE_1332, PEAKS_1332)

    assert [(span.first_month, span.last_month, span.scale.factor) for span in found] == [
        ("2017-01", "2018-07", 1000.0),
        ("2018-08", "2018-09", 1.0),
    ]


def test_trap_06_the_raw_units_of_the_dictionary_are_not_those_of_what_is_stored():
    known = of_34(
        metric_id=2688,
        standard_name="ambient_temp_f__2688",
        common_name="Temperature ambient",
        units="C",
        raw_units="F",
        calc_scale=0.5555556,
    )

    rows, _, _ = of_day(
        ["measured_on,ambient_temp_f__2688,system_id", "2019-01-05 12:00:00,9.5,34"], dictionary=(known,)
    )

    assert [(row["value"], row["units"]) for row in rows] == [(9.5, "degC")]


def test_trap_07_units_are_spelled_in_many_ways_and_millivolts_are_none():
    spellings = {
        "W": ("W", 1.0),
        "kW": ("W", 1000.0),
        "kw": ("W", 1000.0),
        "hW": ("W", 100.0),
        "W/m^2": ("W/m2", 1.0),
        "C": ("degC", 1.0),
        "F": ("degC", 5 / 9),
        "K": ("degC", 1.0),
        "mph": ("m/s", 0.44704),
        "m/s": ("m/s", 1.0),
        "degree": ("deg", 1.0),
        "PF": ("1", 1.0),
        "kVARh": ("varh", 1000.0),
        "kWh": ("Wh", 1000.0),
        "Wh": ("Wh", 1.0),
        "psi": ("Pa", 6894.757),
    }

    found = {spelling: vocabulary.conversions(spelling) for spelling in spellings}
    assert {spelling: {unit: factor for unit, (factor, _) in of.items()} for spelling, of in found.items()} == {
        spelling: {unit: factor} for spelling, (unit, factor) in spellings.items()
    }
    assert (found["F"]["degC"][1], found["K"]["degC"][1]) == (-160 / 9, -273.15)
    # A pyranometer of NIST in mV is refused, with the number of its readings, and never becomes irradiance.
    known = dictionary((4902, 1, "pyra_1", "Irradiance POA", "mV"))
    lines = ["measured_on,pyra_1__1,system_id", "2019-01-05 12:00:00,8.1,4902", "2019-01-05 12:01:00,8.2,4902"]
    rows, _, rejects = of_day(lines, ss_id=4902, dictionary=(known,))
    assert rows == []
    assert rejects == [
        (1, "pyra_1__1", "unit not established: stored in mV: a raw signal whose calibration is not published")
    ]


def test_trap_08_names_lie_about_the_quantity_and_the_unit_tells():
    def described(name, common_name, units):
        channel = vocabulary.describe(name, {"common_name": common_name, "units": units})
        return channel.quantity, channel.units, channel.factor

    assert described("ac_power_meter_1864", "AC power", "kVARh") == ("reactive_energy", "varh", 1000.0)
    assert described("ac_power_meter_1864_2", "AC power", "kWh") == ("ac_energy", "Wh", 1000.0)
    assert described("wind_speed_o_5", "AC other", "m/s") == ("wind_speed", "m/s", 1.0)


def test_trap_09_a_metric_of_the_dictionary_may_have_no_rows_and_a_dead_channel_has_zeros():
    known = dictionary(
        (34, 1, "inv1_dc_power", "DC power", "W"),
        (34, 2, "ac_power", "AC power", "W"),
        (34, 1137, "ac_power_2", "AC power", "W"),
    )
    lines = every_quarter(("ac_power__2", lambda number: number * number), ("inv1_dc_power__1", 0.0))

    rows, _, rejects = of_day(lines, dictionary=(known,))

    assert rejects == []
    assert [row["value"] for row in rows if row["sensor"] == "inv1_dc_power__1"] == [0.0] * 96
    assert {row["sensor"] for row in rows} == {"ac_power__2", "inv1_dc_power__1"}


def test_trap_10_the_instants_of_a_whole_file_may_be_null_and_its_readings_stay():
    body = long(*((datetime(2019, 1, 5, hour), None, 772, float(hour)) for hour in range(24)))
    known = dictionary((51, 772, "dc_power", "DC power", "W"))

    rows, _, rejects = transformed(body, PARTS, "daily_parquet", dictionary=(known,))

    assert [row["value"] for row in rows] == [float(hour) for hour in range(24)]
    assert ({(row["timestamp_utc"], row["utc_basis"]) for row in rows}, rejects) == ({(None, "none")}, [])


def test_trap_11_a_wall_clock_is_kept_as_it_is_and_an_instant_is_what_the_source_says_of_it():
    # One logger follows daylight saving time, the other does not; no zone would be right for both.
    known = dictionary((51, 772, "dc_power", "DC power", "W"))
    june = {"ss_id": "51", "year": "2019", "month": "6", "day": "5", "part": "000"}
    noon = datetime(2019, 6, 5, 12)

    for hours in (7, 8):
        body = long((noon, noon + timedelta(hours=hours), 772, 1.0))
        rows, _, _ = transformed(body, june, "daily_parquet", dictionary=(known,))
        assert [(row["timestamp"], row["timestamp_utc"], row["utc_basis"]) for row in rows] == [
            (noon, datetime(2019, 6, 5, 12 + hours, tzinfo=UTC), "published")
        ]


def test_trap_12_codes_for_no_reading_are_kept_and_flagged_and_minus_40_only_of_temperatures():
    codes = (-999, -7999, -9999, -99999.0, -5308.9, -50001.8, -53999, -40.0)
    lines = ["measured_on,ambient_temp__1,dc_current__2,system_id"]
    lines += [f"2019-01-05 {hour:02d}:00:00,{code},{code},34" for hour, code in enumerate(codes)]

    rows, _, rejects = of_day(lines)

    flagged = {(row["sensor"], row["value"]): bool(row["quality"] & SENTINEL) for row in rows}
    assert flagged == {
        **{("ambient_temp__1", float(code)): True for code in codes},
        **{("dc_current__2", float(code)): code != -40.0 for code in codes},
    }
    assert rejects == []


def test_trap_13_negative_power_and_irradiance_at_night_are_valid_and_flagged_as_such():
    known = json.dumps(
        {
            "System": {"system_id": "34", "timezone_code": "America/Los_Angeles", "power": "146.64"},
            "Site": {"latitude": "36.19", "longitude": "-115.16"},
        }
    ).encode()
    lines = [
        "measured_on,ac_power__1,poa_irradiance__2,system_id",
        "2019-01-05 00:00:00,-300,-2.5,34",
        "2019-01-05 06:00:00,-200,0,34",
        "2019-01-05 12:00:00,50000,700,34",
    ]

    rows, _, rejects = of_day(lines, metadata=(known,))

    asked = NIGHT_OFFSET | OUT_OF_RANGE | SENTINEL
    assert [(row["sensor"], row["value"], row["quality"] & asked) for row in rows] == [
        ("ac_power__1", -300.0, NIGHT_OFFSET),
        ("ac_power__1", -200.0, NIGHT_OFFSET),
        ("ac_power__1", 50_000.0, 0),
        ("poa_irradiance__2", -2.5, NIGHT_OFFSET),
        ("poa_irradiance__2", 0.0, 0),
        ("poa_irradiance__2", 700.0, 0),
    ]
    assert rejects == []


def test_trap_14_broken_sensors_are_kept_and_flagged():
    lines = every_quarter(
        ("poa_irradiance__1", lambda number: -336.08 if number == 0 else 5627 if number == 48 else number * 7 % 50),
        ("das_temperature__2", lambda number: number * 977 % 31_000),
        ("wind_direction__3", 351.6),
    )

    rows, _, rejects = of_day(lines)

    def flagged(sensor, bit):
        return [row["value"] for row in rows if row["sensor"] == sensor and row["quality"] & bit]

    assert flagged("poa_irradiance__1", OUT_OF_RANGE) == [-336.08, 5627.0]
    # A copy of AC power is no temperature but by chance.
    assert all(value > 110 for value in flagged("das_temperature__2", OUT_OF_RANGE))
    assert len(flagged("das_temperature__2", OUT_OF_RANGE)) > 90
    assert flagged("wind_direction__3", STALE) == [351.6] * 96
    assert (len(rows), rejects) == (3 * 96, [])


def test_trap_15_sensors_of_one_file_have_times_and_steps_of_their_own():
    lines = [
        "measured_on,ac_power__1,poa_irradiance__2,system_id",
        "2019-01-05 00:00:00,1,,34",
        "2019-01-05 00:00:01,,10,34",
        "2019-01-05 00:05:01,,20,34",
        "2019-01-05 00:15:00,2,,34",
    ]

    rows, duplicates, rejects = of_day(lines)

    assert [(f"{row['timestamp']:%H:%M:%S}", row["sensor"], row["value"]) for row in rows] == [
        ("00:00:00", "ac_power__1", 1.0),
        ("00:15:00", "ac_power__1", 2.0),
        ("00:00:01", "poa_irradiance__2", 10.0),
        ("00:05:01", "poa_irradiance__2", 20.0),
    ]
    assert (duplicates, rejects) == (0, [])


def test_trap_16_of_two_values_for_one_time_one_stays_and_the_other_is_seen():
    lines = ["measured_on,ac_power__1,system_id", *(f"2019-01-05 00:00:00,{value},34" for value in (1, 1, 2))]

    rows, duplicates, rejects = of_day(lines)

    assert [row["value"] for row in rows] == [1.0]
    assert duplicates == 1
    assert [(line, column) for line, column, _ in rejects] == [(4, "ac_power__1")]
    # Of vintages that overlap the newer one has what both have.
    known = metadata(2107, ac_power_o_1=("AC power", "W"))
    older = b"measured_on,ac_power_o_1\n2024-01-31 00:00:00,1\n2024-02-01 00:00:00,3\n"
    newer = b"measured_on,ac_power_o_1\n2024-02-01 00:00:00,3.5\n"
    rows, duplicates, _ = transformed(older, RECORD, "prize_csv", newer=(newer, newer), metadata=(known,))
    assert (readings(rows), duplicates) == ([(datetime(2024, 1, 31), "ac_power_o_1", 1.0)], 1)


def test_trap_17_a_clock_at_its_loggers_default_puts_no_reading_into_another_day():
    lines = [
        "measured_on,ac_power__1,system_id",
        "1994-05-13 00:00:00,1,34",
        "2019-01-05 00:00:00,2,34",
        "2079-03-31 08:40:00,3,34",
    ]

    rows, _, rejects = of_day(lines)

    assert [(row["timestamp"], row["value"]) for row in rows] == [(datetime(2019, 1, 5), 2.0)]
    said = "measured_on is not on 2019-01-05, the day of the object"
    assert rejects == [(2, None, said), (4, None, said)]


def test_trap_18_a_system_is_not_those_whose_numbers_begin_like_its_own(place):
    for ss_id in (10, 100, 1003, 4, 4901):
        place.put_day(ss_id, FIFTH, day_file(ss_id, FIFTH, [1]))
        place.put(f"pvdaq/parquet/metrics/metrics__system_{ss_id}__part000.parquet", b"x")

    assert planned(10) == [day_key(10, FIFTH)]
    (of_4,) = plan.plan(FACT, Window(FIFTH, FIFTH, (4,))).plans[0].objects
    assert [version.key for _, version in of_4.companions] == [
        "pvdaq/parquet/metrics/metrics__system_4__part000.parquet"
    ]


def test_trap_19_folders_without_padding_are_days_and_not_text(place):
    for day in (1, 2, 10, 19):
        place.put_day(34, date(2019, 1, day), b"x")

    assert planned(34, days=(date(2019, 1, 2), date(2019, 1, 10))) == [
        day_key(34, date(2019, 1, 2)),
        day_key(34, date(2019, 1, 10)),
    ]


def test_trap_20_missing_and_empty_days_are_gaps_and_no_faults(place, load, shared_session_without_spark):
    place.put_day(34, FIFTH, day_file(34, FIFTH, [5]))
    place.put_day(34, SIXTH, b"")
    place.put_day(34, date(2019, 1, 8), b"measured_on,ac_power__1,system_id\n")

    found, published = load(systems=(34,))

    assert (found.new, published["objects"], published["rows_loaded"]) == (3, 3, 1)
    assert place.rows(f"SELECT CAST(timestamp AS DATE) AS day, value FROM {READINGS}") == [(FIFTH, 5.0)]


def test_trap_21_a_system_of_the_catalogue_without_data_is_told_and_stops_nobody(place, caplog):
    place.put_day(1, FIFTH, day_file(1, FIFTH, [5]))
    assert {1, 34} <= set(systems())

    assert planned(1, 34, days=(FIFTH, SIXTH)) == [day_key(1, FIFTH)]
    assert "no object of system 34 in the window" in caplog.text


def test_trap_22_vintages_of_a_record_change_clock_columns_and_units():
    named = {"ambient_temperature_o_149575": ("Temperature ambient", "F")}
    earlier, _, _ = transformed(
        b"measured_on,ambient_temperature_o_149575\n2019-01-05 00:00:00,50\n",
        {"ss_id": "2107", "file": "2107_environment_data", "vintage": ""},
        "prize_csv",
        metadata=(metadata(2107, **named),),
    )
    later, _, _ = transformed(
        b"utc_measured_on,ambient_temperature_o_149575,poa_irradiance_o_7\n2025-01-05 08:15:00,50,1\n",
        {"ss_id": "2107", "file": "2107_irradiance_15m_data", "vintage": "_2025"},
        "prize_csv",
        metadata=(metadata(2107, **named, poa_irradiance_o_7=("Irradiance POA", "W/m^2")),),
    )
    of_9069, _, _ = transformed(
        b"measured_on,ambient_temperature_o_9\n2019-01-05 00:00:00,10\n",
        {"ss_id": "9069", "file": "9069_environment_data", "vintage": ""},
        "prize_csv",
        metadata=(metadata(9069, ambient_temperature_o_9=("Temperature ambient", "C")),),
    )

    assert [(row["value"], row["units"], row["utc_basis"]) for row in earlier + of_9069] == [
        (pytest.approx(10.0), "degC", "none"),
        (10.0, "degC", "none"),
    ]
    assert [(row["timestamp_utc"], row["units"], row["utc_basis"]) for row in later] == [
        (datetime(2025, 1, 5, 8, 15, tzinfo=UTC), "degC", "published"),
        (datetime(2025, 1, 5, 8, 15, tzinfo=UTC), "W/m2", "published"),
    ]


def test_trap_23_what_is_published_again_is_another_version_whatever_its_name(
    place, load, shared_session_without_spark
):
    place.put_day(34, FIFTH, day_file(34, FIFTH, [5]))
    load(systems=(34,))
    place.put_day(34, FIFTH, day_file(34, FIFTH, [6]))

    found, _ = load(systems=(34,))

    assert (found.changed, found.unchanged) == (1, 0)
    assert place.rows(f"SELECT value FROM {READINGS}") == [(6.0,)]
    for edition in ("20241231", "20250729", "20250624"):
        place.put(f"pvdaq/csv/systems_{edition}.csv", CATALOGUE)
    # Found by listing, every edition that there is; the undated file is an old one.
    place.put("pvdaq/csv/systems.csv", CATALOGUE)
    editions = [entry.parts["edition"] for entry in plan.plan("dim_system", Window()).plans[0].objects]
    assert editions == ["20241231", "20250624", "20250729"]


def test_trap_24_each_kind_of_file_has_its_own_line_ends_and_letters():
    assert b"\r\n" in CATALOGUE
    assert systems()[1]["system_name"] == "\u201cSunny\u201d Cabin"
    document = {"System": {"system_id": 2107}, "Metrics": {"ac_power_o_1": {"common_name": "AC power", "units": "kw"}}}
    found = from_json(json.dumps(document, indent="\t").encode("utf-8-sig"), 2107)
    assert [(name, entry["units"]) for name, entry in found.metrics] == [("ac_power_o_1", "kw")]
    # The first header of daily aggregates is empty, which is a day.
    known = metadata(10109, ac_energy_inv_7=("AC energy", "kWh"))
    body = b",ac_energy_inv_7_daily_sum\n2016-01-01,10.578\n"
    rows, _, _ = transformed(body, YEAR, "annual_csv", metadata=(known,))
    assert readings(rows) == [(datetime(2016, 1, 1), "ac_energy_inv_7_daily_sum", 10_578.0)]


def test_trap_25_a_system_with_two_mounts_is_one_system_and_one_without_a_mount_is_one_too():
    assert CATALOGUE.count(b"\n10,Parking Canopy") == 2

    found = systems()

    assert list(found) == [1, 10, 34, 77]
    assert found[10]["mount_count"] == 2
    assert (found[34]["mount_type"], found[34]["tilt_deg"]) == (None, None)


def test_trap_26_two_sensors_of_a_quantity_at_one_time_are_two_readings():
    lines = [
        "measured_on,poa_irradiance__313,poa_irradiance_2__314,inv1_ac_power__5,inv2_ac_power__6,system_id",
        "2019-01-05 12:00:00,700,690,1000,1100,34",
    ]

    rows, duplicates, rejects = of_day(lines)

    assert [(row["quantity"], row["sensor"], row["value"]) for row in rows] == [
        ("poa_irradiance", "poa_irradiance__313", 700.0),
        ("poa_irradiance", "poa_irradiance_2__314", 690.0),
        ("ac_power", "inv1_ac_power__5", 1000.0),
        ("ac_power", "inv2_ac_power__6", 1100.0),
    ]
    assert (duplicates, rejects) == (0, [])
