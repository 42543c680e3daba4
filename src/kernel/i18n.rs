//! Internationalisation: every sentence that a person reads is in a Fluent file under `templates/texts/{language}/`,
//! compiled into the binary.

use std::{borrow::Cow, collections::HashMap};

use chrono::{DateTime, Datelike, Offset, Timelike, Utc};
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
        let mut parameters = part.split(';');
        let tag = parameters.next().unwrap_or_default();
        let q = parameters.find_map(|parameter| {
            let (name, q) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| thousandths(q.trim()))
        });
        let q = q.unwrap_or(1000);
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

/// A time in its zone, written out: "Sunday, December 6, 2026, 2:00 p.m. EST".
pub fn date_time(locale: LocaleTag, at: DateTime<Utc>, zone: Zone) -> String {
    let local = at.with_timezone(&zone);
    let parts =
        [("date", date_of(locale, &local)), ("time", time_of(locale, &local)), ("zone", zone_of(locale, &local))];
    text_with(locale, "date-time", &strings(parts))
}

/// A period in a zone; the second date is omitted when it is the same day.
pub fn period(locale: LocaleTag, from: DateTime<Utc>, to: DateTime<Utc>, zone: Zone) -> String {
    let (start, end) = (from.with_timezone(&zone), to.with_timezone(&zone));
    if start == end {
        date_time(locale, from, zone)
    } else if start.date_naive() == end.date_naive() {
        let (from_zone, zone) = (zone_of(locale, &start), zone_of(locale, &end));
        // the clocks change in between
        let key = if from_zone == zone { "date-time-range" } else { "date-time-range-zones" };
        let parts = [
            ("date", date_of(locale, &start)),
            ("from", time_of(locale, &start)),
            ("from_zone", from_zone),
            ("to", time_of(locale, &end)),
            ("zone", zone),
        ];
        text_with(locale, key, &strings(parts))
    } else {
        format!("{} \u{2013} {}", date_time(locale, from, zone), date_time(locale, to, zone))
    }
}

/// A list in a sentence: "Monday, Tuesday and Wednesday".
pub fn list(locale: LocaleTag, items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => {
            text_with(locale, "list-and", &strings([("list", rest.join(", ")), ("last", last.clone())]))
        }
    }
}

/// The day of a moment in a zone, written out.
pub fn day_of(locale: LocaleTag, at: DateTime<Utc>, zone: Zone) -> String {
    date(locale, at.with_timezone(&zone).date_naive())
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
    text_with(locale, "date-weekday", &strings([("weekday", weekday), ("date", date(locale, local.date_naive()))]))
}

fn time_of(locale: LocaleTag, local: &DateTime<Zone>) -> String {
    time_of_day(locale, local.time())
}

/// A time of day: "2:00 p.m.".
pub fn time_of_day(locale: LocaleTag, time: chrono::NaiveTime) -> String {
    let (is_pm, hour12) = time.hour12();
    let mut arguments = strings([
        ("hour", time.hour().to_string()),
        ("hour12", hour12.to_string()),
        ("minutes", format!("{:02}", time.minute())),
        ("half", if is_pm { "pm" } else { "am" }.to_owned()),
    ]);
    arguments.insert("minute".into(), time.minute().into());
    text_with(locale, "time-of-day", &arguments)
}

/// What the zone is called at this moment. A text knows an abbreviation together with its hours from UTC (`EST-5`): alone,
/// `CST` is also China's.
fn zone_of(locale: LocaleTag, local: &DateTime<Zone>) -> String {
    let abbreviation = local.format("%Z").to_string();
    let known = format!("{abbreviation}{}", local.offset().fix().local_minus_utc() / 3600);
    let shown = if abbreviation.starts_with(['+', '-']) { format!("UTC{abbreviation}") } else { abbreviation };
    text_with(locale, "zone-name", &strings([("known", known), ("zone", shown)]))
}

fn strings<const N: usize>(parts: [(&'static str, String); N]) -> Arguments<'static> {
    parts.into_iter().map(|(name, value)| (Cow::Borrowed(name), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_wins() {
        assert_eq!(negotiate(Some("de, fr-CA;q=0.8, en;q=0.9")), Some(LocaleTag::En));
        assert_eq!(negotiate(Some("es; q=0.8, fr; Q=0.9 ,en;q=0")), Some(LocaleTag::Fr));
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

    #[test]
    fn times_are_written_as_each_language_does() {
        let zone = |name: &str| Zone::find(name).unwrap();
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let (from, to) = (at("2026-12-10T01:00:00Z"), at("2026-12-10T03:30:00Z"));
        for (locale, shown) in [
            (LocaleTag::En, "Wednesday, December 9, 2026, 8:00 p.m. \u{2013} 10:30 p.m. EST"),
            (LocaleTag::Fr, "mercredi 9 décembre 2026, 20 h \u{2013} 22 h 30 (HNE)"),
            (LocaleTag::Es, "miércoles 9 de diciembre de 2026, 8:00 p. m. \u{2013} 10:30 p. m. (hora del Este)"),
            (LocaleTag::Pa, "ਬੁੱਧਵਾਰ, 9 ਦਸੰਬਰ 2026, 8:00 PM \u{2013} 10:30 PM EST"),
        ] {
            let written = period(locale, from, to, zone("America/Toronto"));
            assert_eq!(written.replace('\u{a0}', " "), shown);
        }
        // the clocks change within the period
        let (from, to) = (at("2027-03-14T05:00:00Z"), at("2027-03-14T16:00:00Z"));
        for (locale, shown) in [
            (LocaleTag::En, "Sunday, March 14, 2027, 12:00 a.m. EST \u{2013} 12:00 p.m. EDT"),
            (LocaleTag::Fr, "dimanche 14 mars 2027, 0 h (HNE) \u{2013} 12 h (HAE)"),
        ] {
            let written = period(locale, from, to, zone("America/Toronto"));
            assert_eq!(written.replace('\u{a0}', " "), shown);
        }
        let written = |locale, text, name| date_time(locale, at(text), zone(name)).replace('\u{a0}', " ");
        assert_eq!(
            written(LocaleTag::Fr, "2026-07-01T16:00:00Z", "America/Halifax"),
            "mercredi 1er juillet 2026, 13 h (HAA)"
        );
        assert_eq!(
            written(LocaleTag::En, "2026-07-01T04:05:00Z", "America/Toronto"),
            "Wednesday, July 1, 2026, 12:05 a.m. EDT"
        );
        // an abbreviation that means something else elsewhere, and a zone that has none
        assert!(written(LocaleTag::Fr, "2026-07-01T04:00:00Z", "Asia/Shanghai").ends_with("12 h (CST)"));
        assert!(written(LocaleTag::Es, "2026-07-01T04:00:00Z", "America/Sao_Paulo").ends_with("(UTC-03)"));
        assert_eq!(day_of(LocaleTag::En, at("2026-12-10T01:00:00Z"), zone("America/Toronto")), "December 9, 2026");
    }
}
