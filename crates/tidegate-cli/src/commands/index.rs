//! `tidegate index`.

use tidegate::{Tape, config};
use tidegate_core::{Fault, FaultKind};

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
    if args.regenerate && args.tape.tape() != Tape::Off {
        return Err(Fault::new(
            FaultKind::Config,
            "a cassette is of a whole run, and --regenerate takes over what is there",
        )
        .hint("leave --record and --replay out"));
    }
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
    let asked = running::Asked { tape: args.tape.of(&resolved.config)?, ..running::Asked::of(global) };
    running::run(&resolved.config, &asked, terminal)
}
