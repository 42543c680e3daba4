//! Letters on their way, or held: what follows when it changes whether an action's letters go out.
//!
//! They go out while the action is live and published. Whoever changes that only changes the flag ([`settle_life`]), at any
//! number of letters; a job releases what is held, or holds again what waits in the queue, some letters in each step. The sender
//! does not wait for it: a letter of an action that has stopped is held when its turn comes ([`super::mail`]).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{store, writing::Letters};
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
const RELEASED: i64 = 1_000;
/// Parts of letters that are held again in one transaction, and those that one statement looks at to find them.
const HELD: i64 = 1_000;
const SCANNED: i64 = 10_000;
/// Held parts that are counted for an answer, at most.
const COUNTED: i64 = 10_000;

/// Notes whether an action's letters go out now, and has a job release or hold them where that changed. Waits for letters that
/// are being dispatched at this moment (`dispatch_letters` holds the row that is locked here): they are there for the job.
///
/// # Errors
/// A database error.
pub async fn settle_life(conn: &mut PgConnection, kernel: &Kernel, action: Uuid) -> Result<()> {
    let life = store::lock_life(conn, action).await?;
    let changed = life.goes_out != life.went_out;
    if changed {
        store::set_goes_out(conn, action, life.goes_out).await?;
    }
    // also when nothing changed: a job that failed begins anew, and one that finds nothing to release ends at once
    if changed || life.goes_out {
        jobs::enqueue(conn, JOB, life.organization_id, action, kernel.env.now()).await?;
    }
    Ok(())
}

/// Lets follow what changed by itself: an action that was closed on its day (tick). Returns for how many actions.
///
/// # Errors
/// A database error.
pub async fn settle_changed(kernel: &Kernel) -> Result<u64> {
    let changed = store::unsettled(&mut *kernel.work.acquire().await?).await?;
    settle_all(kernel, &changed).await
}

/// Has letters released that are held though their action goes out, should there be any (upkeep). Returns for how many actions.
///
/// # Errors
/// A database error.
pub async fn release_left_behind(kernel: &Kernel) -> Result<u64> {
    let behind = store::left_behind(&mut *kernel.work.acquire().await?, JOB).await?;
    settle_all(kernel, &behind).await
}

async fn settle_all(kernel: &Kernel, actions: &[Uuid]) -> Result<u64> {
    for action in actions {
        let mut tx = kernel.work.begin().await?;
        settle_life(&mut tx, kernel, *action).await?;
        tx.commit().await?;
    }
    Ok(actions.len() as u64)
}

/// How far an action's letters are, for organizers: how many parts are held, counted up to ten thousand (`null` until the first step
/// of their release has passed over what was released before), and what the job does.
///
/// # Errors
/// A database error.
pub async fn progress(conn: &mut PgConnection, action: Uuid, goes_out: bool) -> Result<Value> {
    let job = jobs::status(conn, JOB, action).await?;
    // whatever was released leaves its entry in the index until that is swept, so it is not counted from the beginning
    let after = match &job {
        None if goes_out => None,
        Some(job) if goes_out => job.cursor,
        _ => Some(Uuid::nil()),
    };
    let held = match after {
        Some(after) => Some(store::count_held(conn, action, after, COUNTED + 1).await?),
        None => job.is_none().then_some(0),
    };
    let doing = job.map(|job| {
        let mut body = job.body();
        body["doing"] = if goes_out { "releasing" } else { "holding" }.into();
        body["done"] = job.done.into();
        body
    });
    Ok(json!({
        "held": held.map(|held| held.min(COUNTED)),
        "held_is_minimum": held.is_none_or(|held| held > COUNTED),
        "job": doing,
    }))
}

/// The jobs that release or hold letters of these actions at present.
///
/// # Errors
/// A database error.
pub async fn dispatching(conn: &mut PgConnection, actions: &[Uuid]) -> Result<HashMap<Uuid, JobStatus>> {
    jobs::statuses(conn, JOB, actions).await
}

/// Releases letters, or holds them again, as an action's life has it now.
pub struct Dispatching(pub Letters);

impl JobKind for Dispatching {
    fn kind(&self) -> &'static str {
        JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let Some(life) = store::life(&mut *kernel.work.acquire().await?, job.id).await? else {
                return Ok(NextStep::Done);
            };
            let at = kernel.env.recorded_now(life.protected);
            if life.goes_out { release(kernel, job, at).await } else { hold(kernel, job, life.protected).await }
        })
    }
}

/// Puts the next held letters into the queue. One whose action is stopped at this moment stays held: `dispatch_letters` looks
/// again, under its lock.
async fn release(kernel: &Kernel, job: &Job, at: DateTime<Utc>) -> Result<NextStep> {
    let mut tx = kernel.work.begin().await?;
    let held = store::held_letters(&mut tx, job.id, job.cursor.unwrap_or_default(), RELEASED).await?;
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
    let up_to = store::parts_end(&mut tx, job.id, after, SCANNED).await?;
    let queued = store::lock_queued(&mut tx, job.id, after, up_to, HELD).await?;
    let is_full = i64::try_from(queued.len()).is_ok_and(|n| n >= HELD);
    let place = if is_full { queued.last().map(|part| part.id) } else { up_to };
    let stopped = stop(&mut tx, kernel, protected, &queued, "held").await?;
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
pub async fn stop(
    conn: &mut PgConnection,
    kernel: &Kernel,
    protected: bool,
    parts: &[store::Part],
    state: &str,
) -> Result<usize> {
    let mails: Vec<Uuid> = parts.iter().filter(|p| p.state == "queued").filter_map(|p| p.email_id).collect();
    let gone = mail::cancel(conn, kernel.env.recorded_now(protected), &mails).await?;
    let stops = |part: &&store::Part| part.state == "held" || part.email_id.is_some_and(|id| gone.contains(&id));
    let stopped: Vec<Uuid> = parts.iter().filter(stops).map(|p| p.id).collect();
    store::set_waiting(conn, &stopped, state).await?;
    Ok(stopped.len())
}
