//! The door of an event: a page for a phone, which checks in tickets and counts people without a network, and sends what it has
//! when it can. The script is `templates/assets/door.js`; what it sends, the API decides about.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderName, HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use minijinja::context;
use serde_json::json;

use super::{
    api_client::{ApiClient, check_form, read_form},
    frame::Page,
};
use crate::{
    error::{Error, Result},
    kernel::pages::private,
    organizers::Scope,
};

/// The page may use the camera, which no other page may.
const PERMISSIONS: &str =
    "browsing-topics=(), camera=(self), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";
/// The policy of the worker: it asks for our own pages.
const WORKER_CSP: &str = "default-src 'none'; connect-src 'self'";

/// `GET /console/events/{id}/door`
pub(super) async fn show(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::EventsCheckIn)?;
    let id = page.path("{id}")?;
    let event = page.get(&format!("/api/v1/events/{id}")).await?;
    let door = page.get(&format!("/api/v1/events/{id}/door")).await?;
    let template = context! {
        title => event["title"].as_str(), event => door["event"].as_str(), has_tickets => door["has_tickets"] == true,
        back => format!("/console/events/{id}"),
    };
    let mut response = page.render("console/door.html", template)?;
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS));
    Ok(response)
}

/// `GET /console/events/{id}/door.json`: what a request of the script must bring, since the page may be of an earlier session.
pub(super) async fn token(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::EventsCheckIn)?;
    Ok(private(axum::Json(json!({"csrf": page.session.csrf.as_str()})).into_response()))
}

/// `POST /console/events/{id}/door`: what the script has, as a form with `csrf` and `data`.
pub(super) async fn send(page: Page, form: Bytes) -> Result<Response> {
    let fields = read_form(Body::from(form)).await?;
    check_form(&fields, &page.session)?;
    let data = fields.into_iter().find(|(name, _)| name == "data").map(|(_, data)| data).unwrap_or_default();
    let path = page.path("/api/v1/events/{id}/door")?;
    page.client.call(&page.session, Method::POST, &path, "application/json", data.into()).await
}

/// `GET /console/door-worker.js`: keeps the page for when there is no network.
pub(super) async fn worker(State(client): State<ApiClient>) -> Result<Response> {
    let script = client.console.kernel.pages.script("door-worker.js").ok_or_else(Error::not_found)?;
    let headers = [(header::CONTENT_SECURITY_POLICY, WORKER_CSP), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, script).into_response())
}
