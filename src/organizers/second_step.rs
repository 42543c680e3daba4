//! The second step of signing in: a code of the second factor, or setting one up; and what organizers change of their own.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    actor::Actor,
    ops::{self, SESSION_TTL_HOURS, SignedIn, audit, audit_own},
    second_factor::{self, UsedCode},
    stage::SessionStage,
    store::{second_factors, sessions},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        crypto::{base32, sha256},
        rate_limit::Source,
    },
};

pub use super::store::sessions::PendingRow;

/// Gives a code in a session that waits for one. With the right code the session is open and gets another secret.
///
/// # Errors
/// 422 at `/code` for a wrong code; `unauthorized` (401) when the session has ended meanwhile; as
/// [`crate::kernel::rate_limit::RateLimiter::begin`] after too many wrong ones.
pub async fn give_code(
    kernel: &Kernel,
    pending: &PendingRow,
    typed: &str,
    device: Option<&str>,
    source: Source,
) -> Result<SignedIn> {
    let counted = kernel.rate_limiter.begin(second_factor::attempt(&pending.email, source)).await?;
    let mut tx = kernel.db.begin().await?;
    let (organization, organizer) = (pending.organization_id, pending.organizer_id);
    let used = match pending.stage {
        SessionStage::Challenge => second_factor::use_code(&mut tx, kernel, organization, organizer, typed).await?,
        SessionStage::Open | SessionStage::Enrolment => None,
    };
    if used.ok_or_else(wrong_code)? == UsedCode::Recovery {
        audit_own(&mut tx, &kernel.env, organization, organizer, "second_factor.recovery", json!({})).await?;
    }
    let signed_in = open(&mut tx, kernel, pending, device).await?;
    tx.commit().await?;
    counted.succeeded().await;
    Ok(signed_in)
}

/// Sets up the second factor in a session that may do nothing else, which is open then. Returns the recovery codes, too.
///
/// # Errors
/// As [`give_code`].
pub async fn enrol_pending(
    kernel: &Kernel,
    pending: &PendingRow,
    typed: &str,
    device: Option<&str>,
    source: Source,
) -> Result<(SignedIn, Vec<String>)> {
    let counted = kernel.rate_limiter.begin(second_factor::attempt(&pending.email, source)).await?;
    let mut tx = kernel.db.begin().await?;
    let (organization, organizer) = (pending.organization_id, pending.organizer_id);
    if pending.stage != SessionStage::Enrolment {
        return Err(wrong_code());
    }
    let codes = second_factor::set_up(&mut tx, kernel, organization, organizer, pending.id, typed).await?;
    let codes = codes.ok_or_else(wrong_code)?;
    audit_own(&mut tx, &kernel.env, organization, organizer, "second_factor.set", json!({})).await?;
    let signed_in = open(&mut tx, kernel, pending, device).await?;
    tx.commit().await?;
    counted.succeeded().await;
    Ok((signed_in, codes))
}

/// Sets up the own second factor in an open session, in the place of the one before. Returns the recovery codes.
///
/// # Errors
/// As [`give_code`]; `confirmation_required` (403).
pub async fn enrol_own(
    kernel: &Kernel,
    actor: &Actor,
    email: &str,
    typed: &str,
    source: Source,
) -> Result<Vec<String>> {
    let session = actor.require_session()?;
    actor.require_confirmed(kernel.env.now())?;
    let counted = kernel.rate_limiter.begin(second_factor::attempt(email, source)).await?;
    let mut tx = kernel.db.begin().await?;
    let (organization, organizer) = (actor.organization_id, actor.organizer_id);
    let codes = second_factor::set_up(&mut tx, kernel, organization, organizer, session.id, typed).await?;
    let codes = codes.ok_or_else(wrong_code)?;
    let ended = sessions::end_sessions(&mut tx, organizer, Some(session.id)).await?;
    audit(&mut tx, &kernel.env, actor, "second_factor.set", Some(organizer), json!({ "sessions": ended })).await?;
    tx.commit().await?;
    counted.succeeded().await;
    Ok(codes)
}

/// Removes the own second factor.
///
/// # Errors
/// `confirmation_required` (403); `conflict` (409) where it is required.
pub async fn remove_own(kernel: &Kernel, actor: &Actor) -> Result<()> {
    actor.require_session()?;
    actor.require_confirmed(kernel.env.now())?;
    if second_factor::is_required(kernel, actor.role) {
        return Err(Error::problem(
            Code::Conflict,
            "Your role needs a second factor. You can replace it by another one.",
        ));
    }
    let mut tx = kernel.db.begin().await?;
    if second_factors::delete(&mut tx, actor.organizer_id).await? {
        let own = Some(actor.organizer_id);
        audit(&mut tx, &kernel.env, actor, "second_factor.remove", own, json!({})).await?;
    }
    tx.commit().await
}

/// Opens a session whose second step was done, under another secret.
async fn open(
    conn: &mut PgConnection,
    kernel: &Kernel,
    pending: &PendingRow,
    device: Option<&str>,
) -> Result<SignedIn> {
    let now = kernel.env.now();
    let secret = base32(&kernel.env.random::<32>());
    let expires_at: DateTime<Utc> = now + TimeDelta::hours(SESSION_TTL_HOURS);
    if !sessions::open_session(conn, pending.id, &sha256(secret.as_bytes()), now, expires_at).await? {
        return Err(Error::problem(Code::Unauthorized, "This session has ended. Sign in again."));
    }
    let organizer: Uuid = pending.organizer_id;
    let device = ops::welcome(conn, kernel, pending.organization_id, organizer, &pending.email, device).await?;
    Ok(SignedIn { session: secret, device, stage: SessionStage::Open })
}

fn wrong_code() -> Error {
    Error::field("/code", "wrong_second_factor", "This code is wrong, or was used before.")
}
