//! Records through the steps of a job without asking anybody: an answer that is in the journal is taken from there,
//! another stands in for one that is not.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use tidegate_core::{Advice, ContentHash, Fault, Kept, Replies, advise};
use tidegate_model::{Chat, Completion};
use tidegate_sandbox::Program;
use tidegate_store::Store;

use super::learned::Learned;
use super::rows::Row;
use super::{Faults, Faulty};
use crate::config::{Config, Map};
use crate::map::{Asks, ExecStage, Nothing, SelectStage, SetStage};
use crate::services::Services;

/// Faults that are named; others are counted.
const NAMED: usize = 5;
/// Questions that are remembered, to see those that are asked again; beyond them, a share of all.
const REMEMBERED: usize = 1 << 20;

/// A job as a plan walks through it.
pub(super) struct Walk {
    select: Option<SelectStage>,
    pub(super) parts: Vec<Part>,
    journal: Option<Store>,
    pub(super) faults: Faults,
    /// Records that a filter left out.
    pub(super) left_out: u64,
    /// Of the tokens that items take: how many items, their sum, and the sum of squares.
    pub(super) spread: (f64, f64, f64),
}

/// A step.
pub(super) enum Part {
    Ask(Box<Asking>),
    Set(Box<SetStage>),
    Exec(Box<ExecStage>),
}

/// A step that asks.
pub(super) struct Asking {
    /// Its place among all steps of the job.
    pub(super) step: usize,
    asks: Asks,
    pub(super) learned: Learned,
    pub(super) tally: Tally,
    known: Distinct,
}

/// What a step does with records.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    /// It would ask about.
    pub(super) records: u64,
    /// It lets pass.
    pub(super) passed: u64,
    /// Of those it would ask about: answered in the journal.
    pub(super) paid: u64,
    /// Calls that are to be sent: of equal questions one.
    pub(super) calls: f64,
    /// Tokens of these, as they are counted here.
    pub(super) counted: f64,
    /// Tokens that their answers may have.
    pub(super) room: f64,
}

impl Walk {
    /// What `config` says, with the answers that are in `journal`. `said` is how long answers are; programs are started
    /// by way of `launcher`.
    ///
    /// # Errors
    /// As building the stages of a run.
    pub(super) fn new(
        (config, map): (&Config, &Map),
        services: &Services,
        (journal, said): (Option<Store>, Option<u64>),
        launcher: Option<&Program>,
    ) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        for (at, step) in map.steps.iter().enumerate() {
            if let Some(exec) = &step.exec {
                parts.push(Part::Exec(Box::new(ExecStage::new(config, (map, step, exec), launcher)?)));
                continue;
            }
            let Some(ask) = &step.ask else {
                parts.push(Part::Set(Box::new(SetStage::new(map, step)?)));
                continue;
            };
            let tokenizer = services.reach(&ask.model)?.tokenizer();
            let learned = Learned::new(tokenizer, (ask.max_tokens, said), ask.schema.as_deref());
            let asks = Asks::new((step, ask), services, Arc::new(Nothing))?;
            let (tally, known) = (Tally::default(), Distinct::default());
            parts.push(Part::Ask(Box::new(Asking { step: at, asks, learned, tally, known })));
        }
        let select = SelectStage::new(config, map)?;
        Ok(Self { select, parts, journal, faults: Faults::default(), left_out: 0, spread: (0.0, 0.0, 0.0) })
    }

    /// Takes records through all steps; those of one item go together.
    ///
    /// # Errors
    /// What is no record's fault: of the journal, of the job.
    pub(super) async fn through(&mut self, mut rows: Vec<Row>) -> Result<(), Fault> {
        let Self { select, parts, journal, faults, left_out, .. } = self;
        if let Some(select) = select {
            each(&mut rows, faults, |row| {
                let takes = select.takes(&row.object)?;
                *left_out += u64::from(!takes);
                row.alive = takes;
                Ok(())
            })?;
        }
        for part in parts {
            match part {
                Part::Ask(asking) => asking.ask(&mut rows, (journal.as_ref(), faults)).await?,
                Part::Set(set) => each(&mut rows, faults, |row| {
                    *left_out += row.becomes(set.apply(&row.object)?);
                    Ok(())
                })?,
                Part::Exec(exec) => {
                    let alive = rows.iter().filter(|row| row.alive);
                    let made = join_all(alive.map(|row| exec.through(&row.object))).await;
                    let mut made = made.into_iter();
                    each(&mut rows, faults, |row| {
                        *left_out += row.becomes(made.next().transpose()?.flatten());
                        Ok(())
                    })?;
                }
            }
        }
        for rows in rows.chunk_by(|one, other| one.item == other.item) {
            let tokens: f64 = rows.iter().map(|row| row.tokens).sum();
            self.spread.0 += 1.0;
            self.spread.1 += tokens;
            self.spread.2 += tokens * tokens;
        }
        Ok(())
    }

    /// The steps that ask.
    pub(super) fn asking(&self) -> impl Iterator<Item = &Asking> {
        self.parts.iter().filter_map(|part| if let Part::Ask(asking) = part { Some(&**asking) } else { None })
    }
}

/// Does `work` with every record that is on its way. One that is at fault goes no further.
fn each(
    rows: &mut [Row],
    faults: &mut Faults,
    mut work: impl FnMut(&mut Row) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for row in rows.iter_mut().filter(|row| row.alive) {
        if let Err(fault) = work(row) {
            faults.note(row, fault)?;
        }
    }
    Ok(())
}

impl Faults {
    /// Takes note of a record's fault; the record goes no further.
    ///
    /// # Errors
    /// The fault itself, where it is not the record's.
    pub(super) fn note(&mut self, row: &mut Row, fault: Fault) -> Result<(), Fault> {
        if advise(&fault) != Advice::Quarantine {
            return Err(fault);
        }
        row.alive = false;
        if row.guessed {
            return Ok(()); // what stood in for an answer may be what is wrong
        }
        self.count += 1;
        if self.first.len() < NAMED {
            let (class, hint) = (fault.kind().name(), fault.hint_text().map(str::to_owned));
            let message = row.placed(fault).to_string();
            self.first.push(Faulty { source: row.key.to_string(), class, message, hint });
        }
        Ok(())
    }
}

impl Asking {
    async fn ask(
        &mut self,
        rows: &mut [Row],
        (journal, faults): (Option<&Store>, &mut Faults),
    ) -> Result<(), Fault> {
        let mut questions = Vec::new();
        for (at, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.alive) {
            match self.asks.question(&row.object) {
                Ok(Some(chat)) => questions.push((at, chat)),
                Ok(None) => self.tally.passed += 1,
                Err(fault) => faults.note(row, fault)?,
            }
        }
        let found = self.look_up(&questions, journal).await?;
        for ((at, chat), found) in questions.into_iter().zip(found) {
            let row = &mut rows[at];
            let answer = self.answer(&chat, found, row);
            match self.asks.put(&row.object, &answer) {
                Ok(object) => row.object = object,
                Err(fault) => faults.note(row, fault)?,
            }
        }
        Ok(())
    }

    /// What the journal has of the answers to `questions`.
    async fn look_up(
        &self,
        questions: &[(usize, Chat)],
        journal: Option<&Store>,
    ) -> Result<Vec<Option<Arc<Completion>>>, Fault> {
        let keys: Option<Vec<ContentHash>> = questions.iter().map(|(_, chat)| self.asks.key(chat)).collect();
        let (Some(journal), Some(keys)) = (journal, keys) else {
            return Ok(questions.iter().map(|_| None).collect());
        };
        let found = journal.lookup_replies(&keys).await?;
        // What this version cannot read is asked for again, by a run as well.
        let read = |found: Option<(Kept, u64)>| serde_json::from_slice(&found?.0.reply).ok().map(Arc::new);
        Ok(found.into_iter().map(read).collect())
    }

    fn answer(&mut self, chat: &Chat, found: Option<Arc<Completion>>, row: &mut Row) -> Arc<Completion> {
        let (counted, room) = self.asks.tokens(chat);
        self.tally.records += 1;
        if let Some(answer) = found {
            self.tally.paid += 1;
            self.learned.take(&answer, counted);
            return answer;
        }
        let calls = self.asks.key(chat).map_or(1.0, |key| self.known.calls(&key));
        self.tally.calls += calls;
        self.tally.counted += calls * counted as f64;
        self.tally.room += calls * room as f64;
        row.tokens += calls * counted as f64;
        row.guessed = true;
        self.learned.stand_in()
    }
}

/// Tells questions that were seen before. Of more than it can remember it looks at every second, fourth … one.
#[derive(Default)]
struct Distinct {
    seen: HashSet<u64>,
    level: u32,
}

impl Distinct {
    /// Calls that this question adds: one, unless it was asked before. One that stands for others takes those away
    /// with it.
    fn calls(&mut self, key: &ContentHash) -> f64 {
        let [a, b, c, d, e, f, g, h, ..] = key.0;
        let key = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        if key.trailing_zeros() < self.level {
            return 1.0;
        }
        if !self.seen.insert(key) {
            return 1.0 - 2_f64.powi(self.level.try_into().unwrap_or(i32::MAX));
        }
        if self.seen.len() > REMEMBERED {
            self.level += 1;
            self.seen.retain(|key| key.trailing_zeros() >= self.level);
        }
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_questions_are_one_call() {
        let mut known = Distinct::default();
        let calls: f64 =
            (0..1_000_u64).map(|n| known.calls(&ContentHash::of(&(n % 100).to_le_bytes()))).sum();
        assert_eq!(calls, 100.0);
        // More than it remembers: about as many.
        let mut known = Distinct { level: 3, ..Distinct::default() };
        let calls: f64 =
            (0..40_000_u64).map(|n| known.calls(&ContentHash::of(&(n % 20_000).to_le_bytes()))).sum();
        assert!((calls - 20_000.0).abs() < 2_000.0, "{calls}");
    }
}
