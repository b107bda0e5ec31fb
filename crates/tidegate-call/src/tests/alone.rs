//! Records that fail while nobody else is sent.

use std::time::Duration;

use tidegate_core::{FaultKind, WireFaultKind};
use tokio::time::Instant;

use super::world::*;

fn bad(seen: &Seen) -> bool {
    seen.lines.iter().any(|line| line.contains("crash"))
}

#[tokio::test(start_paused = true)]
async fn the_last_record_that_breaks_its_service_is_put_aside_within_minutes() {
    for act in [Act::Status(500, None), Act::Lose(5, WireFaultKind::Reset), Act::Hang] {
        let broken = act.clone();
        let world = World::new(move |seen| if bad(seen) { broken.clone() } else { answers() });
        let start = Instant::now();
        let ended = world.caller.call(&lines(["crash"]), &bulk()).await.expect("the lane is well");
        let fault = ended.results[0].as_ref().expect_err("it is to blame");
        assert_eq!(fault.kind(), FaultKind::Refused, "{act:?}: {fault:?}");
        let took = start.elapsed();
        let minutes = Duration::from_secs(120)..Duration::from_secs(600);
        assert!(minutes.contains(&took), "{act:?}: {took:?}");
        let seen = world.service.seen();
        let (crashes, others) = (seen.iter().filter(|seen| bad(seen)).count(), seen.len());
        assert!(crashes >= 6 && others <= crashes + 6, "{act:?}: {crashes} of {others} requests");
        assert!(!world.shelf.has("sample"), "nobody asked for that answer");
        world.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_last_batch_the_record_that_breaks_the_service_is_found() {
    let world = World::new(|seen| if bad(seen) { Act::Status(500, None) } else { answers() });
    let mut items = numbered(31);
    items.insert(11, Line::from("crash"));
    let start = Instant::now();
    let ended = world.caller.call(&items, &bulk()).await.expect("the lane is well");
    for (item, result) in items.iter().zip(&ended.results) {
        assert_eq!(result.is_err(), item.contains("crash"), "{item}: {result:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(20 * 60), "{:?}", start.elapsed());
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn an_outage_never_judges_a_record_that_is_alone() {
    for act in [Act::Status(500, None), Act::Lose(5, WireFaultKind::Reset), Act::Hang] {
        for minutes in [1, 3, 5, 10, 20] {
            let (start, broken) = (Instant::now(), act.clone());
            let out = Duration::from_secs(60 * minutes);
            let world = World::new(move |_| if start.elapsed() < out { broken.clone() } else { answers() });
            let ended = world.caller.call(&lines(["fine"]), &bulk()).await;
            let ended = ended.unwrap_or_else(|fault| panic!("{act:?}, {minutes} min: {fault}"));
            assert!(ended.results[0].is_ok(), "{act:?}, {minutes} min: {:?}", ended.results[0]);
            assert!(start.elapsed() < out + Duration::from_secs(180), "{act:?}: {:?}", start.elapsed());
            let sent = world.service.sent();
            assert!(sent < 40 + 2 * minutes as usize, "{act:?}, {minutes} min: {sent} requests");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_is_not_kept_waiting_for_a_verdict() {
    let world = World::new(|seen| if bad(seen) { Act::Status(500, None) } else { answers() });
    let fault = world.caller.call(&lines(["crash"]), &interactive()).await.expect_err("told at once");
    assert_eq!((fault.kind(), world.service.sent()), (FaultKind::Unavailable, 3));
}
