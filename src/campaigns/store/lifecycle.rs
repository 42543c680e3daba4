//! SQL of state changes, former slugs and closing dates.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::super::action::{Kind, State};
use crate::{
    error::Result,
    kernel::{
        env::Env,
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
        text::Slug,
    },
};

/// A change of an action's state.
#[derive(Clone, Debug)]
pub struct StateChange {
    /// Its id.
    pub id: Uuid,
    /// The new state.
    pub state: State,
    /// Why, as the page shows it.
    pub reason: String,
    /// Name of the organizer; `None`: the closing date was reached.
    pub organizer: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Logs a change of state.
pub async fn log_state(
    conn: &mut PgConnection,
    env: &Env,
    action: Uuid,
    state: State,
    reason: &str,
    organizer: Option<Uuid>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO action_state_changes (id, action_id, state, reason, organizer_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        env.id(),
        action,
        state.as_str(),
        reason,
        organizer,
        env.now()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One page of an action's log, oldest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub async fn state_changes(
    conn: &mut PgConnection,
    action: Uuid,
    page: &PageParams,
) -> Result<(Vec<StateChange>, Extent)> {
    let key =
        &[KeyColumn { sql: "c.created_at", kind: KeyKind::Timestamp }, KeyColumn { sql: "c.id", kind: KeyKind::Uuid }];
    let scope = [("c.action_id", ScopeValue::Id(action))];
    let list = KeysetList { is_ascending: true, ..KeysetList::new("action_state_changes c", key, &scope) };
    let (ids, extent) = list.page(conn, None, page).await?;
    let rows = sqlx::query_as!(
        StateChange,
        r#"SELECT c.id AS "id!", c.state AS "state!: State", c.reason AS "reason!", o.name AS "organizer?", c.created_at AS "created_at!"
           FROM action_state_changes c LEFT JOIN organizers o ON o.id = c.organizer_id
           WHERE c.id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Closes actions that have reached their closing date, and logs it. Locked rows are left for the next time (`SKIP
/// LOCKED`). Returns how many.
pub async fn close_due(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    let closed = sqlx::query!(
        "WITH due AS MATERIALIZED (
             SELECT id FROM actions WHERE state = 'published' AND closes_at <= $1 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
         ), closed AS (
             UPDATE actions a SET state = 'closed' FROM due d WHERE a.id = d.id RETURNING a.id
         )
         INSERT INTO action_state_changes (id, action_id, state, reason, created_at)
         SELECT gen_random_uuid(), id, 'closed', '', $1 FROM closed",
        now
    )
    .execute(db)
    .await?;
    Ok(closed.rows_affected())
}

/// The action that had this slug before.
pub(crate) async fn former_slug(conn: &mut PgConnection, kind: Kind, slug: &str) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT action_id FROM former_slugs WHERE kind = $1 AND slug = $2", kind.as_str(), slug)
        .fetch_optional(conn)
        .await?)
}

/// The slugs of actions of a kind, present and former ones, that begin as this one does: all from which its numbered forms
/// must differ ([`Slug::first_free`]).
pub(crate) async fn similar_slugs(conn: &mut PgConnection, kind: Kind, slug: &Slug) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT slug AS "slug!" FROM actions WHERE kind = $1 AND starts_with(slug, left($2::text, 70))
           UNION ALL SELECT slug FROM former_slugs WHERE kind = $1 AND starts_with(slug, left($2::text, 70))"#,
        kind.as_str(),
        slug.as_str()
    )
    .fetch_all(conn)
    .await?)
}

/// Changes the slug of an action; the former one is kept and redirects.
///
/// # Errors
/// A breach of `actions_kind_slug_key`.
pub(crate) async fn rename(
    conn: &mut PgConnection,
    kind: Kind,
    action: Uuid,
    from: &str,
    to: &Slug,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM former_slugs WHERE kind = $1 AND slug = $2", kind.as_str(), to.as_str())
        .execute(&mut *conn)
        .await?;
    sqlx::query!("UPDATE actions SET slug = $2 WHERE id = $1", action, to.as_str()).execute(&mut *conn).await?;
    sqlx::query!(
        "INSERT INTO former_slugs (kind, slug, action_id, created_at) VALUES ($1, $2, $3, $4)",
        kind.as_str(),
        from,
        action,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The published action of an organization with this id, or this kind and slug.
pub(crate) async fn sibling(
    conn: &mut PgConnection,
    organization: Uuid,
    id: Option<Uuid>,
    at: Option<(Kind, &str)>,
) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM actions WHERE organization_id = $1 AND state = 'published' AND (id = $2 OR (kind = $3 AND slug = $4))",
        organization,
        id,
        at.map(|(kind, _)| kind.as_str()),
        at.map(|(_, slug)| slug)
    )
    .fetch_optional(conn)
    .await?)
}

/// Voids all preview links of an action.
pub async fn void_previews(conn: &mut PgConnection, action: Uuid) -> Result<()> {
    sqlx::query!("UPDATE actions SET preview_generation = preview_generation + 1 WHERE id = $1", action)
        .execute(conn)
        .await?;
    Ok(())
}
