//! Pipelines whose models' answers and vectors are recorded, and pipelines that take theirs from what was.

use serde_json::Value;
use tidegate_testkit::provider::{Script, Server};

use crate::loopback::{Loopback, said};
use crate::world::{World, paragraph};

const PIPELINE: &str = r#"
[source]
type = "files"
paths = ["docs"]

[[stage]]
type = "parse"

[[stage]]
type = "enrich"
name = "label"
into = "field"
field = "label"
model = "toy:m"
prompt = "Label: {{ text }}"

[[stage]]
type = "chunk"
max_tokens = 32
min_tokens = 4
overlap_tokens = 0

[[stage]]
type = "embed"
model = "toy:e"

[providers.toy]
base_url = "URL/v1"
"#;

fn docs(world: &World) {
    for i in 0..6 {
        let text = paragraph(&format!("marker{i}"), 120 + i);
        world.write(&format!("docs/{i}.md"), format!("# Paper {i}\n\n{text}\n"));
    }
}

fn tapes(world: &World, folder: &str) -> (String, String) {
    (world.read(&format!("{folder}/embed.jsonl")), world.read(&format!("{folder}/label.jsonl")))
}

fn report(world: &World, code: i32, args: &[&str]) -> Value {
    world.run(&[args, &["--json"]].concat()).ended(code).json()
}

#[test]
fn a_pipeline_is_played_again_without_a_network() {
    let world = World::new();
    let server = Server::start(Script::default()).unwrap();
    world.write("p.toml", PIPELINE.replace("URL", &server.url()));
    docs(&world);
    // What was done before is on the cassette all the same.
    report(&world, 0, &["run", "p.toml"]);
    let asked = server.log().entries().len();
    let recorded = report(&world, 0, &["run", "p.toml", "--record", "tape"]);
    assert_eq!(recorded["records"]["seen"], 6);
    assert_eq!(server.log().entries().len(), asked, "it is in the journal");
    let tape = tapes(&world, "tape");
    let chunks = recorded["chunks"]["written"].as_u64().unwrap() as usize;
    assert!(chunks > 6 && tape.0.lines().count() == 1 + chunks && tape.1.lines().count() == 1 + 6);
    assert!(tape.0.lines().nth(1).unwrap().contains("\"vector\":\""), "{}", tape.0);
    assert!(!tape.0.contains(&server.url()) && !tape.1.contains(&server.url()));
    let found = |world: &World| {
        world.run(&["search", "--mode", "text", "--json", "Paper 3"]).ended(0).json()["hits"].clone()
    };

    let other = World::new();
    other.write("p.toml", PIPELINE.replace("URL", "http://127.0.0.1:9"));
    docs(&other);
    other.write("tape/embed.jsonl", &tape.0);
    other.write("tape/label.jsonl", &tape.1);
    let played = report(&other, 0, &["run", "p.toml", "--replay", "tape"]);
    assert_eq!(
        (&played["calls"]["sent"], &played["records"]["stored"], &played["chunks"]["written"]),
        (&0.into(), &6.into(), &recorded["chunks"]["written"])
    );
    let texts = |hits: Value| -> Vec<(Value, Value)> {
        hits.as_array().unwrap().iter().map(|hit| (hit["text"].clone(), hit["heading"].clone())).collect()
    };
    assert_eq!(texts(found(&other)), texts(found(&world)));
    assert_eq!(report(&other, 0, &["run", "p.toml", "--replay", "tape"])["records"]["stored"], 6);

    // What changed is said.
    other.write("docs/3.md", "# Paper 3\n\nAnother text.");
    other
        .run(&["run", "p.toml", "--replay", "tape"])
        .ended(2)
        .says("step label asking about")
        .says("docs/3.md");
}

#[test]
fn an_index_is_recorded_and_played() {
    let world = World::new();
    let server = Server::start(Script::default()).unwrap();
    world.write("docs/a.md", "The tide is high.");
    world.write("docs/b.md", "The tide is low.");
    let url = server.url();
    let args = ["index", "docs", "--embed", "ollama:e", "--base-url", &url];
    report(&world, 0, &[&args[..], &["--record", "tape"]].concat());
    let tape = world.read("tape/embed.jsonl");
    assert_eq!(tape.lines().count(), 3);
    report(&world, 0, &[&args[..], &["--record", "tape2", "--store", "other.db"]].concat());
    assert_eq!(world.read("tape2/embed.jsonl"), tape);
    drop(server);
    let played = report(&world, 0, &[&args[..], &["--replay", "tape", "--store", "new.db"]].concat());
    assert_eq!((&played["calls"]["sent"], &played["records"]["stored"]), (&0.into(), &2.into()));
    // What was played is kept as if it had been asked for.
    report(&world, 0, &[&args[..], &["--record", "tape3", "--store", "new.db"]].concat());
    assert_eq!(world.read("tape3/embed.jsonl"), tape);
    let refuse = |more: &[&str], said: &str| {
        world.run(&[&args[..], &["--replay", "tape"], more].concat()).ended(2).says(said);
    };
    refuse(&["--regenerate"], "--regenerate takes over what is there");
    refuse(&["--watch"], "has no end");
    refuse(&["--record", "tape2"], "cannot be used with");
}

#[test]
fn what_no_cassette_can_hold_is_refused() {
    let world = World::new();
    let service = Loopback::start(|_| said("x"));
    docs(&world);
    let url = service.url();
    let http = format!(
        "[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"http\"\nname = \"own\"\nurl = \"{url}\"\nanswer = \"x\"\nfield = \"x\"\n"
    );
    world.write("p.toml", format!("[source]\ntype = \"files\"\npaths = [\"docs\"]\n{http}"));
    world.run(&["run", "p.toml", "--replay", "tape"]).ended(2).says("stage own asks a service");
    assert!(service.seen().is_empty());
    // An output that would be gone on with holds what the cassette would lack.
    let rows = "[source]\ntype = \"jsonl\"\npaths = [\"in.jsonl\"]\n[sink]\ntype = \"jsonl\"\npath = \"out.jsonl\"\n";
    world.write("rows.toml", rows);
    world.write("in.jsonl", "{\"text\":\"a\"}\n");
    report(&world, 0, &["run", "rows.toml", "--record", "tape"]);
    world.run(&["run", "rows.toml", "--record", "tape"]).ended(2).says("would go on behind another");
}
