//! The options of `tidegate ask`, and what they override.

use clap::Args;
use tidegate::config::{ModelRef, Overrides};

use crate::search_args::{Mode, RescoreArgs};

/// `tidegate ask`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question; several words need no quotes
    #[arg(value_name = "QUESTION", required = true)]
    pub question: Vec<String>,
    /// What answers: PROVIDER:MODEL, such as openai:gpt-4o-mini or ollama:llama3.2
    #[arg(long, value_name = "MODEL")]
    pub model: Option<ModelRef>,
    /// Where the provider is, for another service that speaks as it does
    #[arg(long, value_name = "URL", requires = "model")]
    pub base_url: Option<String>,
    /// Passages that the answer is made from [default: 8]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub passages: Option<u32>,
    /// How to look for them: by words and meaning, by meaning alone, or by words alone (BM25)
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Hybrid)]
    pub mode: Mode,
    /// Which better model looks at them once more.
    #[command(flatten)]
    pub rescore: RescoreArgs,
    /// Only documents for which this holds, such as 'lang = "en" and date >= "2024"'
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,
    /// Only documents whose path matches, such as 'docs/**/*.md'; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub path: Vec<String>,
}

impl AskArgs {
    /// What these options override.
    pub fn overrides(&self, store: Option<String>) -> Overrides {
        Overrides {
            ask: self.model.clone(),
            base_url: self.base_url.clone(),
            passages: self.passages,
            ..self.rescore.overrides(store)
        }
    }
}
