use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{advance, timeout};

use super::world::*;

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[derive(Debug, Clone, Copy)]
enum What {
    Answers,
    Busy,
    Refuses,
    Hangs,
    Spoils,
}

fn act(what: What, seen: &Seen) -> Act {
    match what {
        What::Answers => Act::Answer(3),
        What::Busy if seen.number < 3 => Act::Status(429, Some(5)),
        What::Refuses if seen.lines.len() > 1 => Act::Status(400, None),
        What::Hangs if seen.number.is_multiple_of(2) => Act::Hang,
        What::Spoils if seen.number < 2 => Act::Say("<html>"),
        _ => Act::Answer(2),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn dropped_at_any_await_a_call_leaves_nothing_and_hangs_nobody(
        what in prop_oneof![
            Just(What::Answers), Just(What::Busy), Just(What::Refuses), Just(What::Hangs), Just(What::Spoils)
        ],
        polls in proptest::collection::vec((0_usize..3, 0_u64..4), 0..40),
    ) {
        in_virtual_time(async move {
            let mut setting = Setting::default();
            setting.call.hedge = true;
            setting.call.timeouts.first_byte = Duration::from_secs(1);
            setting.lane.concurrency = crate::Concurrency::Fixed(2);
            let world = World::with(setting, move |seen| act(what, seen));
            let cx = bulk();
            let (items, twice, other) = (numbered(4), numbered(6), lines(["x"]));
            {
                let mut calls = [
                    Some(Box::pin(world.caller.call(&items, &cx))),
                    Some(Box::pin(world.caller.call(&twice, &cx))),
                    Some(Box::pin(world.caller.call(&other, &cx))),
                ];
                for (which, later) in polls {
                    if let Some(call) = &mut calls[which]
                        && poll_once(call.as_mut()).is_ready()
                    {
                        calls[which] = None;
                    }
                    advance(Duration::from_millis(later)).await;
                }
                calls[0] = None; // whoever leads, in most cases
                // Side by side: one that is not polled keeps what it was just granted.
                let rest = calls.iter_mut().skip(1).filter_map(Option::as_mut);
                let ended = timeout(Duration::from_secs(600), futures_util::future::join_all(rest)).await;
                for answered in ended.expect("nobody hangs") {
                    assert!(answered.expect("answered").results.iter().all(Result::is_ok));
                }
            }
            world.assert_at_rest();
            world.caller.call(&items, &cx).await.expect("and the caller goes on");
        });
    }
}
