//! SQL over `petitions` and `signatures`.

pub(super) mod abuse;
pub(super) mod breakdowns;
pub(super) mod comments;
pub(super) mod confirmations;
pub(super) mod counts;
pub(super) mod deliveries;
pub(super) mod ended;
pub(super) mod imports;
pub(super) mod invalidations;
mod lists;
pub(super) mod milestones;
pub(super) mod paper;
pub(super) mod signers;
mod submissions;

pub(super) use lists::{PETITION_FIELDS, SIGNATURE_FIELDS, list, signatures};
pub(super) use submissions::{SignatureSubmission, SubmissionResult, submit_signatures};

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use deliveries::PetitionDelivery;

use crate::{
    campaigns::{self, Action, Kind},
    error::{Error, Result},
    kernel::http_cache::LazyResponse,
    petitions::{
        questions::{Fields, Question},
        state::{CommentState, QuarantineReason, SignatureState, Vetting},
        submission::Display,
    },
};

/// A petition with its action.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each switch")]
pub struct Petition {
    /// Its action.
    pub action: Action,
    /// What is signed (Markdown).
    pub petition_text: String,
    /// Whom it is addressed to.
    pub targets: Vec<String>,
    /// What is demanded, one sentence each.
    pub demands: Vec<String>,
    /// Number of signatures wanted.
    pub goal: Option<i64>,
    /// The attached letter action.
    pub letter_action_id: Option<Uuid>,
    /// Signatures on paper, not part of the counts.
    pub paper_count: i64,
    /// False: contacts are erased right after confirmation.
    pub keeps_contacts: bool,
    /// Does the public see breakdowns of the counts?
    pub shows_breakdowns: bool,
    /// Standard fields of the form.
    pub fields: Fields,
    /// Custom questions.
    pub questions: Vec<Question>,
    /// Milestones that organizers set, beside the quarters of the goal.
    pub milestones: Vec<i64>,
    /// Is the goal raised once it is reached?
    pub raises_goal: bool,
    /// May people of different names sign with one address?
    pub shares_addresses: bool,
    /// Deliveries that were done, newest first.
    pub deliveries: Vec<PetitionDelivery>,
    /// Usual signatures per hour: the mean of the last seven whole days.
    pub average_per_hour: u64,
    /// The public answer of the API.
    pub public: LazyResponse,
    /// The public counts of the API.
    pub public_counts: LazyResponse,
}

impl Petition {
    /// How much of its goal is reached, 0 to 100; 0 without a goal.
    pub fn percent(&self) -> i64 {
        self.goal.map_or(0, |goal| (self.action.published_count * 100 / goal.max(1)).min(100))
    }

    /// Is the contact erased once the signature counts? Yes for protected petitions, for petitions that keep no
    /// contacts, and for signers who ask for it.
    pub fn drops_contact(&self, keep_nothing: bool) -> bool {
        keep_nothing || self.action.protected || !self.keeps_contacts
    }
}

/// Loads the petition of an action.
///
/// # Errors
/// `not_found`.
pub async fn load_for_action(conn: &mut PgConnection, action: Action) -> Result<Petition> {
    load_for_actions(conn, vec![action]).await?.pop().ok_or_else(Error::not_found)
}

/// Loads the petitions of actions, in their order.
pub(super) async fn load_for_actions(conn: &mut PgConnection, actions: Vec<Action>) -> Result<Vec<Petition>> {
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
        if delivery.is_delivered() {
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
            public: LazyResponse::default(),
            public_counts: LazyResponse::default(),
        })
    });
    Ok(completed.collect())
}

/// A petition by id.
///
/// # Errors
/// `not_found`.
pub(super) async fn petition(conn: &mut PgConnection, id: Uuid) -> Result<Petition> {
    petitions(conn, &[id]).await?.pop().ok_or_else(Error::not_found)
}

/// Petitions by their ids, in that order; those that do not exist are left out.
pub(super) async fn petitions(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Petition>> {
    let actions = campaigns::by_ids(conn, ids).await?;
    load_for_actions(conn, actions).await
}

/// The columns of `petitions` that organizers set.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each switch")]
pub struct PetitionColumns {
    pub petition_text: String,
    pub targets: Vec<String>,
    pub demands: Vec<String>,
    pub goal: Option<i64>,
    pub fields: Fields,
    pub questions: Vec<Question>,
    pub keeps_contacts: bool,
    pub shares_addresses: bool,
    pub shows_breakdowns: bool,
    pub milestones: Vec<i64>,
    pub raises_goal: bool,
}

/// Locks a petition's row, so that the milestone job does not raise its goal meanwhile. The action is locked before.
pub(super) async fn lock_petition(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("SELECT id FROM petitions WHERE id = $1 FOR NO KEY UPDATE", id).fetch_one(conn).await?;
    Ok(())
}

/// Inserts the row of a petition whose action exists.
pub(super) async fn insert(
    conn: &mut PgConnection,
    id: Uuid,
    letter: Option<Uuid>,
    columns: &PetitionColumns,
) -> Result<()> {
    sqlx::query!("INSERT INTO petitions (id, letter_action_id) VALUES ($1, $2)", id, letter)
        .execute(&mut *conn)
        .await?;
    save(conn, id, columns).await
}

/// Updates all columns that organizers set. Milestones that are reached already are recorded, and breakdowns that are shown
/// from now on are published, on the next tick.
pub(super) async fn save(conn: &mut PgConnection, id: Uuid, columns: &PetitionColumns) -> Result<()> {
    sqlx::query!(
        "UPDATE petitions SET petition_text = $2, targets = $3, demands = $4, goal = $5, fields = $6, questions = $7, keeps_contacts = $8,
                              shares_addresses = $9, shows_breakdowns = $10, milestones = $11, raises_goal = $12
         WHERE id = $1",
        id,
        columns.petition_text,
        &columns.targets,
        &columns.demands,
        columns.goal,
        Json(&columns.fields) as _,
        Json(&columns.questions) as _,
        columns.keeps_contacts,
        columns.shares_addresses,
        columns.shows_breakdowns,
        &columns.milestones,
        columns.raises_goal
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("INSERT INTO count_moves (action_id) VALUES ($1) ON CONFLICT DO NOTHING", id).execute(conn).await?;
    Ok(())
}

/// The keys of a petition's custom questions, in their order.
pub async fn question_keys(conn: &mut PgConnection, petition: Uuid) -> Result<Vec<String>> {
    let questions = sqlx::query_scalar!(
        r#"SELECT questions AS "questions: Json<Vec<Question>>" FROM petitions WHERE id = $1"#,
        petition
    )
    .fetch_one(conn)
    .await?;
    Ok(questions.0.into_iter().map(|question| question.key).collect())
}

/// A petition by id or slug.
///
/// # Errors
/// `not_found`.
pub(super) async fn by_key(conn: &mut PgConnection, key: &str) -> Result<Petition> {
    let action = campaigns::by_key(conn, Kind::Petition, key).await?;
    load_for_action(conn, action).await
}

/// A row of `signatures`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns are described in migrations/0001_baseline.sql")]
pub struct SignatureRow {
    pub id: Uuid,
    pub petition_id: Uuid,
    pub person_id: Uuid,
    pub state: SignatureState,
    pub sealed: Option<Vec<u8>>,
    pub display: Display,
    pub comment_state: CommentState,
    pub vetted: Vetting,
    pub locale: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub source: Option<String>,
    pub letter_id: Option<Uuid>,
    pub link_generation: i16,
    pub quarantine_reason: Option<QuarantineReason>,
    pub name_index: Vec<u8>,
    pub delivers_name: bool,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub counted_at: Option<DateTime<Utc>>,
}

impl SignatureRow {
    /// See [`SignatureState::is_effective`].
    pub fn is_effective(&self) -> bool {
        self.state.is_effective()
    }
}

/// A signature by id.
///
/// # Errors
/// `not_found`.
pub(super) async fn signature(conn: &mut PgConnection, id: Uuid) -> Result<SignatureRow> {
    signatures_by_id(conn, &[id]).await?.pop().ok_or_else(Error::not_found)
}

/// Signatures by id, in no order; missing ones are left out.
pub(super) async fn signatures_by_id(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SignatureRow>> {
    Ok(sqlx::query_as!(
        SignatureRow,
        r#"SELECT id, petition_id, person_id, state AS "state: SignatureState", sealed, display AS "display: Display", comment_state AS "comment_state: CommentState",
                  vetted AS "vetted: Vetting", locale, country, region, source, letter_id, link_generation,
                  quarantine_reason AS "quarantine_reason: QuarantineReason", name_index, delivers_name, confirm_expires_at, created_at, counted_at
         FROM signatures WHERE id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// A signature by id, locked (`FOR UPDATE`).
///
/// # Errors
/// `not_found`.
pub(super) async fn lock_signature(conn: &mut PgConnection, id: Uuid) -> Result<SignatureRow> {
    Ok(sqlx::query_as!(
        SignatureRow,
        r#"SELECT id, petition_id, person_id, state AS "state: SignatureState", sealed, display AS "display: Display", comment_state AS "comment_state: CommentState",
                  vetted AS "vetted: Vetting", locale, country, region, source, letter_id, link_generation,
                  quarantine_reason AS "quarantine_reason: QuarantineReason", name_index, delivers_name, confirm_expires_at, created_at, counted_at
         FROM signatures WHERE id = $1 FOR UPDATE"#,
        id
    )
    .fetch_one(conn)
    .await?)
}

/// The effective signature of the same signer as this row: the counted or quarantined one.
pub(super) async fn find_effective(conn: &mut PgConnection, row: &SignatureRow) -> Result<Option<SignatureRow>> {
    Ok(sqlx::query_as!(
        SignatureRow,
        r#"SELECT id, petition_id, person_id, state AS "state: SignatureState", sealed, display AS "display: Display", comment_state AS "comment_state: CommentState",
                  vetted AS "vetted: Vetting", locale, country, region, source, letter_id, link_generation,
                  quarantine_reason AS "quarantine_reason: QuarantineReason", name_index, delivers_name, confirm_expires_at, created_at, counted_at
         FROM signatures WHERE person_id = $2 AND petition_id = $1 AND name_index = $3 AND state IN ('counted', 'quarantined')
         ORDER BY state LIMIT 1"#,
        row.petition_id,
        row.person_id,
        row.name_index
    )
    .fetch_optional(conn)
    .await?)
}

/// Ends a signature as duplicate (merged into the counted one) or withdrawn, and erases its data.
pub(super) async fn end_signature(
    conn: &mut PgConnection,
    id: Uuid,
    state: SignatureState,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE signatures SET state = $2, ended_at = $3, confirm_expires_at = NULL, sealed = NULL, comment_state = 'none' WHERE id = $1",
        id,
        state.as_str(),
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a pending signature.
pub(super) async fn delete_pending(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM signatures WHERE id = $1 AND state = 'pending'", id).execute(conn).await?;
    Ok(())
}

/// Appends the deltas of signatures to the counters of every dimension; `by` is 1 or -1.
pub(super) async fn add_deltas(conn: &mut PgConnection, signatures: &[Uuid], by: i64) -> Result<(), sqlx::Error> {
    if signatures.is_empty() {
        return Ok(());
    }
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

/// Replaces the sealed content of a signature, which is locked.
pub(super) async fn replace_sealed(conn: &mut PgConnection, id: Uuid, sealed: &[u8]) -> Result<()> {
    sqlx::query!("UPDATE signatures SET sealed = $2 WHERE id = $1", id, sealed).execute(conn).await?;
    Ok(())
}
