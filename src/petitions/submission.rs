//! Submission of signatures, from the validated input to the batch; shared by the API and the pages.

use std::{collections::BTreeMap, ops::Deref, sync::Arc, time::Duration};

use axum::extract::FromRef;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    abuse::{AbuseAssessment, AbuseSettings, BurstCounter, RequestSignals},
    batch::{PreparedSignature, SignatureBatch},
    comments::PublicComment,
    kind::SignatureSubmissions,
    live_count::{MAX_STREAMS, MAX_STREAMS_PER_NETWORK},
    mail::{CONFIRM_MAIL, ThanksMail},
    state::CommentState,
    store::{self, Petition, SignatureSubmission, SubmissionResult, counts::Signatures, imports::Import},
};
use crate::{
    actions::api::ActionApi,
    campaigns::{self, Campaigns, Cells, Dimension, SubmissionMode, SubmissionOutcome},
    error::{Error, Result},
    kernel::{
        Kernel,
        cache::{Cache, SharedCache},
        cache_invalidation::CacheInvalidation,
        crypto::Key,
        group_commit::GroupCommit,
        idempotency::{self, IdempotencyKey},
        network_limit::NetworkLimit,
        text::{LocaleTag, name_key},
        vault::Vault,
    },
    letters::{EditedText, LetterAction, LetterSender, Letters, NewLetter},
    mail::Class,
    organizers::Authenticator,
    people::{self, ConsentContext, Consents, Details, NewPerson},
};

/// Lifetime of the cached secret of the day.
const DAY_SECRET_TTL: Duration = Duration::from_mins(5);
/// Maximum length of a comment, in characters.
pub(super) const MAX_COMMENT: usize = 5000;
/// Name of the table, part of the associated data of sealed values.
pub const SIGNATURES: &str = "signatures";

/// The sealed data of a signature: what was typed into the form.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SignaturePayload {
    /// The person's details.
    pub details: Details,
    /// Identifiers in other systems, which only organizers give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<String>,
    /// The comment.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comments: String,
    /// Consents.
    pub consents: Consents,
    /// Answers to the petition's own questions, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
    /// "Count me, keep nothing": this data is erased once the signature is confirmed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_nothing: bool,
    /// The language of the person; rows of protected petitions have it only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<LocaleTag>,
}

/// How a name is shown: `signatures.display`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Display {
    /// Not at all.
    #[default]
    Hidden,
    /// Initials: A. B.
    Initials,
    /// Given name and city.
    FirstName,
    /// Given and family name.
    FullName,
}

crate::kernel::text_enum!(Display);

/// A validated signature to submit.
#[derive(Debug)]
pub struct NewSignature {
    /// The person.
    pub person: NewPerson,
    /// Comment, cleaned.
    pub comments: String,
    /// How the name is shown once it counts.
    pub display: Display,
    /// Consents.
    pub consents: Consents,
    /// Answers to the petition's own questions, by key; set by [`super::questions::check`].
    pub answers: BTreeMap<String, String>,
    /// The name may be part of deliveries.
    pub delivers_name: bool,
    /// "Count me, keep nothing": erase the contact after confirmation.
    pub keep_nothing: bool,
    /// The word of origin, as sent.
    pub source: Option<String>,
    /// Input for the attached letter.
    pub letter: AttachedLetterInput,
    /// How it was submitted.
    pub signals: RequestSignals,
}

/// The signer's input for the attached letter.
#[derive(Clone, Debug, Default)]
pub struct AttachedLetterInput {
    /// Edited subject and text; empty: those of the template.
    pub text: EditedText,
    /// May the office see the writer's own address?
    pub show_email: bool,
}

/// State of this slice's handlers. A single `Arc`: each request clones it several times, and a dozen reference counts
/// were visible in the profile of the hot path.
#[derive(Clone, Debug)]
pub struct Petitions(Arc<Shared>);

/// Fields of [`Petitions`].
#[derive(Debug)]
pub struct Shared {
    /// Shared runtime state.
    pub kernel: Arc<Kernel>,
    /// Authentication of requests.
    pub authenticator: Authenticator,
    /// The slice of campaigns.
    pub campaigns: Campaigns,
    /// The slice of letters, for attached letters.
    pub letters: Letters,
    group_commit: GroupCommit<SignatureBatch>,
    /// What signers do by mailed links.
    pub(super) submissions: SignatureSubmissions,
    cache: SharedCache<String, Arc<Petition>>,
    breakdowns: SharedCache<(Uuid, Dimension), Option<(NaiveDate, Cells)>>,
    pub(super) comments: SharedCache<Uuid, Arc<Vec<PublicComment>>>,
    pub(super) streams: Arc<Semaphore>,
    pub(super) streams_per_network: Arc<NetworkLimit>,
    pub(super) burst_counter: BurstCounter,
    pub(super) abuse: SharedCache<Uuid, Arc<AbuseSettings>>,
    pub(super) day_secrets: Cache<NaiveDate, Arc<Key>>,
}

impl Deref for Petitions {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl FromRef<Petitions> for Arc<Kernel> {
    fn from_ref(petitions: &Petitions) -> Self {
        petitions.kernel.clone()
    }
}

impl FromRef<Petitions> for ActionApi {
    fn from_ref(petitions: &Petitions) -> Self {
        Self::of::<Signatures>(petitions.kernel.clone())
    }
}

impl FromRef<Petitions> for Authenticator {
    fn from_ref(petitions: &Petitions) -> Self {
        petitions.authenticator.clone()
    }
}

impl Petitions {
    /// The slice with empty caches; starts its group commit.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator, campaigns: Campaigns, letters: Letters) -> Self {
        let batch = SignatureBatch { db: kernel.hot.clone() };
        Self(Arc::new(Shared {
            group_commit: GroupCommit::start(batch, kernel.settings.hot_path, kernel.env.clone()),
            submissions: SignatureSubmissions::start(kernel.clone()),
            cache: Cache::invalidated_by(
                kernel.env.clone(),
                &kernel.cache_invalidator,
                |_, petition: &Arc<Petition>, change| petition.action.is_affected_by(change),
            ),
            // leaves connections for other requests
            streams: Arc::new(Semaphore::new(MAX_STREAMS.min(kernel.settings.http.max_connections.div_ceil(2)))),
            streams_per_network: NetworkLimit::new(MAX_STREAMS_PER_NETWORK),
            burst_counter: BurstCounter::new(kernel.env.clone()),
            abuse: Cache::invalidated_by(kernel.env.clone(), &kernel.cache_invalidator, |_: &Uuid, _, change| {
                change == CacheInvalidation::All
            }),
            day_secrets: Cache::new(kernel.env.clone(), DAY_SECRET_TTL),
            comments: Cache::invalidated_by(
                kernel.env.clone(),
                &kernel.cache_invalidator,
                |petition: &Uuid, _, change| change.affects(*petition),
            ),
            breakdowns: Cache::invalidated_by(
                kernel.env.clone(),
                &kernel.cache_invalidator,
                |(petition, _): &(Uuid, _), _, change| change.affects(*petition),
            ),
            kernel,
            authenticator,
            campaigns,
            letters,
        }))
    }

    /// Stops accepting submissions and confirmations, and returns when the queued ones are written and answered.
    pub async fn close(&self) {
        tokio::join!(self.group_commit.close(), self.submissions.close());
    }

    /// A petition by id or slug, cached.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn petition(&self, key: &str) -> Result<Arc<Petition>> {
        let load = async || store::by_key(&mut *self.kernel.public.acquire().await?, key).await.map(Arc::new);
        self.cache.get(&key.to_owned(), load).await
    }

    /// The published counts in one dimension, cached.
    pub async fn published_cells(&self, petition: Uuid, by: Dimension) -> Result<Option<(NaiveDate, Cells)>> {
        let load = async || campaigns::published_cells(&mut *self.kernel.public.acquire().await?, petition, by).await;
        self.breakdowns.get(&(petition, by), load).await
    }

    /// Submits a public signature. The result tells nothing about the person; callers answer everybody alike.
    ///
    /// # Errors
    /// `unavailable` when it could not be written.
    pub async fn submit(&self, petition: &Petition, new: NewSignature, letter: AttachedLetter) -> Result<()> {
        let (kernel, action) = (&self.kernel, &petition.action);
        let protected = action.protected;
        let person_id = kernel.env.recorded_id(protected);
        let mode = action.submission_mode();
        kernel.utf8_addresses.check(&new.person.email)?;
        let assessment = self.assess(petition, &new.person.email, new.signals).await?;
        let context =
            SubmissionContext { person_id, person_sealed: None, mode, idempotency: None, assessment, imported: None };
        let submission = self.prepare(petition, new, letter, context).await?;
        self.group_commit.submit(submission).await.map(|_| ())
    }

    /// Submits a signature that an organizer vouches for: it counts at once.
    ///
    /// # Errors
    /// `forbidden` (403) where the petition is protected, `idempotency_mismatch` (422), or `unavailable`.
    pub async fn submit_vouched(
        &self,
        petition: &Petition,
        new: NewSignature,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<SubmissionResult> {
        petition.action.require_vouching()?;
        let letter = self.prepare_attached_letter(petition, &new).await?;
        let options = VouchOptions { idempotency, imported: None, source: "api", updates_wording: None };
        self.vouch(petition, new, letter, options).await
    }

    /// Submits a signature of an import: it counts at once, with the date it was given, without a mail or a letter.
    ///
    /// # Errors
    /// `unavailable` when it could not be written.
    pub async fn submit_imported(
        &self,
        petition: &Petition,
        new: NewSignature,
        import: &Import,
        signed_at: DateTime<Utc>,
    ) -> Result<SubmissionOutcome> {
        let options = VouchOptions {
            idempotency: None,
            imported: Some(Imported { import: import.id, erasures: import.erasures, signed_at }),
            source: &format!("import:{}", import.id),
            updates_wording: Some(&import.consent_wording),
        };
        Ok(self.vouch(petition, new, None, options).await?.outcome)
    }

    /// Submits a vouched or imported signature; the person is completed afterwards.
    async fn vouch(
        &self,
        petition: &Petition,
        new: NewSignature,
        letter: AttachedLetter,
        options: VouchOptions<'_>,
    ) -> Result<SubmissionResult> {
        let (kernel, action) = (&self.kernel, &petition.action);
        let vault = action.open_vault(kernel).await?;
        // imports use the background pool, not the one of requests
        let db: &PgPool = if options.imported.is_some() { &kernel.work } else { &kernel.db };
        let person = people::prepare_vouched_person(&mut *db.acquire().await?, kernel, &vault, &new.person).await?;
        let person_input = PersonInput::of(&new, person.id);
        let context = SubmissionContext {
            person_id: person.id,
            person_sealed: Some(person.sealed),
            mode: SubmissionMode::Vouched,
            idempotency: options.idempotency.clone(),
            assessment: AbuseAssessment::default(),
            imported: options.imported,
        };
        let submission = self.prepare(petition, new, letter, context).await?;
        let result = self.group_commit.submit(submission).await?;
        if result.outcome == SubmissionOutcome::Mismatch {
            return Err(idempotency::mismatch());
        }
        if let Some(owner) = result.person_id {
            self.complete_person(db, petition, &vault, owner, person_input, &options).await?;
        }
        Ok(result)
    }

    /// Completes the person of a vouched signature: details of a known person, and consents.
    async fn complete_person(
        &self,
        db: &PgPool,
        petition: &Petition,
        vault: &Vault,
        owner: Uuid,
        person_input: PersonInput,
        options: &VouchOptions<'_>,
    ) -> Result<()> {
        let (kernel, action) = (&self.kernel, &petition.action);
        let PersonInput { person_id, details, locale, consents, keep_nothing } = person_input;
        if petition.drops_contact(keep_nothing) || (owner == person_id && consents == Consents::default()) {
            return Ok(());
        }
        let mut tx = db.begin().await?;
        if owner != person_id {
            // a known person: details are merged under the lock of the row
            let tag = locale.map(LocaleTag::as_str);
            people::merge_confirmed_details(&mut tx, kernel, vault, owner, details, tag, action.protected).await?;
        }
        let consent_context = ConsentContext {
            organization: action.organization_id,
            organization_name: &action.organization_name,
            locale: locale.unwrap_or(action.locale),
            source: options.source,
            updates_wording: options.updates_wording,
        };
        people::append_consents(&mut tx, kernel, owner, &consents, consent_context, action.protected).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The letter action attached to a petition, cached; none once its data has ended.
    pub async fn attached_letter(&self, petition: &Petition) -> Result<Option<Arc<LetterAction>>> {
        let Some(id) = petition.letter_action_id else { return Ok(None) };
        let letter = self.letters.letter(&id.to_string()).await?;
        Ok(letter.action.require_not_ended().is_ok().then_some(letter))
    }

    /// Refuses what is impossible with "keep nothing": updates need an address, a letter names its writer.
    ///
    /// # Errors
    /// 422 at `/muster:keep_nothing`.
    pub fn ensure_keep_nothing_allowed(&self, petition: &Petition, new: &NewSignature) -> Result<()> {
        let wants_more = new.consents != Consents::default() || petition.letter_action_id.is_some();
        if new.keep_nothing && wants_more {
            let detail = "News and letters need what would be dropped: choose one or the other.";
            return Err(Error::field("/muster:keep_nothing", "not_allowed", detail));
        }
        Ok(())
    }

    /// Checks the input for the attached letter: officials need the name and the address of the writer.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub async fn prepare_attached_letter(&self, petition: &Petition, new: &NewSignature) -> Result<AttachedLetter> {
        self.ensure_keep_nothing_allowed(petition, new)?;
        let Some(letter) = self.attached_letter(petition).await? else { return Ok(None) };
        let input = new.letter.clone();
        let new_letter = NewLetter {
            person: new.person.clone(),
            subject: input.text.subject,
            message: input.text.message,
            greeting: input.text.greeting,
            variant: input.text.variant,
            show_email: input.show_email,
            // the consent is part of the petition's form
            consents: Consents::default(),
            source: new.source.clone(),
        };
        new_letter.check(&letter).map_err(|error| match error {
            Error::Fields(mut fields) => {
                for field in fields.iter_mut().filter(|f| !f.pointer.starts_with("/person")) {
                    field.pointer.insert_str(0, "/muster:letter");
                }
                Error::Fields(fields)
            }
            error => error,
        })?;
        Ok(Some((letter, new_letter)))
    }

    async fn prepare(
        &self,
        petition: &Petition,
        new: NewSignature,
        letter: AttachedLetter,
        context: SubmissionContext,
    ) -> Result<PreparedSignature> {
        let letter = match letter {
            Some((letter, words)) => {
                let sender = LetterSender {
                    person_id: context.person_id,
                    person_sealed: context.person_sealed.clone(),
                    mode: context.mode,
                };
                Some(self.letters.prepare_attached(&letter, words, sender).await?)
            }
            None => None,
        };
        let submission =
            self.prepare_signature(petition, new, context, letter.as_ref().map(|l| l.submission.id)).await?;
        Ok(PreparedSignature { submission, letter })
    }

    async fn prepare_signature(
        &self,
        petition: &Petition,
        new: NewSignature,
        context: SubmissionContext,
        letter_id: Option<Uuid>,
    ) -> Result<SignatureSubmission> {
        let (kernel, action) = (&self.kernel, &petition.action);
        let (env, protected) = (&kernel.env, action.protected);
        let vault = action.open_vault(kernel).await?;
        let source = self.campaigns.source_word(action.organization_id, new.source.as_deref()).await?;
        let id = env.recorded_id(protected);
        let created_at = context.imported.map_or_else(|| env.recorded_now(protected), |imported| imported.signed_at);
        let locale = new.person.locale.unwrap_or(action.locale);
        let clear = |text: &str| (!protected && !text.is_empty()).then(|| text.to_owned());
        let details = &new.person.details;
        let pending = context.mode == SubmissionMode::Pending;
        // without confirmation, data that is not to be kept is never stored
        let dropped = !pending && petition.drops_contact(new.keep_nothing);
        Ok(SignatureSubmission {
            id,
            petition_id: action.id,
            vault_id: vault.id,
            person_id: context.person_id,
            email_index: vault.email_index(&new.person.email),
            person_sealed: context.person_sealed.filter(|_| !dropped),
            name_index: if petition.shares_addresses {
                vault.name_index(&name_key(&details.given_name, &details.family_name))
            } else {
                Vec::new()
            },
            mode: context.mode,
            display: if protected || dropped { Display::Hidden } else { new.display },
            locale: (!protected).then_some(locale),
            country: clear(&details.country),
            region: clear(&details.region),
            postal_prefix: details.postal_prefix().filter(|_| !protected),
            source: source.filter(|_| !protected),
            created_at,
            confirm_expires_at: pending
                .then(|| created_at + TimeDelta::days(kernel.settings.retention.unconfirmed_days.into())),
            email_id: (pending || (action.send_thanks && !dropped && context.imported.is_none()))
                .then(|| env.recorded_id(protected)),
            email_kind: if pending { CONFIRM_MAIL } else { ThanksMail::KIND },
            email_class: if pending { Class::Confirmation } else { Class::Notice },
            organization_id: action.organization_id,
            protected,
            letter_id,
            comment_state: if new.comments.is_empty() || dropped { CommentState::None } else { CommentState::Waiting },
            delivers_name: new.delivers_name && !protected && !dropped,
            quarantine_reason: context.assessment.quarantine_reason,
            network_tag: context.assessment.network_tag,
            domain_tag: context.assessment.domain_tag,
            import_id: context.imported.map(|imported| imported.import),
            import_erasures: context.imported.map(|imported| imported.erasures),
            sealed: (!dropped).then(|| {
                let payload = SignaturePayload {
                    details: new.person.details,
                    identifiers: Vec::new(),
                    comments: new.comments,
                    consents: new.consents,
                    answers: new.answers,
                    keep_nothing: new.keep_nothing,
                    locale: new.person.locale,
                };
                vault.seal(env, SIGNATURES, id, &payload)
            }),
            idempotency_key: context.idempotency.as_ref().map(|k| k.key.clone()),
            idempotency_request: context.idempotency.map(|k| k.request),
        })
    }

    /// The decrypted data of a signature; empty once the contact was erased.
    ///
    /// # Errors
    /// `internal` when the vault does not open it.
    pub async fn open_payload(&self, vault: Uuid, id: Uuid, sealed: Option<&[u8]>) -> Result<SignaturePayload> {
        let Some(sealed) = sealed else { return Ok(SignaturePayload::default()) };
        let vault = self.kernel.vaults.open(vault).await?;
        vault.open(SIGNATURES, id, sealed).map_err(Error::from)
    }
}

/// The attached letter, checked; `None` where the petition has none.
pub(super) type AttachedLetter = Option<(Arc<LetterAction>, NewLetter)>;

/// Where a signature of an import comes from.
#[derive(Clone, Copy)]
struct Imported {
    import: Uuid,
    /// `imports.erasures` when the row was read.
    erasures: i32,
    /// When it was given.
    signed_at: DateTime<Utc>,
}

struct SubmissionContext {
    person_id: Uuid,
    person_sealed: Option<Vec<u8>>,
    mode: SubmissionMode,
    idempotency: Option<IdempotencyKey>,
    assessment: AbuseAssessment,
    imported: Option<Imported>,
}

/// Context of a vouched signature.
struct VouchOptions<'a> {
    idempotency: Option<IdempotencyKey>,
    imported: Option<Imported>,
    /// Source of consents: `api`, `import:{id}`.
    source: &'a str,
    /// The wording of the consent to updates, if it was not our own.
    updates_wording: Option<&'a str>,
}

/// Person data of a vouched signature, for [`Petitions::complete_person`].
struct PersonInput {
    person_id: Uuid,
    details: Details,
    locale: Option<LocaleTag>,
    consents: Consents,
    keep_nothing: bool,
}

impl PersonInput {
    fn of(new: &NewSignature, person_id: Uuid) -> Self {
        Self {
            person_id,
            details: new.person.details.clone(),
            locale: new.person.locale,
            consents: new.consents.clone(),
            keep_nothing: new.keep_nothing,
        }
    }
}

impl NewSignature {
    /// A signature of a person without anything else.
    pub fn of(person: NewPerson) -> Self {
        Self {
            person,
            comments: String::new(),
            display: Display::Hidden,
            consents: Consents::default(),
            answers: BTreeMap::new(),
            delivers_name: false,
            keep_nothing: false,
            source: None,
            letter: AttachedLetterInput::default(),
            signals: RequestSignals::default(),
        }
    }
}
