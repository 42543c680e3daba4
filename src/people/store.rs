//! The SQL of `people` and `consents`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::details::Details;
use crate::{
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
        vault::Vault,
    },
};

/// Name of the table, part of the associated data to which a sealed value is bound.
pub const TABLE: &str = "people";

/// Fields by which people can be filtered.
pub const FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "id", kind: FieldKind::Identifier },
    Field { name: "created_date", column_sql: "created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "modified_at", kind: FieldKind::Timestamp },
    Field { name: "email_address", column_sql: "id", kind: FieldKind::Virtual },
    Field { name: "preferred_language", column_sql: "locale", kind: FieldKind::Text },
]);

/// A row of `people`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PersonRow {
    /// The person's id.
    pub id: Uuid,
    /// [`Details`] under the vault's data key; `None` until something is confirmed or vouched.
    pub sealed: Option<Vec<u8>>,
    /// Preferred language.
    pub locale: Option<String>,
    /// When the row was inserted.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub modified_at: DateTime<Utc>,
}

impl PersonRow {
    /// The decrypted details; empty ones for a row without.
    ///
    /// # Errors
    /// `internal` when they cannot be decrypted with the vault's key.
    pub fn details(&self, vault: &Vault) -> Result<Details> {
        Ok(self.sealed.as_deref().map(|sealed| vault.open(TABLE, self.id, sealed)).transpose()?.unwrap_or_default())
    }
}

/// Indexes over the listed people of a vault.
const INDEXES: &[Index] = &[Index::equal("id"), Index::ordered("modified_at"), Index::ordered("created_at")];

/// One page of the listed people of a vault, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub async fn list(
    conn: &mut PgConnection,
    vault: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<PersonRow>, Extent)> {
    let list = KeysetList {
        table: "people",
        filtered: "people",
        key: &[KeyColumn { sql: "id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: INDEXES,
        scope: &[("vault_id", ScopeValue::Id(vault))],
        extra_condition: "confirmed_at IS NOT NULL",
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query_as!(
        PersonRow,
        "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE id = ANY ($1)",
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Address index and id of the people of a vault with these address indexes.
pub async fn find_ids(conn: &mut PgConnection, vault: Uuid, indexes: &[Vec<u8>]) -> Result<Vec<(Vec<u8>, Uuid)>> {
    let rows = sqlx::query!(
        r#"SELECT email_index AS "email_index!", id FROM people WHERE vault_id = $1 AND email_index = ANY ($2)"#,
        vault,
        indexes
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.email_index, row.id)).collect())
}

/// A person of a vault, with details.
///
/// # Errors
/// `not_found`.
pub async fn get(conn: &mut PgConnection, vault: Uuid, id: Uuid) -> Result<PersonRow> {
    Ok(sqlx::query_as!(PersonRow, "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE vault_id = $1 AND id = $2 AND sealed IS NOT NULL", vault, id).fetch_one(conn).await?)
}

/// The person with this address index in a vault.
pub async fn find(conn: &mut PgConnection, vault: Uuid, email_index: &[u8]) -> Result<Option<PersonRow>> {
    Ok(sqlx::query_as!(
        PersonRow,
        "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE vault_id = $1 AND email_index = $2",
        vault,
        email_index
    )
    .fetch_optional(conn)
    .await?)
}

/// Reads a person and locks the row until the end of the transaction.
///
/// # Errors
/// `not_found`.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<PersonRow> {
    Ok(sqlx::query_as!(
        PersonRow,
        "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE id = $1 FOR NO KEY UPDATE",
        id
    )
    .fetch_one(conn)
    .await?)
}

/// Stores sealed details; the language stays where `locale` is `None`.
pub async fn set_details(
    conn: &mut PgConnection,
    id: Uuid,
    sealed: &[u8],
    locale: Option<&str>,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!("UPDATE people SET sealed = $2, locale = coalesce($3, locale), modified_at = $4, confirmed_at = coalesce(confirmed_at, $4) WHERE id = $1", id, sealed, locale, at).execute(conn).await?;
    Ok(())
}

/// Id of the person with this address index; inserts an unconfirmed row with `id` where there is none.
pub async fn upsert_unconfirmed_person(
    conn: &mut PgConnection,
    vault: Uuid,
    id: Uuid,
    email_index: &[u8],
    at: DateTime<Utc>,
) -> Result<Uuid> {
    Ok(sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM upsert_people(ARRAY[($1::uuid, $2::uuid, $3::bytea, NULL, NULL, $4::timestamptz)::person_act])"#,
        id,
        vault,
        email_index,
        at
    )
    .fetch_one(conn)
    .await?)
}

/// Records that an organizer added a person (`people.origin`).
pub async fn mark_as_added_by_organizer(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("UPDATE people SET origin = 'organizer' WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// A row to append to `consents`.
#[derive(Debug)]
pub struct NewConsent<'a> {
    /// Id of the row.
    pub id: Uuid,
    /// The person's id.
    pub person: Uuid,
    /// `updates` or `partner:{slug}`.
    pub purpose: &'a str,
    /// False: withdrawn.
    pub granted: bool,
    /// Given by the owner of the address, not by an organizer or an import.
    pub by_owner: bool,
    /// Text of the box.
    pub wording: &'a str,
    /// First 8 bytes of the text's SHA-256, as hexadecimal digits.
    pub version: &'a str,
    /// Language of the text.
    pub locale: &'a str,
    /// Where it was asked: `petition:{slug}`, `api`, `import:{id}`, `preferences`.
    pub source: &'a str,
}

/// Appends a consent. A consent that the owner has withdrawn is not granted again by anybody else (`by_owner` false).
pub async fn append_consent(conn: &mut PgConnection, consent: &NewConsent<'_>, at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO consents (id, person_id, purpose, granted, wording, wording_version, locale, source, created_at)
         SELECT $1, $2, $3, $9, $4, $5, $6, $7, $8
         WHERE $10 OR coalesce((SELECT c.granted FROM consents c WHERE c.person_id = $2 AND c.purpose = $3
                                ORDER BY c.created_at DESC, c.id DESC LIMIT 1), true)",
        consent.id,
        consent.person,
        consent.purpose,
        consent.wording,
        consent.version,
        consent.locale,
        consent.source,
        at,
        consent.granted,
        consent.by_owner
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The wording of a partner's box, if the organization has such a partner.
pub async fn partner_wording(
    conn: &mut PgConnection,
    organization: Uuid,
    slug: &str,
    locale: &str,
) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(wording ->> $3, wording ->> 'en', name) AS "wording!" FROM partners WHERE organization_id = $1 AND slug = $2"#,
        organization, slug, locale
    )
    .fetch_optional(conn)
    .await?)
}

/// Deletes those of the people who have no details and no act left.
pub async fn delete_unconfirmed_people(conn: &mut PgConnection, ids: &[Uuid]) -> Result<()> {
    sqlx::query!("SELECT delete_unconfirmed_people($1)", ids).execute(conn).await?;
    Ok(())
}

/// Deletes a batch of acts of a table that were not confirmed in time (retention), and people without details or acts;
/// locked people are skipped until the next call. Returns the number of acts.
pub async fn delete_unconfirmed(db: &PgPool, acts: &str, now: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query_scalar!(r#"SELECT delete_unconfirmed($1::text::regclass, $2) AS "n!""#, acts, now);
    Ok(gone.fetch_one(db).await?.unsigned_abs())
}

/// A consent, as shown to the person who gave it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Consent {
    /// `updates` or `partner:{slug}`.
    pub purpose: String,
    /// False: withdrawn.
    pub granted: bool,
    /// Text of the box.
    pub wording: String,
    /// Where it was asked.
    pub source: String,
    /// When it was given or withdrawn.
    pub created_at: DateTime<Utc>,
}

/// A person's consents and withdrawals, oldest first.
pub async fn consents(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Consent>> {
    Ok(sqlx::query_as!(
        Consent,
        "SELECT purpose, granted, wording, source, created_at FROM consents WHERE person_id = $1 ORDER BY created_at, id",
        person
    )
    .fetch_all(conn)
    .await?)
}
