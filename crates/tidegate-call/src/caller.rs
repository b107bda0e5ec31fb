//! The call, and the order of everything that happens to it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustc_hash::FxHashMap;
use tidegate_core::{Codec, ContentHash, Fault, Transport};
use tokio::time::Instant;

use crate::fallback::AnyCaller;
use crate::flights::{Flights, Landing, Seat, Seen, Wait};
use crate::halt::Halt;
use crate::lane::{CallCx, Lane, Priority};
use crate::mutant::planted;
use crate::paid::{Found, Paid};
use crate::part::{Mine, Part};
use crate::settings::CallSettings;
use crate::told::{Answers, Told};
use crate::witness::Witness;

/// What a caller is made of.
pub struct Parts<A> {
    /// Limits, breaker, concurrency and priority; shared by all callers of one provider, model and key.
    pub lane: Arc<Lane>,
    /// What carries requests.
    pub transport: Arc<dyn Transport>,
    /// Where answers are kept.
    pub paid: Arc<dyn Paid<A>>,
    /// How calls are made.
    pub settings: CallSettings,
}

/// Calls one service for one kind of work.
pub struct Caller<C: Codec> {
    pub(crate) codec: Arc<C>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) paid: Arc<dyn Paid<C::Answer>>,
    pub(crate) settings: CallSettings,
    pub(crate) fallback: Option<Arc<dyn AnyCaller<C::Item, C::Answer>>>,
    /// What is being asked just now, so that nothing is asked twice at the same time.
    flights: Arc<Flights<C::Answer>>,
    /// Whether others are answered.
    pub(crate) witness: Witness,
}

/// The items of a call, by what is to be done for them.
struct Boarded<A: Clone> {
    results: Vec<Option<Result<A, Fault>>>,
    /// Asked by this call.
    mine: Vec<Mine<A>>,
    /// Being asked by another.
    waits: Vec<(usize, Wait<A>)>,
    /// Equal to an earlier item of the same call.
    same: Vec<(usize, usize)>,
}

impl<C: Codec> Caller<C> {
    /// A caller that has called nobody yet.
    #[must_use]
    pub fn new(codec: Arc<C>, parts: Parts<C::Answer>) -> Self {
        let Parts { lane, transport, paid, settings } = parts;
        Self {
            codec,
            lane,
            transport,
            paid,
            settings,
            fallback: None,
            flights: Arc::default(),
            witness: Witness::default(),
        }
    }

    /// Asks `other` instead when an interactive call finds this one's service answering nobody. Its answers are
    /// kept by `other`, under its own names. Not for embeddings, whose models must not be mixed.
    #[must_use]
    pub fn or_else(mut self, other: Arc<dyn AnyCaller<C::Item, C::Answer>>) -> Self {
        self.fallback = Some(other);
        self
    }

    /// The lane.
    #[must_use]
    pub fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// The codec.
    #[must_use]
    pub fn codec(&self) -> &Arc<C> {
        &self.codec
    }

    /// How many questions are being asked just now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flights.aloft()
    }

    /// Answers `items`: one result per item, in order. A fault in the results is that item's own, and puts no other
    /// item at risk.
    ///
    /// # Errors
    /// A fault that is no item's: of the lane (`Unavailable`, `RateLimited`, `Timeout`, `Blocked`, `Budget`), of
    /// the storage, or the caller's own deadline (`Timeout`) or stop (`Cancelled`). Answers that came for some of
    /// the items meanwhile are kept, so asking again sends only the rest.
    ///
    /// # Cancel safety
    /// Dropping the future gives back its place in line, its permit, and what others wait for: one of them goes on
    /// in its place. Lost is at most what is in flight, which the service may charge for: a request sent and not
    /// yet wholly answered, and an answer that was just being written to the journal.
    pub async fn call(&self, items: &[C::Item], cx: &CallCx) -> Result<Answers<C::Answer>, Fault> {
        self.ask_or_fall_back(items, &self.timed(cx)).await
    }

    /// `cx` with an end, if a person waits.
    pub(crate) fn timed<'a>(&self, cx: &'a CallCx) -> Cow<'a, CallCx> {
        if cx.priority == Priority::Interactive && cx.deadline.is_none() {
            return Cow::Owned(cx.clone().until(Instant::now() + self.settings.interactive_time));
        }
        Cow::Borrowed(cx)
    }

    /// The layers of a call, outermost first, each with the reason why it stands where it does:
    ///
    /// 1. *Single-flight*: before anything that waits or costs. Looking in the journal first would let two equal
    ///    questions both miss and both be sent.
    /// 2. *Journal*: an answer that was paid for needs no permit, no breaker and no budget; it is there in an
    ///    outage.
    /// 3. *Bisection*: outside the retry, because halves are new requests with tries of their own; inside the
    ///    journal, because every good half is kept at once, whatever becomes of the other.
    /// 4. *Retry*: outside breaker and limit, so that every repeat waits in line like any call, and a record that
    ///    rests between tries holds no permit.
    /// 5. *Breaker*, 6. *limit* ([`Lane::admit`] decides both at once): outside the timeout, because waiting for a
    ///    turn is not the service's slowness; breaker first, because a call that is not to be sent must not use up
    ///    quota. A *hedge* is a second pass from here, so that it too is paced.
    /// 7. *Timeout*: around one exchange, reading the body included.
    /// 8. *Codec*: makes the request after the wait, when it is fresh, and reads the whole answer, so that a bad
    ///    answer is a failed try and not a result.
    /// 9. *Transport*: carries bytes once, and repeats nothing.
    ///
    /// On the way back the answer is kept (2) before it is handed up or shared (1).
    pub(crate) async fn ask(&self, items: &[C::Item], cx: &CallCx) -> Result<Answers<C::Answer>, Halt> {
        let mut told = Told::default();
        let mut boarded = self.board(items, cx);
        loop {
            let mine = std::mem::take(&mut boarded.mine);
            if !mine.is_empty() {
                self.lead(items, mine, (cx, &mut told), &mut boarded.results).await?;
            }
            let Some((at, wait)) = boarded.waits.pop() else { break };
            patient(cx, wait.changed()).await?;
            told.shared += boarded.look(at, wait)?;
        }
        for (at, first) in std::mem::take(&mut boarded.same) {
            boarded.results[at] = boarded.results[first].clone();
            told.shared += 1;
        }
        let results = boarded.results.into_iter();
        let results =
            results.map(|it| it.expect("every item is led, waited for, or the same as one that is"));
        Ok(Answers { results: results.collect(), told })
    }

    /// Finds out which items this call asks itself.
    fn board(&self, items: &[C::Item], cx: &CallCx) -> Boarded<C::Answer> {
        let mut boarded = Boarded {
            results: items.iter().map(|_| None).collect(),
            mine: Vec::with_capacity(items.len()),
            waits: Vec::new(),
            same: Vec::new(),
        };
        let mut known: FxHashMap<ContentHash, usize> = FxHashMap::default();
        for (at, item) in items.iter().enumerate() {
            let key = self.codec.key(item);
            let Some(key) = key else {
                boarded.mine.push(Mine { at, key: None, lead: None, result: None });
                continue;
            };
            if items.len() > 1 {
                if let Some(first) = known.get(&key) {
                    boarded.same.push((at, *first));
                    continue;
                }
                known.insert(key, at);
            }
            if tidegate_core::killpoint::planted("flights-apart") {
                boarded.mine.push(Mine { at, key: Some(key), lead: None, result: None });
                continue;
            }
            match self.flights.board(key, cx.priority) {
                Seat::Lead(lead) => {
                    boarded.mine.push(Mine { at, key: Some(key), lead: Some(lead), result: None });
                }
                Seat::Wait(wait) => boarded.waits.push((at, wait)),
            }
        }
        boarded
    }

    /// Answers the items that this call asks itself, from the journal or by sending them.
    async fn lead(
        &self,
        items: &[C::Item],
        mut mine: Vec<Mine<C::Answer>>,
        (cx, told): (&CallCx, &mut Told),
        results: &mut [Option<Result<C::Answer, Fault>>],
    ) -> Result<(), Halt> {
        let mut done = self.recall(&mut mine, told).await;
        // From here on `mine` is in two: what the journal had, and what is to be sent.
        let (had, mut sent): (Vec<_>, Vec<_>) = mine.into_iter().partition(|mine| mine.result.is_some());
        if done.is_ok() && !sent.is_empty() {
            done = self.send_all(items, &mut sent, cx, told).await;
        }
        for mut mine in had.into_iter().chain(sent) {
            if let (Some(lead), Err(Halt { fault, shared: true })) = (mine.lead.take(), &done) {
                lead.land(Landing::Lane(fault.clone()));
            }
            results[mine.at] = mine.result;
        }
        done
    }

    /// Takes from the journal what it has.
    async fn recall(&self, mine: &mut [Mine<C::Answer>], told: &mut Told) -> Result<(), Halt> {
        let keys: Vec<ContentHash> = mine.iter().filter_map(|mine| mine.key).collect();
        if keys.is_empty() || !self.paid.keeps() || tidegate_core::killpoint::planted("paid-forgotten") {
            return Ok(());
        }
        let found = self.paid.lookup(&keys).await.map_err(Halt::lane)?;
        let keyed = mine.iter_mut().filter(|mine| mine.key.is_some());
        for (mine, found) in keyed.zip(found) {
            if let Some(found) = found
                && younger(&found, self.settings.fresh_for)
            {
                mine.end(Ok(found.answer));
                told.from_journal += 1;
                self.lane.counters().from_journal.add(1);
            }
        }
        Ok(())
    }

    /// Sends what is left, in requests as large as the service takes.
    async fn send_all(
        &self,
        items: &[C::Item],
        mut mine: &mut [Mine<C::Answer>],
        cx: &CallCx,
        told: &mut Told,
    ) -> Result<(), Halt> {
        let sent: Cow<'_, [C::Item]> = if mine.len() == items.len() {
            Cow::Borrowed(items) // leads are in the order of the items
        } else {
            Cow::Owned(mine.iter().map(|mine| items[mine.at].clone()).collect())
        };
        let mut rest = &sent[..];
        let mut parts = Vec::with_capacity(1);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(self.fits(rest));
            let (mine_now, mine_later) = mine.split_at_mut(now.len());
            parts.push(Part { items: now, mine: mine_now, piece: false });
            (rest, mine) = (later, mine_later);
        }
        self.bisect(parts, cx, told).await
    }

    /// How many of `items` one request may carry; one at least. Whoever calls groups by the same limits, so this is
    /// for whoever does not.
    fn fits(&self, items: &[C::Item]) -> usize {
        let shape = self.codec.shape();
        let most = if shape.items == 0 { items.len() } else { items.len().min(shape.items) };
        if shape.tokens == 0 || self.codec.estimate(&items[..most]).input_tokens <= shape.tokens {
            return most;
        }
        let mut tokens = 0;
        let fitting = items[..most].iter().take_while(|item| {
            tokens += self.codec.estimate(std::slice::from_ref(*item)).input_tokens;
            tokens <= shape.tokens
        });
        fitting.count().max(1)
    }
}

impl<A: Clone> Boarded<A> {
    /// Looks at a flight that changed. If the lead fell to this call, it looks at all the others too: a leader that
    /// went away usually leaves several, which then go in one request.
    fn look(&mut self, at: usize, wait: Wait<A>) -> Result<u64, Halt> {
        let mut shared = 0;
        let mut led = false;
        let mut next = Some((at, wait));
        let mut rest = Vec::new();
        while let Some((at, wait)) = next {
            match wait.look() {
                Seen::Flying(wait) => rest.push((at, wait)),
                Seen::Landed(Landing::Item(result)) => {
                    self.results[at] = Some(result);
                    shared += 1;
                }
                Seen::Landed(Landing::Lane(fault)) => return Err(Halt::lane(fault)),
                Seen::Lead(lead) => {
                    let key = Some(lead.key());
                    self.mine.push(Mine { at, key, lead: Some(lead), result: None });
                    led = true;
                }
            }
            next = if led { self.waits.pop() } else { None };
        }
        self.waits.append(&mut rest);
        self.mine.sort_by_key(|mine| mine.at);
        Ok(shared)
    }
}

/// Waits for another call's answer, no longer than this one may.
async fn patient(cx: &CallCx, change: impl Future<Output = ()>) -> Result<(), Halt> {
    let late = async {
        match cx.deadline {
            Some(deadline) if !planted("who shares a flight forgets the deadline") => {
                tokio::time::sleep_until(deadline).await;
            }
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = change => Ok(()),
        () = late => Err(Halt::late()),
        () = cx.stopped(tidegate_core::Stop::Abort) => Err(Halt::stopped()),
    }
}

/// Whether a kept answer is at most `age` old. One that does not say counts as fresh.
pub(crate) fn younger<A>(found: &Found<A>, age: Option<Duration>) -> bool {
    let (Some(age), Some(at)) = (age, found.at) else { return true };
    // What a clock ahead of ours wrote is from just now.
    SystemTime::now().duration_since(at).map_or(true, |old| old <= age)
}
