//! A source that pauses, fails, and changes under its reader.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::{
    Body, ContentHash, Coverage, Cx, Fault, FaultKind, Fetch, Fetched, Fields, Listing, Position, Source,
    SourceItem,
};

use super::expect::tag;
use super::gauge::Sim;
use super::plan::Target;
use super::world::Thing;

/// Lists the world page by page.
pub(crate) struct SimSource {
    pub(crate) sim: Arc<Sim>,
    /// The listing as it was when the run began.
    things: Vec<Thing>,
    next: usize,
    covered: bool,
}

impl SimSource {
    /// A source over the world as it is now; a stream resumes after its durable position.
    pub(crate) fn new(sim: Arc<Sim>) -> Self {
        let (things, next) = {
            let lasting = sim.lasting();
            let next = lasting.durable.position.map_or(0, |position| position as usize + 1);
            (lasting.world.things.clone(), if sim.plan.stream { next } else { 0 })
        };
        Self { sim, things, next, covered: false }
    }

    fn page(&mut self, max: usize) -> Vec<SourceItem> {
        let size = (self.sim.lasting().rng.between(1, 9) as usize).min(max);
        let until = (self.next + size).min(self.things.len());
        let page = (self.next..until).map(|index| self.item(index)).collect();
        self.next = until;
        page
    }

    fn item(&self, index: usize) -> SourceItem {
        let thing = &self.things[index];
        let text = thing.text();
        let mut item = SourceItem::new(thing.key.clone(), thing.version(), text.len() as u64);
        item.position = self.sim.plan.stream.then(|| Position(index.to_string()));
        let bad =
            thing.lines.iter().map(|line| tag(line)).find(|tag| *tag == 'l' || (*tag == 'f' && thing.inline));
        if let Some(bad) = bad {
            self.sim.tally("listed with a fault");
            let kind = if bad == 'l' { FaultKind::NotAFile } else { FaultKind::Unreadable };
            item.fault = Some(Fault::new(kind, "sim: cannot be read"));
            item.content = Some(thing.hash());
        } else if thing.inline {
            item.content = Some(thing.hash());
            item.body = Some(Body::Text(text.into()));
        }
        item
    }

    fn coverage(&self) -> Option<Coverage> {
        (!self.sim.plan.stream).then(|| Coverage { covered: vec![String::new()], unknown: Vec::new() })
    }
}

#[async_trait]
impl Source for SimSource {
    async fn list(&mut self, _cx: &Cx, max: usize) -> Result<Listing, Fault> {
        self.sim.nap().await;
        let outage = self.sim.outage(Target::List, "list outage");
        self.sim.answered("source", outage.is_none());
        if let Some(fault) = outage {
            return Err(fault);
        }
        if self.next < self.things.len() {
            if self.sim.chance(100) {
                self.sim.tally("quiet pause");
                return Ok(Listing::Quiet);
            }
            return Ok(Listing::Items(self.page(max)));
        }
        if !self.sim.endless {
            return Ok(Listing::End(self.coverage()));
        }
        if !std::mem::replace(&mut self.covered, true)
            && let Some(coverage) = self.coverage()
        {
            return Ok(Listing::Covered(coverage));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Listing::Quiet)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(SimFetch { sim: self.sim.clone(), changed: Mutex::default() })
    }
}

/// Reads items.
struct SimFetch {
    sim: Arc<Sim>,
    /// Items found changing once.
    changed: Mutex<BTreeSet<String>>,
}

impl SimFetch {
    fn changing(&self, key: &str) -> Option<Fault> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let twice = changed.contains(key);
        if !self.sim.chance(self.sim.faults.changing) {
            changed.remove(key);
            return None;
        }
        if twice {
            self.sim.lasting().durable.run.given_up.insert(key.to_owned());
        }
        self.sim.tally(if twice { "changing twice" } else { "changing once" });
        changed.insert(key.to_owned());
        Some(Fault::new(FaultKind::Changing, "sim: it moved"))
    }

    /// What happens to the item between listing and reading.
    fn disturb(&self, index: usize) -> bool {
        let plan = self.sim.plan.clone();
        if plan.append_only || !self.sim.chance(self.sim.faults.moving) {
            return false;
        }
        let gone = self.sim.chance(500);
        let mut guard = self.sim.lasting();
        let lasting = &mut *guard;
        if gone {
            lasting.world.things.remove(index);
            lasting.tally.add("gone");
        } else {
            lasting.world.edit(index, &mut lasting.rng, &plan);
            lasting.tally.add("edited while read");
        }
        gone
    }
}

#[async_trait]
impl Fetch for SimFetch {
    async fn fetch(&self, _cx: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        let _call = self.sim.begin(&self.sim.fetching, ("fetch", self.sim.plan.options.fetches));
        self.sim.nap().await;
        let outage = self.sim.outage(Target::Fetch, "fetch outage");
        self.sim.answered("fetch", outage.is_none());
        if let Some(fault) = outage {
            return Err(fault);
        }
        if let Some(fault) = self.changing(&item.key) {
            return Err(fault);
        }
        let find = || self.sim.lasting().world.things.iter().position(|thing| *thing.key == *item.key);
        let Some(index) = find() else { return Ok(Fetched::Gone) };
        if self.disturb(index) {
            return Ok(Fetched::Gone);
        }
        let thing = self.sim.lasting().world.things[index].clone();
        // A reader that cannot read still knows which version it could not read.
        if thing.lines.iter().any(|line| matches!(tag(line), 'f' | 'l')) {
            self.sim.tally("fetch refused");
            return Err(Fault::new(
                if thing.lines.iter().any(|line| tag(line) == 'l') {
                    FaultKind::NotAFile
                } else {
                    FaultKind::Unreadable
                },
                "sim: cannot be read",
            ));
        }
        let text = thing.text();
        let hash = ContentHash::of(text.as_bytes());
        let version = (thing.version() != item.version).then(|| thing.version());
        Ok(Fetched::Content { body: Body::Text(text.into()), hash, version, fields: Fields::new() })
    }
}
