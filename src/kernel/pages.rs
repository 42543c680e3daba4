//! HTML pages and mail bodies: minijinja templates compiled into the binary, strict about undefined names, parsed once.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use minijinja::{
    AutoEscape, Environment, State, UndefinedBehavior, Value, context,
    value::{Kwargs, Serde},
};
use rust_embed::RustEmbed;
use serde::Serialize;

use super::{crypto::sha256, i18n, text::LocaleTag, zones};
use crate::error::{Error, Result};

#[derive(RustEmbed)]
#[folder = "templates/"]
#[include = "pages/*"]
#[include = "console/*"]
#[include = "mail/*"]
#[include = "assets/*"]
struct Files;

/// Content security policy of all pages: only own resources, no inline scripts or styles.
const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// That of a page whose form may lead to another site.
const LEADING_AWAY_CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'";

/// Renders pages and mails.
#[derive(Clone)]
pub struct Pages {
    environment: Arc<Environment<'static>>,
    assets: Arc<HashMap<String, Asset>>,
    site: Site,
}

/// A stylesheet, script or image.
#[derive(Clone, Debug)]
struct Asset {
    /// URL path with a hash of the content: `/assets/app-1a2b3c4d.css`.
    path: String,
    mime: &'static str,
    body: std::borrow::Cow<'static, [u8]>,
}

#[derive(Clone, Debug, Serialize)]
struct Site {
    name: Arc<str>,
    url: Arc<str>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pages(..)")
    }
}

impl Pages {
    /// Parses every template.
    ///
    /// # Panics
    /// When a compiled-in template does not parse, which the tests would have shown.
    pub fn new(public_url: &str) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "html")) => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        environment.set_formatter(|out, state, value| {
            if matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe() && !value.is_none() {
                return escape_html(&value.to_string(), out);
            }
            minijinja::escape_formatter(out, state, value)
        });
        environment.add_function("t", translate);
        environment.add_function("num", |state: &State<'_, '_>, value: Value| {
            value.as_i64().map_or_else(|| value.to_string(), |number| i18n::number(locale_of(state), number))
        });
        environment.add_function("at", |state: &State<'_, '_>, value: Value| {
            let at = value.as_str().and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
            at.map_or_else(String::new, |at| i18n::date_time(locale_of(state), at.to_utc(), *zones::DEFAULT))
        });
        let mut assets = HashMap::new();
        for name in Files::iter() {
            let file = Files::get(&name).expect("a listed file exists");
            if let Some(asset) = name.strip_prefix("assets/") {
                let (stem, extension) = asset.rsplit_once('.').unwrap_or((asset, ""));
                let mime = match extension {
                    "css" => "text/css; charset=utf-8",
                    "js" => "text/javascript; charset=utf-8",
                    "svg" => "image/svg+xml",
                    _ => "application/octet-stream",
                };
                let path = format!("/assets/{stem}-{}.{extension}", &HEXLOWER.encode(&sha256(&file.data))[..8]);
                assets.insert(asset.to_owned(), Asset { path, mime, body: file.data });
            } else {
                let source = String::from_utf8(file.data.into_owned()).expect("templates are UTF-8");
                environment.add_template_owned(name.to_string(), source).unwrap_or_else(|e| panic!("{name}: {e:#}"));
            }
        }
        let assets = Arc::new(assets);
        let known = assets.clone();
        environment.add_function("asset", move |name: &str| {
            known.get(name).map(|asset| asset.path.clone()).ok_or_else(|| {
                minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, format!("no asset `{name}`"))
            })
        });
        Self {
            environment: Arc::new(environment),
            assets,
            site: Site { name: "Muster".into(), url: public_url.into() },
        }
    }

    /// Renders a template in a language; the template's first comment lists the members of `page`.
    ///
    /// # Errors
    /// `internal`, naming template and line, when the template uses an undefined name.
    pub fn render(&self, template: &str, locale: LocaleTag, page: Value) -> Result<String> {
        let common = context! { lang => locale.as_str(), dir => locale.direction(), site => Serde(&self.site) };
        let template = self.environment.get_template(template).map_err(render_error)?;
        template.render(context! { ..page, ..common }).map_err(render_error)
    }

    /// A page as a response, with `ETag` and language links.
    ///
    /// # Errors
    /// As [`Pages::render`].
    pub fn page(&self, template: &str, visitor: &Visitor, canonical: &str, page: Value) -> Result<Response> {
        let frame = context! { languages => Serde(visitor.languages()), canonical };
        let html = self.render(template, visitor.locale, context! { ..page, ..frame })?;
        // a weak tag, since the body may be compressed
        let etag = HeaderValue::try_from(format!("W/\"{}\"", &HEXLOWER.encode(&sha256(html.as_bytes()))[..32]));
        let mut response = html_response(html, visitor.locale);
        response.headers_mut().insert(header::ETAG, etag.map_err(Error::internal)?);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-language, cookie"));
        Ok(response)
    }

    /// The response to a request for `/assets/{name}`, cacheable for ever since the name contains a hash.
    pub fn asset(&self, path: &str) -> Option<Response> {
        let asset = self.assets.values().find(|asset| asset.path == path)?;
        Some(
            (
                [(header::CONTENT_TYPE, asset.mime), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")],
                asset.body.clone().into_owned(),
            )
                .into_response(),
        )
    }

    /// A script at an address of its own, without its headers: browsers ask for workers under the same address always.
    pub fn script(&self, name: &str) -> Option<impl IntoResponse + use<>> {
        let asset = self.assets.get(name)?;
        Some(([(header::CONTENT_TYPE, asset.mime)], asset.body.clone().into_owned()))
    }

    /// Names of all templates (tests render each).
    pub fn names(&self) -> Vec<String> {
        self.environment.templates().map(|(name, _)| name.to_owned()).collect()
    }
}

/// Escapes text for HTML and quoted attributes. minijinja's own function also escapes `/`, which makes links in mails
/// unrecognisable to programs that look for URLs in the source.
fn escape_html(text: &str, out: &mut minijinja::Output<'_>) -> Result<(), minijinja::Error> {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (head, tail) = rest.split_at(at);
        out.write_str(head)?;
        out.write_str(match tail.as_bytes()[0] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &tail[1..];
    }
    Ok(out.write_str(rest)?)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn render_error(error: minijinja::Error) -> Error {
    // minijinja's debug format quotes values, which may be personal data: report place and kind only
    Error::internal(format!(
        "template {}:{}: {:?}",
        error.name().unwrap_or("?"),
        error.line().unwrap_or(0),
        error.kind()
    ))
}

/// 308 to the page's current URL, keeping the query.
pub fn moved(path: &str, query: Option<&str>) -> Response {
    let to = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    redirect(StatusCode::PERMANENT_REDIRECT, &to)
}

/// An HTML response with the content security policy.
pub fn html_response(html: String, locale: LocaleTag) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_LANGUAGE, HeaderValue::from_static(locale.as_str())),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    ];
    (headers, html).into_response()
}

fn locale_of(state: &State<'_, '_>) -> LocaleTag {
    state.lookup("lang").and_then(|lang| LocaleTag::parse(lang.as_str()?).ok()).unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of a template function")]
fn translate(state: &State<'_, '_>, key: &str, arguments: Kwargs) -> Result<String, minijinja::Error> {
    let locale = locale_of(state);
    let mut values = i18n::Arguments::new();
    for name in arguments.args() {
        let value: Value = arguments.get(name)?;
        let value = match value.as_i64() {
            Some(number) if value.is_number() => number.into(),
            _ => value.to_string().into(),
        };
        values.insert(name.to_owned().into(), value);
    }
    Ok(i18n::text_with(locale, key, &values))
}

/// Language and path of a page request.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The page's language: `?lang=`, else the browser's.
    pub locale: LocaleTag,
    /// The request's path, for the language links: `local_path`.
    pub path: String,
}

#[derive(Serialize)]
struct Language {
    code: &'static str,
    name: &'static str,
    href: String,
    current: bool,
}

/// A language's name in that language.
pub fn language_name(locale: LocaleTag) -> &'static str {
    match locale {
        LocaleTag::En => "English",
        LocaleTag::Fr => "Français",
        LocaleTag::Es => "Español",
        LocaleTag::Pa => "ਪੰਜਾਬੀ",
    }
}

impl Visitor {
    fn languages(&self) -> Vec<Language> {
        let href = |locale: LocaleTag| format!("{}?lang={}", self.path, locale.as_str());
        LocaleTag::ALL
            .into_iter()
            .map(|l| Language { code: l.as_str(), name: language_name(l), href: href(l), current: l == self.locale })
            .collect()
    }

    /// Reads language (`?lang=`, else `Accept-Language`, else the default) and path from a request.
    pub fn of(uri: &axum::http::Uri, headers: &HeaderMap) -> Self {
        let asked = uri.query().and_then(|q| {
            url::form_urlencoded::parse(q.as_bytes())
                .find(|(name, _)| name == "lang")
                .map(|(_, value)| value.into_owned())
        });
        let locale = asked
            .and_then(|tag| LocaleTag::parse(&tag).ok())
            .or_else(|| i18n::negotiate(headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok())));
        Self { locale: locale.unwrap_or_default(), path: local_path(uri.path()) }
    }
}

/// A request's path as a link may have it: with one leading slash. Browsers read `//host` and `/\\host` as the address
/// of another host (WHATWG URL, "special authority slashes").
fn local_path(path: &str) -> String {
    format!("/{}", path.trim_start_matches(['/', '\\']))
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri, &parts.headers))
    }
}

/// Marks a page as not to be cached, indexed, or sent as a referrer: links from mail, the console.
pub fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

/// Keeps a page out of search engines and archives: it shows names that their owners may take back.
pub fn not_indexed(mut response: Response) -> Response {
    response.headers_mut().insert("x-robots-tag", HeaderValue::from_static("noindex, noarchive"));
    response
}

/// Lets a page's form be answered by a redirect to another site, which browsers count as sending the form there.
pub fn leading_away(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(LEADING_AWAY_CSP));
    response
}

/// Redirects the browser to another page after a form (303).
pub fn see_other(path: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, path)
}

fn redirect(status: StatusCode, to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(location) => (status, [(header::LOCATION, location)]).into_response(),
        Err(_) => status.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_of_a_request_leads_to_another_host() {
        for (path, local) in [
            ("/p/status", "/p/status"),
            ("/", "/"),
            ("//evil.example/", "/evil.example/"),
            ("///evil.example", "/evil.example"),
            ("/\\evil.example", "/evil.example"),
            ("/\\/evil.example", "/evil.example"),
        ] {
            assert_eq!(local_path(path), local, "{path}");
        }
    }
}
