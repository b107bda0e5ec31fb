//! Rows of items that become very many, until their items commit.
//!
//! They are kept in memory, because they come rarely and few at a time: an archive with thousands of documents, a
//! mailbox. One whose rows take more than that has room for is put aside, and the others go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_core::{Fault, FaultKind, Record, Unit, UnitId};

/// Bytes of the rows of one item that are kept, at most. All items together are given no bound of their own: whether one
/// is put aside must not depend on which others are on their way.
const MOST: usize = 32 << 20;

/// Rows that are kept.
#[derive(Default)]
pub(crate) struct Aside {
    units: BTreeMap<UnitId, Kept>,
}

/// The rows of a unit, as lines, and how many they are; without the lines if there was no room.
#[derive(Default)]
struct Kept {
    lines: Option<String>,
    rows: u64,
}

impl Aside {
    /// Keeps records of a unit, behind those that came before.
    pub(crate) fn keep(&mut self, unit: UnitId, records: &[Record]) {
        let kept = self.units.entry(unit).or_insert_with(|| Kept { lines: Some(String::new()), rows: 0 });
        kept.rows += records.len() as u64;
        for record in records {
            let Some(lines) = &mut kept.lines else { return };
            let object = record.body.as_text().unwrap_or("{}");
            if lines.len() + object.len() >= MOST {
                kept.lines = None;
                return;
            }
            lines.push_str(object);
            lines.push('\n');
        }
    }

    /// The rows of a unit that were kept, as lines; `None` if none were.
    ///
    /// # Errors
    /// [`FaultKind::TooLarge`], the unit's: there was no room for them. [`FaultKind::Internal`]: some are missing.
    pub(crate) fn of(&self, unit: &Unit) -> Result<Option<Arc<str>>, Fault> {
        let kept: Vec<&Kept> = unit.items.iter().filter_map(|item| self.units.get(&item.ordinal)).collect();
        if kept.iter().map(|kept| kept.rows).sum::<u64>() != unit.staged {
            return Err(Fault::new(FaultKind::Internal, "rows kept for a large item are missing"));
        }
        if kept.iter().any(|kept| kept.lines.is_none()) {
            let what = format!("an item that becomes {} rows, more than {MOST} bytes of them", unit.staged);
            return Err(Fault::new(FaultKind::TooLarge, what)
                .hint("take it apart into several files, or write JSON Lines instead"));
        }
        let lines: String = kept.iter().filter_map(|kept| kept.lines.as_deref()).collect();
        Ok(Some(lines).filter(|lines| !lines.is_empty()).map(Arc::from))
    }

    /// Forgets the rows of units that are settled.
    pub(crate) fn settled(&mut self, units: &[Unit]) {
        for item in units.iter().flat_map(|unit| &unit.items) {
            self.units.remove(&item.ordinal);
        }
    }
}
