//! The guard in front of public acts: it slows a flood and never turns a crowd away.
//!
//! A shelter or a union hall shares one address, so being many is no offence: up to a set pace nothing is asked; beyond
//! it a proof of work (ALTCHA), or, without JavaScript, a short wait. Sources are known only by a hash under a key that
//! lives in this process's memory for a day; no address is stored or logged.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use altcha_lib_rs::{Challenge, ChallengeOptions, Payload, algorithm::AltchaAlgorithm};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::Value;
use sqlx::PgPool;

use super::{
    crypto::{Key, base32},
    cx::Cx,
    network::Network,
};
use crate::{
    config::{self, GuardMode},
    error::{Code, Error, Result},
};

/// Minutes for which a challenge may be answered.
const CHALLENGE_MINUTES: i64 = 20;
/// Seconds that somebody without JavaScript waits, and that each further waiting request of the same source adds.
const WAIT_SECONDS: i64 = 5;
/// Sources remembered at once; beyond it, those of earlier minutes are forgotten.
const MANY: usize = 200_000;

/// Where a request comes from; an address never leaves this type.
#[derive(Clone, Copy)]
pub struct Source(Option<IpAddr>);

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source(..)")
    }
}

/// The proxies whose word on the source is believed; put into each request's extensions by the app.
#[derive(Clone, Debug)]
pub struct TrustedProxies(pub std::sync::Arc<[IpAddr]>);

impl Source {
    /// The sender's network as far as it is told apart: an IPv4 /24, an IPv6 /48.
    pub fn network(self) -> Option<Network> {
        self.0.map(|address| Network::of(address, if address.is_ipv4() { 24 } else { 48 }))
    }

    /// Is the sender in one of these networks?
    pub fn is_in(self, networks: &[Network]) -> bool {
        self.0.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(source_address(&parts.extensions, &parts.headers)))
    }
}

fn source_address(extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical())?;
    let trusted = extensions.get::<TrustedProxies>();
    let is_trusted = |address: &IpAddr| trusted.is_some_and(|t| t.0.contains(address));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    // from the right: the nearest hop that is not one of our own proxies
    let forwarded =
        headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    let hops: Vec<IpAddr> = forwarded.filter_map(|hop| hop.trim().parse().ok()).collect();
    hops.into_iter().rev().map(|a: IpAddr| a.to_canonical()).find(|a| !is_trusted(a)).or(Some(peer))
}

#[derive(Default)]
struct Window {
    minute: i64,
    acts: u32,
    waiting: i64,
}

struct Today {
    day: NaiveDate,
    key: Key,
    windows: HashMap<[u8; 32], Window>,
}

/// Proof that a public act may send along.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proof<'a> {
    /// An ALTCHA payload (base64 JSON).
    pub altcha: Option<&'a str>,
    /// A ticket that says how long its bearer has waited.
    pub ticket: Option<&'a str>,
}

/// Limits by source.
pub struct Guard {
    settings: config::Guard,
    cx: Cx,
    db: PgPool,
    secret: Key,
    today: Mutex<Today>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard(..)")
    }
}

impl Guard {
    /// A guard. `secret` signs challenges, so that any process of the installation can check them.
    pub fn new(settings: config::Guard, cx: Cx, db: PgPool, secret: Key) -> Self {
        let today = Today { day: cx.now().date_naive(), key: Key::random(&cx), windows: HashMap::new() };
        Self { settings, cx, db, secret, today: Mutex::new(today) }
    }

    /// Lets a public act pass.
    ///
    /// # Errors
    /// `challenge_required` (428) once the source is busy and no valid proof came along; `unavailable` when a proof
    /// cannot be checked because the database is away.
    pub async fn admit(&self, source: Source, proof: Proof<'_>) -> Result<()> {
        if self.settings.mode == GuardMode::Off || self.count(source, "act") <= self.settings.free_per_minute {
            return Ok(());
        }
        if let Some(altcha) = proof.altcha
            && let Some(challenge) = self.check_altcha(altcha)
        {
            return if self.spend(&challenge).await? { Ok(()) } else { Err(self.challenge(source)) };
        }
        if let Some(ticket) = proof.ticket
            && self.check_ticket(ticket)
        {
            return if self.spend(ticket).await? { Ok(()) } else { Err(self.challenge(source)) };
        }
        Err(self.challenge(source))
    }

    /// Counts an attempt to sign in, or at another secret, by source and by what is tried.
    ///
    /// # Errors
    /// `too_many_requests` (429).
    pub fn admit_attempt(&self, source: Source, account: &str) -> Result<()> {
        if self.settings.mode == GuardMode::Off {
            return Ok(());
        }
        let quarter = self.cx.now().timestamp() / 900;
        let by_source = self.bump(source, b"sign-in", quarter);
        let by_account = self.bump(Source(None), account.as_bytes(), quarter);
        if by_source.max(by_account) > self.settings.sign_in_attempts {
            return Err(Error::problem(Code::TooManyRequests, "Too many attempts. Please wait a quarter of an hour."));
        }
        Ok(())
    }

    fn count(&self, source: Source, what: &str) -> u32 {
        self.bump(source, what.as_bytes(), self.cx.now().timestamp() / 60)
    }

    fn bump(&self, source: Source, what: &[u8], minute: i64) -> u32 {
        self.window(source, what, minute, |window| {
            window.acts = window.acts.saturating_add(1);
            window.acts
        })
    }

    fn window<T>(&self, source: Source, what: &[u8], minute: i64, with: impl FnOnce(&mut Window) -> T) -> T {
        let day = self.cx.now().date_naive();
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.day != day {
            *today = Today { day, key: Key::random(&self.cx), windows: HashMap::new() };
        }
        if today.windows.len() >= MANY {
            today.windows.retain(|_, w| w.minute >= minute);
        }
        let hash = today.key.mac(&[what, &network(source)]);
        let window = today.windows.entry(hash).or_default();
        if window.minute != minute {
            *window = Window { minute, ..Window::default() };
        }
        with(window)
    }

    /// 428 with an ALTCHA challenge, and a ticket for those who cannot solve one.
    fn challenge(&self, source: Source) -> Error {
        let now = self.cx.now();
        let expires = now + TimeDelta::minutes(CHALLENGE_MINUTES);
        let wait = WAIT_SECONDS
            * self.window(source, b"act", now.timestamp() / 60, |w| {
                w.waiting = (w.waiting + 1).min(12);
                w.waiting
            });
        let salt = format!("{}?expires={}&", base32(&self.cx.random::<12>()), expires.timestamp());
        let number = u64::from_le_bytes(self.cx.random()) % self.settings.challenge_work;
        let options = ChallengeOptions {
            algorithm: Some(AltchaAlgorithm::Sha256),
            max_number: Some(self.settings.challenge_work),
            number: Some(number),
            salt: Some(salt),
            hmac_key: &self.hmac_key(),
            ..Default::default()
        };
        match altcha_lib_rs::create_challenge(options) {
            Ok(challenge) => Error::Challenge(describe(&challenge, &self.ticket(now + TimeDelta::seconds(wait)), wait)),
            Err(error) => Error::internal(format!("no challenge could be made: {error}")),
        }
    }

    fn check_altcha(&self, altcha: &str) -> Option<String> {
        let payload: Payload = serde_json::from_slice(&STANDARD.decode(altcha).ok()?).ok()?;
        let expires = payload
            .salt
            .split_once("?expires=")
            .and_then(|(_, rest)| rest.split('&').next())
            .and_then(|t| t.parse().ok());
        if DateTime::from_timestamp(expires?, 0)? < self.cx.now() {
            return None;
        }
        let challenge = payload.challenge.clone();
        // the expiry is in the signed salt and was checked above on our own clock
        altcha_lib_rs::verify_solution(&payload, &self.hmac_key(), false).ok().map(|()| challenge)
    }

    fn ticket(&self, not_before: DateTime<Utc>) -> String {
        let nonce: [u8; 8] = self.cx.random();
        let at = not_before.timestamp().to_be_bytes();
        let mac = self.secret.mac(&[b"ticket", &nonce, &at]);
        base32(&[&nonce[..], &at, &mac[..16]].concat())
    }

    fn check_ticket(&self, ticket: &str) -> bool {
        let Some(bytes) = super::crypto::from_base32(ticket).filter(|b| b.len() == 32) else { return false };
        let (nonce, rest) = bytes.split_at(8);
        let (at, mac) = rest.split_at(8);
        let right = self.secret.mac(&[b"ticket", nonce, at]);
        let not_before = i64::from_be_bytes(at.try_into().unwrap_or_default());
        let now = self.cx.now().timestamp();
        bool::from(subtle::ConstantTimeEq::ct_eq(&right[..16], mac))
            && not_before <= now
            && now < not_before + CHALLENGE_MINUTES * 60
    }

    fn hmac_key(&self) -> String {
        hex::encode(self.secret.derive("altcha").expose())
    }

    /// Marks a proof as used; false when it was before.
    async fn spend(&self, proof: &str) -> Result<bool> {
        let expires = self.cx.now() + TimeDelta::minutes(CHALLENGE_MINUTES * 2);
        let done = sqlx::query!(
            "INSERT INTO used_challenges (challenge, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            proof,
            expires
        )
        .execute(&self.db)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn describe(challenge: &Challenge, ticket: &str, wait: i64) -> Value {
    serde_json::json!({
        "algorithm": challenge.algorithm.to_string(),
        "challenge": challenge.challenge,
        "maxnumber": challenge.maxnumber,
        "salt": challenge.salt,
        "signature": challenge.signature,
        "wait_ticket": ticket,
        "wait_seconds": wait,
    })
}

/// The bytes that stand for a source: an IPv4 address, or the /64 that one IPv6 customer gets.
fn network(source: Source) -> Vec<u8> {
    match source.0 {
        Some(IpAddr::V4(a)) => a.octets().to_vec(),
        Some(IpAddr::V6(a)) => Ipv6Addr::octets(&a)[..8].to_vec(),
        None => Vec::new(),
    }
}

/// Forgets spent proofs that nobody could use again (upkeep).
///
/// # Errors
/// A database error.
pub async fn forget_spent(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    Ok(sqlx::query!("DELETE FROM used_challenges WHERE expires_at < $1", now).execute(db).await?.rows_affected())
}
