//! `updates` in the API: posts on a campaign's timeline, with figures for its chart.
//!
//! A story needs a pseudonym and the recorded consent of the person; deleting it removes it from every page. A press
//! release is not public until its embargo ends. Figures of draws can be imported as CSV.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    action::ActionText,
    api::Campaigns,
    document::parse_texts,
    images::{self, ActionImage},
    store,
};
use crate::{
    error::{Code, Error, FieldError, OnConstraint, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams, parse},
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        idempotency::{self, KeyClaim},
        paging::{Listed, Page},
        patch::{NewBody, Patch},
        text::{TextError, clean_line, clean_text, required_line},
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// Maximum number of lines of a CSV file of figures.
const MAX_CSV_ROWS: usize = 2_000;
/// Maximum number of refused lines in an answer.
const MAX_ROW_ERRORS: usize = 100;

/// Routes of updates.
pub(super) fn router() -> OpenApiRouter<Campaigns> {
    OpenApiRouter::new().routes(routes!(list_updates, create_update)).routes(routes!(import_figures)).routes(routes!(
        get_update,
        update_update,
        delete_update
    ))
}

/// What organizers write of an update (a post on a campaign's timeline), as far as everybody sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
pub struct UpdateMembers {
    /// Title, one line of at most 300 characters.
    #[validate(length(min = 1, max = 300))]
    pub title: String,
    /// Markdown, at most 40,000 characters.
    #[serde(default)]
    #[validate(length(max = 40_000))]
    pub body: String,
    /// Slug of the campaign (an id is accepted, too).
    #[serde(rename = "muster:campaign")]
    #[validate(length(min = 1, max = 80))]
    pub muster_campaign: String,
    /// News if absent.
    #[serde(default, rename = "muster:kind")]
    pub muster_kind: UpdateKind,
    /// The day it is about; today if absent.
    #[serde(default)]
    pub date: Option<NaiveDate>,
    /// Numbers for the chart, at most 50.
    #[serde(default)]
    #[validate(length(max = 50), nested)]
    pub figures: Vec<Figure>,
    /// URL of where the numbers come from, or empty.
    #[serde(default)]
    #[validate(length(max = 500))]
    pub source_url: String,
    /// Titles in other languages, by BCP 47 tag; replaced as a whole.
    #[serde(default, rename = "muster:texts")]
    pub muster_texts: BTreeMap<String, ActionText>,
    /// Id of an image of the organization (see `POST /api/v1/images`); null: none.
    #[serde(default, rename = "muster:image")]
    pub muster_image: Option<Uuid>,
    /// Press releases: whom journalists ask; at most 500 characters.
    #[serde(default, rename = "muster:media_contact")]
    #[validate(length(max = 500))]
    pub muster_media_contact: String,
    /// Press releases: what may be quoted; at most 10.
    #[serde(default, rename = "muster:quotes")]
    #[validate(length(max = 10), nested)]
    pub muster_quotes: Vec<Quote>,
    /// Stories: the name it is told under; at most 100 characters.
    #[serde(default, rename = "muster:pseudonym")]
    #[validate(length(max = 100))]
    pub muster_pseudonym: String,
}

/// What organizers write of an update, and only they see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct UpdateInternals {
    /// Press releases: the public sees it from then on; null: at once.
    #[serde(rename = "muster:embargo_until")]
    pub muster_embargo_until: Option<DateTime<Utc>>,
    /// Stories: the consent of the one who tells it.
    #[serde(rename = "muster:consent")]
    #[validate(nested)]
    pub muster_consent: Option<StoryConsent>,
}

/// What organizers write of an update. A PUT lays its members over the document as it is; absent members stay.
#[derive(Clone, Debug, ToSchema)]
pub struct UpdateDocument {
    /// What everybody sees.
    #[serde(flatten)]
    pub update: UpdateMembers,
    /// What only organizers see.
    #[serde(flatten)]
    pub internals: UpdateInternals,
}

impl UpdateDocument {
    /// Reads the JSON body of `POST /api/v1/updates`.
    ///
    /// # Errors
    /// 422 with a pointer for each refused member.
    pub fn parse(body: &[u8]) -> Result<Self> {
        Ok(Self { update: parse(body)?, internals: parse(body)? })
    }

    fn of(row: &store::UpdateRow) -> Result<Self> {
        let consent = |given_on| StoryConsent { scope: row.consent_scope.clone(), given_on };
        Ok(Self {
            update: UpdateMembers {
                title: row.title.clone(),
                body: row.body.clone(),
                muster_campaign: row.campaign_slug.clone(),
                muster_kind: row.kind,
                date: Some(row.happened_on),
                figures: serde_json::from_value(row.figures.clone()).map_err(Error::internal)?,
                source_url: row.source_url.clone(),
                muster_texts: serde_json::from_value(row.texts.clone()).map_err(Error::internal)?,
                muster_image: row.image_id,
                muster_media_contact: row.media_contact.clone(),
                muster_quotes: serde_json::from_value(row.quotes.clone()).map_err(Error::internal)?,
                muster_pseudonym: row.pseudonym.clone(),
            },
            internals: UpdateInternals {
                muster_embargo_until: row.embargo_until,
                muster_consent: row.consent_on.map(consent),
            },
        })
    }
}

/// An update of a campaign.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct UpdateResource {
    /// `muster:` and the UUID.
    identifiers: Vec<String>,
    /// What organizers write.
    #[serde(flatten)]
    update: UpdateMembers,
    /// Press releases: the public sees it from then on. Organizers only.
    #[serde(rename = "muster:embargo_until", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    #[expect(clippy::option_option, reason = "null where it is not set, absent where it is not shown")]
    muster_embargo_until: Option<Option<DateTime<Utc>>>,
    /// Stories: the consent of the one who tells it. Organizers only.
    #[serde(rename = "muster:consent", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<StoryConsent>)]
    #[expect(clippy::option_option, reason = "null where it is not set, absent where it is not shown")]
    muster_consent: Option<Option<StoryConsent>>,
    /// URL of the page.
    browser_url: String,
    /// When it was created.
    created_date: DateTime<Utc>,
    /// When an organizer last changed it.
    modified_date: DateTime<Utc>,
    /// URL of the image.
    #[serde(rename = "muster:image_url")]
    muster_image_url: Option<String>,
    /// Alternative text of the image.
    #[serde(rename = "muster:image_alt")]
    muster_image_alt: Option<String>,
    /// `self` and the campaign.
    #[serde(rename = "_links")]
    links: Links,
}

impl UpdateResource {
    fn new(kernel: &Kernel, row: &store::UpdateRow, is_organizer: bool) -> Result<Self> {
        let image = ActionImage::of(row.image_id, row.image_alt.clone(), row.image_width, row.image_height);
        let UpdateDocument { update, internals } = UpdateDocument::of(row)?;
        Ok(Self {
            identifiers: identifiers(row.id),
            update,
            muster_embargo_until: is_organizer.then_some(internals.muster_embargo_until),
            muster_consent: is_organizer.then_some(internals.muster_consent),
            browser_url: kernel.url(&format!("/u/{}", row.id)),
            created_date: row.created_at,
            modified_date: row.modified_at,
            muster_image_url: image.as_ref().map(|image| kernel.url(&image.url)),
            muster_image_alt: image.map(|image| image.alt),
            links: Links::to_self(kernel.url(&format!("/api/v1/updates/{}", row.id)))
                .to("osdi:campaign", kernel.url(&format!("/api/v1/campaigns/{}", row.campaign_id)))
                .with_curies(),
        })
    }
}

impl Listed for UpdateResource {
    const REL: &str = "muster:updates";

    fn links(&self) -> &Links {
        &self.links
    }
}

/// What an import of figures has written.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FiguresImported {
    /// Number of updates.
    #[serde(rename = "muster:updates")]
    muster_updates: usize,
}

/// The kinds of update: `updates.kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum UpdateKind {
    /// News.
    #[default]
    News,
    /// A success.
    Win,
    /// A deadline.
    Deadline,
    /// A draw of an immigration programme: how many were invited, with which score.
    Draw,
    /// A press release.
    Press,
    /// The story of a person.
    Story,
}

crate::kernel::text_enum!(UpdateKind);

/// One number of a series.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, Validate, ToSchema)]
pub struct Figure {
    /// Name of the series, such as `Invitations`.
    #[validate(length(min = 1, max = 100))]
    pub series: String,
    /// The value.
    pub value: f64,
    /// Its unit, such as `people`.
    #[serde(default)]
    #[validate(length(max = 40))]
    pub unit: String,
}

/// A quote for the press.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
pub struct Quote {
    /// The quoted text.
    #[validate(length(min = 1, max = 1000))]
    pub text: String,
    /// Who said it.
    #[validate(length(min = 1, max = 200))]
    pub by: String,
}

/// The consent of the person whose story it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
pub struct StoryConsent {
    /// Where it may be shown, such as `this site and leaflets, without picture`.
    #[validate(length(min = 1, max = 500))]
    pub scope: String,
    /// When it was given.
    pub given_on: NaiveDate,
}

/// Checks an update.
async fn check(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    new: UpdateDocument,
) -> Result<store::UpdateColumns> {
    let UpdateDocument { update: new, internals } = new;
    let mut errors: Vec<FieldError> = Vec::new();
    let mut take = |pointer: String, parsed: Result<String, TextError>| {
        parsed.unwrap_or_else(|e| {
            errors.push(FieldError::new(pointer, e.code, e.detail));
            String::new()
        })
    };
    let kind = new.muster_kind;
    let title = take("/title".to_owned(), required_line(&new.title, 300));
    let body = take("/body".to_owned(), clean_text(&new.body, 40_000));
    let media_contact = take("/muster:media_contact".to_owned(), clean_text(&new.muster_media_contact, 500));
    let mut quotes = new.muster_quotes;
    for (i, quote) in quotes.iter_mut().enumerate() {
        quote.text = take(format!("/muster:quotes/{i}/text"), clean_text(&quote.text, 1000));
        quote.by = take(format!("/muster:quotes/{i}/by"), clean_line(&quote.by, 200));
    }
    let pseudonym = take("/muster:pseudonym".to_owned(), clean_line(&new.muster_pseudonym, 100));
    let consent_scope = match &internals.muster_consent {
        Some(consent) => take("/muster:consent/scope".to_owned(), clean_line(&consent.scope, 500)),
        None => String::new(),
    };
    for (i, figure) in new.figures.iter().enumerate() {
        take(format!("/figures/{i}/series"), clean_line(&figure.series, 100));
        take(format!("/figures/{i}/unit"), clean_line(&figure.unit, 40));
    }
    let mut refuse =
        |pointer: &str, code: &'static str, detail: &str| errors.push(FieldError::new(pointer, code, detail));
    for (i, figure) in new.figures.iter().enumerate().filter(|(_, figure)| !figure.value.is_finite()) {
        let _ = figure;
        refuse(&format!("/figures/{i}/value"), "out_of_range", "Must be a finite number.");
    }
    if !new.source_url.is_empty() && !new.source_url.starts_with("https://") && !new.source_url.starts_with("http://") {
        refuse("/source_url", "invalid_value", "Must start with https://.");
    }
    if kind == UpdateKind::Story {
        if pseudonym.is_empty() {
            refuse("/muster:pseudonym", "required", "A story is told under a name that is not the person's own.");
        }
        if consent_scope.is_empty() {
            refuse("/muster:consent", "required", "Say where the person agreed to have the story shown, and when.");
        }
    }
    if kind != UpdateKind::Press && internals.muster_embargo_until.is_some() {
        refuse("/muster:embargo_until", "not_allowed", "Only a press release has an embargo.");
    }
    let day = new.date.unwrap_or_else(|| kernel.env.now().date_naive());
    if !(1900..=2200).contains(&day.year()) {
        refuse("/date", "out_of_range", "Must lie between 1900 and 2200.");
    }
    let texts = parse_texts(new.muster_texts, &mut errors);
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    let unknown = || Error::field("/muster:campaign", "unknown_value", "There is no such campaign.");
    let campaign = store::campaign(conn, Some(organization), &new.muster_campaign)
        .await
        .map_err(|e| if e.code() == Code::NotFound { unknown() } else { e })?;
    if let Some(image) = new.muster_image {
        images::find_organization_image(conn, organization, image).await?;
    }
    Ok(store::UpdateColumns {
        campaign_id: campaign.id,
        kind,
        title,
        body,
        texts: serde_json::to_value(&texts).unwrap_or_default(),
        happened_on: day,
        figures: json!(new.figures),
        source_url: new.source_url,
        image_id: new.muster_image,
        embargo_until: internals.muster_embargo_until,
        media_contact,
        quotes: json!(quotes),
        pseudonym,
        consent_scope,
        consent_on: internals.muster_consent.map(|consent| consent.given_on),
    })
}

/// Creates or replaces an update.
///
/// # Errors
/// 422 naming the field.
pub async fn save_update(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: UpdateDocument,
) -> Result<()> {
    let columns = check(conn, kernel, organization, new).await?;
    store::save_update(conn, id, organization, &columns, kernel.env.now())
        .await
        .on_constraint("updates_campaign_title_key", || {
            Error::field("/title", "taken", "There is an update of that day with this title.")
        })
}

/// Updates, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/updates",
    tag = "updates",
    responses((status = 200, description = "A page of updates", body = Page<UpdateResource>)),
)]
async fn list_updates(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    query: ListQuery,
) -> Result<Json<Page<UpdateResource>>> {
    query.refuse_filter()?;
    let organization = reader.reader().map(|a| a.organization_id);
    let mut conn = campaigns.kernel.db.acquire().await?;
    let (rows, extent) = store::updates(&mut conn, organization, None, &query.page).await?;
    let each = |row: &store::UpdateRow| UpdateResource::new(&campaigns.kernel, row, organization.is_some());
    let items = rows.iter().map(each).collect::<Result<_>>()?;
    let url = campaigns.kernel.url("/api/v1/updates");
    Ok(Json(Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// One update.
#[utoipa::path(
    get,
    path = "/api/v1/updates/{id}",
    tag = "updates",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The update", body = UpdateResource), (status = 404)),
)]
async fn get_update(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<UpdateResource>> {
    let organization = reader.reader().map(|a| a.organization_id);
    let row = store::update(&mut *campaigns.kernel.db.acquire().await?, organization, id).await?;
    Ok(Json(UpdateResource::new(&campaigns.kernel, &row, organization.is_some())?))
}

/// Creates an update.
#[utoipa::path(
    post,
    path = "/api/v1/updates",
    tag = "updates",
    request_body = UpdateDocument,
    responses((status = 201, description = "Created", body = UpdateResource), (status = 422)),
)]
async fn create_update(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<UpdateResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let new = UpdateDocument::parse(&body.json())?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/updates", &body.bytes).await?;
    let id = kernel.env.id();
    let mut tx = kernel.db.begin().await?;
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            save_update(&mut tx, kernel, actor.organization_id, id, new).await?;
            audit(&mut tx, &kernel.env, &actor, "update.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::update(&mut tx, Some(actor.organization_id), id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(UpdateResource::new(kernel, &row, true)?)).into_response())
}

/// Changes an update; absent members stay.
#[utoipa::path(
    put,
    path = "/api/v1/updates/{id}",
    tag = "updates",
    params(("id" = Uuid, Path)),
    request_body = UpdateDocument,
    responses((status = 200, description = "Changed", body = UpdateResource), (status = 404), (status = 422)),
)]
async fn update_update(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
    changes: Patch<UpdateResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    let before = store::update(&mut tx, Some(actor.organization_id), id).await?;
    let UpdateDocument { update, internals } = UpdateDocument::of(&before)?;
    let new = UpdateDocument { update: changes.apply(&update)?, internals: changes.apply(&internals)? };
    save_update(&mut tx, kernel, actor.organization_id, id, new).await?;
    audit(&mut tx, &kernel.env, &actor, "update.edit", Some(id), json!({})).await?;
    let row = store::update(&mut tx, Some(actor.organization_id), id).await?;
    tx.commit().await?;
    Ok(Json(UpdateResource::new(kernel, &row, true)?).into_response())
}

/// Deletes an update.
#[utoipa::path(
    delete,
    path = "/api/v1/updates/{id}",
    tag = "updates",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Taken down", body = Notice), (status = 404)),
)]
async fn delete_update(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    let row = store::update(&mut tx, Some(actor.organization_id), id).await?;
    store::delete_update(&mut tx, id).await?;
    audit(&mut tx, &kernel.env, &actor, "update.delete", Some(id), json!({"kind": row.kind})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This update is gone from every page." }))
}

/// A line of a CSV file of figures.
struct FigureLine {
    date: NaiveDate,
    title: String,
    series: String,
    value: f64,
    unit: String,
    source_url: String,
}

impl FigureLine {
    /// Reads the cells of a line; what is wrong with it in one sentence otherwise.
    fn of<'a>(cell: impl Fn(&str) -> &'a str) -> Result<Self, String> {
        let date = cell("date").parse().map_err(|_| "`date` is a day such as 2026-03-31.".to_owned())?;
        // 27,000 and 27 000
        let value = cell("value").replace([' ', '\u{A0}', '\u{202F}'], "");
        let groups: Vec<&str> = value.split(',').collect();
        let has_thousands =
            groups.len() > 1 && groups[1..].iter().all(|group| group.split('.').next().map(str::len) == Some(3));
        let value = if has_thousands { groups.concat() } else { value.clone() };
        let value = value.parse().map_err(|_| "`value` is a number such as 27000 or 4.5.".to_owned())?;
        for name in ["title", "series"] {
            if cell(name).is_empty() {
                return Err(format!("`{name}` is empty."));
            }
        }
        let text = |name: &str| cell(name).to_owned();
        Ok(Self {
            date,
            title: text("title"),
            series: text("series"),
            value,
            unit: text("unit"),
            source_url: text("source_url"),
        })
    }
}

/// Imports figures of draws from CSV: `date,title,series,value,unit,source_url`, one value in each line. Lines with
/// the same date and title make one update; importing the same file again changes nothing. All lines are imported, or
/// none.
#[utoipa::path(
    post,
    path = "/api/v1/updates/figures.csv",
    tag = "updates",
    params(("campaign" = String, Query, description = "Id or slug of the campaign")),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "How many updates were written", body = FiguresImported),
        (status = 401),
        (status = 413),
        (status = 415),
        (status = 422, description = "The refused lines, by number"),
    ),
)]
async fn import_figures(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // browsers label files in many ways, as the programs do that are installed beside them
    if kind.starts_with("multipart/") || kind.contains("json") {
        return Err(Error::problem(Code::UnsupportedMediaType, "Send the file itself, as text/csv."));
    }
    let body = body.map_err(|_| Error::problem(Code::PayloadTooLarge, "A file of figures may have 64 KiB."))?;
    let asked = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let campaign = asked.filter(|(name, _)| name == "campaign").map(|(_, key)| key.into_owned()).next();
    let campaign =
        campaign.ok_or_else(|| Error::field("/campaign", "required", "Name the campaign in the address."))?;
    let updates = read_figures(&body, &campaign)?;
    let mut tx = kernel.db.begin().await?;
    let written = updates.len();
    for new in updates {
        let day = new.update.date.unwrap_or_default();
        let known = store::campaign(&mut tx, Some(actor.organization_id), &campaign).await;
        let known = known.map_err(|_| Error::field("/campaign", "unknown_value", "There is no such campaign."))?;
        let there = store::update_titled(&mut tx, known.id, day, &new.update.title).await?;
        save_update(&mut tx, kernel, actor.organization_id, there.unwrap_or_else(|| kernel.env.id()), new).await?;
    }
    audit(&mut tx, &kernel.env, &actor, "update.import", None, json!({"updates": written})).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &FiguresImported { muster_updates: written }))
}

/// Reads the lines of a file, separated by commas, semicolons or tabs, of which the first that is not empty has the names
/// of the columns.
fn read_figures(body: &[u8], campaign: &str) -> Result<Vec<UpdateDocument>> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let first = body.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    // as Excel declares it
    let declared = first.strip_prefix(b"sep=").and_then(|rest| rest.first().copied());
    let count = |separator: &u8| first.split(|byte| byte == separator).count();
    let separator = declared.or_else(|| [b'\t', b';', b','].into_iter().max_by_key(count)).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(if declared.is_some() { &body[first.len()..] } else { body });
    let mut columns: Vec<String> = Vec::new();
    let mut updates: Vec<UpdateDocument> = Vec::new();
    let mut errors = Vec::new();
    for (i, record) in reader.records().enumerate() {
        if i > MAX_CSV_ROWS {
            errors.push(FieldError::new("", "too_long", format!("At most {MAX_CSV_ROWS} lines.")));
            break;
        }
        // the header is line 1
        let at = format!("/{}", i + 1);
        let read = match record {
            Err(_) => Err("Not UTF-8.".to_owned()),
            Ok(record) if record.iter().all(str::is_empty) => continue,
            Ok(record) if columns.is_empty() => {
                columns = record.iter().map(str::to_lowercase).collect();
                let missing = ["date", "title", "series", "value"]
                    .iter()
                    .find(|name| !columns.iter().any(|column| column == *name));
                match missing {
                    Some(name) => {
                        return Err(Error::field("/1", "required", format!("The header has no column `{name}`.")));
                    }
                    None => continue,
                }
            }
            Ok(record) => FigureLine::of(|name| {
                let place = columns.iter().position(|column| column == name);
                place.and_then(|place| record.get(place)).unwrap_or_default()
            }),
        };
        let line = match read {
            Ok(line) => line,
            Err(detail) => {
                errors.push(FieldError::new(at, "invalid_value", detail));
                if errors.len() >= MAX_ROW_ERRORS {
                    break;
                }
                continue;
            }
        };
        let figure = Figure { series: line.series, value: line.value, unit: line.unit };
        if let Err(error) = figure.validate() {
            errors.push(FieldError::new(at, "invalid_value", error.to_string()));
            continue;
        }
        match updates.iter_mut().map(|u| &mut u.update).find(|u| u.date == Some(line.date) && u.title == line.title) {
            Some(update) => update.figures.push(figure),
            None => updates.push(UpdateDocument {
                update: UpdateMembers {
                    title: line.title,
                    body: String::new(),
                    muster_campaign: campaign.to_owned(),
                    muster_kind: UpdateKind::Draw,
                    date: Some(line.date),
                    figures: vec![figure],
                    source_url: line.source_url,
                    muster_texts: BTreeMap::new(),
                    muster_image: None,
                    muster_media_contact: String::new(),
                    muster_quotes: Vec::new(),
                    muster_pseudonym: String::new(),
                },
                internals: UpdateInternals::default(),
            }),
        }
    }
    if errors.is_empty() { Ok(updates) } else { Err(Error::Fields(errors)) }
}
