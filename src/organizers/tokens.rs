//! API tokens: made, listed, revoked. The command line makes any token of anybody; an organizer makes tokens of the own
//! account, with an end.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

pub use super::store::accounts::Token;
use super::{
    actor::Actor,
    mail::{Notice, tell_owners},
    ops::{TOKEN_PREFIX, audit, audit_by_service, parse_line, sign_in_address},
    scope::{Role, Scope},
    store::{
        self,
        accounts::{self as sql, TokensOf},
    },
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        crypto::{base32, sha256},
        text::required_line,
    },
};

/// Days for which a token is valid unless its creation says otherwise.
pub const TOKEN_DAYS: i64 = 90;
/// Maximum number of days that can be said.
pub const MAX_TOKEN_DAYS: i64 = 3650;

/// The scopes that a program of a certain kind needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenPreset {
    /// A website: enters what people do on its own forms, and reads no contact.
    Website,
    /// A database of contacts: reads and writes people and what they did.
    CrmSync,
    /// Numbers on a page or in a sheet.
    Numbers,
}

impl TokenPreset {
    /// Its scopes.
    pub const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Website => &[Scope::ActionsRead, Scope::ContactsWrite],
            Self::CrmSync => &[Scope::ActionsRead, Scope::ContactsRead, Scope::ContactsWrite],
            Self::Numbers => &[Scope::ActionsRead],
        }
    }
}

/// Creates an API token for an organizer by the command line and returns it. Only its hash is stored, so it cannot be shown
/// again. It ends at `expires_at`, if at all.
///
/// # Errors
/// `invalid_parameter` (400) for an unknown scope or one that the organizer's role does not allow, naming it;
/// `not_found` (404) for an unknown or disabled organizer.
pub async fn add_token(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organizer_email: &str,
    name: &str,
    scopes: &[String],
    expires_at: Option<DateTime<Utc>>,
) -> Result<String> {
    let address = sign_in_address(organizer_email)?;
    let name = parse_line("name", name)?;
    let scopes = scopes.iter().map(|s| s.trim().parse()).collect::<Result<Vec<Scope>>>()?;
    if scopes.is_empty() {
        return Err(Error::problem(Code::InvalidParameter, "A token needs at least one scope; `all` is one."));
    }
    let organizer = store::organizer_by_email(&mut *conn, &address)
        .await?
        .ok_or_else(|| Error::problem(Code::NotFound, "There is no organizer with this e-mail address."))?;
    if let Some(refused) = refused_scope(organizer.role, &scopes) {
        return Err(Error::problem(Code::InvalidParameter, refused));
    }
    let (id, token) = store_token(conn, kernel, organizer.id, &name, &scopes, expires_at).await?;
    let detail = json!({ "organizer_id": organizer.id, "scopes": scopes, "expires_date": expires_at });
    audit_by_service(conn, &kernel.env, organizer.organization_id, "token.add", Some(id), detail).await?;
    Ok(token)
}

/// A token that an organizer wants.
pub(super) struct WantedToken<'a> {
    /// What it is for.
    pub name: &'a str,
    /// Its scopes.
    pub scopes: &'a [Scope],
    /// Its last day (UTC); `None`: 90 days from now.
    pub last_day: Option<NaiveDate>,
}

/// Creates an API token of the organizer's own account and tells the owners. Returns its id and the token, which cannot be
/// shown again. Needs a transaction.
///
/// # Errors
/// 422 for a name, a scope or a day that is refused.
pub(super) async fn create_token(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    wanted: &WantedToken<'_>,
) -> Result<(Uuid, String)> {
    let name = required_line(wanted.name, 200).map_err(|e| Error::field("/name", e.code, e.detail))?;
    if wanted.scopes.is_empty() {
        return Err(Error::field("/scopes", "required", "Say `preset` or at least one scope."));
    }
    if let Some(refused) = refused_scope(actor.role, wanted.scopes) {
        return Err(Error::field("/scopes", "not_allowed", refused));
    }
    let (now, scopes) = (kernel.env.now(), wanted.scopes);
    let expires_at = match wanted.last_day {
        None => now + TimeDelta::days(TOKEN_DAYS),
        Some(day) if day >= now.date_naive() && day <= (now + TimeDelta::days(MAX_TOKEN_DAYS)).date_naive() => {
            end_of(day)
        }
        Some(_) => {
            let detail = format!("A day from today to {MAX_TOKEN_DAYS} days from now.");
            return Err(Error::field("/expires_date", "out_of_range", detail));
        }
    };
    let (id, token) = store_token(conn, kernel, actor.organizer_id, &name, scopes, Some(expires_at)).await?;
    let detail = json!({ "organizer_id": actor.organizer_id, "scopes": scopes, "expires_date": expires_at });
    audit(conn, &kernel.env, actor, "token.add", Some(id), detail).await?;
    tell_owners(conn, kernel, actor.organization_id, actor.organizer_id, Notice::NewToken).await?;
    Ok((id, token))
}

/// The midnight (UTC) that ends a day.
pub fn end_of(day: NaiveDate) -> DateTime<Utc> {
    (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc()
}

/// Why a role cannot have a token with these scopes.
fn refused_scope(role: Role, scopes: &[Scope]) -> Option<String> {
    let scope = scopes.iter().find(|scope| !role.allows(**scope))?;
    Some(format!("An organizer with the role `{role}` cannot have a token with the scope `{scope}`."))
}

async fn store_token(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organizer_id: Uuid,
    name: &str,
    scopes: &[Scope],
    expires_at: Option<DateTime<Utc>>,
) -> Result<(Uuid, String)> {
    let token = format!("{TOKEN_PREFIX}{}", base32(&kernel.env.random::<32>()));
    let id = kernel.env.id();
    let names: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    let row = store::NewToken { id, organizer_id, name, hash: &sha256(token.as_bytes()), scopes: &names, expires_at };
    store::insert_token(conn, &row, kernel.env.now()).await?;
    Ok((id, token))
}

/// All API tokens, or those of one organizer, newest first.
///
/// # Errors
/// `invalid_parameter` (400) for something that is no address.
pub async fn list_tokens(conn: &mut PgConnection, email: Option<&str>) -> Result<Vec<Token>> {
    let address = email.map(sign_in_address).transpose()?;
    sql::tokens(conn, address.as_deref()).await
}

/// The tokens that an organizer may see and revoke: an owner those of the organization, others their own.
pub(super) fn tokens_of(actor: &Actor) -> TokensOf {
    match actor.role {
        Role::Owner => TokensOf::Organization(actor.organization_id),
        _ => TokensOf::Organizer(actor.organizer_id),
    }
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

/// Revokes an API token by the command line. False: it was revoked before. Needs a transaction.
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

/// Revokes an API token that the organizer may see. Revoking it twice changes nothing. Needs a transaction.
///
/// # Errors
/// `not_found` (404), also for a token of somebody else.
pub(super) async fn revoke_own_token(conn: &mut PgConnection, kernel: &Kernel, actor: &Actor, id: Uuid) -> Result<()> {
    let token = sql::token(conn, tokens_of(actor), id).await?.ok_or_else(Error::not_found)?;
    if sql::revoke_token(conn, token.id, kernel.env.now()).await? {
        audit(conn, &kernel.env, actor, "token.revoke", Some(id), json!({})).await?;
    }
    Ok(())
}
