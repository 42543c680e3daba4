//! Jobs of broadcasts, each in steps: counting the audience, freezing it, filling the mail queue, withdrawing mails
//! from it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::{
    states::{BroadcastState, RecipientState},
    store::{self, Broadcast},
};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        jobs::{self, Job, JobKind, NextStep},
    },
    mail,
};

/// Name of the job that sends a broadcast.
pub(super) const JOB: &str = "broadcast";
/// Name of the job that counts the audience of a draft.
pub(super) const AUDIENCE_JOB: &str = "broadcast_audience";
/// Maximum number of mails of one broadcast in the queue at a time: enough for a [`RECHECK_SECONDS`] interval of
/// sending at full speed, and so few that a pause takes effect at once and the queue stays small.
const QUEUE_WINDOW: i64 = 5_000;
/// Number of people examined by one statement.
const PEOPLE_PER_STEP: i64 = 2_500;
/// Maximum number of mails withdrawn from the queue, or of recipients set back to waiting, in one transaction.
const WITHDRAW_BATCH_SIZE: i64 = 1_000;
/// Seconds until the next step while the window is full or the last mails are being sent.
const RECHECK_SECONDS: i64 = 1;

/// The job that sends a broadcast.
pub(super) struct SendJob(pub Arc<Kernel>);

impl JobKind for SendJob {
    fn kind(&self) -> &'static str {
        JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            let mut tx = self.0.work.begin().await?;
            let Some(broadcast) = store::lock(&mut tx, job.organization_id, job.id).await? else {
                return Ok(NextStep::Done);
            };
            let next = send(&self.0, &mut tx, &broadcast).await?;
            tx.commit().await?;
            Ok(next)
        })
    }

    fn on_failed<'a>(&'a self, conn: &'a mut PgConnection, job: &'a Job, _: &'static str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match store::lock(conn, job.organization_id, job.id).await? {
                Some(b) if b.state.may_become(BroadcastState::Failed) => {
                    store::set_state(conn, job.id, BroadcastState::Failed, None, None).await
                }
                _ => Ok(()),
            }
        })
    }
}

/// One step of a broadcast, depending on its state.
async fn send(kernel: &Kernel, conn: &mut PgConnection, b: &Broadcast) -> Result<NextStep> {
    let now = kernel.env.now();
    match b.state {
        BroadcastState::Scheduled => {
            if let Some(due) = b.due_at.filter(|due| *due > now) {
                return Ok(NextStep::At(due));
            }
            store::start(conn, b.id, now).await?;
            Ok(NextStep::Again)
        }
        BroadcastState::Sending if !b.audience_frozen => {
            let vault = kernel.vaults.of_organization(conn, b.organization_id).await?;
            let vault = kernel.vaults.open(vault).await?;
            let after = b.freeze_cursor.as_deref().unwrap_or_default();
            let up_to = store::range_end(conn, vault.id, after, PEOPLE_PER_STEP).await?;
            store::freeze_audience(conn, &vault, b, up_to.as_deref()).await?;
            Ok(NextStep::Again)
        }
        BroadcastState::Sending if b.requeues_given_up => {
            if store::requeue_given_up(conn, b.id, WITHDRAW_BATCH_SIZE).await? < WITHDRAW_BATCH_SIZE {
                store::restart_enqueueing(conn, b.id, false).await?;
            }
            Ok(NextStep::Again)
        }
        BroadcastState::Sending => enqueue_window(kernel, conn, b).await,
        BroadcastState::Paused => withdraw_queued(kernel, conn, b, RecipientState::Waiting).await,
        BroadcastState::Cancelled => withdraw_queued(kernel, conn, b, RecipientState::Cancelled).await,
        BroadcastState::Draft | BroadcastState::Done | BroadcastState::Failed => Ok(NextStep::Done),
    }
}

async fn enqueue_window(kernel: &Kernel, conn: &mut PgConnection, b: &Broadcast) -> Result<NextStep> {
    let now = kernel.env.now();
    store::fold_counts(conn, b.id).await?;
    let window = store::enqueue_window(conn, b, QUEUE_WINDOW, now).await?;
    if window.queued > 0 && window.there + window.queued < QUEUE_WINDOW {
        return Ok(NextStep::Again);
    }
    if window.queued == 0 && window.there == 0 {
        store::set_state(conn, b.id, BroadcastState::Done, None, Some(now)).await?;
        return Ok(NextStep::Done);
    }
    // the window is emptied as fast as the relay accepts mail
    Ok(NextStep::At(now + TimeDelta::seconds(RECHECK_SECONDS)))
}

/// Withdraws queued mails from the queue and gives their recipients `state`. Mails being sent are settled as usual;
/// one that finds the broadcast paused when it is composed is put back into the queue, and is withdrawn by a later
/// step.
async fn withdraw_queued(
    kernel: &Kernel,
    conn: &mut PgConnection,
    b: &Broadcast,
    state: RecipientState,
) -> Result<NextStep> {
    let now = kernel.env.now();
    store::fold_counts(conn, b.id).await?;
    let queued = store::lock_queued(conn, b.id, WITHDRAW_BATCH_SIZE).await?;
    let mails: Vec<_> = queued.iter().map(|(_, mail)| *mail).collect();
    let gone = mail::cancel(conn, now, &mails).await?;
    let people: Vec<_> = queued.iter().filter(|(_, mail)| gone.contains(mail)).map(|(person, _)| *person).collect();
    store::return_unsent(conn, b.id, &people, state).await?;
    Ok(if !gone.is_empty() {
        NextStep::Again
    } else if store::is_queued(conn, b.id).await? {
        NextStep::At(now + TimeDelta::seconds(RECHECK_SECONDS))
    } else {
        NextStep::Done
    })
}

/// Stops the broadcasts that were being sent, or were due by `until`, in a database that was restored: nobody knows to whom they
/// went since. They are `failed`, and can be resumed or cancelled. Returns how many.
pub async fn stop_begun(conn: &mut PgConnection, until: DateTime<Utc>) -> Result<usize> {
    let begun = store::lock_begun(conn, until).await?;
    for id in &begun {
        store::set_state(conn, *id, BroadcastState::Failed, None, None).await?;
        jobs::remove(conn, JOB, *id).await?;
    }
    Ok(begun.len())
}

/// The job that counts the audience of a draft.
pub(super) struct AudienceCountJob(pub Arc<Kernel>);

impl JobKind for AudienceCountJob {
    fn kind(&self) -> &'static str {
        AUDIENCE_JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            let mut tx = self.0.work.begin().await?;
            let draft = store::lock(&mut tx, job.organization_id, job.id).await?;
            let is_unsent = |b: &Broadcast| matches!(b.state, BroadcastState::Draft | BroadcastState::Scheduled);
            let Some(b) = draft.filter(|b| is_unsent(b) && b.audience.is_none()) else {
                return Ok(NextStep::Done);
            };
            let vault = self.0.vaults.of_organization(&mut tx, b.organization_id).await?;
            let vault = self.0.vaults.open(vault).await?;
            let after = b.audience_cursor.as_deref().unwrap_or_default();
            let up_to = store::range_end(&mut tx, vault.id, after, PEOPLE_PER_STEP).await?;
            store::count_audience(&mut tx, &vault, &b, up_to.as_deref(), self.0.env.now()).await?;
            tx.commit().await?;
            Ok(if up_to.is_some() { NextStep::Again } else { NextStep::Done })
        })
    }
}

/// Schedules the job of a broadcast, after a change of its state; not before its due time.
pub(super) async fn schedule_send(conn: &mut PgConnection, kernel: &Kernel, b: &Broadcast) -> Result<()> {
    let now = kernel.env.now();
    jobs::enqueue(conn, JOB, b.organization_id, b.id, b.due_at.map_or(now, |due| due.max(now))).await
}

/// Schedules the job that counts the audience of a draft.
pub(super) async fn schedule_audience_count(conn: &mut PgConnection, kernel: &Kernel, b: &Broadcast) -> Result<()> {
    jobs::enqueue(conn, AUDIENCE_JOB, b.organization_id, b.id, kernel.env.now()).await
}
