//! All SQL over `offices`, `mailboxes`, `officials` and `terms`.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
    letters::hours::OfficeHours,
};

/// An office's titles in other languages than its own, by language tag: the value of `offices.texts`.
pub(crate) type OfficeTitles = BTreeMap<String, OfficeTitle>;

/// An office's title in another language.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub(crate) struct OfficeTitle {
    /// The title.
    pub title: String,
}

/// An office with its holder.
#[derive(Clone, Debug)]
pub(crate) struct OfficeRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub title: String,
    pub texts: Json<OfficeTitles>,
    pub locale: String,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
    pub mailboxes: Vec<String>,
    pub official_id: Option<Uuid>,
    pub honorific_prefix: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub starts_on: Option<NaiveDate>,
    pub phone: String,
    pub hours: Json<OfficeHours>,
}

/// One page of offices by title, of one organization or of all.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn offices(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    today: NaiveDate,
    page: &PageParams,
) -> Result<(Vec<OfficeRow>, Extent)> {
    let scope: Vec<_> = organization.map(|id| ("o.organization_id", ScopeValue::Id(id))).into_iter().collect();
    let list = KeysetList {
        table: "offices o",
        filtered: "offices o",
        key: &[KeyColumn { sql: "o.title", kind: KeyKind::Text }, KeyColumn { sql: "o.id", kind: KeyKind::Uuid }],
        is_ascending: true,
        indexes: &[],
        scope: &scope,
        extra_condition: "",
    };
    let (ids, extent) = list.page(conn, None, page).await?;
    let rows = sqlx::query_as!(
        OfficeRow,
        r#"SELECT o.id AS "id!", o.organization_id AS "organization_id!", o.slug AS "slug!", o.title AS "title!", o.texts AS "texts!: Json<OfficeTitles>",
                  o.locale AS "locale!", o.created_at AS "created_at!", o.modified_at AS "modified_at!",
                  ARRAY(SELECT b.address FROM office_mailboxes om JOIN mailboxes b ON b.id = om.mailbox_id
                        WHERE om.office_id = o.id ORDER BY om.position) AS "mailboxes!",
                  h.id AS "official_id?", h.honorific_prefix AS "honorific_prefix?", h.given_name AS "given_name?",
                  h.family_name AS "family_name?", t.starts_on AS "starts_on?", o.phone AS "phone!", o.hours AS "hours!: Json<OfficeHours>"
           FROM offices o
           LEFT JOIN terms t ON t.office_id = o.id AND t.starts_on <= $2 AND (t.ends_on IS NULL OR t.ends_on >= $2)
           LEFT JOIN officials h ON h.id = t.official_id
           WHERE o.id = ANY ($1)"#,
        &ids,
        today
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// An office by id or slug, of one organization or of any.
///
/// # Errors
/// `not_found`.
pub(crate) async fn office(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    key: &str,
    today: NaiveDate,
) -> Result<OfficeRow> {
    let id = Uuid::parse_str(key).ok();
    Ok(sqlx::query_as!(
        OfficeRow,
        r#"SELECT o.id, o.organization_id, o.slug, o.title, o.texts AS "texts: Json<OfficeTitles>", o.locale, o.created_at, o.modified_at,
                  ARRAY(SELECT b.address FROM office_mailboxes om JOIN mailboxes b ON b.id = om.mailbox_id
                        WHERE om.office_id = o.id ORDER BY om.position) AS "mailboxes!",
                  h.id AS "official_id?", h.honorific_prefix AS "honorific_prefix?", h.given_name AS "given_name?",
                  h.family_name AS "family_name?", t.starts_on AS "starts_on?", o.phone, o.hours AS "hours: Json<OfficeHours>"
           FROM offices o
           LEFT JOIN terms t ON t.office_id = o.id AND t.starts_on <= $4 AND (t.ends_on IS NULL OR t.ends_on >= $4)
           LEFT JOIN officials h ON h.id = t.official_id
           WHERE (o.id = $2 OR ($2 IS NULL AND o.slug = $3)) AND ($1::uuid IS NULL OR o.organization_id = $1)
           ORDER BY o.id LIMIT 1"#,
        organization,
        id,
        key,
        today
    )
    .fetch_one(conn)
    .await?)
}

/// The same of one organization, locked, so that two changes follow each other.
///
/// # Errors
/// `not_found`.
pub(crate) async fn office_to_change(
    conn: &mut PgConnection,
    organization: Uuid,
    key: &str,
    today: NaiveDate,
) -> Result<OfficeRow> {
    let found = office(conn, Some(organization), key, today).await?;
    lock_office(conn, found.id).await?;
    office(conn, Some(organization), &found.id.to_string(), today).await
}

/// The editable columns of an office.
#[derive(Debug)]
pub(crate) struct OfficeText<'a> {
    pub title: &'a str,
    pub texts: &'a OfficeTitles,
    pub locale: &'a str,
}

/// Inserts an office.
///
/// # Errors
/// A breach of `offices_organization_slug_key`.
pub(crate) async fn insert_office(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    slug: &str,
    text: &OfficeText<'_>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO offices (id, organization_id, slug, title, texts, locale, created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        id,
        organization,
        slug,
        text.title,
        Json(text.texts) as _,
        text.locale,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Updates the editable columns of an office.
pub(crate) async fn save_office(
    conn: &mut PgConnection,
    id: Uuid,
    text: &OfficeText<'_>,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE offices SET title = $2, texts = $3, locale = $4, modified_at = $5 WHERE id = $1",
        id,
        text.title,
        Json(text.texts) as _,
        text.locale,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How an office is phoned.
#[derive(Clone, Debug, Default)]
pub struct OfficePhone {
    /// Its number; empty: none is known.
    pub phone: String,
    /// When somebody answers.
    pub hours: OfficeHours,
}

/// How offices are phoned.
pub async fn office_phones(conn: &mut PgConnection, offices: &[Uuid]) -> Result<HashMap<Uuid, OfficePhone>> {
    let rows = sqlx::query!(
        r#"SELECT id, phone, hours AS "hours: Json<OfficeHours>" FROM offices WHERE id = ANY ($1)"#,
        offices
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, OfficePhone { phone: row.phone, hours: row.hours.0 })).collect())
}

/// Sets how an office is phoned.
pub async fn set_office_phone(
    conn: &mut PgConnection,
    id: Uuid,
    OfficePhone { phone, hours }: &OfficePhone,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE offices SET phone = $2, hours = $3, modified_at = $4 WHERE id = $1",
        id,
        phone,
        Json(hours) as _,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The mailboxes of offices by office, the primary one first.
pub(crate) async fn mailboxes(conn: &mut PgConnection, offices: &[Uuid]) -> Result<HashMap<Uuid, Vec<String>>> {
    let rows = sqlx::query!(
        "SELECT om.office_id, b.address FROM office_mailboxes om JOIN mailboxes b ON b.id = om.mailbox_id
         WHERE om.office_id = ANY ($1) ORDER BY om.office_id, om.position",
        offices
    )
    .fetch_all(conn)
    .await?;
    let mut mailboxes: HashMap<Uuid, Vec<String>> = HashMap::new();
    for row in rows {
        mailboxes.entry(row.office_id).or_default().push(row.address);
    }
    Ok(mailboxes)
}

/// Locks an office, so that two changes of its holder follow each other.
///
/// # Errors
/// `not_found`.
pub(crate) async fn lock_office(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query_scalar!("SELECT id FROM offices WHERE id = $1 FOR UPDATE", id).fetch_one(conn).await?;
    Ok(())
}

/// Replaces an office's mailboxes; the first is the primary one. `ids`: one id for each address, used where it is
/// new.
pub(crate) async fn set_mailboxes(
    conn: &mut PgConnection,
    office: Uuid,
    ids: &[Uuid],
    addresses: &[String],
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mailboxes (id, address, created_at)
         SELECT u.id, u.address, $3 FROM unnest($1::uuid[], $2::text[]) u (id, address) ORDER BY u.address
         ON CONFLICT (address) DO NOTHING",
        ids,
        addresses,
        at
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM office_mailboxes WHERE office_id = $1", office).execute(&mut *conn).await?;
    sqlx::query!(
        "INSERT INTO office_mailboxes (office_id, mailbox_id, position)
         SELECT $1, m.id, (u.n - 1)::smallint FROM unnest($2::text[]) WITH ORDINALITY u (address, n) JOIN mailboxes m ON m.address = u.address",
        office,
        addresses
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Name of an official.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficialName {
    /// "The Honourable".
    pub honorific_prefix: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
}

/// Inserts an official.
pub(crate) async fn insert_official(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    name: &OfficialName,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO officials (id, organization_id, honorific_prefix, given_name, family_name, created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $6)",
        id,
        organization,
        name.honorific_prefix,
        name.given_name,
        name.family_name,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Updates an official's prefix.
pub(crate) async fn set_honorific(
    conn: &mut PgConnection,
    id: Uuid,
    honorific_prefix: &str,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE officials SET honorific_prefix = $2, modified_at = $3 WHERE id = $1",
        id,
        honorific_prefix,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends the open term of an office on the day before `day`; one that began on `day` is deleted.
pub(crate) async fn end_term_before(conn: &mut PgConnection, office: Uuid, day: NaiveDate) -> Result<()> {
    sqlx::query!("DELETE FROM terms WHERE office_id = $1 AND starts_on = $2", office, day).execute(&mut *conn).await?;
    sqlx::query!(
        "UPDATE terms SET ends_on = $2::date - 1 WHERE office_id = $1 AND ends_on IS NULL AND starts_on < $2",
        office,
        day
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Inserts a term.
///
/// # Errors
/// A breach of `terms_office_current_key`, `terms_office_start_key` or `terms_dates_check`.
pub(crate) async fn insert_term(
    conn: &mut PgConnection,
    id: Uuid,
    office: Uuid,
    official: Uuid,
    starts_on: NaiveDate,
    ends_on: Option<NaiveDate>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO terms (id, office_id, official_id, starts_on, ends_on) VALUES ($1, $2, $3, $4, $5)",
        id,
        office,
        official,
        starts_on,
        ends_on
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A term of an official in an office.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct Term {
    /// The office's slug.
    pub office: String,
    /// The office's title.
    pub title: String,
    /// First day in office.
    pub start_date: NaiveDate,
    /// Last day in office; null: still there.
    pub end_date: Option<NaiveDate>,
}

/// An official with the terms, newest first.
#[derive(Clone, Debug)]
pub(crate) struct OfficialRow {
    pub id: Uuid,
    pub honorific_prefix: String,
    pub given_name: String,
    pub family_name: String,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
    pub terms: Json<Vec<Term>>,
}

/// One page of officials by name, of one organization or of all.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn officials(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    page: &PageParams,
) -> Result<(Vec<OfficialRow>, Extent)> {
    let scope: Vec<_> = organization.map(|id| ("h.organization_id", ScopeValue::Id(id))).into_iter().collect();
    let list = KeysetList {
        table: "officials h",
        filtered: "officials h",
        key: &[
            KeyColumn { sql: "h.family_name", kind: KeyKind::Text },
            KeyColumn { sql: "h.given_name", kind: KeyKind::Text },
            KeyColumn { sql: "h.id", kind: KeyKind::Uuid },
        ],
        is_ascending: true,
        indexes: &[],
        scope: &scope,
        extra_condition: "",
    };
    let (ids, extent) = list.page(conn, None, page).await?;
    let rows = sqlx::query_as!(
        OfficialRow,
        r#"SELECT h.id, h.honorific_prefix, h.given_name, h.family_name, h.created_at, h.modified_at,
                  coalesce((SELECT jsonb_agg(jsonb_build_object('office', o.slug, 'title', o.title, 'start_date', t.starts_on, 'end_date', t.ends_on) ORDER BY t.starts_on DESC)
                            FROM terms t JOIN offices o ON o.id = t.office_id WHERE t.official_id = h.id), '[]') AS "terms!: Json<Vec<Term>>"
           FROM officials h WHERE h.id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// One official.
///
/// # Errors
/// `not_found`.
pub(crate) async fn official(conn: &mut PgConnection, organization: Option<Uuid>, id: Uuid) -> Result<OfficialRow> {
    Ok(sqlx::query_as!(
        OfficialRow,
        r#"SELECT h.id, h.honorific_prefix, h.given_name, h.family_name, h.created_at, h.modified_at,
                  coalesce((SELECT jsonb_agg(jsonb_build_object('office', o.slug, 'title', o.title, 'start_date', t.starts_on, 'end_date', t.ends_on) ORDER BY t.starts_on DESC)
                            FROM terms t JOIN offices o ON o.id = t.office_id WHERE t.official_id = h.id), '[]') AS "terms!: Json<Vec<Term>>"
           FROM officials h WHERE h.id = $2 AND ($1::uuid IS NULL OR h.organization_id = $1)"#,
        organization,
        id
    )
    .fetch_one(conn)
    .await?)
}

/// Resolves keys to offices, in their order: an office by id or slug, or the office that an official holds today.
pub(crate) async fn resolve_targets(
    conn: &mut PgConnection,
    organization: Uuid,
    keys: &[String],
    today: NaiveDate,
) -> Result<Vec<Option<Uuid>>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT (SELECT o.id FROM offices o
                   WHERE o.organization_id = $1
                     AND (o.slug = k.key OR o.id::text = lower(k.key)
                          OR EXISTS (SELECT FROM terms t WHERE t.office_id = o.id AND t.official_id::text = lower(k.key)
                                       AND t.starts_on <= $3 AND (t.ends_on IS NULL OR t.ends_on >= $3)))
                   ORDER BY o.slug = k.key DESC, o.id LIMIT 1) AS office
           FROM unnest($2::text[]) WITH ORDINALITY k (key, n) ORDER BY k.n"#,
        organization,
        keys,
        today
    )
    .fetch_all(conn)
    .await?)
}

/// Does the organization have an office with this slug?
pub async fn office_exists(conn: &mut PgConnection, organization: Uuid, slug: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM offices WHERE organization_id = $1 AND slug = $2) AS "found!""#,
        organization,
        slug
    )
    .fetch_one(conn)
    .await?)
}
