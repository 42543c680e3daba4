//! The daily secret: keys the hashes in which rate limits and abuse signals store addresses, and is deleted when its
//! day ends. All processes share it, in an unlogged table, which no backup contains.

use chrono::NaiveDate;
use sqlx::PgConnection;

use super::{crypto::Key, env::Env};
use crate::error::Result;

/// The secret of `day`: created now, or the one that another process created first. Deletes those of earlier days.
pub async fn for_day(conn: &mut PgConnection, env: &Env, day: NaiveDate) -> Result<Key> {
    let fresh = Key::random(env);
    let secret = sqlx::query_scalar!(
        "INSERT INTO day_secrets (day, secret) VALUES ($1, $2) ON CONFLICT (day) DO UPDATE SET day = EXCLUDED.day RETURNING secret",
        day,
        fresh.expose().as_slice()
    )
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM day_secrets WHERE day < $1", day).execute(conn).await?;
    Ok(Key::from_slice(&secret).unwrap_or(fresh))
}
