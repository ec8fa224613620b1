"""EPA's hours of units: what a line becomes under each header, and that blocks and lines are read alike."""

from datetime import UTC, datetime

import pytest
from test_facilities import EL_PASO, HOUSTON, facility, file_of

from jobs import campd
from jobs.errors import SourceError
from jobs.transform import SourceObject

CALIFORNIA = {"year": "2023", "state": "ca", "quarter": ""}
HEADER = (
    "State,Facility Name,Facility ID,Unit ID,Associated Stacks,Date,Hour,Operating Time,Gross Load (MW),"
    "Steam Load (1000 lb/hr),SO2 Mass (lbs),SO2 Mass Measure Indicator,SO2 Rate (lbs/mmBtu),"
    "SO2 Rate Measure Indicator,CO2 Mass (short tons),CO2 Mass Measure Indicator,CO2 Rate (short tons/mmBtu),"
    "CO2 Rate Measure Indicator,NOx Mass (lbs),NOx Mass Measure Indicator,NOx Rate (lbs/mmBtu),"
    "NOx Rate Measure Indicator,Heat Input (mmBtu),Heat Input Measure Indicator,Primary Fuel Type,"
    "Secondary Fuel Type,Unit Type,SO2 Controls,NOx Controls,PM Controls,Hg Controls,Program Code"
)
LEGACY = (
    "STATE,FACILITY_NAME,ORISPL_CODE,UNITID,OP_DATE,OP_HOUR,OP_TIME,GLOAD (MW),SLOAD (1000lb/hr),SO2_MASS (lbs),"
    "SO2_MASS_MEASURE_FLG,SO2_RATE (lbs/mmBtu),SO2_RATE_MEASURE_FLG,NOX_RATE (lbs/mmBtu),NOX_RATE_MEASURE_FLG,"
    "NOX_MASS (lbs),NOX_MASS_MEASURE_FLG,CO2_MASS (tons),CO2_MASS_MEASURE_FLG,CO2_RATE (tons/mmBtu),"
    "CO2_RATE_MEASURE_FLG,HEAT_INPUT (mmBtu)"
)


def line(hour=0, unit="1", load="100", co2="10", day="2023-01-01", time="1", state="CA", plant="260", name="Moss"):
    """Write a line under today's header, with 3 lb of SO2 and 2 lb of NOx, quoted where a cell has a comma."""
    numbers = f"{time},{load},,3,Measured,.1,Calculated,{co2},Measured,.1,Calculated,2,Measured,.1,Measured"
    return f"{state},{name},{plant},{unit},,{day},{hour},{numbers},100,Measured,Natural Gas,,CC,,SCR,,,ARP"


def read(*lines, header=HEADER, parts=CALIFORNIA, end="\n", **more):
    body = end.join([header, *lines, ""]).encode()
    return list(campd.blocks(SourceObject.of(body, {**parts, **more})))


@pytest.fixture(params=["columns", "lines"])
def both(request, monkeypatch):
    """Read by Arrow where that is possible, and line by line."""
    if request.param == "lines":
        monkeypatch.setattr(campd, "_by_columns", lambda *_: None)


def test_units_are_converted_and_ids_stay_as_they_are_written(both):
    (block,) = read(line(unit="0001"), line(unit="**GT2"), line(unit="CT-1", name='"Moss Landing, LLC"'))

    rows = block.rows.to_pylist()
    assert [row["unit_id"] for row in rows] == ["0001", "**GT2", "CT-1"]
    assert rows[2]["facility_name"] == "Moss Landing, LLC"
    assert rows[0]["co2_kg"] == pytest.approx(9071.8474)
    assert rows[0]["so2_kg"] == pytest.approx(1.36077711)
    assert rows[0]["nox_kg"] == pytest.approx(0.90718474)
    assert rows[0]["hour_start_local"] == datetime(2023, 1, 1)
    assert rows[0]["hour_start_utc"] == datetime(2023, 1, 1, 8, tzinfo=UTC)
    assert (block.rows_read, block.rows_duplicate, block.rejects) == (3, 0, [])


def test_under_the_older_header_the_rate_of_nox_is_not_taken_for_its_mass(both):
    old = '"CA","Moss","260","0001","07-04-2023","5","1","100","","3","Measured","9","","7","Measured","2","Measured",'
    (block,) = read(old + '"10","Measured","8","","100"', header=LEGACY)

    (row,) = block.rows.to_pylist()
    assert (row["facility_id"], row["unit_id"], row["hour_start_local"]) == (260, "0001", datetime(2023, 7, 4, 5))
    assert row["nox_kg"] == pytest.approx(0.90718474)
    assert row["co2_kg"] == pytest.approx(9071.8474)
    assert (row["primary_fuel"], row["heat_input_measure"]) == (None, None)


def test_a_blank_is_null_and_a_zero_is_zero(both):
    (block,) = read(line(0, time="0", load="", co2=""), line(1, time="0", load="0", co2="0"))

    assert [(row["gross_load_mw"], row["co2_kg"]) for row in block.rows.to_pylist()] == [(None, None), (0.0, 0.0)]


def test_a_byte_order_mark_windows_lines_and_quotes_around_everything_change_nothing(both):
    plain = read(line(0), line(1))
    quoted = [",".join(f'"{cell}"' for cell in text.split(",")) for text in (line(0), line(1))]
    dressed = read(*quoted, header="\ufeff" + HEADER, end="\r\n")

    assert dressed[0].rows.to_pylist() == plain[0].rows.to_pylist()


def test_columns_are_found_by_their_names(both):
    turned = [",".join(reversed(text.split(","))) for text in (HEADER, line(0))]

    assert read(turned[1], header=turned[0])[0].rows.to_pylist() == read(line(0))[0].rows.to_pylist()


@pytest.mark.parametrize(
    ("bad", "column", "reason"),
    [
        (line(co2="see note"), "co2_kg", "'see note' is no number"),
        (line(co2="nan"), "co2_kg", "'nan' is no number"),
        (line(co2='"1,000"'), "co2_kg", "'1,000' is no number"),
        (line(load="-9"), "gross_load_mw", "-9 is below zero"),
        (line(time="1.5"), "operating_time_hours", "1.5 is more than the hour"),
        (line(24), "hour", "'24' is no hour from 0 to 23"),
        (line(day="2023-02-30"), "date", "'2023-02-30' is no day like 2023-01-31 or 01-31-2023"),
        (line(day="2022-12-31"), "date", "2022-12-31 is not from 2023-01-01 to 2023-12-31, the days of the object"),
        (line(state="NV"), "state", "'NV' is not CA, the state of the object"),
        (line(plant="x"), "facility_id", "'x' is no facility's id"),
        (line(unit=" "), "unit_id", "a row of no unit"),
        (line()[:60], None, "expected 32 cells, found 15"),
        (line(name='"Moss'), None, "is not CSV: unexpected end of data"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line_and_the_others_stay(bad, column, reason):
    (block,) = read(line(1), bad, line(2))

    assert [(reject.line, reject.column, reject.reason, reject.raw_text) for reject in block.rejects] == [
        (3, column, reason, bad)
    ]
    assert [row["hour_start_local"].hour for row in block.rows.to_pylist()] == [1, 2]
    assert block.rows_read == 3


def test_a_quote_that_is_not_closed_takes_no_line_after_it_in():
    # The two together have as many cells as one line.
    (block,) = read(line(1, name='"Moss'), line(2, name='Moss"'), line(3))

    assert [(reject.line, reject.reason) for reject in block.rejects] == [(2, "is not CSV: unexpected end of data")]
    assert [row["hour_start_local"].hour for row in block.rows.to_pylist()] == [2, 3]
    assert block.rows_read == 3


def test_sound_lines_need_no_closer_look_with_blanks_and_quotes_and_at_rest(monkeypatch):
    def looked(*_):
        raise AssertionError("lines are read one by one, which takes a hundred times as long")

    monkeypatch.setattr(campd, "_by_lines", looked)

    read(line(0, name='"Moss, LLC"'), line(1, time="0", load="", co2=""), line(2, unit="**GT2"), end="\r\n")


def test_of_a_unit_and_hour_the_first_row_stays():
    (block,) = read(line(0), line(0), line(0, co2="11"), line(1))

    assert [row["co2_kg"] for row in block.rows.to_pylist()] == pytest.approx([9071.8474, 9071.8474])
    assert (block.rows_read, block.rows_duplicate) == (4, 1)
    assert [(reject.line, reject.reason) for reject in block.rejects] == [
        (4, "same unit and hour as line 2 with other values")
    ]


def test_an_hour_that_an_earlier_block_has_is_refused(both, monkeypatch):
    monkeypatch.setattr(campd, "BLOCK_BYTES", 1000)

    made = read(
        *(line(hour, day=f"2023-01-{day}") for day in range(10, 15) for hour in range(24)), line(day="2023-01-10")
    )

    assert len(made) > 10
    assert sum(len(block.rows) for block in made) == 120
    assert [(reject.line, reject.reason) for block in made for reject in block.rejects] == [
        (122, "same unit and hour as a line long before")
    ]


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (
            HEADER.replace("CO2 Mass (short tons)", "CO2 Mass (kg)"),
            r"lacks the columns CO2 Mass \(short tons\) or .*kg",
        ),
        (HEADER.replace("SO2 Mass (lbs)", "SO2 Mass (short tons)"), r"lacks the columns SO2 Mass \(lbs\)"),
        (HEADER + ",Mercury Mass (lbs)", r"has columns that are not known: 'Mercury Mass \(lbs\)'"),
        (HEADER.replace("Heat Input Measure Indicator", "Heat Input (mmBtu)"), "has a column twice: heat_input_mmbtu"),
        (
            "State,Facility Name,Facility ID,Date,Hour,Gross Load (MW),Steam Load (1000 lb/hr),SO2 Mass (lbs),"
            "CO2 Mass (short tons),NOx Mass (lbs),Heat Input (mmBtu)",
            "lacks the columns Unit ID or UNITID, Operating Time or OP_TIME, .*; it is of whole plants, not of units",
        ),
        ("", "lacks the columns State or STATE"),
    ],
)
def test_another_header_is_refused_by_the_names_of_its_columns(header, sentence):
    with pytest.raises(SourceError, match=sentence):
        read(line(), header=header)


def test_a_page_in_place_of_a_file_is_refused_in_a_sentence_of_bounded_length():
    with pytest.raises(SourceError, match="has columns that are not known: '<html>") as fault:
        read(header="<html>" + 1000 * "Service unavailable, ")

    assert len(str(fault.value)) < 2_000


def test_what_would_take_more_memory_than_any_file_can_need_is_refused(both, monkeypatch):
    monkeypatch.setattr(campd, "MOST_UNITS", 2)
    assert len(read(line(unit="1"), line(unit="2"), line(1, unit="1"))) == 1
    with pytest.raises(SourceError, match="has more than 2 units, such as 260 3"):
        read(line(unit="1"), line(unit="2"), line(unit="3"))

    monkeypatch.setattr(campd, "BLOCK_BYTES", 1000)
    with pytest.raises(SourceError, match="has a line of more than 1,000 bytes"):
        read(line(), line(name=5000 * "x"))


def test_a_state_of_several_zones_has_no_instant(both):
    (block,) = read(line(state="TX"), parts={"year": "2023", "state": "tx", "quarter": ""})

    (row,) = block.rows.to_pylist()
    assert (row["hour_start_utc"], row["utc_basis"]) == (None, "several_zones")


def test_in_a_state_of_several_zones_the_place_of_the_plant_tells_the_instant(both):
    texas = {"year": "2023", "state": "tx", "quarter": ""}
    places = file_of(facility(3456, EL_PASO), facility(3460, HOUSTON))
    lines = [line(1, state="TX", plant=plant, day="2023-07-01") for plant in (3456, 3460, 3461)]
    body = "\n".join([HEADER, *lines, ""]).encode()

    (block,) = campd.blocks(SourceObject.of(body, texas, "campd_hourly", campd_facilities=(places,)))

    # In July the clock of the data is still that of winter: mountain time is seven hours behind, central time six.
    july = datetime(2023, 7, 1, tzinfo=UTC)
    assert [(row["hour_start_utc"], row["utc_basis"]) for row in block.rows.to_pylist()] == [
        (july.replace(hour=8), "coordinates"),
        (july.replace(hour=7), "coordinates"),
        (None, "several_zones"),
    ]
    with pytest.raises(SourceError, match="has campd_facilities beside it, which lacks the columns State"):
        list(campd.blocks(SourceObject.of(body, texas, "campd_hourly", campd_facilities=(b"<html>",))))


def test_nevadas_plants_keep_pacific_time_whatever_the_law_says_of_west_wendover(both):
    (block,) = read(line(state="NV", plant="2336"), parts={"year": "2023", "state": "nv", "quarter": ""})

    (row,) = block.rows.to_pylist()
    assert (row["hour_start_utc"], row["utc_basis"]) == (datetime(2023, 1, 1, 8, tzinfo=UTC), "state")


def test_what_newer_editions_own_is_counted_and_not_given(both):
    quarter = {"year": "2023", "state": "", "quarter": "1"}
    (block,) = read(line(state="CA"), line(state="NV", plant="2336"), parts=quarter, left="state=ca")
    assert [row["state"] for row in block.rows.to_pylist()] == ["NV"]
    assert (block.rows_read, block.rows_duplicate) == (2, 1)

    (block,) = read(line(), line(day="2023-04-01"), left="quarter=2")
    assert [row["hour_start_local"] for row in block.rows.to_pylist()] == [datetime(2023, 1, 1)]
    assert block.rows_duplicate == 1
