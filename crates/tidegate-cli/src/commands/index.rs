//! `tidegate index`.

use tidegate::config;
use tidegate_core::Fault;

use crate::args::Global;
use crate::exit::Exit;
use crate::index_args::IndexArgs;
use crate::running;
use crate::terminal::Terminal;

/// Makes the given paths searchable.
pub fn run(args: &IndexArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let mut overrides = args.overrides()?;
    overrides.store.clone_from(&global.store);
    let resolved = config::load(global.config.as_deref(), overrides)?;
    running::run(&resolved.config, &running::Asked::of(global), terminal)
}
