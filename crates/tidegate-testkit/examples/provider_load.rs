//! How fast the scripted provider is: `cargo run --release -p tidegate-testkit --example provider_load`.
//!
//! Prints requests a second of the provider thread's own CPU time, which is what one core could serve; the client
//! runs on another thread and is not counted.
#![expect(clippy::print_stdout, reason = "a command's results go to the terminal")]

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use tidegate_testkit::provider::script::Embedding;
use tidegate_testkit::provider::{Script, Server};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 800;
/// Clock ticks in a second, as Linux reports CPU time everywhere.
const TICKS: f64 = 100.0;

fn main() -> io::Result<()> {
    let text = "word ".repeat(160);
    for (name, texts, dimensions) in
        [("1 text, 256 dimensions", 1, 256), ("16 texts, 1536 dimensions", 16, 1_536)]
    {
        let embedding = Embedding { dimensions, ..Embedding::default() };
        let server = Server::start(Script { embedding, ..Script::default() })?;
        let inputs = vec![format!("{text:?}"); texts].join(",");
        let body = format!(r#"{{"model":"m","encoding_format":"base64","input":[{inputs}]}}"#);
        let request = format!(
            "POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (begun, cpu) = (Instant::now(), provider_cpu()?);
        let rounds = ROUNDS / texts;
        drive(&server, request.as_bytes(), rounds)?;
        let count = (rounds * CONNECTIONS) as f64;
        // The thread's name is cut to 15 letters by the kernel, and its time is gone with it: read before it stops.
        let (seconds, cpu) = (begun.elapsed().as_secs_f64(), provider_cpu()? - cpu);
        println!(
            "{name}: {count} requests in {seconds:.2} s, {:.0} a second of the provider's CPU time ({:.1} us each)",
            count / cpu,
            cpu / count * 1e6
        );
    }
    Ok(())
}

/// Sends one request on every connection, then reads every answer, over and over.
fn drive(server: &Server, request: &[u8], rounds: usize) -> io::Result<()> {
    let connect = |_| TcpStream::connect(server.addr());
    let mut connections = (0..CONNECTIONS).map(connect).collect::<io::Result<Vec<_>>>()?;
    let mut answer = vec![0; answer_length(server, request)?];
    for _ in 0..rounds {
        for stream in &mut connections {
            stream.write_all(request)?;
        }
        for stream in &mut connections {
            stream.read_exact(&mut answer)?;
        }
    }
    Ok(())
}

/// The bytes of an answer, head and body: all of them are equally long.
fn answer_length(server: &Server, request: &[u8]) -> io::Result<usize> {
    let mut stream = TcpStream::connect(server.addr())?;
    stream.write_all(request)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    body.map(|body| head.len() + body).ok_or_else(|| io::Error::other(format!("no length in {text}")))
}

/// Seconds of CPU time of all provider threads so far.
fn provider_cpu() -> io::Result<f64> {
    let mut ticks = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(task?.path().join("stat"))?;
        let Some((name, fields)) = stat.rsplit_once(") ") else { continue };
        if name.contains("(tidegate-provid") {
            let times = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
            ticks += times.sum::<f64>();
        }
    }
    Ok(ticks / TICKS)
}
