//! Admission: order, giving up, and what is given back.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use tidegate_core::{Fault, FaultKind, QuotaUnit, StopHandle, Usage};
use tokio::time::Instant;

use super::*;

fn minute(unit: QuotaUnit, amount: u64) -> Vec<Limit> {
    vec![Limit::per_minute(unit, amount)]
}

#[tokio::test(start_paused = true)]
async fn calls_are_paced_smoothly() {
    let lane = Lane::new(name(), LaneSettings { limits: minute(QuotaUnit::Requests, 6_000), ..fixed(1_000) });
    let start = Instant::now();
    for _ in 0..1_000 {
        send(&lane, ask(10)).await.unwrap().settle(good());
    }
    let took = start.elapsed();
    assert!(took > ms(9_400) && took < ms(9_700), "{took:?}");
    assert!(lane.counters().wait(Cause::Requests).count() > 500);
    assert_eq!(lane.counters().sent.get(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn no_more_are_in_flight_than_allowed() {
    let lane = Lane::new(name(), fixed(2));
    let (a, _b) = (send(&lane, ask(1)).await.unwrap(), send(&lane, ask(1)).await.unwrap());
    assert!(tokio::time::timeout(ms(100), send(&lane, ask(1))).await.is_err());
    let (c, ()) = tokio::join!(send(&lane, ask(1)), async { a.settle(good()) });
    assert!(c.is_ok());
    assert_eq!(lane.view().in_flight, 2);
}

/// Lets `asks` wait in this order behind one call in flight, then serves them one at a time; the order in which
/// they were served.
async fn served(lane: &Arc<Lane>, asks: Vec<Admission>) -> Vec<usize> {
    let first = send(lane, ask(1)).await.unwrap();
    let order = std::sync::Mutex::new(Vec::new());
    let mut waiting: Vec<_> = asks
        .into_iter()
        .enumerate()
        .map(|(i, ask)| {
            let order = &order;
            Box::pin(async move {
                let ticket = send(lane, ask).await.unwrap();
                order.lock().unwrap().push(i);
                tokio::time::sleep(ms(1)).await;
                ticket.settle(good());
            })
        })
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    for future in &mut waiting {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    first.settle(good());
    join_all(waiting).await;
    order.into_inner().unwrap()
}

async fn join_all<F: Future<Output = ()> + Unpin>(mut futures: Vec<F>) {
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| std::pin::Pin::new(future).poll(context).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_came_first_is_served_first() {
    let lane = Lane::new(name(), fixed(1));
    let order = served(&lane, (0..50).map(|_| ask(1)).collect()).await;
    assert_eq!(order, (0..50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn people_go_first_and_bulk_never_starves() {
    let lane = Lane::new(name(), fixed(1));
    let asks = (0..10).map(|_| ask(1)).chain((0..40).map(|_| person(1))).collect();
    let order = served(&lane, asks).await;
    let bulk_before: Vec<_> = order.iter().take(20).filter(|i| **i < 10).collect();
    assert_eq!(bulk_before.len(), 4, "one turn in five: {order:?}");
    assert!(order.iter().filter(|i| **i < 10).is_sorted());
    assert!(order.iter().filter(|i| **i >= 10).is_sorted());
    assert!(order[0] >= 10);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_goes_before_all() {
    let lane = Lane::new(name(), fixed(1));
    let hedge = Admission { extra: Extra::Hedge, ..ask(1) };
    assert_eq!(served(&lane, vec![ask(1), person(1), hedge]).await, [2, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_large_request_is_served_among_small_ones() {
    let lane = Lane::new(name(), LaneSettings { limits: minute(QuotaUnit::Tokens, 60_000), ..fixed(1_000) });
    let mut small = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let lane = lane.clone();
        small.spawn(async move {
            loop {
                send(&lane, ask(200)).await.unwrap().settle(good());
            }
        });
    }
    tokio::time::sleep(ms(1_000)).await;
    let start = Instant::now();
    send(&lane, ask(50_000)).await.unwrap().settle(good());
    assert!(start.elapsed() < Duration::from_secs(65), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_can_never_pass_is_told_at_once() {
    let lane = Lane::new(name(), LaneSettings { limits: minute(QuotaUnit::Tokens, 1_000), ..fixed(1) });
    let denied = send(&lane, ask(1_001)).await;
    let Err(Denied::TooLarge { unit, wanted, most }) = denied else { panic!("{denied:?}") };
    assert_eq!((unit, wanted, most), (QuotaUnit::Tokens, 1_001, 1_000));
    assert!(send(&lane, ask(1_000)).await.is_ok(), "the whole limit passes");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_wait() {
    let lane = Lane::new(name(), LaneSettings { limits: minute(QuotaUnit::Requests, 60), ..fixed(1) });
    let _held = send(&lane, ask(1)).await.unwrap();
    let start = Instant::now();
    let late = Admission { deadline: Some(start + ms(300)), ..ask(1) };
    assert!(matches!(send(&lane, late).await, Err(Denied::Deadline)));
    assert_eq!(start.elapsed(), Duration::ZERO, "the next turn comes after it: said at once");
    tokio::time::sleep(ms(2_000)).await;
    let late = Admission { deadline: Some(Instant::now() + ms(300)), ..ask(1) };
    let start = Instant::now();
    assert!(matches!(send(&lane, late).await, Err(Denied::Deadline)), "nobody knows when a call ends");
    assert!(start.elapsed() >= ms(300) && start.elapsed() < ms(310));
    assert_eq!(lane.view().waiting, [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_lane_tells_everybody() {
    let lane = Lane::new(name(), fixed(1));
    let first = send(&lane, ask(1)).await.unwrap();
    let waiters: Vec<_> = (0..5)
        .map(|i| {
            let (lane, ask) = (lane.clone(), if i % 2 == 0 { ask(1) } else { person(1) });
            Box::pin(async move {
                let denied = send(&lane, ask).await;
                assert!(matches!(&denied, Err(Denied::Blocked(fault)) if fault.message() == "no such key"));
            })
        })
        .collect();
    let block = async {
        tokio::task::yield_now().await;
        let fault = Some(Fault::new(FaultKind::Blocked, "no such key"));
        let kind = FailureKind::Blocked;
        first.settle(Outcome::Failed { kind, wait: None, quotas: Vec::new(), fault });
    };
    tokio::join!(join_all(waiters), block);
    assert!(matches!(send(&lane, ask(1)).await, Err(Denied::Blocked(_))));
    assert!(lane.view().blocked.is_some());
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_inside_a_pause() {
    let lane = Lane::new(name(), fixed(8));
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(send(&lane, ask(1)).await.unwrap());
    }
    let hinted = |secs| Outcome::Failed {
        kind: FailureKind::RateLimited,
        wait: Some(Duration::from_secs(secs)),
        quotas: Vec::new(),
        fault: None,
    };
    let start = Instant::now();
    tickets.pop().unwrap().settle(hinted(7));
    assert!(send(&lane, ask(1)).await.is_ok(), "one refusal is its own record's");
    for ticket in tickets {
        ticket.settle(hinted(3));
    }
    drop(send(&lane, ask(1)).await.unwrap());
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(7), "the longest hint of the three: {waited:?}");
    assert_eq!(lane.counters().wait(Cause::Pause).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn repeats_are_paid_for() {
    let lane = Lane::new(name(), fixed(8));
    let again = Admission { extra: Extra::Retry, ..ask(1) };
    for _ in 0..50 {
        send(&lane, again).await.unwrap().settle(bad(FailureKind::Refused));
    }
    let urgent = Admission { priority: Priority::Interactive, ..again };
    assert!(matches!(send(&lane, urgent).await, Err(Denied::NoExtra)));
    assert!(matches!(send(&lane, Admission { extra: Extra::Hedge, ..ask(1) }).await, Err(Denied::NoExtra)));
    let start = Instant::now();
    let mut parked = Box::pin(send(&lane, again));
    assert!(tokio::time::timeout(ms(10), &mut parked).await.is_err());
    assert!(send(&lane, ask(1)).await.is_ok(), "first tries do not wait behind it");
    parked.await.unwrap().settle(good());
    assert!(start.elapsed() > ms(9_900) && start.elapsed() < ms(10_100), "{:?}", start.elapsed());
    assert_eq!(lane.counters().retried.get(), 51);
}

#[tokio::test(start_paused = true)]
async fn repeats_that_are_answered_cost_nothing() {
    let lane = Lane::new(name(), fixed(8));
    let start = Instant::now();
    // As at the end of a run: no first tries are left to earn anything, and one repeat in ten fails again.
    for number in 0..1_000 {
        let extra = if number % 2 == 0 { Extra::Throttled } else { Extra::Retry };
        let ticket = send(&lane, Admission { extra, ..ask(1) }).await.unwrap();
        ticket.settle(if number % 10 == 0 { bad(FailureKind::Refused) } else { good() });
    }
    assert!(start.elapsed() < ms(1), "{:?}", start.elapsed());
    // Half of them failing is another matter: 500 are spent, five for each pair.
    let again = Admission { extra: Extra::Retry, ..ask(1) };
    for number in 0..200 {
        let ticket = send(&lane, again).await.unwrap();
        ticket.settle(if number % 2 == 0 { bad(FailureKind::Refused) } else { good() });
    }
    assert!(start.elapsed() > Duration::from_secs(300), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn many_repeats_are_paid_for_one_by_one() {
    let lane = Lane::new(name(), fixed(64));
    let again = Admission { extra: Extra::Retry, ..ask(1) };
    for _ in 0..50 {
        send(&lane, again).await.unwrap().settle(bad(FailureKind::Refused));
    }
    let parked = (0..40).map(|_| {
        Box::pin(async {
            send(&lane, again).await.unwrap().settle(bad(FailureKind::Refused));
        })
    });
    let all = join_all(parked.collect());
    assert!(tokio::time::timeout(Duration::from_secs(101), all).await.is_err());
    assert_eq!(lane.counters().retried.get(), 60, "one in ten seconds, however many wait");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_waits() {
    let stop = StopHandle::new();
    let lane = Lane::new(name(), fixed(1));
    let cx = cx().stopping(stop.subscribe());
    let first = lane.admit(&ask(1), &cx).await.unwrap();
    let one = ask(1);
    let mut waiting = Box::pin(lane.admit(&one, &cx));
    assert!(tokio::time::timeout(ms(1), &mut waiting).await.is_err());
    stop.drain();
    assert!(tokio::time::timeout(ms(1), &mut waiting).await.is_err(), "its turn comes soon enough");
    let start = Instant::now();
    stop.quiet();
    assert!(matches!(waiting.await, Err(Denied::Stopped(_))), "its turn would come, and be paid for");
    drop(first);
    assert!(
        matches!(lane.admit(&one, &cx).await, Err(Denied::Stopped(_))),
        "nor is one sent that comes later"
    );
    assert_eq!((lane.view().in_flight, start.elapsed()), (0, ms(0)));
    // What hands on what was paid for is sent until the run is aborted.
    let delivery = cx.finishing();
    drop(lane.admit(&one, &delivery).await.unwrap());
    stop.abort();
    assert!(matches!(lane.admit(&one, &delivery).await, Err(Denied::Stopped(_))));
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_a_broken_lane() {
    let stop = StopHandle::new();
    let lane = Lane::new(name(), fixed(8));
    let (cx, one) = (cx().stopping(stop.subscribe()), ask(1));
    for _ in 0..5 {
        let mut ticket = lane.admit(&one, &cx).await.unwrap();
        ticket.sent();
        ticket.settle(bad(FailureKind::Overloaded));
    }
    let start = Instant::now();
    let mut waiting = Box::pin(lane.admit(&one, &cx));
    assert!(tokio::time::timeout(ms(10), &mut waiting).await.is_err());
    stop.drain();
    assert!(matches!(waiting.await, Err(Denied::Stopped(_))));
    assert!(matches!(lane.admit(&one, &cx).await, Err(Denied::Stopped(_))), "nor does one that comes later");
    assert!(start.elapsed() < ms(20));
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_never_exceeded() {
    let lane = Lane::new(name(), LaneSettings { max_tokens: Some(1_000), ..fixed(8) });
    let used = |tokens| Outcome::Answered {
        usage: Some(Usage { input_tokens: tokens, cached_tokens: 0, output_tokens: 0 }),
        cost: 0.0,
        quotas: Vec::new(),
    };
    let (a, b) = (send(&lane, ask(400)).await.unwrap(), send(&lane, ask(400)).await.unwrap());
    let mut third = Box::pin(send(&lane, ask(400)));
    assert!(tokio::time::timeout(ms(1), &mut third).await.is_err(), "what is reserved may come back");
    a.settle(used(100));
    let third = third.await.unwrap();
    b.settle(used(400));
    third.settle(used(400));
    assert!(matches!(send(&lane, ask(101)).await, Err(Denied::Budget(_))));
    send(&lane, ask(100)).await.unwrap().settle(used(100));
    assert!(matches!(send(&lane, ask(0)).await, Err(Denied::Budget(_))), "it is used up");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_spent_where_nothing_may_be() {
    let free = Admission { cost: Some(0.0), ..ask(1) };
    let (priced, unknown) = (Admission { cost: Some(1e-9), ..ask(1) }, ask(1));
    let lane =
        |money, tokens| Lane::new(name(), LaneSettings { budget: money, max_tokens: tokens, ..fixed(8) });
    for (money, tokens, call, sent) in [
        (Some(0.0), None, priced, false),
        (Some(0.0), None, unknown, false),
        (Some(0.0), None, free, true),
        (None, Some(0), free, false),
        (None, Some(0), priced, false),
        (Some(0.0), Some(9), free, true),
        (None, None, unknown, true),
    ] {
        let ended = send(&lane(money, tokens), call).await;
        match ended {
            Ok(_) => assert!(sent, "{money:?} {tokens:?} {call:?}"),
            Err(Denied::Budget(fault)) => {
                assert!(!sent && fault.message().contains("may be spent"), "{fault} {call:?}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lanes_share_a_budget_of_money() {
    let spend = Arc::new(Spend::new(Some(1.0), None));
    let lanes = [0, 1].map(|_| Lane::with_spend(name(), fixed(8), spend.clone()));
    let dear = Admission { cost: Some(0.4), ..ask(1) };
    let first = send(&lanes[0], dear).await.unwrap();
    let second = send(&lanes[1], dear).await.unwrap();
    let paid = |cost| Outcome::Answered { usage: None, cost, quotas: Vec::new() };
    first.settle(paid(0.5));
    second.settle(paid(0.4));
    assert!(matches!(send(&lanes[1], dear).await, Err(Denied::Budget(_))));
    assert!((spend.spent().0 - 0.9).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn hedging_needs_a_calm_lane_and_a_hundred_answers() {
    let lane = Lane::new(name(), fixed(8));
    for i in 0..100 {
        assert_eq!(lane.hedge_after(), None, "after {i}");
        let ticket = send(&lane, ask(1)).await.unwrap();
        tokio::time::sleep(ms(if i % 10 == 0 { 200 } else { 20 })).await;
        ticket.settle(good());
    }
    let after = lane.hedge_after().unwrap();
    assert!(after >= ms(200) && after < ms(215), "{after:?}");
    for _ in 0..5 {
        send(&lane, ask(1)).await.unwrap().settle(bad(FailureKind::Unavailable));
    }
    assert!(lane.hedge_after().is_some(), "five of a hundred do not open the breaker");
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(lane.hedge_after(), None, "old answers say nothing");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_waits_at_least_its_hint_and_never_longer_than_its_bound() {
    let lane = Lane::new(name(), fixed(8));
    for attempt in 1..40 {
        let bulk = lane.backoff(attempt, None, false, Priority::Bulk);
        let bound = ms(500).saturating_mul(1 << (attempt - 1).min(10)).min(Duration::from_secs(30));
        assert!(bulk <= bound, "{attempt}: {bulk:?}");
        assert!(lane.backoff(attempt, None, true, Priority::Interactive) <= Duration::from_secs(5));
        let hint = Duration::from_secs(50);
        let waited = lane.backoff(attempt, Some(hint), true, Priority::Bulk);
        assert!(waited >= hint && waited <= hint + ms(1_000));
    }
    let _ = lane.backoff(u32::MAX, Some(Duration::MAX), true, Priority::Bulk);
    let same = Lane::new(name(), fixed(8));
    let again = Lane::new(name(), fixed(8));
    let draw = |lane: &Arc<Lane>| lane.backoff(5, None, true, Priority::Bulk);
    assert_eq!(draw(&same), draw(&again), "the same seed waits the same");
}
