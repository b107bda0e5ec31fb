//! Progress as it is shown, and read off a real monitor.

use std::io;
use std::sync::Mutex;

use async_trait::async_trait;
use tidegate_core::source::{Fetch, Listing};
use tidegate_core::{
    Commit, Coverage, Cx, Fault, Grouping, Ledger, Position, Record, Source, SourceItem, Sweep, SweepPolicy,
    UnitId, Verdict,
};
use tidegate_engine::{Flow, Options};

use super::*;

/// Keeps what is written.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn view(seconds: u64, done: u64) -> View {
    View {
        done,
        seen: done + 12,
        chunks: done * 8,
        bytes: done * 50_000,
        elapsed: Duration::from_secs(seconds),
        busiest: "embed".to_owned(),
        ..View::default()
    }
}

#[test]
fn a_line_says_how_far_how_fast_and_what_it_waits_for() {
    let mut speed = Speed::default();
    let now = view(10, 600);
    speed.note(&now);
    assert_eq!(
        live(&now, &speed),
        "600 of 612 documents  60.0/s  4,800 chunks  12 in flight  3.00 MB/s  busiest: embed  10.0 s"
    );
    let known = View { total: Some(2_400), quarantined: 2, ..now.clone() };
    assert_eq!(
        live(&known, &speed),
        "█████░░░░░░░░░░░░░░░  600 of 2,400 documents  60.0/s  4,800 chunks  12 in flight  3.00 MB/s  \
         2 put aside  busiest: embed  30 s left"
    );
    let mut rows = now.clone();
    rows.count(RowsView { read: 640, done: 620, written: 300, aside: 2 });
    assert_eq!(
        live(&rows, &speed),
        "620 of 640 rows  60.0/s  300 out  20 in flight  3.00 MB/s  2 put aside  busiest: embed  10.0 s"
    );
    let held = View { held: Some("the disk is full\u{1b}[2J".to_owned()), ..now };
    assert!(live(&held, &speed).contains("  waiting: the disk is full[2J  "));
}

#[test]
fn speed_follows_the_latest_seconds() {
    let mut speed = Speed::default();
    for second in 1..=20 {
        speed.note(&view(second, 100 * second)); // 100 a second
    }
    for second in 21..=40 {
        speed.note(&view(second, 2_000 + 10 * (second - 20))); // 10 a second
    }
    assert!((speed.documents - 10.0).abs() < 0.5, "{}", speed.documents);
}

#[test]
fn a_total_that_was_too_low_is_not_shown() {
    let more = View { total: Some(10), ..view(1, 600) };
    assert!(live(&more, &Speed::default()).starts_with("600 of 612 documents"));
}

#[test]
fn a_bar_needs_a_terminal_and_no_q() {
    assert_eq!(ProgressMode::choose(true, true), ProgressMode::Quiet);
    assert_eq!(ProgressMode::choose(false, true), ProgressMode::Bar);
    assert_eq!(ProgressMode::choose(false, false), ProgressMode::Lines);
}

/// Source, sink and ledger of a flow that is never run: a monitor comes from a flow only.
struct Idle;

#[async_trait]
impl Source for Idle {
    async fn list(&mut self, _: &Cx, _: usize) -> Result<Listing, Fault> {
        Ok(Listing::End(None))
    }
    fn fetcher(&self) -> Arc<dyn Fetch> {
        unreachable!("the flow is never run")
    }
}

#[async_trait]
impl tidegate_core::Sink for Idle {
    fn grouping(&self) -> Grouping {
        Grouping::default()
    }
    async fn stage(&mut self, _: &Cx, _: UnitId, _: &[Record]) -> Result<(), Fault> {
        Ok(())
    }
    async fn commit(&mut self, _: &Cx, _: &mut Commit) -> Result<(), Fault> {
        Ok(())
    }
    async fn finish(&mut self, _: &Cx) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Ledger for Idle {
    async fn assess(&self, _: &[SourceItem]) -> Result<Vec<Verdict>, Fault> {
        Ok(Vec::new())
    }
    async fn resume(&self) -> Result<Option<Position>, Fault> {
        Ok(None)
    }
    async fn commit(&self, _: &Commit) -> Result<(), Fault> {
        Ok(())
    }
    async fn sweep(&self, _: &Coverage, _: SweepPolicy) -> Result<Sweep, Fault> {
        Ok(Sweep::default())
    }
}

/// What `mode` writes in `seconds` with a tick each second.
async fn written(mode: ProgressMode, seconds: u64) -> String {
    let flow = Flow::new(Box::new(Idle), Box::new(Idle), Arc::new(Idle), Options::default());
    let sink = Sink::default();
    let mut progress = Progress::start(flow.monitor(), mode, &Stderr::to(sink.clone()));
    for _ in 0..seconds {
        tokio::time::advance(Duration::from_secs(1)).await;
        progress.tick();
    }
    progress.finish();
    sink.text()
}

#[tokio::test(start_paused = true)]
async fn elsewhere_than_on_a_terminal_there_is_a_line_every_five_seconds() {
    let text = written(ProgressMode::Lines, 12).await;
    let line = "0 of 0 documents  0/s  0 chunks  0 in flight  0 B/s  busiest: source";
    assert_eq!(text, format!("{line}  5.00 s\n{line}  10.0 s\n"));
    assert_eq!(written(ProgressMode::Quiet, 12).await, "");
}
