//! `tidegate debug killpoints`.

use tidegate_core::{Fault, killpoint};

use crate::exit::Exit;
use crate::out::Out;

/// Prints the name of every kill point, one a line.
pub fn run() -> Result<Exit, Fault> {
    let mut out = Out::stdout();
    for point in killpoint::POINTS {
        out.text(&format!("{point}\n"))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}
