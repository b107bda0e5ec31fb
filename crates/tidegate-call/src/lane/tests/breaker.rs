//! The breaker: every state with every event, and its rests.

use tidegate_core::WireFaultKind;
use tokio::time::Instant;

use super::super::breaker::{Breaker, Pass, Seen, Showing, Stamp};
use super::*;

fn seen(showing: Showing) -> Seen {
    Seen { showing, wait: None, chance: 0.5 }
}

/// A breaker and the time, so that tests read as stories.
struct Story {
    breaker: Breaker,
    now: Instant,
}

impl Story {
    fn new() -> Self {
        let now = Instant::now();
        Self { breaker: Breaker::new(now), now }
    }

    fn open() -> Self {
        let mut story = Self::new();
        (0..5).for_each(|_| story.call(Showing::Failed));
        assert_eq!(story.state(), BreakerState::Open);
        story
    }

    fn half_open() -> Self {
        let mut story = Self::open();
        story.wait(1.5);
        assert_eq!(story.state(), BreakerState::HalfOpen);
        story
    }

    fn call(&mut self, showing: Showing) {
        let stamp = self.breaker.enter();
        self.leave(stamp, seen(showing));
    }

    fn leave(&mut self, stamp: Stamp, seen: Seen) {
        self.breaker.leave(self.now, stamp, seen);
    }

    fn wait(&mut self, secs: f64) {
        self.now += Duration::from_secs_f64(secs);
    }

    fn state(&self) -> BreakerState {
        self.breaker.state(self.now)
    }

    fn rest(&self) -> f64 {
        match self.breaker.pass(self.now) {
            Pass::No(Some(at)) => (at - self.now).as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_state_with_every_event() {
    use BreakerState::{Closed, HalfOpen, Open};
    let begin: [fn() -> Story; 3] = [Story::new, Story::half_open, || {
        let mut story = Story::half_open();
        story.call(Showing::Well);
        story.call(Showing::Well);
        story
    }];
    let table = [
        (Showing::Well, [Closed, HalfOpen, Closed]),
        (Showing::Slow, [Closed, HalfOpen, Closed]),
        (Showing::Failed, [Closed, Open, Open]),
        (Showing::Nothing, [Closed, HalfOpen, HalfOpen]),
    ];
    for (event, ends) in table {
        for (begin, end) in begin.iter().zip(ends) {
            let mut story = begin();
            story.call(event);
            assert_eq!(story.state(), end, "{event:?}");
            assert_ne!(story.breaker.pass(story.now), Pass::No(None), "{event:?} leaves no probe behind");
        }
    }
}

#[test]
fn few_calls_trip_by_a_row_and_many_by_a_share() {
    let mut story = Story::new();
    for _ in 0..4 {
        story.call(Showing::Failed);
    }
    story.call(Showing::Well);
    (0..4).for_each(|_| story.call(Showing::Failed));
    assert_eq!(story.state(), BreakerState::Closed, "no five in a row");
    story.call(Showing::Failed);
    assert_eq!(story.state(), BreakerState::Open);

    let mut story = Story::new();
    for i in 0..200 {
        story.call(if i % 5 < 2 { Showing::Failed } else { Showing::Well });
    }
    assert_eq!(story.state(), BreakerState::Closed, "two in five");
    story.wait(40.0);
    (0..20).for_each(|_| story.call(Showing::Well));
    (0..19).for_each(|_| story.call(Showing::Failed));
    assert_eq!(story.state(), BreakerState::Closed, "old calls are forgotten, and this is not yet half");
    story.call(Showing::Failed);
    assert_eq!(story.state(), BreakerState::Open);

    let mut story = Story::new();
    (0..20).for_each(|_| story.call(Showing::Slow));
    assert_eq!(story.state(), BreakerState::Open, "all of them are slow");
}

#[test]
fn many_good_answers_do_not_hide_an_outage() {
    let mut story = Story::new();
    (0..30_000).for_each(|_| story.call(Showing::Well));
    (0..19).for_each(|_| story.call(Showing::Failed));
    assert_eq!(story.state(), BreakerState::Closed);
    story.call(Showing::Failed);
    assert_eq!(story.state(), BreakerState::Open);
}

#[test]
fn rests_double_and_end_at_two_minutes() {
    let mut story = Story::open();
    for rest in [1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0, 120.0, 120.0] {
        assert!((story.rest() - rest).abs() < 1e-6, "{} for {rest}", story.rest());
        story.wait(rest);
        story.call(Showing::Failed);
    }
    let held = story.breaker.since().map(|since| (story.now - since).as_secs());
    assert_eq!(held, Some(430), "it was never closed in between");
}

#[test]
fn a_hint_extends_a_rest_and_chance_spreads_it() {
    let mut story = Story::half_open();
    let stamp = story.breaker.enter();
    story.leave(stamp, Seen { showing: Showing::Failed, wait: Some(Duration::from_secs(100)), chance: 0.0 });
    assert!((story.rest() - 100.0).abs() < 1e-6);
    for (chance, rest) in [(0.0, 2.4), (1.0, 3.6)] {
        let mut story = Story::half_open();
        let stamp = story.breaker.enter();
        story.leave(stamp, Seen { showing: Showing::Failed, wait: None, chance });
        assert!((story.rest() - rest).abs() < 1e-6);
    }
}

#[test]
fn a_late_end_of_another_time_proves_nothing() {
    let mut story = Story::new();
    let old = story.breaker.enter();
    (0..5).for_each(|_| story.call(Showing::Failed));
    story.leave(old, seen(Showing::Well));
    assert_eq!(story.state(), BreakerState::Open);
    story.wait(15.0);
    let probe = story.breaker.enter();
    story.leave(old, seen(Showing::Failed));
    assert_eq!(story.breaker.pass(story.now), Pass::No(None), "the probe is still out");
    story.leave(probe, seen(Showing::Well));
    assert_eq!(story.breaker.pass(story.now), Pass::Probe);
}

/// Opens the breaker of a lane by five failures.
async fn break_down(lane: &Arc<Lane>) {
    for _ in 0..5 {
        send(lane, ask(1)).await.unwrap().settle(bad(FailureKind::Unavailable));
    }
    assert_eq!(lane.view().breaker, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_holds_bulk_and_fails_people_at_once() {
    let lane = Lane::new(name(), fixed(8));
    break_down(&lane).await;
    let start = Instant::now();
    assert!(matches!(send(&lane, person(1)).await, Err(Denied::Open(wait)) if wait > ms(1_100)));
    assert_eq!(start.elapsed(), Duration::ZERO);
    let probe = send(&lane, ask(1)).await.unwrap();
    assert!(start.elapsed() >= ms(1_200), "{:?}", start.elapsed());
    let next = tokio::time::timeout(ms(5_000), send(&lane, ask(1))).await;
    assert!(next.is_err(), "one probe at a time");
    drop(probe);
    let next = tokio::time::timeout(ms(1), send(&lane, ask(1))).await;
    assert!(next.is_ok(), "a probe that was given up lets another record probe");
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_is_followed_by_another_record() {
    let lane = Lane::new(name(), fixed(8));
    break_down(&lane).await;
    let probe = send(&lane, ask(1)).await.unwrap();
    let mut second = Box::pin(send(&lane, ask(2)));
    assert!(tokio::time::timeout(ms(10), &mut second).await.is_err());
    probe.settle(bad(FailureKind::Wire(WireFaultKind::Reset)));
    let mut third = Box::pin(send(&lane, ask(3)));
    let second = tokio::select! {
        ticket = &mut second => ticket.unwrap(),
        _ = &mut third => panic!("the one that waits longest probes"),
    };
    second.settle(good());
    third.await.unwrap().settle(good());
    send(&lane, ask(1)).await.unwrap().settle(good());
    assert_eq!(lane.view().breaker, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn bulk_work_waits_no_longer_than_it_is_told() {
    let lane = Lane::new(name(), LaneSettings { max_hold: Duration::from_secs(60), ..fixed(8) });
    break_down(&lane).await;
    let start = Instant::now();
    loop {
        match send(&lane, ask(1)).await {
            Ok(probe) => probe.settle(Outcome::Failed {
                kind: FailureKind::Unavailable,
                wait: None,
                quotas: Vec::new(),
                fault: Some(tidegate_core::Fault::new(tidegate_core::FaultKind::Unavailable, "500 oops")),
            }),
            Err(Denied::HeldTooLong(fault)) => {
                assert!(fault.to_string().contains("500 oops"), "{fault}");
                break;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let held = start.elapsed();
    assert!(held >= ms(59_000) && held <= ms(61_000), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn rate_limits_and_refused_records_never_open_it() {
    let lane = Lane::new(name(), fixed(8));
    for kind in [FailureKind::RateLimited, FailureKind::Refused].repeat(30) {
        send(&lane, ask(1)).await.unwrap().settle(bad(kind));
    }
    assert_eq!(lane.view().breaker, BreakerState::Closed);
}
