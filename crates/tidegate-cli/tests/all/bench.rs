//! What a provider bears, measured against one that plays by a script.

use tidegate_testkit::provider::{Entry, Script, Server};

use crate::world::World;

const EMBED: [&str; 4] = ["bench", "provider", "--embed", "openai:text-embedding-3-small"];

fn provider(script: &str) -> Server {
    Server::start(Script::from_toml(script).unwrap()).unwrap()
}

fn base(server: &Server) -> String {
    format!("{}/v1", server.url())
}

fn most_busy(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.busy).max().unwrap_or(0)
}

#[test]
fn three_ways_send_the_same_texts_and_differ_in_how_many_at_once() {
    let world = World::new();
    let server = provider("latency = { base = { fixed = \"20ms\" } }");
    let base = base(&server);
    let args = ["--base-url", &base, "--calls", "24", "--concurrency", "8", "--json"];
    let told = world.run(&[&EMBED[..], &args].concat()).ended(0).json();
    for (at, name) in ["sequential", "threads", "async"].into_iter().enumerate() {
        let way = &told["ways"][at];
        assert_eq!((&way["way"], &way["ok"], &way["lost"]), (&name.into(), &24.into(), &0.into()), "{told}");
    }
    let entries = server.log().entries();
    let asked = |part: &[Entry]| {
        let mut texts: Vec<u64> = part.iter().map(|entry| entry.texts[0].hash).collect();
        texts.sort_unstable();
        texts
    };
    // An answer may be read a moment before the provider counts it as given.
    assert!(most_busy(&entries[..24]) <= 1, "one after the other");
    for at in [24, 48] {
        let part = &entries[at..at + 24];
        assert_eq!(asked(part), asked(&entries[..24]));
        assert!((2..=8).contains(&most_busy(part)), "{}", most_busy(part));
    }
    assert_eq!(entries.len(), 72);
}

#[test]
fn nothing_is_spent_unasked_and_never_more_than_allowed() {
    let world = World::new();
    let far = world.run(&[&EMBED[..], &["--base-url", "http://192.0.2.1/v1"]].concat()).ended(2);
    assert!(far.err.contains("600 calls") && far.err.contains("--yes"), "{}", far.err);
    let server = provider("");
    let base = base(&server);
    let args = ["--base-url", &base, "--calls", "50", "--concurrency", "4", "--max-tokens", "3000", "--json"];
    let told = world.run(&[&EMBED[..], &args].concat()).ended(4);
    assert!(told.json()["ways"][0]["stopped"].is_string());
    let spent: u64 =
        server.log().entries().iter().flat_map(|entry| &entry.texts).map(|text| text.tokens).sum();
    assert!(spent > 0 && spent <= 3_000, "{spent}");
}

#[test]
fn the_knee_and_what_the_service_tells_become_settings() {
    let world = World::new();
    let server = provider(
        "[[limits]]\nunit = \"requests\"\namount = 60000\n[[limits]]\nunit = \"concurrent\"\namount = 4\n",
    );
    let base = base(&server);
    let args = ["--base-url", &base, "--calls", "8", "--concurrency", "2", "--way", "async", "--knee"];
    let told = world.run(&[&EMBED[..], &args].concat()).ended(0);
    for part in
        ["AT ONCE", "at once", "[providers.openai]", "requests_per_minute = 60000", "concurrency = ", &base]
    {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    // What is recommended is a configuration.
    let snippet = &told.out[told.out.find("[providers.openai]").unwrap()..];
    world.write("p.toml", snippet);
    world.run(&["config", "--config", "p.toml"]).ended(0);
}

#[test]
fn answers_are_streamed_and_failures_are_told_by_kind() {
    let world = World::new();
    let server = provider(
        "latency = { per_piece = \"1ms\" }\n[[faults]]\nwhen = { at = [3] }\nact = { status = { code = 503 } }\n",
    );
    let base = base(&server);
    let args =
        ["bench", "provider", "--chat", "openai:gpt-4o-mini", "--base-url", &base, "--calls", "6", "--json"];
    let told = world.run(&[&args[..], &["--concurrency", "2", "--way", "async"]].concat()).ended(0).json();
    let way = &told["ways"][0];
    assert_eq!(
        (&way["ok"], &way["failures"]["503"], &way["retried"]),
        (&6.into(), &1.into(), &1.into()),
        "{told}"
    );
    assert!(way["first_text_ms"][0].as_f64() < way["p50_ms"].as_f64(), "{told}");
}

#[test]
fn a_key_that_is_refused_ends_the_bench_at_once() {
    let world = World::new();
    let server = provider("keys = [\"sk-right-0123456789\"]\n");
    let base = base(&server);
    let told = world.run(&[&EMBED[..], &["--base-url", &base, "--calls", "20"]].concat()).ended(2);
    assert!(told.err.contains("OPENAI_API_KEY"), "{}", told.err);
    assert_eq!(server.log().entries().len(), 1);
}

#[test]
fn one_load_can_be_put_on_a_provider_and_kept() {
    let world = World::new();
    let server = provider("[[poison]]\ntext = \"POISON\"\n");
    let base = base(&server);
    let model = EMBED[3];
    let args = ["debug", "calls", "--embed", model, "--base-url", &base, "--calls", "5", "--at-once", "2"];
    let more = ["--batch", "10", "--poison", "25", "--journal", "kept.db"];
    let first = world.run(&[&args[..], &more].concat()).ended(0).json();
    assert_eq!((&first["ok"], &first["lost"]), (&48.into(), &2.into()), "{first}");
    assert_eq!(first["lost_by"]["refused"], 2, "{first}");
    // What is kept is not asked for again, and what is refused is.
    let sent = server.log().entries().len();
    let again = world.run(&[&args[..], &more].concat()).ended(0).json();
    assert_eq!((&again["ok"], &again["lost"]), (&48.into(), &2.into()), "{again}");
    assert_eq!(server.log().entries().len(), sent + 2);
}
