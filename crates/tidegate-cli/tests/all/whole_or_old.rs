//! Readers see a document's old version or its new one, never a mix, never a hole.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate::{Index, Mode, SearchOptions};

use crate::world::{World, paragraph};

const PARTS: usize = 6;
const VERSIONS: usize = 200;

/// A version of the document: every chunk holds the word "everywhere" and the version's own.
fn version(n: usize) -> String {
    (0..PARTS)
        .map(|part| {
            format!(
                "## Part {part}\n\neverywhere version{n}x {}\n\n",
                paragraph(&format!("p{part}v{n}"), 140)
            )
        })
        .collect()
}

#[test]
fn a_reader_never_sees_a_mix_or_a_hole() {
    let world = World::new();
    world.write("docs/changing.md", version(0));
    world.write("docs/other.md", "another document");
    world.index(&["docs"]);
    let chunks = world.hits(&["--mode", "text", "--limit", "1000", "everywhere"]).len();
    assert!(chunks >= PARTS, "{chunks}");
    let store = world.path("tidegate.db");
    let over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let index = Index::open(store.to_str().unwrap()).unwrap();
            let mut seen = BTreeSet::new();
            let mut mode = [Mode::Text, Mode::Hybrid, Mode::Vector].into_iter().cycle();
            while !over.load(Ordering::Acquire) {
                let mode = mode.next().unwrap();
                let options = SearchOptions { mode, limit: 1_000, ..SearchOptions::default() };
                let found = index.search("everywhere", &options).unwrap();
                let hits: Vec<_> =
                    found.hits.iter().filter(|hit| hit.source.ends_with("changing.md")).collect();
                let versions: BTreeSet<&str> = hits
                    .iter()
                    .map(|hit| hit.text.split_whitespace().find(|word| word.starts_with("version")).unwrap())
                    .collect();
                assert_eq!((hits.len(), versions.len()), (chunks, 1), "{mode:?}: {versions:?}");
                seen.insert((*versions.first().unwrap()).to_owned());
            }
            seen
        });
        for n in 1..=VERSIONS {
            world.write("docs/changing.md", version(n));
            let report = world.run(&["index", "docs", "--json"]);
            if report.code() != Some(0) || reader.is_finished() {
                over.store(true, Ordering::Release);
                panic!("version {n}: {report:?}");
            }
        }
        over.store(true, Ordering::Release);
        reader.join().unwrap()
    });
    assert!(seen.len() > VERSIONS / 4, "the reader saw {} versions only", seen.len());
}
