//! Rules by which mail providers map several addresses to one mailbox. Data only; used for the index, never for
//! sending.

/// What a provider ignores in an address.
pub(super) struct Provider {
    /// Domains on which a local part names the same mailbox; the index uses the first for all.
    pub domains: &'static [&'static str],
    /// Separator after which the rest of the local part is a tag chosen by the owner.
    pub tag: Option<char>,
    /// Characters that the provider ignores in the local part.
    pub skipped: &'static [char],
}

const fn plus(domains: &'static [&'static str]) -> Provider {
    Provider { domains, tag: Some('+'), skipped: &[] }
}

const fn dash(domains: &'static [&'static str]) -> Provider {
    Provider { domains, tag: Some('-'), skipped: &[] }
}

/// One entry for each set of domains that share mailboxes; `ana@outlook.com` and `ana@hotmail.com` may be two people.
pub(super) const PROVIDERS: &[Provider] = &[
    Provider { domains: &["gmail.com", "googlemail.com"], tag: Some('+'), skipped: &['.'] },
    Provider {
        domains: &["proton.me", "protonmail.com", "protonmail.ch", "pm.me"],
        tag: Some('+'),
        skipped: &['.', '-', '_'],
    },
    plus(&["icloud.com", "me.com", "mac.com"]),
    plus(&["outlook.com"]),
    plus(&["outlook.fr"]),
    plus(&["outlook.es"]),
    plus(&["hotmail.com"]),
    plus(&["hotmail.ca"]),
    plus(&["hotmail.fr"]),
    plus(&["hotmail.es"]),
    plus(&["hotmail.co.uk"]),
    plus(&["live.com"]),
    plus(&["live.ca"]),
    plus(&["live.fr"]),
    plus(&["msn.com"]),
    plus(&["fastmail.com"]),
    plus(&["fastmail.fm"]),
    plus(&["riseup.net"]),
    dash(&["yahoo.com"]),
    dash(&["yahoo.ca"]),
    dash(&["yahoo.fr"]),
    dash(&["yahoo.es"]),
    dash(&["yahoo.com.mx"]),
    dash(&["yahoo.in"]),
    dash(&["yahoo.co.in"]),
    dash(&["ymail.com"]),
    dash(&["rocketmail.com"]),
];

/// Further public mail providers. Many signatures from one of these domains are no sign of abuse.
pub(super) const PUBLIC_PROVIDERS: &[&str] = &[
    "aol.com",
    "bell.net",
    "cogeco.ca",
    "comcast.net",
    "eastlink.ca",
    "free.fr",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "laposte.net",
    "mail.com",
    "mail.ru",
    "naver.com",
    "orange.fr",
    "outlook.com.br",
    "qq.com",
    "163.com",
    "126.com",
    "rediffmail.com",
    "rogers.com",
    "sasktel.net",
    "sfr.fr",
    "shaw.ca",
    "sympatico.ca",
    "tbaytel.net",
    "teksavvy.com",
    "telus.net",
    "tutanota.com",
    "tuta.io",
    "videotron.ca",
    "wanadoo.fr",
    "web.de",
    "yandex.com",
    "yahoo.co.uk",
    "yahoo.com.ph",
    "zoho.com",
];
