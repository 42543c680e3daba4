//! Handlers of `/api/v1/exports`: files of lists, each with an entry in the audit trail. A list has an address without
//! an ending, where the format is asked for (`format`, or else `Accept`), and the same one with `.csv`.

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Exports,
    format::Format,
    lists::{ActionList, Attendances, Calls, Export, List, Outreaches, Signatures, Subject},
    name_list,
    organization_lists::{Consents, PARTNER_COLUMNS, People},
    query::{CsvFile, ExportFile, ExportParams, ExportQuery, ExportRefused, FormatParam, StateParam, asked_format},
    store,
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
        .routes(routes!(export_calls))
        .routes(routes!(export_signatures_as))
        .routes(routes!(export_attendances_as))
        .routes(routes!(export_outreaches_as))
        .routes(routes!(export_calls_as))
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
        .to_template("muster:calls", list("phone_campaigns", Calls::NAME))
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
        StateParam,
        ExportParams,
    ),
    responses(CsvFile, ExportRefused),
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
        StateParam,
        ExportParams,
    ),
    responses(CsvFile, ExportRefused),
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
        StateParam,
        ExportParams,
    ),
    responses(CsvFile, ExportRefused),
)]
async fn export_outreaches(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Outreaches>(&exports, &actor, &key, query.as_deref(), Some(Format::Csv)).await
}

/// A call action's calls as CSV; the counted ones unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/phone_campaigns/{id}/calls.csv",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        StateParam,
        ExportParams,
    ),
    responses(CsvFile, ExportRefused),
)]
async fn export_calls(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Calls>(&exports, &actor, &key, query.as_deref(), Some(Format::Csv)).await
}

/// A petition's signatures as a file; the counted ones unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/petitions/{id}/signatures",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        FormatParam,
        StateParam,
        ("source" = Option<String>, Query, description = "A word of origin"),
        ExportParams,
    ),
    responses(ExportFile, ExportRefused, (status = 409, description = "More rows than a worksheet holds")),
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
        FormatParam,
        StateParam,
        ("source" = Option<String>, Query, description = "A word of origin"),
        ExportParams,
    ),
    responses(ExportFile, ExportRefused, (status = 409, description = "More rows than a worksheet holds")),
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
        FormatParam,
        StateParam,
        ExportParams,
    ),
    responses(ExportFile, ExportRefused, (status = 409, description = "More rows than a worksheet holds")),
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

/// A call action's calls as a file; the counted ones unless other states are asked for.
#[utoipa::path(
    get,
    path = "/api/v1/exports/phone_campaigns/{id}/calls",
    tag = "exports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        FormatParam,
        StateParam,
        ("source" = Option<String>, Query, description = "A word of origin"),
        ExportParams,
    ),
    responses(ExportFile, ExportRefused, (status = 409, description = "More rows than a worksheet holds")),
)]
async fn export_calls_as(
    State(exports): State<Exports>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    export::<Calls>(&exports, &actor, &key, query.as_deref(), asked_format(query.as_deref(), &headers)).await
}

/// The people of the organization as a file, without those of protected actions; with `partner`, those who agreed that
/// this partner may write to them, and only how to reach them.
#[utoipa::path(
    get,
    path = "/api/v1/exports/people",
    tag = "exports",
    params(
        FormatParam,
        ExportParams,
        ("partner" = Option<String>, Query, description = "Slug of the partner to whom the file goes"),
    ),
    responses(ExportFile, ExportRefused, (status = 409, description = "More rows than a worksheet holds")),
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
        FormatParam,
        ExportParams,
    ),
    responses(ExportFile, ExportRefused, (status = 409, description = "More rows than a worksheet holds")),
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
    responses(CsvFile, ExportRefused),
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
        ExportRefused,
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
