"""The price index: what each line becomes, and what is said of years that are not whole."""

import os
from pathlib import Path

import pytest
from conftest import FIXTURES

from jobs.errors import ContractError, SourceError
from jobs.tables import dim_price_index as table
from jobs.transform import SourceObject

TABLE, ALL = "dim_price_index", (None, None)
KEY = "emissions/cpi/2026-01-13_2025-12/cpi.csv"
HEADER = "series_id,year,period,value\n"
DATA = Path(os.environ.get("SUNLEDGER_DATA", "/nonexistent"), "emissions/cpi_CUUR0000SA0_all_periods.csv")


def parsed(*lines):
    body = (HEADER + "\n".join(lines)).encode()
    (piece,) = table.transform(SourceObject.of(body, {"edition": "x", "published_on": "2026-01-13"}, "cpi"))
    return piece


def test_a_line_that_cannot_be_read_is_refused_where_it_stands():
    piece = parsed(
        "A,2023,M01,100", "A,2023,M14,100", "A,23,M01,100", "A,2023,M02,1e400", "A,2023,M01,100", "A,2023,M01,9"
    )

    assert [(reject.line, reject.column, reject.reason) for reject in piece.rejects] == [
        (3, "period", "'M14' is no month, half year or year"),
        (4, "year", "'23' is no year"),
        (5, "value", "'1e400' is no number"),
        (7, "value", "differs from 100, which the file says of the same period before"),
    ]
    assert (piece.rows_read, piece.rows.num_rows, piece.rows_duplicate) == (6, 1, 1)


def test_half_years_are_no_months():
    rows = parsed("A,2023,S01,100", "A,2023,M01,100").rows.to_pylist()

    assert [(row["period"], row["month"], row["months_present"]) for row in rows] == [("S01", None, 1), ("M01", 1, 1)]


def test_another_file_is_refused():
    with pytest.raises(SourceError, match="lacks the columns period; it has series_id, year, value"):
        list(table.transform(SourceObject.of(b"series_id,year,value\n", {}, "cpi")))


def fixture():
    return (FIXTURES / TABLE / KEY).read_text()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace("2024,M13,250.0", "2024,M13,see note"), "no_rejects: 1, must be = 0"),
        (lambda text: text.replace(",2023,", ",2018,"), "years_without_a_gap: 3, must be = 0"),
        (lambda text: text.partition("\n")[0] + "\n", "some_rows: 0, must be > 0"),
    ],
)
def test_what_is_not_an_index_is_refused_in_check(place, load, change, sentence):
    place.put(KEY, change(fixture()).encode())

    with pytest.raises(ContractError, match=sentence):
        load(TABLE, ALL)


def test_a_newer_edition_stands_beside_the_older_and_may_not_have_less(place, load):
    place.put(KEY, fixture().encode())
    load(TABLE, ALL)
    late = "(is_annual AND year > 2022) OR year > 2025"
    known = f"SELECT year, value, edition FROM view_price_index WHERE {late} ORDER BY year"
    assert place.rows(known) == [(2023, 200.0, "2025-12"), (2024, 250.0, "2025-12")]
    lacking = KEY.replace("2026-01-13_2025-12", "2026-02-11_2026-01")
    place.put(lacking, fixture().partition("CUUR0000SA0,2025")[0].encode())

    with pytest.raises(
        ContractError, match="none_lost: 2, must be = 0. Values of earlier editions that a later one lacks"
    ):
        load(TABLE, ALL)

    corrected = fixture().replace("2024,M13,250.0", "2024,M13,251.0") + "CUUR0000SA0,2026,M01,270.0,\n"
    place.put(lacking, corrected.encode())
    load(TABLE, ALL)

    assert place.rows(known) == [(2023, 200.0, "2026-01"), (2024, 251.0, "2026-01"), (2026, 270.0, "2026-01")]
    in_january = (
        "SELECT value FROM dim_price_index WHERE year = 2024 AND is_annual AND published_on <= DATE '2026-01-31'"
    )
    assert place.rows(in_january) == [(250.0,)]


@pytest.mark.skipif(not DATA.is_file(), reason="set SUNLEDGER_DATA to a folder with BLS' published index")
def test_the_real_index_has_2025_with_eleven_months(place, load):
    place.put(KEY, DATA.read_bytes())
    load(TABLE, ALL)

    annual = place.rows(
        "SELECT year, value, months_present FROM dim_price_index WHERE is_annual AND year >= 2019 ORDER BY year"
    )
    assert annual == [
        (2019, 255.657, 12),
        (2020, 258.811, 12),
        (2021, 270.970, 12),
        (2022, 292.655, 12),
        (2023, 304.702, 12),
        (2024, 313.689, 12),
        (2025, 321.943, 11),
    ]
    assert place.rows(
        "SELECT observed FROM etl_quality WHERE check_name = 'years_of_twelve_months' AND severity = 'warning'"
    ) == [(1.0,)]
