//! SQL of pauses, of the metrics of waiting mail, of retrying failed mail and of provider counts.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{Acquire, FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{db::force_index_plan, filter::Filter},
    mail::kinds::{Class, EmailState},
};

/// Scope of a pause of all mail.
pub const EVERYTHING: &str = "everything";

/// A pause, for the whole installation.
#[derive(Clone, Debug)]
pub struct Pause {
    /// A class, or [`EVERYTHING`].
    pub scope: String,
    /// A reason of the restore guard (`restored`, `other_database`, `unverified`), or an organizer's text.
    pub reason: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
}

/// A pause of the mail of one organization.
#[derive(Clone, Debug)]
pub struct OrganizationPause {
    /// Whose mail is paused.
    pub organization_id: Uuid,
    /// A class, or [`EVERYTHING`].
    pub scope: String,
    /// An organizer's text.
    pub reason: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
}

/// The pauses of organizations that are in effect, by scope; of one organization or of all.
pub async fn organization_pauses(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
) -> Result<Vec<OrganizationPause>> {
    Ok(sqlx::query_as!(
        OrganizationPause,
        "SELECT organization_id, scope, reason, created_at FROM mail_organization_pauses
         WHERE $1::uuid IS NULL OR organization_id = $1 ORDER BY scope",
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// Pauses a class or everything of an organization's mail; otherwise as [`pause`].
pub async fn pause_organization(
    conn: &mut PgConnection,
    organization: Uuid,
    scope: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_organization_pauses (organization_id, scope, reason, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id, scope) DO NOTHING",
        organization,
        scope,
        reason,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a pause of an organization's mail; otherwise as [`resume_at`].
pub async fn resume_organization(
    conn: &mut PgConnection,
    organization: Uuid,
    scope: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM mail_organization_pauses WHERE organization_id = $1 AND scope = $2
                       RETURNING organization_id, scope, created_at)
         INSERT INTO mail_pauses_ended (organization_id, scope, began_at, ended_at)
         SELECT organization_id, scope, created_at, $3 FROM gone",
        organization,
        scope,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Does a pause of this scope stop mail of this class?
pub(in crate::mail) fn is_stopped_by(scope: &str, class: Class) -> bool {
    scope == EVERYTHING || scope == class.as_str()
}

/// The pauses in effect, by scope.
pub async fn pauses(conn: &mut PgConnection) -> Result<Vec<Pause>> {
    Ok(sqlx::query_as!(Pause, "SELECT scope, reason, created_at FROM mail_pauses ORDER BY scope")
        .fetch_all(conn)
        .await?)
}

/// Pauses a class or everything. A message whose content is being transmitted is not stopped. An existing pause of the
/// scope stays as it is.
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
    /// Whose mail was paused; `None`: everybody's.
    pub(in crate::mail) organization_id: Option<Uuid>,
    pub(in crate::mail) scope: String,
    pub(in crate::mail) began_at: DateTime<Utc>,
    pub(in crate::mail) ended_at: DateTime<Utc>,
}

/// The pauses that ended after `after`, by their begin.
pub(in crate::mail) async fn pauses_ended(conn: &mut PgConnection, after: DateTime<Utc>) -> Result<Vec<PastPause>> {
    Ok(sqlx::query_as!(
        PastPause,
        "SELECT organization_id, scope, began_at, ended_at FROM mail_pauses_ended WHERE ended_at > $1 ORDER BY began_at",
        after
    )
    .fetch_all(conn)
    .await?)
}

/// Waiting mails of a class and state, for the metrics.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Waiting {
    pub(in crate::mail) class: Class,
    pub(in crate::mail) state: EmailState,
    /// How many, counted up to [`MAX_COUNTED`].
    pub(in crate::mail) mails: i64,
    /// Earliest due time.
    pub(in crate::mail) oldest: Option<DateTime<Utc>>,
}

/// Maximum number of mails counted for each class and state.
pub(in crate::mail) const MAX_COUNTED: i64 = 50_000;

/// Maximum number of lanes whose letters are counted.
const MAX_COUNTED_LANES: i32 = 2_000;

/// Number of waiting mails by class and state, with the earliest due time. Reads only the beginning of each index, so
/// that a long queue costs no more than a short one. Letters have two rows, with and without a lane.
pub(in crate::mail) async fn waiting(conn: &mut PgConnection) -> Result<Vec<Waiting>> {
    let mut tx = conn.begin().await?;
    force_index_plan(&mut tx).await?;
    let waiting = sqlx::query_as!(
        Waiting,
        r#"WITH RECURSIVE lanes (lane, n) AS ( -- from lane to lane along the index
               (SELECT lane, 1 FROM emails_waiting WHERE state = 'queued' AND lane <> '' ORDER BY lane LIMIT 1)
               UNION ALL
               SELECT (SELECT e.lane FROM emails_waiting e WHERE e.state = 'queued' AND e.lane <> '' AND e.lane > l.lane ORDER BY e.lane LIMIT 1), l.n + 1
               FROM lanes l WHERE l.lane IS NOT NULL AND l.n < $2
           )
           SELECT c.class AS "class!: Class", 'queued' AS "state!: EmailState", q.mails AS "mails!", q.oldest
           FROM (VALUES ('confirmation'), ('urgent'), ('letter'), ('notice'), ('update')) c (class)
           CROSS JOIN LATERAL (
               SELECT count(*) AS mails, min(due_at) AS oldest
               FROM (SELECT due_at FROM emails_waiting WHERE class = c.class AND state = 'queued' AND lane = '' ORDER BY due_at LIMIT $1) front) q
           UNION ALL
           SELECT 'letter', 'queued', count(*), min(e.due_at)
           FROM (SELECT e.due_at FROM lanes l
                 CROSS JOIN LATERAL (SELECT due_at FROM emails_waiting WHERE lane = l.lane AND state = 'queued' AND lane <> '' ORDER BY due_at LIMIT $1) e
                 WHERE l.lane IS NOT NULL LIMIT $1) e
           UNION ALL
           SELECT class, 'sending', count(*), min(due_at)
           FROM (SELECT class, due_at FROM emails_waiting WHERE state = 'sending' ORDER BY lease_until LIMIT $1) s GROUP BY class"#,
        MAX_COUNTED,
        MAX_COUNTED_LANES
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(waiting)
}

/// Prefix of `emails.failure` of a mail that could not be composed for a fault of ours.
pub(in crate::mail) const NOT_COMPOSED: &str = "not composed: ";

/// Selects the failed mails to be queued again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retry<'a> {
    /// Mails that match this filter; `None`: all.
    pub filter: Option<&'a Filter>,
    /// Only mails that could not be composed.
    pub not_composed: bool,
    /// Only mails that had failed by this time.
    pub failed_by: Option<DateTime<Utc>>,
}

/// Number of failed mails that one call of [`retry_some`] examines: their rows are moved in one transaction.
const RETRY_BATCH_SIZE: i64 = 2_000;

/// Result of [`retry_some`].
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Retried {
    /// Number of mails that were queued again.
    pub mails: i64,
    /// Id of the last mail that was examined; `None`: there are no more.
    pub next: Option<Uuid>,
}

/// Queues failed mails of an organization again, in the caller's transaction: those that match among the next
/// [`RETRY_BATCH_SIZE`] with an id above `after`.
///
/// Not `uncertain` letters: organizers decide about each of them.
pub async fn retry_some(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    organization: Uuid,
    which: Retry<'_>,
    after: Uuid,
) -> Result<Retried> {
    force_index_plan(conn).await?;
    let mut query = QueryBuilder::<Postgres>::new(
        "WITH examined AS MATERIALIZED (SELECT id FROM emails_settled WHERE state = 'failed' AND organization_id = ",
    );
    query
        .push_bind(organization)
        .push(" AND id > ")
        .push_bind(after)
        .push(" ORDER BY id LIMIT ")
        .push_bind(RETRY_BATCH_SIZE);
    query.push(
        "), back AS (DELETE FROM emails_settled WHERE id = ANY (ARRAY(SELECT id FROM examined)) AND state = 'failed'",
    );
    if which.not_composed {
        query.push(" AND failure LIKE ").push_bind(format!("%{NOT_COMPOSED}%"));
    }
    if let Some(failed_by) = which.failed_by {
        query.push(" AND settled_at <= ").push_bind(failed_by);
    }
    if let Some(filter) = which.filter {
        query.push(" AND ");
        filter.push_sql(&mut query);
    }
    query.push(
        " RETURNING id, organization_id, class, kind, lane, refs, protected, created_at
         ), queued AS (
             INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at, queued_at)
             SELECT id, organization_id, class, kind, lane, refs, protected, 'queued', ",
    );
    query.push_bind(now).push(", created_at, ").push_bind(now).push(" FROM back RETURNING 1)");
    query.push(
        " SELECT (SELECT count(*) FROM queued) AS mails,
                 CASE WHEN (SELECT count(*) FROM examined) = ",
    );
    query.push_bind(RETRY_BATCH_SIZE).push(" THEN (SELECT id FROM examined ORDER BY id DESC LIMIT 1) END AS next");
    Ok(query.build_query_as().persistent(false).fetch_one(conn).await?)
}

/// Queues failed mails of all organizations again, in several transactions. Returns how many. After an error, what was
/// committed before stays queued.
pub async fn retry_all(conn: &mut PgConnection, now: DateTime<Utc>, which: Retry<'_>) -> Result<i64> {
    let mut mails = 0;
    for organization in sqlx::query_scalar!("SELECT id FROM organizations ORDER BY id").fetch_all(&mut *conn).await? {
        let mut after = Some(Uuid::nil());
        while let Some(cursor) = after {
            let mut tx = conn.begin().await?;
            let retried = retry_some(&mut tx, now, organization, which, cursor).await?;
            tx.commit().await?;
            mails += retried.mails;
            after = retried.next;
        }
    }
    Ok(mails)
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
