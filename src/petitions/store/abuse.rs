//! Limits, allowances and signals.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, PgPool, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    campaigns::MIN_TOTAL_FOR_BREAKDOWN,
    error::Result,
    kernel::{
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        network::Network,
        paging::{Extent, PageParams},
    },
    petitions::abuse::{AbuseLimits, AbuseSettings, BurstSync, hour_of},
};

/// An organization's limits.
pub(crate) async fn limits(conn: &mut PgConnection, organization: Uuid) -> Result<AbuseLimits> {
    let limits = sqlx::query_scalar!(
        r#"SELECT abuse_settings AS "abuse_settings: Json<AbuseLimits>" FROM organizations WHERE id = $1"#,
        organization
    )
    .fetch_one(conn)
    .await?;
    Ok(limits.0)
}

/// An organization's limits and allowances. A value that this version cannot read allows nothing.
pub(crate) async fn load(conn: &mut PgConnection, organization: Uuid) -> Result<AbuseSettings> {
    let mut known = AbuseSettings { limits: limits(conn, organization).await?, ..AbuseSettings::default() };
    for allowance in allowances(conn, organization).await? {
        match allowance.kind {
            AllowanceKind::Network => known.networks.extend(allowance.value.parse::<Network>().ok()),
            AllowanceKind::Domain => known.domains.push(allowance.value),
        }
    }
    Ok(known)
}

/// Writes an organization's limits. Breakdowns that were paused until now are published on the next tick.
pub(crate) async fn save_limits(conn: &mut PgConnection, organization: Uuid, limits: &AbuseLimits) -> Result<()> {
    sqlx::query!("UPDATE organizations SET abuse_settings = $2 WHERE id = $1", organization, Json(limits) as _)
        .execute(&mut *conn)
        .await?;
    if !limits.breakdowns_paused {
        sqlx::query!(
            "INSERT INTO count_moves (action_id)
             SELECT id FROM actions WHERE organization_id = $1 AND kind = 'petition' AND published_count >= $2 ORDER BY id
             ON CONFLICT DO NOTHING",
            organization,
            MIN_TOTAL_FOR_BREAKDOWN
        )
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// What an allowance names: `allowances.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AllowanceKind {
    /// A network (CIDR).
    Network,
    /// A mail domain.
    Domain,
}

crate::kernel::text_enum!(AllowanceKind);

/// A place where many sign at once.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    /// Its row.
    pub id: Uuid,
    /// What it is.
    pub kind: AllowanceKind,
    /// The network (CIDR) or the domain.
    pub value: String,
    /// What place it is.
    pub note: String,
}

/// All of an organization's allowances.
async fn allowances(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<Allowance>> {
    Ok(sqlx::query_as!(
        Allowance,
        r#"SELECT id, kind AS "kind: AllowanceKind", value, note FROM allowances WHERE organization_id = $1 ORDER BY kind, value"#,
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// One page of an organization's allowances, by kind and value.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn page_of_allowances(
    conn: &mut PgConnection,
    organization: Uuid,
    page: &PageParams,
) -> Result<(Vec<Allowance>, Extent)> {
    // the index over kind and value leads to the id
    let key = &[
        KeyColumn { sql: "a.kind", kind: KeyKind::Text },
        KeyColumn { sql: "a.value", kind: KeyKind::Text },
        KeyColumn { sql: "a.id", kind: KeyKind::Uuid },
    ];
    let scope = [("a.organization_id", ScopeValue::Id(organization))];
    let list = KeysetList { is_ascending: true, ..KeysetList::new("allowances a", key, &scope) };
    let (ids, extent) = list.page(conn, None, page).await?;
    let rows = sqlx::query_as!(
        Allowance,
        r#"SELECT id, kind AS "kind: AllowanceKind", value, note FROM allowances WHERE id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Adds an allowance; one that is there gets the new note.
pub(crate) async fn upsert_allowance(
    conn: &mut PgConnection,
    organization: Uuid,
    new: &Allowance,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO allowances (id, organization_id, kind, value, note, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (organization_id, kind, value) DO UPDATE SET note = excluded.note",
        new.id,
        organization,
        new.kind.as_str(),
        new.value,
        new.note,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes an allowance. False: there was none.
pub(crate) async fn delete_allowance(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query!("DELETE FROM allowances WHERE organization_id = $1 AND id = $2", organization, id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes signals from before a moment, some at a time. Returns how many.
pub(crate) async fn delete_old_signals(db: &PgPool, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM signature_signals WHERE signature_id IN (SELECT signature_id FROM signature_signals WHERE created_at < $1 LIMIT 10000)",
        before
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Writes down how many acts a process took under some tags in an hour, and reads what the others took under these.
pub(crate) async fn sync_bursts(db: &PgPool, sync: &BurstSync) -> Result<HashMap<[u8; 16], u64>> {
    let hour = hour_start(sync.hour);
    if !sync.reported.is_empty() {
        let (tags, acts): (Vec<&[u8]>, Vec<i64>) = sync.reported.iter().map(|(tag, n)| (tag.as_slice(), *n)).unzip();
        sqlx::query!(
            "INSERT INTO signature_bursts (hour, tag, process, acts)
             SELECT $1, u.tag, $2, u.acts FROM unnest($3::bytea[], $4::bigint[]) AS u (tag, acts)
             ON CONFLICT (hour, tag, process) DO UPDATE SET acts = EXCLUDED.acts",
            hour,
            sync.process,
            &tags as &[&[u8]],
            &acts
        )
        .execute(db)
        .await?;
    }
    let requested: Vec<&[u8]> = sync.requested.iter().map(<[u8; 16]>::as_slice).collect();
    let rows = sqlx::query!(
        r#"SELECT tag, sum(acts)::bigint AS "acts!" FROM signature_bursts
           WHERE hour = $1 AND tag = ANY($2) AND process <> $3 GROUP BY tag"#,
        hour,
        &requested as &[&[u8]],
        sync.process
    )
    .fetch_all(db)
    .await?;
    let known = rows.into_iter().filter_map(|row| Some((row.tag.try_into().ok()?, u64::try_from(row.acts).ok()?)));
    Ok(known.collect())
}

/// Deletes the counts of hours that are over, some at a time. Returns how many.
pub(crate) async fn delete_old_burst_counts(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM signature_bursts WHERE ctid IN (SELECT ctid FROM signature_bursts WHERE hour < $1 LIMIT 10000)",
        // a process whose clock is late may still be in the hour before
        hour_start(hour_of(now) - 1)
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

fn hour_start(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(hour * 3600, 0).unwrap_or_default()
}

/// The network tag of a signature, while it is kept.
pub(crate) async fn network_tag(conn: &mut PgConnection, petition: Uuid, signature: Uuid) -> Result<Option<Vec<u8>>> {
    let tag = sqlx::query_scalar!(
        "SELECT network_tag FROM signature_signals WHERE signature_id = $2 AND petition_id = $1",
        petition,
        signature
    )
    .fetch_optional(conn)
    .await?;
    Ok(tag.flatten())
}
