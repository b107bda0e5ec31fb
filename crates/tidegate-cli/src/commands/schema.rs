//! `tidegate schema`.

use tidegate_core::Fault;

use crate::exit::Exit;
use crate::out::Out;
use crate::schema_args::{Described, SchemaArgs};

/// Prints the JSON Schema of `pipeline.toml`, or of a job.
pub fn run(args: &SchemaArgs) -> Result<Exit, Fault> {
    let schema = match args.of {
        Described::Pipeline => tidegate::config::schema(),
        Described::Job => tidegate::config::job_schema(),
    };
    let mut out = Out::stdout();
    out.text(&format!("{schema:#}\n"))?;
    out.finish()?;
    Ok(Exit::Done)
}
