//! How far an address reaches, by the registries of special addresses (IANA, RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who can be behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anybody on the internet.
    Public,
    /// This machine, or its own network: what it is called.
    Private(&'static str),
    /// Nobody to fetch from, or somebody in disguise: what it is called.
    Never(&'static str),
}

impl Reach {
    /// What the address is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private(name) | Self::Never(name) => name,
        }
    }
}

/// How far an address reaches.
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] => Reach::Private("loopback"),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Reach::Private("private"),
        [100, 64..=127, ..] => Reach::Private("shared"),
        [0, ..] => Reach::Never("unspecified"),
        [169, 254, ..] => Reach::Never("link-local"),
        [192, 0, 0, _] | [198, 18..=19, ..] => Reach::Never("reserved"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Never("documentation"),
        [192, 88, 99, _] => Reach::Never("6to4"),
        [224..=239, ..] => Reach::Never("multicast"),
        [240..=255, ..] => Reach::Never("reserved"),
        _ => Reach::Public,
    }
}

/// Of the sixteenth of the space that is given out at all, everything but what has a meaning of its own. An address that
/// holds an IPv4 address reaches whoever translates it, which nobody here can check.
fn reach_v6(address: Ipv6Addr) -> Reach {
    if address == Ipv6Addr::LOCALHOST {
        return Reach::Private("loopback");
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] => Reach::Never("mapped"),
        [0x64, 0xff9b, ..] => Reach::Never("nat64"),
        [0xfc00..=0xfdff, ..] => Reach::Private("private"),
        [0xfe80..=0xfebf, ..] => Reach::Never("link-local"),
        [0xff00..=0xffff, ..] => Reach::Never("multicast"),
        [0x2002, ..] => Reach::Never("6to4"),
        [0x2001, 0x0000, ..] => Reach::Never("teredo"),
        [0x2001, 0x0001..=0x01ff, ..] => Reach::Never("reserved"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => Reach::Never("documentation"),
        [0x2000..=0x3fff, ..] => Reach::Public,
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never("unspecified"),
        _ => Reach::Never("reserved"),
    }
}
