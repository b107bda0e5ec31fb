//! The options of `tidegate adapt`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use tidegate::adapt::{MOST_SEGMENTS, SEGMENTS};
use tidegate::config::ModelRef;

/// `tidegate adapt`.
#[derive(Debug, Args)]
pub struct AdaptArgs {
    /// The model to learn from: minilm, or ./FOLDER with one of the BERT family
    #[arg(long, value_name = "MODEL", default_value = "minilm")]
    pub teacher: ModelRef,
    /// Pieces of the documents to learn from, at most
    #[arg(long, value_name = "N", default_value_t = SEGMENTS,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_SEGMENTS as u64))]
    pub sample: usize,
    /// Chooses other pieces
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Go back to the vectors from before the last adaptation, at once
    #[arg(long, conflicts_with_all = ["teacher", "sample", "seed", "export"])]
    pub undo: bool,
    /// Write the store's table into a new file, for other stores, and do nothing else
    #[arg(long, value_name = "FILE.table", conflicts_with_all = ["teacher", "sample", "seed"])]
    pub export: Option<PathBuf>,
}
