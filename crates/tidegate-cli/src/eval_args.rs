//! The options of `tidegate eval`.

use std::path::PathBuf;

use clap::Args;

use crate::search_args::{Mode, RescoreArgs};

/// `tidegate eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The questions: lines of {"id", "text"}; - is standard input
    #[arg(value_name = "QUERIES")]
    pub queries: PathBuf,
    /// The judgements: lines of a question's id, a document and a grade
    #[arg(value_name = "QRELS")]
    pub qrels: PathBuf,
    /// How to look, as for `search`; may be given several times [default: all ways]
    #[arg(long, value_name = "MODE", value_enum)]
    pub mode: Vec<Mode>,
    /// Which better model looks at the first hits once more; each way is measured with and without.
    #[command(flatten)]
    pub rescore: RescoreArgs,
    /// Only documents for which this holds, such as 'lang = "en" and date >= "2024"'
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,
    /// Only documents whose path matches, such as 'docs/**/*.md'; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub path: Vec<String>,
}
