//! Claiming: selects the mails that are sent next and writes token and lease on their rows.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use super::{Allowance, Claim, lanes, relays};
use crate::{
    error::Result,
    mail::kinds::{Claimed, Class, History},
};

/// A row of the queue, as `RETURNING` of a claim gives it.
pub(super) struct ClaimedRow {
    pub(super) id: Uuid,
    pub(super) organization_id: Uuid,
    pub(super) class: Class,
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
    fn into_claimed(self) -> Claimed {
        let history = History {
            queued_at: self.queued_at,
            refused_at: self.refused_at,
            breaks: self.breaks,
            first_counted: self.first_counted,
        };
        Claimed { email: queued_email!(self), history }
    }
}

/// Parameters of a claim. Lease times are the database's, so that no process's clock matters; `ahead` is how far a
/// test has moved the clock.
#[derive(Clone, Copy, Debug)]
pub(in crate::mail) struct ClaimRequest {
    pub(in crate::mail) token: Uuid,
    pub(in crate::mail) lease: TimeDelta,
    pub(in crate::mail) ahead: TimeDelta,
    /// The highest mail epoch that this process has seen, and the start time of the server that it came from
    /// (`restore_guard`).
    pub(in crate::mail) epoch: i64,
    pub(in crate::mail) started: Option<DateTime<Utc>>,
}

/// Result of a claim.
#[derive(Debug, Default)]
pub(in crate::mail) struct ClaimResult {
    pub(in crate::mail) emails: Vec<Claimed>,
    pub(in crate::mail) allowances: Vec<Allowance>,
    pub(in crate::mail) now: DateTime<Utc>,
    pub(in crate::mail) epoch: i64,
    pub(in crate::mail) started: DateTime<Utc>,
    /// The epoch went down or the server was restarted: nothing was claimed, `restore_guard` must check the database
    /// first.
    pub(in crate::mail) is_suspect: bool,
}

/// Claims up to `limit` mails, in the order in which they are to be sent, and takes the quota they may need from the
/// relays' rate limits. One eighth of the limit is reserved for letters, whatever else waits; where no relay has a
/// rate limit, that eighth comes on top. `fraction`, in `[0, 1)`, rounds the eighth. `relays` are those of this
/// process; unused quota is released afterwards (`release_quota`).
pub(in crate::mail) async fn claim(
    conn: &mut PgConnection,
    request: ClaimRequest,
    limit: i64,
    fraction: f64,
    relays: &[String],
) -> Result<ClaimResult> {
    let mut tx = conn.begin().await?;
    // synchronous_commit off: a claim lost in a crash of the database was not settled either, so its mails are sent
    // again in any case, and `data_at`, which marks that a letter has begun, is committed durably before its content
    // is sent
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
    let mut rows = claim_others(&mut tx, claim, start.epoch, others).await?;
    let letters = (others - i64::try_from(rows.len()).unwrap_or(others)).max(letters_at_least);
    rows.extend(lanes::claim_letters(&mut tx, claim, start.epoch, letters).await?);
    let claimed = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    for a in &mut allowances {
        a.mails = a.mails.min(claimed);
    }
    relays::use_quota(&mut tx, &allowances, claim.now).await?;
    tx.commit().await?;
    result.emails = rows.into_iter().map(ClaimedRow::into_claimed).collect();
    result.emails.sort_by_key(|e| (e.class, e.due_at, e.id));
    result.allowances = allowances;
    Ok(result)
}

/// One eighth of a number, rounded at random so that the mean is exact: of 1 it is 1 every eighth time.
#[expect(clippy::cast_possible_truncation, reason = "a number below 8")]
fn one_eighth(of: i64, fraction: f64) -> i64 {
    (of + (fraction * 8.0) as i64) / 8
}

/// Claims mails without a lane. Classes go by priority, but one eighth of the batch (at least one mail) is reserved
/// for each class with due mail, so that a peak of confirmations delays updates without stopping them.
///
/// The picked rows are passed to the UPDATE as an array of `ctid`s: with a join the planner overestimates their
/// number and scans the whole table. The rows are locked, so a `ctid` stays valid until the update and no index
/// lookup is needed. Nothing is claimed when the mail epoch has gone below `epoch` since it was read.
async fn claim_others(tx: &mut PgConnection, claim: Claim, epoch: i64, limit: i64) -> Result<Vec<ClaimedRow>> {
    let rows = sqlx::query_as!(
        ClaimedRow,
        r#"WITH waiting AS MATERIALIZED (
               SELECT c.class, c.priority,
                      CASE WHEN EXISTS (SELECT FROM mail_organization_pauses) THEN
                          (SELECT count(*) FROM (SELECT FROM emails_waiting e WHERE e.class = c.class AND e.state = 'queued' AND e.lane = ''
                                                 AND e.due_at <= $1
                                                 AND NOT EXISTS (SELECT FROM mail_organization_pauses o WHERE o.organization_id = e.organization_id
                                                                 AND o.scope IN ('everything', c.class)) LIMIT $2) AS due)
                      ELSE
                          (SELECT count(*) FROM (SELECT FROM emails_waiting e WHERE e.class = c.class AND e.state = 'queued' AND e.lane = ''
                                                 AND e.due_at <= $1 LIMIT $2) AS due)
                      END AS n
               FROM (VALUES ('confirmation', 1), ('urgent', 2), ('letter', 3), ('notice', 4), ('update', 5)) AS c (class, priority)
               WHERE NOT EXISTS (SELECT FROM mail_pauses p WHERE p.scope IN ('everything', c.class))
                 AND NOT EXISTS (SELECT FROM mail_epoch WHERE number < $5)
           ), shared AS (
               SELECT class, priority, n, least(n, greatest($2 / 8, 1)) AS share FROM waiting
           ), quota AS (
               SELECT class, share + greatest(least(n - share, $2 - sum(share) OVER ()
                          - coalesce(sum(n - share) OVER (ORDER BY priority ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)), 0) AS n
               FROM shared
           ), picked AS (
               SELECT e.ctid FROM quota q CROSS JOIN LATERAL (
                   SELECT w.ctid FROM emails_waiting w
                   WHERE w.class = q.class AND w.state = 'queued' AND w.lane = '' AND w.due_at <= $1
                     AND NOT EXISTS (SELECT FROM mail_organization_pauses o WHERE o.organization_id = w.organization_id
                                     AND o.scope IN ('everything', q.class))
                   ORDER BY w.due_at LIMIT q.n::bigint FOR UPDATE OF w SKIP LOCKED) AS e
           )
           UPDATE emails_waiting SET state = 'sending', claim_token = $3, lease_until = $4, attempts = least(attempts + 1, 1000), data_at = NULL
           WHERE ctid = ANY (ARRAY(SELECT ctid FROM picked LIMIT $2))
           RETURNING id, organization_id, class AS "class: Class", kind, lane, refs, protected, attempts, created_at, due_at,
                     queued_at, refused_at, breaks, first_counted"#,
        claim.now,
        limit,
        claim.token,
        claim.lease_until,
        epoch
    )
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
