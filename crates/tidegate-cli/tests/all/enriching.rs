//! Models that are asked about each record.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_testkit::provider::{Script, Server};

use crate::loopback::{Loopback, said};
use crate::world::{World, paragraph};

/// A pipeline with these stages after parse, over the folder `docs`.
fn pipeline(world: &World, base: &str, stages: &str, rest: &str) {
    let text = format!(
        "[source]\ntype = \"files\"\npaths = [\"docs\"]\n[[stage]]\ntype = \"parse\"\n{stages}\n{rest}\n\
         [providers.toy]\nbase_url = \"{base}\"\n"
    );
    world.write("pipeline.toml", text);
}

const CHUNK_AND_EMBED: &str = "[[stage]]\ntype = \"chunk\"\n[[stage]]\ntype = \"embed\"\n";

fn run(world: &World, code: i32) -> Value {
    world.run(&["run", "pipeline.toml", "--json"]).ended(code).json()
}

/// The JSON lines of a file.
fn lines(world: &World, name: &str) -> Vec<Value> {
    world.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn documents_are_labelled_and_found_by_their_labels() {
    let world = World::new();
    world.write("docs/a.md", format!("# Rivers\n\n{}", paragraph("riverword", 40)));
    world.write("docs/b.md", format!("# Roads\n\n{}", paragraph("roadword", 40)));
    let model = Loopback::start(|request| {
        let label = if request.prompt().contains("riverword") { "water" } else { "land" };
        said(&format!("```json\n{{\"label\": \"{label}\"}}\n```"))
    });
    world.write("label.json", r#"{"type":"object","properties":{"label":{"enum":["water","land"]}},"required":["label"],"additionalProperties":false}"#);
    let label = "[[stage]]\ntype = \"enrich\"\nname = \"label\"\nmodel = \"toy:m\"\nfield = \"topic\"\n\
                 prompt = \"What is {{ title }} about?\\n{{ text }}\"\nsystem = \"Label.\"\nschema = \"label.json\"\n";
    pipeline(&world, &model.url(), &format!("{label}{CHUNK_AND_EMBED}"), "");
    let report = run(&world, 0);
    assert_eq!((&report["records"]["stored"], &report["calls"]["sent"]), (&2.into(), &2.into()));
    assert!(report["stages"].as_array().unwrap().iter().any(|stage| stage["name"] == "label"), "{report}");
    let hits = world.hits(&["--mode", "text", "--filter", "topic.label = \"water\"", "riverword"]);
    assert_eq!(hits.len(), 1);
    let asked = model.seen();
    let titles: BTreeSet<&str> = ["Rivers", "Roads"].into();
    assert!(asked.iter().all(|request| titles.iter().any(|title| request.prompt().contains(title))));
    // The service is told of the schema, and held to it as far as the schema is closed.
    let schema = &asked[0].json()["response_format"]["json_schema"];
    assert_eq!((&schema["strict"], &schema["schema"]["required"][0]), (&true.into(), &"label".into()));
    // Nothing is asked again of what did not change, and only of what did.
    assert_eq!(run(&world, 0)["calls"]["sent"], 0);
    world.write("docs/b.md", format!("# Roads\n\n{}", paragraph("otherword", 40)));
    assert_eq!(run(&world, 0)["calls"]["sent"], 1);
    // Another prompt asks all documents again; the old one was paid for.
    let other = label.replace("What is", "Say what is");
    pipeline(&world, &model.url(), &format!("{other}{CHUNK_AND_EMBED}"), "");
    assert_eq!(run(&world, 0)["calls"]["sent"], 2);
    pipeline(&world, &model.url(), &format!("{label}{CHUNK_AND_EMBED}"), "");
    let back = run(&world, 0);
    assert_eq!((&back["records"]["stored"], &back["calls"]["sent"]), (&2.into(), &0.into()));
}

#[test]
fn context_is_embedded_and_searched_with_its_chunk() {
    let world = World::new();
    world.write("docs/a.md", format!("# Alpha\n\n{}", paragraph("plainword", 40)));
    let model = Loopback::start(|request| match request.prompt() {
        prompt if prompt.starts_with("Sum up") => said("A summary of summaryword."),
        prompt => said(&format!(
            "From a text with {}.",
            if prompt.contains("summaryword") { "contextword" } else { "?" }
        )),
    });
    let summary = "[[stage]]\ntype = \"enrich\"\nname = \"summary\"\nfield = \"summary\"\nmodel = \"toy:m\"\n\
                   prompt = \"Sum up: {{ text }}\"\n";
    let context = "[[stage]]\ntype = \"enrich\"\nname = \"context\"\ninto = \"context\"\nmodel = \"toy:m\"\n\
                   prompt = \"Where is this from? {{ fields.summary }}\\n{{ heading }}\\n{{ text }}\"\n";
    let chunk = "[[stage]]\ntype = \"chunk\"\n";
    let embed = "[[stage]]\ntype = \"embed\"\n";
    pipeline(&world, &model.url(), &format!("{summary}{chunk}{context}{embed}"), "");
    assert_eq!(run(&world, 0)["calls"]["sent"], 2);
    assert_eq!(world.holders("contextword"), ["docs/a.md"]);
    assert_eq!(world.holders("plainword"), ["docs/a.md"]);
    let hits = world.hits(&["--mode", "vector", "contextword"]);
    assert!(hits[0]["text"].as_str().unwrap().starts_with("From a text with contextword."), "{hits:?}");
}

#[test]
fn an_answer_without_its_form_is_asked_for_once_more_and_then_put_aside() {
    let world = World::new();
    world.write("docs/good.md", paragraph("goodword", 30));
    world.write("docs/late.md", paragraph("lateword", 30));
    world.write("docs/bad.md", paragraph("badword", 30));
    let model = Loopback::start(|request| {
        let prompt = request.prompt();
        let again = prompt.contains("was refused: $.n must be integer, not string");
        said(if prompt.contains("goodword") || (again && prompt.contains("lateword")) {
            "{\"n\":1}"
        } else {
            "{\"n\":\"one\"}"
        })
    });
    let stage = "[[stage]]\ntype = \"enrich\"\nmodel = \"toy:m\"\nfield = \"count\"\nprompt = \"{{ text }}\"\n\
                 schema = '{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}'\n";
    let sink = "[sink]\ntype = \"jsonl\"\npath = \"out.jsonl\"\nfields = [\"key\", \"count\"]\n";
    pipeline(&world, &model.url(), stage, sink);
    let report = run(&world, 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&2.into(), &1.into()));
    assert_eq!(report["calls"]["sent"], 5);
    assert_eq!(
        world.quarantine(),
        [("docs/bad.md".to_owned(), "enrich".to_owned(), "validation".to_owned())]
    );
    assert!(lines(&world, "out.jsonl").iter().all(|line| line["count"]["n"] == 1));
    // A refused answer is not kept: whoever tries again gets another.
    world.run(&["quarantine", "retry"]).ended(3);
    assert_eq!(model.seen().len(), 7);
}

#[test]
fn bad_stages_are_refused_before_anything_is_sent() {
    let world = World::new();
    world.write("docs/a.md", paragraph("word", 30));
    let server = Server::start(Script::default()).unwrap();
    let base = format!("{}/v1", server.url());
    for (stage, said) in [
        ("model = \"toy:m\"\nprompt = \"{{ text }\"", "pipeline.toml:9:1"),
        ("model = \"toy:m\"\nprompt = \"{{ text }}\"\nschema = \"{\"", "schema is no JSON"),
        ("model = \"nobody:m\"\nprompt = \"{{ text }}\"", "nobody"),
        ("model = \"openai:m\"\nprompt = \"{{ text }}\"", "OPENAI_API_KEY"),
    ] {
        pipeline(
            &world,
            &base,
            &format!("[[stage]]\ntype = \"enrich\"\n{stage}\n"),
            "[sink]\ntype = \"jsonl\"\n",
        );
        world.run(&["run", "pipeline.toml"]).ended(2).says(said);
    }
    assert!(server.log().entries().is_empty());
}

#[test]
fn a_run_that_is_cut_short_asks_nothing_twice() {
    let world = World::new();
    for at in 0..30 {
        world.write(&format!("docs/{at}.md"), paragraph(&format!("word{at}"), 30));
    }
    let script = "chat = { reply = \"a label\" }\nlatency = { base = { fixed = '20ms' } }";
    let server = Server::start(Script::from_toml(script).unwrap()).unwrap();
    let stage = "[[stage]]\ntype = \"enrich\"\nmodel = \"toy:m\"\nprompt = \"{{ text }}\"\n";
    pipeline(&world, &format!("{}/v1", server.url()), &format!("{stage}{CHUNK_AND_EMBED}"), "");
    let live = world.start(&["run", "pipeline.toml"]);
    crate::world::until("ten answers", || (server.log().entries().len() > 10).then_some(()));
    let mut live = live;
    live.signal(rustix::process::Signal::TERM);
    live.end();
    run(&world, 0);
    let mut asked: Vec<u64> =
        server.log().entries().iter().flat_map(|entry| entry.texts.iter().map(|text| text.hash)).collect();
    let all = asked.len();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!((all, asked.len()), (30, 30));
}
