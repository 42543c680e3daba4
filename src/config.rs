//! Settings: every key with its comment in `config/default.toml`, overridden by the profile's file and then by the
//! environment. Read once at start, validated whole; an error names the key. The files are compiled in, so a binary
//! runs anywhere; a `config/` folder beside it wins over the compiled ones.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use config::{Config, Environment, File, FileFormat};
use ipnet::{IpNet, Ipv4Net};
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
    /// Networks and addresses of proxies whose `X-Forwarded-For` is believed, as written: see [`Http::proxy_networks`].
    pub trusted_proxies: Vec<String>,
    /// Seconds a request may take once its body has come in.
    pub timeout_seconds: u64,
    /// Seconds between "not ready" and the end of accepting, once a stop was asked for.
    pub shutdown_delay_seconds: u64,
    /// Seconds for the header of a request.
    pub header_timeout_seconds: u64,
    /// Connections at a time.
    pub max_connections: usize,
    /// Connections of one network at a time.
    pub max_connections_per_network: usize,
}

impl Http {
    /// The networks in `trusted_proxies`. Entries that are none are faults of the settings, and trust nobody.
    pub fn proxy_networks(&self) -> impl Iterator<Item = IpNet> {
        self.trusted_proxies.iter().filter_map(|entry| parse_network(entry))
    }

    /// What is wrong with them, one line for each fault.
    fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |is_invalid: bool, text: String| {
            if is_invalid {
                problems.push(text);
            }
        };
        let url = Url::parse(&self.public_url).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
        check(url.is_none(), format!("http.public_url: `{}` is not an http(s) URL", self.public_url));
        check(
            url.is_some_and(|u| u.path() != "/" || u.query().is_some()),
            "http.public_url: must have no path".to_owned(),
        );
        check(
            !(1..=600).contains(&self.timeout_seconds),
            "http.timeout_seconds: must lie between 1 and 600".to_owned(),
        );
        check(
            !(1..=120).contains(&self.header_timeout_seconds),
            "http.header_timeout_seconds: must lie between 1 and 120".to_owned(),
        );
        check(
            !(1..=1_000_000).contains(&self.max_connections),
            "http.max_connections: must lie between 1 and 1000000".to_owned(),
        );
        check(self.shutdown_delay_seconds > 5, "http.shutdown_delay_seconds: must be at most 5".to_owned());
        for entry in &self.trusted_proxies {
            check(
                parse_network(entry).is_none(),
                format!("http.trusted_proxies: `{entry}` is neither an address nor a network such as 10.0.0.0/8"),
            );
        }
        check(self.max_connections_per_network == 0, "http.max_connections_per_network: must be at least 1".to_owned());
        problems
    }
}

/// `admin.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where to listen.
    pub bind: SocketAddr,
}

/// `database.durability`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// A commit is on the disk of one server.
    Local,
    /// A commit is on the disk of a synchronous standby as well.
    Remote,
}

/// `database.*`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Empty: embedded.
    pub url: String,
    /// Empty: `url`.
    pub direct_url: String,
    /// How durable a commit has to be.
    pub durability: Durability,
    /// Connections for pages, the API and the console.
    pub pool_size: u32,
    /// Connections for background work.
    pub work_pool_size: u32,
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
    /// The root keys.
    pub file: PathBuf,
    /// The keys of protected vaults; empty: beside the root keys.
    pub vault_keys_file: PathBuf,
    /// Make them if missing?
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
    /// The selector that the relay signs with (DKIM), or "".
    pub dkim_selector: String,
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
    /// First mails to an address that the whole installation sends in an hour, unless organizers set another number.
    pub first_contacts_per_hour: i64,
    /// Where the mail epoch is kept; "": beside the keyring.
    pub epoch_file: PathBuf,
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
    /// Wrong passwords for one account from one source, in a quarter of an hour.
    pub sign_in_attempts: u32,
    /// Wrong codes for one address from one source, likewise, before a proof is asked for.
    pub code_attempts: u32,
    /// Askings for the own page of one address from one source, likewise.
    pub own_page_requests: u32,
    /// Wrong codes, and askings for the own page, from one source, likewise.
    pub attempts_per_network: u32,
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
    /// Seconds a batch may take to be written.
    pub write_seconds: u64,
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
pub struct InvalidSettings(pub Vec<String>);

impl Settings {
    /// Reads the settings of the profile in `MUSTER_PROFILE` and validates them.
    ///
    /// # Errors
    /// [`InvalidSettings`], one line for each fault, each naming its key.
    pub fn load() -> Result<Self, InvalidSettings> {
        let profile = std::env::var("MUSTER_PROFILE").unwrap_or_else(|_| "development".to_owned());
        let settings = Self::read(&profile, &std::env::vars().collect::<Vec<_>>())?;
        let problems = settings.validate();
        if problems.is_empty() { Ok(settings) } else { Err(InvalidSettings(problems)) }
    }

    /// Reads the settings of a profile under an environment, without validating what they mean together.
    ///
    /// # Errors
    /// [`InvalidSettings`] for an unknown profile, key or type.
    pub fn read(profile: &str, environment: &[(String, String)]) -> Result<Self, InvalidSettings> {
        let to_invalid = |e: config::ConfigError| InvalidSettings(vec![e.to_string()]);
        let compiled = PROFILES.iter().find(|(name, _)| *name == profile).map(|(_, text)| *text);
        let compiled = compiled.ok_or_else(|| {
            InvalidSettings(vec![format!("MUSTER_PROFILE: `{profile}` is none of development, production, test")])
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
            .map_err(to_invalid)?;
        profile.clone_into(&mut settings.profile);
        settings.http.public_url = settings.http.public_url.trim_end_matches('/').to_owned();
        // an empty variable is an empty list
        settings.http.trusted_proxies.retain(|entry| !entry.trim().is_empty());
        Ok(settings)
    }

    /// Is this the profile for real people's data?
    pub fn is_production(&self) -> bool {
        self.profile == "production"
    }

    /// What is wrong with these settings, one line for each fault.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = self.http.validate();
        let mut check = |is_invalid: bool, text: String| {
            if is_invalid {
                problems.push(text);
            }
        };
        check(
            !(2..=500).contains(&self.database.pool_size),
            "database.pool_size: must lie between 2 and 500".to_owned(),
        );
        check(
            !(6..=500).contains(&self.database.work_pool_size),
            "database.work_pool_size: must lie between 6 and 500".to_owned(),
        );
        check(
            !(1..=120).contains(&self.database.acquire_timeout_seconds),
            "database.acquire_timeout_seconds: must lie between 1 and 120".to_owned(),
        );
        check(!(1..=32).contains(&self.hot_path.flushers), "hot_path.flushers: must lie between 1 and 32".to_owned());
        check(
            !(1..=5000).contains(&self.hot_path.batch_limit),
            "hot_path.batch_limit: must lie between 1 and 5000".to_owned(),
        );
        check(
            !(1..=1_000_000).contains(&self.hot_path.queue_limit),
            "hot_path.queue_limit: must lie between 1 and 1000000".to_owned(),
        );
        check(self.hot_path.deadline_seconds == 0, "hot_path.deadline_seconds: must be at least 1".to_owned());
        check(
            !(1..=60).contains(&self.hot_path.write_seconds),
            "hot_path.write_seconds: must lie between 1 and 60".to_owned(),
        );
        check(!(1..=256).contains(&self.mail.connections), "mail.connections: must lie between 1 and 256".to_owned());
        check(!(1..=1000).contains(&self.mail.batch), "mail.batch: must lie between 1 and 1000".to_owned());
        check(
            !(5..=3600).contains(&self.mail.lease_seconds),
            "mail.lease_seconds: must lie between 5 and 3600".to_owned(),
        );
        check(self.mail.poll_seconds == 0, "mail.poll_seconds: must be at least 1".to_owned());
        check(self.mail.confirmations_per_day < 1, "mail.confirmations_per_day: must be at least 1".to_owned());
        check(self.mail.first_contacts_per_hour < 1, "mail.first_contacts_per_hour: must be at least 1".to_owned());
        check(
            !is_domain(&self.mail.from_domain),
            format!("mail.from_domain: `{}` is not a domain", self.mail.from_domain),
        );
        check(
            self.counts.tick_seconds == 0 || self.counts.unconfirmed_tick_seconds == 0,
            "counts.*: ticks must be at least 1 second".to_owned(),
        );
        check(
            !(1..=365).contains(&self.retention.unconfirmed_days),
            "retention.unconfirmed_days: must lie between 1 and 365".to_owned(),
        );
        check(
            !(1..self.retention.unconfirmed_days.max(2)).contains(&self.retention.reminder_days),
            "retention.reminder_days: must lie between 1 and unconfirmed_days".to_owned(),
        );
        check(
            !(7..=3650).contains(&self.retention.mail_days),
            "retention.mail_days: must lie between 7 and 3650".to_owned(),
        );
        check(
            !(1..=48).contains(&self.retention.protected_months),
            "retention.protected_months: must lie between 1 and 48".to_owned(),
        );
        check(
            !(1_000..=10_000_000).contains(&self.guard.challenge_work),
            "guard.challenge_work: must lie between 1000 and 10000000".to_owned(),
        );
        check(
            self.keyring.vault_keys_file == self.keyring.file,
            "keyring.vault_keys_file: must be another file than keyring.file".to_owned(),
        );
        check(self.guard.free_per_minute == 0, "guard.free_per_minute: must be at least 1".to_owned());
        for (name, limit) in [
            ("sign_in_attempts", self.guard.sign_in_attempts),
            ("code_attempts", self.guard.code_attempts),
            ("own_page_requests", self.guard.own_page_requests),
            ("attempts_per_network", self.guard.attempts_per_network),
        ] {
            check(limit == 0, format!("guard.{name}: must be at least 1"));
        }
        if self.is_production() {
            problems.extend(self.validate_production());
        }
        problems
    }

    /// What production does not start with.
    fn validate_production(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |is_invalid: bool, text: String| {
            if is_invalid {
                problems.push(text);
            }
        };
        check(!self.http.public_url.starts_with("https://"), "http.public_url: production needs https".to_owned());
        check(
            self.mail.transport == Transport::Mailbox,
            "mail.transport: production does not start with the mailbox".to_owned(),
        );
        check(
            self.keyring.generate,
            "keyring.generate: production does not start with a generated key; run `muster keyring init`".to_owned(),
        );
        check(self.guard.mode == GuardMode::Off, "guard.mode: production does not start with the guard off".to_owned());
        check(
            self.mail.from_domain.starts_with("localhost"),
            "mail.from_domain: production needs a domain of its own".to_owned(),
        );
        check(
            self.mail.lease_seconds < 30,
            "mail.lease_seconds: production needs at least 30, or a short pause of a process counts as its death"
                .to_owned(),
        );
        problems
    }

    /// What is allowed but unwise, one line each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_production() {
            warnings.extend(self.keys_beside_data());
        }
        if self.is_production() && !self.admin.bind.ip().is_loopback() {
            warnings.push("admin.bind: health and metrics are reachable from outside this machine".to_owned());
        }
        if self.http.proxy_networks().any(|network| network.prefix_len() == 0) {
            warnings.push(
                "http.trusted_proxies: names the whole internet; whoever reaches http.bind chooses their own source and \
                 passes every rate limit"
                    .to_owned(),
            );
        }
        warnings
    }

    /// The key files that lie where the embedded database and local state are, one line each.
    pub fn keys_beside_data(&self) -> Vec<String> {
        let vault_keys = [&self.keyring.vault_keys_file].into_iter().filter(|file| !file.as_os_str().is_empty());
        let files =
            vault_keys.map(|file| ("keyring.vault_keys_file", file)).chain([("keyring.file", &self.keyring.file)]);
        files
            .filter(|(_, file)| same_filesystem(file, &self.postgres.data_root))
            .map(|(key, _)| format!("{key}: lies on the data directory's filesystem; whoever takes that disk has both"))
            .collect()
    }
}

/// A network in CIDR notation, or the network of one address. One of IPv4 is read as such in IPv6's notation too
/// (`::ffff:10.0.0.0/104`). `None` for anything else.
pub fn parse_network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().ok()?,
    };
    let mapped = match network {
        IpNet::V6(six) => six.addr().to_ipv4_mapped().map(|four| (four, six.prefix_len())),
        IpNet::V4(_) => None,
    };
    match mapped {
        Some((four, prefix)) => Ipv4Net::new(four, prefix.checked_sub(96)?).ok().map(|net| net.trunc().into()),
        None => Some(network.trunc()),
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

    fn with(profile: &str, environment: &[(&str, &str)]) -> Result<Settings, InvalidSettings> {
        Settings::read(
            profile,
            &environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_defaults_are_fit_for_development() {
        let settings = with("development", &[("DATABASE_URL", "postgres://x")]).unwrap();
        assert_eq!(settings.validate(), Vec::<String>::new());
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
        let problems = with("production", &unsafe_ones).unwrap().validate().join("\n");
        for key in ["mail.transport", "http.public_url", "guard.mode", "keyring.generate", "mail.from_domain"] {
            assert!(problems.contains(key), "{key} is not named in: {problems}");
        }
        let safe = [
            ("MUSTER__HTTP__PUBLIC_URL", "https://muster.example.org/"),
            ("MUSTER__MAIL__FROM_DOMAIN", "mail.example.org"),
            ("MUSTER__MAIL__SMTP_URL", "smtps://relay.example.org"),
        ];
        assert_eq!(with("production", &safe).unwrap().validate(), Vec::<String>::new());
    }

    #[test]
    fn limits_of_connections_are_checked() {
        for (key, value) in [
            ("header_timeout_seconds", "0"),
            ("max_connections", "0"),
            ("max_connections_per_network", "0"),
            ("timeout_seconds", "601"),
        ] {
            let variable = format!("MUSTER__HTTP__{}", key.to_uppercase());
            let problems = with("development", &[(&variable, value)]).unwrap().validate();
            assert!(problems.len() == 1 && problems[0].starts_with(&format!("http.{key}: ")), "{problems:?}");
        }
    }

    #[test]
    fn an_ill_typed_or_unknown_key_is_named() {
        for (key, value, named) in [
            ("MUSTER__HTTP__BIND", "nowhere", "http.bind"),
            ("MUSTER__GUARD__MODE", "maybe", "guard.mode"),
            ("MUSTER__DATABASE__POOL_SIZE", "many", "database.pool_size"),
            ("MUSTER__HTTP__PROT", "1", "prot"),
            ("MUSTER__GUARD__CODE_ATTEMPTS", "-1", "guard.code_attempts"),
        ] {
            let message = with("development", &[(key, value)]).unwrap_err().to_string();
            assert!(message.contains(named), "{key}: {message}");
        }
        assert!(with("staging", &[]).unwrap_err().to_string().contains("MUSTER_PROFILE"));
    }

    #[test]
    fn trusted_proxies_are_networks_and_a_bad_entry_is_named() {
        let problems =
            |value: &str| with("development", &[("MUSTER__HTTP__TRUSTED_PROXIES", value)]).unwrap().validate();
        for fit in ["", "10.0.0.0/8", "127.0.0.1, ::1", "10.0.0.0/8,2001:db8::/32,192.0.2.7", "::ffff:10.0.0.0/104"] {
            assert_eq!(problems(fit), Vec::<String>::new(), "{fit}");
        }
        for (value, bad) in [
            ("10.0.0.0/8,10.0.0.0/33", "10.0.0.0/33"),
            ("proxy.example.org", "proxy.example.org"),
            ("10.0.0.0/", "10.0.0.0/"),
            ("10.0.0", "10.0.0"),
        ] {
            let problems = problems(value);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with("http.trusted_proxies:") && problems[0].contains(&format!("`{bad}`")),
                "{problems:?}"
            );
        }
        let networks = |value: &str| {
            let settings = with("development", &[("MUSTER__HTTP__TRUSTED_PROXIES", value)]).unwrap();
            settings.http.proxy_networks().map(|n| n.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(networks("10.9.8.7/8, ::1,::ffff:192.0.2.0/120"), ["10.0.0.0/8", "::1/128", "192.0.2.0/24"]);
        let open = with("development", &[("MUSTER__HTTP__TRUSTED_PROXIES", "0.0.0.0/0")]).unwrap();
        assert!(open.warnings().iter().any(|w| w.starts_with("http.trusted_proxies:")));
    }
}
