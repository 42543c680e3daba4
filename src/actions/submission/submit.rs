//! Submitting, for all kinds: what was validated becomes the header of a row, sealed; the kind adds its own columns and queues
//! it. For somebody else ([`vouch`]) what is known of the person is completed once it is written.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::kind::{SubmissionKind, SubmissionPayload};
use crate::{
    campaigns::{Action, Campaigns, SubmissionMode, SubmissionOutcome},
    error::Result,
    kernel::{
        Kernel,
        idempotency::{self, IdempotencyKey},
        text::LocaleTag,
    },
    people::{self, ConsentContext, Consents, NewPerson},
};

/// What a submission of any kind has when it is written: the composite type `submission_header`, member by member.
#[derive(Clone, Debug, sqlx::Type)]
#[sqlx(type_name = "submission_header")]
#[expect(missing_docs, reason = "described in migrations/0001_baseline.sql")]
pub struct SubmissionHeader {
    pub id: Uuid,
    pub action_id: Uuid,
    pub vault_id: Uuid,
    pub person_id: Uuid,
    pub email_index: Vec<u8>,
    pub person_sealed: Option<Vec<u8>>,
    pub mode: SubmissionMode,
    pub sealed: Vec<u8>,
    pub locale: Option<LocaleTag>,
    pub source: Option<String>,
    pub created_at: DateTime<Utc>,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub email_id: Option<Uuid>,
    pub organization_id: Uuid,
    pub protected: bool,
    pub idempotency_key: Option<Vec<u8>>,
    pub idempotency_request: Option<Vec<u8>>,
}

/// What became of a submission.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct WrittenSubmission {
    /// Id that the submission was given.
    pub submission_id: Uuid,
    /// Its row: another one for a request that was repeated.
    pub row_id: Uuid,
    /// Vouched submissions: whose it is; null for a replay.
    pub person_id: Option<Uuid>,
    /// What became of it.
    pub outcome: SubmissionOutcome,
}

/// Who submits.
#[derive(Clone, Debug)]
pub struct Submitter {
    /// Id for the person, unless the address is known.
    person_id: Uuid,
    person_sealed: Option<Vec<u8>>,
    mode: SubmissionMode,
    idempotency: Option<IdempotencyKey>,
}

impl Submitter {
    /// Somebody for herself.
    ///
    /// # Errors
    /// `unsupported_email` (422) for an address that no relay takes.
    pub fn public(kernel: &Kernel, action: &Action, person: &NewPerson) -> Result<Self> {
        kernel.utf8_addresses.check(&person.email)?;
        let person_id = kernel.env.recorded_id(action.protected);
        Ok(Self { person_id, person_sealed: None, mode: action.submission_mode(), idempotency: None })
    }
}

/// Seals what was typed for a new row.
///
/// # Errors
/// `internal` when the vault does not open.
pub async fn header<K: SubmissionKind>(
    kernel: &Kernel,
    campaigns: &Campaigns,
    action: &Action,
    person: &NewPerson,
    payload: &K::Payload,
    source: Option<&str>,
    by: Submitter,
) -> Result<SubmissionHeader> {
    let (env, protected) = (&kernel.env, action.protected);
    let vault = action.open_vault(kernel).await?;
    let source = campaigns.source_word(action.organization_id, source).await?;
    let id = env.recorded_id(protected);
    let created_at = env.recorded_now(protected);
    let expires_in = TimeDelta::days(kernel.settings.retention.unconfirmed_days.into());
    // an organizer thanks whom she enters
    let is_mailed = match by.mode {
        SubmissionMode::Pending => true,
        SubmissionMode::Immediate => action.send_thanks,
        SubmissionMode::Vouched => false,
    };
    Ok(SubmissionHeader {
        id,
        action_id: action.id,
        vault_id: vault.id,
        person_id: by.person_id,
        email_index: vault.email_index(&person.email),
        person_sealed: by.person_sealed,
        mode: by.mode,
        sealed: vault.seal(env, K::TABLE, id, payload),
        locale: payload.locale().filter(|_| !protected),
        source: source.filter(|_| !protected),
        created_at,
        confirm_expires_at: (by.mode == SubmissionMode::Pending).then(|| created_at + expires_in),
        email_id: is_mailed.then(|| env.recorded_id(protected)),
        organization_id: action.organization_id,
        protected,
        idempotency_key: by.idempotency.as_ref().map(|key| key.key.clone()),
        idempotency_request: by.idempotency.map(|key| key.request),
    })
}

/// Submits for somebody else, by `submit`: the details and consents of a person who was there are completed afterwards.
///
/// # Errors
/// `forbidden` (403) where the action is protected, `idempotency_mismatch` (422), or `unavailable`.
pub async fn vouch<F: Future<Output = Result<WrittenSubmission>>>(
    kernel: &Kernel,
    action: &Action,
    person: &NewPerson,
    consents: &Consents,
    idempotency: Option<IdempotencyKey>,
    submit: impl FnOnce(Submitter) -> F,
) -> Result<WrittenSubmission> {
    action.require_vouching()?;
    let vault = action.open_vault(kernel).await?;
    let mut conn = kernel.db.acquire().await?;
    let vouched = people::prepare_vouched_person(&mut conn, kernel, &vault, person).await?;
    drop(conn);
    let (person_id, person_sealed) = (vouched.id, Some(vouched.sealed));
    let written = submit(Submitter { person_id, person_sealed, mode: SubmissionMode::Vouched, idempotency }).await?;
    if written.outcome == SubmissionOutcome::Mismatch {
        return Err(idempotency::mismatch());
    }
    let Some(owner) = written.person_id else { return Ok(written) };
    let mut tx = kernel.db.begin().await?;
    if owner != person_id {
        // a known person: the details are merged under the person's lock
        let locale = person.locale.map(LocaleTag::as_str);
        people::merge_confirmed_details(&mut tx, kernel, &vault, owner, person.details.clone(), locale, false).await?;
    }
    let context = ConsentContext {
        organization: action.organization_id,
        organization_name: &action.organization_name,
        locale: person.locale.unwrap_or(action.locale),
        source: "api",
        updates_wording: None,
    };
    people::append_consents(&mut tx, kernel, owner, consents, context, false).await?;
    tx.commit().await?;
    people::apply_extras(&mut *kernel.db.acquire().await?, kernel, &vault, owner, &person.extras).await?;
    Ok(written)
}
