//! The options of `tidegate bench`, and of the hidden command that makes one load.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use tidegate::bench::{Load, Way, Work};
use tidegate::config::{ModelRef, Overrides, Period};
use tidegate_core::{Fault, FaultKind};

/// `tidegate bench`.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Call a model one by one, by threads and all at once, and say which settings suit its provider
    #[command(after_help = crate::help::BENCH_PROVIDER)]
    Provider(ProviderArgs),
}

/// What is called.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("called").required(true).args(["embed", "chat"]))]
pub struct Called {
    /// A model that makes vectors: PROVIDER:MODEL, such as openai:text-embedding-3-small
    #[arg(long, value_name = "MODEL")]
    pub embed: Option<ModelRef>,
    /// A model that answers: PROVIDER:MODEL, such as ollama:llama3.2
    #[arg(long, value_name = "MODEL")]
    pub chat: Option<ModelRef>,
    /// Where the provider is, for another service that speaks as it does
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
}

/// `tidegate bench provider`.
#[derive(Debug, Args)]
pub struct ProviderArgs {
    /// What is called.
    #[command(flatten)]
    pub called: Called,
    /// Calls of each way
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub calls: u64,
    /// Calls in flight, and threads
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub concurrency: u32,
    /// Lengths of the texts in tokens: one, or from..to
    #[arg(long, value_name = "RANGE", default_value = "20..340")]
    pub tokens: Lengths,
    /// The most tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 64, requires = "chat")]
    pub answer_tokens: u32,
    /// Only this way; may be given several times
    #[arg(long, value_name = "WAY", value_enum)]
    pub way: Vec<WayArg>,
    /// Begin no call of a way or step after this time
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub patience: Period,
    /// Also find out how many calls in flight are enough: 1, 2, 4 and so on, up to eight times --concurrency
    #[arg(long)]
    pub knee: bool,
    /// Stop before more than this is spent, in the currency of the price table
    #[arg(long, value_name = "MONEY")]
    pub budget: Option<f64>,
    /// Stop before more than so many tokens are spent
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u64>,
    /// Spend what it costs; not needed for a provider on this machine
    #[arg(long)]
    pub yes: bool,
}

/// `tidegate debug calls`: one load in one way, for benches that run it beside others.
#[derive(Debug, Args)]
pub struct CallsArgs {
    /// What is called.
    #[command(flatten)]
    pub called: Called,
    /// Calls
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub calls: u64,
    /// Calls begun and not ended; how many are in flight is for the provider's settings to say
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub at_once: usize,
    /// The way
    #[arg(long, value_name = "WAY", value_enum, default_value_t = WayArg::Async)]
    pub way: WayArg,
    /// Lengths of the texts in tokens of four bytes
    #[arg(long, value_name = "RANGE", default_value = "20..340")]
    pub tokens: Lengths,
    /// Texts of a call
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub batch: usize,
    /// The most tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub answer_tokens: u32,
    /// The store that keeps vectors
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// One text in so many holds the word POISON
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub poison: u64,
    /// Of the texts
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// A way to make calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WayArg {
    // No doc comments here: clap would print them as a list, and the whole help in its long form.
    Sequential,
    Threads,
    Async,
}

impl From<WayArg> for Way {
    fn from(way: WayArg) -> Self {
        match way {
            WayArg::Sequential => Self::Sequential,
            WayArg::Threads => Self::Threads,
            WayArg::Async => Self::Async,
        }
    }
}

/// Lengths of texts: `180` or `20..340`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lengths(pub RangeInclusive<u32>);

/// No provider takes longer texts.
const LONGEST: u32 = 1_000_000;

impl FromStr for Lengths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim_start_matches('=').parse::<u32>().ok();
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to && to <= LONGEST => Ok(Self(from..=to)),
            _ => Err(format!(
                "`{}` is no range of lengths; write 180 or 20..340, at most {LONGEST}",
                text.escape_debug()
            )),
        }
    }
}

impl Called {
    /// The load that this asks for.
    ///
    /// # Errors
    /// None is named, which the parser sees to.
    pub fn load(&self) -> Result<Load, Fault> {
        match (&self.embed, &self.chat) {
            (Some(model), _) => Ok(Load::new(model.clone(), Work::Embed)),
            (None, Some(model)) => Ok(Load::new(model.clone(), Work::Chat)),
            (None, None) => {
                Err(Fault::new(FaultKind::Config, "no model is named").hint("give --embed or --chat"))
            }
        }
    }

    /// What these options override: where the provider is.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            embed: self.embed.clone(),
            ask: self.chat.clone(),
            base_url: self.base_url.clone(),
            ..Overrides::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_they_are_written() {
        for (text, lengths) in
            [("180", Some(180..=180)), ("20..340", Some(20..=340)), ("20..=340", Some(20..=340))]
        {
            assert_eq!(text.parse::<Lengths>().ok().map(|it| it.0), lengths);
        }
        for text in ["", "..", "5..", "9..3", "a..b", "-1", "0..2000000", "1..2..3"] {
            text.parse::<Lengths>().unwrap_err();
        }
    }
}
