//! `tidegate index`.

use tidegate::config;
use tidegate_core::Fault;

use crate::args::Global;
use crate::exit::Exit;
use crate::index_args::IndexArgs;
use crate::regenerating;
use crate::running;
use crate::terminal::Terminal;

/// Makes the given paths searchable.
pub fn run(args: &IndexArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let mut overrides = args.overrides()?;
    overrides.store.clone_from(&global.store);
    let resolved = config::load(global.config.as_deref(), overrides)?;
    if args.regenerate {
        return regenerating::run(&resolved, global, terminal);
    }
    if let Some(before) = tidegate::cut_before(&resolved.config) {
        terminal.say(&format!(
            "this was cut into chunks of up to {} tokens ({} repeated) before, so all of it is cut anew, document by \
             document; with --regenerate searches stay with the old ones until the new ones are complete",
            before.max_tokens, before.overlap_tokens
        ));
    }
    running::run(&resolved.config, &running::Asked::of(global), terminal)
}
