//! Forms as a browser without scripts sees them: what it would send as they stand.

use axum::http::header;

use crate::{
    harness::{Reply, TestApp},
    ui::sessions::{get, send},
};

/// A form of a page.
#[derive(Clone, Debug, Default)]
pub struct HtmlForm {
    /// Where it is sent to.
    pub action: String,
    /// `get` or `post`.
    pub method: String,
    /// The operation of the API that a declared form says it issues; empty: none.
    pub operation: String,
    /// What a browser sends of it when nothing is changed.
    pub fields: Vec<(String, String)>,
    /// The names of all its fields and buttons, sent or not.
    pub names: Vec<String>,
}

impl HtmlForm {
    /// The value of a field as it stands.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Fills a field in; an empty checkbox is one that is not ticked.
    #[must_use]
    pub fn with(mut self, input: &[(&str, &str)]) -> Self {
        for (name, _) in input {
            assert!(self.names.iter().any(|known| known == name), "no field {name} among {:?}", self.names);
            self.fields.retain(|(known, _)| known != name);
        }
        let typed = input.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.fields.extend(typed);
        self
    }

    /// Sends it.
    pub async fn send(&self, app: &TestApp, session: &str) -> Reply {
        let fields: Vec<(&str, &str)> = self.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        send(app, &self.action, session, &fields).await
    }
}

/// The forms of a page, in order.
pub fn forms(page: &str) -> Vec<HtmlForm> {
    page.split("<form ").skip(1).map(|form| form_of(form.split("</form>").next().unwrap())).collect()
}

/// The declared form of a console page.
#[track_caller]
pub fn declared_form(page: &str) -> HtmlForm {
    let found = forms(page).into_iter().find(|form| !form.operation.is_empty());
    found.unwrap_or_else(|| panic!("no declared form in {page}"))
}

/// Fills in the form of an address and sends it: where the browser is sent, or the page that comes again.
pub async fn fill_in(app: &TestApp, session: &str, address: &str, input: &[(&str, &str)]) -> Result<String, Reply> {
    let page = get(app, address, session).await;
    assert_eq!(page.status, 200, "{address}: {}", page.text());
    let reply = declared_form(&page.text()).with(input).send(app, session).await;
    match reply.status.as_u16() {
        303 => Ok(reply.headers[header::LOCATION].to_str().unwrap().to_owned()),
        _ => Err(reply),
    }
}

fn form_of(html: &str) -> HtmlForm {
    let (head, mut rest) = html.split_once('>').unwrap();
    let mut form = HtmlForm {
        action: attribute(head, "action").unwrap_or_default(),
        method: attribute(head, "method").unwrap_or_default(),
        operation: attribute(head, "data-operation").unwrap_or_default(),
        ..HtmlForm::default()
    };
    while let Some(at) = rest.find('<') {
        let tag;
        (tag, rest) = rest[at + 1..].split_once('>').unwrap();
        let Some(name) = attribute(tag, "name") else { continue };
        let value = attribute(tag, "value").unwrap_or_default();
        form.names.push(name.clone());
        if tag.starts_with("input") {
            let is_ticked = || tag.ends_with(" checked");
            match attribute(tag, "type").as_deref() {
                Some("file") => {}
                Some("checkbox") if !is_ticked() => {}
                _ => form.fields.push((name, value)),
            }
        } else if tag.starts_with("textarea") {
            let text = rest.split("</textarea>").next().unwrap();
            form.fields.push((name, unescape(text.strip_prefix('\n').unwrap_or(text))));
        } else if tag.starts_with("select") {
            let options = rest.split("</select>").next().unwrap().split("<option ").skip(1);
            let options: Vec<&str> = options.map(|option| option.split('>').next().unwrap()).collect();
            let chosen = options.iter().find(|option| option.ends_with(" selected")).or(options.first());
            form.fields.extend(chosen.map(|option| (name, attribute(option, "value").unwrap())));
        }
    }
    form
}

/// An attribute's value in a tag.
pub fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\"")).or_else(|| {
        let rest = tag.strip_prefix(&format!("{name}=\""))?;
        Some(("", rest))
    })?;
    Some(unescape(rest.split('"').next()?))
}

fn unescape(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (entity, char)| text.replace(entity, char))
}
