//! `petitions/{id}/counts`: the published number for everybody, exact ones for organizers; and the recount.

use std::time::Duration;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use serde_json::{Value, json};
use tokio::time::timeout;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ensure_visible, store};
use crate::{
    campaigns::{
        self, Dimension, Kind, exact_cells, exact_total,
        recount::{ROWS_PER_RANGE, recount},
    },
    error::{Code, Error, Result},
    kernel::{
        extract::PathParams,
        hal::{curies, link},
        http_cache::{CachedResponse, IfNoneMatch, cacheable_json, private_json},
    },
    organizers::{Actor, MaybeActor, Scope, audit},
    petitions::{Petition, Petitions, Signatures},
    telemetry,
};

/// Routes of the counts.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(get_counts)).routes(routes!(recount_petition))
}

/// What to break the counts down by, from the query.
fn dimension(query: Option<&str>) -> Result<Option<Dimension>> {
    let refuse = |detail: &'static str| Error::problem(Code::InvalidParameter, detail);
    let mut by = None;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name != "by" {
            return Err(refuse("This address takes one parameter: by."));
        }
        let known = serde_json::from_value(Value::from(value.into_owned()));
        by = Some(known.map_err(|_| refuse("by: one of day, country, region, locale, source."))?);
    }
    Ok(by)
}

fn document(petitions: &Petitions, petition: &Petition, total: i64) -> Value {
    let (kernel, action) = (&petitions.kernel, &petition.action);
    json!({
        "total_signatures": total,
        "muster:published_date": action.published_at,
        "muster:goal": petition.goal,
        "muster:extra": petition.paper_count,
        "muster:confirmation": if action.confirms { "email" } else { "none" },
        "_links": {
            "self": link(kernel.url(&format!("{}/counts", action.api_path()))),
            "osdi:petition": link(kernel.url(&action.api_path())),
            "curies": curies(),
        },
    })
}

/// How many have signed. Without a token: the published number, and the day's breakdown in one dimension; with one:
/// exact, with one's own writes.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/counts",
    tag = "petitions",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("by" = Option<Dimension>, Query, description = "What to break the total down by; `source` with a token only"),
    ),
    responses((status = 200, description = "The counts", body = Value), (status = 400), (status = 404)),
)]
async fn get_counts(
    State(petitions): State<Petitions>,
    reader: MaybeActor,
    asked: IfNoneMatch,
    PathParams(key): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let by = dimension(query.as_deref())?;
    let kernel = &petitions.kernel;
    if let Some(actor) = reader.reader() {
        let mut conn = kernel.db.acquire().await?;
        let petition = store::by_key(&mut conn, &key).await?;
        ensure_visible(Some(&actor), &petition)?;
        let mut body = document(&petitions, &petition, exact_total(&mut conn, petition.action.id).await?);
        body["muster:published"] = json!(petition.action.published_count);
        body["muster:verified_date"] = json!(petition.action.verified_at);
        if let Some(by) = by.filter(|_| !petition.action.protected) {
            body["muster:by"] = json!(by);
            body["muster:counts"] = json!(exact_cells(&mut conn, petition.action.id, by).await?);
        }
        return Ok(private_json(StatusCode::OK, &body));
    }
    let petition = petitions.petition(&key).await?;
    ensure_visible(None, &petition)?;
    let Some(by) = by else {
        let public = || CachedResponse::new(&document(&petitions, &petition, petition.action.published_count));
        return Ok(petition.public_counts.get_or_init(public).respond(&asked));
    };
    if by == Dimension::Source {
        return Err(Error::problem(Code::InvalidParameter, "by: source is for organizers."));
    }
    let mut body = document(&petitions, &petition, petition.action.published_count);
    body["muster:by"] = json!(by);
    let paused = petitions.abuse(petition.action.organization_id).await?.limits.breakdowns_paused;
    let shows = petition.shows_breakdowns && !petition.action.protected && !paused;
    let cells = if shows { petitions.published_cells(petition.action.id, by).await? } else { None };
    body["muster:counts_date"] = json!(cells.as_ref().map(|c| c.0));
    body["muster:counts"] = json!(cells.as_ref().map(|c| &c.1));
    Ok(cacheable_json(&asked, &body))
}

/// Time for which a recount keeps its caller waiting.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Compares the counts with the rows and repairs them. A recount of millions goes on after the answer.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/recount",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses(
        (status = 200, description = "What was wrong, if anything", body = Value),
        (
            status = 202,
            description = "It takes longer; `muster:verified_date` of the counts moves when it is done",
            body = Value,
        ),
        (status = 401),
        (status = 404),
        (status = 409, description = "It is being counted already, or changes too fast"),
    ),
)]
async fn recount_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = petitions.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?.id;
    tx.commit().await?;
    let counting = telemetry::spawn_in_span(async move {
        let (kernel, now) = (&petitions.kernel, petitions.kernel.env.now());
        let wrong = recount(&kernel.work, &Signatures, action, ROWS_PER_RANGE, now).await?;
        let detail = json!({"repaired": wrong.len()});
        audit(&mut *kernel.work.acquire().await?, &kernel.env, &actor, "petition.recount", Some(action), detail)
            .await?;
        let repaired: Vec<Value> =
            wrong.iter().map(|(by, key, off)| json!({"by": by, "key": key, "off": off})).collect();
        Ok::<_, Error>(json!({"muster:verified_date": now, "muster:repaired": repaired}))
    });
    match timeout(RESPONSE_TIMEOUT, counting).await {
        Ok(counted) => Ok(private_json(StatusCode::OK, &counted.map_err(Error::internal)??)),
        Err(_) => Ok(private_json(StatusCode::ACCEPTED, &json!({"notice": "This is being counted; it takes longer."}))),
    }
}
