//! From a fitted table to a store that has its vectors, and back.

use serde::Serialize;
use tidegate_core::{Fault, FaultKind};
use tidegate_model::{Builtin, TokenTable};
use tidegate_store::{Generation, GenerationState, Guard, OpenMode, Store, Switch, Switched};

use super::Fitted;
use crate::config::{Config, Origins, Resolved};
use crate::embedding::Local;
use crate::regenerate::Regeneration;

/// What was undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The table whose vectors answered searches.
    pub before: String,
    /// The one whose vectors do.
    pub table: String,
    /// The generations of both, and in how many documents they differ.
    #[serde(flatten)]
    pub switched: Switched,
}

impl Fitted {
    /// Begins a generation of the store that has the stored chunks with the table's vectors, or goes on with it. Carried
    /// out and settled, it answers searches; the one before is kept. `None` where the store has these vectors already.
    ///
    /// # Errors
    /// As [`Regeneration::begin`].
    pub async fn regeneration(&self, config: &Config) -> Result<Option<Regeneration>, Fault> {
        if self.report.unchanged {
            return Ok(None);
        }
        // Where it is and how much a run may use is as it is set now; what was read and how it was cut is as it was.
        let config =
            Config { store: config.store.clone(), limits: config.limits.clone(), ..Config::default() };
        let resolved = Resolved { config, origins: Origins::default() };
        let table = Local::fitted(self.table.clone());
        Regeneration::begin_with(&resolved, Some(table)).await.map(Some)
    }
}

/// Goes back to the generation that answered searches before the last adaptation, at once.
///
/// # Errors
/// [`FaultKind::Config`], if the store was not adapted or the other generation is gone; storage faults.
///
/// # Cancel safety
/// Dropping the future leaves it either switched or not.
pub async fn undo(config: &Config) -> Result<Undone, Fault> {
    let found = Store::open(&config.store.url, OpenMode::Read)?.generations()?;
    let (from, to) = way_back(&found)?;
    let store = Store::open(&config.store.url, OpenMode::Write)?;
    let guard = Guard { allow: true, ..Guard::default() };
    match store.switch_generation(to.row.id, guard).await? {
        Switch::Done(switched) => {
            let (before, table) = (from.row.embedder.clone(), to.row.embedder.clone());
            Ok(Undone { before, table, switched })
        }
        Switch::Lacks { .. } | Switch::Behind(_) => {
            Err(Fault::new(FaultKind::Internal, "a generation that was complete is not"))
        }
    }
}

/// The active generation, and the one to go back to: of those before it the one that was active last.
fn way_back(found: &[Generation]) -> Result<(&Generation, &Generation), Fault> {
    let adapted = |generation: &&Generation| generation.row.embedder.starts_with(TokenTable::FAMILY);
    let active = found.iter().find(|generation| generation.row.state == GenerationState::Active);
    let Some(active) = active.filter(adapted) else {
        return Err(Fault::new(
            FaultKind::Config,
            "the store has no vectors of a fitted table, so nothing is undone",
        )
        .hint("`tidegate generations list` says which vectors it has"));
    };
    let before = found.iter().filter(|generation| {
        let table = generation.row.embedder.starts_with(Builtin::FAMILY) || adapted(generation);
        table && generation.row.state == GenerationState::Previous && generation.row.id < active.row.id
    });
    let last = before.max_by_key(|generation| (generation.row.switched, generation.row.id));
    let Some(last) = last else {
        return Err(Fault::new(FaultKind::Config, "the generation from before the adaptation is gone").hint(
            "`tidegate index --regenerate --embed builtin` builds it anew from the chunks in the store",
        ));
    };
    Ok((active, last))
}

#[cfg(test)]
mod tests {
    use tidegate_store::GenerationRow;

    use super::*;

    fn generation(id: i64, active: bool, embedder: &str, switched: Option<i64>) -> Generation {
        let state = if active { GenerationState::Active } else { GenerationState::Previous };
        let row =
            GenerationRow { id, state, embedder: embedder.to_owned(), dimensions: 256, started: 0, switched };
        Generation { row, documents: 0, chunks: 0, bytes: 0, differing: 0, settings: Vec::new() }
    }

    #[test]
    fn the_way_back_is_the_way_that_was_come() {
        let (one, two) = ("adapted/a", "adapted/b");
        let back = |found: &[Generation]| way_back(found).map(|(_, to)| to.row.id).ok();
        let first = |switched| generation(1, false, Builtin::IDENTITY, switched);
        assert_eq!(back(&[first(None), generation(2, true, one, Some(5))]), Some(1));
        let twice = [first(None), generation(2, false, one, Some(5)), generation(3, true, two, Some(6))];
        assert_eq!(back(&twice), Some(2));
        // Undone once and adapted anew: not to what was given up.
        let anew = [first(Some(7)), generation(2, false, one, Some(5)), generation(3, true, two, Some(8))];
        assert_eq!(back(&anew), Some(1));
        // Undone twice: not forth again.
        let again = [first(None), generation(2, true, one, Some(9)), generation(3, false, two, Some(6))];
        assert_eq!(back(&again), Some(1));
        let none = [generation(1, true, Builtin::IDENTITY, None)];
        assert!(way_back(&none).unwrap_err().to_string().contains("nothing is undone"));
        let gone = [generation(1, false, "bert/x", None), generation(2, true, one, Some(5))];
        assert!(way_back(&gone).unwrap_err().to_string().contains("is gone"));
    }
}
