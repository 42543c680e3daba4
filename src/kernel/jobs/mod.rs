//! Long work in small steps: a slice says what a step of its kind is, and this makes the steps.
//!
//! A row of `jobs` stands for something with work left: an import, a broadcast, an action whose letters are released. Each
//! process has one loop for each kind ([`run`]); it claims a job whose organization has waited longest for a step of this kind,
//! lets the kind make one step, and gives the job back. So kinds do not delay each other, nor does one organization the
//! others, and several processes share the work. A claim is a lease by the database's clock, prolonged while the step runs.
//!
//! A step is short: at most a second or so at the database, in transactions of its own. It notes its place in the transaction
//! that did the work ([`save_progress`], or on the kind's own row), so that a step that is repeated after a crash, or made by two
//! processes because a lease ran out, does nothing twice.
//!
//! A step that fails is tried again after a while, and after [`MAX_ATTEMPTS`] failures in a row the job is `failed` and its kind is
//! told, with a word of a closed list: organizers read it, and it must say nothing of anybody. A panic counts, and so does a
//! process that dies in the middle. An outage of the database does not.

mod store;

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use sqlx::PgConnection;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use store::{JobStatus, delete_old_failures, enqueue, remove, report_metrics, status, statuses};

use super::Kernel;
use crate::error::{Error, Result};

/// Failed steps in a row after which a job has failed.
pub const MAX_ATTEMPTS: i32 = 10;
/// Time for which a claim holds unless it is prolonged.
const LEASE_DURATION: Duration = Duration::from_secs(20);
/// Time after which a step is given up.
const STEP_TIMEOUT: Duration = Duration::from_mins(2);
/// Time between looks for work.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Seconds until a job is tried again after its first failure; twice as long after each further one.
const INITIAL_BACKOFF_SECONDS: i64 = 2;
/// Seconds until a job is tried again, at most.
const MAX_BACKOFF_SECONDS: i64 = 300;
/// Seconds until a job is tried again after an outage.
const OUTAGE_RETRY_SECONDS: i64 = 5;

/// Why a step failed or a job did: words for `jobs.last_error`, and what organizers read.
const FAILURE_REASONS: [(&str, &str); 8] = [
    ("internal", "A step failed on our side, again and again. The log knows more under the job's id."),
    ("panicked", "A step broke off on our side, again and again. The log knows more under the job's id."),
    ("too_slow", "A step took too long, again and again."),
    ("worker_died", "The worker stopped in the middle of a step, again and again."),
    ("vault_closed", "What is kept of these people cannot be opened any more."),
    ("too_long", "A line is too long, or a quote in it is never closed."),
    ("unreadable", "A part of the file is missing or cannot be opened any more."),
    ("not_understood", "What was asked for cannot be read any more. Begin it anew."),
];

/// What a kind has to say after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// There is more to do at once.
    Again,
    /// There is more to do, but not before this moment.
    At(DateTime<Utc>),
    /// Nothing is left to do.
    Done,
    /// It cannot go on, and trying again would not help. A word of the closed list.
    Failed(&'static str),
}

/// A job as a step is made of it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The row that the kind works on.
    pub id: Uuid,
    /// Whose it is.
    pub organization_id: Uuid,
    /// Where the kind goes on, see [`save_progress`]; `None` from the beginning.
    pub cursor: Option<Uuid>,
    kind: String,
    token: Uuid,
    generation: i64,
    attempts: i32,
    last_error: Option<String>,
}

/// A kind of job, registered by `worker.rs`.
pub trait JobKind: Send + Sync {
    /// The name in `jobs.kind`.
    fn kind(&self) -> &'static str;

    /// Makes one bounded step.
    ///
    /// # Errors
    /// `unavailable` for an outage, which is not counted; anything else is a failed attempt. The step's transaction is rolled
    /// back then.
    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>>;

    /// Told in the transaction in which the job fails, so that a slice can end its own row.
    fn on_failed<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        job: &'a Job,
        why: &'static str,
    ) -> BoxFuture<'a, Result<()>> {
        let _ = (conn, job, why);
        Box::pin(async { Ok(()) })
    }
}

/// Marks [`lease_lost`].
const LOST: &str = "lost";

/// A reason of the closed list, on the error that it explains.
#[derive(Debug)]
struct FailureReason(&'static str);

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Says of an error which reason organizers are to read, should the job fail of it. An outage stays one.
pub fn failing_with(why: &'static str) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Unavailable { .. } => error,
        Error::Internal(cause) => Error::Internal(cause.context(FailureReason(why))),
        error => Error::Internal(anyhow::anyhow!("{error}").context(FailureReason(why))),
    }
}

fn failure_reason(error: &Error) -> &'static str {
    match error {
        Error::Internal(cause) => cause.downcast_ref::<FailureReason>().map_or("internal", |because| because.0),
        _ => "internal",
    }
}

/// The sentence for a reason.
pub fn failure_message(why: &str) -> &'static str {
    FAILURE_REASONS.iter().find(|(word, _)| *word == why).map_or(FAILURE_REASONS[0].1, |(_, detail)| detail)
}

fn backoff(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts.clamp(1, MAX_ATTEMPTS) - 1).unwrap_or_default();
    TimeDelta::seconds((INITIAL_BACKOFF_SECONDS << doublings).min(MAX_BACKOFF_SECONDS))
}

/// Notes in a step's transaction, as its last statement, where the next step goes on, and how many rows were dealt with.
///
/// # Errors
/// [`lease_lost`] when the claim was lost or the job was begun anew meanwhile: the step must be rolled back then.
pub async fn save_progress(conn: &mut PgConnection, job: &Job, cursor: Uuid, done: usize) -> Result<()> {
    if store::save_progress(conn, job, cursor, i64::try_from(done).unwrap_or(i64::MAX)).await? {
        Ok(())
    } else {
        Err(lease_lost())
    }
}

/// The error of a step whose job is not this process's any more, or is not what it was: not a failure, and nothing was done.
pub fn lease_lost() -> Error {
    failing_with(LOST)(Error::internal("this job was begun anew, or is another process's by now"))
}

/// Prolongs a claim for as long as this runs; returns when it is another process's.
async fn renew_lease_until_lost(kernel: &Kernel, job: &Job) {
    loop {
        sleep(LEASE_DURATION / 4).await;
        let beaten = store::renew_lease(&kernel.work, job).await;
        match beaten {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                tracing::warn!(%error, kind = job.kind, job = %job.id, "the lease of a job could not be renewed");
            }
        }
    }
}

/// How a step ended.
enum StepResult {
    Next(NextStep),
    Failed(&'static str),
    Outage(Error),
}

async fn step(kernel: &Kernel, kind: &dyn JobKind, job: &Job) -> StepResult {
    let made = AssertUnwindSafe(tokio::time::timeout(STEP_TIMEOUT, kind.step(job))).catch_unwind();
    let made = tokio::select! {
        made = made => made,
        () = renew_lease_until_lost(kernel, job) => return StepResult::Next(NextStep::Again),
    };
    let about = (kind.kind(), job.id);
    match made {
        Ok(Ok(Ok(next))) => StepResult::Next(next),
        Ok(Ok(Err(error @ Error::Unavailable { .. }))) => StepResult::Outage(error),
        Ok(Ok(Err(error))) if failure_reason(&error) == LOST => StepResult::Next(NextStep::Again),
        Ok(Ok(Err(error))) => {
            tracing::error!(kind = about.0, job = %about.1, %error, "a step of a job failed");
            StepResult::Failed(failure_reason(&error))
        }
        Ok(Err(_)) => {
            tracing::error!(kind = about.0, job = %about.1, "a step of a job took too long");
            StepResult::Failed("too_slow")
        }
        Err(_) => {
            tracing::error!(kind = about.0, job = %about.1, "a step of a job panicked");
            StepResult::Failed("panicked")
        }
    }
}

/// Gives a job back as its step ended.
async fn finish_step(kernel: &Kernel, kind: &dyn JobKind, job: &Job, ended: &StepResult) -> Result<()> {
    let (db, now) = (&kernel.work, kernel.env.now());
    match ended {
        StepResult::Next(NextStep::Done) => store::finish(db, job, now).await,
        StepResult::Next(NextStep::Again) => store::release(db, job, now, 0, None).await,
        StepResult::Next(NextStep::At(at)) => store::release(db, job, *at, 0, None).await,
        StepResult::Next(NextStep::Failed(why)) => fail(kernel, kind, job, job.attempts, why).await,
        StepResult::Failed(why) if job.attempts + 1 >= MAX_ATTEMPTS => fail(kernel, kind, job, MAX_ATTEMPTS, why).await,
        StepResult::Failed(why) => {
            let attempts = job.attempts + 1;
            store::release(db, job, now + backoff(attempts), attempts, Some(why)).await
        }
        // as it was claimed
        StepResult::Outage(_) => {
            let later = now + TimeDelta::seconds(OUTAGE_RETRY_SECONDS);
            store::release(db, job, later, job.attempts, job.last_error.as_deref()).await
        }
    }
}

/// Ends a job that cannot go on. One that was begun anew meanwhile is given back.
async fn fail(kernel: &Kernel, kind: &dyn JobKind, job: &Job, attempts: i32, why: &'static str) -> Result<()> {
    for notifies_kind in [true, false] {
        let mut tx = kernel.work.begin().await?;
        if store::fail(&mut tx, job, attempts, why).await? {
            tracing::error!(kind = job.kind, job = %job.id, why, "a job has failed");
            metrics::counter!("muster_jobs_failed_total", "kind" => kind.kind()).increment(1);
            if notifies_kind {
                match kind.on_failed(&mut tx, job, why).await {
                    Ok(()) => {}
                    Err(error @ Error::Unavailable { .. }) => return Err(error),
                    Err(error) => {
                        // then at least nobody tries it any more
                        tracing::error!(kind = job.kind, job = %job.id, %error, "the failure callback of a job failed");
                        continue;
                    }
                }
            }
        }
        tx.commit().await?;
        return Ok(());
    }
    Ok(())
}

/// Claims a job of a kind and makes one step of it. False: none is due.
///
/// # Errors
/// `unavailable` while the database is away.
pub async fn run_step(kernel: &Kernel, kind: &dyn JobKind) -> Result<bool> {
    let Some(job) = store::claim(&kernel.work, kind.kind(), kernel.env.id(), kernel.env.now()).await? else {
        return Ok(false);
    };
    let started = kernel.env.instant();
    // one that has taken ten processes with it is not given to the next
    let ended = if job.attempts >= MAX_ATTEMPTS {
        StepResult::Next(NextStep::Failed("worker_died"))
    } else {
        step(kernel, kind, &job).await
    };
    let outcome = match &ended {
        StepResult::Next(NextStep::Failed(_)) | StepResult::Failed(_) => "failed",
        StepResult::Outage(_) => "outage",
        StepResult::Next(_) => "done",
    };
    metrics::histogram!("muster_job_step_seconds", "kind" => kind.kind(), "outcome" => outcome)
        .record((kernel.env.instant() - started).as_secs_f64());
    let mut troubles = 0;
    // an outage must not be taken for a process that died: as long as this one lives, it says how the step ended
    while let Err(error) = finish_step(kernel, kind, &job, &ended).await {
        let is_outage = matches!(error, Error::Unavailable { .. });
        troubles += 1;
        if !is_outage || troubles > 60 || kernel.stopping.is_cancelled() {
            return Err(error);
        }
        sleep(POLL_INTERVAL).await;
    }
    // the database has taken that, so whatever is away is away for this job only, and others need not wait for it
    if let StepResult::Outage(error) = &ended {
        tracing::info!(kind = kind.kind(), job = %job.id, %error, "a job waits until what it needs is there again");
    }
    Ok(true)
}

/// Makes steps of a kind until cancelled.
pub async fn run(kernel: Arc<Kernel>, kind: Arc<dyn JobKind>, cancel: CancellationToken) {
    let mut trouble = false;
    while !cancel.is_cancelled() {
        match run_step(&kernel, &*kind).await {
            Ok(true) => {
                trouble = false;
                continue;
            }
            Ok(false) => trouble = false,
            Err(error) => {
                if !trouble {
                    tracing::warn!(%error, kind = kind.kind(), "jobs stand still until the database answers");
                }
                trouble = true;
            }
        }
        tokio::select! {
            () = sleep(POLL_INTERVAL) => {}
            () = cancel.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_up_to_the_maximum() {
        let pauses: Vec<i64> = (1..=MAX_ATTEMPTS).map(|n| backoff(n).num_seconds()).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn an_error_may_say_why_and_an_outage_stays_one() {
        assert_eq!(failure_reason(&failing_with("unreadable")(Error::internal("x"))), "unreadable");
        assert_eq!(failure_reason(&failing_with("unreadable")(Error::not_found())), "unreadable");
        assert_eq!(failure_reason(&Error::not_found()), "internal");
        let outage = || Error::Unavailable { retry_after: 1, cause: "away".to_owned() };
        assert!(matches!(failing_with("unreadable")(outage()), Error::Unavailable { .. }));
        assert_eq!(failure_reason(&lease_lost()), LOST);
    }

    #[test]
    fn every_reason_has_its_sentence() {
        for (word, sentence) in FAILURE_REASONS {
            assert_eq!(failure_message(word), sentence);
            assert!(sentence.ends_with('.'));
        }
        assert_eq!(failure_message("unheard of"), FAILURE_REASONS[0].1);
    }
}
