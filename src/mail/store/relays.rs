//! Relays and the pace that each allows, whichever process sends.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::lanes::{allowed, interval};
use crate::error::Result;

/// A relay as organizers see it.
#[derive(Clone, Debug)]
pub struct RelayPace {
    /// `host:port`.
    pub relay: String,
    /// Mails an hour; `None`: as fast as it takes them.
    pub rate_per_hour: Option<i32>,
}

/// The relays that were ever sent to, by name.
///
/// # Errors
/// A database error.
pub async fn relays(conn: &mut PgConnection) -> Result<Vec<RelayPace>> {
    Ok(sqlx::query_as!(RelayPace, "SELECT relay, rate_per_hour FROM mail_relays ORDER BY relay")
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
pub(in crate::mail) async fn introduce(conn: &mut PgConnection, relays: &[String]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_relays (relay) SELECT r FROM unnest($1::text[]) r ORDER BY r ON CONFLICT DO NOTHING",
        relays
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many mails a relay may be given.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Allowance {
    pub(in crate::mail) relay: String,
    pub(in crate::mail) mails: i64,
    rate_per_hour: i32,
    next_at: DateTime<Utc>,
}

/// What those of the relays that have a pace may take now; the others take everything. Their rows are locked until the
/// caller has said what it takes ([`take`]), so that processes share the pace exactly.
pub(super) async fn allowances(tx: &mut PgConnection, relays: &[String], now: DateTime<Utc>) -> Result<Vec<Allowance>> {
    let rows = sqlx::query!(
        r#"SELECT relay, rate_per_hour AS "rate_per_hour!", greatest(next_at, $2) AS "next_at!" FROM mail_relays
           WHERE relay = ANY ($1) AND rate_per_hour IS NOT NULL ORDER BY relay FOR UPDATE"#,
        relays,
        now
    )
    .fetch_all(tx)
    .await?;
    let allowances = rows.into_iter().map(|row| {
        let a_minutes_worth = (row.rate_per_hour / 60).max(1);
        let mails = allowed(now, row.next_at, row.rate_per_hour, a_minutes_worth);
        Allowance { relay: row.relay, mails, rate_per_hour: row.rate_per_hour, next_at: row.next_at }
    });
    Ok(allowances.collect())
}

/// Takes what stands in the allowances.
pub(super) async fn take(tx: &mut PgConnection, allowances: &[Allowance]) -> Result<()> {
    for a in allowances.iter().filter(|a| a.mails > 0) {
        let next_at = a.next_at + interval(a.rate_per_hour) * i32::try_from(a.mails).unwrap_or(i32::MAX);
        sqlx::query!("UPDATE mail_relays SET next_at = $2 WHERE relay = $1", a.relay, next_at)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Gives back what was taken for a relay and not used, or takes what was used beyond it.
pub(in crate::mail) async fn give_back(conn: &mut PgConnection, relay: &str, mails: i64) -> Result<()> {
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
