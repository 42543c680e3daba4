//! Counts: acts append deltas, the tick folds them, one published number per action moves only then.
//!
//! Nothing here counts rows. Exact numbers (with a token) are folded counts plus deltas that wait, so they include one's
//! own write; the public sees [`publish`]ed numbers only.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Result;

/// Deltas folded in one transaction, at most.
const BATCH: i64 = 20_000;

/// The exact total of an action.
///
/// # Errors
/// A database error.
pub async fn exact_total(conn: &mut PgConnection, action: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT (coalesce((SELECT value FROM action_counts WHERE action_id = $1 AND dimension = 'total' AND key = ''), 0)
                 + coalesce((SELECT sum(delta) FROM action_count_deltas WHERE action_id = $1 AND dimension = 'total'), 0))::bigint AS "n!""#,
        action
    )
    .fetch_one(conn)
    .await?)
}

/// Folds waiting deltas into the counts. Several processes may do it at once: each takes rows that no other holds.
/// Returns how many were folded.
///
/// # Errors
/// A database error.
pub async fn fold(db: &PgPool) -> Result<u64> {
    let mut folded = 0;
    loop {
        // rows are taken and added in one statement, so a reader sees each delta exactly once
        let batch = sqlx::query_scalar!(
            r#"WITH taken AS (
                   DELETE FROM action_count_deltas WHERE id IN (SELECT id FROM action_count_deltas ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
                   RETURNING action_id, dimension, key, delta
               ), added AS (
                   INSERT INTO action_counts AS c (action_id, dimension, key, value)
                   SELECT action_id, dimension, key, sum(delta) FROM taken GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                   ON CONFLICT (action_id, dimension, key) DO UPDATE SET value = c.value + excluded.value
               )
               SELECT count(*) AS "n!" FROM taken"#,
            BATCH
        )
        .fetch_one(db)
        .await?;
        folded += batch.unsigned_abs();
        if batch < BATCH {
            return Ok(folded);
        }
    }
}

/// Which published numbers move on a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Of actions that ask for confirmation.
    Confirmed,
    /// Of actions that do not: less often and floored to ten, so that nobody can watch one particular signature arrive.
    Unconfirmed,
}

/// Publishes the numbers of a tick. Returns how many moved.
///
/// # Errors
/// A database error.
pub async fn publish(db: &PgPool, tick: Tick, now: DateTime<Utc>) -> Result<u64> {
    let (confirmation, step) = match tick {
        Tick::Confirmed => ("email", 1),
        Tick::Unconfirmed => ("none", 10_i64),
    };
    let published = sqlx::query!(
        "UPDATE actions a SET published_count = c.value / $2 * $2, published_at = $3
         FROM action_counts c
         WHERE c.action_id = a.id AND c.dimension = 'total' AND c.key = '' AND a.confirmation = $1
           AND a.published_count <> c.value / $2 * $2 AND c.value >= 0",
        confirmation,
        step,
        now
    )
    .execute(db)
    .await?;
    let events = sqlx::query!(
        "UPDATE events e SET published_status = s.status
         FROM (SELECT id, CASE WHEN capacity IS NULL OR (seats_taken < capacity AND NOT EXISTS (SELECT FROM attendances w WHERE w.event_id = events.id AND w.state = 'waitlisted')) THEN 'open'
                               WHEN waitlist THEN 'waitlist' ELSE 'closed' END AS status FROM events) s, actions a
         WHERE s.id = e.id AND a.id = e.id AND a.confirmation = $1 AND e.published_status <> s.status",
        confirmation
    )
    .execute(db)
    .await?;
    Ok(published.rows_affected() + events.rows_affected())
}
