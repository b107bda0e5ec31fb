//! The options of `tidegate map`, and what they make of the job's file.

use std::path::PathBuf;

use clap::Args;
use tidegate::Tape;
use tidegate::config::{MapOptions, Overrides, Period, Size};

use crate::args::Global;

/// `tidegate map`.
#[derive(Debug, Args)]
pub struct MapArgs {
    /// What is done to every record
    #[arg(value_name = "JOB")]
    pub job: PathBuf,
    /// Files of JSON Lines, tables (.csv, .tsv, .parquet) or lines of text (.txt), also .gz or .zst; folders of them,
    /// globs, or - for standard input
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Where the rows go: a table if it ends in .csv, .tsv or .parquet (a folder of parts), else lines of JSON, also .gz
    /// or .zst; - is standard output
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    pub output: Option<String>,
    /// Replace the output if it is there
    #[arg(long)]
    pub overwrite: bool,
    /// Write rows as they are done, not in the order of the input
    #[arg(long)]
    pub unordered: bool,

    /// Take only the first N rows, to try a prompt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Before spending")]
    pub limit: Option<u64>,
    /// Print what would be asked about the first row (or --limit N), and ask nothing
    #[arg(long, help_heading = "Before spending")]
    pub dry_run: bool,
    /// Say what it will take (as `tidegate plan` does), then run, and put both beside each other
    #[arg(long, conflicts_with = "dry_run", help_heading = "Before spending")]
    pub plan: bool,
    /// Stop before more than this is spent, in the currency of the price table; 0 lets nothing be paid
    #[arg(long, value_name = "MONEY", help_heading = "Before spending")]
    pub budget: Option<f64>,
    /// Stop before more than so many tokens are spent; 0 lets nothing be sent
    #[arg(long, value_name = "N", help_heading = "Before spending")]
    pub max_tokens: Option<u64>,

    /// Keep all answers of the run in this folder, as lines of JSON that can be read and committed
    #[arg(long, value_name = "DIR", conflicts_with_all = ["replay", "dry_run"], help_heading = "Without a network")]
    pub record: Option<PathBuf>,
    /// Take all answers from this folder: nothing is sent, no key is needed, nothing is paid
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plan", "dry_run"], help_heading = "Without a network")]
    pub replay: Option<PathBuf>,

    /// Where the providers of all steps are, for another service that speaks as they do
    #[arg(long, value_name = "URL", help_heading = "How to run")]
    pub base_url: Option<String>,
    /// Memory for records in flight [default: 256MB] [env: TIDEGATE_MEMORY]
    #[arg(long, value_name = "SIZE", help_heading = "How to run")]
    pub memory: Option<Size>,
    /// How long an outage or a full disk may hold the run before it stops, to be resumed [default: 30m]
    #[arg(long, value_name = "TIME", help_heading = "How to run")]
    pub max_hold: Option<Period>,
}

impl MapArgs {
    /// Whether answers are recorded or replayed.
    pub fn tape(&self) -> Tape {
        match (&self.record, &self.replay) {
            (Some(folder), _) => Tape::Record(folder.clone()),
            (None, Some(folder)) => Tape::Replay(folder.clone()),
            (None, None) => Tape::Off,
        }
    }

    /// The same for the library, with the global options.
    pub fn options(&self, global: &Global) -> MapOptions {
        MapOptions {
            inputs: self.inputs.clone(),
            output: self.output.clone().unwrap_or_else(|| "-".to_owned()),
            overwrite: self.overwrite,
            unordered: self.unordered,
            limit: self.limit.unwrap_or_default(),
            base_url: self.base_url.clone(),
            base: global.config.clone(),
            overrides: Overrides {
                store: global.store.clone(),
                budget: self.budget,
                spend_tokens: self.max_tokens,
                memory: self.memory,
                max_hold: self.max_hold,
                ..Overrides::default()
            },
        }
    }
}
