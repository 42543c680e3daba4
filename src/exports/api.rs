//! Handlers of `/api/v1/exports`: files of lists, each with an entry in the audit trail. A list has an address without
//! an ending, where the format is asked for (`format`, or else `Accept`), and the same one with `.csv`.

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Exports,
    format::Format,
    lists::{ActionList, Asked, Attendances, Export, List, Outreaches, Signatures, Subject},
    name_list,
    organization_lists::{Consents, PARTNER_COLUMNS, People},
    store,
};
use crate::{
    campaigns::{self, Kind},
    error::{Code, Error, Result},
    kernel::{extract::PathParams, hal::Links, http_cache::private_json, text::clean_line, zones},
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
        .routes(routes!(export_signatures_as))
        .routes(routes!(export_attendances_as))
        .routes(routes!(export_outreaches_as))
        .routes(routes!(export_people))
        .routes(routes!(export_consents))
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
        kernel.url(&format!(
            "/api/v1/exports/{collection}/{{id}}/{list}{{?format,state,columns,source,from,until,reason,bom}}"
        ))
    };
    let names = |file: &str| kernel.url(&format!("/api/v1/exports/petitions/{{id}}/deliveries/{{delivery}}/{file}"));
    let of_organization = |list: &str, more: &str| {
        kernel.url(&format!("/api/v1/exports/{list}{{?format,columns,from,until,reason,bom{more}}}"))
    };
    let links = Links::to_self(kernel.url("/api/v1/exports"))
        .to_template("muster:people", of_organization(People::NAME, ",partner"))
        .to_template("muster:consents", of_organization(Consents::NAME, ""))
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
    export::<Signatures>(&exports, &actor, &key, query.as_deref(), Some(Format::Csv)).await
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
    export::<Attendances>(&exports, &actor, &key, query.as_deref(), Some(Format::Csv)).await
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
    export::<Outreaches>(&exports, &actor, &key, query.as_deref(), Some(Format::Csv)).await
}

/// A petition's signatures as a file; the counted ones unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/petitions/{id}/signatures",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("format" = Option<String>, Query, description = "`csv`, `jsonl` or `xlsx`; else as `Accept` has it, else CSV"),
        ("state" = Option<String>, Query, description = "`all`, or one state"),
        ("source" = Option<String>, Query, description = "A word of origin"),
        ("columns" = Option<String>, Query, description = "Names of columns, with commas; all unless told"),
        ("from" = Option<String>, Query, description = "Made on this day or later"),
        ("until" = Option<String>, Query, description = "Made on this day or earlier"),
        ("reason" = Option<String>, Query, description = "Why, for the audit trail: at most 200 characters"),
        ("bom" = Option<String>, Query, description = "`1`: CSV with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "One row for each entry. Scope `contacts:export`.",
            content(
                (String = "text/csv"),
                (String = "application/jsonl"),
                (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ),
        ),
        (status = 400, description = "An unknown parameter, state or column"),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope, or protected"),
        (status = 404),
        (status = 409, description = "More rows than a worksheet holds"),
    ),
)]
async fn export_signatures_as(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Signatures>(&exports, &actor, &key, query.as_deref(), asked_format(query.as_deref(), &headers)).await
}

/// An event's attendances as a file; who has a place or waits for one unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/events/{id}/attendances",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("format" = Option<String>, Query, description = "`csv`, `jsonl` or `xlsx`; else as `Accept` has it, else CSV"),
        ("state" = Option<String>, Query, description = "`all`, or one state"),
        ("source" = Option<String>, Query, description = "A word of origin"),
        ("columns" = Option<String>, Query, description = "Names of columns, with commas; all unless told"),
        ("from" = Option<String>, Query, description = "Made on this day or later"),
        ("until" = Option<String>, Query, description = "Made on this day or earlier"),
        ("reason" = Option<String>, Query, description = "Why, for the audit trail: at most 200 characters"),
        ("bom" = Option<String>, Query, description = "`1`: CSV with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "One row for each entry. Scope `contacts:export`.",
            content(
                (String = "text/csv"),
                (String = "application/jsonl"),
                (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ),
        ),
        (status = 400, description = "An unknown parameter, state or column"),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope, or protected"),
        (status = 404),
        (status = 409, description = "More rows than a worksheet holds"),
    ),
)]
async fn export_attendances_as(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Attendances>(&exports, &actor, &key, query.as_deref(), asked_format(query.as_deref(), &headers)).await
}

/// A letter action's outreaches as a file; the confirmed ones unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/advocacy_campaigns/{id}/outreaches",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("format" = Option<String>, Query, description = "`csv`, `jsonl` or `xlsx`; else as `Accept` has it, else CSV"),
        ("state" = Option<String>, Query, description = "`all`, or one state"),
        ("columns" = Option<String>, Query, description = "Names of columns, with commas; all unless told"),
        ("from" = Option<String>, Query, description = "Made on this day or later"),
        ("until" = Option<String>, Query, description = "Made on this day or earlier"),
        ("reason" = Option<String>, Query, description = "Why, for the audit trail: at most 200 characters"),
        ("bom" = Option<String>, Query, description = "`1`: CSV with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "One row for each entry. Scope `contacts:export`.",
            content(
                (String = "text/csv"),
                (String = "application/jsonl"),
                (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ),
        ),
        (status = 400, description = "An unknown parameter, state or column"),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope, or protected"),
        (status = 404),
        (status = 409, description = "More rows than a worksheet holds"),
    ),
)]
async fn export_outreaches_as(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Outreaches>(&exports, &actor, &key, query.as_deref(), asked_format(query.as_deref(), &headers)).await
}

/// The people of the organization as a file, without those of protected actions; with `partner`, those who agreed that
/// this partner may write to them, and only how to reach them.
#[utoipa::path(
    get,
    path = "/api/v1/exports/people",
    tag = "exports",
    params(
        ("format" = Option<String>, Query, description = "`csv`, `jsonl` or `xlsx`; else as `Accept` has it, else CSV"),
        ("columns" = Option<String>, Query, description = "Names of columns, with commas; all unless told"),
        ("from" = Option<String>, Query, description = "Made on this day or later"),
        ("until" = Option<String>, Query, description = "Made on this day or earlier"),
        ("reason" = Option<String>, Query, description = "Why, for the audit trail: at most 200 characters"),
        ("partner" = Option<String>, Query, description = "Slug of the partner to whom the file goes"),
        ("bom" = Option<String>, Query, description = "`1`: CSV with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "One row for each entry. Scope `contacts:export`.",
            content(
                (String = "text/csv"),
                (String = "application/jsonl"),
                (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ),
        ),
        (status = 400, description = "An unknown parameter, state or column"),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope"),
        (status = 404, description = "No such partner"),
        (status = 409, description = "More rows than a worksheet holds"),
    ),
)]
async fn export_people(
    State(exports): State<Exports>,
    actor: Actor,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    actor.require(Scope::ContactsExport)?;
    let mut wish =
        ExportQuery::parse::<People>(query.as_deref().unwrap_or(""), asked_format(query.as_deref(), &headers))?;
    if wish.partner.is_empty() {
        return export_of_organization::<People>(&exports, &actor, wish, "all").await;
    }
    let mut conn = exports.kernel.db.acquire().await?;
    if !store::has_partner(&mut conn, actor.organization_id, &wish.partner).await? {
        return Err(Error::not_found());
    }
    drop(conn);
    if wish.asked.columns.is_empty() {
        wish.asked.columns = PARTNER_COLUMNS.map(str::to_owned).to_vec();
    } else if !wish.asked.columns.iter().all(|name| PARTNER_COLUMNS.contains(&name.as_str())) {
        let detail = format!("A partner gets no other columns than {}.", PARTNER_COLUMNS.join(", "));
        return Err(Error::problem(Code::InvalidParameter, detail));
    }
    wish.asked.purpose = Some(format!("partner:{}", wish.partner));
    let name = wish.partner.clone();
    export_of_organization::<People>(&exports, &actor, wish, &name).await
}

/// The consents of the organization's people as a file, each one that was given or withdrawn, with its wording.
#[utoipa::path(
    get,
    path = "/api/v1/exports/consents",
    tag = "exports",
    params(
        ("format" = Option<String>, Query, description = "`csv`, `jsonl` or `xlsx`; else as `Accept` has it, else CSV"),
        ("columns" = Option<String>, Query, description = "Names of columns, with commas; all unless told"),
        ("from" = Option<String>, Query, description = "Made on this day or later"),
        ("until" = Option<String>, Query, description = "Made on this day or earlier"),
        ("reason" = Option<String>, Query, description = "Why, for the audit trail: at most 200 characters"),
        ("bom" = Option<String>, Query, description = "`1`: CSV with a byte order mark, for Excel"),
    ),
    responses(
        (
            status = 200,
            description = "One row for each entry. Scope `contacts:export`.",
            content(
                (String = "text/csv"),
                (String = "application/jsonl"),
                (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ),
        ),
        (status = 400, description = "An unknown parameter, state or column"),
        (status = 401),
        (status = 303, description = "A browser is led to where its session is confirmed"),
        (status = 403, description = "Without the scope"),
        (status = 409, description = "More rows than a worksheet holds"),
    ),
)]
async fn export_consents(
    State(exports): State<Exports>,
    actor: Actor,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    actor.require(Scope::ContactsExport)?;
    let wish =
        ExportQuery::parse::<Consents>(query.as_deref().unwrap_or(""), asked_format(query.as_deref(), &headers))?;
    export_of_organization::<Consents>(&exports, &actor, wish, "all").await
}

/// The format that `Accept` asks for; none where the query has one.
fn asked_format(query: Option<&str>, headers: &HeaderMap) -> Option<Format> {
    let mut names = url::form_urlencoded::parse(query.unwrap_or("").as_bytes()).map(|(name, _)| name);
    if names.any(|name| name == "format") {
        return None;
    }
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    Some(Format::accepted(accept))
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

async fn export<L: ActionList>(
    exports: &Exports,
    actor: &Actor,
    key: &str,
    query: Option<&str>,
    format: Option<Format>,
) -> Result<Response> {
    actor.require(Scope::ContactsExport)?;
    let wish = ExportQuery::parse::<L>(query.unwrap_or(""), format)?;
    let kernel = &exports.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, L::KIND, key, Some(actor)).await?;
    if action.protected {
        return Err(Error::problem(Code::Forbidden, PROTECTED));
    }
    drop(conn);
    let (id, slug) = (action.id, action.slug.clone());
    respond::<L>(exports, actor, Subject::Action(Box::new(action)), Some(id), &slug, wish).await
}

/// Exports a list of the organization's vault.
async fn export_of_organization<L: List>(
    exports: &Exports,
    actor: &Actor,
    wish: ExportQuery,
    name: &str,
) -> Result<Response> {
    let kernel = &exports.kernel;
    let vault = kernel.vaults.of_organization(&mut *kernel.db.acquire().await?, actor.organization_id).await?;
    respond::<L>(exports, actor, Subject::Organization(vault), None, name, wish).await
}

async fn respond<L: List>(
    exports: &Exports,
    actor: &Actor,
    subject: Subject,
    object: Option<Uuid>,
    name: &str,
    wish: ExportQuery,
) -> Result<Response> {
    let kernel = &exports.kernel;
    let (format, bom) = (wish.format, wish.bom);
    let details = wish.details();
    let export = Export::<L>::new(kernel.clone(), subject, wish.asked).await?;
    // before the first byte: an aborted download has exported something, too
    admit_export(&mut *kernel.db.acquire().await?, kernel, actor, L::AUDIT_VERB, object, details).await?;
    let name = format!("{name}-{}-{}.{}", L::NAME, kernel.env.now().date_naive(), format.ending());
    download(Body::from_stream(export.stream(format, bom).await?), format.media_type(), &name)
}

/// Maximum length of a reason, in characters.
const MAX_REASON: usize = 200;

/// Query parameters of a list.
#[derive(Debug)]
struct ExportQuery {
    asked: Asked,
    format: Format,
    bom: bool,
    /// Why, for the audit trail; empty: not said.
    reason: String,
    /// Slug of the partner to whom it goes; empty: nobody else.
    partner: String,
}

impl ExportQuery {
    /// Reads the parameters. `format`: the one of the address, if it has one.
    fn parse<L: List>(query: &str, format: Option<Format>) -> Result<Self> {
        let refuse = |detail: String| Err(Error::problem(Code::InvalidParameter, detail));
        let mut wish = Self {
            asked: Asked {
                states: L::DEFAULT_STATES.iter().map(|&state| state.to_owned()).collect(),
                ..Asked::default()
            },
            format: format.unwrap_or(Format::Csv),
            bom: false,
            reason: String::new(),
            partner: String::new(),
        };
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let asked = &mut wish.asked;
            match &*name {
                "state" if value == "all" && !L::STATES.is_empty() => {
                    asked.states = L::STATES.iter().map(|&state| state.to_owned()).collect();
                }
                "state" if !L::STATES.is_empty() => match L::STATES.iter().find(|&&state| state == value) {
                    Some(state) => asked.states = vec![(*state).to_owned()],
                    None => return refuse(format!("`state` is `all` or one of {}.", L::STATES.join(", "))),
                },
                "bom" => match &*value {
                    "0" | "1" => wish.bom = value == "1",
                    _ => return refuse("`bom` is 0 or 1.".to_owned()),
                },
                "format" if format.is_none() => match Format::of_name(&value) {
                    Some(format) => wish.format = format,
                    None => return refuse("`format` is csv, jsonl or xlsx.".to_owned()),
                },
                "columns" => {
                    let columns = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                    asked.columns = columns.map(ToOwned::to_owned).collect();
                    let mut known = std::collections::HashSet::new();
                    if !asked.columns.iter().all(|name| known.insert(name)) {
                        return refuse("`columns` names one twice.".to_owned());
                    }
                }
                "source" if L::HAS_SOURCE => asked.source = Some(value.clone().into_owned()),
                "from" | "until" => {
                    let Some(at) = begin_of(&value, name == "until") else {
                        return refuse(format!("`{name}` is a day, such as 2026-11-30."));
                    };
                    *(if name == "from" { &mut asked.from } else { &mut asked.until }) = Some(at);
                }
                "reason" => {
                    let reason = clean_line(&value, MAX_REASON).ok().filter(|reason| !reason.contains('@'));
                    let Some(reason) = reason else {
                        return refuse("`reason` is at most 200 characters, without an address.".to_owned());
                    };
                    wish.reason = reason;
                }
                "partner" if L::NAME == People::NAME => wish.partner = value.clone().into_owned(),
                other => {
                    return refuse(format!(
                        "`{}` is not a parameter of this export.",
                        other.chars().take(40).collect::<String>()
                    ));
                }
            }
            if seen.iter().any(|known| *known == name) {
                return refuse(format!("`{name}` stands there twice."));
            }
            seen.push(name.into_owned());
        }
        Ok(wish)
    }

    /// What the audit trail notes of it.
    fn details(&self) -> serde_json::Value {
        let mut details = json!({"format": self.format.ending()});
        for (name, value) in [("reason", &self.reason), ("partner", &self.partner)] {
            if !value.is_empty() {
                details[name] = value.as_str().into();
            }
        }
        if !self.asked.states.is_empty() {
            details["states"] = json!(self.asked.states);
        }
        if !self.asked.columns.is_empty() {
            details["columns"] = json!(self.asked.columns);
        }
        details
    }
}

/// Midnight at which a day begins in the default time zone; with `next`, that at which it ends.
fn begin_of(day: &str, next: bool) -> Option<DateTime<Utc>> {
    let day = day.parse::<NaiveDate>().ok()?;
    let day = if next { day.succ_opt()? } else { day };
    zones::DEFAULT.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_query_asks_for() {
        let parse = |query: &str| ExportQuery::parse::<Signatures>(query, None);
        let states = |query: &str| parse(query).unwrap().asked.states;
        assert_eq!(states(""), ["counted"]);
        assert!(!parse("").unwrap().bom && parse("").unwrap().format == Format::Csv);
        assert_eq!(states("state=withdrawn&bom=1"), ["withdrawn"]);
        assert!(parse("state=withdrawn&bom=1").unwrap().bom);
        assert_eq!(states("state=all").len(), 6);
        let wish = parse("format=xlsx&columns=email,%20id&source=hall&from=2026-11-01&reason=Hand%20over").unwrap();
        assert_eq!((wish.format, wish.asked.columns.join("|")), (Format::Workbook, "email|id".to_owned()));
        assert_eq!(wish.asked.from.unwrap().to_rfc3339(), "2026-11-01T04:00:00+00:00");
        assert_eq!(wish.details()["reason"], "Hand over");
        let attendances = ExportQuery::parse::<Attendances>("bom=0", None).unwrap();
        assert_eq!(attendances.asked.states, ["accepted", "waitlisted"]);
        let outreaches = ExportQuery::parse::<Outreaches>("", None).unwrap();
        assert!(!outreaches.asked.states.iter().any(|state| state == "pending"));
        for (query, named) in [
            ("state=accepted", "`state`"),
            ("state=", "`state`"),
            ("bom=yes", "`bom`"),
            ("page=2", "`page`"),
            ("state=all&state=counted", "`state`"),
            ("format=pdf", "`format`"),
            ("from=tomorrow", "`from`"),
            ("reason=for%20ana@example.org", "`reason`"),
            ("columns=id,id", "`columns`"),
            ("partner=union", "`partner`"),
        ] {
            let error = parse(query).unwrap_err();
            assert_eq!(error.code(), Code::InvalidParameter);
            assert!(error.to_string().contains(named), "{query}: {error}");
        }
        assert!(ExportQuery::parse::<Signatures>("format=csv", Some(Format::Csv)).is_err(), "the address says it");
        assert!(ExportQuery::parse::<Outreaches>("source=hall", None).is_err());
        assert!(ExportQuery::parse::<People>("state=all", None).is_err());
    }
}
