//! What holds for every request and response, whatever the route: a body says its type, forms are sent by our own
//! pages, and each response tells browsers what may be done with it.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
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

/// Middleware of the pages: refuses forms that another site's page sends, so that it cannot make its visitors sign,
/// register or write. Programs, and browsers that say nothing, pass.
pub(super) async fn own_forms_only(State(kernel): State<Arc<Kernel>>, request: Request, next: Next) -> Response {
    let public_url = &kernel.settings.http.public_url;
    if !request.method().is_safe() && RequestOrigin::of(request.headers(), public_url) == RequestOrigin::Foreign {
        return Error::problem(Code::Forbidden, "Another site's page sent this form. Open ours and send it there.")
            .into_response();
    }
    next.run(request).await
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
