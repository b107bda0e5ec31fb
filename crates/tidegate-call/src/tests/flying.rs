use std::time::Duration;

use futures_util::future::join_all;
use tidegate_core::{FaultKind, StopHandle};
use tokio::time::{Instant, timeout};

use super::world::*;

#[tokio::test(start_paused = true)]
async fn a_hundred_equal_calls_are_one_request() {
    let world = World::new(|_| answers());
    let item = lines(["a"]);
    let cx = bulk();
    let all = join_all((0..100).map(|_| world.caller.call(&item, &cx))).await;
    assert_eq!(world.service.sent(), 1);
    let mut shared = 0;
    for answers in all {
        let answers = answers.expect("answered");
        assert_eq!(&**answers.results[0].as_ref().expect("answered"), "A");
        shared += answers.told.shared;
    }
    assert_eq!(shared, 99);
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn equal_items_of_one_call_are_sent_once_and_all_answered_in_order() {
    let world = World::new(|_| answers());
    let answers = world.caller.call(&lines(["a", "b", "a", "c", "b"]), &bulk()).await.expect("answered");
    let texts: Vec<_> = answers.results.iter().map(|it| &**it.as_ref().expect("answered")).collect();
    assert_eq!(texts, ["A", "B", "A", "C", "B"]);
    assert_eq!(world.service.seen()[0].lines, ["a", "b", "c"]);
    assert_eq!(answers.told.shared, 2);
}

#[tokio::test(start_paused = true)]
async fn items_that_want_an_answer_each_are_not_shared() {
    let world = World::new(|_| answers());
    world.caller.call(&lines(["!a", "!a"]), &bulk()).await.expect("answered");
    assert_eq!(world.service.seen()[0].lines, ["!a", "!a"]);
    assert!(world.shelf.appended.lock().expect("no panic").is_empty(), "nor kept");
}

#[tokio::test(start_paused = true)]
async fn calls_that_cross_wait_for_each_other_without_end() {
    let world = World::new(|_| answers());
    let (left, right) = (lines(["a", "b", "c"]), lines(["c", "a", "d"]));
    let cx = bulk();
    let calls = join_all([world.caller.call(&left, &cx), world.caller.call(&right, &cx)]);
    let both = timeout(Duration::from_secs(10), calls).await.expect("no deadlock");
    for answers in both {
        assert!(answers.expect("answered").results.iter().all(Result::is_ok));
    }
    let sent: Vec<_> = world.service.seen().into_iter().flat_map(|seen| seen.lines).collect();
    assert_eq!(sent, ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_leader_is_replaced_in_one_request() {
    let world = World::new(|seen| if seen.number == 0 { Act::Hang } else { answers() });
    let items = numbered(8);
    let cx = bulk();
    let mut leader = Box::pin(world.caller.call(&items, &cx));
    let mut follower = Box::pin(world.caller.call(&items, &cx));
    for call in [&mut leader, &mut follower] {
        assert!(timeout(Duration::from_secs(1), call).await.is_err());
    }
    drop(leader);
    let answers = follower.await.expect("answered");
    assert!(answers.results.iter().all(Result::is_ok));
    assert_eq!(world.service.sent(), 2, "the eight go together");
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_leaders_deadline_is_its_own() {
    let world = World::new(|seen| if seen.number == 0 { Act::Hang } else { answers() });
    let items = lines(["a"]);
    let hasty = bulk().until(Instant::now() + Duration::from_secs(2));
    let cx = bulk();
    let (late, patient) = tokio::join!(world.caller.call(&items, &hasty), world.caller.call(&items, &cx));
    assert_eq!(late.expect_err("late").kind(), FaultKind::Timeout);
    assert!(patient.expect("answered").results[0].is_ok());
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_waiters_deadline_is_its_own() {
    let world = World::new(|_| Act::Answer(5_000));
    let items = lines(["a"]);
    let hasty = bulk().until(Instant::now() + Duration::from_secs(2));
    let cx = bulk();
    let (first, second) = tokio::join!(world.caller.call(&items, &cx), world.caller.call(&items, &hasty));
    assert!(first.expect("answered").results[0].is_ok());
    assert_eq!(second.expect_err("late").kind(), FaultKind::Timeout);
    assert_eq!(world.service.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_lane_is_told_to_all_who_wait() {
    let world = World::new(|seen| if seen.number == 0 { answers() } else { Act::Status(401, None) });
    let item = lines(["a"]);
    let cx = bulk();
    world.caller.call(&lines(["first"]), &cx).await.expect("answered");
    let all = join_all((0..10).map(|_| world.caller.call(&item, &cx))).await;
    assert!(all.into_iter().all(|it| it.expect_err("blocked").kind() == FaultKind::Blocked));
    assert_eq!(world.service.sent(), 2);
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn an_aborted_run_stops_waiting() {
    let world = World::new(|_| Act::Hang);
    let items = lines(["a"]);
    let stop = StopHandle::new();
    let (cx, waits) = (bulk(), bulk().stopping(stop.subscribe()));
    let mut leader = Box::pin(world.caller.call(&items, &cx));
    assert!(timeout(Duration::from_secs(1), &mut leader).await.is_err());
    let abort = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.abort();
    };
    let (waited, ()) = tokio::join!(world.caller.call(&items, &waits), abort);
    assert_eq!(waited.expect_err("stopped").kind(), FaultKind::Cancelled);
}
