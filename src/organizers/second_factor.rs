//! The second factor: codes of an authenticator app (TOTP, RFC 6238), each accepted once, and recovery codes.
//!
//! An organizer with a second factor signs in in two steps: the password opens a session that may do nothing but give a code
//! ([`SessionStage`]). Where the second factor is required and missing, that session may do nothing but set one up. The
//! secret is sealed with the key of the organization's vault, recovery codes are stored as hashes.

use sqlx::PgConnection;
use totp_rs::{Builder, Secret, Totp};
use url::form_urlencoded;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    scope::{Role, Scope},
    stage::SessionStage,
    store::second_factors as sql,
};
use crate::{
    config::SecondFactor as Setting,
    error::{Error, Result},
    kernel::{
        Kernel,
        crypto::{Key, base32, sha256},
        qr::Qr,
        rate_limit::{Attempt, AttemptPurpose, Proof, Source},
    },
};

/// Number of recovery codes.
const RECOVERY_CODES: usize = 10;
/// Bytes of a recovery code: too many to be found from its hash.
const RECOVERY_BYTES: usize = 10;
/// Table of the sealed secrets, in the associated data.
const TABLE: &str = "second_factors";

/// The stage of a session whose password was right.
pub(super) async fn stage_after_password(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organizer: Uuid,
    role: Role,
) -> Result<SessionStage> {
    Ok(if sql::find(conn, organizer).await?.is_some() {
        SessionStage::Challenge
    } else if is_required(kernel, role) {
        SessionStage::Enrolment
    } else {
        SessionStage::Open
    })
}

/// Must organizers of this role have a second factor? Those who can take people out.
pub fn is_required(kernel: &Kernel, role: Role) -> bool {
    kernel.settings.organizers.second_factor == Setting::Required && role.allows(Scope::ContactsExport)
}

/// Has the organizer a second factor?
pub async fn has_second_factor(conn: &mut PgConnection, organizer: Uuid) -> Result<bool> {
    Ok(sql::find(conn, organizer).await?.is_some())
}

/// A secret that an organizer is about to put into an authenticator app.
pub struct Enrolment {
    /// The secret in base32, for typing.
    pub secret: String,
    /// The QR code of the app's address.
    pub qr: Qr,
}

/// The secret for a session that is to be confirmed with a code. It is derived from the session, so that showing it stores
/// nothing.
fn candidate(key: &Key, organizer: Uuid, session: Uuid) -> Zeroizing<[u8; 20]> {
    let mac = key.mac(&[b"second factor", organizer.as_bytes(), session.as_bytes()]);
    let mut secret = Zeroizing::new([0; 20]);
    secret.copy_from_slice(&mac[..20]);
    secret
}

/// What to show to set up a second factor in a session. `account` is the address as the app shows it.
///
/// # Errors
/// `internal` for an address that is too long for a QR code.
pub fn enrolment(kernel: &Kernel, organizer: Uuid, session: Uuid, account: &str) -> Result<Enrolment> {
    let key = kernel.requests_key.derive("second-factor").current();
    let secret = base32(&*candidate(&key, organizer, session)).to_uppercase();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("secret", &secret)
        .append_pair("issuer", "Muster")
        .finish();
    let account: String = form_urlencoded::byte_serialize(account.as_bytes()).collect();
    // the label is a part of a path: a space is %20
    let qr = Qr::of(&format!("otpauth://totp/Muster:{}?{query}", account.replace('+', "%20")))?;
    Ok(Enrolment { secret, qr })
}

fn totp(secret: &[u8; 20]) -> Result<Totp> {
    Builder::new().with_secret(Secret::new_stack(*secret)).build().map_err(|e| Error::internal(format!("totp: {e}")))
}

/// The digits that somebody typed, without the space in the middle.
fn digits(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

/// Unix time in seconds.
fn unix_time(kernel: &Kernel) -> u64 {
    u64::try_from(kernel.env.now().timestamp()).unwrap_or_default()
}

/// Sets up the second factor whose secret was shown in a session ([`enrolment`]), replacing the one before. Returns the
/// recovery codes, which cannot be shown again; `None` for a wrong code. Needs a transaction.
pub(super) async fn set_up(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    organizer: Uuid,
    session: Uuid,
    typed: &str,
) -> Result<Option<Vec<String>>> {
    for key in kernel.requests_key.derive("second-factor").all() {
        let secret = candidate(&key, organizer, session);
        let Some(step) = totp(&secret)?.check(&digits(typed), unix_time(kernel)) else { continue };
        let vault = kernel.vaults.open(kernel.vaults.of_organization(conn, organization).await?).await?;
        let sealed = vault.seal(&kernel.env, TABLE, organizer, &secret.as_slice());
        sql::replace(conn, organizer, &sealed, i64::try_from(step).map_err(Error::internal)?, kernel.env.now()).await?;
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| base32(&kernel.env.random::<RECOVERY_BYTES>())).collect();
        let hashes: Vec<Vec<u8>> = codes.iter().map(|code| sha256(code.as_bytes()).to_vec()).collect();
        sql::replace_recovery_codes(conn, organizer, &hashes).await?;
        return Ok(Some(codes));
    }
    Ok(None)
}

/// What a right code was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsedCode {
    App,
    Recovery,
}

/// Uses up a code of the authenticator app or a recovery code; `None`: it is wrong, or was used before. Needs a transaction.
pub(super) async fn use_code(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    organizer: Uuid,
    typed: &str,
) -> Result<Option<UsedCode>> {
    let Some(sealed) = sql::find(conn, organizer).await? else { return Ok(None) };
    let typed = digits(typed);
    let vault = kernel.vaults.open(kernel.vaults.of_organization(conn, organization).await?).await?;
    let secret: Zeroizing<Vec<u8>> = Zeroizing::new(vault.open(TABLE, organizer, &sealed)?);
    let secret =
        secret.first_chunk::<20>().ok_or_else(|| Error::internal("the secret of a second factor is cut off"))?;
    if let Some(step) = totp(secret)?.check(&typed, unix_time(kernel)) {
        let is_new = sql::use_step(conn, organizer, i64::try_from(step).map_err(Error::internal)?).await?;
        return Ok(is_new.then_some(UsedCode::App));
    }
    let is_used = sql::use_recovery_code(conn, organizer, &sha256(typed.to_lowercase().as_bytes())).await?;
    Ok(is_used.then_some(UsedCode::Recovery))
}

/// An attempt at a code, counted for the account: whoever gets here knows the password, so nobody else is locked out.
pub(super) fn attempt(email: &str, source: Source) -> Attempt<'_> {
    Attempt {
        purpose: AttemptPurpose::SecondFactor,
        subject: email,
        source,
        known_device: Some(sha256(b"second factor")),
        proof: Proof::default(),
    }
}
