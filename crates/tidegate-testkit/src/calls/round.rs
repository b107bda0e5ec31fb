//! One seed from beginning to end: lives of the process one after another, all on one virtual clock, and a judgement.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_core::Compute;
use tidegate_engine::{Ended, Inline, StopHandle, run};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::books::Books;
use super::check::{self, Case, Inspector};
use super::journal::Shelf;
use super::people::{Visit, visit};
use super::plan::{Plan, Round};
use super::process::{Lasting, Process};
use super::tally::Tally;
use super::traffic::Traffic;
use super::wire::Road;
use super::{script, texts};
use crate::provider::Provider;
use crate::sim::{End, Rng};

/// No life may take longer than this, by the simulated clock.
const LIMIT: Duration = Duration::from_secs(12 * 3_600);
/// How often it is seen whether permits are held for nothing.
const LOOK: Duration = Duration::from_secs(1);

/// What came of a seed.
#[derive(Debug)]
pub struct Finding {
    /// What was drawn.
    pub plan: Arc<Plan>,
    /// What was injected.
    pub tally: Tally,
    /// Simulated milliseconds.
    pub virtual_ms: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// A hash of everything that went over the wire and of every outcome: the same for the same seed.
    pub digest: u64,
    /// Every request in words, if something is wrong.
    pub trace: Vec<String>,
    /// What should not have happened; empty if all is well.
    pub violations: Vec<String>,
}

/// How a life ended.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) life: u32,
    pub(crate) last: bool,
    pub(crate) began: Duration,
    pub(crate) over: Duration,
    /// None: it crashed, or hung.
    pub(crate) ended: Option<Ended>,
    /// Whether it was asked to stop.
    pub(crate) asked: bool,
}

/// Simulates one seed.
///
/// # Panics
/// If the system cannot give a runtime.
#[must_use]
pub fn run_seed(seed: u64) -> Finding {
    let mut rng = Rng::new(seed ^ 0x6A09_E667_F3BC_C908);
    let plan = Arc::new(Plan::draw(&mut rng));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing of the system");
    runtime.block_on(lives(seed, &plan, rng))
}

async fn lives(seed: u64, plan: &Arc<Plan>, mut rng: Rng) -> Finding {
    let began = Instant::now();
    let tally = Arc::new(Mutex::new(Tally::default()));
    let lasting = lasting(seed, plan, (&mut rng, &tally));
    let visits = Arc::default();
    let mut ends = Vec::new();
    for (n, round) in plan.rounds.iter().enumerate() {
        let last = n + 1 == plan.rounds.len();
        if last {
            let heal = |road: &Arc<Road>| {
                let script = script::healed(&plan.lanes[road.lane].script);
                road.heal(Provider::new(script));
            };
            let old: Vec<_> = lasting.roads.iter().map(|road| road.provider().1).collect();
            lasting.roads.iter().for_each(heal);
            lasting.old.lock().unwrap_or_else(PoisonError::into_inner).extend(old);
        }
        lasting.shelf.fail(round.journal);
        let life = u32::try_from(n + 1).unwrap_or(u32::MAX);
        let end = live(&lasting, (round, life, last), (began, &visits)).await;
        ends.push(end);
        if !lasting.books.clean() {
            break;
        }
    }
    let visits: Vec<Visit> = std::mem::take(&mut *visits.lock().unwrap_or_else(PoisonError::into_inner));
    let case = Case::new(&lasting, ends, visits);
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
    case.count(&mut tally);
    let virtual_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut violations = lasting.books.take_violations();
    if violations.is_empty() {
        violations = check::all(&case);
    }
    let (requests, digest) = (case.sent.len() as u64, digest(&case));
    let trace = if violations.is_empty() { Vec::new() } else { case.trace() };
    Finding { plan: plan.clone(), tally, virtual_ms, requests, digest, trace, violations }
}

fn digest(case: &Case<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    case.sent.hash(&mut hasher);
    case.rows.hash(&mut hasher);
    case.visits.iter().for_each(|visit| (visit.asked, visit.ended).hash(&mut hasher));
    hasher.finish()
}

fn lasting(seed: u64, plan: &Arc<Plan>, (rng, tally): (&mut Rng, &Arc<Mutex<Tally>>)) -> Lasting {
    let traffic = Traffic::new();
    let books = Arc::new(Books {
        documents: plan.documents.clone(),
        rows: Mutex::default(),
        violations: Mutex::default(),
        batches: Mutex::default(),
        traffic: traffic.clone(),
        inspect: Inspector::of(plan),
    });
    let road = |(lane, of): (usize, &super::plan::LanePlan)| {
        Arc::new(Road {
            lane,
            traffic: traffic.clone(),
            provider: Mutex::new((0, Provider::new(of.script.clone()))),
            losses: of.losses.clone(),
            dice: Mutex::new(Rng::new(seed ^ ((lane as u64 + 7) << 20))),
            tally: tally.clone(),
        })
    };
    Lasting {
        plan: plan.clone(),
        roads: plan.lanes.iter().enumerate().map(road).collect(),
        old: Mutex::default(),
        shelf: Shelf::new(Rng::new(rng.draw()), tally.clone(), traffic),
        books,
        profiles: texts::profiles(),
        seed,
    }
}

/// Lives one life, until the run and the people in it are done, or it is cut short.
async fn live(
    lasting: &Lasting,
    (round, life, last): (&Round, u32, bool),
    (started, visits): (Instant, &Arc<Mutex<Vec<Visit>>>),
) -> Life {
    let process = Arc::new(Process::start(lasting, life));
    let mut beside = JoinSet::new();
    for person in &round.people {
        let (desk, words) = (process.desks[person.lane].clone(), lasting.plan.words(person.lane));
        beside.spawn(visit(desk, (person.clone(), life), words, (started, visits.clone())));
    }
    let mut looking = JoinSet::new();
    looking.spawn(look(process.clone(), (lasting.books.clone(), lasting.books.traffic.clone())));
    let began = started.elapsed();
    sleep(Duration::from_millis(round.late)).await;
    let (ended, asked) = conduct(lasting, (&process, round.end)).await;
    if ended.is_some() {
        let all = async { while beside.join_next().await.is_some() {} };
        if timeout(LIMIT, all).await.is_err() {
            lasting.books.violation(format!("in life {life} a person waits for ever"));
        }
    }
    let over = started.elapsed();
    beside.shutdown().await;
    looking.shutdown().await;
    sleep(Duration::from_millis(5)).await; // what was aborted is dropped when its turn comes
    at_rest(lasting, &process);
    Life { life, last, began, over, ended, asked }
}

/// Runs the flow and ends it as planned. Nothing if it crashed or hangs; and whether it was asked to stop.
async fn conduct(lasting: &Lasting, (process, end): (&Arc<Process>, End)) -> (Option<Ended>, bool) {
    let flow = process.flow(lasting);
    let monitor = flow.monitor();
    let (stop, asked) = (StopHandle::new(), AtomicBool::new(false));
    let compute: Arc<dyn Compute> = Arc::new(Inline);
    let running = run(flow, "sim".into(), (compute, stop.clone(), monitor));
    let ended = tokio::select! {
        biased;
        ended = running => Some(ended),
        () = intervene(&stop, end, &asked) => None,
        () = sleep(LIMIT) => {
            let life = process.life;
            let views: Vec<_> = process.lanes.iter().map(|lane| lane.view()).collect();
            lasting.books.violation(format!("life {life} hangs ({end:?}): {views:?}"));
            None
        }
    };
    (ended, asked.into_inner())
}

/// Stops the run as planned. Resolves when the process is to die.
async fn intervene(stop: &StopHandle, end: End, asked: &AtomicBool) {
    let ms = Duration::from_millis;
    match end {
        End::Itself => {}
        End::Crash(at) => return sleep(ms(at)).await,
        End::Drain(at) | End::Abort(at) | End::DrainAbort(at, _) => {
            sleep(ms(at)).await;
            asked.store(true, Ordering::Relaxed);
            if matches!(end, End::Abort(_)) {
                stop.abort();
            } else {
                stop.drain();
            }
        }
    }
    if let End::DrainAbort(_, then) = end {
        sleep(ms(then)).await;
        stop.abort();
    }
    std::future::pending::<()>().await;
}

/// Looks whether a lane holds permits for which nothing is on the wire.
async fn look(process: Arc<Process>, (books, traffic): (Arc<Books>, Traffic)) {
    let count = |n: usize| process.lanes[n].view().in_flight.saturating_sub(traffic.open(n));
    let lanes = process.lanes.len();
    loop {
        sleep(LOOK).await;
        for n in (0..lanes).filter(|n| count(*n) > 0) {
            // What was just let in is sent at the same moment.
            sleep(Duration::from_millis(1)).await;
            let before = traffic.tick();
            sleep(Duration::from_millis(40)).await;
            if count(n) > 0 && traffic.tick() == before + 1 {
                let view = process.lanes[n].view();
                books.violation(format!("lane {n} holds permits and sends nothing: {view:?}"));
                return;
            }
        }
    }
}

/// Nothing is held by anybody any more.
fn at_rest(lasting: &Lasting, process: &Process) {
    for (n, lane) in process.lanes.iter().enumerate() {
        let view = lane.view();
        let held =
            (view.in_flight, view.waiting, view.parked, process.in_flight(n), lasting.books.traffic.open(n));
        if held != (0, [0; 3], 0, 0, 0) {
            let life = process.life;
            lasting.books.violation(format!(
                "after life {life} lane {n} still holds permits, places in line, parked, flights, connections: {held:?}"
            ));
        }
    }
}
