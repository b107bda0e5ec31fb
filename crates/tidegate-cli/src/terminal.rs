//! What the commands need to know of the terminal they talk to.

use std::io::IsTerminal as _;

use tidegate_core::Fault;
use tidegate_observe::{LogOptions, Paint, ProgressMode, Stderr, init_logs};

use crate::args::Global;
use crate::errors;
use crate::exit::Exit;

/// Both ends of the terminal, resolved once from the options and the environment.
pub struct Terminal {
    /// Colours for standard output.
    pub paint: Paint,
    /// Columns of standard output.
    pub columns: usize,
    /// Colours for standard error.
    pub paint_err: Paint,
    /// Standard error, shared by logs and progress.
    pub stderr: Stderr,
    /// How progress is shown.
    pub progress: ProgressMode,
    /// Whether nothing but errors is to be said.
    pub quiet: bool,
}

impl Terminal {
    /// Looks at the terminal and sends the logs of the process to standard error.
    pub fn new(global: &Global) -> Self {
        let env = |name: &str| std::env::var(name).ok();
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let mode = tidegate_observe::ColorMode::from(global.color);
        let stderr = Stderr::default();
        let verbosity = if global.quiet { -1 } else { i8::try_from(global.verbose).unwrap_or(i8::MAX) };
        // Logs can already go somewhere only if this is called twice, and then they go to the right place.
        let _ = init_logs(&stderr, LogOptions { verbosity, json: false });
        Self {
            paint: mode.resolve(out, &env),
            columns: tidegate_observe::columns(&env),
            paint_err: mode.resolve(err, &env),
            stderr,
            progress: ProgressMode::choose(global.quiet, err),
            quiet: global.quiet,
        }
    }

    /// Tells the user something beside the result, unless told to be quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.stderr.write_lines(&format!("{text}\n"));
        }
    }

    /// Tells the user what went wrong; the exit code that goes with it.
    pub fn fail(&self, fault: &Fault) -> Exit {
        self.stderr.write_lines(&errors::render(fault, self.paint_err));
        Exit::of_fault(fault)
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
