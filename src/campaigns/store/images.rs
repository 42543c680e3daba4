//! SQL over `images`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// A row of `images`.
#[derive(Clone, Debug)]
pub(crate) struct ImageRow {
    /// `image/jpeg` or `image/png`.
    pub content_type: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Alternative text.
    pub alt: String,
}

/// An image without its file.
#[derive(Clone, Debug)]
pub(crate) struct Caption {
    /// Alternative text.
    pub alt: String,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
}

/// Inserts an image.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    row: &ImageRow,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO images (id, organization_id, content_type, bytes, width, height, alt, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        id,
        organization,
        row.content_type,
        row.bytes,
        row.width,
        row.height,
        row.alt,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An image of an organization.
pub(crate) async fn find(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<Option<Caption>> {
    Ok(sqlx::query_as!(
        Caption,
        "SELECT alt, width, height FROM images WHERE id = $1 AND organization_id = $2",
        id,
        organization
    )
    .fetch_optional(conn)
    .await?)
}

/// An image with its file.
///
/// # Errors
/// `not_found`.
pub(crate) async fn bytes(conn: &mut PgConnection, id: Uuid) -> Result<ImageRow> {
    Ok(sqlx::query_as!(ImageRow, "SELECT content_type, bytes, width, height, alt FROM images WHERE id = $1", id)
        .fetch_one(conn)
        .await?)
}

/// Does an image exist?
pub(crate) async fn exists(conn: &mut PgConnection, id: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM images WHERE id = $1) AS "exists!""#, id)
        .fetch_one(conn)
        .await?)
}

/// Deletes an image. False: there was none.
pub(crate) async fn delete(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query!("DELETE FROM images WHERE id = $1 AND organization_id = $2", id, organization)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}
