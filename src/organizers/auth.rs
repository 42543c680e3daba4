//! Authentication by API token or session cookie, as extractors.
//!
//! A request without credentials is anonymous. One with an invalid token (unknown, expired, revoked, disabled) is
//! answered 401, never treated as anonymous: otherwise a client that means to vouch would perform a public act. A session
//! that has ended is as none, since browsers send its cookie along for as long as they have it.
//! Results are cached for `CACHE_TTL`.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    actor::{ActingSession, Actor},
    ops::{self, DEVICE_TTL_DAYS, SESSION_IDLE_MINUTES, SESSION_TTL_HOURS, TOKEN_PREFIX},
    own_account,
    scope::Scope,
    store::{self, sessions},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        cache::Cache,
        crypto::{Key, base32, sha256},
        idempotency::{self, IdempotencyKey},
        origin::RequestOrigin,
        rate_limit::Source,
    },
};

/// Time for which an authenticated secret is cached, and so for which a revoked one is still accepted.
const CACHE_TTL: Duration = Duration::from_secs(2);
/// Seconds after which it is noted anew that a session is used.
const USE_NOTED_SECONDS: i64 = 60;
/// Header of API tokens (OSDI 1.2).
const TOKEN_HEADER: HeaderName = HeaderName::from_static("osdi-api-token");
/// The console's session cookie.
const SESSION_COOKIE: &str = "muster_session";
/// The cookie of a known device, a browser in which an organizer has signed in.
const DEVICE_COOKIE: &str = "muster_device";
/// Length of a token (after its prefix) or cookie value, in characters: base32 of 32 bytes.
const SECRET_CHARS: usize = 52;

/// Authenticates requests by API token or session cookie. Results are cached for `CACHE_TTL` (two seconds). Cheap to
/// clone (`Arc` inside); part of the state of every slice.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    kernel: Arc<Kernel>,
    known: Cache<Secret, CachedActor>,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access(..)")
    }
}

/// SHA-256 of the secret in a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Secret {
    Token([u8; 32]),
    Session([u8; 32]),
}

#[derive(Clone)]
struct CachedActor {
    actor: Actor,
    expires_at: Option<DateTime<Utc>>,
}

impl Authenticator {
    /// An authenticator over the kernel's database, with an empty cache.
    pub fn new(kernel: Arc<Kernel>) -> Self {
        let known = Cache::new(kernel.env.clone(), CACHE_TTL);
        Self(Arc::new(Inner { kernel, known }))
    }

    /// Settings, database pools, clock, vaults, templates.
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.0.kernel
    }

    /// Verifies the password of the organizer in a session and gives the session another secret, which is returned: the value
    /// of its new cookie. The former one is refused from now on, in other processes within `CACHE_TTL`.
    ///
    /// # Errors
    /// As [`own_account::confirm_session`].
    pub async fn confirm_session(&self, session: &Session, password: &str, source: Source) -> Result<String> {
        let renewed = own_account::confirm_session(self.kernel(), &session.actor, password, source).await?;
        self.0.known.invalidate(&Secret::Session(sha256(session.token.as_bytes())));
        Ok(renewed)
    }

    /// Deletes a session; takes effect at once in this process, and within `CACHE_TTL` in others.
    pub async fn end_session(&self, token: &str) -> Result<()> {
        ops::sign_out(self.kernel(), token).await?;
        self.0.known.invalidate(&Secret::Session(sha256(token.as_bytes())));
        Ok(())
    }

    async fn authenticate_token(&self, secret: Secret) -> Result<Actor> {
        let load = async || {
            let mut conn = self.kernel().db.acquire().await?;
            let row = match &secret {
                Secret::Token(hash) => store::actor_by_token(&mut conn, hash).await?,
                Secret::Session(hash) => sessions::actor_by_session(&mut conn, hash).await?,
            };
            let mut row = row.ok_or_else(invalid_credentials)?;
            let now = self.kernel().env.now();
            let today = now.date_naive();
            if let Some(token) = row.api_token_id.filter(|_| row.last_used_on.is_none_or(|day| day < today)) {
                // a database that takes no write still answers reads
                let _ = store::use_token(&mut conn, token, today).await;
            }
            if let (Some(session), Some(last_used_at)) = (row.session_id, row.last_used_at) {
                let is_open = now < last_used_at + TimeDelta::minutes(SESSION_IDLE_MINUTES);
                if is_open && now >= last_used_at + TimeDelta::seconds(USE_NOTED_SECONDS) {
                    let _ = sessions::use_session(&mut conn, session, now).await;
                }
                row.last_used_at = Some(if is_open { now } else { last_used_at });
            }
            Ok(CachedActor::from_row(row))
        };
        let known = self.0.known.get(&secret, load).await?;
        if known.expires_at.is_some_and(|at| at <= self.kernel().env.now()) {
            return Err(invalid_credentials());
        }
        Ok(known.actor)
    }

    async fn authenticate_request(&self, parts: &Parts) -> Result<Option<Actor>> {
        if let Some(token) = api_token_from(&parts.headers)? {
            return self.authenticate_token(Secret::Token(sha256(token.as_bytes()))).await.map(Some);
        }
        let Some(session) = session_token_from(self.kernel(), &parts.headers) else { return Ok(None) };
        let actor = self.authenticate_token(Secret::Session(sha256(session.as_bytes()))).await;
        // an ended session is that of a visitor: a browser keeps the cookie and did not choose to send it
        let Some(actor) = unless_unauthorized(actor)? else { return Ok(None) };
        let public_url = &self.kernel().settings.http.public_url;
        if !parts.method.is_safe() && RequestOrigin::of(&parts.headers, public_url) != RequestOrigin::Own {
            return Err(Error::problem(
                Code::Forbidden,
                "A change made with the console's session must come from the console's own pages.",
            ));
        }
        Ok(Some(actor))
    }
}

impl CachedActor {
    fn from_row(row: store::ActorRow) -> Self {
        let idle_at = row.last_used_at.map(|at| at + TimeDelta::minutes(SESSION_IDLE_MINUTES));
        let expires_at = [row.expires_at, idle_at].into_iter().flatten().min();
        let session = row.session_id.zip(row.confirmed_at);
        let actor = Actor {
            organization_id: row.organization_id,
            organizer_id: row.organizer_id,
            api_token_id: row.api_token_id,
            session: session.map(|(id, confirmed_at)| ActingSession { id, confirmed_at }),
            role: row.role,
            is_operator: row.is_operator,
            // a scope that this version does not know allows nothing
            scopes: row.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
            name: row.name.into(),
        };
        Self { actor, expires_at }
    }
}

impl<S> FromRequestParts<S> for Actor
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Authenticator::from_ref(state).authenticate_request(parts).await?.ok_or_else(|| {
            Error::problem(Code::Unauthorized, "Send a token in `OSDI-API-Token` or as `Authorization: Bearer`.")
        })
    }
}

/// The actor of a request, `None` without credentials or with those of an ended session. An invalid token is answered
/// 401.
#[derive(Clone, Debug)]
pub struct MaybeActor(pub Option<Actor>);

impl MaybeActor {
    /// The actor, if it may see drafts and exact numbers; `None`: answer what is public.
    pub fn reader(self) -> Option<Actor> {
        self.0.filter(|a| a.allows(Scope::ActionsRead) || a.allows(Scope::ActionsWrite))
    }
}

impl<S> FromRequestParts<S> for MaybeActor
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Authenticator::from_ref(state).authenticate_request(parts).await.map(Self)
    }
}

/// A session of the console, for its pages. Their forms contain [`Session::csrf`], and handlers of forms check it.
#[derive(Clone)]
pub struct Session {
    /// The organizer who is signed in.
    pub actor: Actor,
    /// CSRF token of the session's forms: a MAC over the session.
    pub csrf: String,
    /// CSRF tokens under all keys of the keyring, for forms that were loaded before a rotation.
    accepted: Vec<String>,
    /// The cookie's value, for ending the session.
    pub token: String,
}

impl Session {
    /// Requires the CSRF token of this session.
    ///
    /// # Errors
    /// `forbidden` (403).
    pub fn check(&self, csrf: &str) -> Result<()> {
        check_csrf(&self.accepted, csrf)
    }
}

/// A session of the console whose second step is missing: its pages may ask for a code or set up a second factor, nothing
/// else.
pub struct PendingSession {
    /// The session.
    pub row: sessions::PendingRow,
    /// CSRF token of its forms.
    pub csrf: String,
    accepted: Vec<String>,
}

impl PendingSession {
    /// Reads it from a request's headers.
    pub async fn of(authenticator: &Authenticator, headers: &HeaderMap) -> Result<Option<Self>> {
        let kernel = authenticator.kernel();
        let Some(token) = session_token_from(kernel, headers) else { return Ok(None) };
        let (hash, now) = (sha256(token.as_bytes()), kernel.env.now());
        let row = sessions::pending_session(&mut *kernel.db.acquire().await?, &hash, now).await?;
        Ok(row.map(|row| {
            let (csrf, accepted) = csrf_tokens(kernel, row.id);
            Self { row, csrf, accepted }
        }))
    }

    /// Requires the CSRF token of this session.
    ///
    /// # Errors
    /// `forbidden` (403).
    pub fn check(&self, csrf: &str) -> Result<()> {
        check_csrf(&self.accepted, csrf)
    }
}

/// The CSRF token of a session's forms, and those under all keys of the keyring. Over the id, so that forms stay good when the
/// session gets another secret.
fn csrf_tokens(kernel: &Kernel, session: Uuid) -> (String, Vec<String>) {
    let keys = kernel.requests_key.derive("csrf");
    let csrf = |key: &Key| base32(&key.mac(&[b"session", session.as_bytes()]));
    (csrf(&keys.current()), keys.all().iter().map(csrf).collect())
}

fn check_csrf(accepted: &[String], csrf: &str) -> Result<()> {
    let is_equal = |own: &String| -> bool { subtle::ConstantTimeEq::ct_eq(own.as_bytes(), csrf.as_bytes()).into() };
    if accepted.iter().any(is_equal) {
        return Ok(());
    }
    Err(Error::problem(Code::Forbidden, "This form has expired. Load the page again."))
}

/// The session of a request, `None` without one. An invalid cookie counts as none: it leads to the sign-in page, not to
/// an error.
pub struct MaybeSession(pub Option<Session>);

impl MaybeSession {
    /// Reads the session from a request's headers.
    pub async fn of(authenticator: &Authenticator, headers: &HeaderMap) -> Result<Self> {
        let Some(token) = session_token_from(authenticator.kernel(), headers) else { return Ok(Self(None)) };
        let hash = sha256(token.as_bytes());
        let actor = authenticator.authenticate_token(Secret::Session(hash)).await;
        let Some(actor) = unless_unauthorized(actor)? else { return Ok(Self(None)) };
        let id = actor.session.map(|session| session.id).unwrap_or_default();
        let (csrf, accepted) = csrf_tokens(authenticator.kernel(), id);
        Ok(Self(Some(Session { actor, csrf, accepted, token })))
    }
}

impl<S> FromRequestParts<S> for MaybeSession
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Self::of(&Authenticator::from_ref(state), &parts.headers).await
    }
}

/// `Set-Cookie` with a new session.
///
/// # Errors
/// `internal` for a value that no header can hold.
pub fn session_cookie(kernel: &Kernel, token: &str) -> Result<HeaderValue> {
    set_cookie(kernel, SESSION_COOKIE, token, SESSION_TTL_HOURS.unsigned_abs() * 3600)
}

/// `Set-Cookie` of a known device. It grants no access; it only has a limit of its own for failed sign-ins.
///
/// # Errors
/// As [`session_cookie`].
pub fn device_cookie(kernel: &Kernel, device: &str) -> Result<HeaderValue> {
    set_cookie(kernel, DEVICE_COOKIE, device, DEVICE_TTL_DAYS.unsigned_abs() * 86_400)
}

/// Value of the device cookie in a request.
pub fn device_token_from(kernel: &Kernel, headers: &HeaderMap) -> Option<String> {
    cookie_value(kernel, headers, DEVICE_COOKIE).filter(|value| value.len() == SECRET_CHARS)
}

/// `Set-Cookie` that deletes the session cookie.
///
/// # Errors
/// As [`session_cookie`].
pub fn clear_session_cookie(kernel: &Kernel) -> Result<HeaderValue> {
    set_cookie(kernel, SESSION_COOKIE, "", 0)
}

/// A `Set-Cookie` for requests that our own pages cause; no script can read it.
///
/// # Errors
/// `internal` for a value that no header can hold.
pub fn set_cookie(kernel: &Kernel, name: &str, value: &str, seconds: u64) -> Result<HeaderValue> {
    let max_age = Duration::from_secs(seconds).try_into().map_err(Error::internal)?;
    let cookie = Cookie::build((cookie_name(kernel, name), value))
        .path("/")
        .max_age(max_age)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_https(kernel));
    HeaderValue::try_from(cookie.to_string()).map_err(Error::internal)
}

/// The value of a cookie that [`set_cookie`] has set.
pub fn cookie_value(kernel: &Kernel, headers: &HeaderMap, name: &str) -> Option<String> {
    if !headers.contains_key(header::COOKIE) {
        return None;
    }
    let jar = CookieJar::from_headers(headers);
    jar.get(&cookie_name(kernel, name)).map(|c| c.value().to_owned()).filter(|value| !value.is_empty())
}

/// A cookie's name, with the prefix that keeps other hosts from setting it (RFC 6265bis, section 4.1.3.2). Browsers
/// refuse the prefix over http (development).
fn cookie_name<'a>(kernel: &Kernel, name: &'a str) -> Cow<'a, str> {
    if is_https(kernel) { format!("__Host-{name}").into() } else { name.into() }
}

/// The `Cookie` header of a request with this session.
pub fn session_cookie_pair(kernel: &Kernel, token: &str) -> String {
    Cookie::new(cookie_name(kernel, SESSION_COOKIE), token).to_string()
}

fn is_https(kernel: &Kernel) -> bool {
    kernel.settings.http.public_url.starts_with("https:")
}

/// The request's `Idempotency-Key`, scoped to the API token (at the console, to the organizer).
///
/// # Errors
/// `invalid_parameter` (400) for an empty or over-long key.
pub async fn idempotency(
    kernel: &Kernel,
    headers: &HeaderMap,
    actor: &Actor,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Option<IdempotencyKey>> {
    let owner = actor.api_token_id.unwrap_or(actor.organizer_id);
    idempotency::from_request(&kernel.db, &kernel.requests_key, headers, owner, method, path, body).await
}

/// The API token in a request's headers. Credentials in another form than ours are refused.
fn api_token_from(headers: &HeaderMap) -> Result<Option<&str>> {
    let token = if let Some(value) = headers.get(&TOKEN_HEADER) {
        value.to_str().ok()
    } else if let Some(value) = headers.get(header::AUTHORIZATION) {
        let scheme_and_token = value.to_str().ok().and_then(|v| v.trim().split_once(' '));
        scheme_and_token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token)
    } else {
        return Ok(None);
    };
    let token = token.map(str::trim).filter(|t| t.strip_prefix(TOKEN_PREFIX).is_some_and(|s| s.len() == SECRET_CHARS));
    token.map(Some).ok_or_else(invalid_credentials)
}

fn session_token_from(kernel: &Kernel, headers: &HeaderMap) -> Option<String> {
    cookie_value(kernel, headers, SESSION_COOKIE)
}

/// Makes `unauthorized` none.
fn unless_unauthorized<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(error) if error.code() == Code::Unauthorized => Ok(None),
        found => found.map(Some),
    }
}

fn invalid_credentials() -> Error {
    Error::problem(Code::Unauthorized, "This token or session is unknown, has expired or was revoked.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn tokens_are_read_from_either_header_and_never_overlooked() {
        let token = format!("mstr_{}", "a".repeat(52));
        let bearer = format!("Bearer {token}");
        assert_eq!(api_token_from(&headers(&[("osdi-api-token", &token)])).unwrap(), Some(token.as_str()));
        assert_eq!(api_token_from(&headers(&[("authorization", &bearer)])).unwrap(), Some(token.as_str()));
        assert_eq!(
            api_token_from(&headers(&[("authorization", &bearer.to_lowercase())])).unwrap(),
            Some(token.as_str())
        );
        assert_eq!(api_token_from(&headers(&[])).unwrap(), None);
        for wrong in [
            ("osdi-api-token", ""),
            ("osdi-api-token", "mstr_short"),
            ("osdi-api-token", &bearer),
            ("authorization", "Basic YTpi"),
            ("authorization", "Bearer"),
            ("authorization", &token),
        ] {
            assert_eq!(api_token_from(&headers(&[wrong])).unwrap_err().code(), Code::Unauthorized, "{wrong:?}");
        }
    }
}
