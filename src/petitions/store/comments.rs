//! Comments: read by an organizer, then shown.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{cache_invalidation::CacheInvalidation, transaction::invalidate},
    petitions::{
        state::{CommentState, Vetting},
        submission::Display,
    },
};

/// A comment that may be shown.
#[derive(Clone, Debug)]
pub(crate) struct CommentRow {
    /// The signature.
    pub id: Uuid,
    /// What was typed, sealed.
    pub sealed: Option<Vec<u8>>,
    /// How the name is shown.
    pub display: Display,
}

/// The newest comments of a petition that an organizer let through.
pub(crate) async fn shown(conn: &mut PgConnection, petition: Uuid, most: i64) -> Result<Vec<CommentRow>> {
    Ok(sqlx::query_as!(
        CommentRow,
        r#"SELECT id, sealed, display AS "display: Display" FROM signatures
           WHERE petition_id = $1 AND comment_state = 'shown' AND state = 'counted' ORDER BY id DESC LIMIT $2"#,
        petition,
        most
    )
    .fetch_all(conn)
    .await?)
}

/// Writes what an organizer has decided about a signature.
pub(crate) async fn save_moderation(
    conn: &mut PgConnection,
    signature: Uuid,
    comment_state: CommentState,
    vetted: Vetting,
    display: Display,
) -> Result<()> {
    sqlx::query!(
        "UPDATE signatures SET comment_state = $2, vetted = $3, display = $4 WHERE id = $1",
        signature,
        comment_state.as_str(),
        vetted.as_str(),
        display.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Invalidates what is cached of a petition's signers, whose table has no trigger for that, when the transaction commits.
pub(crate) async fn notify_changed(conn: &mut PgConnection, petition: Uuid) -> Result<()> {
    invalidate(conn, CacheInvalidation::Row(petition)).await
}
