//! What was given can be taken back: organizers are disabled, their roles, passwords and sessions changed.
//! The command line and the API go through the same functions. Takes effect within the time for which credentials are
//! cached (two seconds).

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use super::store::{accounts::Account, sessions::Session as OpenSession};
use super::{
    actor::Actor,
    ops::{audit, audit_by_service, sign_in_address, unused_since},
    password,
    scope::Role,
    store::{
        accounts::{self as sql, LockedAccount},
        invitations, second_factors, sessions,
    },
};
use crate::{
    error::{Code, Error, Result},
    kernel::Kernel,
};

/// The organizers of all organizations, or the one with this address.
///
/// # Errors
/// `invalid_parameter` (400) for something that is no address.
pub async fn list_accounts(conn: &mut PgConnection, now: DateTime<Utc>, email: Option<&str>) -> Result<Vec<Account>> {
    let address = email.map(sign_in_address).transpose()?;
    sql::list(conn, address.as_deref(), now, unused_since(now)).await
}

/// A change of an organizer's account.
pub enum AccountChange {
    /// May not sign in any more, and all sessions and tokens are refused.
    Disable,
    /// May sign in again. Tokens that were not revoked are accepted again.
    Enable,
    /// Another role.
    Role(Role),
    /// May change what concerns every organization, or not any more.
    Operator(bool),
    /// No second factor any more.
    ResetSecondFactor,
    /// Another password.
    Password(Zeroizing<String>),
    /// Nothing but ending sessions: the one with this id, or all.
    EndSessions(Option<String>),
}

impl AccountChange {
    fn verb(&self) -> &'static str {
        match self {
            Self::Disable => "organizer.disable",
            Self::Enable => "organizer.enable",
            Self::Role(_) => "organizer.role",
            Self::Operator(_) => "organizer.operator",
            Self::ResetSecondFactor => "second_factor.reset",
            Self::Password(_) => "organizer.password",
            Self::EndSessions(_) => "session.end",
        }
    }
}

/// Who changes an account.
#[derive(Clone, Copy, Debug)]
pub(super) enum ChangedBy<'a> {
    /// The command line. It may leave an organization without an owner, since it can make one.
    Service,
    /// An organizer of the same organization.
    Actor(&'a Actor),
}

/// Changes an organizer's account by the command line, and ends the sessions that the change concerns. Returns how many.
/// Needs a transaction.
///
/// # Errors
/// `not_found` (404) when there is no organizer with this address, or no such session; `invalid_parameter` (400) for an
/// unusable address or password.
pub async fn change_account(
    conn: &mut PgConnection,
    kernel: &Kernel,
    email: &str,
    change: AccountChange,
) -> Result<u64> {
    let address = sign_in_address(email)?;
    let organizer = sql::lock(conn, &address)
        .await?
        .ok_or_else(|| Error::problem(Code::NotFound, "There is no organizer with this e-mail address."))?;
    apply_change(conn, kernel, ChangedBy::Service, &organizer, change).await
}

/// Locks an account that an organizer is about to change, and before it the organization, so that two owners who lower each
/// other do it one after the other. Needs a transaction.
///
/// # Errors
/// `not_found` (404) for an account of another organization.
pub(super) async fn lock_account(conn: &mut PgConnection, actor: &Actor, id: Uuid) -> Result<LockedAccount> {
    sql::lock_organization(conn, actor.organization_id).await?;
    sql::lock_in(conn, actor.organization_id, id).await?.ok_or_else(Error::not_found)
}

/// Changes an account that was locked. Returns the number of sessions that were ended.
///
/// # Errors
/// As [`change_account`]; `conflict` (409) when an organizer would disable or lower the last owner who may sign in.
pub(super) async fn apply_change(
    conn: &mut PgConnection,
    kernel: &Kernel,
    by: ChangedBy<'_>,
    organizer: &LockedAccount,
    change: AccountChange,
) -> Result<u64> {
    let takes_owner = organizer.role == Role::Owner
        && match &change {
            AccountChange::Disable => true,
            AccountChange::Role(role) => *role != Role::Owner,
            _ => false,
        };
    if takes_owner
        && matches!(by, ChangedBy::Actor(_))
        && !sql::has_other_owner(conn, organizer.organization_id, organizer.id).await?
    {
        let detail = "This is the organization's last owner. Make somebody else an owner first.";
        return Err(Error::problem(Code::Conflict, detail));
    }
    let (verb, mut detail) = (change.verb(), json!({}));
    let ended = match change {
        AccountChange::Enable => {
            sql::set_disabled(conn, organizer.id, None).await?;
            0
        }
        AccountChange::Disable => {
            sql::set_disabled(conn, organizer.id, Some(kernel.env.now())).await?;
            sessions::end_sessions(conn, organizer.id, None).await?
        }
        AccountChange::Role(role) => {
            sql::set_role(conn, organizer.id, role).await?;
            detail = json!({ "role": role, "former_role": organizer.role });
            sessions::end_sessions(conn, organizer.id, None).await?
        }
        AccountChange::Operator(is_operator) => {
            sql::set_operator(conn, organizer.id, is_operator).await?;
            detail = json!({ "is_operator": is_operator });
            sessions::end_sessions(conn, organizer.id, None).await?
        }
        AccountChange::ResetSecondFactor => {
            second_factors::delete(conn, organizer.id).await?;
            sessions::end_sessions(conn, organizer.id, None).await?
        }
        AccountChange::Password(password) => {
            let hash = password::hash(&kernel.env, password).await?;
            set_password(conn, organizer.id, &hash).await?;
            sessions::end_sessions(conn, organizer.id, None).await?
        }
        AccountChange::EndSessions(None) => sessions::end_sessions(conn, organizer.id, None).await?,
        AccountChange::EndSessions(Some(id)) => {
            let ended = match id.parse() {
                Ok(id) => sessions::end_session(conn, organizer.id, id).await?,
                Err(_) => 0,
            };
            if ended == 0 {
                return Err(Error::problem(Code::NotFound, "There is no such session."));
            }
            ended
        }
    };
    if let Value::Object(detail) = &mut detail {
        detail.insert("sessions".to_owned(), json!(ended));
    }
    match by {
        ChangedBy::Service => {
            let organization = organizer.organization_id;
            audit_by_service(conn, &kernel.env, organization, verb, Some(organizer.id), detail).await?;
        }
        ChangedBy::Actor(actor) => audit(conn, &kernel.env, actor, verb, Some(organizer.id), detail).await?,
    }
    Ok(ended)
}

/// Stores the hash of a new password, and forgets what was given by the former one: devices on which it was typed are not
/// known any more, and links for a new password are void.
pub(super) async fn set_password(conn: &mut PgConnection, organizer: Uuid, hash: &str) -> Result<()> {
    sql::set_password(conn, organizer, hash).await?;
    sql::forget_devices(conn, organizer).await?;
    invitations::delete_resets(conn, organizer).await
}

/// The sessions of an organizer that have not ended, newest first.
///
/// # Errors
/// `invalid_parameter` (400) for something that is no address.
pub async fn list_sessions(conn: &mut PgConnection, now: DateTime<Utc>, email: &str) -> Result<Vec<OpenSession>> {
    sessions::sessions(conn, &sign_in_address(email)?, now, unused_since(now)).await
}

impl OpenSession {
    /// What names it in lists and when it is ended; it gives no access.
    pub fn id(&self) -> String {
        self.id.to_string()
    }

    /// Can it still be used?
    pub(super) fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.expires_at > now && self.last_used_at > unused_since(now)
    }
}
