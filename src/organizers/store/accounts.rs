//! The SQL of listing and changing accounts, sessions and tokens.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{error::Result, organizers::Role};

/// An organizer's account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Address to sign in with.
    pub email: String,
    /// Name shown to colleagues.
    pub name: String,
    /// Role in the organization.
    pub role: Role,
    /// May change what concerns every organization.
    pub is_operator: bool,
    /// Name of the organization.
    pub organization: String,
    /// Since when it is disabled.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Number of sessions that have not ended.
    pub sessions: i64,
    /// Number of API tokens that are neither revoked nor expired.
    pub tokens: i64,
}

pub(in crate::organizers) async fn list(
    conn: &mut PgConnection,
    email: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Vec<Account>> {
    Ok(sqlx::query_as!(
        Account,
        r#"SELECT r.email, r.name, r.role AS "role: Role", r.is_operator, o.name AS organization, r.disabled_at,
                  (SELECT count(*) FROM sessions s WHERE s.organizer_id = r.id AND s.expires_at > $2) AS "sessions!",
                  (SELECT count(*) FROM api_tokens t WHERE t.organizer_id = r.id AND t.revoked_at IS NULL
                   AND (t.expires_at IS NULL OR t.expires_at > $2)) AS "tokens!"
           FROM organizers r JOIN organizations o ON o.id = r.organization_id
           WHERE $1::text IS NULL OR r.email = $1
           ORDER BY o.name, r.email"#,
        email,
        now
    )
    .fetch_all(conn)
    .await?)
}

/// An account under its lock.
pub(in crate::organizers) struct LockedAccount {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub role: Role,
}

pub(in crate::organizers) async fn lock(conn: &mut PgConnection, email: &str) -> Result<Option<LockedAccount>> {
    Ok(sqlx::query_as!(
        LockedAccount,
        r#"SELECT id, organization_id, role AS "role: Role" FROM organizers WHERE email = $1 FOR NO KEY UPDATE"#,
        email
    )
    .fetch_optional(conn)
    .await?)
}

/// Disables an account, or enables it (`None`). One that is disabled already keeps its time.
pub(in crate::organizers) async fn set_disabled(
    conn: &mut PgConnection,
    id: Uuid,
    at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE organizers SET disabled_at = CASE WHEN $2::timestamptz IS NOT NULL THEN coalesce(disabled_at, $2) END WHERE id = $1",
        id,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::organizers) async fn set_role(conn: &mut PgConnection, id: Uuid, role: Role) -> Result<()> {
    sqlx::query!("UPDATE organizers SET role = $2 WHERE id = $1", id, role.as_str()).execute(conn).await?;
    Ok(())
}

pub(in crate::organizers) async fn set_operator(conn: &mut PgConnection, id: Uuid, is_operator: bool) -> Result<()> {
    sqlx::query!("UPDATE organizers SET is_operator = $2 WHERE id = $1", id, is_operator).execute(conn).await?;
    Ok(())
}

pub(in crate::organizers) async fn set_password(conn: &mut PgConnection, id: Uuid, hash: &str) -> Result<()> {
    sqlx::query!("UPDATE organizers SET password_hash = $2 WHERE id = $1", id, hash).execute(conn).await?;
    Ok(())
}

pub(in crate::organizers) async fn forget_devices(conn: &mut PgConnection, organizer: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM known_devices WHERE organizer_id = $1", organizer).execute(conn).await?;
    Ok(())
}

/// Ends the sessions of an organizer whose hash begins with these bytes; all for none. Returns how many.
pub(in crate::organizers) async fn end_sessions(
    conn: &mut PgConnection,
    organizer: Uuid,
    prefix: &[u8],
) -> Result<u64> {
    let ended = sqlx::query!(
        "DELETE FROM sessions WHERE organizer_id = $1 AND substring(token_hash FOR octet_length($2::bytea)) = $2",
        organizer,
        prefix
    );
    Ok(ended.execute(conn).await?.rows_affected())
}

/// A session that has not ended.
#[derive(Clone, Debug)]
pub struct Session {
    pub(in crate::organizers) token_hash: Vec<u8>,
    /// When the organizer signed in.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

pub(in crate::organizers) async fn sessions(
    conn: &mut PgConnection,
    email: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Session>> {
    Ok(sqlx::query_as!(
        Session,
        "SELECT s.token_hash, s.created_at, s.expires_at FROM sessions s JOIN organizers r ON r.id = s.organizer_id
         WHERE r.email = $1 AND s.expires_at > $2 ORDER BY s.created_at DESC",
        email,
        now
    )
    .fetch_all(conn)
    .await?)
}

/// An API token, without its secret, which is not kept.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// Address of its organizer.
    pub organizer: String,
    /// What it is for.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends; `None`: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The day of its last use (UTC).
    pub last_used_on: Option<NaiveDate>,
    /// Is its organizer disabled?
    pub is_disabled: bool,
}

pub(in crate::organizers) async fn tokens(conn: &mut PgConnection, email: Option<&str>) -> Result<Vec<Token>> {
    Ok(sqlx::query_as!(
        Token,
        r#"SELECT t.id, r.email AS organizer, t.name, t.scopes, t.created_at, t.expires_at, t.revoked_at, t.last_used_on,
                  r.disabled_at IS NOT NULL AS "is_disabled!"
           FROM api_tokens t JOIN organizers r ON r.id = t.organizer_id
           WHERE $1::text IS NULL OR r.email = $1
           ORDER BY t.created_at DESC, t.id"#,
        email
    )
    .fetch_all(conn)
    .await?)
}

/// Revokes a token. False: it is revoked already.
pub(in crate::organizers) async fn revoke_token(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let revoked = sqlx::query!("UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", id, now);
    Ok(revoked.execute(conn).await?.rows_affected() > 0)
}
