"""PVDAQ's own files of system 34, January 2019, and its catalogue; run where SUNLEDGER_DATA says where they are."""

import csv
import json
import os
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import READINGS, day_key, s3
from test_campd import HEADER as CAMPD_HEADER
from test_campd import line as campd_line
from test_fact_grid_intensity_hourly import HEADER as OGE_HEADER

from jobs import export, nameplate, plan, quality, restatement
from jobs.flags import INCOMPLETE, NIGHT_OFFSET, OUTLIER, SENTINEL, STALE
from jobs.listing import Window
from jobs.quality import System
from jobs.tables import dim_system, fact_pv_measurement
from jobs.time_grid import NO_VALUE
from jobs.trace import trace
from jobs.transform import SourceObject

DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"))
JANUARY = (date(2019, 1, 1), date(2019, 1, 31))

pytestmark = [
    pytest.mark.on_spark,
    pytest.mark.skipif(
        not (DATA / "pvdaq/csv/pvdata").is_dir(),
        reason="set SUNLEDGER_DATA to a folder with pvdaq/csv in its key layout",
    ),
]


@pytest.fixture
def january(place, load):
    """Both tables, loaded from the real files."""
    s3.upload(place.server, DATA / "pvdaq" / "csv" / "pvdata", place.bucket, "pvdaq/csv/pvdata/")
    place.put("pvdaq/csv/systems_20250729.csv", (DATA / "pvdaq/csv/systems_20250729.csv").read_bytes())
    load("dim_system")
    place.outcome = load(days=JANUARY, systems=(34,))
    return place


def test_31_objects_give_41612_readings_none_lost_none_invented(january):
    found, published = january.outcome

    assert found.new == 31
    assert published == {
        "objects": 31,
        "rows_read": 41_612,
        "rows_loaded": 41_612,
        "rows_quarantined": 0,
        "rows_duplicate": 0,
    }
    keys = f"SELECT DISTINCT ss_id, timestamp, sensor FROM {READINGS}"
    assert january.rows(f"SELECT COUNT(*) AS n FROM ({keys})") == [(41_612,)]


def test_the_sums_of_the_published_channels(january):
    sums = {
        sensor: (count, total)
        for sensor, count, total in january.rows(
            f"SELECT sensor, COUNT(*) AS n, SUM(value) AS total FROM {READINGS} GROUP BY sensor"
        )
    }

    assert len(sums) == 15
    assert sums["ac_power_hw__2695"] == (2_976, 46_987_900.0)
    assert sums["poa_irradiance__2679"] == (2_859, pytest.approx(490_247.431, abs=1e-6))
    assert sums["ambient_temp_f__2688"][0] == 65


def test_five_files_have_the_ambient_temperature_and_26_do_not(january):
    assert january.rows(
        f"SELECT COUNT(DISTINCT object_id) AS n FROM {READINGS} WHERE sensor = 'ambient_temp_f__2688'"
    ) == [(5,)]


def test_energy_from_clipped_ac_power_at_15_minutes(january):
    daily = dict(
        january.rows(
            "SELECT CAST(timestamp AS DATE) AS day, SUM(GREATEST(value, 0)) * 0.25 * 0.001 AS energy_kwh "
            f"FROM {READINGS} WHERE sensor = 'ac_power_hw__2695' GROUP BY day"
        )
    )

    assert daily[date(2019, 1, 1)] == pytest.approx(471.4)
    assert daily[date(2019, 1, 2)] == pytest.approx(458.575)
    assert sum(daily.values()) == pytest.approx(11_862.225)
    viewed = dict(january.rows("SELECT day, energy_kwh FROM view_energy_daily"))
    # The view leaves out one reading, the outlier of 31 January: 35.9 kW for a quarter of an hour.
    assert {day: energy for day, energy in viewed.items() if energy != pytest.approx(daily[day])} == {
        date(2019, 1, 31): pytest.approx(daily[date(2019, 1, 31)] - 8.975)
    }


@pytest.mark.exhaustive
def test_the_daily_mart_says_what_system_34_yielded_and_how_well(january, load):
    _, published = load("fact_pv_performance_daily", days=JANUARY, systems=(34,))

    assert published["rows_loaded"] == 31
    rows = january.opened.select("SELECT * FROM fact_pv_performance_daily ORDER BY day", {})
    assert [row["energy_ac_kwh"] for row in rows[:2]] == [471.4, 458.575]
    assert sum(row["energy_ac_kwh"] for row in rows) == pytest.approx(11_862.225, rel=1e-12)
    assert rows[0]["specific_yield_h"] == pytest.approx(471.4 / 146.64)
    assert rows[0]["capacity_factor"] == pytest.approx(471.4 / 146.64 / 24)
    assert {(row["step_seconds"], row["energy_sensors"], row["coverage"]) for row in rows} == {
        (900, "ac_power_hw__2695", 1.0)
    }
    received = january.rows(
        f"SELECT SUM(GREATEST(value, 0)) * 0.25 * 0.001 AS kwh_m2 FROM {READINGS} WHERE quantity = 'poa_irradiance' "
        "GROUP BY CAST(timestamp AS DATE) ORDER BY CAST(timestamp AS DATE)"
    )
    assert [row["insolation_poa_kwh_m2"] for row in rows] == [pytest.approx(kwh_m2, abs=1e-6) for (kwh_m2,) in received]
    # Nothing is out of the field's plausible range, so nothing is flagged for it.
    assert [row["day"] for row in rows if not 0.6 < row["performance_ratio"] < 0.85] == []
    assert [row["day"] for row in rows if not 0 < row["capacity_factor"] < 0.2] == []
    assert {row["quality"] for row in rows} == {0}


@pytest.mark.exhaustive
def test_the_export_of_january_has_every_quarter_of_every_channel_and_the_days_energy(
    january, spark, tmp_path, monkeypatch
):
    monkeypatch.setattr("jobs.export.session", lambda name: nullcontext(spark))

    told, _ = export.export(str(tmp_path), Window(*JANUARY, (34,)), "15min")

    assert [(channel["intervals"], channel["ss_id"]) for channel in told["channels"]] == [(31 * 96, 34)] * 15
    # All 41,612 readings are in it; the loggers that are a second late are in the quarter that they mean.
    assert sum(channel["readings"] for channel in told["channels"]) == 41_612
    rows = pd.read_parquet(tmp_path / told["folder"])
    assert rows.groupby("sensor").timestamp.agg(["count", "nunique"]).to_numpy().tolist() == [[2_976, 2_976]] * 15
    assert rows[rows.reading_count > 1].empty
    power = rows[rows["sensor"] == "ac_power_hw__2695"].set_index("timestamp")
    energy_kwh = power.value.clip(lower=0).resample("D").sum() * 0.25 / 1000
    assert energy_kwh["2019-01-01"] == pytest.approx(471.4)
    assert energy_kwh.sum() == pytest.approx(11_862.225)
    # The outlier of 31 January is there and not valid; the dead ambient sensor's -40 is no value.
    assert power[~power.is_valid][["value", "mask"]].to_numpy().tolist() == [[35_900.0, OUTLIER]]
    ambient = rows[rows["sensor"] == "ambient_temp_f__2688"]
    assert (ambient.value.min() > -39, ambient.value.count(), (ambient["mask"] & SENTINEL > 0).sum()) == (True, 64, 1)
    poa = rows[rows["sensor"] == "poa_irradiance__2679"]
    assert poa.value.sum() == pytest.approx(490_247.431, abs=1e-6)
    assert poa[poa.value.isna()]["mask"].tolist() == [NO_VALUE] * (2_976 - 2_859)


@pytest.fixture
def by_the_zone(january):
    """What NREL's metadata of system 34 say of zone and place, as far as its catalogue has it."""
    (known,) = january.opened.select(
        "SELECT timezone_or_utc_offset AS zone, latitude_deg, longitude_deg FROM dim_system WHERE ss_id = 34", {}
    )
    site = {"latitude": str(known["latitude_deg"]), "longitude": str(known["longitude_deg"])}
    described = {"System": {"system_id": 34, "timezone_code": known["zone"]}, "Site": site}
    january.put("pvdaq/csv/system_metadata/34_system_metadata.json", json.dumps(described).encode())
    return january


@pytest.mark.exhaustive
def test_by_the_zone_of_the_catalogue_the_hours_of_utc_have_the_energy_of_the_month(by_the_zone, load):
    january = by_the_zone
    found, _ = load(days=JANUARY, systems=(34,))
    load("fact_pv_energy_hourly", days=(date(2019, 1, 1), date(2019, 2, 1)), systems=(34,))

    assert (found.changed, found.unchanged) == (31, 0)
    bases = january.rows(f"SELECT utc_basis, COUNT(*) AS n FROM {READINGS} GROUP BY utc_basis")
    assert bases == [("iana", 41_612)], "no day's light contradicts it"
    hours = january.rows(
        "SELECT hour_start_utc, energy_ac_kwh, insolation_poa_kwh_m2, coverage FROM fact_pv_energy_hourly "
        "ORDER BY hour_start_utc"
    )
    assert hours[0][0] == datetime(2019, 1, 1, 8, tzinfo=UTC), "midnight in Los Angeles"
    assert (len(hours), hours[-1][0]) == (31 * 24, datetime(2019, 2, 1, 7, tzinfo=UTC))
    assert sum(energy for _, energy, _, _ in hours) == pytest.approx(11_862.225, rel=1e-12)
    assert {coverage for _, _, _, coverage in hours} == {1.0}
    # The pyranometer's logger writes a second after that of the inverter.
    received = january.rows(
        f"SELECT SUM(GREATEST(value, 0)) * 0.25 * 0.001 AS kwh_m2 FROM {READINGS} WHERE quantity = 'poa_irradiance'"
    )
    assert sum(kwh_m2 or 0 for _, _, kwh_m2, _ in hours) == pytest.approx(received[0][0], abs=1e-6)


EMISSIONS = {
    "avert/2025-05-01_2024/rates.csv": "avert_avoided_emission_rates.csv",
    "ef_hub/2024-06-05_2024/electricity.csv": "epa_ef_hub_2024/electricity.csv",
    "egrid/2025-01-22_2023r1/subregions.json": "subregion_egrid2023_rev0or1_20250122.json",
    "egrid/2025-06-18_2023r2/subregions.json": "subregion_egrid2023_rev2_20250618.json",
}
FIRST, CORRECTED = list(EMISSIONS)[2:]
AVOIDED, EVER = "fact_avoided_emissions_hourly", (None, None)
AVOIDED_SUMS = (
    "SELECT factor_id, factor_lag_years AS lag, COUNT(*) AS hours, SUM(energy_kwh) AS kwh, SUM(co2_kg) AS co2, "
    "SUM(ch4_kg) AS ch4, SUM(n2o_kg) AS n2o, SUM(co2e_ar5_kg) AS co2e, SUM(nox_kg) AS nox, SUM(so2_kg) AS so2, "
    f"MAX(reason) AS reason FROM {AVOIDED} WHERE method = '%s' GROUP BY factor_id, factor_lag_years"
)


# The energy is real. No published file of the two methods by the hour is at hand: these are invented, in the form in
# which they are published, for Nevada and for an authority whose area is a box around Las Vegas. By the hour of the day
# their rates step, so that an hour that took another one's would be seen in the sums.
STANDARD_HOURS = [datetime(2019, 1, 1) + timedelta(hours=hour) for hour in range(31 * 24)]
AREAS = "emissions/control_areas/2022-07-05_2022/areas.geojson"
UNITS = "emissions/campd/2019-05-01_2019-05/emissions-hourly-2019-nv.csv"
CONSUMED = "open_grid_emissions_data/v0.10.0/results/2019/carbon_accounting/hourly/us_units/NEVP.csv"


def invented():
    """Files of the methods by the hour, by their keys."""
    box = [[-116, 35], [-114, 35], [-114, 37], [-116, 37], [-116, 35]]
    area = {"properties": {"NAME": "NEVADA POWER COMPANY"}, "geometry": {"type": "Polygon", "coordinates": [box]}}
    units, consumed = [CAMPD_HEADER], [OGE_HEADER]
    for local in STANDARD_HOURS:
        # 40 short tons and one more by the hour of 100 MWh, and 10 of the 50 MWh of a unit that ran for half of it.
        at = {"hour": local.hour, "day": local.date(), "state": "NV", "plant": "2336"}
        units += [campd_line(unit="1", co2=40 + local.hour, **at), campd_line(unit="2", time="0.5", **at)]
        # Pounds per MWh: of CO2 500 and 10 more by the hour, of CH4 0.1, N2O 0.01, NOx 0.4 and SO2 0.2.
        rates = f"{500 + 10 * local.hour},0.1,0.01,{600 + 10 * local.hour},0.4,0.2"
        consumed.append(f"{local + timedelta(hours=8)}+00:00,{local}-08:00,{rates}")
    return {
        AREAS: json.dumps({"type": "FeatureCollection", "features": [area]}),
        UNITS: "\n".join([*units, ""]),
        CONSUMED: "\n".join([*consumed, ""]),
    }


def mwh_by_hour_of_the_day():
    """What the 31 files have by the hour of the wall clock, standard time: AC power above zero, by quarters of it."""
    found = Counter()
    for path in sorted((DATA / "pvdaq/csv/pvdata").rglob("*.csv")):
        with path.open(newline="") as lines:
            for cells in csv.DictReader(lines):
                watts = float(cells["ac_power_hw__2695"] or 0)
                found[datetime.fromisoformat(cells["measured_on"]).hour] += max(watts, 0) / 4 / 1_000_000
    return found


def origins(traced):
    """All object versions that a trace leads to, as `trace --json` tells them: size and ETag by key."""
    found = {one["object_key"]: (one["size_bytes"], one["etag"]) for one in traced["origins"]}
    for part in traced["made_of"]:
        found |= origins(part)
    return found


@pytest.mark.exhaustive
def test_what_system_34_avoided_in_january_by_every_method_and_what_the_corrected_egrid_restates(by_the_zone, load):
    def put(*keys):
        for key in keys:
            by_the_zone.put(f"emissions/{key}", (DATA / "emissions" / EMISSIONS[key]).read_bytes())

    def avoided(method):
        (row,) = by_the_zone.opened.select(AVOIDED_SUMS % method, {})
        return row

    put(*(key for key in EMISSIONS if key != CORRECTED))
    load("dim_emission_factor", EVER, accept=("co2e_not_below_co2@2023r1",))
    load("dim_system_region", EVER)
    load(days=JANUARY, systems=(34,))
    days = date(2019, 1, 1), date(2019, 2, 1)
    load("fact_pv_energy_hourly", days, (34,))
    load(AVOIDED, days, (34,))

    # 11.862225 MWh by the published rate [lb/MWh] and 0.45359237 kg/lb, of Nevada's AVERT region and of AZNM.
    default = avoided("avert_annual_dpv")
    assert (default["hours"], default["kwh"]) == (744, pytest.approx(11_862.225, rel=1e-12))
    assert default["factor_id"] == "avert/2024/2019/marginal/Northwest/electricity/Distributed PV/CO2"
    assert (default["lag"], default["reason"]) == (0, "the source has no CH4, N2O")
    # 1691.148571514378, 1.2213245233855314 and 0.7829744778364317 lb/MWh.
    assert default["co2"] == pytest.approx(9_099.418950, abs=1e-6)
    assert (default["nox"], default["so2"]) == (pytest.approx(6.571476747), pytest.approx(4.212884025))
    assert default["co2e"] is None
    nonbaseload = avoided("egrid_nonbaseload")
    assert nonbaseload["factor_id"] == "ef_hub/2024/2022/nonbaseload/AZNM/electricity/CO2"
    assert (nonbaseload["lag"], nonbaseload["reason"]) == (-3, "the source has no NOx, SO2")
    # 1205.221, 0.065 and 0.009 lb/MWh: 6,484.829891 + 28 * 0.349739959 + 265 * 0.048425533 kg.
    assert nonbaseload["co2"] == pytest.approx(6_484.829891, abs=1e-6)
    assert (nonbaseload["ch4"], nonbaseload["n2o"]) == (pytest.approx(0.349739959), pytest.approx(0.048425533))
    assert nonbaseload["co2e"] == pytest.approx(6_507.455376, abs=1e-5)
    total = avoided("egrid_total_output")
    assert (total["factor_id"], total["lag"]) == ("egrid/2023r1/2023/total_output/AZNM/electricity/CO2", -4)
    # 740.810 lb/MWh.
    assert total["co2"] == pytest.approx(3_986.013214, abs=1e-6)
    nobody = avoided("oge_consumed_hourly")
    assert (nobody["co2"], nobody["reason"]) == (None, "the region of the system is not known")
    without = avoided("cems_fossil_hourly")
    assert (without["co2"], without["reason"]) == (None, "the region has no factor on the day")
    # The last eight hours of January in Las Vegas are of February in UTC.
    months = "SELECT month, hours, displacement_methods FROM view_avoided_emissions_monthly ORDER BY month"
    both = "avert_annual_dpv, egrid_nonbaseload"
    assert by_the_zone.rows(months) == [(date(2019, 1, 1), 736, both), (date(2019, 2, 1), 8, both)]
    sums = "SUM(energy_kwh) AS a, SUM(co2_kg) AS b, SUM(co2_least_kg) AS c, SUM(co2_most_kg) AS d"
    assert by_the_zone.rows(f"SELECT {sums} FROM view_avoided_emissions_monthly") == [
        pytest.approx((11_862.225, 9_099.418950, 6_484.829891, 9_099.418950))
    ]

    put(CORRECTED)
    load("dim_emission_factor", EVER, accept=("co2e_not_below_co2@2023r1",))
    load("dim_system_region", EVER)
    (restates,) = restatement.restated(plan.plan(AVOIDED, Window(*days, (34,))))
    assert (restates.method, restates.region, restates.row_count) == ("egrid_total_output", "AZNM", 744)
    # 740.810 to 703.703 lb/MWh.
    assert restates.drift_percent == pytest.approx(100 * (703.703 - 740.810) / 740.810)
    assert (restates.old_kg, restates.new_kg) == (pytest.approx(3_986.013214), pytest.approx(3_786.354742))
    load(AVOIDED, days, (34,))
    assert avoided("egrid_total_output")["co2"] == pytest.approx(3_786.354742, abs=1e-6)
    unchanged = {"avert_annual_dpv": default, "egrid_nonbaseload": nonbaseload}
    # Sums come in any order.
    assert [avoided(method) == pytest.approx(known, rel=1e-12) for method, known in unchanged.items()] == [True, True]
    country = "region = 'US' AND gas = 'CO2' AND source = 'egrid' AND supersedes IS NOT NULL"
    assert by_the_zone.rows(f"SELECT supersedes, value_published FROM view_emission_factor WHERE {country}") == [
        ("2023r1", 767.209)
    ]

    traced = trace(AVOIDED, Window(*days, (34,)), {"method": "avert_annual_dpv"})
    by_table = {part.table: part for part in traced.made_of}
    (hourly, factors) = by_table["fact_pv_energy_hourly"], by_table["dim_emission_factor"]
    (measurements,) = [part for part in hourly.made_of if part.table == "fact_pv_measurement"]
    assert {one.object_key for one in measurements.origins} == {day_key(34, date(2019, 1, day)) for day in range(1, 32)}
    assert [(one.object_key, one.size_bytes) for one in factors.origins] == [
        ("emissions/avert/2025-05-01_2024/rates.csv", 260_323)
    ]
    assert [row["value_published"] for row in factors.named] == [1691.148571514378]

    for key, text in invented().items():
        by_the_zone.put(key, text)
    load("dim_system_region", EVER)
    load("fact_grid_intensity_hourly", EVER)
    load(AVOIDED, days, (34,))
    mwh = mwh_by_hour_of_the_day()
    assert sum(mwh.values()) == pytest.approx(11.862225, rel=1e-12)
    consumed = avoided("oge_consumed_hourly")
    assert (consumed["hours"], consumed["lag"], consumed["reason"]) == (744, 0, None)
    assert consumed["factor_id"] == "oge/v0.10.0/2019/consumed/NEVP"
    lb = sum((500 + 10 * hour) * energy for hour, energy in mwh.items())
    assert consumed["co2"] == pytest.approx(lb * 0.45359237, rel=1e-9)
    assert (consumed["ch4"], consumed["nox"], consumed["so2"]) == pytest.approx(
        [11.862225 * rate * 0.45359237 for rate in (0.1, 0.4, 0.2)]
    )
    fossil = avoided("cems_fossil_hourly")
    assert (fossil["hours"], fossil["lag"], fossil["reason"]) == (744, 0, "the source has no CH4, N2O")
    assert fossil["factor_id"] == "campd/2019-05/2019/fossil/NV"
    # A quotient of sums: 50 short tons and one more by the hour in 150 MWh, 4 lb of NOx and 6 lb of SO2.
    tons = sum((50 + hour) / 150 * energy for hour, energy in mwh.items())
    assert fossil["co2"] == pytest.approx(tons * 907.18474, rel=1e-9)
    assert (fossil["nox"], fossil["so2"]) == pytest.approx(
        [11.862225 * pounds / 150 * 0.45359237 for pounds in (4, 6)], rel=1e-6
    )
    assert [avoided(method) == pytest.approx(known, rel=1e-12) for method, known in unchanged.items()] == [True, True]

    since, until = map(str, days)
    code, out, err = by_the_zone.run("trace", AVOIDED, "--systems", "34", "--from", since, "--to", until, "--json")
    assert code == 0, err
    traced = json.loads(out)
    told = {figures["method"]: figures["co2_kg"] for figures in traced["figures"]}
    assert (told["oge_consumed_hourly"], told["cems_fossil_hourly"]) == pytest.approx((consumed["co2"], fossil["co2"]))
    days_and_factors = {day_key(34, date(2019, 1, day)) for day in range(1, 32)}
    days_and_factors |= {f"emissions/{key}" for key in EMISSIONS if key != FIRST}
    found = origins(traced)
    assert days_and_factors | {UNITS, CONSUMED} <= found.keys()
    for key in (UNITS, CONSUMED):
        version = by_the_zone.s3.head_object(Bucket=by_the_zone.bucket, Key=key)
        assert found[key] == (version["ContentLength"], version["ETag"].strip('"'))


def test_every_channel_of_system_34_has_its_unit(january):
    units = dict(january.rows(f"SELECT DISTINCT sensor, units FROM {READINGS}"))

    assert units == {
        "ac_current__2685": "A",
        "ac_power_hw__2695": "W",
        "ac_voltage__2684": "V",
        "ambient_temp_f__2688": "degC",
        "dc_current__2683": "A",
        "dc_power_hw__2694": "W",
        "dc_voltage__2682": "V",
        "inverter_error_code__2690": "code",
        "inverter_temp__2686": "degC",
        "module_temp_f__2689": "degC",
        "poa_irradiance__2679": "W/m2",
        "power_factor_1000__2693": "1",
        "relative_humidity__2687": "%",
        "wind_direction__2692": "deg",
        "wind_speed_mph__2691": "m/s",
    }


def test_1862_lines_of_the_catalogue_are_1860_systems(january):
    assert january.rows("SELECT COUNT(*) AS n, COUNT(DISTINCT ss_id) AS systems FROM dim_system") == [(1_860, 1_860)]
    assert january.rows(
        "SELECT rows_read, rows_loaded, rows_duplicate FROM etl_checkpoint WHERE table_name = 'dim_system'"
    ) == [(1_862, 1_860, 2)]
    assert january.rows("SELECT ss_id, azimuth_deg, tilt_deg FROM dim_system WHERE mount_count > 1 ORDER BY ss_id") == [
        (1332, 180.0, None),
        (4901, None, 5.0),
    ]


@pytest.fixture(scope="module")
def described():
    """What becomes of the catalogue, with the heads of PVDAQ's tables of sites and mounts and two systems' metadata."""

    def said(body, layout, **parts):
        (piece,) = dim_system.transform(SourceObject.of(body, parts, layout))
        return piece

    def table(name):
        with (DATA / f"pvdaq_excerpts/{name}_head.csv").open(newline="", encoding="utf-8") as head:
            lines = [{**line, "system_id": int(line["system_id"])} for line in csv.DictReader(head)]
        out = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([{"tracking": "f", **line} for line in lines]), out)
        return out.getvalue().to_pybytes()

    prize = DATA / "pvdaq/2023-solar-data-prize/2107_OEDI/metadata/2107_system_metadata.json"
    residential = DATA / "pvdaq/csv/system_metadata/10109_system_metadata.json"
    catalogue = (DATA / "pvdaq/csv/systems_20250729.csv").read_bytes()
    pieces = dim_system.together(
        [
            said(catalogue, "catalogue", edition="20250729"),
            said(table("site"), "site_parquet", part="00000"),
            said(table("mount"), "mount_parquet", part="00000"),
            said(residential.read_bytes(), "system_metadata", ss_id="10109"),
            said(prize.read_bytes(), "prize_metadata", ss_id="2107"),
        ]
    )
    counted = [(piece.rows_read, piece.rows.num_rows, piece.rows_duplicate, piece.rejects) for piece in pieces]
    assert counted == [(1_862, 1_860, 2, []), (5, 0, 5, []), (5, 0, 5, []), (1, 0, 1, []), (1, 0, 1, [])]
    return {row["ss_id"]: row for piece in pieces for row in piece.rows.to_pylist()}


def test_the_known_defects_of_the_catalogue_are_flagged_and_not_used(described):
    flagged = {flag: [ss_id for ss_id, row in described.items() if row["quality"] & flag] for flag in nameplate.FLAGS}

    assert flagged[nameplate.LONGITUDE] == [1416]
    # St. Petersburg's parks are filed under Golden, CO, and Livermore, CA under FL.
    assert flagged[nameplate.STATE] == [1230, 1301, 1302, 1307, 1310]
    assert flagged[nameplate.LAST_READING] == [14509]
    assert flagged[nameplate.FIRST_READING] == [36, 50, 51]
    # Documented as psi, published as 1020.
    assert flagged[nameplate.PRESSURE] == [1274, 1339, 1349, 1351, 1352]
    assert {flag: len(found) for flag, found in flagged.items()} == {
        nameplate.PLACE: 0,
        nameplate.LONGITUDE: 1,
        nameplate.STATE: 5,
        nameplate.AZIMUTH: 40,
        nameplate.TILT: 0,
        nameplate.CAPACITY: 0,
        nameplate.LAST_READING: 1,
        nameplate.FIRST_READING: 3,
        nameplate.PRESSURE: 5,
        nameplate.HOURS_WEST: 20,
        nameplate.ZONE: 0,
    }
    north_carolina = described[1416]
    assert (north_carolina["longitude_deg"], north_carolina["longitude_deg_published"]) == (None, 78.63411)
    assert (described[14509]["last_reading_at"], described[14509]["last_reading_at_published"].year) == (None, 2079)
    assert (described[1339]["pressure_hpa"], described[1339]["pressure_published"]) == (None, 1020.0)


def test_what_can_be_used_of_the_catalogue_is_what_is_not_flagged(described):
    def known(name):
        return sum(row[name] is not None for row in described.values())

    # Counted in the file: of 1,860 systems 1,795 have a capacity, 1,619 an azimuth that 40 times is -1 (4901 has two),
    # 1,570 a tilt (1332 has two), 6 of them no place that can be.
    assert [known(name) for name in ("dc_capacity_kw", "azimuth_deg", "tilt_deg", "latitude_deg")] == [
        1_795,
        1_578,
        1_569,
        1_854,
    ]
    assert sum(row["qa_status"] == "fail" for row in described.values()) == 298
    assert {row["utc_offset_hours"] for row in described.values()} == {None, -5.0, -7.0, -8.0, -10.0}
    assert known("time_zone") == 1_840
    assert described[10109]["site_id"] == 3599
    assert described[2107]["first_reading_at"].year == 2017, "the catalogue goes before the metadata"


def test_loading_january_in_overlapping_pieces_gives_the_same_rows(january, load):
    whole = january.facts()
    january.change("DELETE FROM fact_pv_measurement WHERE timestamp >= DATETIME '1900-01-01 00:00:00';")
    january.change("DELETE FROM etl_checkpoint WHERE table_name = 'fact_pv_measurement';")

    for first, last in ((1, 12), (8, 20), (15, 31), (1, 31)):
        load(days=(date(2019, 1, first), date(2019, 1, last)), systems=(34,))

    assert january.facts() == whole


@pytest.fixture(scope="module")
def flagged():
    """The rows of the 31 files, flagged as the transform does, and the same cells as DuckDB reads them."""
    rows = []
    for day in range(1, 32):
        body = (DATA / day_key(34, date(2019, 1, day))).read_bytes()
        parts = {"ss_id": "34", "year": "2019", "month": "1", "day": str(day)}
        rows += [piece.rows for piece in fact_pv_measurement.transform(SourceObject.of(body, parts, "daily_csv"))]
    with duckdb.connect() as engine:
        engine.register("flagged", pa.concat_tables(rows, promote_options="permissive"))
        files = DATA / "pvdaq/csv/pvdata/system_id=34/year=2019/month=1/*/*.csv"
        engine.execute(
            f"CREATE VIEW cells AS FROM read_csv('{files}', union_by_name = true, hive_partitioning = false)"
        )
        yield engine


def only(engine, query):
    return engine.execute(query).fetchone()


def test_the_dead_ambient_sensor_is_the_only_sentinel_of_january(flagged):
    assert only(flagged, "SELECT COUNT(*) FROM flagged") == (41_612,)
    assert only(flagged, 'SELECT COUNT(*) FROM cells WHERE ABS("ambient_temp_f__2688" + 40) < 0.001') == (1,)
    sentinels = f"SELECT sensor, value FROM flagged WHERE quality & {SENTINEL} > 0"
    assert flagged.execute(sentinels).fetchall() == [("ambient_temp_f__2688", -40.0000018)]


def test_the_wind_direction_is_stuck_at_351_degrees_and_nothing_else_is(flagged):
    # Runs of thirteen quarter hours or more, three hours, that stand at 351 to 352 degrees.
    stuck = """
        WITH vane AS (
            SELECT measured_on, "wind_direction__2692" BETWEEN 351 AND 352 AS is_still FROM cells
            WHERE "wind_direction__2692" IS NOT NULL
        ), runs AS (
            SELECT *, COUNT(*) FILTER (NOT is_still) OVER (PARTITION BY DAY(measured_on) ORDER BY measured_on) AS run
            FROM vane
        )
        SELECT SUM(n) FROM (
            SELECT COUNT(*) AS n FROM runs WHERE is_still GROUP BY DAY(measured_on), run HAVING COUNT(*) >= 13
        )"""
    assert only(flagged, stuck) == (2_777,)
    stale = f"SELECT sensor, COUNT(*) FROM flagged WHERE quality & {STALE} > 0 GROUP BY sensor"
    assert flagged.execute(stale).fetchall() == [("wind_direction__2692", 2_777)]


def test_few_readings_are_outliers_and_incomplete_days_are_those_with_gaps(flagged):
    outliers = f"SELECT sensor, timestamp::VARCHAR FROM flagged WHERE quality & {OUTLIER} > 0"
    assert sorted(flagged.execute(outliers).fetchall()) == [
        (sensor, "2019-01-31 15:45:00")
        for sensor in ("ac_current__2685", "ac_power_hw__2695", "dc_current__2683", "dc_power_hw__2694")
    ]
    # Of 96 quarter hours 91 are too few; the logger leaves out some of the pyranometer's, and most of a dead sensor's.
    for sensor in ("poa_irradiance__2679", "ambient_temp_f__2688"):
        expected = only(
            flagged,
            f'SELECT SUM(n) FROM (SELECT COUNT("{sensor}") AS n FROM cells GROUP BY DAY(measured_on) HAVING n <= 91)',
        )
        counted = f"SELECT COUNT(*) FROM flagged WHERE sensor = '{sensor}' AND quality & {INCOMPLETE} > 0"
        assert only(flagged, counted) == expected
    others = f"SELECT COUNT(DISTINCT sensor) FROM flagged WHERE quality & {INCOMPLETE} > 0"
    assert only(flagged, others) == (2,)


def test_the_draw_of_200_to_300_w_at_night_is_an_offset_where_the_place_is_known(flagged):
    power = flagged.execute(
        "SELECT timestamp, value FROM flagged WHERE sensor = 'ac_power_hw__2695' ORDER BY timestamp"
    ).fetchnumpy()
    place = System(36.1952, -115.1582, zone="America/Los_Angeles", dc_capacity_kw=146.64)

    bits = quality.flags(power["timestamp"].astype("datetime64[us]"), power["value"], "ac_power", "W", place)

    flagged.register("power", pa.table({"timestamp": power["timestamp"], "value": power["value"], "bits": bits}))
    # From 18 to 6 o'clock it is night all January, from 7 to 17 it never is.
    deep = """SELECT COUNT(*) FROM cells WHERE "ac_power_hw__2695" IN (-200, -300)
        AND (HOUR(measured_on) >= 18 OR HOUR(measured_on) < 6)"""
    assert only(flagged, deep) == (1_488,) == (31 * 48,)
    night = f"bits & {NIGHT_OFFSET} > 0"
    assert only(
        flagged, f"SELECT COUNT(*) FROM power WHERE {night} AND (HOUR(timestamp) >= 18 OR HOUR(timestamp) < 6)"
    ) == (1_488,)
    assert only(flagged, f"SELECT COUNT(*) FROM power WHERE {night} AND HOUR(timestamp) BETWEEN 7 AND 16") == (0,)
    # No draw is out of range, and nothing is above the capacity.
    assert not (bits & ~(NIGHT_OFFSET | OUTLIER)).any()
