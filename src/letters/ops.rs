//! Operations on offices and letters: create an office, appoint its holder; create a letter action, go live; and
//! withdraw a letter. Confirming is in [`super::confirmation`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    dispatch,
    state::{LetterState, OutreachState},
    store::{self, LetterAction, LetterRow, OfficeText, OfficeTitle, OfficeTitles, OfficialName, TemplateText},
};
use crate::{
    campaigns::{self, Kind, NewAction},
    error::{Code, Error, FieldError, OnConstraint, Result},
    kernel::{
        Kernel,
        text::{EmailAddress, LocaleTag, Slug},
    },
    organizers::Actor,
};

/// A holder of an office, with the term.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The official.
    pub name: OfficialName,
    /// First day in office.
    pub starts_on: NaiveDate,
    /// Last day in office; `None`: still there.
    pub ends_on: Option<NaiveDate>,
}

/// A checked office to create.
#[derive(Clone, Debug)]
pub struct NewOffice {
    /// Its slug.
    pub slug: Slug,
    /// Its title.
    pub title: String,
    /// Its title in other languages.
    pub titles: BTreeMap<LocaleTag, String>,
    /// Language of the title.
    pub locale: LocaleTag,
    /// Where letters go; the first is written to, the others get a copy.
    pub mailboxes: Vec<EmailAddress>,
    /// Who holds and held it, oldest first.
    pub holders: Vec<Holder>,
}

/// The value of `offices.texts`.
pub(super) fn office_texts(titles: &BTreeMap<LocaleTag, String>) -> OfficeTitles {
    let entry =
        |(locale, title): (&LocaleTag, &String)| (locale.as_str().to_owned(), OfficeTitle { title: title.clone() });
    titles.iter().map(entry).collect()
}

/// Addresses as stored in `mailboxes`, in lower case and without duplicates: offices share mailboxes, and a mailbox
/// is a lane of the mail queue.
pub(super) fn normalized_addresses(mailboxes: &[EmailAddress]) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::with_capacity(mailboxes.len());
    for mailbox in mailboxes {
        let address = mailbox.as_str().to_lowercase();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// Creates an office with id `id` and its holders.
///
/// # Errors
/// 422 naming the field for a taken slug or terms that overlap.
pub async fn create_office(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: &NewOffice,
) -> Result<()> {
    let at = kernel.env.now();
    let texts = office_texts(&new.titles);
    let text = OfficeText { title: &new.title, texts: &texts, locale: new.locale.as_str() };
    store::insert_office(conn, id, organization, new.slug.as_str(), &text, at)
        .await
        .on_constraint("offices_organization_slug_key", || {
            Error::field("/muster:slug", "taken", "There is an office with this slug.")
        })?;
    set_mailboxes(conn, kernel, id, &normalized_addresses(&new.mailboxes)).await?;
    for holder in &new.holders {
        let official = kernel.env.id();
        store::insert_official(conn, official, organization, &holder.name, at).await?;
        begin_term(conn, kernel, id, official, holder.starts_on, holder.ends_on).await?;
    }
    Ok(())
}

/// Replaces the mailboxes of an office; letters that are queued already go to the new ones, too.
pub(super) async fn set_mailboxes(
    conn: &mut PgConnection,
    kernel: &Kernel,
    office: Uuid,
    addresses: &[String],
) -> Result<()> {
    let ids: Vec<Uuid> = addresses.iter().map(|_| kernel.env.id()).collect();
    store::set_mailboxes(conn, office, &ids, addresses, kernel.env.now()).await
}

/// Inserts a term. One without an end closes the current term on the day before.
///
/// # Errors
/// 422 at `/muster:term` for days that overlap another term.
pub(super) async fn begin_term(
    conn: &mut PgConnection,
    kernel: &Kernel,
    office: Uuid,
    official: Uuid,
    starts_on: NaiveDate,
    ends_on: Option<NaiveDate>,
) -> Result<()> {
    store::lock_office(conn, office).await?;
    if ends_on.is_none() {
        store::end_term_before(conn, office, starts_on).await?;
    }
    store::insert_term(conn, kernel.env.id(), office, official, starts_on, ends_on)
        .await
        .on_constraint("terms_office_current_key", || {
            Error::field(
                "/muster:term/end_date",
                "required",
                "A later term of this office is still open, so this one needs a last day.",
            )
        })
        .on_constraint("terms_office_start_key", || {
            Error::field("/muster:term/start_date", "taken", "Another term of this office begins on that day.")
        })
        .on_constraint("terms_dates_check", || {
            Error::field("/muster:term/end_date", "out_of_range", "The last day cannot lie before the first.")
        })
}

/// Appoints the holder of an office from today on; `None` leaves it vacant. For the same name only the prefix is
/// updated.
pub(super) async fn set_holder(
    conn: &mut PgConnection,
    kernel: &Kernel,
    office: &store::OfficeRow,
    holder: Option<&OfficialName>,
) -> Result<()> {
    let (today, at) = (kernel.env.now().date_naive(), kernel.env.now());
    store::lock_office(conn, office.id).await?;
    let Some(name) = holder else { return store::end_term_before(conn, office.id, today).await };
    let is_there = office.given_name.as_deref() == Some(&name.given_name)
        && office.family_name.as_deref() == Some(&name.family_name);
    if let Some(official) = office.official_id.filter(|_| is_there) {
        return store::set_honorific(conn, official, &name.honorific_prefix, at).await;
    }
    let official = kernel.env.id();
    store::insert_official(conn, official, office.organization_id, name, at).await?;
    begin_term(conn, kernel, office.id, official, today, None).await
}

/// A checked letter action to create, beside what all actions share.
#[derive(Clone, Debug, Default)]
pub struct NewLetterAction {
    /// May a supporter change the text?
    pub editable: bool,
    /// Office or official ids, or offices' slugs.
    pub targets: Vec<String>,
    /// The texts, checked with [`super::check_template`].
    pub templates: Vec<TemplateText>,
}

/// Creates a letter action with id `id`. It is not live: letters to it are held.
///
/// # Errors
/// 422 naming the field.
pub async fn create_letter_action(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    shared: &NewAction,
    new: &NewLetterAction,
) -> Result<()> {
    campaigns::create_action(conn, kernel, organization, id, shared).await?;
    store::insert(conn, id, new.editable).await?;
    set_targets(conn, kernel, organization, id, &new.targets).await?;
    store::set_templates(conn, id, &new.templates).await
}

/// Replaces the targets of a letter action; existing letters keep theirs.
///
/// # Errors
/// As [`resolve_offices`].
pub(super) async fn set_targets(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    action: Uuid,
    keys: &[String],
) -> Result<()> {
    let offices = resolve_offices(conn, kernel, organization, keys).await?;
    store::set_targets(conn, action, &offices).await
}

/// The offices of an organization that are named by id, by slug or by the official who holds them, each once.
///
/// # Errors
/// 422 at `/muster:targets/{i}` for what names none.
pub async fn resolve_offices(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    keys: &[String],
) -> Result<Vec<Uuid>> {
    let found = store::resolve_targets(conn, organization, keys, kernel.env.now().date_naive()).await?;
    let (mut offices, mut errors) = (Vec::new(), Vec::new());
    for (i, office) in found.into_iter().enumerate() {
        match office {
            Some(office) if !offices.contains(&office) => offices.push(office),
            Some(_) => {}
            None => errors.push(FieldError::new(
                format!("/muster:targets/{i}"),
                "unknown_value",
                "Names no office, and no official who holds one.",
            )),
        }
    }
    if errors.is_empty() { Ok(offices) } else { Err(Error::Fields(errors)) }
}

/// A letter action by id or slug, whatever its state.
///
/// # Errors
/// `not_found`.
pub async fn find(conn: &mut PgConnection, kernel: &Kernel, key: &str) -> Result<LetterAction> {
    store::by_key(conn, key, kernel.env.now().date_naive()).await
}

/// A letter action for a reader: an organizer sees all of the organization's, everybody else what is public.
///
/// # Errors
/// `not_found` for everything else.
pub async fn find_for(
    conn: &mut PgConnection,
    kernel: &Kernel,
    key: &str,
    actor: Option<&Actor>,
) -> Result<LetterAction> {
    let action = campaigns::find_for(conn, Kind::Letter, key, actor).await?;
    store::load_for_action(conn, action, kernel.env.now().date_naive()).await
}

/// An organization's letter action to change, locked.
///
/// # Errors
/// As [`find_for`].
pub(super) async fn find_to_change(
    conn: &mut PgConnection,
    kernel: &Kernel,
    key: &str,
    actor: &Actor,
) -> Result<LetterAction> {
    let action = campaigns::find_to_change(conn, Kind::Letter, key, actor).await?;
    store::load_for_action(conn, action, kernel.env.now().date_naive()).await
}

/// Switches a letter action live: a job releases its held letters, and later ones are queued when they are confirmed.
/// Switched off, the job holds again what is still queued.
///
/// # Errors
/// `conflict` (409) for an action without targets.
pub async fn set_live(conn: &mut PgConnection, kernel: &Kernel, action: Uuid, live: bool) -> Result<()> {
    let shared = campaigns::by_id(conn, action).await?;
    let letter = store::load_for_action(conn, shared, kernel.env.now().date_naive()).await?;
    if live && letter.targets.is_empty() {
        return Err(Error::problem(
            Code::Conflict,
            "Name at least one office in `muster:targets` before letters go out.",
        ));
    }
    store::switch_live(conn, action, live, kernel.env.now()).await?;
    dispatch::apply_sending_state(conn, kernel, action).await
}

/// Letter actions by their ids, in no order, with the holders of offices of today.
pub(super) async fn load_actions(kernel: &Kernel, conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<LetterAction>> {
    let today = kernel.env.now().date_naive();
    let mut loaded = Vec::with_capacity(ids.len());
    for action in campaigns::by_ids(conn, ids).await? {
        loaded.push(store::load_for_action(conn, action, today).await?);
    }
    Ok(loaded)
}

/// Cancels the unsent outreaches of a letter and takes them off the counts. Returns how many.
pub(super) async fn withdraw(
    conn: &mut PgConnection,
    kernel: &Kernel,
    letter: &LetterAction,
    row: &LetterRow,
) -> Result<i64> {
    let waiting = store::lock_unsent(conn, row.id).await?;
    let stopped =
        dispatch::stop_sending(conn, kernel, letter.action.protected, &waiting, OutreachState::Cancelled).await?;
    let stopped = i64::try_from(stopped).unwrap_or(i64::MAX);
    store::uncount(conn, row, stopped, row.confirmed_at.unwrap_or(row.created_at).date_naive()).await?;
    store::erase_if_cancelled(conn, row.id).await?;
    Ok(stopped)
}

/// Erases the letters of a person, whose lock the caller holds: what was not sent is stopped and taken off the counts, what
/// was sent stays counted.
pub(super) async fn erase(kernel: &Kernel, conn: &mut PgConnection, person: Uuid) -> Result<()> {
    let ids = store::of_person(conn, person).await?;
    let rows = store::lock_letters(conn, &ids).await?;
    let actions: BTreeSet<Uuid> = rows.iter().map(|row| row.letter_action_id).collect();
    for action in &actions {
        campaigns::lock(conn, *action).await?;
    }
    let actions = load_actions(kernel, conn, &actions.into_iter().collect::<Vec<_>>()).await?;
    for row in rows.iter().filter(|row| row.state == LetterState::Confirmed) {
        if let Some(letter) = actions.iter().find(|letter| letter.action.id == row.letter_action_id) {
            withdraw(conn, kernel, letter, row).await?;
        }
    }
    store::delete_of_person(conn, person).await
}
