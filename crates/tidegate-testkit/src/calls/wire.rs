//! A network in memory: carries requests of the call layer to a scripted provider, and loses some on the way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use tidegate_core::{Head, HttpRequest, Incoming, Pieces, Transport, WireFault, WireFaultKind};

use super::plan::{Loss, Losses};
use super::script::EPOCH;
use super::tally::Tally;
use super::traffic::{How, Pending, Traffic};
use crate::provider::{Exchange, Failure, Provider, Request, text_hash};
use crate::sim::Rng;

/// The largest body that is read, like the limit of a real client.
const MOST: usize = 1 << 20;
/// The longest wait that anybody takes seriously, in seconds.
const DAY: f64 = 86_400.0;
/// How long connecting is tried.
const CONNECTING: Duration = Duration::from_secs(5);

/// The way to one provider, which outlives the processes that use it.
pub(crate) struct Road {
    pub(crate) lane: usize,
    pub(crate) traffic: Traffic,
    pub(crate) provider: Mutex<(u32, Provider)>,
    pub(crate) losses: Losses,
    pub(crate) dice: Mutex<Rng>,
    pub(crate) tally: Arc<Mutex<Tally>>,
}

/// The same as one process sees it.
pub(crate) struct Wire {
    pub(crate) road: Arc<Road>,
    pub(crate) life: u32,
}

impl Road {
    /// From now on another provider answers: the old one was repaired.
    pub(crate) fn heal(&self, provider: Provider) {
        let mut known = self.provider.lock().unwrap_or_else(PoisonError::into_inner);
        *known = (known.0 + 1, provider);
    }

    pub(crate) fn provider(&self) -> (u32, Provider) {
        self.provider.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happens to a connection that is made now.
    fn loss(&self) -> Option<Loss> {
        let now = self.traffic.now();
        if self.provider().0 > 0 {
            return None;
        }
        let hit = self.losses.iter().find(|loss| loss.from <= now && now < loss.to)?;
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        if !dice.chance(hit.per_mille) {
            return None;
        }
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(hit.what.name());
        Some(hit.what)
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: HttpRequest) -> Result<Incoming, WireFault> {
        let (texts, person) = read(&request.body);
        let mut pending = self.road.traffic.begin((self.road.lane, self.life), texts, person);
        if let Some(loss) = self.road.loss() {
            let (after, kind) = match loss {
                Loss::Dns => (Duration::from_millis(20), WireFaultKind::Dns),
                Loss::Refused => (Duration::ZERO, WireFaultKind::ConnectRefused),
                Loss::ConnectTimeout => (CONNECTING, WireFaultKind::ConnectTimeout),
                Loss::Tls => (Duration::from_millis(40), WireFaultKind::Tls),
            };
            tokio::time::sleep(after).await;
            pending.end(How::Lost);
            return Err(WireFault::new(kind, loss.name()));
        }
        let (version, provider) = self.road.provider();
        if provider.world().refusing_until(provider.now()).is_some() {
            pending.end(How::Lost);
            return Err(WireFault::new(WireFaultKind::ConnectRefused, "nobody listens"));
        }
        let mut exchange = provider.serve(&asked(&request));
        pending.arrived(version, exchange.number());
        match exchange.head().await {
            Ok(head) => {
                let headers = headers(&head.headers);
                let at = UNIX_EPOCH + Duration::from_secs(EPOCH) + provider.now();
                let clock = Duration::from_secs(EPOCH) + provider.now();
                pending.head(head.status, hint(&headers, clock).filter(|_| head.status == 429));
                let status = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
                let body = Body { exchange, pending, room: MOST };
                Ok(Incoming { head: Head { status, headers, at }, body: Box::new(body) })
            }
            Err(failure) => {
                pending.end(How::Lost);
                Err(WireFault::new(before_head(failure), "sim: no head"))
            }
        }
    }
}

fn before_head(failure: Failure) -> WireFaultKind {
    match failure {
        Failure::Refused => WireFaultKind::ConnectRefused,
        Failure::Reset | Failure::CutShort => WireFaultKind::Reset,
    }
}

/// An answer as it comes.
struct Body {
    exchange: Exchange,
    pending: Pending,
    /// Bytes that may still come.
    room: usize,
}

#[async_trait]
impl Pieces for Body {
    async fn next(&mut self) -> Option<Result<Bytes, WireFault>> {
        match self.exchange.next().await {
            None => {
                self.pending.end(How::Whole);
                None
            }
            Some(Err(_)) => {
                self.pending.end(How::Lost);
                Some(Err(WireFault::new(WireFaultKind::Cut, "sim: cut")))
            }
            Some(Ok(piece)) if piece.len() > self.room => {
                self.pending.end(How::Lost);
                Some(Err(WireFault::new(WireFaultKind::TooLarge, "sim: too large")))
            }
            Some(Ok(piece)) => {
                self.room -= piece.len();
                Some(Ok(piece))
            }
        }
    }
}

/// The hashes of the texts of a request, and whether a person asks.
fn read(body: &[u8]) -> (Vec<u64>, bool) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let inputs = body["input"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let messages = body["messages"].as_array().into_iter().flatten();
    let messages = messages.filter_map(|message| message["content"].as_str());
    let texts: Vec<&str> = inputs.chain(messages).collect();
    let person = texts.iter().any(|text| text.starts_with('?'));
    (texts.iter().map(|text| text_hash(text.as_bytes())).collect(), person)
}

fn asked(request: &HttpRequest) -> Request {
    let rest = request.url.split_once("://").map_or("", |(_, rest)| rest);
    let target = rest.find('/').map_or("/", |slash| &rest[slash..]);
    let mut asked = Request { target: target.to_owned(), ..Request::post("", request.body.clone()) };
    request.method.as_str().clone_into(&mut asked.method);
    for (name, value) in &request.headers {
        asked = asked.with_header(name.as_str(), value.to_str().unwrap_or_default());
    }
    asked
}

fn headers(said: &[(String, String)]) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    said.iter().filter_map(header).collect()
}

/// How long a refusal asks to wait, worked out apart from the code that is judged. Waits that only its words tell
/// are not read here; what is above a day counts as a day.
fn hint(headers: &HeaderMap, clock: Duration) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let number =
        |text: &str| text.parse::<f64>().ok().filter(|n| *n > 0.0 && n.is_finite()).map(|n| n.min(DAY));
    if let Some(ms) = text("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(ms / 1_000.0));
    }
    let after = text("retry-after")?;
    if let Some(seconds) = number(after) {
        return Some(Duration::from_secs_f64(seconds));
    }
    let moment = Duration::from_secs(unix_of(after)?);
    moment.checked_sub(clock).filter(|wait| !wait.is_zero())
}

/// Seconds since 1970 of a date such as `Wed, 21 Oct 2026 07:28:00 GMT`.
fn unix_of(date: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let words: Vec<&str> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = words[..] else { return None };
    let number = |text: &str| text.parse::<u64>().ok();
    let month = MONTHS.find(month)? as u64 / 3;
    let (year, leap_of) =
        (number(year)?, |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400)));
    let lengths = [31, if leap_of(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: u64 = (1970..year).map(|y| if leap_of(y) { 366 } else { 365 }).sum();
    let months: u64 = lengths.iter().take(month as usize).sum();
    let days = years + months + number(day)?.checked_sub(1)?;
    Some(((days * 24 + number(hour)?) * 60 + number(minute)?) * 60 + number(second)?)
}
