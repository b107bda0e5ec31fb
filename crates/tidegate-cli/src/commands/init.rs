//! `tidegate init`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use tidegate_core::{Fault, FaultKind};

use crate::args::InitArgs;
use crate::exit::Exit;
use crate::out::Out;
use crate::terminal::Terminal;

/// Writes the commented configuration. A file that exists is left alone unless `--force` is given.
pub fn run(args: &InitArgs, terminal: &Terminal) -> Result<Exit, Fault> {
    let template = tidegate::config::init_template();
    if args.file == Path::new("-") {
        let mut out = Out::stdout();
        out.text(&template)?;
        out.finish()?;
        return Ok(Exit::Done);
    }
    write(&args.file, &template, args.force)?;
    let shown = args.file.display().to_string();
    terminal.say(&format!("wrote {0}; edit it, then `tidegate run {0}`", tidegate_observe::clean(&shown)));
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Fault> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Fault::new(FaultKind::Config, format!("{} exists already", path.display()))
                .hint("--force replaces it")
        }
        _ => Fault::new(FaultKind::Config, format!("{} cannot be written", path.display())).cause(error),
    };
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
