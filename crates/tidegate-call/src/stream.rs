//! An answer piece by piece, as it is written.
//!
//! Until its first text a stream is a call like any other and is sent again where it fails. Afterwards somebody has
//! read it: a second answer would begin with other words, so what is cut then stays cut, and says so.

use tidegate_core::{
    Advice, Answer, ContentHash, Fault, FaultKind, Head, Incoming, Listener, Quota, Refusal, RefusalKind,
    StreamCodec, Usage, WireFault, WireFaultKind, advise,
};
use tokio::time::Instant;
use tracing::info;

use crate::attempt::{Try, repeat};
use crate::caller::{Caller, younger};
use crate::halt::Halt;
use crate::lane::{CallCx, Outcome};
use crate::paid::Bought;
use crate::part::Allowance;
use crate::retry::{History, Next};
use crate::timeouts::{Clock, read_whole};
use crate::told::Told;
use crate::treat::Failure;

/// A stream that has ended.
#[derive(Debug, Clone)]
pub struct Streamed<A> {
    /// All text that came.
    pub text: String,
    /// The whole answer. [`FaultKind::Incomplete`] where it was cut after its first text: `text` is what came.
    pub answer: Result<A, Fault>,
    /// What it took.
    pub told: Told,
}

/// Whoever reads along.
type Reader<'a> = &'a mut (dyn FnMut(&str) + Send);

/// How one try of a stream ended.
struct Heard<A> {
    text: String,
    end: Result<(Result<A, Fault>, Usage), Failure>,
    quotas: Vec<Quota>,
}

/// Why a try was not even lost.
enum Unheard {
    Unsendable(Fault),
    Late,
}

impl<C: StreamCodec> Caller<C> {
    /// Answers `item`, handing each piece of text to `on_text` as it comes. An answer that is kept already is
    /// handed over in one piece. Equal streams are not shared: each reader is at another place.
    ///
    /// # Errors
    /// As [`Caller::call`]; never after a text was handed over, except for a fault of the storage that was to keep
    /// the answer.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and gives back the permit. What came so far is not kept; the
    /// service may charge for it.
    pub async fn stream(
        &self,
        item: &C::Item,
        cx: &CallCx,
        on_text: Reader<'_>,
    ) -> Result<Streamed<C::Answer>, Fault> {
        let cx = &*self.timed(cx);
        let mut told = Told::default();
        let key = self.codec.key(item).filter(|_| self.paid.keeps());
        if let Some(answer) = self.kept(key).await? {
            told.from_journal = 1;
            self.lane.counters().from_journal.add(1);
            return Ok(self.whole(answer, told, on_text));
        }
        match self.stream_anew(item, key, cx, (&mut *on_text, &mut told)).await {
            Ok((text, answer)) => Ok(Streamed { text, answer, told }),
            Err(halt) => {
                let mut answers = self.fall_back(std::slice::from_ref(item), cx, halt.fault).await?;
                told.add(&answers.told);
                match answers.results.pop() {
                    Some(Ok(answer)) => Ok(self.whole(answer, told, on_text)),
                    Some(Err(fault)) => Ok(Streamed { text: String::new(), answer: Err(fault), told }),
                    None => Err(Fault::new(FaultKind::Internal, "a caller gave no result to an item")),
                }
            }
        }
    }

    async fn kept(&self, key: Option<ContentHash>) -> Result<Option<C::Answer>, Fault> {
        let Some(key) = key else { return Ok(None) };
        let found = self.paid.lookup(&[key]).await?.pop().flatten();
        let fresh = found.filter(|found| younger(found, self.settings.fresh_for));
        Ok(fresh.map(|found| found.answer))
    }

    fn whole(&self, answer: C::Answer, told: Told, on_text: Reader<'_>) -> Streamed<C::Answer> {
        let text = self.codec.text(&answer).to_owned();
        if !text.is_empty() {
            on_text(&text);
        }
        Streamed { text, answer: Ok(answer), told }
    }

    async fn stream_anew(
        &self,
        item: &C::Item,
        key: Option<ContentHash>,
        cx: &CallCx,
        (on_text, told): (Reader<'_>, &mut Told),
    ) -> Result<(String, Result<C::Answer, Fault>), Halt> {
        let items = std::slice::from_ref(item);
        let charge = self.codec.estimate(items);
        let allowed = Allowance::of(&self.settings, cx.priority, false);
        let mut history = History::new(self.witness.now(), told);
        loop {
            history.tries += 1;
            let this = Try { items, cx, charge, number: history.tries, prior: history.cause() };
            let began = (Instant::now(), told.waited);
            let heard = match self.listen_once(&this, (&mut *on_text, told), &history).await? {
                Ok(heard) => heard,
                Err(Unheard::Late) => return Err(Halt::late()),
                Err(Unheard::Unsendable(fault)) if advise(&fault) == Advice::Quarantine => {
                    return Ok((String::new(), Err(fault)));
                }
                Err(Unheard::Unsendable(fault)) => return Err(Halt::lane(fault)),
            };
            let failure = match heard.end {
                Ok((answer, usage)) => {
                    let answer = self.keep_stream(key, answer, usage, (cx, told)).await?;
                    return Ok((heard.text, answer));
                }
                Err(failure) if !heard.text.is_empty() => return Ok((heard.text, Err(cut(&failure)))),
                Err(failure) => failure,
            };
            history.age += began.0.elapsed().saturating_sub(told.waited - began.1);
            match self.next(&mut history, failure, allowed, (cx, told)).await {
                Next::Again => {}
                Next::Blame => return Ok((String::new(), Err(history.item_fault()))),
                Next::Halt(halt) => return Err(halt),
            }
        }
    }

    /// Waits for a turn and listens once.
    async fn listen_once(
        &self,
        this: &Try<'_, C>,
        (on_text, told): (Reader<'_>, &mut Told),
        history: &History,
    ) -> Result<Result<Heard<C::Answer>, Unheard>, Halt> {
        let admission = self.admission(this, repeat(this.prior));
        let mut ticket = match self.lane.admit(&admission, this.cx).await {
            Ok(ticket) => ticket,
            Err(denied) => {
                return self.denied(denied, history.prior.as_ref()).map(Unheard::Unsendable).map(Err);
            }
        };
        told.waited += ticket.waited();
        let request = match self.codec.encode_stream(&this.items[0]) {
            Ok(request) => request,
            Err(fault) => return Ok(Err(Unheard::Unsendable(fault))),
        };
        ticket.sent();
        told.sent += 1;
        told.retried += u64::from(this.number > 1);
        let mut clock = Clock::start(self.settings.timeouts.total, this.cx.deadline);
        let times = &self.settings.timeouts;
        let sent = self.transport.send(request);
        let mut heard = Heard { text: String::new(), end: Err(Failure::lost(never())), quotas: Vec::new() };
        match clock.within(times.first_byte, WireFaultKind::FirstByteTimeout, sent).await {
            Ok(Ok(incoming)) => self.hear(&this.items[0], incoming, &mut clock, (on_text, &mut heard)).await,
            Ok(Err(fault)) | Err(fault) => heard.end = Err(Failure::lost(fault)),
        }
        let late = this.cx.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if late && heard.text.is_empty() && heard.end.is_err() {
            return Ok(Err(Unheard::Late));
        }
        match &heard.end {
            Ok((_, usage)) => {
                let cost = self.codec.price(usage).unwrap_or_default();
                let quotas = std::mem::take(&mut heard.quotas);
                ticket.settle(Outcome::Answered { usage: Some(*usage), cost, quotas });
            }
            Err(failure) => {
                told.fail(failure);
                self.log_cut(this, failure, &heard.text);
                if !late {
                    ticket.settle(self.outcome(failure, this.prior));
                } // else the lane learns nothing from a reader's own deadline
            }
        }
        self.witness.note(heard.end.is_ok());
        Ok(Ok(heard))
    }

    fn log_cut(&self, this: &Try<'_, C>, failure: &Failure, text: &str) {
        let name = self.lane.name();
        info!(
            provider = %name.provider, model = %name.model, status = failure.status, attempt = this.number,
            why = ?failure.cause, message = %failure.message, text_bytes = text.len(), trace = %this.cx.trace,
            "stream failed"
        );
    }

    /// Reads an answer to its end, whatever that is.
    async fn hear(
        &self,
        item: &C::Item,
        incoming: Incoming,
        clock: &mut Clock,
        (on_text, heard): (Reader<'_>, &mut Heard<C::Answer>),
    ) {
        heard.quotas = self.codec.quota(&incoming.head);
        if !incoming.head.status.is_success() {
            let failure = match read_whole(incoming, &self.settings.timeouts, clock).await {
                Ok(answer) => Failure::refused(self.refusal(item, &answer), heard.quotas.clone()),
                Err(fault) => Failure::lost(fault),
            };
            heard.end = Err(failure);
            return;
        }
        let mut listener = self.codec.listen(item);
        let came = self.listen_to(&mut *listener, incoming, clock, (on_text, &mut heard.text)).await;
        let quotas = || heard.quotas.clone();
        heard.end = match came {
            Ok(()) => match listener.end() {
                Ok(whole) => Ok(whole),
                Err(refusal) => Err(Failure::refused(refusal, quotas())),
            },
            Err(failure) => Err(Failure { quotas: quotas(), ..failure }),
        };
    }

    async fn listen_to(
        &self,
        listener: &mut dyn Listener<C::Answer>,
        mut incoming: Incoming,
        clock: &mut Clock,
        (on_text, text): (Reader<'_>, &mut String),
    ) -> Result<(), Failure> {
        let times = &self.settings.timeouts;
        let mut last_text = Instant::now();
        let mut fresh = String::new();
        loop {
            // Signs of life without text (pings, comments) do not move these times.
            let (limit, kind) = match text.is_empty() {
                true => (times.first_token, WireFaultKind::FirstTokenTimeout),
                false => (times.between_tokens, WireFaultKind::TokenTimeout),
            };
            let left = limit.saturating_sub(last_text.elapsed());
            let piece = clock.within(left, kind, incoming.body.next()).await.map_err(Failure::lost)?;
            let Some(piece) = piece.transpose().map_err(Failure::lost)? else { return Ok(()) };
            let pushed = listener.push(&piece, &mut fresh);
            if !fresh.is_empty() {
                last_text = Instant::now();
                on_text(&fresh);
                text.push_str(&fresh);
                fresh.clear();
            }
            pushed.map_err(|refusal| Failure::refused(refusal, Vec::new()))?;
        }
    }

    /// What an answer without success refuses.
    fn refusal(&self, item: &C::Item, answer: &Answer) -> Refusal {
        match self.codec.decode(std::slice::from_ref(item), answer) {
            Err(refusal) => refusal,
            Ok(_) => no_stream(&answer.head),
        }
    }

    async fn keep_stream(
        &self,
        key: Option<ContentHash>,
        answer: Result<C::Answer, Fault>,
        usage: Usage,
        (cx, told): (&CallCx, &mut Told),
    ) -> Result<Result<C::Answer, Fault>, Halt> {
        let cost = self.codec.price(&usage).unwrap_or_default();
        told.pay(usage, cost);
        let (Some(key), Ok(kept)) = (key, &answer) else { return Ok(answer) };
        let bought = Bought { key, answer: kept.clone(), usage, cost };
        match self.keep(vec![(0, bought)], cx).await?.pop() {
            Some((_, fault)) => Ok(Err(fault)),
            None => Ok(answer),
        }
    }
}

fn no_stream(head: &Head) -> Refusal {
    Refusal {
        kind: RefusalKind::BadResponse,
        status: head.status.as_u16(),
        message: "an answer where a stream was asked for".to_owned(),
        wait: None,
        request_id: None,
        excerpt: bytes::Bytes::new(),
    }
}

/// What a try is before it is made.
fn never() -> WireFault {
    WireFault::new(WireFaultKind::Reset, "nothing came")
}

fn cut(failure: &Failure) -> Fault {
    Fault::new(FaultKind::Incomplete, format!("the answer was cut off: {}", failure.message))
        .hint("ask again for a whole answer")
}
