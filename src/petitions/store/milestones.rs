//! SQL of milestones.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// A petition and the highest milestone that it has just reached.
#[derive(Clone, Debug)]
pub(crate) struct ReachedMilestone {
    /// The petition.
    pub id: Uuid,
    /// Its organization.
    pub organization_id: Uuid,
    /// The milestone: a number of signatures.
    pub step: i64,
    /// The published number.
    pub count: i64,
    /// Its goal.
    pub goal: Option<i64>,
    /// Is the goal raised once it is reached?
    pub raises_goal: bool,
}

/// Dequeues some petitions whose number or settings have changed since they were last processed.
pub(crate) async fn take_moved(conn: &mut PgConnection, most: i64) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "DELETE FROM count_moves WHERE action_id IN (SELECT action_id FROM count_moves ORDER BY action_id LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING action_id",
        most
    )
    .fetch_all(conn)
    .await?)
}

/// Records the milestones that these petitions have newly reached; returns the highest of each.
pub(crate) async fn mark_reached(
    conn: &mut PgConnection,
    petitions: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<ReachedMilestone>> {
    Ok(sqlx::query_as!(
        ReachedMilestone,
        r#"WITH passed AS (
               SELECT p.id, s.step
               FROM petitions p JOIN actions a ON a.id = p.id,
                    LATERAL (SELECT unnest(p.milestones) UNION SELECT greatest((p.goal * q + 99) / 100, 1) FROM unnest('{25,50,75,100}'::bigint[]) q) s (step)
               WHERE p.id = ANY ($2) AND a.published_count > 0 AND s.step <= a.published_count
           ), new AS (
               INSERT INTO milestones (petition_id, step, reached_at) SELECT id, step, $1 FROM passed
               ON CONFLICT DO NOTHING RETURNING petition_id, step
           )
           SELECT a.id, a.organization_id, n.step AS "step!", a.published_count AS count, p.goal, p.raises_goal
           FROM (SELECT petition_id, max(step) AS step FROM new GROUP BY 1) n
           JOIN actions a ON a.id = n.petition_id JOIN petitions p ON p.id = a.id
           ORDER BY a.id"#,
        now,
        petitions
    )
    .fetch_all(conn)
    .await?)
}

/// Deletes milestones that the published numbers of these petitions have fallen below, and restores the goals that
/// were raised for them.
pub(crate) async fn unmark_unreached(conn: &mut PgConnection, petitions: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "WITH gone AS (
             DELETE FROM milestones m USING actions a WHERE m.petition_id = ANY ($1) AND a.id = m.petition_id AND a.published_count < m.step
             RETURNING m.petition_id, m.raised_from, m.raised_to
         )
         UPDATE petitions p SET goal = g.raised_from FROM gone g
         WHERE g.petition_id = p.id AND g.raised_from IS NOT NULL AND p.goal = g.raised_to",
        petitions
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Raises a petition's goal, and records it at the milestone of the former one.
pub(crate) async fn raise_goal(conn: &mut PgConnection, petition: Uuid, goal: i64) -> Result<()> {
    sqlx::query!(
        "WITH noted AS (
             UPDATE milestones m SET raised_from = p.goal, raised_to = $2 FROM petitions p
             WHERE p.id = $1 AND m.petition_id = p.id AND m.step = p.goal
         )
         UPDATE petitions SET goal = $2 WHERE id = $1",
        petition,
        goal
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records milestones that a petition has reached, without a mail.
pub(crate) async fn mark_passed(conn: &mut PgConnection, petition: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO milestones (petition_id, step, reached_at)
         SELECT p.id, s.step, $2
         FROM petitions p JOIN actions a ON a.id = p.id,
              LATERAL (SELECT greatest((p.goal * q + 99) / 100, 1) FROM unnest('{25,50,75,100}'::bigint[]) q) s (step)
         WHERE p.id = $1 AND s.step <= a.published_count
         ON CONFLICT DO NOTHING",
        petition,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The reached milestones of petitions with their times, lowest first.
pub(crate) async fn of_petitions(
    conn: &mut PgConnection,
    petitions: &[Uuid],
) -> Result<HashMap<Uuid, Vec<(i64, DateTime<Utc>)>>> {
    let rows = sqlx::query!(
        "SELECT petition_id, step, reached_at FROM milestones WHERE petition_id = ANY ($1) ORDER BY step",
        petitions
    )
    .fetch_all(conn)
    .await?;
    let mut reached: HashMap<Uuid, Vec<_>> = HashMap::new();
    for row in rows {
        reached.entry(row.petition_id).or_default().push((row.step, row.reached_at));
    }
    Ok(reached)
}
