//! Verbs on actions: create, change, find for a reader.

use chrono::Months;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    action::{Action, ActionChanges, ActionText, Kind, NewAction, Privacy, check_dates, parse_texts},
    images, store,
};
use crate::{
    error::{Code, Error, FieldError, OnConstraint, Result},
    kernel::{
        Kernel,
        text::{LocaleTag, Slug, clean_line, clean_text, required_line},
    },
    organizers::{Actor, audit},
};

/// Months for which a protected action without an end of its own may run.
const OPEN_ENDED_MONTHS: u32 = 9;

/// Makes the `actions` row of a new petition, event or letter action with id `id`; a protected one gets a vault of its own.
///
/// # Errors
/// 422 naming the field for a taken slug, an unknown campaign or a day that is out of range; `unavailable` while a
/// protected action's key cannot be written; or a database error.
pub async fn create_action(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: &NewAction,
) -> Result<()> {
    let at = kernel.env.now();
    let locale = match new.locale {
        Some(locale) => locale,
        None => store::organization_locale(conn, organization).await?,
    };
    let campaign = match &new.campaign {
        Some(key) => Some(
            store::campaign(conn, Some(organization), key)
                .await
                .map_err(|e| not_this(e, "/muster:campaign", "There is no such campaign."))?
                .id,
        ),
        None => None,
    };
    if let Some(image) = new.image {
        images::find_organization_image(conn, organization, image).await?;
    }
    let vault = match new.privacy {
        Privacy::Standard => kernel.vaults.of_organization(conn, organization).await?,
        Privacy::Protected => {
            let latest = Months::new(kernel.settings.retention.protected_months);
            let over = new.over_on.unwrap_or(at.date_naive() + Months::new(OPEN_ENDED_MONTHS));
            let destroy_after = new.destroy_after.unwrap_or(over + latest);
            if destroy_after > over + latest || destroy_after < at.date_naive() {
                return Err(Error::field(
                    "/muster:destroy_after",
                    "out_of_range",
                    format!("Must lie between today and {}.", over + latest),
                ));
            }
            kernel.vaults.create_protected(conn, organization, destroy_after).await?
        }
    };
    if store::former_slug(conn, new.kind, new.slug.as_str()).await?.is_some() {
        return Err(taken());
    }
    store::insert_action(conn, id, organization, vault, campaign, locale, new, at)
        .await
        .on_constraint("actions_kind_slug_key", taken)
}

fn taken() -> Error {
    Error::field("/muster:slug", "taken", "This address is taken, or leads to a page that had it before.")
}

fn not_this(error: Error, pointer: &str, detail: &str) -> Error {
    if error.code() == Code::NotFound { Error::field(pointer, "unknown_value", detail) } else { error }
}

/// Finds an action for a reader: an organizer sees all of the organization's, everybody else what is public.
///
/// # Errors
/// `not_found` for everything else, so that a neighbour's object looks like none.
pub async fn find_for(conn: &mut PgConnection, kind: Kind, key: &str, actor: Option<&Actor>) -> Result<Action> {
    let action = store::by_key(conn, kind, key).await?;
    let visible = match actor {
        Some(actor) => actor.organization_id == action.organization_id,
        None => action.state.is_public(),
    };
    if visible { Ok(action) } else { Err(Error::not_found()) }
}

/// Finds an organization's action to change it, locked, so that two changes do not undo each other.
///
/// # Errors
/// As [`find_for`].
pub async fn find_to_change(conn: &mut PgConnection, kind: Kind, key: &str, actor: &Actor) -> Result<Action> {
    let found = find_for(conn, kind, key, Some(actor)).await?;
    store::lock(conn, found.id).await?;
    store::by_id(conn, found.id).await
}

/// Changes the editorial part of an action: as it stands under its lock, whatever the caller has read before, so that neither
/// another change nor a closing date that was reached meanwhile is undone.
///
/// # Errors
/// 422 with a pointer for each refused field, `conflict` for a state that cannot follow, or a database error.
pub async fn update_action(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    action: Action,
    changes: ActionChanges,
) -> Result<Action> {
    store::lock(conn, action.id).await?;
    let mut action = store::by_id(conn, action.id).await?;
    let mut errors = Vec::new();
    let mut set = |target: &mut String,
                   pointer: &str,
                   parsed: Option<Result<String, crate::kernel::text::TextError>>| match parsed {
        Some(Ok(text)) => *target = text,
        Some(Err(e)) => errors.push(FieldError::new(pointer, e.code, e.detail)),
        None => {}
    };
    set(&mut action.title, "/title", changes.title.map(|t| required_line(&t, 300)));
    set(&mut action.summary, "/muster:summary", changes.muster_summary.map(|t| clean_text(&t, 1000)));
    set(&mut action.description, "/description", changes.description.map(|t| clean_text(&t, 40_000)));
    set(&mut action.button, "/muster:button", changes.muster_button.map(|t| clean_line(&t, 60)));
    set(&mut action.thanks, "/muster:thanks", changes.muster_thanks.map(|t| clean_text(&t, 5000)));
    set(&mut action.share_text, "/muster:share_text", changes.muster_share_text.map(|t| clean_text(&t, 500)));
    if let Some(texts) = changes.muster_texts {
        action.texts = parse_texts(texts, &mut errors);
    }
    let before = action.state;
    let mut set = |target: &mut String, reason: Option<String>| match reason.map(|r| clean_text(&r, 500)) {
        Some(Ok(reason)) => *target = reason,
        Some(Err(e)) => errors.push(FieldError::new("/muster:status_reason", e.code, e.detail)),
        None => {}
    };
    if changes.muster_status.is_some_and(|state| state != before) {
        action.state_reason.clear();
    }
    set(&mut action.state_reason, changes.muster_status_reason);
    action.opens_at = changes.muster_opens_at.unwrap_or(action.opens_at);
    action.closes_at = changes.muster_closes_at.unwrap_or(action.closes_at);
    errors.extend(check_dates(action.opens_at, action.closes_at));
    let slug = match changes.muster_slug.map(|input| Slug::parse(&input)) {
        Some(Ok(slug)) => Some(slug).filter(|slug| slug.as_str() != action.slug),
        Some(Err(e)) => {
            errors.push(FieldError::new("/muster:slug", e.code, e.detail));
            None
        }
        None => None,
    };
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    if let Some(state) = changes.muster_status {
        if !before.may_become(state) {
            return Err(Error::problem(
                Code::Conflict,
                "What was published does not become a draft again (pause, close or archive it); a draft is published or archived.",
            ));
        }
        action.state = state;
    }
    match changes.muster_image {
        Some(Some(image)) => {
            action.image = Some(images::find_organization_image(conn, action.organization_id, image).await?);
        }
        Some(None) => action.image = None,
        None => {}
    }
    store::save_action(conn, &action, kernel.env.now()).await?;
    if let Some(next) = changes.muster_next_action {
        set_next(conn, &action, next).await?;
    }
    if let Some(slug) = &slug {
        rename(conn, kernel, &action, slug).await?;
    }
    let verb = if action.state == before { "edit" } else { action.state.as_str() };
    if action.state != before {
        store::log_state(conn, &kernel.env, action.id, action.state, &action.state_reason, Some(actor.organizer_id))
            .await?;
    }
    audit(conn, &kernel.env, actor, &format!("{}.{verb}", action.kind.as_str()), Some(action.id), json!({})).await?;
    store::by_id(conn, action.id).await
}

/// Gives an action another address. The old one leads to it from now on, so no other action may take it.
async fn rename(conn: &mut PgConnection, kernel: &Kernel, action: &Action, slug: &Slug) -> Result<()> {
    let former = store::former_slug(conn, action.kind, slug.as_str()).await?;
    if former.is_some_and(|owner| owner != action.id) {
        return Err(taken());
    }
    store::rename(conn, action.kind, action.id, &action.slug, slug, kernel.env.now())
        .await
        .on_constraint("actions_kind_slug_key", taken)
}

/// Sets where the page of an action leads on to: another published action of the organization, by id or page path.
async fn set_next(conn: &mut PgConnection, action: &Action, next: Option<String>) -> Result<()> {
    let next = match next {
        None => None,
        Some(input) => {
            let kinds = [Kind::Petition, Kind::Event, Kind::Letter];
            let at = kinds.into_iter().find_map(|kind| Some((kind, input.strip_prefix(kind.page_prefix())?)));
            let found = store::sibling(conn, action.organization_id, input.parse().ok(), at).await?;
            let found = found.filter(|id| *id != action.id).ok_or_else(|| {
                Error::field(
                    "/muster:next_action",
                    "unknown_value",
                    "Not another published action: give its id or page path.",
                )
            })?;
            Some(found)
        }
    };
    store::set_next(conn, action.id, next).await
}

/// Points a short link, `/go/{word}`, to an action.
///
/// # Errors
/// 422 for a word that is not a slug or is taken, or a database error.
pub async fn register_short_link(conn: &mut PgConnection, kernel: &Kernel, word: &str, action: Uuid) -> Result<()> {
    let word = Slug::parse(word).map_err(|e| Error::field("/muster:short_link", e.code, e.detail))?;
    if store::upsert_short_link(conn, word.as_str(), action, kernel.env.now()).await? {
        Ok(())
    } else {
        Err(Error::field("/muster:short_link", "taken", "This word is taken."))
    }
}

/// Registers a partner organization, its consent box and the word that marks who came from it.
///
/// # Errors
/// A database error.
pub async fn register_partner(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    slug: &str,
    name: &str,
    wording: &Value,
    source: &str,
) -> Result<()> {
    store::upsert_partner(
        conn,
        (kernel.env.id(), kernel.env.id()),
        organization,
        slug,
        name,
        wording,
        source,
        kernel.env.now(),
    )
    .await
}

/// The word under which an act's source is counted: a registered one, else "other".
///
/// # Errors
/// A database error.
pub async fn registered_source(conn: &mut PgConnection, organization: Uuid, input: &str) -> Result<String> {
    let words = store::source_words(conn, organization).await?;
    Ok(if words.iter().any(|w| w == input) { input.to_owned() } else { "other".to_owned() })
}

/// The texts of a campaign or update in a language, falling back to its own.
pub fn localized(texts: &Value, locale: LocaleTag, title: &str, summary: &str) -> (String, String) {
    let there: ActionText =
        texts.get(locale.as_str()).and_then(|t| serde_json::from_value(t.clone()).ok()).unwrap_or_default();
    let pick = |theirs: String, own: &str| if theirs.is_empty() { own.to_owned() } else { theirs };
    (pick(there.title, title), pick(there.summary, summary))
}
