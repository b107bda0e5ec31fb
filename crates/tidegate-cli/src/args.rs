//! What can be typed. No side effects here: what it resolves to is a matter of `tidegate::config`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tidegate::config::ModelRef;
use tidegate_observe::ColorMode;

use crate::adapt_args::AdaptArgs;
use crate::ask_args::AskArgs;
use crate::bench_args::{Bench, CallsArgs};
use crate::eval_args::EvalArgs;
use crate::help;
use crate::index_args::IndexArgs;
use crate::map_args::MapArgs;
use crate::plan_args::PlanArgs;
use crate::schema_args::SchemaArgs;
use crate::search_args::SearchArgs;
use crate::tape_args::TapeArgs;

/// Index documents and search them by words and by meaning, offline.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = help::TOP
)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The store: sqlite:PATH or a path [default: sqlite:tidegate.db] [env: TIDEGATE_STORE]
    #[arg(long, global = true, value_name = "URL")]
    pub store: Option<String>,
    /// A pipeline.toml with the settings; flags override it
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON on standard output instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, no summary, no warnings; errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log more to standard error: -v information, -vv debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to colour; auto does on a terminal unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    // No doc comments here: clap would print them as a list, and the whole help in its long form.
    Auto,
    Always,
    Never,
}

impl From<Color> for ColorMode {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make files, folders or lines of JSON searchable; again, only what changed
    #[command(after_help = help::INDEX)]
    Index(Box<IndexArgs>),
    /// Find chunks of indexed documents by words and meaning
    #[command(after_help = help::SEARCH)]
    Search(SearchArgs),
    /// Answer a question from indexed documents, in the words of a model
    #[command(after_help = help::ASK)]
    Ask(AskArgs),
    /// Measure how well searches find what people judged relevant
    #[command(after_help = help::EVAL)]
    Eval(EvalArgs),
    /// Fit the built-in embedder to the documents of a store, with a model as its teacher
    #[command(after_help = help::ADAPT)]
    Adapt(AdaptArgs),
    /// Ask models about every record of a data set: labels, fields, summaries
    #[command(after_help = help::MAP)]
    Map(Box<MapArgs>),
    /// Say what a map job will take before it is run: calls, tokens, money, time
    #[command(after_help = help::PLAN)]
    Plan(PlanArgs),
    /// Run the pipeline that a file describes
    #[command(after_help = help::RUN)]
    Run(RunArgs),
    /// Write a commented pipeline.toml to start from
    #[command(after_help = help::INIT)]
    Init(InitArgs),
    /// Show what the store holds and what the latest runs did
    #[command(after_help = help::STATUS)]
    Status,
    /// Look at documents that were put aside, try them again, or let go of them
    #[command(subcommand, after_help = help::QUARANTINE)]
    Quarantine(Quarantine),
    /// See what was paid for and kept, and make room
    #[command(subcommand, after_help = help::JOURNAL)]
    Journal(Journal),
    /// See the generations of the store, switch between them, and let go of one
    #[command(subcommand, after_help = help::GENERATIONS)]
    Generations(Generations),
    /// Fetch models that run on this machine, and see which are here
    #[command(subcommand, after_help = help::MODEL)]
    Model(Model),
    /// Check the store, and each model of a provider with one cheap call
    #[command(after_help = help::DOCTOR)]
    Doctor(DoctorArgs),
    /// Measure what a provider bears, and which settings suit it
    #[command(subcommand, after_help = help::BENCH)]
    Bench(Bench),
    /// Play a provider of models on this machine, to try settings without paying
    #[command(after_help = help::MOCK_PROVIDER)]
    MockProvider(MockProviderArgs),
    /// Print the JSON Schema of pipeline.toml, or of a job of `tidegate map`
    #[command(after_help = help::SCHEMA)]
    Schema(SchemaArgs),
    /// Check the configuration, or print what applies and where it came from
    #[command(after_help = help::CONFIG)]
    Config(ConfigArgs),
    /// Print a completion script for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Parses files for another tidegate, which starts it
    #[command(hide = true)]
    ParserChild,
    /// For proofs and tests
    #[command(subcommand, hide = true)]
    Debug(Debug),
}

/// `tidegate run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The pipeline [default: --config FILE, else pipeline.toml]
    #[arg(value_name = "FILE")]
    pub pipeline: Option<PathBuf>,
    /// Remove documents that are gone from the source, however many
    #[arg(long)]
    pub allow_delete: bool,
    /// How long an outage may hold the run before it stops, to be resumed [default: 30m]
    #[arg(long, value_name = "TIME")]
    pub max_hold: Option<tidegate::config::Period>,
    #[command(flatten)]
    pub tape: TapeArgs,
}

/// `tidegate init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it; - is standard output
    #[arg(value_name = "FILE", default_value = "pipeline.toml")]
    pub file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// `tidegate quarantine`.
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// List what was put aside, and why
    List(Filters),
    /// Show one document with every cause and the beginning of its content
    Show {
        /// The document, as `list` names it
        #[arg(value_name = "SOURCE")]
        source: String,
    },
    /// Try them again now; all of them unless some are named or a filter chooses
    Retry(Chosen),
    /// Forget them; the next run that still finds them tries them as new
    #[command(
        override_usage = "tidegate quarantine drop [OPTIONS] [SOURCE]...\n       tidegate quarantine drop [OPTIONS] --all"
    )]
    Drop(DropArgs),
}

/// Which documents to list; all of them if nothing is given.
#[derive(Debug, Clone, Default, Args)]
pub struct Filters {
    /// Only this class, such as malformed, empty, too_large
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// Only what failed in this stage, such as fetch, parse, embed
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Only documents whose source matches, such as '*/drafts/*'
    #[arg(long, value_name = "GLOB")]
    pub source: Option<String>,
}

/// Which documents to act on.
#[derive(Debug, Clone, Default, Args)]
pub struct Chosen {
    /// These documents, as `list` names them
    #[arg(value_name = "SOURCE", conflicts_with = "all")]
    pub sources: Vec<String>,
    /// Only those that match all of these.
    #[command(flatten)]
    pub filters: Filters,
    /// Every one
    #[arg(long, conflicts_with_all = ["class", "stage", "source"])]
    pub all: bool,
}

/// `tidegate quarantine drop`: forgetting all of them must be said.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(["sources", "class", "stage", "source", "all"]))]
pub struct DropArgs {
    /// Which.
    #[command(flatten)]
    pub chosen: Chosen,
}

/// `tidegate journal`.
#[derive(Debug, Subcommand)]
pub enum Journal {
    /// Show what is kept of each model: entries, size, tokens, cost
    Stats,
    /// Take entries out that nothing points to; they are paid again if they are wanted again
    Prune(PruneArgs),
}

/// `tidegate journal prune`: what may go must be said.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["older_than", "max_size", "unused"]))]
pub struct PruneArgs {
    /// Only entries written longer ago than this, such as 90d
    #[arg(long, value_name = "TIME")]
    pub older_than: Option<tidegate::config::Period>,
    /// The oldest, until the rest takes no more than this, such as 2GB
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<tidegate::config::Size>,
    /// Everything that nothing points to, whatever its age: all replies, and vectors of texts that are gone
    #[arg(long, conflicts_with_all = ["older_than", "max_size"])]
    pub unused: bool,
    /// Only entries of this model, as `stats` names it
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Say what would go, and take nothing out
    #[arg(long)]
    pub dry_run: bool,
}

/// `tidegate generations`.
#[derive(Debug, Subcommand)]
pub enum Generations {
    /// List them: what made them, what they hold, which one answers searches
    List,
    /// Let another one answer searches, at once
    Switch(SwitchArgs),
    /// Remove one that does not answer searches, and free its room
    Drop {
        /// Its number, as `list` shows it
        #[arg(value_name = "N")]
        number: i64,
    },
}

/// `tidegate generations switch`.
#[derive(Debug, Clone, Args)]
pub struct SwitchArgs {
    /// Its number, as `list` shows it
    #[arg(value_name = "N")]
    pub number: i64,
    /// Also to one that is not complete, however many documents it lacks
    #[arg(long)]
    pub force: bool,
}

/// `tidegate model`.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// Fetch a model, once; what was cut short goes on from there
    Pull(PullArgs),
    /// List the models that are known by name, and whether they are here
    List,
    /// Print the folder of a model that was fetched
    Path {
        /// The model, as `list` names it
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// `tidegate model pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// The model, as `list` names it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Another place: the URL of the same archive, of a mirror of its server (with / at its end), or a file
    #[arg(long, value_name = "URL|FILE")]
    pub from: Option<String>,
}

/// `tidegate doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// A model that makes vectors, beside those of the configuration: minilm, ./FOLDER or PROVIDER:MODEL
    #[arg(long, value_name = "MODEL")]
    pub embed: Option<ModelRef>,
    /// A model that answers, beside those of the configuration: PROVIDER:MODEL
    #[arg(long, value_name = "MODEL")]
    pub model: Option<ModelRef>,
    /// Where the provider is, for another service that speaks as it does
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
}

/// `tidegate mock-provider`.
#[derive(Debug, Args)]
pub struct MockProviderArgs {
    /// What goes wrong, how fast it answers and how much it bears; without one it answers at once
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 8787)]
    pub port: u16,
    /// Append what was asked and answered to this file, as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// `tidegate config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Print every setting with where its value came from
    #[arg(long)]
    pub effective: bool,
}

/// `tidegate completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `tidegate debug`.
#[derive(Debug, Subcommand)]
pub enum Debug {
    /// Make many calls in one way and print what came of them
    Calls(Box<CallsArgs>),
    /// Print the names of the points at which a proof may kill the process
    Killpoints,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_sound_and_every_option_is_explained() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        let mut commands = vec![command];
        while let Some(command) = commands.pop() {
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
            assert!(command.get_about().is_some(), "{}", command.get_name());
            commands.extend(command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned());
        }
    }

    #[test]
    fn forgetting_everything_must_be_said() {
        for (line, ok) in [
            ("tidegate quarantine drop", false),
            ("tidegate quarantine drop --all", true),
            ("tidegate quarantine drop --class empty --stage parse", true),
            ("tidegate quarantine drop --all --class empty", false),
            ("tidegate quarantine drop a.md b.md", true),
            ("tidegate quarantine drop a.md --all", false),
            ("tidegate quarantine retry", true),
            ("tidegate quarantine retry a.md", true),
            ("tidegate quarantine list", true),
        ] {
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), ok, "{line}");
        }
    }
}
