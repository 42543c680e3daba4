//! The rows of `jobs`: asked for, claimed, given back, shown. Every write of a claim names its token, and what it was asked for.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Job, LEASE_DURATION, failure_message};
use crate::error::Result;

/// Days for which a failed job is remembered.
const FAILED_JOB_RETENTION_DAYS: i64 = 90;

/// Asks for a job's work, in the transaction that makes it necessary: from the beginning, without failures, from `at` on. A job
/// that is there already begins anew.
pub async fn enqueue(
    conn: &mut PgConnection,
    kind: &str,
    organization: Uuid,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO jobs AS j (kind, id, organization_id, next_at, created_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (kind, id) DO UPDATE SET state = 'running', attempts = 0, next_at = excluded.next_at, generation = j.generation + 1,
             cursor = NULL, done = 0, last_error = NULL",
        kind,
        id,
        organization,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a job, whoever makes a step of it.
pub async fn remove(conn: &mut PgConnection, kind: &str, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM jobs WHERE kind = $1 AND id = $2", kind, id).execute(conn).await?;
    Ok(())
}

/// How a job stands.
#[derive(Clone, Debug)]
pub struct JobStatus {
    /// The row that it works on.
    pub id: Uuid,
    /// `running` or `failed`.
    pub state: String,
    /// Rows dealt with since it was begun.
    pub done: i64,
    /// Where the kind goes on.
    pub cursor: Option<Uuid>,
    attempts: i32,
    next_at: DateTime<Utc>,
    last_error: Option<String>,
}

impl JobStatus {
    /// As it stands in the API: what organizers may know when it does not go on.
    pub fn body(&self) -> Value {
        json!({
            "state": self.state,
            "attempts": self.attempts,
            "next_attempt_date": (self.state == "running" && self.attempts > 0).then_some(self.next_at),
            "error": self.last_error.as_deref().map(|why| json!({"code": why, "detail": failure_message(why)})),
        })
    }
}

/// How the jobs of a kind stand that work on these rows; those that have ended are not there.
pub async fn statuses(conn: &mut PgConnection, kind: &str, ids: &[Uuid]) -> Result<HashMap<Uuid, JobStatus>> {
    let store = sqlx::query_as!(
        JobStatus,
        "SELECT id, state, done, cursor, attempts, next_at, last_error FROM jobs WHERE kind = $1 AND id = ANY ($2)",
        kind,
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(store.into_iter().map(|row| (row.id, row)).collect())
}

/// How the job of a kind stands that works on a row.
pub async fn status(conn: &mut PgConnection, kind: &str, id: Uuid) -> Result<Option<JobStatus>> {
    Ok(statuses(conn, kind, &[id]).await?.remove(&id))
}

/// Claims the job whose organization has waited longest for a step of this kind.
pub(super) async fn claim(db: &PgPool, kind: &str, token: Uuid, now: DateTime<Utc>) -> Result<Option<Job>> {
    Ok(sqlx::query_as!(
        Job,
        r#"WITH picked AS (
               SELECT j.kind, j.id, j.organization_id FROM jobs j
               LEFT JOIN job_last_steps t ON t.kind = j.kind AND t.organization_id = j.organization_id
               WHERE j.kind = $1 AND j.state = 'running' AND j.next_at <= $3 AND (j.lease_until IS NULL OR j.lease_until < clock_timestamp())
               ORDER BY coalesce(t.last_step_at, '-infinity'), j.next_at, j.id LIMIT 1 FOR UPDATE OF j SKIP LOCKED
           ), turn AS (
               INSERT INTO job_last_steps (kind, organization_id, last_step_at) SELECT kind, organization_id, clock_timestamp() FROM picked
               ON CONFLICT (kind, organization_id) DO UPDATE SET last_step_at = excluded.last_step_at
           )
           UPDATE jobs j SET claim_token = $2, lease_until = clock_timestamp() + make_interval(secs => $4),
               -- whoever claimed it before died in the middle
               attempts = CASE WHEN j.lease_until IS NULL THEN j.attempts ELSE least(j.attempts + 1, 10) END,
               last_error = CASE WHEN j.lease_until IS NULL THEN j.last_error ELSE 'worker_died' END
           FROM picked p WHERE j.kind = p.kind AND j.id = p.id
           RETURNING j.id, j.organization_id, j.cursor, j.kind, $2::uuid AS "token!", j.generation, j.attempts, j.last_error"#,
        kind,
        token,
        now,
        LEASE_DURATION.as_secs_f64()
    )
    .fetch_optional(db)
    .await?)
}

/// Prolongs a claim; false when it is another process's by now.
pub(super) async fn renew_lease(db: &PgPool, job: &Job) -> Result<bool> {
    let held = sqlx::query!(
        "UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => $4) WHERE kind = $1 AND id = $2 AND claim_token = $3",
        job.kind,
        job.id,
        job.token,
        LEASE_DURATION.as_secs_f64()
    )
    .execute(db)
    .await?;
    Ok(held.rows_affected() == 1)
}

/// Notes a place; false when the claim is not what it was.
pub(super) async fn save_progress(conn: &mut PgConnection, job: &Job, cursor: Uuid, done: i64) -> Result<bool> {
    let moved = sqlx::query!(
        "UPDATE jobs SET cursor = $5, done = done + $6 WHERE kind = $1 AND id = $2 AND claim_token = $3 AND generation = $4",
        job.kind,
        job.id,
        job.token,
        job.generation,
        cursor,
        done
    )
    .execute(conn)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Ends a job whose work is done; one that was begun anew meanwhile is given back.
pub(super) async fn finish(db: &PgPool, job: &Job, now: DateTime<Utc>) -> Result<()> {
    let gone = sqlx::query!(
        "DELETE FROM jobs WHERE kind = $1 AND id = $2 AND claim_token = $3 AND generation = $4",
        job.kind,
        job.id,
        job.token,
        job.generation
    )
    .execute(db)
    .await?;
    if gone.rows_affected() == 1 { Ok(()) } else { release(db, job, now, 0, None).await }
}

/// Gives a job back; one that was begun anew meanwhile is due as it was asked for.
pub(super) async fn release(
    db: &PgPool,
    job: &Job,
    next_at: DateTime<Utc>,
    attempts: i32,
    why: Option<&str>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE jobs SET claim_token = NULL, lease_until = NULL, next_at = CASE generation WHEN $4 THEN $5 ELSE next_at END,
                attempts = CASE generation WHEN $4 THEN $6 ELSE attempts END, last_error = CASE generation WHEN $4 THEN $7 ELSE last_error END
         WHERE kind = $1 AND id = $2 AND claim_token = $3",
        job.kind,
        job.id,
        job.token,
        job.generation,
        next_at,
        attempts,
        why
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Fails a job. False when it is another process's by now, or was begun anew meanwhile, and is given back then.
pub(super) async fn fail(conn: &mut PgConnection, job: &Job, attempts: i32, why: &str) -> Result<bool> {
    let failed = sqlx::query!(
        "UPDATE jobs SET claim_token = NULL, lease_until = NULL, state = CASE generation WHEN $4 THEN 'failed' ELSE state END,
                attempts = CASE generation WHEN $4 THEN $5 ELSE attempts END, last_error = CASE generation WHEN $4 THEN $6 ELSE last_error END
         WHERE kind = $1 AND id = $2 AND claim_token = $3 RETURNING state",
        job.kind,
        job.id,
        job.token,
        job.generation,
        attempts,
        why
    )
    .fetch_optional(conn)
    .await?;
    Ok(failed.is_some_and(|failed| failed.state == "failed"))
}

/// Shows in the metrics how many jobs there are, how many do not go on, and how long the oldest has been due.
pub async fn report_metrics(db: &PgPool, kinds: &[&'static str], now: DateTime<Utc>) -> Result<()> {
    let store = sqlx::query!(
        r#"SELECT kind, count(*) FILTER (WHERE state = 'running') AS "running!", count(*) FILTER (WHERE state = 'failed') AS "failed!",
                  count(*) FILTER (WHERE state = 'running' AND attempts > 0) AS "retrying!",
                  min(next_at) FILTER (WHERE state = 'running') AS oldest
           FROM jobs GROUP BY kind"#
    )
    .fetch_all(db)
    .await?;
    for kind in kinds {
        let row = store.iter().find(|row| row.kind == *kind);
        let gauge = |state: &'static str, number: i64| {
            metrics::gauge!("muster_jobs", "kind" => *kind, "state" => state).set(as_gauge(number));
        };
        gauge("running", row.map_or(0, |row| row.running));
        gauge("retrying", row.map_or(0, |row| row.retrying));
        gauge("failed", row.map_or(0, |row| row.failed));
        let late = row.and_then(|row| row.oldest).map_or(0, |oldest| (now - oldest).num_seconds().max(0));
        metrics::gauge!("muster_jobs_oldest_due_seconds", "kind" => *kind).set(as_gauge(late));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn as_gauge(number: i64) -> f64 {
    number as f64
}

/// Forgets jobs that failed long ago (upkeep). Returns how many.
pub async fn delete_old_failures(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    let before = now - TimeDelta::days(FAILED_JOB_RETENTION_DAYS);
    let gone = sqlx::query!("DELETE FROM jobs WHERE state = 'failed' AND next_at < $1", before).execute(db).await?;
    Ok(gone.rows_affected())
}
