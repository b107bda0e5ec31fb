//! What a run is doing right now: a bar on a terminal, a line now and then elsewhere.
//!
//! The caller drives it: [`Progress::tick`] a few times a second from its own timer. There is no thread here.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tidegate_engine::Monitor;

use crate::clean::clean;
use crate::journal::money;
use crate::stderr::Stderr;
use crate::units::{bytes, count, rate, seconds};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// A live line with a bar.
    Bar,
    /// A plain line every five seconds.
    Lines,
    /// Nothing.
    Quiet,
}

impl ProgressMode {
    /// What suits: nothing with `-q`, a bar on a terminal, lines elsewhere.
    #[must_use]
    pub fn choose(quiet: bool, stderr_is_terminal: bool) -> Self {
        match (quiet, stderr_is_terminal) {
            (true, _) => Self::Quiet,
            (_, true) => Self::Bar,
            (_, false) => Self::Lines,
        }
    }
}

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Speeds are taken over about this long, so that they follow the run without flickering.
const WINDOW: Duration = Duration::from_secs(5);
/// Cells of the bar.
const CELLS: usize = 20;

/// Shows the progress of one run.
pub struct Progress {
    monitor: Arc<Monitor>,
    mode: ProgressMode,
    stderr: Stderr,
    bar: Option<ProgressBar>,
    total: Option<u64>,
    speed: Speed,
    /// When the last plain line was written.
    line_at: Duration,
    calls: Option<CallsView>,
    rows: Option<RowsView>,
}

impl Progress {
    /// Begins to show `monitor` on `stderr`.
    #[must_use]
    pub fn start(monitor: Arc<Monitor>, mode: ProgressMode, stderr: &Stderr) -> Self {
        let bar = (mode == ProgressMode::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template("{spinner} {wide_msg}")
                    .expect("the template is a constant that parses"),
            );
            bar
        });
        stderr.set_bar(bar.clone());
        let speed = Speed::default();
        Self {
            monitor,
            mode,
            stderr: stderr.clone(),
            bar,
            total: None,
            speed,
            line_at: Duration::ZERO,
            calls: None,
            rows: None,
        }
    }

    /// Tells how many documents there are, once somebody knows.
    pub fn set_total(&mut self, total: Option<u64>) {
        self.total = total;
    }

    /// Tells how calls to services stand, where there are any.
    pub fn set_calls(&mut self, calls: Option<CallsView>) {
        self.calls = calls;
    }

    /// Tells how far the rows are that come out as rows, where it is such that are worked on: they are shown in the
    /// place of documents and chunks.
    pub fn set_rows(&mut self, rows: Option<RowsView>) {
        self.rows = rows;
    }

    /// Shows how things stand now. Call it about ten times a second for a bar, once a second for lines.
    pub fn tick(&mut self) {
        if self.mode == ProgressMode::Quiet {
            return;
        }
        let mut view = View { calls: self.calls.clone(), ..View::of(&self.monitor, self.total) };
        if let Some(rows) = self.rows {
            view.count(rows);
        }
        self.speed.note(&view);
        match &self.bar {
            Some(bar) => {
                bar.set_message(live(&view, &self.speed));
                bar.tick();
            }
            None if view.elapsed >= self.line_at + LINE_EVERY => {
                self.line_at = view.elapsed;
                self.stderr.write_lines(&format!("{}\n", live(&view, &self.speed)));
            }
            None => {}
        }
    }

    /// Takes the bar away; the report follows.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stderr.set_bar(None);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What is shown, read off a monitor.
#[derive(Debug, Clone, Default)]
struct View {
    /// Documents with an outcome.
    done: u64,
    /// Documents listed.
    seen: u64,
    quarantined: u64,
    /// Whether these are rows, of which as many came out as is said of chunks.
    rows: bool,
    chunks: u64,
    bytes: u64,
    elapsed: Duration,
    total: Option<u64>,
    held: Option<String>,
    busiest: String,
    calls: Option<CallsView>,
}

/// How far rows are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowsView {
    /// Read.
    pub read: u64,
    /// Written, left out or put aside.
    pub done: u64,
    /// Written.
    pub written: u64,
    /// Put aside.
    pub aside: u64,
}

/// How calls to services stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallsView {
    /// Sent and not yet answered.
    pub in_flight: u32,
    /// What the next one waits for, if it does.
    pub waiting: Option<String>,
    /// Money spent so far.
    pub cost: f64,
}

impl View {
    fn of(monitor: &Monitor, total: Option<u64>) -> Self {
        let records = monitor.records();
        let done =
            records.stored + records.unchanged + records.quarantined + records.deleted + records.pending;
        Self {
            // The counters move while they are read.
            done: done.min(records.seen),
            seen: records.seen,
            quarantined: records.quarantined,
            rows: false,
            chunks: monitor.committed(),
            bytes: monitor.read_bytes(),
            elapsed: monitor.elapsed(),
            total,
            held: monitor.held_by(),
            busiest: monitor.bottleneck(),
            calls: None,
        }
    }

    /// Counts rows instead.
    fn count(&mut self, rows: RowsView) {
        (self.rows, self.seen, self.done) = (true, rows.read, rows.done.min(rows.read));
        (self.chunks, self.quarantined) = (rows.written, rows.aside);
    }
}

/// Documents and bytes per second over the latest few seconds.
#[derive(Debug, Default)]
struct Speed {
    /// When, documents done, bytes read: the beginnings of this window and of the next.
    from: (Duration, u64, u64),
    next: (Duration, u64, u64),
    documents: f64,
    bytes: f64,
}

impl Speed {
    fn note(&mut self, view: &View) {
        let now = (view.elapsed, view.done, view.bytes);
        if now.0.saturating_sub(self.next.0) >= WINDOW {
            self.from = std::mem::replace(&mut self.next, now);
        }
        let apart = now.0.saturating_sub(self.from.0).as_secs_f64();
        if apart > 0.0 {
            self.documents = now.1.saturating_sub(self.from.1) as f64 / apart;
            self.bytes = now.2.saturating_sub(self.from.2) as f64 / apart;
        }
    }

    /// Seconds until `total` documents are done, where that can be said.
    fn eta(&self, view: &View) -> Option<f64> {
        let left = view.total?.checked_sub(view.done)?;
        (left > 0 && self.documents > 0.0).then(|| left as f64 / self.documents)
    }
}

/// The line for a view.
fn live(view: &View, speed: &Speed) -> String {
    let mut parts = Vec::new();
    let (noun, made) = if view.rows { ("rows", "out") } else { ("documents", "chunks") };
    match view.total.filter(|total| *total >= view.seen) {
        Some(total) => {
            let full = (view.done.saturating_mul(CELLS as u64) / total.max(1)).min(CELLS as u64) as usize;
            parts.push(format!("{}{}", "█".repeat(full), "░".repeat(CELLS - full)));
            parts.push(format!("{} of {} {noun}", count(view.done), count(total)));
        }
        None => parts.push(format!("{} of {} {noun}", count(view.done), count(view.seen))),
    }
    parts.push(format!("{}/s", rate(speed.documents)));
    parts.push(format!("{} {made}", count(view.chunks)));
    parts.push(format!("{} in flight", count(view.seen.saturating_sub(view.done))));
    parts.push(format!("{}/s", bytes(speed.bytes as u64)));
    if view.quarantined > 0 {
        parts.push(format!("{} put aside", count(view.quarantined)));
    }
    if let Some(calls) = &view.calls {
        parts.push(format!("{} calls", calls.in_flight));
        if calls.cost > 0.0 {
            parts.push(format!("cost {}", money(calls.cost)));
        }
    }
    let waiting = view.calls.as_ref().and_then(|calls| calls.waiting.as_ref());
    match view.held.as_ref().or(waiting) {
        Some(held) => parts.push(format!("waiting: {}", clean(held))),
        None => parts.push(format!("busiest: {}", clean(&view.busiest))),
    }
    match speed.eta(view) {
        Some(eta) => parts.push(format!("{} left", seconds(eta.max(1.0).round()).replace(".0", ""))),
        None => parts.push(seconds(view.elapsed.as_secs_f64())),
    }
    parts.join("  ")
}

#[cfg(test)]
#[path = "progress_tests.rs"]
pub(crate) mod tests;
