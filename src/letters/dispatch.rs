//! Letters on their way, or held: what follows when it changes whether an action's letters go out.
//!
//! They go out while the action is live and published. Whoever changes that only changes the flag ([`apply_sending_state`]), at any
//! number of letters; a job releases what is held, or holds again what waits in the queue, some letters in each step. The sender
//! does not wait for it: a letter of an action that has stopped is held when its turn comes ([`super::mail`]).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{store, submission::Letters};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        jobs::{self, Job, JobKind, JobStatus, NextStep},
    },
    mail,
};

/// Name of the job.
pub const JOB: &str = "letters";
/// Letters that are released in one transaction.
const LETTERS_RELEASED_PER_STEP: i64 = 1_000;
/// Parts of letters that are held again in one transaction, and those that one statement looks at to find them.
const OUTREACHES_HELD_PER_STEP: i64 = 1_000;
const OUTREACHES_SCANNED_PER_STEP: i64 = 10_000;
/// Held parts that are counted for an answer, at most.
const MAX_HELD_COUNTED: i64 = 10_000;

/// Notes whether an action's letters go out now, and has a job release or hold them where that changed. Waits for letters that
/// are being dispatched at this moment (`dispatch_letters` holds the row that is locked here): they are there for the job.
///
/// # Errors
/// A database error.
pub async fn apply_sending_state(conn: &mut PgConnection, kernel: &Kernel, action: Uuid) -> Result<()> {
    let sending_state = store::lock_sending_state(conn, action).await?;
    let changed = sending_state.is_sending != sending_state.was_sending;
    if changed {
        store::set_is_sending(conn, action, sending_state.is_sending).await?;
    }
    // also when nothing changed: a job that failed begins anew, and one that finds nothing to release ends at once
    if changed || sending_state.is_sending {
        jobs::enqueue(conn, JOB, sending_state.organization_id, action, kernel.env.now()).await?;
    }
    Ok(())
}

/// Lets follow what changed by itself: an action that was closed on its day (tick). Returns for how many actions.
///
/// # Errors
/// A database error.
pub async fn apply_changed_sending_states(kernel: &Kernel) -> Result<u64> {
    let changed = store::find_changed_sending_states(&mut *kernel.work.acquire().await?).await?;
    apply_sending_states(kernel, &changed).await
}

/// Has letters released that are held though their action goes out, should there be any (upkeep). Returns for how many actions.
///
/// # Errors
/// A database error.
pub async fn release_unreleased(kernel: &Kernel) -> Result<u64> {
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

/// How far an action's letters are, for organizers: how many parts are held, counted up to ten thousand, and what the job does.
///
/// # Errors
/// A database error.
pub async fn progress(conn: &mut PgConnection, action: Uuid, is_sending: bool) -> Result<Value> {
    let job = jobs::status(conn, JOB, action).await?;
    let held = match &job {
        None if is_sending => 0,
        // what the job has released leaves dead index entries until the next vacuum: they are not read again
        Some(JobStatus { cursor: Some(after), .. }) if is_sending => {
            store::count_held(conn, action, *after, MAX_HELD_COUNTED + 1).await?
        }
        _ => store::count_held(conn, action, Uuid::nil(), MAX_HELD_COUNTED + 1).await?,
    };
    let doing = job.map(|job| {
        let mut body = job.body();
        body["doing"] = if is_sending { "releasing" } else { "holding" }.into();
        body["done"] = job.done.into();
        body
    });
    Ok(json!({
        "held": held.min(MAX_HELD_COUNTED),
        "held_is_minimum": held > MAX_HELD_COUNTED,
        "job": doing,
    }))
}

/// The jobs that release or hold letters of these actions at present.
///
/// # Errors
/// A database error.
pub async fn dispatch_jobs(conn: &mut PgConnection, actions: &[Uuid]) -> Result<HashMap<Uuid, JobStatus>> {
    jobs::statuses(conn, JOB, actions).await
}

/// Releases letters, or holds them again, as an action's life has it now.
pub struct DispatchJob(pub Letters);

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

/// Puts the next held letters into the queue. One whose action is stopped at this moment stays held: `dispatch_letters` looks
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

/// Takes the next parts out of the queue and holds them.
async fn hold(kernel: &Kernel, job: &Job, protected: bool) -> Result<NextStep> {
    let after = job.cursor.unwrap_or_default();
    let mut tx = kernel.work.begin().await?;
    let up_to = store::find_range_end(&mut tx, job.id, after, OUTREACHES_SCANNED_PER_STEP).await?;
    let queued = store::lock_queued(&mut tx, job.id, after, up_to, OUTREACHES_HELD_PER_STEP).await?;
    let is_full = i64::try_from(queued.len()).is_ok_and(|n| n >= OUTREACHES_HELD_PER_STEP);
    let place = if is_full { queued.last().map(|outreach| outreach.id) } else { up_to };
    let stopped = stop_sending(&mut tx, kernel, protected, &queued, "held").await?;
    let Some(place) = place else {
        jobs::save_progress(&mut tx, job, after, stopped).await?;
        tx.commit().await?;
        return Ok(NextStep::Done);
    };
    jobs::save_progress(&mut tx, job, place, stopped).await?;
    tx.commit().await?;
    Ok(NextStep::Again)
}

/// Takes parts out of the mail queue and writes their new state. Returns how many; what is being sent stays.
///
/// # Errors
/// A database error.
pub async fn stop_sending(
    conn: &mut PgConnection,
    kernel: &Kernel,
    protected: bool,
    outreaches: &[store::OutreachStatus],
    state: &str,
) -> Result<usize> {
    let mails: Vec<Uuid> = outreaches.iter().filter(|p| p.state == "queued").filter_map(|p| p.email_id).collect();
    let gone = mail::cancel(conn, kernel.env.recorded_now(protected), &mails).await?;
    let stops = |outreach: &&store::OutreachStatus| {
        outreach.state == "held" || outreach.email_id.is_some_and(|id| gone.contains(&id))
    };
    let stopped: Vec<Uuid> = outreaches.iter().filter(stops).map(|p| p.id).collect();
    store::set_unsent_state(conn, &stopped, state).await?;
    Ok(stopped.len())
}
