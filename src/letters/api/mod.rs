//! Letters in the API: `offices` and `officials` (ours), `advocacy_campaigns` and `outreaches` (OSDI).

mod actions;
mod offices;
mod outreaches;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::submission::Letters;
use crate::{
    actions::api as action_api,
    campaigns::Kind,
    organizers::{Actor, Scope},
};

pub use actions::{LetterTemplateBody, check_templates};

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Letters> {
    OpenApiRouter::new()
        .merge(action_api::router(Kind::Letter))
        .routes(routes!(offices::list_offices, offices::create_office))
        .routes(routes!(offices::get_office, offices::update_office))
        .routes(routes!(offices::list_officials, offices::create_official))
        .routes(routes!(offices::get_official))
        .routes(routes!(actions::list_letter_actions, actions::create_letter_action))
        .routes(routes!(actions::get_letter_action, actions::update_letter_action, actions::delete_letter_action))
        .routes(routes!(outreaches::list_outreaches, outreaches::create_outreach))
        .routes(routes!(outreaches::get_outreach))
}

/// The actor, if the token may see drafts, mailboxes and exact numbers; everybody else gets the public answer.
fn reader(actor: Option<Actor>) -> Option<Actor> {
    actor.filter(|a| a.allows(Scope::ActionsRead) || a.allows(Scope::ActionsWrite))
}
