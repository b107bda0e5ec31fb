//! The options of commands that run a pipeline without a network.

use std::path::PathBuf;

use clap::Args;
use tidegate::Tape;
use tidegate::config::{Config, Source};
use tidegate_core::{Fault, FaultKind};

/// What is recorded or replayed.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Without a network")]
pub struct TapeArgs {
    /// Keep all answers of models in this folder, vectors too, as lines of JSON that can be committed
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Take all answers of models from this folder: nothing is sent, no key is needed, nothing is paid
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
}

impl TapeArgs {
    /// Whether answers are recorded or replayed.
    pub fn tape(&self) -> Tape {
        match (&self.record, &self.replay) {
            (Some(folder), _) => Tape::Record(folder.clone()),
            (None, Some(folder)) => Tape::Replay(folder.clone()),
            (None, None) => Tape::Off,
        }
    }

    /// The same for a run of `config`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a run that has no end has no cassette.
    pub fn of(&self, config: &Config) -> Result<Tape, Fault> {
        let tape = self.tape();
        let endless = match &config.source {
            Source::Files(files) => files.watch,
            source => matches!(source, Source::Tail(_)),
        };
        if tape == Tape::Off || !endless {
            return Ok(tape);
        }
        Err(Fault::new(
            FaultKind::Config,
            "a cassette is of a whole run, and what follows its source has no end",
        )
        .hint("leave --watch out, or read the file as jsonl"))
    }
}
