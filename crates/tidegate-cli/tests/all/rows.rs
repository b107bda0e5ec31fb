//! Lines of JSON as documents.

use std::process::{Command, Stdio};

use crate::world::World;

const ROWS: &str = r#"{"sku": "a1", "description": "a red lantern for harbours", "price": 12}
{"sku": "b2", "description": "a violin of dark walnut", "price": 300}
not json at all
{"sku": "c3", "price": 5}
{"sku": "a1", "description": "the same sku again"}
{"sku": "d4", "description": "copper kettle", "price": 40}
"#;

const FIELDS: [&str; 4] = ["--text-field", "description", "--id-field", "sku"];

fn pack(world: &World, tool: &str, name: &str, packed: &str) -> bool {
    let out = std::fs::File::create(world.path(packed)).unwrap();
    let ran = Command::new(tool)
        .args(["-q", "-c"])
        .arg(world.path(name))
        .stdout(out)
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}

#[test]
fn rows_are_known_by_their_field_and_bad_ones_by_their_line() {
    let world = World::new();
    world.write("rows.jsonl", ROWS);
    let args: Vec<&str> = ["rows.jsonl"].into_iter().chain(FIELDS).collect();
    let report = world.index_to(3, &args);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&3.into(), &3.into()));
    assert_eq!(world.holders("lantern"), ["rows.jsonl#a1"]);
    assert_eq!(world.holders("kettle"), ["rows.jsonl#d4"]);
    let dear = world.hits(&["--filter", "price > 100", "harbour lantern violin kettle"]);
    assert_eq!(dear.len(), 1);
    let aside = world.quarantine();
    let aside: Vec<(&str, &str)> = aside.iter().map(|item| (item.0.as_str(), item.2.as_str())).collect();
    assert_eq!(
        aside,
        [
            ("rows.jsonl#:L3", "malformed"),
            ("rows.jsonl#:L4", "malformed"),
            ("rows.jsonl#a1 (again, item 4)", "duplicate")
        ]
    );
    assert_eq!(world.holders("lantern"), ["rows.jsonl#a1"], "the first of two is kept");

    // One row edited: one text.
    world.write("rows.jsonl", ROWS.replace("dark walnut", "light spruce"));
    let report = world.index_to(3, &args);
    assert_eq!((&report["records"]["stored"], &report["embedded"]["texts"]), (&1.into(), &1.into()));
    assert_eq!(world.holders("spruce"), ["rows.jsonl#b2"]);
    // A row gone is removed.
    world.write(
        "rows.jsonl",
        ROWS.lines().filter(|line| !line.contains("kettle")).map(|l| format!("{l}\n")).collect::<String>(),
    );
    let report = world.index_to(3, &args);
    assert_eq!(report["records"]["deleted"], 1);
    assert_eq!(world.holders("kettle"), [""; 0]);
    // What was mended is no longer in the quarantine.
    world.write(
        "rows.jsonl",
        ROWS.lines()
            .filter(|line| line.contains("price"))
            .map(|l| format!("{l}\n"))
            .collect::<String>()
            .replace(r#""price": 5"#, r#""description": "saddle""#),
    );
    world.index(&args);
    assert_eq!(world.quarantine(), []);
}

#[test]
fn packed_rows_are_unpacked() {
    let world = World::new();
    world.write("rows.jsonl", r#"{"text": "a packed lantern"}"#);
    for (tool, name) in [("gzip", "rows.jsonl.gz"), ("zstd", "rows.jsonl.zst")] {
        if !pack(&world, tool, "rows.jsonl", name) {
            continue; // the tool is not there
        }
        let report = world.index(&[name, "--store", &format!("{tool}.db")]);
        assert_eq!(report["records"]["stored"], 1);
        assert_eq!(world.hits(&["lantern", "--store", &format!("{tool}.db")]).len(), 1);
        // Cut short, it gives what it holds, and says so.
        let bytes = std::fs::read(world.path(name)).unwrap();
        world.write(&format!("cut.{name}"), &bytes[..bytes.len() - 6]);
        let ran = world.run(&["index", &format!("cut.{name}"), "--store", &format!("{tool}2.db"), "--json"]);
        assert_eq!(ran.code(), Some(3), "{ran:?}");
    }
}

#[test]
fn a_line_larger_than_the_limit_costs_no_memory() {
    let world = World::new();
    let mut rows = br#"{"text": "before the giant"}"#.to_vec();
    rows.extend(b"\n{\"text\": \"");
    rows.resize(rows.len() + (20 << 20), b'x');
    rows.extend(b"\"}\n{\"text\": \"after the giant\"}\n");
    world.write("rows.jsonl", rows);
    let report = world.index_to(3, &["rows.jsonl"]);
    assert_eq!(report["records"]["stored"], 2);
    assert_eq!(world.quarantine().len(), 1);
    assert_eq!(world.quarantine()[0].2, "too_large");
    assert_eq!(world.holders("after"), ["rows.jsonl#L3"]);
    // The table of the embedder and SQLite's caches are in this as well.
    let peak = report["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < 60 << 20, "{peak} bytes for one line");
}

#[test]
fn standard_input_gives_rows_too() {
    let world = World::new();
    let ran = world.run_with_input(&["index", "-", "--json"], b"first lantern\n\nsecond violin\n");
    assert_eq!(ran.ended(0).json()["records"]["stored"], 2);
    assert_eq!(world.holders("violin").len(), 1);
    let args = ["index", "-", "--json", "--text-field", "t", "--name", "json"];
    let ran = world.run_with_input(&args, b"{\"t\": \"third copper\"}\n{\"t\": 7}\n\xff\xfe\n");
    let report = ran.ended(3).json();
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&1.into(), &2.into()));
    assert_eq!(world.holders("copper").len(), 1);
}
