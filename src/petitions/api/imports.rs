//! `petitions/{id}/imports`: signatures from CSV files and workbooks: upload, preview, dry run, start.

use std::collections::HashMap;

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::try_unfold;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    ensure_visible,
    import_upload::{Upload, upload_cancelled},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        db::{STREAM_PART_LIMIT, with_timeout},
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Links, identifiers},
        http_cache::private_json,
        jobs::{self, JobResource, JobStatus},
        paging::{Listed, Page},
        patch::NewBody,
        text::{clean_line, required_line},
    },
    organizers::{Actor, Scope, audit},
    petitions::{
        Petitions, import,
        import_columns::ColumnMapping,
        signer_file::{Charset, FileReader},
        state::ImportState,
        store::{
            self, Petition,
            imports::{self, Import},
        },
    },
};

/// Row errors read at a time.
const ROW_ERRORS_PER_PAGE: i64 = 1_000;

/// Routes of imports.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(list_imports, create_import))
        .routes(routes!(start_import))
        .routes(routes!(cancel_import))
        .routes(routes!(list_import_errors))
}

/// How far an import is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportProgress {
    /// Bytes of the rows, as they are kept.
    bytes: i64,
    /// Bytes of it that are done.
    done_bytes: i64,
    /// Lines that are done.
    lines: i64,
    /// Lines that were signed; in a dry run, that would be. Scope `contacts:read` only, as the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    imported: Option<i64>,
    /// Lines whose person has signed already, also if the signature was withdrawn since.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicates: Option<i64>,
    /// Lines that were refused.
    refused: i64,
}

/// An import of signatures from a CSV file or a workbook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportResource {
    /// `muster:` and the UUID.
    identifiers: Vec<String>,
    /// When its upload began.
    created_date: DateTime<Utc>,
    /// Name of the file.
    name: String,
    /// Names of the columns, from the header.
    columns: Vec<String>,
    /// Which column is what, as it was started.
    mapping: ColumnMapping,
    /// Which column seems to be what; with `date_order` where the dates of the suggested column have an order: that of
    /// those with a day above 12, otherwise month first in a file in English and day first in others.
    #[serde(rename = "muster:suggested_mapping")]
    muster_suggested_mapping: ColumnMapping,
    /// The registered word of origin of its signatures.
    source: Option<String>,
    /// Are lines only checked and counted?
    dry_run: bool,
    /// Its state.
    #[serde(rename = "muster:state")]
    muster_state: ImportState,
    /// When it ended.
    #[serde(rename = "muster:finished_date")]
    muster_finished_date: Option<DateTime<Utc>>,
    /// The job that works on it.
    #[serde(rename = "muster:job")]
    muster_job: Option<JobResource>,
    /// How far it is.
    #[serde(rename = "muster:progress")]
    muster_progress: ImportProgress,
    /// What separates the cells of the file; guessed unless it was given.
    #[serde(rename = "muster:separator", skip_serializing_if = "Option::is_none")]
    muster_separator: Option<String>,
    /// The encoding that the file is read with, such as `UTF-8`, `UTF-16LE`, `windows-1252`, `macintosh` or `IBM850`; guessed
    /// unless it was given.
    #[serde(rename = "muster:encoding", skip_serializing_if = "Option::is_none")]
    muster_encoding: Option<String>,
    /// The sheet of a workbook that is read: of those that can be seen the first whose header names an address,
    /// otherwise the first with several columns.
    #[serde(rename = "muster:sheet", skip_serializing_if = "Option::is_none")]
    muster_sheet: Option<String>,
    /// The row of the spreadsheet that has the names of the columns; rows before it are not read. After the upload
    /// only.
    #[serde(rename = "muster:header_row", skip_serializing_if = "Option::is_none")]
    muster_header_row: Option<i64>,
    /// The first lines of the file, cell by cell, until it is started.
    #[serde(rename = "muster:preview", skip_serializing_if = "Option::is_none")]
    muster_preview: Option<Vec<Vec<String>>>,
    /// What can be done with it, and its refused lines as CSV.
    #[serde(rename = "_links")]
    links: Links,
}

impl ImportResource {
    fn new(kernel: &Kernel, actor: &Actor, petition: &Petition, import: &Import, job: Option<&JobStatus>) -> Self {
        let may_read = actor.allows(Scope::ContactsRead);
        let base = kernel.url(&format!("{}/imports/{}", petition.action.api_path(), import.id));
        Self {
            identifiers: identifiers(import.id),
            created_date: import.created_at,
            name: import.name.clone(),
            columns: import.columns.clone(),
            // a mapping that this version cannot read is shown empty; its job fails with `not_understood`
            mapping: serde_json::from_value(import.mapping.clone()).unwrap_or_default(),
            muster_suggested_mapping: serde_json::from_value(import.suggested.clone()).unwrap_or_default(),
            source: import.source.clone(),
            dry_run: import.dry_run,
            muster_state: import.state,
            muster_finished_date: import.finished_at,
            muster_job: job.map(JobStatus::resource),
            muster_progress: ImportProgress {
                bytes: import.bytes,
                done_bytes: import.offset_bytes,
                lines: import.seen,
                imported: may_read.then_some(import.imported),
                duplicates: may_read.then_some(import.duplicates),
                refused: import.refused,
            },
            muster_separator: import.delimiter.chars().next().map(String::from),
            muster_encoding: import.delimiter.get(1..).filter(|name| !name.is_empty()).map(str::to_owned),
            muster_sheet: import.sheet.clone(),
            muster_header_row: None,
            muster_preview: None,
            links: Links::default()
                .to("muster:start", format!("{base}/start"))
                .to("muster:cancel", format!("{base}/cancel"))
                .to("muster:faults", format!("{base}/faults.csv"))
                .with_curies(),
        }
    }
}

impl Listed for ImportResource {
    const REL: &str = "muster:imports";
    const IS_ALSO_MEMBER: bool = true;
}

type ImportPage = Page<ImportResource>;

async fn find(petitions: &Petitions, actor: &Actor, key: &str) -> Result<Petition> {
    let petition = store::by_key(&mut *petitions.kernel.db.acquire().await?, key).await?;
    ensure_visible(Some(actor), &petition)?;
    Ok(petition)
}

/// The imports of a petition, newest first, with their progress.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/imports",
    tag = "imports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        PagingParams,
        ("filter" = Option<String>, Query, description = "OData over `identifier`, `created_date`, `muster:state`."),
    ),
    responses(
        (status = 200, description = "A page of imports", body = ImportPage),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn list_imports(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let filter = query.filter(imports::FIELDS)?;
    let kernel = &petitions.kernel;
    let petition = find(&petitions, &actor, &key).await?;
    let mut conn = kernel.db.acquire().await?;
    let (rows, extent) = imports::of_petition(&mut conn, petition.action.id, filter.as_ref(), &query.page).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let jobs = jobs::statuses(&mut conn, import::JOB, &ids).await?;
    let mut resources = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut resource = ImportResource::new(kernel, &actor, &petition, row, jobs.get(&row.id));
        if matches!(row.state, ImportState::Uploaded | ImportState::Checked) {
            resource.muster_preview = Some(import::preview(&petitions, &petition, &mut conn, row).await?);
        }
        resources.push(resource);
    }
    let url = kernel.url(&format!("{}/imports", petition.action.api_path()));
    let page = Page::new(&url, &query.raw, &query.page, &extent, resources);
    Ok(private_json(StatusCode::OK, &page))
}

/// Uploads a list with a header: a CSV file, or an Excel workbook (`.xlsx`), which is recognised by its content,
/// whatever its label. Encoding and separator of a CSV file are guessed unless they are given. Of a workbook the first
/// sheet is read whose header names an address; hidden sheets are not. Nothing is imported yet: the answer tells what
/// was assumed, the columns, the first rows and a suggested mapping.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/imports",
    tag = "imports",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        ("name" = Option<String>, Query, description = "Name of the file"),
        ("separator" = Option<String>, Query, description = "`,`, `;`, `|`, `tab`, or empty: guessed"),
        ("encoding" = Option<String>, Query, description = "`UTF-8`, `UTF-16LE`, `UTF-16BE`, `windows-1252`, `ISO-8859-15`, `macintosh`, `IBM850`, or empty: guessed"),
    ),
    request_body(
        content(
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ),
        description = "At most 200 MiB of CSV, or a workbook of at most 48 MiB",
    ),
    responses(
        (status = 201, description = "Uploaded", body = ImportResource),
        (status = 400),
        (status = 401),
        (status = 404),
        (status = 413),
        (status = 415),
        (status = 422),
    ),
)]
async fn create_import(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let petition = find(&petitions, &actor, &key).await?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // browsers label files in many ways, as the programs do that are installed beside them
    if kind.starts_with("multipart/") || kind.contains("json") {
        return Err(Error::problem(Code::UnsupportedMediaType, "Send the file itself, as text/csv."));
    }
    if petition.action.protected {
        let detail = "A protected petition keeps no contacts, so there are none to bring.";
        return Err(Error::field("", "not_allowed", detail));
    }
    let (name, reader) = parse_upload_query(query.as_deref().unwrap_or_default())?;
    let vault = petition.action.open_vault(kernel).await?;
    let import = Import {
        id: kernel.env.id(),
        petition_id: petition.action.id,
        organizer_id: actor.organizer_id,
        name,
        bytes: 0,
        delimiter: String::new(),
        sheet: None,
        columns: Vec::new(),
        suggested: json!({}),
        date_orders: Vec::new(),
        mapping: json!({}),
        source: None,
        consent_wording: String::new(),
        dry_run: false,
        state: ImportState::Uploading,
        offset_bytes: 0,
        seen: 0,
        imported: 0,
        duplicates: 0,
        refused: 0,
        created_at: kernel.env.now(),
        finished_at: None,
        erasures: 0,
    };
    let mut upload = Upload::new(&petitions, vault, petition.action.locale, import, reader);
    if let Err(error) = upload.receive(body).await {
        upload.cancel_upload(&petition).await;
        return Err(error);
    }
    let mut tx = kernel.db.begin().await?;
    if !imports::uploaded(&mut tx, &upload.import).await? {
        return Err(upload_cancelled());
    }
    let details = json!({"import": upload.import.id});
    audit(&mut tx, &kernel.env, &actor, "import.upload", Some(petition.action.id), details).await?;
    tx.commit().await?;
    upload.import.state = ImportState::Uploaded;
    let mut body = ImportResource::new(kernel, &actor, &petition, &upload.import, None);
    if let Some(format) = upload.format {
        body.muster_header_row = Some(format.header_row);
        body.muster_preview = Some(format.preview);
    }
    Ok(private_json(StatusCode::CREATED, &body))
}

/// The name of the file, and its reader.
fn parse_upload_query(query: &str) -> Result<(String, FileReader)> {
    let asked: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let asked = |name: &str| asked.get(name).map(AsRef::as_ref);
    // a long one is cut: nobody chose it for this
    let name: String = asked("name").unwrap_or("signers.csv").chars().take(200).collect();
    let name = clean_line(&name, 200).map_err(|e| Error::field("/name", e.code, e.detail))?;
    let separator = match asked("separator").unwrap_or_default() {
        "" => None,
        "," => Some(b','),
        ";" => Some(b';'),
        "|" => Some(b'|'),
        "tab" | "\t" => Some(b'\t'),
        _ => return Err(Error::problem(Code::InvalidParameter, "`separator` is `,`, `;`, `|` or `tab`.")),
    };
    let charset = match asked("encoding").unwrap_or_default() {
        "" => None,
        name => Some(name.parse::<Charset>().map_err(|_| {
            let names: Vec<&str> = Charset::ALL.iter().map(Into::into).collect();
            Error::problem(Code::InvalidParameter, format!("`encoding` is one of {}.", names.join(", ")))
        })?),
    };
    Ok((name, FileReader::new(separator, charset)))
}

/// How to import a file.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = ImportStart)]
pub(super) struct StartBody {
    /// Which column is what.
    #[serde(default)]
    #[validate(nested)]
    mapping: ColumnMapping,
    /// Only check and count the rows; write nothing.
    #[serde(default)]
    dry_run: bool,
    /// A registered word of origin for these signatures.
    #[serde(default)]
    #[validate(length(max = 100))]
    source: Option<String>,
    /// The wording to which people with a yes in the consent column agreed; required with that column.
    #[serde(default)]
    #[validate(length(max = 1000))]
    consent_wording: String,
}

/// Starts an import or, with `dry_run`, checks it; after a dry run it starts again from the first row.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/imports/{import}/start",
    tag = "imports",
    params(("id" = String, Path), ("import" = Uuid, Path)),
    request_body = StartBody,
    responses(
        (status = 202, description = "Running", body = ImportResource),
        (status = 401),
        (status = 404),
        (status = 409),
        (status = 422),
    ),
)]
async fn start_import(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
    body: NewBody<StartBody>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let mut body: StartBody = body.part()?;
    let kernel = &petitions.kernel;
    let petition = find(&petitions, &actor, &key).await?;
    let source = petitions.campaigns.source_word(petition.action.organization_id, body.source.as_deref()).await?;
    let mut tx = kernel.db.begin().await?;
    let mut row = imports::lock(&mut tx, petition.action.id, id).await?;
    if !row.state.may_become(ImportState::Running) {
        return Err(Error::problem(Code::Conflict, "This import runs, or has ended."));
    }
    body.mapping.check(&row.columns)?;
    body.mapping.find_date_order(&row.columns, &row.date_orders);
    row.consent_wording = match body.mapping.consent_updates {
        Some(_) => required_line(&body.consent_wording, 1000)
            .map_err(|e| Error::field("/consent_wording", e.code, "Say in which words they agreed."))?,
        None => String::new(),
    };
    row.offset_bytes = 0;
    row.mapping = json!(body.mapping);
    row.source = source;
    row.dry_run = body.dry_run;
    row.state = ImportState::Running;
    (row.seen, row.imported, row.duplicates, row.refused, row.finished_at) = (0, 0, 0, 0, None);
    imports::delete_row_errors(&mut tx, row.id).await?;
    imports::save(&mut tx, &row).await?;
    jobs::enqueue(&mut tx, import::JOB, petition.action.organization_id, row.id, kernel.env.now()).await?;
    let details = json!({"import": row.id, "dry_run": row.dry_run});
    audit(&mut tx, &kernel.env, &actor, "import.start", Some(petition.action.id), details).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::ACCEPTED, &ImportResource::new(kernel, &actor, &petition, &row, None)))
}

/// Cancels an import and deletes its file; imported signatures stay.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/imports/{import}/cancel",
    tag = "imports",
    params(("id" = String, Path), ("import" = Uuid, Path)),
    responses((status = 200, description = "Cancelled", body = ImportResource), (status = 401), (status = 404), (status = 409)),
)]
async fn cancel_import(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let petition = find(&petitions, &actor, &key).await?;
    let mut tx = kernel.db.begin().await?;
    let mut row = imports::lock(&mut tx, petition.action.id, id).await?;
    if !row.state.may_become(ImportState::Cancelled) {
        return Err(Error::problem(Code::Conflict, "This import has ended."));
    }
    row.state = ImportState::Cancelled;
    row.finished_at = Some(kernel.env.now());
    imports::save(&mut tx, &row).await?;
    jobs::remove(&mut tx, import::JOB, row.id).await?;
    import::begin_file_cleanup(&petitions, &mut tx, petition.action.organization_id, row.id).await?;
    audit(&mut tx, &kernel.env, &actor, "import.cancel", Some(petition.action.id), json!({"import": row.id})).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &ImportResource::new(kernel, &actor, &petition, &row, None)))
}

/// The row errors as CSV: line, field, code, detail; without the contents of the rows.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/imports/{import}/faults.csv",
    tag = "imports",
    params(("id" = String, Path), ("import" = Uuid, Path)),
    responses(
        (status = 200, description = "The first 10,000 refused lines", body = String, content_type = "text/csv"),
        (status = 401),
        (status = 404),
    ),
)]
async fn list_import_errors(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let petition = find(&petitions, &actor, &key).await?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let row = imports::lock(&mut conn, petition.action.id, id).await?;
    drop(conn);
    let db = petitions.kernel.db.clone();
    let pages = try_unfold(Some(0_i64), move |after| {
        let (db, import) = (db.clone(), row.id);
        async move {
            let Some(after) = after else { return Ok::<_, Error>(None) };
            let reading =
                async { imports::row_errors(&mut *db.acquire().await?, import, after, ROW_ERRORS_PER_PAGE).await };
            let row_errors = with_timeout(STREAM_PART_LIMIT, "a page of an import's errors", reading).await?;
            let mut sheet = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
            if after == 0 {
                sheet.write_record(["line", "field", "code", "detail"]).map_err(Error::internal)?;
            }
            for row_error in &row_errors {
                let line = row_error.line.to_string();
                let cells = [line.as_str(), &row_error.field, &row_error.code, &row_error.detail];
                sheet.write_record(cells).map_err(Error::internal)?;
            }
            let next = row_errors.last().filter(|_| row_errors.len() >= 1_000).map(|row_error| row_error.line);
            let bytes = sheet.into_inner().map_err(|_| Error::internal("a CSV buffer could not be finished"))?;
            Ok(Some((Bytes::from(bytes), next)))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"faults.csv\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}
