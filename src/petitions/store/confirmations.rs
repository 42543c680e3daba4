//! SQL of confirming signatures, many in one transaction.
//!
//! A person's few rows are found by `person_id` alone and told apart afterwards: a condition on `petition_id` beside it
//! might one day be answered by reading the whole petition.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::SignatureRow;
use crate::{
    actions::submission::{LockedRows, SubmissionKey},
    petitions::{
        kind::SignatureKind,
        state::{CommentState, QuarantineReason, SignatureState, Vetting},
        submission::Display,
    },
};

/// The effective signatures of the signer of another one, on the same petition; one that counts comes first.
pub(crate) type EffectiveSignatures = Vec<SignatureRow>;

/// The keys of signatures that exist.
pub(crate) async fn keys(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SubmissionKey>, sqlx::Error> {
    sqlx::query_as!(SubmissionKey, "SELECT id, person_id, link_generation FROM signatures WHERE id = ANY ($1)", ids)
        .fetch_all(conn)
        .await
}

/// Reads signatures of different people, each with those that are effective of the same signer, and locks all of them.
/// The caller holds the locks of the people.
pub(crate) async fn lock_with_effective(
    conn: &mut PgConnection,
    keys: &[SubmissionKey],
) -> Result<LockedRows<SignatureKind>, sqlx::Error> {
    let ids: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
    let people: Vec<Uuid> = keys.iter().map(|key| key.person_id).collect();
    let rows = sqlx::query_as!(
        SignatureRow,
        r#"WITH theirs AS MATERIALIZED (
               SELECT id, petition_id, state FROM signatures WHERE person_id = ANY ($1)
           )
           SELECT id, petition_id, person_id, state AS "state: SignatureState", sealed, display AS "display: Display", comment_state AS "comment_state: CommentState",
                  vetted AS "vetted: Vetting", locale, country, region, source, letter_id, link_generation,
                  quarantine_reason AS "quarantine_reason: QuarantineReason", name_index, delivers_name, confirm_expires_at, created_at, counted_at
           FROM signatures
           WHERE id = ANY (ARRAY(SELECT t.id FROM theirs t
                                 WHERE t.id = ANY ($2)
                                    OR (t.state IN ('counted', 'quarantined')
                                        AND t.petition_id IN (SELECT o.petition_id FROM theirs o WHERE o.id = ANY ($2)))))
           ORDER BY id FOR UPDATE"#,
        &people,
        &ids
    )
    .fetch_all(conn)
    .await?;
    let (own, others): (Vec<SignatureRow>, Vec<SignatureRow>) = rows.into_iter().partition(|row| ids.contains(&row.id));
    let mut by_person: HashMap<Uuid, Vec<SignatureRow>> = HashMap::new();
    for row in others {
        by_person.entry(row.person_id).or_default().push(row);
    }
    let with_effective = |row: SignatureRow| {
        let mut theirs = by_person.remove(&row.person_id).unwrap_or_default();
        theirs.retain(|other| {
            other.petition_id == row.petition_id && other.name_index == row.name_index && other.state.is_effective()
        });
        theirs.sort_by_key(|other| other.state != SignatureState::Counted);
        (row, theirs)
    };
    Ok(own.into_iter().map(with_effective).collect())
}

/// Changes pending signatures to counted or quarantined. The caller holds the locks of the people, and has ended
/// whatever was effective of the same signers.
pub(crate) async fn set_confirmed(
    conn: &mut PgConnection,
    confirmed: &[(Uuid, SignatureState, DateTime<Utc>)],
) -> Result<(), sqlx::Error> {
    if confirmed.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = confirmed.iter().map(|(id, ..)| *id).collect();
    let states: Vec<String> = confirmed.iter().map(|(_, state, _)| state.as_str().to_owned()).collect();
    let times: Vec<DateTime<Utc>> = confirmed.iter().map(|(.., at)| *at).collect();
    sqlx::query!(
        "UPDATE signatures s SET state = v.state, counted_at = v.at, confirm_expires_at = NULL
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) v (id, state, at) WHERE s.id = v.id",
        &ids,
        &states,
        &times
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends quarantined signatures whose signers have confirmed another one that counts.
pub(crate) async fn end_superseded(
    conn: &mut PgConnection,
    superseded: &[(Uuid, DateTime<Utc>)],
) -> Result<(), sqlx::Error> {
    if superseded.is_empty() {
        return Ok(());
    }
    let (ids, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = superseded.iter().copied().unzip();
    sqlx::query!(
        "UPDATE signatures s SET state = 'duplicate', ended_at = v.at, sealed = NULL
         FROM unnest($1::uuid[], $2::timestamptz[]) v (id, at) WHERE s.id = v.id",
        &ids,
        &times
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces the data of a counted signature by that of a newer, confirmed one of the same person; a new comment waits
/// for approval.
pub(crate) async fn update_counted(
    conn: &mut PgConnection,
    id: Uuid,
    sealed: &[u8],
    newer: &SignatureRow,
    new_comment: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE signatures SET sealed = $2, display = $3, comment_state = CASE WHEN $4 THEN 'waiting' ELSE comment_state END, delivers_name = $5
         WHERE id = $1",
        id,
        sealed,
        newer.display.as_str(),
        new_comment,
        newer.delivers_name
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Erases everything of counted signatures that counting does not need, and the same people's other pending signatures
/// of the petitions.
pub(crate) async fn drop_contacts(conn: &mut PgConnection, rows: &[&SignatureRow]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    sqlx::query!(
        "UPDATE signatures SET sealed = NULL, display = 'hidden', comment_state = 'none', delivers_name = false WHERE id = ANY ($1)",
        &ids
    )
    .execute(&mut *conn)
    .await?;
    let signers: Vec<(Uuid, Uuid)> = rows.iter().map(|row| (row.petition_id, row.person_id)).collect();
    let (petitions, people): (Vec<Uuid>, Vec<Uuid>) = signers.iter().copied().unzip();
    sqlx::query!(
        "WITH theirs AS MATERIALIZED (
             SELECT id, petition_id, person_id, state, letter_id FROM signatures WHERE person_id = ANY ($2)
         )
         DELETE FROM signatures
         WHERE id = ANY (ARRAY(SELECT t.id FROM theirs t JOIN unnest($1::uuid[], $2, $3::uuid[]) v (petition_id, person_id, kept) USING (petition_id, person_id)
                               WHERE t.state = 'pending' AND t.id <> v.kept AND t.letter_id IS NULL))",
        &petitions,
        &people,
        &ids
    )
    .execute(&mut *conn)
    .await?;
    erase_duplicate_payloads(conn, &signers).await
}

/// Erases the data of duplicates of these people (petition, person), whose counted signature has none any more.
pub(crate) async fn erase_duplicate_payloads(
    conn: &mut PgConnection,
    signers: &[(Uuid, Uuid)],
) -> Result<(), sqlx::Error> {
    let (petitions, people): (Vec<Uuid>, Vec<Uuid>) = signers.iter().copied().unzip();
    sqlx::query!(
        "WITH theirs AS MATERIALIZED (
             SELECT id, petition_id, person_id, state FROM signatures WHERE person_id = ANY ($2)
         )
         UPDATE signatures SET sealed = NULL
         WHERE id = ANY (ARRAY(SELECT t.id FROM theirs t JOIN unnest($1::uuid[], $2) v (petition_id, person_id) USING (petition_id, person_id)
                               WHERE t.state = 'duplicate'))",
        &petitions,
        &people
    )
    .execute(conn)
    .await?;
    Ok(())
}
