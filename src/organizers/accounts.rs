//! What was given can be taken back: organizers are disabled, their roles, passwords and sessions changed, tokens revoked.
//! Takes effect within the time for which credentials are cached (two seconds).

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use super::store::accounts::{Account, Session as OpenSession, Token};
use super::{
    ops::{audit_by_service, sign_in_address},
    password,
    scope::Role,
    store::{self, accounts as sql},
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
    sql::list(conn, address.as_deref(), now).await
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
            Self::Password(_) => "organizer.password",
            Self::EndSessions(_) => "session.end",
        }
    }
}

/// Changes an organizer's account, and ends the sessions that the change concerns. Returns how many. Needs a transaction.
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
    let (verb, mut detail) = (change.verb(), json!({}));
    let ended = match change {
        AccountChange::Enable => {
            sql::set_disabled(conn, organizer.id, None).await?;
            0
        }
        AccountChange::Disable => {
            sql::set_disabled(conn, organizer.id, Some(kernel.env.now())).await?;
            sql::end_sessions(conn, organizer.id, &[]).await?
        }
        AccountChange::Role(role) => {
            sql::set_role(conn, organizer.id, role).await?;
            detail = json!({ "role": role, "former_role": organizer.role });
            sql::end_sessions(conn, organizer.id, &[]).await?
        }
        AccountChange::Operator(is_operator) => {
            sql::set_operator(conn, organizer.id, is_operator).await?;
            detail = json!({ "is_operator": is_operator });
            sql::end_sessions(conn, organizer.id, &[]).await?
        }
        AccountChange::Password(password) => {
            let hash = password::hash(&kernel.env, password).await?;
            sql::set_password(conn, organizer.id, &hash).await?;
            // a device on which the former password was typed is not known any more
            sql::forget_devices(conn, organizer.id).await?;
            sql::end_sessions(conn, organizer.id, &[]).await?
        }
        AccountChange::EndSessions(None) => sql::end_sessions(conn, organizer.id, &[]).await?,
        AccountChange::EndSessions(Some(id)) => {
            let prefix = HEXLOWER.decode(id.as_bytes()).ok().filter(|prefix| prefix.len() == SESSION_ID_BYTES);
            let ended = match prefix {
                Some(prefix) => sql::end_sessions(conn, organizer.id, &prefix).await?,
                None => 0,
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
    audit_by_service(conn, &kernel.env, organizer.organization_id, verb, Some(organizer.id), detail).await?;
    Ok(ended)
}

/// Bytes of a session's hash that name it in lists.
const SESSION_ID_BYTES: usize = 6;

impl OpenSession {
    /// What names it in lists and when it is ended; it gives no access.
    pub fn id(&self) -> String {
        HEXLOWER.encode(&self.token_hash[..SESSION_ID_BYTES.min(self.token_hash.len())])
    }
}

/// The sessions of an organizer that have not ended, newest first.
///
/// # Errors
/// `invalid_parameter` (400) for something that is no address.
pub async fn list_sessions(conn: &mut PgConnection, now: DateTime<Utc>, email: &str) -> Result<Vec<OpenSession>> {
    sql::sessions(conn, &sign_in_address(email)?, now).await
}

/// All API tokens, or those of one organizer, newest first.
///
/// # Errors
/// `invalid_parameter` (400) for something that is no address.
pub async fn list_tokens(conn: &mut PgConnection, email: Option<&str>) -> Result<Vec<Token>> {
    let address = email.map(sign_in_address).transpose()?;
    sql::tokens(conn, address.as_deref()).await
}

impl Token {
    /// `valid`, `revoked`, `expired` or `disabled` (its organizer is).
    pub fn state(&self, now: DateTime<Utc>) -> &'static str {
        if self.revoked_at.is_some() {
            "revoked"
        } else if self.expires_at.is_some_and(|at| at <= now) {
            "expired"
        } else if self.is_disabled {
            "disabled"
        } else {
            "valid"
        }
    }
}

/// Revokes an API token. False: it was revoked before. Needs a transaction.
///
/// # Errors
/// `not_found` (404).
pub async fn revoke_token(conn: &mut PgConnection, kernel: &Kernel, id: Uuid) -> Result<bool> {
    let Some(organization) = store::organization_of_token(conn, id).await? else {
        return Err(Error::problem(Code::NotFound, "There is no token with this id; see `muster token list`."));
    };
    if !sql::revoke_token(conn, id, kernel.env.now()).await? {
        return Ok(false);
    }
    audit_by_service(conn, &kernel.env, organization, "token.revoke", Some(id), json!({})).await?;
    Ok(true)
}
