//! The options of `tidegate plan`.

use std::path::PathBuf;

use clap::Args;
use tidegate::PlanOptions;
use tidegate::config::{MapOptions, Overrides, Period};
use tidegate_core::Fault;

use crate::args::Global;
use crate::commands::parser_child;

/// `tidegate plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What is done to every record
    #[arg(value_name = "JOB")]
    pub job: PathBuf,
    /// Files of records, folders of them, globs, or - for standard input, as `tidegate map` takes them
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Look at about so many rows, spread evenly over the inputs, and say how far off that may be
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: Option<u64>,
    /// Take only the first N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Say whether this suffices, in the currency of the price table
    #[arg(long, value_name = "MONEY")]
    pub budget: Option<f64>,
    /// How long a call takes [default: as in earlier runs, or an assumption]
    #[arg(long, value_name = "TIME")]
    pub latency: Option<Period>,
    /// Tokens of an answer [default: as in the journal, or an assumption]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub output_tokens: Option<u64>,
    /// Where the providers of all steps are, as for `tidegate map`
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
}

impl PlanArgs {
    /// The job for the library, with the global options.
    pub fn job(&self, global: &Global) -> MapOptions {
        MapOptions {
            inputs: self.inputs.clone(),
            output: "-".to_owned(),
            limit: self.limit.unwrap_or_default(),
            base_url: self.base_url.clone(),
            base: global.config.clone(),
            overrides: Overrides { store: global.store.clone(), budget: self.budget, ..Overrides::default() },
            ..MapOptions::default()
        }
    }

    /// What the plan is told beside the job.
    ///
    /// # Errors
    /// The system does not say which program is running.
    pub fn options(&self) -> Result<PlanOptions, Fault> {
        Ok(PlanOptions {
            sample: self.sample.unwrap_or_default(),
            latency: self.latency.map(Period::duration),
            output_tokens: self.output_tokens,
            launcher: Some(parser_child::program()?),
        })
    }
}
