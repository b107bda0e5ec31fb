//! Wherever a call is given up, nothing of it stays behind.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tidegate_core::{QuotaUnit, Usage};

use super::*;

#[derive(Debug, Clone, Copy)]
enum Act {
    Ask {
        tokens: u64,
        person: bool,
        extra: bool,
    },
    /// Polls a waiting admission.
    Poll(usize),
    /// Drops one, at whatever await it is.
    Drop(usize),
    /// Ends a call: answered, refused, failed, or given up.
    End(usize, u8),
    Pass(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (1u64..400, any::<bool>(), any::<bool>())
            .prop_map(|(tokens, person, extra)| Act::Ask { tokens, person, extra }),
        4 => (0usize..32).prop_map(Act::Poll),
        2 => (0usize..32).prop_map(Act::Drop),
        3 => ((0usize..32), 0u8..5).prop_map(|(i, end)| Act::End(i, end)),
        3 => (0u64..3_000).prop_map(Act::Pass),
    ];
    proptest::collection::vec(act, 1..120)
}

type Waiting = std::pin::Pin<Box<dyn Future<Output = Result<Ticket, Denied>>>>;

fn end(ticket: Ticket, how: u8) {
    let usage = Some(Usage { input_tokens: 123, cached_tokens: 0, output_tokens: 0 });
    match how {
        0 => ticket.settle(Outcome::Answered { usage, cost: 0.001, quotas: Vec::new() }),
        1 => ticket.settle(bad(FailureKind::RateLimited)),
        2 => ticket.settle(bad(FailureKind::Overloaded)),
        3 => ticket.settle(good()),
        _ => drop(ticket),
    }
}

async fn play(acts: Vec<Act>) {
    let limits =
        vec![Limit::per_minute(QuotaUnit::Requests, 300), Limit::per_minute(QuotaUnit::Tokens, 30_000)];
    let lane = Lane::new(name(), LaneSettings { limits, ..LaneSettings::default() });
    let (mut waiting, mut tickets): (Vec<Waiting>, Vec<Ticket>) = (Vec::new(), Vec::new());
    for act in acts {
        match act {
            Act::Ask { tokens, person: is_person, extra } => {
                let ask = if is_person { person(tokens) } else { ask(tokens) };
                let ask = Admission { extra: if extra { Extra::Throttled } else { Extra::No }, ..ask };
                let lane = lane.clone();
                waiting.push(Box::pin(async move { send(&lane, ask).await }));
            }
            Act::Poll(i) if i < waiting.len() => {
                let mut context = Context::from_waker(Waker::noop());
                if let Poll::Ready(end) = waiting[i].as_mut().poll(&mut context) {
                    drop(waiting.swap_remove(i));
                    tickets.extend(end.ok());
                }
            }
            Act::Drop(i) if i < waiting.len() => drop(waiting.swap_remove(i)),
            Act::End(i, how) if i < tickets.len() => end(tickets.swap_remove(i), how),
            Act::Pass(pass) => tokio::time::sleep(ms(pass)).await,
            Act::Poll(_) | Act::Drop(_) | Act::End(..) => {}
        }
        assert!(lane.view().in_flight as usize >= tickets.len());
    }
    drop((waiting, tickets));
    let view = lane.view();
    assert_eq!((view.in_flight, view.waiting, view.parked), (0, [0, 0, 0], 0), "something leaked");
    let ticket = tokio::time::timeout(Duration::from_secs(600), send(&lane, ask(1))).await;
    assert!(ticket.is_ok_and(|ticket| ticket.is_ok()), "the lane is as good as new");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nothing_leaks_wherever_a_call_is_dropped(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(acts));
    }
}
