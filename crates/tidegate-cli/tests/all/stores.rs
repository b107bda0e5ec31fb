//! What `--store` names is used only if it is a store of this program, and by one run of a pipeline at a time.

use rustix::process::Signal;

use crate::world::{World, paragraph, until};

/// The first page of an SQLite database that another program made.
fn foreign_database() -> Vec<u8> {
    let mut page = vec![0; 4096];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    page[16..18].copy_from_slice(&4096_u16.to_be_bytes());
    page[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
    page[28..32].copy_from_slice(&1_u32.to_be_bytes());
    page[68..72].copy_from_slice(b"GPKG");
    page[100] = 13;
    page
}

/// Commands that would write to the store, and some that would only read it.
const COMMANDS: [&[&str]; 5] = [
    &["index", "docs"],
    &["search", "word"],
    &["status"],
    &["quarantine", "list"],
    &["quarantine", "drop", "--all"],
];

#[test]
fn a_file_of_another_program_is_refused_and_left_as_it_is() {
    let world = World::new();
    world.write("docs/a.md", "aword");
    world.write("text.db", "not a database at all, but somebody's letter\n".repeat(100));
    world.write("short.db", "hi");
    world.write("foreign.db", foreign_database());
    for name in ["text.db", "short.db", "foreign.db"] {
        let before = std::fs::read(world.path(name)).unwrap();
        for command in COMMANDS {
            let args: Vec<&str> = command.iter().copied().chain(["--store", name]).collect();
            let ran = world.run(&args);
            assert!(matches!(ran.code(), Some(1 | 2)), "{args:?}: {ran:?}");
            assert!(
                ran.err.contains("left untouched") && ran.err.contains("--store"),
                "{args:?}: {}",
                ran.err
            );
            assert_eq!(std::fs::read(world.path(name)).unwrap(), before, "{args:?}");
        }
    }
    let mut names: Vec<_> =
        std::fs::read_dir(world.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["docs", "foreign.db", "short.db", "text.db"], "something was left beside them");
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let world = World::new();
    world.write("docs/a.md", "aword");
    world.index(&["docs"]);
    let mut bytes = std::fs::read(world.path("tidegate.db")).unwrap();
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    world.write("newer.db", &bytes);
    for command in COMMANDS {
        let args: Vec<&str> = command.iter().copied().chain(["--store", "newer.db"]).collect();
        let ran = world.run(&args);
        assert!(matches!(ran.code(), Some(1 | 2)), "{args:?}: {ran:?}");
        assert!(
            ran.err.contains("9999") && ran.err.contains("hint: use the tidegate that wrote it"),
            "{args:?}: {}",
            ran.err
        );
        assert_eq!(std::fs::read(world.path("newer.db")).unwrap(), bytes, "{args:?}");
    }
}

#[test]
fn a_store_cut_short_or_overwritten_is_refused() {
    let world = World::new();
    for i in 0..20 {
        world.write(&format!("docs/{i}.md"), paragraph(&format!("word{i}"), 200));
    }
    world.index(&["docs"]);
    let bytes = std::fs::read(world.path("tidegate.db")).unwrap();
    for (name, damaged) in [
        ("half.db", bytes[..bytes.len() / 2].to_vec()),
        ("page.db", bytes[..4096].to_vec()),
        ("noise.db", bytes.iter().enumerate().map(|(i, b)| if i < 4096 { *b } else { b ^ 0x5a }).collect()),
    ] {
        world.write(name, &damaged);
        for command in [&["search", "word3"][..], &["status"]] {
            let args: Vec<&str> = command.iter().copied().chain(["--store", name]).collect();
            let ran = world.run(&args);
            assert_eq!(ran.code(), Some(1), "{args:?}: {ran:?}");
            assert!(ran.err.contains("hint:") && !ran.err.contains("panicked"), "{args:?}: {}", ran.err);
            assert_eq!(std::fs::read(world.path(name)).unwrap(), damaged, "{args:?}");
        }
    }
}

#[test]
fn while_a_run_goes_on_another_of_the_same_pipeline_is_refused() {
    let world = World::new();
    world.write("docs/a.md", "aword");
    let mut live = world.start(&["index", "docs", "--watch"]);
    live.wait_for("following");
    let pid = live.pid().to_string();
    let refused = until("a lease that is held", || {
        let ran = world.run(&["index", "docs"]);
        // Between two passes of a followed folder nobody holds the pipeline.
        (ran.code() != Some(0)).then_some(ran)
    });
    let refused = refused.ended(2).says(&pid);
    assert!(refused.err.contains("another run of pipeline default"), "{}", refused.err);
    // Another pipeline and a search may use the store meanwhile.
    world.write("other/b.md", "bword");
    world.index(&["other", "--name", "second"]);
    assert_eq!(world.holders("bword"), ["other/b.md"]);
    assert_eq!(world.holders("aword"), ["docs/a.md"]);
    let status = world.run(&["status", "--json"]).ended(0).json();
    assert_eq!(status["documents"], 2);
    live.signal(Signal::INT);
    live.end().ended(0);
    world.index(&["docs"]);
}

#[test]
fn without_a_store_the_way_to_one_is_told() {
    let world = World::new();
    for command in
        [&["search", "word"][..], &["status"], &["quarantine", "list"], &["quarantine", "drop", "--all"]]
    {
        world.run(command).ended(2).says("hint: make one with `tidegate index PATH`");
    }
    assert_eq!(std::fs::read_dir(world.root()).unwrap().count(), 0, "a reading command made a file");
    world.write("docs/a.md", "aword");
    let ran = world.run(&["index", "docs", "--store", "no/such/folder/t.db"]);
    assert!(matches!(ran.code(), Some(1 | 2)), "{ran:?}");
    assert!(ran.err.contains("hint:"), "{}", ran.err);
}

#[test]
fn status_tells_what_is_there() {
    let world = World::new();
    world.write("docs/a.md", "aword");
    world.write("docs/zero.md", "");
    let report = world.index_to(3, &["docs"]);
    let json = world.run(&["status", "--json"]).ended(0).json();
    assert_eq!((&json["documents"], &json["chunks"]), (&1.into(), &1.into()));
    assert_eq!(json["pipelines"][0]["name"], "default");
    assert_eq!(json["runs"][0]["state"], "done");
    let kept = &json["runs"][0]["report"];
    assert_eq!(kept["peak_memory_bytes"], report["peak_memory_bytes"], "what was said is what is kept");
    assert!(kept["peak_memory_bytes"].as_u64().unwrap() > 1_000_000, "{kept}");
    assert_eq!(json["quarantine"][0]["class"], "empty");
    let text = world.run(&["status"]).ended(0).out;
    for word in ["tidegate.db", "default", "empty"] {
        assert!(text.contains(word), "{word}\n{text}");
    }
}
