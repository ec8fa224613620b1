"""What a unit is built from beside its fact: what a day of one says, as a digest, and that it is not read by halves."""

from datetime import date

import pytest

from jobs import contract, derived, described
from jobs.errors import SupersededError
from jobs.objects import ObjectVersion

HOURS, AVOIDED = "fact_grid_intensity_hourly", "fact_avoided_emissions_hourly"
COLUMNS = contract.load(AVOIDED).derived_from[HOURS]
FIFTH, SIXTH = date(2019, 1, 5), date(2019, 1, 6)
NEVADA, UTAH = ("us_state", "NV"), ("us_state", "UT")
EVER = "hour_start_utc >= TIMESTAMP '1990-01-01 00:00:00'"

WAREHOUSES = ("duckdb", "bigquery")


@pytest.fixture
def hours(place):
    """Two hours of Nevada on the fifth and one on the sixth, and one of Utah."""
    for region, hour, co2 in (("NV", "05 01", 400), ("NV", "05 02", 500), ("NV", "06 00", 500), ("UT", "05 01", 800)):
        place.change(
            f"INSERT INTO {HOURS} (region_scheme, region, hour_start_utc, hour_start_local, source, basis, edition, "
            f"data_year, co2_kg_per_mwh, generation_mwh, load_id, object_id) VALUES ('us_state', '{region}', "
            f"TIMESTAMP '2019-01-{hour}:00:00+00', DATETIME '2019-01-{hour}:00:00', 'campd', 'fossil', 'e', 2019, "
            f"{co2}.0, 1.0, 'l', 'o');"
        )
    return place


def digests(*regions):
    found = described.digests(HOURS, COLUMNS, (FIFTH, SIXTH), set(regions))
    return {place: row["digest"] for place, row in found.items()}


def test_a_day_of_a_region_has_another_digest_only_if_a_value_that_is_used_is_another(hours):
    before = digests(NEVADA, UTAH)
    assert before.keys() == {(NEVADA, FIFTH), (NEVADA, SIXTH), (UTAH, FIFTH)}
    assert digests(NEVADA).keys() == {(NEVADA, FIFTH), (NEVADA, SIXTH)}
    assert digests() == {}

    hours.change(f"UPDATE {HOURS} SET load_id = 'm', object_id = 'p', generation_mwh = 2.0 WHERE {EVER};")
    assert digests(NEVADA, UTAH) == before

    hours.change(
        f"UPDATE {HOURS} SET co2_kg_per_mwh = 500.5 WHERE {EVER} AND region = 'NV' AND co2_kg_per_mwh = 500.0 "
        "AND hour_start_utc < TIMESTAMP '2019-01-06 00:00:00+00';"
    )
    after = digests(NEVADA, UTAH)
    assert {place for place in before if after[place] != before[place]} == {(NEVADA, FIFTH)}


def test_a_day_keeps_its_digest_through_an_edition_that_says_the_same_and_changes_with_the_one_hour_that_it_does_not(
    hours,
):
    before = digests(NEVADA, UTAH)

    hours.change(
        f"UPDATE {HOURS} SET edition = 'f', co2_kg_per_mwh = IF(region = 'NV' AND co2_kg_per_mwh = 400.0, 401.0, "
        f"co2_kg_per_mwh) WHERE {EVER};"
    )

    after = digests(NEVADA, UTAH)
    assert {place for place in before if after[place] != before[place]} == {(NEVADA, FIFTH)}


def test_a_value_that_changes_places_between_hours_is_a_change(hours):
    before = digests(NEVADA)
    hours.change(
        f"UPDATE {HOURS} SET co2_kg_per_mwh = 900.0 - co2_kg_per_mwh WHERE {EVER} AND region = 'NV' "
        "AND hour_start_utc < TIMESTAMP '2019-01-06 00:00:00+00';"
    )

    assert digests(NEVADA)[NEVADA, FIFTH] != before[NEVADA, FIFTH]


def test_hours_that_change_while_they_are_read_refuse_the_load(hours):
    (row,) = described.digests(HOURS, COLUMNS, (SIXTH, SIXTH), {NEVADA}).values()
    due = [derived.Unit(SIXTH, ObjectVersion("fact", "ss_id=1/day=2019-01-06", "etag", 1), (), {HOURS: [row]})]
    assert described.rows(contract.load(AVOIDED), HOURS, due).num_rows == 1
    hours.change(f"UPDATE {HOURS} SET co2_kg_per_mwh = 1.0 WHERE {EVER};")

    with pytest.raises(
        SupersededError, match=f"1 days of regions in {HOURS} have changed while they were read, such as us_state NV on"
    ):
        described.rows(contract.load(AVOIDED), HOURS, due)
