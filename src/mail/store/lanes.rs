//! Lanes: the pace at which each official's mailbox is written to, whichever process does it.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sqlx::PgConnection;

use super::{Claim, Row};
use crate::error::Result;

/// How a mailbox is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Letters an hour.
    pub rate_per_hour: i32,
    /// Letters at once after a quiet time.
    pub burst: i32,
    /// The hours in which they go; `None`: any.
    pub hours: Option<Hours>,
    /// Does nothing go out?
    pub paused: bool,
}

impl Default for Pace {
    /// The table's own: 60 an hour, five at once, at any hour.
    fn default() -> Self {
        Self { rate_per_hour: 60, burst: 5, hours: None, paused: false }
    }
}

/// Hours of every day, past midnight when they close before they open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// From this time on.
    pub opens_at: NaiveTime,
    /// Until just before this one.
    pub closes_at: NaiveTime,
    /// Where the clock hangs.
    pub timezone: Tz,
}

/// Does the database know this time zone? One that it does not know would stop all claims.
///
/// # Errors
/// A database error.
pub async fn knows_timezone(conn: &mut PgConnection, timezone: Tz) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1) AS "known!""#,
        timezone.name()
    )
    .fetch_one(conn)
    .await?)
}

/// Sets the pace of a lane. Waiting letters keep their turn, but nobody waits for a turn of a slower pace.
///
/// # Errors
/// A database error; the ranges are the table's (1 to 100000 an hour, 1 to 1000 at once).
pub async fn set_lane(conn: &mut PgConnection, lane: &str, pace: &Pace) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_lanes AS l (lane, rate_per_hour, burst, paused, opens_at, closes_at, timezone) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (lane) DO UPDATE SET rate_per_hour = $2, burst = $3, paused = $4, opens_at = $5, closes_at = $6, timezone = $7,
             pause_reason = '', next_at = least(l.next_at, now() + interval '1 hour' / $2)",
        lane,
        pace.rate_per_hour,
        pace.burst,
        pace.paused,
        pace.hours.map(|hours| hours.opens_at),
        pace.hours.map(|hours| hours.closes_at),
        pace.hours.map_or("UTC", |hours| hours.timezone.name())
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Pauses a lane until a human has looked; false when it was paused before.
pub(in crate::mail) async fn pause_lane(conn: &mut PgConnection, lane: &str, reason: &str) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO mail_lanes AS l (lane, paused, pause_reason) VALUES ($1, true, $2)
         ON CONFLICT (lane) DO UPDATE SET paused = true, pause_reason = excluded.pause_reason WHERE NOT l.paused",
        lane,
        reason
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A lane as organizers see it.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its name: the mailbox's id.
    pub lane: String,
    /// How it is written to.
    pub pace: Pace,
    /// `bounced`, `complained`: a human must look; "": an organizer's wish.
    pub pause_reason: String,
    /// Letters that wait.
    pub waiting: i64,
    /// The oldest of them is due since.
    pub oldest: Option<DateTime<Utc>>,
}

/// The lanes in which an organization's letters wait or that are paused, by name. A mailbox belongs to no organization; who
/// has had no letter for it (in what is kept) does not see it.
///
/// # Errors
/// A database error.
pub async fn lanes(conn: &mut PgConnection, organization: uuid::Uuid) -> Result<Vec<Lane>> {
    let rows = sqlx::query!(
        r#"SELECT q.lane AS "lane!", coalesce(l.rate_per_hour, 60) AS "rate_per_hour!", coalesce(l.burst, 5) AS "burst!",
                  l.opens_at AS "opens_at?", l.closes_at AS "closes_at?", coalesce(l.timezone, 'UTC') AS "timezone!",
                  coalesce(l.paused, false) AS "paused!", coalesce(l.pause_reason, '') AS "pause_reason!",
                  q.waiting AS "waiting!", q.oldest
           FROM (SELECT lane, count(*) FILTER (WHERE state = 'queued') AS waiting, min(due_at) FILTER (WHERE state = 'queued') AS oldest
                 FROM emails WHERE organization_id = $1 AND lane <> '' GROUP BY lane) q
           LEFT JOIN mail_lanes l ON l.lane = q.lane
           WHERE q.waiting > 0 OR l.paused
           ORDER BY q.lane"#,
        organization
    )
    .fetch_all(conn)
    .await?;
    let lanes = rows.into_iter().map(|row| {
        let hours = row.opens_at.zip(row.closes_at).map(|(opens_at, closes_at)| Hours {
            opens_at,
            closes_at,
            timezone: row.timezone.parse().unwrap_or(Tz::UTC),
        });
        let pace = Pace { rate_per_hour: row.rate_per_hour, burst: row.burst, hours, paused: row.paused };
        let (lane, pause_reason, waiting, oldest) = (row.lane, row.pause_reason, row.waiting, row.oldest);
        Lane { lane, pace, pause_reason, waiting, oldest }
    });
    Ok(lanes.collect())
}

/// Lanes that one claim locks at most, so that others find some, too.
const LANES_AT_ONCE: i64 = 8;

/// Makes a lane known, at the table's own pace.
pub(super) async fn open_lane(conn: &mut PgConnection, lane: &str) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_lanes (lane) SELECT $1 WHERE NOT EXISTS (SELECT FROM mail_lanes WHERE lane = $1) ON CONFLICT DO NOTHING",
        lane
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Claims letters: for each lane that has some due and is not paused, as many as its pace allows now.
///
/// The pace is GCRA (ITU-T I.371): `next_at` is when the next letter would come at an even pace; one may go while that
/// lies no further ahead than the burst. The lane's row is locked meanwhile, so processes share the pace exactly.
pub(super) async fn claim_letters(tx: &mut PgConnection, claim: Claim, limit: i64) -> Result<Vec<Row>> {
    // lane by lane in the order of their turns, so that no more are asked than needed
    let lanes = sqlx::query!(
        r#"WITH open AS MATERIALIZED (
               SELECT lane, next_at FROM mail_lanes
               WHERE NOT paused AND next_at <= $1::timestamptz + (burst - 1) * interval '1 hour' / rate_per_hour
                 AND (opens_at IS NULL OR CASE WHEN opens_at < closes_at
                          THEN ($1 AT TIME ZONE timezone)::time >= opens_at AND ($1 AT TIME ZONE timezone)::time < closes_at
                          ELSE ($1 AT TIME ZONE timezone)::time >= opens_at OR ($1 AT TIME ZONE timezone)::time < closes_at END)
                 AND NOT EXISTS (SELECT FROM mail_pauses p WHERE p.scope IN ('everything', 'letter'))
               ORDER BY next_at
           )
           SELECT l.lane, l.rate_per_hour, l.burst, greatest(l.next_at, $1) AS "next_at!"
           FROM open CROSS JOIN LATERAL (
               SELECT e.lane FROM emails_waiting e WHERE e.lane = open.lane AND e.lane <> '' AND e.state = 'queued' AND e.due_at <= $1 LIMIT 1
           ) AS due JOIN mail_lanes l ON l.lane = due.lane
           LIMIT least($2, $3::bigint) FOR UPDATE OF l SKIP LOCKED"#,
        claim.now,
        limit,
        LANES_AT_ONCE
    )
    .fetch_all(&mut *tx)
    .await?;
    let (mut names, mut numbers, mut left) = (Vec::new(), Vec::new(), limit);
    for lane in &lanes {
        let n = allowed(claim.now, lane.next_at, lane.rate_per_hour, lane.burst).min(left);
        if n > 0 {
            left -= n;
            names.push(lane.lane.clone());
            numbers.push(n);
        }
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        Row,
        r#"WITH picked AS (
               SELECT e.ctid FROM UNNEST($1::text[], $2::bigint[]) AS l (lane, n) CROSS JOIN LATERAL (
                   SELECT ctid FROM emails_waiting WHERE lane = l.lane AND lane <> '' AND state = 'queued' AND due_at <= $3
                   ORDER BY due_at LIMIT l.n FOR UPDATE SKIP LOCKED) AS e
           )
           UPDATE emails_waiting SET state = 'sending', claim_token = $4, lease_until = $5, attempts = least(attempts + 1, 1000), data_at = NULL
           WHERE ctid = ANY (ARRAY(SELECT ctid FROM picked))
           RETURNING id, organization_id, class, kind, lane, refs, protected, attempts, created_at, due_at"#,
        &names,
        &numbers,
        claim.now,
        claim.token,
        claim.lease_until
    )
    .fetch_all(&mut *tx)
    .await?;
    let next: Vec<DateTime<Utc>> = names
        .iter()
        .map(|name| {
            let taken = rows.iter().filter(|row| row.lane == *name).count();
            let lane = lanes.iter().find(|lane| lane.lane == *name);
            lane.map_or(claim.now, |l| l.next_at + interval(l.rate_per_hour) * i32::try_from(taken).unwrap_or(i32::MAX))
        })
        .collect();
    sqlx::query!(
        "UPDATE mail_lanes m SET next_at = n.next_at FROM UNNEST($1::text[], $2::timestamptz[]) AS n (lane, next_at) WHERE m.lane = n.lane",
        &names,
        &next
    )
    .execute(&mut *tx)
    .await?;
    Ok(rows)
}

/// Time between two letters of a lane, or two mails to a relay.
pub(super) fn interval(rate_per_hour: i32) -> TimeDelta {
    TimeDelta::microseconds(3_600_000_000 / i64::from(rate_per_hour.max(1)))
}

/// How many a lane, or a relay, may take now. `next_at` is not in the past.
pub(super) fn allowed(now: DateTime<Utc>, next_at: DateTime<Utc>, rate_per_hour: i32, burst: i32) -> i64 {
    let each = interval(rate_per_hour);
    let room = each * (burst - 1) - (next_at - now);
    let (room, each) = (room.num_microseconds().unwrap_or(0), each.num_microseconds().unwrap_or(1).max(1));
    if room < 0 { 0 } else { room / each + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_takes_its_burst_and_then_its_pace() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        assert_eq!(allowed(now, now, 60, 5), 5);
        assert_eq!(allowed(now, now + TimeDelta::minutes(4), 60, 5), 1);
        assert_eq!(allowed(now, now + TimeDelta::minutes(5), 60, 5), 0);
        assert_eq!(allowed(now + TimeDelta::minutes(1), now + TimeDelta::minutes(5), 60, 5), 1);
        assert_eq!(allowed(now, now, 100_000, 1), 1);
        assert_eq!(allowed(now, now + TimeDelta::microseconds(1), 100_000, 1), 0);
    }
}
