//! The end of an action's data: on its last day, or at once by an organizer. What can still be done afterwards is refused
//! ([`Action::require_not_ended`]); the rows are deleted by the job in `actions::retention`.
//!
//! The keys of a protected action's vault are destroyed in the transaction of the end, and leave the hosts' files a moment
//! later, so that no backup opens either, whatever the rows need. See docs/adr/0016-retention.md.

use std::sync::Arc;

use axum::{Json, extract::State as HandlerState, http::StatusCode, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    Campaigns,
    action::{Action, Kind, State},
    store,
};
use crate::{
    error::{Error, Result},
    kernel::{Kernel, http_cache::private_json, patch::NewBody, table_sweep, vault::Vault},
    organizers::{Actor, Scope, audit, audit_by_service},
    people::{self, PersonRecord, PersonRecords},
};

/// Time after which an end that was not begun, or not completed, is overdue.
const OVERDUE_AFTER: TimeDelta = TimeDelta::hours(24);
/// Time after the last day by which its end must have begun.
const BEGUN_WITHIN: TimeDelta = TimeDelta::hours(1);
/// How far the dashboard looks ahead.
const AHEAD: TimeDelta = TimeDelta::days(30);

/// Ends the data of an action, whose row is locked: nobody can take part any more; protected: the keys of its vault are
/// destroyed. False when it had ended before.
pub async fn end_action(
    conn: &mut PgConnection,
    kernel: &Kernel,
    action: &Action,
    organizer: Option<Uuid>,
) -> Result<bool> {
    let now = kernel.env.now();
    if !store::insert_end(conn, action.id, now).await? {
        return Ok(false);
    }
    people::record_erasure(kernel, conn, action.id).await?;
    let state = if action.state.is_public() { State::Ended } else { State::Archived };
    if state != action.state {
        store::log_state(conn, &kernel.env, action.id, state, "", organizer).await?;
    }
    if action.protected {
        kernel.vaults.destroy(conn, action.vault_id).await?;
    }
    Ok(true)
}

/// Ends the data of an action now, by decision of an organizer.
///
/// # Errors
/// `action_ended` when it had ended before.
pub async fn destroy_now(kernel: &Kernel, actor: &Actor, kind: Kind, id: Uuid) -> Result<()> {
    let mut tx = kernel.db.begin().await?;
    let action = super::find_to_change(&mut tx, kind, &id.to_string(), actor).await?;
    end_action(&mut tx, kernel, &action, Some(actor.organizer_id)).await?;
    let verb = format!("{}.destroy", kind.as_str());
    audit(&mut tx, &kernel.env, actor, &verb, Some(id), json!({"protected": action.protected})).await?;
    tx.commit().await?;
    remove_keys(kernel).await;
    Ok(())
}

/// Ends the data of an action by the service itself, or by the command line. False when it had ended before.
///
/// # Errors
/// `not_found`.
pub async fn destroy_by_service(kernel: &Kernel, id: Uuid, verb: &str) -> Result<bool> {
    let mut tx = kernel.work.begin().await?;
    store::lock(&mut tx, id).await?;
    let action = store::by_id(&mut tx, id).await?;
    let has_ended = end_action(&mut tx, kernel, &action, None).await?;
    if has_ended {
        let verb = format!("{}.{verb}", action.kind.as_str());
        let detail = json!({"protected": action.protected});
        audit_by_service(&mut tx, &kernel.env, action.organization_id, &verb, Some(id), detail).await?;
    }
    tx.commit().await?;
    Ok(has_ended)
}

/// The ends of actions as records: nothing that a person could be shown, but they are made again in a database that is put back.
pub(super) struct EndRecords(pub(super) Arc<Kernel>);

impl PersonRecords for EndRecords {
    fn name(&self) -> &'static str {
        "ends"
    }

    fn label(&self) -> Option<&'static str> {
        None
    }

    fn is_shown(&self) -> bool {
        false
    }

    fn read<'a>(&'a self, _: &'a mut PgConnection, _: &'a Vault, _: Uuid) -> BoxFuture<'a, Result<Vec<PersonRecord>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn row_ids<'a>(&'a self, _: &'a mut PgConnection, _: Uuid) -> BoxFuture<'a, Result<Vec<Uuid>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn end_again<'a>(&'a self, hashes: &'a [Vec<u8>]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let kernel = &self.0;
            let actions = store::not_ended_by_hash(&mut *kernel.work.acquire().await?, hashes).await?;
            for id in &actions {
                destroy_by_service(kernel, *id, "end").await?;
            }
            if !actions.is_empty() {
                remove_keys(kernel).await;
            }
            Ok(actions.len())
        })
    }

    fn erase<'a>(&'a self, _: &'a mut PgConnection, _: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Removes the keys of destroyed vaults from this host's files at once. If that fails, every process tries again each 20
/// seconds (`muster_keyring_destroyed_keys_present`).
pub async fn remove_keys(kernel: &Kernel) {
    if let Err(error) = kernel.vaults.prune().await {
        tracing::warn!(event = "retention.keys_remain", %error, "keys of ended actions are not removed yet; retried");
    }
}

/// Ends the actions whose last day is over in their time zones. One that fails is logged, and does not stop the others.
/// Returns how many ended.
///
/// # Errors
/// `unavailable` during an outage.
pub(super) async fn end_due(kernel: &Kernel, now: DateTime<Utc>) -> Result<u64> {
    let mut ended = 0;
    for id in due(kernel, now).await? {
        match destroy_by_service(kernel, id, "end").await {
            Ok(true) => ended += 1,
            Ok(false) => {}
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                tracing::error!(event = "retention.end_failed", action = %id, %error, "an action's data could not be ended");
            }
        }
    }
    if ended > 0 {
        remove_keys(kernel).await;
        tracing::info!(
            event = "retention.ended",
            actions = ended,
            "the data of actions whose last day is over has ended"
        );
    }
    report(&mut *kernel.work.acquire().await?, now).await?;
    Ok(ended)
}

/// Actions whose last day is over, or whose vault was destroyed.
async fn due(kernel: &Kernel, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    let mut conn = kernel.work.acquire().await?;
    let maybe = store::maybe_due(&mut conn, None, now.date_naive()).await?;
    let mut due = Vec::new();
    for action in store::by_ids(&mut conn, &maybe).await? {
        let is_due = action.is_past_last_day(now)
            || (action.protected && store::is_vault_destroyed(&mut conn, action.vault_id).await?);
        if is_due {
            due.push(action.id);
        }
    }
    Ok(due)
}

/// How retention stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RetentionStatus {
    /// Actions whose last day is within the next 30 days.
    pub ahead: i64,
    /// Ends that are late: not begun an hour after the last day, or not complete a day after they began.
    pub overdue: i64,
}

/// How retention stands for an organization, or for all.
pub async fn retention_status(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<RetentionStatus> {
    status_until(conn, organization, now, now + AHEAD).await
}

/// How retention stands, reading no action whose last day is later than `end`.
async fn status_until(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    now: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Result<RetentionStatus> {
    let maybe = store::maybe_due(conn, organization, end.date_naive()).await?;
    let mut status = RetentionStatus { ahead: 0, overdue: 0 };
    for action in store::by_ids(conn, &maybe).await? {
        if action.is_past_last_day(now - BEGUN_WITHIN) {
            status.overdue += 1;
        } else if action.is_past_last_day(end) {
            status.ahead += 1;
        }
    }
    status.overdue += store::unfinished_since(conn, organization, now - OVERDUE_AFTER).await?;
    Ok(status)
}

/// Most actions that [`next_ends`] gives.
const MAX_NEXT_ENDS: i64 = 200;

/// Actions of an organization that have not ended, the soonest last day first, those without one at the end.
pub async fn next_ends(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<Action>> {
    let ids = store::not_ended(conn, organization, MAX_NEXT_ENDS).await?;
    let mut actions = store::by_ids(conn, &ids).await?;
    actions.sort_by_key(|action| (action.destroy_after.is_none(), action.destroy_after));
    Ok(actions)
}

/// Sets `muster_retention_overdue`.
#[expect(clippy::cast_precision_loss, reason = "a gauge")]
async fn report(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    let overdue = status_until(conn, None, now, now).await?.overdue;
    let tables = table_sweep::waiting_since(conn, now - OVERDUE_AFTER).await?;
    metrics::gauge!("muster_retention_overdue").set((overdue + tables) as f64);
    Ok(())
}

/// Routes of retention.
pub(super) fn router() -> OpenApiRouter<Campaigns> {
    OpenApiRouter::new().routes(routes!(get_retention, update_retention))
}

/// How long personal data is kept, and what ends soon.
#[derive(Debug, Serialize, ToSchema)]
struct RetentionResource {
    /// Months from the end of a standard action to the end of its data, unless a last day is set for the action.
    #[serde(rename = "muster:retention_months")]
    months: i16,
    /// Actions whose last day is within the next 30 days.
    #[serde(rename = "muster:ends_ahead")]
    ends_ahead: i64,
    /// Ends that are late; anything but 0 needs an operator.
    #[serde(rename = "muster:ends_overdue")]
    ends_overdue: i64,
}

async fn resource(kernel: &Arc<Kernel>, conn: &mut PgConnection, actor: &Actor) -> Result<RetentionResource> {
    let status = retention_status(conn, Some(actor.organization_id), kernel.env.now()).await?;
    Ok(RetentionResource {
        months: store::retention_months(conn, actor.organization_id).await?,
        ends_ahead: status.ahead,
        ends_overdue: status.overdue,
    })
}

/// How long personal data of the organization's actions is kept, and how many of them end soon.
#[utoipa::path(
    get,
    path = "/api/v1/retention",
    tag = "retention",
    responses((status = 200, description = "Retention", body = RetentionResource), (status = 401), (status = 403)),
)]
async fn get_retention(HandlerState(campaigns): HandlerState<Campaigns>, actor: Actor) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let kernel = &campaigns.kernel;
    let shown = resource(kernel, &mut *kernel.db.acquire().await?, &actor).await?;
    Ok(private_json(StatusCode::OK, &shown))
}

/// A change of how long personal data is kept.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = RetentionDocument)]
struct RetentionBody {
    /// From 1 to 120.
    #[serde(rename = "muster:retention_months")]
    #[validate(range(min = 1, max = 120))]
    muster_retention_months: i16,
}

/// Changes how long personal data of standard actions is kept after their end. Owners only. Actions whose last day is over
/// by the new number end at once.
#[utoipa::path(
    put,
    path = "/api/v1/retention",
    tag = "retention",
    request_body = RetentionBody,
    responses((status = 200, description = "Changed", body = RetentionResource), (status = 401), (status = 403), (status = 422)),
)]
async fn update_retention(
    HandlerState(campaigns): HandlerState<Campaigns>,
    actor: Actor,
    body: NewBody<RetentionBody>,
) -> Result<Json<RetentionResource>> {
    actor.require(Scope::ActionsWrite)?;
    actor.require_owner()?;
    let body: RetentionBody = body.part()?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    store::set_retention_months(&mut tx, actor.organization_id, body.muster_retention_months).await?;
    let detail = json!({"months": body.muster_retention_months});
    audit(&mut tx, &kernel.env, &actor, "retention.change", None, detail).await?;
    let changed = resource(kernel, &mut tx, &actor).await?;
    tx.commit().await?;
    Ok(Json(changed))
}
