//! What the queue and the lists of suppressed addresses keep of a person: shown to the person, and erased.
//!
//! A mail leads to a person by the id in its `refs` alone, which the database function `mail_subject` reads. A mail that
//! waits is cancelled; one that is being sent loses its `refs` ([`ERASED`]) and is not composed again; of one that was
//! sent, kind, state and time stay, for the counts.

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::kinds::QueuedEmail;
use crate::{
    error::Result,
    kernel::{Kernel, env::floor_to_day},
};

/// Name in the `refs` of a mail whose addressee was erased while it was being sent.
const ERASED: &str = "erased";

impl QueuedEmail {
    /// Was what it is about erased while it was being sent? Then it is cancelled.
    pub(super) fn is_erased(&self) -> bool {
        self.refs.get(ERASED).and_then(Value::as_bool) == Some(true)
    }
}

/// Erases what mails tell of these rows: of acts, of what belongs to them, and of the person. Called before the rows are
/// deleted, since who sends mail locks them after it.
pub async fn erase_subjects(conn: &mut PgConnection, kernel: &Kernel, ids: &[Uuid]) -> Result<()> {
    let subjects: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let now = kernel.env.now();
    sqlx::query!(
        "WITH gone AS (
             DELETE FROM emails_waiting WHERE state = 'queued' AND mail_subject(refs) = ANY ($1)
             RETURNING id, organization_id, class, kind, lane, protected, due_at, attempts, created_at
         )
         INSERT INTO emails_settled (id, organization_id, class, kind, lane, refs, state, due_at, attempts, created_at, settled_at)
         SELECT id, organization_id, class, kind, lane, '{}', 'cancelled', due_at, attempts, created_at, $2 FROM gone WHERE NOT protected",
        &subjects,
        now
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE emails_waiting SET refs = $2, failure = NULL WHERE state = 'sending' AND mail_subject(refs) = ANY ($1)",
        &subjects,
        json!({ERASED: true})
    )
    .execute(&mut *conn)
    .await?;
    // the condition is that of the index
    sqlx::query!(
        "UPDATE emails_settled SET refs = '{}', failure = NULL WHERE mail_subject(refs) IS NOT NULL AND mail_subject(refs) = ANY ($1)",
        &subjects
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM mail_bounce_lookups WHERE mail_subject(refs) = ANY ($1)", &subjects)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("DELETE FROM mail_pending_callbacks WHERE mail_subject(refs) = ANY ($1)", &subjects)
        .execute(conn)
        .await?;
    Ok(())
}

/// Erases what is known of the address of a person within a vault: bounces, strikes. Who unsubscribed, complained or was
/// entered by an organizer stays suppressed: of that the keyed hash, the reason and the day of the erasure are kept.
pub async fn erase_address_history(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: Uuid,
    address_index: &[u8],
) -> Result<()> {
    sqlx::query!("DELETE FROM address_strikes WHERE vault_id = $1 AND address_index = $2", vault, address_index)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "DELETE FROM suppressions WHERE vault_id = $1 AND address_index = $2 AND reason = 'bounced' AND NOT unsubscribed",
        vault,
        address_index
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE suppressions SET reason = CASE WHEN reason = 'bounced' THEN 'unsubscribed' ELSE reason END, created_at = $3,
                bounces = 1, expires_at = NULL, tried_at = NULL, trial = NULL
         WHERE vault_id = $1 AND address_index = $2",
        vault,
        address_index,
        floor_to_day(kernel.env.now())
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A mail about something that a person did, as it is shown to the person.
#[derive(Clone, Debug, Serialize)]
pub struct MailAbout {
    /// Its kind: `petition_thanks`.
    pub kind: String,
    /// Its state.
    pub state: String,
    /// The day (UTC) on which it was queued.
    pub day: NaiveDate,
}

/// The mails about these rows, newest first. Of mails about protected actions nothing is kept once they are sent.
pub async fn mails_about(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<MailAbout>> {
    let subjects: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    Ok(sqlx::query_as!(
        MailAbout,
        r#"SELECT e.kind AS "kind!", e.state AS "state!", (e.created_at AT TIME ZONE 'UTC')::date AS "day!" FROM (
               SELECT kind, state, created_at, id FROM emails_waiting WHERE mail_subject(refs) = ANY ($1)
               UNION ALL SELECT kind, state, created_at, id FROM emails_settled
               WHERE mail_subject(refs) IS NOT NULL AND mail_subject(refs) = ANY ($1)) e
           ORDER BY e.created_at DESC, e.id DESC"#,
        &subjects
    )
    .fetch_all(conn)
    .await?)
}

/// That an address gets no mail within a vault, as it is shown to its owner.
#[derive(Clone, Debug, Serialize)]
pub struct SuppressionOf {
    /// Why: `unsubscribed`, `bounced`, ...
    pub reason: String,
    /// The day (UTC) since which.
    pub day: NaiveDate,
}

/// Why an address gets no mail within a vault.
pub async fn suppressions_of(conn: &mut PgConnection, vault: Uuid, address_index: &[u8]) -> Result<Vec<SuppressionOf>> {
    Ok(sqlx::query_as!(
        SuppressionOf,
        r#"SELECT reason, (created_at AT TIME ZONE 'UTC')::date AS "day!" FROM suppressions WHERE vault_id = $1 AND address_index = $2"#,
        vault,
        address_index
    )
    .fetch_all(conn)
    .await?)
}

/// Writes the ids of protected mail that was sent anew, in random order. Waits until nobody writes them.
pub async fn rewrite_bounce_lookups(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!("SELECT rewrite_bounce_lookups()").execute(tx).await?;
    Ok(())
}
