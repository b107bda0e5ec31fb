//! One seed from beginning to end: rounds of the real engine, what is done to it, and what is checked after each.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_core::report::RunState;
use tidegate_core::{Compute, Stop};
use tidegate_engine::{Ended, Flow, Inline, Monitor, StopHandle, Tumbling, run};
use tokio::time::Instant;

use super::check::{self, Stopped};
use super::durable::Durable;
use super::gauge::{Lasting, Sim};
use super::ledger::SimLedger;
use super::plan::{End, Plan, Round};
use super::rng::Rng;
use super::sink::SimSink;
use super::source::SimSource;
use super::stages::{Embed, Look, Split, merge};
use super::tally::Tally;
use super::world::World;

/// No run may take longer than this, by the simulated clock.
const LIMIT: Duration = Duration::from_secs(12 * 3_600);

/// What came of a seed.
#[derive(Debug)]
pub struct Finding {
    /// What was drawn.
    pub plan: Arc<Plan>,
    /// What was injected.
    pub tally: Tally,
    /// Simulated milliseconds.
    pub virtual_ms: u64,
    /// What should not have happened; empty if all is well.
    pub violations: Vec<String>,
}

/// Simulates one seed.
///
/// # Panics
/// If the system cannot give a runtime.
#[must_use]
pub fn run_seed(seed: u64) -> Finding {
    let mut rng = Rng::new(seed);
    let plan = Arc::new(Plan::draw(&mut rng));
    let world = World::draw(&mut rng, &plan);
    let lasting =
        Lasting { world, durable: Durable::default(), rng, tally: Tally::default(), violations: Vec::new() };
    let lasting = Arc::new(Mutex::new(lasting));
    let virtual_ms = AtomicU64::new(0);
    for (index, round) in plan.rounds.iter().enumerate() {
        let last = index + 1 == plan.rounds.len();
        if index > 0 && !last {
            let mut guard = lock(&lasting);
            let lasting = &mut *guard;
            lasting.world.meddle(&mut lasting.rng, (&plan, &mut lasting.tally));
        }
        play((&plan, round, last), &lasting, &virtual_ms);
        let mut guard = lock(&lasting);
        guard.violations.iter_mut().for_each(|text| *text = format!("round {index}: {text}"));
        if !guard.violations.is_empty() {
            break;
        }
    }
    let mut guard = lock(&lasting);
    if guard.violations.is_empty() {
        let found = check::at_the_end(&guard, &plan);
        guard.violations.extend(found);
    }
    let (tally, violations) = (guard.tally.clone(), std::mem::take(&mut guard.violations));
    drop(guard);
    Finding { plan, tally, virtual_ms: virtual_ms.into_inner(), violations }
}

fn lock(lasting: &Mutex<Lasting>) -> MutexGuard<'_, Lasting> {
    lasting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plays one round on a runtime of its own: when that is dropped, whatever the process had in memory is gone.
fn play(
    (plan, round, last): (&Arc<Plan>, &Round, bool),
    lasting: &Arc<Mutex<Lasting>>,
    virtual_ms: &AtomicU64,
) {
    lock(lasting).durable.recover();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing of the system");
    let (ended, monitor) = runtime.block_on(async {
        let began = Instant::now();
        let sim = Arc::new(Sim::new(plan.clone(), (round.faults.clone(), round.endless), lasting.clone()));
        let flow = build(&sim);
        let monitor = flow.monitor();
        let ended = conduct(flow, &sim, (monitor.clone(), round.end, last)).await;
        virtual_ms.fetch_add(began.elapsed().as_millis() as u64, Ordering::Relaxed);
        (ended, monitor)
    });
    drop(runtime);
    let mut guard = lock(lasting);
    let used = monitor.budget().used();
    if used > 0 {
        guard.violations.push(format!("{used} bytes of memory were never given back"));
    }
    if let Some((ended, stopped)) = ended {
        let found = check::after_round(&guard, (&ended, stopped, last), (plan, &monitor));
        guard.violations.extend(found);
        if ended.report.state == RunState::Stopped && ended.fault.is_some() {
            guard.tally.add("held too long");
        }
    }
}

/// The flow of a plan.
fn build(sim: &Arc<Sim>) -> Flow {
    let plan = sim.plan.clone();
    let source = Box::new(SimSource::new(sim.clone()));
    let ledger = Arc::new(SimLedger(sim.clone()));
    let mut flow = Flow::new(source, Box::new(SimSink(sim.clone())), ledger, plan.options.clone())
        .cpu("split", Arc::new(Split(sim.clone())));
    if let Some(width) = plan.each {
        flow = flow.each("each", width, Arc::new(Look(sim.clone())));
    }
    if let Some(linger) = plan.window {
        let merging = sim.clone();
        let mut window = Tumbling::of(3, Arc::new(move |members| merge(&merging, members)));
        if let Some(linger) = linger {
            window = window.linger(linger);
        }
        flow = flow.window("window", Box::new(window));
    }
    if let Some((width, _)) = plan.embed {
        flow = flow.batch("embed", width, Arc::new(Embed { sim: sim.clone(), paying: Arc::default() }));
    }
    flow
}

/// Runs the flow and ends it as planned. `None` if it crashed or hangs.
async fn conduct(
    flow: Flow,
    sim: &Arc<Sim>,
    (monitor, end, last): (Arc<Monitor>, End, bool),
) -> Option<(Ended, Stopped)> {
    let stop = sim.stop.clone();
    let asked = AtomicBool::new(false);
    let compute: Arc<dyn Compute> = Arc::new(Inline);
    let began = Instant::now();
    let deadline = sim.plan.options.drain_deadline;
    let drained_at = Mutex::new(None);
    let running = run(flow, "sim".into(), (compute, stop.clone(), monitor));
    let ended = tokio::select! {
        biased;
        ended = running => Some(ended),
        () = too_late(&stop, (deadline, &drained_at)) => {
            sim.violation("a drain took longer than its deadline".to_owned());
            None
        }
        () = intervene(sim, (end, last), &asked) => {
            sim.tally("ended by crash");
            None
        }
        () = tokio::time::sleep(LIMIT) => {
            sim.violation(format!("the run hangs, {:?} after it began ({end:?})", began.elapsed()));
            None
        }
    };
    let level = stop.level();
    let overdue = drained_at.into_inner().ok().flatten().is_some_and(|at: Instant| at.elapsed() >= deadline);
    let ended = ended?;
    match level {
        Stop::Drain | Stop::Quiet => sim.tally("ended by drain"),
        Stop::Abort => sim.tally("ended by abort"),
        Stop::Go => {}
    }
    Some((ended, Stopped { level, cut: level == Stop::Abort || overdue, asked: asked.into_inner() }))
}

/// Stops the run as planned. Resolves when the process is to die.
async fn intervene(sim: &Sim, (end, last): (End, bool), asked: &AtomicBool) {
    let drain = || {
        asked.store(true, Ordering::Relaxed);
        sim.stop.drain();
    };
    let abort = || {
        asked.store(true, Ordering::Relaxed);
        sim.stop.abort();
    };
    match end {
        End::Itself if sim.endless && last => {
            caught_up(sim).await;
            drain();
        }
        End::Itself if sim.endless => stop_at(3_000, drain).await,
        End::Itself => {}
        End::Drain(at) => stop_at(at, drain).await,
        End::Abort(at) => stop_at(at, abort).await,
        End::DrainAbort(at, then) => {
            stop_at(at, drain).await;
            stop_at(then, abort).await;
        }
        End::Crash(at) => return stop_at(at, || ()).await,
    }
    std::future::pending::<()>().await;
}

/// Resolves when a drain should long be over. Notes when it began.
async fn too_late(stop: &StopHandle, (deadline, drained_at): (Duration, &Mutex<Option<Instant>>)) {
    stop.subscribe().reached(Stop::Drain).await;
    *drained_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    tokio::time::sleep(deadline + Duration::from_millis(50)).await;
}

async fn stop_at(ms: u64, stop: impl FnOnce()) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    stop();
}

/// Waits until an endless run has worked off all there is.
async fn caught_up(sim: &Sim) {
    let settled = || {
        let lasting = sim.lasting();
        let rows = &lasting.durable.rows;
        let there = |key: &String| lasting.world.things.iter().any(|thing| thing.key == *key);
        if !rows.keys().all(there) {
            return false; // what vanished is still to be removed
        }
        lasting
            .world
            .things
            .iter()
            .all(|thing| rows.get(&thing.key).is_some_and(|row| row.version == thing.version()))
    };
    while !settled() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
