//! Relays: the pace that each allows, and whether it takes mail from us at all, whichever process sends.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::lanes::{allowed, interval};
use crate::error::Result;

/// A relay as organizers see it.
#[derive(Clone, Debug)]
pub struct RelayStatus {
    /// `host:port`.
    pub relay: String,
    /// Mails an hour; `None`: as fast as it takes them.
    pub rate_per_hour: Option<i32>,
    /// Since when it refuses our account or everything; it is given one mail at a time then.
    pub refused_since: Option<DateTime<Utc>>,
    /// Its words, without addresses.
    pub refusal: String,
    /// When it is given the next mail.
    pub retry_at: Option<DateTime<Utc>>,
}

/// The relays that were ever sent to, by name.
///
/// # Errors
/// A database error.
pub async fn relays(conn: &mut PgConnection) -> Result<Vec<RelayStatus>> {
    Ok(sqlx::query_as!(
        RelayStatus,
        "SELECT relay, rate_per_hour, refused_since, refusal, retry_at FROM mail_relays ORDER BY relay"
    )
    .fetch_all(conn)
    .await?)
}

/// Sets a relay's pace; false when there is no such relay.
///
/// # Errors
/// A database error.
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

/// Writes down that there are these relays.
pub(in crate::mail) async fn register_relays(conn: &mut PgConnection, relays: &[String]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_relays (relay) SELECT r FROM unnest($1::text[]) r ORDER BY r ON CONFLICT DO NOTHING",
        relays
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes down that a relay refused our account or everything. The time until it is given one mail again grows with each
/// refusal in a row: 1, 2, 4, 5 minutes, after an hour 15; what was under way when it began to refuse counts as one. True when it did not
/// refuse before.
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

/// Writes down that a relay takes mail again; true when it did not before.
pub(in crate::mail) async fn relay_accepted(conn: &mut PgConnection, relay: &str) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE mail_relays SET refused_since = NULL, refusal = '', refusals = 0, retry_at = NULL WHERE relay = $1 AND refused_since IS NOT NULL",
        relay
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many mails a relay may be given.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Allowance {
    pub(in crate::mail) relay: String,
    pub(in crate::mail) mails: i64,
    /// It refuses mail, and may be given one to see whether it still does; or none.
    pub(in crate::mail) is_refused: bool,
    rate_per_hour: Option<i32>,
    next_at: DateTime<Utc>,
}

/// What those of the relays that have a pace or refuse mail may take now; the others take everything. Their rows are locked
/// until the caller has said what it takes ([`use_quota`]), so that processes share the pace exactly.
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

/// Takes what stands in the allowances. A relay that refuses mail and is tried is not tried by others for half a minute.
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

/// Gives back what was taken for a relay and not used, or takes what was used beyond it.
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
