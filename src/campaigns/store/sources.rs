//! SQL of words of origin and partners.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// A registered word.
#[derive(Clone, Debug)]
pub struct SourceRow {
    /// The word.
    pub word: String,
    /// Slug of the partner that it stands for.
    pub partner: Option<String>,
}

/// The words of an organization.
pub async fn sources(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<SourceRow>> {
    Ok(sqlx::query_as!(
        SourceRow,
        r#"SELECT s.word, p.slug AS "partner?" FROM sources s LEFT JOIN partners p ON p.id = s.partner_id
           WHERE s.organization_id = $1 ORDER BY s.word"#,
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// A partner organization.
#[derive(Clone, Debug)]
pub struct PartnerRow {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The sentence beside its box, by language.
    pub wording: serde_json::Value,
}

/// The partners of an organization, by name.
pub async fn partners(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<PartnerRow>> {
    Ok(sqlx::query_as!(
        PartnerRow,
        "SELECT slug, name, wording FROM partners WHERE organization_id = $1 ORDER BY name",
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// Removes a partner and the words that stand for it. False: there was none.
pub async fn delete_partner(conn: &mut PgConnection, organization: Uuid, slug: &str) -> Result<bool> {
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
pub async fn partner_id(conn: &mut PgConnection, organization: Uuid, slug: &str) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM partners WHERE organization_id = $1 AND slug = $2", organization, slug)
        .fetch_optional(conn)
        .await?)
}

/// Registers a word, or changes the partner that it stands for.
pub async fn upsert_source(
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
pub async fn delete_source(conn: &mut PgConnection, organization: Uuid, word: &str) -> Result<bool> {
    let done = sqlx::query!("DELETE FROM sources WHERE organization_id = $1 AND word = $2", organization, word)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}
