//! Classifies returned mail: delivery status notifications (RFC 3464, and the older formats of qmail, Exim and
//! Exchange), complaints (ARF, RFC 5965), automatic replies (RFC 3834). Pure; accepts any bytes, in time proportional
//! to their number (`mime` parses the message, within limits).
//!
//! Each message we send has one envelope recipient, so a report is about one mail, which the token in its address
//! identifies.

use super::{
    mime::{Header, Message},
    retry_policy::failure,
    smtp::{EnhancedCode, without_locals},
};

/// Length of a return token, in characters (see [`super::message::Sender::return_token`]).
const TOKEN_CHARS: usize = 26;
/// Maximum number of bytes of a text that are searched.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Maximum number of bytes of a failure's text that are processed before it is shortened for the row.
const MAX_REASON_BYTES: usize = 4 * 1024;
/// Maximum number of local parts that are removed from a failure's text.
const MAX_LOCALS: usize = 40;

/// Classification of a returned message.
#[derive(Clone, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum BounceReport {
    /// Permanent failure: the mail was not delivered and will not be.
    #[strum(serialize = "bounce")]
    Failed {
        /// Enhanced status code (RFC 3463), where the reporter gave one.
        status: Option<EnhancedCode>,
        /// The address will never accept mail: unknown, closed, its domain gone. False for a full mailbox, content
        /// refused, delivery time expired.
        is_dead: bool,
        /// The reason, without addresses.
        text: String,
    },
    /// Delayed, relayed or delivered: nothing to do.
    #[strum(serialize = "underway")]
    InProgress,
    /// Its reader marked it as spam, or unsubscribed with the provider's button.
    Complaint,
    /// Automatic reply: out of office, a ticket.
    AutoReply,
    /// A person's reply, or anything else.
    Other,
}

impl BounceReport {
    /// Its name in metrics and the API.
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}

/// A parsed returned message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedBounce {
    /// The classification.
    pub report: BounceReport,
    /// The return token, found anywhere in the message, also in encoded parts.
    pub token: Option<String>,
}

/// Parses a returned message.
pub fn parse(raw: &[u8]) -> ParsedBounce {
    let mut token = token_in(raw);
    let message = Message::read(raw, &mut |decoded| {
        if token.is_none() {
            token = token_in(decoded);
        }
    });
    let mut report = report_of(&message, raw);
    if let BounceReport::Failed { text, .. } = &mut report {
        *text = failure(&without_locals(text, &recipients(&message)));
    }
    ParsedBounce { report, token }
}

fn report_of(message: &Message, raw: &[u8]) -> BounceReport {
    if message.header.is_empty() {
        return BounceReport::Other;
    }
    if let Some(report) = reported_in_parts(message) {
        return report;
    }
    if is_from_a_mailer(&message.header)
        && let Some(report) = in_words(&message.header, &text_of(message, raw))
    {
        return report;
    }
    if is_automatic(&message.header) { BounceReport::AutoReply } else { BounceReport::Other }
}

/// Local parts of the addresses that a report is about. Texts may name them without a domain: "no such user jane.doe".
fn recipients(message: &Message) -> Vec<String> {
    let mut locals = Vec::new();
    let mut add = |text: &str| {
        let room = MAX_LOCALS.saturating_sub(locals.len());
        // except our own addresses
        locals.extend(locals_in(text).filter(|local| !local.starts_with("bounce+")).take(room).map(str::to_owned));
    };
    for header in std::iter::once(&message.header).chain(&message.inner_headers) {
        header.get("x-failed-recipients").into_iter().for_each(&mut add);
    }
    for header in &message.inner_headers {
        header.get("to").into_iter().for_each(&mut add);
    }
    for part in &message.parts {
        let names: &[&str] = match part.kind.as_str() {
            "text/rfc822-headers" => &["to"],
            kind if kind.ends_with("delivery-status") => &["final-recipient", "original-recipient"],
            _ => continue,
        };
        // each group of a delivery status names a recipient
        for group in cut(&part.text).replace("\r\n", "\n").split("\n\n") {
            names.iter().filter_map(|name| field(group, name)).for_each(|value| add(&value));
        }
    }
    locals
}

/// The local part before each `@` of a text.
fn locals_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('@').filter_map(|(at, _)| {
        let before = &text[..at];
        let start = before
            .rfind(|c: char| c.is_whitespace() || "<>()[],;:\"@".contains(c))
            .map_or(0, |start| start + before[start..].chars().next().map_or(1, char::len_utf8));
        Some(&before[start..]).filter(|local| (1..=64).contains(&local.len()))
    })
}

/// The return token of the first address `bounce+<token>@…` in a text.
pub(super) fn token_in(text: &[u8]) -> Option<String> {
    let mark = b"bounce+";
    let starts = text.windows(mark.len()).enumerate().filter(|(_, w)| w.eq_ignore_ascii_case(mark));
    starts.into_iter().find_map(|(at, _)| {
        let token = text.get(at + mark.len()..at + mark.len() + TOKEN_CHARS)?;
        // `=` where the address was itself made part of another (VERP, SRS)
        let ends = matches!(text.get(at + mark.len() + TOKEN_CHARS), Some(b'@' | b'=' | b'%'));
        let token = std::str::from_utf8(token).ok().filter(|t| ends && t.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        Some(token.to_ascii_lowercase())
    })
}

/// Classification by the machine-readable parts of a `multipart/report` (RFC 6522), in whatever multipart they come;
/// also of a report that was forwarded as a whole.
fn reported_in_parts(message: &Message) -> Option<BounceReport> {
    message.parts.iter().find_map(|part| match part.kind.as_str() {
        "message/feedback-report" => Some(complaint(cut(&part.text))),
        "message/delivery-status" | "message/global-delivery-status" | "text/delivery-status" => {
            delivery_status(cut(&part.text))
        }
        _ => None,
    })
}

fn complaint(text: &str) -> BounceReport {
    match field(text, "feedback-type").as_deref() {
        Some("not-spam" | "auth-failure" | "dmarc") => BounceReport::Other,
        _ => BounceReport::Complaint,
    }
}

/// What the reporter did (`Action`, RFC 3464 section 2.3.3).
#[derive(Clone, Copy, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
enum DeliveryAction {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
}

/// A `message/delivery-status` part (RFC 3464): groups of fields, the first about the message, each further one about a
/// recipient. The first group with an action or a status counts.
fn delivery_status(text: &str) -> Option<BounceReport> {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let groups: Vec<&str> = unix.split("\n\n").collect();
    let about = |group: &&str| field(group, "action").is_some() || field(group, "status").is_some();
    let group = groups.iter().copied().find(about)?;
    let diagnosis = field(group, "diagnostic-code").unwrap_or_default();
    // `smtp; 550 5.1.1 <jane@example.org>: no such user`
    let diagnosis = diagnosis.split_once(';').map_or(&*diagnosis, |(_, text)| text).trim();
    let status = field(group, "status").as_deref().and_then(EnhancedCode::at_start_of);
    let action = field(group, "action").unwrap_or_default();
    match action.split_whitespace().next().unwrap_or("").parse() {
        Ok(DeliveryAction::Failed) => Some(failed(status, diagnosis)),
        Ok(_) => Some(BounceReport::InProgress),
        // some reporters give a status only
        Err(_) => match status?.class {
            5 => Some(failed(status, diagnosis)),
            _ => Some(BounceReport::InProgress),
        },
    }
}

fn failed(status: Option<EnhancedCode>, text: &str) -> BounceReport {
    // the reporter's own status is often 5.0.0 where the reply it quotes is more specific
    let quoted = enhanced_in(text);
    let telling = |code: &EnhancedCode| (code.subject, code.detail) != (0, 0);
    let status = status.filter(telling).or(quoted).or(status);
    // only the beginning is kept, so only that is cleaned
    let kept = &text[..text.floor_char_boundary(MAX_REASON_BYTES)];
    BounceReport::Failed { status, is_dead: is_dead(status, text), text: failure(kept) }
}

/// Does a permanent failure mean that the address does not exist? Only by codes that are about the address itself
/// (RFC 3463 section 3): 5.1.1 unknown mailbox, 5.1.2 unknown domain, 5.1.3 bad syntax, 5.1.6 moved, 5.1.10 null MX,
/// 5.4.4 no route. The text counts only where there is no code or 5.0.0: 5.7.x and the codes about the sender come
/// with any wording.
pub(super) fn is_dead(status: Option<EnhancedCode>, text: &str) -> bool {
    match status.map(|s| (s.class, s.subject, s.detail)) {
        Some((5, 1, 1 | 2 | 3 | 6 | 10) | (5, 4, 4)) => true,
        None | Some((5, 0, 0)) => speaks_of_nobody(text),
        Some(_) => false,
    }
}

/// Does a text contain one of the phrases by which mail systems say that a mailbox or domain does not exist?
fn speaks_of_nobody(text: &str) -> bool {
    let text = text.to_lowercase();
    // about our address, not the recipient's: "Sender address rejected: Domain not found"
    let of_us = ["sender address", "sender domain", "sender verif", "sender rejected", "from address", "your account"];
    if of_us.iter().any(|word| text.contains(word)) {
        return false;
    }
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

/// The value of a field in a header-like text, unfolded; in lower case, except that of `diagnostic-code`.
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

/// The first human-readable text of a message; of `multipart/alternative` the plain form.
fn text_of(message: &Message, raw: &[u8]) -> String {
    let is_plain_form = |part: &&super::mime::MimePart| part.is_alternative && part.kind == "text/plain";
    let first = message.parts.iter().find(|part| part.readable().is_some());
    let part =
        first.filter(|part| part.is_alternative).and_then(|_| message.parts.iter().find(is_plain_form)).or(first);
    let text = part.and_then(super::mime::MimePart::readable);
    text.map_or_else(|| latin(raw), |text| cut(&text).to_owned())
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// Is the message from a mail system: by its From name, an empty return path, or `X-Failed-Recipients`?
fn is_from_a_mailer(fields: &Header) -> bool {
    let from = header(fields, "from");
    let names = ["mailer-daemon", "postmaster", "mail delivery", "mail-daemon", "maildelivery", "microsoftexchange"];
    names.iter().any(|name| from.contains(name))
        || header(fields, "return-path").trim() == "<>"
        || fields.get("x-failed-recipients").is_some()
}

fn header(fields: &Header, name: &str) -> String {
    fields.get(name).unwrap_or_default().to_lowercase()
}

/// Classification of a report without machine-readable parts: the formats of qmail (`qmail-send`), older Exim and
/// Exchange, and any other text with one of the phrases.
fn in_words(fields: &Header, text: &str) -> Option<BounceReport> {
    let subject = header(fields, "subject");
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
        return Some(BounceReport::InProgress);
    }
    let is_failure = fields.get("x-failed-recipients").is_some()
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
        // the reason follows the introduction, in the recipient's paragraph; the quoted message is ignored
        let ours = ["--- below this line is a copy", "------ this is a copy of", "original message", "--- original"];
        let end = ours.iter().filter_map(|mark| lower.find(mark)).min().unwrap_or(lower.len());
        let reason = text.get(..end).unwrap_or(text);
        let line = reason.lines().find(|l| enhanced_in(l).is_some() || smtp_in(l) || speaks_of_nobody(l));
        failed(enhanced_in(reason), line.unwrap_or(reason).trim())
    })
}

/// The first enhanced status code of class 4 or 5 anywhere in a text.
fn enhanced_in(text: &str) -> Option<EnhancedCode> {
    let words = text.split(|c: char| {
        c.is_whitespace() || matches!(c, '(' | ')' | '#' | '<' | '>' | ',' | ';' | ':' | '-' | '[' | ']' | '\'')
    });
    words.filter_map(EnhancedCode::at_start_of).find(|code| code.class != 2)
}

/// Does a line contain a 5xx reply code?
fn smtp_in(line: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word.len() == 3 && word.starts_with('5') && word.bytes().all(|b| b.is_ascii_digit()))
}

/// Is it an automatic reply: by RFC 3834, or by the older headers and subjects?
fn is_automatic(fields: &Header) -> bool {
    let submitted = header(fields, "auto-submitted");
    let subject = header(fields, "subject");
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
        || ["x-autoreply", "x-autorespond", "x-auto-response-suppress", "x-autoreply-from", "x-mail-autoreply"]
            .iter()
            .any(|name| fields.get(name).is_some())
        || matches!(header(fields, "precedence").trim(), "auto_reply" | "bulk" | "junk" | "list")
        || starts.iter().any(|start| subject.trim_start().starts_with(start))
}

fn latin(bytes: &[u8]) -> String {
    cut(&String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT_BYTES)])).to_owned()
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use proptest::prelude::*;

    use super::*;

    fn token_of(raw: &[u8]) -> Option<String> {
        parse(raw).token
    }

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
                + &BASE64.encode(format!("Return-Path: <bounce+{token}@muster.test>").as_bytes());
        assert_eq!(token_of(encoded.as_bytes()).as_deref(), Some(token));
        for none in ["To: bounce+short@x\r\n\r\n", "To: bounce@x\r\n\r\n", "", "bounce+"] {
            assert_eq!(token_of(none.as_bytes()), None, "{none}");
        }
    }

    /// `levels` messages, each the only content of the one around it.
    fn nested(levels: usize) -> Vec<u8> {
        let mut raw = b"Content-Type: message/rfc822\n\n".repeat(levels);
        raw.extend_from_slice(b"Subject: x\n\nbody");
        raw
    }

    #[test]
    fn a_message_nested_thousands_of_times_is_read_like_any_other() {
        // with a recursive parser 1 MB of them overflowed the stack and 120 kB took 20 seconds
        for levels in [4_000, 34_000] {
            assert_eq!(parse(&nested(levels)), ParsedBounce { report: BounceReport::Other, token: None });
        }
        let encoded = BASE64.encode(&nested(24_000));
        let hidden = format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{encoded}");
        assert_eq!(parse(hidden.as_bytes()).report, BounceReport::Other);
        let digest = "Content-Type: multipart/digest; boundary=b\n\n--b\n\n".repeat(20_000);
        assert_eq!(parse(digest.as_bytes()).report, BounceReport::Other);
    }

    #[test]
    fn a_report_is_found_behind_anything_else() {
        let status = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; j@x\nAction: failed\nStatus: 5.1.1\n";
        let nested = format!(
            "From: x\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nforwarded\n--a\nContent-Type: message/rfc822\n\nFrom: MAILER-DAEMON\nContent-Type: multipart/report; boundary=b\n\n--b\n\ntext\n--b\n{status}--b--\n--a--\n"
        );
        let BounceReport::Failed { status, is_dead, .. } = parse(nested.as_bytes()).report else { panic!("{nested}") };
        assert_eq!((status.map(|s| s.to_string()).as_deref(), is_dead), (Some("5.1.1"), true));
    }

    #[test]
    fn what_is_kept_of_a_failure_names_nobody() {
        let raw = "From: MAILER-DAEMON@x\nContent-Type: multipart/report; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; Jane.Doe+news@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user JANE.DOE+NEWS (jane.doe) here, Doe is gone, mailbox stays\n--b--\n";
        let BounceReport::Failed { text, .. } = parse(raw.as_bytes()).report else { panic!("{raw}") };
        assert!(!text.to_lowercase().contains("jane") && !text.to_lowercase().contains("doe"), "{text}");
        assert!(text.starts_with("550 no such user") && text.ends_with("mailbox stays"), "{text}");
    }

    #[test]
    fn what_makes_an_address_dead() {
        let dead = |status: &str, text: &str| is_dead(EnhancedCode::at_start_of(status), text);
        for status in ["5.1.1", "5.1.10", "5.1.3", "5.1.6", "5.4.4", "5.1.2"] {
            assert!(dead(status, ""), "{status}");
        }
        for status in ["5.2.1", "5.2.2", "5.3.4", "5.7.1", "4.4.7", "5.6.0", "4.1.1", "5.1.7", "5.1.8", "5.4.5"] {
            assert!(!dead(status, ""), "{status}");
        }
        assert!(dead("", "550 No such user here") && dead("5.0.0", "User unknown"));
        assert!(!dead("5.7.1", "user unknown") && !dead("5.1.8", "Sender address rejected: Domain not found"));
        assert!(!dead("", "554 Message refused as spam") && !dead("5.2.2", "user unknown? mailbox full"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(raw in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = parse(&raw);
        }

        #[test]
        fn no_half_report_makes_it_panic(cut in 0_usize..2000, noise in proptest::collection::vec((0_usize..2000, any::<u8>()), 0..20)) {
            let mut raw = include_bytes!("../../tests/bounces/postfix-unknown.eml").to_vec();
            for (at, byte) in noise {
                let length = raw.len();
                raw[at % length] = byte;
            }
            raw.truncate(cut);
            let _ = parse(&raw);
        }
    }
}
