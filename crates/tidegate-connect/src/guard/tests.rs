use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use tidegate_call::{Http, HttpSettings, Resolve};
use tidegate_core::{FaultKind, HttpRequest, Transport as _, WireFault, WireFaultKind};

use super::*;
use crate::tests::doubles::block_on;

const OPEN: Policy = Policy { private: true, any_port: true };

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn only_public_addresses_are_public() {
    for address in [
        "1.1.1.1",
        "93.184.216.34",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:200::1",
        "2001:4860::8888",
    ] {
        assert_eq!(reach(ip(address)), Reach::Public, "{address}");
    }
    for address in [
        "127.0.0.1",
        "127.255.1.2",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "::1",
        "fc00::1",
        "fdff::1",
    ] {
        assert!(matches!(reach(ip(address)), Reach::Private(_)), "{address}");
    }
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::ffff:1.1.1.1",
        "::ffff:127.0.0.1",
        "::1.1.1.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:a00:1::",
        "3fff::1",
        "5f00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(matches!(reach(ip(address)), Reach::Never(_)), "{address}");
    }
}

#[test]
fn urls_take_one_form() {
    for (typed, read) in [
        ("http://example.org", "http://example.org/"),
        ("HTTPS://EXAMPLE.org:443/A?b#c", "https://example.org/A?b"),
        ("https://example.org/a b/größe?q=ü|x", "https://example.org/a%20b/gr%C3%B6%C3%9Fe?q=%C3%BC%7Cx"),
        (" http://example.org?x=1 ", "http://example.org/?x=1"),
        ("http://1.1.1.1/", "http://1.1.1.1/"),
        ("http://[2606:4700::1111]/", "http://[2606:4700::1111]/"),
        ("http://a_b.example.org/%41", "http://a_b.example.org/%41"),
        ("http://example.org/#a", "http://example.org/"),
        ("http://example.org/a?b=http://x@y/", "http://example.org/a?b=http://x@y/"),
    ] {
        let url = Url::parse(typed, Policy::default()).unwrap_or_else(|fault| panic!("{typed}: {fault}"));
        assert_eq!(url.as_str(), read);
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for typed in [
        "",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http:/example.org",
        "http:example.org",
        "http://",
        "http:///a",
        "http://?a",
        "http://user@example.org/",
        "http://a:b@example.org/",
        "http://@example.org/",
        "http://example.org\\@evil.org/",
        "http:\\\\example.org",
        "http://example.org/a\\b",
        "http://exam\nple.org/",
        "http://example.org/\u{0}",
        "http://example.org/\u{7f}",
        "http://example.org:/",
        "http://example.org:080/",
        "http://example.org:99999/",
        "http://example.org:8a/",
        "http://example.org:+80/",
        "http://.example.org/",
        "http://example.org./",
        "http://exa..mple.org/",
        "http://-a.org/",
        "http://a-.org/",
        "http://größe.de/",
        "http://ex%61mple.org/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://1.1.1.1.1/",
        "http://256.1.1.1/",
        "http://01.1.1.1/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[::ffff:127.0.0.1%25eth0]/",
        "http://[2606:4700:0::1111]/",
        "http://[2606:4700::0:1111]/",
        "http://[v1.a]/",
        "http://exa mple.org/",
        "http://example.org,evil.org/",
        "http://example.org;a/",
        "http://ex\u{3002}org/",
    ] {
        let fault = Url::parse(typed, OPEN).expect_err(typed);
        assert_eq!(fault.kind(), FaultKind::Malformed, "{typed}");
        assert!(fault.hint_text().is_some(), "{typed}");
    }
    assert!(Url::parse(&format!("http://a/{}", "x".repeat(9_000)), OPEN).is_err());
}

#[test]
fn addresses_and_ports_need_leave() {
    let any_port = Policy { any_port: true, ..Policy::default() };
    for (typed, policy, ok) in [
        ("http://127.0.0.1/", Policy::default(), false),
        ("http://127.0.0.1/", any_port, false),
        ("http://127.0.0.1:9/", OPEN, true),
        ("http://10.1.2.3/", Policy { private: true, any_port: false }, true),
        ("http://169.254.169.254/latest/meta-data/", OPEN, false),
        ("http://[::1]:80/", Policy::default(), false),
        ("http://[fe80::1]/", OPEN, false),
        ("http://[::ffff:7f00:1]/", OPEN, false),
        ("http://0.0.0.0/", OPEN, false),
        ("http://example.org:8080/", Policy::default(), false),
        ("http://example.org:8080/", any_port, true),
        ("http://example.org:443/", Policy::default(), true),
    ] {
        match Url::parse(typed, policy) {
            Ok(_) => assert!(ok, "{typed}"),
            // The usual form of a mapped address is another one, which is refused sooner.
            Err(fault) => assert!(!ok && fault.kind() != FaultKind::Internal, "{typed}: {fault}"),
        }
    }
}

#[test]
fn redirects_lead_where_they_say() {
    let base = Url::parse("https://example.org/a/b/c?q=1", Policy::default()).unwrap();
    for (reference, leads) in [
        ("https://other.org/x", Some("https://other.org/x")),
        ("//other.org/x", Some("https://other.org/x")),
        ("/x/../y/./z", Some("https://example.org/y/z")),
        ("x", Some("https://example.org/a/b/x")),
        ("../x?y=../z", Some("https://example.org/a/x?y=../z")),
        ("../../../../x", Some("https://example.org/x")),
        ("./", Some("https://example.org/a/b/")),
        ("..", Some("https://example.org/a/")),
        ("?r=2", Some("https://example.org/a/b/c?r=2")),
        ("#top", Some("https://example.org/a/b/c?q=1")),
        ("http://127.0.0.1/", None),
        ("//10.0.0.1/", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("\\\\evil.org/", None),
        ("//user@evil.org/", None),
    ] {
        let url = base.join(reference, Policy::default()).ok();
        assert_eq!(url.as_ref().map(Url::as_str), leads, "{reference}");
    }
    let other = base.join("http://example.org/", Policy::default()).unwrap();
    assert!(!base.same_origin(&other) && base.same_origin(&base.join("/", Policy::default()).unwrap()));
}

#[test]
fn a_shown_url_has_no_query() {
    let url = Url::parse("https://example.org/a?token=canary", Policy::default()).unwrap();
    assert_eq!(
        (format!("{url}"), format!("{url:?}")),
        ("https://example.org/a".into(), "https://example.org/a".into())
    );
}

/// Answers with one address after the other, whatever it is asked.
struct Rebinding {
    addresses: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Rebinding {
    fn new(addresses: &[&[&str]]) -> Arc<Self> {
        let addresses = addresses.iter().map(|these| these.iter().map(|text| ip(text)).collect()).collect();
        Arc::new(Self { addresses, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolve for Rebinding {
    async fn resolve(&self, _: &str, port: u16) -> Result<Vec<SocketAddr>, WireFault> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.addresses.len() - 1);
        Ok(self.addresses[at].iter().map(|address| SocketAddr::new(*address, port)).collect())
    }
}

#[test]
fn one_private_address_among_public_ones_is_enough() {
    for (addresses, private, ok) in [
        (&["1.1.1.1", "2606:4700::1111"][..], false, true),
        (&["1.1.1.1", "127.0.0.1"], false, false),
        (&["1.1.1.1", "127.0.0.1"], true, true),
        (&["10.0.0.1", "169.254.169.254"], true, false),
        (&["::ffff:1.1.1.1"], true, false),
        (&[], false, true),
    ] {
        let policy = Policy { private, any_port: false };
        let names = GuardedNames::new(Rebinding::new(&[addresses]), policy);
        let found = block_on(names.resolve("example.org", 443));
        match found {
            Ok(found) => assert!(ok && found.len() == addresses.len(), "{addresses:?}"),
            Err(fault) => assert!(!ok && fault.kind == WireFaultKind::Forbidden, "{addresses:?}: {fault:?}"),
        }
    }
}

fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: http::Method::GET,
        url: url.to_owned(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
    }
}

#[test]
fn a_name_that_moves_home_after_it_was_looked_at_is_not_followed() {
    // A listener on loopback, which a rebinding name would lead to at the second look.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let names = Rebinding::new(&[&["1.1.1.1"], &["127.0.0.1"]]);
    let policy = Policy { private: false, any_port: true };
    let guarded = GuardedNames::new(names.clone(), policy);
    assert!(block_on(guarded.resolve("rebind.example", port)).is_ok());
    let http = Http::resolving(HttpSettings::default(), Arc::new(guarded));
    let sent = block_on(async { http.send(get(&format!("http://rebind.example:{port}/"))).await });
    assert_eq!(sent.map(|_| ()).unwrap_err().kind, WireFaultKind::Forbidden);
    assert_eq!(names.asked.load(Ordering::SeqCst), 2);
    assert!(listener.accept().is_err(), "nobody may have connected");
}

/// Pieces from which URLs that mean mischief are made.
fn piece() -> impl Strategy<Value = String> {
    const PIECES: [&str; 52] = [
        "http://",
        "https://",
        "HTTP://",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "?",
        "#",
        "[",
        "]",
        "%",
        "%00",
        "%2f",
        "%40",
        ".",
        "..",
        "0",
        "0x7f",
        "0177",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
        "1.1.1.1",
        "2606:4700::1111",
        "example.org",
        "localhost",
        "xn--a",
        "80",
        "443",
        "8080",
        "65536",
        "user",
        "\t",
        "\n",
        "\0",
        " ",
        "é",
        "。",
        "①",
        "a",
        "-",
        "_",
    ];
    prop_oneof![9 => (0..PIECES.len()).prop_map(|at| PIECES[at].to_owned()), 1 => ".{0,6}".prop_map(|text| text)]
}

/// The loop is by hand because 100,000 cases through the shrinking machinery take a minute.
#[test]
fn no_url_leads_to_an_address_that_is_not_public() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let start = prop_oneof![Just("http://"), Just("https://"), Just("")];
    let urls = (start, prop::collection::vec(piece(), 1..7));
    let addresses = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()))
    ];
    let (mut read, mut admitted) = (0, 0);
    for _ in 0..100_000 {
        let (start, pieces) = urls.new_tree(&mut runner).unwrap().current();
        let text = start.to_owned() + &pieces.concat();
        let Ok(url) = Url::parse(&text, Policy::default()) else { continue };
        read += 1;
        // What connects takes the URL apart for itself; a name may lead anywhere.
        let uri = http::Uri::try_from(url.as_str()).unwrap();
        let host = uri.host().unwrap();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let leads = bare.parse().unwrap_or_else(|_| addresses.new_tree(&mut runner).unwrap().current());
        let names = GuardedNames::new(
            Arc::new(Rebinding { addresses: vec![vec![leads]], asked: AtomicUsize::new(0) }),
            Policy::default(),
        );
        let port = uri.port_u16().unwrap_or(if url.is_encrypted() { 443 } else { 80 });
        for connected in futures_of(&names, host, port).unwrap_or_default() {
            admitted += 1;
            assert_eq!(reach(connected.ip()), Reach::Public, "{text:?} connected to {connected}");
            assert!(matches!(connected.port(), 80 | 443), "{text:?} connected to {connected}");
        }
        // Reading it again changes nothing.
        assert_eq!(Url::parse(url.as_str(), Policy::default()).unwrap(), url);
    }
    assert!(read > 2_000 && admitted > 1_000, "{read} of the urls were read, {admitted} led somewhere");
}

/// What the guard gives; it never waits where its names do not.
fn futures_of(names: &GuardedNames, host: &str, port: u16) -> Result<Vec<SocketAddr>, WireFault> {
    use std::task::{Context, Poll, Waker};
    let mut asked = names.resolve(host, port);
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => found,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

proptest! {
    #[test]
    fn joining_is_never_a_way_around_the_guard(pieces in prop::collection::vec(piece(), 0..6)) {
        let base = Url::parse("https://example.org/a/b", Policy::default()).unwrap();
        if let Ok(url) = base.join(&pieces.concat(), Policy::default()) {
            prop_assert_eq!(Url::parse(url.as_str(), Policy::default()).unwrap(), url);
        }
    }

    #[test]
    fn no_address_that_embeds_a_private_one_is_public(bits in any::<u32>()) {
        let [a, b, c, d] = bits.to_be_bytes();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        for address in [format!("::ffff:{a}.{b}.{c}.{d}"), format!("::{high:x}:{low:x}"),
            format!("64:ff9b::{high:x}:{low:x}"), format!("2002:{high:x}:{low:x}::1"), format!("64:ff9b:1::{high:x}:{low:x}")]
        {
            prop_assert!(reach(ip(&address)) != Reach::Public, "{}", address);
        }
    }
}
