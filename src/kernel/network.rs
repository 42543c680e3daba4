//! Networks of the internet (CIDR, RFC 4632 and RFC 4291): which addresses belong together.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::text::TextError;

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// The network of an address with so many leading bits; more bits than the address has are all of them.
    pub fn of(address: IpAddr, prefix: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(a) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Self { first: Ipv4Addr::from_bits(a.to_bits() & mask).into(), prefix }
            }
            IpAddr::V6(a) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Self { first: Ipv6Addr::from_bits(a.to_bits() & mask).into(), prefix }
            }
        }
    }

    /// Does the address belong to it?
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && Self::of(address, self.prefix) == *self
    }

    /// How many leading bits count.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Its first address as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self.first {
            IpAddr::V4(a) => a.octets().to_vec(),
            IpAddr::V6(a) => a.octets().to_vec(),
        }
    }
}

impl FromStr for Network {
    type Err = TextError;

    /// `203.0.113.0/24`, `2001:db8::/32`, or one address.
    fn from_str(text: &str) -> Result<Self, TextError> {
        let refuse = || TextError { code: "unknown_value", detail: "A network looks like 203.0.113.0/24.".to_owned() };
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let most = if address.to_canonical().is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |p| p.parse().map_err(|_| refuse()))?;
        if prefix > most { Err(refuse()) } else { Ok(Self::of(address, prefix)) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
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
        for bad in ["", "example.org", "203.0.113.0/33", "203.0.113/24", "203.0.113.0/-1", "::1/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
