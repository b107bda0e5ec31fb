//! How long a repeat waits.
//!
//! Full jitter: a uniform choice up to the doubling bound. Of the usual kinds it brings the fewest calls in vain and
//! the shortest way back after an outage, because clients that failed together spread the most.

use std::time::Duration;

use super::admission::Priority;
use super::dice::Dice;

/// The first bound after a failure.
const FAILED: Duration = Duration::from_millis(500);
/// The first bound after a refusal for want of room.
const THROTTLED: Duration = Duration::from_secs(1);
/// The highest bound where a run waits, and where a person does.
const MOST_BULK: Duration = Duration::from_secs(30);
const MOST_INTERACTIVE: Duration = Duration::from_secs(5);
/// What is added to a hint, so that all who were told the same do not return together.
const SPREAD_SHARE: f64 = 0.1;
const SPREAD_MOST: Duration = Duration::from_secs(1);
/// A longer hint is a mistake, or another day's work.
const HINT_MOST: Duration = Duration::from_secs(86_400);

pub(super) fn backoff(
    dice: &Dice,
    attempt: u32,
    hint: Option<Duration>,
    (throttled, priority): (bool, Priority),
) -> Duration {
    let base = if throttled { THROTTLED } else { FAILED };
    let most = match priority {
        Priority::Interactive => MOST_INTERACTIVE,
        Priority::Bulk => MOST_BULK,
    };
    let bound = base.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(most);
    let delay = dice.below(bound);
    match hint.map(|hint| hint.min(HINT_MOST)) {
        Some(hint) => delay.max(hint) + dice.below(hint.mul_f64(SPREAD_SHARE).min(SPREAD_MOST)),
        None => delay,
    }
}
