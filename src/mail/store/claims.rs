//! Claiming: which mails go next, for whom, until when.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use super::{Allowance, Claim, EmailRow, lanes, relays};
use crate::{
    error::Result,
    mail::kinds::{Claimed, History},
};

/// A row of the queue as it is claimed.
pub(super) struct ClaimedRow {
    pub(super) id: Uuid,
    pub(super) organization_id: Uuid,
    pub(super) class: String,
    pub(super) kind: String,
    pub(super) lane: String,
    pub(super) refs: Value,
    pub(super) protected: bool,
    pub(super) attempts: i16,
    pub(super) created_at: DateTime<Utc>,
    pub(super) due_at: DateTime<Utc>,
    pub(super) queued_at: Option<DateTime<Utc>>,
    pub(super) refused_at: Option<DateTime<Utc>>,
    pub(super) breaks: i16,
    pub(super) first_counted: bool,
}

impl ClaimedRow {
    fn into_claimed(self) -> Result<Claimed> {
        let history = History {
            queued_at: self.queued_at,
            refused_at: self.refused_at,
            breaks: self.breaks,
            first_counted: self.first_counted,
        };
        let row = EmailRow {
            id: self.id,
            organization_id: self.organization_id,
            class: self.class,
            kind: self.kind,
            lane: self.lane,
            refs: self.refs,
            protected: self.protected,
            attempts: self.attempts,
            created_at: self.created_at,
            due_at: self.due_at,
        };
        Ok(Claimed { email: row.into_email()?, history })
    }
}

/// Who wants to claim, and for how long. Times of leases are the database's, so that no process's clock matters; `ahead` is
/// how far a test has moved the clock.
#[derive(Clone, Copy, Debug)]
pub(in crate::mail) struct ClaimRequest {
    pub(in crate::mail) token: Uuid,
    pub(in crate::mail) lease: TimeDelta,
    pub(in crate::mail) ahead: TimeDelta,
    /// The newest mail epoch that this process knows of, and when the server that it came from was started.
    pub(in crate::mail) epoch: i64,
    pub(in crate::mail) started: Option<DateTime<Utc>>,
}

/// What came of asking for mails.
#[derive(Debug, Default)]
pub(in crate::mail) struct ClaimResult {
    pub(in crate::mail) emails: Vec<Claimed>,
    pub(in crate::mail) allowances: Vec<Allowance>,
    pub(in crate::mail) now: DateTime<Utc>,
    pub(in crate::mail) epoch: i64,
    pub(in crate::mail) started: DateTime<Utc>,
    /// The database may not be the newest: nothing was claimed, it is to be looked at first.
    pub(in crate::mail) is_suspect: bool,
}

/// Claims up to `limit` mails, in the order in which they are to go out, and takes from the relays' pace what they may
/// need. An eighth, or as many on top where no pace is kept, may be letters whatever else waits; `fraction`, in `[0, 1)`, is
/// for rounding. `relays` are those of this process; what is not used is given back (`release_quota`).
pub(in crate::mail) async fn claim(
    conn: &mut PgConnection,
    request: ClaimRequest,
    limit: i64,
    fraction: f64,
    relays: &[String],
) -> Result<ClaimResult> {
    let mut tx = conn.begin().await?;
    // a claim that a crash of the database loses is one that was not settled either: its mails go again all the same, and
    // what tells that a letter has begun is on disk before it does
    let start = sqlx::query!(
        r#"SELECT set_config('plan_cache_mode', 'force_generic_plan', true) AS plans, set_config('enable_seqscan', 'off', true) AS seqscan,
                  set_config('jit', 'off', true) AS jit, set_config('synchronous_commit', 'off', true) AS commits,
                  clock_timestamp() + $1::bigint * interval '1 microsecond' AS "now!",
                  coalesce((SELECT number FROM mail_epoch), 0) AS "epoch!", pg_postmaster_start_time() AS "started!""#,
        request.ahead.num_microseconds().unwrap_or(0)
    )
    .fetch_one(&mut *tx)
    .await?;
    let mut result =
        ClaimResult { now: start.now, epoch: start.epoch, started: start.started, ..ClaimResult::default() };
    if start.epoch < request.epoch || request.started.is_some_and(|started| started != start.started) {
        result.is_suspect = true;
        return Ok(result);
    }
    let claim = Claim { token: request.token, now: start.now, lease_until: start.now + request.lease };
    let mut allowances = relays::allowances(&mut tx, relays, claim.now).await?;
    let (mut others, mut letters_at_least) = (limit, one_eighth(limit, fraction));
    if !relays.is_empty() && allowances.len() == relays.len() {
        let allowed = limit.min(allowances.iter().map(|a| a.mails).sum());
        letters_at_least = one_eighth(allowed, fraction);
        others = allowed - letters_at_least;
        if allowed == 0 {
            result.allowances = allowances;
            return Ok(result);
        }
    }
    let mut rows = claim_others(&mut tx, claim, others).await?;
    let letters = (others - i64::try_from(rows.len()).unwrap_or(others)).max(letters_at_least);
    rows.extend(lanes::claim_letters(&mut tx, claim, letters).await?);
    let claimed = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    for a in &mut allowances {
        a.mails = a.mails.min(claimed);
    }
    relays::use_quota(&mut tx, &allowances, claim.now).await?;
    tx.commit().await?;
    result.emails = rows.into_iter().map(ClaimedRow::into_claimed).collect::<Result<Vec<_>>>()?;
    result.emails.sort_by_key(|e| (e.class, e.due_at, e.id));
    result.allowances = allowances;
    Ok(result)
}

/// An eighth of a number, on the average: of 1, every eighth time.
#[expect(clippy::cast_possible_truncation, reason = "a number below 8")]
fn one_eighth(of: i64, fraction: f64) -> i64 {
    (of + (fraction * 8.0) as i64) / 8
}

/// Claims mails without a lane. Classes go by priority, but an eighth of the batch is kept for each class
/// that waits, so that a peak of confirmations delays updates without stopping them.
///
/// The picked rows are handed over as an array: as a join, their number is overestimated and the whole table read. They are
/// locked, so their places are theirs until they are updated, and need not be looked up again.
async fn claim_others(tx: &mut PgConnection, claim: Claim, limit: i64) -> Result<Vec<ClaimedRow>> {
    let rows = sqlx::query_as!(
        ClaimedRow,
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
           RETURNING id, organization_id, class, kind, lane, refs, protected, attempts, created_at, due_at,
                     queued_at, refused_at, breaks, first_counted"#,
        claim.now,
        limit,
        claim.token,
        claim.lease_until
    )
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
