//! Mail kinds: the interface by which a slice composes its mails and handles their delivery status. The queue itself
//! knows no slice.

use std::{collections::HashMap, fmt, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::message::Composed;
use crate::{
    error::{Error, Result},
    kernel::{text::EmailAddress, vault::Vault},
};

/// The priority of a mail, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::EnumString, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
#[schema(as = MailClass)]
pub enum Class {
    /// Somebody is waiting for it now: confirmations, join links, sign-in.
    Confirmation,
    /// A place or time of an event has changed.
    Urgent,
    /// A letter to an official.
    Letter,
    /// Thank-you mails and reminders.
    Notice,
    /// News of a campaign.
    Update,
}

crate::kernel::text_enum!(Class);

/// A row of the mail queue: ids only.
#[derive(Clone, Debug)]
pub struct QueuedEmail {
    /// The row's id.
    pub id: Uuid,
    /// The organization whose mail it is.
    pub organization_id: Uuid,
    /// Its priority.
    pub class: Class,
    /// Name of the [`MailKind`] that composes it.
    pub kind: String,
    /// Letters: the mailbox's id; others: "".
    pub lane: String,
    /// JSON object of the ids that it is composed from, such as `{"signature": "…"}`. Each kind defines its own names.
    pub refs: serde_json::Value,
    /// It belongs to a protected action.
    pub protected: bool,
    /// Counted attempts, this one included.
    pub attempts: i16,
    /// When it was queued (protected: the day).
    pub created_at: DateTime<Utc>,
    /// When it was due.
    pub due_at: DateTime<Utc>,
}

/// Name in the `refs` of a copy: keyed hash of the further recipient of the letter that it goes to.
pub(super) const COPY: &str = "copy";
/// Name in the `refs` of a copy: id of the letter's own mail.
pub(super) const COPY_OF: &str = "copy_of";

/// Retry history of a mail.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    /// When an organizer queued it again, or a pause last put it back.
    pub(super) queued_at: Option<DateTime<Utc>>,
    /// When a relay first refused it permanently.
    pub(super) refused_at: Option<DateTime<Utc>>,
    /// How often the connection was lost during it.
    pub(super) breaks: i16,
    /// It is already counted towards the first-contact limit.
    pub(super) first_counted: bool,
}

/// A mail that this process has claimed.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub(super) email: QueuedEmail,
    pub(super) history: History,
}

impl std::ops::Deref for Claimed {
    type Target = QueuedEmail;

    fn deref(&self) -> &QueuedEmail {
        &self.email
    }
}

impl QueuedEmail {
    /// Is it the copy of a letter, to a further mailbox of the office? Its delivery status is not the letter's.
    pub fn is_copy(&self) -> bool {
        self.refs.get(COPY).is_some()
    }

    /// Was it put off to a later day than the one it was queued on?
    pub fn is_put_off(&self) -> bool {
        self.due_at.date_naive() > self.created_at.date_naive()
    }

    /// The ids under `name` in the `refs` of each of the mails.
    ///
    /// # Errors
    /// As [`QueuedEmail::ref_id`], for the first without one.
    pub fn ref_ids(emails: &[Self], name: &str) -> Result<Vec<Uuid>> {
        emails.iter().map(|email| email.ref_id(name)).collect()
    }

    /// The id under `name` in `refs`.
    ///
    /// # Errors
    /// `internal` when there is none, or it is not a UUID.
    pub fn ref_id(&self, name: &str) -> Result<Uuid> {
        self.refs
            .get(name)
            .and_then(|id| id.as_str()?.parse().ok())
            .ok_or_else(|| Error::internal(format!("mail {}: no id `{name}` in refs", self.id)))
    }
}

/// State of a mail: `emails.state`. The first two are those of waiting mail, the others are delivery statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum EmailState {
    /// Waits until it is due, or for the next attempt.
    Queued,
    /// Claimed by a process that sends it.
    Sending,
    /// See [`DeliveryStatus::Sent`].
    Sent,
    /// See [`DeliveryStatus::Failed`].
    Failed,
    /// See [`DeliveryStatus::Uncertain`].
    Uncertain,
    /// See [`DeliveryStatus::Cancelled`].
    Cancelled,
    /// See [`DeliveryStatus::Bounced`].
    Bounced,
    /// See [`DeliveryStatus::Complained`].
    Complained,
}

crate::kernel::text_enum!(EmailState);

impl EmailState {
    /// The delivery status of a settled mail; `None` while it waits.
    pub const fn delivery_status(self) -> Option<DeliveryStatus> {
        match self {
            Self::Queued | Self::Sending => None,
            Self::Sent => Some(DeliveryStatus::Sent),
            Self::Failed => Some(DeliveryStatus::Failed),
            Self::Uncertain => Some(DeliveryStatus::Uncertain),
            Self::Cancelled => Some(DeliveryStatus::Cancelled),
            Self::Bounced => Some(DeliveryStatus::Bounced),
            Self::Complained => Some(DeliveryStatus::Complained),
        }
    }
}

/// Final delivery status of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// The relay accepted it.
    Sent,
    /// Refused permanently, or given up.
    Failed,
    /// May or may not have been delivered: a letter, about which an organizer decides, or any mail that waited in a database that
    /// was restored (`muster mail release`).
    Uncertain,
    /// There was nothing to send any more.
    Cancelled,
    /// Reported as undeliverable after the relay had accepted it.
    Bounced,
    /// Reported as spam by its reader.
    Complained,
}

impl DeliveryStatus {
    /// The state that a mail with this status has.
    pub const fn state(self) -> EmailState {
        match self {
            Self::Sent => EmailState::Sent,
            Self::Failed => EmailState::Failed,
            Self::Uncertain => EmailState::Uncertain,
            Self::Cancelled => EmailState::Cancelled,
            Self::Bounced => EmailState::Bounced,
            Self::Complained => EmailState::Complained,
        }
    }

    /// Its value in `emails.state`.
    pub const fn as_str(self) -> &'static str {
        self.state().as_str()
    }
}

/// One kind of mail. Slices register theirs in `App::mail_kinds`.
pub trait MailKind: Send + Sync {
    /// The name in `emails.kind`.
    fn kind(&self) -> &'static str;

    /// Composes mails from their ids, at each attempt anew: one result for each, in the same order. `Ok(None)`: there
    /// is nothing to send any more, and the mail is cancelled. `unavailable` puts it back without counting an
    /// attempt; [`paused`] does the same, and the time does not count towards the mail's age; 410 cancels it; any
    /// other error is a counted attempt, retried for days, and its text is kept on the row. Mails come in a batch so
    /// that shared rows are read once; see [`one_by_one`] for rare kinds. A copy ([`QueuedEmail::is_copy`]) is
    /// composed like the letter that it is a copy of, which has been sent.
    ///
    /// # Errors
    /// `unavailable` puts all of them back; after any other error each is composed alone.
    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>>;

    /// Is it the first mail to an address that anybody may have typed into a form? Such mail has a rate limit
    /// (`mail.first_contacts_per_hour`).
    fn is_first_contact(&self) -> bool {
        false
    }

    /// The supporter whom it goes to, found by the mail's ids, whether it may still be sent or not; used to suppress
    /// an address that turns out to be dead. `None` for mail to officials and organizers.
    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        let _ = (conn, email);
        Box::pin(async { Ok(None) })
    }

    /// Settlement callback: runs in the settling transaction, so that a slice can change its own rows; for many mails
    /// at once, in no order. Must not wait for anything but the database. After an error it is run for each mail
    /// alone. A mail for which it fails then is settled nevertheless, since what was sent must not be sent again, and
    /// its callback is retried until it succeeds. Not run for copies ([`QueuedEmail::is_copy`]).
    fn on_settled<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        ended: &'a [(&'a QueuedEmail, DeliveryStatus)],
    ) -> BoxFuture<'a, Result<()>> {
        let _ = (conn, ended);
        Box::pin(async { Ok(()) })
    }
}

/// Result of composing a mail; `None`: nothing to send, the mail is cancelled.
pub type Composition = Result<Option<Composed>>;

/// Prefix of the cause of a [`paused`] error, by which [`is_paused`] recognises it.
const PAUSED: &str = "paused: ";

/// The error with which a mail waits because what it belongs to is paused. It does not count as an attempt or as a
/// failure of the round, and the time does not count towards the mail's age.
pub fn paused(what: &str) -> Error {
    Error::not_done(60, format!("{PAUSED}{what}"))
}

/// Is this error one of [`paused`]?
pub(super) fn is_paused(error: &Error) -> bool {
    matches!(error, Error::Unavailable { cause, .. } if cause.starts_with(PAUSED))
}

/// Cause of a [`put_off`] error, by which [`is_put_off`] recognises it; `emails.failure` of such a mail.
pub(super) const PUT_OFF: &str = "waits: the daily number of mails to this address was reached";

/// The error with which a mail waits for the next day, since its address has got its daily number of mails.
pub(super) fn put_off() -> Error {
    Error::not_done(60, PUT_OFF)
}

/// Is this error one of [`put_off`]?
pub(super) fn is_put_off(error: &Error) -> bool {
    matches!(error, Error::Unavailable { cause, .. } if cause == PUT_OFF)
}

/// The supporter whom a mail goes to.
#[derive(Clone, Debug)]
pub struct Addressee {
    /// The e-mail address.
    pub address: EmailAddress,
    /// The person's vault. Suppressions and strikes of the address are recorded for this vault only.
    pub vault: Arc<Vault>,
}

/// Composes mails one after the other, for kinds that are too rare to need batches.
///
/// # Errors
/// None of its own: a mail's error is its entry in the result.
pub async fn one_by_one<'a, F: Future<Output = Composition>>(
    emails: &'a [QueuedEmail],
    compose: impl Fn(&'a QueuedEmail) -> F,
) -> Result<Vec<Composition>> {
    let mut composed = Vec::with_capacity(emails.len());
    for email in emails {
        composed.push(compose(email).await);
    }
    Ok(composed)
}

/// Composes one mail (tests).
///
/// # Errors
/// As [`MailKind::compose`].
#[cfg(test)]
pub async fn compose_one(kind: &dyn MailKind, email: &QueuedEmail) -> Composition {
    kind.compose(std::slice::from_ref(email)).await?.pop().ok_or_else(|| Error::internal("no answer"))?
}

/// Registry of mail kinds, by name.
#[derive(Clone, Default)]
pub struct MailKinds(HashMap<&'static str, Arc<dyn MailKind>>);

impl MailKinds {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a kind.
    ///
    /// # Panics
    /// When two kinds have the same name.
    pub fn register(&mut self, kind: impl MailKind + 'static) {
        let name = kind.kind();
        assert!(self.0.insert(name, Arc::new(kind)).is_none(), "two mail kinds are called `{name}`");
    }

    /// The kind of this name.
    pub fn get(&self, name: &str) -> Option<&dyn MailKind> {
        self.0.get(name).map(AsRef::as_ref)
    }
}

impl fmt::Debug for MailKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
