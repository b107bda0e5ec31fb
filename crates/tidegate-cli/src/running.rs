//! Running a pipeline in the foreground: progress, signals, report, exit code.

use std::time::Duration;

use tidegate::config::{self, Config};
use tidegate::services::Services;
use tidegate::{Finished, Job, JobOptions, RetrySelection, RowCount, RowsSoFar, StopHandle, Tape, Watch};
use tidegate_core::report::{RunState, Taken};
use tidegate_core::{Fault, FaultKind, Stop};
use tidegate_observe::{CallsView, Progress, ProgressMode, RowsView, Summary, peak_memory_bytes, summary};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::Global;
use crate::commands;
use crate::exit::Exit;
use crate::out::Out;
use crate::terminal::Terminal;

/// How long a followed folder waits for another run of its pipeline before it looks again.
const PASS_PAUSE: Duration = Duration::from_millis(50);

/// How what is missing is found.
const LOOK: &str = "`tidegate quarantine list` says why, `tidegate quarantine retry` tries them again";

/// What is asked of a run beside its configuration.
#[derive(Debug, Default)]
pub struct Asked {
    /// Print the report as JSON.
    pub json: bool,
    /// Quarantined items to try again.
    pub retry: RetrySelection,
    /// End when what is there is read: follow nothing, neither folders nor growing files.
    pub once: bool,
    /// What it was said to take.
    pub planned: Option<Taken>,
    /// Whether its answers are recorded, or taken from what was.
    pub tape: Tape,
}

impl Asked {
    /// What the global options ask.
    pub fn of(global: &Global) -> Self {
        Self { json: global.json, ..Self::default() }
    }
}

/// What waits for things: one thread, because all that takes long is done by others.
pub fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::new(FaultKind::Unavailable, "the runtime cannot be started").cause(error))
}

/// Runs a pipeline to its end, or follows its folders until a signal, and tells how it went.
pub fn run(config: &Config, asked: &Asked, terminal: &Terminal) -> Result<Exit, Fault> {
    let runtime = runtime()?;
    let watch = if asked.once { None } else { tidegate::watch(config)? };
    let result = runtime.block_on(async {
        let stop = StopHandle::new();
        let mut signals = Signals::listen()?;
        let mut runs = 0;
        let mut aside = 0;
        loop {
            let options = JobOptions {
                retry: asked.retry.clone(),
                watch: watch.as_ref(),
                once: asked.once,
                peak_memory: Some(peak_memory_bytes),
                parser: Some(commands::parser_child::program()?),
                planned: asked.planned,
                tape: asked.tape.clone(),
            };
            let job = match Job::open(config, options).await {
                Ok(job) => job,
                // Between two passes another run may take the pipeline; what changed meanwhile is not missed.
                Err(fault) if runs > 0 && fault.kind() == FaultKind::Guarded => {
                    tokio::select! {
                        () = signals.next() => return Ok(Exit::Done),
                        () = tokio::time::sleep(PASS_PAUSE) => continue,
                    }
                }
                Err(fault) => return Err(fault),
            };
            let finished = drive(job, (&stop, &mut signals), (terminal, runs > 0)).await;
            let over = watch.is_none() || stop.level() > Stop::Go || finished.fault.is_some();
            if watch.is_none() || finished.fault.is_some() || tells_something(&finished, (runs, aside)) {
                tell(config, asked, (&finished, terminal))?;
            }
            if over && reader_gone(config, &finished) {
                return Ok(Exit::ReaderGone);
            }
            if over {
                return Ok(exit_of((config, &finished), watch.as_ref(), terminal));
            }
            if runs == 0 {
                terminal.say("following for changes; Ctrl-C stops");
            }
            runs += 1;
            aside = finished.report.records.quarantined;
        }
    });
    // A compute thread may still hold a job whose result nobody wants; it is not waited for.
    runtime.shutdown_background();
    result
}

/// The first pass of a followed folder is always reported; later passes when they did something, or when more is in
/// quarantine than after the pass before. That the same documents are still there is no news.
fn tells_something(finished: &Finished, (runs, aside): (u64, u64)) -> bool {
    let records = finished.report.records;
    let failed = finished.report.stages.iter().any(|stage| stage.failed > 0);
    runs == 0 || records.stored + records.deleted > 0 || records.quarantined > aside || failed
}

/// Drives a job to its end, showing progress and passing signals on. A job that follows may have no end for days, so
/// what it puts aside is told when it is.
pub async fn drive(
    job: Job,
    (stop, signals): (&StopHandle, &mut Signals),
    (terminal, follows): (&Terminal, bool),
) -> Finished {
    let monitor = job.monitor();
    let mut aside = 0;
    let every = match terminal.progress {
        ProgressMode::Bar => Duration::from_millis(100),
        _ => Duration::from_secs(1),
    };
    let mut progress = Progress::start(job.monitor(), terminal.progress, &terminal.stderr);
    let (services, rows) = (job.services(), job.rows());
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut running = std::pin::pin!(job.run(stop.clone()));
    let finished = loop {
        tokio::select! {
            biased;
            () = signals.next() => stop_further(stop, terminal),
            finished = &mut running => break finished,
            _ = ticks.tick() => {
                progress.set_calls(calls_of(&services));
                progress.set_rows(rows.as_ref().map(rows_of));
                progress.tick();
                let now = monitor.records().quarantined;
                if follows && now > aside {
                    terminal.say("something was put aside; `tidegate quarantine list` says what and why");
                    aside = now;
                }
            }
        }
    };
    progress.finish();
    if stop.level() > Stop::Go && finished.fault.is_none() {
        let unanswered = services.views().into_iter().find_map(|view| Some((view.name, view.failing?)));
        if let Some((name, fault)) = unanswered {
            terminal.say(&tidegate_observe::clean(&format!("{name} answered nobody: {fault}")));
        }
    }
    finished
}

/// How far the rows of a job are.
fn rows_of(rows: &RowCount) -> RowsView {
    let RowsSoFar { read, done, written, aside } = rows.now();
    RowsView { read, done, written, aside }
}

/// How calls stand, where any lane has been used.
fn calls_of(services: &Services) -> Option<CallsView> {
    let views = services.views();
    let waiting = views.iter().find_map(|view| {
        let cause = view.cause?.name();
        Some(match view.blocked.as_ref().or(view.failing.as_ref()) {
            Some(fault) => format!("{}: {fault}", view.name),
            None => format!("{} for {cause}", view.name),
        })
    });
    (!views.is_empty()).then(|| CallsView {
        in_flight: views.iter().map(|view| view.in_flight).sum(),
        waiting,
        cost: services.calls().cost,
    })
}

fn stop_further(stop: &StopHandle, terminal: &Terminal) {
    if stop.level() == Stop::Go {
        terminal.say("stopping: finishing what is in flight; once more stops at once");
        stop.quiet();
    } else {
        stop.abort();
    }
}

/// Prints the report, where the result of the run itself does not go to standard output.
fn tell(config: &Config, asked: &Asked, (finished, terminal): (&Finished, &Terminal)) -> Result<(), Fault> {
    let report = &finished.report;
    if !asked.json && reader_gone(config, finished) {
        return Ok(());
    }
    if asked.json {
        if writes_to_stdout(config) {
            let line = serde_json::to_string(report)
                .map_err(|error| Fault::new(FaultKind::Internal, "the report is not JSON").cause(error))?;
            terminal.stderr.write_lines(&format!("{line}\n"));
            return Ok(());
        }
        let mut out = Out::stdout();
        out.json(report)?;
        return out.finish();
    }
    if let Some(output) = left_out(config) {
        terminal.say(&format!("{output} lies among the inputs; it is the output, and was not read"));
    }
    if report.records.seen == 0 && finished.fault.is_none() {
        terminal.say(&nothing_found(config, finished));
        return Ok(());
    }
    let shown = Summary {
        report,
        sweep: finished.sweep,
        read_bytes: finished.read_bytes,
        left_out: finished.skipped,
        leaving_links: finished.leaving,
        rows: config.map.is_some(),
    };
    terminal.say(summary(shown, terminal.paint_err).trim_end());
    Ok(())
}

/// The output of a job that lies among its inputs.
fn left_out(config: &Config) -> Option<String> {
    match (&config.map, &config.sink) {
        (Some(map), config::Sink::Jsonl(sink)) if map.left_out => {
            Some(tidegate_observe::clean(&sink.path).into_owned())
        }
        _ => None,
    }
}

fn nothing_found(config: &Config, finished: &Finished) -> String {
    let paths = config.source.paths().join(", ");
    let place =
        if paths.is_empty() { "the input".to_owned() } else { tidegate_observe::clean(&paths).into_owned() };
    let left_out = tidegate_observe::left_out(finished.skipped, finished.leaving);
    if config.map.is_some() {
        return no_rows(config, finished, &place);
    }
    match &*left_out {
        "" => format!("nothing to index: no documents in {place}"),
        what => format!("nothing to index: no documents in {place} (left out: {what})"),
    }
}

/// Why a map job had nothing to read.
fn no_rows(config: &Config, finished: &Finished, place: &str) -> String {
    let documents = matches!(config.source, config::Source::Files(_));
    let what = if documents { "document" } else { "row" };
    let left_out = match &*tidegate_observe::left_out(finished.skipped, finished.leaving) {
        left_out if documents && !left_out.is_empty() => format!(" (left out: {left_out})"),
        _ => String::new(),
    };
    let found = match finished.from_first {
        true => format!("nothing to do: there is no {what} in {place}{left_out}"),
        false => format!("nothing to do: every {what} of {place} was read before"),
    };
    match finished.aside {
        0 => found,
        1 => format!("{found}; 1 {what} is in the quarantine, and not in the output ({LOOK})"),
        aside => format!("{found}; {aside} {what}s are in the quarantine, and not in the output ({LOOK})"),
    }
}

fn writes_to_stdout(config: &Config) -> bool {
    const NAMES: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    matches!(&config.sink, config::Sink::Jsonl(sink) if NAMES.contains(&&*sink.path))
}

/// Whether the run ended because nobody reads standard output any more. Whoever closed it has what they wanted, so
/// this is no error to be told.
fn reader_gone(config: &Config, finished: &Finished) -> bool {
    let stopped = finished.report.state == RunState::Stopped && finished.report.records.add_up();
    let cancelled = finished.fault.as_ref().is_some_and(|fault| fault.kind() == FaultKind::Cancelled);
    stopped && cancelled && writes_to_stdout(config)
}

pub fn exit_of((config, finished): (&Config, &Finished), watch: Option<&Watch>, terminal: &Terminal) -> Exit {
    let maps = config.map.is_some();
    if let Some(fault) = &finished.fault {
        let _ = terminal.fail(fault);
    }
    let exit = Exit::of_run(&finished.report, finished.fault.as_ref());
    let drained = finished.report.state == RunState::Stopped && finished.fault.is_none();
    match exit {
        // A followed folder has no end but a signal.
        Exit::Resumable if watch.is_some() && drained && finished.report.records.pending == 0 => Exit::Done,
        // Asked to mirror the source, and did not: whoever runs this unattended must hear of it.
        Exit::Done | Exit::Quarantined if finished.sweep.refused > 0 => Exit::Failed,
        // What an earlier part of the same job put aside is missing from the same output.
        Exit::Done if maps && finished.aside > 0 => Exit::Quarantined,
        exit => exit,
    }
}

/// Interrupt and termination, both of which ask for a stop.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Listened to only so that a limit on the size of files is an error of the write that meets it, and not the end
    /// of the process.
    _too_large: Signal,
}

impl Signals {
    /// Begins to listen.
    pub fn listen() -> Result<Self, Fault> {
        let refused =
            |error| Fault::new(FaultKind::Unavailable, "this system refuses to tell of signals").cause(error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
            _too_large: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
                .map_err(refused)?,
        })
    }

    /// The next of either.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
