//! How a wait is told.

use std::time::Duration;

use super::clock::{ceil_secs, http_date, rfc3339};
use super::script::Hint;
use super::wire::{Complaint, Wire, go_duration};

/// An hour: how far in the past a past date lies.
const HOUR: Duration = Duration::from_secs(3_600);

/// Tells `wait` in the ways of `hint`: some in the error's body, the rest as headers, which are returned. `clock` is
/// the provider's time since 1970.
pub(super) fn tell(
    hint: &Hint,
    wait: Duration,
    clock: Duration,
    wire: &dyn Wire,
    complaint: &mut Complaint,
) -> Vec<(String, String)> {
    let hints = match hint {
        Hint::Usual => wire.usual_hints(),
        other => std::slice::from_ref(other),
    };
    let mut headers = Vec::new();
    for hint in hints {
        match hint {
            Hint::MessageText => {
                complaint.told = Some(format!("Please try again in {}.", go_duration(wait)));
            }
            Hint::AzureText => {
                complaint.told = Some(format!("Please retry after {} seconds.", ceil_secs(wait)));
            }
            Hint::RetryInfo => complaint.retry_info = Some(wait),
            other => headers.extend(header(other, wait, clock)),
        }
    }
    headers
}

/// How long an answer that tells `wait` in the ways of `hint` asks to wait, at least: some ways round it up. Nothing where
/// what is told is no wait. Never more than is told, so that whoever is judged by it is judged fairly.
pub(super) fn told(hint: &Hint, wait: Duration, wire: &dyn Wire) -> Option<Duration> {
    let hints = match hint {
        Hint::Usual => wire.usual_hints(),
        other => std::slice::from_ref(other),
    };
    let honest = Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let one = |hint: &Hint| match hint {
        Hint::None | Hint::Usual | Hint::PastHttpDate | Hint::Negative | Hint::Infinite => None,
        Hint::Huge => Some(Duration::from_secs(1_000_000_000)),
        Hint::Header(name, value) => {
            let number = value.trim().parse::<u64>().ok()?;
            match name.to_ascii_lowercase().as_str() {
                "retry-after" => Some(Duration::from_secs(number)),
                "retry-after-ms" => Some(Duration::from_millis(number)),
                _ => None,
            }
        }
        _ => Some(honest),
    };
    hints.iter().filter_map(one).min()
}

fn header(hint: &Hint, wait: Duration, clock: Duration) -> Option<(String, String)> {
    let secs = ceil_secs(wait);
    let (name, value) = match hint {
        Hint::Seconds => ("retry-after", secs.to_string()),
        Hint::FractionalSeconds => ("retry-after", format!("{:.3}", wait.as_secs_f64())),
        Hint::Milliseconds => ("retry-after-ms", wait.as_nanos().div_ceil(1_000_000).to_string()),
        Hint::HttpDate => ("retry-after", http_date(clock + wait)),
        Hint::PastHttpDate => ("retry-after", http_date(clock.saturating_sub(HOUR))),
        Hint::Negative => ("retry-after", "-1".to_owned()),
        Hint::Infinite => ("retry-after", "inf".to_owned()),
        Hint::Huge => ("retry-after", "1000000000".to_owned()),
        Hint::ResetGoDuration => ("x-ratelimit-reset-requests", go_duration(wait)),
        Hint::ResetUnix => ("x-ratelimit-reset", ceil_secs(clock + wait).to_string()),
        Hint::ResetRfc3339 => ("anthropic-ratelimit-requests-reset", rfc3339(clock + wait)),
        Hint::Header(name, value) => return Some((name.clone(), value.clone())),
        Hint::Usual | Hint::None | Hint::MessageText | Hint::AzureText | Hint::RetryInfo => return None,
    };
    Some((name.to_owned(), value))
}
