//! Operations on actions: create, change, archive, find.

use chrono::{DateTime, Months, NaiveDate, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    action::{Action, ActionText, Kind, Privacy, State},
    document::{ActionDocument, NewAction},
    images, store,
};
use crate::{
    error::{Code, Error, FieldError, OnConstraint, Result},
    kernel::{
        Kernel,
        text::{LocaleTag, Slug},
    },
    organizers::{Actor, audit},
};

/// Months after which a protected action without a date is taken to be over.
const OPEN_ENDED_MONTHS: u32 = 9;

/// Adds the `actions` row of a new petition, event or letter action with id `id`, and a vault of its own for a
/// protected one.
///
/// # Errors
/// 422 naming the field for a taken slug, an unknown campaign or a day that is out of range; `unavailable` while a
/// protected action's key cannot be written.
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
    let campaign = find_campaign(conn, organization, new.campaign.as_deref()).await?;
    if let Some(image) = new.image {
        images::find_organization_image(conn, organization, image).await?;
    }
    let vault = match new.privacy {
        Privacy::Standard => {
            if let Some(last_day) = new.destroy_after {
                new.require_last_day(last_day, true, at, None)?;
            }
            kernel.vaults.of_organization(conn, organization).await?
        }
        Privacy::Protected => {
            let today = at.with_timezone(&new.zone).date_naive();
            let over = new.last_date().unwrap_or(today + Months::new(OPEN_ENDED_MONTHS)).max(today);
            let latest = over + Months::new(kernel.settings.retention.protected_months);
            let last_day = new.destroy_after.unwrap_or(latest);
            new.require_last_day(last_day, true, at, Some(latest))?;
            kernel.vaults.create_protected(conn, organization, last_day).await?
        }
    };
    let mut numbered;
    let mut new = new;
    if new.slug_is_made {
        numbered = new.clone();
        numbered.slug = numbered.slug.first_free(&store::similar_slugs(conn, new.kind, &new.slug).await?);
        new = &numbered;
    } else if store::former_slug(conn, new.kind, new.slug.as_str()).await?.is_some() {
        return Err(taken());
    }
    store::insert_action(conn, id, organization, vault, campaign, locale, new, at)
        .await
        .on_constraint("actions_kind_slug_key", taken)?;
    if new.next_action.is_some() {
        let action = store::by_id(conn, id).await?;
        set_next(conn, &action, new.next_action.clone()).await?;
    }
    Ok(())
}

/// The id of an organization's campaign, by id or slug.
async fn find_campaign(conn: &mut PgConnection, organization: Uuid, key: Option<&str>) -> Result<Option<Uuid>> {
    let Some(key) = key else { return Ok(None) };
    match store::campaign(conn, Some(organization), key).await {
        Ok(campaign) => Ok(Some(campaign.id)),
        Err(e) if e.code() == Code::NotFound => {
            Err(Error::field("/muster:campaign", "unknown_value", "There is no such campaign."))
        }
        Err(e) => Err(e),
    }
}

fn taken() -> Error {
    Error::field("/muster:slug", "taken", "This address is taken, or leads to a page that had it before.")
}

/// Finds an action: organizers find all of their organization, others the public ones.
///
/// # Errors
/// `not_found` for everything else, also for what exists but is not visible.
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
/// As [`find_for`], and `action_ended` (410) once its data has ended.
pub async fn find_to_change(conn: &mut PgConnection, kind: Kind, key: &str, actor: &Actor) -> Result<Action> {
    let found = find_for(conn, kind, key, Some(actor)).await?;
    store::lock(conn, found.id).await?;
    let action = store::by_id(conn, found.id).await?;
    action.require_not_ended()?;
    Ok(action)
}

/// Writes an action anew. `action` is the row under its lock ([`find_to_change`]), so that neither another change nor
/// a closing date that was reached meanwhile is undone.
///
/// # Errors
/// 422 with a pointer for each refused field, also for what cannot be changed after creation; `conflict` for a state
/// that cannot follow.
pub async fn put_action(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    action: &Action,
    new: NewAction,
) -> Result<Action> {
    let before = ActionDocument::of(action, true);
    refuse_fixed(action, &new)?;
    if !action.state.may_become(new.state) {
        return Err(Error::problem(
            Code::Conflict,
            "What was published does not become a draft again (pause, close or archive it); a draft is published or archived.",
        ));
    }
    if let Some(image) = new.image {
        images::find_organization_image(conn, action.organization_id, image).await?;
    }
    let campaign = if new.campaign == before.muster_campaign {
        action.campaign_id
    } else {
        find_campaign(conn, action.organization_id, new.campaign.as_deref()).await?
    };
    let chosen_end = new.destroy_after.filter(|day| Some(*day) != action.destroy_after);
    let last_day = chosen_end.or(action.fixed_end);
    if let Some(last_day) = last_day {
        // who took part in a protected action was promised that day
        let latest = action.destroy_after.filter(|_| action.protected);
        new.require_last_day(last_day, chosen_end.is_some(), kernel.env.now(), latest)?;
    }
    if let Some(day) = chosen_end.filter(|_| action.protected) {
        kernel.vaults.shorten(conn, action.vault_id, day).await?;
    }
    store::save_action(conn, action.id, campaign, &new, chosen_end, kernel.env.now()).await?;
    if new.sets_next || new.next_action != before.muster_next_action {
        set_next(conn, action, new.next_action).await?;
    }
    if new.slug.as_str() != action.slug {
        rename(conn, kernel, action, &new.slug).await?;
    }
    let verb = if new.state == action.state { "edit" } else { new.state.as_str() };
    if new.state != action.state {
        store::log_state(conn, &kernel.env, action.id, new.state, &new.state_reason, Some(actor.organizer_id)).await?;
    }
    audit(conn, &kernel.env, actor, &format!("{}.{verb}", action.kind.as_str()), Some(action.id), json!({})).await?;
    store::by_id(conn, action.id).await
}

impl NewAction {
    /// The day of its last date, if it has one.
    fn last_date(&self) -> Option<NaiveDate> {
        self.dates.iter().map(|(_, at)| at.with_timezone(&self.zone).date_naive()).max()
    }

    /// Requires that the data of those who take part may end after a day: one that was chosen now (`is_new`), or that
    /// holds already. `latest` is the latest day that may be chosen.
    ///
    /// # Errors
    /// 422 that names the last day if it was chosen now, or else each date that lies after it.
    fn require_last_day(
        &self,
        last_day: NaiveDate,
        is_new: bool,
        now: DateTime<Utc>,
        latest: Option<NaiveDate>,
    ) -> Result<()> {
        if is_new {
            let earliest = self.last_date().max(Some(now.with_timezone(&self.zone).date_naive()));
            let is_early = earliest.is_some_and(|earliest| last_day < earliest);
            if !is_early && latest.is_none_or(|latest| last_day <= latest) {
                return Ok(());
            }
            let mut detail = "Must lie neither before today nor before a date of the action".to_owned();
            if let Some(latest) = latest {
                detail = format!("{detail}, and not after {latest}");
            }
            return Err(Error::field("/muster:destroy_after", "out_of_range", format!("{detail}.")));
        }
        let is_late = |at: &DateTime<Utc>| at.with_timezone(&self.zone).date_naive() > last_day;
        let detail =
            format!("Must not lie after {last_day}, the last day of the action's data (muster:destroy_after).");
        let late = self.dates.iter().filter(|(_, at)| is_late(at));
        let errors: Vec<_> =
            late.map(|(pointer, _)| FieldError::new(pointer.as_str(), "out_of_range", detail.as_str())).collect();
        if errors.is_empty() { Ok(()) } else { Err(Error::Fields(errors)) }
    }
}

/// Refuses other values of what cannot be changed after creation.
fn refuse_fixed(action: &Action, new: &NewAction) -> Result<()> {
    let is_protected = new.privacy == Privacy::Protected;
    let fixed = [
        ("/muster:privacy", is_protected == action.protected),
        ("/muster:confirmation", new.confirmation == action.confirmation()),
        ("/muster:locale", new.locale.is_none_or(|locale| locale == action.locale)),
    ];
    let errors: Vec<FieldError> = fixed
        .into_iter()
        .filter(|(_, is_unchanged)| !is_unchanged)
        .map(|(pointer, _)| FieldError::new(pointer, "not_allowed", "Cannot be changed after creation."))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Fields(errors)) }
}

/// Archives an action: the public no longer sees it, its submissions are kept. `action` is the row under its lock.
///
/// # Errors
/// As [`put_action`].
pub async fn archive_action(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    action: &Action,
) -> Result<Action> {
    let before = ActionDocument::of(action, true);
    let muster_status_reason =
        if before.muster_status == State::Archived { before.muster_status_reason.clone() } else { String::new() };
    let archived = ActionDocument { muster_status: State::Archived, muster_status_reason, ..before };
    put_action(conn, kernel, actor, action, archived.parse(action.kind, true)?).await
}

/// Changes the slug of an action. The former one redirects to it, so no other action may take it.
async fn rename(conn: &mut PgConnection, kernel: &Kernel, action: &Action, slug: &Slug) -> Result<()> {
    let former = store::former_slug(conn, action.kind, slug.as_str()).await?;
    if former.is_some_and(|owner| owner != action.id) {
        return Err(taken());
    }
    store::rename(conn, action.kind, action.id, &action.slug, slug, kernel.env.now())
        .await
        .on_constraint("actions_kind_slug_key", taken)
}

/// Sets the next action of an action: another published one of the organization, by id or page path.
async fn set_next(conn: &mut PgConnection, action: &Action, next: Option<String>) -> Result<()> {
    let next = match next {
        None => None,
        Some(input) => {
            let at = Kind::ALL.into_iter().find_map(|kind| Some((kind, input.strip_prefix(kind.page_prefix())?)));
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

/// Makes the short link `/go/{word}` lead to an action. One that leads elsewhere stays as it is: it may be on posters.
///
/// # Errors
/// 422 for a word that is not a slug, or that another action has.
pub async fn register_short_link(conn: &mut PgConnection, kernel: &Kernel, word: &str, action: Uuid) -> Result<()> {
    let word = Slug::parse(word).map_err(|e| Error::field("/muster:short_link", e.code, e.detail))?;
    if store::insert_short_link(conn, word.as_str(), action, kernel.env.now()).await? {
        Ok(())
    } else {
        Err(Error::field("/muster:short_link", "taken", "This word is taken."))
    }
}

/// Registers a partner organization, the wording of its consent box and its word of origin.
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

/// The word of origin under which a submission is counted: the registered one, else `other`.
pub(super) async fn registered_source(conn: &mut PgConnection, organization: Uuid, input: &str) -> Result<String> {
    let words = store::source_words(conn, organization).await?;
    Ok(if words.iter().any(|w| w == input) { input.to_owned() } else { "other".to_owned() })
}

/// Title and summary of a campaign or update in a language; what is not translated is in its own language.
pub fn localized(texts: &Value, locale: LocaleTag, title: &str, summary: &str) -> (String, String) {
    let there: ActionText =
        texts.get(locale.as_str()).and_then(|t| serde_json::from_value(t.clone()).ok()).unwrap_or_default();
    let pick = |theirs: String, own: &str| if theirs.is_empty() { own.to_owned() } else { theirs };
    (pick(there.title, title), pick(there.summary, summary))
}
