//! The provider without sockets and without a clock of its own: requests and times go in, plans come out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::active::Active;
use super::fault::{Facts, matching, matching_unread};
use super::judge::{Hearing, Judged, Outcome};
use super::limit::LimitSet;
use super::log::{Answered, Entry, Log, Seen};
use super::plan::{Plan, Step};
use super::request::Request;
use super::script::{OutageKind, Script};
use super::vector::text_hash;
use super::wire::{Asked, wire_of};

/// A provider as a pure machine. All times are since its start, as [`Duration`]s that never go back.
#[derive(Debug)]
pub struct World {
    pub(super) script: Script,
    /// The provider's time since 1970 at its start.
    pub(super) epoch: Duration,
    pub(super) state: Mutex<State>,
    log: Log,
}

/// What changes from request to request.
#[derive(Debug)]
pub(super) struct State {
    arrived: u64,
    pub(super) limits: LimitSet,
    pub(super) active: Active,
    /// How often requests with the same texts have come; kept only if a rule asks for it.
    tried: HashMap<u64, u32>,
}

/// A request that has begun to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its number, from 1.
    pub number: u64,
    /// Whether it is to be read at all; if not, the connection is reset.
    pub read: bool,
}

/// What became of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Bytes of the body that were sent.
    pub bytes: u64,
    /// Whether the client left before the plan was over.
    pub left_early: bool,
}

impl World {
    /// A provider that plays `script` and writes `log`.
    #[must_use]
    pub fn new(script: Script, log: Log) -> Self {
        let machine = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let epoch = script.epoch.map_or_else(machine, Duration::from_secs);
        let state = State {
            arrived: 0,
            limits: LimitSet::new(&script.limits, script.refusals.count_refused),
            active: Active::default(),
            tried: HashMap::new(),
        };
        Self { script, epoch, state: Mutex::new(state), log }
    }

    /// What it plays.
    #[must_use]
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// What was asked and answered.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The outage at `now` that nobody even listens in, and when it ends.
    #[must_use]
    pub fn refusing_until(&self, now: Duration) -> Option<Duration> {
        let refuses = |kind| kind == OutageKind::Refuse;
        self.script.outages.iter().find(|o| refuses(o.kind) && o.covers(now)).map(|outage| outage.to.0)
    }

    /// How long it is from `now` until nobody listens next.
    #[must_use]
    pub fn next_refusal(&self, now: Duration) -> Option<Duration> {
        let refusing = self.script.outages.iter().filter(|outage| outage.kind == OutageKind::Refuse);
        refusing.map(|outage| outage.from.0).filter(|from| *from > now).min().map(|from| from - now)
    }

    /// A request begins to arrive: it gets its number, and its connection may be reset before it is read. If it is
    /// not to be read, it is logged here, and neither [`answer`](Self::answer) nor [`finish`](Self::finish) follow.
    pub fn arrive(&self, now: Duration) -> Arrival {
        let number = {
            let mut state = self.state();
            state.arrived += 1;
            state.arrived
        };
        let down = |kind| matches!(kind, OutageKind::Reset | OutageKind::Refuse);
        let outage = self.script.outages.iter().any(|outage| down(outage.kind) && outage.covers(now));
        let read = !outage && !matching_unread(&self.script, number, now);
        if !read {
            self.log.received(entry(number, now, 0, None, None));
            let verdict = if outage { "outage" } else { "reset_before_reading" };
            let outcome = Outcome::nothing(verdict);
            self.log.answered(number, outcome.answered(now, Sent { bytes: 0, left_early: false }));
        }
        Arrival { number, read }
    }

    /// What happens to a request that has been read. It is logged as received.
    pub fn answer(&self, now: Duration, arrival: Arrival, request: &Request) -> Plan {
        let wire = wire_of(request);
        let read = wire.read(request, &self.script);
        let asked = read.as_ref().ok();
        let (busy, tried) = self.meet(now, request, asked);
        let facts = Facts { number: arrival.number, now, request, asked, tried };
        let acts = matching(&self.script, &facts);
        let operation = asked.map(|asked| format!("{} {}", wire.name(), asked.operation));
        let key = wire.key(request).map_or(0, |key| text_hash(key.as_bytes()));
        let mut entry = entry(arrival.number, now, busy, asked, operation);
        entry.key = key;
        entry.acts = acts.iter().map(|act| act.name()).collect();
        self.log.received(entry);
        let hearing = Hearing { now, number: arrival.number, request, wire, acts: &acts };
        let Judged { steps, outcome } = self.judge(&hearing, read);
        Plan { number: arrival.number, steps, outcome }
    }

    /// [`arrive`](Self::arrive) and [`answer`](Self::answer) in one.
    pub fn handle(&self, now: Duration, request: &Request) -> Plan {
        let arrival = self.arrive(now);
        if arrival.read {
            return self.answer(now, arrival, request);
        }
        Plan { number: arrival.number, steps: vec![Step::Reset], outcome: Outcome::logged() }
    }

    /// A plan is over, or its client has left. It is logged as answered.
    pub fn finish(&self, now: Duration, plan: &Plan, sent: Sent) {
        if plan.outcome.is_logged() {
            return;
        }
        self.state().active.leave(plan.number);
        self.log.answered(plan.number, plan.outcome.answered(now, sent));
    }

    /// Counts a request that has come: how many others are being worked on, and how often its texts were tried.
    fn meet(&self, now: Duration, request: &Request, asked: Option<&Asked>) -> (u64, u32) {
        let mut state = self.state();
        state.active.advance(now);
        let busy = state.active.len() as u64;
        if self.script.faults.iter().all(|fault| fault.when.tries.is_none()) {
            return (busy, 1);
        }
        let texts = asked.into_iter().flat_map(|asked| &asked.texts);
        let mut signature = text_hash(request.path().as_bytes());
        for text in texts {
            signature = (signature ^ text.hash).wrapping_mul(0x100_0000_01b3).rotate_left(17);
        }
        let tried = state.tried.entry(signature).or_insert(0);
        *tried += 1;
        (busy, *tried)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(number: u64, at: Duration, busy: u64, asked: Option<&Asked>, operation: Option<String>) -> Entry {
    let texts = asked.into_iter().flat_map(|asked| &asked.texts);
    Entry {
        number,
        at,
        operation: operation.unwrap_or_default(),
        model: asked.map(|asked| asked.model.clone()).unwrap_or_default(),
        key: 0,
        texts: texts.map(|text| Seen { hash: text.hash, tokens: text.tokens }).collect(),
        busy,
        acts: Vec::new(),
        answered: None::<Answered>,
    }
}
