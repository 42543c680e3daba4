//! Pages of the demo mailbox: the mails that the transport `mailbox` stores instead of sending. 404 under any other
//! transport.

use axum::{
    extract::State,
    http::{HeaderValue, header},
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

/// `GET /mailbox`
pub(super) async fn list(State(console): State<Console>, visitor: Visitor) -> Result<Response> {
    let mails = open(&console)?.list().await?;
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
    PathParams(id): PathParams<String>,
    visitor: Visitor,
) -> Result<Response> {
    let mail = open(&console)?.read(&id).await?;
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
pub(super) async fn html(State(console): State<Console>, PathParams(id): PathParams<String>) -> Result<Response> {
    let html = open(&console)?.read(&id).await?.html.ok_or_else(Error::not_found)?;
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, MAIL_CSP)];
    Ok(private((headers, html).into_response()))
}

/// `GET /mailbox/{id}/files/{number}`
pub(super) async fn file(
    State(console): State<Console>,
    PathParams((id, number)): PathParams<(String, usize)>,
) -> Result<Response> {
    let file = open(&console)?.read(&id).await?.attachments.into_iter().nth(number).ok_or_else(Error::not_found)?;
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

fn open(console: &Console) -> Result<FileMailbox> {
    if console.kernel.settings.mail.transport != Transport::Mailbox {
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
    fn names_of_files_stay_in_their_header() {
        assert_eq!(plain("vigil-1.ics"), "vigil-1.ics");
        assert_eq!(plain("a\"; x\r\n../é"), "a___x__..__");
    }
}
