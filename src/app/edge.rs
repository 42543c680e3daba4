//! What holds for every request and response, whatever the route: a body says its type, forms are sent by our own
//! pages, and each response tells browsers what may be done with it.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

use crate::{
    error::{Code, Error},
    kernel::{Kernel, origin::RequestOrigin},
};

/// Content security policy of what is not a page: nothing loads, nothing frames it.
const DATA_CSP: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// That of images: opened as a document, an SVG runs no script, but keeps its own styles.
const IMAGE_CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; sandbox";
/// What no page of ours needs.
const PERMISSIONS: &str =
    "browsing-topics=(), camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

/// Bytes that the body of one-click unsubscribing may have.
const ONE_CLICK_LIMIT: usize = 2048;

/// Middleware of the pages: refuses forms that another site's page sends, so that it cannot make its visitors sign,
/// register or write. Programs, and browsers that say nothing, pass.
pub(super) async fn own_forms_only(State(kernel): State<Arc<Kernel>>, request: Request, next: Next) -> Response {
    let public_url = &kernel.settings.http.public_url;
    let (parts, body) = request.into_parts();
    let is_foreign = !parts.method.is_safe() && RequestOrigin::of(&parts.headers, public_url) == RequestOrigin::Foreign;
    if !is_foreign {
        return next.run(Request::from_parts(parts, body)).await;
    }
    // mail programs that are extensions or pages of a browser unsubscribe as RFC 8058 says; their own site is no one else's,
    // and the address is known to the reader of the mail only
    let is_link = parts.uri.path().starts_with("/t/");
    let body = if is_link { to_bytes(body, ONE_CLICK_LIMIT).await.unwrap_or_default() } else { Bytes::new() };
    if !is_one_click(&parts.headers, &body) {
        return Error::problem(Code::Forbidden, "Another site's page sent this form. Open ours and send it there.")
            .into_response();
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// Is this the body of one-click unsubscribing (RFC 8058, section 3.2), as a form of either type?
fn is_one_click(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes).to_ascii_lowercase();
    let body = String::from_utf8_lossy(body);
    if kind.starts_with(b"multipart/form-data") {
        let lines: Vec<&str> = body.lines().map(str::trim_end).collect();
        return body.contains("name=\"List-Unsubscribe\"") && lines.contains(&"One-Click");
    }
    kind.starts_with(b"application/x-www-form-urlencoded") && body.trim_end() == "List-Unsubscribe=One-Click"
}

/// The 415 of a request with a body of no type. Browsers send such a body to other sites without asking first.
pub(super) fn untyped() -> Response {
    Error::problem(Code::UnsupportedMediaType, "Name the body's type in `Content-Type`.").into_response()
}

/// Adds the headers that every response has. Those that its handler has set stay.
pub(super) fn secure(response: &mut Response, public_url: &str) {
    // a 304 replaces the headers of what the browser has, and does not know what that is (RFC 9111, section 4.3.4)
    let is_known = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    let is_image = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"image/"));
    let mut set = |name, value| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    if !is_known {
        set(header::CONTENT_SECURITY_POLICY, if is_image { IMAGE_CSP } else { DATA_CSP });
        // pictures of actions are shown by the campaigns' own sites, too
        let readers = if is_image { "cross-origin" } else { "same-origin" };
        set(header::HeaderName::from_static("cross-origin-resource-policy"), readers);
    }
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(header::HeaderName::from_static("permissions-policy"), PERMISSIONS);
    if public_url.starts_with("https://") {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
}
