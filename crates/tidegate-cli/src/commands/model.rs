//! `tidegate model`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use tidegate::models::{self, Kept, PullOptions};
use tidegate_core::Fault;
use tidegate_observe::{ProgressMode, bytes};

use crate::args::{Global, Model, PullArgs};
use crate::exit::Exit;
use crate::out::Out;
use crate::running;
use crate::terminal::Terminal;

/// How often it is told how much has come.
const EVERY: Duration = Duration::from_secs(5);

/// Fetches models, or tells which are here.
pub fn run(command: &Model, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    match command {
        Model::Pull(args) => pull(args, (global, terminal)),
        Model::List => list(global, terminal),
        Model::Path { name } => path(&models::path(name)?, global),
    }
}

fn pull(args: &PullArgs, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let mut told = Instant::now();
    let mut progress = |here: u64, all: u64| {
        if terminal.progress != ProgressMode::Quiet && told.elapsed() >= EVERY {
            told = Instant::now();
            terminal.say(&format!("{} of {}", bytes(here), bytes(all)));
        }
    };
    let options = PullOptions { from: args.from.as_deref(), progress: Some(&mut progress) };
    let pulled = running::runtime()?.block_on(models::pull(&args.name, options))?;
    terminal.say(&match pulled.fetched {
        0 => format!("{} is here", args.name),
        fetched => format!("{} is here: {} fetched", args.name, bytes(fetched)),
    });
    path(&pulled.path, global)
}

fn path(path: &Path, global: &Global) -> Result<Exit, Fault> {
    let mut out = Out::stdout();
    match global.json {
        true => out.json(&serde_json::json!({ "path": path }))?,
        false => out.text(&format!("{}\n", path.display()))?,
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn list(global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let kept = models::kept()?;
    let mut out = Out::stdout();
    if global.json {
        out.json(&kept.iter().map(Shape::of).collect::<Vec<_>>())?;
    } else {
        for Kept { known, path, here } in &kept {
            let paint = terminal.paint;
            let place = match here {
                true => format!("here: {}", path.display()),
                false => {
                    format!("not here: `tidegate model pull {}` fetches {}", known.name, bytes(known.size))
                }
            };
            let name = paint.bold(known.name);
            out.text(&format!("{name}  {} ({})\n  {}\n", known.about, known.licence, paint.dim(place)))?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}

/// The stable shape of a known model.
#[derive(Serialize)]
struct Shape<'a> {
    name: &'a str,
    about: &'a str,
    licence: &'a str,
    here: bool,
    path: &'a Path,
    size: u64,
    sha256: &'a str,
}

impl<'a> Shape<'a> {
    fn of(kept: &'a Kept) -> Self {
        let known = kept.known;
        Self {
            name: known.name,
            about: known.about,
            licence: known.licence,
            here: kept.here,
            path: &kept.path,
            size: known.size,
            sha256: known.sha256,
        }
    }
}
