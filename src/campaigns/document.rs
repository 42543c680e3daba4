//! What all kinds of action have in common in the API: the members that organizers write ([`ActionDocument`], in
//! POST, PUT and GET), and those that only answers have ([`ActionResource`]).
//!
//! Petitions, events and letter actions flatten both into their own documents and answers, and parse them from a body
//! by themselves: serde loses the JSON pointers of errors in flattened members.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::action::{Action, ActionText, Confirmation, Kind, Privacy, State, Texts};
use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        crypto::sha256,
        hal::{Links, identifiers},
        patch::Patch,
        text::{LocaleTag, Slug, TextError, clean_line, clean_text, required_line},
        zones::{self, Zone},
    },
    people::other_identifiers,
};

/// What organizers write of every action. A PUT lays its members over the document as it is; absent members stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub struct ActionDocument {
    /// Title, one line of at most 300 characters.
    #[validate(length(min = 1, max = 300))]
    pub title: String,
    /// One or two sentences, at most 1,000 characters.
    #[serde(default, rename = "muster:summary")]
    #[validate(length(max = 1000))]
    pub muster_summary: String,
    /// Markdown, at most 40,000 characters.
    #[serde(default)]
    #[validate(length(max = 40_000))]
    pub description: String,
    /// Last part of the page's address; made from the title if absent. After a change the old address leads to the
    /// new one.
    #[serde(default, rename = "muster:slug")]
    #[validate(length(max = 80))]
    pub muster_slug: Option<String>,
    /// Draft if absent.
    #[serde(default, rename = "muster:status")]
    pub muster_status: State,
    /// Why it is in this state, as its page says it; at most 500 characters. Emptied by a new state that comes
    /// without one.
    #[serde(default, rename = "muster:status_reason")]
    #[validate(length(max = 500))]
    pub muster_status_reason: String,
    /// Standard if absent; cannot be changed after creation.
    #[serde(default, rename = "muster:privacy")]
    pub muster_privacy: Privacy,
    /// E-mail if absent; cannot be changed after creation.
    #[serde(default, rename = "muster:confirmation")]
    pub muster_confirmation: Option<Confirmation>,
    /// Language of the texts, as a BCP 47 tag; the organization's if absent. Cannot be changed after creation.
    #[serde(default, rename = "muster:locale")]
    #[validate(length(max = 35))]
    pub muster_locale: Option<String>,
    /// Texts in other languages, by BCP 47 tag; replaced as a whole.
    #[serde(default, rename = "muster:texts")]
    pub muster_texts: BTreeMap<String, ActionText>,
    /// The button's text, at most 60 characters.
    #[serde(default, rename = "muster:button")]
    #[validate(length(max = 60))]
    pub muster_button: String,
    /// What the thank-you mail says, at most 5,000 characters; empty for the public.
    #[serde(default, rename = "muster:thanks")]
    #[validate(length(max = 5000))]
    pub muster_thanks: String,
    /// Text for sharing, at most 500 characters; the title is used if it is empty.
    #[serde(default, rename = "muster:share_text")]
    #[validate(length(max = 500))]
    pub muster_share_text: String,
    /// Id of an image of the organization (see `POST /api/v1/images`); null: none.
    #[serde(default, rename = "muster:image")]
    pub muster_image: Option<Uuid>,
    /// Who holds it, as shown; at most 200 characters.
    #[serde(default, rename = "muster:hosted_by")]
    #[validate(length(max = 200))]
    pub muster_hosted_by: String,
    /// Slug of the campaign it belongs to (an id is accepted, too); null: none. The public sees published campaigns
    /// only.
    #[serde(default, rename = "muster:campaign")]
    #[validate(length(max = 80))]
    pub muster_campaign: Option<String>,
    /// When it opens to the public; null: when it is published.
    #[serde(default, rename = "muster:opens_at")]
    pub muster_opens_at: Option<DateTime<Utc>>,
    /// When it closes by itself; null: never.
    #[serde(default, rename = "muster:closes_at")]
    pub muster_closes_at: Option<DateTime<Utc>>,
    /// Where its page leads on to while the action is not open: path of the page (`/p/...`) of another published
    /// action (an id is accepted, too); null: nowhere.
    #[serde(default, rename = "muster:next_action")]
    #[validate(length(max = 100))]
    pub muster_next_action: Option<String>,
    /// Last day, in the action's time zone, on which personal data of those who took part exists. Protected actions: set
    /// when they are created (the latest possible day if absent), and only moved to an earlier day afterwards. Others:
    /// if absent, as many months after their end as `GET /api/v1/retention` says. No date of the action may lie after a
    /// day that was set. Organizers only.
    #[serde(default, rename = "muster:destroy_after", skip_serializing_if = "Option::is_none")]
    pub muster_destroy_after: Option<NaiveDate>,
    /// `muster:` and the UUID; then those in other systems, such as `google_id:17`, at most 100 of 200 characters, which only
    /// organizers see. Replaced as a whole; ours is left out of what is written.
    #[serde(default)]
    pub identifiers: Vec<String>,
    /// A PUT names `muster:next_action`: null also clears one that is not shown because it is not published.
    #[serde(skip)]
    pub(super) sets_next: bool,
}

/// The members of every action that answers have beside its [`ActionDocument`].
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActionResource {
    /// URL of the page.
    pub browser_url: String,
    /// When it was created.
    pub created_date: DateTime<Utc>,
    /// When an organizer last changed it.
    pub modified_date: DateTime<Utc>,
    /// When the data of those who took part ended; null: it has not.
    #[serde(rename = "muster:ended_date")]
    pub muster_ended_date: Option<DateTime<Utc>>,
    /// URL of the image.
    pub featured_image_url: Option<String>,
    /// Alternative text of the image.
    #[serde(rename = "muster:image_alt")]
    pub muster_image_alt: Option<String>,
    /// Links.
    #[serde(rename = "_links")]
    pub links: Links,
}

impl ActionResource {
    /// These members of an action; `links` are its links.
    pub fn new(kernel: &Kernel, action: &Action, links: Links) -> Self {
        let image = action.image.as_ref();
        Self {
            browser_url: kernel.url(&action.path()),
            created_date: action.created_at,
            modified_date: action.modified_at,
            muster_ended_date: action.ended_at,
            featured_image_url: image.map(|image| kernel.url(&image.url)),
            muster_image_alt: image.map(|image| image.alt.clone()),
            links,
        }
    }
}

/// The answer to every valid public act on an action, whatever becomes of it, so that it tells nothing about the
/// person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReceivedResource {
    /// `received`.
    pub status: &'static str,
    /// How the act is confirmed.
    pub confirmation: Confirmation,
    /// `self`: the action; `alternate`: its page.
    #[serde(rename = "_links")]
    pub links: Links,
}

impl ReceivedResource {
    /// The answer to acts on this action.
    pub fn new(kernel: &Kernel, action: &Action) -> Self {
        Self {
            status: "received",
            confirmation: action.confirmation(),
            links: Links::to_self(kernel.url(&action.api_path())).to("alternate", kernel.url(&action.path())),
        }
    }
}

/// A checked [`ActionDocument`], to be created or saved.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in ActionDocument")]
pub struct NewAction {
    pub kind: Kind,
    pub slug: Slug,
    /// Made from the title: another one is found if it is taken.
    pub slug_is_made: bool,
    pub title: String,
    pub summary: String,
    pub description: String,
    pub texts: Texts,
    pub locale: Option<LocaleTag>,
    pub state: State,
    pub state_reason: String,
    pub privacy: Privacy,
    pub confirmation: Confirmation,
    pub button: String,
    pub thanks: String,
    pub share_text: String,
    pub image: Option<Uuid>,
    pub hosted_by: String,
    pub campaign: Option<String>,
    pub opens_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
    pub next_action: Option<String>,
    pub sets_next: bool,
    pub destroy_after: Option<NaiveDate>,
    pub identifiers: Vec<String>,
    /// The zone in which its days are counted.
    pub zone: Zone,
    /// Its dates, each with the JSON pointer of its field: none may lie after its last day.
    pub dates: Vec<(String, DateTime<Utc>)>,
}

impl ActionDocument {
    /// The document of an action; members for organizers are left out for the public.
    pub fn of(action: &Action, is_organizer: bool) -> Self {
        let campaign = action.campaign.as_ref().filter(|campaign| is_organizer || campaign.is_public);
        let others = action.identifiers.iter().filter(|_| is_organizer).cloned();
        Self {
            title: action.title.clone(),
            muster_summary: action.summary.clone(),
            description: action.description.clone(),
            muster_slug: Some(action.slug.clone()),
            muster_status: action.state,
            muster_status_reason: action.state_reason.clone(),
            muster_privacy: if action.protected { Privacy::Protected } else { Privacy::Standard },
            muster_confirmation: Some(action.confirmation()),
            muster_locale: Some(action.locale.as_str().to_owned()),
            muster_texts: action.texts.clone(),
            muster_button: action.button.clone(),
            // mailed to those who acted, perhaps with a link that is for them only
            muster_thanks: if is_organizer { action.thanks.clone() } else { String::new() },
            muster_share_text: action.share_text.clone(),
            muster_image: action.image.as_ref().map(|image| image.id),
            muster_hosted_by: action.hosted_by.clone(),
            muster_campaign: campaign.map(|campaign| campaign.slug.clone()),
            muster_opens_at: action.opens_at,
            muster_closes_at: action.closes_at,
            muster_next_action: action.next.as_ref().map(super::lifecycle::NextAction::path),
            muster_destroy_after: action.destroy_after.filter(|_| is_organizer),
            identifiers: identifiers(action.id).into_iter().chain(others).collect(),
            sets_next: false,
        }
    }

    /// The document of an action with the members of a PUT laid over it. Null for a member that is derived when an
    /// action is created (`muster:slug`, `muster:locale`, ...) leaves it as it is.
    ///
    /// # Errors
    /// 422 with a pointer for each refused member.
    pub fn patched<R>(action: &Action, patch: &Patch<R>) -> Result<Self> {
        let before = Self::of(action, true);
        let mut after = patch.apply(&before)?;
        after.sets_next = patch.has("muster:next_action");
        if after.muster_status != before.muster_status && !patch.has("muster:status_reason") {
            after.muster_status_reason.clear();
        }
        after.muster_slug = after.muster_slug.or(before.muster_slug);
        after.muster_locale = after.muster_locale.or(before.muster_locale);
        after.muster_confirmation = after.muster_confirmation.or(before.muster_confirmation);
        after.muster_destroy_after = after.muster_destroy_after.or(before.muster_destroy_after);
        Ok(after)
    }

    /// Checks and normalises; `may_skip_confirmation` is false where a confirmation is always asked.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub fn parse(self, kind: Kind, may_skip_confirmation: bool) -> Result<NewAction> {
        let mut errors = Vec::new();
        let slug_is_made = self.muster_slug.is_none();
        let CommonMembers { title, summary, description, slug, locale, texts } = CommonMembers::parse(
            kind.as_str(),
            [&self.title, &self.muster_summary, &self.description],
            self.muster_slug.as_deref(),
            self.muster_locale.as_deref(),
            self.muster_texts,
            &mut errors,
        );
        let identifiers = other_identifiers(&self.identifiers, &mut errors);
        let mut take = |pointer: &str, parsed: Result<String, TextError>| {
            parsed.unwrap_or_else(|e| {
                errors.push(FieldError::new(pointer, e.code, e.detail));
                String::new()
            })
        };
        let state_reason = take("/muster:status_reason", clean_text(&self.muster_status_reason, 500));
        let button = take("/muster:button", clean_line(&self.muster_button, 60));
        let thanks = take("/muster:thanks", clean_text(&self.muster_thanks, 5000));
        let share_text = take("/muster:share_text", clean_text(&self.muster_share_text, 500));
        let hosted_by = take("/muster:hosted_by", clean_line(&self.muster_hosted_by, 200));
        let confirmation = self.muster_confirmation.unwrap_or(Confirmation::Email);
        if confirmation == Confirmation::None && (self.muster_privacy == Privacy::Protected || !may_skip_confirmation) {
            errors.push(FieldError::new(
                "/muster:confirmation",
                "not_allowed",
                "Protected actions, events with a private link and letters always ask for confirmation.",
            ));
        }
        if self.muster_status == State::Ended {
            errors.push(FieldError::new(
                "/muster:status",
                "not_allowed",
                "An action ends on its last day, or by destroy.",
            ));
        }
        let swapped = self.muster_opens_at.zip(self.muster_closes_at).is_some_and(|(opens, closes)| closes <= opens);
        if swapped {
            errors.push(FieldError::new("/muster:closes_at", "out_of_range", "Must lie after muster:opens_at."));
        }
        let dates = [("/muster:opens_at", self.muster_opens_at), ("/muster:closes_at", self.muster_closes_at)];
        let dates = dates.into_iter().filter_map(|(pointer, at)| Some((pointer.to_owned(), at?))).collect();
        match slug {
            Some(slug) if errors.is_empty() => Ok(NewAction {
                kind,
                slug,
                slug_is_made,
                title,
                summary,
                description,
                texts,
                locale,
                state: self.muster_status,
                state_reason,
                privacy: self.muster_privacy,
                confirmation,
                button,
                thanks,
                share_text,
                image: self.muster_image,
                hosted_by,
                campaign: self.muster_campaign,
                opens_at: self.muster_opens_at,
                closes_at: self.muster_closes_at,
                next_action: self.muster_next_action,
                sets_next: self.sets_next,
                destroy_after: self.muster_destroy_after,
                identifiers,
                zone: *zones::DEFAULT,
                dates,
            }),
            _ => Err(Error::Fields(errors)),
        }
    }
}

/// The checked members that actions and campaigns share.
pub(super) struct CommonMembers {
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) description: String,
    /// `None` only together with an error.
    pub(super) slug: Option<Slug>,
    pub(super) locale: Option<LocaleTag>,
    pub(super) texts: Texts,
}

impl CommonMembers {
    /// Checks and normalises title, summary and description, slug, locale and texts; without a slug it is made from
    /// the title, and begins with `word` if that has no letters for one.
    pub(super) fn parse(
        word: &str,
        [title, summary, description]: [&str; 3],
        slug: Option<&str>,
        locale: Option<&str>,
        texts: Texts,
        errors: &mut Vec<FieldError>,
    ) -> Self {
        let mut take = |pointer: &str, parsed: Result<String, TextError>| {
            parsed.unwrap_or_else(|e| {
                errors.push(FieldError::new(pointer, e.code, e.detail));
                String::new()
            })
        };
        let title = take("/title", required_line(title, 300));
        let summary = take("/muster:summary", clean_text(summary, 1000));
        let description = take("/description", clean_text(description, 40_000));
        let slug = if let Some(input) = slug {
            Slug::parse(input).map_err(|e| errors.push(FieldError::new("/muster:slug", e.code, e.detail))).ok()
        } else {
            (!title.is_empty()).then(|| slug_of_title(&title, word)).transpose().unwrap_or_else(|e| {
                errors.push(FieldError::new("/muster:slug", e.code, e.detail));
                None
            })
        };
        let locale = locale.map(LocaleTag::parse).transpose().unwrap_or_else(|e| {
            errors.push(FieldError::new("/muster:locale", "unknown_value", e.detail));
            None
        });
        Self { title, summary, description, slug, locale, texts: parse_texts(texts, errors) }
    }
}

/// The slug that is made of a title. One in a script without Latin letters gets `word` and eight digits of its own.
pub fn slug_of_title(title: &str, word: &str) -> Result<Slug, TextError> {
    let has_letters = |text: &str| text.chars().any(char::is_alphabetic);
    match Slug::from_title(title) {
        Some(slug) if has_letters(slug.as_str()) || !has_letters(title) => Ok(slug),
        _ => Slug::parse(&format!("{word}-{}", HEXLOWER.encode(&sha256(title.as_bytes())[..4]))),
    }
}

/// Checks texts in other languages.
pub(super) fn parse_texts(texts: Texts, errors: &mut Vec<FieldError>) -> Texts {
    let mut checked = Texts::new();
    for (tag, text) in texts {
        let at = format!("/muster:texts/{}", tag.replace('~', "~0").replace('/', "~1"));
        let Ok(locale) = LocaleTag::parse(&tag) else {
            errors.push(FieldError::new(at, "unknown_value", "This language is not available."));
            continue;
        };
        let mut take = |name: &str, parsed: Result<String, TextError>| {
            parsed.unwrap_or_else(|e| {
                errors.push(FieldError::new(format!("{at}/{name}"), e.code, e.detail));
                String::new()
            })
        };
        let text = ActionText {
            title: take("title", clean_line(&text.title, 300)),
            summary: take("summary", clean_text(&text.summary, 1000)),
            description: take("description", clean_text(&text.description, 40_000)),
            body: take("body", clean_text(&text.body, 40_000)),
            button: take("button", clean_line(&text.button, 60)),
            thanks: take("thanks", clean_text(&text.thanks, 5000)),
            share: take("share", clean_text(&text.share, 500)),
        };
        checked.insert(locale.as_str().to_owned(), text);
    }
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_in_any_script_makes_a_slug() {
        let made = |title: &str| slug_of_title(title, "event").unwrap().as_str().to_owned();
        for (title, slug) in
            [("Weekly meeting", "weekly-meeting"), ("ਸਟੇਟਸ ਲਈ ਮਾਰਚ Toronto", "toronto"), ("2027", "2027")]
        {
            assert_eq!(made(title), slug);
        }
        for title in ["ਸਟੇਟਸ ਲਈ ਮਾਰਚ", "وضع قانوني للجميع 2027", "集会", "✊🏽", "!!!"]
        {
            let slug = made(title);
            let digits = slug.strip_prefix("event-").unwrap_or_else(|| panic!("{title}: {slug}"));
            assert!(digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{title}: {slug}");
            assert_eq!(made(title), slug, "always the same");
        }
        assert_ne!(made("集会"), made("集會"));
    }
}
