//! `sources` in the API: the registered words under which it is counted where people come from. Links carry them as
//! `?source={word}`; any other word counts as "other".

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{api::Campaigns, store};
use crate::{
    error::{Error, Result},
    kernel::{
        caching::private_json,
        changes::Change,
        extract::{Segments, Valid},
        hal::{curies, link},
        text::Slug,
    },
    organizers::{Actor, Scope, audit},
};

/// Routes of sources.
pub fn router() -> OpenApiRouter<Campaigns> {
    OpenApiRouter::new().routes(routes!(list_sources, post_source)).routes(routes!(delete_source))
}

/// A word to register.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewSource)]
pub struct SourceBody {
    /// Small letters, digits and hyphens.
    #[validate(length(min = 1, max = 80))]
    word: String,
    /// Slug of the partner organization that it stands for.
    #[serde(default, rename = "muster:partner")]
    #[validate(length(max = 80))]
    muster_partner: Option<String>,
}

async fn document(campaigns: &Campaigns, actor: &Actor) -> Result<Value> {
    let kernel = &campaigns.kernel;
    let words = store::sources(&mut *kernel.db.acquire().await?, actor.organization_id).await?;
    let each = |s: &store::SourceRow| json!({"word": s.word, "muster:partner": s.partner});
    Ok(json!({
        "muster:sources": words.iter().map(each).collect::<Vec<_>>(),
        "_links": {"self": link(kernel.url("/api/v1/sources")), "curies": curies()},
    }))
}

/// The registered words of the organization.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", responses((status = 200, description = "The words", body = Value), (status = 401)))]
async fn list_sources(State(campaigns): State<Campaigns>, actor: Actor) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    Ok(private_json(StatusCode::OK, &document(&campaigns, &actor).await?))
}

/// Registers a word, or says for which partner it stands.
#[utoipa::path(post, path = "/api/v1/sources", tag = "sources", request_body = SourceBody, responses((status = 201, description = "The words", body = Value), (status = 401), (status = 422)))]
async fn post_source(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    Valid(Json(body)): Valid<Json<SourceBody>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let word = Slug::parse(&body.word).map_err(|e| Error::field("/word", e.code, e.detail))?;
    if word.as_str() == "other" {
        return Err(Error::field("/word", "not_allowed", "\"other\" stands for what is not registered."));
    }
    let mut tx = kernel.db.begin().await?;
    let partner = match &body.muster_partner {
        None => None,
        Some(slug) => Some(
            store::partner_id(&mut tx, actor.organization_id, slug)
                .await?
                .ok_or_else(|| Error::field("/muster:partner", "unknown_value", "There is no such partner."))?,
        ),
    };
    store::upsert_source(&mut tx, kernel.cx.id(), actor.organization_id, word.as_str(), partner).await?;
    audit(&mut tx, &kernel.cx, &actor, "source.create", None, json!({"word": word.as_str()})).await?;
    tx.commit().await?;
    kernel.changes.tell(Change::Any);
    Ok(private_json(StatusCode::CREATED, &document(&campaigns, &actor).await?))
}

/// Removes a word; what was counted under it stays counted.
#[utoipa::path(delete, path = "/api/v1/sources/{word}", tag = "sources", params(("word" = String, Path)), responses((status = 200, description = "Removed", body = Value), (status = 401), (status = 404)))]
async fn delete_source(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    Segments(word): Segments<String>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    if !store::delete_source(&mut tx, actor.organization_id, &word).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.cx, &actor, "source.delete", None, json!({"word": word})).await?;
    tx.commit().await?;
    kernel.changes.tell(Change::Any);
    Ok(Json(json!({"notice": "This word counts as \"other\" from now on."})))
}
