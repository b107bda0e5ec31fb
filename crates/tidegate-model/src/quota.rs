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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_core::QuotaUnit as U;

    use super::*;
    use crate::golden::{PROFILES, head};

    /// Unit, window in seconds, limit, remaining, reset in milliseconds.
    type Seen = (U, u64, Option<u64>, Option<u64>, Option<u64>);

    fn seen(provider: &str, headers: &[(&str, &str)]) -> Vec<Seen> {
        let quotas = of_head(PROFILES.get(provider).unwrap(), &head(200, headers));
        let one = |quota: &Quota| {
            let reset = quota.reset.map(|reset| reset.as_millis() as u64);
            (quota.unit, quota.window.as_secs(), quota.limit, quota.remaining, reset)
        };
        quotas.iter().map(one).collect()
    }

    #[test]
    fn every_dialect_is_understood() {
        let ours = [
            ("x-ratelimit-limit-requests", "14400"),
            ("x-ratelimit-remaining-requests", "14370"),
            ("x-ratelimit-reset-requests", "2m59.56s"),
            ("x-ratelimit-limit-tokens", "18000"),
            ("x-ratelimit-remaining-tokens", "17997"),
            ("x-ratelimit-reset-tokens", "7.66s"),
        ];
        let tokens = (U::Tokens, 60, Some(18_000), Some(17_997), Some(7_660));
        for (provider, window) in [("openai", 60), ("azure", 60), ("compatible", 60), ("groq", 86_400)] {
            let requests = (U::Requests, window, Some(14_400), Some(14_370), Some(179_560));
            assert_eq!(seen(provider, &ours), [requests, tokens], "{provider}");
        }
        let azure = [("x-ratelimit-remaining-requests", "5"), ("x-ratelimit-remaining-tokens", "-1")];
        let remaining = [(U::Requests, 60, None, Some(5), None), (U::Tokens, 60, None, Some(0), None)];
        assert_eq!(seen("azure", &azure), remaining);
        let jina = [("X-RateLimit-Remaining-Requests", "499"), ("X-RateLimit-Remaining-Tokens", "1e5")];
        let remaining =
            [(U::Requests, 60, None, Some(499), None), (U::Tokens, 60, None, Some(100_000), None)];
        assert_eq!(seen("jina", &jina), remaining);
        let mistral = [
            ("ratelimitbysize-limit", "500000"),
            ("ratelimitbysize-remaining", "499000"),
            ("ratelimitbysize-reset", "13"),
        ];
        assert_eq!(seen("mistral", &mistral), [(U::Tokens, 60, Some(500_000), Some(499_000), Some(13_000))]);
        let openrouter = [
            ("x-ratelimit-limit", "20"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1795219230000"),
        ];
        assert_eq!(seen("openrouter", &openrouter), [(U::Requests, 60, Some(20), Some(0), Some(30_000))]);
        assert_eq!(seen("gemini", &ours), []);
    }

    #[test]
    fn tokens_sent_and_answered_are_limited_apart() {
        let anthropic = [
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-11-21T00:00:01Z"),
            ("anthropic-ratelimit-tokens-limit", "48000"),
            ("anthropic-ratelimit-tokens-remaining", "48000"),
            ("anthropic-ratelimit-input-tokens-limit", "40000"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-21T00:00:30Z"),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "8000"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-20T23:59:59Z"),
        ];
        assert_eq!(
            seen("anthropic", &anthropic),
            [
                (U::Requests, 60, Some(50), Some(49), Some(1_000)),
                (U::InputTokens, 60, Some(40_000), Some(0), Some(30_000)),
                (U::OutputTokens, 60, Some(8_000), Some(8_000), Some(0)),
            ]
        );
    }

    #[test]
    fn nonsense_is_as_if_it_were_absent() {
        for value in ["", "many", "NaN", "inf", "-inf", "0x10", "1,000"] {
            let headers = [("x-ratelimit-limit-requests", value), ("x-ratelimit-reset-requests", "1s")];
            assert_eq!(seen("openai", &headers), [], "{value}");
        }
        let huge = [("x-ratelimit-limit-requests", "1e300"), ("x-ratelimit-reset-requests", "99999999h")];
        let day = Duration::from_secs(86_400).as_millis() as u64;
        assert_eq!(seen("openai", &huge), [(U::Requests, 60, Some(1_000_000_000_000_000), None, Some(day))]);
    }
}
