//! The console's forms. Each is declared as data ([`declared`]): the operation of the API that it issues, its fields,
//! and the page that it leads on to.
//!
//! GET of a form's address shows it, filled with what the API answers or empty. POST to the same address makes the
//! request in process, as the session; what the API decides stands there once. On success the browser is sent on
//! (Post/Redirect/Get), on a problem the page comes again with all that was typed, a summary of the errors, and each
//! error beside its field. Nothing needs a script: a column for another language and a row more are buttons of the
//! same form.

mod controls;
mod declared;
mod field;
mod typed;

pub(super) use controls::refusals;

use std::collections::HashMap;

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Request, State},
    http::{Method, StatusCode},
    response::Response,
    routing::get,
};
use minijinja::{context, value::Serde};
use serde_json::{Map, Value};

use self::{
    controls::{GroupView, Refusal, View, place},
    field::{Choices, Field, Group, Shown, Widget},
    typed::Typed,
};
use super::{
    accounts::confirm_url,
    api_client::{ApiClient, boundary_of, check_form, json, read_form, read_request},
    frame::{Page, checked, id_of},
};
use crate::{
    campaigns::{Kind, Privacy},
    error::{Code, Error, Result},
    kernel::{
        i18n,
        pages::{Visitor, language_name, private, see_other},
        text::LocaleTag,
        zones::{self, Zone},
    },
    organizers::Scope,
    petitions::ImportState,
};

/// A form, as data. In its addresses and paths `{name}` stands for a part of the page's address, `{collection}` for the
/// API's name of the page's kind of action.
#[derive(Clone, Copy, Debug)]
pub(in crate::console) struct Form {
    /// Address of its page; one with `{kind}` stands for the pages of petitions, events and letters.
    pub address: &'static str,
    /// Key of the heading and of the page's title.
    pub title: &'static str,
    /// Key of a hint under the heading; empty: none.
    pub hint: &'static str,
    /// Key of the button.
    pub button: &'static str,
    /// Method of the API's operation.
    pub method: &'static str,
    /// Path of the API's operation.
    pub path: &'static str,
    /// Path of the API whose answer fills the form; empty: it starts empty.
    pub reads: &'static str,
    /// Where `reads` is a list: its member (in `_embedded`, if there is one), and the part of the address that is the
    /// entry's id.
    pub picks: Option<(&'static str, &'static str)>,
    /// The page that success leads on to; `{new}` is the id of what was created.
    pub then: &'static str,
    /// The page that its reader comes from.
    pub back: &'static str,
    /// The scope that the operation needs.
    pub scope: Scope,
    /// After the upload of a file: a PUT to this path sets this member to the file's id.
    pub sets: Option<(&'static str, &'static str)>,
    /// Objects that are null while all that they have is empty.
    pub nullable: &'static [&'static str],
    /// Path of the API at which what is edited can be deleted, and the key of that button; empty: not here.
    pub removes: (&'static str, &'static str),
    /// Pages about the same thing: address and key.
    pub links: &'static [(&'static str, &'static str)],
    /// A number of the answer that the next page tells; empty: none.
    pub tells: &'static str,
    /// A number of what was read, told with this text.
    pub counts: Option<(&'static str, &'static str)>,
    /// Its fields.
    pub groups: &'static [Group],
}

/// The names of the kinds of action in the console's addresses, and in the API's.
fn kinds() -> [(&'static str, &'static str); Kind::ALL.len()] {
    Kind::ALL.map(|kind| (kind.section(), kind.collection()))
}

/// Routes of all forms.
pub(super) fn router() -> Router<ApiClient> {
    let mut router = Router::new();
    for form in declared::forms() {
        let kinds = if form.address.contains("{kind}") { kinds().to_vec() } else { vec![("", "")] };
        for (kind, collection) in kinds {
            let names = [("kind", kind), ("collection", collection)];
            let show = move |page: Page| async move { show(form, page.with(&names)).await };
            let submit = move |State(client): State<ApiClient>, request: Request| async move {
                let (mut parts, body) = request.into_parts();
                match Page::from_request_parts(&mut parts, &client).await {
                    Ok(page) => submit(form, page.with(&names), Request::from_parts(parts, body)).await,
                    Err(other) if other.status() != StatusCode::SEE_OTHER => Ok(other),
                    Err(_) => keep(&client, Request::from_parts(parts, body)).await,
                }
            };
            router = router.route(&form.address.replace("{kind}", kind), get(show).post(submit));
        }
    }
    router
}

/// `GET` of a form's page. `?from=` with the id of another resource of the kind fills an empty form like that one; a
/// parameter with the name of a field fills in that one.
async fn show(form: &'static Form, page: Page) -> Result<Response> {
    page.session.actor.require(form.scope)?;
    let mut sheet = Sheet::read(form, page).await?;
    let fields = sheet.fields();
    if form.reads.is_empty() {
        for field in &fields {
            let asked =
                Some(field.pointer).filter(|name| name.starts_with('/')).and_then(|name| sheet.page.query(name));
            let value = asked.unwrap_or_else(|| field.initial.to_owned());
            if !value.is_empty() {
                sheet.typed.set(field.pointer, vec![value]);
            }
        }
        sheet.typed.set("/muster:locale", vec![sheet.page.visitor.locale.as_str().to_owned()]);
    }
    let zone = sheet.zone();
    typed::fill(&mut sheet.typed, &fields, &sheet.document, "", zone);
    // texts that stand under their language alone begin with the reader's
    if let Some(field) = fields.iter().find(|field| field.pointer.is_empty())
        && sheet.typed.languages(&fields).is_empty()
    {
        let name = field.language_name("", sheet.page.visitor.locale.as_str());
        sheet.typed.set(&name, vec![String::new()]);
    }
    sheet.render(StatusCode::OK, Vec::new()).await
}

/// `POST` of a form's page.
async fn submit(form: &'static Form, page: Page, request: Request) -> Result<Response> {
    let (fields, file) = match boundary_of(&request) {
        Some(_) => read_request(request, &page.session).await?,
        None => (read_form(request.into_body()).await?, None),
    };
    page.session.actor.require(form.scope)?;
    // a form of an earlier session: it comes again with what was typed, and is sent only by its own button
    let is_of_session = check_form(&fields, &page.session).is_ok();
    let mut sheet = Sheet::read(form, page).await?;
    sheet.typed = Typed::of(fields);
    let fields = sheet.fields();
    if !is_of_session {
        let message = i18n::text(sheet.page.visitor.locale, "form-other-session");
        return sheet.render(StatusCode::FORBIDDEN, vec![Refusal { pointer: String::new(), message }]).await;
    }
    let asked = ["add_language", "add_row"].map(|name| sheet.typed.take(name));
    if asked.iter().any(Option::is_some) {
        sheet.add(&fields, asked);
        return sheet.render(StatusCode::OK, Vec::new()).await;
    }
    sheet.typed.drop_empty_rows(&fields);
    let locale = sheet.page.visitor.locale;
    let word = i18n::text(locale, "form-confirm-word");
    let confirm = fields.iter().find(|field| matches!(field.widget, Widget::Confirm));
    if let Some(field) =
        confirm.filter(|field| sheet.typed.get(field.pointer).trim().to_lowercase() != word.to_lowercase())
    {
        let message = i18n::text(locale, "field-error-mismatch");
        return sheet
            .render(StatusCode::UNPROCESSABLE_ENTITY, vec![Refusal { pointer: field.pointer.to_owned(), message }])
            .await;
    }
    let mut query: Vec<(&str, String)> = Vec::new();
    for field in &fields {
        if let Some(name) = field.pointer.strip_prefix('?').filter(|_| !sheet.typed.get(field.pointer).is_empty()) {
            query.push((name, sheet.typed.get(field.pointer).to_owned()));
        }
    }
    let (kind, body) = match file {
        Some(file) => {
            query.push(("name", file.name));
            (file.kind, Body::from_stream(file.content))
        }
        None if fields.iter().any(|field| matches!(field.widget, Widget::File(_))) => {
            let message = i18n::text(locale, "field-error-required");
            return sheet
                .render(StatusCode::UNPROCESSABLE_ENTITY, vec![Refusal { pointer: "#file".to_owned(), message }])
                .await;
        }
        None => {
            let body = typed::body(&fields, &sheet.typed, form.nullable, sheet.zone(), sheet.shown());
            ("application/json".to_owned(), body.to_string().into())
        }
    };
    let path = sheet.page.path(form.path)?;
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
    let method = Method::from_bytes(form.method.as_bytes()).map_err(Error::internal)?;
    let client = sheet.page.client.clone();
    let mut answer = client.call(&sheet.page.session, method, &uri, &kind, body).await?;
    if answer.status().is_success() {
        let answered = json(answer).await?;
        let created = id_of(&answered);
        let told = answered.get(form.tells).and_then(Value::as_i64);
        let Some((path, member)) = form.sets else { return sheet.page.done(form.then, &created, told) };
        let body = Value::Object(Map::from_iter([(member.to_owned(), created.into())])).to_string();
        let path = sheet.page.path(path)?;
        answer = client.call(&sheet.page.session, Method::PUT, &path, "application/json", body.into()).await?;
        if answer.status().is_success() {
            return sheet.page.done(form.then, "", None);
        }
    }
    let status = answer.status();
    let problem = json(answer).await?;
    sheet.must_confirm = problem["code"] == Code::ConfirmationRequired.as_str();
    sheet.render(status, refusals(locale, &problem)).await
}

/// The answer to a form that came without a session: nothing is done, and a page keeps what was typed until its
/// reader has signed in again.
async fn keep(client: &ApiClient, request: Request) -> Result<Response> {
    let visitor = Visitor::of(request.uri(), request.headers());
    let address = request.uri().path().to_owned();
    if boundary_of(&request).is_some() {
        return Ok(private(see_other("/console/sign-in")));
    }
    let fields = read_form(request.into_body()).await?;
    let fields: Vec<_> = fields.into_iter().filter(|(name, _)| name != "csrf").collect();
    let template = context! { address, fields => Serde(&fields) };
    let mut response = client.console.kernel.pages.page("console/signed_out.html", &visitor, "", template)?;
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    Ok(private(response))
}

/// An import with the columns that are suggested until some were chosen, and to be tried first.
fn with_suggestions(mut document: Value) -> Value {
    if document["muster:suggested_mapping"].is_object() {
        if document["mapping"]["email"].as_str().unwrap_or_default().is_empty() {
            document["mapping"] = document["muster:suggested_mapping"].clone();
        }
        document["dry_run"] = Value::Bool(document["muster:state"] == ImportState::Uploaded.as_str());
    }
    document
}

/// A form on its page.
struct Sheet {
    form: &'static Form,
    page: Page,
    /// What the API answered about the resource; null where there is none yet.
    document: Value,
    typed: Typed,
    /// Does the API ask for the password once more?
    must_confirm: bool,
}

impl Sheet {
    async fn read(form: &'static Form, page: Page) -> Result<Self> {
        let document = match (form.reads, page.query("from")) {
            ("", None) => Value::Null,
            ("", Some(from)) => {
                let mut like = page.get(&format!("{}/{}", page.path(form.path)?, checked(&from)?)).await?;
                for own in ["muster:slug", "muster:opens_at", "muster:closes_at", "muster:destroy_after"] {
                    like[own] = Value::Null;
                }
                like
            }
            (path, _) => match form.picks {
                None => page.get(&page.path(path)?).await?,
                Some((rel, part)) => {
                    let list = page.get(&page.path(path)?).await?;
                    let id = page.path(&format!("{{{part}}}"))?;
                    let entries = if list["_embedded"].is_object() { &list["_embedded"][rel] } else { &list[rel] };
                    let found = entries.as_array().into_iter().flatten().find(|entry| id_of(entry) == id);
                    with_suggestions(found.cloned().ok_or_else(Error::not_found)?)
                }
            },
        };
        Ok(Self { form, page, document, typed: Typed::default(), must_confirm: false })
    }

    /// The fields that stand in it for this reader.
    fn fields(&self) -> Vec<Field> {
        self.form.groups.iter().flat_map(|group| self.fields_of(group)).collect()
    }

    fn fields_of(&self, group: &Group) -> Vec<Field> {
        let is_new = self.form.reads.is_empty();
        let is_protected = self.document["muster:privacy"] == Privacy::Protected.as_str();
        let stands = |field: &&Field| {
            (match field.shown {
                Shown::Always => true,
                Shown::New => is_new,
                Shown::Edit => !is_new,
                Shown::EditStandard => !is_new && !is_protected,
            }) && field.needs.is_none_or(|scope| self.page.session.actor.allows(scope))
        };
        group.fields.iter().filter(stands).copied().collect()
    }

    /// The zone in which its times are read and written: the event's, else the default one.
    fn zone(&self) -> Zone {
        let name = Some(self.typed.get("/timezone_identifier")).filter(|name| !name.is_empty());
        let name = name.or_else(|| self.document["timezone_identifier"].as_str());
        name.and_then(|name| name.parse().ok()).unwrap_or(*zones::DEFAULT)
    }

    /// The document whose times its fields show; null in another zone than its own, where the same time is another moment.
    fn shown(&self) -> &Value {
        let zone = self.document["timezone_identifier"].as_str().and_then(|name| name.parse().ok());
        if zone.unwrap_or(*zones::DEFAULT) == self.zone() { &self.document } else { &Value::Null }
    }

    /// Adds the column of a language, or a row of a list.
    fn add(&mut self, fields: &[Field], [language, row]: [Option<String>; 2]) {
        if let Some(locale) = language.and_then(|tag| LocaleTag::parse(&tag).ok()) {
            for field in fields.iter().filter(|field| !field.languages.is_empty()) {
                let name = field.language_name("", locale.as_str());
                if !self.typed.has(&name) {
                    self.typed.set(&name, vec![String::new()]);
                }
            }
        }
        for field in fields.iter().filter(|field| row.as_deref() == Some(field.pointer)) {
            if let Widget::Rows([first, ..]) = field.widget {
                let name = format!("{}/{}{}", field.pointer, self.typed.rows(field.pointer), first.pointer);
                self.typed.set(&name, vec![String::new()]);
            }
        }
    }

    async fn render(self, status: StatusCode, refused: Vec<Refusal>) -> Result<Response> {
        let locale = self.page.visitor.locale;
        let fields = self.fields();
        let choices = self.choices(&fields).await?;
        let typed_language = self.document["muster:locale"].as_str().or(Some(self.typed.get("/muster:locale")));
        let main_language = typed_language.and_then(|tag| LocaleTag::parse(tag).ok());
        let has_texts = fields.iter().any(|field| !field.languages.is_empty());
        let languages = self.typed.languages(&fields);
        let view = View { locale, typed: &self.typed, main_language, languages: &languages, choices: &choices };
        let mut groups: Vec<GroupView> = Vec::new();
        for group in self.form.groups {
            let stand = self.fields_of(group);
            if !stand.is_empty() {
                groups.push(view.group(group, &stand));
            }
        }
        let errors = place(&mut groups, refused);
        let to_add: Vec<_> = LocaleTag::ALL
            .into_iter()
            .filter(|locale| has_texts && !languages.contains(locale) && Some(*locale) != main_language)
            .map(|locale| (locale.as_str(), language_name(locale)))
            .collect();
        let has_times = fields.iter().any(|field| matches!(field.widget, Widget::Moment));
        let counted = self.form.counts.and_then(|(pointer, key)| {
            let n = self.document.pointer(pointer)?.as_i64()?;
            let shown = i18n::number(locale, n);
            Some(i18n::text_with(
                locale,
                key,
                &i18n::Arguments::from([("count".into(), n.into()), ("n".into(), shown.into())]),
            ))
        });
        let mut links = Vec::new();
        for (address, key) in self.form.links {
            links.push((self.page.path(address)?, i18n::text(locale, key)));
        }
        let address = self.page.path(self.form.address)?;
        let confirm_url = if self.must_confirm { confirm_url(&address) } else { String::new() };
        let named = self.document["title"].as_str().or_else(|| self.document["name"].as_str()).unwrap_or_default();
        let template = context! {
            form => context! { errors => Serde(&errors) },
            heading => i18n::text(locale, self.form.title), named,
            hint => if self.form.hint.is_empty() { String::new() } else { i18n::text(locale, self.form.hint) },
            counted => counted.unwrap_or_default(),
            assumed => Serde(self.document.get("muster:suggested_mapping").map(|_| &self.document)),
            button => i18n::text(locale, self.form.button), is_dangerous => self.form.method == "DELETE",
            operation => format!("{} {}", self.form.method, self.page.pattern(self.form.path)),
            address, confirm_url, back => self.page.path(self.form.back)?,
            has_file => fields.iter().any(|field| matches!(field.widget, Widget::File(_))),
            csrf => self.page.session.csrf.as_str(), removes => self.page.path(self.form.removes.0)?,
            removes_label => if self.form.removes.0.is_empty() { String::new() } else { i18n::text(locale, self.form.removes.1) },
            links => Serde(&links), public_url => self.document["browser_url"].as_str().unwrap_or_default(),
            zone => if has_times { self.zone().name() } else { "" },
            groups => Serde(&groups), to_add => Serde(&to_add),
        };
        let mut response = self.page.render("console/form.html", template)?;
        *response.status_mut() = status;
        Ok(private(response))
    }

    /// What the fields' lists offer, looked up once each.
    async fn choices(&self, fields: &[Field]) -> Result<HashMap<Choices, Vec<(String, String)>>> {
        let mut wanted = Vec::new();
        for field in fields {
            let inner: &[Field] = if let Widget::Rows(inner) = field.widget { inner } else { &[] };
            wanted.extend([field].into_iter().chain(inner).filter_map(|field| match field.widget {
                Widget::Choice(choices) | Widget::Many(choices) => Some(choices),
                _ => None,
            }));
        }
        let mut found = HashMap::new();
        for choices in wanted {
            if let std::collections::hash_map::Entry::Vacant(place) = found.entry(choices) {
                place.insert(self.offered(choices).await?);
            }
        }
        Ok(found)
    }

    async fn offered(&self, choices: Choices) -> Result<Vec<(String, String)>> {
        let locale = self.page.visitor.locale;
        Ok(match choices {
            Choices::Fixed(prefix, values) => {
                let choice = |value: &&str| ((*value).to_owned(), i18n::text(locale, &format!("{prefix}{value}")));
                values.iter().map(choice).collect()
            }
            Choices::Languages => {
                LocaleTag::ALL.map(|locale| (locale.as_str().to_owned(), language_name(locale).to_owned())).to_vec()
            }
            Choices::Zones => declared::ZONES.map(|zone| (zone.to_owned(), zone.replace('_', " "))).to_vec(),
            Choices::Columns => {
                let columns = self.document["columns"].as_array().into_iter().flatten().filter_map(Value::as_str);
                columns.map(|column| (column.to_owned(), column.to_owned())).collect()
            }
            Choices::Listed(listing) => {
                let list = self.page.get(&format!("{}?per_page=100", listing.path)).await?;
                let text =
                    |of: &Value, pointer| of.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                let entries = list["_embedded"][listing.rel].as_array().into_iter().flatten();
                entries.map(|entry| (text(entry, listing.value), text(entry, listing.label))).collect()
            }
            Choices::Actions | Choices::ActionPages => {
                let actions = super::mail::actions(&self.page).await?;
                let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
                let value = if choices == Choices::Actions { "id" } else { "page" };
                actions.iter().map(|action| (text(&action[value]), text(&action["title"]))).collect()
            }
        })
    }
}
