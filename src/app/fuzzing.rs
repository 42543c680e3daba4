//! Fuzz targets: the parsers of untrusted input, as functions of any bytes. `fuzz/README.md` says how to run them.
//! Each must return quickly and without a panic, and asserts the guarantees of the parser's result.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::{
    kernel::filter::{Field, FieldKind, FieldSet, Filter},
    letters::check_template,
    mail::{self, BounceReport},
    petitions,
};

/// A fuzz target: its name, and the function that is called with the input.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
pub const TARGETS: [Target; 4] = [("bounce", bounce), ("filter", filter), ("csv", csv), ("template", template)];

/// Returned mail (`mail::bounce_report`).
///
/// # Panics
/// If a failure's text is longer than 500 characters, or contains an e-mail address.
pub fn bounce(raw: &[u8]) {
    if let BounceReport::Failed { text, .. } = mail::parse_bounce(raw).report {
        assert!(text.chars().count() <= 500 && mail::smtp::without_addresses(&text) == text, "{text:?}");
    }
}

/// The value of `?filter=`, with a field of each kind (`kernel::filter`).
///
/// # Panics
/// If the SQL contains characters that can only come from the filter's literals (SQL injection).
pub fn filter(raw: &[u8]) {
    const FIELDS: FieldSet = FieldSet(&[
        Field { name: "name", column_sql: "n", kind: FieldKind::Text },
        Field { name: "id", column_sql: "i", kind: FieldKind::Uuid },
        Field { name: "created_date", column_sql: "c", kind: FieldKind::Timestamp },
        Field { name: "count", column_sql: "k", kind: FieldKind::Integer },
        Field { name: "is_open", column_sql: "o", kind: FieldKind::Boolean },
        Field { name: "state", column_sql: "s", kind: FieldKind::Enum(&["open", "closed"]) },
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

/// The beginning of a file of signers, and its lines (`petitions::csv_lines`).
///
/// # Panics
/// If the offset of the first line after the header is outside of the file.
pub fn csv(raw: &[u8]) {
    if let Ok(beginning) = petitions::beginning_of_file(raw) {
        let offset = usize::try_from(beginning.offset).unwrap_or(usize::MAX);
        assert!(offset <= raw.len(), "{offset}");
        let _ = petitions::read_lines(&raw[offset..], true, beginning.delimiter, beginning.columns.len(), 1);
    }
}

/// A template of a letter (`letters::template`).
pub fn template(raw: &[u8]) {
    if let Ok(text) = std::str::from_utf8(raw) {
        // only that it returns; the result may be an error
        let _ = check_template(text);
    }
}
