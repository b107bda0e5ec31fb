//! Waits that a message tells in words.

use std::time::Duration;

use super::{span, wait};

/// What stands before an interval.
const BEFORE: [&str; 9] = [
    "try again in",
    "try again after",
    "retry after",
    "retry in",
    "retrying in",
    "please wait",
    "reset in",
    "resets in",
    "available in",
];
/// A message is not searched beyond this many bytes.
const MOST_TEXT: usize = 4_096;

/// The interval in a message such as `Please try again in 8.71s` or `Please retry after 6 seconds.`; the longest if
/// there are several, because all of them must pass.
#[must_use]
pub fn of_words(message: &str) -> Option<Duration> {
    let mut end = message.len().min(MOST_TEXT);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let message = message[..end].to_ascii_lowercase();
    let intervals =
        BEFORE.iter().flat_map(|before| message.match_indices(before).map(|(at, _)| at + before.len()));
    intervals.filter_map(|at| interval(&message[at..])).max().filter(|wait| !wait.is_zero())
}

fn interval(text: &str) -> Option<Duration> {
    let text = text.trim_start_matches([' ', ':', '~']).trim_start_matches("about ");
    span::leading(text)
        .filter(|(_, rest)| !continues(rest))
        .map(|(seconds, _)| seconds)
        .or_else(|| spelled(text))
        .and_then(wait)
}

/// Whether what follows makes another word or number of what came before.
fn continues(rest: &str) -> bool {
    rest.starts_with(|next: char| next.is_alphanumeric())
}

/// `6 seconds`, `1 minute 30 seconds`.
fn spelled(text: &str) -> Option<f64> {
    let mut words = text.split([' ', ',', ';']).filter(|word| !word.is_empty() && *word != "and");
    let (mut sum, mut found) = (0.0, false);
    while let Some(number) = words.next().and_then(span::number) {
        let unit = match words.next().unwrap_or_default().trim_end_matches(['.', '!', ')', '"', '\'']) {
            "millisecond" | "milliseconds" | "ms" => 1e-3,
            "second" | "seconds" | "sec" | "secs" | "s" => 1.0,
            "minute" | "minutes" | "min" | "mins" | "m" => 60.0,
            "hour" | "hours" | "h" => 3_600.0,
            "day" | "days" => 86_400.0,
            _ => break,
        };
        (sum, found) = (sum + number * unit, true);
    }
    found.then_some(sum)
}
