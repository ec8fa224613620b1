"""Tables of an office: found by their headers in CSV, parquet and workbooks, and read alike."""

import zipfile
from datetime import date
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workbooks import workbook

from jobs import sheets
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
