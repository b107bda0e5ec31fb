//! One run from start to report: who is started, who waits for whom, and what a stop means.

use std::sync::{Arc, Mutex, PoisonError};

use tidegate_core::counters::StageCounters;
use tidegate_core::report::{Report, RunState};
use tidegate_core::{Advice, Compute, Cx, Fault, FaultKind, Record, Stop, Sweep, Tether, advise};
use tokio::sync::Semaphore;

use crate::book::Settlement;
use crate::commit::{Committer, collect};
use crate::flow::{Flow, Kind, Options, Stage};
use crate::hold::Hold;
use crate::intake::{Intake, fetch};
use crate::monitor::{Monitor, StageView};
use crate::mutant::planted;
use crate::passage::Resequencer;
use crate::queue::{Producer, Queue, Took};
use crate::stop::StopHandle;
use crate::tasks::Tasks;
use crate::window::{Open, Windowing};
use crate::{batch, cpu, each};

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// Its report; figures only the façade knows are still zero.
    pub report: Report,
    /// What it could not go on from, if it did not simply finish.
    pub fault: Option<Fault>,
    /// What removal of vanished items did.
    pub sweep: Sweep,
}

/// What the workers of one stage share.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) cx: Cx,
    pub(crate) input: Arc<Queue>,
    /// Absent for the sink.
    output: Option<Producer>,
    view: StageView,
    /// Later stages first, so that what is nearly done is finished.
    depth: u64,
    pub(crate) book: Arc<Settlement>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) halt: Halt,
}

impl Lane {
    pub(crate) fn counters(&self) -> &StageCounters {
        &self.view.counters
    }

    /// The next records with work to do; `None` once the input has ended. What was put aside meanwhile is dropped.
    ///
    /// # Cancel safety
    /// Nothing is taken unless the future is ready.
    pub(crate) async fn next(&self, most: usize, bytes: u64) -> Option<Vec<Record>> {
        loop {
            let waiting = tokio::time::Instant::now();
            let mut records = self.input.pop(most, bytes, self.view.width).await?;
            self.counters().wait_input.record(waiting.elapsed());
            records.retain(|record| !record.tether().is_failed());
            if !records.is_empty() {
                self.counters().taken.add(records.len() as u64);
                self.counters().busy.add(records.len() as u64);
                return Some(records);
            }
        }
    }

    /// One more record, if one waits and `fits`. What was put aside meanwhile is dropped.
    pub(crate) fn take_one(&self, fits: impl Fn(&Record) -> bool) -> Took {
        loop {
            let took = self.input.take_if(|record| record.tether().is_failed() || fits(record));
            if let Took::One(record) = &took {
                if record.tether().is_failed() {
                    continue;
                }
                self.counters().taken.add(1);
                self.counters().busy.add(1);
            }
            return took;
        }
    }

    /// Hands a record on, waiting for room.
    pub(crate) async fn emit(&self, record: Record) {
        if let Some(output) = &self.output {
            output.push(record, self.counters()).await;
        }
    }

    /// Puts aside whatever `tether` holds, or stops the run if the fault is not a record's. Whoever can try again does
    /// so first; here a fault that should pass leaves the item to the next run.
    pub(crate) fn fail(&self, tether: &Tether, fault: &Fault) {
        match advise(fault) {
            Advice::Quarantine => {
                self.counters().failed.add(1);
                let unit = tether.unit().unwrap_or_default();
                tracing::info!(run = %self.cx.run, stage = %self.view.name, item = unit, class = fault.kind().name(), %fault, "quarantined");
                tether.fail(&self.view.name, fault);
            }
            Advice::Again => tether.pend(),
            // What reports this has no lane that could be held.
            Advice::Hold(_) => {
                tether.pend();
                let doing = format!("{} reported an outage, which it cannot wait out", self.view.name);
                self.halt.stop(&Fault::new(FaultKind::Internal, doing).cause(fault.clone()));
            }
            Advice::StopRun => {
                tether.pend();
                self.halt.stop(fault);
            }
        }
    }

    pub(crate) fn urgency(&self, records: &[Record]) -> u64 {
        let ordinal = records.first().map_or(0, |record| record.ordinal);
        (64u64.saturating_sub(self.depth) << 48) | (ordinal & ((1 << 48) - 1))
    }
}

/// Why and how far the run is to stop.
#[derive(Clone)]
pub(crate) struct Halt {
    stop: StopHandle,
    verdict: Arc<Mutex<Verdict>>,
}

#[derive(Default)]
struct Verdict {
    fault: Option<Fault>,
    state: RunState,
    source_ended: bool,
    sweep: Sweep,
}

impl Halt {
    /// Nothing can go on.
    pub(crate) fn stop(&self, fault: &Fault) {
        self.conclude(
            fault,
            if fault.kind() == FaultKind::Cancelled { RunState::Stopped } else { RunState::Failed },
        );
        self.stop.abort();
    }

    /// A stage was held too long: the others finish what they can.
    pub(crate) fn held_too_long(&self, fault: &Fault) {
        self.conclude(fault, RunState::Stopped);
        self.stop.drain();
    }

    /// The sink was held too long: nothing can be finished.
    pub(crate) fn sink_held_too_long(&self, fault: &Fault) {
        self.conclude(fault, RunState::Stopped);
        self.stop.abort();
    }

    pub(crate) fn source_ended(&self) {
        self.lock().source_ended = true;
    }

    pub(crate) fn swept(&self, sweep: Sweep) {
        let mut verdict = self.lock();
        verdict.sweep.deleted += sweep.deleted;
        verdict.sweep.moved += sweep.moved;
        verdict.sweep.refused += sweep.refused;
        verdict.sweep.known += sweep.known;
    }

    fn conclude(&self, fault: &Fault, state: RunState) {
        let mut verdict = self.lock();
        if verdict.fault.is_none() {
            (verdict.fault, verdict.state) = (Some(fault.clone()), state);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Verdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a flow to its end, or until it is stopped. `monitor` is the flow's own ([`Flow::monitor`]).
///
/// Every task it starts has ended when it returns.
///
/// # Cancel safety
/// Dropping the future stops every task where it stands: like an abort, but without a report.
pub async fn run(flow: Flow, run: Arc<str>, setting: (Arc<dyn Compute>, StopHandle, Arc<Monitor>)) -> Ended {
    let (compute, stop, monitor) = setting;
    let cx = Cx::new(run, compute, stop.subscribe());
    let halt = Halt { stop: stop.clone(), verdict: Arc::default() };
    let book = Settlement::new(flow.options.stage_at, (cx.clone(), monitor.budget().clone()));
    let drain_deadline = flow.options.drain_deadline;
    let shared = Shared { cx: cx.clone(), book: book.clone(), monitor: monitor.clone(), halt: halt.clone() };
    let mut running = start(flow, &shared);
    let Running { workers, committer } = &mut running;
    let worked = async {
        let worked = workers.join().await;
        book.end();
        if worked.is_ok() {
            std::future::pending::<()>().await; // now the committer has the last word
        }
        worked
    };
    let whole = tokio::select! {
        biased;
        () = cut_short(&cx, drain_deadline) => false,
        Err(fault) = worked => {
            halt.stop(&fault);
            false
        }
        committed = committer.join() => {
            let _ = committed.inspect_err(|fault| halt.stop(fault));
            book.has_ended()
        }
    };
    if !whole {
        book.abort();
        running.workers.abort().await;
        running.committer.abort().await;
    }
    conclude(&shared, stop.level())
}

/// Resolves when what is in flight must not be finished: on abort, or when a drain takes too long.
async fn cut_short(cx: &Cx, drain_deadline: std::time::Duration) {
    cx.stopped(Stop::Drain).await;
    tidegate_core::killpoint::hit("engine.drain");
    tokio::select! {
        biased;
        () = cx.stopped(Stop::Abort) => {}
        () = tokio::time::sleep(drain_deadline), if !planted("drains take as long as they like") => {}
        else => std::future::pending().await,
    }
}

fn conclude(shared: &Shared, level: Stop) -> Ended {
    let unsettled = shared.book.unsettled();
    if planted("abort counts as stored") || tidegate_core::killpoint::planted("drain-stored") {
        shared.monitor.stored.add(unsettled);
    } else {
        shared.monitor.pending.add(unsettled);
    }
    let mut verdict = shared.halt.lock();
    let state = match (verdict.fault.is_some(), level) {
        (true, _) => verdict.state,
        (false, Stop::Abort) => RunState::Aborted,
        (false, Stop::Drain) if !verdict.source_ended => RunState::Stopped,
        (false, _) if unsettled > 0 => RunState::Stopped,
        (false, _) => RunState::Done,
    };
    let mut report = shared.monitor.report(&shared.cx.run, state);
    let mut fault = verdict.fault.take();
    report.reason = fault.as_ref().map(ToString::to_string);
    if fault.is_none() && level == Stop::Go && unsettled > 0 {
        report.reason = Some(format!("{unsettled} items changed while they were read; run again"));
    }
    if !report.records.add_up() {
        let mismatch =
            Fault::new(FaultKind::Internal, format!("the accounting does not add up: {:?}", report.records));
        report.reason = Some(mismatch.to_string());
        report.state = RunState::Failed;
        fault = Some(mismatch);
    }
    Ended { report, fault, sweep: verdict.sweep }
}

#[derive(Clone)]
struct Shared {
    cx: Cx,
    book: Arc<Settlement>,
    monitor: Arc<Monitor>,
    halt: Halt,
}

impl Shared {
    fn lane(&self, view: &StageView, depth: usize, (input, output): (&Arc<Queue>, Option<Producer>)) -> Lane {
        Lane {
            cx: self.cx.clone(),
            input: input.clone(),
            output,
            view: view.clone(),
            depth: depth as u64,
            book: self.book.clone(),
            monitor: self.monitor.clone(),
            halt: self.halt.clone(),
        }
    }
}

struct Running {
    workers: Tasks,
    committer: Tasks,
}

/// Builds the queues from the sink backwards and starts every task.
fn start(flow: Flow, shared: &Shared) -> Running {
    let bounds = flow.bounds();
    let Flow { source, stages, sink, ledger, options, fetch_view, sink_view, .. } = flow;
    let mut running = Running { workers: Tasks::default(), committer: Tasks::default() };
    let depth = stages.len() + 1;
    let sink_queue = Queue::new(bounds, sink_view.counters.clone());
    let mut output = sink_queue.producer();
    running.workers.spawn(collect(shared.lane(&sink_view, depth, (&sink_queue, None))));
    let committer = Committer::new(shared.lane(&sink_view, depth, (&sink_queue, None)), sink, &options);
    running.committer.spawn(committer.run());

    let first_window = stages.iter().position(|stage| matches!(stage.kind, Kind::Window(_)));
    let order = first_window.map(|_| Arc::new(Resequencer::default()));
    for (index, stage) in stages.into_iter().enumerate().rev() {
        let queue = Queue::new(bounds, stage.view.counters.clone());
        let next = queue.producer();
        let lane = shared.lane(&stage.view, index + 1, (&queue, Some(output)));
        let order = order.clone().filter(|_| first_window == Some(index));
        spawn_stage(&mut running.workers, lane, (stage, order, &options));
        output = next;
    }
    start_intake(&mut running.workers, shared, (source, ledger, output), (fetch_view, order, &options));
    running
}

fn spawn_stage(
    tasks: &mut Tasks,
    lane: Lane,
    (stage, order, options): (Stage, Option<Arc<Resequencer>>, &Options),
) {
    let hold = Arc::new(Hold::new(&*stage.view.name, options.max_hold));
    let width = stage.view.width;
    match stage.kind {
        Kind::Cpu(stage) => (0..width).for_each(|_| tasks.spawn(cpu::work(lane.clone(), stage.clone()))),
        Kind::Each(stage) => {
            (0..width).for_each(|_| tasks.spawn(each::work(lane.clone(), stage.clone(), hold.clone())));
        }
        Kind::Batch(stage) => {
            let turn = Arc::new(tokio::sync::Mutex::new(()));
            let work =
                |_| tasks.spawn(batch::work(lane.clone(), stage.clone(), (hold.clone(), turn.clone())));
            (0..width).for_each(work);
        }
        Kind::Window(window) => {
            let most_bytes = options.memory / 2;
            tasks.spawn(Windowing { lane, window, order, most_bytes, open: Open::default() }.run());
        }
    }
}

type Ends = (Box<dyn tidegate_core::Source>, Arc<dyn tidegate_core::Ledger>, Producer);

fn start_intake(
    tasks: &mut Tasks,
    shared: &Shared,
    (source, ledger, output): Ends,
    (view, order, options): (StageView, Option<Arc<Resequencer>>, &Options),
) {
    let bounds = crate::queue::Bounds { items: options.queue_items.max(1), bytes: options.queue_bytes };
    let queue = Queue::new(bounds, view.counters.clone());
    let to_fetch = queue.producer();
    let lane = shared.lane(&view, 0, (&queue, Some(output)));
    let hold = Arc::new(Hold::new("fetch", options.max_hold));
    let fetcher = source.fetcher();
    for _ in 0..options.fetches.max(1) {
        tasks.spawn(fetch(lane.clone(), fetcher.clone(), hold.clone()));
    }
    let in_flight = options.in_flight.clamp(1, Semaphore::MAX_PERMITS);
    let intake = Intake {
        source,
        ledger,
        budget: shared.monitor.budget().clone(),
        to_fetch,
        order,
        slots: Arc::new(Semaphore::new(in_flight)),
        hold: Hold::new("source", options.max_hold),
        policy: options.sweep,
        next_ordinal: 0,
        listing: StageCounters::default(),
        lane,
    };
    tasks.spawn(intake.run());
}
