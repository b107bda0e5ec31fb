//! What goes when it is gone from the source.

use tidegate_core::{Coverage, Ledger as _, SweepPolicy, Verdict};

use super::ledger::go;
use super::world::*;

#[tokio::test]
async fn vanished_items_go_and_moved_ones_are_told_apart() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let units = vec![
        stored("/d/old", "same", 0, &["moon"]),
        stored("/d/gone", "v2", 1, &["sea"]),
        stored("/d/kept", "v3", 2, &["tide"]),
        stored("/d2/other", "v4", 3, &["gate"]),
        stored("/d/dark/x", "v5", 4, &["lock"]),
        quarantined("/d/bad", "v6", 5),
        quarantined("/d/dark/bad", "v6", 6),
    ];
    ledger.commit(&commit(units)).await.unwrap();
    drop(ledger);
    let ledger = world.run("r2").await;
    assert_eq!(verdict(&ledger, "/d/new", "same").await, go(None));
    assert_eq!(verdict(&ledger, "/d/kept", "v3").await, Verdict::Unchanged);
    ledger.commit(&commit(vec![stored("/d/new", "same", 0, &["moon"])])).await.unwrap();
    let coverage = Coverage { covered: vec!["/d".into()], unknown: vec!["/d/dark".into()] };
    let sweep = ledger.sweep(&coverage, SweepPolicy::default()).await.unwrap();
    assert_eq!((sweep.deleted, sweep.moved, sweep.refused, sweep.known), (2, 1, 0, 5));
    assert_eq!(world.found("moon"), ["/d/new"]);
    assert!(world.found("sea").is_empty());
    assert_eq!(world.found("tide gate lock").len(), 3);
    let aside = world.store.quarantine_list().unwrap();
    assert_eq!(aside.iter().map(|item| item.source.as_str()).collect::<Vec<_>>(), ["/d/dark/bad"]);
    world.assert_sound();
}

#[tokio::test]
async fn where_nothing_may_go_what_was_put_aside_stays_until_it_is_met_elsewhere() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let units = vec![
        quarantined("/d/lost", "v1", 0),
        with_content(quarantined("/d/moved", "v2", 1), "moved"),
        with_content(quarantined("/d/mended", "v3", 2), "mended"),
        with_content(quarantined("/d/away", "v4", 3), "away"),
    ];
    ledger.commit(&commit(units)).await.unwrap();
    drop(ledger);
    let ledger = world.run("r2").await;
    verdict(&ledger, "/e/moved", "v2").await;
    verdict(&ledger, "/e/mended", "v3").await;
    // It is good now: the pipeline reads what it could not, say.
    let mended = with_content(stored("/e/mended", "v3", 1, &["moon"]), "mended");
    let moved = with_content(quarantined("/e/moved", "v2", 0), "moved");
    ledger.commit(&commit(vec![moved, mended])).await.unwrap();
    let coverage = Coverage { covered: vec!["/d".into()], unknown: Vec::new() };
    let moved_only = SweepPolicy { allow_delete: false, max_share: 0.0, max_count: 0 };
    ledger.sweep(&coverage, moved_only).await.unwrap();
    let aside = || -> Vec<String> {
        let items = world.store.quarantine_list().unwrap();
        items.iter().map(|item| item.source.clone()).collect()
    };
    assert_eq!(aside(), ["/d/lost", "/d/away", "/e/moved"]);
    // A listing that speaks for the folder clears the rest.
    ledger.sweep(&coverage, SweepPolicy::default()).await.unwrap();
    assert_eq!(aside(), ["/e/moved"]);
    world.assert_sound();
}

#[tokio::test]
async fn the_guard_refuses_a_mass_deletion_but_not_a_move() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let unit = |at: u64| stored(&format!("/d/{at}"), &format!("v{at}"), at, &["moon"]);
    ledger.commit(&commit((0..150).map(unit).collect())).await.unwrap();
    drop(ledger);
    let ledger = world.run("r2").await;
    let moved = |at: u64| stored(&format!("/e/{at}"), &format!("v{at}"), at, &["moon"]);
    for at in 0..20u64 {
        verdict(&ledger, &format!("/e/{at}"), &format!("v{at}")).await;
    }
    ledger.commit(&commit((0..20).map(moved).collect())).await.unwrap();
    let refused = sweep(&ledger, "/d").await;
    assert_eq!((refused.deleted, refused.moved, refused.refused, refused.known), (20, 20, 130, 150));
    let policy = SweepPolicy { allow_delete: true, ..SweepPolicy::default() };
    let coverage = Coverage { covered: vec!["/d".into()], unknown: Vec::new() };
    let allowed = ledger.sweep(&coverage, policy).await.unwrap();
    assert_eq!((allowed.deleted, allowed.refused), (130, 0));
    assert_eq!(world.store.status().unwrap().documents, 20);
    world.assert_sound();
}
