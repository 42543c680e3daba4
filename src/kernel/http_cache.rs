//! HTTP caching: `ETag` (RFC 9110, section 8.8.3), conditional requests and 304.

use std::{convert::Infallible, sync::OnceLock};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use serde::Serialize;

use super::crypto::sha256;
use crate::error::{Error, Result};

/// A public JSON response, serialised once, with an `ETag` over its bytes.
#[derive(Clone, Debug)]
pub struct CachedResponse {
    bytes: Bytes,
    etag: HeaderValue,
}

impl CachedResponse {
    /// Serialises the answer.
    ///
    /// # Errors
    /// `internal` for a body that is not JSON, such as a map with keys that are not strings.
    pub fn new(body: &impl Serialize) -> Result<Self> {
        let bytes = Bytes::from(serde_json::to_vec(body).map_err(Error::internal)?);
        let etag = HeaderValue::try_from(etag(&bytes)).map_err(Error::internal)?;
        Ok(Self { bytes, etag })
    }

    /// The response to a request; 304 when the client already has these bytes.
    pub fn respond(&self, asked: &IfNoneMatch) -> Response {
        let is_known = asked.matches(&self.etag);
        let mut response = Response::new(if is_known { Body::empty() } else { Body::from(self.bytes.clone()) });
        // capacity for the headers that every response gets, too
        let mut headers = HeaderMap::with_capacity(16);
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/hal+json"));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=5, stale-while-revalidate=30"));
        // with a token the response differs, and an organizer's response must not be served to others
        headers.insert(header::VARY, HeaderValue::from_static("osdi-api-token, authorization, cookie"));
        headers.insert(header::ETAG, self.etag.clone());
        *response.headers_mut() = headers;
        response
    }
}

/// The entity tag of these bytes.
pub fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", &HEXLOWER.encode(&sha256(bytes))[..32])
}

/// A public JSON response that the first request makes and all others repeat.
#[derive(Clone, Debug, Default)]
pub struct LazyResponse(OnceLock<CachedResponse>);

impl LazyResponse {
    /// The response to a request; `body` is called by the first one.
    ///
    /// # Errors
    /// As [`CachedResponse::new`].
    pub fn respond<T: Serialize>(&self, asked: &IfNoneMatch, body: impl FnOnce() -> T) -> Result<Response> {
        if let Some(made) = self.0.get() {
            return Ok(made.respond(asked));
        }
        let made = CachedResponse::new(&body())?;
        Ok(self.0.get_or_init(|| made).respond(asked))
    }
}

/// The entity tags in `If-None-Match` (RFC 9110, section 13.1.2); usually none.
#[derive(Clone, Debug, Default)]
pub struct IfNoneMatch(Vec<HeaderValue>);

impl IfNoneMatch {
    /// Reads them from a request's headers.
    pub fn from_headers(request: &HeaderMap) -> Self {
        Self(request.get_all(header::IF_NONE_MATCH).iter().cloned().collect())
    }

    /// Is this tag among them? Weak comparison (RFC 9110, section 8.8.3.2).
    fn matches(&self, etag: &HeaderValue) -> bool {
        fn opaque(tag: &[u8]) -> &[u8] {
            tag.strip_prefix(b"W/").unwrap_or(tag)
        }
        self.0
            .iter()
            .flat_map(|v| v.as_bytes().split(|b| *b == b','))
            .map(<[u8]>::trim_ascii)
            .any(|tag| tag == b"*" || opaque(tag) == opaque(etag.as_bytes()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_headers(&parts.headers))
    }
}

/// Middleware for pages: answers 304 when the client already has the page.
pub async fn conditional_get(request: Request, next: Next) -> Response {
    let asked = IfNoneMatch::from_headers(request.headers());
    let response = next.run(request).await;
    match response.headers().get(header::ETAG) {
        Some(etag) if response.status() == StatusCode::OK && asked.matches(etag) => {
            let mut not_modified = StatusCode::NOT_MODIFIED.into_response();
            for name in [header::ETAG, header::CACHE_CONTROL, header::VARY] {
                if let Some(value) = response.headers().get(&name) {
                    not_modified.headers_mut().insert(name, value.clone());
                }
            }
            not_modified
        }
        _ => response,
    }
}

/// A public JSON answer with an `ETag` over its bytes; 304 when the reader has them.
pub fn cacheable_json(asked: &IfNoneMatch, body: &impl Serialize) -> Response {
    CachedResponse::new(body).map_or_else(IntoResponse::into_response, |cached| cached.respond(asked))
}

/// A JSON answer that belongs to one organizer: no cache stores it.
pub fn private_json(status: StatusCode, body: &impl Serialize) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/hal+json"), (header::CACHE_CONTROL, "private, no-store")];
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, headers, bytes).into_response(),
        Err(error) => Error::internal(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn body_that_cannot_be_serialised_is_a_500() {
        let body = BTreeMap::from([((1, 2), "keys must be strings")]);
        assert!(CachedResponse::new(&body).is_err());
        for response in [cacheable_json(&IfNoneMatch::default(), &body), private_json(StatusCode::OK, &body)] {
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}
