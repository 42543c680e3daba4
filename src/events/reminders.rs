//! Reminders before each start of an event, and the follow-up after its end, to everybody who is registered.
//!
//! An event has one job, which sleeps until the next reminder is due. `events.reminded_until` says up to when they are done: what
//! was due before an event got its present times is never sent, and what was missed while no worker ran is, as long as nothing
//! nearer to the start is due. A mail is dropped when its reminder is of no use any more: it begins at another time, has begun, or
//! a nearer reminder says the same.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{mail::EventMailKind, ops, plan::Event, store};
use crate::{
    campaigns::State,
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        jobs::{self, Job, JobKind, NextStep},
    },
    mail::{Class, QueuedEmail},
};

/// Registrations read in one transaction.
const REGISTRATIONS_PER_STEP: i64 = 2_000;
/// Name of the job.
const JOB: &str = "remind_attendees";
/// How long after the end the follow-up is sent.
const FOLLOW_UP_AFTER: TimeDelta = TimeDelta::hours(1);
/// How long it is of use.
const FOLLOW_UP_WITHIN: TimeDelta = TimeDelta::days(3);
/// Reminders at most so long before a start are urgent mail.
const URGENT_MINUTES: i32 = 120;

/// A reminder of one start; in the `refs` of its mails, since the event may have changed when they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Reminder {
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// So long before.
    pub minutes: i32,
}

impl Reminder {
    /// That of a mail; `None` for mails that remind of nothing.
    ///
    /// # Errors
    /// `internal` for `refs` that are none of ours.
    pub(super) fn of_mail(email: &QueuedEmail) -> Result<Option<Self>> {
        let is_reminder = email.refs.get("starts_at").is_some();
        is_reminder.then(|| serde_json::from_value(email.refs.clone()).map_err(Error::internal)).transpose()
    }

    fn due_at(self) -> DateTime<Utc> {
        self.starts_at - TimeDelta::minutes(self.minutes.into())
    }

    /// Does the event still begin then, and is nothing nearer due?
    pub(super) fn is_of_use(self, event: &Event, now: DateTime<Utc>) -> bool {
        let nearer = event.plan.reminders.iter().filter(|minutes| **minutes < self.minutes).max();
        let until = nearer.map_or(self.starts_at, |minutes| Self { minutes: *minutes, ..self }.due_at());
        let starts = event.first_starts(self.starts_at - TimeDelta::seconds(1), self.starts_at);
        now < until && event.plan.reminders.contains(&self.minutes) && starts.contains(&self.starts_at)
    }
}

/// What is mailed next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    Reminder(Reminder),
    FollowUp,
}

impl Event {
    /// Is its follow-up of use?
    pub(super) fn has_follow_up(&self, now: DateTime<Utc>) -> bool {
        let is_past = self.is_over(now) && now < self.follow_up_at() + FOLLOW_UP_WITHIN;
        is_past && !self.plan.follow_up.is_empty() && !self.is_called_off() && !self.is_hidden()
    }

    fn follow_up_at(&self) -> DateTime<Utc> {
        self.plan.last_end() + FOLLOW_UP_AFTER
    }

    fn is_hidden(&self) -> bool {
        matches!(self.action.state, State::Draft | State::Ended)
    }

    /// Its reminders that are due after `from`, at `until` or before, the earliest first.
    fn reminders(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Reminder> {
        let longest = TimeDelta::minutes(self.plan.reminders.first().copied().unwrap_or_default().into());
        let starts = self.first_starts(from, until + longest);
        let all = starts.iter().flat_map(|start| {
            self.plan.reminders.iter().map(move |minutes| Reminder { starts_at: *start, minutes: *minutes })
        });
        let mut due: Vec<Reminder> = all.filter(|one| one.due_at() > from && one.due_at() <= until).collect();
        due.sort_unstable_by_key(|one| (one.due_at(), one.starts_at));
        due
    }

    /// When the next of them, or the follow-up, is due.
    fn next_notice_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = self.reminders(now, self.plan.last_end()).first().map(|reminder| reminder.due_at());
        next.or_else(|| Some(self.follow_up_at()).filter(|at| *at > now))
    }

    /// Can reminders be mailed that were not before, once it is like this? Those that were due until now are of no use.
    fn changes_reminders(&self, before: &Self) -> bool {
        let of = |event: &Self| {
            let plan = event.plan.clone();
            (plan.starts_at, plan.ends_at, plan.zone, plan.sessions, plan.reminders)
        };
        of(before) != of(self)
    }
}

/// Wakes the job of an event whenever it has reminders that it had not before. `before` is `None` of a new one.
pub(super) async fn schedule(
    conn: &mut PgConnection,
    kernel: &Kernel,
    before: Option<&Event>,
    after: &Event,
) -> Result<()> {
    let now = kernel.env.now();
    let is_other = before.is_some_and(|before| after.changes_reminders(before));
    if is_other {
        store::save_reminded(conn, after.action.id, now).await?;
    }
    let was_on = before.is_some_and(|before| before.is_on(now));
    if after.is_on(now) && (is_other || !was_on) {
        jobs::enqueue(conn, JOB, after.action.organization_id, after.action.id, now).await?;
    }
    Ok(())
}

/// Takes all reminders that were due until now as sent, in a database that was restored.
pub(super) async fn forget(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    store::forget_reminders(conn, now).await
}

/// The job that reminds.
pub(super) struct ReminderJob(pub(super) Arc<Kernel>);

impl ReminderJob {
    /// What is to be mailed now: what a step has begun, else the earliest that is of use. What is of no use is passed.
    async fn due(&self, conn: &mut PgConnection, job: &Job, event: &Event) -> Result<Option<Notice>> {
        let now = self.0.env.now();
        let is_begun = job.cursor.is_some_and(|cursor| !cursor.is_nil());
        let due = event.reminders(event.reminded_until, now);
        let reminder = due.into_iter().find(|reminder| is_begun || reminder.is_of_use(event, now));
        if let Some(reminder) = reminder {
            if !is_begun {
                // the next step finds it as the earliest
                store::save_reminded(conn, event.action.id, reminder.due_at() - TimeDelta::microseconds(1)).await?;
            }
            return Ok(Some(Notice::Reminder(reminder)).filter(|_| reminder.is_of_use(event, now)));
        }
        let follow_up_at = event.follow_up_at();
        let is_due = event.reminded_until < follow_up_at && follow_up_at <= now && event.has_follow_up(now);
        Ok(is_due.then_some(Notice::FollowUp))
    }

    /// Queues the mails for the next registrations after an id. Returns how many, and the last id that was read if there may be
    /// more.
    async fn notify(
        &self,
        conn: &mut PgConnection,
        event: &Event,
        notice: Notice,
        after: Uuid,
    ) -> Result<(usize, Option<Uuid>)> {
        let (accepted, next) = store::accepted_after(conn, event.action.id, after, REGISTRATIONS_PER_STEP).await?;
        let (class, kind) = match notice {
            Notice::Reminder(reminder) if reminder.minutes <= URGENT_MINUTES => {
                (Class::Urgent, EventMailKind::Upcoming)
            }
            Notice::Reminder(_) => (Class::Notice, EventMailKind::Upcoming),
            Notice::FollowUp => (Class::Notice, EventMailKind::FollowUp),
        };
        let refs = |id: &Uuid| -> Value {
            match notice {
                Notice::Reminder(Reminder { starts_at, minutes }) => {
                    json!({"attendance": id, "starts_at": starts_at, "minutes": minutes})
                }
                Notice::FollowUp => json!({"attendance": id}),
            }
        };
        ops::notify_attendees(conn, &self.0, event, class, kind, accepted.iter().map(refs).collect()).await?;
        Ok((accepted.len(), next))
    }
}

impl JobKind for ReminderJob {
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
            if event.is_called_off() || event.is_hidden() {
                // whatever was begun is not begun anew if it takes place after all
                if job.cursor.is_some_and(|cursor| !cursor.is_nil()) {
                    store::save_reminded(&mut tx, job.id, now).await?;
                    tx.commit().await?;
                }
                return Ok(NextStep::Done);
            }
            let notice = self.due(&mut tx, job, &event).await?;
            let (notified, next) = match notice {
                Some(notice) => self.notify(&mut tx, &event, notice, job.cursor.unwrap_or_default()).await?,
                None => (0, None),
            };
            if next.is_none() {
                let done = match notice {
                    Some(Notice::Reminder(reminder)) => reminder.due_at(),
                    Some(Notice::FollowUp) | None => now,
                };
                store::save_reminded(&mut tx, job.id, done).await?;
            }
            jobs::save_progress(&mut tx, job, next.unwrap_or_default(), notified).await?;
            tx.commit().await?;
            if notice.is_some() {
                return Ok(NextStep::Again);
            }
            Ok(event.next_notice_at(now).map_or(NextStep::Done, NextStep::At))
        })
    }
}
