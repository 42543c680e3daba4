//! Kinds of mail: how a slice tells the queue, which knows no slice, what a mail says and what its fate means.

use std::{collections::HashMap, fmt, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::message::Composed;
use crate::{
    error::{Error, Result},
    kernel::{text::EmailAddress, vault::Vault},
};

/// The priority of a mail, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Somebody waits for it in front of the screen: confirmations, join links, sign-in.
    Confirmation,
    /// A place or time has changed.
    Urgent,
    /// A letter to an official.
    Letter,
    /// Thank-you mails and reminders.
    Notice,
    /// News of a campaign.
    Update,
}

impl Class {
    /// All of them, by priority.
    pub const ALL: [Self; 5] = [Self::Confirmation, Self::Urgent, Self::Letter, Self::Notice, Self::Update];

    /// As it stands in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Urgent => "urgent",
            Self::Letter => "letter",
            Self::Notice => "notice",
            Self::Update => "update",
        }
    }

    /// Reads what [`Class::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

/// A mail as the queue knows it: ids only.
#[derive(Clone, Debug)]
pub struct QueuedEmail {
    /// Its row.
    pub id: Uuid,
    /// Whose mail it is.
    pub organization_id: Uuid,
    /// Its priority.
    pub class: Class,
    /// Who composes it.
    pub kind: String,
    /// Letters: the mailbox's id; others: "".
    pub lane: String,
    /// The ids it is composed from.
    pub refs: serde_json::Value,
    /// Belongs to a protected action.
    pub protected: bool,
    /// Attempts, this one included.
    pub attempts: i16,
    /// Since when it is in the queue (protected: the day).
    pub created_at: DateTime<Utc>,
    /// When it was to be sent.
    pub due_at: DateTime<Utc>,
}

/// Stands in the `refs` of a copy: which of the letter's further recipients it goes to, as a keyed hash.
pub(super) const COPY: &str = "copy";
/// Stands in the `refs` of a copy: the letter's own mail.
pub(super) const COPY_OF: &str = "copy_of";

/// What has happened to a mail while it waited.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    /// When an organizer queued it again, or a pause last put it back.
    pub(super) queued_at: Option<DateTime<Utc>>,
    /// A relay first refused it for good.
    pub(super) refused_at: Option<DateTime<Utc>>,
    /// Connections lost over it.
    pub(super) breaks: i16,
    /// It counts towards the first-contact limit already.
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
    /// Is it the copy of a letter, to a further mailbox of the office? What becomes of it is not what becomes of the letter.
    pub fn is_copy(&self) -> bool {
        self.refs.get(COPY).is_some()
    }

    /// The ids that stand under `name` in the `refs` of mails.
    ///
    /// # Errors
    /// As [`QueuedEmail::ref_id`], for the first without one.
    pub fn ref_ids(emails: &[Self], name: &str) -> Result<Vec<Uuid>> {
        emails.iter().map(|email| email.ref_id(name)).collect()
    }

    /// The id that stands under `name` in `refs`.
    ///
    /// # Errors
    /// `internal` when there is none.
    pub fn ref_id(&self, name: &str) -> Result<Uuid> {
        self.refs
            .get(name)
            .and_then(|id| id.as_str()?.parse().ok())
            .ok_or_else(|| Error::internal(format!("mail {}: no id `{name}` in refs", self.id)))
    }
}

/// What became of a mail in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// The relay took it.
    Sent,
    /// Refused for good, or given up.
    Failed,
    /// A letter that may have arrived or not; an organizer decides.
    Uncertain,
    /// There was nothing to send any more.
    Cancelled,
    /// It came back after the relay had taken it.
    Bounced,
    /// Its reader called it spam.
    Complained,
}

impl DeliveryStatus {
    /// The state of its row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Cancelled => "cancelled",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }

    /// Reads what [`DeliveryStatus::as_str`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Sent, Self::Failed, Self::Uncertain, Self::Cancelled, Self::Bounced, Self::Complained];
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// One kind of mail, registered by `worker.rs`.
pub trait MailKind: Send + Sync {
    /// The name in `emails.kind`.
    fn kind(&self) -> &'static str;

    /// Composes mails from their ids, at each attempt anew: one answer for each, in their order. `Ok(None)`: nothing is to be
    /// sent any more, and the mail is cancelled. `unavailable` puts it back without counting; [`paused`] does so without letting
    /// it grow old; any other error is a counted attempt, tried again for days, and its text is kept on the row. They come
    /// together so that what they share is read once; see [`one_by_one`] for rare ones. One that [`QueuedEmail::is_copy`] is
    /// composed like the letter it is a copy of, which was sent.
    ///
    /// # Errors
    /// `unavailable` puts all of them back; after any other error each is tried alone.
    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>>;

    /// Is it the first that an address hears of us, because somebody typed it into a form? Such mail is braked.
    fn is_first_contact(&self) -> bool {
        false
    }

    /// Whose address it goes to, read from the mail's ids whether it may still be sent or not: a supporter whose address
    /// turns out dead is not written to again. `None` for mail to officials and organizers.
    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        let _ = (conn, email);
        Box::pin(async { Ok(None) })
    }

    /// Told in the settling transaction, so that a slice can change its own rows; many at once, in no order. Must not wait for
    /// anything but the database. After an error each is told alone; one that fails then is settled all the same, since what
    /// was sent must not be sent again, and told later, until that works. Never told of copies ([`QueuedEmail::is_copy`]).
    fn on_settled<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        ended: &'a [(&'a QueuedEmail, DeliveryStatus)],
    ) -> BoxFuture<'a, Result<()>> {
        let _ = (conn, ended);
        Box::pin(async { Ok(()) })
    }
}

/// What came of composing a mail.
pub type Composition = Result<Option<Composed>>;

/// The cause of [`paused`], by which it is known.
const PAUSED: &str = "paused: ";

/// The error of a mail that waits because what it belongs to is paused: it costs no attempt, does not count as trouble, and
/// the mail does not grow old meanwhile.
pub fn paused(what: &str) -> Error {
    Error::Unavailable { retry_after: 60, cause: format!("{PAUSED}{what}") }
}

/// Is this error one of [`paused`]?
pub(super) fn is_paused(error: &Error) -> bool {
    matches!(error, Error::Unavailable { cause, .. } if cause.starts_with(PAUSED))
}

/// Whom a mail of a supporter's goes to.
#[derive(Clone, Debug)]
pub struct Addressee {
    /// The address.
    pub address: EmailAddress,
    /// The vault that the person is in: what is known of the address stays inside it.
    pub vault: Arc<Vault>,
}

/// Composes mails of a rare kind.
///
/// # Errors
/// Never: that of a mail stands in its place.
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

/// The kinds by name.
#[derive(Clone, Default)]
pub struct MailKinds(HashMap<&'static str, Arc<dyn MailKind>>);

impl MailKinds {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
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
