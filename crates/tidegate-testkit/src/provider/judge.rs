//! What a request gets. The order of the questions is that of real providers: who are you, what do you want, is it
//! too much, is there room.

use std::time::Duration;

use super::fault::{lay_out, spoil_body};
use super::hints::{tell, told};
use super::limit::{Cost, Denied, Sharer};
use super::log::Answered;
use super::plan::Step;
use super::produce::Draft;
use super::reply::Answer;
use super::request::Request;
use super::rng::Rng;
use super::script::{Act, Hint, OutageKind, Unit};
use super::vector::text_hash;
use super::wire::{Asked, Complaint, Detail, Kind, LimitView, Wire};
use super::world::{Sent, World};

/// The steps of a plan and what the log will say of it.
pub(super) struct Judged {
    pub(super) steps: Vec<Step>,
    pub(super) outcome: Outcome,
}

/// What the log will say of a plan.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    status: u16,
    verdict: &'static str,
    /// Whether the answer is right and all of it is sent.
    right: bool,
    billed: Cost,
    /// How long it asks to wait.
    wait: Option<Duration>,
    /// Whether the log says it already.
    logged: bool,
}

impl Outcome {
    /// Nothing is answered.
    pub(super) fn nothing(verdict: &'static str) -> Self {
        Self { status: 0, verdict, right: false, billed: Cost::default(), wait: None, logged: false }
    }

    /// What is in the log already.
    pub(super) fn logged() -> Self {
        Self { logged: true, ..Self::nothing("") }
    }

    pub(super) fn is_logged(&self) -> bool {
        self.logged
    }

    /// The line of the log.
    pub(super) fn answered(&self, at: Duration, sent: Sent) -> Answered {
        Answered {
            at,
            status: self.status,
            verdict: self.verdict,
            whole: self.right && !sent.left_early,
            left_early: sent.left_early,
            bytes: sent.bytes,
            billed_input: self.billed.input_tokens,
            billed_output: self.billed.output_tokens,
            wait: self.wait,
        }
    }
}

/// A refusal on its way: why, and which wait is told how.
struct Refused {
    complaint: Complaint,
    /// Boxed, because it is rare and every check returns one.
    wait: Option<Box<(Hint, Duration)>>,
}

impl From<Complaint> for Refused {
    fn from(complaint: Complaint) -> Self {
        Self { complaint, wait: None }
    }
}

/// A request that is to be judged.
pub(super) struct Hearing<'a> {
    pub(super) now: Duration,
    pub(super) number: u64,
    pub(super) request: &'a Request,
    pub(super) wire: &'static dyn Wire,
    /// The faults that happen to it.
    pub(super) acts: &'a [&'a Act],
}

/// A request that has passed the questions that need no state.
struct Order<'a> {
    hearing: &'a Hearing<'a>,
    sharer: Sharer,
    asked: &'a Asked,
}

impl World {
    /// Judges a request of which `read` is what it asks for.
    pub(super) fn judge(&self, hearing: &Hearing<'_>, read: Result<Asked, Complaint>) -> Judged {
        let Hearing { now, wire, acts, request, .. } = *hearing;
        if acts.contains(&&Act::ResetBeforeReading) {
            return Judged { steps: vec![Step::Reset], outcome: Outcome::nothing("reset_before_reading") };
        }
        let down = self.script.outages.iter().find(|outage| outage.covers(now)).map(|outage| outage.kind);
        if down == Some(OutageKind::Hang) {
            return Judged { steps: vec![Step::Hang], outcome: Outcome::nothing("outage") };
        }
        let key = wire.key(request);
        let sharer = |model: &str| Sharer {
            key: key.map_or(0, |key| text_hash(key.as_bytes())),
            model: text_hash(model.as_bytes()),
        };
        let passed = match down {
            Some(_) => Err(Complaint::new(Kind::Overloaded).with_status(503).into()),
            None => self.check_key(key, request).and(read.map_err(Refused::from)),
        };
        let model = passed.as_ref().map_or("", |asked| asked.model.as_str());
        let sharer = sharer(model);
        let judged = passed.and_then(|asked| {
            self.check_model(&asked)?;
            self.check_caps(&asked)?;
            self.check_acts(acts)?;
            self.serve(&Order { hearing, sharer, asked: &asked })
        });
        judged.unwrap_or_else(|refused| self.refuse(hearing, sharer, refused))
    }

    fn check_key(&self, key: Option<&str>, request: &Request) -> Result<(), Refused> {
        let cap = self.script.caps.body_bytes.unwrap_or(64 << 20);
        if request.body.len() > cap {
            return Err(Complaint::new(Kind::TooLarge).into());
        }
        let keys = &self.script.keys;
        match key {
            _ if keys.is_empty() => Ok(()),
            Some(key) if keys.iter().any(|known| known == key) => Ok(()),
            Some(_) => Err(Complaint::new(Kind::WrongKey).into()),
            None => Err(Complaint::new(Kind::NoKey).into()),
        }
    }

    fn check_model(&self, asked: &Asked) -> Result<(), Refused> {
        let models = &self.script.models;
        if asked.model.is_empty() || models.is_empty() || models.contains(&asked.model) {
            return Ok(());
        }
        Err(Complaint::new(Kind::NoModel(asked.model.clone())).into())
    }

    fn check_caps(&self, asked: &Asked) -> Result<(), Refused> {
        let caps = &self.script.caps;
        let all = asked.input_tokens();
        let over =
            |got: u64, cap: Option<u64>, usual: u64| Some(cap.unwrap_or(usual)).filter(|cap| got > *cap);
        let kind = match &asked.detail {
            Detail::Embed(embed) => {
                let inputs = asked.texts.len() as u64;
                let longest = asked.texts.iter().map(|text| text.tokens).max().unwrap_or(0);
                let usual = embed.caps;
                let many = over(inputs, caps.inputs, usual.inputs);
                let long = over(longest, caps.tokens_per_input, usual.tokens_per_input);
                let large = over(all, caps.tokens_per_request, usual.tokens_per_request);
                many.map(|cap| Kind::TooManyInputs { got: inputs, cap })
                    .or(long.map(|cap| Kind::InputTooLong { got: longest, cap }))
                    .or(large.map(|cap| Kind::RequestTooLong { got: all, cap }))
            }
            Detail::Chat(chat) => over(all, caps.tokens_per_request, chat.context)
                .map(|cap| Kind::ContextTooLong { got: all, cap }),
            Detail::Rerank(_) | Detail::Models(_) | Detail::Count(_) => None,
        };
        kind.map_or(Ok(()), |kind| Err(Complaint::new(kind).into()))
    }

    /// The faults that are errors in the words of the wire format.
    fn check_acts(&self, acts: &[&Act]) -> Result<(), Refused> {
        for act in acts {
            let second = Duration::from_secs(1);
            let (kind, wait) = match act {
                Act::Status { code, message } => return Err(scripted_status(*code, message.clone()).into()),
                Act::TooMany { hint, wait } => {
                    (Kind::RateLimited(None), Some((hint.clone(), wait.map_or(second, |wait| wait.0))))
                }
                Act::InsufficientQuota => (Kind::Quota, None),
                // The advice is a trap: it is right for a minute's quota and wrong for a day's.
                Act::DailyQuota => (Kind::Daily, Some((Hint::Usual, Duration::from_secs(22)))),
                Act::PaymentRequired => (Kind::Payment, None),
                Act::WrongKey => (Kind::WrongKey, None),
                _ => continue,
            };
            return Err(Refused { complaint: Complaint::new(kind), wait: wait.map(Box::new) });
        }
        Ok(())
    }

    fn check_poison(&self, asked: &Asked) -> Result<(), Refused> {
        for poison in &self.script.poison {
            if asked.texts.iter().any(|text| text.text.contains(&poison.text)) {
                let complaint = Complaint::new(Kind::Poison).with_message(poison.message.clone());
                return Err(complaint.with_status(poison.status.unwrap_or(400)).into());
            }
        }
        Ok(())
    }

    /// Admits the request and lays out its answer.
    fn serve(&self, order: &Order<'_>) -> Result<Judged, Refused> {
        let Order { hearing, asked, sharer } = *order;
        let Hearing { now, number, wire, acts, .. } = *hearing;
        let mut rng = Rng::for_number(self.script.seed, number);
        let mut draft = Draft::new(asked, &self.script, acts, self.epoch + now);
        let inputs = asked.texts.len() as u64;
        let cost = Cost { inputs, input_tokens: asked.input_tokens(), output_tokens: draft.tokens() };
        let slow = |act: &&Act| if let Act::Slow { times } = act { *times } else { 1.0 };
        let drawn = self.script.latency.draw(&mut rng, inputs, cost.input_tokens);
        let latency = drawn.mul_f64(acts.iter().map(slow).product());
        let streaming = draft.streaming(self.script.latency.per_piece.0);
        let latency = self.admit(order, cost, latency, streaming)?;
        let mut answer = draft.write(asked, &self.script, acts, &mut rng);
        let latency = if answer.streamed { latency } else { latency + streaming };
        let mut right = draft.right & spoil_body(&mut answer, acts, wire);
        answer.headers = self.limit_headers(hearing, sharer);
        answer.headers.push(("x-request-id".to_owned(), format!("req_{number:012}")));
        let (steps, arrives) = lay_out(&answer, latency, acts);
        right &= arrives;
        let billed = if acts.contains(&&Act::HangBeforeHeaders) { Cost::default() } else { cost };
        let verdict = if right { "ok" } else { spoiler(acts) };
        Ok(Judged { steps, outcome: Outcome { status: 200, right, billed, ..Outcome::nothing(verdict) } })
    }

    /// Counts the request in the limits and among those being worked on. Returns its latency with the knee in it.
    fn admit(
        &self,
        order: &Order<'_>,
        cost: Cost,
        latency: Duration,
        streaming: Duration,
    ) -> Result<Duration, Refused> {
        let Hearing { now, number, acts, .. } = *order.hearing;
        let state = &mut *self.state();
        let (active, limits) = (&mut state.active, &mut state.limits);
        let busy = |scope| active.sharing(order.sharer, scope);
        limits.admit(now, order.sharer, cost, busy).map_err(|denied| self.denied(denied))?;
        self.check_poison(order.asked)?;
        let stretch = match &self.script.knee {
            Some(knee) => knee.stretch(active.len() + 1).ok_or(Complaint::new(Kind::Overloaded))?,
            None => 1.0,
        };
        let latency = latency.mul_f64(stretch);
        let hangs = acts.iter().any(|act| act.hangs());
        active.begin(number, order.sharer, (!hangs).then(|| now + latency + streaming));
        Ok(latency)
    }

    fn denied(&self, denied: Denied) -> Refused {
        let wait = denied.wait.map(|wait| Box::new((self.script.refusals.hint.clone(), wait)));
        Refused { complaint: Complaint::new(Kind::RateLimited(Some(Box::new(denied)))), wait }
    }

    fn refuse(&self, hearing: &Hearing<'_>, sharer: Sharer, refused: Refused) -> Judged {
        let Hearing { now, wire, .. } = *hearing;
        let Refused { mut complaint, wait } = refused;
        let mut headers = self.limit_headers(hearing, sharer);
        let mut asked = None;
        if let Some((hint, wait)) = wait.map(|boxed| *boxed) {
            asked = told(&hint, wait, wire);
            headers.extend(tell(&hint, wait, self.epoch + now, wire, &mut complaint));
        }
        complaint.status = complaint.status.or_else(|| wire.status(&complaint.kind));
        let status = complaint.status();
        let mut answer = Answer::json(status, wire.complaint(&complaint));
        answer.headers = headers;
        let (steps, _) = lay_out(&answer, Duration::ZERO, &[]);
        let verdict = complaint.name();
        Judged { steps, outcome: Outcome { status, wait: asked, ..Outcome::nothing(verdict) } }
    }

    fn limit_headers(&self, hearing: &Hearing<'_>, sharer: Sharer) -> Vec<(String, String)> {
        let Hearing { now, wire, acts, .. } = *hearing;
        if !self.script.refusals.headers {
            return Vec::new();
        }
        let lie =
            acts.iter().find_map(|act| if let Act::LyingHeaders { lie } = act { Some(*lie) } else { None });
        let limits = &mut self.state().limits;
        let mut left = |unit| limits.left(now, sharer, unit);
        let view = LimitView {
            requests: left(Unit::Requests),
            tokens: left(Unit::Tokens),
            input_tokens: left(Unit::InputTokens),
            output_tokens: left(Unit::OutputTokens),
            lie,
            clock: self.epoch + now,
        };
        wire.limit_headers(&view)
    }
}

/// What the log says went wrong with an answer that was begun.
fn spoiler(acts: &[&Act]) -> &'static str {
    let bystander =
        |act: &&&Act| matches!(act, Act::Slow { .. } | Act::Stall { .. } | Act::LyingHeaders { .. });
    acts.iter().find(|act| !bystander(act)).map_or("spoiled", |act| act.name())
}

fn scripted_status(code: u16, message: Option<String>) -> Complaint {
    let kind = match code {
        400 | 422 => Kind::Poison,
        401 | 403 => Kind::WrongKey,
        402 => Kind::Payment,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited(None),
        503 | 529 => Kind::Overloaded,
        _ => Kind::Status,
    };
    Complaint::new(kind).with_status(code).with_message(message)
}
