//! The one loop that sends again.
//!
//! A failure is charged to a record only where the record can be meant: not while the service answers nobody, not
//! for a refusal for want of room. So an outage of any length judges no record, and a record that breaks its
//! request is found although it looks like an outage. Between tries a record holds nothing of its lane.

use std::time::Duration;

use tidegate_core::{Advice, Charge, Codec, Fault, FaultKind, Stop, advise};
use tokio::time::{Instant, sleep_until};

use crate::attempt::{Tried, Try};
use crate::caller::Caller;
use crate::halt::Halt;
use crate::lane::{Admission, CallCx, Denied, Extra, FailureKind, Priority, Ticket};
use crate::mutant::planted;
use crate::part::{Allowance, Part};
use crate::told::Told;
use crate::treat::{Cause, Failure, Remedy, treat};
use crate::witness::{Others, Seen};

/// How long a call that rests may go on resting once its run drains: what comes sooner is worth finishing.
const DRAIN_RESTS: Duration = Duration::from_secs(10);

/// How much shorter a request rests that failed alone, among many that were answered.
const ALONE: u32 = 8;

/// What happened to a request so far.
pub(crate) struct History {
    pub(crate) tries: u32,
    doubted: u32,
    mistrusted: u32,
    pub(crate) prior: Option<Failure>,
    /// The counts when the last try failed, or before the first.
    seen: Seen,
    /// Failures that were this call's own, up to then.
    failures: u64,
    /// When it was first tried.
    began: Instant,
    /// Whether something else was answered after the last failure.
    vouched: bool,
    /// How long it was tried and rested, not counting waits for a turn.
    pub(crate) age: Duration,
}

/// What is done after a failure.
pub(crate) enum Next {
    /// It is sent again; the rest is over.
    Again,
    /// The record, or one of the records, is to blame.
    Blame,
    /// Nothing is sent again.
    Halt(Halt),
}

impl History {
    /// Nothing yet.
    pub(crate) fn new(seen: Seen, told: &Told) -> Self {
        let failures = told.failed + told.throttled;
        let (began, age) = (Instant::now(), Duration::ZERO);
        Self { tries: 0, doubted: 0, mistrusted: 0, prior: None, seen, failures, began, vouched: false, age }
    }

    /// Why the last try failed.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.prior.as_ref().map(|failure| failure.cause)
    }

    /// The fault of the record that is to blame.
    pub(crate) fn item_fault(&self) -> Fault {
        let last = self.prior.as_ref().expect("a record is blamed after a failure, which is kept first");
        last.item_fault(self.tries)
    }

    /// Whether it failed often and for long enough, while nobody else was sent, for the service to be asked
    /// something else.
    fn is_alone(&self, failure: &Failure, others: Others, allowed: Allowance) -> bool {
        let bulk = allowed.tries.is_none();
        let doubtful = treat(failure.cause).1 == Remedy::Doubt && others == Others::Silent;
        bulk && doubtful && self.tries >= allowed.doubted && self.began.elapsed() >= allowed.alone
    }

    /// What a failure leads to.
    fn judge(&mut self, failure: &Failure, others: Others, allowed: Allowance) -> Remedied {
        if !allowed.repeat && failure.may_have_been_served() {
            return Remedied::Record;
        }
        let repeated = self.prior.as_ref().is_some_and(|prior| prior.cause == failure.cause);
        let blamed = match treat(failure.cause).1 {
            Remedy::Part => true,
            Remedy::Stop => return Remedied::Lane,
            Remedy::Once if repeated => return Remedied::Lane,
            Remedy::Wait if planted("429 is charged to the record") => {
                self.doubted += 1;
                self.doubted >= allowed.doubted
            }
            Remedy::Wait | Remedy::Once => false,
            Remedy::Doubt => {
                let outage = planted("outages are charged to the record");
                self.doubted += u32::from(others == Others::Answered || outage);
                self.doubted >= allowed.doubted
            }
            Remedy::Mistrust => {
                self.mistrusted += u32::from(others != Others::Failed);
                self.mistrusted >= allowed.mistrusted
            }
        };
        if blamed {
            return Remedied::Record;
        }
        // Somebody waits, and the service, not the record, keeps failing.
        if allowed.tries.is_some_and(|most| self.tries >= most) { Remedied::Lane } else { Remedied::Neither }
    }
}

/// Whose fault a failure is.
enum Remedied {
    Neither,
    Record,
    Lane,
}

impl<C: Codec> Caller<C> {
    /// Sends `part` until it is answered or somebody is to blame. A part of several that is to blame is given back,
    /// to be sent in halves.
    ///
    /// # Errors
    /// The lane's fault, or this caller's deadline or stop.
    ///
    /// # Cancel safety
    /// As [`Caller::call`].
    pub(crate) async fn retry<'a>(
        &self,
        mut part: Part<'a, C>,
        cx: &CallCx,
        told: &mut Told,
    ) -> Result<Option<Part<'a, C>>, Halt> {
        let charge = self.codec.estimate(part.items);
        let mut history = History::new(self.witness.now(), told);
        loop {
            history.tries += 1;
            let this = Try { items: part.items, cx, charge, number: history.tries, prior: history.cause() };
            let before = (Instant::now(), told.waited);
            match self.try_once(&this, told).await {
                Tried::Good(good) => {
                    self.receive(&mut part, good, cx, told).await?;
                    return Ok(None);
                }
                Tried::Late => return Err(Halt::late()),
                Tried::Unsendable(fault) if advise(&fault) == Advice::Quarantine => {
                    return Ok(blame(part, || fault));
                }
                Tried::Unsendable(fault) => return Err(Halt::lane(fault)),
                Tried::Denied(denied) => {
                    let fault = self.denied(denied, history.prior.as_ref())?;
                    return Ok(blame(part, || fault));
                }
                Tried::Bad(failure) => {
                    history.age += before.0.elapsed().saturating_sub(told.waited - before.1);
                    let allowed = part.allowance(&self.settings, cx.priority);
                    match self.next(&mut history, failure, allowed, (cx, told)).await {
                        Next::Again => {}
                        Next::Halt(halt) => return Err(halt),
                        Next::Blame => return Ok(blame(part, || history.item_fault())),
                    }
                }
            }
        }
    }

    /// Judges a failure and rests before the next try.
    pub(crate) async fn next(
        &self,
        history: &mut History,
        failure: Failure,
        allowed: Allowance,
        (cx, told): (&CallCx, &mut Told),
    ) -> Next {
        let failures = told.failed + told.throttled;
        let own = failures - std::mem::replace(&mut history.failures, failures);
        let others = self.witness.others(history.seen, own);
        let alone = self.witness.is_well(history.seen, own);
        let whose = history.judge(&failure, others, allowed);
        let asks = matches!(whose, Remedied::Neither) && history.is_alone(&failure, others, allowed);
        let failure = history.prior.insert(failure);
        let vouched = std::mem::take(&mut history.vouched);
        if asks {
            match self.answers_anything(cx, told).await {
                // Before this failure and after it: an outage that ends in between has answered only one of them.
                Ok(true) if vouched => return Next::Blame,
                Ok(answered) => history.vouched = answered,
                Err(halt) => return Next::Halt(halt),
            }
            history.failures = told.failed + told.throttled;
        }
        history.seen = self.witness.now();
        match whose {
            Remedied::Record => return Next::Blame,
            Remedied::Lane => return Next::Halt(Halt::lane(self.lane_fault(failure))),
            Remedied::Neither => {}
        }
        let throttled = matches!(treat(failure.cause).0, FailureKind::RateLimited | FailureKind::Overloaded);
        let hint = failure.wait.filter(|_| !planted("retries ignore hints"));
        let mut delay = self.lane.backoff(history.tries, hint, throttled, cx.priority);
        if alone && failure.wait.is_none() {
            delay /= ALONE; // rests are for the service, and it needs none
        }
        history.age += delay;
        if cx.priority == Priority::Bulk && history.age > self.settings.record_time {
            return Next::Halt(Halt::lane(self.too_old(failure)));
        }
        let until = Instant::now() + delay;
        if cx.deadline.is_some_and(|deadline| until >= deadline) {
            // Whatever the rest, there is no time for another try.
            return Next::Halt(Halt::own(self.lane_fault(failure)));
        }
        told.waited += delay;
        self.lane.counters().wait_backoff.record(delay);
        let kept = self.keep_permit(cx).await;
        let rested = rest(until, cx).await;
        drop(kept);
        match rested {
            Ok(()) => Next::Again,
            Err(halt) => Next::Halt(halt),
        }
    }

    /// What a rest must not hold, where that bug is planted.
    async fn keep_permit(&self, cx: &CallCx) -> Option<Ticket> {
        if !planted("a permit is kept while resting") {
            return None;
        }
        let (charge, priority, deadline) = (Charge::default(), cx.priority, cx.deadline);
        let ask = Admission { charge, priority, deadline, extra: Extra::No, cost: None };
        self.lane.admit(&ask, cx).await.ok()
    }

    fn too_old(&self, failure: &Failure) -> Fault {
        let time = match self.settings.record_time.as_secs() {
            seconds @ 0..120 => format!("{seconds} s"),
            seconds => format!("{} min", seconds / 60),
        };
        self.lane_fault(failure).during(format!("trying one request for {time}"))
    }

    /// What it means not to be let in: the record's fault, if it is larger than anything may be.
    pub(crate) fn denied(&self, denied: Denied, prior: Option<&Failure>) -> Result<Fault, Halt> {
        match denied {
            Denied::TooLarge { unit, wanted, most } => {
                let unit = unit.name();
                let fault =
                    Fault::new(FaultKind::TooLarge, format!("needs {wanted} {unit} of a limit of {most}"));
                Ok(fault.hint("split it into smaller pieces, or raise the limit of the provider"))
            }
            Denied::Blocked(fault) | Denied::HeldTooLong(fault) | Denied::Budget(fault) => {
                Err(Halt::lane(fault))
            }
            Denied::Stopped(fault) => Err(Halt::own(fault)),
            Denied::Deadline => Err(Halt::late()),
            Denied::Open(wait) => Err(Halt::lane(
                Fault::new(FaultKind::Unavailable, "the service answers nobody just now")
                    .wait(wait)
                    .hint(format!("try again in {} s", wait.as_secs().max(1))),
            )),
            Denied::NoExtra => Err(Halt::lane(match prior {
                Some(failure) => self.lane_fault(failure),
                None => Fault::new(FaultKind::Unavailable, "too many calls fail for another to be repeated"),
            })),
        }
    }
}

/// A single record gets its fault; several are given back.
fn blame<'a, C: Codec>(part: Part<'a, C>, fault: impl FnOnce() -> Fault) -> Option<Part<'a, C>> {
    match part.mine {
        all if planted("the whole batch is blamed") => {
            let fault = fault();
            all.iter_mut().for_each(|one| one.end(Err(fault.clone())));
            None
        }
        [one] => {
            one.end(Err(fault()));
            None
        }
        _ => Some(part),
    }
}

/// Rests until `until`, unless the run stops. A run that drains by itself sends again what may be sent soon.
///
/// # Cancel safety
/// Safe.
async fn rest(until: Instant, cx: &CallCx) -> Result<(), Halt> {
    let drained = async {
        cx.stopped(Stop::Drain).await;
        if until.saturating_duration_since(Instant::now()) <= DRAIN_RESTS {
            cx.stopped(cx.unsent()).await;
        }
    };
    tokio::select! {
        biased;
        () = drained => Err(Halt::stopped()),
        () = sleep_until(until) => Ok(()),
    }
}
