//! SQL over the tables of submissions, which have columns in common, by the names that a kind gives: a kind whose rows need
//! nothing else takes these statements as they are ([`SubmissionKind`]'s provided methods).

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, postgres::PgRow};
use uuid::Uuid;

use super::{
    kind::{SubmissionKey, SubmissionKind},
    mail::DueReminder,
};
use crate::error::Result;

/// A statement with the names of a kind: `{table}`, `{action}` (its column with the action), `{effective}` (the state of what
/// stands). They are constants of ours.
pub(super) fn statement<K: SubmissionKind>(sql: &str) -> AssertSqlSafe<String> {
    let sql = sql.replace("{table}", K::TABLE).replace("{action}", K::ACTION_COLUMN);
    AssertSqlSafe(sql.replace("{effective}", K::EFFECTIVE_STATE))
}

/// The submissions with these ids that exist, in no order.
pub async fn rows<K: SubmissionKind<Row = R>, R>(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<R>>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    Ok(sqlx::query_as(statement::<K>("SELECT * FROM {table} WHERE id = ANY ($1)")).bind(ids).fetch_all(conn).await?)
}

/// The same, locked, in the order of their ids. The caller holds the locks of their people.
pub async fn lock_rows<K: SubmissionKind<Row = R>, R>(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<R>, sqlx::Error>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let sql = "SELECT * FROM {table} WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    sqlx::query_as(statement::<K>(sql)).bind(ids).fetch_all(conn).await
}

pub(super) async fn keys<K: SubmissionKind>(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<SubmissionKey>, sqlx::Error> {
    let sql = "SELECT id, person_id, link_generation FROM {table} WHERE id = ANY ($1)";
    sqlx::query_as(statement::<K>(sql)).bind(ids).fetch_all(conn).await
}

pub(super) async fn by_address<K: SubmissionKind>(
    conn: &mut PgConnection,
    action: Uuid,
    vault: Uuid,
    email_index: &[u8],
) -> Result<Vec<SubmissionKey>> {
    let sql = "SELECT s.id, s.person_id, s.link_generation FROM people p JOIN {table} s ON s.person_id = p.id
               WHERE p.vault_id = $1 AND p.email_index = $2 AND s.{action} = $3 AND s.state IN ('pending', '{effective}')
               ORDER BY s.attempt DESC LIMIT 201";
    let query = sqlx::query_as(statement::<K>(sql)).bind(vault).bind(email_index).bind(action);
    Ok(query.fetch_all(conn).await?)
}

pub(super) async fn of_person<K: SubmissionKind>(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
    let sql = statement::<K>("SELECT id FROM {table} WHERE person_id = $1");
    Ok(sqlx::query_scalar(sql).bind(person).fetch_all(conn).await?)
}

pub(super) async fn void_links<K: SubmissionKind>(
    conn: &mut PgConnection,
    person: Uuid,
    before: DateTime<Utc>,
) -> Result<()> {
    let sql = "UPDATE {table} SET link_generation = least(link_generation + 1, 32767)
               WHERE person_id = $1 AND state <> 'pending' AND created_at < $2";
    sqlx::query(statement::<K>(sql)).bind(person).bind(before).execute(conn).await?;
    Ok(())
}

pub(super) async fn delete_pending<K: SubmissionKind>(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    let sql = statement::<K>("DELETE FROM {table} WHERE id = $1 AND state = 'pending'");
    sqlx::query(sql).bind(id).execute(conn).await?;
    Ok(())
}

pub(super) async fn replace_sealed<K: SubmissionKind>(
    conn: &mut PgConnection,
    id: Uuid,
    sealed: &[u8],
) -> Result<bool> {
    let sql = statement::<K>("UPDATE {table} SET sealed = $2 WHERE id = $1 AND sealed IS NOT NULL");
    Ok(sqlx::query(sql).bind(id).bind(sealed).execute(conn).await?.rows_affected() == 1)
}

/// Deletes the submissions of a person; those that count stay in the totals. The caller holds the locks of the submissions and
/// of their actions.
pub(super) async fn delete_of_person<K: SubmissionKind>(conn: &mut PgConnection, person: Uuid) -> Result<()> {
    let sql = "UPDATE actions a SET erased_count = a.erased_count + c.n
               FROM (SELECT {action} AS id, count(*) AS n FROM {table} WHERE person_id = $1 AND state = '{effective}' GROUP BY 1) c
               WHERE a.id = c.id";
    sqlx::query(statement::<K>(sql)).bind(person).execute(&mut *conn).await?;
    sqlx::query(statement::<K>("DELETE FROM {table} WHERE person_id = $1")).bind(person).execute(conn).await?;
    Ok(())
}

/// A pending submission whose reminder is due.
#[derive(FromRow)]
struct DueRow {
    id: Uuid,
    organization_id: Uuid,
    protected: bool,
    remind: bool,
}

pub(super) async fn take_due_reminders<K: SubmissionKind>(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(u64, Vec<DueReminder>)> {
    let sql = "WITH due AS (
                   SELECT s.id, s.{action} AS action_id, s.person_id, s.attempt FROM {table} s
                   WHERE s.state = 'pending' AND NOT s.reminded AND s.created_at < $1 AND s.confirm_expires_at > $2
                   ORDER BY s.created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
               ), marked AS (
                   UPDATE {table} s SET reminded = true FROM due WHERE s.id = due.id
               )
               SELECT d.id, a.organization_id, a.privacy = 'protected' AS protected,
                      a.state = 'published'
                      AND NOT EXISTS (SELECT FROM {table} o WHERE o.person_id = d.person_id AND o.{action} = d.action_id
                                      AND (o.state = '{effective}' OR (o.state = 'pending' AND (o.attempt > d.attempt OR o.reminded)))) AS remind
               FROM due d JOIN actions a ON a.id = d.action_id";
    let looked: Vec<DueRow> = sqlx::query_as(statement::<K>(sql)).bind(before).bind(now).fetch_all(conn).await?;
    let due = looked.iter().filter(|row| row.remind);
    let due =
        due.map(|row| DueReminder { submission: row.id, organization: row.organization_id, protected: row.protected });
    Ok((looked.len() as u64, due.collect()))
}
