//! SQL of pauses, of the metrics of waiting mail, of retrying failed mail and of provider counts.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::{error::Result, kernel::filter::Filter};

/// A pause, for the whole installation.
#[derive(Clone, Debug)]
pub struct Pause {
    /// A class, or `everything`.
    pub scope: String,
    /// A reason of the restore guard (`restored`, `other_database`, `unverified`), or an organizer's text.
    pub reason: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
}

/// The pauses in effect, by scope.
pub async fn pauses(conn: &mut PgConnection) -> Result<Vec<Pause>> {
    Ok(sqlx::query_as!(Pause, "SELECT scope, reason, created_at FROM mail_pauses ORDER BY scope")
        .fetch_all(conn)
        .await?)
}

/// Pauses a class or everything. Messages being sent are not stopped. An existing pause of the scope stays as it is.
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

/// Ends a pause. It is kept in `mail_pauses_ended`, because its time does not count towards the age of mails.
pub async fn resume_at(conn: &mut PgConnection, scope: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM mail_pauses WHERE scope = $1 RETURNING scope, created_at)
         INSERT INTO mail_pauses_ended (scope, began_at, ended_at) SELECT scope, created_at, $2 FROM gone",
        scope,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// As [`resume_at`], with the present time of the database's clock.
pub async fn resume(conn: &mut PgConnection, scope: &str) -> Result<()> {
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&mut *conn).await?;
    resume_at(conn, scope, now).await
}

/// A pause that has ended.
#[derive(Clone, Debug)]
pub(in crate::mail) struct PastPause {
    pub(in crate::mail) scope: String,
    pub(in crate::mail) began_at: DateTime<Utc>,
    pub(in crate::mail) ended_at: DateTime<Utc>,
}

/// The pauses that ended after `after`, by their begin.
pub(in crate::mail) async fn pauses_ended(conn: &mut PgConnection, after: DateTime<Utc>) -> Result<Vec<PastPause>> {
    Ok(sqlx::query_as!(
        PastPause,
        "SELECT scope, began_at, ended_at FROM mail_pauses_ended WHERE ended_at > $1 ORDER BY began_at",
        after
    )
    .fetch_all(conn)
    .await?)
}

/// Waiting mails of a class and state, for the metrics.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Waiting {
    pub(in crate::mail) class: String,
    pub(in crate::mail) state: String,
    pub(in crate::mail) mails: i64,
    pub(in crate::mail) oldest: DateTime<Utc>,
}

/// Number of waiting mails by class and state, with the earliest due time.
pub(in crate::mail) async fn waiting(conn: &mut PgConnection) -> Result<Vec<Waiting>> {
    Ok(sqlx::query_as!(
        Waiting,
        r#"SELECT class, state, count(*) AS "mails!", min(due_at) AS "oldest!" FROM emails_waiting GROUP BY class, state"#
    )
    .fetch_all(conn)
    .await?)
}

/// Prefix of `emails.failure` of a mail that could not be composed for a fault of ours.
pub(in crate::mail) const NOT_COMPOSED: &str = "not composed: ";

/// Selects the failed mails to be queued again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retry<'a> {
    /// Mails of this organization; `None`: of all organizations (command line).
    pub organization: Option<Uuid>,
    /// Mails that match this filter; `None`: all.
    pub filter: Option<&'a Filter>,
    /// Only mails that could not be composed.
    pub not_composed: bool,
}

/// Queues failed mails again. Returns how many.
///
/// Not `uncertain` letters: organizers decide about each of them.
pub async fn retry_all(conn: &mut PgConnection, now: DateTime<Utc>, which: Retry<'_>) -> Result<u64> {
    let mut query = QueryBuilder::<Postgres>::new("WITH back AS (DELETE FROM emails_settled WHERE state = 'failed'");
    if let Some(organization) = which.organization {
        query.push(" AND organization_id = ").push_bind(organization);
    }
    if which.not_composed {
        query.push(" AND failure LIKE ").push_bind(format!("%{NOT_COMPOSED}%"));
    }
    if let Some(filter) = which.filter {
        query.push(" AND ");
        filter.push_sql(&mut query);
    }
    query.push(
        " RETURNING id, organization_id, class, kind, lane, refs, protected, created_at)
         INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at, queued_at)
         SELECT id, organization_id, class, kind, lane, refs, protected, 'queued', ",
    );
    query.push_bind(now);
    query.push(", created_at, ").push_bind(now).push(" FROM back");
    Ok(query.build().execute(conn).await?.rows_affected())
}

/// Adds to the counts of a day: `[sent, failed]` by provider.
pub(in crate::mail) async fn add_provider_counts(
    conn: &mut PgConnection,
    day: NaiveDate,
    rows: &[(&str, [i64; 2])],
) -> Result<()> {
    let (providers, (sent, failed)): (Vec<String>, (Vec<i64>, Vec<i64>)) =
        rows.iter().map(|(provider, [sent, failed])| ((*provider).to_owned(), (*sent, *failed))).unzip();
    sqlx::query!(
        "INSERT INTO mail_provider_counts AS d (day, provider, sent, failed)
         SELECT $1, v.provider, v.sent, v.failed FROM unnest($2::text[], $3::bigint[], $4::bigint[]) v (provider, sent, failed)
         ON CONFLICT (day, provider) DO UPDATE SET sent = d.sent + excluded.sent, failed = d.failed + excluded.failed",
        day,
        &providers,
        &sent,
        &failed
    )
    .execute(conn)
    .await?;
    Ok(())
}
