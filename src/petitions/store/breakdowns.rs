//! SQL of when breakdowns are due.

use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{campaigns::MIN_TOTAL_FOR_BREAKDOWN, error::Result, kernel::db::force_index_plan};

/// Some petitions whose breakdowns are due.
pub(crate) async fn due(tx: &mut PgConnection, today: NaiveDate, most: i64) -> Result<Vec<Uuid>> {
    force_index_plan(tx).await?;
    Ok(sqlx::query_scalar!(
        "SELECT id FROM petitions WHERE breakdowns_due_on <= $1 ORDER BY breakdowns_due_on LIMIT $2",
        today,
        most
    )
    .fetch_all(tx)
    .await?)
}

/// Makes the breakdowns of these petitions due on a day: of those that show them and are not due on it or later already.
/// Others of them are not due any more. Returns those that are due now.
pub(crate) async fn schedule(conn: &mut PgConnection, petitions: &[Uuid], on: NaiveDate) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        r#"WITH scheduled AS (
             UPDATE petitions p SET breakdowns_due_on = s.due_on
             FROM (SELECT a.id, CASE WHEN a.privacy = 'standard' AND a.state NOT IN ('draft', 'archived') AND a.published_count >= $3
                                          AND q.shows_breakdowns AND NOT coalesce((o.abuse_settings ->> 'breakdowns_paused')::boolean, false)
                                     THEN $2::date END AS due_on
                   FROM petitions q JOIN actions a ON a.id = q.id JOIN organizations o ON o.id = a.organization_id
                   WHERE q.id = ANY ($1)) s
             WHERE p.id = s.id AND (p.breakdowns_due_on IS NULL OR p.breakdowns_due_on < $2) AND p.breakdowns_due_on IS DISTINCT FROM s.due_on
             RETURNING p.id, p.breakdowns_due_on
         )
         SELECT id AS "id!" FROM scheduled WHERE breakdowns_due_on IS NOT NULL"#,
        petitions,
        on,
        MIN_TOTAL_FOR_BREAKDOWN
    )
    .fetch_all(conn)
    .await?)
}
