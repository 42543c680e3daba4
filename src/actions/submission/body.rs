//! What every submission has in the API, beside the members of its kind.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use crate::{
    error::Result,
    kernel::{Kernel, extract::texts, hal::identifiers, rate_limit::Proof},
    organizers::Actor,
    people::{self, Consents, ContactDetails, Details, NewPerson, PersonBody, PersonLinks},
};

/// The members of the body of a POST that are the same for every kind.
#[derive(Debug, Deserialize, Serialize, Validate, ToSchema)]
pub struct SubmissionBody {
    /// Who submits.
    #[validate(nested)]
    #[schema(value_type = PersonBody)]
    pub person: Option<PersonBody>,
    /// With a token, a person of the organization instead of `person`.
    #[serde(rename = "_links", skip_serializing)]
    #[validate(nested)]
    pub links: Option<PersonLinks>,
    /// With a token: tags to add to the person.
    #[serde(default, deserialize_with = "texts")]
    pub add_tags: Vec<String>,
    /// With a token: identifiers in other systems, such as `newsletter:17`, at most 100.
    #[serde(default)]
    pub identifiers: Vec<String>,
    /// Where the person came from.
    #[serde(default)]
    #[validate(nested)]
    pub referrer_data: Option<SubmissionReferrer>,
    /// Consent boxes.
    #[serde(default, rename = "muster:consents")]
    pub muster_consents: Consents,
    /// A solved challenge, or the ticket of one that was waited for.
    #[serde(default, rename = "muster:challenge")]
    #[validate(length(max = 4096))]
    pub muster_challenge: Option<String>,
}

/// OSDI `referrer_data`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Validate, ToSchema)]
#[serde(default)]
pub struct SubmissionReferrer {
    /// A registered word.
    #[validate(length(max = 100))]
    pub source: Option<String>,
    /// Ignored: no raw referrer is kept.
    #[serde(skip_serializing)]
    #[validate(length(max = 2000))]
    pub website: Option<String>,
}

impl SubmissionBody {
    /// The person: of the public as described; for an organizer (`actor`) also by link, with tags.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub async fn person(&self, kernel: &Kernel, actor: Option<&Actor>) -> Result<NewPerson> {
        let links = self.links.as_ref().filter(|_| actor.is_some());
        let body = people::submitted_person(kernel, actor, self.person.clone(), links).await?;
        let mut person = body.parse("/person")?;
        if actor.is_some() {
            person.extras.add_tags(&self.add_tags)?;
        }
        Ok(person)
    }

    /// The source word as typed.
    pub fn source(&self) -> Option<String> {
        self.referrer_data.as_ref().and_then(|referrer| referrer.source.clone())
    }

    /// What proves that work was done.
    pub fn proof(&self) -> Proof<'_> {
        Proof::of_body(self.muster_challenge.as_deref())
    }
}

/// Who submitted, embedded in an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SubmittedPerson {
    /// The details as they were typed.
    #[serde(rename = "osdi:person")]
    person: TypedPerson,
}

/// The details of who submitted.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct TypedPerson {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    #[serde(flatten)]
    contact: ContactDetails,
}

impl SubmittedPerson {
    /// The person with this id, as typed.
    pub fn new(id: Uuid, details: &Details) -> Self {
        Self { person: TypedPerson { identifiers: identifiers(id), contact: details.contact() } }
    }
}
