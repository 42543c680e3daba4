//! The whole house: what runs, its routes, and how it stops.

use std::{cell::RefCell, collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::future::poll_immediate;
use metrics::Histogram;
use metrics_exporter_prometheus::PrometheusHandle;
use minijinja::context;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    broadcasts::{self, Broadcasts},
    campaigns::{self, Campaigns, Landing},
    console::{self, Console},
    error::{Code, Error, Problem, Result, with_request_id},
    events::{self, Events},
    exports::{self, Exports},
    kernel::{
        Kernel, caching,
        extract::BODY_LIMIT,
        guard::TrustedProxies,
        hal::{curies, link, templated},
        i18n,
        links::TokenPurposes,
        pages::Visitor,
    },
    letters::{self, Letters},
    mail::MailKinds,
    organizers::{self, Access},
    people::{self, People},
    petitions::{self, Petitions},
};

/// How long accepted requests may take to finish once a stop was asked for.
const DRAIN: Duration = Duration::from_secs(30);

/// The slices over one kernel.
#[derive(Clone, Debug)]
pub struct App {
    /// Tools.
    pub kernel: Arc<Kernel>,
    /// Who is asking.
    pub access: Access,
    /// Campaigns.
    pub campaigns: Campaigns,
    /// Petitions.
    pub petitions: Petitions,
    /// Events.
    pub events: Events,
    /// Letters.
    pub letters: Letters,
}

impl App {
    /// Puts the slices together; starts their group commits.
    pub fn new(kernel: Arc<Kernel>) -> Self {
        let access = Access::new(kernel.clone());
        let campaigns = Campaigns::new(kernel.clone(), access.clone());
        let letters = Letters::new(kernel.clone(), access.clone(), campaigns.clone());
        Self {
            petitions: Petitions::new(kernel.clone(), access.clone(), campaigns.clone(), letters.clone()),
            events: Events::new(kernel.clone(), access.clone(), campaigns.clone()),
            letters,
            campaigns,
            access,
            kernel,
        }
    }

    /// What composes each kind of mail.
    pub fn mail_kinds(&self) -> MailKinds {
        let mut kinds = MailKinds::new();
        petitions::register_mail(&self.petitions, &mut kinds);
        events::register_mail(&self.events, &mut kinds);
        letters::register_mail(&self.letters, &mut kinds);
        broadcasts::register_mail(&self.kernel, &mut kinds);
        kinds
    }

    fn purposes(&self) -> TokenPurposes {
        let mut purposes = TokenPurposes::default();
        petitions::register_links(&self.petitions, &mut purposes);
        events::register_links(&self.events, &mut purposes);
        letters::register_links(&self.letters, &mut purposes);
        broadcasts::register_links(&self.kernel, &mut purposes);
        purposes
    }

    /// All public routes.
    pub fn router(&self) -> Router {
        let console = Console::new(self.access.clone(), self.mail_kinds());
        let state = ApiState { kernel: self.kernel.clone() };
        let (api, document) = OpenApiRouter::with_openapi(Document::openapi())
            .merge(entry_router().with_state(state))
            .merge(organizers::router().with_state(self.access.clone()))
            .merge(people::router().with_state(People { kernel: self.kernel.clone(), access: self.access.clone() }))
            .merge(campaigns::router().with_state(self.campaigns.clone()))
            .merge(petitions::router().with_state(self.petitions.clone()))
            .merge(events::router().with_state(self.events.clone()))
            .merge(letters::router().with_state(self.letters.clone()))
            .merge(exports::router().with_state(Exports { kernel: self.kernel.clone(), access: self.access.clone() }))
            .merge(broadcasts::router().with_state(Broadcasts::new(self.kernel.clone(), self.access.clone())))
            .merge(console::api_router().with_state(console.clone()))
            .split_for_parts();
        let document = serde_json::to_value(document).unwrap_or_default();
        let api = api.route("/api/v1/openapi.json", get(async move || Json(document)));

        let pages = Router::new()
            .merge(campaigns::landing(Landing::new(self.kernel.clone(), self.purposes())))
            .merge(petitions::pages(self.petitions.clone()))
            .merge(events::pages(self.events.clone()))
            .merge(letters::pages(self.letters.clone()))
            .merge(console::router(console, api.clone()))
            .route("/assets/{name}", get(asset).with_state(self.kernel.clone()))
            .layer(CompressionLayer::new())
            .layer(middleware::from_fn(caching::unchanged));

        let trusted = TrustedProxies(self.kernel.settings.http.trusted_proxies.clone().into());
        Router::new()
            .merge(api)
            .merge(pages)
            .fallback(nothing_here)
            .method_not_allowed_fallback(async || {
                Error::problem(Code::MethodNotAllowed, "This address does not take this method.")
            })
            // one layer of several parts, outermost first: each layer of its own would box every request once more
            .layer((
                middleware::from_fn_with_state(self.kernel.clone(), frame),
                CatchPanicLayer::custom(panicked),
                axum::Extension(trusted),
                DefaultBodyLimit::max(BODY_LIMIT),
            ))
    }

    /// Routes for operators: health and metrics.
    pub fn admin_router(&self, metrics: Option<PrometheusHandle>) -> Router {
        let db = self.kernel.db.clone();
        Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route(
                "/readyz",
                get(async move || match sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(&db).await {
                    Ok(_) => (StatusCode::OK, "ready\n"),
                    Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
                }),
            )
            .route("/metrics", get(async move || metrics.map(|m| m.render()).unwrap_or_default()))
    }

    /// Serves until `stop` is cancelled; then takes no new connections, answers what was accepted, and writes what is
    /// queued.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the listener fails.
    pub async fn serve(&self, listener: tokio::net::TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let router = self.router().into_make_service_with_connect_info::<SocketAddr>();
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        let (asked, stopping) = (stop.clone(), self.kernel.stopping.clone());
        let server = axum::serve(listener, router).with_graceful_shutdown(async move {
            asked.cancelled().await;
            stopping.cancel();
        });
        let mut server = std::pin::pin!(server.into_future());
        tokio::select! {
            ended = &mut server => ended?,
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => tracing::warn!("some requests did not finish in time"),
        }
        self.close().await;
        Ok(())
    }

    /// Writes and answers what the group commits still hold.
    pub async fn close(&self) {
        self.petitions.close().await;
        self.events.close().await;
        self.letters.close().await;
    }
}

/// The OpenAPI document, generated from the code.
///
/// # Panics
/// Never: the document is made of plain data.
pub fn openapi() -> String {
    let (_, document) = OpenApiRouter::<()>::with_openapi(Document::openapi())
        .merge(merged(entry_router()))
        .merge(merged(organizers::router()))
        .merge(merged(people::router()))
        .merge(merged(campaigns::router()))
        .merge(merged(petitions::router()))
        .merge(merged(events::router()))
        .merge(merged(letters::router()))
        .merge(merged(exports::router()))
        .merge(merged(broadcasts::router()))
        .merge(merged(console::api_router()))
        .split_for_parts();
    let mut text = serde_json::to_string_pretty(&document).expect("plain data is JSON");
    text.push('\n');
    text
}

/// Only the description of a router, without its handlers.
fn merged<S: Clone + Send + Sync + 'static>(router: OpenApiRouter<S>) -> OpenApiRouter {
    OpenApiRouter::with_openapi(router.into_openapi())
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Muster",
    description = "OSDI 1.2 over HAL. Authenticate with `OSDI-API-Token: <token>` or `Authorization: Bearer <token>`. Errors are RFC 9457 problems with a `code` from a closed list (GET /api/v1/problems).",
    license(name = "AGPL-3.0-or-later", identifier = "AGPL-3.0-or-later")
))]
struct Document;

#[derive(Clone)]
struct ApiState {
    kernel: Arc<Kernel>,
}

fn entry_router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(entry_point)).routes(routes!(problems))
}

/// The entry point: links to every collection.
#[utoipa::path(get, path = "/api/v1", tag = "entry", responses((status = 200, description = "OSDI API entry point", body = Value)))]
async fn entry_point(State(state): State<ApiState>) -> Json<Value> {
    let at = |path: &str| link(state.kernel.url(&format!("/api/v1{path}")));
    Json(json!({
        "motd": "Muster: petitions, registrations and letters",
        "vendor_name": "Muster",
        "product_name": "Muster",
        "osdi_version": "1.2.0",
        "max_pagesize": 100,
        "namespace": "muster",
        "_links": {
            "self": at(""),
            "osdi:people": at("/people"),
            "osdi:person_signup_helper": at("/people"),
            "osdi:petitions": at("/petitions"),
            "osdi:events": at("/events"),
            "osdi:advocacy_campaigns": at("/advocacy_campaigns"),
            "osdi:campaigns": at("/campaigns"),
            "muster:updates": at("/updates"),
            "muster:offices": at("/offices"),
            "muster:officials": at("/officials"),
            "muster:exports": at("/exports"),
            "muster:mail": at("/mail"),
            "muster:audit": at("/audit"),
            "muster:problems": at("/problems"),
            "osdi:petition": templated(state.kernel.url("/api/v1/petitions/{id}")),
            "curies": curies(),
        },
    }))
}

/// The closed list of problem codes.
#[utoipa::path(get, path = "/api/v1/problems", tag = "entry", responses((status = 200, description = "Codes, statuses and titles", body = Value)))]
async fn problems() -> Json<Value> {
    Json(Value::Array(
        Code::ALL
            .iter()
            .map(|code| json!({"code": code, "status": code.status().as_u16(), "title": code.title()}))
            .collect(),
    ))
}

async fn asset(State(kernel): State<Arc<Kernel>>, request: Request) -> Result<Response> {
    kernel.pages.asset(request.uri().path()).ok_or_else(Error::not_found)
}

async fn nothing_here() -> Error {
    Error::not_found()
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Error::internal("a handler panicked").into_response()
}

/// The outermost layer: a request id, the time limit, problems in the form that the reader can read, the log line, metrics,
/// and headers that every answer carries.
async fn frame(State(kernel): State<Arc<Kernel>>, request: Request<Body>, next: Next) -> Response {
    let id = kernel.cx.id();
    let started = kernel.cx.instant();
    let method = request.method().clone();
    // the route, never the path: links in mail are paths
    let route = request.extensions().get::<MatchedPath>().cloned();
    let visitor = (!request.uri().path().starts_with("/api/")).then(|| Visitor::of(request.uri(), request.headers()));
    let limit = Duration::from_secs(kernel.settings.http.timeout_seconds);
    let mut response = with_request_id(id, in_time(limit, next.run(request))).await;
    match &visitor {
        Some(visitor) => response = as_page(&kernel, visitor, response),
        None => as_hal(&mut response),
    }
    let (took, status) = (kernel.cx.instant().duration_since(started), response.status());
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    tracing::debug!(request_id = %id, %method, route, status = status.as_u16(), micros = took.as_micros(), "request");
    observe(route, &method, status, took);
    let headers = response.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer())) {
        headers.insert("x-request-id", value);
    }
    if kernel.settings.http.public_url.starts_with("https://") {
        headers
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
    response
}

/// Gives a request up after a set time. What it queued for a commit may be written all the same.
async fn in_time(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    let mut answer = std::pin::pin!(answer);
    // what comes from memory is there at once and needs no clock
    if let Some(response) = poll_immediate(answer.as_mut()).await {
        return response;
    }
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        Error::Unavailable { retry_after: 5, cause: "a request took too long".to_owned() }.into_response()
    })
}

/// JSON of the API is HAL, unless it says what else it is.
fn as_hal(response: &mut Response) {
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/hal+json"));
    }
    // what does not say that it may be kept belongs to one reader
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
}

/// A problem as HTML; every other answer as it is.
fn as_page(kernel: &Kernel, visitor: &Visitor, response: Response) -> Response {
    let problem = response.extensions().get::<Problem>().cloned();
    let Some(problem) = problem else { return response };
    let words = match problem.code {
        Code::LinkExpired => "gone",
        Code::ActionClosed => "conflict",
        Code::MethodNotAllowed | Code::InvalidParameter | Code::InvalidFilter => "not_found",
        Code::UnsupportedMediaType | Code::IdempotencyMismatch => "validation_failed",
        other => other.as_str(),
    };
    let title = i18n::text(visitor.locale, &format!("error-{words}-title"));
    let detail = i18n::text(visitor.locale, &format!("error-{words}-detail"));
    let status = response.status();
    let page = context! { status => status.as_u16(), title, detail, request_id => problem.request_id.map(|id| id.to_string()).unwrap_or_default() };
    match kernel.pages.page("pages/error.html", visitor, "", page) {
        Ok(page) => {
            let mut shown = (status, page).into_response();
            for name in [header::RETRY_AFTER, header::CACHE_CONTROL] {
                if let Some(value) = response.headers().get(&name) {
                    shown.headers_mut().insert(name, value.clone());
                }
            }
            shown
        }
        Err(_) => response,
    }
}

/// The histograms of a route, by method and status.
type OfRoute = Vec<(&'static str, StatusCode, Histogram)>;

/// Counts an answer. Each thread keeps the histograms it has used: to look one up by its labels costs more than many an
/// answer does.
fn observe(route: &str, method: &Method, status: StatusCode, took: Duration) {
    thread_local! {
        static USED: RefCell<HashMap<String, OfRoute>> = RefCell::default();
    }
    let method = known_method(method);
    USED.with_borrow_mut(|used| {
        if let Some((_, _, histogram)) =
            used.get(route).and_then(|of| of.iter().find(|(m, s, _)| *m == method && *s == status))
        {
            return histogram.record(took);
        }
        let histogram = metrics::histogram!("muster_http_request_seconds", "route" => route.to_owned(), "method" => method, "status" => status.as_u16().to_string());
        histogram.record(took);
        used.entry(route.to_owned()).or_default().push((method, status, histogram));
    });
}

/// A method's name in metrics; anybody may invent further ones.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// For requests that come in without a socket (tests).
pub fn from_loopback(mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
    request
}
