//! Classifies returned mail: delivery status notifications (RFC 3464, and the older formats of qmail, Exim and
//! Exchange), complaints (ARF, RFC 5965), automatic replies (RFC 3834). Pure; accepts any bytes, in time proportional
//! to their number (`mime` parses the message, within limits).
//!
//! Each message we send has one envelope recipient, so a report is about one mail, which the token in its address
//! identifies.

use std::{borrow::Cow, cell::LazyCell};

use super::{
    bounce_cause::{self, FailureCause},
    bounce_words::{self, Wording},
    mime::{Message, unlabelled},
    retry_policy::failure,
    smtp::{EnhancedCode, without_locals},
};

/// Length of a return token, in characters (see [`super::message::Sender::return_token`]).
const TOKEN_CHARS: usize = 26;
/// Maximum number of bytes of a text that are searched.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Maximum number of bytes of a failure's text that are processed before it is shortened for the row.
const MAX_REASON_BYTES: usize = 4 * 1024;
/// Maximum number of groups of a delivery status that are read.
const MAX_GROUPS: usize = 50;
/// Maximum number of Message-IDs that are looked up.
const MAX_MESSAGE_IDS: usize = 10;
/// Maximum length of a group of a delivery status that goes on after an empty line, in bytes.
const MAX_GROUP_BYTES: usize = 4 * 1024;
/// Maximum number of bytes after the name of a field in which a Message-ID is looked for.
const MAX_ID_BYTES: usize = 200;
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
        /// Why.
        cause: FailureCause,
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

    /// Will the address never accept mail?
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Failed { cause: FailureCause::Dead, .. })
    }
}

/// A parsed returned message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedBounce {
    /// The classification.
    pub report: BounceReport,
    /// The return token, found anywhere in the message, also in encoded parts.
    pub token: Option<String>,
    /// The Message-IDs of the mails that it is about, by which the mail is found if there is no token.
    pub message_ids: Vec<String>,
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
        *text = failure(&without_locals(text, &recipients(&message, raw)));
    }
    ParsedBounce { report, token, message_ids: message_ids(&message) }
}

fn report_of(message: &Message, raw: &[u8]) -> BounceReport {
    if message.header.is_empty() {
        return BounceReport::Other;
    }
    let text = text_of(message, raw);
    if let Some(report) = reported_in_parts(message, &text) {
        return report;
    }
    match bounce_words::classify(&message.header, &text) {
        // some systems write the fields of a delivery status into the text
        Wording::Failed(reason) => {
            let fields = has_status_fields(&text).then(|| delivery_status(&text, &reason)).flatten();
            fields.unwrap_or_else(|| failed(None, reason.trim(), String::new))
        }
        Wording::InProgress => BounceReport::InProgress,
        Wording::AutoReply => BounceReport::AutoReply,
        Wording::Other => BounceReport::Other,
    }
}

/// Local parts of the addresses that a report is about. Texts may name them without a domain: "no such user jane.doe".
fn recipients(message: &Message, raw: &[u8]) -> Vec<String> {
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
    // a report in words names them only there
    if locals.is_empty() {
        let ours = |local: &&str| !local.to_ascii_lowercase().starts_with("bounce+");
        locals.extend(locals_in(&text_of(message, raw)).filter(ours).take(MAX_LOCALS).map(str::to_owned));
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

/// Name of the parameter by which the link in `List-Unsubscribe` carries the return token: complaints often come without
/// any address of ours.
pub(super) const LINK_PARAMETER: &str = "mail";

/// What stands before a return token: in the envelope sender, and in a link, also in quoted-printable and
/// percent-encoded.
const TOKEN_MARKS: [&str; 8] = [
    "bounce+",
    "bounce=2b",
    "bounce%2b",
    "?mail=",
    "?mail=3d",
    // wrapped into the links of Safe Links, once and twice, and of URL Defense
    "%3fmail%3d",
    "%253fmail%253d",
    "-3fmail-3d",
];

/// The first return token in a text, also where it is broken at the end of a quoted-printable line, as in a copy of a mail
/// that stands in a text.
pub(super) fn token_in(text: &[u8]) -> Option<String> {
    whole_token_in(text).or_else(|| {
        let is_broken = text.windows(2).any(|pair| matches!(pair, b"=\r" | b"=\n"));
        if is_broken { whole_token_in(&without_soft_breaks(text)) } else { None }
    })
}

/// A text without soft line breaks (RFC 2045 section 6.7) and the marks of quotation after them.
fn without_soft_breaks(text: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'=') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        joined.extend_from_slice(before);
        rest = if let Some(next) = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n")) {
            next.trim_ascii_start().strip_prefix(b">").map_or(next, <[u8]>::trim_ascii_start)
        } else {
            joined.push(b'=');
            after
        };
    }
    joined.extend_from_slice(rest);
    joined
}

fn whole_token_in(text: &[u8]) -> Option<String> {
    let starts_with = |at: usize, mark: &str| {
        text.get(at..at + mark.len()).is_some_and(|found| found.eq_ignore_ascii_case(mark.as_bytes()))
    };
    let may_start = |byte: &u8| matches!(byte, b'b' | b'B' | b'?' | b'%' | b'-');
    let starts = text.iter().enumerate().filter(|(_, byte)| may_start(byte)).map(|(at, _)| at);
    let after_marks = starts.flat_map(|at| {
        TOKEN_MARKS.into_iter().filter(move |mark| starts_with(at, mark)).map(move |mark| at + mark.len())
    });
    after_marks.into_iter().find_map(|at| {
        let token = text.get(at..at + TOKEN_CHARS)?;
        let ends = !text.get(at + TOKEN_CHARS).is_some_and(u8::is_ascii_alphanumeric);
        let token = std::str::from_utf8(token).ok().filter(|t| ends && t.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        Some(token.to_ascii_lowercase())
    })
}

/// The Message-IDs of the messages that a report contains, of whose headers it contains a copy anywhere, or to which it
/// says that it is an answer.
fn message_ids(message: &Message) -> Vec<String> {
    let of_messages = message.inner_headers.iter().filter_map(|header| header.get("message-id"));
    let of_copies = message.parts.iter().flat_map(|part| copied_ids(cut(&part.text)));
    let of_threads = ["in-reply-to", "references"].into_iter().filter_map(|name| message.header.get(name));
    let mut ids = Vec::new();
    for id in of_messages.chain(of_copies).chain(of_threads).flat_map(ids_in) {
        if ids.len() < MAX_MESSAGE_IDS && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// The ids in the fields `Message-ID` and `Original-Message-ID` in a text, with whatever marks of quotation before them.
fn copied_ids(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(':').filter_map(|(colon, _)| {
        let before = text[..colon].trim_ascii_end();
        let start = before.len().checked_sub("message-id".len())?;
        let is_field = before.get(start..).is_some_and(|name| name.eq_ignore_ascii_case("message-id"));
        let value = &text[colon + 1..text.floor_char_boundary(colon + 1 + MAX_ID_BYTES)];
        ids_in(value).next().filter(|_| is_field)
    })
}

/// The Message-IDs in the value of a field: `<id> (a comment)`, several of them, or one without brackets.
fn ids_in(value: &str) -> impl Iterator<Item = &str> {
    let is_id = |word: &&str| word.contains('@');
    let words = value.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>'));
    words.filter(is_id)
}

/// Header fields of complaints without a feedback report: Outlook.com's older form, and Apple Mail's button
/// "unsubscribe".
const COMPLAINT_FIELDS: &[&str] = &["x-hmxmroriginalrecipient", "x-apple-unsubscribe"];

/// Classification by the machine-readable parts of a `multipart/report` (RFC 6522), in whatever multipart they come;
/// also of a report that was forwarded as a whole.
fn reported_in_parts(message: &Message, readable: &str) -> Option<BounceReport> {
    let mut headers = std::iter::once(&message.header).chain(&message.inner_headers);
    if headers.any(|header| COMPLAINT_FIELDS.iter().any(|name| header.get(name).is_some())) {
        return Some(BounceReport::Complaint);
    }
    message.parts.iter().find_map(|part| match part.kind.as_str() {
        "message/feedback-report" => Some(complaint(cut(&part.text))),
        "message/delivery-status"
        | "message/global-delivery-status"
        | "text/delivery-status"
        | "message/tracking-status" => delivery_status(cut(&part.text), readable),
        // as gateways of Exchange and Notes attach it
        "text/plain" | "application/octet-stream" if part.is_named && has_status_fields(cut(&part.text)) => {
            delivery_status(cut(&part.text), readable)
        }
        // read, or deleted unread (RFC 8098)
        "message/disposition-notification" | "message/global-disposition-notification" => Some(BounceReport::AutoReply),
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
#[derive(Clone, Copy, PartialEq, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
enum DeliveryAction {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
}

/// Classification of a `message/delivery-status` part (RFC 3464), or of the same fields in a text: groups of fields, the
/// first about the message, each further one about a recipient. There are several when our recipient is an alias or
/// a list: one failure makes the report a failure, but the address is dead only if the mail reached nobody.
fn delivery_status(fields: &str, readable: &str) -> Option<BounceReport> {
    let reason = LazyCell::new(|| bounce_words::reason_in(readable));
    let mut failures = Vec::new();
    let (mut is_report, mut has_reached) = (false, false);
    for group in groups(fields).take(MAX_GROUPS) {
        let status = field(&group, "status").as_deref().and_then(EnhancedCode::at_start_of);
        let action = field(&group, "action").unwrap_or_default();
        let action = action.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().parse();
        match (action, status) {
            (Ok(DeliveryAction::Failed), _) | (Err(_), Some(EnhancedCode { class: 5, .. })) => {
                let diagnosis = field(&group, "diagnostic-code").unwrap_or_default();
                let diagnosis = bounce_words::decoded(without_type(&diagnosis));
                failures.push(failed(status, &diagnosis, || reason.clone()));
            }
            (Ok(action), _) => has_reached |= !matches!(action, DeliveryAction::Expanded),
            (Err(_), None) => continue,
            (Err(_), Some(_)) => {}
        }
        is_report = true;
    }
    if failures.is_empty() {
        return is_report.then_some(BounceReport::InProgress);
    }
    let alive = failures.iter().position(|failure| !failure.is_dead()).unwrap_or(0);
    let mut failure = failures.swap_remove(alive);
    if let BounceReport::Failed { cause: cause @ FailureCause::Dead, .. } = &mut failure
        && has_reached
    {
        *cause = FailureCause::Unknown;
    }
    Some(failure)
}

/// Does a text contain the fields of a delivery status?
fn has_status_fields(text: &str) -> bool {
    ["action", "final-recipient"].iter().all(|name| field(text, name).is_some())
}

/// Groups of fields, separated by lines that are empty or blank. Where each field is followed by one, a group ends before
/// a field that it has already.
fn groups(text: &str) -> impl Iterator<Item = String> {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut groups = vec![String::new()];
    for line in unix.lines() {
        match groups.last_mut() {
            Some(group) if !line.trim().is_empty() => {
                group.push_str(line);
                group.push('\n');
            }
            _ => groups.push(String::new()),
        }
    }
    let mut joined: Vec<String> = Vec::new();
    for group in groups.into_iter().filter(|group| !group.is_empty()) {
        let mut names = group.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim());
        let goes_on = |last: &&mut String| {
            last.len() < MAX_GROUP_BYTES
                && field(last, "final-recipient").is_some()
                && !names.any(|name| field(last, name).is_some())
        };
        match joined.last_mut().filter(goes_on) {
            Some(last) => last.push_str(&group),
            None => joined.push(group),
        }
    }
    joined.into_iter()
}

/// A `Diagnostic-Code` without its type: `smtp; 550 5.1.1 <jane@example.org>: no such user`.
fn without_type(diagnosis: &str) -> &str {
    let is_type =
        |word: &str| word.trim().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    match diagnosis.split_once(';') {
        Some((word, text)) if is_type(word) => text.trim(),
        _ => diagnosis.trim(),
    }
}

/// A failure with the reporter's status and the quoted reply. Where these give no cause, or there is no reply, the
/// reason in the report's readable text counts.
fn failed(status: Option<EnhancedCode>, reply: &str, reason: impl FnOnce() -> String) -> BounceReport {
    let mut cause = bounce_cause::cause(status, reply);
    let mut text = Cow::Borrowed(reply);
    if cause == FailureCause::Unknown || reply.is_empty() {
        let reason = reason();
        if cause == FailureCause::Unknown {
            cause = bounce_cause::cause(status, &reason);
        }
        if reply.is_empty() {
            text = Cow::Owned(reason);
        }
    }
    let code = bounce_cause::telling_code(status, &text);
    // only the beginning is kept, so only that is cleaned
    let kept = &text[..text.floor_char_boundary(MAX_REASON_BYTES)];
    BounceReport::Failed { status: code, cause, text: failure(kept) }
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
    cut(&text.unwrap_or_else(|| unlabelled(&raw[..raw.len().min(MAX_TEXT_BYTES)]))).to_owned()
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
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
        let (begin, end) = token.split_at(6);
        for broken in [
            format!("Return-Path: <bounce+{begin}=\r\n{end}@muster.test>"),
            format!("> List-Unsubscribe: <https://muster.test/t/x?mail=3D{begin}=\n> {end}>"),
            format!("boun=\r\nce+{token}@muster.test"),
        ] {
            let raw = format!("From: a@b\r\n\r\n{broken}\r\n");
            assert_eq!(token_of(raw.as_bytes()).as_deref(), Some(token), "{broken}");
        }
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
            assert_eq!(
                parse(&nested(levels)),
                ParsedBounce { report: BounceReport::Other, token: None, message_ids: Vec::new() }
            );
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
        let BounceReport::Failed { status, cause, .. } = parse(nested.as_bytes()).report else { panic!("{nested}") };
        assert_eq!((status.map(|s| s.to_string()).as_deref(), cause), (Some("5.1.1"), FailureCause::Dead));
    }

    #[test]
    fn what_is_kept_of_a_failure_names_nobody() {
        let raw = "From: MAILER-DAEMON@x\nContent-Type: multipart/report; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; Jane.Doe+news@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user JANE.DOE+NEWS (jane.doe) here, Doe is gone, mailbox stays\n--b--\n";
        let BounceReport::Failed { text, .. } = parse(raw.as_bytes()).report else { panic!("{raw}") };
        assert!(!text.to_lowercase().contains("jane") && !text.to_lowercase().contains("doe"), "{text}");
        assert!(text.starts_with("550 no such user") && text.ends_with("mailbox stays"), "{text}");
    }

    #[test]
    fn the_original_is_found_by_link_and_message_id() {
        let token = "abcdefghijklmnopqrstuvwxy2";
        for link in [
            format!("?mail={token}>"),
            format!("?mail=3D{token}>"),
            format!("https://x.safelinks.example/?url=https%3A%2F%2Fmuster.test%2Ft%2Fx%3Fmail%3D{token}&data=5"),
            format!("https://x.example/?u=https%253A%252F%252Fmuster.test%252Ft%252Fx%253Fmail%253D{token}%26d"),
            format!("https://urldefense.example/v2/url?u=https-3A__muster.test_t_x-3Fmail-3D{token}&d=5"),
            format!("\r\nReturn-Path: <bounce=2B{token}@muster.test>"),
        ] {
            let raw = format!("From: a@b\r\n\r\nList-Unsubscribe: <https://muster.test/t/abc{link}");
            assert_eq!(token_of(raw.as_bytes()).as_deref(), Some(token), "{link}");
        }
        let raw = "From: x\nMessage-ID: <own@x>\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n--b\nContent-Type: text/rfc822-headers\n\nSubject: News\nMessage-ID: <theirs@muster.test>\n--b--\n";
        let parsed = parse(raw.as_bytes());
        assert_eq!(
            (parsed.report, parsed.message_ids),
            (BounceReport::Complaint, vec!["theirs@muster.test".to_owned()])
        );
    }

    #[test]
    fn the_message_id_is_found_wherever_the_original_stands() {
        let id = "theirs@muster.test";
        let original = format!("From: x@muster.test\nSubject: News\nMessage-ID: <{id}>\n\nhi");
        let report = |kind: &str, part: &str| {
            format!(
                "From: x\nMessage-ID: <own@x>\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n--b\nContent-Type: {kind}\n\n{part}\n--b--\n"
            )
        };
        let plain = |text: &str| format!("From: MAILER-DAEMON@x\nSubject: failure notice\n\n<j@x>:\n550 no\n\n{text}");
        for raw in [
            report("text/plain", &original),
            report("application/octet-stream; name=\"orig.eml\"", &original),
            report("message/rfc822", &original.replace(&format!("<{id}>"), &format!("<{id}> (added by x)"))),
            report("message/rfc822", &original.replace(&format!("<{id}>"), id)),
            report("message/rfc822", &original.replace("ID: ", "Id:\n\t")),
            plain(&format!("--- Below this line is a copy of the message.\n\n{original}")),
            plain(&original.replace('\n', "\n> ")),
            plain(&format!("X-Original-Message-ID: <{id}>")),
            format!("From: MAILER-DAEMON@x\nIn-Reply-To: <{id}>\nSubject: failure notice\n\n550 no"),
            format!("From: MAILER-DAEMON@x\nReferences: <other@x>\n\t<{id}>\nSubject: failure notice\n\n550 no"),
        ] {
            assert!(parse(raw.as_bytes()).message_ids.iter().any(|found| found == id), "{raw}");
        }
        let many = "Message-ID: <a@b>\n".repeat(3000)
            + &(0..100).map(|n| format!("Message-ID: {n}@b")).collect::<Vec<_>>().join("\n");
        assert_eq!(parse(plain(&many).as_bytes()).message_ids.len(), MAX_MESSAGE_IDS);
    }

    /// A sample of the corpus: its name, the expected kind and status, and the address that it is about.
    struct Sample<'a> {
        name: &'a str,
        kind: &'a str,
        status: &'a str,
        address: &'a str,
    }

    const EXPECTED: &str = include_str!("../../tests/bounces/expected.tsv");

    fn samples() -> impl Iterator<Item = Sample<'static>> {
        EXPECTED.lines().skip(1).map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [name, kind, status, address, _note] => Sample { name, kind, status, address },
            _ => panic!("{line:?} has not five columns"),
        })
    }

    #[test]
    fn the_corpus_is_classified_as_expected() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces");
        let mut confusion = std::collections::BTreeMap::<(&str, String), Vec<&str>>::new();
        let mut wrong = Vec::new();
        for sample in samples() {
            let raw = std::fs::read(folder.join(sample.name).with_extension("eml")).expect(sample.name);
            let (kind, status, text) = match parse(&raw).report {
                BounceReport::Failed { status, cause, text } => {
                    (<&str>::from(cause).to_owned(), status.map_or_else(|| "-".to_owned(), |s| s.to_string()), text)
                }
                other => (other.as_str().replace('_', "-"), "-".to_owned(), String::new()),
            };
            if kind != sample.kind || status != sample.status {
                wrong.push(format!("{}: {} {}, not {kind} {status}: {text}", sample.name, sample.kind, sample.status));
            }
            let local = sample.address.split('@').next().unwrap_or_default().to_lowercase();
            if local.len() > 3 && text.to_lowercase().contains(&local) {
                wrong.push(format!("{}: the kept text names {local}", sample.name));
            }
            confusion.entry((sample.kind, kind)).or_default().push(sample.name);
        }
        let table = confusion.iter().map(|((expected, found), names)| {
            let names = if expected == found { String::new() } else { names.join(" ") };
            format!("{expected:12}{found:12}{:5}  {names}\n", confusion[&(*expected, found.clone())].len())
        });
        let table: String = table.collect();
        assert!(wrong.is_empty(), "expected    found      number\n{table}\n{}", wrong.join("\n"));
        let files = std::fs::read_dir(&folder).expect("the corpus").flatten();
        let count = files.filter(|file| file.path().extension().is_some_and(|end| end == "eml")).count();
        assert_eq!(samples().count(), count, "each sample is judged");
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
