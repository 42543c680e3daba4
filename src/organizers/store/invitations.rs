//! The SQL of invitations and of requests for a new password.

use chrono::{DateTime, Utc};
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

/// An invitation that was not accepted yet.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its id.
    pub id: Uuid,
    /// The organization that invites.
    pub organization_id: Uuid,
    /// The organization's name.
    pub organization: String,
    /// Address of who is invited.
    pub email: String,
    /// Name of who is invited.
    pub name: String,
    /// The role to come.
    pub role: Role,
    /// BCP 47 tag of the mail's language.
    pub locale: String,
    /// Name of who invites.
    pub invited_by: String,
    /// Generation of its link.
    pub link_generation: i16,
    /// When it was made, or last renewed.
    pub created_at: DateTime<Utc>,
    /// When its link ends.
    pub expires_at: DateTime<Utc>,
}

/// An invitation to be stored.
pub(in crate::organizers) struct NewInvitation<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub email: &'a str,
    pub name: &'a str,
    pub role: Role,
    pub locale: &'a str,
    pub invited_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Stores an invitation; that of the same address is replaced, and its link is void. Returns the id.
pub(in crate::organizers) async fn upsert_invitation(conn: &mut PgConnection, new: &NewInvitation<'_>) -> Result<Uuid> {
    Ok(sqlx::query_scalar!(
        "INSERT INTO invitations AS i (id, organization_id, email, name, role, locale, invited_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (organization_id, email) DO UPDATE SET
             name = excluded.name, role = excluded.role, locale = excluded.locale, invited_by = excluded.invited_by,
             created_at = excluded.created_at, expires_at = excluded.expires_at, link_generation = i.link_generation + 1
         RETURNING id",
        new.id,
        new.organization_id,
        new.email,
        new.name,
        new.role.as_str(),
        new.locale,
        new.invited_by,
        new.created_at,
        new.expires_at
    )
    .fetch_one(conn)
    .await?)
}

pub(in crate::organizers) async fn invitation(conn: &mut PgConnection, id: Uuid) -> Result<Option<Invitation>> {
    Ok(invitations(conn, &[id]).await?.pop())
}

async fn invitations(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Invitation>> {
    Ok(sqlx::query_as!(
        Invitation,
        r#"SELECT i.id, i.organization_id, o.name AS organization, i.email, i.name, i.role AS "role: Role", i.locale,
                  r.name AS invited_by, i.link_generation, i.created_at, i.expires_at
           FROM invitations i JOIN organizations o ON o.id = i.organization_id JOIN organizers r ON r.id = i.invited_by
           WHERE i.id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// A page of an organization's invitations, newest first.
pub(in crate::organizers) async fn list_invitations(
    conn: &mut PgConnection,
    organization: Uuid,
    page: &PageParams,
) -> Result<(Vec<Invitation>, Extent)> {
    const KEY: &[KeyColumn] = &[KeyColumn { sql: "id", kind: KeyKind::Uuid }];
    let scope = [("organization_id", ScopeValue::Id(organization))];
    let (ids, extent) = KeysetList::new("invitations", KEY, &scope).page::<Uuid>(conn, None, page).await?;
    let rows = invitations(conn, &ids).await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Deletes an invitation of an organization, and so voids its link. False: there is none (any more).
pub(in crate::organizers) async fn delete_invitation(
    conn: &mut PgConnection,
    organization: Uuid,
    id: Uuid,
) -> Result<bool> {
    let gone = sqlx::query!("DELETE FROM invitations WHERE id = $1 AND organization_id = $2", id, organization);
    Ok(gone.execute(conn).await?.rows_affected() > 0)
}

/// Deletes an invitation whose link of this generation is accepted. False: it was accepted, withdrawn or renewed meanwhile.
pub(in crate::organizers) async fn take_invitation(
    conn: &mut PgConnection,
    id: Uuid,
    generation: i16,
    now: DateTime<Utc>,
) -> Result<bool> {
    let taken = sqlx::query!(
        "DELETE FROM invitations WHERE id = $1 AND link_generation = $2 AND expires_at > $3",
        id,
        generation,
        now
    );
    Ok(taken.execute(conn).await?.rows_affected() > 0)
}

/// A request for a new password.
pub(in crate::organizers) struct Reset {
    /// Null: nobody has the address.
    pub organizer_id: Option<Uuid>,
    pub locale: String,
    pub expires_at: DateTime<Utc>,
}

pub(in crate::organizers) async fn insert_reset(
    conn: &mut PgConnection,
    id: Uuid,
    organizer: Option<Uuid>,
    locale: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO password_resets (id, organizer_id, locale, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        id,
        organizer,
        locale,
        now,
        expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::organizers) async fn reset(conn: &mut PgConnection, id: Uuid) -> Result<Option<Reset>> {
    Ok(sqlx::query_as!(Reset, "SELECT organizer_id, locale, expires_at FROM password_resets WHERE id = $1", id)
        .fetch_optional(conn)
        .await?)
}

/// Deletes a request whose link is used, and returns its organizer; `None` when it was used before, or has ended.
pub(in crate::organizers) async fn take_reset(
    conn: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    let taken = sqlx::query_scalar!(
        "DELETE FROM password_resets WHERE id = $1 AND expires_at > $2 RETURNING organizer_id",
        id,
        now
    );
    Ok(taken.fetch_optional(conn).await?.flatten())
}

/// Deletes all requests for a new password of an organizer.
pub(in crate::organizers) async fn delete_resets(conn: &mut PgConnection, organizer: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM password_resets WHERE organizer_id = $1", organizer).execute(conn).await?;
    Ok(())
}

/// Deletes invitations and requests for a new password whose link has ended. Returns how many.
pub(in crate::organizers) async fn delete_expired_links(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64> {
    let invitations = sqlx::query!("DELETE FROM invitations WHERE expires_at <= $1", now).execute(&mut *conn).await?;
    let resets = sqlx::query!("DELETE FROM password_resets WHERE expires_at <= $1", now).execute(conn).await?;
    Ok(invitations.rows_affected() + resets.rows_affected())
}
