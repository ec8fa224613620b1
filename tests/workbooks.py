"""Workbooks as spreadsheets write them, for tests: shared texts, dates as styled numbers, cells left out."""

import zipfile
from datetime import date
from io import BytesIO
from xml.sax.saxutils import escape

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(**sheets):
    """Write a workbook: by sheet its rows, of texts, numbers, dates and nothing."""
    texts = []

    def cell(row, column, value):
        place = f'r="{chr(ord("A") + column)}{row}"'
        if value is None:
            return ""
        if isinstance(value, date):
            return f'<c {place} s="1"><v>{(value - date(1899, 12, 30)).days}</v></c>'
        if isinstance(value, str):
            texts.append(value)
            return f'<c {place} t="s"><v>{len(texts) - 1}</v></c>'
        return f"<c {place}><v>{value}</v></c>"

    body = BytesIO()
    with zipfile.ZipFile(body, "w") as parts:
        listed = relations = ""
        for number, (name, rows) in enumerate(sheets.items(), start=1):
            written = "".join(
                f'<row r="{row}">{"".join(cell(row, column, value) for column, value in enumerate(values))}</row>'
                for row, values in enumerate(rows, start=1)
            )
            parts.writestr(
                f"xl/worksheets/s{number}.xml", f"<worksheet {MAIN}><sheetData>{written}</sheetData></worksheet>"
            )
            listed += f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
            relations += f'<Relationship Id="rId{number}" Target="worksheets/s{number}.xml"/>'
        parts.writestr(
            "xl/workbook.xml", f'<workbook {MAIN} xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>'
        )
        parts.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{relations}</Relationships>")
        shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
        parts.writestr("xl/sharedStrings.xml", f"<sst {MAIN}>{shared}</sst>")
        styles = f'<styleSheet {MAIN}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
        parts.writestr("xl/styles.xml", styles)
    return body.getvalue()
