//! Searching while others write, and the three modes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate_core::{FaultKind, Ledger as _, Outcome};

use super::world::*;
use crate::{Filter, Mode, OpenMode, Query, Searcher, Store};

fn hybrid(text: &str) -> Query {
    Query { vector: Some(vector(text).to_vec()), ..Query::new(text, Mode::Hybrid) }
}

#[tokio::test]
async fn each_mode_finds_and_says_why() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let mut units: Vec<_> = (0..30)
        .map(|at| {
            let text = format!("filler text number {at}");
            stored(&format!("/d/{at}"), "v1", at, &[&text])
        })
        .collect();
    units.push(stored("/d/moon", "v1", 99, &["the moon pulls the sea"]));
    ledger.commit(&commit(units)).await.unwrap();
    let searcher = Searcher::new(world.store.clone());

    let text = searcher.search(&Query::new("moon", Mode::Text)).unwrap();
    assert_eq!((text.len(), text[0].source.as_str(), text[0].rank), (1, "/d/moon", 1));
    assert!(text[0].parts.vector.is_none() && text[0].parts.text.unwrap() > 0.0);
    assert_eq!(text[0].heading, ["Heading"]);
    assert_eq!(text[0].span, (0, 22));

    let near = Query { text: None, ..hybrid("the moon pulls the sea") };
    let found = searcher.search(&Query { mode: Mode::Vector, ..near }).unwrap();
    assert_eq!(found[0].source, "/d/moon");
    assert!((found[0].score - 1.0).abs() < 1e-5);
    assert_eq!(found.len(), 10);

    let both = searcher.search(&hybrid("the moon pulls the sea")).unwrap();
    assert_eq!(both[0].source, "/d/moon");
    assert!((both[0].score - 1.0).abs() < 1e-5, "{}", both[0].score);
    assert!(both.windows(2).all(|pair| pair[0].score >= pair[1].score));
    // A chunk only the words found has its cosine too.
    let words = searcher.search(&Query { text: Some("moon".into()), ..hybrid("filler") }).unwrap();
    let moon = words.iter().find(|hit| hit.source == "/d/moon").unwrap();
    assert!(moon.parts.vector.is_some() && moon.parts.text.is_some());
    assert_eq!(searcher.codes_in_memory(), 31);
}

#[tokio::test]
async fn codes_follow_the_file() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let reader = Searcher::new(Store::open(&world.url(), OpenMode::Read).unwrap());
    let best = |text: &str| {
        let query = Query { mode: Mode::Vector, ..hybrid(text) };
        reader.search(&query).unwrap().first().map(|hit| (hit.source.clone(), hit.score > 0.999))
    };
    assert_eq!(best("moon"), None);
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    assert_eq!(best("moon"), Some(("a".into(), true)));
    ledger
        .commit(&commit(vec![stored("a", "v2", 1, &["sun"]), stored("b", "v1", 2, &["moon"])]))
        .await
        .unwrap();
    assert_eq!(best("moon"), Some(("b".into(), true)));
    assert_eq!(best("sun"), Some(("a".into(), true)));
    ledger.commit(&commit(vec![plain("b", "v1", 3, Outcome::Deleted)])).await.unwrap();
    assert_eq!(best("moon").map(|hit| hit.1), Some(false));
    ledger.commit(&commit(vec![stored("b", "v1", 4, &["moon"])])).await.unwrap();
    let again = reader.search(&Query { mode: Mode::Vector, ..hybrid("moon") }).unwrap();
    assert_eq!(again.len(), 2, "a code that came back counts once");
}

#[tokio::test]
async fn filters_hold_in_every_mode() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let unit = |at: u64| {
        // Few have the field, and they are not the nearest.
        let mut unit = stored(&format!("/d/{at}"), "v1", at, &[&format!("moon {at}"), "moon"]);
        let rare = at % 100 == 7;
        for record in &mut unit.records {
            Arc::make_mut(&mut record.fields).insert("rare".into(), rare.into());
            Arc::make_mut(&mut record.fields).insert("title".into(), format!("Title {at}").into());
        }
        unit
    };
    ledger.commit(&commit((0..300).map(unit).collect())).await.unwrap();
    let searcher = Searcher::new(world.store.clone());
    for mode in [Mode::Text, Mode::Vector, Mode::Hybrid] {
        let filter = Some(Filter::parse("rare = true").unwrap());
        let hits = searcher.search(&Query { mode, filter, limit: 50, ..hybrid("moon") }).unwrap();
        let mut sources: Vec<&str> = hits.iter().map(|hit| hit.source.as_str()).collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources, ["/d/107", "/d/207", "/d/7"], "{mode:?}");
        assert_eq!(hits.len(), 6);
        assert!(hits[0].title.as_ref().unwrap().starts_with("Title"));
    }
}

#[tokio::test]
async fn a_query_without_what_its_mode_needs_is_refused() {
    let world = World::new();
    let searcher = Searcher::new(world.store.clone());
    for query in [
        Query { text: None, ..Query::new("", Mode::Text) },
        Query::new("x", Mode::Vector),
        Query { text: None, ..Query::new("", Mode::Hybrid) },
        Query { vector: Some(vec![f32::NAN]), ..Query::new("x", Mode::Vector) },
    ] {
        assert_eq!(searcher.search(&query).unwrap_err().kind(), FaultKind::Config);
    }
    assert!(
        searcher
            .search(&Query { vector: Some(vec![0.0; 64]), ..Query::new("x", Mode::Vector) })
            .unwrap()
            .is_empty()
    );
    assert!(searcher.search(&Query::new("x", Mode::Hybrid)).unwrap().is_empty());
}

#[tokio::test]
async fn a_reader_never_sees_a_mix_or_a_hole() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let write = |at: u64| {
        let texts: Vec<String> = (0..5).map(|part| format!("moon part {part} edition e{at}e")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        commit(vec![stored("/d/one", &format!("v{at}"), at, &texts)])
    };
    ledger.commit(&write(0)).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (url, done) = (world.url(), stop.clone());
    let reader = std::thread::spawn(move || {
        let searcher = Searcher::new(Store::open(&url, OpenMode::Read).unwrap());
        let (mut rounds, mut editions) = (0, std::collections::BTreeSet::new());
        while !done.load(Ordering::Relaxed) || rounds < 10 {
            for mode in [Mode::Text, Mode::Hybrid] {
                let hits = searcher.search(&Query { mode, ..hybrid("moon part edition") }).unwrap();
                let seen: std::collections::BTreeSet<String> =
                    hits.iter().map(|hit| hit.text.rsplit(' ').next().unwrap().to_owned()).collect();
                assert_eq!((hits.len(), seen.len()), (5, 1), "{seen:?}");
                editions.extend(seen);
            }
            rounds += 1;
        }
        editions.len()
    });
    for at in 1..=200 {
        ledger.commit(&write(at)).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 1, "the reader saw several editions");
    world.assert_sound();
}
