//! Group commit: many acts, one transaction.
//!
//! Acts queue in memory. A flusher takes **whatever has gathered** while the last commit was in progress and writes it
//! as one batch. There is no timer: a single act is written at once, and batches grow with the load by themselves.
//! (mySociety's petition daemon worked this way in 2006.) While one flusher writes, another begins only once
//! [`MIN_PARALLEL_BATCH`] acts wait: two small batches at once cost more than one after the other.
//!
//! Invariants:
//! - An act is answered after its batch committed, never before, and each act gets its own answer.
//! - A caller that disconnects does not cancel an act: the queue owns it from [`GroupCommit::submit`] on.
//! - A data error (SQLSTATE classes of [`ErrorClass::Data`]) fails only the act that caused it: the batch is halved
//!   until that act is alone. Deadlocks and serialization failures retry the whole batch. Any other error (lost
//!   connection, read-only server, timeout) fails the batch as 503: whether it committed is unknown, so it is not
//!   written again ([`ErrorClass`]).
//! - A write ends within `hot_path.write_seconds`: a batch that overran is answered 503 and its connection closed, so
//!   that a broken network connection blocks a flusher no longer than that.
//! - The queue is bounded. When it is full, or an act waited past its deadline, the answer is 503 with `Retry-After`.
//! - [`GroupCommit::close`] takes no more acts and returns when all queued ones are answered.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

use super::env::Env;
use crate::{
    config::HotPath,
    error::{self, Effect, Error, ErrorClass, Result},
};

/// Queued acts from which a second batch is written in parallel. Per act, a batch of this size costs nearly as little
/// as a large one (bench/README.md).
pub const MIN_PARALLEL_BATCH: usize = 32;

/// Attempts to write a batch that fails by a deadlock or a serialization failure.
const MAX_RETRIES: u32 = 5;

/// Writes batches of acts; one implementation for each kind of action.
pub trait Batch: Send + Sync + 'static {
    /// A validated act with its personal data sealed.
    type Act: Send + Sync + 'static;
    /// The result of one act, returned to its caller.
    type Outcome: Send + 'static;
    /// Value of the label `action` in metrics.
    const NAME: &'static str;

    /// Writes all acts in one transaction and returns their outcomes in the same order.
    fn write<'a>(&'a self, acts: &'a [Self::Act]) -> BoxFuture<'a, Result<Vec<Self::Outcome>, sqlx::Error>>;
}

/// Why a batch that takes more than one statement was not written.
#[derive(Debug)]
pub enum BatchError {
    /// A database error, which is retried, isolated or answered 503 by its class.
    Database(sqlx::Error),
    /// Another error: every act of the batch is answered with it.
    Other(Error),
}

impl From<sqlx::Error> for BatchError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for BatchError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Database(error) => error.into(),
            BatchError::Other(error) => error,
        }
    }
}

/// [`Batch::write`] of acts with outcomes and errors of their own, by a function that writes a batch in one
/// transaction. After an internal error (a defect, a row that cannot be read) each act is written on its own, so that
/// only the act that causes it fails.
///
/// # Errors
/// Database errors, as they are.
pub async fn write_apart<'a, A, T, F>(acts: &'a [A], write: F) -> Result<Vec<Result<T>>, sqlx::Error>
where
    A: Sync,
    T: Send,
    F: Fn(&'a [A]) -> BoxFuture<'a, Result<Vec<Result<T>>, BatchError>> + Send + Sync,
{
    let error = match write(acts).await {
        Ok(outcomes) => return Ok(outcomes),
        Err(BatchError::Database(error)) => return Err(error),
        Err(BatchError::Other(error)) => error,
    };
    if acts.len() == 1 || !matches!(error, Error::Internal(_)) {
        return Ok(acts.iter().map(|_| Err(error.repeated())).collect());
    }
    let mut outcomes = Vec::with_capacity(acts.len());
    for act in acts.chunks(1) {
        match write(act).await {
            Ok(own) => outcomes.extend(own),
            Err(error) => outcomes.push(Err(error.into())),
        }
    }
    Ok(outcomes)
}

struct QueuedAct<B: Batch> {
    act: B::Act,
    queued_at: Instant,
    answer: oneshot::Sender<Result<B::Outcome>>,
}

/// State shared by the flushers of one queue.
#[derive(Default)]
struct FlushState {
    /// Number of batches that are being written.
    in_flight: AtomicUsize,
    /// Wakes the waiting flusher: a batch finished, the queue reached [`MIN_PARALLEL_BATCH`], or the queue was closed.
    /// `Notify` stores one permit, so no wake-up is lost.
    wake: Notify,
}

impl FlushState {
    /// Counts a batch as in flight until the guard is dropped, also by a panic.
    fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(self)
    }
}

struct InFlight<'a>(&'a FlushState);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.0.wake.notify_one();
    }
}

/// The in-memory queue of a [`Batch`], with its flushers.
pub struct GroupCommit<B: Batch> {
    queue: Mutex<Option<mpsc::Sender<QueuedAct<B>>>>,
    flush_state: Arc<FlushState>,
    flushers: tokio::sync::Mutex<JoinSet<()>>,
    env: Env,
}

impl<B: Batch> std::fmt::Debug for GroupCommit<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GroupCommit({})", B::NAME)
    }
}

impl<B: Batch> GroupCommit<B> {
    /// Starts `settings.flushers` flusher tasks.
    pub fn start(batch: B, settings: HotPath, env: Env) -> Self {
        let (queue, waiting) = mpsc::channel(settings.queue_limit);
        let (batch, waiting) = (Arc::new(batch), Arc::new(tokio::sync::Mutex::new(waiting)));
        let (mut flushers, flush_state) = (JoinSet::new(), Arc::<FlushState>::default());
        for _ in 0..settings.flushers {
            flushers.spawn(flush_until_closed(
                batch.clone(),
                waiting.clone(),
                flush_state.clone(),
                settings,
                env.clone(),
            ));
        }
        Self { queue: Mutex::new(Some(queue)), flush_state, flushers: tokio::sync::Mutex::new(flushers), env }
    }

    /// Queues an act and waits until its batch has committed.
    ///
    /// # Errors
    /// `unavailable` (503) when the queue is full or closed, the act waited too long, or the database cannot be
    /// reached; `not_found` when the act refers to a row that no longer exists, `internal` for any other act the
    /// database refuses.
    pub async fn submit(&self, act: B::Act) -> Result<B::Outcome> {
        let (answer, outcome) = oneshot::channel();
        let waiting = QueuedAct { act, queued_at: self.env.instant(), answer };
        let busy = |cause: &str| Error::not_done(2, format!("{}: {cause}", B::NAME));
        {
            let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = queue.as_ref().ok_or_else(|| busy("shutting down"))?;
            queue.try_send(waiting).map_err(|_| busy("the queue is full"))?;
            let depth = queue.max_capacity() - queue.capacity();
            report_queue_depth::<B>(depth);
            if depth >= MIN_PARALLEL_BATCH {
                self.flush_state.wake.notify_one();
            }
        }
        outcome.await.unwrap_or_else(|_| Err(Error::uncertain(2, format!("{}: the flusher ended", B::NAME))))
    }

    /// Takes no more acts; returns when every queued one is written and answered.
    pub async fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.flush_state.wake.notify_one();
        while self.flushers.lock().await.join_next().await.is_some() {}
    }
}

/// Sets the gauge of queued acts.
#[expect(clippy::cast_precision_loss, reason = "a queue depth is far below 2^52")]
fn report_queue_depth<B: Batch>(depth: usize) {
    metrics::gauge!("muster_group_commit_queue", "action" => B::NAME).set(depth as f64);
}

async fn flush_until_closed<B: Batch>(
    batch: Arc<B>,
    queue: Arc<tokio::sync::Mutex<mpsc::Receiver<QueuedAct<B>>>>,
    flush_state: Arc<FlushState>,
    settings: HotPath,
    env: Env,
) {
    let deadline = Duration::from_secs(settings.deadline_seconds);
    let mut taken = Vec::with_capacity(settings.batch_limit);
    loop {
        let in_flight = {
            // one flusher waits here, holding the lock; the others write, or wait for the lock
            let mut queue = queue.lock().await;
            while flush_state.in_flight.load(Ordering::Acquire) > 0
                && queue.len() < MIN_PARALLEL_BATCH
                && !queue.is_closed()
            {
                flush_state.wake.notified().await;
            }
            if queue.recv_many(&mut taken, settings.batch_limit).await == 0 {
                return;
            }
            report_queue_depth::<B>(queue.len());
            flush_state.begin()
        };
        let now = env.instant();
        let (mut acts, mut answers) = (Vec::with_capacity(taken.len()), Vec::with_capacity(taken.len()));
        for waiting in taken.drain(..) {
            let waited = now.duration_since(waiting.queued_at);
            metrics::histogram!("muster_group_commit_wait_seconds", "action" => B::NAME).record(waited);
            if waited > deadline {
                let _ = waiting.answer.send(Err(Error::not_done(5, format!("{}: waited {waited:?}", B::NAME))));
            } else {
                acts.push(waiting.act);
                answers.push(waiting.answer);
            }
        }
        let outcomes = if acts.is_empty() {
            Vec::new()
        } else {
            #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52")]
            metrics::histogram!("muster_group_commit_batch", "action" => B::NAME).record(acts.len() as f64);
            write_isolating(&*batch, &acts, Duration::from_secs(settings.write_seconds)).await
        };
        drop(in_flight);
        metrics::histogram!("muster_group_commit_flush_seconds", "action" => B::NAME)
            .record(env.instant().duration_since(now));
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // the caller may have disconnected; its act is committed all the same
            let _ = answer.send(outcome);
        }
    }
}

/// Writes a batch; on a data error halves it until the act that causes the error is alone.
fn write_isolating<'a, B: Batch>(
    batch: &'a B,
    acts: &'a [B::Act],
    limit: Duration,
) -> BoxFuture<'a, Vec<Result<B::Outcome>>> {
    Box::pin(async move {
        let error = match write_retrying(batch, acts, limit).await {
            Ok(outcomes) => return outcomes.into_iter().map(Ok).collect(),
            Err(error) => error,
        };
        let fault = ErrorClass::of(&error);
        // only after a data error is the rollback certain; after any other, a second write could duplicate acts
        if fault != ErrorClass::Data {
            if fault == ErrorClass::Program {
                tracing::error!(
                    event = "group_commit.unexpected_error",
                    action = B::NAME,
                    %error,
                    "group commit: unexpected error from the database"
                );
            }
            let (effect, cause) = (Effect::of(&error), error.to_string());
            return acts
                .iter()
                .map(|_| Err(Error::Unavailable { retry_after: 5, effect, cause: cause.clone() }))
                .collect();
        }
        if acts.len() == 1 {
            tracing::error!(
                event = "group_commit.act_refused",
                action = B::NAME,
                %error,
                "group commit: the database refused an act"
            );
            return vec![Err(refused(error))];
        }
        metrics::counter!("muster_group_commit_fallback_rows", "action" => B::NAME).increment(acts.len() as u64);
        let (left, right) = acts.split_at(acts.len() / 2);
        let mut outcomes = write_isolating(batch, left, limit).await;
        outcomes.extend(write_isolating(batch, right, limit).await);
        outcomes
    })
}

/// The error of a refused act: 404 for a foreign key violation (what it refers to was deleted), else 500.
fn refused(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Database(e) if e.is_foreign_key_violation() => Error::not_found(),
        _ => error.into(),
    }
}

async fn write_retrying<B: Batch>(batch: &B, acts: &[B::Act], limit: Duration) -> Result<Vec<B::Outcome>, sqlx::Error> {
    let mut tries = 1;
    loop {
        let written = timeout(limit, batch.write(acts)).await.unwrap_or_else(|_| {
            metrics::counter!("muster_timeouts", "operation" => B::NAME).increment(1);
            // most often a lost network: connections of the same age or older are suspect, too
            error::note_broken_connection();
            Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "a batch was not written in time")))
        });
        let Err(error) = &written else { return written };
        error::record_database_error(error);
        if tries == MAX_RETRIES || ErrorClass::of(error) != ErrorClass::Retry {
            return written;
        }
        tries += 1;
        metrics::counter!("muster_group_commit_retries", "action" => B::NAME).increment(1);
    }
}
