//! Internationalisation: every sentence that a person reads is in a Fluent file under `templates/texts/{language}/`,
//! compiled into the binary.

use std::{borrow::Cow, collections::HashMap};

use chrono::{DateTime, Datelike, Timelike, Utc};
use fluent_templates::{LanguageIdentifier, Loader, fluent_bundle::FluentValue};

use super::{text::LocaleTag, zones::Zone};

fluent_templates::static_loader! {
    static TEXTS = {
        locales: "./templates/texts",
        fallback_language: "en",
        // bidi isolation marks around arguments would be visible in plain-text mail and break copied links
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// Arguments of a text.
pub type Arguments<'a> = HashMap<Cow<'static, str>, FluentValue<'a>>;

/// The text for `key` in a language. A missing key returns the key itself, which a test over all texts catches.
pub fn text(locale: LocaleTag, key: &str) -> String {
    TEXTS.try_lookup(identifier(locale), key).unwrap_or_else(|| key.to_owned())
}

/// A text with several arguments.
pub fn text_with(locale: LocaleTag, key: &str, arguments: &Arguments<'_>) -> String {
    TEXTS.try_lookup_with_args(identifier(locale), key, arguments).unwrap_or_else(|| key.to_owned())
}

/// A text with one argument.
pub fn text_of<'a>(locale: LocaleTag, key: &str, name: &'static str, value: impl Into<FluentValue<'a>>) -> String {
    text_with(locale, key, &HashMap::from([(Cow::Borrowed(name), value.into())]))
}

fn identifier(locale: LocaleTag) -> &'static LanguageIdentifier {
    static ALL: std::sync::LazyLock<HashMap<LocaleTag, LanguageIdentifier>> = std::sync::LazyLock::new(|| {
        LocaleTag::ALL.into_iter().map(|l| (l, l.as_str().parse().expect("our tags are valid"))).collect()
    });
    &ALL[&locale]
}

/// The supported language that the browser prefers (`Accept-Language`, RFC 9110, section 12.5.4).
pub fn negotiate(accept_language: Option<&str>) -> Option<LocaleTag> {
    let mut wanted: Vec<(u32, LocaleTag)> = Vec::new();
    for part in accept_language?.split(',').take(20) {
        let (tag, q) = part.split_once(";q=").map_or((part, 1000), |(tag, q)| (tag, thousandths(q.trim())));
        if let Ok(locale) = LocaleTag::parse(tag.trim())
            && q > 0
        {
            wanted.push((q, locale));
        }
    }
    wanted.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
    wanted.first().map(|(_, locale)| *locale)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
fn thousandths(q: &str) -> u32 {
    (q.parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0) * 1000.0) as u32
}

/// A number with the language's digit grouping.
pub fn number(locale: LocaleTag, value: i64) -> String {
    let separator = match locale {
        LocaleTag::En | LocaleTag::Pa => ",",
        LocaleTag::Fr => "\u{202f}",
        LocaleTag::Es => "\u{a0}",
    };
    let digits = value.unsigned_abs().to_string();
    // Punjabi groups the last three digits, then pairs (lakh, crore); Spanish does not group four digits
    let (last, step) = match locale {
        LocaleTag::Pa => (3, 2),
        LocaleTag::Es if digits.len() == 4 => (4, 4),
        _ => (3, 3),
    };
    let mut groups = Vec::new();
    let mut rest = digits.as_str();
    let mut size = last;
    while rest.len() > size {
        let (head, tail) = rest.split_at(rest.len() - size);
        groups.push(tail);
        rest = head;
        size = step;
    }
    groups.push(rest);
    groups.reverse();
    format!("{}{}", if value < 0 { "-" } else { "" }, groups.join(separator))
}

/// A time in its zone, written out: "Sunday, 6 December 2026, 14:00 EST".
pub fn date_time(locale: LocaleTag, at: DateTime<Utc>, zone: Zone) -> String {
    let local = at.with_timezone(&zone);
    format!("{}, {:02}:{:02} {}", date_of(locale, &local), local.hour(), local.minute(), local.format("%Z"))
}

/// A period in a zone; the second date is omitted when it is the same day.
pub fn period(locale: LocaleTag, from: DateTime<Utc>, to: DateTime<Utc>, zone: Zone) -> String {
    let (start, end) = (from.with_timezone(&zone), to.with_timezone(&zone));
    if start == end {
        date_time(locale, from, zone)
    } else if start.date_naive() == end.date_naive() {
        format!(
            "{}, {:02}:{:02}\u{2013}{:02}:{:02} {}",
            date_of(locale, &start),
            start.hour(),
            start.minute(),
            end.hour(),
            end.minute(),
            end.format("%Z")
        )
    } else {
        format!("{} \u{2013} {}", date_time(locale, from, zone), date_time(locale, to, zone))
    }
}

/// A date, written out.
pub fn date(locale: LocaleTag, day: chrono::NaiveDate) -> String {
    text_with(
        locale,
        "date-long",
        &HashMap::from([
            ("day".into(), day.day().into()),
            ("month".into(), text(locale, &format!("month-{}", day.month())).into()),
            ("year".into(), day.year().to_string().into()),
        ]),
    )
}

fn date_of(locale: LocaleTag, local: &DateTime<Zone>) -> String {
    let weekday = text(locale, &format!("weekday-{}", local.weekday().number_from_monday()));
    format!("{weekday}, {}", date(locale, local.date_naive()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_wins() {
        assert_eq!(negotiate(Some("de, fr-CA;q=0.8, en;q=0.9")), Some(LocaleTag::En));
        assert_eq!(negotiate(Some("pa-IN")), Some(LocaleTag::Pa));
        assert_eq!(negotiate(Some("de")), None);
        assert_eq!(negotiate(None), None);
    }

    #[test]
    fn numbers_are_grouped_as_each_language_does() {
        assert_eq!(number(LocaleTag::En, 1_234_567), "1,234,567");
        assert_eq!(number(LocaleTag::Fr, 12_345), "12\u{202f}345");
        assert_eq!(number(LocaleTag::Es, 4500), "4500");
        assert_eq!(number(LocaleTag::Es, 10_000), "10\u{a0}000");
        assert_eq!(number(LocaleTag::Pa, 12_345_678), "1,23,45,678");
        assert_eq!(number(LocaleTag::En, 0), "0");
    }
}
