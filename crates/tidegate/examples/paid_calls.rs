//! What embedding calls cost: `paid_calls URL [--calls N] [--at-once N] [--journal FILE] [--requests-per-minute N]
//! [--tokens-per-minute N] [--timeout SECONDS] [--adaptive]`.
//!
//! Sends one-text requests to an OpenAI-compatible endpoint through the whole call layer, and prints one line of JSON.
//! The texts are those of `bench/peers/texts.py`, so that every contestant sends the same.
#![expect(clippy::print_stdout, reason = "a command's results go to the terminal")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tidegate_call::{
    CallCx, CallSettings, Caller, Concurrency, Http, Lane, LaneName, LaneSettings, Limit, Paid, Parts,
    Priority, Timeouts, Unpaid, Vectors,
};
use tidegate_core::{QuotaUnit, Task, TraceId};
use tidegate_model::{AnyEmbedding, EmbedOptions, Endpoint, Profiles, Service, Text, embedding_codec};
use tidegate_store::{OpenMode, Store};

/// Clock ticks in a second, as Linux reports CPU time everywhere.
const TICKS: f64 = 100.0;
const MODEL: &str = "text-embedding-3-small";

#[derive(Default)]
struct Options {
    url: String,
    calls: usize,
    at_once: usize,
    journal: Option<String>,
    requests: u64,
    tokens: u64,
    timeout: u64,
    adaptive: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&options))
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { calls: 20_000, at_once: 256, timeout: 30, ..Options::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--calls" => options.calls = value()?.parse()?,
            "--at-once" => options.at_once = value()?.parse()?,
            "--journal" => options.journal = Some(value()?),
            "--requests-per-minute" => options.requests = value()?.parse()?,
            "--tokens-per-minute" => options.tokens = value()?.parse()?,
            "--timeout" => options.timeout = value()?.parse()?,
            "--adaptive" => options.adaptive = true,
            _ => options.url = word,
        }
    }
    Ok(options)
}

fn caller(options: &Options, http: &Arc<Http>) -> Result<Caller<AnyEmbedding>, Box<dyn Error>> {
    let endpoint = Endpoint::new(&format!("{}/v1", options.url), MODEL)?;
    let service = Service::new(Profiles::builtin().get("openai")?.clone(), endpoint, None);
    let codec = embedding_codec(service, EmbedOptions::new(Task::Document))?;
    let limit = |unit, amount| (amount > 0).then(|| Limit::per_minute(unit, amount));
    let limits = [limit(QuotaUnit::Requests, options.requests), limit(QuotaUnit::Tokens, options.tokens)];
    let most = u32::try_from(options.at_once)?;
    let concurrency = match options.adaptive {
        true => Concurrency::Adaptive { first: 4, least: 1, most },
        false => Concurrency::Fixed(most),
    };
    let settings = LaneSettings {
        limits: limits.into_iter().flatten().collect(),
        concurrency,
        ..LaneSettings::default()
    };
    let name = LaneName { provider: "openai".into(), model: MODEL.into(), key: String::new() };
    let paid: Arc<dyn Paid<Arc<[f32]>>> = match &options.journal {
        Some(path) => Arc::new(Vectors(Arc::new(Store::open(path, OpenMode::Write)?))),
        None => Arc::new(Unpaid),
    };
    let first_byte = Duration::from_secs(options.timeout);
    let timeouts = Timeouts { first_byte, ..Timeouts::EMBED };
    let settings_of_calls =
        CallSettings { model: MODEL.into(), hedge: true, timeouts, ..CallSettings::default() };
    let parts =
        Parts { lane: Lane::new(name, settings), transport: http.clone(), paid, settings: settings_of_calls };
    Ok(Caller::new(Arc::new(codec), parts))
}

async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let http = Arc::new(Http::default());
    let caller = &caller(options, &http)?;
    let texts: Vec<Text> = (0..options.calls as u64).map(|number| text_of(number, 1)).collect();
    let cx = &CallCx::new(Priority::Bulk, TraceId(1));
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    let mut ended = futures_util::stream::iter(&texts)
        .map(|text| async move {
            let begun = Instant::now();
            (caller.call(std::slice::from_ref(text), cx).await, begun.elapsed().as_secs_f64())
        })
        .buffer_unordered(options.at_once);
    let (mut good, mut waits) = (0, Vec::with_capacity(options.calls));
    while let Some((answers, took)) = ended.next().await {
        good += answers?.results.iter().filter(|result| result.is_ok()).count();
        waits.push(took);
    }
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize] * 1e3;
    let counters = caller.lane().counters();
    println!(
        "{}",
        serde_json::json!({
            "name": if options.journal.is_some() { "tidegate, journalled" } else { "tidegate" },
            "records": options.calls, "ok": good, "lost": options.calls - good, "wall_seconds": wall,
            "cpu_us_per_record": cpu / options.calls as f64 * 1e6, "requests": counters.sent.get(),
            "retried": counters.retried.get(), "hedged": counters.hedged.get(),
            "rate_limited": counters.rate_limited.get(), "p50_ms": at(0.50), "p99_ms": at(0.99),
            "connections": http.connections().made, "peak_bytes": peak_bytes(),
        })
    );
    Ok(())
}

/// Text number `number`, as `bench/peers/texts.py` works it out.
fn text_of(number: u64, seed: u64) -> Text {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut state = seed ^ (number + 1).wrapping_mul(GOLDEN);
    let mut draw = || {
        state = state.wrapping_add(GOLDEN);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let words = 20 + (draw() % 321) as usize - 2;
    let drawn: Vec<u8> = (0..words.div_ceil(8)).flat_map(|_| draw().to_le_bytes()).take(words).collect();
    let mut text = format!("{number:07x} ");
    for (at, byte) in drawn.iter().enumerate() {
        let letters = [
            b"bdfgklmnprstvwyz"[usize::from(byte >> 4)],
            b"aeio"[usize::from(byte >> 2 & 3)],
            b"lnrs"[usize::from(byte & 3)],
        ];
        text.extend(letters.map(char::from));
        text.push(if at + 1 == words { '.' } else { ' ' });
    }
    let tokens = text.len().div_ceil(4) as u32;
    Text::new(text, tokens)
}

/// CPU time of this process so far, user and kernel.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) / TICKS)
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
