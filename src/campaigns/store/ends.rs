//! SQL of the ends of actions.

use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    campaigns::action::{Kind, Privacy},
    error::Result,
};

/// An action that has ended and whose rows are not all gone.
#[derive(Clone, Debug)]
pub struct OpenEnd {
    /// The action.
    pub action: Uuid,
    /// Its kind.
    pub kind: Kind,
    /// The vault of its people.
    pub vault: Uuid,
    /// Whether the vault is its own.
    pub privacy: Privacy,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
}

/// Ends an action: what was public is `ended`, another one `archived`. False when it had ended before. The caller holds
/// the action's lock.
pub(crate) async fn insert_end(conn: &mut PgConnection, action: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let ended = sqlx::query!(
        "WITH new AS (
             INSERT INTO action_ends (action_id, ended_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING action_id
         )
         UPDATE actions a SET state = CASE WHEN a.state IN ('draft', 'archived') THEN 'archived' ELSE 'ended' END
         FROM new WHERE a.id = new.action_id",
        action,
        now
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// The actions whose ids have these hashes (SHA-256), and whose data has not ended.
pub(crate) async fn not_ended_by_hash(conn: &mut PgConnection, hashes: &[Vec<u8>]) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM actions a WHERE sha256(uuid_send(id)) = ANY ($1) AND NOT EXISTS (SELECT FROM action_ends e WHERE e.action_id = a.id)",
        hashes
    )
    .fetch_all(conn)
    .await?)
}

/// Actions of an organization, or of all, whose last day may be over: theirs is at most tomorrow (UTC), or their vault was
/// destroyed. The day of a standard action without a chosen one is reckoned coarsely; the caller looks at each.
///
/// Reads what is old enough only: no such action ends before its months have passed since it was created, or since the end of
/// an event that was over by then.
pub(crate) async fn maybe_due(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    today: NaiveDate,
) -> Result<Vec<Uuid>> {
    let last = today + TimeDelta::days(2);
    let mut due = sqlx::query_scalar!(
        r#"SELECT a.id AS "id!" FROM vaults v JOIN actions a ON a.vault_id = v.id
           WHERE v.kind = 'protected' AND (v.destroyed_at IS NOT NULL OR v.destroy_after <= $1)
             AND ($2::uuid IS NULL OR a.organization_id = $2)
             AND NOT EXISTS (SELECT FROM action_ends e WHERE e.action_id = a.id)
           UNION
           SELECT a.id FROM actions a
           WHERE a.destroy_after <= $1 AND ($2::uuid IS NULL OR a.organization_id = $2)
             AND NOT EXISTS (SELECT FROM action_ends e WHERE e.action_id = a.id)"#,
        last,
        organization
    )
    .fetch_all(&mut *conn)
    .await?;
    let organizations = sqlx::query!(
        "SELECT id, retention_months FROM organizations WHERE $1::uuid IS NULL OR id = $1 ORDER BY id",
        organization
    )
    .fetch_all(&mut *conn)
    .await?;
    for organization in organizations {
        let over_by = last - Months::new(organization.retention_months.unsigned_abs().into());
        let old = sqlx::query_scalar!(
            "SELECT a.id FROM actions a JOIN vaults v ON v.id = a.vault_id
             WHERE a.organization_id = $1 AND (a.created_at < $2::date + 1 OR a.ends_at < $2::date + 1)
               AND v.destroy_after IS NULL AND a.destroy_after IS NULL
               AND CASE a.state WHEN 'published' THEN coalesce(a.ends_at, a.closes_at)
                                WHEN 'draft' THEN greatest(a.ends_at, a.closes_at, a.modified_at)
                                ELSE greatest(a.ends_at, a.closes_at, coalesce(
                                    (SELECT max(c.created_at) FROM action_state_changes c WHERE c.action_id = a.id), a.created_at)) END
                   < $2::date + 1
               AND NOT EXISTS (SELECT FROM action_ends e WHERE e.action_id = a.id)",
            organization.id,
            over_by
        )
        .fetch_all(&mut *conn)
        .await?;
        due.extend(old);
    }
    due.sort_unstable();
    due.dedup();
    Ok(due)
}

/// Has the vault of an action been destroyed?
pub(crate) async fn is_vault_destroyed(conn: &mut PgConnection, vault: Uuid) -> Result<bool> {
    let row = sqlx::query_scalar!(r#"SELECT destroyed_at IS NOT NULL AS "gone!" FROM vaults WHERE id = $1"#, vault);
    Ok(row.fetch_one(conn).await?)
}

/// The ends whose rows are not all gone.
pub async fn open_ends(conn: &mut PgConnection) -> Result<Vec<OpenEnd>> {
    Ok(sqlx::query_as!(
        OpenEnd,
        r#"SELECT e.action_id AS action, a.kind AS "kind: Kind", a.vault_id AS vault, a.privacy AS "privacy: Privacy", e.ended_at
           FROM action_ends e JOIN actions a ON a.id = e.action_id WHERE e.rows_gone_at IS NULL ORDER BY e.action_id"#
    )
    .fetch_all(conn)
    .await?)
}

/// Closes an end: no row is left. Counts of few are removed, since they might tell of somebody; totals and what became of
/// letters stay.
pub async fn close_end(conn: &mut PgConnection, action: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("UPDATE action_ends SET rows_gone_at = $2 WHERE action_id = $1", action, now)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "DELETE FROM action_counts WHERE action_id = $1 AND dimension NOT IN ('total', 'state') AND value < 10",
        action
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Number of ends of an organization, or of all, that began before a time and are not complete.
pub(crate) async fn unfinished_since(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    before: DateTime<Utc>,
) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM action_ends e JOIN actions a ON a.id = e.action_id
           WHERE e.rows_gone_at IS NULL AND e.ended_at < $2 AND ($1::uuid IS NULL OR a.organization_id = $1)"#,
        organization,
        before
    )
    .fetch_one(conn)
    .await?)
}

/// Months after which the data of an organization's standard actions ends.
pub(crate) async fn retention_months(conn: &mut PgConnection, organization: Uuid) -> Result<i16> {
    Ok(sqlx::query_scalar!("SELECT retention_months FROM organizations WHERE id = $1", organization)
        .fetch_one(conn)
        .await?)
}

/// Changes them.
pub(crate) async fn set_retention_months(conn: &mut PgConnection, organization: Uuid, months: i16) -> Result<()> {
    sqlx::query!("UPDATE organizations SET retention_months = $2 WHERE id = $1", organization, months)
        .execute(conn)
        .await?;
    Ok(())
}

/// The protected actions that have not ended, of one organization or of all.
pub async fn protected_actions(conn: &mut PgConnection, organization: Option<&str>) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT a.id FROM actions a JOIN organizations o ON o.id = a.organization_id
         WHERE a.privacy = 'protected' AND ($1::text IS NULL OR o.slug = $1)
           AND NOT EXISTS (SELECT FROM action_ends e WHERE e.action_id = a.id)
         ORDER BY a.id",
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// The actions with a slug, of whatever kind and organization.
pub async fn by_slug(conn: &mut PgConnection, slug: &str) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM actions WHERE slug = $1 ORDER BY id", slug).fetch_all(conn).await?)
}

/// Does an organization have this slug?
pub async fn organization_exists(conn: &mut PgConnection, slug: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM organizations WHERE slug = $1) AS "there!""#, slug)
        .fetch_one(conn)
        .await?)
}

/// The newest actions of an organization that have not ended.
pub(crate) async fn not_ended(conn: &mut PgConnection, organization: Uuid, most: i64) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT a.id FROM actions a
         WHERE a.organization_id = $1 AND NOT EXISTS (SELECT FROM action_ends e WHERE e.action_id = a.id)
         ORDER BY a.created_at DESC, a.id LIMIT $2",
        organization,
        most
    )
    .fetch_all(conn)
    .await?)
}
