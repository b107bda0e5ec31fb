//! A good answer is kept before anybody acts on it.

use std::time::Duration;

use tidegate_core::{Advice, Codec, Fault, Stop, Usage, advise, killpoint};
use tokio::time::{Instant, sleep_until};

use crate::attempt::Good;
use crate::caller::Caller;
use crate::halt::Halt;
use crate::lane::CallCx;
use crate::mutant::planted;
use crate::paid::Bought;
use crate::part::Part;
use crate::told::Told;

/// How long storage may let a run wait that drains: a supervisor gives a process about 30 s to end.
const DRAIN_WAITS: Duration = Duration::from_secs(10);

impl<C: Codec> Caller<C> {
    /// Keeps what came for `part`, then gives every item its result.
    ///
    /// # Errors
    /// The storage's fault, if it does not pass in the time that a record has: then what came is lost, and paid.
    ///
    /// # Cancel safety
    /// Dropping the future while the answer is being kept may lose it.
    pub(crate) async fn receive(
        &self,
        part: &mut Part<'_, C>,
        good: Good<C::Answer>,
        cx: &CallCx,
        told: &mut Told,
    ) -> Result<(), Halt> {
        let usage = good.reply.usage.unwrap_or_default();
        told.pay(usage, good.cost);
        let mut answers = good.reply.answers;
        if planted("journal after handing up") {
            part.mine.iter_mut().zip(answers.clone()).for_each(|(mine, answer)| mine.end(answer));
        }
        killpoint::hit("call.keep.before");
        if killpoint::planted("answers-swapped") {
            answers.rotate_left(1);
        }
        if self.paid.keeps() && !killpoint::planted("paid-late") {
            let bought = plant(self.bought(part, &answers, (usage, good.cost)));
            if !bought.is_empty() {
                for (at, fault) in self.keep(bought, cx).await? {
                    answers[at] = Err(fault);
                }
            }
        }
        killpoint::hit("call.keep.after");
        for (mine, answer) in part.mine.iter_mut().zip(answers) {
            mine.end(answer);
        }
        Ok(())
    }

    /// The answers to keep, each with its place and its share of what all of them took.
    fn bought(
        &self,
        part: &Part<'_, C>,
        answers: &[Result<C::Answer, Fault>],
        (usage, cost): (Usage, f64),
    ) -> Vec<(usize, Bought<C::Answer>)> {
        let shares = self.shares(part);
        let mut given = Usage::default();
        let mut bought = Vec::with_capacity(answers.len());
        for (at, (mine, answer)) in part.mine.iter().zip(answers).enumerate() {
            // Shares are cut from the running sum, so that they add up exactly.
            let (from, to) = (shares[at], shares[at + 1]);
            let up_to = Usage {
                input_tokens: share(usage.input_tokens, to),
                cached_tokens: share(usage.cached_tokens, to),
                output_tokens: share(usage.output_tokens, to),
            };
            let own = Usage {
                input_tokens: up_to.input_tokens - given.input_tokens,
                cached_tokens: up_to.cached_tokens - given.cached_tokens,
                output_tokens: up_to.output_tokens - given.output_tokens,
            };
            given = up_to;
            if let (Some(key), Ok(answer)) = (mine.key, answer) {
                let answer = answer.clone();
                bought.push((at, Bought { key, answer, usage: own, cost: cost * (to - from) }));
            }
        }
        bought
    }

    /// Which part of the request lies before each item, and 1 at the end.
    fn shares(&self, part: &Part<'_, C>) -> Vec<f64> {
        if part.items.len() == 1 {
            return vec![0.0, 1.0];
        }
        let weights = part.items.iter().map(|item| {
            let charge = self.codec.estimate(std::slice::from_ref(item));
            (charge.input_tokens + charge.output_tokens).max(1) as f64
        });
        let mut sum = 0.0;
        let mut shares = vec![0.0];
        shares.extend(weights.map(|weight| {
            sum += weight;
            sum
        }));
        shares.iter_mut().for_each(|share| *share /= sum);
        shares
    }

    /// Keeps answers; those that cannot be kept come back with the fault. Paid answers are not thrown away because
    /// a disk is full for a while: storage that asks to be waited for is waited for.
    pub(crate) async fn keep(
        &self,
        bought: Vec<(usize, Bought<C::Answer>)>,
        cx: &CallCx,
    ) -> Result<Vec<(usize, Fault)>, Halt> {
        let all: Vec<_> = bought.iter().map(|(_, bought)| bought.clone()).collect();
        let Some(fault) = self.append(all, cx).await? else { return Ok(Vec::new()) };
        if let [(at, _)] = bought[..] {
            return Ok(vec![(at, fault)]);
        }
        let mut faults = Vec::new();
        for (at, one) in bought {
            faults.extend(self.append(vec![one], cx).await?.map(|fault| (at, fault)));
        }
        Ok(faults)
    }

    async fn append(&self, bought: Vec<Bought<C::Answer>>, cx: &CallCx) -> Result<Option<Fault>, Halt> {
        let started = Instant::now();
        loop {
            let Err(fault) = self.paid.append(&self.settings.model, bought.clone()).await else {
                return Ok(None);
            };
            match advise(&fault) {
                Advice::Quarantine => return Ok(Some(fault)),
                Advice::Hold(wait) if started.elapsed() + wait < self.settings.record_time => {
                    let until = Instant::now() + wait;
                    if cx.deadline.is_some_and(|deadline| until >= deadline) {
                        return Err(Halt::lane(fault));
                    }
                    if !waited(until, cx).await {
                        return Err(Halt::lane(fault));
                    }
                }
                Advice::Hold(_) | Advice::Again | Advice::StopRun => return Err(Halt::lane(fault)),
            }
        }
    }
}

/// Waits until `until` before storage is tried again; whether it is to be. A run that drains keeps what it paid for if
/// that takes no longer than others take to finish. A longer wait it ends at once, with one try more.
async fn waited(until: Instant, cx: &CallCx) -> bool {
    let (soon, drains) = (until.saturating_duration_since(Instant::now()) <= DRAIN_WAITS, cx.stop());
    let ends = if soon { Stop::Abort } else { Stop::Drain };
    if drains >= ends {
        return false;
    }
    tokio::select! {
        biased;
        () = cx.stopped(ends) => cx.stop() < Stop::Abort,
        () = sleep_until(until) => true,
    }
}

/// Bugs that the proof about calls plants; builds without kill points pass everything on as it is.
fn plant<A: Clone>(mut bought: Vec<(usize, Bought<A>)>) -> Vec<(usize, Bought<A>)> {
    if killpoint::planted("paid-shifted") {
        let first = bought.first().map(|(_, first)| first.key);
        for at in 0..bought.len() {
            let next = bought.get(at + 1).map(|(_, next)| next.key).or(first);
            bought[at].1.key = next.unwrap_or(bought[at].1.key);
        }
    }
    if killpoint::planted("paid-first") {
        bought.truncate(1);
    }
    bought
}

fn share(whole: u64, part: f64) -> u64 {
    (whole as f64 * part).round() as u64
}
