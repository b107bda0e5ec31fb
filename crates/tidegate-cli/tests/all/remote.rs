//! Models of providers, against a provider that plays by a script.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tidegate_testkit::provider::{Script, Server, text_hash};

use crate::loopback::{Loopback, Request};
use crate::world::{Live, World, paragraph};

pub(crate) fn provider(script: &str) -> Server {
    Server::start(Script::from_toml(script).unwrap()).unwrap()
}

pub(crate) fn base(server: &Server) -> String {
    format!("{}/v1", server.url())
}

pub(crate) fn corpus(world: &World, documents: usize) {
    for at in 0..documents {
        world.write(&format!("docs/{at:03}.md"), paragraph(&format!("word{at}"), 60));
    }
}

fn index(world: &World, code: i32, server: &Server, more: &[&str]) -> Value {
    let base = base(server);
    let args = ["docs", "--embed", "openai:text-embedding-3-small", "--base-url", &base];
    world.index_to(code, &args.iter().chain(more).copied().collect::<Vec<_>>())
}

/// How often each text was asked for.
pub(crate) fn asked(server: &Server) -> BTreeMap<u64, usize> {
    let mut asked = BTreeMap::new();
    for text in server.log().entries().iter().flat_map(|entry| &entry.texts) {
        *asked.entry(text.hash).or_default() += 1;
    }
    asked
}

#[test]
fn a_folder_is_embedded_by_a_provider_once_and_found_by_meaning() {
    let world = World::new();
    corpus(&world, 40);
    let server = provider("");
    let report = index(&world, 0, &server, &[]);
    assert_eq!((&report["records"]["stored"], &report["embedded"]["texts"]), (&40.into(), &40.into()));
    assert_eq!(report["calls"]["sent"], server.log().entries().len());
    assert!(asked(&server).values().all(|times| *times == 1));
    // The second time nothing is asked at all.
    let sent = server.log().entries().len();
    let again = index(&world, 0, &server, &[]);
    assert_eq!((&again["records"]["unchanged"], &again["calls"]["sent"]), (&40.into(), &0.into()));
    assert_eq!(server.log().entries().len(), sent);
    // A search embeds its question with the same model, at the address that the store remembers; once.
    for _ in 0..2 {
        let hits = world.hits(&["--mode", "vector", "word7"]);
        assert!(!hits.is_empty());
    }
    assert_eq!(server.log().entries().len(), sent + 1);
    // Words need no provider.
    server.stop();
    assert_eq!(world.holders("word7"), ["docs/007.md"]);
}

#[test]
fn one_text_that_the_provider_refuses_costs_no_other() {
    let world = World::new();
    corpus(&world, 64);
    world.write("docs/bad.md", "A text with the word POISON in it.");
    let server = provider("[[poison]]\ntext = \"POISON\"\n");
    let report = index(&world, 3, &server, &[]);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&64.into(), &1.into()));
    assert_eq!(world.quarantine(), [("docs/bad.md".to_owned(), "embed".to_owned(), "refused".to_owned())]);
}

#[test]
fn vectors_of_two_models_are_never_mixed() {
    let world = World::new();
    corpus(&world, 3);
    world.index(&["docs"]);
    let server = provider("");
    let base = base(&server);
    let args = ["index", "docs", "--embed", "openai:text-embedding-3-small", "--base-url", &base];
    let refused = world.run(&args).ended(2);
    assert!(refused.err.contains("--regenerate"), "{}", refused.err);
    let elsewhere: Vec<&str> = args.iter().chain(&["--store", "new.db"]).copied().collect();
    world.run(&elsewhere).ended(0);
    let shorter: Vec<&str> = elsewhere.iter().chain(&["--dimensions", "256"]).copied().collect();
    world.run(&shorter).ended(2);
}

#[test]
fn shorter_vectors_are_asked_for_every_time() {
    let world = World::new();
    corpus(&world, 3);
    let server = provider("");
    let shorter = ["--dimensions", "16"];
    index(&world, 0, &server, &shorter);
    // The store knows vectors of this length by now.
    world.write("docs/new.md", paragraph("newword", 60));
    let report = index(&world, 0, &server, &shorter);
    assert_eq!((&report["records"]["stored"], &report["calls"]["sent"]), (&1.into(), &1.into()));
    assert!(!world.hits(&["--mode", "vector", "newword"]).is_empty());
}

#[test]
fn words_go_before_documents_and_questions_of_models_that_want_them() {
    let world = World::new();
    for word in ["amber", "basalt"] {
        world.write(&format!("docs/{word}.txt"), word);
    }
    let server = provider("");
    let e5 = ["--document-prefix", "passage: ", "--query-prefix", "query: "];
    index(&world, 0, &server, &e5);
    world.hits(&["--mode", "vector", "amber"]);
    let expected = ["passage: amber", "passage: basalt", "query: amber"];
    let hashes =
        |texts: &[&str]| texts.iter().map(|text| text_hash(text.as_bytes())).collect::<BTreeSet<_>>();
    assert_eq!(asked(&server).into_keys().collect::<BTreeSet<_>>(), hashes(&expected));
    // The same documents with other words before them, or none, are of another model: refused before anything is sent.
    let sent = server.log().entries().len();
    for other in [&["--document-prefix", "text: "][..], &[]] {
        let base = base(&server);
        let args = ["index", "docs", "--embed", "openai:text-embedding-3-small", "--base-url", &base];
        let refused = world.run(&[&args[..], other].concat()).ended(2);
        assert!(refused.err.contains("after \"passage: \""), "{}", refused.err);
    }
    assert_eq!(server.log().entries().len(), sent);
    // Other words before questions cost the questions alone.
    let report = index(&world, 0, &server, &["--document-prefix", "passage: ", "--query-prefix", "find: "]);
    assert_eq!((&report["records"]["unchanged"], &report["calls"]["sent"]), (&2.into(), &0.into()));
    world.hits(&["--mode", "vector", "amber"]);
    assert!(asked(&server).contains_key(&text_hash(b"find: amber")));
    // They belong to models of providers.
    let stages = ["parse", "chunk", "embed"].map(|kind| format!("[[stage]]\ntype = \"{kind}\"\n")).concat();
    world.write("own.toml", format!("{stages}query_prefix = \"query: \"\n"));
    let refused = world.run(&["config", "--effective", "--config", "own.toml"]).ended(2);
    assert!(refused.err.contains("own.toml:7:1"), "{}", refused.err);
}

#[test]
fn what_a_run_costs_is_told_by_the_users_own_prices() {
    let world = World::new();
    corpus(&world, 20);
    world.write("set/own.toml", "[[prices]]\nprovider = \"openai\"\nmodel = \"text-*\"\ninput = 1000\n");
    world.write("set/pipeline.toml", "[limits]\nprices = \"own.toml\"\n");
    let server = provider("");
    let report = index(&world, 0, &server, &["--config", "set/pipeline.toml"]);
    let (tokens, cost) = (&report["embedded"]["tokens"], &report["calls"]["cost"]);
    let (tokens, cost) = (tokens.as_f64().unwrap(), cost.as_f64().unwrap());
    assert!(tokens > 0.0 && (cost - tokens / 1e3).abs() < 1e-9, "{cost} for {tokens} tokens");
    // A question is paid by what applies now; the table of the run may be gone.
    world.write("set/own.toml", "");
    assert!(!world.hits(&["--mode", "vector", "word7", "--store", "set/tidegate.db"]).is_empty());
}

#[test]
fn a_budget_counts_in_the_users_own_prices() {
    let world = World::new();
    corpus(&world, 20);
    world.write("own.toml", "[[prices]]\nprovider = \"openai\"\nmodel = \"*\"\ninput = 1000000\n");
    let server = provider("");
    let base = base(&server);
    let args = ["index", "docs", "--embed", "openai:text-embedding-3-small", "--base-url", &base];
    let run = |prices: Option<&str>| {
        let mut command = world.command(&[&args[..], &["--budget", "0.5"]].concat());
        command.envs(prices.map(|path| ("TIDEGATE_PRICES", path)));
        Live::of(&mut command).end()
    };
    run(Some("own.toml")).ended(4);
    assert_eq!(server.log().entries().len(), 0);
    run(None).ended(0);
}

#[test]
fn a_table_of_prices_with_a_mistake_is_refused_with_its_line() {
    let world = World::new();
    let one = "[[prices]]\nprovider = \"a\"\nmodel = \"b\"\n";
    world.write("set/own.toml", format!("{one}input = 1\n{one}input = -2\n"));
    world.write("set/pipeline.toml", "[limits]\nprices = \"own.toml\"\n");
    let told = ["config", "--effective", "--config", "set/pipeline.toml"];
    let refused = world.run(&told).ended(2);
    assert!(refused.err.contains("set/pipeline.toml:2:1: set/own.toml:8:9"), "{}", refused.err);
    world.write("set/own.toml", format!("{one}input = 1\n"));
    let applies = world.run(&told).ended(0).out;
    let line = applies.lines().find(|line| line.starts_with("prices = ")).expect("it applies");
    assert!(line.starts_with("prices = \"set/own.toml\"") && line.contains("pipeline.toml:2"), "{line}");
    world.write("set/pipeline.toml", "[limits]\nprices = \"nowhere.toml\"\n");
    let missing = world.run(&told).ended(2);
    assert!(missing.err.contains("set/nowhere.toml cannot be read"), "{}", missing.err);
}

#[test]
fn an_answer_of_another_model_is_told_once_and_fails_nothing() {
    let world = World::new();
    corpus(&world, 40);
    let answer = |request: &Request| {
        let texts = request.json()["input"].as_array().expect("texts").len();
        let data: Vec<Value> = (0..texts).map(|at| json!({"index": at, "embedding": [0.6, 0.8]})).collect();
        // Dates, paths and files make no other model; a lighter one is another.
        let model = match request.json()["model"].as_str() {
            Some("routed-large") => "routed-small",
            _ => "/models/Thing-M-v15.gguf",
        };
        (200, json!({"data": data, "model": model, "usage": {"prompt_tokens": texts}}).to_string())
    };
    let service = Loopback::start(answer);
    let base = format!("{}/v1", service.url());
    let run = |model: &str, store: &str| {
        let embed = ["--embed", model, "--base-url", &base, "--store", store];
        let ran = world.run(&[&["index", "docs"][..], &embed].concat()).ended(0);
        let named = ran.err.matches("answered by").count();
        assert!(
            world.run(&[&["doctor"][..], &embed].concat()).ended(0).out.contains("answered by")
                == (named > 0)
        );
        (named, ran.err)
    };
    let (named, said) = run("own:routed-large", "a.db");
    assert!(named == 1 && said.contains("own/routed-large") && said.contains("routed-small"), "{said}");
    assert_eq!(run("own:someone/thing-m", "b.db").0, 0);
    // At Azure a deployment is called as its owner likes.
    let azure = format!("[providers.azure]\nbase_url = \"{base}\"\n");
    world.write("azure.toml", azure);
    let embed = ["--embed", "azure:routed-large", "--store", "c.db", "--config", "azure.toml"];
    let ran = world.run(&[&["index", "docs"][..], &embed].concat()).ended(0);
    assert!(!ran.err.contains("answered by"), "{}", ran.err);
}

#[test]
fn calls_go_through_the_proxy_that_the_environment_names() {
    let world = World::new();
    corpus(&world, 3);
    let server = provider("");
    let proxy = format!("http://user:canary@{}", server.addr());
    let run = |args: &[&str], base: &str, exempt: &str| {
        let embed = ["--embed", "openai:text-embedding-3-small", "--base-url", base];
        let mut command = world.command(&[args, &embed[..]].concat());
        command.env("http_proxy", &proxy).env("no_proxy", exempt);
        Live::of(&mut command).end()
    };
    // Nobody resolves this name: only what goes to the proxy, which here is the provider itself, arrives anywhere.
    let far = "http://models.invalid/v1";
    run(&["index", "docs"], far, "localhost").ended(0);
    assert!(!server.log().is_empty());
    let through = run(&["doctor"], far, "").ended(0);
    let line = through.out.lines().find(|line| line.contains("proxy")).expect("it is told");
    assert!(line.contains(&server.addr().to_string()) && line.contains("http_proxy"), "{line}");
    assert!(!through.out.contains("canary") && !through.err.contains("canary"));
    let without = run(&["doctor"], &base(&server), "127.0.0.0/8").ended(0);
    assert!(!without.out.contains("http_proxy"), "{}", without.out);
}

#[test]
fn a_key_that_is_missing_or_wrong_is_named_before_anything_is_begun() {
    let world = World::new();
    corpus(&world, 3);
    let missing = world.run(&["index", "docs", "--embed", "openai:text-embedding-3-small"]).ended(2);
    assert!(missing.err.contains("OPENAI_API_KEY"), "{}", missing.err);
    let server = provider("keys = [\"sk-right-0123456789\"]\n");
    let base = base(&server);
    let args = ["index", "docs", "--embed", "openai:text-embedding-3-small", "--base-url", &base];
    let mut command = world.command(&args);
    let wrong = command.env("OPENAI_API_KEY", "sk-canary-0123456789").output().unwrap();
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    assert!(said.contains("OPENAI_API_KEY") && !said.contains("canary"), "{said}");
    let right = world.command(&args).env("OPENAI_API_KEY", "sk-right-0123456789").status().unwrap();
    assert!(right.success());
    let nobody = world.run(&["index", "docs", "--embed", "nobody:model"]).ended(2);
    assert!(nobody.err.contains("nobody"), "{}", nobody.err);
}

#[test]
fn a_run_stops_before_it_spends_more_than_it_may() {
    let world = World::new();
    corpus(&world, 200);
    // It must not count more tokens than were reserved: what the first call takes is known when it is over.
    let server = provider("[tokens]\nbytes_per_token = 8.0\n");
    let report = index(&world, 4, &server, &["--max-tokens", "3000"]);
    let spent = report["calls"]["tokens"].as_u64().unwrap();
    // The scripted provider has a way of its own to count: the last call may come out a little larger than it was thought.
    assert!(spent > 0 && spent <= 3_300, "{report}");
    assert!(report["records"]["stored"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["records"]["quarantined"], 0);
    // What is done is kept, and paid once.
    index(&world, 0, &server, &[]);
    assert!(asked(&server).values().all(|times| *times == 1));
}

#[test]
fn a_report_names_the_limit_that_bound_the_run() {
    let world = World::new();
    corpus(&world, 600);
    let server = provider("[[limits]]\nunit = \"requests\"\namount = 240\n");
    let report = index(&world, 0, &server, &[]);
    assert_eq!(report["calls"]["rate_limited"], 0, "{report}");
    assert_eq!(report["lanes"][0]["binding"], "the limit of 240 requests a minute", "{report}");
    assert_eq!(report["bottleneck"], "embed");
}

#[test]
fn a_doctor_finds_what_is_there_and_what_is_not() {
    let world = World::new();
    let server = provider("models = [\"text-embedding-3-small\", \"gpt-4o-mini\"]");
    let base = base(&server);
    let ok = [
        "doctor",
        "--embed",
        "openai:text-embedding-3-small",
        "--model",
        "openai:gpt-4o-mini",
        "--base-url",
        &base,
    ];
    let told = world.run(&ok).ended(0);
    assert!(told.out.contains("1536") && told.out.contains("answered in"), "{}", told.out);
    let wrong =
        world.run(&["doctor", "--embed", "openai:text-embedding-3-smal", "--base-url", &base]).ended(2);
    assert!(wrong.out.contains("the service has text-embedding-3-small, gpt-4o-mini"), "{}", wrong.out);
    world.write("docs/a.md", "# Tides\n\nThe moon raises two bulges of water.");
    world.run(&["index", "docs", "--embed", "openai:text-embedding-3-small", "--base-url", &base]).ended(0);
    let stored = world.run(&["doctor"]).ended(0);
    assert!(stored.out.contains("embed openai:text-embedding-3-small"), "{}", stored.out);
    server.stop();
    let gone =
        world.run(&["doctor", "--embed", "openai:text-embedding-3-small", "--base-url", &base, "--json"]);
    let told = gone.ended(75).json();
    assert_eq!(told[1]["ok"], false);
    let alone = World::new().run(&["doctor"]).ended(0);
    assert!(alone.out.contains("on this machine"), "{}", alone.out);
}
