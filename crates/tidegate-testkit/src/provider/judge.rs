//! What a request gets. The order of the questions is that of real providers: who are you, what do you want, is it
//! too much, is there room.

use std::time::Duration;

use super::fault::{lay_out, spoil_body, spoil_rows};
use super::hints::tell;
use super::limit::{Cost, Denied, Sharer};
use super::log::Answered;
use super::plan::Step;
use super::reply::Answer;
use super::request::Request;
use super::rng::Rng;
use super::script::{Act, Hint, OutageKind, Unit};
use super::vector::{text_hash, vector_of};
use super::wire::{Asked, Complaint, Detail, Kind, LimitView, Row, Wire};
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
    /// Whether the answer is right, if it arrives.
    right: bool,
    billed: Cost,
    /// Whether the log says it already.
    logged: bool,
}

impl Outcome {
    /// Nothing is answered.
    pub(super) fn nothing(verdict: &'static str) -> Self {
        Self { status: 0, verdict, right: false, billed: Cost::default(), logged: false }
    }

    /// What is in the log already.
    pub(super) fn logged() -> Self {
        Self { logged: true, ..Self::nothing("") }
    }

    pub(super) fn is_logged(&self) -> bool {
        self.logged
    }

    /// The line of the log.
    pub(super) fn answered(&self, at: Duration, sent: Sent, complete: bool) -> Answered {
        Answered {
            at,
            status: self.status,
            verdict: self.verdict,
            whole: self.right && complete,
            left_early: sent.left_early,
            bytes: sent.bytes,
            billed_input: self.billed.input_tokens,
            billed_output: self.billed.output_tokens,
        }
    }
}

/// A refusal on its way: why, and which wait is told how.
struct Refused {
    complaint: Complaint,
    wait: Option<(Hint, Duration)>,
}

impl From<Complaint> for Refused {
    fn from(complaint: Complaint) -> Self {
        Self { complaint, wait: None }
    }
}

/// A request that has passed the questions that need no state.
struct Order<'a> {
    now: Duration,
    number: u64,
    wire: &'static dyn Wire,
    sharer: Sharer,
    asked: &'a Asked,
    acts: &'a [&'a Act],
}

impl World {
    pub(super) fn judge(
        &self,
        now: Duration,
        number: u64,
        request: &Request,
        wire: &'static dyn Wire,
        read: Result<Asked, Complaint>,
        acts: &[&Act],
    ) -> Judged {
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
            Some(_) => Err(Complaint::new(Kind::Overloaded).into()),
            None => self.check_key(key, request).and(read.map_err(Refused::from)),
        };
        let model = passed.as_ref().map_or("", |asked| asked.model.as_str());
        let sharer = sharer(model);
        let judged = passed.and_then(|asked| {
            self.check_model(&asked)?;
            self.check_caps(&asked, wire)?;
            self.check_acts(acts)?;
            self.serve(&Order { now, number, wire, sharer, asked: &asked, acts })
        });
        judged.unwrap_or_else(|refused| self.refuse(now, refused, wire, sharer, acts))
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

    fn check_caps(&self, asked: &Asked, wire: &dyn Wire) -> Result<(), Refused> {
        let Detail::Embed(_) = &asked.detail;
        let (usual, caps) = (wire.caps(), &self.script.caps);
        let inputs = asked.texts.len() as u64;
        let longest = asked.texts.iter().map(|text| text.tokens).max().unwrap_or(0);
        let all = asked.input_tokens();
        let over = |got: u64, cap: Option<u64>, usual: u64| {
            (got > cap.unwrap_or(usual)).then(|| cap.unwrap_or(usual))
        };
        let kind = if let Some(cap) = over(inputs, caps.inputs, usual.inputs) {
            Kind::TooManyInputs { got: inputs, cap }
        } else if let Some(cap) = over(longest, caps.tokens_per_input, usual.tokens_per_input) {
            Kind::InputTooLong { got: longest, cap }
        } else if let Some(cap) = over(all, caps.tokens_per_request, usual.tokens_per_request) {
            Kind::RequestTooLong { got: all, cap }
        } else {
            return Ok(());
        };
        Err(Complaint::new(kind).into())
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
            return Err(Refused { complaint: Complaint::new(kind), wait });
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
        let mut rng = Rng::for_number(self.script.seed, order.number);
        let mut right = true;
        let (mut answer, output_tokens) = self.produce(order, &mut rng, &mut right);
        let inputs = order.asked.texts.len() as u64;
        let cost = Cost { inputs, input_tokens: order.asked.input_tokens(), output_tokens };
        let slow: f64 =
            order.acts.iter().map(|act| if let Act::Slow { times } = act { *times } else { 1.0 }).product();
        let latency = self.script.latency.draw(&mut rng, inputs, cost.input_tokens).mul_f64(slow);
        let latency = self.admit(order, cost, latency, &answer)?;
        right &= spoil_body(&mut answer, order.acts, order.wire);
        answer.headers = self.limit_headers(order.now, order.sharer, order.wire, order.acts);
        answer.headers.push(("x-request-id".to_owned(), format!("req_{:012}", order.number)));
        let (steps, arrives) = lay_out(answer, latency, order.acts);
        let hangs = order.acts.contains(&&Act::HangBeforeHeaders);
        let billed = if hangs { Cost::default() } else { cost };
        let verdict = if right && arrives { "ok" } else { "spoiled" };
        let outcome = Outcome { status: 200, verdict, right: right && arrives, billed, logged: false };
        Ok(Judged { steps, outcome })
    }

    /// Counts the request in the limits and among those being worked on. Returns its latency with the knee in it.
    fn admit(
        &self,
        order: &Order<'_>,
        cost: Cost,
        latency: Duration,
        answer: &Answer,
    ) -> Result<Duration, Refused> {
        let state = &mut *self.state();
        let (active, limits) = (&mut state.active, &mut state.limits);
        let busy = |scope| active.sharing(order.sharer, scope);
        limits.admit(order.now, order.sharer, cost, busy).map_err(|denied| self.denied(denied))?;
        self.check_poison(order.asked)?;
        let stretch = match &self.script.knee {
            Some(knee) => knee.stretch(active.len() + 1).ok_or(Complaint::new(Kind::Overloaded))?,
            None => 1.0,
        };
        let latency = latency.mul_f64(stretch);
        let hangs = |act: &&&Act| {
            matches!(act, Act::HangBeforeHeaders | Act::HangAfterHeaders | Act::HangMidBody { .. })
        };
        let streaming = answer.gap * (answer.pieces.len() as u32).saturating_sub(1);
        let until = order.acts.iter().find(hangs).is_none().then(|| order.now + latency + streaming);
        active.begin(order.number, order.sharer, until);
        Ok(latency)
    }

    fn denied(&self, denied: Denied) -> Refused {
        let wait = denied.wait.map(|wait| (self.script.refusals.hint.clone(), wait));
        Refused { complaint: Complaint::new(Kind::RateLimited(Some(denied))), wait }
    }

    fn refuse(
        &self,
        now: Duration,
        refused: Refused,
        wire: &dyn Wire,
        sharer: Sharer,
        acts: &[&Act],
    ) -> Judged {
        let Refused { mut complaint, wait } = refused;
        let mut headers = self.limit_headers(now, sharer, wire, acts);
        if let Some((hint, wait)) = wait {
            headers.extend(tell(&hint, wait, self.epoch + now, wire, &mut complaint));
        }
        let status = complaint.status();
        let mut answer = Answer::json(status, wire.complaint(&complaint));
        answer.headers = headers;
        let (steps, _) = lay_out(answer, Duration::ZERO, &[]);
        let verdict = complaint.name();
        Judged { steps, outcome: Outcome { status, ..Outcome::nothing(verdict) } }
    }

    fn limit_headers(
        &self,
        now: Duration,
        sharer: Sharer,
        wire: &dyn Wire,
        acts: &[&Act],
    ) -> Vec<(String, String)> {
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

    /// The answer itself and its tokens.
    fn produce(&self, order: &Order<'_>, rng: &mut Rng, right: &mut bool) -> (Answer, u64) {
        let asked = order.asked;
        let Detail::Embed(embed) = &asked.detail;
        let dimensions = embed.dimensions.unwrap_or(self.script.embedding.dimensions);
        let row = |(n, hash)| Row {
            index: Some(n),
            values: vector_of(hash, &asked.model, dimensions),
            null_at: None,
        };
        let mut rows: Vec<Row> = asked.texts.iter().map(|text| text.hash).enumerate().map(row).collect();
        *right &= spoil_rows(&mut rows, order.acts, order.wire.indexed(), rng);
        (Answer::json(200, order.wire.embeddings(asked, embed, &rows)), 0)
    }
}

fn scripted_status(code: u16, message: Option<String>) -> Complaint {
    let kind = match code {
        401 | 403 => Kind::WrongKey,
        402 => Kind::Payment,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited(None),
        503 | 529 => Kind::Overloaded,
        _ => Kind::Status,
    };
    Complaint::new(kind).with_status(code).with_message(message)
}
