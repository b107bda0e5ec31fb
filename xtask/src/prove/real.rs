//! Indexes, searches and asks with a model server that was not written here, to show that the wire and the batching fit
//! more than the provider that plays by a script. Its model is tiny and random: what it says means nothing.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::checker;
use super::crash::unwritable;
use super::world::World;
use crate::readme::hits;
use crate::shell::python;
use crate::tool::{Build, Tool, count, pid, tail};

/// The key the server demands, which must appear in nothing that is printed.
const KEY: &str = "sk-real-5b1d77c04e";

/// Documents and paragraphs of each.
const SIZE: (u64, u64) = (40, 12);

/// A server of models; it is told to end when this is dropped.
struct Server {
    child: Child,
    url: String,
    model: String,
}

impl Server {
    /// Starts it, which the first time installs it.
    fn start() -> Result<Self, String> {
        let mut command = python();
        // With several slots this server gives a text another vector in a batch than alone, which is not ours to judge.
        let words = ["bench/peers/llama_server.py", "--parallel", "1", "--key", KEY];
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().map_err(|error| format!("cannot start the server: {error}"))?;
        let mut server = Self { child, url: String::new(), model: String::new() };
        let out = server.child.stdout.take().ok_or("a server without an output")?;
        let mut line = String::new();
        let read = BufReader::new(out).read_line(&mut line);
        read.map_err(|error| format!("the server did not say where it is: {error}"))?;
        let ready: Value = serde_json::from_str(&line).map_err(
            |_| "the server did not start\nhint: it needs a network the first time, to be installed",
        )?;
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        (server.url, server.model) = (text("url"), text("model"));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let asked = pid(&self.child).map(|id| kill_process(id, Signal::TERM));
        if !matches!(asked, Ok(Ok(()))) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The demonstration; each line of what it returns was checked.
pub(crate) fn show(seed: u64) -> Result<String, String> {
    let tool = Tool::build(Build::Debug)?.with("OPENAI_API_KEY", KEY);
    let server = Server::start()?;
    let dir = tempfile::tempdir().map_err(|error| unwritable(&error))?;
    let world = World::plain(dir.path(), seed, SIZE).map_err(|error| unwritable(&error))?;
    let (model, base) = (format!("openai:{}", server.model), format!("{}/v1", server.url));
    let index = ["index", "docs", "--embed", &model, "--base-url", &base, "--json"];
    let report = tool.json(&world.dir, &index, &[0])?;
    let [stored, texts, sent] =
        ["/records/stored", "/embedded/texts", "/calls/sent"].map(|pointer| count(&report, pointer));
    let (stored, texts, sent) = (stored?, texts?, sent?);
    let documents = std::fs::read_dir(world.docs()).map_err(|error| unwritable(&error))?.count();
    if usize::try_from(stored) != Ok(documents) || texts == 0 || sent >= texts {
        return Err(format!("{documents} documents gave {stored} stored, {texts} texts and {sent} calls"));
    }
    let again = tool.json(&world.dir, &index, &[0])?;
    if count(&again, "/embedded/texts")? != 0 {
        return Err("a run that found nothing to do embedded something".to_owned());
    }
    let asked = checker::real(&world.dir.join("tidegate.db"), (&base, &server.model, KEY))?;
    let nearest = tool.json(&world.dir, &["search", "harbour", "--mode", "vector", "--json"], &[0])?;
    if hits(&nearest)?.is_empty() {
        return Err("a search by meaning finds nothing".to_owned());
    }
    let answer = ask(&tool, &world, (&model, &base))?;
    wrong_key(&tool, &world, &index)?;
    Ok(format!(
        "llama.cpp's server, {}: {stored} documents, {texts} texts in {sent} calls, 0 embedded the second time; \
         {asked} texts asked for again one by one have the vectors that are stored; an answer of {answer} letters came whole; \
         a wrong key is named",
        server.model
    ))
}

/// Letters of an answer.
fn ask(tool: &Tool, world: &World, (model, base): (&str, &str)) -> Result<usize, String> {
    let words =
        ["ask", "what is at the harbour?", "--model", model, "--base-url", base, "--mode", "text", "--json"];
    let told = tool.json(&world.dir, &words, &[0])?;
    let letters = told["answer"].as_str().map_or(0, |answer| answer.chars().count());
    if letters == 0 || told["complete"] != true {
        return Err(format!("the answer is not whole: {told}"));
    }
    Ok(letters)
}

fn wrong_key(tool: &Tool, world: &World, index: &[&str]) -> Result<(), String> {
    let mut words = index.to_vec();
    words.extend(["--store", "other.db"]);
    let ran = tool.with("OPENAI_API_KEY", "sk-of-somebody-else").run(&world.dir, &words)?;
    if ran.code == Some(2) && ran.stderr.contains("OPENAI_API_KEY") {
        return Ok(());
    }
    Err(format!("a wrong key ended with {:?}: {}", ran.code, tail(&ran.stderr)))
}
