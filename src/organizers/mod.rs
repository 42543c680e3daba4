//! Organizations, organizers, API tokens, sessions, and the audit trail.
//!
//! A request is authenticated by an API token or by the console's session cookie. Other slices take the result with the
//! extractors [`Actor`] and [`MaybeActor`], and authorise with [`Actor::require`]. Tokens and sessions are stored as
//! hashes only. An actor may do what the token's scopes **and** the organizer's role allow, so that lowering a role
//! also limits tokens created before.
//!
//! This slice does not depend on people, campaigns or mail.

mod accounts;
mod actor;
mod audit_chain;
mod audit_log;
mod auth;
mod ops;
mod password;
mod scope;
mod store;

pub use accounts::{
    Account, AccountChange, OpenSession, Token, change_account, list_accounts, list_sessions, list_tokens, revoke_token,
};
pub use actor::Actor;
pub use audit_chain::{AuditVerification, verify_audit};
pub use audit_log::{AuditEntry, router};
pub use auth::{
    Authenticator, MaybeActor, MaybeSession, Session, clear_session_cookie, cookie_value, device_cookie,
    device_token_from, idempotency, session_cookie, session_cookie_pair, set_cookie,
};
pub use ops::{
    Credentials, NewOrganizer, Organizer, Profile, SignedIn, add_organizer, add_token, admit_reading, audit,
    audit_by_service, list_staff, organization_name, organization_of, person_object, profile, sign_in, sign_out,
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
        "deletes sessions (12 hours) and known devices (180 days) that have expired, and counts of reading (7 days)",
        "",
    );
    jobs.add(sessions, kernel, async |kernel, turn| {
        ops::delete_expired_sessions(&kernel.work, turn.now).await?;
        Ok(Progress::Done)
    });
    jobs.add(audit_chain::SEAL_JOB, kernel, async |kernel, _| {
        audit_chain::seal(&mut *kernel.work.acquire().await?).await
    });
}
