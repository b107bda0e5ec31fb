//! A finished run in a few lines.

use std::fmt::Write as _;

use tidegate_core::Sweep;
use tidegate_core::report::{Report, RunState, Taken};

use crate::clean::clean;
use crate::color::Paint;
use crate::journal::money;
use crate::units::{bytes, count, counted, rate, seconds};

/// What a summary is made of.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// The report.
    pub report: &'a Report,
    /// What removal of vanished documents did.
    pub sweep: Sweep,
    /// Bytes read from the source.
    pub read_bytes: u64,
    /// Files, folders and links that were passed over.
    pub left_out: u64,
    /// How many of them are links that lead out of the given paths.
    pub leaving_links: u64,
    /// Whether what was worked on are rows that left as rows.
    pub rows: bool,
}

impl Summary<'_> {
    /// What one of the items that were worked on is called.
    fn noun(&self) -> &'static str {
        if self.rows { "row" } else { "document" }
    }
}

/// A summary for a person: what became of the documents, how fast, what bound the run, what to do next.
#[must_use]
pub fn summary(summary: Summary<'_>, paint: Paint) -> String {
    let Summary { report, .. } = summary;
    let mut out = head(report, paint);
    let mut row = |title: &str, text: String| {
        if !text.is_empty() {
            let _ = writeln!(out, "  {}{}", paint.dim(format!("{title:<11}")), text);
        }
    };
    row(&format!("{}s", summary.noun()), documents(summary, paint));
    row("dropped", dropped(report));
    row("left out", left_out(summary.left_out, summary.leaving_links));
    row("chunks", if summary.rows { String::new() } else { chunks(report) });
    row("embedded", embedded(report));
    row("calls", calls(report));
    row("speed", speed(summary));
    row("memory", memory(report));
    row("predicted", report.plan.map(|plan| taken(&plan.predicted)).unwrap_or_default());
    row("actual", report.plan.map(|plan| taken(&plan.actual)).unwrap_or_default());
    row("bound by", bound(summary));
    for hint in hints(summary) {
        let _ = writeln!(out, "{} {hint}", paint.warn("hint:"));
    }
    out
}

fn head(report: &Report, paint: Paint) -> String {
    let state = match report.state {
        RunState::Done if report.records.seen == 0 => paint.bold("nothing to do: the source is empty"),
        RunState::Done => paint.bold("done"),
        RunState::Stopped => paint.warn("stopped; run it again to go on"),
        RunState::Budget => paint.warn("stopped at the budget; run it again to go on"),
        RunState::Aborted => paint.warn("aborted; run it again to go on"),
        RunState::Failed => paint.error("failed"),
    };
    // Why a run failed, or met its budget, is told as its error, with what to do about it.
    let told = matches!(report.state, RunState::Failed | RunState::Budget);
    let reason = report.reason.as_deref().filter(|_| !told);
    let reason = reason.map(|reason| format!(": {}", clean(reason))).unwrap_or_default();
    format!(
        "{state}{reason} {}\n",
        paint.dim(format!("({}, run {})", seconds(report.seconds), clean(&report.run)))
    )
}

/// What became of rows: "9,000 in: 4,500 out, 2 put aside". What steps left out stands on a line of its own.
fn rows(report: &Report, paint: Paint) -> String {
    let (records, written) = (report.records, report.chunks.written);
    if records.seen == 0 {
        return String::new();
    }
    let mut text = format!("{} in: {} out", count(records.seen), count(written));
    for (n, what) in [(records.unchanged, "done before"), (records.pending, "pending")] {
        if n > 0 {
            let _ = write!(text, ", {} {what}", count(n));
        }
    }
    if records.quarantined > 0 {
        let _ = write!(text, ", {}", paint.warn(format!("{} put aside", count(records.quarantined))));
    }
    text
}

fn documents(summary: Summary<'_>, paint: Paint) -> String {
    if summary.rows {
        return rows(summary.report, paint);
    }
    let records = summary.report.records;
    let mut parts = Vec::new();
    let mut part = |n: u64, what: &str| {
        if n > 0 {
            parts.push(format!("{} {what}", count(n)));
        }
    };
    part(records.stored, "stored");
    part(records.unchanged, "unchanged");
    match summary.sweep.moved {
        0 => part(records.deleted, "deleted"),
        moved => part(records.deleted, &format!("deleted ({} of them moved)", count(moved))),
    }
    part(records.pending, "pending");
    if records.quarantined > 0 {
        parts.push(paint.warn(format!("{} quarantined", count(records.quarantined))));
    }
    match (records.seen, parts.is_empty()) {
        (0, _) => String::new(),
        (seen, true) => format!("{} seen", count(seen)),
        (seen, false) => format!("{} seen: {}", count(seen), parts.join(", ")),
    }
}

/// What stages left out on purpose: "12 by validate".
fn dropped(report: &Report) -> String {
    let stages = report.stages.iter().filter(|stage| stage.dropped > 0);
    stages
        .map(|stage| format!("{} by {}", count(stage.dropped), clean(&stage.name)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What was passed over, of which so many were links that lead out of the given paths: "6 files or folders: hidden,
/// ignored or without text; 2 links that leave the folder". Empty if nothing was.
#[must_use]
pub fn left_out(all: u64, leaving_links: u64) -> String {
    let passed_over = match all.saturating_sub(leaving_links) {
        0 => None,
        1 => Some("1 file or folder".to_owned()),
        n => Some(format!("{} files or folders", count(n))),
    };
    let links = match leaving_links {
        0 => None,
        1 => Some("1 link that leaves the folder".to_owned()),
        n => Some(format!("{} links that leave the folder", count(n))),
    };
    let passed_over = passed_over.map(|files| format!("{files}: hidden, ignored or without text"));
    [passed_over, links].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn chunks(report: &Report) -> String {
    let chunks = report.chunks;
    match (chunks.written, chunks.reused) {
        (0, 0) => String::new(),
        (written, 0) => format!("{} written", count(written)),
        (written, reused) => {
            format!("{} written, {} of them with a known vector", count(written), count(reused))
        }
    }
}

fn embedded(report: &Report) -> String {
    let embedded = report.embedded;
    match (embedded.texts, embedded.from_journal) {
        (0, 0) => String::new(),
        (texts, 0) => format!("{}, {}", counted(texts, "text"), counted(embedded.tokens, "token")),
        (0, known) => format!("nothing; {} from the journal", count(known)),
        (texts, known) => {
            let tokens = counted(embedded.tokens, "token");
            format!("{}, {tokens}; {} from the journal", counted(texts, "text"), count(known))
        }
    }
}

fn calls(report: &Report) -> String {
    let calls = report.calls;
    let mut text = match (calls.sent, calls.from_journal) {
        (0, 0) => return String::new(),
        (0, known) => return format!("none sent; {} from the journal", counted(known, "answer")),
        (sent, _) => format!("{} sent", count(sent)),
    };
    for (n, what) in [
        (calls.retried, "repeats"),
        (calls.hedged, "hedges"),
        (calls.rate_limited, "rate limited"),
        (calls.failed, "failed"),
    ] {
        if n > 0 {
            let _ = write!(text, ", {} {what}", count(n));
        }
    }
    if calls.cost > 0.0 {
        let _ = write!(text, ", cost {}", money(calls.cost));
    }
    if calls.from_journal > 0 {
        let _ = write!(text, "; {} from the journal", counted(calls.from_journal, "answer"));
    }
    text
}

/// Only documents that were worked on say how fast the work is.
fn speed(summary: Summary<'_>) -> String {
    let report = summary.report;
    if report.seconds <= 0.0 || report.records.stored == 0 {
        return String::new();
    }
    let documents = format!("{} {}s/s", rate(report.records.stored as f64 / report.seconds), summary.noun());
    match summary.read_bytes {
        0 => documents,
        read => format!("{documents}, {}/s", bytes((read as f64 / report.seconds) as u64)),
    }
}

/// What calls take, for a line beside another.
fn taken(taken: &Taken) -> String {
    let (calls, sent) = (counted(taken.calls, "call"), counted(taken.input_tokens, "token"));
    let (answered, cost) = (count(taken.output_tokens), money(taken.cost));
    format!("{calls}, {sent} in, {answered} out, cost {cost}, {}", seconds(taken.seconds))
}

fn memory(report: &Report) -> String {
    match report.peak_memory_bytes {
        0 => String::new(),
        peak => format!("{} at the peak", bytes(peak)),
    }
}

fn bound(summary: Summary<'_>) -> String {
    let (report, noun) = (summary.report, summary.noun());
    if report.records.stored == 0 {
        return String::new(); // nothing was worked on, so nothing bound the run
    }
    match report.bottleneck.as_str() {
        "" => String::new(),
        "source" => format!("reading the input: every stage mostly waited for {noun}s"),
        "fetch" => format!("fetch: reading {noun}s took most of the time"),
        "store" => "store: writing took most of the time".to_owned(),
        name => match report.stages.iter().find(|stage| stage.name == name) {
            Some(stage) if stage.wait_limit_s > stage.work_s || 2.0 * stage.wait_limit_s > report.seconds => {
                let binding = report.lanes.iter().find(|lane| !lane.binding.is_empty());
                match binding {
                    Some(lane) => format!("{}: it mostly waited for {}", clean(name), clean(&lane.binding)),
                    None => format!("{}: it mostly waited for a limit", clean(name)),
                }
            }
            _ => format!("{}: its workers were busiest", clean(name)),
        },
    }
}

fn hints(summary: Summary<'_>) -> Vec<String> {
    let records = summary.report.records;
    let mut hints = Vec::new();
    if records.quarantined > 0 {
        let were = if records.quarantined == 1 { "was" } else { "were" };
        let documents = counted(records.quarantined, summary.noun());
        hints.push(format!("{documents} {were} put aside; `tidegate quarantine list` says why"));
    }
    for lane in &summary.report.lanes {
        for told in &lane.answered_by {
            let (lane, told) = (clean(&lane.name), clean(told));
            hints.push(format!(
                "what {lane} was asked was answered by {told}, as the answers say: is it the same model?"
            ));
        }
    }
    let inside = summary.report.parts_quarantined;
    if inside > 0 {
        let (were, documents) = (if inside == 1 { "is" } else { "are" }, counted(inside, "document"));
        hints.push(format!(
            "{documents} in archives or mails that were stored {were} put aside; `tidegate quarantine list` says why"
        ));
    }
    if summary.sweep.refused > 0 {
        let Sweep { refused, known, .. } = summary.sweep;
        let (refused, known) = (count(refused), count(known));
        hints.push(format!(
            "{refused} of {known} documents are gone from the source but were kept, because so many at once is more \
             often an unmounted disk; `--allow-delete` removes them"
        ));
    }
    if !records.add_up() {
        hints.push(
            "the outcomes do not add up to what was seen; please report this with the --json report"
                .to_owned(),
        );
    }
    hints
}

#[cfg(test)]
mod tests {
    use tidegate_core::report::{Chunks, EmbeddedCounts, Records};

    use super::*;

    fn report() -> Report {
        Report {
            run: "r1".to_owned(),
            records: Records {
                seen: 1_234,
                stored: 1_200,
                unchanged: 30,
                quarantined: 3,
                deleted: 1,
                pending: 0,
            },
            chunks: Chunks { written: 24_400, reused: 300 },
            embedded: EmbeddedCounts { texts: 24_100, from_journal: 300, tokens: 5_200_000 },
            seconds: 12.34,
            peak_memory_bytes: 85_000_000,
            bottleneck: "embed".to_owned(),
            ..Report::default()
        }
    }

    #[test]
    fn a_run_is_told_in_a_few_lines() {
        let sweep = Sweep { deleted: 1, moved: 1, ..Sweep::default() };
        let text = summary(
            Summary {
                report: &report(),
                sweep,
                read_bytes: 42_000_000,
                left_out: 3,
                leaving_links: 2,
                rows: false,
            },
            Paint::default(),
        );
        assert_eq!(
            text,
            "done (12.3 s, run r1)\n  \
             documents  1,234 seen: 1,200 stored, 30 unchanged, 1 deleted (1 of them moved), 3 quarantined\n  \
             left out   1 file or folder: hidden, ignored or without text; 2 links that leave the folder\n  \
             chunks     24,400 written, 300 of them with a known vector\n  \
             embedded   24,100 texts, 5,200,000 tokens; 300 from the journal\n  \
             speed      97.2 documents/s, 3.40 MB/s\n  \
             memory     85.0 MB at the peak\n  \
             bound by   embed: its workers were busiest\n\
             hint: 3 documents were put aside; `tidegate quarantine list` says why\n"
        );
    }

    #[test]
    fn of_rows_it_is_said_how_many_went_in_and_came_out() {
        let records = Records { seen: 1_234, stored: 1_230, quarantined: 4, ..Records::default() };
        let (chunks, bottleneck) = (Chunks { written: 600, reused: 0 }, "source".to_owned());
        let report = Report { records, chunks, bottleneck, parts_quarantined: 0, ..report() };
        let (read_bytes, sweep) = (42_000_000, Sweep::default());
        let shown = Summary { report: &report, sweep, read_bytes, left_out: 0, leaving_links: 0, rows: true };
        let text = summary(shown, Paint::default());
        for line in [
            "  rows       1,234 in: 600 out, 4 put aside\n",
            "  bound by   reading the input: every stage mostly waited for rows\n",
            "hint: 4 rows were put aside;",
        ] {
            assert!(text.contains(line), "{line} is missing:\n{text}");
        }
        assert!(!text.contains("document") && !text.contains("chunks"), "{text}");
    }

    #[test]
    fn a_run_without_work_says_so() {
        let empty = Report { run: "r2".to_owned(), seconds: 0.02, ..Report::default() };
        let text = summary(
            Summary {
                report: &empty,
                sweep: Sweep::default(),
                read_bytes: 0,
                left_out: 0,
                leaving_links: 0,
                rows: false,
            },
            Paint::default(),
        );
        assert_eq!(text, "nothing to do: the source is empty (0.02 s, run r2)\n");
    }

    #[test]
    fn a_stop_and_kept_documents_come_with_the_way_on() {
        let stopped = Report {
            state: RunState::Stopped,
            reason: Some("the disk is full\u{1b}[0m".to_owned()),
            records: Records { seen: 300, pending: 299, stored: 0, ..Records::default() },
            seconds: 61.0,
            run: "r3".to_owned(),
            ..Report::default()
        };
        let sweep = Sweep { refused: 500, known: 900, ..Sweep::default() };
        let text = summary(
            Summary {
                report: &stopped,
                sweep,
                read_bytes: 0,
                left_out: 2_000,
                leaving_links: 0,
                rows: false,
            },
            Paint::default(),
        );
        assert_eq!(
            text,
            "stopped; run it again to go on: the disk is full[0m (1 min 1 s, run r3)\n  \
             documents  300 seen: 299 pending\n  \
             left out   2,000 files or folders: hidden, ignored or without text\n\
             hint: 500 of 900 documents are gone from the source but were kept, because so many at once is more \
             often an unmounted disk; `--allow-delete` removes them\n\
             hint: the outcomes do not add up to what was seen; please report this with the --json report\n"
        );
    }
}
