//! Steps that petitions have reached.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// A petition and the highest step that it has just reached.
#[derive(Clone, Debug)]
pub struct ReachedMilestone {
    /// The petition.
    pub id: Uuid,
    /// Whose it is.
    pub organization_id: Uuid,
    /// The step.
    pub step: i64,
    /// The published number.
    pub count: i64,
    /// Its goal.
    pub goal: Option<i64>,
    /// Is the goal raised once it is reached?
    pub raises_goal: bool,
}

/// Takes some petitions whose number, goal or steps have changed since they were last looked at.
///
/// # Errors
/// A database error.
pub async fn take_moved(conn: &mut PgConnection, most: i64) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "DELETE FROM count_moves WHERE action_id IN (SELECT action_id FROM count_moves ORDER BY action_id LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING action_id",
        most
    )
    .fetch_all(conn)
    .await?)
}

/// Notes every step that the published numbers of these petitions have newly reached; returns the highest of each.
///
/// # Errors
/// A database error.
pub async fn mark_reached(
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

/// Takes back the steps that the published numbers of these petitions have fallen below, and the goals that were raised for
/// them.
///
/// # Errors
/// A database error.
pub async fn unmark_unreached(conn: &mut PgConnection, petitions: &[Uuid]) -> Result<()> {
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

/// Raises a petition's goal, and notes on the step of the old one that it was.
///
/// # Errors
/// A database error.
pub async fn raise_goal(conn: &mut PgConnection, petition: Uuid, goal: i64) -> Result<()> {
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

/// Notes the steps that a petition has passed without telling anybody.
///
/// # Errors
/// A database error.
pub async fn mark_passed(conn: &mut PgConnection, petition: Uuid, now: DateTime<Utc>) -> Result<()> {
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

/// The reached steps of petitions and when, lowest first.
///
/// # Errors
/// A database error.
pub async fn of_petitions(
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

/// Changes a petition's own steps and whether its goal is raised; `None` leaves them as they are. Those that it has passed are
/// noted on the next tick.
///
/// # Errors
/// A database error.
pub async fn set(
    conn: &mut PgConnection,
    petition: Uuid,
    steps: Option<&[i64]>,
    raises_goal: Option<bool>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE petitions SET milestones = coalesce($2, milestones), raises_goal = coalesce($3, raises_goal) WHERE id = $1",
        petition,
        steps,
        raises_goal
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("INSERT INTO count_moves (action_id) VALUES ($1) ON CONFLICT DO NOTHING", petition)
        .execute(conn)
        .await?;
    Ok(())
}
