//! The SQL of the queue: enqueue, claim, heartbeat, settle, recover. `claims` claims mails, `lanes` letters. The SQL of
//! retention is in `maintenance`, that of suppressions in `suppression`.
//!
//! A claim writes its `claim_token` on each row; every later write of that claim has the token in its WHERE, so that
//! a process that lost its lease changes nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Makes a [`QueuedEmail`](crate::mail::kinds::QueuedEmail) of a row that has its columns, whatever other columns were
/// read with it.
macro_rules! queued_email {
    ($row:ident) => {
        crate::mail::kinds::QueuedEmail {
            id: $row.id,
            organization_id: $row.organization_id,
            class: $row.class,
            kind: $row.kind,
            lane: $row.lane,
            refs: $row.refs,
            protected: $row.protected,
            attempts: $row.attempts,
            created_at: $row.created_at,
            due_at: $row.due_at,
        }
    };
}

mod bounces;
mod claims;
mod controls;
mod copies;
mod counts;
mod ended;
mod epoch;
mod first_contacts;
mod lanes;
mod partitions;
mod pending_callbacks;
mod relays;
mod set_aside;

pub(super) use bounces::{count_bounce, find_sent, set_bounced};
pub(super) use claims::{ClaimRequest, claim};
pub use controls::{
    EVERYTHING, OrganizationPause, Pause, Retried, Retry, organization_pauses, pause, pause_organization, pauses,
    resume, resume_at, resume_organization, retry_all, retry_some,
};
pub(super) use controls::{NOT_COMPOSED, add_provider_counts, is_stopped_by, pauses_ended, waiting};
pub(super) use copies::{Copy, add_copies};
pub(super) use counts::forget_counts;
pub use counts::{MailCount, MailCounts, fold_counts, mail_counts, sent_since};
pub use ended::{forget_mail_about, forget_vault};
pub(super) use epoch::{Server, accept, is_fresh, next_number, number, pause_behind, server};
pub(super) use first_contacts::reserve_first_contacts;
pub use first_contacts::{FirstContacts, first_contacts, release_first_contacts, set_first_contacts};
pub use lanes::{Hours, Lane, LaneLimits, lanes, set_lane};
pub(super) use lanes::{pause_lane, record_lane_bounce};
pub(super) use partitions::{create_partition, maintain_partitions};
pub(super) use pending_callbacks::{
    AddressEffect, PendingCallback, add_pending_callback, delete_callbacks, pending_callbacks, postpone_callbacks,
};
pub(super) use relays::{
    Allowance, all_offer_smtputf8, note_smtputf8, register_relays, relay_accepted, relay_refused, release_quota,
};
pub use relays::{RelayStatus, relays, set_relay};
pub use set_aside::{Release, SetAside, release_set_aside, set_aside, set_aside_waiting};

use super::kinds::{Claimed, Class, DeliveryStatus, History};
use crate::{
    error::Result,
    kernel::{
        db::force_index_plan,
        env::{Env, floor_to_day},
    },
};

/// A mail to be queued.
#[derive(Clone, Debug)]
pub struct NewEmail<'a> {
    /// The organization whose mail it is.
    pub organization_id: Uuid,
    /// Its priority.
    pub class: Class,
    /// Name of the [`super::MailKind`] that composes it.
    pub kind: &'a str,
    /// Letters: the mailbox's id, as text; others: "".
    pub lane: &'a str,
    /// JSON object of the ids that it is composed from; no personal data, no text.
    pub refs: Value,
    /// It belongs to a protected action: times are whole days, and the row is deleted once settled.
    pub protected: bool,
    /// Earliest time to send it; `None`: at once.
    pub due_at: Option<DateTime<Utc>>,
}

/// Queues a mail in the caller's transaction and returns its id.
pub async fn enqueue(conn: &mut PgConnection, env: &Env, email: NewEmail<'_>) -> Result<Uuid> {
    Ok(enqueue_all(conn, env, &[email]).await?[0])
}

/// Queues mails in the caller's transaction, in one statement; returns their ids, in this order.
pub async fn enqueue_all(
    conn: &mut PgConnection,
    env: &Env,
    emails: &[NewEmail<'_>],
) -> Result<Vec<Uuid>, sqlx::Error> {
    if emails.is_empty() {
        return Ok(Vec::new());
    }
    let lanes: BTreeSet<&str> = emails.iter().map(|email| email.lane).filter(|lane| !lane.is_empty()).collect();
    for lane in lanes {
        lanes::ensure_lane(conn, lane).await?;
    }
    let texts = |of: fn(&NewEmail<'_>) -> String| -> Vec<String> { emails.iter().map(of).collect() };
    let ids: Vec<Uuid> = emails.iter().map(|email| env.recorded_id(email.protected)).collect();
    let organizations: Vec<Uuid> = emails.iter().map(|email| email.organization_id).collect();
    let refs: Vec<Value> = emails.iter().map(|email| email.refs.clone()).collect();
    let protected: Vec<bool> = emails.iter().map(|email| email.protected).collect();
    let created: Vec<DateTime<Utc>> = emails.iter().map(|email| env.recorded_now(email.protected)).collect();
    let due: Vec<DateTime<Utc>> =
        emails.iter().zip(&created).map(|(email, now)| email.due_at.unwrap_or(*now)).collect();
    sqlx::query!(
        "INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at)
         SELECT v.id, v.organization, v.class, v.kind, v.lane, v.refs, v.protected, 'queued', v.due_at, v.created_at
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::boolean[], $8::timestamptz[], $9::timestamptz[])
              v (id, organization, class, kind, lane, refs, protected, due_at, created_at)",
        &ids,
        &organizations,
        &texts(|email| email.class.as_str().to_owned()),
        &texts(|email| email.kind.to_owned()),
        &texts(|email| email.lane.to_owned()),
        &refs,
        &protected,
        &due,
        &created
    )
    .execute(conn)
    .await?;
    Ok(ids)
}

/// Cancels those of the mails that are `queued`, and returns their ids. Mails being sent are not stopped. A cancelled mail
/// keeps no `refs`, as nobody composes it again.
pub async fn cancel(conn: &mut PgConnection, now: DateTime<Utc>, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let cancelled = sqlx::query_scalar!(
        r#"WITH gone AS (
               DELETE FROM emails_waiting WHERE id = ANY ($1) AND state = 'queued'
               RETURNING id, organization_id, class, kind, lane, protected, due_at, attempts, created_at
           ), kept AS (
               INSERT INTO emails_settled (id, organization_id, class, kind, lane, refs, state, due_at, attempts, created_at, settled_at)
               SELECT id, organization_id, class, kind, lane, '{}', 'cancelled', due_at, attempts, created_at, $2 FROM gone WHERE NOT protected
           )
           SELECT id FROM gone"#,
        ids,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(cancelled)
}

/// Queues a `failed`, `uncertain` or `bounced` mail again, by decision of an organizer. False when it is in none of
/// these states.
pub async fn requeue(conn: &mut PgConnection, now: DateTime<Utc>, organization: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "WITH back AS (
             DELETE FROM emails_settled WHERE id = $1 AND organization_id = $2 AND state IN ('failed', 'uncertain', 'bounced')
             RETURNING id, organization_id, class, kind, lane, refs, protected, created_at
         )
         INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at, queued_at)
         SELECT id, organization_id, class, kind, lane, refs, protected, 'queued', $3, created_at, $3 FROM back",
        id,
        organization,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A claim: its token, its time and the end of its lease, by the database's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) token: Uuid,
    pub(super) now: DateTime<Utc>,
    pub(super) lease_until: DateTime<Utc>,
}

/// How long bounces of mail of protected actions can be matched (`mail_bounce_lookups`).
const BOUNCE_LOOKUP_RETENTION: TimeDelta = TimeDelta::hours(72);

/// Renews the lease of those of the mails that this claim still holds.
pub(super) async fn heartbeat(
    conn: &mut PgConnection,
    token: Uuid,
    ids: &[Uuid],
    lease: TimeDelta,
    ahead: TimeDelta,
) -> Result<()> {
    sqlx::query!(
        "UPDATE emails_waiting SET lease_until = clock_timestamp() + $3::bigint * interval '1 microsecond'
         WHERE id = ANY ($2) AND claim_token = $1",
        token,
        ids,
        (lease + ahead).num_microseconds().unwrap_or(0)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets `data_at` on letters whose content is about to be transmitted. Returns the ids that the claim still holds;
/// the others must not be sent.
pub(super) async fn begin_data(
    conn: &mut PgConnection,
    token: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "UPDATE emails_waiting SET data_at = $3 WHERE id = ANY ($2) AND claim_token = $1 RETURNING id",
        token,
        ids,
        now
    )
    .fetch_all(conn)
    .await?)
}

/// How a claim of a mail ends.
#[derive(Clone, Debug)]
pub(super) enum ClaimOutcome {
    /// Settled with this status: sent, failed, uncertain or cancelled.
    Settled(DeliveryStatus),
    /// Put back into the queue.
    Queued {
        /// Earliest time of the next attempt.
        due_at: DateTime<Utc>,
        /// Whether the attempt counts.
        counted: bool,
        /// What is recorded on the row.
        note: RetryNote,
    },
}

/// What is recorded on the row of a mail that is put back into the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum RetryNote {
    /// Nothing.
    #[default]
    None,
    /// A permanent refusal by a relay (`refused_at`), which is final only the second time.
    Refused,
    /// A lost connection (`breaks`).
    LostConnection,
    /// What it belongs to is paused: its age counts from now (`queued_at`).
    Paused,
}

/// End of the claim of one mail.
#[derive(Clone, Debug)]
pub(super) struct ClaimEnd {
    pub(super) id: Uuid,
    pub(super) token: Uuid,
    pub(super) ending: ClaimOutcome,
    pub(super) failure: Option<String>,
    /// It failed by a fault of ours: its row is kept, also of a protected action, so that it can be queued again.
    pub(super) is_ours: bool,
    /// It is already counted towards the first-contact limit.
    pub(super) first_counted: bool,
}

/// Ends claims in the caller's transaction. Returns the ids that were still held. Rows are written in the order of
/// ids, against deadlocks.
pub(super) async fn end(conn: &mut PgConnection, now: DateTime<Utc>, ends: &[ClaimEnd]) -> Result<Vec<Uuid>> {
    force_index_plan(conn).await?;
    let (mut retries, mut settled): (Vec<&ClaimEnd>, Vec<&ClaimEnd>) =
        ends.iter().partition(|end| matches!(end.ending, ClaimOutcome::Queued { .. }));
    retries.sort_by_key(|end| end.id);
    settled.sort_by_key(|end| end.id);
    let mut held = requeue_claimed(conn, now, &retries).await?;
    held.extend(settle_claimed(conn, now, &settled).await?);
    Ok(held)
}

async fn requeue_claimed(conn: &mut PgConnection, now: DateTime<Utc>, ends: &[&ClaimEnd]) -> Result<Vec<Uuid>> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let (mut due, mut counted) = (Vec::with_capacity(ends.len()), Vec::with_capacity(ends.len()));
    let mut marks = [const { Vec::new() }; 3];
    for end in ends {
        if let ClaimOutcome::Queued { due_at, counted: counts, note } = end.ending {
            due.push(due_at);
            counted.push(counts);
            for (marks, of) in marks.iter_mut().zip([RetryNote::Refused, RetryNote::LostConnection, RetryNote::Paused])
            {
                marks.push(note == of);
            }
        }
    }
    let [refused, broke, paused] = marks;
    let first_counted: Vec<bool> = ends.iter().map(|end| end.first_counted).collect();
    let (ids, tokens, failures) = columns(ends);
    Ok(sqlx::query_scalar!(
        r#"UPDATE emails_waiting e SET state = 'queued', due_at = v.due_at, claim_token = NULL, lease_until = NULL, data_at = NULL,
                  failure = v.failure, attempts = CASE WHEN v.counted THEN e.attempts ELSE greatest(e.attempts - 1, 0) END,
                  refused_at = CASE WHEN v.refused THEN coalesce(e.refused_at, $10::timestamptz) ELSE e.refused_at END,
                  breaks = least(e.breaks + v.broke::integer, 1000),
                  queued_at = CASE WHEN v.paused THEN $10 ELSE e.queued_at END,
                  first_counted = e.first_counted OR v.first_counted
           FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::boolean[], $6::boolean[], $7::boolean[], $8::boolean[],
                       $9::boolean[]) AS v (id, token, failure, due_at, counted, refused, broke, paused, first_counted)
           WHERE e.id = v.id AND e.claim_token = v.token
           RETURNING e.id"#,
        &ids,
        &tokens,
        &failures as &[Option<String>],
        &due,
        &counted,
        &refused,
        &broke,
        &paused,
        &first_counted,
        now
    )
    .fetch_all(conn)
    .await?)
}

async fn settle_claimed(conn: &mut PgConnection, now: DateTime<Utc>, ends: &[&ClaimEnd]) -> Result<Vec<Uuid>> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let states: Vec<String> = ends
        .iter()
        .map(|end| match end.ending {
            ClaimOutcome::Settled(status) => status,
            ClaimOutcome::Queued { .. } => DeliveryStatus::Failed,
        })
        .map(|status| status.as_str().to_owned())
        .collect();
    let ours: Vec<bool> = ends.iter().map(|end| end.is_ours).collect();
    let (ids, tokens, failures) = columns(ends);
    Ok(sqlx::query_scalar!(
        r#"WITH v AS (
               SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $8::boolean[]) AS v (id, token, failure, state, ours)
           ), gone AS (
               DELETE FROM emails_waiting e USING v WHERE e.id = v.id AND e.claim_token = v.token
               RETURNING e.id, e.organization_id, e.class, e.kind, e.lane, e.refs, e.protected, v.state, e.due_at, e.attempts, v.failure, e.created_at, v.ours
           ), kept AS (
               INSERT INTO emails_settled (id, organization_id, class, kind, lane, refs, protected, state, due_at, attempts, failure, created_at, settled_at)
               SELECT id, organization_id, class, kind, lane, CASE state WHEN 'cancelled' THEN '{}' ELSE refs END, protected, state,
                      due_at, attempts, failure, created_at, CASE WHEN protected THEN $6::timestamptz ELSE $5 END
               FROM gone
               WHERE NOT protected OR state = 'uncertain' OR (state = 'failed' AND (class = 'letter' OR ours))
           ), may_return AS (
               INSERT INTO mail_bounce_lookups (id, organization_id, class, kind, lane, refs, forget_on)
               SELECT id, organization_id, class, kind, lane, refs, $7::date FROM gone WHERE protected AND state = 'sent'
           )
           SELECT id FROM gone"#,
        &ids,
        &tokens,
        &failures as &[Option<String>],
        &states,
        now,
        floor_to_day(now),
        (now + BOUNCE_LOOKUP_RETENTION).date_naive(),
        &ours
    )
    .fetch_all(conn)
    .await?)
}

fn columns(ends: &[&ClaimEnd]) -> (Vec<Uuid>, Vec<Uuid>, Vec<Option<String>>) {
    let ids = ends.iter().map(|end| end.id).collect();
    let tokens = ends.iter().map(|end| end.token).collect();
    (ids, tokens, ends.iter().map(|end| end.failure.clone()).collect())
}

/// A mail whose lease has expired.
pub(super) struct Expired {
    pub(super) email: Claimed,
    pub(super) token: Uuid,
    /// Its content may have been transmitted (`data_at` is set).
    pub(super) data_began: bool,
}

/// Locks mails whose lease has expired by the database's clock. A sender that is merely late waits for the lock and
/// then finds its token gone.
pub(super) async fn expired(conn: &mut PgConnection, ahead: TimeDelta, limit: i64) -> Result<Vec<Expired>> {
    let rows = sqlx::query!(
        r#"SELECT id, organization_id, class AS "class: Class", kind, lane, refs, protected, attempts, created_at, due_at,
                  claim_token AS "claim_token!", data_at IS NOT NULL AS "data_began!"
           FROM emails_waiting WHERE state = 'sending' AND lease_until < now() + $1::bigint * interval '1 microsecond'
           ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED"#,
        ahead.num_microseconds().unwrap_or(0),
        limit
    )
    .fetch_all(conn)
    .await?;
    let expired = rows.into_iter().map(|row| {
        let (token, data_began) = (row.claim_token, row.data_began);
        // it was counted when it was claimed
        let history = History { first_counted: true, ..History::default() };
        Expired { email: Claimed { email: queued_email!(row), history }, token, data_began }
    });
    Ok(expired.collect())
}
