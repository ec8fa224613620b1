"""PVDAQ's own files of system 34, January 2019, and its catalogue; run where SUNLEDGER_DATA says where they are."""

import os
from datetime import date
from pathlib import Path

import pytest
from conftest import READINGS, s3

DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"))
JANUARY = (date(2019, 1, 1), date(2019, 1, 31))

pytestmark = pytest.mark.skipif(
    not (DATA / "pvdaq/csv/pvdata").is_dir(), reason="set SUNLEDGER_DATA to a folder with pvdaq/csv in its key layout"
)


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


def test_loading_january_in_overlapping_pieces_gives_the_same_rows(january, load):
    whole = january.facts()
    january.change("DELETE FROM fact_pv_measurement WHERE timestamp >= DATETIME '1900-01-01 00:00:00';")
    january.change("DELETE FROM etl_checkpoint WHERE table_name = 'fact_pv_measurement';")

    for first, last in ((1, 12), (8, 20), (15, 31), (1, 31)):
        load(days=(date(2019, 1, first), date(2019, 1, last)), systems=(34,))

    assert january.facts() == whole
