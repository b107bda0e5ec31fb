//! A change of embedder or chunking is built beside what answers searches, and switched to at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use serde_json::Value;
use tidegate::{Index, Mode, SearchOptions};
use tidegate_testkit::provider::Server;

use crate::local_models::place;
use crate::remote::{asked, base, corpus, provider};
use crate::world::{World, paragraph, until};

const MODEL: &str = "openai:text-embedding-3-small";

/// The generations: number and state.
fn generations(world: &World) -> Vec<(i64, String)> {
    let list = world.run(&["generations", "list", "--json"]).ended(0).json();
    let one = |row: &Value| (row["id"].as_i64().unwrap(), row["state"].as_str().unwrap().to_owned());
    list.as_array().unwrap().iter().map(one).collect()
}

fn states(world: &World) -> Vec<String> {
    generations(world).into_iter().map(|(_, state)| state).collect()
}

/// Texts embedded in all runs of a regeneration.
fn embedded(shape: &Value) -> u64 {
    shape["runs"].as_array().unwrap().iter().map(|run| run["embedded"]["texts"].as_u64().unwrap()).sum()
}

/// Vectors of a model that were paid for.
fn paid(world: &World, model: &str) -> u64 {
    let stats = world.run(&["journal", "stats", "--json"]).ended(0).json();
    let rows = stats["vectors"].as_array().unwrap();
    let of = |row: &&Value| row["model"].as_str().unwrap().contains(model);
    rows.iter().find(of).map_or(0, |row| row["entries"].as_u64().unwrap())
}

/// A pipeline whose embedder answers slowly and for few texts at a time.
fn slow(world: &World, server: &Server) {
    let base = base(server);
    world.write(
        "slow.toml",
        format!(
            "[source]\ntype = \"files\"\npaths = [\"docs\"]\n\n[[stage]]\ntype = \"parse\"\n\n[[stage]]\ntype = \"chunk\"\n\n\
             [[stage]]\ntype = \"embed\"\nmodel = \"{MODEL}\"\nbatch = 2\n\n[providers.openai]\nbase_url = \"{base}\"\n\
             max_concurrency = 2\n"
        ),
    );
}

#[test]
fn other_vectors_need_no_sources_and_going_back_is_instant() {
    let world = World::new();
    corpus(&world, 30);
    world.write("docs/empty.md", "");
    world.index_to(3, &["docs"]);
    let server = provider("");
    let base = base(&server);
    let refused = world.run(&["index", "docs", "--embed", MODEL, "--base-url", &base]).ended(2);
    assert!(refused.err.contains("builtin/") && refused.err.contains("--regenerate"), "{}", refused.err);
    assert_eq!(states(&world), ["active"]);

    std::fs::rename(world.path("docs"), world.path("away")).unwrap();
    let args = ["index", "--regenerate", "--embed", MODEL, "--base-url", &base, "--json"];
    let shape = world.run(&args).ended(0).says("generation 1 is kept").json();
    assert_eq!((&shape["generation"], &shape["taken_over"]), (&2.into(), &true.into()));
    assert_eq!((embedded(&shape), &shape["switched"]["differing"]), (30, &0.into()));
    assert!(asked(&server).values().all(|times| *times == 1));
    assert_eq!(generations(&world), [(1, "previous".to_owned()), (2, "active".to_owned())]);
    assert!(!world.hits(&["--mode", "vector", "word7"]).is_empty());
    assert_eq!(world.quarantine().len(), 1, "what was put aside is so still");
    let status = world.run(&["status"]).ended(0).out;
    assert!(status.contains("1 previous (builtin/") && status.contains("2 active (openai"), "{status}");
    let listed = world.run(&["generations", "list"]).ended(0).out;
    assert!(listed.contains("256+32"), "{listed}");

    // The sources are back: nothing is to be done for them.
    std::fs::rename(world.path("away"), world.path("docs")).unwrap();
    let again = world.index_to(3, &["docs", "--embed", MODEL, "--base-url", &base]);
    assert_eq!((&again["records"]["unchanged"], &again["calls"]["sent"]), (&30.into(), &0.into()));
    world.write("docs/new.md", paragraph("newword", 60));
    world.index_to(3, &["docs", "--embed", MODEL, "--base-url", &base]);
    assert_eq!(world.holders("newword"), ["docs/new.md"]);

    // Back, with the provider gone: the old vectors, the old settings, and what is missing is told.
    server.stop();
    world.run(&["generations", "switch", "1"]).ended(0).says("differ in 1 documents");
    assert!(!world.hits(&["--mode", "vector", "word7"]).is_empty());
    assert!(world.holders("newword").is_empty());
    let caught_up = world.index_to(3, &["docs"]);
    assert_eq!(
        (&caught_up["records"]["stored"], &caught_up["records"]["unchanged"]),
        (&1.into(), &30.into())
    );
    world.run(&["generations", "switch", "1"]).ended(2).says("active already");
    world.run(&["generations", "drop", "1"]).ended(2).says("answers searches");
    world.run(&["generations", "drop", "2"]).ended(0).says("journal prune --unused");
    assert_eq!(generations(&world), [(1, "active".to_owned())]);
    let pruned = world.run(&["journal", "prune", "--unused", "--json"]).ended(0).json();
    assert!(pruned["vectors"].as_u64().unwrap() >= 31, "{pruned}");
    assert_eq!(world.holders("newword"), ["docs/new.md"]);
}

#[test]
fn a_killed_build_goes_on_and_embeds_nothing_again() {
    let world = World::new();
    corpus(&world, 120);
    world.index(&["docs"]);
    let before = world.hits(&["--limit", "20", "word7 harbour"]);
    let server = provider("latency = { base = { fixed = \"20ms\" } }");
    slow(&world, &server);
    let args = ["index", "--config", "slow.toml", "--regenerate", "--json"];
    for enough in [6, 25] {
        let mut live = world.start(&args);
        until("some answers", || (server.log().entries().len() > enough).then_some(()));
        live.signal(Signal::KILL);
        live.end();
        assert_eq!(states(&world), ["active", "building"]);
        assert_eq!(world.hits(&["--limit", "20", "word7 harbour"]), before, "the old one, wholly");
    }
    let kept = paid(&world, "text-embedding-3-small");
    assert!(kept > 0 && kept < 120, "{kept}");
    // Another build has to wait for this one, or for its end.
    let other = world.run(&["index", "--regenerate", "--embed", "none"]).ended(2);
    assert!(other.err.contains("generations drop 2"), "{}", other.err);
    let ended = world.run(&args).ended(0).says("going on with generation 2").json();
    assert_eq!((&ended["resumed"], embedded(&ended)), (&true.into(), 120 - kept));
    assert_eq!(paid(&world, "text-embedding-3-small"), 120);
    assert_eq!(states(&world), ["previous", "active"]);
    assert!(!world.hits(&["--mode", "vector", "word7", "--config", "slow.toml"]).is_empty());
    // In flight at a kill were two requests for two texts each.
    assert!(asked(&server).values().map(|times| times - 1).sum::<usize>() <= 8);
    world.run(&["generations", "drop", "1"]).ended(0);
    assert_eq!(world.holders("word7"), ["docs/007.md"]);
}

#[test]
fn what_is_indexed_while_another_generation_is_built_is_in_both() {
    let world = World::new();
    corpus(&world, 60);
    world.index(&["docs"]);
    let server = provider("latency = { base = { fixed = \"20ms\" } }");
    slow(&world, &server);
    let mut live = world.start(&["index", "--regenerate", "--config", "slow.toml", "--json"]);
    until("some answers", || (server.log().entries().len() > 5).then_some(()));
    world.write("docs/late.md", paragraph("lateword", 60));
    world.write("docs/001.md", paragraph("changedword", 60));
    std::fs::remove_file(world.path("docs/002.md")).unwrap();
    let report = world.index(&["docs"]);
    assert_eq!((&report["records"]["stored"], &report["records"]["deleted"]), (&2.into(), &1.into()));
    assert!(live.runs(), "it was to be slow");
    let fault = world.run(&["index", "--regenerate", "--config", "slow.toml"]).ended(2);
    assert!(fault.err.contains("another run of generation 2"), "{}", fault.err);
    live.end().ended(0);
    assert_eq!(states(&world), ["previous", "active"]);
    for (word, holder) in
        [("lateword", "docs/late.md"), ("changedword", "docs/001.md"), ("word9", "docs/009.md")]
    {
        assert_eq!(world.holders(word), [holder]);
    }
    assert!(world.holders("word2").is_empty());
}

/// Documents whose every chunk has the word "everywhere", however they are cut.
fn sections(world: &World) {
    for document in 0..6 {
        let text: String = (0..16)
            .map(|at| format!("everywhere {}\n\n", paragraph(&format!("d{document}p{at}"), 14)))
            .collect();
        world.write(&format!("docs/{document}.md"), text);
    }
}

/// Ends the reader also where something else failed.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_reader_gets_the_old_answer_or_the_new_one_and_never_an_error() {
    let world = World::new();
    sections(&world);
    place(&world, "mean", "tiny");
    world.index(&["docs", "--chunk-tokens", "128", "--overlap", "0"]);
    let answers = || {
        let count = |mode| world.hits(&["--mode", mode, "--limit", "1000", "everywhere"]).len();
        assert_eq!(count("vector"), count("hybrid"));
        [(true, count("text")), (false, count("vector"))]
    };
    let old = answers();
    let store = world.path("tidegate.db");
    let (over, seen) = (AtomicBool::new(false), std::sync::Mutex::new(BTreeSet::new()));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let index = Index::open(store.to_str().unwrap()).unwrap();
            for mode in [Mode::Text, Mode::Hybrid, Mode::Vector].into_iter().cycle() {
                let options = SearchOptions { mode, limit: 1_000, ..SearchOptions::default() };
                let found = index.search("everywhere", &options).unwrap();
                seen.lock().unwrap().insert((mode == Mode::Text, found.hits.len()));
                if over.load(Ordering::Acquire) {
                    return;
                }
            }
        });
        let ending = Ending(&over);
        let build = [
            "index",
            "--regenerate",
            "--embed",
            "./tiny",
            "--chunk-tokens",
            "40",
            "--overlap",
            "0",
            "--json",
        ];
        let shape = world.run(&build).ended(0).json();
        assert_eq!(shape["taken_over"], false, "chunks are cut anew");
        let new = answers();
        assert!(new[0].1 > old[0].1 && new[1].1 > old[1].1, "{new:?}, {old:?} before");
        until("both answers", || {
            let met = new.iter().all(|one| seen.lock().unwrap().contains(one));
            (met || reader.is_finished()).then_some(())
        });
        for _ in 0..5 {
            for number in ["1", "2"] {
                world.run(&["generations", "switch", number]).ended(0);
            }
        }
        drop(ending);
        reader.join().unwrap();
        assert_eq!(
            *seen.lock().unwrap(),
            old.into_iter().chain(new).collect::<BTreeSet<_>>(),
            "an answer that is neither"
        );
    });
}

#[test]
fn a_generation_that_lacks_much_is_switched_to_only_when_told() {
    let world = World::new();
    corpus(&world, 20);
    world.index(&["docs"]);
    world.write("more/extra.md", paragraph("extraword", 60));
    world.index(&["more"]);
    world
        .run(&["index", "more", "--chunk-tokens", "64"])
        .ended(0)
        .says("up to 256 tokens (32 repeated) before");
    world.run(&["index", "more"]).ended(0).says("up to 64 tokens");
    assert!(!world.run(&["index", "more"]).ended(0).err.contains("before"));
    for at in 0..15 {
        std::fs::remove_file(world.path(&format!("docs/{at:03}.md"))).unwrap();
    }
    std::fs::remove_dir_all(world.path("more")).unwrap();
    let build = ["index", "docs", "--regenerate", "--chunk-tokens", "64"];
    let held = world.run(&build).ended(2);
    assert!(held.err.contains("lacks 16 of the 21") && held.err.contains("switch 2 --force"), "{}", held.err);
    assert!(held.err.contains("more was indexed before and is left out now"), "{}", held.err);
    assert_eq!(world.holders("word3"), ["docs/003.md"]);
    assert_eq!(states(&world), ["active", "building"]);
    world.run(&["generations", "switch", "2"]).ended(2).says("lacks 16");
    world.run(&["generations", "switch", "2", "--force"]).ended(0).says("differ in 16 documents");
    assert!(world.holders("word3").is_empty());
    assert_eq!(world.holders("word17"), ["docs/017.md"]);
    world.run(&["generations", "switch", "1"]).ended(0);
    assert_eq!(world.holders("word3"), ["docs/003.md"]);
    assert_eq!(world.holders("extraword"), ["more/extra.md"]);
}

#[test]
fn vectors_of_another_versions_table_are_made_anew() {
    let world = World::new();
    corpus(&world, 5);
    let server = provider("");
    let model = "a-model-of-just-so-many1";
    world.index(&["docs", "--embed", &format!("openai:{model}"), "--base-url", &base(&server)]);
    server.stop();
    // What an older program may have called its table, in a name of the same length.
    let (name, older) = (format!("openai:{model}"), "builtin/static-256@0123456789ab");
    assert_eq!(name.len(), older.len());
    let mut bytes = std::fs::read(world.path("tidegate.db")).unwrap();
    // Within quotes it is a setting, which stays.
    let is_name = |at: &usize| bytes[*at..].starts_with(name.as_bytes()) && bytes[*at - 1] != b'"';
    let at: Vec<usize> = (1..bytes.len() - name.len()).filter(is_name).collect();
    assert!(!at.is_empty());
    for at in at {
        bytes[at..at + older.len()].copy_from_slice(older.as_bytes());
    }
    world.write("tidegate.db", bytes);
    world.run(&["search", "word3"]).ended(2).says("tidegate index --regenerate");
    world.run(&["index", "docs"]).ended(2).says("--regenerate");
    let shape = world.run(&["index", "--regenerate", "--embed", "builtin", "--json"]).ended(0).json();
    assert_eq!((&shape["taken_over"], embedded(&shape)), (&true.into(), 5));
    assert!(!world.hits(&["word3"]).is_empty());
    assert_eq!(world.index(&["docs"])["records"]["unchanged"], 5);
}

#[test]
fn parts_rows_and_their_values_are_taken_over() {
    let world = World::new();
    world.write(
        "docs/mail.eml",
        "Subject: Tides\r\nFrom: a@example.org\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nThe bodyword.\r\n\
         --b\r\nContent-Type: text/markdown\r\nContent-Disposition: attachment; filename=notes.md\r\n\r\n\
         # Notes\n\nThe partword.\r\n--b--\r\n",
    );
    world
        .write("rows.jsonl", "{\"text\": \"the rowword\", \"colour\": \"red\"}\n{\"text\": \"the other\"}\n");
    world.index(&["docs"]);
    world.index(&["rows.jsonl", "--name", "rows"]);
    let everything = || {
        let found = |args: &[&str]| -> Vec<Value> {
            let mut hits = world.hits(&[&["--mode", "text", "--limit", "100"], args].concat());
            for hit in &mut hits {
                let hit = hit.as_object_mut().unwrap();
                hit.retain(|key, _| !["id", "rank", "score", "parts"].contains(&key.as_str()));
            }
            hits.sort_by_key(ToString::to_string);
            hits
        };
        [
            found(&["bodyword partword"]),
            found(&["rowword other"]),
            found(&["rowword", "--filter", "colour = \"red\""]),
        ]
    };
    let before = everything();
    assert!(before.iter().map(Vec::len).eq([2, 2, 1]), "{before:?}");
    std::fs::remove_dir_all(world.path("docs")).unwrap();
    let args = ["index", "--regenerate", "--embed", "none", "--json"];
    let shape = world.run(&args).ended(0).json();
    assert_eq!((&shape["taken_over"], shape["runs"].as_array().unwrap().len()), (&true.into(), 2));
    assert_eq!(everything(), before);
    let status = world.run(&["status", "--json"]).ended(0).json();
    assert_eq!((&status["documents"], &status["vectors"]), (&3.into(), &0.into()));
    assert_eq!(world.index(&["rows.jsonl", "--name", "rows", "--embed", "none"])["records"]["unchanged"], 2);
}

#[test]
fn copies_in_folders_that_are_gone_are_taken_over_too() {
    let world = World::new();
    for folder in ["one", "two"] {
        world.write(&format!("{folder}/same.md"), "The sameword.");
    }
    world.index(&["one"]);
    world.index(&["two", "--chunk-tokens", "64"]);
    for folder in ["one", "two"] {
        std::fs::remove_dir_all(world.path(folder)).unwrap();
    }
    let shape = world.run(&["index", "--regenerate", "--embed", "none", "--json"]).ended(0).json();
    assert_eq!(shape["runs"].as_array().unwrap().len(), 2, "each once: {shape}");
    assert_eq!(world.holders("sameword"), ["one/same.md", "two/same.md"]);
}

#[test]
fn without_a_store_there_is_nothing_to_regenerate() {
    let world = World::new();
    for command in [&["index", "--regenerate"][..], &["generations", "list"], &["generations", "drop", "2"]] {
        world.run(command).ended(2).says("make one with `tidegate index PATH`");
    }
    assert_eq!(std::fs::read_dir(world.root()).unwrap().count(), 0);
    world.write("docs/a.md", "aword");
    world.index(&["docs"]);
    world.run(&["generations", "switch", "7"]).ended(2).says("generations list");
    world.run(&["index", "docs", "--regenerate", "--watch"]).ended(2);
}
