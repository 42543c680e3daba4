//! `muster check-config`: checks the settings, and whether what they refer to is reachable: the database, the relays,
//! and the DNS records of the sender's domain (SPF, DKIM, DMARC, MX).

use std::{net::SocketAddr, time::Duration};

use chrono::TimeDelta;
use hickory_resolver::{
    Resolver, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};
use sqlx::{PgConnection, PgPool};
use tokio::time::timeout;

use crate::{
    config::{Settings, Transport},
    error::Error,
    kernel::{backups, database_roles, db, env::Env},
    mail,
};

/// Timeout of one look-up or connection.
const CHECK_TIMEOUT: Duration = Duration::from_secs(20);
/// Age of the newest backup from which there is a warning.
const MAX_BACKUP_AGE: TimeDelta = TimeDelta::days(2);

/// Results of the checks, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Checks that succeeded.
    pub passed: Vec<String>,
    /// Unwise settings, and look-ups that failed.
    pub warnings: Vec<String>,
    /// Errors that prevent Muster from working.
    pub errors: Vec<String>,
}

impl Findings {
    /// Adds the result for a DNS record of the sender's domain; `None`: the look-up failed.
    fn record(&mut self, what: &str, name: &str, found: Option<bool>, missing: &str) {
        match found {
            Some(true) => self.passed.push(format!("mail.from_domain: {what} is there ({name})")),
            Some(false) => self.warnings.push(format!("mail.from_domain: no {what} at {name}; {missing}")),
            None => self.warnings.push(format!("mail.from_domain: {what} at {name} could not be looked up")),
        }
    }

    fn add(&mut self, found: Result<String, String>) {
        match found {
            Ok(passed) => self.passed.push(passed),
            Err(fault) => self.errors.push(fault),
        }
    }
}

/// Checks what the settings refer to outside this process, except the keyring (see `cli::keyring`). `resolver` is a
/// name server to use instead of the system's.
pub async fn run(settings: &Settings, resolver: Option<SocketAddr>) -> Findings {
    let mut findings = Findings::default();
    check_database(settings, &mut findings).await;
    if settings.mail.transport == Transport::Smtp {
        for (relay, answer) in mail::probe_relays(&settings.mail, CHECK_TIMEOUT).await {
            findings.add(match answer {
                Ok(()) => Ok(format!("mail.smtp_url: {relay} greets, and signs in where that is set")),
                Err(why) => Err(format!("mail.smtp_url: {relay}: {why}")),
            });
        }
        match name_server(resolver) {
            Ok(resolver) => check_sender_domain(settings, &resolver, &mut findings).await,
            Err(error) => findings.warnings.push(format!("DNS: the system's name servers are not known: {error}")),
        }
    }
    findings
}

async fn check_database(settings: &Settings, findings: &mut Findings) {
    let database = &settings.database;
    if database.url.is_empty() {
        return findings.passed.push("database.url: empty, so Postgres is started by Muster itself".to_owned());
    }
    let checked = async {
        let pools = db::Pools::new(settings, &database.url)?;
        let mut warnings = db::check_server(&pools.work).await?;
        warnings.extend(database_roles::warning(&pools.work).await?);
        warnings.extend(mail::restore_guard_warning(&pools.work).await?);
        if settings.is_production() && !settings.backup.recipients.is_empty() {
            warnings.extend(check_backups(&pools.work).await);
        }
        let room = db::check_connection_capacity(&pools).await;
        pools.close(Duration::from_secs(1)).await;
        Ok::<_, Error>((warnings, room?))
    };
    match timeout(CHECK_TIMEOUT, checked).await {
        Ok(Ok((warnings, room))) => {
            findings.passed.push("database.url: answers, is no standby, and keeps what it acknowledges".to_owned());
            findings.warnings.extend(warnings);
            findings.warnings.extend(room);
        }
        Ok(Err(error)) => findings.errors.push(format!("database.url: {error}")),
        Err(_) => findings.errors.push(format!("database.url: no answer within {CHECK_TIMEOUT:?}")),
    }
    if !database.direct_url.is_empty() {
        let connecting = db::connect(&database.direct_url, db::PoolKind::Background);
        findings.add(answers("database.direct_url", connecting).await);
    }
    if !database.migrate_url.is_empty() {
        findings.add(answers("database.migrate_url", database_roles::connect(&database.migrate_url)).await);
    }
}

/// Whether a connection is made in time.
async fn answers(
    setting: &str,
    connecting: impl Future<Output = Result<PgConnection, Error>>,
) -> Result<String, String> {
    match timeout(CHECK_TIMEOUT, connecting).await {
        Ok(Ok(_)) => Ok(format!("{setting}: answers")),
        Ok(Err(error)) => Err(format!("{setting}: {error}")),
        Err(_) => Err(format!("{setting}: no answer within {CHECK_TIMEOUT:?}")),
    }
}

/// A warning when no backup was made within two days; none about a database without tables.
async fn check_backups(db: &PgPool) -> Option<String> {
    let newest = async { backups::newest(&mut *db.acquire().await?).await }.await.ok()?;
    let since = Env::system().now() - MAX_BACKUP_AGE;
    newest.is_none_or(|taken_at| taken_at < since).then(|| {
        let newest = newest.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
        format!("backup: the newest one was made: {newest}; does the timer of `muster backup` run?")
    })
}

fn name_server(given: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match given {
        None => TokioResolver::builder_tokio()?,
        Some(address) => {
            let over = |mut connection: ConnectionConfig| {
                connection.port = address.port();
                connection
            };
            let connections = vec![over(ConnectionConfig::udp()), over(ConnectionConfig::tcp())];
            let server = NameServerConfig::new(address.ip(), true, connections);
            let config = ResolverConfig::from_name_servers(vec![server]);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    builder.options_mut().timeout = Duration::from_secs(4);
    builder.options_mut().attempts = 2;
    builder.build()
}

/// Checks SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489) of the sender's domain, and the MX to which bounces go.
async fn check_sender_domain(settings: &Settings, resolver: &TokioResolver, findings: &mut Findings) {
    let domain = &settings.mail.from_domain;
    let spf = txt_records(resolver, domain).await;
    let has_spf = spf.map(|texts| texts.iter().any(|text| text == "v=spf1" || text.starts_with("v=spf1 ")));
    findings.record("SPF", domain, has_spf, "add a TXT record such as \"v=spf1 include:your-relay.example -all\"");
    let (name, has_dmarc) = dmarc(resolver, domain).await;
    findings.record("DMARC", &name, has_dmarc, "add a TXT record such as \"v=DMARC1; p=quarantine\"");
    let selector = &settings.mail.dkim_selector;
    if selector.is_empty() {
        findings.warnings.push("mail.dkim_selector: is empty, so the DKIM key is not looked up; ask whoever runs the relay for the selector that it signs with".to_owned());
    } else {
        let name = format!("{selector}._domainkey.{domain}");
        let found = txt_records(resolver, &name).await;
        let has_key = found.map(|texts| {
            texts.iter().any(|text| {
                text.split(';').any(|tag| tag.trim().strip_prefix("p=").is_some_and(|key| !key.trim().is_empty()))
            })
        });
        findings.record("DKIM key", &name, has_key, "the relay's signatures cannot be checked");
    }
    let bounces =
        record_exists(resolver.mx_lookup(format!("{domain}.")).await.map(|found| !found.answers().is_empty()));
    findings.record("MX", domain, bounces, "mail that comes back does not find back");
}

/// Looks up the DMARC policy at the domain, then at its parents (RFC 7489, section 6.6.3), except at a single label.
/// Returns the record's name and whether it exists.
async fn dmarc(resolver: &TokioResolver, domain: &str) -> (String, Option<bool>) {
    let mut at = domain;
    loop {
        let name = format!("_dmarc.{at}");
        let found =
            txt_records(resolver, &name).await.map(|texts| texts.iter().any(|text| text.starts_with("v=DMARC1")));
        match at.split_once('.') {
            Some((_, above)) if found == Some(false) && above.contains('.') => at = above,
            _ if found == Some(false) => return (format!("_dmarc.{domain}"), found),
            _ => return (name, found),
        }
    }
}

/// The TXT records at a name, each with its strings joined; `None` when the look-up failed.
async fn txt_records(resolver: &TokioResolver, name: &str) -> Option<Vec<String>> {
    match resolver.txt_lookup(format!("{name}.")).await {
        Ok(found) => Some(
            found
                .answers()
                .iter()
                .filter_map(|record| match &record.data {
                    RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
                    _ => None,
                })
                .collect(),
        ),
        Err(error) if error.is_no_records_found() || error.is_nx_domain() => Some(Vec::new()),
        Err(_) => None,
    }
}

fn record_exists(found: Result<bool, NetError>) -> Option<bool> {
    match found {
        Ok(found) => Some(found),
        Err(error) if error.is_no_records_found() || error.is_nx_domain() => Some(false),
        Err(_) => None,
    }
}
