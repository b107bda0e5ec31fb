//! A service that answers each line of a request in upper case, as a script lets it, and a journal that remembers
//! in which order it was used.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tidegate_core::{
    Answer, Charge, Codec, ContentHash, Fault, FaultKind, Head, HttpRequest, Incoming, Listener, Pieces,
    Refusal, RefusalKind, Reply, Shape, StreamCodec, TraceId, Transport, Usage, WireFault, WireFaultKind,
};
use tokio::time::{Instant, sleep};

use crate::{
    Bought, CallCx, CallSettings, Caller, Concurrency, Found, Lane, LaneName, LaneSettings, Paid, Parts,
    Priority,
};

pub(super) type Line = Arc<str>;

/// What the service does with a request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers every line after a while.
    Answer(u64),
    /// Answers with a status, and with a hint in milliseconds.
    Status(u16, Option<u64>),
    /// Answers these bytes with 200.
    Say(&'static str),
    /// Loses the request after a while.
    Lose(u64, WireFaultKind),
    /// Never answers.
    Hang,
    /// Sends these pieces, each after a while, and then ends, or does what the last says.
    Stream(Vec<(u64, &'static str)>, After),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    End,
    Cut,
    Hang,
}

pub(super) fn answers() -> Act {
    Act::Answer(10)
}

type Script = Box<dyn Fn(&Seen) -> Act + Send + Sync>;

/// A request as the service sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) number: usize,
    pub(super) at: Instant,
    pub(super) lines: Vec<String>,
}

pub(super) struct Service {
    script: Script,
    seen: Mutex<Vec<Seen>>,
    pub(super) open: Arc<AtomicUsize>,
}

impl Service {
    pub(super) fn new(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { script: Box::new(script), seen: Mutex::default(), open: Arc::default() })
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    pub(super) fn sent(&self) -> usize {
        self.seen.lock().expect("no panic").len()
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Body {
    pieces: std::vec::IntoIter<(u64, &'static str)>,
    whole: Option<Bytes>,
    after: After,
    _open: Open,
}

#[async_trait]
impl Pieces for Body {
    async fn next(&mut self) -> Option<Result<Bytes, WireFault>> {
        if let Some(whole) = self.whole.take() {
            return Some(Ok(whole));
        }
        if let Some((after, piece)) = self.pieces.as_slice().first().copied() {
            sleep(Duration::from_millis(after)).await;
            self.pieces.next();
            return Some(Ok(Bytes::from_static(piece.as_bytes())));
        }
        match self.after {
            After::End => None,
            After::Cut => Some(Err(WireFault::new(WireFaultKind::Cut, "cut"))),
            After::Hang => pending().await,
        }
    }
}

#[async_trait]
impl Transport for Service {
    async fn send(&self, request: HttpRequest) -> Result<Incoming, WireFault> {
        let open = Open(Arc::clone(&self.open));
        self.open.fetch_add(1, Ordering::Relaxed);
        let lines: Vec<String> =
            String::from_utf8_lossy(&request.body).lines().map(ToOwned::to_owned).collect();
        let seen = {
            let mut all = self.seen.lock().expect("no panic");
            let seen = Seen { number: all.len(), at: Instant::now(), lines };
            all.push(seen.clone());
            seen
        };
        let incoming = |status, wait: Option<u64>, body| {
            let mut headers = HeaderMap::new();
            if let Some(wait) = wait {
                headers.insert("wait-ms", wait.into());
            }
            let status = StatusCode::from_u16(status).expect("a status");
            Incoming { head: Head { status, headers, at: SystemTime::now() }, body: Box::new(body) }
        };
        let whole = |bytes: Bytes| Body {
            pieces: Vec::new().into_iter(),
            whole: Some(bytes),
            after: After::End,
            _open: open,
        };
        match (self.script)(&seen) {
            Act::Answer(after) => {
                sleep(Duration::from_millis(after)).await;
                Ok(incoming(200, None, whole(seen.lines.join("\n").to_uppercase().into())))
            }
            Act::Say(words) => Ok(incoming(200, None, whole(words.into()))),
            Act::Status(status, wait) => {
                sleep(Duration::from_millis(10)).await;
                Ok(incoming(status, wait, whole("no".into())))
            }
            Act::Lose(after, kind) => {
                sleep(Duration::from_millis(after)).await;
                drop(open_of(whole));
                Err(WireFault::new(kind, "lost"))
            }
            Act::Hang => {
                let _held = whole(Bytes::new());
                pending().await
            }
            Act::Stream(pieces, after) => {
                let mut body = whole(Bytes::new());
                body.whole = None;
                body.pieces = pieces.into_iter();
                body.after = after;
                Ok(incoming(200, None, body))
            }
        }
    }
}

fn open_of(whole: impl FnOnce(Bytes) -> Body) -> Body {
    whole(Bytes::new())
}

/// One line of text in, the same in capitals out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lines {
    pub(super) shape: Shape,
}

impl Codec for Lines {
    type Item = Line;
    type Answer = Line;

    fn key(&self, item: &Line) -> Option<ContentHash> {
        (!item.starts_with('!')).then(|| ContentHash::of(item.as_bytes()))
    }

    fn estimate(&self, items: &[Line]) -> Charge {
        let tokens = items.iter().map(|item| item.len() as u64).sum();
        Charge { inputs: items.len() as u64, input_tokens: tokens, output_tokens: 0 }
    }

    fn sample(&self) -> Option<Line> {
        Some(Line::from("sample"))
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn encode(&self, items: &[Line]) -> Result<HttpRequest, Fault> {
        if items.iter().any(|item| item.contains('\0')) {
            return Err(Fault::new(FaultKind::Malformed, "a line with a zero byte"));
        }
        Ok(HttpRequest {
            method: Method::POST,
            url: "http://service.example/lines?key=secret-in-query".to_owned(),
            headers: HeaderMap::new(),
            body: items.join("\n").into(),
        })
    }

    fn decode(&self, items: &[Line], answer: &Answer) -> Result<Reply<Line>, Refusal> {
        let status = answer.head.status.as_u16();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let kind = match status {
            200 if text.lines().count() != items.len() => RefusalKind::BadResponse,
            200 => {
                let answers = text.lines().map(|line| Ok(Line::from(line))).collect();
                let tokens = text.len() as u64;
                let usage = Usage { input_tokens: tokens, cached_tokens: 0, output_tokens: 0 };
                return Ok(Reply { answers, usage: Some(usage), model: None });
            }
            429 => RefusalKind::RateLimited,
            503 => RefusalKind::Overloaded,
            400 => RefusalKind::BadRequest,
            413 => RefusalKind::TooLarge,
            401 => RefusalKind::Unauthorised,
            404 => RefusalKind::NotFound,
            402 => RefusalKind::Exhausted,
            _ => RefusalKind::Unavailable,
        };
        let wait = answer.head.headers.get("wait-ms").and_then(|wait| wait.to_str().ok()?.parse().ok());
        Err(Refusal {
            kind,
            status,
            message: format!("the service says {text}"),
            wait: wait.map(Duration::from_millis),
            request_id: Some("req-7".to_owned()),
            excerpt: answer.body.clone(),
        })
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        Some(usage.input_tokens as f64)
    }
}

/// Reads text until a line that says `.`.
struct Ear(String);

impl StreamCodec for Lines {
    fn encode_stream(&self, item: &Line) -> Result<HttpRequest, Fault> {
        self.encode(std::slice::from_ref(item))
    }

    fn listen(&self, _: &Line) -> Box<dyn Listener<Line>> {
        Box::new(Ear(String::new()))
    }

    fn text<'a>(&self, answer: &'a Line) -> &'a str {
        answer
    }
}

impl Listener<Line> for Ear {
    fn push(&mut self, bytes: &[u8], text: &mut String) -> Result<(), Refusal> {
        let heard = String::from_utf8_lossy(bytes);
        if heard.contains("error") {
            return Err(refusal(RefusalKind::Overloaded));
        }
        text.push_str(heard.trim_end_matches('.'));
        self.0.push_str(&heard);
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<(Result<Line, Fault>, Usage), Refusal> {
        let Some(whole) = self.0.strip_suffix('.') else { return Err(refusal(RefusalKind::BadResponse)) };
        Ok((Ok(Line::from(whole)), Usage { input_tokens: 1, cached_tokens: 0, output_tokens: 2 }))
    }
}

fn refusal(kind: RefusalKind) -> Refusal {
    Refusal {
        kind,
        status: 200,
        message: "in mid-stream".to_owned(),
        wait: None,
        request_id: None,
        excerpt: Bytes::new(),
    }
}

/// A journal in memory.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) kept: Mutex<HashMap<ContentHash, (Line, SystemTime)>>,
    pub(super) appended: Mutex<Vec<Bought<Line>>>,
    pub(super) lookups: AtomicUsize,
    /// Faults of the next appends, the last first.
    pub(super) faults: Mutex<Vec<Fault>>,
    /// Lines that can never be kept.
    pub(super) refused: Mutex<Vec<&'static str>>,
}

impl Shelf {
    pub(super) fn put(&self, line: &str, answer: &str, at: SystemTime) {
        self.kept.lock().expect("no panic").insert(ContentHash::of(line.as_bytes()), (answer.into(), at));
    }

    pub(super) fn has(&self, line: &str) -> bool {
        self.kept.lock().expect("no panic").contains_key(&ContentHash::of(line.as_bytes()))
    }
}

#[async_trait]
impl Paid<Line> for Shelf {
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Found<Line>>>, Fault> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_micros(100)).await;
        let kept = self.kept.lock().expect("no panic");
        let found =
            |key| kept.get(key).map(|(answer, at)| Found { answer: Line::clone(answer), at: Some(*at) });
        Ok(keys.iter().map(found).collect())
    }

    async fn append(&self, _: &str, entries: Vec<Bought<Line>>) -> Result<(), Fault> {
        sleep(Duration::from_millis(1)).await;
        if let Some(fault) = self.faults.lock().expect("no panic").pop() {
            return Err(fault);
        }
        let refused = self.refused.lock().expect("no panic").clone();
        if entries.iter().any(|entry| refused.contains(&&*entry.answer)) {
            return Err(Fault::new(FaultKind::Validation, "cannot be kept"));
        }
        for entry in entries {
            let mut kept = self.kept.lock().expect("no panic");
            kept.entry(entry.key).or_insert_with(|| (Line::clone(&entry.answer), SystemTime::now()));
            self.appended.lock().expect("no panic").push(entry);
        }
        Ok(())
    }
}

pub(super) struct World {
    pub(super) service: Arc<Service>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) lane: Arc<Lane>,
    pub(super) caller: Arc<Caller<Lines>>,
}

pub(super) struct Setting {
    pub(super) call: CallSettings,
    pub(super) lane: LaneSettings,
    pub(super) shape: Shape,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            call: CallSettings { model: "m".to_owned(), ..CallSettings::default() },
            lane: LaneSettings { concurrency: Concurrency::Fixed(64), ..LaneSettings::default() },
            shape: Shape::default(),
        }
    }
}

impl World {
    pub(super) fn new(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        Self::with(Setting::default(), script)
    }

    pub(super) fn with(setting: Setting, script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let service = Service::new(script);
        let shelf = Arc::new(Shelf::default());
        let name = LaneName { provider: "p".to_owned(), model: "m".to_owned(), key: String::new() };
        let lane = Lane::new(name, setting.lane);
        let parts = Parts {
            lane: Arc::clone(&lane),
            transport: Arc::clone(&service) as Arc<dyn Transport>,
            paid: Arc::clone(&shelf) as Arc<dyn Paid<Line>>,
            settings: setting.call,
        };
        let caller = Arc::new(Caller::new(Arc::new(Lines { shape: setting.shape }), parts));
        Self { service, shelf, lane, caller }
    }

    /// Nothing is held by anybody.
    pub(super) fn assert_at_rest(&self) {
        assert_eq!(self.caller.in_flight(), 0, "questions in flight");
        let view = self.lane.view();
        assert_eq!(view.in_flight, 0, "permits");
        assert_eq!((view.waiting, view.parked), ([0; 3], 0), "places in line");
        assert_eq!(self.service.open.load(Ordering::Relaxed), 0, "connections");
    }
}

pub(super) fn lines<const N: usize>(lines: [&str; N]) -> Vec<Line> {
    lines.into_iter().map(Line::from).collect()
}

pub(super) fn numbered(count: usize) -> Vec<Line> {
    (0..count).map(|n| Line::from(format!("line {n}"))).collect()
}

pub(super) fn bulk() -> CallCx {
    CallCx::new(Priority::Bulk, TraceId(1))
}

pub(super) fn interactive() -> CallCx {
    CallCx::new(Priority::Interactive, TraceId(2))
}
