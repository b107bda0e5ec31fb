//! What survives a crash, and the rules that every commit into it is held to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_core::{Commit, ContentHash, ItemOutcome, Outcome, Record, Unit, Version};

use super::expect::{Expect, after_window, expect};
use super::plan::Plan;
use super::stages::vector_of;
use super::world::World;

/// What the ledger has on an item.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) hash: Option<ContentHash>,
    /// Where and for what class of fault it was put aside; `None` when stored.
    pub(crate) aside: Option<(String, String)>,
    /// Put aside for a fault of another member of its window.
    pub(crate) mate: bool,
}

/// What one run did so far. It goes with the process; only the checker looks at it.
#[derive(Debug, Default)]
pub(crate) struct Doings {
    pub(crate) stored: u64,
    pub(crate) unchanged: u64,
    pub(crate) quarantined: u64,
    pub(crate) deleted: u64,
    /// Of these, items that were listed and then found gone.
    pub(crate) deleted_when_read: u64,
    pub(crate) skipped_unchanged: u64,
    pub(crate) skipped_quarantined: u64,
    pub(crate) listed: u64,
    /// Payments that were dropped before their answer came.
    pub(crate) interrupted: u64,
    /// Keys listed, and those of them there was work for.
    pub(crate) seen: BTreeSet<String>,
    pub(crate) went: BTreeSet<String>,
    /// Keys that may stay pending: they changed under the reader twice.
    pub(crate) given_up: BTreeSet<String>,
    /// Ordinals applied, and whether the engine was told so.
    pub(crate) applied: BTreeMap<u64, bool>,
    pub(crate) last: Option<u64>,
    /// The longest time for which a lane answered nothing but outages, and one that was waited for too long.
    pub(crate) longest_down: Duration,
    pub(crate) overheld: Option<&'static str>,
}

/// One line of the ordered output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) key: String,
    pub(crate) texts: Vec<String>,
}

/// Everything durable.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    pub(crate) rows: BTreeMap<String, Row>,
    pub(crate) docs: BTreeMap<String, Vec<String>>,
    pub(crate) journal: BTreeSet<String>,
    pub(crate) payments: BTreeMap<String, u64>,
    pub(crate) interrupted: BTreeMap<String, u64>,
    pub(crate) position: Option<u64>,
    /// The ordered output as far as written, and how much of it is committed.
    pub(crate) file: Vec<Line>,
    pub(crate) committed: usize,
    /// Parts of units, by unit: place, key, text.
    pub(crate) staged: BTreeMap<u64, BTreeSet<(u32, String, String)>>,
    pub(crate) run: Doings,
}

impl Durable {
    /// What a process does first: it sweeps what an earlier one left behind.
    pub(crate) fn recover(&mut self) {
        self.staged.clear();
        self.file.truncate(self.committed);
        self.run = Doings::default();
    }

    /// Takes part of a unit.
    pub(crate) fn stage(&mut self, unit: u64, (records, plan): (&[Record], &Plan)) -> Result<(), String> {
        for record in records {
            check_vector(record, plan)?;
            let place = record.place.as_ref().map_or(0, |place| place.ordinal);
            let text = record.body.as_text().unwrap_or_default().to_owned();
            self.staged.entry(unit).or_default().insert((place, record.key.to_string(), text));
        }
        Ok(())
    }

    /// Makes a commit durable. The engine has not been told yet.
    pub(crate) fn apply(&mut self, commit: &Commit, (world, plan): (&World, &Plan)) -> Result<(), String> {
        for unit in &commit.units {
            self.apply_unit(unit, (world, plan))?;
        }
        if let Some(position) = &commit.position {
            let index: u64 = position.0.parse().map_err(|_| format!("position {position:?}"))?;
            self.check_position(index, world)?;
            self.position = Some(index);
        }
        Ok(())
    }

    /// Notes that the engine was told that the commit is durable.
    pub(crate) fn acknowledge(&mut self, commit: &Commit) {
        for item in commit.units.iter().flat_map(|unit| &unit.items) {
            self.run.applied.insert(item.ordinal, true);
        }
    }

    fn apply_unit(&mut self, unit: &Unit, (world, plan): (&World, &Plan)) -> Result<(), String> {
        let Some(first) = unit.items.first() else { return Err("a unit without items".into()) };
        match self.run.applied.get(&first.ordinal) {
            Some(true) => return Err(format!("{} was committed again after it succeeded", first.item.key)),
            Some(false) => return Ok(()), // its result was unknown to the engine
            None => {}
        }
        if plan.ordered && self.run.last.is_some_and(|last| last >= first.ordinal) {
            return Err(format!("{} reached the ordered sink out of order", first.item.key));
        }
        self.run.last = Some(first.ordinal);
        let texts = self.texts_of(unit, plan)?;
        for item in &unit.items {
            if self.run.applied.insert(item.ordinal, false).is_some() {
                return Err(format!("{} is in two units", item.item.key));
            }
            self.apply_item(item, (unit, &texts), (world, plan))?;
        }
        Ok(())
    }

    /// Key and text of every chunk of a unit, staged ones included.
    fn texts_of(&mut self, unit: &Unit, plan: &Plan) -> Result<Vec<(String, String)>, String> {
        let mut texts = BTreeSet::new();
        for item in &unit.items {
            texts.append(&mut self.staged.remove(&item.ordinal).unwrap_or_default());
        }
        if texts.len() as u64 != unit.staged {
            return Err(format!("{} staged records, but the unit says {}", texts.len(), unit.staged));
        }
        let mut texts: Vec<_> = texts.into_iter().collect();
        for record in &unit.records {
            check_vector(record, plan)?;
            let place = record.place.as_ref().map_or(0, |place| place.ordinal);
            texts.push((place, record.key.to_string(), record.body.as_text().unwrap_or_default().to_owned()));
        }
        if plan.window.is_none() {
            texts.sort_by_key(|(place, ..)| *place); // staged parts come in order of arrival
        }
        if plan.window.is_none() {
            return Ok(texts.into_iter().map(|(_, key, text)| (key, text)).collect());
        }
        let members = texts.iter().flat_map(|(.., text)| text.split('\n'));
        let split =
            |member: &str| member.rsplit_once('|').map(|(text, key)| (key.to_owned(), text.to_owned()));
        Ok(members.filter_map(split).collect())
    }

    fn apply_item(
        &mut self,
        item: &ItemOutcome,
        (unit, texts): (&Unit, &[(String, String)]),
        (world, plan): (&World, &Plan),
    ) -> Result<(), String> {
        let key = item.item.key.to_string();
        let row = Row { version: item.item.version.clone(), hash: item.content, aside: None, mate: false };
        match item.outcome {
            Outcome::Stored => {
                let texts = stored(item, (unit, texts), (world, plan))?;
                self.run.stored += 1;
                if plan.ordered && !texts.is_empty() {
                    self.file.push(Line { key: key.clone(), texts: texts.clone() });
                    self.committed = self.file.len();
                }
                self.docs.insert(key.clone(), texts);
                self.rows.insert(key, row);
            }
            Outcome::Unchanged => {
                self.run.unchanged += 1;
                match self.rows.get(&key) {
                    Some(old) if old.aside.is_none() && old.hash == item.content => {}
                    old => return Err(format!("{key} is said to be unchanged, but was {old:?}")),
                }
                self.rows.insert(key, row);
            }
            Outcome::Quarantined if item.failure.is_none() => {
                let old = self.rows.get(&key).filter(|old| old.hash == item.content);
                let Some(aside) = old.and_then(|old| old.aside.clone()) else {
                    return Err(format!(
                        "{key} is said to be put aside still, but was {:?}",
                        self.rows.get(&key)
                    ));
                };
                self.run.quarantined += 1;
                self.rows.insert(key, Row { aside: Some(aside), ..row });
            }
            Outcome::Quarantined => {
                let (aside, mate) = put_aside(item, unit, (world, plan))?;
                self.run.quarantined += 1;
                self.rows.insert(key, Row { aside: Some(aside), mate, ..row });
            }
            Outcome::Deleted => {
                if world.things.iter().any(|thing| thing.key == key) {
                    return Err(format!("{key} was removed, but is still there"));
                }
                self.run.deleted += 1;
                self.run.deleted_when_read += 1;
                self.rows.remove(&key);
                self.docs.remove(&key);
            }
            Outcome::Pending => return Err(format!("{key} was committed as pending")),
        }
        Ok(())
    }

    /// Everything up to a stored position must have its outcome.
    fn check_position(&self, index: u64, world: &World) -> Result<(), String> {
        if self.position.is_some_and(|old| old > index) {
            return Err(format!("the position went back to {index}"));
        }
        let open =
            world.things.iter().take(index as usize + 1).find(|thing| !self.rows.contains_key(&thing.key));
        match open {
            Some(thing) => Err(format!("position {index} passes {}, which has no outcome", thing.key)),
            None => Ok(()),
        }
    }
}

fn check_vector(record: &Record, plan: &Plan) -> Result<(), String> {
    let Some(text) = record.body.as_text().filter(|_| plan.embed.is_some()) else { return Ok(()) };
    let right = record.embedded.as_ref().is_some_and(|embedded| *embedded.vector == [vector_of(text)]);
    if right { Ok(()) } else { Err(format!("a chunk of {} came without its vector", record.key)) }
}

fn expected(item: &ItemOutcome, (world, plan): (&World, &Plan)) -> Option<Expect> {
    let lines = world.contents.get(item.content.as_ref()?)?;
    Some(expect(lines, plan))
}

/// The beginning of each text, for messages.
pub(crate) fn brief(texts: &[String]) -> String {
    let heads: Vec<&str> = texts.iter().map(|text| text.split(':').next().unwrap_or(text)).collect();
    heads.join(" ")
}

/// Checks that an item is stored whole, and nothing else with it.
fn stored(
    item: &ItemOutcome,
    (unit, texts): (&Unit, &[(String, String)]),
    (world, plan): (&World, &Plan),
) -> Result<Vec<String>, String> {
    let key = &*item.item.key;
    if let Some((stray, _)) =
        texts.iter().find(|(key, _)| !unit.items.iter().any(|item| *item.item.key == **key))
    {
        return Err(format!("a chunk of {stray} was stored with {key}"));
    }
    let own: Vec<String> = texts.iter().filter(|(of, _)| of == key).map(|(_, text)| text.clone()).collect();
    match expected(item, (world, plan)) {
        Some(Expect::Stored(right)) if right == own => Ok(own),
        Some(Expect::Stored(right)) => {
            Err(format!("{key} was stored as [{}]; expected [{}]", brief(&own), brief(&right)))
        }
        other => Err(format!("{key} was stored as [{}]; expected {other:?}", brief(&own))),
    }
}

/// Checks that an item was put aside for the right reason.
fn put_aside(
    item: &ItemOutcome,
    unit: &Unit,
    (world, plan): (&World, &Plan),
) -> Result<((String, String), bool), String> {
    let key = &item.item.key;
    let Some(failure) = &item.failure else { return Err(format!("{key} was put aside without a reason")) };
    if !unit.records.is_empty() {
        return Err(format!("{key} was put aside together with records"));
    }
    let (stage, class) = (failure.stage.to_string(), failure.fault.kind().name().to_owned());
    let aside = (stage.clone(), class.clone());
    let matches = |item: &ItemOutcome| match expected(item, (world, plan)) {
        Some(Expect::Aside(right, kind)) => right == stage && kind == class,
        Some(Expect::Stored(_)) => false,
        None => stage == "fetch" && matches!(&*class, "unreadable" | "not_a_file"),
    };
    let own = matches(item);
    if own && (unit.items.len() == 1 || after_window(&stage)) {
        return Ok((aside, false));
    }
    if !own && plan.window.is_some() && after_window(&stage) && unit.items.iter().any(matches) {
        return Ok((aside, true));
    }
    let expected = match expected(item, (world, plan)) {
        Some(Expect::Stored(_)) => "that it is stored".to_owned(),
        other => format!("{other:?}"),
    };
    let with = unit.items.len() - 1;
    Err(format!("{key} was put aside with {with} others in {stage} as {class}; expected {expected}"))
}
