//! What came back to the sender of a mail: delivery reports (RFC 3464, and the older shapes of qmail, Exim and Exchange),
//! complaints (ARF, RFC 5965), answers of machines (RFC 3834). Pure; takes any bytes.
//!
//! Only one recipient stands on each of our envelopes, so a report is about one mail, which the token in its address names.

use std::borrow::Cow;

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use super::{smtp::EnhancedCode, verdict::failure};

/// Letters and digits of a token (see [`super::message::Sender::return_token`]).
const TOKEN: usize = 26;
/// Bytes of a text that are looked through.
const LOOKED_AT: usize = 64 * 1024;
/// Messages within messages that are followed.
const DEPTH: usize = 3;

/// What a message that came back says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It was not delivered and will not be.
    Failed {
        /// RFC 3463, where the reporter gave one.
        status: Option<EnhancedCode>,
        /// The address will never take mail: unknown, closed, its domain gone. Not: full, refused for what was said, too late.
        is_dead: bool,
        /// Why, without addresses.
        text: String,
    },
    /// It is still being tried, or it was delivered: nothing to do.
    Underway,
    /// Its reader called it spam, or left by the provider's button.
    Complaint,
    /// A machine answered: out of office, a ticket.
    AutoReply,
    /// Somebody's answer, or something else.
    Other,
}

impl Report {
    /// One word, for the log and the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "bounce",
            Self::Underway => "underway",
            Self::Complaint => "complaint",
            Self::AutoReply => "auto_reply",
            Self::Other => "other",
        }
    }
}

/// Reads a message that came back.
pub fn read(raw: &[u8]) -> Report {
    let Some(message) = MessageParser::default().parse(raw) else { return Report::Other };
    if let Some(report) = parts_of(&message, DEPTH) {
        return report;
    }
    let text = text_of(&message);
    let from_a_mailer = is_from_a_mailer(&message);
    if from_a_mailer && let Some(report) = in_words(&message, &text) {
        return report;
    }
    if is_automatic(&message) { Report::AutoReply } else { Report::Other }
}

/// The token in an address of ours, wherever it stands in the text: `bounce+<token>@…`.
pub fn token_in(text: &[u8]) -> Option<String> {
    let mark = b"bounce+";
    let starts = text.windows(mark.len()).enumerate().filter(|(_, w)| w.eq_ignore_ascii_case(mark));
    starts.into_iter().find_map(|(at, _)| {
        let token = text.get(at + mark.len()..at + mark.len() + TOKEN)?;
        // `=` where the address was itself made part of another (VERP, SRS)
        let ends = matches!(text.get(at + mark.len() + TOKEN), Some(b'@' | b'=' | b'%'));
        let token = std::str::from_utf8(token).ok().filter(|t| ends && t.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        Some(token.to_ascii_lowercase())
    })
}

/// The token that a message came back to: in its own header, else in the parts that quote what was sent, however encoded.
pub fn token_of(raw: &[u8]) -> Option<String> {
    if let Some(token) = token_in(raw) {
        return Some(token);
    }
    let message = MessageParser::default().parse(raw)?;
    // over lines that were folded, and in encoded parts
    message.parts.iter().find_map(|part| match &part.body {
        PartType::Message(inner) => token_of(inner.raw_message()),
        _ => token_in(part.contents()),
    })
}

/// What the parts of a `multipart/report` (RFC 6522) say, in whatever multipart they come.
fn parts_of(message: &Message<'_>, depth: usize) -> Option<Report> {
    message.parts.iter().find_map(|part| {
        let kind = part.content_type().map(|kind| {
            let subtype = kind.subtype().unwrap_or("").to_ascii_lowercase();
            format!("{}/{subtype}", kind.ctype().to_ascii_lowercase())
        });
        match (kind.as_deref(), &part.body) {
            (Some("message/feedback-report"), _) => Some(complaint(&latin(part.contents()))),
            (Some("message/delivery-status" | "message/global-delivery-status" | "text/delivery-status"), _) => {
                delivery_status(&latin(part.contents()))
            }
            // a report that was forwarded whole; what we sent ourselves has none in it
            (_, PartType::Message(inner)) if depth > 0 && kind.as_deref() == Some("message/rfc822") => {
                parts_of(inner, depth - 1)
            }
            _ => None,
        }
    })
}

fn complaint(text: &str) -> Report {
    match field(text, "feedback-type").as_deref() {
        Some("not-spam" | "auth-failure" | "dmarc") => Report::Other,
        _ => Report::Complaint,
    }
}

/// RFC 3464: groups of fields; the first is about the message, each further one about a recipient.
fn delivery_status(text: &str) -> Option<Report> {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let groups: Vec<&str> = unix.split("\n\n").collect();
    let about = |group: &&str| field(group, "action").is_some() || field(group, "status").is_some();
    let group = groups.iter().copied().find(about)?;
    let diagnosis = field(group, "diagnostic-code").unwrap_or_default();
    // `smtp; 550 5.1.1 <jane@example.org>: no such user`
    let diagnosis = diagnosis.split_once(';').map_or(&*diagnosis, |(_, text)| text).trim();
    let status = field(group, "status").as_deref().and_then(EnhancedCode::at_start_of);
    let action = field(group, "action").unwrap_or_default();
    match action.split_whitespace().next().unwrap_or("") {
        "failed" => Some(failed(status, diagnosis)),
        "delayed" | "delivered" | "relayed" | "expanded" => Some(Report::Underway),
        // some give a status only
        _ => match status?.class {
            5 => Some(failed(status, diagnosis)),
            _ => Some(Report::Underway),
        },
    }
}

fn failed(status: Option<EnhancedCode>, text: &str) -> Report {
    // the reporter's own status is often 5.0.0 where the reply it quotes says more
    let quoted = enhanced_in(text);
    let telling = |code: &EnhancedCode| (code.subject, code.detail) != (0, 0);
    let status = status.filter(telling).or(quoted).or(status);
    Report::Failed { status, is_dead: is_dead(status, text), text: failure(text) }
}

/// Will the address never take mail again? From an enhanced status and the words beside it (RFC 3463 section 3).
pub(super) fn is_dead(status: Option<EnhancedCode>, text: &str) -> bool {
    match status.map(|s| (s.class, s.subject, s.detail)) {
        // unknown, ambiguous, moved; no such domain, host or null MX; closed
        Some((5, 1, 1 | 2 | 3 | 6 | 10) | (5, 2, 1) | (5, 4, 4 | 310)) => true,
        Some((5, 2 | 3 | 4 | 6, _) | (2 | 4, ..)) => false,
        _ => speaks_of_nobody(text),
    }
}

/// Words by which mail systems say that there is nobody of this name.
fn speaks_of_nobody(text: &str) -> bool {
    let text = text.to_lowercase();
    let words = [
        "user unknown",
        "unknown user",
        "no such user",
        "no such recipient",
        "no such mailbox",
        "no mailbox here",
        "no mailbox by that name",
        "unknown recipient",
        "recipient unknown",
        "unknown address",
        "address unknown",
        "invalid recipient",
        "invalid mailbox",
        "recipient not found",
        "recipientnotfound",
        "user not found",
        "mailbox not found",
        "address not found",
        "account does not exist",
        "account that you tried to reach does not exist",
        "address does not exist",
        "user does not exist",
        "mailbox does not exist",
        "user doesn't have",
        "doesn't have a yahoo",
        "unrouteable address",
        "unroutable address",
        "account is disabled",
        "account has been disabled",
        "account is inactive",
        "host not found",
        "domain not found",
        "no such domain",
        "couldn't find any host",
        "sorry, no mailbox",
        "utilisateur inconnu",
        "boîte aux lettres inconnue",
        "usuario desconocido",
    ];
    words.iter().any(|word| text.contains(word))
}

/// A field of a header-like text, unfolded, in lower case where it is a word of a standard.
fn field(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((found, value)) = line.split_once(':') else { continue };
        if !found.trim().eq_ignore_ascii_case(name) {
            continue;
        }
        let mut value = value.trim().to_owned();
        while let Some(more) = lines.next_if(|l| l.starts_with([' ', '\t'])) {
            value.push(' ');
            value.push_str(more.trim());
        }
        return Some(if name == "diagnostic-code" { value } else { value.to_ascii_lowercase() });
    }
    None
}

/// The first text in a message, which people read.
fn text_of(message: &Message<'_>) -> String {
    let text = message.body_text(0).map_or_else(|| latin(message.raw_message()), Cow::into_owned);
    cut(&text).to_owned()
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT)]
}

/// Is it from a mail system: an empty return path, or a mailer's name?
fn is_from_a_mailer(message: &Message<'_>) -> bool {
    let from = header(message, "From");
    let names = ["mailer-daemon", "postmaster", "mail delivery", "mail-daemon", "maildelivery", "microsoftexchange"];
    names.iter().any(|name| from.contains(name))
        || header(message, "Return-Path").trim() == "<>"
        || message.header_raw("X-Failed-Recipients").is_some()
}

fn header(message: &Message<'_>, name: &'static str) -> String {
    message.header_raw(name).unwrap_or("").to_lowercase()
}

/// A report in words: those of qmail (`qmail-send`), older Exim and Exchange, and whatever else says so clearly.
fn in_words(message: &Message<'_>, text: &str) -> Option<Report> {
    let subject = header(message, "Subject");
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| subject.contains(word) || lower.contains(word));
    if says(&[
        "delayed",
        "still being retried",
        "not yet been delivered",
        "warning: message",
        "will keep trying",
        "no action is required",
    ]) && !says(&["giving up", "permanent", "returned to sender", "undeliverable"])
    {
        return Some(Report::Underway);
    }
    let is_failure = message.header_raw("X-Failed-Recipients").is_some()
        || says(&[
            "failure notice",
            "undeliver",
            "returned mail",
            "delivery failure",
            "delivery failed",
            "delivery status notification (failure)",
            "mail delivery failed",
            "could not be delivered",
            "couldn't be delivered",
            "permanent error",
            "permanent failure",
            "i'm sorry to have to inform you",
            "wasn't able to deliver",
            "was unable to deliver",
            "non remis",
            "no se pudo entregar",
        ]);
    is_failure.then(|| {
        // the reason stands behind the introduction, at the recipient's paragraph; the quoted message is not looked at
        let ours = ["--- below this line is a copy", "------ this is a copy of", "original message", "--- original"];
        let end = ours.iter().filter_map(|mark| lower.find(mark)).min().unwrap_or(lower.len());
        let reason = text.get(..end).unwrap_or(text);
        let line = reason.lines().find(|l| enhanced_in(l).is_some() || smtp_in(l) || speaks_of_nobody(l));
        failed(enhanced_in(reason), line.unwrap_or(reason).trim())
    })
}

/// An enhanced status anywhere in a text.
fn enhanced_in(text: &str) -> Option<EnhancedCode> {
    let words = text.split(|c: char| {
        c.is_whitespace() || matches!(c, '(' | ')' | '#' | '<' | '>' | ',' | ';' | ':' | '-' | '[' | ']' | '\'')
    });
    words.filter_map(EnhancedCode::at_start_of).find(|code| code.class != 2)
}

/// Does a line quote a reply of 5xx?
fn smtp_in(line: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word.len() == 3 && word.starts_with('5') && word.bytes().all(|b| b.is_ascii_digit()))
}

/// RFC 3834, and what machines did before and beside it.
fn is_automatic(message: &Message<'_>) -> bool {
    let submitted = header(message, "Auto-Submitted");
    let subject = header(message, "Subject");
    let starts = [
        "automatic reply",
        "auto:",
        "autoreply",
        "auto-reply",
        "auto reply",
        "out of office",
        "out of the office",
        "réponse automatique",
        "absence du bureau",
        "respuesta automática",
        "abwesend",
    ];
    (!submitted.trim().is_empty() && submitted.trim() != "no")
        || ["X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress", "X-AutoReply-From", "X-Mail-Autoreply"]
            .iter()
            .any(|name| message.header_raw(*name).is_some())
        || matches!(header(message, "Precedence").trim(), "auto_reply" | "bulk" | "junk" | "list")
        || starts.iter().any(|start| subject.trim_start().starts_with(start))
}

fn latin(bytes: &[u8]) -> String {
    cut(&String::from_utf8_lossy(bytes)).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_token_is_found_wherever_it_stands() {
        let token = "abcdefghijklmnopqrstuvwxy2";
        let folded = format!("To: BOUNCE+{}@muster.test\r\n\r\nx", token.to_uppercase());
        assert_eq!(token_of(folded.as_bytes()).as_deref(), Some(token));
        let srs = format!("To: SRS0=xx=yy=relay.example=bounce+{token}=muster.test@relay.example\r\n\r\nx");
        assert_eq!(token_of(srs.as_bytes()).as_deref(), Some(token));
        let encoded =
            "From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                .to_owned()
                + &base64::Engine::encode(
                    &base64::engine::general_purpose::STANDARD,
                    format!("Return-Path: <bounce+{token}@muster.test>"),
                );
        assert_eq!(token_of(encoded.as_bytes()).as_deref(), Some(token));
        for none in ["To: bounce+short@x\r\n\r\n", "To: bounce@x\r\n\r\n", "", "bounce+"] {
            assert_eq!(token_of(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn what_makes_an_address_dead() {
        let dead = |status: &str, text: &str| is_dead(EnhancedCode::at_start_of(status), text);
        for status in ["5.1.1", "5.1.10", "5.2.1", "5.4.4", "5.1.2"] {
            assert!(dead(status, ""), "{status}");
        }
        for status in ["5.2.2", "5.3.4", "5.7.1", "4.4.7", "5.6.0", "4.1.1"] {
            assert!(!dead(status, ""), "{status}");
        }
        assert!(dead("", "550 No such user here") && dead("5.0.0", "User unknown") && dead("5.7.1", "user unknown"));
        assert!(!dead("", "554 Message refused as spam") && !dead("5.2.2", "user unknown? mailbox full"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(raw in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = (read(&raw), token_of(&raw));
        }

        #[test]
        fn no_half_report_makes_it_panic(cut in 0_usize..2000, noise in proptest::collection::vec((0_usize..2000, any::<u8>()), 0..20)) {
            let mut raw = include_bytes!("../../tests/bounces/postfix-unknown.eml").to_vec();
            for (at, byte) in noise {
                let length = raw.len();
                raw[at % length] = byte;
            }
            raw.truncate(cut);
            let _ = (read(&raw), token_of(&raw));
        }
    }
}
