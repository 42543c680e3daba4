//! The tables `event_joins` and `event_join_marks`: how many have joined online.

use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// Counts somebody who joins on `day`, unless the mark was counted before. `marked_on` is the day of the mark's secret; marks of
/// earlier days are of no use and go.
pub(crate) async fn count_join(
    conn: &mut PgConnection,
    event: Uuid,
    mark: &[u8],
    marked_on: NaiveDate,
    day: NaiveDate,
) -> Result<()> {
    sqlx::query!("DELETE FROM event_join_marks WHERE event_id = $1 AND day < $2", event, marked_on)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "WITH marked AS (
             INSERT INTO event_join_marks (event_id, mark, day) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING event_id
         )
         INSERT INTO event_joins AS j (event_id, day, joined) SELECT event_id, $4, 1 FROM marked
         ON CONFLICT (event_id, day) DO UPDATE SET joined = j.joined + 1",
        event,
        mark,
        marked_on,
        day
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many have joined on each day, the earliest first.
pub(crate) async fn joins(conn: &mut PgConnection, event: Uuid) -> Result<Vec<(NaiveDate, i32)>> {
    let rows = sqlx::query!("SELECT day, joined FROM event_joins WHERE event_id = $1 ORDER BY day", event)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.day, row.joined)).collect())
}
