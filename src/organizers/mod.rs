//! Organizations, organizers, API tokens, sessions, and the audit trail.
//!
//! A request is authenticated by an API token or by the console's session cookie. Other slices take the result with the
//! extractors [`Actor`] and [`MaybeActor`], and authorise with [`Actor::require`]. Tokens and sessions are stored as
//! hashes only. An actor may do what the token's scopes **and** the organizer's role allow, so that lowering a role
//! also limits tokens created before.
//!
//! [`accounts`], [`tokens`], [`invitations`] and [`own_account`] are the rules of accounts, which the command line and [`api`]
//! share. Accounts are changed in a session of the console only, so that a leaked token leads to no further access; what gives
//! access asks for the password again ([`Actor::require_confirmed`]).

mod accounts;
mod actor;
mod api;
mod audit_chain;
mod audit_log;
mod auth;
mod device;
mod invitations;
mod mail;
mod ops;
mod own_account;
mod password;
mod scope;
mod second_factor;
mod second_step;
mod stage;
mod store;
mod tokens;

pub use accounts::{Account, AccountChange, OpenSession, change_account, list_accounts, list_sessions};
pub use actor::{ActingSession, Actor};
pub use api::{CreatedToken, NewToken, make_token, router};
pub use audit_chain::{AuditVerification, verify_audit};
pub use audit_log::AuditEntry;
pub use auth::{
    Authenticator, MaybeActor, MaybeSession, PendingSession, Session, clear_session_cookie, cookie_value,
    device_cookie, device_token_from, idempotency, session_cookie, session_cookie_pair, set_cookie,
};
pub use device::device_name;
pub use invitations::{Invitation, accept_invitation, open_invitation, open_reset, request_reset, reset_password};
pub use mail::{INVITATION, Notice, RESET_PASSWORD, register_mail};
pub use ops::{
    Credentials, NewOrganizer, Organizer, Profile, SignedIn, add_organizer, admit_export, admit_reading, audit,
    audit_by_service, list_staff, organization_name, organization_of, person_object, postal_address, profile,
    set_postal_address, sign_in, sign_out,
};
pub use scope::{Role, Scope};
pub use second_factor::{Enrolment, enrolment, has_second_factor, is_required};
pub use second_step::{PendingRow, enrol_own, enrol_pending, give_code, remove_own};
pub use stage::SessionStage;
pub use tokens::{MAX_TOKEN_DAYS, TOKEN_DAYS, Token, TokenPreset, add_token, end_of, list_tokens, revoke_token};

use std::sync::Arc;

use crate::kernel::{
    Kernel,
    background::{JobInfo, Jobs, Progress},
};

/// Registers the background jobs of this slice.
pub fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let sessions = JobInfo::maintenance(
        "delete_expired_sessions",
        "deletes sessions (12 hours, 30 minutes unused), known devices (180 days), invitations (7 days) and links for a new \
         password (1 hour) that have expired, and counts of reading (7 days)",
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
