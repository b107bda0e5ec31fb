//! Logs on standard error: never on standard output, never more than one line each, never an escape code.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::stderr::Stderr;

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// How often `-v` was given, less one for `-q`: below 0 errors only, 0 warnings, 1 information, 2 debugging, more
    /// everything.
    pub verbosity: i8,
    /// One JSON object a line instead of text.
    pub json: bool,
}

impl LogOptions {
    fn filter(self) -> Targets {
        let ours = match self.verbosity {
            ..0 => LevelFilter::ERROR,
            0 => LevelFilter::WARN,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            3.. => LevelFilter::TRACE,
        };
        Targets::new().with_default(ours.min(LevelFilter::WARN)).with_target("tidegate", ours)
    }
}

/// Sends the logs of the whole process to `stderr` from now on.
///
/// # Errors
/// When logs already go somewhere.
pub fn init_logs(stderr: &Stderr, options: LogOptions) -> Result<(), TryInitError> {
    subscriber(stderr, options).try_init()
}

fn subscriber(stderr: &Stderr, options: LogOptions) -> impl tracing::Subscriber + Send + Sync {
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr.clone());
    let lines = if options.json {
        lines.json().flatten_event(true).boxed()
    } else if options.verbosity >= 2 {
        lines.boxed()
    } else {
        lines.without_time().with_target(false).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(options.filter()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::tests::Sink;

    fn logged(options: LogOptions) -> String {
        let sink = Sink::default();
        let stderr = Stderr::to(sink.clone());
        tracing::subscriber::with_default(subscriber(&stderr, options), || {
            tracing::warn!(target: "tidegate_engine", file = "a\u{1b}[2J\nERROR forged", "put aside\u{202e}");
            tracing::info!(target: "tidegate_engine", "said");
            tracing::info!(target: "elsewhere", "chatter");
        });
        sink.text()
    }

    #[test]
    fn a_file_name_cannot_forge_a_line_or_move_the_cursor() {
        let text = logged(LogOptions::default());
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with(" WARN put aside\\u202e file="), "{text}");
        assert!(!text.contains('\u{1b}'));
        let json = logged(LogOptions { json: true, verbosity: 1 });
        assert_eq!(json.lines().count(), 2, "{json}");
        assert!(json.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{json}");
    }

    #[test]
    fn verbosity_is_about_tidegate_alone() {
        assert_eq!(logged(LogOptions { verbosity: -1, json: false }), "");
        let text = logged(LogOptions { verbosity: 1, json: false });
        assert!(text.contains("said") && !text.contains("chatter"), "{text}");
    }
}
