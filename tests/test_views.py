"""The analysts' views, on small rows by hand: DuckDB and Google's reference answer alike, and rightly."""

from datetime import UTC, date, datetime

import pytest
from both import same_on_both
from googlesql import DATASET

from jobs import contract

DAY = date(2019, 1, 5)


def answer(view, **tables):
    return same_on_both(contract.load(view).view_query(DATASET), tables)


def reading(time, value, ss_id=7, sensor="ac_power__1", quantity="ac_power", units="W", quality=0):
    return {
        "ss_id": ss_id,
        "timestamp": datetime.fromisoformat(f"2019-01-05T{time}"),
        "sensor": sensor,
        "units": units,
        "value": value,
        "quantity": quantity,
        "utc_basis": "none",
        "quality": quality,
    }


def energy(*readings):
    return answer("view_energy_daily", fact_pv_measurement=readings)


def test_energy_is_power_times_the_most_frequent_step():
    (day,) = energy(reading("10:00:00", 1000.0), reading("10:15:00", 2000.0), reading("10:30:00", 3000.0))

    assert day == {
        "ss_id": 7,
        "day": DAY,
        "sensor": "ac_power__1",
        "channels": 1,
        "energy_kwh": pytest.approx(1.5),
        "peak_power_w": 3000.0,
        "step_s": 900.0,
        "readings": 3,
        "coverage": pytest.approx(3 / 96),
    }


def test_a_gap_is_not_filled_and_drawn_power_counts_as_nothing():
    (day,) = energy(
        reading("00:00:00", -5.0), reading("00:15:00", 4000.0), reading("00:30:00", 0.0), reading("12:00:00", 4000.0)
    )

    assert (day["energy_kwh"], day["step_s"], day["readings"]) == (pytest.approx(2.0), 900.0, 4)


def test_of_two_steps_as_frequent_the_shorter_counts():
    (day,) = energy(reading("10:00:00", 1.0), reading("10:05:00", 1.0), reading("10:15:00", 1.0))

    assert day["step_s"] == 300.0


def test_a_single_reading_has_no_step_and_no_energy():
    (day,) = energy(reading("10:00:00", 1000.0))

    assert (day["energy_kwh"], day["step_s"], day["coverage"], day["readings"]) == (None, None, None, 1)


@pytest.mark.parametrize("bit", [1, 2, 4, 8, 256])
def test_a_reading_that_was_not_measured_is_left_out_of_the_energy(bit):
    (day,) = energy(reading("10:00:00", 1.0), reading("10:15:00", 1.0), reading("10:30:00", 9.0, quality=bit | 128))

    assert (day["readings"], day["peak_power_w"]) == (2, 1.0)


@pytest.mark.parametrize("bit", [16, 32, 64, 128])
def test_a_reading_that_was_measured_counts_with_its_flags(bit):
    (day,) = energy(reading("10:00:00", 1.0), reading("10:15:00", 9.0, quality=bit))

    assert (day["readings"], day["peak_power_w"]) == (2, 9.0)


def test_sentinels_and_other_quantities_are_left_out_and_channels_are_counted():
    days = energy(
        reading("10:00:00", 1000.0),
        reading("10:15:00", 1000.0),
        reading("10:15:00", -9999.0, sensor="ac_power__2", quality=1),
        reading("10:15:00", 500.0, sensor="ac_power__2"),
        reading("10:15:00", 21.0, sensor="ambient_temp__3", quantity="ambient_temperature", units="degC"),
        reading("10:15:00", 21.0, sensor="ac_power__4", units=None),
    )

    assert [(day["sensor"], day["channels"], day["readings"]) for day in days] == [
        ("ac_power__1", 2, 2),
        ("ac_power__2", 2, 1),
    ]


def described(ss_id, valid_from, valid_to=None, **more):
    row = {"ss_id": ss_id, "mount_count": 1, "valid_from": valid_from, "valid_to": valid_to, "quality": 0}
    return row | {"is_current": valid_to is None, "is_catalogued": True} | more


def test_a_system_is_seen_as_it_is_known_now_and_once():
    before = described(7, DAY, date(2019, 2, 1), tilt_deg=30.0)
    now = described(7, date(2019, 2, 1), tilt_deg=18.5, us_state="CO")

    (system,) = answer("view_system", dim_system=[before, now])

    assert (system["ss_id"], system["tilt_deg"], system["us_state"]) == (7, 18.5, "CO")


def test_a_row_from_before_the_history_is_one_of_now():
    before = described(7, None, is_current=None, is_catalogued=None, quality=None, tilt_deg=30.0)

    (system,) = answer("view_system", dim_system=[before])
    (covered,) = answer("view_system_coverage", dim_system=[before], etl_checkpoint=[version("a", 1)])

    assert (system["ss_id"], system["tilt_deg"]) == (7, 30.0)
    assert (covered["ss_id"], covered["is_described"]) == (7, True)


def test_systems_without_data_and_data_without_a_catalogue_row_are_both_seen():
    prize = "pvdaq/2023-solar-data-prize"
    keys = {
        "pvdaq/csv/pvdata/system_id=7/year=2019/month=1/day=5/system_7__date_2019_01_05.csv": None,
        "pvdaq/parquet/pvdata/system_id=70/year=2019/month=1/day=5/system_70__date_2019_01_05.snappy.000.parquet": None,
        "pvdaq/csv/pvdata/system_id=9/year=2019/month=1/day=5/system_9__date_2019_01_05.csv": 2,
        f"{prize}/7333_5_min_OEDI/data/7333_data.csv": None,
        f"{prize}/7333_OEDI/data/7333_data.csv": None,
    }
    loaded = [version(key, 1, retired, table="fact_pv_measurement") for key, retired in keys.items()]
    loaded += [version("pvdaq/csv/systems_20250101.csv", 1, table="dim_system")]
    systems = [described(7, DAY), described(8, DAY), described(9, DAY, is_catalogued=False), described(7333, DAY)]

    seen = answer("view_system_coverage", dim_system=systems, etl_checkpoint=loaded)

    assert sorted(
        (s["ss_id"], s["is_described"], s["is_catalogued"], s["has_readings"], s["readings"]) for s in seen
    ) == [
        (7, True, True, True, 2),
        (8, True, True, False, 0),
        (9, True, False, False, 0),
        (70, False, False, True, 2),
        (7333, True, True, True, 2),
        (7334, False, False, True, 2),
    ]
    assert {s["first_day"] for s in seen if s["has_readings"]} == {DAY}


def factor(activity, edition, published_on, value=1.0, data_year=None, basis="distance"):
    return {
        "factor_id": f"ef_hub/{edition}/{data_year}/{basis}/{activity}",
        "source": "ef_hub",
        "edition": edition,
        "published_on": published_on,
        "data_year": data_year,
        "basis": basis,
        "activity": activity,
        "gas": "CO2",
        "unit": "kg/vehicle-mile",
        "value": value,
    }


def test_a_factor_that_a_newer_edition_has_under_another_name_is_not_one_of_today():
    old, new = date(2021, 4, 1), date(2024, 6, 5)
    factors = [
        factor("Passenger Car", "2021", old, 0.3),
        factor("Passenger Car", "2024", new, 0.2),
        factor("Light-Duty Truck", "2021", old),
        factor("Light-duty truck", "2024", new),
        # Another basis, and another year of data, have their own newest editions.
        factor("electricity", "2021", old, data_year=2019, basis="total_output"),
        factor("electricity", "2024", new, data_year=2022, basis="total_output"),
    ]

    rows = answer("view_emission_factor", dim_emission_factor=factors)

    assert sorted(
        (row["activity"], row["edition"], row["superseded_by"], row["is_in_newest_edition"]) for row in rows
    ) == [
        ("Light-Duty Truck", "2021", None, False),
        ("Light-duty truck", "2024", None, True),
        ("Passenger Car", "2021", "2024", False),
        ("Passenger Car", "2024", None, True),
        ("electricity", "2021", None, True),
        ("electricity", "2024", None, True),
    ]


def test_a_study_of_food_is_superseded_by_an_edition_of_itself_alone():
    editions = {"poore": date(2019, 6, 1), "poore.2": date(2021, 6, 1), "clark": date(2022, 6, 1)}
    about = {"source": "food", "basis": "weight", "gas": "CO2e", "unit": "kg/kg", "gwp_set": "AR5"}
    factors = [factor("Beef", edition, day) | about for edition, day in editions.items()]

    rows = answer("view_emission_factor", dim_emission_factor=factors)

    assert sorted((row["edition"], row["superseded_by"], row["is_in_newest_edition"]) for row in rows) == [
        ("clark", None, True),
        ("poore", "poore.2", False),
        ("poore.2", None, True),
    ]


def test_co2e_of_another_set_of_potentials_supersedes_and_has_no_drift():
    days = {"2022": date(2022, 4, 1), "2023": date(2023, 4, 1), "2024": date(2024, 6, 5)}
    sets = {"2022": "AR4", "2023": "AR4", "2024": "not_stated"}
    about = {"gas": "CO2e", "basis": "waste", "variant": "Landfilled", "unit": "kg/short ton"}
    factors = [
        factor("Mixed MSW", edition, day, value) | about | {"gwp_set": sets[edition]}
        for (edition, day), value in zip(days.items(), (500.0, 520.0, 580.0), strict=True)
    ]

    rows = answer("view_emission_factor", dim_emission_factor=factors)

    told = ("edition", "superseded_by", "supersedes", "drift", "drift_percent")
    assert sorted(tuple(row[name] for name in told) for row in rows) == [
        ("2022", "2023", None, None, None),
        ("2023", "2024", "2022", 20.0, 4.0),
        ("2024", None, "2023", None, None),
    ]


def intensity(hour, co2, year=2021, month=7, day=1, **more):
    local = datetime(year, month, day, hour)
    return {
        "region_scheme": "balancing_authority",
        "region": "CISO",
        "source": "oge",
        "basis": "consumed",
        "data_year": year,
        "hour_start_utc": datetime(year, month, day, hour, tzinfo=UTC),
        "hour_start_local": local,
        "co2_kg_per_mwh": co2,
        "co2e_kg_per_mwh": None,
        "gwp_set": None,
        "generation_mwh": None,
        "coverage": None,
    } | more


def test_an_hour_of_the_day_is_the_mean_of_its_hours_and_by_energy_where_that_is_known():
    fossil = {"source": "campd", "basis": "fossil", "region_scheme": "us_state", "region": "CA"}
    hours = [
        intensity(12, 200.0, co2e_kg_per_mwh=202.0, gwp_set="AR6"),
        intensity(12, 100.0, day=2, co2e_kg_per_mwh=102.0, gwp_set="AR6"),
        intensity(12, None, day=3),
        intensity(13, 500.0),
        # 400 kg/MWh of 300 MWh and 800 of 100 are 500 of 400 MWh; what has no CO2 has no weight.
        intensity(12, 400.0, **fossil, generation_mwh=300.0, coverage=1.0),
        intensity(12, 800.0, day=2, **fossil, generation_mwh=100.0, coverage=0.5),
        intensity(12, None, day=3, **fossil, generation_mwh=1000.0, coverage=0.0),
    ]

    rows = answer("view_grid_intensity_by_hour", fact_grid_intensity_hourly=hours)

    told = ("region", "hour_of_day", "hours", "hours_with_co2", "co2_kg_per_mwh", "co2e_kg_per_mwh", "generation_mwh")
    assert sorted(tuple(row[name] for name in told) for row in rows) == [
        ("CA", 12, 3, 2, 500.0, None, 1400.0),
        ("CISO", 12, 3, 2, 150.0, 152.0, None),
        ("CISO", 13, 1, 1, 500.0, None, None),
    ]
    assert {(row["data_year"], row["month"]) for row in rows} == {(2021, 7)}


def version(key, generation, retired=None, table="t", load="l1", **counts):
    return {
        "table_name": table,
        "object_id": key,
        "object_key": key,
        "generation": generation,
        "retired_generation": retired,
        "load_id": load,
        "first_day": DAY,
        "last_day": DAY,
        "published_at": datetime(2019, 2, generation, tzinfo=UTC),
        "rows_read": 3,
        "rows_loaded": 2,
        "rows_quarantined": 1,
        **counts,
    }


CHECKPOINT = [version("a", 1, 2), version("b", 1), version("a2", 2, load="l2", rows_loaded=5)]
HEADS = [
    {"table_name": "t", "generation": 2, "changed_at": datetime(2019, 2, 2, tzinfo=UTC)},
    {"table_name": "empty", "generation": 1, "changed_at": datetime(2019, 2, 2, tzinfo=UTC)},
    {"table_name": "never", "generation": 0},
]


def test_the_live_checkpoint_counts_what_is_not_retired():
    empty, loaded = answer("view_checkpoint_live", etl_head=HEADS, etl_checkpoint=CHECKPOINT)

    assert (empty["table_name"], empty["objects"], empty["row_count"], empty["first_day"]) == ("empty", 0, 0, None)
    assert (loaded["objects"], loaded["row_count"], loaded["quarantined"], loaded["last_day"]) == (2, 7, 2, DAY)


def test_the_history_has_a_row_a_load_and_says_what_is_left_of_it():
    first, second = answer("view_load_history", etl_checkpoint=CHECKPOINT)

    told = ("generation", "load_id", "objects", "objects_live", "rows_read", "rows_loaded", "rows_quarantined")
    assert [first[name] for name in told] == [1, "l1", 2, 1, 6, 4, 2]
    assert [second[name] for name in told] == [2, "l2", 1, 1, 3, 5, 1]
    assert second["published_at"] == datetime(2019, 2, 2, tzinfo=UTC)


def test_quality_counts_checks_and_refused_places_apart():
    found = {"table_name": "t", "load_id": "l2", "planned_generation": 1}
    rows = [
        {**found, "check_name": "unique_key", "severity": "error", "passed": True},
        {**found, "check_name": "few_rejects", "severity": "error", "passed": False},
        {**found, "check_name": "known", "severity": "warning", "passed": False},
        {**found, "check_name": "quarantine", "severity": "info", "passed": False},
        {**found, "check_name": "unique_key", "severity": "error", "passed": True, "load_id": "never"},
    ]

    loaded, never = answer("view_quality", etl_quality=rows, etl_checkpoint=CHECKPOINT)

    told = ("load_id", "checks", "errors", "warnings", "quarantined", "is_published")
    assert [loaded[name] for name in told] == ["l2", 3, 1, 1, 1, True]
    assert [never[name] for name in told] == ["never", 1, 0, 0, 0, False]


def unit(unit_id="1", hour=0, mwh=100.0, co2=50_000.0, plant=703, day="2023-01-01"):
    return {
        "facility_id": plant,
        "unit_id": unit_id,
        "hour_start_local": datetime.fromisoformat(f"{day}T{hour:02d}:00:00"),
        "utc_basis": "state",
        "state": "GA",
        "gross_generation_mwh": mwh,
        "co2_kg": co2,
    }


def plant_days(*hours):
    rows = answer("view_plant_emissions_daily", fact_unit_emissions_hourly=hours)
    return sorted(rows, key=lambda row: (row["facility_id"], row["day"]))


def test_a_plants_rate_is_the_ratio_of_sums_and_no_mean_of_rates():
    (day,) = plant_days(unit(mwh=100.0, co2=90_000.0), unit(hour=1, mwh=300.0, co2=90_000.0))

    assert (day["gross_generation_mwh"], day["co2_kg"], day["co2_kg_per_mwh"]) == (400.0, 180_000.0, 450.0)
    assert day["co2_lb_per_mwh"] == pytest.approx(992.0802, abs=1e-4)
    assert (day["units"], day["coverage"]) == (1, 1.0)


def test_a_unit_without_co2_makes_no_other_clean_and_is_told_by_the_coverage():
    (day,) = plant_days(unit(co2=45_000.0), unit("2", mwh=300.0, co2=None), unit("3", mwh=None, co2=5_000.0))

    assert (day["gross_generation_mwh"], day["co2_kg"]) == (400.0, 50_000.0)
    assert (day["co2_kg_per_mwh"], day["coverage"], day["units"]) == (450.0, 0.25, 3)


def test_a_plant_that_reports_no_co2_has_no_rate_and_a_coverage_of_nothing():
    (day,) = plant_days(unit(co2=None), unit("2", mwh=300.0, co2=None))

    assert (day["gross_generation_mwh"], day["co2_kg_per_mwh"], day["coverage"]) == (400.0, None, 0.0)


def test_a_plant_at_rest_has_no_rate_and_no_zeros():
    first, second = plant_days(unit(mwh=None, co2=None), unit(day="2023-01-02", hour=23))

    assert (first["gross_generation_mwh"], first["co2_kg"], first["co2_kg_per_mwh"], first["coverage"]) == (None,) * 4
    assert (first["day"], second["day"]) == (date(2023, 1, 1), date(2023, 1, 2))


def test_a_unit_is_what_its_newest_quarter_says_for_as_long_as_any_has_it():
    def quarter(start, fuel, last):
        return {
            "facility_id": 703,
            "unit_id": "1BLR",
            "state": "GA",
            "primary_fuel": fuel,
            "quarter_start": date.fromisoformat(start),
            "first_hour_local": datetime.fromisoformat(start),
            "last_hour_local": datetime.fromisoformat(last),
            "hour_count": 1,
            "description_count": 1,
        }

    rows = [
        quarter("2022-10-01", "Coal", "2022-12-31T23:00:00"),
        quarter("2023-01-01", "Natural Gas", "2023-03-31T23:00:00"),
    ]

    (known,) = answer("view_generating_unit", dim_generating_unit=rows)

    assert known["primary_fuel"] == "Natural Gas"
    assert (known["first_hour_local"], known["last_hour_local"]) == (
        datetime(2022, 10, 1),
        datetime(2023, 3, 31, 23),
    )
