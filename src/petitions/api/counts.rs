//! `petitions/{id}/counts`: the published number for everybody, exact numbers for organizers.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ensure_visible, store};
use crate::{
    campaigns::{Cells, Confirmation, Dimension, exact_cells, exact_total, published_cells},
    error::{Code, Error, Result},
    kernel::{
        extract::PathParams,
        hal::Links,
        http_cache::{IfNoneMatch, cacheable_json, private_json},
    },
    organizers::MaybeActor,
    petitions::{Petition, Petitions},
};

/// Routes of the counts.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(get_counts))
}

/// The dimension of the breakdown, from the query.
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

/// The counts of a petition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CountsResource {
    /// Signatures that count: exact for organizers, the published number for others.
    total_signatures: i64,
    /// When the published number last moved.
    #[serde(rename = "muster:published_date")]
    muster_published_date: Option<DateTime<Utc>>,
    /// Number of signatures wanted.
    #[serde(rename = "muster:goal")]
    muster_goal: Option<i64>,
    /// Signatures on paper, not part of the total.
    #[serde(rename = "muster:extra")]
    muster_extra: i64,
    /// How signatures are confirmed.
    #[serde(rename = "muster:confirmation")]
    muster_confirmation: Confirmation,
    /// The published number. Organizers only.
    #[serde(rename = "muster:published", skip_serializing_if = "Option::is_none")]
    muster_published: Option<i64>,
    /// When the counts were last compared with the rows; null: never. Organizers only.
    #[serde(rename = "muster:verified_date", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    #[expect(clippy::option_option, reason = "null where it is not set, absent where it is not shown")]
    muster_verified_date: Option<Option<DateTime<Utc>>>,
    /// What `muster:counts` is broken down by, if a breakdown was asked for.
    #[serde(rename = "muster:by", skip_serializing_if = "Option::is_none")]
    muster_by: Option<Dimension>,
    /// Day of the published breakdown; null: there is none. Not for organizers, whose breakdowns are exact.
    #[serde(rename = "muster:counts_date", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NaiveDate>)]
    #[expect(clippy::option_option, reason = "null where it is not set, absent where it is not shown")]
    muster_counts_date: Option<Option<NaiveDate>>,
    /// The breakdown, by day (`2026-03-31`), country (`CA`), region (`CA-ON`), language or word of origin; null: none
    /// is published. Published numbers are rounded, and small ones merged under `other`.
    #[serde(rename = "muster:counts", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, i64>>)]
    #[expect(clippy::option_option, reason = "null where it is not set, absent where it is not shown")]
    muster_counts: Option<Option<Cells>>,
    /// `self` and the petition.
    #[serde(rename = "_links")]
    links: Links,
}

impl CountsResource {
    fn new(petitions: &Petitions, petition: &Petition, total: i64) -> Self {
        let (kernel, action) = (&petitions.kernel, &petition.action);
        Self {
            total_signatures: total,
            muster_published_date: action.published_at,
            muster_goal: petition.goal,
            muster_extra: petition.paper_count,
            muster_confirmation: action.confirmation(),
            muster_published: None,
            muster_verified_date: None,
            muster_by: None,
            muster_counts_date: None,
            muster_counts: None,
            links: Links::to_self(kernel.url(&format!("{}/counts", action.api_path())))
                .to("osdi:petition", kernel.url(&action.api_path()))
                .with_curies(),
        }
    }
}

/// How many have signed. Without a token: the published number, and the day's breakdown in one dimension; with one:
/// exact, with one's own writes. A token that can sign for others but not read contacts gets the published numbers, and so
/// does every token where the petition is protected or asks for no confirmation and contacts cannot be read.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/counts",
    tag = "petitions",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("by" = Option<Dimension>, Query, description = "What to break the total down by; `source` with a token only"),
    ),
    responses((status = 200, description = "The counts", body = CountsResource), (status = 400), (status = 404)),
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
        let is_exact = petition.action.shows_exact_numbers(&actor);
        let total =
            if is_exact { exact_total(&mut conn, petition.action.id).await? } else { petition.action.published_count };
        let mut body = CountsResource::new(&petitions, &petition, total);
        body.muster_published = Some(petition.action.published_count);
        body.muster_verified_date = Some(petition.action.verified_at);
        if let Some(by) = by.filter(|_| !petition.action.protected) {
            body.muster_by = Some(by);
            if is_exact {
                body.muster_counts = Some(Some(exact_cells(&mut conn, petition.action.id, by).await?));
            } else {
                let cells = published_cells(&mut conn, petition.action.id, by).await?;
                body.muster_counts_date = Some(cells.as_ref().map(|c| c.0));
                body.muster_counts = Some(cells.map(|c| c.1));
            }
        }
        return Ok(private_json(StatusCode::OK, &body));
    }
    let petition = petitions.petition(&key).await?;
    ensure_visible(None, &petition)?;
    let Some(by) = by else {
        let public = || CountsResource::new(&petitions, &petition, petition.action.published_count);
        return petition.public_counts.respond(&asked, public);
    };
    if by == Dimension::Source {
        return Err(Error::problem(Code::InvalidParameter, "by: source is for organizers."));
    }
    let mut body = CountsResource::new(&petitions, &petition, petition.action.published_count);
    body.muster_by = Some(by);
    let paused = petitions.abuse(petition.action.organization_id).await?.limits.breakdowns_paused;
    let shows = petition.shows_breakdowns && !petition.action.protected && !paused;
    let cells = if shows { petitions.published_cells(petition.action.id, by).await? } else { None };
    body.muster_counts_date = Some(cells.as_ref().map(|c| c.0));
    body.muster_counts = Some(cells.map(|c| c.1));
    Ok(cacheable_json(&asked, &body))
}
