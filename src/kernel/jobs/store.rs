//! The SQL of the table `jobs`. Every write under a claim checks the claim's token and the job's generation.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Job, LEASE_DURATION, failure_message};
use crate::error::Result;

/// Days for which failed jobs are kept.
const FAILED_JOB_RETENTION_DAYS: i64 = 90;

/// Creates or restarts a job, in the transaction that makes it necessary: due at `at`, from the beginning, without
/// failures. Restarting raises the generation, so that a step in progress cannot save its position.
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

/// Moves cursors off rows that are deleted: to the id before, which is nobody's, so that the next step goes on at the same place.
pub async fn forget_rows(conn: &mut PgConnection, rows: &[Uuid]) -> Result<()> {
    let before: Vec<Uuid> = rows.iter().map(|row| Uuid::from_u128(row.as_u128().saturating_sub(1))).collect();
    sqlx::query!(
        "UPDATE jobs j SET cursor = v.before FROM unnest($1::uuid[], $2::uuid[]) v (row, before) WHERE j.cursor = v.row",
        rows,
        &before
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a job, also while a step of it runs.
pub async fn remove(conn: &mut PgConnection, kind: &str, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM jobs WHERE kind = $1 AND id = $2", kind, id).execute(conn).await?;
    Ok(())
}

/// Deletes all jobs of a kind; returns their ids. For databases that are restored, in which no step runs.
pub async fn remove_kind(conn: &mut PgConnection, kind: &str) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("DELETE FROM jobs WHERE kind = $1 RETURNING id", kind).fetch_all(conn).await?)
}

/// Status of a job.
#[derive(Clone, Debug)]
pub struct JobStatus {
    /// Id of the row that it works on.
    pub id: Uuid,
    /// Its state.
    pub state: JobState,
    /// Number of rows processed since it was started.
    pub done: i64,
    /// Position from which the kind continues.
    pub cursor: Option<Uuid>,
    attempts: i32,
    next_at: DateTime<Utc>,
    last_error: Option<String>,
}

/// Status of the jobs of a kind for these rows; finished jobs have none.
pub async fn statuses(conn: &mut PgConnection, kind: &str, ids: &[Uuid]) -> Result<HashMap<Uuid, JobStatus>> {
    let store = sqlx::query_as!(
        JobStatus,
        r#"SELECT id, state AS "state: JobState", done, cursor, attempts, next_at, last_error FROM jobs
           WHERE kind = $1 AND id = ANY ($2)"#,
        kind,
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(store.into_iter().map(|row| (row.id, row)).collect())
}

/// Status of the job of a kind for one row.
pub async fn status(conn: &mut PgConnection, kind: &str, id: Uuid) -> Result<Option<JobStatus>> {
    Ok(statuses(conn, kind, &[id]).await?.remove(&id))
}

/// Claims the due job whose organization has waited longest for a step of this kind.
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

/// Renews a claim; false when it is lost.
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

/// Saves the position; false when the claim is lost or the job was restarted.
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

/// Deletes a job whose work is done; one that was restarted meanwhile is released.
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

/// Releases a job to run again at `next_at`; one that was restarted meanwhile keeps the time it was enqueued for.
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

/// Marks a job as failed. False when the claim was lost, or the job was restarted meanwhile and is only released.
pub(super) async fn fail(conn: &mut PgConnection, job: &Job, attempts: i32, why: &str) -> Result<bool> {
    let failed = sqlx::query!(
        r#"UPDATE jobs SET claim_token = NULL, lease_until = NULL, state = CASE generation WHEN $4 THEN 'failed' ELSE state END,
                attempts = CASE generation WHEN $4 THEN $5 ELSE attempts END, last_error = CASE generation WHEN $4 THEN $6 ELSE last_error END
         WHERE kind = $1 AND id = $2 AND claim_token = $3 RETURNING state AS "state: JobState""#,
        job.kind,
        job.id,
        job.token,
        job.generation,
        attempts,
        why
    )
    .fetch_optional(conn)
    .await?;
    Ok(failed.is_some_and(|failed| failed.state == JobState::Failed))
}

/// Sets the gauges: running, retrying and failed jobs of each kind, and for how long the oldest has been due.
pub(super) async fn report_metrics(db: &PgPool, kinds: &[&'static str], now: DateTime<Utc>) -> Result<()> {
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
        gauge(JobState::Running.as_str(), row.map_or(0, |row| row.running));
        gauge("retrying", row.map_or(0, |row| row.retrying));
        gauge(JobState::Failed.as_str(), row.map_or(0, |row| row.failed));
        let late = row.and_then(|row| row.oldest).map_or(0, |oldest| (now - oldest).num_seconds().max(0));
        metrics::gauge!("muster_jobs_oldest_due_seconds", "kind" => *kind).set(as_gauge(late));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn as_gauge(number: i64) -> f64 {
    number as f64
}

/// Deletes jobs that failed long ago (maintenance). Returns how many.
pub(super) async fn delete_old_failures(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    let before = now - TimeDelta::days(FAILED_JOB_RETENTION_DAYS);
    let gone = sqlx::query!("DELETE FROM jobs WHERE state = 'failed' AND next_at < $1", before).execute(db).await?;
    Ok(gone.rows_affected())
}

/// State of a job: `jobs.state`. A finished job has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum JobState {
    /// Its next step is waited for, or being made.
    Running,
    /// It was given up after its last attempt.
    Failed,
}

crate::kernel::text_enum!(JobState);

/// A job as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobResource {
    /// Whether it is still tried.
    pub state: JobState,
    /// Failed attempts of the present step.
    pub attempts: i32,
    /// When the step is tried again, while it is retried.
    pub next_attempt_date: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub error: Option<JobError>,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobError {
    /// One of a closed list of codes.
    pub code: String,
    /// The code in one English sentence.
    pub detail: &'static str,
}

impl JobStatus {
    /// Status as the API shows it.
    pub fn resource(&self) -> JobResource {
        let error = |why: &str| JobError { code: why.to_owned(), detail: failure_message(why) };
        JobResource {
            state: self.state,
            attempts: self.attempts,
            next_attempt_date: (self.state == JobState::Running && self.attempts > 0).then_some(self.next_at),
            error: self.last_error.as_deref().map(error),
        }
    }
}
