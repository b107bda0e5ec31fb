//! How long a service asks to wait, in whichever of many forms it says so.
//!
//! Everything here is a pure function of what came and of when it came. What is malformed, negative or past is no
//! hint; what is longer than [`MOST`] is shortened to it, so that a lying header cannot stop a lane for years.

mod date;
mod span;
#[cfg(test)]
mod tests;
mod words;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_core::wire::Head;

pub use words::of_words;

/// The longest wait that is believed. Quotas that come back come back within a day.
pub const MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Headers that name an interval or a moment, the most exact first.
const RESETS: [&str; 2] = ["x-ratelimit-reset", "ratelimit-reset"];

/// How long the headers of a refusal ask to wait: `retry-after-ms`, then `retry-after` (seconds, with a fraction or
/// without, or a date), then a reset that no unit is named of.
#[must_use]
pub fn of_headers(head: &Head) -> Option<Duration> {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let milliseconds = || span::number(text("retry-after-ms")?).map(|number| number / 1_000.0);
    let exact = milliseconds().and_then(wait);
    let after = || text("retry-after").and_then(|text| after(text, head.at));
    let reset = || RESETS.iter().find_map(|name| text(name).and_then(|text| span(text, head.at)));
    exact.or_else(after).or_else(reset).filter(|wait| !wait.is_zero())
}

/// The time until a limit is whole again, as reset headers write it: `6m0s`, `20ms`, `7.66`, seconds or milliseconds
/// since 1970, RFC 3339, or an HTTP date. What is past is zero.
#[must_use]
pub fn span(text: &str, at: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Some(number) = span::number(text) {
        return match number {
            // Seconds since 1970 passed a thousand million in 2001; milliseconds, a million million.
            1e12.. => until(number / 1_000.0, at),
            1e9.. => until(number, at),
            _ => wait(number),
        };
    }
    span::go_duration(text).and_then(wait).or_else(|| moment(text).and_then(|moment| until(moment, at)))
}

/// `Retry-After`: an interval in seconds, or a moment. A number near to now is a moment too: some services confuse
/// this header with a reset.
fn after(text: &str, at: SystemTime) -> Option<Duration> {
    let Some(number) = span::number(text) else {
        let seconds = span::go_duration(text).and_then(wait);
        return seconds.or_else(|| until(moment(text)?, at));
    };
    let now = at.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    if (number - now).abs() <= MOST.as_secs_f64() { until(number, at) } else { wait(number) }
}

/// A date as seconds since 1970.
fn moment(text: &str) -> Option<f64> {
    date::rfc3339(text).or_else(|| date::http(text))
}

/// The time from `at` until `moment`, in seconds since 1970; zero if that is past.
fn until(moment: f64, at: SystemTime) -> Option<Duration> {
    let now = at.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    wait((moment - now).max(0.0))
}

/// A number of seconds as a wait.
fn wait(seconds: f64) -> Option<Duration> {
    (seconds.is_finite() && seconds >= 0.0).then(|| {
        // Rounded up to whole microseconds: what is asked for is the least, and floats fall just short of it.
        let micros = (seconds.min(MOST.as_secs_f64()) * 1e6 - 1e-3).ceil().max(0.0);
        Duration::from_micros(micros as u64)
    })
}

/// An interval in a body: a number of seconds, or as Go prints it.
pub(crate) fn interval(text: &str) -> Option<Duration> {
    span::number(text).or_else(|| span::go_duration(text)).and_then(wait)
}
