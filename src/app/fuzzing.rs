//! Fuzzing targets: the parsers of untrusted input, as functions over any bytes. `fuzz/` says how to run them. Each
//! must return soon and without a panic, and what it accepts must satisfy the assertions below.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::address;
use crate::{
    campaigns::State,
    kernel::filter::{Field, FieldKind, FieldSet, Filter},
    letters::check_template,
    mail::{self, BounceReport},
    petitions,
};

/// A target: its name, and the function under test.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 6] = [
    ("bounce", bounce),
    ("filter", filter),
    ("csv", csv),
    ("workbook", workbook),
    ("template", template),
    ("address", page_address),
];

/// A bounce or complaint (`mail::parse_bounce`).
///
/// # Panics
/// When the text of a failure is longer than its column allows, or still contains an e-mail address.
pub fn bounce(raw: &[u8]) {
    if let BounceReport::Failed { text, .. } = mail::parse_bounce(raw).report {
        assert!(text.chars().count() <= 500 && mail::smtp::without_addresses(&text) == text, "{text:?}");
    }
}

/// The value of `?filter=`, over a field of each kind (`kernel::filter`).
///
/// # Panics
/// When the SQL contains any text of the filter, rather than bound parameters.
pub fn filter(raw: &[u8]) {
    const FIELDS: FieldSet = FieldSet(&[
        Field { name: "name", column_sql: "n", kind: FieldKind::Text },
        Field { name: "id", column_sql: "i", kind: FieldKind::Uuid },
        Field { name: "created_date", column_sql: "c", kind: FieldKind::Timestamp },
        Field { name: "count", column_sql: "k", kind: FieldKind::Integer },
        Field { name: "is_open", column_sql: "o", kind: FieldKind::Boolean },
        Field { name: "state", column_sql: "s", kind: FieldKind::Enum(State::NAMES) },
        Field { name: "email_address", column_sql: "e", kind: FieldKind::Virtual },
    ]);
    let Ok(text) = std::str::from_utf8(raw) else { return };
    let Ok(mut filter) = Filter::parse(text, FIELDS) else { return };
    filter.resolve_virtual(|_, text| (text.len() % 2 == 0).then_some(Uuid::nil()));
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new("");
    filter.push_sql(&mut query);
    let sql = query.into_sql();
    let is_ours = |c: char| c.is_ascii_alphanumeric() || "$()=<> ".contains(c);
    assert!(sql.as_str().chars().all(is_ours), "{:?}", sql.as_str());
}

/// A file of signers in pieces, and the rows that are stored of it (`petitions::signer_file`, `petitions::csv_reader`).
///
/// # Panics
/// When a file that is read to its end leaves a row that is not complete.
pub fn csv(raw: &[u8]) {
    let mut reader = petitions::FileReader::new(None, None);
    let mut rows = Vec::new();
    let pieces = raw.chunks(raw.len() / 3 + 1).try_for_each(|piece| reader.push(piece, false, &mut rows));
    if pieces.and_then(|()| reader.push(b"", true, &mut rows)).is_ok() {
        let read = petitions::read_rows(&rows, true);
        assert!(!matches!(read, Ok(petitions::ReadResult::Incomplete)));
    }
}

/// A workbook of signers (`petitions::workbook`).
///
/// # Panics
/// When a row that is made of it is not complete.
pub fn workbook(raw: &[u8]) {
    let _ = petitions::read_workbook(raw, 1024 * 1024, |piece| {
        if let petitions::SheetPiece::Rows(rows) = piece {
            assert!(matches!(petitions::read_rows(&rows, true), Ok(petitions::ReadResult::Rows { .. })));
        }
        Ok(())
    });
}

/// A letter template (`letters::template`).
pub fn template(raw: &[u8]) {
    if let Ok(text) = std::str::from_utf8(raw) {
        // accepted or refused, it must return
        let _ = check_template(text);
    }
}

/// Path and query of a page (`app::address`).
///
/// # Panics
/// When a redirect leads to another host, or to an address that is redirected again.
pub fn page_address(raw: &[u8]) {
    let Ok(text) = std::str::from_utf8(raw) else { return };
    let split = |text: &str| match text.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (text.to_owned(), None),
    };
    let canonical = |text: &str| {
        let (path, query) = split(text);
        address::canonical(&path, query.as_deref(), true)
    };
    if let Some(to) = canonical(text) {
        assert!(to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\"), "{to:?}");
        assert_eq!(canonical(&to), None, "{to:?}");
    }
    let (path, query) = split(text);
    if let Some(meant) = address::api_path(&path, query.as_deref()) {
        assert!(meant.starts_with("/api/v1"), "{meant:?}");
    }
}
