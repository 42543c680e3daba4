//! The SQL of vaults and of the keyring's tables.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{error::Result, kernel::keyring::Activation};

/// A vault's row with its wrapped keys.
pub(super) struct VaultRow {
    pub(super) id: Uuid,
    pub(super) wrapping_key: String,
    pub(super) wrapped_keys: Vec<u8>,
    pub(super) destroy_after: Option<NaiveDate>,
}

/// Columns of a vault to insert.
pub(super) struct New<'a> {
    pub(super) id: Uuid,
    pub(super) organization: Uuid,
    /// Of a protected action's vault; others have no end.
    pub(super) destroy_after: Option<NaiveDate>,
    pub(super) wrapping_key: &'a str,
    pub(super) wrapped_keys: &'a [u8],
}

pub(super) async fn insert(conn: &mut PgConnection, new: New<'_>, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO vaults (id, organization_id, kind, wrapping_key, wrapped_keys, destroy_after, created_at)
         VALUES ($1, $2, CASE WHEN $5::date IS NULL THEN 'organization' ELSE 'protected' END, $3, $4, $5, $6)",
        new.id,
        new.organization,
        new.wrapping_key,
        new.wrapped_keys,
        new.destroy_after,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn of_organization(conn: &mut PgConnection, organization: Uuid) -> Result<Uuid> {
    let id =
        sqlx::query_scalar!("SELECT id FROM vaults WHERE organization_id = $1 AND kind = 'organization'", organization);
    Ok(id.fetch_one(conn).await?)
}

/// The name of a vault's wrapping key and its wrapped keys; `None` once it is destroyed.
pub(super) async fn wrapped(db: &PgPool, id: Uuid) -> Result<Option<(String, Vec<u8>)>> {
    let row = sqlx::query!("SELECT wrapping_key, wrapped_keys FROM vaults WHERE id = $1", id).fetch_one(db).await?;
    Ok(row.wrapping_key.zip(row.wrapped_keys))
}

pub(super) async fn destroy(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE vaults SET wrapped_keys = NULL, wrapping_key = NULL, destroyed_at = $2 WHERE id = $1 AND destroyed_at IS NULL",
        id,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn shorten(conn: &mut PgConnection, id: Uuid, day: NaiveDate) -> Result<()> {
    sqlx::query!(
        "UPDATE vaults SET destroy_after = $2 WHERE id = $1 AND kind = 'protected' AND destroy_after > $2",
        id,
        day
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Destroys the protected vaults with `destroy_after` before `day`; returns their ids.
pub(super) async fn destroy_ended(db: &PgPool, day: NaiveDate, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "UPDATE vaults SET wrapped_keys = NULL, wrapping_key = NULL, destroyed_at = $2
         WHERE kind = 'protected' AND destroyed_at IS NULL AND destroy_after < $1 RETURNING id",
        day,
        now
    )
    .fetch_all(db)
    .await?)
}

/// Those of `ids` that exist, and whether each is destroyed.
pub(super) async fn known(db: &PgPool, ids: &[Uuid]) -> Result<Vec<(Uuid, bool)>> {
    let rows =
        sqlx::query!(r#"SELECT id, destroyed_at IS NOT NULL AS "destroyed!" FROM vaults WHERE id = ANY ($1)"#, ids);
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.id, row.destroyed)).collect())
}

/// Names of the keys that wrap existing vaults.
pub(super) async fn needed(db: &PgPool) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT wrapping_key AS "name!" FROM vaults WHERE destroyed_at IS NULL ORDER BY 1"#
    )
    .fetch_all(db)
    .await?)
}

/// All vaults that are not destroyed.
pub(super) async fn live(db: &PgPool) -> Result<Vec<VaultRow>> {
    Ok(sqlx::query_as!(
        VaultRow,
        r#"SELECT id, wrapping_key AS "wrapping_key!", wrapped_keys AS "wrapped_keys!", destroy_after
           FROM vaults WHERE destroyed_at IS NULL ORDER BY id"#
    )
    .fetch_all(db)
    .await?)
}

/// The organizations' vaults wrapped with another key than this; locks the rows.
pub(super) async fn wrapped_otherwise(conn: &mut PgConnection, name: &str) -> Result<Vec<VaultRow>> {
    Ok(sqlx::query_as!(
        VaultRow,
        r#"SELECT id, wrapping_key AS "wrapping_key!", wrapped_keys AS "wrapped_keys!", destroy_after FROM vaults
           WHERE kind = 'organization' AND destroyed_at IS NULL AND wrapping_key <> $1 ORDER BY id FOR UPDATE"#,
        name
    )
    .fetch_all(conn)
    .await?)
}

pub(super) async fn rewrap(conn: &mut PgConnection, id: Uuid, name: &str, wrapped: &[u8]) -> Result<()> {
    sqlx::query!("UPDATE vaults SET wrapping_key = $2, wrapped_keys = $3 WHERE id = $1", id, name, wrapped)
        .execute(conn)
        .await?;
    Ok(())
}

/// Identifies this database among others that use the same key files, also among copies of it in the same cluster: the
/// id in `keyring_database` and the database's OID.
pub(super) async fn database(conn: &mut PgConnection) -> Result<String> {
    Ok(sqlx::query_scalar!(
        r#"SELECT k.id::text || '/' || d.oid AS "tag!" FROM keyring_database k, pg_database d WHERE d.datname = current_database()"#
    )
    .fetch_one(conn)
    .await?)
}

/// The active generation, which wraps the vaults of organizations; blocks activations until the transaction ends.
pub(super) async fn current_generation(conn: &mut PgConnection) -> Result<u32> {
    let row =
        sqlx::query_scalar!("SELECT generation FROM keyring_generations ORDER BY generation DESC LIMIT 1 FOR SHARE");
    Ok(u32::try_from(row.fetch_one(conn).await?).unwrap_or(1))
}

/// Blocks other activations, and the creation of organizations' vaults, until the transaction ends.
pub(super) async fn lock_generations(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("LOCK TABLE keyring_generations IN EXCLUSIVE MODE").execute(conn).await?;
    Ok(())
}

/// Activates a generation: wrapping at once, signing from one minute after the later of the two clocks (the process's
/// and the database's), so that every process learns of it before. Returns that moment.
pub(super) async fn activate(conn: &mut PgConnection, generation: u32, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar!(
        "INSERT INTO keyring_generations (generation, writes_from, activated_at)
         VALUES ($1, greatest($2::timestamptz, now()) + interval '1 minute', $2) RETURNING writes_from",
        i32::try_from(generation).unwrap_or(i32::MAX),
        now
    )
    .fetch_one(conn)
    .await?)
}

/// All activated generations, in order.
pub(super) async fn generations(db: &PgPool) -> Result<Vec<Activation>> {
    let rows = sqlx::query!("SELECT generation, writes_from FROM keyring_generations ORDER BY generation");
    let activation =
        |generation, writes_from| Some(Activation { generation: u32::try_from(generation).ok()?, writes_from });
    Ok(rows.fetch_all(db).await?.into_iter().filter_map(|row| activation(row.generation, row.writes_from)).collect())
}

/// A process that uses the keyring.
pub(super) struct NodeRow {
    pub(super) node: String,
    pub(super) role: String,
    /// `name:fingerprint` of its keys.
    pub(super) keys: Vec<String>,
    /// Seconds since it last registered.
    pub(super) age: f64,
}

/// Registers a process with its keys. Uses the database's clock, since the hosts' clocks differ.
pub(super) async fn register(db: &PgPool, node: &str, role: &str, keys: &[String]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO keyring_nodes AS n (node, role, keys, seen_at) VALUES ($1, $2, $3, now())
         ON CONFLICT (node) DO UPDATE
         SET seen_at = excluded.seen_at, keys = CASE WHEN n.keys = excluded.keys THEN n.keys ELSE excluded.keys END",
        node,
        role,
        keys
    )
    .execute(db)
    .await?;
    sqlx::query!("DELETE FROM keyring_nodes WHERE seen_at < now() - interval '1 day'").execute(db).await?;
    Ok(())
}

pub(super) async fn forget_node(db: &PgPool, node: &str) -> Result<()> {
    sqlx::query!("DELETE FROM keyring_nodes WHERE node = $1", node).execute(db).await?;
    Ok(())
}

/// The processes seen within the last ten minutes.
pub(super) async fn nodes(conn: &mut PgConnection) -> Result<Vec<NodeRow>> {
    Ok(sqlx::query_as!(
        NodeRow,
        r#"SELECT node, role, keys, extract(epoch FROM now() - seen_at)::float8 AS "age!" FROM keyring_nodes
           WHERE seen_at > now() - interval '10 minutes' ORDER BY node"#
    )
    .fetch_all(conn)
    .await?)
}
