//! A petition in the API: what organizers write of it ([`PetitionDocument`], in POST, PUT and GET) and what answers
//! show ([`PetitionResource`]).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{
    api::DeliveryResource,
    questions::{self, Fields, Question},
    store::{Petition, PetitionColumns},
};
use crate::{
    campaigns::{ActionDocument, ActionResource, Kind, NewAction},
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::parse,
        hal::Links,
        paging::Listed,
        patch::Patch,
        text::{clean_text, required_line},
    },
};

/// OSDI `target[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub struct Target {
    /// Name or title, at most 200 characters.
    #[validate(length(min = 1, max = 200))]
    pub name: String,
}

/// What organizers write of a petition beside what they write of every action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct PetitionMembers {
    /// What is signed (Markdown), at most 40,000 characters.
    #[validate(length(max = 40_000))]
    pub petition_text: String,
    /// Whom it is addressed to, at most 20.
    #[validate(length(max = 20), nested)]
    pub target: Vec<Target>,
    /// What is demanded, one sentence of at most 500 characters each; at most 20.
    #[serde(rename = "muster:demands")]
    #[validate(length(max = 20))]
    pub muster_demands: Vec<String>,
    /// Number of signatures wanted, 1 to 100,000,000; null: no goal.
    #[serde(rename = "muster:goal")]
    #[validate(range(min = 1, max = 100_000_000))]
    pub muster_goal: Option<i64>,
    /// URL of the letter action that signing also writes to (its id or slug is accepted, too); null: none. Cannot be
    /// changed after creation.
    #[serde(rename = "muster:letter")]
    #[validate(length(max = 500))]
    pub muster_letter: Option<String>,
    /// Which of the usual fields the form asks for; replaced as a whole.
    #[serde(rename = "muster:fields")]
    pub muster_fields: Fields,
    /// The organizers' own questions, at most 20; replaced as a whole. Answers that were given before stay with their
    /// signatures.
    #[serde(rename = "muster:questions")]
    #[validate(nested)]
    pub muster_questions: Vec<Question>,
    /// False: contacts are dropped right after confirmation, from now on. Always false for a protected petition.
    #[serde(rename = "muster:keeps_contacts")]
    pub muster_keeps_contacts: bool,
    /// May people of different names sign with one e-mail address?
    #[serde(rename = "muster:shares_addresses")]
    pub muster_shares_addresses: bool,
    /// Does the public see breakdowns of the counts? Yes if absent. Organizers only.
    #[serde(rename = "muster:shows_breakdowns", skip_serializing_if = "Option::is_none")]
    pub muster_shows_breakdowns: Option<bool>,
    /// Numbers of signatures at which organizers are told, beside the quarters of the goal; at most 20. Organizers
    /// only.
    #[serde(rename = "muster:milestones", skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "check_steps"))]
    pub muster_milestones: Option<Vec<i64>>,
    /// Is the goal raised to the next round number once it is reached? No if absent. Organizers only.
    #[serde(rename = "muster:raises_goal", skip_serializing_if = "Option::is_none")]
    pub muster_raises_goal: Option<bool>,
}

impl Default for PetitionMembers {
    fn default() -> Self {
        Self {
            petition_text: String::new(),
            target: Vec::new(),
            muster_demands: Vec::new(),
            muster_goal: None,
            muster_letter: None,
            muster_fields: Fields::default(),
            muster_questions: Vec::new(),
            muster_keeps_contacts: true,
            muster_shares_addresses: false,
            muster_shows_breakdowns: None,
            muster_milestones: None,
            muster_raises_goal: None,
        }
    }
}

/// Steps are few and can be reached.
fn check_steps(steps: &[i64]) -> Result<(), validator::ValidationError> {
    if steps.len() <= 20 && steps.iter().all(|step| (1..=100_000_000).contains(step)) {
        return Ok(());
    }
    Err(validator::ValidationError::new("range"))
}

/// What organizers write of a petition. A PUT lays its members over the document as it is; absent members stay.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PetitionDocument {
    /// The members of every action.
    #[serde(flatten)]
    pub action: ActionDocument,
    /// The petition's own members.
    #[serde(flatten)]
    pub petition: PetitionMembers,
}

/// What only a POST takes.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct NewPetitionMembers {
    /// `/go/{word}` leads to the petition; at most 40 small letters, digits and hyphens.
    #[serde(rename = "muster:short_link")]
    #[validate(length(max = 40))]
    pub muster_short_link: Option<String>,
}

/// A petition to create.
#[derive(Clone, Debug, ToSchema)]
pub struct NewPetition {
    /// Its document.
    #[serde(flatten)]
    pub document: PetitionDocument,
    /// What only a POST takes.
    #[serde(flatten)]
    pub new: NewPetitionMembers,
}

impl NewPetition {
    /// Reads the JSON body of `POST /api/v1/petitions`.
    ///
    /// # Errors
    /// 422 with a pointer for each refused member.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let document = PetitionDocument { petition: parse(body)?, action: parse(body)? };
        Ok(Self { document, new: parse(body)? })
    }
}

impl PetitionDocument {
    /// The document of a petition; members for organizers are left out for the public.
    fn of(kernel: &Kernel, petition: &Petition, is_organizer: bool) -> Self {
        Self {
            action: ActionDocument::of(&petition.action, is_organizer),
            petition: PetitionMembers::of(kernel, petition, is_organizer),
        }
    }

    /// The checked document of a petition with the members of a PUT laid over it.
    ///
    /// # Errors
    /// 422 with a pointer for each refused member.
    pub fn patched<R>(kernel: &Kernel, petition: &Petition, patch: &Patch<R>) -> Result<(NewAction, PetitionColumns)> {
        let before = PetitionMembers::of(kernel, petition, true);
        let mut after = patch.apply(&before)?;
        let action = ActionDocument::patched(&petition.action, patch)?.parse(Kind::Petition, true)?;
        let letter =
            |members: &PetitionMembers| members.muster_letter.as_deref().map(|key| last_segment(key).to_owned());
        if letter(&before) != letter(&after) {
            return Err(Error::field("/muster:letter", "not_allowed", "Cannot be changed after creation."));
        }
        after.muster_shows_breakdowns = after.muster_shows_breakdowns.or(before.muster_shows_breakdowns);
        after.muster_milestones = after.muster_milestones.or(before.muster_milestones);
        after.muster_raises_goal = after.muster_raises_goal.or(before.muster_raises_goal);
        Ok((action, after.check(petition.action.protected)?))
    }
}

/// The id or slug at the end of a URL.
pub(super) fn last_segment(key: &str) -> &str {
    key.trim_end_matches('/').rsplit('/').next().unwrap_or(key)
}

impl PetitionMembers {
    fn of(kernel: &Kernel, petition: &Petition, is_organizer: bool) -> Self {
        let letter = |id: Uuid| kernel.url(&format!("/api/v1/advocacy_campaigns/{id}"));
        Self {
            petition_text: petition.petition_text.clone(),
            target: petition.targets.iter().map(|name| Target { name: name.clone() }).collect(),
            muster_demands: petition.demands.clone(),
            muster_goal: petition.goal,
            muster_letter: petition.letter_action_id.map(letter),
            muster_fields: petition.fields,
            muster_questions: petition.questions.clone(),
            muster_keeps_contacts: petition.keeps_contacts && !petition.action.protected,
            muster_shares_addresses: petition.shares_addresses,
            muster_shows_breakdowns: is_organizer.then_some(petition.shows_breakdowns),
            muster_milestones: is_organizer.then(|| petition.milestones.clone()),
            muster_raises_goal: is_organizer.then_some(petition.raises_goal),
        }
    }

    /// Checks and normalises all but the letter.
    ///
    /// # Errors
    /// 422 with a pointer for each refused member.
    pub fn check(self, protected: bool) -> Result<PetitionColumns> {
        Ok(PetitionColumns {
            petition_text: clean_text(&self.petition_text, 40_000)
                .map_err(|e| Error::field("/petition_text", e.code, e.detail))?,
            targets: target_names(&self.target)?,
            demands: demands(&self.muster_demands)?,
            goal: self.muster_goal,
            fields: self.muster_fields,
            questions: questions::parse(self.muster_questions, protected)?,
            keeps_contacts: self.muster_keeps_contacts,
            shares_addresses: self.muster_shares_addresses,
            shows_breakdowns: self.muster_shows_breakdowns.unwrap_or(true),
            milestones: self.muster_milestones.unwrap_or_default(),
            raises_goal: self.muster_raises_goal.unwrap_or(false),
        })
    }
}

/// The checked demands.
fn demands(input: &[String]) -> Result<Vec<String>> {
    let parsed = input.iter().enumerate().map(|(i, demand)| {
        required_line(demand, 500).map_err(|e| FieldError::new(format!("/muster:demands/{i}"), e.code, e.detail))
    });
    let (demands, errors): (Vec<_>, Vec<_>) = parsed.partition(Result::is_ok);
    let errors: Vec<FieldError> = errors.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() { Ok(demands.into_iter().flatten().collect()) } else { Err(Error::Fields(errors)) }
}

/// The checked names of targets.
fn target_names(targets: &[Target]) -> Result<Vec<String>> {
    let mut errors = Vec::new();
    let names = targets.iter().enumerate().filter_map(|(i, t)| {
        required_line(&t.name, 200)
            .map_err(|e| errors.push(FieldError::new(format!("/target/{i}/name"), e.code, e.detail)))
            .ok()
    });
    let names: Vec<String> = names.collect();
    if errors.is_empty() { Ok(names) } else { Err(Error::Fields(errors)) }
}

/// A number of signatures that was reached.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ReachedStep {
    /// The number.
    pub step: i64,
    /// When it was reached.
    pub reached_date: DateTime<Utc>,
}

/// A petition (OSDI petition).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PetitionResource {
    /// What organizers write.
    #[serde(flatten)]
    document: PetitionDocument,
    /// The read-only members of every action.
    #[serde(flatten)]
    action: ActionResource,
    /// Signatures that count: exact for organizers, the published number for others.
    total_signatures: i64,
    /// Signatures on paper, not part of the total.
    #[serde(rename = "muster:extra")]
    muster_extra: i64,
    /// Deliveries that were done, newest first.
    #[serde(rename = "muster:deliveries")]
    muster_deliveries: Vec<DeliveryResource>,
    /// Milestones and quarters of the goal that were reached, lowest first. Organizers only.
    #[serde(rename = "muster:milestones_reached", skip_serializing_if = "Option::is_none")]
    muster_milestones_reached: Option<Vec<ReachedStep>>,
}

impl PetitionResource {
    /// As the public sees it.
    pub(super) fn public(kernel: &Kernel, petition: &Petition) -> Self {
        Self::new(kernel, petition, petition.action.published_count, None)
    }

    /// As its own organizers see it, with the exact total.
    pub(super) fn own(kernel: &Kernel, petition: &Petition, total: i64, reached: Vec<(i64, DateTime<Utc>)>) -> Self {
        let reached = reached.into_iter().map(|(step, reached_date)| ReachedStep { step, reached_date }).collect();
        Self::new(kernel, petition, total, Some(reached))
    }

    fn new(kernel: &Kernel, petition: &Petition, total: i64, reached: Option<Vec<ReachedStep>>) -> Self {
        let action = &petition.action;
        let url = kernel.url(&action.api_path());
        let signatures = format!("{url}/signatures");
        let links = Links::to_self(url)
            .to("osdi:signatures", signatures.clone())
            .to("osdi:record_signature_helper", signatures)
            .with_curies();
        Self {
            document: PetitionDocument::of(kernel, petition, reached.is_some()),
            action: ActionResource::new(kernel, action, links),
            total_signatures: total,
            muster_extra: petition.paper_count,
            muster_deliveries: petition
                .deliveries
                .iter()
                .map(|delivery| DeliveryResource::new(kernel, action, delivery))
                .collect(),
            muster_milestones_reached: reached,
        }
    }
}

impl Listed for PetitionResource {
    const REL: &str = "osdi:petitions";

    fn links(&self) -> &Links {
        &self.action.links
    }
}
