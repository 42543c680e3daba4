//! Workbooks as programs write them (`tests/workbooks/make.py`), and as nobody should.

use std::io::{Cursor, Write};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::petitions::csv_reader::{ReadResult, read_rows};

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// The sheet, its columns joined by `|`, and its rows as `number:cell|cell` or `number!code`.
fn told(file: &[u8]) -> Result<(String, String, Vec<String>)> {
    let (mut format, mut stored) = (None, Vec::new());
    read_workbook(file, 4 * 1024 * 1024, |piece| {
        match piece {
            SheetPiece::Format(found) => format = Some(found),
            SheetPiece::Rows(rows) => stored.extend(rows),
            SheetPiece::Facts(_) => {}
        }
        Ok(())
    })?;
    let (mut rows, mut at) = (Vec::new(), 0);
    while let ReadResult::Rows { rows: more, used, is_last } = read_rows(&stored[at..], true)? {
        rows.extend(more.into_iter().map(|row| match row.cells {
            Ok(cells) => format!("{}:{}", row.number, cells.join("|")),
            Err(code) => format!("{}!{code}", row.number),
        }));
        at += used.get();
        if is_last {
            break;
        }
    }
    let format = format.expect("a format");
    Ok((format.sheet.expect("a sheet"), format.columns.join("|"), rows))
}

#[track_caller]
fn check(file: &[u8], sheet: &str, columns: &str, rows: &[&str]) {
    let rows = rows.iter().map(|row| (*row).to_owned()).collect();
    assert_eq!(told(file).unwrap(), (sheet.to_owned(), columns.to_owned(), rows));
}

#[track_caller]
fn refused(file: &[u8], reason: &str) {
    match told(file) {
        Err(error) => assert!(format!("{error:?}").contains(reason), "{reason}: {error:?}"),
        Ok(told) => panic!("{reason}: {told:?}"),
    }
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in parts {
        writer.start_file(*path, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A workbook with sheets `name, attributes, rows` and shared texts.
fn workbook(sheets: &[(&str, &str, &str)], texts: &str) -> Vec<u8> {
    let mut list = Vec::new();
    let texts_at = format!("<Relationship Id=\"s\" Type=\"{OFFICE}/sharedStrings\" Target=\"sharedStrings.xml\"/>");
    let mut relations = vec![texts_at];
    let mut parts = Vec::new();
    for (number, (name, attributes, rows)) in sheets.iter().enumerate() {
        list.push(format!("<sheet name=\"{name}\" r:id=\"r{number}\" {attributes}/>"));
        relations.push(format!(
            "<Relationship Id=\"r{number}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
        ));
        let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{number}.xml"), sheet));
    }
    let (list, relations) = (list.concat(), relations.concat());
    let list = format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{list}</sheets></workbook>");
    parts.push(("xl/workbook.xml".to_owned(), list));
    parts.push(("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{relations}</Relationships>")));
    parts.push(("xl/sharedStrings.xml".to_owned(), texts.to_owned()));
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(path, part)| (path.as_str(), part.as_bytes())).collect();
    archive(&parts)
}

/// A row of texts.
fn row(number: usize, cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!("<c t=\"str\"><v>{cell}</v></c>")).collect();
    format!("<row r=\"{number}\">{}</row>", cells.concat())
}

#[test]
fn workbooks_as_programs_write_them() {
    check(
        include_bytes!("../../../../tests/workbooks/excel.xlsx"),
        "Signers",
        "Email|First Name|Phone|Postal Code|Country|Signed On|Updates",
        &[
            "4:ana@example.org|Ana|14165550142|02139|United States|2026-03-31|TRUE",
            "6:bo@example.org|BO|4165550143|M5V 3L9|Canada|2026-03-31 18:05:22|#N/A",
            "7:cy@example.org|\u{202b}مريم\u{202c} & <b> _x000D_\nਹਰਪ੍ਰੀਤ 🌸|||||",
        ],
    );
    check(
        include_bytes!("../../../../tests/workbooks/python.xlsx"),
        "Liste",
        "Courriel|Prénom|Téléphone|Code postal|Date",
        &["2:zoe@example.org|Zoé|5145550100|H2X 1Y4|2026-03-31 18:05:22", "4:noor@example.org|Noor||75011|2026-03-31"],
    );
    check(
        include_bytes!("../../../../tests/workbooks/google.xlsx"),
        "Réponses au formulaire 1",
        "Horodateur|Adresse e-mail|Numéro de téléphone",
        &["2:2026-03-31 18:05:22|dee@example.org|4165550142", "3:2026-04-01 00:00:00|cy@example.org|"],
    );
    check(
        include_bytes!("../../../../tests/workbooks/libreoffice.xlsx"),
        "Feuille1",
        "Courriel|Date|Code postal",
        &["2:eli@example.org|2026-03-31|75011"],
    );
    check(
        include_bytes!("../../../../tests/workbooks/dotnet.xlsx"),
        "Hoja1",
        "Correo electrónico|Nombre",
        &["2:fay@example.org|Fay & Al"],
    );
}

#[test]
fn the_sheet_with_the_signers_is_found() {
    let notes = row(1, &["Notes", "and more"]);
    let signers = row(3, &["Name", "Email"]) + &row(4, &["Ana", "ana@example.org"]);
    let file = workbook(&[("Notes", "", &notes), ("Empty", "", ""), ("Signers", "", &signers)], "<sst/>");
    check(&file, "Signers", "Name|Email", &["4:Ana|ana@example.org"]);
    // without a known name, the first with several columns
    let unknown = row(1, &["Wer", "Wo"]) + &row(2, &["x", "y"]);
    let file = workbook(&[("One", "", &row(1, &["Notes"])), ("Two", "", &unknown), ("Three", "", &notes)], "<sst/>");
    check(&file, "Two", "Wer|Wo", &["2:x|y"]);
    for state in ["state=\"hidden\"", "state=\"veryHidden\""] {
        let file = workbook(&[("Hidden", state, &signers), ("Seen", "", &unknown)], "<sst/>");
        check(&file, "Seen", "Wer|Wo", &["2:x|y"]);
        refused(&workbook(&[("Hidden", state, &signers)], "<sst/>"), "empty");
    }
}

#[test]
fn rows_that_cannot_be_used_are_named() {
    let long = "x".repeat(70_000);
    let rows = row(1, &["email", "name"])
        + &row(2, &["a@example.org", "", "", "more"])
        + &row(3, &["b@example.org", &long])
        + "<row r=\"4\"/><row r=\"5\"><c r=\"XFD5\"/></row>"
        + &row(9, &["", "Bo"]);
    let file = workbook(&[("S", "", &rows)], "<sst/>");
    check(&file, "S", "email|name", &["2!invalid_value", "3!too_long", "9:|Bo"]);
}

#[test]
fn files_that_harm_are_refused() {
    let header = row(1, &["email", "name"]);
    let shared = |rows: &str, texts: &str| workbook(&[("S", "", &format!("{header}{rows}"))], texts);
    // entities that unfold
    let lol = "<!DOCTYPE sst [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;\">]><sst><si><t>&b;</t></si></sst>";
    refused(&shared("", lol), "archive");
    refused(&shared("", "<sst><si><t>&unknown;</t></si></sst>"), "archive");
    // numbers that a reader might reserve memory for
    let many = "<sst count=\"99999999999\" uniqueCount=\"99999999999\"><si><t>a</t></si></sst>";
    check(&shared(&row(2, &["a@example.org"]), many), "S", "email|name", &["2:a@example.org|"]);
    let far = "<row r=\"1048576\"><c r=\"XFD1048576\" t=\"str\"><v>x</v></c></row>";
    check(&shared(far, "<sst/>"), "S", "email|name", &["1048576!invalid_value"]);
    refused(&shared("<row r=\"99999999999\"/>", "<sst/>"), "archive");
    refused(&shared("<row><c r=\"ZZZZ1\"/></row>", "<sst/>"), "too large");
    // a tag, a text and a depth without end
    refused(&shared("", &format!("<sst a=\"{}\"/>", "x".repeat(3 << 20))), "too large");
    refused(&shared("", &format!("<sst><si><t>{}</t></si></sst>", "x".repeat(3 << 20))), "too large");
    refused(&shared("", &format!("<!--{}--><sst/>", "x".repeat(3 << 20))), "too large");
    refused(&shared("", &"<a>".repeat(1000)), "too large");
    // one text for many cells: rows of more bytes than a file may have
    let text = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(30_000));
    let rows: Vec<String> = (2..400).map(|n| format!("<row r=\"{n}\"><c t=\"s\"><v>0</v></c></row>")).collect();
    refused(&shared(&rows.concat(), &text), "too large");
    // columns without end
    let columns: Vec<String> = (0..2_000).map(|n| format!("c{n}")).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    refused(&workbook(&[("S", "", &row(1, &columns))], "<sst/>"), "1,000 columns");
    // a sheet that breaks off
    let whole = shared(&row(2, &["a@example.org"]), "<sst/>");
    refused(&whole[..whole.len() / 2], "archive");
    let broken = archive(&[("xl/workbook.xml", b"<workbook><sheets><sheet"), ("a", b"b")]);
    refused(&broken, "archive");
    // very many parts
    let parts: Vec<(String, &[u8])> = (0..10_001).map(|n| (n.to_string(), &b""[..])).collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(path, part)| (path.as_str(), *part)).collect();
    refused(&archive(&parts), "too large");
}

#[test]
fn bombs_are_refused_before_they_unfold() {
    // more rows than a spreadsheet has, in a few kilobytes
    let rows = "<row/>".repeat(1_100_000);
    let file = workbook(&[("S", "", &format!("{}{rows}", row(1, &["email", "name"])))], "<sst/>");
    assert!(file.len() < 64 * 1024, "{} bytes", file.len());
    refused(&file, "too large");
    // what is unpacked is counted over all parts, and each time that a part is read
    let plain = workbook(&[("S", "", &row(1, &["email", "name"]))], "<sst/>");
    let mut book = Workbook::open(&plain, 1_400).unwrap();
    let sheet = book.sheets()[0].clone();
    let read: Vec<_> = (0..9).map(|_| book.rows(&sheet, |_| Ok::<_, WorkbookError>(true))).collect();
    assert_eq!((read.first(), read.last()), (Some(&Ok(())), Some(&Err(WorkbookError::TooLarge))), "{read:?}");
    assert_eq!(Workbook::open(&plain, 100).err(), Some(WorkbookError::TooLarge));
}

#[test]
fn other_archives_are_named() {
    refused(b"PK", "archive");
    refused(b"PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.spreadsheet", ".ods");
    refused(&archive(&[("Index/Document.iwa", b"x")]), "Numbers");
    refused(&archive(&[("signers.csv", b"email\na@example.org\n")]), "archive");
    let relations = format!(
        "<Relationships><Relationship Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.bin\"/></Relationships>"
    );
    refused(&archive(&[("_rels/.rels", relations.as_bytes()), ("xl/workbook.bin", b"x")]), ".xlsb");
}
