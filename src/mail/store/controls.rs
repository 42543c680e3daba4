//! What organizers switch, and what is counted for them.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::{error::Result, kernel::filter::Filter};

/// Something that does not go out.
#[derive(Clone, Debug)]
pub struct Pause {
    /// A class, or `everything`.
    pub scope: String,
    /// `restored`, or an organizer's words.
    pub reason: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// What is paused.
///
/// # Errors
/// A database error.
pub async fn pauses(conn: &mut PgConnection) -> Result<Vec<Pause>> {
    Ok(sqlx::query_as!(Pause, "SELECT scope, reason, created_at FROM mail_pauses ORDER BY scope")
        .fetch_all(conn)
        .await?)
}

/// Pauses a class or everything; what is being sent is not stopped any more.
///
/// # Errors
/// A database error.
pub async fn pause(conn: &mut PgConnection, scope: &str, reason: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_pauses (scope, reason, created_at) VALUES ($1, $2, $3) ON CONFLICT (scope) DO NOTHING",
        scope,
        reason,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets a class or everything go out again.
///
/// # Errors
/// A database error.
pub async fn resume(conn: &mut PgConnection, scope: &str) -> Result<()> {
    sqlx::query!("DELETE FROM mail_pauses WHERE scope = $1", scope).execute(conn).await?;
    Ok(())
}

/// First mails to an address that were sent in the present hour: what the brake counts.
///
/// # Errors
/// A database error.
pub async fn first_contacts(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<i64> {
    let sent = sqlx::query_scalar!(
        "SELECT sent FROM first_contacts WHERE hour = date_trunc('hour', $1::timestamptz, 'UTC')",
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(sent.unwrap_or(0))
}

/// What waits, for the metrics.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Waiting {
    pub(in crate::mail) class: String,
    pub(in crate::mail) state: String,
    pub(in crate::mail) mails: i64,
    pub(in crate::mail) oldest: DateTime<Utc>,
}

/// What waits by class and state, with the oldest's time due.
pub(in crate::mail) async fn waiting(conn: &mut PgConnection) -> Result<Vec<Waiting>> {
    Ok(sqlx::query_as!(
        Waiting,
        r#"SELECT class, state, count(*) AS "mails!", min(due_at) AS "oldest!" FROM emails_waiting GROUP BY class, state"#
    )
    .fetch_all(conn)
    .await?)
}

/// Queues those of an organization's failed mails again that a filter names. Returns how many.
///
/// Not letters of which nobody knows whether they arrived: each of those is decided about alone.
///
/// # Errors
/// A database error.
pub async fn retry_all(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    organization: Uuid,
    filter: Option<&Filter>,
) -> Result<u64> {
    let mut query = QueryBuilder::<Postgres>::new(
        "WITH back AS (DELETE FROM emails_settled WHERE state = 'failed' AND organization_id = ",
    );
    query.push_bind(organization);
    if let Some(filter) = filter {
        query.push(" AND ");
        filter.push_sql(&mut query);
    }
    query.push(
        " RETURNING id, organization_id, class, kind, lane, refs, protected, created_at)
         INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at)
         SELECT id, organization_id, class, kind, lane, refs, protected, 'queued', ",
    );
    query.push_bind(now);
    query.push(", created_at FROM back");
    Ok(query.build().execute(conn).await?.rows_affected())
}

/// Is the database's number below this one? Then it was restored from a copy, and everything is paused.
pub(in crate::mail) async fn is_behind(conn: &mut PgConnection, number: i64, now: DateTime<Utc>) -> Result<bool> {
    // taken over, so that the pause is set once and may be lifted
    let done = sqlx::query!("UPDATE mail_epoch SET number = $1 WHERE number < $1", number).execute(&mut *conn).await?;
    let is_behind = done.rows_affected() == 1;
    if is_behind {
        pause(conn, "everything", "restored", now).await?;
    }
    Ok(is_behind)
}

/// Counts the epoch up.
pub(in crate::mail) async fn next_epoch(conn: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar!("UPDATE mail_epoch SET number = number + 1 RETURNING number").fetch_one(conn).await?)
}

/// Adds to the counts of a day: sent and failed, by provider.
pub(in crate::mail) async fn add_to_domains(
    conn: &mut PgConnection,
    day: NaiveDate,
    rows: &[(&str, [i64; 2])],
) -> Result<()> {
    let (domains, (sent, failed)): (Vec<String>, (Vec<i64>, Vec<i64>)) =
        rows.iter().map(|(domain, [sent, failed])| ((*domain).to_owned(), (*sent, *failed))).unzip();
    sqlx::query!(
        "INSERT INTO mail_domains AS d (day, domain, sent, failed)
         SELECT $1, v.domain, v.sent, v.failed FROM unnest($2::text[], $3::bigint[], $4::bigint[]) v (domain, sent, failed)
         ON CONFLICT (day, domain) DO UPDATE SET sent = d.sent + excluded.sent, failed = d.failed + excluded.failed",
        day,
        &domains,
        &sent,
        &failed
    )
    .execute(conn)
    .await?;
    Ok(())
}
