"""Workbooks as openpyxl writes them, for tests."""

from io import BytesIO

from openpyxl import Workbook


def workbook(**sheets):
    """Write a workbook: by sheet its rows, of texts, numbers, dates and nothing."""
    book, body = Workbook(), BytesIO()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(body)
    return body.getvalue()
