//! Keeps what a run reads apart from what it writes.

use std::path::Path;

use tidegate_connect::Written;
use tidegate_core::{Fault, FaultKind};

use crate::config::{Config, Sink, Source};

/// Refuses an output that is an input: it would be emptied, or grow by what was read from it.
///
/// # Errors
/// [`FaultKind::Config`]: the input that is the output, by whatever name, or lies in it.
pub(crate) fn check(config: &Config) -> Result<(), Fault> {
    let Sink::Jsonl(sink) = &config.sink else { return Ok(()) };
    // What lies in a bucket is no path.
    if sink.path == "-" || sink.place().is_some() || matches!(config.source, Source::Objects(_)) {
        return Ok(());
    }
    let Some(written) = Written::at(Path::new(&sink.path)) else { return Ok(()) };
    match config.source.paths().iter().find(|input| written.holds(Path::new(input))) {
        None => Ok(()),
        Some(input) => {
            let message = format!("the output {} is what is to be read: {input}", sink.path);
            Err(Fault::new(FaultKind::Config, message).hint("name another file as the output"))
        }
    }
}
