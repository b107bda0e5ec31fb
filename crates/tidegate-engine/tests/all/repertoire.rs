//! Fan-out, n→1, ordered sinks, endless sources: each killed at many moments and resumed.

use std::sync::Arc;

use tidegate_core::report::RunState;
use tidegate_core::{Body, Emit, Position, Record};
use tidegate_engine::{Flow, StopHandle, Tumbling};

use crate::kit::*;

/// Kills the flow at many moments and resumes it each time; what is there at the end must always be the same.
async fn killed_anywhere(store: impl Fn() -> Store, build: impl Fn(&Store) -> Flow, check: impl Fn(&Store)) {
    for at in (0..120).step_by(3) {
        let store = store();
        kill_after(build(&store), ms(at)).await;
        kill_after(build(&store), ms(at / 2)).await;
        let ended = go(build(&store)).await;
        assert_eq!(ended.report.state, RunState::Done, "{:?}", ended.fault);
        check(&store);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_is_whole_after_any_kill() {
    let build =
        |store: &Store| flow(Docs::new(docs(9, 5)), store).cpu("split", lines()).each("look", 3, slow(4));
    killed_anywhere(Store::default, build, |store| assert_eq!(store.docs(), whole(9, 5))).await;
}

fn pairs(store: &Store) -> Flow {
    let merge = |members: &[Record]| {
        let texts: Vec<String> = members.iter().map(text).collect();
        Ok(Body::Text(texts.join("+").into()))
    };
    flow(Docs::new(docs(7, 1)), store)
        .each("look", 3, slow(4))
        .window("pair", Box::new(Tumbling::of(2, Arc::new(merge))))
}

#[tokio::test(start_paused = true)]
async fn windows_hold_every_item_once_after_any_kill() {
    let check = |store: &Store| {
        let joined: Vec<String> = store.docs().into_values().flatten().collect();
        let mut members: Vec<&str> = joined.iter().flat_map(|text| text.split('+')).collect();
        members.sort_unstable();
        assert_eq!(members, ["d00.0", "d01.0", "d02.0", "d03.0", "d04.0", "d05.0", "d06.0"]);
    };
    killed_anywhere(Store::default, pairs, check).await;
}

#[tokio::test(start_paused = true)]
async fn an_undisturbed_window_joins_neighbours() {
    let store = Store::default();
    go(pairs(&store)).await;
    let joined: Vec<String> = store.docs().into_values().flatten().collect();
    assert_eq!(joined, ["d00.0+d01.0", "d02.0+d03.0", "d04.0+d05.0", "d06.0"]);
}

#[tokio::test(start_paused = true)]
async fn an_ordered_sink_gets_listing_order_after_any_kill() {
    // Later documents are quicker than earlier ones.
    let uneven = || Arc::new(Uneven);
    let build =
        |store: &Store| flow(Docs::new(docs(9, 2)), store).cpu("split", lines()).each("look", 4, uneven());
    let store = || Store { ordered: true, ..Store::default() };
    let check = |store: &Store| {
        let keys: Vec<String> = (0..9).map(|n| format!("d{n:02}")).collect();
        assert_eq!(store.shelf().order, keys);
        assert_eq!(store.docs(), whole(9, 2));
    };
    killed_anywhere(store, build, check).await;
}

struct Uneven;

#[async_trait::async_trait]
impl tidegate_core::Each for Uneven {
    async fn run(
        &self,
        _: &tidegate_core::Cx,
        record: &mut Record,
    ) -> Result<tidegate_core::Emitted, tidegate_core::Fault> {
        tokio::time::sleep(ms(40 - 4 * record.ordinal)).await;
        Ok(tidegate_core::Emitted::Keep)
    }
}

/// Gives up at one record and lets the others through, the later ones sooner.
struct Stops {
    at: u64,
}

#[async_trait::async_trait]
impl tidegate_core::Each for Stops {
    async fn run(
        &self,
        _: &tidegate_core::Cx,
        record: &mut Record,
    ) -> Result<tidegate_core::Emitted, tidegate_core::Fault> {
        tokio::time::sleep(ms(20 - record.ordinal)).await;
        if record.ordinal == self.at {
            return Err(tidegate_core::Fault::new(tidegate_core::FaultKind::Budget, "spent"));
        }
        Ok(tidegate_core::Emitted::Keep)
    }
}

#[tokio::test(start_paused = true)]
async fn an_ordered_stream_takes_nothing_behind_what_stays_pending() {
    let rows = docs(9, 1).into_iter().enumerate().map(|(n, mut item)| {
        item.position = Some(Position(n.to_string()));
        item
    });
    let store = Store { ordered: true, ..Store::default() };
    let ended = go(flow(Docs::new(rows), &store).each("ask", 9, Arc::new(Stops { at: 2 }))).await;
    assert_eq!(ended.report.state, RunState::Budget);
    assert!(ended.report.records.add_up(), "{:?}", ended.report.records);
    // The position is that of the last row taken: the next run begins at the first that was not.
    assert_eq!(store.shelf().order, ["d00", "d01"]);
    assert_eq!(store.shelf().position, Some(Position("1".into())));
    assert_eq!((ended.report.records.stored, ended.report.records.pending), (2, 7));
}

#[tokio::test(start_paused = true)]
async fn an_endless_source_goes_on_after_any_kill() {
    let build = |store: &Store| {
        let source = Docs { endless: true, pause: ms(7), ..Docs::new(docs(9, 3)) };
        flow(source, store).cpu("split", lines()).each("look", 2, slow(4))
    };
    for at in (0..120).step_by(5) {
        let store = Store::default();
        kill_after(build(&store), ms(at)).await;
        let stop = StopHandle::new();
        let later = async {
            tokio::time::sleep(ms(2_000)).await;
            stop.drain();
        };
        let ((ended, _), ()) = tokio::join!(go_until(build(&store), &stop), later);
        assert_eq!(ended.report.state, RunState::Stopped);
        assert_eq!(ended.report.records.pending, 0);
        assert_eq!(store.docs(), whole(9, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_stream_is_checkpointed_when_it_is_quiet() {
    let mut items = docs(20, 1);
    for (n, item) in items.iter_mut().enumerate() {
        item.position = Some(Position(n.to_string()));
    }
    let store = Store::default();
    go(flow(Docs::new(items.clone()), &store)).await;
    store.shelf().position = None;
    let stop = StopHandle::new();
    let checkpointed = async {
        tokio::time::sleep(ms(3_000)).await;
        assert_eq!(store.shelf().position, Some(Position("19".into())));
        stop.drain();
    };
    let endless = Docs { endless: true, ..Docs::new(items) };
    tokio::join!(go_until(flow(endless, &store), &stop), checkpointed);
}

#[tokio::test(start_paused = true)]
async fn a_second_run_finds_everything_unchanged() {
    let store = Store::default();
    go(flow(Docs::new(docs(8, 2)), &store).cpu("split", lines())).await;
    let ended = go(flow(Docs::new(docs(8, 2)), &store).cpu("split", lines())).await;
    assert_eq!((ended.report.records.unchanged, ended.report.records.stored), (8, 0));
}

#[tokio::test(start_paused = true)]
async fn vanished_items_go_after_everything_listed_is_durable() {
    let store = Store::default();
    go(pairs(&store)).await;
    // The store's sweep asserts that every listed item is durable, members of open windows among them.
    let moved = docs(7, 1).into_iter().map(|item| doc(&format!("new/{}", item.key), "text"));
    let merge = |_: &[Record]| Ok(Body::Text("merged".into()));
    let window = Box::new(Tumbling::of(4, Arc::new(merge)));
    let ended = go(flow(Docs::new(moved), &store).each("look", 3, slow(4)).window("four", window)).await;
    assert_eq!((ended.report.records.stored, ended.sweep.deleted), (7, 7));
    assert!(store.shelf().rows.keys().all(|key| key.starts_with("new/")));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_on_purpose_is_stored_as_nothing() {
    let store = Store::default();
    let nothing = Arc::new(Does(|_: Record| Ok(Emit::None)));
    let ended = go(flow(Docs::new(docs(3, 1)), &store).cpu("drop", nothing)).await;
    assert_eq!(ended.report.records.stored, 3);
    assert!(store.docs().values().all(Vec::is_empty));
}

#[tokio::test(start_paused = true)]
async fn a_key_listed_twice_is_stored_once_and_put_aside_once() {
    let store = Store::default();
    let ended = go(flow(Docs::new([doc("a", "first"), doc("b", "other"), doc("a", "second")]), &store)).await;
    assert_eq!((ended.report.records.stored, ended.report.records.quarantined), (2, 1));
    assert_eq!(store.docs()["a"], ["first"]);
    assert_eq!(store.shelf().asides.values().next().unwrap().1, "duplicate");
}
