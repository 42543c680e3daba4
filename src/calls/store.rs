//! All SQL of calls, and what stands around it to create an action.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::state::{CallResult, CallState};
use crate::{
    actions::submission::{SubmissionHeader, WrittenSubmission},
    campaigns::{self, Action, Kind, NewAction, State},
    error::Result,
    kernel::{
        Kernel,
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue},
        paging::{Extent, PageParams},
    },
    letters::{self, OfficePhone, Target},
};

/// Fields of `filter` in the list of call actions.
pub(super) const ACTION_FIELDS: FieldSet = FieldSet(&[
    campaigns::IDENTIFIER_FIELD,
    Field { name: "title", column_sql: "a.title", kind: FieldKind::Text },
    Field { name: "muster:slug", column_sql: "a.slug", kind: FieldKind::Text },
    Field { name: "muster:status", column_sql: "a.state", kind: FieldKind::Enum(State::NAMES) },
    Field { name: "created_date", column_sql: "a.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "a.modified_at", kind: FieldKind::Timestamp },
]);

/// Fields of `filter` in the list of calls.
pub(super) const CALL_FIELDS: FieldSet = FieldSet(&[
    Field {
        name: "identifier",
        column_sql: "c.id",
        kind: FieldKind::Identifiers("submission_labels i WHERE i.submission_id = c.id AND i.label_index"),
    },
    Field { name: "created_date", column_sql: "c.created_at", kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "c.state", kind: FieldKind::Enum(CallState::LISTED_NAMES) },
    Field { name: "muster:outcome", column_sql: "c.outcome", kind: FieldKind::Enum(CallResult::NAMES) },
    Field { name: "muster:office", column_sql: "f.slug", kind: FieldKind::Text },
    Field { name: "muster:source", column_sql: "c.source", kind: FieldKind::Text },
    Field { name: "email_address", column_sql: "c.person_id", kind: FieldKind::Virtual },
]);

/// An office to call.
#[derive(Clone, Debug)]
pub struct CallTarget {
    /// The office, with its holder today.
    pub office: Target,
    /// Its number and hours.
    pub phone: OfficePhone,
}

/// A call action with what all actions share.
#[derive(Clone, Debug)]
pub struct CallAction {
    /// The shared part.
    pub action: Action,
    /// What to say, in the action's own language (Markdown).
    pub script: String,
    /// Whom to call, in order.
    pub targets: Vec<CallTarget>,
}

impl AsRef<Action> for CallAction {
    fn as_ref(&self) -> &Action {
        &self.action
    }
}

/// Offices as targets of calls, in this order; those that exist.
pub(super) async fn targets(conn: &mut PgConnection, ids: &[Uuid], today: NaiveDate) -> Result<Vec<CallTarget>> {
    let mut offices = letters::targets(conn, ids, today).await?;
    let mut phones = letters::office_phones(conn, ids).await?;
    offices.sort_by_key(|office| ids.iter().position(|id| *id == office.office_id));
    let with_phone =
        |office: Target| CallTarget { phone: phones.remove(&office.office_id).unwrap_or_default(), office };
    Ok(offices.into_iter().map(with_phone).collect())
}

/// The call action of an action, with the holders of `today`.
///
/// # Errors
/// `not_found`.
pub(super) async fn load(conn: &mut PgConnection, action: Action, today: NaiveDate) -> Result<CallAction> {
    let row = sqlx::query!(
        r#"SELECT script, ARRAY(SELECT t.office_id FROM call_targets t WHERE t.call_action_id = c.id ORDER BY t.position) AS "offices!"
           FROM call_actions c WHERE id = $1"#,
        action.id
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok(CallAction { action, script: row.script, targets: targets(conn, &row.offices, today).await? })
}

/// One page of an organization's call actions (all public ones for `None`), newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(super) async fn list(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    filter: Option<&Filter>,
    page: &PageParams,
    today: NaiveDate,
) -> Result<(Vec<CallAction>, Extent)> {
    let filtered = "actions a JOIN call_actions k ON k.id = a.id";
    let (actions, extent) = campaigns::page_of_actions(conn, Kind::Call, filtered, organization, filter, page).await?;
    let mut rows = Vec::with_capacity(actions.len());
    for action in actions {
        rows.push(load(conn, action, today).await?);
    }
    Ok((rows, extent))
}

/// Creates a call action with id `id`.
///
/// # Errors
/// 422 naming the field.
pub async fn create_call_action(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    shared: &NewAction,
    script: &str,
    targets: &[String],
) -> Result<()> {
    campaigns::create_action(conn, kernel, organization, id, shared).await?;
    sqlx::query!("INSERT INTO call_actions (id, script) VALUES ($1, $2)", id, script).execute(&mut *conn).await?;
    let offices = letters::resolve_offices(conn, kernel, organization, targets).await?;
    set_targets(conn, id, &offices).await
}

pub(super) async fn set_script(conn: &mut PgConnection, id: Uuid, script: &str) -> Result<()> {
    sqlx::query!("UPDATE call_actions SET script = $2 WHERE id = $1", id, script).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_targets(conn: &mut PgConnection, id: Uuid, offices: &[Uuid]) -> Result<()> {
    sqlx::query!("DELETE FROM call_targets WHERE call_action_id = $1", id).execute(&mut *conn).await?;
    sqlx::query!(
        "INSERT INTO call_targets (call_action_id, office_id, position)
         SELECT $1, u.office_id, (u.n - 1)::smallint FROM unnest($2::uuid[]) WITH ORDINALITY u (office_id, n)",
        id,
        offices
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A row of `calls`.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in migrations/0002_calls.sql")]
pub struct CallRow {
    pub id: Uuid,
    pub call_action_id: Uuid,
    pub person_id: Uuid,
    pub office_id: Uuid,
    pub state: CallState,
    pub outcome: CallResult,
    pub sealed: Option<Vec<u8>>,
    pub locale: Option<String>,
    pub source: Option<String>,
    pub link_generation: i16,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub counted_at: Option<DateTime<Utc>>,
}

/// A call to be written: the composite type `call_submission`.
#[derive(Clone, Debug, sqlx::Type)]
#[sqlx(type_name = "call_submission")]
#[expect(missing_docs, reason = "described in migrations/0002_calls.sql")]
pub struct CallSubmission {
    pub header: SubmissionHeader,
    pub office_id: Uuid,
    pub outcome: CallResult,
}

/// Writes a batch of calls (`submit_calls` in the migrations).
///
/// # Errors
/// A database error: nothing of the batch was written.
pub(super) async fn submit(db: &PgPool, acts: &[CallSubmission]) -> Result<Vec<WrittenSubmission>, sqlx::Error> {
    sqlx::query_as("SELECT submission_id, row_id, person_id, outcome FROM submit_calls($1)")
        .bind(acts)
        .fetch_all(db)
        .await
}

/// Counts pending calls of people who are locked, each in the place of an earlier one to the same office.
pub(super) async fn count(conn: &mut PgConnection, calls: &[Uuid], at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("SELECT count_calls($1, $2)", calls, at).fetch_one(conn).await?;
    Ok(())
}

/// Withdraws a call that counts.
pub(super) async fn withdraw(conn: &mut PgConnection, call: Uuid, at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT add_to_call_counts(ARRAY[$1::uuid], -1)", call).execute(&mut *conn).await?;
    sqlx::query!("UPDATE calls SET state = 'withdrawn', ended_at = $2, sealed = NULL WHERE id = $1", call, at)
        .execute(conn)
        .await?;
    Ok(())
}

/// How many calls count by office and by outcome: dimension, key, number.
pub(super) async fn counts(conn: &mut PgConnection, action: Uuid) -> Result<Vec<(String, String, i64)>> {
    let rows = sqlx::query!(
        r#"SELECT dimension AS "dimension!", key AS "key!", sum(n)::bigint AS "n!"
           FROM (SELECT dimension, key, value AS n FROM action_counts WHERE action_id = $1 AND dimension IN ('office', 'outcome')
                 UNION ALL SELECT dimension, key, delta FROM action_count_deltas WHERE action_id = $1 AND dimension IN ('office', 'outcome')) c
           GROUP BY 1, 2"#,
        action
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.dimension, row.key, row.n)).collect())
}

/// Indexes that filters on the calls of an action can use.
const INDEXES: &[Index] = &[
    Index::equal("c.id"),
    Index::equal("c.person_id"),
    Index::values("c.state", &[CallState::Replaced.as_str(), CallState::Withdrawn.as_str()]),
    Index::ordered("c.created_at"),
];

/// One page of ids of an action's calls that are confirmed, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(super) async fn page(
    conn: &mut PgConnection,
    action: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<Uuid>, Extent)> {
    let list = KeysetList {
        table: "calls c",
        filtered: "calls c JOIN offices f ON f.id = c.office_id",
        key: &[KeyColumn { sql: "c.id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: INDEXES,
        scope: &[("c.call_action_id", ScopeValue::Id(action))],
        extra_condition: "c.state <> 'pending'",
    };
    list.page(conn, filter, page).await
}
