//! What a provider bears.

use crate::clean::clean;
use crate::color::Paint;
use crate::table::{Column, table};
use crate::units::{bytes, count, rate, seconds};

/// What came of many calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrialView {
    /// The way they were made, or how many were in flight.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// Texts that were not answered.
    pub lost: u64,
    /// How long all took.
    pub seconds: f64,
    /// Calls a second.
    pub per_second: f64,
    /// Milliseconds that half, 95 and 99 in 100 of the calls took at most.
    pub percentiles_ms: [f64; 3],
    /// Median milliseconds until the first text, of streams.
    pub first_text_ms: Option<f64>,
    /// Requests sent again.
    pub retried: u64,
    /// Requests sent beside a slow one.
    pub hedged: u64,
    /// Requests without a good answer, by kind.
    pub failures: Vec<(String, u64)>,
    /// CPU microseconds a call.
    pub cpu_us: f64,
    /// The most memory.
    pub memory_bytes: u64,
    /// The most connections.
    pub connections: u64,
    /// The most open files.
    pub files: u64,
}

/// A bench.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BenchView<'a> {
    /// The model.
    pub model: &'a str,
    /// Each way.
    pub ways: Vec<TrialView>,
    /// Each step of the search for the knee.
    pub steps: Vec<TrialView>,
    /// The number in flight that is enough, where it was looked for.
    pub enough: Option<usize>,
    /// The settings that are recommended, as TOML.
    pub snippet: Option<&'a str>,
}

/// Renders a bench.
#[must_use]
pub fn bench(view: &BenchView<'_>, columns: usize, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(clean(view.model)));
    text.push_str(&trials("WAY", &view.ways, columns, paint));
    for trial in &view.ways {
        text.push_str(&troubles(trial));
    }
    if !view.steps.is_empty() {
        text.push('\n');
        text.push_str(&trials("AT ONCE", &view.steps, columns, paint));
        for trial in &view.steps {
            text.push_str(&troubles(trial));
        }
    }
    if let Some(enough) = view.enough {
        text.push_str(&format!("{enough} at once {} enough\n", if enough == 1 { "is" } else { "are" }));
    }
    if let Some(snippet) = view.snippet {
        text.push_str(&format!("\n{}{}", paint.dim("# recommended\n"), crate::clean::clean_block(snippet)));
    }
    text
}

fn trials(first: &str, trials: &[TrialView], columns: usize, paint: Paint) -> String {
    let streams = trials.iter().any(|trial| trial.first_text_ms.is_some());
    let mut header = vec![(first, Column::Left), ("CALLS", Column::Right), ("TIME", Column::Right)];
    header.extend([("CALLS/S", Column::Right), ("P50", Column::Right), ("P95", Column::Right)]);
    header.push(("P99", Column::Right));
    if streams {
        header.push(("FIRST TEXT", Column::Right));
    }
    header.extend([("CPU/CALL", Column::Right), ("MEMORY", Column::Right)]);
    header.extend([("CONNECTIONS", Column::Right), ("FILES", Column::Right)]);
    let rows: Vec<Vec<String>> = trials
        .iter()
        .map(|trial| {
            let mut row = vec![trial.name.clone(), count(trial.calls), seconds(trial.seconds)];
            row.push(rate(trial.per_second));
            row.extend(trial.percentiles_ms.map(millis));
            if streams {
                row.push(trial.first_text_ms.map_or_else(|| "-".to_owned(), millis));
            }
            row.extend([format!("{} us", rate(trial.cpu_us)), bytes(trial.memory_bytes)]);
            row.extend([count(trial.connections), count(trial.files)]);
            row
        })
        .collect();
    table(&header, &rows, columns, paint)
}

fn millis(ms: f64) -> String {
    if ms >= 10_000.0 { seconds(ms / 1e3) } else { format!("{} ms", rate(ms)) }
}

/// A line about what went wrong, if anything did.
fn troubles(trial: &TrialView) -> String {
    let mut told = Vec::new();
    if trial.lost > 0 {
        told.push(format!("{} texts not answered", count(trial.lost)));
    }
    for (kind, many) in &trial.failures {
        told.push(format!("{} x {}", count(*many), clean(kind)));
    }
    if trial.retried > 0 {
        told.push(format!("{} sent again", count(trial.retried)));
    }
    if trial.hedged > 0 {
        told.push(format!("{} hedged", count(trial.hedged)));
    }
    if told.is_empty() { String::new() } else { format!("{}: {}\n", clean(&trial.name), told.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(name: &str) -> TrialView {
        TrialView {
            name: name.to_owned(),
            calls: 200,
            seconds: 2.0,
            per_second: 100.0,
            percentiles_ms: [50.0, 61.2, 12_345.6],
            cpu_us: 41.3,
            memory_bytes: 12_300_000,
            connections: 32,
            files: 45,
            ..TrialView::default()
        }
    }

    #[test]
    fn ways_steps_and_settings_are_shown() {
        let bad = TrialView { lost: 1, failures: vec![("429".to_owned(), 7)], retried: 6, ..trial("async") };
        let view = BenchView {
            model: "openai:small",
            ways: vec![trial("sequential"), bad],
            steps: vec![trial("1")],
            enough: Some(48),
            snippet: Some("[providers.openai]\nconcurrency = 48\n"),
        };
        assert_eq!(
            bench(&view, 120, Paint::default()),
            "openai:small\n\
             WAY         CALLS    TIME  CALLS/S      P50      P95     P99  CPU/CALL   MEMORY  CONNECTIONS  FILES\n\
             sequential    200  2.00 s      100  50.0 ms  61.2 ms  12.3 s   41.3 us  12.3 MB           32     45\n\
             async         200  2.00 s      100  50.0 ms  61.2 ms  12.3 s   41.3 us  12.3 MB           32     45\n\
             async: 1 texts not answered, 7 x 429, 6 sent again\n\
             \n\
             AT ONCE  CALLS    TIME  CALLS/S      P50      P95     P99  CPU/CALL   MEMORY  CONNECTIONS  FILES\n\
             1          200  2.00 s      100  50.0 ms  61.2 ms  12.3 s   41.3 us  12.3 MB           32     45\n\
             48 at once are enough\n\
             \n\
             # recommended\n\
             [providers.openai]\n\
             concurrency = 48\n"
        );
    }

    #[test]
    fn streams_tell_when_their_first_text_came_and_nothing_escapes() {
        let one = TrialView {
            first_text_ms: Some(420.0),
            failures: vec![("x\u{1b}[2J".to_owned(), 1)],
            ..trial("async")
        };
        let view = BenchView { model: "a:\u{1b}]0;b", ways: vec![one], ..BenchView::default() };
        let text = bench(&view, 160, Paint::default());
        assert!(text.contains("FIRST TEXT") && text.contains("420 ms"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
