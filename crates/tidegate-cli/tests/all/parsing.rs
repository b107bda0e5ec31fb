//! Files that only the sandbox may parse: what is in them is found, what is bad in them costs nothing else.

use crate::world::World;

/// A tar archive of these members.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in members {
        let mut head = [0u8; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[100..108].copy_from_slice(b"0000644\0");
        head[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        head[136..148].copy_from_slice(b"00000000000\0");
        head[156] = b'0';
        head[257..265].copy_from_slice(b"ustar\x0000");
        head[148..156].fill(b' ');
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1_024, 0);
    out
}

fn aside(world: &World) -> Vec<String> {
    let mut keys: Vec<String> = world.quarantine().into_iter().map(|(key, ..)| key).collect();
    keys.sort();
    keys
}

#[test]
fn documents_in_an_archive_have_keys_of_their_own_and_fail_alone() {
    let world = World::new();
    let good: [(&str, &[u8]); 3] = [
        ("x/one.md", b"# One\n\nGranite is a stone."),
        ("two.txt", b"Granite again."),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0"),
    ];
    let with_bad: Vec<_> = good.into_iter().chain([("bad.json", &b"{\"a\": "[..])]).collect();
    world.write("docs/a.tar", tar(&with_bad));
    world.write("docs/plain.txt", "Granite in a plain text.");
    let report = world.index_to(3, &["docs"]);
    assert_eq!((&report["records"]["stored"], &report["parts_quarantined"]), (&2.into(), &1.into()));
    assert_eq!(world.holders("granite"), ["docs/a.tar!/two.txt", "docs/a.tar!/x/one.md", "docs/plain.txt"]);
    assert_eq!(aside(&world), ["docs/a.tar!/bad.json"]);
    let report = world.index_to(3, &["docs"]);
    assert_eq!(report["records"]["unchanged"], 2);
    world.run(&["quarantine", "retry", "docs/a.tar!/bad.json"]).ended(3);
    assert_eq!(world.holders("granite").len(), 3);
    world.write("docs/a.tar", tar(&good));
    world.index(&["docs"]);
    assert!(aside(&world).is_empty());
    std::fs::remove_file(world.path("docs/a.tar")).unwrap();
    world.index(&["docs"]);
    assert_eq!(world.holders("granite"), ["docs/plain.txt"]);
}

#[test]
fn a_broken_file_is_put_aside_and_its_neighbours_are_not() {
    let world = World::new();
    world.write("docs/broken.pdf", "%PDF-1.4\nno such thing");
    world.write("docs/mail.eml", "From: a@b.c\nSubject: Quarry\nMIME-Version: 1.0\n\nGranite by mail.\n");
    world.write("docs/plain.txt", "Granite in a plain text.");
    world.index_to(3, &["docs"]);
    assert_eq!(world.holders("granite"), ["docs/mail.eml", "docs/plain.txt"]);
    assert_eq!(aside(&world), ["docs/broken.pdf"]);
}

#[test]
fn limits_are_those_of_the_format() {
    let world = World::new();
    world.write("docs/a.tar", tar(&[("a.txt", b"Granite one."), ("b.txt", b"Granite two.")]));
    world.write("p.toml", "[source]\ntype = \"files\"\npaths = [\"docs\"]\n[formats.tar]\nmax_entries = 1\n");
    world.run(&["run", "p.toml"]).ended(3);
    assert_eq!(world.quarantine().len(), 1);
    let shown = world.run(&["config", "--effective", "--config", "p.toml"]).ended(0);
    assert!(shown.out.contains("[formats.tar]") && shown.out.contains("[sandbox]"), "{}", shown.out);
}

#[test]
fn without_the_sandbox_such_files_are_put_aside_unread() {
    let world = World::new();
    world.write("docs/a.tar", tar(&[("a.txt", b"Granite one.")]));
    world.write("p.toml", "[source]\ntype = \"files\"\npaths = [\"docs\"]\n[sandbox]\nenabled = false\n");
    world.run(&["run", "p.toml"]).ended(3);
    assert_eq!(aside(&world), ["docs/a.tar"]);
}

#[test]
fn a_parser_started_by_hand_says_nothing() {
    let ran = World::new().run(&["parser-child"]);
    assert_eq!((ran.code(), ran.out.as_str()), (Some(2), ""));
}
