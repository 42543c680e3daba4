//! Telling everybody who is registered or waits that an event was called off, or that its time, place or join link has
//! changed: once for each change, in bounded steps.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{mail::EventMailKind, ops, plan::Event, store};
use crate::{
    error::{Code, Result},
    kernel::{
        Kernel,
        jobs::{self, Job, JobKind, NextStep},
    },
    mail::Class,
};

/// Registrations read in one transaction.
const REGISTRATIONS_PER_STEP: i64 = 2_000;

/// What is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announcement {
    /// Time, place or join link are other ones, or it takes place after all.
    Changed,
    /// It does not take place.
    CalledOff,
}

impl Announcement {
    /// Name of the job that mails those who are too many for one request.
    const fn job(self) -> &'static str {
        match self {
            Self::Changed => "event_changed",
            Self::CalledOff => "event_called_off",
        }
    }

    const fn mail(self) -> EventMailKind {
        match self {
            Self::Changed => EventMailKind::Changed,
            Self::CalledOff => EventMailKind::CalledOff,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Changed => Self::CalledOff,
            Self::CalledOff => Self::Changed,
        }
    }

    /// Does it hold for the event as it is now?
    pub(super) fn holds(self, kernel: &Kernel, event: &Event) -> bool {
        let now = kernel.env.now();
        match self {
            Self::Changed => event.is_on(now),
            Self::CalledOff => event.is_called_off() && !event.is_over(now),
        }
    }

    /// Queues the mails for the next registrations after an id. Returns how many, and the last id that was read if there
    /// may be more.
    async fn step(
        self,
        conn: &mut PgConnection,
        kernel: &Kernel,
        event: &Event,
        after: Uuid,
    ) -> Result<(usize, Option<Uuid>)> {
        let (active, next) = store::active_after(conn, event.action.id, after, REGISTRATIONS_PER_STEP).await?;
        ops::notify_attendees(conn, kernel, event, Class::Urgent, self.mail(), &active).await?;
        Ok((active.len(), next))
    }
}

/// Announces the difference between an event before and after a change, if those who are registered must know of it. The
/// first mails are queued at once, those beyond by a job.
pub(super) async fn announce(conn: &mut PgConnection, kernel: &Kernel, before: &Event, after: &Event) -> Result<()> {
    let now = kernel.env.now();
    let announcement = if before.is_on(now) && after.is_called_off() {
        Announcement::CalledOff
    } else if after.is_on(now) && (before.is_called_off() || (before.is_on(now) && before.plan.moves(&after.plan))) {
        Announcement::Changed
    } else {
        return Ok(());
    };
    let (id, organization) = (after.action.id, after.action.organization_id);
    jobs::remove(conn, announcement.other().job(), id).await?;
    match announcement.step(conn, kernel, after, Uuid::nil()).await?.1 {
        Some(last) => jobs::enqueue_from(conn, announcement.job(), organization, id, now, last).await,
        None => jobs::remove(conn, announcement.job(), id).await,
    }
}

/// The jobs `event_changed` and `event_called_off`.
pub(super) struct AnnouncementJob {
    pub(super) kernel: Arc<Kernel>,
    pub(super) announcement: Announcement,
}

impl JobKind for AnnouncementJob {
    fn kind(&self) -> &'static str {
        self.announcement.job()
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            let (kernel, announcement) = (&self.kernel, self.announcement);
            let mut tx = kernel.work.begin().await?;
            let event = match store::event(&mut tx, job.id).await {
                Err(error) if error.code() == Code::NotFound => return Ok(NextStep::Done),
                event => event?,
            };
            // over or otherwise meanwhile: the mail would be of no use
            if !announcement.holds(kernel, &event) {
                return Ok(NextStep::Done);
            }
            let after = job.cursor.unwrap_or_default();
            let (notified, next) = announcement.step(&mut tx, kernel, &event, after).await?;
            jobs::save_progress(&mut tx, job, next.unwrap_or(after), notified).await?;
            tx.commit().await?;
            Ok(next.map_or(NextStep::Done, |_| NextStep::Again))
        })
    }
}

/// Drops what is left of announcements, in a database that was restored: nobody knows whom they reached since. Returns how many
/// events this concerns; organizers tell people anew by changing the event.
pub async fn stop_announcements(conn: &mut PgConnection) -> Result<usize> {
    let mut events = 0;
    for announcement in [Announcement::Changed, Announcement::CalledOff] {
        events += jobs::remove_kind(conn, announcement.job()).await?.len();
    }
    Ok(events)
}
