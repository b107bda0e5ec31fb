//! `tidegate run`.

use std::path::Path;

use tidegate::config::{self, Overrides};
use tidegate_core::Fault;

use crate::args::{Global, RunArgs};
use crate::exit::Exit;
use crate::running;
use crate::terminal::Terminal;

/// Runs the pipeline that a file describes.
pub fn run(args: &RunArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let file = args.pipeline.as_deref().or(global.config.as_deref()).unwrap_or(Path::new("pipeline.toml"));
    let overrides = Overrides {
        store: global.store.clone(),
        allow_delete: args.allow_delete.then_some(true),
        max_hold: args.max_hold,
        ..Overrides::default()
    };
    let resolved = config::load(Some(file), overrides)?;
    let asked = running::Asked { tape: args.tape.of(&resolved.config)?, ..running::Asked::of(global) };
    running::run(&resolved.config, &asked, terminal)
}
