//! Forms on other sites (`http.form_origins`): pages there may read what the API shows to the public and send what a
//! public form sends. Never with credentials: the answer to a preflight names no header that carries a token, and cookies
//! are not offered, so that no other site acts as an organizer.
//!
//! Not tower-http's layer, which would answer `OPTIONS` only where it stands around each route, and box each request once
//! more also where no origin is listed.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

/// The origins whose pages may use the API.
#[derive(Debug)]
pub(super) struct FormOrigins(Vec<HeaderValue>);

impl FormOrigins {
    /// The listed origins, which are valid.
    pub(super) fn new(origins: &[String]) -> Self {
        Self(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// The listed origin of a request to the API.
    pub(super) fn of(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        let is_listed = self.0.contains(origin) && request.uri().path().starts_with("/api/v1");
        is_listed.then(|| origin.clone())
    }

    /// Lets the page of a listed origin read a response. Whether it may is a part of what caches tell apart.
    pub(super) fn allow(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
}

/// The answer to a browser that asks what a page of a listed origin may send.
pub(super) fn preflight(request: &Request) -> Option<Response> {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    (asks && *request.method() == Method::OPTIONS).then(|| {
        let headers = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
            (header::ACCESS_CONTROL_MAX_AGE, "3600"),
        ];
        (StatusCode::NO_CONTENT, headers).into_response()
    })
}
