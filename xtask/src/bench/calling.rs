//! What benches of calls share: a provider that plays a script in a process of its own, a load that the binary puts on
//! it in another, scripts as one finds them for comparison, and the judge of the provider's log.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::peers;
use crate::prove::provider::Provider;
use crate::shell::python;
use crate::tool::{Build, Tool, finish, tail};

/// The model that all benches call for vectors.
pub(super) const EMBED: &str = "openai:text-embedding-3-small";

/// Where a bench of calls takes place.
pub(super) struct Place {
    tool: Tool,
    dir: TempDir,
    /// Contestants so far: each has a folder and a provider of its own, so that none inherits another's quota.
    rounds: std::cell::Cell<u32>,
}

/// One provider with a folder for its log and for what is put on it.
pub(super) struct Round<'a> {
    place: &'a Place,
    folder: PathBuf,
    provider: Provider,
}

impl Place {
    /// Builds the binary.
    pub(super) fn new() -> Result<Self, String> {
        let tool = Tool::build(Build::Release)?;
        // On the disk of the workspace: a temporary folder is often memory, which a journal would take from others.
        let dir = tempfile::tempdir_in(crate::shell::target());
        let dir = dir.map_err(|error| format!("no temporary folder: {error}"))?;
        Ok(Self { tool, dir, rounds: std::cell::Cell::default() })
    }

    /// A provider that plays `script` and logs what it is asked.
    pub(super) fn logged(&self, script: &str) -> Result<Round<'_>, String> {
        let folder = self.folder()?;
        let provider = Provider::start(&self.tool, &folder, script)?;
        Ok(Round { place: self, folder, provider })
    }

    /// The same without a log, which would cost the provider a part of the machine.
    pub(super) fn silent(&self, script: &str) -> Result<Round<'_>, String> {
        let folder = self.folder()?;
        let provider = Provider::start_silent(&self.tool, &folder, script)?;
        Ok(Round { place: self, folder, provider })
    }

    fn folder(&self) -> Result<PathBuf, String> {
        self.rounds.set(self.rounds.get() + 1);
        let folder = self.dir.path().join(self.rounds.get().to_string());
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }
}

impl Round<'_> {
    /// Puts a load on the provider with tidegate, whose settings of the provider are `settings` in TOML.
    pub(super) fn ours(&self, name: &str, settings: &str, words: &[&str]) -> Result<Line, String> {
        let config = format!("[providers.openai]\nbase_url = \"{}/v1\"\n{settings}\n", self.provider.url);
        let path = self.folder.join("bench.toml");
        std::fs::write(&path, config).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = self.place.tool.command(&self.folder);
        // A key of the user's has no business here.
        command.env_remove("OPENAI_API_KEY");
        command.args(["debug", "calls", "--config", "bench.toml"]).args(words);
        let ran = finish(&mut command)?;
        let line = serde_json::from_str(&ran.stdout).map_err(|_| {
            format!("`tidegate debug calls` ended with {:?}: {}", ran.code, tail(&ran.stderr))
        })?;
        Ok(Line { name: name.to_owned(), line })
    }

    /// Where the provider is.
    pub(super) fn url(&self) -> &str {
        &self.provider.url
    }

    /// Has a map job ask about so many rows, so many at once; its report. The rows must come out in their order.
    pub(super) fn maps(&self, rows: u64, at_once: u64) -> Result<Value, String> {
        let write = |name: &str, text: String| {
            std::fs::write(self.folder.join(name), text).map_err(|error| format!("{name}: {error}"))
        };
        let row = |n: u64| format!("{{\"id\":{n},\"text\":\"the text of row {n}\"}}\n");
        write("in.jsonl", (0..rows).map(row).collect())?;
        let step = "[[step]]\nname = \"label\"\nmodel = \"toy:m\"\nprompt = \"About: {{ text }}\"\n";
        let url = &self.provider.url;
        write(
            "job.toml",
            format!("{step}[providers.toy]\nbase_url = \"{url}/v1\"\nconcurrency = {at_once}\n"),
        )?;
        let mut command = self.place.tool.command(&self.folder);
        command.args(["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--json"]);
        let ran = finish(&mut command)?;
        let report: Value = serde_json::from_str(&ran.stdout)
            .map_err(|_| format!("`tidegate map` ended with {:?}: {}", ran.code, tail(&ran.stderr)))?;
        let text = std::fs::read_to_string(self.folder.join("out.jsonl"))
            .map_err(|error| format!("out.jsonl: {error}"))?;
        let begins = |(n, line): (usize, &str)| line.starts_with(&format!("{{\"id\":{n},"));
        if text.lines().count() as u64 != rows || !text.lines().enumerate().all(begins) {
            return Err("the rows did not come out whole and in their order".to_owned());
        }
        Ok(report)
    }

    /// Lets a script as one finds it make the same calls.
    pub(super) fn theirs(&self, mode: &str, words: &[&str]) -> Result<Line, String> {
        let words = [&[mode, "--url", &self.provider.url][..], words].concat();
        let mut lines = peers::script("calls.py", &words)?;
        let line = lines.pop().ok_or_else(|| format!("the script {mode} printed nothing"))?;
        let name = line["name"].as_str().unwrap_or(mode).to_owned();
        Ok(Line { name, line })
    }

    /// Ends the provider and has its log judged. What breaks a bound is told under `violations`.
    pub(super) fn judged(self, bounds: &[&str]) -> Result<Value, String> {
        let log = self.provider.log.clone();
        drop(self.provider);
        let mut command = python();
        command.arg("xtask/checker/check_calls.py").arg(log).args(bounds);
        let ran = finish(&mut command)?;
        serde_json::from_str(&ran.stdout).map_err(|_| format!("the judge failed: {}", tail(&ran.stderr)))
    }

    /// The lines of the log so far.
    pub(super) fn log(&self) -> Result<Vec<Value>, String> {
        let text = std::fs::read_to_string(&self.provider.log)
            .map_err(|error| format!("{}: {error}", self.provider.log.display()))?;
        // The last line may just be being written.
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// A path in the folder of this round.
    pub(super) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }
}

/// What a contestant printed; ours and the scripts' have their own names for some of it.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) line: Value,
}

impl Line {
    fn number(&self, names: [&str; 2]) -> f64 {
        names.iter().find_map(|name| self.line[*name].as_f64()).unwrap_or(f64::NAN)
    }

    /// Seconds from the first call to the last answer.
    pub(super) fn seconds(&self) -> f64 {
        self.number(["seconds", "wall_seconds"])
    }

    /// CPU microseconds of a call.
    pub(super) fn cpu_us(&self) -> f64 {
        self.number(["cpu_us_per_call", "cpu_us_per_record"])
    }

    /// The most memory.
    pub(super) fn peak(&self) -> u64 {
        self.number(["memory_peak_bytes", "peak_rss_bytes"]) as u64
    }

    /// Any other number by its name.
    pub(super) fn at(&self, name: &str) -> f64 {
        self.number([name, name])
    }

    /// Texts that were not answered.
    pub(super) fn lost(&self) -> u64 {
        self.at("lost") as u64
    }

    /// Texts that were answered, by the contestant's own account.
    pub(super) fn ok(&self) -> u64 {
        self.at("ok") as u64
    }

    /// For the line of JSON.
    pub(super) fn json(&self, judged: Option<&Value>) -> Value {
        let mut line = json!({"name": self.name});
        for (key, value) in self.line.as_object().into_iter().flatten().filter(|(key, _)| *key != "name") {
            line[key] = value.clone();
        }
        if let Some(judged) = judged {
            line["judged"] = judged.clone();
        }
        line
    }
}

/// What a bench aims at, and what came of it.
#[derive(Default)]
pub(super) struct Aims {
    lines: Vec<Value>,
    broken: Vec<String>,
}

impl Aims {
    /// A figure that is to be at most `most`. A machine that is busy may miss it.
    pub(super) fn at_most(&mut self, what: &str, figure: f64, most: f64) {
        self.tell(what, figure, &format!("at most {most}"), figure <= most);
    }

    /// A figure that is to be at least `least`.
    pub(super) fn at_least(&mut self, what: &str, figure: f64, least: f64) {
        self.tell(what, figure, &format!("at least {least}"), figure >= least);
    }

    /// A number that must be exactly `wanted` on any machine: if it is not, the bench has failed.
    pub(super) fn exactly(&mut self, what: &str, figure: u64, wanted: u64) {
        self.tell(what, figure as f64, &wanted.to_string(), figure == wanted);
        if figure != wanted {
            self.broken.push(format!("{what}: {figure} instead of {wanted}"));
        }
    }

    fn tell(&mut self, what: &str, figure: f64, aim: &str, met: bool) {
        let shown = (figure * 1e4).round() / 1e4;
        println!("{}  {what}: {shown} (aim: {aim})", if met { "met  " } else { "SHORT" });
        self.lines.push(json!({"what": what, "figure": shown, "aim": aim, "met": met}));
    }

    /// The figures for the line of JSON.
    pub(super) fn end(self, mut figures: Value) -> Result<Value, String> {
        if !self.broken.is_empty() {
            return Err(format!("{}\n{figures}", self.broken.join("; ")));
        }
        figures["aims"] = self.lines.into();
        Ok(figures)
    }
}
