//! What one document may cost a child.

use std::time::Duration;

/// Limits of one document. They hold whatever the parser does; its own limits come before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory that parsing may take, beside the document itself.
    pub memory: u64,
    /// Time on the processor, counted in whole seconds.
    pub cpu: Duration,
    /// Time on the clock, from the first byte sent to the last answer.
    pub wall: Duration,
    /// Bytes of text that may come out, of all documents of a file together.
    pub output: u64,
}

impl Default for Limits {
    /// The largest honest documents (books of thousands of pages) stay below a third of each.
    fn default() -> Self {
        Self {
            memory: 512 << 20,
            cpu: Duration::from_secs(30),
            wall: Duration::from_secs(60),
            output: 64 << 20,
        }
    }
}

impl Limits {
    /// Bytes of frames a child may send for one document: text, and what is said about it. A table of small cells has
    /// more to say about its text than it has text.
    pub(crate) fn frames(&self) -> u64 {
        self.output.saturating_mul(3).saturating_add(16 << 20)
    }
}

/// `bytes` in the largest unit that leaves it whole, as whoever set the limit wrote it; else with one decimal.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1_000, "kB"),
    ];
    let whole = |(unit, _): &&(u64, &str)| bytes.is_multiple_of(*unit) && bytes >= *unit;
    let below = |(unit, _): &&(u64, &str)| bytes >= *unit;
    match (UNITS.iter().find(whole), UNITS.iter().find(below)) {
        (Some((unit, name)), Some((largest, _))) if bytes / unit < 10_000 || unit == largest => {
            format!("{} {name}", bytes / unit)
        }
        (_, Some((unit, name))) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        (_, None) => format!("{bytes} bytes"),
    }
}

/// `span` as people write it.
pub(crate) fn time(span: Duration) -> String {
    if span.subsec_millis() == 0 {
        format!("{} s", span.as_secs())
    } else {
        format!("{} ms", span.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_as_people_write_them() {
        let check = |bytes: u64, expect: &str| assert_eq!(size(bytes), expect);
        check(0, "0 bytes");
        check(512 << 20, "512 MiB");
        check(1 << 30, "1 GiB");
        check(512_000_000, "512 MB");
        check(4_000, "4 kB");
        check((5 << 20) + 1, "5.0 MiB");
        assert_eq!(time(Duration::from_secs(60)), "60 s");
        assert_eq!(time(Duration::from_millis(250)), "250 ms");
    }
}
