//! `tidegate generations`.

use serde::Serialize;
use tidegate::config::{self, Overrides};
use tidegate::{Generation, GenerationState, Guard, OpenMode, Store, Switch};
use tidegate_core::{Fault, FaultKind};
use tidegate_observe::{GenerationView, count, generations};

use crate::args::{Generations, Global};
use crate::exit::Exit;
use crate::out::Out;
use crate::running;
use crate::terminal::{Terminal, now_ms};

/// Shows the generations of a store, switches between them, or lets go of one.
pub fn run(command: &Generations, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides { store: global.store.clone(), ..Overrides::default() };
    let resolved = config::load(global.config.as_deref(), overrides)?;
    let url = &resolved.config.store.url;
    // Looked at first as a reader: opening for writing would make the store that is not there.
    let store = Store::open(url, OpenMode::Read)?;
    match command {
        Generations::List => list(&store, (global, terminal)),
        Generations::Switch(args) => {
            let max_share = resolved.config.sweep.max_share;
            let guard = Guard { allow: args.force, max_share, ..Guard::default() };
            switch(url, (args.number, guard), (global, terminal))
        }
        Generations::Drop { number } => drop_one(url, *number, (global, terminal)),
    }
}

/// The stable shape of a generation.
#[derive(Serialize)]
struct Shape<'a> {
    #[serde(flatten)]
    generation: &'a Generation,
    chunking: Vec<config::Chunk>,
}

fn list(store: &Store, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let found = store.generations()?;
    let mut out = Out::stdout();
    if global.json {
        let shape = |generation| Shape { generation, chunking: tidegate::chunking(generation) };
        out.json(&found.iter().map(shape).collect::<Vec<_>>())?;
    } else {
        let views: Vec<GenerationView> = found.into_iter().map(view).collect();
        out.text(&generations(&views, now_ms(), terminal.columns, terminal.paint))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn view(found: Generation) -> GenerationView {
    let chunking = tidegate::chunking(&found);
    GenerationView {
        id: found.row.id,
        state: state(found.row.state),
        embedder: found.row.embedder,
        dimensions: found.row.dimensions,
        chunking: chunking.iter().map(|chunk| (chunk.max_tokens, chunk.overlap_tokens)).collect(),
        documents: found.documents,
        chunks: found.chunks,
        bytes: found.bytes,
        started: found.row.started,
        differing: found.differing,
    }
}

/// What a state is called.
pub fn state(state: GenerationState) -> &'static str {
    match state {
        GenerationState::Active => "active",
        GenerationState::Building => "building",
        GenerationState::Previous => "previous",
    }
}

fn switch(
    url: &str,
    (number, guard): (i64, Guard),
    (global, terminal): (&Global, &Terminal),
) -> Result<Exit, Fault> {
    let store = Store::open(url, OpenMode::Write)?;
    let switched = match running::runtime()?.block_on(store.switch_generation(number, guard))? {
        Switch::Done(switched) => switched,
        Switch::Lacks { lost, known } => return Err(lacks(number, (lost, known))),
        Switch::Behind(_) => return Err(Fault::new(FaultKind::Internal, "nothing was taken over")),
    };
    if global.json {
        let mut out = Out::stdout();
        out.json(&switched)?;
        out.finish()?;
        return Ok(Exit::Done);
    }
    terminal.say(&format!("generation {number} answers searches now, generation {} is kept", switched.from));
    if switched.differing > 0 {
        terminal.say(&format!(
            "they differ in {} documents; `tidegate index` on their sources brings this one up to date",
            count(switched.differing)
        ));
    }
    Ok(Exit::Done)
}

/// A switch that was refused.
pub fn lacks(number: i64, (lost, known): (u64, u64)) -> Fault {
    let message = format!(
        "generation {number} lacks {} of the {} documents that are searched now, so it was not switched to",
        count(lost),
        count(known)
    );
    Fault::new(FaultKind::Guarded, message).hint(format!(
        "`tidegate quarantine list` says what was put aside; if they may go, `tidegate generations switch {number} \
         --force`"
    ))
}

fn drop_one(url: &str, number: i64, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let store = Store::open(url, OpenMode::Write)?;
    let dropped = running::runtime()?.block_on(store.drop_generation(number))?;
    if global.json {
        let mut out = Out::stdout();
        out.json(&dropped)?;
        out.finish()?;
        return Ok(Exit::Done);
    }
    terminal.say(&format!(
        "dropped generation {number}: {} documents, {} chunks; its vectors were paid for and stay in the journal, \
         `tidegate journal prune --unused` lets go of them",
        count(dropped.documents),
        count(dropped.chunks)
    ));
    Ok(Exit::Done)
}
