//! SQL of batches of paper signatures.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
};

/// Filter fields of batches.
pub(crate) const FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "b.id", kind: FieldKind::Identifier },
    Field { name: "reference", column_sql: "b.reference", kind: FieldKind::Text },
    Field { name: "created_date", column_sql: "b.created_at", kind: FieldKind::Timestamp },
]);

/// A batch of paper sheets.
#[derive(Clone, Debug)]
pub(crate) struct PaperBatch {
    /// Id.
    pub id: Uuid,
    /// Reference of the folder, unique within the petition.
    pub reference: String,
    /// Sheets of paper.
    pub sheets: i32,
    /// Signatures on them.
    pub count: i64,
    /// When they were collected.
    pub collected_on: Option<NaiveDate>,
    /// Note.
    pub note: String,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
}

/// One page of a petition's batches, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn batches(
    conn: &mut PgConnection,
    petition: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<PaperBatch>, Extent)> {
    let scope = [("b.petition_id", ScopeValue::Id(petition))];
    let list = KeysetList::new("paper_batches b", &[KeyColumn { sql: "b.id", kind: KeyKind::Uuid }], &scope);
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query_as!(
        PaperBatch,
        "SELECT id, reference, sheets, count, collected_on, note, created_at FROM paper_batches WHERE id = ANY ($1)",
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Signatures on all batches of a petition.
pub(crate) async fn signatures(conn: &mut PgConnection, petition: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(sum(count), 0)::bigint AS "n!" FROM paper_batches WHERE petition_id = $1"#,
        petition
    )
    .fetch_one(conn)
    .await?)
}

/// Inserts a batch.
///
/// # Errors
/// A breach of `paper_batches_reference_key`.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    petition: Uuid,
    batch: &PaperBatch,
    organizer: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO paper_batches (id, petition_id, reference, sheets, count, collected_on, note, organizer_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        batch.id,
        petition,
        batch.reference,
        batch.sheets,
        batch.count,
        batch.collected_on,
        batch.note,
        organizer,
        batch.created_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a batch. False: the petition has none with this id.
pub(crate) async fn delete(conn: &mut PgConnection, petition: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query!("DELETE FROM paper_batches WHERE petition_id = $1 AND id = $2", petition, id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}
