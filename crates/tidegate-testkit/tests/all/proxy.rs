//! The proxy between a client and a real server.

use std::time::{Duration, Instant};

use tidegate_testkit::provider::{Script, Server, Span};
use tidegate_testkit::proxy::{Link, Proxy, ProxyScript, Rule, Way};

use crate::client::{Broken, Client, ask, ask_in_vain};

const BODY: &str = r#"{"model":"m","input":["hello"]}"#;
const LINE: &str = "POST /v1/embeddings";

fn through(link: Link) -> (Server, Proxy) {
    let server = Server::start(Script::default()).unwrap();
    let proxy = Proxy::start(server.addr(), ProxyScript::all(link)).unwrap();
    (server, proxy)
}

fn to_client(way: Way) -> Link {
    Link { to_client: way, ..Link::default() }
}

#[test]
fn the_empty_script_changes_nothing() {
    let (server, proxy) = through(Link::default());
    let mut client = Client::connect(proxy.addr());
    let direct = ask(server.addr(), LINE, &[], BODY).unwrap();
    for _ in 0..3 {
        assert_eq!(client.ask(LINE, &[], BODY).unwrap().body, direct.body);
    }
    let (up, down) = proxy.passed();
    assert!(proxy.connections() == 1 && up > 200 && down > 3 * direct.body.len() as u64);
}

#[test]
fn connections_end_where_the_script_says() {
    for (link, fate) in [
        (Link { refuse: true, ..Link::default() }, Broken::Reset),
        (to_client(Way { reset_after: Some(100), ..Way::default() }), Broken::Reset),
        (to_client(Way { stall_after: Some(100), ..Way::default() }), Broken::Silent),
        (to_client(Way { close_after: Some(10), ..Way::default() }), Broken::Closed),
        (
            Link { to_server: Way { stall_after: Some(10), ..Way::default() }, ..Link::default() },
            Broken::Silent,
        ),
    ] {
        let (_server, proxy) = through(link.clone());
        let ask = if fate == Broken::Silent {
            ask_in_vain
        } else {
            |addr, line: &str, body: &str| ask(addr, line, &[], body)
        };
        assert_eq!(ask(proxy.addr(), LINE, BODY), Err(fate), "{link:?}");
    }
}

#[test]
fn bytes_are_late_and_slow_where_the_script_says() {
    let way = Way { latency: Span::from_millis(60), bytes_per_second: Some(200_000), ..Way::default() };
    let (_server, proxy) = through(to_client(way));
    let begun = Instant::now();
    let reply = ask(proxy.addr(), LINE, &[], BODY).unwrap();
    // The last slice, a fiftieth of a second's worth, need not be waited for.
    let least = Duration::from_millis(40) + Duration::from_secs_f64(reply.body.len() as f64 / 200_000.0);
    assert!(reply.complete && begun.elapsed() >= least, "{:?} < {least:?}", begun.elapsed());
}

#[test]
fn rules_name_connections_and_all_can_be_reset_at_once() {
    let (_server, proxy) = through(Link::default());
    let refuse = Link { refuse: true, ..Link::default() };
    let rules = vec![Rule { at: vec![2], every: None, link: refuse }];
    proxy.set(ProxyScript { rules, ..ProxyScript::default() });
    let mut first = Client::connect(proxy.addr());
    assert!(first.ask(LINE, &[], BODY).is_ok());
    assert_eq!(ask(proxy.addr(), LINE, &[], BODY), Err(Broken::Reset));
    assert!(ask(proxy.addr(), LINE, &[], BODY).is_ok());
    proxy.reset_all();
    assert_eq!(first.read(), Err(Broken::Reset));
}

#[test]
fn a_script_reads_from_toml() {
    let text = "usual = { to_client = { latency = '5ms' } }\n[[rules]]\nevery = 3\nlink = { refuse = true }";
    let script = ProxyScript::from_toml(text).unwrap();
    assert!(script.link(3).refuse && script.link(4).to_client.latency == Span::from_millis(5));
    assert!(ProxyScript::from_toml("usual = { delay = '5ms' }").unwrap_err().contains("delay"));
}
