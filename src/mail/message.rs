//! A composed mail and its bytes (RFC 5322, MIME), built the same way at each attempt.
//!
//! From and the envelope sender are always on our own domain: a foreign domain in From fails DMARC. Message-ID and
//! the VERP token of the envelope sender are the mail's id, encrypted under keys of their own, so that they are not
//! stored, reveal nothing, and lead back to the mail.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use lettre::{
    Address,
    address::Envelope,
    message::{
        Body, Mailbox, Message, MultiPart, SinglePart,
        header::{ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use super::bounce_report::LINK_PARAMETER;
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        crypto::{Key, base32, from_base32},
        keyring::SigningKeys,
        text::EmailAddress,
    },
};

/// The local part of the sender of letters to officials.
pub const LETTERS_LOCAL_PART: &str = "letters";
/// The local part of the sender of everything else.
pub const NO_REPLY_LOCAL_PART: &str = "no-reply";

/// Maximum length of a display name or file name, in characters. Mail programs show no more.
const MAX_NAME_CHARS: usize = 120;
/// Maximum length of a subject, in characters.
const MAX_SUBJECT_CHARS: usize = 300;
/// Maximum length of a line that is not encoded (RFC 5322 section 2.1.1: 998, without the CRLF).
const MAX_LINE_BYTES: usize = 990;

/// A file attached to a mail.
#[derive(Clone)]
pub struct Attachment {
    /// The file name; shortened to 120 characters.
    pub name: String,
    /// The Content-Type, such as `text/calendar; charset=utf-8; method=PUBLISH`.
    pub content_type: String,
    /// The content.
    pub body: Vec<u8>,
}

/// A mail as its kind composed it. What people typed is in it as data; nothing in it is interpreted as a template.
#[derive(Clone)]
pub struct Composed {
    /// The recipient. The mail's state is the delivery status of this one.
    pub to: EmailAddress,
    /// The recipient's display name.
    pub to_name: Option<String>,
    /// Further recipients (letters). Each gets a copy once the mail to `to` was accepted, as a mail of its own in the
    /// queue.
    pub cc: Vec<EmailAddress>,
    /// Display name of the From address.
    pub from_name: String,
    /// Local part of the From address: [`LETTERS_LOCAL_PART`], [`NO_REPLY_LOCAL_PART`], or one of the slice's.
    pub from_local: String,
    /// The Reply-To address, in full.
    pub reply_to: Option<String>,
    /// The subject; shortened to 300 characters.
    pub subject: String,
    /// The plain text body.
    pub text: String,
    /// The HTML body.
    pub html: Option<String>,
    /// The attached files.
    pub attachments: Vec<Attachment>,
    /// Further headers in ASCII, such as `List-Unsubscribe`.
    pub headers: Vec<(String, String)>,
}

impl Composed {
    /// A plain mail from [`NO_REPLY_LOCAL_PART`].
    pub fn new(
        to: EmailAddress,
        from_name: impl Into<String>,
        subject: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            to,
            to_name: None,
            cc: Vec::new(),
            from_name: from_name.into(),
            from_local: NO_REPLY_LOCAL_PART.to_owned(),
            reply_to: None,
            subject: subject.into(),
            text: text.into(),
            html: None,
            attachments: Vec::new(),
            headers: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Composed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Composed(..)")
    }
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

/// The installation as a sender: the domain of its addresses, and the keys from which tokens are derived.
#[derive(Clone, Debug)]
pub struct Sender {
    keys: SigningKeys,
    returns: SigningKeys,
    message_ids: SigningKeys,
    domain: String,
}

impl Sender {
    /// A sender on `domain` whose tokens are derived from these keys; for each mail from the key that was current
    /// when it was queued.
    pub fn new(keys: SigningKeys, domain: &str) -> Self {
        let (returns, message_ids) = (keys.derive("return"), keys.derive("message-id"));
        Self { returns, message_ids, keys, domain: domain.to_owned() }
    }

    /// The sender of an installation's mail.
    pub fn of(kernel: &Kernel) -> Self {
        Self::new(kernel.requests_key.derive("mail"), &kernel.settings.mail.from_domain)
    }

    /// The token of a mail's envelope sender: the mail's id, encrypted by a keyed permutation, so that a bounce can
    /// be matched without storing anything.
    pub fn return_token(&self, email: Uuid) -> String {
        base32(&self.returns.of_row(email).permute(email.into_bytes()))
    }

    /// The mail's id from which [`Sender::return_token`] made this token. Any other token gives an id that no mail
    /// has, or `None`.
    pub fn of_return_token(&self, token: &str) -> Option<Uuid> {
        unpermuted(&self.returns, token)
    }

    /// The envelope sender with a token: bounces are sent to it, and identify the mail they are about (VERP).
    pub fn return_path(&self, token: &str) -> String {
        format!("bounce+{token}@{}", self.domain)
    }

    /// A link of ours with a mail's token in a parameter, which the page ignores.
    pub fn link_of(&self, link: &str, email: Uuid) -> String {
        format!("{link}?{LINK_PARAMETER}={}", self.return_token(email))
    }

    /// The mail's Message-ID, with angle brackets; the same at each attempt, so that receivers can recognise
    /// duplicates. Its local part is the mail's id, encrypted as in [`Sender::return_token`] with another key, because
    /// complaints often contain no other identifier.
    pub fn message_id(&self, email: Uuid) -> String {
        format!("<{}@{}>", base32(&self.message_ids.of_row(email).permute(email.into_bytes())), self.domain)
    }

    /// The mail's id from which [`Sender::message_id`] made this Message-ID; `None` for those of other domains.
    pub fn of_message_id(&self, message_id: &str) -> Option<Uuid> {
        let (local, domain) = message_id.trim().trim_matches(['<', '>']).split_once('@')?;
        domain.eq_ignore_ascii_case(&self.domain).then(|| unpermuted(&self.message_ids, local)).flatten()
    }

    /// Can this address be expressed in a message?
    pub(super) fn can_write_to(to: &EmailAddress) -> bool {
        address(to).is_ok()
    }

    /// The further recipients of a mail: for each the id of its copy, the same however often the mail is sent, and
    /// the keyed hash by which the copy's recipient is found again ([`Sender::copied_to`]).
    pub(super) fn copies(&self, email: Uuid, mail: &Composed) -> Vec<(Uuid, String)> {
        let mut copies: Vec<(Uuid, String)> = Vec::new();
        for cc in mail.cc.iter().filter(|cc| cc.as_str() != mail.to.as_str()) {
            let mac = self.keys.of_row(email).mac(&[b"copy-id", email.as_bytes(), cc.as_str().as_bytes()]);
            let mut bytes = email.into_bytes();
            bytes[6..].copy_from_slice(&mac[6..16]);
            // UUID version 7 with the time of the letter
            (bytes[6], bytes[8]) = (bytes[6] & 0x0f | 0x70, bytes[8] & 0x3f | 0x80);
            let id = Uuid::from_bytes(bytes);
            if copies.iter().all(|(other, _)| *other != id) {
                copies.push((id, self.copy_to(email, cc)));
            }
        }
        copies
    }

    /// The further recipient of a mail that a copy goes to. `row` is the copy's id, whose time, that of the letter,
    /// selects the key.
    pub(super) fn copied_to<'a>(&self, row: Uuid, copy: &str, mail: &'a Composed) -> Option<&'a EmailAddress> {
        mail.cc.iter().find(|cc| self.copy_to(row, cc) == copy)
    }

    fn copy_to(&self, row: Uuid, address: &EmailAddress) -> String {
        base32(&self.keys.of_row(row).mac(&[b"copy", address.as_str().as_bytes()])[..16])
    }

    /// The message's bytes.
    ///
    /// # Errors
    /// `internal` when a header's name or value, an address or a content type is not valid; the error contains no
    /// value.
    pub fn message(&self, email: Uuid, at: DateTime<Utc>, mail: &Composed) -> Result<Vec<u8>> {
        let from = Address::new(&mail.from_local, &self.domain).map_err(|_| impossible("sender"))?;
        let to = address(&mail.to)?;
        // not used for sending; without one lettre would derive an envelope from the headers
        let envelope = Envelope::new(Some(from.clone()), vec![to.clone()]).map_err(|_| impossible("recipient"))?;
        let mut builder = Message::builder()
            .envelope(envelope)
            .from(Mailbox::new(name_of(&mail.from_name), from))
            .to(Mailbox::new(mail.to_name.as_deref().and_then(name_of), to))
            .subject(one_line(&mail.subject, MAX_SUBJECT_CHARS))
            .date(at.into())
            .raw_header(raw_header("Message-ID", &self.message_id(email))?);
        // an address in UTF-8 may be in a header only where the relay takes SMTPUTF8 (RFC 6532), which is known only when
        // the recipient's address needs it
        let is_utf8 = !mail.to.as_str().is_ascii();
        for cc in mail.cc.iter().filter(|cc| is_utf8 || cc.as_str().is_ascii()) {
            builder = builder.cc(Mailbox::new(None, address(cc)?));
        }
        if let Some(reply_to) = mail.reply_to.as_ref().filter(|reply_to| is_utf8 || reply_to.is_ascii()) {
            builder = builder.reply_to(Mailbox::new(None, reply_to.parse().map_err(|_| impossible("Reply-To"))?));
        }
        // so that answering machines do not answer (RFC 3834, section 5); a letter is from the person who wrote it
        if mail.from_local != LETTERS_LOCAL_PART {
            builder = builder.raw_header(raw_header("Auto-Submitted", "auto-generated")?);
        }
        for (name, value) in &mail.headers {
            builder = builder.raw_header(raw_header(name, value)?);
        }
        let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(encoded(&mail.text));
        let html =
            mail.html.as_ref().map(|html| SinglePart::builder().header(ContentType::TEXT_HTML).body(encoded(html)));
        let message = if mail.attachments.is_empty() {
            match html {
                Some(html) => builder.multipart(MultiPart::alternative().singlepart(text).singlepart(html)),
                None => builder.singlepart(text),
            }
        } else {
            let mut mixed = match html {
                Some(html) => MultiPart::mixed().multipart(MultiPart::alternative().singlepart(text).singlepart(html)),
                None => MultiPart::mixed().singlepart(text),
            };
            for attachment in &mail.attachments {
                mixed = mixed.singlepart(part(attachment)?);
            }
            builder.multipart(mixed)
        };
        Ok(message.map_err(|_| impossible("recipient"))?.formatted())
    }
}

/// The mail's id of which a token is the permutation under one of these keys.
fn unpermuted(keys: &SigningKeys, token: &str) -> Option<Uuid> {
    let token: [u8; 16] = from_base32(token)?.try_into().ok()?;
    let mail = |key: &Key| Uuid::from_bytes(key.unpermute(token));
    keys.row_of(&token, mail, |key, email| key.permute(email.into_bytes()))
}

fn impossible(what: &str) -> Error {
    Error::internal(format!("the mail's {what} is not possible"))
}

fn address(address: &EmailAddress) -> Result<Address> {
    Address::new(address.local(), address.domain()).map_err(|_| impossible("recipient"))
}

fn part(attachment: &Attachment) -> Result<SinglePart> {
    let content_type = ContentType::parse(&attachment.content_type).map_err(|_| impossible("content type"))?;
    let name = one_line(&attachment.name, MAX_NAME_CHARS);
    let is_text = attachment.content_type.starts_with("text/");
    let body = match std::str::from_utf8(&attachment.body) {
        Ok(text) if is_text => encoded(text),
        _ => match Body::new_with_encoding(attachment.body.clone(), ContentTransferEncoding::Base64) {
            Ok(body) => body,
            Err(_) => return Err(impossible("attachment")),
        },
    };
    Ok(SinglePart::builder().header(ContentDisposition::attachment(&name)).header(content_type).body(body))
}

/// Text as 7bit where that is safe, else as quoted-printable: either way a link is readable in the raw message.
fn encoded(text: &str) -> Body {
    let may_stay = |b: &u8| (0x20..0x7f).contains(b) || matches!(b, b'\n' | b'\t');
    // a count over all bytes instead of `any`, so that the compiler can vectorise it
    let plain = if text.bytes().filter(|b| !may_stay(b)).count() == 0 {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect::<String>())
    };
    if plain.is_ascii() && plain.lines().all(|line| line.len() <= MAX_LINE_BYTES) {
        return Body::dangerous_pre_encoded(
            plain.replace('\n', "\r\n").into_bytes(),
            ContentTransferEncoding::SevenBit,
        );
    }
    // quoted-printable can encode every text; the other branch cannot happen
    Body::new_with_encoding(plain.into_owned(), ContentTransferEncoding::QuotedPrintable).unwrap_or_else(Body::new)
}

/// A header whose value (an identifier, a link) must be neither encoded nor folded.
fn raw_header(name: &str, value: &str) -> Result<HeaderValue> {
    let printable = value.bytes().all(|b| (0x20..0x7f).contains(&b));
    if !printable || value.len() > MAX_LINE_BYTES {
        return Err(impossible("header value"));
    }
    let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let header = HeaderName::new_from_ascii(name.to_owned()).ok().filter(|_| token);
    let header = header.ok_or_else(|| impossible("header name"))?;
    Ok(HeaderValue::dangerous_new_pre_encoded(header, value.to_owned(), value.to_owned()))
}

fn name_of(name: &str) -> Option<String> {
    let name = one_line(name, MAX_NAME_CHARS);
    (!name.is_empty()).then_some(name)
}

/// Text on one line, at most `longest` characters. Control characters become spaces, so that no input can end a header.
fn one_line(text: &str, longest: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.join(" ").chars().take(longest).collect()
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn sender() -> Sender {
        Sender::new(SigningKeys::fixed(Key::from_slice(&[7; 32]).expect("a key")), "mail.example.org")
    }

    fn mail() -> Composed {
        let to = EmailAddress::parse("minister@example.org").expect("an address");
        Composed::new(to, "Amara Díaz", "Carta: ¡estatus para tod@s!", "Hola,\n.\n..x\nfin\n")
    }

    fn built(mail: &Composed) -> String {
        let at = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        String::from_utf8(sender().message(ID, at, mail).expect("a message")).expect("ASCII")
    }

    #[test]
    fn a_plain_mail_reads_back() {
        let raw = built(&mail());
        assert!(raw.is_ascii() && !raw.contains("User-Agent") && !raw.replace("\r\n", "").contains(['\r', '\n']));
        assert!(raw.contains("Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"), "{raw}");
        assert!(raw.contains("Auto-Submitted: auto-generated\r\n"), "{raw}");
        let letter = Composed { from_local: LETTERS_LOCAL_PART.to_owned(), ..mail() };
        assert!(!built(&letter).contains("Auto-Submitted"), "a person wrote it");
        let read = MessageParser::default().parse(raw.as_bytes()).expect("a message");
        assert_eq!(read.subject(), Some("Carta: ¡estatus para tod@s!"));
        let from = read.from().and_then(|a| a.first()).expect("a sender");
        assert_eq!((from.name(), from.address()), (Some("Amara Díaz"), Some("no-reply@mail.example.org")));
        assert_eq!(read.to().and_then(|a| a.first()).and_then(|a| a.address()), Some("minister@example.org"));
        assert_eq!(read.body_text(0).expect("a text").replace("\r\n", "\n").trim_end(), "Hola,\n.\n..x\nfin");
        assert_eq!(format!("<{}>", read.message_id().expect("an id")), sender().message_id(ID));
    }

    #[test]
    fn links_stay_whole_and_other_scripts_survive() {
        let link = format!("https://muster.example/t/{}", "a".repeat(120));
        let text = format!("ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ = {}\n{link}\n", "ਲੰਬੀ ".repeat(200));
        let read_text = |mail: &Composed| {
            let raw = built(mail);
            assert!(raw.is_ascii() && raw.split("\r\n").all(|line| line.len() <= 998));
            let read = MessageParser::default().parse(raw.as_bytes()).expect("a message");
            read.body_text(0).expect("a text").replace("\r\n", "\n")
        };
        let long = Composed { text: text.clone(), ..mail() };
        assert_eq!(read_text(&long).trim_end(), text.trim_end());
        let plain = Composed { text: format!("Open this:\n\n{link}\n"), ..mail() };
        assert!(built(&plain).contains(&link));
    }

    #[test]
    fn html_and_a_calendar_file() {
        let ics = "BEGIN:VCALENDAR\r\nSUMMARY:Asamblea – Montréal\r\nEND:VCALENDAR\r\n";
        let calendar = Attachment {
            name: "événement.ics".to_owned(),
            content_type: "text/calendar; charset=utf-8; method=PUBLISH".to_owned(),
            body: ics.as_bytes().to_vec(),
        };
        let image =
            Attachment { name: "a.png".to_owned(), content_type: "image/png".to_owned(), body: vec![0, 159, 13, 10] };
        let mail = Composed {
            html: Some("<p>Hola é</p>".to_owned()),
            attachments: vec![calendar, image],
            headers: vec![("List-Unsubscribe".to_owned(), format!("<https://muster.example/t/{}>", "x".repeat(90)))],
            reply_to: Some("reply+abc@mail.example.org".to_owned()),
            ..mail()
        };
        let raw = built(&mail);
        assert!(raw.contains(&format!("List-Unsubscribe: <https://muster.example/t/{}>\r\n", "x".repeat(90))));
        let read = MessageParser::default().parse(raw.as_bytes()).expect("a message");
        assert!(raw.contains("multipart/mixed") && raw.contains("multipart/alternative"));
        assert_eq!(read.body_html(0).as_deref().map(str::trim), Some("<p>Hola é</p>"));
        let files: Vec<_> = read.attachments().collect();
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].attachment_name(), Some("événement.ics"));
        assert_eq!(files[0].contents(), ics.as_bytes());
        assert_eq!(files[1].contents(), [0, 159, 13, 10]);
        assert_eq!(
            read.reply_to().and_then(|a| a.first()).and_then(|a| a.address()),
            Some("reply+abc@mail.example.org")
        );
    }

    #[test]
    fn an_address_in_utf8_is_in_a_header_only_where_the_recipient_needs_it() {
        let cc = vec![EmailAddress::parse("josé@example.org").expect("an address")];
        let mail = Composed { cc, reply_to: Some("josé@example.org".to_owned()), ..mail() };
        let raw = built(&mail);
        assert!(raw.is_ascii() && !raw.contains("Reply-To: ") && !raw.contains("Cc: "), "{raw}");
        let to = EmailAddress::parse("ਹਰਪ੍ਰੀਤ@example.org").expect("an address");
        let raw = built(&Composed { to, ..mail });
        assert!(raw.contains("Reply-To: josé@example.org") && raw.contains("Cc: josé@example.org"), "{raw}");
    }

    #[test]
    fn nothing_typed_ends_a_header() {
        let mail = Composed {
            from_name: "Eve\r\nBcc: all@example.org\0".to_owned(),
            subject: "a\r\n\r\nb".to_owned(),
            ..mail()
        };
        let raw = built(&mail);
        let head = raw.split("\r\n\r\n").next().expect("a head");
        assert!(!head.contains("\r\nBcc") && head.contains("Subject: a b\r\n"), "{head}");
        for headers in [("X-A", "a\r\nBcc: x"), ("X A", "a"), ("X-A:", "a"), ("", "a"), ("X-A", "é")] {
            let bad = Composed { headers: vec![(headers.0.to_owned(), headers.1.to_owned())], ..mail.clone() };
            assert!(sender().message(ID, DateTime::UNIX_EPOCH, &bad).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn ids_are_lasting_and_opaque() {
        let token = sender().return_token(ID);
        assert_eq!((sender().return_token(ID), sender().of_return_token(&token)), (token, Some(ID)));
        assert_eq!((sender().of_return_token("short"), sender().of_return_token("é")), (None, None));
        assert_ne!(sender().return_token(ID), sender().return_token(Uuid::from_u128(8)));
        let path = sender().return_path(&sender().return_token(ID));
        assert!(path.starts_with("bounce+") && path.ends_with("@mail.example.org") && path.len() < 64);
        let message_id = sender().message_id(ID);
        assert!(!message_id.contains(&sender().return_token(ID)));
        assert_eq!(sender().of_message_id(&message_id.to_uppercase()), Some(ID));
        for other in ["", "<>", "<a@b>", "<short@mail.example.org>", &message_id.replace("example", "evil")] {
            assert_eq!(sender().of_message_id(other), None, "{other}");
        }
    }
}
