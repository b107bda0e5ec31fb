//! `tidegate adapt`.

use std::path::Path;

use serde::Serialize;
use tidegate::adapt::{AdaptOptions, Adapted, Step, adapt, export};
use tidegate::config::{self, Config, Overrides};
use tidegate_core::Fault;
use tidegate_observe::{Counting, count, peak_memory_bytes};

use crate::adapt_args::AdaptArgs;
use crate::args::Global;
use crate::exit::Exit;
use crate::out::Out;
use crate::running::runtime;
use crate::terminal::Terminal;

/// Fits the table inside the program to a store, and says what that changed.
pub fn run(args: &AdaptArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides { store: global.store.clone(), ..Overrides::default() };
    let config = config::load(global.config.as_deref(), overrides)?.config;
    match &args.export {
        Some(path) => write(&config, path, (global, terminal)),
        None => fit(&config, args, (global, terminal)),
    }
}

fn fit(config: &Config, args: &AdaptArgs, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let options = AdaptOptions { teacher: args.teacher.clone(), segments: args.sample, seed: args.seed };
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
    let adapted = runtime()?.block_on(adapt(config, &options, &mut watch));
    drop(shown);
    let adapted = adapted?;
    let mut out = Out::stdout();
    if global.json {
        out.json(&Shape { adapted: &adapted, peak_memory_bytes: peak_memory_bytes() })?;
    } else {
        out.text(&told(&adapted))?;
    }
    out.finish()?;
    Ok(Exit::Done)
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
    peak_memory_bytes: u64,
}

fn told(adapted: &Adapted) -> String {
    let (teacher, seconds) = (&adapted.teacher, &adapted.seconds);
    let (before, after) = (&adapted.agreement_before, &adapted.agreement_after);
    let is = if adapted.unchanged { ", which the store has already" } else { "" };
    let number = |number: usize| count(number as u64);
    format!(
        "{}{is}\n  \
         fitted to {} pieces of {} chunks with {} ({} embedded now, {} from the journal)\n  \
         of {} pieces that it was not fitted to    before   after\n    \
         cosine to the teacher                 {:>6.3}  {:>6.3}\n    \
         ten nearest that both find            {:>5.1}%  {:>5.1}%\n  \
         {:.1} s choosing, {:.1} s teaching, {:.1} s fitting\n",
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
        seconds.sample,
        seconds.teach,
        seconds.fit,
    )
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
