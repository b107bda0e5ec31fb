//! Memory, places, groups, and the order of work.

use std::sync::{Arc, Mutex};

use tidegate_core::report::RunState;
use tidegate_core::{Body, Grouping, Record, SourceItem, UNREAD, Version};
use tidegate_engine::{Options, StopHandle, Tumbling};

use crate::kit::*;

fn files(count: usize, size: u64) -> Vec<SourceItem> {
    (0..count).map(|n| SourceItem::new(format!("f{n:03}"), Version("1".into()), size)).collect()
}

#[tokio::test(start_paused = true)]
async fn many_small_items_stay_within_the_budget() {
    let store = Store::default();
    let options = Options { memory: 100_000, ..Options::default() };
    let flow = flow_with(Docs { page: 64, ..Docs::new(files(300, 5_000)) }, &store, options).each(
        "look",
        4,
        slow(5),
    );
    let (ended, monitor) = go_until(flow, &StopHandle::new()).await;
    assert_eq!(ended.report.records.stored, 300);
    let peak = monitor.budget().peak();
    assert!(peak > 50_000, "the budget is made use of: {peak}");
    // What each item is reserved for, its record's bookkeeping, and what the quarantine would show of it.
    assert!(peak <= 2 * 100_000 + 20 * 256 + 5_000, "{peak}");
}

#[tokio::test(start_paused = true)]
async fn an_item_larger_than_the_budget_goes_alone() {
    let store = Store::default();
    let mut items = files(9, 4_000);
    items[4].size = 1_000_000;
    let options = Options { memory: 20_000, ..Options::default() };
    let (ended, monitor) = go_until(flow_with(Docs::new(items), &store, options), &StopHandle::new()).await;
    assert_eq!(ended.report.records.stored, 9);
    assert!(monitor.budget().peak() < UNREAD * 1_000_000 + 20_000, "{}", monitor.budget().peak());
}

#[tokio::test(start_paused = true)]
async fn a_document_far_larger_than_the_budget_is_staged_in_parts() {
    let store = Store::default();
    let options = Options { memory: 20_000, stage_at: 50, queue_items: 8, ..Options::default() };
    let flow =
        flow_with(Docs::new(docs(2, 3_000)), &store, options).cpu("split", lines()).each("look", 8, slow(1));
    let (ended, monitor) = go_until(flow, &StopHandle::new()).await;
    assert_eq!(ended.report.records.stored, 2);
    assert_eq!(store.docs().values().map(Vec::len).collect::<Vec<_>>(), [3_000, 3_000]);
    assert!(
        monitor.budget().peak() < 250_000,
        "chunks are made as there is room: {}",
        monitor.budget().peak()
    );
}

#[tokio::test(start_paused = true)]
async fn early_documents_are_done_early() {
    let store = Store { grouping: Grouping { items: 1, ..Grouping::default() }, ..Store::default() };
    let grouping = Grouping { items: 8, ..Grouping::default() };
    let flow = flow(Docs { page: 64, ..Docs::new(docs(40, 20)) }, &store).cpu("split", lines());
    go(flow.batch("embed", 1, Arc::new(Groups(grouping, fine)))).await;
    let order = store.shelf().order.clone();
    let late: usize = order
        .iter()
        .enumerate()
        .map(|(at, key)| key[1..].parse::<usize>().unwrap().abs_diff(at))
        .max()
        .unwrap();
    assert!(late <= 4, "a document was overtaken by {late}: {order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_commit_does_not_linger_for_company_that_cannot_come() {
    let linger = std::time::Duration::from_secs(60);
    let grouping = Grouping { items: 1_000, linger, ..Grouping::default() };
    let store = Store { grouping, ..Store::default() };
    let options = Options { in_flight: 4, ..Options::default() };
    let started = tokio::time::Instant::now();
    let flow = flow_with(Docs::new(files(20, 100)), &store, options).each("look", 4, slow(5));
    let (ended, _) = go_until(flow, &StopHandle::new()).await;
    assert_eq!(ended.report.records.stored, 20);
    assert!(started.elapsed() < linger, "{:?}", started.elapsed());
}

async fn groups_of(grouping: Grouping, (count, pause): (usize, u64)) -> Vec<usize> {
    let store = Store::default();
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let noted = sizes.clone();
    let stage = move |texts: &[String]| {
        noted.lock().unwrap().push(texts.len());
        fine(texts)
    };
    let source = Docs { pause: ms(pause), page: 1, ..Docs::new(docs(count, 1)) };
    let tokens = Arc::new(Does(|mut record: Record| {
        record.tokens = 3;
        Ok(tidegate_core::Emit::One(record))
    }));
    go(flow(source, &store).cpu("count", tokens).batch("group", 2, Arc::new(Groups(grouping, stage)))).await;
    let sizes = sizes.lock().unwrap();
    sizes.clone()
}

#[tokio::test(start_paused = true)]
async fn groups_are_bounded_by_items_bytes_tokens_and_linger() {
    let none = Grouping { items: 0, bytes: 0, tokens: 0, linger: ms(50) };
    assert_eq!(groups_of(Grouping { items: 4, ..none }, (10, 0)).await, [4, 4, 2]);
    // A record weighs 256 bytes and its text of 5.
    assert_eq!(groups_of(Grouping { bytes: 800, ..none }, (10, 0)).await, [3, 3, 3, 1]);
    assert_eq!(groups_of(Grouping { bytes: 1, ..none }, (3, 0)).await, [1, 1, 1]);
    assert_eq!(groups_of(Grouping { tokens: 8, ..none }, (5, 0)).await, [2, 2, 1]);
    assert_eq!(groups_of(none, (10, 0)).await, [10]);
    assert_eq!(groups_of(none, (6, 20)).await, [3, 3]);
    assert_eq!(groups_of(Grouping { linger: ms(0), ..none }, (3, 20)).await, [1, 1, 1]);
}

fn windows(size: usize) -> Box<Tumbling> {
    let merge = |members: &[Record]| Ok(Body::Text(members.len().to_string().into()));
    Box::new(Tumbling::of(size, Arc::new(merge)))
}

fn sizes(store: &Store) -> Vec<String> {
    store.docs().into_values().flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn a_window_larger_than_the_places_in_flight_fills_up() {
    let store = Store::default();
    let options = Options { in_flight: 2, ..Options::default() };
    let ended = go(flow_with(Docs::new(docs(20, 1)), &store, options).window("ten", windows(10))).await;
    assert_eq!((ended.report.state, sizes(&store)), (RunState::Done, vec!["10".to_owned(), "10".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_window_larger_than_the_memory_is_closed_early() {
    let store = Store::default();
    let options = Options { memory: 3_000, ..Options::default() };
    // An item that needs more than what the open window leaves must not wait for ever either.
    let mut items = docs(20, 1);
    items[7] = doc("d07", &"x".repeat(2_500));
    let ended = go(flow_with(Docs::new(items), &store, options).window("all", windows(1_000))).await;
    assert_eq!((ended.report.state, ended.report.records.stored), (RunState::Done, 20));
    assert!(sizes(&store).len() > 1);
}

#[tokio::test(start_paused = true)]
async fn windows_over_chunks_do_not_chain_documents_for_ever() {
    let store = Store::default();
    let options = Options { memory: 20_000, ..Options::default() };
    let flow =
        flow_with(Docs::new(docs(60, 5)), &store, options).cpu("split", lines()).window("three", windows(3));
    assert_eq!(go(flow).await.report.records.stored, 60);
}

#[tokio::test(start_paused = true)]
async fn a_window_before_an_ordered_sink_does_not_block() {
    // What is dropped before the window waits at the sink for the window's members, and keeps its place meanwhile.
    let store = Store { ordered: true, ..Store::default() };
    let drop = Arc::new(Does(|record: Record| {
        Ok(if record.ordinal == 0 { tidegate_core::Emit::One(record) } else { tidegate_core::Emit::None })
    }));
    let options = Options { in_flight: 3, ..Options::default() };
    let flow = flow_with(Docs::new(docs(20, 1)), &store, options).cpu("drop", drop).window("two", windows(2));
    assert_eq!(go(flow).await.report.records.stored, 20);
}

#[tokio::test(start_paused = true)]
async fn the_narrowest_flow_still_flows() {
    let store = Store { ordered: true, ..Store::default() };
    let options = Options {
        memory: 1,
        queue_items: 1,
        queue_bytes: 1,
        in_flight: 1,
        fetches: 1,
        cores: 1,
        stage_at: 1,
        ..Options::default()
    };
    let grouping = Grouping { items: 64, linger: ms(100), ..Grouping::default() };
    let flow = flow_with(Docs::new(docs(5, 70)), &store, options)
        .cpu("split", lines())
        .each("look", 1, slow(1))
        .batch("embed", 1, Arc::new(Groups(grouping, fine)));
    assert_eq!(go(flow).await.report.records.stored, 5);
    assert_eq!(store.docs(), whole(5, 70));
}
