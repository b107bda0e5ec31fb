//! Documents in buckets, of services that were not written here.

use std::process::Output;

use serde_json::Value;

use crate::emulator::{Emulator, Service};
use crate::world::{World, paragraph};

/// Objects that are documents.
const COUNT: usize = 40;

fn run(emulator: &Emulator, world: &World, words: &[&str]) -> Output {
    let done = emulator.command(world, &emulator.words(words)).output().unwrap();
    let said = [&*done.stdout, b" ", &*done.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("canary"), "a secret was printed");
    done
}

fn index(emulator: &Emulator, world: &World, code: i32) -> [u64; 5] {
    let done = run(emulator, world, &["index", "--json", &emulator.url("docs")]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(code), "{said}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    ["seen", "stored", "unchanged", "quarantined", "deleted"]
        .map(|name| report["records"][name].as_u64().unwrap())
}

/// What holds of every service.
fn contract(service: Service) {
    let (emulator, world) = (Emulator::start(service), World::new());
    for at in 0..COUNT {
        emulator.put(&format!("docs/{}/d{at}.md", at % 4), paragraph(&format!("mark{at}"), 30).as_bytes());
    }
    emulator.put("docs/odd/100%25%20gr%C3%B6%C3%9Fe%20%23%2B%26.md", b"words of an odd name");
    emulator.put("docs/empty.md", b"");
    emulator.put("docs/picture.png", b"no text");
    emulator.put("docs/.hidden/x.md", b"hidden");
    emulator.put("docs2/beside.md", b"beside the prefix");
    // Longer than one part of a read.
    let long = format!("<p>a rather long object<!--{}--> to its end", "x".repeat(9 << 20));
    emulator.put("docs/long.html", long.as_bytes());
    let count = COUNT as u64;
    // An empty object is no document; it is put aside as an empty file is.
    assert_eq!(index(&emulator, &world, 3), [count + 3, count + 2, 0, 1, 0]);
    let odd = world.hits(&["--mode", "text", "odd"]);
    let key = emulator.name(odd[0]["source"].as_str().unwrap());
    assert_eq!(key, "docs/odd/100%25 größe %23+&.md");
    assert_eq!(
        emulator.name(world.hits(&["--mode", "text", "mark7"])[0]["source"].as_str().unwrap()),
        "docs/3/d7.md"
    );
    assert!(world.hits(&["--mode", "text", "beside"]).is_empty());
    assert_eq!(world.hits(&["--mode", "text", "\"to its end\""]).len(), 1);

    let read = emulator.reads();
    assert_eq!(index(&emulator, &world, 3), [count + 3, 0, count + 2, 1, 0]);
    assert_eq!(emulator.reads(), read, "nothing is read that did not change");

    emulator.put("docs/1/d1.md", b"another text altogether");
    emulator.put("docs/new.md", b"a newcomer");
    emulator.delete("docs/2/d2.md");
    assert_eq!(index(&emulator, &world, 3), [count + 4, 2, count, 1, 1]);
    assert_eq!(emulator.reads(), read + 2);
    assert_eq!(world.hits(&["--mode", "text", "altogether"]).len(), 1);
    assert!(world.hits(&["--mode", "text", "mark2"]).is_empty());
}

#[test]
fn s3_is_indexed_and_read_again_only_where_it_changed() {
    contract(Service::S3);
}

#[test]
fn google_is_indexed_and_read_again_only_where_it_changed() {
    contract(Service::Gs);
}

#[test]
fn azure_is_indexed_and_read_again_only_where_it_changed() {
    contract(Service::Azure);
}

#[test]
fn what_cannot_be_reached_is_said_before_anything_is_begun() {
    let (emulator, world) = (Emulator::start(Service::S3), World::new());
    let url = emulator.url("");
    let words = emulator.words(&["index", &url]);
    let private: Vec<String> = words.iter().filter(|word| *word != "--allow-private").cloned().collect();
    for (words, said) in [
        (private, "--allow-private"),
        (emulator.words(&["index", "s3://nobody-has-this/"]), "there is no bucket s3://nobody-has-this"),
        (emulator.words(&["index", &url, "docs"]), "index them one after another"),
        (emulator.words(&["index", "s3://"]), "names no bucket"),
    ] {
        let done = emulator.command(&world, &words).output().unwrap();
        let err = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.code() == Some(2) && err.contains(said), "{words:?}: {:?} {err}", done.status);
    }
    assert_eq!(emulator.reads(), 0);
}

/// The lines that the manifest of an output names, in order.
fn lines(emulator: &Emulator) -> Vec<Value> {
    let Some(manifest) = emulator.get("out/manifest.json") else { return Vec::new() };
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut lines = Vec::new();
    for part in manifest["parts"].as_array().unwrap() {
        let bytes = emulator.get(&format!("out/{}", part["name"].as_str().unwrap())).unwrap();
        assert_eq!(part["bytes"], bytes.len());
        lines.extend(
            bytes.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()),
        );
    }
    assert_eq!(manifest["lines"], lines.len());
    lines
}

/// What holds of an output in a bucket of every service.
fn output(service: Service) {
    let (emulator, world) = (Emulator::start(service), World::new());
    let rows = |range: std::ops::Range<usize>| -> String {
        range.map(|at| format!("{{\"id\": {at}, \"text\": \"row {at}\"}}\n")).collect()
    };
    world.write("rows.jsonl", rows(0..300));
    world.write(
        "pipeline.toml",
        format!(
            "[source]\ntype = \"jsonl\"\npaths = [\"rows.jsonl\"]\n[[stage]]\ntype = \"parse\"\n\
             [sink]\ntype = \"jsonl\"\npath = \"{}\"\nendpoint = \"{}\"\nallow_private = true\n",
            emulator.url("out/"),
            emulator.endpoint()
        ),
    );
    let words: Vec<String> = ["run", "pipeline.toml"].map(str::to_owned).into();
    let run = |world: &World, code: i32| {
        let done = emulator.command(world, &words).output().unwrap();
        let err = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{err}");
        err
    };
    run(&world, 0);
    let texts = |lines: &[Value]| -> Vec<String> {
        lines.iter().map(|line| line["text"].as_str().unwrap().trim().to_owned()).collect()
    };
    let wanted = |count: usize| -> Vec<String> { (0..count).map(|at| format!("row {at}")).collect() };
    assert_eq!(texts(&lines(&emulator)), wanted(300));
    // It goes on from there, and writes nothing twice.
    world.write("rows.jsonl", rows(0..310));
    run(&world, 0);
    assert_eq!(texts(&lines(&emulator)), wanted(310));
    // Another pipeline leaves it alone.
    let other = World::new();
    other.write("rows.jsonl", rows(0..3));
    other.write("pipeline.toml", world.read("pipeline.toml"));
    assert!(run(&other, 2).contains("not this pipeline's"));
    assert_eq!(lines(&emulator).len(), 310);
}

#[test]
fn lines_go_into_a_bucket_of_s3_once() {
    output(Service::S3);
}

#[test]
fn lines_go_into_a_container_of_azure_once() {
    output(Service::Azure);
}
