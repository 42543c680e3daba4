//! The recount: whether the counts of a petition are what its rows say.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Result;

/// How far the counts of an action were off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The action.
    pub action: Uuid,
    /// Cells that were wrong, and by how much.
    pub cells: Vec<(String, String, i64)>,
}

/// Compares the counts of the petition that was verified longest ago with its rows, repairs them and notes the time.
/// `None` when all were verified after `since`.
///
/// Signers do not wait: rows, counts and waiting deltas are read in one snapshot, and what is wrong is mended by a delta.
///
/// # Errors
/// A database error.
pub async fn verify_next(db: &PgPool, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Repair>> {
    let mut tx = db.begin().await?;
    let next = sqlx::query_scalar!(
        "SELECT id FROM actions WHERE kind = 'petition' AND coalesce(verified_at, '-infinity') < $1
         ORDER BY verified_at NULLS FIRST, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
        since
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(action) = next else { return Ok(None) };
    let cells = recount(&mut tx, action, now).await?;
    tx.commit().await?;
    if !cells.is_empty() {
        metrics::counter!("muster_counts_repaired").increment(cells.len() as u64);
        tracing::error!(%action, ?cells, "counts were wrong and have been repaired");
    }
    Ok(Some(Repair { action, cells }))
}

/// Compares one petition's counts with its rows and repairs them, in the caller's transaction.
///
/// # Errors
/// A database error.
pub async fn recount(conn: &mut PgConnection, action: Uuid, now: DateTime<Utc>) -> Result<Vec<(String, String, i64)>> {
    // one statement, one snapshot: rows, counts and deltas as they were at one moment. Rows that were erased for good
    // are known by their number only, so the total stands for them; the other dimensions may lose them.
    let wrong = sqlx::query!(
        r#"WITH truth AS (
               SELECT d.dimension, d.key, count(*) AS value
               FROM signatures s JOIN actions a ON a.id = s.petition_id,
                    LATERAL (VALUES ('total', ''), ('day', to_char(s.counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('country', s.country),
                                    ('region', s.country || '-' || s.region), ('locale', s.locale), ('source', s.source)) d (dimension, key)
               WHERE s.petition_id = $1 AND s.state = 'counted' AND d.key IS NOT NULL
               GROUP BY 1, 2
           ), kept AS (
               SELECT dimension, key, sum(value) AS value
               FROM (SELECT dimension, key, value FROM action_counts WHERE action_id = $1
                     UNION ALL SELECT dimension, key, delta FROM action_count_deltas WHERE action_id = $1
                     UNION ALL SELECT 'total', '', -erased_count FROM actions WHERE id = $1) c
               GROUP BY 1, 2
           ), wrong AS (
               SELECT dimension, key, coalesce(t.value, 0) - coalesce(k.value, 0) AS off
               FROM truth t FULL JOIN kept k USING (dimension, key)
               WHERE coalesce(t.value, 0) <> coalesce(k.value, 0)
                 AND (dimension = 'total' OR (SELECT erased_count = 0 FROM actions WHERE id = $1))
           ), mended AS (
               INSERT INTO action_count_deltas (action_id, dimension, key, delta) SELECT $1, dimension, key, off FROM wrong
           )
           SELECT dimension AS "dimension!", key AS "key!", off::bigint AS "off!" FROM wrong ORDER BY 1, 2"#,
        action
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!("UPDATE actions SET verified_at = $2 WHERE id = $1", action, now).execute(conn).await?;
    Ok(wrong.into_iter().map(|w| (w.dimension, w.key, w.off)).collect())
}
