//! SQL of the mail epoch: a counter that is advanced while mail is sent, by which a restored database is detected
//! (`restore_guard`).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::error::Result;

/// Identity of a database cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mail) struct Server {
    /// System identifier (`pg_control_system`), the same on all standbys of a cluster.
    pub(in crate::mail) system: i64,
    /// Timeline (`pg_control_checkpoint`); goes up at each promotion and each point-in-time recovery.
    pub(in crate::mail) timeline: i32,
}

/// Reads the cluster's identity; `None` where the database role may not (a managed Postgres).
pub(in crate::mail) async fn server(conn: &mut PgConnection) -> Result<Option<Server>> {
    let read = sqlx::query_as!(
        Server,
        r#"SELECT s.system_identifier AS "system!", c.timeline_id AS "timeline!" FROM pg_control_system() s, pg_control_checkpoint() c"#
    )
    .fetch_one(conn)
    .await;
    match read {
        Ok(server) => Ok(Some(server)),
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42501" | "42883")) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The epoch, and the start time of the server.
pub(in crate::mail) async fn number(conn: &mut PgConnection) -> Result<(i64, DateTime<Utc>)> {
    let row = sqlx::query!(
        r#"SELECT coalesce((SELECT number FROM mail_epoch), 0) AS "number!", pg_postmaster_start_time() AS "started!""#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.number, row.started))
}

/// Has this database never had a mail?
pub(in crate::mail) async fn is_fresh(conn: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT (SELECT number FROM mail_epoch) = 0 AND NOT EXISTS (SELECT FROM emails) AS "is_fresh!""#
    )
    .fetch_one(conn)
    .await?)
}

/// Advances the epoch and returns it.
pub(in crate::mail) async fn next_number(conn: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar!("UPDATE mail_epoch SET number = number + 1 RETURNING number").fetch_one(conn).await?)
}

/// Pauses all mail for a reason of the restore guard, and raises the epoch to `reached`: after the pause is lifted
/// the same comparison does not set it again.
pub(in crate::mail) async fn pause_behind(
    conn: &mut PgConnection,
    reached: i64,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!("UPDATE mail_epoch SET number = greatest(number, $1)", reached).execute(&mut *conn).await?;
    // replaces the reason of an organizer's pause: lifting a pause for another reason would not mean that somebody
    // has looked
    sqlx::query!(
        "INSERT INTO mail_pauses (scope, reason, created_at) VALUES ('everything', $1, $2)
         ON CONFLICT (scope) DO UPDATE SET reason = excluded.reason",
        reason,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Accepts this database as the current one: raises the epoch to at least `reached` and lifts a pause with one of
/// `reasons`, those of the restore guard. Returns the epoch, and whether there was such a pause.
pub(in crate::mail) async fn accept(
    conn: &mut PgConnection,
    reached: i64,
    reasons: &[String],
    now: DateTime<Utc>,
) -> Result<(i64, bool)> {
    let number = sqlx::query_scalar!("UPDATE mail_epoch SET number = greatest(number, $1) RETURNING number", reached)
        .fetch_one(&mut *conn)
        .await?;
    let lifted = sqlx::query_scalar!(
        r#"WITH gone AS (
               DELETE FROM mail_pauses WHERE scope = 'everything' AND reason = ANY ($1) RETURNING scope, created_at
           ), kept AS (
               INSERT INTO mail_pauses_ended (scope, began_at, ended_at) SELECT scope, created_at, $2 FROM gone
           )
           SELECT count(*) > 0 AS "lifted!" FROM gone"#,
        reasons,
        now
    )
    .fetch_one(conn)
    .await?;
    Ok((number, lifted))
}
