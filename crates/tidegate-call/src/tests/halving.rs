use std::time::Duration;

use tidegate_core::{FaultKind, Shape};

use super::world::*;

fn refuses(bad: &'static [&'static str], act: Act) -> impl Fn(&Seen) -> Act + Send + Sync {
    move |seen| if seen.lines.iter().any(|line| bad.contains(&&**line)) { act.clone() } else { answers() }
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_of_64_costs_no_other() {
    let world = World::new(refuses(&["line 17"], Act::Status(400, None)));
    let answers = world.caller.call(&numbered(64), &bulk()).await.expect("answered");
    for (n, result) in answers.results.iter().enumerate() {
        match result {
            Ok(answer) => assert_eq!(&**answer, format!("LINE {n}")),
            Err(fault) => {
                assert_eq!((n, fault.kind()), (17, FaultKind::Refused));
                let words = fault.to_string();
                for part in ["400", "the service says no", "after 1 try", "req-7", "the answer began: no"] {
                    assert!(words.contains(part), "{part} is not in {words}");
                }
            }
        }
    }
    assert_eq!(answers.results.iter().filter(|it| it.is_ok()).count(), 63);
    assert_eq!(world.service.sent(), 13, "the whole, and two for each of six halvings");
    assert_eq!(world.shelf.appended.lock().expect("no panic").len(), 63);
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn the_worst_takes_two_calls_a_record_less_one() {
    for act in [Act::Status(400, None), Act::Status(413, None)] {
        for count in [1_usize, 2, 3, 7, 64] {
            let act = act.clone();
            let world = World::new(move |_| act.clone());
            let answers = world.caller.call(&numbered(count), &bulk()).await.expect("each has its fault");
            assert!(answers.results.iter().all(Result::is_err));
            assert_eq!(world.service.sent(), 2 * count - 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn too_large_together_is_not_too_large_alone() {
    let world = World::new(|seen| if seen.lines.len() > 16 { Act::Status(413, None) } else { answers() });
    let answers = world.caller.call(&numbered(64), &bulk()).await.expect("answered");
    assert!(answers.results.iter().all(Result::is_ok));
    assert_eq!(world.service.sent(), 1 + 2 + 4);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_spoils_its_answer_is_found() {
    let world = World::new(refuses(&["line 5"], Act::Say("<html>\n<p>\n</html>")));
    let answers = world.caller.call(&numbered(16), &bulk()).await.expect("answered");
    for (n, result) in answers.results.iter().enumerate() {
        assert_eq!(result.is_err(), n == 5);
    }
    let fault = answers.results[5].as_ref().expect_err("spoilt");
    assert_eq!(fault.kind(), FaultKind::BadResponse);
    assert!(fault.to_string().contains("<html>"), "{fault}");
    // Three tries of the whole, one of each half that fails, three of the one: and the good halves.
    assert_eq!(world.service.sent(), 3 + 3 + 4 + 3);
}

#[tokio::test(start_paused = true)]
async fn a_spoilt_answer_now_and_then_is_nobodys_fault() {
    let world = World::new(|seen| if seen.number % 3 == 0 { Act::Say("") } else { answers() });
    let answers = world.caller.call(&numbered(8), &bulk()).await.expect("answered");
    assert!(answers.results.iter().all(Result::is_ok));
    assert_eq!(world.service.sent(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_breaks_its_request_is_found_while_others_are_answered() {
    let world = World::new(refuses(&["line 3"], Act::Status(500, None)));
    let others = async {
        for n in 0.. {
            let item = vec![Line::from(format!("other {n}"))];
            world.caller.call(&item, &bulk()).await.expect("answered");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answers = tokio::select! {
        answers = async { world.caller.call(&numbered(8), &bulk()).await } => answers.expect("answered"),
        () = others => unreachable!("it does not end"),
    };
    for (n, result) in answers.results.iter().enumerate() {
        assert_eq!(result.is_err(), n == 3, "{result:?}");
    }
    assert_eq!(answers.results[3].as_ref().expect_err("broken").kind(), FaultKind::Refused);
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_cannot_send_a_record_costs_no_other() {
    let world = World::new(|_| answers());
    let answers = world.caller.call(&lines(["a", "b\0", "c", "d"]), &bulk()).await.expect("answered");
    assert_eq!(answers.results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);
    assert_eq!(answers.results[1].as_ref().expect_err("unsendable").kind(), FaultKind::Malformed);
    world.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_for_one_request_is_several() {
    let shape = Shape { items: 10, tokens: 60, ..Shape::default() };
    let world = World::with(Setting { shape, ..Setting::default() }, |_| answers());
    let answers = world.caller.call(&numbered(25), &bulk()).await.expect("answered");
    for (n, result) in answers.results.iter().enumerate() {
        assert_eq!(&**result.as_ref().expect("answered"), format!("LINE {n}"));
    }
    for seen in world.service.seen() {
        assert!(seen.lines.len() <= 10 && seen.lines.iter().map(String::len).sum::<usize>() <= 60);
    }
}
