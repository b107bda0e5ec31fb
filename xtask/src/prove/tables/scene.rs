//! A job whose output is a table of parts or compressed, and what a run that nobody killed makes of the same rows.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use super::reading;
use crate::prove::crash::unwritable;
use crate::prove::provider::Provider;
use crate::prove::strike::{ENDED, Kill, strike};
use crate::tool::{Tool, count, tail};

/// Requests in flight at most.
const AT_ONCE: u64 = 4;
/// So few records in flight that they are committed by the dozen.
const JOB: &str = "\
[[step]]
name = \"label\"
model = \"toy:m\"
prompt = \"What is this about? {{ text }}\"
max_tokens = 100

[providers.toy]
base_url = \"URL/v1\"
concurrency = AT_ONCE

[limits]
in_flight = 12
";
const RETRY: &[&str] = &["quarantine", "retry", "--all", "--json"];
/// Of the rows that are added before a retry, one in so many is no record.
const BROKEN: u64 = 5;

/// A job and its provider.
pub(super) struct Scene<'a> {
    tool: &'a Tool,
    dir: &'a Path,
    out: &'static str,
    provider: Provider,
    /// Rows of the input.
    rows: u64,
    /// What a run that nobody kills writes of all rows there will be.
    whole: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
    /// Lines above the first row.
    head: usize,
    /// Lines that a reader saw last.
    seen: usize,
    /// Calls that may have been sent again, because they were in flight at a kill.
    again: u64,
}

impl<'a> Scene<'a> {
    /// In an empty folder; the input will have `total` rows at the end.
    pub(super) fn new(
        tool: &'a Tool,
        (dir, out): (&'a Path, &'static str),
        total: u64,
    ) -> Result<Self, String> {
        let apart = dir.join("apart");
        std::fs::create_dir_all(&apart).map_err(|error| unwritable(&error))?;
        let silent = Provider::start_silent(tool, &apart, "")?;
        write(&apart, "job.toml", &job_at(&silent.url))?;
        write(dir, "in.jsonl", &lines(0..total, total))?;
        tool.json(&apart, &["map", "job.toml", "../in.jsonl", "-o", out, "--json"], &[0])?;
        let (whole, files) = (reading::lines(tool, &apart, out)?, reading::files(&apart, out)?);
        let head = usize::from(out.contains(".csv"));
        if whole.len() as u64 != total + head as u64 {
            return Err(format!("the run that nobody killed wrote {} lines of {total} rows", whole.len()));
        }
        let provider = Provider::start(tool, dir, "")?;
        write(dir, "job.toml", &job_at(&provider.url))?;
        write(dir, "in.jsonl", "")?;
        Ok(Self { tool, dir, out, provider, rows: 0, whole, files, head, seen: 0, again: 0 })
    }

    fn map(&self) -> [&'static str; 6] {
        ["map", "job.toml", "in.jsonl", "-o", self.out, "--json"]
    }

    /// What is there of the rows so far when all are.
    fn expected(&self) -> &[String] {
        &self.whole[..self.head + self.rows as usize]
    }

    /// Appends rows to the input and has the run over them killed; whether it was. What is there then is the beginning
    /// of what there will be.
    pub(super) fn grown(&mut self, more: u64, kill: &Kill) -> Result<bool, String> {
        self.rows += more;
        write(self.dir, "in.jsonl", &lines(0..self.rows, self.rows))?;
        let killed = strike(self.tool, self.dir, &self.map(), kill)?;
        self.again += in_flight(kill);
        let seen = self.read()?;
        if !self.expected().starts_with(&seen) {
            return Err(format!("{} lines are there, and they are not the first", seen.len()));
        }
        // Rows of a compressed file that are not committed yet are cut off by the next run, which writes them again.
        if self.out.ends_with(".parquet") && seen.len() < self.seen {
            return Err(format!("{} rows were there, and {} are", self.seen, seen.len()));
        }
        self.seen = seen.len();
        self.paid().map(|()| killed)
    }

    /// A run that nobody kills.
    pub(super) fn ended(&mut self) -> Result<(), String> {
        self.tool.json(self.dir, &self.map(), &[0])?;
        self.is_whole()
    }

    /// Appends rows, some of which are no records, has a run end with those in the quarantine, mends them, and has the
    /// retry killed; `replaced` says whether the new output has the old one's place then. Whether it was killed.
    pub(super) fn retried(&mut self, more: u64, kill: &Kill, replaced: bool) -> Result<bool, String> {
        let good = self.rows;
        self.rows += more;
        write(self.dir, "in.jsonl", &lines(0..self.rows, good))?;
        self.tool.json(self.dir, &self.map(), ENDED)?;
        let old = self.read()?;
        if old.len() >= self.expected().len() {
            return Err("nothing was put aside".to_owned());
        }
        write(self.dir, "in.jsonl", &lines(0..self.rows, self.rows))?;
        let killed = strike(self.tool, self.dir, RETRY, kill)?;
        self.again += in_flight(kill);
        let seen = self.read()?;
        let wanted = if killed && !replaced { &old[..] } else { self.expected() };
        if seen != wanted {
            return Err(format!("{} lines are there of {}, from {}", seen.len(), wanted.len(), old.len()));
        }
        Ok(killed)
    }

    /// What a user does next: a run, where the mended rows are in their places, else the retry once more.
    pub(super) fn mended(&mut self, replaced: bool) -> Result<(), String> {
        if !replaced {
            let again = self.tool.run(self.dir, RETRY)?;
            if again.code != Some(0) {
                return Err(format!("the retry ended with {:?}: {}", again.code, tail(&again.stderr)));
            }
            self.is_whole().map_err(|error| format!("after the retry: {error}"))?;
        }
        let report = self.tool.json(self.dir, &self.map(), &[0])?;
        if count(&report, "/calls/sent")? > 0 {
            return Err("a run that finds nothing to do sent calls".to_owned());
        }
        self.is_whole()
    }

    /// Kills the run that comes next as well.
    pub(super) fn struck_again(&mut self, kill: &Kill) -> Result<bool, String> {
        strike(self.tool, self.dir, &self.map(), kill)
    }

    /// All rows so far are there, nothing was paid for twice, and nothing lies about.
    fn is_whole(&self) -> Result<(), String> {
        let seen = self.read()?;
        if seen != self.expected() {
            let same = seen.iter().zip(self.expected()).take_while(|(a, b)| a == b).count();
            return Err(format!(
                "{} lines of {} are there, and line {same} is another",
                seen.len(),
                self.expected().len()
            ));
        }
        let left = reading::left_behind(self.dir, self.out);
        if !left.is_empty() {
            return Err(format!("this was left behind: {}", left.join(", ")));
        }
        self.paid()
    }

    /// What came of it all is what a run made that nobody killed, byte for byte.
    pub(super) fn judge(&mut self) -> Result<(), String> {
        self.is_whole()?;
        let files = reading::files(self.dir, self.out)?;
        if files != self.files {
            let differ = self.files.iter().filter(|(name, bytes)| files.get(*name) != Some(bytes)).count();
            return Err(format!(
                "of {} files {differ} are others than those of a run that nobody killed, and there are {}",
                self.files.len(),
                files.len()
            ));
        }
        Ok(())
    }

    fn read(&self) -> Result<Vec<String>, String> {
        reading::lines(self.tool, self.dir, self.out)
    }

    /// Only what was in flight at a kill was asked again.
    fn paid(&self) -> Result<(), String> {
        let prompts = self.provider.prompts()?;
        let again = prompts.len() - prompts.iter().collect::<HashSet<_>>().len();
        if again as u64 > self.again {
            return Err(format!("{again} calls were sent again, and {} were in flight at kills", self.again));
        }
        Ok(())
    }
}

/// How many calls may be in flight at a kill: none once all rows are written.
fn in_flight(kill: &Kill) -> u64 {
    let late = ["table.swap.", "whole.", "retry."];
    match kill.point() {
        Some(point) if late.iter().any(|late| point.starts_with(late)) => 0,
        _ => AT_ONCE,
    }
}

fn job_at(url: &str) -> String {
    JOB.replace("URL", url).replace("AT_ONCE", &AT_ONCE.to_string())
}

/// Rows as lines; from row `good` on, some are no records.
fn lines(rows: std::ops::Range<u64>, good: u64) -> String {
    rows.fold(String::new(), |mut text, n| {
        let _ = match n >= good && n % BROKEN == 3 {
            true => writeln!(text, "{{\"n\":{n},\"text\":"),
            false => writeln!(text, "{{\"n\":{n},\"text\":\"row {n} of so many\",\"score\":{n}.5}}"),
        };
        text
    })
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), String> {
    std::fs::write(dir.join(name), text).map_err(|error| unwritable(&error))
}
