//! SQL of words of origin and partners.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
};

/// A registered word.
#[derive(Clone, Debug)]
pub(crate) struct SourceRow {
    /// The word.
    pub word: String,
    /// Slug of the partner that it stands for.
    pub partner: Option<String>,
}

/// One page of an organization's words, in their order.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn sources(
    conn: &mut PgConnection,
    organization: Uuid,
    page: &PageParams,
) -> Result<(Vec<SourceRow>, Extent)> {
    let key = &[KeyColumn { sql: "s.word", kind: KeyKind::Text }];
    let scope = [("s.organization_id", ScopeValue::Id(organization))];
    let list = KeysetList { is_ascending: true, ..KeysetList::new("sources s", key, &scope) };
    let (words, extent) = list.page::<String>(conn, None, page).await?;
    let rows = sqlx::query_as!(
        SourceRow,
        r#"SELECT s.word AS "word!", p.slug AS "partner?" FROM sources s LEFT JOIN partners p ON p.id = s.partner_id
           WHERE s.organization_id = $1 AND s.word = ANY ($2)"#,
        organization,
        &words
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &words, |row| row.word.clone()), extent))
}

/// A partner organization.
#[derive(Clone, Debug)]
pub(crate) struct PartnerRow {
    /// Its id.
    pub id: Uuid,
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The sentence beside its box, by language.
    pub wording: serde_json::Value,
}

/// One page of an organization's partners, by name.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn partners(
    conn: &mut PgConnection,
    organization: Uuid,
    page: &PageParams,
) -> Result<(Vec<PartnerRow>, Extent)> {
    let key = &[KeyColumn { sql: "p.name", kind: KeyKind::Text }, KeyColumn { sql: "p.id", kind: KeyKind::Uuid }];
    let scope = [("p.organization_id", ScopeValue::Id(organization))];
    let list = KeysetList { is_ascending: true, ..KeysetList::new("partners p", key, &scope) };
    let (ids, extent) = list.page(conn, None, page).await?;
    let rows = sqlx::query_as!(PartnerRow, "SELECT id, slug, name, wording FROM partners WHERE id = ANY ($1)", &ids)
        .fetch_all(conn)
        .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Removes a partner and the words that stand for it. False: there was none.
pub(crate) async fn delete_partner(conn: &mut PgConnection, organization: Uuid, slug: &str) -> Result<bool> {
    sqlx::query!(
        "DELETE FROM sources s USING partners p WHERE p.id = s.partner_id AND p.organization_id = $1 AND p.slug = $2",
        organization,
        slug
    )
    .execute(&mut *conn)
    .await?;
    let done = sqlx::query!("DELETE FROM partners WHERE organization_id = $1 AND slug = $2", organization, slug)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// A partner of an organization, by slug.
pub(crate) async fn partner_id(conn: &mut PgConnection, organization: Uuid, slug: &str) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM partners WHERE organization_id = $1 AND slug = $2", organization, slug)
        .fetch_optional(conn)
        .await?)
}

/// Registers a word, or changes the partner that it stands for.
pub(crate) async fn upsert_source(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    word: &str,
    partner: Option<Uuid>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO sources (id, organization_id, word, partner_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id, word) DO UPDATE SET partner_id = excluded.partner_id",
        id,
        organization,
        word,
        partner
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a word. False: there was none.
pub(crate) async fn delete_source(conn: &mut PgConnection, organization: Uuid, word: &str) -> Result<bool> {
    let done = sqlx::query!("DELETE FROM sources WHERE organization_id = $1 AND word = $2", organization, word)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}
