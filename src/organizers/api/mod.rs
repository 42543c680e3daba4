//! Accounts in the API: organizers and invitations (owners only), the own profile, sessions and tokens. All in a session of
//! the console; a token only reads whose it is. [`organization`] is what is said of the organization. The audit trail
//! is in [`super::audit_log`].

mod invitations;
mod members;
mod organization;
mod profile;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

pub use tokens::{CreatedToken, NewToken, make_token};

use super::{actor::Actor, audit_log, auth::Authenticator};
use crate::error::Result;

/// API routes of this slice.
pub fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new()
        .merge(audit_log::router())
        .merge(members::router())
        .merge(invitations::router())
        .merge(organization::router())
        .merge(profile::router())
        .merge(tokens::router())
}

/// Requires an owner in a session of the console.
fn require_owner_at_console(actor: &Actor) -> Result<()> {
    actor.require_session()?;
    actor.require_owner()
}
