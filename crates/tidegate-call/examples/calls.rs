//! What a call costs: `cargo run --release -p tidegate-call --example calls -- URL [CALLS] [AT_ONCE]`.
//!
//! Sends one-text requests to an embeddings endpoint and prints how near the time came to the least possible for the
//! latency that was seen, and the CPU time of this process for each call: lane, hedge, timeouts, transport and
//! kernel, with a codec that does next to nothing and without a journal.
#![expect(clippy::print_stdout, reason = "a command's results go to the terminal")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidegate_call::{
    CallCx, CallSettings, Caller, Concurrency, Http, Lane, LaneName, LaneSettings, Parts, Priority, Unpaid,
};
use tidegate_core::{
    Answer, Charge, Codec, ContentHash, Fault, HttpRequest, Refusal, RefusalKind, Reply, Shape, TraceId,
};

/// Clock ticks in a second, as Linux reports CPU time everywhere.
const TICKS: f64 = 100.0;

/// Sends a text, and answers with how long the answer was.
struct Length(String);

impl Codec for Length {
    type Item = Arc<str>;
    type Answer = usize;

    fn key(&self, item: &Arc<str>) -> Option<ContentHash> {
        Some(ContentHash::of(item.as_bytes()))
    }

    fn estimate(&self, items: &[Arc<str>]) -> Charge {
        Charge { inputs: items.len() as u64, input_tokens: 8 * items.len() as u64, output_tokens: 0 }
    }

    fn shape(&self) -> Shape {
        Shape::default()
    }

    fn encode(&self, items: &[Arc<str>]) -> Result<HttpRequest, Fault> {
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(HeaderName::from_static("content-type"), HeaderValue::from_static("application/json"));
        let text = &items[0];
        let body = format!(r#"{{"model":"m","encoding_format":"base64","input":["{text}"]}}"#);
        Ok(HttpRequest { method: Method::POST, url: self.0.clone(), headers, body: body.into() })
    }

    fn decode(&self, _: &[Arc<str>], answer: &Answer) -> Result<Reply<usize>, Refusal> {
        if answer.head.status.is_success() {
            return Ok(Reply { answers: vec![Ok(answer.body.len())], usage: None, model: None });
        }
        Err(Refusal {
            kind: RefusalKind::Unavailable,
            status: answer.head.status.as_u16(),
            message: String::from_utf8_lossy(&answer.body).into_owned(),
            wait: None,
            request_id: None,
            excerpt: answer.body.clone(),
        })
    }
}

/// CPU seconds of this process, the kernel's share apart.
fn cpu() -> Result<(f64, f64), Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? / TICKS, fields[12].parse::<f64>()? / TICKS))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let url = args.first().ok_or("usage: calls URL [CALLS] [AT_ONCE]")?.clone();
    let calls: usize = args.get(1).map_or(Ok(20_000), |count| count.parse())?;
    let at_once: usize = args.get(2).map_or(Ok(256), |count| count.parse())?;
    let http = Arc::new(Http::default());
    let name = LaneName { provider: "bench".to_owned(), model: "m".to_owned(), key: String::new() };
    let concurrency = Concurrency::Fixed(u32::try_from(at_once)?);
    let parts = Parts {
        lane: Lane::new(name, LaneSettings { concurrency, ..LaneSettings::default() }),
        transport: Arc::clone(&http) as _,
        paid: Arc::new(Unpaid),
        settings: CallSettings { model: "m".to_owned(), hedge: true, ..CallSettings::default() },
    };
    let caller = &Caller::new(Arc::new(Length(url)), parts);
    let cx = &CallCx::new(Priority::Bulk, TraceId(1));
    let (started, (user, kernel)) = (Instant::now(), cpu()?);
    let mut ended = futures_util::stream::iter(0..calls)
        .map(|n| async move {
            let begun = Instant::now();
            let item: Arc<str> = format!("text number {n}").into();
            let answers = caller.call(&[item], cx).await;
            (answers, begun.elapsed().as_secs_f64())
        })
        .buffer_unordered(at_once);
    let (mut good, mut sent, mut waits) = (0, 0, Vec::with_capacity(calls));
    while let Some((answers, took)) = ended.next().await {
        let answers = answers?;
        good += answers.results.iter().filter(|result| result.is_ok()).count();
        sent += answers.told.sent;
        waits.push(took);
    }
    let (wall, (user_end, kernel_end)) = (started.elapsed().as_secs_f64(), cpu()?);
    waits.sort_by(f64::total_cmp);
    let per_call = |seconds: f64| seconds / calls as f64 * 1e6;
    println!(
        "{good} of {calls} calls answered by {sent} requests over {} connections in {wall:.2} s",
        http.connections().made
    );
    println!(
        "p50 {:.1} ms; {:.0} calls a second; CPU a call {:.1} us ({:.1} user, {:.1} kernel)",
        waits[calls / 2] * 1e3,
        calls as f64 / wall,
        per_call(user_end - user + kernel_end - kernel),
        per_call(user_end - user),
        per_call(kernel_end - kernel)
    );
    Ok(())
}
