"""What is written down of systems: where its lines come from, what they do to readings, whose objects they change."""

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import FIXTURES, day_file
from test_layouts import at, dictionary, long, metadata, transformed
from test_scale import NAMEPLATE_1332, PEAKS_1332

from jobs import check, plan, register, scale, stage
from jobs.errors import SourceError
from jobs.flags import UNIT_DOUBTFUL
from jobs.listing import Window
from jobs.tables import dim_sensor
from jobs.transform import SourceObject

FACT = "fact_pv_measurement"
HEADER = "ss_id,channel,first_day,last_day,factor,reason,source\n"
SHIPPED = Path(register.__file__).with_name("scales.csv")
JULY, AUGUST = date(2018, 7, 31), date(2018, 8, 1)
TEN_HOURS = [100.0] * 10


def scales(*lines):
    return ((HEADER + "".join(f"{line}\n" for line in lines)).encode(),)


@pytest.fixture
def registered(monkeypatch, tmp_path):
    """A register of the test's own, written line by line."""
    monkeypatch.setattr(register, "__file__", str(tmp_path / "register.py"))

    def write(*lines):
        (tmp_path / "scales.csv").write_text(HEADER + "".join(f"{line}\n" for line in lines))
        register._lines.cache_clear()

    write()
    yield write
    register._lines.cache_clear()


# What third parties measured in NREL PVDAQ's files, of which each line of the register must follow by the rule: units
# and calc_scale of the dictionary, nameplate [kW], peaks by month as stored, and whether other channels show full sun.
EVIDENCE = {
    # June to August 2017, 333.6 at most, while dc_power (5077) comes to 692,550 W.
    (1430, "5074"): (2000.0, 720.72, {"2017-06": 333.6, "2017-08": 333.6}, True),
    # The same months, 360.0 at most, while the pyranometer comes to 1,077 W/m2.
    (1433, "5069"): (1000.0, 449.28, {"2017-06": 360.0, "2017-08": 360.0}, True),
    (1332, "2638"): (1000.0, NAMEPLATE_1332, PEAKS_1332, False),
}


def test_each_line_of_the_register_follows_from_its_evidence_by_the_rule():
    due = []
    for (ss_id, channel), (calc_scale, capacity_kw, peaks, is_lit) in EVIDENCE.items():
        entry = {"units": "W", "calc_scale": calc_scale, "calc_offset": 0.0}
        spans = scale.changes(entry, capacity_kw, peaks, is_lit=is_lit)
        for span in spans:
            if span.scale.factor != 1:
                first = "" if span is spans[0] else f"{span.first_month}-01"
                last = "" if span is spans[-1] else f"{span.last_month}-31"
                due.append((str(ss_id), channel, first, last, f"{span.scale.factor:g}", span.scale.reason))

    with SHIPPED.open(newline="", encoding="utf-8") as lines:
        written = [tuple(row[name] for name in HEADER.split(",")[:6]) for row in csv.DictReader(lines)]
    assert sorted(written) == sorted(due)


def test_three_months_prove_a_scale_only_where_other_channels_show_full_sun():
    entry = {"units": "W", "calc_scale": 2000.0, "calc_offset": 0.0}

    assert scale.decide(entry, 720.72, 333.6, span_days=90, is_lit=True).factor == 2000.0
    dark = scale.decide(entry, 720.72, 333.6, span_days=90)
    assert (dark.factor, dark.reason) == (1.0, "undecided: peak 0.3336 kW of 720.7 kW, but 90 days may be dark")


def day_of_1332(day, value):
    body = f"measured_on,metered_ac_power__2638,system_id\n{day} 12:00:00,{value},1332\n".encode()
    parts = {"ss_id": "1332", "year": str(day.year), "month": str(day.month), "day": str(day.day)}
    known = dictionary((1332, 2638, "metered_ac_power", "AC power", "W"))
    plate = json.dumps({"System": {"system_id": 1332, "power": str(NAMEPLATE_1332)}}).encode()
    shipped = register.read(register.version("scales", "1332"))
    return transformed(body, parts, "daily_csv", dictionary=(known,), metadata=(plate,), scales=(shipped,))


def test_system_1332_is_the_same_plant_before_and_after_its_unit_changed():
    (before,), _, _ = day_of_1332(JULY, 1_008)
    (after,), _, _ = day_of_1332(AUGUST, 934_400)

    assert (before["value"], before["units"]) == (1_008_000.0, "W")
    assert (after["value"], after["units"]) == (934_400.0, "W")
    assert not (before["quality"] | after["quality"]) & UNIT_DOUBTFUL


def test_a_unit_that_the_register_was_wrong_of_is_in_doubt_again():
    # Watts on a day that the register takes for kilowatts.
    (wrong,), _, _ = day_of_1332(JULY, 934_400)

    assert wrong["quality"] & UNIT_DOUBTFUL


def test_days_without_an_established_unit_are_refused_as_one_and_their_neighbours_stay():
    body = long(*((at(hour), None, 772, float(hour)) for hour in range(3)))
    parts = {"ss_id": "51", "year": "2019", "month": "1", "day": "5", "part": "000"}
    known = dictionary((51, 772, "dc_power", "DC power", "W"))

    def of(first, last, factor):
        lines = scales(f"51,772,{first},{last},{factor},implausible,seen")
        return transformed(body, parts, "daily_parquet", dictionary=(known,), scales=lines)

    rows, duplicates, rejects = of("2019-01-01", "2019-01-31", "")
    assert (rows, duplicates) == ([], 0)
    assert rejects == [(1, "dc_power__772", "unit not established: implausible")]
    for first, last in (("2019-01-06", ""), ("", "2019-01-04")):
        rows, _, rejects = of(first, last, "")
        assert ([row["value"] for row in rows], rejects) == ([0.0, 1.0, 2.0], [])
    rows, _, _ = of("2019-01-05", "2019-01-05", "2000")
    assert [row["value"] for row in rows] == [0.0, 2_000.0, 4_000.0]


def test_a_channel_without_a_metric_id_is_found_by_its_name_and_scaled_before_its_unit_counts():
    body = b"measured_on,AC_Power_inv_1\n2024-01-01 12:00:00,4\n"
    known = metadata(2107, AC_Power_inv_1=("AC power", "kW"))
    parts = {"ss_id": "2107", "file": "2107_meter", "vintage": ""}

    lines = scales("2107,ac_power_inv_1,,,0.5,why,seen")
    rows, _, _ = transformed(body, parts, "prize_csv", metadata=(known,), scales=lines)

    assert [row["value"] for row in rows] == [2_000.0]


def test_two_lines_of_one_day_are_a_fault():
    lines = scales("7,1,,2018-07-31,1000,why,seen", "7,1,2018-07-31,,2000,why,seen")

    with pytest.raises(ValueError, match="says two things of one day of ac_power__1"):
        register.stretches(lines, "ac_power__1")


def test_the_dimension_says_the_factor_and_why():
    body = dictionary((1430, 5074, "ac_power", "AC power", "kW"), (1430, 5077, "dc_power", "DC power", "W"))

    def described(*lines):
        source = SourceObject.of(body, {"ss_id": "1430"}, "metrics_parquet", scales=scales(*lines))
        (piece,) = dim_sensor.transform(source)
        return [(row["units"], row["factor"], row["factor_reason"]) for row in piece.rows.to_pylist()]

    stored = "stored in kW, as the dictionary says"
    dc_power = ("W", 1.0, "stored in W, as the dictionary says")
    assert described("1430,5074,,,2000,why,seen") == [("W", 2e6, f"{stored}; times 2000: why"), dc_power]
    assert described("1430,5074,,2018-07-31,1000,why,seen") == [
        ("W", 1000.0, f"{stored}; times 1000 to 2018-07-31: why"),
        dc_power,
    ]
    assert described("1430,5074,,,,why,seen") == [
        (None, None, f"{stored}; no unit is established: why"),
        dc_power,
    ]


def test_a_new_line_loads_just_its_systems_objects_again(place, shared_session_without_spark, registered, load):
    for ss_id in (7, 8):
        place.put_day(ss_id, JULY, day_file(ss_id, JULY, TEN_HOURS))
    load(days=(JULY, JULY))
    registered("7,1,,,1000,why,seen")

    found, counts = load(days=(JULY, JULY))

    assert (found.new, found.changed, found.unchanged) == (0, 1, 1)
    assert counts["rows_loaded"] == 10
    assert {(row[0], row[4]) for row in place.facts()} == {(7, 100_000.0), (8, 100.0)}
    assert load(days=(JULY, JULY))[1] is None, "and once"
    registered()
    load(days=(JULY, JULY))
    assert {(row[0], row[4]) for row in place.facts()} == {(7, 100.0), (8, 100.0)}


def test_a_load_is_not_staged_with_another_register_than_it_was_planned_with(
    place, shared_session_without_spark, registered
):
    registered("7,1,,,1000,why,seen")
    place.put_day(7, JULY, day_file(7, JULY, TEN_HOURS))
    (planned,) = plan.plan(FACT, Window(JULY, JULY)).plans
    registered("7,1,,,2000,why,seen")

    with pytest.raises(SourceError, match=r"jobs/scales\.csv here says another thing of system 7"):
        stage.stage(planned)


# A plant like 1430: every second day of a year, with the sun's course over the year, 2,000 times too small.
def unscaled_year(place):
    day = date(2017, 1, 3)
    while day.year == 2017:
        peak = 300 - 0.9 * abs((day - date(2017, 6, 21)).days)
        place.put_day(1430, day, day_file(1430, day, [0, 0, 0, peak / 3, peak, 0.9 * peak], "ac_power__5074"))
        day += timedelta(days=2)
    known = dictionary((1430, 5074, "ac_power", "AC power", "W"), calc_scale=2000.0)
    place.put("pvdaq/parquet/metrics/metrics__system_1430__part000.parquet", known)
    plate = {"System": {"system_id": 1430, "power": "720.72"}}
    place.put("pvdaq/csv/system_metadata/1430_system_metadata.json", json.dumps(plate).encode())


def test_the_command_finds_the_scale_in_the_record_and_prints_the_line_for_the_register(place):
    unscaled_year(place)

    code, out, err = place.run("scales", "--systems", "1430")

    assert code == 0, err
    ((ss_id, channel, first, last, factor, reason, source),) = csv.reader(io.StringIO(out))
    assert (ss_id, channel, first, last, factor) == ("1430", "5074", "", "", "2000")
    # Of June the 6th, the 16th and the 26th were read; 295.5 on the 16th is five days from the year's best.
    assert reason == "calc_scale 2000 applied: peak would else be 0.041 % of nameplate and is 82 %"
    assert source == "NREL PVDAQ: peaks of 12 months from 2017-01 to 2017-12; nameplate 720.72 kW"


def test_the_command_on_a_system_without_files_is_one_sentence(place):
    place.put("pvdaq/csv/pvdata/system_id=8/x", b"")

    code, _, err = place.run("scales", "--systems", "7")

    assert code == 1
    assert "system 7 has no object that is not empty, and nothing can be said of its units" in err


def test_a_channel_in_doubt_is_named_by_a_warning_and_an_established_one_is_not(
    place, shared_session_without_spark, registered, load
):
    header = (FIXTURES / "dim_system/pvdaq/csv/systems_20250601.csv").read_text().splitlines()[0].split(",")
    line = ({"system_id": "1430", "dc_capacity_kW": "720.72"}.get(name, "") for name in header)
    place.put("pvdaq/csv/systems_20250601.csv", f"{','.join(header)}\r\n{','.join(line)}\r\n".encode())
    load("dim_system")
    unscaled_year(place)

    def found(days):
        (planned,) = plan.plan(FACT, Window(*days)).plans
        stage.stage(planned)
        (finding,) = [one for one in check.check(planned) if one["check_name"] == "plausible_power"]
        return finding["passed"], finding["severity"], finding["message"].partition("may be wrong.")[2]

    year = date(2017, 1, 1), date(2017, 12, 31)
    assert found(year) == (False, "warning", " Such as 1430 ac_power__5074.")
    assert found((date(2017, 1, 1), date(2017, 5, 31))) == (True, "warning", ""), "five months may be dark"
    registered("1430,5074,,,2000,why,seen")
    assert found(year) == (True, "warning", "")
    registered("1430,5074,,,20000000,why,seen")
    assert found((date(2017, 6, 20),) * 2) == (False, "warning", " Such as 1430 ac_power__5074."), "it is flagged"
