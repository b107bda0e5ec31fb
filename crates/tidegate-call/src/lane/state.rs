//! Everything a lane knows, behind its one lock. Pure: it is told the time and does no waiting itself.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tidegate_core::{Charge, Fault, FaultKind};
use tokio::time::Instant;

use super::admission::{Admission, Denied, Extra, Priority};
use super::breaker::{Breaker, Pass, Stamp};
use super::causes::{Cause, Clocks};
use super::cohort::Mark;
use super::concurrency::Permits;
use super::counters::LaneCounters;
use super::extra::Purse;
use super::gate::Gate;
use super::latency::Latency;
use super::limiter::{Limiter, Needs};
use super::line::{Key, Line, Waiter};
use super::pause::Pause;
use super::settings::LaneSettings;
use super::signals::Signals;
use super::spend::{Reserved, Spend};

/// A drain does not wait longer for a turn: a supervisor gives a process about 30 s to end.
const DRAIN_WAITS: Duration = Duration::from_secs(10);
/// A leader that is later than this is not polled.
const LATE: Duration = Duration::from_millis(50);

/// What a call wants of its lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) charge: Charge,
    pub(super) needs: Needs,
    pub(super) money: Reserved,
    /// Whether it is known to cost nothing.
    pub(super) free: bool,
    pub(super) priority: Priority,
    pub(super) extra: Extra,
    pub(super) deadline: Option<Instant>,
}

/// What a call that was let in holds until it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    pub(super) wish: Wish,
    pub(super) at: Instant,
    pub(super) joined: Instant,
    pub(super) stamp: Stamp,
    pub(super) mark: Mark,
}

/// How an attempt to join ended.
pub(super) enum Joined {
    /// At once.
    In(Grant),
    /// It is in line.
    Waiting(Key),
}

/// What a waiter does next.
pub(super) enum Look {
    /// Its wait ended.
    End(Result<Grant, Denied>),
    /// It waits on.
    Wait {
        /// When to look again: the time of the line for its leader, a little later for others.
        at: Instant,
        /// Whether it leads the line: only then is `at` to be kept.
        leads: bool,
        /// When it gives up.
        deadline: Option<Instant>,
    },
}

/// Everything a lane knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) limiter: Limiter,
    pub(super) pause: Pause,
    pub(super) breaker: Breaker,
    pub(super) permits: Permits,
    pub(super) signals: Signals,
    pub(super) purse: Purse,
    pub(super) latency: Latency,
    pub(super) line: Line,
    pub(super) clocks: Clocks,
    pub(super) blocked: Option<Fault>,
    /// The last reason for which a call failed.
    pub(super) last_fault: Option<Fault>,
    pub(super) counters: Arc<LaneCounters>,
    pub(super) spend: Option<Arc<Spend>>,
    /// Rests of the whole lane since the last answer.
    pub(super) rests: u32,
    /// Who keeps the time for the line, and what it waits for.
    leader: Option<(Key, Instant)>,
    /// To be woken once the lock is free.
    wakes: Vec<Waker>,
    pub(super) max_hold: Duration,
    /// Whether any waiter was told of a drain.
    draining: bool,
}

impl State {
    pub(super) fn new(
        settings: &LaneSettings,
        counters: Arc<LaneCounters>,
        spend: Option<Arc<Spend>>,
        now: Instant,
    ) -> Self {
        Self {
            limiter: Limiter::new(settings, now),
            pause: Pause::default(),
            breaker: Breaker::new(now),
            permits: Permits::new(settings.concurrency),
            signals: Signals::new(now),
            purse: Purse::new(now, settings.repeats_per_minute),
            latency: Latency::new(now),
            line: Line::new(settings.bulk_floor),
            clocks: Clocks::new(now),
            blocked: None,
            last_fault: None,
            counters,
            spend,
            rests: 0,
            leader: None,
            wakes: Vec::new(),
            max_hold: settings.max_hold,
            draining: false,
        }
    }

    /// A call arrives.
    ///
    /// # Errors
    /// It will not be let in.
    pub(super) fn join(&mut self, now: Instant, ask: &Admission) -> Result<Joined, Denied> {
        if let Some(fault) = &self.blocked {
            return Err(Denied::Blocked(fault.clone()));
        }
        let needs = self.limiter.needs(&ask.charge).map_err(|(unit, wanted, most)| Denied::TooLarge {
            unit,
            wanted,
            most,
        })?;
        // A budget believes the larger of the two guesses: it must not be exceeded, a limit may be by a little.
        let corrected = needs[super::limiter::INPUT].saturating_add(needs[super::limiter::OUTPUT]);
        let tokens = corrected.max(ask.charge.input_tokens.saturating_add(ask.charge.output_tokens));
        let wish = Wish {
            charge: ask.charge,
            needs,
            money: Reserved { cost: ask.cost.unwrap_or_default(), tokens },
            free: ask.cost == Some(0.0),
            priority: ask.priority,
            extra: ask.extra,
            deadline: ask.deadline,
        };
        let parked = match self.purse.ready(now, ask.extra) {
            Ok(()) => false,
            Err(_) if ask.priority == Priority::Interactive || ask.extra == Extra::Hedge => {
                return Err(Denied::NoExtra);
            }
            Err(_) => true,
        };
        if !parked && self.line.is_empty() {
            match self.gate(now, &wish) {
                Gate::Open => return Ok(Joined::In(self.enter(now, wish, now))),
                Gate::Shut(denied) => return Err(denied),
                Gate::Wait(..) => {}
            }
        }
        Ok(Joined::Waiting(self.wait(now, wish, parked)))
    }

    fn wait(&mut self, now: Instant, wish: Wish, parked: bool) -> Key {
        let waiter = Waiter {
            wish,
            joined: now,
            mark: self.clocks.mark(now),
            end: None,
            nudged: false,
            waker: None,
            draining: false,
        };
        let key = self.line.join(waiter, parked);
        self.pump(now);
        key
    }

    /// Lets in whoever may go, and finds out who looks again when.
    pub(super) fn pump(&mut self, now: Instant) {
        let mut parked = self.unpark(now);
        let mut blocked = None;
        while let Some(key) = self.head(now) {
            let Some(waiter) = self.line.get(key) else { break };
            let (wish, joined) = (waiter.wish, waiter.joined);
            let paid = self.purse.ready(now, wish.extra).is_ok();
            let end = match self.gate(now, &wish) {
                // Those before it in line have spent what it was let into the line for.
                Gate::Open if !paid && wish.priority == Priority::Bulk && wish.extra != Extra::Hedge => {
                    self.line.park(key);
                    parked = self.unpark(now);
                    continue;
                }
                Gate::Open if !paid => Err(Denied::NoExtra),
                Gate::Open => Ok(self.enter(now, wish, joined)),
                Gate::Shut(denied) => Err(denied),
                Gate::Wait(cause, at) => {
                    blocked = Some((key, cause, at));
                    break;
                }
            };
            self.record_waits(now, key);
            self.finish(key, end);
        }
        self.clocks.run(now, blocked.map(|(_, cause, _)| cause));
        if self.draining {
            self.give_up_drained(now, blocked.map(|(_, cause, at)| (cause, at)));
        }
        let head = blocked.and_then(|(key, _, at)| at.map(|at| (key, at)));
        self.lead(earlier(head, parked));
    }

    /// When the line is looked at again.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        self.leader.map(|(_, at)| at)
    }

    /// What became of `key`, or when it has to look again.
    pub(super) fn look(&mut self, now: Instant, key: Key) -> Look {
        // The leader keeps the time for all. Its task may be one that nobody polls: then any other does it later.
        if self
            .leader
            .is_some_and(|(leader, at)| at + if leader == key { Duration::ZERO } else { LATE } <= now)
        {
            self.pump(now);
        }
        let late = |waiter: &Waiter| waiter.end.is_none() && waiter.wish.deadline.is_some_and(|at| at <= now);
        if self.line.get(key).is_none_or(late) {
            self.leave_line(now, key);
            return Look::End(Err(Denied::Deadline));
        }
        if self.line.get(key).is_some_and(|waiter| waiter.end.is_some()) {
            let end = self.line.remove(key).and_then(|waiter| waiter.end);
            return Look::End(end.unwrap_or(Err(Denied::Deadline)));
        }
        let deadline = self.line.get(key).and_then(|waiter| waiter.wish.deadline);
        let (leads, at) = match self.leader {
            Some((leader, at)) if leader == key => (true, at),
            Some((_, at)) => (false, at + LATE),
            None => (false, now),
        };
        Look::Wait { at: deadline.map_or(at, |deadline| deadline.min(at)), leads, deadline }
    }

    /// Registers `waker`; true if there is something to look at already.
    pub(super) fn listen(&mut self, key: Key, waker: &Waker) -> bool {
        let Some(waiter) = self.line.get_mut(key) else { return true };
        if waiter.end.is_some() || std::mem::take(&mut waiter.nudged) {
            return true;
        }
        match &mut waiter.waker {
            Some(known) if known.will_wake(waker) => {}
            other => *other = Some(waker.clone()),
        }
        false
    }

    /// `key` is told that the run drains.
    pub(super) fn drain(&mut self, now: Instant, key: Key) {
        if let Some(waiter) = self.line.get_mut(key) {
            waiter.draining = true;
            self.draining = true;
        }
        self.pump(now);
    }

    /// The service was seen to answer.
    pub(super) fn vouch(&mut self, now: Instant) {
        self.purse.vouch();
        if !self.breaker.is_closed() {
            self.breaker.heal();
            self.permits.recover();
        }
        self.pump(now);
    }

    /// `key` waits no longer. What it was given meanwhile is given back.
    pub(super) fn leave_line(&mut self, now: Instant, key: Key) {
        if let Some(Waiter { end: Some(Ok(grant)), .. }) = self.line.remove(key) {
            self.give_back(now, &grant);
        }
        self.pump(now);
    }

    /// Ends every wait with `denied`.
    pub(super) fn deny_all(&mut self, denied: &Denied) {
        for key in self.line.keys() {
            self.finish(key, Err(denied.clone()));
        }
    }

    /// Those to be woken, once the lock is free.
    pub(super) fn take_wakes(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakes)
    }

    fn head(&self, now: Instant) -> Option<Key> {
        let passes = !matches!(self.breaker.pass(now), Pass::No(_));
        self.line.head(passes)
    }

    fn enter(&mut self, now: Instant, wish: Wish, joined: Instant) -> Grant {
        self.limiter.take(now, &wish.needs);
        self.purse.spend(wish.extra);
        if let Some(spend) = &self.spend {
            spend.reserve(wish.money);
        }
        Grant { wish, at: now, joined, stamp: self.breaker.enter(), mark: self.permits.enter() }
    }

    /// Lets repeats join the line as far as the budget of extra calls goes; who looks again when, otherwise.
    fn unpark(&mut self, now: Instant) -> Option<(Key, Instant)> {
        while let Some(key) = self.line.first_parked() {
            let waiter = self.line.get(key)?;
            let (extra, joined) = (waiter.wish.extra, waiter.joined);
            if let Err(at) = self.purse.ready(now, extra) {
                return at.map(|at| (key, at));
            }
            self.counters.record_wait(Cause::Extra, now.saturating_duration_since(joined));
            let mark = self.clocks.mark(now);
            if let Some(waiter) = self.line.get_mut(key) {
                waiter.mark = mark;
            }
            self.line.unpark(key);
        }
        None
    }

    fn record_waits(&mut self, now: Instant, key: Key) {
        let clocks = self.clocks.mark(now);
        let Some(waiter) = self.line.get(key) else { return };
        for cause in Cause::ALL {
            let waited = clocks[cause as usize] - waiter.mark[cause as usize];
            if !waited.is_zero() {
                self.counters.record_wait(cause, waited);
            }
        }
    }

    fn give_up_drained(&mut self, now: Instant, blocked: Option<(Cause, Option<Instant>)>) {
        let Some((cause, at)) = blocked else { return };
        let long = at.is_some_and(|at| at.saturating_duration_since(now) > DRAIN_WAITS);
        if !(cause == Cause::Breaker || long) {
            return;
        }
        for key in self.line.keys() {
            if self.line.get(key).is_some_and(|waiter| waiter.draining) {
                let fault =
                    Fault::new(FaultKind::Cancelled, "the run was told to stop while its lane was held");
                self.finish(key, Err(Denied::Stopped(fault)));
            }
        }
    }

    fn finish(&mut self, key: Key, end: Result<Grant, Denied>) {
        self.wakes.extend(self.line.finish(key, end));
    }

    fn lead(&mut self, leader: Option<(Key, Instant)>) {
        if self.leader == leader {
            return;
        }
        self.leader = leader;
        if let Some(waiter) = leader.and_then(|(key, _)| self.line.get_mut(key)) {
            waiter.nudged = true;
            self.wakes.extend(waiter.waker.take());
        }
    }
}

fn earlier(a: Option<(Key, Instant)>, b: Option<(Key, Instant)>) -> Option<(Key, Instant)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.1 < a.1 { b } else { a }),
        (a, b) => a.or(b),
    }
}
