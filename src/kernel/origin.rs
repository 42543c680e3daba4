//! Which site sent a request: `Sec-Fetch-Site` (W3C Fetch Metadata), else `Origin` (RFC 6454).

use axum::http::{HeaderMap, header};

/// The site whose page sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOrigin {
    /// A page of ours.
    Own,
    /// A page of another site, or of another host of ours.
    Foreign,
    /// The browser says nothing: a program, an address that was typed, or an older browser. With `Referrer-Policy:
    /// no-referrer`, as our pages have it, those send `Origin: null`.
    Unknown,
}

impl RequestOrigin {
    /// The origin of a request to the installation at `public_url`.
    pub fn of(headers: &HeaderMap, public_url: &str) -> Self {
        if let Some(site) = headers.get("sec-fetch-site") {
            return match site.as_bytes() {
                b"same-origin" => Self::Own,
                b"none" => Self::Unknown,
                _ => Self::Foreign,
            };
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Self::Unknown };
        let ours = url::Url::parse(public_url).map(|url| url.origin().ascii_serialization());
        match ours {
            Ok(ours) if origin.as_bytes() == ours.as_bytes() => Self::Own,
            _ if origin == "null" => Self::Unknown,
            _ => Self::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_known_by_what_the_browser_says() {
        let ours = "https://muster.example.org";
        let of = |pairs: &[(&'static str, &str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            RequestOrigin::of(&headers, ours)
        };
        assert_eq!(of(&[("sec-fetch-site", "same-origin")]), RequestOrigin::Own);
        assert_eq!(of(&[("origin", ours)]), RequestOrigin::Own);
        assert_eq!(of(&[("origin", "null"), ("sec-fetch-site", "same-origin")]), RequestOrigin::Own);
        for unknown in [&[][..], &[("origin", "null")], &[("sec-fetch-site", "none"), ("origin", "null")]] {
            assert_eq!(of(unknown), RequestOrigin::Unknown, "{unknown:?}");
        }
        for foreign in [
            &[("origin", "https://evil.example.org")][..],
            &[("origin", "https://muster.example.org.evil.example")],
            &[("origin", "http://muster.example.org")],
            &[("sec-fetch-site", "same-site"), ("origin", ours)],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "")],
        ] {
            assert_eq!(of(foreign), RequestOrigin::Foreign, "{foreign:?}");
        }
    }
}
