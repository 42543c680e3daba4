//! What organizers change of their own accounts: name, password, sessions.

use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    accounts::set_password,
    actor::Actor,
    mail::{self, Notice},
    ops::audit,
    password,
    store::{
        accounts::{self as sql, OwnAccount},
        sessions,
    },
};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        crypto::{base32, sha256},
        rate_limit::{Attempt, AttemptPurpose, Proof, Source},
        text::required_line,
    },
};

/// Changes the own name.
///
/// # Errors
/// 422 for a name that is refused.
pub(super) async fn rename(kernel: &Kernel, actor: &Actor, name: &str) -> Result<()> {
    let name = required_line(name, 200).map_err(|e| Error::field("/name", e.code, e.detail))?;
    let mut tx = kernel.db.begin().await?;
    sql::set_name(&mut tx, actor.organizer_id, &name).await?;
    audit(&mut tx, &kernel.env, actor, "organizer.rename", Some(actor.organizer_id), json!({})).await?;
    tx.commit().await
}

/// Verifies the password of the organizer who acts in a session. Wrong ones are counted for the session, so that nobody else
/// can lock the organizer out.
///
/// # Errors
/// 422 at `pointer` for a wrong password; `forbidden` (403) for a token; as
/// [`crate::kernel::rate_limit::RateLimiter::begin`] after too many of them.
async fn verify_own(
    kernel: &Kernel,
    actor: &Actor,
    password: &str,
    source: Source,
    pointer: &'static str,
) -> Result<OwnAccount> {
    let session = actor.require_session()?;
    let own = sql::own(&mut *kernel.db.acquire().await?, actor.organizer_id).await?.ok_or_else(Error::not_found)?;
    let attempt = Attempt {
        purpose: AttemptPurpose::SignIn,
        subject: &own.email,
        source,
        known_device: Some(sha256(session.id.as_bytes())),
        proof: Proof::default(),
    };
    let counted = kernel.rate_limiter.begin(attempt).await?;
    match password::verify(Some(own.password_hash.clone()), Zeroizing::new(password.to_owned())).await {
        Ok(true) => {
            counted.succeeded().await;
            Ok(own)
        }
        Ok(false) => Err(Error::field(pointer, "wrong_password", "This is not your password.")),
        Err(error) => {
            counted.cancel().await;
            Err(error)
        }
    }
}

/// Changes the own password: all other sessions end, and the organizer is told by mail.
///
/// # Errors
/// 422 for a wrong current password (`/current_password`) and for a new one that is refused (`/password`); as
/// [`crate::kernel::rate_limit::RateLimiter::begin`] after too many wrong ones.
pub(super) async fn change_password(
    kernel: &Kernel,
    actor: &Actor,
    current: &str,
    new: Zeroizing<String>,
    source: Source,
) -> Result<()> {
    let session = actor.require_session()?;
    password::check(&new, "/password").map_err(|refused| Error::Fields(vec![refused]))?;
    verify_own(kernel, actor, current, source, "/current_password").await?;
    let hash = password::hash(&kernel.env, new).await?;
    let mut tx = kernel.db.begin().await?;
    set_password(&mut tx, actor.organizer_id, &hash).await?;
    let ended = sessions::end_sessions(&mut tx, actor.organizer_id, Some(session.id)).await?;
    let (own, detail) = (actor.organizer_id, json!({ "sessions": ended }));
    audit(&mut tx, &kernel.env, actor, "organizer.password", Some(own), detail).await?;
    mail::notify(&mut tx, kernel, actor.organization_id, own, own, Notice::PasswordChanged).await?;
    tx.commit().await
}

/// Verifies the password in a session once more and gives the session another secret, which is returned.
///
/// # Errors
/// 422 for a wrong password (`/password`); `unauthorized` (401) when the session has ended meanwhile; as
/// [`crate::kernel::rate_limit::RateLimiter::begin`] after too many wrong ones.
pub(super) async fn confirm_session(kernel: &Kernel, actor: &Actor, password: &str, source: Source) -> Result<String> {
    let session = actor.require_session()?;
    verify_own(kernel, actor, password, source, "/password").await?;
    let secret = base32(&kernel.env.random::<32>());
    let mut tx = kernel.db.begin().await?;
    if !sessions::renew_session(&mut tx, session.id, &sha256(secret.as_bytes()), kernel.env.now()).await? {
        return Err(Error::problem(crate::error::Code::Unauthorized, "This session has ended. Sign in again."));
    }
    audit(&mut tx, &kernel.env, actor, "session.confirm", None, json!({})).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Ends one of the own sessions.
///
/// # Errors
/// `not_found` (404) for one that has ended, or of somebody else.
pub(super) async fn end_own_session(kernel: &Kernel, actor: &Actor, id: Uuid) -> Result<()> {
    let mut tx = kernel.db.begin().await?;
    if sessions::end_session(&mut tx, actor.organizer_id, id).await? == 0 {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, actor, "session.end", Some(actor.organizer_id), json!({ "sessions": 1 })).await?;
    tx.commit().await
}

/// Ends all own sessions but the one in which this is done. Returns how many.
///
/// # Errors
/// `forbidden` (403) for a token.
pub(super) async fn end_other_sessions(kernel: &Kernel, actor: &Actor) -> Result<u64> {
    let session = actor.require_session()?;
    let mut tx = kernel.db.begin().await?;
    let ended = sessions::end_sessions(&mut tx, actor.organizer_id, Some(session.id)).await?;
    audit(&mut tx, &kernel.env, actor, "session.end", Some(actor.organizer_id), json!({ "sessions": ended })).await?;
    tx.commit().await?;
    Ok(ended)
}
