//! Comments: read by an organizer, then shown.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{cache_invalidation::CacheInvalidation, transaction::invalidate},
};

/// A comment that may be shown.
#[derive(Clone, Debug)]
pub struct CommentRow {
    /// The signature.
    pub id: Uuid,
    /// What was typed, sealed.
    pub sealed: Option<Vec<u8>>,
    /// How the name is shown.
    pub display: String,
}

/// The newest comments of a petition that an organizer let through.
///
/// # Errors
/// A database error.
pub async fn shown(conn: &mut PgConnection, petition: Uuid, most: i64) -> Result<Vec<CommentRow>> {
    Ok(sqlx::query_as!(
        CommentRow,
        "SELECT id, sealed, display FROM signatures
         WHERE petition_id = $1 AND comment_state = 'shown' AND state = 'counted' ORDER BY id DESC LIMIT $2",
        petition,
        most
    )
    .fetch_all(conn)
    .await?)
}

/// What an organizer decides about a signature; `None` leaves it as it is. Tells the other processes.
///
/// # Errors
/// A database error.
pub async fn save_moderation(
    conn: &mut PgConnection,
    signature: Uuid,
    comment_state: Option<&str>,
    vetted: Option<&str>,
    hide_name: bool,
) -> Result<()> {
    sqlx::query!(
        "UPDATE signatures SET comment_state = coalesce($2, comment_state), vetted = coalesce($3, vetted),
                               display = CASE WHEN $4 THEN 'hidden' ELSE display END
         WHERE id = $1",
        signature,
        comment_state,
        vetted,
        hide_name
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Invalidates what is cached of a petition's signers, whose table has no trigger for that, when the transaction commits.
///
/// # Errors
/// A database error.
pub async fn notify_changed(conn: &mut PgConnection, petition: Uuid) -> Result<()> {
    invalidate(conn, CacheInvalidation::Row(petition)).await
}
