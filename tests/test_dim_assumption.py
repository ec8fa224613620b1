"""Assumptions: numbers and choices by year, each version whole."""

import pytest
from conftest import FIXTURES

from jobs.errors import ContractError, SourceError
from jobs.tables import dim_assumption as table
from jobs.transform import SourceObject

TABLE, ALL = "dim_assumption", (None, None)
FIRST = "emissions/assumptions/2026-01-20_2026.1/assumptions.csv"
HEADER = "name,valid_for,value,unit,source,source_year\n"


def parsed(*lines):
    body = (HEADER + "\n".join(lines)).encode()
    (piece,) = table.transform(SourceObject.of(body, {"edition": "1", "published_on": "2026-01-20"}, "assumptions"))
    return piece


def test_a_number_and_a_choice_are_read_as_what_they_are():
    rows = parsed("cpi_edition,all,2025,choice,BLS,", "reply_rate,2023,0.33,share,survey,2023").rows.to_pylist()

    assert [(row["value"], row["choice"], row["valid_for"]) for row in rows] == [
        (None, "2025", "all"),
        (0.33, None, "2023"),
    ]


def test_notes_are_a_note():
    body = HEADER.replace("\n", ",Notes\n") + "reply_rate,2023,0.33,share,survey,2023,of all staff\n"

    (piece,) = table.transform(
        SourceObject.of(body.encode(), {"edition": "1", "published_on": "2026-01-20"}, "assumptions")
    )

    assert piece.rows["note"].to_pylist() == ["of all staff"]


def test_a_line_that_cannot_be_read_is_refused_where_it_stands():
    piece = parsed(
        "a,all,1.2,share,x,",
        "a,all,0.2,share,,",
        "a,often,0.2,share,x,",
        "a,all,a fifth,share,x,",
        "a,all,0.2,share,x,lately",
        "a,all,0.2,share,x,",
        "a,all,0.3,share,x,",
    )

    assert [(reject.line, reject.column, reject.reason) for reject in piece.rejects] == [
        (2, "value", "1.2 is not from 0 to 1"),
        (3, "source", "is empty"),
        (4, "valid_for", "'often' is neither a year nor all"),
        (5, "value", "'a fifth' is no number"),
        (6, "source_year", "'lately' is no year"),
        (8, "name", "a stands for all before"),
    ]
    assert (piece.rows_read, piece.rows.num_rows) == (7, 1)


def test_the_parts_of_a_split_are_no_more_than_the_whole_in_any_year():
    split = ["transit_split_bus,all,0.5,share,x,", "transit_split_subway,all,0.5,share,x,"]

    assert parsed(*split).rows.num_rows == 2
    with pytest.raises(SourceError, match="has parts of transit_split for 2021 that come to 1.1, which is more than"):
        parsed(*split, "transit_split_bus,2021,0.6,share,x,")


def test_versions_stand_beside_one_another_and_a_later_one_has_what_they_have(place, load):
    place.put_fixtures()
    load(TABLE, ALL)

    rates = "SELECT edition, value FROM dim_assumption WHERE name = 'reply_rate' ORDER BY published_on"
    assert place.rows(rates) == [("2026.1", 0.5), ("2026.2", 0.4)]

    lacking = (FIXTURES / TABLE / FIRST).read_text().replace("remote_share", "remote")
    place.put(FIRST.replace("2026-01-20_2026.1", "2026-04-01_2026.3"), lacking.encode())
    with pytest.raises(ContractError, match="none_lost: 2, must be = 0. Assumptions of earlier versions that a later"):
        load(TABLE, ALL)
