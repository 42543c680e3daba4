//! The part that petitions, events and letter actions share.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{images::ActionImage, lifecycle::NextAction};
use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        extract::nullable,
        text::{LocaleTag, Slug, clean_line, clean_text, required_line},
    },
};

/// The kinds of action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// People sign.
    Petition,
    /// People register.
    Event,
    /// People write.
    Letter,
}

impl Kind {
    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Petition => "petition",
            Self::Event => "event",
            Self::Letter => "letter",
        }
    }

    /// The path of an action's page: `/p/`, `/e/`, `/l/`.
    pub fn page_prefix(self) -> &'static str {
        match self {
            Self::Petition => "/p/",
            Self::Event => "/e/",
            Self::Letter => "/l/",
        }
    }

    /// The name of its collection in the API.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Petition => "petitions",
            Self::Event => "events",
            Self::Letter => "advocacy_campaigns",
        }
    }
}

/// `muster:privacy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Kept in the organization's vault.
    #[default]
    Standard,
    /// Kept in a vault of its own that ends with it.
    Protected,
}

/// `muster:confirmation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// The first act counts at once.
    None,
    /// An act counts when the owner of the address pressed the button.
    Email,
}

/// `muster:status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Seen by organizers only.
    #[default]
    Draft,
    /// Open to the public.
    Published,
    /// Seen, but takes nobody for now.
    Paused,
    /// Seen, takes nobody any more.
    Closed,
    /// Closed, with success.
    Won,
    /// Closed, without.
    Lost,
    /// Called off (events).
    Cancelled,
    /// Put away.
    Archived,
}

impl State {
    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Paused => "paused",
            Self::Closed => "closed",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
            Self::Archived => "archived",
        }
    }

    /// From the database.
    ///
    /// # Errors
    /// `internal` for a word the CHECK constraint would not allow.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_value(serde_json::Value::from(text)).map_err(Error::internal)
    }

    /// May the public see it?
    pub fn is_public(self) -> bool {
        !matches!(self, Self::Draft | Self::Archived)
    }
}

/// An action's texts in one language; what is absent falls back to the action's own language.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(default)]
pub struct ActionText {
    /// Title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// One or two sentences.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The text that is signed (Markdown).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The button's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub button: String,
    /// What the thank-you mail says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thanks: String,
    /// What people say when they pass it on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub share: String,
}

/// Texts by language tag.
pub type Texts = BTreeMap<String, ActionText>;

/// A row of `actions`, with its organization's name.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns are described in migrations/0004_campaigns.sql")]
pub struct Action {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub organization_name: String,
    pub campaign_id: Option<Uuid>,
    pub vault_id: Uuid,
    pub kind: Kind,
    pub slug: String,
    pub locale: LocaleTag,
    pub title: String,
    pub summary: String,
    pub description: String,
    pub texts: Texts,
    pub button: String,
    pub thanks: String,
    pub share_text: String,
    pub image: Option<ActionImage>,
    pub hosted_by: String,
    pub protected: bool,
    pub confirms: bool,
    pub state: State,
    pub state_reason: String,
    pub state_since: Option<DateTime<Utc>>,
    pub opens_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
    pub next: Option<NextAction>,
    pub preview_generation: i16,
    pub send_thanks: bool,
    pub published_count: i64,
    pub published_at: Option<DateTime<Utc>>,
    pub verified_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

impl Action {
    /// The path of its page.
    pub fn path(&self) -> String {
        format!("{}{}", self.kind.page_prefix(), self.slug)
    }

    /// Its path in the API.
    pub fn api_path(&self) -> String {
        format!("/api/v1/{}/{}", self.kind.collection(), self.id)
    }

    /// The texts in a language, each falling back to the action's own; `body` is what the kind keeps elsewhere. The
    /// second value is true when the title had to fall back.
    pub fn text(&self, locale: LocaleTag, body: &str) -> (ActionText, bool) {
        let original = ActionText {
            title: self.title.clone(),
            summary: self.summary.clone(),
            description: self.description.clone(),
            body: body.to_owned(),
            button: self.button.clone(),
            thanks: self.thanks.clone(),
            share: self.share_text.clone(),
        };
        if locale == self.locale {
            return (original, false);
        }
        let Some(translation) = self.texts.get(locale.as_str()) else { return (original, true) };
        let pick =
            |translated: &str, original: String| if translated.is_empty() { original } else { translated.to_owned() };
        let fell_back = translation.title.is_empty()
            || (translation.description.is_empty() && !original.description.is_empty())
            || (translation.body.is_empty() && !original.body.is_empty());
        let text = ActionText {
            title: pick(&translation.title, original.title),
            summary: pick(&translation.summary, original.summary),
            description: pick(&translation.description, original.description),
            body: pick(&translation.body, original.body),
            button: pick(&translation.button, original.button),
            thanks: pick(&translation.thanks, original.thanks),
            share: pick(&translation.share, original.share),
        };
        (text, fell_back)
    }

    /// Bytes that answer every valid public act on this action alike.
    pub fn received(&self, public_url: &str) -> serde_json::Value {
        serde_json::json!({
            "status": "received",
            "confirmation": if self.confirms { "email" } else { "none" },
            "_links": {"self": {"href": format!("{public_url}{}", self.api_path())}, "alternate": {"href": format!("{public_url}{}", self.path())}},
        })
    }
}

/// What all kinds take when they are created.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct ActionFields {
    /// Title.
    #[validate(length(min = 1, max = 300))]
    pub title: String,
    /// One or two sentences.
    #[serde(default, rename = "muster:summary")]
    #[validate(length(max = 1000))]
    pub muster_summary: String,
    /// Markdown.
    #[serde(default)]
    #[validate(length(max = 40_000))]
    pub description: String,
    /// Address of the page; made from the title if absent.
    #[serde(default, rename = "muster:slug")]
    #[validate(length(max = 80))]
    pub muster_slug: Option<String>,
    /// Draft if absent.
    #[serde(default, rename = "muster:status")]
    pub muster_status: State,
    /// Standard if absent; cannot be changed later.
    #[serde(default, rename = "muster:privacy")]
    pub muster_privacy: Privacy,
    /// E-mail if absent.
    #[serde(default, rename = "muster:confirmation")]
    pub muster_confirmation: Option<Confirmation>,
    /// Language of the texts; the organization's if absent.
    #[serde(default, rename = "muster:locale")]
    #[validate(length(max = 35))]
    pub muster_locale: Option<String>,
    /// Texts in other languages, by tag.
    #[serde(default, rename = "muster:texts")]
    pub muster_texts: Texts,
    /// The button's words.
    #[serde(default, rename = "muster:button")]
    #[validate(length(max = 60))]
    pub muster_button: String,
    /// What the thank-you mail says.
    #[serde(default, rename = "muster:thanks")]
    #[validate(length(max = 5000))]
    pub muster_thanks: String,
    /// What people say when they pass it on; the title if absent.
    #[serde(default, rename = "muster:share_text")]
    #[validate(length(max = 500))]
    pub muster_share_text: String,
    /// Id of a picture of the organization (see `POST /api/v1/images`).
    #[serde(default, rename = "muster:image")]
    pub muster_image: Option<Uuid>,
    /// Who holds it, as shown.
    #[serde(default, rename = "muster:hosted_by")]
    #[validate(length(max = 200))]
    pub muster_hosted_by: String,
    /// Id or slug of the campaign it belongs to.
    #[serde(default, rename = "muster:campaign")]
    #[validate(length(max = 80))]
    pub muster_campaign: Option<String>,
    /// When it begins to take people; from the start if absent.
    #[serde(default, rename = "muster:opens_at")]
    pub muster_opens_at: Option<DateTime<Utc>>,
    /// When it closes by itself.
    #[serde(default, rename = "muster:closes_at")]
    pub muster_closes_at: Option<DateTime<Utc>>,
    /// Last month of a protected action's data; may be shortened, never extended.
    #[serde(default, rename = "muster:destroy_after")]
    pub muster_destroy_after: Option<NaiveDate>,
}

/// A checked action to create.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in ActionFields")]
pub struct NewAction {
    pub kind: Kind,
    pub slug: Slug,
    pub title: String,
    pub summary: String,
    pub description: String,
    pub texts: Texts,
    pub locale: Option<LocaleTag>,
    pub state: State,
    pub privacy: Privacy,
    pub confirmation: Confirmation,
    pub button: String,
    pub thanks: String,
    /// What people say when they pass it on.
    pub share_text: String,
    /// A picture.
    pub image: Option<Uuid>,
    pub hosted_by: String,
    pub campaign: Option<String>,
    pub opens_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
    pub destroy_after: Option<NaiveDate>,
    /// When the action itself is over, if that is known: retention counts from there.
    pub over_on: Option<NaiveDate>,
}

impl ActionFields {
    /// Checks and normalises; `may_skip_confirmation` is false where a confirmation is always asked.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub fn parse(self, kind: Kind, may_skip_confirmation: bool) -> Result<NewAction> {
        let mut errors = Vec::new();
        let mut take = |pointer: &str, parsed: Result<String, crate::kernel::text::TextError>| {
            parsed.unwrap_or_else(|e| {
                errors.push(FieldError::new(pointer, e.code, e.detail));
                String::new()
            })
        };
        let title = take("/title", required_line(&self.title, 300));
        let summary = take("/muster:summary", clean_text(&self.muster_summary, 1000));
        let description = take("/description", clean_text(&self.description, 40_000));
        let button = take("/muster:button", clean_line(&self.muster_button, 60));
        let thanks = take("/muster:thanks", clean_text(&self.muster_thanks, 5000));
        let share_text = take("/muster:share_text", clean_text(&self.muster_share_text, 500));
        let hosted_by = take("/muster:hosted_by", clean_line(&self.muster_hosted_by, 200));
        let slug = if let Some(input) = &self.muster_slug {
            Slug::parse(input).map_err(|e| errors.push(FieldError::new("/muster:slug", e.code, e.detail))).ok()
        } else {
            let made = Slug::from_title(&title);
            if made.is_none() && !title.is_empty() {
                errors.push(FieldError::new(
                    "/muster:slug",
                    "required",
                    "No address can be made from this title; give one.",
                ));
            }
            made
        };
        let locale = self.muster_locale.as_deref().map(LocaleTag::parse).transpose();
        let locale = locale
            .map_err(|e| errors.push(FieldError::new("/muster:locale", "unknown_value", e.detail)))
            .ok()
            .flatten();
        let texts = parse_texts(self.muster_texts, &mut errors);
        let confirmation = self.muster_confirmation.unwrap_or(Confirmation::Email);
        if confirmation == Confirmation::None && (self.muster_privacy == Privacy::Protected || !may_skip_confirmation) {
            errors.push(FieldError::new(
                "/muster:confirmation",
                "not_allowed",
                "Protected actions, events with a private link and letters always ask for confirmation.",
            ));
        }
        if self.muster_destroy_after.is_some() && self.muster_privacy != Privacy::Protected {
            errors.push(FieldError::new(
                "/muster:destroy_after",
                "not_allowed",
                "Only a protected action has data of its own to destroy.",
            ));
        }
        errors.extend(check_dates(self.muster_opens_at, self.muster_closes_at));
        match slug {
            Some(slug) if errors.is_empty() => Ok(NewAction {
                kind,
                slug,
                title,
                summary,
                description,
                texts,
                locale,
                state: self.muster_status,
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
                destroy_after: self.muster_destroy_after,
                over_on: None,
            }),
            _ => Err(Error::Fields(errors)),
        }
    }
}

/// What is wrong with the dates between which an action takes people.
pub(super) fn check_dates(opens: Option<DateTime<Utc>>, closes: Option<DateTime<Utc>>) -> Option<FieldError> {
    let swapped = opens.zip(closes).is_some_and(|(opens, closes)| closes <= opens);
    swapped.then(|| FieldError::new("/muster:closes_at", "out_of_range", "Must lie after muster:opens_at."))
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
        let mut take = |name: &str, parsed: Result<String, crate::kernel::text::TextError>| {
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

/// What a PUT may change of any kind; absent members stay.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct ActionChanges {
    /// Title.
    #[validate(length(min = 1, max = 300))]
    pub title: Option<String>,
    /// One or two sentences.
    #[serde(rename = "muster:summary")]
    #[validate(length(max = 1000))]
    pub muster_summary: Option<String>,
    /// Markdown.
    #[validate(length(max = 40_000))]
    pub description: Option<String>,
    /// Draft, published, paused, ...
    #[serde(rename = "muster:status")]
    pub muster_status: Option<State>,
    /// Why it is in this state, as its page says it; a new state without one has none.
    #[serde(rename = "muster:status_reason")]
    #[validate(length(max = 500))]
    pub muster_status_reason: Option<String>,
    /// When it begins to take people; null: from the start.
    #[serde(rename = "muster:opens_at", deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub muster_opens_at: Option<Option<DateTime<Utc>>>,
    /// When it closes by itself; null: never.
    #[serde(rename = "muster:closes_at", deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub muster_closes_at: Option<Option<DateTime<Utc>>>,
    /// Where its page leads on to when it takes nobody: id or page path (`/p/...`) of a published action; null: nowhere.
    #[serde(rename = "muster:next_action", deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub muster_next_action: Option<Option<String>>,
    /// Another address; the old one leads to it.
    #[serde(rename = "muster:slug")]
    #[validate(length(max = 80))]
    pub muster_slug: Option<String>,
    /// Texts in other languages; replaces them all.
    #[serde(rename = "muster:texts")]
    pub muster_texts: Option<Texts>,
    /// The button's words.
    #[serde(rename = "muster:button")]
    #[validate(length(max = 60))]
    pub muster_button: Option<String>,
    /// What the thank-you mail says.
    #[serde(rename = "muster:thanks")]
    #[validate(length(max = 5000))]
    pub muster_thanks: Option<String>,
    /// What people say when they pass it on.
    #[serde(rename = "muster:share_text")]
    #[validate(length(max = 500))]
    pub muster_share_text: Option<String>,
    /// Id of a picture of the organization; null: none.
    #[serde(rename = "muster:image", deserialize_with = "nullable")]
    #[schema(value_type = Option<Uuid>)]
    pub muster_image: Option<Option<Uuid>>,
}
