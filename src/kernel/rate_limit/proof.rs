//! Challenges for busy sources: a proof of work (ALTCHA) or, without JavaScript, a ticket that becomes valid after a
//! wait. Each can be used once, in all processes, for the purpose and at most the work that it was made for.

use altcha_lib_rs::{Challenge, ChallengeOptions, Payload, algorithm::AltchaAlgorithm};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};

use super::RateLimiter;
use crate::{
    error::{ChallengeBody, Error, Result},
    kernel::crypto::{Key, base32, from_base32},
};

/// Lifetime of a challenge in minutes.
const CHALLENGE_MINUTES: i64 = 20;

/// Proof that a request may send along.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proof<'a> {
    /// An ALTCHA payload (base64 JSON).
    pub altcha: Option<&'a str>,
    /// A ticket that has become valid by waiting.
    pub ticket: Option<&'a str>,
}

impl<'a> Proof<'a> {
    /// The two hidden fields of a form; empty ones count as absent.
    pub fn of_form(altcha: &'a str, ticket: &'a str) -> Self {
        Self { altcha: Some(altcha).filter(|a| !a.is_empty()), ticket: Some(ticket).filter(|t| !t.is_empty()) }
    }

    /// `muster:challenge` of an API body, which may be either.
    pub fn of_body(challenge: Option<&'a str>) -> Self {
        Self { altcha: challenge, ticket: challenge }
    }
}

impl RateLimiter {
    /// Is this proof valid for the purpose, of at least that much work, and unused? Marks it as used.
    ///
    /// # Errors
    /// `unavailable` when the database cannot be reached.
    pub(super) async fn redeem(&self, proof: Proof<'_>, purpose: &str, work: u64) -> Result<bool> {
        if let Some(challenge) = proof.altcha.and_then(|altcha| self.check_altcha(altcha, purpose, work)) {
            return self.mark_used(&challenge).await;
        }
        match proof.ticket {
            Some(ticket) if self.check_ticket(ticket, purpose) => self.mark_used(ticket).await,
            _ => Ok(false),
        }
    }

    /// The 428 with an ALTCHA challenge, and a ticket that becomes valid after `wait` seconds for clients without
    /// JavaScript.
    pub(super) fn challenge(&self, purpose: &str, work: u64, wait: i64) -> Error {
        let now = self.env.now();
        let expires = now + TimeDelta::minutes(CHALLENGE_MINUTES);
        // The library signs the salt, too. It reorders parameters after the `?`, so there is only one.
        let nonce = base32(&self.env.random::<12>());
        let salt = format!("{nonce}.{purpose}.{work}?expires={}&", expires.timestamp());
        let options = ChallengeOptions {
            algorithm: Some(AltchaAlgorithm::Sha256),
            max_number: Some(work),
            number: Some(u64::from_le_bytes(self.env.random()) % work),
            salt: Some(salt),
            hmac_key: &hmac_key(&self.secret.current()),
            ..Default::default()
        };
        match altcha_lib_rs::create_challenge(options) {
            Ok(challenge) => {
                let ticket = self.ticket(purpose, now + TimeDelta::seconds(wait));
                Error::Challenge(describe(&challenge, &ticket, wait))
            }
            Err(error) => Error::internal(format!("no challenge could be made: {error}")),
        }
    }

    fn check_altcha(&self, altcha: &str, purpose: &str, work: u64) -> Option<String> {
        let payload: Payload = serde_json::from_slice(&BASE64.decode(altcha.as_bytes()).ok()?).ok()?;
        let (made_for, rest) = payload.salt.split_once("?expires=")?;
        let expires = rest.split('&').next()?.parse().ok()?;
        let mut made_for = made_for.rsplitn(3, '.');
        let made_work: u64 = made_for.next()?.parse().ok()?;
        if made_for.next()? != purpose || made_work < work || DateTime::from_timestamp(expires, 0)? < self.env.now() {
            return None;
        }
        let challenge = payload.challenge.clone();
        // the expiry is part of the signed salt and was checked above with `Env`'s clock
        let is_ours = |key: &Key| altcha_lib_rs::verify_solution(&payload, &hmac_key(key), false).is_ok();
        self.secret.all().iter().any(is_ours).then_some(challenge)
    }

    fn ticket(&self, purpose: &str, not_before: DateTime<Utc>) -> String {
        let nonce: [u8; 8] = self.env.random();
        let at = not_before.timestamp().to_be_bytes();
        let mac = self.secret.mac(&[b"ticket", purpose.as_bytes(), &nonce, &at]);
        base32(&[&nonce[..], &at, &mac[..16]].concat())
    }

    fn check_ticket(&self, ticket: &str, purpose: &str) -> bool {
        let Some(bytes) = from_base32(ticket).filter(|b| b.len() == 32) else { return false };
        let (nonce, rest) = bytes.split_at(8);
        let (at, mac) = rest.split_at(8);
        let is_of = |key: &Key| {
            let right = key.mac(&[b"ticket", purpose.as_bytes(), nonce, at]);
            bool::from(subtle::ConstantTimeEq::ct_eq(&right[..16], mac))
        };
        let not_before = i64::from_be_bytes(at.try_into().unwrap_or_default());
        let now = self.env.now().timestamp();
        self.secret.all().iter().any(is_of) && not_before <= now && now < not_before + CHALLENGE_MINUTES * 60
    }

    /// Marks a proof as used; false if it was used before.
    async fn mark_used(&self, proof: &str) -> Result<bool> {
        // base32 is decoded in either case, so it is compared in lower case
        let proof = proof.to_ascii_lowercase();
        let expires = self.env.now() + TimeDelta::minutes(CHALLENGE_MINUTES * 2);
        let done = sqlx::query!(
            "INSERT INTO used_challenges (challenge, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            proof,
            expires
        )
        .execute(&mut *self.db.acquire().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn hmac_key(secret: &Key) -> String {
    HEXLOWER.encode(secret.derive("altcha").expose())
}

fn describe(challenge: &Challenge, ticket: &str, wait: i64) -> Value {
    json!(ChallengeBody {
        algorithm: challenge.algorithm.to_string(),
        challenge: challenge.challenge.clone(),
        maxnumber: challenge.maxnumber,
        salt: challenge.salt.clone(),
        signature: challenge.signature.clone(),
        wait_ticket: ticket.to_owned(),
        wait_seconds: wait,
    })
}
