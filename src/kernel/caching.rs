//! Answers that caches may keep: `ETag` (RFC 9110 section 8.8.3) and 304.

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::crypto::sha256;

/// A public JSON answer with an `ETag` over its bytes; 304 when the reader has them.
pub fn cacheable(request: &HeaderMap, body: &Value) -> Response {
    let bytes = Bytes::from(body.to_string());
    let etag = format!("\"{}\"", &hex::encode(sha256(&bytes))[..32]);
    // a token makes another answer, and an owner's answer is nobody else's
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=5, stale-while-revalidate=30")),
        (header::VARY, HeaderValue::from_static("osdi-api-token, authorization, cookie")),
    ];
    let known =
        request.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).any(
            |tag| {
                let tag = tag.trim();
                tag == "*" || tag.trim_start_matches("W/") == etag
            },
        );
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/hal+json")], bytes).into_response()
    };
    for (name, value) in headers {
        response.headers_mut().insert(name, value);
    }
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
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
