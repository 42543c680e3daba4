//! A submission with what its links and mails need.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use minijinja::{Value, context};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::kind::{SubmissionKind, SubmissionPayload, SubmissionRow};
use crate::{
    campaigns::Action,
    error::{Error, Result},
    kernel::{
        Kernel,
        i18n::{text, text_of},
        links::{LinkPage, PageLink, Purpose, expired},
        text::{EmailAddress, LocaleTag},
        vault::Vault,
    },
    mail::{self, Class, Composed, Composition, Draft, MergedWith, NewEmail, SendBasis},
    people::{self, Details, DetailsChange, PersonRow},
};

/// A submission with its action, its vault and its opened content.
pub struct Loaded<K: SubmissionKind> {
    /// The row.
    pub row: K::Row,
    /// What was submitted to.
    pub parent: Arc<K::Parent>,
    /// The opened vault of the action.
    pub vault: Arc<Vault>,
    /// The opened `sealed` column; empty once the contact was erased.
    pub payload: K::Payload,
    /// The details of its owner, of a row whose contact was erased.
    owner: Option<Details>,
    /// The language of the form, else of its owner, else of the action.
    pub locale: LocaleTag,
}

// derived, they would ask the same of K
impl<K: SubmissionKind> Clone for Loaded<K> {
    fn clone(&self) -> Self {
        Self {
            row: self.row.clone(),
            parent: self.parent.clone(),
            vault: self.vault.clone(),
            payload: self.payload.clone(),
            owner: self.owner.clone(),
            locale: self.locale,
        }
    }
}

impl<K: SubmissionKind> std::fmt::Debug for Loaded<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("table", &K::TABLE).field("id", &self.row.id()).finish_non_exhaustive()
    }
}

/// Loads what links and mails of submissions need, in the order of the rows; each action is read once.
///
/// # Errors
/// A row has its own error in its place: that of its vault, or `internal` when the vault does not open it.
pub async fn load<K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    rows: Vec<K::Row>,
) -> Result<Vec<Result<Loaded<K>>>> {
    let ids: BTreeSet<Uuid> = rows.iter().map(SubmissionRow::action_id).collect();
    let mut parents = HashMap::new();
    for parent in K::parents(kernel, conn, &ids.into_iter().collect::<Vec<_>>()).await? {
        let action = parent.as_ref();
        let (id, vault) = (action.id, action.open_vault(kernel).await);
        parents.insert(id, (Arc::new(parent), vault));
    }
    let bare: Vec<Uuid> = rows.iter().filter(|row| row.sealed().is_none()).map(SubmissionRow::person_id).collect();
    let owners = if bare.is_empty() { Vec::new() } else { people::by_ids(conn, &bare).await? };
    let open = |row: K::Row| {
        let (parent, vault) = parents.get(&row.action_id()).ok_or_else(Error::not_found)?;
        let (parent, vault) = (parent.clone(), vault.as_ref().map_err(Error::repeated)?.clone());
        let payload: Option<K::Payload> =
            row.sealed().map(|sealed| vault.open(K::TABLE, row.id(), sealed)).transpose()?;
        let locale = payload
            .as_ref()
            .and_then(SubmissionPayload::locale)
            .or_else(|| row.locale().and_then(|tag| LocaleTag::parse(tag).ok()));
        let owner = owners.iter().find(|owner| owner.id == row.person_id() && row.sealed().is_none());
        let locale = locale
            .or_else(|| owner.and_then(|owner| LocaleTag::parse(owner.locale.as_deref()?).ok()))
            .unwrap_or((*parent).as_ref().locale);
        let owner = owner.map(|owner| owner.details(&vault)).transpose()?;
        Ok(Loaded { row, parent, vault, payload: payload.unwrap_or_default(), owner, locale })
    };
    Ok(rows.into_iter().map(open).collect())
}

/// The submissions with these ids, in this order; `None` for one that was deleted.
///
/// # Errors
/// As [`load`].
pub async fn load_found<K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Result<Option<Loaded<K>>>>> {
    let rows = K::rows(conn, ids).await?;
    let found: Vec<Uuid> = rows.iter().map(SubmissionRow::id).collect();
    let loaded: HashMap<Uuid, Result<Loaded<K>>> = found.into_iter().zip(load(kernel, conn, rows).await?).collect();
    let of = |id: &Uuid| match loaded.get(id) {
        None => Ok(None),
        Some(Ok(c)) => Ok(Some(c.clone())),
        Some(Err(error)) => Err(error.repeated()),
    };
    Ok(ids.iter().map(of).collect())
}

impl<K: SubmissionKind> Loaded<K> {
    /// Its action.
    pub fn action(&self) -> &Action {
        (*self.parent).as_ref()
    }

    /// Do its pages and mails name nothing?
    pub fn is_neutral(&self) -> bool {
        self.action().protected
    }

    /// The address of its owner: as typed, or, once that was erased, as the owner has confirmed it.
    pub fn address(&self) -> Option<EmailAddress> {
        self.payload.details().address().or_else(|| self.owner.as_ref().and_then(Details::address))
    }

    /// The title of its action.
    pub fn title(&self) -> String {
        self.action().text(self.locale, "").0.title
    }

    /// The URL of one of its links.
    pub fn link(&self, kernel: &Kernel, purpose: Purpose) -> String {
        kernel.links.url(purpose, self.row.id(), self.row.link_generation())
    }

    /// One of its links, with the text of a key.
    pub fn page_link(&self, kernel: &Kernel, purpose: Purpose, label: &str) -> PageLink {
        PageLink { label: text(self.locale, label), href: self.link(kernel, purpose) }
    }

    /// Was it not confirmed in time?
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.row.confirm_expires_at().is_none_or(|at| at <= now)
    }

    /// Does it wait for the owner of the address to confirm it, who still can?
    pub fn waits(&self, now: DateTime<Utc>) -> bool {
        self.row.is_pending() && !self.has_expired(now) && K::is_open(self, now)
    }

    /// May the owner of the address confirm it now?
    ///
    /// # Errors
    /// `link_expired` when it is not pending, or was not confirmed in time.
    pub fn require_confirmable(&self, now: DateTime<Utc>) -> Result<()> {
        if self.row.is_pending() && !self.has_expired(now) { Ok(()) } else { Err(expired()) }
    }

    /// Its details merged into those of its person, whose row is locked.
    ///
    /// # Errors
    /// `internal` when the vault does not open the person.
    pub fn merged_details(&self, kernel: &Kernel, person: &PersonRow) -> Result<DetailsChange> {
        let newer = self.payload.details().clone();
        person.merged(kernel, &self.vault, newer, self.row.locale(), self.action().protected)
    }

    /// A page with the texts `token-{stem}-{heading}` and `token-{stem}-{line}`.
    pub fn text_page(&self, stem: &str, heading: &str, lines: &[&str]) -> LinkPage {
        let part = |key: &str| text_of(self.locale, &format!("token-{stem}-{key}"), "title", self.title());
        LinkPage {
            locale: self.locale,
            heading: part(heading),
            lines: lines.iter().map(|key| part(key)).collect(),
            neutral: self.is_neutral(),
            ..LinkPage::default()
        }
    }

    fn stem(&self, step: &str) -> String {
        format!("{}-{step}", if self.is_neutral() { "neutral" } else { K::NAME })
    }

    /// A page with a button, with the texts `token-{kind}-{step}-…`; of protected actions `token-neutral-{step}-…`, which
    /// name nothing.
    pub fn button_page(&self, step: &str) -> LinkPage {
        let lines: &[&str] = if self.is_neutral() { &["line-1"] } else { &["line-1", "line-2"] };
        let texts = self.stem(step);
        let button = Some(text(self.locale, &format!("token-{texts}-button")));
        LinkPage { button, ..self.text_page(&texts, "heading", lines) }
    }

    /// The page after the button was pressed.
    pub fn done_page(&self, step: &str) -> LinkPage {
        LinkPage { done: true, ..self.text_page(&self.stem(step), "done-heading", &["done-line-1"]) }
    }

    /// A mail about it, to be queued.
    pub fn email(&self, class: Class, kind: &'static str) -> NewEmail<'static> {
        NewEmail {
            organization_id: self.action().organization_id,
            class,
            kind,
            lane: "",
            refs: json!({K::REF: self.row.id()}),
            protected: self.action().protected,
            due_at: None,
        }
    }

    /// The basis of a mail about it to an address that nobody has confirmed.
    pub fn first_contact(&self, merged_with: MergedWith) -> SendBasis {
        SendBasis::FirstContact { about: self.action().id, merged_with }
    }

    /// The draft of a mail about it, unless it has no address (any more).
    pub fn draft(self, basis: SendBasis) -> Option<Draft<Self>> {
        let to = self.address()?;
        Some(Draft { to, vault: self.vault.clone(), basis, about: self })
    }

    /// Composes a mail to its owner; `page` has the variables of the mail's kind. A mail about a protected action names
    /// neither the action nor the sender.
    ///
    /// # Errors
    /// `internal` when a template does not render.
    pub fn compose(&self, kernel: &Kernel, kind: &str, to: EmailAddress, page: Value) -> Composition {
        let action = self.action();
        let neutral = self.is_neutral();
        let common = context! { organization => action.organization_name.as_str(), action_title => self.title() };
        let page = context! { ..page, ..K::mail_context(self, kernel.env.now()), ..common };
        let rendered = mail::render(kernel, kind, self.locale, neutral, page)?;
        let from_name = if neutral { String::new() } else { action.organization_name.clone() };
        let mut composed = Composed::new(to, from_name, rendered.subject, rendered.text);
        composed.html = rendered.html;
        Ok(Some(composed))
    }
}
