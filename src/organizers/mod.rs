//! Who runs campaigns here: organizations, their organizers, API tokens, sessions, and the audit trail.
//!
//! A request is known by a token or by the console's session cookie; [`Actor`] and [`MaybeActor`] are how every other
//! slice asks who that is, and [`Actor::require`] whether it may. Both secrets are stored as hashes only. What an actor
//! may do is what the token's scopes **and** the organizer's role allow, so that a demotion reaches old tokens too.
//!
//! This slice knows nothing of people, campaigns or mail.

mod actor;
mod audit_log;
mod auth;
mod ops;
mod password;
mod scope;
mod store;

pub use actor::Actor;
pub use audit_log::{AuditEntry, router};
pub use auth::{
    Authenticator, MaybeActor, MaybeSession, SESSION_COOKIE, Session, clear_session_cookie, device_cookie,
    device_token_from, idempotency, session_cookie, set_cookie,
};
pub use ops::{
    Credentials, NewOrganizer, Organizer, Profile, SignedIn, add_organizer, add_token, audit, audit_by_service,
    list_staff, organization_name, organization_of, profile, sign_in, sign_out,
};
pub use scope::{Role, Scope};

use std::sync::Arc;

use crate::kernel::{
    Kernel,
    background::{JobInfo, Jobs, Progress},
};

/// Registers the background jobs of this slice.
pub fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let sessions = JobInfo::maintenance(
        "delete_expired_sessions",
        "deletes sessions (12 hours) and known devices (180 days) that have expired",
        "",
    );
    jobs.add(sessions, kernel, async |kernel, turn| {
        ops::delete_expired_sessions(&kernel.work, turn.now).await?;
        Ok(Progress::Done)
    });
}
