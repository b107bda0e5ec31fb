//! How many calls in flight a provider bears: more and more of them, until that brings nothing or is refused.

use serde::Serialize;
use tidegate_core::Fault;

use super::trial::Trial;

/// A step that brings less than this more than the best before it has brought nothing.
const GAIN: f64 = 1.10;
/// The fewest in flight that bring this share of the most are enough: more would only wait longer.
const ENOUGH: f64 = 0.95;
/// A larger share of refused requests is no accident.
const REFUSED: f64 = 0.01;
/// Calls of a step for each in flight: the first ones and the last ones of a step are not representative.
const ROUNDS: u64 = 8;
/// A step has at least so many calls.
const FEWEST: u64 = 16;
/// Where calls wait this share of their time for a turn, it is a limit and not the provider that decides.
const PACED: f64 = 0.5;

/// Where more calls in flight bring nothing more.
#[derive(Debug, Clone, Serialize)]
pub struct Knee {
    /// The steps, by calls in flight.
    pub steps: Vec<Trial>,
    /// The fewest in flight that bring nearly the most.
    pub at_once: usize,
    /// What ended the search.
    pub end: KneeEnd,
}

/// What ended the search for a knee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KneeEnd {
    /// More in flight brought no more.
    Level,
    /// The provider refused some.
    Refused,
    /// A limit on requests or tokens was reached first.
    Limit,
    /// Nothing: it bears the most that was tried.
    Most,
    /// Calls could no longer be made.
    Stopped,
}

/// Calls of the step with `at_once` in flight.
pub(super) fn calls_of(at_once: usize) -> u64 {
    (ROUNDS * at_once as u64).max(FEWEST)
}

/// Calls of all steps up to `most` in flight, and of the one between the best two.
pub(super) fn most_calls(most: usize) -> u64 {
    doublings(most).chain([most]).map(calls_of).sum()
}

fn doublings(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1_usize), |at_once| at_once.checked_mul(2))
        .take_while(move |at_once| *at_once <= most.max(1))
}

/// Tries steps up to `most` with `step`.
pub(super) fn find(most: usize, step: &mut dyn FnMut(usize) -> Result<Trial, Fault>) -> Result<Knee, Fault> {
    let mut steps: Vec<Trial> = Vec::new();
    let mut level = 0;
    let mut end = KneeEnd::Most;
    for at_once in doublings(most) {
        let best = most_of(&steps);
        let trial = step(at_once)?;
        let (speed, over) = (trial.per_second, over(&trial));
        steps.push(trial);
        if let Some(over) = over {
            end = over;
            break;
        }
        level = if speed < best * GAIN { level + 1 } else { 0 };
        if level == 2 {
            end = KneeEnd::Level;
            break;
        }
    }
    // Between the fewest that are enough and the step before it, three quarters may be enough too.
    let found = enough(&steps);
    if found > 2 {
        let trial = step(found / 4 * 3)?;
        if over(&trial).is_none() {
            let place = steps.partition_point(|known| known.at_once < trial.at_once);
            steps.insert(place, trial);
        }
    }
    Ok(Knee { at_once: enough(&steps), steps, end })
}

/// Why nothing more is to be tried after `trial`.
fn over(trial: &Trial) -> Option<KneeEnd> {
    if trial.fault.is_some() {
        return Some(KneeEnd::Stopped);
    }
    let refused: u64 = ["429", "503", "529"].iter().filter_map(|kind| trial.failures.get(*kind)).sum();
    if refused as f64 > REFUSED * trial.sent as f64 {
        return Some(KneeEnd::Refused);
    }
    (trial.waited > PACED).then_some(KneeEnd::Limit)
}

fn most_of(steps: &[Trial]) -> f64 {
    steps.iter().filter(|trial| over(trial).is_none()).map(|trial| trial.per_second).fold(0.0, f64::max)
}

/// The fewest in flight that bring nearly the most; one where no step was good.
fn enough(steps: &[Trial]) -> usize {
    let most = most_of(steps);
    let good = steps.iter().filter(|trial| over(trial).is_none());
    good.filter(|trial| trial.per_second >= most * ENOUGH).map(|trial| trial.at_once).min().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::super::load::Way;
    use super::super::trial::Tally;
    use super::super::usage::Used;
    use super::*;

    /// A provider that answers in 100 ms up to `at` in flight and in proportion beyond; refuses beyond `most`.
    fn provider(at: usize, most: usize) -> impl FnMut(usize) -> Result<Trial, Fault> {
        move |at_once| {
            let mut trial =
                Tally::default().trial((Way::Async, at_once), &Used::default(), Default::default());
            trial.per_second = at_once.min(at) as f64 / 0.1;
            trial.sent = 100;
            if at_once > most {
                trial.failures.insert("429".to_owned(), 20);
            }
            Ok(trial)
        }
    }

    #[test]
    fn the_knee_is_where_more_brings_nothing() {
        for (at, found) in [(48, 48), (64, 64), (30, 32), (1, 1), (3, 3), (100, 96)] {
            let knee = find(1_024, &mut provider(at, usize::MAX)).unwrap();
            assert_eq!((knee.at_once, knee.end), (found, KneeEnd::Level), "{at}");
            assert!(knee.steps.is_sorted_by_key(|step| step.at_once));
        }
    }

    #[test]
    fn refusals_and_the_most_end_the_search() {
        let knee = find(1_024, &mut provider(500, 20)).unwrap();
        assert_eq!((knee.at_once, knee.end), (16, KneeEnd::Refused));
        let knee = find(64, &mut provider(500, usize::MAX)).unwrap();
        assert_eq!((knee.at_once, knee.end), (64, KneeEnd::Most));
        let knee = find(64, &mut provider(5, 0)).unwrap();
        assert_eq!((knee.at_once, knee.end, knee.steps.len()), (1, KneeEnd::Refused, 1));
    }

    #[test]
    fn no_more_calls_are_made_than_were_told() {
        for most in [1, 2, 48, 64, 256] {
            let mut calls = 0;
            let mut provider = provider(most, usize::MAX);
            let mut step = |at_once| {
                calls += calls_of(at_once);
                provider(at_once)
            };
            find(most, &mut step).unwrap();
            assert!(calls <= most_calls(most), "{calls} {most}");
        }
    }
}
