//! SQL by signer: reminders, codes, the own page, erasure.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    actions::submission::{DueReminder, SubmissionKey},
    error::Result,
    petitions::state::SignatureState,
};

/// All signatures of a person.
pub(crate) async fn of_person(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM signatures WHERE person_id = $1", person).fetch_all(conn).await?)
}

/// Voids the links mailed about the signatures of a person that came before a time, except of those that wait to be
/// confirmed. The caller holds the lock of the person's row.
pub(crate) async fn void_links(conn: &mut PgConnection, person: Uuid, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE signatures SET link_generation = least(link_generation + 1, 32767)
         WHERE person_id = $1 AND state <> 'pending' AND created_at < $2",
        person,
        before
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest signatures of an address on a petition that a code may confirm: pending or effective ones.
pub(crate) async fn by_address(
    conn: &mut PgConnection,
    petition: Uuid,
    vault: Uuid,
    email_index: &[u8],
) -> Result<Vec<SubmissionKey>> {
    Ok(sqlx::query_as!(
        SubmissionKey,
        "SELECT s.id, s.person_id, s.link_generation FROM people p JOIN signatures s ON s.person_id = p.id
         WHERE p.vault_id = $1 AND p.email_index = $2 AND s.petition_id = $3 AND s.state IN ('pending', 'counted', 'quarantined')
         ORDER BY s.attempt DESC LIMIT 201",
        vault,
        email_index,
        petition
    )
    .fetch_all(conn)
    .await?)
}

/// The states of an address's signatures on a petition.
pub(crate) async fn states_by_address(
    conn: &mut PgConnection,
    petition: Uuid,
    vault: Uuid,
    email_index: &[u8],
) -> Result<Vec<SignatureState>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT s.state AS "state: SignatureState" FROM people p JOIN signatures s ON s.person_id = p.id
           WHERE p.vault_id = $1 AND p.email_index = $2 AND s.petition_id = $3"#,
        vault,
        email_index,
        petition
    )
    .fetch_all(conn)
    .await?)
}

/// Changes the display of the name of a signature.
pub(crate) async fn set_display(conn: &mut PgConnection, id: Uuid, display: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE signatures SET display = $2 WHERE id = $1 AND state IN ('counted', 'quarantined')",
        id,
        display
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the single reminder of signatures that have been pending for a while: for the newest of each person and petition,
/// while the petition is open and has no effective signature of the person.
pub(crate) async fn take_due_reminders(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(u64, Vec<DueReminder>)> {
    let looked = sqlx::query!(
        r#"WITH due AS (
               SELECT s.id, s.petition_id, s.person_id, s.name_index, s.attempt, s.quarantine_reason FROM signatures s
               WHERE s.state = 'pending' AND NOT s.reminded AND s.created_at < $1 AND s.confirm_expires_at > $2
               ORDER BY s.created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
           ), marked AS (
               UPDATE signatures s SET reminded = true FROM due WHERE s.id = due.id
           )
           SELECT d.id, a.organization_id, a.privacy = 'protected' AS "protected!",
                  a.state = 'published' AND d.quarantine_reason IS NULL
                  AND NOT EXISTS (SELECT FROM signatures o WHERE o.person_id = d.person_id AND o.petition_id = d.petition_id AND o.name_index = d.name_index
                                  AND (o.state IN ('counted', 'quarantined') OR (o.state = 'pending' AND (o.attempt > d.attempt OR o.reminded)))) AS "remind!"
           FROM due d JOIN actions a ON a.id = d.petition_id"#,
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

/// Erases the signatures of a person, whose lock the caller holds. Counters are not reduced. Returns the petitions.
pub(crate) async fn erase(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
    // in the lock order of actions
    sqlx::query!(
        "SELECT FROM actions WHERE id IN (SELECT petition_id FROM signatures WHERE person_id = $1 AND state = 'counted') ORDER BY id FOR NO KEY UPDATE",
        person
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE actions a SET erased_count = a.erased_count + c.n
         FROM (SELECT petition_id, count(*) AS n FROM signatures WHERE person_id = $1 AND state = 'counted' GROUP BY 1) c
         WHERE a.id = c.petition_id",
        person
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM signature_signals WHERE signature_id IN (SELECT id FROM signatures WHERE person_id = $1)",
        person
    )
    .execute(&mut *conn)
    .await?;
    Ok(sqlx::query_scalar!("DELETE FROM signatures WHERE person_id = $1 RETURNING petition_id", person)
        .fetch_all(conn)
        .await?)
}
