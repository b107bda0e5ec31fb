//! `index --watch`: what happens in the folder happens in the store.

use rustix::process::Signal;

use crate::world::{Live, World, until};

/// Waits until exactly these documents hold the word.
fn visible(world: &World, live: &mut Live, word: &str, holders: &[&str]) {
    until(&format!("{word} in {holders:?}"), || {
        assert!(live.runs(), "it ended: {}", live.err());
        (world.holders(word) == holders).then_some(())
    });
}

#[test]
fn changes_become_visible_and_a_signal_ends_it() {
    let world = World::new();
    world.write("docs/first.md", "firstword");
    let mut live = world.start(&["index", "docs", "--watch"]);
    live.wait_for("following for changes");
    assert_eq!(world.holders("firstword"), ["docs/first.md"]);

    world.write("docs/second.md", "secondword");
    visible(&world, &mut live, "secondword", &["docs/second.md"]);
    world.write("docs/first.md", "changedword");
    visible(&world, &mut live, "changedword", &["docs/first.md"]);
    visible(&world, &mut live, "firstword", &[]);
    std::fs::rename(world.path("docs/second.md"), world.path("docs/renamed.md")).unwrap();
    visible(&world, &mut live, "secondword", &["docs/renamed.md"]);
    world.write("docs/new/deep/third.md", "thirdword");
    visible(&world, &mut live, "thirdword", &["docs/new/deep/third.md"]);
    std::fs::rename(world.path("docs/new"), world.path("docs/newer")).unwrap();
    visible(&world, &mut live, "thirdword", &["docs/newer/deep/third.md"]);
    std::fs::remove_dir_all(world.path("docs/newer")).unwrap();
    visible(&world, &mut live, "thirdword", &[]);
    std::fs::remove_file(world.path("docs/first.md")).unwrap();
    visible(&world, &mut live, "changedword", &[]);
    // A save in the way of editors: written beside, then moved over.
    world.write("docs/.renamed.md.swp", "savedword");
    std::fs::rename(world.path("docs/.renamed.md.swp"), world.path("docs/renamed.md")).unwrap();
    visible(&world, &mut live, "savedword", &["docs/renamed.md"]);

    live.signal(Signal::INT);
    let ran = live.end().ended(0);
    assert!(!ran.err.contains("error") && !ran.err.contains("nothing to index"), "{}", ran.err);
    let report = world.index(&["docs"]);
    assert_eq!((&report["records"]["unchanged"], &report["embedded"]["texts"]), (&1.into(), &0.into()));
}

#[test]
fn a_bad_file_does_not_end_it_and_a_mended_one_is_stored() {
    let world = World::new();
    world.write("docs/a.md", "aword");
    let mut live = world.start(&["index", "docs", "--watch"]);
    live.wait_for("following for changes");
    world.write("docs/bad.json", "{\"a\": ");
    until("it in the quarantine", || (world.quarantine().len() == 1).then_some(()));
    live.wait_for("something was put aside");
    world.write("docs/bad.json", "{\"a\": \"mendedword\"}");
    visible(&world, &mut live, "mendedword", &["docs/bad.json"]);
    until("it out of the quarantine", || world.quarantine().is_empty().then_some(()));
    live.signal(Signal::TERM);
    live.end().ended(0);
}

#[test]
fn an_empty_folder_can_be_followed() {
    let world = World::new();
    std::fs::create_dir(world.path("docs")).unwrap();
    let mut live = world.start(&["index", "docs", "--watch"]);
    live.wait_for("following for changes");
    world.write("docs/a.md", "aword");
    visible(&world, &mut live, "aword", &["docs/a.md"]);
    live.signal(Signal::INT);
    live.end().ended(0);
}
