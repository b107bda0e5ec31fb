use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::iter;
use tidegate_core::{FaultKind, QuotaUnit, StopHandle, WireFaultKind};
use tokio::time::{Instant, timeout};

use super::world::*;
use crate::lane::{BreakerState, Concurrency, Limit};

const OUTAGE: std::ops::Range<u64> = 5..605;

fn out(start: Instant) -> bool {
    OUTAGE.contains(&start.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_outage_judge_no_record() {
    for down in [
        Act::Status(503, None),
        Act::Status(500, None),
        Act::Lose(5, WireFaultKind::ConnectRefused),
        Act::Lose(5, WireFaultKind::Reset),
        Act::Say("<html>\n<p>maintenance</p>\n</html>"),
        Act::Hang,
    ] {
        let start = Instant::now();
        let act = down.clone();
        let world = Arc::new(World::new(move |_| if out(start) { act.clone() } else { answers() }));
        let cx = bulk();
        let mut ends = iter(0..60_000)
            .map(|n| {
                let (world, cx) = (Arc::clone(&world), cx.clone());
                async move {
                    let item = vec![Line::from(format!("line {n}"))];
                    world.caller.call(&item, &cx).await
                }
            })
            .buffer_unordered(64);
        while let Some(end) = ends.next().await {
            let answers = end.unwrap_or_else(|fault| panic!("{down:?}: {fault}"));
            assert!(answers.results[0].is_ok(), "{down:?}: {:?}", answers.results[0]);
        }
        drop(ends);
        let during =
            world.service.seen().into_iter().filter(|seen| OUTAGE.contains(&(seen.at - start).as_secs()));
        let during = during.count();
        assert!(during > 0, "{down:?}: the outage was not met");
        // The 64 that were in flight, and a probe every two minutes.
        assert!(during <= 64 + 20, "{down:?}: {during} requests during the outage");
        assert!(
            start.elapsed() < Duration::from_secs(605 + 180),
            "{down:?}: done {:?} after",
            start.elapsed()
        );
        world.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_costs_little_more_than_it_takes() {
    const AWAY: std::ops::Range<Duration> = Duration::from_secs(5)..Duration::from_secs(8);
    for seed in 0..20 {
        let start = Instant::now();
        let mut setting = Setting::default();
        setting.lane.seed = seed;
        let world = World::with(setting, move |_| {
            if AWAY.contains(&start.elapsed()) {
                Act::Lose(0, WireFaultKind::ConnectRefused)
            } else {
                answers()
            }
        });
        let world = Arc::new(world);
        let cx = bulk();
        let mut ends = iter(0..60_000)
            .map(|n| {
                let (world, cx) = (Arc::clone(&world), cx.clone());
                async move { world.caller.call(&[Line::from(format!("line {n}"))], &cx).await }
            })
            .buffer_unordered(64);
        while let Some(end) = ends.next().await {
            assert!(end.expect("no record is judged").results[0].is_ok());
        }
        drop(ends);
        let seen = world.service.seen();
        let after = seen.iter().map(|seen| seen.at - start).find(|at| *at >= AWAY.end).expect("it goes on");
        assert!(after < AWAY.end + Duration::from_secs(3), "seed {seed}: found back at {after:?}");
        let during = seen.iter().filter(|seen| AWAY.contains(&(seen.at - start))).count();
        assert!(during <= 64 + 4, "seed {seed}: {during} requests while it was away");
        world.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_too_long_is_the_lanes_fault() {
    let mut setting = Setting::default();
    setting.lane.max_hold = Duration::from_secs(120);
    let world = World::with(setting, |_| Act::Status(503, None));
    let fault = world.caller.call(&numbered(4), &bulk()).await.expect_err("held");
    assert_eq!(fault.kind(), FaultKind::Unavailable, "{fault:?}");
    assert!(fault.hint_text().is_some());
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_person_is_told_at_once_while_nobody_is_answered() {
    let world = World::new(|_| Act::Status(503, None));
    let cx = bulk();
    let items = numbered(1);
    let mut run = Box::pin(world.caller.call(&items, &cx));
    assert!(timeout(Duration::from_secs(60), &mut run).await.is_err());
    while world.caller.lane().view().breaker != BreakerState::Open {
        assert!(timeout(Duration::from_millis(100), &mut run).await.is_err());
    }
    let (before, sent) = (Instant::now(), world.service.sent());
    let fault = world.caller.call(&items, &interactive()).await.expect_err("open");
    assert_eq!(fault.kind(), FaultKind::Unavailable);
    assert!(before.elapsed() < Duration::from_millis(5), "no longer than the journal takes");
    assert_eq!(world.service.sent(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_person_gets_an_old_answer_or_anothers() {
    let other = Arc::new(World::new(|_| Act::Answer(1)));
    let mut setting = Setting::default();
    setting.call.fresh_for = Some(Duration::from_secs(60));
    setting.call.stale_for = Some(Duration::from_secs(3600));
    let mut world = World::with(setting, |_| Act::Status(500, None));
    let caller = Arc::into_inner(world.caller).expect("one owner");
    world.caller = Arc::new(caller.or_else(Arc::clone(&other.caller) as _));
    let now = std::time::SystemTime::now();
    world.shelf.put("fresh", "F", now);
    world.shelf.put("old", "O", now - Duration::from_secs(600));
    world.shelf.put("ancient", "X", now - Duration::from_secs(7200));

    let fresh = world.caller.call(&lines(["fresh"]), &interactive()).await.expect("kept");
    assert_eq!((fresh.told.from_journal, fresh.told.stale, world.service.sent()), (1, 0, 0));
    let old = world.caller.call(&lines(["fresh", "old"]), &interactive()).await.expect("kept");
    assert_eq!((&**old.results[1].as_ref().expect("kept"), old.told.stale), ("O", 2));
    let ancient = world.caller.call(&lines(["ancient"]), &interactive()).await.expect("asked elsewhere");
    assert_eq!((&**ancient.results[0].as_ref().expect("answered"), ancient.told.elsewhere), ("ANCIENT", 1));
    assert_eq!(other.service.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_draining_run_does_not_wait_out_an_outage() {
    let world = World::new(|_| Act::Status(503, None));
    let stop = StopHandle::new();
    let cx = bulk().stopping(stop.subscribe());
    let items = numbered(3);
    let drain = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        stop.drain();
        Instant::now()
    };
    let (ended, since) = tokio::join!(world.caller.call(&items, &cx), drain);
    assert_eq!(ended.expect_err("stopped").kind(), FaultKind::Cancelled);
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_told_to_stop_sends_nothing_more() {
    // Ten lines of one request each, four at once, of 300 ms: when the stop comes, four are on the wire, and the
    // others wait for their turn, for the pace of the lane, or for the rest before another try.
    for (limits, busy) in
        [(vec![], false), (vec![Limit::per_minute(QuotaUnit::Requests, 60)], false), (vec![], true)]
    {
        let mut setting = Setting::default();
        setting.lane.concurrency = Concurrency::Fixed(4);
        setting.lane.limits = limits;
        let world =
            World::with(setting, move |_| if busy { Act::Status(503, None) } else { Act::Answer(300) });
        let stop = StopHandle::new();
        let cx = bulk().stopping(stop.subscribe());
        let items = numbered(10);
        let asked = join_all(items.chunks(1).map(|line| world.caller.call(line, &cx)));
        let drain = async {
            tokio::time::sleep(Duration::from_millis(450)).await;
            let sent = world.service.sent();
            stop.quiet();
            (sent, Instant::now())
        };
        let (ended, (sent, since)) = tokio::join!(asked, drain);
        assert!(since.elapsed() <= Duration::from_millis(300), "{:?}", since.elapsed());
        assert_eq!(world.service.sent(), sent, "nothing new is sent");
        let (good, bad): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
        assert_eq!(good.len(), if busy { 0 } else { sent }, "what was sent is finished");
        assert!(bad.into_iter().all(|end| end.is_err_and(|fault| fault.kind() == FaultKind::Cancelled)));
        assert!(sent > 0 && (busy || sent < 10), "{sent}");
        world.assert_at_rest();
    }
}
