//! Copies of a letter: one row of the queue for each further mailbox of an office, once the letter itself was sent.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    mail::kinds::{COPY, COPY_OF, QueuedEmail},
};

/// A copy to be queued.
pub(in crate::mail) struct Copy<'a> {
    /// The letter.
    pub(in crate::mail) of: &'a QueuedEmail,
    /// The copy's own id: the same however often the letter is sent, so that no mailbox gets it twice.
    pub(in crate::mail) id: Uuid,
    /// Keyed hash of the further recipient of the letter that it goes to.
    pub(in crate::mail) to: String,
}

/// Queues copies, except those whose id was queued before.
pub(in crate::mail) async fn add_copies(
    conn: &mut PgConnection,
    now: chrono::DateTime<chrono::Utc>,
    copies: &[Copy<'_>],
) -> Result<()> {
    for Copy { of, id, to } in copies {
        let mut refs = of.refs.clone();
        refs[COPY] = json!(to);
        refs[COPY_OF] = json!(of.id);
        sqlx::query!(
            "INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
             SELECT $1, $2, $3, $4, $5, $6, 'queued', $7, $8
             WHERE NOT EXISTS (SELECT FROM emails WHERE id = $1) AND NOT EXISTS (SELECT FROM mail_bounce_lookups WHERE id = $1)",
            id,
            of.organization_id,
            of.class.as_str(),
            of.kind,
            refs,
            of.protected,
            now,
            of.created_at
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}
