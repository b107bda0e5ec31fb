//! `no_proxy`: what is reached without a proxy.

use std::net::IpAddr;

/// What is reached without a proxy.
#[derive(Debug, Clone, Default)]
pub(super) struct Exempt(Vec<Entry>);

#[derive(Debug, Clone)]
enum Entry {
    /// Everything.
    All,
    /// A host and all below it.
    Name(String),
    /// Addresses whose first bits are these.
    Net(IpAddr, u32),
}

impl Exempt {
    /// Reads a list with commas or spaces between its entries: `*`, a host that stands for those below it too (with a
    /// dot before it or without), an address, or a network as `10.0.0.0/8`. What is none of these covers nothing.
    pub(super) fn new(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(entry).collect())
    }

    /// Whether `host`, as it stands in a URL, is reached without a proxy.
    pub(super) fn covers(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<IpAddr>().ok();
        let name = bare.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|entry| match (entry, address) {
            (Entry::All, _) => true,
            (Entry::Net(net, bits), Some(address)) => first_bits(*net, *bits) == first_bits(address, *bits),
            // `example.com` is not the end of `anexample.com`.
            (Entry::Name(end), None) => name
                .strip_suffix(end.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('.')),
            (Entry::Net(..), None) | (Entry::Name(_), Some(_)) => false,
        })
    }
}

fn entry(text: &str) -> Option<Entry> {
    if text == "*" {
        return Some(Entry::All);
    }
    let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let most = |net: IpAddr| if net.is_ipv4() { 32 } else { 128 };
    if let Some((net, bits)) = text.split_once('/') {
        let net = bare(net)?;
        return bits.parse().ok().filter(|bits| *bits <= most(net)).map(|bits| Entry::Net(net, bits));
    }
    if let Some(address) = bare(text) {
        return Some(Entry::Net(address, most(address)));
    }
    let name = text.strip_prefix('*').unwrap_or(text); // `*.example.com` is what other programs write
    let name = name.strip_prefix('.').unwrap_or(name).trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(Entry::Name(name))
}

/// The first `bits` bits of an address, with its kind.
fn first_bits(address: IpAddr, bits: u32) -> (bool, u128) {
    match address {
        IpAddr::V4(four) => (true, u128::from(u32::from(four).checked_shr(32 - bits.min(32)).unwrap_or(0))),
        IpAddr::V6(six) => (false, u128::from(six).checked_shr(128 - bits.min(128)).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cover_what_is_below_them_and_nets_what_is_in_them() {
        for (list, host, covered) in [
            ("example.com", "example.com", true),
            ("example.com", "API.Example.com.", true),
            (".example.com", "example.com", true),
            (".example.com", "a.b.example.com", true),
            ("*.example.com", "a.example.com", true),
            ("example.com.", "example.com", true),
            ("example.com", "nonexample.com", false),
            ("a.example.com", "example.com", false),
            ("*", "anything", true),
            ("other, *", "[::1]", true),
            ("a b\tc", "b", true),
            ("a,,b", "b", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.10", false),
            ("localhost", "127.0.0.1", false),
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "10.example", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "[::1]", false),
            ("192.168.1.128/25", "192.168.1.127", false),
            ("::1", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "[fe80::1]", false),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.0.0.0/x", "10.0.0.0", false),
            ("example.com:8080", "example.com", false), // curl knows no ports here either
            ("", "example.com", false),
        ] {
            assert_eq!(Exempt::new(list).covers(host), covered, "{list:?} {host}");
        }
    }
}
