//! The setting `mail.smtp_url`: host, port, TLS mode, credentials and weight of a relay.

use std::{fmt, net::IpAddr};

use lettre::transport::smtp::{
    authentication::Credentials,
    client::{Certificate, TlsParameters},
    extension::ClientId,
};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// When a connection to the relay becomes encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum TlsMode {
    /// Never; for a relay on the same machine.
    None,
    /// STARTTLS if the relay offers it (RFC 3207); an attacker in the middle can prevent it.
    Opportunistic,
    /// STARTTLS; without it no mail is sent.
    Required,
    /// From the first byte: implicit TLS (RFC 8314 section 3.3). That of `smtps`, so `tls` does not say it.
    #[strum(disabled)]
    Implicit,
}

/// A relay, parsed from `mail.smtp_url`. Its `Debug` shows no credentials.
#[derive(Clone)]
pub struct SmtpSettings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) mode: TlsMode,
    pub(super) tls: Option<TlsParameters>,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
    weight: u32,
}

/// Why `mail.smtp_url` cannot be used. Never repeats the value, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not a URL.
    #[error("mail.smtp_url is not a URL (percent-encode special characters in the password)")]
    NotAUrl,
    /// A scheme other than `smtp` and `smtps`.
    #[error("mail.smtp_url must begin with smtp:// or smtps://")]
    Scheme,
    /// No host, or a path or fragment after it (an unencoded `/` or `#` in the password looks like that).
    #[error("mail.smtp_url must be smtp[s]://user:password@host:port, special characters percent-encoded")]
    Shape,
    /// An unknown or invalid query parameter.
    #[error("mail.smtp_url takes only ?tls=required or ?tls=opportunistic (not for smtps://) and &weight=1 to 1000")]
    Query,
    /// A password without a user, or the other way round, or text that is not UTF-8.
    #[error("mail.smtp_url needs both a user name and a password, or neither, in UTF-8")]
    Credentials,
    /// A password that would be sent unencrypted over a network.
    #[error("mail.smtp_url would send the password unencrypted: use smtps:// or ?tls=required")]
    Unencrypted,
    /// The TLS library rejected the host name or a certificate.
    #[error("mail.smtp_url: TLS cannot be set up for this host or certificate")]
    Tls,
}

impl SmtpSettings {
    /// Parses `smtp://[user:password@]host[:port][?tls=required|opportunistic]` or `smtps://...`; `weight` (1 to
    /// 1000) in the query is the relay's relative share of mail among several relays.
    ///
    /// Ports when none is given: 465 for `smtps`, 587 with `tls`, else 25 (RFC 8314, RFC 6409, RFC 5321).
    ///
    /// # Errors
    /// A [`SettingsError`] that names the setting; it never holds any part of the value.
    pub fn parse(url: &str) -> Result<Self, SettingsError> {
        let url = Url::parse(url).map_err(|_| SettingsError::NotAUrl)?;
        let implicit = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(SettingsError::Scheme),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() && !name.contains('%') => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            _ => return Err(SettingsError::Shape),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(SettingsError::Shape);
        }
        let (mut tls, mut weight) = (None, None);
        for (name, value) in url.query_pairs() {
            let is_twice = match &*name {
                "tls" => tls.replace(value.into_owned()).is_some(),
                "weight" => {
                    let number = value.parse().ok().filter(|n| (1..=1000).contains(n)).ok_or(SettingsError::Query)?;
                    weight.replace(number).is_some()
                }
                _ => return Err(SettingsError::Query),
            };
            if is_twice {
                return Err(SettingsError::Query);
            }
        }
        let mode = match (implicit, tls.as_deref()) {
            (true, None) => TlsMode::Implicit,
            (false, None) => TlsMode::None,
            (false, Some(mode)) => mode.parse().map_err(|_| SettingsError::Query)?,
            _ => return Err(SettingsError::Query),
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() && !password.is_empty() => Some(
                percent_decoded(user)
                    .zip(percent_decoded(password))
                    .map(|(user, password)| Credentials::new(user, password))
                    .ok_or(SettingsError::Credentials)?,
            ),
            _ => return Err(SettingsError::Credentials),
        };
        if credentials.is_some() && mode == TlsMode::None && !is_loopback(&host) {
            return Err(SettingsError::Unencrypted);
        }
        let port = url.port().unwrap_or(match mode {
            TlsMode::Implicit => 465,
            TlsMode::Required | TlsMode::Opportunistic => 587,
            TlsMode::None => 25,
        });
        let tls = match mode {
            TlsMode::None => None,
            _ => Some(TlsParameters::new(host.clone()).map_err(|_| SettingsError::Tls)?),
        };
        Ok(Self { host, port, mode, tls, credentials, hello: ClientId::default(), weight: weight.unwrap_or(1) })
    }

    /// Sets the name for EHLO, instead of the machine's own; relays write it into `Received` headers.
    #[must_use]
    pub fn hello(mut self, domain: &str) -> Self {
        self.hello = ClientId::Domain(domain.to_owned());
        self
    }

    /// Adds a trusted root certificate (PEM), for a relay whose certificate is not signed by a public authority.
    ///
    /// # Errors
    /// [`SettingsError::Tls`] when it is not a PEM certificate.
    pub fn trust(mut self, pem: &[u8]) -> Result<Self, SettingsError> {
        // the library accepts a file without any certificate as an empty list
        let marker = b"-----BEGIN CERTIFICATE-----";
        if !pem.windows(marker.len()).any(|window| window == marker) {
            return Err(SettingsError::Tls);
        }
        let certificate = Certificate::from_pem(pem).map_err(|_| SettingsError::Tls)?;
        if self.tls.is_some() {
            let tls = TlsParameters::builder(self.host.clone())
                .add_root_certificate(certificate)
                .build()
                .map_err(|_| SettingsError::Tls)?;
            self.tls = Some(tls);
        }
        Ok(self)
    }

    /// The relay's name, `host:port`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The relay's host name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The relay's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The relay's relative share of mail among several relays; 1 by default.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// When connections are encrypted.
    pub fn tls(&self) -> TlsMode {
        self.mode
    }
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.mode)
            .field("credentials", &self.credentials.as_ref().map(|_| "[hidden]"))
            .finish_non_exhaustive()
    }
}

/// Whether the host is this machine (localhost or a loopback address).
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Undoes percent-encoding (RFC 3986 section 2.1); `None` when it is not UTF-8 or holds a NUL, which AUTH PLAIN
/// uses as its separator (RFC 4616).
fn percent_decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.contains('\0')).then(|| text.into_owned())
}
