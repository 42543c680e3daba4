//! Lists of petitions and of their signatures.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Petition, SignatureRow, load_for_actions, signatures_by_id};
use crate::{
    campaigns::{self, Kind, State},
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
    petitions::state::{CommentState, SignatureState, Vetting},
};

/// Filter fields of petitions.
pub(crate) const PETITION_FIELDS: FieldSet = FieldSet(&[
    campaigns::IDENTIFIER_FIELD,
    Field { name: "title", column_sql: "a.title", kind: FieldKind::Text },
    Field { name: "muster:slug", column_sql: "a.slug", kind: FieldKind::Text },
    Field { name: "muster:status", column_sql: "a.state", kind: FieldKind::Enum(State::NAMES) },
    Field { name: "created_date", column_sql: "a.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "a.modified_at", kind: FieldKind::Timestamp },
]);

/// Filter fields of signatures. Addresses are resolved first ([`crate::people::resolve_filter`]).
pub(crate) const SIGNATURE_FIELDS: FieldSet = FieldSet(&[
    Field {
        name: "identifier",
        column_sql: "s.id",
        kind: FieldKind::Identifiers("submission_labels i WHERE i.submission_id = s.id AND i.label_index"),
    },
    Field { name: "created_date", column_sql: "s.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "coalesce(s.counted_at, s.created_at)", kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "s.state", kind: FieldKind::Enum(SignatureState::NAMES) },
    Field { name: "muster:comment_state", column_sql: "s.comment_state", kind: FieldKind::Enum(CommentState::NAMES) },
    Field { name: "muster:vetted", column_sql: "s.vetted", kind: FieldKind::Enum(Vetting::NAMES) },
    Field { name: "muster:source", column_sql: "s.source", kind: FieldKind::Text },
    Field { name: "country", column_sql: "s.country", kind: FieldKind::Text },
    Field { name: "region", column_sql: "s.region", kind: FieldKind::Text },
    Field { name: "preferred_language", column_sql: "s.locale", kind: FieldKind::Text },
    Field { name: "email_address", column_sql: "s.person_id", kind: FieldKind::Virtual },
]);

/// Indexes over the signatures of a petition.
const SIGNATURE_INDEXES: &[Index] = &[
    Index::equal("s.id"),
    Index::equal("s.person_id"),
    Index::values("s.comment_state", &[CommentState::Waiting.as_str(), CommentState::Shown.as_str()]),
    Index::values(
        "s.state",
        &[
            SignatureState::Quarantined.as_str(),
            SignatureState::Invalid.as_str(),
            SignatureState::Withdrawn.as_str(),
            SignatureState::Duplicate.as_str(),
        ],
    ),
    Index::ordered("s.created_at"),
];

/// One page of petitions, newest first: an organization's, or the public ones.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn list(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<Petition>, Extent)> {
    let filtered = "actions a JOIN petitions k ON k.id = a.id";
    let (actions, extent) =
        campaigns::page_of_actions(conn, Kind::Petition, filtered, organization, filter, page).await?;
    Ok((load_for_actions(conn, actions).await?, extent))
}

/// One page of a petition's signatures, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn signatures(
    conn: &mut PgConnection,
    petition: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<SignatureRow>, Extent)> {
    let list = KeysetList {
        table: "signatures s",
        filtered: "signatures s",
        key: &[KeyColumn { sql: "s.id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: SIGNATURE_INDEXES,
        scope: &[("s.petition_id", ScopeValue::Id(petition))],
        extra_condition: "",
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = signatures_by_id(conn, &ids).await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}
