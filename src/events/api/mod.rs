//! `events` and their `attendances` in the API (OSDI event, attendance, `record_attendance_helper`).
//!
//! `events` has the editorial half, `attendances` the acts. Publicly an event is open, has a waiting list, or is closed:
//! no number, no private link; both are for the organization's own tokens.

mod attendances;
mod events;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{plan::Event, submission::Events};
use crate::{
    error::{Error, Result},
    organizers::Actor,
};

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Events> {
    OpenApiRouter::new()
        .routes(routes!(events::list_events, events::create_event))
        .routes(routes!(events::get_event, events::update_event, events::delete_event))
        .routes(routes!(attendances::list_attendances, attendances::create_attendance))
        .routes(routes!(attendances::get_attendance, attendances::update_attendance, attendances::delete_attendance))
}

/// Refuses an event that the reader may not see: a neighbour's looks like none.
fn ensure_visible(actor: Option<&Actor>, event: &Event) -> Result<()> {
    let visible = match actor {
        Some(actor) => actor.organization_id == event.action.organization_id,
        None => event.action.state.is_public(),
    };
    if visible { Ok(()) } else { Err(Error::not_found()) }
}
