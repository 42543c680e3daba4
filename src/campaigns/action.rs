//! The row that petitions, events and letter actions share (`actions`), and its enums.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{images::ActionImage, lifecycle::NextAction};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        cache_invalidation::CacheInvalidation,
        text::LocaleTag,
        vault::{self, Vault},
        zones::Zone,
    },
    organizers::{Actor, Scope},
};

/// The kinds of action: `actions.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A petition: people sign.
    Petition,
    /// An event: people register.
    Event,
    /// A letter action: people write to officials.
    Letter,
    /// A call action: people phone offices.
    Call,
}

crate::kernel::text_enum!(Kind);

impl Kind {
    /// What it is called: in the addresses of pages, in the API, in the console.
    const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Petition => ["/p/", "petitions", "petitions"],
            Self::Event => ["/e/", "events", "events"],
            Self::Letter => ["/l/", "advocacy_campaigns", "letters"],
            Self::Call => ["/call/", "phone_campaigns", "calls"],
        }
    }

    /// First part of the path of an action's page: `/p/`.
    pub const fn page_prefix(self) -> &'static str {
        self.names()[0]
    }

    /// The name of its collection in the API.
    pub const fn collection(self) -> &'static str {
        self.names()[1]
    }

    /// Its name in the addresses of the console.
    pub const fn section(self) -> &'static str {
        self.names()[2]
    }
}

/// `muster:privacy` of an action: `actions.privacy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Privacy {
    /// Personal data is sealed in the organization's vault.
    #[default]
    Standard,
    /// Personal data is sealed in a vault of its own, whose keys are destroyed on the last day.
    Protected,
}

crate::kernel::text_enum!(Privacy);

/// `muster:confirmation` of an action: `actions.confirmation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Confirmation {
    /// A submission takes effect at once.
    None,
    /// A submission takes effect when the owner of the e-mail address confirms it by a mailed link.
    Email,
}

crate::kernel::text_enum!(Confirmation);

/// `muster:status` of an action: `actions.state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
#[schema(as = ActionStatus)]
pub enum State {
    /// Seen by organizers only.
    #[default]
    Draft,
    /// Open to the public.
    Published,
    /// Public; takes no submissions for now.
    Paused,
    /// Public; takes no submissions any more.
    Closed,
    /// Closed with success.
    Won,
    /// Closed without success.
    Lost,
    /// Called off; for events.
    Cancelled,
    /// Seen by organizers only, takes no submissions; nothing is deleted before its last day.
    Archived,
    /// Its data has ended: its page says so, its numbers stay. Not set by a change, and nothing follows.
    Ended,
}

crate::kernel::text_enum!(State);

impl State {
    /// May the public see it?
    pub fn is_public(self) -> bool {
        !matches!(self, Self::Draft | Self::Archived)
    }
}

/// An action's texts in one language; what is absent falls back to the action's own language.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct ActionText {
    /// Title, at most 300 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// One or two sentences, at most 1,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Markdown, at most 40,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Petitions: the text that is signed (Markdown), at most 40,000 characters; also as `petition_text`.
    #[serde(alias = "petition_text", skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The button's text, at most 60 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub button: String,
    /// What the thank-you mail says, at most 5,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thanks: String,
    /// Text for sharing, at most 500 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub share: String,
}

/// Texts by BCP 47 tag.
pub type Texts = BTreeMap<String, ActionText>;

/// The campaign that an action belongs to.
#[derive(Clone, Debug)]
pub struct ActionCampaign {
    /// Its slug.
    pub slug: String,
    /// May the public see it?
    pub is_public: bool,
}

/// A row of `actions`, with its organization's name, its campaign, and the end of its data.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns are described in migrations/0001_baseline.sql")]
pub struct Action {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub organization_name: String,
    pub campaign_id: Option<Uuid>,
    pub campaign: Option<ActionCampaign>,
    pub vault_id: Uuid,
    /// Last day of the data of those who take part, in `zone`: chosen, or else as the organization's default says.
    /// `None`: it has no date to count from, since it is open and does not close by itself.
    pub destroy_after: Option<NaiveDate>,
    /// The same, if it does not move with the action's dates: it is protected, or an organizer chose the day.
    pub fixed_end: Option<NaiveDate>,
    /// When its data ended; nobody can take part or change it since.
    pub ended_at: Option<DateTime<Utc>>,
    /// The time zone in which its days are counted.
    pub zone: Zone,
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
    /// Identifiers in other systems, as organizers gave them.
    pub identifiers: Vec<String>,
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
    /// Does what is cached of it change with this? It names its campaign, so a change of that counts.
    pub fn is_affected_by(&self, change: CacheInvalidation) -> bool {
        change.affects(self.id) || self.campaign_id.is_some_and(|campaign| change.affects(campaign))
    }

    /// Refuses everything that needs the data of those who took part, or changes it, once that has ended.
    ///
    /// # Errors
    /// `action_ended` (410).
    pub fn require_not_ended(&self) -> Result<()> {
        if self.ended_at.is_none() { Ok(()) } else { Err(vault::destroyed()) }
    }

    /// Opens the vault of those who take part.
    ///
    /// # Errors
    /// `action_ended` (410) once its data has ended; else as [`vault::Vaults::open`].
    pub async fn open_vault(&self, kernel: &Kernel) -> Result<Arc<Vault>> {
        self.require_not_ended()?;
        kernel.vaults.open(self.vault_id).await
    }

    /// Is the last day of its data over?
    pub fn is_past_last_day(&self, now: DateTime<Utc>) -> bool {
        self.destroy_after.is_some_and(|last| last < now.with_timezone(&self.zone).date_naive())
    }

    /// The path of its page.
    pub fn path(&self) -> String {
        format!("{}{}", self.kind.page_prefix(), self.slug)
    }

    /// How acts on it are confirmed.
    pub fn confirmation(&self) -> Confirmation {
        if self.confirms { Confirmation::Email } else { Confirmation::None }
    }

    /// May this actor see its exact numbers? Nobody sees those of a protected action. Whoever can submit for others, but not
    /// read contacts, would learn from them who has taken part: a second submission of a person does not count. The same
    /// holds for everybody where no confirmation is asked for.
    pub fn shows_exact_numbers(&self, actor: &Actor) -> bool {
        let may_submit_for_others = actor.allows(Scope::ContactsWrite) || self.confirmation() == Confirmation::None;
        !self.protected && (actor.allows(Scope::ContactsRead) || !may_submit_for_others)
    }

    /// Refuses what an organizer submits for somebody else on a protected action: the answer, a number or a seat would tell
    /// whether the person was there before.
    ///
    /// # Errors
    /// `forbidden` (403), or `action_ended` (410).
    pub fn require_vouching(&self) -> Result<()> {
        self.require_not_ended()?;
        if !self.protected {
            return Ok(());
        }
        let why = "This action is protected: people take part in it themselves, nobody is entered by somebody else.";
        Err(Error::problem(Code::Forbidden, why))
    }

    /// Its path in the API.
    pub fn api_path(&self) -> String {
        format!("/api/v1/{}/{}", self.kind.collection(), self.id)
    }

    /// The texts in a language; what is not translated is in the action's own language. `body` is the text that the
    /// kind has in its own table. The second value is true when the title, the description or the body is not
    /// translated.
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
}

/// `muster:status` of a campaign: `campaigns.state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CampaignState {
    /// Seen by organizers only.
    Draft,
    /// Public.
    #[default]
    Published,
    /// Seen by organizers only; nothing is deleted.
    Archived,
}

crate::kernel::text_enum!(CampaignState);
