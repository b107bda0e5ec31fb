//! Limits: a strict window never sees more than the amount, nearly all of it is used, and nothing is made of nothing.

use proptest::prelude::*;
use tidegate_core::{Quota, QuotaUnit, Usage};
use tokio::time::Instant;

use super::super::bucket::Bucket;
use super::super::learned::Learned;
use super::super::limiter::{Limiter, Used};
use super::super::window::Window;
use super::*;

fn minute(unit: QuotaUnit, amount: u64) -> Limit {
    Limit::per_minute(unit, amount)
}

fn limited(limits: Vec<Limit>) -> LaneSettings {
    LaneSettings { limits, ..LaneSettings::default() }
}

/// The most units within any window of `per`, counted anew for every use: slow, and sharing nothing with what it
/// checks.
fn most_in_any_window(uses: &[(Instant, u64)], per: Duration) -> u64 {
    let mut most = 0;
    for (i, (from, _)) in uses.iter().enumerate() {
        let inside = uses[i..].iter().take_while(|(at, _)| at.duration_since(*from) < per);
        most = most.max(inside.map(|(_, units)| units).sum());
    }
    most
}

/// Sends requests of `sizes`, one after another as soon as each may go, for `span`.
fn flood(limiter: &mut Limiter, sizes: &[u64], start: Instant, span: Duration) -> Vec<(Instant, u64)> {
    let (mut now, mut uses) = (start, Vec::new());
    for size in sizes.iter().cycle() {
        let needs = limiter.needs(&ask(*size).charge).unwrap();
        while let Some((_, at)) = limiter.ready(now, &needs) {
            assert!(at > now, "a wait leads somewhere");
            now = at;
        }
        if now > start + span {
            return uses;
        }
        limiter.take(now, &needs);
        uses.push((now, *size));
    }
    uses
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_strict_window_never_sees_more_than_the_limit(
        requests in 1u64..3_000,
        tokens in 1_000u64..200_000,
        per_secs in 1u64..120,
        burst_ms in 0u64..20_000,
        shares in proptest::collection::vec(0.000_1f64..1.0, 1..40),
    ) {
        let start = Instant::now();
        let per = Duration::from_secs(per_secs);
        let burst = Duration::from_millis(burst_ms);
        let limits = [(QuotaUnit::Requests, requests), (QuotaUnit::Tokens, tokens)]
            .map(|(unit, amount)| Limit { unit, amount, per, burst });
        let mut limiter = Limiter::new(&limited(limits.to_vec()), start);
        let sizes: Vec<u64> = shares.iter().map(|share| (share * share * tokens as f64) as u64 + 1).collect();
        let uses = flood(&mut limiter, &sizes, start, per * 3);
        let ones: Vec<_> = uses.iter().map(|(at, _)| (*at, 1)).collect();
        prop_assert!(most_in_any_window(&ones, per) <= requests);
        prop_assert!(most_in_any_window(&uses, per) <= tokens);
        prop_assert!(!uses.is_empty());
    }

    #[test]
    fn a_window_agrees_with_a_list(steps in proptest::collection::vec((0u64..3_000, 1u64..50, any::<bool>()), 1..200)) {
        let start = Instant::now();
        let per = Duration::from_secs(10);
        let (mut window, mut now) = (Window::new(1_000, per, start), start);
        let mut uses: Vec<(Instant, u64)> = Vec::new();
        for (ms_on, units, refunded) in steps {
            now += ms(ms_on);
            window.take(now, units);
            uses.push((now, units));
            if refunded {
                window.correct(now, -(units as i64));
                uses.pop();
            }
            let within = |age: Duration| -> u64 {
                uses.iter().filter(|(at, _)| now.duration_since(*at) < age).map(|(_, units)| units).sum()
            };
            let used = window.used(now);
            prop_assert!(used >= within(per) && used <= within(per + ms(60)), "{used}");
        }
    }

    #[test]
    fn corrections_never_fill_a_bucket_beyond_its_capacity(
        steps in proptest::collection::vec((0u64..200, 0u64..40, -80i64..80), 1..100),
    ) {
        let start = Instant::now();
        let limit = Limit { unit: QuotaUnit::Tokens, amount: 6_000, per: Duration::from_secs(60), burst: ms(500) };
        let mut bucket = Bucket::new(&limit, 1.0, start);
        let mut now = start;
        for (wait, need, by) in steps {
            now += ms(wait);
            bucket.take(now, need);
            bucket.correct(now, now, by.max(-(need as i64)));
            // However it was corrected, at most a burst of 50 passes at once.
            let mut copy = 0;
            let mut probe = now;
            while copy < 60 && bucket.ready(probe, 1).is_none() {
                bucket.take(probe, 1);
                copy += 1;
            }
            prop_assert!(copy <= 51, "{copy} at once");
            probe += ms(1);
            now = probe;
        }
    }
}

#[test]
fn nearly_all_of_a_quota_is_used() {
    let start = Instant::now();
    let limits = vec![minute(QuotaUnit::Requests, 6_000), minute(QuotaUnit::Tokens, 1_000_000)];
    for (sizes, unit) in [(vec![20, 340, 100, 60], 0), (vec![170, 340, 200], 1)] {
        let mut limiter = Limiter::new(&limited(limits.clone()), start);
        let uses = flood(&mut limiter, &sizes, start, Duration::from_secs(300));
        let used = if unit == 0 {
            uses.len() as f64 / 30_000.0
        } else {
            uses.iter().map(|(_, units)| *units as f64).sum::<f64>() / 5_000_000.0
        };
        assert!((0.99..=1.001).contains(&used), "{used}");
    }
}

#[test]
fn a_limit_of_a_day_is_counted_and_not_paced() {
    let start = Instant::now();
    let day = Duration::from_secs(86_400);
    let limit = Limit { unit: QuotaUnit::Requests, amount: 100, per: day, burst: ms(500) };
    let mut limiter = Limiter::new(&limited(vec![limit]), start);
    let uses = flood(&mut limiter, &[1], start, Duration::from_secs(3_600));
    assert_eq!((uses.len(), uses.last().unwrap().0), (100, start));
}

#[test]
fn what_was_not_used_comes_back_and_what_was_used_is_owed() {
    let start = Instant::now();
    let mut limiter = Limiter::new(&limited(vec![minute(QuotaUnit::Tokens, 60_000)]), start);
    let needs = limiter.needs(&ask(500).charge).unwrap();
    limiter.take(start, &needs);
    assert!(limiter.ready(start, &needs).is_some());
    limiter.settle(start, start, &needs, Used::NoTokens);
    assert!(limiter.ready(start, &needs).is_none(), "a refused request gives its tokens back");
    limiter.take(start, &needs);
    let usage = Usage { input_tokens: 1_500, cached_tokens: 0, output_tokens: 0 };
    limiter.settle(start, start, &needs, Used::Exactly(usage));
    let (_, at) = limiter.ready(start, &needs).unwrap();
    let wait = at - start;
    assert!(wait > ms(980) && wait < ms(1_020), "one burst of debt and a full bucket: {wait:?}");
}

#[test]
fn estimates_are_corrected_by_what_is_used() {
    let start = Instant::now();
    let mut limiter = Limiter::new(&limited(vec![minute(QuotaUnit::Tokens, 1_000_000)]), start);
    let usage = |tokens| Usage { input_tokens: tokens, cached_tokens: 0, output_tokens: 0 };
    for _ in 0..200 {
        limiter.learn(&ask(100).charge, &usage(150));
    }
    assert_eq!(limiter.needs(&ask(100).charge).unwrap()[QuotaUnit::Tokens as usize], 150);
    for _ in 0..500 {
        limiter.learn(&ask(100).charge, &usage(u64::MAX / 4));
    }
    assert_eq!(limiter.needs(&ask(100).charge).unwrap()[QuotaUnit::Tokens as usize], 300, "bounded");
}

fn quota(limit: Option<u64>, remaining: Option<u64>) -> Quota {
    let window = Duration::from_secs(60);
    Quota { unit: QuotaUnit::Requests, limit, window, remaining, reset: Some(ms(200)) }
}

#[test]
fn headers_only_tighten() {
    let start = Instant::now();
    let mut limiter = Limiter::new(&limited(vec![minute(QuotaUnit::Requests, 600)]), start);
    let amount = |limiter: &mut Limiter| limiter.views(start)[0].limit.amount;
    limiter.reconcile(start, start, &[quota(Some(60_000), Some(60_000))]);
    assert_eq!(amount(&mut limiter), 600, "never above the settings");
    limiter.reconcile(start, start + ms(2), &[quota(Some(300), Some(300))]);
    assert_eq!(amount(&mut limiter), 300);
    limiter.reconcile(start, start + ms(1), &[quota(Some(100), Some(100))]);
    assert_eq!(amount(&mut limiter), 300, "an older request knows less");
}

#[test]
fn a_limit_is_learned_from_a_header() {
    let start = Instant::now();
    let mut limiter = Limiter::new(&limited(Vec::new()), start);
    let needs = limiter.needs(&ask(1).charge).unwrap();
    (0..7).for_each(|_| limiter.take(start, &needs));
    limiter.reconcile(start, start, &[quota(Some(600), Some(593))]);
    let views = limiter.views(start);
    assert!(views[0].learned && views[0].used == 7, "{views:?}");
    let uses = flood(&mut limiter, &[1], start, Duration::from_secs(60));
    assert!((590..=600).contains(&uses.len()), "{}", uses.len());
    for secs in 1..100 {
        let window = Duration::from_secs(secs);
        limiter.reconcile(start, start, &[Quota { window, ..quota(Some(5), None) }]);
    }
    assert!(limiter.views(start).len() <= 16, "a service cannot fill the memory with windows");
}

#[test]
fn a_limit_that_is_always_drained_is_believed_for_one_window() {
    let start = Instant::now();
    let mut limiter = Limiter::new(&limited(vec![minute(QuotaUnit::Requests, 600)]), start);
    let lie = [quota(Some(600), Some(0))];
    let needs = limiter.needs(&ask(1).charge).unwrap();
    assert_eq!(limiter.reconcile(start, start, &lie), Some(ms(200)));
    assert!(limiter.ready(start, &needs).is_some(), "nothing is left");
    let later = start + Duration::from_secs(61);
    assert_eq!(limiter.reconcile(later, later, &lie), None, "it has been lying for a window");
    assert!(limiter.ready(later, &needs).is_none());
    limiter.reconcile(later, later, &[quota(Some(600), Some(9))]);
    assert_eq!(limiter.reconcile(later, later, &lie), Some(ms(200)), "it told the truth in between");
}

#[test]
fn refusals_slow_a_known_limit_and_it_comes_back() {
    let start = Instant::now();
    let mut limiter = Limiter::new(&limited(vec![minute(QuotaUnit::Requests, 6_000)]), start);
    let rate = |limiter: &mut Limiter, secs: f64| {
        let now = start + Duration::from_secs_f64(secs);
        let needs = limiter.needs(&ask(1).charge).unwrap();
        limiter.ready(now, &needs);
        limiter.views(now)[0].rate
    };
    limiter.limited(start, Some(Duration::ZERO), Duration::ZERO);
    let rates = [0.0, 5.0, 10.0, 25.0].map(|secs| rate(&mut limiter, secs));
    assert!((rates[0] - 69.65).abs() < 0.1 && (rates[3] - 99.5).abs() < 0.01, "{rates:?}");
    assert!(rates.is_sorted(), "{rates:?}");
}

#[test]
fn an_unknown_limit_is_learned_from_what_was_accepted() {
    let start = Instant::now();
    let mut learned = Learned::new(start);
    // A service with windows of a minute takes 6,000 in three seconds and then asks for the other 57.
    (0..6_030).for_each(|_| learned.sent(start));
    let now = start + Duration::from_secs(3);
    for _ in 0..30 {
        learned.limited(now);
    }
    learned.cut(now, Duration::from_secs(57), false);
    let pace = |learned: &mut Learned, secs| learned.pace(now + Duration::from_secs(secs), false).unwrap();
    let paces = [57, 77, 87, 97].map(|secs| pace(&mut learned, secs));
    assert!((paces[0] - 66.5).abs() < 0.5 && (paces[1] - 95.0).abs() < 0.5, "{paces:?}");
    assert!(paces[2] < 100.0 && paces[3] > 120.0, "slowly past it, then faster: {paces:?}");
}

#[test]
fn scattered_refusals_teach_nothing() {
    let start = Instant::now();
    let mut learned = Learned::new(start);
    let mut refused = |calls: u64, every: u64| {
        (0..calls).any(|i| {
            learned.sent(start);
            if i % every == 0 {
                return learned.limited(start);
            }
            learned.ended();
            false
        })
    };
    assert!(!refused(20_000, 20), "one in twenty is bad luck");
    assert!(refused(300, 5), "one in five is not");
}
