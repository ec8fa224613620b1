"""Tables of an office: found by their headers in CSV, parquet and workbooks, and read alike."""

import zipfile
from datetime import date
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workbooks import workbook

from jobs import headers, sheets
from jobs.errors import SourceError

HEADERS = {"day": ("Sent for Payment Date",), "amount": ("Expense Amount (reimbursement currency)", "amount_usd")}
MORE = {"note": ("Note",)}
ROWS = [
    ["Sent for Payment  date", "amount_usd", "Note"],
    [date(2023, 1, 31), 12.5, "a, b"],
    [date(2023, 2, 1), 1000, None],
]
SAID = [("2023-01-31", "12.5", "a, b"), ("2023-02-01", "1000", "")]


def parquet():
    columns = {"amount_usd": ["12.5", "1000"], "Note": ["a, b", None]}
    days = pa.array([date(2023, 1, 31), date(2023, 2, 1)])
    body = BytesIO()
    pq.write_table(pa.table({"Sent for Payment Date": days, **columns}), body)
    return body.getvalue()


BODIES = {
    "csv": b'\xef\xbb\xbfSent for Payment Date,amount_usd,Note\r\n2023-01-31,12.5,"a, b"\r\n2023-02-01,1000,\r\n',
    "parquet": parquet(),
    "xlsx": workbook(Lines=ROWS),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_table_says_the_same_in_every_format(body):
    read = list(sheets.lines(body, HEADERS, MORE))

    assert [(line.cells["day"], line.cells["amount"], line.cells["note"]) for line in read] == SAID
    assert [line.number for line in read] == [2, 3]


def test_titles_above_columns_moved_and_sheets_of_other_things_do_not_matter():
    moved = [["Travel, all departments"], [], ["Note", "Extra", "AMOUNT_USD", "Sent for Payment Date"]]
    book = workbook(Readme=[["See the other sheets"]], Q1=[*moved, [None, 7, 12.5, date(2023, 1, 31)]], Q2=ROWS)

    read = list(sheets.lines(book, HEADERS, MORE))

    assert [(line.sheet, line.number, line.cells["amount"]) for line in read] == [
        ("Q1", 4, "12.5"),
        ("Q2", 2, "12.5"),
        ("Q2", 3, "1000"),
    ]


def test_a_column_that_may_be_missing_is_empty_then():
    (line,) = sheets.lines(b"Sent for Payment Date,amount_usd\n2023-01-31,1\n", HEADERS, MORE)

    assert line.cells == {"day": "2023-01-31", "amount": "1", "note": ""}


def test_a_line_of_another_length_has_a_fault_and_no_cells():
    read = list(sheets.lines(b"Sent for Payment Date,amount_usd\n2023-01-31,1,000\n2023-02-01,2\n", HEADERS, MORE))

    assert [(line.number, line.fault) for line in read] == [(2, "has 3 cells, and there are 2 columns"), (3, None)]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "has no row with the headers Sent for Payment Date, .*; the first is empty"),
        (b"<html>Sign in</html>\n", "has no row with the headers .*; the first is <html>Sign in</html>"),
        (workbook(Sheet1=[["Date", "Amount"]]), "has no row with the headers .*; the first is Date, Amount"),
        (b"amount_usd,amount_usd,Sent for Payment Date\n", "amount_usd 2 times"),
        (b"\xff\xfe\x00", "is neither CSV in UTF-8 nor parquet nor a workbook"),
        (BODIES["xlsx"][:300], "is no workbook that can be read"),
        (BODIES["parquet"][:60], "is damaged parquet"),
    ],
    ids=["empty", "a page", "other headers", "twice", "bytes", "half a workbook", "half a parquet"],
)
def test_what_has_no_such_table_is_refused(body, sentence):
    with pytest.raises(SourceError, match=sentence):
        list(sheets.lines(body, HEADERS, MORE))


def test_a_workbook_with_entities_is_refused():
    body = BytesIO(BODIES["xlsx"])
    with zipfile.ZipFile(body, "a") as parts:
        parts.writestr("xl/more.xml", "<!DOCTYPE sst [<!ENTITY a 'b'>]><sst>&a;</sst>")

    with pytest.raises(SourceError, match=r"whose xl/more.xml has a document type"):
        list(sheets.lines(body.getvalue(), HEADERS, MORE))


THREE = {"day": ("Day",), "amount": ("Amount",), "what": ("Item",)}
GOOD = [["Day", "Amount", "Item"], [date(2023, 1, 31), 5, "Taxi"]]


def test_a_sheet_that_has_most_of_the_headers_is_refused_and_not_skipped():
    book = workbook(Q1=GOOD, Q2=[["Expenses"], ["Day", "Expense Amt", "Item"], [date(2023, 4, 1), 500, "Taxi"]])

    with pytest.raises(SourceError, match="sheet Q2 whose row 2 has headers of the table, and not Amount"):
        list(sheets.lines(book, THREE, {}))
    # One of three is a sheet of something else.
    summary = workbook(Q1=GOOD, Sums=[["Item", "Sum"], ["Taxi", 5]])
    assert [line.sheet for line in sheets.lines(summary, THREE, {})] == ["Q1"]


TWO = {"what": ("Mode",), "count": ("Count", "Riders")}


def test_a_sheet_whose_header_is_misspelt_is_refused_with_the_header_that_it_almost_is():
    good = [["Mode", "Count"], ["car", 5]]
    book = workbook(Spring=good, Autumn=[["Survey"], ["Mode", "Counts"], ["car", 500]])

    sentence = r"sheet Autumn whose row 2 has headers of the table, and not Count or Riders \(Counts is almost that\)$"
    with pytest.raises(SourceError, match=sentence):
        list(sheets.lines(book, TWO, {}))
    # Of a table with one header that is all there is.
    with pytest.raises(SourceError, match=r"sheet Autumn whose row 1 .* and not Drove alone \(Drive alone is almost"):
        list(
            sheets.lines(
                workbook(Spring=[["Drove alone"], [1]], Autumn=[["Drive alone"], [9]]), {"car": ("Drove alone",)}, {}
            )
        )
    with pytest.raises(SourceError, match=r"sheet Autumn whose row 1 .* not Count or Riders \(Count: is almost that\)"):
        list(sheets.lines(workbook(Spring=good, Autumn=[["Mode", "Count:", "Miles"], ["car", 500, 5]]), TWO, {}))
    # A hyphen is a space.
    (line,) = sheets.lines(b"Drove-alone\n1\n", {"car": ("Drove alone",)}, {})
    assert line.cells == {"car": "1"}
    with pytest.raises(SourceError, match=r"no table: its row 1 .* and not Mode \(Modes is almost that\)"):
        list(sheets.lines(b"Modes,Count\ncar,5\n", TWO, {}))
    # A sheet with one of two and nothing that is near the other is something else.
    assert [
        line.sheet for line in sheets.lines(workbook(Q=good, Key=[["Mode", "Means"], ["car", "a car"]]), TWO, {})
    ] == ["Q"]


@pytest.mark.parametrize("label", ["Drove alone %", "Drove alone:", "Drove alone (car)", "Drove a lot"])
def test_a_sheet_with_a_cell_that_is_like_the_one_header_is_something_else(label):
    book = workbook(Spring=[["Drove alone"], [1]], Key=[[label], [9]])

    assert [line.sheet for line in sheets.lines(book, {"car": ("Drove alone",)}, {})] == ["Spring"]


@pytest.mark.parametrize(
    "header", ["Cost Objects", "CostObject", "Cost Objcet", "Cots Object", "Cost-Objct", "Cost Ubject"]
)
def test_a_header_with_one_letter_or_space_too_many_too_few_or_wrong_is_misspelt(header):
    for wanted, more in (({**TWO, "unit": ("Cost Object",)}, {}), (TWO, {"unit": ("Cost Object",)})):
        with pytest.raises(SourceError, match="almost"):
            list(sheets.lines(f"Mode,Count,{header}\ncar,5,7\n".encode(), wanted, more))


def test_a_column_that_need_not_be_there_and_is_misspelt_is_refused_and_not_passed_over():
    body = b"Mode,Count,Curency,Comments\ncar,5,EUR,x\n"

    with pytest.raises(
        SourceError, match="would not be read: Curency, which is almost currency; call it that, or by an"
    ):
        list(sheets.lines(body, TWO, {"currency": ("currency",)}))
    book = workbook(Spring=[["Mode", "Count"]], Autumn=[["Mode", "Count", "Curency"]])
    with pytest.raises(
        SourceError, match="has a sheet Autumn that has a column that would not be read: Curency, which"
    ):
        list(sheets.lines(book, TWO, {"currency": ("currency",)}))
    (line,) = sheets.lines(body.replace(b"Curency", b"Currency"), TWO, {"currency": ("currency",)})
    assert line.cells["currency"] == "EUR"


@pytest.mark.parametrize("is_workbook", [True, False])
def test_a_table_begins_anew_where_its_headers_stand_again(is_workbook):
    told = [["Mode", "Count"], ["car", "5"], ["Count", "Mode"], ["7", "bus"]]
    body = workbook(Q=told) if is_workbook else "".join(",".join(row) + "\n" for row in told).encode()

    read = list(sheets.lines(body, TWO, {}))

    assert [(line.number, line.cells["what"], line.cells["count"]) for line in read] == [
        (2, "car", "5"),
        (4, "bus", "7"),
    ]


def test_a_column_that_may_not_be_there_is_refused_with_its_name():
    body = b"Day,Amount,Item,Amount by rail,\n2023-01-31,1,Taxi,7,\n"

    with pytest.raises(SourceError, match="columns that are not known, .*: Amount by rail$"):
        list(sheets.lines(body, THREE, headers.ONLY))
    (line,) = sheets.lines(body, THREE, {"rail": ("amount by rail",)} | headers.ONLY)
    assert line.cells["rail"] == "7"


def test_a_sheet_with_several_columns_of_such_a_table_is_that_table():
    more = {"amount": ("Amount",), "what": ("Item",)} | headers.ONLY
    book = workbook(Q1=GOOD, Q2=[["Date", "Amount", "Item"], [date(2023, 4, 1), 5, "Taxi"]])

    with pytest.raises(SourceError, match="sheet Q2 whose row 1 has headers of the table, and not Day"):
        list(sheets.lines(book, {"day": ("Day",)}, more))
