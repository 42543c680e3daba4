//! Classifies returned mail without a machine-readable part, by who sent it, its subject and its text: the reports of
//! qmail, older Exim and Exchange, gateways; out-of-office replies and acknowledgements.
//!
//! Both may contain any word: an out-of-office reply may quote a failure, and a report repeats our subject. So the
//! sender decides first: what a mail system sends is a report, whatever its subject; a postmaster may be a person or
//! an automatic reply, so the subject must be that of a report, or the text in the form of one; of anybody else even
//! both are needed, and a null return path.

use std::borrow::Cow;

use mail_parser::{HeaderValue, parsers::MessageStream};

use super::{
    bounce_cause::{codes_in, has_words, phrases, plain_words, speaks_of_nobody},
    mime::Header,
};

/// Maximum number of lines of a report in which the reason is looked for.
const MAX_REASON_LINES: usize = 500;

/// What a message without machine-readable parts is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// A permanent failure, with the part of the text that gives the reason.
    Failed(String),
    /// Delayed: it is still being tried.
    InProgress,
    /// An automatic reply.
    AutoReply,
    /// Anything else.
    Other,
}

/// Who sent a message, by its From header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SenderKind {
    /// Software: `MAILER-DAEMON`, "Mail Delivery System".
    MailSystem,
    /// Software or a person.
    Postmaster,
    /// Anybody else.
    Person,
}

/// Classifies a message by its header and its first readable text.
pub(super) fn classify(header: &Header, text: &str) -> Wording {
    let subject = plain_words(&decoded(header.get("subject").unwrap_or_default()));
    let body = plain_words(text);
    let subject_has = |phrases: &[&str]| phrases.iter().any(|phrase| has_words(&subject, phrase));
    let says = |phrases: &[&str]| phrases.iter().any(|p| has_words(&subject, p) || has_words(&body, p));
    let names_recipient = header.get("x-failed-recipients").is_some();
    let sender = if names_recipient { SenderKind::MailSystem } else { sender_of(header) };
    let is_null = header.get("return-path").is_some_and(is_null_path);
    let has_reply_field = phrases("auto_reply_fields").iter().any(|name| header.get(name).is_some());
    let is_automatic = has_reply_field || is_automatic(header);
    let subject_starts = |phrases: &[&str]| {
        let rest = |start: &&str| subject.trim_start().strip_prefix(*start);
        phrases.iter().filter_map(rest).any(|rest| rest.starts_with(' '))
    };
    let is_reply = subject_starts(phrases("reply_prefixes"));
    let starts_as_reply = subject_starts(phrases("auto_reply_starts"));
    let is_reply_subject = starts_as_reply || subject_has(phrases("auto_reply_subjects"));
    let is_report_subject = !is_reply && (subject_has(phrases("report_subjects")) || subject_has(phrases("delayed")));

    let reason = reason_in(text);
    let has_status = codes_in(&reason).any(|code| code.class == 5);
    let has_code = match sender {
        SenderKind::MailSystem => has_reply_code(&reason),
        // "Suite 550", "514-555-0199"
        SenderKind::Postmaster | SenderKind::Person => has_reply(&reason),
    };
    let is_of_person = || {
        let text = plain_words(&before_original(text).join(" "));
        let is_said = |phrases: &[&str]| phrases.iter().any(|phrase| has_words(&text, phrase));
        is_said(phrases("first_person")) || is_said(phrases("auto_reply_texts"))
    };
    let quotes_refusal = has_status || has_code || speaks_of_nobody(&reason);
    // the return path of a report is null (RFC 3464 section 2): another one is that of a person
    let has_other_path = header.get("return-path").is_some() && !is_null;
    let may_be_report = match sender {
        SenderKind::MailSystem => names_recipient || is_null || is_automatic || !is_reply,
        SenderKind::Postmaster if is_reply_subject => false,
        // some gateways are not careful; then they show what was said on the wire
        SenderKind::Postmaster if has_other_path => is_report_subject && quotes_refusal && has_words(&body, "rcpt to"),
        // Apache James answers with the subject of the mail
        SenderKind::Postmaster if is_reply => {
            (is_null || is_automatic)
                && quotes_refusal
                && !has_reply_field
                && says(phrases("failed"))
                && !says(phrases("auto_reply_texts"))
        }
        SenderKind::Postmaster => {
            is_report_subject
                || ((is_null || is_automatic)
                    && quotes_refusal
                    && !has_reply_field
                    && !says(phrases("auto_reply_texts")))
        }
        SenderKind::Person => is_report_subject && !is_reply_subject && is_null && !has_reply_field && !is_of_person(),
    };
    if may_be_report {
        if says(phrases("only_delayed"))
            || (says(phrases("delayed")) && !says(phrases("final")))
            || (says(phrases("delivered")) && !says(phrases("failed")))
        {
            return Wording::InProgress;
        }
        let is_failure = match sender {
            SenderKind::MailSystem => names_recipient || is_report_subject || quotes_refusal,
            SenderKind::Postmaster => is_report_subject,
            SenderKind::Person => has_status || has_code,
        };
        // people write "could not be delivered", too
        if is_failure || (sender != SenderKind::Person && says(phrases("failed"))) {
            return Wording::Failed(reason);
        }
    }
    match sender {
        // kept for a human: it may be a report in unknown words
        SenderKind::MailSystem if !is_reply_subject => Wording::Other,
        _ if is_automatic || is_reply_subject || is_null => Wording::AutoReply,
        _ => Wording::Other,
    }
}

/// Is a return path null? Some delivery agents write the name of their own system instead: `<MAILER-DAEMON@host>`, `<"">`.
fn is_null_path(path: &str) -> bool {
    let path = path.trim().trim_matches(['<', '>']);
    let local = path.split('@').next().unwrap_or_default().trim_matches(['"', ' ']);
    local.is_empty() || local.to_ascii_lowercase().strip_prefix("mailer").is_some_and(|rest| rest.ends_with("daemon"))
}

/// The value of a header with its encoded words (RFC 2047) decoded.
pub(super) fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains("=?") {
        return Cow::Borrowed(value);
    }
    let line = format!("{value}\n");
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => Cow::Owned(text.into_owned()),
        _ => Cow::Borrowed(value),
    }
}

fn sender_of(header: &Header) -> SenderKind {
    let from = decoded(header.get("from").unwrap_or_default()).to_lowercase();
    let is_named = |names: &[&str]| names.iter().any(|name| from.contains(name));
    if is_named(phrases("mail_systems")) {
        SenderKind::MailSystem
    } else if is_named(phrases("postmasters")) {
        SenderKind::Postmaster
    } else {
        SenderKind::Person
    }
}

/// Is it automatic by its header: RFC 3834, or `Precedence`?
fn is_automatic(header: &Header) -> bool {
    let lower = |name: &str| header.get(name).unwrap_or_default().trim().to_ascii_lowercase();
    let submitted = lower("auto-submitted");
    (!submitted.is_empty() && submitted != "no")
        || matches!(lower("precedence").as_str(), "auto_reply" | "auto-reply" | "bulk" | "junk" | "list")
}

/// The part of a report that gives the reason: from the first line with a reply code, a status code or a phrase such as
/// "user unknown" to the end of its paragraph; else everything before the returned message.
pub(super) fn reason_in(text: &str) -> String {
    let kept = before_original(text);
    let tells = |line: &&str| codes_in(line).next().is_some() || has_reply_code(line) || speaks_of_nobody(line);
    match kept.iter().position(tells) {
        Some(at) => {
            let paragraph = kept[at..].iter().take_while(|line| !line.is_empty());
            paragraph.copied().collect::<Vec<_>>().join(" ")
        }
        None => kept.join(" ").trim().to_owned(),
    }
}

/// The lines of a report before the returned message.
fn before_original(text: &str) -> Vec<&str> {
    let lines = text.lines().take(MAX_REASON_LINES).map(str::trim);
    lines.take_while(|line| !begins_original(line)).collect()
}

/// Does the returned message begin at this line?
fn begins_original(line: &str) -> bool {
    let is_rule = line.starts_with("--") || line.starts_with("__") || line.starts_with("==") || line.ends_with(':');
    let plain = if is_rule { plain_words(line) } else { return false };
    phrases("original_marks").iter().any(|mark| has_words(&plain, mark))
}

/// Does a text quote a 5xx reply: a code at its beginning, after a mark, or after a word such as "said" or "error"?
fn has_reply(text: &str) -> bool {
    text.match_indices('5').any(|(at, _)| {
        let (before, from) = text.split_at(at);
        let [b'5', b'0'..=b'5', b'0'..=b'9', after @ ..] = from.as_bytes() else { return false };
        // a part of a word, of a number with a point or a slash, or of a telephone number
        let is_part = before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '/'))
            || from[3..].starts_with(char::is_alphanumeric)
            || matches!(after, [b'-' | b'.' | b',' | b'/', next, ..] if next.is_ascii_digit());
        // before the word is looked for, which takes as long as the word is
        if is_part {
            return false;
        }
        let before = before.trim_end();
        let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        // "my mailbox is closed / 550. Write to …"
        let is_of_prose = word.is_empty() && (before.ends_with('/') || after.first() == Some(&b'.'));
        !is_of_prose && (word.is_empty() || phrases("reply_words").contains(&word.to_lowercase().as_str()))
    })
}

/// Does a text contain a 5xx reply code (RFC 5321 section 4.2.1: the second digit is at most 5)?
fn has_reply_code(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| matches!(word.as_bytes(), [b'5', b'0'..=b'5', b'0'..=b'9']))
}
