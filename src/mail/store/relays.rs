//! Relays: the rate limit and the circuit breaker state of each, shared by all processes.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::lanes::{allowed, interval};
use crate::error::Result;

/// A relay as organizers see it.
#[derive(Clone, Debug)]
pub struct RelayStatus {
    /// `host:port`.
    pub relay: String,
    /// Rate limit, in mails per hour; `None`: as fast as the relay accepts them.
    pub rate_per_hour: Option<i32>,
    /// Since when its circuit breaker is open: it refuses our account, or everything, and is offered one mail at a
    /// time.
    pub refused_since: Option<DateTime<Utc>>,
    /// The relay's reply, without addresses.
    pub refusal: String,
    /// When it is offered the next mail, while the breaker is open.
    pub retry_at: Option<DateTime<Utc>>,
}

/// All relays that were ever configured, by name.
pub async fn relays(conn: &mut PgConnection) -> Result<Vec<RelayStatus>> {
    Ok(sqlx::query_as!(
        RelayStatus,
        "SELECT relay, rate_per_hour, refused_since, refusal, retry_at FROM mail_relays ORDER BY relay"
    )
    .fetch_all(conn)
    .await?)
}

/// Sets a relay's rate limit. False when there is no such relay.
pub async fn set_relay(conn: &mut PgConnection, relay: &str, rate_per_hour: Option<i32>) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE mail_relays SET rate_per_hour = $2, next_at = '-infinity' WHERE relay = $1",
        relay,
        rate_per_hour
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Inserts these relays, except those that exist.
pub(in crate::mail) async fn register_relays(conn: &mut PgConnection, relays: &[String]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_relays (relay) SELECT r FROM unnest($1::text[]) r ORDER BY r ON CONFLICT DO NOTHING",
        relays
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes whether relays offered SMTPUTF8, by their names.
pub(in crate::mail) async fn note_smtputf8(conn: &mut PgConnection, relays: &[String], offers: &[bool]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_relays AS r (relay, smtputf8)
         SELECT seen.relay, seen.offers FROM unnest($1::text[], $2::boolean[]) seen (relay, offers) ORDER BY 1
         ON CONFLICT (relay) DO UPDATE SET smtputf8 = excluded.smtputf8 WHERE r.smtputf8 IS DISTINCT FROM excluded.smtputf8",
        relays,
        offers
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Are all these relays known to offer SMTPUTF8?
pub(in crate::mail) async fn all_offer_smtputf8(conn: &mut PgConnection, relays: &[String]) -> Result<bool> {
    let offering = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM mail_relays WHERE relay = ANY ($1) AND smtputf8"#,
        relays
    )
    .fetch_one(conn)
    .await?;
    Ok(usize::try_from(offering).is_ok_and(|offering| offering == relays.len()) && !relays.is_empty())
}

/// Opens a relay's circuit breaker, or keeps it open: the relay refused our account or everything. The delay until it
/// is offered one mail again grows with each refusal in a row: 1, 2, 4, then 5 minutes, after about an hour 15.
/// Refusals while the next offer is more than 30 seconds ahead (messages that were in flight) count as one. True when
/// the breaker was closed.
pub(in crate::mail) async fn relay_refused(
    conn: &mut PgConnection,
    relay: &str,
    refusal: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"INSERT INTO mail_relays AS r (relay, refused_since, refusal, refusals, retry_at)
           VALUES ($1, $3, $2, 1, $3::timestamptz + interval '1 minute')
           ON CONFLICT (relay) DO UPDATE SET refused_since = coalesce(r.refused_since, $3), refusal = $2,
               refusals = r.refusals + (coalesce(r.retry_at, $3) <= $3::timestamptz + interval '30 seconds')::integer,
               retry_at = CASE WHEN r.retry_at > $3::timestamptz + interval '30 seconds' THEN r.retry_at
                               WHEN r.refusals >= 14 THEN $3::timestamptz + interval '15 minutes'
                               ELSE $3::timestamptz + least(power(2, r.refusals), 5) * interval '1 minute' END
           RETURNING refused_since = $3 AS "is_new!""#,
        relay,
        refusal,
        now
    )
    .fetch_one(conn)
    .await?)
}

/// Closes a relay's circuit breaker: it accepted mail. True when it was open.
pub(in crate::mail) async fn relay_accepted(conn: &mut PgConnection, relay: &str) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE mail_relays SET refused_since = NULL, refusal = '', refusals = 0, retry_at = NULL WHERE relay = $1 AND refused_since IS NOT NULL",
        relay
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many mails a relay may be given now.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Allowance {
    pub(in crate::mail) relay: String,
    pub(in crate::mail) mails: i64,
    /// Its circuit breaker is open: `mails` is 1 if a probe is due, else 0.
    pub(in crate::mail) is_refused: bool,
    rate_per_hour: Option<i32>,
    next_at: DateTime<Utc>,
}

/// The allowances of those relays that have a rate limit or an open breaker; the others are unlimited. The rows stay
/// locked until the caller's transaction, which records what it takes ([`use_quota`]), ends: all processes together
/// keep the rate. The burst is one minute's worth.
pub(super) async fn allowances(tx: &mut PgConnection, relays: &[String], now: DateTime<Utc>) -> Result<Vec<Allowance>> {
    let rows = sqlx::query!(
        r#"SELECT relay, rate_per_hour, greatest(next_at, $2) AS "next_at!", refused_since IS NOT NULL AS "is_refused!",
                  coalesce(retry_at <= $2, true) AS "may_try!"
           FROM mail_relays
           WHERE relay = ANY ($1) AND (rate_per_hour IS NOT NULL OR refused_since IS NOT NULL) ORDER BY relay FOR UPDATE"#,
        relays,
        now
    )
    .fetch_all(tx)
    .await?;
    let allowances = rows.into_iter().map(|row| {
        let by_pace = |rate| allowed(now, row.next_at, rate, (rate / 60).max(1));
        let mails = row.rate_per_hour.map_or(i64::MAX, by_pace);
        let at_most = if row.is_refused { i64::from(row.may_try) } else { i64::MAX };
        Allowance {
            relay: row.relay,
            mails: mails.min(at_most),
            is_refused: row.is_refused,
            rate_per_hour: row.rate_per_hour,
            next_at: row.next_at,
        }
    });
    Ok(allowances.collect())
}

/// Records that the allowances are taken. A relay with an open breaker that is probed is not probed by others for 30
/// seconds.
pub(super) async fn use_quota(tx: &mut PgConnection, allowances: &[Allowance], now: DateTime<Utc>) -> Result<()> {
    for a in allowances.iter().filter(|a| a.mails > 0) {
        let mails = i32::try_from(a.mails).unwrap_or(i32::MAX);
        let next_at = a.rate_per_hour.map(|rate| a.next_at + interval(rate) * mails);
        sqlx::query!(
            "UPDATE mail_relays SET next_at = coalesce($2, next_at),
                    retry_at = CASE WHEN refused_since IS NULL THEN NULL ELSE $3::timestamptz + interval '30 seconds' END
             WHERE relay = $1",
            a.relay,
            next_at,
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Releases a relay's quota that was taken and not used; a negative number takes what was used beyond it.
pub(in crate::mail) async fn release_quota(conn: &mut PgConnection, relay: &str, mails: i64) -> Result<()> {
    sqlx::query!(
        "UPDATE mail_relays SET next_at = next_at - $2::bigint * interval '1 hour' / rate_per_hour
         WHERE relay = $1 AND rate_per_hour IS NOT NULL",
        relay,
        mails
    )
    .execute(conn)
    .await?;
    Ok(())
}
