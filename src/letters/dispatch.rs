//! Dispatch of letters: releasing held outreaches into the mail queue, and holding queued ones again.
//!
//! An action sends while it is live and published. A request only changes the flag ([`apply_sending_state`]),
//! whatever the number of letters; a job releases or holds them in bounded steps. The mail engine does not depend on
//! the job: a letter of a stopped action is held when it is composed ([`super::mail`]).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{state::OutreachState, store, submission::Letters};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        jobs::{self, Job, JobKind, JobResource, JobStatus, NextStep},
    },
    mail,
};

/// Name of the job (`jobs.kind`).
pub(super) const JOB: &str = "letters";
/// Letters released in one transaction.
const LETTERS_RELEASED_PER_STEP: i64 = 1_000;
/// Outreaches held again in one transaction, and rows that one statement reads to find them.
const OUTREACHES_HELD_PER_STEP: i64 = 1_000;
const OUTREACHES_SCANNED_PER_STEP: i64 = 10_000;
/// Maximum of held outreaches that are counted for an answer.
const MAX_HELD_COUNTED: i64 = 10_000;

/// Saves whether an action sends now, and enqueues the job where that changed. Waits for concurrent
/// `dispatch_letters` (they hold the row that is locked here), so that the job sees their outreaches.
pub(super) async fn apply_sending_state(conn: &mut PgConnection, kernel: &Kernel, action: Uuid) -> Result<()> {
    let sending_state = store::lock_sending_state(conn, action).await?;
    let changed = sending_state.is_sending != sending_state.was_sending;
    if changed {
        store::set_is_sending(conn, action, sending_state.is_sending).await?;
    }
    // also when nothing changed: a failed job is started anew, and one without work ends at once
    if changed || sending_state.is_sending {
        jobs::enqueue(conn, JOB, sending_state.organization_id, action, kernel.env.now()).await?;
    }
    Ok(())
}

/// Applies changes that no request made: an action that was closed at `closes_at`. Called by the tick. Returns the
/// number of actions.
pub(super) async fn apply_changed_sending_states(kernel: &Kernel) -> Result<u64> {
    let mut tx = kernel.work.begin().await?;
    let stopped = store::find_stopped(&mut tx).await?;
    tx.commit().await?;
    apply_sending_states(kernel, &stopped).await
}

/// Enqueues the job for actions that send while outreaches are held and no job exists. Called by maintenance. Returns
/// the number of actions.
pub(super) async fn release_unreleased(kernel: &Kernel) -> Result<u64> {
    let behind = store::find_unreleased(&mut *kernel.work.acquire().await?, JOB).await?;
    apply_sending_states(kernel, &behind).await
}

async fn apply_sending_states(kernel: &Kernel, actions: &[Uuid]) -> Result<u64> {
    for action in actions {
        let mut tx = kernel.work.begin().await?;
        apply_sending_state(&mut tx, kernel, *action).await?;
        tx.commit().await?;
    }
    Ok(actions.len() as u64)
}

/// Switches off the letter actions that are live and still have held letters, in a database that was restored: nobody knows which
/// of those were released since. Organizers switch them live again. Returns how many.
pub async fn stop_releasing(conn: &mut PgConnection, kernel: &Kernel) -> Result<usize> {
    let stopped = store::switch_off_releasing(conn).await?;
    for action in &stopped {
        apply_sending_state(conn, kernel, *action).await?;
    }
    Ok(stopped.len())
}

/// Progress of an action's dispatch, for organizers.
#[derive(Clone, Debug)]
pub(super) struct DispatchProgress {
    /// Outreaches that are held, counted up to 10,000.
    pub held: i64,
    /// True where more are held than were counted.
    pub held_is_minimum: bool,
    /// The job that releases or holds letters at present.
    pub job: Option<DispatchJobResource>,
}

/// The job that releases or holds an action's letters.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DispatchJobResource {
    #[serde(flatten)]
    job: JobResource,
    /// What it does.
    doing: Dispatching,
    /// Letters that it has released, or outreaches that it holds again, since it was started.
    done: i64,
}

/// What the job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dispatching {
    /// Held letters are put into the mail queue.
    Releasing,
    /// Queued letters are taken out of the mail queue.
    Holding,
}

/// Progress of an action's dispatch: held outreaches, counted up to 10,000, and the job.
pub(super) async fn progress(conn: &mut PgConnection, action: Uuid, is_sending: bool) -> Result<DispatchProgress> {
    let job = jobs::status(conn, JOB, action).await?;
    let held = match &job {
        None if is_sending => 0,
        // what the job has released leaves dead index entries until the next vacuum: they are not read again
        Some(JobStatus { cursor: Some(after), .. }) if is_sending => {
            store::count_held(conn, action, *after, MAX_HELD_COUNTED + 1).await?
        }
        _ => store::count_held(conn, action, Uuid::nil(), MAX_HELD_COUNTED + 1).await?,
    };
    let doing = if is_sending { Dispatching::Releasing } else { Dispatching::Holding };
    Ok(DispatchProgress {
        held: held.min(MAX_HELD_COUNTED),
        held_is_minimum: held > MAX_HELD_COUNTED,
        job: job.map(|job| DispatchJobResource { job: job.resource(), doing, done: job.done }),
    })
}

/// The jobs that release or hold letters of these actions at present.
pub async fn dispatch_jobs(conn: &mut PgConnection, actions: &[Uuid]) -> Result<HashMap<Uuid, JobStatus>> {
    jobs::statuses(conn, JOB, actions).await
}

/// Releases or holds letters, by the present state of the action.
pub(super) struct DispatchJob(pub Letters);

impl JobKind for DispatchJob {
    fn kind(&self) -> &'static str {
        JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let Some(sending_state) = store::load_sending_state(&mut *kernel.work.acquire().await?, job.id).await?
            else {
                return Ok(NextStep::Done);
            };
            let at = kernel.env.recorded_now(sending_state.protected);
            if sending_state.is_sending {
                release(kernel, job, at).await
            } else {
                hold(kernel, job, sending_state.protected).await
            }
        })
    }
}

/// Queues the next held letters. Those of an action that is stopped meanwhile stay held: `dispatch_letters` checks
/// again, under its lock.
async fn release(kernel: &Kernel, job: &Job, at: DateTime<Utc>) -> Result<NextStep> {
    let mut tx = kernel.work.begin().await?;
    let held = store::held_letters(&mut tx, job.id, job.cursor.unwrap_or_default(), LETTERS_RELEASED_PER_STEP).await?;
    let Some(last) = held.last().copied() else { return Ok(NextStep::Done) };
    store::dispatch(&mut tx, &held, at).await?;
    jobs::save_progress(&mut tx, job, last, held.len()).await?;
    tx.commit().await?;
    Ok(NextStep::Again)
}

/// Takes the next outreaches out of the mail queue and holds them.
async fn hold(kernel: &Kernel, job: &Job, protected: bool) -> Result<NextStep> {
    let after = job.cursor.unwrap_or_default();
    let mut tx = kernel.work.begin().await?;
    let up_to = store::find_range_end(&mut tx, job.id, after, OUTREACHES_SCANNED_PER_STEP).await?;
    let queued = store::lock_queued(&mut tx, job.id, after, up_to, OUTREACHES_HELD_PER_STEP).await?;
    let is_full = i64::try_from(queued.len()).is_ok_and(|n| n >= OUTREACHES_HELD_PER_STEP);
    let place = if is_full { queued.last().map(|outreach| outreach.id) } else { up_to };
    let stopped = stop_sending(&mut tx, kernel, protected, &queued, OutreachState::Held).await?;
    let Some(place) = place else {
        jobs::save_progress(&mut tx, job, after, stopped).await?;
        tx.commit().await?;
        return Ok(NextStep::Done);
    };
    jobs::save_progress(&mut tx, job, place, stopped).await?;
    tx.commit().await?;
    Ok(NextStep::Again)
}

/// Takes outreaches out of the mail queue and writes their new state. Returns how many; mails that are being sent
/// stay.
pub(super) async fn stop_sending(
    conn: &mut PgConnection,
    kernel: &Kernel,
    protected: bool,
    outreaches: &[store::OutreachStatus],
    state: OutreachState,
) -> Result<usize> {
    let mails: Vec<Uuid> =
        outreaches.iter().filter(|p| p.state == OutreachState::Queued).filter_map(|p| p.email_id).collect();
    let gone = mail::cancel(conn, kernel.env.recorded_now(protected), &mails).await?;
    let stops = |outreach: &&store::OutreachStatus| {
        outreach.state.may_become(state)
            && (outreach.state == OutreachState::Held || outreach.email_id.is_some_and(|id| gone.contains(&id)))
    };
    let stopped: Vec<Uuid> = outreaches.iter().filter(stops).map(|p| p.id).collect();
    store::set_unsent_state(conn, &stopped, state).await?;
    Ok(stopped.len())
}
