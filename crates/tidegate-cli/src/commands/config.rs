//! `tidegate config`.

use tidegate::config::{self, Overrides};
use tidegate_core::Fault;

use crate::args::{ConfigArgs, Global};
use crate::exit::Exit;
use crate::out::Out;
use crate::terminal::Terminal;

/// Checks the configuration; with `--effective`, prints it with the origin of every value.
pub fn run(args: &ConfigArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides { store: global.store.clone(), ..Overrides::default() };
    let resolved = config::load(global.config.as_deref(), overrides)?;
    if !args.effective && !global.json {
        terminal.say("the configuration is valid; --effective prints it");
        return Ok(Exit::Done);
    }
    let mut out = Out::stdout();
    if global.json {
        out.json(&resolved.config)?;
    } else {
        out.text(&resolved.effective())?;
    }
    out.finish()?;
    Ok(Exit::Done)
}
