//! Measures how fast answers with vectors are read.
//!
//! `cargo run --release -p tidegate-model --example decode` prints one JSON line per form of answer: milliseconds
//! for 64 vectors of 1536 dimensions, from the bytes of the answer to vectors of unit length; the fastest of many.

use std::hint::black_box;
use std::io::Write;
use std::time::{Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use tidegate_core::wire::{Answer, Head};
use tidegate_core::{Codec, Task};
use tidegate_model::{EmbedOptions, Endpoint, OpenaiEmbed, Profiles, Service, Text};

const TEXTS: usize = 64;
const DIMENSIONS: usize = 1536;
const PASSES: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let profile = Profiles::builtin().get("openai")?.clone();
    let endpoint = Endpoint::new("http://localhost", "text-embedding-3-small")?;
    let service = Service::new(profile, endpoint, None);
    let codec = OpenaiEmbed::new(service, EmbedOptions::new(Task::Document))?;
    let texts: Vec<Text> = (0..TEXTS).map(|i| Text::new(format!("text {i}"), 2)).collect();
    for (form, body) in [("base64", body(in_base64)), ("numbers", body(in_numbers))] {
        let bytes = body.len();
        let head = Head { status: StatusCode::OK, headers: HeaderMap::new(), at: SystemTime::now() };
        let answer = Answer { head, body: body.into() };
        let mut best = f64::INFINITY;
        for _ in 0..PASSES {
            let begun = Instant::now();
            let reply = codec.decode(&texts, black_box(&answer)).map_err(|refusal| refusal.message)?;
            best = best.min(begun.elapsed().as_secs_f64() * 1e3);
            assert_eq!(black_box(reply).answers.len(), TEXTS, "every text has its vector");
        }
        writeln!(std::io::stdout(), r#"{{"form":"{form}","bytes":{bytes},"ms":{best:.3}}}"#)?;
    }
    Ok(())
}

fn body(form: fn(&[f32]) -> String) -> String {
    let entry = |index: usize| {
        let floats: Vec<f32> =
            (0..DIMENSIONS).map(|i| ((index * DIMENSIONS + i) as f32 * 0.618).sin() * 0.03).collect();
        format!(r#"{{"object":"embedding","index":{index},"embedding":{}}}"#, form(&floats))
    };
    let entries: Vec<String> = (0..TEXTS).map(entry).collect();
    format!(r#"{{"object":"list","data":[{}],"model":"m","usage":{{"prompt_tokens":9}}}}"#, entries.join(","))
}

fn in_base64(floats: &[f32]) -> String {
    let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    format!("\"{}\"", STANDARD.encode(bytes))
}

fn in_numbers(floats: &[f32]) -> String {
    let numbers: Vec<String> = floats.iter().map(f32::to_string).collect();
    format!("[{}]", numbers.join(","))
}
