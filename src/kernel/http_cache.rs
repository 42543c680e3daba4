//! HTTP caching: `ETag` (RFC 9110, section 8.8.3), conditional requests and 304.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use serde_json::Value;

use super::crypto::sha256;

/// A public JSON response, serialised once, with an `ETag` over its bytes.
#[derive(Clone, Debug)]
pub struct CachedResponse {
    bytes: Bytes,
    etag: HeaderValue,
}

impl CachedResponse {
    /// Serialises the body.
    pub fn new(body: &Value) -> Self {
        let bytes = Bytes::from(body.to_string());
        let etag = format!("\"{}\"", &HEXLOWER.encode(&sha256(&bytes))[..32]);
        Self { bytes, etag: HeaderValue::try_from(etag).unwrap_or_else(|_| HeaderValue::from_static("\"\"")) }
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

/// A public JSON response with an `ETag` over its bytes; 304 when the client already has them.
pub fn cacheable_json(asked: &IfNoneMatch, body: &Value) -> Response {
    CachedResponse::new(body).respond(asked)
}

/// A JSON response for one organizer, not to be stored by caches.
pub fn private_json(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/hal+json"), (header::CACHE_CONTROL, "private, no-store")],
        body.to_string(),
    )
        .into_response()
}
