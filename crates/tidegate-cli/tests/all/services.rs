//! Providers that fail, lie and go away in the middle of a run, and networks that break: nothing is lost, nothing
//! wrong is stored, nothing that was paid for is paid again.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tidegate_testkit::provider::{Entry, Log, Script, Server};
use tidegate_testkit::proxy::{Link, Proxy, ProxyScript, Rule, Way};

use crate::remote::{asked, base, corpus, provider};
use crate::world::{Live, Ran, World, paragraph, until};

const MODEL: &str = "openai:text-embedding-3-small";
const CANARY: &str = "sk-canary-7f3b9d2e5a81";

/// One text a call, so that a few documents make many calls.
const SINGLE: &str = "\
[[stage]]
type = \"parse\"
[[stage]]
type = \"chunk\"
[[stage]]
type = \"embed\"
batch = 1
dimensions = 8
[providers.openai]
concurrency = 4
";

fn world(documents: usize) -> World {
    let world = World::new();
    corpus(&world, documents);
    world.write("single.toml", SINGLE);
    world
}

fn command(world: &World, at: &str, more: &[&str]) -> Command {
    let args = ["index", "docs", "--json", "--config", "single.toml", "--embed", MODEL, "--base-url", at];
    let mut command = world.command(&[&args[..], more].concat());
    command.env("OPENAI_API_KEY", CANARY);
    command
}

fn index(world: &World, server: &Server, more: &[&str]) -> Ran {
    Live::of(&mut command(world, &base(server), more)).end()
}

/// How many texts were answered in full more than once, over all providers of a test.
fn paid_twice(servers: &[&Server]) -> usize {
    let mut paid: Vec<u64> = Vec::new();
    for server in servers {
        let whole = |entry: &&Entry| entry.answered.as_ref().is_some_and(|answered| answered.whole);
        let entries = server.log().entries();
        paid.extend(entries.iter().filter(whole).flat_map(|entry| &entry.texts).map(|text| text.hash));
    }
    let all = paid.len();
    paid.sort_unstable();
    paid.dedup();
    all - paid.len()
}

fn records(ran: &Ran) -> Value {
    ran.json()["records"].clone()
}

/// Plays the same scene with each of these at once: most of each is waiting.
fn each<'a>(cases: &[&'a str], play: impl Fn(&'a str) + Sync) {
    std::thread::scope(|scope| cases.iter().for_each(|case| drop(scope.spawn(|| play(case)))));
}

#[test]
fn answers_that_are_none_are_asked_for_again() {
    let acts = [
        ("html", "\"html\""),
        ("empty", "\"empty\""),
        ("truncated", "{ truncated = { keep = 0.5 } }"),
        ("gigabyte", "{ gigabyte = {} }"),
        ("gzip_bomb", "{ gzip_bomb = {} }"),
        ("wrong_count", "{ wrong_count = { by = -1 } }"),
        ("wrong_dimensions", "{ wrong_dimensions = { to = 7 } }"),
        ("nan", "\"nan\""),
        ("null", "\"null\""),
        ("error_in_ok", "\"error_in_ok\""),
        ("wrong_length", "{ wrong_length = { by = 5 } }"),
    ];
    let world = world(90);
    let fault = |(at, (_, act)): (usize, &(&str, &str))| {
        format!("[[faults]]\nwhen = {{ at = [{}] }}\nact = {act}\n", 7 * at + 7)
    };
    let server = provider(&acts.iter().enumerate().map(fault).collect::<String>());
    let ran = index(&world, &server, &[]).ended(0);
    assert_eq!(records(&ran)["stored"], 90, "{}", ran.out);
    let entries = server.log().entries();
    for (act, _) in acts {
        let played = |entry: &&Entry| entry.answered.as_ref().is_some_and(|answered| answered.verdict == act);
        assert_eq!(entries.iter().filter(played).count(), 1, "{act}");
    }
    assert_eq!((paid_twice(&[&server]), entries.len()), (0, 90 + acts.len()));
}

#[test]
fn answers_that_are_always_wrong_are_never_stored() {
    let cases = [
        "\"html\"",
        "{ gigabyte = {} }",
        "{ wrong_count = { by = -1 } }",
        "{ wrong_dimensions = { to = 7 } }",
        "\"nan\"",
    ];
    each(&cases, |act| {
        let world = world(3);
        let server = provider(&format!("[[faults]]\nact = {act}\n"));
        let ran = index(&world, &server, &["--max-hold", "300ms"]);
        assert!(matches!(ran.code(), Some(3 | 75)), "{act}: {:?} {}", ran.code(), ran.err);
        assert_eq!(records(&ran)["stored"], 0, "{act}: {}", ran.out);
        let healed = provider("");
        let aside = records(&ran)["quarantined"].as_u64().unwrap();
        let rest = records(&index(&world, &healed, &[]));
        assert!(rest["stored"].as_u64().unwrap() + aside >= 3, "{act}: {rest}");
    });
}

#[test]
fn headers_that_lie_stop_nobody() {
    each(&["drained", "reset_in_past", "no_reset", "plenty", "nonsense"], |lie| {
        let world = world(12);
        let server = provider(&format!(
            "[[faults]]\nwhen = {{ at = [4] }}\nact = {{ lying_headers = {{ lie = \"{lie}\" }} }}\n"
        ));
        let ran = index(&world, &server, &[]).ended(0);
        assert_eq!((&records(&ran)["stored"], server.log().len()), (&12.into(), 12), "{lie}");
    });
}

#[test]
fn every_way_to_ask_for_patience_is_understood() {
    let hints = [
        "usual",
        "none",
        "seconds",
        "fractional_seconds",
        "milliseconds",
        "http_date",
        "past_http_date",
        "negative",
        "infinite",
        "huge",
        "reset_go_duration",
        "reset_unix",
        "reset_rfc3339",
        "retry_info",
        "message_text",
        "azure_text",
    ];
    each(&hints, |hint| {
        let world = world(12);
        let server = provider(&format!(
            "[[faults]]\nwhen = {{ at = [5] }}\nact = {{ too_many = {{ hint = \"{hint}\", wait = \"50ms\" }} }}\n"
        ));
        // Who asks for thirty years is asked again when the run has waited as long as it may.
        let ran = index(&world, &server, &["--max-hold", "1s"]).ended(0);
        assert_eq!((&records(&ran)["stored"], server.log().len()), (&12.into(), 13), "{hint}: {}", ran.out);
    });
}

#[test]
fn a_quota_that_runs_out_stops_the_run_and_the_rest_is_paid_later() {
    let world = world(40);
    let server = provider("[[faults]]\nwhen = { after = 15 }\nact = \"insufficient_quota\"\n");
    let ran = index(&world, &server, &[]);
    let ran = ran.ended(75);
    let first = records(&ran);
    assert_eq!(first["quarantined"], 0);
    assert!(first["stored"].as_u64().unwrap() > 0 && first["pending"].as_u64().unwrap() > 0, "{first}");
    assert!(ran.err.contains("quota"), "{}", ran.err);
    let healed = provider("");
    let second = records(&index(&world, &healed, &[]).ended(0));
    assert_eq!(second["quarantined"], 0);
    assert_eq!(second["unchanged"], first["stored"]);
    assert_eq!(paid_twice(&[&server, &healed]), 0);
    assert!(healed.log().len() <= 25, "{}", healed.log().len());
}

#[test]
fn a_key_that_stops_working_stops_the_run_with_its_reason() {
    let world = world(40);
    let server = provider("[[faults]]\nwhen = { after = 15 }\nact = \"wrong_key\"\n");
    let ran = index(&world, &server, &[]);
    let ran = ran.ended(75).says("OPENAI_API_KEY");
    assert_eq!(records(&ran)["quarantined"], 0);
    let healed = provider("");
    index(&world, &healed, &[]).ended(0);
    assert_eq!(paid_twice(&[&server, &healed]), 0);
}

#[test]
fn an_outage_is_waited_out_with_few_calls() {
    let world = world(120);
    // On a machine that is very busy an answer may be so late that another is sent for beside it.
    world.write("single.toml", format!("{SINGLE}hedge = \"off\"\n"));
    let server = provider(
        "latency = { base = { fixed = \"15ms\" } }\n[[outages]]\nfrom = \"300ms\"\nto = \"1200ms\"\n",
    );
    let ran = index(&world, &server, &[]);
    let entries = server.log().entries();
    let during =
        entries.iter().filter(|entry| entry.answered.as_ref().is_some_and(|it| it.status == 503)).count();
    let ran = ran.ended(0);
    assert_eq!((&records(&ran)["stored"], &records(&ran)["quarantined"]), (&120.into(), &0.into()));
    assert!(during <= 20, "{during} calls during the outage");
    assert_eq!(paid_twice(&[&server]), 0);
}

/// Every byte below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes_below(&path) } else { std::fs::read(&path).unwrap() });
    }
    all
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn a_key_is_in_no_byte_that_is_written() {
    let world = world(20);
    let log = Log::with_file(&world.path("provider.jsonl")).unwrap();
    let script = format!(
        "keys = [\"{CANARY}\"]\n\
         [[faults]]\nwhen = {{ at = [3, 4, 5] }}\nact = {{ status = {{ code = 500 }} }}\n\
         [[faults]]\nwhen = {{ at = [7] }}\nact = \"html\"\n\
         [[faults]]\nwhen = {{ at = [9] }}\nact = {{ reset_mid_body = {{}} }}\n\
         [[faults]]\nwhen = {{ after = 18 }}\nact = \"wrong_key\"\n"
    );
    let script = Script::from_toml(&script).unwrap();
    let server = Server::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script, log).unwrap();
    let mut said = String::new();
    for more in [&["-vv"][..], &["-vv", "--max-hold", "1s"]] {
        let ran = index(&world, &server, more);
        said.push_str(&ran.out);
        said.push_str(&ran.err);
    }
    let asking = |words: &[&str]| {
        let mut command = world.command(words);
        let ran = Live::of(command.env("OPENAI_API_KEY", CANARY)).end();
        format!("{}{}", ran.out, ran.err)
    };
    let at = base(&server);
    said.push_str(&asking(&["config", "--effective", "--config", "single.toml"]));
    said.push_str(&asking(&["doctor", "-vv", "--embed", MODEL, "--base-url", &at]));
    said.push_str(&asking(&["search", "-vv", "word3"]));
    said.push_str(&asking(&["status", "--json"]));
    assert!(said.contains("call failed") && said.contains("OPENAI_API_KEY"), "{said}");
    assert!(!holds(said.as_bytes(), &CANARY[3..]), "{said}");
    let written = bytes_below(world.root());
    assert!(holds(&written, "text-embedding-3-small"), "the store and the log were looked at");
    assert!(!holds(&written, &CANARY[3..]), "a file holds the key");
}

#[test]
fn a_run_that_is_asked_to_stop_ends_soon_and_the_next_pays_the_rest() {
    let world = world(60);
    // A drain finishes what was begun, which would be all of so few documents.
    world.write("single.toml", format!("{SINGLE}[limits]\nin_flight = 8\n"));
    let server = provider("latency = { base = { fixed = \"150ms\" } }\n");
    let mut live = Live::of(&mut command(&world, &base(&server), &[]));
    until("some calls", || (server.log().len() > 6).then_some(()));
    let asked_at = Instant::now();
    live.signal(Signal::TERM);
    let ran = live.end();
    let ran = ran.ended(75);
    assert!(asked_at.elapsed() < Duration::from_secs(5), "{:?}", asked_at.elapsed());
    let healed = provider("");
    let second = records(&index(&world, &healed, &[]).ended(0));
    assert_eq!(second["unchanged"], records(&ran)["stored"]);
    assert_eq!(paid_twice(&[&server, &healed]), 0);
    assert!(server.log().len() < 60);
}

#[test]
fn two_runs_at_once_share_a_store_and_a_provider() {
    let world = world(40);
    for at in 0..40 {
        world.write(&format!("more/{at:03}.md"), paragraph(&format!("more{at}"), 60));
    }
    let server = provider("latency = { base = { fixed = \"10ms\" } }\n");
    let at = base(&server);
    let other = |name: &str, folder: &str| {
        let args = [
            "index",
            folder,
            "--json",
            "--name",
            name,
            "--config",
            "single.toml",
            "--embed",
            MODEL,
            "--base-url",
            &at,
        ];
        Live::of(&mut world.command(&args))
    };
    let (one, two) = (other("one", "docs"), other("two", "more"));
    for ran in [one.end(), two.end()] {
        assert_eq!(records(&ran.ended(0))["stored"], 40);
    }
    assert!(asked(&server).values().all(|times| *times == 1));
    let sent = server.log().len();
    for (name, folder) in [("one", "docs"), ("two", "more")] {
        assert_eq!(records(&other(name, folder).end().ended(0))["unchanged"], 40);
    }
    assert_eq!((server.log().len(), sent), (80, 80));
}

#[test]
fn a_network_that_breaks_anywhere_costs_no_record() {
    let world = world(40);
    let server = provider("");
    let proxy = Proxy::start(server.addr(), ProxyScript::default()).unwrap();
    let mut rules = Vec::new();
    for number in 1..=16_u64 {
        let bytes = Some(number * 397 % 2_500);
        let way = match number % 3 {
            0 => Way { close_after: bytes, ..Way::default() },
            _ => Way { reset_after: bytes, ..Way::default() },
        };
        let link = match number % 5 {
            0 => Link { refuse: true, ..Link::default() },
            1 | 2 => Link { to_server: way, ..Link::default() },
            _ => Link { to_client: way, ..Link::default() },
        };
        rules.push(Rule { at: vec![number], link, ..Rule::default() });
    }
    proxy.set(ProxyScript { rules, ..ProxyScript::default() });
    let at = format!("http://{}/v1", proxy.addr());
    let ran = Live::of(&mut command(&world, &at, &[])).end();
    let ran = ran.ended(0);
    assert_eq!((&records(&ran)["stored"], &records(&ran)["quarantined"]), (&40.into(), &0.into()));
    assert!(proxy.connections() > 10, "hardly anything was broken");
    let again = records(&index(&world, &server, &[]).ended(0));
    assert_eq!(again["unchanged"], 40);
}
