//! Folders of documents as the records of a map job.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::loopback::{Loopback, said};
use crate::world::{World, until};

const JOB: &str = "[input]\nformat = \"documents\"\n\
    [[step]]\nname = \"size\"\nset = { size = \".text | length\" }\n";

fn map(world: &World, code: i32, output: &str) -> Value {
    world.run(&["map", "job.toml", "papers", "-o", output, "--json"]).ended(code).json()
}

fn rows(world: &World, output: &str) -> Vec<Value> {
    world.read(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(world: &World, output: &str) -> Vec<String> {
    rows(world, output).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn documents_are_records() {
    let world = World::new();
    world.write("job.toml", JOB);
    world.write("papers/b.md", "---\nauthor: Ada\n---\n\n# Tides\n\nThe tide is high.\n");
    world.write("papers/a/z.html", "<title>A page</title><nav>no</nav><main><p>Low water.</p></main>");
    world.write("papers/c.txt", "No title at all\n");
    world.write("papers/picture.png", b"\x89PNG\r\n");
    world.write("papers/.hidden.md", "# hidden");
    world.write("papers/bad.pdf", "%PDF-1.7 and no more");
    let report = map(&world, 3, "papers/out.jsonl");
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&3.into(), &1.into()));
    let made = rows(&world, "papers/out.jsonl");
    let ids = ids(&world, "papers/out.jsonl");
    assert_eq!(ids, ["papers/a/z.html", "papers/b.md", "papers/c.txt"], "in the order of their paths");
    assert_eq!(
        (&made[0]["title"], &made[1]["title"], &made[2]["title"]),
        (&json!("A page"), &json!("Tides"), &Value::Null)
    );
    assert_eq!(made[1]["author"], "Ada");
    let second = world.read("papers/out.jsonl").lines().nth(1).unwrap().to_owned();
    assert!(second.starts_with("{\"id\":\"papers/b.md\",\"title\":\"Tides\",\"text\":\""), "{second}");
    assert!(made[1]["text"].as_str().unwrap().contains("The tide is high."));
    assert!(made.iter().all(|row| row["size"] == row["text"].as_str().unwrap().chars().count()));
    let aside = world.quarantine();
    assert!(aside.len() == 1 && aside[0].0 == "papers/bad.pdf" && aside[0].1 == "parse", "{aside:?}");
    // Again: nothing is done. One more at the end: it alone is.
    assert_eq!(map(&world, 3, "papers/out.jsonl")["records"]["seen"], 0);
    world.write("papers/d.md", "# New");
    assert_eq!(map(&world, 3, "papers/out.jsonl")["records"]["stored"], 1);
    assert_eq!(rows(&world, "papers/out.jsonl").len(), 4);
    // One before them, and one of them changed.
    world.write("papers/0.md", "# First");
    let args = ["map", "job.toml", "papers", "-o", "papers/out.jsonl"];
    world.run(&args).ended(2).says("not as they were").says("--overwrite");
    assert_eq!(rows(&world, "papers/out.jsonl").len(), 4);
    world.run(&["map", "job.toml", "papers", "-o", "papers/out.jsonl", "--overwrite"]).ended(3);
    world.write("papers/bad.pdf", include_str!("../../../../examples/map/letters/halvorsen.pdf"));
    world.run(&args).ended(2).says("not as they were");
    // Mended, it comes in by a retry, where it belongs.
    world.run(&["quarantine", "retry"]).ended(0);
    let mended = rows(&world, "papers/out.jsonl");
    let place = mended.iter().position(|row| row["id"] == "papers/bad.pdf").unwrap();
    assert_eq!((place, mended.len(), &mended[place]["pages"]), (3, 6, &json!(1)));
    assert_eq!(map(&world, 0, "papers/out.jsonl")["records"]["seen"], 0);
}

#[test]
fn what_is_listed_can_be_chosen() {
    let world = World::new();
    for name in ["a.md", "b.txt", "drafts/c.md", "d.md"] {
        world.write(&format!("papers/{name}"), format!("# {name}\n\ntext of {name}\n"));
    }
    let check = |input: &str, args: &[&str], expect: &[&str]| {
        world.write(
            "job.toml",
            format!("[input]\nformat = \"documents\"\n{input}\n[[step]]\nkeep = [\"id\"]\n"),
        );
        let args = [&["map", "job.toml", "papers", "-o", "-"], args].concat();
        let out = world.run(&args).ended(0).out;
        let expect: String = expect.iter().map(|id| format!("{{\"id\":\"papers/{id}\"}}\n")).collect();
        assert_eq!(out, expect, "{input}");
    };
    check("", &[], &["a.md", "b.txt", "d.md", "drafts/c.md"]);
    check("include = [\"*.md\"]\nexclude = [\"drafts/\"]", &[], &["a.md", "d.md"]);
    check("when = '.id | endswith(\"txt\")'", &[], &["b.txt"]);
    check("", &["--limit", "2"], &["a.md", "b.txt"]);
    let refuse = |input: &str, inputs: &str, words: &str| {
        world.write(
            "job.toml",
            format!("[input]\nformat = \"documents\"\n{input}\n[[step]]\nkeep = [\"id\"]\n"),
        );
        world.run(&["map", "job.toml", inputs, "-o", "-"]).ended(2).says(words);
    };
    refuse("id = \"id\"", "papers", "unknown key `id`");
    refuse("", "-", "not read from standard input");
    refuse("", "no-such", "no-such");
}

#[test]
fn killed_at_any_time_every_document_is_there_once() {
    let world = World::new();
    let model = Loopback::start(|request| said(&format!("about {}", request.prompt())));
    let job = format!(
        "[input]\nformat = \"documents\"\n[[step]]\nname = \"label\"\nmodel = \"toy:m\"\nprompt = \"{{{{ id }}}}\"\n\
         [providers.toy]\nbase_url = \"{}\"\nconcurrency = 4\n",
        model.url()
    );
    world.write("job.toml", job);
    for i in 0..300 {
        world.write(&format!("papers/{i:03}.md"), format!("# Paper {i}\n\n{}", "words ".repeat(i)));
    }
    let mut killed = 0;
    for round in 1..=3 {
        let mut live = world.start(&["map", "job.toml", "papers", "-o", "out.jsonl"]);
        until("it asks", || (model.seen().len() > round * 50 || !live.runs()).then_some(()));
        live.signal(Signal::KILL);
        killed += usize::from(live.end().code().is_none());
    }
    assert_eq!(killed, 3, "it was too quick");
    map(&world, 0, "out.jsonl");
    let made = rows(&world, "out.jsonl");
    assert_eq!(made.len(), 300);
    for (i, row) in made.iter().enumerate() {
        assert_eq!(
            (&row["title"], &row["label"]),
            (&json!(format!("Paper {i}")), &json!(format!("about papers/{i:03}.md")))
        );
    }
    assert!(model.seen().len() <= 300 + 3 * 4, "answers are not paid for twice: {}", model.seen().len());
    map(&world, 0, "whole.jsonl");
    assert_eq!(world.read("whole.jsonl"), world.read("out.jsonl"));
}
