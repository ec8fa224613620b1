"""EPA's files of facilities: which standard time a plant keeps, by its place."""

import pytest

from jobs import contract
from jobs.errors import SourceError
from jobs.facilities import LAYOUT, offsets
from jobs.standard_time import EASTERN_HOURS

# The header of EPA's bulk files (US-EPA-CAMD/easey-facilities-api, src/constants/field-mappings.ts).
HEADER = (
    "State,Facility Name,Facility ID,Unit ID,Associated Stacks,Year,Program Code,EPA Region,NERC Region,County,"
    "County Code,FIPS Code,Source Category,Latitude,Longitude,Owner/Operator,SO2 Phase,NOx Phase,Unit Type,"
    "Primary Fuel Type,Secondary Fuel Type,SO2 Controls,NOx Controls,PM Controls,Hg Controls,"
    "Commercial Operation Date,Operating Status,Max Hourly HI Rate (mmBtu/hr),"
    "Associated Generators & Nameplate Capacity (MWe)"
)
EL_PASO, HOUSTON = ("TX", 31.9839, -106.4319), ("TX", 29.4775, -95.6358)


def facility(plant, place, unit="1", year=2023):
    """Write a line: of a plant, its state, latitude and longitude [degrees]."""
    state, latitude, longitude = place
    about = f'{state},Plant,{plant},{unit},,{year},"ARP, CSNOX",6,,County,C001,001,Electric Utility'
    more = '"Owner, Inc. (Owner)|Operator (Operator)",,,CC,Gas,,,SCR,,,2001-05-01,Operating,900,1 (80)'
    return f"{about},{latitude},{longitude},{more}"


def file_of(*lines, header=HEADER):
    return "\n".join([header, *lines, ""]).encode()


@pytest.mark.parametrize("table", ["fact_unit_emissions_hourly", "fact_grid_intensity_hourly"])
def test_files_of_states_of_several_zones_are_read_with_it_and_quarters_and_no_others(table):
    (read_with,) = [one.read_with for one in contract.load(table).sources if one.read_with]

    assert read_with == {LAYOUT: {"state": ["", *sorted(state.lower() for state in EASTERN_HOURS)]}}


@pytest.mark.parametrize(
    ("place", "hours"),
    [
        (EL_PASO, -7),
        (HOUSTON, -6),
        # Of every state of several zones one plant on either side, but of Michigan's and Kansas's and Alaska's west.
        (("FL", 30.5661, -87.2289), -6),
        (("FL", 27.7944, -82.4036), -5),
        (("IN", 38.3722, -87.7661), -6),
        (("IN", 38.7378, -85.4197), -5),
        (("KY", 37.1517, -88.7750), -6),
        (("KY", 38.7497, -85.0350), -5),
        (("MI", 41.8917, -83.3458), -5),
        (("TN", 36.3903, -87.6539), -6),
        (("TN", 36.0211, -84.1567), -5),
        (("KS", 37.9306, -100.9725), -6),
        (("ND", 47.3714, -101.8353), -6),
        (("ND", 46.8811, -102.7896), -7),
        (("NE", 41.0808, -101.1408), -6),
        (("NE", 41.8667, -103.6672), -7),
        (("SD", 45.3047, -96.5103), -6),
        (("SD", 44.0872, -103.2608), -7),
        (("ID", 43.9047, -116.8208), -7),
        (("ID", 47.8022, -116.8678), -8),
        (("OR", 45.6933, -119.8067), -8),
        (("OR", 43.9783, -117.0000), -7),
        (("AK", 61.1869, -149.8650), -9),
    ],
)
def test_a_plants_place_tells_its_standard_time(place, hours):
    assert offsets((file_of(facility(6136, place)),), 2023) == {6136: hours}


@pytest.mark.parametrize(
    ("place", "before", "moved", "after"),
    [
        # Mercer County, North Dakota, went from mountain to central time in November 2010.
        (("ND", 47.3714, -101.8353), (2009, -7), (2010,), (2011, -6)),
        # Pike County, Indiana, went to central time in April 2006, and back in November 2007.
        (("IN", 38.5281, -87.2525), (2005, -5), (2006, 2007), (2008, -5)),
    ],
)
def test_a_zone_counts_as_it_was_in_the_year_and_of_one_in_which_it_moved_nothing_is_told(place, before, moved, after):
    plant = file_of(facility(1, place))

    assert [offsets((plant,), year) for year, _ in (before, after)] == [{1: before[1]}, {1: after[1]}]
    assert [offsets((plant,), year) for year in moved] == [{}] * len(moved)


@pytest.mark.parametrize(
    "place",
    [
        # The sign is lost; it is in the Gulf of Guinea; it has none; it is of Nevada, whose name tells its time.
        ("TX", 31.9839, 106.4319),
        ("TX", 0, 0),
        ("TX", "", ""),
        ("TX", "unknown", -106.4319),
        ("TX", 319.839, -106.4319),
        ("NV", 36.2, -115.1),
    ],
)
def test_of_a_place_that_cannot_be_the_states_and_of_a_state_of_one_zone_nothing_is_told(place):
    assert offsets((file_of(facility(1, place), facility(2, EL_PASO)),), 2023) == {2: -7}


def test_a_plant_whose_places_say_two_times_has_none():
    # Lines of one plant may be of places apart, as long as they keep one time.
    same = [facility(1, EL_PASO, "1"), facility(1, ("TX", 31.7566, -106.3750), "2")]

    assert offsets((file_of(*same),), 2023) == {1: -7}
    assert offsets((file_of(*same, facility(1, HOUSTON, "3")),), 2023) == {}
    assert offsets((), 2023) == {}


def test_what_is_no_file_of_facilities_is_refused():
    with pytest.raises(SourceError, match="lacks the columns Latitude, Longitude; it has State"):
        offsets((file_of(header=HEADER.replace("Latitude,Longitude,", "")),), 2023)
    with pytest.raises(SourceError, match="has no facility's id in line 2: 'TX,Plant,x"):
        offsets((file_of(facility("x", EL_PASO)),), 2023)
