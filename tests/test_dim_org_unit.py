"""The organisation: what each line becomes, and what is refused."""

import pytest
from conftest import FIXTURES
from workbooks import workbook

from jobs.errors import ContractError
from jobs.tables import dim_org_unit as table
from jobs.transform import SourceObject

TABLE, ALL = "dim_org_unit", (None, None)
LATER = "emissions/org_units/2024-08-01_fy2024/org_units.csv"
HEADER = "Cost Object,Fiscal Year,Department Id,Department,School or Area,Head Count\n"


def parsed(body):
    (piece,) = table.transform(SourceObject.of(body, {"edition": "x", "published_on": "2024-08-01"}, "org_units"))
    return piece


def test_a_line_that_cannot_be_read_is_refused_where_it_stands():
    lines = ["1,2023,D,Dep,School,5", "1,2023,D,Dep,School,6", "2,FY23,D,Dep,School,1", ",2023,D,Dep,School,1"]
    piece = parsed((HEADER + "\n".join([*lines, "3,2023,D,Dep,School,-1", "4,2023,D,Dep"])).encode())

    assert [(reject.line, reject.column, reject.reason) for reject in piece.rejects] == [
        (3, "cost_object", "1 stands in 2023 before, with other values"),
        (4, "fiscal_year", "'FY23' is no year"),
        (5, "cost_object", "is empty"),
        (6, "head_count", "-1 is below zero"),
        (7, None, "has 4 cells, and there are 6 columns"),
    ]
    assert (piece.rows_read, piece.rows.num_rows) == (6, 1)


def test_a_fault_of_a_workbook_is_told_with_its_sheet():
    book = workbook(Units=[HEADER.strip().split(","), [7, 2023, "D", "Dep", "School", "many"]])

    assert [(reject.line, reject.column) for reject in parsed(book).rejects] == [(2, "Units!head_count")]


def test_an_edition_goes_through_the_four_steps_once_and_may_not_lose_a_cost_object(place, load):
    place.put_fixtures()
    found, published = load(TABLE, ALL)
    again, nothing = load(TABLE, ALL)

    assert (found.new, published["rows_loaded"], published["rows_duplicate"]) == (2, 5, 1)
    assert (again.unchanged, nothing) == (2, None)
    physics = "FROM dim_org_unit WHERE department_id = 'D_PHYS' GROUP BY fiscal_year ORDER BY fiscal_year"
    assert place.rows(f"SELECT fiscal_year, SUM(head_count) AS n {physics}") == [(2023, 100.0), (2024, 100.0)]

    lacking = (FIXTURES / TABLE / LATER).read_text().partition("1000200")[0]
    place.put(LATER.replace("2024-08-01_fy2024", "2024-11-01_fy2024b"), lacking.encode())
    with pytest.raises(ContractError, match="none_lost: 1, must be = 0. Cost objects that an earlier edition has"):
        load(TABLE, ALL)


def test_a_department_of_two_schools_in_one_year_is_refused(place, load):
    place.put(LATER, (HEADER + "1,2023,D,Dep,Science,1\n2,2023,D,Dep,Arts,1\n").encode())

    with pytest.raises(ContractError, match="one_name_per_department: 1, must be = 0"):
        load(TABLE, ALL)
