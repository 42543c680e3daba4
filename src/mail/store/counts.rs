//! Mail statistics of an organization: settled mail from counters, waiting mail from the first rows of the queue.
//!
//! A trigger on `emails_settled` appends the changes of each statement to `mail_count_deltas`; the tick folds them into
//! `mail_counts`, `mail_minutes` and `mail_lane_users`. Reads return the sum of both, so they include one's own writes.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{Acquire, PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::keyset_pagination::{MAX_SCANNED_ROWS, force_index_scans},
    mail::kinds::{Class, EmailState},
};

/// Maximum number of deltas folded in one transaction.
const FOLD_BATCH_SIZE: i64 = 20_000;

/// Number of mails of a class in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailCount {
    /// The class.
    pub class: Class,
    /// The state.
    pub state: EmailState,
    /// The number of mails.
    pub count: i64,
    /// The number is extrapolated, because more mails wait than are counted one by one.
    pub is_estimate: bool,
    /// When the oldest was queued; of settled mails, the first day of which some are kept.
    pub oldest: DateTime<Utc>,
}

/// Mail statistics of an organization.
#[derive(Clone, Debug, Default)]
pub struct MailCounts {
    /// By class and state, in the order of priority.
    pub rows: Vec<MailCount>,
    /// Overdue mails among those counted one by one: queued ones without a lane that were due before the limit, and
    /// mails being sent whose lease expired before it.
    pub late: i64,
}

struct Waiting {
    class: Class,
    mails: i64,
    oldest: DateTime<Utc>,
    late: i64,
}

/// Mail statistics of an organization. `late` is the limit for [`MailCounts::late`].
pub async fn mail_counts(conn: &mut PgConnection, organization: Uuid, late: DateTime<Utc>) -> Result<MailCounts> {
    let mut tx = conn.begin().await?;
    force_index_scans(&mut tx).await?;
    let front = i64::try_from(MAX_SCANNED_ROWS).unwrap_or(i64::MAX);
    let settled = sqlx::query!(
        r#"SELECT class AS "class!: Class", state AS "state!: EmailState", sum(n)::bigint AS "mails!", min(day) FILTER (WHERE n > 0) AS "day!"
           FROM (SELECT class, state, mails AS n, day FROM mail_counts WHERE organization_id = $1
                 UNION ALL
                 SELECT class, state, delta, (settled_at AT TIME ZONE 'UTC')::date FROM mail_count_deltas WHERE organization_id = $1) c
           GROUP BY class, state HAVING sum(n) > 0"#,
        organization
    )
    .fetch_all(&mut *tx)
    .await?;
    let queued = sqlx::query_as!(
        Waiting,
        r#"SELECT class AS "class!: Class", count(*) AS "mails!", min(created_at) AS "oldest!",
                  count(*) FILTER (WHERE due_at < $2 AND lane = '') AS "late!"
           FROM (SELECT organization_id, class, created_at, due_at, lane FROM emails_waiting
                 WHERE state = 'queued' ORDER BY id LIMIT $3) front
           WHERE organization_id = $1
           GROUP BY class"#,
        organization,
        late,
        front
    )
    .fetch_all(&mut *tx)
    .await?;
    let sending = sqlx::query_as!(
        Waiting,
        r#"SELECT class AS "class!: Class", count(*) AS "mails!", min(created_at) AS "oldest!",
                  count(*) FILTER (WHERE lease_until < $2) AS "late!"
           FROM emails_waiting WHERE state = 'sending' AND organization_id = $1 GROUP BY class"#,
        organization,
        late
    )
    .fetch_all(&mut *tx)
    .await?;
    // the first rows of the queue are extrapolated to its estimated length
    let is_estimate = more_wait_than(&mut tx, front).await?;
    let queue = if is_estimate { estimate_waiting(&mut tx).await?.max(front) } else { front };
    tx.commit().await?;

    let mut counts = MailCounts { rows: Vec::new(), late: queued.iter().chain(&sending).map(|row| row.late).sum() };
    for row in queued {
        let count = row.mails.saturating_mul(queue) / front;
        counts.rows.push(MailCount {
            class: row.class,
            state: EmailState::Queued,
            count,
            is_estimate,
            oldest: row.oldest,
        });
    }
    for row in sending {
        let (count, oldest) = (row.mails, row.oldest);
        let (class, state) = (row.class, EmailState::Sending);
        counts.rows.push(MailCount { class, state, count, is_estimate: false, oldest });
    }
    for row in settled {
        let oldest = row.day.and_time(chrono::NaiveTime::MIN).and_utc();
        let (class, state, count) = (row.class, row.state, row.mails);
        counts.rows.push(MailCount { class, state, count, is_estimate: false, oldest });
    }
    counts.rows.sort_by_key(|row| (row.class, row.state.as_str()));
    Ok(counts)
}

/// Do more mails wait than this number?
async fn more_wait_than(conn: &mut PgConnection, mails: i64) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM emails_waiting WHERE state = 'queued' ORDER BY id OFFSET $1 LIMIT 1) AS "more!""#,
        mails
    )
    .fetch_one(conn)
    .await?)
}

/// The planner's estimate of the number of waiting mails of all organizations.
async fn estimate_waiting(conn: &mut PgConnection) -> Result<i64> {
    let sql = "EXPLAIN (FORMAT JSON) SELECT FROM emails_waiting WHERE state = 'queued'";
    let plan: Value = sqlx::query_scalar(sql).fetch_one(conn).await?;
    Ok(plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_i64).unwrap_or(0))
}

/// Number of an organization's mails sent since `since`, to the minute. Only the last two hours are kept.
pub async fn sent_since(conn: &mut PgConnection, organization: Uuid, since: DateTime<Utc>) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT (coalesce((SELECT sum(sent) FROM mail_minutes WHERE organization_id = $1 AND minute >= date_trunc('minute', $2::timestamptz)), 0)
                 + coalesce((SELECT sum(delta) FROM mail_count_deltas WHERE organization_id = $1 AND state = 'sent' AND settled_at >= $2), 0))::bigint AS "n!""#,
        organization,
        since
    )
    .fetch_one(conn)
    .await?)
}

/// Folds the deltas into the counts. Several processes may do so at once: each takes rows that no other has locked.
/// Returns the number of deltas folded.
pub async fn fold_counts(db: &PgPool) -> Result<u64> {
    let mut folded = 0;
    loop {
        // rows are deleted and added in one statement, so a reader sees each delta exactly once
        let batch = sqlx::query_scalar!(
            r#"WITH taken AS (
                   DELETE FROM mail_count_deltas WHERE id IN (SELECT id FROM mail_count_deltas ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
                   RETURNING organization_id, class, state, lane, settled_at, delta
               ), counted AS (
                   INSERT INTO mail_counts AS c (organization_id, class, state, day, mails)
                   SELECT organization_id, class, state, (settled_at AT TIME ZONE 'UTC')::date, sum(delta) FROM taken
                   GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
                   ON CONFLICT (organization_id, class, state, day) DO UPDATE SET mails = c.mails + excluded.mails
               ), paced AS (
                   INSERT INTO mail_minutes AS m (organization_id, minute, sent)
                   SELECT organization_id, date_trunc('minute', settled_at), sum(delta) FROM taken WHERE state = 'sent'
                   GROUP BY 1, 2 ORDER BY 1, 2
                   ON CONFLICT (organization_id, minute) DO UPDATE SET sent = m.sent + excluded.sent
               ), used AS (
                   INSERT INTO mail_lane_users AS u (organization_id, lane, day)
                   SELECT organization_id, lane, max((settled_at AT TIME ZONE 'UTC')::date) FROM taken WHERE lane <> '' AND delta > 0
                   GROUP BY 1, 2 ORDER BY 1, 2
                   ON CONFLICT (organization_id, lane) DO UPDATE SET day = excluded.day WHERE u.day < excluded.day
               )
               SELECT count(*) AS "n!" FROM taken"#,
            FOLD_BATCH_SIZE
        )
        .fetch_one(db)
        .await?;
        folded += batch.unsigned_abs();
        if batch < FOLD_BATCH_SIZE {
            return Ok(folded);
        }
    }
}

/// Deletes the counts of months that ended by the day `before` (their mails are dropped, too), and counts by minute
/// older than two hours.
pub(in crate::mail) async fn forget_counts(
    conn: &mut PgConnection,
    before: chrono::NaiveDate,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!("DELETE FROM mail_counts WHERE day < date_trunc('month', $1::date)", before)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("DELETE FROM mail_lane_users WHERE day < date_trunc('month', $1::date)", before)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("DELETE FROM mail_minutes WHERE minute < $1", now - chrono::TimeDelta::hours(2)).execute(conn).await?;
    Ok(())
}
