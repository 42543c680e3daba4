//! SQL of what an ended event keeps about people besides registrations.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// Empties the contacts of hosts and the join link of an event.
pub(crate) async fn clear_ended(conn: &mut PgConnection, event: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE events SET contacts = '[]', instructions = '' WHERE id = $1 AND (contacts <> '[]' OR instructions <> '')",
        event
    )
    .execute(conn)
    .await?;
    Ok(())
}
