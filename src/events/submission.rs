//! Submitting a registration, from validated input to the batch: shared by the API and the page.

use std::sync::Arc;

use axum::extract::FromRef;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    batch::AttendanceBatch,
    fields::language,
    kind::AttendanceSubmissions,
    ops::{self, AttendancePayload},
    plan::Event,
    store::{self, ATTENDANCES, AttendanceOutcome, AttendanceSubmission, Attendances},
};
use crate::{
    actions::api::ActionApi,
    campaigns::{Campaigns, SubmissionMode},
    error::{Code, Error, FieldError, Result},
    kernel::{
        Kernel,
        cache::Cache,
        group_commit::GroupCommit,
        idempotency::{self, IdempotencyKey, KeyClaim},
        rate_limit::Source,
        text::{LocaleTag, clean_text},
        vault::Vault,
    },
    organizers::Authenticator,
    people::{self, Consents, NewPerson},
};

/// Maximum party size; also a CHECK (`attendances_party_size_check`).
const MAX_PARTY: i64 = 10;

/// A validated registration.
#[derive(Clone, Debug)]
pub struct NewAttendance {
    /// The person.
    pub person: NewPerson,
    /// Number of people, this one included.
    pub party_size: i16,
    /// Requested language of interpretation (BCP 47), or "".
    pub interpretation: String,
    /// What the person needs to take part.
    pub access_needs: String,
    /// Consent boxes.
    pub consents: Consents,
    /// The source word as typed.
    pub source: Option<String>,
    /// Where the form came from: limits the seats that are held from there. `None`: it holds none.
    pub from: Option<Source>,
}

/// Checks a party size. A party larger than the capacity is refused here, and declined in `allocate_seats` if the
/// capacity was lowered since.
///
/// # Errors
/// 422 at `/muster:party_size`.
pub(super) fn party_size(event: &Event, input: i64) -> Result<i16, FieldError> {
    let refused = |code, detail: &str| FieldError::new("/muster:party_size", code, detail.to_owned());
    let size = i16::try_from(input).ok().filter(|size| (1..=MAX_PARTY).contains(&(*size).into()));
    let size = size.ok_or_else(|| refused("out_of_range", &format!("Must lie between 1 and {MAX_PARTY}.")))?;
    // the capacity is not public, so it is not named
    let too_large = || refused("party_too_large", "This event has no room for a party of this size.");
    if event.can_seat(size) { Ok(size) } else { Err(too_large()) }
}

/// Checks the requested language of interpretation: one of the event's, if it lists any.
///
/// # Errors
/// 422 at `/muster:interpretation`.
pub(super) fn interpretation(event: &Event, input: &str) -> Result<String, FieldError> {
    if input.trim().is_empty() {
        return Ok(String::new());
    }
    let offered = &event.plan.interpretation;
    language(input).filter(|tag| offered.is_empty() || offered.contains(tag)).ok_or_else(|| {
        FieldError::new(
            "/muster:interpretation",
            "unknown_value",
            format!(
                "Possible are {}.",
                if offered.is_empty() { "language tags".to_owned() } else { offered.join(", ") }
            ),
        )
    })
}

/// Checks the access needs.
///
/// # Errors
/// 422 at `/muster:access_needs`.
pub(super) fn access_needs(input: &str) -> Result<String, FieldError> {
    clean_text(input, 1000).map_err(|e| FieldError::new("/muster:access_needs", e.code, e.detail))
}

/// State of this slice's handlers.
#[derive(Clone, Debug, FromRef)]
pub struct Events {
    /// Clock, pools, crypto, settings.
    pub kernel: Arc<Kernel>,
    /// Authenticates requests.
    pub authenticator: Authenticator,
    /// State of the campaigns slice.
    #[from_ref(skip)]
    pub campaigns: Campaigns,
    #[from_ref(skip)]
    group_commit: Arc<GroupCommit<AttendanceBatch>>,
    /// What attendees do by mailed links.
    #[from_ref(skip)]
    pub(super) submissions: AttendanceSubmissions,
    #[from_ref(skip)]
    cache: Arc<Cache<String, Arc<Event>>>,
}

impl FromRef<Events> for ActionApi {
    fn from_ref(events: &Events) -> Self {
        Self::of::<Attendances>(events.kernel.clone())
    }
}

/// Result of a vouched registration.
#[derive(Clone, Copy, Debug)]
pub struct VouchedAttendance {
    /// Id of the registration.
    pub attendance: Uuid,
    /// False: the person had this registration before.
    pub is_new: bool,
}

impl Events {
    /// Creates the state and starts the group commit.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator, campaigns: Campaigns) -> Self {
        let batch = AttendanceBatch { db: kernel.hot.clone(), env: kernel.env.clone() };
        Self {
            group_commit: Arc::new(GroupCommit::start(batch, kernel.settings.hot_path, kernel.env.clone())),
            submissions: AttendanceSubmissions::start(kernel.clone()),
            cache: Cache::invalidated_by(
                kernel.env.clone(),
                &kernel.cache_invalidator,
                |_, event: &Arc<Event>, change| event.action.is_affected_by(change),
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

    /// An event by id or slug, cached.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn event(&self, key: &str) -> Result<Arc<Event>> {
        let load = async || store::by_key(&mut *self.kernel.public.acquire().await?, key).await.map(Arc::new);
        self.cache.get(&key.to_owned(), load).await
    }

    /// Refuses a public registration where the event is not open.
    ///
    /// # Errors
    /// `not_found` or `action_closed`, with the reason. A full event is not refused: that would disclose the number of
    /// seats.
    pub fn ensure_open(&self, event: &Event) -> Result<()> {
        event.action.require_open(self.kernel.env.now())?;
        if event.is_over(self.kernel.env.now()) {
            return Err(Error::problem(Code::ActionClosed, "past: it is over."));
        }
        Ok(())
    }

    /// A public registration. The result says nothing about the person; callers give everybody the same answer. While the
    /// event can be joined at once and seats are free, it is the id with which this browser joins.
    ///
    /// # Errors
    /// `unavailable` when it was not written.
    pub async fn submit(&self, event: &Event, new: NewAttendance) -> Result<Option<Uuid>> {
        let action = &event.action;
        self.kernel.utf8_addresses.check(&new.person.email)?;
        let vault = action.open_vault(&self.kernel).await?;
        let person_id = self.kernel.env.recorded_id(action.protected);
        let mode = action.submission_mode();
        let submission = self
            .prepare(event, &vault, &new, SubmissionContext { person_id, person_sealed: None, mode, idempotency: None })
            .await?;
        let result = self.group_commit.submit(submission).await?;
        let has_seats = event.plan.capacity.is_none() || result.outcome == AttendanceOutcome::Held;
        Ok(event.joinable_at_once(self.kernel.env.now()).filter(|_| has_seats).map(|_| result.attendance_id))
    }

    /// Until when a registration holds its seats while it is pending: as long as the browser that sent it can have joined.
    fn held_until(&self, event: &Event, new: &NewAttendance) -> Option<DateTime<Utc>> {
        event.plan.capacity?;
        let gathering = event.joinable_at_once(self.kernel.env.now())?;
        let seats = u32::try_from(new.party_size).ok()?;
        let is_admitted = self.kernel.rate_limiter.admit_hold(new.from?, event.action.id, seats);
        is_admitted.then_some(gathering.ends_at)
    }

    /// A registration vouched for by an organizer: takes effect at once.
    ///
    /// A person with an active registration of this size keeps it, with the newer details.
    ///
    /// # Errors
    /// `forbidden` (403) where it is protected; `action_closed` (409) when it was called off; `idempotency_mismatch` (422), or `unavailable`.
    pub async fn submit_vouched(
        &self,
        event: &Event,
        new: NewAttendance,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<VouchedAttendance> {
        let (kernel, action) = (&self.kernel, &event.action);
        action.require_vouching()?;
        if event.is_called_off() {
            return Err(Error::problem(Code::ActionClosed, "cancelled: it was called off."));
        }
        let vault = action.open_vault(kernel).await?;
        let vouched =
            people::prepare_vouched_person(&mut *kernel.db.acquire().await?, kernel, &vault, &new.person).await?;
        if let Some(known) =
            self.update_existing(event, &vault, vouched.known.unwrap_or(vouched.id), &new, idempotency.as_ref()).await?
        {
            return Ok(known);
        }
        let context = SubmissionContext {
            person_id: vouched.id,
            person_sealed: Some(vouched.sealed),
            mode: SubmissionMode::Vouched,
            idempotency,
        };
        let result = self.group_commit.submit(self.prepare(event, &vault, &new, context).await?).await?;
        if result.outcome == AttendanceOutcome::Mismatch {
            return Err(idempotency::mismatch());
        }
        if let Some(owner) = result.person_id {
            let mut tx = kernel.db.begin().await?;
            if owner != vouched.id {
                people::merge_confirmed_details(
                    &mut tx,
                    kernel,
                    &vault,
                    owner,
                    new.person.details.clone(),
                    new.person.locale.map(LocaleTag::as_str),
                    action.protected,
                )
                .await?;
            }
            ops::append_consents(
                &mut tx,
                kernel,
                event,
                owner,
                &new.consents,
                new.person.locale.unwrap_or(action.locale),
            )
            .await?;
            tx.commit().await?;
        }
        Ok(VouchedAttendance { attendance: result.attendance_id, is_new: true })
    }

    /// Updates the active registration that the person has already, if the party size is the same.
    async fn update_existing(
        &self,
        event: &Event,
        vault: &Vault,
        person: Uuid,
        new: &NewAttendance,
        idempotency: Option<&IdempotencyKey>,
    ) -> Result<Option<VouchedAttendance>> {
        let kernel = &self.kernel;
        let mut tx = kernel.db.begin().await?;
        let Some(row) =
            store::active(&mut tx, event.action.id, person).await?.filter(|row| row.party_size == new.party_size)
        else {
            return Ok(None);
        };
        if let KeyClaim::Replayed(attendance) = idempotency::claim(&mut tx, &kernel.env, idempotency, row.id).await? {
            let is_new = idempotency::was_created(&mut tx, idempotency).await?;
            return Ok(Some(VouchedAttendance { attendance, is_new }));
        }
        idempotency::mark_as_existing(&mut tx, idempotency).await?;
        let locale = new.person.locale.map(LocaleTag::as_str);
        let details = new.person.details.clone();
        // protected events refuse vouching
        people::merge_confirmed_details(&mut tx, kernel, vault, person, details, locale, false).await?;
        let locale = new.person.locale.unwrap_or(event.action.locale);
        ops::append_consents(&mut tx, kernel, event, person, &new.consents, locale).await?;
        let before = ops::open_payload(vault, &row)?;
        let pick = |old: String, newer: &str| if newer.is_empty() { old } else { newer.to_owned() };
        let now = AttendancePayload {
            details: before.details.merged(new.person.details.clone()),
            identifiers: before.identifiers,
            interpretation: pick(before.interpretation, &new.interpretation),
            access_needs: pick(before.access_needs, &new.access_needs),
            consents: new.consents.clone(),
            locale: new.person.locale.or(before.locale),
        };
        if !store::replace_sealed(&mut tx, row.id, &vault.seal(&kernel.env, ATTENDANCES, row.id, &now)).await? {
            // cancelled since it was read
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(VouchedAttendance { attendance: row.id, is_new: false }))
    }

    async fn prepare(
        &self,
        event: &Event,
        vault: &Vault,
        new: &NewAttendance,
        context: SubmissionContext,
    ) -> Result<AttendanceSubmission> {
        let (kernel, action) = (&self.kernel, &event.action);
        let (env, protected) = (&kernel.env, action.protected);
        let source = if protected {
            None
        } else {
            self.campaigns.source_word(action.organization_id, new.source.as_deref()).await?
        };
        let id = env.recorded_id(protected);
        let created_at = env.recorded_now(protected);
        let locale = new.person.locale.unwrap_or(action.locale);
        let payload = AttendancePayload {
            details: new.person.details.clone(),
            identifiers: Vec::new(),
            interpretation: new.interpretation.clone(),
            access_needs: new.access_needs.clone(),
            consents: new.consents.clone(),
            locale: new.person.locale,
        };
        Ok(AttendanceSubmission {
            id,
            event_id: action.id,
            vault_id: vault.id,
            person_id: context.person_id,
            email_index: vault.email_index(&new.person.email),
            person_sealed: context.person_sealed,
            mode: context.mode,
            party_size: new.party_size,
            sealed: vault.seal(env, ATTENDANCES, id, &payload),
            locale: (!protected).then_some(locale),
            source,
            created_at,
            confirm_expires_at: (context.mode == SubmissionMode::Pending)
                .then(|| created_at + TimeDelta::days(kernel.settings.retention.unconfirmed_days.into())),
            held_until: if context.mode == SubmissionMode::Pending { self.held_until(event, new) } else { None },
            email_id: Some(env.recorded_id(protected)),
            organization_id: action.organization_id,
            protected,
            idempotency_key: context.idempotency.as_ref().map(|k| k.key.clone()),
            idempotency_request: context.idempotency.map(|k| k.request),
        })
    }
}

struct SubmissionContext {
    person_id: Uuid,
    person_sealed: Option<Vec<u8>>,
    mode: SubmissionMode,
    idempotency: Option<IdempotencyKey>,
}
