//! Services that read documents in the place of the parsers inside.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::loopback::Loopback;
use crate::world::World;

fn pipeline(world: &World, service: &Loopback, more: &str) {
    let format = format!("[formats.dwg]\nparser = \"{}\"\nallow_private = true\n{more}\n", service.url());
    world.write("p.toml", format!("[source]\ntype = \"files\"\npaths = [\"docs\"]\n{format}"));
}

fn run(world: &World, code: i32) -> serde_json::Value {
    world.run(&["run", "p.toml", "--json"]).ended(code).json()
}

fn docling(text: &str) -> String {
    json!({ "document": { "md_content": text }, "status": "success", "errors": [] }).to_string()
}

#[test]
fn a_service_like_docling_reads_each_file_once_through_faults() {
    let world = World::new();
    for name in ["a", "b", "c", "d"] {
        world.write(&format!("docs/{name}.dwg"), format!("drawing {name}"));
    }
    let asked = AtomicUsize::new(0);
    let service = Loopback::start(move |request| {
        let name = request.body.split("\r\n").find_map(|line| line.strip_prefix("drawing ")).unwrap_or("");
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => (500, "out of sorts".to_owned()),
            1 => (200, "<html>".to_owned()),
            2 => (0, String::new()),
            3 => {
                std::thread::park_timeout(Duration::from_secs(5)); // longer than anybody waits
                (200, docling("late"))
            }
            _ => (200, docling(&format!("# Granite {name}"))),
        }
    });
    pipeline(&world, &service, "timeout = \"500ms\"\nheaders = { X-Team = \"search\" }");
    run(&world, 0);
    assert_eq!(world.holders("granite").len(), 4);
    let seen = service.seen();
    let first = &seen[0];
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/v1/convert/file"));
    assert!(first.headers["content-type"].starts_with("multipart/form-data; boundary="), "{first:?}");
    assert_eq!(first.headers["x-team"], "search");
    assert!(first.body.contains("filename=\"a.dwg\"") || first.body.contains(".dwg\""), "{}", first.body);
    // Other rules read all documents again, and no file is posted again.
    let before = seen.len();
    pipeline(
        &world,
        &service,
        "timeout = \"500ms\"\nheaders = { X-Team = \"search\" }\n[validate]\nmin_words = 1",
    );
    assert_eq!(run(&world, 0)["records"]["stored"], 4);
    assert_eq!(service.seen().len(), before);
}

#[test]
fn elements_of_the_unstructured_api_keep_their_pages() {
    let world = World::new();
    world.write("docs/a.dwg", "drawing");
    let service = Loopback::start(|_| {
        let element = |kind: &str, text: &str, page: u32| json!({ "type": kind, "text": text, "element_id": "x", "metadata": { "page_number": page } });
        let elements = [
            element("Title", "Quarry", 1),
            element("NarrativeText", "granite", 1),
            element("Table", "basalt", 3),
        ];
        (200, json!(elements).to_string())
    });
    pipeline(&world, &service, "api = \"unstructured\"");
    run(&world, 0);
    assert_eq!(service.seen()[0].target, "/general/v0/general");
    let hits = world.hits(&["--mode", "text", "basalt"]);
    assert!(hits[0]["text"].as_str().unwrap().contains("basalt"), "{hits:?}");
    assert_eq!(world.hits(&["--filter", "title = \"Quarry\"", "granite"]).len(), hits.len());
}

#[test]
fn what_a_service_refuses_costs_that_document() {
    let world = World::new();
    world.write("docs/a.dwg", "good drawing");
    world.write("docs/b.dwg", "bad drawing");
    let service = Loopback::start(|request| match request.body.as_str() {
        "bad drawing" => (422, "this drawing is locked".to_owned()),
        _ => (200, "granite".to_owned()),
    });
    pipeline(&world, &service, "api = \"text\"");
    run(&world, 3);
    assert_eq!(world.holders("granite"), ["docs/a.dwg"]);
    let list = world.run(&["quarantine", "list", "--json"]).ended(0).out;
    assert!(list.contains("this drawing is locked"), "{list}");
}

#[test]
fn only_public_addresses_are_called_unless_it_is_said() {
    let world = World::new();
    world.write("docs/a.dwg", "drawing");
    let service = Loopback::start(|_| (200, "granite".to_owned()));
    pipeline(&world, &service, "api = \"text\"");
    let closed = world.read("p.toml").replace("allow_private = true\n", "");
    world.write("p.toml", closed);
    world.run(&["run", "p.toml"]).ended(2).says("allow_private = true");
    for address in ["http://169.254.169.254/", "http://user@h/", "ftp://h/", "http://"] {
        world.write(
            "p.toml",
            format!(
                "[source]\ntype = \"files\"\npaths = [\"docs\"]\n[formats.dwg]\nparser = \"{address}\"\nallow_private = true\n"
            ),
        );
        world.run(&["run", "p.toml"]).ended(2).says("formats.dwg.parser");
    }
    assert!(service.seen().is_empty());
}
