//! Submitting a letter, from validated input to the batch: shared by the API and the page.

use std::sync::Arc;

use axum::extract::FromRef;
use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    batch::{LetterBatch, PreparedLetter},
    kind::LetterSubmissions,
    store::{self, LetterAction, LetterSubmission, LetterSubmissionTarget, Outreaches, SubmissionResult, Target},
    template::{self, ComposeInput},
};
use crate::{
    actions::api::ActionApi,
    campaigns::{Campaigns, SubmissionMode, SubmissionOutcome},
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        cache::Cache,
        group_commit::GroupCommit,
        idempotency::{self, IdempotencyKey},
        text::LocaleTag,
    },
    organizers::Authenticator,
    people::{self, ConsentContext, Consents, Details, NewPerson},
};

/// Table name that sealed values are bound to (associated data).
pub const LETTERS: &str = "letters";

/// The sealed content of a letter's row: everything that was typed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LetterPayload {
    /// The person's details.
    pub details: Details,
    /// Identifiers in other systems, which only organizers give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<String>,
    /// The subject; "" for one of the template's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The text; "" for the template's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Is the template's greeting put before the text?
    pub greeting: bool,
    /// May the office see the writer's own address?
    pub show_email: bool,
    /// Consent boxes.
    pub consents: Consents,
    /// Language of the letter; protected rows have no clear column for it.
    pub locale: LocaleTag,
}

impl LetterPayload {
    /// Subject and text for one target.
    ///
    /// # Errors
    /// `internal` when the template does not render.
    pub fn compose(&self, letter: &LetterAction, variant: i16, target: &Target) -> Result<(String, String)> {
        let subject = match letter.template(self.locale) {
            None if self.subject.is_empty() => &letter.action.title,
            _ => &self.subject,
        };
        let input = ComposeInput { subject, message: &self.message, greeting: self.greeting, variant };
        template::compose(letter.template(self.locale), input, target)
    }

    /// The language in which the letter begins: the template's where its text or greeting is used, which may be missing
    /// in the writer's.
    pub fn letter_locale(&self, letter: &LetterAction) -> LocaleTag {
        let is_templated = self.message.is_empty() || self.greeting;
        letter.template(self.locale).filter(|_| is_templated).map_or(self.locale, |template| template.locale)
    }
}

/// A validated letter.
#[derive(Debug)]
pub struct NewLetter {
    /// The writer.
    pub person: NewPerson,
    /// The subject, cleaned; "" for one of the template's.
    pub subject: String,
    /// The text, cleaned; "" for the template's.
    pub message: String,
    /// Is the template's greeting put before the text?
    pub greeting: bool,
    /// Index of the template's subject, modulo their number; random if absent.
    pub variant: Option<i16>,
    /// May the office see the writer's own address?
    pub show_email: bool,
    /// Consent boxes.
    pub consents: Consents,
    /// The source word as typed.
    pub source: Option<String>,
}

impl NewLetter {
    /// Refuses a letter without a full name or without any text, and changes of a text that cannot be edited.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub fn check(&self, letter: &LetterAction) -> Result<()> {
        let mut errors = Vec::new();
        let mut require = |present: bool, pointer: &str| {
            if !present {
                errors.push(FieldError::new(pointer, "required", "This field must not be empty."));
            }
        };
        require(!self.person.details.given_name.is_empty(), "/person/given_name");
        require(!self.person.details.family_name.is_empty(), "/person/family_name");
        require(!self.message.is_empty() || !letter.templates.is_empty(), "/message");
        if !letter.editable && !letter.templates.is_empty() {
            let fixed = "The text of this letter is the same for everyone.";
            for (input, pointer) in [(&self.subject, "/subject"), (&self.message, "/message")] {
                if !input.is_empty() {
                    errors.push(FieldError::new(pointer, "not_allowed", fixed));
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Error::Fields(errors)) }
    }
}

/// State of this slice's handlers.
#[derive(Clone, Debug, FromRef)]
pub struct Letters {
    /// Clock, pools, crypto, settings.
    pub kernel: Arc<Kernel>,
    /// Authenticates requests.
    pub authenticator: Authenticator,
    /// State of the campaigns slice.
    #[from_ref(skip)]
    pub campaigns: Campaigns,
    #[from_ref(skip)]
    group_commit: Arc<GroupCommit<LetterBatch>>,
    /// What writers do by mailed links.
    #[from_ref(skip)]
    pub(super) submissions: LetterSubmissions,
    #[from_ref(skip)]
    cache: Arc<Cache<String, Arc<LetterAction>>>,
}

impl FromRef<Letters> for ActionApi {
    fn from_ref(letters: &Letters) -> Self {
        Self::of::<Outreaches>(letters.kernel.clone())
    }
}

impl Letters {
    /// Creates the state and starts the group commit.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator, campaigns: Campaigns) -> Self {
        let batch = LetterBatch { db: kernel.hot.clone() };
        Self {
            group_commit: Arc::new(GroupCommit::start(batch, kernel.settings.hot_path, kernel.env.clone())),
            submissions: LetterSubmissions::start(kernel.clone()),
            cache: Cache::invalidated_by(
                kernel.env.clone(),
                &kernel.cache_invalidator,
                |_, letter: &Arc<LetterAction>, change| letter.action.is_affected_by(change),
            ),
            kernel,
            authenticator,
            campaigns,
        }
    }

    /// Accepts no more submissions and confirmations; returns when the queued ones are written and answered.
    pub async fn close(&self) {
        tokio::join!(self.group_commit.close(), self.submissions.close());
    }

    /// Today (UTC): the day by which holders of offices are looked up.
    pub fn today(&self) -> NaiveDate {
        self.kernel.env.now().date_naive()
    }

    /// A letter action by id or slug, cached.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn letter(&self, key: &str) -> Result<Arc<LetterAction>> {
        let load =
            async || store::by_key(&mut *self.kernel.public.acquire().await?, key, self.today()).await.map(Arc::new);
        self.cache.get(&key.to_owned(), load).await
    }

    /// A public letter. The result says nothing about the person; callers give everybody the same answer.
    ///
    /// # Errors
    /// `unavailable` when it was not written.
    pub async fn submit(&self, letter: &LetterAction, new: NewLetter) -> Result<()> {
        self.kernel.utf8_addresses.check(&new.person.email)?;
        let person_id = self.kernel.env.recorded_id(letter.action.protected);
        let prepared = self
            .prepare(
                letter,
                new,
                SubmissionContext { person_id, person_sealed: None, mode: SubmissionMode::Pending, idempotency: None },
            )
            .await?;
        self.group_commit.submit(prepared).await.map(|_| ())
    }

    /// A letter vouched for by an organizer: confirmed at once.
    ///
    /// # Errors
    /// `forbidden` (403) where the action is protected, `idempotency_mismatch` (422), or `unavailable`.
    pub async fn submit_vouched(
        &self,
        letter: &LetterAction,
        new: NewLetter,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<SubmissionResult> {
        let (kernel, action) = (&self.kernel, &letter.action);
        action.require_vouching()?;
        let vault = action.open_vault(kernel).await?;
        let mut conn = kernel.db.acquire().await?;
        let vouched = people::prepare_vouched_person(&mut conn, kernel, &vault, &new.person).await?;
        drop(conn);
        let (details, consents) = (new.person.details.clone(), new.consents.clone());
        let locale = new.person.locale.unwrap_or(action.locale);
        let context = SubmissionContext {
            person_id: vouched.id,
            person_sealed: Some(vouched.sealed),
            mode: SubmissionMode::Vouched,
            idempotency,
        };
        let prepared = self.prepare(letter, new, context).await?;
        let result = self.group_commit.submit(prepared).await?;
        if result.outcome == SubmissionOutcome::Mismatch {
            return Err(idempotency::mismatch());
        }
        let Some(owner) = result.person_id else { return Ok(result) };
        if owner != vouched.id || consents != Consents::default() {
            let mut tx = kernel.db.begin().await?;
            if owner != vouched.id {
                // a known person: the details are merged under the person's lock
                let tag = Some(locale.as_str());
                people::merge_confirmed_details(&mut tx, kernel, &vault, owner, details, tag, false).await?;
            }
            let consent_context = ConsentContext {
                organization: action.organization_id,
                organization_name: &action.organization_name,
                locale,
                source: "api",
                updates_wording: None,
            };
            people::append_consents(&mut tx, kernel, owner, &consents, consent_context, false).await?;
            tx.commit().await?;
        }
        Ok(result)
    }

    /// A letter attached to a signature: without a confirmation mail of its own, and for the signer.
    ///
    /// # Errors
    /// `internal` when the vault does not open.
    pub async fn prepare_attached(
        &self,
        letter: &LetterAction,
        new: NewLetter,
        sender: LetterSender,
    ) -> Result<PreparedLetter> {
        let context = SubmissionContext {
            person_id: sender.person_id,
            person_sealed: sender.person_sealed,
            mode: sender.mode,
            idempotency: None,
        };
        let mut prepared = self.prepare(letter, new, context).await?;
        prepared.submission.email_id = None;
        Ok(prepared)
    }

    async fn prepare(
        &self,
        letter: &LetterAction,
        new: NewLetter,
        context: SubmissionContext,
    ) -> Result<PreparedLetter> {
        let (kernel, action) = (&self.kernel, &letter.action);
        let (env, protected) = (&kernel.env, action.protected);
        let vault = action.open_vault(kernel).await?;
        let source = self.campaigns.source_word(action.organization_id, new.source.as_deref()).await?;
        let id = env.recorded_id(protected);
        let created_at = env.recorded_now(protected);
        let locale = new.person.locale.unwrap_or(action.locale);
        let pending = context.mode == SubmissionMode::Pending;
        let email_index = vault.email_index(&new.person.email);
        let payload = LetterPayload {
            details: new.person.details,
            identifiers: Vec::new(),
            subject: new.subject,
            message: new.message,
            greeting: new.greeting,
            show_email: new.show_email,
            consents: new.consents,
            locale,
        };
        let submission = LetterSubmission {
            id,
            letter_action_id: action.id,
            vault_id: vault.id,
            person_id: context.person_id,
            email_index,
            person_sealed: context.person_sealed,
            mode: context.mode,
            sealed: vault.seal(env, LETTERS, id, &payload),
            locale: (!protected).then_some(locale),
            source: source.filter(|_| !protected),
            // byte 15 of a UUIDv7 is random
            variant: new.variant.unwrap_or_else(|| i16::from(id.as_bytes()[15])),
            created_at,
            confirm_expires_at: pending
                .then(|| created_at + TimeDelta::days(kernel.settings.retention.unconfirmed_days.into())),
            email_id: pending.then(|| env.recorded_id(protected)),
            organization_id: action.organization_id,
            protected,
            idempotency_key: context.idempotency.as_ref().map(|k| k.key.clone()),
            idempotency_request: context.idempotency.map(|k| k.request),
        };
        let to = |target: &Target| LetterSubmissionTarget {
            letter_id: id,
            outreach_id: env.recorded_id(protected),
            office_id: target.office_id,
            email_id: env.recorded_id(protected),
        };
        Ok(PreparedLetter { submission, targets: letter.targets.iter().map(to).collect() })
    }

    /// Opens a letter's `sealed` column; empty once the contact was erased.
    ///
    /// # Errors
    /// `internal` when the vault does not open it.
    pub async fn open_payload(&self, vault: Uuid, id: Uuid, sealed: Option<&[u8]>) -> Result<LetterPayload> {
        let Some(sealed) = sealed else { return Ok(LetterPayload::default()) };
        self.kernel.vaults.open(vault).await?.open(LETTERS, id, sealed).map_err(Error::from)
    }
}

struct SubmissionContext {
    person_id: Uuid,
    person_sealed: Option<Vec<u8>>,
    mode: SubmissionMode,
    idempotency: Option<IdempotencyKey>,
}

/// The submission that a letter is attached to.
#[derive(Debug)]
pub struct LetterSender {
    /// Id for its person, unless a concurrent submission creates the same person.
    pub person_id: Uuid,
    /// The person's sealed details, if an organizer vouches.
    pub person_sealed: Option<Vec<u8>>,
    /// When the submission takes effect.
    pub mode: SubmissionMode,
}
