//! One run from start to report: who is started, who waits for whom, and what a stop means.

use std::sync::Arc;

use tidegate_core::counters::StageCounters;
use tidegate_core::report::{Report, RunState};
use tidegate_core::{Compute, Cx, Fault, FaultKind, Stop, StopHandle, Sweep};
use tokio::sync::Semaphore;

use crate::book::Settlement;
use crate::commit::{Committer, collect};
use crate::flow::{Flow, Kind, Options, Stage};
use crate::halt::Halt;
use crate::hold::Hold;
use crate::intake::{Intake, fetch};
use crate::lane::Lane;
use crate::monitor::{Monitor, StageView};
use crate::mutant::planted;
use crate::passage::Resequencer;
use crate::queue::{Producer, Queue};
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
        (false, Stop::Drain | Stop::Quiet) if !verdict.source_ended => RunState::Stopped,
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
