//! Handlers of `/api/v1/exports`: CSV files and workbooks, each with an entry in the audit trail.

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Exports,
    lists::{Attendances, Export, List, Outreaches, Signatures},
    name_list,
};
use crate::{
    campaigns::{self, Kind},
    error::{Code, Error, Result},
    kernel::{extract::PathParams, hal::Links, http_cache::private_json},
    organizers::{Actor, Scope, admit_export},
    petitions::{self, DeliveryCounts, Petition, PetitionDelivery},
};

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Exports> {
    OpenApiRouter::new()
        .routes(routes!(list_exports))
        .routes(routes!(export_signatures))
        .routes(routes!(export_attendances))
        .routes(routes!(export_outreaches))
        .routes(routes!(export_names))
        .routes(routes!(export_workbook))
}

/// Links to the exports.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportList {
    #[serde(rename = "_links")]
    links: Links,
}

/// What can be exported.
#[utoipa::path(
    get,
    path = "/api/v1/exports",
    tag = "exports",
    responses(
        (
            status = 200,
            description = "Links to the exports",
            body = ExportList,
            content_type = "application/hal+json",
        ),
        (status = 401),
    ),
)]
async fn list_exports(State(exports): State<Exports>, _: Actor) -> Response {
    let kernel = &exports.kernel;
    let list = |collection: &str, list: &str| {
        kernel.url(&format!("/api/v1/exports/{collection}/{{id}}/{list}.csv{{?state,bom}}"))
    };
    let names = |file: &str| kernel.url(&format!("/api/v1/exports/petitions/{{id}}/deliveries/{{delivery}}/{file}"));
    let links = Links::to_self(kernel.url("/api/v1/exports"))
        .to_template("muster:signatures", list("petitions", Signatures::NAME))
        .to_template("muster:attendances", list("events", Attendances::NAME))
        .to_template("muster:names", names("names.csv{?bom}"))
        .to_template("muster:names_workbook", names("names.xlsx"))
        .to_template("muster:outreaches", list("advocacy_campaigns", Outreaches::NAME))
        .with_curies();
    private_json(StatusCode::OK, &ExportList { links })
}

/// A petition's signatures as CSV; the counted ones unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/petitions/{id}/signatures.csv",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("state" = Option<String>, Query, description = "`all`, or one state"),
        ("bom" = Option<String>, Query, description = "`1`: with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "A header and one line for each signature. Scope `contacts:export`.",
            body = String,
            content_type = "text/csv",
        ),
        (status = 400, description = "An unknown parameter or state"),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope, or protected"),
        (status = 404),
    ),
)]
async fn export_signatures(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Signatures>(&exports, &actor, &key, query.as_deref()).await
}

/// An event's attendances as CSV; who has a place or waits for one unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/events/{id}/attendances.csv",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("state" = Option<String>, Query, description = "`all`, or one state"),
        ("bom" = Option<String>, Query, description = "`1`: with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "A header and one line for each attendance. Scope `contacts:export`.",
            body = String,
            content_type = "text/csv",
        ),
        (status = 400, description = "An unknown parameter or state"),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope, or protected"),
        (status = 404),
    ),
)]
async fn export_attendances(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Attendances>(&exports, &actor, &key, query.as_deref()).await
}

/// A letter action's outreaches as CSV; the confirmed ones unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/advocacy_campaigns/{id}/outreaches.csv",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("state" = Option<String>, Query, description = "`all`, or one state"),
        ("bom" = Option<String>, Query, description = "`1`: with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "A header and one line for each outreach. Scope `contacts:export`.",
            body = String,
            content_type = "text/csv",
        ),
        (status = 400, description = "An unknown parameter or state"),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope, or protected"),
        (status = 404),
    ),
)]
async fn export_outreaches(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Outreaches>(&exports, &actor, &key, query.as_deref()).await
}

const PROTECTED: &str = "Contacts of a protected action never leave by a token, and not by one person's decision.";

/// Authorises an export of names and writes its audit entry; returns the petition and the delivery with its numbers.
async fn handed_over(
    exports: &Exports,
    actor: &Actor,
    key: &str,
    delivery: Uuid,
) -> Result<(Petition, PetitionDelivery, DeliveryCounts)> {
    actor.require(Scope::ContactsExport)?;
    let kernel = &exports.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, key, Some(actor)).await?;
    if action.protected {
        return Err(Error::problem(Code::Forbidden, PROTECTED));
    }
    let petition = petitions::load_for_action(&mut conn, action).await?;
    let delivery = petitions::find_petition_delivery(&mut conn, &petition, delivery).await?;
    let figures = petitions::delivery_counts(&mut conn, &petition, &delivery).await?;
    let details = json!({"delivery": delivery.id});
    admit_export(&mut conn, kernel, actor, "names.export", Some(petition.action.id), details).await?;
    Ok((petition, delivery, figures))
}

fn download(body: Body, kind: &'static str, name: &str) -> Result<Response> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let name = format!("attachment; filename=\"{name}\"");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(Error::internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The names that are handed over, as CSV: of counted signatures whose owners said so.
#[utoipa::path(
    get,
    path = "/api/v1/exports/petitions/{id}/deliveries/{delivery}/names.csv",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("delivery" = Uuid, Path),
        ("bom" = Option<String>, Query, description = "`1`: with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "A header and one line for each name. Scope `contacts:export`.",
            body = String,
            content_type = "text/csv",
        ),
        (status = 400),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope, or protected"),
        (status = 404),
    ),
)]
async fn export_names(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams((key, delivery)): PathParams<(String, Uuid)>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let bom = match query.as_deref().unwrap_or("") {
        "" | "bom=0" => false,
        "bom=1" => true,
        _ => return Err(Error::problem(Code::InvalidParameter, "`bom` is 0 or 1, and the only parameter.")),
    };
    let (petition, delivery, _) = handed_over(&exports, &actor, &key, delivery).await?;
    let lines = name_list::csv(exports.kernel.clone(), &petition.action, bom);
    let name = format!("{}-names-{}.csv", petition.action.slug, delivery.date);
    download(Body::from_stream(lines), "text/csv; charset=utf-8; header=present", &name)
}

/// The numbers and the names that are handed over, as a workbook.
#[utoipa::path(
    get,
    path = "/api/v1/exports/petitions/{id}/deliveries/{delivery}/names.xlsx",
    tag = "exports",
    params(("id" = String, Path, description = "UUID or slug"), ("delivery" = Uuid, Path)),
    responses(
        (
            status = 200,
            description = "Two worksheets: the numbers, the names. Scope `contacts:export`.",
            body = Vec<u8>,
            content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope, or protected"),
        (status = 404),
        (status = 409, description = "More names than a worksheet holds"),
    ),
)]
async fn export_workbook(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams((key, delivery)): PathParams<(String, Uuid)>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(Error::problem(Code::InvalidParameter, "This address takes no parameter."));
    }
    let (petition, delivery, figures) = handed_over(&exports, &actor, &key, delivery).await?;
    let bytes = name_list::workbook(exports.kernel.clone(), &petition, &delivery, &figures).await?;
    let name = format!("{}-{}.xlsx", petition.action.slug, delivery.date);
    download(bytes.into(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &name)
}

async fn export<L: List>(exports: &Exports, actor: &Actor, key: &str, query: Option<&str>) -> Result<Response> {
    actor.require(Scope::ContactsExport)?;
    let wish = ExportQuery::parse::<L>(query.unwrap_or(""))?;
    let kernel = &exports.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, L::KIND, key, Some(actor)).await?;
    if action.protected {
        return Err(Error::problem(Code::Forbidden, PROTECTED));
    }
    // before the first byte: an aborted download has exported something, too
    let details = json!({"states": wish.states});
    admit_export(&mut conn, kernel, actor, L::AUDIT_VERB, Some(action.id), details).await?;
    drop(conn);
    let name = format!("{}-{}-{}.csv", action.slug, L::NAME, kernel.env.now().date_naive());
    let lines = Export::<L>::new(kernel.clone(), action, &wish.states).stream(wish.bom).await?;
    download(Body::from_stream(lines), "text/csv; charset=utf-8; header=present", &name)
}

/// Query parameters of a list.
#[derive(Debug, PartialEq, Eq)]
struct ExportQuery {
    states: Vec<&'static str>,
    bom: bool,
}

impl ExportQuery {
    fn parse<L: List>(query: &str) -> Result<Self> {
        let refuse = |detail: String| Err(Error::problem(Code::InvalidParameter, detail));
        let (mut states, mut bom) = (None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let repeated = match &*name {
                "state" if value == "all" => states.replace(L::STATES.to_vec()).is_some(),
                "state" => match L::STATES.iter().find(|&&state| state == value) {
                    Some(state) => states.replace(vec![*state]).is_some(),
                    None => return refuse(format!("`state` is `all` or one of {}.", L::STATES.join(", "))),
                },
                "bom" => match &*value {
                    "0" | "1" => bom.replace(value == "1").is_some(),
                    _ => return refuse("`bom` is 0 or 1.".to_owned()),
                },
                other => {
                    return refuse(format!(
                        "`{}` is not a parameter of this export.",
                        other.chars().take(40).collect::<String>()
                    ));
                }
            };
            if repeated {
                return refuse(format!("`{name}` stands there twice."));
            }
        }
        Ok(Self { states: states.unwrap_or_else(|| L::DEFAULT_STATES.to_vec()), bom: bom.unwrap_or(false) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_query_asks_for() {
        assert_eq!(ExportQuery::parse::<Signatures>("").unwrap(), ExportQuery { states: vec!["counted"], bom: false });
        assert_eq!(
            ExportQuery::parse::<Signatures>("state=withdrawn&bom=1").unwrap(),
            ExportQuery { states: vec!["withdrawn"], bom: true }
        );
        assert_eq!(ExportQuery::parse::<Signatures>("state=all").unwrap().states.len(), 6);
        assert_eq!(ExportQuery::parse::<Attendances>("bom=0").unwrap().states, ["accepted", "waitlisted"]);
        assert!(!ExportQuery::parse::<Outreaches>("").unwrap().states.contains(&"pending"));
        for (query, named) in [
            ("state=accepted", "`state`"),
            ("state=", "`state`"),
            ("bom=yes", "`bom`"),
            ("page=2", "`page`"),
            ("state=all&state=counted", "`state`"),
        ] {
            let error = ExportQuery::parse::<Signatures>(query).unwrap_err();
            assert_eq!(error.code(), Code::InvalidParameter);
            assert!(error.to_string().contains(named), "{query}: {error}");
        }
    }
}
