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
