//! `tidegate schema`.

use tidegate_core::Fault;

use crate::exit::Exit;
use crate::out::Out;

/// Prints the JSON Schema of `pipeline.toml`.
pub fn run() -> Result<Exit, Fault> {
    let mut out = Out::stdout();
    out.text(&format!("{:#}\n", tidegate::config::schema()))?;
    out.finish()?;
    Ok(Exit::Done)
}
