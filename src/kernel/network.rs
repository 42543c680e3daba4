//! IP networks (CIDR, RFC 4632 and RFC 4291).

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::text::TextError;
use crate::config;

/// A network: an address and a prefix length. IPv4-mapped IPv6 addresses are normalised to IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// The network of an address with this prefix length; a length beyond the address's is reduced to it.
    pub fn of(address: IpAddr, prefix: u8) -> Self {
        let address = address.to_canonical();
        Self(IpNet::new(address, prefix).unwrap_or_else(|_| address.into()).trunc())
    }

    /// The network of one customer of a provider: an IPv4 address, or an IPv6 /64.
    pub fn of_client(address: IpAddr) -> Self {
        Self::of(address, if address.to_canonical().is_ipv4() { 32 } else { 64 })
    }

    /// Is the address in this network?
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The prefix length in bits.
    pub fn prefix(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Its first address as bytes: 4 for IPv4, 16 for IPv6.
    pub fn bytes(&self) -> Vec<u8> {
        match self.0.network() {
            IpAddr::V4(a) => a.octets().to_vec(),
            IpAddr::V6(a) => a.octets().to_vec(),
        }
    }
}

impl From<IpNet> for Network {
    fn from(network: IpNet) -> Self {
        Self(network)
    }
}

impl FromStr for Network {
    type Err = TextError;

    /// Parses `203.0.113.0/24`, `2001:db8::/32`, or a single address.
    fn from_str(text: &str) -> Result<Self, TextError> {
        let refuse = || TextError { code: "unknown_value", detail: "A network looks like 203.0.113.0/24.".to_owned() };
        config::parse_network(text).map(Self).ok_or_else(refuse)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_only() {
        let net: Network = "203.0.113.77/24".parse().unwrap();
        assert_eq!(net.to_string(), "203.0.113.0/24");
        for (address, inside) in
            [("203.0.113.1", true), ("203.0.114.1", false), ("::ffff:203.0.113.9", true), ("::1", false)]
        {
            assert_eq!(net.contains(address.parse().unwrap()), inside, "{address}");
        }
        let six: Network = "2001:db8:1::5/48".parse().unwrap();
        assert!(six.contains("2001:db8:1:ffff::1".parse().unwrap()) && !six.contains("2001:db8:2::1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert_eq!("192.0.2.7".parse::<Network>().unwrap().prefix(), 32);
        let mapped: Network = "::ffff:203.0.113.0/120".parse().unwrap();
        assert_eq!(mapped, net, "IPv4 in IPv6's clothes");
        assert_eq!(Network::of("203.0.113.9".parse().unwrap(), 48).prefix(), 32);
        for bad in ["", "example.org", "203.0.113.0/33", "203.0.113/24", "203.0.113.0/-1", "::1/129", "::ffff:0:0/24"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
