//! `/api/v1/offices` and `/api/v1/officials`: the recipients of letters.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::reader;
use crate::{
    campaigns::slug_of_title,
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams},
        hal::{Links, identifiers},
        idempotency::{self, KeyClaim},
        paging::{Listed, Page},
        patch::{NewBody, Patch, both},
        text::{EmailAddress, LocaleTag, Slug, TextError, clean_line, international_phone, required_line},
    },
    letters::{
        hours::OfficeHours,
        ops::{self, Holder, NewOffice},
        store::{self, OfficePhone, OfficeRow, OfficeText, OfficeTitle, OfficialName, OfficialRow, Term},
        submission::Letters,
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// What may be written of an office, and what answers show of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
pub(super) struct OfficeDocument {
    /// "Minister of Immigration".
    #[validate(length(min = 1, max = 200))]
    pub title: String,
    /// Made from the title if absent; cannot be changed.
    #[serde(default, rename = "muster:slug")]
    #[validate(length(max = 80))]
    pub muster_slug: Option<String>,
    /// Where letters go: the first is written to, the others get a copy. Shown to the organization's own tokens.
    #[serde(default, rename = "muster:mailboxes", skip_serializing_if = "Option::is_none")]
    #[validate(length(max = 20))]
    pub muster_mailboxes: Option<Vec<String>>,
    /// Who holds it from today on; `null` leaves it vacant.
    #[serde(default, rename = "muster:holder")]
    pub muster_holder: Option<HolderDocument>,
    /// Language of the title; English if absent.
    #[serde(default, rename = "muster:locale")]
    #[validate(length(max = 35))]
    pub muster_locale: Option<String>,
    /// The title in other languages, by language tag: `{"fr": {"title": "..."}}`.
    #[serde(default, rename = "muster:texts")]
    pub muster_texts: BTreeMap<String, OfficeTitle>,
    /// Its public telephone number.
    #[serde(default, rename = "muster:phone")]
    #[validate(length(max = 40))]
    pub muster_phone: String,
    /// When somebody answers the phone.
    #[serde(default, rename = "muster:hours")]
    #[validate(nested)]
    pub muster_hours: OfficeHours,
}

/// Who holds an office.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub(super) struct HolderDocument {
    /// `muster:<uuid>` of the official; ignored in requests.
    #[serde(deserialize_with = "ignored")]
    #[schema(read_only)]
    pub identifiers: Vec<String>,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// "The Honourable".
    pub honorific_prefix: String,
    /// First day in office; ignored in requests.
    #[serde(deserialize_with = "ignored")]
    #[schema(read_only)]
    pub start_date: Option<NaiveDate>,
}

impl HolderDocument {
    fn names(&self) -> [&str; 3] {
        [&self.given_name, &self.family_name, &self.honorific_prefix]
    }
}

/// Reads and drops a member that only answers have.
fn ignored<'de, D: Deserializer<'de>, T: Default>(deserializer: D) -> Result<T, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| T::default())
}

/// An office.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OfficeResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    #[serde(flatten)]
    office: OfficeDocument,
    /// RFC 3339.
    created_date: DateTime<Utc>,
    /// RFC 3339.
    modified_date: DateTime<Utc>,
    #[serde(rename = "_links")]
    links: Links,
}

impl Listed for OfficeResource {
    const REL: &'static str = "muster:offices";

    fn links(&self) -> &Links {
        &self.links
    }
}

/// A page of offices.
type OfficePage = Page<OfficeResource>;
/// A page of officials.
type OfficialPage = Page<OfficialResource>;

/// An official.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OfficialResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    #[serde(flatten)]
    official: OfficialDocument,
    /// RFC 3339.
    created_date: DateTime<Utc>,
    /// RFC 3339.
    modified_date: DateTime<Utc>,
    /// Terms in offices, newest first.
    #[serde(rename = "muster:terms")]
    muster_terms: Vec<Term>,
    #[serde(rename = "_links")]
    links: Links,
}

impl Listed for OfficialResource {
    const REL: &'static str = "muster:officials";

    fn links(&self) -> &Links {
        &self.links
    }
}

/// What may be written of an official.
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
pub(super) struct OfficialDocument {
    /// Given name.
    #[serde(default)]
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// "The Honourable".
    #[serde(default)]
    pub honorific_prefix: String,
}

/// The first term of an official who is created.
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
pub(super) struct FirstTermDocument {
    /// Id or slug of the office.
    #[serde(default, rename = "muster:office")]
    #[validate(length(max = 80))]
    pub muster_office: Option<String>,
    /// When; from today on if absent.
    #[serde(default, rename = "muster:term")]
    pub muster_term: Option<TermDocument>,
}

/// An official to create, with a first term if an office is named.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct NewOfficial {
    #[serde(flatten)]
    official: OfficialDocument,
    #[serde(flatten)]
    first_term: FirstTermDocument,
}

/// Days in office.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct TermDocument {
    /// First day.
    pub start_date: NaiveDate,
    /// Last day; absent: still there.
    #[serde(default)]
    pub end_date: Option<NaiveDate>,
}

/// Collects refused fields.
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

/// An [`OfficeDocument`] that passed.
struct ValidatedOffice {
    title: String,
    slug: Slug,
    mailboxes: Vec<EmailAddress>,
    holder: Option<OfficialName>,
    locale: LocaleTag,
    titles: BTreeMap<LocaleTag, String>,
    phone: OfficePhone,
}

impl OfficeDocument {
    /// The office as it is, with its mailboxes.
    fn of(row: &OfficeRow) -> Self {
        let holder = row.family_name.as_ref().map(|family_name| HolderDocument {
            identifiers: row.official_id.map(identifiers).unwrap_or_default(),
            given_name: row.given_name.clone().unwrap_or_default(),
            family_name: family_name.clone(),
            honorific_prefix: row.honorific_prefix.clone().unwrap_or_default(),
            start_date: row.starts_on,
        });
        Self {
            title: row.title.clone(),
            muster_slug: Some(row.slug.clone()),
            muster_mailboxes: Some(row.mailboxes.clone()),
            muster_holder: holder,
            muster_locale: Some(row.locale.clone()),
            muster_texts: row.texts.0.clone(),
            muster_phone: row.phone.clone(),
            muster_hours: row.hours.0.clone(),
        }
    }

    /// Checks and normalises.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    fn validate(self) -> Result<ValidatedOffice> {
        let mut refused = FieldErrors::default();
        let title = refused.take("/title", required_line(&self.title, 200));
        let given_slug = self.muster_slug.as_deref().map(|s| refused.take("/muster:slug", Slug::parse(s)));
        let locale = self.muster_locale.and_then(|l| refused.take("/muster:locale", LocaleTag::parse(&l)));
        let mailboxes = self.muster_mailboxes.unwrap_or_default();
        let mailboxes = mailboxes.iter().enumerate();
        let mailboxes = mailboxes
            .filter_map(|(i, a)| refused.take(format!("/muster:mailboxes/{i}"), EmailAddress::parse(a)))
            .collect();
        let holder = self.muster_holder;
        let holder = holder.map(|h| refused.name("/muster:holder", &h.given_name, &h.family_name, &h.honorific_prefix));
        let mut titles = BTreeMap::new();
        for (tag, text) in self.muster_texts {
            let at = format!("/muster:texts/{}", tag.replace('~', "~0").replace('/', "~1"));
            let locale = refused.take(at.clone(), LocaleTag::parse(&tag));
            let title = refused.take(format!("{at}/title"), required_line(&text.title, 200));
            if let (Some(locale), Some(title)) = (locale, title) {
                titles.insert(locale, title);
            }
        }
        let phone = refused.take("/muster:phone", clean_line(&self.muster_phone, 40)).unwrap_or_default();
        let phone = OfficePhone {
            phone: international_phone(&phone, ""),
            hours: self.muster_hours.checked("/muster:hours", &mut refused.0),
        };
        refused.done()?;
        let title = title.unwrap_or_default();
        let made = || slug_of_title(&title, "office").map_err(|e| Error::field("/muster:slug", e.code, e.detail));
        let slug = given_slug.flatten().map_or_else(made, Ok)?;
        Ok(ValidatedOffice { title, slug, mailboxes, holder, locale: locale.unwrap_or_default(), titles, phone })
    }
}

fn office_resource(kernel: &Kernel, row: &OfficeRow, actor: Option<&Actor>) -> OfficeResource {
    let mut office = OfficeDocument::of(row);
    if actor.is_none_or(|a| a.organization_id != row.organization_id) {
        office.muster_mailboxes = None;
    }
    OfficeResource {
        identifiers: identifiers(row.id),
        office,
        created_date: row.created_at,
        modified_date: row.modified_at,
        links: Links::to_self(kernel.url(&format!("/api/v1/offices/{}", row.id))).with_curies(),
    }
}

fn official_resource(kernel: &Kernel, row: OfficialRow) -> OfficialResource {
    OfficialResource {
        identifiers: identifiers(row.id),
        official: OfficialDocument {
            given_name: row.given_name,
            family_name: row.family_name,
            honorific_prefix: row.honorific_prefix,
        },
        created_date: row.created_at,
        modified_date: row.modified_at,
        muster_terms: row.terms.0,
        links: Links::to_self(kernel.url(&format!("/api/v1/officials/{}", row.id))).with_curies(),
    }
}

/// Offices by title; without a token those of all organizations, without their mailboxes.
#[utoipa::path(
    get,
    path = "/api/v1/offices",
    tag = "offices",
    responses((status = 200, description = "A page of offices", body = OfficePage)),
)]
pub(super) async fn list_offices(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    query: ListQuery,
) -> Result<Json<Page<OfficeResource>>> {
    query.refuse_filter()?;
    let (kernel, actor) = (&letters.kernel, reader(actor));
    let mut conn = kernel.db.acquire().await?;
    let organization = actor.as_ref().map(|a| a.organization_id);
    let (rows, extent) = store::offices(&mut conn, organization, letters.today(), &query.page).await?;
    let items = rows.iter().map(|row| office_resource(kernel, row, actor.as_ref())).collect();
    Ok(Json(Page::new(&kernel.url("/api/v1/offices"), &query.raw, &query.page, &extent, items)))
}

/// One office.
#[utoipa::path(
    get,
    path = "/api/v1/offices/{id}",
    tag = "offices",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The office", body = OfficeResource), (status = 404)),
)]
pub(super) async fn get_office(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    PathParams(key): PathParams<String>,
) -> Result<Json<OfficeResource>> {
    let actor = reader(actor);
    let mut conn = letters.kernel.db.acquire().await?;
    let row = store::office(&mut conn, actor.as_ref().map(|a| a.organization_id), &key, letters.today()).await?;
    Ok(Json(office_resource(&letters.kernel, &row, actor.as_ref())))
}

/// Creates an office; its holder begins today.
#[utoipa::path(
    post,
    path = "/api/v1/offices",
    tag = "offices",
    request_body = OfficeDocument,
    responses((status = 201, description = "Created", body = OfficeResource), (status = 422)),
)]
pub(super) async fn create_office(
    State(letters): State<Letters>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<OfficeResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let checked = body.part::<OfficeDocument>()?.validate()?;
    let today = letters.today();
    let new = NewOffice {
        slug: checked.slug,
        title: checked.title,
        titles: checked.titles,
        locale: checked.locale,
        mailboxes: checked.mailboxes,
        holders: checked.holder.map(|name| Holder { name, starts_on: today, ends_on: None }).into_iter().collect(),
    };
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/offices", &body.bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.env.id();
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            ops::create_office(&mut tx, kernel, actor.organization_id, id, &new).await?;
            store::set_office_phone(&mut tx, id, &checked.phone, kernel.env.now()).await?;
            audit(&mut tx, &kernel.env, &actor, "office.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::office(&mut tx, Some(actor.organization_id), &id.to_string(), today).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(office_resource(kernel, &row, Some(&actor)))).into_response())
}

/// Changes an office. A new holder's term begins today, the previous one ends yesterday and is kept.
#[utoipa::path(
    put,
    path = "/api/v1/offices/{id}",
    tag = "offices",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = OfficeDocument,
    responses((status = 200, description = "Changed", body = OfficeResource), (status = 404), (status = 422)),
)]
pub(super) async fn update_office(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    patch: Patch<OfficeResource>,
) -> Result<Json<OfficeResource>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let mut tx = kernel.db.begin().await?;
    let row = store::office_to_change(&mut tx, actor.organization_id, &key, letters.today()).await?;
    let before = OfficeDocument::of(&row);
    let mut after: OfficeDocument = patch.apply(&before)?;
    // null for what was derived when the office was created leaves it as it is
    after.muster_slug = after.muster_slug.or(before.muster_slug.clone());
    after.muster_mailboxes = after.muster_mailboxes.or(before.muster_mailboxes.clone());
    after.muster_locale = after.muster_locale.or(before.muster_locale.clone());
    let names = |office: &OfficeDocument| office.muster_holder.as_ref().map(|h| h.names().map(str::to_owned));
    let changes_holder = names(&before) != names(&after);
    let ValidatedOffice { title, slug, mailboxes, holder, locale, titles, phone } = after.validate()?;
    if slug.as_str() != row.slug {
        return Err(Error::field("/muster:slug", "not_allowed", "An office's slug cannot be changed."));
    }
    let mailboxes = ops::normalized_addresses(&mailboxes);
    let changes_mailboxes = mailboxes != row.mailboxes;
    let text = OfficeText { title: &title, texts: &ops::office_texts(&titles), locale: locale.as_str() };
    let changes_text = (text.title, text.texts, text.locale) != (row.title.as_str(), &row.texts.0, row.locale.as_str());
    if changes_text || changes_mailboxes || changes_holder {
        store::save_office(&mut tx, row.id, &text, kernel.env.now()).await?;
    }
    if (&phone.phone, &phone.hours) != (&row.phone, &row.hours.0) {
        store::set_office_phone(&mut tx, row.id, &phone, kernel.env.now()).await?;
    }
    if changes_mailboxes {
        ops::set_mailboxes(&mut tx, kernel, row.id, &mailboxes).await?;
    }
    if changes_holder {
        ops::set_holder(&mut tx, kernel, &row, holder.as_ref()).await?;
    }
    let changed = json!({"mailboxes": changes_mailboxes, "holder": changes_holder});
    audit(&mut tx, &kernel.env, &actor, "office.edit", Some(row.id), changed).await?;
    let row = store::office(&mut tx, Some(actor.organization_id), &row.id.to_string(), letters.today()).await?;
    tx.commit().await?;
    Ok(Json(office_resource(kernel, &row, Some(&actor))))
}

/// Officials by name, with their terms.
#[utoipa::path(
    get,
    path = "/api/v1/officials",
    tag = "offices",
    responses((status = 200, description = "A page of officials", body = OfficialPage)),
)]
pub(super) async fn list_officials(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    query: ListQuery,
) -> Result<Json<Page<OfficialResource>>> {
    query.refuse_filter()?;
    let kernel = &letters.kernel;
    let mut conn = kernel.db.acquire().await?;
    let organization = reader(actor).map(|a| a.organization_id);
    let (rows, extent) = store::officials(&mut conn, organization, &query.page).await?;
    let items = rows.into_iter().map(|row| official_resource(kernel, row)).collect();
    Ok(Json(Page::new(&kernel.url("/api/v1/officials"), &query.raw, &query.page, &extent, items)))
}

/// One official.
#[utoipa::path(
    get,
    path = "/api/v1/officials/{id}",
    tag = "offices",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The official", body = OfficialResource), (status = 404)),
)]
pub(super) async fn get_official(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<OfficialResource>> {
    let mut conn = letters.kernel.db.acquire().await?;
    let row = store::official(&mut conn, reader(actor).map(|a| a.organization_id), id).await?;
    Ok(Json(official_resource(&letters.kernel, row)))
}

/// Creates an official, with a term in an office if one is named.
#[utoipa::path(
    post,
    path = "/api/v1/officials",
    tag = "offices",
    request_body = NewOfficial,
    responses((status = 201, description = "Created", body = OfficialResource), (status = 422)),
)]
pub(super) async fn create_official(
    State(letters): State<Letters>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<NewOfficial>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let (official, first_term) = both(body.part::<OfficialDocument>(), body.part::<FirstTermDocument>())?;
    let OfficialDocument { given_name, family_name, honorific_prefix } = &official;
    let mut refused = FieldErrors::default();
    let name = refused.name("", given_name, family_name, honorific_prefix);
    if first_term.muster_term.is_some() && first_term.muster_office.is_none() {
        refused.0.push(FieldError::new("/muster:office", "required", "A term is a term in an office."));
    }
    refused.done()?;
    let key =
        organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/officials", &body.bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.env.id();
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            store::insert_official(&mut tx, id, actor.organization_id, &name, kernel.env.now()).await?;
            if let Some(office) = &first_term.muster_office {
                let office = store::office(&mut tx, Some(actor.organization_id), office, letters.today()).await;
                let office = office.map_err(|e| match e.code() {
                    crate::error::Code::NotFound => {
                        Error::field("/muster:office", "unknown_value", "There is no such office.")
                    }
                    _ => e,
                })?;
                let term =
                    first_term.muster_term.unwrap_or(TermDocument { start_date: letters.today(), end_date: None });
                ops::begin_term(&mut tx, kernel, office.id, id, term.start_date, term.end_date).await?;
            }
            audit(&mut tx, &kernel.env, &actor, "official.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::official(&mut tx, Some(actor.organization_id), id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(official_resource(kernel, row))).into_response())
}
