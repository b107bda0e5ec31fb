use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_core::{Fault, FaultKind, QuotaUnit};
use tokio::time::{Instant, timeout};

use super::world::*;

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_before_it_is_handed_up() {
    let world = World::new(|_| answers());
    let items = lines(["a"]);
    let cx = bulk();
    let mut call = Box::pin(world.caller.call(&items, &cx));
    // Poll by poll: whenever the call is done, the shelf has it already.
    loop {
        let done = timeout(Duration::from_micros(50), &mut call).await;
        if let Ok(answers) = done {
            assert!(world.shelf.has("a"));
            assert!(answers.expect("answered").results[0].is_ok());
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gets_nothing_that_is_not_kept() {
    let world = World::new(|_| answers());
    let items = lines(["a"]);
    let cx = bulk();
    let waiter = async {
        world.caller.call(&items, &cx).await.expect("answered");
        world.shelf.has("a")
    };
    let (_, kept) = tokio::join!(world.caller.call(&items, &cx), waiter);
    assert!(kept);
}

#[tokio::test(start_paused = true)]
async fn what_was_paid_for_is_not_sent_again() {
    let world = World::new(|_| answers());
    world.caller.call(&numbered(10), &bulk()).await.expect("answered");
    let again = world.caller.call(&numbered(12), &bulk()).await.expect("answered");
    assert_eq!(again.told.from_journal, 10);
    assert_eq!(world.service.seen()[1].lines, ["line 10", "line 11"]);
    let texts: Vec<_> = again.results.iter().map(|it| it.as_ref().expect("answered").to_string()).collect();
    assert_eq!(texts, (0..12).map(|n| format!("LINE {n}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_shares_of_a_request_add_up() {
    let world = World::new(|_| answers());
    let items = lines(["a", "bbbbbbbb", "cc", "dddddddddddddddddd", "e"]);
    let answers = world.caller.call(&items, &bulk()).await.expect("answered");
    let kept = world.shelf.appended.lock().expect("no panic").clone();
    let tokens: u64 = kept.iter().map(|it| it.usage.input_tokens).sum();
    let cost: f64 = kept.iter().map(|it| it.cost).sum();
    assert_eq!(tokens, answers.told.usage.input_tokens);
    assert!((cost - answers.told.cost).abs() < 1e-9 && cost > 0.0);
    assert!(kept[3].usage.input_tokens > kept[0].usage.input_tokens);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_for_and_nothing_is_paid_twice() {
    let world = World::new(|_| answers());
    let full = || Fault::new(FaultKind::StorageFull, "full");
    *world.shelf.faults.lock().expect("no panic") = vec![full(), full(), full()];
    let start = Instant::now();
    let answers = world.caller.call(&lines(["a"]), &bulk()).await.expect("answered");
    assert!(answers.results[0].is_ok());
    assert_eq!((world.service.sent(), start.elapsed().as_secs()), (1, 90));
}

#[tokio::test(start_paused = true)]
async fn broken_storage_is_nobodys_record() {
    let world = World::new(|_| answers());
    *world.shelf.faults.lock().expect("no panic") = vec![Fault::new(FaultKind::StorageBroken, "broken")];
    let fault = world.caller.call(&lines(["a"]), &bulk()).await.expect_err("broken");
    assert_eq!(fault.kind(), FaultKind::StorageBroken);
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_kept_costs_no_other() {
    let world = World::new(|_| answers());
    *world.shelf.refused.lock().expect("no panic") = vec!["B"];
    let answers = world.caller.call(&lines(["a", "b", "c"]), &bulk()).await.expect("answered");
    assert_eq!(answers.results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(answers.results[1].as_ref().expect_err("not kept").kind(), FaultKind::Validation);
    assert!(world.shelf.has("a") && world.shelf.has("c") && !world.shelf.has("b"));
}

#[tokio::test(start_paused = true)]
async fn the_journal_answers_in_an_outage_and_is_asked_once_a_call() {
    let world = World::new(|_| Act::Status(401, None));
    world.shelf.put("a", "A", std::time::SystemTime::now());
    assert!(world.caller.call(&lines(["b"]), &bulk()).await.is_err());
    let answers = world.caller.call(&lines(["a"]), &bulk()).await.expect("kept");
    assert_eq!(answers.told.from_journal, 1);
    assert_eq!(world.shelf.lookups.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_budget_stops_before_it_is_spent_and_what_came_is_kept() {
    let mut setting = Setting::default();
    setting.lane.max_tokens = Some(30);
    setting.lane.limits = vec![crate::Limit::per_minute(QuotaUnit::Requests, 60_000)];
    let world = World::with(setting, |_| answers());
    let mut done = 0;
    let fault = loop {
        match world.caller.call(&[Line::from(format!("line {done}"))], &bulk()).await {
            Ok(answers) => assert!(answers.results[0].is_ok()),
            Err(fault) => break fault,
        }
        done += 1;
    };
    assert_eq!(fault.kind(), FaultKind::Budget);
    assert_eq!(done, 5, "of six tokens each");
    assert_eq!(world.shelf.appended.lock().expect("no panic").len(), 5);
}
