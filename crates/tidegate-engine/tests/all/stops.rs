//! Drain, abort, deadlines and holds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_core::report::RunState;
use tidegate_core::{Emitted, Fault, FaultKind, Record, Stop};
use tidegate_engine::{Options, StopHandle};
use tokio::time::Instant;

use crate::kit::*;

async fn at(time: u64, act: impl FnOnce()) {
    tokio::time::sleep(ms(time)).await;
    act();
}

#[tokio::test(start_paused = true)]
async fn a_drain_finishes_what_is_in_flight() {
    let store = Store::default();
    let stop = StopHandle::new();
    let options = Options { in_flight: 4, ..Options::default() };
    let flow =
        flow_with(Docs::new(docs(50, 3)), &store, options).cpu("split", lines()).each("look", 2, slow(20));
    let ((ended, _), ()) = tokio::join!(go_until(flow, &stop), at(50, || stop.drain()));
    let records = ended.report.records;
    assert_eq!((ended.report.state, records.pending), (RunState::Stopped, 0));
    assert!(records.stored > 0 && records.stored < 50, "{records:?}");
    assert!(store.docs().iter().all(|(key, texts)| whole(50, 3)[key] == *texts));
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_a_store_that_is_busy() {
    let store = Store::default();
    *store.busy.lock().unwrap() = 3;
    let stop = StopHandle::new();
    let flow = flow(Docs::new(docs(9, 1)), &store).each("look", 9, slow(20));
    let ((ended, _), ()) = tokio::join!(go_until(flow, &stop), at(10, || stop.drain()));
    assert_eq!(ended.report.records.pending, 0, "{:?}", ended.fault);
}

#[tokio::test(start_paused = true)]
async fn who_stops_a_run_does_not_wait_for_a_full_disk() {
    for tries in [1, u64::MAX] {
        let store = Store { trouble: FaultKind::StorageFull, ..Store::default() };
        *store.busy.lock().unwrap() = tries;
        let stop = StopHandle::new();
        let began = Instant::now();
        let flow = flow(Docs::new(docs(9, 1)), &store).each("look", 9, slow(20));
        let ((ended, _), ()) = tokio::join!(go_until(flow, &stop), at(5_000, || stop.quiet()));
        assert!(began.elapsed() < ms(5_100), "{:?}", began.elapsed());
        let full = tries > 1;
        assert_eq!(ended.fault.is_some(), full, "{:?}", ended.fault);
        assert_eq!(ended.report.records.pending, if full { 9 } else { 0 }, "one try more is made at once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stop_keeps_from_beginning_is_pending_and_ends_nothing_else() {
    let store = Store::default();
    let stop = StopHandle::new();
    let told = stop.clone();
    // Like a call that waits for its turn while others are on the wire.
    let turn = Slow(ms(20), move |record: &mut Record| match record.ordinal {
        0..4 => Ok(Emitted::Keep),
        _ if told.level() == Stop::Go => Ok(Emitted::Keep),
        _ => Err(Fault::new(FaultKind::Cancelled, "told to stop")),
    });
    let flow = flow(Docs::new(docs(9, 1)), &store).each("call", 9, Arc::new(turn));
    let ((ended, _), ()) = tokio::join!(go_until(flow, &stop), at(10, || stop.quiet()));
    let records = ended.report.records;
    assert_eq!((records.stored, records.pending), (4, 5), "{:?}", ended.fault);
    assert_eq!((ended.report.state, ended.fault.is_none()), (RunState::Stopped, true));
}

#[tokio::test(start_paused = true)]
async fn the_second_stop_aborts() {
    let store = Store::default();
    let stop = StopHandle::new();
    let began = Instant::now();
    let stops = async {
        at(15, || stop.drain()).await;
        at(1_000, || stop.abort()).await;
    };
    let flow = flow(Docs::new(docs(3, 1)), &store).each("look", 9, slow(20_000));
    let ((ended, _), ()) = tokio::join!(go_until(flow, &stop), stops);
    assert_eq!((ended.report.state, ended.report.records.pending), (RunState::Aborted, 3));
    assert!(began.elapsed() < ms(1_100) && store.docs().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_takes_too_long_becomes_an_abort() {
    let store = Store::default();
    let stop = StopHandle::new();
    let began = Instant::now();
    let flow = flow(Docs::new(docs(3, 1)), &store).each("look", 9, slow(3_600_000));
    let ((ended, _), ()) = tokio::join!(go_until(flow, &stop), at(15, || stop.drain()));
    assert_eq!((ended.report.state, ended.report.records.pending), (RunState::Stopped, 3));
    assert_eq!(began.elapsed().as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn an_abort_leaves_no_half_of_a_document() {
    for time in 0..60 {
        let store = Store::default();
        let stop = StopHandle::new();
        let flow = flow(Docs::new(docs(5, 300)), &store).cpu("split", lines()).each("look", 8, slow(1));
        let ((ended, _), ()) = tokio::join!(go_until(flow, &stop), at(time, || stop.abort()));
        assert_eq!(ended.report.records.stored as usize, store.docs().len());
        assert!(store.docs().values().all(|texts| texts.len() == 300));
    }
}

fn down() -> Result<Emitted, Fault> {
    Err(Fault::new(FaultKind::Unavailable, "503"))
}

#[tokio::test(start_paused = true)]
async fn what_is_held_too_long_stops_resumable_and_judges_nobody() {
    let store = Store::default();
    let began = Instant::now();
    let last_call = Arc::new(Mutex::new(ms(0)));
    let noted = last_call.clone();
    let dead = Slow(ms(1), move |_: &mut Record| {
        *noted.lock().unwrap() = began.elapsed();
        down()
    });
    let ended = go(flow(Docs::new(docs(9, 1)), &store).each("call", 1, Arc::new(dead))).await;
    assert_eq!(ended.report.state, RunState::Stopped);
    assert_eq!(ended.fault.unwrap().kind(), FaultKind::Unavailable);
    assert_eq!((ended.report.records.pending, ended.report.records.quarantined), (9, 0));
    // Nothing more is tried once it was given up: nine more time-outs would be no news.
    assert!(*last_call.lock().unwrap() < Options::default().max_hold + ms(10));
    let lasted = began.elapsed();
    assert!(lasted >= Options::default().max_hold && lasted < Duration::from_secs(31 * 60), "{lasted:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_and_workers_share_its_pauses() {
    let store = Store::default();
    let began = Instant::now();
    let recovering =
        move |_: &mut Record| if began.elapsed() < ms(3_500) { down() } else { Ok(Emitted::Keep) };
    let stage = Arc::new(Slow(ms(1), recovering));
    let ended = go(flow(Docs::new(docs(9, 1)), &store).each("call", 8, stage)).await;
    assert_eq!((ended.report.state, ended.report.records.stored), (RunState::Done, 9));
    assert!(began.elapsed() < ms(8_000), "pauses of 1, 2 and 4 s are enough: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_old_outage_is_not_counted_against_a_new_one() {
    // Between two outages the service only ever refuses: refusing is an answer too.
    let store = Store::default();
    let began = Instant::now();
    let stage = move |_: &mut Record| match began.elapsed().as_secs() {
        3_000..3_002 | 6_000..6_005 => down(),
        3_002..6_000 => Err(Fault::new(FaultKind::Refused, "no")),
        _ => Ok(Emitted::Keep),
    };
    let flow = flow(Docs::new(docs(2, 1)), &store).each("pace", 1, slow(3_000_000));
    let ended = go(flow.each("call", 1, Arc::new(Slow(ms(1), stage)))).await;
    assert_eq!(ended.report.state, RunState::Done, "{:?}", ended.fault);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_stops_the_run_leaves_the_rest_pending() {
    let store = Store::default();
    let stage = |record: &mut Record| match record.ordinal {
        4 => Err(Fault::new(FaultKind::Config, "no such model")),
        _ => Ok(Emitted::Keep),
    };
    let ended = go(flow(Docs::new(docs(30, 1)), &store).each("call", 1, Arc::new(Slow(ms(10), stage)))).await;
    assert_eq!(ended.report.state, RunState::Failed);
    assert_eq!(ended.fault.unwrap().kind(), FaultKind::Config);
    assert_eq!(ended.report.records.quarantined, 0);
    assert_eq!(ended.report.records.stored as usize, store.docs().len());
    assert!(!store.shelf().rows.contains_key("d04"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_never_becomes_weaker() {
    let stop = StopHandle::new();
    stop.abort();
    stop.drain();
    assert_eq!(stop.level(), Stop::Abort);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_blocked_or_out_of_money_lets_the_rest_be_finished() {
    for (kind, state) in [(FaultKind::Blocked, RunState::Stopped), (FaultKind::Budget, RunState::Budget)] {
        let store = Store::default();
        let stage = move |record: &mut Record| match record.ordinal {
            0..4 => Ok(Emitted::Keep),
            _ => Err(Fault::new(kind, "no more")),
        };
        // What the first records still wait for takes longer than the others need to be refused.
        let flow = flow(Docs::new(docs(30, 1)), &store).each("call", 1, Arc::new(Slow(ms(10), stage))).each(
            "look",
            4,
            slow(500),
        );
        let ended = go(flow).await;
        let records = ended.report.records;
        assert_eq!((ended.report.state, records.stored, records.quarantined), (state, 4, 0), "{kind:?}");
        assert_eq!(ended.fault.unwrap().kind(), kind);
        assert_eq!(store.docs().len(), 4);
    }
}

/// Works for 10 ms after it waited 30 ms for a limit.
struct Limited;

#[async_trait::async_trait]
impl tidegate_core::Each for Limited {
    async fn run(&self, cx: &tidegate_core::Cx, _: &mut Record) -> Result<Emitted, Fault> {
        tokio::time::sleep(ms(40)).await;
        cx.note_wait(ms(30));
        Ok(Emitted::Keep)
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_limit_is_no_work() {
    let ended = go(flow(Docs::new(docs(20, 1)), &Store::default()).each("call", 3, Arc::new(Limited))).await;
    let stage = ended.report.stages.iter().find(|stage| stage.name == "call").unwrap();
    assert!((stage.wait_limit_s - 0.6).abs() < 0.01, "{stage:?}");
    assert!((stage.work_s - 0.2).abs() < 0.05, "{stage:?}");
}
