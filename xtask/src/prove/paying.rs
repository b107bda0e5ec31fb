//! A world whose texts are embedded by a provider, and what was paid for them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::calls::{Round, Tally};
use super::checker::{self, Run, When};
use super::crash::unwritable;
use super::provider::Provider;
use super::strike::{ENDED, Kill, strike};
use super::world::World;
use crate::random::Random;
use crate::tool::{Tool, count};

const CONFIG: &str = "\
[[stage]]
type = \"parse\"

[[stage]]
type = \"chunk\"
max_tokens = 64
overlap_tokens = 0

[[stage]]
type = \"embed\"
batch = BATCH
concurrency = WORKERS
dimensions = 16

[providers.openai]
hedge = \"HEDGE\"
concurrency = WORKERS
";

/// Bytes of the provider's log for a request, about.
const LOGGED: u64 = 330;

/// Paragraphs added by every change.
const ADDED: u64 = 60;

/// A run that is killed makes fewer calls than this.
const MOST_CALLS: u64 = 400;

/// Until when runs of a world are young: the time in which a process starts and sends its first calls.
const START: Duration = Duration::from_millis(300);

/// A world, its store and its provider.
pub(super) struct Paying<'a> {
    tool: &'a Tool,
    world: World,
    round: &'static Round,
    provider: Provider,
    /// The documents before each change since a run ended, the oldest first.
    olds: Vec<PathBuf>,
    /// Changes so far.
    changes: u64,
    /// Texts that the next run has to send, about.
    left: u64,
}

impl<'a> Paying<'a> {
    /// A new world that nothing was embedded of.
    pub(super) fn new(
        tool: &'a Tool,
        (dir, seed): (&Path, u64),
        round: &'static Round,
        size: (u64, u64),
    ) -> Result<Self, String> {
        let world = World::plain(dir, seed, size).map_err(|error| unwritable(&error))?;
        let hedge = if round.steady { "off" } else { "auto" };
        let config = CONFIG
            .replace("BATCH", &round.batch.to_string())
            .replace("WORKERS", &round.workers.to_string())
            .replace("HEDGE", hedge);
        let nothing = dir.join("nothing");
        let write = || {
            std::fs::write(dir.join("calls.toml"), config)?;
            std::fs::create_dir_all(&nothing)
        };
        write().map_err(|error| unwritable(&error))?;
        let provider = Provider::start(tool, dir, &format!("seed = {}\n{}", seed >> 1, round.script))?;
        Ok(Self {
            tool,
            world,
            round,
            provider,
            olds: vec![nothing],
            changes: 0,
            left: size.0 * size.1 * 2 / 3,
        })
    }

    /// A moment for a kill: mostly after some calls of the run, sometimes while the process starts.
    pub(super) fn moment(&self, random: &mut Random) -> Kill {
        if random.one_in(4) {
            let start = u64::try_from(START.as_micros()).unwrap_or(u64::MAX);
            return Kill::After(Duration::from_micros(random.below(start)));
        }
        let calls = 1 + random.below(self.calls(MOST_CALLS));
        // Where within a call is up to the bytes of its lines.
        Kill::Grown(self.provider.log.clone(), self.provider.logged() + calls * LOGGED + random.below(LOGGED))
    }

    /// So many calls as the next run probably makes, but no more than `most`.
    pub(super) fn calls(&self, most: u64) -> u64 {
        most.min(self.left).div_ceil(self.round.batch)
    }

    /// Changes, renames, copies, removes and adds documents.
    pub(super) fn change(&mut self) -> Result<(), String> {
        self.changes += 1;
        let keep = self.world.dir.join(format!("docs.{}", self.changes));
        let mut work = || {
            self.world.change()?;
            std::fs::rename(self.world.old(), &keep)?;
            self.world.add_long(ADDED)
        };
        work().map_err(|error| unwritable(&error))?;
        self.olds.push(keep);
        self.left += ADDED * 2 / 3;
        Ok(())
    }

    fn words(&self, base: &str) -> Vec<String> {
        let words = [
            "index",
            "docs",
            "--config",
            "calls.toml",
            "--store",
            "store.db",
            "--embed",
            "openai:text-embedding-3-small",
            "--base-url",
            base,
            "--allow-delete",
            "--json",
        ];
        words.map(str::to_owned).to_vec()
    }

    /// Runs and kills, and has judged what is left; whether it was killed before it ended.
    pub(super) fn killed(&mut self, kill: &Kill, tally: &mut Tally) -> Result<bool, String> {
        let base = format!("{}/v1", self.provider.url);
        let words = self.words(&base);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if !strike(self.tool, &self.world.dir, &words, kill)? {
            self.judge_ended(tally)?;
            return Ok(false);
        }
        let store = self.world.dir.join("store.db");
        checker::store_since(&store, &self.world.docs(), &self.olds)?;
        let most = self.round.workers * self.round.batch;
        let paid = self.note(Run::Killed(most), tally)?;
        self.left = self.left.saturating_sub(paid.texts - paid.in_flight);
        tally.in_flight += paid.in_flight;
        tally.fullest = tally.fullest.max((paid.in_flight, most));
        Ok(true)
    }

    /// A run to its end, judged.
    pub(super) fn end(&mut self, tally: &mut Tally) -> Result<(), String> {
        let report = self.index()?;
        let sent = self.judge_ended(tally).map_err(|error| format!("after a run that ended: {error}"))?;
        let told = count(&report, "/calls/sent")?;
        if self.round.steady && told != sent {
            return Err(format!("the report says {told} calls were sent, the provider got {sent}"));
        }
        Ok(())
    }

    /// A run that finds nothing to do must send nothing.
    pub(super) fn again(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.index()?;
        match self.judge_ended(tally)? {
            0 => Ok(()),
            sent => Err(format!("a run that found nothing to do sent {sent} calls")),
        }
    }

    fn index(&self) -> Result<Value, String> {
        let base = format!("{}/v1", self.provider.url);
        let words = self.words(&base);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.tool.json(&self.world.dir, &words, ENDED)
    }

    /// Judges a run that ended; the requests it sent.
    fn judge_ended(&mut self, tally: &mut Tally) -> Result<u64, String> {
        checker::store(&self.world.dir.join("store.db"), &self.world.docs(), When::Ended)?;
        let paid = self.note(Run::Ended, tally)?;
        self.left = 0;
        for old in self.olds.drain(..) {
            let _ = std::fs::remove_dir_all(old);
        }
        Ok(paid.sent)
    }

    fn note(&self, run: Run, tally: &mut Tally) -> Result<checker::Paid, String> {
        let paid = checker::paid(&self.world.dir, run, self.round.steady)?;
        tally.sent += paid.sent;
        tally.sent_again += paid.sent_again;
        tally.retried += paid.retried;
        tally.hedged += paid.hedged;
        Ok(paid)
    }
}
