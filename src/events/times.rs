//! Parsing of event times: RFC 3339, or a local time in the event's zone (OSDI's examples have no offset).

use chrono::{DateTime, Datelike, MappedLocalTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};

use crate::kernel::zones::Zone;

/// Accepted formats of a local time; seconds may have a fraction, as in Python's `str(datetime)`.
const LOCAL: [&str; 4] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];

/// Accepted formats of a time with an offset: RFC 3339, and what Python's `%z` and PHP's `O` write.
const WITH_OFFSET: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"];

/// A time with an offset, or with `UTC` or `GMT` after it; Java and Temporal add the zone in brackets.
fn with_offset(text: &str) -> Option<DateTime<Utc>> {
    let text = text.strip_suffix(']').and_then(|text| text.split_once('[')).map_or(text, |(time, _)| time);
    let (date, time) = text.split_at_checked("2027-05-01".len())?;
    let time = time.strip_prefix(['T', 't', ' '])?;
    let mut text = format!("{date}T{}", time.to_ascii_uppercase().replace(' ', ""));
    for name in ["UTC", "GMT", "Z"] {
        if let Some(time) = text.strip_suffix(name) {
            text = format!("{time}+00:00");
            break;
        }
    }
    let at = WITH_OFFSET.iter().find_map(|form| DateTime::parse_from_str(&text, form).ok());
    at.map(|at| at.to_utc())
}

/// Parses a time: with an offset as RFC 3339, without one as local time in `zone`.
///
/// A local time that a clock change repeats means its first occurrence. The error is an English sentence for the
/// client.
pub(super) fn parse(text: &str, zone: Zone) -> Result<DateTime<Utc>, &'static str> {
    let text = text.trim();
    let at = if let Some(at) = with_offset(text) {
        at
    } else {
        let local = LOCAL.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        let local =
            local.ok_or("Write it as 2026-12-06T14:00:00-05:00, or as 2026-12-06 14:00:00 in the event's zone.")?;
        match zone.from_local_datetime(&local) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => at.to_utc(),
            MappedLocalTime::None => {
                return Err("The clocks are put forward then: this hour does not exist in the event's zone.");
            }
        }
    };
    // a leap second is kept as the second before it, which is what Postgres can hold
    if (2000..2200).contains(&at.year()) {
        Ok(at - TimeDelta::nanoseconds(at.timestamp_subsec_nanos().into()))
    } else {
        Err("Must lie between the years 2000 and 2199.")
    }
}

/// The start of a draft without one: noon of the next day in its zone. Such an event cannot be published.
pub(super) fn placeholder(now: DateTime<Utc>, zone: Zone) -> DateTime<Utc> {
    let noon =
        (now.with_timezone(&zone).date_naive() + TimeDelta::days(1)).and_time(NaiveTime::MIN) + TimeDelta::hours(12);
    zone.from_local_datetime(&noon).earliest().map_or_else(|| noon.and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::zones;

    fn utc(text: &str) -> Result<String, &'static str> {
        parse(text, *zones::DEFAULT).map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    #[test]
    fn offsets_are_read_as_programs_write_them() {
        for text in [
            "2027-05-01T18:00:00+00:00",
            "2027-05-01T18:00:00Z",
            "2027-05-01t18:00:00z",
            "2027-05-01T18:00:00+0000",
            "2027-05-01 14:00:00-04",
            "2027-05-01 14:00:00.000123-0400",
            "2027-05-01 18:00:00 UTC",
            "2027-05-01 18:00 GMT",
            "2027-05-01 14:00:00 -0400",
            "2027-05-01T14:00:00 -04:00",
            "2027-05-01T18:00:00 UTC",
            "2027-05-01T14:00:00-04:00[America/Toronto]",
        ] {
            assert_eq!(utc(text).as_deref(), Ok("2027-05-01T18:00:00Z"), "{text}");
        }
        for text in [
            "2027-05-01 18:00:00 XYZ",
            "2027-05-01",
            "18:00Z",
            "2027-05-01T18:00:00+",
            "2027-05-01T18:00:00[America/Toronto]",
        ] {
            assert!(utc(text).is_err(), "{text}");
        }
    }

    #[test]
    fn local_times_are_read_in_the_zone() {
        for (text, at) in [
            ("2026-12-06 14:00:00", "2026-12-06T19:00:00Z"),
            ("2026-07-01T14:00:00", "2026-07-01T18:00:00Z"),
            (" 2026-07-01 14:00 ", "2026-07-01T18:00:00Z"),
            ("2027-05-01 18:00:00.000123", "2027-05-01T22:00:00Z"),
            ("2027-05-01T18:00:00.5", "2027-05-01T22:00:00Z"),
            ("2027-05-01 18:00:00.000123-04:00", "2027-05-01T22:00:00Z"),
            ("2027-05-01 18:00:00+00:00", "2027-05-01T18:00:00Z"),
            ("2026-12-06T14:00:00Z", "2026-12-06T14:00:00Z"),
            ("2026-12-06T14:00:00.123+01:00", "2026-12-06T13:00:00Z"),
            // repeated when daylight saving time ends: the first occurrence
            ("2026-11-01 01:30:00", "2026-11-01T05:30:00Z"),
            ("2026-11-01 02:30:00", "2026-11-01T07:30:00Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Ok(at), "{text}");
        }
        for text in [
            "2026-03-08 02:30:00",
            "2026-13-01 00:00:00",
            "tomorrow",
            "",
            "2026-12-06",
            "2026-12-06 14:00:00.",
            "1999-01-01 00:00:00",
            "99999-01-01T00:00:00Z",
        ] {
            assert!(utc(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_placeholder_is_tomorrow_noon() {
        let late = DateTime::parse_from_rfc3339("2026-11-23T04:00:00Z").unwrap().to_utc();
        assert_eq!(placeholder(late, *zones::DEFAULT).to_rfc3339(), "2026-11-23T17:00:00+00:00");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,40}|[0-9T:+Z. -]{0,30}") {
            let _ = parse(&text, *zones::DEFAULT);
        }

        #[test]
        fn what_is_written_is_read(seconds in 946_684_800_i64..7_000_000_000) {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            prop_assert_eq!(parse(&at.to_rfc3339(), *zones::DEFAULT), Ok(at));
            let local = at.with_timezone(&*zones::DEFAULT).format("%Y-%m-%d %H:%M:%S").to_string();
            let read = parse(&local, *zones::DEFAULT).unwrap();
            prop_assert!(read == at || read == at - TimeDelta::hours(1));
        }
    }
}
