//! All SQL over `petitions` and `signatures`.

pub mod abuse;
pub mod comments;
pub mod counts;
pub mod deliveries;
pub mod imports;
pub mod invalidations;
mod lists;
pub mod milestones;
pub mod paper;
pub mod signers;
mod submissions;

pub use lists::{PETITION_FIELDS, SIGNATURE_FIELDS, list, signatures};
pub use submissions::{SignatureSubmission, SubmissionResult, submit_signatures};

use std::{collections::HashMap, sync::OnceLock};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use deliveries::PetitionDelivery;

use crate::{
    campaigns::{self, Action, Kind},
    error::{Error, Result},
    kernel::http_cache::CachedResponse,
    petitions::questions::{Fields, Question},
};

/// A petition with what all actions share.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each switch")]
pub struct Petition {
    /// The shared part.
    pub action: Action,
    /// What is signed (Markdown).
    pub petition_text: String,
    /// Whom it is addressed to.
    pub targets: Vec<String>,
    /// What is demanded, one sentence each.
    pub demands: Vec<String>,
    /// How many signatures it wants.
    pub goal: Option<i64>,
    /// The letter action that signing writes along.
    pub letter_action_id: Option<Uuid>,
    /// Signatures on paper, shown apart.
    pub paper_count: i64,
    /// False: every contact is dropped right after confirmation.
    pub keeps_contacts: bool,
    /// Does the public see breakdowns of the counts?
    pub shows_breakdowns: bool,
    /// Which of the usual fields the form asks for.
    pub fields: Fields,
    /// What it asks besides.
    pub questions: Vec<Question>,
    /// Steps of the organizers' own, beside the quarters of the goal.
    pub milestones: Vec<i64>,
    /// Is the goal raised once it is reached?
    pub raises_goal: bool,
    /// May people of different names sign with one address?
    pub shares_addresses: bool,
    /// Deliveries that were done, newest first.
    pub deliveries: Vec<PetitionDelivery>,
    /// Signatures that it usually gets in an hour: the mean of the last seven whole days.
    pub average_per_hour: u64,
    /// The public JSON, once somebody asked for it.
    pub public: OnceLock<CachedResponse>,
    /// The public counts, likewise.
    pub public_counts: OnceLock<CachedResponse>,
}

impl Petition {
    /// How much of its goal is reached, 0 to 100; 0 without a goal.
    pub fn percent(&self) -> i64 {
        self.goal.map_or(0, |goal| (self.action.published_count * 100 / goal.max(1)).min(100))
    }

    /// Is the contact dropped once the signature counts? Always for protected petitions, where the petition says so, and
    /// where the signer asks for it.
    pub fn drops_contact(&self, keep_nothing: bool) -> bool {
        keep_nothing || self.action.protected || !self.keeps_contacts
    }
}

/// Completes an action to the petition it belongs to.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn load_for_action(conn: &mut PgConnection, action: Action) -> Result<Petition> {
    load_for_actions(conn, vec![action]).await?.pop().ok_or_else(Error::not_found)
}

/// Completes actions to the petitions they belong to, in their order.
///
/// # Errors
/// A database error.
pub async fn load_for_actions(conn: &mut PgConnection, actions: Vec<Action>) -> Result<Vec<Petition>> {
    let ids: Vec<Uuid> = actions.iter().map(|action| action.id).collect();
    let rows = sqlx::query!(
        r#"SELECT id, petition_text, targets, demands, goal, letter_action_id, keeps_contacts, shows_breakdowns, shares_addresses, milestones, raises_goal,
                  fields AS "fields: Json<Fields>", questions AS "questions: Json<Vec<Question>>",
                  (SELECT coalesce(sum(b.count), 0)::bigint FROM paper_batches b WHERE b.petition_id = p.id) AS "paper_count!",
                  (SELECT coalesce(sum(c.value), 0)::bigint / 168 FROM action_counts c
                   WHERE c.action_id = p.id AND c.dimension = 'day' AND c.key = ANY (
                       SELECT to_char((now() AT TIME ZONE 'UTC')::date - d, 'YYYY-MM-DD') FROM generate_series(1, 7) d)) AS "average_per_hour!"
           FROM petitions p WHERE id = ANY ($1)"#,
        &ids
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut rows: HashMap<Uuid, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let mut done: HashMap<Uuid, Vec<PetitionDelivery>> = HashMap::new();
    for (petition, delivery) in deliveries::of_petitions(conn, &ids, None).await? {
        if delivery.delivered {
            done.entry(petition).or_default().push(delivery);
        }
    }
    let completed = actions.into_iter().filter_map(|action| {
        let row = rows.remove(&action.id)?;
        Some(Petition {
            deliveries: done.remove(&action.id).unwrap_or_default(),
            action,
            petition_text: row.petition_text,
            targets: row.targets,
            demands: row.demands,
            goal: row.goal,
            letter_action_id: row.letter_action_id,
            paper_count: row.paper_count,
            keeps_contacts: row.keeps_contacts,
            shows_breakdowns: row.shows_breakdowns,
            shares_addresses: row.shares_addresses,
            milestones: row.milestones,
            raises_goal: row.raises_goal,
            fields: row.fields.0,
            questions: row.questions.0,
            average_per_hour: row.average_per_hour.max(0).unsigned_abs(),
            public: OnceLock::new(),
            public_counts: OnceLock::new(),
        })
    });
    Ok(completed.collect())
}

/// A petition by id.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn petition(conn: &mut PgConnection, id: Uuid) -> Result<Petition> {
    let action = campaigns::by_id(conn, id).await?;
    load_for_action(conn, action).await
}

/// Writes the petition's own columns.
///
/// # Errors
/// A database error.
pub async fn insert(
    conn: &mut PgConnection,
    id: Uuid,
    text: &str,
    targets: &[String],
    goal: Option<i64>,
    letter: Option<Uuid>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO petitions (id, petition_text, targets, goal, letter_action_id) VALUES ($1, $2, $3, $4, $5)",
        id,
        text,
        targets,
        goal,
        letter
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Changes the petition's own columns; `None` leaves one as it is.
///
/// # Errors
/// A database error.
pub async fn save(
    conn: &mut PgConnection,
    id: Uuid,
    text: Option<&str>,
    targets: Option<&[String]>,
    goal: Option<i64>,
) -> Result<()> {
    sqlx::query!("UPDATE petitions SET petition_text = coalesce($2, petition_text), targets = coalesce($3, targets), goal = coalesce($4, goal) WHERE id = $1", id, text, targets, goal)
        .execute(conn)
        .await?;
    Ok(())
}

/// Switches what a petition keeps and shows; `None` leaves it as it is.
///
/// # Errors
/// A database error.
pub async fn set_options(
    conn: &mut PgConnection,
    id: Uuid,
    keeps_contacts: Option<bool>,
    shows_breakdowns: Option<bool>,
    shares_addresses: Option<bool>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE petitions SET keeps_contacts = coalesce($2, keeps_contacts), shows_breakdowns = coalesce($3, shows_breakdowns), shares_addresses = coalesce($4, shares_addresses) WHERE id = $1",
        id,
        keeps_contacts,
        shows_breakdowns,
        shares_addresses
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes a petition's demands.
///
/// # Errors
/// A database error.
pub async fn set_demands(conn: &mut PgConnection, id: Uuid, demands: &[String]) -> Result<()> {
    sqlx::query!("UPDATE petitions SET demands = $2 WHERE id = $1", id, demands).execute(conn).await?;
    Ok(())
}

/// Changes what the form asks; `None` leaves it as it is.
///
/// # Errors
/// A database error.
pub async fn set_form(
    conn: &mut PgConnection,
    id: Uuid,
    fields: Option<&Fields>,
    questions: Option<&[Question]>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE petitions SET fields = coalesce($2, fields), questions = coalesce($3, questions) WHERE id = $1",
        id,
        fields.map(Json) as _,
        questions.map(Json) as _
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The keys of a petition's own questions, in their order.
///
/// # Errors
/// A database error.
pub async fn question_keys(conn: &mut PgConnection, petition: Uuid) -> Result<Vec<String>> {
    let questions = sqlx::query_scalar!(
        r#"SELECT questions AS "questions: Json<Vec<Question>>" FROM petitions WHERE id = $1"#,
        petition
    )
    .fetch_one(conn)
    .await?;
    Ok(questions.0.into_iter().map(|question| question.key).collect())
}

/// A petition by id or slug, as the public act needs it.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn by_key(conn: &mut PgConnection, key: &str) -> Result<Petition> {
    let action = campaigns::by_key(conn, Kind::Petition, key).await?;
    load_for_action(conn, action).await
}

/// A row of `signatures`.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in migrations/0006_petitions.sql")]
pub struct SignatureRow {
    pub id: Uuid,
    pub petition_id: Uuid,
    pub person_id: Uuid,
    pub state: String,
    pub sealed: Option<Vec<u8>>,
    pub display: String,
    pub comment_state: String,
    pub vetted: String,
    pub locale: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub source: Option<String>,
    pub letter_id: Option<Uuid>,
    pub link_generation: i16,
    pub quarantine_reason: Option<String>,
    pub name_index: Vec<u8>,
    pub delivers_name: bool,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub counted_at: Option<DateTime<Utc>>,
}

impl SignatureRow {
    /// Has it taken effect for its signer? One that is held back looks signed to whoever gave it.
    pub fn is_effective(&self) -> bool {
        matches!(self.state.as_str(), "counted" | "quarantined")
    }
}

/// A signature by id.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn signature(conn: &mut PgConnection, id: Uuid) -> Result<SignatureRow> {
    signatures_by_id(conn, &[id]).await?.pop().ok_or_else(Error::not_found)
}

/// Those of the signatures that are there, in no order.
///
/// # Errors
/// A database error.
pub async fn signatures_by_id(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SignatureRow>> {
    Ok(sqlx::query_as!(
        SignatureRow,
        "SELECT id, petition_id, person_id, state, sealed, display, comment_state, vetted, locale, country, region, source, letter_id, link_generation, quarantine_reason, name_index, delivers_name, confirm_expires_at, created_at, counted_at
         FROM signatures WHERE id = ANY ($1)",
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// A signature by id, locked for a change.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn lock_signature(conn: &mut PgConnection, id: Uuid) -> Result<SignatureRow> {
    Ok(sqlx::query_as!(
        SignatureRow,
        "SELECT id, petition_id, person_id, state, sealed, display, comment_state, vetted, locale, country, region, source, letter_id, link_generation, quarantine_reason, name_index, delivers_name, confirm_expires_at, created_at, counted_at
         FROM signatures WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_one(conn)
    .await?)
}

/// The signature that stands for the same signer as this row: the counted one, or the one that is held back. Locked.
///
/// # Errors
/// A database error.
pub async fn lock_effective(conn: &mut PgConnection, row: &SignatureRow) -> Result<Option<SignatureRow>> {
    Ok(sqlx::query_as!(
        SignatureRow,
        "SELECT id, petition_id, person_id, state, sealed, display, comment_state, vetted, locale, country, region, source, letter_id, link_generation, quarantine_reason, name_index, delivers_name, confirm_expires_at, created_at, counted_at
         FROM signatures WHERE person_id = $2 AND petition_id = $1 AND name_index = $3 AND state IN ('counted', 'quarantined')
         ORDER BY state LIMIT 1 FOR UPDATE",
        row.petition_id,
        row.person_id,
        row.name_index
    )
    .fetch_optional(conn)
    .await?)
}

/// The signature that stands for the same signer as this row: the counted one, or the one that is held back.
///
/// # Errors
/// A database error.
pub async fn find_effective(conn: &mut PgConnection, row: &SignatureRow) -> Result<Option<SignatureRow>> {
    Ok(sqlx::query_as!(
        SignatureRow,
        "SELECT id, petition_id, person_id, state, sealed, display, comment_state, vetted, locale, country, region, source, letter_id, link_generation, quarantine_reason, name_index, delivers_name, confirm_expires_at, created_at, counted_at
         FROM signatures WHERE person_id = $2 AND petition_id = $1 AND name_index = $3 AND state IN ('counted', 'quarantined')
         ORDER BY state LIMIT 1",
        row.petition_id,
        row.person_id,
        row.name_index
    )
    .fetch_optional(conn)
    .await?)
}

/// Makes a pending signature count, or holds it back (`into`: 'counted' or 'quarantined'). False when another one of the
/// same signer stands already; one that counts takes the place of one that was held back.
///
/// # Errors
/// A database error.
pub async fn confirm_pending(
    conn: &mut PgConnection,
    row: &SignatureRow,
    into: &str,
    at: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    // a savepoint-free race: the partial unique index decides, and the caller holds the person's lock
    let done = sqlx::query!(
        "UPDATE signatures s SET state = $2, counted_at = $3, confirm_expires_at = NULL
         WHERE s.id = $1 AND s.state = 'pending'
           AND NOT EXISTS (SELECT FROM signatures o WHERE o.person_id = s.person_id AND o.petition_id = s.petition_id AND o.name_index = s.name_index
                           AND (o.state = 'counted' OR (o.state = 'quarantined' AND $2 = 'quarantined')))",
        row.id,
        into,
        at
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 1 && into == "counted" {
        sqlx::query!(
            "UPDATE signatures SET state = 'duplicate', ended_at = $4, sealed = NULL
             WHERE person_id = $2 AND petition_id = $1 AND name_index = $3 AND state = 'quarantined'",
            row.petition_id,
            row.person_id,
            row.name_index,
            at
        )
        .execute(conn)
        .await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Takes over what a newer, confirmed act of the same person says into the signature that counts; a new comment waits to be
/// read again.
///
/// # Errors
/// A database error.
pub async fn update_counted(
    conn: &mut PgConnection,
    id: Uuid,
    sealed: &[u8],
    newer: &SignatureRow,
    new_comment: bool,
) -> Result<()> {
    sqlx::query!(
        "UPDATE signatures SET sealed = $2, display = $3, comment_state = CASE WHEN $4 THEN 'waiting' ELSE comment_state END, delivers_name = $5
         WHERE id = $1",
        id,
        sealed,
        newer.display,
        new_comment,
        newer.delivers_name
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Drops everything that a counted signature says but what counting needs, and the person's other attempts here.
///
/// # Errors
/// A database error.
pub async fn drop_contact(conn: &mut PgConnection, row: &SignatureRow) -> Result<()> {
    sqlx::query!(
        "UPDATE signatures SET sealed = NULL, display = 'hidden', comment_state = 'none', delivers_name = false WHERE id = $1",
        row.id
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM signatures WHERE petition_id = $1 AND person_id = $2 AND state = 'pending' AND id <> $3 AND letter_id IS NULL",
        row.petition_id,
        row.person_id,
        row.id
    )
    .execute(&mut *conn)
    .await?;
    erase_duplicate_payloads(conn, row.petition_id, row.person_id).await
}

/// Ends a signature as 'duplicate' (what it said is in the one that counts) or 'withdrawn'; its contents go.
///
/// # Errors
/// A database error.
pub async fn end_signature(conn: &mut PgConnection, id: Uuid, state: &str, at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE signatures SET state = $2, ended_at = $3, confirm_expires_at = NULL, sealed = NULL, comment_state = 'none' WHERE id = $1",
        id,
        state,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Empties what was kept uncounted of a person's signatures, when the one that counts is taken back.
///
/// # Errors
/// A database error.
pub async fn erase_duplicate_payloads(conn: &mut PgConnection, petition: Uuid, person: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE signatures SET sealed = NULL WHERE petition_id = $1 AND person_id = $2 AND state = 'duplicate'",
        petition,
        person
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a pending signature ("this was not me").
///
/// # Errors
/// A database error.
pub async fn delete_pending(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM signatures WHERE id = $1 AND state = 'pending'", id).execute(conn).await?;
    Ok(())
}

/// Adds what these signatures count for (`by` is 1 or -1 for each) to every dimension.
///
/// # Errors
/// A database error.
pub async fn add_deltas(conn: &mut PgConnection, signatures: &[Uuid], by: i64) -> Result<()> {
    sqlx::query!(
        "INSERT INTO action_count_deltas (action_id, dimension, key, delta)
         SELECT s.petition_id, d.dimension, d.key, $2 * count(*)
         FROM signatures s,
              LATERAL (VALUES ('total', ''), ('day', to_char(s.counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('country', s.country),
                              ('region', s.country || '-' || s.region), ('locale', s.locale), ('source', s.source)) d (dimension, key)
         WHERE s.id = ANY ($1) AND d.key IS NOT NULL
         GROUP BY 1, 2, 3",
        signatures,
        by
    )
    .execute(conn)
    .await?;
    Ok(())
}
