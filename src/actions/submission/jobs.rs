//! Background jobs of pending submissions: the reminder, and the deletion of what nobody confirmed.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgConnection;

use super::{kind::SubmissionKind, mail::DueReminder};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        background::{JobInfo, Jobs, Progress, Turn},
    },
    mail::{self, Class, NewEmail},
    people,
};

/// Registers the jobs of a kind.
pub fn register_jobs<K: SubmissionKind>(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let [reminders, unconfirmed] = K::JOBS;
    let reminders = JobInfo::maintenance(
        reminders,
        "queues the one reminder to confirm, `retention.reminder_days` (3) after the form was sent",
        "1,000 submissions",
    );
    jobs.add(reminders, kernel, async |kernel, turn| queue_reminders::<K>(&kernel, turn).await);
    let unconfirmed = JobInfo::maintenance(
        unconfirmed,
        "deletes what was pending for `retention.unconfirmed_days` (21), and people of whom nothing else is left",
        "2,000 submissions",
    );
    jobs.add(unconfirmed, kernel, async |kernel, turn| {
        Ok(Progress::of_batch(people::delete_unconfirmed(&kernel.work, K::TABLE, turn.now).await?))
    });
}

/// Takes the reminders that are due by `now` as sent, in a database that was restored: nobody knows which were sent since.
/// Returns how many submissions this concerns.
pub async fn skip_reminders<K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<u64> {
    let before = now - TimeDelta::days(kernel.settings.retention.reminder_days.into());
    let mut skipped = 0;
    loop {
        let (looked, _) = K::take_due_reminders(conn, before, now).await?;
        if looked == 0 {
            return Ok(skipped);
        }
        skipped += looked;
    }
}

async fn queue_reminders<K: SubmissionKind>(kernel: &Kernel, turn: Turn) -> Result<Progress> {
    let before = turn.now - TimeDelta::days(kernel.settings.retention.reminder_days.into());
    let mut tx = kernel.work.begin().await?;
    let (looked, due) = K::take_due_reminders(&mut tx, before, turn.now).await?;
    let reminder = |due: &DueReminder| NewEmail {
        organization_id: due.organization,
        class: Class::Notice,
        kind: K::REMINDER_MAIL,
        lane: "",
        refs: json!({K::REF: due.submission}),
        protected: due.protected,
        due_at: None,
    };
    mail::enqueue_all(&mut tx, &kernel.env, &due.iter().map(reminder).collect::<Vec<_>>()).await?;
    tx.commit().await?;
    Ok(Progress::of_batch(looked))
}
