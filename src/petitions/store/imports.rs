//! Files of signers: their rows, pieces and faults.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    pub id: Uuid,
    pub petition_id: Uuid,
    pub organizer_id: Uuid,
    pub name: String,
    pub bytes: i64,
    pub delimiter: String,
    pub columns: Vec<String>,
    pub mapping: Value,
    pub source: Option<String>,
    pub consent_wording: String,
    pub dry_run: bool,
    pub state: String,
    pub offset_bytes: i64,
    pub seen: i64,
    pub imported: i64,
    pub duplicates: i64,
    pub refused: i64,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Adds an import whose pieces follow.
///
/// # Errors
/// A database error.
pub async fn insert(conn: &mut PgConnection, import: &Import) -> Result<()> {
    sqlx::query!(
        "INSERT INTO imports (id, petition_id, organizer_id, name, bytes, delimiter, columns, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        import.id,
        import.petition_id,
        import.organizer_id,
        import.name,
        import.bytes,
        import.delimiter,
        &import.columns,
        import.created_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what the upload has shown, once it is complete.
///
/// # Errors
/// A database error.
pub async fn uploaded(conn: &mut PgConnection, import: &Import) -> Result<()> {
    sqlx::query!(
        "UPDATE imports SET bytes = $2, delimiter = $3, columns = $4, offset_bytes = $5 WHERE id = $1",
        import.id,
        import.bytes,
        import.delimiter,
        &import.columns,
        import.offset_bytes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds a piece of the file.
///
/// # Errors
/// A database error.
pub async fn add_piece(conn: &mut PgConnection, import: Uuid, number: i32, sealed: &[u8]) -> Result<()> {
    sqlx::query!("INSERT INTO import_pieces (import_id, number, sealed) VALUES ($1, $2, $3)", import, number, sealed)
        .execute(conn)
        .await?;
    Ok(())
}

/// The pieces from a number on, at most so many, sealed.
///
/// # Errors
/// A database error.
pub async fn pieces(conn: &mut PgConnection, import: Uuid, from: i32, most: i64) -> Result<Vec<(i32, Vec<u8>)>> {
    let rows = sqlx::query!(
        "SELECT number, sealed FROM import_pieces WHERE import_id = $1 AND number >= $2 ORDER BY number LIMIT $3",
        import,
        from,
        most
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.number, row.sealed)).collect())
}

/// A petition's imports, newest first.
///
/// # Errors
/// A database error.
pub async fn of_petition(conn: &mut PgConnection, petition: Uuid) -> Result<Vec<Import>> {
    Ok(sqlx::query_as!(
        Import,
        "SELECT id, petition_id, organizer_id, name, bytes, delimiter, columns, mapping, source, consent_wording, dry_run, state,
                offset_bytes, seen, imported, duplicates, refused, created_at, finished_at
         FROM imports WHERE petition_id = $1 ORDER BY id DESC LIMIT 200",
        petition
    )
    .fetch_all(conn)
    .await?)
}

/// A petition's import, locked.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn lock(conn: &mut PgConnection, petition: Uuid, id: Uuid) -> Result<Import> {
    Ok(sqlx::query_as!(
        Import,
        "SELECT id, petition_id, organizer_id, name, bytes, delimiter, columns, mapping, source, consent_wording, dry_run, state,
                offset_bytes, seen, imported, duplicates, refused, created_at, finished_at
         FROM imports WHERE petition_id = $1 AND id = $2 FOR UPDATE",
        petition,
        id
    )
    .fetch_one(conn)
    .await?)
}

/// The next import that runs and that no other process works on, locked.
///
/// # Errors
/// A database error.
pub async fn next(conn: &mut PgConnection) -> Result<Option<Import>> {
    Ok(sqlx::query_as!(
        Import,
        "SELECT id, petition_id, organizer_id, name, bytes, delimiter, columns, mapping, source, consent_wording, dry_run, state,
                offset_bytes, seen, imported, duplicates, refused, created_at, finished_at
         FROM imports WHERE state = 'running' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    .fetch_optional(conn)
    .await?)
}

/// Writes how far an import is, and what it was told.
///
/// # Errors
/// A database error.
pub async fn save(conn: &mut PgConnection, import: &Import) -> Result<()> {
    sqlx::query!(
        "UPDATE imports SET mapping = $2, source = $3, consent_wording = $4, dry_run = $5, state = $6, offset_bytes = $7, seen = $8,
                imported = $9, duplicates = $10, refused = $11, finished_at = $12
         WHERE id = $1",
        import.id,
        import.mapping,
        import.source,
        import.consent_wording,
        import.dry_run,
        import.state,
        import.offset_bytes,
        import.seen,
        import.imported,
        import.duplicates,
        import.refused,
        import.finished_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many signatures an import has brought.
///
/// # Errors
/// A database error.
pub async fn brought(conn: &mut PgConnection, import: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM signatures WHERE import_id = $1"#, import)
        .fetch_one(conn)
        .await?)
}

/// A refused line.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its number in the file; the header is 1.
    pub line: i64,
    /// Which of our fields.
    pub field: String,
    /// What is wrong, as in the API's errors.
    pub code: String,
    /// The same in a sentence.
    pub detail: String,
}

/// Notes refused lines.
///
/// # Errors
/// A database error.
pub async fn add_faults(conn: &mut PgConnection, import: Uuid, faults: &[Fault]) -> Result<()> {
    for fault in faults {
        sqlx::query!(
            "INSERT INTO import_faults (import_id, line, field, code, detail) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            import,
            fault.line,
            fault.field,
            fault.code,
            fault.detail
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// The refused lines of an import after a line, in their order.
///
/// # Errors
/// A database error.
pub async fn faults(conn: &mut PgConnection, import: Uuid, after: i64, most: i64) -> Result<Vec<Fault>> {
    Ok(sqlx::query_as!(
        Fault,
        "SELECT line, field, code, detail FROM import_faults WHERE import_id = $1 AND line > $2 ORDER BY line, field LIMIT $3",
        import,
        after,
        most
    )
    .fetch_all(conn)
    .await?)
}

/// Forgets the refused lines of an earlier round.
///
/// # Errors
/// A database error.
pub async fn clear_faults(conn: &mut PgConnection, import: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM import_faults WHERE import_id = $1", import).execute(conn).await?;
    Ok(())
}

/// Throws the file away.
///
/// # Errors
/// A database error.
pub async fn drop_pieces(conn: &mut PgConnection, import: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM import_pieces WHERE import_id = $1", import).execute(conn).await?;
    Ok(())
}

/// Throws away the files that nobody has started, or gone on with, since a moment. Returns how many.
///
/// # Errors
/// A database error.
pub async fn forget(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "WITH old AS (
             UPDATE imports SET state = 'cancelled', finished_at = now() WHERE state IN ('uploaded', 'checked') AND created_at < $1 RETURNING id
         )
         DELETE FROM import_pieces p USING old WHERE p.import_id = old.id",
        before
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
