//! Queued jobs: long work in small steps. A slice implements a step of its kind ([`JobKind`]) and registers it as a
//! background job ([`super::background`]), whose steps claim rows of `jobs`.
//!
//! A row of `jobs` stands for something with work left: an import, a broadcast, an action whose letters are released.
//! Each worker has one loop per kind. It claims a job of the organization that has waited longest for a
//! step of this kind, lets the kind make one step, and releases the job. So neither kinds nor organizations delay each
//! other, and several processes share the work. A claim is a lease by the database's clock, renewed while the step
//! runs.
//!
//! A step is short: about a second of database time at most, in transactions of its own. It saves its position in the
//! transaction that did the work ([`save_progress`], or on the kind's own row), so that a step that is repeated after
//! a crash, or made by two processes because a lease expired, does nothing twice.
//!
//! A failed step is retried with exponential backoff. After [`MAX_ATTEMPTS`] failures in a row the job is `failed` and
//! its kind is notified with a reason from a closed list: organizers read it, so it contains no personal data. A panic
//! counts as a failure, and so does a process that dies during a step. A database outage does not.

mod store;

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use sqlx::PgConnection;
use tokio::time::sleep;
use uuid::Uuid;

pub use store::{JobStatus, enqueue, forget_rows, remove, remove_kind, status, statuses};
use store::{delete_old_failures, report_metrics};

use super::{
    Kernel,
    background::{BackgroundJob, JobInfo, Jobs, Progress, RunsIn, Turn},
    db::{LOST_GRACE, connections_lost_for, with_timeout},
};
use crate::error::{Error, Result};

pub use self::store::{JobError, JobResource, JobState};

/// Number of consecutive failed steps after which a job is `failed`.
pub const MAX_ATTEMPTS: i32 = 10;
/// Duration of a claim, unless it is renewed.
const LEASE_DURATION: Duration = Duration::from_secs(20);
/// Timeout of one step.
const STEP_TIMEOUT: Duration = Duration::from_mins(2);
/// Time limit of the statements that claim a job, renew its lease, or record how a step ended.
const STATEMENTS_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two queries for due jobs while there are none.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Seconds until a job is retried after its first failure; doubles with each further one.
const INITIAL_BACKOFF_SECONDS: i64 = 2;
/// Maximum seconds until a job is retried.
const MAX_BACKOFF_SECONDS: i64 = 300;
/// Seconds until a job is retried after an outage.
const OUTAGE_RETRY_SECONDS: i64 = 5;

/// Why a step or job failed: codes for `jobs.last_error`, and the sentences that organizers read.
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

/// What a kind asks for after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// There is more to do; make the next step as soon as possible.
    Again,
    /// There is more to do, but not before this time.
    At(DateTime<Utc>),
    /// Nothing is left to do.
    Done,
    /// The job cannot continue, and retrying would not help. A code of [`FAILURE_REASONS`].
    Failed(&'static str),
}

/// A claimed job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Id of the row that the kind works on.
    pub id: Uuid,
    /// The organization that owns it.
    pub organization_id: Uuid,
    /// Position saved by [`save_progress`]; `None` at the beginning.
    pub cursor: Option<Uuid>,
    kind: String,
    token: Uuid,
    generation: i64,
    attempts: i32,
    last_error: Option<String>,
}

/// A kind of job; its slice registers it ([`Jobs::add_queue`]).
pub trait JobKind: Send + Sync {
    /// The value of `jobs.kind`.
    fn kind(&self) -> &'static str;

    /// Makes one bounded step.
    ///
    /// # Errors
    /// `unavailable` for an outage, which does not count as a failure; anything else is a failed attempt. The step's
    /// transaction is rolled back then.
    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>>;

    /// Called in the transaction that marks the job as failed, so that a slice can update its own row. By default does
    /// nothing.
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

/// The internal reason of [`lease_lost`]; never stored.
const LOST: &str = "lost";

/// A reason of the closed list, attached to an error as context.
#[derive(Debug)]
struct FailureReason(&'static str);

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Attaches to an error the reason that organizers read if the job fails by it. An outage stays an outage.
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

/// Saves, as the last statement of a step's transaction, where the next step continues and how many rows were
/// processed.
///
/// # Errors
/// [`lease_lost`] when the claim was lost or the job was restarted meanwhile: the step must be rolled back then.
pub async fn save_progress(conn: &mut PgConnection, job: &Job, cursor: Uuid, done: usize) -> Result<()> {
    if store::save_progress(conn, job, cursor, i64::try_from(done).unwrap_or(i64::MAX)).await? {
        Ok(())
    } else {
        Err(lease_lost())
    }
}

/// The error of a step whose claim was lost, or whose job was restarted meanwhile. Not a failure; nothing was done.
pub fn lease_lost() -> Error {
    failing_with(LOST)(Error::internal("this job was begun anew, or is another process's by now"))
}

/// Renews a claim until it is lost to another process.
async fn renew_lease_until_lost(kernel: &Kernel, job: &Job) {
    loop {
        sleep(LEASE_DURATION / 4).await;
        let renewed = async { store::renew_lease(&kernel.work, job).await };
        match with_timeout(STATEMENTS_LIMIT, "renewing a job's lease", renewed).await {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                tracing::warn!(event = "queue.lease_not_renewed", %error, kind = job.kind, job = %job.id, "the lease of a job could not be renewed");
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
        () = connections_lost_for(LOST_GRACE) => {
            let cause = "a step of a job: its database connection was lost".to_owned();
            return StepResult::Outage(Error::uncertain(5, cause));
        }
    };
    let about = (kind.kind(), job.id);
    match made {
        Ok(Ok(Ok(next))) => StepResult::Next(next),
        Ok(Ok(Err(error @ Error::Unavailable { .. }))) => StepResult::Outage(error),
        Ok(Ok(Err(error))) if failure_reason(&error) == LOST => StepResult::Next(NextStep::Again),
        Ok(Ok(Err(error))) => {
            tracing::error!(event = "queue.step_failed", kind = about.0, job = %about.1, %error, "a step of a job failed");
            StepResult::Failed(failure_reason(&error))
        }
        Ok(Err(_)) => {
            tracing::error!(event = "queue.step_too_slow", kind = about.0, job = %about.1, "a step of a job took too long");
            StepResult::Failed("too_slow")
        }
        Err(_) => {
            tracing::error!(event = "queue.step_panicked", kind = about.0, job = %about.1, "a step of a job panicked");
            StepResult::Failed("panicked")
        }
    }
}

/// Releases, finishes or fails a job, depending on how its step ended.
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
        // attempts and last error stay as they were when it was claimed
        StepResult::Outage(_) => {
            let later = now + TimeDelta::seconds(OUTAGE_RETRY_SECONDS);
            store::release(db, job, later, job.attempts, job.last_error.as_deref()).await
        }
    }
}

/// Marks a job as failed. A job that was restarted meanwhile is released instead.
async fn fail(kernel: &Kernel, kind: &dyn JobKind, job: &Job, attempts: i32, why: &'static str) -> Result<()> {
    for notifies_kind in [true, false] {
        let mut tx = kernel.work.begin().await?;
        if store::fail(&mut tx, job, attempts, why).await? {
            tracing::error!(event = "queue.job_failed", kind = job.kind, job = %job.id, why, "a job has failed");
            metrics::counter!("muster_jobs_failed_total", "kind" => kind.kind()).increment(1);
            if notifies_kind {
                match kind.on_failed(&mut tx, job, why).await {
                    Ok(()) => {}
                    Err(error @ Error::Unavailable { .. }) => return Err(error),
                    Err(error) => {
                        // without the callback then: otherwise the job would be retried for ever
                        tracing::error!(event = "queue.callback_failed", kind = job.kind, job = %job.id, %error, "the failure callback of a job failed");
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

/// Claims a job of a kind and makes one step of it. False if none is due.
///
/// # Errors
/// `unavailable` while the database cannot be reached.
pub async fn run_step(kernel: &Kernel, kind: &dyn JobKind) -> Result<bool> {
    let claimed = async { store::claim(&kernel.work, kind.kind(), kernel.env.id(), kernel.env.now()).await };
    let Some(job) = with_timeout(STATEMENTS_LIMIT, "claiming a job", claimed).await? else {
        return Ok(false);
    };
    let started = kernel.env.instant();
    // a job during which ten processes died is not tried again
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
    // an outage must not look like a dead process: as long as this process lives, it records how the step ended
    while let Err(error) =
        with_timeout(STATEMENTS_LIMIT, "finishing a job's step", finish_step(kernel, kind, &job, &ended)).await
    {
        let is_outage = matches!(error, Error::Unavailable { .. });
        troubles += 1;
        if !is_outage || troubles > 60 || kernel.stopping.is_cancelled() {
            return Err(error);
        }
        sleep(POLL_INTERVAL).await;
    }
    // the database recorded it, so the outage concerns this job only (a key, for example), and others can go on
    if let StepResult::Outage(error) = &ended {
        tracing::info!(event = "queue.job_waits", kind = kind.kind(), job = %job.id, %error, "a job waits until what it needs is there again");
    }
    Ok(true)
}

/// A kind as a background job: a step claims one due job of it.
pub(super) struct QueuedJob {
    kernel: Arc<Kernel>,
    kind: Arc<dyn JobKind>,
    info: JobInfo,
}

impl QueuedJob {
    /// `step` and `bound` say what one step of the kind does. The kind's step has [`STEP_TIMEOUT`]; as long again is
    /// left to record how it ended, should there be an outage.
    pub(super) fn new(kernel: Arc<Kernel>, kind: Arc<dyn JobKind>, step: &'static str, bound: &'static str) -> Self {
        let info = JobInfo::every(POLL_INTERVAL, RunsIn::Claim, kind.kind(), step, bound, STEP_TIMEOUT * 2);
        // the claim, the step and the record of how it ended each end soon by themselves
        let info = JobInfo { ends_when_lost: false, ..info };
        Self { kernel, kind, info }
    }
}

impl BackgroundJob for QueuedJob {
    fn info(&self) -> JobInfo {
        self.info
    }

    fn step(&self, _: Turn) -> BoxFuture<'_, Result<Progress>> {
        Box::pin(async {
            let was_due = run_step(&self.kernel, &*self.kind).await?;
            Ok(if was_due { Progress::More } else { Progress::Idle })
        })
    }
}

/// Registers the upkeep of the table `jobs`. Called when all kinds are registered.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let delete = JobInfo::maintenance("delete_failed_jobs", "deletes jobs that failed 90 days ago", "");
    jobs.add(delete, kernel, async |kernel, turn| {
        delete_old_failures(&kernel.work, turn.now).await?;
        Ok(Progress::Done)
    });
    let kinds: Arc<[&'static str]> = jobs.queue_kinds().iter().map(|kind| kind.kind()).collect();
    let report = JobInfo::maintenance("report_queued_jobs", "sets the gauges of the table `jobs`", "");
    jobs.add(report, &(kernel.clone(), kinds), async |(kernel, kinds), turn| {
        report_metrics(&kernel.work, &kinds, turn.now).await?;
        Ok(Progress::Done)
    });
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
        let outage = || Error::uncertain(1, "away");
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
