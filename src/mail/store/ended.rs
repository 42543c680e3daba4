//! SQL of mail about what an ended action leaves nothing of.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// Cancels queued mail that is composed from any of these rows, named in `refs` by `member`, and forgets what is kept of
/// mail that was sent, but the counts. The record of a cancelled mail names no row.
pub async fn forget_mail_about(conn: &mut PgConnection, now: DateTime<Utc>, member: &str, ids: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "WITH gone AS (
             DELETE FROM emails_waiting e USING unnest($2::uuid[]) i (id) WHERE e.state = 'queued' AND e.refs ->> $1 = i.id::text
             RETURNING e.id, e.organization_id, e.class, e.kind, e.lane, e.protected, e.due_at, e.attempts, e.created_at
         )
         INSERT INTO emails_settled (id, organization_id, class, kind, lane, refs, state, due_at, attempts, created_at, settled_at)
         SELECT id, organization_id, class, kind, lane, '{}', 'cancelled', due_at, attempts, created_at, $3 FROM gone WHERE NOT protected",
        member,
        ids,
        now
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM mail_bounce_lookups e USING unnest($2::uuid[]) i (id) WHERE e.refs ->> $1 = i.id::text",
        member,
        ids
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM mail_pending_callbacks e USING unnest($2::uuid[]) i (id) WHERE e.refs ->> $1 = i.id::text",
        member,
        ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes the suppressions and strikes of a vault that has ended.
pub async fn forget_vault(conn: &mut PgConnection, vault: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM suppressions WHERE vault_id = $1", vault).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM address_strikes WHERE vault_id = $1", vault).execute(conn).await?;
    Ok(())
}
