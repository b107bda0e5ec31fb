//! The options of `tidegate search`, and those of rescoring, which `ask` and `eval` take too.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tidegate::config::{ModelRef, Overrides};

/// `tidegate search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// What to look for; several words need no quotes
    #[arg(value_name = "QUERY", required_unless_present = "queries", conflicts_with = "queries")]
    pub query: Vec<String>,
    /// The most hits
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// How to look: by words and meaning, by meaning alone, or by words alone (BM25)
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Hybrid)]
    pub mode: Mode,
    /// Only documents for which this holds, such as 'lang = "en" and date >= "2024"'
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,
    /// Only documents whose path matches, such as 'docs/**/*.md'; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub path: Vec<String>,
    /// Answer many queries: lines of {"id", "text"} in FILE (- is standard input), one line of JSON each out
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    /// Which better model looks at the first hits once more.
    #[command(flatten)]
    pub rescore: RescoreArgs,
    /// Show whole chunks instead of snippets
    #[arg(long)]
    pub full: bool,
}

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    // No doc comments here: clap would print them as a list, and the whole help in its long form.
    Hybrid,
    Vector,
    Text,
}

/// Which better model looks at the first hits once more.
#[derive(Debug, Clone, Default, Args)]
pub struct RescoreArgs {
    /// Let a better model look at the first hits once more: minilm, ./FOLDER or PROVIDER:MODEL
    #[arg(long, value_name = "MODEL")]
    pub rescore: Option<ModelRef>,
    /// How many hits it looks at [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rescore_top: Option<u32>,
}

impl RescoreArgs {
    /// What these options override.
    pub fn overrides(&self, store: Option<String>) -> Overrides {
        Overrides {
            rescore: self.rescore.clone(),
            rescore_top: self.rescore_top,
            store,
            ..Overrides::default()
        }
    }
}
