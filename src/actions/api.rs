//! The operations that every action has in the API, for all kinds: history, preview links, short links, recount. Each
//! kind has them under its own collection: `/api/v1/petitions/{id}/history`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{FromRef, State},
    http::StatusCode,
    response::Response,
};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::PREVIEW;
use crate::{
    campaigns::{
        self, Action, Kind, ShortLink,
        recount::{self, CountDifference, Countable, ROWS_PER_RANGE},
    },
    error::{Error, Result},
    kernel::{
        Kernel,
        background::TURN_LIMIT,
        db::with_timeout,
        extract::{ListQuery, PagingParams, PathParams},
        hal::Notice,
        http_cache::private_json,
        paging::{Listed, MAX_PER_PAGE, Page, PageParams},
        patch::NewBody,
    },
    organizers::{Actor, Authenticator, Scope, audit},
    telemetry,
};

/// Timeout of a request for a recount; it continues in the background.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Counts the rows of an action: what was off.
type Recount = fn(Arc<Kernel>, Uuid, DateTime<Utc>) -> BoxFuture<'static, Result<Vec<CountDifference>>>;

/// State of these operations for one kind.
#[derive(Clone, Debug)]
pub struct ActionApi {
    kernel: Arc<Kernel>,
    kind: Kind,
    recount: Recount,
}

impl ActionApi {
    /// The state for the kind whose counts are these.
    pub fn of<C: Countable + Default + 'static>(kernel: Arc<Kernel>) -> Self {
        let recount: Recount = |kernel, action, now| {
            async move { recount::recount(&kernel.work, &C::default(), action, ROWS_PER_RANGE, now).await }.boxed()
        };
        Self { kernel, kind: C::KIND, recount }
    }

    /// The action with this key, which the actor may see.
    async fn find(&self, conn: &mut PgConnection, key: &str, actor: &Actor) -> Result<Action> {
        campaigns::find_for(conn, self.kind, key, Some(actor)).await
    }

    /// The action with this key under its lock.
    async fn lock(&self, conn: &mut PgConnection, key: &str, actor: &Actor) -> Result<Action> {
        campaigns::find_to_change(conn, self.kind, key, actor).await
    }

    /// What an audit entry calls this: `petition.recount`.
    fn verb(&self, what: &str) -> String {
        format!("{}.{what}", self.kind.as_str())
    }
}

/// Routes of these operations under the collection of a kind.
pub fn router<S>(kind: Kind) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    ActionApi: FromRef<S>,
    Authenticator: FromRef<S>,
{
    let routes = OpenApiRouter::new()
        .routes(routes!(get_history))
        .routes(routes!(create_preview, delete_preview))
        .routes(routes!(list_short_links, create_short_link))
        .routes(routes!(delete_short_link))
        .routes(routes!(recount_action))
        .routes(routes!(destroy_action));
    let mut routes = OpenApiRouter::new().nest(&format!("/api/v1/{}", kind.collection()), routes);
    for item in routes.get_openapi_mut().paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
            // unique, as OpenAPI demands
            let id = operation.operation_id.take().unwrap_or_default();
            operation.operation_id = Some(format!("{}_{id}", kind.collection()));
            operation.tags = Some(vec![kind.collection().to_owned()]);
        }
    }
    routes
}

/// A state that an action was given.
#[derive(Debug, Serialize, ToSchema)]
struct HistoryEntry {
    /// The state.
    status: campaigns::State,
    /// Why, as the page says it.
    reason: String,
    /// Name of the organizer; null: the closing date was reached.
    organizer: Option<String>,
    /// When.
    created_date: DateTime<Utc>,
}

impl Listed for HistoryEntry {
    const REL: &str = "muster:history";
    const IS_ALSO_MEMBER: bool = true;
}

type HistoryPage = Page<HistoryEntry>;

/// What became of the action: each state with date, organizer and reason, oldest first.
#[utoipa::path(
    get,
    path = "/{id}/history",
    params(("id" = String, Path, description = "UUID or slug"), PagingParams),
    responses(
        (status = 200, description = "A page of states", body = HistoryPage),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn get_history(
    State(api): State<ActionApi>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    query.refuse_filter()?;
    let kernel = &api.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = api.find(&mut conn, &key, &actor).await?;
    let (changes, extent) = campaigns::state_changes(&mut conn, action.id, &query.page).await?;
    let items = changes
        .into_iter()
        .map(|c| HistoryEntry { status: c.state, reason: c.reason, organizer: c.organizer, created_date: c.created_at })
        .collect();
    let url = kernel.url(&format!("{}/history", action.api_path()));
    Ok(private_json(StatusCode::OK, &Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// A preview link.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewLink {
    /// URL of the page as it is, for whoever has the link.
    #[serde(rename = "muster:preview_url")]
    muster_preview_url: String,
}

/// A link that shows the action before it is public.
#[utoipa::path(
    post,
    path = "/{id}/preview",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The link", body = PreviewLink), (status = 401), (status = 404)),
)]
async fn create_preview(
    State(api): State<ActionApi>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let kernel = &api.kernel;
    let action = api.find(&mut *kernel.db.acquire().await?, &key, &actor).await?;
    let token = kernel.links.token(PREVIEW, action.id, action.preview_generation);
    let muster_preview_url = kernel.url(&format!("{}/preview/{token}", action.path()));
    Ok(private_json(StatusCode::OK, &PreviewLink { muster_preview_url }))
}

/// Revokes all preview links.
#[utoipa::path(
    delete,
    path = "/{id}/preview",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Voided", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_preview(
    State(api): State<ActionApi>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &api.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = api.lock(&mut tx, &key, &actor).await?;
    campaigns::void_previews(&mut tx, action.id).await?;
    audit(&mut tx, &kernel.env, &actor, &api.verb("void_previews"), Some(action.id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "The preview links given out so far do not work any more." }))
}

/// A short link.
#[derive(Debug, Serialize, ToSchema)]
struct ShortLinkResource {
    /// The last part of its address.
    word: String,
    /// URL.
    url: String,
    /// How often it was followed.
    hits: i64,
    /// When it was made.
    created_date: DateTime<Utc>,
}

impl Listed for ShortLinkResource {
    const REL: &str = "muster:short_links";
    const IS_ALSO_MEMBER: bool = true;
}

/// A page of short links of an action.
#[derive(Debug, Serialize, ToSchema)]
struct ShortLinkList {
    /// The links.
    #[serde(flatten)]
    page: Page<ShortLinkResource>,
    /// URL of the page to which they lead.
    browser_url: String,
}

async fn list(
    kernel: &Kernel,
    conn: &mut PgConnection,
    action: &Action,
    raw_query: &str,
    page: &PageParams,
) -> Result<ShortLinkList> {
    let (links, extent) = campaigns::short_links(conn, action.id, page).await?;
    let each = |l: ShortLink| ShortLinkResource {
        url: kernel.url(&format!("/go/{}", l.word)),
        word: l.word,
        hits: l.clicks,
        created_date: l.created_at,
    };
    let url = kernel.url(&format!("{}/short_links", action.api_path()));
    let page = Page::new(&url, raw_query, page, &extent, links.into_iter().map(each).collect());
    Ok(ShortLinkList { page, browser_url: kernel.url(&action.path()) })
}

/// The action's short links with their clicks, oldest first.
#[utoipa::path(
    get,
    path = "/{id}/short_links",
    params(("id" = String, Path, description = "UUID or slug"), PagingParams),
    responses(
        (status = 200, description = "A page of links", body = ShortLinkList),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn list_short_links(
    State(api): State<ActionApi>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    query.refuse_filter()?;
    let kernel = &api.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = api.find(&mut conn, &key, &actor).await?;
    Ok(private_json(StatusCode::OK, &list(kernel, &mut conn, &action, &query.raw, &query.page).await?))
}

/// A short link to create.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewShortLink)]
struct ShortLinkBody {
    /// Lower-case letters, digits and hyphens, at most 40.
    #[validate(length(min = 1, max = 40))]
    word: String,
}

/// Creates a short link. A word that leads to another action is `taken`: delete it there first.
#[utoipa::path(
    post,
    path = "/{id}/short_links",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = ShortLinkBody,
    responses((status = 201, description = "The first hundred links", body = ShortLinkList), (status = 401), (status = 404), (status = 422)),
)]
async fn create_short_link(
    State(api): State<ActionApi>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    body: NewBody<ShortLinkBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let body: ShortLinkBody = body.part()?;
    let kernel = &api.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = api.lock(&mut tx, &key, &actor).await?;
    campaigns::register_short_link(&mut tx, kernel, &body.word, action.id).await.map_err(|error| match error {
        Error::Fields(mut fields) => {
            for field in &mut fields {
                "/word".clone_into(&mut field.pointer);
            }
            Error::Fields(fields)
        }
        error => error,
    })?;
    audit(&mut tx, &kernel.env, &actor, "short_link.create", Some(action.id), json!({"word": body.word})).await?;
    let body = list(kernel, &mut tx, &action, "", &PageParams::first(MAX_PER_PAGE)).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &body))
}

/// Deletes a short link.
#[utoipa::path(
    delete,
    path = "/{id}/short_links/{word}",
    params(("id" = String, Path, description = "UUID or slug"), ("word" = String, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_short_link(
    State(api): State<ActionApi>,
    actor: Actor,
    PathParams((key, word)): PathParams<(String, String)>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &api.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = api.lock(&mut tx, &key, &actor).await?;
    if !campaigns::delete_short_link(&mut tx, action.id, &word).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "short_link.delete", Some(action.id), json!({"word": word})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This short link is gone." }))
}

/// A count that was off.
#[derive(Debug, Serialize, ToSchema)]
struct RepairedCount {
    /// What it is broken down by, or `total`.
    by: String,
    /// Its key, such as `CA-ON`; empty for the total.
    key: String,
    /// The count minus the number of rows.
    off: i64,
}

/// What a recount has found.
#[derive(Debug, Serialize, ToSchema)]
struct RecountResource {
    /// When it began.
    #[serde(rename = "muster:verified_date")]
    muster_verified_date: DateTime<Utc>,
    /// The counts that were off; they are right now.
    #[serde(rename = "muster:repaired")]
    muster_repaired: Vec<RepairedCount>,
}

/// Compares the counters with the rows and repairs them. A long recount continues after the answer.
#[utoipa::path(
    post,
    path = "/{id}/recount",
    params(("id" = String, Path, description = "UUID or slug")),
    responses(
        (status = 200, description = "What was wrong, if anything", body = RecountResource),
        (
            status = 202,
            description = "It takes longer; `muster:verified_date` of the counts moves when it is done",
            body = Notice,
        ),
        (status = 401),
        (status = 404),
        (status = 409, description = "It is being counted already, or changes too fast"),
    ),
)]
async fn recount_action(
    State(api): State<ActionApi>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = api.kernel.db.begin().await?;
    let action = api.lock(&mut tx, &key, &actor).await?.id;
    tx.commit().await?;
    let counting = telemetry::spawn_in_span(async move {
        let (kernel, now) = (&api.kernel, api.kernel.env.now());
        let counting = async {
            let wrong = (api.recount)(kernel.clone(), action, now).await?;
            let detail = json!({"repaired": wrong.len()});
            audit(&mut *kernel.work.acquire().await?, &kernel.env, &actor, &api.verb("recount"), Some(action), detail)
                .await?;
            Ok(wrong)
        };
        let wrong = with_timeout(TURN_LIMIT, "a recount for an organizer", counting).await?;
        let muster_repaired = wrong.into_iter().map(|(by, key, off)| RepairedCount { by, key, off }).collect();
        Ok::<_, Error>(RecountResource { muster_verified_date: now, muster_repaired })
    });
    match timeout(RESPONSE_TIMEOUT, counting).await {
        Ok(counted) => Ok(private_json(StatusCode::OK, &counted.map_err(Error::internal)??)),
        Err(_) => Ok(private_json(StatusCode::ACCEPTED, &Notice { notice: "This is being counted; it takes longer." })),
    }
}

/// Confirms that the right action is meant.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = DestroyDocument)]
struct DestroyBody {
    /// The slug of the action.
    #[validate(length(min = 1, max = 80))]
    slug: String,
}

/// Ends the data of the action at once: nobody can take part any more, and everything about those who did is deleted; the
/// numbers stay. Protected actions: the keys are destroyed before this answers. Cannot be undone. Owners only.
#[utoipa::path(
    post,
    path = "/{id}/destroy",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = DestroyBody,
    responses(
        (status = 200, description = "The data has ended", body = Notice),
        (status = 401),
        (status = 403, description = "Not an owner, or without the scope"),
        (status = 404),
        (status = 410, description = "It had ended before"),
        (status = 422, description = "Another slug"),
    ),
)]
async fn destroy_action(
    State(api): State<ActionApi>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    body: NewBody<DestroyBody>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    actor.require_owner()?;
    let body: DestroyBody = body.part()?;
    let kernel = &api.kernel;
    actor.require_confirmed(kernel.env.now())?;
    let action = api.find(&mut *kernel.db.acquire().await?, &key, &actor).await?;
    if body.slug != action.slug {
        return Err(Error::field("/slug", "mismatch", "This is not the slug of the action."));
    }
    campaigns::retention::destroy_now(kernel, &actor, api.kind, action.id).await?;
    Ok(Json(Notice { notice: "The data of this action has ended; what is left of it is being deleted." }))
}
