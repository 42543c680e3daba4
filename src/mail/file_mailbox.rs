//! The file transport for demo and development: each mail becomes a file, and the console's mailbox page shows them.
//! Nothing leaves the machine.
//!
//! Files are `{data_root}/mailbox/{id}.eml`, with time-ordered ids (`UUIDv7`), written under another name and renamed.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mail_parser::{Message, MessageParser, MimeHeaders};
use serde::Serialize;
use uuid::Uuid;

use super::transport::{self, Accepted, LeaseCheck, MailTransport, Outbox, RelayQuotas, SendError};
use crate::{
    config::Settings,
    error::{Error, Result},
    kernel::env::Env,
};

/// Number of mails that are kept.
const MAX_KEPT_MAILS: usize = 500;
/// The folder is listed and the oldest mails deleted for one mail in so many, on average.
const DELETE_SLACK: u128 = 16;

/// A folder of mails.
#[derive(Clone, Debug)]
pub struct FileMailbox {
    folder: PathBuf,
    env: Env,
}

/// An attachment of a parsed mail.
#[derive(Clone, Debug, Serialize)]
pub struct MailFile {
    /// The file name; `file` if it has none.
    pub name: String,
    /// The media type, without parameters.
    pub content_type: String,
    /// The decoded content.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// A header field of a parsed mail.
#[derive(Clone, Debug, Serialize)]
pub struct MailHeader {
    /// The field's name.
    pub name: String,
    /// The field's value, unfolded, not decoded.
    pub value: String,
}

/// A parsed mail.
#[derive(Clone, Debug, Serialize)]
pub struct Mail {
    /// The mail's id, for [`FileMailbox::read`].
    pub id: String,
    /// Name of the [`super::MailKind`] that composed it.
    pub kind: String,
    /// The To header, decoded: `Name <address>`, separated by commas.
    pub to: String,
    /// The From header, decoded.
    pub from: String,
    /// The Reply-To header, decoded, or "".
    pub reply_to: String,
    /// The Subject header, decoded.
    pub subject: String,
    /// The Date header: when it was composed.
    pub date: DateTime<Utc>,
    /// The plain text body.
    pub text: String,
    /// The HTML body, if it has one.
    pub html: Option<String>,
    /// The attachments.
    pub attachments: Vec<MailFile>,
    /// All header fields, in order.
    pub headers: Vec<MailHeader>,
    /// All http(s) URLs in the text, in order.
    pub links: Vec<String>,
}

impl FileMailbox {
    /// Opens the mailbox of these settings; creates its folder (mode 0700) if it does not exist.
    ///
    /// # Errors
    /// `internal` if the folder cannot be created.
    pub fn open(settings: &Settings, env: &Env) -> Result<Self> {
        let folder = settings.postgres.data_root.join("mailbox");
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|e| Error::internal(format!("the mailbox folder cannot be made: {e}")))?;
        Ok(Self { folder, env: env.clone() })
    }

    /// Writes a mail to a file.
    ///
    /// # Errors
    /// The error of the file system.
    pub async fn deliver(&self, kind: &str, raw: &[u8]) -> io::Result<()> {
        let id = self.env.id();
        let content = [format!("X-Muster-Kind: {kind}\r\n").as_bytes(), raw].concat();
        let folder = self.folder.clone();
        blocking(move || {
            let aside = folder.join(format!(".{id}.new"));
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
            io::Write::write_all(&mut file, &content)?;
            fs::rename(&aside, folder.join(format!("{id}.eml")))?;
            // ids are random in their low bits, so this is one mail in DELETE_SLACK
            if id.as_u128().is_multiple_of(DELETE_SLACK) {
                for old in ids(&folder)?.into_iter().skip(MAX_KEPT_MAILS) {
                    remove(&folder.join(format!("{old}.eml")))?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The kept mails, newest first.
    ///
    /// # Errors
    /// `internal` when the folder cannot be read.
    pub async fn list(&self) -> Result<Vec<Mail>> {
        let folder = self.folder.clone();
        blocking(move || {
            let mut mails = Vec::new();
            for id in ids(&folder)?.into_iter().take(MAX_KEPT_MAILS) {
                // one that was deleted meanwhile is skipped
                if let Ok(raw) = fs::read(folder.join(format!("{id}.eml"))) {
                    mails.extend(parse(id, &raw));
                }
            }
            Ok(mails)
        })
        .await
        .map_err(cannot_read)
    }

    /// Reads and parses one mail.
    ///
    /// # Errors
    /// `not_found` for an id that is not one of [`FileMailbox::list`].
    pub async fn read(&self, id: &str) -> Result<Mail> {
        // parsing as a UUID rules out path traversal
        let id: Uuid = id.parse().map_err(|_| Error::not_found())?;
        let path = self.folder.join(format!("{id}.eml"));
        match blocking(move || fs::read(path)).await {
            Ok(raw) => parse(id, &raw).ok_or_else(Error::not_found),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Error::not_found()),
            Err(e) => Err(cannot_read(e)),
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn cannot_read(error: io::Error) -> Error {
    Error::internal(format!("the mailbox cannot be read: {error}"))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// The ids in the folder, newest first.
fn ids(folder: &Path) -> io::Result<Vec<Uuid>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        ids.extend(name.to_str().and_then(|name| name.strip_suffix(".eml")?.parse::<Uuid>().ok()));
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

fn parse(id: Uuid, raw: &[u8]) -> Option<Mail> {
    let message = MessageParser::default().parse(raw)?;
    let text = message.body_text(0).unwrap_or_default().into_owned();
    // not `body_html`: the parser would generate HTML for a text-only mail
    let html = raw_html(&message);
    let attachments = message
        .attachments()
        .map(|part| MailFile {
            name: part.attachment_name().unwrap_or("file").to_owned(),
            content_type: part
                .content_type()
                .map(|t| format!("{}/{}", t.ctype(), t.subtype().unwrap_or("octet-stream")))
                .unwrap_or_default(),
            body: part.contents().to_vec(),
        })
        .collect();
    let headers: Vec<MailHeader> = message
        .headers_raw()
        .map(|(name, value)| MailHeader {
            name: name.to_owned(),
            value: value.split_whitespace().collect::<Vec<_>>().join(" "),
        })
        .collect();
    let kind = headers.iter().find(|h| h.name == "X-Muster-Kind").map(|h| h.value.clone()).unwrap_or_default();
    let date = message.date().and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0)).unwrap_or_default();
    Some(Mail {
        id: id.to_string(),
        kind,
        to: addresses(message.to()),
        from: addresses(message.from()),
        reply_to: addresses(message.reply_to()),
        subject: message.subject().unwrap_or_default().to_owned(),
        date,
        links: links(&text),
        text,
        html,
        attachments,
        headers,
    })
}

fn raw_html(message: &Message<'_>) -> Option<String> {
    let part = message.html_bodies().find(|part| part.is_text_html())?;
    part.text_contents().map(ToOwned::to_owned)
}

fn addresses(list: Option<&mail_parser::Address<'_>>) -> String {
    let each = list.into_iter().flat_map(|list| list.iter()).map(|one| {
        let address = one.address().unwrap_or_default();
        one.name().map_or_else(|| address.to_owned(), |name| format!("{name} <{address}>"))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// The http(s) URLs in a text, in order, without trailing punctuation.
fn links(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')'));
    words
        .filter(|word| word.starts_with("https://") || word.starts_with("http://"))
        .map(|word| word.trim_end_matches(['.', ',', ';', ':', '!', '?']).to_owned())
        .collect()
}

impl MailTransport for FileMailbox {
    fn send<'a>(
        &'a self,
        messages: &'a [transport::Message<'a>],
        outbox: &'a mut (dyn Outbox + 'a),
        _: LeaseCheck<'a>,
        _: &'a RelayQuotas,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            while let Some(n) = outbox.next(false) {
                let delivered = self.deliver(messages[n].kind, messages[n].raw).await;
                let accepted = delivered.map(|()| Accepted { code: 250, text: String::new() });
                outbox.answer(n, accepted.map_err(|error| SendError::Refused { text: error.to_string() }));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_order() {
        let text = "Open https://a.example/t/abc.\n<http://b.example/?x=1&y=2>, (https://c.example/). mailto:x ftp://d";
        assert_eq!(links(text), ["https://a.example/t/abc", "http://b.example/?x=1&y=2", "https://c.example/"]);
    }

    #[tokio::test]
    async fn mails_are_kept_and_read_back() {
        let env = Env::system();
        let root = std::env::temp_dir().join(format!("muster-mailbox-{}", env.id()));
        let mut settings = Settings::read("test", &[]).expect("settings");
        settings.postgres.data_root.clone_from(&root);
        let mailbox = FileMailbox::open(&settings, &env).expect("a mailbox");
        for n in 0..3 {
            let raw = format!("To: jane@example.org\r\nSubject: Hello {n}\r\n\r\nSee http://x.example/{n}\r\n");
            mailbox.deliver("test_kind", raw.as_bytes()).await.expect("written");
            env.advance(chrono::TimeDelta::seconds(1));
        }
        let mails = mailbox.list().await.expect("a list");
        assert_eq!(mails.iter().map(|m| m.subject.as_str()).collect::<Vec<_>>(), ["Hello 2", "Hello 1", "Hello 0"]);
        let read = mailbox.read(&mails[0].id).await.expect("a mail");
        assert_eq!((read.kind.as_str(), read.to.as_str()), ("test_kind", "jane@example.org"));
        assert_eq!((read.links.as_slice(), read.html), (["http://x.example/2".to_owned()].as_slice(), None));
        for id in ["..", "../../etc/passwd", "", &format!("../mailbox/{}", mails[0].id)] {
            assert!(mailbox.read(id).await.is_err());
        }
        assert!(mailbox.read(&Uuid::nil().to_string()).await.is_err());
        fs::remove_dir_all(root).expect("tidy");
    }
}
