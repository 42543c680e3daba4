//! The SQL of exports: batches of each list by id, and suppressed addresses.
//!
//! Each batch is a statement of its own (see `keyset_pages`).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    calls::{CallResult, CallState},
    error::Result,
    events::AttendanceState,
    letters::OutreachState,
    petitions::{Display, SignatureState, Vetting},
};

/// Number of rows of a batch.
pub(super) const BATCH: i64 = 1_000;

/// A signature to export; the columns are described in `migrations/0001_baseline.sql`.
#[derive(Debug)]
pub(super) struct SignatureLine {
    pub id: Uuid,
    pub state: SignatureState,
    pub sealed: Option<Vec<u8>>,
    pub display: Display,
    pub locale: Option<String>,
    pub source: Option<String>,
    pub created_at: DateTime<Utc>,
    pub counted_at: Option<DateTime<Utc>>,
    pub vetted: Vetting,
    pub delivers_name: bool,
    /// The person's latest consent to updates is granted.
    pub consent_updates: bool,
}

/// The next signatures of a petition in these states, after the one with id `after`.
pub(super) async fn signatures(
    conn: &mut PgConnection,
    petition: Uuid,
    states: &[String],
    after: Uuid,
) -> Result<Vec<SignatureLine>> {
    Ok(sqlx::query_as!(
        SignatureLine,
        // the consents of a whole batch at once: one look-up for each row would double the cost
        r#"WITH batch AS MATERIALIZED (
               SELECT s.id, s.person_id, s.state, s.sealed, s.display, s.locale, s.source, s.created_at, s.counted_at, s.vetted, s.delivers_name
               FROM signatures s
               WHERE s.petition_id = $1 AND s.state = ANY ($2) AND s.id > $3
               ORDER BY s.id LIMIT $4
           ), latest AS MATERIALIZED (
               SELECT DISTINCT ON (c.person_id) c.person_id, c.granted
               FROM consents c
               WHERE c.purpose = 'updates' AND c.person_id = ANY (ARRAY(SELECT b.person_id FROM batch b))
               ORDER BY c.person_id, c.created_at DESC, c.id DESC
           )
           SELECT b.id, b.state AS "state: SignatureState", b.sealed, b.display AS "display: Display", b.locale, b.source, b.created_at, b.counted_at,
                  b.vetted AS "vetted: Vetting", b.delivers_name,
                  coalesce(l.granted, false) AS "consent_updates!"
           FROM batch b LEFT JOIN latest l ON l.person_id = b.person_id
           ORDER BY b.id"#,
        petition,
        states,
        after,
        BATCH
    )
    .fetch_all(conn)
    .await?)
}

/// A name to hand over.
#[derive(Debug)]
pub(super) struct NameLine {
    pub id: Uuid,
    pub sealed: Vec<u8>,
    pub region: Option<String>,
}

/// The next counted signatures of a petition whose names are handed over, after the one with id `after`.
pub(super) async fn names(conn: &mut PgConnection, petition: Uuid, after: Uuid) -> Result<Vec<NameLine>> {
    Ok(sqlx::query_as!(
        NameLine,
        r#"SELECT id, sealed AS "sealed!", country || '-' || region AS region FROM signatures
           WHERE petition_id = $1 AND id > $2 AND state = 'counted' AND delivers_name AND vetted <> 'doubtful' AND sealed IS NOT NULL
           ORDER BY id LIMIT $3"#,
        petition,
        after,
        BATCH
    )
    .fetch_all(conn)
    .await?)
}

/// An attendance to export; the columns are described in `migrations/0001_baseline.sql`.
#[derive(Debug)]
pub(super) struct AttendanceLine {
    pub id: Uuid,
    pub state: AttendanceState,
    pub party_size: i16,
    pub sealed: Option<Vec<u8>>,
    pub source: Option<String>,
    pub created_at: DateTime<Utc>,
    pub accepted_at: Option<DateTime<Utc>>,
    /// As in [`SignatureLine`].
    pub consent_updates: bool,
}

/// The next attendances of an event in these states, after the one with id `after`.
pub(super) async fn attendances(
    conn: &mut PgConnection,
    event: Uuid,
    states: &[String],
    after: Uuid,
) -> Result<Vec<AttendanceLine>> {
    Ok(sqlx::query_as!(
        AttendanceLine,
        r#"SELECT a.id, a.state AS "state: AttendanceState", a.party_size, a.sealed, a.source, a.created_at, a.accepted_at,
                  coalesce((SELECT c.granted FROM consents c WHERE c.person_id = a.person_id AND c.purpose = 'updates'
                            ORDER BY c.created_at DESC, c.id DESC LIMIT 1), false) AS "consent_updates!"
           FROM attendances a
           WHERE a.event_id = $1 AND a.state = ANY ($2) AND a.id > $3
           ORDER BY a.id LIMIT $4"#,
        event,
        states,
        after,
        BATCH
    )
    .fetch_all(conn)
    .await?)
}

/// An outreach to export; the columns are described in `migrations/0001_baseline.sql`.
#[derive(Debug)]
pub(super) struct OutreachLine {
    pub id: Uuid,
    pub letter_id: Uuid,
    pub state: OutreachState,
    pub office_id: Uuid,
    pub office: String,
    /// The official who held the office when it was sent; `None` before.
    pub honorific_prefix: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub sealed: Option<Vec<u8>>,
    pub variant: i16,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
}

/// The next outreaches of a letter action in these states, after the one with id `after`.
pub(super) async fn outreaches(
    conn: &mut PgConnection,
    letter_action: Uuid,
    states: &[String],
    after: Uuid,
) -> Result<Vec<OutreachLine>> {
    Ok(sqlx::query_as!(
        OutreachLine,
        r#"SELECT o.id, o.letter_id, o.state AS "state: OutreachState", o.office_id, f.title AS office,
                  h.honorific_prefix AS "honorific_prefix?", h.given_name AS "given_name?", h.family_name AS "family_name?",
                  l.sealed, l.variant, o.created_at, o.sent_at
           FROM outreaches o
           JOIN letters l ON l.id = o.letter_id
           JOIN offices f ON f.id = o.office_id
           LEFT JOIN officials h ON h.id = o.official_id
           WHERE o.letter_action_id = $1 AND o.state = ANY ($2) AND o.id > $3
           ORDER BY o.id LIMIT $4"#,
        letter_action,
        states,
        after,
        BATCH
    )
    .fetch_all(conn)
    .await?)
}

/// A call to export; the columns are described in `migrations/0002_calls.sql`.
#[derive(Debug)]
pub(super) struct CallLine {
    pub id: Uuid,
    pub state: CallState,
    pub office: String,
    pub outcome: CallResult,
    pub sealed: Option<Vec<u8>>,
    pub source: Option<String>,
    pub created_at: DateTime<Utc>,
    pub counted_at: Option<DateTime<Utc>>,
    /// As in [`SignatureLine`].
    pub consent_updates: bool,
}

/// The next calls of a call action in these states, after the one with id `after`.
pub(super) async fn calls(
    conn: &mut PgConnection,
    call_action: Uuid,
    states: &[String],
    after: Uuid,
) -> Result<Vec<CallLine>> {
    Ok(sqlx::query_as!(
        CallLine,
        r#"SELECT c.id, c.state AS "state: CallState", f.title AS office, c.outcome AS "outcome: CallResult", c.sealed, c.source,
                  c.created_at, c.counted_at,
                  coalesce((SELECT s.granted FROM consents s WHERE s.person_id = c.person_id AND s.purpose = 'updates'
                            ORDER BY s.created_at DESC, s.id DESC LIMIT 1), false) AS "consent_updates!"
           FROM calls c JOIN offices f ON f.id = c.office_id
           WHERE c.call_action_id = $1 AND c.state = ANY ($2) AND c.id > $3
           ORDER BY c.id LIMIT $4"#,
        call_action,
        states,
        after,
        BATCH
    )
    .fetch_all(conn)
    .await?)
}

/// A person of an organization's vault, as lists show them.
#[derive(Debug)]
pub(super) struct PersonLine {
    pub id: Uuid,
    pub sealed: Option<Vec<u8>>,
    pub locale: Option<String>,
    pub created_at: DateTime<Utc>,
    /// The latest consent to the purpose is granted.
    pub has_consented: bool,
    /// When it was given or withdrawn.
    pub consented_at: Option<DateTime<Utc>>,
}

/// The next confirmed people of a vault, after the one with id `after`, each with the latest consent to a purpose.
pub(super) async fn people(
    conn: &mut PgConnection,
    vault: Uuid,
    purpose: &str,
    after: Uuid,
) -> Result<Vec<PersonLine>> {
    Ok(sqlx::query_as!(
        PersonLine,
        r#"WITH batch AS MATERIALIZED (
               SELECT p.id, p.sealed, p.locale, p.created_at FROM people p
               WHERE p.vault_id = $1 AND p.confirmed_at IS NOT NULL AND p.id > $3
               ORDER BY p.id LIMIT $4
           ), latest AS MATERIALIZED (
               SELECT DISTINCT ON (c.person_id) c.person_id, c.granted, c.created_at
               FROM consents c
               WHERE c.purpose = $2 AND c.person_id = ANY (ARRAY(SELECT b.id FROM batch b))
               ORDER BY c.person_id, c.created_at DESC, c.id DESC
           )
           SELECT b.id, b.sealed, b.locale, b.created_at, coalesce(l.granted, false) AS "has_consented!", l.created_at AS "consented_at?"
           FROM batch b LEFT JOIN latest l ON l.person_id = b.id
           ORDER BY b.id"#,
        vault,
        purpose,
        after,
        BATCH
    )
    .fetch_all(conn)
    .await?)
}

/// A consent that was given or withdrawn, with its person's details.
#[derive(Debug)]
pub(super) struct ConsentLine {
    pub id: Uuid,
    pub person_id: Uuid,
    pub sealed: Option<Vec<u8>>,
    pub purpose: String,
    pub granted: bool,
    pub wording: String,
    pub wording_version: String,
    pub locale: String,
    pub source: String,
    pub created_at: DateTime<Utc>,
}

/// The next consents of a vault's confirmed people, after the one with id `after`.
pub(super) async fn consents(conn: &mut PgConnection, vault: Uuid, after: Uuid) -> Result<Vec<ConsentLine>> {
    Ok(sqlx::query_as!(
        ConsentLine,
        "SELECT c.id, c.person_id, p.sealed, c.purpose, c.granted, c.wording, c.wording_version, c.locale, c.source, c.created_at
         FROM consents c JOIN people p ON p.id = c.person_id
         WHERE p.vault_id = $1 AND p.confirmed_at IS NOT NULL AND c.id > $2
         ORDER BY c.id LIMIT $3",
        vault,
        after,
        BATCH
    )
    .fetch_all(conn)
    .await?)
}

/// Has the organization a partner of this slug?
pub(super) async fn has_partner(conn: &mut PgConnection, organization: Uuid, slug: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM partners WHERE organization_id = $1 AND slug = $2) AS "has!""#,
        organization,
        slug
    )
    .fetch_one(conn)
    .await?)
}

/// Those of the address indexes that are suppressed, globally or in the vault, because the owner unsubscribed or
/// complained; not because of bounces.
pub(super) async fn unsubscribed(conn: &mut PgConnection, vault: Uuid, indexes: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    Ok(sqlx::query_scalar!(
        "SELECT address_index FROM suppressions
         WHERE ((vault_id IS NULL AND address_index = ANY ($2)) OR (vault_id = $1 AND address_index = ANY ($2))) AND reason <> 'bounced'",
        vault,
        indexes
    )
    .fetch_all(conn)
    .await?)
}
