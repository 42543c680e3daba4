//! Letters in the API: `offices` and `officials` (ours), `advocacy_campaigns` and `outreaches` (OSDI).

mod actions;
mod offices;
mod outreaches;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::writing::Letters;
use crate::organizers::{Actor, Scope};

pub use actions::{LetterBody, check_templates};
pub use outreaches::MAX_MESSAGE;

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Letters> {
    OpenApiRouter::new()
        .routes(routes!(offices::list, offices::post))
        .routes(routes!(offices::get, offices::put))
        .routes(routes!(offices::list_officials, offices::post_official))
        .routes(routes!(offices::get_official))
        .routes(routes!(actions::list, actions::post))
        .routes(routes!(actions::get, actions::put, actions::delete))
        .routes(routes!(outreaches::list, outreaches::post))
        .routes(routes!(outreaches::get))
}

/// An actor who may see drafts, mailboxes and exact numbers; everybody else reads what is public.
fn reader(actor: Option<Actor>) -> Option<Actor> {
    actor.filter(|a| a.allows(Scope::ActionsRead) || a.allows(Scope::ActionsWrite))
}
