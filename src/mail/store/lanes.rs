//! Lanes: the rate limit, hours and pause of each official's mailbox, shared by all processes.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use super::{Claim, claims::ClaimedRow};
use crate::{
    error::Result,
    kernel::{keyset_pagination::force_index_scans, zones::Zone},
    mail::kinds::Class,
};

/// Rate limit, hours and pause of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// Letters per hour, 1 to 100,000.
    pub rate_per_hour: i32,
    /// Letters that may go at once when none went for a while, 1 to 1,000.
    pub burst: i32,
    /// The hours of the day in which letters are sent; `None`: at any time.
    pub hours: Option<Hours>,
    /// Paused: nothing is sent.
    pub paused: bool,
}

impl Default for LaneLimits {
    /// The column defaults of `mail_lanes`: 60 per hour, a burst of five, at any time.
    fn default() -> Self {
        Self { rate_per_hour: 60, burst: 5, hours: None, paused: false }
    }
}

/// Hours of every day. A window that closes before it opens goes past midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Start, inclusive.
    pub opens_at: NaiveTime,
    /// End, exclusive.
    pub closes_at: NaiveTime,
    /// IANA time zone in which `opens_at` and `closes_at` are interpreted.
    pub timezone: Zone,
}

impl Hours {
    /// Is this moment within the hours?
    pub fn contain(&self, at: DateTime<Utc>) -> bool {
        let clock = self.timezone.time_of_day(at);
        if self.opens_at < self.closes_at {
            clock >= self.opens_at && clock < self.closes_at
        } else {
            clock >= self.opens_at || clock < self.closes_at
        }
    }
}

/// Sets rate, burst, hours and pause of a lane; the reason of an earlier pause is cleared. Queued letters keep their
/// order; `next_at` is pulled forward to at most one interval of the new rate, so that none waits at an old, lower
/// rate.
///
/// The ranges of rate and burst are CHECKs of the table.
pub async fn set_lane(conn: &mut PgConnection, lane: &str, limits: &LaneLimits) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_lanes AS l (lane, rate_per_hour, burst, paused, opens_at, closes_at, timezone) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (lane) DO UPDATE SET rate_per_hour = $2, burst = $3, paused = $4, opens_at = $5, closes_at = $6, timezone = $7,
             pause_reason = '', next_at = least(l.next_at, now() + interval '1 hour' / $2)",
        lane,
        limits.rate_per_hour,
        limits.burst,
        limits.paused,
        limits.hours.map(|hours| hours.opens_at),
        limits.hours.map(|hours| hours.closes_at),
        limits.hours.map_or("UTC", |hours| hours.timezone.name())
    )
    .execute(&mut *conn)
    .await?;
    if !limits.paused {
        // somebody has looked at the address: earlier bounces do not count any more
        sqlx::query!("DELETE FROM mail_lane_bounces WHERE lane = $1", lane).execute(conn).await?;
    }
    Ok(())
}

/// Records that a letter of a lane bounced. Returns how many different letters did since `since`, this one included.
pub(in crate::mail) async fn record_lane_bounce(
    conn: &mut PgConnection,
    lane: &str,
    mail: Uuid,
    at: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Result<i64> {
    // the row lock serialises concurrent reports about one lane, so that each counts those before it
    sqlx::query!("INSERT INTO mail_lanes (lane) VALUES ($1) ON CONFLICT (lane) DO NOTHING", lane)
        .execute(&mut *conn)
        .await?;
    sqlx::query_scalar!("SELECT lane FROM mail_lanes WHERE lane = $1 FOR NO KEY UPDATE", lane)
        .fetch_one(&mut *conn)
        .await?;
    sqlx::query!(
        "INSERT INTO mail_lane_bounces (lane, mail_id, bounced_at) VALUES ($1, $2, $3)
         ON CONFLICT (lane, mail_id) DO UPDATE SET bounced_at = excluded.bounced_at",
        lane,
        mail,
        at
    )
    .execute(&mut *conn)
    .await?;
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM mail_lane_bounces WHERE lane = $1 AND bounced_at > $2"#,
        lane,
        since
    )
    .fetch_one(conn)
    .await?)
}

/// Pauses a lane until a human has looked. False when it was paused already.
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
    /// The lane's name: the mailbox's id.
    pub lane: String,
    /// Rate limit, hours and pause.
    pub limits: LaneLimits,
    /// Why it is paused: `bounced`, `complained` or `unknown_time_zone` (a human must look), or "" (an organizer
    /// paused it).
    pub pause_reason: String,
    /// Waiting letters of the organization, counted up to 10,000.
    pub waiting: i64,
    /// Earliest due time among them.
    pub oldest: Option<DateTime<Utc>>,
}

/// The lanes in which letters of an organization wait, or that are paused, by name. A mailbox belongs to no
/// organization; an organization that had no letter in a lane, within the retention of settled mail, does not see it.
pub async fn lanes(conn: &mut PgConnection, organization: uuid::Uuid) -> Result<Vec<Lane>> {
    let mut tx = conn.begin().await?;
    force_index_scans(&mut tx).await?;
    let rows = sqlx::query!(
        r#"WITH RECURSIVE next (lane) AS ( -- from lane to lane along the index
               (SELECT lane FROM emails_waiting WHERE organization_id = $1 AND state = 'queued' AND lane <> '' ORDER BY lane LIMIT 1)
               UNION ALL
               SELECT (SELECT e.lane FROM emails_waiting e WHERE e.organization_id = $1 AND e.state = 'queued' AND e.lane <> '' AND e.lane > next.lane
                       ORDER BY e.lane LIMIT 1)
               FROM next WHERE next.lane IS NOT NULL
           )
           SELECT q.lane AS "lane!", coalesce(l.rate_per_hour, 60) AS "rate_per_hour!", coalesce(l.burst, 5) AS "burst!",
                  l.opens_at AS "opens_at?", l.closes_at AS "closes_at?", coalesce(l.timezone, 'UTC') AS "timezone!",
                  coalesce(l.paused, false) AS "paused!", coalesce(l.pause_reason, '') AS "pause_reason!",
                  q.waiting AS "waiting!", q.oldest
           FROM (SELECT u.lane, w.waiting, w.oldest
                 FROM (SELECT lane FROM mail_lane_users WHERE organization_id = $1
                       UNION SELECT lane FROM mail_count_deltas WHERE organization_id = $1 AND lane <> ''
                       UNION SELECT next.lane FROM next WHERE next.lane IS NOT NULL) u
                 CROSS JOIN LATERAL (SELECT count(*) AS waiting, min(due_at) AS oldest
                                     FROM (SELECT e.due_at FROM emails_waiting e
                                           WHERE e.organization_id = $1 AND e.state = 'queued' AND e.lane <> '' AND e.lane = u.lane
                                           ORDER BY e.due_at LIMIT 10000) front) w) q
           LEFT JOIN mail_lanes l ON l.lane = q.lane
           WHERE q.waiting > 0 OR l.paused
           ORDER BY q.lane"#,
        organization
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let lanes = rows.into_iter().map(|row| {
        let hours = row.opens_at.zip(row.closes_at).map(|(opens_at, closes_at)| Hours {
            opens_at,
            closes_at,
            timezone: Zone::stored(&row.timezone),
        });
        let limits = LaneLimits { rate_per_hour: row.rate_per_hour, burst: row.burst, hours, paused: row.paused };
        let (lane, pause_reason, waiting, oldest) = (row.lane, row.pause_reason, row.waiting, row.oldest);
        Lane { lane, limits, pause_reason, waiting, oldest }
    });
    Ok(lanes.collect())
}

/// Maximum number of lanes that one claim locks, so that concurrent claims find unlocked ones.
const MAX_LANES_PER_CLAIM: i64 = 8;

/// Inserts a lane with the default limits, unless it exists.
pub(super) async fn ensure_lane(conn: &mut PgConnection, lane: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO mail_lanes (lane) SELECT $1 WHERE NOT EXISTS (SELECT FROM mail_lanes WHERE lane = $1) ON CONFLICT DO NOTHING",
        lane
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Of the distinct hours that lanes have, those that contain `now`. A lane whose time zone is not known to this
/// process is paused, with the reason `unknown_time_zone`, until a human has set another.
async fn hours_that_contain(tx: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Hours>> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT timezone, opens_at AS "opens_at!", closes_at AS "closes_at!" FROM mail_lanes
           WHERE opens_at IS NOT NULL AND NOT paused"#
    )
    .fetch_all(&mut *tx)
    .await?;
    let (mut open, mut unknown) = (Vec::new(), Vec::new());
    for row in rows {
        match Zone::find(&row.timezone) {
            Some(timezone) => open.push(Hours { opens_at: row.opens_at, closes_at: row.closes_at, timezone }),
            None => unknown.push(row.timezone),
        }
    }
    if !unknown.is_empty() {
        // lanes locked by another process are paused by the next claim
        let paused = sqlx::query_scalar!(
            "UPDATE mail_lanes SET paused = true, pause_reason = 'unknown_time_zone' WHERE lane IN (
                 SELECT lane FROM mail_lanes WHERE opens_at IS NOT NULL AND NOT paused AND timezone = ANY ($1) FOR UPDATE SKIP LOCKED)
             RETURNING lane",
            &unknown
        )
        .fetch_all(&mut *tx)
        .await?;
        if !paused.is_empty() {
            tracing::error!(
                event = "lane.zone_unknown",
                zones = ?unknown,
                lanes = ?paused,
                "mailboxes are paused: their time zone is unknown here"
            );
        }
    }
    open.retain(|hours| hours.contain(now));
    Ok(open)
}

/// Claims letters: for each lane that has some due and is not paused, as many as its rate limit allows now.
///
/// The rate limit is GCRA (ITU-T I.371): `next_at` is the theoretical arrival time of the next letter at an even
/// rate; a letter may go while that lies no further ahead than the burst. The lane's row is locked meanwhile, so that
/// all processes together keep the rate.
pub(super) async fn claim_letters(
    tx: &mut PgConnection,
    claim: Claim,
    epoch: i64,
    limit: i64,
) -> Result<Vec<ClaimedRow>> {
    let hours = hours_that_contain(tx, claim.now).await?;
    let zones: Vec<String> = hours.iter().map(|hours| hours.timezone.name().to_owned()).collect();
    let opens: Vec<NaiveTime> = hours.iter().map(|hours| hours.opens_at).collect();
    let closes: Vec<NaiveTime> = hours.iter().map(|hours| hours.closes_at).collect();
    // in the order of `next_at`, lane by lane, so that no more lanes are probed for due letters than needed
    let lanes = sqlx::query!(
        r#"WITH open AS MATERIALIZED (
               SELECT lane, next_at FROM mail_lanes
               WHERE NOT paused AND next_at <= $1::timestamptz + (burst - 1) * interval '1 hour' / rate_per_hour
                 AND (opens_at IS NULL OR (timezone, opens_at, closes_at) IN (SELECT * FROM unnest($4::text[], $5::time[], $6::time[])))
                 AND NOT EXISTS (SELECT FROM mail_pauses p WHERE p.scope IN ('everything', 'letter'))
               ORDER BY next_at
           )
           SELECT l.lane, l.rate_per_hour, l.burst, greatest(l.next_at, $1) AS "next_at!"
           FROM open CROSS JOIN LATERAL (
               SELECT e.lane FROM emails_waiting e WHERE e.lane = open.lane AND e.lane <> '' AND e.state = 'queued' AND e.due_at <= $1
                 AND NOT EXISTS (SELECT FROM mail_organization_pauses o WHERE o.organization_id = e.organization_id
                                 AND o.scope IN ('everything', 'letter')) LIMIT 1
           ) AS due JOIN mail_lanes l ON l.lane = due.lane
           LIMIT least($2, $3::bigint) FOR UPDATE OF l SKIP LOCKED"#,
        claim.now,
        limit,
        MAX_LANES_PER_CLAIM,
        &zones,
        &opens,
        &closes
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
        ClaimedRow,
        r#"WITH picked AS (
               SELECT e.ctid FROM UNNEST($1::text[], $2::bigint[]) AS l (lane, n) CROSS JOIN LATERAL (
                   SELECT w.ctid FROM emails_waiting w WHERE w.lane = l.lane AND w.lane <> '' AND w.state = 'queued' AND w.due_at <= $3
                     AND NOT EXISTS (SELECT FROM mail_organization_pauses o WHERE o.organization_id = w.organization_id
                                     AND o.scope IN ('everything', 'letter'))
                   ORDER BY w.due_at LIMIT l.n FOR UPDATE OF w SKIP LOCKED) AS e
               WHERE NOT EXISTS (SELECT FROM mail_pauses p WHERE p.scope IN ('everything', 'letter'))
                 AND NOT EXISTS (SELECT FROM mail_epoch WHERE number < $6)
           )
           UPDATE emails_waiting SET state = 'sending', claim_token = $4, lease_until = $5, attempts = least(attempts + 1, 1000), data_at = NULL
           WHERE ctid = ANY (ARRAY(SELECT ctid FROM picked))
           RETURNING id, organization_id, class AS "class: Class", kind, lane, refs, protected, attempts, created_at, due_at,
                     queued_at, refused_at, breaks, first_counted"#,
        &names,
        &numbers,
        claim.now,
        claim.token,
        claim.lease_until,
        epoch
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

/// Time between two letters of a lane, or two mails to a relay, at an even rate.
pub(super) fn interval(rate_per_hour: i32) -> TimeDelta {
    TimeDelta::microseconds(3_600_000_000 / i64::from(rate_per_hour.max(1)))
}

/// How many mails a lane or relay may take now (GCRA). `next_at` must not be in the past.
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
    fn lane_hours_use_the_lanes_time_zone() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).expect("a time").to_utc();
        let hours = |opens: u32, closes: u32, zone: &str| {
            let clock = |hour| NaiveTime::from_hms_opt(hour, 30, 0).expect("a time");
            Hours { opens_at: clock(opens), closes_at: clock(closes), timezone: Zone::stored(zone) }
        };
        // Vancouver has been seven hours behind UTC all year since 2026
        let day = hours(9, 17, "America/Vancouver");
        assert!(!day.contain(at("2027-01-15T16:29:59Z")) && day.contain(at("2027-01-15T16:30:00Z")));
        assert!(day.contain(at("2027-01-16T00:29:59Z")) && !day.contain(at("2027-01-16T00:30:00Z")));
        let night = hours(22, 5, "Asia/Kolkata");
        assert!(!night.contain(at("2027-01-15T16:59:59Z")) && night.contain(at("2027-01-15T17:00:00Z")));
        assert!(night.contain(at("2027-01-15T23:59:59Z")) && !night.contain(at("2027-01-16T00:00:00Z")));
    }

    #[test]
    fn a_lane_allows_its_burst_and_then_its_rate() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        assert_eq!(allowed(now, now, 60, 5), 5);
        assert_eq!(allowed(now, now + TimeDelta::minutes(4), 60, 5), 1);
        assert_eq!(allowed(now, now + TimeDelta::minutes(5), 60, 5), 0);
        assert_eq!(allowed(now + TimeDelta::minutes(1), now + TimeDelta::minutes(5), 60, 5), 1);
        assert_eq!(allowed(now, now, 100_000, 1), 1);
        assert_eq!(allowed(now, now + TimeDelta::microseconds(1), 100_000, 1), 0);
    }
}
