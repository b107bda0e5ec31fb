//! Indexes a web of 2,000 documents that misbehave in every way, kills `tidegate` while it fetches, lets it go on, changes
//! the web, and has the result judged by the servers' log and by the store.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::crash::{Plan, in_a_folder, unwritable};
use crate::random::Random;
use crate::shell::{output, python};
use crate::tool::{Tool, count, tail};

/// Documents of each kind; what a kind does is in `checker/web.py`.
const KINDS: &[(&str, u64)] = &[
    ("tagged", 1_080),
    ("dated", 300),
    ("plain", 100),
    ("packed", 100),
    ("slow", 50),
    ("flaky", 80),
    ("cut", 60),
    ("moved", 60),
    ("home", 40),
    ("large", 30),
    ("endless", 20),
    ("closed", 20),
    ("broken", 40),
    ("dead", 20),
];
/// Servers that the documents are spread over.
const SITES: u64 = 5;
/// Documents fetched at once from one server, and from all.
const AT_ONCE: u64 = 4;
const DOWNLOADS: u64 = 16;
/// A run that was to be killed ends before that is noticed, at most so often in a row.
const MOST_IDLE: u64 = 20;

const PIPELINE: &str = "\
[source]
type = \"urls\"
paths = [\"urls.jsonl\"]
allow_private = true
max_file_size = \"200KB\"
concurrency = 4
downloads = 16
patience = \"5s\"
timeout = \"10s\"
";

/// The web, and its servers, which end when this is dropped.
struct Web {
    dir: PathBuf,
    child: Child,
    documents: Vec<Value>,
    ports: Vec<u64>,
}

impl Web {
    fn start(dir: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start the servers: {error}");
        let mut command = python();
        command.arg("xtask/checker/web.py").arg(dir).arg(SITES.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("servers without an output")?;
        let mut web = Self { dir: dir.to_owned(), child, documents: Vec::new(), ports: Vec::new() };
        BufReader::new(out).read_line(&mut line).map_err(failed)?;
        web.ports = serde_json::from_str(&line).map_err(|_| "the servers did not say where they are")?;
        for (kind, count) in KINDS {
            for _ in 0..*count {
                let id = format!("d{}", web.documents.len());
                let path = format!("/{kind}/{id}");
                web.documents
                    .push(json!({ "id": id, "kind": kind, "path": path, "state": 1, "gone": false }));
            }
        }
        web.write(|_| true)?;
        std::fs::write(dir.join("pipeline.toml"), PIPELINE).map_err(|error| unwritable(&error))?;
        Ok(web)
    }

    /// Writes what there is, and the list of the documents that are `listed`.
    fn write(&self, listed: impl Fn(&Value) -> bool) -> Result<(), String> {
        // Nothing listens on this port, and nothing is given it while the servers run on theirs.
        let dead = 1;
        let mut lines = String::new();
        for (at, document) in self.documents.iter().enumerate().filter(|(_, document)| listed(document)) {
            let [id, kind, path] =
                ["id", "kind", "path"].map(|name| document[name].as_str().unwrap_or_default());
            let port = if kind == "dead" { dead } else { self.ports[at % self.ports.len()] };
            let url = format!("http://127.0.0.1:{port}{path}");
            lines += &(json!({ "id": id, "url": url, "kind": kind }).to_string() + "\n");
        }
        let world = json!({ "documents": self.documents }).to_string();
        let write = |name: &str, text: &str| {
            let new = self.dir.join("new");
            std::fs::write(&new, text).and_then(|()| std::fs::rename(new, self.dir.join(name)))
        };
        write("world.json", &world)
            .and_then(|()| write("urls.jsonl", &lines))
            .map_err(|error| unwritable(&error))
    }

    /// Requests so far.
    fn logged(&self) -> u64 {
        std::fs::read(self.dir.join("log.jsonl"))
            .map_or(0, |log| log.iter().filter(|byte| **byte == b'\n').count() as u64)
    }

    fn judge(&self, words: &[&str]) -> Result<Value, String> {
        let mut command = python();
        command
            .arg("xtask/checker/check_web.py")
            .arg(&self.dir)
            .arg(self.dir.join("tidegate.db"))
            .args(words);
        let said = output(&mut command)?;
        serde_json::from_str(&said).map_err(|error| format!("the judge said no JSON ({error}): {said}"))
    }

    /// Changes some documents, takes some away, and leaves some out of the list; how many of each.
    fn change(&mut self, random: &mut Random) -> Result<[u64; 3], String> {
        let mut did = [0; 3];
        let mut left_out = Vec::new();
        for document in &mut self.documents {
            let kind = document["kind"].as_str().unwrap_or_default();
            // What a redirect leads to changes too; of the others nothing can be told by the log.
            if !["tagged", "dated", "packed", "slow", "flaky", "moved"].contains(&kind) {
                continue;
            }
            match random.below(100) {
                0..5 => {
                    document["state"] = json!(2);
                    did[0] += 1;
                }
                5 if kind != "moved" => {
                    document["gone"] = json!(true);
                    did[1] += 1;
                }
                6 => {
                    left_out.push(document["id"].clone());
                    did[2] += 1;
                }
                _ => {}
            }
        }
        self.write(|document| !left_out.contains(&document["id"]))?;
        Ok(did)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole proof.
pub(crate) fn prove(tool: &Tool, plan: &Plan) -> Result<String, String> {
    in_a_folder(plan, plan.seed, |dir| round(tool, dir, plan))
        .map_err(|error| format!("seed {}: {error}", plan.seed))
}

fn round(tool: &Tool, dir: &Path, plan: &Plan) -> Result<String, String> {
    let (mut random, start) = (Random::new(plan.seed), Instant::now());
    let mut web = Web::start(dir)?;
    let kills = killed(tool, &web, (plan.kills, &mut random))?;
    let first = Instant::now();
    let report = run(tool, &web)?;
    let first = first.elapsed();
    let total: u64 = KINDS.iter().map(|(_, count)| count).sum();
    accounted(&report, total)?;
    // A kill costs at most what was in flight, fetched and not yet stored.
    let most = (kills * IN_HAND).to_string();
    let at_once = AT_ONCE.to_string();
    let told = web.judge(&["--resent-at-most", &most, "--at-once", &at_once])?;
    let [changed, gone, left_out] = web.change(&mut random)?;
    let from = web.logged();
    let second = Instant::now();
    let report = run(tool, &web)?;
    let second = second.elapsed();
    accounted(&report, total)?;
    let [stored, removed] = ["/records/stored", "/records/deleted"].map(|pointer| count(&report, pointer));
    if (stored.clone()?, removed.clone()?) != (changed, gone + left_out) {
        return Err(format!(
            "{changed} documents changed and {} went, but the report says {report}",
            gone + left_out
        ));
    }
    let again = web.judge(&["--from", &from.to_string(), "--changed-only", "--at-once", &at_once])?;
    Ok(format!(
        "{total} URLs on {SITES} servers: {kills} kills, then {:.1} s; {} requests and {} sent again of at most {most} in \
         hand at a kill; {} stored, {} put aside for their reasons, at most {} at once to a server; the second run, {:.1} s, \
         was sent the {changed} documents that changed and removed {gone} that are gone and {left_out} left out of the list; \
         0 lost, 0 unaccounted for; {:.0} s",
        first.as_secs_f64(),
        told["requests"],
        told["sent_again"],
        told["stored"],
        told["aside"],
        told["at_once"].as_u64().max(again["at_once"].as_u64()).unwrap_or_default(),
        second.as_secs_f64(),
        start.elapsed().as_secs_f64(),
    ))
}

/// Documents that may have been fetched and not stored at a kill: those on their way, and those that wait for a commit.
const IN_HAND: u64 = DOWNLOADS + 512;

/// Runs it and kills it, so often; each time once it has asked for some more documents.
fn killed(tool: &Tool, web: &Web, (kills, random): (u64, &mut Random)) -> Result<u64, String> {
    let (mut done, mut idle) = (0, 0);
    while done < kills {
        let until = web.logged() + 20 + random.below(300);
        let mut command = tool.command(&web.dir);
        command.args(["run", "pipeline.toml", "--quiet"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("cannot start it: {error}"))?;
        let ended = loop {
            if child.try_wait().map_err(|error| format!("waiting for it: {error}"))?.is_some() {
                break true;
            }
            if web.logged() >= until {
                break false;
            }
            std::thread::park_timeout(Duration::from_millis(3));
        };
        let _ = child.kill();
        let _ = child.wait();
        idle = if ended { idle + 1 } else { 0 };
        if idle > MOST_IDLE {
            return Err("every run ended before it could be killed".to_owned());
        }
        done += u64::from(!ended);
        let most = ((done + idle) * IN_HAND).to_string();
        web.judge(&["--stored-or-less", "--resent-at-most", &most])?;
    }
    Ok(done)
}

fn run(tool: &Tool, web: &Web) -> Result<Value, String> {
    // 3 says that some are in quarantine, which some always are.
    tool.json(&web.dir, &["run", "pipeline.toml", "--json"], &[3]).map_err(|error| tail(&error))
}

/// Every line has one outcome, and none is left for later.
fn accounted(report: &Value, lines: u64) -> Result<(), String> {
    let [seen, pending] = ["/records/seen", "/records/pending"].map(|pointer| count(report, pointer));
    if (seen?, pending?) == (lines, 0) { Ok(()) } else { Err(format!("not all are accounted for: {report}")) }
}
