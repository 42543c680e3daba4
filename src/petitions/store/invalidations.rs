//! SQL of jobs that change many signatures, and of the changes.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
    petitions::{
        invalidation::Effect,
        state::{InvalidationState, SignatureState},
    },
};

/// Filter fields of jobs.
pub(crate) const FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "j.id", kind: FieldKind::Identifier },
    Field { name: "created_date", column_sql: "j.created_at", kind: FieldKind::Timestamp },
    Field { name: "effect", column_sql: "j.effect", kind: FieldKind::Enum(Effect::NAMES) },
    Field { name: "muster:state", column_sql: "j.state", kind: FieldKind::Enum(InvalidationState::NAMES) },
]);

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct Invalidation {
    pub id: Uuid,
    pub petition_id: Uuid,
    pub organizer_id: Uuid,
    pub effect: Effect,
    pub rule: Vec<u8>,
    pub reason: String,
    pub state: InvalidationState,
    pub after_id: Uuid,
    pub total: i64,
    pub is_counted: bool,
    pub seen: i64,
    pub changed: i64,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Inserts a running job.
pub(crate) async fn insert(conn: &mut PgConnection, job: &Invalidation) -> Result<()> {
    sqlx::query!(
        "INSERT INTO invalidations (id, petition_id, organizer_id, effect, rule, reason, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        job.id,
        job.petition_id,
        job.organizer_id,
        job.effect.as_str(),
        job.rule,
        job.reason,
        job.created_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One page of a petition's jobs, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn of_petition(
    conn: &mut PgConnection,
    petition: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<Invalidation>, Extent)> {
    let scope = [("j.petition_id", ScopeValue::Id(petition))];
    let list = KeysetList::new("invalidations j", &[KeyColumn { sql: "j.id", kind: KeyKind::Uuid }], &scope);
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query_as!(
        Invalidation,
        r#"SELECT id, petition_id, organizer_id, effect AS "effect: Effect", rule, reason, state AS "state: InvalidationState", after_id, total,
                is_counted, seen, changed, created_at, finished_at
         FROM invalidations WHERE id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// A petition's job, locked.
///
/// # Errors
/// `not_found`.
pub(crate) async fn lock(conn: &mut PgConnection, petition: Uuid, id: Uuid) -> Result<Invalidation> {
    Ok(sqlx::query_as!(
        Invalidation,
        r#"SELECT id, petition_id, organizer_id, effect AS "effect: Effect", rule, reason, state AS "state: InvalidationState", after_id, total,
                is_counted, seen, changed, created_at, finished_at
         FROM invalidations WHERE petition_id = $1 AND id = $2 FOR UPDATE"#,
        petition,
        id
    )
    .fetch_one(conn)
    .await?)
}

/// A job by id, locked.
pub(crate) async fn lock_by_id(conn: &mut PgConnection, id: Uuid) -> Result<Option<Invalidation>> {
    Ok(sqlx::query_as!(
        Invalidation,
        r#"SELECT id, petition_id, organizer_id, effect AS "effect: Effect", rule, reason, state AS "state: InvalidationState", after_id, total,
                is_counted, seen, changed, created_at, finished_at
         FROM invalidations WHERE id = $1 FOR UPDATE"#,
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// Updates the state and progress of a job.
pub(crate) async fn save(conn: &mut PgConnection, job: &Invalidation) -> Result<()> {
    sqlx::query!(
        "UPDATE invalidations SET state = $2, after_id = $3, seen = $4, changed = $5, finished_at = $6, total = $7, is_counted = $8 WHERE id = $1",
        job.id,
        job.state.as_str(),
        job.after_id,
        job.seen,
        job.changed,
        job.finished_at,
        job.total,
        job.is_counted
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The part of a rule that SQL evaluates.
#[derive(Clone, Debug)]
pub(crate) struct CandidateFilter {
    /// The petition.
    pub petition: Uuid,
    /// In one of these states.
    pub states: Vec<String>,
    /// Given at this time or later.
    pub after: Option<DateTime<Utc>>,
    /// Given before this time.
    pub before: Option<DateTime<Utc>>,
    /// From this country.
    pub country: Option<String>,
    /// With this word of origin.
    pub source: Option<String>,
    /// From the network with this tag, while tags are stored.
    pub network_tag: Option<Vec<u8>>,
}

/// A signature that may match a rule.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The row.
    pub id: Uuid,
    /// Its person.
    pub person_id: Uuid,
    /// The sealed data.
    pub sealed: Option<Vec<u8>>,
}

/// The id of the petition's `most`-th signature after an id; `None` when there are fewer. Bounds the rows that a
/// statement reads.
pub(crate) async fn find_range_end(
    conn: &mut PgConnection,
    petition: Uuid,
    after: Uuid,
    most: i64,
) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM signatures WHERE petition_id = $1 AND id > $2 ORDER BY id OFFSET $3 LIMIT 1",
        petition,
        after,
        most - 1
    )
    .fetch_optional(conn)
    .await?)
}

/// Matching signatures after an id and up to another, at most `most`.
pub(crate) async fn candidates(
    conn: &mut PgConnection,
    candidate_filter: &CandidateFilter,
    after: Uuid,
    up_to: Option<Uuid>,
    most: i64,
) -> Result<Vec<Candidate>> {
    Ok(sqlx::query_as!(
        Candidate,
        "SELECT s.id, s.person_id, s.sealed FROM signatures s
         WHERE s.petition_id = $1 AND s.id > $2 AND ($10::uuid IS NULL OR s.id <= $10) AND s.state = ANY ($3)
           AND ($4::timestamptz IS NULL OR s.created_at >= $4) AND ($5::timestamptz IS NULL OR s.created_at < $5)
           AND ($6::text IS NULL OR s.country = $6) AND ($7::text IS NULL OR s.source = $7)
           AND ($8::bytea IS NULL OR EXISTS (SELECT FROM signature_signals g WHERE g.signature_id = s.id AND g.network_tag = $8))
         ORDER BY s.id LIMIT $9",
        candidate_filter.petition,
        after,
        &candidate_filter.states,
        candidate_filter.after,
        candidate_filter.before,
        candidate_filter.country,
        candidate_filter.source,
        candidate_filter.network_tag,
        most,
        up_to
    )
    .fetch_all(conn)
    .await?)
}

/// Number of matching signatures after an id and up to another.
pub(crate) async fn count_candidates(
    conn: &mut PgConnection,
    candidate_filter: &CandidateFilter,
    after: Uuid,
    up_to: Option<Uuid>,
) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM signatures s
           WHERE s.petition_id = $1 AND s.id > $8 AND ($9::uuid IS NULL OR s.id <= $9) AND s.state = ANY ($2)
             AND ($3::timestamptz IS NULL OR s.created_at >= $3) AND ($4::timestamptz IS NULL OR s.created_at < $4)
             AND ($5::text IS NULL OR s.country = $5) AND ($6::text IS NULL OR s.source = $6)
             AND ($7::bytea IS NULL OR EXISTS (SELECT FROM signature_signals g WHERE g.signature_id = s.id AND g.network_tag = $7))"#,
        candidate_filter.petition,
        &candidate_filter.states,
        candidate_filter.after,
        candidate_filter.before,
        candidate_filter.country,
        candidate_filter.source,
        candidate_filter.network_tag,
        after,
        up_to
    )
    .fetch_one(conn)
    .await?)
}

/// Signatures that a job has changed, after an id.
pub(crate) async fn find_changed_by(
    conn: &mut PgConnection,
    job: Uuid,
    after: Uuid,
    most: i64,
) -> Result<Vec<Candidate>> {
    Ok(sqlx::query_as!(
        Candidate,
        "SELECT id, person_id, NULL::bytea AS sealed FROM signatures WHERE invalidation_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        job,
        after,
        most
    )
    .fetch_all(conn)
    .await?)
}

/// A signature whose state was changed.
#[derive(Clone, Debug)]
pub(crate) struct SignatureStateChange {
    /// The row.
    pub id: Uuid,
    /// Its state before.
    pub before: SignatureState,
    /// Its state now.
    pub now: SignatureState,
    /// Its attached letter.
    pub letter_id: Option<Uuid>,
}

/// Changes signatures to invalid, quarantined or counted (`to`); of several of one signer only the newest counts. The
/// caller has locked the people.
pub(crate) async fn set_state(
    conn: &mut PgConnection,
    job: Option<Uuid>,
    signatures: &[Uuid],
    to: SignatureState,
    now: DateTime<Utc>,
) -> Result<Vec<SignatureStateChange>> {
    Ok(sqlx::query_as!(
        SignatureStateChange,
        r#"WITH before AS (
               SELECT s.id, s.state,
                      CASE WHEN $3 = 'counted'
                                AND (row_number() OVER (PARTITION BY s.person_id, s.name_index ORDER BY s.attempt DESC, s.id DESC) > 1
                                     OR EXISTS (SELECT FROM signatures o WHERE o.person_id = s.person_id AND o.petition_id = s.petition_id
                                                AND o.name_index = s.name_index AND o.state = 'counted'))
                           THEN 'duplicate' ELSE $3 END AS becomes
               FROM signatures s
               WHERE s.id = ANY ($2) AND s.state <> $3
                 AND s.state IN ('pending', 'counted', 'quarantined', 'invalid') AND ($3 <> 'counted' OR s.counted_at IS NOT NULL)
           )
           UPDATE signatures s
           SET state = b.becomes, state_before = b.state, invalidation_id = $1,
               ended_at = CASE WHEN b.becomes IN ('invalid', 'duplicate') THEN $4::timestamptz END
           FROM before b WHERE s.id = b.id
           RETURNING s.id, b.state AS "before: SignatureState", s.state AS "now: SignatureState", s.letter_id"#,
        job,
        signatures,
        to.as_str(),
        now
    )
    .fetch_all(conn)
    .await?)
}

/// Restores the states that signatures had before a job; of several of one signer only the newest counts. The caller
/// has locked the people.
pub(crate) async fn restore_state(
    conn: &mut PgConnection,
    signatures: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<SignatureStateChange>> {
    Ok(sqlx::query_as!(
        SignatureStateChange,
        r#"WITH before AS (
               SELECT s.id, s.state,
                      CASE WHEN s.state_before = 'counted'
                                AND (row_number() OVER (PARTITION BY s.person_id, s.name_index, s.state_before ORDER BY s.attempt DESC, s.id DESC) > 1
                                     OR EXISTS (SELECT FROM signatures o WHERE o.person_id = s.person_id AND o.petition_id = s.petition_id
                                                AND o.name_index = s.name_index AND o.state = 'counted'))
                           THEN 'duplicate' ELSE s.state_before END AS becomes
               FROM signatures s
               WHERE s.id = ANY ($1) AND s.state_before IS NOT NULL
           )
           UPDATE signatures s
           SET state = b.becomes, state_before = NULL, invalidation_id = NULL,
               ended_at = CASE WHEN b.becomes IN ('invalid', 'duplicate') THEN $2::timestamptz END
           FROM before b WHERE s.id = b.id
           RETURNING s.id, b.state AS "before: SignatureState", s.state AS "now: SignatureState", s.letter_id"#,
        signatures,
        now
    )
    .fetch_all(conn)
    .await?)
}

/// Erases the data of signatures that have been invalid since before a time, some at a time. Returns how many.
pub(crate) async fn erase_invalid(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "UPDATE signatures SET sealed = NULL, comment_state = 'none'
         WHERE id = ANY (ARRAY(SELECT id FROM signatures WHERE state = 'invalid' AND sealed IS NOT NULL AND ended_at < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED))",
        before
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// The jobs over petitions of a vault, locked, in the order of their ids.
pub(crate) async fn lock_of_vault(conn: &mut PgConnection, vault: Uuid) -> Result<Vec<Invalidation>> {
    Ok(sqlx::query_as!(
        Invalidation,
        r#"SELECT id, petition_id, organizer_id, effect AS "effect: Effect", rule, reason, state AS "state: InvalidationState", after_id, total,
                is_counted, seen, changed, created_at, finished_at
         FROM invalidations WHERE petition_id IN (SELECT a.id FROM actions a WHERE a.vault_id = $1) ORDER BY id FOR UPDATE"#,
        vault
    )
    .fetch_all(conn)
    .await?)
}

/// The greatest id of a petition's signatures below another; nil: none.
pub(crate) async fn id_before(conn: &mut PgConnection, petition: Uuid, id: Uuid) -> Result<Uuid> {
    let before = sqlx::query_scalar!(
        "SELECT id FROM signatures WHERE petition_id = $1 AND id < $2 ORDER BY id DESC LIMIT 1",
        petition,
        id
    );
    Ok(before.fetch_optional(conn).await?.unwrap_or_default())
}

/// Replaces the rule of a job.
pub(crate) async fn replace_rule(conn: &mut PgConnection, job: Uuid, rule: &[u8]) -> Result<()> {
    sqlx::query!("UPDATE invalidations SET rule = $2 WHERE id = $1", job, rule).execute(conn).await?;
    Ok(())
}
