//! SQL of short links (`/go/{word}`) and their click counters.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::super::action::Kind;
use crate::{
    error::Result,
    kernel::{
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
};

/// A short link of an action.
#[derive(Clone, Debug)]
pub struct ShortLink {
    /// `/go/{word}`.
    pub word: String,
    /// Number of clicks.
    pub clicks: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Target of a short link: kind and slug.
///
/// # Errors
/// `not_found`.
pub(crate) async fn short_link(conn: &mut PgConnection, word: &str) -> Result<(Kind, String)> {
    let row = sqlx::query!(
        r#"SELECT a.kind AS "kind: Kind", a.slug FROM short_links s JOIN actions a ON a.id = s.action_id
           WHERE s.word = $1 AND a.state NOT IN ('draft', 'archived')"#,
        word
    )
    .fetch_one(conn)
    .await?;
    Ok((row.kind, row.slug))
}

/// Inserts a short link, unless the action has it already. False: the word leads to another action, perhaps of another
/// organization.
pub(crate) async fn insert_short_link(
    conn: &mut PgConnection,
    word: &str,
    action: Uuid,
    at: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO short_links AS s (word, action_id, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (word) DO UPDATE SET action_id = s.action_id WHERE s.action_id = excluded.action_id",
        word,
        action,
        at
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One page of an action's short links with their clicks, oldest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub async fn short_links(conn: &mut PgConnection, action: Uuid, page: &PageParams) -> Result<(Vec<ShortLink>, Extent)> {
    let key = &[
        KeyColumn { sql: "s.created_at", kind: KeyKind::Timestamp },
        KeyColumn { sql: "s.word", kind: KeyKind::Text },
    ];
    let scope = [("s.action_id", ScopeValue::Id(action))];
    let list = KeysetList { is_ascending: true, ..KeysetList::new("short_links s", key, &scope) };
    let (words, extent) = list.page::<String>(conn, None, page).await?;
    let rows = sqlx::query_as!(
        ShortLink,
        r#"SELECT s.word, coalesce(sum(h.clicks), 0)::bigint AS "clicks!", s.created_at
           FROM short_links s LEFT JOIN short_link_clicks h ON h.word = s.word
           WHERE s.word = ANY ($1) GROUP BY s.word"#,
        &words
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &words, |row| row.word.clone()), extent))
}

/// Deletes a short link of an action, with its clicks. False: the action has none with this word.
pub async fn delete_short_link(conn: &mut PgConnection, action: Uuid, word: &str) -> Result<bool> {
    let done =
        sqlx::query!("DELETE FROM short_links WHERE action_id = $1 AND word = $2", action, word).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Adds clicks by word and day; those of deleted links are dropped.
pub(crate) async fn add_clicks(db: &PgPool, clicks: &[(String, NaiveDate, i64)]) -> Result<()> {
    let words: Vec<String> = clicks.iter().map(|(word, ..)| word.clone()).collect();
    let days: Vec<NaiveDate> = clicks.iter().map(|(_, day, _)| *day).collect();
    let counts: Vec<i64> = clicks.iter().map(|(.., count)| *count).collect();
    sqlx::query!(
        "INSERT INTO short_link_clicks AS h (word, day, clicks)
         SELECT n.word, n.day, n.clicks FROM unnest($1::text[], $2::date[], $3::bigint[]) n (word, day, clicks) JOIN short_links s ON s.word = n.word
         ORDER BY 1, 2
         ON CONFLICT (word, day) DO UPDATE SET clicks = h.clicks + excluded.clicks",
        &words,
        &days,
        &counts
    )
    .execute(db)
    .await?;
    Ok(())
}
