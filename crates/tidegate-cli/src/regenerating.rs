//! `tidegate index --regenerate`: the runs that build a generation, one after another, and the switch.

use serde::Serialize;
use tidegate::config::Resolved;
use tidegate::{Finished, JobOptions, Regeneration, Settled, Step, StopHandle, Switched};
use tidegate_core::report::{Report, RunState};
use tidegate_core::{Fault, FaultKind, Stop};
use tidegate_observe::{clean, count, peak_memory_bytes};

use crate::args::Global;
use crate::commands::{generations, parser_child};
use crate::exit::Exit;
use crate::out::Out;
use crate::running::{self, Asked, Signals};
use crate::terminal::Terminal;

/// The stable shape of what was done.
#[derive(Serialize)]
pub struct Shape {
    pub generation: i64,
    /// Whether an earlier run began it.
    pub resumed: bool,
    /// Whether chunks were taken over, so that no source was read.
    pub taken_over: bool,
    pub switched: Option<Switched>,
    /// The reports of its runs, in order.
    pub runs: Vec<Report>,
}

/// Where building ended.
pub enum End {
    Switched(Switched),
    /// Not switched, and why.
    Refused(Fault),
    /// A run did not get to its end.
    Broken(Box<Finished>),
}

/// Builds a generation, or goes on with it, and switches. Sources that were named are brought up to date behind that,
/// if they were not read for it.
pub fn run(resolved: &Resolved, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let runtime = running::runtime()?;
    let (shape, end) = runtime.block_on(async {
        let regeneration = Regeneration::begin(resolved).await?;
        carry_out(regeneration, terminal).await
    })?;
    runtime.shutdown_background();
    if global.json {
        let mut out = Out::stdout();
        out.json(&shape)?;
        out.finish()?;
    }
    let switched = match end {
        End::Switched(switched) => switched,
        End::Refused(fault) => return Err(fault),
        End::Broken(finished) => {
            terminal.say("the new generation is not complete; the same command goes on with it");
            return Ok(running::exit_of((&resolved.config, &finished), None, terminal));
        }
    };
    told(&shape, switched, terminal);
    let config = &resolved.config;
    if shape.taken_over && resolved.names_source() {
        // What changed in the sources meanwhile is a run like any other; its report is in the list of runs.
        return running::run(config, &Asked { json: false, ..Asked::of(global) }, terminal);
    }
    let aside =
        shape.runs.iter().map(|report| report.records.quarantined + report.parts_quarantined).sum::<u64>();
    Ok(if aside > 0 { Exit::Quarantined } else { Exit::Done })
}

/// Runs what a generation consists of, and switches to it; what was done, and where that ended.
pub async fn carry_out(mut regeneration: Regeneration, terminal: &Terminal) -> Result<(Shape, End), Fault> {
    begun(&regeneration, terminal);
    let mut shape = Shape {
        generation: regeneration.generation(),
        resumed: regeneration.resumed(),
        taken_over: regeneration.takes_over(),
        switched: None,
        runs: Vec::new(),
    };
    let end = build(&mut regeneration, &mut shape, terminal).await?;
    Ok((shape, end))
}

fn begun(regeneration: &Regeneration, terminal: &Terminal) {
    let verb = if regeneration.resumed() { "going on with" } else { "building" };
    let how = match regeneration.takes_over() {
        true => "from the chunks in the store",
        false => "from the sources",
    };
    terminal.say(&format!(
        "{verb} generation {} {how}; searches go on with the one that is there",
        regeneration.generation()
    ));
}

async fn build(
    regeneration: &mut Regeneration,
    shape: &mut Shape,
    terminal: &Terminal,
) -> Result<End, Fault> {
    let stop = StopHandle::new();
    let mut signals = Signals::listen()?;
    loop {
        while let Some(step) = regeneration.next_step() {
            let Some(finished) = step_of(regeneration, step, (&stop, &mut signals), terminal).await? else {
                continue;
            };
            shape.runs.push(finished.report.clone());
            let complete = finished.report.state == RunState::Done && finished.report.records.pending == 0;
            if finished.fault.is_some() || !complete || stop.level() > Stop::Go {
                return Ok(End::Broken(Box::new(finished)));
            }
        }
        match regeneration.settle().await? {
            Settled::Again => {}
            Settled::Switched(switched) => {
                shape.switched = Some(switched);
                return Ok(End::Switched(switched));
            }
            Settled::Lacks { lost, known } => {
                return Ok(End::Refused(generations::lacks(regeneration.generation(), (lost, known))));
            }
        }
    }
}

/// One run; `None` for a source that is not there any more and was not named now.
async fn step_of(
    regeneration: &Regeneration,
    step: Step,
    (stop, signals): (&StopHandle, &mut Signals),
    terminal: &Terminal,
) -> Result<Option<Finished>, Fault> {
    let options = JobOptions {
        once: true,
        peak_memory: Some(peak_memory_bytes),
        parser: Some(parser_child::program()?),
        ..JobOptions::default()
    };
    let (given, paths) = (step.is_given(), step.config().source.paths().join(", "));
    let job = match regeneration.open(step, options).await {
        Ok(job) => job,
        Err(fault) if !given && fault.kind() == FaultKind::Config => {
            terminal.say(&format!("{} was indexed before and is left out now: {fault}", clean(&paths)));
            return Ok(None);
        }
        Err(fault) => return Err(fault),
    };
    Ok(Some(running::drive(job, (stop, signals), (terminal, false)).await))
}

fn told(shape: &Shape, switched: Switched, terminal: &Terminal) {
    let stored: u64 = shape.runs.iter().map(|report| report.records.stored).sum();
    let texts: u64 = shape.runs.iter().map(|report| report.embedded.texts).sum();
    let kept: u64 = shape.runs.iter().map(|report| report.embedded.from_journal).sum();
    terminal.say(&format!(
        "stored {} documents; embedded {} chunks, {} were embedded before",
        count(stored),
        count(texts),
        count(kept)
    ));
    let old = switched.from;
    terminal.say(&format!(
        "generation {} answers searches now; generation {old} is kept: `tidegate generations switch {old}` goes back, \
         `tidegate generations drop {old}` frees its room",
        switched.to
    ));
}
