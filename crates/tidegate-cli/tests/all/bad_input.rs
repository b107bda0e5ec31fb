//! One bad document never costs another, and is put aside with a true reason.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::world::{World, until};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

#[test]
fn a_path_that_does_not_exist_is_told_with_the_nearest_one() {
    let world = World::new();
    world.write("documents/a.md", "x");
    let ran = world.run(&["index", "documents/sub/none"]).ended(2);
    assert!(ran.err.contains("documents/sub/none") && ran.err.contains("documents"), "{}", ran.err);
    assert!(ran.err.contains("hint:"), "{}", ran.err);
    world.run(&["index", "docments"]).ended(2).says("documents");
    assert!(!world.path("tidegate.db").exists(), "a mistyped path left a store behind");
}

#[test]
fn an_empty_folder_is_no_error() {
    let world = World::new();
    std::fs::create_dir(world.path("docs")).unwrap();
    world.run(&["index", "docs"]).ended(0).says("nothing to index: no documents in docs");
    let report = world.index(&["docs"]);
    assert_eq!(report["records"]["seen"], 0);
    assert_eq!(world.hits(&["anything"]).len(), 0);
}

/// Every bad document there is, with the stage and class it must be put aside with.
fn bad(world: &World) -> Vec<(&'static str, &'static str, &'static str)> {
    world.write("docs/zero.md", "");
    world.write("docs/blank.txt", " \n\t\n");
    world.write("docs/photo.md", PNG);
    world.write("docs/deep.html", format!("{}x{}", "<div>".repeat(10_000), "</div>".repeat(10_000)));
    world.write("docs/deep.json", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
    world.write("docs/cut.json", r#"{"a": "#);
    let noise: Vec<u8> = (0..4_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    world.write("docs/noise.txt", noise);
    world.write("docs/nul.txt", "text \0 with \0 zero \0 bytes");
    symlink(world.path("docs/self.md"), world.path("docs/self.md")).unwrap();
    symlink("nowhere", world.path("docs/dangling.md")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        world.path("docs/pipe.md"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    vec![
        ("docs/blank.txt", "parse", "empty"),
        ("docs/cut.json", "parse", "malformed"),
        ("docs/dangling.md", "fetch", "not_a_file"),
        ("docs/deep.html", "parse", "too_deep"),
        ("docs/deep.json", "parse", "too_deep"),
        ("docs/noise.txt", "parse", "encoding"),
        ("docs/nul.txt", "parse", "encoding"),
        ("docs/photo.md", "parse", "unsupported"),
        ("docs/pipe.md", "fetch", "not_a_file"),
        ("docs/self.md", "fetch", "not_a_file"),
        ("docs/zero.md", "parse", "empty"),
    ]
}

/// Documents that look odd and are good.
fn good(world: &World) -> Vec<(&'static str, String)> {
    world.write("docs/good.md", "# Good\n\nThe goodword is here.\n");
    let mut latin =
        b"latinword na\xefve caf\xe9 d\xe9j\xe0 vu, tr\xe8s fran\xe7ais et \xe9l\xe9gant. ".repeat(5);
    latin.push(b'\n');
    world.write("docs/latin.txt", latin);
    let wide: Vec<u8> =
        "\u{feff}wideword größer, in UTF-16\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    world.write("docs/wide.txt", wide);
    let odd = world.path("docs").join(OsStr::from_bytes(b"caf\xe9.md"));
    std::fs::write(odd, "oddword in a file with an odd name").unwrap();
    world.write("docs/esc\u{1b}[31m.md", "escword in a file with a worse name");
    symlink(world.path("docs"), world.path("docs/round")).unwrap();
    let name = |name: &str| name.to_owned();
    vec![
        ("goodword", name("docs/good.md")),
        ("naïve", name("docs/latin.txt")),
        ("größer", name("docs/wide.txt")),
        ("oddword", name("docs/caf%E9.md")),
        ("escword", name("docs/esc%1B[31m.md")),
    ]
}

fn owned(items: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    items.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
}

#[test]
fn every_bad_document_is_put_aside_and_every_good_one_stored() {
    let world = World::new();
    let (good, bad) = (good(&world), bad(&world));
    let report = world.index_to(3, &["docs"]);
    assert_eq!(world.quarantine(), owned(&bad));
    assert_eq!(report["records"]["quarantined"], bad.len());
    assert_eq!(report["records"]["stored"], good.len());
    for (word, holder) in &good {
        assert_eq!(world.holders(word), std::slice::from_ref(holder));
    }

    // The same again: nothing is tried again, and it is still said.
    let again = world.index_to(3, &["docs"]);
    assert_eq!(again["records"]["stored"], 0);
    assert_eq!(world.quarantine(), owned(&bad));
    let listed = world.run(&["quarantine", "list", "--class", "too_deep"]).ended(0);
    assert!(listed.out.contains("deep.html") && !listed.out.contains("photo.md"), "{}", listed.out);
}

#[test]
fn links_that_leave_the_folder_are_left_out_and_said() {
    let world = World::new();
    world.write("docs/a.md", "aword");
    world.write("more/outside.md", "outsideword");
    symlink(world.path("more/outside.md"), world.path("docs/file.md")).unwrap();
    symlink(world.path("more"), world.path("docs/folder")).unwrap();
    world.run(&["index", "docs"]).ended(0).says("2 links that leave the folder");
    assert_eq!(world.holders("outsideword"), [""; 0]);
    assert_eq!(world.quarantine(), owned(&[]));

    // A good document of which such a link takes the place is removed, as any other that is left out.
    std::fs::remove_file(world.path("docs/a.md")).unwrap();
    symlink(world.path("more/outside.md"), world.path("docs/a.md")).unwrap();
    assert_eq!(world.index(&["docs"])["records"]["deleted"], 1);

    // What is named is followed.
    assert_eq!(world.index(&["docs/folder"])["records"]["stored"], 1);
    assert_eq!(world.holders("outsideword"), ["more/outside.md"]);
}

#[test]
fn an_unreadable_file_is_put_aside() {
    if rustix::process::getuid().is_root() {
        return; // nothing is unreadable to this user
    }
    let world = World::new();
    world.write("docs/a.md", "aword");
    world.write("docs/secret.md", "secretword");
    std::fs::set_permissions(world.path("docs/secret.md"), std::fs::Permissions::from_mode(0o000)).unwrap();
    world.index_to(3, &["docs"]);
    assert_eq!(world.quarantine(), owned(&[("docs/secret.md", "fetch", "unreadable")]));
}

#[test]
fn a_mended_file_is_stored_by_a_retry_and_only_it() {
    let world = World::new();
    world.write("docs/a.md", "aword");
    world.write("docs/cut.json", r#"{"a": "#);
    world.write("docs/zero.md", "");
    world.index_to(3, &["docs"]);
    let shown = world.run(&["quarantine", "show", "docs/cut.json"]).ended(0);
    assert!(shown.out.contains("malformed") && shown.out.contains(r#"{"a": "#), "{}", shown.out);
    world.run(&["quarantine", "show", "docs/a.md"]).ended(2).says("is not in the quarantine");

    world.write("docs/cut.json", r#"{"a": "mendedword and some more"}"#);
    let report = world.run(&["quarantine", "retry", "--all", "--json"]).ended(3).json();
    assert_eq!(
        (&report["records"]["stored"], &report["records"]["quarantined"], &report["records"]["unchanged"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!(world.holders("mendedword"), ["docs/cut.json"]);
    assert_eq!(world.quarantine(), owned(&[("docs/zero.md", "parse", "empty")]));

    world.run(&["quarantine", "drop", "--all"]).ended(0).says("dropped 1");
    assert_eq!(world.quarantine(), []);
    // It is still bad: tried as new, and put aside again.
    world.index_to(3, &["docs"]);
    assert_eq!(world.quarantine().len(), 1);
}

#[test]
fn a_good_document_that_turns_bad_stays_findable_as_it_was() {
    let world = World::new();
    world.write("docs/data.json", r#"{"a": "firstword and some more"}"#);
    world.index(&["docs"]);
    world.write("docs/data.json", r#"{"a": "second"#);
    world.index_to(3, &["docs"]);
    assert_eq!(world.holders("firstword"), ["docs/data.json"]);
    world.write("docs/data.json", r#"{"a": "firstword and some more"}"#);
    world.index(&["docs"]);
    assert_eq!(world.quarantine(), []);
}

#[test]
fn a_pipe_named_by_the_user_does_not_hang() {
    let world = World::new();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        world.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let mut live = world.start(&["index", "pipe"]);
    until("the end", || (!live.runs()).then_some(()));
    let ran = live.end();
    assert!(matches!(ran.code(), Some(2 | 3)), "{ran:?}");
}

#[test]
fn a_file_over_the_limit_is_stored_once_the_limit_is_raised() {
    let world = World::new();
    world.write("docs/large.txt", "largeword ".repeat(1_000));
    let tries = || {
        world.index_to(3, &["docs", "--max-file-size", "1KB"]);
        assert_eq!(world.quarantine(), owned(&[("docs/large.txt", "fetch", "too_large")]));
        world.run(&["quarantine", "list", "--json"]).json()[0]["attempts"].as_u64().unwrap()
    };
    // While a file is new, its times do not prove that it did not change, and it is tried again.
    let mut before = tries();
    until("a file old enough to be known by its times", || {
        let now = tries();
        (std::mem::replace(&mut before, now) == now).then_some(())
    });
    let report = world.index(&["docs"]);
    assert_eq!(report["records"]["stored"], 1);
    assert_eq!((world.quarantine(), world.holders("largeword")), (vec![], vec!["docs/large.txt".to_owned()]));
}
