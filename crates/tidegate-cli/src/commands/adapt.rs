//! `tidegate adapt`.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use tidegate::adapt::{AdaptOptions, Adapted, Fitted, Step, adapt, export, undo};
use tidegate::config::{self, Config, Overrides};
use tidegate_core::Fault;
use tidegate_observe::{Counting, count, peak_memory_bytes, seconds};

use crate::adapt_args::AdaptArgs;
use crate::args::Global;
use crate::exit::Exit;
use crate::out::Out;
use crate::regenerating::{self, End, carry_out};
use crate::running::{self, runtime};
use crate::terminal::Terminal;

/// Fits the table inside the program to a store and gives its chunks the vectors, or goes back from there.
pub fn run(args: &AdaptArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides { store: global.store.clone(), ..Overrides::default() };
    let config = config::load(global.config.as_deref(), overrides)?.config;
    match &args.export {
        Some(path) => write(&config, path, (global, terminal)),
        None if args.undo => back(&config, (global, terminal)),
        None => fit(&config, args, (global, terminal)),
    }
}

fn fit(config: &Config, args: &AdaptArgs, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let options = AdaptOptions { teacher: args.teacher.clone(), segments: args.sample, seed: args.seed };
    let runtime = runtime()?;
    let fitted = runtime.block_on(watched(config, &options, terminal))?;
    let begun = Instant::now();
    let built = runtime.block_on(async {
        match fitted.regeneration(config).await? {
            Some(regeneration) => carry_out(regeneration, terminal).await.map(Some),
            None => Ok(None),
        }
    })?;
    // A compute thread may still hold a job whose result nobody wants; it is not waited for.
    runtime.shutdown_background();
    let (generation, end) = built.unzip();
    let shape = Shape {
        adapted: &fitted.report,
        generation: generation.as_ref(),
        switch_seconds: begun.elapsed().as_secs_f64(),
        peak_memory_bytes: peak_memory_bytes(),
    };
    let mut out = Out::stdout();
    if global.json {
        out.json(&shape)?;
    } else {
        out.text(&told(&shape))?;
    }
    out.finish()?;
    match end {
        None | Some(End::Switched(_)) => Ok(Exit::Done),
        Some(End::Refused(fault)) => Err(fault),
        Some(End::Broken(finished)) => {
            terminal.say("not all chunks have the new vectors yet; the same command goes on");
            Ok(running::exit_of((config, &finished), None, terminal))
        }
    }
}

/// Fits, and shows how far that is.
async fn watched(config: &Config, options: &AdaptOptions, terminal: &Terminal) -> Result<Fitted, Fault> {
    let mut shown: Option<(Step, Counting)> = None;
    let mut watch = |step: Step, done: usize, all: usize| {
        if shown.as_ref().is_none_or(|(now, _)| *now != step) {
            shown = None; // ends the line of the step before
            shown = Some((step, Counting::start(named(step), terminal.progress, &terminal.stderr)));
        }
        if let Some((_, counting)) = &mut shown {
            counting.at(done, all);
        }
    };
    adapt(config, options, &mut watch).await
}

/// What is counted in a step.
fn named(step: Step) -> &'static str {
    match step {
        Step::Teach => "pieces embedded by the teacher",
        Step::Fit => "steps of the fit",
    }
}

/// The stable shape of what was done.
#[derive(Serialize)]
struct Shape<'a> {
    #[serde(flatten)]
    adapted: &'a Adapted,
    /// The generation with the new vectors; absent where the store had them already.
    generation: Option<&'a regenerating::Shape>,
    /// How long it took to build that and to switch.
    switch_seconds: f64,
    peak_memory_bytes: u64,
}

fn told(shape: &Shape<'_>) -> String {
    let adapted = shape.adapted;
    let (teacher, took) = (&adapted.teacher, &adapted.seconds);
    let (before, after) = (&adapted.agreement_before, &adapted.agreement_after);
    let number = |number: usize| count(number as u64);
    format!(
        "{}\n  \
         fitted to {} pieces of {} chunks with {} ({} embedded now, {} from the journal)\n  \
         of {} pieces that it was not fitted to    before   after\n    \
         cosine to the teacher                 {:>6.3}  {:>6.3}\n    \
         ten nearest that both find            {:>5.1}%  {:>5.1}%\n  \
         choosing {}, teaching {}, fitting {}\n{}",
        adapted.table,
        number(teacher.segments),
        number(teacher.chunks),
        teacher.model,
        number(teacher.made),
        number(teacher.from_journal),
        number(teacher.held_out),
        before.cosine,
        after.cosine,
        before.neighbours * 100.0,
        after.neighbours * 100.0,
        seconds(took.sample),
        seconds(took.teach),
        seconds(took.fit),
        switched(shape),
    )
}

fn switched(shape: &Shape<'_>) -> String {
    let Some(generation) = shape.generation else {
        return "  the store has these vectors already\n".to_owned();
    };
    let chunks: u64 = generation.runs.iter().map(|run| run.chunks.written).sum();
    let now = match generation.switched {
        Some(_) => "answers searches now; `tidegate adapt --undo` goes back",
        None => "does not answer searches yet",
    };
    format!(
        "  {} chunks got its vectors in {}: generation {} {now}\n",
        count(chunks),
        seconds(shape.switch_seconds),
        generation.generation
    )
}

fn back(config: &Config, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let undone = runtime()?.block_on(undo(config))?;
    if global.json {
        let mut out = Out::stdout();
        out.json(&undone)?;
        out.finish()?;
        return Ok(Exit::Done);
    }
    terminal
        .say(&format!("the vectors of {} answer searches again, instead of {}", undone.table, undone.before));
    if undone.switched.differing > 0 {
        let many = count(undone.switched.differing);
        terminal.say(&format!(
            "{many} documents changed since; `tidegate index` on their sources brings them up to date"
        ));
    }
    Ok(Exit::Done)
}

fn write(config: &Config, path: &Path, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let name = export(config, path)?;
    if global.json {
        let mut out = Out::stdout();
        out.json(&serde_json::json!({ "table": name, "path": path }))?;
        out.finish()?;
    } else {
        terminal.say(&format!("{name} is in {}", path.display()));
    }
    Ok(Exit::Done)
}
