//! No room: the run stops resumable, the store stays sound, and with room the next run goes on.

use std::process::Command;

use crate::world::{Live, World, paragraph};

const DOCUMENTS: u64 = 60;

fn corpus(world: &World) {
    for i in 0..DOCUMENTS {
        let parts: String = (0..10).map(|j| paragraph(&format!("word{i}x{j}"), 150) + "\n\n").collect();
        world.write(&format!("docs/{i:03}.md"), parts);
    }
}

/// Every document is there once, and the file is sound.
fn goes_on(world: &World, store: &str) {
    world.run(&["search", "harbour", "--store", store]).ended(0);
    let report = world.index(&["docs", "--store", store]);
    let records = &report["records"];
    assert_eq!(records["stored"].as_u64().unwrap() + records["unchanged"].as_u64().unwrap(), DOCUMENTS);
    for word in ["word0x0", "word31x9", "word59x5"] {
        let hits = world.hits(&["--mode", "text", word, "--store", store]);
        assert!(!hits.is_empty(), "{word}");
    }
    let status = world.run(&["status", "--json", "--store", store]).ended(0).json();
    assert_eq!(status["documents"], DOCUMENTS);
}

#[test]
fn a_limit_on_file_sizes_stops_resumable() {
    let world = World::new();
    corpus(&world);
    let mut shell = Command::new("sh");
    let line = r#"ulimit -f 1000; exec "$0" index docs --max-hold 1s --json"#;
    shell.args(["-c", line, env!("CARGO_BIN_EXE_tidegate")]).current_dir(world.root());
    let ran = Live::of(&mut shell).end().ended(75).says("hint: free some space or raise the limit");
    assert_eq!(ran.json()["records"]["quarantined"], 0, "an outage judged a document");
    goes_on(&world, "tidegate.db");
}

/// A small file system, unmounted when dropped.
struct Small<'a>(&'a World);

impl<'a> Small<'a> {
    /// `None` where this user may not mount.
    fn mount(world: &'a World, size: &str) -> Option<Self> {
        std::fs::create_dir(world.path("small")).unwrap();
        let small = Self(world);
        small.run("mount", &["-t", "tmpfs", "-o", size, "tmpfs"]).then_some(small)
    }

    fn run(&self, program: &str, args: &[&str]) -> bool {
        let output = Command::new(program).args(args).arg(self.0.path("small")).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        self.run("umount", &[]);
    }
}

#[test]
fn a_full_disk_stops_resumable() {
    // 100 kB are too few even for an empty store and its log; the others fill at different moments.
    for size in ["size=600k", "size=1200k"] {
        let world = World::new();
        corpus(&world);
        let Some(small) = Small::mount(&world, size) else { return };
        let store = "small/t.db";
        let ran = world.run(&["index", "docs", "--store", store, "--max-hold", "1s", "--json"]).ended(75);
        assert!(ran.err.contains("full") && ran.err.contains("hint: free some space"), "{}", ran.err);
        assert_eq!(ran.json()["records"]["quarantined"], 0, "an outage judged a document");
        assert!(small.run("mount", &["-o", "remount,size=50m"]));
        goes_on(&world, store);
    }
}

#[test]
fn no_room_even_for_an_empty_store_is_told() {
    let world = World::new();
    corpus(&world);
    let Some(_small) = Small::mount(&world, "size=100k") else { return };
    let ran = world.run(&["index", "docs", "--store", "small/t.db", "--max-hold", "1s"]).ended(75);
    assert!(ran.err.contains("full"), "{}", ran.err);
    let left: Vec<_> =
        std::fs::read_dir(world.path("small")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.len() <= 1, "{left:?}");
}
