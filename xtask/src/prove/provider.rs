//! A provider of models in a process of its own, which outlives the processes that are killed while they call it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::strike::wait;
use crate::tool::Tool;

/// How long the provider may take to note what a killed client had sent.
const SETTLES: Duration = Duration::from_millis(20);
const PATIENCE: u32 = 150;

/// A provider that plays by a script and writes a log; it is killed when this is dropped.
pub(crate) struct Provider {
    child: Child,
    /// Where it answers.
    pub(crate) url: String,
    /// What it was asked and answered.
    pub(crate) log: PathBuf,
}

impl Provider {
    /// Starts one in the folder `dir`, with its log in `log.jsonl` there.
    pub(crate) fn start(tool: &Tool, dir: &Path, script: &str) -> Result<Self, String> {
        Self::start_with(tool, dir, script, &["--log", "log.jsonl"])
    }

    /// Starts one that writes no log, which takes a part of its time.
    pub(crate) fn start_silent(tool: &Tool, dir: &Path, script: &str) -> Result<Self, String> {
        Self::start_with(tool, dir, script, &[])
    }

    fn start_with(tool: &Tool, dir: &Path, script: &str, more: &[&str]) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start a provider: {error}");
        std::fs::write(dir.join("provider.toml"), script).map_err(failed)?;
        let log = dir.join("log.jsonl");
        let mut command = tool.command(dir);
        command.args(["mock-provider", "--quiet", "--port", "0", "--script", "provider.toml"]);
        command.args(more);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
        let mut provider = Self { child, url: String::new(), log };
        let out = provider.child.stdout.take().ok_or("a provider without an output")?;
        BufReader::new(out).read_line(&mut provider.url).map_err(failed)?;
        provider.url.truncate(provider.url.trim_end().len());
        if provider.url.starts_with("http") {
            Ok(provider)
        } else {
            Err("the provider did not say where it is".into())
        }
    }

    /// The prompts of all requests, in the order in which they came, once all of these are over.
    pub(crate) fn prompts(&self) -> Result<Vec<String>, String> {
        for _ in 0..PATIENCE {
            let before = self.logged();
            wait(SETTLES);
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let (mut prompts, mut over) = (Vec::new(), 0);
            for line in log.lines() {
                let event: Value =
                    serde_json::from_str(line).map_err(|error| format!("the provider's log: {error}"))?;
                match event["event"].as_str() {
                    Some("received") => {
                        let last = event["texts"].as_array().and_then(|texts| texts.last());
                        prompts.extend(last.and_then(|text| text[0].as_str()).map(str::to_owned));
                    }
                    _ => over += 1,
                }
            }
            if prompts.len() == over && self.logged() == before {
                return Ok(prompts);
            }
        }
        Err("the provider is still at work after its client has gone".to_owned())
    }

    /// Bytes of its log.
    pub(crate) fn logged(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |meta| meta.len())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
