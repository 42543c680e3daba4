//! Submitting a call, from validated input to the batch: shared by the API and the page.

use uuid::Uuid;

use super::{
    kind::{CallKind, CallPayload},
    state::CallResult,
    store::{CallAction, CallSubmission},
};
use crate::{
    actions::{
        ActionState,
        submission::{Submitter, WrittenSubmission, header},
    },
    error::{FieldError, Result},
    people::{Consents, NewPerson},
};

/// Maximum length of the caller's own points, in characters.
pub(super) const MAX_POINTS: usize = 4000;

/// State of this slice's handlers.
pub type Calls = ActionState<CallKind>;

/// A validated call.
#[derive(Debug)]
pub struct NewCall {
    /// The caller.
    pub person: NewPerson,
    /// The office.
    pub office_id: Uuid,
    /// How it went.
    pub outcome: CallResult,
    /// The caller's own points, cleaned.
    pub points: String,
    /// Consent boxes.
    pub consents: Consents,
    /// The source word as typed.
    pub source: Option<String>,
}

impl CallAction {
    /// The office of a call by its slug; the only one where none is named.
    ///
    /// # Errors
    /// 422 at `/muster:office`.
    pub(super) fn called(&self, slug: &str) -> Result<Uuid, FieldError> {
        let refused = |code, detail| Err(FieldError::new("/muster:office", code, detail));
        match (slug, &self.targets[..]) {
            ("", [only]) => Ok(only.office.office_id),
            ("", _) => refused("required", "Which office was called?"),
            (slug, targets) => match targets.iter().find(|target| target.office.slug == slug) {
                Some(target) => Ok(target.office.office_id),
                None => refused("unknown_value", "Not an office of this action."),
            },
        }
    }
}

/// Seals a call and writes it.
///
/// # Errors
/// `unavailable` when it was not written.
pub(super) async fn write(calls: &Calls, call: &CallAction, new: &NewCall, by: Submitter) -> Result<WrittenSubmission> {
    let payload = CallPayload {
        details: new.person.details.clone(),
        identifiers: Vec::new(),
        points: new.points.clone(),
        consents: new.consents.clone(),
        locale: new.person.locale.unwrap_or(call.action.locale),
    };
    let source = new.source.as_deref();
    let header =
        header::<CallKind>(&calls.kernel, &calls.campaigns, &call.action, &new.person, &payload, source, by).await?;
    calls.submit(CallSubmission { header, office_id: new.office_id, outcome: new.outcome }).await
}
