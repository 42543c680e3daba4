//! The application: shared state of all slices, the HTTP routes, serving and shutdown.

mod address;
mod bodies;
mod cors;
mod description;
mod edge;
mod examples;
pub mod fuzzing;

use std::{
    cell::RefCell,
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, LazyLock, atomic::Ordering},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, HttpBody},
    extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::future::poll_immediate;
use metrics::Histogram;
use metrics_exporter_prometheus::PrometheusHandle;
use minijinja::context;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use tracing::{Instrument, Span};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use bodies::{BodyProgress, SpannedBody, TimedBody};
use cors::FormOrigins;

use crate::{
    actions::{self, retention::EndedKinds},
    broadcasts::{self, Broadcasts},
    calls::{self, Calls},
    campaigns::{self, Campaigns},
    console::{self, Console},
    error::{Code, Error, Problem, Result, with_request_id},
    events::{self, Events},
    exports::{self, Exports},
    kernel::{
        self, Kernel,
        background::Jobs,
        connections::{self, ConnectionLimits, WithoutHost},
        extract::BODY_LIMIT,
        hal::Links,
        http_cache, i18n,
        links::LinkHandlers,
        network::Network,
        pages::{Visitor, moved, private, see_other},
        paging::MAX_PER_PAGE,
        rate_limit::TrustedProxies,
    },
    landing::{self, Landing},
    letters::{self, Letters},
    mail::{self, Engine, MailKinds},
    organizers::{self, Authenticator},
    people::{self, AllRecords, People},
    petitions::{self, Petitions},
    telemetry::{self, AccessLog},
};

/// How long accepted requests may take to finish after a stop was requested.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Limits of slow uploads: a request's body must make progress ([`TimedBody`]) within this many times the request
/// timeout (`http.timeout_seconds`). So an upload may take as long as it needs, but must not trickle (slow POST
/// attack).
const BODY_IDLE_TIMEOUTS: u32 = 3;

/// The state of all slices, over one kernel.
#[derive(Clone, Debug)]
pub struct App {
    /// Shared runtime state.
    pub kernel: Arc<Kernel>,
    /// Authenticates requests by API token or session cookie.
    pub authenticator: Authenticator,
    /// State of the slice `campaigns`.
    pub campaigns: Campaigns,
    /// State of the slice `petitions`, with its group commit.
    pub petitions: Petitions,
    /// State of the slice `events`, with its group commit.
    pub events: Events,
    /// State of the slice `letters`, with its group commit.
    pub letters: Letters,
    /// State of the slice `calls`, with its group commit.
    pub calls: Calls,
}

impl App {
    /// Builds the state of all slices and starts their group commits.
    pub fn new(kernel: Arc<Kernel>) -> Self {
        let authenticator = Authenticator::new(kernel.clone());
        let campaigns = Campaigns::new(kernel.clone(), authenticator.clone());
        let letters = Letters::new(kernel.clone(), authenticator.clone(), campaigns.clone());
        Self {
            petitions: Petitions::new(kernel.clone(), authenticator.clone(), campaigns.clone(), letters.clone()),
            events: Events::new(kernel.clone(), authenticator.clone(), campaigns.clone()),
            calls: Calls::new(kernel.clone(), authenticator.clone(), campaigns.clone()),
            letters,
            campaigns,
            authenticator,
            kernel,
        }
    }

    /// The registry of mail kinds: what composes each kind of mail.
    pub fn mail_kinds(&self) -> MailKinds {
        let (records, mut kinds) = (self.records(), MailKinds::new());
        petitions::register_mail(&self.petitions, &records, &mut kinds);
        events::register_mail(&self.events, &records, &mut kinds);
        letters::register_mail(&self.letters, &records, &mut kinds);
        self.calls.register_mail(&records, &mut kinds);
        broadcasts::register_mail(&self.kernel, &mut kinds);
        organizers::register_mail(&self.kernel, &mut kinds);
        actions::register_mail(&self.kernel, &records, &mut kinds);
        kinds
    }

    /// The registry of background jobs of workers, but those of the mail engine.
    pub fn jobs(&self) -> Jobs {
        let mut jobs = Jobs::new(self.kernel.clone());
        organizers::register_jobs(&self.kernel, &mut jobs);
        mail::register_jobs(&self.kernel, &self.mail_kinds(), &mut jobs);
        people::register_jobs(&self.kernel, &self.records(), &mut jobs);
        campaigns::register_jobs(&self.kernel, &mut jobs);
        letters::register_jobs(&self.letters, &mut jobs);
        self.calls.register_jobs(&mut jobs);
        events::register_jobs(&self.events, &mut jobs);
        petitions::register_jobs(&self.petitions, &mut jobs);
        broadcasts::register_jobs(&self.kernel, &mut jobs);
        actions::retention::register_jobs(&self.kernel, Self::ended_kinds(), &mut jobs);
        console::register_jobs(&self.kernel, &mut jobs);
        kernel::register_jobs(&self.kernel, &mut jobs);
        jobs
    }

    /// The registry of background jobs of workers.
    ///
    /// # Errors
    /// When the mail transport cannot be configured.
    pub fn worker_jobs(&self) -> Result<Jobs> {
        let engine = Arc::new(Engine::new(self.kernel.clone(), self.mail_kinds())?);
        let mut jobs = self.jobs();
        engine.register_jobs(&mut jobs);
        Ok(jobs)
    }

    /// The registry of what is kept about people.
    pub fn records(&self) -> AllRecords {
        let mut records = AllRecords::default();
        petitions::register_records(&self.petitions, &mut records);
        events::register_records(&self.events, &mut records);
        letters::register_records(&self.letters, &mut records);
        self.calls.register_records(&mut records);
        broadcasts::register_records(&mut records);
        campaigns::register_records(&self.kernel, &mut records);
        records
    }

    /// The registry of what is deleted when an action's data ends.
    fn ended_kinds() -> EndedKinds {
        let mut kinds = EndedKinds::default();
        petitions::register_ended(&mut kinds);
        events::register_ended(&mut kinds);
        letters::register_ended(&mut kinds);
        Calls::register_ended(&mut kinds);
        kinds
    }

    fn purposes(&self) -> LinkHandlers {
        let (records, mut purposes) = (self.records(), LinkHandlers::default());
        people::register_links(&self.kernel, &records, &mut purposes);
        petitions::register_links(&self.petitions, &records, &mut purposes);
        events::register_links(&self.events, &records, &mut purposes);
        letters::register_links(&self.letters, &records, &mut purposes);
        self.calls.register_links(&records, &mut purposes);
        broadcasts::register_links(&self.kernel, &mut purposes);
        purposes
    }

    /// All public routes: the API, pages, assets.
    pub fn router(&self) -> Router {
        let console = Console::new(self.authenticator.clone(), self.mail_kinds());
        let state = ApiState { kernel: self.kernel.clone() };
        let (api, _) = OpenApiRouter::new()
            .merge(entry_router().with_state(state))
            .merge(organizers::router().with_state(self.authenticator.clone()))
            .merge(people::router().with_state(People {
                kernel: self.kernel.clone(),
                authenticator: self.authenticator.clone(),
                records: self.records(),
            }))
            .merge(campaigns::router().with_state(self.campaigns.clone()))
            .merge(petitions::router().with_state(self.petitions.clone()))
            .merge(events::router().with_state(self.events.clone()))
            .merge(letters::router().with_state(self.letters.clone()))
            .merge(calls::router().with_state(self.calls.clone()))
            .merge(
                exports::router()
                    .with_state(Exports { kernel: self.kernel.clone(), authenticator: self.authenticator.clone() }),
            )
            .merge(broadcasts::router().with_state(Broadcasts::new(self.kernel.clone(), self.authenticator.clone())))
            .merge(console::api_router().with_state(console.clone()))
            .split_for_parts();
        let document = async || ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str());
        let api = api.route("/api/v1/openapi.json", get(document));

        let pages = Router::new()
            .merge(landing::pages(Landing::new(self.kernel.clone())))
            .merge(campaigns::pages(campaigns::PublicPages::new(self.kernel.clone(), self.purposes())))
            .merge(actions::my_page(self.kernel.clone()))
            .merge(petitions::pages(self.petitions.clone()))
            .merge(events::pages(self.events.clone()))
            .merge(letters::pages(self.letters.clone()))
            .merge(calls::pages(self.calls.clone()))
            .merge(console::router(console, api.clone()))
            .route("/assets/{name}", get(asset).with_state(self.kernel.clone()))
            .route(SECURITY_TXT, get(security_txt).with_state(self.kernel.clone()))
            .layer(middleware::from_fn_with_state(self.kernel.clone(), edge::own_forms_only))
            .layer(CompressionLayer::new())
            .layer(middleware::from_fn(http_cache::conditional_get));

        let proxies = self.kernel.settings.http.proxy_networks().map(Network::from);
        let trusted = TrustedProxies::new(proxies, self.kernel.env.clone());
        let log = AccessLog::new(self.kernel.settings.log.access_lines_per_second, self.kernel.env.instant());
        let origins = FormOrigins::new(&self.kernel.settings.http.form_origins);
        let state = Arc::new(RequestState { kernel: self.kernel.clone(), log, origins });
        let routes = Router::new()
            .merge(api)
            .merge(pages)
            .fallback(not_found)
            .method_not_allowed_fallback(async || {
                Error::problem(Code::MethodNotAllowed, "This address does not take this method.")
            })
            // one layer made of several, outermost first: separate layers would each box every request once more
            .layer((
                middleware::from_fn_with_state(state, request_layer),
                CatchPanicLayer::custom(panic_response),
                axum::Extension(trusted),
                DefaultBodyLimit::max(BODY_LIMIT),
            ));
        // outside of the layers, so that an address of the API with slashes too many is answered, logged and counted
        // as the one that is meant; what has a route never comes here
        let meant = routes.clone();
        routes.fallback(async move |request: Request| {
            let Ok(response) = meant.oneshot(without_extra_slashes(request)).await;
            response
        })
    }

    /// Routes for operators: `/healthz`, `/readyz`, `/metrics`.
    pub fn admin_router(&self, metrics: Option<PrometheusHandle>) -> Router {
        let kernel = self.kernel.clone();
        Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route(
                "/readyz",
                get(async move || match kernel.readiness.check() {
                    Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                    Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
                }),
            )
            .route(
                "/metrics",
                get(async move || {
                    telemetry::report_dropped_lines();
                    metrics.map(|m| m.render()).unwrap_or_default()
                }),
            )
    }

    /// Serves until `stop` is cancelled. Then accepts no new connections, answers accepted requests, and writes queued
    /// acts.
    ///
    /// # Errors
    /// Never: errors concern single connections, or are retried.
    pub async fn serve(&self, listener: tokio::net::TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let http = &self.kernel.settings.http;
        let limits = ConnectionLimits {
            connections: connections::available_connections(http.max_connections),
            per_network: http.max_connections_per_network,
            header: Duration::from_secs(http.header_timeout_seconds),
            stalled: Duration::from_secs(http.timeout_seconds),
        };
        let proxies: Vec<_> = http.proxy_networks().collect();
        let is_proxy = |address| proxies.iter().any(|network| network.contains(&address));
        let server = connections::serve(listener, self.router(), limits, is_proxy, stop.clone());
        // server-sent events have no end of their own
        let ending = async {
            stop.cancelled().await;
            self.kernel.stopping.cancel();
        };
        tokio::select! {
            ((), ()) = async { tokio::join!(server, ending) } => {}
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN_TIMEOUT).await } => tracing::warn!(
                event = "http.drain_incomplete",
                "some requests did not finish in time"
            ),
        }
        self.close().await;
        Ok(())
    }

    /// Writes and answers the acts that are still queued in the group commits.
    pub async fn close(&self) {
        self.petitions.close().await;
        self.events.close().await;
        self.letters.close().await;
        self.calls.close().await;
    }
}

/// The OpenAPI document, generated from the code.
///
/// # Panics
/// Never: the document consists of plain data.
pub fn openapi() -> String {
    let (_, document) = OpenApiRouter::<()>::with_openapi(Document::openapi())
        .merge(merged(entry_router()))
        .merge(merged(organizers::router()))
        .merge(merged(people::router()))
        .merge(merged(campaigns::router()))
        .merge(merged(petitions::router()))
        .merge(merged(events::router()))
        .merge(merged(letters::router()))
        .merge(merged(calls::router()))
        .merge(merged(exports::router()))
        .merge(merged(broadcasts::router()))
        .merge(merged(console::api_router()))
        .split_for_parts();
    let mut text = serde_json::to_string_pretty(&description::complete(document)).expect("plain data is JSON");
    text.push('\n');
    text
}

/// The document as it is served.
static DOCUMENT: LazyLock<String> = LazyLock::new(openapi);

/// A router's description without its handlers.
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

/// The entry point of the API (OSDI): what it is, and where everything stands.
#[derive(Serialize, ToSchema)]
struct EntryPoint {
    /// A sentence for people.
    motd: &'static str,
    /// Who makes the software.
    vendor_name: &'static str,
    /// The software.
    product_name: &'static str,
    /// Version of OSDI.
    osdi_version: &'static str,
    /// Maximum of `per_page` in lists.
    max_pagesize: u32,
    /// Prefix of members and relations that OSDI does not have.
    namespace: &'static str,
    #[serde(rename = "_links")]
    links: Links,
}

/// The entry point: links to every collection.
#[utoipa::path(
    get,
    path = "/api/v1",
    tag = "entry",
    responses((status = 200, description = "OSDI API entry point", body = EntryPoint)),
    security(()),
)]
async fn entry_point(State(state): State<ApiState>) -> Json<EntryPoint> {
    let at = |path: &str| state.kernel.url(&format!("/api/v1{path}"));
    Json(EntryPoint {
        motd: "Muster: petitions, registrations, letters and calls",
        vendor_name: "Muster",
        product_name: "Muster",
        osdi_version: "1.2.0",
        max_pagesize: MAX_PER_PAGE,
        namespace: "muster",
        links: Links::to_self(at(""))
            .to("osdi:people", at("/people"))
            .to("osdi:person_signup_helper", at("/people"))
            .to("osdi:petitions", at("/petitions"))
            .to("osdi:events", at("/events"))
            .to("osdi:advocacy_campaigns", at("/advocacy_campaigns"))
            .to("muster:phone_campaigns", at("/phone_campaigns"))
            .to("osdi:campaigns", at("/campaigns"))
            .to("muster:updates", at("/updates"))
            .to("muster:offices", at("/offices"))
            .to("muster:officials", at("/officials"))
            .to("muster:exports", at("/exports"))
            .to("muster:mail", at("/mail"))
            .to("muster:audit", at("/audit"))
            .to("muster:problems", at("/problems"))
            .to_template("osdi:petition", at("/petitions/{id}"))
            .with_curies(),
    })
}

/// What a problem code means.
#[derive(Serialize, ToSchema)]
struct ProblemCode {
    /// The code.
    code: Code,
    /// The HTTP status of problems with this code.
    status: u16,
    /// Their title.
    title: &'static str,
}

/// The closed list of problem codes.
#[utoipa::path(
    get,
    path = "/api/v1/problems",
    tag = "entry",
    responses((status = 200, description = "Codes, statuses and titles", body = Vec<ProblemCode>)),
    security(()),
)]
async fn problems() -> Json<Vec<ProblemCode>> {
    let describe = |code: Code| ProblemCode { code, status: code.status().as_u16(), title: code.title() };
    Json(Code::ALL.into_iter().map(describe).collect())
}

async fn asset(State(kernel): State<Arc<Kernel>>, request: Request) -> Result<Response> {
    kernel.pages.asset(request.uri().path()).ok_or_else(Error::not_found)
}

/// Where finders of defects look for whom to tell (RFC 9116).
const SECURITY_TXT: &str = "/.well-known/security.txt";
/// Days for which the answer at [`SECURITY_TXT`] holds; it must be less than a year.
const SECURITY_TXT_DAYS: u64 = 180;

/// `GET /.well-known/security.txt`
async fn security_txt(State(kernel): State<Arc<Kernel>>) -> Response {
    let http = &kernel.settings.http;
    let contact = match http.security_contact.as_str() {
        "" => format!("mailto:security@{}", kernel.settings.mail.from_domain),
        contact => contact.to_owned(),
    };
    let until = kernel.env.now().date_naive() + chrono::Days::new(SECURITY_TXT_DAYS);
    let text = format!(
        "Contact: {contact}\nExpires: {until}T00:00:00Z\nPreferred-Languages: en, fr, es, pa\nCanonical: {}\n",
        kernel.url(SECURITY_TXT)
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=86400")], text)
        .into_response()
}

async fn not_found() -> Error {
    Error::not_found()
}

/// The request with the address of the API that is meant. There is no redirect: clients drop body and token on one.
fn without_extra_slashes(mut request: Request) -> Request {
    let uri = request.uri();
    if let Some(uri) = address::api_path(uri.path(), uri.query()).and_then(|meant| meant.parse().ok()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The redirect of a page's address to the canonical one, if it is another. Its answer is the same whether there is such
/// a page or not. No cache keeps it: a mailed link is as good as a key.
fn to_canonical(request: &Request) -> Option<Response> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let to = address::canonical(request.uri().path(), request.uri().query(), is_read)?;
    let mut response = moved(&to, None);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

fn panic_response(_: Box<dyn std::any::Any + Send>) -> Response {
    Error::internal("a handler panicked").into_response()
}

/// What [`request_layer`] needs.
#[derive(Debug)]
struct RequestState {
    kernel: Arc<Kernel>,
    log: AccessLog,
    origins: FormOrigins,
}

/// The outermost middleware: assigns the request id, opens the request's span, redirects pages to their canonical address,
/// applies the timeout, renders problems as HTML on pages, writes the access line and metrics, and adds the headers that every response has.
///
/// tower-http's layers for request ids and traces do not fit: the first believes an id that the client sends, and would
/// write it into the log; the second boxes each request and body once more, for a span that ends with the body.
async fn request_layer(State(state): State<Arc<RequestState>>, request: Request<Body>, next: Next) -> Response {
    let id = state.kernel.env.id();
    let mut buffer = uuid::Uuid::encode_buffer();
    let id_text: &str = id.hyphenated().encode_lower(&mut buffer);
    // the route, never the path, since links in mail contain tokens in their path
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let span = AccessLog::span(id_text, known_method(request.method()), route);
    let mut response = answer(&state, id, route, request, next).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(id_text) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// The response to a request, with all headers but its id; the rest of [`request_layer`].
async fn answer(state: &RequestState, id: uuid::Uuid, route: &str, request: Request<Body>, next: Next) -> Response {
    let kernel = &state.kernel;
    let started = kernel.env.instant();
    let method = known_method(request.method());
    let visitor = (!request.uri().path().starts_with("/api/")).then(|| Visitor::of(request.uri(), request.headers()));
    let origin = state.origins.of(&request);
    let opens_page = visitor.is_none() && method == "GET" && is_navigation(request.headers());
    let early = match &visitor {
        Some(_) => to_canonical(&request),
        None => origin.as_ref().and_then(|_| cors::preflight(&request)),
    };
    let limit = Duration::from_secs(kernel.settings.http.timeout_seconds);
    let mut is_untyped = false;
    let (request, progress) = if request.body().is_end_stream() {
        (request, None)
    } else {
        is_untyped = !request.headers().contains_key(header::CONTENT_TYPE);
        let progress = Arc::<BodyProgress>::default();
        let idle_limit = limit * BODY_IDLE_TIMEOUTS;
        let timed = |body| Body::new(TimedBody::new(body, progress.clone(), idle_limit));
        (request.map(timed), Some(progress))
    };
    let handled = async {
        match refuse_headers(&request) {
            Ok(()) => {
                let answer = async { if is_untyped { edge::untyped() } else { next.run(request).await } };
                with_timeout(limit, progress, answer).await
            }
            Err(error) => error.into_response(),
        }
    };
    let mut response = match early {
        Some(response) => response,
        None => with_request_id(id, handled).await,
    };
    if let Some(visitor) = &visitor {
        response = problem_page(kernel, visitor, response);
    } else if opens_page && is_confirmation_required(&response) {
        // a link of the console to a file
        response = private(see_other("/console/confirm?back=/console"));
    } else {
        with_hal_headers(&mut response);
        state.origins.allow(origin, response.headers_mut());
    }
    let (now, status) = (kernel.env.instant(), response.status());
    let took = now.duration_since(started);
    state.log.answered(status.as_u16(), took, now);
    record_request(route, method, status, took);
    edge::secure(&mut response, &kernel.settings.http.public_url);
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    // it is made while it is sent, and may have something to log
    response.map(|body| Body::new(SpannedBody::new(body, Span::current())))
}

/// Does a browser open this as a page, and not a program read it?
fn is_navigation(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"))
}

/// Was it refused until the organizer has typed the password once more?
fn is_confirmation_required(response: &Response) -> bool {
    response.extensions().get::<Problem>().is_some_and(|problem| problem.code == Code::ConfirmationRequired)
}

/// Refuses requests whose headers ask for what is not done here.
///
/// # Errors
/// 400 without the `Host` that HTTP/1.1 requires (RFC 9112, 3.2); 415 for a compressed body (RFC 9110, 15.5.16); 412 for a
/// change that is to be made of a certain version only, since what organizers read has none (RFC 9110, 13.1.1).
fn refuse_headers(request: &Request<Body>) -> Result<()> {
    let headers = request.headers();
    if request.extensions().get::<WithoutHost>().is_some() {
        return Err(Error::problem(Code::InvalidParameter, "A request needs the header Host, once."));
    }
    let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        return Err(Error::problem(Code::UnsupportedMediaType, "Send the body without Content-Encoding."));
    }
    let is_any = |tag: &HeaderValue| tag.as_bytes().trim_ascii() == b"*";
    if !request.method().is_safe() && !headers.get_all(header::IF_MATCH).iter().all(is_any) {
        let detail = "What you read has no version to compare with; send the change without If-Match.";
        return Err(Error::problem(Code::PreconditionFailed, detail));
    }
    Ok(())
}

/// Answers 503 when a request takes longer than `limit` after its body was received. Until then the body has limits of
/// its own ([`TimedBody`]), unless the handler does not read it. An act that was queued for a group commit may still
/// be written.
async fn with_timeout(
    limit: Duration,
    progress: Option<Arc<BodyProgress>>,
    answer: impl Future<Output = Response>,
) -> Response {
    let mut answer = std::pin::pin!(answer);
    // responses from memory are ready at once and need no timer
    if let Some(response) = poll_immediate(answer.as_mut()).await {
        return response;
    }
    loop {
        let seen = progress.as_ref().map_or(0, |progress| progress.frames.load(Ordering::Relaxed));
        let is_whole = progress.as_ref().is_none_or(|progress| progress.is_whole.load(Ordering::Relaxed));
        let wait = if is_whole { limit } else { limit * (BODY_IDLE_TIMEOUTS + 1) };
        let ended = async {
            match &progress {
                Some(progress) if !is_whole => progress.ended.notified().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            response = answer.as_mut() => return response,
            () = ended => {}
            () = tokio::time::sleep(wait) => {
                let goes_on = progress.as_ref().is_some_and(|progress| progress.frames.load(Ordering::Relaxed) != seen);
                if is_whole || !goes_on {
                    metrics::counter!("muster_timeouts", "operation" => "request").increment(1);
                    return Error::uncertain(5, "a request took too long").into_response();
                }
            }
        }
    }
}

/// Sets the API's default headers: the type of JSON is HAL, unless the response has another type; nothing may be
/// cached.
fn with_hal_headers(response: &mut Response) {
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/hal+json"));
    }
    // a response that does not declare itself cacheable belongs to one client
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
}

/// Renders a problem as an HTML page; other responses are unchanged.
fn problem_page(kernel: &Kernel, visitor: &Visitor, response: Response) -> Response {
    let problem = response.extensions().get::<Problem>().cloned();
    let Some(problem) = problem else { return response };
    let words = match problem.code {
        Code::LinkExpired => "gone",
        Code::LinkIncomplete => "link_incomplete",
        Code::ActionClosed | Code::PreconditionFailed => "conflict",
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
type RouteHistograms = Vec<(&'static str, StatusCode, Histogram)>;

/// Records a response's duration. Each thread keeps the histograms it has used: looking one up by its labels can cost
/// more than answering the request.
fn record_request(route: &str, method: &'static str, status: StatusCode, took: Duration) {
    thread_local! {
        static USED: RefCell<HashMap<String, RouteHistograms>> = RefCell::default();
    }
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

/// A method's name in metrics and logs. Clients can send any method, so unknown ones share one name.
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

/// Adds a loopback peer address to requests that have no socket (tests).
pub fn from_loopback(mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
    request
}
