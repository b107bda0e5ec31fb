//! `tidegate completions`.

use clap::CommandFactory as _;
use tidegate_core::Fault;

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::out::Out;

/// Prints a completion script. It is made in memory first, because the generator panics when its reader has gone.
pub fn run(args: &CompletionsArgs) -> Result<Exit, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tidegate", &mut script);
    let mut out = Out::stdout();
    out.text(&String::from_utf8_lossy(&script))?;
    out.finish()?;
    Ok(Exit::Done)
}
