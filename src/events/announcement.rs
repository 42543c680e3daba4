//! Telling everybody who is registered or waits that an event was called off, that its time, place, programme or join link has
//! changed, or that it takes place after all.
//!
//! The first change notes what they know ([`Known`], in `events.known`) and queues a job. The job compares that with the event ten
//! seconds after the last change: several changes are one mail, a change that was taken back is none, and one made while the
//! event could not be announced (a date in the past by mistake) is told once it can. It makes bounded steps.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    mail::EventMailKind,
    ops,
    plan::{Event, Known},
    reminders, store,
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        jobs::{self, Job, JobKind, NextStep},
    },
    mail::{Class, QueuedEmail},
};

/// Registrations read in one transaction.
const REGISTRATIONS_PER_STEP: i64 = 2_000;
/// How long an event stays as it is before a change is announced: whoever corrects it may do so in several steps. That it is called
/// off is told at once.
const QUIET_TIME: TimeDelta = TimeDelta::seconds(10);
/// Name of the job.
const JOB: &str = "announce_event_change";

/// What is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Announcement {
    /// Something is other than they know.
    Changed(Changes),
    /// It does not take place.
    CalledOff,
}

/// What a mail says has changed; in its `refs`, since the event may have changed again when it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Changes {
    /// As `PlanChange`.
    pub(super) changes: Vec<String>,
    /// It had been called off.
    pub(super) after_all: bool,
}

impl Changes {
    /// Those of a mail.
    ///
    /// # Errors
    /// `internal` for `refs` that are none of ours.
    pub(super) fn of_mail(email: &QueuedEmail) -> Result<Self> {
        serde_json::from_value(email.refs.clone()).map_err(Error::internal)
    }
}

impl Announcement {
    /// The difference between what is known of an event and the event; `None` while there is nothing to tell.
    fn of(known: &Known, event: &Event) -> Option<Self> {
        if event.is_called_off() {
            return (!known.called_off).then_some(Self::CalledOff);
        }
        let changes: Vec<String> = known.changes(event).iter().map(|change| change.as_str().to_owned()).collect();
        let after_all = known.called_off;
        (after_all || !changes.is_empty()).then_some(Self::Changed(Changes { changes, after_all }))
    }

    const fn mail(&self) -> EventMailKind {
        match self {
            Self::Changed(_) => EventMailKind::Changed,
            Self::CalledOff => EventMailKind::CalledOff,
        }
    }

    fn refs(&self, attendance: Uuid) -> Value {
        match self {
            Self::Changed(Changes { changes, after_all }) => {
                json!({"attendance": attendance, "changes": changes, "after_all": after_all})
            }
            Self::CalledOff => json!({"attendance": attendance}),
        }
    }

    /// Queues the mails for the next registrations after an id. Returns how many, and the last id that was read if there
    /// may be more.
    async fn step(
        &self,
        conn: &mut PgConnection,
        kernel: &Kernel,
        event: &Event,
        after: Uuid,
    ) -> Result<(usize, Option<Uuid>)> {
        let (active, next) = store::active_after(conn, event.action.id, after, REGISTRATIONS_PER_STEP).await?;
        let refs = active.iter().map(|id| self.refs(*id)).collect();
        ops::notify_attendees(conn, kernel, event, Class::Urgent, self.mail(), refs).await?;
        Ok((active.len(), next))
    }
}

/// Has the difference between an event before and after a change announced, if those who are registered must know of it.
pub(super) async fn announce(conn: &mut PgConnection, kernel: &Kernel, before: &Event, after: &Event) -> Result<()> {
    let now = kernel.env.now();
    let is_first = before.known.is_none();
    // of an event that is over or a draft nobody expects anything
    if is_first && !before.is_on(now) && !before.is_called_off() {
        return Ok(());
    }
    let known = before.known.clone().unwrap_or_else(|| Known::of(before));
    if is_first && known.is_of(after) {
        return Ok(());
    }
    let (id, organization) = (after.action.id, after.action.organization_id);
    store::save_known(conn, id, Some(&known)).await?;
    let at = if after.is_called_off() { now } else { now + QUIET_TIME };
    jobs::enqueue(conn, JOB, organization, id, at).await
}

/// The job that announces.
pub(super) struct AnnouncementJob(pub(super) Arc<Kernel>);

impl JobKind for AnnouncementJob {
    fn kind(&self) -> &'static str {
        JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            let kernel = &self.0;
            let mut tx = kernel.work.begin().await?;
            let event = match store::event(&mut tx, job.id).await {
                Err(error) if error.code() == Code::NotFound => return Ok(NextStep::Done),
                event => event?,
            };
            let now = kernel.env.now();
            let Some(known) = &event.known else { return Ok(NextStep::Done) };
            // over, or a draft again: a mail would be of no use, unless it changes once more
            if !event.is_on(now) && (event.is_over(now) || !event.is_called_off()) {
                return Ok(NextStep::Done);
            }
            let after = job.cursor.unwrap_or_default();
            let (notified, next) = match Announcement::of(known, &event) {
                Some(announcement) => announcement.step(&mut tx, kernel, &event, after).await?,
                None => (0, None),
            };
            // what changes while it is called off is told once it takes place after all
            let left = event.is_called_off().then(|| known.clone().with_call_off());
            if next.is_none() {
                store::save_known(&mut tx, job.id, left.as_ref()).await?;
            }
            jobs::save_progress(&mut tx, job, next.unwrap_or(after), notified).await?;
            tx.commit().await?;
            Ok(next.map_or(NextStep::Done, |_| NextStep::Again))
        })
    }
}

/// Drops what is left of announcements and reminders, in a database that was restored: nobody knows whom they reached since. Returns how many
/// events this concerns; organizers tell people anew by changing the event.
pub async fn stop_announcements(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<usize> {
    store::forget_known(conn).await?;
    reminders::forget(conn, now).await?;
    Ok(jobs::remove_kind(conn, JOB).await?.len())
}
