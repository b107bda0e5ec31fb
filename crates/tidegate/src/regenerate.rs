//! Building a new generation of a store: with other vectors, or with other chunks.
//!
//! Where only what makes vectors changes, the new generation takes the chunks of the active one over and the sources
//! are not needed. Where texts are cut or read differently, everything that the store remembers to have been indexed
//! is read again. Either way it is a number of ordinary runs that write into the new generation, and then a switch:
//!
//! ```no_run
//! # async fn demo(resolved: tidegate::config::Resolved) -> Result<(), tidegate::core::Fault> {
//! use tidegate::{JobOptions, Regeneration, Settled, StopHandle};
//! let mut regeneration = Regeneration::begin(&resolved).await?;
//! loop {
//!     while let Some(step) = regeneration.next_step() {
//!         let finished = regeneration.open(step, JobOptions::default()).await?.run(StopHandle::new()).await;
//!         assert!(finished.fault.is_none());
//!     }
//!     match regeneration.settle().await? {
//!         Settled::Again => {} // documents changed meanwhile; what is as it was costs nothing
//!         Settled::Switched(_) | Settled::Lacks { .. } => break,
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Whoever brings an embedder that no setting names (a table fitted to the corpus) begins with
//! [`Regeneration::begin_with`]; its identity is the generation's, and what embeds questions is chosen by that
//! identity in `questions.rs`.

use std::collections::VecDeque;

use serde_json::json;
use tidegate_core::{Fault, FaultKind};
use tidegate_store::{
    Building, DocumentGroup, Guard, NewGeneration, OpenMode, Settings, Store, Switch, Switched,
};

use crate::config::{Config, ModelRef, Origin, Origins, Resolved, Sink, Stage};
use crate::embedding::{Local, identity_of};
use crate::job::{Job, JobOptions, Target};
use crate::remembered::{configs_that_read, remembered};
use crate::services::Services;
use crate::tables;
use crate::takeover::Takeover;

/// So often documents are taken over again because they changed meanwhile.
const MOST_ROUNDS: u32 = 50;

/// A generation that is being built.
pub struct Regeneration {
    building: Building,
    way: Way,
    /// What was asked for, which says where the store is and how much a run may use.
    typed: Config,
    /// Whether a source was named.
    given: bool,
    plans: Vec<Plan>,
    embedder: Option<Local>,
    steps: VecDeque<Step>,
    rounds: u32,
}

/// How a generation comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Chunks are taken over, vectors are new.
    Takeover,
    /// Sources are read again.
    Reading,
}

/// One source of one pipeline, as it was indexed and as it is to be.
struct Plan {
    old: Option<Config>,
    new: Config,
}

/// One run on the way to a new generation.
#[derive(Debug, Clone)]
pub struct Step {
    config: Config,
    takeover: Option<Takeover>,
    /// Whether its source was named now, and not only remembered.
    given: bool,
}

impl Step {
    /// What it runs with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether its source was named now. One that is only remembered may be gone without being missed.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.given
    }
}

/// What came of the attempt to switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The new generation is the active one.
    Switched(Switched),
    /// Documents changed while they were taken over; there are further steps.
    Again,
    /// It lacks more documents of the active one than the guard lets go.
    Lacks {
        /// Documents it lacks.
        lost: u64,
        /// Documents of the active one.
        known: u64,
    },
}

impl Regeneration {
    /// Begins a generation with what `resolved` sets, or goes on with the one that was begun so. What nobody set is as
    /// it was when each source was last indexed.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: no store, an embedder that is not there, another generation being built;
    /// [`FaultKind::Guarded`] while another process builds it; storage faults.
    pub async fn begin(resolved: &Resolved) -> Result<Self, Fault> {
        Self::begin_with(resolved, None).await
    }

    /// The same with an embedder that no setting names.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(crate) async fn begin_with(resolved: &Resolved, embedder: Option<Local>) -> Result<Self, Fault> {
        let typed = resolved.config.clone();
        let store = open(&typed)?;
        let active = store.active_settings()?;
        let plans = plans(resolved, active.settings);
        let services = Services::new(&typed)?;
        let embedder = match embedder {
            None => fitted(resolved, (&store, &plans))?,
            given => given,
        };
        let (identity, dimensions) = match &embedder {
            Some(local) => (local.embedder.identity().to_owned(), local.embedder.dimensions()),
            // Where nothing says how it was indexed, what is set now applies to all that is stored.
            None if plans.is_empty() => identity_of(&typed, &services)?.unwrap_or_default(),
            None => common(&plans, &services)?,
        };
        let way = if plans.iter().all(|plan| plan.keeps_texts(embedder.as_ref())) {
            Way::Takeover
        } else {
            Way::Reading
        };
        let settings = spelled(way, &plans);
        let building =
            store.build_generation(NewGeneration { embedder: identity, dimensions, settings }).await?;
        let given = resolved.names_source();
        let mut regeneration =
            Self { building, way, typed, given, plans, embedder, steps: VecDeque::new(), rounds: 0 };
        regeneration.steps = match way {
            Way::Takeover => regeneration.takeovers()?,
            Way::Reading => regeneration.readings(),
        };
        Ok(regeneration)
    }

    /// The number of the generation.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.building.id()
    }

    /// Whether an earlier run began it.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.building.resumed()
    }

    /// Whether chunks are taken over, so that no source is read.
    #[must_use]
    pub fn takes_over(&self) -> bool {
        self.way == Way::Takeover
    }

    /// The next run.
    pub fn next_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// Makes a run ready.
    ///
    /// # Errors
    /// As [`Job::open`].
    pub async fn open(&self, step: Step, options: JobOptions<'_>) -> Result<Job, Fault> {
        let target = Target {
            into: Some(self.building.id()),
            takeover: step.takeover,
            embedder: self.embedder.clone(),
        };
        Job::open_into(&step.config, options, target).await
    }

    /// Switches to the generation, if everything that belongs into it is there.
    ///
    /// # Errors
    /// [`FaultKind::StorageBusy`] where documents change faster than they are taken over,
    /// [`FaultKind::Fenced`] if another builder took over; storage faults.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it either switched or not.
    pub async fn settle(&mut self) -> Result<Settled, Fault> {
        let sweep = self.typed.sweep.policy();
        let guard = Guard { allow: sweep.allow_delete, max_share: sweep.max_share, ..Guard::default() };
        let carried = (self.way == Way::Takeover).then(|| self.fingerprints());
        match self.building.switch(guard, carried).await? {
            Switch::Done(switched) => Ok(Settled::Switched(switched)),
            Switch::Lacks { lost, known } => Ok(Settled::Lacks { lost, known }),
            Switch::Behind(_) if self.rounds < MOST_ROUNDS => {
                self.rounds += 1;
                self.steps = self.takeovers()?;
                Ok(Settled::Again)
            }
            Switch::Behind(count) => {
                let message = format!("{count} documents changed again while they were taken over");
                Err(Fault::new(FaultKind::StorageBusy, message)
                    .hint("run it again when less is being indexed; what is done is kept"))
            }
        }
    }

    /// Under which fingerprints documents of the active generation go on.
    fn fingerprints(&self) -> Vec<(String, String)> {
        let pair = |plan: &Plan| Some((plan.old.as_ref()?.fingerprint(), plan.new.fingerprint()));
        let mut pairs: Vec<_> = self.plans.iter().filter_map(pair).collect();
        pairs.dedup_by(|one, other| one.0 == other.0);
        pairs
    }

    /// A run for every pipeline and configuration of what the active generation holds.
    fn takeovers(&self) -> Result<VecDeque<Step>, Fault> {
        let store = self.building.store();
        let from = store.active_generation()?;
        let mut groups = store.stored_groups(from)?;
        for plan in self.plans.iter().filter(|plan| plan.old.is_some()) {
            let pipeline = &plan.new.pipeline.name;
            if groups.iter().all(|group| group.pipeline != *pipeline) {
                // Nothing of it is stored, but what it put aside and how it is run is to be known as well.
                groups.push(DocumentGroup {
                    pipeline: pipeline.clone(),
                    fingerprint: String::new(),
                    documents: 0,
                });
            }
        }
        groups.into_iter().map(|group| self.takeover(from, group)).collect()
    }

    fn takeover(&self, from: i64, group: DocumentGroup) -> Result<Step, Fault> {
        let of_pipeline = |plan: &&Plan| plan.new.pipeline.name == group.pipeline;
        let made = |plan: &&Plan| plan.old.as_ref().is_some_and(|old| old.fingerprint() == group.fingerprint);
        let exact = self.plans.iter().filter(of_pipeline).find(made);
        let mut config = match exact.or_else(|| self.plans.iter().find(of_pipeline)) {
            Some(plan) => plan.new.clone(),
            None => self.typed.clone(),
        };
        config.pipeline.name.clone_from(&group.pipeline);
        // What no configuration explains keeps its fingerprint, so that the next run over its source reads it again.
        let fingerprint = exact.map_or_else(|| group.fingerprint.clone(), |plan| plan.new.fingerprint());
        let plans = self.plans.iter().filter(|plan| plan.old.is_some()).filter(of_pipeline);
        let settings: Result<Vec<Settings>, Fault> = plans.map(|plan| remembered(&plan.new)).collect();
        let takeover = Takeover { from, group, fingerprint, settings: settings? };
        Ok(Step { config, takeover: Some(takeover), given: false })
    }

    /// A run for every source.
    fn readings(&self) -> VecDeque<Step> {
        let step = |plan: &Plan| {
            let given = self.given && plan.new.source == self.typed.source;
            Step { config: plan.new.clone(), takeover: None, given }
        };
        self.plans.iter().map(step).collect()
    }
}

impl Plan {
    /// Whether chunks stay as they are, and are not much longer than the embedder reads.
    fn keeps_texts(&self, embedder: Option<&Local>) -> bool {
        let Some(old) = &self.old else { return true }; // nothing of it is stored
        let longest = match embedder {
            Some(local) => local.longest,
            None => {
                self.new.embed().and_then(|embed| Local::open(embed).ok()?).and_then(|local| local.longest)
            }
        };
        let most = self.new.chunk().map_or(0, |chunk| chunk.max_tokens);
        // The end of the longest chunks may be cut off: a tenth of a chunk does not change what it is about.
        old.text_fingerprint() == self.new.text_fingerprint()
            && longest.is_none_or(|longest| most <= longest + longest / 10)
    }
}

fn open(config: &Config) -> Result<Store, Fault> {
    if config.sink != Sink::Store {
        return Err(Fault::new(FaultKind::Config, "only what is kept in the store has generations").hint(
            "leave --regenerate out: records that go elsewhere are written again where settings change",
        ));
    }
    let store = match Store::open(&config.store.url, OpenMode::Read) {
        Ok(store) => store,
        // An older store is migrated; a missing one is not made.
        Err(_) if older(&config.store.url) => return Store::open(&config.store.url, OpenMode::Write),
        Err(fault) => return Err(fault),
    };
    drop(store);
    Store::open(&config.store.url, OpenMode::Write)
}

/// Whether a store is there.
fn older(url: &str) -> bool {
    std::path::Path::new(url.strip_prefix("sqlite:").unwrap_or(url)).exists()
}

/// The table that was fitted to the store and makes its vectors in the place of `builtin`, unless another embedder is
/// asked for now.
fn fitted(resolved: &Resolved, (store, plans): (&Store, &[Plan])) -> Result<Option<Local>, Fault> {
    let builtin = |plan: &Plan| plan.new.embed().is_none_or(|embed| embed.model == ModelRef::Builtin);
    if set(&resolved.origins, "stage.embed.model") || !plans.iter().all(builtin) {
        return Ok(None);
    }
    match tables::in_use(store)? {
        Some(name) => Ok(Some(Local::fitted(tables::kept(store, &name)?))),
        None => Ok(None),
    }
}

/// What is to become of every source that the store remembers, and of the given one.
fn plans(resolved: &Resolved, settings: Vec<Settings>) -> Vec<Plan> {
    let typed = &resolved.config;
    let olds = configs_that_read(settings).into_iter().filter(|config| config.sink == Sink::Store);
    let mut plans: Vec<Plan> =
        olds.map(|old| Plan { new: changed(&old, resolved), old: Some(old) }).collect();
    if !resolved.names_source() {
        return plans;
    }
    let given = remembered(typed).ok().map(|settings| settings.name);
    let name_of = |config: &Config| remembered(config).ok().map(|settings| settings.name);
    let same = plans
        .iter_mut()
        .find(|plan| plan.new.pipeline == typed.pipeline && plan.old.as_ref().and_then(name_of) == given);
    match same {
        Some(plan) => plan.new = typed.clone(),
        None => plans.push(Plan { old: None, new: typed.clone() }),
    }
    plans
}

/// `old` with what was set now.
fn changed(old: &Config, resolved: &Resolved) -> Config {
    let (typed, origins) = (&resolved.config, &resolved.origins);
    let mut new = old.clone();
    for stage in &mut new.stages {
        match stage {
            Stage::Parse(parse) => {
                if let Some(typed) = typed.parse().filter(|_| set(origins, "stage.parse.boilerplate")) {
                    parse.boilerplate = typed.boilerplate;
                }
            }
            Stage::Chunk(chunk) => {
                let Some(typed) = typed.chunk() else { continue };
                for (key, to, from) in [
                    ("max_tokens", &mut chunk.max_tokens, typed.max_tokens),
                    ("overlap_tokens", &mut chunk.overlap_tokens, typed.overlap_tokens),
                    ("min_tokens", &mut chunk.min_tokens, typed.min_tokens),
                ] {
                    if set(origins, &format!("stage.chunk.{key}")) {
                        *to = from;
                    }
                }
            }
            _ => {}
        }
    }
    let embed = typed.stages.iter().find(|stage| matches!(stage, Stage::Embed(_)));
    if let Some(embed) = embed.filter(|_| set(origins, "stage.embed.model")) {
        match new.stages.iter_mut().find(|stage| matches!(stage, Stage::Embed(_))) {
            Some(stage) => *stage = embed.clone(),
            None => new.stages.push(embed.clone()),
        }
    }
    new.providers.extend(typed.providers.clone());
    new.limits = typed.limits.clone();
    new.store = typed.store.clone();
    new.sweep = typed.sweep.clone();
    new
}

fn set(origins: &Origins, key: &str) -> bool {
    *origins.of(key) != Origin::Default
}

/// The one embedder of all sources; an empty name without vectors.
fn common(plans: &[Plan], services: &Services) -> Result<(String, usize), Fault> {
    let mut found: Option<(String, usize)> = None;
    for plan in plans {
        let Some(next) = identity_of(&plan.new, services)? else { continue };
        if let Some((other, _)) = found.as_ref().filter(|(other, _)| *other != next.0) {
            let message = format!("the sources of the store would have vectors of {other} and of {}", next.0);
            return Err(
                Fault::new(FaultKind::Config, message).hint("say which embedder they all get, with --embed")
            );
        }
        found = Some(next);
    }
    Ok(found.unwrap_or_default())
}

/// What decides whether a later run goes on with the same generation.
fn spelled(way: Way, plans: &[Plan]) -> String {
    let mut stages: Vec<String> = plans.iter().map(|plan| json!(plan.new.stages).to_string()).collect();
    stages.sort();
    stages.dedup();
    json!({ "way": if way == Way::Takeover { "takeover" } else { "reading" }, "stages": stages }).to_string()
}
