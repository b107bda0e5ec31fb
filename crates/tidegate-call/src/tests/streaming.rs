use std::time::Duration;

use tidegate_core::{FaultKind, WireFaultKind};
use tokio::time::{Instant, timeout};

use super::world::*;
use crate::{Streamed, Timeouts};

fn speaks() -> Act {
    Act::Stream(vec![(5, "Hel"), (5, "lo "), (5, "you"), (5, ".")], After::End)
}

/// What came of a stream, and the pieces as they were handed over.
async fn heard(world: &World, item: &str) -> (Result<Streamed<Line>, tidegate_core::Fault>, Vec<String>) {
    let mut pieces = Vec::new();
    let ended =
        world.caller.stream(&item.into(), &interactive(), &mut |text| pieces.push(text.to_owned())).await;
    (ended, pieces)
}

#[tokio::test(start_paused = true)]
async fn text_is_handed_over_as_it_comes_and_the_whole_is_kept() {
    let world = World::new(|_| speaks());
    let (ended, pieces) = heard(&world, "a").await;
    let streamed = ended.expect("answered");
    assert_eq!(pieces, ["Hel", "lo ", "you"]);
    assert_eq!(streamed.text, "Hello you");
    assert_eq!(&*streamed.answer.expect("whole"), "Hello you");
    assert_eq!((streamed.told.sent, streamed.told.usage.output_tokens), (1, 2));
    assert!(world.shelf.has("a"));
    let (again, pieces) = heard(&world, "a").await;
    assert_eq!((again.expect("kept").told.from_journal, pieces), (1, vec!["Hello you".to_owned()]));
    assert_eq!(world.service.sent(), 1);
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn before_its_first_text_a_stream_is_sent_again() {
    for act in [
        Act::Status(429, Some(50)),
        Act::Status(500, None),
        Act::Lose(5, WireFaultKind::Reset),
        Act::Stream(Vec::new(), After::Cut),
        Act::Stream(vec![(1, "error")], After::End),
        Act::Stream(Vec::new(), After::End),
    ] {
        let first = act.clone();
        let world = World::new(move |seen| if seen.number == 0 { first.clone() } else { speaks() });
        let (ended, pieces) = heard(&world, "a").await;
        let streamed = ended.unwrap_or_else(|fault| panic!("{act:?}: {fault}"));
        assert_eq!((&*streamed.text, pieces.len()), ("Hello you", 3), "{act:?}");
        assert_eq!((streamed.told.sent, streamed.told.retried), (2, 1), "{act:?}");
        world.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_first_text_a_cut_is_marked_and_not_kept() {
    let said = || vec![(5, "Hel"), (5, "lo")];
    let mut with_error = said();
    with_error.push((1, "error"));
    for act in [
        Act::Stream(said(), After::Cut),
        Act::Stream(said(), After::End),
        Act::Stream(said(), After::Hang),
        Act::Stream(with_error, After::End),
    ] {
        let all = act.clone();
        let mut setting = Setting::default();
        setting.call.timeouts.between_tokens = Duration::from_secs(3);
        let world = World::with(setting, move |_| all.clone());
        let (ended, pieces) = heard(&world, "a").await;
        let streamed = ended.expect("what came is handed up");
        assert_eq!((&*streamed.text, pieces.concat()), ("Hello", "Hello".to_owned()), "{act:?}");
        assert_eq!(streamed.answer.expect_err("cut").kind(), FaultKind::Incomplete, "{act:?}");
        assert_eq!(world.service.sent(), 1, "{act:?}");
        assert!(!world.shelf.has("a"));
        world.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn the_times_of_a_stream_name_themselves() {
    let pings = || vec![(900, ""); 20];
    let mut text_then_pings = vec![(1, "Hi")];
    text_then_pings.extend(pings());
    let table = [
        (Act::Hang, "no answer began within 4s", 4),
        (Act::Stream(pings(), After::Hang), "no text came within", 5),
        (Act::Stream(text_then_pings, After::Hang), "no more text came within", 2),
    ];
    for (act, words, seconds) in table {
        let (mut setting, what) = (Setting::default(), act.clone());
        setting.call.interactive_tries = 1;
        setting.call.timeouts = Timeouts {
            first_byte: Duration::from_secs(4),
            first_token: Duration::from_secs(5),
            between_tokens: Duration::from_secs(2),
            ..Timeouts::CHAT
        };
        let world = World::with(setting, move |_| what.clone());
        let start = Instant::now();
        let fault = match heard(&world, "a").await.0 {
            Ok(streamed) => streamed.answer.expect_err("cut"),
            Err(fault) => fault,
        };
        assert!(fault.to_string().contains(words), "{act:?}: {fault}");
        assert_eq!(start.elapsed().as_secs(), seconds, "{act:?}");
        world.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_holds_nothing() {
    let world = World::new(|_| Act::Stream(vec![(5, "Hel")], After::Hang));
    assert!(timeout(Duration::from_secs(1), heard(&world, "a")).await.is_err());
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_an_old_answer_where_the_service_is_down() {
    let mut setting = Setting::default();
    setting.call.fresh_for = Some(Duration::from_secs(1));
    setting.call.stale_for = Some(Duration::from_secs(3600));
    let world = World::with(setting, |_| Act::Status(500, None));
    world.shelf.put("a", "as I said", std::time::SystemTime::now() - Duration::from_secs(60));
    let (ended, pieces) = heard(&world, "a").await;
    assert_eq!((ended.expect("stale").told.stale, pieces), (1, vec!["as I said".to_owned()]));
}
