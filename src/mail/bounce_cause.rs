//! Why a mail was refused: by the enhanced status code (RFC 3463), and by the words of the reply.
//!
//! Codes and words often contradict each other. Gateways wrap the reply of the next system into a code of their own,
//! and many systems use one code for everything. So the reply that is quoted innermost counts, and its words decide
//! where its code is general or does not fit them. Words are compared in a plain form ([`plain_words`]); a mailbox is
//! said not to exist by a noun and a predicate near each other, so that word order and fillers do not matter.
//!
//! An address is dead only if the text or code says that it does not exist. Blocklists, rates, quotas and policies say
//! nothing about the address.

use std::{collections::HashMap, sync::LazyLock};

use unicode_normalization::UnicodeNormalization;

use super::smtp::EnhancedCode;

/// Maximum number of bytes of a reply that are examined.
const MAX_REPLY_BYTES: usize = 4 * 1024;
/// What stands before every refusal of a kind, whatever its reason: "5.1.0 - Unknown address error 550-'…'" of `IronPort`,
/// "Host or domain name not found. Name service error for name=… type=MX: …" of Postfix.
const LABELS: [&str; 2] = ["unknown address error", "name service error for"];
/// Number of words around a predicate in which its noun may stand.
const NOUN_DISTANCE: usize = 7;

/// Cause of a permanent failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum FailureCause {
    /// The address will never accept mail: unknown, closed, its domain gone.
    Dead,
    /// Disabled, or a code about the address that may be temporary. Twice, days apart, means dead.
    Doubtful,
    /// The mailbox is full.
    Full,
    /// The sender or the content is refused: blocklist, spam, authentication, size, restricted recipient.
    Policy,
    /// A rate limit, an outage, the delivery time expired.
    Temporary,
    /// Unknown.
    Unknown,
}

/// Is an address dead that a relay refused with this reply?
pub(super) fn is_dead(status: Option<EnhancedCode>, text: &str) -> bool {
    cause(status, text) == FailureCause::Dead
}

/// The code that counts: that of the innermost reply in the text, unless it is general and the reporter's is not.
pub(super) fn telling_code(status: Option<EnhancedCode>, text: &str) -> Option<EnhancedCode> {
    let telling = |code: &EnhancedCode| (code.subject, code.detail) != (0, 0);
    let quoted = codes_in(text).filter(telling).last();
    quoted.or(status.filter(telling)).or_else(|| codes_in(text).last()).or(status)
}

/// The cause of a refusal with this status (of a report, or of the reply itself) and text.
pub(super) fn cause(status: Option<EnhancedCode>, text: &str) -> FailureCause {
    use FailureCause::{Dead, Doubtful, Full, Policy, Temporary, Unknown};
    let code = telling_code(status, text).map(|code| (code.class, code.subject, code.detail));
    let reply = Reply::of(text);
    if let Some((4, subject, detail)) = code {
        return if (subject, detail) == (2, 2) || reply.is_full() { Full } else { Temporary };
    }
    if matches!(code, None | Some((_, 0, 0))) && reply.is_temporary_code() {
        return if reply.is_full() { Full } else { Temporary };
    }
    if matches!(code, None | Some((5, 0, 0))) && reply.has(phrases("undecided")) {
        return Doubtful;
    }
    let otherwise = if reply.is_of_sender() {
        Some(Policy)
    } else if reply.is_rate() {
        Some(Temporary)
    } else if reply.is_full() {
        Some(Full)
    } else if reply.is_policy() {
        Some(Policy)
    } else if reply.has(&["service unavailable"]) && !reply.speaks_of_nobody() {
        // Sendmail ends the report of any failure with it
        Some(Temporary)
    } else {
        None
    };
    match code {
        // the resolver had trouble, and not the domain none
        Some((5, 4, 4)) if otherwise == Some(Temporary) => Temporary,
        // 5.1.1 mailbox, 5.1.2 domain, 5.1.3 syntax, 5.1.6 moved, 5.1.10 null MX, 5.4.4 no route
        Some((5, 1, 1 | 2 | 3 | 6 | 10) | (5, 4, 4)) => {
            otherwise.filter(|_| reply.is_of_sender() || !reply.speaks_of_nobody()).unwrap_or(Dead)
        }
        Some((5, 2, 2)) => Full,
        Some((5, 2, 1)) => match otherwise {
            Some(Temporary | Full) => otherwise.unwrap_or(Temporary),
            _ if reply.speaks_of_nobody() || reply.is_closed() => Dead,
            Some(Policy) if !reply.is_disabled() => Policy,
            _ => Doubtful,
        },
        // 5.7.x comes with any words, so only a whole sentence about the recipient counts
        Some((5, 7, _)) => match otherwise {
            Some(Temporary) => Temporary,
            None if reply.states_nobody() => Dead,
            _ => Policy,
        },
        // expired, loops
        Some((5, 4, 7)) => Temporary,
        // about the sender, the content, the size
        Some((5, 1, 7..=9) | (5, 6, _) | (5, 2, 3) | (5, 3, 4)) => Policy,
        _ => {
            let is_address_code = matches!(code, Some((5, 1, 0 | 4) | (5, 4, 1 | 310)));
            if let Some(otherwise) = otherwise {
                otherwise
            } else if reply.speaks_of_nobody()
                || reply.is_closed()
                || (matches!(code, Some((5, 1, _))) && reply.has(&["address rejected", "recipient rejected"]))
                || (matches!(code, Some((5, 4, 1))) && reply.has(&["recipient address rejected access denied"]))
                || (matches!(code, None | Some((5, 0 | 1 | 3 | 5, _) | (5, 2, 0))) && reply.is_unavailable())
            {
                Dead
            } else if reply.has(&["access denied", "abgelehnt"]) {
                if is_address_code { Doubtful } else { Policy }
            } else if is_address_code || reply.is_disabled() {
                Doubtful
            } else {
                Unknown
            }
        }
    }
}

/// Does a text say that a mailbox or its domain does not exist?
pub(super) fn speaks_of_nobody(text: &str) -> bool {
    let reply = Reply::of(text);
    !reply.is_of_sender() && (reply.speaks_of_nobody() || reply.is_closed())
}

/// The first enhanced status codes of class 4 or 5 in a text, with whatever marks around them: `550-5.1.1`, `(#5.1.1)`,
/// `'5.7.1`.
pub(super) fn codes_in(text: &str) -> impl Iterator<Item = EnhancedCode> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').map(|word| word.trim_end_matches('.'));
    words.filter_map(EnhancedCode::at_start_of).filter(|code| code.class != 2)
}

/// The plain form of a text: lower case without accents, every run of other characters than letters and digits one
/// space, with a space at each end. Ideographs are kept as they are.
pub(super) fn plain_words(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 2);
    plain.push(' ');
    for c in text.nfkd().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            plain.push(c);
        } else if !('\u{300}'..='\u{36f}').contains(&c) && !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    if !plain.ends_with(' ') {
        plain.push(' ');
    }
    plain
}

/// Are the words of `phrase` in a text of [`plain_words`]? Phrases of ideographs are found anywhere.
pub(super) fn has_words(plain: &str, phrase: &str) -> bool {
    if !phrase.is_ascii() {
        return plain.contains(phrase);
    }
    plain.match_indices(phrase).any(|(at, _)| {
        plain[..at].ends_with(' ') && (phrase.ends_with(' ') || plain[at + phrase.len()..].starts_with(' '))
    })
}

/// Can it stand in the name of a host?
fn is_of_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-')
}

/// Does a link lead to a blocklist?
fn is_of_blocklist(link: &str) -> bool {
    let lower = link.to_ascii_lowercase();
    let host = lower.split_once("://").or_else(|| lower.split_once("www.")).map_or("", |(_, after)| after);
    let host = &host[..host.find(|c| !is_of_host(c)).unwrap_or(host.len())];
    host.split(['.', '-']).any(|label| phrases("blocklist_hosts").contains(&label))
}

/// The phrases of a section of `bounce_phrases.txt`.
pub(super) fn phrases(section: &str) -> &'static [&'static str] {
    static SECTIONS: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
        // a section's lines are joined, at the first use and for good
        let text = include_str!("bounce_phrases.txt").lines().filter(|line| !line.starts_with('#'));
        let joined: &'static str = text.collect::<Vec<_>>().join(" ").leak();
        let sections = joined.split('[').filter_map(|section| section.split_once(']'));
        sections.map(|(name, list)| (name, list.split(',').map(str::trim).collect())).collect()
    });
    SECTIONS.get(section).map_or(&[], Vec::as_slice)
}

/// A reply's words.
struct Reply {
    plain: String,
}

impl Reply {
    /// Without links, addresses and names of hosts, which contain any word: `https://example.org/spam#unknown`. Of a
    /// link only that it leads to a blocklist is kept.
    fn of(text: &str) -> Self {
        let text = &text[..text.floor_char_boundary(MAX_REPLY_BYTES)];
        let lower = text.to_ascii_lowercase();
        let quoted = |label: &&str| lower.find(label).map(|at| &text[at + label.len()..]);
        let text = LABELS.iter().filter_map(quoted).find(|rest| rest.len() > 8).unwrap_or(text);
        let mut kept = String::with_capacity(text.len());
        let mut is_host = false;
        for word in text.split_whitespace() {
            let is_link = word.contains("://") || word.contains("www.");
            let is_name = word.trim_end_matches(|c: char| !c.is_alphanumeric()).contains('.');
            let is_name_of_host = std::mem::replace(&mut is_host, word.eq_ignore_ascii_case("host")) && is_name;
            if is_link && is_of_blocklist(word) {
                kept.push_str("blocklist");
            }
            if !is_link && !is_name_of_host {
                match word.split_once('@') {
                    // what is glued to an address stays: `<jane@example.org>:User`
                    Some((_, after)) => kept.push_str(after.trim_start_matches(is_of_host)),
                    None => kept.push_str(word),
                }
            }
            kept.push(' ');
        }
        Self { plain: plain_words(&kept) }
    }

    fn has(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| has_words(&self.plain, phrase))
    }

    /// Does it begin with a 4xx reply code (RFC 5321)?
    fn is_temporary_code(&self) -> bool {
        let first = self.plain.split_whitespace().next().unwrap_or_default();
        first.len() == 3 && first.starts_with('4') && first.bytes().all(|b| b.is_ascii_digit())
    }

    fn is_of_sender(&self) -> bool {
        self.has(phrases("of_sender"))
    }

    fn is_rate(&self) -> bool {
        self.has(phrases("rate"))
    }

    fn is_full(&self) -> bool {
        self.has(phrases("full"))
    }

    fn is_policy(&self) -> bool {
        self.has(phrases("policy")) && !self.has(phrases("not_policy"))
    }

    fn is_unavailable(&self) -> bool {
        self.has(&[
            "mailbox unavailable",
            "mailbox not available",
            "mailbox is unavailable",
            "mailbox is not available",
        ])
    }

    fn is_disabled(&self) -> bool {
        self.has(phrases("disabled"))
    }

    fn is_closed(&self) -> bool {
        self.has(phrases("closed"))
    }

    fn speaks_of_nobody(&self) -> bool {
        self.has(phrases("nobody"))
            || self.is_said_of(phrases("nouns"), phrases("predicates"))
            || self.is_said_of(phrases("nouns_zh"), phrases("predicates_zh"))
    }

    /// A sentence, and not only two words as in "user unknown".
    fn states_nobody(&self) -> bool {
        (self.speaks_of_nobody() && self.has(&["recipient address rejected"]))
            || self.is_said_of(phrases("nouns"), phrases("sentences"))
    }

    /// Does one of the nouns stand near one of the predicates?
    fn is_said_of(&self, nouns: &[&str], predicates: &[&str]) -> bool {
        predicates.iter().any(|predicate| {
            if !predicate.is_ascii() {
                return self.plain.contains(predicate) && nouns.iter().any(|noun| self.plain.contains(noun));
            }
            self.plain.match_indices(predicate).any(|(at, _)| {
                let (before, after) = (&self.plain[..at], &self.plain[at + predicate.len()..]);
                if !before.ends_with(' ') || !after.starts_with(' ') {
                    return false;
                }
                let is_noun = |word: &str| nouns.contains(&word);
                before.split_whitespace().rev().take(NOUN_DISTANCE).any(is_noun)
                    || after.split_whitespace().take(2).any(is_noun)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: &str, text: &str) -> FailureCause {
        cause(EnhancedCode::at_start_of(status), text)
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

    #[test]
    fn phrases_are_in_their_plain_form() {
        // of addresses and header fields, not of texts
        let literal = ["mail_systems", "postmasters", "auto_reply_fields"];
        let code = [include_str!("bounce_cause.rs"), include_str!("bounce_words.rs")].concat();
        let sections = include_str!("bounce_phrases.txt").lines().filter_map(|line| line.strip_prefix('['));
        for section in sections.map(|line| line.trim_end_matches(']')) {
            assert!(code.contains(&format!("phrases(\"{section}\")")), "{section} is used");
            assert!(!phrases(section).is_empty(), "{section}");
            for phrase in phrases(section).iter().filter(|_| !literal.contains(&section)) {
                assert_eq!(plain_words(phrase).trim(), *phrase);
            }
        }
        let used = code.split("phrases(\"").skip(1).filter_map(|rest| rest.split('"').next());
        for section in used.filter(|section| !section.contains('{')) {
            assert!(!phrases(section).is_empty(), "{section} exists");
        }
    }

    #[test]
    fn replies_without_a_telling_code() {
        use FailureCause::{Dead, Doubtful, Full, Policy, Temporary, Unknown};
        for (text, expected) in [
            ("550 <jane@example.org>: Recipient address rejected: No such user", Dead),
            ("550 unknown user account", Dead),
            ("550 Bad destination mailbox address", Dead),
            ("550 Mailbox does not exist!", Dead),
            ("550 There is no such user here", Dead),
            ("550 Account not available", Dead),
            ("550 That person has left the company; this address is no longer valid", Dead),
            ("550 Mailbox blocked due to inactivity", Dead),
            ("550 sorry, no mailbox here by that name", Dead),
            ("550 The recipient cannot be verified: address could not be found", Dead),
            ("550 user_unknown", Dead),
            ("550 Kein Postfach mit diesem Namen", Dead),
            ("550 Aucun utilisateur de ce nom", Dead),
            ("550 L’adresse du destinataire n’existe plus", Dead),
            ("550 La cuenta ya no existe", Dead),
            ("550 Usuário não cadastrado", Dead),
            ("550 用户不存在", Dead),
            ("550 Recipient not in directory", Dead),
            ("550 Unable to find recipient in the directory", Dead),
            ("550 ana is not a known user", Dead),
            ("550 Mail box unknown", Dead),
            ("550 There is no one at this address", Dead),
            ("550 La dirección de correo no es válida", Dead),
            ("550 L’adresse n’est plus valide", Dead),
            ("550 Cette boîte n’est plus active", Dead),
            ("550 O endereço não é válido", Dead),
            ("550 Unrecognized recipient", Dead),
            ("Utilisateur non répertorié dans l’annuaire", Dead),
            ("550 Unknown local part ana in <ana@example.org>", Dead),
            ("550 account has been disabled or deleted", Dead),
            ("554 30 Sorry, your message to ana@example.org cannot be delivered. This mailbox is disabled.", Doubtful),
            ("550 邮箱地址有误", Dead),
            ("550 Your address is unknown to us, please authenticate", Policy),
            ("550 Your email address is not known here; you must authenticate first", Policy),
            ("550 Requested action not taken: mailbox unavailable", Dead),
            ("450 Requested action not taken: mailbox unavailable", Temporary),
            ("550 This account is disabled", Doubtful),
            ("550 Mailbox temporarily disabled, try later", Temporary),
            ("552 Requested mail action aborted: exceeded storage allocation, storage limit", Full),
            ("550 Le quota de la boîte est dépassé", Full),
            ("554 Your IP 192.0.2.7 has been blacklisted, unknown user reports", Policy),
            ("550 Sender verify failed: no such user here", Policy),
            ("550 Callout: sender address unknown", Policy),
            ("550 relay not permitted", Policy),
            ("550 Too many recipients this hour", Temporary),
            ("554 Transaction failed", Unknown),
            ("554 Service unavailable", Temporary),
            ("mail.local: unknown user: ana 554 <ana@example.org>... Service unavailable", Dead),
            ("550 no", Unknown),
            ("550 Host unknown", Dead),
            ("550 Host not found, or not at this domain", Dead),
            ("550 host unknown.example.net said: no", Unknown),
            ("550 https://www.spamhaus.org/query/ip/192.0.2.7", Policy),
            ("550 Client not welcome (www.barracudacentral.org/lookups)", Policy),
            ("550 see https://example.org/blocklist", Unknown),
            ("Name service error for name=example.net type=MX: Host not found", Dead),
            ("Host or domain name not found. Name service error for name=a.example type=MX: Server failure", Temporary),
            ("553 Requested action not taken: mailbox name not allowed", Dead),
            ("550 Cette personne ne travaille plus ici", Dead),
            ("550 Nieznany użytkownik", Dead),
            ("550 Gebruiker onbekend", Dead),
            ("The account or domain may not exist, they may be blacklisted, or missing DNS entries", Doubtful),
            ("jane.doe wasn't found at example.net.", Dead),
            ("jane.doe est introuvable à example.net.", Dead),
            ("No se encontró a jane.doe en example.net.", Dead),
            ("550 see https://example.org/user-unknown and ask spam@example.org", Unknown),
        ] {
            assert_eq!(of("5.0.0", text), expected, "{text}");
        }
    }

    #[test]
    fn the_innermost_reply_counts() {
        for (status, text, expected) in [
            ("5.1.1", "550 5.7.1 refused", FailureCause::Policy),
            ("5.1.3", "553 http://www.spamhaus.org/query/bl?ip=192.0.2.222", FailureCause::Policy),
            ("5.1.1", "550 5.1.1 https://www.spamhaus.org/query/ip/192.0.2.7", FailureCause::Policy),
            ("5.1.1", "550 5.1.1 no such user, see https://www.spamhaus.org/faq", FailureCause::Dead),
            (
                "5.4.4",
                "Name service error for name=a.example type=MX: Host not found, try again",
                FailureCause::Temporary,
            ),
            ("5.1.1", "552 5.2.2 x", FailureCause::Full),
            ("5.0.0", "5.1.0 - Unknown address error 550-'5.7.1 no'", FailureCause::Policy),
            ("5.7.1", "550 -> 550 5.1.1 x", FailureCause::Dead),
            ("5.1.1", "550 5.0.0 x", FailureCause::Dead),
            ("5.1.1", "451 4.3.0 x", FailureCause::Temporary),
            ("", "553 sorry, this recipient is not in my validrcptto list (#5.7.1)", FailureCause::Dead),
            ("", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", FailureCause::Policy),
        ] {
            assert_eq!(of(status, text), expected, "{status} {text}");
        }
    }
}
