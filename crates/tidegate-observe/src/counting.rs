//! How far something has come that counts towards a known end.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::ProgressMode;
use crate::stderr::Stderr;
use crate::units::count;

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how many of how many are done: a bar on a terminal, a line now and then elsewhere.
pub struct Counting {
    what: &'static str,
    mode: ProgressMode,
    stderr: Stderr,
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Counting {
    /// Begins to count `what`, such as `searches`, on `stderr`.
    #[must_use]
    pub fn start(what: &'static str, mode: ProgressMode, stderr: &Stderr) -> Self {
        let bar = (mode == ProgressMode::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {bar:20} {msg}");
            bar.set_style(style.expect("the template is a constant that parses"));
            bar
        });
        stderr.set_bar(bar.clone());
        Self { what, mode, stderr: stderr.clone(), bar, told: Instant::now() }
    }

    /// Shows that `done` of `all` are done.
    pub fn at(&mut self, done: usize, all: usize) {
        let line = || format!("{} of {} {}", count(done as u64), count(all as u64), self.what);
        match &self.bar {
            Some(bar) => {
                bar.set_length(all as u64);
                bar.set_message(line());
                bar.set_position(done as u64);
            }
            None if self.mode == ProgressMode::Lines && self.told.elapsed() >= LINE_EVERY => {
                self.told = Instant::now();
                self.stderr.write_lines(&format!("{}\n", line()));
            }
            None => {}
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.stderr.set_bar(None);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
