//! Files of signers as programs write them.

use proptest::prelude::*;

use super::*;
use crate::petitions::csv_reader::{ReadResult, read_rows};

/// A row, or the code of why it is refused.
type Found = (i64, Result<Vec<String>, &'static str>);

fn read(file: &[u8], piece: usize, separator: Option<u8>) -> Result<(FileReader, Vec<Found>)> {
    let mut reader = FileReader::new(separator, None);
    let mut out = Vec::new();
    for piece in file.chunks(piece.max(1)) {
        reader.push(piece, false, &mut out)?;
    }
    reader.push(b"", true, &mut out)?;
    let (mut rows, mut at) = (Vec::new(), 0);
    while let ReadResult::Rows { rows: more, used, is_last } = read_rows(&out[at..], true)? {
        rows.extend(more.into_iter().map(|row| (row.number, row.cells)));
        at += used.get();
        if is_last {
            break;
        }
    }
    Ok((reader, rows))
}

/// Columns joined by `|`; rows as `number:cell|cell` or `number!code`.
fn told(file: &[u8]) -> (String, Vec<String>) {
    let (reader, rows) = read(file, 7, None).unwrap_or_else(|error| panic!("{error:?}"));
    let row = |(number, cells): Found| match cells {
        Ok(cells) => format!("{number}:{}", cells.join("|")),
        Err(code) => format!("{number}!{code}"),
    };
    (reader.format().unwrap().columns.join("|"), rows.into_iter().map(row).collect())
}

fn utf16(text: &str, little: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
    units.flat_map(|unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

/// Case, file, columns, rows.
type Case = (&'static str, &'static [u8], &'static str, &'static [&'static str]);

/// Files as programs write them.
const CASES: &[Case] = &[
    ("final CRLF", b"email\r\nh1@example.org\r\n", "email", &["2:h1@example.org"]),
    ("no final line end", b"email\r\nh2@example.org", "email", &["2:h2@example.org"]),
    ("LF", b"email\nh3@example.org\n", "email", &["2:h3@example.org"]),
    ("header only", b"email\r\n", "email", &[]),
    (
        "sep=",
        "sep=;\r\nCourriel;Prénom\r\na@example.org;Zoé\r\n".as_bytes(),
        "Courriel|Prénom",
        &["2:a@example.org|Zoé"],
    ),
    ("sep=, quoted", b"\"sep=,\"\nemail,name\na@example.org,Ana", "email|name", &["2:a@example.org|Ana"]),
    (
        "CR only",
        b"email,given_name\ra@example.org,Ana\rb@example.org,Bo\r",
        "email|given_name",
        &["2:a@example.org|Ana", "3:b@example.org|Bo"],
    ),
    (
        "short rows",
        b"email,first name,comment\r\na@example.org,Ana,Hi\r\nb@example.org,Bo\r\n",
        "email|first name|comment",
        &["2:a@example.org|Ana|Hi", "3:b@example.org|Bo|"],
    ),
    (
        "empty cells too many",
        b"email,first name\r\na@example.org,Ana,\r\nb@example.org,Bo,,\r\n",
        "email|first name",
        &["2:a@example.org|Ana", "3:b@example.org|Bo"],
    ),
    (
        "a comment with more semicolons than the header has commas",
        b"id,a,b,c\r\n1,p;q;r;s;t;u,,\r\n2,p;q;r;s;t;u,,\r\n",
        "id|a|b|c",
        &["2:1|p;q;r;s;t;u||", "3:2|p;q;r;s;t;u||"],
    ),
    (
        "tabs and line breaks in a comment",
        b"id,a,b,c\r\n1,\"p\tq\tr\ts\nt\tu\tv\tw\nx\ty\tz\t0\",,\r\n",
        "id|a|b|c",
        &["2:1|p\tq\tr\ts\nt\tu\tv\tw\nx\ty\tz\t0||"],
    ),
    (
        "a title with commas",
        "Liste, état du 3 mars, provisoire\r\nPrix;Ville\r\n1,5;Laval\r\n".as_bytes(),
        "Prix|Ville",
        &["3:1,5|Laval"],
    ),
    ("decimal commas", b"Betrag;Stadt\n1,5;Bonn\n2,25;Jena\n", "Betrag|Stadt", &["2:1,5|Bonn", "3:2,25|Jena"]),
    ("cells too many", b"email,city\na@example.org,Paris, Texas\n", "email|city", &["2!invalid_value"]),
    (
        "rows of separators",
        b"email;name\r\n;\r\na@example.org;Ana\r\n;\r\n;;;\r\n",
        "email|name",
        &["3:a@example.org|Ana"],
    ),
    (
        "commas in a quoted header",
        "Courriel;Prénom;\"Des nouvelles, des appels, des textos?\"\r\na@example.org;Zoé;oui\r\n".as_bytes(),
        "Courriel|Prénom|Des nouvelles, des appels, des textos?",
        &["2:a@example.org|Zoé|oui"],
    ),
    (
        "line break in a quoted header",
        b"email,\"Do you\r\nagree?\"\r\na@example.org,yes\r\n",
        "email|Do you agree?",
        &["2:a@example.org|yes"],
    ),
    ("unknown names, quoted commas", b"Quien;\"a, b, c\"\nx;y\n", "Quien|a, b, c", &["2:x|y"]),
    (
        "twice the same name",
        b"Email,First Name,Email\r\n,Ana,a@example.org\r\n",
        "Email|First Name|Email (2)",
        &["2:|Ana|a@example.org"],
    ),
    ("a column named as archives begin", b"PK,email\n1,a@example.org\n", "PK|email", &["2:1|a@example.org"]),
    ("a column without a name", b"email,,\na@example.org,x,\n", "email|Column B|Column C", &["2:a@example.org|x|"]),
    (
        "two byte order marks",
        "\u{FEFF}\u{FEFF}email,name\na@example.org,Ana".as_bytes(),
        "email|name",
        &["2:a@example.org|Ana"],
    ),
    (
        "title rows",
        b"Signatures from the rally,,\r\n,,\r\nEmail,First Name,Last Name\r\na@example.org,Ana,Lee\r\n",
        "Email|First Name|Last Name",
        &["4:a@example.org|Ana|Lee"],
    ),
    (
        "titles that mention addresses",
        b"Email list of the rally\nExported by bo@example.org\nEmail,Name\na@example.org,Ana\n",
        "Email|Name",
        &["4:a@example.org|Ana"],
    ),
    ("title rows, unknown names", b"List\n\nWho,Where\nAna,here\n", "Who|Where", &["4:Ana|here"]),
    (
        "empty lines count",
        b"email,name\r\na@example.org,Ana\r\n\r\n\r\nbroken,Bo\r\n",
        "email|name",
        &["2:a@example.org|Ana", "5:broken|Bo"],
    ),
    (
        "line breaks in quotes do not",
        b"email,name\na@example.org,\"A\nB\"\nb@example.org,Bo",
        "email|name",
        &["2:a@example.org|A\nB", "3:b@example.org|Bo"],
    ),
    ("tabs", b"email\tname\r\na@example.org\tLee, Ana\r\n", "email|name", &["2:a@example.org|Lee, Ana"]),
    (
        "SurveyMonkey",
        b"Respondent ID,Start Date,Email Address,How can we reach you?,,Why?\n,,,Email Address,ZIP/Postal Code,Open-Ended Response\n\
            1,03/31/2026,,a@example.org,98101,Since\n",
        "Respondent ID|Start Date|Email Address|Email Address (2)|ZIP/Postal Code|Why?",
        &["3:1|03/31/2026||a@example.org|98101|Since"],
    ),
    ("Ctrl-Z", b"email,name\r\na@example.org,Ana\r\n\x1a", "email|name", &["2:a@example.org|Ana"]),
    (
        "spaces before and after quoted cells",
        b"email, name, \"a note\"\r\nv@example.org, Ana, \"a, \"\"b\"\"\" \r\nw@example.org, \"Bo\" ,x\r\n",
        "email|name|a note",
        &["2:v@example.org|Ana|a, \"b\"", "3:w@example.org|Bo|x"],
    ),
    (
        "a quotation in a text",
        b"email,note\na@example.org,he said \"no\" to it\nb@example.org, \"x\" and y\n",
        "email|note",
        &["2:a@example.org|he said \"no\" to it", "3:b@example.org|\"x\" and y"],
    ),
    (
        "a preamble of two cells",
        b"Petition:,Heat\nExported by,ana@example.org\nDate:,2026-03-31\n\nName,E-mail\nAna,a@example.org\nBo,b@example.org\n",
        "Name|E-mail",
        &["6:Ana|a@example.org", "7:Bo|b@example.org"],
    ),
    ("Mac OS Roman", b"Pr\x8Enom,email\rZo\x91,a@example.org\rFran\x8Dois,b@example.org\r", "Prénom|email", &[
        "2:Zoë|a@example.org",
        "3:François|b@example.org",
    ]),
    (
        "Windows-1252 with a ligature and an apostrophe",
        b"Pr\xE9nom,email\r\nS\x9Cur d\x92\xC9loi,a@example.org\r\n",
        "Prénom|email",
        &["2:Sœur d’Éloi|a@example.org"],
    ),
    (
        "rows in quotes as a whole",
        b"\"email,first_name,last_name\"\r\n\"a@example.org,Ana,Lee\"\r\n\"b@example.org,Bo,\"\"Oh, Jr\"\"\"\r\n",
        "email|first_name|last_name",
        &["2:a@example.org|Ana|Lee", "3:b@example.org|Bo|Oh, Jr"],
    ),
    (
        "rows in quotes as a whole, semicolons",
        b"\"Courriel;Nom\"\n\"a@example.org;Ana\"\n",
        "Courriel|Nom",
        &["2:a@example.org|Ana"],
    ),
    (
        "rows in quotes as a whole where they have quotes",
        b"email,first_name,last_name\na@example.org,Ana,Lee\n\"b@example.org,Bo,\"\"Oh, Jr\"\"\"\n\"Oh, Bo\",b@example.org\n\"c@example.org, Cy\"\n",
        "email|first_name|last_name",
        &["2:a@example.org|Ana|Lee", "3:b@example.org|Bo|Oh, Jr", "4:Oh, Bo|b@example.org|", "5:c@example.org, Cy||"],
    ),
    (
        "two languages in the header",
        "Email | Courriel,First Name | Prénom,Group | Groupe\na@example.org,Ana,North\n".as_bytes(),
        "Email | Courriel|First Name | Prénom|Group | Groupe",
        &["2:a@example.org|Ana|North"],
    ),
    (
        "CSV of DOS",
        b"email;Pr\x82nom;Ville\r\na@example.org;Ren\x82;Montr\x82al\r\n",
        "email|Prénom|Ville",
        &["2:a@example.org|René|Montréal"],
    ),
    (
        "separators of another program at the end of each line",
        b"email,given_name;;\r\na@example.org,Ana;;\r\nb@example.org,Bo\r\n",
        "email|given_name",
        &["2:a@example.org|Ana", "3:b@example.org|Bo"],
    ),
    ("bars", b"email|name\na@example.org|Ana\n", "email|name", &["2:a@example.org|Ana"]),
    (
        "a quote that is never closed",
        b"email,name\na@example.org,\"Ana\nb@example.org,Bo\n",
        "email|name",
        &["2!unclosed_quote", "3:b@example.org|Bo"],
    ),
    (
        "a quote that the next quoted cell seems to close",
        b"email,comment\na@example.org,\"oops\nb@example.org,ok\nc@example.org,\"hello\"\nd@example.org,end\n",
        "email|comment",
        &["2!unclosed_quote", "3:b@example.org|ok", "4:c@example.org|hello", "5:d@example.org|end"],
    ),
    (
        "a quote that the end of another row seems to close",
        b"email,given_name,comment\na@example.org,\"Ana,hi\nb@example.org,Bo,ok\nc@example.org,Cy,5\"\nd@example.org,Di,end\n",
        "email|given_name|comment",
        &["2!unclosed_quote", "3:b@example.org|Bo|ok", "4:c@example.org|Cy|5\"", "5:d@example.org|Di|end"],
    ),
    (
        "a comment of several lines with an address",
        b"email,name,comment\na@example.org,Ana,\"Hello,\nwrite to b@example.org, please\nb@example.org\"\n",
        "email|name|comment",
        &["2:a@example.org|Ana|Hello,\nwrite to b@example.org, please\nb@example.org"],
    ),
    (
        "quotes that are not doubled",
        b"email,note\na@example.org,\"he said \"hi\" there\"\nb@example.org,\"6\" tall\nc@example.org,\"she said \\\"no\\\", ok\"\nd@example.org,\"C:\\\"\n",
        "email|note",
        &[
            "2:a@example.org|he said \"hi\" there",
            "3:b@example.org|\"6\" tall",
            "4:c@example.org|she said \"no\", ok",
            "5:d@example.org|C:\\",
        ],
    ),
    (
        "rows with another separator",
        b"email;name\na@example.org;Ana\nb@example.org,Bo\n\"c@example.org\tCy\"\nx,y\n",
        "email|name",
        &["2:a@example.org|Ana", "3:b@example.org|Bo", "4:c@example.org|Cy", "5:x,y|"],
    ),
    ("Windows-1252", b"Pr\xE9nom,email\nRen\xE9,a@example.org\n", "Prénom|email", &["2:René|a@example.org"]),
    (
        "Windows-1252 in a row only",
        b"email,name\na@example.org,O\x92Brien\n",
        "email|name",
        &["2:a@example.org|O’Brien"],
    ),
    (
        "UTF-8 with a broken row",
        b"email,name\na@example.org,Zo\xC3\xA9\nb@example.org,Ren\xE9e\n",
        "email|name",
        &["2:a@example.org|Zoé", "3!invalid_characters"],
    ),
];

fn check(case: &str, file: &[u8], columns: &str, rows: &[&str]) {
    assert_eq!(told(file), (columns.to_owned(), rows.iter().map(|row| (*row).to_owned()).collect()), "{case}");
}

#[test]
fn files_as_programs_write_them() {
    for (case, file, columns, rows) in CASES {
        check(case, file, columns, rows);
    }
}

#[test]
fn utf_16_with_and_without_a_mark() {
    for little in [true, false] {
        for mark in [true, false] {
            let file = utf16("email\tName\r\na@example.org\tZoé\r\n", little, mark);
            check("UTF-16", &file, "email|Name", &["2:a@example.org|Zoé"]);
        }
    }
}

#[test]
fn other_files_are_refused() {
    for (file, reason) in [
        (&b""[..], "empty"),
        (b"\n\n", "empty"),
        (b",,\n", "empty"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1", ".xls"),
        (b"\xD0\xCF\x11\xE0 E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0", "password"),
        (b"PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.spreadsheet", ".ods"),
        (b"PK\x03\x04 Index/Document.iwa", "Numbers"),
        (b"%PDF-1.7", "PDF"),
        (b"<html><table>", "web page"),
        (b"BEGIN:VCARD\r\nVERSION:3.0\r\n", "address book"),
        (b"a\0b", "not a text file"),
        (b"\xFF\xFE\0\0e\0\0\0m\0\0\0", "not a text file"),
        (b"\xFF\xFEe\0\0\0m\0,\0x\0", "not a text file"),
        (b"a@example.org,Ana\nb@example.org,Bo\n", "first row"),
    ] {
        let Err(error) = read(file, 1000, None) else { panic!("{reason}") };
        assert!(format!("{error:?}").contains(reason), "{reason}: {error:?}");
    }
    let Err(error) = read(&vec![b'x'; 300 * 1024], 1000, None) else { panic!("a header without an end") };
    assert!(format!("{error:?}").contains("too long"), "{error:?}");
}

#[test]
fn what_was_assumed_is_told() {
    let (reader, rows) = read(b"email,a;b\nx@example.org,1;2\n", 5, Some(b';')).unwrap();
    let format = reader.format().unwrap();
    assert_eq!((format.separator, format.header_row, reader.encoding()), (Some(b';'), 1, "UTF-8"));
    assert_eq!((format.columns.as_slice(), rows.len()), (&["email,a".to_owned(), "b".to_owned()][..], 1));
    for (file, encoding) in [
        (&b"email\n\xE9@example.org\n"[..], "windows-1252"),
        (b"email,Pr\x82nom\r\na@example.org,Ren\x82\r\n", "IBM850"),
        (b"email,Pr\x8Enom\ra@example.org,Ren\x8E\r", "macintosh"),
    ] {
        assert_eq!(read(file, 1, None).unwrap().0.encoding(), encoding);
    }
    let mut asked = FileReader::new(None, Some(Charset::Iso8859_15));
    let mut rows = Vec::new();
    asked.push(b"email,note\na@example.org,10 \xA4 c\xBDur\n", true, &mut rows).unwrap();
    assert_eq!(
        (asked.encoding(), String::from_utf8(rows).unwrap().as_str()),
        ("ISO-8859-15", "2,a@example.org,10 € cœur\n")
    );
}

#[test]
fn many_rows_with_carriage_returns_and_an_endless_row() {
    let rows: Vec<String> = (0..20_000).map(|n| format!("p{n}@example.org,P\r")).collect();
    let rows = rows.concat();
    let (_, read_back) = read(format!("email,name\r{rows}").as_bytes(), 9_000, None).unwrap();
    assert_eq!((read_back.len(), read_back.last().unwrap().0), (20_000, 20_001));
    let unclosed = format!("email,comment\nx@example.org,\"oops\n{rows}").replace('\r', "\n");
    let (_, read_back) = read(unclosed.as_bytes(), 9_000, None).unwrap();
    assert_eq!((read_back.len(), &read_back[0]), (20_001, &(2, Err("unclosed_quote"))));
    let mut endless = b"email\na@example.org\n\"".to_vec();
    endless.resize(3 * 1024 * 1024, b'y');
    let mut reader = FileReader::new(None, None);
    let mut out = Vec::new();
    for piece in endless.chunks(100_000) {
        reader.push(piece, false, &mut out).unwrap();
    }
    reader.push(b"", true, &mut out).unwrap();
    assert!(out.starts_with(b"2,a@example.org\n3,\" y"), "{:?}", String::from_utf8_lossy(&out[..40]));
}

proptest! {
    #[test]
    fn pieces_change_nothing(file in "[ab,\"\r\n]{0,60}", piece in 1_usize..20) {
        let file = format!("email,b\n{file}");
        let whole = read(file.as_bytes(), 1000, None).unwrap().1;
        prop_assert_eq!(read(file.as_bytes(), piece, None).unwrap().1, whole);
    }
}
