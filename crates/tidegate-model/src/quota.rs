//! What the headers of an answer say of a service's limits.

use tidegate_core::Quota;
use tidegate_core::wire::Head;

use crate::hint;
use crate::profile::{Profile, QuotaHeaders};

/// The limits that `head` tells of, by the headers that `profile` names. What is malformed is as if it were absent.
#[must_use]
pub fn of_head(profile: &Profile, head: &Head) -> Vec<Quota> {
    profile.quotas.iter().filter_map(|headers| one(headers, head)).collect()
}

fn one(headers: &QuotaHeaders, head: &Head) -> Option<Quota> {
    let text = |name: &Option<String>| head.headers.get(name.as_deref()?)?.to_str().ok();
    let limit = text(&headers.limit).and_then(amount);
    let remaining = text(&headers.remaining).and_then(amount);
    let reset = text(&headers.reset).and_then(|text| hint::span(text, head.at));
    // A reset alone says nothing: of how much?
    (limit.is_some() || remaining.is_some()).then_some(Quota {
        unit: headers.unit,
        limit,
        window: headers.window,
        remaining,
        reset,
    })
}

/// A number, which some services write as a float. Below zero, where some overdraw, nothing is left.
fn amount(text: &str) -> Option<u64> {
    let text = text.trim();
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    Some(number.clamp(0.0, 1e15) as u64)
}
