//! Settings: every key is documented in `config/default.toml`, and overridden by the profile's file, then by the file of this
//! machine (`MUSTER_CONFIG`), then by the environment. Read and validated once at start; errors name the key. The files are compiled in, so the binary needs
//! none at run time; files in a `config/` folder in the working directory take precedence over the compiled ones.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use config::{Config, Environment, File, FileFormat};
use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use url::{Host, Url};
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

const DEFAULT: &str = include_str!("../config/default.toml");
const PROFILES: [(&str, &str); 3] = [
    ("development", include_str!("../config/development.toml")),
    ("production", include_str!("../config/production.toml")),
    ("test", include_str!("../config/test.toml")),
];

/// Environment variables that hold secrets; each may be given as a file, by `NAME_FILE`.
const SECRETS: [&str; 5] = [
    "DATABASE_URL",
    "MUSTER__DATABASE__URL",
    "MUSTER__DATABASE__DIRECT_URL",
    "MUSTER__DATABASE__MIGRATE_URL",
    "MUSTER__MAIL__SMTP_URL",
];

/// Environment variable that names the file with the settings of this machine.
const MACHINE_FILE: &str = "MUSTER_CONFIG";

/// All settings. Keys, units and defaults: `config/default.toml`.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Value of `MUSTER_PROFILE`: `development`, `production` or `test`.
    #[serde(skip)]
    pub profile: String,
    /// The public HTTP listener: pages and the API.
    #[validate(nested)]
    pub http: Http,
    /// The private listener: health and metrics.
    pub admin: Admin,
    /// The database and its connection pools.
    #[validate(nested)]
    pub database: Database,
    /// The embedded Postgres and other local state.
    pub postgres: EmbeddedPostgres,
    /// The key files.
    pub keyring: KeyringFile,
    /// Outgoing mail and bounces.
    #[validate(nested)]
    pub mail: Mail,
    /// Rate limits.
    #[validate(nested)]
    pub guard: Guard,
    /// Accounts of organizers.
    pub organizers: Organizers,
    /// Group commit of public acts.
    #[validate(nested)]
    pub hot_path: HotPath,
    /// Published counts.
    #[validate(nested)]
    pub counts: Counts,
    /// Retention periods.
    #[validate(nested)]
    pub retention: Retention,
    /// Backups of the database.
    #[validate(nested)]
    pub backup: Backup,
    /// Logging.
    pub log: Log,
}

/// `http.*`
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port of the public listener.
    pub bind: SocketAddr,
    /// Base URL of all links, without a trailing slash; https in production.
    pub public_url: String,
    /// Where finders of security defects write to (`mailto:` or `https:`); empty: `security@` the sender's domain.
    pub security_contact: String,
    /// Addresses and networks of reverse proxies whose `X-Forwarded-For` is trusted, as written: see
    /// [`Http::proxy_networks`].
    pub trusted_proxies: Vec<String>,
    /// Origins of other sites whose pages may read the public answers of the API and send public forms to it.
    pub form_origins: Vec<String>,
    /// Timeout of a request in seconds, counted from the end of its body. Also the timeout of writing to a client.
    #[validate(range(min = 1, max = 600))]
    pub timeout_seconds: u64,
    /// Seconds between reporting "not ready" and the end of accepting requests at a shutdown.
    #[validate(range(max = 5))]
    pub shutdown_delay_seconds: u64,
    /// Timeout in seconds for receiving the header of a request, and between two requests of a connection.
    #[validate(range(min = 1, max = 120))]
    pub header_timeout_seconds: u64,
    /// Maximum number of open connections.
    #[validate(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// Maximum number of open connections of one IPv4 address or IPv6 /64.
    #[validate(range(min = 1))]
    pub max_connections_per_network: usize,
}

impl Http {
    /// The networks in `trusted_proxies`. Invalid entries are reported by validation and trust nobody.
    pub fn proxy_networks(&self) -> impl Iterator<Item = IpNet> {
        self.trusted_proxies.iter().filter_map(|entry| parse_network(entry))
    }

    /// Errors in these settings that are no matter of ranges, one line each.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |is_invalid: bool, text: String| {
            if is_invalid {
                problems.push(text);
            }
        };
        let url = Url::parse(&self.public_url).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
        check(url.is_none(), format!("http.public_url: `{}` is not an http(s) URL", self.public_url));
        let contact = &self.security_contact;
        check(
            !contact.is_empty() && !is_contact(contact),
            format!("http.security_contact: `{contact}` begins neither with mailto: nor with https://"),
        );
        check(
            url.is_some_and(|u| u.path() != "/" || u.query().is_some()),
            "http.public_url: must have no path".to_owned(),
        );
        for entry in &self.trusted_proxies {
            check(
                parse_network(entry).is_none(),
                format!("http.trusted_proxies: `{entry}` is neither an address nor a network such as 10.0.0.0/8"),
            );
        }
        for entry in &self.form_origins {
            let origin = Url::parse(entry).map(|url| url.origin().ascii_serialization());
            check(
                !entry.starts_with("http") || origin.as_ref() != Ok(entry),
                format!("http.form_origins: `{entry}` is not an origin such as https://union.example"),
            );
        }
        problems
    }
}

/// `admin.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address and port of the private listener.
    pub bind: SocketAddr,
}

/// `database.durability`: where a commit must be on disk before it is acknowledged.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// On one server.
    Local,
    /// On a synchronous standby as well.
    Remote,
}

/// `database.*`
#[derive(Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Postgres URL; empty: start an embedded Postgres.
    pub url: String,
    /// Postgres URL that bypasses a pooler, for migrations and LISTEN; empty: `url`.
    pub direct_url: String,
    /// Postgres URL of an administrator, which bypasses a pooler, for `muster migrate` and `muster restore`; empty: none.
    pub migrate_url: String,
    /// Required durability of a commit.
    pub durability: Durability,
    /// Maximum connections of this process for pages, the API and the console.
    #[validate(range(min = 2, max = 500))]
    pub pool_size: u32,
    /// Maximum connections of this process for background work.
    #[validate(range(min = 6, max = 500))]
    pub work_pool_size: u32,
    /// Seconds that a request waits for a connection before it is answered 503.
    #[validate(range(min = 1, max = 120))]
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
    /// Folder of the embedded cluster, the local mailbox and the generated keyring.
    pub data_root: PathBuf,
    /// Folder in which the embedded Postgres has the folder of its socket.
    pub socket_root: PathBuf,
}

impl EmbeddedPostgres {
    /// Longest path under which a socket's still fits into what macOS allows (103 bytes).
    const MAX_SOCKET_ROOT: usize = 54;

    /// Its errors, one line each.
    fn problems(&self) -> Vec<String> {
        let path = self.socket_root.as_os_str().as_encoded_bytes();
        // it becomes a part of URLs and command lines
        let is_plain = path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(byte));
        if self.socket_root.is_absolute() && is_plain && path.len() <= Self::MAX_SOCKET_ROOT {
            return Vec::new();
        }
        vec![format!(
            "postgres.socket_root: must begin with / and have at most {} letters, digits and / - _ .",
            Self::MAX_SOCKET_ROOT
        )]
    }
}

/// `keyring.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyringFile {
    /// Path of the root and signing keys.
    pub file: PathBuf,
    /// Path of the keys of protected vaults; empty: `vault-keys.json` beside `file`.
    pub vault_keys_file: PathBuf,
    /// Create missing key files? Refused in production.
    pub generate: bool,
}

/// `mail.transport`: where mail is delivered to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// The relays in `mail.smtp_url`.
    Smtp,
    /// Files under `postgres.data_root` (development).
    Mailbox,
}

/// `mail.smtputf8`: may addresses have other letters than ASCII before the @ (RFC 6531)?
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Smtputf8 {
    /// If every relay offered SMTPUTF8 when the mail engine last connected to it; not before that is known.
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

/// `mail.*`
#[derive(Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Where mail is delivered to.
    pub transport: Transport,
    /// SMTP URLs of the relays, separated by spaces.
    pub smtp_url: String,
    /// Whether addresses that need SMTPUTF8 are accepted.
    pub smtputf8: Smtputf8,
    /// Number of messages after which an SMTP connection is closed.
    pub messages_per_connection: u32,
    /// Seconds after which an idle SMTP connection is closed.
    pub idle_seconds: u64,
    /// Path of a PEM file with an additional certificate authority; empty: none.
    pub smtp_ca_file: String,
    /// Domain of Muster's sender addresses.
    pub from_domain: String,
    /// DKIM selector under which the relay signs; empty: unknown. Used by `muster check-config` only.
    pub dkim_selector: String,
    /// Connections to each relay, and messages sent in parallel.
    #[validate(range(min = 1, max = 256))]
    pub connections: usize,
    /// Maximum number of mails claimed at once.
    #[validate(range(min = 1, max = 1000))]
    pub batch: i64,
    /// Seconds that a claim lasts without a heartbeat; in production at least 30.
    #[validate(range(min = 5, max = 3600))]
    pub lease_seconds: u32,
    /// Seconds between two polls of the queue while nothing signals new mail.
    #[validate(range(min = 1))]
    pub poll_seconds: u64,
    /// Maximum confirmation mails per address and day.
    #[validate(range(min = 1))]
    pub confirmations_per_day: i16,
    /// Maximum broadcasts in thirty days to the participants of one action.
    pub broadcasts_per_month: i64,
    /// Folder from which bounces are read; empty: none.
    pub bounce_spool: String,
    /// Maximum first mails to new addresses per hour, for the whole installation; organizers can override it at run
    /// time.
    #[validate(range(min = 1))]
    pub first_contacts_per_hour: i64,
    /// Path of the file with the mail epoch; empty: beside the keyring.
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

/// `guard.mode`: are rate limits applied?
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum GuardMode {
    /// Limits apply.
    On,
    /// No limits; refused in production.
    Off,
}

/// `guard.*`
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Are rate limits applied?
    pub mode: GuardMode,
    /// Public acts per minute and source without a proof of work.
    #[validate(range(min = 1))]
    pub free_per_minute: u32,
    /// Maximum number of hashes that a proof of work needs.
    #[validate(range(min = 1_000, max = 10_000_000))]
    pub challenge_work: u64,
    /// Wrong passwords per account and source in 15 minutes, before further ones are refused.
    #[validate(range(min = 1))]
    pub sign_in_attempts: u32,
    /// Wrong codes per address and source in 15 minutes, before a proof of work is required.
    #[validate(range(min = 1))]
    pub code_attempts: u32,
    /// Requests for the own page per address and source in 15 minutes, before a proof of work is required.
    #[validate(range(min = 1))]
    pub own_page_requests: u32,
    /// Wrong codes and requests for the own page per source in 15 minutes, for any address, before a proof of work is
    /// required.
    #[validate(range(min = 1))]
    pub attempts_per_network: u32,
    /// People that an account without the right to export may read in a day, page by page.
    #[validate(range(min = 100))]
    pub people_per_day: i32,
}

/// `organizers.second_factor`: who must have a second factor to sign in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Owners and whoever may export people.
    Required,
    /// Nobody; organizers may have one.
    Optional,
}

/// `organizers.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organizers {
    /// Who must have a second factor?
    pub second_factor: SecondFactor,
}

/// `hot_path.*`
#[derive(Clone, Copy, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct HotPath {
    /// Parallel batches per kind of action, each with a database connection.
    #[validate(range(min = 1, max = 32))]
    pub flushers: usize,
    /// Maximum acts in one batch.
    #[validate(range(min = 1, max = 5000))]
    pub batch_limit: usize,
    /// Maximum queued acts per kind; beyond that the answer is 503.
    #[validate(range(min = 1, max = 1_000_000))]
    pub queue_limit: usize,
    /// Seconds that an act may wait before it is answered 503 instead of written.
    #[validate(range(min = 1))]
    pub deadline_seconds: u64,
    /// Timeout of writing a batch, in seconds.
    #[validate(range(min = 1, max = 60))]
    pub write_seconds: u64,
}

/// `counts.*`
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Seconds between two updates of published counts.
    #[validate(range(min = 1))]
    pub tick_seconds: u32,
    /// The same for actions with `confirmation: none`, in seconds.
    #[validate(range(min = 1))]
    pub unconfirmed_tick_seconds: u32,
}

/// `retention.*`
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days after which unconfirmed acts are deleted.
    #[validate(range(min = 1, max = 365))]
    pub unconfirmed_days: u32,
    /// Days after which the owner of the address gets a reminder to confirm, once; fewer than `unconfirmed_days`.
    pub reminder_days: u32,
    /// Months after the end of a protected action at which its vault is destroyed by default.
    #[validate(range(min = 1, max = 48))]
    pub protected_months: u32,
    /// Days after the end of a month at which its settled mail is deleted.
    #[validate(range(min = 7, max = 3650))]
    pub mail_days: u32,
    /// Path of the log of erasures; empty: beside the keyring.
    pub erasure_log: PathBuf,
    /// Days for which it is kept that somebody was erased; at least as long as any backup of the database.
    #[validate(range(min = 30, max = 3650))]
    pub erasure_log_days: u32,
}

/// `backup.*`
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Public keys (`age1…`) for which backups are encrypted.
    pub recipients: Vec<String>,
    /// Folder into which `muster backup` writes; empty: given on the command line.
    pub folder: PathBuf,
    /// Days after which a backup in the folder is deleted, when a newer one has been made; at most
    /// `retention.erasure_log_days`.
    #[validate(range(min = 1, max = 3650))]
    pub keep_days: u32,
}

/// `log.*`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Directives of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// Format of log lines.
    pub format: LogFormat,
    /// Access lines that are written in one second at most, for answers 5xx and for all others; 0: none.
    pub access_lines_per_second: u32,
}

/// `log.format`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Invalid settings, one line for each error, with its key.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct InvalidSettings(pub Vec<String>);

impl Settings {
    /// Reads and validates the settings of the process's environment, as [`Settings::of_environment`].
    ///
    /// # Errors
    /// [`InvalidSettings`], one line for each error, with its key.
    pub fn load() -> Result<Self, InvalidSettings> {
        Self::of_environment(&std::env::vars().collect::<Vec<_>>())
    }

    /// Reads and validates the settings of the profile in `MUSTER_PROFILE`. Without one it is `development` as long as
    /// nothing is reachable from elsewhere, else `production`: a forgotten variable must not open the mailbox to the
    /// world.
    ///
    /// # Errors
    /// [`InvalidSettings`], one line for each error, with its key.
    pub fn of_environment(environment: &[(String, String)]) -> Result<Self, InvalidSettings> {
        let said = environment.iter().find(|(name, value)| name == "MUSTER_PROFILE" && !value.is_empty());
        let (settings, sign) = if let Some((_, profile)) = said {
            (Self::read(profile, environment)?, None)
        } else {
            let settings = Self::read("development", environment)?;
            match sign_of_production(&settings) {
                Some(sign) => (Self::read("production", environment)?, Some(sign)),
                None => (settings, None),
            }
        };
        let mut problems = settings.validate();
        if problems.is_empty() {
            return Ok(settings);
        }
        if let Some(sign) = sign {
            let why = "MUSTER_PROFILE: is not set; taken for production, since this machine is not all that";
            problems.insert(0, format!("{why} {sign} names"));
        }
        Err(InvalidSettings(problems))
    }

    /// Reads the settings of a profile with these environment variables, without validating ranges and combinations.
    ///
    /// # Errors
    /// [`InvalidSettings`] for an unknown profile or key, or a value of the wrong type.
    pub fn read(profile: &str, environment: &[(String, String)]) -> Result<Self, InvalidSettings> {
        let to_invalid = |e: config::ConfigError| InvalidSettings(vec![e.to_string()]);
        let compiled = PROFILES.iter().find(|(name, _)| *name == profile).map(|(_, text)| *text);
        let compiled = compiled.ok_or_else(|| {
            InvalidSettings(vec![format!("MUSTER_PROFILE: `{profile}` is none of development, production, test")])
        })?;
        let mut environment: Vec<(String, String)> = environment.to_vec();
        read_secret_files(&mut environment)?;
        if let Some((_, url)) = environment.iter().find(|(name, _)| name == "DATABASE_URL").cloned() {
            environment.retain(|(name, _)| name != "MUSTER__DATABASE__URL");
            environment.push(("MUSTER__DATABASE__URL".to_owned(), url));
        }
        let machine = environment.iter().find(|(name, value)| name == MACHINE_FILE && !value.is_empty());
        let machine = machine.map(|(_, path)| File::new(path, FileFormat::Toml));
        let mut settings: Self = Config::builder()
            .add_source(File::from_str(DEFAULT, FileFormat::Toml))
            .add_source(File::new("config/default.toml", FileFormat::Toml).required(false))
            .add_source(File::from_str(compiled, FileFormat::Toml))
            .add_source(File::new(&format!("config/{profile}.toml"), FileFormat::Toml).required(false))
            .add_source(machine.into_iter().collect::<Vec<_>>())
            .add_source(
                Environment::with_prefix("MUSTER")
                    .prefix_separator("__")
                    .separator("__")
                    .try_parsing(true)
                    .list_separator(",")
                    .with_list_parse_key("http.trusted_proxies")
                    .with_list_parse_key("http.form_origins")
                    .with_list_parse_key("backup.recipients")
                    .source(Some(environment.into_iter().filter(|(name, _)| name.starts_with("MUSTER__")).collect())),
            )
            .build()
            .and_then(Config::try_deserialize)
            .map_err(to_invalid)?;
        profile.clone_into(&mut settings.profile);
        settings.http.public_url = settings.http.public_url.trim_end_matches('/').to_owned();
        // an empty environment variable means an empty list
        settings.http.trusted_proxies.retain(|entry| !entry.trim().is_empty());
        settings.http.form_origins.retain(|entry| !entry.trim().is_empty());
        settings.backup.recipients.retain(|entry| !entry.trim().is_empty());
        Ok(settings)
    }

    /// Is this the production profile?
    pub fn is_production(&self) -> bool {
        self.profile == "production"
    }

    /// Errors in these settings, one line each.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = self.http.problems();
        problems.extend(self.postgres.problems());
        if let Err(errors) = Validate::validate(self) {
            collect_ranges(&errors, "", &mut problems);
        }
        let mut check = |is_invalid: bool, text: String| {
            if is_invalid {
                problems.push(text);
            }
        };
        check(
            !is_domain(&self.mail.from_domain),
            format!("mail.from_domain: `{}` is not a domain", self.mail.from_domain),
        );
        check(
            !(1..self.retention.unconfirmed_days.max(2)).contains(&self.retention.reminder_days),
            "retention.reminder_days: must lie between 1 and unconfirmed_days".to_owned(),
        );
        check(
            self.backup.keep_days > self.retention.erasure_log_days,
            "backup.keep_days: must be at most retention.erasure_log_days, or a restored backup brings erased people back"
                .to_owned(),
        );
        check(
            self.keyring.vault_keys_file == self.keyring.file,
            "keyring.vault_keys_file: must be another file than keyring.file".to_owned(),
        );
        if self.is_production() {
            problems.extend(self.validate_production());
        }
        problems
    }

    /// Settings that production refuses to start with, one line each.
    fn validate_production(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |is_invalid: bool, text: String| {
            if is_invalid {
                problems.push(text);
            }
        };
        check(
            !self.http.public_url.starts_with("https://") && !is_onion(&self.http.public_url),
            "http.public_url: production needs https".to_owned(),
        );
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

    /// Warnings about settings that are allowed but unwise, one line each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_production() {
            warnings.extend(self.keys_beside_data());
        }
        if self.is_production() && self.backup.recipients.is_empty() {
            warnings.push(
                "backup.recipients: names no public key, so `muster backup` makes no backups (docs/operations.md)"
                    .to_owned(),
            );
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

    /// Key files on the same filesystem as the embedded database, one line each.
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

/// Adds a line for each number out of its range, with its key and the environment variable that overrides it.
fn collect_ranges(errors: &ValidationErrors, section: &str, problems: &mut Vec<String>) {
    let mut errors: Vec<_> = errors.errors().iter().collect();
    errors.sort_unstable_by_key(|(field, _)| *field);
    for (field, errors) in errors {
        let key = if section.is_empty() { field.to_string() } else { format!("{section}.{field}") };
        match errors {
            ValidationErrorsKind::Struct(inner) => collect_ranges(inner, &key, problems),
            ValidationErrorsKind::List(items) => {
                for inner in items.values() {
                    collect_ranges(inner, &key, problems);
                }
            }
            ValidationErrorsKind::Field(found) => problems.extend(found.iter().map(|error| {
                let range = match (error.params.get("min"), error.params.get("max")) {
                    (Some(min), Some(max)) => format!("must lie between {min} and {max}"),
                    (Some(min), None) => format!("must be at least {min}"),
                    (None, Some(max)) => format!("must be at most {max}"),
                    (None, None) => "is not accepted".to_owned(),
                };
                let variable = format!("MUSTER__{}", key.replace('.', "__").to_uppercase());
                format!("{key}: {range} ({variable})")
            })),
        }
    }
}

/// Parses a network in CIDR notation, or a single address. IPv4-mapped IPv6 notation (`::ffff:10.0.0.0/104`) gives an
/// IPv4 network. `None` for anything else.
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

/// Is this the address of an onion service? Tor encrypts up to it, and no certificate is needed.
fn is_onion(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(|host| host.rsplit('.').next() == Some("onion")))
}

fn is_contact(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "mailto" | "https")) && !text.contains(char::is_whitespace)
}

/// Why these settings are taken for those of production: the first that is no matter of this machine alone.
fn sign_of_production(settings: &Settings) -> Option<&'static str> {
    let host = Url::parse(&settings.http.public_url).ok().and_then(|url| match url.host()? {
        Host::Domain(name) => Some(name == "localhost" || name.ends_with(".localhost")),
        Host::Ipv4(address) => Some(address.is_loopback()),
        Host::Ipv6(address) => Some(address.is_loopback()),
    });
    if !settings.http.bind.ip().is_loopback() {
        Some("http.bind")
    } else if host == Some(false) {
        Some("http.public_url")
    } else if !settings.admin.bind.ip().is_loopback() {
        Some("admin.bind")
    } else {
        None
    }
}

/// Replaces `NAME_FILE` by `NAME` with the file's content, for each setting that is a secret: the environment of a
/// process is seen by more people than a file.
fn read_secret_files(environment: &mut Vec<(String, String)>) -> Result<(), InvalidSettings> {
    for name in SECRETS {
        let variable = format!("{name}_FILE");
        let Some(at) = environment.iter().position(|(given, _)| *given == variable) else { continue };
        let (_, file) = environment.swap_remove(at);
        let invalid = |why: &str| Err(InvalidSettings(vec![format!("{variable}: {why}")]));
        if environment.iter().any(|(given, _)| given == name) {
            return invalid(&format!("{name} is set, too; one of them is enough"));
        }
        match std::fs::read_to_string(&file) {
            Ok(text) => environment.push((name.to_owned(), text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => return invalid(&format!("`{file}` cannot be read: {error}")),
        }
    }
    Ok(())
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
        let onion = [&[("MUSTER__HTTP__PUBLIC_URL", "http://mustermusterexample.onion")][..], &safe[1..]].concat();
        assert_eq!(with("production", &onion).unwrap().validate(), Vec::<String>::new());
    }

    #[test]
    fn the_file_of_the_machine_lies_between_profile_and_environment() {
        let file = std::env::temp_dir().join(format!("muster-config-{}.toml", std::process::id()));
        let text = "[mail]\nfrom_domain = \"mail.example.org\"\nbatch = 7\n[http]\ntrusted_proxies = [\"::1\"]\n";
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap();
        let settings = with("production", &[("MUSTER_CONFIG", path), ("MUSTER__MAIL__BATCH", "9")]).unwrap();
        assert_eq!((settings.mail.from_domain.as_str(), settings.mail.batch), ("mail.example.org", 9));
        assert_eq!(settings.http.trusted_proxies, ["::1"]);
        assert_eq!(settings.log.format, LogFormat::Json, "of the profile");
        std::fs::write(&file, "[mail]\nfrom_domian = \"mail.example.org\"\n").unwrap();
        let unknown = with("production", &[("MUSTER_CONFIG", path)]).unwrap_err().to_string();
        assert!(unknown.contains("from_domian"), "{unknown}");
        std::fs::remove_file(&file).unwrap();
        let absent = with("production", &[("MUSTER_CONFIG", path)]).unwrap_err().to_string();
        assert!(absent.contains(path), "{absent}");
        assert_eq!(with("development", &[("MUSTER_CONFIG", "")]).unwrap().mail.batch, 512);
    }

    #[test]
    fn the_sockets_folder_must_be_short_and_plain() {
        let problems = |path: &str| with("development", &[("MUSTER__POSTGRES__SOCKET_ROOT", path)]).unwrap().validate();
        assert_eq!(problems("/run/muster"), Vec::<String>::new());
        for bad in ["run/muster", "/run/a b", "/run/a?b", &format!("/{}", "a".repeat(54))] {
            let problems = problems(bad);
            assert!(problems.len() == 1 && problems[0].starts_with("postgres.socket_root: "), "{problems:?}");
        }
    }

    #[test]
    fn what_is_reachable_from_elsewhere_is_production() {
        let profile = |environment: &[(&str, &str)]| {
            let all: Vec<_> = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Settings::of_environment(&all).map(|settings| settings.profile).map_err(|error| error.to_string())
        };
        for local in [
            &[][..],
            &[("MUSTER_PROFILE", "")],
            &[("MUSTER__HTTP__BIND", "[::1]:8080"), ("MUSTER__HTTP__PUBLIC_URL", "http://localhost:8080")],
            &[("MUSTER__HTTP__BIND", "127.0.0.2:80"), ("MUSTER__HTTP__PUBLIC_URL", "http://muster.localhost")],
            &[("MUSTER_PROFILE", "development"), ("MUSTER__HTTP__BIND", "0.0.0.0:8080")],
        ] {
            assert_eq!(profile(local).as_deref(), Ok("development"), "{local:?}");
        }
        for (variable, value, sign) in [
            ("MUSTER__HTTP__BIND", "0.0.0.0:8080", "http.bind"),
            ("MUSTER__HTTP__BIND", "[::]:8080", "http.bind"),
            ("MUSTER__HTTP__PUBLIC_URL", "http://muster.example.org", "http.public_url"),
            ("MUSTER__ADMIN__BIND", "192.0.2.1:9090", "admin.bind"),
        ] {
            let refused = profile(&[(variable, value)]).unwrap_err();
            assert!(
                refused.starts_with("MUSTER_PROFILE: ") && refused.lines().next().unwrap().contains(sign),
                "{refused}"
            );
        }
        let fit = [
            ("MUSTER__HTTP__PUBLIC_URL", "https://muster.example.org"),
            ("MUSTER__MAIL__FROM_DOMAIN", "mail.example.org"),
        ];
        assert_eq!(profile(&fit).as_deref(), Ok("production"));
    }

    #[test]
    fn secrets_are_read_from_files() {
        let file = std::env::temp_dir().join(format!("muster-secret-{}", std::process::id()));
        std::fs::write(&file, "postgres://muster:word@db/muster\n").unwrap();
        let path = file.to_str().unwrap();
        for name in ["DATABASE_URL_FILE", "MUSTER__DATABASE__URL_FILE"] {
            assert_eq!(with("test", &[(name, path)]).unwrap().database.url, "postgres://muster:word@db/muster");
        }
        let settings =
            with("test", &[("MUSTER__DATABASE__DIRECT_URL_FILE", path), ("MUSTER__MAIL__SMTP_URL_FILE", path)]);
        let settings = settings.unwrap();
        assert_eq!(settings.database.direct_url, settings.mail.smtp_url);
        let twice = with("test", &[("DATABASE_URL", "postgres://x"), ("DATABASE_URL_FILE", path)]).unwrap_err();
        assert!(twice.to_string().starts_with("DATABASE_URL_FILE: "), "{twice}");
        std::fs::remove_file(&file).unwrap();
        let absent = with("test", &[("MUSTER__MAIL__SMTP_URL_FILE", path)]).unwrap_err().to_string();
        assert!(absent.starts_with("MUSTER__MAIL__SMTP_URL_FILE: "), "{absent}");
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
            assert!(problems[0].ends_with(&format!(" ({variable})")), "{problems:?}");
        }
    }

    #[test]
    fn ranges_are_told_with_their_limits() {
        for (variable, value, line) in [
            ("MUSTER__DATABASE__POOL_SIZE", "1", "database.pool_size: must lie between 2 and 500"),
            ("MUSTER__HTTP__SHUTDOWN_DELAY_SECONDS", "6", "http.shutdown_delay_seconds: must be at most 5"),
            ("MUSTER__COUNTS__TICK_SECONDS", "0", "counts.tick_seconds: must be at least 1"),
            ("MUSTER__MAIL__BATCH", "-1", "mail.batch: must lie between 1 and 1000"),
            ("MUSTER__RETENTION__MAIL_DAYS", "3651", "retention.mail_days: must lie between 7 and 3650"),
        ] {
            let problems = with("development", &[(variable, value)]).unwrap().validate();
            assert_eq!(problems, [format!("{line} ({variable})")]);
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
