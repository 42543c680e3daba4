//! The SQL of second factors.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// The sealed secret of an organizer's second factor.
pub(in crate::organizers) async fn find(conn: &mut PgConnection, organizer: Uuid) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar!("SELECT sealed FROM second_factors WHERE organizer_id = $1", organizer)
        .fetch_optional(conn)
        .await?)
}

/// Stores a secret in the place of the one before. `step`: that of the code with which it was set up.
pub(in crate::organizers) async fn replace(
    conn: &mut PgConnection,
    organizer: Uuid,
    sealed: &[u8],
    step: i64,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO second_factors (organizer_id, sealed, last_step, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organizer_id) DO UPDATE SET
             sealed = excluded.sealed, last_step = excluded.last_step, created_at = excluded.created_at",
        organizer,
        sealed,
        step,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that the code of a step was used. False: it, or a later one, was used before.
pub(in crate::organizers) async fn use_step(conn: &mut PgConnection, organizer: Uuid, step: i64) -> Result<bool> {
    let used = sqlx::query!(
        "UPDATE second_factors SET last_step = $2 WHERE organizer_id = $1 AND last_step < $2",
        organizer,
        step
    );
    Ok(used.execute(conn).await?.rows_affected() > 0)
}

/// Stores the hashes of recovery codes in the place of those before.
pub(in crate::organizers) async fn replace_recovery_codes(
    conn: &mut PgConnection,
    organizer: Uuid,
    hashes: &[Vec<u8>],
) -> Result<()> {
    sqlx::query!("DELETE FROM recovery_codes WHERE organizer_id = $1", organizer).execute(&mut *conn).await?;
    sqlx::query!(
        "INSERT INTO recovery_codes (organizer_id, code_hash) SELECT $1, hash FROM unnest($2::bytea[]) h (hash)",
        organizer,
        hashes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses up a recovery code. False: there is none with this hash.
pub(in crate::organizers) async fn use_recovery_code(
    conn: &mut PgConnection,
    organizer: Uuid,
    hash: &[u8],
) -> Result<bool> {
    let used = sqlx::query!("DELETE FROM recovery_codes WHERE organizer_id = $1 AND code_hash = $2", organizer, hash);
    Ok(used.execute(conn).await?.rows_affected() > 0)
}

/// Deletes an organizer's second factor with its recovery codes. False: there was none.
pub(in crate::organizers) async fn delete(conn: &mut PgConnection, organizer: Uuid) -> Result<bool> {
    sqlx::query!("DELETE FROM recovery_codes WHERE organizer_id = $1", organizer).execute(&mut *conn).await?;
    let gone = sqlx::query!("DELETE FROM second_factors WHERE organizer_id = $1", organizer);
    Ok(gone.execute(conn).await?.rows_affected() > 0)
}
