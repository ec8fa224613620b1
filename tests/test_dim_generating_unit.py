"""Units of power plants: what the lines of their hours say of them, and what is told when that changes."""

from datetime import date, datetime

from test_campd import CALIFORNIA, HEADER, line

from jobs import campd
from jobs.tables import dim_generating_unit as table
from jobs.transform import SourceObject

TABLE, ALL = "dim_generating_unit", (None, None)
KEY = "emissions/campd/2024-02-01_2024-02/emissions-hourly-2023-ca.csv"
COLUMNS = "unit_id, primary_fuel, quarter_start, first_hour_local, last_hour_local"
KNOWN = f"SELECT {COLUMNS} FROM view_generating_unit ORDER BY unit_id"


def burning(fuel, *lines):
    return [text.replace("Natural Gas", fuel) for text in lines]


def file_of(*lines):
    return "\n".join([HEADER, *lines, ""]).encode()


def test_a_unit_has_a_row_for_each_quarter_and_the_last_hour_tells_what_it_is(monkeypatch):
    # A block for each few lines, so that a quarter is gathered from several.
    monkeypatch.setattr(campd, "BLOCK_BYTES", 1000)
    coal = burning("Coal", *(line(hour, unit="0001") for hour in range(20)))
    gas = [line(hour, unit="0001", day=day) for day in ("2023-03-31", "2023-04-01") for hour in range(20)]
    body = file_of(*coal, *gas, line(unit="?x", co2="none"))

    (piece,) = table.transform(SourceObject.of(body, CALIFORNIA))

    first, second = piece.rows.to_pylist()
    assert [(row["unit_id"], row["quarter_start"]) for row in (first, second)] == [
        ("0001", date(2023, 1, 1)),
        ("0001", date(2023, 4, 1)),
    ]
    assert (first["primary_fuel"], first["description_count"], first["hour_count"]) == ("Natural Gas", 2, 40)
    assert (first["first_hour_local"], first["last_hour_local"]) == (datetime(2023, 1, 1), datetime(2023, 3, 31, 19))
    assert (second["description_count"], second["hour_count"]) == (1, 20)
    assert (piece.rows_read, piece.rows_duplicate, len(piece.rejects)) == (61, 58, 1)


def test_a_unit_that_another_edition_says_is_another_thing_is_told_with_both(place, load, shared_session_without_spark):
    place.put(KEY, file_of(line(0), line(0, unit="2")))
    load(TABLE, ALL)
    assert place.rows(KNOWN) == [
        (unit_id, "Natural Gas", date(2023, 1, 1), datetime(2023, 1, 1), datetime(2023, 1, 1)) for unit_id in "12"
    ]

    later = KEY.replace("2024-02-01_2024-02", "2024-06-01_2024-06")
    place.put(later, file_of(*burning("Coal", line(0)), line(0, unit="2")))
    found, counts = load(TABLE, ALL)

    assert (found.new, found.outranked, counts["rows_loaded"]) == (1, 1, 2)
    assert [row[:2] for row in place.rows(KNOWN)] == [("1", "Coal"), ("2", "Natural Gas")]
    ((observed, message),) = place.rows(
        "SELECT observed, message FROM etl_quality WHERE check_name = 'units_as_they_were' AND NOT passed"
    )
    assert observed == 1
    assert "Such as 260 1: CA / Natural Gas / CC / - / SCR to CA / Coal / CC / - / SCR." in message
