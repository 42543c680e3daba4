//! The SQL of the queue: enqueue, claim, heartbeat, settle, recover. `lanes` claims letters, `upkeep` forgets, `consent` asks
//! for leave.
//!
//! Whoever claims a mail writes a `claim_token` on its row; every later write of that claim names the token, so a process
//! that lost its lease changes nothing any more.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

mod controls;
mod lanes;
mod months;
mod relays;
mod returned;
#[cfg(test)]
mod tests;

pub use controls::{Pause, first_contacts, pause, pauses, resume, retry_all};
pub(super) use controls::{add_to_domains, is_behind, next_epoch, waiting};
pub(super) use lanes::pause_lane;
pub use lanes::{Hours, Lane, Pace, knows_timezone, lanes, set_lane};
pub(super) use months::keep_months;
pub(super) use relays::{Allowance, give_back, introduce};
pub use relays::{RelayPace, relays, set_relay};
pub(super) use returned::{add_returned, bounce, gone_out};

use super::kinds::{Class, QueuedEmail};
use crate::{
    error::{Error, Result},
    kernel::cx::{Cx, floor_to_day},
};

/// A mail to be queued.
#[derive(Clone, Debug)]
pub struct NewEmail<'a> {
    /// Whose mail it is.
    pub organization_id: Uuid,
    /// Its priority.
    pub class: Class,
    /// The [`super::MailKind`] that composes it.
    pub kind: &'a str,
    /// Letters: the mailbox's id, as text; others: "".
    pub lane: &'a str,
    /// An object of ids; never anything that says who or what.
    pub refs: Value,
    /// Belongs to a protected action: times are whole days and the row is deleted once settled.
    pub protected: bool,
    /// Not before; `None`: at once.
    pub due_at: Option<DateTime<Utc>>,
}

/// Queues a mail in the caller's transaction and returns its id.
///
/// # Errors
/// A database error.
pub async fn enqueue(conn: &mut PgConnection, cx: &Cx, email: NewEmail<'_>) -> Result<Uuid> {
    let id = cx.recorded_id(email.protected);
    let now = cx.recorded_now(email.protected);
    if !email.lane.is_empty() {
        lanes::open_lane(conn, email.lane).await?;
    }
    sqlx::query!(
        "INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $9)",
        id,
        email.organization_id,
        email.class.as_str(),
        email.kind,
        email.lane,
        email.refs,
        email.protected,
        email.due_at.unwrap_or(now),
        now
    )
    .execute(&mut *conn)
    .await?;
    Ok(id)
}

/// Cancels those of the mails that still wait, and returns their ids. What is being sent is not stopped any more.
///
/// # Errors
/// A database error.
pub async fn cancel(conn: &mut PgConnection, now: DateTime<Utc>, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let cancelled = sqlx::query_scalar!(
        r#"WITH gone AS (
               DELETE FROM emails_waiting WHERE id = ANY ($1) AND state = 'queued'
               RETURNING id, organization_id, class, kind, lane, refs, protected, due_at, attempts, created_at
           ), kept AS (
               INSERT INTO emails_settled (id, organization_id, class, kind, lane, refs, state, due_at, attempts, created_at, settled_at)
               SELECT id, organization_id, class, kind, lane, refs, 'cancelled', due_at, attempts, created_at, $2 FROM gone WHERE NOT protected
           )
           SELECT id FROM gone"#,
        ids,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(cancelled)
}

/// Queues a failed, uncertain or returned mail again, as an organizer decided; false when it is in no such state (any more).
///
/// # Errors
/// A database error.
pub async fn requeue(conn: &mut PgConnection, now: DateTime<Utc>, organization: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "WITH back AS (
             DELETE FROM emails_settled WHERE id = $1 AND organization_id = $2 AND state IN ('failed', 'uncertain', 'bounced')
             RETURNING id, organization_id, class, kind, lane, refs, protected, created_at
         )
         INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at)
         SELECT id, organization_id, class, kind, lane, refs, protected, 'queued', $3, created_at FROM back",
        id,
        organization,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A row as it is claimed.
struct Row {
    id: Uuid,
    organization_id: Uuid,
    class: String,
    kind: String,
    lane: String,
    refs: Value,
    protected: bool,
    attempts: i16,
    created_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
}

impl Row {
    fn into_email(self) -> Result<QueuedEmail> {
        let class = Class::parse(&self.class).ok_or_else(|| Error::internal("a mail of an unknown class"))?;
        Ok(QueuedEmail {
            id: self.id,
            organization_id: self.organization_id,
            class,
            kind: self.kind,
            lane: self.lane,
            refs: self.refs,
            protected: self.protected,
            attempts: self.attempts,
            created_at: self.created_at,
            due_at: self.due_at,
        })
    }
}

/// Who claims, when, until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) token: Uuid,
    pub(super) now: DateTime<Utc>,
    pub(super) lease_until: DateTime<Utc>,
}

/// Time in which mail of protected actions may come back and is known.
const RETURNS_FOR: TimeDelta = TimeDelta::hours(72);

/// Claims up to `limit` mails, in the order in which they are to go out, and takes from the relays' pace what they may
/// need. An eighth, or as many on top where no pace is kept, may be letters whatever else waits; `fraction`, in `[0, 1)`, is
/// for rounding. `relays` are those of this process; what is not used is given back ([`give_back`]).
pub(super) async fn claim(
    conn: &mut PgConnection,
    claim: Claim,
    limit: i64,
    fraction: f64,
    relays: &[String],
) -> Result<(Vec<QueuedEmail>, Vec<Allowance>)> {
    let mut tx = conn.begin().await?;
    plan_once_on_indexes(&mut tx).await?;
    // a claim that a crash of the database loses is one that was not settled either: its mails go again all the same, and
    // what tells that a letter has begun is on disk before it does
    sqlx::query!("SELECT set_config('synchronous_commit', 'off', true)").fetch_one(&mut *tx).await?;
    let mut allowances = relays::allowances(&mut tx, relays, claim.now).await?;
    let (mut others, mut letters_at_least) = (limit, an_eighth(limit, fraction));
    if !relays.is_empty() && allowances.len() == relays.len() {
        let allowed = limit.min(allowances.iter().map(|a| a.mails).sum());
        letters_at_least = an_eighth(allowed, fraction);
        others = allowed - letters_at_least;
    }
    let mut rows = claim_others(&mut tx, claim, others).await?;
    let letters = (others - i64::try_from(rows.len()).unwrap_or(others)).max(letters_at_least);
    rows.extend(lanes::claim_letters(&mut tx, claim, letters).await?);
    let claimed = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    for a in &mut allowances {
        a.mails = a.mails.min(claimed);
    }
    relays::take(&mut tx, &allowances).await?;
    tx.commit().await?;
    let mut emails = rows.into_iter().map(Row::into_email).collect::<Result<Vec<_>>>()?;
    emails.sort_by_key(|e| (e.class, e.due_at, e.id));
    Ok((emails, allowances))
}

/// An eighth of a number, on the average: of 1, every eighth time.
#[expect(clippy::cast_possible_truncation, reason = "a number below 8")]
fn an_eighth(of: i64, fraction: f64) -> i64 {
    (of + (fraction * 8.0) as i64) / 8
}

/// Claims mails without a lane. Classes go by priority, but an eighth of the batch is kept for each class
/// that waits, so that a peak of confirmations delays updates without stopping them.
///
/// The picked rows are handed over as an array: as a join, their number is overestimated and the whole table read. They are
/// locked, so their places are theirs until they are updated, and need not be looked up again.
async fn claim_others(tx: &mut PgConnection, claim: Claim, limit: i64) -> Result<Vec<Row>> {
    let rows = sqlx::query_as!(
        Row,
        r#"WITH waiting AS MATERIALIZED (
               SELECT c.class, c.priority,
                      (SELECT count(*) FROM (SELECT FROM emails_waiting e WHERE e.class = c.class AND e.state = 'queued' AND e.lane = ''
                                             AND e.due_at <= $1 LIMIT $2) AS due) AS n
               FROM (VALUES ('confirmation', 1), ('urgent', 2), ('letter', 3), ('notice', 4), ('update', 5)) AS c (class, priority)
               WHERE NOT EXISTS (SELECT FROM mail_pauses p WHERE p.scope IN ('everything', c.class))
           ), shared AS (
               SELECT class, priority, n, least(n, greatest($2 / 8, 1)) AS share FROM waiting
           ), quota AS (
               SELECT class, share + greatest(least(n - share, $2 - sum(share) OVER ()
                          - coalesce(sum(n - share) OVER (ORDER BY priority ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)), 0) AS n
               FROM shared
           ), picked AS (
               SELECT e.ctid FROM quota q CROSS JOIN LATERAL (
                   SELECT ctid FROM emails_waiting
                   WHERE class = q.class AND state = 'queued' AND lane = '' AND due_at <= $1
                   ORDER BY due_at LIMIT q.n::bigint FOR UPDATE SKIP LOCKED) AS e
           )
           UPDATE emails_waiting SET state = 'sending', claim_token = $3, lease_until = $4, attempts = least(attempts + 1, 1000), data_at = NULL
           WHERE ctid = ANY (ARRAY(SELECT ctid FROM picked LIMIT $2))
           RETURNING id, organization_id, class, kind, lane, refs, protected, attempts, created_at, due_at"#,
        claim.now,
        limit,
        claim.token,
        claim.lease_until
    )
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// For the rest of the transaction: a plan is made once and kept, and must not read the whole queue when it has grown since.
async fn plan_once_on_indexes(tx: &mut PgConnection) -> Result<()> {
    // nor look so expensive that it would be compiled, where a pooler drops what `db::options` asks for
    sqlx::query!(
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', true) AS plans, set_config('enable_seqscan', 'off', true) AS seqscan,
                set_config('jit', 'off', true) AS jit"
    )
    .fetch_one(tx)
    .await?;
    Ok(())
}

/// Counts first mails to an address into the present hour, up to `most` for the whole installation. The others go back
/// into the queue, due at different moments of the next hour; returns which.
pub(super) async fn brake(conn: &mut PgConnection, claim: Claim, first: &[Uuid], most: i64) -> Result<Vec<Uuid>> {
    let mut tx = conn.begin().await?;
    let many = i64::try_from(first.len()).unwrap_or(i64::MAX);
    let sent = sqlx::query_scalar!(
        "INSERT INTO first_contacts AS f (hour, sent) VALUES (date_trunc('hour', $1, 'UTC'), $2)
         ON CONFLICT (hour) DO UPDATE SET sent = f.sent + excluded.sent RETURNING sent",
        claim.now,
        many
    )
    .fetch_one(&mut *tx)
    .await?;
    let over = usize::try_from((sent - most).clamp(0, many)).unwrap_or_default();
    let held = &first[first.len() - over..];
    if over > 0 {
        sqlx::query!(
            "UPDATE first_contacts SET sent = $2 WHERE hour = date_trunc('hour', $1, 'UTC') AND sent > $2",
            claim.now,
            most
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE emails_waiting SET state = 'queued', claim_token = NULL, lease_until = NULL, attempts = greatest(attempts - 1, 0),
                    due_at = date_trunc('hour', $1, 'UTC') + interval '1 hour' + random() * interval '50 minutes'
             WHERE id = ANY ($2) AND claim_token = $3",
            claim.now,
            held,
            claim.token
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(held.to_vec())
}

/// Prolongs the lease of what this claim still holds.
pub(super) async fn heartbeat(
    conn: &mut PgConnection,
    token: Uuid,
    ids: &[Uuid],
    lease_until: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE emails_waiting SET lease_until = $3 WHERE id = ANY ($2) AND claim_token = $1",
        token,
        ids,
        lease_until
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that the content of letters is about to go out; returns those that the claim still holds. The others must not go.
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

/// What is written on a row when a claim ends.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// `sent`, `failed`, `uncertain` or `cancelled`.
    Settled(&'static str),
    /// Back into the queue.
    Queued {
        /// Not before.
        due_at: DateTime<Utc>,
        /// Whether the attempt counts.
        counted: bool,
    },
}

/// One claim's end.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) id: Uuid,
    pub(super) token: Uuid,
    pub(super) ending: Ending,
    pub(super) failure: Option<String>,
}

/// Ends claims in a transaction; returns the ids that were still held.
pub(super) async fn end(conn: &mut PgConnection, now: DateTime<Utc>, ends: &[End]) -> Result<Vec<Uuid>> {
    plan_once_on_indexes(conn).await?;
    let (mut retries, mut settled): (Vec<&End>, Vec<&End>) =
        ends.iter().partition(|end| matches!(end.ending, Ending::Queued { .. }));
    retries.sort_by_key(|end| end.id);
    settled.sort_by_key(|end| end.id);
    let mut held = requeue_claimed(conn, &retries).await?;
    held.extend(settle_claimed(conn, now, &settled).await?);
    Ok(held)
}

async fn requeue_claimed(conn: &mut PgConnection, ends: &[&End]) -> Result<Vec<Uuid>> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let (mut due, mut counted) = (Vec::with_capacity(ends.len()), Vec::with_capacity(ends.len()));
    for end in ends {
        if let Ending::Queued { due_at, counted: counts } = end.ending {
            due.push(due_at);
            counted.push(counts);
        }
    }
    let (ids, tokens, failures) = columns(ends);
    Ok(sqlx::query_scalar!(
        r#"UPDATE emails_waiting e SET state = 'queued', due_at = v.due_at, claim_token = NULL, lease_until = NULL, data_at = NULL,
                  failure = v.failure, attempts = CASE WHEN v.counted THEN e.attempts ELSE greatest(e.attempts - 1, 0) END
           FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::boolean[]) AS v (id, token, failure, due_at, counted)
           WHERE e.id = v.id AND e.claim_token = v.token
           RETURNING e.id"#,
        &ids,
        &tokens,
        &failures as &[Option<String>],
        &due,
        &counted
    )
    .fetch_all(conn)
    .await?)
}

async fn settle_claimed(conn: &mut PgConnection, now: DateTime<Utc>, ends: &[&End]) -> Result<Vec<Uuid>> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let states: Vec<String> = ends
        .iter()
        .map(|end| match end.ending {
            Ending::Settled(state) => state.to_owned(),
            Ending::Queued { .. } => "failed".to_owned(),
        })
        .collect();
    let (ids, tokens, failures) = columns(ends);
    Ok(sqlx::query_scalar!(
        r#"WITH v AS (
               SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS v (id, token, failure, state)
           ), gone AS (
               DELETE FROM emails_waiting e USING v WHERE e.id = v.id AND e.claim_token = v.token
               RETURNING e.id, e.organization_id, e.class, e.kind, e.lane, e.refs, e.protected, v.state, e.due_at, e.attempts, v.failure, e.created_at
           ), kept AS (
               INSERT INTO emails_settled (id, organization_id, class, kind, lane, refs, protected, state, due_at, attempts, failure, created_at, settled_at)
               SELECT id, organization_id, class, kind, lane, refs, protected, state, due_at, attempts, failure, created_at,
                      CASE WHEN protected THEN $6::timestamptz ELSE $5 END
               FROM gone
               WHERE NOT protected OR state = 'uncertain' OR (state = 'failed' AND class = 'letter')
           ), may_return AS (
               INSERT INTO mail_returns (id, organization_id, class, kind, lane, refs, forget_on)
               SELECT id, organization_id, class, kind, lane, refs, $7::date FROM gone WHERE protected AND state = 'sent'
           )
           SELECT id FROM gone"#,
        &ids,
        &tokens,
        &failures as &[Option<String>],
        &states,
        now,
        floor_to_day(now),
        (now + RETURNS_FOR).date_naive()
    )
    .fetch_all(conn)
    .await?)
}

fn columns(ends: &[&End]) -> (Vec<Uuid>, Vec<Uuid>, Vec<Option<String>>) {
    let ids = ends.iter().map(|end| end.id).collect();
    let tokens = ends.iter().map(|end| end.token).collect();
    (ids, tokens, ends.iter().map(|end| end.failure.clone()).collect())
}

/// A mail whose sender went away.
pub(super) struct Expired {
    pub(super) email: QueuedEmail,
    pub(super) token: Uuid,
    /// Its content may have gone out.
    pub(super) data_began: bool,
}

/// Locks mails whose lease is over. A sender that is merely late waits for the lock and finds its token gone.
pub(super) async fn expired(conn: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<Vec<Expired>> {
    let rows = sqlx::query!(
        r#"SELECT id, organization_id, class, kind, lane, refs, protected, attempts, created_at, due_at,
                  claim_token AS "claim_token!", data_at IS NOT NULL AS "data_began!"
           FROM emails_waiting WHERE state = 'sending' AND lease_until < $1 ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED"#,
        now,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let row = Row {
                id: r.id,
                organization_id: r.organization_id,
                class: r.class,
                kind: r.kind,
                lane: r.lane,
                refs: r.refs,
                protected: r.protected,
                attempts: r.attempts,
                created_at: r.created_at,
                due_at: r.due_at,
            };
            Ok(Expired { email: row.into_email()?, token: r.claim_token, data_began: r.data_began })
        })
        .collect()
}

/// What the log and the metrics may know about the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLength {
    /// Mails that are due and wait.
    pub due: i64,
    /// Mails that are being sent.
    pub sending: i64,
}

/// Counts what waits (for `/metrics`).
///
/// # Errors
/// A database error.
pub async fn queue_length(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<QueueLength> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE state = 'queued' AND due_at <= $1) AS "due!", count(*) FILTER (WHERE state = 'sending') AS "sending!"
           FROM emails_waiting"#,
        now
    )
    .fetch_one(conn)
    .await?;
    Ok(QueueLength { due: row.due, sending: row.sending })
}
