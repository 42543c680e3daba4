#!/usr/bin/env python3
"""Writes the workbooks of signers that tests read, each as another program writes it.

Run with openpyxl and XlsxWriter installed: python3 tests/workbooks/make.py
Excel's variant is written by XlsxWriter, which follows Excel byte by byte; the others are put together here as
LibreOffice, Google Sheets and programs of .NET write them.
"""
import datetime
import pathlib
import zipfile

import openpyxl
import xlsxwriter

HERE = pathlib.Path(__file__).parent
DAY = datetime.date(2026, 3, 31)
MOMENT = datetime.datetime(2026, 3, 31, 18, 5, 22)


def excel():
    """A title, an empty row, a merged cell, numbers with formats, formulas, a hidden sheet before it."""
    book = xlsxwriter.Workbook(HERE / "excel.xlsx", {"default_date_format": "dd/mm/yy"})
    book.set_properties({"created": datetime.datetime(2026, 1, 1)})
    hidden = book.add_worksheet("Lookup")
    hidden.write_row(0, 0, ["Email", "Name"])
    hidden.write_row(1, 0, ["hidden@example.org", "Hidden"])
    notes = book.add_worksheet("Read me")
    notes.write(0, 0, "Signers of the rally")
    sheet = book.add_worksheet("Signers")
    sheet.activate()
    hidden.hide()
    zip_code = book.add_format({"num_format": "00000"})
    phone = book.add_format({"num_format": '[<=9999999]###\\-####;\\(###\\)\\ ###\\-####'})
    plain_phone = book.add_format({"num_format": "0"})
    day = book.add_format({"num_format": "d-mmm-yy"})
    moment = book.add_format({"num_format": "yyyy\\-mm\\-dd\\ hh:mm"})
    sheet.merge_range(0, 0, 0, 6, "Signatures from the rally")
    header = ["Email", "First Name", "Phone", "Postal Code", "Country", "Signed On", "Updates"]
    sheet.write_row(2, 0, header)
    sheet.write_row(3, 0, ["ana@example.org", "Ana"])
    sheet.write_number(3, 2, 14165550142, plain_phone)
    sheet.write_number(3, 3, 2139, zip_code)
    sheet.write_row(3, 4, ["United States"])
    sheet.write_datetime(3, 5, DAY, day)
    sheet.write_boolean(3, 6, True)
    bold = book.add_format({"bold": True})
    sheet.write_rich_string(5, 0, bold, "bo", "@example.org")
    sheet.write_formula(5, 1, '=UPPER("bo")', None, "BO")
    sheet.write_number(5, 2, 4165550143, phone)
    sheet.write_string(5, 3, "M5V 3L9")
    sheet.write_string(5, 4, "Canada")
    sheet.write_datetime(5, 5, MOMENT, moment)
    sheet.write_formula(5, 6, "=NA()", None, "#N/A")
    sheet.write_string(6, 0, "cy@example.org")
    sheet.write_string(6, 1, "‫مريم‬ & <b> _x000D_\nਹਰਪ੍ਰੀਤ 🌸")
    book.close()


def python():
    """As scripts write it with openpyxl: texts in cells, formulas without values, days."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Liste"
    sheet.append(["Courriel", "Prénom", "Téléphone", "Code postal", "Date"])
    sheet.append(["zoe@example.org", "Zoé", 5145550100, "H2X 1Y4", MOMENT])
    sheet.append([None, None, None, None, None])
    sheet.append(["noor@example.org", "Noor", "=1+1", 75011, DAY])
    book.save(HERE / "python.xlsx")


def package(name, parts):
    with zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in parts.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)


XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relations(*entries):
    each = "".join(
        f'<Relationship Id="{id}" Type="{OFFICE}/{kind}" Target="{target}"/>' for id, kind, target in entries
    )
    return f'{XML}<Relationships xmlns="{RELATIONS}">{each}</Relationships>'


def shared(*texts):
    each = "".join(f"<si><t>{text}</t></si>" for text in texts)
    return f'{XML}<sst xmlns="{MAIN}" count="{len(texts)}" uniqueCount="{len(texts)}">{each}</sst>'


def google():
    """Google Sheets, a form's answers: numbers with .0 and exponents, absolute targets."""
    styles = f"""{XML}<styleSheet xmlns="{MAIN}"><numFmts count="1"><numFmt numFmtId="164"
 formatCode="M/d/yyyy H:mm:ss"/></numFmts><cellStyleXfs count="1"><xf numFmtId="0"/></cellStyleXfs><cellXfs count="2">
<xf numFmtId="0" xfId="0"/><xf numFmtId="164" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>"""
    sheet = f"""{XML}<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheetPr/><sheetViews/><sheetData>
<row r="1"><c r="A1" s="0" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>
<row r="2"><c r="A2" s="1"><v>46112.753727</v></c><c r="B2" s="0" t="s"><v>3</v></c>
<c r="C2" s="0"><v>4.165550142E9</v></c></row>
<row r="3"><c r="A3" s="1"><v>46113.0</v></c><c r="B3" s="0" t="str"><f>CONCATENATE("c","y@example.org")</f>
<v>cy@example.org</v></c><c r="C3" s="0"/></row></sheetData></worksheet>"""
    package(
        "google.xlsx",
        {
            "xl/worksheets/sheet1.xml": sheet,
            "xl/sharedStrings.xml": shared(
                "Horodateur", "Adresse e-mail", "Numéro de téléphone", "dee@example.org"
            ),
            "xl/styles.xml": styles,
            "xl/workbook.xml": f"""{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr/><sheets>
<sheet state="visible" name="Réponses au formulaire 1" sheetId="1" r:id="rId3"/></sheets></workbook>""",
            "_rels/.rels": relations(("rId1", "officeDocument", "xl/workbook.xml")),
            "xl/_rels/workbook.xml.rels": relations(
                ("rId1", "styles", "/xl/styles.xml"),
                ("rId2", "sharedStrings", "/xl/sharedStrings.xml"),
                ("rId3", "worksheet", "/xl/worksheets/sheet1.xml"),
            ),
        },
    )


def libreoffice():
    """LibreOffice: days from 1904, many attributes, formatted cells to the last row."""
    styles = f"""{XML}<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="General"/>
<numFmt numFmtId="165" formatCode="[$-40C]d&quot; &quot;mmmm\\ yyyy"/></numFmts><cellXfs count="2">
<xf numFmtId="164" applyFont="false"/><xf numFmtId="165"/></cellXfs></styleSheet>"""
    sheet = f"""{XML}<worksheet xmlns="{MAIN}"><sheetPr filterMode="false"/><dimension ref="A1:C1048576"/>
<cols><col collapsed="false" customWidth="true" hidden="false" max="1025" min="1" style="0"/></cols><sheetData>
<row r="1" customFormat="false" ht="12.8" hidden="false"><c r="A1" s="0" t="s"><v>0</v></c><c r="B1" s="0" t="s">
<v>1</v></c><c r="C1" s="0" t="s"><v>2</v></c></row>
<row r="2" customFormat="false" ht="12.8"><c r="A2" s="0" t="s"><v>3</v></c><c r="B2" s="1" t="n"><v>44650</v></c>
<c r="C2" s="0" t="n"><f aca="false">70000+5011</f><v>75011</v></c></row>
<row r="1048576" customFormat="false" ht="12.8"><c r="A1048576" s="0"/></row></sheetData></worksheet>"""
    package(
        "libreoffice.xlsx",
        {
            "[Content_Types].xml": f'{XML}<Types xmlns="{RELATIONS.replace("relationships", "content-types")}"/>',
            "_rels/.rels": relations(("rId1", "officeDocument", "xl/workbook.xml")),
            "xl/_rels/workbook.xml.rels": relations(
                ("rId1", "styles", "styles.xml"),
                ("rId2", "worksheet", "worksheets/sheet1.xml"),
                ("rId3", "sharedStrings", "sharedStrings.xml"),
            ),
            "xl/workbook.xml": f"""{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="true"
 showObjects="all"/><sheets><sheet name="Feuille1" sheetId="1" state="visible" r:id="rId2"/></sheets></workbook>""",
            "xl/styles.xml": styles,
            "xl/sharedStrings.xml": shared("Courriel", "Date", "Code postal", "eli@example.org"),
            "xl/worksheets/sheet1.xml": sheet,
        },
    )


def dotnet():
    """Names with a prefix, cells without places, texts in the cells, the strict variant's URIs."""
    strict = "http://purl.oclc.org/ooxml/officeDocument/relationships"
    sheet = f"""{XML}<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData><x:row><x:c
 t="inlineStr"><x:is><x:t>Correo electrónico</x:t></x:is></x:c><x:c t="inlineStr"><x:is><x:t>Nombre</x:t></x:is></x:c>
</x:row><x:row><x:c t="inlineStr"><x:is><x:r><x:t>fay@</x:t></x:r><x:r><x:t>example.org</x:t></x:r><x:rPh sb="0" eb="1">
<x:t>reading</x:t></x:rPh></x:is></x:c><x:c t="str"><x:v>Fay &amp; &#x41;l</x:v></x:c></x:row></x:sheetData></x:worksheet>"""
    book = f"""{XML}<x:workbook xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main" xmlns:r="{strict}"><x:sheets>
<x:sheet name="Hoja1" sheetId="1" r:id="R1"/></x:sheets></x:workbook>"""
    package(
        "dotnet.xlsx",
        {
            "_rels/.rels": relations(("R0", "officeDocument", "/xl/Workbook.xml")).replace(OFFICE, strict),
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": relations(("R1", "worksheet", "/xl/worksheets/Sheet.xml")).replace(
                OFFICE, strict
            ),
            "xl/worksheets/sheet.xml": sheet,
        },
    )


for make in [excel, python, google, libreoffice, dotnet]:
    make()
