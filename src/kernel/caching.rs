//! Answers that caches may keep: `ETag` (RFC 9110 section 8.8.3) and 304.

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::crypto::sha256;

/// A public JSON answer, serialised once, with an `ETag` over its bytes.
#[derive(Clone, Debug)]
pub struct Kept {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Kept {
    /// Serialises the answer.
    pub fn new(body: &Value) -> Self {
        let bytes = Bytes::from(body.to_string());
        let etag = format!("\"{}\"", &hex::encode(sha256(&bytes))[..32]);
        Self { bytes, etag: HeaderValue::try_from(etag).unwrap_or_else(|_| HeaderValue::from_static("\"\"")) }
    }

    /// The answer to a request; 304 when the reader has these bytes.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = if knows(request, &self.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/hal+json"))], self.bytes.clone())
                .into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=5, stale-while-revalidate=30"));
        // a token makes another answer, and an owner's answer is nobody else's
        headers.insert(header::VARY, HeaderValue::from_static("osdi-api-token, authorization, cookie"));
        headers.insert(header::ETAG, self.etag.clone());
        response
    }
}

/// Does the reader say that it has what this tag stands for? Compared weakly (RFC 9110 section 8.8.3.2).
fn knows(request: &HeaderMap, etag: &HeaderValue) -> bool {
    fn opaque(tag: &[u8]) -> &[u8] {
        tag.strip_prefix(b"W/").unwrap_or(tag)
    }
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .flat_map(|v| v.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || opaque(tag) == opaque(etag.as_bytes()))
}

/// Middleware for pages: 304 instead of a page that the reader has.
pub async fn unchanged(request: Request, next: Next) -> Response {
    let asked = request.headers().contains_key(header::IF_NONE_MATCH).then(|| request.headers().clone());
    let response = next.run(request).await;
    match (asked, response.headers().get(header::ETAG)) {
        (Some(asked), Some(etag)) if response.status() == StatusCode::OK && knows(&asked, etag) => {
            let mut unchanged = StatusCode::NOT_MODIFIED.into_response();
            for name in [header::ETAG, header::CACHE_CONTROL, header::VARY] {
                if let Some(value) = response.headers().get(&name) {
                    unchanged.headers_mut().insert(name, value.clone());
                }
            }
            unchanged
        }
        _ => response,
    }
}

/// A public JSON answer with an `ETag` over its bytes; 304 when the reader has them.
pub fn cacheable(request: &HeaderMap, body: &Value) -> Response {
    Kept::new(body).answer(request)
}

/// A JSON answer that belongs to one organizer: nobody keeps it.
pub fn private_json(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/hal+json"), (header::CACHE_CONTROL, "private, no-store")],
        body.to_string(),
    )
        .into_response()
}
