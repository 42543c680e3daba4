//! `updates` in the API: posts on a campaign's timeline, of a kind, with figures for its chart.
//!
//! A story is told under a pseudonym, with the consent it rests on; deleting it takes it down everywhere. A press release
//! stays unseen until its embargo ends. Figures of draws can come as CSV.

use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    action::{Texts, parse_texts},
    api::{Campaigns, no_filter},
    images::{self, ActionImage},
    store,
};
use crate::{
    error::{Code, Error, FieldError, OnConstraint, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, MergePatch, PathParams, Valid, ValidWithBytes},
        hal::{curies, identifiers, link},
        http_cache::private_json,
        idempotency::{self, KeyClaim},
        paging::Listing,
        text::{TextError, clean_line, clean_text, required_line},
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// Lines of a CSV file of figures, at most.
const MAX_CSV_ROWS: usize = 2_000;
/// Refused lines that are named, at most.
const MAX_ROW_ERRORS: usize = 100;

/// Routes of updates.
pub fn router() -> OpenApiRouter<Campaigns> {
    OpenApiRouter::new().routes(routes!(list_updates, create_update)).routes(routes!(import_figures)).routes(routes!(
        get_update,
        update_update,
        delete_update
    ))
}

/// A timeline post to create. In a PUT, absent members stay.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct NewUpdate {
    /// Title.
    #[validate(length(min = 1, max = 300))]
    pub title: String,
    /// Markdown.
    #[serde(default)]
    #[validate(length(max = 40_000))]
    pub body: String,
    /// Id or slug of the campaign.
    #[serde(rename = "muster:campaign")]
    #[validate(length(min = 1, max = 80))]
    pub muster_campaign: String,
    /// News if absent.
    #[serde(default, rename = "muster:kind")]
    pub muster_kind: UpdateKind,
    /// The day it is about; today if absent.
    #[serde(default)]
    pub date: Option<NaiveDate>,
    /// Numbers for the chart.
    #[serde(default)]
    #[validate(length(max = 50), nested)]
    pub figures: Vec<Figure>,
    /// Where the numbers come from.
    #[serde(default)]
    #[validate(length(max = 500))]
    pub source_url: String,
    /// Titles in other languages.
    #[serde(default, rename = "muster:texts")]
    pub muster_texts: Texts,
    /// Id of a picture of the organization (see `POST /api/v1/images`).
    #[serde(default, rename = "muster:image")]
    pub muster_image: Option<Uuid>,
    /// Press releases: nobody sees it before.
    #[serde(default, rename = "muster:embargo_until")]
    pub muster_embargo_until: Option<DateTime<Utc>>,
    /// Press releases: whom journalists ask.
    #[serde(default, rename = "muster:media_contact")]
    #[validate(length(max = 500))]
    pub muster_media_contact: String,
    /// Press releases: what may be quoted.
    #[serde(default, rename = "muster:quotes")]
    #[validate(length(max = 10), nested)]
    pub muster_quotes: Vec<Quote>,
    /// Stories: the name it is told under.
    #[serde(default, rename = "muster:pseudonym")]
    #[validate(length(max = 100))]
    pub muster_pseudonym: String,
    /// Stories: the consent of the one who tells it. Seen by organizers only.
    #[serde(default, rename = "muster:consent")]
    #[validate(nested)]
    pub muster_consent: Option<StoryConsent>,
}

/// The kinds of update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    /// What happened.
    #[default]
    News,
    /// What was won.
    Win,
    /// What is due.
    Deadline,
    /// A draw: how many were invited, with which score.
    Draw,
    /// A press release.
    Press,
    /// What somebody tells.
    Story,
}

impl UpdateKind {
    /// As it stands in the database.
    fn as_str(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Win => "win",
            Self::Deadline => "deadline",
            Self::Draw => "draw",
            Self::Press => "press",
            Self::Story => "story",
        }
    }
}

/// One number of a series.
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
pub struct Figure {
    /// Which series: "Invitations".
    #[validate(length(min = 1, max = 100))]
    pub series: String,
    /// The number.
    pub value: f64,
    /// Its unit: "people".
    #[serde(default)]
    #[validate(length(max = 40))]
    pub unit: String,
}

/// What may be quoted.
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
pub struct Quote {
    /// The words.
    #[validate(length(min = 1, max = 1000))]
    pub text: String,
    /// Whose they are.
    #[validate(length(min = 1, max = 200))]
    pub by: String,
}

/// What the one who tells a story agreed to.
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
pub struct StoryConsent {
    /// Where it may be shown: "this site and leaflets, without picture".
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
    new: NewUpdate,
) -> Result<store::UpdateColumns> {
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
    let consent_scope = match &new.muster_consent {
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
    if kind != UpdateKind::Press && new.muster_embargo_until.is_some() {
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
        kind: kind.as_str(),
        title,
        body,
        texts: serde_json::to_value(&texts).unwrap_or_default(),
        happened_on: day,
        figures: json!(new.figures),
        source_url: new.source_url,
        image_id: new.muster_image,
        embargo_until: new.muster_embargo_until,
        media_contact,
        quotes: json!(quotes),
        pseudonym,
        consent_scope,
        consent_on: new.muster_consent.map(|consent| consent.given_on),
    })
}

/// Creates an update, or writes it anew.
///
/// # Errors
/// 422 naming the field, or a database error.
pub async fn save_update(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: NewUpdate,
) -> Result<()> {
    let columns = check(conn, kernel, organization, new).await?;
    store::save_update(conn, id, organization, &columns, kernel.env.now())
        .await
        .on_constraint("updates_campaign_title_key", || {
            Error::field("/title", "taken", "There is an update of that day with this title.")
        })
}

/// An update as JSON; the consent behind a story is for organizers.
fn resource(kernel: &Kernel, row: &store::UpdateRow, for_organizer: bool) -> Value {
    let picture = ActionImage::of(row.image_id, row.image_alt.clone(), row.image_width, row.image_height);
    let mut update = json!({
        "identifiers": identifiers(row.id),
        "title": row.title,
        "body": row.body,
        "date": row.happened_on,
        "figures": row.figures,
        "source_url": row.source_url,
        "browser_url": kernel.url(&format!("/u/{}", row.id)),
        "created_date": row.created_at,
        "modified_date": row.modified_at,
        "muster:kind": row.kind,
        "muster:campaign": row.campaign_slug,
        "muster:texts": row.texts,
        "muster:image": row.image_id,
        "muster:image_url": picture.as_ref().map(|p| kernel.url(&p.url)),
        "muster:image_alt": picture.map(|p| p.alt),
        "muster:media_contact": row.media_contact,
        "muster:quotes": row.quotes,
        "muster:pseudonym": row.pseudonym,
        "_links": {
            "self": link(kernel.url(&format!("/api/v1/updates/{}", row.id))),
            "osdi:campaign": link(kernel.url(&format!("/api/v1/campaigns/{}", row.campaign_id))),
            "curies": curies(),
        },
    });
    if for_organizer {
        update["muster:embargo_until"] = json!(row.embargo_until);
        update["muster:consent"] = json!(row.consent_on.map(|on| json!({"scope": row.consent_scope, "given_on": on})));
    }
    update
}

/// Updates, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/updates",
    tag = "updates",
    responses((status = 200, description = "A page of updates", body = Value)),
)]
async fn list_updates(State(campaigns): State<Campaigns>, reader: MaybeActor, query: ListQuery) -> Result<Json<Value>> {
    no_filter(&query)?;
    let organization = reader.reader().map(|a| a.organization_id);
    let mut conn = campaigns.kernel.db.acquire().await?;
    let (rows, extent) = store::updates(&mut conn, organization, None, &query.page).await?;
    let items = rows.iter().map(|row| resource(&campaigns.kernel, row, organization.is_some())).collect();
    let url = campaigns.kernel.url("/api/v1/updates");
    Ok(Json(Listing::new(&url, "muster:updates", &query.page, extent).keep_query(&query.raw).body(items)))
}

/// One update.
#[utoipa::path(
    get,
    path = "/api/v1/updates/{id}",
    tag = "updates",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The update", body = Value), (status = 404)),
)]
async fn get_update(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Value>> {
    let organization = reader.reader().map(|a| a.organization_id);
    let row = store::update(&mut *campaigns.kernel.db.acquire().await?, organization, id).await?;
    Ok(Json(resource(&campaigns.kernel, &row, organization.is_some())))
}

/// Creates an update.
#[utoipa::path(
    post,
    path = "/api/v1/updates",
    tag = "updates",
    request_body = NewUpdate,
    responses((status = 201, description = "Created", body = Value), (status = 422)),
)]
async fn create_update(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(body, bytes): ValidWithBytes<NewUpdate>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/updates", &bytes).await?;
    let id = kernel.env.id();
    let mut tx = kernel.db.begin().await?;
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            save_update(&mut tx, kernel, actor.organization_id, id, body).await?;
            audit(&mut tx, &kernel.env, &actor, "update.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::update(&mut tx, Some(actor.organization_id), id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(resource(kernel, &row, true))).into_response())
}

/// Changes an update; absent members stay.
#[utoipa::path(
    put,
    path = "/api/v1/updates/{id}",
    tag = "updates",
    params(("id" = Uuid, Path)),
    request_body = NewUpdate,
    responses((status = 200, description = "Changed", body = Value), (status = 404), (status = 422)),
)]
async fn update_update(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
    Valid(Json(changes)): Valid<Json<MergePatch>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    let before = store::update(&mut tx, Some(actor.organization_id), id).await?;
    let new: NewUpdate = changes.apply_to(resource(kernel, &before, true))?;
    save_update(&mut tx, kernel, actor.organization_id, id, new).await?;
    audit(&mut tx, &kernel.env, &actor, "update.edit", Some(id), json!({})).await?;
    let row = store::update(&mut tx, Some(actor.organization_id), id).await?;
    tx.commit().await?;
    Ok(Json(resource(kernel, &row, true)).into_response())
}

/// Takes an update down everywhere, for good.
#[utoipa::path(
    delete,
    path = "/api/v1/updates/{id}",
    tag = "updates",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Taken down", body = Value), (status = 404)),
)]
async fn delete_update(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    let row = store::update(&mut tx, Some(actor.organization_id), id).await?;
    store::delete_update(&mut tx, id).await?;
    audit(&mut tx, &kernel.env, &actor, "update.delete", Some(id), json!({"kind": row.kind})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This update is gone from every page."})))
}

/// A line of a CSV file of figures.
#[derive(Debug, Deserialize)]
struct FigureLine {
    date: NaiveDate,
    title: String,
    series: String,
    value: f64,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    source_url: String,
}

/// Takes figures of draws from CSV: `date,title,series,value,unit,source_url`, one number in each line. Lines of one day and
/// title make one update; the same file twice changes nothing. All of it or nothing.
#[utoipa::path(
    post,
    path = "/api/v1/updates/figures.csv",
    tag = "updates",
    params(("campaign" = String, Query, description = "Id or slug of the campaign")),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "How many updates were written", body = Value),
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
    if !kind.starts_with("text/csv") {
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
        let day = new.date.unwrap_or_default();
        let known = store::campaign(&mut tx, Some(actor.organization_id), &campaign).await;
        let known = known.map_err(|_| Error::field("/campaign", "unknown_value", "There is no such campaign."))?;
        let there = store::update_titled(&mut tx, known.id, day, &new.title).await?;
        save_update(&mut tx, kernel, actor.organization_id, there.unwrap_or_else(|| kernel.env.id()), new).await?;
    }
    audit(&mut tx, &kernel.env, &actor, "update.import", None, json!({"updates": written})).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &json!({"muster:updates": written})))
}

fn read_figures(body: &[u8], campaign: &str) -> Result<Vec<NewUpdate>> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body));
    let mut updates: Vec<NewUpdate> = Vec::new();
    let mut errors = Vec::new();
    for (i, line) in reader.deserialize::<FigureLine>().enumerate() {
        if i >= MAX_CSV_ROWS {
            errors.push(FieldError::new("", "too_long", format!("At most {MAX_CSV_ROWS} lines.")));
            break;
        }
        // the header is line 1
        let at = format!("/{}", i + 2);
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                let detail = match error.kind() {
                    csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        format!("{len} cells instead of {expected_len}.")
                    }
                    csv::ErrorKind::Utf8 { .. } => "Not UTF-8.".to_owned(),
                    _ => "This line cannot be read.".to_owned(),
                };
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
        match updates.iter_mut().find(|u| u.date == Some(line.date) && u.title == line.title) {
            Some(update) => update.figures.push(figure),
            None => updates.push(NewUpdate {
                title: line.title,
                body: String::new(),
                muster_campaign: campaign.to_owned(),
                muster_kind: UpdateKind::Draw,
                date: Some(line.date),
                figures: vec![figure],
                source_url: line.source_url,
                muster_texts: Texts::new(),
                muster_image: None,
                muster_embargo_until: None,
                muster_media_contact: String::new(),
                muster_quotes: Vec::new(),
                muster_pseudonym: String::new(),
                muster_consent: None,
            }),
        }
    }
    if errors.is_empty() { Ok(updates) } else { Err(Error::Fields(errors)) }
}
