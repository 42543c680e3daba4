//! Settings: every key with its comment in `config/default.toml`, overridden by the profile's file and then by the
//! environment. Read once at start, validated whole; an error names the key. The files are compiled in, so a binary
//! runs anywhere; a `config/` folder beside it wins over the compiled ones.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;
use url::Url;

const DEFAULT: &str = include_str!("../config/default.toml");
const PROFILES: [(&str, &str); 3] = [
    ("development", include_str!("../config/development.toml")),
    ("production", include_str!("../config/production.toml")),
    ("test", include_str!("../config/test.toml")),
];

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `MUSTER_PROFILE`.
    #[serde(skip)]
    pub profile: String,
    /// The site and the API.
    pub http: Http,
    /// Health and metrics.
    pub admin: Admin,
    /// The database.
    pub database: Database,
    /// The embedded Postgres.
    pub postgres: EmbeddedPostgres,
    /// The root keyring.
    pub keyring: KeyringFile,
    /// Outgoing mail.
    pub mail: Mail,
    /// Limits against floods.
    pub guard: Guard,
    /// Group commit.
    pub hot_path: HotPath,
    /// Published numbers.
    pub counts: Counts,
    /// How long things are kept.
    pub retention: Retention,
    /// Logging.
    pub log: Log,
}

/// `http.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where to listen.
    pub bind: SocketAddr,
    /// What people see, without a trailing slash.
    pub public_url: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Seconds.
    pub timeout_seconds: u64,
}

/// `admin.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where to listen.
    pub bind: SocketAddr,
}

/// `database.*`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Empty: embedded.
    pub url: String,
    /// Empty: `url`.
    pub direct_url: String,
    /// Connections.
    pub pool_size: u32,
    /// Seconds.
    pub acquire_timeout_seconds: u64,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("pool_size", &self.pool_size).finish_non_exhaustive()
    }
}

/// `postgres.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedPostgres {
    /// Folder for the cluster and other local state.
    pub data_root: PathBuf,
}

/// `keyring.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyringFile {
    /// The file.
    pub file: PathBuf,
    /// Make it if missing?
    pub generate: bool,
}

/// `mail.transport`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A relay.
    Smtp,
    /// Files under `postgres.data_root`.
    Mailbox,
}

/// `mail.*`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Where mail goes.
    pub transport: Transport,
    /// The relay.
    pub smtp_url: String,
    /// Messages after which a connection is closed.
    pub messages_per_connection: u32,
    /// Seconds for which a connection may lie unused.
    pub idle_seconds: u64,
    /// Path of a PEM file with an authority to trust besides the public ones; "" for none.
    pub smtp_ca_file: String,
    /// Domain of our sender addresses.
    pub from_domain: String,
    /// Connections to the relay.
    pub connections: usize,
    /// Mails claimed at once, at most.
    pub batch: i64,
    /// Seconds.
    pub lease_seconds: u32,
    /// Seconds.
    pub poll_seconds: u64,
    /// Confirmations an address may get in a day.
    pub confirmations_per_day: i16,
    /// Broadcasts that those of one action may get in thirty days.
    pub broadcasts_per_month: i64,
    /// A folder of mail that came back, or "".
    pub bounce_spool: String,
    /// First mails to an address that the whole installation sends in an hour.
    pub first_contacts_per_hour: i64,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail")
            .field("transport", &self.transport)
            .field("from_domain", &self.from_domain)
            .finish_non_exhaustive()
    }
}

/// `guard.mode`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum GuardMode {
    /// Limits apply.
    On,
    /// They do not.
    Off,
}

/// `guard.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// On or off.
    pub mode: GuardMode,
    /// Acts a minute from one source without a proof of work.
    pub free_per_minute: u32,
    /// Attempts a proof asks for, at most.
    pub challenge_work: u64,
    /// Attempts a quarter of an hour.
    pub sign_in_attempts: u32,
}

/// `hot_path.*`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotPath {
    /// Batches of one kind of action that are under way at once; each holds a database connection.
    pub flushers: usize,
    /// Acts in one batch, at most.
    pub batch_limit: usize,
    /// Acts that may wait; beyond that the answer is 503.
    pub queue_limit: usize,
    /// Seconds an act may wait before it is refused instead of written.
    pub deadline_seconds: u64,
}

/// `counts.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Seconds.
    pub tick_seconds: u32,
    /// Seconds, for actions with `confirmation: none`.
    pub unconfirmed_tick_seconds: u32,
}

/// `retention.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days.
    pub unconfirmed_days: u32,
    /// Days after which the owner of the address is reminded to confirm, once.
    pub reminder_days: u32,
    /// Months.
    pub protected_months: u32,
    /// Days after which a month of settled mail is dropped.
    pub mail_days: u32,
}

/// `log.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `EnvFilter` directives.
    pub filter: String,
    /// "text" or "json".
    pub format: LogFormat,
}

/// `log.format`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Settings that do not fit; every fault with its key.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Unfit(pub Vec<String>);

impl Settings {
    /// Reads the settings of the profile in `MUSTER_PROFILE` and validates them.
    ///
    /// # Errors
    /// [`Unfit`], one line for each fault, each naming its key.
    pub fn load() -> Result<Self, Unfit> {
        let profile = std::env::var("MUSTER_PROFILE").unwrap_or_else(|_| "development".to_owned());
        let settings = Self::read(&profile, &std::env::vars().collect::<Vec<_>>())?;
        let faults = settings.faults();
        if faults.is_empty() { Ok(settings) } else { Err(Unfit(faults)) }
    }

    /// Reads the settings of a profile under an environment, without validating what they mean together.
    ///
    /// # Errors
    /// [`Unfit`] for an unknown profile, key or type.
    pub fn read(profile: &str, environment: &[(String, String)]) -> Result<Self, Unfit> {
        let unfit = |e: config::ConfigError| Unfit(vec![e.to_string()]);
        let compiled = PROFILES.iter().find(|(name, _)| *name == profile).map(|(_, text)| *text);
        let compiled = compiled.ok_or_else(|| {
            Unfit(vec![format!("MUSTER_PROFILE: `{profile}` is none of development, production, test")])
        })?;
        let mut environment: Vec<(String, String)> = environment.to_vec();
        if let Some((_, url)) = environment.iter().find(|(name, _)| name == "DATABASE_URL").cloned() {
            environment.retain(|(name, _)| name != "MUSTER__DATABASE__URL");
            environment.push(("MUSTER__DATABASE__URL".to_owned(), url));
        }
        let mut settings: Self = Config::builder()
            .add_source(File::from_str(DEFAULT, FileFormat::Toml))
            .add_source(File::new("config/default.toml", FileFormat::Toml).required(false))
            .add_source(File::from_str(compiled, FileFormat::Toml))
            .add_source(File::new(&format!("config/{profile}.toml"), FileFormat::Toml).required(false))
            .add_source(
                Environment::with_prefix("MUSTER")
                    .prefix_separator("__")
                    .separator("__")
                    .try_parsing(true)
                    .list_separator(",")
                    .with_list_parse_key("http.trusted_proxies")
                    .source(Some(environment.into_iter().filter(|(name, _)| name.starts_with("MUSTER__")).collect())),
            )
            .build()
            .and_then(Config::try_deserialize)
            .map_err(unfit)?;
        profile.clone_into(&mut settings.profile);
        settings.http.public_url = settings.http.public_url.trim_end_matches('/').to_owned();
        Ok(settings)
    }

    /// Is this the profile for real people's data?
    pub fn is_production(&self) -> bool {
        self.profile == "production"
    }

    /// What is wrong with these settings, one line for each fault.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |unfit: bool, text: String| {
            if unfit {
                faults.push(text);
            }
        };
        let url =
            Url::parse(&self.http.public_url).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
        fault(url.is_none(), format!("http.public_url: `{}` is not an http(s) URL", self.http.public_url));
        fault(
            url.is_some_and(|u| u.path() != "/" || u.query().is_some()),
            "http.public_url: must have no path".to_owned(),
        );
        fault(
            !(1..=600).contains(&self.http.timeout_seconds),
            "http.timeout_seconds: must lie between 1 and 600".to_owned(),
        );
        fault(
            !(2..=500).contains(&self.database.pool_size),
            "database.pool_size: must lie between 2 and 500".to_owned(),
        );
        fault(
            !(1..=120).contains(&self.database.acquire_timeout_seconds),
            "database.acquire_timeout_seconds: must lie between 1 and 120".to_owned(),
        );
        fault(!(1..=32).contains(&self.hot_path.flushers), "hot_path.flushers: must lie between 1 and 32".to_owned());
        fault(
            !(1..=5000).contains(&self.hot_path.batch_limit),
            "hot_path.batch_limit: must lie between 1 and 5000".to_owned(),
        );
        fault(
            !(1..=1_000_000).contains(&self.hot_path.queue_limit),
            "hot_path.queue_limit: must lie between 1 and 1000000".to_owned(),
        );
        fault(self.hot_path.deadline_seconds == 0, "hot_path.deadline_seconds: must be at least 1".to_owned());
        fault(!(1..=256).contains(&self.mail.connections), "mail.connections: must lie between 1 and 256".to_owned());
        fault(!(1..=1000).contains(&self.mail.batch), "mail.batch: must lie between 1 and 1000".to_owned());
        fault(
            !(5..=3600).contains(&self.mail.lease_seconds),
            "mail.lease_seconds: must lie between 5 and 3600".to_owned(),
        );
        fault(self.mail.poll_seconds == 0, "mail.poll_seconds: must be at least 1".to_owned());
        fault(self.mail.confirmations_per_day < 1, "mail.confirmations_per_day: must be at least 1".to_owned());
        fault(self.mail.first_contacts_per_hour < 1, "mail.first_contacts_per_hour: must be at least 1".to_owned());
        fault(
            !is_domain(&self.mail.from_domain),
            format!("mail.from_domain: `{}` is not a domain", self.mail.from_domain),
        );
        fault(
            self.counts.tick_seconds == 0 || self.counts.unconfirmed_tick_seconds == 0,
            "counts.*: ticks must be at least 1 second".to_owned(),
        );
        fault(
            !(1..=365).contains(&self.retention.unconfirmed_days),
            "retention.unconfirmed_days: must lie between 1 and 365".to_owned(),
        );
        fault(
            !(1..self.retention.unconfirmed_days.max(2)).contains(&self.retention.reminder_days),
            "retention.reminder_days: must lie between 1 and unconfirmed_days".to_owned(),
        );
        fault(
            !(7..=3650).contains(&self.retention.mail_days),
            "retention.mail_days: must lie between 7 and 3650".to_owned(),
        );
        fault(
            !(1..=48).contains(&self.retention.protected_months),
            "retention.protected_months: must lie between 1 and 48".to_owned(),
        );
        fault(
            !(1_000..=10_000_000).contains(&self.guard.challenge_work),
            "guard.challenge_work: must lie between 1000 and 10000000".to_owned(),
        );
        fault(self.guard.free_per_minute == 0, "guard.free_per_minute: must be at least 1".to_owned());
        fault(self.guard.sign_in_attempts == 0, "guard.sign_in_attempts: must be at least 1".to_owned());
        if self.is_production() {
            fault(!self.http.public_url.starts_with("https://"), "http.public_url: production needs https".to_owned());
            fault(
                self.mail.transport == Transport::Mailbox,
                "mail.transport: production does not start with the mailbox".to_owned(),
            );
            fault(
                self.keyring.generate,
                "keyring.generate: production does not start with a generated key; run `muster keyring init`"
                    .to_owned(),
            );
            fault(
                self.guard.mode == GuardMode::Off,
                "guard.mode: production does not start with the guard off".to_owned(),
            );
            fault(
                self.mail.from_domain.starts_with("localhost"),
                "mail.from_domain: production needs a domain of its own".to_owned(),
            );
        }
        faults
    }

    /// What is allowed but unwise, one line each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_production() && same_filesystem(&self.keyring.file, &self.postgres.data_root) {
            warnings.push(
                "keyring.file: lies on the data directory's filesystem; whoever takes that disk has both".to_owned(),
            );
        }
        if self.is_production() && !self.admin.bind.ip().is_loopback() {
            warnings.push("admin.bind: health and metrics are reachable from outside this machine".to_owned());
        }
        warnings
    }
}

fn is_domain(text: &str) -> bool {
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(|l| {
            (1..=63).contains(&l.len())
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        })
}

fn same_filesystem(one: &std::path::Path, other: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &std::path::Path| {
        path.ancestors()
            .find_map(|p| std::fs::metadata(if p.as_os_str().is_empty() { std::path::Path::new(".") } else { p }).ok())
            .map(|m| m.dev())
    };
    device(one).is_some() && device(one) == device(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(profile: &str, environment: &[(&str, &str)]) -> Result<Settings, Unfit> {
        Settings::read(
            profile,
            &environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_defaults_are_fit_for_development() {
        let settings = with("development", &[("DATABASE_URL", "postgres://x")]).unwrap();
        assert_eq!(settings.faults(), Vec::<String>::new());
        assert_eq!(settings.database.url, "postgres://x");
    }

    #[test]
    fn production_refuses_what_is_unsafe_and_names_each_key() {
        let unsafe_ones = [
            ("MUSTER__MAIL__TRANSPORT", "mailbox"),
            ("MUSTER__HTTP__PUBLIC_URL", "http://muster.example.org"),
            ("MUSTER__GUARD__MODE", "off"),
            ("MUSTER__KEYRING__GENERATE", "true"),
        ];
        let faults = with("production", &unsafe_ones).unwrap().faults().join("\n");
        for key in ["mail.transport", "http.public_url", "guard.mode", "keyring.generate", "mail.from_domain"] {
            assert!(faults.contains(key), "{key} is not named in: {faults}");
        }
        let safe = [
            ("MUSTER__HTTP__PUBLIC_URL", "https://muster.example.org/"),
            ("MUSTER__MAIL__FROM_DOMAIN", "mail.example.org"),
            ("MUSTER__MAIL__SMTP_URL", "smtps://relay.example.org"),
        ];
        assert_eq!(with("production", &safe).unwrap().faults(), Vec::<String>::new());
    }

    #[test]
    fn an_ill_typed_or_unknown_key_is_named() {
        for (key, value, named) in [
            ("MUSTER__HTTP__BIND", "nowhere", "http.bind"),
            ("MUSTER__GUARD__MODE", "maybe", "guard.mode"),
            ("MUSTER__DATABASE__POOL_SIZE", "many", "database.pool_size"),
            ("MUSTER__HTTP__PROT", "1", "prot"),
        ] {
            let message = with("development", &[(key, value)]).unwrap_err().to_string();
            assert!(message.contains(named), "{key}: {message}");
        }
        assert!(with("staging", &[]).unwrap_err().to_string().contains("MUSTER_PROFILE"));
    }
}
