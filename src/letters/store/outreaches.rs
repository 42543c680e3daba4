//! All SQL over `letters` and `outreaches`.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{LetterSubmission, LetterSubmissionTarget};
use crate::{
    actions::submission::{DueReminder, SubmissionKey},
    campaigns::SubmissionOutcome,
    error::{Error, Result},
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
    letters::state::{LetterState, OutreachState},
};

/// Fields of `filter` in the list of outreaches.
pub(crate) const OUTREACH_FIELDS: FieldSet = FieldSet(&[
    Field {
        name: "identifier",
        column_sql: "o.id",
        kind: FieldKind::Identifiers("submission_labels i WHERE i.submission_id = o.letter_id AND i.label_index"),
    },
    Field { name: "created_date", column_sql: "o.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "coalesce(o.sent_at, o.created_at)", kind: FieldKind::Timestamp },
    Field { name: "muster:sent_date", column_sql: "o.sent_at", kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "o.state", kind: FieldKind::Enum(OutreachState::LISTED_NAMES) },
    Field { name: "muster:office", column_sql: "f.slug", kind: FieldKind::Text },
    Field { name: "muster:source", column_sql: "l.source", kind: FieldKind::Text },
    Field { name: "email_address", column_sql: "l.person_id", kind: FieldKind::Virtual },
]);

/// Result of one submission of a batch.
#[derive(Clone, Debug)]
pub struct SubmissionResult {
    /// Id of the submission.
    pub submission_id: Uuid,
    /// Id of the letter: the submission's, or that of an earlier request with the same idempotency key.
    pub letter_id: Uuid,
    /// Vouched submissions: the person the letter belongs to; null for a replay.
    pub person_id: Option<Uuid>,
    /// What became of it.
    pub outcome: SubmissionOutcome,
}

/// Writes a batch of submissions (`submit_letters` in the migrations).
///
/// # Errors
/// A database error: nothing of the batch was written.
pub(crate) async fn submit_letters(
    db: &PgPool,
    submissions: &[LetterSubmission],
    targets: &[LetterSubmissionTarget],
) -> Result<Vec<SubmissionResult>, sqlx::Error> {
    sqlx::query_as!(
        SubmissionResult,
        r#"SELECT submission_id AS "submission_id!", letter_ref AS "letter_id!", person_ref AS person_id, outcome AS "outcome!: SubmissionOutcome" FROM submit_letters($1, $2)"#,
        submissions as _,
        targets as _
    )
    .fetch_all(db)
    .await
}

/// A letter's row.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns are described in migrations/0001_baseline.sql")]
pub struct LetterRow {
    pub id: Uuid,
    pub letter_action_id: Uuid,
    pub person_id: Uuid,
    pub vault_id: Uuid,
    pub state: LetterState,
    pub sealed: Option<Vec<u8>>,
    pub locale: Option<String>,
    pub source: Option<String>,
    pub variant: i16,
    pub link_generation: i16,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// The letters with these ids that exist, in no order.
pub(crate) async fn letters(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<LetterRow>> {
    Ok(sqlx::query_as!(
        LetterRow,
        r#"SELECT l.id, l.letter_action_id, l.person_id, p.vault_id, l.state AS "state: LetterState", l.sealed, l.locale, l.source, l.variant, l.link_generation,
                l.confirm_expires_at, l.created_at, l.confirmed_at
         FROM letters l JOIN people p ON p.id = l.person_id WHERE l.id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// The keys of letters that exist.
pub(crate) async fn keys(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SubmissionKey>, sqlx::Error> {
    sqlx::query_as!(SubmissionKey, "SELECT id, person_id, link_generation FROM letters WHERE id = ANY ($1)", ids)
        .fetch_all(conn)
        .await
}

/// The newest letters of an address to an action that a code may confirm; those attached to a signature are confirmed
/// with it.
pub(crate) async fn by_address(
    conn: &mut PgConnection,
    action: Uuid,
    vault: Uuid,
    email_index: &[u8],
) -> Result<Vec<SubmissionKey>> {
    Ok(sqlx::query_as!(
        SubmissionKey,
        "SELECT l.id, l.person_id, l.link_generation FROM people p JOIN letters l ON l.person_id = p.id
         WHERE p.vault_id = $1 AND p.email_index = $2 AND l.letter_action_id = $3 AND NOT l.is_attached
           AND l.state IN ('pending', 'confirmed')
         ORDER BY l.attempt DESC LIMIT 201",
        vault,
        email_index,
        action
    )
    .fetch_all(conn)
    .await?)
}

/// All letters of a person.
pub(crate) async fn of_person(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM letters WHERE person_id = $1", person).fetch_all(conn).await?)
}

/// All letters of a person, and their outreaches.
pub(crate) async fn row_ids(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM letters WHERE person_id = $1
           UNION ALL SELECT o.id FROM letters l JOIN outreaches o ON o.letter_id = l.id WHERE l.person_id = $1"#,
        person
    )
    .fetch_all(conn)
    .await?)
}

/// Voids the links mailed about the letters of a person that came before a time, except of those that wait to be
/// confirmed. The caller holds the lock of the person's row.
pub(crate) async fn void_links(conn: &mut PgConnection, person: Uuid, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE letters SET link_generation = least(link_generation + 1, 32767)
         WHERE person_id = $1 AND state <> 'pending' AND created_at < $2",
        person,
        before
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes the letters of a person with their outreaches; those that count stay in the totals. The caller holds the locks of
/// the letters and of their actions.
pub(crate) async fn delete_of_person(conn: &mut PgConnection, person: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE actions a SET erased_count = a.erased_count + c.n
         FROM (SELECT o.letter_action_id, count(*) AS n FROM letters l JOIN outreaches o ON o.letter_id = l.id
               WHERE l.person_id = $1 AND o.state NOT IN ('pending', 'cancelled') GROUP BY 1) c
         WHERE a.id = c.letter_action_id",
        person
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM letters WHERE person_id = $1", person).execute(conn).await?;
    Ok(())
}

/// Takes the single reminder of letters that have been pending for a while: for the newest of each person and action,
/// while the action is open and the person has confirmed none. A letter attached to a signature is confirmed with it.
pub(crate) async fn take_due_reminders(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(u64, Vec<DueReminder>)> {
    let looked = sqlx::query!(
        r#"WITH due AS (
               SELECT l.id, l.letter_action_id, l.person_id, l.attempt FROM letters l
               WHERE l.state = 'pending' AND NOT l.reminded AND NOT l.is_attached AND l.created_at < $1 AND l.confirm_expires_at > $2
               ORDER BY l.created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
           ), marked AS (
               UPDATE letters l SET reminded = true FROM due WHERE l.id = due.id
           )
           SELECT d.id, a.organization_id, a.privacy = 'protected' AS "protected!",
                  a.state = 'published'
                  AND NOT EXISTS (SELECT FROM letters o WHERE o.person_id = d.person_id AND o.letter_action_id = d.letter_action_id
                                  AND (o.state = 'confirmed' OR (o.state = 'pending' AND (o.attempt > d.attempt OR o.reminded)))) AS "remind!"
           FROM due d JOIN actions a ON a.id = d.letter_action_id"#,
        before,
        now
    )
    .fetch_all(conn)
    .await?;
    let due = looked.iter().filter(|row| row.remind);
    let due =
        due.map(|row| DueReminder { submission: row.id, organization: row.organization_id, protected: row.protected });
    Ok((looked.len() as u64, due.collect()))
}

/// A letter, locked for a change of its state.
///
/// # Errors
/// `not_found`.
pub(crate) async fn lock_letter(conn: &mut PgConnection, id: Uuid) -> Result<LetterRow> {
    lock_letters(conn, &[id]).await?.pop().ok_or_else(Error::not_found)
}

/// Letters, locked for a change of their states, by id; those that exist. The caller holds the locks of the people.
pub(crate) async fn lock_letters(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<LetterRow>, sqlx::Error> {
    sqlx::query_as!(
        LetterRow,
        r#"SELECT l.id, l.letter_action_id, l.person_id, p.vault_id, l.state AS "state: LetterState", l.sealed, l.locale, l.source, l.variant, l.link_generation,
                l.confirm_expires_at, l.created_at, l.confirmed_at
         FROM letters l JOIN people p ON p.id = l.person_id WHERE l.id = ANY ($1) ORDER BY l.id FOR UPDATE OF l"#,
        ids
    )
    .fetch_all(conn)
    .await
}

/// Marks pending letters as confirmed.
pub(crate) async fn set_confirmed(
    conn: &mut PgConnection,
    confirmed: &[(Uuid, DateTime<Utc>)],
) -> Result<(), sqlx::Error> {
    let (ids, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = confirmed.iter().copied().unzip();
    sqlx::query!(
        "UPDATE letters l SET state = 'confirmed', confirmed_at = v.at
         FROM unnest($1::uuid[], $2::timestamptz[]) v (id, at) WHERE l.id = v.id",
        &ids,
        &times
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Dispatches confirmed letters: their outreaches are queued where the action sends, held where it does not.
pub(crate) async fn dispatch(conn: &mut PgConnection, letters: &[Uuid], at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT dispatch_letters($1, $2)", letters, at).execute(conn).await?;
    Ok(())
}

/// Those of the letters that have a held outreach.
pub(crate) async fn with_held(conn: &mut PgConnection, letters: &[Uuid]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let held =
        sqlx::query_scalar!("SELECT letter_id FROM outreaches WHERE letter_id = ANY ($1) AND state = 'held'", letters)
            .fetch_all(conn)
            .await?;
    Ok(held.into_iter().collect())
}

/// Adds the outreaches of confirmed letters to the counts of their actions by total, day, language and source.
pub(crate) async fn count_confirmed(conn: &mut PgConnection, letters: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO action_count_deltas (action_id, dimension, key, delta)
         SELECT l.letter_action_id, d.dimension, d.key, count(*)
         FROM letters l JOIN outreaches o ON o.letter_id = l.id,
              LATERAL (VALUES ('total', ''), ('day', to_char(l.confirmed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('locale', l.locale), ('source', l.source)) d (dimension, key)
         WHERE l.id = ANY ($1) AND d.key IS NOT NULL
         GROUP BY 1, 2, 3",
        letters
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes outreaches of a letter that was confirmed on `day` off its action's counts by total, day, language and source.
pub(crate) async fn uncount(
    conn: &mut PgConnection,
    letter: &LetterRow,
    outreaches: i64,
    day: NaiveDate,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO action_count_deltas (action_id, dimension, key, delta)
         SELECT $1, d.dimension, d.key, -$2::bigint
         FROM (VALUES ('total', ''), ('day', to_char($3::date, 'YYYY-MM-DD')), ('locale', $4::text), ('source', $5::text)) d (dimension, key)
         WHERE d.key IS NOT NULL AND $2::bigint <> 0",
        letter.letter_action_id,
        outreaches,
        day,
        letter.locale,
        letter.source
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a pending letter; nothing of it was counted or sent.
pub(crate) async fn delete_pending(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM letters WHERE id = $1 AND state = 'pending'", id).execute(conn).await?;
    Ok(())
}

/// Id, office, state and mail of an outreach.
#[derive(Clone, Debug)]
pub(crate) struct OutreachStatus {
    pub id: Uuid,
    pub office_id: Uuid,
    pub state: OutreachState,
    pub email_id: Option<Uuid>,
}

/// The outreaches of a letter in the order of its action's targets.
pub(crate) async fn outreach_statuses(conn: &mut PgConnection, letter: Uuid) -> Result<Vec<OutreachStatus>> {
    Ok(sqlx::query_as!(
        OutreachStatus,
        r#"SELECT o.id, o.office_id, o.state AS "state: OutreachState", o.email_id FROM outreaches o
         LEFT JOIN letter_targets t ON t.letter_action_id = o.letter_action_id AND t.office_id = o.office_id
         WHERE o.letter_id = $1 ORDER BY t.position, o.id"#,
        letter
    )
    .fetch_all(conn)
    .await?)
}

/// The unsent outreaches of a letter, locked.
pub(crate) async fn lock_unsent(conn: &mut PgConnection, letter: Uuid) -> Result<Vec<OutreachStatus>> {
    Ok(sqlx::query_as!(
        OutreachStatus,
        r#"SELECT id, office_id, state AS "state: OutreachState", email_id FROM outreaches
         WHERE letter_id = $1 AND state IN ('held', 'queued') ORDER BY id FOR UPDATE"#,
        letter
    )
    .fetch_all(conn)
    .await?)
}

/// Sets the state of unsent outreaches whose mails were cancelled.
pub(crate) async fn set_unsent_state(conn: &mut PgConnection, outreaches: &[Uuid], state: OutreachState) -> Result<()> {
    sqlx::query!(
        "UPDATE outreaches SET state = $2, email_id = NULL WHERE id = ANY ($1) AND state IN ('held', 'queued')",
        outreaches,
        state as OutreachState
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The next confirmed letters of an action with held outreaches, after an id, so that no step reads the dead index
/// entries of the steps before. Locked: letters are locked before their outreaches, as a withdrawal does.
pub(crate) async fn held_letters(conn: &mut PgConnection, action: Uuid, after: Uuid, limit: i64) -> Result<Vec<Uuid>> {
    let held = sqlx::query_scalar!(
        "SELECT DISTINCT letter_id FROM outreaches WHERE letter_action_id = $1 AND is_held AND letter_id > $2 ORDER BY letter_id LIMIT $3",
        action,
        after,
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!("SELECT FROM letters WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE", &held)
        .fetch_all(conn)
        .await?;
    Ok(held)
}

/// Number of held outreaches of an action, of letters after an id, counted up to `most`.
pub(crate) async fn count_held(conn: &mut PgConnection, action: Uuid, after: Uuid, most: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (
               SELECT FROM outreaches WHERE letter_action_id = $1 AND is_held AND letter_id > $2 LIMIT $3) held"#,
        action,
        after,
        most
    )
    .fetch_one(conn)
    .await?)
}

/// Id of the `most`-th outreach of an action after an id; `None` when there are fewer.
pub(crate) async fn find_range_end(
    conn: &mut PgConnection,
    action: Uuid,
    after: Uuid,
    most: i64,
) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM outreaches WHERE letter_action_id = $1 AND id > $2 ORDER BY id OFFSET $3 LIMIT 1",
        action,
        after,
        most - 1
    )
    .fetch_optional(conn)
    .await?)
}

/// The queued outreaches of an action, after an id and up to another, locked.
pub(crate) async fn lock_queued(
    conn: &mut PgConnection,
    action: Uuid,
    after: Uuid,
    up_to: Option<Uuid>,
    most: i64,
) -> Result<Vec<OutreachStatus>> {
    Ok(sqlx::query_as!(
        OutreachStatus,
        r#"SELECT id, office_id, state AS "state: OutreachState", email_id FROM outreaches
         WHERE letter_action_id = $1 AND id > $2 AND ($3::uuid IS NULL OR id <= $3) AND state = 'queued' ORDER BY id LIMIT $4 FOR UPDATE"#,
        action,
        after,
        up_to,
        most
    )
    .fetch_all(conn)
    .await?)
}

/// Holds outreaches whose mail was due while their action does not send; returns those that are held now. Whether the
/// action sends is read under the lock with which that changes, so that no outreach stays held after the action has
/// started again.
pub(crate) async fn hold_stopped(conn: &mut PgConnection, outreaches: &[Uuid]) -> Result<Vec<Uuid>> {
    sqlx::query!(
        "SELECT FROM letter_actions WHERE id IN (SELECT letter_action_id FROM outreaches WHERE id = ANY ($1)) ORDER BY id FOR SHARE",
        outreaches
    )
    .fetch_all(&mut *conn)
    .await?;
    Ok(sqlx::query_scalar!(
        "WITH locked AS MATERIALIZED (SELECT id FROM outreaches WHERE id = ANY ($1) ORDER BY id FOR UPDATE)
         UPDATE outreaches o SET state = 'held', email_id = NULL
         WHERE o.id IN (SELECT l.id FROM locked l) AND o.state IN ('queued', 'failed', 'uncertain', 'bounced')
           AND NOT EXISTS (SELECT FROM letter_actions la JOIN actions a ON a.id = la.id
                           WHERE la.id = o.letter_action_id AND la.live AND a.state = 'published')
         RETURNING o.id",
        outreaches
    )
    .fetch_all(conn)
    .await?)
}

/// What composing an outreach's mail needs.
#[derive(Clone, Debug)]
pub(crate) struct OutreachDelivery {
    pub id: Uuid,
    pub letter_id: Uuid,
    pub office_id: Uuid,
    pub state: OutreachState,
}

/// What composing the mails of outreaches needs; those that exist, in no order.
pub(crate) async fn outreach_deliveries(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<OutreachDelivery>> {
    Ok(sqlx::query_as!(
        OutreachDelivery,
        r#"SELECT id, letter_id, office_id, state AS "state: OutreachState" FROM outreaches WHERE id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// The delivery result of an outreach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryOutcome {
    pub id: Uuid,
    /// The mail: ignored unless it is still the outreach's.
    pub email: Uuid,
    pub state: OutreachState,
    pub at: DateTime<Utc>,
}

/// Saves delivery results, for sent outreaches with the time and the official, and counts them by state.
pub(crate) async fn save_delivery_outcomes(
    conn: &mut PgConnection,
    settled: &[DeliveryOutcome],
    today: NaiveDate,
) -> Result<()> {
    let mut settled = settled.to_vec();
    settled.sort_by_key(|s| s.id);
    let ids: Vec<Uuid> = settled.iter().map(|s| s.id).collect();
    let emails: Vec<Uuid> = settled.iter().map(|s| s.email).collect();
    let states: Vec<String> = settled.iter().map(|s| s.state.as_str().to_owned()).collect();
    let times: Vec<DateTime<Utc>> = settled.iter().map(|s| s.at).collect();
    sqlx::query!(
        "WITH v AS (
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $5::uuid[]) v (id, state, at, email)
         ), old AS MATERIALIZED (
             SELECT o.id, o.state FROM v JOIN outreaches o ON o.id = v.id ORDER BY o.id FOR UPDATE OF o
         ), changed AS (
             UPDATE outreaches o SET state = v.state,
                 sent_at = CASE WHEN v.state = 'sent' THEN v.at ELSE o.sent_at END,
                 official_id = CASE WHEN v.state IN ('sent', 'uncertain') THEN (
                     SELECT t.official_id FROM terms t
                     WHERE t.office_id = o.office_id AND t.starts_on <= $4 AND (t.ends_on IS NULL OR t.ends_on >= $4)) ELSE o.official_id END
             FROM v JOIN old ON old.id = v.id
             WHERE o.id = v.id AND o.email_id = v.email
               AND (o.state IN ('queued', 'failed', 'uncertain', 'bounced') OR (v.state = 'bounced' AND o.state = 'sent'))
             RETURNING o.letter_action_id, o.letter_id, old.state AS before, o.state AS now
         )
         INSERT INTO action_count_deltas (action_id, dimension, key, delta)
         SELECT c.letter_action_id, 'state', d.key, sum(d.delta)
         FROM changed c, LATERAL (VALUES (c.before, -1), (c.now, 1)) d (key, delta)
         WHERE d.key IN ('sent', 'failed', 'uncertain', 'bounced')
         GROUP BY 1, 2, 3 HAVING sum(d.delta) <> 0
         UNION ALL -- one that will not be sent does not count any more
         SELECT c.letter_action_id, d.dimension, d.key, -count(*)
         FROM changed c JOIN letters l ON l.id = c.letter_id,
              LATERAL (VALUES ('total', ''), ('day', to_char(l.confirmed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('locale', l.locale), ('source', l.source)) d (dimension, key)
         WHERE c.now = 'cancelled' AND d.key IS NOT NULL
         GROUP BY 1, 2, 3",
        &ids,
        &states,
        &times,
        today,
        &emails
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An outreach as it is listed, with its letter.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OutreachRow {
    pub id: Uuid,
    pub letter_id: Uuid,
    pub office_id: Uuid,
    pub office_slug: String,
    pub office_title: String,
    pub official_id: Option<Uuid>,
    pub state: OutreachState,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub person_id: Uuid,
    pub sealed: Option<Vec<u8>>,
    pub source: Option<String>,
    pub variant: i16,
}

const OUTREACH: &str = "SELECT o.id, o.letter_id, o.office_id, f.slug AS office_slug, f.title AS office_title, o.official_id, o.state, \
     o.created_at, o.sent_at, l.person_id, l.sealed, l.source, l.variant";

fn scope(query: &mut QueryBuilder<Postgres>, action: Uuid) {
    query
        .push(
            " FROM outreaches o JOIN letters l ON l.id = o.letter_id JOIN people p ON p.id = l.person_id \
             JOIN offices f ON f.id = o.office_id WHERE l.state <> 'pending' AND o.letter_action_id = ",
        )
        .push_bind(action);
}

/// Indexes that filters on the outreaches of an action can use. None contains the state, so that sending a letter can
/// be a HOT update.
const INDEXES: &[Index] = &[
    Index::equal("o.id"),
    Index::equal("l.person_id"),
    Index::values(
        "o.state",
        &[
            OutreachState::Held.as_str(),
            OutreachState::Failed.as_str(),
            OutreachState::Uncertain.as_str(),
            OutreachState::Bounced.as_str(),
            OutreachState::Cancelled.as_str(),
        ],
    )
    .stored_as("o.undelivered"),
    Index::ordered("o.created_at"),
];

/// One page of an action's outreaches whose letters are confirmed, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn outreaches(
    conn: &mut PgConnection,
    action: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<OutreachRow>, Extent)> {
    let list = KeysetList {
        table: "outreaches o",
        filtered: "outreaches o JOIN letters l ON l.id = o.letter_id JOIN offices f ON f.id = o.office_id",
        key: &[KeyColumn { sql: "o.id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: INDEXES,
        scope: &[("o.letter_action_id", ScopeValue::Id(action))],
        extra_condition: "o.state <> 'pending'",
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let mut query = QueryBuilder::new(OUTREACH);
    scope(&mut query, action);
    query.push(" AND o.id = ANY (").push_bind(ids.clone()).push(")");
    let rows = query.build_query_as().fetch_all(conn).await?;
    Ok((in_order(rows, &ids, |row: &OutreachRow| row.id), extent))
}

/// One outreach of an action.
///
/// # Errors
/// `not_found`.
pub(crate) async fn outreach(conn: &mut PgConnection, action: Uuid, id: Uuid) -> Result<OutreachRow> {
    let mut query = QueryBuilder::new(OUTREACH);
    scope(&mut query, action);
    query.push(" AND o.id = ").push_bind(id);
    Ok(query.build_query_as().fetch_one(conn).await?)
}

/// The outreaches of one letter, in the order of its action's targets.
pub(crate) async fn outreaches_of(conn: &mut PgConnection, action: Uuid, letter: Uuid) -> Result<Vec<OutreachRow>> {
    let mut query = QueryBuilder::new(OUTREACH);
    scope(&mut query, action);
    query.push(" AND o.letter_id = ").push_bind(letter);
    query.push(
        " ORDER BY (SELECT t.position FROM letter_targets t WHERE t.letter_action_id = o.letter_action_id AND t.office_id = o.office_id), o.id",
    );
    Ok(query.build_query_as().fetch_all(conn).await?)
}

/// The outreaches of letters.
pub(crate) async fn ids_of_letters(conn: &mut PgConnection, letters: &[Uuid]) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM outreaches WHERE letter_id = ANY ($1)", letters).fetch_all(conn).await?)
}

/// Erases what was written in a letter of which nothing was sent or can be any more.
pub(crate) async fn erase_if_cancelled(conn: &mut PgConnection, letter: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE letters SET sealed = NULL WHERE id = $1 AND sealed IS NOT NULL
         AND NOT EXISTS (SELECT FROM outreaches o WHERE o.letter_id = $1 AND o.state <> 'cancelled')",
        letter
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces the sealed content of a letter, which is locked.
pub(crate) async fn replace_sealed(conn: &mut PgConnection, id: Uuid, sealed: &[u8]) -> Result<()> {
    sqlx::query!("UPDATE letters SET sealed = $2 WHERE id = $1", id, sealed).execute(conn).await?;
    Ok(())
}
