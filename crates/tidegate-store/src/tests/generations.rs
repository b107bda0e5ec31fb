//! Generations: built beside the active one, switched to at once, and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate_core::{ContentHash, Embedded, FaultKind, Ledger as _, Outcome, Unit};

use super::world::*;
use crate::search::Answer;
use crate::{
    Building, GenerationState, Guard, Mode, NewGeneration, OpenMode, PipelineRun, Prune, Query, Searcher,
    Store, Switch,
};

const DOCUMENTS: u64 = 20;

fn new(settings: &str) -> NewGeneration {
    NewGeneration { embedder: "other".to_owned(), dimensions: 8, settings: settings.to_owned() }
}

async fn building(world: &World) -> Building {
    world.store.build_generation(new("{}")).await.unwrap()
}

/// A document of one chunk with a vector of another model and length.
fn other(key: &str, version: &str, ordinal: u64, text: &str) -> Unit {
    let mut unit = stored(key, version, ordinal, &[text]);
    let key = ContentHash::of_parts(&[b"other", text.as_bytes()]);
    let vector = vector(text)[..8].into();
    unit.records[0].set_embedded(Embedded { vector, key });
    unit
}

fn text_of(at: u64, word: &str) -> String {
    format!("{word} tide number {at}")
}

/// A store with documents in its first generation.
async fn filled() -> World {
    let world = World::new();
    let ledger = world.run("r1").await;
    let units = (0..DOCUMENTS).map(|at| stored(&format!("/d/{at}"), "v1", at, &[&text_of(at, "old")]));
    ledger.commit(&commit(units.collect())).await.unwrap();
    world
}

/// Puts `count` documents into a generation that is being built.
async fn fill(world: &World, building: &Building, count: u64) {
    let run =
        PipelineRun { generation: Some(building.id()), model: "other", ..PipelineRun::new("p", "f2", "r2") };
    let ledger = world.store.ledger(run).await.unwrap();
    let units = (0..count).map(|at| other(&format!("/d/{at}"), "v1", at, &text_of(at, "new")));
    ledger.commit(&commit(units.collect())).await.unwrap();
}

/// How many documents `word` finds.
fn found(world: &World, word: &str) -> u64 {
    let searcher = Searcher::new(world.store.clone());
    searcher.search(&Query { limit: 100, ..Query::new(word, Mode::Text) }).unwrap().len() as u64
}

fn done(switch: Switch) -> crate::Switched {
    match switch {
        Switch::Done(switched) => switched,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_being_built_is_seen_and_weighed_by_nobody_until_the_switch() {
    let world = filled().await;
    let searcher = Searcher::new(world.store.clone());
    let hybrid = |text: &str| Query { vector: Some(vector(text).to_vec()), ..Query::new(text, Mode::Hybrid) };
    let before = searcher.search(&hybrid("old tide number 3")).unwrap();
    let building = building(&world).await;
    fill(&world, &building, DOCUMENTS).await;
    assert_eq!(searcher.search(&hybrid("old tide number 3")).unwrap(), before, "to the last digit");
    assert!(world.found("new").is_empty());
    assert_eq!(searcher.codes_in_memory(), DOCUMENTS as usize);
    let status = world.store.status().unwrap();
    assert_eq!((status.documents, status.chunks, status.orphans), (DOCUMENTS, DOCUMENTS, 0));

    let switched = done(building.switch(Guard::default(), None).await.unwrap());
    assert_eq!((switched.from, switched.to, switched.differing), (1, 2, 0));
    assert!(world.found("old").is_empty());
    assert_eq!(found(&world, "new"), DOCUMENTS);
    let near =
        Query { vector: Some(vector(&text_of(3, "new"))[..8].to_vec()), ..Query::new("x", Mode::Vector) };
    assert_eq!(searcher.search(&near).unwrap()[0].source, "/d/3");
    assert_eq!(searcher.codes_in_memory(), DOCUMENTS as usize);
    assert_eq!(world.store.models().unwrap(), [("other".to_owned(), 8)]);

    // Back again, and what was is there to the last digit.
    done(world.store.switch_generation(1, Guard::default()).await.unwrap());
    assert_eq!(searcher.search(&hybrid("old tide number 3")).unwrap(), before);
    let fault = world.store.switch_generation(1, Guard::default()).await.unwrap_err();
    assert!(fault.to_string().contains("active already"), "{fault}");
    world.assert_sound();
}

#[tokio::test]
async fn readers_see_one_generation_or_the_other_whatever_happens() {
    let world = filled().await;
    let building = building(&world).await;
    fill(&world, &building, DOCUMENTS).await;
    let (stop, reader) =
        (Arc::new(AtomicBool::new(false)), Store::open(&world.url(), OpenMode::Read).unwrap());
    let looking = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let searcher = Searcher::new(reader);
            let mut seen = [0; 2];
            while !stop.load(Ordering::SeqCst) || seen.contains(&0) {
                let hits = searcher.search(&Query { limit: 100, ..Query::new("tide", Mode::Text) }).unwrap();
                let new = hits.iter().filter(|hit| hit.text.starts_with("new")).count();
                assert_eq!(hits.len(), DOCUMENTS as usize);
                assert!(new == 0 || new == hits.len(), "{new} of {}", hits.len());
                seen[usize::from(new > 0)] += 1;
            }
        }
    });
    done(building.switch(Guard::default(), None).await.unwrap());
    for turn in 0..200 {
        done(world.store.switch_generation(1 + turn % 2, Guard::default()).await.unwrap());
    }
    stop.store(true, Ordering::SeqCst);
    // If the reader has not met both by now, it meets them here.
    let mut turn = 0;
    while !looking.is_finished() {
        done(world.store.switch_generation(1 + turn % 2, Guard::default()).await.unwrap());
        turn += 1;
    }
    looking.join().unwrap();
}

#[tokio::test]
async fn a_query_meant_for_one_generation_is_not_answered_from_another() {
    let world = filled().await;
    let searcher = Searcher::new(world.store.clone());
    let query = Query { generation: Some(1), ..Query::new("tide", Mode::Text) };
    assert!(matches!(searcher.answer(&query).unwrap(), Answer::Hits(hits) if !hits.is_empty()));
    let building = building(&world).await;
    fill(&world, &building, DOCUMENTS).await;
    assert!(matches!(searcher.answer(&query).unwrap(), Answer::Hits(_)));
    done(building.switch(Guard::default(), None).await.unwrap());
    assert_eq!(searcher.answer(&query).unwrap(), Answer::Switched);
    assert_eq!(world.store.active_settings().unwrap().generation, 2);
}

#[tokio::test]
async fn building_goes_on_where_it_was_and_one_builder_works_at_a_time() {
    let world = filled().await;
    let first = building(&world).await;
    assert!(!first.resumed());
    let fault = world.store.build_generation(new("{}")).await.err().unwrap();
    assert_eq!(fault.kind(), FaultKind::Guarded);
    assert!(fault.to_string().contains("generation 2"), "{fault}");
    fill(&world, &first, 7).await;
    drop(first);
    let again = building(&world).await;
    assert!(again.resumed());
    assert_eq!(again.id(), 2);
    let listed = world.store.generations().unwrap();
    assert_eq!((listed[1].row.state, listed[1].documents), (GenerationState::Building, 7));
    assert_eq!(listed[1].differing, DOCUMENTS - 7);
    let fault = world.store.build_generation(new(r#"{"chunk":1}"#)).await.err().unwrap();
    assert_eq!(fault.kind(), FaultKind::Config);
    assert!(fault.hint_text().unwrap().contains("tidegate generations drop 2"), "{fault:?}");
}

#[tokio::test]
async fn a_generation_that_lacks_too_much_is_not_switched_to() {
    let world = filled().await;
    let building = building(&world).await;
    fill(&world, &building, 14).await;
    let lacks = Switch::Lacks { lost: 6, known: DOCUMENTS };
    assert_eq!(building.switch(Guard::default(), None).await.unwrap(), lacks);
    assert_eq!(world.store.active_generation().unwrap(), 1);
    fill(&world, &building, 15).await;
    let id = building.id();
    drop(building);
    assert_eq!(done(world.store.switch_generation(id, Guard::default()).await.unwrap()).differing, 5);

    // All of them is never few.
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("/d/1", "v1", 0, &["moon"])])).await.unwrap();
    let building = world.store.build_generation(new("{}")).await.unwrap();
    let lacks = Switch::Lacks { lost: 1, known: 1 };
    assert_eq!(building.switch(Guard::default(), None).await.unwrap(), lacks);
    done(building.switch(Guard { allow: true, ..Guard::default() }, None).await.unwrap());
}

#[tokio::test]
async fn what_changed_while_documents_were_taken_over_holds_the_switch() {
    let world = filled().await;
    let building = building(&world).await;
    fill(&world, &building, DOCUMENTS).await;
    let ledger = world.run("r3").await;
    let changed = stored("/d/3", "v2", 0, &["old tide, high"]);
    let gone = plain("/d/5", "v1", 1, Outcome::Deleted);
    ledger.commit(&commit(vec![changed, gone, quarantined("/d/bad", "v1", 2)])).await.unwrap();
    let carried = || Some(vec![("f1".to_owned(), "f2".to_owned())]);
    assert_eq!(building.switch(Guard::default(), carried()).await.unwrap(), Switch::Behind(1));
    assert_eq!(world.store.active_generation().unwrap(), 1);
    let run = PipelineRun { generation: Some(2), model: "other", ..PipelineRun::new("p", "f2", "r4") };
    let into = world.store.ledger(run).await.unwrap();
    into.commit(&commit(vec![other("/d/3", "v2", 0, "new tide, high")])).await.unwrap();
    drop(into);
    done(building.switch(Guard::default(), carried()).await.unwrap());
    assert_eq!(found(&world, "tide"), DOCUMENTS - 1, "what is gone is gone there too");
    assert_eq!(world.found("high"), ["/d/3"]);
    let aside = world.store.quarantine_list().unwrap();
    assert_eq!(aside.len(), 1, "what was put aside is put aside there too");
    let ledger = world.store.ledger(PipelineRun::new("p", "f2", "r5")).await.unwrap();
    assert!(matches!(verdict(&ledger, "/d/bad", "v1").await, tidegate_core::Verdict::StillQuarantined));
    assert!(matches!(verdict(&ledger, "/d/4", "v1").await, tidegate_core::Verdict::Unchanged));
}

#[tokio::test]
async fn runs_of_the_active_generation_go_on_while_another_is_built() {
    let world = filled().await;
    let building = building(&world).await;
    let into = PipelineRun { generation: Some(building.id()), ..PipelineRun::new("p", "f2", "r2") };
    let into = world.store.ledger(into).await.unwrap();
    let ledger = world.run("r3").await;
    ledger.commit(&commit(vec![stored("/d/x", "v1", 0, &["old moon"])])).await.unwrap();
    assert_eq!(world.found("moon"), ["/d/x"]);
    assert_eq!((into.generation(), ledger.generation()), (2, 1));
    drop((into, building));

    // After the switch, a run that began before goes on in the generation that it began in.
    done(world.store.switch_generation(2, Guard { allow: true, ..Guard::default() }).await.unwrap());
    ledger.commit(&commit(vec![stored("/d/y", "v1", 1, &["old moon"])])).await.unwrap();
    assert!(world.found("moon").is_empty());
    let fault = world.store.drop_generation(1).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Guarded);
    drop(ledger);
    world.store.drop_generation(1).await.unwrap();
}

#[tokio::test]
async fn dropping_frees_everything_but_what_was_paid_for() {
    let world = filled().await;
    let settings = world.run("r9").await;
    settings.remember_settings("a", "1").await.unwrap();
    drop(settings);
    let building = building(&world).await;
    fill(&world, &building, DOCUMENTS).await;
    assert_eq!(world.store.drop_generation(1).await.unwrap_err().kind(), FaultKind::Config);
    assert_eq!(world.store.drop_generation(2).await.unwrap_err().kind(), FaultKind::Guarded);
    done(building.switch(Guard::default(), None).await.unwrap());
    drop(building);
    // What the previous generation points to is in use until it is dropped.
    let pruned = world.store.prune_journal(Prune::default()).await.unwrap();
    assert_eq!(pruned.vectors, 0);
    let dropped = world.store.drop_generation(1).await.unwrap();
    assert_eq!((dropped.documents, dropped.chunks), (DOCUMENTS, DOCUMENTS));
    assert_eq!(
        world.count("SELECT count(*) FROM sqlite_schema WHERE name IN ('chunk', 'code', 'text_index')"),
        0
    );
    assert_eq!(world.count("SELECT count(*) FROM source"), DOCUMENTS as i64);
    assert_eq!(world.count("SELECT count(*) FROM pipeline"), 1);
    assert_eq!(world.store.runs(10).unwrap().len(), 3, "the list of runs stays");
    assert_eq!(world.store.status().unwrap().orphans, DOCUMENTS);
    assert_eq!(world.store.prune_journal(Prune::default()).await.unwrap().vectors, DOCUMENTS);
    assert_eq!(found(&world, "new"), DOCUMENTS);
    for absent in [1, 9] {
        let fault = world.store.switch_generation(absent, Guard::default()).await.unwrap_err();
        assert!(fault.hint_text().unwrap().contains("generations list"), "{fault}");
    }
    let run = PipelineRun { generation: Some(1), ..PipelineRun::new("p", "f1", "r5") };
    assert_eq!(world.store.ledger(run).await.err().unwrap().kind(), FaultKind::Fenced);
    world.store.check().unwrap();
}

#[tokio::test]
async fn pipelines_whose_records_go_elsewhere_know_no_generations() {
    let world = filled().await;
    let elsewhere =
        |run: &'static str| PipelineRun { outcomes_only: true, ..PipelineRun::new("export", "f1", run) };
    let ledger = world.store.ledger(elsewhere("e1")).await.unwrap();
    ledger.commit(&commit(vec![plain("/d/1", "v1", 0, Outcome::Stored)])).await.unwrap();
    drop(ledger);
    let building = building(&world).await;
    fill(&world, &building, DOCUMENTS).await;
    done(building.switch(Guard::default(), None).await.unwrap());
    drop(building);
    world.store.drop_generation(1).await.unwrap();
    let ledger = world.store.ledger(elsewhere("e2")).await.unwrap();
    assert!(matches!(verdict(&ledger, "/d/1", "v1").await, tidegate_core::Verdict::Unchanged));
    ledger.commit(&commit(vec![plain("/d/1", "v2", 0, Outcome::Stored)])).await.unwrap();
    let names: Vec<String> =
        world.store.status().unwrap().pipelines.into_iter().map(|pipeline| pipeline.name).collect();
    assert_eq!(names, ["export", "p"]);
}

#[tokio::test]
async fn documents_are_read_back_as_they_were_stored() {
    let world = filled().await;
    let group = world.store.stored_groups(1).unwrap().remove(0);
    assert_eq!((&*group.pipeline, &*group.fingerprint, group.documents), ("p", "f1", DOCUMENTS));
    let first = world.store.stored_documents((1, &group), 0, 15).unwrap();
    let rest = world.store.stored_documents((1, &group), first[14].row, 15).unwrap();
    assert_eq!((first.len(), rest.len()), (15, 5));
    let content = world.store.stored_document((1, "p"), "/d/3").unwrap().unwrap();
    assert_eq!(content.version, "v1");
    assert_eq!(content.content, Some(ContentHash::of(b"v1")));
    assert_eq!(content.chunks.len(), 1);
    assert_eq!(content.chunks[0].text, text_of(3, "old"));
    assert_eq!(content.chunks[0].heading, ["Heading"]);
    assert_eq!(world.store.stored_document((1, "p"), "/d/99").unwrap(), None);
    assert_eq!(world.store.stored_document((1, "q"), "/d/3").unwrap(), None);
}
