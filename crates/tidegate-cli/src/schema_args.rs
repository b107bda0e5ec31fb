//! The options of `tidegate schema`.

use clap::{Args, ValueEnum};

/// `tidegate schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which file it is that the schema describes
    #[arg(value_name = "FILE", value_enum, default_value_t = Described::Pipeline)]
    pub of: Described,
}

/// A file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Described {
    // No doc comments here: clap would print them as a list, and the whole help in its long form.
    Pipeline,
    Job,
}
