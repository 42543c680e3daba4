//! The SQL of the console's sessions.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::ActorRow;
use crate::{
    error::Result,
    kernel::{
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
    organizers::{Role, SessionStage},
};

/// A session that has not ended.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id; gives no access.
    pub id: Uuid,
    /// Kind of browser and system, as the browser said; empty: unknown.
    pub device: String,
    /// When the organizer signed in.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: DateTime<Utc>,
    /// When it ends even if it is used.
    pub expires_at: DateTime<Utc>,
}

/// A session to be stored.
pub(in crate::organizers) struct NewSession<'a> {
    pub id: Uuid,
    pub hash: &'a [u8],
    pub organizer: Uuid,
    pub stage: SessionStage,
    pub device: &'a str,
    pub created_at: DateTime<Utc>,
    pub confirmed_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

pub(in crate::organizers) async fn insert_session(conn: &mut PgConnection, new: &NewSession<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO sessions (token_hash, id, organizer_id, stage, device, created_at, confirmed_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.hash,
        new.id,
        new.organizer,
        new.stage.as_str(),
        new.device,
        new.created_at,
        new.confirmed_at,
        new.last_used_at,
        new.expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The organizer of an open session, unless disabled.
pub(in crate::organizers) async fn actor_by_session(conn: &mut PgConnection, hash: &[u8]) -> Result<Option<ActorRow>> {
    Ok(sqlx::query_as!(
        ActorRow,
        r#"SELECT r.organization_id, r.id AS organizer_id, NULL::uuid AS api_token_id, r.name, r.role AS "role: Role",
                  (r.is_operator OR NOT EXISTS (SELECT FROM organizations o WHERE o.id <> r.organization_id)) AS "is_operator!",
                  ARRAY['all'] AS "scopes!", s.expires_at AS "expires_at?", NULL::date AS last_used_on,
                  s.id AS "session_id?", s.confirmed_at AS "confirmed_at?", s.last_used_at AS "last_used_at?"
           FROM sessions s JOIN organizers r ON r.id = s.organizer_id
           WHERE s.token_hash = $1 AND s.stage = $2 AND r.disabled_at IS NULL"#,
        hash,
        SessionStage::Open.as_str()
    )
    .fetch_optional(conn)
    .await?)
}

/// A session whose second step is missing.
#[derive(Clone, Debug)]
pub struct PendingRow {
    /// Its id.
    pub id: Uuid,
    /// What it may do.
    pub stage: SessionStage,
    /// Its organizer.
    pub organizer_id: Uuid,
    /// The organizer's organization.
    pub organization_id: Uuid,
    /// The organizer's address.
    pub email: String,
}

/// The session with this secret, if its second step is missing.
pub(in crate::organizers) async fn pending_session(
    conn: &mut PgConnection,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<PendingRow>> {
    Ok(sqlx::query_as!(
        PendingRow,
        r#"SELECT s.id, s.stage AS "stage: SessionStage", r.id AS organizer_id, r.organization_id, r.email
           FROM sessions s JOIN organizers r ON r.id = s.organizer_id
           WHERE s.token_hash = $1 AND s.stage <> $2 AND s.expires_at > $3 AND r.disabled_at IS NULL"#,
        hash,
        SessionStage::Open.as_str(),
        now
    )
    .fetch_optional(conn)
    .await?)
}

/// Opens a session whose second step was done, under another secret. False: it was opened before, or has ended.
pub(in crate::organizers) async fn open_session(
    conn: &mut PgConnection,
    id: Uuid,
    hash: &[u8],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool> {
    let opened = sqlx::query!(
        "UPDATE sessions SET token_hash = $2, stage = $3, created_at = $4, confirmed_at = $4, last_used_at = $4, expires_at = $5
         WHERE id = $1 AND stage <> $3 AND expires_at > $4",
        id,
        hash,
        SessionStage::Open.as_str(),
        now,
        expires_at
    );
    Ok(opened.execute(conn).await?.rows_affected() > 0)
}

/// Notes that a session is used now.
pub(in crate::organizers) async fn use_session(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2", id, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives a session another secret, and notes that its password was typed now. False: it has ended.
pub(in crate::organizers) async fn renew_session(
    conn: &mut PgConnection,
    id: Uuid,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool> {
    let renewed = sqlx::query!(
        "UPDATE sessions SET token_hash = $2, confirmed_at = $3, last_used_at = $3 WHERE id = $1",
        id,
        hash,
        now
    );
    Ok(renewed.execute(conn).await?.rows_affected() > 0)
}

/// Ends a session. Returns its organizer and organization; `None` when there is none.
pub(in crate::organizers) async fn delete_session(
    conn: &mut PgConnection,
    hash: &[u8],
) -> Result<Option<(Uuid, Uuid)>> {
    let gone = sqlx::query!(
        "DELETE FROM sessions s USING organizers r WHERE s.token_hash = $1 AND r.id = s.organizer_id
         RETURNING r.id, r.organization_id",
        hash
    )
    .fetch_optional(conn)
    .await?;
    Ok(gone.map(|row| (row.id, row.organization_id)))
}

/// Deletes sessions that have ended by themselves: at their end, or unused since `unused_since`. Returns how many.
pub(in crate::organizers) async fn delete_expired_sessions(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    unused_since: DateTime<Utc>,
) -> Result<u64> {
    let ended = sqlx::query!("DELETE FROM sessions WHERE expires_at <= $1 OR last_used_at <= $2", now, unused_since);
    Ok(ended.execute(conn).await?.rows_affected())
}

/// Ends one session of an organizer. Returns how many: none or one.
pub(in crate::organizers) async fn end_session(conn: &mut PgConnection, organizer: Uuid, id: Uuid) -> Result<u64> {
    let ended = sqlx::query!("DELETE FROM sessions WHERE organizer_id = $1 AND id = $2", organizer, id);
    Ok(ended.execute(conn).await?.rows_affected())
}

/// Ends all sessions of an organizer but `kept`. Returns how many.
pub(in crate::organizers) async fn end_sessions(
    conn: &mut PgConnection,
    organizer: Uuid,
    kept: Option<Uuid>,
) -> Result<u64> {
    let ended =
        sqlx::query!("DELETE FROM sessions WHERE organizer_id = $1 AND id IS DISTINCT FROM $2::uuid", organizer, kept);
    Ok(ended.execute(conn).await?.rows_affected())
}

/// The sessions of an organizer that have not ended, newest first.
pub(in crate::organizers) async fn sessions(
    conn: &mut PgConnection,
    email: &str,
    now: DateTime<Utc>,
    unused_since: DateTime<Utc>,
) -> Result<Vec<Session>> {
    Ok(sqlx::query_as!(
        Session,
        "SELECT s.id, s.device, s.created_at, s.last_used_at, s.expires_at
         FROM sessions s JOIN organizers r ON r.id = s.organizer_id
         WHERE r.email = $1 AND s.expires_at > $2 AND s.last_used_at > $3 AND s.stage = $4 ORDER BY s.created_at DESC, s.id DESC",
        email,
        now,
        unused_since,
        SessionStage::Open.as_str()
    )
    .fetch_all(conn)
    .await?)
}

/// A page of an organizer's sessions, newest first; those that have ended by themselves may still be among them until they
/// are deleted.
pub(in crate::organizers) async fn list_sessions(
    conn: &mut PgConnection,
    organizer: Uuid,
    page: &PageParams,
) -> Result<(Vec<Session>, Extent)> {
    const KEY: &[KeyColumn] = &[KeyColumn { sql: "id", kind: KeyKind::Uuid }];
    let scope = [("organizer_id", ScopeValue::Id(organizer))];
    let (ids, extent) = KeysetList::new("sessions", KEY, &scope).page::<Uuid>(conn, None, page).await?;
    let rows = sqlx::query_as!(
        Session,
        "SELECT id, device, created_at, last_used_at, expires_at FROM sessions WHERE id = ANY ($1)",
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}
