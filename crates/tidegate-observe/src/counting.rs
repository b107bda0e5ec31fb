//! How far something has come that counts towards a known end.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::ProgressMode;
use crate::stderr::Stderr;
use crate::units::{count, seconds};

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How long something is watched before it is said how long the rest will take.
const WATCHED: Duration = Duration::from_secs(2);

/// Shows how many of how many are done: a bar on a terminal, a line now and then elsewhere.
pub struct Counting {
    what: &'static str,
    mode: ProgressMode,
    stderr: Stderr,
    bar: Option<ProgressBar>,
    told: Instant,
    /// When counting began, and at what: what was done before says nothing about the pace.
    begun: Option<(Instant, usize)>,
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
        Self { what, mode, stderr: stderr.clone(), bar, told: Instant::now(), begun: None }
    }

    /// Shows that `done` of `all` are done.
    pub fn at(&mut self, done: usize, all: usize) {
        let (since, from) = *self.begun.get_or_insert((Instant::now(), done));
        let rest = left(since.elapsed(), (from, done, all));
        let line = || format!("{} of {} {}{rest}", count(done as u64), count(all as u64), self.what);
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

impl Counting {
    /// Shows that `done` are done, of nobody knows how many.
    pub fn so_far(&mut self, done: u64) {
        let line = || format!("{} {}", count(done), self.what);
        match &self.bar {
            Some(bar) => bar.set_message(line()),
            None if self.mode == ProgressMode::Lines && self.told.elapsed() >= LINE_EVERY => {
                self.told = Instant::now();
                self.stderr.write_lines(&format!("{}\n", line()));
            }
            None => {}
        }
    }
}

/// How long the rest will take at the pace so far, if that can be said yet.
fn left(elapsed: Duration, (from, done, all): (usize, usize, usize)) -> String {
    let (made, rest) = (done.saturating_sub(from), all.saturating_sub(done));
    if elapsed < WATCHED || made == 0 || rest == 0 {
        return String::new();
    }
    format!(", about {} left", seconds(elapsed.as_secs_f64() * rest as f64 / made as f64))
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.stderr.set_bar(None);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_once_a_pace_is_known() {
        let after = |secs, counts| left(Duration::from_secs(secs), counts);
        assert_eq!(after(1, (0, 10, 100)), "");
        assert_eq!(after(10, (50, 50, 100)), "");
        assert_eq!(after(10, (0, 100, 100)), "");
        let told = after(10, (20, 40, 100));
        assert!(told.starts_with(", about 30") && told.ends_with(" left"), "{told}");
    }
}
