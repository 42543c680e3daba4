//! The SQL of listing and changing accounts and tokens.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
    organizers::Role,
};

/// An organizer's account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: Uuid,
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
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it is disabled.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Number of sessions that have not ended.
    pub sessions: i64,
    /// Number of API tokens that are neither revoked nor expired.
    pub tokens: i64,
}

/// The accounts of all organizations, or the one with this address.
pub(in crate::organizers) async fn list(
    conn: &mut PgConnection,
    email: Option<&str>,
    now: DateTime<Utc>,
    unused_since: DateTime<Utc>,
) -> Result<Vec<Account>> {
    let ids = sqlx::query_scalar!("SELECT id FROM organizers WHERE $1::text IS NULL OR email = $1", email);
    let ids = ids.fetch_all(&mut *conn).await?;
    accounts(conn, &ids, now, unused_since).await
}

/// These accounts, by organization and address. Sessions that were not used since `unused_since` have ended.
async fn accounts(
    conn: &mut PgConnection,
    ids: &[Uuid],
    now: DateTime<Utc>,
    unused_since: DateTime<Utc>,
) -> Result<Vec<Account>> {
    Ok(sqlx::query_as!(
        Account,
        r#"SELECT r.id, r.email, r.name, r.role AS "role: Role", r.is_operator, o.name AS organization, r.created_at, r.disabled_at,
                  (SELECT count(*) FROM sessions s
                   WHERE s.organizer_id = r.id AND s.expires_at > $2 AND s.last_used_at > $3) AS "sessions!",
                  (SELECT count(*) FROM api_tokens t WHERE t.organizer_id = r.id AND t.revoked_at IS NULL
                   AND (t.expires_at IS NULL OR t.expires_at > $2)) AS "tokens!"
           FROM organizers r JOIN organizations o ON o.id = r.organization_id
           WHERE r.id = ANY ($1)
           ORDER BY o.name, r.email"#,
        ids,
        now,
        unused_since
    )
    .fetch_all(conn)
    .await?)
}

/// A page of an organization's accounts, newest first.
pub(in crate::organizers) async fn page(
    conn: &mut PgConnection,
    organization: Uuid,
    page: &PageParams,
    now: DateTime<Utc>,
    unused_since: DateTime<Utc>,
) -> Result<(Vec<Account>, Extent)> {
    const KEY: &[KeyColumn] = &[KeyColumn { sql: "id", kind: KeyKind::Uuid }];
    let scope = [("organization_id", ScopeValue::Id(organization))];
    let (ids, extent) = KeysetList::new("organizers", KEY, &scope).page::<Uuid>(conn, None, page).await?;
    let rows = accounts(conn, &ids, now, unused_since).await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// An account of an organization.
pub(in crate::organizers) async fn one(
    conn: &mut PgConnection,
    organization: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
    unused_since: DateTime<Utc>,
) -> Result<Option<Account>> {
    let known =
        sqlx::query_scalar!("SELECT id FROM organizers WHERE id = $1 AND organization_id = $2", id, organization);
    let Some(id) = known.fetch_optional(&mut *conn).await? else { return Ok(None) };
    Ok(accounts(conn, &[id], now, unused_since).await?.pop())
}

/// An account under its lock.
pub(in crate::organizers) struct LockedAccount {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub role: Role,
    pub is_disabled: bool,
}

/// Locks an organization's accounts against changes of roles by others: whether an owner is the last one depends on them
/// all. Nobody who only takes part waits for it.
pub(in crate::organizers) async fn lock_organization(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query_scalar!("SELECT id FROM organizations WHERE id = $1 FOR NO KEY UPDATE", id).fetch_one(conn).await?;
    Ok(())
}

pub(in crate::organizers) async fn lock(conn: &mut PgConnection, email: &str) -> Result<Option<LockedAccount>> {
    Ok(sqlx::query_as!(
        LockedAccount,
        r#"SELECT id, organization_id, role AS "role: Role", disabled_at IS NOT NULL AS "is_disabled!"
           FROM organizers WHERE email = $1 FOR NO KEY UPDATE"#,
        email
    )
    .fetch_optional(conn)
    .await?)
}

/// Locks an account of an organization.
pub(in crate::organizers) async fn lock_in(
    conn: &mut PgConnection,
    organization: Uuid,
    id: Uuid,
) -> Result<Option<LockedAccount>> {
    Ok(sqlx::query_as!(
        LockedAccount,
        r#"SELECT id, organization_id, role AS "role: Role", disabled_at IS NOT NULL AS "is_disabled!"
           FROM organizers WHERE id = $1 AND organization_id = $2 FOR NO KEY UPDATE"#,
        id,
        organization
    )
    .fetch_optional(conn)
    .await?)
}

/// Has the organization an owner who may sign in, besides this one?
pub(in crate::organizers) async fn has_other_owner(
    conn: &mut PgConnection,
    organization: Uuid,
    besides: Uuid,
) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM organizers WHERE organization_id = $1 AND id <> $2 AND role = 'owner' AND disabled_at IS NULL) AS "is_there!""#,
        organization,
        besides
    )
    .fetch_one(conn)
    .await?)
}

/// Ids of the owners of an organization who may sign in, and of an organizer.
pub(in crate::organizers) async fn owners_and(
    conn: &mut PgConnection,
    organization: Uuid,
    organizer: Uuid,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM organizers
         WHERE organization_id = $1 AND (role = 'owner' OR id = $2) AND disabled_at IS NULL ORDER BY id",
        organization,
        organizer
    )
    .fetch_all(conn)
    .await?)
}

/// Address and hash of the password of an account that may sign in.
pub(in crate::organizers) struct OwnAccount {
    pub email: String,
    pub password_hash: String,
}

pub(in crate::organizers) async fn own(conn: &mut PgConnection, id: Uuid) -> Result<Option<OwnAccount>> {
    Ok(sqlx::query_as!(
        OwnAccount,
        "SELECT email, password_hash FROM organizers WHERE id = $1 AND disabled_at IS NULL",
        id
    )
    .fetch_optional(conn)
    .await?)
}

pub(in crate::organizers) async fn set_name(conn: &mut PgConnection, id: Uuid, name: &str) -> Result<()> {
    sqlx::query!("UPDATE organizers SET name = $2 WHERE id = $1", id, name).execute(conn).await?;
    Ok(())
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

/// An API token, without its secret, which is not kept.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// Id of its organizer.
    pub organizer_id: Uuid,
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

/// All tokens, or those of the organizer with this address, newest first.
pub(in crate::organizers) async fn tokens(conn: &mut PgConnection, email: Option<&str>) -> Result<Vec<Token>> {
    let ids = sqlx::query_scalar!(
        "SELECT t.id FROM api_tokens t JOIN organizers r ON r.id = t.organizer_id WHERE $1::text IS NULL OR r.email = $1",
        email
    );
    let ids = ids.fetch_all(&mut *conn).await?;
    tokens_of(conn, &ids).await
}

async fn tokens_of(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Token>> {
    Ok(sqlx::query_as!(
        Token,
        r#"SELECT t.id, r.id AS organizer_id, r.email AS organizer, t.name, t.scopes, t.created_at, t.expires_at, t.revoked_at,
                  t.last_used_on, r.disabled_at IS NOT NULL AS "is_disabled!"
           FROM api_tokens t JOIN organizers r ON r.id = t.organizer_id
           WHERE t.id = ANY ($1)
           ORDER BY t.created_at DESC, t.id"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// Whose tokens are listed or revoked.
#[derive(Clone, Copy)]
pub(in crate::organizers) enum TokensOf {
    Organization(Uuid),
    Organizer(Uuid),
}

/// A page of tokens, newest first.
pub(in crate::organizers) async fn list_tokens(
    conn: &mut PgConnection,
    of: TokensOf,
    page: &PageParams,
) -> Result<(Vec<Token>, Extent)> {
    const KEY: &[KeyColumn] = &[KeyColumn { sql: "t.id", kind: KeyKind::Uuid }];
    let (table, scope) = match of {
        TokensOf::Organization(id) => {
            ("api_tokens t JOIN organizers r ON r.id = t.organizer_id", [("r.organization_id", ScopeValue::Id(id))])
        }
        TokensOf::Organizer(id) => ("api_tokens t", [("t.organizer_id", ScopeValue::Id(id))]),
    };
    let (ids, extent) = KeysetList::new(table, KEY, &scope).page::<Uuid>(conn, None, page).await?;
    let rows = tokens_of(conn, &ids).await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// One token of them.
pub(in crate::organizers) async fn token(conn: &mut PgConnection, of: TokensOf, id: Uuid) -> Result<Option<Token>> {
    let (organization, organizer) = match of {
        TokensOf::Organization(id) => (Some(id), None),
        TokensOf::Organizer(id) => (None, Some(id)),
    };
    let known = sqlx::query_scalar!(
        "SELECT t.id FROM api_tokens t JOIN organizers r ON r.id = t.organizer_id
         WHERE t.id = $1 AND ($2::uuid IS NULL OR r.organization_id = $2) AND ($3::uuid IS NULL OR r.id = $3)",
        id,
        organization,
        organizer
    );
    let Some(id) = known.fetch_optional(&mut *conn).await? else { return Ok(None) };
    Ok(tokens_of(conn, &[id]).await?.pop())
}

/// Revokes a token. False: it is revoked already.
pub(in crate::organizers) async fn revoke_token(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let revoked = sqlx::query!("UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", id, now);
    Ok(revoked.execute(conn).await?.rows_affected() > 0)
}
