//! Lanes: the pace at which each official's mailbox is written to, whichever process does it.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use super::{Claim, Row, in_order};
use crate::{error::Result, mail::kinds::QueuedEmail};

/// Sets the pace of a lane: letters an hour, how many at once after a quiet time, and whether any go at all.
///
/// # Errors
/// A database error; the ranges are the table's (1 to 100000, 1 to 1000).
pub async fn set_lane(conn: &mut PgConnection, lane: &str, rate_per_hour: i32, burst: i32, paused: bool) -> Result<()> {
    sqlx::query!(
        // at a faster pace nobody waits for a turn of the slower one
        "INSERT INTO mail_lanes AS l (lane, rate_per_hour, burst, paused) VALUES ($1, $2, $3, $4)
         ON CONFLICT (lane) DO UPDATE SET rate_per_hour = $2, burst = $3, paused = $4, pause_reason = '',
             next_at = least(l.next_at, now() + interval '1 hour' / $2)",
        lane,
        rate_per_hour,
        burst,
        paused
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
    /// Letters an hour.
    pub rate_per_hour: i32,
    /// Letters at once after a quiet time.
    pub burst: i32,
    /// Does nothing go out?
    pub paused: bool,
    /// `bounced`, `complained`: a human must look; "": an organizer's wish.
    pub pause_reason: String,
    /// Letters that wait.
    pub waiting: i64,
    /// The oldest of them is due since.
    pub oldest: Option<DateTime<Utc>>,
}

/// The lanes in which an organization's letters wait or that are paused, by name. A mailbox belongs to no organization; who has no
/// letter for it does not see it.
///
/// # Errors
/// A database error.
pub async fn lanes(conn: &mut PgConnection, organization: uuid::Uuid) -> Result<Vec<Lane>> {
    Ok(sqlx::query_as!(
        Lane,
        r#"SELECT q.lane AS "lane!", coalesce(l.rate_per_hour, 60) AS "rate_per_hour!", coalesce(l.burst, 5) AS "burst!",
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
    .await?)
}

/// Claims letters: for each lane that has some due and is not paused, as many as its pace allows now.
///
/// The pace is GCRA (ITU-T I.371): `next_at` is when the next letter would come at an even pace; one may go while that
/// lies no further ahead than the burst. The lane's row is locked meanwhile, so processes share the pace exactly.
pub(in crate::mail) async fn claim_letters(db: &PgPool, claim: Claim, limit: i64) -> Result<Vec<QueuedEmail>> {
    // a loose index scan: one probe for each lane, however many letters wait in it
    let due = sqlx::query_scalar!(
        r#"WITH RECURSIVE lanes AS (
               (SELECT lane FROM emails WHERE state = 'queued' AND lane <> '' ORDER BY lane LIMIT 1)
               UNION ALL
               SELECT (SELECT e.lane FROM emails e WHERE e.state = 'queued' AND e.lane <> '' AND e.lane > lanes.lane ORDER BY e.lane LIMIT 1)
               FROM lanes WHERE lanes.lane IS NOT NULL
           )
           SELECT lane AS "lane!" FROM lanes
           WHERE lane IS NOT NULL AND EXISTS (
               SELECT FROM emails e WHERE e.lane = lanes.lane AND e.lane <> '' AND e.state = 'queued' AND e.due_at <= $1)
             AND NOT EXISTS (SELECT FROM mail_pauses p WHERE p.scope IN ('everything', 'letter'))"#,
        claim.now
    )
    .fetch_all(db)
    .await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    // read before locked: most lanes exist, and most ticks find none that may go
    sqlx::query!(
        "INSERT INTO mail_lanes (lane) SELECT l FROM UNNEST($1::text[]) AS l
         WHERE NOT EXISTS (SELECT FROM mail_lanes m WHERE m.lane = l) ORDER BY l ON CONFLICT DO NOTHING",
        &due
    )
    .execute(&mut *tx)
    .await?;
    let lanes = sqlx::query!(
        r#"SELECT lane, rate_per_hour, burst, greatest(next_at, $2) AS "next_at!" FROM mail_lanes
           WHERE lane = ANY ($1) AND NOT paused AND next_at <= $2 + (burst - 1) * interval '1 hour' / rate_per_hour
           ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED"#,
        &due,
        claim.now,
        limit
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
        // keeps the rows of lanes seen for the first time
        tx.commit().await?;
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        Row,
        r#"WITH picked AS (
               SELECT e.id FROM UNNEST($1::text[], $2::bigint[]) AS l (lane, n) CROSS JOIN LATERAL (
                   SELECT id FROM emails WHERE lane = l.lane AND lane <> '' AND state = 'queued' AND due_at <= $3
                   ORDER BY due_at LIMIT l.n FOR UPDATE SKIP LOCKED) AS e
           )
           UPDATE emails SET state = 'sending', claim_token = $4, lease_until = $5, attempts = least(attempts + 1, 1000), data_at = NULL
           WHERE id = ANY (ARRAY(SELECT id FROM picked))
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
    tx.commit().await?;
    in_order(rows)
}

/// Time between two letters of a lane.
fn interval(rate_per_hour: i32) -> TimeDelta {
    TimeDelta::microseconds(3_600_000_000 / i64::from(rate_per_hour.max(1)))
}

/// How many letters a lane may take now. `next_at` is not in the past.
fn allowed(now: DateTime<Utc>, next_at: DateTime<Utc>, rate_per_hour: i32, burst: i32) -> i64 {
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
