//! One try: breaker and limit, timeout, codec, transport.

use std::time::Duration;

use tidegate_core::{Charge, Codec, Fault, Head, Refusal, RefusalKind, Reply, Usage, WireFaultKind};
use tokio::time::Instant;
use tracing::{debug, info};

use crate::caller::Caller;
use crate::hedge::{Raced, leave, race};
use crate::lane::{Admission, CallCx, Denied, Extra, FailureKind, Outcome, Ticket};
use crate::mutant::planted;
use crate::timeouts::{Clock, exchange};
use crate::told::Told;
use crate::treat::{Cause, Failure, treat};

/// What is tried.
pub(crate) struct Try<'a, C: Codec> {
    /// What is asked.
    pub(crate) items: &'a [C::Item],
    /// Who asks.
    pub(crate) cx: &'a CallCx,
    /// What it will probably count.
    pub(crate) charge: Charge,
    /// Which try it is, from 1.
    pub(crate) number: u32,
    /// Why the one before failed.
    pub(crate) prior: Option<Cause>,
}

/// A good answer and what it cost.
pub(crate) struct Good<A> {
    /// The answer.
    pub(crate) reply: Reply<A>,
    /// What it cost; zero where no price is known.
    pub(crate) cost: f64,
}

/// How a try ended.
pub(crate) enum Tried<A> {
    /// Answered.
    Good(Good<A>),
    /// Sent, and not answered.
    Bad(Failure),
    /// The codec cannot send it.
    Unsendable(Fault),
    /// Not let in.
    Denied(Denied),
    /// The caller's own deadline passed.
    Late,
}

impl<C: Codec> Caller<C> {
    /// Waits for a turn and sends once, or more often where the first is slow and may be hedged.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in line, or the call in flight: its connection is closed.
    pub(crate) async fn try_once(&self, this: &Try<'_, C>, told: &mut Told) -> Tried<C::Answer> {
        let admission = self.admission(this, repeat(this.prior));
        let ticket = match self.lane.admit(&admission, this.cx).await {
            Ok(ticket) => ticket,
            Err(denied) => return Tried::Denied(denied),
        };
        told.waited += ticket.waited();
        let first = self.send(this, ticket);
        let raced = if self.settings.hedge {
            let extra = if planted("a hedge counts as a first try") { Extra::No } else { Extra::Hedge };
            let hedge = &self.admission(this, extra);
            let leave = || {
                leave(
                    || self.lane.hedge_after(),
                    || async move { self.lane.admit(hedge, this.cx).await.ok() },
                )
            };
            let good = |end: &Tried<C::Answer>| matches!(end, Tried::Good(_));
            race(first, leave, |ticket| self.send(this, ticket), good).await
        } else {
            Raced { end: first.await, others: Vec::new(), hedges: 0, hedge_won: false }
        };
        count(&raced, this.number, told);
        if raced.hedge_won && matches!(raced.end, Tried::Good(_)) {
            self.lane.counters().hedge_won.add(1);
        }
        raced.end
    }

    pub(crate) fn admission(&self, this: &Try<'_, C>, extra: Extra) -> Admission {
        let Charge { input_tokens, output_tokens, .. } = this.charge;
        let usage = Usage { input_tokens, cached_tokens: 0, output_tokens };
        Admission {
            charge: this.charge,
            priority: this.cx.priority,
            deadline: this.cx.deadline,
            extra,
            cost: self.codec.price(&usage),
        }
    }

    /// Sends once. The request is made here and not before the wait for a turn: what waits then holds no body, and
    /// what is signed or dated is fresh.
    async fn send(&self, this: &Try<'_, C>, mut ticket: Ticket) -> Tried<C::Answer> {
        let request = match self.codec.encode(this.items) {
            Ok(request) => request,
            Err(fault) => return Tried::Unsendable(fault),
        };
        ticket.sent();
        let started = Instant::now();
        let mut clock = Clock::start(self.settings.timeouts.total, this.cx.deadline);
        let taker = |head: &Head| self.codec.taker(this.items, head);
        let came = exchange(&*self.transport, request, (&self.settings.timeouts, &mut clock), taker).await;
        let late = this.cx.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let (read, quotas) = match came {
            Ok(answer) => {
                let quotas = self.codec.quota(&answer.head);
                let read = self.codec.decode(this.items, &answer);
                let status = answer.head.status.as_u16();
                let read = read.and_then(|reply| complete(reply, this.items.len(), status));
                (read.map_err(|refusal| Failure::refused(refusal, quotas.clone())), quotas)
            }
            // The caller was late, the service was not: the lane learns nothing from that.
            Err(fault) if fault.kind == WireFaultKind::TotalTimeout && late => {
                self.log(this, &Tried::Late, started.elapsed(), ticket.waited());
                return Tried::Late;
            }
            Err(fault) => (Err(Failure::lost(fault)), Vec::new()),
        };
        let waited = ticket.waited();
        let tried = match read {
            Ok(reply) => {
                let cost = reply.usage.as_ref().and_then(|usage| self.codec.price(usage)).unwrap_or_default();
                ticket.settle(Outcome::Answered { usage: reply.usage, cost, quotas });
                if let Some(model) = &reply.model {
                    self.lane.note_model(model);
                }
                Tried::Good(Good { reply, cost })
            }
            Err(failure) => {
                ticket.settle(self.outcome(&failure, this.prior));
                Tried::Bad(failure)
            }
        };
        match &tried {
            Tried::Good(_) => self.witness.note(true),
            // A service that refuses what it was asked is well, and has answered nobody.
            Tried::Bad(failure) if treat(failure.cause).0 == FailureKind::Refused => {}
            _ => self.witness.note(false),
        }
        self.log(this, &tried, started.elapsed(), waited);
        tried
    }

    fn log(&self, this: &Try<'_, C>, tried: &Tried<C::Answer>, latency: Duration, waited: Duration) {
        let name = self.lane.name();
        let (latency_ms, waited_ms) = (millis(latency), millis(waited));
        match tried {
            Tried::Good(good) => {
                let usage = good.reply.usage.unwrap_or_default();
                debug!(
                    provider = %name.provider, model = %name.model, status = 200, attempt = this.number,
                    items = this.items.len(), latency_ms, waited_ms, input_tokens = usage.input_tokens,
                    output_tokens = usage.output_tokens, cost = good.cost, trace = %this.cx.trace,
                    "call answered"
                );
            }
            Tried::Bad(failure) => info!(
                provider = %name.provider, model = %name.model, status = failure.status, attempt = this.number,
                items = this.items.len(), latency_ms, waited_ms, why = ?failure.cause, message = %failure.message,
                hint_ms = failure.wait.map(millis), request_id = failure.request_id, trace = %this.cx.trace,
                "call failed"
            ),
            Tried::Late => info!(
                provider = %name.provider, model = %name.model, attempt = this.number, latency_ms, waited_ms,
                trace = %this.cx.trace, "call given up at its deadline"
            ),
            Tried::Unsendable(_) | Tried::Denied(_) => {}
        }
    }

    /// The fault of the lane that `failure` is.
    pub(crate) fn lane_fault(&self, failure: &Failure) -> Fault {
        failure.lane_fault(&self.settings, self.lane.counters().latency.count() > 0)
    }

    /// What the lane is told of a failure.
    pub(crate) fn outcome(&self, failure: &Failure, prior: Option<Cause>) -> Outcome {
        let (mut kind, _) = treat(failure.cause);
        if failure.cause == Cause::Lost(WireFaultKind::Tls) && prior == Some(failure.cause) {
            kind = FailureKind::Blocked; // a certificate does not get better by asking again
        }
        // What the service refuses of one record says nothing of the others.
        let fault = (kind != FailureKind::Refused).then(|| self.lane_fault(failure));
        Outcome::Failed { kind, wait: failure.wait, quotas: failure.quotas.clone(), fault }
    }
}

/// A codec that brings another number of answers than there are items has misread the answer: no result may be
/// given to the wrong item.
fn complete<A>(reply: Reply<A>, items: usize, status: u16) -> Result<Reply<A>, Refusal> {
    if reply.answers.len() == items {
        return Ok(reply);
    }
    Err(Refusal {
        kind: RefusalKind::BadResponse,
        status,
        message: format!("{} answers to {items} items", reply.answers.len()),
        wait: None,
        request_id: None,
        excerpt: bytes::Bytes::new(),
    })
}

/// What a try is to the budget of extra calls.
pub(crate) fn repeat(prior: Option<Cause>) -> Extra {
    match prior.map(|cause| treat(cause).0) {
        None => Extra::No,
        Some(FailureKind::RateLimited | FailureKind::Overloaded) => Extra::Throttled,
        Some(_) => Extra::Retry,
    }
}

fn count<A>(raced: &Raced<Tried<A>>, number: u32, told: &mut Told) {
    for end in std::iter::once(&raced.end).chain(&raced.others) {
        if let Tried::Bad(failure) = end {
            told.fail(failure);
        }
    }
    if !matches!(raced.end, Tried::Unsendable(_)) {
        told.sent += 1 + raced.hedges;
        told.retried += u64::from(number > 1);
        told.hedged += raced.hedges;
        told.hedges_won += u64::from(raced.hedge_won && matches!(raced.end, Tried::Good(_)));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
