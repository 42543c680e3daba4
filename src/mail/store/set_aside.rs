//! SQL of mail that is set aside in a database that was restored: it waited when the backup was made, so nobody knows whether
//! it was sent since. It becomes `uncertain`, and is released on purpose only.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::{error::Result, kernel::env::floor_to_day, mail::kinds::Class};

/// Prefix of `emails.failure` of a mail that was set aside.
const PREFIX: &str = "set aside: ";
/// First contacts that were held for the next hour may have been let go earlier (`release_first_contacts`); no other mail is
/// sent before it is due.
const RELEASED_EARLY: TimeDelta = TimeDelta::hours(1);

/// Mails of a class that are set aside.
#[derive(Clone, Debug)]
pub struct SetAside {
    /// Their class.
    pub class: Class,
    /// How many.
    pub mails: i64,
    /// When the first of them was due.
    pub first_due: DateTime<Utc>,
    /// When the last of them was due.
    pub last_due: DateTime<Utc>,
}

/// Sets aside every mail that can have been sent by `until`: those that were being sent, and those that were due by then. `taken_at`
/// is when the backup was made. Letters and broadcasts learn of it by a pending callback; nothing else hangs on it.
pub async fn set_aside(
    conn: &mut PgConnection,
    taken_at: DateTime<Utc>,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<SetAside>> {
    let failure = format!(
        "{PREFIX}it waited in the backup of {}, and may have been sent after it",
        taken_at.format("%Y-%m-%d %H:%M UTC")
    );
    Ok(sqlx::query_as!(
        SetAside,
        r#"WITH gone AS (
               DELETE FROM emails_waiting WHERE state = 'sending' OR due_at <= $1
               RETURNING id, organization_id, class, kind, lane, refs, protected, due_at, attempts, created_at
           ), kept AS (
               INSERT INTO emails_settled (id, organization_id, class, kind, lane, refs, protected, state, due_at, attempts, failure,
                                           created_at, settled_at)
               SELECT id, organization_id, class, kind, lane, refs, protected, 'uncertain', due_at, attempts, $2, created_at,
                      CASE WHEN protected THEN $4::timestamptz ELSE $3 END
               FROM gone
           ), told AS (
               INSERT INTO mail_pending_callbacks (email_id, organization_id, class, kind, lane, refs, protected, status, due_at)
               SELECT id, organization_id, class, kind, lane, refs, protected, 'uncertain', $3 FROM gone
               WHERE class IN ('letter', 'update') AND NOT refs ? 'copy' AND NOT refs ? 'erased'
               ON CONFLICT (email_id) DO UPDATE SET status = excluded.status, due_at = excluded.due_at
           )
           SELECT class AS "class!: Class", count(*) AS "mails!", min(due_at) AS "first_due!", max(due_at) AS "last_due!"
           FROM gone GROUP BY class ORDER BY class"#,
        until + RELEASED_EARLY,
        failure,
        now,
        floor_to_day(now)
    )
    .fetch_all(conn)
    .await?)
}

/// What is set aside, by class.
pub async fn set_aside_waiting(conn: &mut PgConnection) -> Result<Vec<SetAside>> {
    Ok(sqlx::query_as!(
        SetAside,
        r#"SELECT class AS "class!: Class", count(*) AS "mails!", min(due_at) AS "first_due!", max(due_at) AS "last_due!"
           FROM emails_settled WHERE state = 'uncertain' AND starts_with(failure, $1) GROUP BY class ORDER BY class"#,
        PREFIX
    )
    .fetch_all(conn)
    .await?)
}

/// Which of the mails that are set aside are released.
#[derive(Clone, Debug, Default)]
pub struct Release {
    /// Only these classes; empty: all.
    pub classes: Vec<Class>,
    /// Only what was due at this time or later.
    pub due_from: Option<DateTime<Utc>>,
    /// Only what was due before this time.
    pub due_until: Option<DateTime<Utc>>,
}

/// Queues mails again that are set aside. Returns how many.
pub async fn release_set_aside(conn: &mut PgConnection, which: &Release, now: DateTime<Utc>) -> Result<u64> {
    let classes: Vec<String> = which.classes.iter().map(|class| class.as_str().to_owned()).collect();
    let released = sqlx::query!(
        "WITH back AS (
             DELETE FROM emails_settled
             WHERE state = 'uncertain' AND starts_with(failure, $1) AND (cardinality($2::text[]) = 0 OR class = ANY ($2))
               AND ($3::timestamptz IS NULL OR due_at >= $3) AND ($4::timestamptz IS NULL OR due_at < $4)
             RETURNING id, organization_id, class, kind, lane, refs, protected, created_at
         )
         INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at, queued_at)
         SELECT id, organization_id, class, kind, lane, refs, protected, 'queued', $5, created_at, $5 FROM back",
        PREFIX,
        &classes,
        which.due_from,
        which.due_until,
        now
    )
    .execute(conn)
    .await?;
    Ok(released.rows_affected())
}
