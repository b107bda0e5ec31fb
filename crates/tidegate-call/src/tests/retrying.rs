use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use tidegate_core::{Advice, ContentHash, FaultKind, WireFaultKind, advise};
use tokio::time::Instant;

use super::world::*;
use crate::{CallSettings, Concurrency, LaneSettings, Timeouts};

#[tokio::test(start_paused = true)]
async fn a_passing_failure_passes() {
    for act in [
        Act::Status(429, None),
        Act::Status(503, Some(1500)),
        Act::Status(500, None),
        Act::Lose(5, WireFaultKind::Reset),
        Act::Lose(5, WireFaultKind::Cut),
        Act::Lose(5, WireFaultKind::Dns),
        Act::Say("not what was asked\nat all"),
    ] {
        let passing = act.clone();
        let world = World::new(move |seen| if seen.number < 2 { passing.clone() } else { answers() });
        let answers = world.caller.call(&lines(["a"]), &bulk()).await.expect("answered");
        assert!(answers.results[0].is_ok(), "{act:?}");
        assert_eq!((answers.told.sent, answers.told.retried), (3, 2), "{act:?}");
        assert_eq!(answers.told.throttled + answers.told.failed, 2, "{act:?}");
        world.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_waited_for() {
    let world = World::new(|seen| if seen.number == 0 { Act::Status(429, Some(7_000)) } else { answers() });
    world.caller.call(&lines(["a"]), &bulk()).await.expect("answered");
    let seen = world.service.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(7));
    assert!(seen[1].at - seen[0].at <= Duration::from_secs(9), "and not much longer");
}

#[tokio::test(start_paused = true)]
async fn in_a_storm_no_record_returns_inside_its_own_hint() {
    // Every request of the first three seconds is told to wait a second or two.
    let start = Instant::now();
    let world = World::new(move |seen| {
        let wait = 1_000 + (seen.number as u64 * 37) % 1_000;
        if start.elapsed() < Duration::from_secs(3) { Act::Status(429, Some(wait)) } else { answers() }
    });
    let items = numbered(40);
    let cx = bulk();
    let all = join_all(items.chunks(1).map(|item| world.caller.call(item, &cx))).await;
    assert!(all.into_iter().all(|it| it.expect("answered").results[0].is_ok()));
    let mut free: HashMap<String, Instant> = HashMap::new();
    for seen in world.service.seen() {
        let wait = Duration::from_millis(1_000 + (seen.number as u64 * 37) % 1_000);
        let line = seen.lines[0].clone();
        assert!(free.get(&line).is_none_or(|free| seen.at >= *free), "{line} came back early");
        free.insert(line, seen.at + wait);
    }
    assert!(world.service.sent() < 40 * 5, "{} requests", world.service.sent());
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_resting_record_holds_no_permit() {
    let setting = Setting {
        lane: LaneSettings { concurrency: Concurrency::Fixed(1), ..LaneSettings::default() },
        ..Setting::default()
    };
    let world = World::with(setting, |seen| match (&*seen.lines[0], seen.number) {
        ("slow", 0) => Act::Status(429, Some(20_000)),
        _ => answers(),
    });
    let cx = bulk();
    let (slow, quick) = (lines(["slow"]), lines(["quick"]));
    let start = Instant::now();
    let quick = async {
        world.caller.call(&quick, &cx).await.expect("answered");
        start.elapsed()
    };
    let (slow, quick) = tokio::join!(world.caller.call(&slow, &cx), quick);
    assert!(slow.expect("answered").results[0].is_ok());
    assert!(quick < Duration::from_secs(1), "{quick:?}");
}

#[tokio::test(start_paused = true)]
async fn a_person_is_told_after_three_tries() {
    let world = World::new(|_| Act::Status(500, None));
    let start = Instant::now();
    let fault = world.caller.call(&lines(["a"]), &interactive()).await.expect_err("down");
    assert_eq!(fault.kind(), FaultKind::Unavailable);
    assert_eq!(world.service.sent(), 3);
    assert!(start.elapsed() < Duration::from_secs(15));
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_person_is_not_made_to_wait_beyond_the_deadline() {
    let world = World::new(|_| Act::Status(429, Some(60_000)));
    let start = Instant::now();
    let fault = world.caller.call(&lines(["a"]), &interactive()).await.expect_err("limited");
    assert_eq!(fault.kind(), FaultKind::RateLimited);
    assert!(start.elapsed() < Duration::from_secs(1), "told at once, since waiting is of no use");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_stops_the_lane_at_once() {
    use FaultKind::{Blocked, Config};
    // What it is before anything was answered, when the settings are to blame, and afterwards.
    for (act, at_first, later) in [
        (Act::Status(401, None), Config, Blocked),
        (Act::Status(402, None), Blocked, Blocked),
        (Act::Status(404, None), Config, Blocked),
        (Act::Lose(1, WireFaultKind::BadUrl), Config, Config),
    ] {
        for (answered, kind) in [(0, at_first), (1, later)] {
            let (mut setting, what) = (Setting::default(), act.clone());
            setting.call.key_hint = Some("set OPENAI_API_KEY".to_owned());
            let world = World::with(
                setting,
                move |seen| {
                    if seen.number < answered { answers() } else { what.clone() }
                },
            );
            let cx = bulk();
            for n in 0..answered {
                world.caller.call(&[Line::from(n.to_string())], &cx).await.expect("answered");
            }
            let fault = world.caller.call(&lines(["a"]), &cx).await.expect_err("blocked");
            assert_eq!((fault.kind(), advise(&fault)), (kind, Advice::StopRun), "{act:?}");
            assert!(fault.hint_text().is_some(), "{act:?}");
            let again = world.caller.call(&lines(["b"]), &cx).await.expect_err("blocked");
            assert_eq!(again.kind(), kind);
            assert_eq!(world.service.sent(), answered + 1, "nothing is sent to a blocked lane");
            if matches!(act, Act::Status(401, _)) {
                assert_eq!(fault.hint_text(), Some("set OPENAI_API_KEY"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_certificate_is_tried_once_more() {
    let world = World::new(|_| Act::Lose(1, WireFaultKind::Tls));
    let cx = bulk();
    let fault = world.caller.call(&lines(["a"]), &cx).await.expect_err("blocked");
    assert_eq!(fault.kind(), FaultKind::Blocked);
    assert_eq!(world.service.sent(), 2);
    assert!(world.lane.view().blocked.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_record_larger_than_the_limit_is_its_own_fault() {
    let mut setting = Setting::default();
    setting.lane.limits = vec![crate::Limit::per_minute(tidegate_core::QuotaUnit::InputTokens, 100)];
    let world = World::with(setting, |_| answers());
    let huge = "x".repeat(1_000);
    let answers = world.caller.call(&lines(["a", &huge]), &bulk()).await.expect("answered");
    assert!(answers.results[0].is_ok());
    assert_eq!(answers.results[1].as_ref().expect_err("too large").kind(), FaultKind::TooLarge);
    assert_eq!(world.service.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_time_that_runs_out_names_itself() {
    let table: [(Act, &str, u64); 4] = [
        (Act::Hang, "no answer began within 2s", 2),
        (Act::Stream(vec![(1_000, "x")], After::Hang), "nothing more of the answer came within 3s", 4),
        (Act::Stream(vec![(1, "x"); 40], After::Hang), "nothing more of the answer came within 3s", 3),
        (Act::Stream(vec![(2_500, "x"); 40], After::End), "the whole exchange was not done within 10s", 10),
    ];
    for (act, words, seconds) in table {
        let (mut setting, what) = (Setting::default(), act.clone());
        setting.call.timeouts = Timeouts {
            first_byte: Duration::from_secs(2),
            idle: Duration::from_secs(3),
            total: Duration::from_secs(10),
            ..Timeouts::EMBED
        };
        setting.call.interactive_tries = 1;
        let world = World::with(setting, move |_| what.clone());
        let start = Instant::now();
        let fault = world.caller.call(&lines(["a"]), &interactive()).await.expect_err("too slow");
        assert_eq!(fault.kind(), FaultKind::Timeout, "{act:?}: {fault}");
        assert!(fault.to_string().contains(words), "{fault}");
        assert_eq!(start.elapsed().as_secs(), seconds, "{act:?}");
        world.assert_at_rest();
    }
}

/// A service that hangs 1 request in 100, behind a timeout of 5 s: what hangs is replaced early.
#[tokio::test(start_paused = true)]
async fn hanging_tries_are_replaced_early() {
    let spans = [true, false].map(async |hedge| {
        let mut setting = Setting::default();
        setting.call.hedge = hedge;
        setting.call.timeouts.first_byte = Duration::from_secs(5);
        let world = World::with(setting, |seen| match seen.number % 100 {
            50 => Act::Hang,
            n => Act::Answer(20 + n as u64 % 10),
        });
        let start = Instant::now();
        let items = numbered(3_000);
        let cx = bulk();
        let all = join_all(items.chunks(1).map(|item| world.caller.call(item, &cx))).await;
        assert!(all.into_iter().all(|it| it.expect("answered").results[0].is_ok()));
        assert!(world.service.sent() <= 3_000 * 105 / 100, "{} requests", world.service.sent());
        assert_eq!(world.lane.counters().hedge_won.get() > 20, hedge);
        assert_eq!(world.lane.counters().latency.count(), 3_000);
        world.assert_at_rest();
        start.elapsed()
    });
    let [with, without] = spans;
    let (with, without) = (with.await, without.await);
    assert!(with < Duration::from_secs(4), "{with:?}");
    assert!(without > Duration::from_secs(5), "the comparison shows nothing: {without:?}");
}

/// Every kind of trouble at once, 64 records at a time behind a timeout of 5 s: one request in ten comes to nothing.
#[tokio::test(start_paused = true)]
async fn a_hostile_service_costs_little_time_and_few_requests() {
    for seed in 0..4_u64 {
        let mut setting = Setting::default();
        setting.call.hedge = true;
        setting.call.timeouts.first_byte = Duration::from_secs(5);
        setting.lane.seed = seed;
        let world = World::with(setting, move |seen| {
            let dice = ContentHash::of_parts(&[&seed.to_le_bytes(), &seen.number.to_le_bytes()]).0;
            match u16::from_le_bytes([dice[0], dice[1]]) % 100 {
                0..5 => Act::Status(429, None),
                5..8 => Act::Status(503, None),
                8 => Act::Lose(5, WireFaultKind::Reset),
                9 => Act::Hang,
                10..12 => Act::Answer(400),
                _ => Act::Answer(15 + u64::from(dice[2]) % 10),
            }
        });
        let (start, cx, items) = (Instant::now(), bulk(), numbered(5_000));
        let calls = items.chunks(1).map(|item| world.caller.call(item, &cx));
        let ends: Vec<_> = futures_util::stream::iter(calls).buffer_unordered(64).collect().await;
        assert!(ends.into_iter().all(|it| it.expect("answered").results[0].is_ok()), "none is lost");
        assert_eq!(world.shelf.appended.lock().expect("no panic").len(), 5_000, "none is doubled");
        let (sent, took) = (world.service.sent(), start.elapsed());
        // Whoever sends sends 5,556, and 64 at a time that takes 1.8 s; waiting out a hang or two takes 5 s.
        assert!(sent * 100 <= 5_556 * 105, "{sent} requests");
        assert!(took <= Duration::from_secs(4), "{took:?}");
        world.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_served_is_sent_once_where_a_repeat_would_do_it_twice() {
    for (act, sent) in [
        (Act::Status(500, None), 1),
        (Act::Lose(5, WireFaultKind::Reset), 1),
        (Act::Lose(5, WireFaultKind::FirstByteTimeout), 1),
        (Act::Say("not what was asked\nat all"), 1),
        // These say that nothing was done.
        (Act::Status(429, None), 2),
        (Act::Status(503, None), 2),
        (Act::Lose(5, WireFaultKind::ConnectRefused), 2),
    ] {
        let failing = act.clone();
        let call = CallSettings { repeat: false, ..CallSettings::default() };
        let setting = Setting { call, ..Setting::default() };
        let world =
            World::with(setting, move |seen| if seen.number < 1 { failing.clone() } else { answers() });
        let answers = world.caller.call(&lines(["a"]), &bulk()).await.expect("nobody else is concerned");
        assert_eq!((answers.told.sent, answers.results[0].is_ok()), (sent, sent == 2), "{act:?}");
        if let Err(fault) = &answers.results[0] {
            assert_eq!(advise(fault), Advice::Quarantine, "{act:?}");
        }
        world.assert_at_rest();
    }
}
