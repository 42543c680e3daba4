//! `offices` and `officials`: who can be written to.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::reader;
use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams, ValidWithBytes, nullable},
        filter::FieldSet,
        hal::{curies, identifiers, link},
        idempotency::{self, KeyClaim},
        paging::Listing,
        text::{EmailAddress, LocaleTag, Slug, TextError, clean_line, required_line},
    },
    letters::{
        ops::{self, Holder, NewOffice},
        store::{self, OfficeRow, OfficeText, OfficialName, OfficialRow},
        submission::Letters,
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// An office to create, or changes of one; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct OfficeBody {
    /// "Minister of Immigration". Required to create.
    #[validate(length(min = 1, max = 200))]
    pub title: Option<String>,
    /// Made from the title if absent; cannot be changed.
    #[serde(rename = "muster:slug")]
    #[validate(length(max = 80))]
    pub muster_slug: Option<String>,
    /// Where letters go: the first is written to, the others get a copy.
    #[serde(rename = "muster:mailboxes")]
    #[validate(length(max = 20))]
    pub muster_mailboxes: Option<Vec<String>>,
    /// Who holds it from today on; `null` leaves it vacant.
    #[serde(rename = "muster:holder", deserialize_with = "nullable")]
    #[schema(value_type = Option<HolderBody>)]
    #[expect(clippy::option_option, reason = "`null` leaves the office vacant, absent changes nothing")]
    pub muster_holder: Option<Option<HolderBody>>,
    /// Language of the title.
    #[serde(rename = "muster:locale")]
    #[validate(length(max = 35))]
    pub muster_locale: Option<String>,
    /// The title in other languages: `{"fr": {"title": "..."}}`.
    #[serde(rename = "muster:texts")]
    pub muster_texts: Option<BTreeMap<String, TitleBody>>,
}

/// Who holds an office.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct HolderBody {
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// "The Honourable".
    pub honorific_prefix: String,
}

/// An office's title in another language.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct TitleBody {
    /// The title.
    pub title: String,
}

/// An official to create, with a first term if an office is named.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct OfficialBody {
    /// Given name.
    #[serde(default)]
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// "The Honourable".
    #[serde(default)]
    pub honorific_prefix: String,
    /// Id or slug of the office.
    #[serde(default, rename = "muster:office")]
    #[validate(length(max = 80))]
    pub muster_office: Option<String>,
    /// When; from today on if absent.
    #[serde(default, rename = "muster:term")]
    pub muster_term: Option<TermBody>,
}

/// Days in office.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct TermBody {
    /// First day.
    pub start_date: NaiveDate,
    /// Last day; absent: still there.
    #[serde(default)]
    pub end_date: Option<NaiveDate>,
}

/// Gathers refused fields.
#[derive(Default)]
struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    fn take<T>(&mut self, pointer: impl Into<String>, parsed: Result<T, TextError>) -> Option<T> {
        parsed.map_err(|e| self.0.push(FieldError::new(pointer, e.code, e.detail))).ok()
    }

    fn name(&mut self, at: &str, given: &str, family: &str, prefix: &str) -> OfficialName {
        OfficialName {
            honorific_prefix: self.take(format!("{at}/honorific_prefix"), clean_line(prefix, 100)).unwrap_or_default(),
            given_name: self.take(format!("{at}/given_name"), clean_line(given, 100)).unwrap_or_default(),
            family_name: self.take(format!("{at}/family_name"), required_line(family, 100)).unwrap_or_default(),
        }
    }

    fn done(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Fields(self.0)) }
    }
}

/// What passed of an [`OfficeBody`].
struct ValidatedOffice {
    title: Option<String>,
    slug: Option<Slug>,
    mailboxes: Option<Vec<EmailAddress>>,
    #[expect(clippy::option_option, reason = "`null` leaves the office vacant, absent changes nothing")]
    holder: Option<Option<OfficialName>>,
    locale: Option<LocaleTag>,
    titles: Option<BTreeMap<LocaleTag, String>>,
}

impl OfficeBody {
    fn validate(self, creating: bool) -> Result<ValidatedOffice> {
        let mut refused = FieldErrors::default();
        let title = self.title.and_then(|t| refused.take("/title", required_line(&t, 200)));
        let slug = self.muster_slug.and_then(|s| refused.take("/muster:slug", Slug::parse(&s)));
        let locale = self.muster_locale.and_then(|l| refused.take("/muster:locale", LocaleTag::parse(&l)));
        let mailboxes = self.muster_mailboxes.map(|input| {
            let parsed = input.iter().enumerate();
            parsed.filter_map(|(i, a)| refused.take(format!("/muster:mailboxes/{i}"), EmailAddress::parse(a))).collect()
        });
        let holder = self.muster_holder.map(|holder| {
            holder.map(|h| refused.name("/muster:holder", &h.given_name, &h.family_name, &h.honorific_prefix))
        });
        let titles = self.muster_texts.map(|texts| {
            let mut titles = BTreeMap::new();
            for (tag, text) in texts {
                let at = format!("/muster:texts/{}", tag.replace('~', "~0").replace('/', "~1"));
                let locale = refused.take(at.clone(), LocaleTag::parse(&tag));
                let title = refused.take(format!("{at}/title"), required_line(&text.title, 200));
                if let (Some(locale), Some(title)) = (locale, title) {
                    titles.insert(locale, title);
                }
            }
            titles
        });
        let slug = match (&slug, &title) {
            (None, Some(title)) if creating && refused.0.is_empty() => Slug::from_title(title),
            _ => slug,
        };
        if creating && title.is_none() && refused.0.is_empty() {
            refused.0.push(FieldError::new("/title", "required", "This field is required."));
        } else if creating && slug.is_none() && refused.0.is_empty() {
            refused.0.push(FieldError::new(
                "/muster:slug",
                "required",
                "No slug can be made from this title; give one.",
            ));
        }
        refused.done()?;
        Ok(ValidatedOffice { title, slug, mailboxes, holder, locale, titles })
    }
}

fn resource(kernel: &Kernel, row: &OfficeRow, actor: Option<&Actor>) -> Value {
    let holder = row.family_name.as_ref().map(|family_name| {
        json!({
            "identifiers": row.official_id.map(identifiers),
            "given_name": row.given_name,
            "family_name": family_name,
            "honorific_prefix": row.honorific_prefix,
            "start_date": row.starts_on,
        })
    });
    let mut office = json!({
        "identifiers": identifiers(row.id),
        "title": row.title,
        "created_date": row.created_at,
        "modified_date": row.modified_at,
        "muster:slug": row.slug,
        "muster:locale": row.locale,
        "muster:texts": row.texts,
        "muster:holder": holder,
        "_links": {"self": link(kernel.url(&format!("/api/v1/offices/{}", row.id))), "curies": curies()},
    });
    if actor.is_some_and(|a| a.organization_id == row.organization_id) {
        office["muster:mailboxes"] = json!(row.mailboxes);
    }
    office
}

fn official_resource(kernel: &Kernel, row: &OfficialRow) -> Value {
    json!({
        "identifiers": identifiers(row.id),
        "given_name": row.given_name,
        "family_name": row.family_name,
        "honorific_prefix": row.honorific_prefix,
        "created_date": row.created_at,
        "modified_date": row.modified_at,
        "muster:terms": row.terms,
        "_links": {"self": link(kernel.url(&format!("/api/v1/officials/{}", row.id))), "curies": curies()},
    })
}

/// Offices by title; without a token those of all organizations, without their mailboxes.
#[utoipa::path(
    get,
    path = "/api/v1/offices",
    tag = "offices",
    responses((status = 200, description = "A page of offices", body = Value)),
)]
pub(super) async fn list_offices(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    query: ListQuery,
) -> Result<Json<Value>> {
    query.filter(FieldSet(&[]))?;
    let (kernel, actor) = (&letters.kernel, reader(actor));
    let mut conn = kernel.db.acquire().await?;
    let organization = actor.as_ref().map(|a| a.organization_id);
    let (rows, extent) = store::offices(&mut conn, organization, letters.today(), &query.page).await?;
    let items = rows.iter().map(|row| resource(kernel, row, actor.as_ref())).collect();
    let url = kernel.url("/api/v1/offices");
    Ok(Json(Listing::new(&url, "muster:offices", &query.page, extent).keep_query(&query.raw).body(items)))
}

/// One office.
#[utoipa::path(
    get,
    path = "/api/v1/offices/{id}",
    tag = "offices",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The office", body = Value), (status = 404)),
)]
pub(super) async fn get_office(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Value>> {
    let actor = reader(actor);
    let mut conn = letters.kernel.db.acquire().await?;
    let row = store::office(&mut conn, actor.as_ref().map(|a| a.organization_id), &key, letters.today()).await?;
    Ok(Json(resource(&letters.kernel, &row, actor.as_ref())))
}

/// Creates an office; its holder begins today.
#[utoipa::path(
    post,
    path = "/api/v1/offices",
    tag = "offices",
    request_body = OfficeBody,
    responses((status = 201, description = "Created", body = Value), (status = 422)),
)]
pub(super) async fn create_office(
    State(letters): State<Letters>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(body, bytes): ValidWithBytes<OfficeBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let checked = body.validate(true)?;
    let (Some(title), Some(slug)) = (checked.title, checked.slug) else {
        return Err(Error::internal("an office without a title passed"));
    };
    let today = letters.today();
    let new = NewOffice {
        slug,
        title,
        titles: checked.titles.unwrap_or_default(),
        locale: checked.locale.unwrap_or_default(),
        mailboxes: checked.mailboxes.unwrap_or_default(),
        holders: checked
            .holder
            .flatten()
            .map(|name| Holder { name, starts_on: today, ends_on: None })
            .into_iter()
            .collect(),
    };
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/offices", &bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.env.id();
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            ops::create_office(&mut tx, kernel, actor.organization_id, id, &new).await?;
            audit(&mut tx, &kernel.env, &actor, "office.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::office(&mut tx, Some(actor.organization_id), &id.to_string(), today).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(resource(kernel, &row, Some(&actor)))).into_response())
}

/// Changes an office. A new holder ends the present one's term yesterday; history stays.
#[utoipa::path(
    put,
    path = "/api/v1/offices/{id}",
    tag = "offices",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = OfficeBody,
    responses((status = 200, description = "Changed", body = Value), (status = 404), (status = 422)),
)]
pub(super) async fn update_office(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    ValidWithBytes(body, _): ValidWithBytes<OfficeBody>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let checked = body.validate(false)?;
    let mut tx = kernel.db.begin().await?;
    let row = store::office(&mut tx, Some(actor.organization_id), &key, letters.today()).await?;
    if checked.slug.as_ref().is_some_and(|slug| slug.as_str() != row.slug) {
        return Err(Error::field("/muster:slug", "not_allowed", "An office's slug cannot be changed."));
    }
    let texts = checked.titles.as_ref().map_or_else(|| row.texts.clone(), ops::office_texts);
    let locale = checked.locale.map_or_else(|| row.locale.clone(), |l| l.as_str().to_owned());
    let text = OfficeText { title: checked.title.as_ref().unwrap_or(&row.title), texts: &texts, locale: &locale };
    store::save_office(&mut tx, row.id, &text, kernel.env.now()).await?;
    if let Some(mailboxes) = &checked.mailboxes {
        ops::set_mailboxes(&mut tx, kernel, row.id, mailboxes).await?;
    }
    if let Some(holder) = &checked.holder {
        ops::set_holder(&mut tx, kernel, &row, holder.as_ref()).await?;
    }
    let changed = json!({"mailboxes": checked.mailboxes.is_some(), "holder": checked.holder.is_some()});
    audit(&mut tx, &kernel.env, &actor, "office.edit", Some(row.id), changed).await?;
    let row = store::office(&mut tx, Some(actor.organization_id), &row.id.to_string(), letters.today()).await?;
    tx.commit().await?;
    Ok(Json(resource(kernel, &row, Some(&actor))))
}

/// Officials by name, with their terms.
#[utoipa::path(
    get,
    path = "/api/v1/officials",
    tag = "offices",
    responses((status = 200, description = "A page of officials", body = Value)),
)]
pub(super) async fn list_officials(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    query: ListQuery,
) -> Result<Json<Value>> {
    query.filter(FieldSet(&[]))?;
    let kernel = &letters.kernel;
    let mut conn = kernel.db.acquire().await?;
    let organization = reader(actor).map(|a| a.organization_id);
    let (rows, extent) = store::officials(&mut conn, organization, &query.page).await?;
    let items = rows.iter().map(|row| official_resource(kernel, row)).collect();
    let url = kernel.url("/api/v1/officials");
    Ok(Json(Listing::new(&url, "muster:officials", &query.page, extent).keep_query(&query.raw).body(items)))
}

/// One official.
#[utoipa::path(
    get,
    path = "/api/v1/officials/{id}",
    tag = "offices",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The official", body = Value), (status = 404)),
)]
pub(super) async fn get_official(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Value>> {
    let mut conn = letters.kernel.db.acquire().await?;
    let row = store::official(&mut conn, reader(actor).map(|a| a.organization_id), id).await?;
    Ok(Json(official_resource(&letters.kernel, &row)))
}

/// Creates an official, with a term in an office if one is named.
#[utoipa::path(
    post,
    path = "/api/v1/officials",
    tag = "offices",
    request_body = OfficialBody,
    responses((status = 201, description = "Created", body = Value), (status = 422)),
)]
pub(super) async fn create_official(
    State(letters): State<Letters>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(body, bytes): ValidWithBytes<OfficialBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let mut refused = FieldErrors::default();
    let name = refused.name("", &body.given_name, &body.family_name, &body.honorific_prefix);
    if body.muster_term.is_some() && body.muster_office.is_none() {
        refused.0.push(FieldError::new("/muster:office", "required", "A term is a term in an office."));
    }
    refused.done()?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/officials", &bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.env.id();
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            store::insert_official(&mut tx, id, actor.organization_id, &name, kernel.env.now()).await?;
            if let Some(office) = &body.muster_office {
                let office = store::office(&mut tx, Some(actor.organization_id), office, letters.today()).await;
                let office = office.map_err(|e| match e.code() {
                    crate::error::Code::NotFound => {
                        Error::field("/muster:office", "unknown_value", "There is no such office.")
                    }
                    _ => e,
                })?;
                let term = body.muster_term.unwrap_or(TermBody { start_date: letters.today(), end_date: None });
                ops::begin_term(&mut tx, kernel, office.id, id, term.start_date, term.end_date).await?;
            }
            audit(&mut tx, &kernel.env, &actor, "official.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::official(&mut tx, Some(actor.organization_id), id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(official_resource(kernel, &row))).into_response())
}
