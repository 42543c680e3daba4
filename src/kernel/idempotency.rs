//! Idempotency keys: a POST repeated with the same `Idempotency-Key` and API token is executed once and answered
//! alike.
//!
//! A row stores HMACs of the key and the request, the id of the created resource, and the status: never a body. Slices
//! that write in batches claim keys in their SQL function (`claim_idempotency_keys`); the others call [`claim`] in
//! their transaction.

use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use chrono::TimeDelta;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    Kernel,
    background::{JobInfo, Jobs, Progress},
    crypto::Key,
    env::Env,
    keyring::SigningKeys,
};
use crate::error::{Code, Error, Result};

/// The header's name (draft-ietf-httpapi-idempotency-key-header).
pub const HEADER: &str = "idempotency-key";

/// How long keys are kept.
pub const RETENTION: TimeDelta = TimeDelta::hours(48);

/// The HMACs of a request with an idempotency key.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// HMAC of API token id and key.
    pub key: Vec<u8>,
    /// HMAC of method, path and body.
    pub request: Vec<u8>,
}

/// Result of claiming a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClaim {
    /// The key is new: execute the request.
    Fresh,
    /// The request was executed before and created this resource.
    Replayed(Uuid),
}

/// Hashes the header of a request made with the API token `token`; `None` without the header. For [`RETENTION`] after a
/// rotation of the keyring, a key that was used before it is hashed with the old signing key.
///
/// # Errors
/// `invalid_parameter` (400) for an empty key or one of more than 255 bytes.
pub async fn from_request(
    db: &PgPool,
    requests_keys: &SigningKeys,
    headers: &HeaderMap,
    token: Uuid,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Option<IdempotencyKey>> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let value = value.as_bytes();
    if !(1..=255).contains(&value.len()) {
        return Err(Error::problem(Code::InvalidParameter, "Idempotency-Key: must have between 1 and 255 characters."));
    }
    let hashed = |key: &Key| IdempotencyKey {
        key: key.mac(&[b"key", token.as_bytes(), value]).to_vec(),
        request: key.mac(&[b"request", method.as_str().as_bytes(), path.as_bytes(), body]).to_vec(),
    };
    let mut hashed: Vec<IdempotencyKey> = requests_keys.used_within(RETENTION).iter().map(hashed).collect();
    if hashed.len() > 1 {
        let keys: Vec<Vec<u8>> = hashed.iter().map(|hashed| hashed.key.clone()).collect();
        let spent = sqlx::query_scalar!("SELECT key FROM idempotency_keys WHERE key = ANY ($1) LIMIT 1", &keys);
        if let Some(spent) = spent.fetch_optional(db).await? {
            hashed.retain(|hashed| hashed.key == spent);
        }
    }
    Ok(hashed.into_iter().next())
}

/// The 422 for a key that was used with another request.
pub fn mismatch() -> Error {
    Error::problem(
        Code::IdempotencyMismatch,
        "This Idempotency-Key was sent before with another request. Take a new key for a new request.",
    )
}

/// Claims a key for `resource` in the caller's transaction. A concurrent request with the same key waits here until
/// the first has committed.
///
/// # Errors
/// `idempotency_mismatch` (422) for a key that was used with another request.
pub async fn claim(
    conn: &mut PgConnection,
    env: &Env,
    key: Option<&IdempotencyKey>,
    resource: Uuid,
) -> Result<KeyClaim> {
    let Some(key) = key else { return Ok(KeyClaim::Fresh) };
    let spent = sqlx::query!(
        r#"SELECT resource_id AS "resource_id!", outcome = 'replayed' AS "is_replay!" FROM claim_idempotency_keys(ARRAY[($1::uuid, $2::bytea, $3::bytea, $4::timestamptz)::keyed_act])"#,
        resource,
        key.key,
        key.request,
        env.now()
    )
    .fetch_optional(conn)
    .await?;
    match spent {
        None => Ok(KeyClaim::Fresh),
        Some(row) if row.is_replay => Ok(KeyClaim::Replayed(row.resource_id)),
        Some(_) => Err(mismatch()),
    }
}

/// Records that the request which claimed the key found an existing resource, so that replays are answered with 200,
/// too.
pub async fn mark_as_existing(conn: &mut PgConnection, key: Option<&IdempotencyKey>) -> Result<()> {
    if let Some(key) = key {
        sqlx::query!("UPDATE idempotency_keys SET status = 200 WHERE key = $1", key.key).execute(conn).await?;
    }
    Ok(())
}

/// Was the original request answered with 201? A replay is answered alike.
pub async fn was_created(conn: &mut PgConnection, key: Option<&IdempotencyKey>) -> Result<bool> {
    let Some(key) = key else { return Ok(true) };
    let status = sqlx::query_scalar!("SELECT status FROM idempotency_keys WHERE key = $1", key.key);
    Ok(status.fetch_optional(conn).await? != Some(200))
}

/// Forgets which resources keys created: a replay finds nothing, and creates nothing anew.
pub async fn forget_resources(conn: &mut PgConnection, resources: &[Uuid]) -> Result<()> {
    sqlx::query!("UPDATE idempotency_keys SET resource_id = $2 WHERE resource_id = ANY ($1)", resources, Uuid::nil())
        .execute(conn)
        .await?;
    Ok(())
}

/// Registers the deletion of old keys.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let info =
        JobInfo::maintenance("delete_idempotency_keys", "deletes keys that are older than 48 hours", "5,000 keys");
    jobs.add(info, kernel, async |kernel, turn| {
        Ok(Progress::of_batch(delete_older(&kernel.work, turn.now - RETENTION).await?))
    });
}

/// Deletes a batch of the keys created before `before`. Returns how many.
async fn delete_older(db: &sqlx::PgPool, before: chrono::DateTime<chrono::Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM idempotency_keys WHERE key = ANY (ARRAY(SELECT key FROM idempotency_keys WHERE created_at < $1 LIMIT 5000))",
        before
    );
    Ok(gone.execute(db).await?.rows_affected())
}
