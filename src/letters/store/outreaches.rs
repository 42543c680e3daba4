//! All SQL over `letters` and `outreaches`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{LetterAct, LetterActTarget};
use crate::{
    error::{Error, Result},
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        paging::PageParams,
    },
    people::forget_bare_people,
};

/// What outreaches can be filtered by.
pub const OUTREACH_FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "'muster:' || o.id", kind: FieldKind::Text },
    Field { name: "created_date", column_sql: "o.created_at", kind: FieldKind::Timestamp },
    Field { name: "muster:sent_date", column_sql: "o.sent_at", kind: FieldKind::Timestamp },
    Field {
        name: "muster:state",
        column_sql: "o.state",
        kind: FieldKind::Enum(&["held", "queued", "sent", "failed", "uncertain", "bounced", "cancelled"]),
    },
    Field { name: "muster:office", column_sql: "f.slug", kind: FieldKind::Text },
    Field { name: "muster:source", column_sql: "l.source", kind: FieldKind::Text },
    Field { name: "email_address", column_sql: "p.email_index", kind: FieldKind::Virtual },
]);

/// What became of an act that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The act.
    pub act_id: Uuid,
    /// The letter: this act's, or an earlier request's.
    pub letter_id: Uuid,
    /// Whose it is, for vouched acts.
    pub holder_id: Option<Uuid>,
    /// 'created', 'replayed', 'mismatch'.
    pub outcome: String,
}

/// Writes a batch (see `write_letters` in the migrations).
///
/// # Errors
/// A database error; then nothing was written.
pub async fn write_batch(
    db: &PgPool,
    acts: &[LetterAct],
    targets: &[LetterActTarget],
) -> Result<Vec<Written>, sqlx::Error> {
    sqlx::query_as!(
        Written,
        r#"SELECT act_id AS "act_id!", letter_ref AS "letter_id!", holder_id, outcome AS "outcome!" FROM write_letters($1, $2)"#,
        acts as _,
        targets as _
    )
    .fetch_all(db)
    .await
}

/// A letter's row.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns are described in migrations/0005_letters.sql")]
pub struct LetterRow {
    pub id: Uuid,
    pub letter_action_id: Uuid,
    pub person_id: Uuid,
    pub vault_id: Uuid,
    pub state: String,
    pub sealed: Option<Vec<u8>>,
    pub locale: Option<String>,
    pub source: Option<String>,
    pub variant: i16,
    pub link_generation: i16,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// A letter.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn letter(conn: &mut PgConnection, id: Uuid) -> Result<LetterRow> {
    letters(conn, &[id]).await?.pop().ok_or_else(Error::not_found)
}

/// Those of the letters that are there, in no order.
///
/// # Errors
/// A database error.
pub async fn letters(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<LetterRow>> {
    Ok(sqlx::query_as!(
        LetterRow,
        "SELECT l.id, l.letter_action_id, l.person_id, p.vault_id, l.state, l.sealed, l.locale, l.source, l.variant, l.link_generation,
                l.confirm_expires_at, l.created_at, l.confirmed_at
         FROM letters l JOIN people p ON p.id = l.person_id WHERE l.id = ANY ($1)",
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// A letter, locked for a change of its state.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn lock_letter(conn: &mut PgConnection, id: Uuid) -> Result<LetterRow> {
    Ok(sqlx::query_as!(
        LetterRow,
        "SELECT l.id, l.letter_action_id, l.person_id, p.vault_id, l.state, l.sealed, l.locale, l.source, l.variant, l.link_generation,
                l.confirm_expires_at, l.created_at, l.confirmed_at
         FROM letters l JOIN people p ON p.id = l.person_id WHERE l.id = $1 FOR UPDATE OF l",
        id
    )
    .fetch_one(conn)
    .await?)
}

/// Marks a pending letter as confirmed.
///
/// # Errors
/// A database error.
pub async fn set_confirmed(conn: &mut PgConnection, id: Uuid, at: DateTime<Utc>) -> Result<()> {
    sqlx::query!("UPDATE letters SET state = 'confirmed', confirmed_at = $2 WHERE id = $1", id, at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Puts letters on their way: queued where their action is live, held where it is not.
///
/// # Errors
/// A database error.
pub async fn dispatch(conn: &mut PgConnection, letters: &[Uuid], at: DateTime<Utc>) -> Result<()> {
    sqlx::query!("SELECT dispatch_letters($1, $2)", letters, at).execute(conn).await?;
    Ok(())
}

/// Adds a letter's outreaches to (`sign` 1) or takes some of them off (-1) its action's counts.
///
/// # Errors
/// A database error.
pub async fn count(
    conn: &mut PgConnection,
    letter: &LetterRow,
    outreaches: i64,
    sign: i64,
    day: NaiveDate,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO action_count_deltas (action_id, dimension, key, delta)
         SELECT $1, d.dimension, d.key, $2::bigint * $3::bigint
         FROM (VALUES ('total', ''), ('day', to_char($4::date, 'YYYY-MM-DD')), ('locale', $5::text), ('source', $6::text)) d (dimension, key)
         WHERE d.key IS NOT NULL AND $2::bigint <> 0",
        letter.letter_action_id,
        outreaches,
        sign,
        day,
        letter.locale,
        letter.source
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a letter that is still pending; nothing was counted or sent.
///
/// # Errors
/// A database error.
pub async fn delete_pending(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM letters WHERE id = $1 AND state = 'pending'", id).execute(conn).await?;
    Ok(())
}

/// One target's part of a letter.
#[derive(Clone, Debug)]
pub struct Part {
    pub id: Uuid,
    pub office_id: Uuid,
    pub state: String,
    pub email_id: Option<Uuid>,
}

/// The parts of a letter in the order of its action's targets.
///
/// # Errors
/// A database error.
pub async fn parts(conn: &mut PgConnection, letter: Uuid) -> Result<Vec<Part>> {
    Ok(sqlx::query_as!(
        Part,
        "SELECT o.id, o.office_id, o.state, o.email_id FROM outreaches o
         LEFT JOIN letter_targets t ON t.letter_action_id = o.letter_action_id AND t.office_id = o.office_id
         WHERE o.letter_id = $1 ORDER BY t.position, o.id",
        letter
    )
    .fetch_all(conn)
    .await?)
}

/// The parts of a letter that have not gone out, locked.
///
/// # Errors
/// A database error.
pub async fn lock_waiting(conn: &mut PgConnection, letter: Uuid) -> Result<Vec<Part>> {
    Ok(sqlx::query_as!(
        Part,
        "SELECT id, office_id, state, email_id FROM outreaches
         WHERE letter_id = $1 AND state IN ('held', 'queued') ORDER BY id FOR UPDATE",
        letter
    )
    .fetch_all(conn)
    .await?)
}

/// Writes the state of parts that have not gone out; their mails are gone.
///
/// # Errors
/// A database error.
pub async fn set_waiting(conn: &mut PgConnection, parts: &[Uuid], state: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE outreaches SET state = $2, email_id = NULL WHERE id = ANY ($1) AND state IN ('held', 'queued')",
        parts,
        state
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Confirmed letters of an action that wait to be released, a few at a time.
///
/// # Errors
/// A database error.
pub async fn held_letters(conn: &mut PgConnection, action: Uuid, limit: i64) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT DISTINCT letter_id FROM outreaches WHERE letter_action_id = $1 AND is_held ORDER BY letter_id LIMIT $2",
        action,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Live and published actions with letters that are held.
///
/// # Errors
/// A database error.
pub async fn actions_to_release(conn: &mut PgConnection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT l.id FROM letter_actions l JOIN actions a ON a.id = l.id
         WHERE l.live AND a.state = 'published' AND EXISTS (SELECT FROM outreaches o WHERE o.letter_action_id = l.id AND o.is_held)"
    )
    .fetch_all(conn)
    .await?)
}

/// The parts of an action that are queued, locked.
///
/// # Errors
/// A database error.
pub async fn lock_queued(conn: &mut PgConnection, action: Uuid) -> Result<Vec<Part>> {
    Ok(sqlx::query_as!(
        Part,
        "SELECT id, office_id, state, email_id FROM outreaches WHERE letter_action_id = $1 AND state = 'queued' ORDER BY id FOR UPDATE",
        action
    )
    .fetch_all(conn)
    .await?)
}

/// An outreach as it is sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: Uuid,
    pub letter_id: Uuid,
    pub office_id: Uuid,
    pub state: String,
}

/// What is needed to send outreaches, those that are there, in no order.
///
/// # Errors
/// A database error.
pub async fn deliveries(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Delivery>> {
    Ok(sqlx::query_as!(Delivery, "SELECT id, letter_id, office_id, state FROM outreaches WHERE id = ANY ($1)", ids)
        .fetch_all(conn)
        .await?)
}

/// What became of an outreach.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    pub id: Uuid,
    pub state: &'static str,
    pub at: DateTime<Utc>,
}

/// Writes what became of outreaches, and for sent ones when and to whom they went.
///
/// # Errors
/// A database error.
pub async fn settle(conn: &mut PgConnection, settled: &[Settled], today: NaiveDate) -> Result<()> {
    let mut settled = settled.to_vec();
    settled.sort_by_key(|s| s.id);
    let ids: Vec<Uuid> = settled.iter().map(|s| s.id).collect();
    let states: Vec<String> = settled.iter().map(|s| s.state.to_owned()).collect();
    let times: Vec<DateTime<Utc>> = settled.iter().map(|s| s.at).collect();
    sqlx::query!(
        "UPDATE outreaches o SET state = v.state,
             sent_at = CASE WHEN v.state = 'sent' THEN v.at ELSE o.sent_at END,
             official_id = CASE WHEN v.state IN ('sent', 'uncertain') THEN (
                 SELECT t.official_id FROM terms t
                 WHERE t.office_id = o.office_id AND t.starts_on <= $4 AND (t.ends_on IS NULL OR t.ends_on >= $4)) ELSE o.official_id END
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) v (id, state, at)
         WHERE o.id = v.id AND (o.state IN ('queued', 'failed', 'uncertain', 'bounced') OR (v.state = 'bounced' AND o.state = 'sent'))",
        &ids,
        &states,
        &times,
        today
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An outreach as it is listed, with its letter.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct OutreachRow {
    pub id: Uuid,
    pub letter_id: Uuid,
    pub office_id: Uuid,
    pub office_slug: String,
    pub office_title: String,
    pub official_id: Option<Uuid>,
    pub state: String,
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

/// One page of an action's outreaches whose letters are confirmed, newest first, and how many there are.
///
/// # Errors
/// A database error.
pub async fn outreaches(
    conn: &mut PgConnection,
    action: Uuid,
    filter: Option<&Filter>,
    page: PageParams,
) -> Result<(Vec<OutreachRow>, i64)> {
    let filtered = |query: &mut QueryBuilder<Postgres>| {
        scope(query, action);
        if let Some(filter) = filter {
            query.push(" AND ");
            filter.push_sql(query);
        }
    };
    let mut count = QueryBuilder::new("SELECT count(*)");
    filtered(&mut count);
    let total: i64 = count.build_query_scalar().fetch_one(&mut *conn).await?;
    let mut rows = QueryBuilder::new(OUTREACH);
    filtered(&mut rows);
    rows.push(" ORDER BY o.id DESC LIMIT ").push_bind(page.limit()).push(" OFFSET ").push_bind(page.offset());
    Ok((rows.build_query_as().fetch_all(conn).await?, total))
}

/// One outreach of an action.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn outreach(conn: &mut PgConnection, action: Uuid, id: Uuid) -> Result<OutreachRow> {
    let mut query = QueryBuilder::new(OUTREACH);
    scope(&mut query, action);
    query.push(" AND o.id = ").push_bind(id);
    Ok(query.build_query_as().fetch_one(conn).await?)
}

/// The outreaches of one letter, in the order of its action's targets.
///
/// # Errors
/// A database error.
pub async fn outreaches_of(conn: &mut PgConnection, action: Uuid, letter: Uuid) -> Result<Vec<OutreachRow>> {
    let mut query = QueryBuilder::new(OUTREACH);
    scope(&mut query, action);
    query.push(" AND o.letter_id = ").push_bind(letter);
    query.push(
        " ORDER BY (SELECT t.position FROM letter_targets t WHERE t.letter_action_id = o.letter_action_id AND t.office_id = o.office_id), o.id",
    );
    Ok(query.build_query_as().fetch_all(conn).await?)
}

/// Deletes letters that nobody confirmed in time (retention), some at a time. Returns how many.
///
/// # Errors
/// A database error.
pub async fn delete_expired(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    let mut tx = db.begin().await?;
    let people = sqlx::query_scalar!(
        "DELETE FROM letters WHERE id IN (SELECT id FROM letters WHERE state = 'pending' AND confirm_expires_at < $1 LIMIT 10000) RETURNING person_id",
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    forget_bare_people(&mut tx, &people).await?;
    tx.commit().await?;
    Ok(people.len() as u64)
}
