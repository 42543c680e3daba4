//! Links by mail that lead into an account: invitations, and links for a new password.
//!
//! Their tokens are derived ([`crate::kernel::links`]), not stored. Using one deletes its row in the transaction of what it
//! does, so that of two uses at once one succeeds, and a replay finds nothing. Opening a link changes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use super::store::invitations::Invitation;
use super::{
    accounts::set_password,
    actor::Actor,
    mail::{self, INVITATION, Notice, RESET_PASSWORD},
    ops::{audit, audit_own},
    password,
    scope::Role,
    store::{
        self,
        invitations::{self as sql, NewInvitation},
        sessions,
    },
};
use crate::{
    error::{Code, Error, OnConstraint, Result},
    kernel::{
        Kernel,
        forms::FieldErrors,
        links::{self, Purpose, Token},
        rate_limit::{Attempt, AttemptPurpose, Proof, Source},
        text::{EmailAddress, LocaleTag, required_line},
    },
};

/// Days for which the link of an invitation works.
const INVITATION_DAYS: i64 = 7;
/// Minutes for which the link to a new password works.
const RESET_MINUTES: i64 = 60;

/// Whom an owner invites.
pub(super) struct Invitee<'a> {
    /// The e-mail address as typed.
    pub email: &'a str,
    /// The name as typed.
    pub name: &'a str,
    /// The role to come.
    pub role: Role,
    /// Language of the mail; `None`: the organization's.
    pub locale: Option<LocaleTag>,
}

/// Invites somebody by mail. Who was invited before gets a new link, and the earlier one is void. Whether the address signs
/// in at another organization is not told. Needs a transaction.
///
/// # Errors
/// 422 for an address or a name that is refused; `conflict` (409) for somebody who is in the organization already.
pub(super) async fn invite(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    invitee: &Invitee<'_>,
) -> Result<Invitation> {
    let mut errors = FieldErrors::default();
    let address = errors.text("/email", EmailAddress::parse(invitee.email).map(|a| a.as_str().to_lowercase()));
    let name = errors.text("/name", required_line(invitee.name, 200));
    let (address, name) = errors.finish(Some((address, name)))?;
    if store::is_member(conn, actor.organization_id, &address).await? {
        let detail = "Somebody with this e-mail address is in your organization already.";
        return Err(Error::problem(Code::Conflict, detail));
    }
    let locale = match invitee.locale {
        Some(locale) => locale.as_str().to_owned(),
        None => store::organization_locale(conn, actor.organization_id).await?,
    };
    let now = kernel.env.now();
    let new = NewInvitation {
        id: kernel.env.id(),
        organization_id: actor.organization_id,
        email: &address,
        name: &name,
        role: invitee.role,
        locale: &locale,
        invited_by: actor.organizer_id,
        created_at: now,
        expires_at: now + TimeDelta::days(INVITATION_DAYS),
    };
    let id = sql::upsert_invitation(conn, &new).await?;
    mail::send_invitation(conn, kernel, actor.organization_id, id).await?;
    audit(conn, &kernel.env, actor, "invitation.add", Some(id), json!({ "role": invitee.role })).await?;
    sql::invitation(conn, id).await?.ok_or_else(Error::not_found)
}

/// Withdraws an invitation: its link is void.
///
/// # Errors
/// `not_found` (404), also for one that was accepted.
pub(super) async fn withdraw_invitation(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    id: Uuid,
) -> Result<()> {
    if !sql::delete_invitation(conn, actor.organization_id, id).await? {
        return Err(Error::not_found());
    }
    audit(conn, &kernel.env, actor, "invitation.withdraw", Some(id), json!({})).await
}

/// Reads a token of this purpose.
fn parse(kernel: &Kernel, token: &str, purpose: Purpose) -> Result<Token> {
    kernel.links.parse(token).filter(|token| token.purpose == purpose).ok_or_else(links::incomplete)
}

/// The invitation behind a link.
///
/// # Errors
/// `link_expired` (410) for one that was used, withdrawn or renewed, or has ended; `link_incomplete` (410) for a link that
/// never was one.
pub async fn open_invitation(kernel: &Kernel, token: &str) -> Result<Invitation> {
    let token = parse(kernel, token, INVITATION)?;
    let found = sql::invitation(&mut *kernel.db.acquire().await?, token.row).await?;
    let Some(found) = found.filter(|found| found.expires_at > kernel.env.now()) else {
        return Err(token.explain(links::expired()));
    };
    token.check(found.link_generation).map_err(|error| token.explain(error))?;
    Ok(found)
}

/// Accepts an invitation: makes the organizer, who then signs in.
///
/// # Errors
/// As [`open_invitation`]; 422 for a name or password that is refused; `conflict` (409) when the address signs in already.
pub async fn accept_invitation(kernel: &Kernel, token: &str, name: &str, password: Zeroizing<String>) -> Result<()> {
    let invitation = open_invitation(kernel, token).await?;
    let mut errors = FieldErrors::default();
    let name = errors.text("/name", required_line(name, 200));
    errors.field(password::check(&password, "/password"));
    let name = errors.finish(Some(name))?;
    let password_hash = password::hash(&kernel.env, password).await?;
    let now = kernel.env.now();
    let mut tx = kernel.db.begin().await?;
    if !sql::take_invitation(&mut tx, invitation.id, invitation.link_generation, now).await? {
        return Err(links::expired());
    }
    let row = store::OrganizerRow {
        id: kernel.env.id(),
        organization_id: invitation.organization_id,
        email: invitation.email,
        name,
        role: invitation.role,
        password_hash,
    };
    store::insert_organizer(&mut tx, &row, now).await.on_constraint("organizers_email_key", || {
        Error::problem(Code::Conflict, "An organizer with this e-mail address exists already.")
    })?;
    let detail = json!({ "role": row.role, "invitation": invitation.id });
    audit_own(&mut tx, &kernel.env, row.organization_id, row.id, "invitation.accept", detail).await?;
    tx.commit().await
}

/// Requests a link for a new password. Answers and takes alike whether somebody has the address or not.
///
/// # Errors
/// 422 for something that is no address; as [`crate::kernel::rate_limit::RateLimiter::begin`] after many requests.
pub async fn request_reset(
    kernel: &Kernel,
    email: &str,
    source: Source,
    proof: Proof<'_>,
    locale: LocaleTag,
) -> Result<()> {
    let address = EmailAddress::parse(email).map_err(|e| Error::field("/email", e.code, e.detail))?;
    let account = address.as_str().to_lowercase();
    let purpose = AttemptPurpose::PasswordReset;
    let attempt = Attempt { purpose, subject: &account, source, known_device: None, proof };
    // whether its owner requested it is unknown, so each request counts against the limit
    let _counted = kernel.rate_limiter.begin(attempt).await?;
    let now = kernel.env.now();
    let mut tx = kernel.db.begin().await?;
    let found = store::organizer_by_email(&mut tx, &account).await?;
    let first = store::first_two_organizations(&mut tx).await?.first().copied();
    // without any organization there is nobody to ask
    let Some(organization) = found.as_ref().map(|found| found.organization_id).or(first) else { return Ok(()) };
    let id = kernel.env.id();
    let organizer = found.map(|found| found.id);
    sql::insert_reset(&mut tx, id, organizer, locale.as_str(), now, now + TimeDelta::minutes(RESET_MINUTES)).await?;
    mail::send_reset(&mut tx, kernel, organization, id).await?;
    tx.commit().await
}

/// Requires that a link for a new password still works.
///
/// # Errors
/// `link_expired` (410) for one that was used or has ended, or whose organizer was disabled; `link_incomplete` (410) for a
/// link that never was one.
pub async fn open_reset(kernel: &Kernel, token: &str) -> Result<()> {
    let token = parse(kernel, token, RESET_PASSWORD)?;
    token.check(0).map_err(|error| token.explain(error))?;
    let mut conn = kernel.db.acquire().await?;
    let found = sql::reset(&mut conn, token.row).await?;
    let organizer = found.filter(|found| is_open(found.expires_at, kernel)).and_then(|found| found.organizer_id);
    match organizer {
        Some(organizer) if store::staff_member(&mut conn, organizer).await?.is_some() => Ok(()),
        _ => Err(links::expired()),
    }
}

fn is_open(expires_at: DateTime<Utc>, kernel: &Kernel) -> bool {
    expires_at > kernel.env.now()
}

/// Sets a new password by a mailed link, ends all sessions and tells the organizer.
///
/// # Errors
/// As [`open_reset`]; 422 for a password that is refused.
pub async fn reset_password(kernel: &Kernel, token: &str, password: Zeroizing<String>) -> Result<()> {
    open_reset(kernel, token).await?;
    let token = parse(kernel, token, RESET_PASSWORD)?;
    password::check(&password, "/password").map_err(|refused| Error::Fields(vec![refused]))?;
    let hash = password::hash(&kernel.env, password).await?;
    let mut tx = kernel.db.begin().await?;
    let Some(organizer) = sql::take_reset(&mut tx, token.row, kernel.env.now()).await? else {
        return Err(links::expired());
    };
    let Some(member) = store::staff_member(&mut tx, organizer).await? else { return Err(links::expired()) };
    set_password(&mut tx, organizer, &hash).await?;
    let ended = sessions::end_sessions(&mut tx, organizer, None).await?;
    let detail = json!({ "by_link": true, "sessions": ended });
    audit_own(&mut tx, &kernel.env, member.organization_id, organizer, "organizer.password", detail).await?;
    mail::notify(&mut tx, kernel, member.organization_id, organizer, organizer, Notice::PasswordChanged).await?;
    tx.commit().await
}
