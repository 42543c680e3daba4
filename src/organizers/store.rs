//! The SQL of organizations, organizers, API tokens, sessions and the audit trail.

pub(super) mod accounts;
pub(super) mod audit_chain;
pub(super) mod invitations;
pub(super) mod second_factors;
pub(super) mod sessions;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::scope::Role;
use crate::{
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
};

/// Serialises commands that may create an organization. Needs a transaction.
pub(super) async fn lock_organizations(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("LOCK TABLE organizations IN SHARE ROW EXCLUSIVE MODE").execute(conn).await?;
    Ok(())
}

/// Ids of at most two organizations: enough to know whether there is none, one or several.
pub(super) async fn first_two_organizations(conn: &mut PgConnection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM organizations ORDER BY id LIMIT 2").fetch_all(conn).await?)
}

/// Id of the organization with this name (in any case), or with this slug.
pub(super) async fn organization_named(conn: &mut PgConnection, name: &str, slug: &str) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM organizations WHERE lower(name) = lower($1) OR slug = $2 ORDER BY lower(name) = lower($1) DESC LIMIT 1",
        name,
        slug
    )
    .fetch_optional(conn)
    .await?)
}

pub(super) async fn insert_organization(
    conn: &mut PgConnection,
    id: Uuid,
    name: &str,
    slug: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!("INSERT INTO organizations (id, name, slug, created_at) VALUES ($1, $2, $3, $4)", id, name, slug, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// A row of `organizers`.
pub(super) struct OrganizerRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub password_hash: String,
}

/// Inserts an organizer. Returns the raw error, so that a taken address can be recognised by its constraint.
pub(super) async fn insert_organizer(
    conn: &mut PgConnection,
    organizer: &OrganizerRow,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO organizers (id, organization_id, email, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        organizer.id,
        organizer.organization_id,
        organizer.email,
        organizer.name,
        organizer.role.as_str(),
        organizer.password_hash,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The organizer with this address, unless disabled.
pub(super) async fn organizer_by_email(conn: &mut PgConnection, email: &str) -> Result<Option<OrganizerRow>> {
    Ok(sqlx::query_as!(
        OrganizerRow,
        r#"SELECT id, organization_id, email, name, role AS "role: Role", password_hash FROM organizers
           WHERE email = $1 AND disabled_at IS NULL"#,
        email
    )
    .fetch_optional(conn)
    .await?)
}

/// Id and address of an organizer.
pub(super) struct StaffRow {
    pub id: Uuid,
    pub email: String,
}

/// The owners and organizers of an organization, unless disabled.
pub(super) async fn list_staff(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<StaffRow>> {
    Ok(sqlx::query_as!(
        StaffRow,
        "SELECT id, email FROM organizers WHERE organization_id = $1 AND role IN ('owner', 'organizer') AND disabled_at IS NULL ORDER BY id",
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// An organization's name.
pub(super) async fn organization_name(conn: &mut PgConnection, id: Uuid) -> Result<String> {
    Ok(sqlx::query_scalar!("SELECT name FROM organizations WHERE id = $1", id).fetch_one(conn).await?)
}

/// An organization's postal address; empty: not said yet.
pub(super) async fn postal_address(conn: &mut PgConnection, id: Uuid) -> Result<String> {
    Ok(sqlx::query_scalar!("SELECT postal_address FROM organizations WHERE id = $1", id).fetch_one(conn).await?)
}

pub(super) async fn set_postal_address(conn: &mut PgConnection, id: Uuid, address: &str) -> Result<()> {
    sqlx::query!("UPDATE organizations SET postal_address = $2 WHERE id = $1", id, address).execute(conn).await?;
    Ok(())
}

/// An organizer who may sign in, as mails show one.
pub(super) struct StaffMember {
    pub organization_id: Uuid,
    pub organization: String,
    pub email: String,
    pub name: String,
}

/// An organizer, unless disabled.
pub(super) async fn staff_member(conn: &mut PgConnection, id: Uuid) -> Result<Option<StaffMember>> {
    Ok(sqlx::query_as!(
        StaffMember,
        "SELECT r.organization_id, o.name AS organization, r.email, r.name
         FROM organizers r JOIN organizations o ON o.id = r.organization_id WHERE r.id = $1 AND r.disabled_at IS NULL",
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// Has an organization an organizer with this address, disabled or not?
pub(super) async fn is_member(conn: &mut PgConnection, organization: Uuid, email: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM organizers WHERE organization_id = $1 AND email = $2) AS "is_there!""#,
        organization,
        email
    )
    .fetch_one(conn)
    .await?)
}

/// The language of an organization.
pub(super) async fn organization_locale(conn: &mut PgConnection, id: Uuid) -> Result<String> {
    Ok(sqlx::query_scalar!("SELECT locale FROM organizations WHERE id = $1", id).fetch_one(conn).await?)
}

/// Address of an organizer and name of the organization.
pub(super) struct ProfileRow {
    pub email: String,
    pub organization: String,
}

pub(super) async fn profile(conn: &mut PgConnection, organizer: Uuid) -> Result<ProfileRow> {
    Ok(sqlx::query_as!(
        ProfileRow,
        "SELECT r.email, o.name AS organization FROM organizers r JOIN organizations o ON o.id = r.organization_id WHERE r.id = $1",
        organizer
    )
    .fetch_one(conn)
    .await?)
}

pub(super) struct NewToken<'a> {
    pub id: Uuid,
    pub organizer_id: Uuid,
    pub name: &'a str,
    pub hash: &'a [u8],
    pub scopes: &'a [String],
    pub expires_at: Option<DateTime<Utc>>,
}

pub(super) async fn insert_token(conn: &mut PgConnection, token: &NewToken<'_>, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO api_tokens (id, organizer_id, name, token_hash, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        token.id,
        token.organizer_id,
        token.name,
        token.hash,
        token.scopes,
        now,
        token.expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The organizer to whom a token or session belongs; `expires_at` of the token or session.
pub(super) struct ActorRow {
    pub organization_id: Uuid,
    pub organizer_id: Uuid,
    pub api_token_id: Option<Uuid>,
    pub name: String,
    pub role: Role,
    pub is_operator: bool,
    pub scopes: Vec<String>,
    pub expires_at: Option<DateTime<Utc>>,
    /// Day of a token's last use, as far as it was noted.
    pub last_used_on: Option<NaiveDate>,
    pub session_id: Option<Uuid>,
    /// When the password was last typed in the session.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When the session was last used, as far as it was noted.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The organizer of an API token, unless it was revoked or the organizer disabled.
pub(super) async fn actor_by_token(conn: &mut PgConnection, hash: &[u8]) -> Result<Option<ActorRow>> {
    Ok(sqlx::query_as!(
        ActorRow,
        r#"SELECT r.organization_id, r.id AS organizer_id, t.id AS "api_token_id?", r.name, r.role AS "role: Role",
                  (r.is_operator OR NOT EXISTS (SELECT FROM organizations o WHERE o.id <> r.organization_id)) AS "is_operator!", t.scopes, t.expires_at, t.last_used_on,
                  NULL::uuid AS session_id, NULL::timestamptz AS confirmed_at, NULL::timestamptz AS last_used_at
           FROM api_tokens t JOIN organizers r ON r.id = t.organizer_id
           WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND r.disabled_at IS NULL"#,
        hash
    )
    .fetch_optional(conn)
    .await?)
}

/// The organization of a token.
pub(super) async fn organization_of_token(conn: &mut PgConnection, id: Uuid) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT r.organization_id FROM api_tokens t JOIN organizers r ON r.id = t.organizer_id WHERE t.id = $1",
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// Notes that a token was used on a day.
pub(super) async fn use_token(conn: &mut PgConnection, id: Uuid, today: NaiveDate) -> Result<()> {
    sqlx::query!(
        "UPDATE api_tokens SET last_used_on = $2 WHERE id = $1 AND (last_used_on IS NULL OR last_used_on < $2)",
        id,
        today
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Addresses of the organizers who have signed in on a device, unless disabled.
pub(super) async fn organizers_of_device(
    conn: &mut PgConnection,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT r.email FROM known_devices d JOIN organizers r ON r.id = d.organizer_id
         WHERE d.token_hash = $1 AND d.expires_at > $2 AND r.disabled_at IS NULL",
        hash,
        now
    )
    .fetch_all(conn)
    .await?)
}

/// Has an organizer signed in on any device that is still known?
pub(super) async fn has_devices(conn: &mut PgConnection, organizer: Uuid, now: DateTime<Utc>) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM known_devices WHERE organizer_id = $1 AND expires_at > $2) AS "is_there!""#,
        organizer,
        now
    )
    .fetch_one(conn)
    .await?)
}

/// Stores that an organizer has signed in on a device, and deletes all but the organizer's newest `most` devices.
pub(super) async fn remember_device(
    conn: &mut PgConnection,
    hash: &[u8],
    organizer: Uuid,
    expires_at: DateTime<Utc>,
    most: i64,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO known_devices (token_hash, organizer_id, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (token_hash, organizer_id) DO UPDATE SET expires_at = EXCLUDED.expires_at",
        hash,
        organizer,
        expires_at
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM known_devices WHERE organizer_id = $1 AND token_hash IN
             (SELECT token_hash FROM known_devices WHERE organizer_id = $1 ORDER BY expires_at DESC OFFSET $2)",
        organizer,
        most
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn delete_expired_devices(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("DELETE FROM known_devices WHERE expires_at <= $1", now).execute(conn).await?;
    Ok(())
}

/// A row of `audit_entries`.
pub struct AuditRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub organizer_id: Option<Uuid>,
    pub api_token_id: Option<Uuid>,
    pub verb: String,
    pub object_id: Option<Uuid>,
    pub detail: Value,
    pub created_at: DateTime<Utc>,
}

/// Counts the people that an account reads on a day. False, and nothing counted: they would be more than `most`.
pub(super) async fn count_reads(
    conn: &mut PgConnection,
    organizer: Uuid,
    day: NaiveDate,
    records: i32,
    most: i32,
) -> Result<bool> {
    let counted = sqlx::query_scalar!(
        "INSERT INTO contact_reads AS r (organizer_id, day, records) VALUES ($1, $2, $3)
         ON CONFLICT (organizer_id, day) DO UPDATE SET records = r.records + excluded.records
         WHERE r.records + excluded.records <= $4
         RETURNING records",
        organizer,
        day,
        records,
        most
    )
    .fetch_optional(conn)
    .await?;
    Ok(counted.is_some())
}

/// Deletes the counts of reading before a day.
pub(super) async fn delete_reads(conn: &mut PgConnection, before: NaiveDate) -> Result<()> {
    sqlx::query!("DELETE FROM contact_reads WHERE day < $1", before).execute(conn).await?;
    Ok(())
}

pub(super) async fn insert_audit(conn: &mut PgConnection, entry: &AuditRow) -> Result<()> {
    sqlx::query!(
        "INSERT INTO audit_entries (id, organization_id, organizer_id, api_token_id, verb, object_id, detail, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        entry.id,
        entry.organization_id,
        entry.organizer_id,
        entry.api_token_id,
        entry.verb,
        entry.object_id,
        entry.detail,
        entry.created_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Has a token exported people since then?
pub(super) async fn has_exported(conn: &mut PgConnection, token: Uuid, since: DateTime<Utc>) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM audit_entries WHERE api_token_id = $1 AND created_at > $2 AND verb LIKE '%.export') AS "has!""#,
        token,
        since
    )
    .fetch_one(conn)
    .await?)
}

/// Fields by which the audit trail can be filtered.
pub(super) const AUDIT_FIELDS: FieldSet = FieldSet(&[
    Field { name: "verb", column_sql: "verb", kind: FieldKind::Text },
    Field { name: "created_date", column_sql: "created_at", kind: FieldKind::Timestamp },
    Field { name: "organizer_id", column_sql: "organizer_id", kind: FieldKind::Uuid },
    Field { name: "object_id", column_sql: "object_id", kind: FieldKind::Uuid },
]);

/// Indexes over the audit trail of an organization.
const AUDIT_INDEXES: &[Index] =
    &[Index::equal("object_id"), Index::equal("organizer_id"), Index::equal("verb"), Index::ordered("created_at")];

/// A page of an organization's audit trail, newest first.
pub(super) async fn list_audit(
    conn: &mut PgConnection,
    organization: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<AuditRow>, Extent)> {
    let list = KeysetList {
        table: "audit_entries",
        filtered: "audit_entries",
        key: &[KeyColumn { sql: "created_at", kind: KeyKind::Timestamp }, KeyColumn { sql: "id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: AUDIT_INDEXES,
        scope: &[("organization_id", ScopeValue::Id(organization))],
        extra_condition: "",
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query_as!(
        AuditRow,
        "SELECT id, organization_id, organizer_id, api_token_id, verb, object_id, detail, created_at FROM audit_entries WHERE id = ANY ($1)",
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}
