//! SQL of imports, their chunks and row errors.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
    petitions::state::ImportState,
};

/// Filter fields of imports.
pub(crate) const FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "i.id", kind: FieldKind::Identifier },
    Field { name: "created_date", column_sql: "i.created_at", kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "i.state", kind: FieldKind::Enum(ImportState::NAMES) },
]);

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    pub id: Uuid,
    pub petition_id: Uuid,
    pub organizer_id: Uuid,
    pub name: String,
    pub bytes: i64,
    pub delimiter: String,
    pub sheet: Option<String>,
    pub columns: Vec<String>,
    pub suggested: Value,
    pub date_orders: Vec<String>,
    pub mapping: Value,
    pub source: Option<String>,
    pub consent_wording: String,
    pub dry_run: bool,
    pub state: ImportState,
    pub offset_bytes: i64,
    pub seen: i64,
    pub imported: i64,
    pub duplicates: i64,
    pub refused: i64,
    pub erasures: i32,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Inserts an import; its chunks follow.
pub(crate) async fn insert(conn: &mut PgConnection, import: &Import) -> Result<()> {
    sqlx::query!(
        "INSERT INTO imports (id, petition_id, organizer_id, name, bytes, delimiter, columns, offset_bytes, state, created_at, touched_at,
                sheet)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'uploading', $9, $9, $10)",
        import.id,
        import.petition_id,
        import.organizer_id,
        import.name,
        import.bytes,
        import.delimiter,
        &import.columns,
        import.offset_bytes,
        import.created_at,
        import.sheet
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Completes an upload, with what was seen in its columns. False when it was cancelled meanwhile.
pub(crate) async fn uploaded(conn: &mut PgConnection, import: &Import) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE imports SET state = 'uploaded', suggested = $2, date_orders = $3 WHERE id = $1 AND state = 'uploading'",
        import.id,
        import.suggested,
        &import.date_orders
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Inserts or replaces a chunk of an upload; `bytes` is the size of the file so far. False when the upload was
/// cancelled meanwhile.
pub(crate) async fn insert_chunk(
    conn: &mut PgConnection,
    import: Uuid,
    number: i32,
    sealed: &[u8],
    bytes: i64,
    now: DateTime<Utc>,
) -> Result<bool> {
    let added = sqlx::query!(
        "WITH uploading AS (UPDATE imports SET bytes = $4, touched_at = $5 WHERE id = $1 AND state = 'uploading' RETURNING id)
         INSERT INTO import_chunks (import_id, number, sealed) SELECT id, $2, $3 FROM uploading
         ON CONFLICT (import_id, number) DO UPDATE SET sealed = excluded.sealed",
        import,
        number,
        sealed,
        bytes,
        now
    )
    .execute(conn)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Sealed chunks from a number on, at most `most`.
pub(crate) async fn chunks(conn: &mut PgConnection, import: Uuid, from: i32, most: i64) -> Result<Vec<(i32, Vec<u8>)>> {
    let rows = sqlx::query!(
        "SELECT number, sealed FROM import_chunks WHERE import_id = $1 AND number >= $2 ORDER BY number LIMIT $3",
        import,
        from,
        most
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.number, row.sealed)).collect())
}

/// One page of a petition's imports, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn of_petition(
    conn: &mut PgConnection,
    petition: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<Import>, Extent)> {
    let scope = [("i.petition_id", ScopeValue::Id(petition))];
    let list = KeysetList::new("imports i", &[KeyColumn { sql: "i.id", kind: KeyKind::Uuid }], &scope);
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query_as!(
        Import,
        r#"SELECT id, petition_id, organizer_id, name, bytes, delimiter, sheet, columns, suggested, date_orders, mapping, source, consent_wording,
                dry_run, state AS "state: ImportState", offset_bytes, seen, imported, duplicates, refused, erasures, created_at,
                finished_at
         FROM imports WHERE id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// A petition's import, locked.
///
/// # Errors
/// `not_found`.
pub(crate) async fn lock(conn: &mut PgConnection, petition: Uuid, id: Uuid) -> Result<Import> {
    Ok(sqlx::query_as!(
        Import,
        r#"SELECT id, petition_id, organizer_id, name, bytes, delimiter, sheet, columns, suggested, date_orders, mapping, source, consent_wording,
                dry_run, state AS "state: ImportState", offset_bytes, seen, imported, duplicates, refused, erasures, created_at,
                finished_at
         FROM imports WHERE petition_id = $1 AND id = $2 FOR NO KEY UPDATE"#,
        petition,
        id
    )
    .fetch_one(conn)
    .await?)
}

/// An import.
pub(crate) async fn by_id(conn: &mut PgConnection, id: Uuid) -> Result<Option<Import>> {
    Ok(sqlx::query_as!(
        Import,
        r#"SELECT id, petition_id, organizer_id, name, bytes, delimiter, sheet, columns, suggested, date_orders, mapping, source, consent_wording,
                dry_run, state AS "state: ImportState", offset_bytes, seen, imported, duplicates, refused, erasures, created_at,
                finished_at
         FROM imports WHERE id = $1"#,
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// Updates an import: progress and settings.
pub(crate) async fn save(conn: &mut PgConnection, import: &Import) -> Result<()> {
    sqlx::query!(
        "UPDATE imports SET mapping = $2, source = $3, consent_wording = $4, dry_run = $5, state = $6, offset_bytes = $7, seen = $8,
                imported = $9, duplicates = $10, refused = $11, finished_at = $12
         WHERE id = $1",
        import.id,
        import.mapping,
        import.source,
        import.consent_wording,
        import.dry_run,
        import.state.as_str(),
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

/// Number of signatures of an import.
pub(crate) async fn count_imported_signatures(conn: &mut PgConnection, import: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM signatures WHERE import_id = $1"#, import)
        .fetch_one(conn)
        .await?)
}

/// An error of a row.
#[derive(Clone, Debug)]
pub(crate) struct RowError {
    /// Line number in the file; the header is 1.
    pub line: i64,
    /// The field, as in the mapping.
    pub field: String,
    /// Code, as in errors of the API.
    pub code: String,
    /// The code in a sentence.
    pub detail: String,
}

/// Inserts row errors.
pub(crate) async fn insert_row_errors(conn: &mut PgConnection, import: Uuid, row_errors: &[RowError]) -> Result<()> {
    for row_error in row_errors {
        sqlx::query!(
            "INSERT INTO import_row_errors (import_id, line, field, code, detail) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            import,
            row_error.line,
            row_error.field,
            row_error.code,
            row_error.detail
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// The row errors of an import after a line, in their order.
pub(crate) async fn row_errors(conn: &mut PgConnection, import: Uuid, after: i64, most: i64) -> Result<Vec<RowError>> {
    Ok(sqlx::query_as!(
        RowError,
        "SELECT line, field, code, detail FROM import_row_errors WHERE import_id = $1 AND line > $2 ORDER BY line, field LIMIT $3",
        import,
        after,
        most
    )
    .fetch_all(conn)
    .await?)
}

/// Deletes the row errors of an earlier run.
pub(crate) async fn delete_row_errors(conn: &mut PgConnection, import: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM import_row_errors WHERE import_id = $1", import).execute(conn).await?;
    Ok(())
}

/// Deletes chunks below a number, at most `most`. Returns how many.
pub(crate) async fn delete_chunks(conn: &mut PgConnection, import: Uuid, below: i32, most: i64) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM import_chunks WHERE import_id = $1 AND number IN (
             SELECT number FROM import_chunks WHERE import_id = $1 AND number < $2 ORDER BY number LIMIT $3)",
        import,
        below,
        most
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}

/// Cancels an aborted upload.
pub(crate) async fn cancel_upload(conn: &mut PgConnection, import: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE imports SET state = 'cancelled', finished_at = $2 WHERE id = $1 AND state = 'uploading'",
        import,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Cancels uploads without progress since a time, and imports created before another time that were not started; some
/// at a time. Returns each with its organization.
pub(crate) async fn cancel_abandoned(
    conn: &mut PgConnection,
    broken_off: DateTime<Utc>,
    not_started: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "UPDATE imports i SET state = 'cancelled', finished_at = $3 FROM actions a
         WHERE a.id = i.petition_id AND i.id IN (
             SELECT o.id FROM imports o
             WHERE o.state IN ('uploading', 'uploaded', 'checked')
               AND ((o.state = 'uploading' AND o.touched_at < $1) OR (o.state <> 'uploading' AND o.created_at < $2))
             ORDER BY o.created_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED)
         RETURNING i.id, a.organization_id",
        broken_off,
        not_started,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.organization_id)).collect())
}

/// The unfinished imports into petitions of a vault, and those whose file is not deleted yet, locked against everything
/// that reads or writes their rows.
pub(crate) async fn lock_unread(conn: &mut PgConnection, vault: Uuid) -> Result<Vec<Import>> {
    Ok(sqlx::query_as!(
        Import,
        r#"SELECT i.id, petition_id, organizer_id, name, bytes, delimiter, sheet, columns, suggested, date_orders, mapping, source, consent_wording,
                dry_run, state AS "state: ImportState", offset_bytes, seen, imported, duplicates, refused, erasures, created_at,
                finished_at
         FROM imports i
         WHERE i.petition_id IN (SELECT a.id FROM actions a WHERE a.vault_id = $1)
           AND (i.finished_at IS NULL OR EXISTS (SELECT FROM import_chunks c WHERE c.import_id = i.id))
         ORDER BY i.id FOR UPDATE OF i"#,
        vault
    )
    .fetch_all(conn)
    .await?)
}

/// All unfinished imports, locked as by [`lock_unread`].
pub(crate) async fn lock_all_unfinished(conn: &mut PgConnection) -> Result<Vec<Import>> {
    Ok(sqlx::query_as!(
        Import,
        r#"SELECT id, petition_id, organizer_id, name, bytes, delimiter, sheet, columns, suggested, date_orders, mapping, source, consent_wording,
                dry_run, state AS "state: ImportState", offset_bytes, seen, imported, duplicates, refused, erasures, created_at,
                finished_at
         FROM imports WHERE state NOT IN ('done', 'cancelled', 'failed') ORDER BY id FOR UPDATE"#
    )
    .fetch_all(conn)
    .await?)
}

/// Counts that rows were removed from the file of an import.
pub(crate) async fn add_erasure(conn: &mut PgConnection, import: Uuid) -> Result<()> {
    sqlx::query!("UPDATE imports SET erasures = erasures + 1 WHERE id = $1", import).execute(conn).await?;
    Ok(())
}

/// Cancels an import whose row is locked.
pub(crate) async fn cancel(conn: &mut PgConnection, import: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("UPDATE imports SET state = 'cancelled', finished_at = $2 WHERE id = $1", import, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Replaces a chunk.
pub(crate) async fn replace_chunk(conn: &mut PgConnection, import: Uuid, number: i32, sealed: &[u8]) -> Result<()> {
    sqlx::query!("UPDATE import_chunks SET sealed = $3 WHERE import_id = $1 AND number = $2", import, number, sealed)
        .execute(conn)
        .await?;
    Ok(())
}

/// An import that brought signatures of a person.
#[derive(Debug)]
pub(crate) struct ImportSource {
    pub id: Uuid,
    /// Title of the petition.
    pub title: String,
    /// Name of the file.
    pub name: String,
    pub created_at: DateTime<Utc>,
}

/// The imports that brought signatures of a person, newest first.
pub(crate) async fn that_brought(conn: &mut PgConnection, person: Uuid) -> Result<Vec<ImportSource>> {
    Ok(sqlx::query_as!(
        ImportSource,
        "SELECT i.id, a.title, i.name, i.created_at FROM imports i JOIN actions a ON a.id = i.petition_id
         WHERE i.id IN (SELECT s.import_id FROM signatures s WHERE s.person_id = $1) ORDER BY i.created_at DESC, i.id",
        person
    )
    .fetch_all(conn)
    .await?)
}
