//! SQL of batches of paper signatures.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// A batch of paper sheets.
#[derive(Clone, Debug)]
pub struct PaperBatch {
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

/// A petition's batches, newest first.
pub async fn batches(conn: &mut PgConnection, petition: Uuid) -> Result<Vec<PaperBatch>> {
    Ok(sqlx::query_as!(
        PaperBatch,
        "SELECT id, reference, sheets, count, collected_on, note, created_at FROM paper_batches WHERE petition_id = $1 ORDER BY id DESC",
        petition
    )
    .fetch_all(conn)
    .await?)
}

/// Inserts a batch.
///
/// # Errors
/// A breach of `paper_batches_reference_key`.
pub async fn insert(
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
pub async fn delete(conn: &mut PgConnection, petition: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query!("DELETE FROM paper_batches WHERE petition_id = $1 AND id = $2", petition, id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}
