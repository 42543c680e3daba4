//! SQL of what an ended event keeps about people besides registrations.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// Empties the contacts of hosts and what was for the registered only.
pub(crate) async fn clear_ended(conn: &mut PgConnection, event: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE events SET contacts = '[]', instructions = '', joining = NULL, follow_up = ''
         WHERE id = $1 AND (contacts <> '[]' OR instructions <> '' OR joining IS NOT NULL OR follow_up <> '')",
        event
    )
    .execute(conn)
    .await?;
    Ok(())
}
