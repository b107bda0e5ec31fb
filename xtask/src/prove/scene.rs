//! A world, its store, and rounds in which a run over its changes is killed and the next one ends.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::checker::{self, Counted, When};
use super::crash::{Tally, unwritable};
use super::strike::{ENDED, Kill, Stopped, drain, strike};
use super::world::World;
use crate::readme::hits;
use crate::tool::{Tool, count, tail};

/// Options that make one chunk of a paragraph, so that a marker is in one chunk only.
const INDEX: &[&str] =
    &["index", "docs", "--store", "store.db", "--overlap", "0", "--chunk-tokens", "64", "--json"];

/// The same with so few documents in flight that a run asked to stop leaves some undone.
const NARROW: &[&str] = &["index", "docs", "--config", "narrow.toml", "--store", "store.db", "--json"];
const NARROW_CONFIG: &str = "\
[[stage]]
type = \"parse\"

[[stage]]
type = \"chunk\"
max_tokens = 64
overlap_tokens = 0

[[stage]]
type = \"embed\"

[limits]
in_flight = 4
drain = \"DRAIN\"
";

/// About how long the first run over a new world takes, which makes the store.
const FIRST: Duration = Duration::from_millis(400);

/// A world, its store, and how long a run takes.
pub(crate) struct Scene<'a> {
    tool: &'a Tool,
    pub(crate) world: World,
    /// How long an undisturbed run over a few changes takes.
    usual: Duration,
}

impl<'a> Scene<'a> {
    /// A new world, indexed twice without disturbance and found sound.
    pub(crate) fn new(tool: &'a Tool, dir: &Path, seed: u64) -> Result<Self, String> {
        let world = World::new(dir, seed).map_err(|error| unwritable(&error))?;
        let mut scene = Self { tool, world, usual: Duration::ZERO };
        scene.undisturbed()?;
        scene.change()?;
        scene.usual = scene.undisturbed()?;
        Ok(scene)
    }

    /// A new world whose very first run is killed.
    pub(crate) fn young(tool: &'a Tool, dir: &Path, seed: u64, tally: &mut Tally) -> Result<Self, String> {
        let mut world = World::new(dir, seed).map_err(|error| unwritable(&error))?;
        world.forget().map_err(|error| unwritable(&error))?;
        let mut scene = Self { tool, world, usual: FIRST };
        let moment = scene.moment();
        let within = |error| format!("first run killed after {moment:?}: {error}");
        scene.round(&Kill::After(moment), false, tally).map_err(within)?;
        scene.change()?;
        scene.usual = scene.undisturbed()?;
        Ok(scene)
    }

    /// A run that nothing disturbs; how long it took.
    fn undisturbed(&self) -> Result<Duration, String> {
        let start = Instant::now();
        self.tool.json(&self.world.dir, INDEX, ENDED)?;
        let took = start.elapsed();
        let counted = self.judge(When::Ended);
        counted.map(|_| took).map_err(|error| format!("even without a kill: {error}"))
    }

    fn judge(&self, when: When<'_>) -> Result<Counted, String> {
        checker::store(&self.world.dir.join("store.db"), &self.world.docs(), when)
    }

    fn judge_killed(&self) -> Result<Counted, String> {
        let judged = self.judge(When::Killed { old: &self.world.old() });
        judged.map_err(|error| format!("after the kill: {error}"))
    }

    /// Changes some documents.
    pub(crate) fn change(&mut self) -> Result<(), String> {
        self.world.change().map_err(|error| unwritable(&error))
    }

    /// A moment within a usual run.
    pub(crate) fn moment(&mut self) -> Duration {
        let usual = u64::try_from(self.usual.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.world.random().below(usual))
    }

    /// One run that is killed, perhaps a second, and one that ends; the store is judged after each. Whether the
    /// first was killed.
    pub(crate) fn round(&mut self, kill: &Kill, compare: bool, tally: &mut Tally) -> Result<bool, String> {
        tally.round();
        let Some(mut left) = self.killed(INDEX, kill, tally)? else {
            self.end(None, tally)?;
            return Ok(false);
        };
        if self.world.random().one_in(4) {
            let moment = self.moment();
            left = self.killed(INDEX, &Kill::After(moment), tally)?.unwrap_or(left);
        }
        self.end(Some(left), tally)?;
        if compare {
            self.same_as_fresh()?;
        }
        Ok(true)
    }

    /// Runs and kills; what the store then held, or nothing if the run ended before.
    fn killed(&self, words: &[&str], kill: &Kill, tally: &mut Tally) -> Result<Option<Counted>, String> {
        if !strike(self.tool, &self.world.dir, words, kill)? {
            return Ok(None);
        }
        tally.note(kill);
        self.judge_killed().map(Some)
    }

    /// The run after a kill, which ends. What it embedded must all be new in the journal: nothing paid for is paid
    /// for again.
    fn end(&self, left: Option<Counted>, tally: &mut Tally) -> Result<(), String> {
        let report = self.tool.json(&self.world.dir, INDEX, ENDED)?;
        let ended = self.judge(When::Ended)?;
        let Some(left) = left else { return Ok(()) };
        let embedded = count(&report, "/embedded/texts")?;
        let added = ended.journal.saturating_sub(left.journal);
        tally.embedded_again += embedded.saturating_sub(added);
        if embedded > added {
            return Err(format!(
                "embedded {embedded} texts, of which only {added} were not in the journal already"
            ));
        }
        Ok(())
    }

    /// What was embedded for a commit must be in the journal when the commit begins: all documents that changed
    /// have new text, so a run killed there leaves more vectors than there were.
    pub(crate) fn edited(&mut self, tally: &mut Tally) -> Result<bool, String> {
        tally.round();
        let before = self.judge(When::Ended)?;
        self.world.edit_some().map_err(|error| unwritable(&error))?;
        let Some(left) = self.killed(INDEX, &Kill::Point("store.commit.begin", 1), tally)? else {
            return Ok(false);
        };
        if left.journal <= before.journal {
            return Err("what was embedded is not in the journal when its commit begins".to_owned());
        }
        self.end(Some(left), tally)?;
        Ok(true)
    }

    /// Documents so large that they are staged: a new one, killed twice, and the same one changed.
    pub(crate) fn large(&mut self, at: (&'static str, u64), tally: &mut Tally) -> Result<bool, String> {
        tally.round();
        self.world.add_large().map_err(|error| unwritable(&error))?;
        let Some(mut left) = self.killed(INDEX, &Kill::Point(at.0, at.1), tally)? else { return Ok(false) };
        left = self.killed(INDEX, &Kill::Point(at.0, at.1 + 1), tally)?.unwrap_or(left);
        self.end(Some(left), tally)?;
        self.world.edit_large().map_err(|error| unwritable(&error))?;
        let left = self.killed(INDEX, &Kill::Point(at.0, at.1), tally)?;
        self.end(left, tally)?;
        Ok(true)
    }

    /// A first run over the world in which it is asked to stop: with time to finish what is in flight, without, and
    /// killed while it drains. The report of a run that drained must agree with what is durable.
    pub(crate) fn drained(&mut self, at: (&'static str, u64), tally: &mut Tally) -> Result<bool, String> {
        let dir = self.world.dir.clone();
        self.world.forget().map_err(|error| unwritable(&error))?;
        for patience in ["0s", "25s"] {
            tally.round();
            let config = NARROW_CONFIG.replace("DRAIN", patience);
            std::fs::write(dir.join("narrow.toml"), config).map_err(|error| unwritable(&error))?;
            remove_store(&dir, "store.db");
            if !drain(self.tool, &dir, NARROW, at)? {
                return Ok(false);
            }
            self.judge(When::Stopped { old: &self.world.old() })
                .map_err(|error| format!("after a drain of {patience}: {error}"))?;
        }
        tally.round();
        let left = self.killed(NARROW, &Kill::Draining(at.0, at.1), tally)?;
        let killed = left.is_some();
        self.end(left, tally)?;
        self.same_as_fresh()?;
        Ok(killed)
    }

    /// While a run stands still, a second one must be refused; a run that another machine took over from must not
    /// write an outcome when it goes on.
    pub(crate) fn fenced(&mut self, at: (&str, u64), tally: &mut Tally) -> Result<bool, String> {
        tally.round();
        self.change()?;
        let dir = self.world.dir.clone();
        let first = Stopped::at(self.tool, &dir, INDEX, at)?;
        let second = self.tool.run(&dir, INDEX)?;
        if second.code != Some(2) || !second.stderr.contains("held by pid") {
            let shown = tail(&second.stderr);
            return Err(format!("a second run beside a living one ended with {:?}: {shown}", second.code));
        }
        checker::take_over(&dir.join("store.db"))?;
        let ended = first.go_on()?;
        if ended.code.is_none_or(|code| ENDED.contains(&code)) {
            return Err(format!("a run that another took over from ended with {:?}", ended.code));
        }
        let left = self.judge_killed()?;
        self.end(Some(left), tally)?;
        Ok(true)
    }

    /// Searches must answer as in a store that was never disturbed.
    fn same_as_fresh(&mut self) -> Result<(), String> {
        remove_store(&self.world.dir, "fresh.db");
        let mut words = INDEX.to_vec();
        words[3] = "fresh.db";
        self.tool.json(&self.world.dir, &words, ENDED)?;
        checker::store(&self.world.dir.join("fresh.db"), &self.world.docs(), When::Ended)
            .map_err(|error| format!("the fresh store: {error}"))?;
        let queries = self.world.some_markers(1).map_err(|error| unwritable(&error))?;
        for query in queries.iter().map(String::as_str).chain(["glacier thunder velvet"]) {
            for mode in ["text", "vector", "hybrid"] {
                let disturbed = answers(self.tool, &self.world.dir, "store.db", (query, mode))?;
                let undisturbed = answers(self.tool, &self.world.dir, "fresh.db", (query, mode))?;
                if disturbed != undisturbed {
                    return Err(format!(
                        "searching {query:?} ({mode}) answers {disturbed:?}, in a fresh store {undisturbed:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

fn remove_store(dir: &Path, name: &str) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(PathBuf::from(dir).join(format!("{name}{suffix}")));
    }
}

/// A hit: its score to four places, its source and its text.
pub(super) type Answer = (String, String, String);

/// The answer of a search, without what may differ: hits of equal score come in any order.
pub(super) fn answers(
    tool: &Tool,
    dir: &Path,
    store: &str,
    (query, mode): (&str, &str),
) -> Result<Vec<Answer>, String> {
    let words = ["search", query, "--store", store, "--mode", mode, "--limit", "10", "--json"];
    let answer = tool.json(dir, &words, &[0])?;
    let text = |hit: &Value, key: &str| hit[key].as_str().unwrap_or_default().to_owned();
    let mut out: Vec<_> = hits(&answer)?
        .iter()
        .map(|hit| {
            (
                format!("{:.4}", hit["score"].as_f64().unwrap_or(f64::NAN)),
                text(hit, "source"),
                text(hit, "text"),
            )
        })
        .collect();
    // Of hits that tie for the last place, either may be left out.
    let last = out.last().map(|hit| hit.0.clone());
    if out.len() == 10 {
        out.retain(|hit| Some(&hit.0) != last.as_ref());
    }
    out.sort();
    Ok(out)
}
