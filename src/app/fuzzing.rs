//! Fuzzing targets: the parsers of untrusted input, as functions over any bytes. `fuzz/` says how to run them. Each
//! must return soon and without a panic, and what it accepts must satisfy the assertions below.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

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
pub const TARGETS: [Target; 4] = [("bounce", bounce), ("filter", filter), ("csv", csv), ("template", template)];

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

/// The beginning of a CSV file of signers, and its lines (`petitions::csv_reader`).
///
/// # Panics
/// When the first line after the header is outside the file.
pub fn csv(raw: &[u8]) {
    if let Ok(preview) = petitions::preview_csv(raw) {
        let offset = usize::try_from(preview.offset).unwrap_or(usize::MAX);
        assert!(offset <= raw.len(), "{offset}");
        let _ = petitions::read_csv_rows(&raw[offset..], true, preview.delimiter, preview.columns.len(), 1);
    }
}

/// A letter template (`letters::template`).
pub fn template(raw: &[u8]) {
    if let Ok(text) = std::str::from_utf8(raw) {
        // accepted or refused, it must return
        let _ = check_template(text);
    }
}
