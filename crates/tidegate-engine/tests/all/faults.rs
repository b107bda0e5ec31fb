//! One bad record never costs another.

use std::sync::{Arc, Mutex};

use tidegate_core::report::RunState;
use tidegate_core::{Body, Cx, Emit, Emitted, Fault, FaultKind, Grouping, Record, Window};
use tidegate_engine::{Flow, Tumbling};

use crate::kit::*;

/// Panics without the panic hook's output.
fn crash() -> ! {
    std::panic::resume_unwind(Box::new("planned"))
}

/// Runs nine documents of which `d04` is bad; it alone must be put aside, in `stage` as `class`.
async fn only_d04(build: impl Fn(Flow) -> Flow, (stage, class): (&str, &str)) {
    let store = Store::default();
    let ended = go(build(flow(Docs::new(docs(9, 2)), &store).cpu("split", lines()))).await;
    assert_eq!(ended.report.state, RunState::Done, "{:?}", ended.fault);
    let mut right = whole(9, 2);
    right.remove("d04");
    assert_eq!(store.docs(), right);
    let aside = (stage.to_owned(), class.to_owned());
    assert_eq!(store.shelf().asides.clone().into_iter().collect::<Vec<_>>(), [("d04".to_owned(), aside)]);
}

fn refused() -> Fault {
    Fault::new(FaultKind::Refused, "not this one")
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_cpu_stage_is_its_records_quarantine() {
    let stage = |record: Record| if text(&record) == "d04.1" { crash() } else { Ok(Emit::One(record)) };
    only_d04(|flow| flow.cpu("bad", Arc::new(Does(stage))), ("bad", "panic")).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_long_emission_is_its_records_quarantine() {
    let stage = |record: Record| {
        let bad = text(&record) == "d04.1";
        let copy = move |n| if bad && n == 1 { crash() } else { Ok(record.child(record.body.clone())) };
        Ok(Emit::Many(Box::new((0..if bad { 2 } else { 1 }).map(copy))))
    };
    only_d04(|flow| flow.cpu("bad", Arc::new(Does(stage))), ("bad", "panic")).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_asynchronous_stage_is_its_records_quarantine() {
    let stage = |record: &mut Record| if text(record) == "d04.1" { crash() } else { Ok(Emitted::Keep) };
    only_d04(|flow| flow.each("bad", 3, Arc::new(Slow(ms(2), stage))), ("bad", "panic")).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_a_group_is_found_by_halving() {
    let stage =
        |texts: &[String]| if texts.iter().any(|text| text == "d04.1") { crash() } else { fine(texts) };
    only_d04(|flow| flow.batch("bad", 2, Arc::new(Groups(Grouping::default(), stage))), ("bad", "panic"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_group_is_halved_until_the_culprit_is_alone() {
    let calls = Arc::new(Mutex::new(0));
    let counted = calls.clone();
    let stage = Arc::new(Groups(Grouping { items: 64, ..Grouping::default() }, move |texts: &[String]| {
        *counted.lock().unwrap() += 1;
        if texts.iter().any(|text| text == "d04.1") { Err(refused()) } else { fine(texts) }
    }));
    only_d04(|flow| flow.batch("bad", 1, stage.clone()), ("bad", "refused")).await;
    assert!(*calls.lock().unwrap() <= 1 + 2 * 5, "{} calls for 18 records", calls.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn answers_belong_to_their_records() {
    let answer = |text: &String| if text == "d04.0" { Err(refused()) } else { Ok(()) };
    let stage = move |texts: &[String]| Ok(texts.iter().map(answer).collect());
    only_d04(|flow| flow.batch("bad", 2, Arc::new(Groups(Grouping::default(), stage))), ("bad", "refused"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_an_outage_is_tried_again() {
    let store = Store::default();
    let tries = Mutex::new(0);
    let stage = move |texts: &[String]| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        let busy = *tries < 4;
        let answer = |text: &String| match &**text {
            "d04.0" if busy => Err(Fault::new(FaultKind::RateLimited, "slower")),
            _ => Ok(()),
        };
        Ok(texts.iter().map(answer).collect())
    };
    let flow = flow(Docs::new(docs(9, 2)), &store).cpu("split", lines());
    let ended = go(flow.batch("call", 1, Arc::new(Groups(Grouping::default(), stage)))).await;
    assert_eq!(ended.report.state, RunState::Done, "{:?}", ended.fault);
    assert_eq!(store.docs(), whole(9, 2));
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_never_ends_for_one_answer_is_given_up() {
    let store = Store::default();
    let answer = |text: &String| match &**text {
        "d04.0" => Err(Fault::new(FaultKind::RateLimited, "slower")),
        _ => Ok(()),
    };
    let stage = move |texts: &[String]| Ok(texts.iter().map(answer).collect());
    let flow = flow(Docs::new(docs(9, 2)), &store).cpu("split", lines());
    let ended = go(flow.batch("call", 1, Arc::new(Groups(Grouping::default(), stage)))).await;
    assert_eq!((ended.report.state, ended.report.records.pending), (RunState::Stopped, 1));
}

fn pairs(merge: impl Fn(&[Record]) -> Result<Body, Fault> + Send + Sync + 'static) -> Box<dyn Window> {
    Box::new(Tumbling::of(2, Arc::new(merge)))
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_merging_puts_aside_that_windows_members() {
    let store = Store::default();
    let merge = |members: &[Record]| {
        let bad = members.iter().any(|member| text(member) == "d02.0");
        if bad { crash() } else { Ok(members[0].body.clone()) }
    };
    let ended = go(flow(Docs::new(docs(6, 1)), &store).window("pair", pairs(merge))).await;
    assert_eq!((ended.report.state, ended.report.records.stored), (RunState::Done, 4));
    assert_eq!(store.shelf().asides.keys().cloned().collect::<Vec<_>>(), ["d02", "d03"]);
}

/// Loses what it holds when it is given the third record, or when it is flushed.
#[derive(Default)]
struct Fragile(Vec<Record>);

impl Window for Fragile {
    fn push(&mut self, _: &Cx, record: Record) -> Result<Vec<Record>, Fault> {
        self.0.push(record);
        if self.0.len() == 3 {
            drop(std::mem::take(&mut self.0));
            crash();
        }
        Ok(Vec::new())
    }
    fn flush(&mut self, _: &Cx) -> Vec<Record> {
        drop(std::mem::take(&mut self.0));
        crash()
    }
    fn take_open(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn members_lost_in_a_panic_are_put_aside_and_not_stored() {
    let store = Store::default();
    let ended = go(flow(Docs::new(docs(5, 1)), &store).window("bad", Box::<Fragile>::default())).await;
    assert_eq!((ended.report.records.stored, ended.report.records.quarantined), (0, 5));
    assert!(store.shelf().asides.values().all(|aside| *aside == ("bad".to_owned(), "panic".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_a_window_does_not_drag_others_down() {
    // The first line of d02 waits for its turn while its second fails.
    let store = Store::default();
    let stage =
        |record: &mut Record| if text(record) == "d02.1" { Err(refused()) } else { Ok(Emitted::Keep) };
    let merge = |members: &[Record]| Ok(members[0].body.clone());
    let flow = flow(Docs::new(docs(6, 2)), &store).cpu("split", lines());
    let ended = go(flow.each("look", 1, Arc::new(Slow(ms(3), stage))).window("pair", pairs(merge))).await;
    assert_eq!((ended.report.records.stored, ended.report.records.quarantined), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn an_outage_reported_without_a_lane_fails_the_run_and_judges_nobody() {
    let store = Store::default();
    let stage = |_: Record| Err(Fault::new(FaultKind::Unavailable, "503"));
    let ended = go(flow(Docs::new(docs(3, 1)), &store).cpu("odd", Arc::new(Does(stage)))).await;
    assert_eq!((ended.report.state, ended.report.records.quarantined), (RunState::Failed, 0));
}

#[tokio::test(start_paused = true)]
async fn everything_is_accounted_for() {
    let store = Store::default();
    let mut items = docs(12, 1);
    items[3].fault = Some(Fault::new(FaultKind::NotAFile, "a pipe"));
    items[5].fault = Some(Fault::new(FaultKind::Changing, "it moves"));
    let stage = |record: Record| match &*text(&record) {
        "d07.0" => Ok(Emit::None),
        "d08.0" => Err(Fault::new(FaultKind::Malformed, "no")),
        _ => Ok(Emit::One(record)),
    };
    let source = Docs { covers: false, ..Docs::new(items) };
    let ended = go(flow(source, &store).cpu("sort", Arc::new(Does(stage)))).await;
    let records = ended.report.records;
    assert_eq!((records.seen, records.stored, records.quarantined, records.pending), (12, 9, 2, 1));
    assert_eq!(ended.report.state, RunState::Stopped, "an item is pending");
}

/// Each line of a document becomes a document within it, of which the `bad` ones fail; what was put aside, and what
/// is left of `d04`.
async fn within_documents(bad: &'static [&'static str]) -> (Vec<String>, Option<Vec<String>>) {
    let split = |record: Record| {
        let part = |(n, line): (usize, &str)| {
            let key = format!("{}!/{line}", record.key);
            Ok(record.part(key.into(), n as u32 + 1, Body::Text(line.into())))
        };
        let parts: Vec<_> = text(&record).lines().enumerate().map(part).collect();
        Ok(Emit::Many(Box::new(parts.into_iter())))
    };
    let stage = move |record: &mut Record| {
        if bad.contains(&&*text(record)) { Err(refused()) } else { Ok(Emitted::Keep) }
    };
    let store = Store::default();
    let built = flow(Docs::new(docs(9, 2)), &store).cpu("split", Arc::new(Does(split)));
    let ended = go(built.each("bad", 3, Arc::new(Slow(ms(2), stage)))).await;
    assert_eq!(ended.report.state, RunState::Done, "{:?}", ended.fault);
    let mut others = whole(9, 2);
    others.remove("d04");
    let mut docs = store.docs();
    let left = docs.remove("d04");
    assert_eq!(docs, others);
    (store.shelf().asides.keys().cloned().collect(), left)
}

#[tokio::test(start_paused = true)]
async fn a_bad_document_within_an_item_costs_that_document_alone() {
    let left = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(within_documents(&[]).await, (vec![], left(&["d04.0", "d04.1"])));
    assert_eq!(within_documents(&["d04.1"]).await, (vec!["d04!/d04.1".to_owned()], left(&["d04.0"])));
    assert_eq!(within_documents(&["d04.0", "d04.1"]).await, (vec!["d04".to_owned()], None));
}
