//! Runs the steps of a task one after another and says at the end what each took and how it ended.

use std::time::{Duration, Instant};

use crate::Done;

/// Steps that have run.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration, Result<String, String>)>,
}

impl Steps {
    /// Runs a step. A failure does not keep later steps from running, so that one run shows all there is to mend.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<String, String>) {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        match &result {
            Ok(note) if note.is_empty() => {}
            Ok(note) => println!("{note}"),
            Err(message) => eprintln!("failed: {message}"),
        }
        self.done.push((name.to_owned(), start.elapsed(), result));
    }

    /// Whether every step so far passed.
    pub(crate) fn passed(&self) -> bool {
        self.done.iter().all(|(_, _, result)| result.is_ok())
    }

    /// Prints the summary; an error that names what failed.
    pub(crate) fn finish(self, task: &str) -> Done {
        println!("\n== summary of `{task}`");
        for (name, took, result) in &self.done {
            let verdict = if result.is_ok() { "ok    " } else { "FAILED" };
            println!("{verdict} {:>7.1} s  {name}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, took, _)| *took).sum();
        println!("       {:>7.1} s  in all", total.as_secs_f64());
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|(_, _, result)| result.is_err())
            .map(|(name, ..)| name.as_str())
            .collect();
        if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_task_and_later_steps_still_run() {
        let mut steps = Steps::default();
        steps.step("bad", || Err("no".to_owned()));
        let mut ran = false;
        steps.step("good", || {
            ran = true;
            Ok(String::new())
        });
        assert!(ran && !steps.passed());
        assert_eq!(steps.finish("x"), Err("failed: bad".to_owned()));
    }
}
