//! What is known is not worked on again.

use serde_json::Value;

use crate::world::{World, paragraph};

const SECTIONS: usize = 10;

/// One document of each kind, each with a word of its own.
fn corpus(world: &World) {
    let sections: String = (0..SECTIONS)
        .map(|i| format!("## Part {i}\n\n{}\n\n", paragraph(&format!("part{i}"), 120)))
        .collect();
    world.write("docs/guide.md", format!("# Guide\n\n{sections}"));
    world.write(
        "docs/sub/page.html",
        format!("<html><body><h1>Page</h1><p>{}</p></body></html>", paragraph("htmlword", 80)),
    );
    world.write("docs/notes.txt", paragraph("plainword", 80));
    world.write("docs/table.csv", "name,colour\ncsvword,red\nother,blue\n");
    world.write("docs/data.json", r#"{"title": "x", "body": "a jsonword of some length, and more"}"#);
    world.write("docs/lib.rs", "/// Says rustword.\npub fn say() -> &'static str {\n    \"hello\"\n}\n");
}

fn records(report: &Value) -> [u64; 6] {
    ["seen", "stored", "unchanged", "quarantined", "deleted", "pending"]
        .map(|name| report["records"][name].as_u64().unwrap())
}

fn texts(report: &Value) -> u64 {
    report["embedded"]["texts"].as_u64().unwrap()
}

#[test]
fn a_second_run_does_nothing() {
    let world = World::new();
    corpus(&world);
    let first = world.index(&["docs"]);
    assert_eq!(records(&first), [6, 6, 0, 0, 0, 0]);
    assert!(texts(&first) >= SECTIONS as u64);
    for (word, holder) in [
        ("part3", "docs/guide.md"),
        ("htmlword", "docs/sub/page.html"),
        ("plainword", "docs/notes.txt"),
        ("csvword", "docs/table.csv"),
        ("jsonword", "docs/data.json"),
        ("rustword", "docs/lib.rs"),
    ] {
        assert_eq!(world.holders(word), [holder]);
    }
    let second = world.index(&["docs"]);
    assert_eq!((records(&second), texts(&second)), ([6, 0, 6, 0, 0, 0], 0));
    assert_eq!(second["chunks"]["written"], 0);
}

#[test]
fn a_renamed_and_touched_folder_costs_nothing() {
    let world = World::new();
    corpus(&world);
    world.index(&["."]);
    std::fs::rename(world.path("docs"), world.path("papers")).unwrap();
    for name in ["guide.md", "sub/page.html", "notes.txt", "table.csv", "data.json", "lib.rs"] {
        let file = std::fs::File::options().append(true).open(world.path("papers").join(name)).unwrap();
        file.set_modified(std::time::SystemTime::now()).unwrap();
    }
    let report = world.index(&["."]);
    assert_eq!((texts(&report), records(&report)), (0, [12, 6, 0, 0, 6, 0]));
    assert_eq!(world.holders("part3"), ["papers/guide.md"]);
    // Touched in place: read, found equal, and nothing is written either.
    let file = std::fs::File::options().append(true).open(world.path("papers/notes.txt")).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    let report = world.index(&["."]);
    assert_eq!((texts(&report), records(&report)), (0, [6, 0, 6, 0, 0, 0]));
    assert_eq!(report["chunks"]["written"], 0);
}

#[test]
fn a_renamed_root_is_followed_and_a_removed_one_is_kept() {
    let world = World::new();
    corpus(&world);
    world.write("other/kept.txt", paragraph("keptword", 40));
    world.index(&["docs"]);
    world.index(&["other"]);
    std::fs::rename(world.path("docs"), world.path("papers")).unwrap();
    std::fs::remove_dir_all(world.path("other")).unwrap();
    let report = world.index(&["papers"]);
    assert_eq!((texts(&report), records(&report)), (0, [12, 6, 0, 0, 6, 0]));
    assert_eq!(world.holders("part3"), ["papers/guide.md"]);
    // Nobody said that what was in the other folder is to go.
    assert_eq!(world.holders("keptword"), ["other/kept.txt"]);
}

#[test]
fn what_was_put_aside_in_a_folder_that_is_gone_stays_unless_it_moved() {
    let world = World::new();
    world.write("docs/cut.json", r#"{"a": "#);
    world.write("other/zero.md", "");
    world.index_to(3, &["docs"]);
    world.index_to(3, &["other"]);
    std::fs::rename(world.path("docs"), world.path("papers")).unwrap();
    std::fs::rename(world.path("other"), world.path("away")).unwrap();
    world.index_to(3, &["papers"]);
    let names: Vec<String> = world.quarantine().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["other/zero.md", "papers/cut.json"]);
}

#[test]
fn of_an_edited_document_only_what_changed_is_embedded() {
    let world = World::new();
    corpus(&world);
    world.index(&["docs"]);
    let text = world.read("docs/guide.md").replace("part7 ", "part7 newword ");
    world.write("docs/guide.md", text);
    let report = world.index(&["docs"]);
    assert_eq!(records(&report), [6, 1, 5, 0, 0, 0]);
    assert!((1..=2).contains(&texts(&report)), "{}", texts(&report));
    assert!(report["chunks"]["reused"].as_u64().unwrap() >= SECTIONS as u64 - 2);
    assert_eq!(world.holders("newword"), ["docs/guide.md"]);
}

#[test]
fn a_file_in_two_places_is_embedded_once() {
    let once = World::new();
    corpus(&once);
    let alone = texts(&once.index(&["docs"]));
    let twice = World::new();
    corpus(&twice);
    twice.write("docs/copy/other.md", twice.read("docs/guide.md"));
    let report = twice.index(&["docs"]);
    assert_eq!((records(&report)[1], texts(&report)), (7, alone));
    assert_eq!(twice.holders("part3"), ["docs/copy/other.md", "docs/guide.md"]);
}

#[test]
fn what_is_deleted_is_removed() {
    let world = World::new();
    corpus(&world);
    world.index(&["docs"]);
    std::fs::remove_file(world.path("docs/notes.txt")).unwrap();
    assert_eq!(records(&world.index(&["docs"])), [6, 0, 5, 0, 1, 0]);
    assert_eq!(world.holders("plainword"), [""; 0]);
    assert_eq!(records(&world.index(&["docs"])), [5, 0, 5, 0, 0, 0]);
}

#[test]
fn a_mass_deletion_needs_to_be_said() {
    let world = World::new();
    for i in 0..150 {
        world.write(&format!("docs/{i:03}.txt"), format!("mark{i} stands in this file"));
    }
    assert_eq!(records(&world.index(&["docs"])), [150, 150, 0, 0, 0, 0]);

    // Moving all of them within the folder is not a deletion.
    std::fs::create_dir(world.path("docs/new")).unwrap();
    for i in 0..150 {
        let name = format!("{i:03}.txt");
        std::fs::rename(world.path("docs").join(&name), world.path("docs/new").join(&name)).unwrap();
    }
    let moved = world.index(&["docs"]);
    assert_eq!((records(&moved), texts(&moved)), ([300, 150, 0, 0, 150, 0], 0));
    assert_eq!(world.holders("mark149"), ["docs/new/149.txt"]);

    for i in 10..150 {
        std::fs::remove_file(world.path(&format!("docs/new/{i:03}.txt"))).unwrap();
    }
    let refused = world.run(&["index", "docs"]).ended(1).says("--allow-delete");
    assert!(refused.err.contains("140"), "{}", refused.err);
    assert_eq!(world.holders("mark149"), ["docs/new/149.txt"]);
    let report = world.index(&["docs", "--allow-delete"]);
    assert_eq!(records(&report), [150, 0, 10, 0, 140, 0]);
    assert_eq!(world.holders("mark149"), [""; 0]);
    assert_eq!(world.holders("mark9"), ["docs/new/009.txt"]);
}

#[test]
fn what_a_run_writes_is_not_what_it_reads() {
    let world = World::new();
    corpus(&world);
    for _ in 0..2 {
        let report = world.run(&["index", ".", "--store", "docs/notes.txt.store", "--json"]).ended(0).json();
        assert_eq!(report["records"]["seen"], 6, "the store is no document");
    }
    std::fs::hard_link(world.path("docs/notes.txt.store"), world.path("docs/link.md")).unwrap();
    let report = world.run(&["index", ".", "--store", "docs/notes.txt.store", "--json"]).ended(0).json();
    assert_eq!(report["records"]["seen"], 6, "nor under another name");

    world.write(
        "lines.toml",
        "[source]\ntype = \"files\"\npaths = [\"docs\"]\nexclude = [\"*.store*\", \"link.md\"]\n[sink]\ntype = \"jsonl\"\npath = \"docs/out.txt\"\n",
    );
    world.run(&["run", "lines.toml"]).ended(0);
    let lines = world.read("docs/out.txt").lines().count();
    world.run(&["run", "lines.toml"]).ended(0);
    assert_eq!(world.read("docs/out.txt").lines().count(), lines, "nor is the output");
}
