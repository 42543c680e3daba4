//! `events` and their `attendances` in the API (OSDI event, attendance, `record_attendance_helper`).
//!
//! The public sees whether an event is open, has a waitlist or is closed; numbers of seats and the private link are
//! shown to the organization's own tokens only.

mod attendances;
mod door;
mod events;
mod joining;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{plan::Event, submission::Events};
use crate::{
    actions,
    campaigns::Kind,
    error::{Error, Result},
    organizers::Actor,
};

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Events> {
    OpenApiRouter::new()
        .merge(actions::api::router(Kind::Event))
        .routes(routes!(events::list_events, events::create_event))
        .routes(routes!(events::get_event, events::update_event, events::delete_event))
        .routes(routes!(joining::get_joining, joining::update_joining, joining::delete_joining))
        .routes(routes!(door::get_door, door::update_door))
        .routes(routes!(attendances::list_attendances, attendances::create_attendance))
        .routes(routes!(attendances::get_attendance, attendances::update_attendance, attendances::delete_attendance))
}

/// Refuses an event that the reader may not see; another organization's is `not_found`.
fn ensure_visible(actor: Option<&Actor>, event: &Event) -> Result<()> {
    let visible = match actor {
        Some(actor) => actor.organization_id == event.action.organization_id,
        None => event.action.state.is_public(),
    };
    if visible { Ok(()) } else { Err(Error::not_found()) }
}
