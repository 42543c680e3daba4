//! The source of a request: the connection's peer or, behind trusted proxies, the address in `X-Forwarded-For`. The
//! header of other peers is ignored; that is counted, and logged once an hour.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, request::Parts},
};

use crate::kernel::{env::Env, network::Network};

/// The header to which trusted proxies append the address of their client, so that the nearest hop comes last.
const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// The header of RFC 7239. Not read: a proxy that sets `X-Forwarded-For` may pass on whatever its client sent in this
/// one.
const FORWARDED: &str = "forwarded";
/// Seconds between two warnings of one kind.
const WARN_SECONDS: i64 = 3600;

/// The IP address that a request comes from; the address itself is not accessible outside this module.
#[derive(Clone, Copy)]
pub struct Source(Option<IpAddr>);

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source(..)")
    }
}

impl Source {
    /// The sender's network, as abuse detection distinguishes networks: an IPv4 /24 or IPv6 /48.
    pub fn network(self) -> Option<Network> {
        self.0.map(|address| Network::of(address, if address.is_ipv4() { 24 } else { 48 }))
    }

    /// The sender, as rate limits distinguish clients: an IPv4 address, or the IPv6 /64 that one customer gets.
    pub fn client(self) -> Option<Network> {
        self.0.map(Network::of_client)
    }

    /// Is the sender in one of these networks?
    pub fn is_in(self, networks: &[Network]) -> bool {
        self.0.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
    }

    /// Bytes that identify one customer of a provider: an IPv4 address, an IPv6 /64.
    pub(super) fn customer(self) -> Vec<u8> {
        self.prefix(64)
    }

    /// Bytes that identify an owner of many customers' addresses: an IPv4 address, an IPv6 /48.
    pub(super) fn site(self) -> Vec<u8> {
        self.prefix(48)
    }

    fn prefix(self, of_ipv6: usize) -> Vec<u8> {
        match self.0 {
            Some(IpAddr::V4(a)) => a.octets().to_vec(),
            Some(IpAddr::V6(a)) => a.octets()[..of_ipv6 / 8].to_vec(),
            None => Vec::new(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(source_address(&parts.extensions, &parts.headers)))
    }
}

/// The networks of trusted proxies; `app` puts them into each request's extensions.
#[derive(Clone, Debug)]
pub struct TrustedProxies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    networks: Vec<Network>,
    env: Env,
    /// Unix seconds of the last warning for each kind of [`Peer`].
    warned_at: [AtomicI64; 4],
}

impl TrustedProxies {
    /// Trusts the proxies in these networks.
    pub fn new(networks: impl IntoIterator<Item = Network>, env: Env) -> Self {
        Self(Arc::new(Inner { networks: networks.into_iter().collect(), env, warned_at: Default::default() }))
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.networks.iter().any(|network| network.contains(address))
    }

    /// Counts and logs forwarded headers that are ignored: those of a peer that is not trusted, and a trusted peer's
    /// `Forwarded` without `X-Forwarded-For`. Either gives all clients behind a proxy one rate limit, so operators
    /// must learn of it.
    fn report_ignored(&self, peer: IpAddr, headers: &HeaderMap) {
        let kind = if self.contains(peer) { Peer::Trusted } else { Peer::of(peer) };
        metrics::counter!("muster_forwarded_headers_ignored", "peer" => kind.as_str()).increment(1);
        if !self.is_warning_due(kind) {
            return;
        }
        let header = if headers.contains_key(X_FORWARDED_FOR) { "X-Forwarded-For" } else { "Forwarded" };
        // a client's address is never logged; a private network is the operator's own
        let network = match kind {
            Peer::Public | Peer::Trusted => String::new(),
            Peer::Loopback | Peer::Private => Source(Some(peer)).network().map(|n| n.to_string()).unwrap_or_default(),
        };
        let peer = kind.as_str();
        if kind == Peer::Trusted {
            tracing::warn!(
                event = "proxy.only_forwarded",
                peer,
                header,
                "a proxy in http.trusted_proxies sends Forwarded and no X-Forwarded-For; let it set X-Forwarded-For, or all \
                 its visitors share one rate limit"
            );
        } else {
            tracing::warn!(
                event = "proxy.not_trusted",
                peer,
                network,
                header,
                "a forwarded header came from a peer that http.trusted_proxies does not name, and was ignored; if it is a \
                 proxy of yours, add its network there, or all its visitors share one rate limit"
            );
        }
    }

    fn is_warning_due(&self, kind: Peer) -> bool {
        let (last, now) = (&self.0.warned_at[kind as usize], self.0.env.now().timestamp());
        let before = last.load(Ordering::Relaxed);
        now - before >= WARN_SECONDS && last.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Kind of a connection's peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum Peer {
    Loopback,
    Private,
    Public,
    Trusted,
}

impl Peer {
    fn of(address: IpAddr) -> Self {
        let is_private = match address {
            IpAddr::V4(a) => a.is_private() || a.is_link_local(),
            IpAddr::V6(a) => a.is_unique_local() || a.is_unicast_link_local(),
        };
        if address.is_loopback() {
            Self::Loopback
        } else if is_private {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn as_str(self) -> &'static str {
        self.into()
    }
}

fn source_address(extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical())?;
    let Some(trusted) = extensions.get::<TrustedProxies>() else { return Some(peer) };
    let (is_trusted, is_forwarded) = (trusted.contains(peer), headers.contains_key(X_FORWARDED_FOR));
    if (is_forwarded && !is_trusted) || (!is_forwarded && headers.contains_key(FORWARDED)) {
        trusted.report_ignored(peer, headers);
    }
    if !is_trusted {
        return Some(peer);
    }
    // From the right: the nearest hop that is not a trusted proxy. A hop that is not an address ends the walk at the
    // proxy that wrote it, since everything further left may be forged by the client.
    let mut source = peer;
    for hop in hops(headers) {
        let Some(address) = address_of(hop) else { break };
        source = address;
        if !trusted.contains(address) {
            break;
        }
    }
    Some(source)
}

/// The elements of all `X-Forwarded-For` headers, nearest hop first. Empty elements are skipped (RFC 9110, section
/// 5.6.1.2).
fn hops(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    lines.flat_map(|line| line.as_bytes().rsplit(|b| *b == b',')).map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty())
}

/// The address in one element: bare, with a port, in brackets, or quoted.
fn address_of(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|a| a.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    bare().or_else(with_port).or_else(in_brackets).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn proxies(networks: &[&str]) -> TrustedProxies {
        TrustedProxies::new(networks.iter().map(|n| n.parse().unwrap()), Env::system())
    }

    fn source(trusted: &TrustedProxies, peer: &str, lines: &[&[u8]]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        extensions.insert(trusted.clone());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, axum::http::HeaderValue::from_bytes(line).unwrap());
        }
        source_address(&extensions, &headers).unwrap().to_string()
    }

    #[test]
    fn the_nearest_hop_outside_the_trusted_networks_is_the_source() {
        let trusted = proxies(&["10.0.0.0/8", "2001:db8:5::/48", "192.0.2.7"]);
        for (lines, expected) in [
            (&[b"203.0.113.5".as_slice()][..], "203.0.113.5"),
            (&[b"198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            (&[b"203.0.113.5, 10.1.2.3,192.0.2.7"], "203.0.113.5"),
            (&[b"203.0.113.5, 2001:db8:5:1::9"], "203.0.113.5"),
            (&[b"198.51.100.1", b"203.0.113.5", b"10.9.9.9"], "203.0.113.5"),
            (&[b"203.0.113.5:51234"], "203.0.113.5"),
            (&[b"[2001:db8::1]:443"], "2001:db8::1"),
            (&[b"[2001:db8::1]"], "2001:db8::1"),
            (&[b"\"[2001:db8::1]:443\""], "2001:db8::1"),
            (&[b"::ffff:203.0.113.5"], "203.0.113.5"),
            (&[b"203.0.113.5, , "], "203.0.113.5"),
            (&[b"", b"203.0.113.5"], "203.0.113.5"),
            // all hops are trusted: the furthest of them
            (&[b"10.7.7.7, 10.1.2.3"], "10.7.7.7"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(source(&trusted, "10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_hop_that_is_no_address_ends_the_walk() {
        let trusted = proxies(&["10.0.0.0/8"]);
        for garbage in ["unknown", "_hidden", "203.0.113", "203.0.113.5:port", "[203.0.113.5]", "fe80::1%eth0", "\""] {
            let forged = format!("198.51.100.1, {garbage}");
            assert_eq!(source(&trusted, "10.0.0.1", &[forged.as_bytes()]), "10.0.0.1", "{garbage}");
            let behind_two = format!("198.51.100.1, {garbage}, 10.0.0.2");
            assert_eq!(source(&trusted, "10.0.0.1", &[behind_two.as_bytes()]), "10.0.0.2", "{garbage}");
        }
        // bytes that are not UTF-8 hide nothing either: the hop that the proxy added is to their right
        assert_eq!(source(&trusted, "10.0.0.1", &[b"\xff\xfe, 203.0.113.5"]), "203.0.113.5");
        assert_eq!(source(&trusted, "10.0.0.1", &[b"198.51.100.1, \xff"]), "10.0.0.1");
    }

    #[test]
    fn a_peer_outside_them_is_the_source_whatever_it_says() {
        let trusted = proxies(&["10.0.0.0/8"]);
        assert_eq!(source(&trusted, "192.0.2.9", &[b"203.0.113.5"]), "192.0.2.9");
        assert_eq!(source(&proxies(&[]), "10.0.0.1", &[b"203.0.113.5"]), "10.0.0.1");
        assert_eq!(source(&trusted, "::ffff:10.0.0.1", &[b"203.0.113.5"]), "203.0.113.5");
    }

    #[test]
    fn each_kind_of_peer_is_warned_of_once_an_hour() {
        let trusted = proxies(&[]);
        assert!(trusted.is_warning_due(Peer::Public));
        assert!(!trusted.is_warning_due(Peer::Public));
        assert!(trusted.is_warning_due(Peer::Private), "what strangers send does not hide the proxy that is missing");
        let silent = |t: &TrustedProxies| t.0.warned_at.iter().all(|at| at.load(Ordering::Relaxed) == 0);
        let believed = proxies(&["10.0.0.0/8"]);
        source(&believed, "10.0.0.1", &[b"203.0.113.5"]);
        source(&believed, "192.0.2.1", &[]);
        assert!(silent(&believed), "nothing was ignored");
        source(&believed, "192.0.2.1", &[b"203.0.113.5"]);
        assert!(!silent(&believed) && !believed.is_warning_due(Peer::Public));
        trusted.0.env.advance(TimeDelta::minutes(61));
        assert!(trusted.is_warning_due(Peer::Public));
        for (address, kind) in [
            ("127.0.0.1", Peer::Loopback),
            ("::1", Peer::Loopback),
            ("10.2.3.4", Peer::Private),
            ("172.31.0.1", Peer::Private),
            ("192.168.1.1", Peer::Private),
            ("fd00::1", Peer::Private),
            ("203.0.113.9", Peer::Public),
            ("2001:db8::1", Peer::Public),
        ] {
            assert_eq!(Peer::of(address.parse().unwrap()), kind, "{address}");
        }
    }
}
