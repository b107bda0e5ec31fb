use proptest::prelude::*;

use super::*;
use crate::provider::script::{Scope, Unit};
use crate::provider::span::Span;

const SHARER: Sharer = Sharer { key: 1, model: 2 };

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Admits what it can of `(gap in ms, cost)` and says when and how much.
fn drive(set: &mut LimitSet, asks: &[(u64, u64)]) -> Vec<(Duration, u64)> {
    let mut now = Duration::ZERO;
    let mut admitted = Vec::new();
    for (gap, cost) in asks {
        now += ms(*gap);
        let cost = Cost { inputs: 1, input_tokens: *cost, output_tokens: 0 };
        if set.admit(now, SHARER, cost, |_| 0).is_ok() {
            admitted.push((now, cost.input_tokens));
        }
    }
    admitted
}

fn limit(unit: Unit, amount: u64, window_ms: u64) -> Limit {
    Limit { window: Span::from_millis(window_ms), ..Limit::per_minute(unit, amount) }
}

proptest! {
    /// Whatever comes, no window holds more than the amount; and what was refused would not have fitted.
    #[test]
    fn a_sliding_window_is_exact(asks in prop::collection::vec((0u64..40, 0u64..30), 1..300), amount in 1u64..100) {
        let mut set = LimitSet::new(&[limit(Unit::Tokens, amount, 100)], false);
        let admitted = drive(&mut set, &asks);
        for (at, _) in &admitted {
            let sum: u64 = admitted.iter().filter(|(t, _)| *t >= *at && *t < *at + ms(100)).map(|(_, c)| c).sum();
            prop_assert!(sum <= amount, "{} in the window from {:?}", sum, at);
        }
        let mut now = Duration::ZERO;
        let mut taken: Vec<(Duration, u64)> = Vec::new();
        for (gap, cost) in asks {
            now += ms(gap);
            let sum: u64 = taken.iter().filter(|(t, _)| *t + ms(100) > now).map(|(_, c)| c).sum();
            if sum + cost <= amount {
                taken.push((now, cost));
            }
        }
        prop_assert_eq!(taken, admitted);
    }

    /// Between any two moments a bucket admits at most its size and what came in meanwhile.
    #[test]
    fn a_bucket_admits_its_size_and_its_rate(asks in prop::collection::vec((0u64..40, 0u64..30), 1..300)) {
        let bucket = limit(Unit::Tokens, 100, 1_000).with_bucket(Span::from_millis(300));
        let admitted = drive(&mut LimitSet::new(&[bucket], false), &asks);
        for (n, (from, _)) in admitted.iter().enumerate() {
            let mut sum = 0;
            for (to, cost) in &admitted[n..] {
                sum += cost * 1_000;
                prop_assert!(u128::from(sum) <= 30_000 + (*to - *from).as_millis() * 100);
            }
        }
    }

    /// The wait that is told is the shortest one: it works, and a nanosecond less does not.
    #[test]
    fn the_wait_is_exact(
        asks in prop::collection::vec((0u64..40, 0u64..30), 1..100),
        cost in 1u64..30,
        shape in 0..3,
    ) {
        let plain = limit(Unit::Tokens, 30, 100);
        let shaped = match shape {
            0 => plain,
            1 => plain.with_bucket(Span::from_millis(100)),
            _ => Limit { shape: Shape::Fixed, ..plain },
        };
        let mut gate = Gate::new(&shaped);
        let mut now = Duration::ZERO;
        for (gap, cost) in asks {
            now += ms(gap);
            if gate.wait(now, cost) == Some(Duration::ZERO) {
                gate.take(now, cost);
            }
        }
        let wait = gate.wait(now, cost).unwrap();
        if !wait.is_zero() {
            prop_assert_ne!(gate.wait(now + wait - Duration::from_nanos(1), cost), Some(Duration::ZERO));
        }
        prop_assert_eq!(gate.wait(now + wait, cost), Some(Duration::ZERO));
    }
}

#[test]
fn exactly_the_amount_passes_in_each_window() {
    let mut set = LimitSet::new(&[limit(Unit::Requests, 60, 1_000)], false);
    let admitted = drive(&mut set, &[(1, 1); 10_000]);
    assert_eq!(admitted.len(), 600);
}

#[test]
fn a_bucket_keeps_to_its_rate_to_the_unit() {
    let mut set = LimitSet::new(&[limit(Unit::Requests, 7, 1_000).with_bucket(Span::from_secs(1))], false);
    let admitted = drive(&mut set, &vec![(1, 1); 100_000]);
    // The first millisecond fell on a full bucket, so that the 700th is still coming in.
    assert_eq!(admitted.len(), 7 + 699);
}

#[test]
fn a_refusal_names_the_limit_that_takes_longest_and_counts_in_none() {
    let tokens = limit(Unit::Tokens, 10, 60_000);
    let mut set = LimitSet::new(&[limit(Unit::Requests, 1, 1_000), tokens], false);
    let cost = Cost { inputs: 1, input_tokens: 10, output_tokens: 0 };
    assert!(set.admit(ms(0), SHARER, cost, |_| 0).is_ok());
    let denied = set.admit(ms(100), SHARER, cost, |_| 0).unwrap_err();
    assert_eq!((denied.limit, denied.wait, denied.remaining), (tokens, Some(ms(59_900)), 0));
    assert_eq!(set.left(ms(1_000), SHARER, Unit::Requests).unwrap().remaining, 1);
    let whale = Cost { input_tokens: 11, ..cost };
    assert_eq!(set.admit(ms(60_000), SHARER, whale, |_| 0).unwrap_err().wait, None);
}

#[test]
fn a_refused_request_counts_where_the_script_says_so() {
    let mut set = LimitSet::new(&[limit(Unit::Requests, 1, 1_000)], true);
    let cost = Cost::default();
    assert!(set.admit(ms(0), SHARER, cost, |_| 0).is_ok());
    assert!(set.admit(ms(900), SHARER, cost, |_| 0).is_err());
    assert!(set.admit(ms(1_100), SHARER, cost, |_| 0).is_err());
    assert!(set.admit(ms(2_100), SHARER, cost, |_| 0).is_ok());
}

#[test]
fn scopes_have_their_own_counts() {
    let per_key = Limit { scope: Scope::Key, ..limit(Unit::Requests, 1, 1_000) };
    let mut set = LimitSet::new(&[per_key], false);
    assert!(set.admit(ms(0), SHARER, Cost::default(), |_| 0).is_ok());
    assert!(set.admit(ms(0), Sharer { model: 9, ..SHARER }, Cost::default(), |_| 0).is_err());
    assert!(set.admit(ms(0), Sharer { key: 9, ..SHARER }, Cost::default(), |_| 0).is_ok());
}

#[test]
fn a_concurrency_limit_counts_those_being_worked_on() {
    let mut set = LimitSet::new(&[limit(Unit::Concurrent, 2, 1_000)], false);
    assert!(set.admit(ms(0), SHARER, Cost::default(), |_| 1).is_ok());
    assert!(set.admit(ms(0), SHARER, Cost::default(), |_| 2).is_err());
}
