//! SQL of the recipients of broadcasts: freezing the audience, queueing their mails, delivery status, counts by state.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Broadcast;
use crate::{
    broadcasts::states::RecipientState,
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
        vault::Vault,
    },
};

/// Number of recipients by state.
pub(crate) async fn progress(conn: &mut PgConnection, id: Uuid) -> Result<BTreeMap<RecipientState, i64>> {
    let rows = sqlx::query!(
        r#"SELECT state AS "state: RecipientState", sum(delta)::bigint AS "n!" FROM broadcast_counts WHERE broadcast_id = $1 GROUP BY state HAVING sum(delta) <> 0"#,
        id
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.n)).collect())
}

/// Folds up to 5,000 rows of a broadcast's counts into one row for each state.
pub(crate) async fn fold_counts(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!(
        "WITH gone AS (
             DELETE FROM broadcast_counts WHERE id IN (SELECT c.id FROM broadcast_counts c WHERE c.broadcast_id = $1 ORDER BY c.id LIMIT 5000)
             RETURNING state, delta
         )
         INSERT INTO broadcast_counts (broadcast_id, state, delta) SELECT $1, state, sum(delta) FROM gone GROUP BY state HAVING sum(delta) <> 0",
        id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Fields by which recipients can be filtered.
pub(crate) const RECIPIENT_FIELDS: FieldSet =
    FieldSet(&[Field { name: "muster:state", column_sql: "state", kind: FieldKind::Enum(RecipientState::NAMES) }]);

/// Indexes that a filter of recipients can use.
const RECIPIENT_INDEXES: &[Index] = &[Index::equal("state")];

/// A page of a broadcast's recipients: person, and state of the mail.
///
/// # Errors
/// `invalid_parameter` for a page number that is too high to be looked up.
pub(crate) async fn recipients(
    conn: &mut PgConnection,
    broadcast: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<(Uuid, RecipientState)>, Extent)> {
    let list = KeysetList {
        table: "broadcast_recipients",
        filtered: "broadcast_recipients",
        key: &[KeyColumn { sql: "person_id", kind: KeyKind::Uuid }],
        is_ascending: true,
        indexes: RECIPIENT_INDEXES,
        scope: &[("broadcast_id", ScopeValue::Id(broadcast))],
        extra_condition: "",
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query!(
        r#"SELECT person_id, state AS "state: RecipientState" FROM broadcast_recipients
           WHERE broadcast_id = $1 AND person_id = ANY ($2)"#,
        broadcast,
        &ids
    )
    .fetch_all(conn)
    .await?;
    let rows = rows.into_iter().map(|row| (row.person_id, row.state)).collect();
    Ok((in_order(rows, &ids, |(person, _)| *person), extent))
}

/// Inserts the recipients in a range of people, within the database. After the last range (`up_to` is `None`) the
/// audience is frozen. It contains everybody who agreed before the broadcast began, since each range is examined
/// after that.
pub(crate) async fn freeze_audience(
    conn: &mut PgConnection,
    vault: &Vault,
    b: &Broadcast,
    up_to: Option<&[u8]>,
) -> Result<()> {
    let after = b.freeze_cursor.as_deref().unwrap_or_default();
    sqlx::query!(
        "WITH found AS (
             INSERT INTO broadcast_recipients (broadcast_id, person_id)
             SELECT $1, person FROM broadcast_audience($2, $3, $4, $5, $6, $7, $8, $9) AS person
             ON CONFLICT DO NOTHING RETURNING 1
         ), total AS (
             SELECT count(*) AS n FROM found
         ), counted AS (
             INSERT INTO broadcast_counts (broadcast_id, state, delta) SELECT $1, 'waiting', n FROM total WHERE n > 0
         )
         UPDATE broadcasts b SET freeze_cursor = $8, audience_frozen = $8::bytea IS NULL, recipients = b.recipients + t.n FROM total t WHERE b.id = $1",
        b.id,
        vault.id,
        &b.actions,
        &b.locales,
        &b.regions,
        &b.sources,
        after,
        up_to,
        &b.tag_indexes(vault)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Result of [`enqueue_window`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnqueuedWindow {
    /// Number of mails queued.
    pub queued: i64,
    /// Number of mails of the broadcast that were in the queue before, counted up to the window.
    pub there: i64,
}

/// Queues mails for the next waiting recipients, up to `window` mails of this broadcast in the queue.
pub(crate) async fn enqueue_window(
    conn: &mut PgConnection,
    b: &Broadcast,
    window: i64,
    now: DateTime<Utc>,
) -> Result<EnqueuedWindow> {
    Ok(sqlx::query_as!(
        EnqueuedWindow,
        r#"WITH there AS (
               SELECT count(*) AS n FROM (SELECT FROM broadcast_recipients WHERE broadcast_id = $1 AND state = 'queued' LIMIT $3) q
           ), picked AS (
               SELECT person_id, uuid_v7($4) AS email_id FROM broadcast_recipients
               WHERE broadcast_id = $1 AND state = 'waiting' AND person_id > $5
               ORDER BY person_id LIMIT (SELECT greatest($3 - n, 0) FROM there)
           ), marked AS (
               UPDATE broadcast_recipients r SET state = 'queued', email_id = p.email_id
               FROM picked p WHERE r.broadcast_id = $1 AND r.person_id = p.person_id AND r.state = 'waiting'
               RETURNING r.person_id, r.email_id
           ), mails AS (
               INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at)
               SELECT m.email_id, $2, 'update', 'broadcast', jsonb_build_object('broadcast', $1::uuid, 'person', m.person_id), 'queued', $4, $4
               FROM marked m
           ), enqueued AS (
               SELECT count(*) AS n, (SELECT p.person_id FROM picked p ORDER BY p.person_id DESC LIMIT 1) AS last FROM marked
           ), counted AS (
               INSERT INTO broadcast_counts (broadcast_id, state, delta)
               SELECT $1, c.state, c.delta FROM enqueued f, LATERAL (VALUES ('waiting', -f.n), ('queued', f.n)) c (state, delta) WHERE f.n > 0
           ), noted AS (
               UPDATE broadcasts SET enqueue_cursor = f.last FROM enqueued f WHERE id = $1 AND f.last IS NOT NULL
           )
           SELECT (SELECT n FROM enqueued) AS "queued!", (SELECT n FROM there) AS "there!""#,
        b.id,
        b.organization_id,
        window,
        now,
        b.enqueue_cursor.unwrap_or_default()
    )
    .fetch_one(conn)
    .await?)
}

/// Locks up to `most` recipients whose mail is in the queue and not being sent. Returns person and mail.
pub(crate) async fn lock_queued(conn: &mut PgConnection, broadcast: Uuid, most: i64) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        r#"SELECT r.person_id, r.email_id AS "email_id!" FROM broadcast_recipients r JOIN emails_waiting e ON e.id = r.email_id
           WHERE r.broadcast_id = $1 AND r.state = 'queued' AND e.state = 'queued' ORDER BY r.person_id LIMIT $2 FOR UPDATE OF r"#,
        broadcast,
        most
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.person_id, row.email_id)).collect())
}

/// Is any mail of a broadcast in the queue or being sent?
pub(crate) async fn is_queued(conn: &mut PgConnection, broadcast: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM broadcast_recipients WHERE broadcast_id = $1 AND state = 'queued') AS "any!""#,
        broadcast
    )
    .fetch_one(conn)
    .await?)
}

/// Sets the state of recipients whose mail was withdrawn from the queue.
pub(crate) async fn return_unsent(
    conn: &mut PgConnection,
    broadcast: Uuid,
    people: &[Uuid],
    state: RecipientState,
) -> Result<()> {
    sqlx::query!(
        "WITH changed AS (
             UPDATE broadcast_recipients SET state = $3, email_id = NULL
             WHERE broadcast_id = $1 AND person_id = ANY ($2) AND state = 'queued' RETURNING 1
         )
         INSERT INTO broadcast_counts (broadcast_id, state, delta)
         SELECT $1, c.state, c.delta FROM (SELECT count(*) AS n FROM changed) t, LATERAL (VALUES ('queued', -t.n), ($3, t.n)) c (state, delta)
         WHERE t.n > 0",
        broadcast,
        people,
        state.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets up to `most` recipients whose mail was cancelled back to waiting: it was too old, or was not composed for a
/// reason that is checked again when the next mail is composed. Returns how many.
pub(crate) async fn requeue_given_up(conn: &mut PgConnection, broadcast: Uuid, most: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"WITH changed AS (
               UPDATE broadcast_recipients SET state = 'waiting', email_id = NULL
               WHERE broadcast_id = $1 AND state = 'cancelled' AND person_id IN (
                   SELECT person_id FROM broadcast_recipients WHERE broadcast_id = $1 AND state = 'cancelled' LIMIT $2)
               RETURNING 1
           ), total AS (
               SELECT count(*) AS n FROM changed
           ), counted AS (
               INSERT INTO broadcast_counts (broadcast_id, state, delta)
               SELECT $1, c.state, c.delta FROM total t, LATERAL (VALUES ('cancelled', -t.n), ('waiting', t.n)) c (state, delta) WHERE t.n > 0
           )
           SELECT n AS "n!" FROM total"#,
        broadcast,
        most
    )
    .fetch_one(conn)
    .await?)
}

/// Restarts queueing at the first recipient. `requeues_given_up`: recipients whose mail was cancelled are set back to
/// waiting first.
pub(crate) async fn restart_enqueueing(
    conn: &mut PgConnection,
    broadcast: Uuid,
    requeues_given_up: bool,
) -> Result<()> {
    sqlx::query!(
        "UPDATE broadcasts SET enqueue_cursor = NULL, requeues_given_up = $2 WHERE id = $1",
        broadcast,
        requeues_given_up
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// New state of a recipient, the delivery status of the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SettledRecipient {
    /// The broadcast's id.
    pub broadcast: Uuid,
    /// The recipient's id.
    pub person: Uuid,
    /// The mail's id. The state is ignored if the recipient's mail is another one by now.
    pub email: Uuid,
    /// The state of the mail by now.
    pub state: RecipientState,
}

/// Writes the delivery status of mails on their recipients, and the changes of the counts.
pub(crate) async fn settle(conn: &mut PgConnection, settled: &[SettledRecipient]) -> Result<()> {
    let mut settled = settled.to_vec();
    settled.sort_unstable();
    let broadcasts: Vec<Uuid> = settled.iter().map(|s| s.broadcast).collect();
    let people: Vec<Uuid> = settled.iter().map(|s| s.person).collect();
    let emails: Vec<Uuid> = settled.iter().map(|s| s.email).collect();
    let states: Vec<String> = settled.iter().map(|s| s.state.as_str().to_owned()).collect();
    sqlx::query!(
        "WITH v AS (
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) v (broadcast, person, email, state)
         ), before AS (
             SELECT r.broadcast_id, r.person_id, r.state AS was, v.state AS becomes
             FROM v JOIN broadcast_recipients r ON r.broadcast_id = v.broadcast AND r.person_id = v.person
             WHERE r.email_id = v.email ORDER BY r.broadcast_id, r.person_id FOR UPDATE OF r
         ), changed AS (
             UPDATE broadcast_recipients r SET state = b.becomes FROM before b
             WHERE r.broadcast_id = b.broadcast_id AND r.person_id = b.person_id AND b.was <> b.becomes
             RETURNING r.broadcast_id, b.was, b.becomes
         )
         INSERT INTO broadcast_counts (broadcast_id, state, delta)
         SELECT c.broadcast_id, d.state, sum(d.delta) FROM changed c, LATERAL (VALUES (c.was, -1), (c.becomes, 1)) d (state, delta)
         GROUP BY 1, 2 HAVING sum(d.delta) <> 0 ORDER BY 1, 2",
        &broadcasts,
        &people,
        &emails,
        &states
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A broadcast to a person.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedBroadcast {
    /// The broadcast.
    pub id: Uuid,
    /// Its subject, in the first of its languages.
    pub subject: String,
    /// How far its mail to the person has come.
    pub state: RecipientState,
    /// When the broadcast was made.
    pub created_at: DateTime<Utc>,
}

/// The broadcasts to a person, newest first.
pub(crate) async fn received_by(conn: &mut PgConnection, person: Uuid) -> Result<Vec<ReceivedBroadcast>> {
    Ok(sqlx::query_as!(
        ReceivedBroadcast,
        r#"SELECT b.id, coalesce((SELECT t.value ->> 'subject' FROM jsonb_each(b.texts) t ORDER BY t.key LIMIT 1), '') AS "subject!",
                  r.state AS "state: RecipientState", b.created_at
           FROM broadcast_recipients r JOIN broadcasts b ON b.id = r.broadcast_id WHERE r.person_id = $1 ORDER BY b.id DESC"#,
        person
    )
    .fetch_all(conn)
    .await?)
}

/// Takes a person off the recipients of all broadcasts. Mails that were sent stay counted; those that wait are not sent, and
/// their counts go.
pub(crate) async fn delete_recipient(conn: &mut PgConnection, person: Uuid) -> Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM broadcast_recipients WHERE person_id = $1 RETURNING broadcast_id, state)
         INSERT INTO broadcast_counts (broadcast_id, state, delta)
         SELECT broadcast_id, state, -1 FROM gone WHERE state IN ('waiting', 'queued') ORDER BY broadcast_id",
        person
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets cursors of broadcasts that stand at a person to the one before, so that sending goes on at the same place.
pub(crate) async fn move_cursors_off(conn: &mut PgConnection, person: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE broadcasts b SET enqueue_cursor = (
             SELECT r.person_id FROM broadcast_recipients r WHERE r.broadcast_id = b.id AND r.person_id < $1
             ORDER BY r.person_id DESC LIMIT 1)
         WHERE b.enqueue_cursor = $1",
        person
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "WITH gone AS (
             SELECT p.email_index AS index, (SELECT o.email_index FROM people o WHERE o.vault_id = p.vault_id AND o.email_index < p.email_index
                                             ORDER BY o.email_index DESC LIMIT 1) AS before
             FROM people p WHERE p.id = $1
         )
         UPDATE broadcasts b SET audience_cursor = CASE WHEN b.audience_cursor = g.index THEN g.before ELSE b.audience_cursor END,
                                 freeze_cursor = CASE WHEN b.freeze_cursor = g.index THEN g.before ELSE b.freeze_cursor END
         FROM gone g WHERE b.audience_cursor = g.index OR b.freeze_cursor = g.index",
        person
    )
    .execute(conn)
    .await?;
    Ok(())
}
