//! Intervals: plain numbers, and what Go prints.

/// A plain number: digits with at most one point. No sign, no exponent, no `inf`.
pub(super) fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    (plain && digits && text.len() <= 40).then(|| text.parse().ok()).flatten()
}

/// Seconds of an interval as Go prints it, such as `1h2m3.5s`, `6m0s`, `20ms`.
pub(super) fn go_duration(text: &str) -> Option<f64> {
    let (seconds, rest) = leading(text)?;
    rest.is_empty().then_some(seconds)
}

/// Seconds of the interval that `text` begins with, and what follows it. Each number has its unit; units stand in
/// falling order, as everybody writes them, which also keeps `5 m 6 m` from being one interval.
pub(super) fn leading(text: &str) -> Option<(f64, &str)> {
    let (mut seconds, mut rest, mut last) = (0.0, text, f64::INFINITY);
    while let Some((value, unit, after)) = step(rest) {
        if unit >= last {
            break;
        }
        (seconds, rest, last) = (seconds + value * unit, after, unit);
    }
    last.is_finite().then_some((seconds, rest))
}

/// One number with its unit (in seconds), and what follows.
fn step(text: &str) -> Option<(f64, f64, &str)> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let value = number(&text[..digits])?;
    let rest = &text[digits..];
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    // Go writes microseconds with a micro sign, of which there are two.
    for micro in ["µs", "μs"] {
        if let Some(rest) = rest.strip_prefix(micro) {
            return Some((value, 1e-6, rest));
        }
    }
    let unit = match &rest[..letters] {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => {
            // `1m30s` has no break between a unit and the next number, so a unit ends where a digit begins; any
            // other letter makes it a word.
            return None;
        }
    };
    Some((value, unit, &rest[letters..]))
}
