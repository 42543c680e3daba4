//! Pages of the demo mailbox: the mails that the transport `mailbox` stores instead of sending. 404 under any other
//! transport, and to everybody but a browser on this machine ([`LocalMailbox`]).

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, State},
    http::{HeaderMap, HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use minijinja::{context, value::Serde};
use serde::Serialize;

use super::Console;
use crate::{
    config::Transport,
    error::{Error, Result},
    kernel::{
        extract::PathParams,
        i18n,
        pages::{Visitor, private},
        text::LocaleTag,
        zones,
    },
    mail::{FileMailbox, Mail, MailHeader},
};

const LIST: &str = "/mailbox";
/// Content-Security-Policy of a mail's HTML and files: sandboxed, no scripts, no forms, no external resources, framed
/// by our own pages only.
const MAIL_CSP: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'";

/// A mail in the list.
#[derive(Serialize)]
struct MailboxEntry {
    id: String,
    to: String,
    subject: String,
    date: String,
    kind: String,
    href: String,
}

/// A mail on its page.
#[derive(Serialize)]
struct MailView {
    to: String,
    from: String,
    reply_to: String,
    subject: String,
    date: String,
    text: String,
    html_url: String,
    attachments: Vec<Attachment>,
    headers: Vec<MailHeader>,
    links: Vec<String>,
}

#[derive(Serialize)]
struct Attachment {
    name: String,
    href: String,
}

/// Was the request made on this machine, by its own name? Mails hold links that confirm acts, so nobody else reads them:
/// neither a neighbour in the network, nor a page whose host name was pointed to this machine (DNS rebinding), nor
/// the other side of a proxy.
pub(super) struct LocalMailbox(bool);

impl<S: Send + Sync> FromRequestParts<S> for LocalMailbox {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let is_proxied = ["x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip"]
            .iter()
            .any(|name| parts.headers.contains_key(*name));
        let is_local = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
        Ok(Self(is_local && !is_proxied && is_local_host(&parts.uri, &parts.headers)))
    }
}

/// Is the host that was asked for this machine? Browsers always name one.
fn is_local_host(uri: &Uri, headers: &HeaderMap) -> bool {
    let named = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    let Some(host) = named.or_else(|| uri.authority().map(axum::http::uri::Authority::as_str)) else { return true };
    let Ok(host) = url::Host::parse(without_port(host)) else { return false };
    match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => IpAddr::from(address).is_loopback(),
        url::Host::Ipv6(address) => IpAddr::from(address).to_canonical().is_loopback(),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// `GET /mailbox`
pub(super) async fn list(
    State(console): State<Console>,
    LocalMailbox(is_local): LocalMailbox,
    visitor: Visitor,
) -> Result<Response> {
    let mails = open(&console, is_local)?.list().await?;
    let lines: Vec<MailboxEntry> = mails
        .into_iter()
        .map(|mail| MailboxEntry {
            href: format!("{LIST}/{}", mail.id),
            date: date(&mail, visitor.locale),
            id: mail.id,
            to: mail.to,
            subject: mail.subject,
            kind: mail.kind,
        })
        .collect();
    let page = context! { mails => Serde(&lines) };
    console.kernel.pages.page("pages/mailbox.html", &visitor, "", page).map(private)
}

/// `GET /mailbox/{id}`
pub(super) async fn show(
    State(console): State<Console>,
    LocalMailbox(is_local): LocalMailbox,
    PathParams(id): PathParams<String>,
    visitor: Visitor,
) -> Result<Response> {
    let mail = open(&console, is_local)?.read(&id).await?;
    let here = format!("{LIST}/{}", mail.id);
    let attachments = mail.attachments.iter().enumerate();
    let shown = MailView {
        date: date(&mail, visitor.locale),
        html_url: mail.html.as_ref().map(|_| format!("{here}/html")).unwrap_or_default(),
        attachments: attachments
            .map(|(i, file)| Attachment { name: file.name.clone(), href: format!("{here}/files/{i}") })
            .collect(),
        to: mail.to,
        from: mail.from,
        reply_to: mail.reply_to,
        subject: mail.subject,
        text: mail.text,
        headers: mail.headers,
        links: mail.links,
    };
    let page = context! { mailbox_url => LIST, mail => Serde(&shown) };
    let mut response = console.kernel.pages.page("pages/mail.html", &visitor, "", page).map(private)?;
    let with_frame = response
        .headers()
        .get(header::CONTENT_SECURITY_POLICY)
        .and_then(|csp| csp.to_str().ok())
        .and_then(|csp| HeaderValue::try_from(format!("{csp}; frame-src 'self'")).ok());
    if let Some(csp) = with_frame {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, csp);
    }
    Ok(response)
}

/// `GET /mailbox/{id}/html`
pub(super) async fn html(
    State(console): State<Console>,
    LocalMailbox(is_local): LocalMailbox,
    PathParams(id): PathParams<String>,
) -> Result<Response> {
    let html = open(&console, is_local)?.read(&id).await?.html.ok_or_else(Error::not_found)?;
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, MAIL_CSP)];
    Ok(private((headers, html).into_response()))
}

/// `GET /mailbox/{id}/files/{number}`
pub(super) async fn file(
    State(console): State<Console>,
    LocalMailbox(is_local): LocalMailbox,
    PathParams((id, number)): PathParams<(String, usize)>,
) -> Result<Response> {
    let file =
        open(&console, is_local)?.read(&id).await?.attachments.into_iter().nth(number).ok_or_else(Error::not_found)?;
    let kind = HeaderValue::try_from(&file.content_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{}\"", plain(&file.name)));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition.unwrap_or_else(|_| HeaderValue::from_static("attachment"))),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(MAIL_CSP)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok(private((headers, file.body).into_response()))
}

fn open(console: &Console, is_local: bool) -> Result<FileMailbox> {
    if !is_local || console.kernel.settings.mail.transport != Transport::Mailbox {
        return Err(Error::not_found());
    }
    FileMailbox::open(&console.kernel.settings, &console.kernel.env)
}

fn date(mail: &Mail, locale: LocaleTag) -> String {
    i18n::date_time(locale, mail.date, *zones::DEFAULT)
}

/// A file's name, with all characters but ASCII letters, digits, `.`, `-` and `_` replaced, at most 80.
fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    name.chars().take(80).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        let is_local = |host: &str| {
            is_local_host(&Uri::from_static("/mailbox"), &HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]))
        };
        for host in
            ["127.0.0.1:8080", "localhost", "LOCALHOST:80", "[::1]:8080", "[::1]", "127.9.9.9", "[::ffff:127.0.0.1]"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "192.168.1.5", "[2001:db8::1]", "", "a b"]
        {
            assert!(!is_local(host), "{host}");
        }
        assert!(!is_local_host(&Uri::from_static("http://evil.example/mailbox"), &HeaderMap::new()));
    }

    #[test]
    fn names_of_files_stay_in_their_header() {
        assert_eq!(plain("vigil-1.ics"), "vigil-1.ics");
        assert_eq!(plain("a\"; x\r\n../é"), "a___x__..__");
    }
}
